//! Every defect on demand: one thing wrong, everything else in order.

use super::statements::{answers, lister, lists};
use super::{DAY, YEAR, key, rsa_key, subject, trust};
use crate::algorithm::{Digest, SignatureAlgorithm};
use crate::der::{Oid, Tag, Writer};
use crate::extensions::NameConstraints;
use crate::issue::{self, Authority, CrlDraft, Draft, Usage, Validity};
use crate::keys::{Key, PublicKey, Size};
use crate::name::{GeneralName, Name};
use crate::path::{Evidence, PathVerdict, Question, judge};
use crate::trust::{Purpose, TrustStore};
use crate::{Certificate, Error, Limits, Serial, oids};

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What can be wrong with a certificate, its issuers, or what is said about its revocation.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Defect { $($(#[doc = $doc])+ $name,)+ }

        impl Defect {
            /// All of them.
            pub const ALL: &'static [Defect] = &[$(Defect::$name,)+];
        }
    };
}

defects! {
    /// Its time is over since yesterday.
    Expired,
    /// Its time begins tomorrow.
    NotYetValid,
    /// Its issuer's time is over since yesterday.
    IssuerExpired,
    /// The key may only encipher.
    WrongKeyUsage,
    /// No keyUsage at all, which allows everything.
    NoKeyUsage,
    /// extKeyUsage without the one that is needed.
    WrongExtendedKeyUsage,
    /// No extKeyUsage at all: any purpose, except for timestamps.
    NoExtendedKeyUsage,
    /// Another policy than the public-service hierarchy's, where that is asked for.
    WrongPolicy,
    /// No policy, where one is asked for.
    NoPolicy,
    /// The signature does not verify.
    BadSignature,
    /// The issuer's own certificate bears a signature that does not verify.
    IssuerBadSignature,
    /// Signed by another key under the issuer's name.
    ForgedIssuer,
    /// Signed with SHA-1.
    Sha1,
    /// Signed with MD5.
    Md5,
    /// An RSA key of 1024 bits.
    Rsa1024,
    /// An RSA key of 512 bits, which anybody can factor.
    Rsa512,
    /// Two authorities below the root, which allows one.
    PathLength,
    /// A mail address outside what the issuer may certify.
    NameConstraints,
    /// The issuer is no authority.
    IssuerNotAuthority,
    /// The issuer's key may not sign certificates.
    IssuerMayNotSign,
    /// A critical extension nobody knows.
    UnknownCritical,
    /// The same extension twice.
    DuplicateExtension,
    /// An extension with damaged contents.
    DamagedExtension,
    /// A version 1 certificate with the issuer's name for an issuer.
    IssuerVersion1,
    /// Nobody trusts the root.
    UntrustedRoot,
    /// The root serves other purposes.
    RootForOthers,
    /// The issuer's certificate is not at hand.
    IssuerMissing,
    /// It vouches for itself.
    SelfSigned,
    /// Revoked before the moment judged.
    RevokedBefore,
    /// Revoked after it, as a list of later says.
    RevokedAfter,
    /// Suspended.
    Suspended,
    /// The issuer was revoked.
    IssuerRevoked,
    /// Nothing is known about revocation.
    NoEvidence,
    /// The list is too old.
    StaleCrl,
    /// The list comes from the future.
    FutureCrl,
    /// The list bears a signature that does not verify.
    BadCrlSignature,
    /// The list is about authorities only.
    CrlForAuthorities,
    /// The list has a critical extension nobody knows.
    CrlUnknownCritical,
    /// The issuer's key may not sign lists.
    IssuerMayNotSignCrls,
    /// Good on the complete list, revoked on the delta since.
    DeltaRevoked,
    /// A delta without the complete list it builds on.
    DeltaAlone,
    /// The list is about another partition.
    OtherPartition,
    /// Revoked on the list of its own partition.
    PartitionRevoked,
    /// The list is about some reasons only.
    SomeReasons,
    /// Revoked on a list that another authority signs, as the certificate says.
    IndirectRevoked,
    /// A list that another authority signs, of whom the certificate says nothing.
    IndirectStranger,
    /// A responder says it is revoked.
    OcspRevoked,
    /// A responder does not know it.
    OcspUnknown,
    /// The answer is too old.
    OcspStale,
    /// The answer is signed by somebody the issuer has not authorised.
    OcspWrongResponder,
    /// The responder's certificate does not make it one.
    OcspResponderWithoutUsage,
    /// The responder's certificate has expired before it answered.
    OcspResponderExpired,
    /// The answer is about another certificate.
    OcspOther,
    /// A timestamp authority whose extKeyUsage is not critical.
    TsaNotCritical,
    /// A timestamp authority that may do other things too.
    TsaForMore,
}

/// A leaf and everything a judgement of it needs.
#[derive(Debug)]
pub struct Case {
    /// Who is judged; signs documents or timestamps with the defect in question.
    pub leaf: Authority,
    /// Who issued it.
    pub ca: Authority,
    /// Who issued that.
    pub root: Authority,
    /// What is at hand.
    pub evidence: Evidence,
    /// Whom the judge trusts.
    pub trust: TrustStore,
    /// What is asked. With `now` later than `at` where the defect needs hindsight.
    pub question: Question,
}

impl Case {
    /// Nothing is wrong: a leader's certificate judged at a moment, in seconds since 1970, with fresh lists at hand.
    ///
    /// Errors: [`Error::Library`].
    pub fn good(at: i64) -> Result<Case, Error> {
        Plan::new(at, Purpose::Document)?.carried_out(None)
    }

    /// One thing is wrong.
    ///
    /// Errors: [`Error::Library`].
    pub fn of(defect: Defect, at: i64) -> Result<Case, Error> {
        let is_stamp = matches!(defect, Defect::TsaNotCritical | Defect::TsaForMore);
        let purpose = if is_stamp { Purpose::Timestamp } else { Purpose::Document };
        let plan = Plan::new(at, purpose)?;
        plan.bent(defect)?.carried_out(Some(defect))
    }

    /// Judges.
    pub fn judge(&self) -> PathVerdict {
        judge(self.leaf.certificate(), &self.evidence, &self.trust, &self.question, &Limits::default())
    }

    /// The leaf's certificate and those above it, without the root.
    pub fn chain(&self) -> Vec<Certificate> {
        vec![self.leaf.certificate().clone(), self.ca.certificate().clone()]
    }
}

/// Drafts and keys before anything is signed.
struct Plan {
    at: i64,
    root: Draft,
    root_key: Key,
    ca: Draft,
    ca_key: Key,
    leaf: Draft,
    leaf_key: Key,
    /// Signs the leaf under the issuer's name; usually the issuer's.
    forger: Option<Key>,
    question: Question,
}

/// Names in the cases; those of [`super::World`] would do as well.
fn leaf_name() -> Result<Name, Error> {
    subject("Nguyễn Văn B", Some("CCCD:001099054321"))
}

fn leaf_draft(purpose: Purpose, key: &PublicKey, at: i64) -> Result<Draft, Error> {
    let (name, serial) = (leaf_name()?, Serial::from_u64(10));
    let life = Validity { from: at - YEAR, until: at + 2 * YEAR };
    Ok(match purpose {
        Purpose::Timestamp => issue::timestamp_authority(&name, key, serial, life),
        _ => issue::leader(&name, key, serial, life, "b@thunghiem.gov.vn"),
    })
}

impl Plan {
    fn new(at: i64, purpose: Purpose) -> Result<Plan, Error> {
        let [root_key, ca_key, leaf_key] =
            ["case root", "case ca", "case leaf"].map(|name| key(Size::P256, name));
        let (root_key, ca_key, leaf_key) = (root_key?, ca_key?, leaf_key?);
        let long = Validity { from: at - 5 * YEAR, until: at + 20 * YEAR };
        let root = issue::root(&subject("Gốc", None)?, root_key.public(), Serial::from_u64(1), long);
        let ca = issue::issuing_ca(&subject("CA", None)?, ca_key.public(), Serial::from_u64(2), long);
        let leaf = leaf_draft(purpose, leaf_key.public(), at)?;
        let mut question = Question::new(purpose, at);
        question.now = Some(at + 30 * DAY);
        Ok(Plan { at, root, root_key, ca, ca_key, leaf, leaf_key, forger: None, question })
    }

    /// The leaf gets another key.
    fn rekeyed(mut self, key: Key) -> Result<Plan, Error> {
        self.leaf = leaf_draft(self.question.purpose, key.public(), self.at)?;
        self.leaf_key = key;
        Ok(self)
    }

    fn leaf(mut self, bend: impl FnOnce(Draft) -> Draft) -> Plan {
        self.leaf = bend(self.leaf);
        self
    }

    fn ca(mut self, bend: impl FnOnce(Draft) -> Draft) -> Plan {
        self.ca = bend(self.ca);
        self
    }

    fn with_policy_asked(mut self) -> Plan {
        self.question.policies = vec![oids::PUBLIC_SERVICE_POLICY];
        self.question.explicit_policy = true;
        self
    }

    /// What is wrong with the certificates; what is wrong with the evidence comes later.
    fn bent(self, defect: Defect) -> Result<Plan, Error> {
        let at = self.at;
        Ok(match defect {
            Defect::Expired => self.leaf(|d| d.valid(at - YEAR, at - DAY)),
            Defect::NotYetValid => self.leaf(|d| d.valid(at + DAY, at + YEAR)),
            Defect::IssuerExpired => self.ca(|d| d.valid(at - 5 * YEAR, at - DAY)),
            Defect::WrongKeyUsage => self.leaf(|d| d.key_usage(&[Usage::KeyEncipherment])),
            Defect::NoKeyUsage => self.leaf(|d| d.without(oids::KEY_USAGE)),
            Defect::WrongExtendedKeyUsage => self.leaf(|d| d.extended_key_usage(&[oids::SERVER_AUTH], false)),
            Defect::NoExtendedKeyUsage => self.leaf(|d| d.without(oids::EXTENDED_KEY_USAGE)),
            Defect::WrongPolicy => self.leaf(|d| d.policies(&[ELSEWHERE])).with_policy_asked(),
            Defect::NoPolicy => self.leaf(|d| d.without(oids::CERTIFICATE_POLICIES)).with_policy_asked(),
            Defect::BadSignature => self.leaf(Draft::spoiled),
            Defect::IssuerBadSignature => self.ca(Draft::spoiled),
            Defect::ForgedIssuer => Plan { forger: Some(key(Size::P256, "case forger")?), ..self },
            Defect::Sha1 => self.leaf(|d| d.signed_with(SignatureAlgorithm::Ecdsa(Digest::Sha1))),
            Defect::Md5 => self.md5()?,
            Defect::Rsa1024 => self.rekeyed(rsa_key(1024, "case leaf")?)?,
            Defect::Rsa512 => self.rekeyed(rsa_key(512, "case leaf")?)?,
            Defect::NameConstraints => {
                let permitted = vec![GeneralName::Email("khac.gov.vn".to_owned())];
                self.ca(|d| d.name_constraints(&NameConstraints { permitted, ..NameConstraints::default() }))
            }
            Defect::IssuerNotAuthority => self.ca(|d| d.basic_constraints(false, None)),
            Defect::IssuerMayNotSign => self.ca(|d| d.key_usage(&[Usage::DigitalSignature, Usage::CrlSign])),
            Defect::IssuerMayNotSignCrls => self.ca(|d| d.key_usage(&[Usage::CertificateSign])),
            Defect::UnknownCritical => self.leaf(|d| d.extension(ELSEWHERE, true, vec![5, 0])),
            Defect::DuplicateExtension => self.leaf(|d| d.duplicate(oids::KEY_USAGE)),
            Defect::DamagedExtension => self.leaf(|d| d.extension(oids::KEY_USAGE, true, vec![4, 0])),
            Defect::IssuerVersion1 => self.ca(Draft::version_one),
            Defect::OtherPartition | Defect::PartitionRevoked => self.leaf(|d| d.crl_urls(&[PARTITION])),
            Defect::IndirectRevoked => {
                let lister = subject(LISTER, None)?;
                self.leaf(|d| d.crl_of(&lister, &[]))
            }
            Defect::TsaNotCritical => self.leaf(|d| d.extended_key_usage(&[oids::TIME_STAMPING], false)),
            Defect::TsaForMore => {
                self.leaf(|d| d.extended_key_usage(&[oids::TIME_STAMPING, oids::CLIENT_AUTH], true))
            }
            _ => self,
        })
    }

    /// MD5 goes with RSA only, so the issuer gets an RSA key.
    fn md5(mut self) -> Result<Plan, Error> {
        let long = Validity { from: self.at - 5 * YEAR, until: self.at + 20 * YEAR };
        self.ca_key = key(Size::Rsa2048, "case ca")?;
        self.ca = issue::issuing_ca(&subject("CA", None)?, self.ca_key.public(), Serial::from_u64(2), long);
        Ok(self.leaf(|d| d.signed_with(SignatureAlgorithm::RsaPkcs1(Digest::Md5))))
    }

    fn carried_out(self, defect: Option<Defect>) -> Result<Case, Error> {
        let (at, mut question) = (self.at, self.question);
        let root = Authority::new(self.root.self_signed(&self.root_key)?, self.root_key)?;
        let between = match defect {
            Some(Defect::PathLength) => Some(narrow(&root, at)?),
            _ => None,
        };
        let ca = self.ca.signed_by(between.as_ref().unwrap_or(&root))?;
        // A draft of version 1 cannot say whose key it is; the authority is made from what was issued.
        let ca = Authority::new(ca, self.ca_key)?;
        let leaf = match (defect, self.forger) {
            (Some(Defect::SelfSigned), _) => self.leaf.self_signed(&self.leaf_key)?,
            (_, Some(forger)) => {
                let own = ca.certificate().public_key().sha1_id();
                let id = Writer::build(|w| w.sequence(|w| w.element(Tag::context(0), false, &own)));
                let leaf = self.leaf.issuer(ca.certificate().subject());
                leaf.extension(oids::AUTHORITY_KEY_IDENTIFIER, false, id).self_signed(&forger)?
            }
            _ => self.leaf.signed_by(&ca)?,
        };
        let leaf = Authority::new(leaf, self.leaf_key)?;
        let mut evidence = Evidence::default();
        if matches!(defect, Some(Defect::IndirectRevoked | Defect::IndirectStranger)) {
            evidence.certificates.push(lister(&root, at)?.certificate().clone());
        }
        if defect != Some(Defect::IssuerMissing) {
            evidence.certificates.push(ca.certificate().clone());
        }
        evidence.certificates.extend(between.iter().map(|between| between.certificate().clone()));
        evidence.crls = lists(defect, &root, &ca, &leaf, at)?;
        if let Some(between) = &between {
            evidence.crls.push(CrlDraft::new(at - 60, Some(at + DAY), 1).signed_by(between)?);
        }
        evidence.ocsp = answers(defect, &root, &ca, &leaf, at)?;
        let purposes = match defect {
            Some(Defect::RootForOthers) => vec![Purpose::Tls],
            _ => vec![question.purpose],
        };
        let trust = match defect {
            Some(Defect::UntrustedRoot) => TrustStore::new(),
            _ => trust(root.certificate(), &purposes)?,
        };
        if defect == Some(Defect::FutureCrl) {
            question.now = None;
        }
        Ok(Case { leaf, ca, root, evidence, trust, question })
    }
}

/// Where the leaf's partition of the list is published.
pub(super) const PARTITION: &str = "http://crl.example.vn/1.crl";
/// Who lists others' certificates.
pub(super) const LISTER: &str = "Danh sách thu hồi";

/// A policy and an extension nobody here knows: an arc kept free for documentation (RFC 5612).
pub(super) const ELSEWHERE: Oid = Oid::new(&[1, 3, 6, 1, 4, 1, 32473, 2]);

/// An authority that allows no other below it.
fn narrow(root: &Authority, at: i64) -> Result<Authority, Error> {
    let key = key(Size::P256, "case between")?;
    let long = Validity { from: at - 5 * YEAR, until: at + 20 * YEAR };
    let draft = issue::issuing_ca(&subject("CA giữa", None)?, key.public(), Serial::from_u64(3), long);
    Authority::new(draft.signed_by(root)?, key)
}
