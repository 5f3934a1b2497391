//! Judging with evidence: judge, fetch what the judgement lacks, judge again. Only here does a judgement meet the
//! network; `signer` and `certs` stay pure.
//!
//! Nothing fetched is trusted for where it came from: a list or answer goes further only when its signature is the
//! issuer's, and the judgement looks at it again as at everything else.

mod imports;
pub(crate) mod mirror;
mod shelf;
mod web;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use certs::algorithm::Digest;
use certs::path::Lack;
use certs::revocation::{CertId, Crl, OcspRequest, OcspResponse, OcspStatus};
use certs::trust::{Purpose, TrustStore};
use certs::{Certificate, Fingerprint, GeneralName, Limits};
use futures_util::StreamExt;
use mail::{Clock, Timestamp};
use signer::bundle::Bundle;
use signer::tst;
use signer::{Evidence, Input, Judged, Policy};
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::house::House;
use imports::Imports;
use shelf::{Find, Kept, Kind, Place, Shelf};
pub(crate) use web::{Fault, is_public};
use web::{NamedBy, Question, Web};

/// Judgements of one document. Timestamp and signer are asked about one after the other, each may lack an issuer,
/// then its revocation, and a fallback for that.
const ROUNDS_MAX: usize = 8;
/// Fetches for one document. Three authorities (signer, seal, timestamp) with two lists each need six.
const FETCHES_MAX: usize = 64;
/// Of these, fetches from addresses nobody vouches for.
const STRANGERS_MAX: usize = 8;
/// Fetches at once for one document.
const AT_ONCE: usize = 4;
/// Bytes of a file of issuer certificates.
const ISSUERS_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a timestamp answer; with its chain rarely above 8 KB.
const TIMESTAMP_BYTES_MAX: usize = 256 * 1024;
/// Revocation is asked about again after an hour, however long an answer says it is good.
const FRESH_SECONDS: i64 = 3600;
/// A source that failed is left alone for a minute while what it gave before still does.
const RETRY_SECONDS: i64 = 60;
/// Issuers' certificates do not change: a day, and a week when nobody answers.
const ISSUER_SECONDS: (i64, i64) = (24 * 3600, 7 * 24 * 3600);

/// What is to be judged.
#[derive(Clone)]
pub(crate) struct Case {
    /// The file, and what belongs to it.
    pub(crate) input: Input,
    /// What it is held against.
    pub(crate) policy: Arc<Policy>,
    /// The moment of judging.
    pub(crate) now: Timestamp,
}

impl Case {
    fn judge(&self, evidence: &Evidence) -> Judged {
        signer::judge(self.input.clone(), &self.policy, evidence, self.now)
    }
}

/// Judges a document with whatever evidence the house can get at the present moment, and bundles what a later judgement
/// needs to say the same (RULES D31); `None` when that could not be done, which is logged.
pub(crate) async fn judge(house: &House, bytes: Arc<[u8]>, policy: Arc<Policy>) -> (Judged, Option<Vec<u8>>) {
    let case = Case { input: bytes.into(), policy, now: house.now() };
    let (judged, evidence) = house.fetcher.judge_with(&case, Evidence::default()).await;
    let work = judged.clone();
    let bundled = tokio::task::spawn_blocking(move || {
        Bundle::new(&case.input, &work, &case.policy, &evidence).map(|bundle| bundle.to_bytes())
    });
    let bundle = match bundled.await {
        Ok(Ok(bundle)) => Some(bundle),
        Ok(Err(reason)) => {
            tracing::error!("no evidence bundle for a judgement: {reason}");
            None
        }
        Err(_) => None,
    };
    (judged, bundle)
}

/// How and from where evidence comes.
pub(crate) struct Settings {
    /// `exchange.evidence_from`.
    pub(crate) from: Vec<String>,
    /// For all fetches of one document together; one fetch gets half of it, so that a second source has its chance.
    pub(crate) patience: Duration,
    /// Where evidence lies that was carried in by hand.
    pub(crate) imports: Option<PathBuf>,
    /// Authorities trusted for TLS besides the system's.
    pub(crate) anchors: Vec<Certificate>,
    /// `false`: nothing is fetched.
    pub(crate) is_online: bool,
}

impl Settings {
    /// As the configuration has it.
    pub(crate) fn of(config: &Config, trust: &TrustStore) -> Self {
        let for_tls = trust.anchors().iter().filter(|anchor| anchor.serves(Purpose::Tls));
        Self {
            from: config.exchange.evidence_from.clone(),
            patience: Duration::from_secs(config.exchange.evidence_seconds),
            imports: Some(imported_to(config)),
            anchors: for_tls.map(|anchor| anchor.certificate().clone()).collect(),
            is_online: true,
        }
    }
}

/// Where evidence lies that was carried in by hand.
fn imported_to(config: &Config) -> PathBuf {
    config.house.data.join("evidence")
}

/// Fetches evidence, and keeps it for the next document.
pub(crate) struct Fetcher {
    web: Web,
    shelf: Shelf,
    imports: Option<Arc<Imports>>,
    patience: Duration,
    is_online: bool,
    clock: Arc<dyn Clock>,
    limits: Arc<Limits>,
}

/// What one document may still cost.
struct Budget {
    fetches: AtomicUsize,
    strangers: AtomicUsize,
}

impl Budget {
    fn new() -> Self {
        Self { fetches: AtomicUsize::new(FETCHES_MAX), strangers: AtomicUsize::new(STRANGERS_MAX) }
    }

    fn spend(&self, named_by: NamedBy) -> Result<(), Fault> {
        let take = |left: &AtomicUsize| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .map(drop)
                .map_err(|_| Fault::Budget)
        };
        if named_by == NamedBy::Stranger {
            take(&self.strangers)?;
        }
        take(&self.fetches)
    }
}

/// One lack on its way to be filled.
struct Errand {
    lack: Lack,
    /// In the order in which they are tried.
    places: Vec<Place>,
}

/// What an errand came to.
struct Outcome {
    find: Option<Find>,
    /// Tried with or without success: not again for this document and certificate.
    tried: Vec<(Fingerprint, Place)>,
}

impl Fetcher {
    pub(crate) fn new(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let patience = settings.patience;
        Ok(Self {
            web: Web::new(&settings.from, &settings.anchors, patience / 2)?,
            shelf: Shelf::default(),
            imports: settings.imports.map(|directory| Arc::new(Imports::new(directory))),
            patience,
            is_online: settings.is_online,
            clock,
            limits: Arc::new(Limits::default()),
        })
    }

    /// Judges, fetches, judges again. `own` is what the caller has already. Ends within the patience for fetching plus
    /// the judgements themselves; what is still missing then makes the verdict indeterminate, never valid (RULES D10).
    pub(crate) async fn judge(&self, case: &Case, own: Evidence) -> Judged {
        self.judge_with(case, own).await.0
    }

    /// [`Self::judge`], and all the evidence it was given: what a bundle is made of (RULES D31).
    pub(crate) async fn judge_with(&self, case: &Case, own: Evidence) -> (Judged, Evidence) {
        let (mut judged, mut evidence) = self.judge_once(case, own, self.imports.clone()).await;
        if !self.is_online {
            return (judged, evidence);
        }
        let deadline = Instant::now() + self.patience;
        let budget = Budget::new();
        let mut tried = HashSet::new();
        for _ in 0..ROUNDS_MAX {
            let errands = plan(judged.lacks(), &tried);
            let outcomes = self.run_all(errands, &budget, deadline).await;
            let before = count(&evidence);
            for outcome in outcomes {
                tried.extend(outcome.tried);
                outcome.find.into_iter().for_each(|find| add(&mut evidence, find));
            }
            if count(&evidence) == before {
                break;
            }
            (judged, evidence) = self.judge_once(case, evidence, None).await;
        }
        (judged, evidence)
    }

    /// What came of the errands until the deadline.
    async fn run_all(&self, errands: Vec<Errand>, budget: &Budget, deadline: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut work = futures_util::stream::iter(errands)
            .map(|errand| self.run(errand, budget))
            .buffer_unordered(AT_ONCE);
        loop {
            match timeout_at(deadline, work.next()).await {
                Ok(Some(outcome)) => outcomes.push(outcome),
                Ok(None) => return outcomes,
                Err(_) => {
                    tracing::info!("evidence for a document did not come in time");
                    return outcomes;
                }
            }
        }
    }

    /// Asks a timestamp authority that the operator named; the answer was checked to be one to this question.
    pub(crate) async fn timestamp(&self, url: &str, request: &tst::Request) -> anyhow::Result<Vec<u8>> {
        let body = request.to_der();
        let question = Question { media_type: "application/timestamp-query", body: &body };
        let answer = self.web.fetch(url, NamedBy::Operator, Some(question), TIMESTAMP_BYTES_MAX).await?;
        Ok(tst::read_response(&answer, request, &signer::Limits::default())?)
    }

    /// One judgement on a thread of its own: it computes, and computing blocks.
    async fn judge_once(
        &self,
        case: &Case,
        own: Evidence,
        imports: Option<Arc<Imports>>,
    ) -> (Judged, Evidence) {
        let (work, limits) = ((case.clone(), own.clone()), self.limits.clone());
        let apart = tokio::task::spawn_blocking(move || {
            let (case, mut evidence) = work;
            if let Some(imports) = imports {
                evidence.extend(imports.current(&limits));
            }
            (case.judge(&evidence), evidence)
        });
        match apart.await {
            Ok(done) => done,
            // The runtime is ending and takes no more work. Here it still can be done.
            Err(_) => (case.judge(&own), own),
        }
    }

    /// Goes from place to place until one fills the lack.
    async fn run(&self, errand: Errand, budget: &Budget) -> Outcome {
        let of = subject_of(&errand.lack).sha256();
        let mut tried = Vec::new();
        for place in errand.places {
            let found = self.find(&errand.lack, &place, budget).await;
            if let Err(fault) = &found {
                // Quoted: whoever made the certificate chose the text.
                tracing::info!("no evidence from {:?}: {fault}", place.url);
            }
            tried.push((of, place));
            if let Ok(find) = found {
                return Outcome { find: Some(find), tried };
            }
        }
        Outcome { find: None, tried }
    }

    /// From the shelf or from the web.
    async fn find(&self, lack: &Lack, place: &Place, budget: &Budget) -> Result<Find, Fault> {
        let mut turn = self.shelf.turn(place).await;
        let now = self.clock.now().secs();
        // Another document's find may not answer this one's question.
        let kept = turn.clone().filter(|kept| now < kept.good_until && answers(&kept.find, lack).is_ok());
        if let Some(kept) = &kept
            && now < kept.fresh_until
        {
            return Ok(kept.find.clone());
        }
        match self.fetch(lack, place, budget).await {
            Ok(find) => {
                let (fresh_until, good_until) = times(&find, lack, now, &self.limits);
                self.shelf.keep(place, &mut turn, Kept { find: find.clone(), fresh_until, good_until });
                Ok(find)
            }
            Err(fault) => match kept {
                Some(mut kept) => {
                    tracing::info!("{:?}: {fault}; what it gave before is still good", place.url);
                    kept.fresh_until = now.saturating_add(RETRY_SECONDS);
                    let find = kept.find.clone();
                    *turn = Some(kept);
                    Ok(find)
                }
                None => Err(fault),
            },
        }
    }

    async fn fetch(&self, lack: &Lack, place: &Place, budget: &Budget) -> Result<Find, Fault> {
        let named_by = match place.kind {
            // The certificate in hand may be anybody's: it is its issuer that is missing.
            Kind::Issuer => NamedBy::Stranger,
            // Lacks of revocation are named only for certificates on a path verified up to an anchor.
            Kind::Crl | Kind::Ocsp => NamedBy::Vouched,
        };
        budget.spend(named_by)?;
        let body = match (place.kind, lack) {
            (Kind::Ocsp, Lack::Revocation { of, issuer, .. }) => ocsp_request(of, issuer).to_der(),
            _ => Vec::new(),
        };
        let question = Question { media_type: "application/ocsp-request", body: &body };
        let question = Some(question).filter(|_| place.kind == Kind::Ocsp);
        let limit = match place.kind {
            Kind::Issuer => ISSUERS_BYTES_MAX,
            Kind::Crl => self.limits.crl_bytes,
            Kind::Ocsp => self.limits.ocsp_bytes,
        };
        let bytes = self.web.fetch(&place.url, named_by, question, limit).await?;
        // Large lists take a while to read and check.
        let (kind, lack, limits) = (place.kind, lack.clone(), self.limits.clone());
        let read = tokio::task::spawn_blocking(move || read(kind, &bytes, &lack, &limits)).await;
        read.map_err(|_| Fault::Late)?
    }
}

/// Where each lack may be filled, places already tried left out.
fn plan(lacks: &[Lack], tried: &HashSet<(Fingerprint, Place)>) -> Vec<Errand> {
    let mut seen = HashSet::new();
    let mut errands = Vec::new();
    for lack in lacks {
        let of = subject_of(lack).sha256();
        if !seen.insert((of, lack.code())) {
            continue;
        }
        let places: Vec<Place> =
            places(lack).into_iter().filter(|place| !tried.contains(&(of, place.clone()))).collect();
        if !places.is_empty() {
            errands.push(Errand { lack: lack.clone(), places });
        }
        if errands.len() == FETCHES_MAX {
            break;
        }
    }
    errands
}

fn subject_of(lack: &Lack) -> &Certificate {
    match lack {
        Lack::Issuer { of, .. } | Lack::Revocation { of, .. } => of,
    }
}

/// Lists first: one serves all certificates of an authority and can be mirrored in a closed network (RULES D27).
fn places(lack: &Lack) -> Vec<Place> {
    let place = |kind, url: &String, question| Place { kind, url: url.clone(), question };
    let is_web = |url: &&String| {
        url.get(..5).is_some_and(|s| s.eq_ignore_ascii_case("http:"))
            || url.get(..6).is_some_and(|s| s.eq_ignore_ascii_case("https:"))
    };
    match lack {
        Lack::Issuer { urls, .. } => {
            urls.iter().filter(is_web).map(|url| place(Kind::Issuer, url, None)).collect()
        }
        Lack::Revocation { of, issuer, crl_urls, ocsp_urls, .. } => {
            let question = Fingerprint::of(&ocsp_request(of, issuer).to_der());
            let lists = crl_urls.iter().filter(is_web).map(|url| place(Kind::Crl, url, None));
            let answers = ocsp_urls.iter().filter(is_web).map(|url| place(Kind::Ocsp, url, Some(question)));
            lists.chain(answers).collect()
        }
    }
}

/// No nonce: the answer may serve other documents too, and its times say how long (RFC 5019 §4). SHA-1 here only
/// names the certificate, and is what every responder knows.
fn ocsp_request(of: &Certificate, issuer: &Certificate) -> OcspRequest {
    OcspRequest::new(vec![CertId::new(of, issuer, Digest::Sha1)], None)
}

fn read(kind: Kind, bytes: &[u8], lack: &Lack, limits: &Limits) -> Result<Find, Fault> {
    let useless = |error: certs::Error| Fault::Useless(error.to_string());
    let find = match kind {
        Kind::Issuer => Find::Issuer(Certificate::all_from_file(bytes, limits).map_err(useless)?),
        Kind::Ocsp => Find::Ocsp(OcspResponse::from_der(bytes, limits).map_err(useless)?),
        Kind::Crl => {
            let lists = Crl::all_from_file(bytes, limits).map_err(useless)?;
            let fits = lists.into_iter().find(|crl| answers(&Find::Crl(crl.clone()), lack).is_ok());
            Find::Crl(fits.ok_or_else(|| Fault::Useless("no list of this issuer".to_owned()))?)
        }
    };
    answers(&find, lack).map(|()| find)
}

/// Whether a find is what the lack asks for, signed by whom it must be. Keeps rubbish off the shelf, where it would
/// stand in the way of the real thing; how much a find proves, the judgement decides.
fn answers(find: &Find, lack: &Lack) -> Result<(), Fault> {
    let useless = |why: &str| Err(Fault::Useless(why.to_owned()));
    match (find, lack) {
        (Find::Issuer(found), Lack::Issuer { of, .. }) => {
            let issued = |one: &Certificate| {
                one.subject() == of.issuer() && of.verify_signature(one.public_key()).is_ok()
            };
            if found.iter().any(issued) { Ok(()) } else { useless("not the issuer's certificate") }
        }
        (Find::Crl(crl), Lack::Revocation { of, issuer, .. }) => {
            let is_own =
                crl.issuer() == issuer.subject() && crl.verify_signature(issuer.public_key()).is_ok();
            // Who signs somebody else's list, only the judgement can find out.
            let named =
                |name: &GeneralName| matches!(name, GeneralName::Directory(name) if name == crl.issuer());
            let is_indirect =
                crl.is_indirect() && of.crl_points().iter().flat_map(|point| &point.crl_issuer).any(named);
            if is_own || is_indirect { Ok(()) } else { useless("not signed by the issuer") }
        }
        (Find::Ocsp(response), Lack::Revocation { of, issuer, .. }) => {
            let known = response
                .answers()
                .iter()
                .any(|answer| answer.id.names(of, issuer) && answer.status != OcspStatus::Unknown);
            if !known {
                return useless("the responder does not know the certificate");
            }
            let delegates = response.certificates().iter().filter(|one| {
                one.issuer() == issuer.subject() && one.verify_signature(issuer.public_key()).is_ok()
            });
            let mut signers = delegates.chain([issuer]).filter(|one| response.responder().names(one));
            let is_signed = signers.any(|one| response.verify_signature(one.public_key()).is_ok());
            if is_signed { Ok(()) } else { useless("not signed by the issuer or its delegate") }
        }
        _ => useless("something else"),
    }
}

/// Until when a find is fresh, and until when it does.
fn times(find: &Find, lack: &Lack, now: i64, limits: &Limits) -> (i64, i64) {
    let without = now.saturating_add(limits.no_next_update_seconds);
    let good_until = match find {
        Find::Issuer(_) => {
            return (now.saturating_add(ISSUER_SECONDS.0), now.saturating_add(ISSUER_SECONDS.1));
        }
        Find::Crl(crl) => crl.next_update().unwrap_or(without),
        Find::Ocsp(response) => match lack {
            Lack::Revocation { of, issuer, .. } => {
                let answer = response.answers().iter().find(|answer| answer.id.names(of, issuer));
                answer.and_then(|answer| answer.next_update).unwrap_or(without)
            }
            Lack::Issuer { .. } => now,
        },
    };
    (good_until.min(now.saturating_add(FRESH_SECONDS)), good_until)
}

fn count(evidence: &Evidence) -> usize {
    evidence.certificates.len() + evidence.crls.len() + evidence.ocsp.len()
}

/// Adds what is not there yet.
fn add(evidence: &mut Evidence, find: Find) {
    match find {
        Find::Issuer(found) => {
            for one in found {
                if !evidence.certificates.contains(&one) {
                    evidence.certificates.push(one);
                }
            }
        }
        Find::Crl(crl) if evidence.crls.iter().any(|known| known.sha256() == crl.sha256()) => {}
        Find::Crl(crl) => evidence.crls.push(crl),
        Find::Ocsp(response) if evidence.ocsp.iter().any(|known| known.sha256() == response.sha256()) => {}
        Find::Ocsp(response) => evidence.ocsp.push(response),
    }
}

#[cfg(test)]
mod tests;
