//! What an update after a signature changed. Nothing is allowed but what is named here: a further signature with
//! its field, picture and place on a page; evidence (DSS); a document timestamp; dates in the metadata. Each
//! object that changed must be explained by one of these, and must not also be seen from anywhere else.

use super::document::View;
use super::graph::{pages, seen};
use super::metadata;
use super::object::{Dict, Object, ObjectId, text_string};
use super::revision::{self, Update};
use super::signature::{self, Kind, Signature};
use super::xref::Entry;
use crate::message::{Code, Reason};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What an update brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A signature or document timestamp in a field.
    Signature {
        /// The field's full name.
        field: String,
        /// The field was there, empty, before.
        existing: bool,
        /// It is a document timestamp.
        timestamp: bool,
    },
    /// Certificates, OCSP answers and CRLs in the document security store.
    Evidence,
    /// Dates and the like in the document's metadata.
    Metadata,
}

/// The result of looking at one update.
#[derive(Clone, Debug)]
pub(crate) struct Examined {
    pub(crate) changes: Vec<Change>,
    /// Something that is not allowed after a signature.
    pub(crate) fault: Option<Reason>,
}

/// Looks at one update: `before` is the view it started from, `after` the one it made.
pub(crate) fn examine(
    before: &View<'_>,
    after: &View<'_>,
    update: &Update,
    signatures: &[&Signature],
) -> Examined {
    let mut comparison = Comparison {
        before,
        after,
        section: update.section,
        signatures,
        changed: BTreeSet::new(),
        explained: HashSet::new(),
        widgets: HashSet::new(),
        covered: 0.0,
        changes: Vec::new(),
        seen_before: HashMap::new(),
    };
    let fault = revision::accounted(after, update).and_then(|()| comparison.run()).err();
    Examined { changes: comparison.changes, fault }
}

/// Keys a new signature field or its widget may have: nothing that acts (`A`, `AA`) and nothing that hides (`OC`).
const FIELD_KEYS: &[&[u8]] = &[
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
];

/// Keys signing may change in a field that was there, empty, before.
const FILLED_KEYS: &[&[u8]] = &[b"V", b"AP", b"F", b"M", b"AS", b"Type"];

/// Most square points all widgets of a new signature may cover: half an A4 page. A seal is 36 mm across; whoever
/// needs more hides what others signed.
const PICTURE_MAX: f64 = 250_000.0;

/// Trailer keys that may differ: all about the file's bookkeeping.
const TRAILER_KEYS: &[&[u8]] = &[
    b"Size",
    b"Prev",
    b"XRefStm",
    b"ID",
    b"Info",
    b"Type",
    b"W",
    b"Index",
    b"Filter",
    b"DecodeParms",
    b"Length",
];

struct Comparison<'v, 'f> {
    before: &'v View<'f>,
    after: &'v View<'f>,
    section: usize,
    signatures: &'v [&'v Signature],
    /// Numbers whose object is not the same in both views.
    changed: BTreeSet<u32>,
    explained: HashSet<u32>,
    /// Widgets of the new signature.
    widgets: HashSet<u32>,
    /// Square points they cover.
    covered: f64,
    changes: Vec<Change>,
    /// How often each number is referred to in the view before, evidence and metadata left out.
    seen_before: HashMap<u32, u32>,
}

type Checked = Result<(), Reason>;

fn fault(code: Code, number: u32) -> Reason {
    Reason::of(code, format_args!("object {number} 0"))
}

impl Comparison<'_, '_> {
    fn run(&mut self) -> Checked {
        self.find_changed()?;
        self.seen_before = seen(self.before)?;
        self.trailer()?;
        let (before_id, before) = self.before.catalog()?;
        let (after_id, after) = self.after.catalog()?;
        if before_id != after_id {
            return Err(fault(Code::ChangedCatalog, after_id.number));
        }
        self.explained.insert(after_id.number);
        self.catalog(&before, &after)?;
        self.form(&before, &after)?;
        self.filled_fields()?;
        self.pages(&after)?;
        self.containers();
        self.nothing_left()
    }

    fn find_changed(&mut self) -> Checked {
        let Some(section) = self.after.file.sections.get(self.section) else { return Ok(()) };
        for number in section.entries.keys().copied() {
            if self.before.entry(number) == self.after.entry(number) {
                continue;
            }
            let same = match self.before.load(number) {
                Ok(old) => self.after.same(&self.after.load(number)?.object, &old.object),
                Err(_) => false,
            };
            if !same || self.before.generation(number) != self.after.generation(number) {
                self.changed.insert(number);
            }
        }
        Ok(())
    }

    /// Not there before, and nothing before pointed to it.
    fn is_new(&self, number: u32) -> Result<bool, Reason> {
        if self.before.entry(number) != Entry::Free || !self.changed.contains(&number) {
            return Ok(false);
        }
        match self.seen_before.contains_key(&number) {
            false => Ok(true),
            true => Err(fault(Code::ChangedDangling, number)),
        }
    }

    /// Marks an object that may be new, or change in place if it is seen from nowhere but the one place it had
    /// before: `old` is that place's value then, `Null` where evidence and metadata are left out of what is seen.
    fn explain_own(&mut self, old: &Object, new: &Object, code: Code) -> Checked {
        let Object::Ref(id) = new else { return Ok(()) };
        if self.changed.contains(&id.number) && !self.is_new(id.number)? {
            let own = u32::from(old == new);
            if self.seen_before.get(&id.number).copied().unwrap_or(0) > own {
                return Err(fault(code, id.number));
            }
        }
        self.explained.insert(id.number);
        Ok(())
    }

    /// Marks new objects reachable from here; what was there before is left as it is.
    fn explain_new(&mut self, root: &Object) -> Checked {
        self.explain_from(root, false)
    }

    /// `evidence`: objects only seen from the evidence store may also change in place.
    fn explain_from(&mut self, root: &Object, evidence: bool) -> Checked {
        let mut stack = vec![root.links()];
        let mut visited = HashSet::new();
        let mut steps = 0usize;
        while let Some(links) = stack.pop() {
            steps = steps.saturating_add(links.steps);
            if steps > self.after.file.limits.steps {
                return Err(Reason::of(Code::Budget, "graph"));
            }
            if links.ambiguous {
                return Err(Reason::of(Code::ChangedAfter, "a duplicate key"));
            }
            for id in links.to {
                if !visited.insert(id.number) {
                    continue;
                }
                let own = evidence && !self.seen_before.contains_key(&id.number);
                if own || self.is_new(id.number)? {
                    self.explained.insert(id.number);
                    stack.push(self.after.load(id.number)?.object.links());
                }
            }
        }
        Ok(())
    }

    fn trailer(&mut self) -> Checked {
        let (before, after) = (self.before.trailer()?, self.after.trailer()?);
        for (key, value) in after.iter() {
            if !TRAILER_KEYS.contains(&key) && value != before.get(key) {
                return Err(Reason::of(Code::ChangedCatalog, format_args!("trailer {}", text_string(key))));
            }
        }
        let (old, new) = (before.get(b"Info"), after.get(b"Info"));
        let moved = old != new || new.reference().is_some_and(|id| self.changed.contains(&id.number));
        if moved && !matches!(new, Object::Null) {
            self.explain_own(&Object::Null, new, Code::ChangedMetadata)?;
            let (old, new) = (self.before.resolve(old)?, self.after.resolve(new)?);
            let empty = Dict::default();
            metadata::info_harmless(old.dict().unwrap_or(&empty), new.dict().unwrap_or(&empty))?;
            self.changes.push(Change::Metadata);
        }
        Ok(())
    }

    fn catalog(&mut self, before: &Dict, after: &Dict) -> Checked {
        let keys: BTreeSet<&[u8]> = before.iter().chain(after.iter()).map(|(k, _)| k).collect();
        for key in keys {
            let (old, new) = (before.get(key), after.get(key));
            match key {
                b"AcroForm" => {}
                b"DSS" => {
                    let touched = old != new || self.touches(new)?;
                    if touched && !matches!(new, Object::Null) {
                        self.explain_from(new, true)?;
                        self.changes.push(Change::Evidence);
                    }
                }
                b"Metadata" => self.metadata(old, new)?,
                b"Extensions" => {
                    self.explain_own(old, new, Code::ChangedCatalog)?;
                    self.explain_new(new)?;
                }
                b"Version" if matches!(new, Object::Name(_)) => {}
                _ if old == new => {}
                _ => return Err(Reason::of(Code::ChangedCatalog, format_args!("/{}", text_string(key)))),
            }
        }
        Ok(())
    }

    /// Whether anything reachable from here, staying in the evidence store, changed.
    fn touches(&self, root: &Object) -> Result<bool, Reason> {
        let mut stack = vec![root.links()];
        let mut visited = HashSet::new();
        let mut steps = 0usize;
        while let Some(links) = stack.pop() {
            steps = steps.saturating_add(links.steps);
            if steps > self.after.file.limits.steps {
                return Err(Reason::of(Code::Budget, "graph"));
            }
            for id in links.to {
                if self.changed.contains(&id.number) {
                    return Ok(true);
                }
                if visited.insert(id.number) {
                    stack.push(self.after.load(id.number)?.object.links());
                }
            }
        }
        Ok(false)
    }

    fn metadata(&mut self, old: &Object, new: &Object) -> Checked {
        let moved = old != new || new.reference().is_some_and(|id| self.changed.contains(&id.number));
        if !moved {
            return Ok(());
        }
        let read = |view: &View<'_>, value: &Object| match &*view.resolve(value)? {
            Object::Stream(stream) => view.decode(stream).map(Some),
            _ => Ok(None),
        };
        let (before, after) = (read(self.before, old)?, read(self.after, new)?);
        let Some(after) = after else { return Err(Reason::of(Code::ChangedMetadata, "XMP removed")) };
        metadata::xmp_harmless(before.as_deref().unwrap_or_default(), &after)?;
        self.explain_own(&Object::Null, new, Code::ChangedMetadata)?;
        self.changes.push(Change::Metadata);
        Ok(())
    }

    fn form(&mut self, before: &Dict, after: &Dict) -> Checked {
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
        self.field_list(old.get(b"Fields"), new.get(b"Fields"))
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

    fn field_list(&mut self, was: &Object, is: &Object) -> Checked {
        let list = |view: &View<'_>, value: &Object| {
            Ok::<_, Reason>(view.resolve(value)?.array().unwrap_or_default().to_vec())
        };
        let (old, new) = (list(self.before, was)?, list(self.after, is)?);
        self.explain_own(was, is, Code::ChangedForm)?;
        let added = added(&old, &new).ok_or(Reason::of(Code::ChangedForm, "/Fields"))?;
        for field in added {
            let id = field.reference().ok_or(Reason::of(Code::ChangedForm, "/Fields"))?;
            self.new_field(id)?;
        }
        Ok(())
    }

    fn new_field(&mut self, id: ObjectId) -> Checked {
        if !self.is_new(id.number)? {
            return Err(fault(Code::ChangedForm, id.number));
        }
        let loaded = self.after.load(id.number)?;
        let Object::Dict(field) = &*loaded.object else { return Err(fault(Code::ChangedForm, id.number)) };
        self.field_keys(id, field)?;
        let name: String = field.get(b"T").text().map(|t| text_string(&t.bytes)).unwrap_or_default();
        let taken = signature::fields(self.before)?.iter().any(|f| f.name == name);
        if field.get(b"FT").name() != Some(b"Sig") || name.is_empty() || taken || field.has(b"Parent") {
            return Err(fault(Code::ChangedForm, id.number));
        }
        self.explained.insert(id.number);
        self.signature(field.get(b"V"), name, false)?;
        if field.has(b"Rect") {
            self.widget(id, field)?;
        }
        for kid in self.after.array_at(field, b"Kids")? {
            let kid = kid.reference().ok_or(fault(Code::ChangedForm, id.number))?;
            let loaded = self.after.load(kid.number)?;
            let Object::Dict(widget) = &*loaded.object else {
                return Err(fault(Code::ChangedForm, kid.number));
            };
            if !self.is_new(kid.number)? || widget.has(b"T") || widget.get(b"Parent").reference() != Some(id)
            {
                return Err(fault(Code::ChangedForm, kid.number));
            }
            self.field_keys(kid, widget)?;
            self.widget(kid, widget)?;
        }
        self.explain_new(field.get(b"Lock"))?;
        self.explain_new(field.get(b"SV"))?;
        self.explain_new(field.get(b"DR"))?;
        self.explain_new(field.get(b"Kids"))
    }

    fn field_keys(&self, id: ObjectId, dict: &Dict) -> Checked {
        match !dict.ambiguous && dict.iter().all(|(key, _)| FIELD_KEYS.contains(&key)) {
            true => Ok(()),
            false => Err(fault(Code::ChangedForm, id.number)),
        }
    }

    fn widget(&mut self, id: ObjectId, dict: &Dict) -> Checked {
        if dict.get(b"Subtype").name() != Some(b"Widget") {
            return Err(fault(Code::ChangedForm, id.number));
        }
        let corners: Vec<f64> =
            dict.get(b"Rect").array().unwrap_or_default().iter().filter_map(Object::number).collect();
        let [left, bottom, right, top] = corners[..] else { return Err(fault(Code::ChangedForm, id.number)) };
        self.covered += ((right - left) * (top - bottom)).abs();
        if self.covered.is_nan() || self.covered > PICTURE_MAX {
            return Err(fault(Code::ChangedPage, id.number));
        }
        self.explained.insert(id.number);
        self.widgets.insert(id.number);
        for key in [b"AP".as_slice(), b"MK", b"BS", b"Border"] {
            self.explain_new(dict.get(key))?;
        }
        Ok(())
    }

    /// The one signature this update is allowed to bring: the one whose range closes it.
    fn signature(&mut self, value: &Object, field: String, existing: bool) -> Checked {
        let id = value.reference().ok_or(Reason::of(Code::ChangedForm, "an unsigned field"))?;
        let found = self.signatures.iter().find(|s| s.id == id && s.section == self.section);
        let timestamp = match found {
            Some(found) => found.kind == Kind::DocTimestamp,
            None => return Err(fault(Code::ChangedForm, id.number)),
        };
        if !self.is_new(id.number)? || self.changes.iter().any(|c| matches!(c, Change::Signature { .. })) {
            return Err(fault(Code::ChangedForm, id.number));
        }
        self.explain_new(value)?;
        self.changes.push(Change::Signature { field, existing, timestamp });
        Ok(())
    }

    /// Signature fields that were there, empty, and now hold the update's signature.
    fn filled_fields(&mut self) -> Checked {
        for field in signature::fields(self.before)? {
            let Some(id) = field.id.filter(|id| self.changed.contains(&id.number)) else { continue };
            if !matches!(field.value, Object::Null) {
                return Err(fault(Code::ChangedForm, id.number));
            }
            let (old, new) = (self.before.load(id.number)?.object, self.after.load(id.number)?.object);
            let (Object::Dict(old), Object::Dict(new)) = (&*old, &*new) else {
                return Err(fault(Code::ChangedForm, id.number));
            };
            only_differ_in(old, new, FILLED_KEYS).ok_or(fault(Code::ChangedForm, id.number))?;
            self.explained.insert(id.number);
            self.signature(new.get(b"V"), field.name, true)?;
            self.explain_new(new.get(b"AP"))?;
            self.filled_pictures(new)?;
        }
        Ok(())
    }

    fn filled_pictures(&mut self, field: &Dict) -> Checked {
        for kid in self.after.array_at(field, b"Kids")? {
            let Some(id) = kid.reference().filter(|id| self.changed.contains(&id.number)) else { continue };
            let (old, new) = (self.before.load(id.number)?.object, self.after.load(id.number)?.object);
            let (Object::Dict(old), Object::Dict(new)) = (&*old, &*new) else {
                return Err(fault(Code::ChangedForm, id.number));
            };
            only_differ_in(old, new, &[b"AP", b"F", b"M", b"AS"])
                .ok_or(fault(Code::ChangedForm, id.number))?;
            self.explained.insert(id.number);
            self.explain_new(new.get(b"AP"))?;
        }
        Ok(())
    }

    /// Pages: only the new signature's widgets may be added to their annotations.
    fn pages(&mut self, catalog: &Dict) -> Checked {
        if self.changed.is_subset(&self.explained.iter().copied().collect()) {
            return Ok(());
        }
        for number in pages(self.after, catalog)? {
            let new = self.after.load(number)?.object;
            let Object::Dict(new) = &*new else { continue };
            let annotations = new.get(b"Annots");
            let list_changed = annotations.reference().is_some_and(|id| self.changed.contains(&id.number));
            if !self.changed.contains(&number) && !list_changed {
                continue;
            }
            let old = self.before.load(number)?.object;
            let Object::Dict(old) = &*old else { return Err(fault(Code::ChangedPage, number)) };
            only_differ_in(old, new, &[b"Annots"]).ok_or(fault(Code::ChangedPage, number))?;
            let (was, is) = (self.before.array_at(old, b"Annots")?, self.after.array_at(new, b"Annots")?);
            let added = added(&was, &is).ok_or(fault(Code::ChangedPage, number))?;
            if !added.iter().all(|w| w.reference().is_some_and(|id| self.widgets.contains(&id.number))) {
                return Err(fault(Code::ChangedPage, number));
            }
            self.explain_own(old.get(b"Annots"), annotations, Code::ChangedPage)?;
            self.explained.insert(number);
        }
        Ok(())
    }

    /// The cross-reference stream itself and the object streams that carry the update.
    fn containers(&mut self) {
        let Some(section) = self.after.file.sections.get(self.section) else { return };
        let carriers = section.entries.values().filter_map(|entry| match entry {
            Entry::Inside { stream, .. } => Some(*stream),
            _ => None,
        });
        for number in carriers.chain(section.stream_number) {
            if !self.seen_before.contains_key(&number) {
                self.explained.insert(number);
            }
        }
    }

    /// What no rule explained may stay only if nobody can see it, before or after.
    fn nothing_left(&self) -> Checked {
        let left: Vec<u32> = self.changed.iter().copied().filter(|n| !self.explained.contains(n)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let after = seen(self.after)?;
        match left.into_iter().find(|n| self.seen_before.contains_key(n) || after.contains_key(n)) {
            Some(number) => Err(fault(Code::ChangedAfter, number)),
            None => Ok(()),
        }
    }
}

/// `new` without what it has more than `old` must be `old`, in order; returns what it has more.
fn added<'n>(old: &[Object], new: &'n [Object]) -> Option<Vec<&'n Object>> {
    let known: HashSet<ObjectId> = old.iter().filter_map(Object::reference).collect();
    let is_old = |o: &Object| o.reference().is_none_or(|id| known.contains(&id));
    let kept = new.iter().filter(|o| is_old(o));
    kept.eq(old.iter()).then(|| new.iter().filter(|o| !is_old(o)).collect())
}

/// `Some` when all other keys are equal and none is ambiguous.
fn only_differ_in(old: &Dict, new: &Dict, keys: &[&[u8]]) -> Option<()> {
    let mut old = old.clone();
    let mut new = new.clone();
    for key in keys {
        old = old.with(key, Object::Null);
        new = new.with(key, Object::Null);
    }
    (old == new).then_some(())
}
