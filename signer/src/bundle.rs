//! The evidence bundle: everything needed to judge a document again, offline, in twenty years (RULES D31, D34).
//!
//! A bundle is a text file of lines, so that it can be read with nothing but a JSON reader:
//!
//! ```text
//! {"format":"congvan-evidence v1", …}     the evidence: one line of JSON
//! MIIK…                                   RFC 3161 tokens over that line, its line feed included; base64, one per line
//! ```
//!
//! `head -n 1 BUNDLE | sha256sum` is what a token is over. The line holds the report, the policy, the trust anchors, the
//! certificates, lists, answers and timestamp tokens (DER in base64), the program's version and the moment of judging; not
//! the document itself, of which it holds the digest. The same judgement makes the same bytes.
//!
//! A bundle says when it was made and picks its evidence, so it is worth what its keeper is worth. Whoever gets one from
//! somebody else decides first whether its [`Bundle::anchors`] are trusted, for under anchors of his own choice a forger proves
//! anything; and whether its moment [`Bundle::is_stamped`], for before a revocation every signature was good.

use crate::format::Format;
use crate::input::Input;
use crate::judge::{Evidence, Judged, Policy, Role, judge};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::tst::{Request, Token, TokenVerdict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::revocation::{Crl, OcspResponse};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, Fingerprint};
use mail::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Seconds that may lie between a judgement and the stamp on its bundle for the one to prove the other: a nightly run. Ours.
const STAMP_SECONDS: i64 = 24 * 3600;

/// The first member of every bundle.
pub const FORMAT: &str = "congvan-evidence v1";

/// The line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: String,
    /// Who judged.
    software: String,
    /// The moment, RFC 3339, UTC, whole seconds.
    judged_at: String,
    document: Named,
    policy: PolicyRow,
    trust: Trust,
    evidence: Items,
    /// The report as it was.
    report: Box<serde_json::value::RawValue>,
}

/// What was judged, by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    sha256: String,
    size: u64,
    /// What it was judged as; null when nobody knew.
    format: Option<String>,
    /// Signed content beside it.
    content_sha256: Option<String>,
    /// Parts beside it, by name.
    parts: BTreeMap<String, String>,
}

impl Named {
    fn of(input: &Input) -> Self {
        let format = input.known_format().and_then(|format| serde_json::to_value(format).ok());
        Self {
            sha256: digest(&input.bytes),
            size: u64::try_from(input.bytes.len()).unwrap_or(u64::MAX),
            format: format.and_then(|word| word.as_str().map(str::to_owned)),
            content_sha256: input.content.as_ref().map(|content| digest(content)),
            parts: input.parts.iter().map(|(name, part)| (name.clone(), digest(part))).collect(),
        }
    }
}

/// What the judgement was held against.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyRow {
    hierarchy: Option<Hierarchy>,
    /// Whom the directory took each signer's certificate to speak for (RULES D25).
    roles: BTreeMap<String, Role>,
    /// What the installation tolerates in clocks and in the age of evidence; a verdict may rest on it.
    clock_skew_seconds: i64,
    no_next_update_seconds: i64,
    revocation_grace_seconds: i64,
}

impl PolicyRow {
    fn of(policy: &Policy, roles: BTreeMap<String, Role>) -> Self {
        let limits = &policy.certificate_limits;
        Self {
            hierarchy: policy.hierarchy,
            roles,
            clock_skew_seconds: limits.clock_skew_seconds,
            no_next_update_seconds: limits.no_next_update_seconds,
            revocation_grace_seconds: limits.revocation_grace_seconds,
        }
    }

    fn limits(&self) -> certs::Limits {
        certs::Limits {
            clock_skew_seconds: self.clock_skew_seconds,
            no_next_update_seconds: self.no_next_update_seconds,
            revocation_grace_seconds: self.revocation_grace_seconds,
            ..certs::Limits::default()
        }
    }
}

/// Whom the judgement trusted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trust {
    /// Which version of the trust store was in force, and SHA-256 of its anchors as JSON, sorted, one per line.
    version: u64,
    sha256: String,
    /// The anchors relied upon.
    anchors: Vec<Anchor>,
}

/// Evidence, DER in base64, each kind in the order of its digests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Items {
    certificates: Vec<String>,
    crls: Vec<String>,
    ocsp: Vec<String>,
    /// Timestamp tokens the time of signing rests on; they are in the document too.
    timestamps: Vec<String>,
}

/// Everything needed to judge a document again.
#[derive(Clone, Debug)]
pub struct Bundle {
    content: Content,
    /// The line of JSON with its line feed: what is hashed and stamped.
    line: Vec<u8>,
    evidence: Evidence,
    judged_at: Timestamp,
    timestamps: Vec<Vec<u8>>,
}

impl Bundle {
    /// Bundles a judgement: `judged` came of `input`, `policy` and `evidence` at the moment its report names. What the
    /// good paths rest on is enough for a good verdict; for another one more is kept. Either way the bundle is tried
    /// before it is given out, so that it says the same.
    ///
    /// Errors: [`Code::BundleDiffers`] when `judged` is no judgement of these.
    pub fn new(input: &Input, judged: &Judged, policy: &Policy, evidence: &Evidence) -> Result<Self, Reason> {
        let serving =
            |anchor: &&Anchor| anchor.serves(Purpose::Document) || anchor.serves(Purpose::Timestamp);
        let serving: Vec<Anchor> = policy.trust.anchors().iter().filter(serving).cloned().collect();
        let used = judged.used_evidence();
        let heads: Vec<Anchor> =
            serving.iter().filter(|anchor| is_relied_upon(anchor, used)).cloned().collect();
        let mut all = evidence.clone();
        all.extend(used.clone());
        for (anchors, evidence) in [(&heads, used), (&serving, used), (&serving, &all)] {
            let bundle = Self::make(input, judged, policy, anchors, evidence)?;
            if bundle.rejudge(input.clone()).is_ok_and(|again| bundle.agrees(&again)) {
                return Ok(bundle);
            }
        }
        Err(Reason::new(Code::BundleDiffers))
    }

    fn make(
        input: &Input,
        judged: &Judged,
        policy: &Policy,
        anchors: &[Anchor],
        evidence: &Evidence,
    ) -> Result<Self, Reason> {
        let differs = || Reason::new(Code::BundleDiffers);
        let report = judged.report();
        let judged_at = Timestamp::from_secs(report.judged_at.ok_or_else(differs)?.secs());
        let signers = report.signatures.iter().filter_map(|s| s.certificate.as_ref()).map(|c| c.sha256);
        let roles = signers.filter_map(|signer| Some((signer.to_string(), *policy.roles.get(&signer)?)));
        let content = Content {
            format: FORMAT.to_owned(),
            software: report.software.to_owned(),
            judged_at: judged_at.to_rfc3339_utc(),
            document: Named::of(input),
            policy: PolicyRow::of(policy, roles.collect()),
            trust: Trust {
                version: policy.trust.version(),
                sha256: trust_digest(&policy.trust),
                anchors: anchors.to_vec(),
            },
            evidence: Items::of(evidence, judged.used_timestamps()),
            report: serde_json::value::to_raw_value(report).map_err(|_| differs())?,
        };
        let mut line = serde_json::to_vec(&content).map_err(|_| differs())?;
        line.push(b'\n');
        Ok(Self { content, line, evidence: evidence.clone(), judged_at, timestamps: Vec::new() })
    }

    /// Reads a bundle.
    ///
    /// Errors: [`Code::BundleFormat`], what is damaged named.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Reason> {
        let damaged = |what: &str| Reason::of(Code::BundleFormat, what);
        if bytes.len() > limits.bundle_bytes {
            return Err(damaged("size"));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("first line"))? + 1;
        let (line, rest) = bytes.split_at(end);
        let content: Content = serde_json::from_slice(line).map_err(|error| damaged(&error.to_string()))?;
        if content.format != FORMAT {
            return Err(damaged("format"));
        }
        let judged_at = Timestamp::parse_rfc3339(&content.judged_at).map_err(|_| damaged("judged_at"))?;
        let evidence = content.evidence.read()?;
        let rest = std::str::from_utf8(rest).map_err(|_| damaged("timestamps"))?;
        let mut timestamps = Vec::new();
        for token in rest.lines() {
            let der = STANDARD.decode(token).map_err(|_| damaged("timestamps"))?;
            if timestamps.len() == limits.evidence_items || !is_over(&der, line, limits) {
                return Err(damaged("timestamps"));
            }
            timestamps.push(der);
        }
        Ok(Self { content, line: line.to_vec(), evidence, judged_at, timestamps })
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.line.clone();
        for token in &self.timestamps {
            bytes.extend_from_slice(STANDARD.encode(token).as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }

    /// SHA-256 of the first line: what names the bundle and what a timestamp is over.
    pub fn sha256(&self) -> Fingerprint {
        Fingerprint::of(&self.line)
    }

    /// SHA-256 of the document it is about, hexadecimal.
    pub fn document_sha256(&self) -> &str {
        &self.content.document.sha256
    }

    /// When the judgement was made.
    pub fn judged_at(&self) -> Timestamp {
        self.judged_at
    }

    /// Whom the judgement trusted. Compare these with whom you trust before believing anything the bundle says.
    pub fn anchors(&self) -> &[Anchor] {
        &self.content.trust.anchors
    }

    /// The certificates, lists and answers in it.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The report as it was, JSON.
    pub fn report(&self) -> &str {
        self.content.report.get()
    }

    /// Tokens over it, oldest first; each is over the first line, whoever made it.
    pub fn timestamps(&self) -> &[Vec<u8>] {
        &self.timestamps
    }

    /// What to ask a timestamp authority.
    pub fn timestamp_request(&self, nonce: u64) -> Request {
        Request::over(&self.line, nonce)
    }

    /// Whether a timestamp under these anchors proves that the bundle was made when it says, within a day.
    pub fn is_stamped(&self, trust: &TrustStore, now: Timestamp, limits: &Limits) -> bool {
        let certificate_limits = self.content.policy.limits();
        self.timestamps.iter().filter_map(|der| Token::read(der, limits).ok()).any(|token| {
            let mut evidence = self.evidence.clone();
            evidence.certificates.extend(token.certificates().iter().cloned());
            let verdict = token.judge(&evidence, trust, now.secs(), &certificate_limits);
            let since = token.at.saturating_sub(self.judged_at.secs());
            matches!(verdict, TokenVerdict::Valid { .. })
                && (-certificate_limits.clock_skew_seconds..=STAMP_SECONDS).contains(&since)
        })
    }

    /// Adds a token over the first line.
    ///
    /// Errors: [`Code::TimestampImprint`] when it is over something else.
    pub fn add_timestamp(&mut self, token: &[u8], limits: &Limits) -> Result<(), Reason> {
        match is_over(token, &self.line, limits) && self.timestamps.len() < limits.evidence_items {
            true => self.timestamps.push(token.to_vec()),
            false => return Err(Reason::new(Code::TimestampImprint)),
        }
        Ok(())
    }

    /// The policy of the judgement: the anchors, hierarchy, roles and tolerances of the bundle; bounds on the file as they
    /// are today.
    pub fn policy(&self) -> Policy {
        let mut trust = TrustStore::new();
        for anchor in &self.content.trust.anchors {
            trust.add(anchor.clone());
        }
        let roles = &self.content.policy.roles;
        let roles = roles.iter().filter_map(|(name, role)| Some((name.parse().ok()?, *role))).collect();
        Policy {
            trust,
            hierarchy: self.content.policy.hierarchy,
            roles,
            certificate_limits: self.content.policy.limits(),
            ..Policy::default()
        }
    }

    /// Judges the document again: the bundle's evidence, policy and moment, no network, no clock.
    ///
    /// Errors: [`Code::BundleDocument`] when it is about another document, or about other content beside it.
    pub fn rejudge(&self, input: impl Into<Input>) -> Result<Judged, Reason> {
        self.rejudge_under(input, &self.policy())
    }

    /// [`Self::rejudge`] under another policy: with the anchors somebody trusts today.
    pub fn rejudge_under(&self, input: impl Into<Input>, policy: &Policy) -> Result<Judged, Reason> {
        let input = input.into();
        let format = match &self.content.document.format {
            Some(word) => {
                Some(word.parse::<Format>().map_err(|_| Reason::of(Code::BundleFormat, "document.format"))?)
            }
            None => None,
        };
        let input = input.of(format);
        if Named::of(&input) != self.content.document {
            return Err(Reason::new(Code::BundleDocument));
        }
        Ok(judge(input, policy, &self.evidence, self.judged_at))
    }

    /// Whether a judgement says what the archived report says, whichever version of the program made it.
    pub fn agrees(&self, judged: &Judged) -> bool {
        let without_version = |report: Option<serde_json::Value>| {
            report.map(|mut report| {
                report["software"] = serde_json::Value::Null;
                report
            })
        };
        let then = without_version(serde_json::from_str(self.content.report.get()).ok());
        then.is_some() && then == without_version(serde_json::to_value(judged.report()).ok())
    }
}

impl Items {
    fn of(evidence: &Evidence, timestamps: &[Arc<[u8]>]) -> Self {
        // Ordered and once each: the same evidence makes the same bytes, however it was gathered.
        fn encode<'a>(items: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
            let once: BTreeMap<Fingerprint, &[u8]> = items.map(|der| (Fingerprint::of(der), der)).collect();
            once.values().map(|der| STANDARD.encode(der)).collect()
        }
        Self {
            certificates: encode(evidence.certificates.iter().map(Certificate::der)),
            crls: encode(evidence.crls.iter().map(Crl::der)),
            ocsp: encode(evidence.ocsp.iter().map(OcspResponse::der)),
            timestamps: encode(timestamps.iter().map(|token| &token[..])),
        }
    }

    fn read(&self) -> Result<Evidence, Reason> {
        let limits = certs::Limits::default();
        let damaged = |what: &'static str| move || Reason::of(Code::BundleFormat, what);
        let decode = |text: &String| STANDARD.decode(text).ok();
        let mut evidence = Evidence::default();
        for text in &self.certificates {
            let read = decode(text).and_then(|der| Certificate::from_der(&der).ok());
            evidence.certificates.push(read.ok_or_else(damaged("certificates"))?);
        }
        for text in &self.crls {
            let read = decode(text).and_then(|der| Crl::from_der(&der, &limits).ok());
            evidence.crls.push(read.ok_or_else(damaged("crls"))?);
        }
        for text in &self.ocsp {
            let read = decode(text).and_then(|der| OcspResponse::from_der(&der, &limits).ok());
            evidence.ocsp.push(read.ok_or_else(damaged("ocsp"))?);
        }
        Ok(evidence)
    }
}

fn digest(bytes: &[u8]) -> String {
    Fingerprint::of(bytes).to_string()
}

fn trust_digest(trust: &TrustStore) -> String {
    let fingerprints: BTreeSet<String> =
        trust.anchors().iter().filter_map(|anchor| serde_json::to_string(anchor).ok()).collect();
    digest(fingerprints.into_iter().collect::<Vec<_>>().join("\n").as_bytes())
}

/// Whether a good path ends at this anchor: it is, or issued, one of the certificates used.
fn is_relied_upon(anchor: &Anchor, used: &Evidence) -> bool {
    let own = anchor.certificate();
    used.certificates.iter().any(|one| one == own || one.issuer() == own.subject())
}

fn is_over(token: &[u8], line: &[u8], limits: &Limits) -> bool {
    Token::read(token, limits).is_ok_and(|token| token.is_over(&[line]))
}
