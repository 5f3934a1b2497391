//! One certificate, read once.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::algorithm::SignatureAlgorithm;
use crate::der::{self, Element, Oid, Reader, Tag};
use crate::error::{Error, reading};
use crate::extensions::{
    AuthorityKeyId, BasicConstraints, DistributionPoint, Extensions, KeyUsage, NameConstraints,
    PolicyConstraints,
};
use crate::keys::PublicKey;
use crate::name::{GeneralName, Name};
use crate::verified::Verified;
use crate::{Fingerprint, Limits, oids};

/// A serial number: the INTEGER's contents as they stand. Equal means the same bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    pub(crate) fn from_element(element: &Element<'_>) -> der::Result<Serial> {
        element.integer().map(|bytes| Serial(bytes.to_vec()))
    }

    /// From a positive number.
    pub fn from_u64(number: u64) -> Serial {
        Self::from_magnitude(&number.to_be_bytes())
    }

    /// From the magnitude of a positive number, such as random bytes.
    pub fn from_magnitude(bytes: &[u8]) -> Serial {
        let encoded = der::Writer::build(|w| w.unsigned(bytes));
        Serial(Reader::der(&encoded).only().map(|e| e.content().to_vec()).unwrap_or_default())
    }

    /// DER contents of the INTEGER.
    pub fn content(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A parsed X.509 certificate with its original bytes. Cloning is cheap; equality is equality of bytes.
///
/// Reading is lenient where the standard only asks the *issuer* to behave (see [`crate::path::Profile`]); damaged
/// extensions are listed in [`Certificate::unreadable_extensions`] and refused by path validation, not here.
#[derive(Clone)]
pub struct Certificate(Arc<Facts>);

struct Facts {
    der: Vec<u8>,
    /// Where the signed part stands in `der`.
    tbs: std::ops::Range<usize>,
    fingerprint: Fingerprint,
    version: i64,
    serial: Serial,
    issuer: Name,
    subject: Name,
    not_before: i64,
    not_after: i64,
    public_key: PublicKey,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
    extensions: Extensions,
    verified: Verified,
}

impl Certificate {
    /// Reads one DER certificate that fills the input.
    ///
    /// Errors: [`Error::Encoding`], [`Error::Malformed`], [`Error::TooLarge`].
    pub fn from_der(bytes: &[u8]) -> Result<Certificate, Error> {
        Self::from_der_within(bytes, &Limits::default())
    }

    /// As [`Certificate::from_der`], with limits from configuration.
    pub fn from_der_within(bytes: &[u8], limits: &Limits) -> Result<Certificate, Error> {
        if bytes.len() > limits.certificate_bytes {
            return Err(Error::TooLarge { what: "certificate", limit: limits.certificate_bytes });
        }
        Self::parse(bytes).map_err(reading("certificate"))?
    }

    fn parse(bytes: &[u8]) -> der::Result<Result<Certificate, Error>> {
        let mut outer = Reader::der(bytes).only()?.of(Tag::SEQUENCE)?.children()?;
        let tbs = outer.expect(Tag::SEQUENCE)?;
        let outer_algorithm = outer.expect(Tag::SEQUENCE)?;
        let signature = outer.expect(Tag::BIT_STRING)?.signature_bytes()?.to_vec();
        outer.finish()?;

        let mut fields = tbs.children()?;
        let version = match fields.explicit(0)? {
            Some(number) => number.small()?,
            None => 0,
        };
        let serial = Serial::from_element(&fields.expect(Tag::INTEGER)?)?;
        let inner_algorithm = fields.expect(Tag::SEQUENCE)?;
        if inner_algorithm.whole() != outer_algorithm.whole() {
            // RFC 5280 §4.1.1.2: both must be the same, or the unsigned one could lie.
            return Ok(Err(Error::Malformed { what: "certificate", why: "signature algorithms differ" }));
        }
        let issuer = Name::read(&mut fields)?;
        let mut validity = fields.sequence()?;
        let (not_before, not_after) = (validity.element()?.time()?, validity.element()?.time()?);
        validity.finish()?;
        let subject = Name::read(&mut fields)?;
        let public_key = PublicKey::from_element(&fields.expect(Tag::SEQUENCE)?)?;
        fields.optional(Tag::context(1))?;
        fields.optional(Tag::context(2))?;
        let extensions = match fields.explicit(3)? {
            Some(list) => Extensions::read(list.of(Tag::SEQUENCE)?.children()?)?,
            None => Extensions::default(),
        };
        fields.finish()?;
        if !(0..=2).contains(&version) || (version < 2 && !extensions.all.is_empty()) {
            return Ok(Err(Error::Malformed { what: "certificate", why: "version does not fit" }));
        }
        Ok(Ok(Certificate(Arc::new(Facts {
            der: bytes.to_vec(),
            tbs: tbs.span(),
            fingerprint: Fingerprint::of(bytes),
            version,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            public_key,
            algorithm: SignatureAlgorithm::from_element(&outer_algorithm)?,
            signature,
            extensions,
            verified: Verified::default(),
        }))))
    }

    /// The first certificate of a PEM text.
    pub fn from_pem(text: &[u8]) -> Result<Certificate, Error> {
        let mut all = Self::all_from_pem(text, &Limits::default())?;
        if all.is_empty() {
            return Err(Error::Malformed { what: "PEM file", why: "no certificate in it" });
        }
        Ok(all.swap_remove(0))
    }

    /// All certificates of a PEM text, in order; other blocks are skipped. The first bad certificate is the error.
    pub fn all_from_pem(text: &[u8], limits: &Limits) -> Result<Vec<Certificate>, Error> {
        let mut found = Vec::new();
        for der in crate::pem::blocks(text, &["CERTIFICATE", "X509 CERTIFICATE"])? {
            if found.len() == limits.certificates {
                return Err(Error::TooLarge { what: "PEM file", limit: limits.certificates });
            }
            found.push(Self::from_der_within(&der, limits)?);
        }
        Ok(found)
    }

    /// All certificates of a file: PEM blocks, or one in DER.
    pub fn all_from_file(bytes: &[u8], limits: &Limits) -> Result<Vec<Certificate>, Error> {
        if bytes.first() == Some(&0x30) {
            return Ok(vec![Self::from_der_within(bytes, limits)?]);
        }
        Self::all_from_pem(bytes, limits)
    }

    /// As [`Certificate::all_from_file`], but a certificate that cannot be read is an error by itself and hides no other:
    /// for files of helpful certificates, where one bad one is no reason to be without the rest.
    pub fn each_from_file(bytes: &[u8], limits: &Limits) -> Result<Vec<Result<Certificate, Error>>, Error> {
        if bytes.first() == Some(&0x30) {
            return Ok(vec![Self::from_der_within(bytes, limits)]);
        }
        let blocks = crate::pem::blocks(bytes, &["CERTIFICATE", "X509 CERTIFICATE"])?;
        if blocks.len() > limits.certificates {
            return Err(Error::TooLarge { what: "PEM file", limit: limits.certificates });
        }
        Ok(blocks.iter().map(|der| Self::from_der_within(der, limits)).collect())
    }

    /// One PEM block.
    pub fn to_pem(&self) -> String {
        crate::pem::block("CERTIFICATE", self.der())
    }

    /// The certificate as it came.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The signed part, `TBSCertificate`, as it came.
    pub fn tbs(&self) -> &[u8] {
        self.0.der.get(self.0.tbs.clone()).unwrap_or_default()
    }

    /// SHA-256 of the whole certificate.
    pub fn sha256(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// 1, 2 or 3.
    pub fn version(&self) -> u8 {
        self.0.version as u8 + 1
    }

    /// The serial number.
    pub fn serial(&self) -> &Serial {
        &self.0.serial
    }

    /// Who vouches.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// Who is vouched for.
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// Subject and issuer are the same name; the key need not be (RFC 5280 §6.1).
    pub fn is_self_issued(&self) -> bool {
        self.subject() == self.issuer()
    }

    /// First valid second since 1970.
    pub fn not_before(&self) -> i64 {
        self.0.not_before
    }

    /// Last valid second since 1970.
    pub fn not_after(&self) -> i64 {
        self.0.not_after
    }

    /// The subject's key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// `SubjectPublicKeyInfo` as it came.
    pub fn spki(&self) -> &[u8] {
        self.0.public_key.spki()
    }

    /// How the issuer signed.
    pub fn signature_algorithm(&self) -> &SignatureAlgorithm {
        &self.0.algorithm
    }

    /// The issuer's signature.
    pub fn signature(&self) -> &[u8] {
        &self.0.signature
    }

    /// keyUsage.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.extensions.key_usage
    }

    /// extKeyUsage.
    pub fn extended_key_usage(&self) -> Option<&[Oid]> {
        self.0.extensions.extended_key_usage.as_deref()
    }

    /// basicConstraints.
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.0.extensions.basic_constraints
    }

    /// basicConstraints says "CA".
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.ca)
    }

    /// certificatePolicies, without qualifiers.
    pub fn policies(&self) -> Option<&[Oid]> {
        self.0.extensions.policies.as_deref()
    }

    /// policyMappings: issuer's policy, subject's policy.
    pub fn policy_mappings(&self) -> Option<&[(Oid, Oid)]> {
        self.0.extensions.policy_mappings.as_deref()
    }

    /// policyConstraints.
    pub fn policy_constraints(&self) -> Option<PolicyConstraints> {
        self.0.extensions.policy_constraints
    }

    /// inhibitAnyPolicy.
    pub fn inhibit_any_policy(&self) -> Option<u32> {
        self.0.extensions.inhibit_any_policy
    }

    /// nameConstraints.
    pub fn name_constraints(&self) -> Option<&NameConstraints> {
        self.0.extensions.name_constraints.as_ref()
    }

    /// subjectAltName, all kinds; empty when absent.
    pub fn alt_names(&self) -> &[GeneralName] {
        self.0.extensions.subject_alt_names.as_deref().unwrap_or_default()
    }

    /// subjectAltName is present.
    pub fn has_alt_names(&self) -> bool {
        self.0.extensions.subject_alt_names.is_some()
    }

    /// DNS names of subjectAltName.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.alt_names().iter().filter_map(|name| match name {
            GeneralName::Dns(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// IP addresses of subjectAltName.
    pub fn ip_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.alt_names().iter().filter_map(|name| match name {
            GeneralName::Ip(address) => Some(*address),
            _ => None,
        })
    }

    /// Mail addresses of subjectAltName, then those of the subject (RULES D24 expects the former).
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        let alternative = self.alt_names().iter().filter_map(|name| match name {
            GeneralName::Email(name) => Some(name.as_str()),
            _ => None,
        });
        alternative.chain(self.subject().emails())
    }

    /// URIs of subjectAltName.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.alt_names().iter().filter_map(|name| match name {
            GeneralName::Uri(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// subjectKeyIdentifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// authorityKeyIdentifier.
    pub fn authority_key_id(&self) -> Option<&AuthorityKeyId> {
        self.0.extensions.authority_key_id.as_ref()
    }

    /// cRLDistributionPoints; empty when absent.
    pub fn crl_points(&self) -> &[DistributionPoint] {
        self.0.extensions.crl_points.as_deref().unwrap_or_default()
    }

    /// Where CRLs are published: the URIs of all distribution points.
    pub fn crl_urls(&self) -> Vec<String> {
        let names = self.crl_points().iter().flat_map(|point| &point.names);
        names
            .filter_map(|name| if let GeneralName::Uri(uri) = name { Some(uri.clone()) } else { None })
            .collect()
    }

    fn access_urls(&self, method: Oid) -> Vec<String> {
        let entries = self.0.extensions.access.iter().filter(|(kind, _)| *kind == method);
        entries
            .filter_map(|(_, name)| if let GeneralName::Uri(uri) = name { Some(uri.clone()) } else { None })
            .collect()
    }

    /// Where OCSP is asked (authorityInfoAccess).
    pub fn ocsp_urls(&self) -> Vec<String> {
        self.access_urls(oids::ACCESS_OCSP)
    }

    /// Where the issuer's certificate is published (authorityInfoAccess).
    pub fn issuer_urls(&self) -> Vec<String> {
        self.access_urls(oids::ACCESS_CA_ISSUERS)
    }

    /// id-pkix-ocsp-nocheck: an OCSP responder whose own revocation is not looked up (RFC 6960 §4.2.2.2.1).
    pub fn has_ocsp_no_check(&self) -> bool {
        self.0.extensions.ocsp_no_check
    }

    /// Critical extensions this program does not understand; any of them makes a path invalid.
    pub fn unknown_critical_extensions(&self) -> &[Oid] {
        &self.0.extensions.unknown_critical
    }

    /// Known extensions with damaged contents, and any that appear twice.
    pub fn unreadable_extensions(&self) -> &[Oid] {
        &self.0.extensions.unreadable
    }

    /// The extension is there and marked critical.
    pub fn is_critical(&self, extension: Oid) -> bool {
        self.0.extensions.critical.contains(&extension)
    }

    /// Contents of any extension.
    pub fn extension(&self, id: Oid) -> Option<&[u8]> {
        self.0.extensions.all.iter().find(|(kind, _)| *kind == id).map(|(_, value)| value.as_slice())
    }

    /// Checks this certificate's signature with a key. Errors: [`Error::BadSignature`], [`Error::Unsupported`].
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), Error> {
        let check = || self.signature_algorithm().verify(issuer, self.tbs(), self.signature());
        self.0.verified.by(issuer, check)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Certificate) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.subject(), self.serial())
    }
}

impl serde::Serialize for Certificate {
    /// As base64 of the DER.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(self.der()))
    }
}

impl<'de> serde::Deserialize<'de> for Certificate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        use serde::de::Error as _;
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let der =
            base64::engine::general_purpose::STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        Certificate::from_der(&der).map_err(D::Error::custom)
    }
}
