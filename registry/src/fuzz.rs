//! Entry points for fuzzing: hostile bytes in, no panic out.

use store::ledger::walk::{read_bundle, write_bundle};

use crate::Limits;
use crate::package::{Package, read};
use crate::receipt::{self, NoteTrouble, NoteVerifier, Receipt, TlogProof};

/// Reads bytes as an edXML package and walks over what came out.
pub fn edxml(bytes: &[u8]) {
    let limits = Limits {
        package_bytes_max: 4 * 1024 * 1024,
        unpacked_bytes_max: 16 * 1024 * 1024,
        ..Limits::default()
    };
    match read(bytes, &limits) {
        Ok(package) => {
            let _ =
                (package.completeness(), package.receivers(), crate::secrecy::in_package(&package, &limits));
            if let Package::Document(document) = &package {
                assert!(!document.to.is_empty());
                assert!(document.warnings.len() <= limits.warnings_max);
                let _ = (document.target_ids(), document.main_attachment());
                for attachment in &document.attachments {
                    assert!(!attachment.display_name().contains(['/', '\\', '\0']));
                }
            }
        }
        Err(refusal) => assert!(!refusal.code().is_empty()),
    }
}

/// Reads bytes as the signed text of a call whose signature holds.
pub fn signed_headers(bytes: &[u8]) {
    let _ = crate::vxp::auth::read_signed_text(bytes, &Limits::default());
}

/// Opens every note as if the log had signed it, so that what lies behind the signature is reached.
struct Credulous;

impl NoteVerifier for Credulous {
    fn name(&self) -> &str {
        "a.vn/so"
    }

    fn open(&self, _: &str, note: &str) -> Result<String, NoteTrouble> {
        note.split_once("\n\n").map(|(text, _)| format!("{text}\n")).ok_or(NoteTrouble::Stranger)
    }
}

/// Reads bytes as a receipt, as a tlog-proof, and as a bundle of leaves.
pub fn receipt(bytes: &[u8]) {
    if let Some(receipt) = Receipt::read(bytes) {
        assert_eq!(Receipt::read(&receipt.to_file()), Some(receipt.clone()));
        let _ = (receipt.read_proof(), receipt.timestamp_token(), receipt.document_digest());
    }
    let _ = receipt::verify(bytes, &Credulous);
    if let Some(proof) = std::str::from_utf8(bytes).ok().and_then(TlogProof::read) {
        // One proof has one spelling.
        assert_eq!(proof.to_string().as_bytes(), bytes);
    }
    if let Some(leaves) = read_bundle(bytes) {
        assert_eq!(write_bundle(leaves).as_deref(), Some(bytes));
    }
}
