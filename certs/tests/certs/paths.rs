//! Path validation: one row per defect, and what OpenSSL says about the same row.

use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::der::Oid;
use certs::issue::{self, Authority, Usage};
use certs::keys::Key;
use certs::path::{PathVerdict, PeerName, Profile, Question, Revocation, Weakness, judge};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore, Window};
use certs::{Certificate, GeneralName, Limits, NameConstraints, oids};

use crate::oracle;
use crate::world::*;

fn host(text: &str) -> PeerName {
    PeerName::Host(text.to_owned())
}

/// Name, world, expected word, and what OpenSSL does: `Some(same?)`, `None` when it cannot be asked.
type Row = (&'static str, World, &'static str, Option<bool>);

fn constrained(permitted: Vec<GeneralName>, excluded: Vec<GeneralName>) -> World {
    World::ca(|d| d.name_constraints(&NameConstraints { permitted, excluded }))
}

#[rustfmt::skip]
fn time_and_form() -> Vec<Row> {
    let unknown = Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]);
    vec![
        ("plain", World::plain(), "valid", Some(true)),
        ("leaf expired", World::leaf(|d| d.valid(NOW - 9, NOW - 1)), "expired", Some(true)),
        ("leaf to this very second", World::leaf(|d| d.valid(NOW - 9, NOW)), "valid", None),
        ("leaf from this very second", World::leaf(|d| d.valid(NOW, NOW + 9)), "valid", None),
        ("leaf not yet valid", World::leaf(|d| d.valid(NOW + 1, NOW + 9)), "not-yet-valid", Some(true)),
        ("authority expired", World::ca(|d| d.valid(NOW - 9, NOW - 1)), "expired", Some(true)),
        ("root expired", World::of(root_draft().valid(NOW - 9, NOW - 1), ca_draft(), leaf_draft()), "expired", Some(true)),
        ("leaf signature broken", World::leaf(|d| d.spoiled()), "signature", Some(true)),
        ("authority signature broken", World::ca(|d| d.spoiled()), "signature", Some(true)),
        ("unknown critical in leaf", World::leaf(|d| d.extension(unknown, true, vec![5, 0])), "unknown-critical", Some(true)),
        ("unknown critical in authority", World::ca(|d| d.extension(unknown, true, vec![5, 0])), "unknown-critical", Some(true)),
        ("unknown, not critical", World::leaf(|d| d.extension(unknown, false, vec![5, 0])), "valid", Some(true)),
        ("damaged key usage", World::leaf(|d| d.extension(oids::KEY_USAGE, true, vec![5, 0])), "unreadable", Some(true)),
        ("damaged help", World::leaf(|d| d.extension(oids::AUTHORITY_INFO_ACCESS, false, vec![1, 2])), "valid", None),
        ("damaged help, strict", World::leaf(|d| d.extension(oids::AUTHORITY_INFO_ACCESS, false, vec![1, 2])).asking(|q| q.profile = Profile::Strict), "unreadable", None),
        ("extension twice", World::leaf(|d| d.duplicate(oids::KEY_USAGE)), "unreadable", Some(true)),
        ("sha-1 reported", World::leaf(|d| d.signed_with(SignatureAlgorithm::Ecdsa(Digest::Sha1))), "valid", None),
        ("sha-1 refused", World::leaf(|d| d.signed_with(SignatureAlgorithm::Ecdsa(Digest::Sha1))).asking(|q| q.refuse_weak = true), "weak", None),
        ("version 1 leaf", World::leaf(|d| d.version_one()).asking(|q| q.purpose = Purpose::Any), "valid", Some(true)),
    ]
}

#[rustfmt::skip]
fn authorities() -> Vec<Row> {
    let no_ca = |d: issue::Draft| d.basic_constraints(false, None);
    vec![
        ("authority is none", World::ca(no_ca), "not-authority", Some(true)),
        ("authority without basicConstraints", World::ca(|d| d.without(oids::BASIC_CONSTRAINTS)), "not-authority", Some(true)),
        ("authority of version 1", World::ca(|d| d.version_one()), "not-authority", Some(true)),
        ("authority without keyCertSign", World::ca(|d| d.key_usage(&[Usage::CrlSign])), "may-not-sign-certificates", Some(true)),
        ("authority without keyUsage", World::ca(|d| d.without(oids::KEY_USAGE)), "valid", Some(true)),
        ("root without keyCertSign", World::of(root_draft().key_usage(&[Usage::CrlSign]), ca_draft(), leaf_draft()), "may-not-sign-certificates", Some(true)),
        ("path length of the root", World::of(root_draft().authority(Some(0)), ca_draft(), leaf_draft()), "path-length", Some(true)),
        ("path length exactly enough", World::of(root_draft().authority(Some(1)), ca_draft(), leaf_draft()), "valid", Some(true)),
        ("depth asked for", World::plain().asking(|q| q.max_depth = Some(0)), "too-deep", None),
        ("depth exactly enough", World::plain().asking(|q| q.max_depth = Some(1)), "valid", None),
    ]
}

#[rustfmt::skip]
fn purposes() -> Vec<Row> {
    let usage = |usages: &'static [Oid]| move |d: issue::Draft| d.extended_key_usage(usages, false);
    let purpose = |p: Purpose| move |q: &mut Question| q.purpose = p;
    let stamp = |critical: bool| World::leaf(|d| d.extended_key_usage(&[oids::TIME_STAMPING], critical)).asking(purpose(Purpose::Timestamp));
    vec![
        ("no extended usage at all", World::leaf(|d| d.without(oids::EXTENDED_KEY_USAGE)), "valid", Some(true)),
        ("server asked, client given", World::leaf(usage(&[oids::CLIENT_AUTH])), "extended-key-usage", Some(true)),
        ("client asked, server given", World::plain().asking(purpose(Purpose::TlsClient)), "extended-key-usage", Some(true)),
        ("any extended usage", World::leaf(usage(&[oids::ANY_EXTENDED_KEY_USAGE])), "valid", None),
        ("authority for mail only", World::ca(usage(&[oids::EMAIL_PROTECTION])), "extended-key-usage", Some(true)),
        ("authority for mail and servers", World::ca(usage(&[oids::EMAIL_PROTECTION, oids::SERVER_AUTH])), "valid", Some(true)),
        ("key for certificates only", World::leaf(|d| d.key_usage(&[Usage::CertificateSign])), "key-usage", Some(true)),
        ("mail asked", World::leaf(usage(&[oids::EMAIL_PROTECTION])).asking(purpose(Purpose::Smime)), "valid", Some(true)),
        ("D29 documents by nonRepudiation alone", World::leaf(|d| d.key_usage(&[Usage::NonRepudiation]).extended_key_usage(&[oids::EMAIL_PROTECTION], false)).asking(purpose(Purpose::Document)), "valid", None),
        ("D29 documents by a key for encryption", World::leaf(|d| d.key_usage(&[Usage::KeyEncipherment]).extended_key_usage(&[oids::EMAIL_PROTECTION], false)).asking(purpose(Purpose::Document)), "key-usage", None),
        ("documents by a server", World::plain().asking(purpose(Purpose::Document)), "extended-key-usage", None),
        ("timestamp", stamp(true), "valid", Some(true)),
        ("timestamp, usage not critical", stamp(false), "extended-key-usage", Some(true)),
        ("timestamp with a second usage", World::leaf(|d| d.extended_key_usage(&[oids::TIME_STAMPING, oids::SERVER_AUTH], true)).asking(purpose(Purpose::Timestamp)), "extended-key-usage", Some(true)),
        ("timestamp without usage", World::leaf(|d| d.without(oids::EXTENDED_KEY_USAGE)).asking(purpose(Purpose::Timestamp)), "extended-key-usage", Some(true)),
        ("anchor for mail only", World::plain().with(|w| w.purposes = vec![Purpose::Smime]), "anchor-purpose", None),
        ("D26 wrong hierarchy", World::plain().asking(|q| q.hierarchy = Some(Hierarchy::National)), "anchor-hierarchy", None),
        ("D26 right hierarchy", World::plain().asking(|q| q.hierarchy = Some(Hierarchy::PublicService)), "valid", None),
    ]
}

#[rustfmt::skip]
fn names() -> Vec<Row> {
    let email = |text: &str| GeneralName::Email(text.to_owned());
    let network = |bytes: [u8; 8]| GeneralName::IpBytes(bytes.to_vec());
    let address = |text: &str| GeneralName::Ip(text.parse().unwrap());
    let ip_leaf = |w: GeneralName| World::of(root_draft(), ca_draft().name_constraints(&NameConstraints { permitted: vec![w], excluded: vec![] }), leaf_draft().alt_names(&[address("10.1.2.3")]));
    let here = GeneralName::Directory(issue::Subject::new().with(oids::COUNTRY, "VN").with(oids::ORGANIZATION, "Ủy ban  nhân dân tỉnh mẫu").name().unwrap());
    let there = GeneralName::Directory(issue::Subject::new().with(oids::COUNTRY, "VN").with(oids::ORGANIZATION, "BỘ MẪU").name().unwrap());
    vec![
        ("dns permitted", constrained(vec![dns("example.vn")], vec![]), "valid", Some(true)),
        ("dns not permitted", constrained(vec![dns("example.com")], vec![]), "name-constraints", Some(true)),
        ("dns excluded", constrained(vec![], vec![dns("ubnd.example.vn")]), "name-constraints", Some(true)),
        ("another dns excluded", constrained(vec![], vec![dns("bo.example.vn")]), "valid", Some(true)),
        ("only mail constrained", constrained(vec![email("example.vn")], vec![]), "valid", Some(true)),
        ("constraint of the root", World::of(root_draft().name_constraints(&NameConstraints { permitted: vec![dns("example.com")], excluded: vec![] }), ca_draft(), leaf_draft()), "name-constraints", Some(true)),
        ("network permitted", ip_leaf(network([10, 1, 0, 0, 255, 255, 0, 0])), "valid", Some(true)),
        ("network not permitted", ip_leaf(network([10, 2, 0, 0, 255, 255, 0, 0])), "name-constraints", Some(true)),
        // OpenSSL folds the case of ASCII only, so `ủy ban` and `ỦY BAN` differ there.
        ("directory permitted, other spelling", constrained(vec![here], vec![]), "valid", Some(false)),
        ("directory not permitted", constrained(vec![there.clone()], vec![]), "name-constraints", Some(true)),
        ("directory excluded elsewhere", constrained(vec![], vec![there]), "valid", Some(true)),
        ("mail in the subject not permitted", World::of(root_draft(), ca_draft().name_constraints(&NameConstraints { permitted: vec![email("example.com")], excluded: vec![] }), {
            let subject = issue::Subject::vietnamese("BỘ MẪU", "Văn thư").with(oids::EMAIL_ADDRESS, "vanthu@bo.example.vn").name().unwrap();
            issue::Draft::new(&subject, LEAF_KEY.public(), serial(3), LIFE)
        }), "name-constraints", Some(true)),
        ("host named", World::plain().asking(|q| q.names = vec![host(HOST)]), "valid", Some(true)),
        ("another host", World::plain().asking(|q| q.names = vec![host("www.ubnd.example.vn")]), "name-mismatch", Some(true)),
        ("wildcard", World::leaf(|d| d.alt_names(&[dns("*.ubnd.example.vn")])).asking(|q| q.names = vec![host(HOST)]), "valid", Some(true)),
        ("host only in the common name", {
            let subject = issue::Subject::new().with(oids::COMMON_NAME, HOST).name().unwrap();
            World::of(root_draft(), ca_draft(), issue::Draft::new(&subject, LEAF_KEY.public(), serial(3), LIFE)).asking(|q| q.names = vec![host(HOST)])
        }, "name-mismatch", None),
        ("address named", World::leaf(|d| d.alt_names(&[address("10.1.2.3")])).asking(|q| q.names = vec![PeerName::Ip("10.1.2.3".parse().unwrap())]), "valid", Some(true)),
        ("another address", World::leaf(|d| d.alt_names(&[address("10.1.2.3")])).asking(|q| q.names = vec![PeerName::Ip("10.1.2.4".parse().unwrap())]), "name-mismatch", Some(true)),
        ("mailbox named", World::leaf(|d| d.alt_names(&[email("vanthu@ubnd.example.vn")])).asking(|q| q.names = vec![PeerName::Email("vanthu@UBND.example.vn".to_owned())]), "valid", Some(true)),
        ("another mailbox", World::leaf(|d| d.alt_names(&[email("vanthu@ubnd.example.vn")])).asking(|q| q.names = vec![PeerName::Email("chutich@ubnd.example.vn".to_owned())]), "name-mismatch", Some(true)),
    ]
}

#[test]
fn every_defect_has_its_word_and_openssl_agrees() {
    let mut asked = 0;
    for (what, world, expected, openssl) in
        [time_and_form(), authorities(), purposes(), names()].into_iter().flatten()
    {
        assert_eq!(world.word(), expected, "{what}: {:?}", world.judge());
        if let Some(agrees) = openssl {
            asked += 1;
            let (valid, said) = oracle::verify(&world);
            assert_eq!(valid == (expected == "valid"), agrees, "{what}: OpenSSL says {said}");
        }
    }
    assert!(asked > 40, "OpenSSL was asked {asked} times");
}

#[test]
fn a_missing_issuer_is_named_with_its_address() {
    let world = World::plain().with(|w| w.evidence.certificates.clear());
    let PathVerdict::Undecided { lacks } = world.judge() else { panic!("{:?}", world.judge()) };
    let certs::path::Lack::Issuer { of, urls } = &lacks[0] else { panic!("{lacks:?}") };
    assert_eq!((of, urls.as_slice()), (&world.leaf, &["http://crt.example.vn/ca.crt".to_owned()][..]));
}

#[test]
fn an_authority_of_the_same_name_with_another_key_is_not_the_issuer() {
    let world = World::plain().with(|w| {
        let namesake = issue::issuing_ca(&name("CA thử nghiệm"), OTHER_KEY.public(), serial(9), LIFE);
        w.evidence.certificates = vec![namesake.signed_by(&w.root).unwrap()];
    });
    assert_eq!(world.word(), "lacks-issuer");
}

#[test]
fn a_self_signed_stranger_is_not_trusted() {
    let mut world = World::plain();
    world.leaf = issue::tls_server(&name("Tự ký"), OTHER_KEY.public(), serial(8), LIFE, &[dns(HOST)])
        .self_signed(&OTHER_KEY)
        .unwrap();
    assert_eq!(world.word(), "not-trusted");
    let nobody = judge(
        &World::plain().leaf,
        &World::plain().evidence,
        &TrustStore::new(),
        &world.question,
        &Limits::default(),
    );
    assert_eq!(word(&nobody), "lacks-issuer");
}

#[test]
fn a_leaf_that_is_an_anchor_is_trusted_as_itself() {
    let world = World::plain();
    let mut trust = TrustStore::new();
    trust
        .add_pem(
            world.leaf.to_pem().as_bytes(),
            world.leaf.sha256(),
            &[Purpose::Tls],
            Hierarchy::Other,
            "pinned",
        )
        .unwrap();
    let verdict = judge(&world.leaf, &world.evidence, &trust, &world.question, &world.limits);
    assert_eq!(verdict.path().unwrap().anchor().certificate(), &world.leaf);
}

/// Two authorities certify each other; the way out is found, and without a way out the search ends.
#[test]
fn loops_of_cross_certificates_end() {
    let root = root_from(root_draft());
    let one = ca_from(issue::root(&name("Một"), CA_KEY.public(), serial(20), LIFE), &root);
    let two = Authority::new(
        issue::root(&name("Hai"), CA2_KEY.public(), serial(21), LIFE).signed_by(&one).unwrap(),
        copy(&CA2_KEY),
    )
    .unwrap();
    let back = issue::root(&name("Một"), CA_KEY.public(), serial(22), LIFE).signed_by(&two).unwrap();
    let mut world = World::plain();
    world.leaf = leaf_draft().signed_by(&two).unwrap();
    world.evidence.certificates = vec![back.clone(), two.certificate().clone(), one.certificate().clone()];
    let path = world.judge().path().cloned().expect("a way out");
    assert_eq!(path.certificates().len(), 3);
    world.evidence.certificates = vec![back, two.certificate().clone()];
    assert_eq!(world.word(), "not-trusted");
}

/// An expired cross certificate does not hide the good one of the same name and key.
#[test]
fn another_path_is_tried() {
    let world = World::plain().with(|w| {
        let expired = ca_draft().serial(serial(30)).valid(NOW - 9, NOW - 1).signed_by(&w.root).unwrap();
        w.evidence.certificates.insert(0, expired);
    });
    assert_eq!(world.word(), "valid");
}

/// Hundreds of authorities of one name and one key, each signing each: the budget ends it.
#[test]
fn a_thicket_of_issuers_exhausts_the_budget() {
    let layers: Vec<Vec<Certificate>> = (0..5)
        .map(|layer| {
            (0..6)
                .map(|copy_number| {
                    let key = if layer % 2 == 0 { &CA_KEY } else { &CA2_KEY };
                    let above = if layer % 2 == 0 { &CA2_KEY } else { &CA_KEY };
                    let subject = name(&format!("Tầng {layer}"));
                    let issuer =
                        issue::root(&name(&format!("Tầng {}", layer + 1)), above.public(), serial(1), LIFE);
                    let issuer = Authority::new(issuer.self_signed(above).unwrap(), copy(above)).unwrap();
                    issue::root(&subject, key.public(), serial(100 + layer * 10 + copy_number), LIFE)
                        .signed_by(&issuer)
                        .unwrap()
                })
                .collect()
        })
        .collect();
    let bottom = Authority::new(layers[0][0].clone(), copy(&CA_KEY)).unwrap();
    let mut world = World::plain();
    world.leaf = leaf_draft().signed_by(&bottom).unwrap();
    world.evidence.certificates = layers.into_iter().flatten().collect();
    assert_eq!(world.word(), "budget");
    world.limits.signatures = 100_000;
    world.limits.steps = 1_000_000;
    assert_eq!(world.word(), "lacks-issuer", "with a large budget the search ends by itself");
}

#[test]
fn the_name_budget_ends_a_flood_of_constraints() {
    let excluded: Vec<GeneralName> = (0..1000).map(|n| dns(&format!("h{n}.example.com"))).collect();
    let names: Vec<GeneralName> = (0..1000).map(|n| dns(&format!("h{n}.example.vn"))).collect();
    let constraints = NameConstraints { permitted: Vec::new(), excluded };
    let mut world =
        World::of(root_draft(), ca_draft().name_constraints(&constraints), leaf_draft().alt_names(&names));
    world.limits.certificate_bytes = 1 << 20;
    assert_eq!(world.word(), "budget");
}

#[test]
fn weak_algorithms_are_reported_d29() {
    let world = World::leaf(|d| d.signed_with(SignatureAlgorithm::Ecdsa(Digest::Sha1)));
    let path = world.judge().path().cloned().unwrap();
    assert_eq!(path.weaknesses(), [Weakness::Digest(world.leaf.clone())]);
    assert!(World::plain().judge().path().unwrap().weaknesses().is_empty());
}

#[test]
fn a_short_rsa_key_is_reported_d12() {
    let short = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap();
    let key = certs::keys::PublicKey::from_spki(&short.public_key_to_der().unwrap()).unwrap();
    let mut world = World::plain();
    world.leaf = issue::tls_server(&name("Khóa ngắn"), &key, serial(3), LIFE, &[dns(HOST)])
        .signed_by(&world.ca)
        .unwrap();
    assert_eq!(world.judge().path().unwrap().weaknesses(), [Weakness::Key(world.leaf.clone())]);
    assert!(Key::from_pkcs8(&short.private_key_to_pkcs8().unwrap()).is_err(), "and none of ours may be so");
}

#[test]
fn the_profile_is_reported_when_lenient_and_refused_when_strict() {
    #[rustfmt::skip]
    let rows = [
        ("key-id-missing",                World::leaf(|d| d.without(oids::AUTHORITY_KEY_IDENTIFIER))),
        ("subject-key-id-missing",        World::ca(|d| d.without(oids::SUBJECT_KEY_IDENTIFIER))),
        ("serial-not-positive",           World::leaf(|d| d.serial(serial(0)))),
        ("serial-too-long",               World::leaf(|d| d.serial(certs::Serial::from_magnitude(&[0x7f; 21])))),
        ("tls-usage-missing",             World::leaf(|d| d.without(oids::EXTENDED_KEY_USAGE))),
        ("tls-names-missing",             World::leaf(|d| d.without(oids::SUBJECT_ALT_NAME))),
        ("alt-name-malformed",            World::leaf(|d| d.alt_names(&[dns(".example.vn")]))),
        ("key-usage-authority",           World::leaf(|d| d.key_usage(&[Usage::DigitalSignature, Usage::CertificateSign]))),
        ("name-constraints-malformed",    constrained(vec![dns(".example.vn")], vec![])),
    ];
    for (code, world) in rows {
        let profile = if code.starts_with("tls-") { Profile::StrictWeb } else { Profile::Strict };
        let path = world.judge().path().cloned().unwrap_or_else(|| panic!("{code}: {:?}", world.judge()));
        assert!(path.departures().iter().any(|(_, d)| d.code == code), "{code}: {:?}", path.departures());
        let strict = world.asking(|q| q.profile = profile);
        assert_eq!(strict.word(), "profile", "{code}");
    }
    assert_eq!(World::plain().asking(|q| q.profile = Profile::StrictWeb).word(), "valid");
    let bare = World::leaf(|d| d.without(oids::EXTENDED_KEY_USAGE)).asking(|q| q.profile = Profile::Strict);
    assert_eq!(bare.word(), "valid", "RFC 5280 §4.2.1.12 asks for no extended key usage");
}

#[test]
fn the_public_service_profile_of_rules_4_3_serves_documents_and_mail() {
    let root = root_from(root_draft());
    let ca = ca_from(ca_draft(), &root);
    let subject = issue::Subject::vietnamese("TỈNH MẪU", "Nguyễn Văn An")
        .unit("Văn phòng")
        .user_id("CCCD:001")
        .name()
        .unwrap();
    let leader = issue::leader(&subject, LEAF_KEY.public(), serial(5), LIFE, "an@ubnd.example.vn")
        .signed_by(&ca)
        .unwrap();
    assert_eq!(leader.subject().user_id(), Some("CCCD:001"));
    assert!(!format!("{leader:?} {}", leader.subject()).contains("CCCD"), "D25: never printed");
    for purpose in [Purpose::Document, Purpose::Smime, Purpose::TlsClient] {
        let mut world = World::plain();
        world.leaf = leader.clone();
        world.question = Question::new(purpose, NOW);
        world.question.revocation = Revocation::None;
        world.question.names = vec![PeerName::Email("an@ubnd.example.vn".to_owned())];
        assert_eq!(world.word(), "valid", "{purpose:?}");
    }
}

/// An issuing authority may be trusted without its root, and trusted for something else than what is asked.
#[test]
fn an_authority_in_the_middle_may_be_an_anchor() {
    let world = World::plain();
    let (root, ca) = (world.root.certificate(), world.ca.certificate());
    let anchor = |certificate: &Certificate, purpose| {
        Anchor::new(certificate.clone(), certificate.sha256(), &[purpose], Hierarchy::Other, "test").unwrap()
    };
    let mut trust = TrustStore::new();
    trust.add(anchor(ca, Purpose::Tls));
    let verdict = judge(&world.leaf, &world.evidence, &trust, &world.question, &world.limits);
    let path = verdict.path().unwrap();
    assert_eq!((path.certificates(), path.anchor().certificate()), (&[world.leaf.clone()][..], ca));
    // Trusted for mail only, the same authority is an ordinary step on the way to a root for servers.
    trust.add(anchor(ca, Purpose::Smime));
    let verdict = judge(&world.leaf, &world.evidence, &trust, &world.question, &world.limits);
    assert_ne!(word(&verdict), "valid");
    trust.add(anchor(root, Purpose::Tls));
    let verdict = judge(&world.leaf, &world.evidence, &trust, &world.question, &world.limits);
    assert_eq!(verdict.path().unwrap().anchor().certificate(), root);
    assert_eq!(verdict.path().unwrap().certificates().len(), 2);
}

#[test]
fn verdicts_speak_to_people_in_both_languages() {
    let expired = World::leaf(|d| d.valid(NOW - 9, NOW - 1)).judge();
    let reason = expired.reason().unwrap();
    assert_eq!(reason.defect.vietnamese(), "Chứng thư đã hết hạn.");
    let line = reason.to_string();
    assert!(
        line.starts_with("The certificate had expired. [expired 1767225599] at depth 0: CN=Máy chủ thư"),
        "{line}"
    );
    let PathVerdict::Undecided { lacks } =
        World::plain().asking(|q| q.revocation = Revocation::Require).judge()
    else {
        panic!("nothing is known about revocation");
    };
    let line = lacks[0].to_string();
    assert!(line.contains("http://ocsp.example.vn, http://crl.example.vn/ca.crl"), "{line}");
    assert!(lacks[0].vietnamese().contains("thu hồi"));
}

/// An anchor counts for moments within its window, and every change of the store has a version (RULES D31).
#[test]
fn d31_anchors_have_a_window_and_stores_a_version() {
    let world = World::plain();
    let with = |from: Option<i64>, until: Option<i64>| {
        let root = world.root.certificate().clone();
        let stated = root.sha256();
        Anchor::new(root, stated, &[Purpose::Tls], Hierarchy::Other, "test")
            .unwrap()
            .within(Window { from, until })
    };
    #[rustfmt::skip]
    let rows = [
        (None,          None,          "valid"),
        (Some(NOW),     Some(NOW),     "valid"),
        (Some(NOW + 1), None,          "anchor-window"),
        (None,          Some(NOW - 1), "anchor-window"),
    ];
    let mut trust = TrustStore::new();
    for (number, (from, until, expected)) in rows.into_iter().enumerate() {
        assert!(trust.add(with(from, until)) && !trust.add(with(from, until)), "the same again is no change");
        assert_eq!((trust.version(), trust.anchors().len()), (number as u64 + 1, 1));
        let verdict = judge(&world.leaf, &world.evidence, &trust, &world.question, &world.limits);
        assert_eq!(word(&verdict), expected, "{from:?} {until:?}");
        let text = serde_json::to_string(&trust).unwrap();
        assert_eq!(serde_json::from_str::<TrustStore>(&text).unwrap(), trust);
    }
    assert!(trust.remove(world.root.certificate().sha256()));
    assert_eq!(trust.version(), 5);
}
