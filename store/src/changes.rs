//! What changed in an account since a state (RFC 8620 §5.2), read from the rows themselves and the tombstones.

use mail::{AccountId, ModSeq};

use crate::Tx;
use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::values;

words! {
    /// What can change in an account.
    Changing, "type of data" {
        /// A message.
        Email = "email",
        /// A mailbox.
        Mailbox = "mailbox",
        /// A conversation.
        Thread = "thread",
        /// A message handed in for sending.
        Submission = "submission",
    }
}

/// What changed since a state (RFC 8620 §5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Ids of what is new, 16 bytes each.
    pub created: Vec<[u8; 16]>,
    /// Ids of what is not what it was.
    pub updated: Vec<[u8; 16]>,
    /// Ids of what is gone.
    pub destroyed: Vec<[u8; 16]>,
    /// The state these changes lead to.
    pub new_state: i64,
    /// Whether more changes follow.
    pub has_more: bool,
}

/// What changed in a table after a modseq, oldest change first: `$3` rows, and the whole of the act that the next row
/// belongs to. An act cut in two would be half forgotten, since the state after it is named.
macro_rules! changed_since {
    ($id:literal, $table:literal, $and:literal) => {
        concat!(
            "SELECT ",
            $id,
            ", created_modseq, modseq FROM ",
            $table,
            " WHERE account_id = $1 AND modseq > $2",
            $and,
            " AND modseq <= COALESCE((SELECT modseq FROM ",
            $table,
            " WHERE account_id = $1 AND modseq > $2",
            $and,
            " ORDER BY modseq LIMIT 1 OFFSET $3), 9223372036854775807) ORDER BY modseq"
        )
    };
}

impl Tx {
    /// What changed since a state, oldest change first, `limit` at most.
    pub async fn changes(
        &mut self,
        account_id: AccountId,
        what: Changing,
        since: ModSeq,
        limit: i64,
    ) -> Result<Changes> {
        let live = match what {
            Changing::Email => {
                changed_since!("email_id", "email", "")
            }
            Changing::Mailbox => {
                changed_since!("mailbox_id", "mailbox", "")
            }
            Changing::Thread => {
                changed_since!("thread_id", "thread", "")
            }
            Changing::Submission => {
                changed_since!("submission_id", "submission", "")
            }
        };
        let live = self.rows(live, values![&account_id, since, limit]).await?;
        let gone = self
            .rows(
                changed_since!("object_id", "tombstone", " AND kind = $4"),
                values![&account_id, since, limit, what.as_str()],
            )
            .await?;
        let mut all = Vec::with_capacity(live.len() + gone.len());
        for (row, is_gone) in live.iter().map(|row| (row, false)).chain(gone.iter().map(|row| (row, true))) {
            let id: [u8; 16] = row.bytes(0)?.try_into().map_err(|_| Error::Damaged("an id column"))?;
            all.push((row.int(2)?, row.int(1)?, is_gone, id));
        }
        all.sort_unstable();
        let now = self.modseq(account_id).await?;
        Ok(first_changes(&all, since.0, now.0, limit))
    }
}

impl Tx {
    /// Whether a message came after a state and is still there.
    pub async fn has_new_email(&mut self, account_id: AccountId, since: ModSeq) -> Result<bool> {
        // What is newer than the state has changed since, so the index of changes leads to it.
        let row = self
            .row(
                "SELECT 1 FROM email WHERE account_id = $1 AND modseq > $2 AND created_modseq > $2 LIMIT 1",
                values![&account_id, since],
            )
            .await?;
        Ok(row.is_some())
    }
}

/// The first `limit` changes of (modseq, created, gone, id) in order. A change is cut only between two modseqs, so
/// that the state named is one the account was really in; one transaction alone may exceed the limit.
fn first_changes(all: &[(i64, i64, bool, [u8; 16])], since: i64, now: i64, limit: i64) -> Changes {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut end = all.len().min(limit);
    let has_more = all.len() > limit;
    if has_more {
        let cut_at = all[end].0;
        let before_cut =
            all[..end].iter().rposition(|(modseq, ..)| *modseq < cut_at).map_or(0, |last| last + 1);
        end = match before_cut {
            0 => all.iter().position(|(modseq, ..)| *modseq > cut_at).unwrap_or(all.len()),
            cut => cut,
        };
    }
    let mut changes = Changes { new_state: now, ..Changes::default() };
    if let (true, Some((modseq, ..))) = (has_more, all[..end].last()) {
        // What lies beyond the rows at hand was not read: only the newest change of all has nothing after it.
        changes.new_state = *modseq;
        changes.has_more = *modseq < now;
    }
    for (_, created, is_gone, id) in &all[..end] {
        match (is_gone, *created > since) {
            (false, true) => changes.created.push(*id),
            (false, false) => changes.updated.push(*id),
            (true, false) => changes.destroyed.push(*id),
            // Came and went between the two states: nobody needs to know.
            (true, true) => {}
        }
    }
    changes
}
