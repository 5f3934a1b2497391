//! Whether a later signature's picture lies over text of the page it is put on (the "sneaky signature" of Rohlmann et
//! al., S&P 2021). A seal beside a name is the law's own practice, so this is a remark; the reader looks himself.
//!
//! How wide a glyph is is estimated: the question is whether something is under the picture, not what it looks like.

use super::content::{self, Eye, OPERATORS, Shown};
use super::document::View;
use super::object::Object;
use super::parse::Parser;
use crate::message::Reason;

/// Left, bottom, right, top, in the page's user space.
pub(crate) type Box4 = [f64; 4];

/// Whether text of the page, as it is in this view, lies under the box. What cannot be read has no text.
pub(crate) fn covers_text(view: &View<'_>, page: u32, over: Box4) -> Result<bool, Reason> {
    let [left, bottom, right, top] = over;
    if left == right || bottom == top {
        return Ok(false);
    }
    content::follow(view, page, &mut Under { over })
}

/// Whether a field's look says anything: text, a picture, a shading. A frame and a background say nothing.
pub(crate) fn says_something(content: &[u8]) -> bool {
    let (mut parser, mut shown) = (Parser::new(content, 0, 16), false);
    for _ in 0..OPERATORS {
        parser.skip_space();
        if let Ok(operand) = parser.object() {
            shown |= letters(&operand) > 0;
            continue;
        }
        match parser.operator() {
            b"" => return false,
            b"Tj" | b"TJ" | b"'" | b"\"" if shown => return true,
            b"Do" | b"sh" | b"BI" => return true,
            _ => shown = false,
        }
    }
    true
}

/// Bytes of text that are not blank, also inside an array.
fn letters(object: &Object) -> usize {
    match object {
        Object::Text(text) if !text.bytes.iter().all(|b| *b == b' ') => text.bytes.len(),
        Object::Array(items) => items.iter().map(letters).sum(),
        _ => 0,
    }
}

/// Looks for text under a box.
struct Under {
    over: Box4,
}

impl Eye for Under {
    fn see(&mut self, shown: &Shown<'_>) -> Option<f64> {
        let letters: usize = shown.operands.iter().map(letters).sum();
        if letters == 0 {
            return Some(0.0);
        }
        let width = letters as f64 * shown.size * 0.5;
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, shown.size * 0.7), (width, shown.size * 0.7)];
        let placed = corners.map(|(x, y)| content::place(shown.to_page, x, y));
        let span = |pick: fn(&(f64, f64)) -> f64| {
            let all = placed.iter().map(pick);
            (all.clone().fold(f64::INFINITY, f64::min), all.fold(f64::NEG_INFINITY, f64::max))
        };
        let ((left, right), (bottom, top)) = (span(|p| p.0), span(|p| p.1));
        let [from_x, from_y, to_x, to_y] = self.over;
        let is_under = left < from_x.max(to_x)
            && right > from_x.min(to_x)
            && bottom < from_y.max(to_y)
            && top > from_y.min(to_y);
        (!is_under).then_some(width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::pdf::File;

    /// A page of this content, with a form `X` that shows a word at (10, 10) of its own, doubled in size.
    fn page(content: &str) -> Vec<u8> {
        let form = "BT /F 10 Tf 10 10 Td (chu) Tj ET";
        let bodies = [
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1/Resources<</XObject<</X 5 0 R>>>>>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/Contents[4 0 R]>>".to_owned(),
            format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
            format!(
                "<</Type/XObject/Subtype/Form/Matrix[2 0 0 2 0 0]/Length {}>>\nstream\n{form}\nendstream",
                form.len()
            ),
        ];
        let (mut out, mut table) = (b"%PDF-1.7\n".to_vec(), "xref\n0 6\n0000000000 65535 f \n".to_owned());
        for (index, body) in bodies.iter().enumerate() {
            table.push_str(&format!("{:010} 00000 n \n", out.len()));
            out.extend_from_slice(format!("{} 0 obj\n{body}\nendobj\n", index + 1).as_bytes());
        }
        let at = out.len();
        out.extend_from_slice(
            format!("{table}trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n").as_bytes(),
        );
        out
    }

    #[test]
    fn a_frame_says_nothing() {
        let rows: [(&[u8], bool); 7] = [
            (b"", false),
            (b"/Tx BMC EMC", false),
            (b"q 1 1 1 rg 0 0 100 20 re f 0 0 100 20 re S Q", false),
            (b"/Tx BMC BT /F 10 Tf (  ) Tj ET EMC", false),
            (b"/Tx BMC BT /F 10 Tf (05) Tj ET EMC", true),
            (b"BT [<00>-20<01>] TJ ET", true),
            (b"/Im0 Do", true),
        ];
        for (look, says) in rows {
            assert_eq!(says_something(look), says, "{}", String::from_utf8_lossy(look));
        }
    }

    #[test]
    fn iso_32000_9_4_where_text_stands() {
        let word = "BT /F 10 Tf 100 700 Td (chu ky) Tj ET";
        let rows = [
            (word, [90.0, 690.0, 200.0, 720.0], true),
            (word, [200.0, 720.0, 90.0, 690.0], true),
            (word, [90.0, 600.0, 200.0, 690.0], false),
            (word, [300.0, 690.0, 400.0, 720.0], false),
            (word, [110.0, 701.0, 110.0, 701.0], false),
            ("q 1 0 0 1 0 -500 cm BT /F 10 Tf 100 700 Td (chu) Tj ET Q", [90.0, 190.0, 200.0, 210.0], true),
            ("q 1 0 0 1 0 -500 cm Q BT /F 10 Tf 100 700 Td (chu) Tj ET", [90.0, 190.0, 200.0, 210.0], false),
            ("BT /F 1 Tf 12 0 0 12 100 700 Tm [(ch)-20(u)] TJ ET", [90.0, 690.0, 200.0, 720.0], true),
            ("BT /F 10 Tf 20 TL 100 700 Td (a) Tj T* (b) ' (c) ' ET", [90.0, 635.0, 200.0, 650.0], true),
            ("BT /F 10 Tf 100 700 Td (   ) Tj ET", [90.0, 690.0, 200.0, 720.0], false),
            ("/X Do", [15.0, 15.0, 60.0, 40.0], true),
            ("/X Do", [100.0, 100.0, 160.0, 140.0], false),
            ("BI /W 1 ID )( EIx EI BT /F 10 Tf 100 700 Td (chu) Tj ET", [90.0, 690.0, 200.0, 720.0], true),
            ("BT (", [0.0, 0.0, 600.0, 800.0], false),
            (") > ] } BT (x) Tj", [-9.0, -9.0, 9.0, 9.0], true),
        ];
        for (content, over, expected) in rows {
            let bytes = page(content);
            let file = File::open(&bytes, &Limits::default()).unwrap();
            let view = View::last(&file).unwrap();
            assert_eq!(covers_text(&view, 3, over), Ok(expected), "{content} {over:?}");
        }
    }
}
