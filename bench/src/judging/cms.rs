//! A detached CMS over 100 KB: signer, issuing authority and root with RSA-2048, lists of both at hand.

use std::sync::Arc;

use certs::issue::{self, Authority, CrlDraft, Draft, Subject, Validity};
use certs::keys::{Key, Size};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Error, Name, Serial};
use mail::Timestamp;
use signer::make::{CmsSigning, prepare_cms};
use signer::{Evidence, Input, Limits, Policy};

/// Bytes of content.
pub(super) const SIZE: usize = 100 * 1024;
/// The signature, and the signer's certificate, which comes with every file.
pub(super) const CHECKS: u32 = 2;

/// A signed file, and all that is needed to judge it.
pub(super) struct Signed {
    pub(super) input: Input,
    pub(super) policy: Policy,
    pub(super) evidence: Evidence,
    pub(super) now: Timestamp,
}

/// Makes one.
pub(super) fn signed(now: i64) -> Signed {
    make(now).expect("a small world of trust")
}

fn make(now: i64) -> Result<Signed, Box<dyn std::error::Error>> {
    let validity = Validity { from: now - 1000, until: now + 100_000 };
    let key = Key::generate(Size::Rsa2048)?;
    let root = issue::root(&name("Gốc")?, key.public(), Serial::from_u64(1), validity).self_signed(&key)?;
    let root = Authority::new(root, key)?;
    let ca = below(&root, |key, name| issue::issuing_ca(name, key.public(), Serial::from_u64(2), validity))?;
    let signer =
        below(&ca, |key, name| issue::leader(name, key.public(), Serial::from_u64(3), validity, "a@x.vn"))?;
    let mut trust = TrustStore::new();
    let (certificate, purposes) = (root.certificate().clone(), [Purpose::Any]);
    let fingerprint = certificate.sha256();
    trust.add(Anchor::new(certificate, fingerprint, &purposes, Hierarchy::Other, "bench")?);
    let mut crls = Vec::new();
    for by in [&ca, &root] {
        crls.push(CrlDraft::new(now - 60, Some(now + 60_000), 1).signed_by(by)?);
    }
    let content: Arc<[u8]> = crate::packages::noise(SIZE).into();
    let scheme = signer.key().usual_scheme();
    let chain = vec![signer.certificate().clone(), ca.certificate().clone()];
    let signing = CmsSigning::new(chain, scheme, Timestamp::from_secs(now));
    let file =
        prepare_cms(&content, &signing, &Limits::default())?.sign(signer.key(), scheme)?.finish(None)?;
    Ok(Signed {
        input: Input::from(file).with_content(Some(content)),
        policy: Policy { trust, ..Policy::default() },
        evidence: Evidence { certificates: vec![ca.certificate().clone()], crls, ..Evidence::default() },
        now: Timestamp::from_secs(now + 60),
    })
}

fn name(text: &str) -> Result<Name, Error> {
    Subject::vietnamese("THỬ NGHIỆM", text).name()
}

fn below(by: &Authority, draft: impl FnOnce(&Key, &Name) -> Draft) -> Result<Authority, Error> {
    let key = Key::generate(Size::Rsa2048)?;
    let name = name("A")?;
    Authority::new(draft(&key, &name).signed_by(by)?, key)
}
