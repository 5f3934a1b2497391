//! What a recall, an update or a replacement does to its original (RULES R37–R48, VXP 4.4). It travels like any document; here it
//! changes state on both sides.
//!
//! Only the sender of a document acts upon it: originals are looked for among the sending agency's own. What names another
//! agency's document, one that is not known here, or one that may not be changed any more, is accepted all the same, changes
//! nothing and is marked.

use serde_json::json;
use store::{
    Audit, Document, DocumentKind, DocumentState, LinkKind, NewLink, NewProgress, Receiver, Tx, peer_of_way,
};

use super::keep::Intake;
use super::leaves::{Said, word};
use super::route;
use crate::document_id::{DocumentIdentifier, date_key, notation_key};
use crate::events::{Happened, tell};
use crate::package::{self, BusinessType, Oddity, Package, Priority};
use crate::statistics::facts;
use crate::status::{Ask, Fit, Progress};
use crate::vxp::call::DeclaredPaper;

/// BussinessDocType of a recall (VXP 4.4).
pub(crate) const RECALL: i64 = 1;
/// How far the sender's clock may be from ours: ten minutes (RULES E38).
const CLOCK_OFF_MILLIS: u64 = 10 * 60 * 1_000;
/// BussinessDocType of an update.
pub(crate) const UPDATE: i64 = 2;

/// Every mark of a [`Plan`].
const MARKS: [Oddity; 7] = [
    Oddity::PaperUnstated,
    Oddity::ClockOff,
    Oddity::TargetUnknown,
    Oddity::TargetFrozen,
    Oddity::TargetReplaced,
    Oddity::OrderReasonMissing,
    Oddity::UrgencyKept,
];

/// What the sender was told when the document was accepted, of what is found out then alone: whoever sends it again is told the same.
pub(super) fn marks_of(before: &Document) -> Vec<Oddity> {
    let facts: serde_json::Value = serde_json::from_str(&before.facts).unwrap_or_default();
    let codes = facts["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    MARKS.into_iter().filter(|mark| codes.iter().any(|code| code == mark.code())).collect()
}

/// What a package will do, found out before it is kept.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The documents it acts upon, held to the end of the transaction.
    pub(super) originals: Vec<Document>,
    /// What its sender should know.
    pub(super) marks: Vec<Oddity>,
    /// The urgency that counts, where it is not the package's own (RULES R22).
    pub(super) priority: Option<i64>,
}

/// Finds the originals, and which of them may be acted upon.
pub(super) async fn plan(tx: &mut Tx, intake: &Intake) -> Result<Plan, store::Error> {
    let Package::Document(document) = &intake.arrived.package else { return Ok(Plan::default()) };
    let kind = document.business_type();
    let mut plan = Plan::default();
    if paper_follows(document) && intake.arrived.parameters.declared.paper == DeclaredPaper::Unasked {
        plan.mark(Oddity::PaperUnstated);
    }
    if is_clock_off(intake, document) {
        plan.mark(Oddity::ClockOff);
    }
    if kind == BusinessType::New {
        return Ok(plan);
    }
    for target in document.target_ids() {
        let mut found = by_identifier(tx, intake, target).await?;
        // RULES R42. A replacement's header is its own, not the original's (RULES E9).
        if found.is_empty() && kind != BusinessType::Replacement {
            found = by_number(tx, intake, document).await?;
        }
        // What is updated is the document itself, not an earlier update of it.
        if kind == BusinessType::Update && found.iter().any(|known| known.business_type != UPDATE) {
            found.retain(|known| known.business_type != UPDATE);
        }
        if found.is_empty() {
            plan.mark(Oddity::TargetUnknown);
        }
        for original in found {
            let held = tx.hold_document(original.agency_id, original.document_id).await?;
            let Some(original) = held else { continue };
            match (kind, original.state) {
                // What was replaced may still be recalled; a second recall may name further receivers.
                (BusinessType::Recall, _) | (_, DocumentState::Active | DocumentState::ContentDropped) => {
                    plan.take(original);
                }
                (_, DocumentState::Frozen) => plan.mark(Oddity::TargetFrozen),
                (_, DocumentState::Replaced) => plan.mark(Oddity::TargetReplaced),
            }
        }
    }
    if kind == BusinessType::Recall && document.business.as_ref().is_none_or(|b| b.reason.is_empty()) {
        plan.mark(Oddity::OrderReasonMissing);
    }
    if kind == BusinessType::Update
        && let Some(original) = plan.originals.first()
        && original.priority != i64::from(document.other_info.priority.number())
    {
        plan.priority = Some(original.priority);
        plan.mark(Oddity::UrgencyKept);
    }
    Ok(plan)
}

/// Whether paper follows (RULES R15). Some write a number of pages (VXP 4.1).
pub(super) fn paper_follows(document: &package::Document) -> bool {
    document.paper.trim().parse::<u32>().is_ok_and(|pages| pages > 0)
}

/// RULES E38. What another axis hands over was sent a while ago.
fn is_clock_off(intake: &Intake, document: &package::Document) -> bool {
    let own = document.trace_headers.last().and_then(|line| route::moment_in(&line.timestamp));
    let is_direct = peer_of_way(&intake.arrived.system.system_folded).is_none();
    is_direct && own.is_some_and(|sent| sent.millis().abs_diff(intake.now.millis()) > CLOCK_OFF_MILLIS)
}

impl Plan {
    fn take(&mut self, original: Document) {
        if self.originals.iter().all(|known| known.document_id != original.document_id) {
            self.originals.push(original);
        }
    }

    fn mark(&mut self, oddity: Oddity) {
        if !self.marks.contains(&oddity) {
            self.marks.push(oddity);
        }
    }
}

/// The sender's documents under an identifier, with what updated them since; recalls are none.
async fn by_identifier(
    tx: &mut Tx,
    intake: &Intake,
    target: &DocumentIdentifier,
) -> Result<Vec<Document>, store::Error> {
    let sender = intake.document.agency_id;
    let mut found = tx.documents_by_identifier(sender, target.key()).await?;
    // Some name it by what `sendEdoc` answered.
    if found.is_empty()
        && let Ok(id) = target.as_str().parse()
    {
        found.extend(tx.document(sender, id).await?.filter(|known| known.kind == DocumentKind::Edoc));
    }
    found.retain(|known| known.business_type != RECALL);
    Ok(found)
}

/// RULES R42: by the sender's number, notation and date.
async fn by_number(
    tx: &mut Tx,
    intake: &Intake,
    document: &package::Document,
) -> Result<Vec<Document>, store::Error> {
    let (notation, date) = (notation_key(&document.code.full()), date_key(&document.promulgation_info.date));
    if notation.is_empty() || date.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = tx.documents_by_notation(intake.document.agency_id, &notation).await?;
    found.retain(|known| known.business_type != RECALL && date_key(&known.promulgated_on) == date);
    Ok(found)
}

/// Does it, once the package is kept.
pub(super) async fn perform(tx: &mut Tx, intake: &Intake, plan: &Plan) -> Result<(), store::Error> {
    let Package::Document(document) = &intake.arrived.package else { return Ok(()) };
    for original in &plan.originals {
        let kind = match document.business_type() {
            BusinessType::New => return Ok(()),
            BusinessType::Recall => recall(tx, intake, original).await?,
            BusinessType::Update => update(tx, intake, document, original).await?,
            BusinessType::Replacement => replace(tx, intake, original).await?,
        };
        record(tx, intake, document, original, kind).await?;
    }
    Ok(())
}

/// Freezes the original at the sender (RULES R38) and orders each receiver the recall is addressed to, to cancel it.
async fn recall(tx: &mut Tx, intake: &Intake, original: &Document) -> Result<LinkKind, store::Error> {
    tx.set_document_state(original.agency_id, original.document_id, DocumentState::Frozen).await?;
    // One found in another way is found by its own identifier from now on.
    tx.add_target(original.agency_id, &original.identifier, intake.document.document_id).await?;
    for at in addressed(tx, intake, original).await? {
        ask(tx, intake, &at, Ask::Recall).await?;
    }
    Ok(LinkKind::Recall)
}

/// Asks the receivers it is addressed to, to take the update over; those it removes are treated as recalled (RULES R47).
async fn update(
    tx: &mut Tx,
    intake: &Intake,
    document: &package::Document,
    original: &Document,
) -> Result<LinkKind, store::Error> {
    let mut removed = Vec::new();
    for change in document.business.iter().flat_map(|b| &b.updates).flat_map(|update| &update.receivers) {
        if change.added {
            continue;
        }
        if let Ok(code) = change.organ_id.parse()
            && let Some(agency) = tx.agency_by_code(&code, intake.now).await?
        {
            removed.push(agency.agency_id);
        }
    }
    let addressed: Vec<_> = intake.routed.receivers.iter().map(|to| to.agency.agency_id).collect();
    for at in tx.receivers_of(original.agency_id, original.document_id).await? {
        if removed.contains(&at.receiver_id) {
            ask(tx, intake, &at, Ask::Recall).await?;
        } else if addressed.contains(&at.receiver_id) {
            ask(tx, intake, &at, Ask::Update).await?;
        }
    }
    Ok(LinkKind::Update)
}

/// The original stays readable and says what stands in its place (RULES R45).
async fn replace(tx: &mut Tx, intake: &Intake, original: &Document) -> Result<LinkKind, store::Error> {
    tx.set_document_state(original.agency_id, original.document_id, DocumentState::Replaced).await?;
    for at in tx.receivers_of(original.agency_id, original.document_id).await? {
        let facts = json!({
            "docId": at.delivery_id.to_string(),
            "from": original.from_code.as_str(),
            "by": intake.document.identifier,
        });
        tell(tx, at.receiver_id, Happened::Replaced, original.document_id, &facts, intake.now).await?;
    }
    Ok(LinkKind::Replacement)
}

/// The original's receivers to which the act goes too.
async fn addressed(tx: &mut Tx, intake: &Intake, original: &Document) -> Result<Vec<Receiver>, store::Error> {
    let mut receivers = tx.receivers_of(original.agency_id, original.document_id).await?;
    let to = &intake.routed.receivers;
    receivers.retain(|at| to.iter().any(|receiver| receiver.agency.agency_id == at.receiver_id));
    Ok(receivers)
}

/// Opens the question at a receiver, and tells it. Where the document came to its end there is nothing to ask.
async fn ask(tx: &mut Tx, intake: &Intake, at: &Receiver, ask: Ask) -> Result<(), store::Error> {
    let step = Progress::of(at).ask(ask);
    if step.fit == Fit::Contradicts {
        return Ok(());
    }
    let act_id = intake.document.document_id;
    let now_asked = step.now.ask.map_or("", |ask| ask.as_str());
    let new = NewProgress {
        state: &at.state,
        ask: now_asked,
        reason: &at.reason,
        order_id: if step.fit == Fit::Known { at.order_id } else { Some(act_id) },
        version_id: at.version_id,
    };
    tx.set_progress(at, &new, intake.now).await?;
    let happened = if ask == Ask::Update { Happened::Updated } else { Happened::Recalled };
    let facts = json!({
        "docId": at.delivery_id.to_string(),
        "from": intake.document.from_code.as_str(),
        "order": act_id.to_string(),
        "reason": reason(intake),
    });
    tell(tx, at.receiver_id, happened, at.document_id, &facts, intake.now).await
}

fn reason(intake: &Intake) -> &str {
    match &intake.arrived.package {
        Package::Document(document) => document.business.as_ref().map_or("", |b| b.reason.as_str()),
        Package::Status(status) => &status.description,
    }
}

/// Who ordered it and why (RULES R37), the leaf, the audit entry; and that what is urgent comes behind its original.
async fn record(
    tx: &mut Tx,
    intake: &Intake,
    document: &package::Document,
    original: &Document,
    kind: LinkKind,
) -> Result<(), store::Error> {
    let (act, now) = (&intake.document, intake.now);
    let staff: Vec<_> = document.business.iter().flat_map(|b| &b.staff).map(super::progress::actor).collect();
    let link = NewLink {
        agency_id: original.agency_id,
        original_id: original.document_id,
        act_id: act.document_id,
        kind,
        reason: reason(intake).to_owned(),
        ordered_by: json!({ "system": act.system_folded, "staff": staff }).to_string(),
    };
    tx.add_link(&link, now).await?;
    let fact = facts::acted(original.agency_id, original.document_id, act.document_id, kind, now);
    tx.add_facts(&[fact]).await?;
    if document.other_info.priority > Priority::Normal && kind != LinkKind::Update {
        tx.hurry_deliveries(original.agency_id, original.document_id).await?;
    }
    let (word, audit, happened) = match kind {
        LinkKind::Recall => (word::RECALLED, Audit::DocumentRecalled, Happened::Recalled),
        LinkKind::Update => (word::UPDATED, Audit::DocumentUpdated, Happened::Updated),
        LinkKind::Replacement => (word::REPLACED, Audit::DocumentReplaced, Happened::Replaced),
    };
    let said = Said { act: word, to: intake.routed.codes(), system: &act.system_folded, status: "" };
    intake.leaves.append(tx, original, said, now).await?;
    let (subject, order) = (original.document_id.to_string(), act.document_id.to_string());
    let detail = json!({ "order": order }).to_string();
    tx.audit(original.agency_id, now, &act.system_folded, audit, &subject, &detail).await?;
    let facts = json!({ "docId": subject, "order": order, "reason": reason(intake) });
    tell(tx, original.agency_id, happened, original.document_id, &facts, now).await
}
