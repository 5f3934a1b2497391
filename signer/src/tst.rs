//! Timestamps (RFC 3161, RFC 5816): asking for one, answering, reading, judging.

use crate::asn1::{self, broken, members};
use crate::cms::{self, Parts, SignedData};
use crate::judge::Known;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use certs::algorithm::Digest;
use certs::der::{Element, Oid, Reader, Tag, Writer};
use certs::keys::SigningKey;
use certs::path::{self, Evidence, Lack, PathVerdict, Question, Standing};
use certs::revocation::RevocationReason;
use certs::trust::{Purpose, TrustStore};
use certs::{Certificate, GeneralName, oids};

/// Extensions read from one token; real ones have none or one.
const EXTENSIONS: usize = 16;

/// `PKIFailureInfo` (RFC 3161 §2.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The digest is not one we stamp.
    BadAlgorithm,
    /// The request asks for something we do not do.
    BadRequest,
    /// The request cannot be read.
    BadDataFormat,
    /// The policy asked for is not ours.
    UnacceptedPolicy,
    /// Our own key failed.
    SystemFailure,
}

impl Failure {
    fn bit(self) -> u8 {
        match self {
            Self::BadAlgorithm => 0,
            Self::BadRequest => 2,
            Self::BadDataFormat => 5,
            Self::UnacceptedPolicy => 15,
            Self::SystemFailure => 25,
        }
    }
}

/// A `TimeStampReq` (§2.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    digest: Digest,
    imprint: Vec<u8>,
    policy: Option<Oid>,
    nonce: Option<Vec<u8>>,
    wants_certificates: bool,
}

impl Request {
    /// A request over a digest, with the caller's random nonce; certificates are asked for.
    pub fn new(digest: Digest, imprint: Vec<u8>, nonce: u64) -> Self {
        let bytes = nonce.to_be_bytes();
        let lead = bytes.iter().take_while(|b| **b == 0).count();
        let nonce = bytes.get(lead..).unwrap_or_default().to_vec();
        Self { digest, imprint, policy: None, nonce: Some(nonce), wants_certificates: true }
    }

    /// A request over the bytes themselves.
    pub fn over(bytes: &[u8], nonce: u64) -> Self {
        Self::new(Digest::Sha256, Digest::Sha256.of(bytes), nonce)
    }

    /// DER, media type `application/timestamp-query`.
    pub fn to_der(&self) -> Vec<u8> {
        Writer::build(|w| {
            w.sequence(|w| {
                w.integer(1);
                imprint(w, self.digest, &self.imprint);
                if let Some(policy) = &self.policy {
                    w.oid(policy);
                }
                if let Some(nonce) = &self.nonce {
                    w.unsigned(nonce);
                }
                if self.wants_certificates {
                    w.boolean(true);
                }
            });
        })
    }

    /// Reads a request.
    pub fn from_der(bytes: &[u8]) -> Result<Self, Failure> {
        let bad = |_| Failure::BadDataFormat;
        let mut fields = Reader::der(bytes)
            .only()
            .and_then(|e| e.of(Tag::SEQUENCE))
            .and_then(|e| e.children())
            .map_err(bad)?;
        if fields.expect(Tag::INTEGER).and_then(|e| e.small()).map_err(bad)? != 1 {
            return Err(Failure::BadDataFormat);
        }
        let imprint = fields.expect(Tag::SEQUENCE).map_err(bad)?;
        let (digest, imprint) = read_imprint(&imprint).map_err(|r| match r.code {
            Code::CmsAlgorithm => Failure::BadAlgorithm,
            _ => Failure::BadDataFormat,
        })?;
        let policy = fields.optional(Tag::OID).map_err(bad)?.map(|e| e.oid()).transpose().map_err(bad)?;
        let nonce = fields.optional(Tag::INTEGER).map_err(bad)?;
        let nonce = nonce.map(|e| e.unsigned().map(<[u8]>::to_vec)).transpose().map_err(bad)?;
        let wants =
            fields.optional(Tag::BOOLEAN).map_err(bad)?.map(|e| e.boolean()).transpose().map_err(bad)?;
        // Extensions are all unknown to us, and §2.4.1 wants unknown ones refused.
        if !fields.is_empty() {
            return Err(Failure::BadRequest);
        }
        if nonce.as_ref().is_some_and(|n| n.len() > 64) {
            return Err(Failure::BadRequest);
        }
        Ok(Self { digest, imprint, policy, nonce, wants_certificates: wants.unwrap_or(false) })
    }
}

fn imprint(w: &mut Writer, digest: Digest, value: &[u8]) {
    w.sequence(|w| {
        w.sequence(|w| {
            w.oid(&digest.oid());
            w.null();
        });
        w.octets(value);
    });
}

fn read_imprint(element: &Element<'_>) -> Result<(Digest, Vec<u8>), Reason> {
    let fields = members(element, 2)?;
    let [algorithm, value] = fields.as_slice() else { return Err(Reason::new(Code::CmsSyntax)) };
    let digest = asn1::digest_of(algorithm)?.ok_or(Reason::of(Code::CmsAlgorithm, "imprint"))?;
    let value = value.of(Tag::OCTET_STRING).and_then(|e| e.octets()).map_err(broken)?;
    match value.len() == digest.size() {
        true => Ok((digest, value.to_vec())),
        false => Err(Reason::new(Code::CmsSyntax)),
    }
}

/// A timestamp authority: its key, its certificate with those above it, and the policy it stamps under.
pub struct Authority<'a> {
    /// Its key.
    pub key: &'a dyn SigningKey,
    /// Its certificate first, then issuers.
    pub certificates: &'a [Certificate],
    /// Its policy.
    pub policy: Oid,
}

/// Answers a `TimeStampReq` with a `TimeStampResp` in DER, granted or refused. `serial` must never repeat for one
/// authority (§2.4.2); `now` is Unix seconds.
pub fn answer(request: &[u8], authority: &Authority<'_>, serial: u64, now: i64) -> Vec<u8> {
    match granted(request, authority, serial, now) {
        Ok(token) => response(0, None, Some(&token)),
        Err(failure) => response(2, Some(failure), None),
    }
}

fn granted(request: &[u8], authority: &Authority<'_>, serial: u64, now: i64) -> Result<Vec<u8>, Failure> {
    let request = Request::from_der(request)?;
    if !request.digest.standing(now).is_accepted() {
        return Err(Failure::BadAlgorithm);
    }
    if request.policy.is_some_and(|asked| asked != authority.policy) {
        return Err(Failure::UnacceptedPolicy);
    }
    let info = Writer::build(|w| {
        w.sequence(|w| {
            w.integer(1);
            w.oid(&authority.policy);
            imprint(w, request.digest, &request.imprint);
            w.unsigned(&serial.to_be_bytes());
            w.generalized_time(now);
            // Accuracy: one second.
            w.sequence(|w| w.integer(1));
            if let Some(nonce) = &request.nonce {
                w.unsigned(nonce);
            }
        });
    });
    let scheme = authority.key.usual_scheme();
    let digest = scheme.digest().of(&info);
    let certificates = authority.certificates.to_vec();
    let parts = Parts::new(asn1::TST_INFO, Some(info), &digest, certificates, scheme, Some(now))
        .map_err(|_| Failure::SystemFailure)?;
    let signature = authority.key.sign(scheme, parts.signed_bytes()).map_err(|_| Failure::SystemFailure)?;
    Ok(parts.signed(signature.into_bytes()).with_certificates(request.wants_certificates).finish(None))
}

fn response(status: i64, failure: Option<Failure>, token: Option<&[u8]>) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.integer(status);
                if let Some(failure) = failure {
                    w.named_bits(&[failure.bit()]);
                }
            });
            if let Some(token) = token {
                w.raw(token);
            }
        });
    })
}

/// Reads a `TimeStampResp` (§2.4.2) that answers `request`; returns the token.
///
/// Errors: refused, damaged, or an answer to something else.
pub fn read_response(bytes: &[u8], request: &Request, limits: &Limits) -> Result<Vec<u8>, Reason> {
    let response = Reader::ber(bytes).only().and_then(|e| e.of(Tag::SEQUENCE)).map_err(broken)?;
    let token = granted_token(&response)?.to_vec();
    let read = Token::read(&token, limits)?;
    let same =
        read.digest == request.digest && read.imprint == request.imprint && read.nonce == request.nonce;
    match same {
        true => Ok(token),
        false => Err(Reason::new(Code::TimestampImprint)),
    }
}

/// The token in a file: the file itself, or what the `TimeStampResp` (§2.4.2) that it is grants.
///
/// Errors: neither of the two, or an answer that refuses.
pub fn token_of(bytes: &[u8]) -> Result<&[u8], Reason> {
    let outer = Reader::ber(bytes).only().and_then(|e| e.of(Tag::SEQUENCE)).map_err(broken)?;
    match outer.children().map_err(broken)?.peek() {
        Some(Tag::SEQUENCE) => granted_token(&outer),
        _ => Ok(bytes),
    }
}

fn granted_token<'a>(response: &Element<'a>) -> Result<&'a [u8], Reason> {
    let mut fields = response.children().map_err(broken)?;
    let status = members(&fields.expect(Tag::SEQUENCE).map_err(broken)?, 3)?;
    let status = status.first().ok_or(Reason::new(Code::CmsSyntax))?.small().map_err(broken)?;
    if !(0..=1).contains(&status) {
        return Err(Reason::of(Code::TimestampRefused, format_args!("status {status}")));
    }
    let token = fields.expect(Tag::SEQUENCE).map_err(broken)?;
    fields.finish().map_err(broken)?;
    Ok(token.whole())
}

/// A timestamp token and what it says.
#[derive(Clone, Debug)]
pub struct Token {
    cms: SignedData,
    content: Vec<u8>,
    certificates: Vec<Certificate>,
    /// Digest of what was stamped.
    pub digest: Digest,
    /// The digest's value.
    pub imprint: Vec<u8>,
    /// When, Unix seconds.
    pub at: i64,
    /// The authority's policy.
    pub policy: Oid,
    /// Serial number, big endian.
    pub serial: Vec<u8>,
    nonce: Option<Vec<u8>>,
    authority: Option<GeneralName>,
}

/// The fields of `TSTInfo` (§2.4.2).
struct Info {
    digest: Digest,
    imprint: Vec<u8>,
    at: i64,
    policy: Oid,
    serial: Vec<u8>,
    nonce: Option<Vec<u8>>,
    authority: Option<GeneralName>,
}

impl Info {
    fn read(content: &[u8]) -> Result<Self, Reason> {
        let mut fields = Reader::ber(content)
            .only()
            .and_then(|e| e.of(Tag::SEQUENCE))
            .and_then(|e| e.children())
            .map_err(broken)?;
        let version = fields.expect(Tag::INTEGER).and_then(|e| e.small()).map_err(broken)?;
        if version != 1 {
            return Err(Reason::of(Code::CmsVersion, format_args!("TSTInfo {version}")));
        }
        let policy = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
        let (digest, imprint) = read_imprint(&fields.expect(Tag::SEQUENCE).map_err(broken)?)?;
        let serial = fields.expect(Tag::INTEGER).and_then(|e| e.integer()).map_err(broken)?.to_vec();
        let (at, _) = fields.expect(Tag::GENERALIZED_TIME).and_then(|e| e.precise_time()).map_err(broken)?;
        if let Some(accuracy) = fields.optional(Tag::SEQUENCE).map_err(broken)? {
            check_accuracy(&accuracy)?;
        }
        if let Some(ordering) = fields.optional(Tag::BOOLEAN).map_err(broken)? {
            ordering.boolean().map_err(broken)?;
        }
        let nonce = fields.optional(Tag::INTEGER).map_err(broken)?;
        let nonce = nonce.map(|e| e.unsigned().map(<[u8]>::to_vec)).transpose().map_err(broken)?;
        let name = fields.explicit(0).map_err(broken)?;
        let unreadable = |_| Reason::of(Code::TimestampInvalid, "authority's name");
        let authority = name.map(|e| GeneralName::from_der(e.whole()).map_err(unreadable)).transpose()?;
        if let Some(extensions) = fields.optional(Tag::context(1)).map_err(broken)? {
            check_extensions(&extensions)?;
        }
        fields.finish().map_err(broken)?;
        Ok(Self { digest, imprint, at, policy, serial, nonce, authority })
    }
}

/// `Accuracy`: seconds, then milli- and microseconds of 1 to 999.
fn check_accuracy(accuracy: &Element<'_>) -> Result<(), Reason> {
    let mut fields = accuracy.children().map_err(broken)?;
    let wrong = Reason::of(Code::TimestampInvalid, "accuracy");
    if let Some(seconds) = fields.optional(Tag::INTEGER).map_err(broken)? {
        seconds.unsigned().map_err(|_| wrong.clone())?;
    }
    for part in [0, 1] {
        let Some(value) = fields.optional(Tag::context(part)).map_err(broken)? else { continue };
        let value = value.implicit(Tag::INTEGER).small().map_err(broken)?;
        if !(1..=999).contains(&value) {
            return Err(wrong);
        }
    }
    fields.finish().map_err(broken)
}

/// No extension is known to us, so none may be critical (RFC 5280 §4.2).
fn check_extensions(extensions: &Element<'_>) -> Result<(), Reason> {
    for extension in members(extensions, EXTENSIONS)? {
        let mut fields = extension.of(Tag::SEQUENCE).and_then(|e| e.children()).map_err(broken)?;
        let kind = fields.expect(Tag::OID).and_then(|e| e.oid()).map_err(broken)?;
        let critical = fields.optional(Tag::BOOLEAN).map_err(broken)?;
        let critical = critical.map(|e| e.boolean().map_err(broken)).transpose()?;
        fields.expect(Tag::OCTET_STRING).map_err(broken)?;
        fields.finish().map_err(broken)?;
        if critical == Some(true) {
            return Err(Reason::of(Code::TimestampInvalid, format_args!("critical extension {kind}")));
        }
    }
    Ok(())
}

/// Three answers about a token.
#[derive(Clone, Debug)]
pub enum TokenVerdict {
    /// The time is proven.
    Valid {
        /// The path to the authority's anchor.
        path: Box<path::Path>,
        /// SHA-1 or a short key somewhere.
        weak: bool,
    },
    /// It proves nothing.
    Invalid(Reason),
    /// Evidence is missing.
    Undecided {
        /// What is missing.
        lacks: Vec<Lack>,
    },
}

impl Token {
    /// Reads a token.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Reason> {
        Self::read_known(bytes, limits, &Known::default())
    }

    /// Reads a token whose certificates may have been read before.
    pub(crate) fn read_known(bytes: &[u8], limits: &Limits, known: &Known) -> Result<Self, Reason> {
        let cms = cms::read(bytes, limits)?;
        if cms.content_type != asn1::TST_INFO {
            return Err(Reason::new(Code::CmsContentType));
        }
        let content = cms.content.clone().ok_or(Reason::new(Code::CmsContentType))?;
        let info = Info::read(&content)?;
        let certificates = known.certificates(&cms.certificates, limits);
        let Info { digest, imprint, at, policy, serial, nonce, authority } = info;
        Ok(Self { cms, content, certificates, digest, imprint, at, policy, serial, nonce, authority })
    }

    /// Certificates sent along.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Revocation lists and OCSP answers sent along, still bytes.
    pub fn revocation(&self) -> (&[Vec<u8>], &[Vec<u8>]) {
        (&self.cms.crls, &self.cms.ocsp)
    }

    /// Whether the token is over these bytes.
    pub fn is_over(&self, pieces: &[&[u8]]) -> bool {
        cms::digest_pieces(self.digest, pieces) == self.imprint
    }

    /// Judges the token itself; whether it is over the right bytes is [`Self::is_over`]. `now`: Unix seconds.
    pub fn judge(
        &self,
        evidence: &Evidence,
        trust: &TrustStore,
        now: i64,
        certificate_limits: &certs::Limits,
    ) -> TokenVerdict {
        self.judge_known(evidence, trust, now, now, certificate_limits)
    }

    /// [`Self::judge`] for a token that is proven to have existed at `known_at`: that is when its authority's certificates
    /// have to be good still, since nobody guards the key of one that has expired (EN 319 102-1 §5.6.2).
    pub(crate) fn judge_known(
        &self,
        evidence: &Evidence,
        trust: &TrustStore,
        now: i64,
        known_at: i64,
        certificate_limits: &certs::Limits,
    ) -> TokenVerdict {
        let at_hand = self.certificates.iter().chain(&evidence.certificates);
        let Some(signer) = self.cms.find_signer(at_hand) else {
            return TokenVerdict::Invalid(Reason::of(
                Code::TimestampInvalid,
                "authority's certificate missing",
            ));
        };
        if let Err(reason) = self.check(&signer, now, certificate_limits) {
            return TokenVerdict::Invalid(Reason::of(Code::TimestampInvalid, reason.code));
        }
        let mut question = Question::new(Purpose::Timestamp, self.at);
        question.now = Some(now);
        match path::judge(&signer, evidence, trust, &question, certificate_limits) {
            PathVerdict::Valid(path) if expired(&path, known_at) => {
                TokenVerdict::Invalid(Reason::new(Code::TimestampExpired))
            }
            PathVerdict::Valid(path) if compromised(&path, known_at) => {
                TokenVerdict::Invalid(Reason::of(Code::TimestampInvalid, "authority compromised"))
            }
            PathVerdict::Valid(path) => {
                let own = [
                    self.digest.standing(self.at),
                    self.cms.signer.digest.standing(self.at),
                    self.cms.signer.algorithm.standing(self.at),
                ];
                let weak =
                    !path.weaknesses().is_empty() || own.iter().any(|standing| !standing.is_accepted());
                TokenVerdict::Valid { path: Box::new(path), weak }
            }
            PathVerdict::Invalid(_) => TokenVerdict::Invalid(Reason::new(Code::TimestampUntrusted)),
            PathVerdict::Undecided { lacks } => TokenVerdict::Undecided { lacks },
        }
    }

    /// Content, signature, binding, and a certificate made for nothing but timestamps (RFC 3161 §2.3).
    fn check(&self, signer: &Certificate, now: i64, limits: &certs::Limits) -> Result<(), Reason> {
        self.cms.check_content(asn1::TST_INFO, &[&self.content])?;
        self.cms.check_signature(signer, &[&self.content])?;
        match self.cms.is_bound_to(signer) {
            Some(true) => {}
            Some(false) => return Err(Reason::new(Code::CmsBinding)),
            None => return Err(Reason::new(Code::CmsNoBinding)),
        }
        let only = signer.extended_key_usage() == Some([oids::TIME_STAMPING].as_slice());
        if !only || !signer.is_critical(oids::EXTENDED_KEY_USAGE) {
            return Err(Reason::new(Code::KeyUsage));
        }
        // §2.4.2: the name stated, if any, is one of the certificate's.
        if self.authority.as_ref().is_some_and(|stated| !is_named(signer, stated)) {
            return Err(Reason::of(Code::TimestampInvalid, "authority's name"));
        }
        if self.at > now.saturating_add(limits.clock_skew_seconds) {
            return Err(Reason::new(Code::TimeFuture));
        }
        Ok(())
    }
}

fn is_named(certificate: &Certificate, stated: &GeneralName) -> bool {
    let is_subject = matches!(stated, GeneralName::Directory(name) if name == certificate.subject());
    is_subject || certificate.alt_names().contains(stated)
}

/// A certificate below the anchor had expired when the token was first proven to exist.
fn expired(path: &path::Path, known_at: i64) -> bool {
    let anchor = path.anchor().certificate();
    path.certificates().iter().any(|own| own != anchor && own.not_after() < known_at)
}

/// A key in strange hands can stamp any moment: its tokens prove nothing, unless they existed before (RFC 3161 §4
/// item 1).
fn compromised(path: &path::Path, known_at: i64) -> bool {
    path.statuses().iter().any(|status| match &status.standing {
        Standing::RevokedLater(facts) if facts.effective_at() <= known_at => matches!(
            facts.reason,
            RevocationReason::KeyCompromise | RevocationReason::CaCompromise | RevocationReason::AaCompromise
        ),
        _ => false,
    })
}

/// Those that can be read; a damaged certificate beside the signer's is nobody's proof and nobody's fault.
pub(crate) fn parse_certificates(ders: &[Vec<u8>], limits: &Limits) -> Vec<Certificate> {
    ders.iter().take(limits.evidence_items).filter_map(|der| Certificate::from_der(der).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3161_2_4_1_a_request_there_and_back() {
        for nonce in [0, 1, 0x80, u64::MAX] {
            let request = Request::over(b"a document", nonce);
            assert_eq!(Request::from_der(&request.to_der()), Ok(request));
        }
        assert_eq!(Request::from_der(b"\x30\x00"), Err(Failure::BadDataFormat));
    }
}
