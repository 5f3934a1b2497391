//! Reading certificate revocation lists, RFC 5280 §5.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::scope::Scope;
use super::{RevocationFacts, RevocationReason, damaged};
use crate::algorithm::SignatureAlgorithm;
use crate::certificate::Serial;
use crate::der::{self, Oid, Reader, Rules, Tag};
use crate::error::{Error, reading};
use crate::extensions::{AuthorityKeyId, read_one};
use crate::keys::PublicKey;
use crate::name::{GeneralName, Name};
use crate::verified::Verified;
use crate::{Fingerprint, Limits, oids};

/// Levels of nesting in a CRL entry are few; the reader of one entry starts at its own bytes.
const ENTRY_DEPTH: u8 = 8;
/// Authorities whose certificates one indirect CRL lists. Real ones serve a handful.
const MAX_OWNERS: usize = 4096;
/// Names of one authority in one entry.
const MAX_OWNER_NAMES: usize = 16;

/// One line of a CRL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevokedEntry {
    /// Whose: the serial number under the CRL's issuer, or under the authority [`Crl::find_of`] was asked about.
    pub serial: Serial,
    /// When and why.
    pub facts: RevocationFacts,
}

/// From here on times are GeneralizedTime.
const YEAR_2050: i64 = 2_524_608_000;
/// In `owned_by`: the CRL's own issuer.
const OWN: u32 = u32::MAX;

/// A parsed CRL with its original bytes. Cloning is cheap; a million entries cost four bytes each besides the bytes.
#[derive(Clone)]
pub struct Crl(Arc<Facts>);

struct Facts {
    der: Vec<u8>,
    fingerprint: Fingerprint,
    tbs: Range<usize>,
    issuer: Name,
    this_update: i64,
    next_update: Option<i64>,
    algorithm: SignatureAlgorithm,
    signature: Vec<u8>,
    number: Option<Vec<u8>>,
    authority_key_id: Option<AuthorityKeyId>,
    scope: Option<Scope>,
    /// deltaCRLIndicator: the number of the complete CRL this one builds on.
    base_number: Option<Vec<u8>>,
    number_is_critical: bool,
    /// A time before 2050 as GeneralizedTime (§5.1.2.4).
    odd_times: bool,
    unknown_critical: bool,
    unreadable: bool,
    duplicates: bool,
    /// X.509 expiredCertsOnCRL: entries stay after the certificate's expiry, since this moment.
    keeps_expired_since: Option<i64>,
    /// Starts of the entries in `der`, ordered by serial number.
    entries: Vec<u32>,
    /// Of an indirect CRL: for each of `entries`, which of `owners`; [`OWN`]: the CRL's issuer. Otherwise empty.
    owned_by: Vec<u32>,
    owners: Vec<Name>,
    verified: Verified,
}

impl Crl {
    /// Reads one DER CRL that fills the input.
    pub fn from_der(bytes: &[u8], limits: &Limits) -> Result<Crl, Error> {
        let limit = limits.crl_bytes.min(u32::MAX as usize);
        if bytes.len() > limit {
            return Err(Error::TooLarge { what: "CRL", limit });
        }
        Self::parse(bytes).map_err(reading("CRL"))?
    }

    /// All CRLs of a file: PEM blocks, or one in DER.
    pub fn all_from_file(bytes: &[u8], limits: &Limits) -> Result<Vec<Crl>, Error> {
        if bytes.first() == Some(&0x30) {
            return Ok(vec![Self::from_der(bytes, limits)?]);
        }
        crate::pem::blocks(bytes, &["X509 CRL"])?.iter().map(|der| Self::from_der(der, limits)).collect()
    }

    /// As [`Crl::all_from_file`], but a list that cannot be read is an error by itself and hides no other.
    pub fn each_from_file(bytes: &[u8], limits: &Limits) -> Result<Vec<Result<Crl, Error>>, Error> {
        if bytes.first() == Some(&0x30) {
            return Ok(vec![Self::from_der(bytes, limits)]);
        }
        Ok(crate::pem::blocks(bytes, &["X509 CRL"])?.iter().map(|der| Self::from_der(der, limits)).collect())
    }

    fn parse(bytes: &[u8]) -> der::Result<Result<Crl, Error>> {
        let mut outer = Reader::der(bytes).only()?.of(Tag::SEQUENCE)?.children()?;
        let tbs = outer.expect(Tag::SEQUENCE)?;
        let algorithm = outer.expect(Tag::SEQUENCE)?;
        let signature = outer.expect(Tag::BIT_STRING)?.signature_bytes()?.to_vec();
        outer.finish()?;

        let mut fields = tbs.children()?;
        let version = fields.optional(Tag::INTEGER)?.map_or(Ok(0), |number| number.small())?;
        if fields.expect(Tag::SEQUENCE)?.whole() != algorithm.whole() {
            return Ok(Err(Error::Malformed { what: "CRL", why: "signature algorithms differ" }));
        }
        let issuer = Name::read(&mut fields)?;
        let mut odd_times = false;
        let mut moment = |fields: &mut Reader<'_>| -> der::Result<i64> {
            let element = fields.element()?;
            let moment = element.time()?;
            odd_times |= element.tag() == Tag::GENERALIZED_TIME && moment < YEAR_2050;
            Ok(moment)
        };
        let this_update = moment(&mut fields)?;
        let next_update = match fields.peek() {
            Some(Tag::UTC_TIME | Tag::GENERALIZED_TIME) => Some(moment(&mut fields)?),
            _ => None,
        };
        let mut facts = Facts {
            der: bytes.to_vec(),
            fingerprint: Fingerprint::of(bytes),
            tbs: tbs.span(),
            issuer,
            this_update,
            next_update,
            algorithm: SignatureAlgorithm::from_element(&algorithm)?,
            signature,
            number: None,
            authority_key_id: None,
            scope: None,
            base_number: None,
            number_is_critical: false,
            odd_times,
            unknown_critical: false,
            unreadable: false,
            duplicates: false,
            keeps_expired_since: None,
            entries: Vec::new(),
            owned_by: Vec::new(),
            owners: Vec::new(),
            verified: Verified::default(),
        };
        if let Some(list) = fields.optional(Tag::SEQUENCE)? {
            facts.index(list.children()?)?;
        }
        if let Some(list) = fields.explicit(0)? {
            facts.extensions(list.of(Tag::SEQUENCE)?.children()?)?;
        }
        fields.finish()?;
        // Only an indirect CRL may list somebody else's certificates.
        facts.unknown_critical |= !facts.owners.is_empty() && !facts.is_indirect();
        if !(0..=1).contains(&version) {
            return Ok(Err(Error::Malformed { what: "CRL", why: "version does not fit" }));
        }
        Ok(Ok(Crl(Arc::new(facts))))
    }

    /// The CRL as it came.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// One PEM block.
    pub fn to_pem(&self) -> String {
        crate::pem::block("X509 CRL", self.der())
    }

    /// SHA-256 of the CRL.
    pub fn sha256(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// When it was issued, seconds since 1970.
    pub fn this_update(&self) -> i64 {
        self.0.this_update
    }

    /// When the next one comes at the latest.
    pub fn next_update(&self) -> Option<i64> {
        self.0.next_update
    }

    /// cRLNumber: magnitude, big endian.
    pub fn number(&self) -> Option<&[u8]> {
        self.0.number.as_deref()
    }

    /// Identifier of the key that signed it, when stated.
    pub fn authority_key_id(&self) -> Option<&AuthorityKeyId> {
        self.0.authority_key_id.as_ref()
    }

    /// The number of the complete CRL this delta CRL builds on: magnitude, big endian. `None`: it is complete.
    pub fn base_number(&self) -> Option<&[u8]> {
        self.0.base_number.as_deref()
    }

    /// A delta CRL: what changed since a complete one (§5.2.4).
    pub fn is_delta(&self) -> bool {
        self.0.base_number.is_some()
    }

    /// An indirect CRL: also lists certificates of others than its issuer (§5.2.5).
    pub fn is_indirect(&self) -> bool {
        self.0.is_indirect()
    }

    /// It and another speak about the same certificates and reasons, signed with the same key as far as stated: the
    /// condition for one to build on, or replace, the other (§5.2.4, §6.3.3 c).
    pub fn is_alike(&self, other: &Crl) -> bool {
        self.issuer() == other.issuer()
            && self.scope() == other.scope()
            && self.authority_key_id() == other.authority_key_id()
    }

    /// §5.1.2.4 to §5.1.2.6, strictly: without a next date, or with times in the wrong form, it is no list at all.
    pub(crate) fn is_malformed(&self) -> bool {
        self.0.odd_times || self.0.next_update.is_none()
    }

    /// §5.2.3, and once per certificate: a list without number, with a critical number, or with an entry twice departs from
    /// the profile.
    pub(crate) fn departs(&self) -> bool {
        self.0.number.is_none() || self.0.number_is_critical || self.0.duplicates
    }

    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.0.scope.as_ref()
    }

    pub(crate) fn has_unknown_critical(&self) -> bool {
        self.0.unknown_critical
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        self.0.unreadable
    }

    pub(crate) fn keeps_expired_since(&self) -> Option<i64> {
        self.0.keeps_expired_since
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// No entries.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The entry for a serial number of this CRL's issuer. Should there be several, the one that counts earliest.
    pub fn find(&self, serial: &Serial) -> Option<RevokedEntry> {
        self.find_of(self.issuer(), serial)
    }

    /// The entry for a serial number of any authority: an indirect CRL lists certificates of several.
    pub fn find_of(&self, authority: &Name, serial: &Serial) -> Option<RevokedEntry> {
        let facts = &*self.0;
        let wanted = serial.content();
        let first = facts.entries.partition_point(|&start| facts.serial_at(start) < wanted);
        let rest = facts.entries.get(first..)?.iter().enumerate();
        let same = rest.map_while(|(position, &start)| Some((first + position, facts.entry_at(start).ok()?)));
        same.take_while(|(_, entry)| entry.serial == *serial)
            .filter(|(position, _)| facts.owner_of(*position) == authority)
            .map(|(_, entry)| entry)
            .min_by_key(|entry| entry.facts.effective_at())
    }

    /// Checks the CRL's signature with a key.
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), Error> {
        let tbs = self.0.der.get(self.0.tbs.clone()).unwrap_or_default();
        self.0.verified.by(issuer, || self.0.algorithm.verify(issuer, tbs, &self.0.signature))
    }
}

impl Facts {
    /// Reads every entry once, so that `find` cannot meet a damaged one, and orders them.
    fn index(&mut self, mut list: Reader<'_>) -> der::Result<()> {
        let mut found: Vec<(Serial, u32, u32)> = Vec::new();
        let mut known: HashMap<Vec<u8>, u32> = HashMap::new();
        let mut owner = OWN;
        while !list.is_empty() {
            let element = list.expect(Tag::SEQUENCE)?;
            let start = element.span().start;
            let line = read_entry(element.children()?)?;
            self.unknown_critical |= line.unknown_critical;
            if let Some(name) = line.owner {
                owner = *known.entry(name.der().to_vec()).or_insert_with(|| {
                    self.owners.push(name);
                    self.owners.len() as u32 - 1
                });
                if self.owners.len() > MAX_OWNERS {
                    return Err(damaged(start));
                }
            }
            found.push((line.entry.serial, owner, start as u32));
        }
        found.sort();
        self.duplicates = !found.is_sorted_by(|left, right| (&left.0, left.1) < (&right.0, right.1));
        if !self.owners.is_empty() {
            self.owned_by = found.iter().map(|(_, owner, _)| *owner).collect();
        }
        self.entries = found.into_iter().map(|(_, _, start)| start).collect();
        Ok(())
    }

    fn entry_at(&self, start: u32) -> der::Result<RevokedEntry> {
        let bytes = self.der.get(start as usize..).unwrap_or_default();
        let mut reader = Reader::new(bytes, Rules::Der, ENTRY_DEPTH);
        read_entry(reader.sequence()?).map(|line| line.entry)
    }

    /// The serial number alone, for searching.
    fn serial_at(&self, start: u32) -> &[u8] {
        let bytes = self.der.get(start as usize..).unwrap_or_default();
        let read = || Reader::new(bytes, Rules::Der, ENTRY_DEPTH).sequence()?.expect(Tag::INTEGER)?.integer();
        read().unwrap_or_default()
    }

    /// Whose certificate the entry at this position of `entries` names.
    fn owner_of(&self, position: usize) -> &Name {
        let owner = self.owned_by.get(position).and_then(|&owner| self.owners.get(owner as usize));
        owner.unwrap_or(&self.issuer)
    }

    fn is_indirect(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.indirect)
    }

    fn extensions(&mut self, mut list: Reader<'_>) -> der::Result<()> {
        let mut seen: Vec<Oid> = Vec::new();
        while !list.is_empty() {
            let at = list.position();
            let (id, critical, value) = read_one(&mut list)?;
            if seen.contains(&id) || seen.len() == 64 {
                return Err(damaged(at));
            }
            seen.push(id);
            self.number_is_critical |= critical && id == oids::CRL_NUMBER;
            match self.extension(id, value) {
                Ok(true) => {}
                Ok(false) => self.unknown_critical |= critical,
                Err(_) => self.unreadable = true,
            }
        }
        Ok(())
    }

    fn extension(&mut self, id: Oid, value: &[u8]) -> der::Result<bool> {
        let element = Reader::der(value).only()?;
        match id {
            oids::CRL_NUMBER => self.number = Some(element.unsigned()?.to_vec()),
            oids::AUTHORITY_KEY_IDENTIFIER => {
                self.authority_key_id = Some(crate::extensions::authority_key_id(&element)?);
            }
            oids::ISSUING_DISTRIBUTION_POINT => {
                self.scope = Some(Scope::read(element.of(Tag::SEQUENCE)?.children()?)?)
            }
            oids::DELTA_CRL_INDICATOR => self.base_number = Some(element.unsigned()?.to_vec()),
            oids::EXPIRED_CERTS_ON_CRL => self.keeps_expired_since = Some(element.time()?),
            oids::ISSUER_ALT_NAME | oids::FRESHEST_CRL | oids::AUTHORITY_INFO_ACCESS => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// One entry, and what its extensions say beyond it.
struct Line {
    entry: RevokedEntry,
    /// certificateIssuer: whose certificate, for this and the following entries of an indirect CRL (§5.3.3).
    owner: Option<Name>,
    unknown_critical: bool,
}

fn read_entry(mut fields: Reader<'_>) -> der::Result<Line> {
    let serial = Serial::from_element(&fields.expect(Tag::INTEGER)?)?;
    let revoked_at = fields.element()?.time()?;
    let facts = RevocationFacts { revoked_at, invalid_since: None, reason: RevocationReason::Unspecified };
    let mut line = Line { entry: RevokedEntry { serial, facts }, owner: None, unknown_critical: false };
    let facts = &mut line.entry.facts;
    if let Some(list) = fields.optional(Tag::SEQUENCE)? {
        let mut list = list.children()?;
        while !list.is_empty() {
            let at = list.position();
            let (id, critical, value) = read_one(&mut list)?;
            match id {
                oids::CRL_REASON => {
                    let code = Reader::der(value).only()?.of(Tag::ENUMERATED)?.small()?;
                    facts.reason = RevocationReason::from_code(code).ok_or(damaged(at))?;
                }
                oids::INVALIDITY_DATE => facts.invalid_since = Some(Reader::der(value).only()?.time()?),
                oids::CERTIFICATE_ISSUER => {
                    let names = Reader::der(value).only()?.of(Tag::SEQUENCE)?.children()?;
                    let mut names = GeneralName::read_all(names, MAX_OWNER_NAMES)?.into_iter();
                    line.owner = names.find_map(|name| match name {
                        GeneralName::Directory(name) => Some(name),
                        _ => None,
                    });
                    // Nobody here could say whose the entry is.
                    line.unknown_critical |= line.owner.is_none();
                }
                _ => line.unknown_critical |= critical,
            }
        }
    }
    fields.finish()?;
    Ok(line)
}

impl PartialEq for Crl {
    fn eq(&self, other: &Crl) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({}, {} entries, this_update {})", self.issuer(), self.len(), self.this_update())
    }
}
