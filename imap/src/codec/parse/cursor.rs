//! The words commands are made of (RFC 9051 §9).
//!
//! Tolerated: several blanks where one is due and blanks before a closing parenthesis; a backslash in a quoted string that
//! quotes nothing stands for itself (`"HUYEN\an"`); UTF-8 in strings before it was enabled; a name that is no modified UTF-7 is
//! taken as it is written (`R&D`).

use std::num::NonZeroU32;
use std::str::FromStr;

use super::super::command::Flag;
use super::super::input::Limits;
use super::super::{Edge, MailboxName, SequenceSet, utf7};
use super::{Fault, Parsed};

pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    literals: std::vec::IntoIter<Vec<u8>>,
    pub(super) utf8: bool,
    pub(super) limits: &'a Limits,
    /// Elements that may still come, over all lists of the command.
    left: usize,
}

/// `ATOM-CHAR`.
pub(super) fn is_atom(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte)
}

/// `ASTRING-CHAR`.
pub(super) fn is_astring(byte: u8) -> bool {
    is_atom(byte) || byte == b']'
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8], literals: Vec<Vec<u8>>, utf8: bool, limits: &'a Limits) -> Self {
        Self { text, at: 0, literals: literals.into_iter(), utf8, limits, left: limits.list_max }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    pub(super) fn need(&mut self, byte: u8, words: &'static str) -> Parsed<()> {
        self.eat(byte).then_some(()).ok_or(Fault::Bad(words))
    }

    /// At least one blank.
    pub(super) fn blank(&mut self) -> Parsed<()> {
        self.need(b' ', "Missing argument")?;
        while self.eat(b' ') {}
        Ok(())
    }

    /// A blank with something after it; nothing is taken otherwise.
    pub(super) fn more(&mut self) -> bool {
        let before = self.at;
        while self.eat(b' ') {}
        let is_more = self.at > before && self.peek().is_some();
        if !is_more {
            self.at = before;
        }
        is_more
    }

    /// A blank with a list after it; nothing is taken otherwise, and nothing of the list.
    pub(super) fn more_list(&mut self) -> bool {
        let before = self.at;
        let is_list = self.more() && self.peek() == Some(b'(');
        if !is_list {
            self.at = before;
        }
        is_list
    }

    /// Nothing but blanks up to the end.
    pub(super) fn end(&mut self) -> Parsed<()> {
        while self.eat(b' ') {}
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Fault::Bad("Unexpected argument")),
        }
    }

    pub(super) fn run(&mut self, is_in: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let count = rest.iter().take_while(|byte| byte.is_ascii() && is_in(**byte)).count();
        self.at += count;
        rest.get(..count).and_then(|run| std::str::from_utf8(run).ok()).unwrap_or_default()
    }

    /// An atom in upper case; empty when there is none.
    pub(super) fn word(&mut self) -> String {
        self.run(is_atom).to_ascii_uppercase()
    }

    /// Takes `word`, of letters of either case, if it is what comes next as a whole atom.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let is_there = self.run(is_atom).eq_ignore_ascii_case(word);
        if !is_there {
            self.at = before;
        }
        is_there
    }

    /// Takes `text`, of letters of either case, whatever follows.
    pub(super) fn eat_text(&mut self, text: &str) -> bool {
        let there = self.rest().get(..text.len()).unwrap_or_default();
        let is_there = there.eq_ignore_ascii_case(text.as_bytes());
        self.at += if is_there { text.len() } else { 0 };
        is_there
    }

    /// Takes a dot that a digit follows.
    pub(super) fn eat_dot_before_digit(&mut self) -> bool {
        let is_there = matches!(self.rest(), [b'.', digit, ..] if digit.is_ascii_digit());
        self.at += usize::from(is_there);
        is_there
    }

    pub(super) fn atom(&mut self) -> Parsed<&'a str> {
        match self.run(is_atom) {
            "" => Err(Fault::Bad("Missing atom")),
            atom => Ok(atom),
        }
    }

    pub(super) fn number<N: FromStr>(&mut self) -> Parsed<N> {
        self.run(|byte| byte.is_ascii_digit()).parse().map_err(|_| Fault::Bad("Wrong number"))
    }

    /// One more element of a list.
    pub(super) fn count(&mut self) -> Parsed<()> {
        self.left = self.left.checked_sub(1).ok_or(Fault::Bad("Too many arguments"))?;
        Ok(())
    }

    /// `( … )`, the elements between blanks.
    pub(super) fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.need(b'(', "Missing list")?;
        let mut found = Vec::new();
        loop {
            while self.eat(b' ') {}
            if self.eat(b')') {
                return Ok(found);
            }
            self.count()?;
            found.push(element(self)?);
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(Fault::Bad("Syntax error in a list"));
            }
        }
    }

    fn quoted(&mut self) -> Parsed<Vec<u8>> {
        self.need(b'"', "Missing string")?;
        let mut found = Vec::new();
        loop {
            let byte = self.peek().ok_or(Fault::Bad("Unfinished quoted string"))?;
            self.at += 1;
            match byte {
                b'"' => return Ok(found),
                b'\r' | b'\n' | 0 => return Err(Fault::Bad("Unfinished quoted string")),
                b'\\' if matches!(self.peek(), Some(b'"' | b'\\')) => {
                    found.extend(self.peek());
                    self.at += 1;
                }
                other => found.push(other),
            }
        }
    }

    /// A literal or literal8: its announcement stands in the text.
    pub(super) fn literal(&mut self) -> Parsed<Vec<u8>> {
        self.eat(b'~');
        self.need(b'{', "Missing literal")?;
        self.run(|byte| byte.is_ascii_digit());
        self.eat(b'+');
        match self.eat_text("}\r\n").then(|| self.literals.next()).flatten() {
            Some(literal) => Ok(literal),
            None => Err(Fault::Bad("Wrong literal")),
        }
    }

    /// `string`; no NUL is in it.
    pub(super) fn string(&mut self) -> Parsed<Vec<u8>> {
        let bytes = match self.peek() {
            Some(b'{' | b'~') => self.literal()?,
            _ => self.quoted()?,
        };
        if bytes.contains(&0) {
            return Err(Fault::Bad("NUL in a string"));
        }
        Ok(bytes)
    }

    /// `astring`.
    pub(super) fn astring(&mut self) -> Parsed<Vec<u8>> {
        match self.peek() {
            Some(byte) if is_astring(byte) && byte != b'~' => Ok(self.run(is_astring).as_bytes().to_vec()),
            Some(b'~') if self.rest().get(1) != Some(&b'{') => Ok(self.run(is_astring).as_bytes().to_vec()),
            _ => self.string(),
        }
    }

    pub(super) fn astring_text(&mut self) -> Parsed<String> {
        utf8(self.astring()?)
    }

    /// A string, or `None` for NIL.
    pub(super) fn nstring_text(&mut self) -> Parsed<Option<String>> {
        match self.eat_word("NIL") {
            true => Ok(None),
            // What a client says of itself is no reason to turn it away.
            false => Ok(Some(String::from_utf8_lossy(&self.string()?).into_owned())),
        }
    }

    /// A mailbox's name, decoded.
    pub(super) fn mailbox(&mut self) -> Parsed<MailboxName> {
        let text = self.astring_text()?;
        Ok(MailboxName::new(&self.name(text)))
    }

    /// A pattern of LIST: a name with `*` and `%`, which need no quotes.
    pub(super) fn pattern(&mut self) -> Parsed<String> {
        let is_list_char = |byte| is_astring(byte) || matches!(byte, b'*' | b'%');
        let text = match self.peek() {
            Some(byte) if is_list_char(byte) => self.run(is_list_char).to_owned(),
            _ => utf8(self.string()?)?,
        };
        Ok(self.name(text))
    }

    /// What a name means: UTF-8 once that is enabled, modified UTF-7 before.
    pub(super) fn name(&self, text: String) -> String {
        match self.utf8 {
            true => text,
            false => utf7::decode(&text).unwrap_or(text),
        }
    }

    /// `sequence-set`, or `$` (RFC 5182 §2).
    pub(super) fn sequence_set(&mut self) -> Parsed<SequenceSet> {
        if self.eat(b'$') {
            return Ok(SequenceSet::saved());
        }
        let mut ranges = Vec::new();
        loop {
            self.count()?;
            let first = self.edge()?;
            let last = if self.eat(b':') { self.edge()? } else { first };
            ranges.push((first, last));
            if !self.eat(b',') {
                return SequenceSet::new(ranges).ok_or(Fault::Bad("Wrong set"));
            }
        }
    }

    /// A set without `*` and `$`: UIDs a client knows.
    pub(super) fn known_set(&mut self) -> Parsed<SequenceSet> {
        let set = self.sequence_set()?;
        let is_open = set.ranges().iter().any(|(a, b)| [a, b].contains(&&Edge::Last));
        match is_open || set.is_saved() {
            true => Err(Fault::Bad("Wrong set")),
            false => Ok(set),
        }
    }

    fn edge(&mut self) -> Parsed<Edge> {
        if self.eat(b'*') {
            return Ok(Edge::Last);
        }
        self.number::<NonZeroU32>().map(Edge::Number).map_err(|_| Fault::Bad("Wrong set"))
    }

    /// A flag; `None` for `\Recent`, which nobody may set: migrating clients send it along with the others.
    pub(super) fn flag(&mut self) -> Parsed<Option<Flag>> {
        if !self.eat(b'\\') {
            return Ok(Some(Flag::Keyword(self.atom()?.to_ascii_lowercase())));
        }
        Ok(match self.word().as_str() {
            "SEEN" => Some(Flag::Seen),
            "ANSWERED" => Some(Flag::Answered),
            "FLAGGED" => Some(Flag::Flagged),
            "DRAFT" => Some(Flag::Draft),
            "DELETED" => Some(Flag::Deleted),
            "RECENT" => None,
            _ => return Err(Fault::Bad("No such flag")),
        })
    }

    pub(super) fn flag_list(&mut self) -> Parsed<Vec<Flag>> {
        Ok(self.list(Self::flag)?.into_iter().flatten().collect())
    }

    /// `1:-10` and the like of RFC 9394 §3.4: first and last place, both from the same end.
    pub(super) fn partial_range(&mut self) -> Parsed<(i64, i64)> {
        let first = self.place()?;
        self.need(b':', "Wrong range")?;
        let last = self.place()?;
        match (first < 0) == (last < 0) {
            true => Ok((first, last)),
            false => Err(Fault::Bad("Wrong range")),
        }
    }

    fn place(&mut self) -> Parsed<i64> {
        let sign = if self.eat(b'-') { -1 } else { 1 };
        Ok(i64::from(self.number::<NonZeroU32>()?.get()) * sign)
    }
}

/// Text, which is UTF-8 or nothing.
pub(super) fn utf8(bytes: Vec<u8>) -> Parsed<String> {
    String::from_utf8(bytes).map_err(|_| Fault::Bad("Not UTF-8"))
}
