//! Keeping the index: it follows an account's changes after they are committed, so that a delivery never waits for it.
//!
//! ```text
//! account.modseq ─ 12 ─────────▶ 15          what has changed
//! search_account.modseq ─ 12 ─▶ … ─▶ 15      what the index knows of
//! ```
//!
//! Whoever brings an index up to date reads what changed, takes the words out of the messages without holding a transaction, and writes
//! them. Two who do it at once do the same: a message is entered once.

use std::collections::HashSet;

use mail::message::{Facts, Limits};
use mail::{AccountId, BlobId, Contents, EmailId, ModSeq};

use super::entry::{Entry, entry};
use crate::error::{Error, Result};
use crate::sql::{Sql, values};
use crate::{Store, Tx};

/// Messages looked at in one round.
const ROUND: i64 = 100;
/// Messages that are gone and are taken out in one round.
const GONE: i64 = 1_000;
/// Rounds before one search; an index that is farther behind is filled by the worker, and the search answers without the rest.
const ROUNDS_MAX: usize = 50;
/// Bytes of words written in one transaction: some milliseconds in which no mail is stored.
const WRITE_BYTES: usize = 256 * 1024;
/// Changes that are remembered as seen although they brought nothing to enter.
const SEEN_AT_LEAST: i64 = 500;
/// Where an account's number begins in the numbers of its messages.
const ACCOUNT_SHIFT: u32 = 32;

/// The number of the account in the number of a message.
pub(super) fn account_no(email_no: i64) -> i64 {
    email_no >> ACCOUNT_SHIFT
}

/// What has changed since an index was brought up to date.
struct Behind {
    account_no: i64,
    /// What the index knows of.
    known: ModSeq,
    /// What it knows of after this round.
    then: ModSeq,
    new: Vec<(EmailId, BlobId, Facts)>,
    gone: Vec<i64>,
    is_all: bool,
}

impl Store {
    /// Brings the index of an account up to date with what has been committed, so that the next search finds it: headers and texts of
    /// messages; attachments follow by [`Store::unread_files`]. `false` when so much is missing that the rest is left to whoever
    /// calls this next.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database or the disk does not answer.
    pub async fn ready_search(&self, account_id: AccountId) -> Result<bool> {
        for _ in 0..ROUNDS_MAX {
            if self.index_more(account_id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One round; `true` when nothing is left to do.
    async fn index_more(&self, account_id: AccountId) -> Result<bool> {
        let behind = self
            .read(account_id, |tx, account_id| Box::pin(async move { tx.search_behind(*account_id).await }))
            .await?;
        let behind = match behind {
            None => return Ok(true),
            Some(Some(behind)) => behind,
            Some(None) => {
                self.write("begin an index", account_id, |tx, account_id| {
                    Box::pin(async move { tx.begin_index(*account_id).await })
                })
                .await?;
                return Ok(false);
            }
        };
        let is_postgres = matches!(self.backend, crate::Backend::Postgres { .. });
        let (mut entries, mut size) = (Vec::new(), 0);
        for (email_id, blob_id, facts) in &behind.new {
            let contents = self.contents_of(account_id, *blob_id).await?;
            let entry = entry(is_postgres, behind.account_no, facts, &contents);
            size += entry.size();
            entries.push((*email_id, entry));
            if size >= WRITE_BYTES {
                let batch =
                    Batch { entries: std::mem::take(&mut entries), gone: Vec::new(), then: behind.known };
                self.enter(account_id, behind.known, batch).await?;
                size = 0;
            }
            // Taking words out is work: others on this thread have their turn.
            tokio::task::yield_now().await;
        }
        let has_news = !entries.is_empty() || !behind.gone.is_empty() || !behind.new.is_empty();
        if has_news || behind.then.0 - behind.known.0 >= SEEN_AT_LEAST {
            self.enter(account_id, behind.known, Batch { entries, gone: behind.gone, then: behind.then })
                .await?;
        }
        Ok(behind.is_all)
    }

    /// What a message says; nothing when its key was shredded or its bytes are damaged, which the doctor tells.
    async fn contents_of(&self, account_id: AccountId, blob_id: BlobId) -> Result<Contents> {
        match self.read_blob(account_id, blob_id).await {
            Ok(Some(raw)) => Ok(mail::contents(&raw, &Limits::default())),
            Ok(None) => Ok(Contents::default()),
            Err(Error::Damaged(what)) => {
                tracing::warn!(account = %account_id, blob = %blob_id, "a message cannot be searched: {what}");
                Ok(Contents::default())
            }
            Err(error) => Err(error),
        }
    }

    async fn enter(&self, account_id: AccountId, known: ModSeq, batch: Batch) -> Result<()> {
        self.write("index messages", (account_id, known, batch), |tx, (account_id, known, batch)| {
            Box::pin(async move { tx.enter(*account_id, *known, batch).await })
        })
        .await
    }
}

/// How far an account's index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchCounts {
    /// Messages in the index.
    pub emails: i64,
    /// Messages that are not in it yet.
    pub behind: i64,
    /// Messages whose attachments wait to be read.
    pub files: i64,
}

/// What is written at once.
struct Batch {
    entries: Vec<(EmailId, Entry)>,
    gone: Vec<i64>,
    then: ModSeq,
}

impl Tx {
    /// What an account's index lacks: `None` when nothing, `Some(None)` when there is no index yet.
    async fn search_behind(&mut self, account_id: AccountId) -> Result<Option<Option<Behind>>> {
        let row = self
            .row(
                "SELECT a.modseq, s.modseq, s.account_no FROM account a \
                 LEFT JOIN search_account s ON s.account_id = a.account_id WHERE a.account_id = $1",
                values![&account_id],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let now = row.modseq(0)?;
        let (Some(known), Some(account_no)) = (row.opt_int(1)?, row.opt_int(2)?) else {
            return Ok(Some(None));
        };
        let known = ModSeq(known);
        if known >= now {
            return Ok(None);
        }
        let (new, last) = self.not_entered(account_id, known).await?;
        let is_short = (new.len() as i64) < ROUND;
        // Messages of one change may be in two rounds: until all are entered, the index stays before that change.
        let then = match last {
            Some(last) if !is_short => ModSeq(last.0 - 1),
            _ => now,
        };
        let gone = self.entered_and_gone(account_id, known, then).await?;
        let is_all_gone = (gone.len() as i64) < GONE;
        let then = if is_all_gone { then.max(known) } else { known };
        let is_all = is_short && is_all_gone;
        Ok(Some(Some(Behind { account_no, known, then, new, gone, is_all })))
    }

    /// Messages that have changed since a state and are not in the index, oldest change first.
    async fn not_entered(
        &mut self,
        account_id: AccountId,
        known: ModSeq,
    ) -> Result<(Vec<(EmailId, BlobId, Facts)>, Option<ModSeq>)> {
        let rows = self
            .rows(
                "SELECT e.email_id, e.blob_id, e.facts, e.modseq FROM email e \
                 WHERE e.account_id = $1 AND e.modseq > $2 AND NOT EXISTS (SELECT 1 FROM search_email d \
                 WHERE d.account_id = $1 AND d.email_id = e.email_id) ORDER BY e.modseq LIMIT $3",
                values![&account_id, known, ROUND],
            )
            .await?;
        let mut new = Vec::with_capacity(rows.len());
        for row in &rows {
            // One damaged row must not keep the others from being found; whoever lists it says that it is damaged.
            let facts = serde_json::from_str(row.str(2)?).unwrap_or_default();
            new.push((row.id(0)?, row.id(1)?, facts));
        }
        Ok((new, rows.last().map(|row| row.modseq(3)).transpose()?))
    }

    /// Numbers of messages that went and are still in the index.
    async fn entered_and_gone(
        &mut self,
        account_id: AccountId,
        known: ModSeq,
        then: ModSeq,
    ) -> Result<Vec<i64>> {
        let rows = self
            .rows(
                "SELECT d.email_no FROM tombstone t JOIN search_email d ON d.account_id = t.account_id \
                 AND d.email_id = t.object_id WHERE t.account_id = $1 AND t.kind = 'email' AND t.modseq > $2 \
                 AND t.modseq <= $3 LIMIT $4",
                values![&account_id, known, then, GONE],
            )
            .await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// How far an account's index is. Reads the whole of it: for the doctor, not for a search.
    pub async fn search_counts(&mut self, account_id: AccountId) -> Result<SearchCounts> {
        let row = self
            .row(
                "SELECT (SELECT COUNT(*) FROM search_email WHERE account_id = $1), \
                 (SELECT COUNT(*) FROM email e WHERE e.account_id = $1 AND NOT EXISTS (SELECT 1 FROM search_email d \
                 WHERE d.account_id = $1 AND d.email_id = e.email_id)), \
                 (SELECT COUNT(*) FROM search_email WHERE account_id = $1 AND files = 1)",
                values![&account_id],
            )
            .await?
            .ok_or(Error::Internal("a count answered nothing".to_owned()))?;
        Ok(SearchCounts { emails: row.int(0)?, behind: row.int(1)?, files: row.int(2)? })
    }

    async fn begin_index(&mut self, account_id: AccountId) -> Result<()> {
        self.exec(
            "INSERT INTO search_account (account_id, modseq, next_no) VALUES ($1, 0, 1) \
             ON CONFLICT (account_id) DO NOTHING",
            values![&account_id],
        )
        .await
        .map(drop)
    }

    /// Writes a batch, unless somebody else has brought the index farther since.
    async fn enter(&mut self, account_id: AccountId, known: ModSeq, batch: &Batch) -> Result<()> {
        let count = i64::try_from(batch.entries.len()).unwrap_or(i64::MAX);
        let row = self
            .row(
                "UPDATE search_account SET modseq = $3, next_no = next_no + $4 WHERE account_id = $1 AND modseq = $2 \
                 RETURNING account_no, next_no",
                values![&account_id, known, batch.then, count],
            )
            .await?;
        let Some(row) = row else { return Ok(()) };
        let first = (row.int(0)? << ACCOUNT_SHIFT) + row.int(1)? - count;
        let mut seen = HashSet::with_capacity(batch.entries.len());
        for (email_no, (email_id, entry)) in (first..).zip(&batch.entries) {
            if seen.insert(email_id) && self.enter_email(account_id, email_no, *email_id, entry).await? {
                self.enter_words(account_id, email_no, 0, &entry.parts).await?;
            }
        }
        for email_no in &batch.gone {
            self.leave_index(account_id, *email_no).await?;
        }
        Ok(())
    }

    async fn enter_email(
        &mut self,
        account_id: AccountId,
        email_no: i64,
        email_id: EmailId,
        entry: &Entry,
    ) -> Result<bool> {
        let entered = self
            .exec(
                "INSERT INTO search_email (account_id, email_no, email_id, from_key, to_key, subject_key, files) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account_id, email_id) DO NOTHING",
                values![
                    &account_id,
                    email_no,
                    &email_id,
                    &entry.from_key,
                    &entry.to_key,
                    &entry.subject_key,
                    entry.has_files
                ],
            )
            .await?;
        Ok(entered == 1)
    }

    /// Enters words of a message; `which` is 0 for what it says and 1 for its attachments.
    pub(super) async fn enter_words(
        &mut self,
        account_id: AccountId,
        email_no: i64,
        which: i64,
        parts: &[String],
    ) -> Result<()> {
        // Rows of PostgreSQL: those of attachments after those of the message.
        const FILES_FROM: i64 = 1_000;
        for (part, words) in (which * FILES_FROM..).zip(parts) {
            let sql = Sql {
                sqlite: "INSERT INTO search_words (rowid, words) VALUES ($2 * 2 + $3, $4)",
                postgres: "INSERT INTO search_words (account_id, email_no, part, words) \
                           VALUES ($1, $2, $3, CAST($4 AS tsvector))",
            };
            let part = if self.is_postgres() { part } else { which };
            self.exec(sql, values![&account_id, email_no, part, words]).await?;
        }
        Ok(())
    }

    async fn leave_index(&mut self, account_id: AccountId, email_no: i64) -> Result<()> {
        let words = Sql {
            sqlite: "DELETE FROM search_words WHERE rowid IN ($2 * 2, $2 * 2 + 1)",
            postgres: "DELETE FROM search_words WHERE account_id = $1 AND email_no = $2",
        };
        self.exec(words, values![&account_id, email_no]).await?;
        self.exec(
            "DELETE FROM search_email WHERE account_id = $1 AND email_no = $2",
            values![&account_id, email_no],
        )
        .await
        .map(drop)
    }
}
