//! A WebSocket that speaks JMAP (RFC 8887): messages in, answers and news out, each within bounds.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::{Extension, extract::ws::rejection::WebSocketUpgradeRejection};
use directory::Said;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jmap::Caller;
use jmap::websocket::{Heard, SUBPROTOCOL, Socket};
use store::AccountWatch;
use tokio::time::{Instant, timeout};

use super::{Doors, SignedIn};
use crate::http::{Peer, problem};
use crate::listen::Entered;
use crate::still::Still;

/// How often a silent client is pinged: proxies forget idle connections after some minutes.
const PING_EVERY: Duration = Duration::from_secs(240);
/// A client that was not heard of for two pings and some is gone.
const SILENCE_MAX: Duration = Duration::from_secs(540);
/// A client that does not take an answer by then reads too slowly (its news can be asked for again).
const TAKE_MAX: Duration = Duration::from_secs(60);
/// Bytes read at once, held by every connection as long as it lives.
const READ_BUFFER: usize = 4096;
/// Bytes of answers that may wait for one slow client before its connection ends.
const WRITE_MAX: usize = 64 * 1024 * 1024;

/// Becomes a WebSocket, for somebody who signed in and comes from our own pages or from no page at all.
pub(super) async fn open(
    State(doors): State<Doors>,
    SignedIn { caller, still }: SignedIn,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Some(origin) = headers.get(header::ORIGIN)
        && !origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&doors.api.base_url))
    {
        // A browser sends what it remembers of signing in along with any page's wish (RFC 6455 §10.2).
        return problem(
            StatusCode::FORBIDDEN,
            "origin",
            "Trang khác không được mở kết nối này. / Another site's page may not open this connection.",
        );
    }
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([SUBPROTOCOL]),
        Err(error) => return problem(error.status(), "websocket", &error.body_text()),
    };
    if upgrade.selected_protocol().is_none() {
        return problem(
            StatusCode::BAD_REQUEST,
            "websocket-protocol",
            "Cần Sec-WebSocket-Protocol: jmap. / Sec-WebSocket-Protocol: jmap is needed (RFC 8887 §4.1).",
        );
    }
    let Some(place) = doors.sockets.enter(peer.ip()) else {
        return problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many",
            "Quá nhiều kết nối. / Too many connections.",
        );
    };
    let size_max = doors.api.limits.size_request_max;
    let upgrade = upgrade
        .max_message_size(size_max)
        .max_frame_size(size_max)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_MAX);
    let inside = doors.house.inside.token();
    upgrade.on_upgrade(move |stream| async move {
        let talk = Talk::new(doors, (caller, still), stream, place);
        talk.run().await;
        drop(inside);
    })
}

/// Why a conversation ends.
enum End {
    /// The client left, or cannot be reached.
    Gone,
    /// We say so, and why (RFC 6455 §7.4.1).
    Said(u16),
    /// Whoever signed in may not stay: our code for why.
    Over(&'static str),
}

/// One conversation.
struct Talk {
    doors: Doors,
    caller: Caller,
    still: Still,
    stream: WebSocket,
    socket: Socket,
    /// Only while news are wanted.
    watch: Option<AccountWatch>,
    /// Requests at work; the client waits when there are as many as it may have.
    running: FuturesUnordered<BoxFuture<'static, String>>,
    heard_at: Instant,
    _place: Entered,
}

impl Talk {
    fn new(doors: Doors, (caller, still): (Caller, Still), stream: WebSocket, place: Entered) -> Self {
        let socket = doors.api.socket(&caller);
        Self {
            doors,
            caller,
            still,
            stream,
            socket,
            watch: None,
            running: FuturesUnordered::new(),
            heard_at: Instant::now(),
            _place: place,
        }
    }

    async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        let frame = match end {
            End::Gone => None,
            End::Said(code) => Some(CloseFrame { code, reason: Default::default() }),
            End::Over(why) => Some(CloseFrame { code: close_code::POLICY, reason: why.into() }),
        };
        if let Some(frame) = frame {
            let _ = timeout(TAKE_MAX, self.stream.send(Message::Close(Some(frame)))).await;
        }
    }

    /// Does the next thing that is to be done.
    async fn step(&mut self) -> Result<(), End> {
        if self.still.is_due() {
            let house = self.doors.house.clone();
            Box::pin(self.still.ask(&house)).await.map_err(|over| End::Over(over.said().code))?;
        }
        let may_ask = self.running.len() < self.doors.api.limits.concurrent_requests_max;
        tokio::select! {
            () = self.doors.house.stop.cancelled() => Err(End::Said(close_code::AWAY)),
            Some(answer) = self.running.next(), if !self.running.is_empty() => self.say(answer).await,
            message = self.stream.recv(), if may_ask => match message {
                None => Err(End::Gone),
                Some(Ok(message)) => Box::pin(self.hear(message)).await,
                // What breaks the rules of the protocol, or is larger than any request may be, ends it.
                Some(Err(_)) => Err(End::Said(close_code::POLICY)),
            },
            () = self.still.due() => Ok(()),
            () = changed(&mut self.watch) => Box::pin(self.tell()).await,
            () = tokio::time::sleep(PING_EVERY) => self.ping().await,
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.heard_at = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            // RFC 8887 §4.3: text frames only.
            Message::Binary(_) => return Err(End::Said(close_code::UNSUPPORTED)),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        // Listening begins before the state is read, so nothing falls between.
        let watch = self.doors.house.store.watch(self.caller.account_id);
        match self.doors.api.hear(&mut self.socket, &self.caller, text.as_str()).await {
            Heard::Request(request) => {
                let (doors, caller) = (self.doors.clone(), self.caller);
                self.running.push(Box::pin(async move {
                    let now = doors.house.now();
                    doors.api.answer_socket(&caller, request, now).await
                }));
                Ok(())
            }
            Heard::News => {
                self.watch = Some(watch);
                self.tell().await
            }
            Heard::Settled => {
                self.watch = None;
                Ok(())
            }
            Heard::Wrong(error) => self.say(error).await,
        }
    }

    /// Tells the news, if there are any.
    async fn tell(&mut self) -> Result<(), End> {
        match self.doors.api.socket_news(&mut self.socket).await {
            Ok(Some(news)) => self.say(news).await,
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::warn!("a push channel ends: {error}");
                Err(End::Said(close_code::ERROR))
            }
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        match self.heard_at.elapsed() > SILENCE_MAX {
            true => Err(End::Gone),
            false => self.send(Message::Ping(axum::body::Bytes::new())).await,
        }
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(TAKE_MAX, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }
}

/// Until the account changes; for ever when nobody wants to know.
async fn changed(watch: &mut Option<AccountWatch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
