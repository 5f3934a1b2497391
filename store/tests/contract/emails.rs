//! Messages: counters exact, conversations whole, changes complete.

use mail::{EmailId, ModSeq};
use store::{Changing, EmailQuery, Error, MailboxRole};

use crate::house::{
    House, NOW, account_id, deliver, letter, mailbox, mailbox_id, read, stories, with_account, write,
};

/// Messages, unread, conversations, unread conversations of a mailbox; and that they are what the rows say.
async fn counters(house: &House, mailbox: u8) -> [i64; 4] {
    let m = read!(house, |tx| tx.mailbox(account_id(1), mailbox_id(mailbox)).await?).unwrap();
    [m.total_emails, m.unread_emails, m.total_threads, m.unread_threads]
}

async fn inbox(house: &House, collapse_threads: bool) -> (Vec<EmailId>, i64) {
    read!(house, |tx| {
        let query = EmailQuery { in_mailbox: Some(mailbox_id(1)), collapse_threads, ..EmailQuery::default() };
        tx.query_emails(account_id(1), &query, 0, 100).await?
    })
}

fn seen() -> Option<Vec<String>> {
    Some(vec!["$seen".to_owned()])
}

stories! {
    async fn counters_follow_every_act(house: House) {
        with_account(&house, 1).await;
        let a = deliver(&house, 1, &letter("a@x", "Họp", ""), 1).await.unwrap();
        let b = deliver(&house, 1, &letter("b@x", "Re: Họp", "<a@x>"), 2).await.unwrap();
        let c = deliver(&house, 1, &letter("c@x", "Khác", ""), 3).await.unwrap();
        assert_eq!(a.thread_id, b.thread_id);
        assert_ne!(a.thread_id, c.thread_id);
        assert_eq!(b.uids, [(mailbox_id(1), mail::Uid(2))]);
        assert_eq!(counters(&house, 1).await, [3, 3, 2, 2]);

        write!(house, |tx| tx.change_email(account_id(1), a.email_id, seen().as_deref(), None, NOW).await?).unwrap();
        assert_eq!(counters(&house, 1).await, [3, 2, 2, 2]);
        write!(house, |tx| tx.change_email(account_id(1), b.email_id, seen().as_deref(), Some(&[mailbox_id(2)]), NOW).await?).unwrap();
        assert_eq!(counters(&house, 1).await, [2, 1, 2, 1]);
        assert_eq!(counters(&house, 2).await, [1, 0, 1, 0]);
        // An unread message elsewhere makes its conversation unread here too (RFC 8621 §2).
        write!(house, |tx| tx.change_email(account_id(1), b.email_id, Some(&[]), None, NOW).await?).unwrap();
        assert_eq!(counters(&house, 1).await, [2, 1, 2, 2]);
        write!(house, |tx| tx.destroy_email(account_id(1), b.email_id, NOW).await?).unwrap();
        assert_eq!(counters(&house, 1).await, [2, 1, 2, 1]);
        assert_eq!(counters(&house, 2).await, [0, 0, 0, 0]);
        let in_both = write!(house, |tx| {
            tx.change_email(account_id(1), c.email_id, None, Some(&[mailbox_id(1), mailbox_id(2)]), NOW).await?
        });
        in_both.unwrap();
        assert_eq!(counters(&house, 2).await, [1, 1, 1, 1]);
        assert_eq!(read!(house, |tx| tx.email(account_id(1), c.email_id).await?).unwrap().mailbox_ids.len(), 2);
    }

    async fn lists_are_newest_first_and_conversations_fold(house: House) {
        with_account(&house, 1).await;
        let a = deliver(&house, 1, &letter("a@x", "Họp", ""), 1).await.unwrap();
        let b = deliver(&house, 1, &letter("b@x", "Re: Họp", "<a@x>"), 2).await.unwrap();
        let c = deliver(&house, 1, &letter("c@x", "Khác", ""), 3).await.unwrap();
        assert_eq!(inbox(&house, false).await, (vec![c.email_id, b.email_id, a.email_id], 3));
        assert_eq!(inbox(&house, true).await, (vec![c.email_id, b.email_id], 2));
        write!(house, |tx| tx.change_email(account_id(1), c.email_id, seen().as_deref(), None, NOW).await?).unwrap();
        for in_mailbox in [None, Some(mailbox_id(1))] {
            for oldest_first in [false, true] {
                let unseen = read!(house, |tx| {
                    let not_keyword = Some("$seen".to_owned());
                    let query = EmailQuery { in_mailbox, not_keyword, oldest_first, ..EmailQuery::default() };
                    tx.query_emails(account_id(1), &query, 0, 1).await?
                });
                let first = if oldest_first { a.email_id } else { b.email_id };
                assert_eq!(unseen, (vec![first], 2));
                let folded = read!(house, |tx| {
                    let query = EmailQuery { in_mailbox, oldest_first, collapse_threads: true, ..EmailQuery::default() };
                    tx.query_emails(account_id(1), &query, 1, 10).await?
                });
                assert_eq!(folded.1, 2);
                assert_eq!(folded.0.len(), 1);
            }
        }
        let email = read!(house, |tx| tx.email(account_id(1), a.email_id).await?).unwrap();
        assert_eq!(email.facts.subject, "Họp");
        assert_eq!(read!(house, |tx| tx.thread(account_id(1), a.thread_id).await?).unwrap(), [a.email_id, b.email_id]);
        assert!(read!(house, |tx| tx.email(account_id(2), a.email_id).await?).is_none());
    }

    async fn changes_name_everything_once(house: House) {
        with_account(&house, 1).await;
        let start = read!(house, |tx| tx.modseq(account_id(1)).await?);
        let a = deliver(&house, 1, &letter("a@x", "1", ""), 1).await.unwrap();
        let b = deliver(&house, 1, &letter("b@x", "2", ""), 2).await.unwrap();
        let middle = read!(house, |tx| tx.modseq(account_id(1)).await?);
        let c = deliver(&house, 1, &letter("c@x", "3", ""), 3).await.unwrap();
        write!(house, |tx| {
            tx.change_email(account_id(1), a.email_id, seen().as_deref(), None, NOW).await?;
            tx.destroy_email(account_id(1), b.email_id, NOW).await?;
            tx.destroy_email(account_id(1), c.email_id, NOW).await?
        })
        .unwrap();
        let since = |since: ModSeq, limit| {
            let house = &house;
            async move { read!(house, |tx| tx.changes(account_id(1), Changing::Email, since, limit).await?) }
        };
        let all = since(start, 100).await;
        assert_eq!((all.created, all.updated, all.destroyed), (vec![*a.email_id.as_bytes()], vec![], vec![]));
        let late = since(middle, 100).await;
        assert_eq!(late.created, Vec::<[u8; 16]>::new());
        assert_eq!((late.updated, late.destroyed), (vec![*a.email_id.as_bytes()], vec![*b.email_id.as_bytes()]));
        let (mut state, mut seen_ids) = (start, 0);
        loop {
            let part = since(state, 1).await;
            seen_ids += part.created.len() + part.updated.len() + part.destroyed.len();
            assert!(part.new_state > state.0 || !part.has_more);
            state = ModSeq(part.new_state);
            if !part.has_more {
                break;
            }
        }
        assert_eq!(state, read!(house, |tx| tx.modseq(account_id(1)).await?));
        assert!(seen_ids >= 1);
        let threads = read!(house, |tx| tx.changes(account_id(1), Changing::Thread, middle, 100).await?);
        assert_eq!(threads.destroyed.len(), 1);
    }

    async fn a_full_mailbox_takes_nothing_more_and_keeps_what_it_has(house: House) {
        with_account(&house, 1).await;
        let mut big = letter("big@x", "lớn", "");
        big.resize(4_900_000, b'x');
        deliver(&house, 1, &big, 1).await.unwrap();
        big[0] = b'f';
        let outcome = deliver(&house, 1, &big, 2).await;
        assert!(matches!(outcome, Err(Error::Full(_))), "{outcome:?}");
        assert_eq!(counters(&house, 1).await, [1, 1, 1, 1]);
    }

    async fn mailboxes_keep_their_rules(house: House) {
        with_account(&house, 1).await;
        let same_name = write!(house, |tx| tx.add_mailbox(&mailbox(1, 5, "Inbox", None)).await?);
        assert!(matches!(same_name, Err(Error::Conflict(_))));
        let same_role = write!(house, |tx| tx.add_mailbox(&mailbox(1, 5, "Khác", Some(MailboxRole::Inbox))).await?);
        assert!(matches!(same_role, Err(Error::Conflict(_))));
        write!(house, |tx| tx.add_mailbox(&mailbox(1, 5, "Dự án", None)).await?).unwrap();
        let mut project = read!(house, |tx| tx.mailbox(account_id(1), mailbox_id(5)).await?).unwrap();
        project.parent_id = Some(mailbox_id(5));
        let changed = project.clone();
        let in_itself = write!(house, changed, |tx| tx.change_mailbox(account_id(1), changed).await?);
        assert!(matches!(in_itself, Err(Error::Refused(_))));
        project.parent_id = Some(mailbox_id(1));
        write!(house, project, |tx| tx.change_mailbox(account_id(1), project).await?).unwrap();
        let holds = write!(house, |tx| tx.destroy_mailbox(account_id(1), mailbox_id(1)).await?);
        assert!(matches!(holds, Err(Error::Refused(_))));
        write!(house, |tx| tx.destroy_mailbox(account_id(1), mailbox_id(5)).await?).unwrap();
        let gone = read!(house, |tx| tx.changes(account_id(1), Changing::Mailbox, ModSeq(3), 10).await?);
        assert_eq!(gone.destroyed, Vec::<[u8; 16]>::new());
        let gone = read!(house, |tx| tx.changes(account_id(1), Changing::Mailbox, ModSeq(5), 10).await?);
        assert_eq!(gone.destroyed, [[5; 16]]);
    }

    async fn a_keyword_that_is_none_is_refused(house: House) {
        with_account(&house, 1).await;
        let a = deliver(&house, 1, &letter("a@x", "1", ""), 1).await.unwrap();
        for wrong in ["", "hai chữ", "$Seen", "a(b", "%"] {
            let outcome = write!(house, |tx| {
                tx.change_email(account_id(1), a.email_id, Some(&[wrong.to_owned()]), None, NOW).await?
            });
            assert!(matches!(outcome, Err(Error::Refused(_))), "{wrong:?}");
        }
    }

    async fn an_act_is_told_whole_however_little_was_asked_for(house: House) {
        with_account(&house, 1).await;
        for n in 3..8 {
            write!(house, |tx| tx.add_mailbox(&mailbox(1, n, &n.to_string(), None)).await?).unwrap();
        }
        let a = deliver(&house, 1, &letter("a@x", "1", ""), 1).await.unwrap();
        let start = read!(house, |tx| tx.modseq(account_id(1)).await?);
        // One act, six mailboxes; and one act after it.
        let all = [2, 3, 4, 5, 6, 7].map(mailbox_id);
        write!(house, |tx| tx.change_email(account_id(1), a.email_id, None, Some(&all), NOW).await?).unwrap();
        write!(house, |tx| tx.add_mailbox(&mailbox(1, 9, "9", None)).await?).unwrap();
        let first = read!(house, |tx| tx.changes(account_id(1), Changing::Mailbox, start, 1).await?);
        assert_eq!((first.updated.len(), first.created.len(), first.has_more), (7, 0, true));
        let rest = read!(house, |tx| tx.changes(account_id(1), Changing::Mailbox, ModSeq(first.new_state), 1).await?);
        assert_eq!((rest.updated.len(), rest.created.len(), rest.has_more), (0, 1, false));
    }

    async fn a_conversation_shows_its_newest_message_that_matches(house: House) {
        with_account(&house, 1).await;
        let a = deliver(&house, 1, &letter("a@x", "Họp", ""), 1).await.unwrap();
        let b = deliver(&house, 1, &letter("b@x", "Re: Họp", "<a@x>"), 2).await.unwrap();
        let c = deliver(&house, 1, &letter("c@x", "Khác", ""), 3).await.unwrap();
        write!(house, |tx| tx.change_email(account_id(1), b.email_id, seen().as_deref(), None, NOW).await?).unwrap();
        for in_mailbox in [None, Some(mailbox_id(1))] {
            let unseen = EmailQuery { in_mailbox, not_keyword: Some("$seen".into()), collapse_threads: true, ..EmailQuery::default() };
            let early = EmailQuery { in_mailbox, before: Some(NOW.plus(std::time::Duration::from_secs(2))), collapse_threads: true, ..EmailQuery::default() };
            let late = EmailQuery { in_mailbox, has_keyword: Some("$seen".into()), oldest_first: true, collapse_threads: true, ..EmailQuery::default() };
            for (query, expected) in [(unseen, vec![c.email_id, a.email_id]), (early, vec![a.email_id]), (late, vec![b.email_id])] {
                let found = read!(house, |tx| tx.query_emails(account_id(1), &query, 0, 10).await?);
                assert_eq!(found, (expected.clone(), expected.len() as i64), "{in_mailbox:?}");
            }
        }
    }

    async fn a_structure_too_deep_to_be_read_back_is_one_part(house: House) {
        with_account(&house, 1).await;
        let mut deep = "From: x@b.vn\r\nSubject: sâu\r\nMIME-Version: 1.0\r\n".to_owned();
        for n in 0..200 {
            deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"));
        }
        deep.push_str("Content-Type: text/plain\r\n\r\nHello\r\n");
        let placed = deliver(&house, 1, deep.as_bytes(), 1).await.unwrap();
        let email = read!(house, |tx| tx.email(account_id(1), placed.email_id).await?).unwrap();
        assert_eq!(email.facts.subject, "sâu");
        assert!(email.facts.body.parts.is_empty(), "{:?}", email.facts.body);
    }

    async fn what_is_only_held_is_out_of_sight_and_can_come_back(house: House) {
        with_account(&house, 1).await;
        let raw = letter("a@x", "1", "");
        let a = deliver(&house, 1, &raw, 1).await.unwrap();
        house.run_sql("UPDATE account SET legal_hold = 1").await;
        assert!(read!(house, |tx| tx.may_read_blob(account_id(1), a.blob_id).await?));
        write!(house, |tx| tx.destroy_email(account_id(1), a.email_id, NOW).await?).unwrap();
        assert!(!read!(house, |tx| tx.may_read_blob(account_id(1), a.blob_id).await?));
        assert!(house.store.read_blob(account_id(1), a.blob_id).await.unwrap().is_some());
        let again = deliver(&house, 1, &raw, 2).await.unwrap();
        assert_eq!(again.blob_id, a.blob_id);
        assert_eq!(house.store.read_blob(account_id(1), a.blob_id).await.unwrap().as_deref(), Some(raw.as_slice()));
    }
}
