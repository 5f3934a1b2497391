//! STORE (RFC 9051 §6.4.6) with UNCHANGEDSINCE (RFC 7162 §3.1.3), a thousand messages at a time.

use mail::{ModSeq, UidSet};
use store::{FlagEdit, FlagMode, FlagsEdited, MESSAGES_PER_ACT};

use super::job::Job;
use super::select::modseq;
use super::sync::{ClosingCode, Looks};
use super::{Session, Wish};
use crate::codec::SequenceSet;
use crate::codec::command::{Flag, FlagChange};

/// What came with the command beside the flags.
#[derive(Debug)]
pub(super) struct How {
    pub(super) uid: bool,
    pub(super) unchanged_since: Option<u64>,
    pub(super) change: FlagChange,
    pub(super) silent: bool,
}

/// STORE under way.
#[derive(Debug)]
pub(super) struct Storing {
    pub(super) tag: String,
    uid: bool,
    silent: bool,
    edit: FlagEdit,
    unchanged_since: Option<ModSeq>,
    left: UidSet,
    /// What had changed before, and was left alone.
    modified: UidSet,
}

impl Session {
    pub(super) fn store(&mut self, tag: String, how: How, set: &SequenceSet, flags: Vec<Flag>) {
        let Some(view) = &self.view else { return };
        if view.is_read_only {
            return self.no(&tag, None, "The mailbox was opened for reading");
        }
        let Some(left) = view.named(set, how.uid) else {
            return self.bad(&tag, "No such message number");
        };
        if how.unchanged_since.is_some() {
            self.enable_condstore();
        }
        let mode = match how.change {
            FlagChange::Replace => FlagMode::Replace,
            FlagChange::Add => FlagMode::Add,
            FlagChange::Remove => FlagMode::Remove,
        };
        let (keywords, deleted) = kept(flags);
        self.job = Job::Store(Box::new(Storing {
            tag,
            uid: how.uid,
            silent: how.silent,
            edit: FlagEdit { mode, keywords, deleted },
            unchanged_since: how.unchanged_since.map(modseq),
            left,
            modified: UidSet::new(),
        }));
    }

    /// Changes the next thousand, or ends.
    pub(super) fn store_on(&mut self, mut storing: Box<Storing>) {
        let Some(view) = &self.view else { return };
        if storing.left.is_empty() {
            return self.all_stored(*storing);
        }
        let uids = storing.left.at_places(&UidSet::run(1, MESSAGES_PER_ACT as u32));
        storing.left = storing.left.without(&uids);
        let wish = Wish::EditFlags {
            mailbox_id: view.mailbox_id,
            uids,
            edit: storing.edit.clone(),
            unchanged_since: storing.unchanged_since,
        };
        self.job = Job::Store(storing);
        self.wish(wish);
    }

    pub(super) fn stored(&mut self, mut storing: Box<Storing>, edited: FlagsEdited) {
        self.know(edited.modseq);
        let Some(view) = &self.view else { return };
        let modified = storing.modified.runs().chain(edited.modified.runs());
        storing.modified = modified.collect();
        // RFC 7162 §3.1.3: the new mod-sequence is told even when the flags are not.
        let tells = !storing.silent || self.enabled.condstore;
        for row in edited.rows.iter().filter(|_| tells) {
            let Some(number) = view.uids.place_of(row.uid.0) else { continue };
            let mut line = self.out.fetch(number);
            if storing.uid || self.enabled.qresync {
                line.uid(row.uid.0);
            }
            if !storing.silent {
                line.flags(row.keywords.iter().map(String::as_str), row.is_deleted);
            }
            if self.enabled.condstore {
                line.modseq(row.modseq.0.unsigned_abs());
            }
            line.end();
        }
        self.job = Job::Store(storing);
    }

    fn all_stored(&mut self, storing: Storing) {
        let looks = if storing.uid { Looks::IfNews } else { Looks::Never };
        let Some(view) = &self.view else { return };
        let code = match (storing.modified.is_empty(), storing.uid) {
            (true, _) => ClosingCode::None,
            (false, true) => ClosingCode::Modified(storing.modified),
            (false, false) => ClosingCode::Modified(view.uids.places_of(&storing.modified)),
        };
        self.finish_with(storing.tag, code, "STORE completed", looks);
    }
}

/// Flags as the memory keeps them: keywords, and whether `\Deleted` is among them.
pub(crate) fn kept(flags: Vec<Flag>) -> (Vec<String>, bool) {
    let deleted = flags.contains(&Flag::Deleted);
    (flags.into_iter().filter_map(keyword).collect(), deleted)
}

/// The memory's word for a flag; `\Deleted` is none, for it is of the message in its mailbox.
pub(crate) fn keyword(flag: Flag) -> Option<String> {
    let word = match flag {
        Flag::Seen => "$seen",
        Flag::Answered => "$answered",
        Flag::Flagged => "$flagged",
        Flag::Draft => "$draft",
        Flag::Deleted => return None,
        Flag::Keyword(keyword) => return Some(keyword),
    };
    Some(word.to_owned())
}
