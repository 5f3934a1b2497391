//! What a package is worth (RULES R14): only the accepting transaction asks, and only a judgement answers.

use signer::judge::roles::{Context, Part, Registered, Weight, assess};
use signer::{Arrival, Judged, Role, Verified};
use store::{SignerCertificate, SignerRole};

use super::fault::SignatureFault;
use crate::vxp::hash::full_hex;

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
    /// Codes of what should be known and decides nothing.
    pub(super) warnings: Vec<&'static str>,
}

impl Worth {
    /// A status, or an act without any file: nothing to judge.
    pub(super) fn nothing(is_status: bool) -> Self {
        let (class, legal_value) = if is_status { ("", "") } else { ("UNSIGNED", INFORMATION) };
        Self {
            class: class.to_owned(),
            legal_value,
            verdict: "{}".to_owned(),
            document_sha256: None,
            warnings: Vec::new(),
        }
    }

    /// The equal of a paper original: proven by `signer`, signed by whom the sending agency has registered.
    fn original(verified: &Verified<signer::Document>, judged: &[Judged]) -> Self {
        Self {
            class: verified.report().class.word().to_owned(),
            legal_value: ORIGINAL,
            verdict: verdict(judged),
            document_sha256: Some(*verified.sha256()),
            warnings: Vec::new(),
        }
    }

    /// Recorded, whatever it is.
    fn information(main: &Judged, judged: &[Judged]) -> Self {
        Self {
            class: main.class().word().to_owned(),
            legal_value: INFORMATION,
            verdict: verdict(judged),
            document_sha256: Some(*main.sha256()),
            warnings: Vec::new(),
        }
    }

    /// Weighs an electronic copy of a paper document (RULES R6): the copying agency's signature gives it the value of the
    /// original (RULES R92, NĐ 30/2020 Đ26), and without that one it is not sent at all.
    ///
    /// # Errors
    /// The fault.
    pub(super) fn weigh_copy(
        judged: &[Judged],
        signers: &[SignerCertificate],
    ) -> Result<Self, SignatureFault> {
        let Some((main, others)) = judged.split_first() else { return Err(SignatureFault::NoDocument) };
        let registered = registered(signers);
        let context =
            Context { arrival: Arrival::Exchange, registered: Some(&registered), signer_name: None };
        if others.iter().any(is_broken) {
            return Err(SignatureFault::Integrity);
        }
        let verified = main.require_valid().map_err(|refusal| SignatureFault::of_copy(main, &refusal))?;
        match unmet(Part::Copy, main, &context) {
            Some(fault) => Err(fault),
            None => Ok(Self { warnings: warnings(others, &context), ..Self::original(&verified, judged) }),
        }
    }

    /// Weighs a document by its files, the main one first.
    ///
    /// # Errors
    /// The fault, when signatures are `required` and do not suffice.
    pub(super) fn weigh(
        judged: &[Judged],
        signers: &[SignerCertificate],
        signer_name: &str,
        required: bool,
    ) -> Result<Self, SignatureFault> {
        let Some((main, others)) = judged.split_first() else { return Err(SignatureFault::NoDocument) };
        let registered = registered(signers);
        let context = Context {
            arrival: Arrival::Exchange,
            registered: Some(&registered),
            signer_name: Some(signer_name),
        };
        let weighed = main
            .require_original(Arrival::Exchange)
            .map_err(|refusal| SignatureFault::of(main, &refusal))
            .and_then(|verified| match others.iter().any(is_broken) {
                true => Err(SignatureFault::Integrity),
                false => unmet(Part::Document, main, &context).map_or(Ok(verified), Err),
            });
        let worth = match weighed {
            Ok(verified) => Self::original(&verified, judged),
            Err(fault) if required => return Err(fault),
            Err(_) => Self::information(main, judged),
        };
        Ok(Self { warnings: warnings(others, &context), ..worth })
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

/// The sending agency's certificates in the words of the table (RULES D25).
fn registered(signers: &[SignerCertificate]) -> Vec<Registered> {
    let rows = signers.iter().filter_map(|signer| {
        let fingerprint = full_hex(&signer.fingerprint).parse().ok()?;
        let role = match signer.role {
            SignerRole::Leader => Role::Leader,
            SignerRole::Seal => Role::Agency,
        };
        Some(Registered { fingerprint, role, holder: signer.holder.clone() })
    });
    rows.collect()
}

/// The first row that decides and is not met.
fn unmet(part: Part, judged: &Judged, context: &Context<'_>) -> Option<SignatureFault> {
    let findings = assess(part, judged.report(), context);
    let decides = findings.iter().find(|finding| finding.rule.weight == Weight::Required)?;
    Some(SignatureFault::of_role(decides.reason.code))
}

/// What should be known of the separate files, each code once (RULES D15, D33).
fn warnings(others: &[Judged], context: &Context<'_>) -> Vec<&'static str> {
    let findings = others.iter().flat_map(|judged| assess(Part::Attachment, judged.report(), context));
    let mut codes: Vec<&'static str> =
        findings.filter(|f| f.rule.weight == Weight::Warning).map(|f| f.reason.code.id()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}
