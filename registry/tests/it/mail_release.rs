//! A mail that was wrongly refused as a state secret.

use std::time::Duration;

use mail::{AccountId, Timestamp};
use registry::Error;
use registry::two_persons::{Agreement, MAIL_PASS, admit_mail, release_mail};
use store::Role;

use crate::house::{House, agency_id, stories};
use crate::recalls::{person, word};
use crate::world::NOW;

/// The same content from the same sender.
const THIS: [u8; 32] = [7; 32];
/// Other content, or another sender.
const OTHER: [u8; 32] = [8; 32];

/// Whether a mail in which a mark was found is let through.
async fn comes(house: &House, reference: [u8; 32], now: Timestamp) -> bool {
    let asked = house.desk.store.write("ask", reference, move |tx, reference| {
        Box::pin(async move { admit_mail(tx, agency_id(1), (reference, "secrecy.stamp"), "smtp", now).await })
    });
    let asked: Result<bool, store::Error> = asked.await;
    asked.unwrap()
}

async fn release(house: &House, by: AccountId, now: Timestamp) -> Result<Agreement, Error> {
    release_mail(&house.desk.store, THIS, word(by), now).await
}

stories! {
    async fn r13_a_mail_is_released_by_two_persons_for_that_content_and_for_a_time(house: House) {
        let clerk = person(&house, 101, 1, Role::Clerk).await;
        let leader = person(&house, 102, 1, Role::Leader).await;
        assert_eq!(release(&house, clerk, NOW).await, Err(Error::NoSuchDocument), "nothing was refused yet");
        assert!(!comes(&house, THIS, NOW).await);
        for (id, role) in [(103, Role::Admin), (104, Role::Staff)] {
            let account = person(&house, id, 1, role).await;
            assert!(matches!(release(&house, account, NOW).await, Err(Error::Denied(_))), "{role:?}");
        }
        let foreign = person(&house, 105, 2, Role::Leader).await;
        assert_eq!(release(&house, foreign, NOW).await, Err(Error::NoSuchDocument));
        // One person alone cannot, however often; nor can two heads.
        let second = person(&house, 106, 1, Role::Leader).await;
        for by in [leader, leader, second] {
            assert_eq!(release(&house, by, NOW).await, Ok(Agreement::Waiting));
        }
        assert!(!comes(&house, THIS, NOW).await);
        assert_eq!(release(&house, clerk, NOW).await, Ok(Agreement::Done));
        assert!(comes(&house, THIS, NOW).await);
        assert!(comes(&house, THIS, NOW).await, "sent again after a fault on the way");
        assert!(!comes(&house, OTHER, NOW).await, "other content or another sender");
        let end = NOW.plus(MAIL_PASS);
        assert!(comes(&house, THIS, end.minus(Duration::from_millis(1))).await);
        assert!(!comes(&house, THIS, end).await, "a pass has its term");
        // Both have to say it anew.
        assert_eq!(release(&house, clerk, end).await, Ok(Agreement::Waiting));
        assert!(!comes(&house, THIS, end).await);
        assert_eq!(release(&house, leader, end).await, Ok(Agreement::Done));
        assert!(comes(&house, THIS, end).await);
        let trail = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.audit_trail(agency_id(1), 50).await }));
        let trail: Result<Vec<_>, store::Error> = trail.await;
        let acts: Vec<String> = trail.unwrap().into_iter().map(|entry| entry.action).collect();
        let count = |act: &str| acts.iter().filter(|one| *one == act).count();
        assert_eq!((count("secrecy.released"), count("secrecy.passed")), (2, 4), "{acts:?}");
    }
}
