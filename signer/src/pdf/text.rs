//! The lines of a file's pages, as a person finds them there: for whoever looks for a stamp on the first (RULES R9 c), and for whoever
//! searches in all.
//!
//! A line ends where the text moves away: to another height, or further along than a blank is wide. Codes become letters by the
//! font's own `ToUnicode`, else by its encoding; fonts of the old Vietnamese standard TCVN 5712 (`.VnTime` and its kin) by that
//! one. Where a font does not say how wide its glyphs are, that is estimated. A picture of text has no text.

mod font;

use std::collections::HashMap;
use std::rc::Rc;

use super::content::{self, Eye, Shown};
use super::document::{File, View};
use super::object::{Dict, Object};
use crate::limits::Limits;
use crate::message::Reason;
use font::Font;

/// Lines of one page. A page of small print has a hundred; of loose words a thousand.
const LINES_MAX: usize = 2_000;
/// Letters of one page.
const LETTERS_MAX: usize = 100_000;
/// Fonts of one page.
const FONTS_MAX: usize = 64;

/// A line of text on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// Where it begins: from 0 at the page's left edge to 1 at its right one.
    pub from_left: f64,
    /// Its height: from 0 at the page's upper edge to 1 at its lower one.
    pub from_top: f64,
}

/// The lines of the first page, in the order in which they are drawn. Turned pages are taken as they are stored.
///
/// # Errors
/// Why the file cannot be read as a PDF.
pub fn first_page(bytes: &[u8], limits: &Limits) -> Result<Vec<Line>, Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let (_, catalog) = view.catalog()?;
    match first_leaf(&view, &catalog)? {
        Some((number, page)) => lines_of(&view, number, &page),
        None => Ok(Vec::new()),
    }
}

/// Shows the lines of each page, one page at a time, until `see` has seen enough and answers `false`, or so many were shown. A page that
/// cannot be read has none.
///
/// # Errors
/// Why the file cannot be read as a PDF.
pub fn each_page(
    bytes: &[u8],
    limits: &Limits,
    pages_max: usize,
    mut see: impl FnMut(Vec<Line>) -> bool,
) -> Result<(), Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let (_, catalog) = view.catalog()?;
    for (number, page) in leaves(&view, &catalog, pages_max)? {
        if !see(lines_of(&view, number, &page).unwrap_or_default()) {
            break;
        }
    }
    Ok(())
}

fn lines_of(view: &View<'_>, number: u32, page: &Dict) -> Result<Vec<Line>, Reason> {
    let mut eye = Lines::new(view);
    content::follow(view, number, &mut eye)?;
    eye.close();
    let [left, bottom, right, top] = paper(view, page)?;
    let (width, height) = (right - left, top - bottom);
    let line = |piece: Piece| Line {
        text: piece.text,
        from_left: (piece.x - left) / width,
        from_top: (top - piece.y) / height,
    };
    Ok(eye.found.into_iter().map(line).collect())
}

/// The text of a file: its pages one after the other, a line each. Stops after so many pages or bytes of text, or when `go_on`
/// says so before a page; what was read until then is answered. A page that cannot be read has no text.
///
/// # Errors
/// Why the file cannot be read as a PDF.
pub fn text(
    bytes: &[u8],
    limits: &Limits,
    pages_max: usize,
    bytes_max: usize,
    go_on: impl Fn() -> bool,
) -> Result<String, Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let (_, catalog) = view.catalog()?;
    let mut text = String::new();
    for (number, _) in leaves(&view, &catalog, pages_max)? {
        if !go_on() || text.len() >= bytes_max {
            break;
        }
        let mut eye = Lines::new(&view);
        if content::follow(&view, number, &mut eye).is_ok() {
            eye.close();
            for piece in eye.found {
                text.push_str(&piece.text);
                text.push('\n');
            }
        }
    }
    Ok(text)
}

/// The pages, in their order. A tree that leads back into itself ends with the budget.
fn leaves(view: &View<'_>, catalog: &Dict, pages_max: usize) -> Result<Vec<(u32, Dict)>, Reason> {
    let mut waiting = vec![catalog.get(b"Pages").clone()];
    let (mut found, mut left) = (Vec::new(), pages_max.saturating_mul(2));
    while let Some(at) = waiting.pop() {
        if found.len() >= pages_max || left == 0 {
            break;
        }
        left -= 1;
        let Some(id) = at.reference() else { continue };
        let node = view.resolve(&at)?;
        let Some(dict) = node.dict() else { continue };
        match dict.has(b"Kids") {
            true => waiting.extend(view.array_at(dict, b"Kids")?.into_iter().take(pages_max).rev()),
            false => found.push((id.number, dict.clone())),
        }
    }
    Ok(found)
}

fn first_leaf(view: &View<'_>, catalog: &Dict) -> Result<Option<(u32, Dict)>, Reason> {
    let mut at = catalog.get(b"Pages").clone();
    for _ in 0..view.file.limits.depth {
        let Some(id) = at.reference() else { return Ok(None) };
        let node = view.resolve(&at)?;
        let Some(dict) = node.dict() else { return Ok(None) };
        match view.array_at(dict, b"Kids")?.into_iter().next() {
            Some(first) => at = first,
            None => return Ok(Some((id.number, dict.clone()))),
        }
    }
    Ok(None)
}

/// The page's box; A4 when it says nothing sensible (§7.7.3.3).
fn paper(view: &View<'_>, page: &Dict) -> Result<[f64; 4], Reason> {
    let found = content::inherited(view, page, b"MediaBox")?;
    let corners: Option<[f64; 4]> = content::numbers(found.array().unwrap_or_default());
    Ok(match corners {
        Some([a, b, c, d]) if a != c && b != d => [a.min(c), b.min(d), a.max(c), b.max(d)],
        _ => [0.0, 0.0, 595.0, 842.0],
    })
}

/// A line being gathered, in the page's user space.
struct Piece {
    text: String,
    x: f64,
    y: f64,
    end: f64,
    height: f64,
}

impl Piece {
    /// Whether text that begins here goes on with this line.
    fn goes_on(&self, x: f64, y: f64) -> bool {
        let gap = x - self.end;
        (y - self.y).abs() < 0.4 * self.height && gap > -self.height && gap < 1.5 * self.height
    }
}

struct Lines<'v, 'f> {
    view: &'v View<'f>,
    found: Vec<Piece>,
    current: Option<Piece>,
    letters: usize,
    /// By the number of the font's object.
    fonts: HashMap<u32, Rc<Font>>,
}

impl<'v, 'f> Lines<'v, 'f> {
    fn new(view: &'v View<'f>) -> Self {
        Self { view, found: Vec::new(), current: None, letters: 0, fonts: HashMap::new() }
    }
}

impl Lines<'_, '_> {
    fn close(&mut self) {
        let is_worth = |piece: &Piece| !piece.text.trim().is_empty() && self.found.len() < LINES_MAX;
        let done = self.current.take().filter(is_worth);
        self.found.extend(done);
    }

    fn font(&mut self, shown: &Shown<'_>) -> Rc<Font> {
        let Ok(Some(fonts)) = self.view.dict_at(shown.resources, b"Font") else { return Rc::default() };
        let named = fonts.get(shown.font);
        let number = named.reference().map(|id| id.number);
        if let Some(known) = number.and_then(|number| self.fonts.get(&number)) {
            return known.clone();
        }
        let font = Rc::new(Font::read(self.view, named).unwrap_or_default());
        if let Some(number) = number.filter(|_| self.fonts.len() < FONTS_MAX) {
            self.fonts.insert(number, font.clone());
        }
        font
    }
}

impl Eye for Lines<'_, '_> {
    fn see(&mut self, shown: &Shown<'_>) -> Option<f64> {
        let font = self.font(shown);
        let (text, width) = read(&font, shown);
        if text.is_empty() {
            return Some(width);
        }
        self.letters += text.len();
        if self.found.len() >= LINES_MAX || self.letters > LETTERS_MAX {
            return None;
        }
        let (x, y) = content::place(shown.to_page, 0.0, 0.0);
        let (end, _) = content::place(shown.to_page, width, 0.0);
        let (over_x, over_y) = content::place(shown.to_page, 0.0, shown.size);
        let height = (over_x - x).hypot(over_y - y);
        match self.current.as_mut().filter(|piece| piece.goes_on(x, y)) {
            Some(piece) => {
                if x - piece.end > 0.15 * height && !piece.text.ends_with(' ') {
                    piece.text.push(' ');
                }
                piece.text.push_str(&text);
                piece.end = end;
            }
            None => {
                self.close();
                self.current = Some(Piece { text, x, y, end, height });
            }
        }
        Some(width)
    }
}

/// What a piece of text says, and about how wide it is.
fn read(font: &Font, shown: &Shown<'_>) -> (String, f64) {
    let (mut text, mut width) = (String::new(), 0.0);
    let items = shown.operands.iter().flat_map(|operand| match operand {
        Object::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    });
    for item in items {
        if let Object::Text(string) = item {
            for (letters, told) in font.letters(&string.bytes) {
                width += told.unwrap_or_else(|| letters.chars().map(wide).sum()) * shown.size;
                text.push_str(&letters);
            }
        } else if let Some(back) = item.number() {
            // Thousandths of the size, backwards (§9.4.3).
            width -= back / 1000.0 * shown.size;
            if back < -180.0 && !text.ends_with(' ') && !text.is_empty() {
                text.push(' ');
            }
        }
    }
    (text, width)
}

/// About how wide a letter of a book face is, in its size.
fn wide(letter: char) -> f64 {
    match letter {
        ' ' => 0.25,
        '\u{300}'..='\u{36F}' => 0.0,
        'i' | 'j' | 'l' | 't' | 'f' | '.' | ',' | ':' | ';' | '\'' | '|' | '/' => 0.3,
        'm' | 'w' | 'M' | 'W' => 0.8,
        upper if upper.is_uppercase() => 0.67,
        _ => 0.48,
    }
}

#[cfg(test)]
mod tests;
