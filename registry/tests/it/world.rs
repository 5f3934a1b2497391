//! A small world of trust, and documents signed in it.

use std::ops::Deref;
use std::sync::OnceLock;

use certs::issue::world::DAY;
use certs::issue::{Authority, world};
use certs::keys::Scheme;
use certs::trust::{Purpose, TrustStore};
use mail::Timestamp;
use signer::make::{self, Signing};
use signer::{Evidence, Limits, tst};

/// Sunday 22 November 2026, 08:00 in Hà Nội: the papers are signed a little earlier.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);
const SIGNED: i64 = 1_795_309_200 - 3_600;

/// The world of all rooms, and papers in it.
pub(crate) struct World(world::World);

impl Deref for World {
    type Target = world::World;

    fn deref(&self) -> &world::World {
        &self.0
    }
}

impl World {
    pub(crate) fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| Self(world::World::new(SIGNED).unwrap()))
    }

    pub(crate) fn trust(&self) -> TrustStore {
        self.0.trust(&[Purpose::Document, Purpose::Timestamp]).unwrap()
    }

    /// What somebody who fetches would have, with these certificates revoked a day before the signing.
    pub(crate) fn evidence(&self, revoked: &[&Authority]) -> Evidence {
        let revoked: Vec<_> = revoked.iter().map(|who| (*who, SIGNED - DAY)).collect();
        Evidence { crls: self.crls(SIGNED, &revoked).unwrap(), ..self.0.evidence(SIGNED).unwrap() }
    }

    pub(crate) fn token(&self, request: &tst::Request) -> Vec<u8> {
        let certificates = self.chain(&self.tsa);
        let authority = tst::Authority {
            key: self.tsa.key(),
            certificates: &certificates,
            policy: certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 32473, 1]),
        };
        let answer = tst::answer(&request.to_der(), &authority, 7, SIGNED);
        tst::read_response(&answer, request, &Limits::default()).unwrap()
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
