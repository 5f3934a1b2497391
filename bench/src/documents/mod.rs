//! Documents in numbers: lists and searches among a thousand and a million, a register of 111,000 agencies, and an urgent document behind ten
//! thousand others on a line. What is measured goes through the program's doors; what is there before goes in through the store's verbs.

mod fill;
mod line;
mod register;

use std::time::Duration;

use clap::Args;
use reqwest::Method;
use tests::{ALL_SCOPES, ApiClient, Engine, Program};
use tokio::time::Instant;

use crate::cost::Cost;

/// How much there is.
#[derive(Args, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Documents in the large house; the small one has a thousand.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// Agencies in the register.
    #[arg(long, default_value_t = 111_000)]
    agencies: u64,
    /// Packages that wait on the line before the urgent one.
    #[arg(long, default_value_t = 10_000)]
    queued: u64,
    /// Only this: lists, register or line.
    #[arg(long)]
    part: Option<String>,
}

impl Wanted {
    fn has(&self, part: &str) -> bool {
        self.part.as_deref().is_none_or(|only| only == part)
    }
}

/// One client asks more often than any of them may.
pub(crate) const UNHURRIED: (&str, &str) = ("requests_per_minute = 1200", "requests_per_minute = 100000000");

/// Documents of the house that the large one is held against.
const SMALL: u64 = 1_000;

/// Prints everything for the engines.
pub(crate) async fn measure(engines: &[Engine], wanted: &Wanted, lasts: Duration) {
    for engine in engines {
        if wanted.has("lists") {
            lists(*engine, wanted.documents, lasts).await;
        }
        if wanted.has("register") {
            register::measure(*engine, wanted.agencies, lasts).await;
        }
        if wanted.has("line") {
            line::measure(*engine, wanted.queued).await;
        }
    }
}

/// What is asked: its name, and the path. `{middle}` is a place in the middle of the list.
const ASKED: [(&str, &str); 7] = [
    ("sent, newest 50", "/documents?box=sent&limit=50"),
    ("received, newest 50", "/documents?box=received&limit=50"),
    ("sent, from the middle", "/documents?box=sent&limit=50&after={middle}"),
    ("a rare word", "/documents?box=sent&limit=50&q=hiếm"),
    ("a word of each", "/documents?box=sent&limit=50&q=phoi+hop"),
    ("three words", "/documents?box=received&limit=50&q=phối+hợp+kiểm"),
    ("statistics of a year", "/statistics?period={year}"),
];

/// Milliseconds: half are as quick, 99 of 100 are, and CPU of the program for each.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    p50: f64,
    p99: f64,
    cpu: f64,
}

async fn lists(engine: Engine, documents: u64, lasts: Duration) {
    let mut program = Program::demo_of(engine, "H99", &[UNHURRIED]).await;
    let mut columns: Vec<Vec<Times>> = Vec::new();
    let mut have = 0;
    for many in [SMALL.min(documents), documents] {
        program.stop().await;
        let began = Instant::now();
        let middle = fill::documents(&program, engine, have, many, documents).await;
        let filled = began.elapsed();
        have = many;
        program.start().await;
        println!("{engine:?}: {many} documents, filled in {:.1} s", filled.as_secs_f64());
        let sender = ApiClient::new(&program, program.systems().0, ALL_SCOPES).await;
        let receiver = ApiClient::new(&program, program.systems().1, ALL_SCOPES).await;
        let mut column = Vec::new();
        for (_, path) in ASKED {
            let path = path.replace("{middle}", &middle).replace("{year}", &fill::year());
            let client = if path.contains("box=received") { &receiver } else { &sender };
            column.push(ask(&program, client, &path, lasts / ASKED.len() as u32).await);
        }
        columns.push(column);
    }
    println!(
        "\n| {engine:?}, {documents} documents | p50 ms | p99 ms | CPU-ms | of {SMALL}: CPU-ms | ratio |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let (small, large) = (&columns[0], &columns[1]);
    for (((name, _), small), large) in ASKED.iter().zip(small).zip(large) {
        let ratio = large.cpu / small.cpu.max(0.001);
        println!(
            "| {name} | {:.1} | {:.1} | {:.2} | {:.2} | {ratio:.2} |",
            large.p50, large.p99, large.cpu, small.cpu
        );
    }
    println!();
}

/// Asks for one path again and again.
pub(crate) async fn ask(program: &Program, client: &ApiClient, path: &str, lasts: Duration) -> Times {
    let (mut times, until) = (Vec::new(), Instant::now() + lasts);
    let before = Cost::of(program.pid());
    while times.is_empty() || Instant::now() < until {
        let began = Instant::now();
        let answer = client.ask(Method::GET, path).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await.expect("a body");
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let cpu = (Cost::of(program.pid()).cpu - before.cpu).as_secs_f64() * 1000.0 / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Times { p50: at(0.5), p99: at(0.99), cpu }
}
