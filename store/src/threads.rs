//! Conversations: which one a message belongs to (RFC 8621 §3).

use mail::{AccountId, ModSeq, ThreadId, Timestamp};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::values;

/// Message-IDs of one message that are looked at: its own, and the newest of those it refers to. A References field of
/// thousands of entries costs no more than this.
const REFERENCES_MAX: usize = 24;

/// The subject without the marks of replies and forwards (RFC 5256 §2.1, and the Vietnamese ones), folded.
pub(crate) fn base_subject(subject: &str) -> String {
    const MARKS: [&str; 8] = ["re:", "fw:", "fwd:", "tl:", "tra loi:", "chuyen tiep:", "aw:", "v/v:"];
    let folded = mail::text::fold(subject);
    let mut rest = folded.trim();
    // Each turn takes a mark off the front, so this ends with the text.
    while let Some(shorter) = MARKS.iter().find_map(|mark| rest.strip_prefix(mark)) {
        rest = shorter.trim_start();
    }
    rest.to_owned()
}

/// A conversation is shared by messages that have a Message-ID in common *and* the same base subject: a reply whose
/// subject was changed starts a new one.
fn reference_key(account_id: AccountId, message_id: &str, base_subject: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(account_id.as_bytes());
    hasher.update(message_id.as_bytes());
    hasher.update(&[0]);
    hasher.update(base_subject.as_bytes());
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}

impl Tx {
    /// The conversation of a message: the oldest one that any of its Message-IDs belongs to, or a new one. Remembers
    /// its Message-IDs for those that come later. `true` when the conversation is new.
    pub(crate) async fn thread_for(
        &mut self,
        account_id: AccountId,
        message_ids: &[String],
        subject: &str,
        modseq: ModSeq,
        now: Timestamp,
    ) -> Result<(ThreadId, bool)> {
        let subject = base_subject(subject);
        let keys: Vec<[u8; 16]> = message_ids
            .iter()
            .take(REFERENCES_MAX)
            .map(|id| reference_key(account_id, id, &subject))
            .collect();
        let mut found: Option<ThreadId> = None;
        let mut unknown = Vec::new();
        for key in &keys {
            let row = self
                .row(
                    "SELECT thread_id FROM thread_reference WHERE account_id = $1 AND reference = $2",
                    values![&account_id, key],
                )
                .await?;
            match row {
                // Ids are ordered by time, so the least is the oldest.
                Some(row) => {
                    let thread_id = row.id(0)?;
                    found = Some(found.map_or(thread_id, |oldest: ThreadId| oldest.min(thread_id)));
                }
                None => unknown.push(key),
            }
        }
        let is_new = found.is_none();
        let thread_id = found.unwrap_or_else(|| ThreadId::new(now, &*self.shared.chance));
        for key in unknown {
            self.exec(
                "INSERT INTO thread_reference (account_id, reference, thread_id) VALUES ($1, $2, $3) \
                 ON CONFLICT (account_id, reference) DO NOTHING",
                values![&account_id, key, &thread_id],
            )
            .await?;
        }
        let row = self
            .row(
                "INSERT INTO thread (account_id, thread_id, created_modseq, modseq) VALUES ($1, $2, $3, $3) \
                 ON CONFLICT (account_id, thread_id) DO UPDATE SET modseq = excluded.modseq RETURNING created_modseq",
                values![&account_id, &thread_id, modseq],
            )
            .await?;
        let is_made =
            row.ok_or(Error::Internal("an insert answered nothing".to_owned()))?.modseq(0)? == modseq;
        if is_made && !is_new {
            // Its last message had gone and a reply brings it back: it is gone no longer, and may go again.
            self.exec(
                "DELETE FROM tombstone WHERE account_id = $1 AND kind = 'thread' AND object_id = $2",
                values![&account_id, &thread_id],
            )
            .await?;
        }
        Ok((thread_id, is_new))
    }

    /// The messages of a conversation, oldest first; `None` when there is no such conversation.
    pub async fn thread(
        &mut self,
        account_id: AccountId,
        thread_id: ThreadId,
    ) -> Result<Option<Vec<mail::EmailId>>> {
        let rows = self
            .rows(
                "SELECT email_id FROM email WHERE account_id = $1 AND thread_id = $2 ORDER BY received_at, email_id LIMIT 5000",
                values![&account_id, &thread_id],
            )
            .await?;
        let ids = rows.iter().map(|row| row.id(0)).collect::<Result<Vec<_>>>()?;
        Ok((!ids.is_empty()).then_some(ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn marks_of_replies_are_not_part_of_the_subject() {
        let rows = [
            ("Re: Re: FW: Họp giao ban", "hop giao ban"),
            ("Trả lời: Họp giao ban",    "hop giao ban"),
            ("TL: V/v: phối hợp",        "phoi hop"),
            ("Re:",                      ""),
            ("Recall",                   "recall"),
        ];
        for (subject, base) in rows {
            assert_eq!(base_subject(subject), base, "{subject}");
        }
    }
}
