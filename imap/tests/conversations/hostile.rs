//! Clients that mean no good, or are slow, or are mistaken.

use crate::house::stories;
use imap::Limits;

stories! {
    /// Byte by byte is the same as all at once.
    async fn a_command_in_single_bytes(house: House) {
        let mut talk = house.talk().await;
        talk.heard();
        let mut heard = String::new();
        for byte in b"a login an a\r\nb select inbox\r\nc append inbox {11+}\r\nSubject: x\r\n\r\nd noop\r\n" {
            heard.push_str(&talk.raw(&[*byte]).await);
        }
        for tag in ["a OK", "b OK", "c OK", "d OK"] {
            assert!(heard.contains(tag), "{heard}");
        }
    }

    /// Pipelined commands are answered in their order.
    async fn pipelined_commands_keep_their_order(house: House) {
        let mut talk = house.talk_as(1).await;
        let commands: String = (0..200).map(|n| format!("t{n} status inbox (messages)\r\n")).collect();
        let heard = talk.raw(commands.as_bytes()).await;
        let tags: Vec<&str> = heard.lines().filter(|line| line.starts_with('t')).filter_map(|line| line.split(' ').next()).collect();
        let expected: Vec<String> = (0..200).map(|n| format!("t{n}")).collect();
        assert_eq!(tags, expected);
    }

    /// Nonsense is answered with BAD, and too much of it ends the conversation.
    async fn nonsense_ends(house: House) {
        let mut talk = house.talk_as(1).await;
        for _ in 0..=Limits::default().errors_max {
            talk.say("nonsense (((").await;
        }
        assert!(talk.is_over);
    }

    /// RFC 7888 §4, RFC 7889: too much is refused before it is read; what nobody waited with ends the conversation.
    async fn rfc_7888_too_large(house: House) {
        let mut talk = house.talk_as(1).await;
        let heard = talk.say("append inbox {99999999999}").await;
        assert!(heard.no().contains("[TOOBIG]"), "{heard:?}");
        talk.say("noop").await.ok();
        let heard = talk.say("append inbox {99999999999+}").await;
        assert!(heard.0.contains("[TOOBIG]") && heard.0.contains("* BYE"), "{heard:?}");
        assert!(talk.is_over);
        // Nobody sends messages before signing in.
        let mut talk = house.talk().await;
        assert!(talk.raw(b"a append inbox {1000000}\r\n").await.contains("[TOOBIG]"));
    }

    /// A keyword that is none, or too many of them.
    async fn flags_that_are_none(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.append("inbox", "", "Subject: a\r\n\r\nb\r\n").await.ok();
        talk.say("select inbox").await.ok();
        let many: Vec<String> = (0..150).map(|n| format!("k{n}")).collect();
        let heard = talk.say(&format!("store 1 flags ({})", many.join(" "))).await;
        assert!(heard.no().contains("[LIMIT]"), "{heard:?}");
        assert_eq!(talk.say("fetch 1 flags").await.ok(), "* 1 FETCH (FLAGS ())\r\n");
    }
}
