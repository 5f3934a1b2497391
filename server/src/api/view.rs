//! A document as the API shows it: [`registry::view::DocumentView`] in the API's words. A code is a text wherever it stands; what it
//! means for people stands beside it.

use registry::browse::Seen;
use registry::view::{self, Named};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::model::{DocumentSummary, FileFacts, Party, Signer, facts_of, files, moment, party, text, texts};

/// What a code means, for people.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Words {
    /// In Vietnamese.
    #[schema(example = "Đã tiếp nhận")]
    vi: String,
    /// In English.
    #[schema(example = "Taken in")]
    en: String,
}

/// Where a document stands at one receiver.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receiver {
    /// The receiver's code.
    #[schema(example = "H37.01")]
    code: String,
    /// Its name, as the package has it.
    name: String,
    /// The receiver's `docId` at the other door (VXP).
    delivery_id: String,
    /// How far its system is with it: initial, processing, done, fail.
    delivery: String,
    /// delivered, arrived (01), accepted (03), assigned (04), in-work (05), done (06), returned (02), cancelled (recalled).
    #[schema(example = "accepted")]
    state: String,
    /// The state in words.
    state_words: Words,
    /// What the sender has asked and not been answered: recall, take-back, update; absent for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<String>,
    /// The question in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_words: Option<Words>,
    /// What was said with the last status.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// The package behind the question, or by which it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    /// The version this receiver works with: the document, or the update it agreed to last.
    version_id: String,
    /// The document that this one repeats there.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<String>,
    /// When it last changed.
    changed_at: String,
}

/// A line of what was exchanged about a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exchanged {
    /// When it was said, or done.
    at: String,
    /// sent, delivered, status, recall, update, replacement, reversal.
    kind: String,
    /// The code of a status (01 to 16).
    #[serde(skip_serializing_if = "String::is_empty")]
    status: String,
    /// What it means, in Vietnamese.
    text: String,
    /// Code of the agency.
    by: String,
    /// In its words.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// The code of a refusal's reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason_code: String,
    /// The person behind it, as the package names him.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    actor: Value,
    /// The package that said so.
    package_id: String,
}

/// What another package has to do with a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkTo {
    /// recalled-by, updated-by, replaced-by; recalls, updates, replaces.
    kind: String,
    /// Our id of the other.
    id: String,
    /// The other's legal identifier.
    document_id: String,
    /// Why.
    reason: String,
    /// When.
    at: String,
    /// When two persons reversed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_at: Option<String>,
}

/// Where the ledger holds an act about a document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InLedger {
    /// Which act.
    #[schema(example = "package-accepted")]
    act: String,
    /// The year of the tree; absent until the act is in it, which takes less than a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// Its place in the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    /// When.
    at: String,
}

/// q) Other information.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Other {
    /// Numbers and notations of what it answers.
    answers: Vec<String>,
    /// `native`, or `digitised` from paper.
    origin: String,
    /// Whether paper follows.
    paper: bool,
    /// Why: GOV_PM, AGENCY_LIST(item), RECEIVER_NOT_READY, unstated.
    #[serde(skip_serializing_if = "String::is_empty")]
    paper_reason: String,
}

/// A document with everything that a system has to show of it: a) to q) of QĐ 28/2018 Đ10.2. Of these b) `documentId`, c) `code`,
/// d) `date`, đ) `typeName`, e) `subject`, k) `priority` and l) `from` are those of the lists.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentView {
    #[serde(flatten)]
    summary: DocumentSummary,
    /// a) Code of the issuing agency.
    #[schema(example = "H37.02")]
    agency_code: String,
    /// g) The document and all of its dossier.
    files: Vec<FileFacts>,
    /// h) Where it stands: to its sender the document's own state, to a receiver that at itself. Absent for a status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "accepted")]
    state: Option<String>,
    /// The state in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_words: Option<Words>,
    /// i) Who signed.
    signer: Signer,
    /// k) The urgency in words.
    #[schema(example = "Thường")]
    urgency: String,
    /// m) Who receives it, as the package says.
    to: Vec<Party>,
    /// n) When it was sent: accepted by the exchange.
    sent_at: String,
    /// n) When it was received: by the last of the receivers you may know of; empty until then.
    received_at: String,
    /// o) The deadline, as the package has it; may be empty.
    due_date: String,
    /// p) What was exchanged about it, oldest first.
    history: Vec<Exchanged>,
    /// q) Place of issue.
    place: String,
    /// q) Other information.
    other: Other,
    /// Where it stands at the receivers you may know of.
    receivers: Vec<Receiver>,
    /// Legal identifiers of the documents it recalls, updates or replaces.
    targets: Vec<String>,
    /// Recalls, updates and replacements, of it and by it.
    links: Vec<LinkTo>,
    /// The version that counts to its sender: itself, or the newest update.
    current_version_id: String,
    /// Whether this is that version.
    is_current: bool,
    /// Whether it may be worked on at once, without waiting for paper.
    is_routable: bool,
    /// What it is worth in law, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_value_words: Option<Words>,
    /// What is odd about it, by code.
    warnings: Vec<String>,
    /// SHA-256 of the package, hexadecimal.
    package_sha256: String,
    /// What the ledger holds about it.
    ledger: Vec<InLedger>,
}

fn words(named: Named) -> Words {
    Words { vi: named.vi, en: named.en }
}

impl From<view::ReceiverView> for Receiver {
    fn from(at: view::ReceiverView) -> Self {
        Self {
            code: at.code,
            name: at.name,
            delivery_id: at.delivery_id,
            delivery: at.delivery,
            state: at.state.code.clone(),
            state_words: words(at.state),
            ask: at.ask.as_ref().map(|ask| ask.code.clone()),
            ask_words: at.ask.map(words),
            reason: at.reason,
            order_id: at.order_id,
            version_id: at.version_id,
            duplicate_of: at.duplicate_of,
            changed_at: at.changed_at,
        }
    }
}

impl From<view::HistoryView> for Exchanged {
    fn from(line: view::HistoryView) -> Self {
        Self {
            at: line.at,
            kind: line.kind,
            status: line.status,
            text: line.text,
            by: line.by,
            reason: line.reason,
            reason_code: line.reason_code,
            actor: line.actor,
            package_id: line.package_id,
        }
    }
}

impl From<view::LinkView> for LinkTo {
    fn from(link: view::LinkView) -> Self {
        Self {
            kind: link.kind,
            id: link.doc_id,
            document_id: link.identifier,
            reason: link.reason,
            at: link.at,
            undone_at: link.undone_at,
        }
    }
}

impl From<view::LeafView> for InLedger {
    fn from(leaf: view::LeafView) -> Self {
        Self { act: leaf.act, year: leaf.year, index: leaf.index, at: leaf.at }
    }
}

fn each<A, B: From<A>>(all: Vec<A>) -> Vec<B> {
    all.into_iter().map(B::from).collect()
}

impl DocumentView {
    /// What can be said of any package, a status too.
    fn bare(seen: &Seen) -> Self {
        let (document, facts) = (&seen.document, facts_of(seen));
        let signer = &facts["signer"];
        Self {
            summary: DocumentSummary::with(seen, &facts),
            agency_code: document.from_code.to_string(),
            files: files(&facts),
            state: None,
            state_words: None,
            signer: Signer {
                competence: text(&signer["competence"]),
                position: text(&signer["position"]),
                name: text(&signer["name"]),
            },
            urgency: view::urgency(document.priority).to_owned(),
            to: facts["to"].as_array().map(|list| list.iter().map(party).collect()).unwrap_or_default(),
            sent_at: moment(document.accepted_at),
            received_at: String::new(),
            due_date: text(&facts["dueDate"]),
            history: Vec::new(),
            place: text(&facts["promulgationPlace"]),
            other: Other::default(),
            receivers: Vec::new(),
            targets: texts(&facts["targets"]),
            links: Vec::new(),
            current_version_id: document.document_id.to_string(),
            is_current: true,
            is_routable: false,
            legal_value_words: None,
            warnings: texts(&facts["warnings"]),
            package_sha256: registry::vxp::hash::full_hex(&document.package_sha256),
            ledger: Vec::new(),
        }
    }

    /// Everything the caller may see of a document.
    pub(super) fn of(seen: &Seen, view: Option<view::DocumentView>) -> Self {
        let bare = Self::bare(seen);
        let Some(view) = view else { return bare };
        Self {
            state: Some(view.state.code.clone()),
            state_words: Some(words(view.state)),
            sent_at: view.sent_at,
            received_at: view.received_at,
            history: each(view.history),
            other: Other {
                answers: view.other.answers,
                origin: view.other.origin,
                paper: view.other.paper,
                paper_reason: view.other.paper_reason,
            },
            receivers: each(view.receivers),
            links: each(view.links),
            current_version_id: view.current_version_id,
            is_current: view.is_current,
            is_routable: view.is_routable,
            legal_value_words: Some(words(view.legal_value)),
            warnings: view.warnings,
            ledger: each(view.ledger),
            ..bare
        }
    }

    /// Takes the places in the ledger out: they come a moment after what they prove, and are no state of the document.
    pub(super) fn take_ledger(&mut self) -> Vec<InLedger> {
        std::mem::take(&mut self.ledger)
    }

    pub(super) fn put_ledger(&mut self, ledger: Vec<InLedger>) {
        self.ledger = ledger;
    }
}
