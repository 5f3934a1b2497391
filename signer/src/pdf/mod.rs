//! PDF: a bounded reader of our own, for judging signatures only.
//!
//! It reads what signatures depend on: cross-reference tables and streams, hybrids, object streams, revisions,
//! form fields, ranges. It repairs nothing: a file that needs repair shows different things to different readers.
//! [`read`] gives facts; whether a signature is good is judged elsewhere, from these facts.

mod changes;
mod document;
mod dss;
mod filter;
mod graph;
mod metadata;
mod object;
mod parse;
mod revision;
mod signature;
mod write;
mod xref;

pub use changes::Change;
pub(crate) use document::{File, View};
pub use dss::Store;
pub use object::{Dict, Object, ObjectId, Stream, Text, text_string};
pub(crate) use signature::{Field as SignatureField, fields as signature_fields, lock_of};
pub use signature::{Found, Kind, Lock, Signature, SubFilter};
pub(crate) use write::{Update as PendingUpdate, escape_text};

use crate::coverage::Coverage;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use changes::Examined;
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
}

/// Reads the facts. Errors: why the file cannot be read as a PDF whose signatures could be judged.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Facts, Reason> {
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    view.catalog()?;
    let (found, empty_fields) = signature::find(&view)?;
    let store = dss::read(&view)?;
    let good: Vec<Signature> = found.iter().filter_map(|f| f.signature.clone().ok()).collect();
    let mut examined = HashMap::new();
    let mut signatures = Vec::new();
    for Found { field, signature, .. } in found {
        let mut signed =
            Signed { field, signature, coverage: Coverage::None, changes: Vec::new(), fault: None };
        if let Ok(signature) = &signed.signature {
            match later(&file, signature, &good, &mut examined) {
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
    Ok(Facts { signatures, empty_fields, store })
}

/// The updates after a signature, each examined once for the whole file.
fn later(
    file: &File<'_>,
    signature: &Signature,
    all: &[Signature],
    examined: &mut HashMap<usize, Examined>,
) -> Result<Vec<Examined>, Reason> {
    let updates = revision::updates_after(file, signature.section, signature.end())?;
    let signatures: Vec<&Signature> = all.iter().collect();
    let mut before: Option<View<'_>> = None;
    let mut results = Vec::new();
    for update in &updates {
        if let Some(known) = examined.get(&update.section) {
            results.push(known.clone());
            before = None;
            continue;
        }
        let start = match before {
            Some(view) => view,
            None => View::new(file, update.section + 1, update.span.start)?,
        };
        let after = View::new(file, update.section, update.span.end)?;
        let result = changes::examine(&start, &after, update, &signatures);
        if let Some(reason) = result.fault.as_ref().filter(|r| r.code == Code::Budget) {
            return Err(reason.clone());
        }
        examined.insert(update.section, result.clone());
        results.push(result);
        before = Some(after);
    }
    Ok(results)
}

/// What the signer forbade: DocMDP level 1 allows evidence and document timestamps only (ETSI EN 319 142-1 §5.4
/// on top of ISO 32000-1 table 254), and locked fields stay as they are.
fn forbidden(signature: &Signature, changes: &[Change]) -> Option<Reason> {
    changes.iter().find_map(|change| match change {
        Change::Signature { timestamp: false, .. } if signature.kind == Kind::Certification(1) => {
            Some(Reason::new(Code::ChangedDocMdp))
        }
        Change::Signature { field, existing: true, .. } if signature.locks.iter().any(|l| l.holds(field)) => {
            Some(Reason::new(Code::ChangedLocked))
        }
        _ => None,
    })
}
