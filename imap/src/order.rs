//! SORT and THREAD (RFC 5256, RFC 5957) as pure functions over small rows.
//!
//! Texts are compared by the one Vietnamese folding and, alike in that, by their exact letters. RFC 5256 §2 wants `i;unicode-casemap`,
//! which knows no language: `đ` would stand behind `z`, and `Họp` far from `hop`. What is equal for threading is equal in its exact form,
//! so `Họp` and `Hợp` are two subjects.

mod references;
mod sort;
mod subject;
#[cfg(test)]
mod tests;
mod threads;

use mail::Timestamp;
use mail::message::{Facts, Mailbox};

pub use sort::sort;
pub use subject::{BaseSubject, base_subject};
pub use threads::{Threads, thread};

/// References of one message that threading follows, the nearest ones. Long conversations cut their list themselves.
const REFERENCES_MAX: usize = 100;

/// What sorting and threading look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number that stands for the message in the answer.
    pub number: u32,
    /// INTERNALDATE.
    pub received_at: Timestamp,
    /// Date; where there is none, INTERNALDATE counts (RFC 5256 §2.2).
    pub sent_at: Option<Timestamp>,
    /// RFC822.SIZE.
    pub size: u64,
    /// Subject, decoded.
    pub subject: String,
    /// The first of From.
    pub from: Option<Mailbox>,
    /// The first of To.
    pub to: Option<Mailbox>,
    /// The first of Cc.
    pub cc: Option<Mailbox>,
    /// Message-ID.
    pub message_id: Option<String>,
    /// What it answers, the nearest last: References, or the first of In-Reply-To (RFC 5256 §3).
    pub references: Vec<String>,
}

impl Row {
    /// From the facts of a message.
    pub fn new(number: u32, received_at: Timestamp, size: u64, facts: &Facts) -> Self {
        let ids = match facts.references.as_slice() {
            [] => facts.in_reply_to.get(..1.min(facts.in_reply_to.len())).unwrap_or_default(),
            all => all.get(all.len().saturating_sub(REFERENCES_MAX)..).unwrap_or_default(),
        };
        Self {
            number,
            received_at,
            sent_at: facts.sent_at,
            size,
            subject: facts.subject.clone(),
            from: facts.from.first().cloned(),
            to: facts.to.first().cloned(),
            cc: facts.cc.first().cloned(),
            message_id: facts.message_id.first().cloned(),
            references: ids.to_vec(),
        }
    }

    fn sent(&self) -> Timestamp {
        self.sent_at.unwrap_or(self.received_at)
    }

    /// By sent date, then by number (RFC 5256 §3).
    fn date_order(&self) -> (Timestamp, u32) {
        (self.sent(), self.number)
    }
}
