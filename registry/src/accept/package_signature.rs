//! The signature of a package as a whole (RULES 2.8): who sent these very parts together. It is recorded beside the
//! document and decides nothing, since many systems of the field send none, and placeholders are common (RULES E30).

use serde_json::{Value, json};
use signer::{Judged, Verdict};
use store::{NewDocument, SignerCertificate, SignerRole};

/// What the facts of a document say about the signature of its package.
fn facts(is_present: bool, judged: Option<&Judged>, registered: &[SignerCertificate]) -> Value {
    let Some(judged) = judged.filter(|_| is_present) else { return json!({ "present": is_present }) };
    let report = judged.report();
    let signatures = report.signatures.iter().map(|signature| {
        let certificate = signature.certificate.as_ref().map(|certificate| certificate.sha256);
        let seal = |known: &&SignerCertificate| {
            known.role == SignerRole::Seal
                && certificate.is_some_and(|sha256| known.fingerprint == *sha256.as_bytes())
        };
        json!({
            "verdict": signature.verdict,
            "class": signature.class,
            "signer": signature.signer,
            "certificate": certificate,
            // RULES E33: the key of the agency that sends.
            "isSendersSeal": registered.iter().any(|known| seal(&known)),
            "covers": signature.covers,
            "time": signature.time.map(mail::Timestamp::to_rfc3339_vietnam),
            "reasons": signature.reasons.iter().map(|reason| reason.code.id()).collect::<Vec<_>>(),
        })
    });
    json!({
        "present": true,
        "verdict": report.verdict,
        "class": report.class,
        "signatures": signatures.collect::<Vec<_>>(),
        "reasons": report.reasons.iter().map(|reason| reason.code.id()).collect::<Vec<_>>(),
    })
}

/// Writes it into the facts of a document: `packageSigned` (RULES E30) for a good signature, `packageSignature` for
/// what was found.
pub(super) fn describe(
    new: &mut NewDocument,
    is_present: bool,
    judged: Option<&Judged>,
    registered: &[SignerCertificate],
) {
    let Ok(Value::Object(mut all)) = serde_json::from_str(&new.facts) else { return };
    let is_good = is_present && judged.is_some_and(|judged| judged.verdict() == Verdict::Valid);
    all.insert("packageSigned".to_owned(), is_good.into());
    all.insert("packageSignature".to_owned(), facts(is_present, judged, registered));
    new.facts = Value::Object(all).to_string();
}
