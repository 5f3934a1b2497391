//! A real browser: Debian's Chromium, driven through its WebDriver (W3C WebDriver, JSON over HTTP), as a person at the
//! screen would: goes to a page, chooses a file, presses a button, looks.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A browser starts and a page loads in less, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// The name under which WebDriver gives out elements (W3C WebDriver §11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A Chromium window of its own, with a profile of its own.
pub struct Browser {
    client: reqwest::Client,
    session: String,
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a window. Other machines' certificates are not looked at: the demonstration's are its own.
    pub async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let profile = tempfile::Builder::new().prefix("congvan-browser.").tempdir().expect("a directory");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed (make test does)");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let told = async {
            // "ChromeDriver was started successfully on port 12345."
            while let Some(line) = lines.next_line().await.expect("readable output") {
                let port = line
                    .rsplit_once("started successfully on port ")
                    .map(|(_, port)| port.trim_end_matches('.'));
                if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
                    return port;
                }
            }
            panic!("chromedriver ended before it had a port")
        };
        let port = tokio::time::timeout(PATIENCE, told).await.expect("chromedriver starts in time");
        // It must be able to go on talking.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
        let mut browser =
            Self { client, session: format!("http://127.0.0.1:{port}"), _driver: driver, _profile: profile };
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &profile,
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let session = browser.ask("/session", wanted).await;
        let id = session["sessionId"].as_str().expect("a session").to_owned();
        browser.session.push_str(&format!("/session/{id}"));
        browser
    }

    async fn ask(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.session)).json(&body);
        Self::value(request.send().await.expect("chromedriver answers"), path).await
    }

    async fn value(answer: reqwest::Response, path: &str) -> Value {
        let is_good = answer.status().is_success();
        let body: Value = answer.json().await.expect("WebDriver speaks JSON");
        assert!(is_good, "{path}: {}", body["value"]["message"]);
        body["value"].clone()
    }

    /// Goes to a page.
    pub async fn go(&self, url: &str) {
        self.ask("/url", json!({ "url": url })).await;
    }

    /// The first element a CSS selector finds.
    async fn element(&self, selector: &str) -> String {
        let found = self.ask("/element", json!({ "using": "css selector", "value": selector })).await;
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("no {selector}")).to_owned()
    }

    /// Chooses a file in a form.
    pub async fn choose(&self, selector: &str, file: &Path) {
        let element = self.element(selector).await;
        let file = file.to_str().expect("a plain path");
        self.ask(&format!("/element/{element}/value"), json!({ "text": file })).await;
    }

    /// Presses a button; answers when the next page is there.
    pub async fn press(&self, selector: &str) {
        let element = self.element(selector).await;
        self.ask(&format!("/element/{element}/click"), json!({})).await;
    }

    /// The text a person sees in an element.
    pub async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        let answer = self.client.get(format!("{}/element/{element}/text", self.session)).send().await;
        let text = Self::value(answer.expect("chromedriver answers"), selector).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script in the page, as the person who tests it: pages have none of their own.
    pub async fn look(&self, script: &str) -> Value {
        self.ask("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// What the browser complains about: broken policies, files that did not load.
    pub async fn complaints(&self) -> Vec<Value> {
        let log = self.ask("/se/log", json!({ "type": "browser" })).await;
        log.as_array().cloned().unwrap_or_default()
    }

    /// How wide the window is, in CSS pixels.
    pub async fn width(&self, width: u32) {
        self.resize(width, 900).await;
    }

    async fn resize(&self, width: u32, height: u64) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        self.ask("/goog/cdp/execute", command).await;
    }

    /// Keeps a picture of the whole page as a test artefact; answers where.
    pub async fn picture(&self, name: &str, width: u32) -> PathBuf {
        self.width(width).await;
        let height = self.look("return document.documentElement.scrollHeight").await.as_u64().unwrap_or(900);
        self.resize(width, height).await;
        let answer = self.client.get(format!("{}/screenshot", self.session)).send().await;
        let encoded = Self::value(answer.expect("chromedriver answers"), "screenshot").await;
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.as_str().expect("a picture"));
        let file = artefacts().join(format!("{name}.png"));
        std::fs::write(&file, decoded.expect("base64")).expect("a picture can be kept");
        self.width(width).await;
        file
    }

    /// Prints the page on A4 as a PDF and keeps it; answers where.
    pub async fn paper(&self, name: &str) -> PathBuf {
        let size = json!({ "page": { "width": 21.0, "height": 29.7 } });
        let encoded = self.ask("/print", size).await;
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.as_str().expect("a PDF"));
        let file = artefacts().join(format!("{name}.pdf"));
        std::fs::write(&file, decoded.expect("base64")).expect("a PDF can be kept");
        file
    }

    /// Closes the window.
    pub async fn close(self) {
        let _ = self.client.delete(&self.session).send().await;
    }
}

/// `target/artefacts`: what tests leave for people to look at.
pub fn artefacts() -> PathBuf {
    let ours = std::env::current_exe().expect("a running program has a path");
    // target/debug/deps/stories-…
    let target = ours.ancestors().nth(3).expect("a target directory");
    let artefacts = target.join("artefacts");
    std::fs::create_dir_all(&artefacts).expect("a directory");
    artefacts
}
