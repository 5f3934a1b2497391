//! What a document is worth (RULES R14): the equal of a paper original, or for information. The rows of
//! [`super::roles`] decide.

use super::report::Report;
use super::roles::{Context, Part, Weight, assess};
use crate::message::Reason;
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

/// What a document is worth, as far as the file and the way it came tell. Whom the agency has registered is not asked:
/// [`assess`] does that for those who know.
pub fn legal_value(report: &Report, arrival: Arrival) -> LegalValue {
    let context = Context { arrival, registered: None, signer_name: None };
    let because: Vec<Reason> = assess(Part::Document, report, &context)
        .into_iter()
        .filter(|finding| finding.rule.weight == Weight::Required)
        .map(|finding| finding.reason)
        .collect();
    match because.is_empty() {
        true => LegalValue::OriginalEquivalent,
        false => LegalValue::ForInformation { because },
    }
}
