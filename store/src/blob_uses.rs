//! Which messages a blob is (RFC 9404 §4.3).

use mail::{AccountId, BlobId, EmailId, MailboxId, ThreadId};

use crate::Tx;
use crate::error::Result;
use crate::sql::values;

/// A message that a blob is, in one of the mailboxes where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobUse {
    /// The message.
    pub email_id: EmailId,
    /// Its conversation.
    pub thread_id: ThreadId,
    /// Where it lies.
    pub mailbox_id: MailboxId,
}

/// A blob has no index of its own among messages, which would cost every delivery: its size has one.
pub(crate) const USES: &str = "SELECT e.email_id, e.thread_id, p.mailbox_id FROM blob b \
    JOIN email e ON e.account_id = b.owner_id AND e.size = b.size AND e.blob_id = b.blob_id \
    JOIN placement p ON p.account_id = e.account_id AND p.email_id = e.email_id \
    WHERE b.owner_id = $1 AND b.blob_id = $2 ORDER BY e.email_id, p.mailbox_id LIMIT $3";

impl Tx {
    /// The messages of an account that a blob is, `limit` places of them at most.
    pub async fn blob_uses(
        &mut self,
        account_id: AccountId,
        blob_id: BlobId,
        limit: i64,
    ) -> Result<Vec<BlobUse>> {
        let rows = self.rows(USES, values![&account_id, &blob_id, limit]).await?;
        rows.iter()
            .map(|row| Ok(BlobUse { email_id: row.id(0)?, thread_id: row.id(1)?, mailbox_id: row.id(2)? }))
            .collect()
    }
}
