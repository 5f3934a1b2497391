//! What a sender gets in its hand: a small file that proves, without asking anybody, that an act was accepted.
//!
//! ```text
//! act (JSON, members in this order) ─┐
//! salt (16 random bytes)            ─┴─ SHA-256 ─▶ leaf ─▶ Merkle log ─▶ signed checkpoint
//! ```
//!
//! The log holds only the leaf: who reads the log learns nothing about the act. The act is signed for at once, before
//! it is committed (the *promise*); within a second the log holds the leaf, and [`complete`] adds the proof. [`verify`]
//! is pure: the file and the log's verifier key are all it needs.
//!
//! The log keeps a tree for each year. An act and its promise name the log; the proof's checkpoint names the tree, `log/2026`,
//! and is signed by the same key under that name. Receipts of version 1 hold the proof in members of their own, those of
//! version 2 as a text of C2SP `tlog-proof`; both are proven for ever.

mod audit;
mod checkpoint;
#[cfg(test)]
mod tests;
mod tlog_proof;
mod verify;

pub(crate) use audit::act_of;
pub use audit::{Audit, AuditedTree, Auditor, Fault, Finding, open_checkpoint};
pub use tlog_proof::TlogProof;
pub use verify::{NoteTrouble, NoteVerifier, Trouble, Verdict, is_whole_token, is_year_of, verify};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{AgencyId, Chance, DocumentId, Timestamp};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use store::Tx;

use crate::vxp::hash::{full_hex, read_hex};

/// The first member of every receipt.
pub const FORMAT: &str = "congvan-receipt v2";
/// The same in receipts given before there were trees for years.
const FORMAT_V1: &str = "congvan-receipt v1";
/// What a leaf is a digest over begins with this: nothing else we ever hash or sign does.
const LEAF_DOMAIN: &[u8] = b"congvan-act v1\n";
/// What a promise begins with. A checkpoint begins with its log's name and has a number in its second line, where a
/// promise has a word: neither can be taken for the other.
const PROMISE_DOMAIN: &str = "congvan-promise v1";
/// The version of a leaf, its first byte.
const LEAF_VERSION: u8 = 1;
/// Bytes of a receipt file. Ours: a thousand receivers of 64 characters and 64 hashes stay well below.
const FILE_BYTES_MAX: usize = 256 * 1024;

/// An accepted act. What is hashed is this as compact JSON, members in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// What was done: `package-accepted`, or `package-delivered` when the receiving system has said that it has it.
    pub act: String,
    /// Whose log it is in.
    pub log: String,
    /// Our id of the package (VXP 3.8).
    pub doc_id: String,
    /// `edoc` or `status`.
    pub kind: String,
    /// SHA-256 of the package as it came, hexadecimal.
    pub package_sha256: String,
    /// SHA-256 of the main document's file, hexadecimal; empty when there is none.
    pub document_sha256: String,
    /// The legal identifier of the document, as it was written (RULES I8).
    pub identifier: String,
    /// The sender's code in its registered spelling.
    pub from: String,
    /// The receivers' codes in their registered spelling, in the order of the package.
    pub to: Vec<String>,
    /// The system that sent it.
    pub system: String,
    /// The status code of a status package; empty for a document.
    pub status: String,
    /// Class of the judgement (RULES D30); empty for a status.
    pub class: String,
    /// Legal value (RULES R14); empty for a status.
    pub legal_value: String,
    /// When it was accepted, RFC 3339 with milliseconds, UTC.
    pub at: String,
}

impl Act {
    /// The one spelling that is hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and lists of strings always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// RFC 3339 with milliseconds, UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let utc = at.to_utc();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        utc.year(),
        u8::from(utc.month()),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second(),
        utc.millisecond()
    )
}

/// Where the leaf stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Proof {
    /// A text of C2SP `tlog-proof` (version 2).
    Text(String),
    /// Version 1.
    Members(Members),
}

/// A proof in members of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// The leaf's place, from 0.
    pub index: u64,
    /// The inclusion proof, leaf first, in base64 (RFC 6962 §2.1.1).
    pub hashes: Vec<String>,
    /// The signed checkpoint the proof leads to (C2SP tlog-checkpoint).
    pub checkpoint: String,
}

impl Proof {
    /// The proof, whichever form it came in; `None` when it cannot be read.
    pub fn read(&self) -> Option<TlogProof> {
        let members = match self {
            Self::Text(text) => return TlogProof::read(text),
            Self::Members(members) => members,
        };
        if members.hashes.len() > tlog_proof::HASHES_MAX {
            return None;
        }
        let hashes = members.hashes.iter().map(|hash| STANDARD.decode(hash).ok()?.try_into().ok());
        Some(TlogProof {
            extra: None,
            index: members.index,
            hashes: hashes.collect::<Option<_>>()?,
            checkpoint: members.checkpoint.clone(),
        })
    }
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: String,
    /// The act.
    pub record: Act,
    /// 16 random bytes, hexadecimal: without them nobody can guess the act from the log.
    pub salt: String,
    /// What the log holds, base64.
    pub leaf: String,
    /// The log's promise, a signed note, made before the act was committed.
    pub promise: String,
    /// The proof, once the log has the leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The RFC 3161 timestamp over the text of the proof's checkpoint, base64: the act was in the log by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

/// Signs a text as a note with the log's key (C2SP signed-note); `None` when the key cannot sign.
pub type SignNote<'s> = &'s (dyn Fn(&str) -> Option<String> + Send + Sync);

fn leaf_of(record: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(LEAF_DOMAIN);
    context.update(salt);
    context.update(record);
    let mut leaf = vec![LEAF_VERSION];
    leaf.extend_from_slice(context.finish().as_ref());
    leaf
}

fn promise_text(log: &str, leaf: &str, at: &str) -> String {
    format!("{PROMISE_DOMAIN}\nlog {log}\nleaf {leaf}\nat {at}\n")
}

/// What the accepting transaction writes of an act.
#[derive(Clone, Debug)]
pub(crate) struct Promised {
    /// For the log.
    pub(crate) leaf: Vec<u8>,
    /// What opens the leaf: salt and act.
    pub(crate) record: Vec<u8>,
    /// The receipt as it is handed out at once, compact JSON.
    pub(crate) receipt: Vec<u8>,
}

/// A fresh salt.
pub(crate) fn draw_salt(chance: &dyn Chance) -> [u8; 16] {
    let mut salt = [0u8; 16];
    chance.fill(&mut salt);
    salt
}

/// What the log holds of an act, and what opens it.
pub(crate) fn salted(act: &Act, salt: &[u8; 16]) -> (Vec<u8>, Vec<u8>) {
    let bytes = act.to_bytes();
    (leaf_of(&bytes, salt), [salt.as_slice(), &bytes].concat())
}

/// Salts an act and has the log promise it.
pub(crate) fn promise(act: Act, chance: &dyn Chance, sign: SignNote<'_>) -> Option<Promised> {
    let salt = draw_salt(chance);
    let (leaf, record) = salted(&act, &salt);
    let encoded = STANDARD.encode(&leaf);
    let promise = sign(&promise_text(&act.log, &encoded, &act.at))?;
    let salt = full_hex(&salt);
    let receipt = Receipt {
        format: FORMAT.to_owned(),
        record: act,
        salt,
        leaf: encoded,
        promise,
        proof: None,
        timestamp: None,
    };
    Some(Promised { leaf, record, receipt: receipt.to_compact() })
}

impl Receipt {
    /// Reads a receipt file.
    ///
    /// # Errors
    /// `None` for what is no receipt of this version.
    pub fn read(file: &[u8]) -> Option<Self> {
        let receipt: Self = match file.len() <= FILE_BYTES_MAX {
            true => serde_json::from_slice(file).ok()?,
            false => return None,
        };
        let is_of_its_version = match (receipt.format.as_str(), &receipt.proof) {
            (FORMAT, None | Some(Proof::Text(_))) => true,
            (FORMAT_V1, None | Some(Proof::Members(_))) => receipt.timestamp.is_none(),
            _ => false,
        };
        is_of_its_version.then_some(receipt)
    }

    /// The proof, when there is one that can be read.
    pub fn read_proof(&self) -> Option<TlogProof> {
        self.proof.as_ref()?.read()
    }

    /// The timestamp token, DER.
    pub fn timestamp_token(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.timestamp.as_ref()?).ok()
    }

    /// SHA-256 of the main document's file; `None` when there is none.
    pub fn document_digest(&self) -> Option<[u8; 32]> {
        read_hex(self.record.document_sha256.as_bytes())?.try_into().ok()
    }

    /// One line of JSON.
    pub fn to_compact(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The file people keep.
    pub fn to_file(&self) -> Vec<u8> {
        let mut file = serde_json::to_vec_pretty(self).unwrap_or_default();
        file.push(b'\n');
        file
    }
}

/// A document's receipt, with the proof if a signed checkpoint covers it: the first one with a timestamp, or else the newest.
/// `None` when the agency has no such document.
///
/// # Errors
/// The store's own.
pub async fn complete(
    tx: &mut Tx,
    agency_id: AgencyId,
    document_id: DocumentId,
) -> Result<Option<Receipt>, store::Error> {
    let Some(document) = tx.document(agency_id, document_id).await? else { return Ok(None) };
    let mut receipt = Receipt::read(&document.receipt).ok_or(store::Error::Damaged("a receipt"))?;
    let wanted = STANDARD.decode(&receipt.leaf).map_err(|_| store::Error::Damaged("a receipt"))?;
    let leaves = tx.leaves_of(agency_id, document_id.as_bytes()).await?;
    let place = leaves.iter().find(|leaf| leaf.leaf == wanted).and_then(|leaf| leaf.place);
    if let Some(place) = place
        && let Some(checkpoint) = tx.checkpoint_for(place).await?
    {
        let hashes = tx.prove_inclusion(place, checkpoint.tree_size).await?;
        let proof = TlogProof { extra: None, index: place.index, hashes, checkpoint: checkpoint.note };
        receipt.format = FORMAT.to_owned();
        receipt.proof = Some(Proof::Text(proof.to_string()));
        receipt.timestamp = checkpoint.timestamp_token.map(|token| STANDARD.encode(token));
    }
    Ok(Some(receipt))
}
