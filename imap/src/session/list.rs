//! LIST, LSUB and STATUS (RFC 9051 §6.3.9, §6.3.11, RFC 3501 §6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 8438).

use mail::{MailboxId, ModSeq};
use store::{MailboxRole, MailboxSizes};

use super::job::Job;
use super::{Grant, Session, Wish};
use crate::Error;
use crate::codec::command::{List, SpecialUse, StatusItem};
use crate::codec::response::{Code, ListAttribute, ListRow, StatusValue};
use crate::codec::{DELIMITER, MailboxName};
use crate::tree::{Node, Tree};

/// Bytes of a pattern; longer ones are no name's.
const PATTERN_MAX: usize = 2_048;

/// LIST, LSUB or STATUS under way.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) tag: String,
    what: What,
    tree: Tree,
    /// HIGHESTMODSEQ of every mailbox: the account counts its changes in one.
    modseq: ModSeq,
}

#[derive(Debug)]
enum What {
    List(List),
    Lsub(String),
    Status(MailboxName, Vec<StatusItem>),
}

impl Session {
    pub(super) fn list(&mut self, tag: String, mut list: List) {
        // RFC 9051 §6.3.9.1: an empty pattern asks for the delimiter.
        if !list.is_extended && list.patterns.iter().all(String::is_empty) {
            let attributes = [ListAttribute::NoSelect];
            self.out.list(&ListRow {
                name: "",
                attributes: &attributes,
                subscribed_children: false,
                old_name: None,
            });
            return self.finish(tag, "LIST completed");
        }
        for pattern in &mut list.patterns {
            *pattern = whole_pattern(&list.reference, pattern);
        }
        if list.patterns.iter().any(|pattern| pattern.len() > PATTERN_MAX) {
            return self.no(&tag, Some(Code::Limit), "The pattern is too long");
        }
        self.ask_tree(tag, What::List(list));
    }

    pub(super) fn lsub(&mut self, tag: String, reference: String, pattern: String) {
        let pattern = whole_pattern(&reference, &pattern);
        if pattern.len() > PATTERN_MAX {
            return self.no(&tag, Some(Code::Limit), "The pattern is too long");
        }
        self.ask_tree(tag, What::Lsub(pattern));
    }

    pub(super) fn status(&mut self, tag: String, mailbox: MailboxName, items: Vec<StatusItem>) {
        if items.contains(&StatusItem::HighestModseq) {
            self.enable_condstore();
        }
        self.ask_tree(tag, What::Status(mailbox, items));
    }

    fn ask_tree(&mut self, tag: String, what: What) {
        let listing = Listing { tag, what, tree: Tree::default(), modseq: ModSeq(0) };
        self.job = Job::List(Box::new(listing));
        self.wish(Wish::Tree);
    }

    pub(super) fn list_granted(&mut self, mut listing: Box<Listing>, grant: Grant) {
        match grant {
            Grant::Tree { tree, modseq } => {
                listing.tree = tree;
                listing.modseq = modseq;
                if let What::Status(mailbox, _) = &listing.what
                    && listing.tree.find(mailbox).is_none()
                {
                    self.job = Job::List(listing);
                    return self.failed(&Error::NoMailbox);
                }
                let measured = listing.measured();
                match measured.is_empty() {
                    true => self.tell_list(&listing, &[]),
                    false => {
                        self.job = Job::List(listing);
                        self.wish(Wish::Sizes(measured));
                    }
                }
            }
            Grant::Sizes(sizes) => self.tell_list(&listing, &sizes),
            _ => self.say_bye("An answer out of turn"),
        }
    }

    fn tell_list(&mut self, listing: &Listing, sizes: &[(MailboxId, MailboxSizes)]) {
        let tag = listing.tag.clone();
        match &listing.what {
            What::List(list) => {
                for listed in listed(list, &listing.tree) {
                    self.tell_listed(list, &listed);
                    if !list.return_status.is_empty() {
                        self.tell_status(listing.modseq, listed.node, &list.return_status, sizes);
                    }
                }
                self.finish(tag, "LIST completed");
            }
            What::Lsub(pattern) => {
                self.tell_lsub(pattern, &listing.tree);
                self.finish(tag, "LSUB completed");
            }
            What::Status(mailbox, items) => {
                if let Some(node) = listing.tree.find(mailbox) {
                    self.tell_status(listing.modseq, node, items, sizes);
                }
                self.finish(tag, "STATUS completed");
            }
        }
    }

    fn tell_listed(&mut self, list: &List, listed: &Listed<'_>) {
        let node = listed.node;
        let mut attributes = Vec::with_capacity(3);
        if node.mailbox.is_subscribed && (list.return_subscribed || list.select_subscribed) {
            attributes.push(ListAttribute::Subscribed);
        }
        attributes.push(children(node));
        let tells_use = !list.is_extended || list.return_special_use || list.select_special_use;
        attributes.extend(special_use(node.mailbox.role).filter(|_| tells_use).map(ListAttribute::Use));
        self.out.list(&ListRow {
            name: node.name.as_str(),
            attributes: &attributes,
            subscribed_children: listed.for_children,
            old_name: None,
        });
    }

    /// RFC 3501 §6.3.9: what is subscribed to; with `%`, also what lies above such, as not selectable.
    fn tell_lsub(&mut self, pattern: &str, tree: &Tree) {
        for node in tree.nodes().iter().filter(|node| matches(pattern, node.name.as_str())) {
            let attributes = match node.mailbox.is_subscribed {
                true => [children(node)],
                false if pattern.ends_with('%') && has_below(tree, node, |one| one.mailbox.is_subscribed) => {
                    [ListAttribute::NoSelect]
                }
                false => continue,
            };
            self.out.lsub(&ListRow {
                name: node.name.as_str(),
                attributes: &attributes,
                subscribed_children: false,
                old_name: None,
            });
        }
    }

    pub(super) fn tell_status(
        &mut self,
        modseq: ModSeq,
        node: &Node,
        items: &[StatusItem],
        sizes: &[(MailboxId, MailboxSizes)],
    ) {
        let mailbox = &node.mailbox;
        let size = sizes.iter().find(|(id, _)| *id == mailbox.mailbox_id).map(|(_, sizes)| *sizes);
        let size = size.unwrap_or_default();
        let number = |count: i64| StatusValue::Number(count.unsigned_abs());
        let value = |item: &StatusItem| match item {
            StatusItem::Messages => number(mailbox.total_emails),
            StatusItem::Recent => number(0),
            StatusItem::UidNext => number(mailbox.uid_next),
            StatusItem::UidValidity => StatusValue::Number(u64::from(mailbox.uid_validity.0)),
            StatusItem::Unseen => number(size.unseen),
            StatusItem::Deleted => number(size.deleted),
            StatusItem::Size => StatusValue::Number(size.bytes),
            StatusItem::HighestModseq => number(modseq.0),
            StatusItem::MailboxId => StatusValue::Id(mailbox.mailbox_id),
            StatusItem::AppendLimit => StatusValue::Number(self.limits.input.append_bytes_max as u64),
            StatusItem::DeletedStorage => StatusValue::Number(size.deleted_bytes),
        };
        let values: Vec<(StatusItem, StatusValue)> = items.iter().map(|item| (*item, value(item))).collect();
        self.out.status_of(node.name.as_str(), &values);
    }
}

impl Listing {
    /// The mailboxes whose sizes are needed.
    fn measured(&self) -> Vec<MailboxId> {
        let needs = |items: &[StatusItem]| {
            items.iter().any(|item| {
                matches!(
                    item,
                    StatusItem::Unseen | StatusItem::Deleted | StatusItem::Size | StatusItem::DeletedStorage
                )
            })
        };
        match &self.what {
            What::List(list) if needs(&list.return_status) => {
                listed(list, &self.tree).map(|listed| listed.node.mailbox.mailbox_id).collect()
            }
            What::Status(name, items) if needs(items) => {
                self.tree.find(name).map(|node| node.mailbox.mailbox_id).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A mailbox that LIST tells of.
struct Listed<'t> {
    node: &'t Node,
    /// Something below it is selected (RFC 5258 §3.5).
    for_children: bool,
}

/// What a LIST selects.
fn listed<'t>(list: &'t List, tree: &'t Tree) -> impl Iterator<Item = Listed<'t>> {
    tree.nodes().iter().filter_map(move |node| {
        let name = node.name.as_str();
        if !list.patterns.iter().any(|pattern| matches(pattern, name)) {
            return None;
        }
        let for_children = list.recursive_match && has_below(tree, node, |below| is_selected(list, below));
        (for_children || is_selected(list, node)).then_some(Listed { node, for_children })
    })
}

fn is_selected(list: &List, node: &Node) -> bool {
    (!list.select_subscribed || node.mailbox.is_subscribed)
        && (!list.select_special_use || special_use(node.mailbox.role).is_some())
}

/// Whether a mailbox somewhere below one is such.
fn has_below(tree: &Tree, node: &Node, is_such: impl Fn(&Node) -> bool) -> bool {
    node.has_children
        && tree.nodes().iter().any(|one| {
            let rest = one.name.as_str().strip_prefix(node.name.as_str());
            rest.is_some_and(|rest| rest.starts_with(DELIMITER)) && is_such(one)
        })
}

fn children(node: &Node) -> ListAttribute {
    if node.has_children { ListAttribute::HasChildren } else { ListAttribute::HasNoChildren }
}

/// What a role is called (RFC 6154 §2). The inbox is known by its name.
pub(super) fn special_use(role: Option<MailboxRole>) -> Option<SpecialUse> {
    match role? {
        MailboxRole::Inbox => None,
        MailboxRole::Drafts => Some(SpecialUse::Drafts),
        MailboxRole::Sent => Some(SpecialUse::Sent),
        MailboxRole::Archive => Some(SpecialUse::Archive),
        MailboxRole::Trash => Some(SpecialUse::Trash),
        MailboxRole::Junk => Some(SpecialUse::Junk),
    }
}

/// The reference and the pattern, as one (RFC 9051 §6.3.9); names are kept in NFC, and `INBOX` is written so.
fn whole_pattern(reference: &str, pattern: &str) -> String {
    let whole = mail::text::nfc(&format!("{reference}{pattern}"));
    let first = whole.split(DELIMITER).next().unwrap_or_default();
    match first.eq_ignore_ascii_case("INBOX") {
        true => format!("INBOX{}", whole.get(first.len()..).unwrap_or_default()),
        false => whole,
    }
}

/// Whether a name fits a pattern: `*` stands for anything, `%` for anything within a level. Each letter of the pattern is looked at once
/// for each letter of the name.
fn matches(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    // at[i]: the pattern so far fits the first i letters.
    let mut at = vec![false; name.len() + 1];
    if let Some(first) = at.first_mut() {
        *first = true;
    }
    for wanted in pattern.chars() {
        let mut before = false;
        for (index, fits) in at.iter_mut().enumerate() {
            let letter = index.checked_sub(1).and_then(|last| name.get(last));
            let was = *fits;
            *fits = match (wanted, letter) {
                ('*', _) => was || before,
                ('%', letter) => was || (before && letter != Some(&DELIMITER)),
                (wanted, letter) => before && letter == Some(&wanted),
            };
            // For wildcards, what fits now carries on; for letters, what fitted before.
            before = if matches!(wanted, '*' | '%') { *fits } else { was };
        }
    }
    at.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_9051_section_6_3_9_patterns() {
        let rows = [
            ("*", "a/b/c", true), ("%", "a", true), ("%", "a/b", false), ("a/%", "a/b", true), ("a/%", "a/b/c", false),
            ("a/*", "a/b/c", true), ("a*c", "a/b/c", true), ("a%c", "abc", true), ("a%c", "a/c", false), ("*b*", "abc", true),
            ("%/%", "a/b", true), ("", "a", false), ("Công*", "Công văn", true), ("a", "A", false), ("a*b*c", "axbyd", false),
        ];
        for (pattern, name, fits) in rows {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        assert_eq!(whole_pattern("", "inbox/%"), "INBOX/%");
        assert_eq!(whole_pattern("a/", "%"), "a/%");
    }

    #[test]
    fn a_pattern_of_many_wildcards_costs_no_more_than_its_length() {
        assert!(!matches(&"*a".repeat(1_000), &"a".repeat(999)));
    }
}
