//! One function per parser that reads a stranger's bytes: what fuzz targets and the property tests call. None may
//! panic, loop or grow beyond its limits; results do not matter, except where an assertion states what must hold.
//! Nothing else calls these.

use crate::der::{Reader, Rules};
use crate::keys::KeyName;
use crate::note::{Checkpoint, Note, VerifierKey};
use crate::path::{Evidence, Profile, Question, judge};
use crate::revocation::{Crl, OcspRequest, OcspResponse};
use crate::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use crate::{Certificate, Limits};

/// [`Reader`] under both rules: walks every element, reads it as every type, re-encodes it.
pub fn der(bytes: &[u8]) {
    for rules in [Rules::Der, Rules::Ber] {
        let mut open = vec![Reader::new(bytes, rules, 40)];
        // Every step consumes input on some level, so the input's length bounds them; depth bounds the levels.
        while let Some(reader) = open.last_mut() {
            let Ok(element) = reader.element() else {
                open.pop();
                continue;
            };
            assert_eq!(bytes.get(element.span()), Some(element.whole()));
            let _ =
                (element.boolean(), element.integer(), element.unsigned(), element.small(), element.bits());
            let _ =
                (element.octets(), element.oid().map(|oid| oid.to_string()), element.text(), element.time());
            let _ = (element.precise_time(), element.null());
            if open.len() == 1 {
                let _ = (element.octets_joined(), element.to_der());
            }
            open.extend(element.children());
        }
    }
}

/// [`Certificate`]: reads it and touches every fact.
pub fn certificate(bytes: &[u8]) {
    let read = Certificate::from_der(bytes);
    if let Ok(certificate) = &read {
        let _ = format!("{:?}", crate::public_service::facts(certificate));
    }
    let Ok(certificate) = read else { return };
    let _ =
        (certificate.crl_urls(), certificate.ocsp_urls(), certificate.issuer_urls(), certificate.to_pem());
    let _ = (format!("{certificate:?}"), certificate.emails().count(), certificate.is_self_issued());
    let _ = certificate.verify_signature(certificate.public_key());
}

/// PEM files of certificates, CRLs and keys.
pub fn pem(bytes: &[u8]) {
    let limits = Limits::default();
    let _ = (Certificate::all_from_pem(bytes, &limits), Crl::all_from_file(bytes, &limits));
    let _ = (Certificate::each_from_file(bytes, &limits), Crl::each_from_file(bytes, &limits));
}

/// [`Crl`]: reads it and looks for its first serial numbers.
pub fn crl(bytes: &[u8]) {
    let Ok(crl) = Crl::from_der(bytes, &Limits::default()) else { return };
    assert!(crl.is_alike(&crl));
    for number in 0..4 {
        let serial = crate::Serial::from_u64(number);
        assert_eq!(crl.find(&serial), crl.find_of(crl.issuer(), &serial));
    }
}

/// [`crate::path::judge`]: certificates and lists of a PEM text as evidence about the first certificate, the last one
/// trusted, each question's profile once. What cannot be read is left out, as the command line does.
pub fn path(bytes: &[u8]) {
    let limits = Limits { signatures: 20, steps: 200, name_comparisons: 10_000, ..Limits::default() };
    let each = Certificate::each_from_file(bytes, &limits).unwrap_or_default();
    let certificates: Vec<Certificate> = each.into_iter().flatten().collect();
    let crls = Crl::each_from_file(bytes, &limits).unwrap_or_default().into_iter().flatten().collect();
    let (Some(leaf), Some(root)) = (certificates.first().cloned(), certificates.last().cloned()) else {
        return;
    };
    let stated = root.sha256();
    let Ok(anchor) = Anchor::new(root, stated, &[Purpose::Any], Hierarchy::Other, "fuzz") else { return };
    let mut trust = TrustStore::new();
    trust.add(anchor);
    let at = leaf.not_before().midpoint(leaf.not_after());
    let evidence = Evidence { certificates, crls, ocsp: Vec::new() };
    for purpose in [Purpose::Any, Purpose::Tls, Purpose::Smime, Purpose::Document] {
        for profile in [Profile::Lenient, Profile::Strict, Profile::StrictWeb] {
            let mut question = Question::new(purpose, at);
            question.profile = profile;
            question.explicit_policy = profile == Profile::Strict;
            let _ = judge(&leaf, &evidence, &trust, &question, &limits);
        }
    }
}

/// [`OcspResponse`], enveloped and bare.
pub fn ocsp_response(bytes: &[u8]) {
    let limits = Limits::default();
    let _ = (OcspResponse::from_der(bytes, &limits), OcspResponse::from_basic_der(bytes, &limits));
}

/// [`OcspRequest`]: what is read and written again reads the same.
pub fn ocsp_request(bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(request) = OcspRequest::from_der(bytes, &limits) else { return };
    assert_eq!(OcspRequest::from_der(&request.to_der(), &limits), Ok(request));
}

/// [`Note`], [`VerifierKey`], [`Checkpoint`].
pub fn note(bytes: &[u8]) {
    let _ = Note::open(bytes, &[], &Limits::default());
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (text.parse::<VerifierKey>().map(|key| key.to_string()), text.parse::<Checkpoint>());
    }
}

/// [`KeyName`]: what is written reads the same again.
pub fn key_name(bytes: &[u8]) {
    let Ok(Ok(name)) = std::str::from_utf8(bytes).map(str::parse::<KeyName>) else { return };
    assert_eq!(name.to_string().parse(), Ok(name));
}
