//! What is said about revocation in a [`Case`](super::Case): lists and answers, good but for the one defect.

use super::defect::{Defect, ELSEWHERE, LISTER, PARTITION};
use super::{DAY, YEAR, entry, key, subject};
use crate::algorithm::Digest;
use crate::issue::{self, Authority, CrlDraft, Draft, ListScope, OcspAnswer, OcspDraft, Usage, Validity};
use crate::keys::Size;
use crate::revocation::{CertId, Crl, OcspResponse, OcspStatus, RevocationFacts, RevocationReason};
use crate::{Error, Limits, Serial, oids};

/// What the lists say. The root's is always in order; where OCSP is asked, the issuer has none.
pub(super) fn lists(
    defect: Option<Defect>,
    root: &Authority,
    ca: &Authority,
    leaf: &Authority,
    at: i64,
) -> Result<Vec<Crl>, Error> {
    let fresh = || CrlDraft::new(at - 60, Some(at + DAY), 7);
    let superseded = RevocationReason::Superseded;
    let mut top = fresh();
    if defect == Some(Defect::IssuerRevoked) {
        top = top.entry(entry(ca, at - DAY, RevocationReason::CaCompromise));
    }
    let list = match defect {
        Some(Defect::RevokedBefore) => fresh().entry(entry(leaf, at - DAY, superseded)),
        Some(Defect::RevokedAfter) => {
            CrlDraft::new(at + 2 * DAY, Some(at + 9 * DAY), 7).entry(entry(leaf, at + DAY, superseded))
        }
        Some(Defect::Suspended) => fresh().entry(entry(leaf, at - DAY, RevocationReason::CertificateHold)),
        Some(Defect::StaleCrl) => CrlDraft::new(at - 9 * DAY, Some(at - 2 * DAY), 7),
        Some(Defect::FutureCrl) => CrlDraft::new(at + DAY, Some(at + 2 * DAY), 7),
        Some(Defect::CrlForAuthorities) => {
            fresh().scope(&ListScope { only_authorities: true, ..ListScope::default() })
        }
        Some(Defect::OtherPartition) => fresh().scope(&partition("http://crl.example.vn/2.crl")),
        Some(Defect::PartitionRevoked) => {
            fresh().scope(&partition(PARTITION)).entry(entry(leaf, at - DAY, superseded))
        }
        Some(Defect::SomeReasons) => {
            let reasons = vec![RevocationReason::KeyCompromise, RevocationReason::PrivilegeWithdrawn];
            fresh().scope(&ListScope { reasons, ..ListScope::default() })
        }
        Some(Defect::DeltaRevoked | Defect::DeltaAlone) => return deltas(defect, top, root, ca, leaf, at),
        Some(Defect::IndirectRevoked | Defect::IndirectStranger) => {
            let indirect = ListScope { indirect: true, ..ListScope::default() };
            let list = fresh().scope(&indirect);
            let list = list.entry_of(entry(leaf, at - DAY, superseded), ca.certificate().subject());
            return Ok(vec![top.signed_by(root)?, list.signed_by(&lister(root, at)?)?]);
        }
        Some(Defect::CrlUnknownCritical) => fresh().extension(ELSEWHERE, true, vec![5, 0]),
        Some(defect) if defect == Defect::NoEvidence || asks_ocsp(defect) => {
            return Ok(vec![top.signed_by(root)?]);
        }
        _ => fresh(),
    };
    let mut list = list.signed_by(ca)?;
    if defect == Some(Defect::BadCrlSignature) {
        let mut der = list.der().to_vec();
        if let Some(last) = der.last_mut() {
            *last ^= 1;
        }
        list = Crl::from_der(&der, &Limits::default())?;
    }
    Ok(vec![top.signed_by(root)?, list])
}

fn partition(url: &str) -> ListScope {
    ListScope { urls: vec![url.to_owned()], ..ListScope::default() }
}

/// A delta since list 7, with or without that list.
fn deltas(
    defect: Option<Defect>,
    top: CrlDraft,
    root: &Authority,
    ca: &Authority,
    leaf: &Authority,
    at: i64,
) -> Result<Vec<Crl>, Error> {
    let delta = CrlDraft::new(at - 60, Some(at + DAY), 8).delta_of(7);
    let delta = match defect {
        Some(Defect::DeltaRevoked) => delta.entry(entry(leaf, at - 120, RevocationReason::Superseded)),
        _ => delta,
    };
    let mut lists = vec![top.signed_by(root)?, delta.signed_by(ca)?];
    if defect == Some(Defect::DeltaRevoked) {
        lists.push(CrlDraft::new(at - DAY, Some(at + DAY), 7).signed_by(ca)?);
    }
    Ok(lists)
}

/// An authority that lists others' certificates.
pub(super) fn lister(root: &Authority, at: i64) -> Result<Authority, Error> {
    let key = key(Size::P256, "case lister")?;
    let life = Validity { from: at - YEAR, until: at + YEAR };
    let draft = Draft::new(&subject(LISTER, None)?, key.public(), Serial::from_u64(30), life);
    Authority::new(draft.key_usage(&[Usage::CrlSign]).signed_by(root)?, key)
}

fn asks_ocsp(defect: Defect) -> bool {
    matches!(
        defect,
        Defect::OcspRevoked
            | Defect::OcspUnknown
            | Defect::OcspStale
            | Defect::OcspWrongResponder
            | Defect::OcspResponderWithoutUsage
            | Defect::OcspResponderExpired
            | Defect::OcspOther
    )
}

pub(super) fn answers(
    defect: Option<Defect>,
    root: &Authority,
    ca: &Authority,
    leaf: &Authority,
    at: i64,
) -> Result<Vec<OcspResponse>, Error> {
    let Some(defect) = defect.filter(|defect| asks_ocsp(*defect)) else { return Ok(Vec::new()) };
    let key = key(Size::P256, "case responder")?;
    let life = Validity { from: at - YEAR, until: at + YEAR };
    let draft = issue::ocsp_responder(&subject("OCSP", None)?, key.public(), Serial::from_u64(20), life);
    let draft = match defect {
        Defect::OcspResponderWithoutUsage => draft.without(oids::EXTENDED_KEY_USAGE),
        Defect::OcspResponderExpired => draft.valid(at - YEAR, at - DAY),
        _ => draft,
    };
    let issuer = if defect == Defect::OcspWrongResponder { root } else { ca };
    let responder = Authority::new(draft.signed_by(issuer)?, key)?;
    let status = match defect {
        Defect::OcspRevoked => OcspStatus::Revoked(RevocationFacts {
            revoked_at: at - DAY,
            invalid_since: None,
            reason: RevocationReason::KeyCompromise,
        }),
        Defect::OcspUnknown => OcspStatus::Unknown,
        _ => OcspStatus::Good,
    };
    let about = if defect == Defect::OcspOther { &responder } else { leaf };
    let id = CertId::new(about.certificate(), ca.certificate(), Digest::Sha1);
    let time = if defect == Defect::OcspStale { at - 9 * DAY } else { at - 60 };
    let answer = OcspAnswer { id, status, this_update: time, next_update: Some(time + DAY) };
    Ok(vec![OcspDraft::new(time).answer(answer).signed_by(&responder)?])
}
