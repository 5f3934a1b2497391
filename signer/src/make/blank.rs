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
    blank_pages(title, &[lines])
}

/// The same with so many pages, each with its lines.
pub fn blank_pages(title: &str, pages: &[&[&str]]) -> Vec<u8> {
    let mut info = b"<</Producer(congvan)/Title ".to_vec();
    info.extend_from_slice(&escape_text(title));
    info.extend_from_slice(b">>");
    // The first page is 3 and 4; 5 and 6 are what all share; the others follow.
    let number_of = |page: usize| if page == 0 { 3 } else { 5 + 2 * page };
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", number_of(page))).collect();
    let mut bodies: Vec<Vec<u8>> = vec![
        b"<</Type/Catalog/Pages 2 0 R/Lang(vi-VN)>>".to_vec(),
        format!("<</Type/Pages/Kids[{}]/Count {}>>", kids.join(" "), pages.len()).into_bytes(),
    ];
    for (page, lines) in pages.iter().enumerate() {
        bodies.extend(page_of(number_of(page), lines));
        if page == 0 {
            let font = b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman/Encoding/WinAnsiEncoding>>";
            bodies.extend([font.to_vec(), info.clone()]);
        }
    }
    let count = bodies.len() + 1;
    let mut out = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut table = format!("xref\n0 {count}\n0000000000 65535 f\r\n");
    for (number, body) in (1..).zip(&bodies) {
        table.push_str(&format!("{:010} 00000 n\r\n", out.len()));
        out.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    }
    let id: String = certs::Fingerprint::of(&out).to_string().chars().take(32).collect();
    let start = out.len();
    out.extend_from_slice(table.as_bytes());
    let end = format!(
        "trailer\n<</Size {count}/Root 1 0 R/Info 6 0 R/ID[<{id}><{id}>]>>\nstartxref\n{start}\n%%EOF\n"
    );
    out.extend_from_slice(end.as_bytes());
    out
}

/// A page with a number, and what it shows, which has the next one.
fn page_of(number: usize, lines: &[&str]) -> [Vec<u8>; 2] {
    let mut content = "BT /F 12 Tf 16 TL 85 770 Td ".to_owned();
    for line in lines.iter().take(LINES) {
        content.push_str(&format!("{} Tj T* ", String::from_utf8_lossy(&escape_text(&plain(line)))));
    }
    content.push_str("ET");
    let shows = number + 1;
    [
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>/Contents {shows} 0 R>>"
        )
        .into_bytes(),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()).into_bytes(),
    ]
}
