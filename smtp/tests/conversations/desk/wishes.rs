//! What senders wish for beside who gets it: a time to deliver by, octets kept as they are.

use std::time::Duration;

use mail::Timestamp;
use mail::envelope::{DeliverBy, WhenLate};
use smtp::Body;
use smtp::codec::Reply;
use smtp::receive::{Arrived, Role};
use smtp::send::Verdict;
use smtp::serve::Attempt;
use store::OutboxKind;

use super::house::{AN, BINH, NOW, Welcome, arrived, dice, stories};

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\r\r\n.\r\n\xff";

fn seconds(count: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(count))
}

/// A letter of An with a time.
fn timed(to: &str, then: WhenLate) -> Arrived {
    let mut letter = arrived("an@a.gov.vn", &[to], "x", Some(AN));
    letter.envelope.deliver_by = Some(DeliverBy { at: seconds(100), then, trace: false, told: false });
    letter
}

/// A letter with a picture as it is on a disk.
fn picture(from: &str, to: &[&str], signed_in: bool, more: &str) -> Arrived {
    let mut letter = arrived(from, to, "x", signed_in.then_some(AN));
    letter.envelope.body = Body::Binary;
    let header = format!(
        "From: {from}\r\n{more}MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    );
    letter.message = [header.as_bytes(), PICTURE].concat();
    letter
}

stories! {
    async fn rfc_2852_section_4_1_late_and_to_be_given_back(office: Office) {
        office.desk.accept(Role::Submission, timed("one@b.vn", WhenLate::Return), &Welcome, NOW).await.unwrap();
        let row = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        assert!(row.over(seconds(99)).is_none());
        let later = Attempt::same(&row, &Verdict::Deferred(Reply::new(451, None, ["later"])));
        office.desk.settle(&row, &later, &dice(), seconds(50)).await.unwrap().unwrap();
        // Not at its next attempt, but at its time somebody looks.
        assert!(office.claim(OutboxKind::Mail, "h2", seconds(99)).await.is_empty());
        let row = office.claim(OutboxKind::Mail, "h3", seconds(100)).await.remove(0);
        let over = row.over(seconds(100)).expect("it is over");
        office.desk.settle(&row, &Attempt::same(&row, &over), &dice(), seconds(100)).await.unwrap().unwrap();
        let inbox = office.inbox(AN).await;
        let [report] = &inbox[..] else { panic!("{inbox:?}") };
        for words in ["Action: failed\r\nStatus: 5.4.7\r\n", "Deliver-By-Date: "] {
            assert!(report.contains(words), "{words}:\n{report}");
        }
        assert_eq!(office.outbox_depth().await, 0);
    }

    async fn rfc_2852_section_4_1_late_and_to_be_told(office: Office) {
        office.desk.accept(Role::Submission, timed("one@b.vn", WhenLate::Notify), &Welcome, NOW).await.unwrap();
        let mut told = Vec::new();
        for (n, at) in [100, 3_000, 9_000].into_iter().enumerate() {
            let row = office.claim(OutboxKind::Mail, &format!("h{n}"), seconds(at)).await.remove(0);
            assert!(row.over(seconds(at)).is_none(), "it goes on");
            let later = Attempt::same(&row, &Verdict::Deferred(Reply::new(451, None, ["later"])));
            office.desk.settle(&row, &later, &dice(), seconds(at)).await.unwrap().unwrap();
            told.push(office.inbox(AN).await.iter().filter(|text| text.contains("Action: delayed")).count());
        }
        assert_eq!(told, [1, 1, 1], "its sender hears it once");
        // It arrives at a host that keeps no time: that is told too.
        let row = office.claim(OutboxKind::Mail, "h9", seconds(90_000)).await.remove(0);
        let taken = Attempt { peer_reports: true, ..Attempt::same(&row, &Verdict::Delivered(Reply::new(250, None, ["ok"]))) };
        office.desk.settle(&row, &taken, &dice(), seconds(90_000)).await.unwrap().unwrap();
        let relayed = office.inbox(AN).await.iter().filter(|text| text.contains("Action: relayed")).count();
        assert_eq!((relayed, office.outbox_depth().await), (1, 0));
    }

    async fn rfc_3030_section_3_a_binary_message_is_kept_to_the_octet_here(office: Office) {
        let letter = picture("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], false, "");
        office.desk.accept(Role::Mx, letter, &Welcome, NOW).await.unwrap();
        for row in office.claim(OutboxKind::Local, "h1", NOW).await {
            office.desk.deliver_here(&row, &dice(), NOW).await.unwrap().unwrap();
        }
        for account in [AN, BINH] {
            let (email, bytes) = office.letters(account).await.remove(0);
            assert!(bytes.ends_with(&[b"\r\n\r\n", PICTURE].concat()), "{bytes:?}");
            // What readers are told of it is what is in it.
            let part = &email.facts.body;
            assert_eq!(mail::message::part_bytes(&bytes, part).as_ref(), PICTURE, "{part:?}");
            assert_eq!(part.declared_encoding.as_deref(), Some("binary"));
        }
        // Our own people's too, as long as it stays here.
        let letter = picture("an@a.gov.vn", &["binh@a.gov.vn"], true, "");
        office.desk.accept(Role::Submission, letter, &Welcome, NOW).await.unwrap();
        let row = office.claim(OutboxKind::Local, "h2", NOW).await.remove(0);
        assert!(row.delivery().unwrap().message.ends_with(PICTURE));
    }

    /// RFC 6376 §5.3: what leaves is written in lines before it is signed, unless it is signed already.
    async fn rfc_3030_section_3_a_binary_message_leaves_in_lines(office: Office) {
        let letter = picture("an@a.gov.vn", &["binh@a.gov.vn", "x@b.vn"], true, "");
        office.desk.accept(Role::Submission, letter, &Welcome, NOW).await.unwrap();
        let row = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        let delivery = row.delivery().unwrap();
        let text = String::from_utf8_lossy(&delivery.message).into_owned();
        assert!(!delivery.binary && text.contains("Content-Transfer-Encoding: base64\r\n\r\niVBORw0K"), "{text}");
        office.desk.settle(&row, &Attempt::same(&row, &Verdict::Delivered(Reply::new(250, None, ["ok"]))), &dice(), NOW).await.unwrap().unwrap();

        let letter = picture("an@a.gov.vn", &["x@b.vn"], true, "DKIM-Signature: v=1\r\n");
        office.desk.accept(Role::Submission, letter, &Welcome, NOW).await.unwrap();
        let row = office.claim(OutboxKind::Mail, "h2", NOW).await.remove(0);
        let delivery = row.delivery().unwrap();
        assert!(delivery.binary && delivery.message.ends_with(PICTURE));
        // A report goes by DATA: it brings the header back and no octet of the picture.
        office.desk.settle(&row, &Attempt::same(&row, &Verdict::Refused(Reply::new(554, None, ["no"]))), &dice(), NOW).await.unwrap().unwrap();
        let report = office.inbox(AN).await.remove(0);
        assert!(report.contains("text/rfc822-headers") && !report.contains('\0'), "{report}");
    }
}
