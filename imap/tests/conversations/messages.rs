//! Messages: APPEND, FETCH, STORE, COPY, MOVE, EXPUNGE.

use crate::house::stories;
use imap::Limits;

const LETTER: &str = "From: =?UTF-8?Q?B=C3=ACnh?= <binh@a.gov.vn>\r\nTo: an@a.gov.vn\r\nSubject: Giay moi\r\n\
    Date: Sun, 22 Nov 2026 08:00:00 +0700\r\nMessage-ID: <1@a.gov.vn>\r\n\r\nKinh gui\r\n";

stories! {
    /// RFC 9051 §6.3.2: what SELECT says, in rev1 and in rev2.
    async fn rfc_9051_select(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.append("inbox", "", LETTER).await.ok();
        let heard = talk.say("select inbox").await;
        for line in [
            "* 1 EXISTS\r\n", "* 0 RECENT\r\n", "* FLAGS (", "* OK [PERMANENTFLAGS (", " \\*)]", "* OK [UIDVALIDITY 7]", "* OK [UIDNEXT 2]",
            "* OK [HIGHESTMODSEQ ", "* OK [MAILBOXID (",
        ] {
            assert!(heard.ok().contains(line), "{line}: {heard:?}");
        }
        assert!(heard.last().starts_with("OK [READ-WRITE]"), "{heard:?}");
        talk.say("enable imap4rev2").await.ok();
        let heard = talk.say("examine inbox").await;
        assert!(heard.ok().starts_with("* OK [CLOSED]") && !heard.ok().contains("RECENT"), "{heard:?}");
        assert!(heard.ok().contains("* LIST () \"/\" \"INBOX\"") && heard.last().starts_with("OK [READ-ONLY]"), "{heard:?}");
        for command in ["store 1 +flags (\\Seen)", "expunge", "move 1 \"x\""] {
            talk.say(command).await.no();
        }
        assert!(talk.say("select nothing").await.no().contains("[NONEXISTENT]"));
        talk.say("fetch 1 flags").await.bad();
    }

    /// RFC 9051 §6.3.12, RFC 4315, RFC 3502: flags, date, UIDs; all or none.
    async fn rfc_3502_append(house: House) {
        let mut talk = house.talk_as(1).await;
        assert!(talk.append("inbox", "(\\Seen $Forwarded) \"22-Nov-2026 07:00:00 +0700\"", LETTER).await.last().contains("[APPENDUID 7 1]"));
        let size = LETTER.len();
        let two = format!("append inbox {{{size}+}}\r\n{LETTER} (\\Flagged) {{{size}+}}\r\n{LETTER}");
        assert!(talk.say(&two).await.last().contains("[APPENDUID 7 2:3]"));
        assert!(talk.append("nothing", "", LETTER).await.no().contains("[TRYCREATE]"));
        talk.say("select inbox").await.ok();
        assert_eq!(
            talk.say("fetch 1:* (flags internaldate rfc822.size)").await.ok(),
            format!(
                "* 1 FETCH (FLAGS ($Forwarded \\Seen) INTERNALDATE \"22-Nov-2026 07:00:00 +0700\" RFC822.SIZE {size})\r\n\
                 * 2 FETCH (FLAGS () INTERNALDATE \"22-Nov-2026 08:00:00 +0700\" RFC822.SIZE {size})\r\n\
                 * 3 FETCH (FLAGS (\\Flagged) INTERNALDATE \"22-Nov-2026 08:00:00 +0700\" RFC822.SIZE {size})\r\n"
            )
        );
        // The selected mailbox is told of what was just put into it.
        let heard = talk.append("inbox", "", LETTER).await;
        assert!(heard.ok().contains("* 4 EXISTS\r\n"), "{heard:?}");
    }

    /// RULES R7: a state secret is refused at this entrance too, and nothing of it is kept.
    async fn r7_a_secret_is_not_appended(house: House) {
        let mut talk = house.talk_as(1).await;
        let secret = "Subject: =?UTF-8?B?W03huqxUXSBCw6FvIGPDoW8=?=\r\n\r\nx\r\n";
        let both = format!("append inbox {{{}+}}\r\n{LETTER} {{{}+}}\r\n{secret}", LETTER.len(), secret.len());
        let heard = talk.say(&both).await;
        assert!(heard.no().contains("[NOPERM] Van ban co do mat") || heard.no().contains("[NOPERM]"), "{heard:?}");
        assert_eq!(talk.say("status inbox (messages)").await.ok(), "* STATUS \"INBOX\" (MESSAGES 0)\r\n");
    }

    /// RFC 9208 §4.3.1: what does not fit is not taken.
    async fn rfc_9208_a_full_account(house: House) {
        let mut talk = house.talk_as(1).await;
        let large = format!("Subject: x\r\n\r\n{}", "a".repeat(3_000_000));
        talk.append("inbox", "", &large).await.ok();
        assert!(talk.append("inbox", "", &large).await.no().contains("[OVERQUOTA]"));
        assert_eq!(talk.say("status inbox (messages)").await.ok(), "* STATUS \"INBOX\" (MESSAGES 1)\r\n");
    }

    /// RFC 9051 §6.4.5: envelope, sections, partial; reading marks as read, peeking does not.
    async fn rfc_9051_fetch(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.append("inbox", "", LETTER).await.ok();
        talk.say("select inbox").await.ok();
        let heard = talk.say("fetch 1 (uid envelope)").await;
        assert_eq!(
            heard.ok(),
            "* 1 FETCH (UID 1 ENVELOPE (\"Sun, 22 Nov 2026 08:00:00 +0700\" \"Giay moi\" ((\"=?utf-8?B?QsOsbmg=?=\" NIL \"binh\" \"a.gov.vn\")) ((\"=?utf-8?B?QsOsbmg=?=\" NIL \"binh\" \"a.gov.vn\")) \
             ((\"=?utf-8?B?QsOsbmg=?=\" NIL \"binh\" \"a.gov.vn\")) ((NIL NIL \"an\" \"a.gov.vn\")) NIL NIL NIL \"<1@a.gov.vn>\"))\r\n"
        );
        assert_eq!(talk.say("fetch 1 body.peek[header.fields (subject)]").await.ok(), "* 1 FETCH (BODY[HEADER.FIELDS (subject)] {21}\r\nSubject: Giay moi\r\n\r\n)\r\n");
        assert_eq!(talk.say("fetch 1 flags").await.ok(), "* 1 FETCH (FLAGS ())\r\n");
        assert_eq!(talk.say("fetch 1 body[text]<5.3>").await.ok(), "* 1 FETCH (BODY[TEXT]<5> {3}\r\ngui FLAGS (\\Seen))\r\n");
        assert_eq!(talk.say("uid fetch 1 (rfc822)").await.ok(), format!("* 1 FETCH (UID 1 RFC822 {{{}}}\r\n{LETTER})\r\n", LETTER.len()));
        assert_eq!(talk.say("fetch 1 (binary.size[1] preview)").await.ok(), "* 1 FETCH (BINARY.SIZE[1] 10 PREVIEW \"Kinh gui\")\r\n");
        assert_eq!(talk.say("uid fetch 9 flags").await.ok(), "");
        talk.say("fetch 2 flags").await.bad();
    }

    /// A large mailbox comes in pages, and nothing is left out or told twice.
    async fn pages_make_one_answer(house: House) {
        let limits = Limits { page_messages: 7, output_bytes_max: 300, page_bytes: 500, ..Limits::default() };
        let mut talk = house.talk_with(true, limits).await;
        talk.say("login an a").await.ok();
        for _ in 0..30 {
            talk.append("inbox", "", LETTER).await.ok();
        }
        talk.say("select inbox").await.ok();
        let heard = talk.say("fetch 1:* (uid body.peek[])").await;
        let uids: Vec<&str> = heard.ok().lines().filter_map(|line| line.split("(UID ").nth(1)).collect();
        let expected: Vec<String> = (1..=30).map(|uid| format!("{uid} BODY[] {{{}}}", LETTER.len())).collect();
        assert_eq!(uids, expected);
        assert_eq!(talk.say("uid fetch 1:* (uid) (partial -1:-3)").await.ok(), "* 28 FETCH (UID 28)\r\n* 29 FETCH (UID 29)\r\n* 30 FETCH (UID 30)\r\n");
    }

    /// RFC 9051 §6.4.6, RFC 7162 §3.1.3.
    async fn rfc_7162_store(house: House) {
        let mut talk = house.talk_as(1).await;
        for _ in 0..3 {
            talk.append("inbox", "", LETTER).await.ok();
        }
        talk.say("select inbox").await.ok();
        assert_eq!(talk.say("store 1 +flags (\\Seen work)").await.ok(), "* 1 FETCH (FLAGS (\\Seen work))\r\n");
        assert_eq!(talk.say("store 1 flags.silent (\\Flagged)").await.ok(), "");
        assert_eq!(talk.say("fetch 1 flags").await.ok(), "* 1 FETCH (FLAGS (\\Flagged))\r\n");
        assert_eq!(talk.say("noop").await.ok(), "", "what one did oneself is no news");
        let heard = talk.say("fetch 2 (modseq)").await.ok().to_owned();
        assert!(heard.contains("* OK [HIGHESTMODSEQ "), "{heard}");
        let modseq: u64 = heard.split("MODSEQ (").nth(1).and_then(|rest| rest.split(')').next()).unwrap().parse().unwrap();
        let heard = talk.say(&format!("store 2,3 (unchangedsince {modseq}) +flags.silent (\\Answered)")).await;
        assert!(heard.last().contains("[MODIFIED 3]"), "{heard:?}");
        assert!(heard.ok().starts_with("* 2 FETCH (MODSEQ ("), "{heard:?}");
        let heard = talk.say(&format!("uid fetch 1:* (flags) (changedsince {modseq})")).await;
        assert_eq!(heard.ok().matches(" FETCH ").count(), 3, "{heard:?}");
        talk.say("store 4 flags ()").await.bad();
    }

    /// RFC 9051 §6.4.7, RFC 6851, RFC 4315: COPYUID, and what is moved is gone.
    async fn rfc_6851_copy_and_move(house: House) {
        let mut talk = house.talk_as(1).await;
        for _ in 0..4 {
            talk.append("inbox", "(\\Flagged)", LETTER).await.ok();
        }
        talk.say("create a").await.ok();
        talk.say("select inbox").await.ok();
        assert!(talk.say("copy 1:2 a").await.last().contains(" 1:2 1:2]"));
        let heard = talk.say("uid move 3,4 a").await;
        assert!(heard.ok().contains("3:4 3:4]") && heard.ok().ends_with("* 4 EXPUNGE\r\n* 3 EXPUNGE\r\n"), "{heard:?}");
        assert!(talk.say("copy 1 nothing").await.no().contains("[TRYCREATE]"));
        assert!(talk.say("move 1 nothing").await.no().contains("[TRYCREATE]"));
        assert_eq!(talk.say("fetch 1:* flags").await.ok().matches("Flagged").count(), 2);
        assert_eq!(talk.say("status a (messages)").await.ok(), "* STATUS \"a\" (MESSAGES 4)\r\n");
        talk.say("select a").await.ok();
        assert_eq!(talk.say("fetch 1:* flags").await.ok().matches("Flagged").count(), 4);
        // Copied to where it lies, it is a second message.
        talk.say("copy 1 a").await.ok();
        assert_eq!(talk.say("noop").await.ok(), "* 5 EXISTS\r\n* 0 RECENT\r\n");
    }

    /// RFC 9051 §6.4.3, RFC 4315 §2.1: EXPUNGE, UID EXPUNGE, CLOSE.
    async fn rfc_4315_expunge(house: House) {
        let mut talk = house.talk_as(1).await;
        for _ in 0..5 {
            talk.append("inbox", "", LETTER).await.ok();
        }
        talk.say("select inbox").await.ok();
        talk.say("store 1,3,5 +flags.silent (\\Deleted)").await.ok();
        assert_eq!(talk.say("uid expunge 3:4").await.ok(), "* 3 EXPUNGE\r\n");
        assert_eq!(talk.say("expunge").await.ok(), "* 4 EXPUNGE\r\n* 1 EXPUNGE\r\n");
        assert_eq!(talk.say("fetch 1:* uid").await.ok(), "* 1 FETCH (UID 2)\r\n* 2 FETCH (UID 4)\r\n");
        talk.say("store 1 +flags.silent (\\Deleted)").await.ok();
        assert_eq!(talk.say("close").await.ok(), "");
        let heard = talk.say("select inbox").await;
        assert!(heard.ok().starts_with("* 1 EXISTS\r\n"), "{heard:?}");
        talk.say("enable qresync").await.ok();
        talk.say("select inbox").await.ok();
        talk.say("store 1 +flags.silent (\\Deleted)").await.ok();
        let heard = talk.say("expunge").await;
        assert_eq!(heard.ok(), "* VANISHED 4\r\n");
        assert!(heard.last().starts_with("OK [HIGHESTMODSEQ "), "{heard:?}");
    }
}
