//! What an update after a signature changed. Nothing is allowed but what is named here: a further signature with
//! its field, picture and place on a page; a form field that was open and is filled in; an empty place for a
//! signature; evidence (DSS); a document timestamp; dates in the metadata. Each object that changed must be
//! explained by one of these, and must not also be seen from anywhere else.

use super::document::View;
use super::graph::{Seen, pages};
use super::metadata;
use super::object::{Dict, Link, Object, ObjectId, text_string};
use super::overlap;
use super::revision::{self, Update};
use super::signature::{Kind, Signature};
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
    /// A place for a signature that shows nothing yet.
    EmptyField {
        /// The field's full name.
        field: String,
    },
    /// A form field that was there, and open, is filled in.
    FormFill {
        /// The field's full name.
        field: String,
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
    /// Allowed, and worth a look.
    pub(crate) notes: Vec<Reason>,
}

/// Looks at one update: `before` is the view it started from, `after` the one it made; `seen` belongs to the view
/// before and is brought on to the one after.
pub(crate) fn examine(
    before: &View<'_>,
    after: &View<'_>,
    update: &Update,
    signatures: &[&Signature],
    seen: &mut Seen,
) -> Examined {
    let mut comparison = Comparison {
        before,
        after,
        section: update.section,
        signatures,
        changed: BTreeSet::new(),
        explained: HashSet::new(),
        widgets: HashMap::new(),
        covered: 0.0,
        changes: Vec::new(),
        notes: Vec::new(),
        seen,
    };
    let fault = revision::accounted(after, update).and_then(|()| comparison.run());
    let Comparison { changed, explained, changes, notes, .. } = comparison;
    let advanced = seen.advance(before, after, &changed);
    let fault = fault.and(advanced).and_then(|()| nothing_left(&changed, &explained, seen));
    Examined { changes, fault: fault.err(), notes }
}

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
    // LibreOffice's checksum of the file as it wrote it.
    b"DocChecksum",
];

/// One update being looked at.
pub(super) struct Comparison<'v, 'f> {
    pub(super) before: &'v View<'f>,
    pub(super) after: &'v View<'f>,
    pub(super) section: usize,
    pub(super) signatures: &'v [&'v Signature],
    /// Numbers whose object is not the same in both views.
    pub(super) changed: BTreeSet<u32>,
    pub(super) explained: HashSet<u32>,
    /// Widgets of new signature fields and where they are on their pages.
    pub(super) widgets: HashMap<u32, overlap::Box4>,
    /// Square points they cover.
    pub(super) covered: f64,
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<Reason>,
    /// Who is referred to in the view before.
    pub(super) seen: &'v Seen,
}

pub(super) type Checked = Result<(), Reason>;

pub(super) fn fault(code: Code, number: u32) -> Reason {
    Reason::of(code, format_args!("object {number} 0"))
}

impl Comparison<'_, '_> {
    fn run(&mut self) -> Checked {
        self.find_changed()?;
        self.trailer()?;
        let (before_id, before) = self.before.catalog()?;
        let (after_id, after) = self.after.catalog()?;
        if before_id != after_id {
            return Err(fault(Code::ChangedCatalog, after_id.number));
        }
        // Something takes the catalog for a dictionary of drawings or fonts: no key of it is what it seems.
        if self.changed.contains(&after_id.number) && self.seen.is_odd(after_id.number) {
            return Err(fault(Code::ChangedCatalog, after_id.number));
        }
        self.explained.insert(after_id.number);
        self.catalog(&before, &after)?;
        self.form(&before, &after)?;
        self.pages(&after)?;
        self.containers();
        self.structure(&before, &after)
    }

    fn find_changed(&mut self) -> Checked {
        let Some(section) = self.after.file.sections.get(self.section) else { return Ok(()) };
        for (number, _) in section.entries.iter().copied() {
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
    pub(super) fn is_new(&self, number: u32) -> Result<bool, Reason> {
        if self.before.entry(number) != Entry::Free || !self.changed.contains(&number) {
            return Ok(false);
        }
        match self.seen.contains(number) {
            false => Ok(true),
            true => Err(fault(Code::ChangedDangling, number)),
        }
    }

    /// Marks an object that may be new, or change in place if it is seen from nowhere but the one place it had
    /// before: `old` is that place's value then, `Null` where evidence and metadata are left out of what is seen.
    pub(super) fn explain_own(&mut self, old: &Object, new: &Object, code: Code) -> Checked {
        let Object::Ref(id) = new else { return Ok(()) };
        if self.changed.contains(&id.number) && !self.is_new(id.number)? {
            let own = u32::from(old == new);
            if self.seen.times(id.number) > own {
                return Err(fault(code, id.number));
            }
        }
        self.explained.insert(id.number);
        Ok(())
    }

    /// Marks new objects reachable from here; what was there before is left as it is.
    pub(super) fn explain_new(&mut self, root: &Object) -> Checked {
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
            for Link { id, .. } in links.to {
                if !visited.insert(id.number) {
                    continue;
                }
                let own = evidence && !self.seen.contains(id.number);
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
                // Whether the structure may be relied on: nothing a page shows.
                b"MarkInfo" => self.explain_own(old, new, Code::ChangedCatalog)?,
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
            for Link { id, .. } in links.to {
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

    /// The one signature this update is allowed to bring: the one whose range closes it.
    pub(super) fn signature(&mut self, value: &Object, field: String, existing: bool) -> Checked {
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
            // The order of fields when walking through them with the keyboard may be said where it was not.
            let order = new.get(b"Tabs").name().is_some() && !old.has(b"Tabs");
            let keys: &[&[u8]] = if order { &[b"Annots", b"Tabs"] } else { &[b"Annots"] };
            only_differ_in(old, new, keys).ok_or(fault(Code::ChangedPage, number))?;
            let (was, is) = (self.before.array_at(old, b"Annots")?, self.after.array_at(new, b"Annots")?);
            let added = added(&was, &is).ok_or(fault(Code::ChangedPage, number))?;
            for widget in added {
                let id = widget.reference().ok_or(fault(Code::ChangedPage, number))?;
                let place = self.widgets.get(&id.number).ok_or(fault(Code::ChangedPage, number))?;
                if overlap::covers_text(self.before, number, *place)? {
                    self.notes.push(Reason::of(
                        Code::NoteOverContent,
                        format_args!("object {id} on page object {number} 0"),
                    ));
                }
            }
            // Whatever else stood there could be drawn by a page that is its own dictionary of drawings.
            let list = self.after.resolve(annotations)?;
            if !matches!(&*list, Object::Null | Object::Array(_)) {
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
        let carriers = section.entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Inside { stream, .. } => Some(*stream),
            _ => None,
        });
        let tables = section.stream_number.into_iter().chain(section.hybrid.as_ref().map(|h| h.number));
        for number in carriers.chain(tables) {
            if !self.seen.contains(number) {
                self.explained.insert(number);
            }
        }
    }
}

/// What no rule explained may stay only if nobody can see it, before or after; `seen`: after the update. What is gone
/// from there was referred to by something that changed, and that was looked at.
fn nothing_left(changed: &BTreeSet<u32>, explained: &HashSet<u32>, seen: &Seen) -> Checked {
    match changed.iter().find(|n| !explained.contains(n) && seen.contains(**n)) {
        Some(number) => Err(fault(Code::ChangedAfter, *number)),
        None => Ok(()),
    }
}

/// `new` without what it has more than `old` must be `old`, in order; returns what it has more.
pub(super) fn added<'n>(old: &[Object], new: &'n [Object]) -> Option<Vec<&'n Object>> {
    let known: HashSet<ObjectId> = old.iter().filter_map(Object::reference).collect();
    let is_old = |o: &Object| o.reference().is_none_or(|id| known.contains(&id));
    let kept = new.iter().filter(|o| is_old(o));
    kept.eq(old.iter()).then(|| new.iter().filter(|o| !is_old(o)).collect())
}

/// `Some` when all other keys are equal and none is ambiguous.
pub(super) fn only_differ_in(old: &Dict, new: &Dict, keys: &[&[u8]]) -> Option<()> {
    let mut old = old.clone();
    let mut new = new.clone();
    for key in keys {
        old = old.with(key, Object::Null);
        new = new.with(key, Object::Null);
    }
    (old == new).then_some(())
}
