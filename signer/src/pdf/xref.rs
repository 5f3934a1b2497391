//! Cross-reference tables, streams and hybrids (ISO 32000-1 §7.5.4, §7.5.8), read newest first.

use super::filter;
use super::object::{Dict, Object};
use super::parse::{Parser, is_space};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use std::collections::HashSet;
use std::ops::Range;

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Deleted.
    Free,
    /// At an offset of the file.
    At { offset: usize, generation: u16 },
    /// The `index`-th object of an object stream.
    Inside { stream: u32, index: u32 },
}

/// One cross-reference section with its trailer: what one update changed.
#[derive(Debug)]
pub(crate) struct Section {
    /// Where the section starts: what `startxref` names.
    pub(crate) offset: usize,
    /// The section's own bytes, trailer included.
    pub(crate) span: Range<usize>,
    /// By number, each once.
    pub(crate) entries: Vec<(u32, Entry)>,
    pub(crate) trailer: Dict,
    /// The object number of a cross-reference stream.
    pub(crate) stream_number: Option<u32>,
    /// The second half of a hybrid (§7.5.8.4), which old readers pass over.
    pub(crate) hybrid: Option<Hybrid>,
}

/// The cross-reference stream beside a table.
#[derive(Debug)]
pub(crate) struct Hybrid {
    /// The stream object's bytes.
    pub(crate) span: Range<usize>,
    /// Its object number.
    pub(crate) number: u32,
    /// Old readers, who know the table only, see other objects than new ones.
    pub(crate) splits: bool,
}

/// Which entries each number had over all sections: a view asks for the newest one it knows.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// By number, then by section, the newest (0) first.
    rows: Vec<(u32, u32, Entry)>,
}

impl History {
    pub(crate) fn of(sections: &[Section]) -> Self {
        let mut rows = Vec::with_capacity(sections.iter().map(|s| s.entries.len()).sum());
        for (index, section) in (0u32..).zip(sections) {
            rows.extend(section.entries.iter().map(|(number, entry)| (*number, index, *entry)));
        }
        rows.sort_unstable_by_key(|(number, index, _)| (*number, *index));
        Self { rows }
    }

    /// The entry a number has when `newest` is the newest section known.
    pub(crate) fn at(&self, number: u32, newest: u32) -> Entry {
        let from = self.rows.partition_point(|(n, section, _)| (*n, *section) < (number, newest));
        match self.rows.get(from) {
            Some((n, _, entry)) if *n == number => *entry,
            _ => Entry::Free,
        }
    }

    /// All numbers that sections from `newest` on name, ascending.
    pub(crate) fn numbers(&self, newest: u32) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.rows.chunk_by(|a, b| a.0 == b.0).filter_map(move |rows| {
            rows.iter().find(|(_, section, _)| *section >= newest).map(|(number, _, _)| *number)
        })
    }
}

/// The last `startxref` before `end`, with the offset it names, where it begins, and where `%%EOF` ends.
pub(crate) struct Ending {
    pub(crate) names: usize,
    pub(crate) span: Range<usize>,
}

/// How far before the end `startxref` may stand: readers look at the last 1,024 bytes (ISO 32000-1 annex H.3).
const TAIL: usize = 1024;

/// Reads the ending of the slice: `startxref N %%EOF` and nothing but white space after it.
pub(crate) fn ending(bytes: &[u8], depth: usize) -> Result<Ending, Reason> {
    let blank = bytes.iter().rev().take_while(|b| is_space(**b)).count();
    let solid = bytes.len() - blank;
    let from = solid.saturating_sub(TAIL);
    let tail = bytes.get(from..solid).unwrap_or_default();
    let Some(at) = tail.windows(9).rposition(|w| w == b"startxref") else {
        return Err(Reason::new(Code::PdfXref));
    };
    let start = from + at;
    match ending_at(bytes, start, depth) {
        Some(found) if found.span.end == solid => Ok(found),
        Some(found) => Err(Reason::at(Code::PdfTrailing, found.span.end)),
        None => Err(Reason::at(Code::PdfXref, start)),
    }
}

/// `startxref N %%EOF` at `start`; the span ends right after `%%EOF`.
pub(crate) fn ending_at(bytes: &[u8], start: usize, depth: usize) -> Option<Ending> {
    let mut parser = Parser::new(bytes, start, depth);
    if !parser.keyword(b"startxref") {
        return None;
    }
    let names = usize::try_from(parser.unsigned()?).ok()?;
    let mut end = parser.pos();
    while bytes.get(end).copied().is_some_and(is_space) {
        end += 1;
    }
    bytes.get(end..)?.starts_with(b"%%EOF").then_some(Ending { names, span: start..end + 5 })
}

/// All sections from the newest to the oldest. `unpacked` counts what compressed streams cost.
pub(crate) fn chain(
    bytes: &[u8],
    newest: usize,
    limits: &Limits,
    unpacked: &mut usize,
) -> Result<Vec<Section>, Reason> {
    let mut sections: Vec<Section> = Vec::new();
    let mut seen = HashSet::new();
    let mut objects = 0usize;
    let mut next = Some(newest);
    while let Some(offset) = next {
        if !seen.insert(offset) {
            return Err(Reason::at(Code::PdfXrefLoop, offset));
        }
        if sections.len() >= limits.revisions {
            return Err(Reason::of(Code::Budget, "revisions"));
        }
        let mut section = section_at(bytes, offset, limits, unpacked)?;
        if let Some(hidden) = section.trailer.get(b"XRefStm").int() {
            if section.stream_number.is_some() {
                return Err(Reason::at(Code::PdfXref, offset));
            }
            add_hybrid(bytes, hidden, &mut section, limits, unpacked)?;
        }
        objects = objects.saturating_add(section.entries.len());
        if objects > limits.objects {
            return Err(Reason::of(Code::Budget, "objects"));
        }
        next = match section.trailer.get(b"Prev") {
            Object::Null => None,
            Object::Int(at) => Some(usize::try_from(*at).map_err(|_| Reason::at(Code::PdfXref, offset))?),
            // A real writer once wrote `Prev 123.0`; nobody signs such files.
            _ => return Err(Reason::at(Code::PdfXref, offset)),
        };
        sections.push(section);
    }
    Ok(sections)
}

/// In a hybrid the stream's entries fill what the table calls free (§7.5.8.4).
fn add_hybrid(
    bytes: &[u8],
    at: i64,
    section: &mut Section,
    limits: &Limits,
    unpacked: &mut usize,
) -> Result<(), Reason> {
    let at = usize::try_from(at).map_err(|_| Reason::at(Code::PdfXref, section.offset))?;
    let hidden = section_at(bytes, at, limits, unpacked)?;
    let stream = hidden.stream_number.ok_or(Reason::at(Code::PdfXref, at))?;
    let mut splits = false;
    let mut merged: Vec<(u32, Entry)> = Vec::with_capacity(section.entries.len() + hidden.entries.len());
    let mut table = std::mem::take(&mut section.entries).into_iter().peekable();
    for (number, entry) in hidden.entries {
        while let Some(own) = table.next_if(|(n, _)| *n < number) {
            merged.push(own);
        }
        let own = table.next_if(|(n, _)| *n == number).map(|(_, own)| own);
        // That old readers do not know the stream itself is no split.
        splits |= own.unwrap_or(Entry::Free) != entry && number != stream;
        merged.push((number, own.filter(|own| *own != Entry::Free).unwrap_or(entry)));
    }
    merged.extend(table);
    section.entries = merged;
    section.hybrid = Some(Hybrid { span: hidden.span, number: stream, splits });
    Ok(())
}

/// By number; `None` when one comes twice: readers disagree on which counts.
fn ordered(mut entries: Vec<(u32, Entry)>) -> Option<Vec<(u32, Entry)>> {
    entries.sort_by_key(|(number, _)| *number);
    let once = entries.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a != b));
    once.then_some(entries)
}

fn section_at(bytes: &[u8], offset: usize, limits: &Limits, unpacked: &mut usize) -> Result<Section, Reason> {
    if offset >= bytes.len() {
        return Err(Reason::at(Code::PdfXref, offset));
    }
    let mut parser = Parser::new(bytes, offset, limits.depth);
    parser.skip_space();
    let section = match parser.keyword(b"xref") {
        true => table(&mut parser, offset, limits)?,
        false => stream(bytes, offset, limits, unpacked)?,
    };
    if section.trailer.ambiguous {
        return Err(Reason::at(Code::PdfXref, offset));
    }
    Ok(section)
}

/// A table (§7.5.4). Entries are read as words, since many writers do not keep to twenty bytes.
fn table(parser: &mut Parser<'_>, offset: usize, limits: &Limits) -> Result<Section, Reason> {
    let bad = |at: usize| Reason::at(Code::PdfXref, at);
    let mut entries = Vec::new();
    loop {
        parser.skip_space();
        if parser.keyword(b"trailer") {
            break;
        }
        let first = parser.unsigned().and_then(|n| u32::try_from(n).ok());
        let count = parser.unsigned().and_then(|n| u32::try_from(n).ok());
        let (Some(first), Some(count)) = (first, count) else { return Err(bad(parser.pos())) };
        for number in (0..count).map(|i| first.checked_add(i)) {
            let (Some(number), Some(at), Some(generation)) = (number, parser.unsigned(), parser.unsigned())
            else {
                return Err(bad(parser.pos()));
            };
            parser.skip_space();
            let entry = if parser.keyword(b"n") {
                let at = usize::try_from(at).map_err(|_| bad(parser.pos()))?;
                let generation = u16::try_from(generation).map_err(|_| bad(parser.pos()))?;
                // At offset 0 stands the header: some writers say so of what they deleted.
                if at == 0 { Entry::Free } else { Entry::At { offset: at, generation } }
            } else if parser.keyword(b"f") {
                Entry::Free
            } else {
                return Err(bad(parser.pos()));
            };
            if entries.len() >= limits.objects {
                return Err(Reason::of(Code::Budget, "objects"));
            }
            entries.push((number, entry));
        }
    }
    let Object::Dict(trailer) = parser.object()? else { return Err(bad(parser.pos())) };
    let entries = ordered(entries).ok_or_else(|| bad(offset))?;
    Ok(Section { offset, span: offset..parser.pos(), entries, trailer, stream_number: None, hybrid: None })
}

/// A cross-reference stream (§7.5.8).
fn stream(bytes: &[u8], offset: usize, limits: &Limits, unpacked: &mut usize) -> Result<Section, Reason> {
    let bad = || Reason::at(Code::PdfXref, offset);
    let read = Parser::new(bytes, offset, limits.depth).indirect(None, &|_| None).map_err(|_| bad())?;
    let Object::Stream(stream) = read.object else { return Err(bad()) };
    if stream.dict.get(b"Type").name() != Some(b"XRef") {
        return Err(bad());
    }
    let raw = stream.data.clone().and_then(|range| bytes.get(range)).ok_or_else(bad)?;
    let data = filter::decode(raw, &stream.dict, limits, unpacked)?;
    let widths: Vec<usize> = stream
        .dict
        .get(b"W")
        .array()
        .unwrap_or_default()
        .iter()
        .filter_map(|w| w.int().and_then(|w| usize::try_from(w).ok()).filter(|w| *w <= 8))
        .collect();
    let [kind, second, third] = *widths.as_slice() else { return Err(bad()) };
    let size = stream.dict.get(b"Size").int().unwrap_or(0);
    let default = [Object::Int(0), Object::Int(size)];
    let index = stream.dict.get(b"Index").array().unwrap_or(&default);
    let entries = stream_entries(&data, [kind, second, third], index, limits).ok_or_else(bad)?;
    Ok(Section {
        offset,
        span: offset..read.span.end,
        entries,
        trailer: stream.dict,
        stream_number: Some(read.id.number),
        hybrid: None,
    })
}

fn stream_entries(
    data: &[u8],
    [kind, second, third]: [usize; 3],
    index: &[Object],
    limits: &Limits,
) -> Option<Vec<(u32, Entry)>> {
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let width = kind + second + third;
    if width == 0 || !index.len().is_multiple_of(2) {
        return None;
    }
    let mut rows = data.chunks_exact(width);
    let mut entries = Vec::new();
    for pair in index.chunks_exact(2) {
        let [first, count] = pair else { return None };
        let first = u32::try_from(first.int()?).ok()?;
        let count = u32::try_from(count.int()?).ok()?;
        for at in 0..count {
            let row = rows.next()?;
            let (a, rest) = row.split_at_checked(kind)?;
            let (b, c) = rest.split_at_checked(second)?;
            let (b, c) = (number(b), number(c));
            let entry = match if kind == 0 { 1 } else { number(a) } {
                0 => Entry::Free,
                1 => Entry::At { offset: usize::try_from(b).ok()?, generation: u16::try_from(c).ok()? },
                2 => Entry::Inside { stream: u32::try_from(b).ok()?, index: u32::try_from(c).ok()? },
                // Unknown kinds are references to null (§7.5.8.3).
                _ => Entry::Free,
            };
            if entries.len() >= limits.objects {
                return None;
            }
            entries.push((first.checked_add(at)?, entry));
        }
    }
    ordered(entries)
}
