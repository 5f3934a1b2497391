//! Hostile bytes: one entry point per parser, for the fuzz targets and for the property tests here.
//!
//! Each takes any bytes at all and panics when a promise is broken. Not for use in the program.

use mail::message::{self, Facts};

use crate::codec::command::{Section, SectionText};
use crate::codec::{Input, Limits, Memory, Out, Read, fetch};
use crate::order::{Row, Threads, sort, thread};

/// Small sizes, so that short inputs reach them.
fn limits() -> Limits {
    Limits {
        text_bytes_max: 400,
        literal_bytes_max: 50,
        append_bytes_max: 100,
        append_total_bytes_max: 150,
        literals_max: 5,
        list_max: 50,
        depth_max: 5,
        pending_bytes_max: 1_000,
        memory: Memory::new(1 << 20),
    }
}

/// What a client sends. The first byte says how it is cut into pieces and whether UTF-8 was enabled. Cut or not, it is read alike.
pub fn command(bytes: &[u8]) {
    let Some((&first, wire)) = bytes.split_first() else { return };
    let size = usize::from(first >> 1) + 1;
    assert_eq!(read_all(wire, size, first & 1 == 1), read_all(wire, 900, first & 1 == 1));
}

fn read_all(wire: &[u8], size: usize, utf8: bool) -> Vec<Read> {
    let mut input = Input::new(limits());
    input.set_utf8(utf8);
    input.allow_messages(true);
    let (mut rest, mut found) = (wire, Vec::new());
    while !rest.is_empty() {
        let room = input.room();
        if room == 0 {
            assert_eq!(input.next(), None, "without room it is over");
            break;
        }
        let (piece, after) = rest.split_at(size.min(room).min(rest.len()));
        input.push(piece);
        rest = after;
        while let Some(read) = input.next() {
            found.push(read);
        }
    }
    found
}

/// A message as IMAP shows it: a part's number up to the first 0, then the message. Envelope and structure balance and are ASCII outside of
/// literals, every section is no longer than the message and its parts decode.
pub fn message(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (number, raw) = bytes.split_at(end);
    let part: Vec<u32> = number.iter().take(20).map(|byte| u32::from(*byte)).collect();
    let facts = message::read(raw.get(1..).unwrap_or_default(), &message::Limits::default());
    let raw = raw.get(1..).unwrap_or_default();
    for utf8 in [false, true] {
        let mut out = Out::new();
        out.set_utf8(utf8);
        fetch::envelope(&mut out, &facts);
        well_formed(&out.take(), utf8);
        fetch::body_structure(&mut out, &facts, Some(raw), utf8);
        well_formed(&out.take(), utf8);
    }
    for text in [
        SectionText::Whole,
        SectionText::Header,
        SectionText::Text,
        SectionText::Mime,
        SectionText::HeaderFields(vec!["Subject".to_owned()]),
        SectionText::HeaderFieldsNot(vec!["Subject".to_owned()]),
    ] {
        if let Some(found) = fetch::section(raw, &facts, &Section { part: part.clone(), text }) {
            // A blank line, and a line end for a last field without one.
            assert!(found.len() <= raw.len() + 4);
        }
    }
    let _ = fetch::binary(raw, &facts, &part);
    threads(raw, &facts);
}

/// One value of parentheses, quoted strings, literals and atoms.
fn well_formed(written: &[u8], utf8: bool) {
    let mut rest = written;
    let mut depth = 0usize;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1).expect("an open parenthesis"),
            b'"' => rest = after_quoted(rest, utf8),
            b'{' => rest = after_literal(rest),
            _ => assert!(byte.is_ascii_alphanumeric() || b" -".contains(&byte), "{byte} outside of a string"),
        }
        assert!(depth > 0 || rest.is_empty(), "one value");
    }
    assert_eq!(depth, 0);
}

fn after_quoted(quoted: &[u8], utf8: bool) -> &[u8] {
    let mut at = 0;
    loop {
        match quoted.get(at).expect("a quoted string ends") {
            b'"' => return quoted.get(at + 1..).unwrap_or_default(),
            b'\\' => at += 2,
            byte => {
                assert!(matches!(byte, 0x20..=0x7e) || (utf8 && *byte >= 0x80));
                at += 1;
            }
        }
    }
}

fn after_literal(literal: &[u8]) -> &[u8] {
    let end = literal.iter().position(|byte| *byte == b'}').expect("an announcement ends");
    let count: usize =
        String::from_utf8_lossy(literal.get(..end).unwrap_or_default()).parse().expect("a number");
    literal.get(end + 3 + count..).expect("a literal is as long as it says")
}

/// Messages whose subjects and references are the words of some bytes: every one of them is in the answer, once.
fn threads(raw: &[u8], facts: &Facts) {
    let row = |(index, line): (usize, &[u8])| {
        let ids = line.split(|byte| *byte == b' ').map(|word| String::from_utf8_lossy(word).into_owned());
        let mut facts = Facts { references: ids.collect(), ..facts.clone() };
        facts.message_id = facts.references.pop().into_iter().collect();
        facts.subject = String::from_utf8_lossy(line).into_owned();
        Row::new(index as u32 + 1, mail::Timestamp::from_secs(0), line.len() as u64, &facts)
    };
    let rows: Vec<Row> = raw.split(|byte| *byte == b'\n').take(50).enumerate().map(row).collect();
    use crate::codec::command::{SortBy, SortKey, ThreadAlgorithm};
    for algorithm in [ThreadAlgorithm::References, ThreadAlgorithm::OrderedSubject] {
        assert_eq!(numbers(&thread(&rows, algorithm)), (1..=rows.len() as u32).collect::<Vec<_>>());
    }
    let keys = [SortBy::Subject, SortBy::From, SortBy::Date].map(|by| SortKey { reverse: true, by });
    let mut sorted = sort(&rows, &keys);
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=rows.len() as u32).collect::<Vec<_>>());
}

/// The numbers in a forest, ascending.
pub(crate) fn numbers(threads: &Threads) -> Vec<u32> {
    let mut waiting = threads.roots().to_vec();
    let mut found = Vec::new();
    while let Some(place) = waiting.pop() {
        found.extend(threads.number(place));
        waiting.extend_from_slice(threads.children(place));
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_commands_or_not(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::command(&bytes);
        }

        #[test]
        fn any_bytes_are_a_message(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::message(&bytes);
        }

        #[test]
        fn any_words_are_threads(text in "([a-d]|[a-d]|Re: |<|>| | |\n|\n|\\[|\\]|\\(fwd\\)){0,60}") {
            super::message(&[b"\0", text.as_bytes()].concat());
        }
    }
}
