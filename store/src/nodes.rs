//! News between the nodes on one PostgreSQL: what one commits, the others hear of.
//!
//! NOTIFY is sent after the commit, by a connection of its own, everything that has gathered at a time: inside a transaction it would make the
//! commits of all nodes wait for one another. Nothing depends on it: whoever waits for news also looks from time to time, and looks at
//! everything after a connection was lost.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions, Executor};
use tokio::sync::mpsc;

use crate::{Shared, Signal};

/// The channel, for all nodes of an installation: a database is an installation.
const CHANNEL: &str = "congvan";
/// Bytes of one notification; PostgreSQL takes fewer than 8,000.
const PAYLOAD_BYTES_MAX: usize = 7_500;
/// Pieces of news that may gather; with more, the others are told to look at everything.
const WAITING_MAX: usize = 4_096;
/// Before another try to reach the database.
const RETRY: Duration = Duration::from_secs(1);
/// "Look at everything".
const EVERYTHING: &str = "*";

/// What waits to be told to the other nodes.
#[derive(Debug, Default)]
struct Waiting {
    signals: HashSet<Signal>,
    too_many: bool,
}

impl Waiting {
    fn add(&mut self, signals: impl IntoIterator<Item = Signal>) {
        self.signals.extend(signals);
        if self.signals.len() > WAITING_MAX {
            *self = Self { signals: HashSet::new(), too_many: true };
        }
    }

    /// The news in words, in as many notifications as it takes.
    fn payloads(&self, node: &str) -> Vec<String> {
        let mut words: Vec<String> = self.signals.iter().filter_map(word).collect();
        words.extend(self.too_many.then(|| EVERYTHING.to_owned()));
        let mut payloads: Vec<String> = Vec::new();
        for word in words {
            match payloads.last_mut().filter(|last| last.len() + 1 + word.len() <= PAYLOAD_BYTES_MAX) {
                Some(last) => {
                    last.push(' ');
                    last.push_str(&word);
                }
                None => payloads.push(format!("{node} {word}")),
            }
        }
        payloads
    }
}

/// `None` for what is no other node's business: each push is queued once, by the node that wrote the change.
fn word(signal: &Signal) -> Option<String> {
    Some(match signal {
        Signal::Account(id) => format!("a{id}"),
        Signal::Agency(id) => format!("g{id}"),
        Signal::Outbox => "o".to_owned(),
        Signal::Ledger => "l".to_owned(),
        Signal::Smime => "s".to_owned(),
        Signal::Push(_) => return None,
    })
}

/// A word that a newer program has said means nothing to this one.
fn signal(word: &str) -> Option<Signal> {
    match word {
        "o" => Some(Signal::Outbox),
        "l" => Some(Signal::Ledger),
        "s" => Some(Signal::Smime),
        _ => match word.split_at_checked(1)? {
            ("a", id) => id.parse().ok().map(Signal::Account),
            ("g", id) => id.parse().ok().map(Signal::Agency),
            _ => None,
        },
    }
}

/// The end into which a store says its news.
#[derive(Debug)]
pub(crate) struct Wire {
    waiting: Arc<Mutex<Waiting>>,
    /// One place: a wake that waits stands for all of them.
    wake: mpsc::Sender<()>,
}

impl Wire {
    /// A wire, and what [`Courier::new`] needs of it.
    pub(crate) fn new() -> (Self, WireEnd) {
        let (wake, woken) = mpsc::channel(1);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        (Self { waiting: waiting.clone(), wake }, WireEnd { waiting, woken })
    }

    /// News for the other nodes, of what is committed.
    pub(crate) fn tell(&self, signals: &HashSet<Signal>) {
        if !signals.is_empty() {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.add(signals.iter().copied());
            drop(waiting);
            let _ = self.wake.try_send(());
        }
    }
}

/// The end at which they are fetched.
#[derive(Debug)]
pub(crate) struct WireEnd {
    waiting: Arc<Mutex<Waiting>>,
    woken: mpsc::Receiver<()>,
}

impl WireEnd {
    /// Fetches what waits, and leaves this in its place.
    fn leave(&self, instead: Waiting) -> Waiting {
        std::mem::replace(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner), instead)
    }
}

/// Carries news to the other nodes and theirs to this one, until the last store is gone.
pub(crate) struct Courier {
    options: PgConnectOptions,
    /// Whose news is whose.
    node: String,
    shared: Weak<Shared>,
    end: WireEnd,
}

impl Courier {
    pub(crate) fn new(options: PgConnectOptions, shared: &Arc<Shared>, end: WireEnd) -> Self {
        let mut node = [0; 8];
        shared.chance.fill(&mut node);
        let node = node.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { options, node, shared: Arc::downgrade(shared), end }
    }

    pub(crate) async fn run(self) {
        let Self { options, node, shared, end } = self;
        tokio::select! {
            () = speak(&options, &node, end) => {}
            () = listen(&options, &node, &shared) => {}
        }
    }
}

/// Tells what gathers, one statement at a time: what is written meanwhile goes with the next.
async fn speak(options: &PgConnectOptions, node: &str, mut end: WireEnd) {
    let mut conn = None;
    while end.woken.recv().await.is_some() {
        let news = end.leave(Waiting::default());
        let Err(error) = notify(options, &mut conn, &news.payloads(node)).await else { continue };
        tracing::warn!("the other nodes were not told: {error}");
        conn = None;
        // They have missed something: with the next news they are told to look at everything.
        end.leave(Waiting { signals: HashSet::new(), too_many: true });
        if end.woken.is_closed() {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn notify(
    options: &PgConnectOptions,
    conn: &mut Option<PgConnection>,
    payloads: &[String],
) -> Result<(), sqlx::Error> {
    if conn.is_none() {
        let mut new = options.connect().await?;
        // News is no promise: nobody waits for a disk because of it.
        new.execute("SET synchronous_commit = off").await?;
        *conn = Some(new);
    }
    if let Some(conn) = conn {
        for payload in payloads {
            sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&mut *conn).await?;
        }
    }
    Ok(())
}

/// Hears what the other nodes tell.
async fn listen(options: &PgConnectOptions, node: &str, shared: &Weak<Shared>) {
    loop {
        let outcome = hear(options, node, shared).await;
        if let Err(error) = outcome {
            tracing::warn!("the other nodes are not heard: {error}");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn hear(options: &PgConnectOptions, node: &str, shared: &Weak<Shared>) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let mut listener = PgListener::connect_with(&pool.connect_with(options.clone()).await?).await?;
    listener.listen(CHANNEL).await?;
    // Whatever was told before this is not heard any more.
    look_at_everything(shared);
    loop {
        match listener.try_recv().await? {
            Some(news) => take(news.payload(), node, shared),
            // It was away and is back.
            None => look_at_everything(shared),
        }
    }
}

fn take(payload: &str, node: &str, shared: &Weak<Shared>) {
    let mut words = payload.split(' ');
    let Some(shared_now) = shared.upgrade().filter(|_| words.next() != Some(node)) else { return };
    let mut signals = HashSet::new();
    for word in words {
        match word {
            EVERYTHING => look_at_everything(shared),
            word => signals.extend(signal(word)),
        }
    }
    shared_now.raise(signals);
}

/// Wakes everybody who waits for anything.
fn look_at_everything(shared: &Weak<Shared>) {
    if let Some(shared) = shared.upgrade() {
        shared.watches.wake_all();
        shared.raise([Signal::Outbox, Signal::Ledger, Signal::Smime].into());
    }
}

#[cfg(test)]
mod tests {
    use mail::{AccountId, AgencyId};

    use super::*;

    #[test]
    fn news_comes_through_in_words_and_too_much_of_it_in_one() {
        let account = |n: u32| Signal::Account(AccountId::from_bytes(u128::from(n).to_be_bytes()));
        let mut waiting = Waiting::default();
        waiting.add([
            Signal::Outbox,
            Signal::Ledger,
            Signal::Smime,
            Signal::Agency(AgencyId::from_bytes([7; 16])),
        ]);
        waiting.add((0..1_000).map(account));
        let payloads = waiting.payloads("me");
        assert!(
            payloads.len() > 1
                && payloads.iter().all(|p| p.len() <= PAYLOAD_BYTES_MAX && p.starts_with("me "))
        );
        let heard: HashSet<Signal> =
            payloads.iter().flat_map(|p| p.split(' ').skip(1)).filter_map(signal).collect();
        assert_eq!(heard, waiting.signals);
        waiting.add([Signal::Push(AccountId::from_bytes([7; 16]))]);
        assert_eq!(waiting.payloads("me").concat(), payloads.concat(), "each push is one node's");
        waiting.add((0..5_000).map(account));
        assert_eq!(waiting.payloads("me"), ["me *"]);
        assert_eq!(["", "x", "a", "a12", "é"].map(signal), [None; 5]);
    }
}
