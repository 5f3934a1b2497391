//! The quarantine: what is held leaves once, by one way, and its bytes go with it.

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::letter::{Door, Hold, Releaser};
use mail::{BlobId, QuarantineId};
use store::{HeldState, Judgement, Lane, NewHeld, NewOutbox, OutboxKind, QuarantineFilter};

use crate::house::{House, NOW, account_id, read, stories, write};

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

fn payload() -> String {
    let mail = OutboundMail {
        require_tls: false,
        priority: None,
        not_before: None,
        deliver_by: None,
        via: None,
        list: None,
        forwarded_by: None,
        to_list: None,
        reverse_path: None,
        recipients: vec![OutboundRecipient::plain("an@a.gov.vn".parse().unwrap())],
        submission: None,
        envid: None,
        ret: None,
        smtputf8: false,
        body_8bit: false,
        binary: false,
        received_at: NOW,
        trace: "s1.1".to_owned(),
        keywords: vec![],
    };
    serde_json::to_string(&mail).unwrap()
}

/// Takes a message in for somebody else than its owner, held.
async fn held(house: &House, door: Door) -> (QuarantineId, BlobId) {
    held_for(house, door, Releaser::Administrator).await
}

async fn held_for(house: &House, door: Door, releaser: Releaser) -> (QuarantineId, BlobId) {
    let sealed = house.store.seal(account_id(1), b"a letter", NOW).await.unwrap();
    let blob_id = sealed.blob_id();
    let row = NewOutbox {
        kind: OutboxKind::Local,
        owner: account_id(1).into(),
        lane: Lane::Normal,
        destination: account_id(2).to_string(),
        payload: payload(),
        blob_id: Some(blob_id),
        due_at: NOW,
    };
    let hold = Hold { reason: "encrypted_archive", detail: "zip".to_owned(), releaser };
    let id = write!(house, sealed, row, hold, |tx| {
        tx.put_blob(sealed, NOW).await?;
        let id = tx.hold_mail(&NewHeld { row, hold, door, keeper: None }, NOW).await?;
        tx.drop_blob(account_id(1), blob_id, NOW).await?;
        id
    })
    .unwrap();
    (id, blob_id)
}

stories! {
    async fn m33_what_is_released_goes_out_once_however_often_it_is_asked(house: House) {
        let (id, blob_id) = held(&house, Door::Mx).await;
        assert_eq!(write!(house, |tx| tx.outbox_depth().await?).unwrap(), 0);
        assert_eq!(write!(house, |tx| tx.quarantine_depth().await?).unwrap(), 1);
        let asked: Vec<_> = (0..4)
            .map(|_| {
                let store = house.store.clone();
                tokio::spawn(async move {
                    let released: Result<bool, store::Error> = store
                        .write("release", id, |tx, id| Box::pin(async move { tx.release_mail(*id, "an", NOW).await }))
                        .await;
                    released.unwrap()
                })
            })
            .collect();
        let mut done = 0;
        for one in asked {
            done += usize::from(one.await.unwrap());
        }
        assert_eq!(done, 1);
        assert!(!write!(house, |tx| tx.discard_mail(id, "an", NOW).await?).unwrap());
        let rows = write!(house, |tx| tx.claim_outbox(OutboxKind::Local, "w", NOW, DAY, 9).await?).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].payload.as_str(), rows[0].blob_id), (payload().as_str(), Some(blob_id)));
        write!(house, rows, |tx| tx.finish_outbox(&rows[0], "w", NOW).await?).unwrap();
        assert!(house.store.read_blob(account_id(1), blob_id).await.unwrap().is_none());
        let record = read!(house, |tx| tx.held_mail(id).await?).unwrap();
        assert_eq!((record.state, record.acted_by.as_str(), record.payload.as_str()), (HeldState::Released, "an", ""));
    }

    async fn m33_each_account_sees_its_own(house: House) {
        let (incoming, _) = held(&house, Door::Mx).await;
        let (outgoing, _) = held(&house, Door::Jmap).await;
        for (account, sees) in [(1, vec![outgoing]), (2, vec![incoming]), (3, vec![])] {
            let filter = QuarantineFilter { account_id: Some(account_id(account)), ..QuarantineFilter::default() };
            let found = write!(house, filter, |tx| tx.held_mails(filter, 9).await?).unwrap();
            assert_eq!(found.iter().map(|mail| mail.quarantine_id).collect::<Vec<_>>(), sees);
            let waiting = write!(house, |tx| tx.held_mails_of(account_id(account), 9).await?).unwrap();
            assert_eq!(waiting.iter().map(|mail| mail.quarantine_id).collect::<Vec<_>>(), sees);
        }
        for (filter, count) in [
            (QuarantineFilter { reason: Some("encrypted_archive".to_owned()), ..QuarantineFilter::default() }, 2),
            (QuarantineFilter { reason: Some("spam".to_owned()), ..QuarantineFilter::default() }, 0),
            (QuarantineFilter { trace: Some("s1.1".to_owned()), ..QuarantineFilter::default() }, 2),
            (QuarantineFilter { state: Some(HeldState::Deleted), ..QuarantineFilter::default() }, 0),
        ] {
            assert_eq!(write!(house, filter, |tx| tx.held_mails(filter, 9).await?).unwrap().len(), count, "{filter:?}");
        }
        assert!(write!(house, |tx| tx.judge_mail(incoming, Judgement::FalsePositive, "an", NOW).await?).unwrap());
        let judged = read!(house, |tx| tx.held_mail(incoming).await?).unwrap();
        assert_eq!((judged.judgement.as_str(), judged.releaser), ("false_positive", Releaser::Administrator));
    }

    async fn m33_r11_a_digest_is_due_for_what_is_new_and_not_for_what_takes_two_persons(house: House) {
        let due = async |told: bool| {
            let after = account_id(0);
            let again = if told { NOW.minus(DAY) } else { NOW };
            read!(house, |tx| tx.digests_due(again, after, 9).await?)
        };
        held_for(&house, Door::Mx, Releaser::TwoPersons).await;
        assert_eq!(due(false).await, []);
        held(&house, Door::Mx).await;
        let found = due(false).await;
        assert_eq!(found.iter().map(|one| one.account_id).collect::<Vec<_>>(), [account_id(2)]);
        let one = found[0].clone();
        assert!(write!(house, one, |tx| tx.note_digest(one, NOW).await?).unwrap());
        let again = found[0].clone();
        assert!(!write!(house, again, |tx| tx.note_digest(again, NOW).await?).unwrap(), "told once");
        assert_eq!(due(true).await, []);
    }

    async fn m33_what_nobody_wants_goes_in_its_time(house: House) {
        let (id, blob_id) = held(&house, Door::Mx).await;
        assert_eq!(write!(house, |tx| tx.expire_quarantine(NOW, 9, NOW).await?).unwrap(), 0);
        let later = NOW.plus(DAY);
        assert_eq!(write!(house, |tx| tx.expire_quarantine(later, 9, later).await?).unwrap(), 1);
        assert!(house.store.read_blob(account_id(1), blob_id).await.unwrap().is_none());
        assert!(read!(house, |tx| tx.held_mail(id).await?).is_none());
        assert!(!write!(house, |tx| tx.release_mail(id, "an", later).await?).unwrap());
        assert_eq!(write!(house, |tx| tx.outbox_depth().await?).unwrap(), 0);
    }
}
