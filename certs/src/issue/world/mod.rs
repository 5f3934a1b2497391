//! A hierarchy for tests and examples: a root, an issuing authority, an OCSP responder, a timestamp authority, a leader, an
//! agency, a server, and a stranger's hierarchy beside it; and the same with any one [`Defect`].
//!
//! Everything is the same in every run: keys come from their names, signatures from their messages (all but RSA-PSS),
//! times from the moment handed in, serial numbers from a list. A key whose name is known is no secret: nothing here
//! certifies anybody.

mod defect;
mod statements;

pub use defect::{Case, Defect};

use super::{Authority, CrlDraft, Draft, OcspAnswer, OcspDraft, Subject, Validity};
use super::{agency_seal, issuing_ca, leader, ocsp_responder, root, timestamp_authority, tls_server};
use crate::algorithm::Digest;
use crate::keys::{Key, Size};
use crate::name::{GeneralName, Name};
use crate::path::Evidence;
use crate::revocation::{
    CertId, Crl, OcspResponse, OcspStatus, RevocationFacts, RevocationReason, RevokedEntry,
};
use crate::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use crate::{Certificate, Error, Serial};

/// One day in seconds.
pub const DAY: i64 = 86_400;
/// One year in seconds.
pub const YEAR: i64 = 365 * DAY;

/// The agency of this world.
const AGENCY: &str = "UBND TỈNH THỬ NGHIỆM";

/// The key of this name: the same in every run, and no secret.
///
/// Errors: [`Error::Library`].
pub fn key(size: Size, name: &str) -> Result<Key, Error> {
    Key::seeded(size, name)
}

/// As [`key`], RSA of any size that is a multiple of 16 bits, also one nobody may use any more.
pub fn rsa_key(bits: u32, name: &str) -> Result<Key, Error> {
    Key::seeded_rsa(bits, name)
}

/// A name in this world; `user_id` is `CCCD:…` of a person or `MST:…` of an agency (RULES D25).
pub fn subject(common_name: &str, user_id: Option<&str>) -> Result<Name, Error> {
    let subject = Subject::vietnamese(AGENCY, common_name);
    user_id.into_iter().fold(subject, |subject, id| subject.user_id(id)).name()
}

/// Everybody, good in every respect for a year around the moment the world was made for.
#[derive(Debug)]
pub struct World {
    /// The moment, in seconds since 1970.
    pub at: i64,
    /// Trusted by [`World::trust`].
    pub root: Authority,
    /// Issues all the others.
    pub ca: Authority,
    /// A competent person.
    pub leader: Authority,
    /// An agency.
    pub seal: Authority,
    /// Another agency.
    pub other_seal: Authority,
    /// A timestamp authority.
    pub tsa: Authority,
    /// A delegated OCSP responder.
    pub responder: Authority,
    /// A TLS server.
    pub server: Authority,
    /// Nobody's friend.
    pub stranger_root: Authority,
    /// A competent person under the stranger's root: signs well, and is nobody's friend either.
    pub stranger: Authority,
}

/// Who is made: the name of the key, how large it is, the certificate's name and number.
struct Who<'w> {
    key: &'w str,
    size: Size,
    name: &'w str,
    user_id: Option<&'w str>,
    serial: u64,
    validity: Validity,
}

type Profile<'p> = &'p dyn Fn(&Name, &Key, Serial, Validity) -> Draft;

impl Who<'_> {
    fn made(&self, profile: Profile<'_>, issuer: Option<&Authority>) -> Result<Authority, Error> {
        let key = key(self.size, self.key)?;
        let name = subject(self.name, self.user_id)?;
        let draft = profile(&name, &key, Serial::from_u64(self.serial), self.validity);
        let certificate = match issuer {
            Some(issuer) => draft.signed_by(issuer)?,
            None => draft.self_signed(&key)?,
        };
        Authority::new(certificate, key)
    }
}

impl World {
    /// The world of a moment, in seconds since 1970. Leader, issuing and timestamp authority have RSA keys, as the
    /// public-service hierarchy has throughout (RULES 4.3), the others P-256.
    ///
    /// Errors: [`Error::Library`].
    pub fn new(at: i64) -> Result<World, Error> {
        let long = Validity { from: at - 5 * YEAR, until: at + 20 * YEAR };
        let usual = Validity { from: at - YEAR, until: at + 2 * YEAR };
        let who =
            |key, size, name, user_id, serial, validity| Who { key, size, name, user_id, serial, validity };
        let (rsa, curve) = (Size::Rsa2048, Size::P256);
        let a_root: Profile<'_> = &|name, key, serial, life| root(name, key.public(), serial, life);
        let a_leader: Profile<'_> = &|name, key, serial, life| {
            let email = if serial == Serial::from_u64(10) { "a@thunghiem.gov.vn" } else { "la@example.vn" };
            leader(name, key.public(), serial, life, email)
        };
        let root = who("root", curve, "Gốc thử nghiệm", None, 1, long).made(a_root, None)?;
        let stranger_root = who("stranger root", curve, "Gốc lạ", None, 900, long).made(a_root, None)?;
        let ca = who("ca", rsa, "CA thử nghiệm", None, 2, long)
            .made(&|name, key, serial, life| issuing_ca(name, key.public(), serial, life), Some(&root))?;
        let person = Some("CCCD:001099012345");
        let leader = who("leader", rsa, "Nguyễn Văn A", person, 10, usual).made(a_leader, Some(&ca))?;
        let a_seal: Profile<'_> =
            &|name, key, serial, life| agency_seal(name, key.public(), serial, life, "vp@thunghiem.gov.vn");
        let seal = who("seal", curve, "Văn phòng UBND tỉnh", Some("MST:0100000000"), 11, usual)
            .made(a_seal, Some(&ca))?;
        let other_seal = who("other seal", curve, "Sở Thử nghiệm", Some("MST:0100000001"), 15, usual)
            .made(a_seal, Some(&ca))?;
        let tsa = who("tsa", rsa, "TSA thử nghiệm", None, 12, long).made(
            &|name, key, serial, life| timestamp_authority(name, key.public(), serial, life),
            Some(&ca),
        )?;
        let responder = who("responder", curve, "OCSP thử nghiệm", None, 13, long)
            .made(&|name, key, serial, life| ocsp_responder(name, key.public(), serial, life), Some(&ca))?;
        let hosts = [GeneralName::Dns("mail.thunghiem.gov.vn".to_owned())];
        let server = who("server", curve, "Máy chủ thư", None, 14, usual).made(
            &|name, key, serial, life| tls_server(name, key.public(), serial, life, &hosts),
            Some(&ca),
        )?;
        let stranger = who("stranger", curve, "Người lạ", Some("CCCD:009"), 901, usual)
            .made(a_leader, Some(&stranger_root))?;
        Ok(World { at, root, ca, leader, seal, other_seal, tsa, responder, server, stranger_root, stranger })
    }

    /// Trusts the root for these purposes, as the public-service hierarchy.
    ///
    /// Errors: none that a good root causes.
    pub fn trust(&self, purposes: &[Purpose]) -> Result<TrustStore, Error> {
        trust(self.root.certificate(), purposes)
    }

    /// A certificate and the issuing authority's above it.
    pub fn chain(&self, of: &Authority) -> Vec<Certificate> {
        vec![of.certificate().clone(), self.ca.certificate().clone()]
    }

    /// Lists of the issuing authority and the root, issued at `time` and good for a week, with these revoked at these
    /// moments.
    pub fn crls(&self, time: i64, revoked: &[(&Authority, i64)]) -> Result<Vec<Crl>, Error> {
        let entries = revoked.iter().map(|(who, when)| entry(who, *when, RevocationReason::Superseded));
        let list = entries.fold(CrlDraft::new(time, Some(time + 7 * DAY), 1), CrlDraft::entry);
        let top = CrlDraft::new(time, Some(time + 7 * DAY), 1);
        Ok(vec![list.signed_by(&self.ca)?, top.signed_by(&self.root)?])
    }

    /// The responder's answer about a certificate of the issuing authority, good for a day.
    pub fn ocsp(&self, who: &Authority, status: OcspStatus, time: i64) -> Result<OcspResponse, Error> {
        let id = CertId::new(who.certificate(), self.ca.certificate(), Digest::Sha1);
        OcspDraft::new(time)
            .answer(OcspAnswer { id, status, this_update: time, next_update: Some(time + DAY) })
            .signed_by(&self.responder)
    }

    /// Everything known good at a moment.
    pub fn evidence(&self, time: i64) -> Result<Evidence, Error> {
        let certificates = vec![self.ca.certificate().clone()];
        Ok(Evidence { certificates, crls: self.crls(time, &[])?, ocsp: Vec::new() })
    }
}

fn trust(root: &Certificate, purposes: &[Purpose]) -> Result<TrustStore, Error> {
    let mut store = TrustStore::new();
    store.add(Anchor::new(root.clone(), root.sha256(), purposes, Hierarchy::PublicService, "thử nghiệm")?);
    Ok(store)
}

fn entry(who: &Authority, revoked_at: i64, reason: RevocationReason) -> RevokedEntry {
    let facts = RevocationFacts { revoked_at, invalid_since: None, reason };
    RevokedEntry { serial: who.certificate().serial().clone(), facts }
}
