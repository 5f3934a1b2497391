//! `webpki::*` and `cve::*`: what servers are held to beyond RFC 5280.

use super::*;
use certs::der::{Tag, Writer};
use certs::keys::PublicKey;

fn san(name: &str, host: &str) -> Case {
    Case::leaf(leaf_draft().alt_names(&[dns(name)])).host(host)
}

fn named(common_name: &str, name: GeneralName) -> Case {
    let case = Case::leaf(named_leaf(cn(common_name), std::slice::from_ref(&name)));
    match name {
        GeneralName::Ip(address) => case.address(&address.to_string()),
        GeneralName::Dns(name) => case.host(&name),
        _ => case,
    }
}

fn usage(usages: &[certs::der::Oid], critical: bool) -> Case {
    Case::leaf(leaf_draft().extended_key_usage(usages, critical))
}

/// A key made elsewhere, as only the subject's.
fn foreign(spki: Vec<u8>) -> Case {
    let key = PublicKey::from_spki(&spki).unwrap();
    Case::leaf(
        Draft::new(&cn(EXAMPLE), &key, serial(98), LIFE)
            .key_usage(&[Usage::DigitalSignature])
            .extended_key_usage(&[oids::SERVER_AUTH], false)
            .alt_names(&[dns(EXAMPLE)]),
    )
}

fn rsa(bits: u32) -> Vec<u8> {
    let key = openssl::rsa::Rsa::generate(bits).unwrap();
    openssl::pkey::PKey::from_rsa(key).unwrap().public_key_to_der().unwrap()
}

fn root_key_id(write: impl FnOnce(&mut Writer)) -> Case {
    let value = Writer::build(|w| w.sequence(write));
    Case::plain(
        authority("root", 0, None).extension(oids::AUTHORITY_KEY_IDENTIFIER, false, value),
        leaf_draft(),
    )
}

#[test]
#[rustfmt::skip]
fn hosts_are_named_exactly() {
    run(vec![
        ("webpki::san::exact-dns-san", san(EXAMPLE, EXAMPLE), true),
        ("webpki::san::exact-localhost-ip-san", Case::leaf(leaf_draft().alt_names(&[ip("127.0.0.1")])).address("127.0.0.1"), true),
        ("webpki::san::mismatch-domain-san", san(EXAMPLE, "example2.com"), false),
        ("webpki::san::mismatch-subdomain-san", san("abc.example.com", "def.example.com"), false),
        ("webpki::san::mismatch-subdomain-apex-san", san(EXAMPLE, "abc.example.com"), false),
        ("webpki::san::mismatch-apex-subdomain-san", san("abc.example.com", EXAMPLE), false),
        ("webpki::san::public-suffix-wildcard-san", san("*.com", EXAMPLE), false),
        ("webpki::san::leftmost-wildcard-san", san("*.example.com", "foo.example.com"), true),
        ("webpki::san::wildcard-embedded-leftmost-san", san("ba*.example.com", "baz.example.com"), false),
        ("webpki::san::wildcard-not-in-leftmost-san", san("foo.*.example.com", "foo.bar.example.com"), false),
        ("webpki::san::wildcard-match-across-labels-san", san("*.example.com", "foo.bar.example.com"), false),
        ("webpki::san::wildcard-embedded-ulabel-san", san("xn--*-1b3c148a.example.com", "xn--bliss-1b3c148a.example.com"), false),
        ("webpki::san::unicode-emoji-san", Case::leaf(leaf_draft().extension(oids::SUBJECT_ALT_NAME, false, Writer::build(|w| w.sequence(|w| w.element(Tag::context(2), false, "😜.example.com".as_bytes()))))).host("xn--628h.example.com"), false),
        ("a zero byte in a name", san("example.com\0.evil.com", EXAMPLE), false),
        ("webpki::san::no-san", Case::leaf(leaf_draft().without(oids::SUBJECT_ALT_NAME)), false),
        ("webpki::san::san-critical-with-nonempty-subject", Case::leaf(leaf_draft().extension(oids::SUBJECT_ALT_NAME, true, Writer::build(|w| w.sequence(|w| w.element(Tag::context(2), false, EXAMPLE.as_bytes()))))), false),
        ("webpki::cn::ipv4-hex-mismatch", named("0xC0A80101", ip("192.168.1.1")), false),
        ("webpki::cn::ipv4-leading-zeros-mismatch", named("192.168.001.001", ip("192.168.1.1")), false),
        ("webpki::cn::ipv6-uppercase-mismatch", named("2001:DB8::8A2E:370:7334", ip("2001:db8::8a2e:370:7334")), false),
        ("webpki::cn::ipv6-uncompressed-mismatch", named("2001:0db8:0000:0000:0000:0000:0000:0001", ip("2001:db8::1")), false),
        ("webpki::cn::ipv6-non-rfc5952-mismatch", named("2001:db8:0:0:1:0:0:1", ip("2001:db8::1:0:0:1")), false),
        ("webpki::cn::punycode-not-in-san", named("xn--nxasmq6b.com", dns("xn--n3h.com")), false),
        ("webpki::cn::utf8-vs-punycode-mismatch", named("test-測試.com", dns("xn--test--wg5h0h.com")), false),
        ("webpki::cn::case-mismatch", named("Example.COM", dns(EXAMPLE)), false),
        ("an address spelt as it should be", named("2001:db8::1:0:0:1", ip("2001:db8::1:0:0:1")), true),
        ("an agency's name is no host", named("UBND tỉnh Mẫu", dns(EXAMPLE)), true),
        ("cve::cve-2025-61727", Case::middle(authority("middle", 1, None).name_constraints(&NameConstraints { permitted: vec![dns(EXAMPLE)], excluded: vec![dns("bar.example.com")] }), leaf_draft().alt_names(&[dns("*.example.com")])).host("bar.example.com"), false),
        ("cve::cve-2025-61727-nc-permits-variant", Case::middle(authority("middle", 1, None).name_constraints(&permit(&[dns("foo.example.com")])), leaf_draft().alt_names(&[dns("*.example.com")])).host("foo.example.com"), false),
        ("webpki::nc::nc-permits-dns-san-pattern", Case::middle(authority("middle", 1, None).name_constraints(&permit(&[dns(EXAMPLE)])), leaf_draft().alt_names(&[dns("*.example.com")])).host("foo.example.com"), true),
    ]);
}

#[test]
#[rustfmt::skip]
fn usages_keys_and_identifiers() {
    let server = oids::SERVER_AUTH;
    let subtrees = |write: fn(&mut Writer)| Case::middle(authority("middle", 1, None).extension(oids::NAME_CONSTRAINTS, true, Writer::build(|w| w.sequence(write))), leaf_draft());
    let id = KEYS[0].public().sha1_id();
    let own = |w: &mut Writer| w.element(Tag::context(0), false, &id);
    let issuer = |w: &mut Writer| w.constructed(Tag::context(1), |w| w.explicit(4, |w| w.raw(cn("myCN").der())));
    let number = |w: &mut Writer| w.element(Tag::context(2), false, &[4, 210]);
    let p192 = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME192V1).unwrap();
    let p192 = openssl::pkey::PKey::from_ec_key(openssl::ec::EcKey::generate(&p192).unwrap()).unwrap();
    let dsa = openssl::pkey::PKey::from_dsa(openssl::dsa::Dsa::generate(2048).unwrap()).unwrap();
    let nc = |critical| {
        let value = Writer::build(|w| w.sequence(|w| w.explicit(0, |w| w.sequence(|w| w.element(Tag::context(2), false, EXAMPLE.as_bytes())))));
        Case::plain(root_draft().extension(oids::NAME_CONSTRAINTS, critical, value), leaf_draft())
    };
    run(vec![
        ("webpki::malformed-aia", Case::leaf(leaf_draft().extension(oids::AUTHORITY_INFO_ACCESS, false, b"malformed".to_vec())), false),
        ("an empty aia", Case::leaf(leaf_draft().extension(oids::AUTHORITY_INFO_ACCESS, false, vec![0x30, 0])), false),
        ("webpki::v1-cert", Case::leaf(leaf_draft().version_one()), false),
        ("webpki::ee-basicconstraints-ca", Case::leaf(leaf_draft().basic_constraints(true, None)), false),
        ("webpki::eku::ee-anyeku", usage(&[server, oids::ANY_EXTENDED_KEY_USAGE], false), false),
        ("webpki::eku::ee-critical-eku", usage(&[server], true), false),
        ("webpki::eku::root-has-eku", Case::plain(root_draft().extended_key_usage(&[server], false), leaf_draft()), false),
        ("webpki::eku::ee-clientauth-only", usage(&[oids::CLIENT_AUTH], false), false),
        ("webpki::eku::ee-precertificate-only", usage(&[oids::PRECERTIFICATE_SIGNING], false), false),
        ("webpki::eku::ee-precertificate-with-serverauth", usage(&[server, oids::PRECERTIFICATE_SIGNING], false), false),
        ("webpki::eku::ee-serverauth-with-additional", usage(&[server, oids::CLIENT_AUTH], false), true),
        ("webpki::eku::ee-codesigning-with-serverauth", usage(&[server, oids::CODE_SIGNING], false), false),
        ("webpki::eku::ee-emailprotection-with-serverauth", usage(&[server, oids::EMAIL_PROTECTION], false), false),
        ("webpki::eku::ee-timestamping-with-serverauth", usage(&[server, oids::TIME_STAMPING], false), false),
        ("webpki::eku::ee-ocspsigning-with-serverauth", usage(&[server, oids::OCSP_SIGNING], false), false),
        ("webpki::ku::ee-rsa-without-any-usages", Case::leaf(leaf_draft().key_usage(&[])), false),
        ("webpki::forbidden-p192-spki-leaf", foreign(p192.public_key_to_der().unwrap()), false),
        ("webpki::forbidden-dsa-spki-leaf", foreign(dsa.public_key_to_der().unwrap()), false),
        ("webpki::forbidden-weak-rsa-key-in-leaf", foreign(rsa(1024)), false),
        ("webpki::forbidden-rsa-not-divisable-by-8-in-leaf", foreign(rsa(2052)), false),
        ("a good RSA key", foreign(rsa(2048)), true),
        ("webpki::aki::root-with-aki-missing-keyidentifier", root_key_id(|_| ()), false),
        ("webpki::aki::root-with-aki-authoritycertissuer", root_key_id(|w| { own(w); issuer(w); }), false),
        ("webpki::aki::root-with-aki-authoritycertserialnumber", root_key_id(|w| { own(w); number(w); }), false),
        ("webpki::aki::root-with-aki-all-fields", root_key_id(|w| { own(w); issuer(w); number(w); }), false),
        ("webpki::aki::root-with-aki-ski-mismatch", root_key_id(|w| w.element(Tag::context(0), false, &KEYS[5].public().sha1_id())), false),
        ("webpki::aki::root-with-its-own", root_key_id(own), true),
        ("webpki::nc::permitted-dns-match-noncritical", nc(false), true),
        ("permitted, critical", nc(true), true),
        ("webpki::nc::intermediate-permitted-excluded-subtrees-both-null", subtrees(|_| ()), false),
        ("webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences", subtrees(|w| { w.constructed(Tag::context(0), |_| ()); w.constructed(Tag::context(1), |_| ()); }), false),
    ]);
}
