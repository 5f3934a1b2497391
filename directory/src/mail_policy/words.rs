//! Words a letter says about itself: its purpose and its label, in Vietnamese or English, with marks or without.

use mail::text::fold_name;
use serde::{Deserialize, Serialize};

/// Bracketed groups looked at in a subject.
const TAGS_MAX: usize = 10;

/// Why a letter goes to a free mailbox (RULES M7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To a citizen.
    Citizen,
    /// To an enterprise.
    Enterprise,
    /// To a foreign partner.
    ForeignPartner,
    /// Something else; who reads the reports may ask.
    Other,
}

impl Purpose {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::Enterprise => "enterprise",
            Self::ForeignPartner => "foreign_partner",
            Self::Other => "other",
        }
    }

    /// Reads a purpose in any of its words.
    ///
    /// ```
    /// use directory::mail_policy::Purpose;
    /// assert_eq!(Purpose::read("Công dân"), Some(Purpose::Citizen));
    /// assert_eq!(Purpose::read("foreign_partner"), Some(Purpose::ForeignPartner));
    /// assert_eq!(Purpose::read("urgent"), None);
    /// ```
    pub fn read(text: &str) -> Option<Self> {
        Some(match fold_name(text).as_str() {
            "cong dan" | "citizen" | "nguoi dan" => Self::Citizen,
            "doanh nghiep" | "enterprise" | "business" => Self::Enterprise,
            "doi tac nuoc ngoai" | "foreign partner" => Self::ForeignPartner,
            "khac" | "other" => Self::Other,
            _ => return None,
        })
    }

    /// The purpose that a tag of the subject names: `[công dân] …`.
    pub fn in_subject(subject: &str) -> Option<Self> {
        tags(subject).find_map(Self::read)
    }
}

/// How far a letter may go, below the degrees of secrecy, which may not travel at all (RULES M7, R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Nội bộ: within the state.
    Internal,
    /// Hạn chế: to those it is for.
    Restricted,
}

impl Label {
    /// Reads a label in any of its words; RFC 4021's `Sensitivity` too.
    pub fn read(text: &str) -> Option<Self> {
        Some(match fold_name(text).as_str() {
            "noi bo" | "luu hanh noi bo" | "internal" | "internal use only" | "company confidential" => {
                Self::Internal
            }
            "han che" | "pho bien han che" | "restricted" | "confidential" => Self::Restricted,
            _ => return None,
        })
    }

    /// The label that a tag of the subject names.
    pub fn in_subject(subject: &str) -> Option<Self> {
        tags(subject).filter_map(Self::read).max()
    }
}

/// What stands in square or round brackets.
fn tags(subject: &str) -> impl Iterator<Item = &str> {
    subject.split(['[', '(']).skip(1).take(TAGS_MAX).filter_map(|rest| Some(rest.split_once([']', ')'])?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m7_a_purpose_is_named_in_the_subject() {
        let rows = [
            ("[công dân] Trả lời đơn", Some(Purpose::Citizen)),
            ("Re: [CONG DAN] x", Some(Purpose::Citizen)),
            ("[doanh nghiệp]", Some(Purpose::Enterprise)),
            ("[V/v] [đối tác nước ngoài] MOU", Some(Purpose::ForeignPartner)),
            ("[khác] x", Some(Purpose::Other)),
            ("công dân", None),
            ("[công dân", None),
            ("[không công dân]", None),
            ("", None),
        ];
        for (subject, purpose) in rows {
            assert_eq!(Purpose::in_subject(subject), purpose, "{subject}");
        }
        let late = format!("{}[công dân]", "[x]".repeat(10));
        assert_eq!(Purpose::in_subject(&late), None);
    }

    #[test]
    fn m7_a_label_is_named_in_the_subject() {
        for (subject, label) in [
            ("[nội bộ] Lịch họp", Some(Label::Internal)),
            ("(LƯU HÀNH NỘI BỘ) Lịch họp", Some(Label::Internal)),
            ("[nội bộ] [hạn chế]", Some(Label::Restricted)),
            ("Nội bộ cơ quan", None),
        ] {
            assert_eq!(Label::in_subject(subject), label, "{subject}");
        }
        assert_eq!(Label::read("Company-Confidential"), Some(Label::Internal));
        assert_eq!(Label::read("Personal"), None);
    }
}
