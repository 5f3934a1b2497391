//! The signature field: its dictionary with a hole, its widget on a page, its place in the form.

use super::{Appearance, Signing};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::{
    Dict, File, Object, ObjectId, PendingUpdate as Update, View, escape_text, page_numbers, signature_fields,
};
use mail::Timestamp;

/// `F`: print and locked (ISO 32000-1 §12.5.3).
const FLAGS: i64 = 132;

/// Where `/ByteRange` and `/Contents` stand in a prepared file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placeholder {
    range: usize,
    /// From `<` to past `>`.
    start: usize,
    end: usize,
}

/// Four numbers of ten digits: files up to 9 GB, far above any limit.
const RANGE_BLANK: &str = "[0 0000000000 0000000000 0000000000]";

impl Placeholder {
    /// What the signature covers.
    pub(crate) fn pieces<'a>(&self, file: &'a [u8]) -> [&'a [u8]; 2] {
        [file.get(..self.start).unwrap_or_default(), file.get(self.end..).unwrap_or_default()]
    }

    /// Writes the signature into the hole.
    pub(crate) fn fill(&self, mut file: Vec<u8>, contents: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut text = String::with_capacity(contents.len() * 2);
        for byte in contents {
            text.push_str(&format!("{byte:02x}"));
        }
        let hole = file.get_mut(self.start + 1..self.end.saturating_sub(1)).unwrap_or_default();
        match hole.get_mut(..text.len()) {
            Some(place) => place.copy_from_slice(text.as_bytes()),
            None => return Err(Reason::of(Code::MakeSpace, format_args!("{} bytes", contents.len()))),
        }
        Ok(file)
    }

    /// Writes the range, padded with spaces to the length of the blank.
    fn settle(&self, file: &mut [u8]) -> Result<(), Reason> {
        let tail = file.len().saturating_sub(self.end);
        let text = format!("[0 {} {} {tail}]", self.start, self.end);
        let padded = format!("{text:<width$}", width = RANGE_BLANK.len());
        match file.get_mut(self.range..self.range + RANGE_BLANK.len()) {
            Some(place) if padded.len() == RANGE_BLANK.len() => {
                place.copy_from_slice(padded.as_bytes());
                Ok(())
            }
            _ => Err(Reason::new(Code::MakeField)),
        }
    }
}

/// `D:20261122080000+07'00'` (ISO 32000-1 §7.9.4), as a clock in Hà Nội shows it.
pub(crate) fn pdf_date(time: Timestamp) -> String {
    let t = time.to_vietnam();
    format!(
        "D:{:04}{:02}{:02}{:02}{:02}{:02}+07'00'",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// A signature dictionary with its two blanks, and where they begin in it.
struct Blank {
    body: Vec<u8>,
    range: usize,
    contents: usize,
    reserve: usize,
}

impl Blank {
    fn new(head: &str, reserve: usize, tail: &[u8]) -> Self {
        let mut body = format!("<<{head}/ByteRange ").into_bytes();
        let range = body.len();
        body.extend_from_slice(RANGE_BLANK.as_bytes());
        body.extend_from_slice(b"/Contents ");
        let contents = body.len();
        body.push(b'<');
        body.resize(body.len() + reserve * 2, b'0');
        body.push(b'>');
        body.extend_from_slice(tail);
        body.extend_from_slice(b">>");
        Self { body, range, contents, reserve }
    }
}

/// Appends an update with a signature's field.
pub(crate) fn append(
    bytes: &[u8],
    signing: &Signing,
    reserve: usize,
    limits: &Limits,
) -> Result<(Vec<u8>, Placeholder), Reason> {
    let mut tail = Vec::new();
    let mut text = |key: &str, value: &str| {
        tail.extend_from_slice(key.as_bytes());
        tail.extend_from_slice(&escape_text(value));
    };
    text("/M", &pdf_date(signing.time));
    if let Some(name) = signing.certificates.first().and_then(|c| c.subject().common_name()) {
        text("/Name", name);
    }
    for (key, value) in [("/Reason", &signing.reason), ("/Location", &signing.location)] {
        if let Some(value) = value {
            text(key, value);
        }
    }
    if let Some(level) = signing.certify {
        let reference = format!(
            "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/V/1.2/P {level}>>>>]"
        );
        tail.extend_from_slice(reference.as_bytes());
    }
    let blank = Blank::new("/Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached", reserve, &tail);
    let field = signing.field.as_deref();
    append_blank(
        bytes,
        blank,
        field,
        "ChuKySo",
        signing.appearance.as_ref(),
        signing.certify.is_some(),
        limits,
    )
}

/// Appends an update with a document timestamp's field.
pub(crate) fn append_timestamp(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, Placeholder), Reason> {
    let blank = Blank::new("/Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161", 16_384, b"");
    append_blank(bytes, blank, None, "DauThoiGian", None, false, limits)
}

fn append_blank(
    bytes: &[u8],
    blank: Blank,
    name: Option<&str>,
    stem: &str,
    appearance: Option<&Appearance>,
    certify: bool,
    limits: &Limits,
) -> Result<(Vec<u8>, Placeholder), Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let mut update = Update::new(&view)?;
    let signature = update.allocate();
    let fields = signature_fields(&view)?;
    let existing = fields.iter().find(|f| Some(f.name.as_str()) == name);
    let (root, mut catalog) = view.catalog()?;
    let picture = appearance.map(|a| draw(a, &mut update));
    let mut catalog_changed = false;
    match existing {
        Some(field) => {
            let id = field.id.filter(|_| matches!(field.value, Object::Null));
            let id = id.ok_or(Reason::of(Code::MakeField, "the field is signed"))?;
            let Object::Dict(dict) = &*view.load(id.number)?.object else {
                return Err(Reason::new(Code::MakeField));
            };
            let mut dict = dict.with(b"V", Object::Ref(signature));
            if let Some(picture) = picture {
                dict = dict.with(b"AP", normal_appearance(picture));
            }
            update.put_dict(id, &dict);
        }
        None => {
            let taken = |name: &str| fields.iter().any(|f| f.name == name);
            let free = || (1..=fields.len() + 1).map(|n| format!("{stem}{n}")).find(|n| !taken(n));
            let name = name.map(str::to_owned).or_else(free).ok_or(Reason::new(Code::MakeField))?;
            let page = page_of(&view, &catalog, appearance.map_or(0, |a| a.page))?;
            let widget = update.allocate();
            let dict = widget_dict(signature, page, &name, appearance, picture);
            update.put_raw(widget, dict);
            add_annotation(&view, &mut update, page, widget)?;
            catalog_changed = add_field(&view, &mut update, &mut catalog, widget)?;
        }
    }
    if certify {
        let perms = Dict::default().with(b"DocMDP", Object::Ref(signature));
        catalog = catalog.with(b"Perms", Object::Dict(perms));
        catalog_changed = true;
    }
    if catalog_changed {
        update.put_dict(root, &catalog);
    }
    finish(update, signature, blank)
}

fn finish(mut update: Update<'_, '_>, id: ObjectId, blank: Blank) -> Result<(Vec<u8>, Placeholder), Reason> {
    let Blank { body, range, contents, reserve } = blank;
    update.put_raw(id, body);
    let appended = update.finish()?;
    let start = appended.offsets.get(&id.number).copied().ok_or(Reason::new(Code::MakeField))?;
    let body = start + format!("{id} obj\n").len();
    let start = body + contents;
    let hole = Placeholder { range: body + range, start, end: start + reserve * 2 + 2 };
    let mut file = appended.bytes;
    hole.settle(&mut file)?;
    Ok((file, hole))
}

fn page_of(view: &View<'_>, catalog: &Dict, index: usize) -> Result<ObjectId, Reason> {
    let pages = page_numbers(view, catalog)?;
    let number = pages.get(index).copied().ok_or(Reason::of(Code::MakeField, "no such page"))?;
    Ok(ObjectId { number, generation: view.generation(number) })
}

fn widget_dict(
    signature: ObjectId,
    page: ObjectId,
    name: &str,
    appearance: Option<&Appearance>,
    picture: Option<ObjectId>,
) -> Vec<u8> {
    let [left, bottom, right, top] = appearance.map_or([0.0; 4], |a| a.rectangle);
    let mut body = b"<</Type/Annot/Subtype/Widget/FT/Sig/T".to_vec();
    body.extend_from_slice(&escape_text(name));
    let rest = format!("/V {signature} R/F {FLAGS}/P {page} R/Rect[{left} {bottom} {right} {top}]");
    body.extend_from_slice(rest.as_bytes());
    if let Some(picture) = picture {
        body.extend_from_slice(format!("/AP<</N {picture} R>>").as_bytes());
    }
    body.extend_from_slice(b">>");
    body
}

fn normal_appearance(picture: ObjectId) -> Object {
    Object::Dict(Dict::default().with(b"N", Object::Ref(picture)))
}

/// A form with a thin frame and lines of text in a standard font, which has no Vietnamese letters: diacritics go.
fn draw(appearance: &Appearance, update: &mut Update<'_, '_>) -> ObjectId {
    let [left, bottom, right, top] = appearance.rectangle;
    let (width, height) = (right - left, top - bottom);
    let count = appearance.lines.len().max(1) as f32;
    let size = (height / (count * 1.3)).clamp(4.0, 10.0);
    let mut content =
        format!("q 0.5 w 0.2 0.2 0.2 RG 0.5 0.5 {} {} re S BT /F {size} Tf ", width - 1.0, height - 1.0);
    content.push_str(&format!("{} TL 3 {} Td ", size * 1.2, height - size * 1.1));
    for line in &appearance.lines {
        let plain = escape_text(&super::blank::plain(line));
        content.push_str(&format!("{} Tj T* ", String::from_utf8_lossy(&plain)));
    }
    content.push_str("ET Q");
    let font = update.allocate();
    update
        .put_raw(font, b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_vec());
    let form = update.allocate();
    let entries = format!(
        "/Type/XObject/Subtype/Form/FormType 1/BBox[0 0 {width} {height}]/Resources<</Font<</F {font} R>>>>"
    );
    update.put_stream(form, &entries, content.as_bytes());
    form
}

fn add_annotation(
    view: &View<'_>,
    update: &mut Update<'_, '_>,
    page: ObjectId,
    widget: ObjectId,
) -> Result<(), Reason> {
    let loaded = view.load(page.number)?;
    let Object::Dict(dict) = &*loaded.object else { return Err(Reason::new(Code::MakeField)) };
    let mut list = view.array_at(dict, b"Annots")?;
    list.push(Object::Ref(widget));
    match dict.get(b"Annots") {
        Object::Ref(id) => update.put(*id, &Object::Array(list)),
        _ if dict.ambiguous => return Err(Reason::new(Code::MakeField)),
        _ => update.put_dict(page, &dict.with(b"Annots", Object::Array(list))),
    }
    Ok(())
}

/// Adds the field to the form; `true` when the catalog itself has to be written anew.
fn add_field(
    view: &View<'_>,
    update: &mut Update<'_, '_>,
    catalog: &mut Dict,
    widget: ObjectId,
) -> Result<bool, Reason> {
    let form = view.dict_at(catalog, b"AcroForm")?.unwrap_or_default();
    let mut list = view.array_at(&form, b"Fields")?;
    list.push(Object::Ref(widget));
    let mut new = form.with(b"SigFlags", Object::Int(3));
    match form.get(b"Fields") {
        Object::Ref(id) => update.put(*id, &Object::Array(list)),
        _ => new = new.with(b"Fields", Object::Array(list)),
    }
    match catalog.get(b"AcroForm") {
        Object::Ref(id) => {
            update.put_dict(*id, &new);
            Ok(false)
        }
        _ => {
            *catalog = catalog.with(b"AcroForm", Object::Dict(new));
            Ok(true)
        }
    }
}
