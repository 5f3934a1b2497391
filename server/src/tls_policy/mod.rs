//! What the way to each destination has to be: the operator's demand, else the destination's own (DANE, then MTA-STS), else what
//! holds for all. What is demanded and cannot be had puts mail off; it never goes in the clear instead (RULES M35).

mod dane;
mod outcomes;
pub(crate) mod publish;
pub(crate) mod report;
mod sts;
mod verify;

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use smtp::codec::table;
use smtp::mta_sts::{Mode, Policy};
use smtp::send::{Demand, Demander, Proof, TlsPolicy, Verdict};
use smtp::tls_report::{Failure, PolicyKind};
use store::{TlsLevel, TlsPolicyRow};

use crate::dns::ask::{Asker, Found};
use crate::house::House;
use outcomes::Counter;
pub(crate) use verify::{Seen, anchors_in};

/// Bytes of a policy in a report.
const POLICY_BYTES_MAX: usize = 2_048;

/// Knows what is demanded, and counts what came of it.
pub(crate) struct Policies {
    house: Arc<House>,
    asker: Arc<Asker>,
    roots: Arc<RootCertStore>,
    sts: sts::Shelf,
    counter: Counter,
    otherwise: TlsPolicy,
}

/// What is demanded of a destination before its hosts are known.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// By the operator.
    Configured(TlsPolicyRow),
    /// By the destination's own policy, unless a host has signed records.
    Sts(Policy),
    /// By nobody, unless a host has signed records.
    Nothing,
}

/// The way to a host of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// What is demanded.
    pub(crate) demand: Demand,
    /// The destination.
    domain: String,
    kind: PolicyKind,
    /// The policy in words, for the report.
    policy: String,
}

/// Why a host is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Barred {
    /// Whether it has signed records cannot be found out (RFC 7672 §2.1.1).
    Unknown,
    /// The destination's policy does not name it (RFC 8461 §4.1).
    NotNamed,
}

impl Barred {
    /// What mail for the destination gets when no host is left.
    pub(crate) fn verdict(self) -> Verdict {
        Verdict::Deferred(match self {
            Self::Unknown => table::NO_DNS.reply(),
            Self::NotNamed => table::HOSTS_NOT_NAMED.reply(),
        })
    }
}

impl Policies {
    /// Reads the anchors and gets ready to ask.
    ///
    /// # Errors
    /// The anchors cannot be read.
    pub(crate) fn new(house: Arc<House>) -> anyhow::Result<Arc<Self>> {
        let asker = Arc::new(Asker::new(&house.config));
        let roots = Arc::new(anchors(&house)?);
        let otherwise = match house.config.mail.outbound_tls.as_str() {
            "required" => TlsPolicy::Required,
            _ => TlsPolicy::Opportunistic,
        };
        let sts = sts::Shelf::new(&house, asker.clone())?;
        Ok(Arc::new(Self { house, asker, roots, sts, counter: Counter::default(), otherwise }))
    }

    /// Sets the work to be done now and then going: counts are written down, policies renewed, reports sent.
    pub(crate) fn start(self: &Arc<Self>) {
        let house = &self.house;
        house.inside.spawn(outcomes::keep(self.clone()));
        house.inside.spawn(sts::renew(self.clone()));
        house.inside.spawn(report::run(house.clone(), self.asker.clone()));
    }

    /// Whom to ask about names.
    pub(crate) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// What is demanded of a destination.
    ///
    /// # Errors
    /// The verdict when the store does not say: a demand that cannot be read is not passed over.
    pub(crate) async fn of_domain(&self, domain: &str) -> Result<Wanted, Verdict> {
        if let Some(row) = self.configured(domain).await? {
            return Ok(Wanted::Configured(row));
        }
        let policy =
            self.sts.policy(&self.house, &self.counter, domain).await.map_err(|error| put_off(&error))?;
        Ok(match policy {
            Some(policy) if policy.mode() != Mode::None => Wanted::Sts(policy),
            _ => Wanted::Nothing,
        })
    }

    /// What the operator demands of a destination, for mail that goes past what it asks for itself (RFC 8689 §4.2.2).
    ///
    /// # Errors
    /// As [`Self::of_domain`].
    pub(crate) async fn of_operator(&self, domain: &str) -> Result<Wanted, Verdict> {
        Ok(self.configured(domain).await?.map_or(Wanted::Nothing, Wanted::Configured))
    }

    async fn configured(&self, domain: &str) -> Result<Option<TlsPolicyRow>, Verdict> {
        let domain = domain.to_ascii_lowercase();
        let read =
            self.house.store.read(domain, |tx, domain| Box::pin(async move { tx.tls_policy(domain).await }));
        read.await.map_err(|error| put_off(&error))
    }

    /// The way to a fixed next hop. What is demanded of that host comes first; else what is of the destination.
    ///
    /// # Errors
    /// As [`Self::of_domain`].
    pub(crate) async fn by_route(&self, domain: &str, host: &str) -> Result<Way, Verdict> {
        let row = match self.configured(host).await? {
            Some(row) => Some(row),
            None => self.configured(domain).await?,
        };
        let demand = row.map_or_else(|| Demand::house(self.otherwise), |row| demanded(&row, host));
        Ok(Way::plain(demand, domain))
    }

    /// The way to a host that DNS names. `is_secure`: the answer that names it was validated.
    ///
    /// # Errors
    /// Mail must not go to this host now.
    pub(crate) async fn of_host(
        &self,
        wanted: &Wanted,
        (domain, host): (&str, &str),
        found: &Found,
        is_secure: bool,
    ) -> Result<Way, Barred> {
        if let Wanted::Configured(row) = wanted {
            return Ok(Way::plain(demanded(row, host), domain));
        }
        // Without signed addresses there are no signed records worth asking for (RFC 7672 §2.2).
        if is_secure && found.is_secure {
            match dane::demand(&self.asker, (domain, host), found).await {
                Ok(Some((demand, policy))) => {
                    return Ok(Way { demand, domain: domain.to_owned(), kind: PolicyKind::Tlsa, policy });
                }
                Ok(None) => {}
                Err(fault) => {
                    tracing::info!("the TLSA records of a mail host cannot be had: {fault}");
                    let way =
                        Way { kind: PolicyKind::Tlsa, ..Way::plain(Demand::house(self.otherwise), domain) };
                    self.counter.add(&way, host, Some(Failure::DnssecInvalid), self.house.now());
                    return Err(Barred::Unknown);
                }
            }
        }
        let Wanted::Sts(policy) = wanted else {
            return Ok(Way::plain(Demand::house(self.otherwise), domain));
        };
        let way =
            |demand| Way { demand, domain: domain.to_owned(), kind: PolicyKind::Sts, policy: words(policy) };
        let is_enforced = policy.mode() == Mode::Enforce;
        if policy.names(host) {
            return Ok(way(Demand::mta_sts(host, is_enforced, self.otherwise)));
        }
        let plain = way(Demand::house(self.otherwise));
        self.counter.add(&plain, host, Some(Failure::ValidationFailure), self.house.now());
        if is_enforced { Err(Barred::NotNamed) } else { Ok(Way::plain(plain.demand, domain)) }
    }

    /// The client's side of TLS on a way.
    ///
    /// # Errors
    /// The anchors that the operator gave cannot be read any more.
    pub(crate) fn client(&self, demand: &Demand) -> anyhow::Result<(Arc<ClientConfig>, Seen)> {
        verify::client(demand, &self.roots)
    }

    /// Counts what a connection came to.
    pub(crate) fn count(&self, way: &Way, host: &str, outcome: Result<(), Failure>) {
        self.counter.add(way, host, outcome.err(), self.house.now());
    }
}

impl Way {
    /// No policy of the destination's own.
    fn plain(demand: Demand, domain: &str) -> Self {
        Self { demand, domain: domain.to_owned(), kind: PolicyKind::NoPolicyFound, policy: String::new() }
    }
}

/// The machine's anchors, or the file's.
fn anchors(house: &House) -> anyhow::Result<RootCertStore> {
    use anyhow::Context;
    match house.config.peer_anchors() {
        None => Ok(verify::machine_anchors()),
        Some(path) => std::fs::read(&path)
            .map_err(anyhow::Error::from)
            .and_then(|pem| anchors_in(&pem))
            .with_context(|| format!("mail.peer_anchors: {}", path.display())),
    }
}

fn put_off(error: &store::Error) -> Verdict {
    Verdict::Deferred(smtp::serve::reply_to(error))
}

/// What the operator demands of a host.
fn demanded(row: &TlsPolicyRow, host: &str) -> Demand {
    let names = if row.names.is_empty() { vec![host.to_owned()] } else { row.names.clone() };
    let anchors = (!row.anchors.is_empty()).then(|| row.anchors.as_str().into());
    match row.level {
        TlsLevel::Verify => Demand::configured(TlsPolicy::Required, Proof::Names { names, anchors }),
        TlsLevel::Encrypt => Demand::configured(TlsPolicy::Required, Proof::Any),
        TlsLevel::May => Demand::configured(TlsPolicy::Opportunistic, Proof::Any),
    }
}

/// A policy in words, for a report.
fn words(policy: &Policy) -> String {
    let text = policy.to_string().replace('\r', "");
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= POLICY_BYTES_MAX);
    text.get(..end.unwrap_or(text.len())).unwrap_or_default().trim_end().to_owned()
}

/// Why there was no TLS, when the conversation did not even try: the peer does not offer it.
pub(crate) fn not_offered(demand: &Demand, fault: Option<&smtp::Error>) -> Option<Failure> {
    let has_tried = demand.tls() != TlsPolicy::None;
    let is_told = matches!(fault, None | Some(smtp::Error::NoTls));
    (has_tried && is_told && demand.by() != Demander::Mail).then_some(Failure::StartTlsNotSupported)
}
