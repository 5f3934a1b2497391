//! An XML document's facts as claims, and whether one of its signatures is one over what it refers to: digests, signer's
//! certificate, signature value, binding.

use super::claim::{Claim, Claims, Container, Intact, Whole, XmlClaim};
use super::revocation_evidence;
use super::signature::{Step, Work, failed, unclear};
use super::strength::Strength;
use super::verdict::{Integrity, SignatureKind, SubIndication};
use crate::coverage::Coverage;
use crate::input::Input;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::Store;
use crate::tst::parse_certificates;
use crate::xml::{Beside, Facts, Signature, facts};
use certs::Certificate;
use std::rc::Rc;
use std::sync::Arc;

/// Reads an XML document. Errors: why nothing can be said about its signatures.
pub(super) fn claims<'a>(input: &'a Input, limits: &Limits) -> Result<Claims<'a>, Reason> {
    let facts = Rc::new(facts(&input.bytes, limits)?);
    let beside = Beside { content: input.content.as_deref(), parts: &input.parts };
    let unsigned = facts.unsigned();
    let claim = |at: usize| {
        let found = facts.signatures.get(at)?;
        let coverage = facts.coverage(at);
        let container = match &found.signature {
            Ok(_) => Ok(Container::Xml(XmlClaim { facts: facts.clone(), at, beside })),
            Err(reason) => Err(reason.clone()),
        };
        let nothing = (coverage == Coverage::None).then(|| Reason::of(Code::XmlNoReference, "content"));
        Some(Claim {
            field: found.name.clone(),
            kind: SignatureKind::Approval,
            coverage,
            covers: facts.covers(at),
            claimed: None,
            stated_reason: None,
            container,
            fault: nothing.or_else(|| unsigned.clone()),
        })
    };
    let signatures = (0..facts.signatures.len()).filter_map(claim).collect();
    Ok(Claims {
        signatures,
        empty_fields: Vec::new(),
        store: Store::default(),
        signed: None,
        whole: Whole::default(),
    })
}

impl Work<'_> {
    /// Opens a signature in XML, or says why it is none over what it refers to.
    pub(super) fn open_xml(&mut self, claim: &XmlClaim<'_>) -> Step<Intact> {
        let facts = &claim.facts;
        let signature = match facts.signatures.get(claim.at).map(|found| &found.signature) {
            Some(Ok(signature)) => signature,
            Some(Err(reason)) => return self.damaged(reason.clone()),
            None => return self.damaged(Reason::new(Code::XmlStructure)),
        };
        let claimed = signature.xades.as_ref().and_then(|xades| xades.signing_time);
        let algorithm = format!("{:?}, {:?}", signature.digests(), signature.algorithm);
        self.note_claims(&algorithm, claimed);
        self.remarks(facts, signature);
        self.references(facts, signature, claim.beside)?;
        let own = parse_certificates(&signature.key_info.certificates, &self.policy.limits);
        let signer = self.xml_signer(facts, signature, &own)?;
        let xades = signature.xades.as_ref();
        let empty = Vec::new();
        let archived = xades.map_or(&empty, |x| &x.certificates);
        let mut certificates = own;
        certificates.extend(parse_certificates(archived, &self.policy.limits));
        let lists: Vec<Vec<u8>> =
            signature.key_info.crls.iter().chain(xades.map_or(&empty, |x| &x.crls)).cloned().collect();
        let (crls, ocsp) = revocation_evidence(&lists, xades.map_or(&empty, |x| &x.ocsp), self.policy);
        let mut tokens = Vec::new();
        for (token, how) in xades.into_iter().flat_map(|x| &x.tokens) {
            match facts.stamped(signature, how) {
                Ok(over) => tokens.push((token.clone(), over)),
                Err(reason) => return self.damaged(reason),
            }
        }
        let strength = Strength::new(signature.algorithm, signature.digests());
        Ok(Intact { signer, certificates, crls, ocsp, tokens, strength })
    }

    fn remarks(&mut self, facts: &Facts<'_>, signature: &Signature) {
        let notes = &mut self.report.notes;
        if !signature.is_standard {
            notes.push(Reason::new(Code::XmlForeignName));
        }
        if self.report.coverage == Coverage::Parts {
            notes.push(Reason::new(Code::XmlPart));
        }
        if facts.has_open_comments() {
            notes.push(Reason::new(Code::XmlComments));
        }
        if signature.xades.as_ref().is_some_and(|x| x.counter_signatures > 0) {
            notes.push(Reason::new(Code::XadesCounter));
        }
    }

    /// Every digest, those of manifests too, and the XAdES properties signed as such.
    fn references(&mut self, facts: &Facts<'_>, signature: &Signature, beside: Beside<'_>) -> Step {
        match facts.check_references(signature, beside) {
            Ok(checked) => {
                let content = checked.into_iter().filter(|c| c.is_content);
                self.signed = content.map(|c| Arc::from(c.octets)).collect();
            }
            Err(reason) => return self.bad_reference(reason),
        }
        match facts.check_properties(signature) {
            Ok(()) => Ok(()),
            Err(reason) => self.damaged(reason),
        }
    }

    fn bad_reference(&mut self, reason: Reason) -> Step {
        match reason.code {
            Code::CmsDigest => {
                self.report.integrity = Integrity::Broken;
                failed(SubIndication::HashFailure, reason)
            }
            Code::XmlExternal => unclear(SubIndication::SignedDataNotFound, reason),
            Code::Budget | Code::XmlTransform => unclear(SubIndication::SigConstraintsFailure, reason),
            _ => self.damaged(reason),
        }
    }

    /// The certificate whose key made the signature value. XAdES says which one it is; else it is one the signature
    /// carries, or one at hand that it names.
    fn xml_signer(
        &mut self,
        facts: &Facts<'_>,
        signature: &Signature,
        own: &[Certificate],
    ) -> Step<Certificate> {
        let octets = match facts.signed_info(signature) {
            Ok(octets) => octets,
            Err(reason) => return self.damaged(reason),
        };
        let known = self.evidence.certificates.iter().filter(|c| signature.key_info.means(c));
        let mut candidates: Vec<&Certificate> = own.iter().chain(known).collect();
        if candidates.is_empty() {
            return unclear(SubIndication::NoSigningCertificateFound, Reason::new(Code::CmsNoCertificate));
        }
        // The one the properties name first: one key may be in two certificates, and trying costs as much as verifying.
        candidates.sort_by_key(|candidate| !is_named(signature, candidate));
        let mut worst = certs::Error::BadSignature;
        let mut fits = |candidate: &&Certificate| match signature.verifies(candidate, &octets) {
            Ok(()) => true,
            Err(error) => {
                worst = error;
                false
            }
        };
        let Some(signer) = candidates.into_iter().find(|candidate| fits(candidate)).cloned() else {
            if matches!(worst, certs::Error::Unsupported(_)) {
                return self.damaged(Reason::new(Code::CmsAlgorithm));
            }
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::SigCryptoFailure, Reason::new(Code::CmsSignature));
        };
        self.report.integrity = Integrity::Intact;
        match signature.xades.as_ref().map(|xades| xades.names(&signer)) {
            None | Some(Some(true)) => Ok(signer),
            Some(Some(false)) => failed(SubIndication::FormatFailure, Reason::new(Code::CmsBinding)),
            Some(None) => failed(SubIndication::FormatFailure, Reason::new(Code::CmsNoBinding)),
        }
    }
}

fn is_named(signature: &Signature, certificate: &Certificate) -> bool {
    signature.xades.as_ref().and_then(|xades| xades.names(certificate)) == Some(true)
}
