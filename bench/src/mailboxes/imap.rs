//! As much of an IMAP client as a load needs (RFC 9051), over TLS.

use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::Account;

/// A conversation with a server.
pub(crate) struct Imap {
    stream: BufReader<TlsStream<TcpStream>>,
    tag: u32,
    /// The line that was read last, up to its literal if it has one.
    line: Vec<u8>,
}

/// What an answer was made of.
#[derive(Default)]
pub(crate) struct Heard {
    /// Untagged responses.
    pub(crate) responses: u64,
    /// The last untagged `SEARCH`, `ESEARCH` or `EXISTS`.
    pub(crate) told: String,
    /// Octets of all.
    pub(crate) octets: u64,
}

impl Imap {
    /// Connects and hears the greeting.
    pub(crate) async fn connect(port: u16) -> Self {
        // One for all: who comes back resumes its TLS session, as clients do.
        static TLS: OnceLock<TlsConnector> = OnceLock::new();
        let tls = TLS.get_or_init(|| TlsConnector::from(Arc::clone(&tests::any_server())));
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the door is open");
        stream.set_nodelay(true).expect("a socket");
        let name = "localhost".try_into().expect("a name");
        let stream = tls.connect(name, stream).await.expect("TLS");
        let mut imap = Self { stream: BufReader::new(stream), tag: 0, line: Vec::new() };
        imap.read_line(&mut Heard::default()).await;
        assert!(imap.line.starts_with(b"* OK"), "{}", imap.shown());
        imap
    }

    /// Connects and signs in.
    pub(crate) async fn login(port: u16, account: &Account) -> Self {
        let mut imap = Self::connect(port).await;
        imap.run(&format!("LOGIN \"{}\" \"{}\"", account.user, account.password)).await;
        imap
    }

    /// Gives a command and hears the answer to its end, which has to be OK.
    pub(crate) async fn run(&mut self, command: &str) -> Heard {
        self.say(command.as_bytes()).await;
        self.hear().await
    }

    /// Gives a command; nothing is heard yet.
    pub(crate) async fn say(&mut self, command: &[u8]) {
        self.tag += 1;
        let line = [format!("t{} ", self.tag).as_bytes(), command, b"\r\n"].concat();
        self.stream.write_all(&line).await.expect("the server listens");
        self.stream.flush().await.expect("the server listens");
    }

    /// Hears the answer to the command that was given.
    pub(crate) async fn hear(&mut self) -> Heard {
        let tag = format!("t{} ", self.tag);
        let mut heard = Heard::default();
        loop {
            self.read_response(&mut heard).await;
            if let Some(rest) = self.line.strip_prefix(tag.as_bytes()) {
                assert!(rest.starts_with(b"OK"), "{}", self.shown());
                return heard;
            }
        }
    }

    /// Begins to wait for news (RFC 2177): hears the continuation.
    pub(crate) async fn idle(&mut self) {
        self.say(b"IDLE").await;
        while !self.line.starts_with(b"+") {
            self.read_line(&mut Heard::default()).await;
        }
    }

    /// Waits for the next `EXISTS` while idling.
    pub(crate) async fn wait_for_exists(&mut self) {
        loop {
            self.read_line(&mut Heard::default()).await;
            if self.line.ends_with(b" EXISTS\r\n") {
                return;
            }
        }
    }

    /// Ends the waiting.
    pub(crate) async fn done(&mut self) {
        self.stream.write_all(b"DONE\r\n").await.expect("the server listens");
        self.stream.flush().await.expect("the server listens");
        self.hear().await;
    }

    /// One response with all its literals; `line` ends up as its first line.
    async fn read_response(&mut self, heard: &mut Heard) {
        self.read_line(heard).await;
        if self.line.starts_with(b"* ") {
            heard.responses += 1;
            let is_told = [&b"* SEARCH"[..], b"* ESEARCH"].iter().any(|word| self.line.starts_with(word));
            if is_told || self.line.ends_with(b" EXISTS\r\n") {
                heard.told = self.shown();
            }
        }
        let first = (literal(&self.line).is_some()).then(|| self.line.clone());
        while let Some(octets) = literal(&self.line) {
            let mut literal = (&mut self.stream).take(octets);
            let copied = tokio::io::copy(&mut literal, &mut tokio::io::sink()).await;
            assert_eq!(copied.expect("the server answers"), octets, "the server stays");
            heard.octets += octets;
            self.read_line(heard).await;
        }
        if let Some(first) = first {
            self.line = first;
        }
    }

    async fn read_line(&mut self, heard: &mut Heard) {
        self.line.clear();
        let count = self.stream.read_until(b'\n', &mut self.line).await.expect("the server answers");
        assert!(count > 0, "the server stays");
        heard.octets += count as u64;
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
