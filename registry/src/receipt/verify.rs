//! Checking a receipt, offline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer::tst::{Token, TokenVerdict};
use signer::{Evidence, Policy};
use store::ledger::merkle;

use super::checkpoint::read_checkpoint;
use super::{Receipt, TlogProof, leaf_of, promise_text};
use crate::vxp::hash::{full_hex, read_hex};

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
    /// The text of a note that the log's key signed under `name`: the log's own, or that of one of its trees.
    ///
    /// # Errors
    /// [`NoteTrouble`].
    fn open(&self, name: &str, note: &str) -> Result<String, NoteTrouble>;
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
    /// The timestamp is damaged, or over something else.
    Timestamp "receipt.timestamp" "Dấu thời gian không đúng hoặc không phải của mốc sổ này." "The timestamp is wrong, or of another checkpoint."
    /// A witness that was asked for has not cosigned the checkpoint.
    Witness "receipt.witness" "Mốc sổ chưa có chữ ký của bên chứng kiến đã yêu cầu." "A witness that was asked for has not cosigned the checkpoint."
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

/// Whether `name` is that of a year's tree of `log`: the log's name, a slash, four digits.
pub fn is_year_of(log: &str, name: &str) -> bool {
    let year = name.strip_prefix(log).and_then(|rest| rest.strip_prefix('/'));
    year.is_some_and(|year| year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()))
}

/// `log` may be the log's own key, good for all its trees, or that of one tree.
fn check(receipt: &Receipt, log: &dyn NoteVerifier) -> Result<(), Trouble> {
    let leaf = STANDARD.decode(&receipt.leaf).map_err(|_| Trouble::Leaf)?;
    let salt = read_hex(receipt.salt.as_bytes()).filter(|salt| salt.len() == 16).ok_or(Trouble::Leaf)?;
    // One spelling of the salt, so that one receipt is one file.
    if full_hex(&salt) != receipt.salt || leaf_of(&receipt.record.to_bytes(), &salt) != leaf {
        return Err(Trouble::Leaf);
    }
    let name = &receipt.record.log;
    if name != log.name() && !is_year_of(name, log.name()) {
        return Err(Trouble::OtherLog);
    }
    let promise = opened(log, name, &receipt.promise, Trouble::Promise)?;
    if promise != promise_text(name, &receipt.leaf, &receipt.record.at) {
        return Err(Trouble::Promise);
    }
    let proof = receipt.proof.as_ref().ok_or(Trouble::NoProof)?.read().ok_or(Trouble::Proof)?;
    let text = check_place(&leaf, &proof, name, log)?;
    match &receipt.timestamp {
        None => Ok(()),
        Some(_) => check_token(receipt, &text),
    }
}

fn opened(log: &dyn NoteVerifier, name: &str, note: &str, forged: Trouble) -> Result<String, Trouble> {
    log.open(name, note).map_err(|trouble| match trouble {
        NoteTrouble::Stranger => Trouble::OtherLog,
        NoteTrouble::Forged => forged,
    })
}

/// That the leaf stands in the tree that the proof's checkpoint signs, and that this is a tree of `name`; answers the
/// checkpoint's text.
fn check_place(
    leaf: &[u8],
    proof: &TlogProof,
    name: &str,
    log: &dyn NoteVerifier,
) -> Result<String, Trouble> {
    let origin = proof.checkpoint.split('\n').next().unwrap_or_default();
    let is_ours = origin == name || is_year_of(name, origin);
    if !is_ours || (log.name() != name && log.name() != origin) {
        return Err(Trouble::OtherLog);
    }
    let text = opened(log, origin, &proof.checkpoint, Trouble::Checkpoint)?;
    let checkpoint = read_checkpoint(&text).filter(|c| c.origin == origin).ok_or(Trouble::Checkpoint)?;
    let leaf = merkle::leaf_hash(leaf);
    match merkle::verify_inclusion(&leaf, proof.index, checkpoint.size, &proof.hashes, &checkpoint.root) {
        true => Ok(text),
        false => Err(Trouble::Proof),
    }
}

/// That the timestamp is whole and over this text. Whose it is and whether its authority is trusted is another question,
/// for whoever trusts somebody.
fn check_token(receipt: &Receipt, text: &str) -> Result<(), Trouble> {
    let bytes = receipt.timestamp_token().ok_or(Trouble::Timestamp)?;
    match is_whole_token(&bytes, text) {
        true => Ok(()),
        false => Err(Trouble::Timestamp),
    }
}

/// Whether this is a timestamp token over a checkpoint's text, signed by whom it says, trusted or not.
pub fn is_whole_token(bytes: &[u8], text: &str) -> bool {
    let Ok(token) = Token::read(bytes, &signer::Limits::default()) else { return false };
    let evidence = Evidence { certificates: token.certificates().to_vec(), ..Evidence::default() };
    let policy = Policy::default();
    let verdict = token.judge(&evidence, &policy.trust, token.at, &policy.certificate_limits);
    let is_whole = match verdict {
        TokenVerdict::Valid { .. } | TokenVerdict::Undecided { .. } => true,
        TokenVerdict::Invalid(reason) => reason.code == signer::Code::TimestampUntrusted,
    };
    is_whole && token.is_over(&[text.as_bytes()])
}
