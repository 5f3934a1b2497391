//! State secrets never travel here: the detectors of RULES R7–R9, the same at every entrance.
//!
//! A detector sees plain data and answers with a [`Hit`], which says what was found and never what was written: the
//! refusal record holds sender, receiver, time, detector and a hash, and nothing of the content (RULES R12). There is
//! no override here; a false positive is released by two persons (RULES R13).
//!
//! Words are compared so that marks may be missing, but may not contradict: `MAT` on a stamp that lost its marks is
//! `MẬT`, whereas `Mất`, `Mắt` and `Mặt` are other words. Text without marks is believed only where a stamp would be.

mod file_name;
mod office;
#[cfg(test)]
mod tests;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use office::in_office;

use crate::Limits;
use crate::package::{Attachment, FileKind, Package, sniff};

/// The degree of secrecy a mark names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Degree {
    /// Marked as secret in some other way than by one of the three degrees.
    Unnamed,
    /// Mật.
    Secret,
    /// Tối mật.
    TopSecret,
    /// Tuyệt mật.
    UtmostSecret,
}

/// Which detector hit (RULES R9 a–e).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detector {
    /// (a) A security field other than "Thường".
    Metadata,
    /// (b) The number is of a secret register.
    Notation,
    /// (c) A stamp: a line that holds nothing but the degree.
    Stamp,
    /// (d) A mark before the subject.
    Subject,
    /// (e) A mark in a file's name.
    FileName,
}

impl Detector {
    /// The stable name for the refusal record.
    pub fn code(self) -> &'static str {
        match self {
            Self::Metadata => "secrecy.metadata",
            Self::Notation => "secrecy.notation",
            Self::Stamp => "secrecy.stamp",
            Self::Subject => "secrecy.subject",
            Self::FileName => "secrecy.file-name",
        }
    }
}

/// A mark was found. Holds nothing of what it was found in (RULES R12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// What found it.
    pub detector: Detector,
    /// What it names.
    pub degree: Degree,
}

/// What is known of an item at an entrance. Leave out what the entrance does not have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Item<'a> {
    /// An explicit security field.
    pub security: Option<&'a str>,
    /// The notation, or number and notation.
    pub notation: Option<&'a str>,
    /// The subject.
    pub subject: Option<&'a str>,
    /// Names of files.
    pub file_names: &'a [&'a str],
    /// Text layers or recognised text: bodies, first pages.
    pub texts: &'a [&'a str],
}

/// Looks at an item with every detector, in the order of RULES R9.
pub fn check(item: &Item<'_>, limits: &Limits) -> Option<Hit> {
    let hit = |detector, degree: Option<Degree>| degree.map(|degree| Hit { detector, degree });
    hit(Detector::Metadata, item.security.and_then(in_security_field))
        .or_else(|| hit(Detector::Notation, item.notation.and_then(in_notation)))
        .or_else(|| hit(Detector::Stamp, item.texts.iter().find_map(|text| in_text(text, limits))))
        .or_else(|| hit(Detector::Subject, item.subject.and_then(in_subject)))
        .or_else(|| hit(Detector::FileName, item.file_names.iter().find_map(|name| file_name::degree(name))))
}

/// Looks at what an edXML package says about itself; at its files whoever reads it looks, one by one ([`in_file`]).
pub fn in_package(package: &Package, limits: &Limits) -> Option<Hit> {
    match package {
        Package::Document(document) => {
            let names: Vec<&str> = document
                .attachments
                .iter()
                .map(|attachment| attachment.name.as_str())
                .chain(document.manifest.iter().map(|reference| reference.name.as_str()))
                .collect();
            let mut texts = vec![document.subject.as_str(), document.content.as_str()];
            texts.extend(document.attachments.iter().map(|attachment| attachment.description.as_str()));
            // The one field of the package that could hold a degree; all its other words are ordinary (RULES 2.6).
            let security = Some(document.other_info.sphere_of_promulgation.as_str());
            let security = security.filter(|sphere| in_line(sphere).is_some());
            let number = document.code.full();
            let item = Item {
                security,
                notation: Some(&number),
                subject: Some(&document.subject),
                file_names: &names,
                texts: &texts,
            };
            check(&item, limits)
        }
        Package::Status(status) => {
            let texts = [status.description.as_str()];
            check(
                &Item { notation: Some(&status.response_for.code), texts: &texts, ..Item::default() },
                limits,
            )
        }
    }
}

/// Looks at the first page of a file in a package.
pub fn in_file(file: &Attachment, limits: &Limits) -> Option<Hit> {
    match file.kind {
        FileKind::Pdf => in_pdf(&file.content),
        FileKind::Docx | FileKind::OpenDocument => in_office(&file.content, limits),
        _ => None,
    }
}

/// Pages of one file that are looked at when there is time. Ours: more than a bound volume has.
const PAGES_MAX: usize = 500;

/// Looks at all pages of a file, which takes longer than a door has (RULES R11): a document that was bound into another one has its
/// stamp on its own first page. `go_on` is asked before each page.
pub fn in_every_page(file: &[u8], limits: &Limits, go_on: &dyn Fn() -> bool) -> Option<Hit> {
    match sniff(file) {
        FileKind::Pdf => {
            let mut found = None;
            let see = |lines: Vec<signer::pdf::Line>| {
                found = in_place(&lines);
                found.is_none() && go_on()
            };
            // What cannot be read says nothing.
            let _ = signer::pdf::each_page(file, &signer::Limits::default(), PAGES_MAX, see);
            found
        }
        FileKind::Docx | FileKind::OpenDocument => in_office(file, limits),
        _ => None,
    }
}

/// How far from the left and from the top of its page a stamp of secrecy begins, as a share of the page: it belongs below number and
/// notation (NĐ 30/2020 PL I, ô 10a). Elsewhere a lone word is a word: a table has a column "Mật".
const STAMP_FROM_LEFT: f64 = 0.45;
const STAMP_FROM_TOP: f64 = 0.45;

/// (c) A stamp in the text of a PDF's first page. A scanned page has no text, and nothing is found in it.
pub fn in_pdf(file: &[u8]) -> Option<Hit> {
    in_place(&signer::pdf::first_page(file, &signer::Limits::default()).ok()?)
}

/// A stamp among the lines of a page, where one stands.
fn in_place(lines: &[signer::pdf::Line]) -> Option<Hit> {
    let in_place = |line: &&signer::pdf::Line| {
        line.from_left <= STAMP_FROM_LEFT && (0.0..=STAMP_FROM_TOP).contains(&line.from_top)
    };
    let degree = lines.iter().filter(in_place).find_map(|line| in_line(&line.text))?;
    Some(Hit { detector: Detector::Stamp, degree })
}

/// (a) Any value that does not say "not secret" is secret.
fn in_security_field(value: &str) -> Option<Degree> {
    // What products write when there is no secrecy.
    const ORDINARY: &[&str] =
        &["", "thuong", "binh thuong", "khong", "khong mat", "0", "none", "normal", "public", "cong khai"];
    let folded = mail::text::fold(value).split_whitespace().collect::<Vec<_>>().join(" ");
    if ORDINARY.contains(&folded.as_str()) {
        return None;
    }
    Some(degree_of(value).unwrap_or(Degree::Unnamed))
}

/// (b) Registers of secret numbers. RULES R9 calls these suffixes recalled and uncertain: one list, here.
const REGISTERS: &[(&str, Degree)] = &[
    ("M", Degree::Secret),
    ("TM", Degree::TopSecret),
    ("TuM", Degree::UtmostSecret),
    ("TUM", Degree::UtmostSecret),
];

/// The last group of the notation is the suffix, and not its only one: `05/M`, `12/QĐ-UBND-TM`, `7/BC-SNV(M)`.
fn in_notation(notation: &str) -> Option<Degree> {
    let notation = notation.trim().trim_end_matches([')', ']']);
    let (before, last) = notation.rsplit_once(['/', '-', '(', '['])?;
    let (_, degree) = REGISTERS.iter().find(|(suffix, _)| *suffix == last.trim())?;
    // `2491/SCT-TM` is a letter of a trade desk (agency and unit, RULES R79); after type and agency it is a register.
    let groups = notation.rsplit('/').next().unwrap_or_default().split('-').count();
    let unit = *degree == Degree::TopSecret && notation.ends_with("-TM") && groups < 3;
    (!unit && !before.trim().is_empty()).then_some(*degree)
}

/// (c) A line that holds nothing but the degree, perhaps in a frame, perhaps with its letters spaced; or the line
/// `Độ mật: …`.
fn in_text(text: &str, limits: &Limits) -> Option<Degree> {
    let end = text.char_indices().nth(limits.secrecy_text_chars_max).map_or(text.len(), |(end, _)| end);
    // Recognised text ends its lines and pages in many ways.
    let lines = text.get(..end)?.split(['\n', '\r', '\x0b', '\x0c', '\u{85}', '\u{2028}', '\u{2029}']);
    // A stamp with its frame is short; longer lines are sentences.
    lines.filter(|line| line.len() <= 160).find_map(in_line)
}

fn in_line(line: &str) -> Option<Degree> {
    let inside = line.trim_matches(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
    if let Some((label, value)) = inside.split_once([':', '：'])
        && mail::text::fold(label.trim()) == "do mat"
    {
        return degree_of(value);
    }
    degree_of(inside)
}

/// (d) `[MẬT] …`, `(Tối mật) …`, `TUYỆT MẬT: …`, or the degree alone, after any number of reply and forward marks.
fn in_subject(subject: &str) -> Option<Degree> {
    let mut rest = subject.trim();
    // At most as many marks as a long conversation gathers.
    for _ in 0..20 {
        let Some((mark, tail)) = rest.split_once(':') else { break };
        if !matches!(mail::text::fold(mark.trim()).as_str(), "re" | "fw" | "fwd" | "tr" | "tl" | "ct" | "v/v")
        {
            break;
        }
        rest = tail.trim_start();
    }
    if let Some(degree) =
        degree_of(rest.trim_matches(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)))
    {
        return Some(degree);
    }
    if let Some(opened) = rest.strip_prefix(['[', '(', '{', '<', '«', '【']) {
        let (inside, _) = opened.split_once([']', ')', '}', '>', '»', '】'])?;
        return in_line(inside);
    }
    // Without brackets only in capitals and before a separator: "Mật độ dân số" is no mark, nor is "MAT-LAB".
    let (head, tail) = rest.split_once([':', '-', '–', '—', '|'])?;
    let capitals = !head.chars().any(char::is_lowercase);
    let dash = rest.get(head.len()..).is_some_and(|at| at.starts_with(['-', '–', '—']));
    let apart = !dash || head.ends_with(char::is_whitespace) || tail.starts_with(char::is_whitespace);
    degree_of(head.trim()).filter(|_| capitals && apart)
}

/// The degree a text consists of, marks present or missing but not contradicting, blanks of any width, letters spaced
/// or not.
fn degree_of(text: &str) -> Option<Degree> {
    let letters = || text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '\u{AD}' | '\u{200B}'));
    // The longest degree has eight letters with at most four marks of their own; nothing longer is worth comparing.
    if letters().take(17).count() > 16 {
        return None;
    }
    let joined: String = letters().collect();
    let degrees =
        [("mật", Degree::Secret), ("tốimật", Degree::TopSecret), ("tuyệtmật", Degree::UtmostSecret)];
    let degree = degrees.iter().find(|(word, _)| is_word(&joined, word)).map(|(_, degree)| *degree)?;
    // "Tố imật" is nothing; words may be split into letters, but not elsewhere.
    has_word_breaks(text, degree).then_some(degree)
}

/// Whether a word is `word`: letters equal but for case, and the marks on each letter a subset of the other's.
fn is_word(found: &str, word: &str) -> bool {
    let clusters = |text: &str| {
        let mut list: Vec<(char, Vec<char>)> = Vec::new();
        for c in text.nfd().flat_map(char::to_lowercase) {
            match list.last_mut() {
                Some((_, marks)) if is_combining_mark(c) => marks.push(c),
                _ => list.push((c, Vec::new())),
            }
        }
        list
    };
    let (found, expected) = (clusters(found), clusters(word));
    found.len() == expected.len()
        && found.iter().zip(&expected).all(|((letter, marks), (same, allowed))| {
            let same_letter = letter == same || (*letter == 'd' && *same == 'đ');
            same_letter && marks.iter().all(|mark| allowed.contains(mark))
        })
}

/// Either the words of the degree, or single letters, or all in one.
fn has_word_breaks(text: &str, degree: Degree) -> bool {
    let words: Vec<usize> =
        text.split_whitespace().map(|word| word.nfd().filter(|c| !is_combining_mark(*c)).count()).collect();
    let expected: &[usize] = match degree {
        Degree::Secret | Degree::Unnamed => &[3],
        Degree::TopSecret => &[3, 3],
        Degree::UtmostSecret => &[5, 3],
    };
    words == expected || words.iter().all(|letters| *letters == 1) || words.len() == 1
}
