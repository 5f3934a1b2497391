//! What CRLs and OCSP responses say about a moment.

use certs::algorithm::Digest;
use certs::der::Writer;
use certs::issue::{self, Authority, CrlDraft, Draft, OcspAnswer, OcspDraft, Usage, ocsp_refusal};
use certs::path::{Lack, PathVerdict, Revocation, Standing};
use certs::revocation::{
    CertId, Crl, OcspRequest, OcspResponse, OcspStatus, RevocationFacts, RevocationReason, Shortfall, Source,
};
use certs::{Limits, oids};

use crate::oracle;
use crate::world::*;

/// A plain world that requires revocation and has a clean CRL of the root.
fn required() -> World {
    World::plain().asking(|q| q.revocation = Revocation::Require).with(|w| {
        let list = crl(&w.root, NOW - DAY, &[]);
        w.evidence.crls.push(list);
    })
}

fn with_crl(issued: i64, entries: &[certs::revocation::RevokedEntry]) -> World {
    required().with(|w| {
        let list = crl(&w.ca, issued, entries);
        w.evidence.crls.push(list);
    })
}

fn bent_crl(bend: impl FnOnce(CrlDraft) -> CrlDraft) -> World {
    required().with(|w| {
        let list = bend(CrlDraft::new(NOW - DAY, Some(NOW + DAY), 7)).signed_by(&w.ca).unwrap();
        w.evidence.crls.push(list);
    })
}

fn shortfalls(world: &World) -> Vec<Shortfall> {
    match world.judge() {
        PathVerdict::Undecided { lacks } => match &lacks[0] {
            Lack::Revocation { shortfalls, .. } => shortfalls.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn crls_at_a_moment_d5_d34() {
    use RevocationReason::{CertificateHold, KeyCompromise, RemoveFromCrl, Superseded};
    let suspect = |since: i64, revoked_at: i64| {
        let mut entry = revoked(3, revoked_at, KeyCompromise);
        entry.facts.invalid_since = Some(since);
        entry
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, World, &str, Option<bool>)> = vec![
        ("not listed", with_crl(NOW - DAY, &[]), "valid", Some(true)),
        ("another one listed", with_crl(NOW - DAY, &[revoked(4, NOW - 9, Superseded), revoked(2, NOW - 9, Superseded)]), "valid", Some(true)),
        ("revoked before", with_crl(NOW - DAY, &[revoked(4, NOW - 9, Superseded), revoked(3, NOW - 9, Superseded)]), "revoked", Some(true)),
        ("revoked this very second", with_crl(NOW - DAY, &[revoked(3, NOW, Superseded)]), "revoked", Some(true)),
        ("listed already, with a date to come", with_crl(NOW - DAY, &[revoked(3, NOW + 1, Superseded)]), "revoked", Some(true)),
        ("suspect before, revoked after", with_crl(NOW - DAY, &[suspect(NOW - 1, NOW + 1)]), "revoked", Some(true)),
        ("suspended", with_crl(NOW - DAY, &[revoked(3, NOW - 9, CertificateHold)]), "revoked", Some(true)),
        ("taken off the list", with_crl(NOW - DAY, &[revoked(3, NOW - 9, RemoveFromCrl)]), "valid", Some(true)),
        ("D10 no list", required(), "lacks-revocation", Some(true)),
        ("list too old", with_crl(NOW - 8 * DAY, &[]), "lacks-revocation", Some(true)),
        // Revocation is for ever; OpenSSL also refuses, for the list's age.
        ("list too old, revoked", with_crl(NOW - 8 * DAY, &[revoked(3, NOW - 9 * DAY, KeyCompromise)]), "revoked", Some(true)),
        ("list too old, suspended", with_crl(NOW - 8 * DAY, &[revoked(3, NOW - 9 * DAY, CertificateHold)]), "lacks-revocation", Some(true)),
        ("list from the future", with_crl(NOW + DAY, &[]), "lacks-revocation", Some(true)),
        ("list from a skewed clock", with_crl(NOW + 60, &[]), "valid", None),
        ("authority revoked", with_crl(NOW - DAY, &[]).with(|w| w.evidence.crls[0] = crl(&w.root, NOW - DAY, &[revoked(2, NOW - 9, KeyCompromise)])), "revoked", Some(true)),
        ("list by another key", with_crl(NOW - DAY, &[]).with(|w| w.evidence.crls[1] = crl(&namesake(), NOW - DAY, &[])), "lacks-revocation", Some(true)),
    ];
    for (what, world, expected, openssl) in rows {
        assert_eq!(world.word(), expected, "{what}: {:?}", world.judge());
        if let Some(agrees) = openssl {
            let (valid, said) = oracle::verify(&world);
            assert_eq!(valid == (expected == "valid"), agrees, "{what}: OpenSSL says {said}");
        }
    }
}

/// The authority's name with another key.
fn namesake() -> Authority {
    let draft = issue::root(&name("CA thử nghiệm"), OTHER_KEY.public(), serial(50), LIFE);
    Authority::new(draft.self_signed(&OTHER_KEY).unwrap(), copy(&OTHER_KEY)).unwrap()
}

/// RULES D34: the bundle of an old document is judged five years later, without network.
#[test]
fn old_signatures_are_judged_with_younger_evidence_d34() {
    let later = NOW + 30 * DAY;
    let judged = |entries: &[certs::revocation::RevokedEntry]| {
        World::plain()
            .asking(|q| {
                q.revocation = Revocation::Require;
                q.now = Some(NOW + 5 * 365 * DAY);
            })
            .with(|w| w.evidence.crls = vec![crl(&w.root, later, &[]), crl(&w.ca, later, entries)])
    };
    let before = revoked(3, NOW - DAY, RevocationReason::KeyCompromise);
    let after = revoked(3, NOW + DAY, RevocationReason::KeyCompromise);
    let suspect = |since: i64| {
        let mut entry = after.clone();
        entry.facts.invalid_since = Some(since);
        entry
    };
    assert_eq!(judged(&[suspect(NOW + 1)]).word(), "valid");
    assert_eq!(judged(&[suspect(NOW - 1)]).word(), "revoked", "the key was lost before");
    assert_eq!(judged(&[]).word(), "valid");
    assert_eq!(judged(&[before]).word(), "revoked");
    let world = judged(&[after]);
    let path = world.judge().path().cloned().unwrap();
    assert!(
        matches!(path.statuses()[0].standing, Standing::RevokedLater(facts) if facts.revoked_at == NOW + DAY)
    );
    let expected = world.evidence.crls[1].sha256();
    assert!(matches!(path.statuses()[0].source, Some(Source::Crl { sha256, .. }) if sha256 == expected));
    // Without saying when one judges, such evidence comes from the future.
    assert_eq!(world.asking(|q| q.now = None).word(), "lacks-revocation");
}

#[test]
fn silence_after_expiry_proves_nothing() {
    let bundle = |draft: CrlDraft| {
        World::leaf(|d| d.valid(NOW - DAY, NOW + DAY))
            .asking(|q| {
                q.revocation = Revocation::Require;
                q.now = Some(NOW + 9 * DAY);
            })
            .with(|w| w.evidence.crls = vec![crl(&w.root, NOW, &[]), draft.signed_by(&w.ca).unwrap()])
    };
    let after = CrlDraft::new(NOW + 2 * DAY, Some(NOW + 9 * DAY), 1);
    assert_eq!(shortfalls(&bundle(after.clone())), [Shortfall::AfterExpiry]);
    let since = Writer::build(|w| w.generalized_time(NOW - 100 * DAY));
    assert_eq!(bundle(after.extension(oids::EXPIRED_CERTS_ON_CRL, false, since)).word(), "valid");
}

#[test]
fn crls_this_room_cannot_use_say_so() {
    let scope = |write: fn(&mut Writer)| Writer::build(|w| w.sequence(write));
    let flag =
        |number: u32| move |w: &mut Writer| w.element(certs::der::Tag::context(number), false, &[0xff]);
    let point = |url: &'static str| {
        Writer::build(|w| {
            w.sequence(|w| {
                w.explicit(0, |w| {
                    w.explicit(0, |w| w.element(certs::der::Tag::context(6), false, url.as_bytes()))
                })
            })
        })
    };
    let with = |id, value: Vec<u8>| bent_crl(move |d| d.extension(id, true, value));
    let idp = oids::ISSUING_DISTRIBUTION_POINT;
    let only = |number: u32| Writer::build(|w| w.sequence(flag(number)));
    #[rustfmt::skip]
    let rows: Vec<(&str, World, Result<(), Shortfall>)> = vec![
        ("for users, leaf is one", with(idp, only(1)), Ok(())),
        ("for authorities", with(idp, only(2)), Err(Shortfall::Scope)),
        ("indirect, of the issuer itself", with(idp, only(4)), Ok(())),
        ("for attributes", with(idp, only(5)), Err(Shortfall::Scope)),
        ("the leaf's point", with(idp, point("http://crl.example.vn/ca.crl")), Ok(())),
        ("another point", with(idp, point("http://crl.example.vn/other.crl")), Err(Shortfall::Scope)),
        ("delta", with(oids::DELTA_CRL_INDICATOR, Writer::build(|w| w.integer(1))), Err(Shortfall::Delta)),
        ("unknown critical", with(oids::SUBJECT_INFO_ACCESS, scope(Writer::null)), Err(Shortfall::UnknownCritical)),
        ("damaged", with(idp, vec![5, 0]), Err(Shortfall::Damaged)),
    ];
    for (what, world, expected) in rows {
        match expected {
            Ok(()) => assert_eq!(world.word(), "valid", "{what}"),
            Err(shortfall) => assert_eq!(shortfalls(&world), [shortfall], "{what}"),
        }
    }
    let no_crl_sign =
        World::ca(|d| d.key_usage(&[Usage::CertificateSign])).asking(|q| q.revocation = Revocation::Require);
    let no_crl_sign =
        no_crl_sign.with(|w| w.evidence.crls = vec![crl(&w.root, NOW, &[]), crl(&w.ca, NOW, &[])]);
    assert_eq!(shortfalls(&no_crl_sign), [Shortfall::SignerNotAllowed]);
}

/// A leaf whose CRL somebody else signs, without saying that it lists others' certificates: recognised, named, not used.
#[test]
fn a_delegated_crl_has_to_say_that_it_is_indirect() {
    let world = required().with(|w| {
        let point = Writer::build(|w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    w.constructed(certs::der::Tag::context(2), |w| {
                        w.explicit(4, |w| w.raw(name("Người khác").der()))
                    })
                })
            })
        });
        w.leaf =
            leaf_draft().extension(oids::CRL_DISTRIBUTION_POINTS, false, point).signed_by(&w.ca).unwrap();
        let other = issue::root(&name("Người khác"), OTHER_KEY.public(), serial(60), LIFE)
            .self_signed(&OTHER_KEY)
            .unwrap();
        let other = Authority::new(other, copy(&OTHER_KEY)).unwrap();
        w.evidence.crls.push(crl(&other, NOW, &[]));
    });
    assert_eq!(shortfalls(&world), [Shortfall::Indirect]);
}

#[test]
fn lacks_name_where_to_look() {
    let PathVerdict::Undecided { lacks } = required().judge() else { panic!() };
    let Lack::Revocation { of, issuer, crl_urls, ocsp_urls, .. } = &lacks[0] else { panic!() };
    let world = required();
    assert_eq!((of.serial(), issuer.subject()), (world.leaf.serial(), world.ca.certificate().subject()));
    assert_eq!(
        (crl_urls[0].as_str(), ocsp_urls[0].as_str()),
        ("http://crl.example.vn/ca.crl", "http://ocsp.example.vn")
    );
    assert_eq!(required().asking(|q| q.revocation = Revocation::IfKnown).word(), "valid");
}

fn good(world: &World, digest: Digest) -> OcspAnswer {
    let id = CertId::new(&world.leaf, world.ca.certificate(), digest);
    OcspAnswer { id, status: OcspStatus::Good, this_update: NOW - DAY, next_update: Some(NOW + DAY) }
}

fn facts(revoked_at: i64) -> OcspStatus {
    OcspStatus::Revoked(RevocationFacts {
        revoked_at,
        invalid_since: None,
        reason: RevocationReason::KeyCompromise,
    })
}

fn answered(change: impl FnOnce(&mut OcspAnswer)) -> World {
    required().with(|w| {
        let mut answer = good(w, Digest::Sha1);
        change(&mut answer);
        w.evidence.ocsp.push(OcspDraft::new(NOW - DAY).answer(answer).signed_by(&w.ca).unwrap());
    })
}

#[test]
fn ocsp_at_a_moment() {
    let other = World::leaf(|d| d.serial(serial(77)));
    #[rustfmt::skip]
    let rows: Vec<(&str, World, Result<&str, Shortfall>)> = vec![
        ("good", answered(|_| ()), Ok("valid")),
        ("good, named with SHA-256", answered(|a| *a = good(&World::plain(), Digest::Sha256)), Ok("valid")),
        ("revoked before", answered(|a| a.status = facts(NOW - 9)), Ok("revoked")),
        ("said already, with a date to come", answered(|a| a.status = facts(NOW + 1)), Ok("revoked")),
        ("D34 revoked after", answered(|a| (a.status, a.this_update, a.next_update) = (facts(NOW + 1), NOW + 2, None)).asking(|q| q.now = Some(NOW + DAY)), Ok("valid")),
        ("unknown", answered(|a| a.status = OcspStatus::Unknown), Err(Shortfall::Unknown)),
        ("about another", answered(|a| *a = good(&other, Digest::Sha1)), Ok("lacks-revocation")),
        ("too old", answered(|a| a.next_update = Some(NOW - 1)), Err(Shortfall::Stale)),
        ("no next update, fresh", answered(|a| a.next_update = None), Ok("valid")),
        ("no next update, old", answered(|a| (a.this_update, a.next_update) = (NOW - 2 * DAY, None)), Err(Shortfall::Stale)),
        ("from the future", answered(|a| a.this_update = NOW + DAY), Err(Shortfall::FromTheFuture)),
    ];
    for (what, world, expected) in rows {
        match expected {
            Ok(word) => assert_eq!(world.word(), word, "{what}: {:?}", world.judge()),
            Err(shortfall) => assert_eq!(shortfalls(&world), [shortfall], "{what}"),
        }
    }
}

/// One "revoked" outweighs any "good", whichever comes first.
#[test]
fn revoked_outweighs_good() {
    let world = with_crl(NOW - DAY, &[revoked(3, NOW - 9, RevocationReason::Superseded)]);
    let world = world.with(|w| {
        let answer = good(w, Digest::Sha1);
        w.evidence.ocsp.push(OcspDraft::new(NOW - DAY).answer(answer).signed_by(&w.ca).unwrap());
    });
    assert_eq!(world.word(), "revoked");
}

fn delegated(bend: impl FnOnce(Draft) -> Draft, by_ca: bool) -> World {
    required().with(|w| {
        let draft = bend(issue::ocsp_responder(&name("OCSP"), OTHER_KEY.public(), serial(70), LIFE));
        let issuer = if by_ca { &w.ca } else { &w.root };
        let responder = Authority::new(draft.signed_by(issuer).unwrap(), copy(&OTHER_KEY)).unwrap();
        let answer = good(w, Digest::Sha1);
        w.evidence
            .ocsp
            .push(OcspDraft::new(NOW - DAY).by_name().answer(answer).signed_by(&responder).unwrap());
    })
}

#[test]
fn delegated_responders_rfc_6960_4_2_2_2() {
    #[rustfmt::skip]
    let rows: Vec<(&str, World, Result<(), Shortfall>)> = vec![
        ("delegated", delegated(|d| d, true), Ok(())),
        ("without nocheck, nothing known", delegated(|d| d.without(oids::OCSP_NO_CHECK), true), Ok(())),
        ("without the usage", delegated(|d| d.without(oids::EXTENDED_KEY_USAGE), true), Err(Shortfall::SignerNotAllowed)),
        ("any usage is not enough", delegated(|d| d.extended_key_usage(&[oids::ANY_EXTENDED_KEY_USAGE], false), true), Err(Shortfall::SignerNotAllowed)),
        ("expired when it signed", delegated(|d| d.valid(NOW - 9 * DAY, NOW - 2 * DAY), true), Err(Shortfall::SignerNotAllowed)),
        ("expired since", delegated(|d| d.valid(NOW - 9 * DAY, NOW - 1), true), Ok(())),
        ("key for encryption", delegated(|d| d.key_usage(&[Usage::KeyEncipherment]), true), Err(Shortfall::SignerNotAllowed)),
        ("forged under the issuer's name", delegated(Draft::spoiled, true), Err(Shortfall::Signature)),
        ("by somebody else's delegate", delegated(|d| d, false), Err(Shortfall::Signature)),
    ];
    for (what, world, expected) in rows {
        match expected {
            Ok(()) => assert_eq!(world.word(), "valid", "{what}: {:?}", world.judge()),
            Err(shortfall) => assert_eq!(shortfalls(&world), [shortfall], "{what}"),
        }
    }
}

#[test]
fn a_revoked_delegate_without_nocheck_does_not_count() {
    let world = delegated(|d| d.without(oids::OCSP_NO_CHECK), true).with(|w| {
        // A CRL for other purposes: it covers the responder, but is too old to say the leaf is good.
        let list = CrlDraft::new(NOW - 9 * DAY, Some(NOW - 5 * DAY), 1).entry(revoked(
            70,
            NOW - 10 * DAY,
            RevocationReason::KeyCompromise,
        ));
        w.evidence.crls.push(list.signed_by(&w.ca).unwrap());
    });
    assert!(shortfalls(&world).contains(&Shortfall::SignerNotAllowed));
}

#[test]
fn a_responder_answers_a_request() {
    let world = World::plain();
    let limits = Limits::default();
    let id = CertId::new(&world.leaf, world.ca.certificate(), Digest::Sha1);
    let request = OcspRequest::new(vec![id], Some(vec![9; 32]));
    let read = OcspRequest::from_der(&request.to_der(), &limits).unwrap();
    assert_eq!(read, request);
    assert!(read.ids()[0].names(&world.leaf, world.ca.certificate()));
    let response = OcspDraft::answering(&read, NOW, None, |_| OcspStatus::Good).signed_by(&world.ca).unwrap();
    assert_eq!(response.nonce(), Some(&[9; 32][..]));
    assert_eq!(response.answers()[0].status, OcspStatus::Good);
    assert_eq!(OcspResponse::from_der(response.der(), &limits).unwrap(), response);
    assert!(OcspResponse::from_der(&ocsp_refusal(3), &limits).is_err(), "tryLater says nothing");
}

/// OpenSSL writes a request we read, and reads the response we write.
#[test]
fn openssl_speaks_the_same_ocsp() {
    let world = World::plain();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("leaf.pem"), world.leaf.to_pem()).unwrap();
    std::fs::write(path("ca.pem"), world.ca.certificate().to_pem()).unwrap();
    std::fs::write(path("root.pem"), world.root.certificate().to_pem()).unwrap();
    let ocsp = |arguments: &[&str]| {
        let mut command = std::process::Command::new("openssl");
        command.current_dir(folder.path()).arg("ocsp").args(arguments);
        let output = command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    ocsp(&["-issuer", "ca.pem", "-cert", "leaf.pem", "-reqout", "request.der"]);
    let request =
        OcspRequest::from_der(&std::fs::read(path("request.der")).unwrap(), &Limits::default()).unwrap();
    assert!(request.ids()[0].names(&world.leaf, world.ca.certificate()) && request.nonce().is_some());
    let response = OcspDraft::answering(&request, NOW, Some(NOW + DAY), |_| facts(NOW - 9))
        .signed_by(&world.ca)
        .unwrap();
    std::fs::write(path("response.der"), response.der()).unwrap();
    let moment = NOW.to_string();
    let said = ocsp(&[
        "-no_nonce",
        "-issuer",
        "ca.pem",
        "-cert",
        "leaf.pem",
        "-reqin",
        "request.der",
        "-respin",
        "response.der",
        "-CAfile",
        "root.pem",
        "-verify_other",
        "ca.pem",
        "-attime",
        &moment,
    ]);
    // It also warns that the times are past: it knows only its own clock for those.
    assert!(said.contains("Response verify OK") && said.contains("revoked\n"), "{said}");
    assert!(said.contains("keyCompromise"), "{said}");
}

/// Some authorities list a certificate twice; strict readers do not use such a list.
#[test]
fn a_certificate_listed_twice() {
    let entry = revoked(9, NOW - 9, RevocationReason::Superseded);
    let world = with_crl(NOW - DAY, &[entry.clone(), entry]);
    assert_eq!(world.word(), "valid");
    assert_eq!(shortfalls(&world.asking(|q| q.profile = certs::path::Profile::Strict)), [Shortfall::Damaged]);
    let twice = [
        revoked(3, NOW - 9, RevocationReason::Superseded),
        revoked(3, NOW - 99, RevocationReason::CertificateHold),
    ];
    assert_eq!(with_crl(NOW - DAY, &twice).word(), "revoked");
}

#[test]
fn a_long_crl_is_searched_without_reading_it_all_again() {
    let world = World::plain();
    let mut draft = CrlDraft::new(NOW, None, 1);
    for number in (0..5000u64).rev() {
        draft = draft.entry(revoked(number * 3 + 1, NOW - 1, RevocationReason::Superseded));
    }
    let list: Crl = draft.signed_by(&world.ca).unwrap();
    assert_eq!(list.len(), 5000);
    for number in 0..15_000u64 {
        assert_eq!(list.find(&serial(number)).is_some(), number % 3 == 1, "{number}");
    }
}

fn delta(of: u64, number: u64, issued: i64) -> CrlDraft {
    CrlDraft::new(issued, Some(issued + DAY), number).extension(
        oids::DELTA_CRL_INDICATOR,
        true,
        Writer::build(|w| w.unsigned(&of.to_be_bytes())),
    )
}

/// The complete list number 7 of a week ago, and whatever came since.
fn since(entries: &[certs::revocation::RevokedEntry], later: Vec<CrlDraft>) -> World {
    required().with(|w| {
        let base = CrlDraft::new(NOON_LIST, Some(NOON_LIST + 7 * DAY), 7);
        let base = entries.iter().fold(base, |list, entry| list.entry(entry.clone()));
        w.evidence.crls.push(base.signed_by(&w.ca).unwrap());
        w.evidence.crls.extend(later.into_iter().map(|list| list.signed_by(&w.ca).unwrap()));
    })
}

const NOON_LIST: i64 = NOW - 5 * DAY;

#[test]
fn delta_lists_change_the_complete_one_they_build_on() {
    use RevocationReason::{CertificateHold, KeyCompromise, RemoveFromCrl};
    let hold = || revoked(3, NOON_LIST, CertificateHold);
    let taken_off = || revoked(3, NOW - DAY, RemoveFromCrl);
    let lost = || revoked(3, NOW - DAY, KeyCompromise);
    let fresh = |of, number| delta(of, number, NOW - 60);
    let full = |entries: &[certs::revocation::RevokedEntry]| {
        entries
            .iter()
            .fold(CrlDraft::new(NOW - 60, Some(NOW + DAY), 9), |list, entry| list.entry(entry.clone()))
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, World, &str)> = vec![
        ("nothing new",                     since(&[], vec![fresh(7, 9)]),                                   "valid"),
        ("revoked since",                   since(&[], vec![fresh(7, 9).entry(lost())]),                     "revoked"),
        ("suspended, then taken off",       since(&[hold()], vec![fresh(7, 9).entry(taken_off())]),          "valid"),
        ("suspended, then lost",            since(&[hold()], vec![fresh(7, 9).entry(lost())]),               "revoked"),
        ("taken off by an old delta",       since(&[hold()], vec![delta(7, 8, NOW - 3 * DAY).entry(taken_off())]), "revoked"),
        ("for a younger complete list",     since(&[hold()], vec![fresh(8, 9).entry(taken_off())]),          "revoked"),
        ("older than the complete list",    since(&[hold()], vec![fresh(1, 6).entry(taken_off())]),          "revoked"),
        ("the newest of two counts",        since(&[hold()], vec![delta(7, 8, NOW - 120).entry(lost()), fresh(7, 9).entry(taken_off())]), "revoked"),
        ("suspended, gone from a new list", since(&[hold()], vec![full(&[])]),                               "valid"),
        ("revoked, gone from a new list",   since(&[lost()], vec![full(&[])]),                               "revoked"),
        ("a stale list, a fresh delta",     required().with(|w| {
            let base = CrlDraft::new(NOW - 9 * DAY, Some(NOW - DAY), 7);
            w.evidence.crls.push(base.signed_by(&w.ca).unwrap());
            w.evidence.crls.push(fresh(7, 9).signed_by(&w.ca).unwrap());
        }), "valid"),
        ("a delta by itself, silent",       required().with(|w| w.evidence.crls.push(fresh(7, 9).signed_by(&w.ca).unwrap())), "lacks-revocation"),
        ("a delta by itself, revoked",      required().with(|w| w.evidence.crls.push(fresh(7, 9).entry(lost()).signed_by(&w.ca).unwrap())), "revoked"),
    ];
    for (what, world, expected) in rows {
        assert_eq!(world.word(), expected, "{what}: {:?}", world.judge());
    }
}

/// One list for the certificates of several authorities (§5.3.3): serial number 3 is somebody else's.
#[test]
fn an_indirect_list_says_whose_certificate_it_means() {
    let owner = |name: &certs::Name| Writer::build(|w| w.sequence(|w| w.explicit(4, |w| w.raw(name.der()))));
    let scope = Writer::build(|w| w.sequence(|w| w.element(certs::der::Tag::context(4), false, &[0xff])));
    let list = |whose: Option<&certs::Name>, indirect: bool| {
        let entry = revoked(3, NOW - 9, RevocationReason::Superseded);
        let mut draft = CrlDraft::new(NOW - DAY, Some(NOW + DAY), 7);
        draft = match whose {
            Some(name) => draft.entry_with(entry, oids::CERTIFICATE_ISSUER, true, owner(name)),
            None => draft.entry(entry),
        };
        // The next entry is of the same authority as the one before it.
        draft = draft.entry(revoked(4, NOW - 9, RevocationReason::Superseded));
        if indirect { draft.extension(oids::ISSUING_DISTRIBUTION_POINT, true, scope.clone()) } else { draft }
    };
    let judged = |draft: CrlDraft, number: u64| {
        World::leaf(|d| d.serial(serial(number))).asking(|q| q.revocation = Revocation::Require).with(|w| {
            w.evidence.crls = vec![crl(&w.root, NOW - DAY, &[]), draft.signed_by(&w.ca).unwrap()];
        })
    };
    let (other, own) = (name("Người khác"), name("CA thử nghiệm"));
    #[rustfmt::skip]
    let rows = [
        ("own certificate", list(None, true), 3, "revoked"),
        ("somebody else's", list(Some(&other), true), 3, "valid"),
        ("somebody else's, the next", list(Some(&other), true), 4, "valid"),
        ("own, said so", list(Some(&own), true), 3, "revoked"),
        ("not said to be indirect", list(Some(&other), false), 5, "lacks-revocation"),
    ];
    for (what, draft, number, expected) in rows {
        assert_eq!(judged(draft, number).word(), expected, "{what}");
    }
}

/// RULES D27: in a closed network a list may be a few days late, if the operator says so; the path tells.
#[test]
fn d27_a_late_list_counts_within_the_grace_and_is_reported() {
    let late = |grace: i64, entries: &[certs::revocation::RevokedEntry]| {
        with_crl(NOW - 9 * DAY, entries).with(|w| w.limits.revocation_grace_seconds = grace)
    };
    assert_eq!(late(0, &[]).word(), "lacks-revocation");
    assert_eq!(late(DAY, &[]).word(), "lacks-revocation", "two days late");
    let path = late(3 * DAY, &[]).judge().path().cloned().unwrap();
    assert_eq!((path.statuses()[0].late_by, path.statuses()[1].late_by), (2 * DAY, 0));
    let entry = revoked(3, NOW - 9 * DAY, RevocationReason::CertificateHold);
    assert_eq!(late(3 * DAY, &[entry]).word(), "revoked");
    // A fresh one is preferred to a late one, wherever it stands.
    let both = late(3 * DAY, &[]).with(|w| w.evidence.crls.push(crl(&w.ca, NOW - DAY, &[])));
    assert_eq!(both.judge().path().unwrap().statuses()[0].late_by, 0);
}

/// Evidence somebody supplied has to suffice; without any nothing is asked.
#[test]
fn supplied_evidence_is_heard() {
    let supplied = |world: World| world.asking(|q| q.revocation = Revocation::IfSupplied);
    assert_eq!(supplied(World::plain()).word(), "valid");
    assert_eq!(supplied(with_crl(NOW - DAY, &[])).word(), "valid");
    assert_eq!(supplied(with_crl(NOW - 9 * DAY, &[])).word(), "lacks-revocation");
    let by_stranger =
        with_crl(NOW - DAY, &[]).with(|w| w.evidence.crls[1] = crl(&namesake(), NOW - DAY, &[]));
    assert_eq!(supplied(by_stranger).word(), "lacks-revocation");
}

/// Two answers about one certificate in one response: the bad one counts.
#[test]
fn every_answer_of_a_response_counts() {
    let world = required().with(|w| {
        let fine = good(w, Digest::Sha1);
        let bad = OcspAnswer { status: facts(NOW - 9), ..good(w, Digest::Sha256) };
        w.evidence.ocsp.push(OcspDraft::new(NOW - DAY).answer(fine).answer(bad).signed_by(&w.ca).unwrap());
    });
    assert_eq!(world.word(), "revoked");
    let backwards = answered(|a| a.next_update = Some(a.this_update - 1))
        .with(|w| w.limits.revocation_grace_seconds = 9 * DAY);
    assert_eq!(shortfalls(&backwards), [Shortfall::Damaged]);
}

/// A signer of lists whose certificate needs a list of a signer that needs a list …: the search ends.
#[test]
fn signers_of_lists_cannot_vouch_for_one_another() {
    let signer = |world: &World, name_of: &str, number: u64, key: &certs::keys::Key| {
        let draft =
            Draft::new(&name(name_of), key.public(), serial(number), LIFE).key_usage(&[Usage::CrlSign]);
        Authority::new(draft.signed_by(&world.ca).unwrap(), copy(key)).unwrap()
    };
    let world = required().with(|w| {
        // Both bear the authority's name, as a separate key for lists does; each signed a list only.
        let one = signer(w, "CA thử nghiệm", 41, &CA2_KEY);
        let two = signer(w, "CA thử nghiệm", 42, &OTHER_KEY);
        w.evidence.certificates.extend([one.certificate().clone(), two.certificate().clone()]);
        w.evidence.crls.push(crl(&one, NOW - DAY, &[revoked(42, NOW - 9, RevocationReason::KeyCompromise)]));
        w.evidence.crls.push(crl(&two, NOW - DAY, &[revoked(41, NOW - 9, RevocationReason::KeyCompromise)]));
    });
    assert_eq!(world.word(), "lacks-revocation", "each calls the other a liar");
    let world = required().with(|w| {
        let one = signer(w, "CA thử nghiệm", 41, &CA2_KEY);
        w.evidence.certificates.push(one.certificate().clone());
        w.evidence.crls.push(crl(&one, NOW - DAY, &[]));
    });
    assert_eq!(world.word(), "valid", "a separate key for lists, covered by its own list");
}

/// RFC 9654: whoever sends a nonce compares.
#[test]
fn a_nonce_is_compared() {
    let world = World::plain();
    let id = || vec![CertId::new(&world.leaf, world.ca.certificate(), Digest::Sha1)];
    let asked = OcspRequest::new(id(), Some(vec![7; 32]));
    let answer = |request: &OcspRequest| {
        OcspDraft::answering(request, NOW, None, |_| OcspStatus::Good).signed_by(&world.ca).unwrap()
    };
    assert!(answer(&asked).repeats_nonce_of(&asked));
    assert!(!answer(&OcspRequest::new(id(), Some(vec![8; 32]))).repeats_nonce_of(&asked));
    assert!(!answer(&OcspRequest::new(id(), None)).repeats_nonce_of(&asked), "a replayed answer");
    let plain = OcspRequest::new(id(), None);
    assert!(answer(&plain).repeats_nonce_of(&plain) && answer(&asked).repeats_nonce_of(&plain));
}

/// An authority elsewhere under the root certifies a namesake of ours, which signs a clean list: nobody's word.
#[test]
fn a_namesake_elsewhere_does_not_speak_for_an_authority() {
    let signer = |by: &Authority| {
        let draft = Draft::new(&name("CA thử nghiệm"), OTHER_KEY.public(), serial(71), LIFE);
        let certificate = draft.key_usage(&[Usage::CrlSign]).signed_by(by).unwrap();
        Authority::new(certificate, copy(&OTHER_KEY)).unwrap()
    };
    let judged = |elsewhere: bool| {
        required().with(|w| {
            let rogue =
                issue::root(&name("CA khác"), CA2_KEY.public(), serial(70), LIFE).signed_by(&w.root).unwrap();
            let rogue = Authority::new(rogue, copy(&CA2_KEY)).unwrap();
            let namesake = signer(if elsewhere { &rogue } else { &w.root });
            w.evidence.certificates.extend([rogue.certificate().clone(), namesake.certificate().clone()]);
            w.evidence.crls.push(crl(&namesake, NOW - DAY, &[]));
            w.evidence.crls.push(crl(&rogue, NOW - DAY, &[]));
        })
    };
    assert_eq!(judged(false).word(), "valid", "the root certified a key for the lists of our authority");
    assert_eq!(judged(true).word(), "lacks-revocation");
}

/// RFC 6960 §4.4.4: a responder that keeps answering about expired certificates says since when.
#[test]
fn d34_an_archive_cutoff_lets_an_answer_after_expiry_count() {
    let judged = |since: Option<i64>| {
        World::leaf(|d| d.valid(NOW - DAY, NOW + DAY))
            .asking(|q| {
                q.revocation = Revocation::Require;
                q.now = Some(NOW + 5 * 365 * DAY);
            })
            .with(|w| {
                w.evidence.crls = vec![crl(&w.root, NOW, &[])];
                let later = NOW + 4 * 365 * DAY;
                let answer = OcspAnswer { this_update: later, next_update: None, ..good(w, Digest::Sha1) };
                let draft = OcspDraft::new(later).answer(answer);
                let draft = since.map_or(draft.clone(), |since| draft.archive_cutoff(since));
                w.evidence.ocsp.push(draft.signed_by(&w.ca).unwrap());
            })
    };
    assert_eq!(shortfalls(&judged(None)), [Shortfall::AfterExpiry]);
    assert_eq!(judged(Some(NOW)).word(), "valid");
    assert_eq!(shortfalls(&judged(Some(NOW + 2 * DAY))), [Shortfall::AfterExpiry], "it expired before that");
}

/// Thousands of names on both sides: the budget ends the comparing.
#[test]
fn a_flood_of_distribution_points_exhausts_the_budget() {
    let urls: Vec<String> = (0..1500).map(|n| format!("http://{n}.vn/")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let scope = Writer::build(|w| {
        w.sequence(|w| {
            w.explicit(0, |w| {
                w.explicit(0, |w| {
                    for n in 0..1500 {
                        w.element(certs::der::Tag::context(6), false, format!("http://{n}.com/").as_bytes());
                    }
                })
            })
        })
    });
    let world = required().with(|w| {
        w.limits.certificate_bytes = 1 << 20;
        w.leaf = leaf_draft().crl_urls(&urls).signed_by(&w.ca).unwrap();
        for number in 0..20 {
            let draft = CrlDraft::new(NOW - DAY, Some(NOW + DAY), number);
            let draft = draft.extension(oids::ISSUING_DISTRIBUTION_POINT, true, scope.clone());
            w.evidence.crls.push(draft.signed_by(&w.ca).unwrap());
        }
    });
    let start = std::time::Instant::now();
    assert_eq!(shortfalls(&world), [Shortfall::Budget; 20]);
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}
