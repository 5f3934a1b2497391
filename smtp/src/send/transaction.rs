//! One message on its way: MAIL, RCPT for each, DATA, text, dot.

use std::sync::Arc;

use mail::envelope::WhenLate;
use mail::{Timestamp, recode};

use super::hello::Offers;
use super::{Delivery, Expect, Outcome, Session, Verdict};
use crate::Error;
use crate::codec::{DotEncoder, Reply, table, xtext};
use crate::envelope::Recipient;

/// Octets of text encoded at a time: what one write carries, whatever the message weighs.
const BLOCK_BYTES: usize = 64 * 1024;
/// The most that BY says, nine digits (RFC 2852 §4).
const BY_MAX: i64 = 999_999_999;

/// A delivery under way.
#[derive(Debug)]
pub(super) struct Transaction {
    delivery: Delivery,
    /// For each recipient: nothing yet, or what became of it.
    verdicts: Vec<Option<Verdict>>,
    /// Recipients that the peer accepted and that wait for the dot.
    accepted: Vec<usize>,
    /// Recipients to ask for, without those refused beforehand.
    asked: Vec<usize>,
    /// How many of `asked` have gone out.
    sent: usize,
    /// SMTPUTF8 has to be said.
    smtputf8: bool,
    eight_bit: bool,
    /// It goes as it is, in a chunk (RFC 3030 §3).
    binary: bool,
    mail_refused: bool,
    /// MAIL was taken.
    begun: bool,
    text: Option<Text>,
}

/// Text going out.
#[derive(Debug)]
struct Text {
    message: Arc<[u8]>,
    at: usize,
    /// `None`: it goes as it is.
    encoder: Option<DotEncoder>,
}

impl Transaction {
    /// Looks at what the peer can carry; who cannot be served gets a verdict before anything is said.
    fn new(delivery: Delivery, offers: &Offers, now: Timestamp) -> Self {
        let (delivery, binary, cannot) = in_a_form_for(delivery, offers);
        let cannot = cannot.or(out_of_time(&delivery, offers, now));
        let needs =
            |recipient: &Recipient| recipient.path.mailbox().is_some_and(mail::EmailAddress::needs_smtputf8);
        let header_8bit = delivery.smtputf8 && !header(&delivery.message).is_ascii();
        let sender_needs = delivery.reverse_path.mailbox().is_some_and(mail::EmailAddress::needs_smtputf8);
        let whole_needs = header_8bit || sender_needs;
        let eight_bit = !delivery.message.is_ascii();
        let too_large = offers.size.flatten().is_some_and(|limit| delivery.message.len() as u64 > limit);

        let beforehand = |recipient: &Recipient| {
            let row = if let Some(row) = cannot {
                row
            } else if too_large {
                table::TOO_LARGE
            } else if !offers.smtputf8 && (whole_needs || needs(recipient)) {
                table::PEER_WITHOUT_SMTPUTF8
            } else if !offers.eight_bit && eight_bit {
                table::NEEDS_8BITMIME
            } else {
                return None;
            };
            Some(Verdict::Refused(row.reply()))
        };
        let verdicts: Vec<Option<Verdict>> = delivery.recipients.iter().map(beforehand).collect();
        let asked = (0..verdicts.len()).filter(|n| verdicts.get(*n).is_some_and(Option::is_none)).collect();
        let smtputf8 = offers.smtputf8 && (whole_needs || delivery.recipients.iter().any(needs));
        Self {
            delivery,
            verdicts,
            accepted: Vec::new(),
            asked,
            sent: 0,
            smtputf8,
            eight_bit,
            binary,
            mail_refused: false,
            begun: false,
            text: None,
        }
    }

    /// Whether text is going out.
    pub(super) fn is_writing(&self) -> bool {
        self.text.is_some()
    }

    fn mail_line(&self, offers: &Offers, now: Timestamp) -> String {
        let mut line = format!("MAIL FROM:{}", self.delivery.reverse_path);
        if offers.size.is_some() {
            line += &format!(" SIZE={}", self.delivery.message.len());
        }
        if self.binary {
            line += " BODY=BINARYMIME";
        } else if self.eight_bit {
            line += " BODY=8BITMIME";
        }
        if self.smtputf8 {
            line += " SMTPUTF8";
        }
        if self.delivery.require_tls {
            line += " REQUIRETLS";
        }
        if let Some(priority) = self.delivery.priority.filter(|_| offers.priority) {
            line += &format!(" MT-PRIORITY={priority}");
        }
        if let Some(by) = self.delivery.deliver_by.filter(|_| offers.deliver_by.is_some()) {
            let left = by.seconds_left(now).clamp(-BY_MAX, BY_MAX);
            line += &format!(" BY={left};{}{}", by.then, if by.trace { "T" } else { "" });
        }
        if offers.dsn {
            match self.delivery.ret {
                Some(crate::Ret::Full) => line += " RET=FULL",
                Some(crate::Ret::Headers) => line += " RET=HDRS",
                None => {}
            }
            if let Some(id) = &self.delivery.envelope_id {
                line += &format!(" ENVID={}", xtext::encode(id.as_str()));
            }
        }
        line
    }

    /// The next RCPT, and whose it is.
    fn next_rcpt(&mut self, offers: &Offers) -> Option<(usize, String)> {
        let number = *self.asked.get(self.sent)?;
        let recipient = self.delivery.recipients.get(number)?;
        self.sent += 1;
        let mut line = format!("RCPT TO:{}", recipient.path);
        if offers.dsn {
            if let Some(notify) = recipient.notify {
                line += &format!(" NOTIFY={notify}");
            }
            if let Some(original) = recipient.original.as_ref().filter(|original| original.text().is_ascii())
            {
                line += &format!(" ORCPT={};{}", original.kind(), xtext::encode(original.text()));
            }
        }
        Some((number, line))
    }

    fn decide(&mut self, number: usize, verdict: Verdict) {
        if let Some(slot) = self.verdicts.get_mut(number) {
            slot.get_or_insert(verdict);
        }
    }

    /// Whoever has no verdict gets this one.
    fn decide_rest(&mut self, verdict: &Verdict) {
        for slot in &mut self.verdicts {
            slot.get_or_insert_with(|| verdict.clone());
        }
    }

    fn outcome(mut self, at: Timestamp, offers: &Offers, fault: Option<Error>) -> Outcome {
        self.decide_rest(&Verdict::Deferred(table::PEER_NONSENSE.reply()));
        let begun = self.begun;
        let verdicts = self.verdicts.into_iter().flatten().collect();
        let keeps_time = offers.deliver_by.is_some();
        Outcome { verdicts, fault, at, peer_reports: offers.dsn, keeps_time, begun }
    }

    /// The connection broke.
    pub(super) fn broken(mut self, at: Timestamp, offers: &Offers, error: Error) -> Outcome {
        self.decide_rest(&Verdict::Deferred(error.to_reply()));
        self.outcome(at, offers, Some(error))
    }
}

/// The delivery as this peer can carry it, whether in a chunk, and why it cannot.
fn in_a_form_for(mut delivery: Delivery, offers: &Offers) -> (Delivery, bool, Option<table::Row>) {
    if !delivery.binary {
        return (delivery, false, None);
    }
    if offers.binary && offers.chunking {
        return (delivery, true, None);
    }
    match recode::to_lines(&delivery.message) {
        Ok(message) => {
            delivery.message = Arc::from(message);
            (delivery, false, None)
        }
        Err(_) => (delivery, false, Some(table::NEEDS_BINARYMIME)),
    }
}

/// What is to be given back when late goes only to who keeps to that, and has the time for it (RFC 2852 §4.1).
fn out_of_time(delivery: &Delivery, offers: &Offers, now: Timestamp) -> Option<table::Row> {
    let by = delivery.deliver_by.filter(|by| by.then == WhenLate::Return)?;
    match offers.deliver_by {
        _ if by.is_late(now) => Some(table::DELIVER_BY_IS_OVER),
        None => Some(table::PEER_WITHOUT_DELIVERBY),
        Some(least) if by.seconds_left(now) < least.max(1) => Some(table::DELIVER_BY_IS_OVER),
        Some(_) => None,
    }
}

/// A message's header, without looking further than its end.
fn header(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(message.len());
    message.get(..end).unwrap_or_default()
}

impl Session {
    /// Begins the delivery that waits, once the peer is ready.
    pub(super) fn begin_when_ready(&mut self) {
        if !self.ready {
            return;
        }
        let cannot = !self.tls || !self.offers.require_tls;
        if cannot && self.waiting.as_ref().is_some_and(|delivery| delivery.require_tls) {
            // Not to this host; another one of the destination may be better (RFC 8689 §4.2.1).
            return self.fault(Error::NoRequireTls);
        }
        let Some(delivery) = self.waiting.take() else { return };
        let transaction = Transaction::new(delivery, &self.offers, self.now);
        if transaction.asked.is_empty() {
            self.done.push_back(transaction.outcome(self.now, &self.offers, None));
            return;
        }
        if std::mem::take(&mut self.needs_reset) {
            self.command("RSET", Expect::Rset);
        }
        let line = transaction.mail_line(&self.offers, self.now);
        self.command(&line, Expect::Mail);
        self.transaction = Some(transaction);
        if self.offers.pipelining {
            while self.ask_next_recipient() {}
        }
    }

    fn ask_next_recipient(&mut self) -> bool {
        let next = self.transaction.as_mut().and_then(|transaction| transaction.next_rcpt(&self.offers));
        let Some((number, line)) = next else { return false };
        self.command(&line, Expect::Rcpt(number));
        true
    }

    pub(super) fn mail_answered(&mut self, reply: Reply) {
        let Some(transaction) = &mut self.transaction else { return };
        if reply.is_positive() {
            transaction.begun = true;
            self.needs_reset = true;
            if !self.offers.pipelining {
                self.ask_next_recipient();
            }
            return;
        }
        transaction.mail_refused = true;
        transaction.decide_rest(&no_success(reply));
        // With PIPELINING replies to RCPT are still due; they change nothing.
        self.data_when_asked();
    }

    pub(super) fn rcpt_answered(&mut self, number: usize, reply: Reply) {
        let Some(transaction) = &mut self.transaction else { return };
        match reply.is_positive() {
            true if !transaction.mail_refused => transaction.accepted.push(number),
            true => {}
            false => transaction.decide(number, no_success(reply)),
        }
        if !self.offers.pipelining && self.ask_next_recipient() {
            return;
        }
        self.data_when_asked();
    }

    /// DATA when all recipients have answered and one was accepted. It is not pipelined with them: no empty message has to be sent when
    /// nobody was (RFC 2920 §3.1).
    fn data_when_asked(&mut self) {
        if !self.expected.is_empty() {
            return;
        }
        match self.transaction.as_ref().filter(|transaction| !transaction.accepted.is_empty()) {
            Some(transaction) if transaction.binary => self.one_chunk(),
            Some(_) => self.command("DATA", Expect::Data),
            None => self.transaction_over(),
        }
    }

    /// The whole message as its only chunk (RFC 3030 §2). Its reply is that of the message.
    fn one_chunk(&mut self) {
        let Some(transaction) = &mut self.transaction else { return };
        let message = Arc::clone(&transaction.delivery.message);
        self.out.extend_from_slice(format!("BDAT {} LAST\r\n", message.len()).as_bytes());
        transaction.text = Some(Text { message, at: 0, encoder: None });
    }

    pub(super) fn data_answered(&mut self, reply: Reply) {
        let Some(transaction) = &mut self.transaction else { return };
        if reply.code() == 354 {
            let message = Arc::clone(&transaction.delivery.message);
            transaction.text = Some(Text { message, at: 0, encoder: Some(DotEncoder::default()) });
            return;
        }
        transaction.decide_rest(&no_success(reply));
        self.transaction_over();
    }

    /// The next block of text; the last one carries the dot.
    pub(super) fn write_text(&mut self) {
        let Some(transaction) = &mut self.transaction else { return };
        let Some(mut text) = transaction.text.take() else { return };
        let rest = text.message.get(text.at..).unwrap_or_default();
        let block = rest.get(..BLOCK_BYTES.min(rest.len())).unwrap_or_default();
        match &mut text.encoder {
            Some(encoder) => encoder.encode(block, &mut self.out),
            None => self.out.extend_from_slice(block),
        }
        text.at += block.len();
        if text.at < text.message.len() {
            transaction.text = Some(text);
        } else {
            if let Some(encoder) = text.encoder {
                encoder.finish(&mut self.out);
            }
            self.expected.push_back(Expect::Dot);
        }
        self.be_patient();
    }

    /// The one place that makes a recipient `Delivered`.
    pub(super) fn dot_answered(&mut self, reply: Reply) {
        let Some(transaction) = &mut self.transaction else { return };
        self.needs_reset = false;
        let verdict = Verdict::of(reply);
        for number in std::mem::take(&mut transaction.accepted) {
            transaction.decide(number, verdict.clone());
        }
        self.transaction_over();
    }

    fn transaction_over(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.done.push_back(transaction.outcome(self.now, &self.offers, None));
        }
    }
}

/// A reply that is no success here: 5xx refuses, all else defers (a 2xx to DATA, a 3xx to RCPT are nonsense, and say nothing final).
fn no_success(reply: Reply) -> Verdict {
    match reply.is_permanent() {
        true => Verdict::Refused(reply),
        false => Verdict::Deferred(reply),
    }
}
