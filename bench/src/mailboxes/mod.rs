//! Mailboxes of different sizes, read and changed over IMAP and JMAP: here, at Dovecot's and at Cyrus', in the same run, by the same drivers.

mod corpus;
mod fill;
mod jmap;
mod lmtp;
mod server;
mod waiting;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use tests::Engine;
use tokio::time::Instant;

use server::Server;
use work::{Desk, Done};

/// Idle connections a rival is given at most: each is a process there, of megabytes.
const RIVALS_IDLE_MAX: u64 = 500;

/// How much is measured.
#[derive(clap::Args, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Messages of each mailbox, at most four of them.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000])]
    messages: Vec<u64>,
    /// Idle connections whose memory is measured.
    #[arg(long, default_value_t = 1_000)]
    idle: u64,
    /// Messages that are delivered to who waits for them.
    #[arg(long, default_value_t = 100)]
    deliveries: u64,
    /// Cyrus as `scripts/bench-tools` unpacks it; without it Cyrus is left out.
    #[arg(long, env = "CONGVAN_CYRUS")]
    cyrus: Option<PathBuf>,
    /// Without rivals: for who looks for where our own time goes.
    #[arg(long)]
    alone: bool,
    /// Only works whose names hold this; waiting is left out then.
    #[arg(long)]
    only: Option<String>,
}

/// Prints how long after its 250 a message is seen by who waits for it, over IMAP and over JMAP.
pub(crate) async fn news(engines: &[Engine], deliveries: u64) {
    println!("| 250 → seen | who | p50, ms | p99, ms |");
    println!("| --- | --- | ---: | ---: |");
    for engine in engines.iter().copied() {
        let server = Server::ours(engine).await;
        let account = server.account(0);
        let idle = waiting::idle_news(&server, &account, deliveries).await;
        let events = waiting::event_source_news(&server, &account, deliveries).await;
        for (how, waits) in [("IMAP IDLE", Some(idle)), ("JMAP EventSource", events)] {
            let Some(waits) = waits else { continue };
            let at = |share: usize| {
                let wait = waits.get((waits.len() * share / 100).min(waits.len().saturating_sub(1)));
                wait.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1_000.0)
            };
            println!("| {how} | {} | {:.1} | {:.1} |", server.name, at(50), at(99));
        }
    }
}

/// Measures everything, and prints it with the ratios that DESIGN.md asks for.
pub(crate) async fn measure(engines: &[Engine], wanted: &Wanted, lasts: Duration) {
    let mut servers = if wanted.alone { Vec::new() } else { rivals(wanted) };
    for engine in engines.iter().copied() {
        servers.push(Server::ours(engine).await);
    }
    fill(&servers, wanted).await;
    servers.iter().for_each(Server::keep_promises);
    let done = works(&servers, wanted, lasts).await;
    println!();
    ratios(&servers, &done);
    println!();
    if wanted.only.is_none() {
        waits(&servers, wanted).await;
    }
}

fn rivals(wanted: &Wanted) -> Vec<Server> {
    let mut servers = vec![Server::dovecot()];
    match &wanted.cyrus {
        Some(programs) => servers.push(Server::cyrus(programs)),
        None => println!("Cyrus is left out: CONGVAN_CYRUS does not say where it is.\n"),
    }
    servers
}

/// Fills the mailboxes, one for each size.
async fn fill(servers: &[Server], wanted: &Wanted) {
    println!(
        "| messages | who | octets of a message | filled per second (rivals unsynced) | CPU-ms each | stored per octet |"
    );
    println!("| ---: | --- | ---: | ---: | ---: | ---: |");
    for (number, messages) in wanted.messages.iter().copied().enumerate() {
        for server in servers {
            let (empty, before, began) = (server.stored(), server.cpu(), Instant::now());
            let octets = fill::fill(server, &server.account(number), messages).await;
            let (took, cpu) = (began.elapsed().as_secs_f64(), server.cpu().saturating_sub(before));
            let stored = empty.zip(server.stored());
            let stored = stored.map(|(empty, full)| full.saturating_sub(empty) as f64 / octets as f64);
            println!(
                "| {messages} | {} | {} | {:.0} | {:.2} | {} |",
                server.name,
                octets / messages,
                messages as f64 / took,
                cpu.as_secs_f64() * 1_000.0 / messages as f64,
                shown(stored, 2)
            );
        }
    }
    println!();
}

/// Does all works at all mailboxes.
async fn works(servers: &[Server], wanted: &Wanted, lasts: Duration) -> Vec<Done> {
    println!("| messages | work | who | p50 ms | p99 ms | CPU-ms each | per CPU-second |");
    println!("| ---: | --- | --- | ---: | ---: | ---: | ---: |");
    let mut all = Vec::new();
    for (number, messages) in wanted.messages.iter().copied().enumerate() {
        for server in servers {
            server.rest().await;
            let only = wanted.only.as_deref();
            let desk = Desk { server, account: server.account(number), messages, lasts, only };
            for done in desk.all().await {
                let cpu = done.cpu_millis();
                println!(
                    "| {messages} | {} | {} | {:.2} | {:.2} | {cpu:.4} | {:.0} |",
                    done.work.name,
                    done.who,
                    done.percentile(50),
                    done.percentile(99),
                    1_000.0 / cpu
                );
                all.push(done);
            }
        }
    }
    all
}

/// What each work costs from the smallest mailbox to the largest, and how many times the others' work we do for the same CPU time.
fn ratios(servers: &[Server], done: &[Done]) {
    let names = servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(" | ");
    println!("| CPU-ms each | aim | {names} | × the best rival, smallest | largest |");
    println!("| --- | --- |{} ---: | ---: |", " ---: |".repeat(servers.len()));
    let mut works = Vec::new();
    for one in done {
        if !works.contains(&one.work) {
            works.push(one.work);
        }
    }
    for work in works {
        let of = |server: &Server| -> Vec<f64> {
            let theirs = done.iter().filter(|one| one.work == work && one.who == server.name);
            theirs.map(Done::cpu_millis).collect()
        };
        let cells = servers.iter().map(|server| {
            let costs = of(server).iter().map(|cost| format!("{cost:.3}")).collect::<Vec<_>>();
            if costs.is_empty() { "–".to_owned() } else { costs.join(" → ") }
        });
        let best = |ours: bool, at: fn(&[f64]) -> Option<&f64>| {
            let those = servers.iter().filter(|server| server.is_ours() == ours);
            those.filter_map(|server| at(&of(server)).copied()).reduce(f64::min)
        };
        let times = |at: fn(&[f64]) -> Option<&f64>| best(false, at).zip(best(true, at)).map(|(b, a)| b / a);
        println!(
            "| {} | {} | {} | {} | {} |",
            work.name,
            work.aim,
            cells.collect::<Vec<_>>().join(" | "),
            shown(times(<[f64]>::first), 1),
            shown(times(<[f64]>::last), 1)
        );
    }
}

/// How soon news comes, and what those who wait for it cost.
async fn waits(servers: &[Server], wanted: &Wanted) {
    println!(
        "| who | IDLE p50 / p99 ms | EventSource | WebSocket | idle connections | KiB an IMAP | KiB an EventSource | KiB a WebSocket |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for server in servers {
        let account = server.account(0);
        server.rest().await;
        let idle = waiting::idle_news(server, &account, wanted.deliveries).await;
        let events = waiting::event_source_news(server, &account, wanted.deliveries).await;
        let socket = waiting::web_socket_news(server, &account, wanted.deliveries).await;
        let connections = if server.is_ours() { wanted.idle } else { wanted.idle.min(RIVALS_IDLE_MAX) };
        let idle_kib = waiting::idle_memory(server, &account, connections).await;
        let events_kib = waiting::event_source_memory(server, &account, connections).await;
        let socket_kib = waiting::web_socket_memory(server, &account, connections).await;
        println!(
            "| {} | {} | {} | {} | {connections} | {} | {} | {} |",
            server.name,
            both(Some(&idle)),
            both(events.as_ref()),
            both(socket.as_ref()),
            shown(Some(idle_kib), 1),
            shown(events_kib, 1),
            shown(socket_kib, 1)
        );
    }
}

/// What half and what all but one of a hundred stay below, in ms.
fn both(waits: Option<&Vec<Duration>>) -> String {
    let at = |of_hundred: usize| {
        let found = waits.and_then(|w| w.get((w.len() * of_hundred / 100).min(w.len() - 1)));
        shown(found.map(|wait| wait.as_secs_f64() * 1_000.0), 2)
    };
    format!("{} / {}", at(50), at(99))
}

fn shown(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
}
