//! On whose behalf a document is signed (RULES R81, NĐ 30/2020 Đ13): TM. Q. KT. TL. TUQ., and whether an authorisation covered
//! the day of signing.

use serde::Serialize;
use time::Date;

/// The prefix of a competence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Competence {
    /// TM.: on behalf of a collective.
    Collective,
    /// Q.: acting head.
    Acting,
    /// KT.: for the head, by a deputy.
    Deputy,
    /// TL.: by order.
    ByOrder,
    /// TUQ.: by authorisation, in writing, for a time, not to be handed on (Đ13.3).
    ByAuthorisation,
}

impl Competence {
    /// The competence of a text such as `TUQ. GIÁM ĐỐC`; `None` when the head signs as such.
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
        match text.get(..end)?.to_uppercase().as_str() {
            "TM" => Some(Self::Collective),
            "Q" => Some(Self::Acting),
            "KT" => Some(Self::Deputy),
            "TL" => Some(Self::ByOrder),
            "TUQ" => Some(Self::ByAuthorisation),
            _ => None,
        }
    }
}

/// A written authorisation to sign: its days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorisation {
    /// The first day.
    pub from: Date,
    /// The last day: an authorisation without one is none (Đ13.3).
    pub to: Date,
}

/// Whether a signature of that competence was allowed on a day: one by authorisation needs an authorisation of that person that
/// covers the day; all others need none.
pub fn is_authorised(competence: &str, signed: Date, authorisations: &[Authorisation]) -> bool {
    Competence::of(competence) != Some(Competence::ByAuthorisation)
        || authorisations.iter().any(|given| (given.from..=given.to).contains(&signed))
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn r81_competences_by_their_prefix() {
        let rows = [
            ("TUQ. GIÁM ĐỐC", Some(Competence::ByAuthorisation)),
            ("tuq.giám đốc", Some(Competence::ByAuthorisation)),
            ("TUQ", Some(Competence::ByAuthorisation)),
            ("TM. ỦY BAN NHÂN DÂN", Some(Competence::Collective)),
            ("KT. CHỦ TỊCH", Some(Competence::Deputy)),
            ("TL. BỘ TRƯỞNG", Some(Competence::ByOrder)),
            ("Q. CỤC TRƯỞNG", Some(Competence::Acting)),
            ("QUYỀN CỤC TRƯỞNG", None),
            ("GIÁM ĐỐC", None),
            ("", None),
        ];
        for (text, competence) in rows {
            assert_eq!(Competence::of(text), competence, "{text}");
        }
    }

    #[test]
    fn r81_a_signature_outside_the_authorisation_period_is_not_authorised() {
        let given = [Authorisation { from: date!(2026 - 11 - 01), to: date!(2026 - 11 - 30) }];
        let rows = [
            (date!(2026 - 10 - 31), false),
            (date!(2026 - 11 - 01), true),
            (date!(2026 - 11 - 30), true),
            (date!(2026 - 12 - 01), false),
        ];
        for (day, allowed) in rows {
            assert_eq!(is_authorised("TUQ. GIÁM ĐỐC", day, &given), allowed, "{day}");
            assert!(is_authorised("KT. GIÁM ĐỐC", day, &given));
        }
        assert!(!is_authorised("TUQ. GIÁM ĐỐC", date!(2026 - 11 - 15), &[]));
    }
}
