//! SPF (RFC 7208): whether an address may send for a domain. Our own, because the limits are the point of it: a record is a program
//! that a stranger has us run, and each question it makes us ask goes to somebody else's name server.

mod macros;
mod record;

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use mail::authentication::Verdict;

use macros::Part;
use record::{Mechanism, Prefixes, Record, Spec};

/// Terms that ask DNS, in one check with all that it includes (RFC 7208 §4.6.4).
const QUESTIONS_MAX: usize = 10;
/// Questions without an answer (RFC 7208 §4.6.4).
const VOID_MAX: usize = 2;
/// Hosts of one `mx`, and names of one address (RFC 7208 §4.6.4).
const HOSTS_MAX: usize = 10;
/// A name's letters (RFC 1035 §2.3.4, without the first and the last byte on the wire).
const NAME_MAX: usize = 253;
/// A label's letters.
const LABEL_MAX: usize = 63;

/// Why the check ends here.
enum Stop {
    /// DNS does not say now.
    Later,
    /// What is published is wrong, or asks for too much.
    Wrong,
}

type Checked<'a> = Pin<Box<dyn Future<Output = Result<(Verdict, Option<String>), Stop>> + Send + 'a>>;

/// Who answers questions.
pub(crate) trait Lookup: Sync {
    /// What stands at a name; empty when nothing does. `None`: it cannot be found out now.
    fn ask(&self, name: Name, kind: RecordType) -> impl Future<Output = Option<Vec<RData>>> + Send;
}

impl Lookup for TokioResolver {
    async fn ask(&self, name: Name, kind: RecordType) -> Option<Vec<RData>> {
        match self.lookup(name, kind).await {
            Ok(found) => {
                let ours = found.answers().iter().filter(|record| record.record_type() == kind);
                Some(ours.map(|record| record.data.clone()).collect())
            }
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Some(Vec::new()),
            Err(_) => None,
        }
    }
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) ip: IpAddr,
    /// What the client calls itself.
    pub(crate) helo: &'a str,
    /// LOCAL@DOMAIN, DOMAIN or @DOMAIN: whose record it is.
    pub(crate) sender: &'a str,
    /// Our name.
    pub(crate) receiver: &'a str,
    /// Seconds since 1970.
    pub(crate) seconds: i64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spf {
    pub(crate) domain: String,
    pub(crate) verdict: Verdict,
    /// What the domain says to whom it refuses; strangers' words.
    pub(crate) explanation: Option<String>,
}

/// `check_host` (RFC 7208 §4).
pub(crate) async fn check(lookup: &impl Lookup, question: &Question<'_>) -> Spf {
    let (local, domain) = question.sender.rsplit_once('@').unwrap_or(("", question.sender));
    let ip = question.ip.to_canonical();
    let mut check = Check {
        lookup,
        question,
        ip,
        local: if local.is_empty() { "postmaster" } else { local },
        sender_domain: domain,
        questions: 0,
        voids: 0,
        names: None,
        proven: HashMap::new(),
    };
    let (verdict, explanation) = match check.host(domain.to_owned()).await {
        Ok(found) => found,
        Err(Stop::Later) => (Verdict::TempError, None),
        Err(Stop::Wrong) => (Verdict::PermError, None),
    };
    Spf { domain: domain.to_owned(), verdict, explanation }
}

/// Whether an address has a name that leads back to it (RFC 8601 §2.7.3).
pub(crate) async fn iprev(lookup: &impl Lookup, ip: IpAddr) -> Verdict {
    let ip = ip.to_canonical();
    let Some(found) = lookup.ask(Name::from(ip), RecordType::PTR).await else { return Verdict::TempError };
    let kind = if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA };
    let mut verdict = Verdict::PermError;
    for name in names_of(found) {
        match lookup.ask(name, kind).await {
            Some(ips) if ips.iter().filter_map(ip_of).any(|one| one == ip) => return Verdict::Pass,
            Some(_) => verdict = Verdict::Fail,
            None => return Verdict::TempError,
        }
    }
    verdict
}

/// The first names of an address.
fn names_of(found: Vec<RData>) -> Vec<Name> {
    let names = found.into_iter().filter_map(|data| match data {
        RData::PTR(name) => Some(name.0),
        _ => None,
    });
    names.take(HOSTS_MAX).collect()
}

struct Check<'a, L> {
    lookup: &'a L,
    question: &'a Question<'a>,
    /// An address of version 4 is one however it is written (RFC 7208 §5).
    ip: IpAddr,
    local: &'a str,
    sender_domain: &'a str,
    questions: usize,
    voids: usize,
    /// The names that the address is said to have, once it was asked.
    names: Option<Vec<Name>>,
    /// Which of them it really has.
    proven: HashMap<Name, bool>,
}

impl<L: Lookup> Check<'_, L> {
    /// One record, and those it leads to. The questions' limit bounds how deep.
    fn host(&mut self, domain: String) -> Checked<'_> {
        Box::pin(async move {
            let Some(name) = name_of(domain.as_bytes()).filter(|name| name.num_labels() > 1) else {
                return Ok((Verdict::None, None));
            };
            let texts = self.lookup.ask(name, RecordType::TXT).await.ok_or(Stop::Later)?;
            let texts: Vec<Vec<u8>> = texts.iter().filter_map(text_of).collect();
            let mut found = texts.iter().filter_map(|text| record::version_1(text));
            let record = match (found.next(), found.next()) {
                (None, _) => return Ok((Verdict::None, None)),
                (Some(terms), None) => record::read(terms).ok_or(Stop::Wrong)?,
                (Some(_), Some(_)) => return Err(Stop::Wrong),
            };
            self.evaluate(&record, domain).await
        })
    }

    async fn evaluate(&mut self, record: &Record, domain: String) -> Result<(Verdict, Option<String>), Stop> {
        for (verdict, mechanism) in &record.directives {
            if self.matches(mechanism, &domain).await? {
                let exp = record.exp.as_ref().filter(|_| *verdict == Verdict::Fail);
                let explanation = match exp {
                    Some(exp) => self.explanation(exp, &domain).await,
                    None => None,
                };
                return Ok((*verdict, explanation));
            }
        }
        let Some(redirect) = &record.redirect else { return Ok((Verdict::Neutral, None)) };
        self.count()?;
        let target = self.target(redirect, &domain).await;
        match self.host(target).await? {
            // RFC 7208 §6.1.
            (Verdict::None, _) => Err(Stop::Wrong),
            found => Ok(found),
        }
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Stop> {
        if !matches!(mechanism, Mechanism::All | Mechanism::Ip(..)) {
            self.count()?;
        }
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip(ip, bits) => Ok(record::is_within(*ip, self.ip, *bits)),
            Mechanism::Include(spec) => {
                let target = self.target(spec, domain).await;
                // RFC 7208 §5.2.
                match self.host(target).await?.0 {
                    Verdict::Pass => Ok(true),
                    Verdict::None => Err(Stop::Wrong),
                    _ => Ok(false),
                }
            }
            Mechanism::A(spec, prefixes) => {
                let Some(name) = self.name(spec.as_ref(), domain).await else { return Ok(false) };
                let ips = self.addresses(name).await?;
                Ok(self.holds(&ips, *prefixes))
            }
            Mechanism::Mx(spec, prefixes) => {
                let Some(name) = self.name(spec.as_ref(), domain).await else { return Ok(false) };
                self.mx(name, *prefixes).await
            }
            Mechanism::Ptr(spec) => {
                let Some(name) = self.name(spec.as_ref(), domain).await else { return Ok(false) };
                Ok(self.proven_below(&name, false).await.is_some())
            }
            Mechanism::Exists(spec) => {
                let Some(name) = self.name(Some(spec), domain).await else { return Ok(false) };
                Ok(!self.ask(name, RecordType::A).await?.is_empty())
            }
        }
    }

    async fn mx(&mut self, name: Name, prefixes: Prefixes) -> Result<bool, Stop> {
        let hosts = self.ask(name, RecordType::MX).await?;
        if hosts.len() > HOSTS_MAX {
            return Err(Stop::Wrong);
        }
        for host in hosts {
            let RData::MX(mx) = host else { continue };
            // A root means that the domain takes no mail (RFC 7505).
            if mx.exchange.is_root() {
                continue;
            }
            let ips = self.addresses(mx.exchange).await?;
            if self.holds(&ips, prefixes) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn holds(&self, ips: &[IpAddr], prefixes: Prefixes) -> bool {
        ips.iter().any(|ip| prefixes.hold(self.ip, *ip))
    }

    /// A term that asks.
    fn count(&mut self) -> Result<(), Stop> {
        self.questions += 1;
        if self.questions > QUESTIONS_MAX { Err(Stop::Wrong) } else { Ok(()) }
    }

    async fn ask(&mut self, name: Name, kind: RecordType) -> Result<Vec<RData>, Stop> {
        let found = self.lookup.ask(name, kind).await.ok_or(Stop::Later)?;
        self.voids += usize::from(found.is_empty());
        if self.voids > VOID_MAX { Err(Stop::Wrong) } else { Ok(found) }
    }

    /// A host's addresses of the version that counts.
    async fn addresses(&mut self, name: Name) -> Result<Vec<IpAddr>, Stop> {
        let kind = self.kind();
        Ok(self.ask(name, kind).await?.iter().filter_map(ip_of).collect())
    }

    fn kind(&self) -> RecordType {
        if self.ip.is_ipv4() { RecordType::A } else { RecordType::AAAA }
    }

    /// The address's name that is this one or lies below it; with `or_any` another one when there is none (RFC 7208 §5.5, §7.3).
    /// A fault of DNS is no name.
    async fn proven_below(&mut self, target: &Name, or_any: bool) -> Option<Name> {
        if self.names.is_none() {
            let found = self.lookup.ask(Name::from(self.ip), RecordType::PTR).await.unwrap_or_default();
            self.names = Some(names_of(found));
        }
        let names = self.names.clone().unwrap_or_default();
        let (mut below, other): (Vec<Name>, Vec<Name>) =
            names.into_iter().partition(|name| target.zone_of(name));
        // The name itself before those below it.
        below.sort_by_key(|name| name.num_labels());
        for name in below.into_iter().chain(other.into_iter().filter(|_| or_any)) {
            if self.is_proven(&name).await {
                return Some(name);
            }
        }
        None
    }

    /// Whether a name leads back to the address.
    async fn is_proven(&mut self, name: &Name) -> bool {
        if let Some(known) = self.proven.get(name) {
            return *known;
        }
        let found = self.lookup.ask(name.clone(), self.kind()).await.unwrap_or_default();
        let is_proven = found.iter().filter_map(ip_of).any(|ip| ip == self.ip);
        self.proven.insert(name.clone(), is_proven);
        is_proven
    }

    /// The name a mechanism asks about; `None` when it cannot be one: then nothing matches (RFC 7208 §4.8).
    async fn name(&mut self, spec: Option<&Spec>, domain: &str) -> Option<Name> {
        match spec {
            Some(spec) => name_of(self.target(spec, domain).await.as_bytes()),
            None => name_of(domain.as_bytes()),
        }
    }

    /// A name with its macros expanded; of one that is too long labels are left out on the left (RFC 7208 §7.3).
    async fn target(&mut self, spec: &Spec, domain: &str) -> String {
        let whole = self.expand(spec, domain).await;
        let whole = String::from_utf8_lossy(&whole).into_owned();
        let mut name = whole.trim_end_matches('.');
        while name.len() > NAME_MAX {
            let Some((_, rest)) = name.split_once('.') else { break };
            name = rest;
        }
        name.to_owned()
    }

    async fn expand(&mut self, parts: &[Part], domain: &str) -> Vec<u8> {
        let mut whole = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => whole.extend_from_slice(text),
                Part::Macro(one) => {
                    let value = self.value(one.letter, domain).await;
                    whole.extend(one.expand(value.as_bytes()));
                }
            }
        }
        whole
    }

    /// RFC 7208 §7.2.
    async fn value(&mut self, letter: u8, domain: &str) -> String {
        match letter {
            b's' => format!("{}@{}", self.local, self.sender_domain),
            b'l' => self.local.to_owned(),
            b'o' => self.sender_domain.to_owned(),
            b'd' => domain.to_owned(),
            b'i' => dotted(self.ip),
            b'v' => if self.ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            b'h' => self.question.helo.to_owned(),
            b'c' => self.ip.to_string(),
            b'r' => self.question.receiver.to_owned(),
            b't' => self.question.seconds.to_string(),
            // `p`, the only one left.
            _ => {
                let name = match name_of(domain.as_bytes()) {
                    Some(name) => self.proven_below(&name, true).await,
                    None => None,
                };
                name.map_or("unknown".to_owned(), |name| name.to_ascii().trim_end_matches('.').to_owned())
            }
        }
    }

    /// What the domain says to whom it refuses. Whatever is wrong with it, there is none then (RFC 7208 §6.2).
    async fn explanation(&mut self, exp: &Spec, domain: &str) -> Option<String> {
        let name = name_of(self.target(exp, domain).await.as_bytes())?;
        let found = self.lookup.ask(name, RecordType::TXT).await?;
        let texts: Vec<Vec<u8>> = found.iter().filter_map(text_of).collect();
        let [text] = texts.as_slice() else { return None };
        let parts = macros::read(text, true)?;
        let whole = self.expand(&parts, domain).await;
        String::from_utf8(whole).ok().filter(|text| !text.contains(|c: char| c.is_control()))
    }
}

/// A name, when it can be one (RFC 7208 §4.3).
fn name_of(text: &[u8]) -> Option<Name> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let labels = || text.split(|byte| *byte == b'.');
    let fits = text.len() <= NAME_MAX && labels().all(|label| (1..=LABEL_MAX).contains(&label.len()));
    let mut name = fits.then(|| Name::from_labels(labels()).ok())??;
    name.set_fqdn(true);
    Some(name)
}

fn text_of(data: &RData) -> Option<Vec<u8>> {
    match data {
        RData::TXT(text) => Some(text.txt_data.concat()),
        _ => None,
    }
}

fn ip_of(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(a.0.into()),
        RData::AAAA(aaaa) => Some(aaaa.0.into()),
        _ => None,
    }
}

/// The macro `i`: for version 6 each half-byte is a part (RFC 7208 §7.3), in upper case as the suite has it.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let digits = format!("{:032X}", ip.to_bits());
            let digits: Vec<String> = digits.chars().map(String::from).collect();
            digits.join(".")
        }
    }
}

#[cfg(test)]
mod tests;
