//! Load on the program's own doors, and what it costs: messages and packages accepted durably per second, CPU time and
//! memory. `make bench` runs everything on both engines and prints a table for `docs/PERFORMANCE.md`.
#![allow(clippy::print_stdout)] // a benchmark prints its table

mod cost;
mod documents;
mod judging;
mod ledger;
mod mail;
mod mailboxes;
mod memory;
mod packages;
mod queue;
mod rivals;

use std::time::Duration;

use clap::{Parser, Subcommand};
use tests::{Engine, Program};

use cost::Cost;

/// How much is measured.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8, global = true)]
    seconds: u64,
    /// Only this engine: sqlite or postgres.
    #[arg(long, global = true)]
    engine: Option<String>,
    /// Only with so many connections.
    #[arg(long, global = true)]
    connections: Option<usize>,
    /// Only messages of so many octets.
    #[arg(long, global = true)]
    size: Option<usize>,
    /// Leaves of the tree in which proofs are measured.
    #[arg(long, default_value_t = 1_000_000, global = true)]
    leaves: u64,
    #[command(subcommand)]
    what: What,
}

impl Arguments {
    fn engines(&self) -> Vec<Engine> {
        let named = |engine: &Engine| format!("{engine:?}").to_lowercase();
        let wanted = |engine: &Engine| self.engine.as_ref().is_none_or(|wanted| *wanted == named(engine));
        [Engine::Sqlite, Engine::Postgres].into_iter().filter(wanted).collect()
    }

    fn connections(&self, usual: &[usize]) -> Vec<usize> {
        self.connections.map_or_else(|| usual.to_vec(), |only| vec![only])
    }
}

impl Arguments {
    /// Octets of a message, connections, through TLS or not.
    fn mail_loads(&self) -> Vec<(usize, usize, bool)> {
        let sizes = self.size.map_or_else(|| vec![4 << 10, 64 << 10, 1 << 20], |only| vec![only]);
        let mut loads = Vec::new();
        for size in sizes {
            loads.extend(self.connections(&[1, 10, 50, 200]).into_iter().map(|n| (size, n, false)));
            loads.extend(self.connections(&[50]).into_iter().map(|n| (size, n, true)));
        }
        loads
    }
}

#[derive(Subcommand, PartialEq, Eq)]
enum What {
    /// Mail and packages on both engines.
    All,
    /// Mail only: in (beside Postfix and Dovecot from Debian), out, news of it, memory of connections; or with a long queue.
    Mail(mail::Wanted),
    /// Mailboxes over IMAP and JMAP, beside Dovecot and Cyrus from Debian.
    Mailboxes(mailboxes::Wanted),
    /// Packages only.
    Packages,
    /// Lists and searches of documents, a register of all agencies, an urgent document behind many others.
    Documents(documents::Wanted),
    /// Judging signatures, beside pyHanko and the raw arithmetic.
    Judging,
    /// Leaves of the ledger made durable, placed and signed; proofs, and how long they take to exist.
    Ledger,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let lasts = Duration::from_secs(arguments.seconds);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        if let What::Mailboxes(wanted) = &arguments.what {
            mailboxes::measure(&arguments.engines(), wanted, lasts).await;
            return;
        }
        if let What::Documents(wanted) = &arguments.what {
            documents::measure(&arguments.engines(), wanted, lasts).await;
            return;
        }
        if matches!(arguments.what, What::Judging | What::All) {
            judging::measure(lasts).await;
            println!();
        }
        if arguments.what == What::Judging {
            return;
        }
        if matches!(arguments.what, What::Ledger | What::All) {
            for engine in [Engine::Sqlite, Engine::Postgres] {
                ledger::measure(engine, lasts, arguments.leaves).await;
                println!();
            }
        }
        if arguments.what == What::Ledger {
            return;
        }
        let mail = match &arguments.what {
            What::Mail(wanted) => Some(wanted.clone()),
            What::All => Some(mail::Wanted::usual()),
            _ => None,
        };
        if let Some(wanted) = mail {
            mail::parts(&wanted, &arguments.engines(), &arguments.mail_loads(), lasts).await;
            println!();
        }
        if matches!(arguments.what, What::Mail(_)) {
            return;
        }
        println!("| engine | work | connections | per second | CPU-ms each | idle MiB | loaded MiB |");
        println!("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
        for engine in arguments.engines() {
            measure_packages(engine, &arguments.connections(&[1, 4, 16]), lasts).await;
        }
    });
    Ok(())
}

async fn measure_packages(engine: Engine, connections: &[usize], lasts: Duration) {
    let sizes =
        [(200_000, "package, 200 KB, two signatures"), (1024 * 1024, "package, 1 MiB, two signatures")];
    let all = sizes.into_iter().flat_map(|size| connections.iter().map(move |n| (size, *n)));
    for ((size, work), connections) in all {
        let program = Program::demo(engine).await;
        let before = Cost::of(program.pid());
        let accepted = packages::load(&program, connections, size, lasts).await;
        row(engine, work, connections, accepted, lasts, before, Cost::of(program.pid()));
    }
}

fn row(
    engine: Engine,
    work: &str,
    connections: usize,
    count: u64,
    lasts: Duration,
    before: Cost,
    after: Cost,
) {
    let per_second = count as f64 / lasts.as_secs_f64();
    let cpu = (after.cpu - before.cpu).as_secs_f64() * 1000.0 / count.max(1) as f64;
    println!(
        "| {engine:?} | {work} | {connections} | {per_second:.0} | {cpu:.2} | {:.0} | {:.0} |",
        before.memory_mib, after.memory_mib
    );
}
