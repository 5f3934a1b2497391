//! What happened meanwhile: IDLE, NOOP, two clients on one mailbox, QRESYNC.

use crate::house::stories;

const LETTER: &str = "Subject: a\r\n\r\nb\r\n";

stories! {
    /// RFC 2177: who listens is told at once, of everything.
    async fn rfc_2177_idle(house: House) {
        let (mut one, mut other) = (house.talk_as(1).await, house.talk_as(1).await);
        one.append("inbox", "", LETTER).await.ok();
        one.say("select inbox").await.ok();
        other.say("select inbox").await.ok();
        assert_eq!(one.raw(b"a idle\r\n").await, "+ idling\r\n");
        other.append("inbox", "", LETTER).await.ok();
        assert_eq!(one.news().await, "* 2 EXISTS\r\n* 0 RECENT\r\n");
        other.say("store 1 +flags (\\Flagged)").await.ok();
        assert_eq!(one.news().await, "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\n");
        other.say("store 1 +flags (\\Deleted)").await.ok();
        other.say("expunge").await.ok();
        assert_eq!(one.news().await, "* 1 EXPUNGE\r\n");
        assert_eq!(one.news().await, "");
        assert!(one.raw(b"done\r\n").await.starts_with("a OK"));
        assert_eq!(one.raw(b"b idle\r\n").await, "+ idling\r\n");
        assert!(one.raw(b"what\r\n").await.starts_with("b BAD"));
        one.say("noop").await.ok();
    }

    /// What could not be looked up now is told with the next command, though nothing new happens.
    async fn news_that_could_not_be_read_stay_news(house: House) {
        let (mut one, mut other) = (house.talk_as(1).await, house.talk_as(1).await);
        one.say("select inbox").await.ok();
        other.append("inbox", "", LETTER).await.ok();
        one.session.news_arrived(one.now);
        one.is_busy = true;
        assert_eq!(one.say("uid search all").await.ok(), "* SEARCH\r\n");
        assert_eq!(one.say("uid search all").await.ok(), "* SEARCH\r\n* 1 EXISTS\r\n* 0 RECENT\r\n");
    }

    /// RFC 9051 §7.5.1: no number is taken back while the client counts by numbers.
    async fn rfc_9051_section_7_5_1_no_expunge_in_fetch(house: House) {
        let (mut one, mut other) = (house.talk_as(1).await, house.talk_as(1).await);
        for _ in 0..3 {
            one.append("inbox", "", LETTER).await.ok();
        }
        one.say("select inbox").await.ok();
        other.say("select inbox").await.ok();
        other.say("store 2 +flags.silent (\\Deleted)").await.ok();
        other.say("expunge").await.ok();
        one.session.news_arrived(one.now);
        let heard = one.say("fetch 1:3 uid").await;
        assert_eq!(heard.ok(), "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\n");
        assert!(heard.last().contains("[EXPUNGEISSUED]"), "{heard:?}");
        assert_eq!(one.say("store 2 +flags (\\Seen)").await.ok(), "");
        assert_eq!(one.say("search all").await.ok(), "* SEARCH 1 2 3\r\n");
        // By UID it may.
        assert_eq!(one.say("uid fetch 3 uid").await.ok(), "* 3 FETCH (UID 3)\r\n* 2 EXPUNGE\r\n");
        assert_eq!(one.say("fetch 2 uid").await.ok(), "* 2 FETCH (UID 3)\r\n");
    }

    /// RFC 7162 §3.2.5: a client that was away learns what it missed.
    async fn rfc_7162_qresync(house: House) {
        let (mut one, mut other) = (house.talk_as(1).await, house.talk_as(1).await);
        for _ in 0..5 {
            one.append("inbox", "", LETTER).await.ok();
        }
        one.say("enable qresync").await.ok();
        let heard = one.say("select inbox").await.ok().to_owned();
        let modseq = heard.split("HIGHESTMODSEQ ").nth(1).and_then(|rest| rest.split(']').next()).unwrap().to_owned();
        one.say("unselect").await.ok();
        other.say("select inbox").await.ok();
        other.say("store 2 +flags.silent (\\Flagged)").await.ok();
        other.say("store 4 +flags.silent (\\Deleted)").await.ok();
        other.say("expunge").await.ok();
        let heard = one.say(&format!("select inbox (qresync (7 {modseq} 1:5))")).await;
        assert!(heard.ok().contains("* VANISHED (EARLIER) 4\r\n* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ ("), "{heard:?}");
        assert_eq!(heard.ok().matches(" FETCH ").count(), 1, "{heard:?}");
        // Another UIDVALIDITY: nothing of what it knew holds.
        let heard = one.say(&format!("select inbox (qresync (8 {modseq}))")).await;
        assert!(!heard.ok().contains("VANISHED") && !heard.ok().contains("FETCH"), "{heard:?}");
        let heard = one.say(&format!("uid fetch 1:* (flags) (changedsince {modseq} vanished)")).await;
        assert!(heard.ok().starts_with("* VANISHED (EARLIER) 4\r\n* 2 FETCH ("), "{heard:?}");
        other.say("select inbox (qresync (7 1))").await.bad();
    }

    /// Two clients act on one mailbox; each ends with what the other sees.
    async fn two_clients_end_with_one_view(house: House) {
        let (mut one, mut other) = (house.talk_as(1).await, house.talk_as(1).await);
        one.say("select inbox").await.ok();
        other.say("select inbox").await.ok();
        for round in 0u32..60 {
            let (actor, watcher) = match round % 2 {
                0 => (&mut one, &mut other),
                _ => (&mut other, &mut one),
            };
            match round % 7 {
                0..=2 => drop(actor.append("inbox", "", LETTER).await),
                3 => drop(actor.say("uid store 1:* +flags (\\Seen)").await),
                4 => drop(actor.say(&format!("uid store {} +flags (\\Deleted)", round / 3 + 1)).await),
                5 => drop(actor.say("expunge").await),
                _ => drop(actor.say(&format!("uid copy {} inbox", round / 4 + 1)).await),
            }
            actor.say("noop").await.ok();
            watcher.say("noop").await.ok();
        }
        let view = one.say("fetch 1:* (uid flags)").await;
        assert_eq!(view.ok(), other.say("fetch 1:* (uid flags)").await.ok());
        assert!(view.ok().lines().count() > 5, "{view:?}");
        let mut third = house.talk_as(1).await;
        third.say("select inbox").await.ok();
        assert_eq!(view.ok(), third.say("fetch 1:* (uid flags)").await.ok());
    }

    /// RFC 5465: other mailboxes, names and subscriptions, without a command.
    async fn rfc_5465_notify_of_other_mailboxes(house: House) {
        let (mut one, mut other) = (house.talk_as(1).await, house.talk_as(1).await);
        other.say("create a").await.ok();
        one.say("select inbox").await.ok();
        let heard = one.say("notify set status (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))").await;
        assert!(heard.ok().contains("* STATUS \"a\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ") && !heard.ok().contains("\"INBOX\""), "{heard:?}");
        assert_eq!(one.news().await, "");
        other.append("a", "", LETTER).await.ok();
        let heard = one.news().await;
        assert!(heard.starts_with("* STATUS \"a\" (MESSAGES 1 UIDNEXT 2 ") && heard.contains("UNSEEN 1") && heard.lines().count() == 1, "{heard}");
        other.say("rename a b").await.ok();
        assert_eq!(one.news().await, "* LIST (\\Subscribed) \"/\" \"b\" (\"OLDNAME\" (\"a\"))\r\n");
        other.say("unsubscribe b").await.ok();
        assert_eq!(one.news().await, "* LIST () \"/\" \"b\"\r\n");
        other.say("delete b").await.ok();
        assert_eq!(one.news().await, "* LIST (\\NonExistent) \"/\" \"b\"\r\n");
        // The selected mailbox waits for a command: it was not named.
        other.append("inbox", "", LETTER).await.ok();
        assert_eq!(one.news().await, "");
        assert_eq!(one.say("noop").await.ok(), "* 1 EXISTS\r\n* 0 RECENT\r\n");
        one.say("notify none").await.ok();
        other.say("create c").await.ok();
        assert_eq!(one.news().await, "");
        one.say("notify set (personal (MessageNew))").await.bad();
    }

    /// RFC 5465 §6: the selected mailbox at once, with what was asked for of new messages; what is gone may wait.
    async fn rfc_5465_notify_of_the_selected_mailbox(house: House) {
        let (mut one, mut other) = (house.talk_as(1).await, house.talk_as(1).await);
        one.append("inbox", "", LETTER).await.ok();
        one.say("select inbox").await.ok();
        other.say("select inbox").await.ok();
        one.say("notify set (selected (MessageNew (uid rfc822.size) MessageExpunge FlagChange))").await.ok();
        other.append("inbox", "", LETTER).await.ok();
        let size = LETTER.len();
        assert_eq!(one.news().await, format!("* 2 EXISTS\r\n* 0 RECENT\r\n* 2 FETCH (UID 2 RFC822.SIZE {size})\r\n"));
        other.say("store 1 +flags.silent (\\Deleted)").await.ok();
        other.say("expunge").await.ok();
        assert!(one.news().await.ends_with("* 1 EXPUNGE\r\n"));
        one.say("notify set (selected-delayed (MessageNew MessageExpunge FlagChange))").await.ok();
        other.say("store 1 +flags.silent (\\Deleted)").await.ok();
        assert!(one.news().await.contains("Deleted"));
        other.say("expunge").await.ok();
        assert_eq!(one.news().await, "");
        assert_eq!(one.say("uid search all").await.ok(), "* SEARCH 2\r\n* 1 EXPUNGE\r\n");
        one.say("noop").await.ok();
        assert_eq!(one.say("search all").await.ok(), "* SEARCH\r\n");
    }
}
