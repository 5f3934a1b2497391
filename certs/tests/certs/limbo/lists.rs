//! `crl::*`: lists under the strict profile, heard because they were supplied.

use super::*;
use certs::der::{Tag, Writer};
use certs::issue::CrlDraft;
use certs::revocation::{RevocationReason, RevokedEntry};

const HERE: &str = "http://example.com/partition.crl";

fn entry(number: u64, revoked_at: i64) -> RevokedEntry {
    let mut entry = crate::world::revoked(number, revoked_at, RevocationReason::Unspecified);
    entry.serial = serial(number);
    entry
}

fn draft() -> CrlDraft {
    CrlDraft::new(NOON - DAY, Some(NOON + 30 * DAY), 12_345)
}

/// Root and leaf, and the root's list.
fn listed(list: CrlDraft) -> Case {
    let list = list.signed_by(&root()).unwrap();
    Case::leaf(leaf_draft()).lists(vec![list])
}

fn at(urls: &[&str], list: CrlDraft) -> Case {
    let list = list.signed_by(&root()).unwrap();
    Case::leaf(leaf_draft().crl_urls(urls)).lists(vec![list])
}

/// issuingDistributionPoint with addresses, and whatever else.
fn scope(names: &[GeneralName], more: impl FnOnce(&mut Writer)) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            if !names.is_empty() {
                w.explicit(0, |w| {
                    w.explicit(0, |w| {
                        for name in names {
                            match name {
                                GeneralName::Uri(text) => w.element(Tag::context(6), false, text.as_bytes()),
                                GeneralName::Dns(text) => w.element(Tag::context(2), false, text.as_bytes()),
                                _ => {}
                            }
                        }
                    });
                });
            }
            more(w);
        });
    })
}

fn scoped(value: Vec<u8>) -> CrlDraft {
    draft().extension(oids::ISSUING_DISTRIBUTION_POINT, true, value)
}

fn uri(text: &str) -> GeneralName {
    GeneralName::Uri(text.to_owned())
}

#[test]
#[rustfmt::skip]
fn lists_are_heard_or_found_wanting() {
    let flag = |number: u32| move |w: &mut Writer| w.element(Tag::context(number), false, &[0xff]);
    let other_key = |leaf: Case| {
        let stranger = Authority::new(authority("root", 5, None).self_signed(&KEYS[5]).unwrap(), key(5)).unwrap();
        leaf.lists(vec![draft().signed_by(&stranger).unwrap()])
    };
    let other_issuer = {
        let other = Authority::new(authority("Root CA 2", 5, None).self_signed(&KEYS[5]).unwrap(), key(5)).unwrap();
        let theirs = draft().entry(entry(99, NOON - DAY)).signed_by(&other).unwrap();
        Case::leaf(leaf_draft()).lists(vec![draft().signed_by(&root()).unwrap(), theirs])
    };
    let signer = |usages: Option<&[Usage]>| {
        let root = match usages { Some(usages) => root_draft().key_usage(usages), None => root_draft().without(oids::KEY_USAGE) };
        let root = rooted(root);
        let leaf = leaf_draft().signed_by(&root).unwrap();
        Case::of(&[&root], &[], leaf).lists(vec![draft().signed_by(&root).unwrap()])
    };
    let for_users = {
        let root = root();
        let middle = under(&root, authority("middle", 1, None), 1);
        let leaf = leaf_draft().signed_by(&middle).unwrap();
        let lists = vec![scoped(scope(&[], flag(1))).signed_by(&root).unwrap(), draft().signed_by(&middle).unwrap()];
        Case::of(&[&root], &[&middle], leaf).lists(lists)
    };
    let large = (0..10_000).fold(draft(), |list, n| list.entry(entry(1000 + n, 1)));
    let unknown = certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 55738, 666, 1]);
    run(vec![
        ("crl::revoked-certificate-with-crl", listed(draft().entry(entry(99, NOON - DAY))), false),
        ("crl::certificate-not-on-crl", listed(draft().entry(entry(5, NOON - DAY)).entry(entry(6, NOON - DAY))), true),
        ("crl::certificate-serial-on-crl-different-issuer", other_issuer, true),
        ("crl::crlnumber-missing", listed(draft().without_number()), false),
        ("crl::crlnumber-critical", listed(draft().without_number().extension(oids::CRL_NUMBER, true, Writer::build(|w| w.integer(7)))), false),
        ("crl::issuer-missing-crlsign", signer(Some(&[Usage::CertificateSign])), false),
        ("crl::issuer-no-keyusage-extension", signer(None), true),
        ("crl::issuer-valid-crlsign-and-keycertsign", signer(Some(&[Usage::CertificateSign, Usage::CrlSign])), true),
        ("crl::crl-invalid-signature, crl::crl-wrong-signing-key", other_key(Case::leaf(leaf_draft())), false),
        ("crl::crl-empty", listed(draft()), true),
        ("crl::crl-very-large", listed(large), true),
        ("crl::crl-unknown-critical-extension", listed(draft().extension(unknown, true, vec![5, 0])), false),
        ("crl::crl-unknown-noncritical-extension", listed(draft().extension(unknown, false, vec![5, 0])), true),
        ("crl::this-update-in-future", listed(CrlDraft::new(NOON + DAY, Some(NOON + 30 * DAY), 1)), false),
        ("crl::next-update-in-past", listed(CrlDraft::new(NOON - 60 * DAY, Some(NOON - 30 * DAY), 1)), false),
        ("crl::revocation-date-in-future", listed(draft().entry(entry(99, NOON + DAY))), false),
        ("crl::revocation-date-before-not-before", listed(draft().entry(entry(99, -DAY))), false),
        ("crl::crl-duplicate-revoked-serial", listed(draft().entry(entry(5, NOON)).entry(entry(5, NOON))), false),
        ("crl::crl-missing-next-update", listed(CrlDraft::new(NOON - DAY, None, 1).entry(entry(99, NOON - DAY))), true),
        ("crl::crl-update-generalizedtime-2025", listed(draft().generalized().entry(entry(99, NOON - DAY))), true),
        ("the same, known revocation required", listed(draft().generalized()).asking(|q| q.revocation = Revocation::Require), false),
        ("crl::idp::scope-mismatch", at(&["http://example.com/cdp.crl"], scoped(scope(&[uri("http://example.com/other.crl")], |_| ()))), false),
        ("crl::idp::scope-match", at(&[HERE], scoped(scope(&[uri(HERE)], |_| ()))), true),
        ("crl::idp::only-contains-user-certs-ca-target", for_users, false),
        ("crl::idp::only-contains-ca-certs-ee-target", listed(scoped(scope(&[], flag(2)))), false),
        ("crl::idp::present-certificate-missing-cdp", listed(scoped(scope(&[uri(HERE)], |_| ()))), false),
        ("crl::idp::only-contains-attribute-certs", listed(scoped(scope(&[], flag(5)))), false),
        ("crl::cabf::idp-fullname-non-uri-generalname", at(&[HERE], scoped(scope(&[uri(HERE), dns(EXAMPLE)], |_| ()))), false),
        ("crl::cabf::idp-indirect-crl", at(&[HERE], scoped(scope(&[uri(HERE)], flag(4)))), false),
        ("crl::cabf::idp-only-some-reasons-no-complete-crl", at(&[HERE], scoped(scope(&[uri(HERE)], |w| w.element(Tag::context(3), false, &[6, 0x40])))), false),
        ("crl::cabf::idp-name-relative-to-crl-issuer", listed(scoped(Writer::build(|w| w.sequence(|w| w.explicit(0, |w| w.constructed(Tag::context(1), |w| w.sequence(|w| { w.oid(&oids::COMMON_NAME); w.utf8("partition"); }))))))), false),
        ("crl::cabf::idp-uri-not-byte-identical", at(&["http://example.com/crls/%73hard.crl"], scoped(scope(&[uri("http://example.com/crls/shard.crl")], |_| ()))), false),
        ("no list at all", Case::leaf(leaf_draft()), true),
    ]);
}

/// `crl::idp::present-certificate-cdp-non-uri-generalname`.
#[test]
fn a_point_with_other_names_than_addresses() {
    let point = Writer::build(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.explicit(0, |w| {
                    w.explicit(0, |w| {
                        w.element(Tag::context(6), false, HERE.as_bytes());
                        w.element(Tag::context(2), false, EXAMPLE.as_bytes());
                    });
                });
            });
        });
    });
    let leaf = leaf_draft().extension(oids::CRL_DISTRIBUTION_POINTS, false, point);
    let list = scoped(scope(&[uri(HERE)], |_| ())).signed_by(&root()).unwrap();
    run(vec![("crl::idp::cdp-non-uri", Case::leaf(leaf).lists(vec![list]), false)]);
}

/// `crl::crl-invalid-version`: such a list cannot be read at all; the command line says so and goes on without.
#[test]
fn a_list_of_no_known_version_is_not_read() {
    let good = draft().signed_by(&root()).unwrap();
    let bend = |from: &[u8], to: &[u8]| {
        let der = good.der().to_vec();
        let at = der.windows(from.len()).position(|window| window == from).unwrap();
        [&der[..at], to, &der[at + from.len()..]].concat()
    };
    let version_five = bend(&[2, 1, 1, 0x30], &[2, 1, 4, 0x30]);
    assert!(Crl::from_der(&version_five, &Limits::default()).is_err());
    assert!(Crl::from_der(good.der(), &Limits::default()).is_ok());
}
