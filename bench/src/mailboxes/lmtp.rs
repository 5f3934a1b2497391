//! Delivery by LMTP (RFC 2033): one connection that hands in message after message.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection.
pub(crate) struct Lmtp {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Lmtp {
    /// Connects and says hello.
    pub(crate) async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the door is open");
        stream.set_nodelay(true).expect("a socket");
        let mut lmtp = Self { stream: BufReader::new(stream), line: String::new() };
        lmtp.say("", '2').await;
        lmtp.say("LHLO load.test\r\n", '2').await;
        lmtp
    }

    /// Hands a message in; returns when it was promised.
    pub(crate) async fn deliver(&mut self, to: &str, message: &str) {
        self.say("MAIL FROM:<load@outside.test>\r\n", '2').await;
        self.say(&format!("RCPT TO:<{to}>\r\n"), '2').await;
        self.say("DATA\r\n", '3').await;
        self.say(&format!("{message}\r\n.\r\n"), '2').await;
    }

    async fn say(&mut self, text: &str, expected: char) {
        self.stream.write_all(text.as_bytes()).await.expect("the server listens");
        self.stream.flush().await.expect("the server listens");
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
