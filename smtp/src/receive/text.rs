//! The text of a message arrives, and is judged when it is whole.

use super::moment::{Awaiting, Greeted, Moment, Receiving, Verdict};
use super::trace::{self, Header};
use super::{Answer, Arrived, Ask, Role, Session};
use crate::codec::{Reply, WrongText, table};
use crate::envelope::Envelope;

impl Session {
    /// Reads text as far as it has come; false when more must come first.
    pub(super) fn read_text(&mut self) -> bool {
        let Moment::Receiving(receiving) = &mut self.moment else {
            return true;
        };
        let Receiving { decoder, text, bytes, too_large, .. } = receiving.as_mut();
        let unread = self.input.unread();
        if unread.is_empty() {
            return false;
        }
        let bytes_max = self.limits.message_bytes_max;
        let fed = decoder.feed(unread, |run| {
            if !*too_large && text.len() + run.len() <= bytes_max {
                text.extend_from_slice(run);
            } else {
                // RFC 1870 §6.1: what is too large is read to its end and thrown away.
                *too_large = true;
            }
        });
        *bytes += fed.consumed;
        if *too_large || decoder.wrong().is_some() {
            *text = Vec::new();
        }
        let endless = *bytes > bytes_max.saturating_add(self.limits.drain_bytes_max);
        self.input.consume(fed.consumed);
        if endless {
            let recipients = receiving.recipients.list.len();
            self.answer_all(recipients, &table::TOO_LARGE.reply());
            self.close();
        } else if fed.ended {
            self.text_ended();
        }
        true
    }

    fn text_ended(&mut self) {
        let Moment::Receiving(receiving) = std::mem::replace(&mut self.moment, Moment::Greeted(Greeted))
        else {
            return;
        };
        let recipients = receiving.recipients.list.len();
        self.messages += 1;
        match receiving.decoder.wrong() {
            Some(WrongText::LineEnd) => {
                self.answer_all(recipients, &table::WRONG_TEXT.reply());
                // What follows may have been meant as text. It is not read.
                return self.close();
            }
            Some(WrongText::LineTooLong) => {
                return self.answer_all(recipients, &table::TEXT_LINE_TOO_LONG.reply());
            }
            None if receiving.too_large => return self.answer_all(recipients, &table::TOO_LARGE.reply()),
            None => {}
        }
        let header = Header::scan(&receiving.text);
        if header.received >= self.limits.received_max {
            return self.answer_all(recipients, &table::LOOP.reply());
        }
        self.accept(*receiving, header);
    }

    fn accept(&mut self, receiving: Receiving, header: Header) {
        let Receiving { recipients, mut text, .. } = receiving;
        let mail = recipients.sender.mail;
        let envelope = Envelope {
            id: format!("{}.{}", self.session_id, self.messages),
            reverse_path: mail.reverse_path,
            recipients: recipients.list,
            body: mail.body,
            smtputf8: mail.smtputf8,
            ret: mail.ret,
            envelope_id: mail.envelope_id,
            received_at: self.now,
            client: self.client.clone(),
        };
        if self.role == Role::Submission {
            let missing = header.missing(self.now, &envelope.id, &self.host);
            text.splice(..0, missing.into_bytes());
        }
        self.awaiting = Awaiting::Verdict(Verdict {
            id: envelope.id.clone(),
            recipients: envelope.recipients.len(),
            smtputf8: envelope.smtputf8,
        });
        let trace = trace::received(&envelope, self.role, &self.host);
        self.wish = Some(Ask::Accept(Box::new(Arrived { envelope, trace, message: text })));
    }

    /// The only place that promises a message is taken: nothing but `Stored` leads to `250`.
    pub(super) fn verdict(&mut self, verdict: Verdict, answer: Answer) {
        let stored = || table::STORED.with(&verdict.id);
        let replies = match answer {
            Answer::Stored => {
                self.idle_commands = 0;
                vec![stored(); verdict.recipients]
            }
            Answer::Refused(reply) => vec![reply; verdict.recipients],
            Answer::StoredEach(each) if self.role == Role::Lmtp && each.len() == verdict.recipients => {
                self.idle_commands = 0;
                each.into_iter().map(|one| one.map_or_else(|reply| reply, |()| stored())).collect()
            }
            // Nobody can tell what was stored: the client keeps the message. Twice is better than never.
            _ => vec![table::OUR_FAULT.reply(); verdict.recipients],
        };
        let count = if self.role == Role::Lmtp { verdict.recipients } else { 1 };
        for reply in replies.iter().take(count) {
            reply.write(verdict.smtputf8, &mut self.out);
        }
        if self.house_closes {
            self.close_with(table::SHUTTING_DOWN.reply());
        }
    }

    /// One reply for the message, or in LMTP one for each recipient (RFC 2033 §4.2).
    fn answer_all(&mut self, recipients: usize, reply: &Reply) {
        let count = if self.role == Role::Lmtp { recipients } else { 1 };
        (0..count).for_each(|_| self.say(reply));
    }
}
