//! What happened meanwhile (RFC 9051 §7): told before the last line of a command, or at once to a client that listens.
//!
//! A client counts messages, so what is gone may be told only while it names none by number: not in answer to FETCH, STORE, SEARCH,
//! SORT and THREAD without UID (RFC 9051 §7.5.1). Those say nothing of what happened; the next command does.

use mail::{ModSeq, UidSet};
use store::{ViewChanges, ViewRow};

use super::fetch::End;
use super::job::Job;
use super::{Session, Wish};
use crate::codec::response::{Code, Condition, Out};

/// The end of a command.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) tag: String,
    code: ClosingCode,
    words: String,
    looks: Looks,
}

/// What a program learns from the last line.
#[derive(Debug)]
pub(super) enum ClosingCode {
    None,
    /// The state after all that was told (RFC 7162 §3.1.2.1), for clients that asked for such.
    HighestModseq,
    /// RFC 5530 §3: somebody else removed what was asked for.
    ExpungeIssued,
    /// APPENDUID.
    AppendUid(u32, UidSet),
    /// MODIFIED (RFC 7162 §3.1.3), in the numbers the client used.
    Modified(UidSet),
    /// COPYUID.
    CopyUid(u32, UidSet, UidSet),
}

/// Whether what happened is looked up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// When there is news.
    IfNews,
    /// In any case.
    Always,
    /// Not: numbers stay as they are.
    Never,
}

impl Session {
    /// The command went well.
    pub(super) fn finish(&mut self, tag: String, words: &str) {
        self.finish_with(tag, ClosingCode::None, words, Looks::IfNews);
    }

    pub(super) fn finish_with(&mut self, tag: String, code: ClosingCode, words: &str, looks: Looks) {
        self.job = Job::Closing(Box::new(Closing { tag, code, words: words.to_owned(), looks }));
    }

    pub(super) fn noop(&mut self, tag: String) {
        self.finish_with(tag, ClosingCode::None, "NOOP completed", Looks::Always);
    }

    /// Asks what happened, or says the last line.
    pub(super) fn close_on(&mut self, mut closing: Box<Closing>) {
        let looks = match std::mem::replace(&mut closing.looks, Looks::Never) {
            Looks::Always => true,
            Looks::IfNews => self.has_news || self.view.as_ref().is_some_and(|view| !view.delayed.is_empty()),
            Looks::Never => false,
        };
        if looks && self.ask_changes() {
            self.job = Job::Closing(closing);
        } else {
            self.close_command(&closing);
        }
    }

    /// Asks what happened in the selected mailbox; false when there is none.
    pub(super) fn ask_changes(&mut self) -> bool {
        let Some(view) = &self.view else { return false };
        let wish = Wish::Changes { mailbox_id: view.mailbox_id, since: view.modseq };
        self.has_news = false;
        self.wish(wish);
        true
    }

    pub(super) fn closing_changes(&mut self, mut closing: Box<Closing>, changes: Option<ViewChanges>) {
        match self.tell(changes, false) {
            None => {}
            // Asked again once this page is written.
            Some(true) => {
                closing.looks = Looks::Always;
                self.job = Job::Closing(closing);
            }
            Some(false) => match self.fetch_arrived() {
                Some(fetching) => self.job = Job::Fetch(fetching.ending(End::Closing(closing))),
                None => self.close_command(&closing),
            },
        }
    }

    pub(super) fn close_command(&mut self, closing: &Closing) {
        let state = self.view.as_ref().map_or(0, |view| view.modseq.0.unsigned_abs());
        let code = match &closing.code {
            ClosingCode::HighestModseq if self.enabled.condstore && state > 0 => {
                Some(Code::HighestModseq(state))
            }
            ClosingCode::None | ClosingCode::HighestModseq => None,
            ClosingCode::ExpungeIssued => Some(Code::ExpungeIssued),
            ClosingCode::AppendUid(validity, uids) => Some(Code::AppendUid(*validity, uids)),
            ClosingCode::Modified(set) => Some(Code::Modified(set)),
            ClosingCode::CopyUid(validity, from, to) => Some(Code::CopyUid(*validity, from, to)),
        };
        self.out.tagged(&closing.tag, Condition::Ok, code, &closing.words);
    }

    /// Tells what happened; answers whether there is more to look up, `None` when the conversation is over.
    /// With `delays`, what is gone keeps its number until the next command.
    pub(super) fn tell(&mut self, changes: Option<ViewChanges>, delays: bool) -> Option<bool> {
        let Some(changes) = changes else {
            self.say_bye("The mailbox is gone");
            return None;
        };
        let view = self.view.as_mut()?;
        view.modseq = changes.modseq;
        let gone = view.uids.intersect(&changes.expunged);
        let gone: UidSet = gone.runs().chain(view.delayed.runs()).collect();
        let came: Vec<u32> =
            changes.changed.iter().map(|row| row.uid.0).filter(|uid| view.is_new(*uid)).collect();
        view.arrives(&came);
        view.never_came(&changes.expunged);
        match delays {
            true => view.delayed = gone,
            false => self.tell_gone(&gone),
        }
        let view = self.view.as_ref()?;
        for row in changes.changed.iter().filter(|row| !view.knows(row)) {
            if let Some(number) = view.uids.place_of(row.uid.0) {
                flags_line(&mut self.out, number, row, self.enabled.condstore);
            }
        }
        if !changes.has_more {
            self.tell_arrived(changes.uid_next);
        }
        Some(changes.has_more)
    }

    /// What came has its numbers from now on.
    fn tell_arrived(&mut self, uid_next: i64) {
        let Some(view) = &mut self.view else { return };
        let arrived = view.arrived(uid_next);
        if arrived.is_empty() {
            return;
        }
        self.arrived = arrived;
        self.out.exists(view.uids.len());
        if !self.enabled.rev2 {
            self.out.recent(0);
        }
    }

    /// What is gone loses its numbers.
    pub(super) fn tell_gone(&mut self, gone: &UidSet) {
        let Some(view) = &mut self.view else { return };
        if self.enabled.qresync {
            self.out.vanished(false, gone);
        } else {
            // From behind: so no number moves before it is told.
            view.uids.places_of(gone).iter().rev().for_each(|number| self.out.expunge(number));
        }
        view.remove(gone);
    }

    /// Remembers that the client knows the outcome of an act of its own.
    pub(super) fn know(&mut self, act: ModSeq) {
        if let Some(view) = &mut self.view {
            view.know(act);
        }
    }
}

/// What a message's flags are now. A client that named no number knows which message it is by its UID.
pub(super) fn flags_line(out: &mut Out, number: u32, row: &ViewRow, with_modseq: bool) {
    let mut line = out.fetch(number);
    line.uid(row.uid.0);
    line.flags(row.keywords.iter().map(String::as_str), row.is_deleted);
    if with_modseq {
        line.modseq(row.modseq.0.unsigned_abs());
    }
    line.end();
}
