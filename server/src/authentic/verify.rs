//! Asking and judging. The mathematics and grammars of DKIM, ARC and DMARC are `mail-auth`'s; what is stricter here says so.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use mail::Timestamp;
use mail::authentication::{Authentication, DmarcPolicy, SignatureVerdict, Verdict};
use mail_auth::common::crypto::Algorithm;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, Error, MessageAuthenticator,
    SpfOutput, SpfResult,
};
use tokio::time::{Instant, timeout_at};

use super::arc::{self, Form};
use super::spf::{self, Lookup, Question, Spf};
use crate::config::Config;

/// DKIM signatures judged in one message; each costs a question to DNS and a verification.
const SIGNATURES_MAX: usize = 10;
/// The path and the signatures, which are asked about at the same time. A client waits ten minutes after its last byte (RFC 5321
/// §4.5.3.2.6); its patience is ours to spare. RFC 7208 §4.6.4 advises no less than this.
const PATIENCE: Duration = Duration::from_secs(20);
/// DMARC, which needs what those found.
const DMARC_PATIENCE: Duration = Duration::from_secs(10);

/// Who asks DNS about senders.
#[derive(Clone)]
pub(crate) struct Verifier {
    dns: MessageAuthenticator,
    /// Our name, for SPF's macro `r` (RFC 7208 §7.3).
    host: String,
}

/// The path that a message came by.
pub(crate) struct Path<'a> {
    pub(crate) ip: IpAddr,
    /// What looking for the name of that address came to, when somebody has looked already.
    pub(crate) iprev: Option<Verdict>,
    pub(crate) helo: &'a str,
    /// MAIL FROM; empty is the null path.
    pub(crate) from: &'a str,
    /// Now.
    pub(crate) at: Timestamp,
}

/// What a path comes to.
struct FromWhere {
    iprev: Verdict,
    helo: Spf,
    spf: Spf,
}

impl Verifier {
    /// Asks the servers of the configuration.
    ///
    /// # Errors
    /// As [`crate::dns::settings`].
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        Self::asking(config, crate::dns::settings(config)?)
    }

    /// The same; where DNS cannot be asked, whoever asks learns that at once.
    ///
    /// # Errors
    /// None that a configuration can cause.
    pub(crate) fn if_there_is_dns(config: &Config) -> anyhow::Result<Self> {
        let settings = crate::dns::settings(config).unwrap_or_else(|error| {
            tracing::warn!("no DNS: mail is taken without its sender being verified: {error}");
            (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default())
        });
        Self::asking(config, settings)
    }

    fn asking(config: &Config, settings: (ResolverConfig, ResolverOpts)) -> anyhow::Result<Self> {
        let dns = MessageAuthenticator::new(settings.0, settings.1).context("DNS cannot be asked")?;
        Ok(Self { dns, host: config.house.hostname.clone() })
    }

    /// SPF of the name in HELO (RFC 7208 §2.3).
    async fn helo(&self, path: &Path<'_>) -> Spf {
        self.spf(path, path.helo).await
    }

    /// SPF of MAIL FROM (RFC 7208 §2.4); with the null path that of HELO.
    pub(crate) async fn mail_from(&self, path: &Path<'_>) -> Spf {
        self.spf(path, if path.from.is_empty() { path.helo } else { path.from }).await
    }

    async fn spf(&self, path: &Path<'_>, sender: &str) -> Spf {
        let seconds = path.at.millis() / 1_000;
        let question = Question { ip: path.ip, helo: path.helo, sender, receiver: &self.host, seconds };
        spf::check(self.dns.resolver(), &question).await
    }

    /// The TXT records of a name, each joined; `None` when there is no answer or none to be had.
    pub(crate) async fn texts(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        let mut name = Name::from_ascii(name).ok()?;
        name.set_fqdn(true);
        let found = self.dns.resolver().ask(name, RecordType::TXT).await?;
        let texts = found.iter().filter_map(|data| match data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        });
        Some(texts.collect())
    }

    /// DKIM: each signature, the first [`SIGNATURES_MAX`] of them.
    pub(crate) async fn dkim(&self, message: &[u8]) -> Vec<SignatureVerdict> {
        match read(message) {
            Some(message) => self.dkim_of(&message, Instant::now() + PATIENCE).await,
            None => Vec::new(),
        }
    }

    /// Each signature by itself: one whose key nobody shows keeps no other waiting.
    async fn dkim_of(&self, message: &AuthenticatedMessage<'_>, until: Instant) -> Vec<SignatureVerdict> {
        // Those that cannot be read come first; nothing is asked for them.
        let mut unreadable = message.clone();
        unreadable.dkim_headers = Vec::new();
        let alone = |n: usize| {
            let mut alone = message.clone();
            alone.dkim_headers = message.dkim_headers.get(n..=n).unwrap_or_default().to_vec();
            alone.errors = Vec::new();
            alone
        };
        let mut parts = vec![unreadable];
        parts.extend((0..message.dkim_headers.len()).map(alone));
        join_all(parts.iter().map(|part| self.signatures(part, until))).await.concat()
    }

    async fn signatures(&self, part: &AuthenticatedMessage<'_>, until: Instant) -> Vec<SignatureVerdict> {
        match timeout_at(until, self.dns.verify_dkim(part)).await {
            Ok(outputs) => judged(&outputs),
            Err(_) => part.dkim_headers.iter().map(|header| too_late(&header.header)).collect(),
        }
    }

    /// The chain of ARC seals (RFC 8617 §5.2): none, pass or fail.
    pub(crate) async fn arc(&self, message: &[u8]) -> Verdict {
        match read(message) {
            Some(message) => self.arc_of(&message).await.0,
            None => Verdict::None,
        }
    }

    /// The verdict, and who put the last seal.
    async fn arc_of(&self, message: &AuthenticatedMessage<'_>) -> (Verdict, Option<String>) {
        match arc::form(message.raw_message) {
            Form::None => return (Verdict::None, None),
            Form::Broken(_) | Form::Ended => return (Verdict::Fail, None),
            Form::Whole(_) => {}
        }
        let sealer = message.as_headers.last().map(|seal| seal.header.d.clone());
        match self.dns.verify_arc(message).await.result() {
            DkimResult::Pass => (Verdict::Pass, sealer),
            // A chain is not called broken because nobody could be asked for a key.
            DkimResult::TempError(_) => (Verdict::TempError, None),
            _ => (Verdict::Fail, None),
        }
    }

    /// DMARC for a domain of From, from what is already known.
    pub(crate) async fn dmarc(
        &self,
        from: &str,
        spf: &Spf,
        dkim: &[SignatureVerdict],
    ) -> (Verdict, Option<DmarcPolicy>) {
        let message = AuthenticatedMessage { from: vec![format!("x@{from}")], ..Default::default() };
        self.dmarc_of(&message, spf, dkim).await
    }

    /// What our rules do not let pass does not help here either.
    async fn dmarc_of(
        &self,
        message: &AuthenticatedMessage<'_>,
        spf: &Spf,
        dkim: &[SignatureVerdict],
    ) -> (Verdict, Option<DmarcPolicy>) {
        let signature = |one: &SignatureVerdict| mail_auth::dkim::Signature {
            d: one.domain.to_ascii_lowercase(),
            ..Default::default()
        };
        let signatures: Vec<_> = dkim.iter().map(signature).collect();
        let output = |(one, signature): (&SignatureVerdict, _)| {
            let output = match one.verdict {
                Verdict::Pass => DkimOutput::pass(),
                Verdict::TempError => {
                    DkimOutput::temp_err(Error::Dns(mail_auth::DnsError::Resolver(String::new())))
                }
                _ => DkimOutput::fail(Error::NotAligned),
            };
            DkimOutput::with_signature(output, signature)
        };
        let outputs: Vec<DkimOutput<'_>> = dkim.iter().zip(&signatures).map(output).collect();
        let spf = SpfOutput::new(spf.domain.to_ascii_lowercase()).with_result(spf_result(spf.verdict));
        let question = DmarcParameters {
            message,
            dkim_output: &outputs,
            dkim2_output: None,
            rfc5321_mail_from_domain: spf.domain(),
            spf_output: &spf,
        };
        let found = self.dns.verify_dmarc(question).await;
        (dmarc_verdict(&found), found.dmarc_record().map(|_| policy_of(&found)))
    }

    /// Everything about one message, as far as it is known in time; the rest is `temperror`. The second is the sealer of a good ARC chain.
    pub(crate) async fn everything(
        &self,
        path: Option<&Path<'_>>,
        message: &[u8],
    ) -> (Authentication, Option<String>) {
        let until = Instant::now() + PATIENCE;
        let message = read(message);
        let signatures = async {
            let Some(message) = &message else { return Default::default() };
            let arc = async { timeout_at(until, self.arc_of(message)).await.ok() };
            tokio::join!(self.dkim_of(message, until), arc)
        };
        let (from_where, (dkim, arc)) = tokio::join!(self.came_by(path, until), signatures);
        let (arc, sealer) = arc.unwrap_or((Verdict::TempError, None));
        let FromWhere { iprev, helo, spf } = from_where;
        let mut auth = Authentication {
            iprev,
            helo: helo.verdict,
            spf: spf.verdict,
            spf_domain: spf.domain.clone(),
            dkim,
            arc,
            ..Authentication::default()
        };
        let Some(message) = message else { return (auth, None) };
        let dmarc = self.dmarc_of(&message, &spf, &auth.dkim);
        let (dmarc, policy) =
            timeout_at(Instant::now() + DMARC_PATIENCE, dmarc).await.unwrap_or((Verdict::TempError, None));
        (auth.dmarc, auth.dmarc_policy) = (dmarc, policy.unwrap_or_default());
        auth.from_domain = proven(&message, &auth);
        (auth, sealer)
    }

    async fn came_by(&self, path: Option<&Path<'_>>, until: Instant) -> FromWhere {
        let Some(path) = path else {
            return FromWhere { iprev: Verdict::None, helo: Spf::default(), spf: Spf::default() };
        };
        let in_time = |sender: &str| {
            let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
            let late = Spf { domain: domain.to_owned(), verdict: Verdict::TempError, explanation: None };
            move |found: Result<Spf, _>| found.unwrap_or(late)
        };
        let mail_from = async {
            match path.from.is_empty() {
                true => None,
                false => Some(timeout_at(until, self.mail_from(path)).await),
            }
        };
        let iprev = async {
            match path.iprev {
                Some(known) => Ok(known),
                None => timeout_at(until, spf::iprev(self.dns.resolver(), path.ip)).await,
            }
        };
        let (iprev, helo, spf) = tokio::join!(iprev, timeout_at(until, self.helo(path)), mail_from,);
        let helo = in_time(path.helo)(helo);
        let spf = spf.map_or_else(|| helo.clone(), in_time(path.from));
        FromWhere { iprev: iprev.unwrap_or(Verdict::TempError), helo, spf }
    }
}

/// What is known of a signature whose key nobody showed in time.
fn too_late(signature: &mail_auth::dkim::Signature) -> SignatureVerdict {
    SignatureVerdict {
        domain: signature.d.clone(),
        selector: signature.s.clone(),
        verdict: Verdict::TempError,
    }
}

/// Reads a message; signatures beyond the bound are not looked at.
fn read(message: &[u8]) -> Option<AuthenticatedMessage<'_>> {
    let mut message = AuthenticatedMessage::parse(message)?;
    message.dkim_headers.truncate(SIGNATURES_MAX);
    message.errors.truncate(SIGNATURES_MAX);
    Some(message)
}

/// RFC 8301 §3.1: SHA-1 never passes. Keys below 1024 bits the library does not verify.
fn is_too_weak(output: &DkimOutput<'_>) -> bool {
    output.signature().is_some_and(|signature| signature.a == Algorithm::RsaSha1)
}

fn judged(outputs: &[DkimOutput<'_>]) -> Vec<SignatureVerdict> {
    let one = |output: &DkimOutput<'_>| SignatureVerdict {
        domain: output.signature().map(|signature| signature.d.clone()).unwrap_or_default(),
        selector: output.signature().map(|signature| signature.s.clone()).unwrap_or_default(),
        verdict: dkim_verdict(output),
    };
    outputs.iter().map(one).collect()
}

/// RFC 8601 §2.7.1: a signature that does not verify is `fail`; what cannot be read is `permerror`, and what does not cover the whole
/// body (`l=`) is against our rules: anything could be appended.
fn dkim_verdict(output: &DkimOutput<'_>) -> Verdict {
    use mail_auth::dkim::DkimError;
    if is_too_weak(output) {
        return Verdict::PermError;
    }
    match output.result() {
        DkimResult::Pass => Verdict::Pass,
        DkimResult::None => Verdict::None,
        DkimResult::TempError(_) => Verdict::TempError,
        DkimResult::Fail(_) => Verdict::Fail,
        DkimResult::Neutral(Error::Dkim(DkimError::SignatureLength)) => Verdict::Policy,
        DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => Verdict::Fail,
        DkimResult::Neutral(_) | DkimResult::PermError(_) => Verdict::PermError,
    }
}

fn spf_result(verdict: Verdict) -> SpfResult {
    match verdict {
        Verdict::Pass => SpfResult::Pass,
        Verdict::Fail | Verdict::Policy => SpfResult::Fail,
        Verdict::SoftFail => SpfResult::SoftFail,
        Verdict::Neutral => SpfResult::Neutral,
        Verdict::TempError => SpfResult::TempError,
        Verdict::PermError => SpfResult::PermError,
        Verdict::None => SpfResult::None,
    }
}

fn dmarc_verdict(output: &DmarcOutput) -> Verdict {
    match output.result() {
        DmarcResult::Pass => Verdict::Pass,
        DmarcResult::Fail(_) => Verdict::Fail,
        DmarcResult::TempError(_) => Verdict::TempError,
        DmarcResult::PermError(_) => Verdict::PermError,
        DmarcResult::None => Verdict::None,
    }
}

fn policy_of(output: &DmarcOutput) -> DmarcPolicy {
    match output.policy() {
        Policy::Reject => DmarcPolicy::Reject,
        Policy::Quarantine => DmarcPolicy::Quarantine,
        Policy::None | Policy::Unspecified => DmarcPolicy::None,
    }
}

/// The domain of the one author, when something proves it. Domains without DMARC prove themselves exactly, or not at all.
fn proven(message: &AuthenticatedMessage<'_>, auth: &Authentication) -> Option<mail::Domain> {
    let [from] = message.froms() else { return None };
    let (_, domain) = from.rsplit_once('@')?;
    let by_key =
        auth.dkim.iter().any(|one| one.verdict == Verdict::Pass && one.domain.eq_ignore_ascii_case(domain));
    let by_path = auth.spf == Verdict::Pass && auth.spf_domain.eq_ignore_ascii_case(domain);
    let is_proven = match auth.dmarc {
        Verdict::Pass => true,
        Verdict::None => by_key || by_path,
        _ => false,
    };
    is_proven.then(|| domain.parse().ok()).flatten()
}
