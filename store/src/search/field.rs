//! The fields of a message, as they are written before its words.
//!
//! Every word in the index begins with the account's number and a letter for its field and form: `17s…` is folded in a subject of
//! account 17, `17v…` is spelled there. So one list in the index holds what one question is about: no other account's messages and no other
//! field's.

use crate::SearchField;

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Before folded words.
    folded: String,
    /// Before spelled words; header fields are kept folded only.
    spelled: Option<char>,
}

/// The letters of a field: folded, spelled.
const fn letters(field: SearchField) -> (char, char) {
    match field {
        SearchField::From => ('f', 'g'),
        SearchField::To => ('t', 'u'),
        SearchField::Cc => ('c', 'd'),
        SearchField::Bcc => ('b', 'k'),
        SearchField::Subject => ('s', 'v'),
        SearchField::AttachmentName => ('n', 'm'),
        SearchField::Body | SearchField::Text => ('x', 'y'),
    }
}

/// The letter of header fields.
const HEADER: char = 'h';

impl Field {
    /// A field of its own; `Text` is none.
    pub(super) fn of(field: SearchField) -> Self {
        let (folded, spelled) = letters(field);
        Self { folded: folded.to_string(), spelled: Some(spelled) }
    }

    /// A header field, by its name in lower case: a digest, so that a word needs no mark where the name ends.
    pub(super) fn header(name: &str) -> Self {
        let digest = blake3::hash(name.as_bytes()).to_hex();
        Self { folded: format!("{HEADER}{}", digest.get(..8).unwrap_or_default()), spelled: None }
    }

    pub(super) fn is_spelled(&self) -> bool {
        self.spelled.is_some()
    }

    /// A folded word as it is kept; without a word what parts values, and says that a header field is there.
    pub(super) fn folded(&self, account_no: i64, word: &str) -> String {
        format!("{account_no}{}{word}", self.folded)
    }

    /// A spelled word as it is kept.
    pub(super) fn spelled(&self, account_no: i64, word: &str) -> String {
        let letter = self.spelled.unwrap_or(HEADER);
        format!("{account_no}{letter}{word}")
    }
}

/// The fields a question is asked of.
pub(super) fn fields(field: SearchField) -> Vec<Field> {
    use SearchField::{AttachmentName, Bcc, Body, Cc, From, Subject, Text, To};
    let all: &[SearchField] = match field {
        Text => &[Subject, Body, From, To, Cc, Bcc, AttachmentName],
        _ => &[field],
    };
    all.iter().copied().map(Field::of).collect()
}
