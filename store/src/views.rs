//! A mailbox as a numbered list, as IMAP sees it: which UIDs there are, what lies at them, and what changed since.

use mail::message::Facts;
use mail::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Timestamp, Uid, UidSet};

use crate::Tx;
use crate::acts::{Message, Place};
use crate::emails::read_facts;
use crate::error::{Error, Result};
use crate::mailboxes::Mailbox;
use crate::sql::{Row, Sql, json_list, over_list, values};

/// Messages of one act (edit, copy, move, expunge), at most: what a writer does without keeping the others waiting.
pub const MESSAGES_PER_ACT: usize = 1_000;

/// A mailbox as it is when it is selected (RFC 9051 §6.3.2).
#[derive(Clone, Debug)]
pub struct OpenedMailbox {
    /// Its row and counters.
    pub mailbox: Mailbox,
    /// The UIDs of what lies in it; the place of a UID is its sequence number.
    pub uids: UidSet,
    /// The state this was read at: HIGHESTMODSEQ (RFC 7162 §3.1.2.1).
    pub modseq: ModSeq,
}

/// A message in a mailbox, without what reading it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRow {
    /// Its number there.
    pub uid: Uid,
    /// Its id: EMAILID (RFC 8474 §5.1).
    pub email_id: EmailId,
    /// Its conversation: THREADID (RFC 8474 §5.2).
    pub thread_id: ThreadId,
    /// Its bytes.
    pub blob_id: BlobId,
    /// Its length, bytes: RFC822.SIZE.
    pub size: u64,
    /// When it arrived: INTERNALDATE.
    pub received_at: Timestamp,
    /// When it was put here: SAVEDATE (RFC 8514); unknown of what lay here before this was kept.
    pub saved_at: Option<Timestamp>,
    /// Its keywords, in order, `$seen` and the like for the system flags (RFC 8621 §4.1.1).
    pub keywords: Vec<String>,
    /// Whether it carries `\Deleted` here.
    pub is_deleted: bool,
    /// Its last change (RFC 7162 §3.1.2).
    pub modseq: ModSeq,
}

/// What changed in a mailbox since a state.
#[derive(Clone, Debug)]
pub struct ViewChanges {
    /// The state these changes lead to: go on from it.
    pub modseq: ModSeq,
    /// The next UID to be given.
    pub uid_next: i64,
    /// UIDs that went between the two states.
    pub expunged: UidSet,
    /// What is new or is not what it was, oldest change first.
    pub changed: Vec<ViewRow>,
    /// Whether more changes follow.
    pub has_more: bool,
}

/// The sizes of a mailbox that STATUS tells (RFC 9051 §6.3.11, RFC 8438, RFC 9208 §5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxSizes {
    /// Bytes of the messages in it: SIZE.
    pub bytes: u64,
    /// Messages with `\Deleted`: DELETED.
    pub deleted: i64,
    /// Their bytes: DELETED-STORAGE.
    pub deleted_bytes: u64,
    /// Messages without `\Seen`: UNSEEN. Drafts count here and not in [`Mailbox::unread_emails`].
    pub unseen: i64,
}

/// The numbers of a mailbox that are in one of its tables, as runs: what comes back is as short as the answer, not as long as the mailbox.
macro_rules! runs_of {
    ($table:literal, $and:literal) => {
        concat!(
            "SELECT MIN(uid), MAX(uid) FROM (SELECT uid, uid - ROW_NUMBER() OVER (ORDER BY uid) AS island FROM ",
            $table,
            " WHERE account_id = $1 AND mailbox_id = $2",
            $and,
            ") u GROUP BY island ORDER BY 1"
        )
    };
}
macro_rules! lying_at {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "SELECT p.email_id, p.uid, p.saved_at, p.is_deleted FROM ",
            $list,
            " CROSS JOIN placement p WHERE p.account_id = $1 AND p.mailbox_id = $3 \
             AND p.uid BETWEEN CAST(t.value ->> 0 AS BIGINT) AND CAST(t.value ->> 1 AS BIGINT) ORDER BY p.uid"
        )
    };
}
/// A message's columns and those of its place, as [`view_row`] reads them.
macro_rules! view_columns {
    () => {
        "e.email_id, e.thread_id, e.blob_id, e.size, e.received_at, e.keywords, e.created_modseq, e.modseq, \
         p.uid, p.saved_at, p.is_deleted"
    };
}
macro_rules! viewed_at {
    ($facts:literal) => {
        Sql {
            sqlite: viewed_at!(
                "json_each($2) t CROSS JOIN placement p CROSS JOIN email e WHERE p.account_id = $1 AND p.mailbox_id = $3 \
                 AND p.uid BETWEEN CAST(t.value ->> 0 AS BIGINT) AND CAST(t.value ->> 1 AS BIGINT) \
                 AND e.account_id = $1 AND e.email_id = p.email_id",
                $facts
            ),
            // Step by step: PostgreSQL does not know how short the runs are, and would read a whole account for a page.
            postgres: viewed_at!(
                "json_array_elements(CAST($2 AS json)) AS t(value) CROSS JOIN LATERAL (SELECT * FROM placement \
                 WHERE account_id = $1 AND mailbox_id = $3 AND uid BETWEEN CAST(t.value ->> 0 AS BIGINT) \
                 AND CAST(t.value ->> 1 AS BIGINT) OFFSET 0) p CROSS JOIN LATERAL (SELECT * FROM email \
                 WHERE account_id = $1 AND email_id = p.email_id OFFSET 0) e",
                $facts
            ),
        }
    };
    ($from:literal, $facts:literal) => {
        concat!("SELECT ", view_columns!(), $facts, " FROM ", $from, " ORDER BY p.uid")
    };
}
macro_rules! changed {
    ($tail:literal) => {
        concat!(
            "SELECT ",
            view_columns!(),
            " FROM email e CROSS JOIN placement p WHERE e.account_id = $1 \
             AND p.account_id = $1 AND p.email_id = e.email_id AND p.mailbox_id = $2 ",
            $tail
        )
    };
}

pub(crate) const LIVE: &str = runs_of!("placement", "");
pub(crate) const GONE: &str = runs_of!("expunged", "");
pub(crate) const GONE_SINCE: &str = runs_of!("expunged", " AND modseq > $3 AND modseq <= $4");
pub(crate) const LYING_AT: Sql = over_list!(lying_at);
pub(crate) const VIEWED_AT: Sql = viewed_at!("");
pub(crate) const VIEWED_WITH_FACTS_AT: Sql = viewed_at!(", e.facts");
pub(crate) const CHANGED: &str = changed!("AND e.modseq > $3 ORDER BY e.modseq, p.uid LIMIT $4");
pub(crate) const CHANGED_AT: &str = changed!("AND e.modseq = $3 ORDER BY p.uid");

/// The runs of an answer.
fn runs(rows: &[Row]) -> Result<UidSet> {
    let run = |row: &Row| Ok((Tx::uid(row.int(0)?)?.0, Tx::uid(row.int(1)?)?.0));
    rows.iter().map(run).collect()
}

impl ViewRow {
    /// A message in one of its places.
    pub(crate) fn of(message: &Message, place: &Place) -> Result<Self> {
        Ok(Self {
            uid: Tx::uid(place.uid)?,
            email_id: message.email_id,
            thread_id: message.thread_id,
            blob_id: message.blob_id,
            size: message.size.unsigned_abs(),
            received_at: message.received_at,
            saved_at: place.saved_at,
            keywords: message.keywords.clone(),
            is_deleted: place.is_deleted,
            modseq: message.modseq,
        })
    }
}

impl Tx {
    /// A mailbox with the UIDs in it; `None` when it is not there.
    ///
    /// Every UID that was given out is at a message or remembered as gone, so the shorter of the two lists tells the other: of a mailbox
    /// that nothing was ever taken out of, nothing is read.
    pub async fn open_mailbox(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
    ) -> Result<Option<OpenedMailbox>> {
        let Some(mailbox) = self.mailbox(account_id, mailbox_id).await? else { return Ok(None) };
        let modseq = self.modseq(account_id).await?;
        let given = UidSet::run(1, Tx::uid(mailbox.uid_next)?.0.saturating_sub(1));
        let gone = i64::from(given.len()) - mailbox.total_emails;
        let uids = match gone {
            0 => given,
            gone if gone <= mailbox.total_emails => {
                given.without(&runs(&self.rows(GONE, values![&account_id, &mailbox_id]).await?)?)
            }
            _ => runs(&self.rows(LIVE, values![&account_id, &mailbox_id]).await?)?,
        };
        Ok(Some(OpenedMailbox { mailbox, uids, modseq }))
    }

    /// What lies at these UIDs, ascending, the first `limit`: the message's id and the place.
    pub(crate) async fn lying_at(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        limit: i64,
    ) -> Result<Vec<(EmailId, Place)>> {
        let rows = self.rows_at(LYING_AT, account_id, mailbox_id, uids, limit).await?;
        let lying = |row: &Row| {
            let place = Place {
                mailbox_id,
                uid: row.int(1)?,
                saved_at: row.opt_moment(2)?,
                is_deleted: row.flag(3)?,
            };
            Ok((row.id(0)?, place))
        };
        rows.iter().map(lying).collect()
    }

    /// The messages at these UIDs, ascending, the first `limit` of them.
    pub async fn view_rows(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        limit: i64,
    ) -> Result<Vec<ViewRow>> {
        let rows = self.rows_at(VIEWED_AT, account_id, mailbox_id, uids, limit).await?;
        rows.iter().map(view_row).collect()
    }

    /// The same with what reading them once found.
    pub async fn view_emails(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        limit: i64,
    ) -> Result<Vec<(ViewRow, Facts)>> {
        let rows = self.rows_at(VIEWED_WITH_FACTS_AT, account_id, mailbox_id, uids, limit).await?;
        rows.iter().map(|row| Ok((view_row(row)?, read_facts(row.str(11)?)?))).collect()
    }

    /// The rows of a statement over these UIDs, the first `limit`.
    async fn rows_at(
        &mut self,
        sql: Sql,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        limit: i64,
    ) -> Result<Vec<Row>> {
        let mut found = Vec::new();
        let (mut done, mut take) = (0, u32::try_from(limit.max(1)).unwrap_or(u32::MAX));
        // So many numbers as rows are wanted; where most of them are at nothing, more at a time.
        while done < uids.len() && (found.len() as i64) < limit {
            let last = done.saturating_add(take);
            let list = json_list(uids.at_places(&UidSet::run(done + 1, last)).runs())?;
            found.append(&mut self.rows(sql, values![&account_id, &list, &mailbox_id]).await?);
            done = last;
            take = take.saturating_mul(4);
        }
        found.truncate(usize::try_from(limit).unwrap_or_default());
        Ok(found)
    }

    /// What changed in a mailbox since a state; `None` when the mailbox is not there. About `limit` rows, and an act is told whole.
    pub async fn view_changes(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        since: ModSeq,
        limit: i64,
    ) -> Result<Option<ViewChanges>> {
        let Some(mailbox) = self.mailbox(account_id, mailbox_id).await? else { return Ok(None) };
        let mut modseq = self.modseq(account_id).await?;
        let limit = limit.max(1);
        let rows = self.rows(CHANGED, values![&account_id, &mailbox_id, since, limit + 1]).await?;
        let mut changed = rows.iter().map(view_row).collect::<Result<Vec<_>>>()?;
        let mut has_more = false;
        if changed.len() as i64 > limit {
            // Cut between two acts: the state that is named is one the mailbox was really in.
            let last = changed.pop().map_or(since, |row| row.modseq);
            let first = changed.first().map_or(last, |row| row.modseq);
            if first == last {
                let rows = self.rows(CHANGED_AT, values![&account_id, &mailbox_id, first]).await?;
                changed = rows.iter().map(view_row).collect::<Result<Vec<_>>>()?;
            } else {
                changed.retain(|row| row.modseq < last);
            }
            let cut = changed.last().map_or(since, |row| row.modseq);
            has_more = cut < modseq;
            modseq = cut;
        }
        let gone = self.rows(GONE_SINCE, values![&account_id, &mailbox_id, since, modseq]).await?;
        Ok(Some(ViewChanges {
            modseq,
            uid_next: mailbox.uid_next,
            expunged: runs(&gone)?,
            changed,
            has_more,
        }))
    }

    /// What STATUS tells of a mailbox.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there.
    pub async fn mailbox_sizes(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
    ) -> Result<MailboxSizes> {
        let row = self
            .row(
                "SELECT bytes, deleted_emails, deleted_bytes, unseen_emails FROM mailbox \
                 WHERE account_id = $1 AND mailbox_id = $2",
                values![&account_id, &mailbox_id],
            )
            .await?
            .ok_or(Error::NotFound("the mailbox"))?;
        Ok(MailboxSizes {
            bytes: row.int(0)?.unsigned_abs(),
            deleted: row.int(1)?,
            deleted_bytes: row.int(2)?.unsigned_abs(),
            unseen: row.int(3)?,
        })
    }
}

/// A message in a place: [`view_columns`].
fn view_row(row: &Row) -> Result<ViewRow> {
    let message = Message::read(row)?;
    let place = Place {
        // The caller knows it.
        mailbox_id: MailboxId::from_bytes([0; 16]),
        uid: row.int(8)?,
        saved_at: row.opt_moment(9)?,
        is_deleted: row.flag(10)?,
    };
    ViewRow::of(&message, &place)
}
