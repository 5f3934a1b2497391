//! The text of a message arrives, and is judged when it is whole.

use super::moment::{Awaiting, Form, Greeted, Moment, Receiving, Verdict};
use super::trace::{self, Header};
use super::{Answer, Arrived, Ask, Role, Session};
use crate::codec::{Reply, WrongText, table};
use crate::envelope::Envelope;

impl Session {
    /// Reads text as far as it has come; false when more must come first.
    pub(super) fn read_text(&mut self) -> bool {
        let receiving = match &mut self.moment {
            Moment::Receiving(receiving) => receiving,
            Moment::Draining(_) => return self.drain_chunk(),
            _ => return true,
        };
        let Receiving { form, text, bytes, too_large, .. } = receiving.as_mut();
        let unread = self.input.unread();
        if unread.is_empty() && !form.is_through() {
            return false;
        }
        let bytes_max = self.limits.message_bytes_max;
        let fed = form.feed(unread, |run| {
            if !*too_large && text.len() + run.len() <= bytes_max {
                text.extend_from_slice(run);
            } else {
                // RFC 1870 §6.1: what is too large is read to its end and thrown away.
                *too_large = true;
            }
        });
        *bytes += fed.consumed;
        if *too_large || form.wrong().is_some() {
            *text = Vec::new();
        }
        let endless = *bytes > bytes_max.saturating_add(self.limits.drain_bytes_max);
        self.input.consume(fed.consumed);
        if endless {
            let recipients = receiving.recipients.list.len();
            self.close_with_all(recipients, &table::TOO_LARGE.reply());
        } else if fed.ended {
            self.text_ended();
        }
        true
    }

    /// Reads an unwanted chunk away; false when more must come first.
    fn drain_chunk(&mut self) -> bool {
        let Moment::Draining(draining) = &mut self.moment else { return true };
        let count = usize::try_from(draining.left).unwrap_or(usize::MAX).min(self.input.unread().len());
        if count == 0 && draining.left > 0 {
            return false;
        }
        draining.left -= count as u64;
        self.input.consume(count);
        if draining.left == 0
            && let Moment::Draining(draining) = std::mem::replace(&mut self.moment, Moment::Connected)
        {
            self.say(&draining.reply);
            self.moment = draining.then;
        }
        true
    }

    fn text_ended(&mut self) {
        let Moment::Receiving(receiving) = std::mem::replace(&mut self.moment, Moment::Greeted(Greeted))
        else {
            return;
        };
        if receiving.form.goes_on() {
            return self.chunk_ended(receiving);
        }
        let recipients = receiving.recipients.list.len();
        self.messages += 1;
        match receiving.form.wrong() {
            Some(WrongText::LineEnd) => {
                let reply = table::WRONG_TEXT.reply();
                return match receiving.form {
                    // What follows may have been meant as text. It is not read.
                    Form::Dots(_) => self.close_with_all(recipients, &reply),
                    // Who counts cannot be mistaken about where the text ends.
                    Form::Chunks(_) => self.answer_all(recipients, &reply),
                };
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
        let (mail, since) = (recipients.sender.mail, recipients.sender.since);
        let envelope = Envelope {
            id: format!("{}.{}", self.session_id, self.messages),
            reverse_path: mail.reverse_path,
            recipients: recipients.list,
            body: mail.body,
            smtputf8: mail.smtputf8,
            ret: mail.ret,
            envelope_id: mail.envelope_id,
            require_tls: mail.require_tls,
            priority: mail.priority,
            not_before: mail.hold.map(|hold| self.let_go_at(hold)),
            deliver_by: mail.by.map(|by| by.counted_from(since)),
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

    /// One reply for a chunk that is not the last. A message that is lost already hears so at each, until RSET or its end.
    fn chunk_ended(&mut self, receiving: Box<Receiving>) {
        let row = match receiving.form.wrong() {
            Some(WrongText::LineEnd) => table::WRONG_TEXT,
            Some(WrongText::LineTooLong) => table::TEXT_LINE_TOO_LONG,
            None if receiving.too_large => table::TOO_LARGE,
            None => table::OK,
        };
        self.moment = Moment::BetweenChunks(receiving);
        self.say(&row.reply());
    }

    /// As [`Session::answer_all`], and no more is read.
    pub(super) fn close_with_all(&mut self, recipients: usize, reply: &Reply) {
        self.answer_all(recipients, reply);
        self.close();
    }

    /// One reply for the message, or in LMTP one for each recipient (RFC 2033 §4.2).
    fn answer_all(&mut self, recipients: usize, reply: &Reply) {
        let count = if self.role == Role::Lmtp { recipients } else { 1 };
        (0..count).for_each(|_| self.say(reply));
    }
}
