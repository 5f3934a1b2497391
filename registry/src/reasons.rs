//! Reasons that have a code: why a receiver sends a document back (RULES R30), why paper follows it (RULES R15).

use std::fmt;

/// Characters of a reason (RULES R30).
pub const REASON_CHARS_MAX: usize = 1_000;

/// Why a document is refused, or an order to cancel it cannot be followed (RULES R30, R40).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// It was meant for another agency.
    WrongReceiver,
    /// Its signatures are not valid. Of an order: the order's own.
    SignatureInvalid,
    /// It was changed or damaged.
    Integrity,
    /// Something of it is missing.
    Incomplete,
    /// It cannot be read.
    Format,
    /// It was received before.
    Duplicate,
    /// It is marked as a state secret.
    Secret,
    /// It carries malware.
    Malware,
    /// Of an order to cancel: there is no such document here.
    NotFound,
    /// Something else, in words.
    Other,
}

impl RefusalReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::WrongReceiver,
        Self::SignatureInvalid,
        Self::Integrity,
        Self::Incomplete,
        Self::Format,
        Self::Duplicate,
        Self::Secret,
        Self::Malware,
        Self::NotFound,
        Self::Other,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::WrongReceiver => "WRONG_RECEIVER",
            Self::SignatureInvalid => "SIGNATURE_INVALID",
            Self::Integrity => "INTEGRITY",
            Self::Incomplete => "INCOMPLETE",
            Self::Format => "FORMAT",
            Self::Duplicate => "DUPLICATE",
            Self::Secret => "SECRET",
            Self::Malware => "MALWARE",
            Self::NotFound => "NOT_FOUND",
            Self::Other => "OTHER",
        }
    }

    /// What it means, for people.
    pub fn vi(self) -> &'static str {
        match self {
            Self::WrongReceiver => "Gửi không đúng nơi nhận",
            Self::SignatureInvalid => "Chữ ký số không hợp lệ",
            Self::Integrity => "Văn bản không toàn vẹn",
            Self::Incomplete => "Văn bản không đầy đủ",
            Self::Format => "Không đúng định dạng",
            Self::Duplicate => "Văn bản trùng",
            Self::Secret => "Văn bản có độ mật",
            Self::Malware => "Có mã độc",
            Self::NotFound => "Không tìm thấy văn bản",
            Self::Other => "Lý do khác",
        }
    }

    /// What it means, for people.
    pub fn en(self) -> &'static str {
        match self {
            Self::WrongReceiver => "Sent to the wrong receiver",
            Self::SignatureInvalid => "A signature is not valid",
            Self::Integrity => "The document is not whole",
            Self::Incomplete => "The document is not complete",
            Self::Format => "The format is not right",
            Self::Duplicate => "The document was received before",
            Self::Secret => "The document is marked as a state secret",
            Self::Malware => "The document carries malware",
            Self::NotFound => "There is no such document",
            Self::Other => "Another reason",
        }
    }

    /// The reason in a status's `Description`, which begins with the code: `WRONG_RECEIVER: …`. The wire has no place of its
    /// own for it, and what other products write is `OTHER`.
    pub fn in_description(text: &str) -> Self {
        let word = text.trim_start().split(|c: char| !(c.is_ascii_uppercase() || c == '_')).next();
        Self::ALL.into_iter().find(|reason| Some(reason.code()) == word).unwrap_or(Self::Other)
    }

    /// The `Description` that carries it. [`RefusalReason::Other`] needs words.
    ///
    /// # Errors
    /// [`BadReason`].
    pub fn describe(self, words: &str) -> Result<String, BadReason> {
        let words = words.trim();
        if self == Self::Other && words.is_empty() {
            return Err(BadReason::Empty);
        }
        if words.chars().count() > REASON_CHARS_MAX {
            return Err(BadReason::TooLong);
        }
        let words = if words.is_empty() { self.vi() } else { words };
        Ok(format!("{}: {words}", self.code()))
    }
}

/// Why a reason is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReason {
    /// Nothing was said.
    #[error("a reason is missing")]
    Empty,
    /// Longer than [`REASON_CHARS_MAX`].
    #[error("a reason is longer than 1000 characters")]
    TooLong,
}

/// Why paper follows an electronic document (RULES R15). The wire says only that it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PaperReason {
    /// To the Government or the Prime Minister (QĐ 28 Đ7.2.a).
    ToGovernment,
    /// In the list of the head of the agency (Đ7.2.b): which item.
    AgencyList(String),
    /// The receiver is not ready (Đ7.1).
    ReceiverNotReady,
}

/// What a package over the wire gives as reason: none.
pub const PAPER_UNSTATED: &str = "unstated";

impl PaperReason {
    /// Reads `GOV_PM`, `AGENCY_LIST(item)` or `RECEIVER_NOT_READY`.
    pub fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "GOV_PM" => Some(Self::ToGovernment),
            "RECEIVER_NOT_READY" => Some(Self::ReceiverNotReady),
            other => {
                let item = other.strip_prefix("AGENCY_LIST(")?.strip_suffix(')')?.trim();
                let fits = !item.is_empty() && item.chars().count() <= 100;
                fits.then(|| Self::AgencyList(item.to_owned()))
            }
        }
    }
}

impl fmt::Display for PaperReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ToGovernment => f.write_str("GOV_PM"),
            Self::AgencyList(item) => write!(f, "AGENCY_LIST({item})"),
            Self::ReceiverNotReady => f.write_str("RECEIVER_NOT_READY"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r30_reasons_travel_in_the_description() {
        for reason in RefusalReason::ALL {
            let text = reason.describe("vì lý do này").unwrap();
            assert_eq!(RefusalReason::in_description(&text), reason, "{text}");
        }
        assert_eq!(RefusalReason::Duplicate.describe(" ").unwrap(), "DUPLICATE: Văn bản trùng");
        assert_eq!(RefusalReason::Other.describe(" "), Err(BadReason::Empty));
        assert_eq!(RefusalReason::Format.describe(&"ă".repeat(1_001)), Err(BadReason::TooLong));
        assert!(RefusalReason::Format.describe(&"ă".repeat(1_000)).is_ok());
        for text in ["", "sai nơi nhận", "DUPLICATED", "secret: x", "SECRETLY"] {
            assert_eq!(RefusalReason::in_description(text), RefusalReason::Other, "{text}");
        }
    }

    #[test]
    fn r15_paper_has_three_reasons() {
        for text in ["GOV_PM", "AGENCY_LIST(12)", "RECEIVER_NOT_READY"] {
            assert_eq!(PaperReason::read(text).unwrap().to_string(), text);
        }
        for text in ["", "1", "AGENCY_LIST", "AGENCY_LIST()", "AGENCY_LIST( )", "gov_pm", PAPER_UNSTATED] {
            assert_eq!(PaperReason::read(text), None, "{text}");
        }
    }
}
