//! Entry points for fuzzing: hostile bytes in, no panic out.

use store::ledger::walk::{read_bundle, write_bundle};

use crate::package::{self, Along, Attachment, Package, Room, Source, read, trace};
use crate::receipt::{self, NoteTrouble, NoteVerifier, Receipt, TlogProof};
use crate::transport::{Credentials, Done, Errand, Heard, Transport};
use crate::vxp::call::Kind;
use crate::vxp::client::Vxp;
use crate::{Error, Limits};

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
    forwarded(bytes, read(bytes, &limits).is_ok());
    elsewhere(bytes, &limits);
}

/// Bytes of which only windows are in memory.
struct Elsewhere<'b>(&'b [u8]);

impl Source for Elsewhere<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn held(&self) -> Option<&[u8]> {
        None
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(at, into)
    }
}

/// A package says the same wherever it lies; only the place in it where somebody stumbles first may be another.
fn elsewhere(bytes: &[u8], limits: &Limits) {
    struct Anybody;
    impl Along for Anybody {
        fn room(&self, _: usize) -> Result<Room, Error> {
            Ok(Box::new(()))
        }
        fn file(&mut self, _: &Attachment) {}
    }
    let limits = Limits { held_bytes_max: usize::MAX, ..limits.clone() };
    match (read(bytes, &limits), package::open(&Elsewhere(bytes), &limits, &mut Anybody)) {
        (Ok(here), Ok(there)) => assert!(here == there.package, "two readers saw two packages"),
        (Err(_), Err(Error::Package(_))) => {}
        (here, there) => panic!("{:?} {:?}", here.is_ok(), there.map(|_| ()).map_err(|error| error.code())),
    }
}

/// Whoever forwards a package adds one line to it, and only that (RULES R66).
fn forwarded(bytes: &[u8], is_package: bool) {
    let Ok(before) = trace::read(bytes) else {
        assert!(!is_package, "what was read as a package has a trace");
        return;
    };
    let after = before.append(&bytes.to_vec().into(), "truc.h37", mail::Timestamp::from_secs(0));
    let after = after.whole().unwrap_or_default();
    if is_package {
        let hops = trace::read(&after).map(|trace| trace.hops.len());
        assert_eq!(hops.ok(), Some(before.hops.len() + 1));
    }
}

/// Looks at bytes as a file in a mail.
pub fn mail_file(bytes: &[u8]) {
    let limits = Limits::default();
    if let Some(found) = crate::recognise::recognise(bytes, &limits) {
        assert!(found.signed.is_some() || !found.symbol.is_empty());
    }
    let _ = (crate::secrecy::in_office(bytes, &limits), crate::secrecy::in_pdf(bytes));
}

/// Takes the text out of bytes as out of a file that somebody attached.
pub fn file_text(bytes: &[u8]) {
    if let Some(text) = crate::file_text(bytes, &Limits::default(), &|| true) {
        assert!(text.len() <= 2 * 1024 * 1024, "a file's text has a bound");
    }
}

/// Reads bytes as what another axis answers.
pub fn axis_answer(bytes: &[u8]) {
    let credentials = Credentials { system_id: "a".to_owned(), secret: mail::Secret::from("b") };
    let client = Vxp::new(credentials, &Limits::default());
    let heard = Heard { status: 200, body: bytes.to_vec().into() };
    for errand in [Errand::List(Kind::Documents), Errand::Fetch("1".to_owned()), Errand::Agencies] {
        if let Ok(Done::Fetched(fetched)) = client.read(&errand, &heard) {
            let _ = fetched.unpack(&mut Vec::new());
        }
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
