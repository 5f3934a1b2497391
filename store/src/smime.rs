//! What the signatures of mails came to (RFC 9219): noted in the transaction that takes a signed mail in, judged by a worker right
//! after it, kept as long as the message. Who judges is not known here.

use std::collections::HashMap;
use std::time::Duration;

use mail::message::Facts;
use mail::{AccountId, BlobId, EmailId, OwnerId, Timestamp};

use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};
use crate::{Signal, Tx};

words! {
    /// What is known of a message's signature (RFC 9219 §4.1), in the words of the protocol.
    SmimeStatus, "status of a signature" {
        /// Signed, and nobody has judged yet.
        Signed = "signed",
        /// Signed, judged, and good.
        Verified = "signed/verified",
        /// Signed, judged, and not good.
        Failed = "signed/failed",
        /// Nothing that can be judged: encrypted, or of another kind.
        Unknown = "unknown",
    }
}

/// What is known of a message's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smime {
    /// What it came to when the message arrived; `None` before it was judged. It never changes.
    pub at_delivery: Option<SmimeStatus>,
    /// What it came to last.
    pub status: SmimeStatus,
    /// Why it is not good: sentences for people.
    pub errors: Vec<String>,
    /// When it was judged last.
    pub verified_at: Option<Timestamp>,
}

/// A signed message that waits to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmimeDue {
    /// Whose.
    pub account_id: AccountId,
    /// Its bytes.
    pub blob_id: BlobId,
    /// How often it was tried, this time included.
    pub attempts: i64,
}

/// A judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmimeJudged {
    /// What it came to.
    pub status: SmimeStatus,
    /// Why it is not good.
    pub errors: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// Whether this is an answer; else evidence is missing, and it is asked again.
    pub is_answer: bool,
    /// When the worker is to ask again; `None` leaves that as it is.
    pub again_at: Option<Timestamp>,
}

/// Whether a message says of itself that it is S/MIME as a whole (RFC 8551 §3.2, §3.5; the names with `x-` are older).
pub(crate) fn is_smime(facts: &Facts) -> bool {
    matches!(
        facts.body.media_type.as_str(),
        "multipart/signed" | "application/pkcs7-mime" | "application/x-pkcs7-mime"
    )
}

const DUE: Sql = Sql {
    sqlite: "UPDATE email_smime SET due_at = $1, attempts = attempts + 1 WHERE (account_id, blob_id) IN \
             (SELECT account_id, blob_id FROM email_smime WHERE due_at <= $2 ORDER BY due_at LIMIT $3) \
             RETURNING account_id, blob_id, attempts",
    postgres: "UPDATE email_smime SET due_at = $1, attempts = attempts + 1 WHERE (account_id, blob_id) IN \
               (SELECT account_id, blob_id FROM email_smime WHERE due_at <= $2 ORDER BY due_at LIMIT $3 \
               FOR UPDATE SKIP LOCKED) RETURNING account_id, blob_id, attempts",
};

const OF_BLOBS: Sql = Sql {
    sqlite: "SELECT blob_id, at_delivery, status, errors, verified_at FROM email_smime WHERE account_id = $1 \
             AND blob_id IN (SELECT unhex(value) FROM json_each($2))",
    postgres: "SELECT blob_id, at_delivery, status, errors, verified_at FROM email_smime WHERE account_id = $1 \
               AND blob_id IN (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($2 AS json)) AS t(value))",
};

fn smime(row: &Row) -> Result<Smime> {
    let at_delivery = row.text(1)?;
    Ok(Smime {
        at_delivery: if at_delivery.is_empty() { None } else { Some(at_delivery.parse()?) },
        status: row.text(2)?.parse()?,
        errors: serde_json::from_str(row.str(3)?)
            .map_err(|_| Error::Damaged("what is wrong with a signature"))?,
        verified_at: row.opt_moment(4)?,
    })
}

impl Tx {
    /// Notes that a message waits to be judged. The same bytes a second time are judged already, or about to be.
    pub(crate) async fn await_smime(
        &mut self,
        account_id: AccountId,
        blob_id: BlobId,
        email_id: EmailId,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO email_smime (account_id, blob_id, email_id, at_delivery, status, errors, attempts, due_at) \
             VALUES ($1, $2, $3, '', $4, '[]', 0, $5) ON CONFLICT (account_id, blob_id) DO NOTHING",
            values![&account_id, &blob_id, &email_id, SmimeStatus::Signed.as_str(), now],
        )
        .await?;
        self.signals.insert(Signal::Smime);
        Ok(())
    }

    /// Takes messages that wait to be judged, `limit` at most; whoever takes them and dies leaves them to others after `lasts`.
    pub async fn claim_smime(
        &mut self,
        now: Timestamp,
        lasts: Duration,
        limit: i64,
    ) -> Result<Vec<SmimeDue>> {
        let rows = self.rows(DUE, values![now.plus(lasts), now, limit]).await?;
        rows.iter()
            .map(|row| Ok(SmimeDue { account_id: row.id(0)?, blob_id: row.id(1)?, attempts: row.int(2)? }))
            .collect()
    }

    /// When the next message is to be judged.
    pub async fn next_smime_due(&mut self) -> Result<Option<Timestamp>> {
        let row = self.row("SELECT MIN(due_at) FROM email_smime WHERE due_at IS NOT NULL", &[]).await?;
        row.map(|row| row.opt_moment(0)).transpose().map(Option::flatten)
    }

    /// Keeps a judgement. The first one that is an answer is what it was at delivery, for ever, and the message changes by it;
    /// later ones change what is known now, and no state (RFC 9219 §4.1: it may change by time alone).
    pub async fn put_smime(
        &mut self,
        account_id: AccountId,
        blob_id: BlobId,
        judged: &SmimeJudged,
    ) -> Result<()> {
        let errors = serde_json::to_string(&judged.errors).map_err(|e| Error::Internal(e.to_string()))?;
        let first = match judged.is_answer {
            false => None,
            true => {
                self.row(
                    "UPDATE email_smime SET at_delivery = $3 WHERE account_id = $1 AND blob_id = $2 \
                     AND at_delivery = '' RETURNING email_id",
                    values![&account_id, &blob_id, judged.status.as_str()],
                )
                .await?
            }
        };
        self.exec(
            "UPDATE email_smime SET status = $3, errors = $4, verified_at = $5, \
             due_at = CASE WHEN at_delivery = '' THEN COALESCE(CAST($6 AS BIGINT), due_at) ELSE NULL END \
             WHERE account_id = $1 AND blob_id = $2",
            values![&account_id, &blob_id, judged.status.as_str(), &errors, judged.at, judged.again_at],
        )
        .await?;
        if let Some(row) = first {
            let email_id: EmailId = row.id(0)?;
            let modseq = self.next_modseq(account_id, 0).await?;
            self.exec(
                "UPDATE email SET modseq = $3 WHERE account_id = $1 AND email_id = $2",
                values![&account_id, &email_id, modseq],
            )
            .await?;
        }
        Ok(())
    }

    /// What is known of the signatures of messages, by their bytes; those that are not signed are left out.
    pub async fn smimes(
        &mut self,
        account_id: AccountId,
        blobs: &[BlobId],
    ) -> Result<HashMap<BlobId, Smime>> {
        let quoted: Vec<String> = blobs.iter().map(|id| format!("\"{id}\"")).collect();
        let list = format!("[{}]", quoted.join(","));
        let rows = self.rows(OF_BLOBS, values![&account_id, &list]).await?;
        rows.iter().map(|row| Ok((row.id(0)?, smime(row)?))).collect()
    }

    /// What was judged of a message's bytes goes with them.
    pub(crate) async fn forget_judgements(&mut self, owner: OwnerId, blob_id: BlobId) -> Result<()> {
        for forget in [
            "DELETE FROM email_smime WHERE account_id = $1 AND blob_id = $2",
            "DELETE FROM email_document WHERE account_id = $1 AND blob_id = $2",
        ] {
            self.exec(forget, values![&owner, &blob_id]).await?;
        }
        Ok(())
    }
}
