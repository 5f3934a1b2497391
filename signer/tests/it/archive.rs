//! Judging again in twenty years, from what the file holds and nothing else (RULES D31, D34, ETSI EN 319 102-1 §5.6).

use crate::world::{DAY, NOON, World, YEAR, at, blank, line};
use certs::issue::{self, Authority, OcspAnswer, OcspDraft, Subject, Validity};
use certs::keys::{Key, Size};
use certs::revocation::{CertId, OcspStatus};
use certs::{Certificate, Serial, algorithm::Digest};
use signer::make;
use signer::{Class, Code, Evidence, Judged, Limits, SignatureReport, Verdict, judge, tst};

/// A timestamp authority, an answering machine or a leader with a certificate of these years after noon.
fn hand(
    name: &str,
    serial: u64,
    years: std::ops::Range<i64>,
    draft: fn(&certs::Name, &Key, Serial, Validity) -> issue::Draft,
) -> Authority {
    let key = Key::generate(Size::P256).unwrap();
    let subject = Subject::vietnamese("UBND TỈNH THỬ NGHIỆM", name).name().unwrap();
    let validity = Validity { from: NOON + years.start * YEAR - DAY, until: NOON + years.end * YEAR };
    let draft = draft(&subject, &key, Serial::from_u64(serial), validity);
    Authority::new(draft.signed_by(&World::get().ca).unwrap(), key).unwrap()
}

fn clock(serial: u64, years: std::ops::Range<i64>) -> Authority {
    hand("TSA", serial, years, |name, key, serial, time| {
        issue::timestamp_authority(name, key.public(), serial, time)
    })
}

fn token(by: &Authority, request: &tst::Request, time: i64) -> Vec<u8> {
    let certificates = [by.certificate().clone(), World::get().ca.certificate().clone()];
    let policy = certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]);
    let authority = tst::Authority { key: by.key(), certificates: &certificates, policy };
    let answer = tst::answer(&request.to_der(), &authority, 7, time);
    tst::read_response(&answer, request, &Limits::default()).unwrap()
}

fn signed(by: &Authority) -> Vec<u8> {
    let world = World::get();
    let stamp = |s: &make::Stamped| Ok(Some(token(by, &s.timestamp_request(9), NOON)));
    make::sign(&blank(), &world.signing(&world.leader, NOON), world.leader.key(), stamp, &Limits::default())
        .unwrap()
}

fn archived(file: &[u8], years: i64) -> Vec<u8> {
    make::add_evidence(file, &World::get().evidence(NOON + years * YEAR + 60), &Limits::default()).unwrap()
}

fn stamped(file: &[u8], by: &Authority, years: i64) -> Vec<u8> {
    let prepared = make::prepare_timestamp(file, &Limits::default()).unwrap();
    let token = token(by, &prepared.timestamp_request(3), NOON + years * YEAR + 120);
    prepared.finish(&token).unwrap()
}

fn later(file: &[u8], years: i64) -> Judged {
    World::get().judge(file, &Evidence::default(), NOON + years * YEAR + 3600)
}

fn notes(report: &SignatureReport) -> Vec<Code> {
    report.notes.iter().map(|note| note.code).collect()
}

#[test]
fn d34_a_chain_of_document_timestamps_keeps_a_verdict_for_twenty_years() {
    // Each authority's certificate lasts three years; the document is stamped anew before each ends.
    let clocks: Vec<Authority> =
        (0..7).map(|turn| clock(100 + turn, (turn as i64 * 2)..(turn as i64 * 2 + 3))).collect();
    let mut file = archived(&signed(&clocks[0]), 0);
    let mut unbroken = vec![file.clone()];
    for (turn, clock) in clocks.iter().enumerate().skip(1) {
        let years = turn as i64 * 2;
        file = archived(&stamped(&file, clock, years), years);
        unbroken.push(file.clone());
    }
    // While the newest authority's certificate lasts, the answer is the same, however long ago all others ended.
    for (turn, file) in unbroken.iter().enumerate() {
        let judged = later(file, turn as i64 * 2 + 1);
        assert_eq!(judged.class(), Class::Valid, "{turn}: {}", line(&judged));
        let first = &judged.report().signatures[0];
        assert_eq!(first.time, Some(at(NOON)), "{turn}");
    }
    // A day too late, and the last link of the chain proves nothing; so nothing before it is proven either.
    for (turn, file) in unbroken.iter().enumerate() {
        let judged = later(file, turn as i64 * 2 + 3);
        assert_eq!(judged.verdict(), Verdict::Indeterminate, "{turn}: {}", line(&judged));
        let (last, first) = (judged.report().signatures.last().unwrap(), &judged.report().signatures[0]);
        match turn {
            0 => assert!(notes(first).contains(&Code::TimestampExpired), "{}", line(&judged)),
            _ => assert_eq!(last.class, Class::Invalid(Code::TimestampExpired), "{}", line(&judged)),
        }
        // Unless the house has kept it where nothing changes unseen.
        let mut policy = World::get().policy();
        policy.kept_since = Some(at(NOON + turn as i64 * 2 * YEAR + 7200));
        let kept = judge(file.clone(), &policy, &Evidence::default(), at(NOON + 19 * YEAR));
        assert_eq!(kept.class(), Class::Valid, "{turn}: {}", line(&kept));
    }
}

#[test]
fn d34_a_link_that_came_too_late_breaks_the_chain() {
    let (first, second, third) = (clock(200, 0..1), clock(201, 0..4), clock(202, 4..9));
    let file = archived(&signed(&first), 0);
    // The first authority ended after one year; the next stamp came after two.
    let late = archived(&stamped(&file, &second, 2), 2);
    let judged = later(&late, 3);
    assert_ne!(judged.verdict(), Verdict::Valid, "{}", line(&judged));
    assert!(notes(&judged.report().signatures[0]).contains(&Code::TimestampExpired), "{}", line(&judged));
    // A stamp in time, and a third one after the second had ended.
    let good = archived(&stamped(&file, &second, 0), 0);
    assert_eq!(later(&good, 3).class(), Class::Valid, "{}", line(&later(&good, 3)));
    let late = archived(&stamped(&good, &third, 5), 5);
    let judged = later(&late, 6);
    assert_eq!(judged.verdict(), Verdict::Indeterminate, "{}", line(&judged));
    assert_eq!(
        judged.report().signatures[1].class,
        Class::Invalid(Code::TimestampExpired),
        "{}",
        line(&judged)
    );
}

#[test]
fn an_answer_signed_with_a_forgotten_key_needs_proof_that_it_is_old() {
    let world = World::get();
    let responder = hand("OCSP", 300, 0..1, |name, key, serial, time| {
        issue::ocsp_responder(name, key.public(), serial, time)
    });
    let clock = clock(301, 0..9);
    let answer = |certificate: &Certificate, time: i64| {
        let id = CertId::new(certificate, world.ca.certificate(), Digest::Sha1);
        let answer =
            OcspAnswer { id, status: OcspStatus::Good, this_update: time, next_update: Some(time + DAY) };
        OcspDraft::new(time).answer(answer).signed_by(&responder).unwrap()
    };
    let evidence = |stamp_year: i64| Evidence {
        certificates: vec![world.ca.certificate().clone(), clock.certificate().clone()],
        crls: vec![
            world.crls(NOON + 60, &[]).remove(1),
            world.crls(NOON + stamp_year * YEAR + 60, &[]).remove(1),
        ],
        ocsp: vec![answer(world.leader.certificate(), NOON + 60), answer(clock.certificate(), NOON + 60)],
    };
    let with_answers = make::add_evidence(&signed(&clock), &evidence(0), &Limits::default()).unwrap();
    assert_eq!(later(&with_answers, 0).class(), Class::Valid, "{}", line(&later(&with_answers, 0)));
    // Two years on, the responder's key lies in some drawer: it could have signed this yesterday.
    let judged = later(&with_answers, 2);
    assert_eq!(judged.class(), Class::UnknownRevocation, "{}", line(&judged));
    assert!(notes(&judged.report().signatures[0]).contains(&Code::EvidenceNoProof), "{}", line(&judged));
    // A document timestamp from when the key was guarded proves that it did not.
    let stamped = archived(&stamped(&with_answers, &clock, 0), 0);
    assert_eq!(later(&stamped, 2).class(), Class::Valid, "{}", line(&later(&stamped, 2)));
}
