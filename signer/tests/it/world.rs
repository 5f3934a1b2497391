//! A small world of trust: a root, an issuing authority, a leader, an agency, a timestamp authority, and a stranger's
//! hierarchy beside it. Made once for all tests.

use certs::issue::{Authority, world};
use certs::keys::Scheme;
use certs::revocation::{Crl, OcspResponse, OcspStatus};
use certs::trust::{Hierarchy, Purpose};
use mail::Timestamp;
use signer::make::{self, CmsSigning, MailDraft, MailForm, Signing};
use signer::{Evidence, Input, Judged, Limits, Policy, judge, tst};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// 2026-11-22T01:00:00Z: the day the tests play on.
pub(crate) const NOON: i64 = 1_795_309_200;
/// One day in seconds.
pub(crate) const DAY: i64 = world::DAY;
/// One year in seconds.
pub(crate) const YEAR: i64 = world::YEAR;

/// The world of all rooms, and what documents need in it.
pub(crate) struct World(world::World);

impl Deref for World {
    type Target = world::World;

    fn deref(&self) -> &world::World {
        &self.0
    }
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

impl World {
    pub(crate) fn get() -> &'static World {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| World(world::World::new(NOON).unwrap()))
    }

    /// Trusts the root for documents, mail and timestamps.
    pub(crate) fn policy(&self) -> Policy {
        let trust = self.trust(&[Purpose::Document, Purpose::Timestamp, Purpose::Smime]).unwrap();
        Policy { trust, hierarchy: Some(Hierarchy::PublicService), ..Policy::default() }
    }

    /// Lists of both authorities, issued at `time` and good for a week, with these certificates revoked.
    pub(crate) fn crls(&self, time: i64, revoked: &[(&Authority, i64)]) -> Vec<Crl> {
        self.0.crls(time, revoked).unwrap()
    }

    /// An OCSP answer about one of the authority's certificates.
    pub(crate) fn ocsp(&self, who: &Authority, status: OcspStatus, time: i64) -> OcspResponse {
        self.0.ocsp(who, status, time).unwrap()
    }

    /// Everything known good at a moment.
    pub(crate) fn evidence(&self, time: i64) -> Evidence {
        self.0.evidence(time).unwrap()
    }

    /// What the timestamp authority answers at a moment.
    pub(crate) fn token(&self, request: &tst::Request, time: i64) -> Vec<u8> {
        let certificates = self.chain(&self.tsa);
        let authority = tst::Authority {
            key: self.tsa.key(),
            certificates: &certificates,
            policy: certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]),
        };
        let answer = tst::answer(&request.to_der(), &authority, 7, time);
        tst::read_response(&answer, request, &Limits::default()).unwrap()
    }

    pub(crate) fn signing(&self, who: &Authority, time: i64) -> Signing {
        Signing::new(self.chain(who), Scheme::usual(who.key().kind()).unwrap(), at(time))
    }

    /// Signs with a timestamp.
    pub(crate) fn sign(&self, pdf: &[u8], who: &Authority, time: i64) -> Vec<u8> {
        let stamp = |s: &make::Stamped| Ok(Some(self.token(&s.timestamp_request(99), time)));
        make::sign(pdf, &self.signing(who, time), who.key(), stamp, &Limits::default()).unwrap()
    }

    /// Signs without one.
    pub(crate) fn sign_untimed(&self, pdf: &[u8], who: &Authority, time: i64) -> Vec<u8> {
        make::sign(pdf, &self.signing(who, time), who.key(), |_| Ok(None), &Limits::default()).unwrap()
    }

    /// A document signed by the leader, then by the agency, with evidence archived: what leaves a good house.
    pub(crate) fn complete(&self) -> Vec<u8> {
        let signed = self.sign(&blank(), &self.leader, NOON);
        let sealed = self.sign(&signed, &self.seal, NOON + 60);
        make::add_evidence(&sealed, &self.evidence(NOON + 120), &Limits::default()).unwrap()
    }

    /// Judges a file, with the content beside it if there is some, an hour after noon with all evidence at hand.
    pub(crate) fn judge_file(&self, file: &[u8], content: Option<&[u8]>) -> Judged {
        let input = Input::from(file.to_vec()).with_content(content.map(Arc::from));
        judge(input, &self.policy(), &self.evidence(NOON + 120), at(NOON + 3600))
    }

    /// Signs any bytes.
    pub(crate) fn sign_cms(&self, content: &[u8], who: &Authority, detached: bool, stamped: bool) -> Vec<u8> {
        let scheme = who.key().usual_scheme();
        let signing = CmsSigning { detached, ..CmsSigning::new(self.chain(who), scheme, at(NOON)) };
        let prepared = make::prepare_cms(content, &signing, &Limits::default()).unwrap();
        let ready = prepared.sign(who.key(), scheme).unwrap();
        let token = stamped.then(|| self.token(&ready.timestamp_request(3), NOON));
        ready.finish(token.as_deref()).unwrap()
    }

    /// Signs a message.
    pub(crate) fn sign_mail(&self, message: &[u8], who: &Authority, form: MailForm) -> Vec<u8> {
        let scheme = who.key().usual_scheme();
        let signing = CmsSigning::new(self.chain(who), scheme, at(NOON));
        let draft = MailDraft::new(message, form, &Limits::default()).unwrap();
        draft.prepare(&signing).unwrap().sign(who.key(), scheme).unwrap().finish(None).unwrap()
    }

    pub(crate) fn judge(&self, pdf: &[u8], evidence: &Evidence, now: i64) -> Judged {
        judge(pdf.to_vec(), &self.policy(), evidence, at(now))
    }
}

pub(crate) fn blank() -> Vec<u8> {
    make::blank_pdf("Quyết định số 1", &["QUYẾT ĐỊNH", "Điều 1. Thử nghiệm."])
}

/// A judgement in one line.
pub(crate) fn line(judged: &Judged) -> String {
    let report = judged.report();
    let each: Vec<String> = report
        .signatures
        .iter()
        .map(|s| {
            let reasons: Vec<_> = s.reasons.iter().map(|r| r.to_string()).collect();
            format!("{}:{}:{:?}{reasons:?}", s.field, s.class.word(), s.integrity)
        })
        .collect();
    let reasons: Vec<_> = report.reasons.iter().map(|r| r.to_string()).collect();
    format!("{:?} {} {:?} {reasons:?} {each:?}", report.verdict, report.class.word(), report.integrity)
}
