//! What it takes for a package to be accepted (VXP 3.8, RULES R14, R23–R36), and the one transaction that does it.
//!
//! ```text
//! bytes ─ open ─▶ Package ─ screen ─▶ Pending ─ (signer judges its files) ─ keep ─▶ Accepted
//!          │ parse, secrecy      │ sender, receivers,                         │ worth, then one transaction:
//!          │                     │ repeats, conflicts, completeness           │ document, deliveries, leaf,
//!          │                     │                                            │ status, audit, notices
//! ```
//!
//! Between `screen` and `keep` evidence may be fetched, so time passes: the transaction looks again before it writes.
//! Whatever refuses, nobody has received anything; the refusal itself is kept without content (RULES R12).

mod acts;
mod describe;
mod fault;
mod keep;
pub(crate) mod leaves;
mod named;
mod notice;
mod package_signature;
mod progress;
mod route;
mod worth;

use std::sync::Arc;
use std::time::Duration;

use mail::{AgencyCode, Chance, DocumentId, Timestamp};
use signer::Judged;
use store::{Audit, ExchangeSystem, SignerCertificate, Spool, Store, Tx};

pub use fault::SignatureFault;
pub(crate) use notice::{payload as notice_payload, words as header_words};
pub(crate) use route::speaks_for;
pub use worth::{INFORMATION, ORIGINAL};

use crate::package::trace::Trace;
use crate::package::{Along, Attachment, FileKind, Package, Room, Source, Warning};
use crate::vxp::call::{DeclaredPaper, SendParameters};
use crate::vxp::hash::full_hex;
use crate::{Error, Limits, Whose, secrecy, two_persons};
use leaves::{Leaves, Said, word};
use route::Routed;

/// Receivers that the record of a refusal names. Ours: a refused package must not fill the audit log.
const RECORDED_RECEIVERS_MAX: usize = 20;

/// Signs a text as a note with the log's key (C2SP signed-note); `None` when the key cannot sign.
pub type SignNote = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What accepting needs beside a package. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// The memory.
    pub store: Store,
    /// The sizes to keep to.
    pub limits: Limits,
    /// Random numbers for ids and salts.
    pub chance: Arc<dyn Chance>,
    /// The name of this machine, for notices.
    pub hostname: String,
    /// The log's name (C2SP tlog-checkpoint origin).
    pub log: String,
    /// The log's key at work.
    pub sign: SignNote,
    /// Whether a document without the signatures of leader and agency is refused (RULES R14); else it is accepted
    /// for information.
    pub signatures_required: bool,
    /// What becomes of documents afterwards.
    pub lifecycle: Lifecycle,
}

/// How the life of documents is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Days a cancelled copy is kept under its key, so that a mistaken recall can be reversed (RULES R43,
    /// `RECALL_SHRED_DELAY`); 0 forgets the key in the cancelling transaction.
    pub recall_shred_days: u32,
    /// Codes of agencies for which 01 is sent when their system acknowledges a document (RULES R28); `*` means all.
    pub automatic_arrival: Vec<String>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { recall_shred_days: 30, automatic_arrival: Vec::new() }
    }
}

impl Lifecycle {
    pub(crate) fn shred_millis(&self) -> i64 {
        i64::from(self.recall_shred_days).saturating_mul(86_400_000)
    }

    pub(crate) fn reports_arrival(&self, code: &AgencyCode) -> bool {
        let folded = code.folded();
        self.automatic_arrival.iter().any(|wanted| {
            wanted == "*" || wanted.parse::<AgencyCode>().is_ok_and(|wanted| wanted.folded() == folded)
        })
    }
}

/// A package that has arrived and can be read.
#[derive(Debug)]
pub struct Arrived {
    /// The bytes as they came: what is kept and handed on.
    pub bytes: Spool,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// What they say.
    pub package: Package,
    /// Through whose hands they went.
    pub trace: Trace,
    /// What the call said beside them.
    pub parameters: SendParameters,
    /// Who called.
    pub system: Arc<ExchangeSystem>,
}

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The sender's id for it.
    pub document_id: DocumentId,
    /// The receipt as it was first handed out, compact JSON.
    pub receipt: Vec<u8>,
    /// Whether it had been accepted before: then nothing was delivered now.
    pub is_repeat: bool,
    /// What its sender should know: of its receivers (RULES I6), and what was found out while it was kept.
    pub warnings: Vec<Warning>,
}

/// What screening comes to.
pub enum Screened {
    /// The same package came before.
    Repeated(Accepted),
    /// Its files are to be judged.
    Pending(Box<Pending>),
}

/// A package that only its signatures can still stop.
pub struct Pending {
    arrived: Arrived,
    routed: Routed,
    clerks: Vec<notice::Clerks>,
    signers: Vec<SignerCertificate>,
    files: Vec<Attachment>,
}

impl Pending {
    /// The files to be judged, the main document first (RULES E16), then every other PDF (RULES D33). Large ones are away
    /// ([`Attachment::content_from`]).
    pub fn files(&self) -> &[Attachment] {
        &self.files
    }

    /// The package they came in.
    pub fn bytes(&self) -> &Spool {
        &self.arrived.bytes
    }

    /// The package itself, when it carries a signature (RULES E30): judge it as XML. What comes of it is recorded and
    /// stops nothing; legal value rests on the signatures of the files.
    pub fn signed_package(&self) -> Option<&Spool> {
        self.arrived.package.is_signed().then_some(&self.arrived.bytes)
    }

    /// The certificates whose signatures count for the sending agency, and as what (RULES D25): judge with these.
    pub fn signers(&self) -> &[SignerCertificate] {
        &self.signers
    }
}

/// A file that was judged, and what a later judgement needs to say the same.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The judgement.
    pub judged: Judged,
    /// The evidence bundle (`signer::bundle`), archived with the document (RULES D31). `None` when none could be made.
    pub bundle: Option<Vec<u8>>,
}

/// Between whom a package was to travel, as it says itself: all that the record of a refusal keeps of what was read
/// (RULES R12).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    from: Option<AgencyCode>,
    to: Vec<AgencyCode>,
}

impl Parties {
    /// The sender, where it could be read.
    pub fn from(&self) -> Option<&AgencyCode> {
        self.from.as_ref()
    }

    /// The receivers, as far as they could be read.
    pub fn to(&self) -> &[AgencyCode] {
        &self.to
    }
}

/// A package that was looked at.
#[derive(Debug)]
pub struct Opened {
    /// What it says, or why it is refused: [`Error::Package`], [`Error::Secret`].
    pub package: Result<Package, Error>,
    /// Between whom; empty when that could not be read.
    pub parties: Parties,
    /// Through whose hands it went.
    pub trace: Trace,
    /// What is refused as a state secret: only [`Desk::admit`] lets it out, when two persons have released it.
    pub(crate) held: Option<Box<Package>>,
}

/// Reads a package that is in memory and looks for marks of secrecy.
pub fn open(bytes: &[u8], limits: &Limits) -> Opened {
    struct Roomy;
    impl Memory for Roomy {
        fn room(&self, _: usize) -> Result<Room, Error> {
            Ok(Box::new(()))
        }
    }
    open_from(&bytes, limits, &Roomy)
}

/// Memory for the files of packages.
pub trait Memory {
    /// A place for so many bytes, given back when it is dropped. It may wait for it.
    ///
    /// # Errors
    /// [`Error::SlowDown`] when there will be none in time.
    fn room(&self, bytes: usize) -> Result<Room, Error>;
}

/// Whoever looks for stamps in the files of a package while it is read.
struct Stamps<'m> {
    memory: &'m dyn Memory,
    limits: &'m Limits,
    found: Option<secrecy::Hit>,
}

impl Along for Stamps<'_> {
    fn room(&self, bytes: usize) -> Result<Room, Error> {
        self.memory.room(bytes)
    }

    fn file(&mut self, file: &Attachment) {
        self.found = self.found.or_else(|| secrecy::in_file(file, self.limits));
    }
}

/// Reads a package wherever it lies and looks for marks of secrecy. Takes as long as the package is large: not for an async thread.
pub fn open_from(source: &dyn Source, limits: &Limits, memory: &dyn Memory) -> Opened {
    let mut stamps = Stamps { memory, limits, found: None };
    let (package, trace) = match crate::package::open(source, limits, &mut stamps) {
        Ok(opened) => (opened.package, opened.trace),
        Err(error) => {
            let parties = Parties::default();
            return Opened { package: Err(error), parties, trace: Trace::default(), held: None };
        }
    };
    let parties = Parties {
        from: Some(package.sender().organ_id.clone()),
        to: package.receivers().into_iter().cloned().collect(),
    };
    match secrecy::in_package(&package, limits).or(stamps.found) {
        Some(hit) => {
            Opened { package: Err(Error::Secret(hit)), parties, trace, held: Some(Box::new(package)) }
        }
        None => Opened { package: Ok(package), parties, trace, held: None },
    }
}

impl Desk {
    /// Holds a package against what the store knows.
    ///
    /// # Errors
    /// [`Error::NotYourAgency`], [`Error::UnknownAgencies`], [`Error::Conflict`], [`Error::Frozen`],
    /// [`Error::Incomplete`], [`Error::PaperReason`], or the store's trouble.
    pub async fn screen(&self, arrived: Arrived, now: Timestamp) -> Result<Screened, Error> {
        if let Package::Document(document) = &arrived.package
            && acts::paper_follows(document)
            && arrived.parameters.declared.paper == DeclaredPaper::Asked(None)
        {
            return Err(Error::PaperReason);
        }
        let looked = self
            .store
            .read((&arrived, self.asked(now)), |tx, (arrived, asked)| {
                Box::pin(async move {
                    let routed = route::find(tx, arrived, *asked).await?;
                    let sender = routed.sender.agency_id;
                    let folded = &arrived.system.system_folded;
                    if let Some(before) = tx.document_sent_before(sender, folded, &arrived.sha256).await? {
                        return Ok(Err((before, routed.warnings)));
                    }
                    route::check_conflict(tx, arrived, &routed).await?;
                    let signers = tx.signers(sender, now).await?;
                    let clerks = match arrived.package {
                        Package::Document(_) => notice::clerks(tx, &routed).await?,
                        Package::Status(_) => Vec::new(),
                    };
                    Ok::<_, Error>(Ok((routed, clerks, signers)))
                })
            })
            .await?;
        let (routed, clerks, signers) = match looked {
            Err((before, warnings)) => return Ok(Screened::Repeated(repeated(before, warnings))),
            Ok(found) => found,
        };
        let complete = arrived.package.completeness();
        if complete.blocks_acceptance() {
            return Err(Error::Incomplete(complete.missing.len().saturating_add(complete.ambiguous.len())));
        }
        let files = files_to_judge(&arrived.package);
        Ok(Screened::Pending(Box::new(Pending { arrived, routed, clerks, signers, files })))
    }

    /// A question about codes at a moment.
    fn asked(&self, at: Timestamp) -> named::Asked {
        let days = u64::from(self.limits.forward_closed_days);
        named::Asked { at, forward: Duration::from_secs(days.saturating_mul(86_400)) }
    }

    /// Keeps the record of a refusal: who, when, why, and a digest; nothing of the content (RULES R12).
    pub async fn record_refusal(
        &self,
        system: &ExchangeSystem,
        sha256: &[u8; 32],
        parties: &Parties,
        error: &Error,
        now: Timestamp,
    ) {
        let to: Vec<&AgencyCode> = parties.to.iter().take(RECORDED_RECEIVERS_MAX).collect();
        let mut detail = serde_json::json!({
            "code": error.code(),
            "vi": error.vi(),
            "en": error.en(),
            "package": full_hex(sha256),
            "from": parties.from,
            "to": to,
        });
        if let Error::Secret(hit) = error {
            detail["detector"] = hit.detector.code().into();
        }
        let detector = match error {
            Error::Secret(hit) => Some(hit.detector.code()),
            _ => None,
        };
        let refused = Refused {
            system: system.clone(),
            parties: parties.clone(),
            sha256: *sha256,
            code: error.code(),
            detector,
            // What may be accepted in a minute is no act to prove.
            is_act: error.whose() == Whose::Caller && !error.is_worth_retrying(),
            detail: detail.to_string(),
            leaves: Leaves::new(&self.log, &*self.chance),
        };
        let written = self
            .store
            .write("record a refusal", refused, move |tx, refused| {
                Box::pin(async move { refused.write(tx, now).await })
            })
            .await;
        // The caller is refused all the same.
        if let Err(error) = written {
            tracing::warn!("the record of a refusal was not kept: {error}");
        }
    }
}

/// The record of a refusal.
struct Refused {
    system: ExchangeSystem,
    parties: Parties,
    sha256: [u8; 32],
    code: &'static str,
    detector: Option<&'static str>,
    is_act: bool,
    detail: String,
    leaves: Leaves,
}

impl Refused {
    async fn write(&self, tx: &mut Tx, now: Timestamp) -> Result<(), store::Error> {
        let actor = &self.system.system_folded;
        let act = Audit::DocumentRefused;
        tx.audit(self.system.agency_id, now, actor, act, "", &self.detail).await?;
        let owner = two_persons::owner(tx, &self.system, &self.parties, now).await?;
        if let Some(detector) = self.detector {
            tx.add_secrecy_refusal(owner, &self.sha256, detector, now).await?;
        }
        if self.is_act {
            let from = self.parties.from().map(ToString::to_string).unwrap_or_default();
            let to = self.parties.to.iter().take(RECORDED_RECEIVERS_MAX).map(ToString::to_string).collect();
            let said = Said { act: word::TURNED_AWAY, to, system: &self.system.system_id, status: self.code };
            self.leaves.append_digest(tx, owner, &self.sha256, said, &from, now).await?;
        }
        Ok(())
    }
}

fn repeated(before: store::Document, mut warnings: Vec<Warning>) -> Accepted {
    let marks = acts::marks_of(&before).into_iter();
    warnings.extend(marks.map(|oddity| Warning { oddity, path: String::new() }));
    Accepted { document_id: before.document_id, receipt: before.receipt, is_repeat: true, warnings }
}

/// The main document, whatever it is, and the other PDFs.
fn files_to_judge(package: &Package) -> Vec<Attachment> {
    let Package::Document(document) = package else { return Vec::new() };
    let Some(main) = document.main_attachment() else { return Vec::new() };
    let others = document.attachments.iter().filter(|file| !std::ptr::eq(*file, main));
    let others = others.filter(|file| file.kind == FileKind::Pdf);
    std::iter::once(main).chain(others).cloned().collect()
}
