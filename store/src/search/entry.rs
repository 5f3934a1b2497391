//! A message as it is entered into the index: its words before which stand account, field and form, as each engine takes them.

use std::collections::{HashMap, VecDeque};

use mail::message::{Facts, Mailbox};
use mail::words::words;
use mail::{Contents, text};

use super::field::Field;
use crate::SearchField;

/// Words of one message, and of its attachments, that are entered.
const WORDS_MAX: usize = 100_000;
/// Words of one header field that are entered.
const HEADER_WORDS_MAX: usize = 60;
/// Words in one row of PostgreSQL: positions end at 16,383, and of one word 256 are kept.
const PART_WORDS_MAX: u16 = 4_000;
/// Words that are in two rows, so that phrases across their border are found.
const OVERLAP: usize = 8;
/// Header fields whose values are machines' alone: that they are there is entered, their digits are not.
const OPAQUE: [&str; 4] = ["dkim-signature", "arc-seal", "arc-message-signature", "x-google-dkim-signature"];
/// Bytes of what messages are sorted by.
const KEY_BYTES_MAX: usize = 120;

/// What one message is entered with.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// What it is sorted by.
    pub(super) from_key: String,
    pub(super) to_key: String,
    pub(super) subject_key: String,
    /// Whether its attachments wait to be read.
    pub(super) has_files: bool,
    /// One text for SQLite, one or more for PostgreSQL.
    pub(super) parts: Vec<String>,
}

impl Entry {
    /// How much is written for it.
    pub(super) fn size(&self) -> usize {
        self.parts.iter().map(String::len).sum()
    }
}

/// A message's entry.
pub(super) fn entry(is_postgres: bool, account_no: i64, facts: &Facts, contents: &Contents) -> Entry {
    let mut terms = Terms::new(is_postgres, account_no);
    let people = [
        (SearchField::From, &facts.from),
        (SearchField::To, &facts.to),
        (SearchField::Cc, &facts.cc),
        (SearchField::Bcc, &facts.bcc),
    ];
    for (field, people) in people {
        let field = Field::of(field);
        for Mailbox { name, email } in people {
            terms.add(&field, name.as_deref().unwrap_or_default(), WORDS_MAX);
            terms.add(&field, email, WORDS_MAX);
        }
    }
    terms.add(&Field::of(SearchField::Subject), &facts.subject, WORDS_MAX);
    for name in &contents.file_names {
        terms.add(&Field::of(SearchField::AttachmentName), name, WORDS_MAX);
    }
    for (name, value) in &contents.fields {
        let field = Field::header(name);
        terms.mark(&field);
        if !OPAQUE.contains(&name.as_str()) {
            terms.add(&field, value, HEADER_WORDS_MAX);
        }
    }
    terms.add(&Field::of(SearchField::Body), &contents.text, WORDS_MAX);
    Entry {
        from_key: person(&facts.from),
        to_key: person(&facts.to),
        subject_key: key(&crate::threads::base_subject(&facts.subject)),
        has_files: !contents.files.is_empty(),
        parts: terms.finish(),
    }
}

/// The words of a message's attachments.
pub(super) fn files(is_postgres: bool, account_no: i64, text: &str) -> Vec<String> {
    let mut terms = Terms::new(is_postgres, account_no);
    terms.add(&Field::of(SearchField::Body), text, WORDS_MAX);
    terms.finish()
}

/// RFC 8621 §4.4.2: the name of the first one, without one the address.
fn person(people: &[Mailbox]) -> String {
    let first = people.first();
    let name = first.and_then(|person| person.name.as_deref()).filter(|name| !name.trim().is_empty());
    key(name.or(first.map(|person| person.email.as_str())).unwrap_or_default())
}

fn key(text: &str) -> String {
    let folded = text::fold(text.trim());
    text::clip(&folded, KEY_BYTES_MAX).to_owned()
}

/// Words on their way into an engine.
enum Terms {
    /// Folded words of all fields, then spelled ones: phrases of either are found among their own.
    Sqlite { account_no: i64, folded: String, spelled: String, is_parted: bool, room: usize },
    /// Words and where they stand; what is spelled stands where its folded form does.
    Postgres { account_no: i64, done: Vec<String>, part: Part, room: usize },
}

impl Terms {
    fn new(is_postgres: bool, account_no: i64) -> Self {
        let room = WORDS_MAX;
        match is_postgres {
            true => Self::Postgres { account_no, done: Vec::new(), part: Part::default(), room },
            false => Self::Sqlite {
                account_no,
                folded: String::new(),
                spelled: String::new(),
                is_parted: true,
                room,
            },
        }
    }

    /// Adds a value of a field.
    fn add(&mut self, field: &Field, text: &str, words_max: usize) {
        match self {
            Self::Sqlite { account_no, folded, spelled, is_parted, room } => {
                let (of_folded, of_spelled) = (field.folded(*account_no, ""), field.spelled(*account_no, ""));
                for word in words(text).take(words_max.min(*room)) {
                    *room -= 1;
                    push(folded, &of_folded, &word.folded);
                    match word.spelled.filter(|_| field.is_spelled()) {
                        Some(word) => {
                            push(spelled, &of_spelled, &word);
                            *is_parted = false;
                        }
                        // What stands between words with marks parts them here too.
                        None if !*is_parted => {
                            push(spelled, &of_spelled, "");
                            *is_parted = true;
                        }
                        None => {}
                    }
                }
                if !*is_parted {
                    push(spelled, &of_spelled, "");
                    *is_parted = true;
                }
            }
            Self::Postgres { account_no, done, part, room } => {
                for word in words(text).take(words_max.min(*room)) {
                    *room -= 1;
                    let spelled = word.spelled.filter(|_| field.is_spelled());
                    let spelled = spelled.map(|word| field.spelled(*account_no, &word));
                    part.add(field.folded(*account_no, &word.folded), spelled);
                    if part.at >= PART_WORDS_MAX {
                        let next = part.next();
                        done.push(std::mem::replace(part, next).written());
                    }
                }
            }
        }
        self.mark_end(field);
    }

    /// Says that a field is there.
    fn mark(&mut self, field: &Field) {
        match self {
            Self::Sqlite { account_no, folded, .. } => push(folded, &field.folded(*account_no, ""), ""),
            Self::Postgres { account_no, part, .. } => part.add(field.folded(*account_no, ""), None),
        }
    }

    /// No phrase goes from one value on into the next.
    fn mark_end(&mut self, field: &Field) {
        match self {
            // A header field is parted from the next by the mark that it is there.
            Self::Sqlite { account_no, folded, .. } if field.is_spelled() => {
                push(folded, &field.folded(*account_no, ""), "");
            }
            Self::Sqlite { .. } => {}
            Self::Postgres { part, .. } => part.part(),
        }
    }

    fn finish(self) -> Vec<String> {
        let parts = match self {
            Self::Sqlite { mut folded, spelled, .. } => {
                folded.push_str(&spelled);
                vec![folded]
            }
            Self::Postgres { mut done, part, .. } => {
                done.push(part.written());
                done
            }
        };
        parts.into_iter().filter(|part| !part.is_empty()).collect()
    }
}

/// A word with what stands before it.
fn push(text: &mut String, before: &str, word: &str) {
    text.push_str(before);
    text.push_str(word);
    text.push(' ');
}

/// A row of PostgreSQL.
#[derive(Default)]
struct Part {
    at: u16,
    places: HashMap<String, Vec<u16>>,
    /// The last words, with which the next row begins; `None` where a value ended.
    last: VecDeque<Option<(String, Option<String>)>>,
}

impl Part {
    fn add(&mut self, folded: String, spelled: Option<String>) {
        self.at += 1;
        self.keep(Some((folded.clone(), spelled.clone())));
        for word in [Some(folded), spelled].into_iter().flatten() {
            self.places.entry(word).or_default().push(self.at);
        }
    }

    fn part(&mut self) {
        self.at += 1;
        self.keep(None);
    }

    fn keep(&mut self, word: Option<(String, Option<String>)>) {
        self.last.push_back(word);
        if self.last.len() > OVERLAP {
            self.last.pop_front();
        }
    }

    /// The row after this one.
    fn next(&self) -> Self {
        let mut next = Self::default();
        for word in &self.last {
            match word {
                Some((folded, spelled)) => next.add(folded.clone(), spelled.clone()),
                None => next.part(),
            }
        }
        next
    }

    /// As a `tsvector` is written. Words hold nothing that would have to be quoted: letters, digits and marks alone.
    fn written(&self) -> String {
        let mut text = String::new();
        for (word, places) in &self.places {
            let places: Vec<String> = places.iter().map(u16::to_string).collect();
            text.push_str(&format!("'{word}':{} ", places.join(",")));
        }
        text
    }
}
