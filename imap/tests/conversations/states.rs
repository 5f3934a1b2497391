//! What may be said when: greeting, TLS, signing in and out, patience.

use crate::house::stories;
use imap::Limits;

stories! {
    /// RFC 9051 §7.1, §6.2: before TLS nobody signs in, and the greeting says so.
    async fn m35_no_password_before_tls(house: House) {
        let mut talk = house.talk_with(false, Limits::default()).await;
        let greeting = talk.heard();
        assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 ") && greeting.contains("LOGINDISABLED STARTTLS"), "{greeting}");
        assert!(!greeting.contains("AUTH="), "{greeting}");
        assert!(talk.say("login an a").await.no().contains("[PRIVACYREQUIRED]"));
        assert!(talk.say("authenticate plain AGFuAGE=").await.no().contains("[PRIVACYREQUIRED]"));
        talk.say("starttls").await.ok();
        let heard = talk.say("capability").await;
        assert!(heard.ok().contains("AUTH=PLAIN") && !heard.ok().contains("STARTTLS"), "{heard:?}");
        talk.say("starttls").await.bad();
        assert!(talk.say("login an a").await.last().starts_with("OK [CAPABILITY "));
    }

    /// What was sent before TLS is never read after it (CVE-2011-0411).
    async fn bytes_before_tls_are_forgotten(house: House) {
        let mut talk = house.talk_with(false, Limits::default()).await;
        talk.heard();
        let heard = talk.raw(b"a starttls\r\nb capability\r\n").await;
        assert!(heard.contains("a OK") && !heard.contains("b OK"), "{heard}");
    }

    /// RFC 9051 §6.2.2, RFC 4959: with and without an initial response, and cancelled.
    async fn rfc_4959_signing_in(house: House) {
        let mut talk = house.talk().await;
        talk.heard();
        assert_eq!(talk.raw(b"a authenticate PLAIN\r\n").await, "+ \r\n");
        assert!(talk.raw(b"*\r\n").await.starts_with("a BAD"));
        assert_eq!(talk.raw(b"b authenticate PLAIN\r\n").await, "+ \r\n");
        assert!(talk.raw(b"AGFuAGI=\r\n").await.starts_with("b NO [AUTHENTICATIONFAILED] Sai mat khau"));
        assert!(talk.say("authenticate CRAM-MD5").await.no().contains("[CANNOT]"));
        assert!(talk.raw(b"c authenticate PLAIN AGFuAGE=\r\n").await.starts_with("c OK [CAPABILITY "));
        talk.say("login an a").await.bad();
    }

    /// Who guesses is let go.
    async fn five_wrong_passwords_end_it(house: House) {
        let mut talk = house.talk().await;
        for _ in 0..4 {
            assert!(talk.say("login an b").await.no().contains("[AUTHENTICATIONFAILED]"));
        }
        assert!(talk.say("login an b").await.0.contains("* BYE"));
        assert!(talk.is_over);
    }

    /// RFC 9051 §3: each state has its commands.
    async fn rfc_9051_section_3_states(house: House) {
        let mut talk = house.talk().await;
        talk.heard();
        for command in ["select inbox", "list \"\" *", "noop2", "fetch 1 flags"] {
            talk.say(command).await.bad();
        }
        talk.say("noop").await.ok();
        talk.say("login an a").await.ok();
        for command in ["fetch 1 flags", "close", "expunge", "search all", "store 1 flags ()"] {
            talk.say(command).await.bad();
        }
        talk.say("select inbox").await.ok();
        talk.say("unselect").await.ok();
        talk.say("expunge").await.bad();
        let heard = talk.say("unauthenticate").await;
        assert!(heard.last().starts_with("OK [CAPABILITY") && heard.last().contains("AUTH=PLAIN"), "{heard:?}");
        talk.say("select inbox").await.bad();
        talk.say("login binh a").await.ok();
        let heard = talk.say("logout").await;
        assert!(heard.ok().starts_with("* BYE") && talk.is_over);
    }

    /// RFC 5161, RFC 2971, RFC 2342.
    async fn words_about_itself(house: House) {
        let mut talk = house.talk_as(1).await;
        assert_eq!(talk.say("enable condstore x-unknown qresync").await.ok(), "* ENABLED CONDSTORE QRESYNC\r\n");
        assert_eq!(talk.say("id nil").await.ok(), "* ID (\"name\" \"congvan\")\r\n");
        assert_eq!(talk.say("namespace").await.ok(), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
        assert_eq!(talk.say("getquotaroot inbox").await.ok(), "* QUOTAROOT \"INBOX\" \"\"\r\n* QUOTA \"\" (STORAGE 0 4882)\r\n");
        assert!(talk.say("getquota other").await.no().contains("[NONEXISTENT]"));
    }

    /// RFC 9051 §5.4: who is still is let go, sooner before signing in.
    async fn patience_ends(house: House) {
        let mut talk = house.talk().await;
        talk.heard();
        assert_eq!(talk.wake, Some(talk.now.plus(Limits::default().sign_in_patience)));
        assert_eq!(talk.wait(170).await, "");
        assert!(talk.wait(11).await.starts_with("* BYE") && talk.is_over);
        let mut talk = house.talk_as(1).await;
        assert_eq!(talk.wait(30 * 60).await, "");
        talk.raw(b"a idle\r\n").await;
        assert_eq!(talk.wait(29 * 60).await, "");
        assert!(talk.wait(10 * 60).await.starts_with("* BYE"));
    }

    /// The house closes: who waits is told at once, who is served is served first.
    async fn the_house_closes(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.session.house_closes(talk.now);
        assert!(talk.wait(0).await.starts_with("* BYE"));
        assert!(talk.is_over);
    }
}
