//! A small JMAP client: what a mail program does, and no more.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{Account, Program};

/// Somebody's mail program.
pub struct Jmap {
    client: reqwest::Client,
    authorization: String,
    session: Value,
    account_id: String,
}

/// An open push channel.
pub struct News(reqwest::Response);

impl News {
    /// Waits until something is told.
    pub async fn next(&mut self) {
        let chunk = self.0.chunk().await.expect("readable events");
        assert!(chunk.is_some(), "the push channel closed");
    }
}

impl Jmap {
    /// Signs in.
    pub async fn sign_in(program: &Program, account: &Account) -> Self {
        let client = program.web_client();
        let pair = STANDARD.encode(format!("{}:{}", account.address, account.password));
        let authorization = format!("Basic {pair}");
        let session = client
            .get(program.https("/.well-known/jmap"))
            .header("authorization", &authorization)
            .send()
            .await
            .expect("a session");
        assert_eq!(session.status(), 200, "signing in as {}", account.address);
        let session: Value = session.json().await.expect("a session object");
        let account_id =
            session["primaryAccounts"]["urn:ietf:params:jmap:mail"].as_str().expect("an account").to_owned();
        Self { client, authorization, session, account_id }
    }

    /// The account's id.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The session object.
    pub fn session(&self) -> &Value {
        &self.session
    }

    /// Calls one method with `accountId` put in; answers its arguments.
    pub async fn call(&self, method: &str, mut arguments: Value) -> Value {
        arguments["accountId"] = json!(self.account_id);
        let answer = self.request(json!([[method, arguments, "0"]])).await;
        assert_eq!(answer[0][0], method, "{answer}");
        answer[0][1].clone()
    }

    /// Makes a request of several calls.
    pub async fn request(&self, calls: Value) -> Value {
        self.try_request(calls).await.expect("an answer")
    }

    /// The same of a program that may be gone before its answer is whole.
    pub async fn try_request(&self, calls: Value) -> Option<Value> {
        let mut using = ["core", "mail", "submission", "vacationresponse", "blob", "quota", "smimeverify"]
            .map(|name| format!("urn:ietf:params:jmap:{name}"))
            .to_vec();
        using.push("https://congvan.vn/jmap/official-documents".to_owned());
        using.push("https://congvan.vn/jmap/held-mail".to_owned());
        let response = self
            .client
            .post(self.session["apiUrl"].as_str().expect("an apiUrl"))
            .header("authorization", &self.authorization)
            .json(&json!({ "using": using, "methodCalls": calls }))
            .send()
            .await
            .ok()?;
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.ok()?;
        Some(body["methodResponses"].clone())
    }

    /// Id of the mailbox with a role.
    pub async fn mailbox(&self, role: &str) -> String {
        let answer = self.call("Mailbox/get", json!({ "ids": null })).await;
        let list = answer["list"].as_array().expect("a list");
        let found = list.iter().find(|mailbox| mailbox["role"] == role).expect("a mailbox of that role");
        found["id"].as_str().expect("an id").to_owned()
    }

    /// The messages in a mailbox, newest first, with the properties a list shows.
    pub async fn messages(&self, role: &str) -> Vec<Value> {
        self.messages_of(self.mailbox(role).await).await
    }

    /// The same of a mailbox with a name; none when there is no such mailbox.
    pub async fn messages_in(&self, name: &str) -> Vec<Value> {
        let answer = self.call("Mailbox/get", json!({ "ids": null })).await;
        let list = answer["list"].as_array().expect("a list");
        match list.iter().find(|mailbox| mailbox["name"] == name) {
            Some(mailbox) => self.messages_of(mailbox["id"].as_str().expect("an id").to_owned()).await,
            None => Vec::new(),
        }
    }

    async fn messages_of(&self, mailbox: String) -> Vec<Value> {
        let query = self
            .call(
                "Email/query",
                json!({
                    "filter": { "inMailbox": mailbox },
                    "sort": [{ "property": "receivedAt", "isAscending": false }],
                    "calculateTotal": true,
                }),
            )
            .await;
        let get = self
            .call(
                "Email/get",
                json!({
                    "ids": query["ids"],
                    "properties": ["id", "blobId", "threadId", "mailboxIds", "keywords", "subject", "from", "to",
                        "preview", "hasAttachment", "attachments", "messageId", "textBody", "bodyValues"],
                    "fetchTextBodyValues": true,
                }),
            )
            .await;
        get["list"].as_array().cloned().unwrap_or_default()
    }

    /// The subjects of all messages in a mailbox.
    pub async fn all_subjects(&self, role: &str) -> Vec<String> {
        let mailbox = self.mailbox(role).await;
        let mut subjects = Vec::new();
        loop {
            let page =
                json!({ "filter": { "inMailbox": mailbox }, "position": subjects.len(), "limit": 200 });
            let query = self.call("Email/query", page).await;
            let get = self.call("Email/get", json!({ "ids": query["ids"], "properties": ["subject"] })).await;
            let list = get["list"].as_array().cloned().unwrap_or_default();
            if list.is_empty() {
                return subjects;
            }
            subjects.extend(
                list.iter().map(|message| message["subject"].as_str().unwrap_or_default().to_owned()),
            );
        }
    }

    /// Waits, by the push channel, until a message arrives whose subject holds `words`; answers it.
    pub async fn wait_for(&self, words: &str) -> Value {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        let mut news = self.news().await;
        // The channel is open before the first look, so nothing that comes after it is missed.
        loop {
            let messages = self.messages("inbox").await;
            let found =
                messages.into_iter().find(|m| m["subject"].as_str().is_some_and(|s| s.contains(words)));
            if let Some(message) = found {
                return message;
            }
            let told = tokio::time::timeout_at(deadline, news.next()).await;
            told.unwrap_or_else(|_| panic!("no message with {words:?} came"));
        }
    }

    /// Waits, by the push channel, until `look` finds something; answers it.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn(&Self) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        let mut news = self.news().await;
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            let told = tokio::time::timeout_at(deadline, news.next()).await;
            told.unwrap_or_else(|_| panic!("it did not come to {what}"));
        }
    }

    /// Puts a message into the mailbox with a role; answers its id.
    pub async fn import(&self, role: &str, message: Vec<u8>) -> String {
        let blob = self.upload("message/rfc822", message).await;
        let mailbox = self.mailbox(role).await;
        let email = json!({ "blobId": blob, "mailboxIds": { mailbox: true } });
        let import = self.call("Email/import", json!({ "emails": { "e": email } })).await;
        import["created"]["e"]["id"].as_str().unwrap_or_else(|| panic!("{import}")).to_owned()
    }

    /// Opens the push channel.
    pub async fn news(&self) -> News {
        let url = self.session["eventSourceUrl"]
            .as_str()
            .expect("an eventSourceUrl")
            .replace("{types}", "*")
            .replace("{closeafter}", "no")
            .replace("{ping}", "30");
        let events = self.client.get(url).header("authorization", &self.authorization).send().await;
        let events = events.expect("the push channel opens");
        assert_eq!(events.status(), 200);
        News(events)
    }

    /// Downloads a blob.
    pub async fn download(&self, blob_id: &str) -> Vec<u8> {
        let url = self.session["downloadUrl"]
            .as_str()
            .expect("a downloadUrl")
            .replace("{accountId}", &self.account_id)
            .replace("{blobId}", blob_id)
            .replace("{name}", "file")
            .replace("{type}", "application/octet-stream");
        let response = self.client.get(url).header("authorization", &self.authorization).send().await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("the blob").to_vec()
    }

    /// Uploads a blob; answers its id.
    pub async fn upload(&self, media_type: &str, bytes: Vec<u8>) -> String {
        let url = self.session["uploadUrl"]
            .as_str()
            .expect("an uploadUrl")
            .replace("{accountId}", &self.account_id);
        let response = self
            .client
            .post(url)
            .header("authorization", &self.authorization)
            .header("content-type", media_type)
            .body(bytes)
            .send()
            .await
            .expect("an answer");
        assert!(response.status().is_success(), "{}", response.status());
        let body: Value = response.json().await.expect("an upload object");
        body["blobId"].as_str().expect("a blobId").to_owned()
    }
}
