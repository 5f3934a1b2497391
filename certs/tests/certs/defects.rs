//! Every defect on demand, and what the judge says about it.

use certs::issue::world::{Case, Defect, World, YEAR};
use certs::path::{Lack, PathVerdict, Standing, Weakness};
use certs::revocation::Shortfall;
use certs::trust::Purpose;

use crate::world::{NOW, word};

/// A verdict in one line: `valid` with what is reported beside it, a defect and whose, or what is lacking and why.
fn line(case: &Case) -> String {
    match case.judge() {
        PathVerdict::Valid(path) => {
            let weak = path.weaknesses().iter().map(|weakness| match weakness {
                Weakness::Digest(_) => "weak digest",
                Weakness::Key(_) => "weak key",
            });
            let revoked = path.statuses().iter().filter_map(|status| match status.standing {
                Standing::RevokedLater(_) => Some("revoked later"),
                _ => None,
            });
            let all: Vec<&str> = weak.chain(revoked).collect();
            if all.is_empty() { "valid".to_owned() } else { format!("valid, {}", all.join(", ")) }
        }
        PathVerdict::Invalid(reason) => format!("{} at {}", reason.defect.code(), reason.depth),
        verdict @ PathVerdict::Undecided { .. } => {
            let PathVerdict::Undecided { lacks } = &verdict else { unreachable!() };
            let why: Vec<&Shortfall> = lacks
                .iter()
                .flat_map(|lack| match lack {
                    Lack::Revocation { shortfalls, .. } => shortfalls.as_slice(),
                    _ => &[],
                })
                .collect();
            format!("{} {why:?}", word(&verdict))
        }
    }
}

#[test]
fn every_defect_on_demand_has_its_verdict() {
    use Defect as D;
    #[rustfmt::skip]
    let rows = [
        (D::Expired, "expired at 0"),
        (D::NotYetValid, "not-yet-valid at 0"),
        (D::IssuerExpired, "expired at 1"),
        (D::WrongKeyUsage, "key-usage at 0"),
        (D::NoKeyUsage, "valid"),
        (D::WrongExtendedKeyUsage, "extended-key-usage at 0"),
        (D::NoExtendedKeyUsage, "valid"),
        (D::WrongPolicy, "policy at 0"),
        (D::NoPolicy, "policy at 0"),
        (D::BadSignature, "signature at 0"),
        (D::IssuerBadSignature, "signature at 1"),
        (D::ForgedIssuer, "signature at 0"),
        (D::Sha1, "valid, weak digest"),
        (D::Md5, "valid, weak digest"),
        (D::Rsa1024, "valid, weak key"),
        (D::Rsa512, "algorithm at 0"),
        (D::PathLength, "path-length at 1"),
        (D::NameConstraints, "name-constraints at 0"),
        (D::IssuerNotAuthority, "not-authority at 1"),
        (D::IssuerMayNotSign, "may-not-sign-certificates at 1"),
        (D::UnknownCritical, "unknown-critical at 0"),
        (D::DuplicateExtension, "unreadable at 0"),
        (D::DamagedExtension, "unreadable at 0"),
        (D::IssuerVersion1, "not-authority at 1"),
        (D::UntrustedRoot, "lacks-issuer []"),
        (D::RootForOthers, "anchor-purpose at 2"),
        (D::IssuerMissing, "lacks-issuer []"),
        (D::SelfSigned, "not-trusted at 0"),
        (D::RevokedBefore, "revoked at 0"),
        (D::RevokedAfter, "valid, revoked later"),
        (D::Suspended, "revoked at 0"),
        (D::IssuerRevoked, "revoked at 1"),
        (D::NoEvidence, "lacks-revocation []"),
        (D::StaleCrl, "lacks-revocation [Stale]"),
        (D::FutureCrl, "lacks-revocation [FromTheFuture]"),
        (D::BadCrlSignature, "lacks-revocation [Signature]"),
        (D::CrlForAuthorities, "lacks-revocation [Scope]"),
        (D::CrlUnknownCritical, "lacks-revocation [UnknownCritical]"),
        (D::IssuerMayNotSignCrls, "lacks-revocation [SignerNotAllowed]"),
        (D::DeltaRevoked, "revoked at 0"),
        (D::DeltaAlone, "lacks-revocation [Delta]"),
        (D::OtherPartition, "lacks-revocation [Scope]"),
        (D::PartitionRevoked, "revoked at 0"),
        (D::SomeReasons, "lacks-revocation [SomeReasons]"),
        (D::IndirectRevoked, "revoked at 0"),
        (D::IndirectStranger, "lacks-revocation []"),
        (D::OcspRevoked, "revoked at 0"),
        (D::OcspUnknown, "lacks-revocation [Unknown]"),
        (D::OcspStale, "lacks-revocation [Stale]"),
        (D::OcspWrongResponder, "lacks-revocation [Signature]"),
        (D::OcspResponderWithoutUsage, "lacks-revocation [SignerNotAllowed]"),
        (D::OcspResponderExpired, "lacks-revocation [SignerNotAllowed]"),
        (D::OcspOther, "lacks-revocation []"),
        (D::TsaNotCritical, "extended-key-usage at 0"),
        (D::TsaForMore, "extended-key-usage at 0"),
    ];
    let told: Vec<Defect> = rows.iter().map(|(defect, _)| *defect).collect();
    for defect in Defect::ALL {
        assert!(told.contains(defect), "{defect:?} has no line");
    }
    assert_eq!(line(&Case::good(NOW).unwrap()), "valid");
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(defect, expected)| {
            let said = line(&Case::of(*defect, NOW).unwrap());
            (said != *expected).then(|| format!("{defect:?}: {said}, expected {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same bytes in every run, and other bytes for another moment.
#[test]
fn the_world_is_the_same_in_every_run() {
    let bytes = |at: i64| {
        let world = World::new(at).unwrap();
        let all =
            [&world.root, &world.ca, &world.leader, &world.seal, &world.tsa, &world.responder, &world.server];
        let mut ders: Vec<Vec<u8>> = all.iter().map(|one| one.certificate().der().to_vec()).collect();
        ders.extend(world.crls(at, &[(&world.leader, at)]).unwrap().iter().map(|list| list.der().to_vec()));
        ders
    };
    assert_eq!(bytes(NOW), bytes(NOW));
    assert_ne!(bytes(NOW), bytes(NOW + YEAR));
    // Another machine sees the same: a fingerprint that was looked at once.
    let root = World::new(1_795_309_200).unwrap().root;
    let expected = "c37571605fc30d49a0265d9659f0f137fbf6e3b4da6de7d56566e248c7b6166a";
    assert_eq!(root.certificate().sha256().to_string(), expected);
    for defect in [Defect::Sha1, Defect::Rsa1024, Defect::OcspRevoked] {
        let case = |()| Case::of(defect, NOW).unwrap();
        assert_eq!(case(()).leaf.certificate(), case(()).leaf.certificate(), "{defect:?}");
        assert_eq!(case(()).evidence.ocsp, case(()).evidence.ocsp, "{defect:?}");
    }
}

#[test]
fn everybody_in_the_world_is_good_for_their_purpose() {
    let world = World::new(NOW).unwrap();
    for (who, purpose) in [
        (&world.leader, Purpose::Document),
        (&world.leader, Purpose::Smime),
        (&world.seal, Purpose::Document),
        (&world.tsa, Purpose::Timestamp),
        (&world.server, Purpose::Tls),
    ] {
        let verdict = certs::path::judge(
            who.certificate(),
            &world.evidence(NOW - 60).unwrap(),
            &world.trust(&[purpose]).unwrap(),
            &certs::path::Question::new(purpose, NOW),
            &certs::Limits::default(),
        );
        assert_eq!(word(&verdict), "valid", "{:?} for {purpose:?}: {verdict:?}", who.certificate());
    }
}
