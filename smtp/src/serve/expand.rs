//! Mail to a list: who may send it, which of it is a loop, and what its copies are (RFC 5321 §3.9.2, RFC 2919).

use std::collections::HashSet;

use mail::envelope::OutboundMail;
use mail::{AccountId, EmailAddress, Timestamp};
use store::{List, ListCopy, Tx};

use super::Refusal;
use super::sender::signed_in;
use crate::codec::table;
use crate::envelope::{Client, Recipient};
use crate::receive::Role;

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
    /// Enqueues them. A list that got too many members meanwhile makes the message refused.
    pub(super) async fn write(&self, tx: &mut Tx, now: Timestamp) -> Result<(), store::Error> {
        let mut seen = self.seen.clone();
        for list in &self.lists {
            tx.enqueue_list(list, &self.copy, &mut seen, now).await?;
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

/// The message as a copy of a list: the list's fields before it. A `Return-Path` that the way here added goes, for the copy has
/// another (RFC 5321 §4.4).
pub(super) fn of_list(list: Option<&EmailAddress>, message: Vec<u8>) -> Vec<u8> {
    let Some(list) = list else { return message };
    let has_path = message.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"Return-Path:"));
    let end = message.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let rest = message.get(if has_path { end } else { 0 }..).unwrap_or_default();
    [mail::list::fields(list).as_bytes(), rest].concat()
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
