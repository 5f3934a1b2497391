//! Waiting mail goes another way, its sender still knows whom he wrote to, and reports that leave are signed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mail::{Domain, OutboxId, Timestamp};
use smtp::codec::Reply;
use smtp::send::Verdict;
use smtp::serve::{Attempt, Outgoing, Redirection, Signs};
use store::{OutboxKind, QueueFilter};

use super::house::{AN, BINH, NOW, Office, dice, refused, stories};

const MINUTE: Duration = Duration::from_secs(60);

/// As an operator takes it: under a lease of his own.
async fn by_hand(office: &Office, holder: &'static str) -> Outgoing {
    let claimed = office
        .write(move |tx| {
            Box::pin(async move {
                let all = QueueFilter::default();
                let row = tx.queue_list(&all, Some(OutboxId::from_bytes([0; 16])), 1).await?.remove(0);
                tx.claim_by_hand(&row, holder, ("cli", "redirect"), NOW, MINUTE).await
            })
        })
        .await;
    office.desk.open(claimed.expect("nobody carries it"), holder).await.unwrap()
}

async fn redirect(office: &Office, to: Redirection) -> bool {
    let outgoing = by_hand(office, "hand").await;
    let way = office.desk.new_way(&to, NOW).await.unwrap();
    office.desk.redirect(&outgoing, &way, "cli", NOW).await.unwrap()
}

struct Signer;

impl Signs for Signer {
    fn fields<'a>(
        &'a self,
        domain: &'a Domain,
        message: &'a [u8],
        _: Timestamp,
    ) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
        Box::pin(async move { format!("X-Signed: {domain} {}\r\n", message.len()) })
    }
}

stories! {
    async fn over_a_host_the_recipients_and_their_domain_stay(office: Office) {
        office.an_sends(&["one@b.vn", "two@b.vn"], "qua máy khác").await.unwrap();
        assert!(redirect(&office, Redirection::Via("relay.vn:25".into())).await);
        let row = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        assert_eq!((row.destination(), row.domain(), row.via()), ("relay.vn:25", "b.vn", Some("relay.vn:25")));
        assert_eq!(row.recipients(), 2);
        // Who was on his way with it when it was taken writes nothing.
        let verdicts = vec![Verdict::Refused(Reply::new(550, None, ["no"])); 2];
        let attempt = Attempt { verdicts, remote: None, peer_reports: true, keeps_time: true, taken_at: None };
        assert_eq!(office.desk.settle(&row, &attempt, &dice(), NOW).await.unwrap().unwrap().refused, 2);
        let noted = office.traced("s1.1").await;
        assert!(noted.iter().any(|one| matches!(&one.event, mail::trace::Event::Noted(n) if n.what == "redirected")));
    }

    async fn rfc_3461_5_2_7_to_an_address_the_first_recipient_stays_named(office: Office) {
        office.an_sends(&["one@b.vn"], "cho người khác").await.unwrap();
        assert!(redirect(&office, Redirection::Address("two@c.vn".parse().unwrap())).await);
        let row = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        assert_eq!((row.destination(), row.via()), ("c.vn", None));
        let delivery = row.delivery().unwrap();
        let [recipient] = &delivery.recipients[..] else { panic!("{delivery:?}") };
        let original = recipient.original.as_ref().unwrap();
        assert_eq!((original.kind(), original.text()), ("rfc822", "one@b.vn"));
    }

    async fn to_somebody_here_it_lies_in_that_mailbox_and_once(office: Office) {
        office.an_sends(&["one@b.vn", "two@b.vn"], "về nhà").await.unwrap();
        assert!(redirect(&office, Redirection::Address("binh@a.gov.vn".parse().unwrap())).await);
        assert!(office.claim(OutboxKind::Mail, "h1", NOW).await.is_empty());
        let row = office.claim(OutboxKind::Local, "h1", NOW).await.remove(0);
        office.desk.deliver_here(&row, &dice(), NOW).await.unwrap().unwrap();
        assert_eq!((office.inbox(BINH).await.len(), office.outbox_depth().await), (1, 0));
    }

    async fn to_nobody_nothing_is_sent(office: Office) {
        office.an_sends(&["one@b.vn"], "đi đâu").await.unwrap();
        let to = Redirection::Address("khong-co@a.gov.vn".parse().unwrap());
        assert_eq!(refused(office.desk.new_way(&to, NOW).await.map(drop)), "550 5.1.1");
        assert_eq!(office.claim(OutboxKind::Mail, "h1", NOW).await.len(), 1);
    }

    async fn a_report_that_leaves_is_signed_and_one_to_an_inbox_is_not(office: Office) {
        let desk = office.desk.clone().signing_with(Arc::new(Signer));
        office.arrives("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "hai").await.unwrap();
        office.close(BINH).await;
        let row = office.claim(OutboxKind::Local, "h1", NOW).await.remove(0);
        desk.deliver_here(&row, &dice(), NOW).await.unwrap().unwrap();
        let report = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0).delivery().unwrap();
        assert_eq!(report.reverse_path, smtp::ReversePath::Null);
        let text = String::from_utf8_lossy(&report.message).into_owned();
        let (field, rest) = text.split_once("\r\n").unwrap();
        assert_eq!(field, format!("X-Signed: mx.a.gov.vn {}", rest.len()));
        assert!(rest.starts_with("From: ") && rest.contains("<postmaster@mx.a.gov.vn>"), "{rest}");
        office.an_sends(&["one@c.vn"], "trả lại").await.unwrap();
        let rows = office.claim(OutboxKind::Mail, "h2", NOW).await;
        let row = rows.iter().find(|row| row.destination() == "c.vn").unwrap();
        let verdicts = vec![Verdict::Refused(Reply::new(550, None, ["no"]))];
        let attempt = Attempt { verdicts, remote: None, peer_reports: true, keeps_time: true, taken_at: None };
        desk.settle(row, &attempt, &dice(), NOW).await.unwrap().unwrap();
        let inbox = office.inbox(AN).await;
        assert!(inbox.iter().any(|text| text.contains("Action: failed")));
        assert!(!inbox.concat().contains("X-Signed"));
    }
}
