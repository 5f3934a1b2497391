//! What the house's rules found out about a letter and want kept with it.

use crate::{AgencyId, Timestamp, UnitId};

/// What the signatures on an official document came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentVerdict {
    /// All of them are valid.
    Valid,
    /// One of them is not.
    Invalid,
    /// Nobody could tell, or not in time.
    Unknown,
    /// There are none.
    Unsigned,
}

impl DocumentVerdict {
    /// The word that is kept and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Unsigned => "unsigned",
        }
    }

    /// The verdict of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Valid, Self::Invalid, Self::Unknown, Self::Unsigned].into_iter().find(|v| v.as_str() == word)
    }

    /// The keyword that a mail with such a document lies in a mailbox with.
    pub const fn keyword(self) -> Option<&'static str> {
        match self {
            Self::Valid => Some("$signature_valid"),
            Self::Invalid => Some("$signature_invalid"),
            Self::Unknown => Some("$signature_unknown"),
            Self::Unsigned => None,
        }
    }
}

/// An official document attached to a mail (RULES R3–R5). In a mail it is worth information only, whatever its signatures are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecognisedDocument {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Its number and notation (số, ký hiệu), or empty.
    pub symbol: String,
    /// What its signatures came to.
    pub verdict: DocumentVerdict,
    /// The class of its signatures in the rule book (RULES D30), a word: `VALID`, `WEAK` …; empty while nobody has judged.
    pub class: String,
    /// Whether it would equal the paper original had it come over the exchange (QĐ 28/2018 Đ4).
    pub is_original: bool,
    /// Why, as stable codes.
    pub reasons: Vec<String>,
    /// When it was judged; `None` while nobody has.
    pub judged_at: Option<Timestamp>,
}

/// What the rules knew of a letter and said to it: for reports, and for asking other rules later. Counts and words only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRecord {
    /// The agency it counts for.
    pub agency_id: Option<AgencyId>,
    /// The unit it counts for.
    pub unit_id: Option<UnitId>,
    /// `accepted`, or a stable word for what stood out.
    pub outcome: String,
    /// What was known, as JSON.
    pub facts: String,
}
