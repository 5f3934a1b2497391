//! The official documents attached to messages (RULES R3–R5), as their readers see them: judged when somebody asks, and kept with the
//! message.

use std::collections::HashMap;

use mail::{AccountId, BlobId, DocumentVerdict, RecognisedDocument, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Sql, values};

/// A document as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    sha256: String,
    symbol: String,
    verdict: String,
    class: String,
    is_original: bool,
    reasons: Vec<String>,
    judged_at: Option<i64>,
}

const DAMAGED: Error = Error::Damaged("a recognised document");

impl Kept {
    fn of(document: &RecognisedDocument) -> Self {
        Self {
            sha256: document.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            symbol: document.symbol.clone(),
            verdict: document.verdict.as_str().to_owned(),
            class: document.class.clone(),
            is_original: document.is_original,
            reasons: document.reasons.clone(),
            judged_at: document.judged_at.map(Timestamp::millis),
        }
    }

    fn read(self) -> Result<RecognisedDocument> {
        let digest: BlobId = self.sha256.parse().map_err(|_| DAMAGED)?;
        Ok(RecognisedDocument {
            sha256: *digest.as_bytes(),
            symbol: self.symbol,
            verdict: DocumentVerdict::of_word(&self.verdict).ok_or(DAMAGED)?,
            class: self.class,
            is_original: self.is_original,
            reasons: self.reasons,
            judged_at: self.judged_at.map(Timestamp::from_millis),
        })
    }
}

impl Tx {
    /// Keeps the documents of a message; none is kept, too: then nobody looks again.
    pub async fn put_email_documents(
        &mut self,
        account_id: AccountId,
        blob_id: BlobId,
        documents: &[RecognisedDocument],
        now: Timestamp,
    ) -> Result<()> {
        let kept: Vec<Kept> = documents.iter().map(Kept::of).collect();
        let kept = serde_json::to_string(&kept).map_err(|e| Error::Internal(e.to_string()))?;
        // Only beside bytes that are there: a message that was destroyed meanwhile leaves nothing behind.
        self.exec(
            "INSERT INTO email_document (account_id, blob_id, documents, judged_at) \
             SELECT $1, $2, $3, CAST($4 AS BIGINT) WHERE EXISTS (SELECT 1 FROM blob WHERE owner_id = $1 AND blob_id = $2) \
             ON CONFLICT (account_id, blob_id) DO UPDATE SET documents = excluded.documents, judged_at = excluded.judged_at",
            values![&account_id, &blob_id, &kept, now],
        )
        .await
        .map(drop)
    }

    /// The documents of messages, by the messages' bytes; messages that nobody looked into are left out.
    pub async fn email_documents(
        &mut self,
        account_id: AccountId,
        blobs: &[BlobId],
    ) -> Result<HashMap<BlobId, (Vec<RecognisedDocument>, Timestamp)>> {
        let quoted: Vec<String> = blobs.iter().map(|id| format!("\"{id}\"")).collect();
        let list = format!("[{}]", quoted.join(","));
        let rows = self
            .rows(
                Sql {
                    sqlite: "SELECT blob_id, documents, judged_at FROM email_document WHERE account_id = $1 \
                             AND blob_id IN (SELECT unhex(value) FROM json_each($2))",
                    postgres: "SELECT blob_id, documents, judged_at FROM email_document WHERE account_id = $1 AND blob_id IN \
                               (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($2 AS json)) AS t(value))",
                },
                values![&account_id, &list],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let kept: Vec<Kept> = serde_json::from_str(row.str(1)?).map_err(|_| DAMAGED)?;
                let documents = kept.into_iter().map(Kept::read).collect::<Result<_>>()?;
                Ok((row.id(0)?, (documents, row.moment(2)?)))
            })
            .collect()
    }
}
