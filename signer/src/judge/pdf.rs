//! A PDF's facts as claims.

use super::Shared;
use super::claim::{Claim, Claims, CmsClaim, Container, SignedBytes, Whole};
use super::pieces::{Beginnings, Pieces};
use super::proof::Places;
use super::verdict::SignatureKind;
use crate::limits::Limits;
use crate::message::Reason;
use crate::pdf::{self, Facts, Kind, Signature, Signed, Store, StoreEnds, SubFilter};
use certs::Fingerprint;
use std::borrow::Cow;
use std::rc::Rc;

/// Reads a PDF. Errors: why nothing can be said about its signatures.
/// What its signatures share comes along.
pub(super) fn claims<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Claims<'a>, Shared<'a>), Reason> {
    let Facts { signatures, empty_fields, store, store_ends, notes } = pdf::read(bytes, limits)?;
    let good = || signatures.iter().filter_map(|s| s.signature.as_ref().ok());
    let beginnings = Beginnings::new(bytes, good().map(|signature| signature.byte_range[1]));
    let places = places(&signatures, &store, &store_ends);
    let claims = Claims {
        signed: good().map(Signature::end).max().map(SignedBytes::Prefix),
        signatures: signatures.into_iter().map(|signed| claim(bytes, signed, &beginnings)).collect(),
        empty_fields,
        store,
        whole: Whole { remarks: notes, ..Whole::default() },
    };
    Ok((claims, Shared { beginnings: Some(beginnings), places }))
}

/// Where evidence and revisions end. Only document timestamps make use of it.
fn places(signatures: &[Signed], store: &Store, ends: &StoreEnds) -> Places {
    let facts = || signatures.iter().map(|signed| signed.signature.as_ref().ok());
    let mut places =
        Places { revisions: facts().map(|f| f.map_or(0, Signature::end)).collect(), ..Places::default() };
    if facts().flatten().all(|f| f.kind != Kind::DocTimestamp) {
        return places;
    }
    let kinds = [(&store.crls, &ends.crls), (&store.ocsp, &ends.ocsp)];
    for (der, end) in kinds.into_iter().flat_map(|(items, ends)| items.iter().zip(ends)) {
        let place = places.evidence.entry(Fingerprint::of(der)).or_insert(*end);
        *place = (*place).min(*end);
    }
    places
}

fn claim<'a>(bytes: &'a [u8], signed: Signed, beginnings: &Rc<Beginnings<'a>>) -> Claim<'a> {
    let Signed { field, signature, coverage, fault, .. } = signed;
    let facts = signature.as_ref().ok();
    Claim {
        field,
        kind: match facts.map(|f| f.kind) {
            Some(Kind::Certification(_)) => SignatureKind::Certification,
            Some(Kind::DocTimestamp) => SignatureKind::Timestamp,
            Some(Kind::Approval) | None => SignatureKind::Approval,
        },
        coverage,
        covers: Vec::new(),
        claimed: facts.and_then(|f| f.claimed),
        stated_reason: facts.and_then(|f| f.reason.clone()),
        container: signature.map(|facts| container(bytes, facts, beginnings)),
        fault,
    }
}

fn container<'a>(bytes: &'a [u8], facts: Signature, beginnings: &Rc<Beginnings<'a>>) -> Container<'a> {
    let pieces = Pieces::of_file(facts.pieces(bytes), beginnings.clone());
    let der = Cow::Owned(facts.contents);
    match facts.sub_filter {
        SubFilter::Rfc3161 => Container::Token { der, pieces },
        SubFilter::CadesDetached => Container::Cms(CmsClaim { der, pieces, is_cades: true }),
        SubFilter::Pkcs7Detached => Container::Cms(CmsClaim { der, pieces, is_cades: false }),
        SubFilter::Pkcs7Sha1 => Container::Sha1(CmsClaim { der, pieces, is_cades: false }),
    }
}
