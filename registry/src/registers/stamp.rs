//! The "ĐẾN" stamp of 50 × 35 mm (NĐ 30/2020 PL IV.V, RULES R78): a picture to print beside or onto a paper copy. It is never
//! written into a signed file.

use std::fmt::Write;

use store::Line;

use super::{Entry, shown_day};
use crate::numbering::number_text;

/// Characters of small print that fit between the stamp's edges.
const NAME_CHARS: usize = 26;

/// The stamp of a line of the incoming book, as SVG in millimetres.
pub fn stamp(agency_name: &str, line: &Line) -> String {
    let entry = Entry::of(line);
    let number = line.number.map(number_text).unwrap_or_default();
    let rows = [
        (20.0, 15.5, "Số:", number.as_str()),
        (20.0, 21.0, "Ngày:", &shown_day(&line.on_day)),
        (2.0, 27.0, "Chuyển:", entry.handler.as_str()),
        (2.0, 32.5, "Số và ký hiệu HS:", ""),
    ];
    let mut svg = String::from(concat!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="50mm" height="35mm" viewBox="0 0 50 35" "#,
        r#"font-family="Times New Roman, Liberation Serif, serif" font-size="3.2">"#,
        r#"<rect x="0.25" y="0.25" width="49.5" height="34.5" fill="none" stroke="black" stroke-width="0.5"/>"#,
        r#"<path d="M0 9.5H50M0 23H50M0 28.5H50M18 9.5V23" stroke="black" stroke-width="0.25"/>"#,
        r#"<text x="9" y="18" text-anchor="middle" font-size="5.5" font-weight="bold">ĐẾN</text>"#,
    ));
    text(&mut svg, 25.0, 6.0, &agency_name.to_uppercase(), NAME_CHARS, true);
    for (x, y, label, value) in rows {
        let room = if x > 10.0 { 16 } else { NAME_CHARS };
        text(&mut svg, x, y, format!("{label} {value}").trim_end(), room, false);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A text that is squeezed when it is longer than its place.
fn text(svg: &mut String, x: f32, y: f32, content: &str, chars_max: usize, centred: bool) {
    let anchor = if centred { r#" text-anchor="middle" font-weight="bold""# } else { "" };
    let squeezed = content.chars().count() > chars_max;
    let width = if x > 15.0 && !centred { 28.0 } else { 46.0 };
    let fit = match squeezed {
        true => format!(r#" textLength="{width}" lengthAdjust="spacingAndGlyphs""#),
        false => String::new(),
    };
    // Writing to a String cannot fail.
    let _ = write!(svg, r#"<text x="{x}" y="{y}"{anchor}{fit}>{}</text>"#, escaped(content));
}

fn escaped(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use mail::{AgencyId, Timestamp};
    use store::LineState;

    use super::*;

    #[test]
    fn r78_the_stamp_says_who_when_and_which_number() {
        let line = Line {
            agency_id: AgencyId::from_bytes([1; 16]),
            book: "incoming".to_owned(),
            year: 2026,
            line_no: 7,
            number: Some(7),
            code: "05/QĐ-BNV".to_owned(),
            state: LineState::Used,
            on_day: "2026-11-22".to_owned(),
            document_id: None,
            identifier: String::new(),
            facts: r#"{"handler":"Phòng <Tổng hợp> & Nội chính"}"#.to_owned(),
            answered_by: String::new(),
            reason: String::new(),
            taken_at: Timestamp::from_secs(0),
            taken_by: String::new(),
            ended_at: None,
            ended_by: String::new(),
            progress: None,
        };
        let svg = stamp("Sở Nội vụ tỉnh Mẫu, cơ quan có tên rất dài", &line);
        assert!(svg.contains(r#"width="50mm" height="35mm""#));
        for part in [
            ">ĐẾN<",
            ">Số: 07<",
            ">Ngày: 22/11/2026<",
            "Phòng &lt;Tổng hợp&gt; &amp; Nội chính<",
            ">Số và ký hiệu HS:<",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        // Well-formed, whatever a name holds.
        let mut reader = quick_xml::Reader::from_str(&svg);
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Eof => break,
                _ => continue,
            }
        }
    }
}
