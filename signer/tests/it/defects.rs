//! Every defect a certificate, its issuers or its evidence may have, and what it makes of a document (RULES D30, ETSI
//! EN 319 102-1 §5).

use crate::world::{NOON, at, blank, line};
use certs::issue::world::{Case, Defect};
use certs::trust::Hierarchy;
use signer::make::{self, Signing};
use signer::{Class, Judged, Limits, Policy, judge};

/// A document signed with the case's certificate, without a timestamp, judged at once.
fn judged(case: &Case, with_issuer: bool) -> Judged {
    let chain = if with_issuer { case.chain() } else { vec![case.leaf.certificate().clone()] };
    let signing = Signing::new(chain, case.leaf.key().usual_scheme(), at(NOON));
    let file = make::sign(&blank(), &signing, case.leaf.key(), |_| Ok(None), &Limits::default());
    let file = file.unwrap_or_else(|reason| panic!("{reason:?}"));
    let hierarchy = Some(Hierarchy::PublicService);
    let policy = Policy { trust: case.trust.clone(), hierarchy, ..Policy::default() };
    judge(file, &policy, &case.evidence, at(NOON))
}

#[test]
fn d30_every_defect_on_demand_has_its_class() {
    use Defect as D;
    let good = judged(&Case::good(NOON).unwrap(), true);
    assert_eq!(good.class(), Class::ValidNoTimestamp, "{}", line(&good));
    #[rustfmt::skip]
    let rows: &[(Defect, &str)] = &[
        (D::Expired, "INVALID certificate-expired"),
        (D::NotYetValid, "INVALID certificate-not-yet-valid"),
        (D::IssuerExpired, "INVALID certificate-expired"),
        (D::WrongKeyUsage, "INVALID key-usage"),
        (D::NoKeyUsage, "VALID_NO_TIMESTAMP"),
        (D::WrongExtendedKeyUsage, "INVALID key-usage"),
        (D::NoExtendedKeyUsage, "VALID_NO_TIMESTAMP"),
        (D::BadSignature, "INVALID path-invalid"),
        (D::IssuerBadSignature, "INVALID path-invalid"),
        (D::ForgedIssuer, "INVALID path-invalid"),
        (D::Sha1, "WEAK weak-digest"),
        (D::Md5, "WEAK weak-digest"),
        (D::Rsa1024, "WEAK weak-key"),
        (D::Rsa512, "INVALID algorithm-unsupported"),
        (D::PathLength, "INVALID path-invalid"),
        (D::NameConstraints, "INVALID path-invalid"),
        (D::IssuerNotAuthority, "INVALID path-invalid"),
        (D::IssuerMayNotSign, "INVALID path-invalid"),
        (D::UnknownCritical, "INVALID path-invalid"),
        (D::DuplicateExtension, "INVALID path-invalid"),
        (D::DamagedExtension, "INVALID path-invalid"),
        (D::IssuerVersion1, "INVALID path-invalid"),
        (D::UntrustedRoot, "INVALID untrusted"),
        (D::RootForOthers, "INVALID untrusted"),
        (D::IssuerMissing, "INVALID untrusted"),
        (D::SelfSigned, "INVALID untrusted"),
        (D::RevokedBefore, "INVALID certificate-revoked-no-proof"),
        (D::Suspended, "INVALID certificate-revoked-no-proof"),
        (D::IssuerRevoked, "INVALID certificate-revoked"),
        (D::NoEvidence, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::StaleCrl, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::FutureCrl, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::BadCrlSignature, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::CrlForAuthorities, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::CrlUnknownCritical, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::IssuerMayNotSignCrls, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::DeltaRevoked, "INVALID certificate-revoked-no-proof"),
        (D::DeltaAlone, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::OtherPartition, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::PartitionRevoked, "INVALID certificate-revoked-no-proof"),
        (D::SomeReasons, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::IndirectRevoked, "INVALID certificate-revoked-no-proof"),
        (D::IndirectStranger, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::OcspRevoked, "INVALID certificate-revoked-no-proof"),
        (D::OcspUnknown, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::OcspStale, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::OcspWrongResponder, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::OcspResponderWithoutUsage, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::OcspResponderExpired, "UNKNOWN_REVOCATION revocation-unknown"),
        (D::OcspOther, "UNKNOWN_REVOCATION revocation-unknown"),
    ];
    let mut wrong = Vec::new();
    for defect in Defect::ALL {
        // Those of timestamp authorities have no document, and revocation that comes later is not known at once.
        if matches!(
            defect,
            D::TsaNotCritical | D::TsaForMore | D::RevokedAfter | D::WrongPolicy | D::NoPolicy
        ) {
            continue;
        }
        let judged = judged(&Case::of(*defect, NOON).unwrap(), *defect != D::IssuerMissing);
        let signature = &judged.report().signatures[0];
        let reasons: Vec<&str> = signature.reasons.iter().map(|reason| reason.code.id()).collect();
        let said = [&[signature.class.word()], reasons.as_slice()].concat().join(" ");
        let expected =
            rows.iter().find(|(row, _)| row == defect).map_or("no line", |(_, expected)| *expected);
        if said != expected {
            wrong.push(format!("        (D::{defect:?}, \"{said}\"),"));
        }
        assert!(judged.require_valid().is_err() || said.starts_with("VALID"), "{defect:?}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The token's own certificate is held to more than others' (RFC 3161 §2.3).
#[test]
fn a_timestamp_by_a_defective_authority_proves_no_time() {
    for defect in [Defect::TsaNotCritical, Defect::TsaForMore] {
        let case = Case::of(defect, NOON).unwrap();
        let request = signer::tst::Request::over(b"x", 7);
        let chain = case.chain();
        let policy = certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 32473, 1]);
        let authority = signer::tst::Authority { key: case.leaf.key(), certificates: &chain, policy };
        let answer = signer::tst::answer(&request.to_der(), &authority, 7, NOON);
        let token = signer::tst::read_response(&answer, &request, &Limits::default()).unwrap();
        let token = signer::tst::Token::read(&token, &Limits::default()).unwrap();
        let verdict = token.judge(&case.evidence, &case.trust, NOON, &certs::Limits::default());
        assert!(matches!(verdict, signer::tst::TokenVerdict::Invalid(_)), "{defect:?}: {verdict:?}");
    }
}
