//! Sections of a message (RFC 9051 §6.4.5.1) and their decoded content (RFC 3516), from its bytes.

use std::borrow::Cow;

use mail::fields::fields;
use mail::message::{self, Facts, Part};

use super::super::command::{Section, SectionText};
use super::structure::{MESSAGES_MAX, is_message};

/// The encoding of a part is none we can undo: NO [UNKNOWN-CTE] (RFC 3516 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the part's transfer encoding is not known")]
pub struct BinaryError;

/// What a section names; `None` when the message has no such part.
pub fn section<'r>(raw: &'r [u8], facts: &Facts, section: &Section) -> Option<Cow<'r, [u8]>> {
    if section.part.is_empty() {
        return message_text(raw, place(facts.body.body_at), &section.text);
    }
    let Found { raw, part } = find(raw, facts, &section.part)?;
    match &section.text {
        SectionText::Whole => Some(cut(&raw, place(part.body_at), place(part.end_at))),
        SectionText::Mime => Some(cut(&raw, place(part.header_at), place(part.body_at))),
        text if is_message(&part) => {
            let inner = inner(&raw, &part);
            let body_at = message::header_end(&inner);
            match inner {
                Cow::Borrowed(inner) => message_text(inner, body_at, text),
                Cow::Owned(inner) => {
                    message_text(&inner, body_at, text).map(|text| Cow::Owned(text.into_owned()))
                }
            }
        }
        _ => None,
    }
}

/// A part's content with its transfer encoding undone; `None` when the message has no such part. Without a number it is the message as it
/// is.
///
/// # Errors
/// [`BinaryError`] when nobody knows how to undo it.
pub fn binary<'r>(raw: &'r [u8], facts: &Facts, part: &[u32]) -> Result<Option<Cow<'r, [u8]>>, BinaryError> {
    if part.is_empty() {
        return Ok(Some(Cow::Borrowed(raw)));
    }
    let Some(Found { raw, part }) = find(raw, facts, part) else { return Ok(None) };
    if !part.parts.is_empty() {
        return Ok(Some(cut(&raw, place(part.body_at), place(part.end_at))));
    }
    if !is_known_encoding(raw.get(place(part.header_at)..place(part.body_at)).unwrap_or_default()) {
        return Err(BinaryError);
    }
    Ok(Some(inner(&raw, &part)))
}

/// The piece of `bytes` that `<origin.count>` names; nothing when it begins after their end.
pub fn partial(bytes: &[u8], partial: Option<(u32, u32)>) -> &[u8] {
    let Some((origin, count)) = partial else { return bytes };
    let rest = bytes.get(origin as usize..).unwrap_or_default();
    rest.get(..(count as usize).min(rest.len())).unwrap_or_default()
}

/// A part, and the message its places are in.
struct Found<'r> {
    raw: Cow<'r, [u8]>,
    part: Part,
}

/// Follows a part's number. Messages within messages are gone into as deep as the structure tells of them.
fn find<'r>(raw: &'r [u8], facts: &Facts, number: &[u32]) -> Option<Found<'r>> {
    let mut rest = number;
    let mut raw = Cow::Borrowed(raw);
    let mut facts = Cow::Borrowed(facts);
    for _ in 0..=MESSAGES_MAX {
        let (part, left) = walk(&facts.body, rest)?;
        if left.is_empty() {
            let part = part.clone();
            return Some(Found { raw, part });
        }
        rest = left;
        let bytes = inner(&raw, part).into_owned();
        raw = Cow::Owned(bytes);
        facts = Cow::Owned(message::read(&raw, &message::Limits::default()));
    }
    None
}

/// Follows a number within one message: the part it leads to, and what of it counts within the message that the part holds.
fn walk<'p, 'n>(body: &'p Part, number: &'n [u32]) -> Option<(&'p Part, &'n [u32])> {
    let (mut part, mut is_body) = (body, true);
    let mut rest = number;
    while let Some((&number, after)) = rest.split_first() {
        if !part.parts.is_empty() {
            part = part.parts.get((number as usize).checked_sub(1)?)?;
        } else if is_message(part) && !is_body {
            return Some((part, rest));
        } else if number != 1 || !is_body {
            return None;
        }
        is_body = false;
        rest = after;
    }
    Some((part, rest))
}

/// The bytes of a part, decoded; those of `raw` itself where nothing has to be.
fn inner<'r>(raw: &Cow<'r, [u8]>, part: &Part) -> Cow<'r, [u8]> {
    match raw {
        Cow::Borrowed(raw) => message::part_bytes(raw, part),
        Cow::Owned(raw) => Cow::Owned(message::part_bytes(raw, part).into_owned()),
    }
}

/// What a section without `MIME` names in a message whose body begins at `body_at`.
fn message_text<'r>(raw: &'r [u8], body_at: usize, text: &SectionText) -> Option<Cow<'r, [u8]>> {
    let (header, body) = raw.split_at(body_at.min(raw.len()));
    match text {
        SectionText::Whole => Some(Cow::Borrowed(raw)),
        SectionText::Header => Some(Cow::Borrowed(header)),
        SectionText::Text => Some(Cow::Borrowed(body)),
        SectionText::HeaderFields(names) => Some(Cow::Owned(some_fields(header, names, true))),
        SectionText::HeaderFieldsNot(names) => Some(Cow::Owned(some_fields(header, names, false))),
        SectionText::Mime => None,
    }
}

/// Fields of a header by name, in the message's order, and the blank line.
fn some_fields(header: &[u8], names: &[String], wanted: bool) -> Vec<u8> {
    let mut found = Vec::new();
    for field in fields(header) {
        if names.iter().any(|name| field.is(name)) == wanted {
            found.extend_from_slice(header.get(field.range).unwrap_or_default());
            if !found.ends_with(b"\n") {
                found.extend_from_slice(b"\r\n");
            }
        }
    }
    found.extend_from_slice(b"\r\n");
    found
}

fn is_known_encoding(header: &[u8]) -> bool {
    let Some(field) = fields(header).find(|field| field.is("Content-Transfer-Encoding")) else { return true };
    let value = String::from_utf8_lossy(field.value).to_ascii_lowercase();
    // A comment may follow (RFC 2045 §6.1).
    let word = value.split(['(', ';']).next().unwrap_or_default().trim();
    matches!(word, "" | "7bit" | "8bit" | "binary" | "base64" | "quoted-printable")
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn cut<'r>(raw: &Cow<'r, [u8]>, from: usize, to: usize) -> Cow<'r, [u8]> {
    match raw {
        Cow::Borrowed(raw) => Cow::Borrowed(raw.get(from..to.max(from)).unwrap_or_default()),
        Cow::Owned(raw) => Cow::Owned(raw.get(from..to.max(from)).unwrap_or_default().to_vec()),
    }
}
