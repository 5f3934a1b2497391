//! What of a document's history is a fact that statistics are counted from (RULES R53). The accepting transactions write them as it
//! happens; a recount reads the same from what is kept of the document.

use mail::{AgencyId, DocumentId, Timestamp};
use serde::Deserialize;
use store::{Deadline, FactKind, LinkKind, NewFact, NewReceiver, Tx};

use crate::accept::ORIGINAL;
use crate::calendar::{Written, day_of};
use crate::numbering::DocumentType;
use crate::reasons::RefusalReason;
use crate::status::StatusCode;

/// An urgent document is sent within so many milliseconds after it was sealed (K7): five minutes.
const URGENT_WITHIN: i64 = 5 * 60 * 1_000;

/// The kind of documents whose type is none of the law's (RULES R80): what senders write there has no end.
pub const OTHER_TYPE: &str = "khác";

/// Upper ends of the times to acceptance that are told apart, in minutes (K8b).
pub const DELAYS: [i64; 11] = [5, 15, 30, 60, 120, 240, 480, 1_440, 2_880, 5_760, 10_080];

/// Words that tell documents apart. They are kept: a word is not changed.
pub(super) mod mark {
    pub(crate) const DATED: &str = "dated";
    pub(crate) const LATE: &str = "late";
    pub(crate) const ORIGINAL: &str = "original";
    pub(crate) const PROMPT: &str = "prompt";
    pub(crate) const SAME_DAY: &str = "same-day";
    pub(crate) const SEALED: &str = "sealed";
    pub(crate) const URGENT: &str = "urgent";
    /// What stands before the code of a reason for paper.
    pub(crate) const PAPER: &str = "paper:";
    /// What stands before the end of a time to acceptance, or `more`.
    pub(crate) const WITHIN: &str = "within:";
}

/// The part of a kept header that is read here (RULES R31).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    #[serde(rename = "type")]
    kind: String,
    paper: bool,
    #[serde(rename = "paperReason")]
    paper_reason: String,
}

/// A document as it was accepted.
pub(crate) struct Kept<'d> {
    pub(crate) agency_id: AgencyId,
    pub(crate) document_id: DocumentId,
    pub(crate) business_type: i64,
    pub(crate) priority: i64,
    pub(crate) legal_value: &'d str,
    pub(crate) header: &'d str,
}

impl<'d> Kept<'d> {
    pub(crate) fn new(document: &'d store::NewDocument) -> Self {
        Self {
            agency_id: document.agency_id,
            document_id: document.document_id,
            business_type: document.business_type,
            priority: document.priority,
            legal_value: &document.legal_value,
            header: &document.facts,
        }
    }

    pub(super) fn known(document: &'d store::Document) -> Self {
        Self {
            agency_id: document.agency_id,
            document_id: document.document_id,
            business_type: document.business_type,
            priority: document.priority,
            legal_value: &document.legal_value,
            header: &document.facts,
        }
    }

    /// Recalls and updates are acts about documents and are counted with those.
    fn counts(&self) -> bool {
        matches!(self.business_type, 0 | 3)
    }
}

fn fact(agency_id: AgencyId, document_id: DocumentId, fact: FactKind, at: Timestamp) -> NewFact {
    NewFact {
        agency_id,
        document_id,
        fact,
        other_id: [0; 16],
        day: Written(day_of(at)).to_string(),
        kind: String::new(),
        marks: String::new(),
        weight: 1,
    }
}

fn marks(mut words: Vec<String>) -> String {
    words.sort_unstable();
    words.join(" ")
}

/// A document was sent, and came to each of its receivers.
pub(crate) fn sent(
    document: &Kept<'_>,
    deadline: Option<&Deadline>,
    receivers: &[AgencyId],
    now: Timestamp,
) -> Vec<NewFact> {
    if !document.counts() {
        return Vec::new();
    }
    let header: Header = serde_json::from_str(document.header).unwrap_or_default();
    let kind = DocumentType::of_name(&header.kind).map_or(OTHER_TYPE, |known| known.name);
    let mut words = Vec::new();
    let mut say = |word: &str, holds: bool| words.extend(holds.then(|| word.to_owned()));
    say(mark::ORIGINAL, document.legal_value == ORIGINAL);
    say(mark::URGENT, document.priority > 0);
    if header.paper {
        say(&format!("{}{}", mark::PAPER, paper_code(&header.paper_reason)), true);
    }
    let received = marks(words.clone());
    let mut say = |word: &str, holds: bool| words.extend(holds.then(|| word.to_owned()));
    if let Some(deadline) = deadline {
        say(mark::DATED, true);
        say(mark::LATE, deadline.is_late);
        say(mark::SAME_DAY, deadline.is_same_day);
        if let Some(sealed_at) = deadline.sealed_at.filter(|_| document.priority > 0) {
            say(mark::SEALED, true);
            say(mark::PROMPT, now.millis().saturating_sub(sealed_at.millis()) <= URGENT_WITHIN);
        }
    }
    let (sender, id) = (document.agency_id, document.document_id);
    let mut facts = vec![NewFact {
        kind: kind.to_owned(),
        marks: marks(words),
        weight: i64::try_from(receivers.len()).unwrap_or(i64::MAX),
        ..fact(sender, id, FactKind::Sent, now)
    }];
    facts.extend(receivers.iter().map(|receiver| NewFact {
        kind: kind.to_owned(),
        marks: received.clone(),
        ..fact(*receiver, id, FactKind::Received, now)
    }));
    facts
}

/// The code of a reason for paper, without the item of the head's list that may stand behind it (RULES R15).
fn paper_code(reason: &str) -> &str {
    reason.split('(').next().unwrap_or_default()
}

/// What a receiver said of a document, where statistics count it.
pub(crate) struct Word<'w> {
    /// The document's sender.
    pub(crate) sender_id: AgencyId,
    pub(crate) document_id: DocumentId,
    pub(crate) receiver_id: AgencyId,
    pub(crate) code: &'w StatusCode,
    pub(crate) reason: Option<RefusalReason>,
    /// When the document came.
    pub(crate) arrived_at: Timestamp,
    /// When this was said.
    pub(crate) at: Timestamp,
}

/// A receiver answered (RULES R30, R34): 05 or 06 without a 03 say that it was taken in, too (RULES 1.4).
pub(crate) fn said(word: &Word<'_>) -> Vec<NewFact> {
    let new = |kind| fact(word.receiver_id, word.document_id, kind, word.at);
    let same_day = (day_of(word.at) == day_of(word.arrived_at)).then(|| mark::SAME_DAY.to_owned());
    let accepted = || {
        let minutes = word.at.millis().saturating_sub(word.arrived_at.millis()) / 60_000;
        let within = DELAYS.iter().find(|end| minutes < **end);
        let within = within.map_or_else(|| "more".to_owned(), ToString::to_string);
        let words = same_day.iter().cloned().chain([format!("{}{within}", mark::WITHIN)]).collect();
        NewFact { marks: marks(words), ..new(FactKind::Accepted) }
    };
    match word.code {
        StatusCode::Accepted | StatusCode::Assigned | StatusCode::InWork => vec![accepted()],
        StatusCode::Done => vec![accepted(), new(FactKind::Done)],
        StatusCode::Refused => {
            let kind = word.reason.map_or(RefusalReason::Other, |reason| reason).code().to_owned();
            let refused =
                NewFact { kind: kind.clone(), marks: same_day.unwrap_or_default(), ..new(FactKind::Refused) };
            let returned = NewFact {
                kind,
                other_id: *word.receiver_id.as_bytes(),
                ..fact(word.sender_id, word.document_id, FactKind::Returned, word.at)
            };
            vec![refused, returned]
        }
        _ => Vec::new(),
    }
}

/// A receiver cancelled a recalled document (RULES R39).
pub(crate) fn cancelled(receiver_id: AgencyId, document_id: DocumentId, at: Timestamp) -> NewFact {
    fact(receiver_id, document_id, FactKind::Cancelled, at)
}

/// The sender acted upon its document (RULES R37, R44, R45).
pub(crate) fn acted(
    sender_id: AgencyId,
    original_id: DocumentId,
    act_id: DocumentId,
    kind: LinkKind,
    at: Timestamp,
) -> NewFact {
    let kind = match kind {
        LinkKind::Recall => FactKind::Recalled,
        LinkKind::Update => FactKind::Updated,
        LinkKind::Replacement => FactKind::Replaced,
    };
    NewFact { other_id: *act_id.as_bytes(), ..fact(sender_id, original_id, kind, at) }
}

/// Writes that a document was accepted. In the accepting transaction.
pub(crate) async fn write_sent(
    tx: &mut Tx,
    document: &store::NewDocument,
    deadline: Option<&Deadline>,
    receivers: &[NewReceiver],
    now: Timestamp,
) -> Result<(), store::Error> {
    let receivers: Vec<AgencyId> = receivers.iter().map(|receiver| receiver.receiver_id).collect();
    tx.add_facts(&sent(&Kept::new(document), deadline, &receivers, now)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(header: &str, priority: i64) -> Kept<'_> {
        Kept {
            agency_id: AgencyId::from_bytes([1; 16]),
            document_id: DocumentId::from_bytes([9; 16]),
            business_type: 0,
            priority,
            legal_value: ORIGINAL,
            header,
        }
    }

    #[test]
    fn k4_k7_what_is_marked_of_a_document_that_was_sent() {
        let now = Timestamp::from_secs(1_795_309_200);
        let deadline = |sealed_minutes: Option<u64>| Deadline {
            agency_id: AgencyId::from_bytes([1; 16]),
            document_id: DocumentId::from_bytes([9; 16]),
            signed_on: "2026-11-22".to_owned(),
            signed_by: "signature".to_owned(),
            signed_at: None,
            sealed_at: sealed_minutes.map(|minutes| now.minus(std::time::Duration::from_secs(minutes * 60))),
            sent_at: now,
            send_deadline: now,
            is_late: false,
            is_same_day: true,
        };
        let paper = r#"{"type":"quyết định","paper":true,"paperReason":"AGENCY_LIST(7)"}"#;
        let rows = [
            (
                paper,
                0,
                Some(deadline(None)),
                "Quyết định (cá biệt)",
                "dated original paper:AGENCY_LIST same-day",
            ),
            (
                r#"{"type":"Công văn"}"#,
                1,
                Some(deadline(Some(5))),
                "Công văn",
                "dated original prompt same-day sealed urgent",
            ),
            (
                r#"{"type":"Công văn"}"#,
                3,
                Some(deadline(Some(6))),
                "Công văn",
                "dated original same-day sealed urgent",
            ),
            (r#"{"type":"Bảng lương tháng 11"}"#, 0, None, OTHER_TYPE, "original"),
            ("no header", 0, None, OTHER_TYPE, "original"),
        ];
        let to = [AgencyId::from_bytes([2; 16]), AgencyId::from_bytes([3; 16])];
        for (header, priority, deadline, kind, marks) in rows {
            let facts = sent(&kept(header, priority), deadline.as_ref(), &to, now);
            assert_eq!(facts.len(), 3, "{header}");
            assert_eq!(
                (facts[0].kind.as_str(), facts[0].marks.as_str(), facts[0].weight),
                (kind, marks, 2),
                "{header}"
            );
            assert_eq!((facts[2].fact, facts[2].agency_id, facts[2].weight), (FactKind::Received, to[1], 1));
        }
        for act in [1, 2] {
            assert!(sent(&Kept { business_type: act, ..kept("{}", 0) }, None, &to, now).is_empty());
        }
    }

    #[test]
    fn k8_k9_what_is_marked_of_an_answer() {
        let arrived_at = Timestamp::from_secs(1_795_309_200);
        let said = |code: StatusCode, minutes: u64| {
            let word = Word {
                sender_id: AgencyId::from_bytes([1; 16]),
                document_id: DocumentId::from_bytes([9; 16]),
                receiver_id: AgencyId::from_bytes([2; 16]),
                code: &code,
                reason: Some(RefusalReason::Duplicate),
                arrived_at,
                at: arrived_at.plus(std::time::Duration::from_secs(minutes * 60)),
            };
            said(&word).into_iter().map(|f| (f.fact, f.kind, f.marks)).collect::<Vec<_>>()
        };
        let row = |fact, kind: &str, marks: &str| (fact, kind.to_owned(), marks.to_owned());
        assert_eq!(said(StatusCode::Accepted, 4), [row(FactKind::Accepted, "", "same-day within:5")]);
        assert_eq!(said(StatusCode::InWork, 24 * 60), [row(FactKind::Accepted, "", "within:2880")]);
        assert_eq!(said(StatusCode::Accepted, 40_000), [row(FactKind::Accepted, "", "within:more")]);
        assert_eq!(
            said(StatusCode::Done, 5),
            [row(FactKind::Accepted, "", "same-day within:15"), row(FactKind::Done, "", "")]
        );
        assert_eq!(
            said(StatusCode::Refused, 1),
            [row(FactKind::Refused, "DUPLICATE", "same-day"), row(FactKind::Returned, "DUPLICATE", "")]
        );
        assert_eq!(said(StatusCode::Arrived, 1), []);
    }
}
