//! Absences: what is noted, taken and told once (RFC 3834), and identities that people keep (RFC 8621 §6).

use std::time::Duration;

use mail::{EmailAddress, IdentityId};
use store::{Error, KeptIdentity, Vacation, VacationDue};

use crate::house::{NOW, account_id, deliver, letter, read, stories, with_account, write};

fn away() -> Vacation {
    Vacation { is_enabled: true, text_body: Some("Đi vắng".to_owned()), ..Vacation::default() }
}

fn sender(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

stories! {
    async fn mail_is_noted_only_for_who_is_away(house: House) {
        with_account(&house, 1).await;
        let mail = deliver(&house, 1, &letter("a@x", "Hỏi", ""), 1).await.unwrap();
        let note = async |path: Option<&str>| {
            let path = path.map(sender);
            write!(house, path, mail, |tx| tx.note_for_vacation(account_id(1), mail.email_id, path.as_ref()).await?).unwrap();
            read!(house, |tx| tx.vacations_due(None, 10).await?)
        };
        assert_eq!(note(Some("b@b.vn")).await.len(), 0, "nobody ever said to be away");
        write!(house, |tx| tx.put_vacation(account_id(1), &Vacation { is_enabled: false, ..away() }).await?).unwrap();
        assert_eq!(note(Some("b@b.vn")).await.len(), 0, "switched off");
        write!(house, |tx| tx.put_vacation(account_id(1), &away()).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.vacation(account_id(1)).await?), Some(away()));
        assert_eq!(note(None).await.len(), 0, "the null path hears nothing");
        let due = note(Some("b@b.vn")).await.remove(0);
        assert_eq!((due.account_id, due.email_id, due.reverse_path.as_str()), (account_id(1), mail.email_id, "b@b.vn"));
        let again = due.clone();
        let next = house.store.read(again, |tx, again| Box::pin(async move { tx.vacations_due(Some(again), 10).await })).await;
        assert_eq!(next.unwrap().len(), 0, "nothing comes after it");
        let other = VacationDue { account_id: account_id(2), ..due.clone() };
        assert!(!write!(house, other, |tx| tx.settle_vacation(other).await?).unwrap());
        assert!(write!(house, due, |tx| tx.settle_vacation(due).await?).unwrap());
        assert!(!write!(house, due, |tx| tx.settle_vacation(due).await?).unwrap(), "taken once");
        assert_eq!(read!(house, |tx| tx.vacations_due(None, 10).await?).len(), 0);
    }

    async fn rfc_3834_2_a_sender_is_told_once_in_a_while(house: House) {
        with_account(&house, 1).await;
        let day = Duration::from_secs(86_400);
        let tell = async |who: &str, days: u32| {
            let (who, now) = (sender(who), NOW.plus(day * days));
            write!(house, who, |tx| tx.tell_of_vacation(account_id(1), who, now.minus(day * 7), now).await?).unwrap()
        };
        assert!(tell("b@b.vn", 0).await);
        assert!(!tell("B@b.vn", 1).await);
        assert!(tell("c@b.vn", 1).await);
        assert!(!tell("b@b.vn", 6).await);
        assert!(read!(house, |tx| tx.was_told_of_vacation(account_id(1), &sender("b@b.vn"), NOW.minus(day)).await?));
        assert!(!read!(house, |tx| tx.was_told_of_vacation(account_id(1), &sender("b@b.vn"), NOW).await?));
        assert!(!read!(house, |tx| tx.was_told_of_vacation(account_id(2), &sender("b@b.vn"), NOW.minus(day)).await?));
        assert!(tell("b@b.vn", 7).await);
        // Switched on anew, everybody is told anew; what is changed meanwhile changes nothing.
        write!(house, |tx| tx.put_vacation(account_id(1), &away()).await?).unwrap();
        assert!(tell("b@b.vn", 8).await);
        write!(house, |tx| tx.put_vacation(account_id(1), &Vacation { subject: Some("x".into()), ..away() }).await?).unwrap();
        assert!(!tell("b@b.vn", 8).await);
        assert_eq!(write!(house, |tx| tx.forget_vacations_told(NOW.plus(day * 9), 10).await?).unwrap(), 1);
    }

    async fn an_absence_has_a_beginning_and_an_end(house: House) {
        with_account(&house, 1).await;
        let hour = Duration::from_secs(3_600);
        let rows = [
            (None, None, true),
            (Some(NOW), None, true),
            (Some(NOW.plus(hour)), None, false),
            (None, Some(NOW), false),
            (None, Some(NOW.plus(hour)), true),
        ];
        for (from_at, to_at, is_on) in rows {
            let vacation = Vacation { from_at, to_at, ..away() };
            write!(house, vacation, |tx| tx.put_vacation(account_id(1), vacation).await?).unwrap();
            let kept = read!(house, |tx| tx.vacation(account_id(1)).await?).unwrap();
            assert_eq!((kept.is_on(NOW), &kept), (is_on, &vacation));
        }
    }

    async fn identities_are_kept_apart_and_counted(house: House) {
        with_account(&house, 1).await;
        with_account(&house, 2).await;
        let identity = |n: u8| KeptIdentity {
            identity_id: IdentityId::from_bytes([n; 16]),
            email: if n == 0 { String::new() } else { format!("a{n}@a.vn") },
            name: "Ân".to_owned(),
            reply_to: "null".to_owned(),
            bcc: "[]".to_owned(),
            text_signature: String::new(),
            html_signature: "<p>".to_owned(),
        };
        for n in 0..200 {
            let one = identity(n);
            write!(house, one, |tx| tx.keep_identity(account_id(1), one).await?).unwrap();
        }
        let changed = KeptIdentity { name: "Khác".to_owned(), ..identity(7) };
        write!(house, changed, |tx| tx.keep_identity(account_id(1), changed).await?).unwrap();
        let one = identity(200);
        let full = write!(house, one, |tx| tx.keep_identity(account_id(1), one).await?);
        assert!(matches!(full, Err(Error::Full(_))), "{full:?}");
        let kept = read!(house, |tx| tx.kept_identities(account_id(1)).await?);
        assert_eq!((kept.len(), &kept[7], &kept[8]), (200, &changed, &identity(8)));
        assert!(!write!(house, |tx| tx.forget_identity(account_id(2), IdentityId::from_bytes([7; 16])).await?).unwrap());
        assert!(!write!(house, |tx| tx.forget_identity(account_id(1), IdentityId::from_bytes([0; 16])).await?).unwrap(), "that of an address stays");
        assert!(write!(house, |tx| tx.forget_identity(account_id(1), IdentityId::from_bytes([7; 16])).await?).unwrap());
        assert_eq!(read!(house, |tx| tx.kept_identities(account_id(2)).await?).len(), 0);
    }
}
