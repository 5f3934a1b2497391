//! Mail at the front door: connections that hand in message after message, here and at the rivals' in the same run.

use std::sync::Arc;
use std::time::Duration;

use tests::{Engine, Program};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::cost::Cost;
use crate::rivals::{Rival, stored};
use crate::{mailboxes, memory, queue};

/// What is measured of mail.
#[derive(clap::Args, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Only this part: in (beside Postfix and Dovecot), out (a full queue empties into a sink), news (from the 250 to who waits for it) or memory
    /// (of connections).
    #[arg(long, value_parser = ["in", "out", "news", "memory"])]
    part: Option<String>,
    /// Instead of all that: so many mails for a dead destination wait, and everybody else is to notice nothing.
    #[arg(long)]
    queued: Option<u64>,
    /// Mails of the queue that empties.
    #[arg(long, default_value_t = 5_000)]
    relayed: u64,
    /// Connections whose memory is measured.
    #[arg(long, default_value_t = 1_000)]
    open: usize,
    /// Messages delivered to who waits for them.
    #[arg(long, default_value_t = 100)]
    told: u64,
}

impl Wanted {
    /// What is measured when nothing else is said.
    pub(crate) fn usual() -> Self {
        Self { part: None, queued: None, relayed: 5_000, open: 1_000, told: 100 }
    }
}

/// Measures what is wanted.
pub(crate) async fn parts(
    wanted: &Wanted,
    engines: &[Engine],
    loads: &[(usize, usize, bool)],
    lasts: Duration,
) {
    if let Some(count) = wanted.queued {
        return queue::behind(engines, count, lasts).await;
    }
    let is_wanted = |part: &str| wanted.part.as_deref().is_none_or(|only| only == part);
    if is_wanted("in") {
        measure(engines, loads, lasts).await;
        println!();
    }
    if is_wanted("out") {
        queue::relay(engines, wanted.relayed).await;
        println!();
    }
    if is_wanted("news") {
        mailboxes::news(engines, wanted.told).await;
        println!();
    }
    if is_wanted("memory") {
        memory::measure(engines, wanted.open).await;
    }
}

/// Mailboxes that mail is spread over.
const MAILBOXES: usize = 20;
/// Messages of one connection. Servers ask to connect again after some (RFC 5321 §4.5.3.1 leaves the number to them).
const MESSAGES_PER_CONNECTION: u64 = 100;

/// What is handed in.
#[derive(Clone)]
pub(crate) struct Load {
    /// Where.
    pub(crate) port: u16,
    /// To whom, in turn.
    pub(crate) to: Arc<[String]>,
    /// On how many connections at once.
    pub(crate) connections: usize,
    /// Octets of a message.
    pub(crate) size: usize,
    /// Through TLS.
    pub(crate) tls: bool,
    /// For how long.
    pub(crate) lasts: Duration,
}

/// What came of a load at somebody's door.
struct Taken {
    who: String,
    /// Messages that got their 250.
    accepted: u64,
    /// Until the last of them lay in a mailbox.
    took: Duration,
    /// CPU time of everybody who worked for it.
    cpu: Duration,
    /// Octets on the disk for them.
    stored: u64,
}

impl Taken {
    fn per_second(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }

    fn cpu_millis(&self) -> f64 {
        self.cpu.as_secs_f64() * 1_000.0 / self.accepted.max(1) as f64
    }
}

/// Measures mail coming in: each load at the rivals' door first, then at ours.
async fn measure(engines: &[Engine], loads: &[(usize, usize, bool)], lasts: Duration) {
    println!(
        "| work | connections | who | per second | CPU-ms each | × rival's rate | × rival's CPU | stored per octet |"
    );
    println!("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    for (size, connections, tls) in loads.iter().copied() {
        let load = Load { port: 0, to: Arc::from([]), connections, size, tls, lasts };
        // TLS is measured against our own plain doors only: the rivals have no certificate here.
        let rival = if tls { None } else { Some(at_rivals(&load).await) };
        if let Some(rival) = &rival {
            print(&load, rival, None);
        }
        for engine in engines.iter().copied() {
            print(&load, &at_ours(engine, &load).await, rival.as_ref());
        }
    }
}

fn print(load: &Load, taken: &Taken, rival: Option<&Taken>) {
    let wire = if load.tls { ", TLS" } else { "" };
    let times = |ours: f64, theirs: f64| format!("{:.2}", ours / theirs);
    let (rate, cpu) = match rival {
        Some(rival) => {
            (times(taken.per_second(), rival.per_second()), times(rival.cpu_millis(), taken.cpu_millis()))
        }
        None => ("–".to_owned(), "–".to_owned()),
    };
    println!(
        "| SMTP in, {} KiB{wire} | {} | {} | {:.0} | {:.2} | {rate} | {cpu} | {:.2} |",
        load.size / 1024,
        load.connections,
        taken.who,
        taken.per_second(),
        taken.cpu_millis(),
        taken.stored as f64 / (taken.accepted.max(1) * load.size as u64) as f64
    );
}

async fn at_rivals(load: &Load) -> Taken {
    let rival = Rival::start();
    let to = (0..MAILBOXES).map(|n| format!("hop{n}@load.test")).collect();
    let (before, began) = (rival.cost(), Instant::now());
    let accepted = run(&Load { port: rival.port, to, ..load.clone() }).await;
    rival.drain();
    let (took, after) = (began.elapsed(), rival.cost());
    Taken {
        who: "Postfix → Dovecot".to_owned(),
        accepted,
        took,
        cpu: after.cpu.saturating_sub(before.cpu),
        stored: rival.stored(),
    }
}

async fn at_ours(engine: Engine, load: &Load) -> Taken {
    let program = Program::demo(engine).await;
    let to = addresses(&program).await;
    let empty = stored(&program.data);
    let server = engine.server_pid();
    let cost = || {
        let database = server.map_or(Duration::ZERO, |pid| Cost::of_families(&[pid]).cpu);
        Cost::of(program.pid()).cpu + database
    };
    let (before, began) = (cost(), Instant::now());
    let accepted = run(&Load { port: program.ports.smtp, to, ..load.clone() }).await;
    let (took, cpu) = (began.elapsed(), cost().saturating_sub(before));
    Taken {
        who: format!("congvan, {engine:?}"),
        accepted,
        took,
        cpu,
        stored: stored(&program.data).saturating_sub(empty),
    }
}

/// As many mailboxes as the rivals have.
pub(crate) async fn addresses(program: &Program) -> Arc<[String]> {
    let agency = &program.systems().0.agency;
    let mut all: Vec<String> = program.demo.accounts.iter().map(|account| account.address.clone()).collect();
    let domain = all.first().and_then(|address| address.split_once('@')).expect("an account").1.to_owned();
    for n in all.len()..MAILBOXES {
        let address = format!("hop{n}@{domain}");
        program.must(&["account", "add", &address, "--agency", agency, "--role", "staff"]).await;
        all.push(address);
    }
    all.into()
}

/// Hands mail in for as long as asked; answers how many got their 250.
pub(crate) async fn run(load: &Load) -> u64 {
    let until = Instant::now() + load.lasts;
    let visits: Vec<_> =
        (0..load.connections).map(|number| tokio::spawn(visit(load.clone(), number, until))).collect();
    let mut accepted = 0;
    for visit in visits {
        accepted += visit.await.expect("a visit ends");
    }
    accepted
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection.
pub(crate) struct Visit {
    stream: BufReader<Box<dyn Stream>>,
    line: String,
}

impl Visit {
    pub(crate) async fn to(load: &Load) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", load.port)).await.expect("the door is open");
        stream.set_nodelay(true).expect("a socket");
        let mut visit = Self { stream: BufReader::new(Box::new(stream)), line: String::new() };
        visit.say("", '2').await;
        visit.say("EHLO load.test\r\n", '2').await;
        if load.tls {
            visit.say("STARTTLS\r\n", '2').await;
            let plain = visit.stream.into_inner();
            let name = "load.test".try_into().expect("a name");
            let stream = TlsConnector::from(tests::any_server()).connect(name, plain).await.expect("TLS");
            visit.stream = BufReader::new(Box::new(stream));
            visit.say("EHLO load.test\r\n", '2').await;
        }
        visit
    }

    /// Says something that is not answered yet.
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("the server listens");
        self.stream.flush().await.expect("the server listens");
    }

    /// Says something and waits for the reply; stops the benchmark when it is not the one expected.
    pub(crate) async fn say(&mut self, text: &str, expected: char) {
        self.send(text).await;
        loop {
            self.line.clear();
            let count = self.stream.read_line(&mut self.line).await.expect("the server answers");
            assert!(count > 0, "the server stays");
            if self.line.as_bytes().get(3) != Some(&b'-') {
                assert!(self.line.starts_with(expected), "{}", self.line);
                return;
            }
        }
    }
}

async fn visit(load: Load, number: usize, until: Instant) -> u64 {
    let line = "Kinh gui quy co quan, van ban nay dung de do toc do.\r\n";
    let body = line.repeat(load.size.saturating_sub(200) / line.len());
    let mut visit = Visit::to(&load).await;
    let mut accepted = 0;
    while Instant::now() < until {
        if accepted % MESSAGES_PER_CONNECTION == MESSAGES_PER_CONNECTION - 1 {
            visit.say("QUIT\r\n", '2').await;
            visit = Visit::to(&load).await;
        }
        let to = &load.to[(number + accepted as usize) % load.to.len()];
        visit.say("MAIL FROM:<load@outside.test>\r\n", '2').await;
        visit.say(&format!("RCPT TO:<{to}>\r\n"), '2').await;
        visit.say("DATA\r\n", '3').await;
        let message = format!(
            "From: <load@outside.test>\r\nTo: <{to}>\r\nSubject: so {number}-{accepted}\r\n\
             Date: Sun, 22 Nov 2026 08:00:00 +0700\r\nMessage-ID: <{number}.{accepted}@load.test>\r\n\r\n{body}.\r\n"
        );
        visit.say(&message, '2').await;
        accepted += 1;
    }
    visit.say("QUIT\r\n", '2').await;
    accepted
}
