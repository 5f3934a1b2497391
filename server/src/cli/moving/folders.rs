//! Mailboxes by their paths: which one a folder of files is, and what a mailbox is called among files.

use std::collections::HashMap;
use std::sync::Arc;

use imap::codec::{MailboxName, utf7};
use imap::{Node, Tree};
use mail::{AccountId, MailboxId, UidValidity};
use store::{MailboxRole, NewMailbox};

use crate::house::House;

/// What other programs call the mailboxes that everybody has.
const WELL_KNOWN: [(&str, MailboxRole); 12] = [
    ("sent", MailboxRole::Sent),
    ("sent items", MailboxRole::Sent),
    ("sent messages", MailboxRole::Sent),
    ("sent mail", MailboxRole::Sent),
    ("drafts", MailboxRole::Drafts),
    ("trash", MailboxRole::Trash),
    ("deleted items", MailboxRole::Trash),
    ("deleted messages", MailboxRole::Trash),
    ("junk", MailboxRole::Junk),
    ("spam", MailboxRole::Junk),
    ("archive", MailboxRole::Archive),
    ("archives", MailboxRole::Archive),
];

/// The mailboxes of an account.
pub(super) async fn tree(house: &House, account_id: AccountId) -> Result<Tree, store::Error> {
    let read = house.store.read(account_id, |tx, id| Box::pin(async move { tx.mailboxes(*id).await }));
    read.await.map(Tree::new)
}

/// Finds the mailboxes that folders are, and makes those that are missing.
pub(super) struct Folders {
    house: Arc<House>,
    account_id: AccountId,
    tree: Tree,
    known: HashMap<Vec<String>, MailboxId>,
}

impl Folders {
    pub(super) async fn new(house: Arc<House>, account_id: AccountId) -> Result<Self, store::Error> {
        let tree = tree(&house, account_id).await?;
        Ok(Self { house, account_id, tree, known: HashMap::new() })
    }

    /// The mailbox of a path.
    pub(super) async fn of(&mut self, levels: &[String]) -> Result<MailboxId, store::Error> {
        if let Some(known) = self.known.get(levels) {
            return Ok(*known);
        }
        let mut parent = None;
        for end in 1..=levels.len() {
            let path = levels.get(..end).unwrap_or_default();
            parent = Some(match find(&self.tree, path) {
                Some(node) => node.mailbox.mailbox_id,
                None => self.make(parent, path).await?,
            });
        }
        let found = parent.ok_or(store::Error::NotFound("the mailbox"))?;
        self.known.insert(levels.to_vec(), found);
        Ok(found)
    }

    async fn make(
        &mut self,
        parent_id: Option<MailboxId>,
        path: &[String],
    ) -> Result<MailboxId, store::Error> {
        let now = self.house.now();
        let name = path.last().map(|name| mail::text::nfc(name)).unwrap_or_default();
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return Err(store::Error::Refused("a folder's name is no mailbox's name"));
        }
        let mailbox_id = MailboxId::new(now, &*self.house.chance);
        let new = NewMailbox {
            account_id: self.account_id,
            mailbox_id,
            parent_id,
            name,
            role: None,
            sort_order: 10,
            uid_validity: UidValidity(u32::try_from(now.secs()).unwrap_or(1).max(1)),
        };
        let made = self
            .house
            .store
            .write("make a mailbox", new, |tx, new| Box::pin(async move { tx.add_mailbox(new).await }));
        let made: Result<_, store::Error> = made.await;
        made?;
        self.tree = tree(&self.house, self.account_id).await?;
        Ok(mailbox_id)
    }
}

/// The mailbox of a path: by its name, or by what everybody calls it.
fn find<'t>(tree: &'t Tree, path: &[String]) -> Option<&'t Node> {
    let by_name = tree.find(&MailboxName::new(&path.join("/")));
    by_name.or_else(|| {
        let [only] = path else { return None };
        let (_, role) = WELL_KNOWN.iter().find(|(name, _)| only.eq_ignore_ascii_case(name))?;
        tree.nodes().iter().find(|node| node.mailbox.role == Some(*role) && node.mailbox.parent_id.is_none())
    })
}

/// A level of a path as the name of a file: a `%` and what a file name cannot hold are written `%XX`.
pub(super) fn to_file_name(level: &str) -> String {
    escaped(level, |at, c| matches!(c, '/' | '\\' | '%') || c.is_control() || (at == 0 && c == '.'))
}

/// Back again.
pub(super) fn from_file_name(name: &str) -> String {
    unescaped(name)
}

/// A level of a path in a Maildir++, where a dot parts levels.
pub(super) fn to_maildir_name(level: &str) -> String {
    escaped(&utf7::encode(level), |_, c| matches!(c, '/' | '.' | '%'))
}

/// Back again; what is no modified UTF-7 is taken as it is.
pub(super) fn from_maildir_name(name: &str) -> String {
    let name = unescaped(name);
    utf7::decode(&name).unwrap_or(name)
}

fn escaped(text: &str, is_special: impl Fn(usize, char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        match u8::try_from(c) {
            Ok(byte) if is_special(at, c) => out.push_str(&format!("%{byte:02X}")),
            _ => out.push(c),
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        out.push_str(plain);
        let digits = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match digits.filter(u8::is_ascii) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}

/// The part of a Maildir's file name that does not change.
pub(super) fn base_name(name: &str) -> &str {
    name.split_once(":2,").map_or(name, |(base, _)| base)
}

pub(super) fn is_eml(name: &str) -> bool {
    name.len() > 4 && name.to_ascii_lowercase().ends_with(".eml")
}

/// The flags in a name like `000012.FS.eml`, which is how we write them.
pub(super) fn letters_of_eml(name: &str) -> &str {
    let mut parts = name.rsplit('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(letters), Some(_)) if letters.chars().all(|c| "DFPRST".contains(c)) => letters,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_mailboxes_are_names_of_files_and_back() {
        #[rustfmt::skip]
        let rows = [
            ("Công văn đến", "Công văn đến",  "C&APQ-ng v&AQM-n &AREevw-n"),
            ("Quý 1/2026",   "Quý 1%2F2026",  "Qu&AP0- 1%2F2026"),
            (".a.b",         "%2Ea.b",        "%2Ea%2Eb"),
            ("50%",          "50%25",         "50%25"),
        ];
        for (level, file, maildir) in rows {
            assert_eq!((to_file_name(level).as_str(), to_maildir_name(level).as_str()), (file, maildir));
            assert_eq!((from_file_name(file).as_str(), from_maildir_name(maildir).as_str()), (level, level));
        }
        assert_eq!(
            [from_file_name("50% a"), from_file_name("%"), from_file_name("%FF")],
            ["50% a", "%", "%FF"]
        );
        assert_eq!(
            ["1.FS.eml", "1.eml", "b.note.eml", ".eml", "..eml"].map(letters_of_eml),
            ["FS", "", "", "", ""]
        );
        assert!(is_eml("a.EML") && !is_eml(".eml") && !is_eml("a.txt"));
    }
}
