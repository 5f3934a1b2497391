//! What is found to bear a mark of secrecy after it was stored (RULES R11): set aside at once, so that nobody reads it any more;
//! nothing of it is deleted, and the records officers and heads of those concerned are told. Two persons let it go when it was a false
//! alarm ([`crate::two_persons`], RULES R13).
//!
//! A door looks at the first page and answers in milliseconds. What is stored is looked at again page by page, behind deliveries, with
//! the detectors of that day.

mod notice;

use mail::{AccountId, AgencyId, BlobId, DocumentId, Timestamp};
use serde_json::json;
use store::{
    Audit, Document, NewOutbox, OutboxKind, Sealed, SetAside, SetAsideKind, TwoPersonAct, Tx, peer_of_way,
};

use self::notice::Officers;
use crate::accept::leaves::{Leaves, Said, word};
use crate::accept::{Desk, Memory};
use crate::events::{Happened, tell};
use crate::package::{self, Along, Attachment, Room, Source};
use crate::secrecy::{self, Hit};
use crate::two_persons::{Agreement, agreement};
use crate::vxp::hash::full_hex;
use crate::{Error, Limits};

/// The detector of what a person saw.
pub const BY_EYE: &str = "secrecy.person";

/// A mark that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What found it: [`crate::secrecy::Detector::code`], or [`BY_EYE`].
    pub detector: String,
    /// Who: a part of the program, or the account of a person.
    pub by: String,
}

/// Looks at every page of every file of a package that was accepted before. Takes as long as the package is large: not for an async
/// thread. `go_on` is asked before each page.
///
/// # Errors
/// [`Error::SlowDown`] and [`Error::Unavailable`]; that it cannot be read any more, as a package, says nothing.
pub fn look_again(
    source: &dyn Source,
    limits: &Limits,
    memory: &dyn Memory,
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Hit>, Error> {
    struct EveryPage<'e> {
        limits: &'e Limits,
        memory: &'e dyn Memory,
        go_on: &'e dyn Fn() -> bool,
        found: Option<Hit>,
    }
    impl Along for EveryPage<'_> {
        fn room(&self, bytes: usize) -> Result<Room, Error> {
            self.memory.room(bytes)
        }

        fn file(&mut self, file: &Attachment) {
            let look = || secrecy::in_every_page(&file.content, self.limits, self.go_on);
            self.found = self.found.or_else(look);
        }
    }
    let mut along = EveryPage { limits, memory, go_on, found: None };
    match package::open(source, limits, &mut along) {
        Ok(opened) => Ok(secrecy::in_package(&opened.package, limits).or(along.found)),
        Err(Error::Package(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notices to the officers of one agency, ready to be kept.
struct Notice {
    blob: Sealed,
    rows: Vec<NewOutbox>,
}

/// Whom a document concerns here.
struct Concerned {
    document: Document,
    receivers: Vec<AgencyId>,
    officers: Vec<Officers>,
}

impl Concerned {
    async fn find(tx: &mut Tx, agency_id: AgencyId, document_id: DocumentId) -> Result<Self, Error> {
        let document = tx.document(agency_id, document_id).await?.ok_or(Error::NoSuchDocument)?;
        let mut receivers: Vec<AgencyId> =
            tx.receivers_of(agency_id, document_id).await?.iter().map(|at| at.receiver_id).collect();
        receivers.sort_unstable();
        receivers.dedup();
        let mut officers = vec![Officers::of(tx, agency_id).await?];
        for receiver in receivers.iter().filter(|receiver| **receiver != agency_id) {
            officers.push(Officers::of(tx, *receiver).await?);
        }
        Ok(Self { document, receivers, officers })
    }

    /// Who may release it: its sender, and where that is behind another axis, its receivers here.
    fn releasers(&self) -> Vec<AgencyId> {
        match peer_of_way(&self.document.system_folded) {
            Some(_) => self.receivers.clone(),
            None => vec![self.document.agency_id],
        }
    }

    async fn tell(&self, tx: &mut Tx, happened: Happened, now: Timestamp) -> Result<(), store::Error> {
        let facts = json!({ "docId": self.document.document_id.to_string() });
        for agency in [self.document.agency_id].iter().chain(&self.receivers) {
            tell(tx, *agency, happened, self.document.document_id, &facts, now).await?;
        }
        Ok(())
    }
}

impl Desk {
    /// Sets a document aside. `false` when it was before, or when two persons have released those very bytes.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`], or the store's trouble.
    pub async fn set_document_aside(
        &self,
        agency_id: AgencyId,
        document_id: DocumentId,
        mark: &Mark,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let read = self.store.read((agency_id, document_id), |tx, (agency_id, document_id)| {
            Box::pin(async move { Concerned::find(tx, *agency_id, *document_id).await })
        });
        let concerned = read.await?;
        let subject = concerned.document.document_id.to_string();
        let mut notices = Vec::new();
        for officers in &concerned.officers {
            notices.extend(self.notice(officers, &notice::document(&subject), now).await?);
        }
        let leaves = Leaves::new(&self.log, &*self.chance);
        let input = (concerned, mark.clone(), notices, leaves);
        self.store
            .write("set a document aside", input, move |tx, (concerned, mark, notices, leaves)| {
                Box::pin(async move { set_aside(tx, concerned, mark, notices, leaves, now).await })
            })
            .await
            .map_err(Error::from)
    }

    /// Takes a mail out of a mailbox into the quarantine, from where two persons let it go. `false` when it is gone, or two persons
    /// have released those very bytes.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn set_mail_aside(
        &self,
        account_id: AccountId,
        blob_id: BlobId,
        sha256: [u8; 32],
        mark: &Mark,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let read = self.store.read(account_id, |tx, account_id| {
            Box::pin(async move {
                let Some(account) = tx.account(*account_id).await? else { return Ok(None) };
                let mut officers = Officers::of(tx, account.agency_id).await?;
                officers.add(tx, account.account_id).await?;
                Ok::<_, Error>(Some((account.agency_id, officers)))
            })
        });
        let Some((agency_id, officers)) = read.await? else { return Ok(false) };
        let notice = self.notice(&officers, &notice::mail(), now).await?;
        let found = SetAside {
            agency_id,
            subject_id: [0; 16],
            kind: SetAsideKind::Mail,
            sha256,
            detector: mark.detector.clone(),
            found_by: mark.by.clone(),
            found_at: now,
            released_at: None,
        };
        self.store
            .write("set a mail aside", (found, notice), move |tx, (found, notice)| {
                Box::pin(async move {
                    let act = TwoPersonAct::SecrecyRelease;
                    if agreement(tx, found.agency_id, act, &found.sha256).await? == Agreement::Done {
                        return Ok(false);
                    }
                    if tx.set_mail_aside(account_id, blob_id, found).await? == 0 {
                        return Ok(false);
                    }
                    tx.add_secrecy_refusal(found.agency_id, &found.sha256, &found.detector, now).await?;
                    keep(tx, notice.as_slice(), now).await?;
                    Ok::<_, store::Error>(true)
                })
            })
            .await
            .map_err(Error::from)
    }

    async fn notice(
        &self,
        officers: &Officers,
        what: &notice::What,
        now: Timestamp,
    ) -> Result<Option<Notice>, Error> {
        if officers.boxes.is_empty() {
            return Ok(None);
        }
        let message = notice::message(what, officers, &self.hostname, now);
        let blob = self.store.seal(officers.agency_id, &message, now).await?;
        let row = |(account_id, address): &(AccountId, mail::EmailAddress)| {
            Ok(NewOutbox {
                kind: OutboxKind::Local,
                owner: officers.agency_id.into(),
                lane: store::Lane::Urgent,
                destination: account_id.to_string(),
                payload: crate::accept::notice_payload(*account_id, address, now)?,
                blob_id: Some(blob.blob_id()),
                due_at: now,
            })
        };
        let rows = officers.boxes.iter().map(row).collect::<Result<Vec<_>, Error>>()?;
        Ok(Some(Notice { blob, rows }))
    }
}

async fn keep<'n>(
    tx: &mut Tx,
    notices: impl IntoIterator<Item = &'n Notice>,
    now: Timestamp,
) -> Result<(), store::Error> {
    for notice in notices {
        tx.enqueue_with(&notice.blob, &notice.rows, now).await?;
    }
    Ok(())
}

async fn set_aside(
    tx: &mut Tx,
    concerned: &Concerned,
    mark: &Mark,
    notices: &[Notice],
    leaves: &Leaves,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let document = &concerned.document;
    let (agency_id, sha256) = (document.agency_id, &document.package_sha256);
    for releaser in concerned.releasers() {
        if agreement(tx, releaser, TwoPersonAct::SecrecyRelease, sha256).await? == Agreement::Done {
            return Ok(false);
        }
    }
    let found = SetAside {
        agency_id,
        subject_id: *document.document_id.as_bytes(),
        kind: SetAsideKind::Document,
        sha256: *sha256,
        detector: mark.detector.clone(),
        found_by: mark.by.clone(),
        found_at: now,
        released_at: None,
    };
    if !tx.set_aside(&found).await? {
        return Ok(false);
    }
    for releaser in concerned.releasers() {
        tx.add_secrecy_refusal(releaser, sha256, &mark.detector, now).await?;
    }
    // RULES R12: the record holds detector and digest, and nothing of the content.
    let detail = json!({ "detector": mark.detector, "kind": "document", "package": full_hex(sha256) });
    let subject = document.document_id.to_string();
    for agency in [agency_id].iter().chain(&concerned.receivers) {
        tx.audit(*agency, now, &mark.by, Audit::SecrecyFound, &subject, &detail.to_string()).await?;
    }
    concerned.tell(tx, Happened::SetAside, now).await?;
    let said = Said { act: word::SET_ASIDE, to: Vec::new(), system: "", status: &mark.detector };
    leaves.append(tx, document, said, now).await?;
    keep(tx, notices, now).await?;
    Ok(true)
}

/// Lets go what an agency's two persons have released: those very bytes. Part of the releasing transaction.
pub(crate) async fn let_go(
    tx: &mut Tx,
    agency_id: AgencyId,
    sha256: &[u8; 32],
    actor: &str,
    now: Timestamp,
) -> Result<(), Error> {
    for aside in tx.set_aside_with(sha256).await? {
        match aside.kind {
            SetAsideKind::Mail if aside.agency_id == agency_id => tx.let_go_aside(&aside, actor, now).await?,
            SetAsideKind::Mail => {}
            SetAsideKind::Document => {
                let document_id = DocumentId::from_bytes(aside.subject_id);
                let concerned = Concerned::find(tx, aside.agency_id, document_id).await?;
                if concerned.releasers().contains(&agency_id) {
                    tx.let_go_aside(&aside, actor, now).await?;
                    concerned.tell(tx, Happened::LetGo, now).await?;
                }
            }
        }
    }
    Ok(())
}
