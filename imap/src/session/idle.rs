//! IDLE (RFC 2177): the client listens, and is told at once.

use store::ViewChanges;

use super::Session;
use super::job::Job;
use super::sync::{ClosingCode, Looks};

/// `DONE`, and a little more.
const LINE_MAX: usize = 64;

impl Session {
    pub(super) fn idle(&mut self, tag: String) {
        self.out.go_on("idling");
        self.input.expect_line(LINE_MAX);
        // What happened before is told first.
        self.has_news = true;
        self.job = Job::Idling(tag);
    }

    pub(super) fn idle_line(&mut self, tag: String, line: &[u8]) {
        match line.trim_ascii().eq_ignore_ascii_case(b"DONE") {
            true => self.finish_with(tag, ClosingCode::None, "IDLE completed", Looks::IfNews),
            false => {
                self.bad(&tag, "DONE ends IDLE");
                self.refused_input();
            }
        }
    }

    /// Looks up what happened when the client listens; false when there is nothing to do.
    pub(super) fn tells_news(&mut self) -> bool {
        if !self.has_news || !matches!(self.job, Job::Idling(_)) {
            return false;
        }
        match self.ask_changes() {
            true => {
                if let Job::Idling(tag) = std::mem::take(&mut self.job) {
                    self.job = Job::News(tag);
                }
                true
            }
            false => {
                self.has_news = false;
                false
            }
        }
    }

    pub(super) fn news_changes(&mut self, tag: String, changes: Option<ViewChanges>) {
        if let Some(has_more) = self.tell(changes) {
            self.has_news |= has_more;
            self.job = Job::Idling(tag);
        }
    }
}
