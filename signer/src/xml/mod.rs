//! Signatures in XML: a bounded reader, canonical forms, and the facts of XMLDSig 1.1 and XAdES (ETSI EN 319 132-1).
//!
//! What is read is what was signed: [`Facts::octets`] hands out the canonical octets a signature covers, and
//! [`Facts::unsigned`] names what no signature covers. No document types, no XPath, no XSLT, nothing fetched.

mod algorithm;
mod base;
mod c14n;
mod chars;
mod coverage;
mod place;
mod read;
mod reference;
mod signature;
mod tree;
mod xades;

pub(crate) use algorithm::{digest_uri, method_uri};
pub use c14n::{Canonical, Method, canonical};
pub(crate) use place::{Part, Place};
pub use read::read;
pub use reference::Beside;
pub use signature::{Found, KeyInfo, Reference, Signature, Target, Transform};
pub use tree::Document;
use xades::SIGNED_PROPERTIES;
pub use xades::Xades;

use crate::coverage::Coverage;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use c14n::Subset;
use certs::Certificate;
use certs::algorithm::Digest;
use coverage::Scope;
use reference::Covered;
use std::cell::Cell;

/// A document and the signatures in it.
#[derive(Debug)]
pub struct Facts<'a> {
    document: Document<'a>,
    /// In document order.
    pub signatures: Vec<Found>,
    scopes: Vec<Scope>,
    limits: Limits,
    /// Canonical octets that may still be made of this document.
    budget: Cell<usize>,
}

/// The octets of one reference, digested and found right.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// They are content, not the signature's own statements.
    pub(crate) is_content: bool,
    pub(crate) octets: Vec<u8>,
}

/// Reads a document and the signatures in it.
///
/// Errors: why nothing can be said about them. A signature that cannot be read is not an error of the document.
pub fn facts<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Facts<'a>, Reason> {
    let document = read(bytes, limits)?;
    let mut signatures = signature::find(&document, limits)?;
    let mut left = limits.xml_references;
    let mut scopes = Vec::new();
    for found in &mut signatures {
        let scope = found.signature.as_ref().map(|s| scope(&document, s, &mut left));
        match scope {
            Ok(Ok(scope)) => scopes.push(scope),
            Ok(Err(reason)) => {
                found.signature = Err(reason);
                scopes.push(Scope::default());
            }
            Err(_) => scopes.push(Scope::default()),
        }
    }
    let budget = Cell::new(limits.xml_canonical_bytes);
    Ok(Facts { document, signatures, scopes, limits: *limits, budget })
}

/// Everything a signature covers, through its manifests too.
fn scope(document: &Document<'_>, signature: &Signature, left: &mut usize) -> Result<Scope, Reason> {
    let mut covered = Vec::new();
    for reference in &signature.references {
        let one = reference::covered(document, signature, reference, left)?;
        if let Covered::Manifest(_, listed) = &one {
            for inner in listed {
                let inner = reference::covered(document, signature, inner, left)?;
                if matches!(inner, Covered::Manifest(..)) {
                    return Err(Reason::of(Code::XmlStructure, "Manifest in Manifest"));
                }
                covered.push(inner);
            }
        }
        covered.push(one);
    }
    match outside_once(&covered) {
        true => Ok(Scope { covered }),
        false => Err(Reason::of(Code::XmlExternal, "more than one")),
    }
}

/// One content lies beside the document, so one reference may mean it.
fn outside_once(covered: &[Covered]) -> bool {
    covered.iter().filter(|c| **c == Covered::Outside).count() <= 1
}

impl Facts<'_> {
    fn scope(&self, at: usize) -> &Scope {
        static NOTHING: Scope = Scope { covered: Vec::new() };
        self.scopes.get(at).unwrap_or(&NOTHING)
    }

    /// How much of the document a signature covers.
    pub fn coverage(&self, at: usize) -> Coverage {
        coverage::coverage(self, at)
    }

    /// What a signature covers, by name: `*` for the document, the identifiers of elements, `cid:…` for parts,
    /// `content` for what lies beside the document.
    pub fn covers(&self, at: usize) -> Vec<String> {
        coverage::names(&self.document, self.scope(at))
    }

    /// Content that no signature covers.
    pub fn unsigned(&self) -> Option<Reason> {
        coverage::unsigned(self)
    }

    /// Whether the document has comments that no signature covers.
    pub fn has_open_comments(&self) -> bool {
        coverage::open_comments(self)
    }

    /// The octets a signature covers, reference by reference; those of its own properties left out.
    ///
    /// Errors: [`Code::CmsDigest`] when one is not what was signed; what is missing or too much.
    pub fn octets(&self, signature: &Signature, beside: Beside<'_>) -> Result<Vec<Vec<u8>>, Reason> {
        let checked = self.check_references(signature, beside)?;
        Ok(checked.into_iter().filter(|c| c.is_content).map(|c| c.octets).collect())
    }

    pub(crate) fn check_references(
        &self,
        signature: &Signature,
        beside: Beside<'_>,
    ) -> Result<Vec<Checked>, Reason> {
        let mut checked = Vec::new();
        let mut left = self.limits.xml_references;
        for reference in &signature.references {
            let covered = reference::covered(&self.document, signature, reference, &mut left)?;
            checked.push(self.check(&covered, reference, beside)?);
            if let Covered::Manifest(_, listed) = &covered {
                for inner in listed {
                    let covered = reference::covered(&self.document, signature, inner, &mut left)?;
                    checked.push(self.check(&covered, inner, beside)?);
                }
            }
        }
        Ok(checked)
    }

    fn check(&self, covered: &Covered, reference: &Reference, beside: Beside<'_>) -> Result<Checked, Reason> {
        let mut budget = self.budget.get();
        let octets = reference::octets(
            &self.document,
            covered,
            &reference.transforms,
            beside,
            &self.limits,
            &mut budget,
        );
        self.budget.set(budget);
        let octets = octets?;
        if reference.digest.of(&octets) != reference.value {
            return Err(Reason::new(Code::CmsDigest));
        }
        let is_content = matches!(covered, Covered::Nodes(_) | Covered::Part(_) | Covered::Outside);
        Ok(Checked { is_content, octets: octets.into_owned() })
    }

    /// Whether the XAdES properties, if there are any, are signed as such (EN 319 132-1 §4.4.2).
    pub(crate) fn check_properties(&self, signature: &Signature) -> Result<(), Reason> {
        let Some(xades) = &signature.xades else { return Ok(()) };
        let signed = signature.references.iter().any(|reference| {
            reference.kind.as_deref() == Some(SIGNED_PROPERTIES)
                && match &reference.target {
                    Target::Element { id, .. } => self.document.by_id(id) == Ok(xades.signed_properties),
                    _ => false,
                }
        });
        match signed {
            true => Ok(()),
            false => Err(Reason::of(Code::XadesProperties, "reference")),
        }
    }

    fn canonical(&self, apex: usize, how: &Canonical) -> Result<Vec<u8>, Reason> {
        let mut budget = self.budget.get();
        let subset = Subset { apex, without: None, comments: true };
        let octets = c14n::octets(&self.document, &subset, how, &mut budget);
        self.budget.set(budget);
        octets
    }

    /// The octets the signature value is over.
    pub fn signed_info(&self, signature: &Signature) -> Result<Vec<u8>, Reason> {
        self.canonical(signature.signed_info, &signature.canonical)
    }

    /// The octets a signature timestamp is over (EN 319 132-1 §5.3): the value's element, in the form it names.
    pub fn stamped(&self, signature: &Signature, how: &Canonical) -> Result<Vec<u8>, Reason> {
        self.canonical(signature.value_node, how)
    }
}

impl Signature {
    /// Whether this key made the signature value over these octets (those of [`Facts::signed_info`]).
    pub fn verifies(&self, certificate: &Certificate, octets: &[u8]) -> Result<(), certs::Error> {
        algorithm::verifies(self.algorithm, certificate.public_key(), octets, &self.value)
    }

    /// Digests of content, for the report.
    pub fn digests(&self) -> Vec<Digest> {
        let mut digests: Vec<Digest> = self.references.iter().map(|r| r.digest).collect();
        digests.dedup();
        digests
    }
}

impl KeyInfo {
    /// Whether it may mean this certificate, which it does not carry itself.
    pub(crate) fn means(&self, certificate: &Certificate) -> bool {
        let serial = || decimal(certificate.serial().content());
        self.digests.iter().any(|(digest, value)| digest.of(certificate.der()) == *value)
            || self.key_ids.iter().any(|id| certificate.subject_key_id() == Some(id))
            || (!self.serials.is_empty() && self.serials.contains(&serial()))
    }
}

/// A big-endian number in decimal digits.
fn decimal(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = vec![0];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = (value % 10) as u8;
            carry = value / 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_written_in_decimal() {
        for (bytes, text) in [
            (&[0u8][..], "0"),
            (&[0, 255], "255"),
            (&[1, 0], "256"),
            (&[0x3B, 0x65, 0xB0, 0xA0, 0x30, 0x06, 0xF9, 0xAB], "4280021222932543915"),
        ] {
            assert_eq!(decimal(bytes), text);
        }
    }
}
