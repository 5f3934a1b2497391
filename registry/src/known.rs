//! What this installation's registry knows of a file, by its SHA-256: whether a document it belongs to was recalled or
//! replaced by its sender (RULES R37, R39, R45). Only the fact and the replacement's identifier; never subject, parties or
//! content.

use mail::Timestamp;
use signer::{Report, Role};
use store::{DocumentAct, DocumentFile, SignerRole, Tx};

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
    // What two persons have reversed did not happen (RULES R43).
    let links = tx.acts_upon(file.agency_id, file.document_id).await?;
    let is_undone =
        |act: &DocumentAct| links.iter().any(|l| l.act_id == act.document_id && l.undone_at.is_some());
    let later = acts.iter().filter(|act| {
        act.document_id != file.document_id && act.accepted_at >= file.accepted_at && !is_undone(act)
    });
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

/// A signer's certificate that an agency has registered here (RULES D25).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// Whom it speaks for.
    pub role: Role,
    /// The agency's name and code, as the public directory has them.
    pub agency: String,
}

/// Which agencies have registered the certificates of a report, each at the time of its signature. One that several
/// agencies have registered is nobody's.
///
/// # Errors
/// The store's own.
pub async fn holders(tx: &mut Tx, report: &Report, now: Timestamp) -> Result<Vec<Holder>, store::Error> {
    let mut holders: Vec<Holder> = Vec::new();
    for signature in &report.signatures {
        let Some(certificate) = &signature.certificate else { continue };
        let fingerprint = certificate.sha256.to_string();
        if holders.iter().any(|known| known.fingerprint == fingerprint) {
            continue;
        }
        // What was signed before its signer was entered here is still that signer's.
        let at = signature.time.unwrap_or(now);
        let mut found = tx.registrations(certificate.sha256.as_bytes(), at).await?;
        if found.is_empty() {
            found = tx.registrations(certificate.sha256.as_bytes(), now).await?;
        }
        let [(agency_id, role)] = found[..] else { continue };
        let Some(agency) = tx.agency(agency_id, now).await? else { continue };
        let role = match role {
            SignerRole::Leader => Role::Leader,
            SignerRole::Seal => Role::Agency,
        };
        holders.push(Holder { fingerprint, role, agency: format!("{} ({})", agency.name, agency.code) });
    }
    Ok(holders)
}

/// The legal identifier in a document's header, as it was written.
fn identifier(facts: &str) -> String {
    let facts: serde_json::Value = serde_json::from_str(facts).unwrap_or_default();
    facts["documentId"].as_str().unwrap_or_default().to_owned()
}
