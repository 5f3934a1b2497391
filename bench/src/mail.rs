//! Mail at the front door: connections that hand in message after message.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

/// Hands in messages of `size` bytes on `connections` connections for as long as asked; answers how many got their 250.
pub(crate) async fn load(port: u16, to: &str, connections: usize, size: usize, lasts: Duration) -> u64 {
    let until = Instant::now() + lasts;
    let visits: Vec<_> = (0..connections)
        .map(|number| tokio::spawn(visit(port, to.to_owned(), number, size, until)))
        .collect();
    let mut accepted = 0;
    for visit in visits {
        accepted += visit.await.expect("a visit ends");
    }
    accepted
}

struct Visit {
    read: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Visit {
    /// Says something and waits for the reply; stops the benchmark when it is not the one expected.
    async fn say(&mut self, text: &str, expected: char) {
        self.write.write_all(text.as_bytes()).await.expect("the server listens");
        loop {
            let line = self.read.next_line().await.expect("the server answers").expect("the server stays");
            if line.as_bytes().get(3) != Some(&b'-') {
                assert!(line.starts_with(expected), "{line}");
                return;
            }
        }
    }
}

/// Messages of one connection. Servers ask to connect again after some (RFC 5321 §4.5.3.1 leaves the number to them).
const MESSAGES_PER_CONNECTION: u64 = 100;

async fn connect(port: u16) -> Visit {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the door is open");
    stream.set_nodelay(true).expect("a socket");
    let (read, write) = stream.into_split();
    let mut visit = Visit { read: BufReader::new(read).lines(), write };
    visit.say("", '2').await;
    visit.say("EHLO load.test\r\n", '2').await;
    visit
}

async fn visit(port: u16, to: String, number: usize, size: usize, until: Instant) -> u64 {
    let line = "Kinh gui quy co quan, van ban nay dung de do toc do.\r\n";
    let body = line.repeat(size.saturating_sub(200) / line.len());
    let mut visit = connect(port).await;
    let mut accepted = 0;
    while Instant::now() < until {
        if accepted % MESSAGES_PER_CONNECTION == MESSAGES_PER_CONNECTION - 1 {
            visit.say("QUIT\r\n", '2').await;
            visit = connect(port).await;
        }
        visit.say("MAIL FROM:<load@outside.test>\r\n", '2').await;
        visit.say(&format!("RCPT TO:<{to}>\r\n"), '2').await;
        visit.say("DATA\r\n", '3').await;
        let message = format!(
            "From: <load@outside.test>\r\nTo: <{to}>\r\nSubject: so {number}-{accepted}\r\n\
             Message-ID: <{number}.{accepted}@load.test>\r\n\r\n{body}.\r\n"
        );
        visit.say(&message, '2').await;
        accepted += 1;
    }
    visit.say("QUIT\r\n", '2').await;
    accepted
}
