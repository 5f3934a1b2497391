//! PDF: a bounded reader of our own, for judging signatures only.
//!
//! It reads what signatures depend on: cross-reference tables and streams, hybrids, object streams, revisions,
//! form fields, ranges. It repairs nothing: a file that needs repair shows different things to different readers.
//! [`read`] gives facts; whether a signature is good is judged elsewhere, from these facts.

mod changes;
mod content;
mod document;
mod dss;
mod filling;
mod filter;
mod form;
mod graph;
mod metadata;
mod object;
mod overlap;
mod parse;
mod revision;
mod signature;
mod structure;
mod text;
mod warnings;
mod write;
mod xref;

pub use changes::Change;
pub(crate) use document::{File, View};
pub use dss::{Store, StoreEnds};
pub(crate) use filter::paeth;
pub(crate) use form::{Field as SignatureField, fields as signature_fields};
pub use object::{Dict, Object, ObjectId, Stream, Text, text_string};
pub(crate) use signature::lock_of;
pub use signature::{Found, Kind, Lock, Signature, SubFilter};
pub use text::{Line, each_page, first_page, text};
pub(crate) use write::{Update as PendingUpdate, escape_text};

use crate::coverage::Coverage;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use changes::Examined;
use graph::Seen;
use std::collections::HashMap;

/// A signature with what happened to the file after it.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The field's name, or the object's number when no field holds it.
    pub field: String,
    /// The signature, or why it is none.
    pub signature: Result<Signature, Reason>,
    /// How much it covers.
    pub coverage: Coverage,
    /// What later updates brought, all of it allowed unless `fault` says otherwise.
    pub changes: Vec<Change>,
    /// A change after this signature that is not allowed.
    pub fault: Option<Reason>,
}

/// What a PDF says about its signatures.
#[derive(Clone, Debug)]
pub struct Facts {
    /// In the order in which they were made.
    pub signatures: Vec<Signed>,
    /// Signature fields still empty.
    pub empty_fields: Vec<String>,
    /// The document security store.
    pub store: Store,
    /// Where the store's parts end in the file.
    pub store_ends: StoreEnds,
    /// Remarks: what could make the file show something else later, or to others.
    pub notes: Vec<Reason>,
}

/// Reads the facts. Errors: why the file cannot be read as a PDF whose signatures could be judged.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Facts, Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    view.catalog()?;
    let (found, empty_fields) = signature::find(&view)?;
    let (store, store_ends) = dss::read(&view)?;
    let good: Vec<Signature> = found.iter().filter_map(|f| f.signature.clone().ok()).collect();
    let mut progress = Progress::default();
    let mut signatures = Vec::new();
    for Found { field, signature, .. } in found {
        let mut signed =
            Signed { field, signature, coverage: Coverage::None, changes: Vec::new(), fault: None };
        if let Ok(signature) = &signed.signature {
            match later(&file, signature, &good, &mut progress) {
                Ok(updates) => {
                    signed.coverage = match updates.is_empty() {
                        true => Coverage::WholeDocument,
                        false => Coverage::WholeRevision,
                    };
                    signed.fault = updates.iter().find_map(|u| u.fault.clone());
                    signed.changes = updates.into_iter().flat_map(|u| u.changes).collect();
                    signed.fault = signed.fault.or_else(|| forbidden(signature, &signed.changes));
                }
                Err(reason) if reason.code == Code::Budget => return Err(reason),
                Err(reason) => signed.fault = Some(reason),
            }
        }
        signatures.push(signed);
    }
    let mut notes = warnings::look(&view)?;
    let mut overlaps: Vec<(&usize, &Reason)> = progress
        .examined
        .iter()
        .flat_map(|(section, e)| e.notes.iter().map(move |note| (section, note)))
        .collect();
    overlaps.sort_by(|(a, _), (b, _)| b.cmp(a));
    notes.extend(overlaps.into_iter().map(|(_, note)| note.clone()));
    notes.extend(filled_unsigned(&signatures));
    Ok(Facts { signatures, empty_fields, store, store_ends, notes })
}

/// What was filled in after the last signature: permitted, and nobody's word.
fn filled_unsigned(signatures: &[Signed]) -> Option<Reason> {
    let last =
        signatures.iter().rfind(|s| s.signature.as_ref().is_ok_and(|s| s.kind != Kind::DocTimestamp))?;
    let mut filled = last.changes.iter().filter_map(|change| match change {
        Change::FormFill { field } => Some(field),
        _ => None,
    });
    filled.next().map(|field| Reason::of(Code::NoteFilledUnsigned, field))
}

/// Updates examined so far, each once for the whole file, and who is referred to after the last of them.
#[derive(Default)]
struct Progress {
    examined: HashMap<usize, Examined>,
    /// The section whose view this is about.
    seen: Option<(usize, Seen)>,
}

/// The updates after a signature.
fn later(
    file: &File<'_>,
    signature: &Signature,
    all: &[Signature],
    progress: &mut Progress,
) -> Result<Vec<Examined>, Reason> {
    let updates = revision::updates_after(file, signature.section, signature.end())?;
    let signatures: Vec<&Signature> = all.iter().collect();
    let mut results = Vec::new();
    for update in &updates {
        if let Some(known) = progress.examined.get(&update.section) {
            results.push(known.clone());
            continue;
        }
        let before = View::new(file, update.section + 1, update.span.start);
        let after = View::new(file, update.section, update.span.end);
        let mut seen = match progress.seen.take() {
            Some((section, seen)) if section == update.section + 1 => seen,
            _ => Seen::of(&before)?,
        };
        let result = changes::examine(&before, &after, update, &signatures, &mut seen);
        match &result.fault {
            Some(reason) if reason.code == Code::Budget => return Err(reason.clone()),
            // What a bad update did to the count is not relied on.
            Some(_) => {}
            None => progress.seen = Some((update.section, seen)),
        }
        progress.examined.insert(update.section, result.clone());
        results.push(result);
    }
    Ok(results)
}

/// What the signer forbade: DocMDP level 1 allows evidence and document timestamps only (ETSI EN 319 142-1 §5.4
/// on top of ISO 32000-1 table 254), and locked fields stay as they are.
fn forbidden(signature: &Signature, changes: &[Change]) -> Option<Reason> {
    let sealed = signature.level == Some(1);
    let locked = |field: &String| signature.locks.iter().any(|lock| lock.holds(field));
    changes.iter().find_map(|change| match change {
        Change::Signature { timestamp: false, .. } | Change::EmptyField { .. } | Change::FormFill { .. }
            if sealed =>
        {
            Some(Reason::new(Code::ChangedDocMdp))
        }
        Change::Signature { field, existing: true, .. } | Change::FormFill { field } if locked(field) => {
            Some(Reason::of(Code::ChangedLocked, field))
        }
        _ => None,
    })
}
