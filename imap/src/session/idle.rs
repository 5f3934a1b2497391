//! IDLE (RFC 2177): the client listens, and is told at once.

use store::ViewChanges;

use super::Session;
use super::fetch::End;
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

    /// What happened is told; then what was asked for of what came, and the client listens on.
    pub(super) fn news_changes(&mut self, back: Option<String>, changes: Option<ViewChanges>) {
        let delays = back.is_none() && self.notify.as_ref().is_some_and(|notify| notify.delays());
        match self.tell(changes, delays) {
            None => {}
            Some(true) => {
                self.has_news = true;
                self.rest(back);
            }
            Some(false) => match self.fetch_arrived() {
                Some(fetching) => self.job = Job::Fetch(fetching.ending(End::News(back))),
                None => self.rest(back),
            },
        }
    }

    /// Listens on: in IDLE, or by NOTIFY.
    pub(super) fn rest(&mut self, back: Option<String>) {
        self.job = back.map_or(Job::Nothing, Job::Idling);
    }
}
