//! What mail may go where, and from whom (RULES M7–M12, M31, M32): rules as data, asked by one pure function.
//!
//! ```text
//!   store rows ─► Book (in memory) ─► Rules for one standing ─┐
//!   letter ─────► Facts (counts and words) ──────────────────┴─► judge ─► Verdict: refusal, remarks, outcome
//! ```
//!
//! Nothing here knows how mail travels. Facts hold no address and no content, so that they can be kept and asked again
//! by rules that are not decided yet ("what would this have done last week").

mod book;
mod desk;
mod rule;
mod words;

use mail::Domain;
use serde::{Deserialize, Serialize};

use crate::{Said, Sentence};

pub use book::{Book, InForce, Rules, Standing};
pub use desk::{Change, Exception, Found, Scope, end, except, load, may_manage, scope, set};
pub use rule::{
    Action, DocumentsByMail, FreeMailDomains, MessageSize, Mode, OfficialMailOnly, OutsideForwarding,
    QuotaWarning, Rule, RuleFault, UnofficialSender, Word,
};
pub use words::{Label, Purpose};

/// Where a recipient is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// In the sender's own agency, or in a domain that all share.
    Own,
    /// In another agency of this house.
    House,
    /// At another office of the state.
    Government,
    /// In a free mailbox.
    FreeMail,
    /// Anywhere else.
    Other,
}

impl Class {
    /// Of a domain that is not ours.
    pub fn outside(domain: &Domain, is_free_mail: bool) -> Self {
        let name = domain.as_str();
        match () {
            () if is_free_mail => Self::FreeMail,
            // The state's domains (NĐ 147/2024: gov.vn is given to state agencies alone).
            () if name == "gov.vn" || name.ends_with(".gov.vn") => Self::Government,
            () => Self::Other,
        }
    }

    /// Whether mail there has left the state.
    pub fn is_outside(self) -> bool {
        matches!(self, Self::FreeMail | Self::Other)
    }
}

/// What is known of a letter: counts and words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Whether one of our own people sends it.
    pub is_ours: bool,
    /// Bytes.
    pub size: u64,
    /// Recipients in the sender's own agency.
    #[serde(skip_serializing_if = "is_none")]
    pub own: u32,
    /// Recipients in other agencies of the house.
    #[serde(skip_serializing_if = "is_none")]
    pub house: u32,
    /// Recipients at other offices of the state.
    #[serde(skip_serializing_if = "is_none")]
    pub government: u32,
    /// Recipients in free mailboxes.
    #[serde(skip_serializing_if = "is_none")]
    pub free_mail: u32,
    /// Recipients anywhere else.
    #[serde(skip_serializing_if = "is_none")]
    pub other: u32,
    /// Of those outside the state, how many at domains to which forwarding is allowed.
    #[serde(skip_serializing_if = "is_none")]
    pub forwarding_allowed: u32,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// How far it may go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Official documents attached.
    #[serde(skip_serializing_if = "is_none")]
    pub documents: u32,
    /// Whether it bears the signs of mail that is sent on by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_forwarded: bool,
    /// Whether a stranger sends it from a free mailbox under the name of an official of ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_namesake: bool,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Facts {
    /// Counts a recipient.
    pub fn count(&mut self, class: Class) {
        let counter = match class {
            Class::Own => &mut self.own,
            Class::House => &mut self.house,
            Class::Government => &mut self.government,
            Class::FreeMail => &mut self.free_mail,
            Class::Other => &mut self.other,
        };
        *counter = counter.saturating_add(1);
    }
}

/// Why a letter is not welcome, or what is odd about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A free mailbox, and nobody says why (RULES M7).
    PurposeMissing,
    /// An official document to a free mailbox (RULES M7).
    DocumentToFreeMail,
    /// A label that forbids a free mailbox (RULES M7).
    LabelToFreeMail,
    /// Mail that is sent on by itself to the outside (RULES M8).
    ForwardingOutside,
    /// From a free mailbox under an official's name (RULES M9, M10).
    UnofficialSender,
    /// An official document to another agency (RULES M12, R4).
    DocumentByMail,
    /// Larger than the sender may send (RULES M32).
    TooLarge {
        /// Bytes, at most.
        bytes_max: u64,
    },
}

impl Reason {
    /// All reasons, for manuals and tests; a size stands for any.
    pub const ALL: [Self; 7] = [
        Self::PurposeMissing,
        Self::DocumentToFreeMail,
        Self::LabelToFreeMail,
        Self::ForwardingOutside,
        Self::UnofficialSender,
        Self::DocumentByMail,
        Self::TooLarge { bytes_max: 26_214_400 },
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PurposeMissing => "purpose_missing",
            Self::DocumentToFreeMail => "document_to_free_mail",
            Self::LabelToFreeMail => "label_to_free_mail",
            Self::ForwardingOutside => "forwarding_outside",
            Self::UnofficialSender => "unofficial_sender",
            Self::DocumentByMail => "document_by_mail",
            Self::TooLarge { .. } => "message_too_large",
        }
    }
}

impl Said for Reason {
    fn said(&self) -> Sentence {
        let (vi, en): (String, String) = match self {
            Self::PurposeMissing => (
                "Gửi tới hộp thư miễn phí cần mã mục đích: thêm [công dân], [doanh nghiệp], [đối tác nước ngoài] hoặc [khác] vào tiêu đề".into(),
                "Mail to a free mailbox needs a purpose: put [citizen], [enterprise], [foreign partner] or [other] into the subject".into(),
            ),
            Self::DocumentToFreeMail => (
                "Văn bản chính thức không được gửi tới hộp thư miễn phí".into(),
                "Official documents may not be sent to a free mailbox".into(),
            ),
            Self::LabelToFreeMail => (
                "Thư có nhãn từ “nội bộ” trở lên không được gửi tới hộp thư miễn phí".into(),
                "Mail labelled internal or higher may not be sent to a free mailbox".into(),
            ),
            Self::ForwardingOutside => (
                "Không được tự động chuyển tiếp thư công vụ ra ngoài hệ thống".into(),
                "Official mail may not be forwarded outside automatically".into(),
            ),
            Self::UnofficialSender => (
                "Người gửi không dùng thư công vụ".into(),
                "The sender does not use official mail".into(),
            ),
            Self::DocumentByMail => (
                "Văn bản chính thức giữa các cơ quan phải gửi qua Trục liên thông, không gửi bằng thư".into(),
                "Official documents between agencies go over the exchange, not by mail".into(),
            ),
            Self::TooLarge { bytes_max } => (
                format!("Thư lớn hơn mức cho phép ({bytes_max} byte); hãy gửi đường dẫn tới tệp"),
                format!("The message is larger than {bytes_max} bytes; send a link to the file"),
            ),
        };
        Sentence::new(self.code(), vi, en)
    }
}

/// What the rules say to a letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// It is not taken, for this reason.
    pub refusal: Option<Reason>,
    /// It is taken, and this is counted.
    pub remarks: Vec<Reason>,
}

impl Verdict {
    /// One stable word for reports: the refusal's code, what was remarked first, the purpose, or `accepted`.
    pub fn outcome(&self, facts: &Facts) -> String {
        match (self.refusal, self.remarks.first(), facts.purpose) {
            (Some(reason), ..) => format!("refused.{}", reason.code()),
            (None, Some(reason), _) => format!("noted.{}", reason.code()),
            (None, None, Some(purpose)) if facts.free_mail > 0 => format!("free_mail.{}", purpose.as_str()),
            _ if facts.free_mail > 0 => "free_mail.unasked".to_owned(),
            _ => "accepted".to_owned(),
        }
    }

    fn weigh(&mut self, mode: Mode, reason: Reason) {
        match mode {
            Mode::Enforce => self.refusal = self.refusal.or(Some(reason)),
            Mode::Warn => self.remarks.push(reason),
            Mode::Off => {}
        }
    }
}

/// Holds a letter against the rules in force for its sender.
pub fn judge(facts: &Facts, rules: &Rules) -> Verdict {
    let mut verdict = Verdict::default();
    if facts.is_ours {
        of_our_own(facts, rules, &mut verdict);
    }
    if let Some(bytes_max) = rules.size_max
        && facts.size > bytes_max
    {
        verdict.weigh(Mode::Enforce, Reason::TooLarge { bytes_max });
    }
    if facts.is_namesake {
        let mode = match rules.unofficial_sender.action {
            Action::Refuse => Mode::Enforce,
            Action::Flag => Mode::Warn,
            Action::Off => Mode::Off,
        };
        verdict.weigh(mode, Reason::UnofficialSender);
    }
    verdict
}

fn of_our_own(facts: &Facts, rules: &Rules, verdict: &mut Verdict) {
    let outside = facts.free_mail.saturating_add(facts.other);
    if facts.is_forwarded && rules.outside_forwarding.is_some() && outside > facts.forwarding_allowed {
        verdict.weigh(Mode::Enforce, Reason::ForwardingOutside);
    }
    if facts.free_mail > 0 {
        let mode = rules.official_mail_only.mode;
        // What no purpose makes good comes first.
        if facts.documents > 0 {
            verdict.weigh(mode, Reason::DocumentToFreeMail);
        }
        if facts.label.is_some() {
            verdict.weigh(mode, Reason::LabelToFreeMail);
        }
        if facts.purpose.is_none() {
            verdict.weigh(mode, Reason::PurposeMissing);
        }
    }
    if facts.documents > 0 && facts.house.saturating_add(facts.government) > 0 {
        verdict.weigh(rules.documents_by_mail.mode, Reason::DocumentByMail);
    }
}

/// Whether mail may be forwarded to a target without a person's act (RULES M8): by a filter, a rule of a mailbox, a client's tool. Whoever
/// offers such a thing asks here, when it is set up and each time it acts.
///
/// # Errors
/// [`Reason::ForwardingOutside`].
pub fn may_forward(target: &Domain, class: Class, rules: &Rules) -> Result<(), Reason> {
    match &rules.outside_forwarding {
        Some(rule) if class.is_outside() && !rule.allow.contains(target) => Err(Reason::ForwardingOutside),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
