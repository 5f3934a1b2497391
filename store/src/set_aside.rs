//! What bears a mark of secrecy that was found after it was stored (RULES R11): documents and mails that nobody may read before two
//! persons have released them, and how far the looking has come.

use mail::letter::{Door, Hold, Releaser};
use mail::{
    AccountId, AgencyId, BlobId, DocumentId, EmailId, QuarantineId, Timestamp,
    envelope::{OutboundMail, OutboundRecipient},
};

use crate::accounts::words;
use crate::error::{Error, Result};
use crate::outbox::{Lane, NewOutbox, OutboxKind};
use crate::quarantine::NewHeld;
use crate::sql::{Row, values};
use crate::{Audit, Tx};

/// Why a mail is held that bears a mark ([`Hold::reason`]).
pub const SECRECY: &str = "secrecy";
/// Messages of one account with the same bytes. One is the rule; a copy of a copy is another.
const COPIES_MAX: i64 = 100;

words! {
    /// What was set aside.
    SetAsideKind, "what is set aside is document or mail" {
        /// A document of the exchange.
        Document = "document",
        /// A mail.
        Mail = "mail",
    }
}

/// Something that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The sender of a document, or the agency of a mailbox.
    pub agency_id: AgencyId,
    /// The document, or the mail in the quarantine.
    pub subject_id: [u8; 16],
    /// Which of the two.
    pub kind: SetAsideKind,
    /// Of the package, or of the message.
    pub sha256: [u8; 32],
    /// What found the mark.
    pub detector: String,
    /// A part of the program, or the account of a person.
    pub found_by: String,
    /// When.
    pub found_at: Timestamp,
    /// When two persons let it go.
    pub released_at: Option<Timestamp>,
}

macro_rules! select_aside {
    ($tail:literal) => {
        concat!(
            "SELECT agency_id, subject_id, kind, sha256, detector, found_by, found_at, released_at FROM set_aside ",
            $tail
        )
    };
}

fn aside(row: &Row) -> Result<SetAside> {
    Ok(SetAside {
        agency_id: row.id(0)?,
        subject_id: row.bytes(1)?.try_into().map_err(|_| Error::Damaged("what is set aside"))?,
        kind: row.text(2)?.parse()?,
        sha256: row.bytes(3)?.try_into().map_err(|_| Error::Damaged("a digest"))?,
        detector: row.text(4)?,
        found_by: row.text(5)?,
        found_at: row.moment(6)?,
        released_at: row.opt_moment(7)?,
    })
}

impl Tx {
    /// Sets something aside; `false` when it was before, released or not.
    pub async fn set_aside(&mut self, new: &SetAside) -> Result<bool> {
        let touched = self
            .exec(
                "INSERT INTO set_aside (agency_id, subject_id, kind, sha256, detector, found_by, found_at, released_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, NULL) ON CONFLICT (agency_id, subject_id) DO NOTHING",
                values![
                    &new.agency_id,
                    &new.subject_id,
                    new.kind.as_str(),
                    &new.sha256,
                    &new.detector,
                    &new.found_by,
                    new.found_at
                ],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Whether a document of a sender is set aside.
    pub async fn is_set_aside(&mut self, agency_id: AgencyId, document_id: DocumentId) -> Result<bool> {
        let row = self
            .row(
                "SELECT 1 FROM set_aside WHERE agency_id = $1 AND subject_id = $2 AND released_at IS NULL",
                values![&agency_id, &document_id],
            )
            .await?;
        Ok(row.is_some())
    }

    /// What is set aside, newest first, `limit` at most. It is never much.
    pub async fn all_set_aside(&mut self, limit: i64) -> Result<Vec<SetAside>> {
        let sql = select_aside!("WHERE released_at IS NULL ORDER BY found_at DESC, subject_id LIMIT $1");
        let rows = self.rows(sql, values![limit]).await?;
        rows.iter().map(aside).collect()
    }

    /// What is set aside with these bytes, whosever it is.
    pub async fn set_aside_with(&mut self, sha256: &[u8; 32]) -> Result<Vec<SetAside>> {
        let sql = select_aside!("WHERE sha256 = $1 AND released_at IS NULL LIMIT 1000");
        let rows = self.rows(sql, values![sha256]).await?;
        rows.iter().map(aside).collect()
    }

    /// Lets something go: a document can be read again, a mail is delivered again.
    pub async fn let_go_aside(&mut self, aside: &SetAside, actor: &str, now: Timestamp) -> Result<()> {
        self.exec(
            "UPDATE set_aside SET released_at = $3 WHERE agency_id = $1 AND subject_id = $2",
            values![&aside.agency_id, &aside.subject_id, now],
        )
        .await?;
        if aside.kind == SetAsideKind::Mail {
            self.release_agreed(QuarantineId::from_bytes(aside.subject_id), actor, now).await?;
        }
        Ok(())
    }

    /// Takes the messages with these bytes out of an account's mailboxes into the quarantine, from where two persons let them go.
    /// Answers how many there were.
    pub async fn set_mail_aside(
        &mut self,
        account_id: AccountId,
        blob_id: BlobId,
        found: &SetAside,
    ) -> Result<usize> {
        let now = found.found_at;
        let rows = self
            .rows(
                "SELECT email_id FROM email WHERE account_id = $1 AND blob_id = $2 LIMIT $3",
                values![&account_id, &blob_id, COPIES_MAX],
            )
            .await?;
        let ids = rows.iter().map(|row| row.id::<EmailId>(0)).collect::<Result<Vec<_>>>()?;
        let address = self.addresses(account_id).await?.into_iter().next();
        let Some(address) = address.filter(|_| !ids.is_empty()) else { return Ok(0) };
        // As it lay in a mailbox: whoever releases it puts it back into the account, and nowhere else.
        let recipient = OutboundRecipient::in_account(account_id, address.address);
        let mail = OutboundMail::from_the_house(recipient, now);
        let payload = serde_json::to_string(&mail).map_err(|error| Error::Internal(error.to_string()))?;
        let row = NewOutbox {
            kind: OutboxKind::Local,
            owner: account_id.into(),
            lane: Lane::Normal,
            destination: account_id.to_string(),
            payload,
            blob_id: Some(blob_id),
            due_at: now,
        };
        let hold = Hold { reason: SECRECY, detail: found.detector.clone(), releaser: Releaser::TwoPersons };
        let held =
            self.hold_mail(&NewHeld { row: &row, hold: &hold, door: Door::Lmtp, keeper: None }, now).await?;
        self.set_aside(&SetAside { subject_id: *held.as_bytes(), ..found.clone() }).await?;
        let (_, gone) = self.destroy_emails(account_id, &ids, now).await?;
        let detail = serde_json::json!({ "detector": found.detector, "kind": "mail" }).to_string();
        self.audit(found.agency_id, now, &found.found_by, Audit::SecrecyFound, &held.to_string(), &detail)
            .await?;
        Ok(gone.len())
    }

    /// Senders that have documents, after `after` in the order of ids: one look into the index for each.
    pub async fn next_sender(&mut self, after: Option<AgencyId>) -> Result<Option<AgencyId>> {
        let after = after.unwrap_or(AgencyId::from_bytes([0; 16]));
        let row = self
            .row(
                "SELECT agency_id FROM document WHERE agency_id > $1 ORDER BY agency_id LIMIT 1",
                values![&after],
            )
            .await?;
        row.map(|row| row.id(0)).transpose()
    }

    /// Packages of a sender that have not been looked at again, with an id before `before`, oldest first: the document, its bytes and their
    /// digest.
    pub async fn to_look_at_again(
        &mut self,
        agency_id: AgencyId,
        before: DocumentId,
        limit: i64,
    ) -> Result<Vec<(DocumentId, BlobId, [u8; 32])>> {
        let row = self
            .row("SELECT document_id FROM looked_again WHERE agency_id = $1", values![&agency_id])
            .await?;
        let after = row.map(|row| row.id(0)).transpose()?.unwrap_or(DocumentId::from_bytes([0; 16]));
        let rows = self
            .rows(
                "SELECT document_id, blob_id, package_sha256 FROM document \
                 WHERE agency_id = $1 AND document_id > $2 AND document_id < $3 AND kind = 'edoc' \
                 ORDER BY document_id LIMIT $4",
                values![&agency_id, &after, &before, limit],
            )
            .await?;
        let read = |row: &Row| {
            let sha256 = row.bytes(2)?.try_into().map_err(|_| Error::Damaged("a digest"))?;
            Ok((row.id(0)?, row.id(1)?, sha256))
        };
        rows.iter().map(read).collect()
    }

    /// Remembers how far a sender's documents have been looked at again.
    pub async fn looked_again(&mut self, agency_id: AgencyId, document_id: DocumentId) -> Result<()> {
        self.exec(
            "INSERT INTO looked_again (agency_id, document_id) VALUES ($1, $2) \
             ON CONFLICT (agency_id) DO UPDATE SET document_id = excluded.document_id",
            values![&agency_id, &document_id],
        )
        .await
        .map(drop)
    }
}
