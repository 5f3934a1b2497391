//! Mail on the way out: how quickly a full queue empties into a sink, and what a queue of any length costs everybody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{AccountId, Chance, EmailAddress, Timestamp};
use store::{Lane, MasterKey, NewOutbox, OutboxKind, Place, Store};
use tests::{Engine, Program};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cost::Cost;
use crate::mail::{Load, Visit, addresses, run};

/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(600);
/// Rows written in one transaction.
const AT_ONCE: u64 = 1_000;
/// Octets of a message in the queue.
const MESSAGE_BYTES: usize = 4 << 10;

/// A server that takes everything at once, and counts.
struct Sink {
    port: u16,
    taken: watch::Receiver<u64>,
    connections: Arc<AtomicU64>,
}

impl Sink {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (tell, taken) = watch::channel(0);
        let (tell, connections) = (Arc::new(tell), Arc::new(AtomicU64::new(0)));
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(take(stream, tell.clone()));
            }
        });
        Self { port, taken, connections }
    }

    async fn until(&mut self, count: u64) {
        let there = tokio::time::timeout(PATIENCE, self.taken.wait_for(|taken| *taken >= count)).await;
        there.expect("mail leaves").expect("the sink works");
    }
}

async fn take(stream: TcpStream, tell: Arc<watch::Sender<u64>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 sink.test\r\n").await.ok()?;
    loop {
        let line = lines.next_line().await.ok()??;
        let answer = match line.get(..4).unwrap_or_default() {
            "EHLO" => "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 26214400\r\n",
            "DATA" => {
                write.write_all(b"354 Go on\r\n").await.ok()?;
                while lines.next_line().await.ok()?? != "." {}
                tell.send_modify(|taken| *taken += 1);
                "250 2.0.0 OK\r\n"
            }
            "QUIT" => return write.write_all(b"221 2.0.0 Bye\r\n").await.ok(),
            _ => "250 2.0.0 OK\r\n",
        };
        write.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// Numbers that never come twice: in one run, nothing more is asked of them.
struct Counted(AtomicU64);

impl Chance for Counted {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(count.to_be_bytes().get(..chunk.len()).unwrap_or_default());
        }
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a moment of today"))
}

/// Puts so many mails into the queue of a stopped program, as its doors would have. Each has bytes of its own, or all share those of one.
async fn fill(program: &Program, destination: &str, count: u64, is_shared: bool) {
    let config = std::fs::read_to_string(program.config()).expect("a configuration");
    let database = config.lines().find_map(|line| line.strip_prefix("database = ")).expect("a database");
    let place = match database.trim_matches('"') {
        "sqlite" => Place::Sqlite(program.data.join("congvan.db")),
        url => Place::Postgres(mail::Secret::from(url)),
    };
    let key = std::fs::read(program.data.join("keys/master.key")).expect("a key");
    let config = store::Config {
        place,
        blobs: program.data.join("blobs"),
        master_key: MasterKey::from_bytes(key.try_into().expect("32 bytes")),
        limits: store::Limits::default(),
    };
    let seed = now().millis().unsigned_abs() << 20;
    let (store, worker) =
        Store::open(config, Arc::new(Counted(AtomicU64::new(seed))), now()).await.expect("a store");
    let worker = tokio::spawn(worker.run());
    let from: EmailAddress = program.demo.accounts[0].address.parse().expect("an address");
    let input = from.clone();
    let owner: Result<AccountId, store::Error> = store
        .read(input, |tx, from| {
            Box::pin(async move { Ok(tx.address(from).await?.expect("an account").account_id) })
        })
        .await;
    let owner = owner.expect("the sender is there");
    let mut written = 0;
    while written < count {
        let some = (count - written).min(AT_ONCE);
        let blobs = if is_shared { 1 } else { some };
        let mut batches = Vec::new();
        for n in 0..blobs {
            let number = if is_shared { 0 } else { written + n };
            let blob = store.seal(owner, message(&from, number).as_bytes(), now()).await.expect("a blob");
            let row = row(owner, &from, destination, blob.blob_id());
            let rows = vec![row; usize::try_from(some / blobs).expect("a batch")];
            batches.push((blob, rows));
        }
        let done: Result<(), store::Error> = store
            .write("fill the queue", batches, |tx, batches| {
                Box::pin(async move {
                    for (blob, rows) in batches {
                        tx.enqueue_with(blob, rows, now()).await?;
                    }
                    Ok(())
                })
            })
            .await;
        done.expect("rows are written");
        written += some;
    }
    drop(store);
    worker.await.expect("the writer ends");
}

fn message(from: &EmailAddress, number: u64) -> String {
    let line = "Kinh gui quy co quan, van ban nay dung de do toc do.\r\n";
    format!(
        "From: <{from}>\r\nTo: <an@sink.test>\r\nSubject: so {number}\r\nMessage-ID: <{number}@load.test>\r\n\
         Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n\r\n{}",
        line.repeat(MESSAGE_BYTES / line.len())
    )
}

fn row(owner: AccountId, from: &EmailAddress, destination: &str, blob_id: mail::BlobId) -> NewOutbox {
    let to = format!("an@{destination}").parse().expect("an address");
    let mail = OutboundMail {
        reverse_path: Some(from.clone()),
        ..OutboundMail::from_the_house(OutboundRecipient::plain(to), now())
    };
    NewOutbox {
        kind: OutboxKind::Mail,
        owner: owner.into(),
        lane: Lane::Normal,
        destination: destination.to_owned(),
        payload: serde_json::to_string(&mail).expect("JSON"),
        blob_id: Some(blob_id),
        due_at: now(),
    }
}

/// CPU time of the program, and of the database server if there is one.
fn cpu(program: &Program, engine: Engine) -> Duration {
    let database = engine.server_pid().map_or(Duration::ZERO, |pid| Cost::of_families(&[pid]).cpu);
    Cost::of(program.pid()).cpu + database
}

/// Prints how quickly a queue of `count` mails empties into a sink on this machine.
pub(crate) async fn relay(engines: &[Engine], count: u64) {
    println!("| work | who | per second | CPU-ms each | connections |");
    println!("| --- | --- | ---: | ---: | ---: |");
    for engine in engines.iter().copied() {
        let mut program = Program::demo(engine).await;
        let mut sink = Sink::start().await;
        program.must(&["route", "add", "sink.test", &format!("127.0.0.1:{}", sink.port)]).await;
        program.stop().await;
        fill(&program, "sink.test", count, false).await;
        program.start().await;
        let (before, began) = (cpu(&program, engine), Instant::now());
        let already = *sink.taken.borrow();
        sink.until(count).await;
        let (took, used) = (began.elapsed(), cpu(&program, engine).saturating_sub(before));
        let left = (count - already).max(1) as f64;
        println!(
            "| SMTP out, {} KiB | congvan, {engine:?} | {:.0} | {:.2} | {} |",
            MESSAGE_BYTES / 1024,
            left / took.as_secs_f64(),
            used.as_secs_f64() * 1_000.0 / left,
            sink.connections.load(Ordering::Relaxed)
        );
    }
}

/// Prints what a program does that has `count` mails for a dead destination in its queue, beside one that has none.
pub(crate) async fn behind(engines: &[Engine], count: u64, lasts: Duration) {
    println!(
        "| who | queued | filled in, s | start to ready, ms | memory ready, MiB | memory after, MiB | urgent 250 → sent, ms | \
         other 250 → sent, ms | SMTP in, per second | CPU-ms each |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for engine in engines.iter().copied() {
        for queued in [0, count] {
            behind_one(engine, queued, lasts).await;
        }
    }
}

async fn behind_one(engine: Engine, queued: u64, lasts: Duration) {
    let mut program = Program::demo(engine).await;
    let mut sink = Sink::start().await;
    let dead = format!("127.0.0.1:{}", tests::free_port());
    program.must(&["route", "add", "chet.test", &dead]).await;
    program.must(&["route", "add", "sink.test", &format!("127.0.0.1:{}", sink.port)]).await;
    let to = addresses(&program).await;
    program.stop().await;
    let began = Instant::now();
    fill(&program, "chet.test", queued, true).await;
    let filled = began.elapsed();
    let began = Instant::now();
    program.start().await;
    let (started, ready) = (began.elapsed(), Cost::of(program.pid()).memory_mib);
    let urgent = sent_after(&program, &mut sink, " MT-PRIORITY=6").await;
    let other = sent_after(&program, &mut sink, "").await;
    let load = Load { port: program.ports.smtp, to, connections: 10, size: 4 << 10, tls: false, lasts };
    let before = cpu(&program, engine);
    let accepted = run(&load).await;
    let used = cpu(&program, engine).saturating_sub(before);
    println!(
        "| congvan, {engine:?} | {queued} | {:.0} | {:.0} | {ready:.0} | {:.0} | {urgent:.0} | {other:.0} | {:.0} | {:.2} |",
        filled.as_secs_f64(),
        started.as_secs_f64() * 1_000.0,
        Cost::of(program.pid()).memory_mib,
        accepted as f64 / lasts.as_secs_f64(),
        used.as_secs_f64() * 1_000.0 / accepted.max(1) as f64
    );
}

/// Milliseconds from the `250` of a submission to the sink's own.
async fn sent_after(program: &Program, sink: &mut Sink, parameters: &str) -> f64 {
    use base64::Engine as _;
    let account = &program.demo.accounts[0];
    let word = format!("\0{}\0{}", account.address, account.password);
    let word = base64::engine::general_purpose::STANDARD.encode(word);
    let port = program.ports.submission;
    let load = Load { port, to: Arc::from([]), connections: 1, size: 0, tls: true, lasts: Duration::ZERO };
    let mut visit = Visit::to(&load).await;
    visit.say(&format!("AUTH PLAIN {word}\r\n"), '2').await;
    visit.say(&format!("MAIL FROM:<{}>{parameters}\r\n", account.address), '2').await;
    visit.say("RCPT TO:<an@sink.test>\r\n", '2').await;
    visit.say("DATA\r\n", '3').await;
    let before = *sink.taken.borrow();
    let from = &account.address;
    visit.say(&format!("From: <{from}>\r\nTo: <an@sink.test>\r\nSubject: khan\r\n\r\nx\r\n.\r\n"), '2').await;
    let promised = Instant::now();
    sink.until(before + 1).await;
    let took = promised.elapsed().as_secs_f64() * 1_000.0;
    visit.say("QUIT\r\n", '2').await;
    took
}
