//! The end of messages: their bytes go unless something holds them, and what is gone is remembered.

use std::collections::{BTreeMap, BTreeSet};

use mail::{AccountId, BlobId, ModSeq, ThreadId};

use crate::Tx;
use crate::acts::{Act, Message};
use crate::error::Result;
use crate::sql::{Sql, among, json_list, over_list, values};

macro_rules! hold {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "UPDATE blob SET hold_until = CASE WHEN blob.hold_until > h.hold_until THEN blob.hold_until ELSE h.hold_until END \
             FROM (SELECT e.blob_id, MAX(CASE WHEN e.legal_hold = 1 OR a.legal_hold = 1 THEN 9223372036854775807 \
             ELSE e.retain_until END) AS hold_until FROM (SELECT ",
            $id, "t.value ->> 0", $end, " AS id FROM ", $list,
            ") j JOIN email e ON e.account_id = $1 AND e.email_id = j.id JOIN account a ON a.account_id = $1 \
             WHERE e.legal_hold = 1 OR a.legal_hold = 1 OR e.retain_until IS NOT NULL GROUP BY e.blob_id) h \
             WHERE blob.owner_id = $1 AND blob.blob_id = h.blob_id"
        )
    };
}
macro_rules! count_blobs {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "UPDATE blob SET refs = refs + j.n FROM (SELECT ",
            $id,
            "t.value ->> 0",
            $end,
            " AS id, CAST(t.value ->> 1 AS BIGINT) AS n FROM ",
            $list,
            ") j WHERE blob.owner_id = $1 AND blob.blob_id = j.id"
        )
    };
}
macro_rules! bury {
    ($id:literal, $end:literal, $list:literal) => {
        concat!(
            "INSERT INTO tombstone (account_id, kind, object_id, created_modseq, modseq) SELECT $1, $4, ",
            $id,
            "t.value ->> 0",
            $end,
            ", CAST(t.value ->> 1 AS BIGINT), $3 FROM ",
            $list
        )
    };
}

pub(crate) const HOLD: Sql = over_list!(hold);
pub(crate) const DESTROY: Sql = among!("DELETE FROM email WHERE account_id = $1 AND email_id", "");
pub(crate) const COUNT_BLOBS: Sql = over_list!(count_blobs);
pub(crate) const DROP_BLOBS: Sql = among!(
    "DELETE FROM blob WHERE owner_id = $1 AND blob_id",
    " AND refs <= 0 AND (hold_until IS NULL OR hold_until <= $3) RETURNING blob_id"
);
pub(crate) const DROP_BYTES: Sql = among!("DELETE FROM blob_bytes WHERE owner_id = $1 AND blob_id", "");
// What was judged of a message's bytes goes with them.
pub(crate) const DROP_SMIME: Sql = among!("DELETE FROM email_smime WHERE account_id = $1 AND blob_id", "");
pub(crate) const DROP_DOCUMENTS: Sql =
    among!("DELETE FROM email_document WHERE account_id = $1 AND blob_id", "");
const BURY: Sql = over_list!(bury);
pub(crate) const END_THREADS: Sql = among!(
    "DELETE FROM thread WHERE account_id = $1 AND thread_id",
    " AND NOT EXISTS (SELECT 1 FROM email e WHERE e.account_id = $1 AND e.thread_id = thread.thread_id) \
     RETURNING thread_id, created_modseq"
);

impl Tx {
    /// Ends messages that lie nowhere any more. Their bytes stay while a legal hold or a retention says so, out of everybody's sight.
    pub(crate) async fn destroy_messages(&mut self, act: Act, gone: &[&Message]) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let Act { account_id, modseq, now } = act;
        let ids = json_list(gone.iter().map(|m| [m.email_id]))?;
        // Before a message goes: what holds it, holds its bytes from now on.
        self.exec(HOLD, values![&account_id, &ids]).await?;
        self.exec(DESTROY, values![&account_id, &ids]).await?;
        self.use_bytes(account_id, -gone.iter().map(|m| m.size).sum::<i64>()).await?;
        self.count_blobs(account_id, gone.iter().map(|m| m.blob_id), -1).await?;
        let blobs: BTreeSet<BlobId> = gone.iter().map(|m| m.blob_id).collect();
        let blobs = json_list(blobs.iter().map(|id| [id]))?;
        let dropped = self.rows(DROP_BLOBS, values![&account_id, &blobs, now]).await?;
        if !dropped.is_empty() {
            let dropped = dropped.iter().map(|row| row.id::<BlobId>(0)).collect::<Result<Vec<_>>>()?;
            let list = json_list(dropped.iter().map(|id| [id]))?;
            self.exec(DROP_BYTES, values![&account_id, &list]).await?;
            self.exec(DROP_SMIME, values![&account_id, &list]).await?;
            self.exec(DROP_DOCUMENTS, values![&account_id, &list]).await?;
        }
        let buried = json_list(gone.iter().map(|m| (m.email_id, m.created_modseq.0)))?;
        self.exec(BURY, values![&account_id, &buried, modseq, "email"]).await?;
        self.threads_shrank(account_id, gone.iter().map(|m| m.thread_id).collect(), modseq).await
    }

    /// One reference more or less (`by`) to each of these blobs, as often as it is named.
    pub(crate) async fn count_blobs(
        &mut self,
        account_id: AccountId,
        blobs: impl Iterator<Item = BlobId>,
        by: i64,
    ) -> Result<()> {
        let mut counts: BTreeMap<BlobId, i64> = BTreeMap::new();
        blobs.for_each(|blob_id| *counts.entry(blob_id).or_default() += by);
        let list = json_list(counts.iter())?;
        self.exec(COUNT_BLOBS, values![&account_id, &list]).await.map(drop)
    }

    /// After messages went: their conversations changed, or went with their last message.
    async fn threads_shrank(
        &mut self,
        account_id: AccountId,
        thread_ids: BTreeSet<ThreadId>,
        modseq: ModSeq,
    ) -> Result<()> {
        let list = json_list(thread_ids.iter().map(|id| [id]))?;
        let ended = self.rows(END_THREADS, values![&account_id, &list]).await?;
        if !ended.is_empty() {
            let buried = ended.iter().map(|row| Ok((row.id::<ThreadId>(0)?, row.int(1)?)));
            let buried = json_list(buried.collect::<Result<Vec<_>>>()?.into_iter())?;
            self.exec(BURY, values![&account_id, &buried, modseq, "thread"]).await?;
        }
        if ended.len() < thread_ids.len() {
            self.touch_threads(account_id, &list, modseq).await?;
        }
        Ok(())
    }
}
