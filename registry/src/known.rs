//! What this installation's registry knows of a file, by its SHA-256: whether a document it belongs to was recalled or
//! replaced by its sender (RULES R37, R39, R45). Only the fact and the replacement's identifier; never subject, parties or
//! content.

use mail::Timestamp;
use store::{DocumentFile, Tx};

/// Documents one file may belong to, looked at. A standard form is attached to many; the newest tell.
const DOCUMENTS_MAX: i64 = 50;
/// BussinessDocType of a recall and of a replacement (VXP 4.4).
const RECALL: i64 = 1;
const REPLACEMENT: i64 = 3;

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// Nothing. That says nothing against the document.
    #[default]
    Unknown,
    /// A document of this registry, neither recalled nor replaced as far as this registry was told.
    Active,
    /// Its sender recalled it.
    Recalled {
        /// When the order was accepted.
        at: Timestamp,
    },
    /// Its sender replaced it.
    Replaced {
        /// Legal identifier of the replacement, as it was written.
        by: String,
        /// When the replacement was accepted.
        at: Timestamp,
    },
}

/// Looks a file up by its digest.
///
/// A file may belong to several documents. Recalled by one sender and alive at another is alive: the file is told
/// recalled or replaced only when that is true of every document it belongs to.
///
/// # Errors
/// The store's own.
pub async fn look_up(tx: &mut Tx, sha256: &[u8; 32]) -> Result<Known, store::Error> {
    let mut told = Known::Unknown;
    for file in tx.documents_with_file(sha256, DOCUMENTS_MAX).await? {
        match fate(tx, &file).await? {
            Known::Active => return Ok(Known::Active),
            // The newest document comes first, and tells unless an older one is alive.
            known if told == Known::Unknown => told = known,
            _ => {}
        }
    }
    Ok(told)
}

/// What became of a document: the newest act of its own sender decides (RULES R37).
async fn fate(tx: &mut Tx, file: &DocumentFile) -> Result<Known, store::Error> {
    let acts = tx.acts_on(file.agency_id, &file.identifier).await?;
    let later =
        acts.iter().filter(|act| act.document_id != file.document_id && act.accepted_at >= file.accepted_at);
    let mut known = Known::Active;
    for act in later {
        let at = act.accepted_at;
        match act.business_type {
            // Recall is final; what was replaced may still be recalled.
            RECALL => return Ok(Known::Recalled { at }),
            REPLACEMENT => known = Known::Replaced { by: identifier(&act.facts), at },
            _ => {}
        }
    }
    Ok(known)
}

/// The legal identifier in a document's header, as it was written.
fn identifier(facts: &str) -> String {
    let facts: serde_json::Value = serde_json::from_str(facts).unwrap_or_default();
    facts["documentId"].as_str().unwrap_or_default().to_owned()
}
