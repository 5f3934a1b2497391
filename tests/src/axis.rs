//! Another axis that nobody of ours has written: a server of the exchange protocol, as small as it can be, which breaks in every way
//! that one may.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use ring::digest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// As it should be.
    Well,
    /// The work is done, and the connection ends without a word.
    Never,
    /// The work is done, and half of the answer comes.
    Half,
    /// An error page of a proxy.
    Html,
    /// The work is done, and the answer comes twice.
    Twice,
    /// The work is done, and the answer comes too late.
    Late,
    /// A refusal with this code.
    Refuse(&'static str),
    /// A package that is not what its digest says.
    Damaged,
}

#[derive(Default)]
struct State {
    /// For each call the turns that are still to come; then it goes well.
    turns: Vec<(&'static str, VecDeque<Turn>)>,
    /// Packages that were handed in, in order, each once.
    taken: Vec<Vec<u8>>,
    /// How often any was.
    calls: Vec<String>,
    /// What is to be fetched: id, kind, bytes.
    waiting: Vec<(String, &'static str, Vec<u8>)>,
    /// Acknowledgements: id and word.
    acknowledged: Vec<(String, String)>,
}

/// The axis, listening on this machine.
#[derive(Clone)]
pub struct Axis {
    /// Where.
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Axis {
    /// Starts one; it ends with the test's runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let axis = Self { port, state: Arc::default() };
        let serving = axis.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().visit(stream));
            }
        });
        axis
    }

    /// How the next calls of a name are answered.
    pub fn plan(&self, call: &'static str, turns: &[Turn]) {
        self.state.lock().expect("a state").turns.push((call, turns.iter().copied().collect()));
    }

    /// Offers a package.
    pub fn offer(&self, id: &str, kind: &'static str, package: &[u8]) {
        self.state.lock().expect("a state").waiting.push((id.to_owned(), kind, package.to_vec()));
    }

    /// The packages that were handed in, each once.
    pub fn taken(&self) -> Vec<Vec<u8>> {
        self.state.lock().expect("a state").taken.clone()
    }

    /// How often a call was made.
    pub fn calls(&self, name: &str) -> usize {
        self.state.lock().expect("a state").calls.iter().filter(|call| *call == name).count()
    }

    /// The acknowledgements, in order.
    pub fn acknowledged(&self) -> Vec<(String, String)> {
        self.state.lock().expect("a state").acknowledged.clone()
    }

    async fn visit(self, mut stream: TcpStream) {
        while let Some((path, headers, body)) = request(&mut stream).await {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            let (turn, answer) = self.answer(&name, &headers, body);
            let page = "<html><body>502 Bad Gateway</body></html>";
            let (status, text) = match turn {
                Turn::Html => ("502 Bad Gateway", page.to_owned()),
                _ => ("200 OK", answer.to_string()),
            };
            let whole = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            match turn {
                Turn::Never => return,
                Turn::Half => {
                    let _ = stream.write_all(&whole.as_bytes()[..whole.len() - text.len() / 2]).await;
                    return;
                }
                Turn::Twice => {
                    let _ = stream.write_all(format!("{whole}{whole}").as_bytes()).await;
                    return;
                }
                Turn::Late => {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    let _ = stream.write_all(whole.as_bytes()).await;
                    return;
                }
                _ => {
                    if stream.write_all(whole.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn answer(&self, name: &str, headers: &str, body: Vec<u8>) -> (Turn, Value) {
        let mut state = self.state.lock().expect("a state");
        state.calls.push(name.to_owned());
        let planned = state.turns.iter_mut().filter(|(call, _)| *call == name);
        let turn = planned.filter_map(|(_, turns)| turns.pop_front()).next().unwrap_or(Turn::Well);
        let ok = |more: Value| {
            let mut answer = json!({ "status": "OK", "ErrorCode": "0", "ErrorDesc": "Thanh cong" });
            let object = answer.as_object_mut().expect("an object");
            object.extend(more.as_object().expect("an object").clone());
            answer
        };
        if let Turn::Refuse(code) = turn {
            return (
                turn,
                json!({ "status": "FAIL", "ErrorCode": code, "ErrorDesc": "Khong nhan", "DocId": "" }),
            );
        }
        if turn == Turn::Html {
            return (turn, Value::Null);
        }
        let id = header(headers, "docid").unwrap_or_default();
        let answer = match name {
            "sendEdoc" => {
                let file = body.strip_suffix(b"\r\n").expect("a file and two bytes (VXP 0.3)").to_vec();
                let at = state.taken.iter().position(|taken| *taken == file);
                let at = at.unwrap_or_else(|| {
                    state.taken.push(file);
                    state.taken.len() - 1
                });
                ok(json!({ "DocId": format!("truc-{at}") }))
            }
            "getReceivedEdocList" => {
                let kind = header(headers, "messagetype").unwrap_or_default();
                let rows = state.waiting.iter().filter(|(_, of, _)| *of == kind);
                let rows: Vec<Value> =
                    rows.map(|(id, _, _)| json!({ "docId": id, "from": null, "to": "" })).collect();
                ok(json!({ "data": rows }))
            }
            "getEdoc" => {
                let package =
                    state.waiting.iter().find(|(known, _, _)| *known == id).map(|(_, _, package)| package);
                let package = package.cloned().unwrap_or_default();
                let sha256 = digest::digest(&digest::SHA256, &package);
                let sha256: String = sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                let sent = if turn == Turn::Damaged { &package[1..] } else { &package[..] };
                let data = base64::engine::general_purpose::STANDARD.encode(sent);
                ok(json!({ "data": data, "contentSha256": sha256 }))
            }
            "updateStatus" => {
                let word = header(headers, "status").unwrap_or_default();
                state.waiting.retain(|(known, _, _)| *known != id || word != "done");
                state.acknowledged.push((id, word));
                ok(json!({}))
            }
            _ => ok(json!({ "data": [] })),
        };
        (turn, answer)
    }
}

/// A header of the protocol.
fn header(headers: &str, name: &str) -> Option<String> {
    headers.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(&format!("XroadVnpt-{name}")).then(|| value.trim().to_owned())
    })
}

/// One request: path, header lines, body.
async fn request(stream: &mut TcpStream) -> Option<(String, String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    let mut body = bytes.split_off(end);
    let missing = length.unwrap_or(0).saturating_sub(body.len());
    let mut rest = vec![0; missing];
    stream.read_exact(&mut rest).await.ok()?;
    body.extend_from_slice(&rest);
    let path = head.split(' ').nth(1)?.to_owned();
    Some((path, head, body))
}
