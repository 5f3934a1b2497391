//! `swaks` from Debian: a mail program that is not ours. What it hears is without Vietnamese marks, for it does not ask for SMTPUTF8.

use std::process::Command;

use crate::{Account, Program};

/// What a recipient that is refused makes of a conversation (swaks(1), EXIT CODES).
pub const NO_RECIPIENT: Option<i32> = Some(24);
/// What a refused text makes of it.
pub const TEXT_REFUSED: Option<i32> = Some(26);

/// A letter to be handed in.
#[must_use = "nothing is sent before it is told to"]
pub struct Swaks(Command);

impl Swaks {
    /// To a door of this machine.
    pub fn at(port: u16) -> Self {
        let mut command = Command::new("swaks");
        command.args(["--server", "127.0.0.1", "--port", &port.to_string()]);
        Self(command)
    }

    /// To port 25, from somebody outside.
    pub fn stranger(program: &Program, from: &str, to: &str) -> Self {
        Self::at(program.ports.smtp).args(["--from", from, "--to", to])
    }

    /// To port 465, from one of our own people.
    pub fn submit(program: &Program, account: &Account, to: &str) -> Self {
        let path = ["--tlsc", "--from", &account.address, "--to", to];
        Self::at(program.ports.submissions).signed_in_as(account).args(path)
    }

    /// Signs in with a password.
    pub fn signed_in_as(self, account: &Account) -> Self {
        self.args(["--auth", "PLAIN", "--auth-user", &account.address, "--auth-password", &account.password])
    }

    /// The subject, in ASCII.
    pub fn subject(self, subject: &str) -> Self {
        self.args(["--header", &format!("Subject: {subject}")])
    }

    /// The text.
    pub fn body(self, body: &str) -> Self {
        self.args(["--body", body])
    }

    /// Anything else it can be told.
    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Hands it in.
    pub fn send(mut self) -> Talk {
        let output = self.0.output().expect("swaks is installed (make test does)");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Talk { code: output.status.code(), text: format!("{text}\nswaks: {}", output.status) }
    }
}

/// How it went.
#[derive(Debug)]
pub struct Talk {
    /// What swaks ended with.
    pub code: Option<i32>,
    /// The whole conversation, and how swaks ended.
    pub text: String,
}

impl Talk {
    /// Whether the letter was taken for everybody it was for.
    pub fn is_taken(&self) -> bool {
        self.code == Some(0)
    }

    /// It was.
    #[track_caller]
    pub fn must_be_taken(self, program: &Program) -> String {
        assert!(self.is_taken(), "{}\n{}", self.text, program.log());
        self.text
    }

    /// It was not, and these words were said.
    #[track_caller]
    pub fn must_be_refused(self, words: &[&str]) -> String {
        let said = words.iter().all(|words| self.text.contains(words));
        assert!(!self.is_taken() && said, "{words:?}:\n{}", self.text);
        self.text
    }
}
