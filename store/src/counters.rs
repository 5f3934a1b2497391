//! The exact counters of mailboxes, and how an act moves them.

use std::collections::{BTreeMap, BTreeSet};

use mail::{AccountId, MailboxId, ModSeq, ThreadId};

use crate::Tx;
use crate::error::Result;
use crate::sql::{Sql, json_list, over_list, values};

/// What one message adds to the counters of a mailbox it lies in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weight {
    /// Its length, bytes.
    pub(crate) size: i64,
    /// Neither seen nor a draft (RFC 8621 §2).
    pub(crate) is_unread: bool,
    /// Not seen (RFC 9051 §6.3.11).
    pub(crate) is_unseen: bool,
    /// Marked `\Deleted` there.
    pub(crate) is_deleted: bool,
}

impl Weight {
    /// Messages, unread, bytes, unseen, deleted, bytes of the deleted.
    fn sums(&self) -> [i64; 6] {
        let deleted = i64::from(self.is_deleted);
        [1, i64::from(self.is_unread), self.size, i64::from(self.is_unseen), deleted, deleted * self.size]
    }
}

/// How many messages, and unread ones, of one conversation lie in each mailbox.
#[derive(Clone, Debug, Default)]
struct ThreadShape(BTreeMap<MailboxId, (i64, i64)>);

impl ThreadShape {
    /// What this conversation counts in a mailbox: conversations, unread conversations. A message that is unread anywhere makes its
    /// conversation unread everywhere (RFC 8621 §2).
    fn counts(&self, mailbox_id: MailboxId) -> [i64; 2] {
        let is_unread = self.0.values().any(|(_, unread)| *unread > 0);
        match self.0.get(&mailbox_id) {
            Some((messages, _)) if *messages > 0 => [1, i64::from(is_unread)],
            _ => [0; 2],
        }
    }
}

/// What an act does to the counters, gathered message by message.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    sums: BTreeMap<MailboxId, [i64; 6]>,
    /// Of each conversation: before the act, and after it. One whose messages neither come, go nor change between read and unread
    /// need not have been looked up: it comes out as it went in.
    threads: BTreeMap<ThreadId, (ThreadShape, ThreadShape)>,
}

impl Counting {
    /// A message more (`by` = 1) or less (-1) in a mailbox.
    pub(crate) fn weigh(&mut self, mailbox_id: MailboxId, thread_id: ThreadId, weight: &Weight, by: i64) {
        let sums = self.sums.entry(mailbox_id).or_default();
        for (sum, more) in sums.iter_mut().zip(weight.sums()) {
            *sum += by * more;
        }
        let (_, after) = self.threads.entry(thread_id).or_default();
        let (messages, unread) = after.0.entry(mailbox_id).or_default();
        *messages += by;
        *unread += by * i64::from(weight.is_unread);
    }

    /// By how much each mailbox's counters move: the six sums, conversations, unread conversations. Those that stay are not named.
    fn moved(&self) -> BTreeMap<MailboxId, [i64; 8]> {
        let mut moved: BTreeMap<MailboxId, [i64; 8]> = BTreeMap::new();
        for (mailbox_id, sums) in &self.sums {
            let all = moved.entry(*mailbox_id).or_default();
            all.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum);
        }
        for (before, after) in self.threads.values() {
            let touched: BTreeSet<&MailboxId> = before.0.keys().chain(after.0.keys()).collect();
            for mailbox_id in touched {
                let (old, new) = (before.counts(*mailbox_id), after.counts(*mailbox_id));
                let all = moved.entry(*mailbox_id).or_default();
                all[6] += new[0] - old[0];
                all[7] += new[1] - old[1];
            }
        }
        moved.retain(|_, all| *all != [0; 8]);
        moved
    }
}

macro_rules! shapes {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "SELECT thread_id, mailbox_id, CAST(COUNT(*) AS BIGINT), CAST(SUM(is_unread) AS BIGINT) FROM placement \
             WHERE account_id = $1 AND thread_id IN (SELECT ",
            $id,
            "t.value ->> 0",
            $end,
            " FROM ",
            $list,
            ") GROUP BY thread_id, mailbox_id"
        )
    };
}

macro_rules! recount {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "UPDATE mailbox SET total_emails = total_emails + j.d1, unread_emails = unread_emails + j.d2, \
             bytes = bytes + j.d3, unseen_emails = unseen_emails + j.d4, deleted_emails = deleted_emails + j.d5, \
             deleted_bytes = deleted_bytes + j.d6, total_threads = total_threads + j.d7, \
             unread_threads = unread_threads + j.d8, modseq = CASE WHEN j.is_seen = 1 THEN $3 ELSE modseq END \
             FROM (SELECT ",
            $id,
            "t.value ->> 0",
            $end,
            " AS id, CAST(t.value ->> 1 AS BIGINT) AS d1, CAST(t.value ->> 2 AS BIGINT) AS d2, \
             CAST(t.value ->> 3 AS BIGINT) AS d3, CAST(t.value ->> 4 AS BIGINT) AS d4, \
             CAST(t.value ->> 5 AS BIGINT) AS d5, CAST(t.value ->> 6 AS BIGINT) AS d6, \
             CAST(t.value ->> 7 AS BIGINT) AS d7, CAST(t.value ->> 8 AS BIGINT) AS d8, \
             CAST(t.value ->> 9 AS BIGINT) AS is_seen FROM ",
            $list,
            ") j WHERE mailbox.account_id = $1 AND mailbox.mailbox_id = j.id"
        )
    };
}

pub(crate) const SHAPES: Sql = over_list!(shapes);
pub(crate) const RECOUNT: Sql = over_list!(recount);

impl Tx {
    /// Begins to count for an act that touches these conversations.
    pub(crate) async fn counting(
        &mut self,
        account_id: AccountId,
        thread_ids: &BTreeSet<ThreadId>,
    ) -> Result<Counting> {
        let mut counting = Counting::default();
        if thread_ids.is_empty() {
            return Ok(counting);
        }
        let list = json_list(thread_ids.iter().map(|id| [id]))?;
        for row in self.rows(SHAPES, values![&account_id, &list]).await? {
            let (before, after) = counting.threads.entry(row.id(0)?).or_default();
            let shape = (row.int(2)?, row.int(3)?);
            before.0.insert(row.id(1)?, shape);
            after.0.insert(row.id(1)?, shape);
        }
        Ok(counting)
    }

    /// Moves the counters. A mailbox whose counters JMAP shows has changed for JMAP too.
    pub(crate) async fn recount(
        &mut self,
        account_id: AccountId,
        counting: &Counting,
        modseq: ModSeq,
    ) -> Result<()> {
        let moved = counting.moved();
        if moved.is_empty() {
            return Ok(());
        }
        let list = json_list(moved.iter().map(|(mailbox_id, d)| {
            let is_seen = i64::from([d[0], d[1], d[6], d[7]] != [0; 4]);
            (mailbox_id, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], is_seen)
        }))?;
        self.exec(RECOUNT, values![&account_id, &list, modseq]).await.map(drop)
    }
}
