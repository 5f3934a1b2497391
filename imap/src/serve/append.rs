//! APPEND: a message that a client brings is read, examined, sealed, and then kept with all that come with it or not at all.

use mail::{AccountId, Door, Letter, Timestamp, Uid};
use store::NewEmail;

use super::Desk;
use crate::Error;
use crate::codec::MailboxName;
use crate::codec::command::Appended;
use crate::session::{Grant, kept};
use crate::tree::Tree;

impl Desk {
    pub(super) async fn append(
        &self,
        account_id: AccountId,
        mailbox: MailboxName,
        messages: Vec<Appended>,
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let tree = self.tree_of(account_id).await?;
        let (mailbox_id, uid_validity) = tree
            .find(&mailbox)
            .map(|node| (node.mailbox.mailbox_id, node.mailbox.uid_validity))
            .ok_or(Error::NoMailbox)?;
        let mut new = Vec::with_capacity(messages.len());
        for appended in messages {
            let facts = mail::message::read(&appended.message, &mail::message::Limits::default());
            let letter = Letter {
                door: Door::Imap,
                id: "append",
                reverse_path: None,
                recipients: Vec::new(),
                account: Some(account_id),
                peer: None,
                received_at: now,
                message: &appended.message,
                facts: &facts,
            };
            self.examiner.examine(&letter).await.map_err(Error::NotTaken)?;
            let blob = self.store.seal(account_id, &appended.message, now).await?;
            let (keywords, is_deleted) = kept(appended.flags);
            let email = NewEmail {
                account_id,
                blob,
                facts,
                mailbox_ids: vec![mailbox_id],
                keywords,
                received_at: appended.date.unwrap_or(now),
                ask_quota: true,
            };
            new.push((email, is_deleted));
        }
        let kept = self.store.write("append messages", (new, now), move |tx, (new, now)| {
            Box::pin(async move {
                let mut uids = Vec::with_capacity(new.len());
                for (email, is_deleted) in new {
                    let placed = tx.add_email(email, *now).await?;
                    let uid = placed.uids.first().map_or(Uid(0), |(_, uid)| *uid);
                    if *is_deleted {
                        let edit = store::FlagEdit {
                            mode: store::FlagMode::Add,
                            keywords: Vec::new(),
                            deleted: true,
                        };
                        let only = mail::UidSet::run(uid.0, uid.0);
                        tx.edit_flags(account_id, mailbox_id, &only, &edit, None).await?;
                    }
                    uids.push(uid);
                }
                Ok(uids)
            })
        });
        let uids = kept.await.map_err(|error| match error {
            // Deleted a moment ago: the client may make it anew.
            store::Error::NotFound(_) => Error::NoMailbox,
            store::Error::Refused(_) => Error::BadFlags,
            other => other.into(),
        });
        Ok(Grant::Appended { uid_validity, uids: uids? })
    }

    pub(super) async fn tree_of(&self, account_id: AccountId) -> Result<Tree, Error> {
        let read = self.store.read((), |tx, ()| Box::pin(async move { tx.mailboxes(account_id).await }));
        let mailboxes: Result<_, store::Error> = read.await;
        Ok(Tree::new(mailboxes?))
    }
}
