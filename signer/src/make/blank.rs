//! A small valid PDF from plain lines, for the demonstration and for tests.

use crate::pdf::escape_text;

/// Lines on the one page: A4 at 16 points, margins of 20 and 25 mm (RULES D22).
const LINES: usize = 44;

/// Letters of the standard fonts only: diacritics go, what has no Latin base becomes `?`. The font is not embedded,
/// so this is for showing that something is there, not for documents people keep.
pub(crate) fn plain(line: &str) -> String {
    let mut out = String::new();
    for letter in mail::text::nfc(line).chars() {
        if (' '..='~').contains(&letter) {
            out.push(letter);
            continue;
        }
        let mut buffer = [0u8; 4];
        for base in mail::text::fold(letter.encode_utf8(&mut buffer)).chars() {
            let base = if letter.is_uppercase() { base.to_ascii_uppercase() } else { base };
            out.push(if (' '..='~').contains(&base) { base } else { '?' });
        }
    }
    out.truncate(110);
    out
}

/// A one-page A4 PDF with a title in its information and lines of text; longer texts are cut at the page's end.
pub fn blank_pdf(title: &str, lines: &[&str]) -> Vec<u8> {
    let mut content = "BT /F 12 Tf 16 TL 85 770 Td ".to_owned();
    for line in lines.iter().take(LINES) {
        content.push_str(&format!("{} Tj T* ", String::from_utf8_lossy(&escape_text(&plain(line)))));
    }
    content.push_str("ET");
    let mut info = b"<</Producer(congvan)/Title ".to_vec();
    info.extend_from_slice(&escape_text(title));
    info.extend_from_slice(b">>");
    let bodies: [Vec<u8>; 6] = [
        b"<</Type/Catalog/Pages 2 0 R/Lang(vi-VN)>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>"
            .to_vec(),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()).into_bytes(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman/Encoding/WinAnsiEncoding>>".to_vec(),
        info,
    ];
    let mut out = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut table = "xref\n0 7\n0000000000 65535 f\r\n".to_owned();
    for (number, body) in (1..).zip(&bodies) {
        table.push_str(&format!("{:010} 00000 n\r\n", out.len()));
        out.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    }
    let id: String = certs::Fingerprint::of(&out).to_string().chars().take(32).collect();
    let start = out.len();
    out.extend_from_slice(table.as_bytes());
    let end =
        format!("trailer\n<</Size 7/Root 1 0 R/Info 6 0 R/ID[<{id}><{id}>]>>\nstartxref\n{start}\n%%EOF\n");
    out.extend_from_slice(end.as_bytes());
    out
}
