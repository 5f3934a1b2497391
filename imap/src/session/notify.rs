//! NOTIFY (RFC 5465): a client hears of mailboxes that it has not selected, and of the selected one without IDLE.
//!
//! What it knows of each mailbox is kept and compared with what there is after each piece of news; only clients that asked pay for it.

use mail::{MailboxId, ModSeq};
use store::MailboxSizes;

use super::job::Job;
use super::list::special_use;
use super::{Grant, Session, Wish};
use crate::codec::command::{FetchItem, Notify, NotifyEvent, NotifyGroup, NotifyMailboxes, StatusItem};
use crate::codec::response::{ListAttribute, ListRow};
use crate::codec::{DELIMITER, MailboxName};
use crate::tree::{Node, Tree};

/// What a client wants to hear of, and what it knows.
#[derive(Debug)]
pub(super) struct Notifying {
    groups: Vec<NotifyGroup>,
    known: Vec<Known>,
}

/// A mailbox as the client knows it.
#[derive(Debug)]
struct Known {
    mailbox_id: MailboxId,
    name: MailboxName,
    is_subscribed: bool,
    /// UIDNEXT, messages, unread ones.
    counts: [i64; 3],
}

/// All mailboxes are being compared.
#[derive(Debug)]
pub(super) struct Round {
    /// The command, when it is the first round: nothing is compared yet.
    pub(super) tag: Option<String>,
    /// IDLE, when the client is in it.
    back: Option<String>,
    /// The first round tells how things stand.
    tells_all: bool,
    tree: Tree,
    modseq: ModSeq,
    /// Whose counts are told, and whether the unseen ones are.
    told: Vec<(MailboxId, bool)>,
}

impl Notifying {
    /// What is to be told of the selected mailbox at once; `None`: nothing before a command.
    fn of_selected(&self) -> Option<(&NotifyGroup, bool)> {
        self.groups.iter().find_map(|group| match group.which {
            NotifyMailboxes::Selected => Some((group, false)),
            NotifyMailboxes::SelectedDelayed => Some((group, true)),
            _ => None,
        })
    }

    /// Whether the selected mailbox is told of without being asked.
    pub(super) fn tells_selected(&self) -> bool {
        self.of_selected().is_some_and(|(group, _)| !group.events.is_empty())
    }

    /// Whether what is gone from it waits for a command (SELECTED-DELAYED).
    pub(super) fn delays(&self) -> bool {
        self.of_selected().is_some_and(|(_, delays)| delays)
    }

    /// What to fetch of each new message in it.
    pub(super) fn items(&self) -> &[FetchItem] {
        let events = self.of_selected().map_or(&[][..], |(group, _)| &group.events);
        events.iter().find_map(items).unwrap_or_default()
    }

    /// What to tell of another mailbox: the first group that it belongs to decides (RFC 5465 §6).
    fn events(&self, name: &MailboxName, is_subscribed: bool) -> &[NotifyEvent] {
        let is_of = |group: &&NotifyGroup| match &group.which {
            NotifyMailboxes::Selected | NotifyMailboxes::SelectedDelayed => false,
            NotifyMailboxes::Inboxes => name.is_inbox(),
            NotifyMailboxes::Personal => true,
            NotifyMailboxes::Subscribed => is_subscribed,
            NotifyMailboxes::Mailboxes(names) => names.contains(name),
            NotifyMailboxes::Subtree(names) => names.iter().any(|top| {
                let rest = name.as_str().strip_prefix(top.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(DELIMITER))
            }),
        };
        self.groups.iter().find(is_of).map_or(&[], |group| &group.events)
    }
}

fn items(event: &NotifyEvent) -> Option<&[FetchItem]> {
    match event {
        NotifyEvent::MessageNew(items) => Some(items),
        _ => None,
    }
}

fn is_new(event: &NotifyEvent) -> bool {
    matches!(event, NotifyEvent::MessageNew(_))
}

/// RFC 5465 §5: who comes and who goes are told together, and flags not without them.
fn is_sound(group: &NotifyGroup) -> bool {
    let news = group.events.iter().any(is_new);
    let gone = group.events.contains(&NotifyEvent::MessageExpunge);
    news == gone && (news || !group.events.contains(&NotifyEvent::FlagChange))
}

impl Session {
    pub(super) fn notify(&mut self, tag: String, notify: Option<Notify>) {
        let Some(notify) = notify else {
            self.notify = None;
            return self.finish(tag, "NOTIFY completed");
        };
        if !notify.groups.iter().all(is_sound) {
            return self.bad(&tag, "MessageNew and MessageExpunge go together, and FlagChange with them");
        }
        self.notify = Some(Box::new(Notifying { groups: notify.groups, known: Vec::new() }));
        self.ask_round(Some(tag), None, notify.status);
    }

    fn ask_round(&mut self, tag: Option<String>, back: Option<String>, tells_all: bool) {
        let (tree, modseq, told) = (Tree::default(), ModSeq(0), Vec::new());
        self.round_due = false;
        self.job = Job::Round(Box::new(Round { tag, back, tells_all, tree, modseq, told }));
        self.wish(Wish::Tree);
    }

    /// Looks up what happened when the client wants to hear of it now; false when there is nothing to do.
    pub(super) fn tells_news(&mut self) -> bool {
        let back = match &self.job {
            Job::Idling(tag) => Some(tag.clone()),
            Job::Nothing if self.notify.is_some() => None,
            _ => return false,
        };
        let tells_selected = back.is_some() || self.notify.as_ref().is_some_and(|one| one.tells_selected());
        if self.has_news && tells_selected {
            if self.ask_changes() {
                self.job = Job::News(back);
                return true;
            }
            self.has_news = false;
        }
        if self.round_due && self.notify.is_some() {
            self.ask_round(None, back, false);
            return true;
        }
        false
    }

    pub(super) fn round_granted(&mut self, mut round: Box<Round>, grant: Grant) {
        match grant {
            Grant::Tree { tree, modseq } => {
                round.tree = tree;
                round.modseq = modseq;
                self.compare(&mut round);
                if !round.told.is_empty() {
                    let ids = round.told.iter().map(|(id, _)| *id).collect();
                    self.job = Job::Round(round);
                    return self.wish(Wish::Sizes(ids));
                }
                self.end_round(*round);
            }
            Grant::Sizes(sizes) => {
                self.tell_counts(&round, &sizes);
                self.end_round(*round);
            }
            _ => self.say_bye("An answer out of turn"),
        }
    }

    fn end_round(&mut self, round: Round) {
        match round.tag {
            Some(tag) => self.finish(tag, "NOTIFY completed"),
            None => self.job = round.back.map_or(Job::Nothing, Job::Idling),
        }
    }

    /// Compares what there is with what the client knows: names are told here, counts once they are known exactly.
    fn compare(&mut self, round: &mut Round) {
        let Some(mut notify) = self.notify.take() else { return };
        let selected = self.view.as_ref().map(|view| view.mailbox_id);
        let now: Vec<Known> = round.tree.nodes().iter().map(known).collect();
        let before = std::mem::replace(&mut notify.known, now);
        let is_first = round.tag.is_some();
        for gone in before.iter().filter(|one| round.tree.by_id(one.mailbox_id).is_none()) {
            if notify.events(&gone.name, gone.is_subscribed).contains(&NotifyEvent::MailboxName) {
                self.tell_name(&gone.name, &[ListAttribute::NonExistent], None);
            }
        }
        for node in round.tree.nodes() {
            let mailbox = &node.mailbox;
            let old = before.iter().find(|one| one.mailbox_id == mailbox.mailbox_id);
            let events = notify.events(&node.name, mailbox.is_subscribed);
            if !is_first {
                self.tell_change(node, old, events);
            }
            let counts_are_news = old.is_none_or(|old| old.counts != known(node).counts);
            let is_told = if is_first { round.tells_all } else { counts_are_news };
            if is_told && events.iter().any(is_new) && selected != Some(mailbox.mailbox_id) {
                round.told.push((mailbox.mailbox_id, events.contains(&NotifyEvent::FlagChange)));
            }
        }
        self.notify = Some(notify);
    }

    /// A mailbox is new, or has another name, or is subscribed to or not any more.
    fn tell_change(&mut self, node: &Node, old: Option<&Known>, events: &[NotifyEvent]) {
        let is_subscribed = node.mailbox.is_subscribed;
        let is_other_name = old.is_none_or(|old| old.name != node.name);
        let is_other_subscription = old.is_some_and(|old| old.is_subscribed != is_subscribed);
        let is_told = (is_other_name && events.contains(&NotifyEvent::MailboxName))
            || (is_other_subscription && events.contains(&NotifyEvent::SubscriptionChange));
        if is_told {
            let mut attributes: Vec<ListAttribute> = Vec::new();
            attributes.extend(is_subscribed.then_some(ListAttribute::Subscribed));
            attributes.extend(special_use(node.mailbox.role).map(ListAttribute::Use));
            let old_name = old.filter(|old| old.name != node.name).map(|old| old.name.as_str());
            self.tell_name(&node.name, &attributes, old_name);
        }
    }

    fn tell_name(&mut self, name: &MailboxName, attributes: &[ListAttribute], old_name: Option<&str>) {
        self.out.list(&ListRow { name: name.as_str(), attributes, subscribed_children: false, old_name });
    }

    fn tell_counts(&mut self, round: &Round, sizes: &[(MailboxId, MailboxSizes)]) {
        for (mailbox_id, with_unseen) in &round.told {
            let Some(node) = round.tree.by_id(*mailbox_id) else { continue };
            let mut items = vec![StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity];
            items.extend(with_unseen.then_some(StatusItem::Unseen));
            items.extend(self.enabled.condstore.then_some(StatusItem::HighestModseq));
            self.tell_status(round.modseq, node, &items, sizes);
        }
    }
}

fn known(node: &Node) -> Known {
    let mailbox = &node.mailbox;
    Known {
        mailbox_id: mailbox.mailbox_id,
        name: node.name.clone(),
        is_subscribed: mailbox.is_subscribed,
        counts: [mailbox.uid_next, mailbox.total_emails, mailbox.unread_emails],
    }
}
