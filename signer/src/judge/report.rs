//! The report: what was found and why, for people (two languages) and for programs (stable codes), as the JSON of
//! `congvan verify`. It never holds a personal number (RULES D25): of a subject it keeps names and units.

use super::verdict::{Class, Indication, Integrity, Role, SignatureKind, SubIndication, TimeSource, Verdict};
use crate::coverage::Coverage;
use crate::format::Format;
use crate::message::Reason;
use certs::path::Lack;
use certs::revocation::Source;
use certs::trust::Hierarchy;
use certs::{Certificate, Fingerprint, oids};
use mail::Timestamp;
use serde::Serialize;
use serde::ser::SerializeStruct;

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Reason", 4)?;
        row.serialize_field("code", self.code.id())?;
        row.serialize_field("vi", self.code.vi())?;
        row.serialize_field("en", self.code.en())?;
        row.serialize_field("detail", &self.detail)?;
        row.end()
    }
}

/// RFC 3339 with Vietnam's offset (RULES R51).
pub(crate) fn vietnam<S: serde::Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(Timestamp::to_rfc3339_vietnam).serialize(serializer)
}

/// One certificate of a report.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateReport {
    /// SHA-256.
    pub sha256: Fingerprint,
    /// Subject, without personal numbers.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Valid from.
    #[serde(serialize_with = "vietnam")]
    pub not_before: Option<Timestamp>,
    /// Valid until.
    #[serde(serialize_with = "vietnam")]
    pub not_after: Option<Timestamp>,
}

impl CertificateReport {
    /// What a report says of a certificate.
    pub fn new(certificate: &Certificate) -> Self {
        Self {
            sha256: certificate.sha256(),
            subject: readable(certificate.subject()),
            issuer: readable(certificate.issuer()),
            not_before: Some(Timestamp::from_secs(certificate.not_before())),
            not_after: Some(Timestamp::from_secs(certificate.not_after())),
        }
    }
}

/// A name for people: common name, units, organisation, country. UID, serial number and mail stay out: they hold
/// tax and citizen numbers (RULES D25).
pub(crate) fn readable(name: &certs::Name) -> String {
    let shown = [
        (oids::COMMON_NAME, "CN"),
        (oids::TITLE, "T"),
        (oids::ORGANIZATIONAL_UNIT, "OU"),
        (oids::ORGANIZATION, "O"),
        (oids::LOCALITY, "L"),
        (oids::COUNTRY, "C"),
    ];
    let parts = shown.iter().flat_map(|(kind, label)| {
        name.all(*kind).map(move |text| format!("{label}={}", text.replace(['\n', '\r'], " ")))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Evidence a judgement rests on (RULES D31).
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceReport {
    /// The certificate it speaks of.
    pub certificate: Fingerprint,
    /// The list or answer.
    pub source: Source,
}

/// What is missing, for those who fetch.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Missing {
    /// An issuer's certificate.
    Issuer {
        /// Whose issuer.
        of: Fingerprint,
        /// Where it may be.
        urls: Vec<String>,
    },
    /// A statement about revocation.
    Revocation {
        /// Whose.
        of: Fingerprint,
        /// Where lists are.
        crl_urls: Vec<String>,
        /// Where to ask.
        ocsp_urls: Vec<String>,
    },
}

impl From<&Lack> for Missing {
    fn from(lack: &Lack) -> Self {
        match lack {
            Lack::Issuer { of, urls } => Self::Issuer { of: of.sha256(), urls: urls.clone() },
            Lack::Revocation { of, crl_urls, ocsp_urls, .. } => {
                Self::Revocation { of: of.sha256(), crl_urls: crl_urls.clone(), ocsp_urls: ocsp_urls.clone() }
            }
        }
    }
}

/// One signature, judged.
#[derive(Clone, Debug, Serialize)]
pub struct SignatureReport {
    /// Its name in the file: a form field, an element's id, a signer's place.
    pub field: String,
    /// What the signature is for.
    pub kind: SignatureKind,
    /// Who signed, for people; null when no certificate was found.
    pub signer: Option<String>,
    /// The common name alone, to be held against the package's `SignerInfo` (RULES D29 step 8).
    pub signer_name: Option<String>,
    /// Whom the signature speaks for.
    pub role: Role,
    /// The answer.
    pub verdict: Verdict,
    /// Whether what it covers is unchanged.
    pub integrity: Integrity,
    /// The class of RULES D30.
    pub class: Class,
    /// Nothing but this signature lies outside what it covers.
    pub covers_whole_document: bool,
    /// How much it covers.
    pub coverage: Coverage,
    /// What it covers by name, where it covers named parts (XML): `*` for the document, identifiers of elements,
    /// `cid:…` for parts, `content` for what lies beside.
    pub covers: Vec<String>,
    /// ETSI indication.
    pub indication: Indication,
    /// ETSI sub-indication.
    pub sub_indication: Option<SubIndication>,
    /// The time the judgement uses: proven if it can be.
    #[serde(serialize_with = "vietnam")]
    pub time: Option<Timestamp>,
    /// Where that time comes from.
    pub time_source: TimeSource,
    /// What the signer's clock claimed.
    #[serde(serialize_with = "vietnam")]
    pub claimed_time: Option<Timestamp>,
    /// `/Reason` as the signer wrote it.
    pub stated_reason: Option<String>,
    /// The signer's certificate.
    pub certificate: Option<CertificateReport>,
    /// The national hierarchy its trusted root heads (RULES D26); null when no path was found good.
    pub hierarchy: Option<Hierarchy>,
    /// Digest and signature algorithm.
    pub algorithm: Option<String>,
    /// The form of a signature that is a file or in a mail: `CMS`, `CAdES-B-B`, `CAdES-B-T`, `S/MIME`, `RFC 3161`.
    pub profile: Option<&'static str>,
    /// Why the verdict is what it is; empty when all is well.
    pub reasons: Vec<Reason>,
    /// Remarks that do not change the verdict.
    pub notes: Vec<Reason>,
    /// Revocation evidence used.
    pub evidence: Vec<EvidenceReport>,
    /// What is missing.
    pub missing: Vec<Missing>,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Valid only if every signature is and nothing unexplained follows the last one.
    pub verdict: Verdict,
    /// Intact only if every signature's is.
    pub integrity: Integrity,
    /// The worst class of all signatures.
    pub class: Class,
    /// The format.
    pub format: Option<Format>,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub size: u64,
    /// The moment of judging.
    #[serde(serialize_with = "vietnam")]
    pub judged_at: Option<Timestamp>,
    /// In the order in which they were made.
    pub signatures: Vec<SignatureReport>,
    /// Reasons that concern the document as a whole.
    pub reasons: Vec<Reason>,
    /// Remarks on the document as a whole that do not change the verdict.
    pub notes: Vec<Reason>,
    /// Signature fields nobody has signed yet.
    pub empty_fields: Vec<String>,
    /// The program that judged (RULES D31).
    pub software: &'static str,
}
