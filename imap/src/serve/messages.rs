//! Messages of a mailbox: read, searched, flagged, copied, removed.

use mail::{AccountId, BlobId, MailboxId, ModSeq, Timestamp, UidSet};
use store::{Copied, FlagEdit, MESSAGES_PER_ACT, SearchTerm, Tx};

use super::Desk;
use crate::Error;
use crate::codec::MailboxName;
use crate::session::{Grant, Message};
use crate::tree::Tree;

/// Rows of one look at what happened.
const CHANGES_AT_ONCE: i64 = 1_000;

/// A copy or move to be done.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) account_id: AccountId,
    pub(super) from: MailboxId,
    pub(super) uids: UidSet,
    pub(super) to: MailboxName,
    pub(super) moves: bool,
    pub(super) now: Timestamp,
}

impl Desk {
    pub(super) async fn open(&self, account_id: AccountId, name: MailboxName) -> Result<Grant, Error> {
        let opened = self.store.read(name, |tx, name| {
            Box::pin(async move {
                let tree = Tree::new(tx.mailboxes(account_id).await?);
                let mailbox_id = tree.find(name).ok_or(Error::NoMailbox)?.mailbox.mailbox_id;
                tx.open_mailbox(account_id, mailbox_id).await?.ok_or(Error::NoMailbox)
            })
        });
        Ok(Grant::Opened(Box::new(opened.await?)))
    }

    pub(super) async fn messages(
        &self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: UidSet,
        with_facts: bool,
    ) -> Result<Grant, Error> {
        let messages = self.store.read(uids, |tx, uids| {
            Box::pin(async move {
                let limit = i64::from(uids.len());
                Ok::<_, Error>(match with_facts {
                    true => {
                        let emails = tx.view_emails(account_id, mailbox_id, uids, limit).await?;
                        let message = |(row, facts)| Message { row, facts: Some(Box::new(facts)) };
                        emails.into_iter().map(message).collect()
                    }
                    false => {
                        let rows = tx.view_rows(account_id, mailbox_id, uids, limit).await?;
                        rows.into_iter().map(|row| Message { row, facts: None }).collect()
                    }
                })
            })
        });
        Ok(Grant::Messages(messages.await?))
    }

    pub(super) async fn contents(&self, account_id: AccountId, blob_ids: &[BlobId]) -> Result<Grant, Error> {
        let contents = self.store.read_blobs(account_id, blob_ids).await?;
        Ok(Grant::Contents(contents))
    }

    pub(super) async fn changes(
        &self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        since: ModSeq,
    ) -> Result<Grant, Error> {
        let changes = self.store.read((), |tx, ()| {
            Box::pin(async move { tx.view_changes(account_id, mailbox_id, since, CHANGES_AT_ONCE).await })
        });
        let changes: Result<_, store::Error> = changes.await;
        Ok(Grant::Changes(changes?))
    }

    pub(super) async fn edit_flags(
        &self,
        account_id: AccountId,
        edit: (MailboxId, UidSet, FlagEdit, Option<ModSeq>),
    ) -> Result<Grant, Error> {
        let edited = self.store.write("change flags", edit, move |tx, (mailbox_id, uids, edit, since)| {
            Box::pin(async move { tx.edit_flags(account_id, *mailbox_id, uids, edit, *since).await })
        });
        let edited = edited.await.map_err(|error| match error {
            store::Error::Refused(_) => Error::BadFlags,
            other => other.into(),
        });
        Ok(Grant::Edited(edited?))
    }

    pub(super) async fn copy(&self, copy: Copy) -> Result<Grant, Error> {
        let copied = self.store.write("copy messages", copy, |tx, copy| {
            Box::pin(async move {
                let tree = Tree::new(tx.mailboxes(copy.account_id).await?);
                let to = &tree.find(&copy.to).ok_or(Error::NoMailbox)?.mailbox;
                let copied = copy_all(tx, copy, to.mailbox_id).await?;
                Ok::<_, Error>((to.uid_validity, copied))
            })
        });
        let (uid_validity, copied) = copied.await?;
        Ok(Grant::Copied { uid_validity, copied })
    }

    pub(super) async fn expunge(
        &self,
        account_id: AccountId,
        what: (MailboxId, Option<UidSet>, Timestamp),
    ) -> Result<Grant, Error> {
        let expunged = self.store.write("expunge", what, move |tx, (mailbox_id, only, now)| {
            Box::pin(async move { tx.expunge(account_id, *mailbox_id, only.as_ref(), *now).await })
        });
        let expunged: Result<_, store::Error> = expunged.await;
        Ok(Grant::Expunged(expunged?))
    }

    pub(super) async fn search(
        &self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        term: SearchTerm,
    ) -> Result<Grant, Error> {
        // What was delivered a moment ago is found; rows answer without the index.
        if asks_index(&term) {
            self.store.ready_search(account_id).await?;
        }
        let found = self.store.read(term, |tx, term| {
            Box::pin(async move { tx.search_uids(account_id, mailbox_id, term).await })
        });
        let found: Result<_, store::Error> = found.await;
        Ok(Grant::Found(found?))
    }
}

/// Whether words are looked for.
fn asks_index(term: &SearchTerm) -> bool {
    match term {
        SearchTerm::All(terms) | SearchTerm::Any(terms) => terms.iter().any(asks_index),
        SearchTerm::Not(term) => asks_index(term),
        SearchTerm::Words(..) | SearchTerm::Header(..) => true,
        _ => false,
    }
}

/// All of them or none: the thousands of one copy are one transaction.
async fn copy_all(tx: &mut Tx, copy: &Copy, to: MailboxId) -> Result<Copied, Error> {
    let mut all = Copied { modseq: ModSeq(0), pairs: Vec::new() };
    let mut left = copy.uids.clone();
    while !left.is_empty() {
        let uids = left.at_places(&UidSet::run(1, MESSAGES_PER_ACT as u32));
        left = left.without(&uids);
        let copied = match copy.moves {
            true => tx.move_messages(copy.account_id, copy.from, &uids, to, copy.now).await?,
            false => tx.copy_messages(copy.account_id, copy.from, &uids, to, copy.now).await?,
        };
        all.modseq = copied.modseq;
        all.pairs.extend(copied.pairs);
    }
    Ok(all)
}
