//! `rfc5280::*`: the profile of RFC 5280 §4.

use super::*;
use certs::der::{Oid, Writer};
use certs::issue::{Usage, Validity};
use certs::{PolicyConstraints, Serial};

const UNKNOWN: Oid = Oid::new(&[1, 3, 6, 1, 4, 1, 55738, 666, 1]);

fn access(name: &str) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.oid(&oids::ACCESS_CA_ISSUERS);
                w.element(certs::der::Tag::context(2), false, name.as_bytes());
            });
        });
    })
}

fn key_id(number: usize) -> Vec<u8> {
    let id = KEYS[number].public().sha1_id();
    Writer::build(|w| w.sequence(|w| w.element(certs::der::Tag::context(0), false, &id)))
}

/// An extension of the draft made anew with the other criticality.
fn plain_constraints(draft: Draft, ca: bool) -> Draft {
    let value = Writer::build(|w| {
        w.sequence(|w| {
            if ca {
                w.boolean(true)
            }
        })
    });
    draft.extension(oids::BASIC_CONSTRAINTS, false, value)
}

fn ca() -> Draft {
    authority("middle", 1, Some(0))
}

#[test]
#[rustfmt::skip]
fn certificates_keep_to_the_profile() {
    let root = || root_draft();
    let leaf = || leaf_draft();
    let no_signing: &[Usage] = &[];
    let missing = |draft: Draft| Case::middle(draft, leaf());
    run(vec![
        ("rfc5280::ee-empty-issuer", Case::leaf(leaf().issuer(&nameless())), false),
        ("rfc5280::ca-empty-subject", Case::plain(Draft::new(&nameless(), KEYS[0].public(), serial(1), LIFE).authority(None), leaf()), false),
        ("rfc5280::unknown-critical-extension-ee", Case::leaf(leaf().extension(UNKNOWN, true, Vec::new())), false),
        ("rfc5280::unknown-critical-extension-root", Case::plain(root().extension(UNKNOWN, true, Vec::new()), leaf()), false),
        ("rfc5280::unknown-critical-extension-intermediate", missing(ca().extension(UNKNOWN, true, Vec::new())), false),
        ("rfc5280::intermediate-ca-without-ca-bit", missing(ca().basic_constraints(false, None)), false),
        ("rfc5280::intermediate-ca-missing-basic-constraints", missing(ca().without(oids::BASIC_CONSTRAINTS)), false),
        ("rfc5280::root-missing-basic-constraints", Case::plain(root().without(oids::BASIC_CONSTRAINTS), leaf()), false),
        ("rfc5280::root-non-critical-basic-constraints", Case::plain(plain_constraints(root(), true), leaf()), false),
        ("rfc5280::root-inconsistent-ca-extensions", Case::plain(root().key_usage(no_signing), leaf()), false),
        ("rfc5280::ica-ku-keycertsign", missing(ca().key_usage(no_signing)), false),
        ("rfc5280::leaf-ku-keycertsign", Case::leaf(leaf().basic_constraints(false, None).key_usage(&[Usage::DigitalSignature, Usage::CertificateSign])), false),
        ("rfc5280::ee-aia", Case::leaf(leaf().extension(oids::AUTHORITY_INFO_ACCESS, false, access(EXAMPLE))), true),
        ("rfc5280::ee-critical-aia-invalid", Case::leaf(leaf().extension(oids::AUTHORITY_INFO_ACCESS, true, access(EXAMPLE))), false),
        ("rfc5280::duplicate-extensions", Case::leaf(leaf().duplicate(oids::SUBJECT_ALT_NAME)), false),
        ("rfc5280::no-keyusage", Case::leaf(leaf().without(oids::KEY_USAGE)), true),
        ("rfc5280::no-basicconstraints", Case::leaf(leaf()), true),
        ("rfc5280::ca-as-leaf", Case::leaf(authority("ca", 7, None).alt_names(&[dns("ca.example.com")])).host("ca.example.com").asking(|q| q.purpose = Purpose::Any), true),
        ("webpki::ca-as-leaf", Case::leaf(authority("ca", 7, None).alt_names(&[dns("ca.example.com")])).host("ca.example.com"), false),
        ("rfc5280::ca-as-leaf-wrong-san", Case::leaf(authority("ca", 7, None).alt_names(&[dns("ca.example.com")])).host("some-other-ca.example.com"), false),
        ("rfc5280::aki::critical-aki", Case::plain(authority("root", 0, None).extension(oids::AUTHORITY_KEY_IDENTIFIER, true, key_id(0)), leaf()), false),
        ("rfc5280::aki::leaf-missing-aki", Case::leaf(leaf().without(oids::AUTHORITY_KEY_IDENTIFIER)), false),
        ("rfc5280::aki::intermediate-missing-aki", missing(ca().without(oids::AUTHORITY_KEY_IDENTIFIER)), false),
        ("rfc5280::aki::self-signed-root-missing-aki", Case::plain(root(), leaf()), true),
        ("rfc5280::aki::cross-signed-root-missing-aki", {
            let cross = under(&rooted(root_draft()), ca().without(oids::AUTHORITY_KEY_IDENTIFIER), 1);
            let leaf = leaf().signed_by(&cross).unwrap();
            Case::of(&[&cross], &[], leaf)
        }, false),
        ("rfc5280::ski::critical-ski", Case::plain(root().extension(oids::SUBJECT_KEY_IDENTIFIER, true, Writer::build(|w| w.octets(&KEYS[0].public().sha1_id()))), leaf()), false),
        ("rfc5280::ski::root-missing-ski", Case::plain(root().without(oids::SUBJECT_KEY_IDENTIFIER), leaf()), false),
        ("rfc5280::ski::intermediate-missing-ski", missing(ca().without(oids::SUBJECT_KEY_IDENTIFIER)), false),
        ("rfc5280::serial::too-long", Case::leaf(leaf().serial(Serial::from_magnitude(&[0x7f; 21]))), false),
        ("rfc5280::serial::zero", Case::leaf(leaf().serial(serial(0))), false),
        ("rfc5280::san::malformed", Case::leaf(leaf().extension(oids::SUBJECT_ALT_NAME, false, EXAMPLE.as_bytes().to_vec())), false),
        ("rfc5280::san::noncritical-with-empty-subject", Case::leaf(named_leaf(nameless(), &[]).extension(oids::SUBJECT_ALT_NAME, false, Writer::build(|w| w.sequence(|w| w.element(certs::der::Tag::context(2), false, EXAMPLE.as_bytes()))))), false),
        ("rfc5280::eku::ee-wrong-eku", Case::leaf(leaf().extended_key_usage(&[oids::CLIENT_AUTH], false)), false),
        ("rfc5280::eku::ee-without-eku", Case::leaf(leaf().without(oids::EXTENDED_KEY_USAGE)), true),
        ("rfc5280::pc::ica-noncritical-pc", missing(ca().policy_constraints(PolicyConstraints { require_explicit: Some(3), inhibit_mapping: None }).extension(oids::POLICY_CONSTRAINTS, false, Writer::build(|w| w.sequence(|w| w.element(certs::der::Tag::context(0), false, &[3]))))), false),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_moment_lies_within_every_validity() {
    const MARCH: i64 = 1_709_251_200;
    const APRIL: i64 = 1_711_929_600;
    let chain = |root: Validity, ca_life: Validity, leaf: Validity, at: i64| {
        let root = rooted(root_draft().valid(root.from, root.until));
        let middle = under(&root, ca().valid(ca_life.from, ca_life.until), 1);
        let leaf = leaf_draft().valid(leaf.from, leaf.until).signed_by(&middle).unwrap();
        Case::of(&[&root], &[&middle], leaf).asking(|q| q.at = at)
    };
    let life = |from, until| Validity { from, until };
    let all = |from, until, at| chain(life(from, until), life(from, until), life(from, until), at);
    let (long, short) = (life(NOON - 9 * DAY, NOON + 9 * DAY), life(NOON - 9 * DAY, NOON - 1));
    run(vec![
        ("rfc5280::validity::expired-root", chain(short, long, long, NOON), false),
        ("rfc5280::validity::expired-intermediate", chain(long, short, long, NOON), false),
        ("rfc5280::validity::expired-leaf", chain(long, long, short, NOON), false),
        ("rfc5280::validity::notbefore-exact", all(MARCH, APRIL, MARCH), true),
        ("rfc5280::validity::notbefore-fractional", all(MARCH + 1, APRIL, MARCH), false),
        ("rfc5280::validity::notafter-exact", all(MARCH, APRIL, APRIL), true),
        ("rfc5280::validity::notafter-second-later", all(MARCH, APRIL, APRIL + 1), false),
    ]);
}

/// The root's constraints, and the names and peer of the leaf.
fn constrained(constraints: NameConstraints, names: &[GeneralName]) -> Case {
    Case::plain(root_draft().name_constraints(&constraints), leaf_draft().alt_names(names))
}

fn of_subject(constraints: NameConstraints, subject: &str, name: &str) -> Case {
    Case::plain(root_draft().name_constraints(&constraints), named_leaf(cn(subject), &[directory(name)]))
        .nobody()
}

#[test]
#[rustfmt::skip]
fn names_lie_within_constraints() {
    let example = || [dns(EXAMPLE)];
    let docs = || net([192, 0, 2, 0], [255, 255, 255, 0]);
    let localhost = GeneralName::IpBytes([[0; 15].as_slice(), &[1], &[0xff; 16]].concat());
    let other = |n: u32| GeneralName::Other(0, Writer::build(|w| { w.oid(&Oid::new(&[1, 3, 6, 1, 4, 1, 55738, 666, n])); w.explicit(0, Writer::null); }));
    run(vec![
        ("rfc5280::nc::permitted-dns-mismatch", constrained(permit(&example()), &[dns("not-example.com")]).host("not-example.com"), false),
        ("rfc5280::nc::excluded-dns-match", Case::middle(ca().name_constraints(&forbid(&example())), leaf_draft()), false),
        ("rfc5280::nc::permitted-dns-match", constrained(permit(&example()), &example()), true),
        ("rfc5280::nc::permitted-dns-match-more", constrained(permit(&example()), &[dns("foo.bar.example.com")]).host("foo.bar.example.com"), true),
        ("rfc5280::nc::excluded-dns-match-second", constrained(forbid(&[dns("not-allowed.example.com")]), &[dns(EXAMPLE), dns("not-allowed.example.com")]), false),
        ("rfc5280::nc::permitted-ip-mismatch", constrained(permit(&[docs()]), &[ip("192.0.3.1")]).address("192.0.3.1"), false),
        ("rfc5280::nc::excluded-ipv4-match", constrained(forbid(&[docs()]), &[ip("192.0.2.1")]).address("192.0.2.1"), false),
        ("rfc5280::nc::excluded-ipv6-match", constrained(forbid(std::slice::from_ref(&localhost)), &[ip("::1")]).address("::1"), false),
        ("rfc5280::nc::permitted-ipv4-match", constrained(permit(&[docs()]), &[ip("192.0.2.1")]).address("192.0.2.1"), true),
        ("rfc5280::nc::permitted-ipv6-match", constrained(permit(&[localhost]), &[ip("::1")]).address("::1"), true),
        ("rfc5280::nc::permitted-dn-mismatch", of_subject(permit(&[directory("foo")]), "not-foo", "not-foo"), false),
        ("rfc5280::nc::excluded-dn-match", of_subject(forbid(&[directory("foo")]), "foo", "foo"), false),
        ("rfc5280::nc::permitted-dn-match", of_subject(permit(&[directory("foo")]), "foo", "foo"), true),
        ("rfc5280::nc::permitted-dn-match-subject-san-mismatch", of_subject(permit(&[directory("foo")]), "not-foo", "foo"), false),
        ("rfc5280::nc::excluded-dn-match-sub-mismatch", of_subject(forbid(&[directory("foo")]), "foo", "not-foo"), false),
        ("rfc5280::nc::excluded-match-permitted-and-excluded", constrained(NameConstraints { permitted: vec![dns(EXAMPLE)], excluded: vec![dns(EXAMPLE)] }, &example()), false),
        ("rfc5280::nc::permitted-different-constraint-type", constrained(permit(&[docs()]), &example()), true),
        ("rfc5280::nc::excluded-different-constraint-type", constrained(forbid(&[docs()]), &example()), true),
        ("rfc5280::nc::invalid-dnsname-wildcard", constrained(permit(&[dns("*.example.com")]), &[dns("foo.example.com")]).host("foo.example.com"), false),
        ("rfc5280::nc::invalid-dnsname-leading-period", constrained(permit(&[dns(".example.com")]), &[dns("foo.example.com")]).host("foo.example.com"), false),
        ("rfc5280::nc::invalid-ipv4-address", constrained(permit(&[GeneralName::IpBytes(vec![127, 0, 0, 1])]), &[ip("127.0.0.1")]).address("127.0.0.1"), false),
        ("rfc5280::nc::invalid-ipv6-address", constrained(permit(&[ip("::1")]), &[ip("::1")]).address("::1"), false),
        ("rfc5280::nc::invalid-email-address", constrained(permit(&[email("invalid@invalid@example.com")]), &[email("example@example.com")]).mailbox(Purpose::Any, "example@example.com"), false),
        ("rfc5280::nc::not-allowed-in-ee-noncritical", Case::leaf(leaf_draft().extension(oids::NAME_CONSTRAINTS, false, Writer::build(|w| w.sequence(|w| w.explicit(0, |w| w.sequence(|w| w.element(certs::der::Tag::context(2), false, EXAMPLE.as_bytes()))))))), false),
        ("rfc5280::nc::not-allowed-in-ee-critical", Case::leaf(leaf_draft().name_constraints(&permit(&example()))), false),
        ("rfc5280::nc::nc-permits-invalid-dns-san", Case::middle(ca().name_constraints(&permit(&example())), leaf_draft().alt_names(&[dns(".example.com"), dns("foo.example.com")])).host("foo.example.com"), false),
        ("rfc5280::nc::nc-permits-invalid-ip-san", Case::middle(ca().name_constraints(&permit(&[docs()])), leaf_draft().alt_names(&[docs(), ip("192.0.2.1")])).address("192.0.2.1"), false),
        ("rfc5280::nc::nc-permits-invalid-email-san", Case::middle(ca().name_constraints(&permit(&[email(EXAMPLE)])), leaf_draft().alt_names(&[email("good@example.com"), email("invalid@address@example.com")])).mailbox(Purpose::Any, "good@example.com"), false),
        ("rfc5280::nc::nc-permits-email-exact", Case::middle(ca().name_constraints(&permit(&[email("foo@example.com")])), leaf_draft().alt_names(&[email("foo@example.com")])).mailbox(Purpose::Any, "foo@example.com"), true),
        ("rfc5280::nc::nc-permits-email-domain", Case::middle(ca().name_constraints(&permit(&[email(EXAMPLE)])), leaf_draft().alt_names(&[email("foo@example.com")])).mailbox(Purpose::Any, "foo@example.com"), true),
        ("rfc5280::nc::nc-forbids-othername", Case::middle(ca().name_constraints(&NameConstraints { permitted: vec![dns(EXAMPLE)], excluded: vec![other(3)] }), leaf_draft().alt_names(&[dns(EXAMPLE), other(3)])), false),
        ("rfc5280::nc::nc-forbids-othername-noop", Case::middle(ca().name_constraints(&NameConstraints { permitted: vec![dns(EXAMPLE)], excluded: vec![other(3)] }), leaf_draft()), true),
    ]);
}

/// Constraints over several authorities.
#[test]
#[rustfmt::skip]
fn constraints_only_narrow() {
    let two = |first: Option<NameConstraints>, second: Option<NameConstraints>, san: Option<&str>, leaf: &str| {
        let root = root();
        let with = |draft: Draft, constraints: Option<NameConstraints>| match constraints { Some(c) => draft.name_constraints(&c), None => draft };
        let one = under(&root, with(authority("one", 1, None), first), 1);
        let second = with(authority("two", 2, None), second);
        let second = match san { Some(name) => second.alt_names(&[dns(name)]), None => second };
        let two = under(&one, second, 2);
        let end = leaf_draft().alt_names(&[dns(leaf)]).signed_by(&two).unwrap();
        Case::of(&[&root], &[&one, &two], end).host(leaf)
    };
    let both = || NameConstraints { permitted: vec![dns("permitted.example.com")], excluded: vec![dns("forbidden.example.com")] };
    let (foo, bar) = (|| dns("foo.example.com"), || dns("bar.example.com"));
    let self_issued = {
        let root = rooted(Draft::new(&cn("not-example.com"), KEYS[0].public(), serial(1), LIFE).authority(None).without(oids::AUTHORITY_KEY_IDENTIFIER).alt_names(&[dns("not-example.com")]).name_constraints(&permit(&[dns(EXAMPLE)])));
        let middle = under(&root, Draft::new(&cn("not-example.com"), KEYS[1].public(), serial(2), LIFE).authority(None).alt_names(&[dns("not-example.com")]), 1);
        let leaf = leaf_draft().signed_by(&middle).unwrap();
        Case::of(&[&root], &[&middle], leaf)
    };
    let self_issued_leaf = {
        let root = rooted(root_draft().name_constraints(&permit(&[dns(EXAMPLE)])));
        let middle = under(&root, Draft::new(&cn("not-example.com"), KEYS[1].public(), serial(2), LIFE).authority(None), 1);
        let leaf = named_leaf(cn("not-example.com"), &[dns("not-example.com")]).signed_by(&middle).unwrap();
        Case::of(&[&root], &[&middle], leaf).host("not-example.com")
    };
    run(vec![
        ("rfc5280::nc::intermediate-with-san-rejected-by-intermediate-nc", two(Some(both()), None, Some("forbidden.example.com"), "permitted.example.com"), false),
        ("rfc5280::nc::restrictive-permits-in-intermediates-narrows", two(Some(permit(&[foo(), bar()])), Some(permit(&[bar()])), None, "foo.example.com"), false),
        ("rfc5280::nc::restrictive-permits-in-intermediates-widens", two(Some(permit(&[bar()])), Some(permit(&[foo(), bar()])), None, "foo.example.com"), false),
        ("permitted by both", two(Some(permit(&[foo(), bar()])), Some(permit(&[foo()])), None, "foo.example.com"), true),
        ("rfc5280::nc::permitted-self-issued", self_issued, true),
        ("rfc5280::nc::excluded-self-issued-leaf", self_issued_leaf, false),
    ]);
}
