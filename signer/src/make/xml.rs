//! Making signatures in XML (RULES E32–E34): XMLDSig and XAdES B-B and B-T (ETSI EN 319 132-1), exclusive canonical
//! form, SHA-256 and up, the full certificate. What is signed keeps every byte it had; the signature is put in as text.
//!
//! The steps are those of [`super`]: [`enveloped`], [`detached`], [`package`] or [`prepare`] say what is to be signed,
//! [`Prepared::signed`] takes the signature value, [`Stamped`] asks for a timestamp and finishes. What is handed out
//! was read back first (RULES D32).

use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::tst;
use crate::xml::{self, Beside, Canonical, Facts, Signature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::Certificate;
use certs::algorithm::Digest;
use certs::keys::{Scheme, SigningKey, ecdsa_to_fixed};
use mail::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const MANIFEST: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";
const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
const SIGNED_PROPERTIES: &str = "http://uri.etsi.org/01903#SignedProperties";

/// How and by whom a document is signed.
#[derive(Clone, Debug)]
pub struct Signing {
    /// The signer's certificate, then those above it (RULES E33: the full certificate; the chain is optional).
    pub certificates: Vec<Certificate>,
    /// How the key signs.
    pub scheme: Scheme,
    /// The claimed time: with it the signature is XAdES, without it plain XMLDSig.
    pub time: Option<Timestamp>,
}

impl Signing {
    /// A XAdES signature.
    pub fn new(certificates: Vec<Certificate>, scheme: Scheme, time: Timestamp) -> Self {
        Self { certificates, scheme, time: Some(time) }
    }

    /// A plain XMLDSig signature: nothing binds the certificate, and it has no place for a timestamp.
    pub fn plain(certificates: Vec<Certificate>, scheme: Scheme) -> Self {
        Self { certificates, scheme, time: None }
    }
}

/// A document that waits for a signature value.
pub struct Prepared {
    text: String,
    id: String,
    scheme: Scheme,
    content: Option<Vec<u8>>,
    to_sign: Vec<u8>,
    limits: Limits,
}

/// A document whose signature value is known; a timestamp may still be added.
pub struct Stamped {
    text: String,
    id: String,
    content: Option<Vec<u8>>,
    stamped: Vec<u8>,
    limits: Limits,
}

/// One reference on its way into a signature.
struct Entry {
    uri: String,
    kind: Option<&'static str>,
    /// The signature is inside and taken out.
    enveloped: bool,
    /// XML, which is canonicalised; else bytes.
    mime: Option<&'static str>,
}

impl Entry {
    fn element(id: &str) -> Self {
        Self { uri: format!("#{id}"), kind: None, enveloped: false, mime: Some("text/xml") }
    }
}

/// Signs the whole document, the signature as the last child of its root.
///
/// Errors: the document cannot be read, or has a signature already: taking itself out, the new one would cover the
/// old one, which knows nothing of the new.
pub fn enveloped(bytes: &[u8], signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
    let facts = xml::facts(bytes, limits)?;
    if !facts.signatures.is_empty() {
        return Err(Reason::of(Code::MakeField, "a signature is there"));
    }
    let entry = Entry { uri: String::new(), kind: None, enveloped: true, mime: Some("text/xml") };
    Draft::of(entry, facts.end_of_root()).build(&facts, signing, limits)
}

/// Signs bytes that lie beside the signature, which is a document of its own and calls them `name`.
pub fn detached(content: &[u8], name: &str, signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    if !plain {
        return Err(Reason::of(Code::MakeField, "name"));
    }
    let entry = Entry { uri: name.to_owned(), kind: None, enveloped: false, mime: None };
    let empty = xml::facts(b"<x/>", limits)?;
    let draft = Draft { content: Some(content.to_vec()), ..Draft::of(entry, xml::Place::Alone) };
    draft.build(&empty, signing, limits)
}

/// Signs an edXML package (RULES E34): its header and its body by identifier, and every attachment's decoded bytes
/// through a manifest, so that hubs may append to the trace (R67). The signature is the header's last child.
///
/// Errors: this is no package, one part of it cannot be read, or a signature is there already.
pub fn package(bytes: &[u8], signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
    let facts = xml::facts(bytes, limits)?;
    if !facts.signatures.is_empty() {
        return Err(Reason::of(Code::MakeField, "a signature is there"));
    }
    let package = facts.package()?;
    let mut insertions = Vec::new();
    let mut entries = Vec::new();
    for part in &package.elements {
        let id = match &part.id {
            Some(id) => id.clone(),
            None => {
                let id = facts.free_id(&part.name);
                insertions.push((part.after_name, format!(" Id=\"{id}\"")));
                id
            }
        };
        entries.push(Entry::element(&id));
    }
    let draft = Draft { insertions, place: package.place, entries, parts: package.parts, content: None };
    draft.build(&facts, signing, limits)
}

/// [`package`] for an edXML package, [`enveloped`] for every other document.
pub fn prepare(bytes: &[u8], signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
    match xml::read(bytes, limits)?.is_package() {
        true => package(bytes, signing, limits),
        false => enveloped(bytes, signing, limits),
    }
}

fn algorithms(scheme: Scheme) -> Result<(&'static str, &'static str, Digest), Reason> {
    let digest = match scheme {
        Scheme::Ed25519 => Digest::Sha256,
        other => other.digest(),
    };
    let method = xml::method_uri(scheme).zip(xml::digest_uri(digest));
    method.map(|(method, uri)| (method, uri, digest)).ok_or(Reason::new(Code::CmsAlgorithm))
}

/// Text a name can hold without escaping, as all names made here are.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// What is known before the signature's text is put together.
struct Draft {
    /// Texts that go into the document besides the signature, and where.
    insertions: Vec<(usize, String)>,
    place: xml::Place,
    entries: Vec<Entry>,
    /// Attachments, for the manifest.
    parts: Vec<xml::Part>,
    /// What lies beside the document.
    content: Option<Vec<u8>>,
}

impl Draft {
    fn of(entry: Entry, place: xml::Place) -> Self {
        Self { insertions: Vec::new(), place, entries: vec![entry], parts: Vec::new(), content: None }
    }

    /// Puts the signature's text together with digests of zeros, and fills them in.
    fn build(mut self, facts: &Facts<'_>, signing: &Signing, limits: &Limits) -> Result<Prepared, Reason> {
        let id = facts.free_id("Signature");
        let signature = self.signature(&id, signing)?;
        let whole = self.placed(facts.source(), signature);
        let text = filled(whole, &id, self.content.as_deref(), limits)?;
        let parts = BTreeMap::new();
        let facts = xml::facts(text.as_bytes(), limits)?;
        let signature = find(&facts, &id)?;
        facts.check_references(signature, Beside { content: self.content.as_deref(), parts: &parts })?;
        let to_sign = facts.signed_info(signature)?;
        Ok(Prepared { text, id, scheme: signing.scheme, content: self.content, to_sign, limits: *limits })
    }

    /// The `Signature` element, without digests and value.
    fn signature(&mut self, id: &str, signing: &Signing) -> Result<String, Reason> {
        let (method, digest_uri, digest) = algorithms(signing.scheme)?;
        let mut objects = String::new();
        if !self.parts.is_empty() {
            objects.push_str(&manifest(&format!("{id}-Manifest"), &self.parts, digest_uri, digest));
            self.entries.push(Entry { kind: Some(MANIFEST), ..Entry::element(&format!("{id}-Manifest")) });
        }
        if let Some(time) = signing.time {
            let own = signing.certificates.first().ok_or(Reason::new(Code::CmsNoCertificate))?;
            objects.push_str(&properties(id, time, own, &self.entries, digest_uri, digest));
            self.entries.push(Entry {
                kind: Some(SIGNED_PROPERTIES),
                ..Entry::element(&format!("{id}-SignedProperties"))
            });
        }
        let mut text = format!(
            "<Signature xmlns=\"{DSIG}\" Id=\"{id}\"><SignedInfo>\
             <CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/><SignatureMethod Algorithm=\"{method}\"/>"
        );
        for (number, entry) in self.entries.iter().enumerate() {
            text.push_str(&reference(&format!("{id}-Reference-{number}"), entry, digest_uri, digest));
        }
        text.push_str("</SignedInfo><SignatureValue></SignatureValue><KeyInfo><X509Data>");
        for certificate in &signing.certificates {
            let _ = write!(text, "<X509Certificate>{}</X509Certificate>", STANDARD.encode(certificate.der()));
        }
        let _ = write!(text, "</X509Data></KeyInfo>{objects}</Signature>");
        Ok(text)
    }

    /// The document with the signature in its place.
    fn placed(&mut self, source: &str, signature: String) -> String {
        let mut insertions = std::mem::take(&mut self.insertions);
        match &self.place {
            xml::Place::Alone => signature,
            xml::Place::Before(at) => {
                insertions.push((*at, signature));
                inserted(source, insertions)
            }
            xml::Place::Inside { slash, name } => {
                insertions.push((*slash, format!(">{signature}</{name}")));
                // `<a/>` becomes `<a>…</a>`: the slash goes.
                inserted_over(source, insertions, *slash)
            }
        }
    }
}

fn inserted(source: &str, insertions: Vec<(usize, String)>) -> String {
    inserted_over(source, insertions, usize::MAX)
}

/// The source with texts put in, and the byte at `without` left out.
fn inserted_over(source: &str, mut insertions: Vec<(usize, String)>, without: usize) -> String {
    insertions.sort_by_key(|(at, _)| *at);
    let mut text = String::new();
    let mut from = 0;
    for (at, new) in insertions {
        text.push_str(source.get(from..at).unwrap_or_default());
        text.push_str(&new);
        from = if at == without { at + 1 } else { at };
    }
    text.push_str(source.get(from..).unwrap_or_default());
    text
}

fn find<'f>(facts: &'f Facts<'_>, id: &str) -> Result<&'f Signature, Reason> {
    let found = facts.signatures.iter().find(|found| found.name == id);
    let found = found.ok_or(Reason::of(Code::MakeCheck, Code::XmlStructure))?;
    found.signature.as_ref().map_err(|reason| Reason::of(Code::MakeCheck, reason.code))
}

/// Fills in the digests of the signature's own references.
fn filled(text: String, id: &str, content: Option<&[u8]>, limits: &Limits) -> Result<String, Reason> {
    let facts = xml::facts(text.as_bytes(), limits)?;
    let signature = find(&facts, id)?;
    let parts = BTreeMap::new();
    let digests = facts.digests(signature, Beside { content, parts: &parts })?;
    let mut replaced = text.clone().into_bytes();
    for (place, digest) in digests {
        let value = STANDARD.encode(digest);
        let hole = replaced.get_mut(place).filter(|hole| hole.len() == value.len());
        hole.ok_or(Reason::new(Code::MakeSpace))?.copy_from_slice(value.as_bytes());
    }
    String::from_utf8(replaced).map_err(|_| Reason::new(Code::XmlEncoding))
}

fn reference(id: &str, entry: &Entry, digest_uri: &str, digest: Digest) -> String {
    let kind = entry.kind.map(|kind| format!(" Type=\"{kind}\"")).unwrap_or_default();
    let mut text = format!("<Reference Id=\"{id}\"{kind} URI=\"{}\">", escaped(&entry.uri));
    if entry.mime.is_some() {
        text.push_str("<Transforms>");
        if entry.enveloped {
            let _ = write!(text, "<Transform Algorithm=\"{ENVELOPED}\"/>");
        }
        let _ = write!(text, "<Transform Algorithm=\"{EXCLUSIVE}\"/></Transforms>");
    }
    let zeros = STANDARD.encode(vec![0; digest.size()]);
    let _ = write!(
        text,
        "<DigestMethod Algorithm=\"{digest_uri}\"/><DigestValue>{zeros}</DigestValue></Reference>"
    );
    text
}

/// The list of attachments, each with the digest of its decoded bytes (RULES E34).
fn manifest(id: &str, parts: &[xml::Part], digest_uri: &str, digest: Digest) -> String {
    let mut text = format!("<Object><Manifest Id=\"{id}\">");
    for part in parts {
        let value = STANDARD.encode(digest.of(&part.bytes));
        let _ = write!(
            text,
            "<Reference URI=\"cid:{}\"><DigestMethod Algorithm=\"{digest_uri}\"/>\
             <DigestValue>{value}</DigestValue></Reference>",
            escaped(&part.name)
        );
    }
    text.push_str("</Manifest></Object>");
    text
}

/// `QualifyingProperties` at level B-B (EN 319 132-1 §6.3): time, certificate, what kind of data each reference is.
fn properties(
    id: &str,
    time: Timestamp,
    own: &Certificate,
    entries: &[Entry],
    digest_uri: &str,
    digest: Digest,
) -> String {
    let certificate = STANDARD.encode(digest.of(own.der()));
    let mut text = format!(
        "<Object><xades:QualifyingProperties xmlns:xades=\"{XADES}\" Target=\"#{id}\">\
         <xades:SignedProperties Id=\"{id}-SignedProperties\"><xades:SignedSignatureProperties>\
         <xades:SigningTime>{}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>\
         <DigestMethod Algorithm=\"{digest_uri}\"/><DigestValue>{certificate}</DigestValue>\
         </xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>\
         <xades:SignedDataObjectProperties>",
        time.to_rfc3339_vietnam(),
    );
    for (number, entry) in entries.iter().enumerate() {
        let _ = write!(
            text,
            "<xades:DataObjectFormat ObjectReference=\"#{id}-Reference-{number}\">\
             <xades:MimeType>{}</xades:MimeType></xades:DataObjectFormat>",
            entry.mime.unwrap_or("application/octet-stream")
        );
    }
    text.push_str(
        "</xades:SignedDataObjectProperties></xades:SignedProperties></xades:QualifyingProperties></Object>",
    );
    text
}

impl Prepared {
    /// What the key signs (the canonical `SignedInfo`; the key's scheme hashes it).
    pub fn to_sign(&self) -> &[u8] {
        &self.to_sign
    }

    /// Takes the signature value, ECDSA in DER as keys make it.
    pub fn signed(self, signature: &[u8]) -> Result<Stamped, Reason> {
        let value = match self.scheme {
            Scheme::EcdsaP256Sha256 => ecdsa_to_fixed(signature, 32),
            Scheme::EcdsaP384Sha384 => ecdsa_to_fixed(signature, 48),
            Scheme::EcdsaP521Sha512 => ecdsa_to_fixed(signature, 66),
            _ => Ok(signature.to_vec()),
        };
        let value = value.map_err(|e| Reason::of(Code::MakeKey, e.code()))?;
        let facts = xml::facts(self.text.as_bytes(), &self.limits)?;
        let at = facts.value_place(find(&facts, &self.id)?);
        let text = inserted(&self.text, vec![(at, STANDARD.encode(value))]);
        let facts = xml::facts(text.as_bytes(), &self.limits)?;
        let stamped = facts.stamped(find(&facts, &self.id)?, &Canonical::EXCLUSIVE)?;
        let Self { id, content, limits, .. } = self;
        Ok(Stamped { text, id, content, stamped, limits })
    }

    /// Signs with one of our keys.
    pub fn sign(self, key: &dyn SigningKey) -> Result<Stamped, Reason> {
        let made = key.sign(self.scheme, &self.to_sign);
        let signature = made.map_err(|e| Reason::of(Code::MakeKey, e.code()))?;
        self.signed(signature.as_bytes())
    }
}

impl Stamped {
    /// What to send to a timestamp authority; `nonce` is random and never used twice.
    pub fn timestamp_request(&self, nonce: u64) -> tst::Request {
        tst::Request::over(&self.stamped, nonce)
    }

    /// The signed document, with a token (from [`tst::read_response`]) or without; read back first.
    ///
    /// Errors: the signature is not one; a token is given for plain XMLDSig, which has no place for it.
    pub fn finish(self, token: Option<&[u8]>) -> Result<Vec<u8>, Reason> {
        let mut text = self.text;
        if let Some(token) = token {
            let facts = xml::facts(text.as_bytes(), &self.limits)?;
            let at = facts.unsigned_place(find(&facts, &self.id)?);
            let at = at.ok_or(Reason::of(Code::MakeSpace, "timestamp"))?;
            let stamp = format!(
                "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>\
                 <xades:SignatureTimeStamp Id=\"{}-TimeStamp\"><CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/>\
                 <xades:EncapsulatedTimeStamp>{}</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>\
                 </xades:UnsignedSignatureProperties></xades:UnsignedProperties>",
                self.id,
                STANDARD.encode(token)
            );
            text = inserted(&text, vec![(at, stamp)]);
        }
        check(&text, &self.id, self.content.as_deref(), &self.limits)
            .map_err(|reason| Reason::of(Code::MakeCheck, reason.code))?;
        Ok(text.into_bytes())
    }
}

/// The new signature reads back, is over what it says, and is made with the key its certificate names.
fn check(text: &str, id: &str, content: Option<&[u8]>, limits: &Limits) -> Result<(), Reason> {
    let facts = xml::facts(text.as_bytes(), limits)?;
    let signature = find(&facts, id)?;
    let parts = BTreeMap::new();
    facts.check_references(signature, Beside { content, parts: &parts })?;
    facts.check_properties(signature)?;
    if let Some(reason) = facts.unsigned() {
        return Err(reason);
    }
    let octets = facts.signed_info(signature)?;
    let der = signature.key_info.certificates.first().ok_or(Reason::new(Code::CmsNoCertificate))?;
    let own = Certificate::from_der(der).map_err(|_| Reason::new(Code::CmsNoCertificate))?;
    signature.verifies(&own, &octets).map_err(|_| Reason::new(Code::CmsSignature))?;
    for (token, how) in signature.xades.iter().flat_map(|xades| &xades.tokens) {
        let over = facts.stamped(signature, how)?;
        if !tst::Token::read(token, limits)?.is_over(&[&over]) {
            return Err(Reason::new(Code::TimestampImprint));
        }
    }
    Ok(())
}

/// Signs in one go: takes what [`enveloped`], [`detached`] or [`package`] prepared, signs with our key, asks `stamp`
/// for a token (`None` from it: no timestamp).
pub fn sign(
    prepared: Prepared,
    key: &dyn SigningKey,
    stamp: impl FnOnce(&Stamped) -> Result<Option<Vec<u8>>, Reason>,
) -> Result<Vec<u8>, Reason> {
    let stamped = prepared.sign(key)?;
    let token = stamp(&stamped)?;
    stamped.finish(token.as_deref())
}
