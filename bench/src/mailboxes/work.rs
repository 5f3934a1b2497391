//! What is asked of a mailbox, by IMAP and by JMAP, and what it costs.

use std::time::Duration;

use tests::Imap;
use tokio::time::Instant;

use super::corpus;
use super::jmap::Jmap;
use super::server::{Account, Server};

/// Messages whose bodies are fetched in one go.
const BODIES: u64 = 50;
/// Messages that flags are set on, one after the other.
const FLAGGED: u64 = 200;
/// What a list in a mail program shows of a message.
const LIST_ITEMS: &str = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)";

/// A kind of work, with what DESIGN.md wants of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    /// What is done.
    pub(crate) name: &'static str,
    /// The aim, CPU-ms each.
    pub(crate) aim: &'static str,
    /// Costs are given for one message of the mailbox.
    pub(crate) is_per_message: bool,
}

const fn work(name: &'static str, aim: &'static str) -> Work {
    Work { name, aim, is_per_message: false }
}

pub(crate) const LOGIN: Work = work("IMAP: connect, LOGIN, SELECT, newest 50", "–");
pub(crate) const SELECT: Work = work("IMAP: SELECT, newest 50", "≤ 0.5 → ≤ 0.8");
pub(crate) const ENVELOPES: Work =
    Work { name: "IMAP: ENVELOPE of 1:*, one message", aim: "≤ 0.005", is_per_message: true };
pub(crate) const FETCH_BODIES: Work = work("IMAP: 50 bodies", "–");
pub(crate) const SEARCH: Work = work("IMAP: SEARCH TEXT", "≤ 1.0 → ≤ 2.0");
pub(crate) const STORE: Work = work("IMAP: STORE of one flag", "≤ 0.2");
pub(crate) const APPEND: Work = work("IMAP: APPEND", "≤ 1.0");
pub(crate) const NEWEST: Work = work("JMAP: Email/query and get of 50", "≤ 1.0 → ≤ 1.3");
pub(crate) const SCREEN: Work = work("JMAP: first screen in one request", "–");
pub(crate) const FLAG: Work = work("JMAP: Email/set of one flag", "≤ 0.3 → ≤ 0.4");
pub(crate) const CHANGES: Work = work("JMAP: Email/changes of one", "–");
pub(crate) const COUNTS: Work = work("JMAP: counts of a mailbox", "≤ 0.2");
pub(crate) const QUERY_TEXT: Work = work("JMAP: Email/query by text", "–");

/// What came of a work at somebody's door.
pub(crate) struct Done {
    /// What was done.
    pub(crate) work: Work,
    /// Who did it.
    pub(crate) who: String,
    /// Messages in the mailbox.
    pub(crate) messages: u64,
    /// How long each took, in order of length.
    times: Vec<Duration>,
    /// CPU time of the server for all of them.
    cpu: Duration,
}

impl Done {
    /// How long it took at most for so many of a hundred, in ms.
    pub(crate) fn percentile(&self, of_hundred: usize) -> f64 {
        let last = self.times.len() - 1;
        self.times[(self.times.len() * of_hundred / 100).min(last)].as_secs_f64() * 1_000.0
    }

    /// CPU-ms of the server for one.
    pub(crate) fn cpu_millis(&self) -> f64 {
        let each = if self.work.is_per_message { self.messages } else { 1 };
        self.cpu.as_secs_f64() * 1_000.0 / (self.times.len() as u64 * each) as f64
    }
}

/// A mailbox that is worked on.
pub(crate) struct Desk<'a> {
    /// Whose.
    pub(crate) server: &'a Server,
    /// Its account.
    pub(crate) account: Account,
    /// How many messages were put in.
    pub(crate) messages: u64,
    /// For how long each work is done.
    pub(crate) lasts: Duration,
    /// What the names of the works hold that are wanted; all of them, if it is `None`.
    pub(crate) only: Option<&'a str>,
}

impl Desk<'_> {
    /// Everything, in order: what changes the mailbox comes last.
    pub(crate) async fn all(&self) -> Vec<Done> {
        let mut done = Vec::new();
        done.extend(self.imap_reads().await);
        done.extend(self.imap_writes().await);
        if let Some(origin) = &self.server.jmap {
            let jmap = Jmap::sign_in(origin, &self.account).await;
            done.extend(self.jmap_reads(&jmap).await);
            done.extend(self.jmap_writes(&jmap).await);
        }
        done.into_iter().flatten().collect()
    }

    /// Does something again and again for as long as asked, twice at least, after once that is not counted.
    async fn timed(&self, work: Work, mut act: impl AsyncFnMut(u64)) -> Option<Done> {
        if self.only.is_some_and(|only| !work.name.contains(only)) {
            return None;
        }
        act(0).await;
        let (before, began) = (self.server.cpu(), Instant::now());
        let mut times = Vec::new();
        while began.elapsed() < self.lasts || times.len() < 2 {
            let at = Instant::now();
            act(times.len() as u64 + 1).await;
            times.push(at.elapsed());
        }
        let cpu = self.server.cpu().saturating_sub(before);
        times.sort_unstable();
        Some(Done { work, who: self.server.name.clone(), messages: self.messages, times, cpu })
    }

    async fn imap_reads(&self) -> Vec<Option<Done>> {
        let login = self.timed(LOGIN, async |_| {
            let mut imap = self.server.imap(&self.account).await;
            self.newest(&mut imap).await;
            imap.run("LOGOUT").await;
        });
        let login = login.await;
        let mut imap = self.server.imap(&self.account).await;
        let select = self.timed(SELECT, async |_| self.newest(&mut imap).await).await;
        imap.run("SELECT INBOX").await;
        let envelopes = self.timed(ENVELOPES, async |_| {
            let heard = imap.run("FETCH 1:* (ENVELOPE)").await;
            assert!(heard.responses >= self.messages, "{} envelopes", heard.responses);
        });
        let envelopes = envelopes.await;
        let bodies = self.timed(FETCH_BODIES, async |turn| {
            let first = 1 + scattered(turn, self.messages.saturating_sub(BODIES).max(1));
            let last = first + BODIES.min(self.messages) - 1;
            let heard = imap.run(&format!("FETCH {first}:{last} (UID BODY.PEEK[])")).await;
            assert!(heard.octets > 1_000 * (last + 1 - first), "{} octets", heard.octets);
        });
        let bodies = bodies.await;
        let search = self.timed(SEARCH, async |turn| {
            let word = corpus::rare_word(turn);
            let heard = imap.run(&format!("SEARCH TEXT {word}")).await;
            let found = heard.told.split_whitespace().skip(2).count() as u64;
            assert!(found >= self.messages / 1_000, "{word}: {}", heard.told);
        });
        vec![login, select, envelopes, bodies, search.await]
    }

    async fn newest(&self, imap: &mut Imap) {
        let heard = imap.run("SELECT INBOX").await;
        let exists: u64 =
            heard.told.split_whitespace().nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
        assert!(exists >= self.messages, "{}", heard.told);
        let first = exists.saturating_sub(49).max(1);
        let heard = imap.run(&format!("FETCH {first}:{exists} {LIST_ITEMS}")).await;
        assert!(heard.responses >= exists + 1 - first, "{} messages", heard.responses);
    }

    async fn imap_writes(&self) -> Vec<Option<Done>> {
        let mut imap = self.server.imap(&self.account).await;
        imap.run("SELECT INBOX").await;
        let store = self.timed(STORE, async |turn| {
            let number = 1 + scattered(turn / 2, self.messages);
            let sign = if turn % 2 == 0 { '+' } else { '-' };
            imap.run(&format!("STORE {number} {sign}FLAGS (\\Flagged)")).await;
        });
        let store = store.await;
        let append = self.timed(APPEND, async |turn| {
            let message = corpus::message(1_000_000 + turn, &self.account.address);
            imap.run(&format!("APPEND INBOX () {{{}+}}\r\n{message}", message.len())).await;
        });
        vec![store, append.await]
    }

    async fn jmap_reads(&self, jmap: &Jmap) -> Vec<Option<Done>> {
        let newest = self.timed(NEWEST, async |_| jmap.newest().await).await;
        let screen = self.timed(SCREEN, async |_| jmap.first_screen().await).await;
        let counts = self.timed(COUNTS, async |_| {
            let counts = jmap.counts().await;
            assert!(counts["totalEmails"].as_u64() >= Some(self.messages), "{counts}");
        });
        let mut done = vec![newest, screen, counts.await];
        if jmap.search(&corpus::rare_word(0)).await.is_some() {
            let search = self.timed(QUERY_TEXT, async |turn| {
                let word = corpus::rare_word(turn);
                let found = jmap.search(&word).await;
                assert!(found >= Some(self.messages / 1_000), "{word}: {found:?}");
            });
            done.push(search.await);
        }
        done
    }

    async fn jmap_writes(&self, jmap: &Jmap) -> Vec<Option<Done>> {
        let ids = jmap.some_ids(self.messages, FLAGGED).await;
        let mut state = String::new();
        let flag = self.timed(FLAG, async |turn| {
            let id = &ids[(turn / 2) as usize % ids.len()];
            state = jmap.flag(id, turn % 2 == 0).await;
        });
        let flag = flag.await;
        let changes = self.timed(CHANGES, async |_| assert_eq!(jmap.changes(&state).await, 1));
        vec![flag, changes.await]
    }
}

/// Numbers below `end` that jump about, the same in every run.
fn scattered(turn: u64, end: u64) -> u64 {
    turn.wrapping_mul(7_919) % end
}
