//! Whether a CMS signature is one over the bytes it claims: digest, signer's certificate, signature value, binding.

use super::claim::{CmsClaim, Intact, SignerClaim};
use super::signature::{Step, Work, failed, unclear};
use super::strength::Strength;
use super::verdict::{Integrity, SubIndication};
use crate::asn1;
use crate::cms::{self, SignedData, Signer};
use crate::judge::revocation_evidence;
use crate::message::{Code, Reason};
use certs::Certificate;
use certs::algorithm::Digest;
use mail::Timestamp;
use std::borrow::Cow;

/// What a signer has to have signed.
struct Over<'c> {
    pieces: &'c [&'c [u8]],
    digest: &'c dyn Fn(Digest) -> Vec<u8>,
    is_cades: bool,
}

impl Work<'_> {
    /// Opens a CMS container, or says why it is no signature over these bytes.
    pub(super) fn open_cms(&mut self, claim: &CmsClaim<'_>) -> Step<Intact> {
        let data = match cms::read(&claim.der, &self.policy.limits) {
            Ok(data) => data,
            Err(reason) => return self.damaged(reason),
        };
        self.opened(claim, data)
    }

    /// Opens a CMS container that holds the SHA-1 digest of the bytes instead of the bytes
    /// (`adbe.pkcs7.sha1`, ISO 32000-1 §12.8.3.3.1). At best it is weak.
    pub(super) fn open_sha1(&mut self, claim: &CmsClaim<'_>) -> Step<Intact> {
        let mut data = match cms::read(&claim.der, &self.policy.limits) {
            Ok(data) => data,
            Err(reason) => return self.damaged(reason),
        };
        let Some(inside) = data.content.take() else {
            return self.damaged(Reason::new(Code::CmsContentType));
        };
        if claim.pieces.digest(Digest::Sha1) != *inside {
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::HashFailure, Reason::new(Code::CmsDigest));
        }
        let inner = CmsClaim { der: Cow::Borrowed(&[]), pieces: vec![&*inside].into(), is_cades: false };
        let intact = self.opened(&inner, data)?;
        Ok(Intact { strength: intact.strength.and(Digest::Sha1), ..intact })
    }

    fn opened(&mut self, claim: &CmsClaim<'_>, data: SignedData) -> Step<Intact> {
        self.note_signer(&data.signer);
        // The content is outside and plain: content inside would be a second truth.
        if data.content.is_some() || data.content_type != asn1::DATA {
            return self.damaged(Reason::new(Code::CmsContentType));
        }
        let certificates = self.policy.certificates(&data.certificates);
        let digest = |digest| claim.pieces.digest(digest);
        let over = Over { pieces: &claim.pieces, digest: &digest, is_cades: claim.is_cades };
        let signer = self.certificate_of(&data.signer, &over, &certificates)?;
        let (crls, ocsp) = revocation_evidence(&data.crls, &data.ocsp, self.policy);
        Ok(Intact { certificates, crls, ocsp, ..intact(&data.signer, signer) })
    }

    /// Holds one signer of a message against the content.
    pub(super) fn open_signer(&mut self, claim: &SignerClaim<'_>) -> Step<Intact> {
        let SignerClaim { signer, content, .. } = claim;
        self.note_signer(signer);
        let over =
            Over { pieces: &[content.bytes()], digest: &|digest| content.digest(digest), is_cades: false };
        let certificate = self.certificate_of(signer, &over, &[])?;
        Ok(intact(signer, certificate))
    }

    fn note_signer(&mut self, signer: &Signer) {
        let claimed = signer.signing_time().map(Timestamp::from_secs);
        self.note_claims(&format!("{:?}, {:?}", signer.digest, signer.algorithm), claimed);
        self.report.notes.extend(signer.remarks.iter().map(|code| Reason::new(*code)));
    }

    fn certificate_of(&mut self, signer: &Signer, over: &Over<'_>, own: &[Certificate]) -> Step<Certificate> {
        if over.is_cades && signer.attributes.is_none() {
            return self.damaged(Reason::new(Code::CmsAttributes));
        }
        if let Err(reason) = signer.check_digest(over.pieces, over.digest) {
            self.report.integrity = Integrity::Broken;
            let sub = match reason.code {
                Code::CmsDigest => SubIndication::HashFailure,
                _ => SubIndication::FormatFailure,
            };
            return failed(sub, reason);
        }
        let Some(certificate) = signer.find_certificate(own.iter().chain(&self.evidence.certificates)) else {
            return unclear(SubIndication::NoSigningCertificateFound, Reason::new(Code::CmsNoCertificate));
        };
        if let Err(reason) = signer.check_signature(&certificate, over.pieces) {
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::SigCryptoFailure, reason);
        }
        self.report.integrity = Integrity::Intact;
        match signer.is_bound_to(&certificate) {
            Some(true) => Ok(certificate),
            None if !over.is_cades => Ok(certificate),
            None => failed(SubIndication::FormatFailure, Reason::new(Code::CmsNoBinding)),
            Some(false) => failed(SubIndication::FormatFailure, Reason::new(Code::CmsBinding)),
        }
    }
}

/// What is known once the arithmetic is right.
fn intact(signer: &Signer, certificate: Certificate) -> Intact {
    // Without attributes the signature is over the content itself, with the algorithm's own digest.
    let digests = signer.attributes.iter().map(|_| signer.digest).collect();
    let strength = Strength::new(signer.algorithm, digests);
    let tokens = signer.timestamps.iter().map(|token| (token.clone(), signer.signature.clone())).collect();
    Intact { signer: certificate, certificates: vec![], crls: vec![], ocsp: vec![], tokens, strength }
}
