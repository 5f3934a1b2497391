//! What becomes of mail in the outbox: delivered, tried again, reported; and never twice because of a crash of ours.

use std::time::Duration;

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{IdentityId, SubmissionId, Timestamp};
use smtp::codec::Reply;
use smtp::send::Verdict;
use smtp::serve::{Attempt, Outgoing, Tally};
use store::{Lane, NewOutbox, NewSubmission, OutboxKind};

use super::house::{AN, BINH, LEASE, NOW, Office, dice, drop_after, stories};

fn reply(text: &str) -> Reply {
    let mut words = text.splitn(3, ' ');
    let code = words.next().unwrap().parse().unwrap();
    let status = words.next().unwrap().parse().ok();
    Reply::new(code, status, words)
}

fn delivered() -> Verdict {
    Verdict::Delivered(reply("250 2.0.0 Queued"))
}

fn deferred() -> Verdict {
    Verdict::Deferred(reply("451 4.7.1 Greylisted"))
}

fn refused() -> Verdict {
    Verdict::Refused(reply("550 5.1.1 No such user"))
}

async fn settle(office: &Office, row: &Outgoing, verdicts: Vec<Verdict>, now: Timestamp) -> Option<Tally> {
    let attempt = Attempt {
        verdicts,
        remote: "mx.b.vn".parse().ok(),
        peer_reports: true,
        keeps_time: true,
        taken_at: None,
    };
    office.desk.settle(row, &attempt, &dice(), now).await.unwrap()
}

fn after(hours: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(hours * 3_600))
}

stories! {
    async fn each_recipient_goes_its_own_way(office: Office) {
        office.an_sends(&["one@b.vn", "two@b.vn", "three@b.vn"], "ba người").await.unwrap();
        let row = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        let tally = settle(&office, &row, vec![delivered(), deferred(), refused()], NOW).await.unwrap();
        assert_eq!(tally, Tally { delivered: 1, deferred: 1, refused: 1 });
        // The report about the third lies in An's inbox; the second waits.
        let inbox = office.inbox(AN).await;
        assert_eq!(inbox.len(), 1);
        assert!(inbox[0].starts_with("Return-Path: <>\r\n"), "{}", inbox[0]);
        assert!(inbox[0].contains("Final-Recipient: rfc822;three@b.vn\r\nAction: failed\r\nStatus: 5.1.1"), "{}", inbox[0]);
        assert!(!inbox[0].contains("two@b.vn"));
        let mut audit = office.audit(AN).await;
        audit.sort();
        assert_eq!(audit, ["mail.bounced", "mail.delivered", "mail.submitted"]);
        assert!(office.claim(OutboxKind::Mail, "h2", NOW).await.is_empty(), "not before it is due");
        let row = office.claim(OutboxKind::Mail, "h2", after(1)).await.remove(0);
        assert_eq!(row.recipients(), 1);
        settle(&office, &row, vec![delivered()], after(1)).await.unwrap();
        assert_eq!((office.outbox_depth().await, office.inbox(AN).await.len()), (0, 1));
    }

    async fn m36_when_the_peer_said_yes_is_kept_beside_the_time_of_the_commit(office: Office) {
        office.an_sends(&["one@b.vn"], "gửi").await.unwrap();
        let row = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        let (taken, committed) = (NOW.plus(Duration::from_secs(5)), NOW.plus(Duration::from_secs(40)));
        let verdicts = vec![delivered()];
        let attempt = Attempt { verdicts, remote: None, peer_reports: true, keeps_time: true, taken_at: Some(taken) };
        office.desk.settle(&row, &attempt, &dice(), committed).await.unwrap().unwrap();
        let detail = office.audit_detail(AN).await;
        assert!(detail.contains(&taken.to_rfc3339_utc()), "{detail}");
        let traced = office.traced("s1.1").await;
        let Some(mail::trace::Event::Settled(settled)) = traced.last().map(|row| &row.event) else { panic!() };
        assert_eq!(settled.taken_at, Some(taken));
    }

    async fn a_delay_is_told_once_and_five_days_are_the_end(office: Office) {
        office.an_sends(&["one@b.vn"], "chậm").await.unwrap();
        let mut now = NOW;
        for n in 0..200 {
            let rows = office.claim(OutboxKind::Mail, &format!("h{n}"), now).await;
            if let Some(row) = rows.first() {
                settle(&office, row, vec![deferred()], now).await.unwrap();
            }
            if office.outbox_depth().await == 0 {
                break;
            }
            now = now.plus(Duration::from_secs(3_600));
        }
        assert_eq!(now.since(NOW).as_secs() / 3_600, 120);
        let inbox = office.inbox(AN).await;
        let about = |action: &str| inbox.iter().filter(|text| text.contains(&format!("Action: {action}"))).count();
        assert_eq!((about("delayed"), about("failed"), inbox.len()), (1, 1, 2));
    }

    async fn a_foreign_sender_is_told_by_mail_and_a_report_by_nobody(office: Office) {
        office.arrives("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "hai").await.unwrap();
        office.close(BINH).await;
        let row = office.claim(OutboxKind::Local, "h1", NOW).await.remove(0);
        office.desk.deliver_here(&row, &dice(), NOW).await.unwrap().unwrap();
        let report = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        let delivery = report.delivery().unwrap();
        assert_eq!((report.destination(), delivery.reverse_path), ("b.vn", smtp::ReversePath::Null));
        assert!(String::from_utf8_lossy(&delivery.message).contains("Status: 5.1.6"));
        // The report is refused too: RFC 5321 §4.5.5, nothing is said about it.
        settle(&office, &report, vec![refused()], NOW).await.unwrap();
        assert_eq!((office.outbox_depth().await, office.inbox(AN).await.len()), (0, 1));
    }

    /// The worker dies between the peer's 250 and the settlement, or while settling; another takes over.
    async fn a_crash_loses_nothing_and_doubles_nothing_in_a_mailbox(office: Office) {
        office.arrives("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "hai").await.unwrap();
        let first = office.claim(OutboxKind::Local, "h1", NOW).await.remove(0);
        // It claims, and is heard of no more. Until the lease has run out nobody else has the row.
        assert!(office.claim(OutboxKind::Local, "h2", NOW).await.is_empty());
        let later = NOW.plus(LEASE);
        let second = office.claim(OutboxKind::Local, "h2", later).await.remove(0);
        // The first one was only slow, and comes back: its lease is gone, and it writes nothing.
        assert_eq!(office.desk.deliver_here(&first, &dice(), later).await.unwrap(), None);
        assert!(office.inbox(BINH).await.is_empty());
        office.desk.deliver_here(&second, &dice(), later).await.unwrap().unwrap();
        assert_eq!(office.desk.deliver_here(&second, &dice(), later).await.unwrap(), None, "once is enough");
        assert_eq!((office.inbox(BINH).await.len(), office.outbox_depth().await), (1, 0));
    }

    /// A future dropped at any of its waits leaves the row or the letter, never both, never neither.
    async fn stopped_anywhere_the_mail_is_in_one_place(office: Office) {
        for polls in 0..40 {
            office.arrives("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "y").await.unwrap();
            let now = NOW.plus(LEASE * (2 * polls));
            let row = office.claim(OutboxKind::Local, &format!("h{polls}"), now).await.remove(0);
            let dice = dice();
            drop_after(polls, office.desk.deliver_here(&row, &dice, now)).await;
            // On SQLite whatever was on its way to the writer is done before this is. PostgreSQL gives up a transaction
            // when it notices that its connection is gone, and tells nobody; until then the row is skipped as locked.
            let later = now.plus(LEASE);
            for _ in 0..500 {
                let again = office.claim(OutboxKind::Local, &format!("again{polls}"), later).await;
                for row in &again {
                    office.desk.deliver_here(row, &self::dice(), later).await.unwrap().unwrap();
                }
                if !again.is_empty() || office.outbox_depth().await == 0 {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            let inbox = office.inbox(BINH).await;
            assert_eq!((inbox.len(), office.outbox_depth().await), (1, 0), "dropped after {polls} polls");
            office.write(|tx| Box::pin(async move {
                for account in [AN, BINH] {
                    let (ids, _) = tx.query_emails(account, &store::EmailQuery::default(), 0, 10).await?;
                    for id in ids {
                        tx.destroy_email(account, id, NOW).await?;
                    }
                }
                Ok(())
            })).await;
        }
    }

    async fn a_submission_knows_what_became_of_each_recipient(office: Office) {
        office.arrives("x@b.vn", &["an@a.gov.vn"], "cũ").await.unwrap();
        let submission_id = submit(&office).await;
        for row in office.claim(OutboxKind::Mail, "h1", NOW).await {
            let verdicts = if row.destination() == "b.vn" { vec![refused()] } else { vec![delivered()] };
            settle(&office, &row, verdicts, NOW).await.unwrap();
        }
        let delivery = office
            .store
            .read(submission_id, |tx, id| Box::pin(async move { tx.submission(AN, *id).await }))
            .await
            .unwrap()
            .unwrap()
            .delivery;
        let delivery: serde_json::Value = serde_json::from_str(&delivery).unwrap();
        assert_eq!(delivery["b@b.vn"]["delivered"], "no");
        assert_eq!(delivery["b@b.vn"]["smtpReply"], "550 5.1.1 No such user");
        assert_eq!(delivery["c@c.vn"]["delivered"], "unknown");
        assert_eq!(delivery["c@c.vn"]["displayed"], "unknown");
    }
}

/// A submission with a row for each of two domains, as JMAP writes it.
async fn submit(office: &Office) -> SubmissionId {
    office
        .write(|tx| {
            Box::pin(async move {
                let (ids, _) = tx.query_emails(AN, &store::EmailQuery::default(), 0, 1).await?;
                let email = tx.email(AN, ids[0]).await?.unwrap();
                let new = NewSubmission {
                    account_id: AN,
                    email_id: email.email_id,
                    thread_id: email.thread_id,
                    identity_id: IdentityId::from_bytes([5; 16]),
                    envelope: "{}".into(),
                    send_at: NOW,
                    delivery:
                        r#"{"c@c.vn":{"smtpReply":"250 OK","delivered":"queued","displayed":"unknown"}}"#
                            .into(),
                };
                let id = tx.add_submission(&new, NOW).await?;
                for (address, domain) in [("b@b.vn", "b.vn"), ("c@c.vn", "c.vn")] {
                    let mail = OutboundMail {
                        reverse_path: Some("an@a.gov.vn".parse().unwrap()),
                        recipients: vec![OutboundRecipient::plain(address.parse().unwrap())],
                        submission: Some((AN, id)),
                        envid: None,
                        ret: None,
                        smtputf8: false,
                        body_8bit: false,
                        binary: false,
                        require_tls: false,
                        priority: None,
                        not_before: None,
                        deliver_by: None,
                        via: None,
                        received_at: NOW,
                        trace: String::new(),
                        keywords: Vec::new(),
                        list: None,
                        forwarded_by: None,
                        to_list: None,
                    };
                    let row = NewOutbox {
                        kind: OutboxKind::Mail,
                        owner: AN.into(),
                        lane: Lane::Normal,
                        destination: domain.to_owned(),
                        payload: serde_json::to_string(&mail).unwrap(),
                        blob_id: Some(email.blob_id),
                        due_at: NOW,
                    };
                    tx.enqueue(&row, NOW).await?;
                }
                Ok(id)
            })
        })
        .await
}
