//! SELECT, EXAMINE, CLOSE, EXPUNGE (RFC 9051 §6.3.2, §6.4), with CONDSTORE and QRESYNC (RFC 7162).

use mail::{ModSeq, UidSet};
use store::{Expunged, OpenedMailbox, ViewChanges};

use super::job::Job;
use super::list::special_use;
use super::sync::{ClosingCode, Looks, flags_line};
use super::view::View;
use super::{Grant, Session, Wish};
use crate::codec::MailboxName;
use crate::codec::SequenceSet;
use crate::codec::command::Qresync;
use crate::codec::response::{Code, Condition, ListAttribute, ListRow};

/// Keywords that a client may well use before a message has them (RFC 5788).
const KEYWORDS: [&str; 9] =
    ["$answered", "$flagged", "$draft", "$seen", "$forwarded", "$mdnsent", "$junk", "$notjunk", "$phishing"];

/// SELECT under way.
#[derive(Debug)]
pub(super) struct Selecting {
    pub(super) tag: String,
    mailbox: MailboxName,
    is_read_only: bool,
    qresync: Option<Qresync>,
    /// What the client missed is told from here on.
    missed_from: Option<ModSeq>,
}

/// EXPUNGE or CLOSE under way.
#[derive(Debug)]
pub(super) struct Expunging {
    pub(super) tag: String,
    /// CLOSE: the mailbox is left without a word of what was removed.
    closes: bool,
    only: Option<UidSet>,
}

impl Session {
    pub(super) fn select(
        &mut self,
        tag: String,
        mailbox: MailboxName,
        is_read_only: bool,
        condstore: bool,
        qresync: Option<Qresync>,
    ) {
        if qresync.is_some() && !self.enabled.qresync {
            return self.bad(&tag, "ENABLE QRESYNC first");
        }
        // RFC 9051 §7.1: what follows is about the other mailbox.
        if self.view.take().is_some() && (self.enabled.rev2 || self.enabled.qresync) {
            self.out.untagged(Condition::Ok, Some(Code::Closed), "The mailbox before is closed");
        }
        self.enabled.condstore |= condstore;
        let selecting = Selecting { tag, mailbox: mailbox.clone(), is_read_only, qresync, missed_from: None };
        self.job = Job::Select(Box::new(selecting));
        self.wish(Wish::Open(mailbox));
    }

    pub(super) fn select_granted(&mut self, mut selecting: Box<Selecting>, grant: Grant) {
        match grant {
            Grant::Opened(opened) => {
                self.tell_opened(&selecting, &opened);
                let known = selecting.qresync.as_ref();
                let known = known.filter(|known| known.uid_validity == opened.mailbox.uid_validity.0);
                selecting.missed_from = known.map(|known| modseq(known.modseq));
                self.view = Some(Box::new(View::new(*opened, selecting.is_read_only)));
                self.has_news = false;
                self.job = Job::Select(selecting);
            }
            Grant::Changes(Some(changes)) => {
                self.tell_missed(&selecting, &changes);
                selecting.missed_from = changes.has_more.then_some(changes.modseq);
                self.job = Job::Select(selecting);
            }
            Grant::Changes(None) => self.say_bye("The mailbox is gone"),
            _ => self.say_bye("An answer out of turn"),
        }
    }

    /// Tells what the client missed, page by page, and then that the mailbox is selected.
    pub(super) fn select_on(&mut self, mut selecting: Box<Selecting>) {
        let view = self.view.as_ref().map(|view| (view.mailbox_id, view.modseq));
        if let (Some(since), Some((mailbox_id, modseq))) = (selecting.missed_from.take(), view)
            && since < modseq
        {
            self.job = Job::Select(selecting);
            return self.wish(Wish::Changes { mailbox_id, since });
        }
        let (code, words) = match selecting.is_read_only {
            true => (Code::ReadOnly, "EXAMINE completed"),
            false => (Code::ReadWrite, "SELECT completed"),
        };
        self.out.tagged(&selecting.tag, Condition::Ok, Some(code), words);
    }

    fn tell_opened(&mut self, selecting: &Selecting, opened: &OpenedMailbox) {
        let mailbox = &opened.mailbox;
        self.out.exists(opened.uids.len());
        if !self.enabled.rev2 {
            self.out.recent(0);
        }
        self.out.flags(KEYWORDS);
        let permanent: &[&str] = if selecting.is_read_only { &[] } else { &KEYWORDS };
        let codes = [
            (Code::PermanentFlags(permanent, !selecting.is_read_only), "Flags that are kept"),
            (Code::UidValidity(mailbox.uid_validity.0), "UIDs are valid"),
            (Code::UidNext(u32::try_from(mailbox.uid_next).unwrap_or(u32::MAX)), "The next UID"),
            (Code::HighestModseq(opened.modseq.0.unsigned_abs()), "The latest change"),
            (Code::MailboxId(mailbox.mailbox_id), "The mailbox"),
        ];
        for (code, words) in codes {
            self.out.untagged(Condition::Ok, Some(code), words);
        }
        if self.enabled.rev2 {
            let use_of = special_use(mailbox.role).map(ListAttribute::Use);
            let attributes: Vec<ListAttribute> = use_of.into_iter().collect();
            self.out.list(&ListRow {
                name: selecting.mailbox.as_str(),
                attributes: &attributes,
                subscribed_children: false,
                old_name: None,
            });
        }
    }

    /// RFC 7162 §3.2.5.1: what vanished and what changed since the client was here. What happens from now on is told like all news.
    fn tell_missed(&mut self, selecting: &Selecting, changes: &ViewChanges) {
        let Some(view) = &self.view else { return };
        let known = selecting.qresync.as_ref().and_then(|qresync| qresync.known_uids.as_ref());
        let known = known.map(|set| set.resolve(u32::MAX));
        let gone = changes.expunged.without(&view.uids);
        let gone = known.as_ref().map_or_else(|| gone.clone(), |known| gone.intersect(known));
        self.out.vanished(true, &gone);
        let is_known = |uid: u32| known.as_ref().is_none_or(|known| known.contains(uid));
        for row in changes.changed.iter().filter(|row| is_known(row.uid.0)) {
            if let Some(number) = view.uids.place_of(row.uid.0) {
                flags_line(&mut self.out, number, row, true);
            }
        }
    }

    /// CLOSE (RFC 9051 §6.4.1): removes what is marked, and says nothing of it.
    pub(super) fn close_mailbox(&mut self, tag: String) {
        if self.view.as_ref().is_some_and(|view| view.is_read_only) {
            self.view = None;
            return self.ok(&tag, "CLOSE completed");
        }
        self.job = Job::Expunge(Box::new(Expunging { tag, closes: true, only: None }));
    }

    /// EXPUNGE, or UID EXPUNGE of a set (RFC 4315 §2.1).
    pub(super) fn expunge(&mut self, tag: String, only: Option<&SequenceSet>) {
        let Some(view) = &self.view else { return };
        if view.is_read_only {
            return self.no(&tag, None, "The mailbox was opened for reading");
        }
        let only = only.map(|set| view.named(set, true).unwrap_or_default());
        if only.as_ref().is_some_and(UidSet::is_empty) {
            return self.finish(tag, "EXPUNGE completed");
        }
        self.job = Job::Expunge(Box::new(Expunging { tag, closes: false, only }));
    }

    pub(super) fn expunge_on(&mut self, expunging: Box<Expunging>) {
        let Some(view) = &self.view else { return };
        let wish = Wish::Expunge { mailbox_id: view.mailbox_id, only: expunging.only.clone() };
        self.job = Job::Expunge(expunging);
        self.wish(wish);
    }

    pub(super) fn expunged(&mut self, expunging: Box<Expunging>, expunged: Expunged) {
        if !expunging.closes {
            self.tell_gone(&expunged.uids);
        }
        if expunged.has_more {
            self.job = Job::Expunge(expunging);
        } else if expunging.closes {
            self.view = None;
            self.ok(&expunging.tag, "CLOSE completed");
        } else {
            // RFC 7162 §3.2.7: the state is told, so it has to be known.
            let looks = if self.enabled.condstore { Looks::Always } else { Looks::IfNews };
            self.finish_with(expunging.tag, ClosingCode::HighestModseq, "EXPUNGE completed", looks);
        }
    }
}

/// A client's mod-sequence: 63 bits (RFC 7162 §7).
pub(super) fn modseq(number: u64) -> ModSeq {
    ModSeq(i64::try_from(number).unwrap_or(i64::MAX))
}
