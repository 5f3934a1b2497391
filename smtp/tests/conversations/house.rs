//! The receiving side with everything a driver would do for it, in a few lines.

use std::net::{IpAddr, Ipv4Addr};

use mail::Timestamp;
use smtp::codec::table;
use smtp::receive::{Answer, Arrived, Ask, Facts, Front, Role, Session, SignIn};
use smtp::{Client, Limits, Tls};

/// Ten in the morning of an ordinary day in Hà Nội.
pub(crate) fn morning() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T10:00:00+07:00").unwrap()
}

pub(crate) fn tls() -> Tls {
    Tls { version: "TLS1.3".into(), cipher: "TLS_AES_128_GCM_SHA256".into(), is_certified: false }
}

/// A house with mailboxes for everybody, except that `no…` does not exist, `full…` is full while `full` holds, and the
/// password is `secret`.
pub(crate) struct House {
    pub(crate) session: Session,
    pub(crate) said: String,
    pub(crate) stored: Vec<Arrived>,
    pub(crate) closed: bool,
    pub(crate) wake: Option<Timestamp>,
    pub(crate) full: bool,
    /// What the store answers.
    pub(crate) store: Answer,
    /// What was asked, in order, one word each.
    pub(crate) asked: Vec<String>,
    /// The mechanism under way.
    signing_in: String,
}

impl House {
    pub(crate) fn new(now: Timestamp, role: Role, limits: Limits, over: Option<Tls>) -> Self {
        Self::behind(Front::Nobody, now, role, limits, over)
    }

    /// The same for who connects through a front end.
    pub(crate) fn behind(
        front: Front,
        now: Timestamp,
        role: Role,
        limits: Limits,
        over: Option<Tls>,
    ) -> Self {
        let facts = Facts {
            host: "mx.foo.com".parse().unwrap(),
            session_id: "s1".into(),
            client: Client {
                ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
                reverse_name: None,
                iprev: None,
                name: None,
                extended: false,
                tls: over,
                signed_in_as: None,
            },
            starttls: true,
            mechanisms: vec!["EXTERNAL", "PLAIN", "LOGIN"],
            front,
        };
        Self {
            session: Session::new(now, role, limits, facts),
            said: String::new(),
            stored: Vec::new(),
            closed: false,
            wake: None,
            full: true,
            store: Answer::Stored,
            asked: Vec::new(),
            signing_in: String::new(),
        }
    }

    pub(crate) fn mx() -> Self {
        let mut house = Self::new(morning(), Role::Mx, Limits::default(), None);
        house.settle(morning());
        house
    }

    pub(crate) fn submission() -> Self {
        let mut house = Self::new(morning(), Role::Submission, Limits::default(), Some(tls()));
        house.settle(morning());
        house
    }

    /// The client says something; the answer is what the house said since.
    pub(crate) fn hear(&mut self, now: Timestamp, bytes: &[u8]) -> String {
        let before = self.said.len();
        let mut rest = bytes;
        while !rest.is_empty() && !self.closed {
            let (piece, after) = rest.split_at(rest.len().min(self.session.room().max(1)));
            self.session.bytes_arrived(now, piece);
            self.settle(now);
            rest = after;
        }
        self.said[before..].to_owned()
    }

    /// Does what is asked until nothing is.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        while let Some(ask) = self.session.next() {
            assert!(!self.closed, "something follows Close: {ask:?}");
            if let Some(answer) = self.answer(ask) {
                self.session.answer_arrived(now, answer);
            }
        }
    }

    fn answer(&mut self, ask: Ask) -> Option<Answer> {
        let (word, answer) = match ask {
            Ask::Write(bytes) => {
                self.said.push_str(&String::from_utf8(bytes).unwrap());
                return None;
            }
            Ask::WakeAt(at) => {
                self.wake = Some(at);
                return None;
            }
            Ask::Close => {
                self.closed = true;
                return None;
            }
            Ask::StartTls => ("tls".to_owned(), Answer::TlsStarted(tls())),
            Ask::SignIn(step) => ("sign in".to_owned(), self.sign_in(step)),
            Ask::Sender { reverse_path, client } => {
                let allowed = client.signed_in_as.is_none_or(|name| {
                    reverse_path.mailbox().is_some_and(|address| address.local().as_str() == name)
                });
                let answer = match allowed {
                    true => Answer::Permitted,
                    false => Answer::Refused(table::SENDER_NOT_YOURS.reply()),
                };
                (format!("sender {reverse_path}"), answer)
            }
            Ask::Recipient { recipient, .. } => {
                let path = recipient.path.to_string();
                let answer = match path.as_str() {
                    p if p.starts_with("<no") => Answer::Refused(table::NO_SUCH_MAILBOX.reply()),
                    p if p.starts_with("<full") && self.full => Answer::Refused(table::MAILBOX_FULL.reply()),
                    _ => Answer::Permitted,
                };
                (format!("recipient {path}"), answer)
            }
            // Nobody's name is known here, and only An may sign in elsewhere.
            Ask::Introduced { mut client, login } => {
                let answer = match login.map(|login| login.to_string()) {
                    None => Answer::Introduced(client),
                    Some(login) if login == "an@foo.com" => {
                        client.signed_in_as = Some("an".to_owned());
                        Answer::Introduced(client)
                    }
                    Some(_) => Answer::Refused(table::NO_FRONT.reply()),
                };
                ("introduced".to_owned(), answer)
            }
            Ask::Accept(arrived) => {
                if matches!(self.store, Answer::Stored | Answer::StoredEach(_)) {
                    self.stored.push(*arrived);
                }
                ("store".to_owned(), self.store.clone())
            }
        };
        self.asked.push(word);
        Some(answer)
    }

    /// An and the password, by either mechanism.
    fn sign_in(&mut self, step: SignIn) -> Answer {
        let message = match step {
            SignIn::Begin { mechanism, initial } => {
                self.signing_in = mechanism.to_owned();
                let challenge = if mechanism == "LOGIN" { "Username:" } else { "" };
                match initial {
                    None => return Answer::Challenge(challenge.into()),
                    Some(initial) => initial,
                }
            }
            SignIn::Message(message) => message,
        };
        match (self.signing_in.as_str(), message.expose_secret().as_slice()) {
            ("LOGIN", b"an") => {
                self.signing_in = "LOGIN of an".to_owned();
                Answer::Challenge(b"Password:".to_vec())
            }
            ("PLAIN", b"\0an\0secret") | ("LOGIN of an", b"secret") | ("EXTERNAL", b"") => {
                Answer::SignedIn("an".to_owned())
            }
            _ => Answer::Refused(table::BAD_CREDENTIALS.reply()),
        }
    }

    /// Plays a dialogue: `C:` lines are said by the client, `S:` lines begin what the house must answer. Lines of one group
    /// are said one after the other.
    pub(crate) fn play(&mut self, dialogue: &str) {
        let mut heard = String::new();
        for line in dialogue.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (who, words) = line.split_at(2);
            let words = words.strip_prefix(' ').unwrap_or(words);
            match who {
                "C:" => {
                    assert_eq!(heard, "", "not expected before {words:?}");
                    heard = self.hear(morning(), format!("{words}\r\n").as_bytes());
                }
                "S:" => {
                    let end = heard.find("\r\n").map_or(heard.len(), |at| at + 2);
                    let said: String = heard.drain(..end).collect();
                    assert!(said.starts_with(words), "expected {words:?}, heard {said:?} of {dialogue}");
                    while heard.starts_with(&words[..3]) && said.as_bytes().get(3) == Some(&b'-') {
                        let end = heard.find("\r\n").map_or(heard.len(), |at| at + 2);
                        let last = heard.as_bytes().get(3) == Some(&b' ');
                        heard.drain(..end);
                        if last {
                            break;
                        }
                    }
                }
                _ => panic!("{line}"),
            }
        }
        assert_eq!(heard, "", "at the end of {dialogue}");
    }
}
