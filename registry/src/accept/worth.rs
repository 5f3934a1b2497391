//! What a package is worth (RULES R14): only the accepting transaction asks, and only a judgement answers.

use signer::{Arrival, Judged, Role, Verified};
use store::{SignerCertificate, SignerRole};

use super::fault::SignatureFault;

/// Legal value of a document equal to its paper original (RULES R14).
pub const ORIGINAL: &str = "ORIGINAL_EQUIVALENT";
/// Legal value of everything else.
pub const INFORMATION: &str = "FOR_INFORMATION";

/// What a judgement came to. Made here only, from a judgement.
#[derive(Clone, Debug)]
pub(super) struct Worth {
    pub(super) class: String,
    pub(super) legal_value: &'static str,
    /// The reports of all judged files, the main document's first (RULES D31).
    pub(super) verdict: String,
    /// SHA-256 of the main document's file.
    pub(super) document_sha256: Option<[u8; 32]>,
}

impl Worth {
    /// A status, or an act without any file: nothing to judge.
    pub(super) fn nothing(is_status: bool) -> Self {
        let (class, legal_value) = if is_status { ("", "") } else { ("UNSIGNED", INFORMATION) };
        Self { class: class.to_owned(), legal_value, verdict: "{}".to_owned(), document_sha256: None }
    }

    /// The equal of a paper original: proven by `signer`, signed by whom the sending agency has registered.
    fn original(verified: &Verified<signer::Document>, judged: &[Judged]) -> Self {
        Self {
            class: verified.report().class.word().to_owned(),
            legal_value: ORIGINAL,
            verdict: verdict(judged),
            document_sha256: Some(*verified.sha256()),
        }
    }

    /// Recorded, whatever it is.
    fn information(main: &Judged, judged: &[Judged]) -> Self {
        Self {
            class: main.class().word().to_owned(),
            legal_value: INFORMATION,
            verdict: verdict(judged),
            document_sha256: Some(*main.sha256()),
        }
    }

    /// Weighs a document by its files, the main one first.
    ///
    /// # Errors
    /// The fault, when signatures are `required` and do not suffice.
    pub(super) fn weigh(
        judged: &[Judged],
        registered: &[SignerCertificate],
        signer_name: &str,
        required: bool,
    ) -> Result<Self, SignatureFault> {
        let Some((main, others)) = judged.split_first() else { return Err(SignatureFault::NoDocument) };
        // Other files may carry good signatures too; the main document is a PDF all the same (RULES D29).
        let is_pdf = main.report().format == Some(signer::Format::Pdf);
        let proven = main.require_original(Arrival::Exchange);
        let weighed = proven
            .map_err(|refusal| SignatureFault::of(main, &refusal))
            .and_then(|verified| if is_pdf { Ok(verified) } else { Err(SignatureFault::NotPdf) })
            .and_then(|verified| match others.iter().any(is_broken) {
                true => Err(SignatureFault::Integrity),
                false => check_signers(&verified, registered, signer_name).map(|()| verified),
            });
        match weighed {
            Ok(verified) => Ok(Self::original(&verified, judged)),
            Err(fault) if required => Err(fault),
            Err(_) => Ok(Self::information(main, judged)),
        }
    }
}

/// RULES D33: every file is judged; one that was changed after signing spoils the package.
fn is_broken(judged: &Judged) -> bool {
    judged.report().integrity == signer::Integrity::Broken
}

fn verdict(judged: &[Judged]) -> String {
    let reports: Vec<&signer::Report> = judged.iter().map(Judged::report).collect();
    serde_json::to_string(&reports).unwrap_or_else(|_| "{}".to_owned())
}

/// RULES D29(8): the seal is registered to the sending agency; the leader is a registered signer of it, and the one
/// the package names.
fn check_signers(
    verified: &signer::Document,
    registered: &[SignerCertificate],
    signer_name: &str,
) -> Result<(), SignatureFault> {
    let holders = |role: Role, registered_as: SignerRole| {
        verified
            .report()
            .signatures
            .iter()
            .filter(move |signature| signature.role == role && signature.class.is_good())
            .filter_map(|signature| signature.certificate.as_ref())
            .filter_map(move |certificate| {
                registered.iter().find(|known| {
                    known.role == registered_as && known.fingerprint == *certificate.sha256.as_bytes()
                })
            })
    };
    if holders(Role::Agency, SignerRole::Seal).next().is_none() {
        return Err(SignatureFault::NotRegistered);
    }
    let mut leaders = holders(Role::Leader, SignerRole::Leader).peekable();
    if leaders.peek().is_none() {
        return Err(SignatureFault::NotRegistered);
    }
    let wanted = name_key(signer_name);
    match wanted.is_empty() || leaders.any(|leader| name_key(&leader.holder) == wanted) {
        true => Ok(()),
        false => Err(SignatureFault::SignerName),
    }
}

/// A person's name as it is compared: composed letters, without regard to case and to the width of blanks.
fn name_key(name: &str) -> String {
    let name = mail::text::nfc(name).to_lowercase();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}
