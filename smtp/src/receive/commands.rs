//! What each command does at each moment (RFC 5321 §4.1.4).

use std::time::Duration;

use mail::Timestamp;
use mail::envelope::WhenLate;

use super::moment::{Awaiting, Draining, Greeted, Moment, Receiving};
use super::{Ask, Front, Role, Session};
use crate::Error;
use crate::codec::{By, Chunk, Command, Hold, Mail, Reply, table};
use crate::envelope::{Body, ClientName, ForwardPath, Recipient, Tls};

/// A chunk from here on pays for its command: the size of the message bounds how many there are. Exim sends 8 KiB; a message in
/// smaller crumbs is somebody who wants to keep us busy.
const FAIR_CHUNK_BYTES: u64 = 512;

impl Session {
    /// One line from the client.
    pub(super) fn line(&mut self, line: Vec<u8>) {
        if matches!(self.moment, Moment::SigningIn) {
            return self.sign_in_line(line);
        }
        self.idle_commands += 1;
        if self.idle_commands > self.limits.idle_commands_max {
            return self.close_with(table::TOO_MANY_COMMANDS.reply());
        }
        if let Err(error) = Command::parse(&line).and_then(|command| self.command(command)) {
            self.refuse(&error);
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Error> {
        match (command, self.role) {
            (Command::Ehlo(name), Role::Mx | Role::Submission) => self.hello(name, true),
            (Command::Helo(name), Role::Mx | Role::Submission) => self.hello(name, false),
            (Command::Lhlo(name), Role::Lmtp) => self.hello(name, true),
            (Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_), _) => return Err(Error::UnknownCommand),
            (Command::Mail(mail), _) => return self.mail(mail),
            (Command::Rcpt(recipient), _) => return self.rcpt(recipient),
            (Command::Data, _) => return self.data(),
            (Command::Bdat(chunk), _) => self.bdat(chunk),
            (Command::StartTls, _) => return self.start_tls(),
            (Command::XClient(told), _) => return self.xclient(*told),
            (Command::Auth { mechanism, initial }, _) => return self.auth(&mechanism, initial),
            (Command::Rset, _) => {
                self.reset();
                self.say(&table::OK.reply());
            }
            (Command::Noop, _) => self.say(&table::OK.reply()),
            (Command::Vrfy, _) => self.say(&table::VRFY.reply()),
            (Command::Help, _) => self.say(&table::HELP.reply()),
            (Command::Quit, _) => self.close_with(table::BYE.reply()),
        }
        Ok(())
    }

    /// Forgets the message under way; nothing else.
    fn reset(&mut self) {
        if !matches!(self.moment, Moment::Connected) {
            self.moment = Moment::Greeted(Greeted);
        }
    }

    /// EHLO also resets (RFC 5321 §4.1.4). The replies to hellos carry no status codes (RFC 2034 §4).
    fn hello(&mut self, name: ClientName, extended: bool) {
        self.moment = Moment::Greeted(Greeted);
        let mut lines = vec![format!("{} greets {name}", self.host)];
        self.client.name = Some(name);
        self.client.extended = extended;
        if let Some(told) = &self.told {
            // From now on the client may be the one that speaks.
            self.front = Front::Nobody;
            self.client.name = told.helo.clone().or(self.client.name.take());
            self.client.extended = told.extended.unwrap_or(extended);
        }
        if extended {
            lines.extend(self.keywords());
        }
        self.say(&Reply::new(250, None, lines));
    }

    /// Only what works is offered.
    fn keywords(&self) -> Vec<String> {
        let words =
            ["PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"];
        let mut lines: Vec<String> = words.map(str::to_owned).into();
        lines.push(format!("SIZE {}", self.limits.message_bytes_max));
        // RFC 9422 §4.
        lines.push(format!(
            "LIMITS RCPTMAX={} MAILMAX={}",
            self.limits.recipients_max, self.limits.messages_max
        ));
        // RFC 2852 §3: less than this, and a message that is to be given back when late cannot be taken.
        lines.push(format!("DELIVERBY {}", self.limits.deliver_by_min.as_secs()));
        if self.has_starttls() && self.client.tls.is_none() {
            lines.push("STARTTLS".to_owned());
        }
        if self.offers_require_tls() {
            lines.push("REQUIRETLS".to_owned());
        }
        if self.offers_to_own() {
            lines.push("MT-PRIORITY".to_owned());
            // RFC 4865 §3: the longest, in seconds and as a moment.
            let longest = self.now.plus(self.limits.hold_max);
            lines.push(format!(
                "FUTURERELEASE {} {}",
                self.limits.hold_max.as_secs(),
                longest.to_rfc3339_utc()
            ));
        }
        if self.role == Role::Submission && self.client.tls.is_some() && self.client.signed_in_as.is_none() {
            let offered: Vec<&str> = self.offered_mechanisms().collect();
            lines.push(format!("AUTH {}", offered.join(" ")));
        }
        lines.extend(self.offers_xclient());
        lines
    }

    /// Not behind a front end: what it said came in the clear, and would have to be forgotten (RFC 3207 §4.2).
    fn has_starttls(&self) -> bool {
        self.starttls && self.told.is_none()
    }

    /// RFC 8689 §2: inside TLS only.
    fn offers_require_tls(&self) -> bool {
        self.client.tls.is_some()
    }

    /// MT-PRIORITY and FUTURERELEASE (RFC 6710, RFC 4865): where people sign in, for a stranger's wishes of that kind are not obeyed.
    fn offers_to_own(&self) -> bool {
        self.role == Role::Submission && self.client.tls.is_some()
    }

    /// When a message that arrives now is let go.
    pub(super) fn let_go_at(&self, hold: Hold) -> Timestamp {
        match hold {
            Hold::For(seconds) => self.now.plus(Duration::from_secs(u64::from(seconds))),
            Hold::Until(at) => at,
        }
    }

    fn start_tls(&mut self) -> Result<(), Error> {
        match self.moment {
            _ if !self.has_starttls() => return Err(Error::NotImplemented("STARTTLS")),
            _ if self.client.tls.is_some() => return Err(Error::OutOfSequence("TLS has begun")),
            Moment::Connected => return Err(Error::OutOfSequence("EHLO first")),
            Moment::Greeted(_) => {}
            _ => return Err(Error::OutOfSequence("a message is under way")),
        }
        if !self.input.is_empty() {
            self.close_with(table::TLS_INJECTION.reply());
            return Ok(());
        }
        self.say(&table::TLS_READY.reply());
        self.wish = Some(Ask::StartTls);
        self.awaiting = Awaiting::Tls;
        Ok(())
    }

    /// RFC 3207 §4.2: all that was learnt before TLS is forgotten.
    pub(super) fn tls_started(&mut self, tls: Tls) {
        self.input.clear();
        self.client.tls = Some(tls);
        self.client.name = None;
        self.client.extended = false;
        self.moment = Moment::Connected;
    }

    fn mail(&mut self, mail: Mail) -> Result<(), Error> {
        match self.moment {
            Moment::Connected => return Err(Error::OutOfSequence("EHLO first")),
            Moment::Greeted(_) => {}
            _ => return Err(Error::OutOfSequence("a message is under way")),
        }
        let submission = self.role == Role::Submission;
        let not_offered = (mail.require_tls && !self.offers_require_tls())
            || ((mail.priority.is_some() || mail.hold.is_some()) && !self.offers_to_own());
        let too_long =
            mail.hold.is_some_and(|hold| self.let_go_at(hold) > self.now.plus(self.limits.hold_max));
        let too_soon = mail.by.is_some_and(|by| self.is_too_soon(by));
        let too_large = mail.size.is_some_and(|size| size > self.limits.message_bytes_max as u64);
        if submission && self.client.tls.is_none() {
            self.say(&table::TLS_REQUIRED.reply());
        } else if submission && self.client.signed_in_as.is_none() {
            self.say(&table::AUTH_REQUIRED.reply());
        } else if not_offered {
            return Err(Error::UnknownParameter);
        } else if too_long {
            return Err(Error::BadParameter("HOLDFOR or HOLDUNTIL beyond what is offered"));
        } else if self.is_late_when_let_go(&mail) {
            return Err(Error::BadParameter("BY before HOLDFOR or HOLDUNTIL"));
        } else if too_soon {
            self.say(&table::DELIVER_BY_TOO_SOON.reply());
        } else if self.messages >= self.limits.messages_max {
            self.close_with(table::TOO_MANY_MESSAGES.reply());
        } else if too_large {
            self.say(&table::TOO_LARGE.reply());
        } else {
            let (reverse_path, client) = (mail.reverse_path.clone(), self.client.clone());
            self.wish = Some(Ask::Sender { reverse_path, client });
            self.awaiting = Awaiting::Sender(mail);
        }
        Ok(())
    }

    /// RFC 2852 §3: less time than is offered, of a message that is given back when late.
    fn is_too_soon(&self, by: By) -> bool {
        let least = i64::try_from(self.limits.deliver_by_min.as_secs()).unwrap_or(i64::MAX);
        by.then == WhenLate::Return && by.seconds < least
    }

    /// A message that is held back beyond its time is nobody's wish (RFC 4865 §4).
    fn is_late_when_let_go(&self, mail: &Mail) -> bool {
        let (Some(by), Some(hold)) = (mail.by, mail.hold) else { return false };
        by.counted_from(self.now).at <= self.let_go_at(hold)
    }

    pub(super) fn sender_permitted(&mut self, mail: Mail) {
        self.moment = Moment::Sender(Greeted.mail_from(mail, self.now));
        self.say(&table::SENDER_OK.reply());
    }

    fn rcpt(&mut self, recipient: Recipient) -> Result<(), Error> {
        let (mail, count) = match &self.moment {
            Moment::Sender(sender) => (&sender.mail, 0),
            Moment::Recipients(recipients) => (&recipients.sender.mail, recipients.list.len()),
            _ => return Err(Error::OutOfSequence("MAIL first")),
        };
        let needs_smtputf8 = recipient.path.mailbox().is_some_and(mail::EmailAddress::needs_smtputf8);
        if needs_smtputf8 && !mail.smtputf8 {
            return Err(Error::NeedsSmtpUtf8);
        }
        let reverse_path = mail.reverse_path.clone();
        if count >= self.limits.recipients_max {
            self.say(&table::TOO_MANY_RECIPIENTS.reply());
            return Ok(());
        }
        if recipient.path == ForwardPath::Postmaster && self.role == Role::Submission {
            // Which house's postmaster, a mail program has to say.
            return Err(Error::BadRecipient);
        }
        let client = self.client.clone();
        self.wish = Some(Ask::Recipient { reverse_path, client, recipient: recipient.clone() });
        self.awaiting = Awaiting::Recipient(recipient);
        Ok(())
    }

    pub(super) fn recipient_permitted(&mut self, recipient: Recipient) {
        self.moment = match std::mem::replace(&mut self.moment, Moment::Connected) {
            Moment::Sender(sender) => Moment::Recipients(sender.rcpt_to(recipient)),
            Moment::Recipients(mut recipients) => {
                recipients.rcpt_to(recipient);
                Moment::Recipients(recipients)
            }
            other => other,
        };
        self.say(&table::RECIPIENT_OK.reply());
    }

    /// One refused recipient says nothing about the others.
    pub(super) fn recipient_refused(&mut self, reply: &Reply) {
        self.say(reply);
        let refused = match &mut self.moment {
            Moment::Sender(sender) => &mut sender.refused,
            Moment::Recipients(recipients) => &mut recipients.sender.refused,
            _ => return,
        };
        *refused += 1;
        if *refused > self.limits.refused_recipients_max {
            self.close_with(table::TOO_MANY_ERRORS.reply());
        }
    }

    fn data(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.moment, Moment::Connected) {
            Moment::Recipients(recipients) if recipients.sender.mail.body != Body::Binary => {
                let receiving = recipients.data(self.now, self.limits.text_line_bytes_max);
                self.moment = Moment::Receiving(Box::new(receiving));
                self.say(&table::GO_AHEAD.reply());
                return Ok(());
            }
            other => self.moment = other,
        }
        let reply = match self.moment {
            Moment::Sender(_) => table::NO_RECIPIENTS.reply(),
            // RFC 3030 §2: the two do not mix in one message.
            Moment::BetweenChunks(_) => Error::OutOfSequence("the message comes by BDAT").to_reply(),
            // RFC 3030 §3.
            Moment::Recipients(_) => Error::OutOfSequence("BINARYMIME comes by BDAT").to_reply(),
            _ => Error::OutOfSequence("MAIL and RCPT first").to_reply(),
        };
        // Whoever sends text without waiting for 354 has now sent lines that were meant as text and would be read as commands:
        // a way to smuggle them past a careless relay. DATA ends a pipelined group (RFC 2920 §3.1), so honest clients wait.
        match self.input.is_empty() {
            true => {
                self.errors += 1;
                self.say(&reply);
            }
            false => self.close_with(reply),
        }
        Ok(())
    }

    /// RFC 3030 §2. What a chunk may weigh is known before it comes, so one that nobody would read to its end is refused at once.
    fn bdat(&mut self, chunk: Chunk) {
        match std::mem::replace(&mut self.moment, Moment::Connected) {
            Moment::Recipients(recipients) => {
                let receiving = recipients.bdat(self.now, self.limits.text_line_bytes_max);
                self.chunk(Box::new(receiving), chunk);
            }
            Moment::BetweenChunks(receiving) => self.chunk(receiving, chunk),
            other => self.drain(other, chunk),
        }
    }

    fn chunk(&mut self, mut receiving: Box<Receiving>, chunk: Chunk) {
        let bytes = (receiving.bytes as u64).saturating_add(chunk.bytes);
        if bytes > self.limits.message_bytes_max as u64 {
            receiving.too_large = true;
            receiving.text = Vec::new();
        }
        if bytes > self.drained_bytes_max() {
            let recipients = receiving.recipients.list.len();
            return self.close_with_all(recipients, &table::TOO_LARGE.reply());
        }
        if chunk.bytes >= FAIR_CHUNK_BYTES {
            self.idle_commands = self.idle_commands.saturating_sub(1);
        }
        receiving.begin(chunk);
        self.moment = Moment::Receiving(receiving);
    }

    /// A chunk that nobody wants. Whoever pipelines cannot know that; so it is read away and then refused (RFC 3030 §2), and not a byte
    /// of it is taken for a command.
    fn drain(&mut self, then: Moment, chunk: Chunk) {
        let reply = match then {
            Moment::Sender(_) => table::NO_RECIPIENTS.reply(),
            _ => Error::OutOfSequence("MAIL and RCPT first").to_reply(),
        };
        self.errors += 1;
        if chunk.bytes > self.drained_bytes_max() {
            return self.close_with(reply);
        }
        if self.errors > self.limits.errors_max {
            return self.close_with(table::TOO_MANY_ERRORS.reply());
        }
        let (left, smtputf8) = (chunk.bytes, then.smtputf8());
        self.moment = Moment::Draining(Box::new(Draining { left, reply, then, smtputf8, started: self.now }));
    }

    /// Octets of text that are read although the message is refused.
    fn drained_bytes_max(&self) -> u64 {
        self.limits.message_bytes_max.saturating_add(self.limits.drain_bytes_max) as u64
    }
}
