//! What a signature shows, exactly as NĐ 30/2020 wants it (RULES D13–D19): the leader's handwriting in its box, the red
//! seal over a third of it, or a line of text in the top right corner of the first page.

use super::font::Typesetter;
use super::page::{MM, Page, Rectangle};
use super::picture::Picture;
use crate::message::{Code, Reason};
use crate::pdf::{ObjectId, PendingUpdate as Update};
use mail::Timestamp;

/// Where a signature shows, and what it shows there.
#[derive(Clone, Debug, PartialEq)]
pub struct Appearance {
    /// The page. An empty field that is filled, and a seal over a signature, bring their own.
    pub page: PageChoice,
    /// Where on it.
    pub place: Place,
    /// What.
    pub mark: Mark,
}

/// A page of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PageChoice {
    /// The first: text in its corner (RULES D15, D17).
    First,
    /// The last: where a document is signed (box 7c).
    #[default]
    Last,
    /// A number, from 1.
    Number(usize),
}

/// A place on a page as it is seen: upright, cropped.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// Where box 7c (the signature, between title and full name) usually is: to the right, at the foot of the text.
    Box7c,
    /// Centred in a box: left, bottom, width and height in millimetres from the page's lower left corner.
    Millimetres([f64; 4]),
    /// The same in points.
    Points([f64; 4]),
    /// Over the left third of the signature in the field of this name (RULES D14). Where that is not to be seen, over
    /// the left third of box 7c.
    OverSignature(Option<String>),
    /// Top right (RULES D15, D17).
    TopRight,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A handwritten signature, as large as fits (RULES D13).
    Signature(Picture),
    /// A seal of so many millimetres across, its real size (RULES D14).
    Seal {
        /// The picture.
        picture: Picture,
        /// Millimetres across; usually 36.
        diameter: f64,
    },
    /// A picture with lines of text beside it: what TT 01/2019 asked for, and NĐ 30/2020 does not (RULES D19). Made only
    /// where an agency insists.
    Captioned {
        /// The picture and its size, as above.
        mark: Box<Mark>,
        /// The lines.
        lines: Vec<String>,
    },
    /// A line of text, no picture (RULES D15, D17).
    Text(String),
}

/// The size of text on a page (RULES D15, D17).
const SIZE: f64 = 10.0;
/// From one line to the next.
const LEADING: f64 = 12.0;
/// The size of a caption.
const CAPTION: f64 = 7.0;
/// Usual diameter of an agency's seal in millimetres (RULES D20).
pub const SEAL_MM: f64 = 36.0;
/// Width and height of box 7c in millimetres: what a title and a full name have between them.
const BOX_7C: (f64, f64) = (50.0, 25.0);
/// The smallest right margin (RULES D22), in millimetres.
const MARGIN_RIGHT: f64 = 15.0;
/// From the upper edge to the text in the corner, in millimetres: inside the upper margin, where nothing else stands.
const CORNER_TOP: f64 = 8.0;
/// The share of the signature's width a seal covers (RULES D14).
const COVERED: f64 = 1.0 / 3.0;

/// What an agency's signature says on an attachment in a file of its own (RULES D15, D18).
pub fn attachment_text(number: &str, time: Timestamp) -> String {
    format!("Số: {}; {}", number.trim(), clock(time, '/', "; "))
}

/// A kind of copy (RULES D17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// "Sao y": the whole, as it is.
    True,
    /// "Sao lục": a copy of a copy.
    Again,
    /// "Trích sao": an extract.
    Extract,
}

/// What an agency's signature says on an electronic copy of paper (RULES D17, D18).
pub fn copy_text(kind: Copy, agency: &str, time: Timestamp) -> String {
    let word = match kind {
        Copy::True => "SAO Y",
        Copy::Again => "SAO LỤC",
        Copy::Extract => "TRÍCH SAO",
    };
    format!("{word}; {}; {}", agency.trim(), clock(time, '/', "; "))
}

/// The two lines TT 01/2019 had beside a picture (RULES D19).
pub fn old_caption(agency: &str, time: Timestamp) -> Vec<String> {
    vec![agency.trim().to_owned(), clock(time, '-', " ")]
}

/// `13/02/2025; 09:15:42 +07:00`, as a clock in Hà Nội shows it.
fn clock(time: Timestamp, between: char, after_date: &str) -> String {
    let t = time.to_vietnam();
    let (day, month, year) = (t.day(), u8::from(t.month()), t.year());
    let (hour, minute, second) = (t.hour(), t.minute(), t.second());
    format!(
        "{day:02}{between}{month:02}{between}{year:04}{after_date}{hour:02}:{minute:02}:{second:02} +07:00"
    )
}

/// Another signature's place, as seen.
pub(super) type Under = Option<Rectangle>;

impl Appearance {
    /// The page as an index. Errors: there is no such page.
    pub(super) fn page_index(&self, count: usize) -> Result<usize, Reason> {
        let index = match self.page {
            PageChoice::First => Some(0),
            PageChoice::Last => count.checked_sub(1),
            PageChoice::Number(number) => number.checked_sub(1),
        };
        index.filter(|index| *index < count).ok_or(Reason::of(Code::MakePage, format_args!("{count} pages")))
    }

    /// Where on the page as seen the mark goes.
    pub(super) fn lay_out(&self, page: &Page, under: Under) -> Result<Rectangle, Reason> {
        let (width, height) = page.size();
        let seven = box_7c(width);
        let area = match &self.place {
            Place::Box7c => seven,
            Place::Millimetres(given) => sized(given.map(|n| n * MM))?,
            Place::Points(given) => sized(*given)?,
            Place::OverSignature(_) => under.unwrap_or(seven),
            Place::TopRight => [0.0, 0.0, width - MARGIN_RIGHT * MM, height - CORNER_TOP * MM],
        };
        let (wide, high) = self.mark.extent(area)?;
        let place = match &self.place {
            Place::OverSignature(_) => {
                // A caption stands to the left, where nothing is covered.
                over_a_third(area, wide, high)
            }
            Place::TopRight => [area[2] - wide, area[3] - high, area[2], area[3]],
            _ => centred(area, wide, high),
        };
        Ok(page.keep_on(place))
    }
}

/// The usual place of box 7c on a page of this width: its right half up to the margin, above the line of the full name.
fn box_7c(width: f64) -> Rectangle {
    let (wide, high) = (BOX_7C.0 * MM, BOX_7C.1 * MM);
    let middle = f64::midpoint(width / 2.0, width - MARGIN_RIGHT * MM);
    let bottom = 35.0 * MM;
    [middle - wide / 2.0, bottom, middle + wide / 2.0, bottom + high]
}

fn sized([left, bottom, width, height]: [f64; 4]) -> Result<Rectangle, Reason> {
    let good = [left, bottom, width, height].iter().all(|n| n.is_finite() && n.abs() < 100_000.0);
    match good && width > 0.0 && height > 0.0 {
        true => Ok([left, bottom, left + width, bottom + height]),
        false => Err(Reason::of(Code::MakePage, "rectangle")),
    }
}

/// The rectangle of this size that covers the left third of an area, level with it.
pub(super) fn over_a_third([left, bottom, right, top]: Rectangle, wide: f64, high: f64) -> Rectangle {
    let (edge, middle) = (left + (right - left) * COVERED, f64::midpoint(bottom, top));
    [edge - wide, middle - high / 2.0, edge, middle + high / 2.0]
}

fn centred([left, bottom, right, top]: Rectangle, wide: f64, high: f64) -> Rectangle {
    let (x, y) = (f64::midpoint(left, right), f64::midpoint(bottom, top));
    [x - wide / 2.0, y - high / 2.0, x + wide / 2.0, y + high / 2.0]
}

impl Mark {
    /// Width and height of the whole mark in an area.
    fn extent(&self, area: Rectangle) -> Result<(f64, f64), Reason> {
        let (wide, high) = (area[2] - area[0], area[3] - area[1]);
        Ok(match self {
            Self::Signature(picture) => {
                let width = wide.min(high * picture.ratio());
                (width, width / picture.ratio())
            }
            Self::Seal { picture, diameter } => {
                let across = diameter.clamp(1.0, 100.0) * MM;
                (across * picture.ratio().min(1.0), across / picture.ratio().max(1.0))
            }
            Self::Captioned { mark, lines } => {
                let (width, height) = mark.extent(area)?;
                let caption = caption_size(lines)?;
                (width + caption.0, height.max(caption.1))
            }
            Self::Text(text) => {
                let setter = Typesetter::new()?;
                let lines = setter.wrap(text, SIZE, wide - MARGIN_RIGHT * 2.0 * MM)?;
                let mut widest = 0f64;
                for line in &lines {
                    widest = widest.max(setter.width(line, SIZE)?);
                }
                (widest + 2.0, LEADING * lines.len().max(1) as f64)
            }
        })
    }
}

/// Width and height of a caption, with its distance from the picture.
fn caption_size(lines: &[String]) -> Result<(f64, f64), Reason> {
    let setter = Typesetter::new()?;
    let mut widest = 0f64;
    for line in lines {
        widest = widest.max(setter.width(line, CAPTION)?);
    }
    Ok((widest + 4.0, CAPTION * 1.2 * lines.len() as f64))
}

/// Draws the mark as a form of this size.
pub(super) fn draw(
    mark: &Mark,
    (wide, high): (f64, f64),
    upright: &str,
    update: &mut Update<'_, '_>,
) -> Result<ObjectId, Reason> {
    let mut setter = Typesetter::new()?;
    let mut content = String::new();
    let (mut image, mut has_text) = (None, false);
    match mark {
        Mark::Text(text) => {
            has_text = true;
            let lines = setter.wrap(text, SIZE, wide + 0.01)?;
            for (index, line) in lines.iter().enumerate() {
                let x = wide - 1.0 - setter.width(line, SIZE)?;
                let y = high - LEADING * index as f64 - SIZE * 0.9;
                content.push_str(&set(&mut setter, line, SIZE, x, y)?);
            }
        }
        Mark::Captioned { mark, lines } => {
            has_text = true;
            let (caption, height) = caption_size(lines)?;
            for (index, line) in lines.iter().enumerate() {
                let y = f64::midpoint(high, height) - CAPTION * 1.2 * index as f64 - CAPTION;
                content.push_str(&set(&mut setter, line, CAPTION, 0.0, y)?);
            }
            image = mark.picture();
            content.push_str(&mark.fit([caption, 0.0, wide, high])?);
        }
        _ => {
            image = mark.picture();
            content.push_str(&mark.fit([0.0, 0.0, wide, high])?);
        }
    }
    let mut resources = String::new();
    if let Some(picture) = image {
        resources.push_str(&format!("/XObject<</I {} R>>", picture.embed(update)));
    }
    if has_text {
        resources.push_str(&format!("/Font<</F {} R>>", setter.embed(update)));
    }
    let form = update.allocate();
    let entries = format!(
        "/Type/XObject/Subtype/Form/BBox[0 0 {wide:.3} {high:.3}]/Matrix[{upright}]/Resources<<{resources}>>"
    );
    update.put_stream(form, &entries, content.as_bytes());
    Ok(form)
}

/// A line of black text at a place.
pub(super) fn set(setter: &mut Typesetter, line: &str, size: f64, x: f64, y: f64) -> Result<String, Reason> {
    Ok(format!("BT 0 g /F {size} Tf {x:.3} {y:.3} Td {} Tj ET\n", setter.show(line)?))
}

impl Mark {
    /// The picture in the middle of an area: handwriting as large as fits, a seal no larger than it is.
    fn fit(&self, area: Rectangle) -> Result<String, Reason> {
        if self.picture().is_none() {
            return Ok(String::new());
        }
        let (wide, high) = self.extent(area)?;
        let scale = ((area[2] - area[0]) / wide).min((area[3] - area[1]) / high).min(1.0);
        let [left, bottom, right, top] = centred(area, wide * scale, high * scale);
        let (wide, high) = (right - left, top - bottom);
        Ok(format!("q {wide:.3} 0 0 {high:.3} {left:.3} {bottom:.3} cm /I Do Q\n"))
    }

    /// Whether the mark, at the size it has to have, fits into a field of this width and height (points).
    pub(super) fn fits(&self, (wide, high): (f64, f64)) -> Result<bool, Reason> {
        let (own_wide, own_high) = self.extent([0.0, 0.0, wide, high])?;
        Ok(own_wide <= wide + 0.5 && own_high <= high + 0.5)
    }

    fn picture(&self) -> Option<&Picture> {
        match self {
            Self::Signature(picture) | Self::Seal { picture, .. } => Some(picture),
            Self::Captioned { mark, .. } => mark.picture(),
            Self::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d15_d17_d18_d19_the_words_and_the_clock() {
        let time = Timestamp::parse_rfc3339("2025-02-13T02:15:42Z").unwrap();
        assert_eq!(attachment_text(" 05/QĐ-BNV ", time), "Số: 05/QĐ-BNV; 13/02/2025; 09:15:42 +07:00");
        let rows = [
            (Copy::True, "SAO Y; Bộ Nội vụ; 13/02/2025; 09:15:42 +07:00"),
            (Copy::Again, "SAO LỤC; Bộ Nội vụ; 13/02/2025; 09:15:42 +07:00"),
            (Copy::Extract, "TRÍCH SAO; Bộ Nội vụ; 13/02/2025; 09:15:42 +07:00"),
        ];
        for (kind, expected) in rows {
            assert_eq!(copy_text(kind, "Bộ Nội vụ", time), expected);
        }
        assert_eq!(old_caption("Bộ Nội vụ", time), ["Bộ Nội vụ", "13-02-2025 09:15:42 +07:00"]);
    }
}
