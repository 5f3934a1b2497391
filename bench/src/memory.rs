//! What a connection at the mail door costs in memory: one that is idle, and one in the middle of a message.

use std::time::Duration;

use tests::{Engine, Program};

use crate::cost::Cost;
use crate::mail::{Load, Visit, addresses};

/// Octets of a message that a busy connection has sent, without its end.
const SENT_BYTES: usize = 64 << 10;

/// Prints it for so many connections.
pub(crate) async fn measure(engines: &[Engine], connections: usize) {
    println!(
        "| who | connections | idle, KiB each | amid a message of {} KiB, KiB each |",
        SENT_BYTES / 1024
    );
    println!("| --- | ---: | ---: | ---: |");
    for engine in engines.iter().copied() {
        let changes = [("connections_per_address_max = 200", "connections_per_address_max = 20000")];
        let program = Program::demo_of(engine, "H99", &changes).await;
        let to = addresses(&program).await;
        let lasts = Duration::ZERO;
        let load = Load { port: program.ports.smtp, to, connections, size: 0, tls: false, lasts };
        // What the first connections make once, no others make again.
        drop(visits(&load, 10).await);
        let before = Cost::proportional_kib(&[program.pid()]);
        let mut open = visits(&load, connections).await;
        let idle = Cost::proportional_kib(&[program.pid()]);
        let line = "Kinh gui quy co quan, van ban nay dung de do toc do.\r\n";
        let text = line.repeat(SENT_BYTES / line.len());
        for visit in &mut open {
            visit.say("MAIL FROM:<load@outside.test>\r\n", '2').await;
            visit.say(&format!("RCPT TO:<{}>\r\n", load.to[0]), '2').await;
            visit.say("DATA\r\n", '3').await;
            visit.send(&text).await;
        }
        let busy = settled(program.pid()).await;
        let each = |after: u64| after.saturating_sub(before) as f64 / connections as f64;
        println!("| congvan, {engine:?} | {connections} | {:.1} | {:.1} |", each(idle), each(busy));
    }
}

/// The program's memory once it has read what was sent: when it grows no more.
async fn settled(pid: u32) -> u64 {
    let mut last = 0;
    loop {
        let now = Cost::proportional_kib(&[pid]);
        if now <= last {
            return now;
        }
        last = now;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn visits(load: &Load, count: usize) -> Vec<Visit> {
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        open.push(Visit::to(load).await);
    }
    open
}
