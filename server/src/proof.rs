//! The log's verifier key as `registry` asks for it: what makes a receipt checkable offline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::note::{Note, VerifierKey};
use registry::receipt::{NoteTrouble, NoteVerifier};

/// Opens notes with the log's verifier key.
pub(crate) struct LogVerifier(pub(crate) VerifierKey);

impl LogVerifier {
    /// Opens a note with the key under a name; the checkpoint's lines by others are kept in it.
    pub(crate) fn note(&self, name: &str, note: &str) -> Result<Note, NoteTrouble> {
        let key = self.0.named(name).map_err(|_| NoteTrouble::Stranger)?;
        match Note::open(note.as_bytes(), std::slice::from_ref(&key), &certs::Limits::default()) {
            Ok(note) => Ok(note),
            Err(_) if is_claimed(&key, note) => Err(NoteTrouble::Forged),
            Err(_) => Err(NoteTrouble::Stranger),
        }
    }
}

/// Whether a note claims to be signed by this key.
fn is_claimed(key: &VerifierKey, note: &str) -> bool {
    let hash = key.hash();
    note.lines().filter_map(|line| line.strip_prefix("— ")?.split_once(' ')).any(|(name, signature)| {
        name == key.name() && STANDARD.decode(signature).is_ok_and(|bytes| bytes.starts_with(&hash))
    })
}

impl NoteVerifier for LogVerifier {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self, name: &str, note: &str) -> Result<String, NoteTrouble> {
        self.note(name, note).map(|note| note.text().to_owned())
    }
}
