//! Who may send, who may receive, and what lies where after the promise.

use mail::letter::Examination;
use mail::{Examine, Findings, Letter, Refused};
use smtp::Notify;
use smtp::codec::table;
use smtp::receive::Role;
use smtp::send::Verdict;
use smtp::serve::Attempt;
use store::{AccountState, Lane, OutboxKind};

use super::house::{
    AN, BINH, NOW, Office, Welcome, arrived, client, dice, drop_after, recipient, refused, reverse_path,
    stories,
};

/// Knows one secret.
struct Strict;

impl Examine for Strict {
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async move {
            match letter.facts.subject == "MẬT" {
                true => Err(Refused {
                    code: 550,
                    status: (5, 7, 1),
                    name: "state_secret",
                    vi: "Văn bản có độ mật".to_owned(),
                    en: "Classified".to_owned(),
                }),
                false => Ok(Findings::default()),
            }
        })
    }
}

/// Marks what it sees, and takes out what somebody forged.
struct Marking;

impl Examine for Marking {
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async move {
            let mut findings = Findings::default();
            let forged = b"Authentication-Results: mx.a.gov.vn; spf=pass\r\n";
            if let Some(at) = letter.message.windows(forged.len()).position(|window| window == forged) {
                findings.cut(at..at + forged.len());
            }
            findings.put_field("Authentication-Results: mx.a.gov.vn; spf=none\r\n");
            findings.keywords.push("$marked".to_owned());
            Ok(findings)
        })
    }
}

stories! {
    /// RFC 5321 §3.3 and §3.6; M20, M23: whom each door takes mail for.
    async fn m20_m23_recipients_at_each_door(office: Office) {
        office.write(|tx| Box::pin(async move { tx.set_account_state(super::house::BINH, AccountState::Suspended, NOW).await })).await;
        let rows = [
            ("an@a.gov.vn", Role::Mx, "ok"),
            ("VAN.THU@A.GOV.VN", Role::Mx, "ok"),
            ("binh@a.gov.vn", Role::Mx, "ok"),
            ("binh+hop@a.gov.vn", Role::Mx, "ok"),
            ("nobody+hop@a.gov.vn", Role::Mx, "550 5.1.1"),
            ("nobody@a.gov.vn", Role::Mx, "550 5.1.1"),
            ("nobody@a.gov.vn", Role::Submission, "550 5.1.1"),
            ("an@elsewhere.vn", Role::Mx, "550 5.7.1"),
            ("an@elsewhere.vn", Role::Lmtp, "550 5.7.1"),
            ("an@elsewhere.vn", Role::Submission, "ok"),
            ("Postmaster", Role::Mx, "ok"),
            ("postmaster@a.gov.vn", Role::Mx, "ok"),
        ];
        for (address, role, expected) in rows {
            let outcome = office.desk.recipient(role, &recipient(address), &client(Some(AN)), NOW).await;
            let said = if outcome.is_ok() { "ok".to_owned() } else { refused(outcome) };
            assert_eq!(said, expected, "{address} {role:?}");
        }
        office.close(BINH).await;
        for role in [Role::Mx, Role::Lmtp, Role::Submission] {
            let who = client((role == Role::Submission).then_some(AN));
            let said = office.desk.recipient(role, &recipient("binh@a.gov.vn"), &who, NOW).await.unwrap_err().to_reply().to_string();
            assert!(said.contains("5.1.6") && said.contains("Hộp thư đã đóng, xin gửi tới so@a.gov.vn"), "M23 {role:?}: {said}");
            let later = office.desk.recipient(role, &recipient("binh@a.gov.vn"), &who, NOW.plus(store::CLOSED_REPLY)).await;
            assert_eq!(refused(later), "550 5.1.1", "M23 {role:?}");
        }
    }

    async fn our_own_people_send_as_themselves(office: Office) {
        let rows = [
            ("an@a.gov.vn", Role::Submission, Some(AN), "ok"),
            ("van.thu@a.gov.vn", Role::Submission, Some(AN), "ok"),
            ("binh@a.gov.vn", Role::Submission, Some(AN), "553 5.7.1"),
            ("an+hop@a.gov.vn", Role::Submission, Some(AN), "553 5.7.1"),
            ("x@elsewhere.vn", Role::Submission, Some(AN), "553 5.7.1"),
            ("", Role::Submission, Some(AN), "553 5.7.1"),
            ("an@a.gov.vn", Role::Submission, None, "530 5.7.0"),
            ("x@elsewhere.vn", Role::Mx, None, "ok"),
            ("", Role::Mx, None, "ok"),
        ];
        for (from, role, who, expected) in rows {
            let outcome = office.desk.sender(role, &reverse_path(from), &client(who), NOW).await;
            let said = if outcome.is_ok() { "ok".to_owned() } else { refused(outcome) };
            assert_eq!(said, expected, "{from:?} {role:?} {who:?}");
        }
        // What stands in From is read by people; it is theirs too.
        let mut forged = arrived("an@a.gov.vn", &["binh@a.gov.vn"], "x", Some(AN));
        forged.message = b"From: binh@a.gov.vn\r\n\r\nx\r\n".to_vec();
        assert_eq!(refused(office.desk.accept(Role::Submission, forged, &Welcome, NOW).await), "553 5.7.1");
        assert_eq!(office.outbox_depth().await, 0);
    }

    async fn a_message_for_one_lies_in_the_inbox_and_one_sent_twice_lies_there_twice(office: Office) {
        office.arrives("x@b.vn", &["an@a.gov.vn"], "hai").await.unwrap();
        office.arrives("x@b.vn", &["an@a.gov.vn"], "hai").await.unwrap();
        let inbox = office.inbox(AN).await;
        assert_eq!(inbox.len(), 2);
        assert!(inbox[0].starts_with("Return-Path: <x@b.vn>\r\nReceived: from x "), "{}", inbox[0]);
        assert!(inbox[0].ends_with("\r\n\r\nhai\r\n"), "{}", inbox[0]);
        assert_eq!(office.audit(AN).await, ["mail.received", "mail.received"]);
        assert_eq!(office.outbox_depth().await, 0);
    }

    async fn m36_the_legal_time_of_receipt_is_kept_beside_the_time_of_the_commit(office: Office) {
        let committed = NOW.plus(std::time::Duration::from_secs(90));
        for (role, from, signed_in) in [(Role::Mx, "x@b.vn", None), (Role::Submission, "an@a.gov.vn", Some(AN))] {
            let mut letter = arrived(from, &["an@a.gov.vn"], "hai", signed_in);
            letter.envelope.received_at = NOW;
            office.desk.accept(role, letter, &Welcome, committed).await.unwrap();
            let detail = office.audit_detail(AN).await;
            assert!(detail.contains(&NOW.to_rfc3339_utc()), "{role:?} {detail}");
        }
    }

    async fn a_message_for_two_accounts_reaches_each_once(office: Office) {
        let to = ["an@a.gov.vn", "van.thu@a.gov.vn", "an+hop@a.gov.vn", "binh@a.gov.vn", "Postmaster"];
        office.arrives("x@b.vn", &to, "hai nơi").await.unwrap();
        assert_eq!((office.inbox(AN).await.len(), office.inbox(BINH).await.len()), (1, 0));
        let rows = office.claim(OutboxKind::Local, "h1", NOW).await;
        assert_eq!(rows.len(), 1, "three addresses of An are one An");
        office.desk.deliver_here(&rows[0], &dice(), NOW).await.unwrap().unwrap();
        let inbox = office.inbox(BINH).await;
        assert_eq!(inbox, office.inbox(AN).await, "the very same bytes");
        assert_eq!(office.audit(BINH).await, ["mail.received"]);
        assert_eq!(office.outbox_depth().await, 0);
    }

    /// A future dropped at any of its waits: the first inbox and the row for the second are written together or not at all.
    async fn stopped_anywhere_a_message_is_kept_whole_or_not_at_all(office: Office) {
        for polls in 0..30 {
            let message = arrived("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "y", None);
            drop_after(polls, office.desk.accept(Role::Mx, message, &Welcome, NOW)).await;
            assert_kept_whole(&office).await;
        }
        office.arrives("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "y").await.unwrap();
        assert!(assert_kept_whole(&office).await >= 1);
    }

    async fn r10_a_state_secret_leaves_nothing_behind(office: Office) {
        let secret = arrived("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "MẬT", None);
        assert_eq!(refused(office.desk.accept(Role::Mx, secret, &Strict, NOW).await), "550 5.7.1");
        assert!(office.inbox(AN).await.is_empty());
        assert!(office.audit(AN).await.is_empty());
        assert_eq!(office.outbox_depth().await, 0);
    }

    async fn what_was_found_lies_before_the_message_and_what_was_forged_is_gone(office: Office) {
        for forged in ["", "Authentication-Results: mx.a.gov.vn; spf=pass\r\n"] {
            let mut message = arrived("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "y", None);
            message.message.splice(..0, forged.bytes());
            office.desk.accept(Role::Mx, message, &Marking, NOW).await.unwrap();
        }
        let rows = office.claim(OutboxKind::Local, "h", NOW).await;
        for row in &rows {
            office.desk.deliver_here(row, &dice(), NOW).await.unwrap().unwrap();
        }
        for account in [AN, BINH] {
            let letters = office.letters(account).await;
            assert_eq!(letters.len(), 2);
            for (email, bytes) in letters {
                let text = String::from_utf8(bytes).unwrap();
                let expected = "Return-Path: <x@b.vn>\r\nAuthentication-Results: mx.a.gov.vn; spf=none\r\nReceived: from x";
                assert!(text.starts_with(expected), "{text}");
                assert!(!text.contains("spf=pass"), "{text}");
                assert_eq!(email.keywords, ["$marked"]);
                let whole = mail::message::read(text.as_bytes(), &mail::message::Limits::default());
                assert_eq!(email.facts, whole);
            }
        }
    }

    async fn m31_a_full_mailbox_puts_off_and_others_still_get_theirs(office: Office) {
        let large = "x".repeat(9_000);
        office.arrives("x@b.vn", &["an@a.gov.vn"], &large[..4_000]).await.unwrap();
        // Room for something, but not for this.
        assert_eq!(refused(office.arrives("x@b.vn", &["an@a.gov.vn"], &large[..4_000]).await), "452 4.2.2");
        office.arrives("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], &large[..2_500]).await.unwrap();
        assert_eq!((office.inbox(AN).await.len(), office.inbox(BINH).await.len()), (1, 1));
        // An's own waits in the outbox and is put off.
        let rows = office.claim(OutboxKind::Local, "h1", NOW).await;
        let tally = office.desk.deliver_here(&rows[0], &dice(), NOW).await.unwrap().unwrap();
        assert_eq!((tally.deferred, tally.refused), (1, 0));
        office.write(|tx| Box::pin(async move {
            let inbox = tx.mailbox_with_role(AN, store::MailboxRole::Inbox).await?.unwrap().mailbox_id;
            let query = store::EmailQuery { in_mailbox: Some(inbox), ..Default::default() };
            let (ids, _) = tx.query_emails(AN, &query, 0, 10).await?;
            tx.destroy_email(AN, ids[0], NOW).await
        })).await;
        let later = NOW.plus(std::time::Duration::from_secs(3_600));
        let rows = office.claim(OutboxKind::Local, "h2", later).await;
        let tally = office.desk.deliver_here(&rows[0], &dice(), later).await.unwrap().unwrap();
        assert_eq!((tally.delivered, office.inbox(AN).await.len()), (1, 1));
    }

    async fn a_submission_leaves_by_one_row_for_each_domain_and_each_account(office: Office) {
        let to = ["b@b.vn", "c@c.vn", "c2@c.vn", "binh@a.gov.vn", "an@a.gov.vn"];
        office.an_sends(&to, "gửi đi").await.unwrap();
        assert_eq!(office.audit(AN).await, ["mail.submitted"]);
        assert!(office.inbox(AN).await.is_empty(), "nothing is delivered before its own transaction");
        let mut mails: Vec<_> = office.claim(OutboxKind::Mail, "h1", NOW).await.iter()
            .map(|row| (row.destination().to_owned(), row.recipients())).collect();
        mails.sort();
        assert_eq!(mails, [("b.vn".to_owned(), 1), ("c.vn".to_owned(), 2)]);
        let locals = office.claim(OutboxKind::Local, "h1", NOW).await;
        assert_eq!(locals.len(), 2);
        for row in &locals {
            office.desk.deliver_here(row, &dice(), NOW).await.unwrap().unwrap();
        }
        assert!(office.inbox(BINH).await[0].starts_with("Return-Path: <an@a.gov.vn>\r\nReceived: "));
        assert_eq!(office.inbox(AN).await.len(), 1);
    }

    /// RFC 6710: our own people's urgent mail goes before the rest; what a stranger says of his does not matter.
    async fn rfc_6710_urgent_is_what_our_own_people_say_is(office: Office) {
        let rows = [
            (Role::Submission, Some(AN), "4", Lane::Urgent),
            (Role::Submission, Some(AN), "3", Lane::Normal),
            (Role::Mx, None, "9", Lane::Normal),
        ];
        for (role, who, priority, lane) in rows {
            let from = if who.is_some() { "an@a.gov.vn" } else { "x@b.vn" };
            // Two of this house: the first one's lies in the inbox at once when it comes from outside.
            let mut letter = arrived(from, &["an@a.gov.vn", "binh@a.gov.vn"], "gấp", who);
            letter.envelope.priority = priority.parse().ok();
            office.desk.accept(role, letter, &Welcome, NOW).await.unwrap();
            let other = if lane == Lane::Urgent { Lane::Normal } else { Lane::Urgent };
            assert!(office.claim_in(OutboxKind::Local, other, "h1", NOW).await.is_empty(), "{role:?} {priority}");
            let rows = office.claim_in(OutboxKind::Local, lane, "h1", NOW).await;
            assert!(!rows.is_empty(), "{role:?} {priority}");
            for row in &rows {
                office.desk.deliver_here(row, &dice(), NOW).await.unwrap().unwrap();
            }
        }
    }

    /// RFC 4865: nobody carries it before, and its days begin then.
    async fn rfc_4865_a_mail_is_held_until_its_moment(office: Office) {
        let release = NOW.plus(std::time::Duration::from_secs(6 * 86_400));
        let mut letter = arrived("an@a.gov.vn", &["b@b.vn", "binh@a.gov.vn"], "sau", Some(AN));
        letter.envelope.not_before = Some(release);
        office.desk.accept(Role::Submission, letter, &Welcome, NOW).await.unwrap();
        for kind in [OutboxKind::Mail, OutboxKind::Local] {
            let early = mail::Timestamp::from_secs(release.secs() - 1);
            assert!(office.claim(kind, "h1", early).await.is_empty(), "{kind:?}");
        }
        let here = office.claim(OutboxKind::Local, "h1", release).await;
        office.desk.deliver_here(&here[0], &dice(), release).await.unwrap().unwrap();
        let (email, _) = office.letters(BINH).await.remove(0);
        assert_eq!(email.received_at, release);
        // Six days after it was handed in its five days are not over: they have just begun.
        let rows = office.claim(OutboxKind::Mail, "h1", release).await;
        let later = Verdict::Deferred(table::NO_ANSWER.reply());
        let attempt = Attempt::same(&rows[0], &later);
        let tally = office.desk.settle(&rows[0], &attempt, &dice(), release).await.unwrap().unwrap();
        assert_eq!((tally.deferred, tally.refused), (1, 0));
        assert!(office.inbox(AN).await.is_empty(), "nor is it late");
    }

    /// RFC 8689 §5: what is told about a mail that requires TLS holds its header alone, and travels as it did.
    async fn rfc_8689_a_report_keeps_to_what_the_mail_required(office: Office) {
        let mut letter = arrived("an@a.gov.vn", &["b@b.vn"], "chữ trong thư", Some(AN));
        letter.envelope.require_tls = true;
        letter.envelope.ret = Some(smtp::Ret::Full);
        office.desk.accept(Role::Submission, letter, &Welcome, NOW).await.unwrap();
        let rows = office.claim(OutboxKind::Mail, "h1", NOW).await;
        assert!(rows[0].delivery().unwrap().require_tls);
        let no = Verdict::Refused(table::PEER_WITHOUT_REQUIRETLS.reply());
        office.desk.settle(&rows[0], &Attempt::same(&rows[0], &no), &dice(), NOW).await.unwrap().unwrap();
        let told = office.inbox(AN).await;
        assert!(told[0].contains("Status: 5.7.30") && told[0].contains("text/rfc822-headers"), "{}", told[0]);
        assert!(!told[0].contains("\r\n\r\nchữ trong thư"), "{}", told[0]);
    }

    /// RFC 3461 §4.1: success is reported to whoever asked for it, and only then.
    async fn success_is_reported_to_whoever_asked(office: Office) {
        let mut wished = arrived("an@a.gov.vn", &["binh@a.gov.vn"], "báo nhận", None);
        wished.envelope.recipients[0].notify =
            Some(Notify::On { success: true, failure: true, delay: false });
        office.desk.accept(Role::Mx, wished, &Welcome, NOW).await.unwrap();
        let rows = office.claim(OutboxKind::Local, "h1", NOW).await;
        assert_eq!((rows.len(), office.inbox(BINH).await.len()), (1, 0));
        office.desk.deliver_here(&rows[0], &dice(), NOW).await.unwrap().unwrap();
        assert_eq!(office.inbox(BINH).await.len(), 1);
        let told = office.inbox(AN).await;
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("Final-Recipient: rfc822;binh@a.gov.vn\r\nAction: delivered"), "{}", told[0]);
        assert_eq!(office.outbox_depth().await, 0);
    }

    async fn who_closed_meanwhile_is_reported_not_forgotten(office: Office) {
        office.close(BINH).await;
        // Was welcome at RCPT; closed before the dot.
        office.arrives("an@a.gov.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "hai").await.unwrap();
        let rows = office.claim(OutboxKind::Local, "h1", NOW).await;
        let tally = office.desk.deliver_here(&rows[0], &dice(), NOW).await.unwrap().unwrap();
        assert_eq!(tally.refused, 1);
        let inbox = office.inbox(AN).await;
        assert!(inbox.iter().any(|text| text.contains("Status: 5.1.6") && text.contains("so@a.gov.vn")), "{inbox:?}");
        // With nobody left to take it, the message itself is refused.
        assert_eq!(refused(office.arrives("x@b.vn", &["binh@a.gov.vn"], "x").await), "550 5.1.6");
    }
}

/// On one view of the data: as many letters for An as rows for Bình. Answers how many.
async fn assert_kept_whole(office: &Office) -> i64 {
    let (letters, rows) = office
        .store
        .read((), |tx, ()| {
            Box::pin(async move {
                let (_, letters) = tx.query_emails(AN, &store::EmailQuery::default(), 0, 1).await?;
                Ok::<_, store::Error>((letters, tx.outbox_depth().await?))
            })
        })
        .await
        .unwrap();
    assert_eq!(letters, rows);
    letters
}
