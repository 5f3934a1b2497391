//! What happened to a message, as it is remembered: one [`Event`] for each step that was committed.
//!
//! Whoever takes a message in, carries it, refuses it or lets it go writes the event in the transaction of what it tells; `congvan trace`
//! reads them and says them in words. An event is a protected record: the store keeps it sealed, for addresses stand in it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::letter::{Door, Step};
use crate::{AccountId, EmailAddress, Timestamp};

/// Recipients told in one event; a letter to more tells how many more there were.
pub const RECIPIENTS_MAX: usize = 100;
/// Octets of a reply that are kept (RFC 5321 §4.5.3.1.5 has lines of 512; three of them say it all twice).
const REPLY_BYTES_MAX: usize = 512;

/// One event of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It was taken in: from here on it is ours.
    Accepted(Accepted),
    /// It arrived whole and was not taken.
    Refused(Refused),
    /// An attempt to hand it on, and what that came to.
    Settled(Settled),
    /// What one connection was refused before any message was whole.
    TurnedAway(TurnedAway),
    /// Something that a person or a stage did to it: quarantined, released, held, redirected, dropped.
    Noted(Noted),
}

impl Event {
    /// The stable word for this kind of event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Refused(_) => "refused",
            Self::Settled(_) => "settled",
            Self::TurnedAway(_) => "turned_away",
            Self::Noted(_) => "noted",
        }
    }

    /// What was handed in, when this event tells of that.
    pub fn arrival(&self) -> Option<&Arrival> {
        match self {
            Self::Accepted(accepted) => Some(&accepted.arrival),
            Self::Refused(refused) => Some(&refused.arrival),
            Self::Settled(_) | Self::TurnedAway(_) | Self::Noted(_) => None,
        }
    }

    /// Whether an address is among the recipients it tells of.
    pub fn is_to(&self, address: &EmailAddress) -> bool {
        let is_it = |other: &EmailAddress| other.folded() == address.folded();
        match self {
            Self::Accepted(accepted) => accepted.to.iter().any(|to| is_it(&to.address)),
            Self::Refused(refused) => refused.to.iter().any(is_it),
            Self::Settled(settled) => settled.outcomes.iter().any(|outcome| is_it(&outcome.address)),
            Self::TurnedAway(_) | Self::Noted(_) => false,
        }
    }
}

/// A message as it came to a door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The way it came.
    pub door: Door,
    /// Who handed it in over a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Connection>,
    /// MAIL; `None` is the null path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<EmailAddress>,
    /// Which of our accounts sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Its length, bytes.
    pub size: u64,
    /// Its Message-ID, without angle brackets (RFC 5322 §3.6.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// Who was at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Where it connected from.
    pub ip: IpAddr,
    /// The forward-confirmed name of that address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_name: Option<String>,
    /// What it called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The TLS it came through: `TLS1.3 TLS_AES_128_GCM_SHA256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
}

/// A message was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// How it came.
    #[serde(flatten)]
    pub arrival: Arrival,
    /// For whom, and the way it goes to each; [`RECIPIENTS_MAX`] at most.
    pub to: Vec<Destination>,
    /// How many recipients more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// What the stages of the mail path found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<(String, String)>,
}

impl Accepted {
    /// A message with all its recipients and what the stages said.
    pub fn new(arrival: Arrival, mut to: Vec<Destination>, steps: &[Step]) -> Self {
        let more = to.len().saturating_sub(RECIPIENTS_MAX);
        to.truncate(RECIPIENTS_MAX);
        let steps = steps.iter().map(|step| (step.stage.to_owned(), clip(&step.outcome))).collect();
        Self { arrival, to, more, steps }
    }
}

/// One recipient, and where the message goes for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// RCPT.
    pub address: EmailAddress,
    /// The account of this house it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// By which way.
    pub goes: Goes,
}

/// The way a message goes to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goes {
    /// It lies in the mailbox.
    Mailbox,
    /// Into the outbox, for a mailbox of this house.
    Here,
    /// Into the outbox, for another system.
    Elsewhere,
    /// Into the outbox, for the members of a list.
    List,
    /// Nowhere: it came from that very list.
    Loop,
    /// Into the outbox, to be reported: the address leads nowhere any more.
    Nowhere,
}

/// A message that arrived whole was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// How it came.
    #[serde(flatten)]
    pub arrival: Arrival,
    /// For whom it was; [`RECIPIENTS_MAX`] at most.
    pub to: Vec<EmailAddress>,
    /// What the sender was told: code, status and words.
    pub reply: String,
}

impl Refused {
    /// A message, its recipients, and what its sender was told.
    pub fn new(arrival: Arrival, mut to: Vec<EmailAddress>, reply: &str) -> Self {
        to.truncate(RECIPIENTS_MAX);
        Self { arrival, to, reply: clip(reply) }
    }
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Where to: a domain, or an account of this house.
    pub destination: String,
    /// Which attempt it was, from 1.
    pub attempt: i64,
    /// The host that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// Whether what was carried is itself a report (RFC 3464).
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_report: bool,
    /// What it came to for each recipient; [`RECIPIENTS_MAX`] at most.
    pub outcomes: Vec<Outcome>,
    /// When another host took it, for those it was handed to: the legal time of sending (RULES M36).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// When it is tried again for those that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Where a report about it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Goes>,
}

/// What an attempt came to for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The recipient.
    pub address: EmailAddress,
    /// In one word.
    pub came_to: CameTo,
    /// The last reply.
    pub reply: String,
}

impl Outcome {
    /// What an attempt came to for a recipient, and the reply that said so.
    pub fn new(address: EmailAddress, came_to: CameTo, reply: &str) -> Self {
        Self { address, came_to, reply: clip(reply) }
    }
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameTo {
    /// In a mailbox of this house.
    Delivered,
    /// Another system has it.
    Relayed,
    /// Tried again later.
    Deferred,
    /// Given up; the sender is told if there is one to tell.
    Bounced,
}

/// What one connection was refused, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnedAway {
    /// The door.
    pub door: Door,
    /// Who connected.
    pub peer: Connection,
    /// Refused recipients.
    pub recipients: u32,
    /// Refused senders.
    pub senders: u32,
    /// Refused sign-ins.
    pub sign_ins: u32,
    /// The last thing the client was told.
    pub reply: String,
}

impl TurnedAway {
    /// Keeps the last thing the client was told.
    pub fn told(&mut self, reply: &str) {
        self.reply = clip(reply);
    }
}

/// Something that was done to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What, in a word that stays: `quarantined`, `released`, `held`.
    pub what: String,
    /// Who: an account id, or the name of a part of the program.
    pub by: String,
    /// More: ids and codes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

fn clip(text: &str) -> String {
    crate::text::clip(text, REPLY_BYTES_MAX).to_owned()
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival() -> Arrival {
        Arrival {
            door: Door::Mx,
            peer: Some(Connection {
                ip: IpAddr::from([192, 0, 2, 1]),
                reverse_name: None,
                name: Some("mail.x.vn".to_owned()),
                tls: None,
            }),
            from: Some("an@x.vn".parse().unwrap()),
            account: None,
            size: 1_024,
            message_id: Some("1@x.vn".to_owned()),
        }
    }

    #[test]
    fn an_event_reads_what_it_writes() {
        let to = Destination { address: "b@a.vn".parse().unwrap(), account: None, goes: Goes::Mailbox };
        let steps = [Step { stage: "auth", outcome: "spf=pass".to_owned() }];
        let settled = Settled {
            destination: "b.vn".to_owned(),
            attempt: 2,
            remote: Some("mx.b.vn".to_owned()),
            is_report: true,
            outcomes: vec![Outcome::new("b@b.vn".parse().unwrap(), CameTo::Deferred, "451 4.7.1 Later")],
            taken_at: Some(Timestamp::from_secs(7)),
            next_at: Some(Timestamp::from_secs(1)),
            report: Some(Goes::Elsewhere),
        };
        let events = [
            Event::Accepted(Accepted::new(arrival(), vec![to], &steps)),
            Event::Refused(Refused::new(arrival(), vec!["b@a.vn".parse().unwrap()], "550 5.7.1 No")),
            Event::Settled(settled),
            Event::Noted(Noted { what: "held".into(), by: "cli".into(), detail: String::new() }),
        ];
        for event in events {
            let json = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
            assert!(json.contains(&format!("\"event\":\"{}\"", event.kind())), "{json}");
        }
    }

    #[test]
    fn what_a_stranger_can_lengthen_is_bounded() {
        let to = Destination { address: "b@a.vn".parse().unwrap(), account: None, goes: Goes::Elsewhere };
        let accepted = Accepted::new(arrival(), vec![to; RECIPIENTS_MAX + 7], &[]);
        assert_eq!((accepted.to.len(), accepted.more), (RECIPIENTS_MAX, 7));
        assert!(Refused::new(arrival(), Vec::new(), &"ệ".repeat(9_999)).reply.len() <= REPLY_BYTES_MAX);
    }
}
