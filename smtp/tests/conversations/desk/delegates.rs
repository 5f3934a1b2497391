//! Sending in the name of an agency's box (RULES M1, M26).

use std::time::Duration;

use mail::{AccountId, AgencyId, Timestamp};
use smtp::receive::Role;
use store::{AccountKind, Delegate, NewAccount, OutboxKind};

use super::house::{AN, BINH, NOW, Office, Welcome, arrived, client, refused, reverse_path, stories};

const A_BOX: AccountId = AccountId::from_bytes([3; 16]);
const DAY: Duration = Duration::from_secs(86_400);

/// The box `so@a.gov.vn`, as which Bình may send so, until tomorrow.
async fn with_a_box(office: &Office, rights: &'static str) {
    office
        .write(move |tx| {
            Box::pin(async move {
                let agency_id = AgencyId::from_bytes([9; 16]);
                let new = NewAccount {
                    account_id: A_BOX,
                    agency_id,
                    unit_id: None,
                    kind: AccountKind::Agency,
                    role: store::Role::Clerk,
                    display_name: "Sở Nội vụ".into(),
                    position: String::new(),
                    password_hash: None,
                    must_change_password: false,
                    quota_bytes: 10_000,
                    address: "so@a.gov.vn".parse().unwrap(),
                };
                tx.add_account(&new, NOW).await?;
                let delegate = Delegate {
                    box_id: A_BOX,
                    person_id: BINH,
                    rights: rights.parse()?,
                    valid_from: NOW,
                    valid_to: NOW.plus(DAY),
                    decision: "7/QĐ".into(),
                    granted_by: "test".into(),
                };
                tx.put_delegate(&delegate, agency_id, NOW).await
            })
        })
        .await;
}

/// What comes of a letter with these fields, handed in at some moment.
async fn handed_in(office: &Office, who: AccountId, path: &str, fields: &str, at: Timestamp) -> String {
    let mut letter = arrived(path, &["an@a.gov.vn"], "x", Some(who));
    letter.message = format!("{fields}Subject: x\r\n\r\nx\r\n").into_bytes();
    match office.desk.accept(Role::Submission, letter, &Welcome, at).await {
        Ok(()) => "ok".to_owned(),
        outcome => refused(outcome),
    }
}

/// What waits to be delivered to An, as it was handed in.
async fn delivered(office: &Office) -> Vec<String> {
    for row in office.claim(OutboxKind::Local, "h1", NOW).await {
        office.desk.deliver_here(&row, &super::house::dice(), NOW).await.unwrap().unwrap();
    }
    office.inbox(AN).await
}

stories! {
    async fn m26_who_may_send_as_a_box_says_nothing_of_himself(office: Office) {
        with_a_box(&office, "send_as").await;
        let over = NOW.plus(DAY);
        let rows = [
            (BINH, "so@a.gov.vn", "From: so@a.gov.vn\r\n", NOW, "ok"),
            (BINH, "binh@a.gov.vn", "From: SO@a.gov.vn\r\n", NOW, "ok"),
            (BINH, "so@a.gov.vn", "From: binh@a.gov.vn\r\n", NOW, "ok"),
            (AN, "so@a.gov.vn", "From: an@a.gov.vn\r\n", NOW, "553 5.7.1"),
            (AN, "an@a.gov.vn", "From: so@a.gov.vn\r\n", NOW, "553 5.7.1"),
            (BINH, "so@a.gov.vn", "From: so@a.gov.vn, an@a.gov.vn\r\n", NOW, "553 5.7.1"),
            (BINH, "so+hop@a.gov.vn", "From: so@a.gov.vn\r\n", NOW, "553 5.7.1"),
            (BINH, "so@a.gov.vn", "From: so@a.gov.vn\r\n", over, "553 5.7.1"),
            (BINH, "binh@a.gov.vn", "From: so@a.gov.vn\r\n", over, "553 5.7.1"),
        ];
        for (who, path, fields, at, expected) in rows {
            assert_eq!(handed_in(&office, who, path, fields, at).await, expected, "{who} {path} {fields}");
        }
        let letters = delivered(&office).await;
        assert_eq!(letters.len(), 3);
        assert!(letters.iter().all(|letter| !letter.contains("Sender:")), "{letters:?}");
        // Both know of it: who did it, and in which box.
        assert_eq!(office.audit(A_BOX).await, ["mail.submitted", "mail.submitted"]);
        let detail = office.audit_detail(A_BOX).await;
        assert!(detail.contains(&format!(r#""boxes":["{A_BOX}"]"#)), "{detail}");
        // It is the person who sent.
        let (binh, a_box) = office
            .write(|tx| Box::pin(async move { Ok((tx.sent_lately(BINH.into(), NOW).await?, tx.sent_lately(A_BOX.into(), NOW).await?)) }))
            .await;
        assert_eq!((binh.messages_in_hour, a_box.messages_in_hour), (3, 0));
    }

    async fn m26_rfc_5322_who_sends_on_behalf_of_a_box_is_named_in_sender(office: Office) {
        with_a_box(&office, "send_on_behalf").await;
        let from = |more: &str| format!("From: so@a.gov.vn\r\n{more}");
        let rows = [
            ("binh@a.gov.vn", from(""), "ok"),
            ("binh@a.gov.vn", from("Sender: Binh <binh@a.gov.vn>\r\n"), "ok"),
            // Bounces are the person's.
            ("so@a.gov.vn", from(""), "553 5.7.1"),
            ("binh@a.gov.vn", from("Sender: an@a.gov.vn\r\n"), "553 5.7.1"),
            ("binh@a.gov.vn", from("sender: so@a.gov.vn\r\n"), "553 5.7.1"),
            ("binh@a.gov.vn", from("Sender: lanh dao\r\n"), "554 5.6.0"),
            ("binh@a.gov.vn", from("Sender: binh@a.gov.vn, an@a.gov.vn\r\n"), "554 5.6.0"),
            ("binh@a.gov.vn", from("Sender: an@a.gov.vn\r\nSender: binh@a.gov.vn\r\n"), "554 5.6.0"),
        ];
        for (path, fields, expected) in rows {
            assert_eq!(handed_in(&office, BINH, path, &fields, NOW).await, expected, "{path} {fields}");
        }
        let letters = delivered(&office).await;
        let senders = |letter: &String| letter.matches("Sender: ").count();
        assert_eq!(letters.iter().map(senders).collect::<Vec<_>>(), [1, 1], "{letters:?}");
        assert!(letters.iter().any(|letter| letter.contains("\r\nSender: <binh@a.gov.vn>\r\nFrom: so@a.gov.vn")), "{letters:?}");
    }

    /// RFC 5322 §3.6.2, RFC 6409 §8.1: who wrote it is said once, and of several authors one sends it.
    async fn rfc_6409_section_8_1_a_submission_says_once_whom_it_is_from(office: Office) {
        with_a_box(&office, "send_as").await;
        let both = "From: binh@a.gov.vn, So <so@a.gov.vn>\r\n";
        let rows = [
            ("From: binh@a.gov.vn\r\n".to_owned(), "ok"),
            (String::new(), "554 5.6.0"),
            ("From:\r\n".to_owned(), "554 5.6.0"),
            ("From: nobody:;\r\n".to_owned(), "554 5.6.0"),
            ("From: binh@a.gov.vn\r\nfrom: an@a.gov.vn\r\n".to_owned(), "554 5.6.0"),
            ("From: binh@a.gov.vn\r\nFrom: binh@a.gov.vn\r\n".to_owned(), "554 5.6.0"),
            ("From: binh@a.gov.vn\r\nSender: a@a.vn\r\nSender: b@a.vn\r\n".to_owned(), "554 5.6.0"),
            // Of several, the one who sends is added, or is as it is said; nobody else is.
            (both.to_owned(), "ok"),
            (format!("{both}Sender: binh@a.gov.vn\r\n"), "ok"),
            (format!("{both}Sender: an@a.gov.vn\r\n"), "553 5.7.1"),
            ("From: binh@a.gov.vn, an@a.gov.vn\r\nSender: binh@a.gov.vn\r\n".to_owned(), "553 5.7.1"),
        ];
        for (fields, expected) in rows {
            assert_eq!(handed_in(&office, BINH, "binh@a.gov.vn", &fields, NOW).await, expected, "{fields:?}");
        }
        let letters = delivered(&office).await;
        let named = letters.iter().filter(|letter| letter.matches("Sender: ").count() == 1).count();
        assert_eq!((letters.len(), named), (3, 2), "{letters:?}");
        // In words for both.
        let mut letter = arrived("binh@a.gov.vn", &["an@a.gov.vn"], "x", Some(BINH));
        letter.message = b"Subject: x\r\n\r\n".to_vec();
        let said = office.desk.accept(Role::Submission, letter, &Welcome, NOW).await.unwrap_err().to_reply();
        assert!(said.lines()[0].starts_with("Thư phải có") && said.lines()[1].starts_with("The message"), "{said}");
        // From elsewhere anything is taken; what it is worth is another question.
        let mut letter = arrived("x@b.vn", &["an@a.gov.vn"], "x", None);
        letter.message = b"Subject: x\r\n\r\n".to_vec();
        office.desk.accept(Role::Mx, letter, &Welcome, NOW).await.unwrap();
    }

    async fn m26_what_is_taken_away_between_mail_and_the_dot_is_gone(office: Office) {
        with_a_box(&office, "send_as").await;
        office.desk.sender(Role::Submission, &reverse_path("so@a.gov.vn"), &client(Some(BINH)), NOW).await.unwrap();
        office
            .write(|tx| Box::pin(async move { tx.remove_delegate(A_BOX, BINH, AgencyId::from_bytes([9; 16]), "test", NOW).await }))
            .await;
        assert_eq!(handed_in(&office, BINH, "so@a.gov.vn", "From: so@a.gov.vn\r\n", NOW).await, "553 5.7.1");
        assert_eq!(handed_in(&office, BINH, "binh@a.gov.vn", "From: so@a.gov.vn\r\n", NOW).await, "553 5.7.1");
        assert_eq!(office.outbox_depth().await, 0);
    }
}
