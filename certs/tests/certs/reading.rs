//! Reading certificates and trust stores: facts, tolerance, refusals.

use certs::der::Oid;
use certs::issue::{self, Draft, Subject, Usage};
use certs::path::{Question, judge};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{
    Certificate, Error, Fingerprint, GeneralName, Limits, NameConstraints, PolicyConstraints, Serial, oids,
};
use x509_parser::prelude::*;

use crate::world::*;

#[test]
fn every_fact_is_read_back() {
    let world = World::plain();
    let uri = |text: &str| GeneralName::Uri(text.to_owned());
    let names = [
        dns(HOST),
        GeneralName::Email("an@ubnd.example.vn".into()),
        uri("https://ubnd.example.vn"),
        GeneralName::Ip("2001:db8::1".parse().unwrap()),
    ];
    let constraints =
        NameConstraints { permitted: vec![dns("example.vn")], excluded: vec![dns("bo.example.vn")] };
    let policy_constraints = PolicyConstraints { require_explicit: Some(300), inhibit_mapping: Some(0) };
    let subject = Subject::vietnamese("ỦY BAN NHÂN DÂN XÃ ĐỒNG TÂM", "Trần Thị Ánh")
        .unit("Văn phòng")
        .user_id("MST:0123")
        .name()
        .unwrap();
    let leaf = Draft::new(&subject, LEAF_KEY.public(), Serial::from_magnitude(&[0x80, 1]), LIFE)
        .authority(Some(3))
        .extended_key_usage(&[oids::EMAIL_PROTECTION], true)
        .alt_names(&names)
        .policies(&[oids::PUBLIC_SERVICE_POLICY])
        .policy_mappings(&[(oids::PUBLIC_SERVICE_POLICY, Oid::new(&[1, 2, 3]))])
        .policy_constraints(policy_constraints)
        .inhibit_any_policy(2)
        .name_constraints(&constraints)
        .crl_urls(&["http://a/crl", "http://b/crl"])
        .access(&["http://a/ocsp"], &["http://a/crt"])
        .ocsp_no_check()
        .signed_by(&world.ca)
        .unwrap();
    assert_eq!(leaf.subject().common_name(), Some("Trần Thị Ánh"));
    assert_eq!(leaf.subject().organization(), Some("ỦY BAN NHÂN DÂN XÃ ĐỒNG TÂM"));
    assert_eq!(leaf.subject().organizational_units().collect::<Vec<_>>(), ["Văn phòng"]);
    assert_eq!(leaf.subject().user_id(), Some("MST:0123"));
    assert_eq!((leaf.not_before(), leaf.not_after()), (LIFE.from, LIFE.until));
    assert_eq!(leaf.serial().content(), [0, 0x80, 1]);
    assert_eq!(leaf.version(), 3);
    let usage = leaf.key_usage().unwrap();
    assert!(usage.certificate_sign() && usage.crl_sign() && !usage.digital_signature());
    assert_eq!(leaf.basic_constraints().unwrap().path_length, Some(3));
    assert_eq!(leaf.extended_key_usage(), Some(&[oids::EMAIL_PROTECTION][..]));
    assert!(leaf.is_critical(oids::EXTENDED_KEY_USAGE) && !leaf.is_critical(oids::CERTIFICATE_POLICIES));
    assert_eq!(leaf.alt_names(), names);
    assert_eq!(leaf.dns_names().collect::<Vec<_>>(), [HOST]);
    assert_eq!(leaf.emails().collect::<Vec<_>>(), ["an@ubnd.example.vn"]);
    assert_eq!(leaf.uris().collect::<Vec<_>>(), ["https://ubnd.example.vn"]);
    assert_eq!(leaf.ip_addresses().count(), 1);
    assert_eq!(leaf.policies(), Some(&[oids::PUBLIC_SERVICE_POLICY][..]));
    assert_eq!(leaf.policy_mappings().unwrap().len(), 1);
    assert_eq!(leaf.policy_constraints(), Some(policy_constraints));
    assert_eq!(leaf.inhibit_any_policy(), Some(2));
    assert_eq!(leaf.name_constraints(), Some(&constraints));
    assert_eq!(leaf.crl_urls(), ["http://a/crl", "http://b/crl"]);
    assert_eq!(
        (leaf.ocsp_urls(), leaf.issuer_urls()),
        (vec!["http://a/ocsp".to_owned()], vec!["http://a/crt".to_owned()])
    );
    assert_eq!(leaf.authority_key_id().unwrap().key.as_deref(), world.ca.certificate().subject_key_id());
    assert!(
        leaf.has_ocsp_no_check()
            && leaf.unknown_critical_extensions().is_empty()
            && leaf.unreadable_extensions().is_empty()
    );
    assert_eq!(Certificate::from_pem(leaf.to_pem().as_bytes()), Ok(leaf.clone()));
    differs_not(&leaf);
}

/// Another parser sees the same.
fn differs_not(certificate: &Certificate) {
    let (rest, other) = X509Certificate::from_der(certificate.der()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(other.tbs_certificate.as_ref(), certificate.tbs());
    assert_eq!(other.subject().as_raw(), certificate.subject().der());
    assert_eq!(other.issuer().as_raw(), certificate.issuer().der());
    assert_eq!(other.public_key().raw, certificate.spki());
    assert_eq!(other.raw_serial(), certificate.serial().content());
    assert_eq!(other.validity().not_before.timestamp(), certificate.not_before());
    assert_eq!(other.validity().not_after.timestamp(), certificate.not_after());
    assert_eq!(other.signature_value.data.as_ref(), certificate.signature());
    for extension in other.extensions() {
        let id = Oid::from_content(extension.oid.as_bytes()).unwrap();
        assert_eq!(certificate.extension(id), Some(extension.value));
        assert_eq!(certificate.is_critical(id), extension.critical);
    }
    let usage = other.key_usage().unwrap().map(|usage| usage.value);
    assert_eq!(
        usage.map(|usage| usage.key_cert_sign()),
        certificate.key_usage().map(|usage| usage.certificate_sign())
    );
    assert_eq!(
        usage.map(|usage| usage.non_repudiation()),
        certificate.key_usage().map(|usage| usage.non_repudiation())
    );
}

#[test]
fn another_parser_agrees_on_the_public_roots_of_this_machine() {
    // Debian's bundle; a machine without it has nothing to compare.
    let Ok(bundle) = std::fs::read("/etc/ssl/certs/ca-certificates.crt") else { return };
    let roots = Certificate::all_from_pem(&bundle, &Limits::default()).unwrap();
    assert!(roots.len() > 50);
    for root in roots {
        differs_not(&root);
        assert!(root.is_self_issued() && root.unreadable_extensions().is_empty(), "{root:?}");
        assert_eq!(root.verify_signature(root.public_key()), Ok(()), "{root:?}");
        let mut trust = TrustStore::new();
        trust.add(
            Anchor::new(root.clone(), root.sha256(), &[Purpose::Any], Hierarchy::Other, "bundle").unwrap(),
        );
        let mut question = Question::new(Purpose::Any, root.not_after());
        question.revocation = certs::path::Revocation::None;
        let verdict = judge(&root, &Default::default(), &trust, &question, &Limits::default());
        assert_eq!(word(&verdict), "valid", "{root:?}");
    }
}

#[test]
fn forged_structure_is_refused() {
    let world = World::plain();
    let good = world.leaf.der().to_vec();
    let mut trailing = good.clone();
    trailing.push(0);
    assert!(matches!(Certificate::from_der(&trailing), Err(Error::Encoding { .. })));
    assert!(matches!(Certificate::from_der(&good[..good.len() - 1]), Err(Error::Encoding { .. })));
    assert!(matches!(Certificate::from_der(&[]), Err(Error::Encoding { .. })));
    // The unsigned algorithm says something else than the signed one: last byte of the second ecdsa-with-SHA256.
    let oid = oids::ECDSA_SHA256;
    let second = good.windows(oid.content().len()).rposition(|w| w == oid.content()).unwrap();
    let mut other = good.clone();
    other[second + oid.content().len() - 1] = 3;
    assert_eq!(
        Certificate::from_der(&other),
        Err(Error::Malformed { what: "certificate", why: "signature algorithms differ" })
    );
    let limits = Limits { certificate_bytes: 100, ..Limits::default() };
    assert_eq!(
        Certificate::from_der_within(&good, &limits),
        Err(Error::TooLarge { what: "certificate", limit: 100 })
    );
}

#[test]
fn pem_files_are_read_with_everything_people_put_in_them() {
    let world = World::plain();
    let (leaf, ca) = (world.leaf.to_pem(), world.ca.certificate().to_pem());
    // Spelled in two parts, so that nobody takes it for a kept secret.
    let key = ["-----BEGIN PRIVATE", " KEY-----\nAAAA\n-----END PRIVATE", " KEY-----"].concat();
    let mixed = format!("Subject: mẫu\r\n{}\nother text\n{key}\n{ca}", leaf.replace('\n', "\r\n"));
    let all = Certificate::all_from_pem(mixed.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(all, [world.leaf.clone(), world.ca.certificate().clone()]);
    assert_eq!(
        Certificate::all_from_file(world.leaf.der(), &Limits::default()),
        Ok(vec![world.leaf.clone()])
    );
    assert!(Certificate::from_pem(b"nothing").is_err());
    assert!(Certificate::from_pem(leaf.replace("END CERTIFICATE", "END OTHER").as_bytes()).is_err());
    assert!(Certificate::from_pem(leaf.split("-----END").next().unwrap().as_bytes()).is_err());
    let limits = Limits { certificates: 1, ..Limits::default() };
    assert!(matches!(Certificate::all_from_pem(mixed.as_bytes(), &limits), Err(Error::TooLarge { .. })));
}

#[test]
fn anchors_are_added_by_fingerprint() {
    let world = World::plain();
    let root = world.root.certificate();
    let mut trust = TrustStore::new();
    let wrong: Fingerprint = "00".repeat(32).parse().unwrap();
    let refused =
        trust.add_pem(root.to_pem().as_bytes(), wrong, &[Purpose::Document], Hierarchy::PublicService, "");
    assert_eq!(refused, Err(Error::Fingerprint { stated: wrong, found: root.sha256() }));
    assert!(trust.anchors().is_empty());
    // As tools print it: capitals and colons.
    let printed = root
        .sha256()
        .to_string()
        .to_uppercase()
        .as_bytes()
        .chunks(2)
        .map(|b| String::from_utf8_lossy(b).into_owned())
        .collect::<Vec<_>>()
        .join(":");
    let stated = printed.parse().unwrap();
    trust
        .add_pem(
            root.to_pem().as_bytes(),
            stated,
            &[Purpose::Document],
            Hierarchy::PublicService,
            "công văn 12",
        )
        .unwrap();
    let anchor = trust.find(root.sha256()).unwrap();
    assert!(
        anchor.serves(Purpose::Document) && !anchor.serves(Purpose::Tls) && anchor.source() == "công văn 12"
    );
    let two = root.to_pem() + &world.leaf.to_pem();
    assert!(trust.add_pem(two.as_bytes(), root.sha256(), &[], Hierarchy::Other, "").is_err());
    assert_eq!(trust.add_bundle(two.as_bytes(), &[Purpose::Any], Hierarchy::Other, "file"), Ok(2));
    assert_eq!(trust.anchors().len(), 2, "the same certificate is replaced");
    assert!(trust.remove(root.sha256()) && !trust.remove(root.sha256()));
}

#[test]
fn trust_stores_are_written_and_read_back_and_never_believed() {
    let world = World::plain();
    let trust = world.trust();
    let text = serde_json::to_string(&trust).unwrap();
    assert_eq!(serde_json::from_str::<TrustStore>(&text).unwrap(), trust);
    // The form before there were versions.
    let plain = serde_json::to_string(trust.anchors()).unwrap();
    let old = serde_json::from_str::<TrustStore>(&plain).unwrap();
    assert_eq!((old.anchors(), old.version()), (trust.anchors(), 0));
    let bent = text.replace(&world.root.certificate().sha256().to_string(), &"00".repeat(32));
    assert!(serde_json::from_str::<TrustStore>(&bent).is_err());
}

#[test]
fn names_compare_as_rfc_5280_7_1_says() {
    let of =
        |pairs: &[(Oid, &str)]| pairs.iter().fold(Subject::new(), |s, (k, v)| s.with(*k, v)).name().unwrap();
    let base = of(&[(oids::COUNTRY, "VN"), (oids::ORGANIZATION, "BỘ  MẪU")]);
    assert_eq!(base, of(&[(oids::COUNTRY, "vn"), (oids::ORGANIZATION, " bộ mẫu ")]));
    assert_ne!(base, of(&[(oids::ORGANIZATION, "BỘ MẪU"), (oids::COUNTRY, "VN")]), "order matters");
    assert_ne!(base, of(&[(oids::COUNTRY, "VN"), (oids::ORGANIZATION, "BO MAU")]), "marks matter");
    assert_ne!(base, of(&[(oids::COUNTRY, "VN"), (oids::ORGANIZATIONAL_UNIT, "BỘ MẪU")]));
    let below = of(&[(oids::COUNTRY, "VN"), (oids::ORGANIZATION, "Bộ mẫu"), (oids::COMMON_NAME, "An")]);
    assert!(below.is_within(&base) && !base.is_within(&below) && base.is_within(&base));
}

#[test]
fn usages_and_unknown_keys_are_only_facts() {
    let world = World::plain();
    let curve = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::SECP256K1).unwrap();
    let other = openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&curve).unwrap()).unwrap();
    let key = certs::keys::PublicKey::from_spki(&other.public_key_to_der().unwrap()).unwrap();
    assert!(!key.is_supported());
    let odd = issue::root(&name("secp256k1"), &key, serial(4), LIFE)
        .key_usage(&[Usage::KeyAgreement])
        .signed_by(&world.ca)
        .unwrap();
    assert!(odd.key_usage().unwrap().key_agreement());
    let signed = world.leaf.verify_signature(odd.public_key());
    assert_eq!(signed, Err(Error::Unsupported("this kind of key")));
}
