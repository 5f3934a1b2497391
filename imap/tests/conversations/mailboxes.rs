//! The tree of mailboxes: LIST, LSUB, STATUS, CREATE, RENAME, DELETE, SUBSCRIBE.

use crate::house::stories;

const LETTER: &str = "Subject: a\r\n\r\nb\r\n";

/// The names in LIST lines.
fn names(heard: &str) -> Vec<&str> {
    heard
        .lines()
        .filter_map(|line| line.rsplit_once("\"/\" "))
        .map(|(_, name)| name.trim_matches('"'))
        .collect()
}

stories! {
    /// RFC 9051 §6.3.9, RFC 6154: a name in modified UTF-7 until the client reads UTF-8, and what each is for.
    async fn rfc_6154_the_tree_of_a_new_account(house: House) {
        let mut talk = house.talk_as(1).await;
        let heard = talk.say("list \"\" \"*\"").await;
        assert_eq!(
            heard.ok(),
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n\
             * LIST (\\HasNoChildren \\Drafts) \"/\" \"Th&AbA- nh&AOE-p\"\r\n\
             * LIST (\\HasNoChildren \\Sent) \"/\" \"Th&AbA- &AREA4w- g&Hu0-i\"\r\n\
             * LIST (\\HasNoChildren \\Trash) \"/\" \"Th&APk-ng r&AOE-c\"\r\n"
        );
        talk.say("enable imap4rev2").await.ok();
        assert_eq!(names(talk.say("list \"\" \"*\"").await.ok()), ["INBOX", "Thư nháp", "Thư đã gửi", "Thùng rác"]);
        assert_eq!(talk.say("list \"\" \"\"").await.ok(), "* LIST (\\NoSelect) \"/\" \"\"\r\n");
        assert_eq!(names(talk.say("list (special-use) \"\" \"*\"").await.ok()).len(), 3);
    }

    /// RFC 9051 §6.3.4: what is missing above is made; a name that is there, or is none, is not.
    async fn rfc_9051_create(house: House) {
        let mut talk = house.talk_as(1).await;
        assert!(talk.say("create a/b/c").await.last().starts_with("OK [MAILBOXID ("));
        assert_eq!(names(talk.say("list \"\" \"a*\"").await.ok()), ["a", "a/b", "a/b/c"]);
        assert_eq!(names(talk.say("list \"\" \"%\"").await.ok()).len(), 5);
        assert_eq!(names(talk.say("list \"a/\" \"%\"").await.ok()), ["a/b"]);
        assert!(talk.say("create A/").await.last().starts_with("OK"));
        for (name, code) in [
            ("a/b", "[ALREADYEXISTS]"), ("inbox", "[ALREADYEXISTS]"), ("a//b", "[CANNOT]"), ("\"\"", "[CANNOT]"),
            ("\" a\"", "[CANNOT]"), ("1/2/3/4/5/6/7/8/9/10/11", "[CANNOT]"),
        ] {
            let heard = talk.say(&format!("create {name}")).await;
            assert!(heard.no().contains(code), "{name}: {heard:?}");
        }
        // RFC 6154 §3: one mailbox for each use.
        talk.say("create Archive (use (\\Archive))").await.ok();
        assert!(talk.say("create Archive2 (use (\\Archive))").await.no().contains("[USEATTR]"));
        assert!(talk.say("create Stars (use (\\Flagged))").await.no().contains("[USEATTR]"));
    }

    /// RFC 9051 §6.3.6: what lies in it comes along, and so do its messages.
    async fn rfc_9051_rename(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.say("create a/b").await.ok();
        talk.append("a/b", "", LETTER).await.ok();
        talk.say("rename a x/y").await.ok();
        assert_eq!(names(talk.say("list \"\" \"x*\"").await.ok()), ["x", "x/y", "x/y/b"]);
        assert_eq!(talk.say("status x/y/b (messages)").await.ok(), "* STATUS \"x/y/b\" (MESSAGES 1)\r\n");
        assert!(talk.say("rename a z").await.no().contains("[NONEXISTENT]"));
        assert!(talk.say("rename x inbox").await.no().contains("[ALREADYEXISTS]"));
        assert!(talk.say("rename x x/y/z").await.no().contains("[CANNOT]"));
        // The mailboxes of the account stay where they are.
        assert!(talk.say("rename \"Th&APk-ng r&AOE-c\" x/trash").await.no().contains("[CANNOT]"));
    }

    /// RFC 9051 §6.3.6: RENAME INBOX moves what lies in it and leaves it there, empty.
    async fn rfc_9051_rename_inbox(house: House) {
        let mut talk = house.talk_as(1).await;
        for _ in 0..3 {
            talk.append("inbox", "(\\Seen)", LETTER).await.ok();
        }
        talk.say("rename inbox old/mail").await.ok();
        assert_eq!(talk.say("status inbox (messages)").await.ok(), "* STATUS \"INBOX\" (MESSAGES 0)\r\n");
        assert_eq!(talk.say("status old/mail (messages unseen)").await.ok(), "* STATUS \"old/mail\" (MESSAGES 3 UNSEEN 0)\r\n");
    }

    /// RFC 9051 §6.3.5: messages go with their mailbox; mailboxes in it keep it.
    async fn rfc_9051_delete(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.say("create a/b").await.ok();
        talk.append("a/b", "", LETTER).await.ok();
        assert!(talk.say("delete a").await.no().contains("[HASCHILDREN]"));
        talk.say("delete a/b").await.ok();
        talk.say("delete a").await.ok();
        assert!(talk.say("delete a").await.no().contains("[NONEXISTENT]"));
        assert!(talk.say("delete inbox").await.no().contains("[CANNOT]"));
        assert_eq!(talk.say("getquota \"\"").await.ok(), "* QUOTA \"\" (STORAGE 0 4882)\r\n");
        // A name that comes again has other UIDs (RFC 9051 §2.3.1.1).
        talk.say("create a").await.ok();
        let first = talk.say("status a (uidvalidity mailboxid)").await.ok().to_owned();
        talk.say("rename a b").await.ok();
        talk.say("create a").await.ok();
        assert_ne!(talk.say("status a (uidvalidity mailboxid)").await.ok(), first);
    }

    /// RFC 9051 §2.3.1.1: a name whose mailbox was deleted a moment ago does not repeat its UIDVALIDITY, nor does one that takes the name of another.
    async fn rfc_9051_2_3_1_1_uid_validity_never_repeats(house: House) {
        let mut talk = house.talk_as(1).await;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..3 {
            talk.say("create a").await.ok();
            assert!(seen.insert(talk.say("status a (uidvalidity)").await.ok().to_owned()), "{seen:?}");
            talk.say("delete a").await.ok();
        }
        talk.say("create b").await.ok();
        talk.say("rename b a").await.ok();
        assert!(seen.insert(talk.say("status a (uidvalidity)").await.ok().to_owned()), "{seen:?}");
        // A neighbour's numbers are their own.
        let mut other = house.talk_as(2).await;
        other.say("create a").await.ok();
        assert!(!seen.insert(other.say("status a (uidvalidity)").await.ok().to_owned()), "{seen:?}");
    }

    /// RFC 9051 §6.3.7, RFC 5258: LSUB, and LIST by subscription.
    async fn rfc_5258_subscriptions(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.say("create a/b").await.ok();
        talk.say("unsubscribe a").await.ok();
        talk.say("unsubscribe \"Th&APk-ng r&AOE-c\"").await.ok();
        assert!(talk.say("subscribe nothing").await.no().contains("[NONEXISTENT]"));
        assert_eq!(names(talk.say("lsub \"\" \"*\"").await.ok()).last(), Some(&"a/b"));
        assert_eq!(talk.say("lsub \"\" \"a%\"").await.ok(), "* LSUB (\\NoSelect) \"/\" \"a\"\r\n");
        assert_eq!(
            talk.say("list (subscribed recursivematch) \"\" \"a\"").await.ok(),
            "* LIST (\\HasChildren) \"/\" \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
        );
        assert_eq!(
            talk.say("list \"\" (\"a/%\") return (subscribed children)").await.ok(),
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"a/b\"\r\n"
        );
    }

    /// RFC 9051 §6.3.11, RFC 5819, RFC 8438, RFC 8474: exact counts.
    async fn rfc_5819_status(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.append("inbox", "(\\Seen)", LETTER).await.ok();
        talk.append("inbox", "", LETTER).await.ok();
        talk.append("inbox", "(\\Deleted)", LETTER).await.ok();
        let size = LETTER.len();
        assert_eq!(
            talk.say("status inbox (messages uidnext uidvalidity unseen deleted size deleted-storage recent)").await.ok(),
            format!(
                "* STATUS \"INBOX\" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 7 UNSEEN 2 DELETED 1 SIZE {} DELETED-STORAGE {size} RECENT 0)\r\n",
                3 * size
            )
        );
        let heard = talk.say("status nothing (messages)").await;
        assert!(heard.no().contains("[NONEXISTENT] Khong co thu muc nay / No such mailbox"), "{heard:?}");
        let heard = talk.say("list \"\" % return (status (messages size))").await;
        assert!(heard.ok().contains(&format!("* STATUS \"INBOX\" (MESSAGES 3 SIZE {})\r\n", 3 * size)), "{heard:?}");
    }

    /// Another person's mailboxes and messages are not there, whatever number or name is used.
    async fn nothing_of_other_people_is_there(house: House) {
        let mut an = house.talk_as(1).await;
        an.say("create secret").await.ok();
        an.append("secret", "", LETTER).await.ok();
        an.say("select secret").await.ok();
        let ids = an.say("fetch 1 (emailid threadid)").await.0;
        let email_id = ids.split('(').nth(2).and_then(|rest| rest.split(')').next()).unwrap().to_owned();
        let mut binh = house.talk_as(2).await;
        for command in [
            "select secret", "examine secret", "status secret (messages)", "delete secret", "rename secret mine",
            "subscribe secret", "append secret {1+}\r\na",
        ] {
            let heard = binh.say(command).await;
            assert!(heard.no().contains("[NONEXISTENT]") || heard.no().contains("[TRYCREATE]"), "{command}: {heard:?}");
        }
        assert_eq!(names(binh.say("list \"\" *").await.ok()).len(), 4);
        binh.say("select inbox").await.ok();
        assert_eq!(binh.say("uid search 1:*").await.ok(), "* SEARCH\r\n");
        assert_eq!(binh.say(&format!("uid search emailid {email_id}")).await.ok(), "* SEARCH\r\n");
        assert_eq!(binh.say("uid fetch 1:* (body[])").await.ok(), "");
        assert_eq!(binh.say("uid store 1 +flags (\\Deleted)").await.ok(), "");
        // Nothing goes there either, and nobody listens there.
        binh.append("inbox", "", LETTER).await.ok();
        for command in ["uid copy 1 secret", "uid move 1 secret"] {
            assert!(binh.say(command).await.no().contains("[TRYCREATE]"), "{command}");
        }
        binh.say("notify set (mailboxes secret (messagenew messageexpunge))").await.ok();
        an.append("secret", "", LETTER).await.ok();
        assert_eq!(binh.news().await, "");
        assert_eq!(an.say("fetch 1 (flags)").await.0.matches("FETCH (FLAGS ())").count(), 1);
    }
}
