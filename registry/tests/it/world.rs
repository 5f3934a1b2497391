//! A small world of trust, and documents signed in it.

use std::sync::OnceLock;

use certs::Certificate;
use certs::Serial;
use certs::issue::{self, Authority, CrlDraft, Draft, Subject, Validity};
use certs::keys::{Key, Scheme, Size};
use certs::revocation::{RevocationFacts, RevocationReason, RevokedEntry};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use mail::Timestamp;
use signer::make::{self, Signing};
use signer::{Evidence, Limits, tst};

/// Sunday 22 November 2026, 08:00 in Hà Nội: the papers are signed a little earlier.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);
const SIGNED: i64 = 1_795_309_200 - 3_600;
const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

/// Who signs.
pub(crate) struct World {
    root: Authority,
    ca: Authority,
    pub(crate) leader: Authority,
    pub(crate) seal: Authority,
    /// A seal of another agency, under the same root.
    pub(crate) other_seal: Authority,
    tsa: Authority,
    /// Under a root that is nobody's friend.
    pub(crate) stranger: Authority,
}

fn subject(name: &str, uid: Option<&str>) -> certs::Name {
    let subject = Subject::vietnamese("UBND TỈNH THỬ NGHIỆM", name);
    uid.map_or_else(|| subject.name(), |uid| subject.clone().user_id(uid).name()).unwrap()
}

impl World {
    pub(crate) fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::new)
    }

    fn new() -> Self {
        let long = Validity { from: SIGNED - 5 * YEAR, until: SIGNED + 20 * YEAR };
        let usual = Validity { from: SIGNED - YEAR, until: SIGNED + 2 * YEAR };
        let serial = Serial::from_u64;
        let root_of = |name: &str, number: u64| {
            let key = Key::generate(Size::P256).unwrap();
            let draft = issue::root(&subject(name, None), key.public(), serial(number), long);
            Authority::new(draft.self_signed(&key).unwrap(), key).unwrap()
        };
        let made = |draft: &dyn Fn(&Key) -> Draft, by: &Authority| {
            let key = Key::generate(Size::P256).unwrap();
            Authority::new(draft(&key).signed_by(by).unwrap(), key).unwrap()
        };
        let (root, stranger_root) = (root_of("Gốc thử nghiệm", 1), root_of("Gốc lạ", 900));
        let ca = made(
            &|key| issue::issuing_ca(&subject("CA thử nghiệm", None), key.public(), serial(2), long),
            &root,
        );
        let person = |name: &str, number: u64, by: &Authority| {
            let name = subject(name, Some("CCCD:001099012345"));
            made(&|key| issue::leader(&name, key.public(), serial(number), usual, "a@a.gov.vn"), by)
        };
        let agency = |name: &str, number: u64| {
            let name = subject(name, Some("MST:0100000000"));
            made(&|key| issue::agency_seal(&name, key.public(), serial(number), usual, "v@a.gov.vn"), &ca)
        };
        let tsa = made(
            &|key| issue::timestamp_authority(&subject("TSA", None), key.public(), serial(12), long),
            &ca,
        );
        let leader = person("Nguyễn Văn A", 10, &ca);
        let stranger = person("Người lạ", 901, &stranger_root);
        let (seal, other_seal) = (agency("Văn phòng A", 11), agency("Văn phòng B", 13));
        Self { root, ca, leader, seal, other_seal, tsa, stranger }
    }

    pub(crate) fn trust(&self) -> TrustStore {
        let mut trust = TrustStore::new();
        let root = self.root.certificate();
        let purposes = [Purpose::Document, Purpose::Timestamp];
        let anchor = Anchor::new(root.clone(), root.sha256(), &purposes, Hierarchy::PublicService, "thử");
        trust.add(anchor.unwrap());
        trust
    }

    /// What somebody who fetches would have, with these certificates revoked a day before the signing.
    pub(crate) fn evidence(&self, revoked: &[&Authority]) -> Evidence {
        let week = |time| CrlDraft::new(time, Some(time + 7 * DAY), 1);
        let mut list = week(SIGNED);
        for who in revoked {
            let facts = RevocationFacts {
                revoked_at: SIGNED - DAY,
                invalid_since: None,
                reason: RevocationReason::Superseded,
            };
            list = list.entry(RevokedEntry { serial: who.certificate().serial().clone(), facts });
        }
        let crls = vec![list.signed_by(&self.ca).unwrap(), week(SIGNED).signed_by(&self.root).unwrap()];
        Evidence { certificates: vec![self.ca.certificate().clone()], crls, ocsp: Vec::new() }
    }

    fn token(&self, request: &tst::Request) -> Vec<u8> {
        let certificates = self.chain(&self.tsa);
        let authority = tst::Authority {
            key: self.tsa.key(),
            certificates: &certificates,
            policy: certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 32473, 1]),
        };
        let answer = tst::answer(&request.to_der(), &authority, 7, SIGNED);
        tst::read_response(&answer, request, &Limits::default()).unwrap()
    }

    fn chain(&self, of: &Authority) -> Vec<Certificate> {
        vec![of.certificate().clone(), self.ca.certificate().clone()]
    }

    /// The paper, signed with a timestamp by each in turn.
    pub(crate) fn paper(&self, signers: &[&Authority]) -> Vec<u8> {
        signers.iter().fold(blank(), |pdf, who| {
            let scheme = Scheme::usual(who.key().kind()).unwrap();
            let signing = Signing::new(self.chain(who), scheme, Timestamp::from_secs(SIGNED));
            let stamp = |stamped: &make::Stamped| Ok(Some(self.token(&stamped.timestamp_request(99))));
            make::sign(&pdf, &signing, who.key(), stamp, &Limits::default()).unwrap()
        })
    }

    /// The same package, signed as a whole (RULES E34).
    pub(crate) fn sign_package(&self, package: &[u8], who: &Authority) -> Vec<u8> {
        let scheme = Scheme::usual(who.key().kind()).unwrap();
        let signing = make::xml::Signing::new(self.chain(who), scheme, Timestamp::from_secs(SIGNED));
        let prepared = make::xml::package(package, &signing, &Limits::default()).unwrap();
        let stamp = |stamped: &make::xml::Stamped| Ok(Some(self.token(&stamped.timestamp_request(98))));
        make::xml::sign(prepared, who.key(), stamp).unwrap()
    }

    /// Signed as the law has it: by the leader, then by the agency.
    pub(crate) fn complete(&self) -> Vec<u8> {
        self.paper(&[&self.leader, &self.seal])
    }
}

pub(crate) fn blank() -> Vec<u8> {
    make::blank_pdf("Công văn", &["CÔNG VĂN", "V/v thử nghiệm."])
}
