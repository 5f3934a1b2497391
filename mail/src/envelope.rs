//! What travels with a mail on its way out: the envelope, apart from the message (RFC 5321 §2.3.1).
//!
//! This is the payload of the outbox rows of kind `mail` (one per destination domain) and `local` (one per
//! recipient with an account here), as JSON. Whoever accepts a mail for sending writes it, whoever carries the mail
//! reads it; neither has to know the other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{AccountId, EmailAddress, SubmissionId, Timestamp};

/// A mail on its way to one destination. The bytes are the outbox row's blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundMail {
    /// Where failures are told (`MAIL FROM`); `None` is the null path `<>`, to which nothing is ever told.
    pub reverse_path: Option<EmailAddress>,
    /// Who is still to get it. A carrier that has to try again writes back those that are left.
    pub recipients: Vec<OutboundRecipient>,
    /// The submission whose delivery states are to be brought up to date, if the mail was handed in as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<(AccountId, SubmissionId)>,
    /// The sender's own name for this sending, decoded (RFC 3461 §4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envid: Option<String>,
    /// How much of the message a failure report carries (RFC 3461 §4.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<DsnReturn>,
    /// Whether an address or a header needs SMTPUTF8 (RFC 6531 §3.2): the next hop must offer it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub smtputf8: bool,
    /// Whether the body has bytes beyond ASCII (RFC 6152): the next hop must offer 8BITMIME or the body be recoded.
    #[serde(default, skip_serializing_if = "is_false")]
    pub body_8bit: bool,
    /// Whether it came with BODY=BINARYMIME and holds what no line-oriented host takes (RFC 3030 §3): the next hop must offer that, or
    /// the parts be recoded ([`crate::recode`]).
    #[serde(default, skip_serializing_if = "is_false")]
    pub binary: bool,
    /// Every host on the way must take it through TLS that is proven, and say so (REQUIRETLS, RFC 8689 §2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_tls: bool,
    /// How soon the sender wants it carried (MT-PRIORITY, RFC 6710). Only our own people's wish is kept: a stranger's is not obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// When the house took the mail in.
    pub received_at: Timestamp,
    /// Not before (FUTURERELEASE, RFC 4865).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// By when the sender wants it delivered (DELIVERBY, RFC 2852).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_by: Option<DeliverBy>,
    /// Where an operator has sent it, `HOST:PORT`, whatever routes and DNS say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// The message's name in the trace ([`crate::Letter::id`]); empty for what the house writes itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace: String,
    /// Keywords that it lies in a mailbox with, in a row of kind `local`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// The list it is a copy of: its fields go before the message ([`crate::list::fields`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<EmailAddress>,
    /// The address of this house that has moved to where it goes (RULES M5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_by: Option<EmailAddress>,
    /// The list whose members get copies once somebody carries it: it was held back, and its sender was welcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_list: Option<EmailAddress>,
}

/// One recipient of a mail on its way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundRecipient {
    /// `RCPT TO`.
    pub address: EmailAddress,
    /// Which reports the sender asked for; `None` is the default, failures (RFC 3461 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// The address as the sender first wrote it: type and decoded address, `rfc822;an@a.vn` (RFC 3461 §4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orcpt: Option<String>,
    /// The account of this house it leads to, in a row of kind `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_account: Option<AccountId>,
}

impl OutboundRecipient {
    /// Somebody of the house, by account.
    pub fn in_account(account_id: AccountId, address: EmailAddress) -> Self {
        Self { local_account: Some(account_id), ..Self::plain(address) }
    }

    /// A recipient without any wish about reports.
    pub fn plain(address: EmailAddress) -> Self {
        Self { address, notify: None, orcpt: None, local_account: None }
    }
}

/// What is known of a submission's delivery, by recipient address (RFC 8621 §7, `deliveryStatus`): the JSON of
/// a submission's row. Whoever carries the mail brings it up to date.
pub type DeliveryStates = std::collections::BTreeMap<String, DeliveryState>;

/// What is known of the delivery to one recipient (RFC 8621 §7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryState {
    /// The last reply of the host that was asked to take the mail: `250 2.0.0 OK`.
    pub smtp_reply: String,
    /// Whether it arrived.
    pub delivered: Delivered,
    /// Whether it was displayed: `yes` once a disposition notification said so, `unknown` before.
    pub displayed: Displayed,
}

impl DeliveryState {
    /// A recipient whose mail was taken in and waits in the outbox.
    pub fn queued() -> Self {
        Self {
            smtp_reply: "250 2.0.0 queued".to_owned(),
            delivered: Delivered::Queued,
            displayed: Displayed::Unknown,
        }
    }

    /// A list: its members have the copies on their way, and nobody reports on them to the author (RFC 3461 §5.2.7.3).
    pub fn expanded() -> Self {
        let smtp_reply = "250 2.1.5 queued for the members".to_owned();
        Self { smtp_reply, delivered: Delivered::Unknown, displayed: Displayed::Unknown }
    }
}

/// Whether a mail arrived (RFC 8621 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivered {
    /// On its way.
    Queued,
    /// In the recipient's mailbox.
    Yes,
    /// It cannot be delivered.
    No,
    /// Handed to a system that does not tell.
    Unknown,
}

/// Whether a mail was displayed (RFC 8621 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Displayed {
    /// Nothing is known.
    Unknown,
    /// The recipient's client said so.
    Yes,
}

impl OutboundMail {
    /// One that the house writes itself, in ASCII, for one recipient. The null path: nobody is told when it cannot be delivered.
    pub fn from_the_house(recipient: OutboundRecipient, now: Timestamp) -> Self {
        Self {
            reverse_path: None,
            smtputf8: recipient.address.needs_smtputf8(),
            recipients: vec![recipient],
            submission: None,
            envid: None,
            ret: None,
            body_8bit: false,
            binary: false,
            require_tls: false,
            priority: None,
            not_before: None,
            deliver_by: None,
            via: None,
            received_at: now,
            trace: String::new(),
            keywords: Vec::new(),
            list: None,
            forwarded_by: None,
            to_list: None,
        }
    }

    /// From when the retry schedule counts: until then nobody waited for it (RFC 4865 §4.1).
    pub fn starts_at(&self) -> Timestamp {
        self.not_before.map_or(self.received_at, |at| at.max(self.received_at))
    }

    /// Whether it is carried in the urgent lane (RULES R21).
    pub fn is_urgent(&self) -> bool {
        self.priority.is_some_and(Priority::is_urgent)
    }
}

/// By when a mail is to be delivered (RFC 2852 §4): the moment, for time goes on while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverBy {
    /// The moment.
    pub at: Timestamp,
    /// What becomes of it then.
    pub then: WhenLate,
    /// Whether each hand-over to another system is reported (`T`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub trace: bool,
    /// Whether its sender has been told that it is late.
    #[serde(default, skip_serializing_if = "is_false")]
    pub told: bool,
}

impl DeliverBy {
    /// Seconds left at `now`, as they are passed on (RFC 2852 §4.1); none or fewer when it is late.
    pub fn seconds_left(&self, now: Timestamp) -> i64 {
        (self.at.millis() - now.millis()).div_euclid(1_000)
    }

    /// Whether it is late at `now`.
    pub fn is_late(&self, now: Timestamp) -> bool {
        now >= self.at
    }

    /// Whether it is not to be delivered any more at `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.then == WhenLate::Return && self.is_late(now)
    }

    /// When whoever keeps it has to act, if that is still to come.
    pub fn wakes_at(&self, now: Timestamp) -> Option<Timestamp> {
        (!self.told && !self.is_late(now)).then_some(self.at)
    }
}

/// `by-mode` of RFC 2852 §4: what becomes of a mail that is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenLate {
    /// `R`: it is given back and not delivered.
    Return,
    /// `N`: its sender is told, and it goes on.
    Notify,
}

impl fmt::Display for WhenLate {
    /// As it goes on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Return => "R",
            Self::Notify => "N",
        })
    }
}

/// `MT-PRIORITY` of RFC 6710: from -9, the last, to 9, the first; whoever says nothing means 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub struct Priority(i8);

impl Priority {
    /// From here on a mail is urgent. Ours: RFC 6710 leaves it to each house how many classes it tells apart.
    const URGENT: i8 = 4;

    /// Whether a mail with it goes before others.
    pub fn is_urgent(self) -> bool {
        self.0 >= Self::URGENT
    }
}

/// The number is no priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a value of MT-PRIORITY (-9 to 9)")]
pub struct BadPriority;

impl TryFrom<i8> for Priority {
    type Error = BadPriority;

    fn try_from(number: i8) -> Result<Self, BadPriority> {
        (-9..=9).contains(&number).then_some(Self(number)).ok_or(BadPriority)
    }
}

impl From<Priority> for i8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

impl FromStr for Priority {
    type Err = BadPriority;

    /// `priority-value = (["-"] NZDIGIT) / "0"` (RFC 6710).
    fn from_str(text: &str) -> Result<Self, BadPriority> {
        let plain = matches!(text.as_bytes(), [b'0'] | [b'1'..=b'9'] | [b'-', b'1'..=b'9']);
        let number = text.parse().ok().filter(|_| plain);
        number.map(Self).ok_or(BadPriority)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `RET` of RFC 3461 §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DsnReturn {
    /// The whole message.
    Full,
    /// Its headers only.
    Hdrs,
}

impl FromStr for DsnReturn {
    type Err = BadDsnOption;

    fn from_str(word: &str) -> Result<Self, BadDsnOption> {
        match word.to_ascii_uppercase().as_str() {
            "FULL" => Ok(Self::Full),
            "HDRS" => Ok(Self::Hdrs),
            _ => Err(BadDsnOption),
        }
    }
}

impl fmt::Display for DsnReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Hdrs => "HDRS",
        })
    }
}

/// `NOTIFY` of RFC 3461 §4.1. None of the three is `NEVER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// Tell when it was delivered.
    pub success: bool,
    /// Tell when it cannot be delivered.
    pub failure: bool,
    /// Tell when it takes unusually long.
    pub delay: bool,
}

impl Notify {
    /// Tell nothing, whatever happens.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };
}

/// The text is no value of NOTIFY or RET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a value of NOTIFY (NEVER or SUCCESS,FAILURE,DELAY) or RET (FULL, HDRS)")]
pub struct BadDsnOption;

impl FromStr for Notify {
    type Err = BadDsnOption;

    /// Reads `NEVER`, or a list of `SUCCESS`, `FAILURE` and `DELAY` in any order; `NEVER` stands alone.
    fn from_str(text: &str) -> Result<Self, BadDsnOption> {
        if text.eq_ignore_ascii_case("NEVER") {
            return Ok(Self::NEVER);
        }
        let mut notify = Self::NEVER;
        for word in text.split(',') {
            match word.to_ascii_uppercase().as_str() {
                "SUCCESS" => notify.success = true,
                "FAILURE" => notify.failure = true,
                "DELAY" => notify.delay = true,
                _ => return Err(BadDsnOption),
            }
        }
        Ok(notify)
    }
}

impl fmt::Display for Notify {
    /// As it goes on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let given: Vec<&str> =
            words.iter().filter(|(is_given, _)| *is_given).map(|(_, word)| *word).collect();
        f.write_str(if given.is_empty() { "NEVER" } else { "" })?;
        f.write_str(&given.join(","))
    }
}

impl Serialize for Notify {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Notify {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn notify_of_rfc_3461_4_1() {
        let never = Notify::NEVER;
        let rows = [
            ("NEVER",                 Ok(never)),
            ("never",                 Ok(never)),
            ("SUCCESS",               Ok(Notify { success: true, ..never })),
            ("failure,DELAY",         Ok(Notify { failure: true, delay: true, ..never })),
            ("DELAY,SUCCESS,FAILURE", Ok(Notify { success: true, failure: true, delay: true })),
            ("NEVER,SUCCESS",         Err(BadDsnOption)),
            ("SUCCESS,",              Err(BadDsnOption)),
            ("",                      Err(BadDsnOption)),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse(), expected, "{text:?}");
            if let Ok(notify) = expected {
                assert_eq!(notify.to_string().parse(), Ok(notify), "{text:?}");
            }
        }
        assert_eq!("hdrs".parse::<DsnReturn>().map(|r| r.to_string()), Ok("HDRS".to_owned()));
    }

    #[test]
    fn a_payload_reads_what_it_writes() {
        let mail = OutboundMail {
            reverse_path: Some("an@a.gov.vn".parse().unwrap()),
            recipients: vec![OutboundRecipient {
                notify: Some(Notify { failure: true, ..Notify::NEVER }),
                orcpt: Some("rfc822;Bình@b.vn".to_owned()),
                local_account: Some(AccountId::from_bytes([1; 16])),
                ..OutboundRecipient::plain("bình@b.vn".parse().unwrap())
            }],
            submission: Some((AccountId::from_bytes([2; 16]), SubmissionId::from_bytes([3; 16]))),
            envid: Some("QQ314159".to_owned()),
            ret: Some(DsnReturn::Hdrs),
            smtputf8: true,
            body_8bit: true,
            binary: true,
            require_tls: true,
            priority: Some("-3".parse().unwrap()),
            received_at: Timestamp::from_secs(1_795_309_200),
            not_before: Some(Timestamp::from_secs(1_795_309_900)),
            deliver_by: Some(DeliverBy {
                at: Timestamp::from_secs(1_795_309_999),
                then: WhenLate::Notify,
                trace: true,
                told: true,
            }),
            via: Some("relay.a.vn:25".to_owned()),
            trace: "s1.1".to_owned(),
            keywords: vec!["$junk".to_owned()],
            list: None,
            forwarded_by: None,
            to_list: None,
        };
        let json = serde_json::to_string(&mail).unwrap();
        assert_eq!(serde_json::from_str::<OutboundMail>(&json).unwrap(), mail, "{json}");
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_6710_priorities() {
        let rows = [
            ("0", Some(false)), ("3", Some(false)), ("4", Some(true)), ("9", Some(true)), ("-1", Some(false)), ("-9", Some(false)),
            ("", None), ("10", None), ("-0", None), ("+4", None), ("04", None), ("-", None), ("4 ", None), ("٤", None), ("--4", None),
        ];
        for (text, urgent) in rows {
            let priority = text.parse::<Priority>().ok();
            assert_eq!(priority.map(Priority::is_urgent), urgent, "{text:?}");
            assert!(priority.is_none_or(|priority| priority.to_string() == text), "{text:?}");
        }
        assert!(serde_json::from_str::<Priority>("10").is_err());
    }

    #[test]
    fn delivery_states_are_those_of_rfc_8621_7() {
        let states = DeliveryStates::from([("b@b.vn".to_owned(), DeliveryState::queued())]);
        let json = serde_json::to_string(&states).unwrap();
        assert_eq!(
            json,
            r#"{"b@b.vn":{"smtpReply":"250 2.0.0 queued","delivered":"queued","displayed":"unknown"}}"#
        );
        assert_eq!(serde_json::from_str::<DeliveryStates>(&json).unwrap(), states);
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_2852_time_goes_on_while_a_mail_waits() {
        let by = |then, told| DeliverBy { at: Timestamp::from_secs(100), then, trace: false, told };
        let rows = [
            // at      left   late   over (R)  wakes
            (40_000,   60,    false, false,    true),
            (99_001,   0,     false, false,    true),
            (100_000,  0,     true,  true,     false),
            (100_001,  -1,    true,  true,     false),
            (160_000,  -60,   true,  true,     false),
        ];
        for (millis, left, late, over, wakes) in rows {
            let now = Timestamp::from_millis(millis);
            let (r, n) = (by(WhenLate::Return, false), by(WhenLate::Notify, false));
            assert_eq!((r.seconds_left(now), r.is_late(now), r.is_over(now)), (left, late, over), "{millis}");
            assert!(!n.is_over(now), "{millis}");
            assert_eq!(r.wakes_at(now).is_some(), wakes, "{millis}");
            assert_eq!(by(WhenLate::Notify, true).wakes_at(now), None, "{millis}");
        }
    }

    #[test]
    fn the_shortest_payload_is_three_fields() {
        let json = r#"{"reverse_path":null,"recipients":[{"address":"b@b.vn"}],"received_at":0}"#;
        let mail: OutboundMail = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&mail).unwrap(), json);
    }
}
