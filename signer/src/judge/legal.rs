//! What a document is worth (RULES R14, R82, D29 step 9): the equal of a paper original, or for information.

use super::report::Report;
use super::verdict::{Role, Verdict};
use crate::format::Format;
use crate::message::{Code, Reason};
use serde::Serialize;

/// How a document came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// Through the exchange.
    Exchange,
    /// By mail, by hand, from a disk.
    Otherwise,
}

/// RULES R14.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "value", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LegalValue {
    /// Equal to the paper original (QĐ 28/2018 Đ4).
    OriginalEquivalent,
    /// For information only, and why.
    ForInformation {
        /// Which of the conditions are not met.
        because: Vec<Reason>,
    },
}

/// The rule table: a leader's good signature, an agency's good signature after it and covering it, every other
/// signature good too, and arrival through the exchange.
pub fn legal_value(report: &Report, arrival: Arrival) -> LegalValue {
    let place = |role: Role| {
        let mut good =
            report.signatures.iter().enumerate().filter(move |(_, s)| s.role == role && s.class.is_good());
        (good.clone().next().map(|(i, _)| i), good.next_back().map(|(i, _)| i))
    };
    let (leader, _) = place(Role::Leader);
    let (_, seal) = place(Role::Agency);
    let last = report.signatures.iter().rposition(|s| s.role != Role::Timestamp);
    let mut because = Vec::new();
    if leader.is_none() {
        because.push(Reason::new(Code::LeaderMissing));
    }
    if seal.is_none() {
        because.push(Reason::new(Code::SealMissing));
    }
    // RULES E16. Only there does each later signature cover all earlier ones, its revision containing theirs; in XML
    // two signatures may cover two parts and know nothing of one another.
    if report.format != Some(Format::Pdf) {
        because.push(Reason::new(Code::NotPdf));
    }
    if let (Some(leader), Some(seal)) = (leader, seal)
        && (seal < leader || Some(seal) != last)
    {
        because.push(Reason::new(Code::SealOrder));
    }
    if leader.is_some() && seal.is_some() && report.verdict != Verdict::Valid {
        because.push(Reason::new(Code::NotAllValid));
    }
    if arrival != Arrival::Exchange {
        because.push(Reason::new(Code::NotByExchange));
    }
    match because.is_empty() {
        true => LegalValue::OriginalEquivalent,
        false => LegalValue::ForInformation { because },
    }
}
