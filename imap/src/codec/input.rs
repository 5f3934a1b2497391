//! Bytes to commands, as they arrive and within bounds (RFC 9051 §2.2.1, §4.3; RFC 7888).
//!
//! A command is lines with literals between them. The lines are gathered in one text, in which each literal's announcement stays as
//! it stood; the literals lie beside it, so that a message is never copied again.
//!
//! Tolerated, because clients do it: a bare LF as the end of a line, empty lines between commands, blanks before the end of a line.

use super::command::Command;
use super::memory::{Held, Memory};
use super::parse::{self, Fault, Refusal};

/// Octets in which a literal is announced; with more digits it is no announcement.
const ANNOUNCED_MAX: usize = 32;

/// Sizes of what a client may say.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Octets of a command without its literals. Clients name thousands of messages in one set.
    pub text_bytes_max: usize,
    /// Octets of the literals of a command that are no messages, together.
    pub literal_bytes_max: usize,
    /// Octets of a message in APPEND.
    pub append_bytes_max: usize,
    /// Octets of all messages of one APPEND (RFC 3502).
    pub append_total_bytes_max: usize,
    /// Literals in a command.
    pub literals_max: usize,
    /// Elements of one list: flags, fetch items, header names, patterns, search keys, ranges of a set.
    pub list_max: usize,
    /// Search keys within search keys.
    pub depth_max: usize,
    /// Octets taken before they are read.
    pub pending_bytes_max: usize,
    /// Octets of messages that all conversations hold together.
    pub memory: Memory,
}

impl Limits {
    /// What somebody may say who has not signed in: a name, a password, a token.
    pub fn stranger(&self) -> Self {
        Self {
            text_bytes_max: self.text_bytes_max.min(16 << 10),
            literal_bytes_max: self.literal_bytes_max.min(8 << 10),
            literals_max: self.literals_max.min(4),
            pending_bytes_max: self.pending_bytes_max.min(32 << 10),
            ..self.clone()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes_max: 64 << 10,
            literal_bytes_max: 64 << 10,
            append_bytes_max: 50 << 20,
            append_total_bytes_max: 64 << 20,
            literals_max: 100,
            list_max: 10_000,
            depth_max: 50,
            pending_bytes_max: 128 << 10,
            memory: Memory::new(512 << 20),
        }
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A whole command.
    Command(Command),
    /// A client waits to send a literal: say `+`.
    Continue,
    /// No command: answer BAD, with the tag if there was one.
    Bad {
        /// The tag; without one the answer is untagged.
        tag: Option<String>,
        /// What is wrong.
        words: &'static str,
    },
    /// A command whose words are right and whose wish cannot be understood: answer NO.
    No {
        /// The tag.
        tag: String,
        /// Why.
        why: Refusal,
    },
    /// A literal is larger than may be; nothing of it was read: answer NO [TOOBIG].
    TooBig {
        /// The tag.
        tag: Option<String>,
        /// The client sends it without waiting (RFC 7888 §4): say BYE and close. Nothing is read any more.
        is_fatal: bool,
    },
    /// All conversations together hold as many messages as they may: answer NO [LIMIT]. The message was not taken, or forgotten.
    NoRoom {
        /// The tag.
        tag: Option<String>,
    },
    /// The line that [`Input::expect_line`] asked for, without its end.
    Line(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A line of a command.
    Line,
    /// So many octets of a literal are still to come.
    Literal(usize),
    /// The same, of a literal that nobody wants any more.
    Discard(usize),
    /// A bare line of at most so many octets.
    Bare(usize),
    /// Nothing is read any more.
    Dead,
}

/// Bytes that have arrived, and the command they begin.
///
/// Invariant: no LF stands in `pending[start..scanned]`.
#[derive(Debug)]
pub struct Input {
    limits: Limits,
    utf8: bool,
    messages: bool,
    pending: Vec<u8>,
    start: usize,
    scanned: usize,
    state: State,
    text: Vec<u8>,
    literals: Vec<Vec<u8>>,
    /// What the literals hold that are messages.
    held: Held,
    /// The same of the command that was read last.
    handed_over: Held,
    /// The literal that is being read is a message.
    is_message: bool,
    /// The command is lost; its end is waited for.
    fault: Option<&'static str>,
    /// It is lost because there was no room for its message.
    lacks_room: bool,
}

/// An announcement at the end of a line.
struct Announced {
    bytes: u64,
    waits: bool,
}

impl Input {
    /// Nothing read yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            utf8: false,
            messages: false,
            pending: Vec::new(),
            start: 0,
            scanned: 0,
            state: State::Line,
            text: Vec::new(),
            literals: Vec::new(),
            held: Held::default(),
            handed_over: Held::default(),
            is_message: false,
            fault: None,
            lacks_room: false,
        }
    }

    /// How many bytes it takes now. Never 0 once [`Input::next`] has said that more is needed.
    pub fn room(&self) -> usize {
        match self.state {
            State::Dead => 0,
            _ => self.limits.pending_bytes_max.saturating_sub(self.pending.len() - self.start),
        }
    }

    /// Whether nothing waits, not even the beginning of a command.
    pub fn is_empty(&self) -> bool {
        self.start == self.pending.len() && self.text.is_empty() && self.state == State::Line
    }

    /// Adds what arrived, at most [`Input::room`] bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.pending.len() {
            self.drop_pending();
            // A message goes straight to where it stays.
            if let State::Literal(left) = self.state {
                let (now, rest) = bytes.split_at(left.min(bytes.len()));
                self.keep(now);
                self.literal_came(left, now.len());
                self.pending.extend_from_slice(rest);
                return;
            }
        } else if self.start > 0 {
            self.pending.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// Adds to the literal that is being read. A message is forgotten, and the rest of it read over, when all conversations together have no room
    /// for more of it.
    fn keep(&mut self, octets: &[u8]) {
        if self.is_message && !self.held.grow(&self.limits.memory, octets.len()) {
            self.lose_message();
            if let State::Literal(left) = self.state {
                self.state = State::Discard(left);
            }
        } else if let Some(literal) = self.literals.last_mut() {
            literal.extend_from_slice(octets);
        }
    }

    fn lose_message(&mut self) {
        self.literals = Vec::new();
        self.held = Held::default();
        self.lacks_room = true;
        self.fault.get_or_insert("No room");
    }

    /// What the messages of the command that was read last hold: to be kept as long as they are.
    pub fn take_held(&mut self) -> Held {
        std::mem::take(&mut self.handed_over)
    }

    /// From now on names and texts are UTF-8 (RFC 6855 §3, RFC 9051 §5.1); before, names are modified UTF-7.
    pub fn set_utf8(&mut self, utf8: bool) {
        self.utf8 = utf8;
    }

    /// From now on a client may say this much: more once somebody has signed in.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether APPEND's literals may be as long as messages. Not before somebody has signed in.
    pub fn allow_messages(&mut self, allow: bool) {
        self.messages = allow;
    }

    /// The next thing is a bare line: an answer to a challenge, IDLE's DONE.
    pub fn expect_line(&mut self, bytes_max: usize) {
        if self.state == State::Line && self.text.is_empty() {
            self.state = State::Bare(bytes_max);
        }
    }

    /// No bare line is waited for any more.
    pub fn expect_command(&mut self) {
        if let State::Bare(_) = self.state {
            self.state = State::Line;
        }
    }

    /// Forgets what has arrived: bytes sent before TLS began are never read after it (RFC 9051 §6.2.1).
    pub fn forget(&mut self) {
        self.drop_pending();
        self.begin();
        self.state = State::Line;
    }

    fn drop_pending(&mut self) {
        // An idle connection keeps no buffer.
        self.pending = Vec::new();
        (self.start, self.scanned) = (0, 0);
    }

    fn begin(&mut self) {
        self.text = Vec::new();
        self.literals = Vec::new();
        self.held = Held::default();
        self.fault = None;
        self.lacks_room = false;
    }

    /// The next thing the client said; `None` until more has arrived.
    #[expect(clippy::should_implement_trait, reason = "it goes on after None")]
    pub fn next(&mut self) -> Option<Read> {
        loop {
            match self.state {
                State::Dead => return None,
                State::Literal(left) | State::Discard(left) => {
                    let count = left.min(self.pending.len() - self.start);
                    if count == 0 && left > 0 {
                        return None;
                    }
                    if let State::Literal(_) = self.state {
                        let pending = std::mem::take(&mut self.pending);
                        self.keep(pending.get(self.start..self.start + count).unwrap_or_default());
                        self.pending = pending;
                    }
                    self.start += count;
                    self.scanned = self.start;
                    self.literal_came(left, count);
                }
                State::Bare(bytes_max) => {
                    let line = self.line(bytes_max)?;
                    self.state = State::Line;
                    return Some(match self.fault.take() {
                        None => Read::Line(line),
                        Some(_) => Read::Bad { tag: None, words: "Line too long" },
                    });
                }
                State::Line => {
                    let room = self.limits.text_bytes_max.saturating_sub(self.text.len());
                    let line = self.line(room)?;
                    if let Some(read) = self.command_line(&line) {
                        return Some(read);
                    }
                }
            }
        }
    }

    fn literal_came(&mut self, left: usize, count: usize) {
        self.state = match self.state {
            _ if left == count => State::Line,
            State::Literal(_) => State::Literal(left - count),
            _ => State::Discard(left - count),
        };
    }

    /// The next line without its end. Of one that is too long the end is left, where a literal may be announced, and a fault is noted.
    fn line(&mut self, bytes_max: usize) -> Option<Vec<u8>> {
        let rest = self.pending.get(self.scanned..).unwrap_or_default();
        let Some(found) = rest.iter().position(|byte| *byte == b'\n') else {
            // With the CR of a line that is just long enough.
            if self.pending.len() - self.start > bytes_max + 1 {
                let line = self.pending.split_off(self.start);
                self.pending = self.too_long(&line, bytes_max);
                self.start = 0;
            }
            self.scanned = self.pending.len();
            return None;
        };
        let end = self.scanned + found;
        let line = self.pending.get(self.start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        self.start = end + 1;
        self.scanned = self.start;
        if self.start == self.pending.len() {
            self.drop_pending();
        }
        match line.len() > bytes_max {
            true => Some(self.too_long(&line, bytes_max)),
            false => Some(line),
        }
    }

    /// Notes the fault, keeps the tag for the answer, and returns the end of the line.
    fn too_long(&mut self, line: &[u8], bytes_max: usize) -> Vec<u8> {
        self.fault.get_or_insert("Command too long");
        if self.state == State::Line && self.text.is_empty() {
            self.text.extend_from_slice(line.get(..bytes_max.min(parse::TAG_MAX + 1)).unwrap_or_default());
        }
        line.get(line.len().saturating_sub(ANNOUNCED_MAX)..).unwrap_or_default().to_vec()
    }

    /// A line of a command came.
    fn command_line(&mut self, line: &[u8]) -> Option<Read> {
        let is_lost = self.fault.is_some();
        if !is_lost {
            self.text.extend_from_slice(line);
        }
        let Some(announced) = announced(line) else {
            if is_lost {
                return Some(self.bad());
            }
            if self.literals.is_empty() && self.text.iter().all(|byte| *byte == b' ') {
                self.begin();
                return None;
            }
            return Some(self.parse());
        };
        self.text.extend_from_slice(if is_lost { b"" } else { b"\r\n" });
        self.literal_begins(&announced)
    }

    fn literal_begins(&mut self, announced: &Announced) -> Option<Read> {
        // What follows a message that was lost is a message again, or is refused with it.
        let is_message =
            self.messages && (self.lacks_room || parse::is_message_next(&self.text, self.literals.len()));
        let already: usize = self.literals.iter().map(Vec::len).sum();
        let most = match is_message {
            true => {
                self.limits.append_total_bytes_max.saturating_sub(already).min(self.limits.append_bytes_max)
            }
            false => self.limits.literal_bytes_max.saturating_sub(already),
        };
        let bytes = usize::try_from(announced.bytes).unwrap_or(usize::MAX);
        if bytes > most {
            let tag = parse::tag(&self.text);
            self.begin();
            if !announced.waits {
                self.state = State::Dead;
                self.drop_pending();
            }
            return Some(Read::TooBig { tag, is_fatal: !announced.waits });
        }
        if is_message && !self.limits.memory.fits(bytes) {
            if announced.waits {
                let tag = parse::tag(&self.text);
                self.begin();
                return Some(Read::NoRoom { tag });
            }
            self.lose_message();
        }
        if self.literals.len() >= self.limits.literals_max {
            self.fault = self.fault.or(Some("Too many literals"));
        }
        match (self.fault.is_some(), announced.waits) {
            (true, true) => return Some(self.bad()),
            (true, false) => self.state = State::Discard(bytes),
            (false, _) => {
                self.literals.push(Vec::with_capacity(bytes.min(self.limits.pending_bytes_max)));
                self.state = State::Literal(bytes);
                self.is_message = is_message;
            }
        }
        announced.waits.then_some(Read::Continue)
    }

    fn bad(&mut self) -> Read {
        let tag = parse::tag(&self.text);
        let words = self.fault.unwrap_or("Syntax error");
        let lacks_room = self.lacks_room;
        self.begin();
        match lacks_room {
            true => Read::NoRoom { tag },
            false => Read::Bad { tag, words },
        }
    }

    fn parse(&mut self) -> Read {
        let text = std::mem::take(&mut self.text);
        let literals = std::mem::take(&mut self.literals);
        self.handed_over = std::mem::take(&mut self.held);
        self.begin();
        let tag = parse::tag(&text);
        match parse::command(&text, literals, self.utf8, &self.limits) {
            Ok(command) => Read::Command(command),
            Err(Fault::Bad(words)) => Read::Bad { tag, words },
            Err(Fault::No(why)) => match tag {
                Some(tag) => Read::No { tag, why },
                None => Read::Bad { tag: None, words: "Syntax error" },
            },
        }
    }
}

/// `{5}`, `{5+}` or one with `~` before it, at the end of a line.
fn announced(line: &[u8]) -> Option<Announced> {
    let end = line.get(line.len().saturating_sub(ANNOUNCED_MAX)..)?;
    let inner = end.strip_suffix(b"}")?;
    let (inner, waits) = match inner.strip_suffix(b"+") {
        Some(inner) => (inner, false),
        None => (inner, true),
    };
    let digits = inner.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, digits) = inner.split_at(inner.len() - digits);
    if digits.is_empty() || before.last() != Some(&b'{') {
        return None;
    }
    let bytes =
        digits.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Announced { bytes, waits })
}
