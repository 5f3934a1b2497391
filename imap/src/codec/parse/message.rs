//! Commands about messages (RFC 9051 §6.3.12, §6.4; RFC 3502, 3516, 6855, 7162, 8474, 8514, 8970, 9394).

use std::num::NonZeroU32;

use super::super::command::{Appended, Body, FetchItem, FlagChange, Rfc822, Section, SectionText};
use super::cursor::{Cursor, is_astring};
use super::{Fault, Parsed};

/// Numbers in a part's number; MIME is not read deeper than this either.
const PART_DEPTH_MAX: usize = 100;

/// APPEND, with several messages (RFC 3502) and each as a literal, a literal8 (RFC 3516) or `UTF8 (~{…})` (RFC 6855 §4).
pub(super) fn append(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mailbox = cursor.mailbox()?;
    cursor.blank()?;
    let mut messages = Vec::new();
    loop {
        cursor.count()?;
        messages.push(appended(cursor)?);
        if !cursor.more() {
            return Ok(Body::Append { mailbox, messages });
        }
    }
}

fn appended(cursor: &mut Cursor<'_>) -> Parsed<Appended> {
    let mut flags = Vec::new();
    if cursor.peek() == Some(b'(') {
        flags = cursor.flag_list()?;
        cursor.blank()?;
    }
    let mut date = None;
    if cursor.peek() == Some(b'"') {
        date = Some(cursor.date_time()?);
        cursor.blank()?;
    }
    let is_utf8 = cursor.eat_word("UTF8");
    if is_utf8 {
        cursor.blank()?;
        cursor.need(b'(', "Wrong UTF8")?;
    }
    let message = cursor.literal()?;
    if is_utf8 {
        cursor.need(b')', "Wrong UTF8")?;
    }
    Ok(Appended { flags, date, message })
}

pub(super) fn store(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    let set = cursor.sequence_set()?;
    cursor.blank()?;
    let mut unchanged_since = None;
    if cursor.eat(b'(') {
        if !cursor.eat_word("UNCHANGEDSINCE") {
            return Err(Fault::Bad("No such modifier"));
        }
        cursor.blank()?;
        unchanged_since = Some(cursor.number()?);
        cursor.need(b')', "Wrong modifier")?;
        cursor.blank()?;
    }
    let change = match (cursor.eat(b'+'), cursor.eat(b'-')) {
        (true, _) => FlagChange::Add,
        (_, true) => FlagChange::Remove,
        _ => FlagChange::Replace,
    };
    let silent = match cursor.word().as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(Fault::Bad("No such item")),
    };
    cursor.blank()?;
    let mut flags = Vec::new();
    if cursor.peek() == Some(b'(') {
        flags = cursor.flag_list()?;
    } else {
        flags.extend(cursor.flag()?);
        while cursor.more() {
            cursor.count()?;
            flags.extend(cursor.flag()?);
        }
    }
    Ok(Body::Store { uid, set, unchanged_since, change, silent, flags })
}

pub(super) fn fetch(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    let set = cursor.sequence_set()?;
    cursor.blank()?;
    let items = fetch_items(cursor)?;
    let (mut changed_since, mut vanished, mut partial) = (None, false, None);
    if cursor.more() {
        cursor.list(|cursor| {
            match cursor.word().as_str() {
                "CHANGEDSINCE" => {
                    cursor.blank()?;
                    changed_since = Some(cursor.number()?);
                }
                "VANISHED" => vanished = true,
                "PARTIAL" => {
                    cursor.blank()?;
                    partial = Some(cursor.partial_range()?);
                }
                _ => return Err(Fault::Bad("No such modifier")),
            }
            Ok(())
        })?;
    }
    match vanished && !(uid && changed_since.is_some()) {
        true => Err(Fault::Bad("VANISHED wants UID FETCH and CHANGEDSINCE")),
        false => Ok(Body::Fetch { uid, set, items, changed_since, vanished, partial }),
    }
}

/// A macro, a list or one item.
fn fetch_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<FetchItem>> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Rfc822Size};
    if cursor.peek() == Some(b'(') {
        return fetch_list(cursor);
    }
    for (name, items) in [
        ("ALL", &[Flags, InternalDate, Rfc822Size, Envelope][..]),
        ("FULL", &[Flags, InternalDate, Rfc822Size, Envelope, Body]),
        ("FAST", &[Flags, InternalDate, Rfc822Size]),
    ] {
        if cursor.eat_word(name) {
            return Ok(items.to_vec());
        }
    }
    Ok(vec![fetch_item(cursor)?])
}

pub(super) fn fetch_list(cursor: &mut Cursor<'_>) -> Parsed<Vec<FetchItem>> {
    let items = cursor.list(fetch_item)?;
    match items.is_empty() {
        true => Err(Fault::Bad("Missing item")),
        false => Ok(items),
    }
}

fn fetch_item(cursor: &mut Cursor<'_>) -> Parsed<FetchItem> {
    let name = cursor.run(|byte| is_astring(byte) && byte != b'[' && byte != b']').to_ascii_uppercase();
    Ok(match name.as_str() {
        "UID" => FetchItem::Uid,
        "FLAGS" => FetchItem::Flags,
        "INTERNALDATE" => FetchItem::InternalDate,
        "SAVEDATE" => FetchItem::SaveDate,
        "RFC822.SIZE" => FetchItem::Rfc822Size,
        "MODSEQ" => FetchItem::Modseq,
        "EMAILID" => FetchItem::EmailId,
        "THREADID" => FetchItem::ThreadId,
        "ENVELOPE" => FetchItem::Envelope,
        "BODYSTRUCTURE" => FetchItem::BodyStructure,
        "RFC822" => FetchItem::Rfc822(Rfc822::Whole),
        "RFC822.HEADER" => FetchItem::Rfc822(Rfc822::Header),
        "RFC822.TEXT" => FetchItem::Rfc822(Rfc822::Text),
        "PREVIEW" => {
            if cursor.more_list() {
                cursor.list(|cursor| match cursor.eat_word("LAZY") {
                    true => Ok(()),
                    false => Err(Fault::Bad("No such modifier")),
                })?;
            }
            FetchItem::Preview
        }
        "BODY" if cursor.peek() != Some(b'[') => FetchItem::Body,
        "BODY" | "BODY.PEEK" => FetchItem::Section {
            section: section(cursor)?,
            partial: partial(cursor)?,
            peek: name == "BODY.PEEK",
        },
        "BINARY" | "BINARY.PEEK" => FetchItem::Binary {
            part: binary_part(cursor)?,
            partial: partial(cursor)?,
            peek: name == "BINARY.PEEK",
        },
        "BINARY.SIZE" => FetchItem::BinarySize(binary_part(cursor)?),
        _ => return Err(Fault::Bad("No such item")),
    })
}

/// `[…]` after BODY.
fn section(cursor: &mut Cursor<'_>) -> Parsed<Section> {
    cursor.need(b'[', "Missing section")?;
    let part = part_number(cursor)?;
    let needs_text = part.is_empty() || cursor.eat(b'.');
    let text = match (needs_text, cursor.peek()) {
        (true, Some(b']')) if part.is_empty() => SectionText::Whole,
        (false, _) => SectionText::Whole,
        (true, _) => section_text(cursor, !part.is_empty())?,
    };
    cursor.need(b']', "Wrong section")?;
    Ok(Section { part, text })
}

fn section_text(cursor: &mut Cursor<'_>, in_part: bool) -> Parsed<SectionText> {
    let word = cursor.run(|byte| byte.is_ascii_alphabetic() || byte == b'.').to_ascii_uppercase();
    Ok(match word.as_str() {
        "HEADER" => SectionText::Header,
        "TEXT" => SectionText::Text,
        "MIME" if in_part => SectionText::Mime,
        "HEADER.FIELDS" => SectionText::HeaderFields(field_names(cursor)?),
        "HEADER.FIELDS.NOT" => SectionText::HeaderFieldsNot(field_names(cursor)?),
        _ => return Err(Fault::Bad("Wrong section")),
    })
}

fn field_names(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    cursor.blank()?;
    let names = cursor.list(Cursor::astring_text)?;
    match names.is_empty() {
        true => Err(Fault::Bad("Missing field name")),
        false => Ok(names),
    }
}

/// Numbers between dots; a dot that no number follows is left.
fn part_number(cursor: &mut Cursor<'_>) -> Parsed<Vec<u32>> {
    let mut part = Vec::new();
    while cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        if part.len() == PART_DEPTH_MAX {
            return Err(Fault::Bad("Wrong part"));
        }
        part.push(cursor.number::<NonZeroU32>()?.get());
        if !cursor.eat_dot_before_digit() {
            break;
        }
    }
    Ok(part)
}

fn binary_part(cursor: &mut Cursor<'_>) -> Parsed<Vec<u32>> {
    cursor.need(b'[', "Missing section")?;
    let part = part_number(cursor)?;
    cursor.need(b']', "Wrong section")?;
    Ok(part)
}

/// `<origin.count>`.
fn partial(cursor: &mut Cursor<'_>) -> Parsed<Option<(u32, u32)>> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    let origin = cursor.number()?;
    cursor.need(b'.', "Wrong partial")?;
    let count: NonZeroU32 = cursor.number()?;
    cursor.need(b'>', "Wrong partial")?;
    Ok(Some((origin, count.get())))
}
