//! A small world of trust: a root, an issuing authority, a leader, an agency, a timestamp authority, and a stranger's
//! hierarchy beside it. Made once for all tests.

use certs::algorithm::Digest;
use certs::issue::{self, Authority, CrlDraft, Draft, OcspAnswer, OcspDraft, Subject, Validity};
use certs::keys::{Key, Scheme, Size};
use certs::revocation::{
    CertId, Crl, OcspResponse, OcspStatus, RevocationFacts, RevocationReason, RevokedEntry,
};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, Serial};
use mail::Timestamp;
use signer::make::{self, CmsSigning, MailDraft, MailForm, Signing};
use signer::{Evidence, Input, Judged, Limits, Policy, judge, tst};
use std::sync::{Arc, OnceLock};

/// 2026-11-22T01:00:00Z: the day the tests play on.
pub(crate) const NOON: i64 = 1_795_309_200;
/// One day in seconds.
pub(crate) const DAY: i64 = 86_400;
/// One year in seconds.
pub(crate) const YEAR: i64 = 365 * DAY;

pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) ca: Authority,
    pub(crate) leader: Authority,
    pub(crate) seal: Authority,
    pub(crate) tsa: Authority,
    pub(crate) responder: Authority,
    /// Signs well, but its root is nobody's friend.
    pub(crate) stranger_root: Authority,
    pub(crate) stranger: Authority,
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn subject(name: &str, uid: Option<&str>) -> certs::Name {
    let subject = Subject::vietnamese("UBND TỈNH THỬ NGHIỆM", name);
    match uid {
        Some(uid) => subject.user_id(uid),
        None => subject,
    }
    .name()
    .unwrap()
}

impl World {
    pub(crate) fn get() -> &'static World {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(World::new)
    }

    fn new() -> Self {
        let long = Validity { from: NOON - 5 * YEAR, until: NOON + 20 * YEAR };
        let usual = Validity { from: NOON - YEAR, until: NOON + 2 * YEAR };
        let key = |size| Key::generate(size).unwrap();
        let serial = Serial::from_u64;
        let root_of = |name: &str, n: u64| {
            let key = key(Size::P256);
            let certificate =
                issue::root(&subject(name, None), key.public(), serial(n), long).self_signed(&key).unwrap();
            Authority::new(certificate, key).unwrap()
        };
        let root = root_of("Gốc thử nghiệm", 1);
        let stranger_root = root_of("Gốc lạ", 900);
        let made = |draft: &dyn Fn(&Key) -> Draft, size: Size, by: &Authority| {
            let key = key(size);
            Authority::new(draft(&key).signed_by(by).unwrap(), key).unwrap()
        };
        let ca = made(
            &|k| issue::issuing_ca(&subject("CA thử nghiệm", None), k.public(), serial(2), long),
            Size::Rsa2048,
            &root,
        );
        let leader = made(
            &|k| {
                let name = subject("Nguyễn Văn A", Some("CCCD:001099012345"));
                issue::leader(&name, k.public(), serial(10), usual, "a@thunghiem.gov.vn")
            },
            Size::Rsa2048,
            &ca,
        );
        let seal = made(
            &|k| {
                let name = subject("Văn phòng UBND tỉnh", Some("MST:0100000000"));
                issue::agency_seal(&name, k.public(), serial(11), usual, "vp@thunghiem.gov.vn")
            },
            Size::P256,
            &ca,
        );
        let tsa = made(
            &|k| issue::timestamp_authority(&subject("TSA thử nghiệm", None), k.public(), serial(12), long),
            Size::Rsa2048,
            &ca,
        );
        let responder = made(
            &|k| issue::ocsp_responder(&subject("OCSP thử nghiệm", None), k.public(), serial(13), long),
            Size::P256,
            &ca,
        );
        let stranger = made(
            &|k| {
                let name = subject("Người lạ", Some("CCCD:009"));
                issue::leader(&name, k.public(), serial(901), usual, "la@example.vn")
            },
            Size::P256,
            &stranger_root,
        );
        World { root, ca, leader, seal, tsa, responder, stranger_root, stranger }
    }

    /// Trusts the root for documents, mail and timestamps.
    pub(crate) fn policy(&self) -> Policy {
        let mut trust = TrustStore::new();
        let root = self.root.certificate();
        let purposes = [Purpose::Document, Purpose::Timestamp, Purpose::Smime];
        let anchor =
            Anchor::new(root.clone(), root.sha256(), &purposes, Hierarchy::PublicService, "thử nghiệm");
        trust.add(anchor.unwrap());
        Policy { trust, hierarchy: Some(Hierarchy::PublicService), ..Policy::default() }
    }

    pub(crate) fn chain(&self, of: &Authority) -> Vec<Certificate> {
        vec![of.certificate().clone(), self.ca.certificate().clone()]
    }

    /// Lists of both authorities, issued at `time` and good for a week, with these certificates revoked.
    pub(crate) fn crls(&self, time: i64, revoked: &[(&Authority, i64)]) -> Vec<Crl> {
        let mut draft = CrlDraft::new(time, Some(time + 7 * DAY), 1);
        for (who, when) in revoked {
            let facts = RevocationFacts {
                revoked_at: *when,
                invalid_since: None,
                reason: RevocationReason::Superseded,
            };
            draft = draft.entry(RevokedEntry { serial: who.certificate().serial().clone(), facts });
        }
        let top = CrlDraft::new(time, Some(time + 7 * DAY), 1);
        vec![draft.signed_by(&self.ca).unwrap(), top.signed_by(&self.root).unwrap()]
    }

    /// An OCSP answer about one of the authority's certificates.
    pub(crate) fn ocsp(&self, who: &Authority, status: OcspStatus, time: i64) -> OcspResponse {
        let id = CertId::new(who.certificate(), self.ca.certificate(), Digest::Sha1);
        OcspDraft::new(time)
            .answer(OcspAnswer { id, status, this_update: time, next_update: Some(time + DAY) })
            .signed_by(&self.responder)
            .unwrap()
    }

    /// Everything known good at a moment.
    pub(crate) fn evidence(&self, time: i64) -> Evidence {
        Evidence {
            certificates: vec![self.ca.certificate().clone()],
            crls: self.crls(time, &[]),
            ocsp: vec![],
        }
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
