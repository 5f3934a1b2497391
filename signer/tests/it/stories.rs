//! What a good house does, step by step.

use crate::pictures;
use crate::world::{DAY, NOON, World, at, blank, line};
use certs::Serial;
use certs::algorithm::Digest;
use certs::issue::Validity;
use certs::keys::{Key, Scheme, Size};
use certs::revocation::{OcspStatus, RevocationFacts, RevocationReason};
use signer::make::{self, Appearance, Ink, Mark, PageChoice, Picture, Place, SealBasis, Signing};
use signer::pdf;
use signer::tst::{self, TokenVerdict};
use signer::{Arrival, Class, Code, Integrity, LegalValue, Limits, Role, Verdict};
use signer::{Coverage, SignatureKind};

#[test]
fn a_blank_page_is_a_readable_unsigned_pdf() {
    let facts = pdf::read(&blank(), &Limits::default()).unwrap();
    assert!(facts.signatures.is_empty() && facts.empty_fields.is_empty());
    let judged = World::get().judge(&blank(), &Default::default(), NOON);
    assert_eq!(judged.class(), Class::Unsigned);
    assert_eq!(judged.report().integrity, Integrity::None);
}

#[test]
fn d23_leader_then_agency_then_evidence_each_an_update() {
    let world = World::get();
    let original = blank();
    let file = world.complete();
    assert!(file.starts_with(&original), "the original bytes stay");
    let facts = pdf::read(&file, &Limits::default()).unwrap();
    let rows: Vec<_> =
        facts.signatures.iter().map(|s| (s.field.as_str(), s.coverage, s.fault.clone())).collect();
    assert_eq!(
        rows,
        [("ChuKySo1", Coverage::WholeRevision, None), ("ChuKySo2", Coverage::WholeRevision, None)]
    );
    assert_eq!(facts.store.crls.len(), 2);
}

#[test]
fn r14_d30_the_complete_document_is_the_equal_of_an_original() {
    let world = World::get();
    let file = world.complete();
    // No evidence from outside: the file brings its own (D34), today and in five years.
    for now in [NOON + 3600, NOON + 5 * 365 * DAY] {
        let judged = world.judge(&file, &Default::default(), now);
        assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
        assert_eq!(judged.verdict(), Verdict::Valid);
        let roles: Vec<_> = judged.report().signatures.iter().map(|s| s.role).collect();
        assert_eq!(roles, [Role::Leader, Role::Agency]);
        assert_eq!(judged.legal_value(Arrival::Exchange), LegalValue::OriginalEquivalent);
        let document = judged.require_original(Arrival::Exchange).unwrap();
        assert!(file.starts_with(document.signed_bytes()));
        assert!(document.signed_bytes().ends_with(b"%%EOF\n"));
        assert!(judged.require_original(Arrival::Otherwise).is_err());
        assert!(judged.accept_by_officer("vì").is_err(), "nothing to decide");
    }
}

#[test]
fn r14_the_eight_combinations() {
    let world = World::get();
    let evidence = world.evidence(NOON + 120);
    let leader = world.sign(&blank(), &world.leader, NOON);
    let seal = world.sign(&blank(), &world.seal, NOON);
    let both = world.sign(&leader, &world.seal, NOON + 60);
    let rows = [
        (&both, Arrival::Exchange, vec![]),
        (&both, Arrival::Otherwise, vec![Code::NotByExchange]),
        (&leader, Arrival::Exchange, vec![Code::SealMissing]),
        (&leader, Arrival::Otherwise, vec![Code::SealMissing, Code::NotByExchange]),
        (&seal, Arrival::Exchange, vec![Code::LeaderMissing]),
        (&seal, Arrival::Otherwise, vec![Code::LeaderMissing, Code::NotByExchange]),
        (&blank(), Arrival::Exchange, vec![Code::LeaderMissing, Code::SealMissing]),
        (&blank(), Arrival::Otherwise, vec![Code::LeaderMissing, Code::SealMissing, Code::NotByExchange]),
    ];
    for (file, arrival, expected) in rows {
        let judged = world.judge(file, &evidence, NOON + 180);
        let found = match judged.legal_value(arrival) {
            LegalValue::OriginalEquivalent => vec![],
            LegalValue::ForInformation { because } => because.iter().map(|r| r.code).collect(),
        };
        assert_eq!(found, expected, "{arrival:?} {}", line(&judged));
    }
}

#[test]
fn r82_d29_9_the_seal_comes_after_the_leader() {
    let world = World::get();
    let limits = Limits::default();
    let evidence = world.evidence(NOON + 120);
    let sealed = world.sign(&blank(), &world.seal, NOON);
    let wrong = world.sign(&sealed, &world.leader, NOON + 60);
    let judged = world.judge(&wrong, &evidence, NOON + 180);
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
    let LegalValue::ForInformation { because } = judged.legal_value(Arrival::Exchange) else { panic!() };
    assert_eq!(because.iter().map(|r| r.code).collect::<Vec<_>>(), [Code::SealOrder]);

    let unsigned = world.judge(&blank(), &evidence, NOON + 180);
    let seal = world.signing(&world.seal, NOON);
    let refused = make::prepare_seal(&unsigned, &SealBasis::Leader, &seal, &limits).err().unwrap();
    assert_eq!(refused.code, Code::LeaderMissing);
    let led = world.judge(&world.sign(&blank(), &world.leader, NOON), &evidence, NOON + 180);
    assert!(make::prepare_seal(&led, &SealBasis::Leader, &seal, &limits).is_ok());
    let unproven = world.judge(&world.sign(&blank(), &world.leader, NOON), &Default::default(), NOON + 180);
    let refused = make::prepare_seal(&unproven, &SealBasis::Leader, &seal, &limits).err().unwrap();
    assert_eq!((refused.code, refused.detail.as_deref()), (Code::LeaderMissing, Some("UNKNOWN_REVOCATION")));
    let decision = |reason: &str| SealBasis::Decision { reason: reason.to_owned() };
    assert!(make::prepare_seal(&unproven, &decision(" "), &seal, &limits).is_err(), "a reason is needed");
    for basis in [decision("mạng hỏng, đã gọi điện"), SealBasis::Attachment, SealBasis::Copy] {
        assert!(make::prepare_seal(&unproven, &basis, &seal, &limits).is_ok(), "{basis:?}");
    }
}

#[test]
fn d10_d29_4_without_evidence_or_timestamp() {
    let world = World::get();
    let timed = world.sign(&blank(), &world.leader, NOON);
    let untimed = world.sign_untimed(&blank(), &world.leader, NOON);
    let nothing = Default::default();
    let known = world.evidence(NOON + 120);
    let rows = [
        (&timed, &known, Class::Valid),
        (&untimed, &known, Class::ValidNoTimestamp),
        (&timed, &nothing, Class::UnknownRevocation),
        (&untimed, &nothing, Class::UnknownRevocation),
    ];
    for (file, evidence, expected) in rows {
        let judged = world.judge(file, evidence, NOON + 180);
        assert_eq!(judged.class(), expected, "{}", line(&judged));
        assert_eq!(judged.report().integrity, Integrity::Intact);
        assert_eq!(judged.lacks().is_empty(), expected != Class::UnknownRevocation);
        if expected == Class::UnknownRevocation {
            assert!(judged.require_valid().unwrap_err().ask_again());
            assert!(judged.accept_by_officer("  ").is_err(), "a reason is needed");
            assert!(judged.accept_by_officer("đã xác minh qua điện thoại").is_ok());
        }
    }
}

#[test]
fn d34_revoked_before_and_after_signing() {
    let world = World::get();
    let timed = world.sign(&blank(), &world.leader, NOON);
    let untimed = world.sign_untimed(&blank(), &world.leader, NOON);
    let rows = [
        (&timed, NOON + DAY, Verdict::Valid, "VALID"),
        (&timed, NOON - DAY, Verdict::Invalid, "INVALID"),
        (&untimed, NOON + DAY, Verdict::Indeterminate, "INVALID"),
        (&untimed, NOON - DAY, Verdict::Indeterminate, "INVALID"),
    ];
    for (file, revoked, verdict, class) in rows {
        let mut evidence = world.evidence(NOON + 2 * DAY);
        evidence.crls = world.crls(NOON + 2 * DAY, &[(&world.leader, revoked)]);
        let judged = world.judge(file, &evidence, NOON + 3 * DAY);
        assert_eq!((judged.verdict(), judged.class().word()), (verdict, class), "{}", line(&judged));
    }
}

#[test]
fn d5_signed_after_expiry_or_before_validity() {
    let world = World::get();
    let late = NOON + 3 * 365 * DAY;
    let early = NOON - 2 * 365 * DAY;
    for (time, code) in [(late, Code::Expired), (early, Code::NotYetValid)] {
        let file = world.sign(&blank(), &world.leader, time);
        let judged = world.judge(&file, &world.evidence(time + 60), time + 120);
        assert_eq!(judged.class(), Class::Invalid(code), "{}", line(&judged));
        assert_eq!(judged.verdict(), Verdict::Invalid);
    }
}

#[test]
fn d26_a_strangers_root_is_not_trusted() {
    let world = World::get();
    let mut signing = world.signing(&world.stranger, NOON);
    signing.certificates = vec![world.stranger.certificate().clone()];
    let file =
        make::sign(&blank(), &signing, world.stranger.key(), |_| Ok(None), &Limits::default()).unwrap();
    let judged = world.judge(&file, &world.evidence(NOON), NOON + 60);
    assert_eq!(judged.class(), Class::Invalid(Code::Untrusted), "{}", line(&judged));
    assert_eq!((judged.verdict(), judged.report().integrity), (Verdict::Indeterminate, Integrity::Intact));
    // With its root sent along the answer is the same: being there is not being trusted.
    let mut evidence = world.evidence(NOON);
    evidence.certificates.push(world.stranger_root.certificate().clone());
    let judged = world.judge(&file, &evidence, NOON + 60);
    assert_eq!(judged.class(), Class::Invalid(Code::Untrusted), "{}", line(&judged));
}

#[test]
fn d25_the_directory_places_a_certificate_and_no_personal_number_leaves() {
    let world = World::get();
    let file = world.complete();
    let mut policy = world.policy();
    policy.roles.insert(world.leader.certificate().sha256(), Role::Agency);
    let judged = signer::judge(file, &policy, &Default::default(), at(NOON + 3600));
    assert_eq!(judged.report().signatures[0].role, Role::Agency, "the directory wins over the UID");
    let json = serde_json::to_string(judged.report()).unwrap();
    assert!(json.contains("Nguyễn Văn A") && !json.contains("001099012345") && !json.contains("CCCD"));
    let unknown = world.judge(&world.sign(&blank(), &world.leader, NOON), &Default::default(), NOON + 60);
    let refused = unknown.require_valid().unwrap_err();
    for text in [format!("{judged:?}"), format!("{unknown:?}"), format!("{refused:?}"), format!("{refused}")]
    {
        assert!(!text.contains("001099012345") && text.len() < 600, "{text}");
    }
}

#[test]
fn the_report_speaks_the_words_of_the_command_contract() {
    let world = World::get();
    let judged = world.judge(&world.complete(), &Default::default(), NOON + 3600);
    let json: serde_json::Value = serde_json::to_value(judged.report()).unwrap();
    assert_eq!(json["verdict"], "valid");
    assert_eq!(json["integrity"], "intact");
    let first = &json["signatures"][0];
    assert_eq!(first["verdict"], "valid");
    assert_eq!(first["integrity"], "intact");
    assert_eq!(first["covers_whole_document"], false);
    assert_eq!(first["indication"], "TOTAL-PASSED");
    assert_eq!(first["sub_indication"], serde_json::Value::Null);
    assert_eq!(first["time"], "2026-11-22T08:00:00+07:00");
    assert_eq!(first["time_source"], "timestamp");
    assert_eq!(first["class"], "VALID");
}

#[test]
fn a_document_timestamp_proves_an_untimed_signature() {
    let world = World::get();
    let limits = Limits::default();
    let signed = world.sign_untimed(&blank(), &world.leader, NOON);
    let prepared = make::prepare_timestamp(&signed, &limits).unwrap();
    let token = world.token(&prepared.timestamp_request(5), NOON + 60);
    let file = prepared.finish(&token).unwrap();
    let mut evidence = world.evidence(NOON + 2 * DAY);
    evidence.crls = world.crls(NOON + 2 * DAY, &[(&world.leader, NOON + DAY)]);
    let judged = world.judge(&file, &evidence, NOON + 3 * DAY);
    assert_eq!(judged.class(), Class::Valid, "revoked a day after the proof: {}", line(&judged));
    assert_eq!(judged.report().signatures[1].kind, SignatureKind::Timestamp);
}

#[test]
fn docmdp_level_one_closes_a_document_to_signatures_but_not_to_evidence() {
    let world = World::get();
    let limits = Limits::default();
    let mut signing = world.signing(&world.leader, NOON);
    signing.certify = Some(1);
    let file = make::sign(&blank(), &signing, world.leader.key(), |_| Ok(None), &limits).unwrap();
    let refused = make::prepare(&file, &world.signing(&world.seal, NOON), &limits).err().unwrap();
    assert_eq!(refused.code, Code::MakeLocked);
    let archived = make::add_evidence(&file, &world.evidence(NOON), &limits).unwrap();
    let facts = pdf::read(&archived, &limits).unwrap();
    assert_eq!(facts.signatures[0].fault, None);
}

#[test]
fn a_visible_signature_with_a_vietnamese_reason() {
    let world = World::get();
    let mut signing = world.signing(&world.leader, NOON).reason("Phê duyệt").field("Lãnh đạo");
    signing.appearance = Some(Appearance {
        page: PageChoice::Number(1),
        place: Place::Points([300.0, 100.0, 200.0, 60.0]),
        mark: Mark::Text("Nguyễn Văn A; 22/11/2026; 08:00:00 +07:00".to_owned()),
    });
    let file = make::sign(&blank(), &signing, world.leader.key(), |_| Ok(None), &Limits::default()).unwrap();
    let judged = world.judge(&file, &world.evidence(NOON), NOON + 60);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    let signature = &judged.report().signatures[0];
    assert_eq!(
        (signature.field.as_str(), signature.stated_reason.as_deref()),
        ("Lãnh đạo", Some("Phê duyệt"))
    );
}

#[test]
fn d31_d32_what_the_judgement_used_is_what_the_file_needs() {
    let world = World::get();
    let file = world.sign(&world.sign(&blank(), &world.leader, NOON), &world.seal, NOON + 60);
    let judged = world.judge(&file, &world.evidence(NOON + 120), NOON + 180);
    let archived = make::add_evidence(&file, judged.used_evidence(), &Limits::default()).unwrap();
    assert!(
        make::release(archived.clone(), &world.policy(), &Default::default(), at(NOON + 400 * DAY)).is_ok()
    );
    let again = make::add_evidence(&archived, judged.used_evidence(), &Limits::default()).unwrap();
    assert_eq!(again, archived, "nothing is archived twice");
}

#[test]
fn a_later_signature_may_not_hide_the_page() {
    let world = World::get();
    let signed = world.sign_untimed(&blank(), &world.leader, NOON);
    let mut signing = world.signing(&world.seal, NOON);
    let picture = Picture::read(&pictures::handwriting(600, 800), Ink::Signature).unwrap();
    let mut cover = |box_: [f64; 4]| {
        let mark = Mark::Signature(picture.clone());
        signing.appearance = Some(Appearance { page: PageChoice::First, place: Place::Points(box_), mark });
        make::sign(&signed, &signing, world.seal.key(), |_| Ok(None), &Limits::default())
    };
    assert!(cover([100.0, 100.0, 120.0, 120.0]).is_ok());
    assert_eq!(cover([0.0, 0.0, 595.0, 842.0]).unwrap_err().code, Code::MakeCheck);
}

#[test]
fn d32_release_gives_proof_or_the_reason() {
    let world = World::get();
    let file = world.complete();
    assert!(make::release(file, &world.policy(), &Default::default(), at(NOON + 3600)).is_ok());
    let unproven = world.sign(&blank(), &world.leader, NOON);
    let refused = make::release(unproven, &world.policy(), &Default::default(), at(NOON + 3600)).unwrap_err();
    assert_eq!(refused.class, Class::UnknownRevocation);
}

#[test]
fn other_formats_are_refused_by_name() {
    let judged = World::get().judge(b"PK\x03\x04", &Default::default(), NOON);
    assert_eq!(judged.class(), Class::Invalid(Code::FormatUnsupported));
    assert_eq!(judged.verdict(), Verdict::Indeterminate);
}

#[test]
fn d12_every_kind_of_key_signs_and_stamps() {
    let world = World::get();
    let sizes = [Size::Rsa2048, Size::Rsa3072, Size::P256, Size::P384, Size::P521, Size::Ed25519];
    let mut rows: Vec<(Key, Scheme)> = sizes
        .into_iter()
        .map(|size| {
            let key = Key::generate(size).unwrap();
            let scheme = key.usual_scheme();
            (key, scheme)
        })
        .collect();
    for scheme in [Scheme::RsaPssSha256, Scheme::RsaPssSha512, Scheme::RsaPkcs1Sha384, Scheme::RsaPkcs1Sha512]
    {
        rows.push((Key::from_pem(&rows[0].0.to_pem().unwrap(), None).unwrap(), scheme));
    }
    for (number, (key, scheme)) in (300..).zip(&rows) {
        let validity = Validity { from: NOON - DAY, until: NOON + 365 * DAY };
        let name = world.leader.certificate().subject();
        let certificate =
            certs::issue::leader(name, key.public(), Serial::from_u64(number), validity, "a@b.gov.vn")
                .signed_by(&world.ca)
                .unwrap();
        let signing = Signing::new(vec![certificate], *scheme, at(NOON));
        let file = make::sign(&blank(), &signing, key, |_| Ok(None), &Limits::default()).unwrap();
        let judged = world.judge(&file, &world.evidence(NOON + 60), NOON + 120);
        assert_eq!(judged.class(), Class::ValidNoTimestamp, "{scheme:?}: {}", line(&judged));

        let stamper =
            certs::issue::timestamp_authority(name, key.public(), Serial::from_u64(number), validity)
                .signed_by(&world.ca)
                .unwrap();
        let authority = tst::Authority {
            key,
            certificates: &[stamper],
            policy: certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]),
        };
        let request = tst::Request::over(b"x", 3);
        let answer = tst::answer(&request.to_der(), &authority, number, NOON);
        let token = tst::read_response(&answer, &request, &Limits::default()).unwrap();
        let token = tst::Token::read(&token, &Limits::default()).unwrap();
        let trust = world.policy().trust;
        let verdict = token.judge(&world.evidence(NOON + 60), &trust, NOON + 120, &Default::default());
        assert!(matches!(verdict, TokenVerdict::Valid { weak: false, .. }), "{scheme:?} {verdict:?}");
    }
}

#[test]
fn rfc_3161_2_3_only_a_timestamp_certificate_stamps() {
    let world = World::get();
    let request = tst::Request::over(b"x", 3);
    let policy = certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]);
    let rows = [(&world.tsa, NOON, None), (&world.leader, NOON, Some(Code::TimestampInvalid))];
    for (who, time, expected) in rows {
        let certificates = world.chain(who);
        let authority = tst::Authority { key: who.key(), certificates: &certificates, policy };
        let answer = tst::answer(&request.to_der(), &authority, 1, time);
        let token = tst::read_response(&answer, &request, &Limits::default()).unwrap();
        let token = tst::Token::read(&token, &Limits::default()).unwrap();
        let judge = |now| token.judge(&world.evidence(NOON), &world.policy().trust, now, &Default::default());
        match (judge(NOON + 60), expected) {
            (TokenVerdict::Valid { .. }, None) => {}
            (TokenVerdict::Invalid(reason), Some(code)) => assert_eq!(reason.code, code),
            (other, _) => panic!("{other:?}"),
        }
        assert!(matches!(judge(NOON - 3600), TokenVerdict::Invalid(_)), "a stamp from the future");
    }
    // Other policies, weak digests and extensions are refused.
    let authority = tst::Authority { key: world.tsa.key(), certificates: &world.chain(&world.tsa), policy };
    let weak = tst::Request::new(Digest::Sha1, vec![0; 20], 1);
    let refused =
        tst::read_response(&tst::answer(&weak.to_der(), &authority, 1, NOON), &weak, &Limits::default());
    assert_eq!(refused.unwrap_err().code, Code::TimestampRefused);
}

#[test]
fn an_ocsp_answer_decides_as_a_list_does() {
    let world = World::get();
    let file = world.sign(&blank(), &world.leader, NOON);
    let facts =
        RevocationFacts { revoked_at: NOON - 60, invalid_since: None, reason: RevocationReason::Superseded };
    let rows = [
        (OcspStatus::Good, Class::Valid),
        (OcspStatus::Revoked(facts), Class::Invalid(Code::Revoked)),
        (OcspStatus::Unknown, Class::UnknownRevocation),
    ];
    for (status, class) in rows {
        let mut evidence = world.evidence(NOON + 60);
        // The list of the issuing authority stays out; the timestamp authority is asked by OCSP too.
        evidence.crls.remove(0);
        evidence.ocsp = vec![
            world.ocsp(&world.leader, status, NOON + 60),
            world.ocsp(&world.tsa, OcspStatus::Good, NOON + 60),
        ];
        let judged = world.judge(&file, &evidence, NOON + 120);
        assert_eq!(judged.class(), class, "{}", line(&judged));
        let archived = make::add_evidence(&file, &evidence, &Limits::default()).unwrap();
        let again = world.judge(&archived, &Default::default(), NOON + 300 * DAY);
        assert_eq!(again.class(), class, "D34, from the file alone: {}", line(&again));
    }
}

#[test]
fn timestamps_that_contradict_the_order_of_signatures() {
    let world = World::get();
    let first = world.sign(&blank(), &world.leader, NOON);
    let rows = [(NOON - 60, Verdict::Valid), (NOON - 3600, Verdict::Indeterminate)];
    for (time, verdict) in rows {
        let file = world.sign(&first, &world.seal, time);
        let judged = world.judge(&file, &world.evidence(NOON + 60), NOON + 120);
        assert_eq!(judged.verdict(), verdict, "{}", line(&judged));
    }
}

#[test]
fn a_circular_with_twenty_signatures() {
    let world = World::get();
    let mut file = blank();
    for n in 0..20 {
        file = world.sign_untimed(&file, &world.seal, NOON + n);
    }
    let judged = world.judge(&file, &world.evidence(NOON + 60), NOON + 120);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    assert_eq!(judged.report().signatures.len(), 20);
    assert!(judged.report().signatures.last().is_some_and(|s| s.covers_whole_document));
}
