//! What a file is, by its first bytes. Declared types are wrong too often to be trusted (RULES E14).

/// The kind of a file, as its own bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// No bytes at all.
    Empty,
    /// Portable Document Format.
    Pdf,
    /// A ZIP archive that is no known document.
    Zip,
    /// WordprocessingML.
    Docx,
    /// SpreadsheetML.
    Xlsx,
    /// PresentationML.
    Pptx,
    /// OpenDocument or another ZIP with a leading `mimetype` entry.
    OpenDocument,
    /// The older Office container (doc, xls, ppt, msg).
    OleCompound,
    /// Rich Text Format.
    Rtf,
    /// XML of any kind, edXML too.
    Xml,
    /// HTML.
    Html,
    /// PNG image.
    Png,
    /// JPEG image.
    Jpeg,
    /// GIF image.
    Gif,
    /// TIFF image.
    Tiff,
    /// 7-Zip, RAR or gzip archive.
    OtherArchive,
    /// A program: Windows, Linux, or a script with a shebang.
    Program,
    /// UTF-8 text without control characters.
    Text,
    /// None of these.
    Unknown,
}

impl FileKind {
    /// The media type to label it with.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pptx => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            Self::OpenDocument => "application/vnd.oasis.opendocument.text",
            Self::Rtf => "application/rtf",
            Self::Xml => "application/xml",
            Self::Html => "text/html",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
            Self::Text => "text/plain; charset=utf-8",
            Self::OleCompound => "application/x-ole-storage",
            Self::Empty | Self::OtherArchive | Self::Program | Self::Unknown => "application/octet-stream",
        }
    }
}

/// How far into a file its kind is looked for.
const WINDOW: usize = 4096;

/// The kind of a file.
pub fn sniff(file: &[u8]) -> FileKind {
    let head = file.get(..WINDOW).unwrap_or(file);
    let known: &[(&[u8], FileKind)] = &[
        (b"\x89PNG\r\n\x1a\n", FileKind::Png),
        (b"\xff\xd8\xff", FileKind::Jpeg),
        (b"GIF8", FileKind::Gif),
        (b"II*\0", FileKind::Tiff),
        (b"MM\0*", FileKind::Tiff),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::OleCompound),
        (b"{\\rtf", FileKind::Rtf),
        (b"7z\xbc\xaf\x27\x1c", FileKind::OtherArchive),
        (b"Rar!\x1a\x07", FileKind::OtherArchive),
        (b"\x1f\x8b", FileKind::OtherArchive),
        (b"MZ", FileKind::Program),
        (b"\x7fELF", FileKind::Program),
        (b"#!", FileKind::Program),
    ];
    if head.is_empty() {
        return FileKind::Empty;
    }
    if let Some((_, kind)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return *kind;
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return zip_kind(file);
    }
    // Readers of PDF look for the mark in the first 1,024 bytes (ISO 32000-1, annex H, note 13).
    let pdf_window = head.get(..1024).unwrap_or(head);
    if contains(pdf_window, b"%PDF-") {
        return FileKind::Pdf;
    }
    text_kind(head)
}

/// Office files name their parts; the names stand uncompressed in the local headers and in the directory at the end.
fn zip_kind(file: &[u8]) -> FileKind {
    let head = file.get(..WINDOW).unwrap_or(file);
    let tail = file.get(file.len().saturating_sub(16 * WINDOW)..).unwrap_or(file);
    let names = |name: &[u8]| contains(head, name) || contains(tail, name);
    match () {
        _ if contains(head.get(..64).unwrap_or(head), b"mimetypeapplication/") => FileKind::OpenDocument,
        _ if !names(b"[Content_Types].xml") => FileKind::Zip,
        _ if names(b"word/document") => FileKind::Docx,
        _ if names(b"xl/workbook") => FileKind::Xlsx,
        _ if names(b"ppt/presentation") => FileKind::Pptx,
        _ => FileKind::Zip,
    }
}

fn text_kind(head: &[u8]) -> FileKind {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The window may have cut a letter.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return FileKind::Unknown,
    };
    let start = text.trim_start_matches('\u{FEFF}').trim_start();
    let begins = |what: &str| start.get(..what.len()).is_some_and(|s| s.eq_ignore_ascii_case(what));
    match () {
        _ if begins("<!doctype html") || begins("<html") => FileKind::Html,
        _ if begins("<?xml") || begins("<edXML") => FileKind::Xml,
        _ if text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n' | '\x0c')) => {
            FileKind::Unknown
        }
        _ => FileKind::Text,
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e14_kinds_by_their_bytes() {
        let rows: &[(&[u8], FileKind)] = &[
            (b"", FileKind::Empty),
            (b"%PDF-1.7\n", FileKind::Pdf),
            (b"\xef\xbb\xbf\n%PDF-1.4", FileKind::Pdf),
            (b"PK\x05\x06", FileKind::Zip),
            (b"PK\x03\x04....[Content_Types].xml....word/document.xml", FileKind::Docx),
            (b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml", FileKind::Xlsx),
            (b"MZ\x90\0", FileKind::Program),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::OleCompound),
            (b"<?xml version=\"1.0\"?><edXML/>", FileKind::Xml),
            (b" <!DOCTYPE html>", FileKind::Html),
            ("Kính gửi: Sở Nội vụ".as_bytes(), FileKind::Text),
            (b"\xff\xfe\0\x01", FileKind::Unknown),
            (b"a\0b", FileKind::Unknown),
        ];
        for (bytes, kind) in rows {
            assert_eq!(sniff(bytes), *kind, "{bytes:?}");
        }
    }
}
