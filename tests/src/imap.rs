//! A small IMAP client over TLS (RFC 9051): it says commands and hears answers, and trusts any certificate.

use std::sync::OnceLock;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::any_server;

/// A conversation with a server. What is not OK ends the story.
pub struct Imap {
    stream: BufReader<TlsStream<TcpStream>>,
    tag: u32,
    /// The response that was read last: its first line, or all of it.
    line: Vec<u8>,
    keeps_literals: bool,
}

/// What an answer was made of.
#[derive(Default)]
pub struct Heard {
    /// Untagged responses.
    pub responses: u64,
    /// The last untagged `SEARCH`, `ESEARCH` or `EXISTS`.
    pub told: String,
    /// Octets of all.
    pub octets: u64,
}

impl Imap {
    /// Connects and hears the greeting.
    pub async fn connect(port: u16) -> Self {
        // One for all: who comes back resumes its TLS session, as clients do.
        static TLS: OnceLock<TlsConnector> = OnceLock::new();
        let tls = TLS.get_or_init(|| TlsConnector::from(any_server()));
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the door is open");
        stream.set_nodelay(true).expect("a socket");
        let name = "localhost".try_into().expect("a name");
        let stream = tls.connect(name, stream).await.expect("TLS");
        let mut imap =
            Self { stream: BufReader::new(stream), tag: 0, line: Vec::new(), keeps_literals: false };
        imap.read_line().await;
        assert!(imap.line.starts_with(b"* OK"), "{}", imap.shown());
        imap
    }

    /// Connects and signs in.
    pub async fn login(port: u16, user: &str, password: &str) -> Self {
        let mut imap = Self::connect(port).await;
        imap.run(&format!("LOGIN \"{user}\" \"{password}\"")).await;
        imap
    }

    /// Gives a command and hears the answer to its end, which has to be OK.
    pub async fn run(&mut self, command: &str) -> Heard {
        self.say(command.as_bytes()).await;
        self.hear().await
    }

    /// Gives a command; nothing is heard yet.
    pub async fn say(&mut self, command: &[u8]) {
        self.tag += 1;
        let line = [format!("t{} ", self.tag).as_bytes(), command, b"\r\n"].concat();
        self.stream.write_all(&line).await.expect("the server listens");
        self.stream.flush().await.expect("the server listens");
    }

    /// Hears the answer to the command that was given.
    pub async fn hear(&mut self) -> Heard {
        let mut heard = Heard::default();
        self.hear_each(|response, octets| {
            heard.octets += octets;
            if response.starts_with(b"* ") {
                heard.responses += 1;
                let is_told = [&b"* SEARCH"[..], b"* ESEARCH"].iter().any(|word| response.starts_with(word));
                if is_told || response.ends_with(b" EXISTS\r\n") {
                    heard.told = String::from_utf8_lossy(response).trim_end().to_owned();
                }
            }
        })
        .await;
        heard
    }

    /// Gives a command; answers all untagged responses, literals and all.
    pub async fn ask(&mut self, command: &str) -> Vec<String> {
        self.keeps_literals = true;
        self.say(command.as_bytes()).await;
        let mut responses = Vec::new();
        self.hear_each(|response, _| responses.push(String::from_utf8_lossy(response).trim_end().to_owned()))
            .await;
        self.keeps_literals = false;
        responses.retain(|response| response.starts_with("* "));
        responses
    }

    /// Hears responses up to the tagged one, each with its octets.
    async fn hear_each(&mut self, mut each: impl FnMut(&[u8], u64)) {
        let tag = format!("t{} ", self.tag);
        loop {
            let octets = self.read_response().await;
            each(&self.line, octets);
            if let Some(rest) = self.line.strip_prefix(tag.as_bytes()) {
                assert!(rest.starts_with(b"OK"), "{}", self.shown());
                return;
            }
        }
    }

    /// Begins to wait for news (RFC 2177): hears the continuation.
    pub async fn idle(&mut self) {
        self.say(b"IDLE").await;
        while !self.line.starts_with(b"+") {
            self.read_line().await;
        }
    }

    /// Waits for the next `EXISTS` while idling.
    pub async fn wait_for_exists(&mut self) {
        loop {
            self.read_line().await;
            if self.line.ends_with(b" EXISTS\r\n") {
                return;
            }
        }
    }

    /// Ends the waiting.
    pub async fn done(&mut self) {
        self.stream.write_all(b"DONE\r\n").await.expect("the server listens");
        self.stream.flush().await.expect("the server listens");
        self.hear().await;
    }

    /// One response with all its literals; `line` ends up as its first line, or as all of it. Answers its octets.
    async fn read_response(&mut self) -> u64 {
        let mut octets = self.read_line().await;
        let mut whole = std::mem::take(&mut self.line);
        let mut last = literal(&whole);
        while let Some(length) = last {
            octets += length;
            let mut literal_octets = (&mut self.stream).take(length);
            if self.keeps_literals {
                let read = literal_octets.read_to_end(&mut whole).await.expect("the server answers");
                assert_eq!(read as u64, length, "the server stays");
            } else {
                let copied = tokio::io::copy(&mut literal_octets, &mut tokio::io::sink()).await;
                assert_eq!(copied.expect("the server answers"), length, "the server stays");
            }
            octets += self.read_line().await;
            last = literal(&self.line);
            if self.keeps_literals {
                whole.extend_from_slice(&self.line);
            }
        }
        self.line = whole;
        octets
    }

    async fn read_line(&mut self) -> u64 {
        self.line.clear();
        let count = self.stream.read_until(b'\n', &mut self.line).await.expect("the server answers");
        assert!(count > 0, "the server stays");
        count as u64
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.line).trim_end().to_owned()
    }
}

/// How long the literal is that a line ends with.
fn literal(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"}\r\n")?;
    let begins = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(line.get(begins + 1..)?).ok()?.parse().ok()
}
