//! A client of the REST API, as a document system would write one.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::{Program, System};

/// Everything a document system does.
pub const ALL_SCOPES: &str = "documents:read,documents:send,statuses:send,agencies:read,events:read,numbers:write,registers:read,statistics:read";

/// A system with a key.
#[derive(Clone)]
pub struct ApiClient {
    client: reqwest::Client,
    base: String,
    /// The key, as it was shown.
    pub key: String,
    /// The key's id.
    pub key_id: String,
}

impl ApiClient {
    /// Makes a key for a system and a client that uses it.
    pub async fn new(program: &Program, system: &System, scopes: &str) -> Self {
        Self::with(program, system, scopes, &[]).await
    }

    /// The same with further options of `congvan key add`.
    pub async fn with(program: &Program, system: &System, scopes: &str, options: &[&str]) -> Self {
        let mut arguments = vec!["key", "add", "--system", &system.system_id, "--scope", scopes, "--json"];
        arguments.extend(options);
        let made = program.must(&arguments).await;
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        Self { client: program.web_client(), base: program.https(""), key: text("key"), key_id: text("id") }
    }

    /// The same client with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The same client after the program was started again, on other ports.
    pub fn again(&self, program: &Program) -> Self {
        Self { base: program.https(""), client: program.web_client(), ..self.clone() }
    }

    /// A request to a path below `/api/v1`.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.key)
    }

    /// What is at a path, as JSON.
    pub async fn get(&self, path: &str) -> Value {
        said(self.ask(Method::GET, path).send().await.expect("an answer"), 200).await
    }

    /// The bytes at a path.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let response = self.ask(Method::GET, path).send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
        response.bytes().await.expect("a body").to_vec()
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.ask(Method::POST, path).json(body).send().await.expect("an answer")
    }

    /// Sends a package as it is; answers its id.
    pub async fn send(&self, package: &[u8]) -> String {
        let request = self.ask(Method::POST, "/documents").header("content-type", "application/xml");
        let answer = said(request.body(package.to_vec()).send().await.expect("an answer"), 201).await;
        answer["id"].as_str().expect("an id").to_owned()
    }

    /// Uploads a file in one part; answers its id.
    pub async fn upload(&self, file: &[u8]) -> String {
        let id = self.begin_upload(file.len()).await;
        let response = self.append(&id, 0, file).await;
        assert_eq!(response.status(), 204);
        id
    }

    /// Begins an upload.
    pub async fn begin_upload(&self, length: usize) -> String {
        let request = self.ask(Method::POST, "/uploads").header("tus-resumable", "1.0.0");
        let request = request.header("upload-length", length);
        let begun = said(request.send().await.expect("an answer"), 201).await;
        begun["id"].as_str().expect("an id").to_owned()
    }

    /// Brings a part of an upload.
    pub async fn append(&self, id: &str, offset: usize, part: &[u8]) -> Response {
        self.ask(Method::PATCH, &format!("/uploads/{id}"))
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(part.to_vec())
            .send()
            .await
            .expect("an answer")
    }

    /// Waits until the ledger holds all that a document shows of it.
    pub async fn settled_in_the_ledger(&self, id: &str) {
        for _ in 0..600 {
            let document = self.get(&format!("/documents/{id}")).await;
            let places = document["ledger"].as_array().expect("places");
            if places.iter().all(|leaf| leaf["index"].is_u64()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the ledger took nothing in");
    }

    /// The next place after what can be read at once.
    pub async fn events_now(&self, after: Option<&str>) -> String {
        let after = after.map(|after| format!("?after={after}")).unwrap_or_default();
        let page = self.get(&format!("/events{after}")).await;
        page["next"].as_str().expect("a place").to_owned()
    }

    /// Events after a place, waiting for them; answers them and the next place.
    pub async fn events(&self, after: Option<&str>) -> (Vec<Value>, String) {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let page = self.get(&format!("/events?wait=20{after}")).await;
        let events = page["events"].as_array().expect("events").clone();
        (events, page["next"].as_str().expect("a place").to_owned())
    }

    /// Follows the feed from a place until an event of a kind comes; answers it and the next place.
    pub async fn wait_for(&self, kind: &str, after: Option<&str>) -> (Value, String) {
        let mut place = after.map(str::to_owned);
        for _ in 0..10 {
            let (events, next) = self.events(place.as_deref()).await;
            if let Some(event) = events.iter().find(|event| event["kind"] == kind) {
                return (event.clone(), event["cursor"].as_str().expect("a place").to_owned());
            }
            place = Some(next);
        }
        panic!("no {kind} came");
    }
}

/// The JSON of an answer that has to have a status.
pub async fn said(response: Response, status: u16) -> Value {
    let got = response.status();
    let body = response.text().await.expect("a body");
    assert_eq!(got, status, "{body}");
    serde_json::from_str(&body).expect("JSON")
}
