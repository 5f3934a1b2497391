//! What the API says and takes, as JSON. The descriptions are read by people who build against it.

use std::collections::BTreeMap;

use mail::Timestamp;
use registry::browse::{Seen, Side};
use registry::status::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// RFC 3339, UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.to_rfc3339_utc()
}

/// An agency, as a document names it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Party {
    /// Its code.
    #[schema(example = "H37.02")]
    pub(super) code: String,
    /// Its name.
    #[schema(example = "Sở Nội vụ")]
    pub(super) name: String,
}

/// A document in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentSummary {
    /// Our id of it; sender and receivers know it by the same.
    #[schema(example = "0193e8b1c7a07c9f8a3b5d2e4f601234")]
    id: String,
    /// `sent` or `received`: on which side your agency stands.
    #[serde(rename = "box")]
    side: &'static str,
    /// `edoc` for a document, `status` for a report on one.
    kind: &'static str,
    /// The legal identifier (mã định danh văn bản).
    document_id: String,
    /// Number and notation.
    #[schema(example = "05/SNV-VP")]
    code: String,
    /// The date of issue, as the package has it.
    #[schema(example = "2026/11/28")]
    date: String,
    /// The type, by name.
    #[schema(example = "Công văn")]
    type_name: String,
    /// Trích yếu.
    subject: String,
    /// `new`, `recall`, `update` or `replacement`.
    business: &'static str,
    /// 0 normal, 1 urgent, 2 very urgent, 3 express, 4 express at a set hour.
    priority: i64,
    /// Who sent it.
    from: Party,
    /// How many receivers you may know of stand in which state.
    states: BTreeMap<String, usize>,
    /// How far your system is with it, on the receiving side: initial, processing, done, fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'static str>,
    /// When the exchange accepted it.
    accepted_at: String,
    /// The class of the judgement of its signatures.
    class: String,
    /// What it is worth in law: ORIGINAL_EQUIVALENT, or for information only.
    legal_value: String,
    /// Recalled, and cancelled by all of your agencies that had it: subject, type and files are gone (410 when asked for).
    cancelled: bool,
}

/// A file of a document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileFacts {
    /// Its number in the document, from 1; the main document first.
    number: usize,
    /// Its name.
    name: String,
    /// Its length in bytes, unwrapped.
    size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    sha256: String,
}

/// Who signed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Signer {
    /// `TM.`, `KT.`, `TL.` and so on, with the office represented.
    #[schema(max_length = 200)]
    pub(super) competence: String,
    /// The position.
    #[schema(example = "Giám đốc", max_length = 200)]
    pub(super) position: String,
    /// The name.
    #[schema(example = "Nguyễn Văn Giám", max_length = 200)]
    pub(super) name: String,
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
}

pub(super) fn party(value: &Value) -> Party {
    Party { code: text(&value["code"]), name: text(&value["name"]) }
}

fn business(number: i64) -> &'static str {
    match number {
        1 => "recall",
        2 => "update",
        3 => "replacement",
        _ => "new",
    }
}

pub(super) fn facts_of(seen: &Seen) -> Value {
    serde_json::from_str(&seen.document.facts).unwrap_or_default()
}

impl DocumentSummary {
    /// What a list shows of a document.
    pub(super) fn of(seen: &Seen) -> Self {
        Self::with(seen, &facts_of(seen))
    }

    pub(super) fn with(seen: &Seen, facts: &Value) -> Self {
        let document = &seen.document;
        let cancelled = seen.is_cancelled();
        // RULES R39: what it was about is gone with its content.
        let unless_gone = |text: String| if cancelled { String::new() } else { text };
        let mut states = BTreeMap::new();
        for receiver in &seen.receivers {
            *states.entry(receiver.state.clone()).or_insert(0) += 1;
        }
        let told = |member: &str, kept: &str| match facts[member].as_str() {
            Some(text) => text.to_owned(),
            None => kept.to_owned(),
        };
        Self {
            id: document.document_id.to_string(),
            side: match seen.side {
                Side::Sent => "sent",
                Side::Received => "received",
            },
            kind: document.kind.as_str(),
            document_id: told("documentId", &document.identifier),
            code: told("code", &document.notation),
            date: text(&facts["promulgationDate"]),
            type_name: unless_gone(text(&facts["type"])),
            subject: unless_gone(document.subject.clone()),
            business: business(document.business_type),
            priority: document.priority,
            from: Party { code: document.from_code.to_string(), name: text(&facts["from"]["name"]) },
            states,
            delivery: seen.delivery.as_ref().map(|delivery| delivery.state.as_str()),
            accepted_at: moment(document.accepted_at),
            class: document.class.clone(),
            legal_value: document.legal_value.clone(),
            cancelled,
        }
    }
}

/// The files of a document, from what was kept of it.
pub(super) fn files_of(seen: &Seen) -> Vec<FileFacts> {
    files(&facts_of(seen))
}

pub(super) fn files(facts: &Value) -> Vec<FileFacts> {
    let listed = facts["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let numbered = listed.iter().zip(1..);
    let read = |(file, number): (&Value, usize)| FileFacts {
        number,
        name: text(&file["name"]),
        size: file["size"].as_u64().unwrap_or_default(),
        sha256: text(&file["sha256"]),
    };
    numbered.map(read).collect()
}

impl FileFacts {
    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// A page of documents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DocumentPage {
    /// Newest first. A filter that seldom hits may answer a short or empty page with a `next`: go on.
    pub(super) documents: Vec<DocumentSummary>,
    /// For `after`; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A line of a document's history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryLine {
    /// Its number, from 1.
    pub(super) number: i64,
    /// Code of the agency that said it.
    pub(super) by: String,
    /// The status code.
    #[schema(example = "03")]
    pub(super) code: String,
    /// What the code means, in Vietnamese.
    #[schema(example = "Đã tiếp nhận")]
    pub(super) meaning: String,
    /// What was said with it.
    pub(super) reason: String,
    /// When it was said, by the clock of whoever said it.
    pub(super) said_at: String,
    /// When the exchange recorded it.
    pub(super) recorded_at: String,
}

/// What was said of a document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// Oldest first.
    pub(super) history: Vec<HistoryLine>,
}

impl HistoryLine {
    pub(super) fn of(said: &registry::browse::Said) -> Self {
        Self {
            number: said.entry.status_no,
            by: said.reporter.clone(),
            code: said.entry.code.clone(),
            meaning: StatusCode::read(&said.entry.code).vi().to_owned(),
            reason: said.entry.description.clone(),
            said_at: moment(said.entry.said_at),
            recorded_at: moment(said.entry.recorded_at),
        }
    }
}

/// Something odd about a package that was accepted all the same.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WarningWords {
    /// The stable code.
    code: &'static str,
    /// In Vietnamese.
    vi: &'static str,
    /// In English.
    en: &'static str,
}

impl WarningWords {
    pub(super) fn of(warning: &registry::package::Warning) -> Self {
        let oddity = warning.oddity;
        Self { code: oddity.code(), vi: oddity.vi(), en: oddity.en() }
    }
}

/// A package was accepted: this is the promise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// Our id of it.
    #[schema(example = "0193e8b1c7a07c9f8a3b5d2e4f601234")]
    pub(super) id: String,
    /// The receipt: the act and the log's signed promise. `GET …/receipt` adds the proof within a second.
    #[schema(value_type = Object)]
    pub(super) receipt: Box<RawValue>,
    /// What is odd about the package.
    pub(super) warnings: Vec<WarningWords>,
}

/// What your system did with a document it was sent (VXP `updateStatus`).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// How far it is.
    pub(super) state: AcknowledgeState,
}

/// How far your system is with a document.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AcknowledgeState {
    /// Begun.
    Processing,
    /// Stored; final.
    Done,
    /// Could not be read or stored; it is offered again later.
    Fail,
}

/// The person behind a package.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StaffToSend {
    /// The unit.
    #[schema(max_length = 200)]
    pub(super) department: String,
    /// The name.
    #[schema(max_length = 200)]
    pub(super) name: String,
    /// The mail address.
    #[schema(max_length = 100)]
    pub(super) email: String,
    /// The mobile number.
    #[schema(max_length = 20)]
    pub(super) mobile: String,
}

/// A status to report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "code": "02", "reason": "WRONG_RECEIVER: gửi nhầm nơi nhận" }))]
pub(crate) struct StatusToReport {
    /// 01 arrived, 02 refused, 03 accepted, 04 assigned, 05 in work, 06 finished, 15 agrees, 16 declines; 13 asks a receiver for
    /// your own document back.
    #[schema(pattern = "^(01|02|03|04|05|06|13|15|16)$")]
    pub(super) code: String,
    /// Why; has to be there for 02, 13 and 16.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub(super) reason: String,
    /// Which of your agencies reports; needed when several received the document.
    #[serde(default)]
    pub(super) agency: Option<String>,
    /// For 13: which receiver is asked; needed when there are several.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// The records officer.
    #[serde(default)]
    pub(super) staff: StaffToSend,
}

/// A document that is answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AnsweredDocument {
    /// Code of its agency.
    pub(super) agency: String,
    /// Its number and notation.
    pub(super) code: String,
    /// Its legal identifier.
    pub(super) document_id: String,
    /// Its date, `yyyy-MM-dd`.
    pub(super) date: String,
}

/// A file of the document to send: an upload that is complete, or a part of the form.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FileToSend {
    /// Id of a finished upload.
    pub(super) upload: Option<String>,
    /// Name of a part of the multipart form.
    pub(super) part: Option<String>,
    /// The file's name; else the upload's or the part's.
    #[schema(max_length = 500)]
    pub(super) name: Option<String>,
    /// What it is.
    #[schema(max_length = 1000)]
    pub(super) description: String,
}

/// What an update changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UpdateToSend {
    /// The content changed.
    pub(super) content: bool,
    /// Codes of receivers that are added.
    pub(super) added: Vec<String>,
    /// Codes of receivers that are removed.
    pub(super) removed: Vec<String>,
}

/// A document to send. A new one needs `to`, `number`, `date`, `typeName`, `subject` and `files`; for a recall, update or
/// replacement what is left out comes from the document it is about, and `reason` says why.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "to": ["H37.01"], "number": "05", "notation": "SNV-VP", "date": "2026-11-28", "place": "Lạng Sơn",
    "typeName": "Công văn", "subject": "V/v phối hợp thử nghiệm liên thông",
    "signer": { "position": "Giám đốc", "name": "Nguyễn Văn Giám" },
    "files": [{ "upload": "0193e8b1c7a07c9f8a3b5d2e4f601234", "name": "cong-van.pdf" }]
}))]
pub(crate) struct DocumentToSend {
    /// Code of the agency that sends; may be left out by a key that speaks for one.
    pub(super) from: Option<String>,
    /// Codes of the receivers; none twice.
    #[schema(max_items = 1000)]
    pub(super) to: Option<Vec<String>>,
    /// The legal identifier; composed of sender, date, number and notation when left out.
    #[schema(max_length = 100)]
    pub(super) document_id: Option<String>,
    /// The number.
    #[schema(max_length = 11)]
    pub(super) number: Option<String>,
    /// The notation.
    #[schema(max_length = 30)]
    pub(super) notation: Option<String>,
    /// The date of issue, `yyyy-MM-dd`.
    #[schema(format = Date)]
    pub(super) date: Option<String>,
    /// The place of issue.
    #[schema(max_length = 150)]
    pub(super) place: Option<String>,
    /// The type, by name.
    #[schema(max_length = 100)]
    pub(super) type_name: Option<String>,
    /// The type, by number.
    pub(super) type_number: Option<u32>,
    /// Trích yếu.
    #[schema(max_length = 500)]
    pub(super) subject: Option<String>,
    /// Who signed.
    pub(super) signer: Option<Signer>,
    /// The deadline, `yyyy-MM-dd`.
    #[schema(format = Date)]
    pub(super) due_date: Option<String>,
    /// 0 normal, 1 urgent, 2 very urgent, 3 express, 4 express at a set hour.
    #[schema(maximum = 4)]
    pub(super) priority: u8,
    /// Sphere of promulgation.
    pub(super) sphere: String,
    /// The typist's initials.
    pub(super) typist: String,
    /// Number of copies.
    pub(super) copies: Option<u32>,
    /// Number of pages.
    pub(super) pages: Option<u32>,
    /// Documents it answers, as text.
    pub(super) reply_fors: Vec<String>,
    /// Whether it is a directive.
    pub(super) direction: Option<bool>,
    /// Documents it refers to.
    pub(super) references: Vec<String>,
    /// Appendixes, by name.
    pub(super) appendixes: Vec<String>,
    /// Documents it answers, exactly.
    pub(super) answers: Vec<AnsweredDocument>,
    /// 0 unset, 1 not steering, 2 steering, 3 report on steering.
    #[schema(maximum = 3)]
    pub(super) steering: u8,
    /// Codes of steering tasks.
    pub(super) tasks: Vec<String>,
    /// "Nơi nhận", in words.
    pub(super) places: Vec<String>,
    /// A paper copy follows, and why: `GOV_PM`, `AGENCY_LIST(item)` or `RECEIVER_NOT_READY` (QĐ 28/2018 Đ7).
    pub(super) paper_reason: Option<String>,
    /// Why it is recalled, updated or replaced.
    #[schema(max_length = 1000)]
    pub(super) reason: String,
    /// For an update: what changes.
    pub(super) update: Option<UpdateToSend>,
    /// The records officer who sends.
    pub(super) staff: StaffToSend,
    /// The files, the main document first.
    #[schema(max_items = 100)]
    pub(super) files: Vec<FileToSend>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// Its place in the feed.
    pub(super) cursor: String,
    /// document.accepted, document.arrived, document.delivered, document.failed, document.status.
    #[schema(example = "document.arrived")]
    pub(super) kind: String,
    /// The document it is about.
    #[schema(example = "0193e8b1c7a07c9f8a3b5d2e4f601234")]
    pub(super) document: String,
    /// Code of your agency that it concerns.
    #[schema(example = "H37.01")]
    pub(super) agency: String,
    /// When.
    pub(super) at: String,
    /// What else is known at once; members may be added.
    #[schema(value_type = Object)]
    pub(super) data: Value,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// Oldest first.
    pub(super) events: Vec<EventView>,
    /// For `after`: keep it, also when the page is empty.
    pub(super) next: String,
    /// Whether more is waiting.
    pub(super) more: bool,
}

/// Bytes as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)] // a word of the description only
pub(crate) struct Octets(Vec<u8>);

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UploadView {
    /// Its id.
    #[schema(example = "0193e8b1c7a07c9f8a3b5d2e4f601234")]
    pub(super) id: String,
    /// How much is here.
    pub(super) offset: u64,
    /// How long the file will be.
    pub(super) length: u64,
    /// Its name.
    pub(super) name: String,
    /// When it goes if nothing uses it.
    pub(super) expires_at: String,
}
