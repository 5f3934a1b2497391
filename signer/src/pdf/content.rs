//! A page's content, followed as far as it says where text stands (ISO 32000-1 §9.4): the few operators that move text, and
//! the forms a page is put together from. Nothing is drawn.

use std::rc::Rc;

use super::document::View;
use super::object::{Dict, Object};
use super::parse::Parser;
use crate::message::Reason;

/// `[a b c d e f]` (§8.3.3).
pub(super) type Matrix = [f64; 6];

const IDENTITY: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// Operators looked at on one page: a full page of text has some thousand.
pub(super) const OPERATORS: usize = 200_000;

/// Forms inside forms: a letterhead in a template.
const FORMS: usize = 4;

/// Text on its way onto the page.
pub(super) struct Shown<'s> {
    /// What `Tj` and its kin were given: strings, and numbers between them.
    pub(super) operands: &'s [Object],
    /// From text space to the page.
    pub(super) to_page: Matrix,
    /// The font's size in text space.
    pub(super) size: f64,
    /// The name of the font among the resources.
    pub(super) font: &'s [u8],
    /// The resources in force.
    pub(super) resources: &'s Dict,
}

/// Somebody who looks at text.
pub(super) trait Eye {
    /// Sees a piece of text. Answers how wide it is in text space; `None`: enough was seen.
    fn see(&mut self, shown: &Shown<'_>) -> Option<f64>;
}

/// Follows the content of a page, as it is in this view, for an eye. Answers whether the eye had enough. What cannot be read has
/// no text.
pub(super) fn follow(view: &View<'_>, page: u32, eye: &mut impl Eye) -> Result<bool, Reason> {
    let loaded = view.load(page)?;
    let Object::Dict(dict) = &*loaded.object else { return Ok(false) };
    let mut content = Vec::new();
    let streams = match &*view.resolve(dict.get(b"Contents"))? {
        Object::Array(items) => items.clone(),
        _ => vec![dict.get(b"Contents").clone()],
    };
    for stream in streams {
        if let Object::Stream(stream) = &*view.resolve(&stream)?
            && let Ok(data) = view.decode(stream)
        {
            content.extend_from_slice(&data);
            content.push(b'\n');
        }
    }
    let resources = match &*inherited(view, dict, b"Resources")? {
        Object::Dict(resources) => resources.clone(),
        _ => Dict::default(),
    };
    let mut reader = Reader { view, eye, left: OPERATORS };
    Ok(reader.read(&content, &resources, IDENTITY, 0))
}

/// A value of the page or of a node above it (§7.7.3.4).
pub(super) fn inherited(view: &View<'_>, page: &Dict, key: &[u8]) -> Result<Rc<Object>, Reason> {
    let mut at = page.clone();
    for _ in 0..view.file.limits.depth {
        if at.has(key) {
            break;
        }
        let Some(above) = view.dict_at(&at, b"Parent")? else { break };
        at = above;
    }
    view.resolve(at.get(key))
}

struct Reader<'v, 'f, E> {
    view: &'v View<'f>,
    eye: &'v mut E,
    left: usize,
}

/// What text operators change.
#[derive(Clone)]
struct State {
    to_page: Matrix,
    line: Matrix,
    at: Matrix,
    size: f64,
    leading: f64,
    font: Box<[u8]>,
}

impl<E: Eye> Reader<'_, '_, E> {
    fn read(&mut self, content: &[u8], resources: &Dict, to_page: Matrix, depth: usize) -> bool {
        let mut parser = Parser::new(content, 0, 16);
        let font = Box::default();
        let mut state = State { to_page, line: IDENTITY, at: IDENTITY, size: 1.0, leading: 0.0, font };
        let (mut saved, mut operands) = (Vec::new(), Vec::new());
        loop {
            parser.skip_space();
            if let Ok(operand) = parser.object() {
                operands.push(operand);
                operands.truncate(64);
                continue;
            }
            let operator = parser.operator();
            if operator.is_empty() || self.left == 0 {
                return false;
            }
            self.left -= 1;
            let enough = match operator {
                b"q" if saved.len() < 64 => {
                    saved.push(state.clone());
                    false
                }
                b"Q" => {
                    state = saved.pop().unwrap_or(state);
                    false
                }
                b"Do" => depth < FORMS && self.form(&operands, resources, state.to_page, depth),
                b"BI" if !parser.skip_inline_image() => return false,
                _ => self.text(&mut state, operator, &operands, resources),
            };
            if enough {
                return true;
            }
            operands.clear();
        }
    }

    fn form(&mut self, operands: &[Object], resources: &Dict, to_page: Matrix, depth: usize) -> bool {
        let Some(name) = operands.first().and_then(Object::name) else { return false };
        let Ok(Some(drawings)) = self.view.dict_at(resources, b"XObject") else { return false };
        let Ok(object) = self.view.resolve(drawings.get(name)) else { return false };
        let Object::Stream(stream) = &*object else { return false };
        if stream.dict.get(b"Subtype").name() != Some(b"Form") {
            return false;
        }
        let Ok(content) = self.view.decode(stream) else { return false };
        let own = self.view.dict_at(&stream.dict, b"Resources").ok().flatten();
        let matrix = numbers(stream.dict.get(b"Matrix").array().unwrap_or_default()).unwrap_or(IDENTITY);
        self.read(&content, own.as_ref().unwrap_or(resources), times(matrix, to_page), depth + 1)
    }

    /// Follows one operator; `true` when the eye has seen enough.
    fn text(&mut self, state: &mut State, operator: &[u8], operands: &[Object], resources: &Dict) -> bool {
        let number = |index: usize| operands.get(index).and_then(Object::number).unwrap_or(0.0);
        let next_line = |state: &mut State, x: f64, y: f64| {
            state.line = times([1.0, 0.0, 0.0, 1.0, x, y], state.line);
            state.at = state.line;
        };
        match operator {
            b"cm" => state.to_page = numbers(operands).map_or(state.to_page, |m| times(m, state.to_page)),
            b"BT" => (state.line, state.at) = (IDENTITY, IDENTITY),
            b"Tf" => {
                state.font = operands.first().and_then(Object::name).unwrap_or_default().into();
                state.size = number(1);
            }
            b"TL" => state.leading = number(0),
            b"Td" => next_line(state, number(0), number(1)),
            b"TD" => {
                state.leading = -number(1);
                next_line(state, number(0), number(1));
            }
            b"T*" => next_line(state, 0.0, -state.leading),
            b"Tm" => {
                state.line = numbers(operands).unwrap_or(state.line);
                state.at = state.line;
            }
            b"'" | b"\"" => {
                next_line(state, 0.0, -state.leading);
                return self.show(state, operands, resources);
            }
            b"Tj" | b"TJ" => return self.show(state, operands, resources),
            _ => {}
        }
        false
    }

    fn show(&mut self, state: &mut State, operands: &[Object], resources: &Dict) -> bool {
        let shown = Shown {
            operands,
            to_page: times(state.at, state.to_page),
            size: state.size,
            font: &state.font,
            resources,
        };
        match self.eye.see(&shown) {
            None => true,
            Some(width) => {
                state.at = times([1.0, 0.0, 0.0, 1.0, width, 0.0], state.at);
                false
            }
        }
    }
}

pub(super) fn numbers<const N: usize>(objects: &[Object]) -> Option<[f64; N]> {
    let numbers: Vec<f64> = objects.iter().filter_map(Object::number).collect();
    numbers.try_into().ok()
}

/// First `m`, then `n` (§8.3.4).
fn times(m: Matrix, n: Matrix) -> Matrix {
    let [a, b, c, d, e, f] = m;
    let [g, h, i, j, k, l] = n;
    [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l]
}

/// Where a point of text space stands on the page.
pub(super) fn place([a, b, c, d, e, f]: Matrix, x: f64, y: f64) -> (f64, f64) {
    (a * x + c * y + e, b * x + d * y + f)
}
