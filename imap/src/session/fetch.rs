//! FETCH (RFC 9051 §6.4.5), page by page: rows, then the bytes of the next few messages where they are needed, then their lines.

use std::collections::VecDeque;

use mail::UidSet;
use store::{FlagEdit, FlagMode, FlagsEdited};

use super::job::Job;
use super::select::modseq;
use super::sync::{Closing, ClosingCode, Looks};
use super::{Grant, Message, Session, Wish};
use crate::codec::command::{FetchItem, Rfc822, Section, SectionText};
use crate::codec::response::{Code, Fetch, Out};
use crate::codec::{SequenceSet, fetch};

/// What came with the command beside the items.
#[derive(Debug)]
pub(super) struct How {
    pub(super) uid: bool,
    pub(super) changed_since: Option<u64>,
    pub(super) vanished: bool,
    pub(super) partial: Option<(i64, i64)>,
}

/// What follows the last message.
#[derive(Debug)]
pub(super) enum End {
    /// The command's last line.
    Tag(String),
    /// What came was told with what NOTIFY asked for; now the last line of a command.
    Closing(Box<Closing>),
    /// The same, and the client listens on.
    News(Option<String>),
}

/// FETCH under way.
#[derive(Debug)]
pub(super) struct Fetching {
    end: End,
    uid: bool,
    items: Vec<FetchItem>,
    needs_facts: bool,
    /// Reading marks as read.
    sets_seen: bool,
    /// First of all, which of them changed (RFC 7162 §3.1.4).
    changed: Option<Changed>,
    /// Not looked at yet.
    left: UidSet,
    /// How many of the page were asked for.
    asked: u32,
    page: VecDeque<Waiting>,
    /// The messages of the page have been marked as read.
    is_marked: bool,
    /// Somebody else removed some of them.
    is_missing: bool,
    /// A part's encoding is not known (RFC 3516 §4.3).
    is_unknown_encoding: bool,
}

/// Which messages changed is being found out.
#[derive(Debug)]
struct Changed {
    since: mail::ModSeq,
    /// Which, so far.
    uids: UidSet,
    /// What the client named, whether it is there or not, when it wants to know what vanished.
    named: Option<UidSet>,
}

/// A message whose line waits to be written.
#[derive(Debug)]
struct Waiting {
    message: Message,
    content: Content,
    /// It has just been marked as read.
    is_marked: bool,
}

#[derive(Debug)]
enum Content {
    NotNeeded,
    Needed,
    /// `None`: there is none any more.
    There(Option<Vec<u8>>),
}

impl Session {
    pub(super) fn fetch(&mut self, tag: String, how: How, set: &SequenceSet, mut items: Vec<FetchItem>) {
        let Some(view) = &self.view else { return };
        let Some(named) = view.named(set, how.uid) else {
            return self.bad(&tag, "No such message number");
        };
        if how.vanished && (how.changed_since.is_none() || !self.enabled.qresync || !how.uid) {
            return self.bad(&tag, "VANISHED is for UID FETCH with CHANGEDSINCE after ENABLE QRESYNC");
        }
        let left = how.partial.map_or_else(|| named.clone(), |range| partial(&named, range));
        let sets_seen = !view.is_read_only && items.iter().any(sets_seen);
        if how.uid && !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        if how.changed_since.is_some() && !items.contains(&FetchItem::Modseq) {
            items.push(FetchItem::Modseq);
        }
        if items.contains(&FetchItem::Modseq) {
            self.enable_condstore();
        }
        let changed = how.changed_since.map(|since| Changed {
            since: modseq(since),
            uids: UidSet::new(),
            named: how.vanished.then(|| set.resolve(u32::MAX)),
        });
        let fetching = Fetching { sets_seen, changed, ..Fetching::new(End::Tag(tag), how.uid, items, left) };
        self.job = Job::Fetch(Box::new(fetching));
    }

    /// What came, with what NOTIFY asks for of it (RFC 5465 §5.2).
    pub(super) fn fetch_arrived(&mut self) -> Option<Box<Fetching>> {
        let arrived = std::mem::take(&mut self.arrived);
        let mut items = self.notify.as_ref().map(|notify| notify.items().to_vec()).unwrap_or_default();
        if arrived.is_empty() || items.is_empty() {
            return None;
        }
        if !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        Some(Box::new(Fetching::new(End::News(None), true, items, arrived)))
    }

    /// Wishes for what is needed next, or writes the next line.
    pub(super) fn fetch_on(&mut self, mut fetching: Box<Fetching>) {
        let Some(view) = &self.view else { return };
        if let Some(wish) = fetching.next_wish(view.mailbox_id, &self.limits) {
            self.job = Job::Fetch(fetching);
            return self.wish(wish);
        }
        match fetching.page.pop_front() {
            Some(waiting) => {
                if let Some(number) = view.uids.place_of(waiting.message.row.uid.0) {
                    fetching.write(&mut self.out, number, &waiting, self.enabled.condstore);
                }
                self.job = Job::Fetch(fetching);
            }
            None => self.fetched(*fetching),
        }
    }

    fn fetched(&mut self, fetching: Fetching) {
        let Fetching { end, uid, is_missing, is_unknown_encoding, .. } = fetching;
        let tag = match end {
            End::Tag(tag) => tag,
            End::Closing(closing) => return self.close_command(&closing),
            End::News(back) => return self.rest(back),
        };
        if is_unknown_encoding {
            return self.no(&tag, Some(Code::UnknownCte), "A part has an encoding that is not known");
        }
        let code = if is_missing { ClosingCode::ExpungeIssued } else { ClosingCode::None };
        let looks = if uid { Looks::IfNews } else { Looks::Never };
        self.finish_with(tag, code, "FETCH completed", looks);
    }

    pub(super) fn fetch_granted(&mut self, mut fetching: Box<Fetching>, grant: Grant) {
        match grant {
            Grant::Messages(messages) => fetching.page_came(messages),
            Grant::Contents(contents) => fetching.contents_came(contents),
            Grant::Edited(edited) => {
                self.know(edited.modseq);
                fetching.marked(edited);
            }
            Grant::Changes(Some(changes)) => {
                let Some(changed) = &mut fetching.changed else { return };
                if let (Some(named), Some(view)) = (&changed.named, &self.view) {
                    let gone = changes.expunged.intersect(named).without(&view.uids);
                    self.out.vanished(true, &gone);
                }
                let uids = changes.changed.iter().map(|row| (row.uid.0, row.uid.0));
                changed.uids = changed.uids.runs().chain(uids).collect();
                changed.since = changes.modseq;
                if !changes.has_more {
                    fetching.left = fetching.left.intersect(&changed.uids);
                    fetching.changed = None;
                }
            }
            Grant::Changes(None) => return self.say_bye("The mailbox is gone"),
            _ => return self.say_bye("An answer out of turn"),
        }
        self.job = Job::Fetch(fetching);
    }
}

impl Fetching {
    fn new(end: End, uid: bool, items: Vec<FetchItem>, left: UidSet) -> Self {
        Self {
            end,
            uid,
            needs_facts: items.iter().any(needs_facts),
            items,
            sets_seen: false,
            changed: None,
            left,
            asked: 0,
            page: VecDeque::new(),
            is_marked: false,
            is_missing: false,
            is_unknown_encoding: false,
        }
    }

    /// The same with something else after the last message.
    pub(super) fn ending(mut self: Box<Self>, end: End) -> Box<Self> {
        self.end = end;
        self
    }

    /// The tag of the command that ends with it.
    pub(super) fn tag(&self) -> Option<&str> {
        match &self.end {
            End::Tag(tag) => Some(tag),
            End::Closing(closing) => Some(&closing.tag),
            End::News(_) => None,
        }
    }

    fn next_wish(&mut self, mailbox_id: mail::MailboxId, limits: &crate::Limits) -> Option<Wish> {
        if let Some(changed) = &self.changed {
            return Some(Wish::Changes { mailbox_id, since: changed.since });
        }
        if self.page.is_empty() && !self.left.is_empty() {
            let uids = self.left.at_places(&UidSet::run(1, limits.page_messages));
            self.left = self.left.without(&uids);
            self.is_marked = false;
            self.asked = uids.len();
            return Some(Wish::Messages { mailbox_id, uids, with_facts: self.needs_facts });
        }
        if self.sets_seen && !std::mem::replace(&mut self.is_marked, true) {
            let is_unseen =
                |waiting: &&Waiting| !waiting.message.row.keywords.iter().any(|word| word == "$seen");
            let unseen = self.page.iter().filter(is_unseen).map(|waiting| waiting.message.row.uid.0);
            let uids: UidSet = unseen.collect();
            if !uids.is_empty() {
                let edit =
                    FlagEdit { mode: FlagMode::Add, keywords: vec!["$seen".to_owned()], deleted: false };
                return Some(Wish::EditFlags { mailbox_id, uids, edit, unchanged_since: None });
            }
        }
        self.page.front().is_some_and(|next| matches!(next.content, Content::Needed)).then(|| {
            let mut bytes = 0;
            let mut blobs = Vec::new();
            for waiting in self.page.iter().filter(|one| matches!(one.content, Content::Needed)) {
                bytes += waiting.message.row.size;
                if !blobs.is_empty() && bytes > limits.page_bytes {
                    break;
                }
                blobs.push(waiting.message.row.blob_id);
            }
            Wish::Contents(blobs)
        })
    }

    fn page_came(&mut self, messages: Vec<Message>) {
        self.is_missing |= messages.len() < self.asked as usize;
        let items = &self.items;
        self.page = messages
            .into_iter()
            .map(|message| {
                let is_needed = items.iter().any(|item| needs_bytes(item, &message));
                let content = if is_needed { Content::Needed } else { Content::NotNeeded };
                Waiting { message, content, is_marked: false }
            })
            .collect();
    }

    fn contents_came(&mut self, contents: Vec<Option<Vec<u8>>>) {
        let needed = self.page.iter_mut().filter(|one| matches!(one.content, Content::Needed));
        for (waiting, content) in needed.zip(contents) {
            waiting.content = Content::There(content);
        }
    }

    fn marked(&mut self, edited: FlagsEdited) {
        let mut rows = edited.rows.into_iter().peekable();
        for waiting in &mut self.page {
            let uid = waiting.message.row.uid;
            if let Some(row) = rows.next_if(|row| row.uid == uid) {
                waiting.message.row = row;
                waiting.is_marked = true;
            }
        }
    }

    /// A message's line.
    fn write(&mut self, out: &mut Out, number: u32, waiting: &Waiting, condstore: bool) {
        let row = &waiting.message.row;
        let raw = match &waiting.content {
            Content::There(Some(raw)) => Some(raw.as_slice()),
            Content::There(None) => {
                self.is_missing = true;
                None
            }
            Content::Needed | Content::NotNeeded => None,
        };
        let mut line = out.fetch(number);
        for item in &self.items {
            self.is_unknown_encoding |= !write_item(&mut line, item, &waiting.message, raw);
        }
        if waiting.is_marked && !self.items.contains(&FetchItem::Flags) {
            line.flags(row.keywords.iter().map(String::as_str), row.is_deleted);
            if condstore && !self.items.contains(&FetchItem::Modseq) {
                line.modseq(row.modseq.0.unsigned_abs());
            }
        }
        line.end();
    }
}

/// Writes an item; false when a part's encoding is not known.
fn write_item(line: &mut Fetch<'_>, item: &FetchItem, message: &Message, raw: Option<&[u8]>) -> bool {
    let row = &message.row;
    let facts = message.facts.as_deref();
    match (item, facts) {
        (FetchItem::Uid, _) => line.uid(row.uid.0),
        (FetchItem::Flags, _) => line.flags(row.keywords.iter().map(String::as_str), row.is_deleted),
        (FetchItem::InternalDate, _) => line.internal_date(row.received_at),
        (FetchItem::SaveDate, _) => line.save_date(row.saved_at),
        (FetchItem::Rfc822Size, _) => line.rfc822_size(row.size),
        (FetchItem::Modseq, _) => line.modseq(row.modseq.0.unsigned_abs()),
        (FetchItem::EmailId, _) => line.email_id(row.email_id),
        (FetchItem::ThreadId, _) => line.thread_id(row.thread_id),
        (FetchItem::Preview, Some(facts)) => line.preview(&facts.preview),
        (FetchItem::Envelope, Some(facts)) => line.envelope(facts),
        (FetchItem::BodyStructure, Some(facts)) => line.body_structure(facts, raw, true),
        (FetchItem::Body, Some(facts)) => line.body_structure(facts, raw, false),
        (FetchItem::Rfc822(which), Some(facts)) => {
            let section = old_section(*which);
            let bytes = raw.and_then(|raw| fetch::section(raw, facts, &section));
            line.rfc822(*which, bytes.as_deref().unwrap_or_default());
        }
        (FetchItem::Section { section, partial, .. }, Some(facts)) => {
            let bytes = raw.and_then(|raw| fetch::section(raw, facts, section));
            line.section(section, *partial, bytes.as_deref());
        }
        (FetchItem::Binary { part, partial, .. }, Some(facts)) => {
            let Ok(bytes) = raw.map(|raw| fetch::binary(raw, facts, part)).transpose() else { return false };
            line.binary(part, *partial, bytes.flatten().as_deref());
        }
        (FetchItem::BinarySize(part), Some(facts)) => {
            let Ok(bytes) = raw.map(|raw| fetch::binary(raw, facts, part)).transpose() else { return false };
            line.binary_size(part, bytes.flatten().map_or(0, |bytes| bytes.len() as u64));
        }
        // Facts come whenever an item needs them.
        (_, None) => {}
    }
    true
}

fn old_section(which: Rfc822) -> Section {
    let text = match which {
        Rfc822::Whole => SectionText::Whole,
        Rfc822::Header => SectionText::Header,
        Rfc822::Text => SectionText::Text,
    };
    Section { part: Vec::new(), text }
}

/// Whether reading it marks as read (RFC 9051 §6.4.5).
fn sets_seen(item: &FetchItem) -> bool {
    match item {
        FetchItem::Section { peek, .. } | FetchItem::Binary { peek, .. } => !peek,
        FetchItem::Rfc822(which) => *which != Rfc822::Header,
        _ => false,
    }
}

fn needs_facts(item: &FetchItem) -> bool {
    !matches!(
        item,
        FetchItem::Uid
            | FetchItem::Flags
            | FetchItem::InternalDate
            | FetchItem::SaveDate
            | FetchItem::Rfc822Size
            | FetchItem::Modseq
            | FetchItem::EmailId
            | FetchItem::ThreadId
    )
}

fn needs_bytes(item: &FetchItem, message: &Message) -> bool {
    match item {
        FetchItem::Rfc822(_)
        | FetchItem::Section { .. }
        | FetchItem::Binary { .. }
        | FetchItem::BinarySize(_) => true,
        FetchItem::Body | FetchItem::BodyStructure => {
            message.facts.as_deref().is_some_and(fetch::needs_bytes)
        }
        _ => false,
    }
}

/// Those of a set at places from one to another, from the end when they are negative (RFC 9394 §3.1).
pub(super) fn partial(set: &UidSet, (first, last): (i64, i64)) -> UidSet {
    let count = i64::from(set.len());
    let place = |at: i64| if at < 0 { count + 1 + at } else { at };
    let (low, high) = (place(first).min(place(last)), place(first).max(place(last)));
    let within = |at: i64| u32::try_from(at.clamp(0, count)).unwrap_or(0);
    match high < 1 || low > count {
        true => UidSet::new(),
        false => set.at_places(&UidSet::run(within(low).max(1), within(high))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_9394_section_3_1_pages() {
        let set = UidSet::run(101, 110);
        let rows = [
            ((1, 3), "101:103"), ((3, 1), "101:103"), ((-1, -3), "108:110"), ((9, 20), "109:110"),
            ((-100, -9), "101:102"), ((11, 20), ""), ((-11, -20), ""),
        ];
        for (range, expected) in rows {
            assert_eq!(partial(&set, range).to_string(), expected, "{range:?}");
        }
    }
}
