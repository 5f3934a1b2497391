//! The mailboxes of an account as the paths that IMAP knows (RFC 9051 §5.1).
//!
//! The memory keeps a name and a parent; a client sees `a/b/c`. What a name holds that a path cannot (JMAP allows a `/` in it) is
//! shown by another letter, and found by that too.

use mail::MailboxId;
use store::{Mailbox, MailboxRole};

use crate::codec::{DELIMITER, MailboxName};

/// Shown for a `/` within a name: U+2215, which looks like one.
const SLASH: &str = "∕";
/// Levels of a path, at most: deeper ones are not shown. The doors that make mailboxes allow fewer.
const DEPTH_MAX: usize = 100;

/// A mailbox and its path.
#[derive(Clone, Debug)]
pub struct Node {
    /// The whole path.
    pub name: MailboxName,
    /// What the memory says of it.
    pub mailbox: Mailbox,
    /// Whether mailboxes lie in it.
    pub has_children: bool,
}

/// All mailboxes of an account, in their order, each before what lies in it.
#[derive(Clone, Debug, Default)]
pub struct Tree(Vec<Node>);

impl Tree {
    /// From the memory's rows.
    pub fn new(mailboxes: Vec<Mailbox>) -> Self {
        let paths: Vec<Option<Path>> = mailboxes.iter().map(|one| path(&mailboxes, one)).collect();
        let parents: std::collections::HashSet<MailboxId> =
            mailboxes.iter().filter_map(|one| one.parent_id).collect();
        let nodes = mailboxes.into_iter().zip(paths).filter_map(|(mailbox, path)| {
            let path = path?;
            let has_children = parents.contains(&mailbox.mailbox_id);
            Some((path.order, Node { name: path.name, has_children, mailbox }))
        });
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(nodes.into_iter().map(|(_, node)| node).collect())
    }

    /// The mailboxes, in their order.
    pub fn nodes(&self) -> &[Node] {
        &self.0
    }

    /// The mailbox of a name.
    pub fn find(&self, name: &MailboxName) -> Option<&Node> {
        self.0.iter().find(|node| node.name == *name)
    }

    /// The mailbox with an id.
    pub fn by_id(&self, mailbox_id: MailboxId) -> Option<&Node> {
        self.0.iter().find(|node| node.mailbox.mailbox_id == mailbox_id)
    }
}

/// A path, and where it stands among the others.
struct Path {
    name: MailboxName,
    order: Vec<(i64, String)>,
}

/// The path of a mailbox; `None` when it hangs on nothing or is too deep.
fn path(all: &[Mailbox], mailbox: &Mailbox) -> Option<Path> {
    let mut levels = vec![level(mailbox)];
    let mut order = vec![(mailbox.sort_order, mailbox.name.clone())];
    let mut above = mailbox.parent_id;
    while let Some(id) = above {
        let parent = all.iter().find(|one| one.mailbox_id == id)?;
        levels.push(level(parent));
        order.push((parent.sort_order, parent.name.clone()));
        above = parent.parent_id;
        if levels.len() > DEPTH_MAX {
            return None;
        }
    }
    levels.reverse();
    order.reverse();
    Some(Path { name: MailboxName::new(&levels.join(&DELIMITER.to_string())), order })
}

/// A level of a path. `INBOX` is where mail arrives and nothing else (RFC 9051 §5.1).
fn level(mailbox: &Mailbox) -> String {
    let is_inbox = mailbox.role == Some(MailboxRole::Inbox);
    match mailbox.parent_id {
        None if is_inbox => "INBOX".to_owned(),
        None if mailbox.name.eq_ignore_ascii_case("INBOX") => format!("_{}", mailbox.name),
        _ => mailbox.name.replace(DELIMITER, SLASH),
    }
}

#[cfg(test)]
mod tests {
    use mail::{ModSeq, UidValidity};

    use super::*;

    fn mailbox(id: u8, parent: Option<u8>, name: &str, role: Option<MailboxRole>) -> Mailbox {
        Mailbox {
            mailbox_id: MailboxId::from_bytes([id; 16]),
            parent_id: parent.map(|id| MailboxId::from_bytes([id; 16])),
            name: name.to_owned(),
            role,
            sort_order: 0,
            is_subscribed: true,
            uid_validity: UidValidity(1),
            uid_next: 1,
            total_emails: 0,
            unread_emails: 0,
            total_threads: 0,
            unread_threads: 0,
            created_modseq: ModSeq(1),
            modseq: ModSeq(1),
        }
    }

    #[test]
    fn paths_are_what_the_tree_says() {
        let tree = Tree::new(vec![
            mailbox(1, None, "Inbox", Some(MailboxRole::Inbox)),
            mailbox(2, Some(1), "Công văn", None),
            mailbox(3, Some(2), "Quý 1/2026", None),
            mailbox(4, None, "inbox", None),
            mailbox(5, Some(9), "lost", None),
        ]);
        let names: Vec<&str> = tree.nodes().iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["INBOX", "INBOX/Công văn", "INBOX/Công văn/Quý 1∕2026", "_inbox"]);
        assert!(tree.nodes()[0].has_children && !tree.nodes()[2].has_children);
        assert!(tree.find(&MailboxName::new("inbox/Công văn")).is_some());
    }
}
