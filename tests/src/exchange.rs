//! A client of the national exchange protocol, written from its description (VXP) and from nothing of ours.

use std::fmt::Write;

use base64::Engine as _;
use ring::{digest, hmac};
use serde_json::Value;

use crate::{Program, System};

/// A system's client.
pub struct Exchange {
    client: reqwest::Client,
    base: String,
    system_id: String,
    secret: String,
}

/// What a call was answered with.
#[derive(Clone, Debug)]
pub struct Answer(pub Value);

impl Answer {
    /// `OK`.
    pub fn is_ok(&self) -> bool {
        self.0["status"] == "OK" && self.0["ErrorCode"] == "0"
    }

    /// `ErrorCode`.
    pub fn code(&self) -> &str {
        self.0["ErrorCode"].as_str().unwrap_or_default()
    }

    /// `ErrorDesc`.
    pub fn description(&self) -> &str {
        self.0["ErrorDesc"].as_str().unwrap_or_default()
    }

    /// `DocId`.
    pub fn doc_id(&self) -> &str {
        self.0["DocId"].as_str().unwrap_or_default()
    }

    /// `data` as a list.
    pub fn list(&self) -> Vec<Value> {
        self.0["data"].as_array().cloned().unwrap_or_default()
    }

    /// `data` as a file.
    pub fn file(&self) -> Vec<u8> {
        let data = self.0["data"].as_str().expect("a file");
        base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
    }
}

impl Exchange {
    /// A client of the program's exchange.
    pub fn new(program: &Program, system: &System) -> Self {
        Self {
            client: program.web_client(),
            base: program.https("/vxp"),
            system_id: system.system_id.clone(),
            secret: system.secret.clone(),
        }
    }

    /// The same system with another secret.
    pub fn with_secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// Calls with parameters and no body.
    pub async fn call(&self, name: &str, parameters: &[(&str, &str)]) -> Answer {
        self.post(name, parameters, Vec::new()).await
    }

    /// `sendEdoc`: the file and two bytes CRLF (VXP 0 rule 3).
    pub async fn send(&self, from: &str, file: &[u8]) -> Answer {
        let hash = thin_hex(digest::digest(&digest::SHA256, file).as_ref());
        let mut body = file.to_vec();
        body.extend_from_slice(b"\r\n");
        let parameters =
            [("from", from), ("servicetype", "eDoc"), ("messagetype", "edoc"), ("hash-file", hash.as_str())];
        self.post("sendEdoc", &parameters, body).await
    }

    /// As [`Exchange::send`]; `None` when the other side is gone.
    pub async fn try_send(&self, from: &str, file: &[u8]) -> Option<Answer> {
        let hash = thin_hex(digest::digest(&digest::SHA256, file).as_ref());
        let parameters = [("from", from), ("messagetype", "edoc"), ("hash-file", hash.as_str())];
        let bytes = self.try_post("sendEdoc", &parameters, file.to_vec()).await?;
        serde_json::from_slice(&bytes).ok().map(Answer)
    }

    /// Waits until this system has so many of a kind, and answers them, oldest first.
    ///
    /// # Panics
    /// When they do not come within a minute.
    pub async fn wait_for(&self, message_type: &str, count: usize) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let waiting = self.received(message_type).await;
            if waiting.len() >= count {
                return waiting;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "only {waiting:?} of {count} {message_type} came"
            );
            // The protocol has no push: whoever waits asks again.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    /// Fetches a package that waits, and acknowledges it.
    pub async fn take(&self, waiting: &Value) -> Vec<u8> {
        let id = waiting["docId"].as_str().expect("a docId");
        let file = self.call("getEdoc", &[("docId", id)]).await.file();
        let done = self.call("updateStatus", &[("docid", id), ("status", "done")]).await;
        assert!(done.is_ok(), "{done:?}");
        file
    }

    /// What waits for this system.
    pub async fn received(&self, message_type: &str) -> Vec<Value> {
        let parameters = [("servicetype", "eDoc"), ("messagetype", message_type)];
        let answer = self.call("getReceivedEdocList", &parameters).await;
        assert!(answer.is_ok(), "{answer:?}");
        answer.list()
    }

    async fn post(&self, name: &str, parameters: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let bytes = self.try_post(name, parameters, body).await.expect("an answer");
        assert!(bytes.is_ascii(), "{name}: answers are ASCII");
        let value: Value = serde_json::from_slice(&bytes).expect("a JSON object");
        for member in ["status", "ErrorCode", "ErrorDesc"] {
            assert!(value[member].is_string(), "{name} lacks {member}: {value}");
        }
        Answer(value)
    }

    async fn try_post(&self, name: &str, parameters: &[(&str, &str)], body: Vec<u8>) -> Option<Vec<u8>> {
        let headers = self.headers(parameters, &body);
        self.deliver(name, &headers, body).await
    }

    /// The headers of a call, signed.
    pub fn headers(&self, parameters: &[(&str, &str)], body: &[u8]) -> Vec<(String, String)> {
        let content_type = if body.is_empty() { "application/json" } else { "application/octet-stream" };
        let mut signed = vec![("systemid", self.system_id.as_str())];
        signed.extend(parameters);
        signed.extend([("timestamp", "22112026T080000+0154"), ("Content-Type", content_type)]);
        let mut text = String::from("{");
        for (index, (key, value)) in signed.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let value = Value::from(*value);
            write!(text, "{comma}\"XroadVnpt-{key}\":{value}").expect("a String takes all");
        }
        text.push('}');
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let mac = full_hex(hmac::sign(&key, text.as_bytes()).as_ref());
        let mut headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        headers.extend(signed.iter().map(|(key, value)| (format!("XroadVnpt-{key}"), (*value).to_owned())));
        headers
            .extend([("XroadVnpt-sign-header".to_owned(), text), ("XroadVnpt-hash-header".to_owned(), mac)]);
        headers
    }

    /// `sendEdoc` with headers of whoever's making.
    pub async fn send_with(&self, headers: &[(String, String)], file: &[u8]) -> Answer {
        let bytes = self.deliver("sendEdoc", headers, file.to_vec()).await.expect("an answer");
        Answer(serde_json::from_slice(&bytes).expect("a JSON object"))
    }

    async fn deliver(&self, name: &str, headers: &[(String, String)], body: Vec<u8>) -> Option<Vec<u8>> {
        let mut request = self.client.post(format!("{}/{name}", self.base));
        for (key, value) in headers {
            request = request.header(key, value);
        }
        let response = request.body(body).send().await.ok()?;
        // Refusals too come with 200 (VXP 0 rule 1).
        assert_eq!(response.status(), 200, "{name}");
        Some(response.bytes().await.ok()?.to_vec())
    }
}

fn full_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Each byte's leading zero dropped, as the real client does (VXP 0 rule 4).
pub fn thin_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:x}")).collect()
}
