//! A way to a name of ours without DNS and without port 443: an HTTP proxy (RFC 9110 §9.3.6) on this machine that leads CONNECT to that name
//! to a door of the program, and lets nothing else pass.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a request's head.
const HEAD_MAX: u64 = 16 * 1024;
/// A head comes at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// The proxy; it ends with the story.
pub struct Tunnel {
    /// Where it listens.
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    work: tokio::task::JoinHandle<()>,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Tunnel {
    /// Leads CONNECT to port 443 of `name` to `door`.
    pub async fn start(name: &str, door: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (notes, wanted) = (asked.clone(), format!("CONNECT {name}:443 HTTP/1.1"));
        let work = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(lead(stream, wanted.clone(), door, notes.clone()));
            }
        });
        Self { port, asked, work }
    }

    /// The first lines of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("notes").clone()
    }
}

/// Whoever goes away early is no concern of ours: the story looks at what came of it.
async fn lead(
    stream: TcpStream,
    wanted: String,
    door: u16,
    notes: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    let mut head = (&mut stream).take(HEAD_MAX);
    let read = async {
        head.read_line(&mut first).await?;
        let mut line = String::new();
        while head.read_line(&mut line).await? > 2 {
            line.clear();
        }
        std::io::Result::Ok(())
    };
    tokio::time::timeout(PATIENCE, read).await??;
    let first = first.trim_end();
    notes.lock().expect("notes").push(first.to_owned());
    if first != wanted {
        let refusal = b"HTTP/1.1 502 Not here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(refusal).await;
    }
    let mut inside = TcpStream::connect(("127.0.0.1", door)).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut stream, &mut inside).await.map(drop)
}
