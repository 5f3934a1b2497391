//! Finding messages by what they say and what they are (RFC 9051 §6.4.4, RFC 8621 §4.4).
//!
//! A [`SearchTerm`] becomes one statement: what rows and indexes know is asked of them, words are asked of the full-text index, and
//! the engine decides where to begin. Folding happens here, never in the engine.

mod ask;
mod compile;
mod entry;
mod field;
mod files;
mod index;
mod marks;
#[cfg(test)]
mod plans;

use mail::{AccountId, EmailId, MailboxId, UidSet};

use crate::error::{Error, Result};
use crate::{SearchTerm, Tx};
use compile::{Scope, Statement};

pub use files::UnreadFiles;
pub use index::SearchCounts;
pub use marks::SearchMarks;

/// Messages that are looked for, and their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailSearch {
    /// What they fulfil.
    pub term: SearchTerm,
    /// By what they are ordered, the first deciding first; without any, newest first. Ties are broken by the arrival, newest first.
    pub sort: Vec<SearchSort>,
    /// The first of each conversation only (RFC 8621 §4.4.3).
    pub collapse_threads: bool,
}

/// One step of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchSort {
    /// What is compared.
    pub key: SearchKey,
    /// The smaller first.
    pub ascending: bool,
}

/// What messages are ordered by (RFC 8621 §4.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// When it arrived.
    ReceivedAt,
    /// Its Date; when it has none, when it arrived.
    SentAt,
    /// Its length.
    Size,
    /// How well it answers what was asked in words; the best is the largest.
    Relevance,
    /// The name or address of its first sender, folded.
    From,
    /// The name or address of its first recipient, folded.
    To,
    /// Its subject without marks of replies, folded.
    Subject,
    /// Whether it has a keyword.
    HasKeyword(String),
    /// Whether every message of its conversation has a keyword.
    AllInThreadHaveKeyword(String),
    /// Whether some message of its conversation has a keyword.
    SomeInThreadHaveKeyword(String),
}

/// Steps of one order, at most.
const SORTS_MAX: usize = 8;

impl Tx {
    /// The UIDs of the messages in a mailbox that fulfil a term (IMAP SEARCH). Call [`crate::Store::ready_search`] before the transaction.
    ///
    /// # Errors
    /// [`Error::Refused`] for a term that is too long or too deep.
    pub async fn search_uids(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        term: &SearchTerm,
    ) -> Result<UidSet> {
        let account_no = self.search_account_no(account_id).await?;
        self.prefer_indexes().await?;
        let mut statement =
            Statement::new(self.is_postgres(), Scope::Mailbox(mailbox_id), account_id, account_no);
        let condition = statement.condition(term)?;
        let text = statement.uids(&condition);
        let rows = self.rows_composed(text, &statement.values()).await?;
        let list = rows.first().map(|row| row.opt_text(0)).transpose()?.flatten().unwrap_or_default();
        Ok(list.split(',').filter_map(|uid| uid.parse::<u32>().ok()).collect())
    }

    /// The messages of an account that fulfil a term, in order: `limit` of them from place `position` on, and how many there are in
    /// all. Call [`crate::Store::ready_search`] before the transaction.
    ///
    /// # Errors
    /// [`Error::Refused`] for a term that is too long or too deep.
    pub async fn search_emails(
        &mut self,
        account_id: AccountId,
        search: &EmailSearch,
        position: i64,
        limit: i64,
    ) -> Result<(Vec<EmailId>, i64)> {
        let (mut statement, condition, order) = self.prepared(account_id, search).await?;
        let text = statement.page(&condition, &order, search.collapse_threads, position, limit);
        let rows = self.rows_composed(text, &statement.values()).await?;
        let ids = rows.iter().map(|row| row.id(0)).collect::<Result<Vec<_>>>()?;
        if let Some(row) = rows.first() {
            return Ok((ids, row.int(1)?));
        }
        // Beyond the last there is no row to say how many there are.
        let (mut statement, condition, order) = self.prepared(account_id, search).await?;
        let text = statement.page(&condition, &order, search.collapse_threads, 0, 1);
        let rows = self.rows_composed(text, &statement.values()).await?;
        Ok((ids, rows.first().map_or(Ok(0), |row| row.int(1))?))
    }

    /// The place of a message among those that fulfil a term, from 0; `None` when it is not among them (RFC 8620 §5.5, anchors).
    ///
    /// # Errors
    /// [`Error::Refused`] for a term that is too long or too deep.
    pub async fn search_place(
        &mut self,
        account_id: AccountId,
        search: &EmailSearch,
        email_id: EmailId,
    ) -> Result<Option<i64>> {
        let (mut statement, condition, order) = self.prepared(account_id, search).await?;
        let text = statement.place(&condition, &order, search.collapse_threads, email_id);
        let rows = self.rows_composed(text, &statement.values()).await?;
        rows.first().map(|row| row.int(0)).transpose()
    }

    async fn prepared(
        &mut self,
        account_id: AccountId,
        search: &EmailSearch,
    ) -> Result<(Statement, String, String)> {
        if search.sort.len() > SORTS_MAX {
            return Err(Error::Refused("the order of a search is too long"));
        }
        let account_no = self.search_account_no(account_id).await?;
        self.prefer_indexes().await?;
        let scope = compile::scope_of(&search.term);
        let mut statement = Statement::new(self.is_postgres(), scope, account_id, account_no);
        let condition = statement.condition(&search.term)?;
        let order = statement.order(&search.sort);
        Ok((statement, condition, order))
    }

    /// PostgreSQL believes that reading all rows of words is cheap, for it does not count that each has to be unpacked from its TOAST: a rare word
    /// among 20,000 messages then takes 1.5 s instead of a millisecond. Until the end of the transaction it takes an index where there is one.
    async fn prefer_indexes(&mut self) -> Result<()> {
        match self.is_postgres() {
            true => self.exec("SET LOCAL enable_seqscan = off", &[]).await.map(drop),
            false => Ok(()),
        }
    }

    /// The number before an account's words; `None` while it has none.
    async fn search_account_no(&mut self, account_id: AccountId) -> Result<Option<i64>> {
        let row = self
            .row(
                "SELECT account_no FROM search_account WHERE account_id = $1",
                crate::sql::values![&account_id],
            )
            .await?;
        row.map(|row| row.int(0)).transpose()
    }
}
