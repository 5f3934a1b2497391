//! What a conversation wishes for, done with verbs of the store.
//!
//! ```text
//!   session::Ask::Wish ─► Desk::grant ─► session::Grant         one transaction each; a promise is made after its commit
//! ```
//!
//! No socket, no clock and no randomness: moments and chance are handed in. Everything is of the account that signed in: a mailbox or
//! message of somebody else is not there.

mod append;
mod mailboxes;
mod messages;

use std::sync::Arc;

use mail::{AccountId, Chance, Examine, Timestamp};
use store::Store;

use crate::session::{Grant, Wish};
use crate::tree::Tree;
use crate::{Error, Limits};

/// The verbs of the store for IMAP, as configured.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    limits: Limits,
    chance: Arc<dyn Chance>,
    /// Looks at what is brought by APPEND (RULES R7: at every entrance).
    examiner: Arc<dyn Examine>,
}

impl Desk {
    /// Over a store.
    pub fn new(store: Store, limits: Limits, chance: Arc<dyn Chance>, examiner: Arc<dyn Examine>) -> Self {
        Self { store, limits, chance, examiner }
    }

    /// Grants a wish of an account. What is granted was committed.
    ///
    /// # Errors
    /// [`Error`], and then nothing was done.
    pub async fn grant(&self, account_id: AccountId, wish: Wish, now: Timestamp) -> Result<Grant, Error> {
        match wish {
            Wish::Tree => self.tree(account_id).await,
            Wish::Sizes(mailbox_ids) => self.sizes(account_id, mailbox_ids).await,
            Wish::Open(name) => self.open(account_id, name).await,
            Wish::Messages { mailbox_id, uids, with_facts } => {
                self.messages(account_id, mailbox_id, uids, with_facts).await
            }
            Wish::Contents(blob_ids) => self.contents(account_id, &blob_ids).await,
            Wish::Changes { mailbox_id, since } => self.changes(account_id, mailbox_id, since).await,
            Wish::EditFlags { mailbox_id, uids, edit, unchanged_since } => {
                self.edit_flags(account_id, (mailbox_id, uids, edit, unchanged_since)).await
            }
            Wish::Copy { from, uids, to, moves } => {
                let copy = messages::Copy { account_id, from, uids, to, moves, now };
                self.copy(copy).await
            }
            Wish::Expunge { mailbox_id, only } => self.expunge(account_id, (mailbox_id, only, now)).await,
            Wish::Append { mailbox, messages } => self.append(account_id, mailbox, messages, now).await,
            Wish::Search { mailbox_id, term } => self.search(account_id, mailbox_id, term).await,
            Wish::Create { mailbox, special_use } => {
                self.create(account_id, &mailbox, &special_use, now).await
            }
            Wish::Delete(mailbox) => self.delete(account_id, mailbox, now).await,
            Wish::Rename { from, to } => self.rename(account_id, from, to, now).await,
            Wish::Subscribe { mailbox, is_subscribed } => {
                self.subscribe(account_id, mailbox, is_subscribed).await
            }
            Wish::Quota => self.quota(account_id).await,
        }
    }

    async fn tree(&self, account_id: AccountId) -> Result<Grant, Error> {
        let read = self.store.read((), |tx, ()| {
            Box::pin(async move {
                let modseq = tx.modseq(account_id).await?;
                Ok::<_, Error>((Tree::new(tx.mailboxes(account_id).await?), modseq))
            })
        });
        let (tree, modseq) = read.await?;
        Ok(Grant::Tree { tree, modseq })
    }

    async fn quota(&self, account_id: AccountId) -> Result<Grant, Error> {
        let read = self.store.read((), |tx, ()| Box::pin(async move { tx.account(account_id).await }));
        let account: Option<store::Account> = read.await?;
        let account = account.ok_or(store::Error::NotFound("the account"))?;
        let bytes = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(Grant::Quota { used: bytes(account.used_bytes), limit: bytes(account.quota_bytes) })
    }
}
