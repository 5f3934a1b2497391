//! JMAP over a WebSocket (RFC 8887): requests and answers as messages, and news between them.
//!
//! The program owns the connection: it hands each text message to [`Api::hear`], does what comes out (answers may overtake one
//! another, they bear the request's id), and asks [`Api::socket_news`] after every change of the account.

use mail::{AccountId, ModSeq, Timestamp};
use serde_json::{Map, Value, json};

use crate::args::state;
use crate::push::{Types, state_change};
use crate::request::{self, Request};
use crate::{Api, Caller, Error};

/// The capability (RFC 8887 §3).
pub const WEBSOCKET: &str = "urn:ietf:params:jmap:websocket";
/// The subprotocol (RFC 8887 §4.1).
pub const SUBPROTOCOL: &str = "jmap";

/// Letters of a request's id; longer ones are cut in the answer to a request that is wrong anyway.
const REQUEST_ID_MAX: usize = 255;

/// What one client is told of.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    account_id: AccountId,
    /// The types it asked for, and the state up to which it has been told; `None` before it asks.
    pushes: Option<(Types, ModSeq)>,
}

impl Socket {
    /// Whether the client wants news.
    pub fn is_pushing(&self) -> bool {
        self.pushes.is_some()
    }
}

/// What a message asks for.
#[derive(Debug)]
pub enum Heard {
    /// A request: [`Api::answer_socket`] answers it.
    Request(SocketRequest),
    /// News are to be told from now on, and at once what was missed.
    News,
    /// Nothing more to do.
    Settled,
    /// What to answer to a message that is none (RFC 8887 §4.3.3).
    Wrong(String),
}

/// A request, and the id its answer bears.
#[derive(Debug)]
pub struct SocketRequest {
    id: Option<String>,
    request: Request,
}

/// `RequestError` (RFC 8887 §4.3.3): a problem as HTTP would have it, with the request's id.
fn request_error(id: Option<&str>, error: &Error) -> String {
    let response = error.to_response();
    let mut problem: Map<String, Value> = serde_json::from_slice(&response.body).unwrap_or_default();
    problem.insert("@type".to_owned(), "RequestError".into());
    problem.insert("requestId".to_owned(), id.into());
    Value::Object(problem).to_string()
}

fn not_request(why: &str) -> Error {
    Error::NotRequest(why.to_owned())
}

impl Api {
    /// What a new connection begins as: nothing is pushed before the client asks (RFC 8887 §4.3.5.2).
    pub fn socket(&self, caller: &Caller) -> Socket {
        Socket { account_id: caller.account_id, pushes: None }
    }

    /// Reads one message.
    pub async fn hear(&self, socket: &mut Socket, caller: &Caller, text: &str) -> Heard {
        let mut message = match request::object(text.as_bytes(), &self.limits) {
            Ok(message) => message,
            Err(error) => return Heard::Wrong(request_error(None, &error)),
        };
        let id = match message.remove("id") {
            Some(Value::String(id)) => Some(mail::text::clip(&id, REQUEST_ID_MAX).to_owned()),
            _ => None,
        };
        let heard = match message.remove("@type").as_ref().and_then(Value::as_str) {
            Some("Request") => request::of_object(message, &self.limits)
                .map(|request| Heard::Request(SocketRequest { id: id.clone(), request })),
            Some("WebSocketPushEnable") => self.enable(socket, caller, &message).await,
            Some("WebSocketPushDisable") => {
                socket.pushes = None;
                Ok(Heard::Settled)
            }
            _ => Err(not_request("`@type` is not one of RFC 8887 §4.3")),
        };
        heard.unwrap_or_else(|error| Heard::Wrong(request_error(id.as_deref(), &error)))
    }

    /// `WebSocketPushEnable` (RFC 8887 §4.3.5.2): `dataTypes` null is all; `pushState` is where the client left off.
    async fn enable(
        &self,
        socket: &mut Socket,
        caller: &Caller,
        message: &Map<String, Value>,
    ) -> Result<Heard, Error> {
        let types = match message.get("dataTypes") {
            None | Some(Value::Null) => Types::all(),
            Some(Value::Array(names)) => Types::named(names.iter().take(64).filter_map(Value::as_str)),
            Some(_) => return Err(not_request("`dataTypes` is no list")),
        };
        let named = match message.get("pushState") {
            None | Some(Value::Null) => None,
            Some(Value::String(named)) => Some(named.as_str()),
            Some(_) => return Err(not_request("`pushState` is no text")),
        };
        socket.pushes = Some((types, self.told_until(caller, named).await?));
        Ok(Heard::News)
    }

    /// Answers a request: `Response` or `RequestError`, each with the request's id (RFC 8887 §4.3.2, §4.3.3).
    pub async fn answer_socket(&self, caller: &Caller, asked: SocketRequest, now: Timestamp) -> String {
        match self.answer(caller, asked.request, now).await {
            Ok(mut answer) => {
                answer["@type"] = "Response".into();
                if let Some(id) = asked.id {
                    answer["requestId"] = id.into();
                }
                answer.to_string()
            }
            Err(error) => request_error(asked.id.as_deref(), &error),
        }
    }

    /// What there is to tell a client now, as a `StateChange` with the push state it leads to (RFC 8887 §4.3.5.1); `None` when
    /// nothing it asked for changed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the memory does not answer.
    pub async fn socket_news(&self, socket: &mut Socket) -> Result<Option<String>, Error> {
        let Some((types, last)) = &mut socket.pushes else { return Ok(None) };
        let (now, changed) = self.changed_since(socket.account_id, *types, *last).await?;
        *last = now;
        if changed.is_empty() {
            return Ok(None);
        }
        let mut told = state_change(socket.account_id, &changed, now);
        told["pushState"] = state(now).into();
        Ok(Some(told.to_string()))
    }

    /// What the session says of it (RFC 8887 §3): an absolute address, `wss` where the house is reached by `https`.
    pub(crate) fn websocket_capability(&self) -> Value {
        let url = format!("{}/jmap/ws", self.base_url.replacen("http", "ws", 1));
        json!({ "url": url, "supportsPush": true })
    }
}
