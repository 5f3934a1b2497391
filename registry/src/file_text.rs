//! The text of a file, for whoever searches in it: PDF, WordprocessingML, SpreadsheetML, PresentationML, OpenDocument, HTML, XML and plain
//! text. What kind a file is, its bytes say. Pictures of text have none; neither have the older Office files (doc, xls), RTF, and texts in the
//! letters of old fonts (TCVN3, VNI, VPS) outside of PDF.
//!
//! A stranger made the file: bytes unpacked, pages read and text kept have bounds, and between pages and entries `go_on` is asked.

use crate::Limits;
use crate::package::{FileKind, archive, sniff};

/// Bytes of text kept of one file: some 500 pages.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Pages of one PDF that are read.
const PAGES_MAX: usize = 500;
/// Bytes of XML unpacked from one archive, all entries together.
const XML_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The text of a file; `None` for a kind without text, and for one that cannot be read.
pub fn file_text(file: &[u8], limits: &Limits, go_on: &dyn Fn() -> bool) -> Option<String> {
    match sniff(file) {
        FileKind::Pdf => {
            let limits = signer::Limits::default();
            signer::pdf::text(file, &limits, PAGES_MAX, TEXT_BYTES_MAX, go_on).ok()
        }
        FileKind::Docx => of_archive(file, limits, go_on, is_word),
        FileKind::Xlsx => of_archive(file, limits, go_on, is_sheet),
        FileKind::Pptx => of_archive(file, limits, go_on, is_slide),
        FileKind::OpenDocument => of_archive(file, limits, go_on, |name| name == b"content.xml"),
        FileKind::Html | FileKind::Xml => {
            let mut text = String::new();
            add_markup(&String::from_utf8_lossy(file), &mut text);
            Some(text)
        }
        FileKind::Text => Some(mail::text::clip(&String::from_utf8_lossy(file), TEXT_BYTES_MAX).to_owned()),
        _ => None,
    }
}

/// Entries of a text document that hold text (ECMA-376 part 1, §11.3).
fn is_word(name: &[u8]) -> bool {
    let Some(name) = name.strip_prefix(b"word/") else { return false };
    let begins = [b"document".as_slice(), b"header", b"footer", b"footnotes", b"endnotes", b"comments"];
    name.ends_with(b".xml") && !name.contains(&b'/') && begins.iter().any(|word| name.starts_with(word))
}

/// Entries of a workbook that hold text (§12.3): texts are kept once for all sheets, numbers in the sheets.
fn is_sheet(name: &[u8]) -> bool {
    name == b"xl/sharedStrings.xml" || (name.starts_with(b"xl/worksheets/sheet") && name.ends_with(b".xml"))
}

/// Entries of a presentation that hold text (§13.3).
fn is_slide(name: &[u8]) -> bool {
    let begins = [b"ppt/slides/slide".as_slice(), b"ppt/notesSlides/notesSlide"];
    begins.iter().any(|word| name.starts_with(word)) && name.ends_with(b".xml")
}

fn of_archive(
    file: &[u8],
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
    is_text: fn(&[u8]) -> bool,
) -> Option<String> {
    let entries = archive::entries(file.into(), limits).ok()?;
    let (mut text, mut room) = (String::new(), XML_BYTES_MAX);
    for entry in entries.iter().filter(|entry| is_text(entry.name)) {
        if !go_on() || text.len() >= TEXT_BYTES_MAX {
            break;
        }
        // One entry that is damaged or too large does not hide the others.
        let Ok(xml) = archive::unpack(file, entry, room) else { continue };
        room = room.saturating_sub(xml.len());
        add_markup(&String::from_utf8_lossy(&xml), &mut text);
        text.push('\n');
    }
    Some(text)
}

/// Elements at whose begin or end a word ends: paragraphs, breaks, cells, items. Others (runs, spans) may stand within a word.
const PARTS: [&str; 30] = [
    "p",
    "h",
    "br",
    "cr",
    "tab",
    "tc",
    "tr",
    "si",
    "is",
    "c",
    "v",
    "row",
    "s",
    "line-break",
    "table-cell",
    "li",
    "div",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "title",
    "option",
    "ul",
    "table",
    "blockquote",
];
/// Elements whose content nobody reads: programs, styles, orders to the word processor, what was deleted.
const UNREAD: [&str; 5] = ["script", "style", "instrText", "delText", "binData"];

/// Adds what stands between the tags of a document.
fn add_markup(markup: &str, text: &mut String) {
    let mut unread: Option<&str> = None;
    let mut is_number_of_text = false;
    let (first, rest) = markup.split_once('<').unwrap_or((markup, ""));
    add_text(first, text);
    for piece in rest.split('<') {
        if text.len() >= TEXT_BYTES_MAX {
            return;
        }
        let Some((tag, content)) = piece.split_once('>') else { continue };
        let is_end = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split([' ', '/', '\t', '\r', '\n']).next().unwrap_or_default();
        let name = name.rsplit_once(':').map_or(name, |(_, local)| local);
        if let Some(element) = unread {
            if is_end && name == element {
                unread = None;
            }
            continue;
        }
        if UNREAD.contains(&name) && !is_end && !tag.ends_with('/') {
            unread = Some(name);
            continue;
        }
        if PARTS.contains(&name) || PARTS.contains(&name.to_ascii_lowercase().as_str()) {
            text.push(' ');
        }
        // A cell of the type "s" holds the number of a text and not a number.
        if name == "c" {
            is_number_of_text = tag.contains("t=\"s\"");
        }
        if !(name == "v" && !is_end && is_number_of_text) {
            add_text(content, text);
        }
    }
}

fn add_text(content: &str, text: &mut String) {
    let room = TEXT_BYTES_MAX.saturating_sub(text.len());
    let content = mail::text::clip(content, room);
    match content.contains('&').then(|| quick_xml::escape::unescape(content)) {
        Some(Ok(plain)) => text.push_str(&plain),
        _ => text.push_str(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::attachment::tests::zip_of;

    fn read(file: &[u8]) -> Option<String> {
        let text = file_text(file, &Limits::default(), &|| true)?;
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    const TYPES: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");

    #[test]
    fn office_files_say_what_a_person_reads_in_them() {
        let word = "<w:document><w:p><w:r><w:t>Kế ho</w:t></w:r><w:r><w:t>ạch &amp; dự toán</w:t></w:r></w:p>\
            <w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>năm</w:t><w:tab/><w:t>2026</w:t></w:r></w:p></w:document>";
        let header = "<w:hdr><w:p><w:r><w:t>Sở Nội vụ</w:t></w:r></w:p></w:hdr>";
        let docx = zip_of(&[
            TYPES,
            ("word/document.xml", word.as_bytes()),
            ("word/header1.xml", header.as_bytes()),
            ("word/styles.xml", b"<w:t>no</w:t>"),
        ]);
        assert_eq!(read(&docx).as_deref(), Some("Kế hoạch & dự toán năm 2026 Sở Nội vụ"));
        let shared = "<sst><si><t>Họ tên</t></si><si><r><t>Nguyễn </t></r><r><t>An</t></r></si></sst>";
        let sheet = "<sheetData><row><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\"><v>1500000</v></c>\
            <c t=\"inlineStr\"><is><t>tại chỗ</t></is></c></row></sheetData>";
        let xlsx = zip_of(&[
            TYPES,
            ("xl/workbook.xml", b"<workbook/>"),
            ("xl/sharedStrings.xml", shared.as_bytes()),
            ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ]);
        assert_eq!(read(&xlsx).as_deref(), Some("Họ tên Nguyễn An 1500000 tại chỗ"));
        // The first entry of an OpenDocument file is not packed, so that its kind is seen.
        let content = "<text:p>Tờ <text:span>tr</text:span>ình</text:p><text:h>Một</text:h>";
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let plain =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in
            [("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", content)]
        {
            writer.start_file(name, plain).unwrap();
            std::io::Write::write_all(&mut writer, bytes.as_bytes()).unwrap();
        }
        let odt = writer.finish().unwrap().into_inner();
        assert_eq!(read(&odt).as_deref(), Some("Tờ trình Một"));
    }

    #[test]
    fn other_files() {
        let html =
            "<html><style>p {}</style><body><p>Kính <b>g</b>ửi<br>anh &amp; chị<script>x()</script></body>";
        assert_eq!(read(html.as_bytes()).as_deref(), Some("Kính gửi anh & chị"));
        assert_eq!(read("ghi chú".as_bytes()).as_deref(), Some("ghi chú"));
        assert_eq!(read(b"\x89PNG\r\n\x1a\n"), None);
        assert_eq!(read(b"PK\x03\x04 broken [Content_Types].xml word/document"), None);
        assert_eq!(read(b""), None);
    }

    #[test]
    fn bombs_cost_what_is_allowed_and_no_more() {
        let long = format!("<w:p><w:t>{}</w:t></w:p>", "từ ".repeat(1_000_000));
        let docx = zip_of(&[TYPES, ("word/document.xml", long.as_bytes())]);
        let text = file_text(&docx, &Limits::default(), &|| true).unwrap();
        assert!(text.len() <= TEXT_BYTES_MAX + 2);
        let bomb = vec![b' '; XML_BYTES_MAX + 1];
        let docx = zip_of(&[TYPES, ("word/document.xml", &bomb), ("word/header1.xml", b"<w:t>still</w:t>")]);
        assert_eq!(read(&docx).as_deref(), Some("still"));
        assert_eq!(file_text(&docx, &Limits::default(), &|| false).as_deref(), Some(""));
    }
}
