//! The table of roles, row by row, with real signatures.

use crate::world::{NOON, World, at, blank, line};
use certs::trust::{Anchor, Hierarchy, Purpose};
use signer::judge::roles::{Context, Need, Part, Registered, TABLE, Weight, assess};
use signer::{Arrival, Code, Judged, Role, Verdict, judge};

const EXCHANGE: Context<'static> =
    Context { arrival: Arrival::Exchange, registered: None, signer_name: None };

fn codes(part: Part, judged: &Judged, context: &Context<'_>) -> Vec<Code> {
    assess(part, judged.report(), context).iter().map(|finding| finding.reason.code).collect()
}

#[test]
fn every_row_names_its_rules_and_speaks_of_a_file() {
    for rule in TABLE {
        assert!(!rule.ids.is_empty() && !rule.parts.is_empty(), "{:?}", rule.code);
        assert!(rule.ids.iter().all(|id| id.starts_with(['D', 'E', 'R'])), "{:?}", rule.ids);
    }
    let required = |part| {
        let rows =
            TABLE.iter().filter(move |rule| rule.parts.contains(&part) && rule.weight == Weight::Required);
        rows.filter_map(|rule| match rule.need {
            Need::Signature(role) => Some(role),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(required(Part::Document), [Role::Leader, Role::Agency]);
    assert_eq!(required(Part::Copy), [Role::Agency]);
    assert_eq!(required(Part::Attachment), []);
}

#[test]
fn d13_d14_d15_d17_d33_who_has_to_sign_what() {
    let world = World::get();
    let evidence = world.evidence(NOON + 120);
    let leader = world.sign(&blank(), &world.leader, NOON);
    let seal = world.sign(&blank(), &world.seal, NOON);
    let both = world.sign(&leader, &world.seal, NOON + 60);
    let reversed = world.sign(&seal, &world.leader, NOON + 60);
    let stamped_over = world.sign(&both, &world.stranger, NOON + 120);
    use Code::*;
    #[rustfmt::skip]
    let rows: [(&str, &[u8], Part, Vec<Code>); 14] = [
        ("both",     &both,         Part::Document,   vec![]),
        ("leader",   &leader,       Part::Document,   vec![SealMissing]),
        ("seal",     &seal,         Part::Document,   vec![LeaderMissing]),
        ("blank",    &blank(),      Part::Document,   vec![LeaderMissing, SealMissing]),
        ("reversed", &reversed,     Part::Document,   vec![SealOrder]),
        ("over",     &stamped_over, Part::Document,   vec![SealOrder, NotAllValid]),
        ("both",     &both,         Part::Attachment, vec![]),
        ("leader",   &leader,       Part::Attachment, vec![AttachmentUnsealed]),
        ("seal",     &seal,         Part::Attachment, vec![]),
        ("blank",    &blank(),      Part::Attachment, vec![AttachmentUnsealed]),
        ("both",     &both,         Part::Copy,       vec![]),
        ("leader",   &leader,       Part::Copy,       vec![SealMissing]),
        ("seal",     &seal,         Part::Copy,       vec![]),
        ("blank",    &blank(),      Part::Copy,       vec![SealMissing]),
    ];
    for (name, file, part, expected) in rows {
        let judged = world.judge(file, &evidence, NOON + 180);
        assert_eq!(codes(part, &judged, &EXCHANGE), expected, "{name} {part:?}: {}", line(&judged));
    }
}

#[test]
fn d25_d29_8_the_agency_has_registered_who_signs() {
    let world = World::get();
    let both = world.sign(&world.sign(&blank(), &world.leader, NOON), &world.seal, NOON + 60);
    let judged = world.judge(&both, &world.evidence(NOON + 120), NOON + 180);
    let known = |who: &certs::issue::Authority, role, holder: &str| Registered {
        fingerprint: who.certificate().sha256(),
        role,
        holder: holder.to_owned(),
    };
    let leader = known(&world.leader, Role::Leader, "Nguyễn Văn A");
    let seal = known(&world.seal, Role::Agency, "Văn phòng UBND tỉnh");
    let swapped = known(&world.seal, Role::Leader, "Văn phòng UBND tỉnh");
    let all = [leader.clone(), seal.clone()];
    use Code::*;
    let rows: [(&[Registered], Option<&str>, Vec<Code>); 8] = [
        (&all, None, vec![]),
        (&all, Some("NGUYỄN  văn a"), vec![]),
        (&all, Some("Nguye\u{302}\u{303}n Va\u{306}n A"), vec![]),
        (&all, Some("Nguyễn Văn B"), vec![SignerNameDiffers]),
        (std::slice::from_ref(&leader), None, vec![SealNotRegistered]),
        (std::slice::from_ref(&seal), Some("Nguyễn Văn B"), vec![LeaderNotRegistered]),
        (&[leader.clone(), swapped], None, vec![SealNotRegistered]),
        (&[], Some("Nguyễn Văn A"), vec![SealNotRegistered, LeaderNotRegistered]),
    ];
    for (registered, signer_name, expected) in rows {
        let context = Context { registered: Some(registered), signer_name, ..EXCHANGE };
        assert_eq!(codes(Part::Document, &judged, &context), expected, "{registered:?} {signer_name:?}");
    }
}

#[test]
fn d26_a_citizen_s_certificate_makes_no_official_document() {
    let world = World::get();
    let both = world.sign(&world.sign(&blank(), &world.leader, NOON), &world.seal, NOON + 60);
    let mut policy = world.policy();
    let root = world.root.certificate();
    let purposes = [Purpose::Document, Purpose::Timestamp];
    policy.trust.add(Anchor::new(root.clone(), root.sha256(), &purposes, Hierarchy::National, "t").unwrap());
    // Where the policy asks for public service, the signature does not count; the reason says why.
    let judged = judge(both.clone(), &policy, &world.evidence(NOON + 120), at(NOON + 180));
    assert_eq!(judged.verdict(), Verdict::Indeterminate);
    assert!(
        judged.report().signatures.iter().all(|s| s.reasons[0].code == Code::NotPublicService),
        "{}",
        line(&judged)
    );
    // Where it does not ask, the signature is good and the document still no original.
    policy.hierarchy = None;
    let judged = judge(both, &policy, &world.evidence(NOON + 120), at(NOON + 180));
    assert_eq!(judged.verdict(), Verdict::Valid, "{}", line(&judged));
    assert_eq!(codes(Part::Document, &judged, &EXCHANGE), [Code::NotPublicService]);
    assert!(judged.require_original(Arrival::Exchange).is_err());
}
