//! The gate for files this program signed or stamped: judged again, evidence archived in them, and judged once more
//! from the file alone, before anybody gets them (RULES D32, D34).

use std::fmt;
use std::sync::Arc;

use certs::Certificate;
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use mail::Chance;
use serde::Serialize;
use signer::judge::TimeSource;
use signer::{
    Class, Code, Evidence, Judged, Limits, Policy, Reason, SignatureKind, SignatureReport, Verdict,
};
use signer::{make, pdf, tst};

use super::files;
use crate::evidence::{Case, Fetcher};
use crate::windows::SystemChance;

/// A fault of signing, in both languages.
#[derive(Debug)]
pub(super) struct Said(Reason);

impl std::error::Error for Said {}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Words::of(&self.0).fmt(f)
    }
}

/// A fault of signing as an error.
pub(super) fn said(reason: Reason) -> anyhow::Error {
    Said(reason).into()
}

/// A reason for people and programs.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    code: &'static str,
    vi: String,
    en: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Words {
    fn of(reason: &Reason) -> Self {
        let code = reason.code;
        Self {
            code: code.id(),
            vi: code.vi().to_owned(),
            en: code.en().to_owned(),
            detail: reason.detail.clone(),
        }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, vi, en, detail } = self;
        write!(f, "[{code}] {vi} / {en}")?;
        match detail {
            Some(detail) => write!(f, " ({})", files::plain(detail)),
            None => Ok(()),
        }
    }
}

impl Said {
    /// What went wrong with a file; what is no fault of signing has the code `command`.
    pub(super) fn words(error: &anyhow::Error) -> Words {
        match error.downcast_ref::<Said>() {
            Some(Said(reason)) => {
                let mut words = Words::of(reason);
                let below: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
                if !below.is_empty() {
                    words.detail = Some(below.join(": "));
                }
                words
            }
            None => Words {
                code: "command",
                vi: "Không thực hiện được với tệp này.".to_owned(),
                en: "This file could not be worked on.".to_owned(),
                detail: Some(format!("{error:#}")),
            },
        }
    }
}

/// A random number for a question to a timestamp authority.
pub(super) fn nonce() -> u64 {
    let mut bytes = [0; 8];
    SystemChance::new().fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

/// How a file is released.
pub(super) struct Release<'r> {
    pub(super) fetcher: &'r Fetcher,
    /// The installation's trust.
    pub(super) policy: Policy,
    /// The signer's own certificates.
    pub(super) own: &'r [Certificate],
    /// Evidence at hand, besides what can be fetched.
    pub(super) evidence: &'r Evidence,
}

/// A file that may leave.
pub(super) struct Released {
    pub(super) bytes: Vec<u8>,
    judged: Judged,
    /// The signer's or the timestamp authority's hierarchy is not one the installation trusts.
    is_strange: bool,
}

impl Release<'_> {
    /// Judges the newest signature of `file`; it has to be good, or good but for revocation evidence nobody could get.
    pub(super) async fn release(self, file: Vec<u8>) -> anyhow::Result<Released> {
        let file: Arc<[u8]> = file.into();
        let mut judged = self.judge(&file, &self.policy).await;
        let mut policy = self.policy.clone();
        let is_strange = !is_good(&judged) || has_strange_stamp(&judged);
        if is_strange {
            // Whether the receiver trusts this hierarchy is the receiver's decision. That everything in the file holds
            // together is ours: judged as somebody would who trusts whoever the signer named.
            self.trust_own(&file, &mut policy.trust)?;
            judged = self.judge(&file, &policy).await;
        }
        if !is_good(&judged) {
            return Err(refusal(&judged));
        }
        let limits = Limits::default();
        let complete = make::add_evidence(&file, judged.used_evidence(), &limits).map_err(said)?;
        let alone: Arc<[u8]> = complete.into();
        let alone = signer::judge(alone, &policy, &Evidence::default(), files::now());
        if !is_good(&alone) || alone.verdict() > judged.verdict() {
            return Err(refusal(&alone));
        }
        Ok(Released { bytes: alone.bytes().to_vec(), judged: alone, is_strange })
    }

    async fn judge(&self, file: &Arc<[u8]>, policy: &Policy) -> Judged {
        let policy = Arc::new(policy.clone());
        let case = Case { input: file.clone().into(), policy, now: files::now() };
        self.fetcher.judge(&case, self.evidence.clone()).await
    }

    /// Adds the tops of the signer's and of the newest timestamp's certificates.
    fn trust_own(&self, file: &[u8], trust: &mut TrustStore) -> anyhow::Result<()> {
        let limits = Limits::default();
        if let Some(top) = top(self.own) {
            add(trust, top, Purpose::Document)?;
        }
        let facts = pdf::read(file, &limits).map_err(said)?;
        let newest = facts.signatures.last().and_then(|signed| signed.signature.as_ref().ok());
        let Some(newest) = newest else { return Ok(()) };
        let tokens = match signer::cms::read(&newest.contents, &limits) {
            Ok(cms) if newest.kind != pdf::Kind::DocTimestamp => cms.signer.timestamps,
            _ => vec![newest.contents.clone()],
        };
        for token in tokens.iter().filter_map(|token| tst::Token::read(token, &limits).ok()) {
            if let Some(top) = top(token.certificates()) {
                add(trust, top, Purpose::Timestamp)?;
            }
        }
        Ok(())
    }
}

/// The certificate that stands over the others.
pub(super) fn top(certificates: &[Certificate]) -> Option<&Certificate> {
    let is_over_all = |one: &&Certificate| {
        one.is_self_issued() || !certificates.iter().any(|other| other.subject() == one.issuer())
    };
    certificates.iter().find(is_over_all)
}

pub(super) fn add(trust: &mut TrustStore, certificate: &Certificate, purpose: Purpose) -> anyhow::Result<()> {
    let known = trust.find(certificate.sha256());
    let mut purposes = known.map(|anchor| anchor.purposes().to_vec()).unwrap_or_default();
    let hierarchy = known.map_or(Hierarchy::Other, Anchor::hierarchy);
    purposes.push(purpose);
    trust.add(Anchor::new(certificate.clone(), certificate.sha256(), &purposes, hierarchy, "the signer")?);
    Ok(())
}

fn newest(judged: &Judged) -> Option<&SignatureReport> {
    judged.report().signatures.last()
}

/// Good, or good as far as anybody could be asked.
pub(super) fn is_good(judged: &Judged) -> bool {
    newest(judged).is_some_and(|s| s.verdict == Verdict::Valid || s.class == Class::UnknownRevocation)
}

/// A timestamp is there, and it is somebody's whom the installation does not know.
pub(super) fn has_strange_stamp(judged: &Judged) -> bool {
    newest(judged).is_some_and(|s| s.notes.iter().any(|note| note.code == Code::TimestampUntrusted))
}

pub(super) fn refusal(judged: &Judged) -> anyhow::Error {
    let report = judged.report();
    let reasons = newest(judged).map(|s| s.reasons.as_slice()).unwrap_or_default();
    match reasons.iter().chain(&report.reasons).next() {
        Some(reason) => said(reason.clone()).context(Said(Reason::new(Code::MakeCheck))),
        None => said(Reason::new(Code::MakeCheck)),
    }
}

/// How long a signature will stand (ETSI EN 319 142-1 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// A signature.
    B,
    /// With a trusted time.
    T,
    /// With the evidence to judge it.
    Lt,
    /// With a timestamp over the evidence.
    Lta,
    /// A document timestamp, and no signature.
    Stamp,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::B => "PAdES-B-B",
            Self::T => "PAdES-B-T",
            Self::Lt => "PAdES-B-LT",
            Self::Lta => "PAdES-B-LTA",
            Self::Stamp => "document timestamp",
        })
    }
}

/// What was made.
#[derive(Serialize)]
pub(super) struct Summary {
    class: &'static str,
    verdict: Verdict,
    level: String,
    field: String,
    sha256: String,
    size: u64,
    /// What it lacks.
    pub(super) warnings: Vec<Words>,
}

impl Summary {
    /// About the signature that was made.
    pub(super) fn of(
        judged: &Judged,
        made: Option<&SignatureReport>,
        level: String,
        is_strange: bool,
    ) -> Self {
        let report = judged.report();
        let unknown = made.is_some_and(|one| one.verdict != Verdict::Valid);
        let lacks = [(unknown, Code::RevocationUnknown), (is_strange, Code::Untrusted)];
        Self {
            class: made.map_or("", |one| one.class.word()),
            verdict: made.map_or(Verdict::Indeterminate, |one| one.verdict),
            level,
            field: made.map(|one| one.field.clone()).unwrap_or_default(),
            sha256: report.sha256.clone(),
            size: report.size,
            warnings: lacks
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, code)| Words::of(&Reason::new(*code)))
                .collect(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.class, self.level)
    }
}

impl Released {
    /// The level of the newest signature.
    pub(super) fn level(&self) -> Level {
        let Some(newest) = newest(&self.judged) else { return Level::B };
        let is_alone = self.judged.report().signatures.len() == 1;
        let is_stamped = newest.time_source == TimeSource::Timestamp;
        match (newest.kind, newest.verdict, is_stamped) {
            (SignatureKind::Timestamp, ..) if is_alone => Level::Stamp,
            (SignatureKind::Timestamp, ..) => Level::Lta,
            (_, Verdict::Valid, true) => Level::Lt,
            (_, _, true) => Level::T,
            (_, _, false) => Level::B,
        }
    }

    /// What was made, and what it lacks.
    pub(super) fn summary(&self) -> Summary {
        Summary::of(&self.judged, newest(&self.judged), self.level().to_string(), self.is_strange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Settings;
    use crate::windows::SystemClock;
    use certs::Serial;
    use certs::issue::{self, Authority, CrlDraft, Subject, Validity};
    use certs::keys::{Key, Size};
    use signer::make::Signing;
    use std::path::Path;
    use std::time::Duration;

    struct Signer {
        root: Authority,
        leader: Authority,
    }

    /// A signer under a root, its certificate good for so many seconds around now.
    fn signer(valid_for: i64) -> Signer {
        let now = files::now().secs();
        let long = Validity { from: now - 1000, until: now + 1000 };
        let name = |text: &str| Subject::vietnamese("THỬ NGHIỆM", text).user_id("CCCD:1").name().unwrap();
        let key = Key::generate(Size::P256).unwrap();
        let root =
            issue::root(&name("Gốc"), key.public(), Serial::from_u64(1), long).self_signed(&key).unwrap();
        let root = Authority::new(root, key).unwrap();
        let key = Key::generate(Size::P256).unwrap();
        let short = Validity { from: now - 1000, until: now + valid_for };
        let leader = issue::leader(&name("A"), key.public(), Serial::from_u64(2), short, "a@x.gov.vn");
        let leader = Authority::new(leader.signed_by(&root).unwrap(), key).unwrap();
        Signer { root, leader }
    }

    impl Signer {
        fn sign(&self) -> Vec<u8> {
            let key = self.leader.key();
            let chain = vec![self.leader.certificate().clone(), self.root.certificate().clone()];
            let signing = Signing::new(chain, key.usual_scheme(), files::now());
            let paper = make::blank_pdf("Công văn", &["Kính gửi"]);
            make::sign(&paper, &signing, key, |_| Ok(None), &Limits::default()).unwrap()
        }

        /// Released in a house that trusts these, with the lists in a directory of imports.
        async fn release(&self, file: Vec<u8>, trust: TrustStore, lists: &Path) -> anyhow::Result<Released> {
            crate::tls::install_provider();
            let settings = Settings {
                from: Vec::new(),
                patience: Duration::from_secs(1),
                imports: Some(lists.to_owned()),
                anchors: Vec::new(),
                is_online: false,
            };
            let fetcher = Fetcher::new(settings, Arc::new(SystemClock)).unwrap();
            let own = [self.leader.certificate().clone(), self.root.certificate().clone()];
            let (policy, evidence) = (Policy { trust, ..Policy::default() }, &Evidence::default());
            Release { fetcher: &fetcher, policy, own: &own, evidence }.release(file).await
        }

        fn trust(&self) -> TrustStore {
            let mut trust = TrustStore::new();
            add(&mut trust, self.root.certificate(), Purpose::Document).unwrap();
            trust
        }

        fn list(&self, lists: &Path) {
            let now = files::now().secs();
            let crl = CrlDraft::new(now - 60, Some(now + 60), 1).signed_by(&self.root).unwrap();
            std::fs::write(lists.join("root.crl"), crl.der()).unwrap();
        }
    }

    #[tokio::test]
    async fn d32_what_leaves_proves_itself_without_a_network() {
        let (signer, lists) = (signer(1000), tempfile::tempdir().unwrap());
        signer.list(lists.path());
        let released = signer.release(signer.sign(), signer.trust(), lists.path()).await.unwrap();
        assert!(!released.is_strange);
        let policy = Policy { trust: signer.trust(), ..Policy::default() };
        let judged = signer::judge(released.bytes, &policy, &Evidence::default(), files::now());
        assert_eq!(judged.verdict(), Verdict::Valid);
    }

    #[tokio::test]
    async fn d32_what_lacks_only_evidence_or_a_known_root_leaves_and_says_so() {
        let (signer, lists) = (signer(1000), tempfile::tempdir().unwrap());
        let released = signer.release(signer.sign(), signer.trust(), lists.path()).await.unwrap();
        assert_eq!((released.judged.class(), released.is_strange), (Class::UnknownRevocation, false));
        signer.list(lists.path());
        let released = signer.release(signer.sign(), TrustStore::new(), lists.path()).await.unwrap();
        assert_eq!((released.judged.verdict(), released.is_strange), (Verdict::Valid, true));
    }

    #[tokio::test]
    async fn d32_what_is_not_good_stays() {
        let lists = tempfile::tempdir().unwrap();
        let expired = signer(-10);
        let told = expired.release(expired.sign(), expired.trust(), lists.path()).await.err().unwrap();
        assert!(format!("{told:#}").contains("certificate-expired"), "{told:#}");
        let good = signer(1000);
        let mut altered = good.sign();
        let at = altered.windows(8).position(|w| w == b"MediaBox").unwrap() + 16;
        altered[at] ^= 1;
        let told = good.release(altered, good.trust(), lists.path()).await.err().unwrap();
        assert!(format!("{told:#}").contains("make-check"), "{told:#}");
        let unsigned = make::blank_pdf("t", &[]);
        assert!(good.release(unsigned, good.trust(), lists.path()).await.is_err());
    }
}
