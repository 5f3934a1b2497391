//! The signature field: its dictionary with a hole, its widget on a page, its place in the form.

use super::hole::{Blank, Placeholder, pdf_date};
use super::mark::{self, Appearance, Place};
use super::page::{self, Page, Rectangle};
use super::{Signing, form, structure};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::{
    Dict, File, Lock, Object, ObjectId, PendingUpdate as Update, SignatureField, View, escape_text,
    signature_fields,
};

/// `F`: print and locked (ISO 32000-1 §12.5.3).
const FLAGS: i64 = 132;

/// The empty field a certification leaves for the agency's seal.
pub(super) const SEAL_FIELD: &str = "ConDau";

/// Bytes kept free for the token of a document timestamp.
const TOKEN_BYTES: usize = 16_384;

/// Appends an update with a signature's field.
pub(crate) fn append(
    bytes: &[u8],
    signing: &Signing,
    reserve: usize,
    limits: &Limits,
) -> Result<(Vec<u8>, Placeholder), Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let mut update = Update::new(&view)?;
    form::fill(&view, &mut update, &signing.fill)?;
    let mut adding = Adding::new(&view, update)?;
    let name = signing.field.as_deref();
    let lock = adding.place(name, "ChuKySo", signing.appearance.as_ref(), signing.lock.as_ref())?;
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
    let mut references = Vec::new();
    if let Some(level) = signing.certify {
        adding.certify()?;
        if level > 1 {
            adding.leave_room_for_a_seal()?;
        }
        references.extend_from_slice(
            format!("<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/V/1.2/P {level}>>>>")
                .as_bytes(),
        );
    }
    if let Some(lock) = lock {
        references.extend_from_slice(
            b"<</Type/SigRef/TransformMethod/FieldMDP/TransformParams<</Type/TransformParams/V/1.2",
        );
        references.extend_from_slice(&lock_entries(&lock));
        references.extend_from_slice(format!(">>/Data {} R>>", adding.root).as_bytes());
    }
    if !references.is_empty() {
        tail.extend_from_slice(b"/Reference[");
        tail.extend_from_slice(&references);
        tail.push(b']');
    }
    let head = "/Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached";
    Blank::new(head, reserve, &tail).close(adding.update, adding.signature)
}

/// Appends an update with a document timestamp's field.
pub(crate) fn append_timestamp(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, Placeholder), Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let mut adding = Adding::new(&view, Update::new(&view)?)?;
    adding.place(None, "DauThoiGian", None, None)?;
    let blank =
        Blank::new("/Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161", TOKEN_BYTES, b"");
    blank.close(adding.update, adding.signature)
}

/// `/Action` and `/Fields` of a lock (ISO 32000-1 tables 233 and 256).
fn lock_entries(lock: &Lock) -> Vec<u8> {
    let (action, names): (&[u8], &[String]) = match lock {
        Lock::All => (b"/Action/All", &[]),
        Lock::Include(names) => (b"/Action/Include", names),
        Lock::Exclude(names) => (b"/Action/Exclude", names),
    };
    let mut out = action.to_vec();
    if !matches!(lock, Lock::All) {
        out.extend_from_slice(b"/Fields[");
        names.iter().for_each(|name| out.extend_from_slice(&escape_text(name)));
        out.push(b']');
    }
    out
}

/// A signature being put into a file.
struct Adding<'v, 'f> {
    view: &'v View<'f>,
    update: Update<'v, 'f>,
    /// The signature dictionary, written last.
    signature: ObjectId,
    root: ObjectId,
    /// The form's signature fields before.
    fields: Vec<SignatureField>,
    /// The one being filled.
    field: Option<ObjectId>,
    /// Where the signature shows, as seen.
    shown: Option<(Page, Rectangle)>,
}

impl<'v, 'f> Adding<'v, 'f> {
    fn new(view: &'v View<'f>, mut update: Update<'v, 'f>) -> Result<Self, Reason> {
        let (root, _) = view.catalog()?;
        let signature = update.allocate();
        Ok(Self { view, update, signature, root, fields: signature_fields(view)?, field: None, shown: None })
    }

    /// Makes the field, or fills the empty one of that name; what it locks from now on.
    fn place(
        &mut self,
        name: Option<&str>,
        stem: &str,
        appearance: Option<&Appearance>,
        lock: Option<&Lock>,
    ) -> Result<Option<Lock>, Reason> {
        let existing = self.fields.iter().find(|field| Some(field.name.as_str()) == name).cloned();
        match existing {
            Some(field) => Ok(self.fill(&field, appearance)?.or(lock.cloned())),
            None => {
                let taken = |name: &str| self.fields.iter().any(|f| f.name == name);
                let free = || (1..=self.fields.len() + 1).map(|n| format!("{stem}{n}")).find(|n| !taken(n));
                let name = name.map(str::to_owned).or_else(free).ok_or(Reason::new(Code::MakeField))?;
                self.make(&name, appearance, lock)?;
                Ok(lock.cloned())
            }
        }
    }

    /// Fills an empty field. What it locks is what its own `/Lock` says.
    fn fill(
        &mut self,
        field: &SignatureField,
        appearance: Option<&Appearance>,
    ) -> Result<Option<Lock>, Reason> {
        let id = field.id.filter(|_| matches!(field.value, Object::Null));
        let id = id.ok_or(Reason::of(Code::MakeField, "the field is signed"))?;
        self.field = Some(id);
        let dict = self.update.dict(id)?.with(b"V", Object::Ref(self.signature));
        self.update.put_dict(id, &dict);
        if let Some(appearance) = appearance {
            let widget = if dict.has(b"Rect") { Some(id) } else { self.first_kid(&dict)? };
            let widget = widget.ok_or(Reason::of(Code::MakePage, "the field has no widget"))?;
            let page = self.page_of(widget)?;
            let picture = self.update.dict(widget)?;
            let place = page::rectangle(self.view, &picture, b"Rect")?.map(|place| page.to_seen(place));
            let place = place.ok_or(Reason::of(Code::MakePage, "the field has no place on the page"))?;
            let size = (place[2] - place[0], place[3] - place[1]);
            if !appearance.mark.fits(size)? {
                return Err(Reason::of(Code::MakePage, "the field is smaller than the mark"));
            }
            let form = mark::draw(&appearance.mark, size, page.upright(), &mut self.update)?;
            self.update.put_dict(widget, &picture.with(b"AP", normal_appearance(form)));
            self.shown = Some((page, place));
        }
        self.update_form(None)?;
        match &field.lock {
            Some(lock) => crate::pdf::lock_of(self.view, lock),
            None => Ok(None),
        }
    }

    fn first_kid(&self, field: &Dict) -> Result<Option<ObjectId>, Reason> {
        Ok(self.view.array_at(field, b"Kids")?.first().and_then(Object::reference))
    }

    /// The page a widget is on.
    fn page_of(&self, widget: ObjectId) -> Result<Page, Reason> {
        for page in page::pages(self.view)? {
            let dict = self.update.dict(page.id)?;
            let annotations = self.view.array_at(&dict, b"Annots")?;
            if annotations.iter().any(|one| one.reference() == Some(widget)) {
                return Ok(page);
            }
        }
        Err(Reason::of(Code::MakePage, "the field is on no page"))
    }

    /// Makes a new field with its widget.
    fn make(
        &mut self,
        name: &str,
        appearance: Option<&Appearance>,
        lock: Option<&Lock>,
    ) -> Result<(), Reason> {
        let (page, place, picture) = match appearance {
            Some(appearance) => self.show(appearance)?,
            None => {
                let first = page::pages(self.view)?.into_iter().next();
                (first.ok_or(Reason::of(Code::MakePage, "0 pages"))?, [0.0; 4], None)
            }
        };
        let widget = self.update.allocate();
        let mut body = b"<</Type/Annot/Subtype/Widget/FT/Sig/T".to_vec();
        body.extend_from_slice(&escape_text(name));
        let [left, bottom, right, top] = place.map(short);
        let rest =
            format!("/V {} R/F {FLAGS}/P {} R/Rect[{left} {bottom} {right} {top}]", self.signature, page.id);
        body.extend_from_slice(rest.as_bytes());
        if let Some(picture) = picture {
            body.extend_from_slice(format!("/AP<</N {picture} R>>").as_bytes());
        }
        if let Some(lock) = lock {
            let id = self.update.allocate();
            let entries = [b"<</Type/SigFieldLock".as_slice(), &lock_entries(lock), b">>"].concat();
            self.update.put_raw(id, entries);
            body.extend_from_slice(format!("/Lock {id} R").as_bytes());
        }
        if picture.is_some() {
            body.extend_from_slice(self.join_structure(page.id, widget)?.as_bytes());
        }
        body.extend_from_slice(b">>");
        self.update.put_raw(widget, body);
        self.add_annotation(page.id, widget)?;
        self.update_form(Some(widget))
    }

    /// Draws the mark; the page it is on, its place in the page's own units.
    fn show(&mut self, appearance: &Appearance) -> Result<(Page, Rectangle, Option<ObjectId>), Reason> {
        let pages = page::pages(self.view)?;
        let under = match &appearance.place {
            Place::OverSignature(name) => self.signature_on(&pages, name.as_deref())?,
            _ => None,
        };
        let (page, under) = match under {
            Some((page, place)) => (page, Some(place)),
            None => {
                let index = appearance.page_index(pages.len())?;
                (pages.get(index).cloned().ok_or(Reason::new(Code::MakePage))?, None)
            }
        };
        let place = appearance.lay_out(&page, under)?;
        let size = (place[2] - place[0], place[3] - place[1]);
        let form = mark::draw(&appearance.mark, size, page.upright(), &mut self.update)?;
        self.shown = Some((page.clone(), place));
        Ok((page.clone(), page.to_content(place), Some(form)))
    }

    /// Where a signature is to be seen: the page and its place on it as seen. `None`: it shows nowhere.
    fn signature_on(&self, pages: &[Page], name: Option<&str>) -> Result<Option<(Page, Rectangle)>, Reason> {
        let signed = |field: &&SignatureField| match name {
            Some(name) => field.name == name,
            None => !matches!(field.value, Object::Null),
        };
        for id in self.fields.iter().filter(signed).filter_map(|field| field.id) {
            let field = self.update.dict(id)?;
            let widget = if field.has(b"Rect") { Some(id) } else { self.first_kid(&field)? };
            let Some(widget) = widget else { continue };
            let Some(place) = page::rectangle(self.view, &self.update.dict(widget)?, b"Rect")? else {
                continue;
            };
            let Ok(page) = self.page_of(widget) else { continue };
            let place = page.to_seen(place);
            return Ok(pages.iter().find(|one| one.id == page.id).map(|page| (page.clone(), place)));
        }
        Ok(None)
    }

    /// A widget's place in a tagged document. Only before anything is signed: other readers take a changed structure for
    /// changed content.
    fn join_structure(&mut self, page: ObjectId, widget: ObjectId) -> Result<String, Reason> {
        if self.fields.iter().any(|field| !matches!(field.value, Object::Null)) {
            return Ok(String::new());
        }
        let key = structure::join(self.view, &mut self.update, self.root, page, widget)?;
        Ok(key.map(|key| format!("/StructParent {key}")).unwrap_or_default())
    }

    fn add_annotation(&mut self, page: ObjectId, widget: ObjectId) -> Result<(), Reason> {
        let dict = self.update.dict(page)?;
        let mut list = self.update.array_at(&dict, b"Annots")?;
        list.push(Object::Ref(widget));
        match dict.get(b"Annots") {
            Object::Ref(id) => self.update.put_array(*id, list),
            _ => self.update.put_dict(page, &dict.with(b"Annots", Object::Array(list))),
        }
        Ok(())
    }

    /// Lists a new field in the form; `None`: the field is there. From the first signature on the form says that there
    /// are signatures and that the file may only grow (ISO 32000-1 table 219).
    fn update_form(&mut self, added: Option<ObjectId>) -> Result<(), Reason> {
        let catalog = self.update.dict(self.root)?;
        let form = match catalog.get(b"AcroForm") {
            Object::Ref(id) => self.update.dict(*id)?,
            _ => self.view.dict_at(&catalog, b"AcroForm")?.unwrap_or_default(),
        };
        let mut new = form.with(b"SigFlags", Object::Int(3));
        if let Some(widget) = added {
            let mut list = self.update.array_at(&form, b"Fields")?;
            list.push(Object::Ref(widget));
            match form.get(b"Fields") {
                Object::Ref(id) => self.update.put_array(*id, list),
                _ => new = new.with(b"Fields", Object::Array(list)),
            }
        }
        match catalog.get(b"AcroForm") {
            _ if new == form => {}
            Object::Ref(id) => self.update.put_dict(*id, &new),
            _ => self.update.put_dict(self.root, &catalog.with(b"AcroForm", Object::Dict(new))),
        }
        Ok(())
    }

    /// An empty field for the agency's seal, over the signature being made: after a certification other readers take
    /// signatures in fields that were there, and no new fields (ISO 32000-1 §12.8.2.2.2). Where the form has another
    /// empty signature field nothing is added.
    fn leave_room_for_a_seal(&mut self) -> Result<(), Reason> {
        let empty = |field: &&SignatureField| matches!(field.value, Object::Null) && field.id != self.field;
        if self.fields.iter().any(|field| empty(&field) || field.name == SEAL_FIELD) {
            return Ok(());
        }
        let pages = page::pages(self.view)?;
        let (page, place) = match &self.shown {
            Some((page, place)) => {
                let across = mark::SEAL_MM * page::MM;
                let seal = mark::over_a_third(*place, across, across);
                (page.clone(), page.to_content(page.keep_on(seal)))
            }
            None => (pages.into_iter().next().ok_or(Reason::of(Code::MakePage, "0 pages"))?, [0.0; 4]),
        };
        let widget = self.update.allocate();
        let [left, bottom, right, top] = place.map(short);
        let read = if self.shown.is_some() { self.join_structure(page.id, widget)? } else { String::new() };
        let body = format!(
            "<</Type/Annot/Subtype/Widget/FT/Sig/T({SEAL_FIELD})/F 4/P {} R/Rect[{left} {bottom} {right} {top}]{read}>>",
            page.id
        );
        self.update.put_raw(widget, body.into_bytes());
        self.add_annotation(page.id, widget)?;
        self.update_form(Some(widget))
    }

    /// Makes this signature the document's certification (ISO 32000-1 §12.8.4).
    fn certify(&mut self) -> Result<(), Reason> {
        let catalog = self.update.dict(self.root)?;
        let perms = self.view.dict_at(&catalog, b"Perms")?.unwrap_or_default();
        let perms = perms.with(b"DocMDP", Object::Ref(self.signature));
        self.update.put_dict(self.root, &catalog.with(b"Perms", Object::Dict(perms)));
        Ok(())
    }
}

/// A coordinate to a thousandth of a point.
fn short(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn normal_appearance(picture: ObjectId) -> Object {
    Object::Dict(Dict::default().with(b"N", Object::Ref(picture)))
}
