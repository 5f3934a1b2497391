//! Whether a CMS signature is one over the bytes it claims: digest, signer's certificate, signature value, binding.

use super::claim::{CmsClaim, Intact};
use super::signature::{Step, Work, failed, unclear};
use super::verdict::{Integrity, SubIndication};
use crate::asn1;
use crate::cms::{self, SignedData};
use crate::judge::revocation_evidence;
use crate::message::{Code, Reason};
use crate::tst::parse_certificates;
use certs::Certificate;
use certs::algorithm::Digest;
use mail::Timestamp;
use std::borrow::Cow;

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
        if cms::digest_pieces(Digest::Sha1, &claim.pieces) != inside {
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::HashFailure, Reason::new(Code::CmsDigest));
        }
        let inner = CmsClaim { der: Cow::Borrowed(&[]), pieces: vec![&inside], is_cades: false };
        let mut intact = self.opened(&inner, data)?;
        intact.weak.insert(0, Reason::new(Code::WeakDigest));
        intact.weak.dedup();
        Ok(intact)
    }

    fn opened(&mut self, claim: &CmsClaim<'_>, data: SignedData) -> Step<Intact> {
        let claimed = data.signer.signing_time().map(Timestamp::from_secs);
        let algorithm = format!("{:?}, {:?}", data.signer.digest, data.signer.algorithm);
        self.note_claims(&algorithm, claimed);
        let certificates = parse_certificates(&data.certificates, &self.policy.limits);
        let signer = self.signer_of(claim, &data, &certificates)?;
        let weak = weaknesses(&data, &signer);
        let (crls, ocsp) = revocation_evidence(&data.crls, &data.ocsp, self.policy);
        let over = data.signer.signature;
        let tokens = data.signer.timestamps.into_iter().map(|token| (token, over.clone())).collect();
        Ok(Intact { signer, certificates, crls, ocsp, tokens, weak })
    }

    fn signer_of(
        &mut self,
        claim: &CmsClaim<'_>,
        data: &SignedData,
        own: &[Certificate],
    ) -> Step<Certificate> {
        let CmsClaim { pieces, is_cades, .. } = claim;
        // The content is outside: content inside would be a second truth.
        if data.content.is_some() {
            return self.damaged(Reason::new(Code::CmsContentType));
        }
        if *is_cades && data.signer.attributes.is_none() {
            return self.damaged(Reason::new(Code::CmsAttributes));
        }
        if let Err(reason) = data.check_content(asn1::DATA, pieces) {
            self.report.integrity = Integrity::Broken;
            let sub = match reason.code {
                Code::CmsDigest => SubIndication::HashFailure,
                _ => SubIndication::FormatFailure,
            };
            return failed(sub, reason);
        }
        let Some(signer) = data.find_signer(own.iter().chain(&self.evidence.certificates)) else {
            return unclear(SubIndication::NoSigningCertificateFound, Reason::new(Code::CmsNoCertificate));
        };
        if let Err(reason) = data.check_signature(&signer, pieces) {
            self.report.integrity = Integrity::Broken;
            return failed(SubIndication::SigCryptoFailure, reason);
        }
        self.report.integrity = Integrity::Intact;
        match data.is_bound_to(&signer) {
            Some(true) => Ok(signer),
            None if !is_cades => Ok(signer),
            None => failed(SubIndication::FormatFailure, Reason::new(Code::CmsNoBinding)),
            Some(false) => failed(SubIndication::FormatFailure, Reason::new(Code::CmsBinding)),
        }
    }
}

fn weaknesses(data: &SignedData, signer: &Certificate) -> Vec<Reason> {
    let weak_binding = data.signer.attributes.is_some() && data.signer.digest.is_weak();
    let weak_digest = weak_binding || data.signer.algorithm.is_weak();
    let digest = weak_digest.then(|| Reason::new(Code::WeakDigest));
    let key = signer.public_key().is_weak().then(|| Reason::new(Code::WeakKey));
    digest.into_iter().chain(key).collect()
}
