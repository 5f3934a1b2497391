//! A small hierarchy to bend: root, issuing authority, leaf, all on P-256, and a moment in between.

use std::sync::LazyLock;

use certs::issue::{self, Authority, CrlDraft, Draft, Subject, Validity, world};
use certs::keys::{Key, Size};
use certs::path::{Evidence, PathVerdict, Question, Revocation, judge};
use certs::revocation::{Crl, RevocationFacts, RevocationReason, RevokedEntry};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, GeneralName, Limits, Name, Serial};

pub(crate) const DAY: i64 = 86_400;
/// 2026-01-01, the moment judged unless said otherwise.
pub(crate) const NOW: i64 = 1_767_225_600;
pub(crate) const LIFE: Validity = Validity { from: NOW - 300 * DAY, until: NOW + 300 * DAY };
pub(crate) const HOST: &str = "mail.ubnd.example.vn";

macro_rules! keys {
    ($($name:ident),+) => {$(
        /// The same in every run.
        pub(crate) static $name: LazyLock<Key> =
            LazyLock::new(|| world::key(Size::P256, stringify!($name)).unwrap());
    )+};
}
keys!(ROOT_KEY, CA_KEY, CA2_KEY, LEAF_KEY, OTHER_KEY);

pub(crate) fn copy(key: &Key) -> Key {
    key.clone()
}

pub(crate) fn name(common_name: &str) -> Name {
    Subject::vietnamese("ỦY BAN NHÂN DÂN TỈNH MẪU", common_name).name().unwrap()
}

pub(crate) fn dns(text: &str) -> GeneralName {
    GeneralName::Dns(text.to_owned())
}

pub(crate) fn serial(number: u64) -> Serial {
    Serial::from_u64(number)
}

pub(crate) fn root_draft() -> Draft {
    issue::root(&name("Gốc thử nghiệm"), ROOT_KEY.public(), serial(1), LIFE)
}

pub(crate) fn ca_draft() -> Draft {
    issue::issuing_ca(&name("CA thử nghiệm"), CA_KEY.public(), serial(2), LIFE)
}

pub(crate) fn leaf_draft() -> Draft {
    issue::tls_server(&name("Máy chủ thư"), LEAF_KEY.public(), serial(3), LIFE, &[dns(HOST)])
        .crl_urls(&["http://crl.example.vn/ca.crl"])
        .access(&["http://ocsp.example.vn"], &["http://crt.example.vn/ca.crt"])
        .policies(&[certs::oids::PUBLIC_SERVICE_POLICY])
}

pub(crate) fn root_from(draft: Draft) -> Authority {
    Authority::new(draft.self_signed(&ROOT_KEY).unwrap(), copy(&ROOT_KEY)).unwrap()
}

pub(crate) fn ca_from(draft: Draft, root: &Authority) -> Authority {
    Authority::new(draft.signed_by(root).unwrap(), copy(&CA_KEY)).unwrap()
}

/// Everything one judgement needs.
pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) ca: Authority,
    pub(crate) leaf: Certificate,
    pub(crate) evidence: Evidence,
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) question: Question,
    pub(crate) limits: Limits,
}

impl World {
    /// Root, authority and leaf from these drafts; nothing asked about revocation.
    pub(crate) fn of(root: Draft, ca: Draft, leaf: Draft) -> World {
        let root = root_from(root);
        let ca = ca_from(ca, &root);
        let leaf = leaf.signed_by(&ca).unwrap();
        let evidence = Evidence { certificates: vec![ca.certificate().clone()], ..Evidence::default() };
        let mut question = Question::new(Purpose::Tls, NOW);
        question.revocation = Revocation::None;
        World { root, ca, leaf, evidence, purposes: vec![Purpose::Any], question, limits: Limits::default() }
    }

    pub(crate) fn plain() -> World {
        World::of(root_draft(), ca_draft(), leaf_draft())
    }

    /// Only the leaf is bent.
    pub(crate) fn leaf(bend: impl FnOnce(Draft) -> Draft) -> World {
        World::of(root_draft(), ca_draft(), bend(leaf_draft()))
    }

    /// Only the authority is bent.
    pub(crate) fn ca(bend: impl FnOnce(Draft) -> Draft) -> World {
        World::of(root_draft(), bend(ca_draft()), leaf_draft())
    }

    pub(crate) fn asking(mut self, change: impl FnOnce(&mut Question)) -> World {
        change(&mut self.question);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut World)) -> World {
        change(&mut self);
        self
    }

    pub(crate) fn trust(&self) -> TrustStore {
        let certificate = self.root.certificate().clone();
        let stated = certificate.sha256();
        let mut trust = TrustStore::new();
        trust
            .add(Anchor::new(certificate, stated, &self.purposes, Hierarchy::PublicService, "test").unwrap());
        trust
    }

    pub(crate) fn judge(&self) -> PathVerdict {
        judge(&self.leaf, &self.evidence, &self.trust(), &self.question, &self.limits)
    }

    /// The verdict as one word: `valid`, a defect's code, or a lack's code.
    pub(crate) fn word(&self) -> &'static str {
        word(&self.judge())
    }
}

pub(crate) fn word(verdict: &PathVerdict) -> &'static str {
    match verdict {
        PathVerdict::Valid(_) => "valid",
        PathVerdict::Invalid(reason) => reason.defect.code(),
        PathVerdict::Undecided { lacks } => lacks[0].code(),
    }
}

pub(crate) fn revoked(number: u64, at: i64, reason: RevocationReason) -> RevokedEntry {
    RevokedEntry {
        serial: serial(number),
        facts: RevocationFacts { revoked_at: at, invalid_since: None, reason },
    }
}

/// A CRL of a week around `issued`.
pub(crate) fn crl(issuer: &Authority, issued: i64, entries: &[RevokedEntry]) -> Crl {
    let mut draft = CrlDraft::new(issued, Some(issued + 7 * DAY), 1);
    for entry in entries {
        draft = draft.entry(entry.clone());
    }
    draft.signed_by(issuer).unwrap()
}
