//! What the signatures of mails came to, and the official documents in them: kept with the message, and gone with it.

use std::time::Duration;

use mail::{DocumentVerdict, RecognisedDocument, Timestamp};
use store::{Signal, Smime, SmimeJudged, SmimeStatus};

use crate::house::{NOW, account_id, deliver, letter, read, stories, with_account, write};

const MINUTE: Duration = Duration::from_secs(60);

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn signed(id: &str) -> Vec<u8> {
    format!("From: a@b.vn\r\nMessage-ID: <{id}>\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nx\r\n")
        .into_bytes()
}

fn judged(status: SmimeStatus, seconds: u64) -> SmimeJudged {
    SmimeJudged {
        status,
        errors: vec!["sai / wrong [x]".to_owned()],
        at: later(seconds),
        is_answer: true,
        again_at: None,
    }
}

stories! {
    async fn rfc_9219_4_1_the_status_at_delivery_never_changes(house: House) {
        with_account(&house, 1).await;
        deliver(&house, 1, &letter("0@x", "thường", ""), 0).await.unwrap();
        assert_eq!(read!(house, |tx| tx.next_smime_due().await?), None);
        let mut signals = house.store.signals();
        let email = deliver(&house, 1, &signed("1@x"), 0).await.unwrap();
        // Signals follow the answer.
        let told = async { while signals.recv().await.unwrap() != Signal::Smime {} };
        tokio::time::timeout(MINUTE, told).await.unwrap();
        let known = |house: &crate::house::House| {
            let store = house.store.clone();
            async move {
                let read = store.read((), move |tx, ()| Box::pin(async move { tx.smimes(account_id(1), &[email.blob_id]).await }));
                let read: store::Result<_> = read.await;
                read.unwrap().remove(&email.blob_id)
            }
        };
        let waits = Smime { at_delivery: None, status: SmimeStatus::Signed, errors: vec![], verified_at: None };
        assert_eq!(known(&house).await, Some(waits));
        assert_eq!(read!(house, |tx| tx.next_smime_due().await?), Some(NOW));
        let due = write!(house, |tx| tx.claim_smime(NOW, MINUTE, 9).await?).unwrap();
        assert_eq!((due.len(), due[0].blob_id, due[0].attempts), (1, email.blob_id, 1));
        assert!(write!(house, |tx| tx.claim_smime(NOW, MINUTE, 9).await?).unwrap().is_empty(), "it is somebody's");
        let before = read!(house, |tx| tx.modseq(account_id(1)).await?);
        // Evidence is missing: no answer yet, and nothing changes for readers' states.
        let open = SmimeJudged { is_answer: false, again_at: Some(later(120)), ..judged(SmimeStatus::Failed, 1) };
        write!(house, open, |tx| tx.put_smime(account_id(1), email.blob_id, open).await?).unwrap();
        assert_eq!(known(&house).await.unwrap().at_delivery, None);
        assert_eq!(read!(house, |tx| tx.modseq(account_id(1)).await?), before);
        assert!(write!(house, |tx| tx.claim_smime(later(119), MINUTE, 9).await?).unwrap().is_empty());
        assert_eq!(write!(house, |tx| tx.claim_smime(later(120), MINUTE, 9).await?).unwrap()[0].attempts, 2);
        let good = judged(SmimeStatus::Verified, 121);
        write!(house, good, |tx| tx.put_smime(account_id(1), email.blob_id, good).await?).unwrap();
        let after = read!(house, |tx| tx.email(account_id(1), email.email_id).await?).unwrap();
        assert!(after.modseq > before, "the message changed by its answer");
        // A year later the certificate is revoked.
        let bad = judged(SmimeStatus::Failed, 31_536_000);
        write!(house, bad, |tx| tx.put_smime(account_id(1), email.blob_id, bad).await?).unwrap();
        let now = Smime { at_delivery: Some(SmimeStatus::Verified), status: SmimeStatus::Failed, errors: bad.errors, verified_at: Some(bad.at) };
        assert_eq!(known(&house).await, Some(now.clone()));
        assert_eq!(read!(house, |tx| tx.email(account_id(1), email.email_id).await?).unwrap().modseq, after.modseq);
        assert!(read!(house, |tx| tx.next_smime_due().await?).is_none());
        // The same bytes once more are the same answer; and with the last of them it goes.
        let again = deliver(&house, 1, &signed("1@x"), 5).await.unwrap();
        assert_eq!(again.blob_id, email.blob_id);
        write!(house, |tx| tx.destroy_email(account_id(1), email.email_id, NOW).await?).unwrap();
        assert_eq!(known(&house).await, Some(now));
        write!(house, |tx| tx.destroy_email(account_id(1), again.email_id, NOW).await?).unwrap();
        assert_eq!(known(&house).await, None);
    }

    async fn r4_the_documents_of_a_message_go_with_it(house: House) {
        with_account(&house, 1).await;
        let email = deliver(&house, 1, &letter("1@x", "kèm", ""), 0).await.unwrap();
        let document = RecognisedDocument {
            sha256: [0xA5; 32],
            symbol: "05/QĐ-UBND".into(),
            verdict: DocumentVerdict::Unknown,
            class: "UNKNOWN_REVOCATION".into(),
            is_original: false,
            reasons: vec!["mail-channel".into()],
            judged_at: None,
        };
        let blob_id = email.blob_id;
        assert!(read!(house, |tx| tx.email_documents(account_id(1), &[blob_id]).await?).is_empty());
        let none: Vec<RecognisedDocument> = Vec::new();
        write!(house, none, |tx| tx.put_email_documents(account_id(1), blob_id, none, NOW).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.email_documents(account_id(1), &[blob_id]).await?)[&blob_id], (vec![], NOW));
        let one = vec![document];
        write!(house, one, |tx| tx.put_email_documents(account_id(1), blob_id, one, later(1)).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.email_documents(account_id(1), &[blob_id]).await?)[&blob_id], (one.clone(), later(1)));
        assert!(read!(house, |tx| tx.email_documents(account_id(2), &[blob_id]).await?).is_empty());
        write!(house, |tx| tx.destroy_email(account_id(1), email.email_id, NOW).await?).unwrap();
        assert!(read!(house, |tx| tx.email_documents(account_id(1), &[blob_id]).await?).is_empty());
        // Whoever judged meanwhile keeps nothing beside bytes that are gone.
        write!(house, one, |tx| tx.put_email_documents(account_id(1), blob_id, one, later(2)).await?).unwrap();
        assert!(read!(house, |tx| tx.email_documents(account_id(1), &[blob_id]).await?).is_empty());
    }
}
