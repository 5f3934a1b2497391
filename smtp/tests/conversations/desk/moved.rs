//! Mail to addresses that have moved, and mail to lists that somebody has to look at.

use std::time::Duration;

use mail::authentication::{Authentication, Verdict};
use mail::letter::{Examination, Hold, Releaser};
use mail::{AgencyId, Examine, Findings, Letter};
use smtp::receive::Role;
use store::{ListPart, NewList, NewMove, OutboxKind, QuarantineFilter, Resolved, WhoMaySend};

use super::house::{AN, BINH, NOW, Office, arrived, client, dice, recipient, stories};

const DAY: Duration = Duration::from_secs(86_400);

/// Bình's address has moved, for 100 days.
async fn moved(office: &Office, to: &'static str) {
    let new = NewMove {
        from: "binh@a.gov.vn".parse().unwrap(),
        to: to.parse().unwrap(),
        until: NOW.plus(DAY * 100),
        decision: "QĐ 1".to_owned(),
    };
    let new = std::sync::Arc::new(new);
    office
        .write(move |tx| {
            let new = new.clone();
            Box::pin(async move { tx.move_address(&new, "cli", NOW).await })
        })
        .await;
}

/// A letter to Bình, with more fields.
async fn writes(office: &Office, from: &str, fields: &str, findings: Findings) {
    let mut letter = arrived(from, &["binh@a.gov.vn"], "xin chao", None);
    letter.message =
        format!("From: {from}\r\nTo: binh@a.gov.vn\r\nMessage-ID: <1@c.vn>\r\n{fields}\r\nxin chao\r\n")
            .into_bytes();
    office.desk.accept(Role::Mx, letter, &Found(findings), NOW).await.unwrap();
}

/// Finds what it is told to.
struct Found(Findings);

impl Examine for Found {
    fn examine<'a>(&'a self, _: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// The rows for other systems: destination and text.
async fn leaving(office: &Office) -> Vec<(String, String)> {
    let rows = office.claim(OutboxKind::Mail, "w", NOW).await;
    rows.iter()
        .map(|row| {
            (row.destination().to_owned(), String::from_utf8_lossy(row.message().unwrap()).into_owned())
        })
        .collect()
}

stories! {
    async fn m5_mail_follows_within_the_house_and_its_sender_is_told_once(office: Office) {
        moved(&office, "binh.tran@a.gov.vn").await;
        for _ in 0..2 {
            writes(&office, "x@c.vn", "", Findings::default()).await;
        }
        assert_eq!(office.inbox(BINH).await.len(), 2);
        let told = leaving(&office).await;
        let [(destination, text)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(destination, "c.vn");
        for field in ["Auto-Submitted: auto-replied\r\n", "To: <x@c.vn>\r\n", "In-Reply-To: <1@c.vn>\r\n", "X-Auto-Response-Suppress: All\r\n"] {
            assert!(text.contains(field), "{field} {text}");
        }
        let facts = mail::opened::open(text.as_bytes(), &mail::message::Limits::default(), &mail::opened::Limits::default());
        let mail::opened::Holds::Text(words) = &facts[0].holds else { panic!("{facts:?}") };
        assert!(words.contains("binh@a.gov.vn đã đổi thành binh.tran@a.gov.vn") && words.contains("2027-03-02"), "{words}");
        // The new address is nobody's news.
        let letter = arrived("y@c.vn", &["binh.tran@a.gov.vn"], "xin chao", None);
        office.desk.accept(Role::Mx, letter, &Found(Findings::default()), NOW).await.unwrap();
        assert!(leaving(&office).await.is_empty());
    }

    async fn rfc_3834_no_program_no_list_no_stranger_is_told_of_a_move(office: Office) {
        moved(&office, "binh.tran@a.gov.vn").await;
        let auth = |spf, dmarc| {
            let mut findings = Findings::default();
            findings.auth = Some(Authentication { spf, dmarc, ..Authentication::default() });
            findings
        };
        let mut junk = Findings::default();
        junk.keywords.push("$junk".to_owned());
        writes(&office, "", "", Findings::default()).await;
        for (from, fields) in [
            ("x@c.vn", "Auto-Submitted: auto-generated\r\n"), ("x@c.vn", "Precedence: bulk\r\n"), ("x@c.vn", "List-Id: <x.c.vn>\r\n"),
            ("MAILER-DAEMON@c.vn", ""), ("no-reply@c.vn", ""), ("owner-x@c.vn", ""),
        ] {
            writes(&office, from, fields, Findings::default()).await;
        }
        for findings in [junk, auth(Verdict::Fail, Verdict::None), auth(Verdict::SoftFail, Verdict::None), auth(Verdict::Pass, Verdict::Fail)] {
            writes(&office, "x@c.vn", "", findings).await;
        }
        // One of many, whom nobody named.
        let hidden = arrived("x@c.vn", &["binh@a.gov.vn"], "xin chao", None);
        office.desk.accept(Role::Mx, hidden, &Found(Findings::default()), NOW).await.unwrap();
        assert_eq!(leaving(&office).await, []);
        writes(&office, "x@c.vn", "", auth(Verdict::Pass, Verdict::Pass)).await;
        assert_eq!(leaving(&office).await.len(), 1);
    }

    async fn m5_mail_follows_to_another_system_as_it_came(office: Office) {
        moved(&office, "binh@bo.gov.vn").await;
        for role in [Role::Mx, Role::Lmtp, Role::Submission] {
            let account = (role == Role::Submission).then_some(AN);
            office.desk.recipient(role, &recipient("binh@a.gov.vn"), &client(account), NOW).await.unwrap();
        }
        writes(&office, "x@c.vn", "Auto-Submitted: auto-generated\r\n", Findings::default()).await;
        assert_eq!(office.inbox(BINH).await.len(), 0);
        let rows = office.claim(OutboxKind::Mail, "w", NOW).await;
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.destination(), row.passed_on_by().map(ToString::to_string).as_deref()), ("bo.gov.vn", Some("binh@a.gov.vn")));
        let delivery = row.delivery().unwrap();
        assert_eq!(delivery.reverse_path.to_string(), "<x@c.vn>", "reports go to who wrote it");
        assert_eq!(delivery.recipients[0].path.to_string(), "<binh@bo.gov.vn>");
        assert_eq!(delivery.recipients[0].original.as_ref().map(|one| one.text()), Some("binh@a.gov.vn"));
        let text = String::from_utf8_lossy(&delivery.message);
        assert!(text.contains("xin chao") && !text.contains("Return-Path:"), "{text}");
    }

    async fn m5_after_its_term_a_refusal_tells_the_new_address(office: Office) {
        moved(&office, "binh@bo.gov.vn").await;
        let end = NOW.plus(DAY * 100);
        let asked = office.desk.recipient(Role::Mx, &recipient("binh@a.gov.vn"), &client(None), end).await;
        let reply = asked.unwrap_err().to_reply().to_string();
        assert!(reply.starts_with("550 5.1.6") && reply.contains("binh@bo.gov.vn"), "{reply}");
    }

    async fn m33_a_held_mail_for_a_list_waits_for_who_keeps_it(office: Office) {
        office.write(|tx| Box::pin(async move {
            let new = NewList {
                address: "all@a.gov.vn".parse().unwrap(),
                agency_id: AgencyId::from_bytes([9; 16]),
                unit_id: None,
                name: "Toàn cơ quan".into(),
                who_may_send: WhoMaySend::Anyone,
                is_everybody: true,
                responsible: BINH,
            };
            tx.add_list(&new, "cli", NOW).await?;
            let Resolved::List(list) = tx.resolve_address(&new.address, NOW).await? else { panic!("no list") };
            tx.add_to_list(&list, ListPart::Member, &"x@elsewhere.vn".parse().unwrap(), "cli", NOW).await
        })).await;
        let mut findings = Findings::default();
        findings.hold(Hold { reason: "spam", detail: String::new(), releaser: Releaser::Person });
        let letter = arrived("c@c.vn", &["all@a.gov.vn"], "xin chao", None);
        office.desk.accept(Role::Mx, letter, &Found(findings.clone()), NOW).await.unwrap();
        let letter = arrived("an@a.gov.vn", &["all@a.gov.vn"], "hai", Some(AN));
        office.desk.accept(Role::Submission, letter, &Found(findings), NOW).await.unwrap();
        assert_eq!(office.outbox_depth().await, 0, "nobody has anything yet");
        let held = office.store.read((), |tx, ()| Box::pin(async move { tx.held_mails(&QuarantineFilter::default(), 10).await }));
        let held: Result<Vec<_>, store::Error> = held.await;
        let held = held.unwrap();
        assert_eq!(held.iter().map(|mail| mail.account_id).collect::<Vec<_>>(), [BINH, BINH], "who keeps the list sees both");
        // Both were held in the same moment: the door tells them apart.
        let by = |door: &str| held.iter().find(|mail| mail.door == door).unwrap().quarantine_id;
        let first = by("mx");
        assert!(office.write(move |tx| Box::pin(async move { tx.release_mail(first, "binh", NOW).await })).await);
        for _ in 0..2 {
            for outgoing in office.claim(OutboxKind::Local, "w", NOW).await {
                office.desk.deliver_here(&outgoing, &dice(), NOW).await.unwrap().unwrap();
            }
        }
        for account in [AN, BINH] {
            let inbox = office.inbox(account).await;
            assert!(inbox.len() == 1 && inbox[0].contains("List-Id: <all.list.a.gov.vn>") && inbox[0].contains("xin chao"), "{inbox:?}");
        }
        let [(destination, text)] = &leaving(&office).await[..] else { panic!("one outside") };
        assert!(destination == "elsewhere.vn" && text.matches("List-Id").count() == 1, "{text}");
        // The other is deleted, and nobody gets it.
        let second = by("submission");
        assert!(office.write(move |tx| Box::pin(async move { tx.discard_mail(second, "binh", NOW).await })).await);
        assert_eq!(office.claim(OutboxKind::Local, "w", NOW).await.len(), 0);
    }
}
