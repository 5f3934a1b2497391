//! The log's verifier key as `registry` asks for it: what makes a receipt checkable offline.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::note::{Note, VerifierKey};
use registry::receipt::{NoteTrouble, NoteVerifier};

/// Opens notes with the log's verifier key.
pub(crate) struct LogVerifier(pub(crate) VerifierKey);

impl LogVerifier {
    /// Whether a note claims to be signed by this key.
    fn is_claimed(&self, note: &str) -> bool {
        let hash = self.0.hash();
        note.lines().filter_map(|line| line.strip_prefix("— ")?.split_once(' ')).any(|(name, signature)| {
            name == self.0.name() && STANDARD.decode(signature).is_ok_and(|bytes| bytes.starts_with(&hash))
        })
    }
}

impl NoteVerifier for LogVerifier {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self, note: &str) -> Result<String, NoteTrouble> {
        match Note::open(note.as_bytes(), std::slice::from_ref(&self.0), &certs::Limits::default()) {
            Ok(note) => Ok(note.text().to_owned()),
            Err(_) if self.is_claimed(note) => Err(NoteTrouble::Forged),
            Err(_) => Err(NoteTrouble::Stranger),
        }
    }
}
