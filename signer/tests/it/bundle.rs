//! D31, D34: what is kept with a document judges it again, without network, whatever the clock says.

use crate::world::{DAY, NOON, World, YEAR, at, blank, line};
use signer::bundle::Bundle;
use signer::{Code, Evidence, Format, Input, Judged, Limits, Policy, Verdict, judge, make};
use std::sync::Arc;

fn input(file: &[u8]) -> Input {
    Input::from(file.to_vec())
}

fn bundle(world: &World, file: &[u8], evidence: &Evidence, now: i64) -> (Judged, Bundle) {
    let judged = world.judge(file, evidence, now);
    let bundle = Bundle::new(&input(file), &judged, &world.policy(), evidence)
        .unwrap_or_else(|reason| panic!("{reason}: {}", line(&judged)));
    (judged, bundle)
}

fn reread(bundle: &Bundle) -> Bundle {
    Bundle::read(&bundle.to_bytes(), &Limits::default()).unwrap()
}

#[test]
fn d34_judging_again_says_the_same_whatever_was_said() {
    let world = World::get();
    let timed = world.sign(&blank(), &world.leader, NOON);
    let both = world.sign(&timed, &world.seal, NOON + 60);
    let untimed = world.sign_untimed(&blank(), &world.leader, NOON);
    let mut flipped = both.clone();
    flipped[20] ^= 1;
    let strange = world.sign_untimed(&blank(), &world.stranger, NOON);
    let known = world.evidence(NOON + 120);
    let with = |crls| Evidence { crls, ..known.clone() };
    let before = with(world.crls(NOON + 120, &[(&world.leader, NOON - DAY)]));
    let after = with(world.crls(NOON + 120, &[(&world.leader, NOON + 90)]));
    let nothing = Evidence::default();
    let rows = [
        ("complete", &world.complete(), &nothing, Verdict::Valid),
        ("both", &both, &known, Verdict::Valid),
        ("revoked after signing", &both, &after, Verdict::Valid),
        ("revoked before signing", &both, &before, Verdict::Invalid),
        ("revoked, time not proven", &untimed, &before, Verdict::Indeterminate),
        ("untimed", &untimed, &known, Verdict::Valid),
        ("without evidence", &both, &nothing, Verdict::Indeterminate),
        ("stranger", &strange, &known, Verdict::Indeterminate),
        ("flipped", &flipped, &known, Verdict::Invalid),
        ("unsigned", &blank(), &nothing, Verdict::Invalid),
    ];
    for (name, file, evidence, verdict) in rows {
        let (judged, bundle) = bundle(world, file, evidence, NOON + 180);
        assert_eq!(judged.verdict(), verdict, "{name}: {}", line(&judged));
        let again = reread(&bundle).rejudge(input(file)).unwrap();
        assert_eq!(serde_json::to_string(again.report()).unwrap(), bundle.report(), "{name}");
        assert!(bundle.agrees(&again), "{name}");
    }
}

#[test]
fn d34_the_clock_five_and_twenty_years_on() {
    let world = World::get();
    let both = world.sign(&world.sign(&blank(), &world.leader, NOON), &world.seal, NOON + 60);
    let known = world.evidence(NOON + 120);
    let later = Evidence { crls: world.crls(NOON + 120, &[(&world.leader, NOON + 90)]), ..known.clone() };
    let early = Evidence { crls: world.crls(NOON + 120, &[(&world.leader, NOON - DAY)]), ..known };
    for (evidence, verdict) in [(&later, Verdict::Valid), (&early, Verdict::Invalid)] {
        let (_, bundle) = bundle(world, &both, evidence, NOON + 180);
        let bundle = reread(&bundle);
        // By the bundle's own moment there is no clock at all.
        assert_eq!(bundle.rejudge(input(&both)).unwrap().verdict(), verdict);
        // And with the clock of that day: the time of signing is proven, so the lists of that time decide.
        for now in [NOON + 5 * YEAR, NOON + 20 * YEAR - DAY] {
            let judged = judge(both.clone(), &bundle.policy(), bundle.evidence(), at(now));
            assert_eq!(judged.verdict(), verdict, "{now}: {}", line(&judged));
        }
    }
}

#[test]
fn d27_what_the_installation_tolerates_goes_into_the_bundle() {
    let world = World::get();
    let file = world.sign(&blank(), &world.leader, NOON);
    // Lists of eight days ago, good for seven.
    let stale = world.evidence(NOON - 8 * DAY);
    let mut policy = world.policy();
    for (grace, verdict) in [(0, Verdict::Indeterminate), (3 * DAY, Verdict::Valid)] {
        policy.certificate_limits.revocation_grace_seconds = grace;
        let judged = judge(file.clone(), &policy, &stale, at(NOON + 180));
        assert_eq!(judged.verdict(), verdict, "{}", line(&judged));
        let bundle = Bundle::new(&input(&file), &judged, &policy, &stale).unwrap();
        assert_eq!(reread(&bundle).rejudge(input(&file)).unwrap().verdict(), verdict);
    }
}

#[test]
fn d31_a_bundle_holds_what_the_judgement_rests_on_and_no_more() {
    let world = World::get();
    let both = world.sign(&world.sign(&blank(), &world.leader, NOON), &world.seal, NOON + 60);
    let mut known = world.evidence(NOON + 120);
    known.certificates.push(world.stranger.certificate().clone());
    known.crls.extend(world.crls(NOON - DAY, &[]));
    let (judged, bundle) = bundle(world, &both, &known, NOON + 180);
    let content: serde_json::Value =
        serde_json::from_slice(bundle.to_bytes().split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!(content["format"], "congvan-evidence v1");
    assert_eq!(content["judged_at"], "2026-11-22T01:03:00Z");
    assert_eq!(content["document"]["sha256"], judged.report().sha256);
    assert_eq!(content["trust"]["anchors"].as_array().unwrap().len(), 1);
    assert_eq!(content["evidence"]["crls"].as_array().unwrap().len(), 2, "the authority's and the root's");
    assert_eq!(content["evidence"]["timestamps"].as_array().unwrap().len(), 2);
    assert_eq!(content["report"]["verdict"], "valid");
    let text = String::from_utf8(bundle.to_bytes()).unwrap();
    assert!(!text.contains("001099012345"), "a citizen's number stands in the certificate only (RULES D25)");
    // The same judgement, evidence in another order: the same bytes.
    known.certificates.reverse();
    known.crls.swap(0, 1);
    let (_, again) = self::bundle(world, &both, &known, NOON + 180);
    assert!(bundle.to_bytes() == again.to_bytes());
    assert_eq!(bundle.sha256(), again.sha256());
}

#[test]
fn d31_a_bundle_can_be_stamped_and_bent_ones_are_refused() {
    let world = World::get();
    let file = world.complete();
    let limits = Limits::default();
    let (_, mut bundle) = bundle(world, &file, &Evidence::default(), NOON + 180);
    let token = world.token(&bundle.timestamp_request(5), NOON + 240);
    bundle.add_timestamp(&token, &limits).unwrap();
    let read = reread(&bundle);
    assert_eq!(read.timestamps(), std::slice::from_ref(&token));
    assert!(read.rejudge(input(&file)).is_ok_and(|again| again.verdict() == Verdict::Valid));
    let (trust, now) = (world.policy().trust, at(NOON + DAY));
    assert!(read.is_stamped(&trust, now, &limits));
    assert!(!read.is_stamped(&Policy::default().trust, now, &limits), "by nobody we trust");
    // A stamp of next week does not prove that the judgement is of today.
    let (_, mut late) = self::bundle(world, &file, &Evidence::default(), NOON + 180);
    assert!(!late.is_stamped(&trust, now, &limits));
    late.add_timestamp(&world.token(&late.timestamp_request(7), NOON + 7 * DAY), &limits).unwrap();
    assert!(!late.is_stamped(&trust, at(NOON + 8 * DAY), &limits));

    let other = world.token(&signer::tst::Request::over(b"something else", 6), NOON + 240);
    assert_eq!(bundle.add_timestamp(&other, &limits).unwrap_err().code, Code::TimestampImprint);
    assert_eq!(read.rejudge(input(&blank())).unwrap_err().code, Code::BundleDocument);
    let with_content = input(&file).with_content(std::sync::Arc::<[u8]>::from(&b"x"[..]));
    assert_eq!(read.rejudge(with_content).unwrap_err().code, Code::BundleDocument);
    // Every cut and many flips: an error or, where only the report's words are hit, another report; never a panic.
    let bytes = bundle.to_bytes();
    for end in (0..bytes.len()).step_by(97) {
        if let Ok(cut) = Bundle::read(&bytes[..end], &limits) {
            assert!(cut.timestamps().is_empty() && bytes[end - 1] == b'\n', "{end}");
        }
    }
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    for place in (0..=line).step_by(41) {
        let mut bent = bytes.clone();
        bent[place] ^= 0x01;
        assert!(Bundle::read(&bent, &limits).is_err(), "the stamp is over every byte of the line: {place}");
    }
}

#[test]
fn d31_a_bundle_of_other_things_is_not_made() {
    let world = World::get();
    let file = world.complete();
    let judged = world.judge(&file, &Evidence::default(), NOON + 180);
    let refused = Bundle::new(&input(&blank()), &judged, &world.policy(), &Evidence::default()).unwrap_err();
    assert_eq!(refused.code, Code::BundleDiffers);
    let refused = Bundle::new(&input(&file), &judged, &Policy::default(), &Evidence::default()).unwrap_err();
    assert_eq!(refused.code, Code::BundleDiffers);
}

/// A CAdES file with a timestamp over content beside it.
fn cms_file(content: &[u8]) -> Vec<u8> {
    let world = World::get();
    let who = &world.leader;
    let scheme = who.key().usual_scheme();
    let signing = make::CmsSigning::new(world.chain(who), scheme, at(NOON));
    let signed =
        make::prepare_cms(content, &signing, &Limits::default()).unwrap().sign(who.key(), scheme).unwrap();
    let token = world.token(&signed.timestamp_request(9), NOON);
    signed.finish(Some(&token)).unwrap()
}

#[test]
fn d34_cms_with_its_content_xml_and_tokens_are_judged_again_too() {
    let world = World::get();
    let content: Arc<[u8]> = Arc::from(&b"Quyet dinh so 1"[..]);
    let token = world.token(&signer::tst::Request::over(&content, 11), NOON);
    let xml = crate::xml::signed(crate::xml::DOCUMENT, &world.leader, NOON);
    let known = world.evidence(NOON + 120);
    let later = Evidence { crls: world.crls(NOON + 120, &[(&world.leader, NOON + 90)]), ..known.clone() };
    let early = Evidence { crls: world.crls(NOON + 120, &[(&world.leader, NOON - DAY)]), ..known.clone() };
    let beside = |file: Vec<u8>| Input::from(file).with_content(content.clone());
    let cms = beside(cms_file(&content)).of(Format::CmsDetached);
    let rows = [
        ("CMS", cms.clone(), &known, Verdict::Valid),
        ("CMS, revoked after", cms.clone(), &later, Verdict::Valid),
        ("CMS, revoked before", cms, &early, Verdict::Invalid),
        ("XML, revoked after", xml.clone().into(), &later, Verdict::Valid),
        ("XML, revoked before", xml.into(), &early, Verdict::Invalid),
        ("token", beside(token).of(Format::Tst), &known, Verdict::Valid),
    ];
    for (name, input, evidence, verdict) in rows {
        let judged = judge(input.clone(), &world.policy(), evidence, at(NOON + 180));
        assert_eq!(judged.verdict(), verdict, "{name}: {}", line(&judged));
        let bundle = Bundle::new(&input, &judged, &world.policy(), evidence).unwrap();
        let bundle = reread(&bundle);
        assert!(bundle.agrees(&bundle.rejudge(input.clone()).unwrap()), "{name}");
        for now in [NOON + 5 * YEAR, NOON + 20 * YEAR - DAY] {
            let again = judge(input.clone(), &bundle.policy(), bundle.evidence(), at(now));
            assert_eq!(again.verdict(), verdict, "{name} {now}: {}", line(&again));
        }
        if input.content.is_some() {
            let alone = Input { content: None, ..input };
            assert_eq!(bundle.rejudge(alone).unwrap_err().code, Code::BundleDocument, "{name}");
        }
    }
}
