//! A client at the door: a whole conversation through the receiving session and the desk, with a fault at the dot.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use mail::{AccountId, Timestamp};
use smtp::receive::{Answer, Ask, Facts, Front, Role, Session};
use smtp::serve::Refusal;
use smtp::{Client, Limits};

use super::faults::{Fault, Known, amid};
use crate::desk::house::{Office, Welcome};
use crate::house::tls;

/// What a client hands in.
pub(super) struct Visit<'a> {
    pub(super) id: String,
    pub(super) account: Option<AccountId>,
    pub(super) from: &'a str,
    pub(super) to: &'a [&'static str],
    pub(super) message: String,
    pub(super) fault: Fault,
}

/// What the client knows afterwards.
pub(super) enum Heard {
    /// `250` after the dot, for these recipients.
    Promised(Vec<&'static str>),
    /// Something else.
    Refused,
    /// Nothing: the line broke after the dot.
    Nothing(Vec<&'static str>),
}

impl Visit<'_> {
    fn role(&self) -> Role {
        if self.account.is_some() { Role::Submission } else { Role::Mx }
    }

    /// The conversation.
    pub(super) async fn run(self, office: &mut Office, now: Timestamp) -> Heard {
        let client = Client {
            ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            reverse_name: None,
            iprev: None,
            name: None,
            extended: false,
            tls: self.account.is_some().then(tls),
            signed_in_as: None,
        };
        let host = "mx.a.gov.vn".parse().unwrap();
        let facts = Facts {
            host,
            session_id: self.id.clone(),
            client,
            starttls: false,
            mechanisms: vec!["PLAIN"],
            front: Front::Nobody,
        };
        let mut session = Session::new(now, self.role(), Limits::default(), facts);
        self.settle(&mut session, office, now).await.unwrap();
        let mut lines = vec!["EHLO mail.b.vn".to_owned()];
        if self.account.is_some() {
            let word = base64::engine::general_purpose::STANDARD.encode("\0somebody\0secret");
            lines.push(format!("AUTH PLAIN {word}"));
        }
        lines.push(format!("MAIL FROM:<{}>", self.from));
        for line in &lines {
            let said = self.say(&mut session, office, now, &format!("{line}\r\n")).await.unwrap();
            assert!(said.starts_with('2'), "{line}: {said}");
        }
        let mut welcome = Vec::new();
        for to in self.to {
            let said = self.say(&mut session, office, now, &format!("RCPT TO:<{to}>\r\n")).await.unwrap();
            if said.starts_with('2') {
                welcome.push(*to);
            }
        }
        if welcome.is_empty() {
            return Heard::Refused;
        }
        let said = self.say(&mut session, office, now, "DATA\r\n").await.unwrap();
        assert!(said.starts_with("354"), "{said}");
        match self.say(&mut session, office, now, &format!("{}\r\n.\r\n", self.message)).await {
            Some(said) if said.starts_with('2') => Heard::Promised(welcome),
            Some(_) => Heard::Refused,
            None => Heard::Nothing(welcome),
        }
    }

    async fn say(
        &self,
        session: &mut Session,
        office: &mut Office,
        now: Timestamp,
        text: &str,
    ) -> Option<String> {
        session.bytes_arrived(now, text.as_bytes());
        self.settle(session, office, now).await
    }

    /// Does what the session asks; `None` when the line broke.
    async fn settle(&self, session: &mut Session, office: &mut Office, now: Timestamp) -> Option<String> {
        let mut said = String::new();
        let permitted = |outcome: Result<(), Refusal>| match outcome {
            Ok(()) => Answer::Permitted,
            Err(refusal) => Answer::Refused(refusal.to_reply()),
        };
        while let Some(ask) = session.next() {
            let answer = match ask {
                Ask::Write(bytes) => {
                    said.push_str(&String::from_utf8(bytes).unwrap());
                    continue;
                }
                Ask::WakeAt(at) => {
                    if said.is_empty() && at <= now {
                        session.time_passed(now);
                    }
                    continue;
                }
                Ask::SignIn(_) => Answer::SignedIn(self.account.unwrap().to_string()),
                Ask::Sender { reverse_path, client } => {
                    permitted(office.desk.sender(self.role(), &reverse_path, &client, now).await)
                }
                Ask::Recipient { recipient, client, .. } => {
                    permitted(office.desk.recipient(self.role(), &recipient, &client, now).await)
                }
                Ask::Accept(arrived) => {
                    let (role, desk) = (self.role(), office.desk.clone());
                    let work = Box::pin(async move { desk.accept(role, *arrived, &Welcome, now).await });
                    match amid(office, self.fault, work, Result::is_ok).await {
                        Known::Said(Ok(())) => Answer::Stored,
                        Known::Said(Err(refusal)) => Answer::Refused(refusal.to_reply()),
                        Known::Nothing => return None,
                    }
                }
                Ask::StartTls | Ask::Introduced { .. } | Ask::Close => panic!("nobody asked for that"),
            };
            session.answer_arrived(now, answer);
        }
        Some(said)
    }
}
