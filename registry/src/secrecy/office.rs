//! The text of Office files (ECMA-376 WordprocessingML, ODF): enough of it to find a stamp, and no more.

use super::{Detector, Hit, in_line};
use crate::Limits;
use crate::package::archive;

/// Bytes of the document's XML that are looked at; a first page has a few kilobytes, its styles some more.
const XML_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lines looked at from the beginning: number, notation, place and stamp stand in the first ten. Further below a lone word is a word: a
/// table has a column "Mật".
const HEAD_LINES: usize = 25;

/// (c) A stamp in the head of a text document (`.docx`, `.odt`).
pub fn in_office(file: &[u8], limits: &Limits) -> Option<Hit> {
    let entries = archive::entries(file.into(), limits).ok()?;
    let is_text = |name: &[u8]| name == b"word/document.xml" || name == b"content.xml";
    let entry = entries.iter().find(|entry| is_text(entry.name))?;
    let xml = archive::unpack(file, entry, XML_BYTES_MAX).ok()?;
    let degree = lines(&String::from_utf8_lossy(&xml)).take(HEAD_LINES).find_map(|line| in_line(&line))?;
    Some(Hit { detector: Detector::Stamp, degree })
}

/// The paragraphs of the XML that hold letters: what stands between tags, ended by the tag that ends a paragraph.
fn lines(xml: &str) -> impl Iterator<Item = String> {
    let mut pieces = xml.split('<').skip(1);
    let mut line = String::new();
    std::iter::from_fn(move || {
        for piece in pieces.by_ref() {
            let (tag, text) = piece.split_once('>').unwrap_or((piece, ""));
            let ends = ["/w:p", "/text:p", "/text:h"].contains(&tag) || tag.starts_with("w:br");
            if ends && !line.trim().is_empty() {
                return Some(std::mem::take(&mut line));
            }
            // A line is short; of a longer one the beginning is enough to see that it is no stamp.
            if line.len() < 1_000 {
                line.push_str(text);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::attachment::tests::zip_of;

    fn docx(paragraphs: &[&str]) -> Vec<u8> {
        let paragraph = |text: &&str| {
            // Word splits a word over runs as it likes.
            let (one, two) = text.split_at(text.char_indices().nth(1).map_or(0, |(at, _)| at));
            format!(
                "<w:p><w:r><w:t>{one}</w:t></w:r><w:r><w:t xml:space=\"preserve\">{two}</w:t></w:r></w:p>"
            )
        };
        let body: String = paragraphs.iter().map(paragraph).collect();
        let xml = format!("<?xml version=\"1.0\"?><w:document><w:body>{body}</w:body></w:document>");
        zip_of(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", xml.as_bytes())])
    }

    #[test]
    fn r9_a_stamp_in_the_head_of_a_text_document() {
        let limits = Limits::default();
        let rows: &[(&[&str], bool)] = &[
            (&["UBND TỈNH A", "MẬT", "Số: 05/BC-UBND"], true),
            (&["UBND TỈNH A", "TUYỆT MẬT"], true),
            (&["UBND TỈNH A", "Số: 05/BC-UBND", "Quy chế bảo mật"], false),
            (&["MẬT KHẨU", "BÍ MẬT KINH DOANH"], false),
            (&[], false),
        ];
        for (paragraphs, is_hit) in rows {
            assert_eq!(in_office(&docx(paragraphs), &limits).is_some(), *is_hit, "{paragraphs:?}");
        }
        let mut below = vec!["dòng"; HEAD_LINES];
        below.push("Mật");
        assert_eq!(in_office(&docx(&below), &limits), None);
        let odt = zip_of(&[("content.xml", "<office:text><text:p>MẬT</text:p></office:text>".as_bytes())]);
        assert!(in_office(&odt, &limits).is_some());
        assert_eq!(in_office(b"PK\x03\x04 no archive", &limits), None);
    }
}
