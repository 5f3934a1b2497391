//! Mail to a list: who may send it, which of it is a loop, and what its copies are (RFC 5321 §3.9.2, RFC 2919).

use std::collections::HashSet;

use mail::envelope::OutboundMail;
use mail::letter::{Door, Hold};
use mail::{AccountId, EmailAddress, Timestamp};
use store::{List, ListCopy, Resolved, Tx};

use super::outgoing::{Attempt, Dice, Outgoing, Tally};
use super::payload::without_return_path;
use super::sender::signed_in;
use super::{Desk, Refusal};
use crate::codec::table;
use crate::envelope::{Client, Recipient};
use crate::receive::Role;
use crate::send::Verdict;

/// A list that a message is for.
pub(super) struct ToList {
    /// The recipient that led there.
    pub(super) recipient: Recipient,
    /// The list.
    pub(super) list: List,
    /// Whether the message came from that very list; then it ends here.
    pub(super) is_loop: bool,
}

/// The copies that the accepting transaction writes.
pub(super) struct Copies {
    /// Of which lists.
    pub(super) lists: Vec<List>,
    /// What they have in common.
    pub(super) copy: ListCopy,
    /// Accounts that get the message already.
    pub(super) seen: HashSet<AccountId>,
}

impl Copies {
    /// Enqueues them, or holds the message for who keeps each list. A list that got too many members meanwhile makes the message refused.
    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        held: Option<&Hold>,
        door: Door,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let mut seen = self.seen.clone();
        for list in &self.lists {
            match held {
                None => drop(tx.enqueue_list(list, &self.copy, &mut seen, now).await?),
                Some(hold) => {
                    tx.hold_for_list(list, &self.copy, hold, door, now).await?;
                }
            }
        }
        Ok(())
    }
}

/// Who sends, as lists ask: the account that signed in. A reverse path from outside proves nothing.
pub(super) fn sender_of(role: Role, client: &Client) -> Result<Option<AccountId>, Refusal> {
    match role {
        Role::Submission => signed_in(client).map(Some),
        Role::Mx | Role::Lmtp => Ok(None),
    }
}

/// Whether this sender may send to the list.
///
/// # Errors
/// 5.7.2 when not, or the store's trouble.
pub(super) async fn welcome(tx: &mut Tx, list: &List, sender: Option<AccountId>) -> Result<(), Refusal> {
    match tx.may_send_to_list(list, sender).await? {
        true => Ok(()),
        false => Err(table::NOT_FOR_LIST.into()),
    }
}

impl Desk {
    /// Expands a mail to a list that somebody let go: its row goes, and a row for every copy comes, in one transaction. Who may send was asked
    /// when the mail was taken in; who receives is asked now. `None` when the lease was lost.
    ///
    /// # Errors
    /// The store's passing trouble; nothing is written, and the row is carried again when its lease has run out.
    pub(super) async fn expand_released(
        &self,
        outgoing: &Outgoing,
        address: &EmailAddress,
        dice: &Dice,
        now: Timestamp,
    ) -> Result<Option<Tally>, Refusal> {
        let found = self
            .store
            .read(address.clone(), move |tx, address| {
                Box::pin(async move { tx.resolve_address(address, now).await })
            })
            .await;
        let refused = match (found?, outgoing.claimed.blob_id) {
            (Resolved::List(list), Some(blob_id)) => {
                let mail = OutboundMail { to_list: None, recipients: Vec::new(), ..outgoing.mail.clone() };
                let copy = ListCopy { mail, owner: outgoing.claimed.owner, blob_id };
                return self.expand(outgoing, *list, copy, now).await;
            }
            (_, None) => table::MESSAGE_GONE.reply(),
            // The list was removed while the mail waited.
            _ => table::mailbox_closed(None),
        };
        self.settle(outgoing, &Attempt::same(outgoing, &Verdict::Refused(refused)), dice, now).await
    }

    async fn expand(
        &self,
        outgoing: &Outgoing,
        list: List,
        copy: ListCopy,
        now: Timestamp,
    ) -> Result<Option<Tally>, Refusal> {
        let input = (list, copy, outgoing.claimed.clone(), outgoing.holder.clone());
        let expanded = self
            .store
            .write("expand a released mail", input, move |tx, (list, copy, claimed, holder)| {
                Box::pin(async move {
                    tx.enqueue_list(list, copy, &mut HashSet::new(), now).await?;
                    match tx.finish_outbox(claimed, holder, now).await? {
                        true => Ok(()),
                        // Takes the new rows back.
                        false => Err(store::Error::Conflict("the lease was lost".to_owned())),
                    }
                })
            })
            .await;
        match expanded {
            Ok(()) => Ok(Some(Tally::default())),
            Err(store::Error::Conflict(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The message as a copy of a list: the list's fields before it. A `Return-Path` that the way here added goes, for the copy has
/// another (RFC 5321 §4.4).
pub(super) fn of_list(list: Option<&EmailAddress>, message: Vec<u8>) -> Vec<u8> {
    let Some(list) = list else { return message };
    [mail::list::fields(list).as_bytes(), &without_return_path(message)].concat()
}

/// The copies of a message, if it is for lists.
pub(super) fn copies(
    lists: &[ToList],
    mail: OutboundMail,
    seen: HashSet<AccountId>,
    blob: &store::Sealed,
) -> Option<Copies> {
    let lists: Vec<List> = lists.iter().filter(|to| !to.is_loop).map(|to| to.list.clone()).collect();
    let copy = ListCopy { mail, owner: blob.owner(), blob_id: blob.blob_id() };
    (!lists.is_empty()).then_some(Copies { lists, copy, seen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_2919_fields_of_the_list_come_before_a_message_that_stays_as_it_is() {
        let list: EmailAddress = "phong@a.vn".parse().unwrap();
        let fields = "List-Id: <phong.list.a.vn>\r\nList-Post: <mailto:phong@a.vn>\r\nPrecedence: list\r\n";
        let rows = [
            ("Subject: x\r\n\r\ny", "Subject: x\r\n\r\ny"),
            ("Return-Path: <b@b.vn>\r\nSubject: x\r\n\r\ny", "Subject: x\r\n\r\ny"),
            ("", ""),
        ];
        for (message, rest) in rows {
            let copy = of_list(Some(&list), message.as_bytes().to_vec());
            assert_eq!(copy, [fields, rest].concat().into_bytes(), "{message:?}");
            assert_eq!(of_list(None, message.as_bytes().to_vec()), message.as_bytes());
        }
    }
}
