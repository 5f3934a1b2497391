//! Mailboxes: made with the ones above them, renamed, removed with what lies in them.

use mail::{AccountId, MailboxId, Timestamp, UidSet, UidValidity};
use store::{FlagEdit, FlagMode, MESSAGES_PER_ACT, Mailbox, MailboxRole, MailboxSizes, NewMailbox, Tx};

use super::Desk;
use crate::codec::command::SpecialUse;
use crate::codec::{DELIMITER, MailboxName};
use crate::session::Grant;
use crate::tree::Tree;
use crate::{Error, Limits};

/// Where a mailbox made by a client stands among the account's own: after them.
const SORT_ORDER: i64 = 100;

/// A mailbox to be made, checked, and with its ids drawn, so that the transaction may be run again.
#[derive(Clone, Debug)]
struct ToMake {
    account_id: AccountId,
    /// The levels of its name, outermost first, each with the id it gets if it has to be made.
    levels: Vec<(String, MailboxId)>,
    role: Option<MailboxRole>,
    now: Timestamp,
}

impl Desk {
    pub(super) async fn sizes(
        &self,
        account_id: AccountId,
        mailbox_ids: Vec<MailboxId>,
    ) -> Result<Grant, Error> {
        let read = self.store.read(mailbox_ids, |tx, mailbox_ids| {
            Box::pin(async move {
                let mut sizes: Vec<(MailboxId, MailboxSizes)> = Vec::with_capacity(mailbox_ids.len());
                for mailbox_id in mailbox_ids {
                    sizes.push((*mailbox_id, tx.mailbox_sizes(account_id, *mailbox_id).await?));
                }
                Ok::<_, store::Error>(sizes)
            })
        });
        Ok(Grant::Sizes(read.await?))
    }

    pub(super) async fn create(
        &self,
        account_id: AccountId,
        name: &MailboxName,
        special_use: &[SpecialUse],
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let role = match special_use {
            [] => None,
            [one] => Some(role_for(*one).ok_or(Error::BadUse)?),
            _ => return Err(Error::BadUse),
        };
        let to_make = self.to_make(account_id, name, role, now)?;
        let made = self.store.write("create a mailbox", to_make, |tx, to_make| {
            Box::pin(async move {
                let tree = Tree::new(tx.mailboxes(to_make.account_id).await?);
                if to_make.role.is_some() && tree.nodes().iter().any(|node| node.mailbox.role == to_make.role)
                {
                    return Err(Error::BadUse);
                }
                if tree.find(&to_make.name()).is_some() {
                    return Err(Error::MailboxExists);
                }
                make(tx, &tree, to_make).await
            })
        });
        Ok(Grant::Created(made.await?))
    }

    /// RFC 9051 §6.3.5. The children of a mailbox keep it; what lies in it goes with it, some at a time.
    pub(super) async fn delete(
        &self,
        account_id: AccountId,
        name: MailboxName,
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let tree = self.tree_of(account_id).await?;
        let node = tree.find(&name).ok_or(Error::NoMailbox)?;
        if node.mailbox.role.is_some() {
            return Err(Error::Fixed);
        }
        if node.has_children {
            return Err(Error::HasChildren);
        }
        let mailbox_id = node.mailbox.mailbox_id;
        loop {
            let gone = self.store.write("delete a mailbox", (), move |tx, ()| {
                Box::pin(async move { delete_some(tx, account_id, mailbox_id, now).await })
            });
            if gone.await? {
                return Ok(Grant::Done);
            }
        }
    }

    /// RFC 9051 §6.3.6. What lies in the inbox moves; any other mailbox takes a new name with all that lies in it.
    pub(super) async fn rename(
        &self,
        account_id: AccountId,
        from: MailboxName,
        to: MailboxName,
        now: Timestamp,
    ) -> Result<Grant, Error> {
        let to_make = self.to_make(account_id, &to, None, now)?;
        if from.is_inbox() {
            return self.empty_inbox(to_make).await;
        }
        let renamed = self.store.write("rename a mailbox", (from, to_make), |tx, (from, to_make)| {
            Box::pin(async move {
                let tree = Tree::new(tx.mailboxes(to_make.account_id).await?);
                let node = tree.find(from).ok_or(Error::NoMailbox)?;
                if tree.find(&to_make.name()).is_some() {
                    return Err(Error::MailboxExists);
                }
                let below = format!("{}{DELIMITER}", from.as_str());
                if to_make.name().as_str().starts_with(&below) {
                    return Err(Error::InItself);
                }
                let (parent_id, name) = make_above(tx, &tree, to_make).await?;
                if node.mailbox.role.is_some() && parent_id != node.mailbox.parent_id {
                    return Err(Error::Fixed);
                }
                let renamed = Mailbox { parent_id, name, ..node.mailbox.clone() };
                tx.change_mailbox(to_make.account_id, &renamed).await?;
                Ok(())
            })
        });
        renamed.await.map(|()| Grant::Done)
    }

    /// RENAME INBOX: a new mailbox gets all that lies in the inbox, a thousand messages at a time.
    async fn empty_inbox(&self, to_make: ToMake) -> Result<Grant, Error> {
        let (account_id, now) = (to_make.account_id, to_make.now);
        let made = self.store.write("create a mailbox", to_make, |tx, to_make| {
            Box::pin(async move {
                let tree = Tree::new(tx.mailboxes(to_make.account_id).await?);
                let inbox = tree.find(&MailboxName::new("INBOX")).ok_or(Error::NoMailbox)?;
                if tree.find(&to_make.name()).is_some() {
                    return Err(Error::MailboxExists);
                }
                Ok((inbox.mailbox.mailbox_id, make(tx, &tree, to_make).await?))
            })
        });
        let (inbox, to) = made.await?;
        loop {
            let moved = self.store.write("move messages", (), move |tx, ()| {
                Box::pin(async move {
                    let opened = tx.open_mailbox(account_id, inbox).await?.ok_or(Error::NoMailbox)?;
                    let uids = opened.uids.at_places(&UidSet::run(1, MESSAGES_PER_ACT as u32));
                    if !uids.is_empty() {
                        tx.move_messages(account_id, inbox, &uids, to, now).await?;
                    }
                    Ok::<_, Error>(uids.len())
                })
            });
            if (moved.await? as usize) < MESSAGES_PER_ACT {
                return Ok(Grant::Done);
            }
        }
    }

    pub(super) async fn subscribe(
        &self,
        account_id: AccountId,
        name: MailboxName,
        is_subscribed: bool,
    ) -> Result<Grant, Error> {
        let done = self.store.write("subscribe to a mailbox", name, move |tx, name| {
            Box::pin(async move {
                let tree = Tree::new(tx.mailboxes(account_id).await?);
                let mailbox = &tree.find(name).ok_or(Error::NoMailbox)?.mailbox;
                if mailbox.is_subscribed != is_subscribed {
                    let changed = Mailbox { is_subscribed, ..mailbox.clone() };
                    tx.change_mailbox(account_id, &changed).await?;
                }
                Ok(())
            })
        });
        done.await.map(|()| Grant::Done)
    }

    /// Checks a name. A delimiter at its end says that mailboxes will lie in it, which all may (RFC 9051 §6.3.4).
    fn to_make(
        &self,
        account_id: AccountId,
        name: &MailboxName,
        role: Option<MailboxRole>,
        now: Timestamp,
    ) -> Result<ToMake, Error> {
        let text = name.as_str();
        let text = text.strip_suffix(DELIMITER).unwrap_or(text);
        let levels: Vec<&str> = text.split(DELIMITER).collect();
        if levels.len() > self.limits.depth_max || !levels.iter().all(|level| is_name(level, &self.limits)) {
            return Err(Error::BadName);
        }
        let draw = |level: &&str| ((*level).to_owned(), MailboxId::new(now, &*self.chance));
        Ok(ToMake { account_id, levels: levels.iter().map(draw).collect(), role, now })
    }
}

impl ToMake {
    fn name(&self) -> MailboxName {
        self.name_to(self.levels.len())
    }

    /// The name of its first levels.
    fn name_to(&self, count: usize) -> MailboxName {
        let levels: Vec<&str> = self.levels.iter().take(count).map(|(level, _)| level.as_str()).collect();
        MailboxName::new(&levels.join(&DELIMITER.to_string()))
    }
}

/// Net-Unicode without blanks at its ends, as the house's other door has it (RFC 8621 §2, RFC 5198).
fn is_name(level: &str, limits: &Limits) -> bool {
    (1..=limits.name_bytes_max).contains(&level.len())
        && !level.chars().any(char::is_control)
        && level.trim() == level
}

fn role_for(special_use: SpecialUse) -> Option<MailboxRole> {
    match special_use {
        SpecialUse::Archive => Some(MailboxRole::Archive),
        SpecialUse::Drafts => Some(MailboxRole::Drafts),
        SpecialUse::Junk => Some(MailboxRole::Junk),
        SpecialUse::Sent => Some(MailboxRole::Sent),
        SpecialUse::Trash => Some(MailboxRole::Trash),
        SpecialUse::All | SpecialUse::Flagged => None,
    }
}

/// Makes a mailbox and what is missing above it.
async fn make(tx: &mut Tx, tree: &Tree, to_make: &ToMake) -> Result<MailboxId, Error> {
    let (parent_id, name) = make_above(tx, tree, to_make).await?;
    let mailbox_id = to_make.levels.last().ok_or(Error::BadName)?.1;
    add(tx, to_make, (mailbox_id, parent_id, name), to_make.role).await?;
    Ok(mailbox_id)
}

/// Makes what is missing above a mailbox; answers where it will lie, and what it is called there.
async fn make_above(
    tx: &mut Tx,
    tree: &Tree,
    to_make: &ToMake,
) -> Result<(Option<MailboxId>, String), Error> {
    let mut parent_id = None;
    let (last, above) = to_make.levels.split_last().ok_or(Error::BadName)?;
    for (index, (level, mailbox_id)) in above.iter().enumerate() {
        parent_id = match tree.find(&to_make.name_to(index + 1)) {
            Some(node) => Some(node.mailbox.mailbox_id),
            None => {
                add(tx, to_make, (*mailbox_id, parent_id, level.clone()), None).await?;
                Some(*mailbox_id)
            }
        };
    }
    Ok((parent_id, last.0.clone()))
}

async fn add(
    tx: &mut Tx,
    to_make: &ToMake,
    (mailbox_id, parent_id, name): (MailboxId, Option<MailboxId>, String),
    role: Option<MailboxRole>,
) -> Result<(), Error> {
    let new = NewMailbox {
        account_id: to_make.account_id,
        mailbox_id,
        parent_id,
        name,
        role,
        sort_order: SORT_ORDER,
        // Seconds since 1970, as RFC 9051 §2.3.1.1 suggests.
        uid_validity: UidValidity(u32::try_from(to_make.now.secs()).unwrap_or(1).max(1)),
    };
    tx.add_mailbox(&new).await?;
    Ok(())
}

/// Removes some of what lies in a mailbox, or the mailbox when nothing does; answers whether it is gone.
async fn delete_some(
    tx: &mut Tx,
    account_id: AccountId,
    mailbox_id: MailboxId,
    now: Timestamp,
) -> Result<bool, Error> {
    let opened = tx.open_mailbox(account_id, mailbox_id).await?.ok_or(Error::NoMailbox)?;
    let uids = opened.uids.at_places(&UidSet::run(1, MESSAGES_PER_ACT as u32));
    if uids.is_empty() {
        tx.destroy_mailbox(account_id, mailbox_id).await.map_err(|error| match error {
            // A mailbox was made in it a moment ago.
            store::Error::Refused(_) => Error::HasChildren,
            other => other.into(),
        })?;
        return Ok(true);
    }
    let edit = FlagEdit { mode: FlagMode::Add, keywords: Vec::new(), deleted: true };
    tx.edit_flags(account_id, mailbox_id, &uids, &edit, None).await?;
    tx.expunge(account_id, mailbox_id, Some(&uids), now).await?;
    Ok(false)
}
