//! Debian's Thunderbird on a screen of its own (Xvfb), driven through its Marionette door (JSON over TCP) as a person would: what is pressed
//! and read are its own windows.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::{Program, artefacts};

/// It starts, and does a thing, in less, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A Thunderbird nobody has used yet.
pub struct Thunderbird {
    door: BufReader<TcpStream>,
    calls: u64,
    /// What every script may use.
    prelude: &'static str,
    // Dropped in this order: what runs ends before its files do.
    _program: Child,
    _screen: Child,
    profile: tempfile::TempDir,
}

/// The first line that `wanted` finds something in; the rest is read away, for who writes must be able to go on.
async fn told<R>(output: R, wanted: fn(&str) -> Option<String>) -> String
where
    R: AsyncRead + Unpin + Send + 'static,
{
    let mut lines: Lines<BufReader<R>> = BufReader::new(output).lines();
    let found = async {
        let mut said = Vec::new();
        while let Some(line) = lines.next_line().await.expect("readable output") {
            if let Some(found) = wanted(&line) {
                return found;
            }
            said.push(line);
        }
        panic!("it ended too early: {said:?}")
    };
    let found = tokio::time::timeout(PATIENCE, found).await.expect("it starts in time");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    found
}

impl Thunderbird {
    /// Opens it with a new profile that trusts the demonstration's authority beside the usual ones. Whatever it asks of the web goes through the proxy
    /// at `proxy`; mail on this machine does not.
    pub async fn open(program: &Program, proxy: u16, prelude: &'static str) -> Self {
        let profile = tempfile::Builder::new().prefix("congvan-thunderbird.").tempdir().expect("a directory");
        std::fs::write(profile.path().join("user.js"), preferences(proxy)).expect("preferences");
        let mut screen = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("xvfb is installed (make test does)");
        let pipe = screen.stdout.take().expect("a pipe");
        let display = told(pipe, |line| Some(line.trim().to_owned())).await;
        let mut child = Command::new("thunderbird")
            .args(["--marionette", "-remote-allow-system-access", "--no-remote", "--profile"])
            .arg(profile.path())
            .env("DISPLAY", format!(":{display}"))
            .env("HOME", profile.path())
            .env("LANG", "C.UTF-8")
            .env("MOZ_LOG", "IMAP:4,sync,timestamp")
            .env("MOZ_LOG_FILE", profile.path().join("protocol"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("thunderbird is installed (make test does)");
        let pipe = child.stdout.take().expect("a pipe");
        let port = told(pipe, |line| Some(line.split_once("Listening on port ")?.1.trim().to_owned())).await;
        let port: u16 = port.parse().expect("a port");
        let door = TcpStream::connect(("127.0.0.1", port)).await.expect("Marionette's door");
        let door = BufReader::new(door);
        let mut opened = Self { door, calls: 0, prelude, profile, _program: child, _screen: screen };
        opened.hear().await;
        opened.ask("WebDriver:NewSession", json!({})).await;
        opened.ask("Marionette:SetContext", json!({ "value": "chrome" })).await;
        let script = u64::try_from(PATIENCE.as_millis()).expect("a span");
        opened.ask("WebDriver:SetTimeouts", json!({ "script": script })).await;
        opened.trust(program).await;
        opened
    }

    /// Puts the authority where an organisation's policy would (`Certificates.Install`).
    async fn trust(&mut self, program: &Program) {
        let pem = String::from_utf8(program.root_pem()).expect("PEM");
        let der: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
        let add = "Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB).addCertFromBase64(arguments[0], 'C,,');";
        self.ask("WebDriver:ExecuteScript", json!({ "script": add, "args": [der] })).await;
    }

    /// Runs an asynchronous function of the prelude to its end; answers what it answers.
    ///
    /// What does not come to its end leaves a picture of the screen.
    pub async fn does(&mut self, function: &str, arguments: Value) -> Value {
        let script = format!(
            "{}\nconst given = [...arguments];\nconst done = given.pop();\n\
             {function}(...given).then(said => done([said ?? null, null]), \
             error => done([null, `${{error}} ${{error.stack}}`]));",
            self.prelude
        );
        let ask = json!({ "script": script, "args": arguments, "sandbox": "default" });
        match self.try_ask("WebDriver:ExecuteAsyncScript", ask).await {
            Ok(answer) if answer["value"][1].is_null() => answer["value"][0].clone(),
            told => {
                let error = told.map_or_else(|error| error, |answer| answer["value"][1].clone());
                let picture = self.picture(&format!("thunderbird-failed-{function}")).await;
                let windows = self.windows().await;
                panic!("{function}: {error}\n{}\n{windows}\n{}", picture.display(), self.protocol())
            }
        }
    }

    /// Which windows are open, and what they say; a question that nobody answers is one.
    async fn windows(&mut self) -> Value {
        let script = "return [...Services.wm.getEnumerator(null)].map(window => [window.location.href, window.document.title, \
                      window.document.getElementById('infoBody')?.textContent])";
        let answer = self.ask("WebDriver:ExecuteScript", json!({ "script": script, "args": [] })).await;
        answer["value"].clone()
    }

    /// Keeps a picture of its window as a test artefact; answers where.
    pub async fn picture(&mut self, name: &str) -> PathBuf {
        let answer = self.ask("WebDriver:TakeScreenshot", json!({ "full": false })).await;
        let picture = STANDARD.decode(answer["value"].as_str().expect("a picture")).expect("base64");
        let file = artefacts().join(format!("{name}.png"));
        std::fs::write(&file, picture).expect("a picture can be kept");
        file
    }

    /// What was said over IMAP so far, both ways; passwords it leaves out by itself.
    pub fn protocol(&self) -> String {
        let log = std::fs::read(self.profile.path().join("protocol.moz_log")).expect("a protocol");
        let log = String::from_utf8_lossy(&log);
        let said = |line: &&str| line.contains(":SendData: ") || line.contains(":CreateNewLineFromSocket: ");
        log.lines().filter(said).map(|line| format!("{line}\n")).collect()
    }

    /// Waits until it listens in a folder (IDLE): what comes after that is news.
    pub async fn listens_in(&self, folder: &str) {
        let deadline = Instant::now() + PATIENCE;
        let of_folder = format!(":S-{folder}:");
        loop {
            let protocol = self.protocol();
            let last = protocol.lines().rfind(|line| line.contains(&of_folder));
            if last.is_some_and(|line| line.trim_end().ends_with("+ idling")) {
                return;
            }
            assert!(Instant::now() < deadline, "it does not listen in {folder}\n{protocol}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A place for a file that it saves.
    pub fn place(&self, name: &str) -> PathBuf {
        self.profile.path().join(name)
    }

    async fn ask(&mut self, command: &str, parameters: Value) -> Value {
        let answer = self.try_ask(command, parameters).await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn try_ask(&mut self, command: &str, parameters: Value) -> Result<Value, Value> {
        self.calls += 1;
        let ask = json!([0, self.calls, command, parameters]).to_string();
        let ask = format!("{}:{ask}", ask.len());
        self.door.write_all(ask.as_bytes()).await.expect("Thunderbird listens");
        let answer = self.hear().await;
        assert_eq!(answer[1], self.calls, "{answer}");
        if answer[2].is_null() { Ok(answer[3].clone()) } else { Err(answer[2]["message"].clone()) }
    }

    /// One message: its length, a colon, JSON.
    async fn hear(&mut self) -> Value {
        let hear = async {
            let mut length = Vec::new();
            self.door.read_until(b':', &mut length).await.expect("Thunderbird answers");
            length.pop();
            let length = String::from_utf8_lossy(&length).parse().expect("a length");
            let mut message = vec![0; length];
            self.door.read_exact(&mut message).await.expect("Thunderbird answers");
            serde_json::from_slice(&message).expect("Marionette speaks JSON")
        };
        // Scripts have a deadline of their own, and say so.
        tokio::time::timeout(PATIENCE + PATIENCE, hear).await.expect("Thunderbird answers in time")
    }
}

/// What a new profile is told: where the proxy is, and not to ask its makers for news.
fn preferences(proxy: u16) -> String {
    let preferences = json!({
        "marionette.port": 0,
        // Marionette would otherwise make it another program: one that keeps no passwords, for instance.
        "remote.prefs.recommended": false,
        // Marionette says its port there.
        "browser.dom.window.dump.enabled": true,
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": proxy,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": proxy,
        "app.update.enabled": false,
        "app.donation.eoy.version.viewed": 999,
        "datareporting.policy.dataSubmissionPolicyBypassNotification": true,
        "extensions.update.enabled": false,
        "mail.inappnotifications.enabled": false,
        "mail.shell.checkDefaultClient": false,
        "mailnews.start_page.enabled": false,
        "network.captive-portal-service.enabled": false,
        "network.connectivity-service.enabled": false,
    });
    let preferences = preferences.as_object().expect("an object");
    preferences.iter().map(|(name, value)| format!("user_pref(\"{name}\", {value});\n")).collect()
}
