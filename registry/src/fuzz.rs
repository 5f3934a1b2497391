//! Entry points for fuzzing: hostile bytes in, no panic out.

use crate::Limits;
use crate::package::{Package, read};

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
