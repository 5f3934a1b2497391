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

    /// Letters made to hurt are kept and told of within time, and an answer is written in pieces that fit.
    async fn hostile_letters_are_told_in_bounds(house: House) {
        let mut deep = "Subject: deep\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n".to_owned();
        for n in 0..10_000 {
            deep.push_str(&format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1));
        }
        let fields: String = (0..100_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
        let letters = [
            deep,
            format!("Subject: within\r\n{}", "Content-Type: message/rfc822\r\n\r\n".repeat(10_000)),
            format!("Subject: fields\r\n{fields}\r\nx\r\n"),
            format!("Subject: many\r\nTo: {}\r\n\r\nx\r\n", "<a@b.vn>, ".repeat(100_000)),
        ];
        let mut talk = house.talk_as(1).await;
        for letter in &letters {
            let begun = std::time::Instant::now();
            talk.say("create x").await.ok();
            talk.append("x", "", letter).await.ok();
            talk.say("select x").await.ok();
            for what in ["envelope bodystructure", "body.peek[header.fields (x-99999 subject)]", "body.peek[1.1.1.1]<0.100>", "preview rfc822.size"] {
                let heard = talk.say(&format!("fetch 1 ({what})")).await;
                assert!(heard.ok().len() < 2 * letter.len() + 1_000, "{what}: {} octets", heard.ok().len());
            }
            talk.say("search text x").await.ok();
            talk.say("unselect").await.ok();
            talk.say("delete x").await.ok();
            assert!(begun.elapsed().as_secs() < 60, "{:?}: {:?}", &letter[..20], begun.elapsed());
        }
    }

    /// Thousands of commands at once are answered one by one, in their order, and nothing is read while much waits to be written.
    async fn a_pipelined_flood_is_held_back(house: House) {
        let mut talk = house.talk_as(1).await;
        talk.append("inbox", "", "Subject: a\r\n\r\nb\r\n").await.ok();
        talk.say("select inbox").await.ok();
        let flood: String = (0..3_000).map(|n| format!("f{n} fetch 1 (envelope bodystructure)\r\n")).collect();
        let heard = talk.raw(flood.as_bytes()).await;
        let tags: Vec<usize> = heard
            .lines()
            .filter_map(|line| line.strip_prefix('f')?.split_once(" OK")?.0.parse().ok())
            .collect();
        assert_eq!(tags, (0..3_000).collect::<Vec<_>>());
        let limits = Limits::default();
        assert!(talk.written_max <= limits.output_bytes_max + 64 * 1024, "{} octets at once", talk.written_max);
    }

    /// RFC 7888 §4: when all conversations hold as much as they may, a message is refused before it is taken, and later taken again.
    async fn rfc_7888_all_conversations_share_one_memory(house: House) {
        let mut limits = Limits::default();
        limits.input.memory = imap::Memory::new(100_000);
        let memory = limits.input.memory.clone();
        let mut one = house.talk_with(true, limits.clone()).await;
        let mut other = house.talk_with(true, limits).await;
        for talk in [&mut one, &mut other] {
            talk.say("login an a").await.ok();
        }
        let letter = format!("Subject: a\r\n\r\n{}", "x".repeat(70_000));
        one.raw(format!("a append inbox {{{}}}\r\n{letter}", letter.len()).as_bytes()).await;
        assert_eq!(memory.held(), letter.len());
        assert!(other.say(&format!("append inbox {{{}}}", letter.len())).await.no().contains("[LIMIT]"));
        assert!(other.append("inbox", "", &letter).await.no().contains("[LIMIT]"), "read over, and refused");
        other.say("noop").await.ok();
        assert!(one.raw(b"\r\n").await.contains("a OK"));
        assert_eq!(memory.held(), 0);
        other.append("inbox", "", &letter).await.ok();
        assert_eq!(memory.held(), 0);
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
