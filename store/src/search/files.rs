//! Attachments: whoever can read files takes their text out and hands it in.

use mail::{AccountId, BlobId};

use super::entry;
use crate::error::Result;
use crate::sql::values;
use crate::{Store, Tx};

/// A message whose attachments have not been read for the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadFiles {
    /// Whose.
    pub account_id: AccountId,
    /// Its number in the index.
    pub email_no: i64,
    /// Its bytes.
    pub blob_id: BlobId,
}

impl Store {
    /// Messages whose attachments wait to be read, `limit` at most.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database does not answer.
    pub async fn unread_files(&self, limit: i64) -> Result<Vec<UnreadFiles>> {
        self.read(limit, |tx, limit| Box::pin(async move { tx.unread_files(*limit).await })).await
    }

    /// Enters what the attachments of a message say; empty when they say nothing. They are not read again.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the database does not answer.
    pub async fn enter_files(&self, read: UnreadFiles, text: &str) -> Result<()> {
        let is_postgres = matches!(self.backend, crate::Backend::Postgres { .. });
        let parts = entry::files(is_postgres, super::index::account_no(read.email_no), text);
        self.write("index attachments", (read, parts), |tx, (read, parts)| {
            Box::pin(async move { tx.enter_files(read, parts).await })
        })
        .await
    }
}

impl Tx {
    async fn unread_files(&mut self, limit: i64) -> Result<Vec<UnreadFiles>> {
        let rows = self
            .rows(
                "SELECT s.account_id, s.email_no, e.blob_id FROM search_email s \
                 JOIN email e ON e.account_id = s.account_id AND e.email_id = s.email_id WHERE s.files = 1 \
                 ORDER BY s.account_id, s.email_no LIMIT $1",
                values![limit],
            )
            .await?;
        let unread = |row: &crate::sql::Row| {
            Ok(UnreadFiles { account_id: row.id(0)?, email_no: row.int(1)?, blob_id: row.id(2)? })
        };
        rows.iter().map(unread).collect()
    }

    async fn enter_files(&mut self, read: &UnreadFiles, parts: &[String]) -> Result<()> {
        let UnreadFiles { account_id, email_no, .. } = read;
        // Another node may have been quicker, or the message is gone.
        let was_unread = self
            .exec(
                "UPDATE search_email SET files = 0 WHERE account_id = $1 AND email_no = $2 AND files = 1",
                values![account_id, *email_no],
            )
            .await?;
        if was_unread == 1 {
            self.enter_words(*account_id, *email_no, 1, parts).await?;
        }
        Ok(())
    }

    /// Accounts whose index is behind what has been committed, after `after` in the order of ids, `limit` at most.
    pub async fn accounts_to_index(
        &mut self,
        after: Option<AccountId>,
        limit: i64,
    ) -> Result<Vec<AccountId>> {
        let after = after.unwrap_or(AccountId::from_bytes([0; 16]));
        let rows = self
            .rows(
                "SELECT a.account_id FROM account a LEFT JOIN search_account s ON s.account_id = a.account_id \
                 WHERE a.account_id > $1 AND (s.modseq IS NULL OR s.modseq < a.modseq) ORDER BY a.account_id LIMIT $2",
                values![&after, limit],
            )
            .await?;
        rows.iter().map(|row| row.id(0)).collect()
    }
}
