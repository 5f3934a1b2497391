//! A document as it is shown: the sixteen items of QĐ 28/2018 Đ10.2 (RULES R31), where it stands at each receiver, what was done
//! to it, and what proves it. One type for pages and for the API; two ways to look at it, its sender's and a receiver's.
//!
//! A receiver sees its own state and its own words, not those of others; and of a document it has cancelled only what the
//! law leaves (RULES R39).

mod build;

use serde::Serialize;
use serde_json::Value;
use store::Document;

pub use build::{for_receiver, for_sender, for_system};

use crate::accept::ORIGINAL;
use crate::status::{Ask, State};
use crate::tombstone::Tombstone;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The agency that sent it.
    Sender,
    /// An agency that received it.
    Receiver,
}

/// A word that is stable for programs, and what it means for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The stable word.
    pub code: String,
    /// In Vietnamese.
    pub vi: String,
    /// In English.
    pub en: String,
}

/// An agency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartyView {
    /// Its code.
    pub code: String,
    /// Its name, as the package has it.
    pub name: String,
}

/// A file of the dossier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileView {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// Who signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignerView {
    /// `TM.`, `KT.` and so on.
    pub competence: String,
    /// The position.
    pub position: String,
    /// The name.
    pub name: String,
}

/// Where the document stands at one receiver (RULES R24).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverView {
    /// The receiver's code.
    pub code: String,
    /// Its name, as the package has it.
    pub name: String,
    /// The receiver's `docId`.
    pub delivery_id: String,
    /// How far the delivery is: `initial`, `processing`, `done`, `fail` (VXP 3.10).
    pub delivery: String,
    /// Where the document stands.
    pub state: Named,
    /// What the sender asks and is not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Named>,
    /// What was said with the last word heard.
    pub reason: String,
    /// The order behind `ask`, or by which it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The version this receiver works with: the document, or the update it agreed to last (RULES R44).
    pub version_id: String,
    /// The document that this one repeats there (RULES R32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// When anything of this changed last.
    pub changed_at: String,
}

/// A line of the history (RULES R49).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryView {
    /// When it was said, or done.
    pub at: String,
    /// `sent`, `delivered`, `status`, `recall`, `update`, `replacement` or `reversal`.
    pub kind: String,
    /// The code of a status (01…16); empty for the rest.
    pub status: String,
    /// What it means, in Vietnamese.
    pub text: String,
    /// The agency's code.
    pub by: String,
    /// In its words.
    pub reason: String,
    /// The code of a refusal's reason (RULES R30).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason_code: String,
    /// The person behind it, as the package names him (RULES R36).
    #[serde(skip_serializing_if = "Value::is_null")]
    pub actor: Value,
    /// The package that said so.
    pub package_id: String,
}

/// What another package has to do with this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    /// `recalled-by`, `updated-by`, `replaced-by`; `recalls`, `updates`, `replaces`.
    pub kind: String,
    /// The other package, by the sender's id.
    pub doc_id: String,
    /// The other's legal identifier, as it was written.
    pub identifier: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// When two persons reversed it (RULES R43).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<String>,
}

/// A leaf of the ledger about this document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeafView {
    /// Which act.
    pub act: String,
    /// The year whose tree it stands in; 0 for the tree from before there were years. `None` until the sequencer has taken it in.
    pub year: Option<i64>,
    /// Its place in that tree; `None` until the sequencer has taken it in.
    pub index: Option<u64>,
    /// When.
    pub at: String,
}

/// A document, as one of its parties sees it. The letters are those of QĐ 28/2018 Đ10.2.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    /// Who looks.
    pub side: Side,
    /// The sender's id of the package.
    pub doc_id: String,
    /// The receiver's id of it; only on its side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<String>,
    /// New 0, recall 1, update 2, replacement 3 (VXP 4.4).
    pub business_type: i64,
    /// a) The issuing agency's code.
    pub agency_code: String,
    /// b) The legal identifier, as it was written.
    pub identifier: String,
    /// c) Number and notation.
    pub code: String,
    /// d) The date of issue, as it was written.
    pub promulgation_date: String,
    /// đ) The type of document.
    pub type_name: String,
    /// e) Trích yếu.
    pub subject: String,
    /// g) The document and all of its dossier.
    pub files: Vec<FileView>,
    /// h) Where it stands: to its sender as the document's own state, to a receiver as there.
    pub state: Named,
    /// i) Who signed.
    pub signer: SignerView,
    /// k) The urgency: 0 to 4.
    pub priority: i64,
    /// k) The urgency in words.
    pub urgency: String,
    /// l) The sender.
    pub from: PartyView,
    /// m) The receivers.
    pub to: Vec<PartyView>,
    /// n) When it was sent: accepted by the exchange.
    pub sent_at: String,
    /// n) When it was received: acknowledged by the receiver's system; of several, by the last. Empty while not.
    pub received_at: String,
    /// o) The deadline, as it was written.
    pub due_date: String,
    /// p) What was exchanged about it, oldest first.
    pub history: Vec<HistoryView>,
    /// q) Other information.
    pub other: OtherView,
    /// Where it stands at each receiver: to its sender at all, to a receiver at itself.
    pub receivers: Vec<ReceiverView>,
    /// Recalls, updates and replacements, of it and by it.
    pub links: Vec<LinkView>,
    /// The version that counts to its sender: itself, or the newest update (RULES R44).
    pub current_version_id: String,
    /// Whether this is that version.
    pub is_current: bool,
    /// Codes of what is odd about it, duplicates included (RULES R32).
    pub warnings: Vec<String>,
    /// Class of the judgement of its signatures (RULES D30).
    pub class: String,
    /// What it is worth (RULES R14).
    pub legal_value: Named,
    /// Whether it may be worked on at once, without waiting for paper (RULES R16).
    pub is_routable: bool,
    /// SHA-256 of the package.
    pub package_sha256: String,
    /// What the ledger holds about it.
    pub ledger: Vec<LeafView>,
    /// What remains of it, when this receiver has cancelled it (RULES R39): then nothing of its content is above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tombstone: Option<Tombstone>,
}

/// q) Other information.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherView {
    /// The place of issue.
    pub promulgation_place: String,
    /// Numbers and notations of what it answers.
    pub answers: Vec<String>,
    /// `native`, or `digitised` from paper (RULES R6).
    pub origin: String,
    /// Whether paper follows (RULES R15).
    pub paper: bool,
    /// Why: `GOV_PM`, `AGENCY_LIST(item)`, `RECEIVER_NOT_READY`, `unstated`; empty when none follows.
    pub paper_reason: String,
}

fn named(code: &str, vi: &str, en: &str) -> Named {
    Named { code: code.to_owned(), vi: vi.to_owned(), en: en.to_owned() }
}

/// A receiver's state, for people.
pub fn receiver_state(state: State) -> Named {
    let (vi, en) = match state {
        State::Delivered => ("Đã gửi, chưa có phản hồi", "Sent, nothing heard yet"),
        State::Arrived => ("Đã đến", "Arrived"),
        State::Accepted => ("Đã tiếp nhận", "Taken in"),
        State::Assigned => ("Đã chuyển xử lý", "Assigned"),
        State::InWork => ("Đang xử lý", "In work"),
        State::Done => ("Đã hoàn thành", "Done"),
        State::Returned => ("Từ chối nhận (trả lại)", "Sent back"),
        State::Cancelled => ("Đã thu hồi, đã hủy", "Recalled and cancelled"),
    };
    named(state.as_str(), vi, en)
}

/// An open question, for people.
pub fn open_question(ask: Ask) -> Named {
    let (vi, en) = match ask {
        Ask::Recall => ("Thu hồi, chờ trả lời", "Recalled, not answered yet"),
        Ask::TakeBack => ("Yêu cầu lấy lại, chờ trả lời", "Asked back, not answered yet"),
        Ask::Update => ("Cập nhật, chờ trả lời", "Updated, not answered yet"),
    };
    named(ask.as_str(), vi, en)
}

fn sender_state(document: &Document) -> Named {
    use store::DocumentState::{Active, ContentDropped, Frozen, Replaced};
    let (vi, en) = match document.state {
        Active => ("Còn hiệu lực trao đổi", "Active"),
        Frozen => ("Đã thu hồi, đóng băng", "Recalled and frozen"),
        Replaced => ("Đã được thay thế", "Replaced"),
        ContentDropped => ("Đã chuyển tiếp, không còn giữ nội dung", "Passed on, content no longer kept"),
    };
    named(document.state.as_str(), vi, en)
}

/// The urgency in words (RULES R22).
pub fn urgency(priority: i64) -> &'static str {
    match priority {
        1 => "Khẩn",
        2 => "Thượng khẩn",
        3 => "Hỏa tốc",
        4 => "Hỏa tốc hẹn giờ",
        _ => "Thường",
    }
}

fn legal_value(document: &Document) -> Named {
    match document.legal_value.as_str() {
        ORIGINAL => {
            named(ORIGINAL, "Có giá trị pháp lý như bản gốc văn bản giấy", "Equal to a paper original")
        }
        other => named(other, "Để biết, tham khảo", "For information only"),
    }
}
