//! What a signature's range means in revisions: which update it closes, and which updates came later.
//!
//! A signed revision is the file cut off at the end of its range, read as a file of its own. What must stay true:
//! every later update starts behind that end, hangs on the chain of the one before, and each of its bytes belongs
//! to an object, a cross-reference section or its ending.

use super::document::{File, View};
use super::parse::is_space;
use super::xref::{self, Entry, Section};
use crate::message::{Code, Reason};
use std::ops::Range;

/// One update after a signature.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// Its section's index in the file's chain.
    pub(crate) section: usize,
    /// Its bytes.
    pub(crate) span: Range<usize>,
}

/// The section that was newest when the file ended at `end`.
pub(crate) fn closes(file: &File<'_>, end: usize) -> Result<usize, Reason> {
    let cut = file.bytes.get(..end).ok_or(Reason::new(Code::RangeOutside))?;
    let ending = xref::ending(cut, file.limits.depth).map_err(|_| Reason::new(Code::RangePartial))?;
    let index = file.sections.iter().position(|s| s.offset == ending.names);
    let index = index.ok_or(Reason::of(Code::PdfRevision, "the signed revision was cut out of the chain"))?;
    let inside = |s: &Section| s.span.end <= end && s.hybrid.as_ref().is_none_or(|h| h.span.end <= end);
    let older_inside = file.sections.iter().skip(index).all(inside);
    match older_inside {
        true => Ok(index),
        false => Err(Reason::of(Code::PdfRevision, "a section of the signed revision lies behind it")),
    }
}

/// The updates after the revision that ends at `end` with section `signed`, oldest first.
pub(crate) fn updates_after(file: &File<'_>, signed: usize, end: usize) -> Result<Vec<Update>, Reason> {
    let mut updates = Vec::new();
    let mut from = end;
    for index in (0..signed).rev() {
        let Some(section) = file.sections.get(index) else { break };
        // What old and new readers see differently is signed by nobody.
        if section.hybrid.as_ref().is_some_and(|hybrid| hybrid.splits) {
            return Err(Reason::of(Code::PdfRevision, "a hybrid update after signing"));
        }
        let mut at = section.span.end;
        while file.bytes.get(at).copied().is_some_and(is_space) {
            at += 1;
        }
        at = skip_comments(file.bytes, at);
        let ending = xref::ending_at(file.bytes, at, file.limits.depth)
            .filter(|e| e.names == section.offset && section.offset >= from)
            .ok_or(Reason::at(Code::PdfRevision, section.offset))?;
        updates.push(Update { section: index, span: from..ending.span.end });
        from = ending.span.end;
    }
    let closed = from == file.ending.span.end || updates.is_empty();
    match closed && blank(file.bytes.get(from..).unwrap_or_default()) {
        true => Ok(updates),
        false => Err(Reason::at(Code::PdfTrailing, from)),
    }
}

/// Every byte of an update must belong to something a reader reads.
pub(crate) fn accounted(view: &View<'_>, update: &Update) -> Result<(), Reason> {
    let file = view.file;
    let Some(section) = file.sections.get(update.section) else { return Ok(()) };
    let mut spans = vec![section.span.clone()];
    let ending = skip_comments(file.bytes, section.span.end);
    spans.push(ending..update.span.end);
    let hidden = section.hybrid.as_ref();
    spans.extend(hidden.map(|h| h.span.clone()).filter(|span| span.start >= update.span.start));
    for (number, entry) in &section.entries {
        let number = match entry {
            Entry::At { .. } => *number,
            Entry::Inside { stream, .. } => *stream,
            Entry::Free => continue,
        };
        let Entry::At { offset, .. } = view.entry(number) else { continue };
        let table = [section.stream_number, hidden.map(|h| h.number)].contains(&Some(number));
        if update.span.contains(&offset) && !table {
            spans.extend(view.load(number)?.span.filter(|s| s.start >= update.span.start));
        }
    }
    spans.sort_by_key(|s| (s.start, s.end));
    spans.dedup();
    let mut at = update.span.start;
    for span in spans {
        if span.start < at {
            return Err(Reason::at(Code::PdfUnexplained, span.start));
        }
        if !blank(file.bytes.get(at..span.start).unwrap_or_default()) {
            return Err(Reason::at(Code::PdfUnexplained, at));
        }
        at = span.end;
    }
    match at == update.span.end {
        true => Ok(()),
        false => Err(Reason::at(Code::PdfUnexplained, at)),
    }
}

/// Steps over white space and comments, which some writers put before `startxref`.
fn skip_comments(bytes: &[u8], mut at: usize) -> usize {
    loop {
        while bytes.get(at).copied().is_some_and(is_space) {
            at += 1;
        }
        if bytes.get(at) != Some(&b'%') {
            return at;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        at += rest.iter().position(|b| matches!(b, 10 | 13)).unwrap_or(rest.len());
    }
}

/// White space and short comments that hide no object from readers which repair files by searching for `obj`.
fn blank(gap: &[u8]) -> bool {
    gap.split(|b| matches!(b, 10 | 13)).all(|line| {
        let start = line.iter().position(|b| !is_space(*b)).unwrap_or(line.len());
        match line.get(start..).unwrap_or_default() {
            [] => true,
            comment @ [b'%', ..] => comment.len() <= 128 && !comment.windows(3).any(|w| w == b"obj"),
            _ => false,
        }
    })
}
