//! The form's fields as a tree (ISO 32000-1 §12.7.3).

use super::document::View;
use super::object::{Dict, Object, ObjectId, text_string};
use crate::message::{Code, Reason};
use std::collections::HashMap;

/// One node of the tree of fields.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The full name: those above it and its own, with dots between.
    pub(crate) name: String,
    /// `None`: it stands inside the array that lists it.
    pub(crate) id: Option<ObjectId>,
    /// The node above.
    pub(crate) parent: Option<u32>,
    /// Its own or inherited type holds a signature.
    pub(crate) signature: bool,
    /// Its own or inherited type is a text or a choice.
    pub(crate) text: bool,
    /// No fields below it, only pictures.
    pub(crate) terminal: bool,
    /// Its own or inherited value.
    pub(crate) value: Object,
    pub(crate) lock: Option<Dict>,
    /// The kids that are only pictures of it.
    pub(crate) pictures: Vec<Object>,
}

/// Fields that can hold a signature, in form order.
pub(crate) fn fields(view: &View<'_>) -> Result<Vec<Field>, Reason> {
    Ok(tree(view)?.into_iter().filter(|field| field.terminal && field.signature).collect())
}

/// All nodes, in form order.
pub(crate) fn tree(view: &View<'_>) -> Result<Vec<Field>, Reason> {
    let (_, catalog) = view.catalog()?;
    let Some(form) = view.dict_at(&catalog, b"AcroForm")? else { return Ok(Vec::new()) };
    let mut stack: Vec<(Object, Above)> = Vec::new();
    for top in view.array_at(&form, b"Fields")?.into_iter().rev() {
        stack.push((top, Above::default()));
    }
    let mut parents: HashMap<u32, Option<u32>> = HashMap::new();
    let mut found = Vec::new();
    while let Some((object, above)) = stack.pop() {
        if let Object::Ref(id) = &object {
            if is_above(&parents, above.number, id.number) {
                return Err(Reason::of(Code::PdfFieldLoop, format_args!("object {id}")));
            }
            // Listed twice: some writers put a kid into the form's own list, too.
            if parents.contains_key(&id.number) {
                continue;
            }
            parents.insert(id.number, above.number);
        }
        if found.len() > view.file.limits.steps || above.depth > view.file.limits.depth {
            return Err(Reason::of(Code::Budget, "form fields"));
        }
        let node = view.resolve(&object)?;
        let Some(dict) = node.dict() else { continue };
        let id = object.reference();
        let here = above.below(dict, id);
        let (mut pictures, mut terminal) = (Vec::new(), true);
        for kid in view.array_at(dict, b"Kids")?.into_iter().rev() {
            // A kid with a name of its own is a field, one without is only a picture of this field.
            match view.resolve(&kid)?.dict().is_some_and(|d| d.has(b"T")) {
                true => {
                    terminal = false;
                    stack.push((kid, here.clone()));
                }
                false => pictures.push(kid),
            }
        }
        let lock = if terminal && here.signature { view.dict_at(dict, b"Lock")? } else { None };
        let Above { name, signature, text, value, .. } = here;
        let parent = above.number;
        found.push(Field { name, id, parent, signature, text, terminal, value, lock, pictures });
    }
    Ok(found)
}

/// Whether `number` is `from` or one of those above it.
fn is_above(parents: &HashMap<u32, Option<u32>>, mut from: Option<u32>, number: u32) -> bool {
    while let Some(at) = from {
        if at == number {
            return true;
        }
        from = parents.get(&at).copied().flatten();
    }
    false
}

/// What a field has from those above it.
#[derive(Clone)]
struct Above {
    name: String,
    signature: bool,
    text: bool,
    value: Object,
    depth: usize,
    number: Option<u32>,
}

impl Default for Above {
    fn default() -> Self {
        Self {
            name: String::new(),
            signature: false,
            text: false,
            value: Object::Null,
            depth: 0,
            number: None,
        }
    }
}

impl Above {
    fn below(&self, dict: &Dict, id: Option<ObjectId>) -> Self {
        let mut name = self.name.clone();
        if let Some(part) = dict.get(b"T").text() {
            if !name.is_empty() {
                name.push('.');
            }
            name.extend(text_string(&part.bytes).chars().take(256));
        }
        Self {
            name,
            signature: dict.get(b"FT").name().map_or(self.signature, |ft| ft == b"Sig"),
            text: dict.get(b"FT").name().map_or(self.text, |ft| matches!(ft, b"Tx" | b"Ch")),
            value: if dict.has(b"V") { dict.get(b"V").clone() } else { self.value.clone() },
            depth: self.depth + 1,
            number: id.map(|id| id.number),
        }
    }
}
