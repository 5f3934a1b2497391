//! A document as it is shown: the sixteen items of QĐ 28/2018 Đ10.2 (RULES R31), where it stands at each receiver, what was done
//! to it, and what proves it. One type for pages and for the API; two ways to look at it, its sender's and a receiver's.
//!
//! A receiver sees its own state and its own words, not those of others; and of a document it has cancelled only what the
//! law leaves (RULES R39).

use mail::{AgencyId, DocumentId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use store::{Delivery, Document, Link, LinkKind, Receiver, StatusEntry, Tx};

use crate::accept::ORIGINAL;
use crate::receipt::moment;
use crate::status::{Ask, Progress, State, StatusCode};
use crate::tombstone::Tombstone;
use crate::vxp::hash::full_hex;

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
    /// Its place in the log; `None` until the sequencer has taken it in.
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
    use store::DocumentState::{Active, Frozen, Replaced};
    let (vi, en) = match document.state {
        Active => ("Còn hiệu lực trao đổi", "Active"),
        Frozen => ("Đã thu hồi, đóng băng", "Recalled and frozen"),
        Replaced => ("Đã được thay thế", "Replaced"),
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

/// The rows a view is made of.
struct Rows {
    document: Document,
    receivers: Vec<Receiver>,
    deliveries: Vec<Delivery>,
    history: Vec<StatusEntry>,
    /// What later packages did to it, with their identifiers.
    upon: Vec<(Link, String)>,
    /// What it did to earlier ones.
    by: Vec<(Link, String)>,
}

impl Rows {
    async fn read(
        tx: &mut Tx,
        sender_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Option<Self>, store::Error> {
        let Some(document) = tx.document(sender_id, document_id).await? else { return Ok(None) };
        let receivers = tx.receivers_of(sender_id, document_id).await?;
        let deliveries = tx.deliveries_of(sender_id, document_id).await?;
        let history = tx.statuses(sender_id, document_id).await?;
        let mut upon = Vec::new();
        for link in tx.acts_upon(sender_id, document_id).await? {
            let other = tx.document(sender_id, link.act_id).await?;
            upon.push((link, other.map(|other| spelled(&other)).unwrap_or_default()));
        }
        let mut by = Vec::new();
        for link in tx.acts_by(sender_id, document_id).await? {
            let other = tx.document(sender_id, link.original_id).await?;
            by.push((link, other.map(|other| spelled(&other)).unwrap_or_default()));
        }
        Ok(Some(Self { document, receivers, deliveries, history, upon, by }))
    }
}

fn facts(document: &Document) -> Value {
    serde_json::from_str(&document.facts).unwrap_or_default()
}

/// The legal identifier as its package has it.
fn spelled(document: &Document) -> String {
    text(&facts(document), "documentId").unwrap_or_else(|| document.identifier.clone())
}

fn text(facts: &Value, name: &str) -> Option<String> {
    facts[name].as_str().map(str::to_owned)
}

fn texts(facts: &Value, name: &str) -> Vec<String> {
    let list = facts[name].as_array().into_iter().flatten();
    list.filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn party(value: &Value) -> PartyView {
    let text = |name| text(value, name).unwrap_or_default();
    PartyView { code: text("code"), name: text("name") }
}

/// A document as its sender sees it; `None` when the agency has sent no such document.
///
/// # Errors
/// The store's own.
pub async fn for_sender(
    tx: &mut Tx,
    sender_id: AgencyId,
    document_id: DocumentId,
) -> Result<Option<DocumentView>, store::Error> {
    let Some(rows) = Rows::read(tx, sender_id, document_id).await? else { return Ok(None) };
    let leaves = tx.leaves_of(sender_id, document_id.as_bytes()).await?;
    let mut view = view(&rows, Side::Sender, |_| true, |_| true);
    view.ledger = leaves.iter().map(leaf).collect();
    Ok(Some(view))
}

/// A document as one of its receivers sees it; `None` when that agency has received no such document.
///
/// # Errors
/// The store's own.
pub async fn for_receiver(
    tx: &mut Tx,
    receiver_id: AgencyId,
    document_id: DocumentId,
) -> Result<Option<DocumentView>, store::Error> {
    let Some(own) = tx.receiver(receiver_id, document_id).await? else { return Ok(None) };
    let Some(rows) = Rows::read(tx, own.sender_id, document_id).await? else { return Ok(None) };
    let leaves = tx.leaves_of(receiver_id, own.delivery_id.as_bytes()).await?;
    let mut view = view(
        &rows,
        Side::Receiver,
        |at| at.receiver_id == receiver_id,
        |entry| entry.reporter_id == receiver_id,
    );
    view.ledger = leaves.iter().map(leaf).collect();
    view.delivery_id = Some(own.delivery_id.to_string());
    let progress = Progress::of(&own);
    view.state = receiver_state(progress.state);
    if own.duplicate_of.is_some() {
        view.warnings.push("document.duplicate".to_owned());
    }
    if progress.state == State::Cancelled {
        let delivery = rows.deliveries.iter().find(|delivery| delivery.delivery_id == own.delivery_id);
        if let Some(delivery) = delivery {
            view.tombstone = Tombstone::read_at(tx, &rows.document, delivery, Some(&own)).await?;
        }
        view.bury();
    }
    Ok(Some(view))
}

impl DocumentView {
    /// RULES R39: ids, dates, parties, reason, digest and order stay.
    fn bury(&mut self) {
        self.subject.clear();
        self.type_name.clear();
        self.files.clear();
        self.signer = SignerView::default();
        self.due_date.clear();
        self.other = OtherView::default();
        for line in &mut self.history {
            line.actor = Value::Null;
        }
    }
}

fn leaf(leaf: &store::ledger::Leaf) -> LeafView {
    // The salt comes first.
    let act: Value =
        leaf.record.get(16..).and_then(|act| serde_json::from_slice(act).ok()).unwrap_or_default();
    LeafView {
        act: text(&act, "act").unwrap_or_default(),
        index: leaf.index,
        at: text(&act, "at").unwrap_or_default(),
    }
}

fn view(
    rows: &Rows,
    side: Side,
    sees: impl Fn(&Receiver) -> bool,
    hears: impl Fn(&StatusEntry) -> bool,
) -> DocumentView {
    let document = &rows.document;
    let facts = facts(document);
    let word = |name: &str| text(&facts, name).unwrap_or_default();
    let to: Vec<PartyView> = facts["to"].as_array().into_iter().flatten().map(party).collect();
    let seen: Vec<&Receiver> = rows.receivers.iter().filter(|at| sees(at)).collect();
    let current = current_version(rows);
    DocumentView {
        side,
        doc_id: document.document_id.to_string(),
        delivery_id: None,
        business_type: document.business_type,
        agency_code: document.from_code.to_string(),
        identifier: spelled(document),
        code: text(&facts, "code").unwrap_or_else(|| document.notation.clone()),
        promulgation_date: document.promulgated_on.clone(),
        type_name: word("type"),
        subject: document.subject.clone(),
        files: facts["files"].as_array().into_iter().flatten().map(file).collect(),
        state: sender_state(document),
        signer: signer(&facts["signer"]),
        priority: document.priority,
        urgency: urgency(document.priority).to_owned(),
        from: PartyView { code: document.from_code.to_string(), name: party(&facts["from"]).name },
        receivers: seen.iter().map(|at| receiver(rows, at, &to)).collect(),
        sent_at: moment(document.accepted_at),
        received_at: received_at(rows, &seen).map(moment).unwrap_or_default(),
        due_date: word("dueDate"),
        history: history(rows, &seen, hears),
        other: OtherView {
            promulgation_place: word("promulgationPlace"),
            answers: texts(&facts, "answers"),
            origin: text(&facts, "origin").unwrap_or_else(|| "native".to_owned()),
            paper: facts["paper"].as_bool().unwrap_or_default(),
            paper_reason: word("paperReason"),
        },
        links: links(rows),
        is_current: current == document.document_id,
        current_version_id: current.to_string(),
        warnings: texts(&facts, "warnings"),
        class: document.class.clone(),
        legal_value: legal_value(document),
        package_sha256: full_hex(&document.package_sha256),
        ledger: Vec::new(),
        tombstone: None,
        to,
    }
}

fn file(value: &Value) -> FileView {
    FileView {
        name: text(value, "name").unwrap_or_default(),
        size: value["size"].as_u64().unwrap_or_default(),
        sha256: text(value, "sha256").unwrap_or_default(),
    }
}

fn signer(value: &Value) -> SignerView {
    let word = |name| text(value, name).unwrap_or_default();
    SignerView { competence: word("competence"), position: word("position"), name: word("name") }
}

/// The newest update of a document, or itself.
fn current_version(rows: &Rows) -> DocumentId {
    let newest = |links: &[(Link, String)]| {
        let updates = links.iter().filter(|(link, _)| link.kind == LinkKind::Update);
        updates.map(|(link, _)| link.act_id).max()
    };
    newest(&rows.upon).unwrap_or(rows.document.document_id)
}

/// When the last of them acknowledged it; `None` while one has not.
fn received_at(rows: &Rows, seen: &[&Receiver]) -> Option<Timestamp> {
    let times = seen.iter().map(|at| {
        let delivery = rows.deliveries.iter().find(|delivery| delivery.delivery_id == at.delivery_id)?;
        delivery.done_at
    });
    let times: Option<Vec<Timestamp>> = times.collect();
    times?.into_iter().max()
}

fn receiver(rows: &Rows, at: &Receiver, to: &[PartyView]) -> ReceiverView {
    let progress = Progress::of(at);
    let delivery = rows.deliveries.iter().find(|delivery| delivery.delivery_id == at.delivery_id);
    let same = |party: &&PartyView| party.code.eq_ignore_ascii_case(at.code.as_str());
    ReceiverView {
        code: at.code.to_string(),
        name: to.iter().find(same).map(|party| party.name.clone()).unwrap_or_default(),
        delivery_id: at.delivery_id.to_string(),
        delivery: delivery.map(|delivery| delivery.state.as_str().to_owned()).unwrap_or_default(),
        state: receiver_state(progress.state),
        ask: progress.ask.map(open_question),
        reason: at.reason.clone(),
        order_id: at.order_id.map(|id| id.to_string()),
        version_id: at.version_id.unwrap_or(at.document_id).to_string(),
        duplicate_of: at.duplicate_of.map(|id| id.to_string()),
        changed_at: moment(at.changed_at),
    }
}

fn history(rows: &Rows, seen: &[&Receiver], hears: impl Fn(&StatusEntry) -> bool) -> Vec<HistoryView> {
    let document = &rows.document;
    let sender = document.from_code.to_string();
    let line = |kind: &str, text: &str, by: &str, package_id: DocumentId, reason: &str| HistoryView {
        at: String::new(),
        kind: kind.to_owned(),
        status: String::new(),
        text: text.to_owned(),
        by: by.to_owned(),
        reason: reason.to_owned(),
        reason_code: String::new(),
        actor: Value::Null,
        package_id: package_id.to_string(),
    };
    let mut lines = vec![(document.accepted_at, line("sent", "Đã gửi", &sender, document.document_id, ""))];
    for at in seen {
        let delivery = rows.deliveries.iter().find(|delivery| delivery.delivery_id == at.delivery_id);
        if let Some(done_at) = delivery.and_then(|delivery| delivery.done_at) {
            let text = "Hệ thống nơi nhận đã nhận";
            lines.push((done_at, line("delivered", text, at.code.as_str(), document.document_id, "")));
        }
    }
    for entry in rows.history.iter().filter(|entry| hears(entry)) {
        let by = rows.receivers.iter().find(|at| at.receiver_id == entry.reporter_id);
        let by = by.map_or(sender.as_str(), |at| at.code.as_str());
        let code = StatusCode::read(&entry.code);
        let said = line("status", code.vi(), by, entry.package_id, &entry.description);
        let said = HistoryView {
            status: entry.code.clone(),
            reason_code: entry.reason_code.clone(),
            actor: serde_json::from_str(&entry.actor).unwrap_or_default(),
            ..said
        };
        lines.push((entry.recorded_at, said));
    }
    for (link, _) in &rows.upon {
        let text = match link.kind {
            LinkKind::Recall => "Thu hồi",
            LinkKind::Update => "Cập nhật",
            LinkKind::Replacement => "Thay thế",
        };
        lines.push((link.at, line(link.kind.as_str(), text, &sender, link.act_id, &link.reason)));
        if let Some(undone_at) = link.undone_at {
            lines.push((undone_at, line("reversal", "Hủy lệnh thu hồi", &sender, link.act_id, "")));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(at, line)| HistoryView { at: moment(at), ..line }).collect()
}

fn links(rows: &Rows) -> Vec<LinkView> {
    let upon = rows.upon.iter().map(|(link, identifier)| {
        let kind = match link.kind {
            LinkKind::Recall => "recalled-by",
            LinkKind::Update => "updated-by",
            LinkKind::Replacement => "replaced-by",
        };
        (kind, link, link.act_id, identifier)
    });
    let by = rows.by.iter().map(|(link, identifier)| {
        let kind = match link.kind {
            LinkKind::Recall => "recalls",
            LinkKind::Update => "updates",
            LinkKind::Replacement => "replaces",
        };
        (kind, link, link.original_id, identifier)
    });
    let views = upon.chain(by).map(|(kind, link, other, identifier)| LinkView {
        kind: kind.to_owned(),
        doc_id: other.to_string(),
        identifier: identifier.clone(),
        reason: link.reason.clone(),
        at: moment(link.at),
        undone_at: link.undone_at.map(moment),
    });
    views.collect()
}
