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

mod checkpoint;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{AgencyId, Chance, DocumentId, Timestamp};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use store::Tx;
use store::ledger::merkle;

use crate::vxp::hash::{full_hex, read_hex};
use checkpoint::read_checkpoint;

/// The first member of every receipt.
pub const FORMAT: &str = "congvan-receipt v1";
/// What a leaf is a digest over begins with this: nothing else we ever hash or sign does.
const LEAF_DOMAIN: &[u8] = b"congvan-act v1\n";
/// What a promise begins with. A checkpoint begins with its log's name and has a number in its second line, where a
/// promise has a word: neither can be taken for the other.
const PROMISE_DOMAIN: &str = "congvan-promise v1";
/// The version of a leaf, its first byte.
const LEAF_VERSION: u8 = 1;
/// Bytes of a receipt file. Ours: a thousand receivers of 64 characters and 64 hashes stay well below.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Hashes of an inclusion proof: a log has less than 2^64 leaves.
const PROOF_HASHES_MAX: usize = 64;

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
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The leaf's place, from 0.
    pub index: u64,
    /// The inclusion proof, leaf first, in base64 (RFC 6962 §2.1.1).
    pub hashes: Vec<String>,
    /// The signed checkpoint the proof leads to (C2SP tlog-checkpoint).
    pub checkpoint: String,
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
    let receipt =
        Receipt { format: FORMAT.to_owned(), record: act, salt, leaf: encoded, promise, proof: None };
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
        (receipt.format == FORMAT).then_some(receipt)
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

/// A document's receipt, with the proof if the log's newest checkpoint covers it. `None` when the agency has no such
/// document.
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
    let index = leaves.iter().find(|leaf| leaf.leaf == wanted).and_then(|leaf| leaf.index);
    if let (Some(index), Some(checkpoint)) = (index, tx.newest_checkpoint().await?)
        && index < checkpoint.tree_size
    {
        let hashes = tx.prove_inclusion(index, checkpoint.tree_size).await?;
        let hashes = hashes.iter().map(|hash| STANDARD.encode(hash)).collect();
        receipt.proof = Some(Proof { index, hashes, checkpoint: checkpoint.note });
    }
    Ok(Some(receipt))
}

/// Why a signed note does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteTrouble {
    /// Our key has not signed it; somebody else may have.
    Stranger,
    /// It claims our key's signature, and the signature is wrong.
    Forged,
}

/// The log's verifier key at work.
pub trait NoteVerifier {
    /// The log's name.
    fn name(&self) -> &str;
    /// The text of a note that the log signed.
    ///
    /// # Errors
    /// [`NoteTrouble`].
    fn open(&self, note: &str) -> Result<String, NoteTrouble>;
}

/// What a receipt comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The log holds this act.
    Proven(Box<Receipt>),
    /// It does not prove it, and never will.
    NotProven(Trouble),
    /// With this key, or at this time, it cannot be told.
    CannotTell(Trouble),
}

macro_rules! troubles {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $vi:literal $en:literal)*) => {
        /// Why a receipt is not proven: a stable code and a sentence in both languages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Trouble { $($(#[doc = $doc])+ $name,)* }

        impl Trouble {
            /// Every trouble, for manuals and tests.
            pub const ALL: &'static [Trouble] = &[$(Self::$name,)*];

            /// The stable name.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
            /// The sentence in Vietnamese.
            pub fn vi(self) -> &'static str {
                match self { $(Self::$name => $vi,)* }
            }
            /// The sentence in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$name => $en,)* }
            }
        }
    };
}

troubles! {
    /// No receipt, or of a version this program does not know.
    Format "receipt.format" "Tệp không phải là biên nhận (hoặc thuộc phiên bản khác)." "The file is no receipt, or of another version."
    /// The act is not what the leaf was made of.
    Leaf "receipt.leaf" "Nội dung biên nhận không khớp với mục đã ghi sổ." "The receipt's content does not match its leaf."
    /// Signed by another log than the key's.
    OtherLog "receipt.other-log" "Biên nhận thuộc sổ khác với khóa kiểm tra đã cho." "The receipt belongs to another log than the key given."
    /// The promise is forged, or for another leaf.
    Promise "receipt.promise" "Cam kết của sổ không đúng." "The log's promise is wrong."
    /// There is no proof yet.
    NoProof "receipt.no-proof" "Biên nhận mới có cam kết, chưa có chứng minh; hãy lấy lại biên nhận đầy đủ." "The receipt holds a promise and no proof yet; fetch the complete receipt."
    /// The checkpoint is forged.
    Checkpoint "receipt.checkpoint" "Chữ ký trên mốc sổ không đúng." "The checkpoint's signature is wrong."
    /// The proof does not lead from the leaf to the checkpoint.
    Proof "receipt.proof" "Chứng minh không dẫn tới mốc sổ đã ký." "The proof does not lead to the signed checkpoint."
}

/// Checks a receipt file against the log's verifier key, offline.
pub fn verify(file: &[u8], log: &dyn NoteVerifier) -> Verdict {
    let Some(receipt) = Receipt::read(file) else { return Verdict::CannotTell(Trouble::Format) };
    match check(&receipt, log) {
        Ok(()) => Verdict::Proven(Box::new(receipt)),
        Err(trouble @ (Trouble::OtherLog | Trouble::NoProof)) => Verdict::CannotTell(trouble),
        Err(trouble) => Verdict::NotProven(trouble),
    }
}

fn check(receipt: &Receipt, log: &dyn NoteVerifier) -> Result<(), Trouble> {
    let leaf = STANDARD.decode(&receipt.leaf).map_err(|_| Trouble::Leaf)?;
    let salt = read_hex(receipt.salt.as_bytes()).filter(|salt| salt.len() == 16).ok_or(Trouble::Leaf)?;
    // One spelling of the salt, so that one receipt is one file.
    if full_hex(&salt) != receipt.salt || leaf_of(&receipt.record.to_bytes(), &salt) != leaf {
        return Err(Trouble::Leaf);
    }
    if receipt.record.log != log.name() {
        return Err(Trouble::OtherLog);
    }
    let opened = |note: &str, forged: Trouble| {
        log.open(note).map_err(|trouble| match trouble {
            NoteTrouble::Stranger => Trouble::OtherLog,
            NoteTrouble::Forged => forged,
        })
    };
    let promise = opened(&receipt.promise, Trouble::Promise)?;
    if promise != promise_text(&receipt.record.log, &receipt.leaf, &receipt.record.at) {
        return Err(Trouble::Promise);
    }
    let proof = receipt.proof.as_ref().ok_or(Trouble::NoProof)?;
    let text = opened(&proof.checkpoint, Trouble::Checkpoint)?;
    let checkpoint = read_checkpoint(&text).filter(|c| c.origin == log.name()).ok_or(Trouble::Checkpoint)?;
    let hashes = proof_hashes(&proof.hashes).ok_or(Trouble::Proof)?;
    let leaf = merkle::leaf_hash(&leaf);
    match merkle::verify_inclusion(&leaf, proof.index, checkpoint.size, &hashes, &checkpoint.root) {
        true => Ok(()),
        false => Err(Trouble::Proof),
    }
}

fn proof_hashes(encoded: &[String]) -> Option<Vec<merkle::Hash>> {
    if encoded.len() > PROOF_HASHES_MAX {
        return None;
    }
    encoded.iter().map(|hash| STANDARD.decode(hash).ok()?.try_into().ok()).collect()
}
