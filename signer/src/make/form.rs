//! Text fields of a form, filled in the update that also brings the agency's signature: number and date of a document
//! that the template has boxes 3 and 4 for (RULES D23).

use super::font::Typesetter;
use super::mark;
use super::page::{self, MM, Rectangle};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::{Dict, File, Object, ObjectId, PendingUpdate as Update, Text, View, text_string};
use std::collections::HashSet;

/// A text field and the text to put into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The field's full name.
    pub field: String,
    /// The text.
    pub text: String,
}

/// A terminal text field.
#[derive(Clone, Debug)]
pub(super) struct TextField {
    pub(super) name: String,
    id: ObjectId,
    /// Its widgets; itself when the two are one.
    widgets: Vec<ObjectId>,
    /// The size its `/DA` asks for; 0: as it fits.
    size: f64,
    /// `/Q`: 0 left, 1 middle, 2 right.
    align: i64,
    max_letters: Option<usize>,
}

/// What a field has from those above it.
#[derive(Clone, Default)]
struct Inherited {
    name: String,
    is_text: bool,
    size: f64,
    align: i64,
    max_letters: Option<usize>,
    depth: usize,
}

/// All text fields, in form order (ISO 32000-1 §12.7.3).
pub(super) fn text_fields(view: &View<'_>) -> Result<Vec<TextField>, Reason> {
    let (_, catalog) = view.catalog()?;
    let Some(form) = view.dict_at(&catalog, b"AcroForm")? else { return Ok(Vec::new()) };
    let top = Inherited::default().below(&form);
    let top = Inherited { name: String::new(), depth: 0, ..top };
    let tops = view.array_at(&form, b"Fields")?;
    let mut stack: Vec<(Object, Inherited)> =
        tops.into_iter().rev().map(|field| (field, top.clone())).collect();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some((object, above)) = stack.pop() {
        let Some(id) = object.reference().filter(|id| seen.insert(id.number)) else { continue };
        if seen.len() > view.file.limits.steps || above.depth > view.file.limits.depth {
            return Err(Reason::of(Code::Budget, "form fields"));
        }
        let node = view.resolve(&object)?;
        let Some(dict) = node.dict() else { continue };
        let here = above.below(dict);
        let (mut widgets, mut is_terminal) = (Vec::new(), true);
        for kid in view.array_at(dict, b"Kids")?.into_iter().rev() {
            // A kid with a name of its own is a field, one without is only a picture of this field.
            match view.resolve(&kid)?.dict().is_some_and(|d| d.has(b"T")) {
                true => {
                    is_terminal = false;
                    stack.push((kid, here.clone()));
                }
                false => widgets.extend(kid.reference()),
            }
        }
        if dict.has(b"Rect") {
            widgets.push(id);
        }
        if is_terminal && here.is_text {
            let Inherited { name, size, align, max_letters, .. } = here;
            found.push(TextField { name, id, widgets, size, align, max_letters });
        }
    }
    Ok(found)
}

/// The full names of all text fields of a file.
pub(super) fn names(bytes: &[u8], limits: &Limits) -> Result<Vec<String>, Reason> {
    let file = File::open(bytes, limits)?;
    let fields = text_fields(&View::last(&file)?)?;
    Ok(fields.into_iter().map(|field| field.name).collect())
}

impl Inherited {
    fn below(&self, dict: &Dict) -> Self {
        let mut here = Self { depth: self.depth + 1, ..self.clone() };
        if let Some(part) = dict.get(b"T").text() {
            let dot = if here.name.is_empty() { "" } else { "." };
            here.name.push_str(dot);
            here.name.extend(text_string(&part.bytes).chars().take(256));
        }
        here.is_text = dict.get(b"FT").name().map_or(self.is_text, |kind| kind == b"Tx");
        if let Some(default) = dict.get(b"DA").text() {
            here.size = font_size(&text_string(&default.bytes)).unwrap_or(0.0);
        }
        here.align = dict.get(b"Q").int().unwrap_or(self.align);
        let most = dict.get(b"MaxLen").int().and_then(|most| usize::try_from(most).ok());
        here.max_letters = most.or(self.max_letters);
        here
    }
}

/// The size before `Tf` in a default appearance (§12.7.3.3).
fn font_size(default: &str) -> Option<f64> {
    let words: Vec<&str> = default.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "Tf")?;
    words.get(at.checked_sub(1)?)?.parse().ok().filter(|size| (0.0..=200.0).contains(size))
}

/// Sets the fields' values and draws them. Errors: a field is not there, or the text does not fit.
pub(super) fn fill(view: &View<'_>, update: &mut Update<'_, '_>, wanted: &[Fill]) -> Result<(), Reason> {
    if wanted.is_empty() {
        return Ok(());
    }
    let fields = text_fields(view)?;
    for Fill { field: name, text } in wanted {
        let field = fields.iter().find(|field| field.name == *name);
        let field = field.ok_or(Reason::of(Code::MakeFieldMissing, name))?;
        if field.max_letters.is_some_and(|most| text.chars().count() > most) {
            return Err(Reason::of(Code::MakeText, name));
        }
        let dict = update.dict(field.id)?.with(b"V", text_object(text));
        update.put_dict(field.id, &dict);
        for widget in &field.widgets {
            let dict = update.dict(*widget)?;
            let Some(place) = page::rectangle(view, &dict, b"Rect")? else { continue };
            let picture = draw(field, text, place, update)?;
            let normal = Dict::default().with(b"N", Object::Ref(picture));
            update.put_dict(*widget, &dict.with(b"AP", Object::Dict(normal)));
        }
    }
    Ok(())
}

fn text_object(text: &str) -> Object {
    let bytes = match text.is_ascii() {
        true => text.as_bytes().to_vec(),
        false => [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
    };
    Object::Text(Text { bytes, span: 0..0, hexadecimal: true })
}

/// The smallest letters a text is made to fit with.
const SMALLEST: f64 = 6.0;

/// One line in the middle of the field's height.
fn draw(
    field: &TextField,
    text: &str,
    place: Rectangle,
    update: &mut Update<'_, '_>,
) -> Result<ObjectId, Reason> {
    let mut setter = Typesetter::new()?;
    let (wide, high) = (place[2] - place[0], place[3] - place[1]);
    let room = wide - MM;
    let natural = setter.width(text, 1.0)?.max(0.001);
    let size = match field.size > 0.0 {
        true => field.size,
        // NĐ 30 sets number and date in 13 or 14 (RULES D22).
        false => (high * 0.75).min(13.0).min(room / natural),
    };
    if size < SMALLEST || natural * size > room + 0.5 {
        return Err(Reason::of(Code::MakeText, &field.name));
    }
    let slack = room - natural * size;
    let x = MM / 2.0
        + slack * [0.0, 0.5, 1.0].get(usize::try_from(field.align).unwrap_or(0)).copied().unwrap_or(0.0);
    let y = (high - size * 0.662) / 2.0;
    let line = mark::set(&mut setter, text, size, x, y)?;
    let font = setter.embed(update);
    let form = update.allocate();
    let entries =
        format!("/Type/XObject/Subtype/Form/BBox[0 0 {wide:.3} {high:.3}]/Resources<</Font<</F {font} R>>>>");
    update.put_stream(form, &entries, format!("/Tx BMC\nq\n{line}Q\nEMC").as_bytes());
    Ok(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_appearance_names_its_size() {
        for (default, size) in [
            ("/Helv 12 Tf 0 g", Some(12.0)),
            ("0 g /F1 0 Tf", Some(0.0)),
            ("/F1 Tf", None),
            ("Tf", None),
            ("/F1 -3 Tf", None),
            ("", None),
        ] {
            assert_eq!(font_size(default), size, "{default}");
        }
    }

    #[test]
    fn a_value_is_a_text_string() {
        for text in ["12/QĐ-UBND", "plain"] {
            let Object::Text(value) = text_object(text) else { panic!() };
            assert_eq!(text_string(&value.bytes), text);
        }
    }
}
