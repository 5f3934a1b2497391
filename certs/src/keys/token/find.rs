//! Finding a certificate in a token, and the private key that belongs to it.

use cryptoki::error::Error as Fault;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::Wanted;
use crate::certificate::Certificate;
use crate::der::{Reader, Tag};
use crate::keys::{KeyKind, PublicKey};
use crate::{Error, Limits};

/// A private key in a token.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) handle: ObjectHandle,
    /// CKA_ALWAYS_AUTHENTICATE: the PIN is presented for every signature, as cards for qualified signatures demand.
    pub(super) wants_pin_each_time: bool,
}

/// A certificate in a token.
pub(super) struct Inside {
    pub(super) certificate: Certificate,
    label: Vec<u8>,
    id: Vec<u8>,
}

/// Every readable X.509 certificate in the token, within the limit of a container.
pub(super) fn certificates(session: &Session, limits: &Limits) -> Result<Vec<Inside>, Fault> {
    let template =
        [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::CertificateType(CertificateType::X_509)];
    let mut all = Vec::new();
    for handle in session.find_objects(&template)?.into_iter().take(limits.certificates) {
        let asked = [AttributeType::Value, AttributeType::Label, AttributeType::Id];
        let mut inside = (None, Vec::new(), Vec::new());
        for attribute in session.get_attributes(handle, &asked)? {
            match attribute {
                Attribute::Value(der) => inside.0 = Certificate::from_der_within(&der, limits).ok(),
                Attribute::Label(label) => inside.1 = label,
                Attribute::Id(id) => inside.2 = id,
                _ => {}
            }
        }
        if let (Some(certificate), label, id) = inside {
            all.push(Inside { certificate, label, id });
        }
    }
    Ok(all)
}

/// The one certificate that is meant: of the wanted label and id, and with a private key in the token.
pub(super) fn choose(
    session: &Session,
    inside: &[Inside],
    wanted: &Wanted,
) -> Result<Result<Certificate, Error>, Fault> {
    let mut chosen = Vec::new();
    let mut named = false;
    for one in inside.iter().filter(|one| wanted.fits(&one.label, &one.id)) {
        named = true;
        if private_key(session, &one.certificate, &Wanted::default())?.is_ok()
            && !chosen.contains(&one.certificate)
        {
            chosen.push(one.certificate.clone());
        }
    }
    Ok(match (chosen.pop(), chosen.is_empty()) {
        (Some(certificate), true) => Ok(certificate),
        (Some(_), false) => {
            Err(Error::KeyMissing("several certificates with a key; name one by object= or id="))
        }
        (None, _) if named => Err(Error::KeyMissing("the certificate's private key is not in the token")),
        (None, _) => Err(Error::KeyMissing("no such certificate in the token; give one with --certificate")),
    })
}

impl Wanted {
    fn fits(&self, label: &[u8], id: &[u8]) -> bool {
        self.label.as_ref().is_none_or(|wanted| wanted.as_bytes() == label)
            && self.id.as_ref().is_none_or(|wanted| wanted == id)
    }
}

/// The private key of a certificate: its RSA modulus is the certificate's; or it bears the CKA_ID of a public key that is
/// the certificate's; or it bears the CKA_ID of the certificate itself. `TokenKey` verifies what it signs, so a wrong
/// guess by id does no harm.
pub(super) fn private_key(
    session: &Session,
    certificate: &Certificate,
    wanted: &Wanted,
) -> Result<Result<Found, Error>, Fault> {
    let ids = ids_of(session, certificate)?;
    let modulus = modulus(certificate.public_key());
    for handle in
        session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Sign(true)])?
    {
        let key = attributes(session, handle)?;
        let is_it = match (&modulus, &key.modulus) {
            (Some(ours), Some(theirs)) => unsigned(theirs) == ours.as_slice(),
            (Some(_), None) | (None, None) => ids.contains(&key.id),
            (None, Some(_)) => false,
        };
        // Label and id said by the caller may be those of the certificate alone, so the certificate decides.
        if is_it && (ids.contains(&key.id) || wanted.fits(&key.label, &key.id)) {
            return Ok(Ok(Found { handle, wants_pin_each_time: key.wants_pin_each_time }));
        }
    }
    Ok(Err(Error::KeyMissing("the certificate's private key is not in the token")))
}

#[derive(Default)]
struct KeyAttributes {
    id: Vec<u8>,
    label: Vec<u8>,
    modulus: Option<Vec<u8>>,
    wants_pin_each_time: bool,
}

fn attributes(session: &Session, handle: ObjectHandle) -> Result<KeyAttributes, Fault> {
    let asked =
        [AttributeType::Id, AttributeType::Label, AttributeType::Modulus, AttributeType::AlwaysAuthenticate];
    let mut found = KeyAttributes::default();
    // What an object does not have, or does not tell, is left out of the answer.
    for attribute in session.get_attributes(handle, &asked)? {
        match attribute {
            Attribute::Id(id) => found.id = id,
            Attribute::Label(label) => found.label = label,
            Attribute::Modulus(modulus) if !modulus.is_empty() => found.modulus = Some(modulus),
            Attribute::AlwaysAuthenticate(always) => found.wants_pin_each_time = always,
            _ => {}
        }
    }
    Ok(found)
}

/// The CKA_IDs of the certificate and of its public key, as far as the token has them.
fn ids_of(session: &Session, certificate: &Certificate) -> Result<Vec<Vec<u8>>, Fault> {
    let mut templates =
        vec![vec![Attribute::Class(ObjectClass::CERTIFICATE), Attribute::Value(certificate.der().to_vec())]];
    let public = certificate.public_key();
    let class = Attribute::Class(ObjectClass::PUBLIC_KEY);
    match (modulus(public), public.kind()) {
        (Some(modulus), _) => templates.push(vec![class, Attribute::Modulus(modulus)]),
        // PKCS #11 v2.40 §2.3.3 wants the point as an OCTET STRING; some tokens give it bare.
        (None, KeyKind::P256 | KeyKind::P384 | KeyKind::P521 | KeyKind::Ed25519) => {
            let point = public.key_bytes();
            let wrapped = crate::der::Writer::build(|w| w.octets(point));
            templates.push(vec![class.clone(), Attribute::EcPoint(wrapped)]);
            templates.push(vec![class, Attribute::EcPoint(point.to_vec())]);
        }
        _ => {}
    }
    let mut ids = Vec::new();
    for template in templates {
        for handle in session.find_objects(&template)? {
            for attribute in session.get_attributes(handle, &[AttributeType::Id])? {
                if let Attribute::Id(id) = attribute
                    && !id.is_empty()
                {
                    ids.push(id);
                }
            }
        }
    }
    Ok(ids)
}

/// Modulus of an RSA key, without leading zeros.
fn modulus(key: &PublicKey) -> Option<Vec<u8>> {
    if !matches!(key.kind(), KeyKind::Rsa | KeyKind::RsaPss) {
        return None;
    }
    let mut fields = Reader::der(key.key_bytes()).only().ok()?.of(Tag::SEQUENCE).ok()?.children().ok()?;
    Some(fields.expect(Tag::INTEGER).ok()?.unsigned().ok()?.to_vec())
}

fn unsigned(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
