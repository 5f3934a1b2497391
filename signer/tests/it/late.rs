//! Evidence in a closed network, which sees new lists rarely (RULES D27).

use crate::world::{DAY, NOON, World, blank, line};
use mail::Timestamp;
use signer::{Class, Code};

#[test]
fn d27_a_late_list_counts_within_the_grace_and_the_report_says_so() {
    let world = World::get();
    let file: std::sync::Arc<[u8]> = world.sign(&blank(), &world.leader, NOON).into();
    // The lists are good for a week and two days late when the document is signed.
    let evidence = world.evidence(NOON - 9 * DAY);
    let judged = |grace_days: i64, evidence| {
        let mut policy = world.policy();
        policy.certificate_limits.revocation_grace_seconds = grace_days * DAY;
        signer::judge(file.clone(), &policy, evidence, Timestamp::from_secs(NOON + 60))
    };
    let noted = |judged: &signer::Judged| {
        let notes = &judged.report().signatures[0].notes;
        notes.iter().filter(|note| note.code == Code::RevocationLate).count()
    };
    assert_eq!(judged(0, &evidence).class(), Class::UnknownRevocation);
    assert_eq!(judged(1, &evidence).class(), Class::UnknownRevocation);
    let late = judged(3, &evidence);
    assert_eq!(late.class(), Class::Valid, "{}", line(&late));
    assert!(noted(&late) > 0, "{:?}", late.report());
    let fresh = judged(3, &world.evidence(NOON - DAY));
    assert_eq!((fresh.class(), noted(&fresh)), (Class::Valid, 0));
}
