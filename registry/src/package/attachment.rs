//! From `ContentTransferEncoded` to the file a person sent (RULES E12, VXP 4.5).
//!
//! The vendor's builder puts most files into a ZIP with one entry, and its reader undoes that by the declared type and
//! the extension. Others declare one thing and do the other. What is refused here is what the vendor's reader fails
//! on or is harmed by; what is unwrapped is what a person meant.
//!
//! RULES E12 never unwraps a file with an Office name. The vendor's builder does wrap `xlsx` (VXP 4.5), and no Office
//! file has a single entry, so a declared wrapping with one entry is unwrapped whatever its name.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::archive::{self, BadArchive, Entry};
use super::encoded::{Encoded, NoFile};
use super::refusal::Reason;
use super::sniff::{FileKind, sniff};
use super::source::{Room, Source};
use super::text::is_xml_space;
use crate::{Error, Limits};

/// How a file travelled inside its package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// As it is.
    Bare,
    /// In a ZIP with one entry.
    Zipped,
}

/// A file of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What binds it to the manifest, without blanks and without any leading `cid:` (VXP 4.5). May be empty.
    pub content_id: String,
    /// The name as the package has it. See [`Attachment::display_name`] before showing it to anybody.
    pub name: String,
    /// What it is, in words; may be empty.
    pub description: String,
    /// The declared type; wrong more often than not (RULES E14).
    pub content_type: String,
    /// The declared extension; empty when there is none.
    pub format: String,
    /// Whether `ContentTransferEncoded` was there at all.
    pub present: bool,
    /// How it travelled.
    pub wrapping: Wrapping,
    /// What the bytes are.
    pub kind: FileKind,
    /// The file itself, unwrapped. Shared, because it is judged on other threads; an attachment may be many megabytes.
    pub content: Arc<[u8]>,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Its length, bytes; stays when the content is let go.
    pub size: usize,
    /// Where it can be unpacked again when the content was let go.
    pub(super) encoded: Option<Arc<Encoded>>,
}

impl Attachment {
    /// The name as it may be shown and offered for saving: no path, no control characters, no direction overrides,
    /// at most 500 characters (RULES E15). Never empty.
    pub fn display_name(&self) -> String {
        display_name(&self.name)
    }

    /// Whether the content was let go: [`Attachment::content_from`] unpacks it again.
    pub fn is_away(&self) -> bool {
        self.content.len() != self.size
    }

    /// The file, from the package it came in when it was let go.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the package cannot be read; [`Error::Internal`] when it is another one.
    pub fn content_from(&self, package: &dyn Source, limits: &Limits) -> Result<Arc<[u8]>, Error> {
        if !self.is_away() {
            return Ok(self.content.clone());
        }
        let encoded = self.encoded.as_ref().ok_or(Error::Internal)?;
        let naming = Naming { name: &self.name, format: &self.format, content_type: &self.content_type };
        // Its place in memory is the caller's.
        let room = |_| Ok(Box::new(()) as Room);
        match encoded.file(package, &naming, limits.unpacked_bytes_max, limits, &room) {
            Ok((decoded, _)) if sha256(&decoded.content) == self.sha256 => Ok(decoded.content),
            Err(NoFile::Trouble(error)) => Err(error),
            Ok(_) | Err(NoFile::Refused(_)) => Err(Error::Internal),
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

/// RULES E15; 500 is a limit seen in a gateway of the field.
pub(crate) fn display_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String =
        last.chars().filter(|c| !c.is_control() && !is_direction_mark(*c)).take(500).collect();
    match clean.trim().trim_matches('.').is_empty() {
        true => "tep-dinh-kem".to_owned(),
        false => clean.trim().to_owned(),
    }
}

/// Characters that turn the reading direction or are not seen: `fdp.exe` must not read as `exe.pdf`.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{061C}')
}

/// A file taken out of its encoding.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) content: Arc<[u8]>,
    pub(crate) wrapping: Wrapping,
    /// A declared wrapping that holds several files: receivers' readers take the first only.
    pub(crate) several_files: bool,
}

/// Decodes strict base64: white space goes, anything else that is foreign refuses the package, missing padding too,
/// because it means that something was cut off.
pub(crate) fn decode_base64(encoded: &str) -> Result<Arc<[u8]>, Reason> {
    // A line without blanks, as the vendor's builder writes it, is decoded where it lies.
    let encoded = encoded.trim_matches(is_xml_space).as_bytes();
    match memchr::memchr3(b'\n', b'\r', b' ', encoded).or_else(|| memchr::memchr(b'\t', encoded)) {
        None => decode_line(encoded),
        Some(_) => decode_lines(encoded),
    }
}

/// How many bytes `symbols` of padded base64 hold.
fn decoded_len(symbols: usize, padding: usize) -> Option<usize> {
    if symbols.is_multiple_of(4) { (symbols / 4 * 3).checked_sub(padding) } else { None }
}

fn padding(encoded: impl DoubleEndedIterator<Item = u8>) -> usize {
    encoded.rev().take(2).take_while(|b| *b == b'=').count()
}

fn decode_line(encoded: &[u8]) -> Result<Arc<[u8]>, Reason> {
    let len = decoded_len(encoded.len(), padding(encoded.iter().copied())).ok_or(Reason::Base64)?;
    let mut content = zeroed(len);
    let room = Arc::get_mut(&mut content).unwrap_or_default();
    match STANDARD.decode_slice(encoded, room) {
        Ok(found) if found == len => Ok(content),
        _ => Err(Reason::Base64),
    }
}

/// Lines of any length, with blanks anywhere: gathered into whole groups and decoded piece by piece, so that a long file is
/// never held a second time.
fn decode_lines(encoded: &[u8]) -> Result<Arc<[u8]>, Reason> {
    const PIECE: usize = 64 * 1024;
    let symbols = || encoded.iter().copied().filter(|b| !is_xml_space(char::from(*b)));
    let len = decoded_len(symbols().count(), padding(symbols())).ok_or(Reason::Base64)?;
    let mut content = zeroed(len);
    let room = Arc::get_mut(&mut content).unwrap_or_default();
    let (mut piece, mut at, mut symbols) = (Vec::with_capacity(PIECE), 0, symbols());
    loop {
        piece.clear();
        piece.extend(symbols.by_ref().take(PIECE));
        if piece.is_empty() {
            break;
        }
        let free = room.get_mut(at..).unwrap_or_default();
        at += STANDARD.decode_slice(&piece, free).map_err(|_| Reason::Base64)?;
    }
    if at == len { Ok(content) } else { Err(Reason::Base64) }
}

/// Bytes to be written once and then shared, without a second copy of them.
pub(super) fn zeroed(len: usize) -> Arc<[u8]> {
    std::iter::repeat_n(0, len).collect()
}

/// What is said of a file beside its bytes.
pub(crate) struct Naming<'n> {
    pub(crate) name: &'n str,
    pub(crate) format: &'n str,
    pub(crate) content_type: &'n str,
}

impl Naming<'_> {
    /// What the vendor's reader unwraps: by the declared type, unless the extension is exactly `zip` (VXP 4.5).
    pub(crate) fn is_declared(&self) -> bool {
        let extension = if self.format.is_empty() { extension_of(self.name) } else { self.format };
        self.content_type.eq_ignore_ascii_case("application/zip") && extension != "zip"
    }

    /// Declared so, or looking so by its first bytes.
    pub(crate) fn may_be_wrapped(&self, head: &[u8]) -> bool {
        self.is_declared() || (head.starts_with(b"PK\x03\x04") && !is_archive_name(self.name))
    }
}

/// What a packed file of `len` bytes may become, of what all attachments together may still become.
pub(crate) fn unpacked_max(len: usize, budget: usize, limits: &Limits) -> usize {
    budget.min(len.saturating_mul(limits.unpack_ratio_max).max(limits.unpack_ratio_free_bytes))
}

/// Undoes the wrapping. `budget` is what all attachments together may still become.
pub(crate) fn unwrap(
    bytes: Arc<[u8]>,
    naming: &Naming<'_>,
    budget: usize,
    limits: &Limits,
) -> Result<Decoded, Reason> {
    let declared = naming.is_declared();
    if !naming.may_be_wrapped(&bytes) {
        return Ok(Decoded { content: bytes, wrapping: Wrapping::Bare, several_files: false });
    }
    let entries = match archive::entries(bytes[..].into(), limits) {
        Ok(entries) => entries,
        Err(bad) if declared => return Err(reason_of(bad)),
        // Nobody was promised an archive; then it is just a file.
        Err(_) => return Ok(Decoded { content: bytes, wrapping: Wrapping::Bare, several_files: false }),
    };
    if declared && has_hostile_name(&entries, naming.name) {
        return Err(Reason::ZipEntryName);
    }
    match entries.as_slice() {
        [only] => match archive::unpack(&bytes, only, unpacked_max(bytes.len(), budget, limits)) {
            Ok(content) => Ok(Decoded { content, wrapping: Wrapping::Zipped, several_files: false }),
            Err(bad) if declared || bad == BadArchive::Bomb => Err(reason_of(bad)),
            Err(_) => Ok(Decoded { content: bytes, wrapping: Wrapping::Bare, several_files: false }),
        },
        _ => Ok(Decoded { content: bytes, wrapping: Wrapping::Bare, several_files: declared }),
    }
}

pub(crate) fn reason_of(bad: BadArchive) -> Reason {
    match bad {
        BadArchive::Broken => Reason::BrokenZip,
        BadArchive::Empty => Reason::EmptyZip,
        BadArchive::TooManyEntries | BadArchive::Bomb => Reason::ZipBomb,
    }
}

/// The receiver's reader writes the first entry under its own name, others may write all of them. Folders inside are
/// natural in an Office file that somebody declared as a ZIP, as long as the first entry has none.
pub(crate) fn has_hostile_name(entries: &[Entry<'_>], name: &str) -> bool {
    let office = is_archive_name(name) && entries.len() > 1;
    entries.iter().enumerate().any(|(i, entry)| match office && i > 0 {
        true => entry.leaves_folder(),
        false => entry.is_hostile(),
    })
}

/// What follows the last dot, as it is written.
pub(crate) fn extension_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension.trim_end())
}

/// Names of files that are ZIP archives in themselves (RULES E12).
fn is_archive_name(name: &str) -> bool {
    const KNOWN: &[&str] = &[
        "zip", "docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "odt", "ods", "odp", "jar",
        "epub", "ofd", "asice", "asics", "sce", "scs",
    ];
    let extension = extension_of(name);
    KNOWN.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The file's kind, and whether it holds the mark of a PDF ruined by a trip through text (VXP 4.5).
pub(crate) fn look_at(content: &[u8]) -> (FileKind, bool) {
    let kind = sniff(content);
    let head = content.get(..64 * 1024).unwrap_or(content);
    let ruined = kind == FileKind::Pdf && head.windows(6).any(|w| w == b"\xef\xbf\xbd\xef\xbf\xbd");
    (kind, ruined)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    /// An archive as the `zip` crate writes it: another hand than ours.
    pub(crate) fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn run(bytes: &[u8], name: &str, content_type: &str) -> Result<Decoded, Reason> {
        let naming = Naming { name, format: "", content_type };
        unwrap(bytes.into(), &naming, usize::MAX, &Limits::default())
    }

    #[test]
    #[rustfmt::skip]
    fn e12_attachment_wrapping_matrix() {
        let pdf = b"%PDF-1.7 x".as_slice();
        let docx = zip_of(&[("[Content_Types].xml", b"<a/>"), ("word/document.xml", b"<b/>")]);
        let user_zip = zip_of(&[("a.txt", b"1"), ("b.txt", b"2")]);
        let zipped_pdf = zip_of(&[("5f.pdf", pdf)]);
        let zipped_docx = zip_of(&[("5f.docx", &docx)]);
        let zipped_user_zip = zip_of(&[("5f.zip", &user_zip)]);
        let (zip, decl_pdf) = ("application/zip", "application/pdf");
        use Wrapping::{Bare, Zipped};
        type Row<'a> = (&'a str, &'a [u8], &'a str, &'a str, Result<(&'a [u8], Wrapping), Reason>);
        let rows: &[Row<'_>] = &[
            ("zip declared, zipped pdf",        &zipped_pdf,  "a.pdf",  zip,      Ok((pdf, Zipped))),
            ("pdf declared, zipped pdf",        &zipped_pdf,  "a.pdf",  decl_pdf, Ok((pdf, Zipped))),
            ("text declared, zipped pdf",       &zipped_pdf,  "a.pdf",  "text/plain", Ok((pdf, Zipped))),
            ("pdf declared, bare pdf",          pdf,          "a.pdf",  decl_pdf, Ok((pdf, Bare))),
            ("zip declared, bare pdf",          pdf,          "a.pdf",  zip,      Err(Reason::BrokenZip)),
            ("zip declared, zipped docx",       &zipped_docx, "a.docx", zip,      Ok((&docx, Zipped))),
            ("zip declared, bare docx",         &docx,        "a.docx", zip,      Ok((&docx, Bare))),
            ("docx declared, bare docx",        &docx,        "a.docx", "application/docx", Ok((&docx, Bare))),
            ("docx declared, zipped docx",      &zipped_docx, "a.docx", "application/docx", Ok((&zipped_docx, Bare))),
            ("upper-case extension",            &zipped_pdf,  "A.PDF",  zip,      Ok((pdf, Zipped))),
            ("zip declared, bare zip",          &user_zip,    "a.zip",  zip,      Ok((&user_zip, Bare))),
            ("pdf declared, bare zip",          &user_zip,    "a.zip",  decl_pdf, Ok((&user_zip, Bare))),
            ("zip in zip keeps the outer one",  &zipped_user_zip, "a.zip", zip,   Ok((&zipped_user_zip, Bare))),
            ("zip declared, two files",         &user_zip,    "a.pdf",  zip,      Ok((&user_zip, Bare))),
            ("pdf declared, two files",         &user_zip,    "a.pdf",  decl_pdf, Ok((&user_zip, Bare))),
            ("zip declared, one file, ZIP name", &zip_of(&[("x.txt", b"1")]), "A.ZIP", zip, Ok((b"1", Zipped))),
            ("no extension",                    &zipped_pdf,  "cong van", zip,    Ok((pdf, Zipped))),
            ("zip declared, empty zip",         &zip_of(&[]), "a.pdf",  zip,      Err(Reason::EmptyZip)),
            ("zip declared, nothing",           b"",          "a.pdf",  zip,      Err(Reason::BrokenZip)),
            ("pdf declared, nothing",           b"",          "a.pdf",  decl_pdf, Ok((b"", Bare))),
        ];
        for (what, bytes, name, content_type, expected) in rows {
            let found = run(bytes, name, content_type);
            let found = found.as_ref().map(|d| (&d.content[..], d.wrapping)).map_err(|r| *r);
            assert_eq!(found, *expected, "{what}");
        }
    }

    #[test]
    fn vxp_4_2_names_that_leave_the_folder() {
        for name in ["../a.pdf", "a/b.pdf", "/a.pdf", "..\\a.pdf", "C:a.pdf", "a..pdf"] {
            let evil = zip_of(&[(name, b"%PDF-1.7")]);
            assert_eq!(run(&evil, "a.pdf", "application/zip").unwrap_err(), Reason::ZipEntryName, "{name}");
            let second = zip_of(&[("a.pdf", b"%PDF-1.7"), (name, b"x")]);
            assert_eq!(run(&second, "a.pdf", "application/zip").unwrap_err(), Reason::ZipEntryName, "{name}");
        }
        // The header before the data says one name, the directory another: a front reader meets the first.
        let mut two_stories = zip_of(&[("ab.pdf", b"%PDF-1.7")]);
        two_stories[30..36].copy_from_slice(b"../pdf");
        assert_eq!(run(&two_stories, "a.pdf", "application/zip").unwrap_err(), Reason::BrokenZip);
        let mut nul = zip_of(&[("ab.pdf", b"%PDF-1.7")]);
        let directory = nul.windows(4).position(|w| w == b"PK\x01\x02").unwrap() + 46;
        nul[31] = 0;
        nul[directory + 1] = 0;
        assert_eq!(run(&nul, "a.pdf", "application/zip").unwrap_err(), Reason::ZipEntryName);
    }

    #[test]
    fn e12_archives_that_tell_two_stories_or_too_much() {
        let honest = zip_of(&[("a.pdf", b"%PDF-1.7 some content that deflates deflates deflates")]);
        // Characters before the archive: a front reader sees no archive at all.
        let shifted = [b"PK\x03\x04junk".as_slice(), &honest].concat();
        assert_eq!(run(&shifted, "a.pdf", "application/zip").unwrap_err(), Reason::BrokenZip);
        for cut in [honest.len() - 1, honest.len() / 2, 30, 4] {
            assert_eq!(
                run(&honest[..cut], "a.pdf", "application/zip").unwrap_err(),
                Reason::BrokenZip,
                "{cut}"
            );
        }
        let mut encrypted = honest.clone();
        let directory = honest.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        encrypted[6] |= 1;
        encrypted[directory + 8] |= 1;
        assert_eq!(run(&encrypted, "a.pdf", "application/zip").unwrap_err(), Reason::BrokenZip);
        let mut wrong_sum = honest.clone();
        wrong_sum[14] ^= 1;
        wrong_sum[directory + 16] ^= 1;
        assert_eq!(run(&wrong_sum, "a.pdf", "application/zip").unwrap_err(), Reason::BrokenZip);
        let bomb = zip_of(&[("a.pdf", &vec![0; 8 * 1024 * 1024])]);
        assert!(bomb.len() < 16 * 1024);
        for declared in ["application/zip", "application/pdf"] {
            assert_eq!(run(&bomb, "a.pdf", declared).unwrap_err(), Reason::ZipBomb, "{declared}");
        }
    }

    #[test]
    fn base64_is_strict_once_white_space_is_out() {
        assert_eq!(decode_base64(" JVBE\r\n\tRi0= \n").unwrap()[..], *b"%PDF-");
        assert_eq!(decode_base64("").unwrap()[..], *b"");
        // Longer than a piece, broken in odd places, padded in the middle of a piece's end.
        for len in [3 * 16 * 1024 - 1, 3 * 16 * 1024, 3 * 16 * 1024 + 1, 200_001] {
            let content: Vec<u8> = (0..len).map(|n| (n * 7 % 251) as u8).collect();
            let line = STANDARD.encode(&content);
            let lines: Vec<&str> =
                line.as_bytes().chunks(61).map(|l| std::str::from_utf8(l).unwrap()).collect();
            assert_eq!(decode_base64(&line).unwrap()[..], content);
            assert_eq!(decode_base64(&lines.join("\r\n\t ")).unwrap()[..], content);
            let broken = lines.join("\n").replacen('\n', "=\n", 1);
            assert_eq!(decode_base64(&broken).unwrap_err(), Reason::Base64);
        }
        for wrong in
            ["JVBERi0", "JVBE-_0=", "JVBERi0=x", "[[content]]", "JVBERi1=", "====", "JV BE\u{a0}Ri0="]
        {
            assert_eq!(decode_base64(wrong).unwrap_err(), Reason::Base64, "{wrong}");
        }
    }

    #[test]
    fn e15_names_are_display_data() {
        let rows = [
            ("05-QĐ-UBND.pdf", "05-QĐ-UBND.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\a\\b.pdf", "b.pdf"),
            ("exe.\u{202E}fdp", "exe.fdp"),
            ("a\r\nb\0.pdf", "ab.pdf"),
            ("  ", "tep-dinh-kem"),
            ("..", "tep-dinh-kem"),
            ("a/", "tep-dinh-kem"),
        ];
        for (name, expected) in rows {
            assert_eq!(display_name(name), expected, "{name:?}");
        }
        assert_eq!(display_name(&"ă".repeat(900)).chars().count(), 500);
    }

    proptest::proptest! {
        #[test]
        fn no_archive_makes_it_panic(at in 0usize..200, with in 0u8..=255, cut in 0usize..200) {
            let mut bytes = zip_of(&[("a.pdf", b"%PDF-1.7 abc abc abc abc"), ("b", b"2")]);
            if let Some(byte) = bytes.get_mut(at) { *byte = with; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = run(&bytes, "a.pdf", "application/zip");
        }
    }
}
