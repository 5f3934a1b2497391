//! The cases of C2SP's x509-limbo, rebuilt with this room's own certificate authority: what is special about a case and what
//! is expected of it is theirs, the certificates are ours. Judged as `congvan cert path --purpose tls` does.
//!
//! Where two of their profiles contradict each other (RFC 5280 and the CA/Browser Forum's), what `Profile::Strict` says is
//! the row; `DEVIATIONS` lists what is left out and why.

mod graphs;
mod lists;
mod mail;
mod rfc5280;
mod webpki;

use std::sync::LazyLock;

use certs::issue::{Authority, Draft, Subject, Usage, Validity};
use certs::keys::{Key, Size};
use certs::path::{Evidence, PathVerdict, PeerName, Profile, Question, Revocation, judge};
use certs::revocation::Crl;
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, GeneralName, Limits, Name, NameConstraints, oids};

use crate::world::{copy, dns, serial};

/// 2024-01-01, the moment judged unless said otherwise.
const NOON: i64 = 1_704_067_200;
const DAY: i64 = 86_400;
const LIFE: Validity = Validity { from: 0, until: 32_503_680_000 };
const EXAMPLE: &str = "example.com";

/// Cases of theirs whose answer here is another, and why.
const DEVIATIONS: &[(&str, &str)] = &[
    (
        "rfc5280::ca-as-leaf, pathlen::validation-ignores-pathlen-in-leaf",
        "a key that may sign only certificates does not speak TLS (OpenSSL says so, too); valid for the purpose `any`",
    ),
    ("webpki::eku::ee-without-eku", "contradicts rfc5280::eku::ee-without-eku; `Profile::StrictWeb` has it"),
    (
        "rfc5280::nc::permitted-dns-match-noncritical",
        "contradicts webpki::nc::permitted-dns-match-noncritical, which servers get",
    ),
    (
        "webpki::cn::not-in-san",
        "a common name that is another, well-formed host is not read at all (RFC 9525 §6.3)",
    ),
    (
        "webpki::san::public-suffix-wildcard-san with two labels",
        "no public suffix list here; `*.com` is refused",
    ),
    (
        "smime::ku::key-management-only-*",
        "the purpose `smime` is about signatures; a key for encryption alone signs none (RULES D29)",
    ),
    (
        "crl::crl-invalid-version and its two siblings with `--revocation require`",
        "an unreadable list is no list; then nothing is known (RULES D10)",
    ),
];

static KEYS: LazyLock<Vec<Key>> =
    LazyLock::new(|| (0..8).map(|_| Key::generate(Size::P256).unwrap()).collect());

fn key(number: usize) -> Key {
    copy(&KEYS[number])
}

fn cn(text: &str) -> Name {
    Subject::new().with(oids::COMMON_NAME, text).name().unwrap()
}

fn nameless() -> Name {
    Subject::new().name().unwrap()
}

fn email(text: &str) -> GeneralName {
    GeneralName::Email(text.to_owned())
}

fn ip(text: &str) -> GeneralName {
    GeneralName::Ip(text.parse().unwrap())
}

fn net(address: [u8; 4], mask: [u8; 4]) -> GeneralName {
    GeneralName::IpBytes([address, mask].concat())
}

fn directory(text: &str) -> GeneralName {
    GeneralName::Directory(cn(text))
}

fn permit(names: &[GeneralName]) -> NameConstraints {
    NameConstraints { permitted: names.to_vec(), excluded: Vec::new() }
}

fn forbid(names: &[GeneralName]) -> NameConstraints {
    NameConstraints { permitted: Vec::new(), excluded: names.to_vec() }
}

/// An authority that may sign certificates and lists.
fn authority(name: &str, number: usize, path_length: Option<u32>) -> Draft {
    Draft::new(&cn(name), KEYS[number].public(), serial(10 + number as u64), LIFE).authority(path_length)
}

fn root_draft() -> Draft {
    authority("root", 0, None).without(oids::AUTHORITY_KEY_IDENTIFIER)
}

fn rooted(draft: Draft) -> Authority {
    Authority::new(draft.self_signed(&KEYS[0]).unwrap(), key(0)).unwrap()
}

fn root() -> Authority {
    rooted(root_draft())
}

/// An authority under another, with key `number`.
fn under(above: &Authority, draft: Draft, number: usize) -> Authority {
    Authority::new(draft.signed_by(above).unwrap(), key(number)).unwrap()
}

fn leaf_draft() -> Draft {
    named_leaf(cn(EXAMPLE), &[dns(EXAMPLE)])
}

fn named_leaf(subject: Name, names: &[GeneralName]) -> Draft {
    Draft::new(&subject, KEYS[7].public(), serial(99), LIFE)
        .key_usage(&[Usage::DigitalSignature])
        .extended_key_usage(&[oids::SERVER_AUTH], false)
        .alt_names(names)
}

/// One case: certificates, lists, question.
struct Case {
    trusted: Vec<Certificate>,
    evidence: Evidence,
    leaf: Certificate,
    question: Question,
}

impl Case {
    fn of(trusted: &[&Authority], middle: &[&Authority], leaf: Certificate) -> Case {
        let certificates = |all: &[&Authority]| all.iter().map(|one| one.certificate().clone()).collect();
        let mut question = Question::new(Purpose::Tls, NOON);
        question.revocation = Revocation::IfSupplied;
        question.profile = Profile::Strict;
        question.names = vec![PeerName::Host(EXAMPLE.to_owned())];
        let evidence = Evidence { certificates: certificates(middle), ..Evidence::default() };
        Case { trusted: certificates(trusted), evidence, leaf, question }
    }

    /// Root and leaf.
    fn plain(root: Draft, leaf: Draft) -> Case {
        let root = rooted(root);
        let leaf = leaf.signed_by(&root).unwrap();
        Case::of(&[&root], &[], leaf)
    }

    /// Only the leaf is special.
    fn leaf(leaf: Draft) -> Case {
        Case::plain(root_draft(), leaf)
    }

    /// Root, one authority in the middle, leaf.
    fn middle(middle: Draft, leaf: Draft) -> Case {
        let root = root();
        let middle = under(&root, middle, 1);
        let leaf = leaf.signed_by(&middle).unwrap();
        Case::of(&[&root], &[&middle], leaf)
    }

    fn host(mut self, name: &str) -> Case {
        self.question.names = vec![PeerName::Host(name.to_owned())];
        self
    }

    fn address(mut self, text: &str) -> Case {
        self.question.names = vec![PeerName::Ip(text.parse().unwrap())];
        self
    }

    fn mailbox(mut self, purpose: Purpose, text: &str) -> Case {
        self.question.purpose = purpose;
        self.question.names = vec![PeerName::Email(text.to_owned())];
        self
    }

    fn nobody(mut self) -> Case {
        self.question.names.clear();
        self
    }

    fn asking(mut self, change: impl FnOnce(&mut Question)) -> Case {
        change(&mut self.question);
        self
    }

    fn lists(mut self, lists: Vec<Crl>) -> Case {
        self.evidence.crls = lists;
        self
    }

    fn judge(&self) -> PathVerdict {
        let mut trust = TrustStore::new();
        for certificate in &self.trusted {
            let stated = certificate.sha256();
            let anchor = Anchor::new(certificate.clone(), stated, &[Purpose::Any], Hierarchy::Other, "limbo");
            trust.add(anchor.unwrap());
        }
        judge(&self.leaf, &self.evidence, &trust, &self.question, &Limits::default())
    }
}

/// Their name, the case, whether it is valid.
type Row = (&'static str, Case, bool);

fn run(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    let count = rows.len();
    for (name, case, expected) in rows {
        let verdict = case.judge();
        if matches!(verdict, PathVerdict::Valid(_)) != expected {
            wrong.push(format!(
                "{name}: {} expected: {verdict:.300?}",
                if expected { "valid" } else { "not" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_plain_chain_is_valid_and_deviations_have_reasons() {
    run(vec![("plain", Case::leaf(leaf_draft()), true)]);
    assert!(DEVIATIONS.iter().all(|(case, why)| case.contains("::") && why.len() > 20));
}
