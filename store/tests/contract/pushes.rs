//! Push subscriptions: made within bounds, told once of everything that changed, and forgotten.

use std::time::Duration;

use mail::{ModSeq, PushId, Timestamp};
use store::{Claimed, Error, NewPush, OutboxKind, PUSHES_MAX, PushChange, Signal};

use crate::house::{NOW, account_id, mailbox, read, stories, with_account, write};

const MINUTE: Duration = Duration::from_secs(60);

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn new_push(n: u8) -> NewPush {
    NewPush {
        account_id: account_id(n),
        device_client_id: "điện thoại".to_owned(),
        url: "https://push.example.vn/x".to_owned(),
        keys: Some(([4; 65], [5; 16])),
        types: "[\"Email\"]".to_owned(),
        code: "code".to_owned(),
        expires_at: later(3600 * 24),
    }
}

/// Makes a subscription that is verified and whose code was carried.
async fn subscribed(house: &crate::house::House) -> PushId {
    let id = write!(house, |tx| tx.add_push(&new_push(1), NOW).await?).unwrap();
    let change = PushChange { is_verified: true, ..PushChange::default() };
    write!(house, change, |tx| tx.change_push(account_id(1), id, change, NOW).await?).unwrap();
    let code = claim(house, 0).await.unwrap();
    assert!(code.payload.contains("true") && code.destination == id.to_string());
    assert!(write!(house, code, |tx| tx.finish_outbox(code, "w", NOW).await?).unwrap());
    id
}

async fn claim(house: &crate::house::House, seconds: u64) -> Option<Claimed> {
    let now = later(seconds);
    let mut claimed =
        write!(house, |tx| tx.claim_outbox(OutboxKind::Push, "w", now, MINUTE, 9).await?).unwrap();
    assert!(claimed.len() <= 1, "{claimed:?}");
    claimed.pop()
}

/// Something changes in account 1.
async fn change(house: &crate::house::House, n: u8) -> ModSeq {
    write!(house, |tx| {
        tx.add_mailbox(&mailbox(1, 100 + n, &format!("h{n}"), None)).await?;
        tx.modseq(account_id(1)).await?
    })
    .unwrap()
}

stories! {
    async fn rfc_8620_7_2_another_password_ends_what_was_made_with_the_old_one(house: House) {
        with_account(&house, 1).await;
        with_account(&house, 2).await;
        let id = subscribed(&house).await;
        let other = write!(house, |tx| tx.add_push(&new_push(2), NOW).await?).unwrap();
        let hash = mail::Secret::from("$argon2id$two");
        write!(house, hash, |tx| tx.set_password_hash(account_id(1), hash, false, NOW).await?).unwrap();
        assert!(read!(house, |tx| tx.push(account_id(1), id, NOW).await?).is_none());
        assert!(read!(house, |tx| tx.push(account_id(2), other, NOW).await?).is_some(), "another's stays");
        let mut signals = house.store.signals();
        change(&house, 1).await;
        while let Ok(signal) = signals.try_recv() {
            assert!(!matches!(signal, Signal::Push(_)), "nobody is told any more");
        }
    }

    async fn rfc_8620_7_2_each_change_is_told_once(house: House) {
        with_account(&house, 1).await;
        let mut signals = house.store.signals();
        change(&house, 1).await;
        let id = subscribed(&house).await;
        let heard = |signals: &mut tokio::sync::broadcast::Receiver<Signal>| {
            std::iter::from_fn(|| signals.try_recv().ok()).any(|signal| signal == Signal::Push(account_id(1)))
        };
        assert!(!heard(&mut signals), "nobody was to be told");
        assert_eq!(write!(house, |tx| tx.queue_pushes(account_id(1), NOW).await?).unwrap(), 0, "from now on");
        let told = change(&house, 2).await;
        // Signals follow the answer.
        let news = async { while signals.recv().await.unwrap() != Signal::Push(account_id(1)) {} };
        tokio::time::timeout(MINUTE, news).await.unwrap();
        assert_eq!(read!(house, |tx| tx.pushes_behind(NOW, 9).await?), [account_id(1)]);
        assert_eq!(write!(house, |tx| tx.queue_pushes(account_id(1), NOW).await?).unwrap(), 1);
        assert!(read!(house, |tx| tx.pushes_behind(NOW, 9).await?).is_empty());
        assert_eq!(write!(house, |tx| tx.queue_pushes(account_id(1), NOW).await?).unwrap(), 0, "one row at most");
        let row = claim(&house, 1).await.unwrap();
        // What changes while the row is on its way gets a row of its own, a moment later.
        change(&house, 3).await;
        assert_eq!(write!(house, |tx| tx.queue_pushes(account_id(1), NOW).await?).unwrap(), 0);
        assert!(write!(house, row, |tx| tx.pushed(row, "w", id, told, later(2)).await?).unwrap());
        assert!(claim(&house, 2).await.is_none(), "there is a pause between two");
        let row = claim(&house, 4).await.unwrap();
        assert_eq!(read!(house, |tx| tx.push(account_id(1), id, NOW).await?).unwrap().told, told);
        let now = read!(house, |tx| tx.modseq(account_id(1)).await?);
        assert!(!write!(house, row, |tx| tx.pushed(row, "somebody else", id, now, later(4)).await?).unwrap());
        assert!(write!(house, row, |tx| tx.pushed(row, "w", id, now, later(4)).await?).unwrap());
        assert!(claim(&house, 9).await.is_none());
        assert!(read!(house, |tx| tx.pushes_behind(NOW, 9).await?).is_empty());
    }

    async fn rfc_8620_8_6_subscriptions_are_few_and_go(house: House) {
        with_account(&house, 1).await;
        with_account(&house, 2).await;
        let id = subscribed(&house).await;
        for _ in 1..PUSHES_MAX {
            write!(house, |tx| tx.add_push(&new_push(1), NOW).await?).unwrap();
        }
        let full = write!(house, |tx| tx.add_push(&new_push(1), NOW).await?);
        assert!(matches!(full, Err(Error::Full(_))), "{full:?}");
        write!(house, |tx| tx.add_push(&new_push(2), NOW).await?).unwrap();
        // Making and removing them for ever knocks at no more doors either.
        let mut made = PUSHES_MAX;
        let mut last = id;
        loop {
            assert!(write!(house, |tx| tx.remove_push(account_id(1), last, NOW).await?).unwrap());
            match write!(house, |tx| tx.add_push(&new_push(1), NOW).await?) {
                Ok(id) => last = id,
                Err(error) => break assert!(matches!(error, Error::Full(_)), "{error}"),
            }
            made += 1;
        }
        assert_eq!(made, 2 * PUSHES_MAX);
        assert!(read!(house, |tx| tx.push(account_id(1), id, NOW).await?).is_none());
        assert!(!write!(house, |tx| tx.remove_push(account_id(1), id, NOW).await?).unwrap());
        // An hour later those that are gone do not count, and a day later the others have expired.
        let hour = later(3601);
        assert_eq!(write!(house, |tx| tx.expire_pushes(hour, 1000).await?).unwrap() as i64, PUSHES_MAX + 1);
        write!(house, |tx| tx.add_push(&new_push(1), hour).await?).unwrap();
        let day = later(3600 * 24);
        assert!(read!(house, |tx| tx.pushes(account_id(1), day).await?).is_empty());
        assert!(write!(house, |tx| tx.expire_pushes(day, 1000).await?).unwrap() > 0);
        assert!(read!(house, |tx| tx.pushes(account_id(1), NOW).await?).is_empty());
        // Nobody is told any more, and the counter knows.
        let mut signals = house.store.signals();
        change(&house, 1).await;
        assert!(std::iter::from_fn(|| signals.try_recv().ok()).all(|signal| !matches!(signal, Signal::Push(_))));
    }
}
