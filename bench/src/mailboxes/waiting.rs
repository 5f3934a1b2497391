//! Who waits for news: how soon it comes, and what the waiting costs.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::corpus;
use super::jmap::Jmap;
use super::lmtp::Lmtp;
use super::server::{Account, Server};

/// Nobody's news takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whoever has said nothing for so long has said all.
const SILENCE: Duration = Duration::from_millis(30);

/// How long after its promise a delivered message is seen by who idles (RFC 2177): one duration for each, in order of length.
pub(crate) async fn idle_news(server: &Server, account: &Account, deliveries: u64) -> Vec<Duration> {
    let mut imap = server.imap(account).await;
    imap.run("SELECT INBOX").await;
    imap.idle().await;
    let mut lmtp = Lmtp::connect(server.lmtp).await;
    let mut waits = Vec::new();
    for number in 0..deliveries {
        let message = corpus::message(2_000_000 + number, &account.address);
        let (promised, seen) = tokio::join!(
            async {
                lmtp.deliver(&account.address, &message).await;
                Instant::now()
            },
            async {
                tokio::time::timeout(PATIENCE, imap.wait_for_exists()).await.expect("news comes");
                Instant::now()
            }
        );
        waits.push(seen.saturating_duration_since(promised));
    }
    imap.done().await;
    waits.sort_unstable();
    waits
}

/// The same for who listens to JMAP's channel of events (RFC 8620 §7.3).
pub(crate) async fn event_source_news(
    server: &Server,
    account: &Account,
    deliveries: u64,
) -> Option<Vec<Duration>> {
    let jmap = Jmap::sign_in(server.jmap.as_deref()?, account).await;
    let mut events = jmap.event_source().await?;
    let mut lmtp = Lmtp::connect(server.lmtp).await;
    let mut waits = Vec::new();
    for number in 0..deliveries {
        let message = corpus::message(3_000_000 + number, &account.address);
        let (promised, seen) = tokio::join!(
            async {
                lmtp.deliver(&account.address, &message).await;
                Instant::now()
            },
            async {
                let mut told = Vec::new();
                while !told.ends_with(b"\n\n") {
                    let chunk = tokio::time::timeout(PATIENCE, events.chunk()).await.expect("news comes");
                    told.extend_from_slice(&chunk.expect("readable events").expect("the channel stays"));
                }
                Instant::now()
            }
        );
        waits.push(seen.saturating_duration_since(promised));
        // What is still said about this one is not news of the next.
        while tokio::time::timeout(SILENCE, events.chunk()).await.is_ok() {}
    }
    waits.sort_unstable();
    Some(waits)
}

/// The same for who is pushed to over a WebSocket (RFC 8887 §4.3.5).
pub(crate) async fn web_socket_news(
    server: &Server,
    account: &Account,
    deliveries: u64,
) -> Option<Vec<Duration>> {
    let jmap = Jmap::sign_in(server.jmap.as_deref()?, account).await;
    let mut socket = jmap.web_socket().await?;
    let mut lmtp = Lmtp::connect(server.lmtp).await;
    let mut waits = Vec::new();
    for number in 0..deliveries {
        let message = corpus::message(4_000_000 + number, &account.address);
        let (promised, seen) = tokio::join!(
            async {
                lmtp.deliver(&account.address, &message).await;
                Instant::now()
            },
            async {
                let told = tokio::time::timeout(PATIENCE, socket.next()).await.expect("news comes");
                assert!(told.expect("the socket stays").expect("a frame").is_text());
                Instant::now()
            }
        );
        waits.push(seen.saturating_duration_since(promised));
        while tokio::time::timeout(SILENCE, socket.next()).await.is_ok() {}
    }
    waits.sort_unstable();
    Some(waits)
}

/// KiB that each of so many open WebSockets that are pushed to costs the server.
pub(crate) async fn web_socket_memory(server: &Server, account: &Account, connections: u64) -> Option<f64> {
    let jmap = Jmap::sign_in(server.jmap.as_deref()?, account).await;
    let before = server.memory_kib();
    let mut all = Vec::new();
    for _ in 0..connections {
        all.push(jmap.web_socket().await?);
    }
    Some(each(before, server.memory_kib(), connections))
}

/// KiB that each of so many idling IMAP connections costs the server.
pub(crate) async fn idle_memory(server: &Server, account: &Account, connections: u64) -> f64 {
    let before = server.memory_kib();
    let mut all = Vec::new();
    for _ in 0..connections {
        let mut imap = server.imap(account).await;
        imap.run("SELECT INBOX").await;
        imap.idle().await;
        all.push(imap);
    }
    each(before, server.memory_kib(), connections)
}

/// KiB that each of so many open channels of events costs the server.
pub(crate) async fn event_source_memory(server: &Server, account: &Account, connections: u64) -> Option<f64> {
    let jmap = Jmap::sign_in(server.jmap.as_deref()?, account).await;
    let before = server.memory_kib();
    let mut all = Vec::new();
    for _ in 0..connections {
        all.push(jmap.event_source().await?);
    }
    Some(each(before, server.memory_kib(), connections))
}

fn each(before: u64, after: u64, connections: u64) -> f64 {
    after.saturating_sub(before) as f64 / connections.max(1) as f64
}
