//! How a document's view is made of the rows the store keeps.

use std::collections::HashSet;

use mail::{AgencyId, DocumentId, Timestamp};
use serde_json::Value;
use store::{Delivery, Document, DocumentKind, Link, LinkKind, Receiver, StatusEntry, Tx};

use super::{
    DocumentView, FileView, HistoryView, LeafView, LinkView, OtherView, PartyView, ReceiverView, Side,
    SignerView, legal_value, open_question, receiver_state, sender_state, urgency,
};
use crate::accept::ORIGINAL;
use crate::browse::{self, Seen};
use crate::receipt::moment;
use crate::status::{Progress, State, StatusCode};
use crate::tombstone::Tombstone;
use crate::vxp::hash::full_hex;

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
        let found = tx.document(sender_id, document_id).await?;
        let Some(document) = found.filter(|found| found.kind == DocumentKind::Edoc) else { return Ok(None) };
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
    let own: Vec<Receiver> = tx.receiver(receiver_id, document_id).await?.into_iter().collect();
    for_receivers(tx, &own).await
}

/// A document as a system sees it: its sender's, or that of as many of its receivers as the system speaks for. `None` for a
/// status, which has no place of its own anywhere.
///
/// # Errors
/// The store's own.
pub async fn for_system(tx: &mut Tx, seen: &Seen) -> Result<Option<DocumentView>, store::Error> {
    match seen.side {
        browse::Side::Sent => for_sender(tx, seen.document.agency_id, seen.document.document_id).await,
        browse::Side::Received => for_receivers(tx, &seen.receivers).await,
    }
}

/// A document as some of its receivers see it together: what one of them has still, all of them show.
async fn for_receivers(tx: &mut Tx, own: &[Receiver]) -> Result<Option<DocumentView>, store::Error> {
    let is_gone = |at: &&Receiver| Progress::of(at).state == State::Cancelled;
    let Some(first) = own.iter().find(|at| !is_gone(at)).or(own.first()) else { return Ok(None) };
    let Some(rows) = Rows::read(tx, first.sender_id, first.document_id).await? else { return Ok(None) };
    let ids: HashSet<AgencyId> = own.iter().map(|at| at.receiver_id).collect();
    let mut view = view(
        &rows,
        Side::Receiver,
        |at| ids.contains(&at.receiver_id),
        |entry| ids.contains(&entry.reporter_id),
    );
    for at in own {
        view.ledger.extend(tx.leaves_of(at.receiver_id, at.delivery_id.as_bytes()).await?.iter().map(leaf));
    }
    view.delivery_id = Some(first.delivery_id.to_string());
    view.state = receiver_state(Progress::of(first).state);
    if own.iter().any(|at| at.duplicate_of.is_some()) {
        view.warnings.push("document.duplicate".to_owned());
    }
    if is_gone(&first) {
        let delivery = rows.deliveries.iter().find(|delivery| delivery.delivery_id == first.delivery_id);
        if let Some(delivery) = delivery {
            view.tombstone = Tombstone::read_at(tx, &rows.document, delivery, Some(first)).await?;
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
        self.is_routable = false;
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
        year: leaf.place.map(|place| place.shard_no),
        index: leaf.place.map(|place| place.index),
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
        is_routable: document.legal_value == ORIGINAL,
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
