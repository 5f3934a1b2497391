//! The program under test: `congvan` itself, in a data directory of its own.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Engine;

/// Anything the program does at start or stop takes less, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A demonstration account.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// Its address.
    pub address: String,
    /// Its password.
    pub password: String,
    /// clerk, leader.
    pub role: String,
    /// Code of its agency.
    pub agency: String,
}

/// A demonstration system of the exchange.
#[derive(Clone, Debug, Deserialize)]
pub struct System {
    /// Its id.
    pub system_id: String,
    /// What it signs with.
    pub secret: String,
    /// Code of its agency.
    pub agency: String,
    /// Name of its agency.
    pub name: String,
}

/// What `congvan demo` writes down for whoever tries things out.
#[derive(Clone, Debug, Deserialize)]
pub struct Demo {
    /// People.
    pub accounts: Vec<Account>,
    /// Systems.
    pub systems: Vec<System>,
    /// The ledger's verifier key.
    pub log_key: String,
}

/// Ports that a demonstration's doors may be at.
const DOORS: u16 = 20;

/// The ports of the opened doors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ports {
    /// Mail from other servers.
    pub smtp: u16,
    /// Submission with STARTTLS.
    pub submission: u16,
    /// Submission over TLS.
    pub submissions: u16,
    /// LMTP.
    pub lmtp: u16,
    /// IMAP over TLS.
    pub imaps: u16,
    /// IMAP with STARTTLS.
    pub imap: u16,
    /// The web over TLS.
    pub https: u16,
    /// The web without TLS, on loopback.
    pub http: u16,
}

/// A demonstration installation and the program that serves it.
pub struct Program {
    /// The data directory.
    pub data: PathBuf,
    /// What `congvan demo` wrote down.
    pub demo: Demo,
    /// The opened doors.
    pub ports: Ports,
    /// Variables the program sees beside our own.
    pub environment: Vec<(&'static str, String)>,
    child: Option<Child>,
    output: Option<Lines<BufReader<ChildStdout>>>,
    _directory: tempfile::TempDir,
}

/// Where `cargo build -p server` put the program: beside the test or benchmark that runs, or one folder up.
pub fn binary() -> PathBuf {
    let ours = std::env::current_exe().expect("a running program has a path");
    let built =
        ours.ancestors().skip(1).take(2).map(|folder| folder.join("congvan")).find(|path| path.exists());
    built.expect("congvan is not built: cargo build -p server (make test does)")
}

/// Runs a command of the program to its end.
pub async fn run(arguments: &[&str]) -> Output {
    run_seeing(arguments, &[]).await
}

async fn run_seeing(arguments: &[&str], environment: &[(&'static str, String)]) -> Output {
    let mut command = Command::new(binary());
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.stdin(Stdio::null()).output();
    tokio::time::timeout(PATIENCE, output).await.expect("a command ends").expect("the program runs")
}

impl Program {
    /// A new demonstration on free ports, served.
    pub async fn demo(engine: Engine) -> Self {
        Self::demo_of(engine, "H99", &[]).await
    }

    /// The same of a province of its own, with lines of its configuration changed: what stands there, what it becomes.
    pub async fn demo_of(engine: Engine, province: &str, changes: &[(&str, &str)]) -> Self {
        Self::demo_in(&engine.database(), province, changes).await
    }

    /// The same in a database of whoever's own.
    pub async fn demo_in(database: &str, province: &str, changes: &[(&str, &str)]) -> Self {
        let directory =
            tempfile::Builder::new().prefix("congvan-story.").tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        let data_text = data.to_str().expect("a plain path");
        // Ports of this process alone: a port that is drawn may be drawn by another program before the doors open.
        let ports = format!("--free-ports={}", crate::outside::free_ports(DOORS));
        let wanted = ["demo", "--data", data_text, &ports, "--database", database, "--province", province];
        let made = run(&wanted).await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let config = data.join("congvan.toml");
        let mut text = std::fs::read_to_string(&config).expect("a configuration");
        for (there, then) in changes {
            assert!(text.contains(there), "{there} is not in the configuration");
            text = text.replace(there, then);
        }
        std::fs::write(&config, text).expect("a configuration");
        let demo = std::fs::read(data.join("demo.json")).expect("demo.json");
        let demo = serde_json::from_slice(&demo).expect("demo.json holds a demonstration");
        let mut program = Self {
            data,
            demo,
            ports: Ports::default(),
            environment: Vec::new(),
            child: None,
            output: None,
            _directory: directory,
        };
        program.start().await;
        program
    }

    /// A second program on the same PostgreSQL and the same files, with doors of its own: another node.
    pub async fn another_node(&self) -> Self {
        let directory =
            tempfile::Builder::new().prefix("congvan-node.").tempdir().expect("a temporary directory");
        let data = directory.path().to_owned();
        let mut text = std::fs::read_to_string(self.config()).expect("a configuration");
        let Ports { smtp, submission, submissions, lmtp, imaps, imap, https, http } = self.ports;
        let taken = [smtp, submission, submissions, lmtp, imaps, imap, https, http];
        for port in taken.into_iter().filter(|port| *port != 0) {
            text = text.replace(&format!(":{port}\""), &format!(":{}\"", crate::free_port()));
        }
        std::fs::create_dir(data.join("pki")).expect("a folder");
        std::fs::write(data.join("pki/root.pem"), self.root_pem()).expect("the same root");
        let files = format!("data = {:?}", self.data);
        assert!(text.contains("data = \".\""), "the data lies beside the configuration");
        std::fs::write(data.join("congvan.toml"), text.replacen("data = \".\"", &files, 1)).expect("a file");
        let mut node = Self {
            data,
            demo: self.demo.clone(),
            ports: Ports::default(),
            environment: self.environment.clone(),
            child: None,
            output: None,
            _directory: directory,
        };
        node.start().await;
        node
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.data.join("congvan.toml")
    }

    /// Runs a command on this installation's data.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        let config = self.config();
        let mut all = vec!["--config", config.to_str().expect("a plain path")];
        all.extend(arguments);
        run_seeing(&all, &self.environment).await
    }

    /// Runs a command that has to succeed; answers what it printed.
    pub async fn must(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).await;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "congvan {arguments:?}: {}\n{printed}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        printed
    }

    /// Everything is as it must be: the consistency checker counts all again and finds nothing. At work or stopped.
    pub async fn doctor(&self) {
        self.must(&["doctor", "--deep", "--all"]).await;
    }

    /// What happened to a message, by its name or Message-ID: its events, with the names of the messages they belong to.
    pub async fn trace(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let output = self.command(&[&["trace", "--json"], arguments].concat()).await;
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "{code:?} {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("an array of messages")
    }

    /// Starts the program and waits until its doors are open.
    pub async fn start(&mut self) {
        let ready = self.data.join("ready.json");
        let log = std::fs::File::options().create(true).append(true).open(self.data.join("server.log"));
        let mut child = Command::new(binary())
            .arg("--config")
            .arg(self.config())
            .args(["serve", "--ready-file"])
            .arg(&ready)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log file"))
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let opened = async {
            // The program says a line when its doors are open, and ends its output when it dies.
            while let Some(line) = lines.next_line().await.expect("readable output") {
                if line.starts_with("ready") {
                    return true;
                }
            }
            false
        };
        let opened = tokio::time::timeout(PATIENCE, opened).await.expect("the doors open in time");
        assert!(opened, "the program did not start:\n{}", self.log());
        let ports = std::fs::read(&ready).expect("a ready file");
        self.ports = serde_json::from_slice(&ports).expect("the ready file holds ports");
        self.child = Some(child);
        self.output = Some(lines);
    }

    /// The program's process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("a running program")
    }

    /// What the program logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.join("server.log")).unwrap_or_default()
    }

    /// Asks the program to stop and waits until it has; it has to end cleanly.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("a running program");
        let pid = child.id().expect("a running program").to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(asked.is_ok_and(|status| status.success()));
        let ended =
            tokio::time::timeout(PATIENCE, child.wait()).await.expect("a stop ends").expect("a status");
        assert!(ended.success(), "{ended}\n{}", self.log());
    }

    /// SIGKILL: the power is gone.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("a running program");
        child.kill().await.expect("a program can be killed");
    }

    /// The demonstration's account with a role in an agency.
    pub fn account(&self, agency: &str, role: &str) -> &Account {
        self.demo
            .accounts
            .iter()
            .find(|account| account.agency == agency && account.role == role)
            .expect("a demonstration account")
    }

    /// The demonstration's systems: the first sends, the second receives.
    pub fn systems(&self) -> (&System, &System) {
        (&self.demo.systems[0], &self.demo.systems[1])
    }

    /// Trusts the demonstration's own authority.
    pub fn root_pem(&self) -> Vec<u8> {
        std::fs::read(self.data.join("pki/root.pem")).expect("the demonstration's root")
    }

    /// A web client that trusts the demonstration's authority and nobody else.
    pub fn web_client(&self) -> reqwest::Client {
        // Ignored when another story was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root = reqwest::Certificate::from_pem(&self.root_pem()).expect("a certificate");
        reqwest::Client::builder().tls_certs_only([root]).timeout(PATIENCE).build().expect("a client")
    }

    /// `https://localhost:PORT` and a path.
    pub fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.ports.https)
    }
}
