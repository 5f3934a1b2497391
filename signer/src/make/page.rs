//! A page as it is seen: its boxes, its rotation, its unit, inherited from the nodes above it (ISO 32000-1 §7.7.3.4), and
//! the way from there to the coordinates of its content.
//!
//! What must stay true: a mark laid out on the page as seen lies wholly on what is shown of it, upright.

use crate::message::{Code, Reason};
use crate::pdf::{Dict, Object, ObjectId, View};
use std::collections::HashSet;

/// Points in a millimetre.
pub(crate) const MM: f64 = 72.0 / 25.4;

/// Left, bottom, right, top.
pub(crate) type Rectangle = [f64; 4];

/// A4, for a page without a box: readers assume something, and this is what is printed on.
const A4: Rectangle = [0.0, 0.0, 595.276, 841.89];

/// A page as it is seen.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) id: ObjectId,
    /// What is shown of it, in the units of its content.
    shown: Rectangle,
    /// Clockwise, in quarter turns.
    turns: u8,
    /// Points in one unit of its content (`/UserUnit`).
    unit: f64,
}

/// What nodes of the page tree hand down.
#[derive(Clone, Default)]
struct Inherited {
    media: Option<Rectangle>,
    crop: Option<Rectangle>,
    rotate: i64,
}

/// The pages in order. Errors: the tree is damaged or larger than allowed.
pub(crate) fn pages(view: &View<'_>) -> Result<Vec<Page>, Reason> {
    let (_, catalog) = view.catalog()?;
    let mut stack = vec![(catalog.get(b"Pages").clone(), Inherited::default())];
    let mut visited = HashSet::new();
    let mut pages = Vec::new();
    while let Some((object, above)) = stack.pop() {
        let Some(id) = object.reference().filter(|id| visited.insert(id.number)) else { continue };
        if pages.len() >= view.file.limits.pages || visited.len() > view.file.limits.steps {
            return Err(Reason::of(Code::Budget, "pages"));
        }
        let node = view.resolve(&object)?;
        let Some(dict) = node.dict() else { continue };
        let here = above.below(view, dict)?;
        match dict.has(b"Kids") {
            true => {
                stack.extend(view.array_at(dict, b"Kids")?.into_iter().rev().map(|kid| (kid, here.clone())))
            }
            false => {
                let unit = view
                    .resolve(dict.get(b"UserUnit"))?
                    .number()
                    .filter(|unit| (0.001..=75_000.0).contains(unit));
                pages.push(here.page(id, unit.unwrap_or(1.0)));
            }
        }
    }
    Ok(pages)
}

/// A box with its corners in order; `None` when it is none or holds nothing.
pub(crate) fn rectangle(view: &View<'_>, dict: &Dict, key: &[u8]) -> Result<Option<Rectangle>, Reason> {
    let corners = view.array_at(dict, key)?;
    let numbers = corners.iter().map(|corner| Ok(view.resolve(corner)?.number()));
    let numbers: Vec<f64> = numbers.collect::<Result<Option<_>, Reason>>()?.unwrap_or_default();
    let [a, b, c, d] = numbers[..] else { return Ok(None) };
    let found = [a.min(c), b.min(d), a.max(c), b.max(d)];
    Ok(Some(found).filter(|r| r.iter().all(|n| n.is_finite()) && r[2] > r[0] && r[3] > r[1]))
}

impl Inherited {
    fn below(&self, view: &View<'_>, dict: &Dict) -> Result<Self, Reason> {
        Ok(Self {
            media: rectangle(view, dict, b"MediaBox")?.or(self.media),
            crop: rectangle(view, dict, b"CropBox")?.or(self.crop),
            rotate: match &*view.resolve(dict.get(b"Rotate"))? {
                Object::Int(degrees) => *degrees,
                _ => self.rotate,
            },
        })
    }

    fn page(&self, id: ObjectId, unit: f64) -> Page {
        let media = self.media.unwrap_or(A4);
        let crop = self.crop.unwrap_or(media);
        let both =
            [crop[0].max(media[0]), crop[1].max(media[1]), crop[2].min(media[2]), crop[3].min(media[3])];
        let shown = if both[2] > both[0] && both[3] > both[1] { both } else { media };
        let turns = u8::try_from(self.rotate.rem_euclid(360) / 90).unwrap_or(0);
        Page { id, shown, turns, unit }
    }
}

impl Page {
    /// Width and height as seen, in points.
    pub(crate) fn size(&self) -> (f64, f64) {
        let (width, height) = self.content_size();
        if self.turns.is_multiple_of(2) { (width, height) } else { (height, width) }
    }

    /// Width and height before turning, in points.
    fn content_size(&self) -> (f64, f64) {
        ((self.shown[2] - self.shown[0]) * self.unit, (self.shown[3] - self.shown[1]) * self.unit)
    }

    /// From the page as seen (points from its lower left corner) to the units of its content.
    pub(crate) fn to_content(&self, [left, bottom, right, top]: Rectangle) -> Rectangle {
        let (width, height) = self.content_size();
        let [a, b, c, d] = match self.turns {
            1 => [width - top, left, width - bottom, right],
            2 => [width - right, height - top, width - left, height - bottom],
            3 => [bottom, height - right, top, height - left],
            _ => [left, bottom, right, top],
        };
        let (x, y) = (self.shown[0], self.shown[1]);
        [a / self.unit + x, b / self.unit + y, c / self.unit + x, d / self.unit + y]
    }

    /// The way back.
    pub(crate) fn to_seen(&self, [left, bottom, right, top]: Rectangle) -> Rectangle {
        let (x, y) = (self.shown[0], self.shown[1]);
        let point = |n: f64, origin: f64| (n - origin) * self.unit;
        let [a, b, c, d] = [point(left, x), point(bottom, y), point(right, x), point(top, y)];
        let (width, height) = self.content_size();
        match self.turns {
            1 => [b, width - c, d, width - a],
            2 => [width - c, height - d, width - a, height - b],
            3 => [height - d, a, height - b, c],
            _ => [a, b, c, d],
        }
    }

    /// The matrix that turns a form so that it stands upright on the page as seen.
    pub(crate) fn upright(&self) -> &'static str {
        match self.turns {
            1 => "0 1 -1 0 0 0",
            2 => "-1 0 0 -1 0 0",
            3 => "0 -1 1 0 0 0",
            _ => "1 0 0 1 0 0",
        }
    }

    /// Moved, and made smaller in proportion only where it has to be, so that it lies on the page as seen.
    pub(crate) fn keep_on(&self, [left, bottom, right, top]: Rectangle) -> Rectangle {
        let (width, height) = self.size();
        let (wide, high) = (right - left, top - bottom);
        let scale = (width / wide).min(height / high).min(1.0);
        let (wide, high) = (wide * scale, high * scale);
        let left = left.min(width - wide).max(0.0);
        let bottom = bottom.min(height - high).max(0.0);
        [left, bottom, left + wide, bottom + high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rotate: i64, crop: Option<Rectangle>, unit: f64) -> Page {
        let inherited = Inherited { media: Some([0.0, 0.0, 600.0, 800.0]), crop, rotate };
        inherited.page(ObjectId { number: 1, generation: 0 }, unit)
    }

    #[test]
    fn a_corner_as_seen_is_a_corner_of_the_content() {
        // The lower left square as seen, on pages turned by quarters.
        for (rotate, size, expected) in [
            (0, (600.0, 800.0), [0.0, 0.0, 10.0, 20.0]),
            (90, (800.0, 600.0), [580.0, 0.0, 600.0, 10.0]),
            (180, (600.0, 800.0), [590.0, 780.0, 600.0, 800.0]),
            (270, (800.0, 600.0), [0.0, 790.0, 20.0, 800.0]),
            (-90, (800.0, 600.0), [0.0, 790.0, 20.0, 800.0]),
            (450, (800.0, 600.0), [580.0, 0.0, 600.0, 10.0]),
        ] {
            let page = page(rotate, None, 1.0);
            assert_eq!(page.size(), size, "{rotate}");
            let corner = [0.0, 0.0, 10.0, 20.0];
            assert_eq!(page.to_content(corner), expected, "{rotate}");
            assert_eq!(page.to_seen(expected), corner, "{rotate}");
        }
    }

    #[test]
    fn what_is_shown_is_where_both_boxes_are() {
        let cut = page(0, Some([100.0, 50.0, 900.0, 450.0]), 2.0);
        assert_eq!(cut.size(), (1000.0, 800.0));
        assert_eq!(cut.to_content([0.0, 0.0, 10.0, 10.0]), [100.0, 50.0, 105.0, 55.0]);
        let outside = page(0, Some([700.0, 900.0, 800.0, 950.0]), 1.0);
        assert_eq!(outside.size(), (600.0, 800.0));
    }

    #[test]
    fn a_mark_stays_on_the_page() {
        let page = page(0, None, 1.0);
        assert_eq!(page.keep_on([-50.0, 790.0, 50.0, 890.0]), [0.0, 700.0, 100.0, 800.0]);
        assert_eq!(page.keep_on([500.0, 10.0, 700.0, 20.0]), [400.0, 10.0, 600.0, 20.0]);
        assert_eq!(page.keep_on([0.0, 0.0, 1200.0, 400.0]), [0.0, 0.0, 600.0, 200.0]);
    }
}
