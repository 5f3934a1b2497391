//! What a signature's own algorithms are worth: the dated catalogue of `certs`, asked about the moment the signature is
//! judged at (RULES D12, D29, E32).

use crate::message::{Code, Reason};
use certs::algorithm::{Digest, SignatureAlgorithm, Standing};
use certs::keys::PublicKey;

/// The algorithms between the content and the signer's key.
pub(crate) struct Strength {
    algorithm: SignatureAlgorithm,
    /// Digests of what is signed.
    digests: Vec<Digest>,
}

impl Strength {
    pub(crate) fn new(algorithm: SignatureAlgorithm, digests: Vec<Digest>) -> Self {
        Self { algorithm, digests }
    }

    /// With one more digest between content and key.
    pub(crate) fn and(mut self, digest: Digest) -> Self {
        self.digests.push(digest);
        self
    }

    /// What is weak at a moment (Unix seconds), each with the rule that says so. `Err`: so weak that the signature may
    /// be anybody's.
    pub(crate) fn at(&self, key: &PublicKey, at: i64) -> Result<Vec<Reason>, Reason> {
        let digests = self.digests.iter().map(|digest| digest.standing(at));
        let digest = digests.fold(self.algorithm.standing(at), Standing::max);
        let key = key.standing(at);
        match digest.max(key) {
            Standing::Refused(rule) => Err(Reason::of(Code::CmsAlgorithm, rule)),
            _ => Ok(weak(Code::WeakDigest, digest).into_iter().chain(weak(Code::WeakKey, key)).collect()),
        }
    }
}

/// A reason that names the rule.
pub(crate) fn weak(code: Code, standing: Standing) -> Option<Reason> {
    standing.rule().map(|rule| Reason::of(code, rule))
}
