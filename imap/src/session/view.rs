//! The selected mailbox as the client sees it: which UIDs it knows, in which order. A mailbox of a hundred thousand messages is a
//! handful of runs; flags are not kept.

use mail::{MailboxId, ModSeq, UidSet};
use store::{OpenedMailbox, ViewRow};

use crate::codec::{Edge, SequenceSet};

/// The selected mailbox.
#[derive(Debug)]
pub(super) struct View {
    pub(super) mailbox_id: MailboxId,
    /// What the client knows of; the place of a UID is its sequence number.
    pub(super) uids: UidSet,
    /// UIDs from here on are news.
    uid_next: i64,
    /// Everything up to here is told.
    pub(super) modseq: ModSeq,
    /// EXAMINE.
    pub(super) is_read_only: bool,
    /// `$` (RFC 5182).
    pub(super) saved: UidSet,
    /// Acts of this very session since then, whose outcome the client knows.
    own: Vec<ModSeq>,
    /// UIDs that came, until all that came is known: numbers are given in order.
    arriving: UidSet,
    /// What is gone, and not told yet (RFC 5465 §6.2, SELECTED-DELAYED).
    pub(super) delayed: UidSet,
}

/// Acts remembered as our own; of more than that the client is told again, which does no harm.
const OWN_MAX: usize = 64;

impl View {
    pub(super) fn new(opened: OpenedMailbox, is_read_only: bool) -> Self {
        Self {
            mailbox_id: opened.mailbox.mailbox_id,
            uids: opened.uids,
            uid_next: opened.mailbox.uid_next,
            modseq: opened.modseq,
            is_read_only,
            saved: UidSet::new(),
            own: Vec::new(),
            arriving: UidSet::new(),
            delayed: UidSet::new(),
        }
    }

    /// The UIDs of the messages that a client names; `None` when it names a number that is not there (RFC 9051 §6.4.9: a UID that is not there
    /// is passed over). A range up to `*` names what there is.
    pub(super) fn named(&self, set: &SequenceSet, uid: bool) -> Option<UidSet> {
        if set.is_saved() {
            return Some(self.saved.clone());
        }
        if uid {
            return Some(self.uids.intersect(&set.resolve(self.uids.last().unwrap_or(0))));
        }
        let count = self.uids.len();
        let is_beyond = |edge: &Edge| matches!(edge, Edge::Number(number) if number.get() > count);
        let is_wrong = |(a, b): &(Edge, Edge)| {
            let is_open = matches!(a, Edge::Last) || matches!(b, Edge::Last);
            !is_open && (is_beyond(a) || is_beyond(b))
        };
        if set.ranges().iter().any(is_wrong) {
            return None;
        }
        Some(self.uids.at_places(&set.resolve(count).intersect(&UidSet::run(1, count))))
    }

    /// Remembers that the client knows the outcome of an act.
    pub(super) fn know(&mut self, act: ModSeq) {
        if self.own.len() < OWN_MAX {
            self.own.push(act);
        }
    }

    /// Whether the outcome of a row's last change is known.
    pub(super) fn knows(&self, row: &ViewRow) -> bool {
        self.own.contains(&row.modseq)
    }

    /// Takes what is gone out of the list.
    pub(super) fn remove(&mut self, gone: &UidSet) {
        self.uids = self.uids.without(gone);
        self.saved = self.saved.without(gone);
        self.delayed = self.delayed.without(gone);
    }

    /// What came and went before it was told never gets a number.
    pub(super) fn never_came(&mut self, gone: &UidSet) {
        self.arriving = self.arriving.without(gone);
    }

    /// Whether a UID is news.
    pub(super) fn is_new(&self, uid: u32) -> bool {
        i64::from(uid) >= self.uid_next
    }

    /// Notes what came.
    pub(super) fn arrives(&mut self, uids: &[u32]) {
        if !uids.is_empty() {
            let new = uids.iter().map(|uid| (*uid, *uid));
            self.arriving = self.arriving.runs().chain(new).collect();
        }
    }

    /// All that came is known: it gets its numbers. Answers which UIDs those are.
    pub(super) fn arrived(&mut self, uid_next: i64) -> UidSet {
        self.own.clear();
        self.uid_next = self.uid_next.max(uid_next);
        let arrived = std::mem::take(&mut self.arriving);
        arrived.runs().for_each(|(first, last)| self.uids.append(first, last));
        arrived
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use mail::{MailboxId, UidValidity};
    use store::Mailbox;

    use super::*;

    fn view(uids: &[u32]) -> View {
        let mailbox = Mailbox {
            mailbox_id: MailboxId::from_bytes([1; 16]),
            parent_id: None,
            name: "a".to_owned(),
            role: None,
            sort_order: 0,
            is_subscribed: true,
            uid_validity: UidValidity(1),
            uid_next: 100,
            total_emails: 0,
            unread_emails: 0,
            total_threads: 0,
            unread_threads: 0,
            created_modseq: ModSeq(1),
            modseq: ModSeq(1),
        };
        let uids = uids.iter().copied().collect();
        View::new(OpenedMailbox { mailbox, uids, modseq: ModSeq(1) }, false)
    }

    fn set(ranges: &[(u32, u32)]) -> SequenceSet {
        let edge = |number| NonZeroU32::new(number).map_or(Edge::Last, Edge::Number);
        SequenceSet::new(ranges.iter().map(|(a, b)| (edge(*a), edge(*b))).collect()).unwrap()
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_9051_what_numbers_name() {
        type Row = (&'static [u32], &'static [(u32, u32)], bool, Option<&'static str>);
        let rows: [Row; 9] = [
            (&[5, 7, 9], &[(1, 2)],  false, Some("5,7")),
            (&[5, 7, 9], &[(2, 0)],  false, Some("7,9")),
            (&[5, 7, 9], &[(4, 4)],  false, None),
            (&[5, 7, 9], &[(2, 4)],  false, None),
            (&[5, 7, 9], &[(9, 0)],  false, Some("9")),       // `9:*` names the last one at least
            (&[],        &[(1, 0)],  false, Some("")),
            (&[5, 7, 9], &[(1, 8)],  true,  Some("5,7")),
            (&[5, 7, 9], &[(10, 0)], true,  Some("9")),
            (&[],        &[(1, 0)],  true,  Some("")),
        ];
        for (uids, ranges, uid, expected) in rows {
            let named = view(uids).named(&set(ranges), uid).map(|found| found.to_string());
            assert_eq!(named.as_deref(), expected, "{uids:?} {ranges:?}");
        }
    }

    #[test]
    fn what_came_gets_its_numbers_in_order() {
        let mut view = view(&[1, 2]);
        view.arrives(&[102]);
        view.arrives(&[100, 101]);
        view.never_came(&UidSet::run(101, 101));
        assert_eq!(view.arrived(103).to_string(), "100,102");
        assert_eq!(view.uids.to_string(), "1:2,100,102");
        assert!(view.is_new(103) && !view.is_new(102));
    }
}
