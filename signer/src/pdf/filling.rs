//! What an update may do to the form: fill in what was left open, sign in an empty field, add signature fields,
//! nothing else.

use super::changes::{Change, Checked, Comparison, added, fault, only_differ_in};
use super::document::View;
use super::form::{Field, tree};
use super::object::{Dict, Object, ObjectId, text_string};
use super::overlap;
use super::xref::Entry;
use crate::message::{Code, Reason};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Keys a new signature field or its widget may have: nothing that acts (`A`, `AA`) and nothing that hides (`OC`).
const NEW_KEYS: &[&[u8]] = &[
    b"Type",
    b"Subtype",
    b"FT",
    b"T",
    b"TU",
    b"TM",
    b"Ff",
    b"V",
    b"Kids",
    b"Parent",
    b"Rect",
    b"F",
    b"P",
    b"AP",
    b"AS",
    b"MK",
    b"BS",
    b"Border",
    b"DA",
    b"DR",
    b"M",
    b"NM",
    b"Lock",
    b"SV",
    b"Q",
    b"H",
    b"C",
    b"Contents",
    b"StructParent",
];

/// Keys signing may change in a field or widget that was there, empty, before.
const SIGNING_KEYS: &[&[u8]] = &[b"V", b"AP", b"F", b"M", b"AS", b"Type", b"Ff"];

/// Keys filling in may change in a field or its widget.
const FILLING_KEYS: &[&[u8]] =
    &[b"V", b"AP", b"F", b"M", b"AS", b"Type", b"Ff", b"DA", b"Q", b"I", b"RV", b"DS"];

/// Acrobat sets flags even of fields that are signed.
const SIGNED_KEYS: &[&[u8]] = &[b"Type", b"Ff"];

/// Annotation flags that hide: invisible, hidden, no view (ISO 32000-1 table 165).
const HIDING: i64 = 1 | 2 | 32;

/// Most square points all widgets an update signs or fills in may cover: half an A4 page. A seal is 36 mm across; whoever
/// needs more hides what others signed.
const PICTURE_MAX: f64 = 250_000.0;

impl Comparison<'_, '_> {
    /// The form's own dictionary, then each field.
    pub(super) fn form(&mut self, before: &Dict, after: &Dict) -> Checked {
        let (old_value, new_value) = (before.get(b"AcroForm"), after.get(b"AcroForm"));
        if matches!((old_value, new_value), (Object::Null, Object::Null)) {
            return Ok(());
        }
        let (old, new) = (self.before.resolve(old_value)?, self.after.resolve(new_value)?);
        let Object::Dict(new) = &*new else { return Err(Reason::of(Code::ChangedForm, "removed")) };
        if new.ambiguous {
            return Err(Reason::of(Code::ChangedForm, "a duplicate key"));
        }
        let empty = Dict::default();
        let old = old.dict().unwrap_or(&empty);
        self.explain_own(old_value, new_value, Code::ChangedForm)?;
        let keys: BTreeSet<&[u8]> = old.iter().chain(new.iter()).map(|(k, _)| k).collect();
        for key in keys {
            let (was, is) = (old.get(key), new.get(key));
            match key {
                b"Fields" => {}
                b"SigFlags" if is.int().is_some_and(|f| (0..=3).contains(&f)) => {}
                b"DA" if was == is || !old.has(key) => {}
                b"DR" => self.additive(was, is)?,
                b"NeedAppearances" if matches!(is, Object::Null | Object::Bool(false)) => {}
                b"Q" if !old.has(key) => {}
                _ if was == is => {}
                _ => return Err(Reason::of(Code::ChangedForm, format_args!("/{}", text_string(key)))),
            }
        }
        self.list(old.get(b"Fields"), new.get(b"Fields"), true)?;
        self.fields()
    }

    /// Default resources: names may be added, none may mean something else.
    fn additive(&mut self, was: &Object, is: &Object) -> Checked {
        let bad = || Reason::of(Code::ChangedForm, "/DR");
        self.explain_own(was, is, Code::ChangedForm)?;
        let (old, new) = (self.before.resolve(was)?, self.after.resolve(is)?);
        let Some(old) = old.dict() else { return self.explain_new(is) };
        let new = new.dict().filter(|d| !d.ambiguous).ok_or_else(bad)?;
        for (category, value) in old.iter() {
            let (had, has) = (self.before.resolve(value)?, self.after.resolve(new.get(category))?);
            let kept = match (had.dict(), has.dict()) {
                (Some(had), Some(has)) => !has.ambiguous && had.iter().all(|(name, v)| v == has.get(name)),
                _ => had == has,
            };
            if !kept {
                return Err(bad());
            }
            self.explain_own(value, new.get(category), Code::ChangedForm)?;
        }
        self.explain_new(is)
    }

    /// A list of fields or widgets: all that was there, in order; more only where `grows`.
    fn list(&mut self, was: &Object, is: &Object, grows: bool) -> Checked {
        let bad = || Reason::of(Code::ChangedForm, "a list of fields");
        let array = |view: &View<'_>, value: &Object| match &*view.resolve(value)? {
            Object::Array(items) => Ok(items.clone()),
            Object::Null => Ok(Vec::new()),
            _ => Err(bad()),
        };
        let (old, new) = (array(self.before, was)?, array(self.after, is)?);
        let more = added(&old, &new).ok_or_else(bad)?;
        if !more.is_empty() && (!grows || more.iter().any(|field| field.reference().is_none())) {
            return Err(bad());
        }
        self.explain_own(was, is, Code::ChangedForm)
    }

    /// Whether something changed in place that an appearance could consist of.
    fn may_touch_looks(&self) -> Result<bool, Reason> {
        for number in self.changed.iter().copied().filter(|n| self.before.entry(*n) != Entry::Free) {
            let object = self.before.load(number)?.object;
            let look = match &*object {
                Object::Stream(_) => true,
                Object::Dict(dict) => {
                    ![b"Type".as_slice(), b"FT", b"T", b"Fields"].iter().any(|k| dict.has(k))
                }
                _ => false,
            };
            if look {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn fields(&mut self) -> Checked {
        let looks = self.may_touch_looks()?;
        let (old, new) = (tree(self.before)?, tree(self.after)?);
        let now: HashMap<u32, &Field> = new.iter().filter_map(|f| Some((f.id?.number, f))).collect();
        for field in &old {
            let Some(id) = field.id else { continue };
            match now.get(&id.number).filter(|now| now.name == field.name && now.parent == field.parent) {
                Some(now) => self.known_field(id, field, now, looks)?,
                None => return Err(fault(Code::ChangedForm, id.number)),
            }
        }
        let known: HashSet<u32> = old.iter().filter_map(|f| Some(f.id?.number)).collect();
        let names: HashSet<&str> = old.iter().map(|f| f.name.as_str()).collect();
        for field in new.iter().filter(|f| f.id.is_some_and(|id| !known.contains(&id.number))) {
            let Some(id) = field.id else { continue };
            if field.name.is_empty() || names.contains(field.name.as_str()) {
                return Err(fault(Code::ChangedForm, id.number));
            }
            self.new_field(id, field)?;
        }
        Ok(())
    }

    pub(super) fn dict_of(&self, view: &View<'_>, number: u32) -> Result<Dict, Reason> {
        match &*view.load(number)?.object {
            Object::Dict(dict) => Ok(dict.clone()),
            _ => Err(fault(Code::ChangedForm, number)),
        }
    }

    /// A field that was there before.
    fn known_field(&mut self, id: ObjectId, was: &Field, is: &Field, looks: bool) -> Checked {
        let touched = |number: &u32| self.changed.contains(number);
        let pictures: Vec<u32> = was.pictures.iter().filter_map(|p| Some(p.reference()?.number)).collect();
        let old = self.before.load(id.number)?.object;
        let list_touched =
            old.dict().and_then(|d| d.get(b"Kids").reference()).is_some_and(|list| touched(&list.number));
        let own = touched(&id.number) || list_touched || pictures.iter().any(touched);
        if !own {
            let redrawn = looks && was.terminal && self.appearance_touched(id.number, &pictures)?;
            if !redrawn {
                return Ok(());
            }
        }
        let (old, new) = (self.dict_of(self.before, id.number)?, self.dict_of(self.after, id.number)?);
        self.list(old.get(b"Kids"), new.get(b"Kids"), !was.terminal)?;
        if !was.terminal {
            return self.same_but(id.number, &old, &new, &[b"Kids"]);
        }
        if is.pictures != was.pictures {
            return Err(fault(Code::ChangedForm, id.number));
        }
        let nothing = |value: &Object| matches!(value, Object::Null);
        match (was.signature, nothing(&was.value), nothing(&is.value)) {
            (true, true, false) => {
                self.signed_now(id.number, &old, &new, &pictures)?;
                self.signature(new.get(b"V"), was.name.clone(), true)
            }
            (true, ..) => self.same_but(id.number, &old, &new, SIGNED_KEYS),
            (false, ..) => {
                self.filled_in(id.number, &old, &new, &pictures)?;
                self.filled_value(id.number, was, is)
            }
        }
    }

    /// Whether an appearance of the field or of one of its widgets was written anew in its place.
    fn appearance_touched(&self, field: u32, pictures: &[u32]) -> Result<bool, Reason> {
        for number in pictures.iter().copied().chain([field]) {
            let object = self.before.load(number)?.object;
            let Some(dict) = object.dict().filter(|d| d.has(b"AP")) else { continue };
            if self.looks(dict.get(b"AP"))?.iter().any(|id| self.changed.contains(id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The objects an appearance dictionary consists of, before: itself, its states, its streams.
    fn looks(&self, appearance: &Object) -> Result<Vec<u32>, Reason> {
        let mut found = Vec::new();
        let mut stack = vec![(appearance.clone(), 0)];
        while let Some((object, depth)) = stack.pop() {
            found.extend(object.reference().map(|id| id.number));
            if let Object::Dict(dict) = &*self.before.resolve(&object)?
                && depth < 2
            {
                stack.extend(dict.iter().map(|(_, value)| (value.clone(), depth + 1)));
            }
        }
        Ok(found)
    }

    /// The appearance after: new objects, or old ones that only this appearance uses.
    fn appearance(&mut self, was: &Object, is: &Object) -> Checked {
        let own = self.looks(was)?;
        let anew: Vec<u32> = own.iter().copied().filter(|number| self.changed.contains(number)).collect();
        for number in anew {
            let times = own.iter().filter(|n| **n == number).count();
            if usize::try_from(self.seen.times(number)).is_ok_and(|seen| seen > times) {
                return Err(fault(Code::ChangedForm, number));
            }
            self.explained.insert(number);
            let object = self.after.load(number)?.object;
            self.explain_new(&object)?;
        }
        self.explain_new(is)
    }

    fn same_but(&mut self, number: u32, old: &Dict, new: &Dict, keys: &[&[u8]]) -> Checked {
        if !self.changed.contains(&number) {
            return Ok(());
        }
        only_differ_in(old, new, keys).ok_or(fault(Code::ChangedForm, number))?;
        self.explained.insert(number);
        Ok(())
    }

    /// A signature field and its widgets, signed by this update.
    fn signed_now(&mut self, field: u32, old: &Dict, new: &Dict, pictures: &[u32]) -> Checked {
        self.part(field, old, new, SIGNING_KEYS)?;
        for number in pictures {
            let (old, new) = (self.dict_of(self.before, *number)?, self.dict_of(self.after, *number)?);
            self.part(*number, &old, &new, SIGNING_KEYS)?;
        }
        Ok(())
    }

    /// Another field and its widgets, filled in by this update.
    fn filled_in(&mut self, field: u32, old: &Dict, new: &Dict, pictures: &[u32]) -> Checked {
        self.part(field, old, new, FILLING_KEYS)?;
        for number in pictures {
            let (old, new) = (self.dict_of(self.before, *number)?, self.dict_of(self.after, *number)?);
            self.part(*number, &old, &new, FILLING_KEYS)?;
        }
        Ok(())
    }

    fn part(&mut self, number: u32, old: &Dict, new: &Dict, keys: &[&[u8]]) -> Checked {
        let flags = |dict: &Dict| dict.get(b"F").int().unwrap_or(0) & HIDING;
        // Hidden and shown again: both change what a page shows.
        let hides = flags(new) != flags(old);
        // An object that something takes for another thing than a field could change a page with its keys.
        if self.changed.contains(&number) && (hides || self.seen.is_odd(number)) {
            return Err(fault(Code::ChangedForm, number));
        }
        self.same_but(number, old, new, keys)?;
        self.place(number, old)?;
        self.appearance(old.get(b"AP"), new.get(b"AP"))?;
        self.explain_new(new.get(b"V"))?;
        self.explain_new(new.get(b"RV"))
    }

    /// A field that was open at signing may be over what was signed: it is held to the size of a signature's picture,
    /// and what lies under it is told.
    fn place(&mut self, number: u32, widget: &Dict) -> Checked {
        let Some(place) = self.rectangle(self.before, widget)? else { return Ok(()) };
        self.cover(number, place)?;
        let page = widget.get(b"P").reference().map(|id| id.number);
        if let Some(page) = page
            && overlap::covers_text(self.before, page, place)?
        {
            let what = format_args!("object {number} 0 on page object {page} 0");
            self.notes.push(Reason::of(Code::NoteOverContent, what));
        }
        Ok(())
    }

    fn rectangle(&self, view: &View<'_>, widget: &Dict) -> Result<Option<overlap::Box4>, Reason> {
        let rectangle = view.resolve(widget.get(b"Rect"))?;
        let corners: Vec<f64> =
            rectangle.array().unwrap_or_default().iter().filter_map(Object::number).collect();
        Ok(corners.try_into().ok())
    }

    /// Counts what widgets cover.
    fn cover(&mut self, number: u32, [left, bottom, right, top]: overlap::Box4) -> Checked {
        self.covered += ((right - left) * (top - bottom)).abs();
        match self.covered.is_nan() || self.covered > PICTURE_MAX {
            true => Err(fault(Code::ChangedPage, number)),
            false => Ok(()),
        }
    }

    /// What was left open may be filled in. What the signer saw filled in stays, unless a certification permits
    /// changes; and a field does not look different without saying something different.
    fn filled_value(&mut self, number: u32, was: &Field, is: &Field) -> Checked {
        let (old, new) = (self.before.resolve(&was.value)?, self.after.resolve(&is.value)?);
        let certified = self.signatures.iter().any(|s| s.section > self.section && s.permits_filling());
        let same = self.after.same(&new, &old);
        let looked = match same {
            true => {
                let pictures = was.pictures.iter().filter_map(|p| Some(p.reference()?.number));
                let mut parts: Vec<u32> = pictures.collect();
                parts.push(number);
                let mut drawn = false;
                for part in parts {
                    drawn |= self.before.load(part)?.object.dict().is_some_and(|d| d.has(b"AP"));
                }
                drawn && self.redrawn(number, was)?
            }
            false => !certified && (!is_empty(&old) || self.showed_something(number, was)?),
        };
        if looked {
            return Err(Reason::of(Code::ChangedForm, format_args!("object {number} 0, filled in before")));
        }
        self.changes.push(Change::FormFill { field: is.name.clone() });
        Ok(())
    }

    /// Whether the field said something to the signer, whatever its value was.
    fn showed_something(&self, field: u32, was: &Field) -> Result<bool, Reason> {
        let pictures = was.pictures.iter().filter_map(|p| Some(p.reference()?.number));
        for number in pictures.chain([field]) {
            let object = self.before.load(number)?.object;
            let Some(dict) = object.dict() else { continue };
            let looks = self.before.dict_at(dict, b"AP")?.unwrap_or_default();
            let mut look = self.before.resolve(looks.get(b"N"))?;
            if let Object::Dict(states) = &*look {
                let state = dict.get(b"AS").name().unwrap_or(b"Off");
                look = self.before.resolve(&states.get(state).clone())?;
            }
            // What cannot be read may have said anything.
            if let Object::Stream(stream) = &*look
                && self.before.decode(stream).map_or(true, |drawn| overlap::says_something(&drawn))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the field's appearance or state is another one than before.
    fn redrawn(&self, field: u32, was: &Field) -> Result<bool, Reason> {
        let pictures = was.pictures.iter().filter_map(|p| Some(p.reference()?.number));
        let parts: Vec<u32> = pictures.chain([field]).collect();
        for number in &parts {
            let (old, new) = (self.before.load(*number)?.object, self.after.load(*number)?.object);
            let (Some(old), Some(new)) = (old.dict(), new.dict()) else { continue };
            if old.get(b"AP") != new.get(b"AP") || old.get(b"AS") != new.get(b"AS") {
                return Ok(true);
            }
        }
        self.appearance_touched(field, &parts)
    }

    /// A field that was not there before: for a signature, or a name above such.
    fn new_field(&mut self, id: ObjectId, field: &Field) -> Checked {
        let bad = || fault(Code::ChangedForm, id.number);
        if !self.is_new(id.number)? {
            return Err(bad());
        }
        let dict = self.dict_of(self.after, id.number)?;
        self.new_keys(id, &dict)?;
        self.explained.insert(id.number);
        if dict.get(b"Parent").reference().map(|above| above.number) != field.parent {
            return Err(bad());
        }
        if !field.terminal {
            let plain = !dict.has(b"Rect") && !dict.has(b"AP") && !dict.has(b"V");
            return if plain { self.explain_new(dict.get(b"Kids")) } else { Err(bad()) };
        }
        if !field.signature {
            return Err(bad());
        }
        let signed = !matches!(field.value, Object::Null);
        let covered = self.covered;
        if dict.has(b"Rect") {
            self.widget(id, &dict, signed)?;
        }
        for kid in &field.pictures {
            let kid = kid.reference().ok_or_else(bad)?;
            let widget = self.dict_of(self.after, kid.number)?;
            if !self.is_new(kid.number)? || widget.get(b"Parent").reference() != Some(id) {
                return Err(fault(Code::ChangedForm, kid.number));
            }
            self.new_keys(kid, &widget)?;
            self.widget(kid, &widget, signed)?;
        }
        for key in [b"Lock".as_slice(), b"SV", b"DR", b"Kids"] {
            self.explain_new(dict.get(key))?;
        }
        match signed {
            true => self.signature(dict.get(b"V"), field.name.clone(), false)?,
            false => self.changes.push(Change::EmptyField { field: field.name.clone() }),
        }
        // A timestamp is nobody's word on what a page shows, so it shows nothing.
        let stamp = matches!(self.changes.last(), Some(Change::Signature { timestamp: true, .. }));
        match stamp && self.covered > covered {
            true => Err(fault(Code::ChangedPage, id.number)),
            false => Ok(()),
        }
    }

    fn new_keys(&self, id: ObjectId, dict: &Dict) -> Checked {
        match !dict.ambiguous && dict.iter().all(|(key, _)| NEW_KEYS.contains(&key)) {
            true => Ok(()),
            false => Err(fault(Code::ChangedForm, id.number)),
        }
    }

    fn widget(&mut self, id: ObjectId, dict: &Dict, signed: bool) -> Checked {
        if dict.get(b"Subtype").name() != Some(b"Widget") {
            return Err(fault(Code::ChangedForm, id.number));
        }
        let place = self.rectangle(self.after, dict)?.ok_or(fault(Code::ChangedForm, id.number))?;
        self.cover(id.number, place)?;
        if !signed && !self.blank(dict)? {
            return Err(fault(Code::ChangedForm, id.number));
        }
        self.explained.insert(id.number);
        self.widgets.insert(id.number, place);
        for key in [b"AP".as_slice(), b"MK", b"BS", b"Border", b"Rect", b"P"] {
            self.explain_new(dict.get(key))?;
        }
        Ok(())
    }

    /// Whether a widget shows nothing: a place for a signature that nobody has made yet is nobody's content.
    fn blank(&self, widget: &Dict) -> Result<bool, Reason> {
        let colours = self.after.dict_at(widget, b"MK")?.unwrap_or_default();
        if colours.iter().any(|(key, value)| key != b"R" && !matches!(value.array(), Some([]))) {
            return Ok(false);
        }
        let looks = self.after.dict_at(widget, b"AP")?.unwrap_or_default();
        for (_, look) in looks.iter() {
            let empty = match &*self.after.resolve(look)? {
                Object::Null => true,
                Object::Stream(stream) => self.after.decode(stream)?.iter().all(u8::is_ascii_whitespace),
                _ => false,
            };
            if !empty {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A value nobody has filled in: none, an empty text, an unchecked box.
fn is_empty(value: &Object) -> bool {
    match value {
        Object::Null => true,
        Object::Text(text) => text_string(&text.bytes).trim().is_empty(),
        Object::Name(name) => name.is_empty() || **name == *b"Off",
        Object::Array(items) => items.is_empty(),
        _ => false,
    }
}
