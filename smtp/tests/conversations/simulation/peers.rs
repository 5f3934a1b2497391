//! The other end of outgoing mail: a server with moods.

use std::sync::Arc;

use mail::Timestamp;
use smtp::send::{Ask, Delivery, Outcome, Session, TlsPolicy};
use smtp::{Limits, ReversePath};

use super::shared::Dice;
use crate::pair::terms;

/// What a server is like today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Takes everything.
    Good,
    /// Takes some, puts some off, refuses some; the number says whom.
    Mixed(u64),
    /// Refuses the text after the dot.
    RefusesText,
    /// Puts the text off after the dot.
    DefersText,
    /// Takes it, and the line breaks before the answer arrives.
    LostAfterDot,
    /// The line breaks at the dot, and nothing was taken.
    LostBeforeDot,
    /// Says nothing any more once the text begins.
    Silent,
    /// Takes it and answers minutes later.
    Late,
    /// Takes it and answers twice.
    Twice,
}

impl Mood {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        let whom = dice.below(1 << 16);
        *dice.one(&[
            Self::Good,
            Self::Good,
            Self::Mixed(whom),
            Self::Mixed(whom >> 3),
            Self::RefusesText,
            Self::DefersText,
            Self::LostAfterDot,
            Self::LostBeforeDot,
            Self::Silent,
            Self::Late,
            Self::Twice,
        ])
    }

    /// Reports are never refused: nobody would ever hear of them (RFC 5321 §4.5.5), and the story could not be checked.
    pub(super) fn towards(self, reverse_path: &ReversePath) -> Self {
        match (reverse_path, self) {
            (ReversePath::Null, Self::LostAfterDot | Self::Late | Self::Twice) => self,
            (ReversePath::Null, _) => Self::Good,
            _ => self,
        }
    }
}

/// A server's side of one conversation.
struct Peer {
    mood: Mood,
    heard: Vec<u8>,
    in_text: bool,
    recipients: Vec<String>,
    /// Whom it has taken the message for.
    taken: Option<Vec<String>>,
    asked: u32,
    is_gone: bool,
}

impl Peer {
    /// Hears bytes and says its answer.
    fn hear(&mut self, bytes: &[u8]) -> String {
        self.heard.extend_from_slice(bytes);
        let mut said = String::new();
        while !self.is_gone {
            let end: &[u8] = if self.in_text { b"\r\n.\r\n" } else { b"\r\n" };
            let Some(at) = self.heard.windows(end.len()).position(|window| window == end) else { break };
            let line: Vec<u8> = self.heard.drain(..at + end.len()).collect();
            said.push_str(&match self.in_text {
                true => self.dot(),
                false => self.command(&String::from_utf8(line).unwrap()),
            });
        }
        said
    }

    fn command(&mut self, line: &str) -> String {
        let word = line[..4].to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => "250-mx.b.vn\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n".into(),
            "RCPT" => self.recipient(line),
            "DATA" if self.mood == Mood::Silent => {
                self.is_gone = true;
                String::new()
            }
            "DATA" if self.recipients.is_empty() => "554 5.5.1 No valid recipients\r\n".into(),
            "DATA" => {
                self.in_text = true;
                "354 Go on\r\n".into()
            }
            _ => "250 2.0.0 OK\r\n".into(),
        }
    }

    fn recipient(&mut self, line: &str) -> String {
        let (begin, end) = (line.find('<').unwrap() + 1, line.find('>').unwrap());
        let digit = if let Mood::Mixed(whom) = self.mood { whom / 3u64.pow(self.asked) % 3 } else { 0 };
        self.asked += 1;
        match digit {
            0 => {
                self.recipients.push(line[begin..end].to_owned());
                "250 2.1.5 OK\r\n".into()
            }
            1 => "451 4.7.1 Greylisted\r\n".into(),
            _ => "550 5.1.1 No such user\r\n".into(),
        }
    }

    fn dot(&mut self) -> String {
        self.in_text = false;
        match self.mood {
            Mood::RefusesText => return "554 5.6.0 Not this\r\n".into(),
            Mood::DefersText => return "452 4.3.1 Not now\r\n".into(),
            Mood::LostBeforeDot => self.is_gone = true,
            _ => self.taken = Some(std::mem::take(&mut self.recipients)),
        }
        self.is_gone |= self.mood == Mood::LostAfterDot;
        match self.mood {
            Mood::LostAfterDot | Mood::LostBeforeDot => String::new(),
            Mood::Twice => "250 2.0.0 OK\r\n250 2.0.0 OK\r\n".into(),
            _ => "250 2.0.0 OK\r\n".into(),
        }
    }
}

/// Carries a mail to a server in a mood: what our side makes of it, and whom the server has really taken it for.
pub(super) fn converse(mood: Mood, delivery: Delivery, now: &mut Timestamp) -> (Outcome, Vec<String>) {
    let mut session = Session::new(*now, terms(TlsPolicy::Opportunistic), Limits::default());
    let mut peer = Peer {
        mood,
        heard: Vec::new(),
        in_text: false,
        recipients: Vec::new(),
        taken: None,
        asked: 0,
        is_gone: false,
    };
    session.deliver(*now, Delivery { message: Arc::clone(&delivery.message), ..delivery });
    session.bytes_arrived(*now, b"220 mx.b.vn ESMTP\r\n");
    let mut wake = *now;
    for _ in 0..1_000 {
        let mut said = String::new();
        let mut is_still = true;
        while let Some(ask) = session.next() {
            match ask {
                Ask::Write(bytes) => {
                    said.push_str(&peer.hear(&bytes));
                    session.written(*now);
                    is_still = false;
                }
                Ask::WakeAt(at) => wake = at,
                Ask::Done(outcome) => return (outcome, peer.taken.unwrap_or_default()),
                Ask::StartTls => unreachable!("it is not offered"),
                Ask::Close => panic!("closed without an outcome"),
            }
        }
        if peer.taken.is_some() && mood == Mood::Late {
            *now = now.plus(std::time::Duration::from_secs(240));
        }
        match (said.is_empty(), mood) {
            (false, _) => session.bytes_arrived(*now, said.as_bytes()),
            (true, Mood::LostAfterDot | Mood::LostBeforeDot) if peer.is_gone => session.connection_lost(*now),
            (true, _) if is_still => {
                *now = wake.max(now.plus(std::time::Duration::from_secs(1)));
                session.time_passed(*now);
            }
            (true, _) => {}
        }
    }
    panic!("the conversation never ends: {mood:?}")
}
