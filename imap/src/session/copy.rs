//! COPY (RFC 9051 §6.4.7), all or nothing; MOVE (RFC 6851), a thousand messages at a time.

use mail::{UidSet, UidValidity};
use store::{Copied, MESSAGES_PER_ACT};

use super::job::Job;
use super::sync::{ClosingCode, Looks};
use super::{Session, Wish};
use crate::codec::response::{Code, Condition};
use crate::codec::{MailboxName, SequenceSet};

/// COPY or MOVE under way.
#[derive(Debug)]
pub(super) struct Copying {
    pub(super) tag: String,
    uid: bool,
    to: MailboxName,
    moves: bool,
    left: UidSet,
}

impl Session {
    pub(super) fn copy(&mut self, tag: String, uid: bool, set: &SequenceSet, to: MailboxName, moves: bool) {
        let Some(view) = &self.view else { return };
        if moves && view.is_read_only {
            return self.no(&tag, None, "The mailbox was opened for reading");
        }
        let Some(left) = view.named(set, uid) else {
            return self.bad(&tag, "No such message number");
        };
        if !moves && left.len() > self.limits.copied_max {
            return self.no(&tag, Some(Code::Limit), "More than one COPY takes; copy fewer at a time");
        }
        self.job = Job::Copy(Box::new(Copying { tag, uid, to, moves, left }));
    }

    pub(super) fn copy_on(&mut self, mut copying: Box<Copying>) {
        let Some(view) = &self.view else { return };
        if copying.left.is_empty() {
            return self.finish(copying.tag, if copying.moves { "MOVE completed" } else { "COPY completed" });
        }
        let uids = match copying.moves {
            true => copying.left.at_places(&UidSet::run(1, MESSAGES_PER_ACT as u32)),
            false => copying.left.clone(),
        };
        copying.left = copying.left.without(&uids);
        let wish = Wish::Copy { from: view.mailbox_id, uids, to: copying.to.clone(), moves: copying.moves };
        self.job = Job::Copy(copying);
        self.wish(wish);
    }

    pub(super) fn copied(&mut self, copying: Box<Copying>, uid_validity: UidValidity, copied: Copied) {
        let from: UidSet = copied.pairs.iter().map(|(from, _)| from.0).collect();
        let to: UidSet = copied.pairs.iter().map(|(_, to)| to.0).collect();
        if copying.moves {
            // RFC 6851 §4.3: first where they went, then that they are gone.
            if !from.is_empty() {
                let code = Code::CopyUid(uid_validity.0, &from, &to);
                self.out.untagged(Condition::Ok, Some(code), "Moved");
                self.tell_gone(&from);
            }
            self.job = Job::Copy(copying);
            return;
        }
        let code = match from.is_empty() {
            true => ClosingCode::None,
            false => ClosingCode::CopyUid(uid_validity.0, from, to),
        };
        let looks = if copying.uid { Looks::IfNews } else { Looks::Never };
        self.finish_with(copying.tag, code, "COPY completed", looks);
    }
}
