//! Signing in: LOGIN, AUTHENTICATE, STARTTLS, UNAUTHENTICATE (RFC 9051 §6.2, RFC 4959, RFC 8437), inside TLS only (RULES M35). The
//! messages of a mechanism are carried to whoever judges them and back; what is in them is no business of this room.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{AccountId, Secret};

use super::job::Job;
use super::{Ask, Enabled, Session, SignIn, SignInCode};
use crate::codec::response::{Code, Condition};

impl Session {
    pub(super) fn greet(&mut self) {
        let words = format!("{} ready", self.facts.host);
        let names = self.capabilities();
        self.out.untagged(Condition::Ok, Some(Code::Capability(&borrowed(&names))), &words);
    }

    /// LOGIN is PLAIN in other clothes.
    pub(super) fn login(&mut self, tag: String, user: &str, password: &Secret<String>) {
        if !self.may_sign_in(&tag) {
            return;
        }
        let message = format!("\0{user}\0{}", password.expose_secret()).into_bytes();
        self.begin(tag, "PLAIN", Some(Secret::new(message)));
    }

    pub(super) fn authenticate(&mut self, tag: String, mechanism: &str, initial: Option<Secret<Vec<u8>>>) {
        if !self.may_sign_in(&tag) {
            return;
        }
        let offered = self.facts.offered().find(|name| *name == mechanism);
        match offered {
            Some(mechanism) => self.begin(tag, mechanism, initial),
            None => self.no(&tag, Some(Code::Cannot), "No such mechanism here"),
        }
    }

    fn may_sign_in(&mut self, tag: &str) -> bool {
        if self.account.is_some() {
            self.bad(tag, "Already signed in");
        } else if !self.facts.is_encrypted {
            self.no(tag, Some(Code::PrivacyRequired), "TLS first");
        } else {
            return true;
        }
        false
    }

    fn begin(&mut self, tag: String, mechanism: &'static str, initial: Option<Secret<Vec<u8>>>) {
        self.job = Job::SignIn(tag);
        self.ask(Ask::SignIn(SignIn::Begin { mechanism, initial }));
    }

    /// The mechanism wants to hear more.
    pub(super) fn challenged(&mut self, challenge: &[u8]) {
        self.out.challenge(challenge);
        self.input.expect_line(self.limits.sign_in_line_bytes_max);
    }

    /// A line that answers a challenge.
    pub(super) fn sign_in_line(&mut self, tag: String, line: Vec<u8>) {
        let line = Secret::new(line);
        match STANDARD.decode(line.expose_secret()) {
            Ok(message) => {
                self.job = Job::SignIn(tag);
                self.ask(Ask::SignIn(SignIn::Message(Secret::new(message))));
            }
            // `*`, or no base64 (RFC 9051 §6.2.2).
            Err(_) => {
                self.bad(&tag, "Cancelled");
                self.refused_sign_in();
            }
        }
    }

    pub(super) fn signed_in(&mut self, account_id: AccountId) {
        let Job::SignIn(tag) = std::mem::take(&mut self.job) else {
            return self.say_bye("An answer out of turn");
        };
        self.account = Some(account_id);
        self.input.set_limits(self.limits.input.clone());
        self.input.allow_messages(true);
        let names = self.capabilities();
        self.out.tagged(&tag, Condition::Ok, Some(Code::Capability(&borrowed(&names))), "Signed in");
    }

    pub(super) fn not_signed_in(&mut self, code: SignInCode, words: &str) {
        if let Job::SignIn(tag) = std::mem::take(&mut self.job) {
            self.no(&tag, Some(code.into()), words);
        }
        self.refused_sign_in();
    }

    fn refused_sign_in(&mut self) {
        self.auth_failures += 1;
        if self.auth_failures >= self.limits.auth_failures_max {
            self.say_bye("Too many failures");
        }
    }

    pub(super) fn start_tls(&mut self, tag: &str) {
        if self.facts.is_encrypted || !self.facts.starttls {
            return self.bad(tag, "No TLS to begin here");
        }
        self.ok(tag, "Begin TLS now");
        // What came with the command did not come through TLS (CVE-2011-0411).
        self.input.forget();
        self.job = Job::StartTls;
        self.ask(Ask::StartTls);
    }

    pub(super) fn tls_started(&mut self, is_certified: bool) {
        self.job = Job::Nothing;
        self.facts.is_encrypted = true;
        self.facts.is_certified = is_certified;
    }

    /// UNAUTHENTICATE (RFC 8437 §2): all is as it was after the greeting.
    pub(super) fn unauthenticate(&mut self, tag: &str) {
        self.account = None;
        self.view = None;
        self.notify = None;
        self.enabled = Enabled::default();
        self.has_news = false;
        self.input.set_utf8(false);
        self.input.set_limits(self.limits.input.stranger());
        self.input.allow_messages(false);
        self.out.set_utf8(false);
        let names = self.capabilities();
        self.out.tagged(tag, Condition::Ok, Some(Code::Capability(&borrowed(&names))), "Signed out");
        self.wish = Some(Ask::SignOut);
    }
}

impl From<SignInCode> for Code<'_> {
    fn from(code: SignInCode) -> Self {
        match code {
            SignInCode::Failed => Self::AuthenticationFailed,
            SignInCode::Expired => Self::Expired,
            SignInCode::Unavailable => Self::Unavailable,
            SignInCode::ContactAdmin => Self::ContactAdmin,
        }
    }
}

fn borrowed(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
