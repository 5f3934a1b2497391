//! As much of a JMAP client as a load needs (RFC 8620), the same against everybody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::SinkExt as _;
use reqwest::header::HeaderValue;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::server::Account;

/// What a list of messages shows.
const LISTED: [&str; 11] = [
    "id",
    "threadId",
    "mailboxIds",
    "keywords",
    "hasAttachment",
    "from",
    "to",
    "subject",
    "receivedAt",
    "size",
    "preview",
];

/// Somebody signed in, on one connection that stays.
pub(crate) struct Jmap {
    client: Client,
    origin: String,
    authorization: String,
    session: Value,
    account_id: String,
    inbox: String,
}

impl Jmap {
    /// Fetches the session and the id of the inbox.
    pub(crate) async fn sign_in(origin: &str, account: &Account) -> Self {
        let client = client();
        let pair = STANDARD.encode(format!("{}:{}", account.user, account.password));
        let authorization = format!("Basic {pair}");
        let asked = client.get(format!("{origin}/.well-known/jmap")).header("authorization", &authorization);
        let session: Value = asked.send().await.expect("an answer").json().await.expect("a session");
        let account_id = session["primaryAccounts"]["urn:ietf:params:jmap:mail"].as_str();
        let account_id = account_id.expect("an account").to_owned();
        let mut jmap = Self {
            client,
            origin: origin.to_owned(),
            authorization,
            session,
            account_id,
            inbox: String::new(),
        };
        let mailboxes = jmap.call("Mailbox/get", json!({ "ids": null })).await;
        let list = mailboxes["list"].as_array().expect("mailboxes");
        let inbox = list.iter().find(|mailbox| mailbox["role"] == "inbox").expect("an inbox");
        jmap.inbox = inbox["id"].as_str().expect("an id").to_owned();
        jmap
    }

    /// Calls one method; answers its arguments, or an `error`'s.
    pub(crate) async fn call(&self, method: &str, mut arguments: Value) -> Value {
        arguments["accountId"] = json!(self.account_id);
        self.request(json!([[method, arguments, "0"]])).await[0][1].take()
    }

    async fn request(&self, calls: Value) -> Value {
        let using = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"];
        let url = self.url("apiUrl");
        let request = self.client.post(url).header("authorization", &self.authorization);
        let answer = request.json(&json!({ "using": using, "methodCalls": calls })).send().await;
        let answer = answer.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json::<Value>().await.expect("JSON")["methodResponses"].take()
    }

    /// One of the session's URLs, which may be relative.
    fn url(&self, name: &str) -> String {
        let url = self.session[name].as_str().expect("a URL of the session");
        if url.starts_with('/') { format!("{}{url}", self.origin) } else { url.to_owned() }
    }

    /// The newest 50 of the inbox, and what a list shows of them, in one request.
    pub(crate) async fn newest(&self) {
        let answers = self.request(json!([self.query(), self.get()])).await;
        assert!(answers[1][1]["list"].as_array().is_some_and(|list| !list.is_empty()), "{answers}");
    }

    /// The same with all mailboxes and their counts: the first screen.
    pub(crate) async fn first_screen(&self) {
        let mailboxes = json!(["Mailbox/get", { "accountId": self.account_id, "ids": null }, "m"]);
        let answers = self.request(json!([mailboxes, self.query(), self.get()])).await;
        assert!(answers[2][1]["list"].as_array().is_some_and(|list| !list.is_empty()), "{answers}");
    }

    fn query(&self) -> Value {
        json!(["Email/query", {
            "accountId": self.account_id,
            "filter": { "inMailbox": self.inbox },
            "sort": [{ "property": "receivedAt", "isAscending": false }],
            "limit": 50,
        }, "q"])
    }

    fn get(&self) -> Value {
        json!(["Email/get", {
            "accountId": self.account_id,
            "#ids": { "resultOf": "q", "name": "Email/query", "path": "/ids" },
            "properties": LISTED,
        }, "g"])
    }

    /// The counts of the inbox.
    pub(crate) async fn counts(&self) -> Value {
        let told = json!({ "ids": [self.inbox], "properties": ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"] });
        self.call("Mailbox/get", told).await["list"][0].take()
    }

    /// Ids of messages all over the inbox, at most so many.
    pub(crate) async fn some_ids(&self, total: u64, wanted: u64) -> Vec<String> {
        let mut ids = Vec::new();
        for page in 0..wanted.div_ceil(50) {
            let position = page * total.saturating_sub(50) / wanted.div_ceil(50);
            let filter = json!({ "inMailbox": self.inbox });
            let asked = json!({ "filter": filter, "position": position, "limit": 50 });
            let query = self.call("Email/query", asked).await;
            let list = query["ids"].as_array().cloned().unwrap_or_default();
            ids.extend(list.iter().filter_map(|id| id.as_str().map(str::to_owned)));
        }
        ids
    }

    /// Sets or takes away a flag; answers the state it led from.
    pub(crate) async fn flag(&self, id: &str, is_set: bool) -> String {
        let value = if is_set { json!(true) } else { Value::Null };
        let set = self.call("Email/set", json!({ "update": { id: { "keywords/$flagged": value } } })).await;
        assert!(set["updated"].get(id).is_some(), "{set}");
        set["oldState"].as_str().expect("a state").to_owned()
    }

    /// What changed since a state.
    pub(crate) async fn changes(&self, since: &str) -> usize {
        let changes = self.call("Email/changes", json!({ "sinceState": since })).await;
        changes["updated"].as_array().map_or(0, Vec::len)
    }

    /// How many messages hold a word; `None` where that is not answered.
    pub(crate) async fn search(&self, word: &str) -> Option<u64> {
        let filter = json!({ "inMailbox": self.inbox, "text": word });
        let asked = json!({ "filter": filter, "limit": 50, "calculateTotal": true });
        self.call("Email/query", asked).await["total"].as_u64()
    }

    /// Opens the channel of news (RFC 8620 §7.3); `None` where there is none.
    pub(crate) async fn event_source(&self) -> Option<Response> {
        let url = self.url("eventSourceUrl");
        let url = url.replace("{types}", "*").replace("{closeafter}", "no").replace("{ping}", "300");
        let asked = client().get(url).header("authorization", &self.authorization);
        let answer = asked.send().await.expect("an answer");
        (answer.status() == 200).then_some(answer)
    }

    /// Opens a WebSocket that is pushed every kind of change (RFC 8887 §4.3.5.2); `None` where there is none.
    pub(crate) async fn web_socket(&self) -> Option<WebSocket> {
        let url = self.session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"].as_str()?;
        let mut request = url.into_client_request().expect("a URL of the session");
        let headers = request.headers_mut();
        headers.insert("authorization", self.authorization.parse().expect("ASCII"));
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("jmap"));
        let port = request.uri().port_u16().expect("a port of its own");
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the door is open");
        stream.set_nodelay(true).expect("a socket");
        let tls = TlsConnector::from(tests::any_server());
        let stream = tls.connect("localhost".try_into().expect("a name"), stream).await.expect("TLS");
        // A buffer for each would be what is measured.
        let small = WebSocketConfig::default().read_buffer_size(4_096).write_buffer_size(0);
        let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(small)).await;
        let (mut socket, _) = opened.expect("the socket opens");
        let wish = json!({ "@type": "WebSocketPushEnable", "dataTypes": null });
        socket.send(Message::text(wish.to_string())).await.expect("a frame");
        Some(socket)
    }
}

/// A WebSocket over TLS.
pub(crate) type WebSocket = WebSocketStream<TlsStream<TcpStream>>;

/// A client with one connection, HTTP/1.1, that trusts everybody.
fn client() -> Client {
    let tls = (*tests::any_server()).clone();
    Client::builder().http1_only().tls_backend_preconfigured(tls).build().expect("a client")
}
