//! The rules, each a word and its parameters. Their text is read once into these types, and nobody looks at the text again.

use mail::Domain;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Said, Sentence};

/// Domains in one rule.
const DOMAINS_MAX: usize = 1_000;
/// Bytes of a rule's parameters.
const PARAMETERS_BYTES_MAX: usize = 64 * 1024;

/// Which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// Free mailboxes need a purpose (RULES M7).
    OfficialMailOnly,
    /// Which domains are free mail (RULES M7).
    FreeMailDomains,
    /// Nothing is forwarded outside by itself (RULES M8).
    OutsideForwarding,
    /// Who writes from a free mailbox under an official's name (RULES M9, M10).
    UnofficialSender,
    /// Official documents go over the exchange (RULES M12, R4).
    DocumentsByMail,
    /// How large a message may be (RULES M32).
    MessageSize,
    /// When the holder of a filling mailbox is warned (RULES M31).
    QuotaWarning,
}

impl Word {
    /// All rules.
    pub const ALL: [Self; 7] = [
        Self::OfficialMailOnly,
        Self::FreeMailDomains,
        Self::OutsideForwarding,
        Self::UnofficialSender,
        Self::DocumentsByMail,
        Self::MessageSize,
        Self::QuotaWarning,
    ];

    /// The word it is kept and named by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OfficialMailOnly => "official-mail-only",
            Self::FreeMailDomains => "free-mail-domains",
            Self::OutsideForwarding => "outside-forwarding",
            Self::UnofficialSender => "unofficial-sender",
            Self::DocumentsByMail => "documents-by-mail",
            Self::MessageSize => "message-size",
            Self::QuotaWarning => "quota-warning",
        }
    }

    /// Whether the rule is the house's alone: it is asked about letters that have several readers, or none yet.
    pub const fn is_house_only(self) -> bool {
        matches!(self, Self::FreeMailDomains | Self::UnofficialSender)
    }

    /// The rule of a word.
    ///
    /// # Errors
    /// [`RuleFault::Unknown`].
    pub fn read(text: &str) -> Result<Self, RuleFault> {
        Self::ALL.into_iter().find(|word| word.as_str() == text).ok_or(RuleFault::Unknown)
    }
}

/// Whether a rule is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// What breaks it is refused.
    #[default]
    Enforce,
    /// What breaks it goes out, and is counted.
    Warn,
    /// Nobody asks.
    Off,
}

/// See [`Word::OfficialMailOnly`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfficialMailOnly {
    /// Whether it is kept.
    pub mode: Mode,
}

/// See [`Word::FreeMailDomains`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FreeMailDomains {
    /// Domains beside those of the list that comes with the program.
    pub add: Vec<Domain>,
    /// Domains of that list that do not count.
    pub remove: Vec<Domain>,
}

/// See [`Word::OutsideForwarding`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutsideForwarding {
    /// Outside domains to which mail may be forwarded.
    pub allow: Vec<Domain>,
}

/// What is done with a letter from a free mailbox under an official's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is delivered with a banner (RULES M9).
    #[default]
    Flag,
    /// It is refused, and its sender told the official address (RULES M10).
    Refuse,
    /// Nothing.
    Off,
}

/// See [`Word::UnofficialSender`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnofficialSender {
    /// What is done.
    pub action: Action,
}

/// See [`Word::DocumentsByMail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentsByMail {
    /// Whether an official document may not go to another agency by mail.
    pub mode: Mode,
}

impl Default for DocumentsByMail {
    /// A copy for information may go by mail, marked as such (RULES R5); forbidding it is an agency's decision (R4).
    fn default() -> Self {
        Self { mode: Mode::Off }
    }
}

/// See [`Word::MessageSize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageSize {
    /// Bytes of an encoded message, at most. No rule goes beyond what the doors take.
    pub bytes_max: u64,
}

/// See [`Word::QuotaWarning`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaWarning {
    /// Percent of the quota, in rising order; none means no warnings.
    pub percents: Vec<u8>,
}

impl Default for QuotaWarning {
    /// RULES M31.
    fn default() -> Self {
        Self { percents: vec![80, 90, 95] }
    }
}

/// A rule with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// See [`Word::OfficialMailOnly`].
    OfficialMailOnly(OfficialMailOnly),
    /// See [`Word::FreeMailDomains`].
    FreeMailDomains(FreeMailDomains),
    /// See [`Word::OutsideForwarding`].
    OutsideForwarding(OutsideForwarding),
    /// See [`Word::UnofficialSender`].
    UnofficialSender(UnofficialSender),
    /// See [`Word::DocumentsByMail`].
    DocumentsByMail(DocumentsByMail),
    /// See [`Word::MessageSize`].
    MessageSize(MessageSize),
    /// See [`Word::QuotaWarning`].
    QuotaWarning(QuotaWarning),
}

/// Why something is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.said().en)]
pub enum RuleFault {
    /// No such word.
    Unknown,
    /// Parameters that the rule does not have, or not so.
    Parameters(String),
    /// A house rule at another scope.
    HouseOnly,
}

impl Rule {
    /// Reads a rule: its word and the JSON of its parameters.
    ///
    /// # Errors
    /// [`RuleFault::Parameters`].
    pub fn read(word: Word, parameters: &str) -> Result<Self, RuleFault> {
        if parameters.len() > PARAMETERS_BYTES_MAX {
            return Err(RuleFault::Parameters("too long".to_owned()));
        }
        Ok(match word {
            Word::OfficialMailOnly => Self::OfficialMailOnly(json(parameters)?),
            Word::FreeMailDomains => {
                let lists: FreeMailDomains = json(parameters)?;
                few(&lists.add)?;
                few(&lists.remove)?;
                Self::FreeMailDomains(lists)
            }
            Word::OutsideForwarding => {
                let list: OutsideForwarding = json(parameters)?;
                few(&list.allow)?;
                Self::OutsideForwarding(list)
            }
            Word::UnofficialSender => Self::UnofficialSender(json(parameters)?),
            Word::DocumentsByMail => Self::DocumentsByMail(json(parameters)?),
            Word::MessageSize => Self::MessageSize(json(parameters)?),
            Word::QuotaWarning => {
                let warning: QuotaWarning = json(parameters)?;
                let rising = warning.percents.windows(2).all(|two| two.first() < two.last());
                if !rising || warning.percents.iter().any(|percent| !(1..=100).contains(percent)) {
                    return Err(RuleFault::Parameters("percents rise from 1 to 100".to_owned()));
                }
                Self::QuotaWarning(warning)
            }
        })
    }

    /// Its word.
    pub fn word(&self) -> Word {
        match self {
            Self::OfficialMailOnly(_) => Word::OfficialMailOnly,
            Self::FreeMailDomains(_) => Word::FreeMailDomains,
            Self::OutsideForwarding(_) => Word::OutsideForwarding,
            Self::UnofficialSender(_) => Word::UnofficialSender,
            Self::DocumentsByMail(_) => Word::DocumentsByMail,
            Self::MessageSize(_) => Word::MessageSize,
            Self::QuotaWarning(_) => Word::QuotaWarning,
        }
    }

    /// Its parameters, as they are kept.
    pub fn parameters(&self) -> String {
        let text = match self {
            Self::OfficialMailOnly(rule) => serde_json::to_string(rule),
            Self::FreeMailDomains(rule) => serde_json::to_string(rule),
            Self::OutsideForwarding(rule) => serde_json::to_string(rule),
            Self::UnofficialSender(rule) => serde_json::to_string(rule),
            Self::DocumentsByMail(rule) => serde_json::to_string(rule),
            Self::MessageSize(rule) => serde_json::to_string(rule),
            Self::QuotaWarning(rule) => serde_json::to_string(rule),
        };
        // Lists of numbers and domains: there is nothing in them that JSON does not have.
        text.unwrap_or_default()
    }
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, RuleFault> {
    // A list would be taken for the parameters in their order, and nobody writes that on purpose.
    if !text.trim_start().starts_with('{') {
        return Err(RuleFault::Parameters("an object".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| RuleFault::Parameters(error.to_string()))
}

fn few(domains: &[Domain]) -> Result<(), RuleFault> {
    match domains.len() <= DOMAINS_MAX {
        true => Ok(()),
        false => Err(RuleFault::Parameters(format!("more than {DOMAINS_MAX} domains"))),
    }
}

impl Said for RuleFault {
    fn said(&self) -> Sentence {
        let words = || Word::ALL.map(Word::as_str).join(", ");
        match self {
            Self::Unknown => Sentence::new(
                "policy_rule_unknown",
                format!("Không có quy tắc này. Các quy tắc: {}.", words()),
                format!("There is no such rule. The rules are {}.", words()),
            ),
            Self::Parameters(why) => Sentence::new(
                "policy_parameters",
                format!("Tham số của quy tắc không đúng ({why})."),
                format!("The rule's parameters are not right ({why})."),
            ),
            Self::HouseOnly => Sentence::new(
                "policy_house_only",
                "Quy tắc này chỉ đặt cho toàn hệ thống (house).",
                "This rule is set for the whole house only.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m7_rules_are_parsed_not_checked() {
        let rows = [
            ("official-mail-only", r#"{"mode":"warn"}"#, true),
            ("official-mail-only", "{}", true),
            ("official-mail-only", r#"{"mode":"sometimes"}"#, false),
            ("official-mail-only", r#"{"mod":"warn"}"#, false),
            ("free-mail-domains", r#"{"add":["mail.test"],"remove":[]}"#, true),
            ("free-mail-domains", r#"{"add":["not a domain"]}"#, false),
            ("outside-forwarding", r#"{"allow":["bo.gov.vn"]}"#, true),
            ("unofficial-sender", r#"{"action":"refuse"}"#, true),
            ("documents-by-mail", r#"{"mode":"enforce"}"#, true),
            ("message-size", r#"{"bytes_max":1000}"#, true),
            ("message-size", "{}", false),
            ("message-size", r#"{"bytes_max":-1}"#, false),
            ("quota-warning", r#"{"percents":[50,90]}"#, true),
            ("quota-warning", r#"{"percents":[]}"#, true),
            ("quota-warning", r#"{"percents":[90,50]}"#, false),
            ("quota-warning", r#"{"percents":[0]}"#, false),
            ("quota-warning", "[]", false),
            ("quota-warning", "", false),
        ];
        for (word, parameters, is_good) in rows {
            let rule = Rule::read(Word::read(word).unwrap(), parameters);
            assert_eq!(rule.is_ok(), is_good, "{word} {parameters}: {rule:?}");
            if let Ok(rule) = rule {
                assert_eq!(rule.word().as_str(), word);
                assert_eq!(Rule::read(rule.word(), &rule.parameters()), Ok(rule));
            }
        }
        assert_eq!(Word::read("no-such").unwrap_err().said().code, "policy_rule_unknown");
        let long = format!("{{\"add\":[{}]}}", ["\"a.vn\""; 1_001].join(","));
        assert!(Rule::read(Word::FreeMailDomains, &long).is_err());
    }
}
