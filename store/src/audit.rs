//! The audit log: who did what, written in the transaction of what was done (RULES R52, A22).

use mail::{AuditId, OwnerId, Timestamp};

use crate::error::Result;
use crate::sql::{Sql, json_list, over_list, values};
use crate::{Error, Tx};

/// The catalogue of acts. Their names are stable: reports and SIEM rules refer to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audit {
    /// A mail was taken in for an account.
    MailReceived,
    /// A mail was handed in for sending.
    MailSubmitted,
    /// A mail that waited was taken back by who handed it in.
    MailCanceled,
    /// A mail was answered for somebody who is away.
    MailAnswered,
    /// A mail was handed over to the next system.
    MailDelivered,
    /// A mail could not be delivered; its sender was told.
    MailBounced,
    /// A mail was refused by a rule of the house; nothing of it is kept (RULES R12).
    MailRefused,
    /// A rule of mail was set, ended or excepted.
    PolicyChanged,
    /// A mail was put into the quarantine.
    MailQuarantined,
    /// A mail was released from the quarantine.
    MailReleased,
    /// A mail in the quarantine was deleted, by a person or because its time ran out.
    MailDiscarded,
    /// Somebody said whether the quarantine was right about a mail.
    MailJudged,
    /// Messages of an account were changed by its user.
    MailChanged,
    /// A message was destroyed by its user.
    MailDestroyed,
    /// An operator held, released or hurried a waiting mail.
    QueueChanged,
    /// What happened to a message was looked at.
    MailTraced,
    /// An agency was added or changed.
    AgencyChanged,
    /// An account was added or changed.
    AccountChanged,
    /// A distribution list was added, changed or removed.
    ListChanged,
    /// A domain was added or changed.
    DomainChanged,
    /// A system that may use the exchange was added or changed.
    SystemChanged,
    /// A signer's certificate was registered.
    SignerRegistered,
    /// A trust anchor was added.
    TrustChanged,
    /// A package was accepted from a sending system.
    DocumentAccepted,
    /// A package was refused.
    DocumentRefused,
    /// A package was handed to its receiving system.
    DocumentDelivered,
    /// A document was printed for a receiver that is not ready (RULES R17).
    DocumentPrinted,
    /// A receiving system acknowledged a package.
    DocumentAcknowledged,
    /// A receiving agency reported a status of a document.
    StatusReported,
    /// The calendar of working days, or an hour of its deadlines, was changed.
    CalendarChanged,
    /// An authorisation to sign, a regulation or a list of an agency was recorded or ended.
    OfficeChanged,
    /// A book was opened, started at a number, or closed.
    BookChanged,
    /// A number of a book was taken.
    NumberTaken,
    /// A number was voided.
    NumberVoided,
    /// A document was recalled by its sender.
    DocumentRecalled,
    /// A document was updated by its sender.
    DocumentUpdated,
    /// A document was replaced by its sender.
    DocumentReplaced,
    /// A receiving agency cancelled a recalled document.
    DocumentCancelled,
    /// The key to a cancelled copy was forgotten.
    DocumentShredded,
    /// A person agreed to an act that takes two.
    ConsentGiven,
    /// Two persons reversed a recall.
    RecallReversed,
    /// Two persons released a package that was refused as a state secret.
    SecrecyReleased,
    /// A mark of secrecy was found in something that was stored.
    SecrecyFound,
    /// A released package was let through although a detector found a mark.
    SecrecyPassed,
    /// A package was handed to another axis.
    DocumentForwarded,
    /// Another axis was added, changed, stopped or removed.
    PeerChanged,
    /// A backup was made (RULES R59).
    BackupMade,
    /// A backup or the test of one did not come to a good end.
    BackupFailed,
    /// A backup was restored as a test, and everything was as it must be.
    BackupTested,
    /// This house was restored from a backup.
    BackupRestored,
}

impl Audit {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MailReceived => "mail.received",
            Self::MailSubmitted => "mail.submitted",
            Self::MailCanceled => "mail.canceled",
            Self::MailAnswered => "mail.answered",
            Self::MailDelivered => "mail.delivered",
            Self::MailBounced => "mail.bounced",
            Self::MailRefused => "mail.refused",
            Self::PolicyChanged => "policy.changed",
            Self::MailQuarantined => "mail.quarantined",
            Self::MailReleased => "mail.released",
            Self::MailDiscarded => "mail.discarded",
            Self::MailJudged => "mail.judged",
            Self::MailChanged => "mail.changed",
            Self::MailDestroyed => "mail.destroyed",
            Self::QueueChanged => "queue.changed",
            Self::MailTraced => "mail.traced",
            Self::AgencyChanged => "agency.changed",
            Self::AccountChanged => "account.changed",
            Self::ListChanged => "list.changed",
            Self::DomainChanged => "domain.changed",
            Self::SystemChanged => "system.changed",
            Self::SignerRegistered => "signer.registered",
            Self::TrustChanged => "trust.changed",
            Self::DocumentAccepted => "document.accepted",
            Self::DocumentRefused => "document.refused",
            Self::DocumentDelivered => "document.delivered",
            Self::DocumentPrinted => "document.printed",
            Self::DocumentAcknowledged => "document.acknowledged",
            Self::StatusReported => "status.reported",
            Self::CalendarChanged => "calendar.changed",
            Self::OfficeChanged => "office.changed",
            Self::BookChanged => "book.changed",
            Self::NumberTaken => "number.taken",
            Self::NumberVoided => "number.voided",
            Self::DocumentRecalled => "document.recalled",
            Self::DocumentUpdated => "document.updated",
            Self::DocumentReplaced => "document.replaced",
            Self::DocumentCancelled => "document.cancelled",
            Self::DocumentShredded => "document.shredded",
            Self::ConsentGiven => "consent.given",
            Self::RecallReversed => "recall.reversed",
            Self::SecrecyReleased => "secrecy.released",
            Self::SecrecyFound => "secrecy.found",
            Self::SecrecyPassed => "secrecy.passed",
            Self::DocumentForwarded => "document.forwarded",
            Self::PeerChanged => "peer.changed",
            Self::BackupMade => "backup.made",
            Self::BackupFailed => "backup.failed",
            Self::BackupTested => "backup.tested",
            Self::BackupRestored => "backup.restored",
        }
    }
}

/// A row of the audit log, read back.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: an account id, a system id, or the name of a part of the program.
    pub actor: String,
    /// What: [`Audit::name`].
    pub action: String,
    /// To what: an id.
    pub subject: String,
    /// More, as JSON or empty. Never an address, a subject line or content.
    pub detail: String,
}

macro_rules! each {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "INSERT INTO audit (owner_id, audit_id, at, actor, action, subject, detail) SELECT $1, ",
            $id,
            "t.value ->> 0",
            $end,
            ", $3, $4, $5, t.value ->> 1, '' FROM ",
            $list
        )
    };
}

const EACH: Sql = over_list!(each);

impl Tx {
    /// Writes a row of the audit log.
    pub async fn audit(
        &mut self,
        owner: impl Into<OwnerId>,
        now: Timestamp,
        actor: &str,
        action: Audit,
        subject: &str,
        detail: &str,
    ) -> Result<()> {
        let owner = owner.into();
        let id = AuditId::new(now, &*self.shared.chance);
        self.exec(
            "INSERT INTO audit (owner_id, audit_id, at, actor, action, subject, detail) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![&owner, &id, now, actor, action.name(), subject, detail],
        )
        .await
        .map(drop)
    }

    /// A row of the audit log for each of these subjects, of one act.
    pub async fn audit_each(
        &mut self,
        owner: impl Into<OwnerId>,
        now: Timestamp,
        actor: &str,
        action: Audit,
        subjects: &[impl std::fmt::Display],
    ) -> Result<()> {
        if subjects.is_empty() {
            return Ok(());
        }
        let owner = owner.into();
        let chance = self.shared.chance.clone();
        let rows = subjects.iter().map(|subject| (AuditId::new(now, &*chance), subject.to_string()));
        let list = json_list(rows)?;
        self.exec(EACH, values![&owner, &list, now, actor, action.name()]).await.map(drop)
    }

    /// The newest rows of an owner, newest first, `limit` at most.
    pub async fn audit_trail(&mut self, owner: impl Into<OwnerId>, limit: usize) -> Result<Vec<AuditEntry>> {
        let owner = owner.into();
        let limit = i64::try_from(limit).map_err(|_| Error::Refused("limit is too large"))?;
        let rows = self
            .rows(
                "SELECT at, actor, action, subject, detail FROM audit WHERE owner_id = $1 \
                 ORDER BY audit_id DESC LIMIT $2",
                values![&owner, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AuditEntry {
                    at: row.moment(0)?,
                    actor: row.text(1)?,
                    action: row.text(2)?,
                    subject: row.text(3)?,
                    detail: row.text(4)?,
                })
            })
            .collect()
    }
}
