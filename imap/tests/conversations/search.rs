//! SEARCH, SORT, THREAD.

use crate::house::{Talk, stories};

fn letter(subject: &str, id: u32, refers: u32) -> String {
    format!(
        "From: c@b.vn\r\nTo: an@a.gov.vn\r\nSubject: {subject}\r\nMessage-ID: <{id}@b.vn>\r\nReferences: <{refers}@b.vn>\r\n\
         Date: Sun, 22 Nov 2026 0{id}:00:00 +0700\r\n\r\nnoi dung {id}\r\n"
    )
}

async fn fill(talk: &mut Talk<'_>) {
    for (id, subject, flags) in [
        (1, "Ke hoach", "(\\Seen)"),
        (2, "Bao cao", "(\\Flagged)"),
        (3, "Re: Ke hoach", ""),
        (4, "Giay moi", "(\\Deleted)"),
    ] {
        talk.append("inbox", flags, &letter(subject, id, if id > 2 { id - 2 } else { id + 90 })).await.ok();
    }
    talk.say("select inbox").await.ok();
}

stories! {
    /// RFC 9051 §6.4.4: each key finds what it says.
    async fn rfc_9051_search_keys(house: House) {
        let mut talk = house.talk_as(1).await;
        fill(&mut talk).await;
        for (keys, found) in [
            ("all", " 1 2 3 4"), ("1:2", " 1 2"), ("uid 3:*", " 3 4"), ("seen", " 1"), ("unseen", " 2 3 4"), ("flagged", " 2"),
            ("deleted", " 4"), ("undeleted", " 1 2 3"), ("not 1", " 2 3 4"), ("or seen flagged", " 1 2"), ("(seen) unflagged", " 1"),
            ("new", ""), ("subject hoach", " 1 3"), ("subject \"Giay moi\"", " 4"), ("text \"noi dung\"", " 1 2 3 4"), ("from c@b.vn", " 1 2 3 4"),
            ("header message-id 2@b.vn", " 2"), ("larger 1", " 1 2 3 4"), ("smaller 1", ""), ("since 22-Nov-2026", " 1 2 3 4"),
            ("before 22-Nov-2026", ""), ("sentbefore 22-Nov-2026", ""), ("senton 22-Nov-2026", " 1 2 3 4"), ("younger 60", " 1 2 3 4"), ("older 60", ""),
            ("keyword work", ""), ("bcc x", ""),
        ] {
            assert_eq!(talk.say(&format!("search {keys}")).await.ok(), format!("* SEARCH{found}\r\n"), "{keys}");
        }
        talk.say("search 9").await.bad();
        assert!(talk.say("search charset x-klingon all").await.no().contains("[BADCHARSET"));
    }

    /// RFC 4731, RFC 5182, RFC 9394: what RETURN asks for, and `$`.
    async fn rfc_5182_search_return(house: House) {
        let mut talk = house.talk_as(1).await;
        fill(&mut talk).await;
        assert!(talk.say("uid search return (min max count all) unseen").await.ok().ends_with("UID MIN 2 MAX 4 COUNT 3 ALL 2:4\r\n"));
        assert!(talk.say("search return () unseen").await.ok().ends_with(" ALL 2:4\r\n"));
        assert_eq!(talk.say("search return (save) flagged").await.ok(), "");
        assert_eq!(talk.say("search $").await.ok(), "* SEARCH 2\r\n");
        assert_eq!(talk.say("uid fetch $ flags").await.ok(), "* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\n");
        talk.say("store 2 +flags.silent (\\Deleted)").await.ok();
        talk.say("expunge").await.ok();
        assert_eq!(talk.say("search $").await.ok(), "* SEARCH\r\n");
        assert!(talk.say("search return (partial -1:-1) all").await.ok().contains("PARTIAL (-1:-1 2)"));
        talk.say("enable imap4rev2").await.ok();
        assert!(talk.say("search seen").await.ok().ends_with(" ALL 1\r\n"));
    }

    /// RFC 7162 §3.1.5.
    async fn rfc_7162_search_modseq(house: House) {
        let mut talk = house.talk_as(1).await;
        fill(&mut talk).await;
        let heard = talk.say("search modseq 1").await;
        assert!(heard.ok().contains("* SEARCH 1 2 3 4 (MODSEQ "), "{heard:?}");
    }

    /// RFC 5256.
    async fn rfc_5256_sort_and_thread(house: House) {
        let mut talk = house.talk_as(1).await;
        fill(&mut talk).await;
        assert_eq!(talk.say("sort (subject) utf-8 all").await.ok(), "* SORT 2 4 1 3\r\n");
        assert_eq!(talk.say("uid sort (reverse date) utf-8 undeleted").await.ok(), "* SORT 3 2 1\r\n");
        assert_eq!(talk.say("thread references utf-8 undeleted").await.ok(), "* THREAD (1 3)(2)\r\n");
        assert_eq!(talk.say("uid thread orderedsubject utf-8 all").await.ok(), "* THREAD (1 3)(2)(4)\r\n");
        assert!(talk.say("sort return (count all) (arrival) utf-8 all").await.ok().ends_with(" COUNT 4 ALL 1:4\r\n"));
    }
}
