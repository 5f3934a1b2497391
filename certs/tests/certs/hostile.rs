//! Hostile bytes: random ones, and good ones bent anywhere. Nothing panics, nothing hangs.

use certs::algorithm::Digest;
use certs::fuzz;
use certs::issue::{OcspAnswer, OcspDraft};
use certs::path::judge;
use certs::revocation::{CertId, Crl, OcspRequest, OcspResponse, OcspStatus, RevocationReason};
use certs::{Certificate, Limits};
use proptest::prelude::*;
use std::sync::LazyLock;

use crate::world::*;

struct Samples {
    world: World,
    crl: Vec<u8>,
    response: Vec<u8>,
    request: Vec<u8>,
}

static SAMPLES: LazyLock<Samples> = LazyLock::new(|| {
    let world = World::plain().asking(|q| q.revocation = certs::path::Revocation::Require);
    let id = CertId::new(&world.leaf, world.ca.certificate(), Digest::Sha1);
    let answer = OcspAnswer { id: id.clone(), status: OcspStatus::Good, this_update: NOW, next_update: None };
    Samples {
        crl: crl(&world.ca, NOW, &[revoked(9, NOW, RevocationReason::Superseded)]).der().to_vec(),
        response: OcspDraft::new(NOW).answer(answer).signed_by(&world.ca).unwrap().der().to_vec(),
        request: OcspRequest::new(vec![id], Some(vec![1; 16])).to_der(),
        world,
    }
});

fn everything(bytes: &[u8]) {
    fuzz::der(bytes);
    fuzz::certificate(bytes);
    fuzz::pem(bytes);
    fuzz::crl(bytes);
    fuzz::ocsp_response(bytes);
    fuzz::ocsp_request(bytes);
    fuzz::note(bytes);
    fuzz::path(bytes);
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = openssl::base64::encode_block(der);
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}

/// Overwrites, removes or inserts a few bytes.
fn bend(sample: &[u8], changes: &[(u16, u8, u8)]) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for &(place, how, value) in changes {
        let place = usize::from(place) % bytes.len().max(1);
        match how % 4 {
            0 if !bytes.is_empty() => drop(bytes.remove(place)),
            1 => bytes.insert(place, value),
            _ if place < bytes.len() => bytes[place] = value,
            _ => {}
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        everything(&bytes);
    }

    /// Bytes that look like ASN.1: plausible tags and small lengths.
    #[test]
    fn random_structure(pairs in proptest::collection::vec((0usize..16, 0u8..40), 0..120)) {
        const TAGS: [u8; 16] = [0x30, 0x31, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x17, 0x18, 0xa0, 0xa3, 0x80, 0x24, 0x01, 0x00];
        let bytes: Vec<u8> = pairs.iter().flat_map(|&(tag, length)| [TAGS[tag], if length == 39 { 0x80 } else { length }]).collect();
        everything(&bytes);
    }

    #[test]
    fn bent_samples(which in 0usize..4, changes in proptest::collection::vec(any::<(u16, u8, u8)>(), 1..4)) {
        let s = &*SAMPLES;
        let sample = [s.world.leaf.der(), &s.crl, &s.response, &s.request][which];
        everything(&bend(sample, &changes));
    }

    /// A path of which one piece is bent and wrapped again: the judgement gets as far as it can.
    #[test]
    fn bent_bundles(which in 0usize..4, changes in proptest::collection::vec(any::<(u16, u8, u8)>(), 0..3)) {
        let s = &*SAMPLES;
        let pieces = [
            ("CERTIFICATE", s.world.leaf.der()),
            ("X509 CRL", &s.crl),
            ("CERTIFICATE", s.world.ca.certificate().der()),
            ("CERTIFICATE", s.world.root.certificate().der()),
        ];
        let bundle = pieces.iter().enumerate().map(|(place, (label, der))| {
            if place == which { pem(label, &bend(der, &changes)) } else { pem(label, der) }
        });
        fuzz::path(bundle.collect::<String>().as_bytes());
    }

    /// A bent certificate, CRL or response never makes a path valid that would not be without it.
    #[test]
    fn bent_evidence_proves_nothing(which in 0usize..3, changes in proptest::collection::vec(any::<(u16, u8, u8)>(), 1..3)) {
        let s = &*SAMPLES;
        let limits = Limits::default();
        let mut evidence = s.world.evidence.clone();
        evidence.crls = vec![crl(&s.world.root, NOW, &[])];
        let mut leaf = s.world.leaf.clone();
        match which {
            0 => {
                evidence.ocsp = OcspResponse::from_der(&s.response, &limits).into_iter().collect();
                let Ok(bent) = Certificate::from_der(&bend(leaf.der(), &changes)) else { return Ok(()) };
                if bent == leaf { return Ok(()) }
                leaf = bent;
            }
            1 => {
                let bent = bend(&s.crl, &changes);
                if bent == s.crl { return Ok(()) }
                evidence.crls.extend(Crl::from_der(&bent, &limits));
            }
            _ => {
                let bent = bend(&s.response, &changes);
                if bent == s.response { return Ok(()) }
                evidence.ocsp.extend(OcspResponse::from_der(&bent, &limits));
                // The certificates beside the signed part may be bent without harm; then the answer still stands.
                if evidence.ocsp.iter().any(|r| r.verify_signature(s.world.ca.certificate().public_key()).is_ok()) {
                    return Ok(());
                }
            }
        }
        let verdict = judge(&leaf, &evidence, &s.world.trust(), &s.world.question, &limits);
        prop_assert!(verdict.path().is_none(), "{:?}", verdict);
    }
}

/// Every single bit of a leaf, flipped: none of them still verifies.
#[test]
fn no_bit_of_a_certificate_is_free() {
    let s = &*SAMPLES;
    let mut world = World::plain();
    for position in 0..s.world.leaf.der().len() * 8 {
        let mut bytes = s.world.leaf.der().to_vec();
        bytes[position / 8] ^= 0x80 >> (position % 8);
        let Ok(bent) = Certificate::from_der(&bytes) else { continue };
        world.leaf = bent;
        world.evidence = s.world.evidence.clone();
        assert_ne!(world.word(), "valid", "bit {position}");
    }
}
