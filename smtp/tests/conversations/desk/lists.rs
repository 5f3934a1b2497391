//! Mail to lists.

use mail::AgencyId;
use smtp::receive::Role;
use store::{ListPart, NewList, OutboxKind, Resolved, Tx, WhoMaySend};

use super::house::{AN, BINH, NOW, client, dice, recipient, refused, stories};

/// `all@a.gov.vn`: An, Bình and somebody elsewhere.
async fn found_list(tx: &mut Tx, who_may_send: WhoMaySend) -> Result<(), store::Error> {
    let address = "all@a.gov.vn".parse().unwrap();
    let new = NewList {
        address,
        agency_id: AgencyId::from_bytes([9; 16]),
        unit_id: None,
        name: "Toàn cơ quan".into(),
        who_may_send,
        is_everybody: true,
        responsible: BINH,
    };
    tx.add_list(&new, "cli", NOW).await?;
    let Resolved::List(list) = tx.resolve_address(&new.address, NOW).await? else { panic!("no list") };
    for member in ["x@elsewhere.vn", "y@elsewhere.vn", "z@other.vn"] {
        tx.add_to_list(&list, ListPart::Member, &member.parse().unwrap(), "cli", NOW).await?;
    }
    Ok(())
}

stories! {
    /// RFC 5321 §3.9.2, RFC 2919: each account once, a row by domain, reports to whoever is responsible.
    async fn rfc_5321_3_9_2_a_list_is_expanded_when_its_mail_is_taken_in(office: Office) {
        office.write(|tx| Box::pin(found_list(tx, WhoMaySend::Anyone))).await;
        office.arrives("c@c.vn", &["binh@a.gov.vn", "all@a.gov.vn", "ALL@a.gov.vn"], "xin chao").await.unwrap();
        assert_eq!(office.inbox(BINH).await.len(), 1);
        for outgoing in office.claim(OutboxKind::Local, "w", NOW).await {
            office.desk.deliver_here(&outgoing, &dice(), NOW).await.unwrap().unwrap();
        }
        assert_eq!(office.inbox(BINH).await.len(), 1, "Bình was a recipient already");
        let copy = office.inbox(AN).await.remove(0);
        let fields = "List-Id: <all.list.a.gov.vn>\r\nList-Post: <mailto:all@a.gov.vn>\r\nPrecedence: list\r\nReceived: ";
        assert!(copy.starts_with(&format!("Return-Path: <binh@a.gov.vn>\r\n{fields}")), "{copy}");
        assert_eq!(copy.matches("Return-Path").count(), 1, "{copy}");
        assert!(copy.ends_with("From: c@c.vn\r\nSubject: xin chao\r\n\r\nxin chao\r\n"), "{copy}");
        let mut elsewhere = office.claim(OutboxKind::Mail, "w", NOW).await;
        elsewhere.sort_by_key(|row| row.recipients());
        let shown: Vec<_> = elsewhere.iter().map(|row| (row.destination(), row.recipients())).collect();
        assert_eq!(shown, [("other.vn", 1), ("elsewhere.vn", 2)]);
        let delivery = elsewhere[0].delivery().unwrap();
        assert_eq!(delivery.reverse_path.to_string(), "<binh@a.gov.vn>");
        assert!(delivery.message.starts_with(fields.as_bytes()));
    }

    async fn a_loop_ends_here(office: Office) {
        office.write(|tx| Box::pin(found_list(tx, WhoMaySend::Anyone))).await;
        let text = "x\r\nList-Id: All <ALL.list.a.gov.vn>";
        office.arrives("c@c.vn", &["all@a.gov.vn"], text).await.unwrap();
        assert_eq!(office.outbox_depth().await, 0);
        let other = "x\r\nList-Id: <all.list.b.gov.vn>";
        office.arrives("c@c.vn", &["all@a.gov.vn"], other).await.unwrap();
        assert_eq!(office.outbox_depth().await, 4);
    }

    async fn who_may_not_send_hears_it_at_once_and_again_at_the_end(office: Office) {
        office.write(|tx| Box::pin(found_list(tx, WhoMaySend::Named))).await;
        let rows = [(Role::Mx, None), (Role::Lmtp, None), (Role::Submission, Some(AN))];
        for (role, signed_in) in rows {
            let asked = office.desk.recipient(role, &recipient("all@a.gov.vn"), &client(signed_in), NOW).await;
            assert_eq!(refused(asked), "550 5.7.2", "{role:?}");
        }
        assert_eq!(refused(office.arrives("an@a.gov.vn", &["all@a.gov.vn"], "x").await), "550 5.7.2");
        office.write(|tx| Box::pin(async move {
            let Resolved::List(list) = tx.resolve_address(&"all@a.gov.vn".parse().unwrap(), NOW).await? else { panic!("no list") };
            tx.add_to_list(&list, ListPart::Sender, &"an@a.gov.vn".parse().unwrap(), "cli", NOW).await
        })).await;
        office.desk.recipient(Role::Submission, &recipient("all@a.gov.vn"), &client(Some(AN)), NOW).await.unwrap();
        assert_eq!(office.outbox_depth().await, 0);
        office.an_sends(&["all@a.gov.vn"], "x").await.unwrap();
        assert_eq!(office.outbox_depth().await, 4);
    }
}
