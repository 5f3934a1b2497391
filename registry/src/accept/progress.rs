//! Where documents stand at their receivers: what an accepted package changes there, and whom it is told.

use mail::{AgencyId, DocumentId};
use serde_json::{Value, json};
use store::{
    Audit, DeliveryState, Document, NewProgress, NewReceiver, NewStatus, Receiver, Tx, UnlinkedStatus,
};

use super::acts::RECALL;
use super::keep::Intake;
use super::leaves::{Said, word};
use super::route::{self, Linked};
use crate::document_id::date_key;
use crate::events::{Happened, tell};
use crate::reasons::RefusalReason;
use crate::statistics::facts as statistics;
use crate::status::{Ask, Progress, State, StatusCode};
use crate::{deadlines, package};

/// A document was accepted: it stands as delivered with each receiver (RULES R24).
pub(super) async fn begin(tx: &mut Tx, intake: &Intake) -> Result<(), store::Error> {
    let Intake { document, routed, deliveries, now, .. } = intake;
    let (sender, id) = (document.agency_id, document.document_id);
    let may_repeat = may_repeat(tx, intake).await?;
    let mut receivers = Vec::with_capacity(routed.receivers.len());
    for receiver in &routed.receivers {
        let delivery = deliveries.iter().find(|delivery| delivery.system_folded == receiver.system_folded);
        let Some(delivery) = delivery else { continue };
        let receiver_id = receiver.agency.agency_id;
        receivers.push(NewReceiver {
            receiver_id,
            code: receiver.agency.code.clone(),
            delivery_id: delivery.delivery_id,
            duplicate_of: if may_repeat { duplicate(tx, intake, receiver_id).await? } else { None },
        });
    }
    tx.add_receivers(sender, id, &receivers, *now).await?;
    tx.add_document_words(sender, id, &intake.words).await?;
    let facts =
        json!({ "docId": id.to_string(), "type": document.business_type, "priority": document.priority });
    tell(tx, sender, Happened::Accepted, id, &facts, *now).await?;
    for receiver in &receivers {
        let facts = json!({
            "docId": receiver.delivery_id.to_string(),
            "from": document.from_code.as_str(),
            "type": document.business_type,
            "priority": document.priority,
        });
        tell(tx, receiver.receiver_id, Happened::Arrived, id, &facts, *now).await?;
        if let Some(earlier) = receiver.duplicate_of {
            let facts = json!({ "docId": receiver.delivery_id.to_string(), "repeats": earlier.to_string() });
            tell(tx, receiver.receiver_id, Happened::Duplicate, id, &facts, *now).await?;
        }
    }
    let deadline = deadlines::accepted(tx, &intake.arrived.package, document, &receivers, *now).await?;
    statistics::write_sent(tx, document, deadline.as_ref(), &receivers, *now).await
}

/// Whether the sender has sent another document under this identifier or number at all: hardly ever, and then none of a
/// thousand receivers has to be asked.
async fn may_repeat(tx: &mut Tx, intake: &Intake) -> Result<bool, store::Error> {
    let new = &intake.document;
    if !matches!(new.business_type, 0 | 3) {
        return Ok(false);
    }
    let mut earlier = tx.documents_by_identifier(new.agency_id, &new.identifier).await?;
    if !new.notation.is_empty() {
        earlier.extend(tx.documents_by_notation(new.agency_id, &new.notation).await?);
    }
    Ok(earlier.iter().any(|earlier| earlier.document_id != new.document_id))
}

/// RULES R32: a new document whose identifier, or number and notation of that agency, the receiver holds already. Numbers
/// begin anew every year (RULES R75), so dates of different years, where both can be read, are no repeat.
async fn duplicate(
    tx: &mut Tx,
    intake: &Intake,
    receiver_id: AgencyId,
) -> Result<Option<DocumentId>, store::Error> {
    let new = &intake.document;
    let held = tx.documents_held_by(receiver_id, new.agency_id, &new.identifier, &new.notation).await?;
    let year = |date: &str| date_key(date).get(..4).map(str::to_owned);
    let repeated = held.iter().find(|earlier| {
        earlier.document_id != new.document_id
            && (earlier.identifier == new.identifier
                || match (year(&earlier.promulgated_on), year(&new.promulgated_on)) {
                    (Some(earlier), Some(new)) => earlier == new,
                    _ => true,
                })
    });
    Ok(repeated.map(|earlier| earlier.document_id))
}

/// A person as a package names him, for the history (RULES R36, R37, R49).
pub(super) fn actor(staff: &package::Staff) -> Value {
    json!({
        "department": staff.department,
        "departmentId": staff.department_id,
        "staff": staff.staff,
        "staffId": staff.staff_id,
        "email": staff.email,
        "mobile": staff.mobile,
    })
}

/// A status was accepted: the history of what it is about grows, and its place at the receiver moves (RULES R49, 1.4). One
/// that belongs to no document we know is told to its addressee all the same, and kept where it is looked for (RULES E21).
pub(super) async fn hear(
    tx: &mut Tx,
    intake: &Intake,
    status: &package::Status,
    linked: &Linked,
) -> Result<(), store::Error> {
    let Intake { document, routed, now, .. } = intake;
    let Some(addressee) = routed.receivers.first().map(|to| to.agency.agency_id) else { return Ok(()) };
    let mut facts = json!({
        "docId": document.document_id.to_string(),
        "from": document.from_code.as_str(),
        "code": status.code.as_str(),
        "reason": status.description,
    });
    // The one who asks for its document back is the sender; everything else is said by the receiver (VXP 5).
    let receiver_id = match status.code {
        StatusCode::TakeBack => addressee,
        _ => document.agency_id,
    };
    for about in meant(tx, status, linked, receiver_id).await? {
        facts["about"] = about.document_id.to_string().into();
        if let Some(state) = hear_about(tx, intake, status, about, receiver_id).await? {
            facts["state"] = state.as_str().into();
            deadlines::heard(tx, receiver_id, about, state, *now).await?;
        }
    }
    let subject = linked.documents.first().map_or(document.document_id, |about| about.document_id);
    if linked.documents.is_empty() {
        dead_letter(tx, intake, status, addressee).await?;
    }
    tell(tx, addressee, Happened::Status, subject, &facts, *now).await
}

/// Of the documents a status may be about, those it is about: a request is about every version the receiver has, an answer
/// about those where a question is open, a report about the newest.
async fn meant<'l>(
    tx: &mut Tx,
    status: &package::Status,
    linked: &'l Linked,
    receiver_id: AgencyId,
) -> Result<Vec<&'l Document>, store::Error> {
    let newest = || linked.documents.iter().take(1).collect();
    match status.code {
        StatusCode::TakeBack => Ok(linked.documents.iter().collect()),
        StatusCode::Agreed | StatusCode::Declined => {
            let asked = open_questions(tx, linked, receiver_id).await?;
            Ok(if asked.is_empty() { newest() } else { asked })
        }
        _ => Ok(newest()),
    }
}

/// Whether a status answers a question that is open at its reporter.
pub(super) async fn answers_question(
    tx: &mut Tx,
    status: &package::Status,
    linked: &Linked,
    reporter: AgencyId,
) -> Result<bool, store::Error> {
    if !matches!(status.code, StatusCode::Agreed | StatusCode::Declined) {
        return Ok(false);
    }
    Ok(!open_questions(tx, linked, reporter).await?.is_empty())
}

/// The documents about which a receiver is asked something.
async fn open_questions<'l>(
    tx: &mut Tx,
    linked: &'l Linked,
    receiver_id: AgencyId,
) -> Result<Vec<&'l Document>, store::Error> {
    let mut asked = Vec::new();
    for about in &linked.documents {
        let at = tx.receiver(receiver_id, about.document_id).await?;
        if at.is_some_and(|at| !at.ask.is_empty()) {
            asked.push(about);
        }
    }
    Ok(asked)
}

/// A line in one document's history, and what follows from it at one receiver: where it stands there now.
async fn hear_about(
    tx: &mut Tx,
    intake: &Intake,
    status: &package::Status,
    about: &Document,
    receiver_id: AgencyId,
) -> Result<Option<State>, store::Error> {
    let Intake { document, now, .. } = intake;
    let reason = match status.code {
        StatusCode::Refused | StatusCode::Declined => {
            Some(RefusalReason::in_description(&status.description))
        }
        _ => None,
    };
    let entry = NewStatus {
        agency_id: about.agency_id,
        document_id: about.document_id,
        reporter_id: document.agency_id,
        code: status.code.as_str().to_owned(),
        description: status.description.clone(),
        reason_code: reason.map_or("", RefusalReason::code).to_owned(),
        actor: status.staff.as_ref().map(|staff| actor(staff).to_string()).unwrap_or_default(),
        package_id: document.document_id,
        said_at: route::said_at(status, *now),
    };
    // Holds the document: what two receivers say at once is said one after the other.
    tx.add_status(&entry, *now).await?;
    let Some(at) = tx.receiver(receiver_id, about.document_id).await? else { return Ok(None) };
    count_said(tx, intake, status, &at, reason).await?;
    let before = Progress::of(&at);
    let mut step = before.hear(&status.code);
    if status.code == StatusCode::Declined && before.ask == Some(Ask::Recall) {
        let is_excused = is_excused(tx, &at, about, reason).await?;
        step = if is_excused { before.excused() } else { step };
    }
    let new = step.now;
    let order_id = match new.ask {
        Some(_) if new.ask != before.ask => Some(document.document_id),
        None if new.state != State::Cancelled => None,
        _ => at.order_id,
    };
    let has_agreed = status.code == StatusCode::Agreed && before.ask == Some(Ask::Update);
    let progress = NewProgress {
        state: new.state.as_str(),
        ask: new.ask.map_or("", |ask| ask.as_str()),
        reason: &status.description,
        order_id,
        version_id: if has_agreed { at.order_id } else { at.version_id },
    };
    tx.set_progress(&at, &progress, *now).await?;
    if new.state == State::Cancelled && before.state != State::Cancelled {
        cancelled(tx, intake, about, &at).await?;
    }
    let act = match status.code {
        StatusCode::Refused => word::REFUSED,
        StatusCode::Accepted => word::REGISTERED,
        StatusCode::Agreed if new.state == State::Cancelled && before.state != State::Cancelled => {
            word::CANCELLED
        }
        _ => return Ok(Some(new.state)),
    };
    let (system, code) = (document.system_folded.as_str(), status.code.as_str());
    let said = Said { act, to: vec![at.code.to_string()], system, status: code };
    intake.leaves.append(tx, about, said, *now).await?;
    Ok(Some(new.state))
}

/// What a receiver said is counted for both sides (RULES R53). The sender's own 13 is no answer.
async fn count_said(
    tx: &mut Tx,
    intake: &Intake,
    status: &package::Status,
    at: &Receiver,
    reason: Option<RefusalReason>,
) -> Result<(), store::Error> {
    if intake.document.agency_id != at.receiver_id {
        return Ok(());
    }
    let facts = statistics::said(&statistics::Word {
        sender_id: at.sender_id,
        document_id: at.document_id,
        receiver_id: at.receiver_id,
        code: &status.code,
        reason,
        arrived_at: at.accepted_at,
        at: intake.now,
    });
    tx.add_facts(&facts).await.map(drop)
}

/// RULES R40: a genuine recall may be declined only where its original was not found, or where the signature of the order is
/// not valid. Whoever acknowledged the original has found it; and of the order's signature we have our own judgement. (A
/// requester who is not the sender opens no question at all.)
async fn is_excused(
    tx: &mut Tx,
    at: &Receiver,
    about: &Document,
    reason: Option<RefusalReason>,
) -> Result<bool, store::Error> {
    match reason {
        Some(RefusalReason::NotFound) => {
            let deliveries = tx.deliveries_of(about.agency_id, about.document_id).await?;
            let own = deliveries.iter().find(|delivery| delivery.delivery_id == at.delivery_id);
            Ok(own.is_none_or(|delivery| delivery.state != DeliveryState::Done))
        }
        Some(RefusalReason::SignatureInvalid) => {
            let Some(order_id) = at.order_id else { return Ok(false) };
            let order = tx.document(about.agency_id, order_id).await?;
            // An order may come without any file to sign (VXP 4.4).
            let sound = ["VALID", "VALID_NO_TIMESTAMP", "UNSIGNED"];
            Ok(order.is_some_and(|order| !sound.contains(&order.class.as_str())))
        }
        _ => Ok(false),
    }
}

/// RULES R39: the receiver has cancelled the document. Its content is unreadable to it from this transaction on, and the key
/// is forgotten after the delay, or now when there is none (RULES R43). A copy that several agencies of one system share
/// goes when the last of them has cancelled.
async fn cancelled(
    tx: &mut Tx,
    intake: &Intake,
    about: &Document,
    at: &Receiver,
) -> Result<(), store::Error> {
    let now = intake.now;
    tx.add_facts(&[statistics::cancelled(at.receiver_id, about.document_id, now)]).await?;
    let receivers = tx.receivers_of(about.agency_id, about.document_id).await?;
    let mut sharing = receivers.iter().filter(|other| other.delivery_id == at.delivery_id);
    if sharing.all(|other| other.state == State::Cancelled.as_str()) {
        withdraw(tx, intake, about, at).await?;
        // A recall may repeat the very file it recalls (RULES E10).
        if let Some(order_id) = at.order_id
            && let Some(order) = tx.document(about.agency_id, order_id).await?
            && order.business_type == RECALL
            && tx.share_a_file(about.agency_id, about.document_id, order_id).await?
            && let Some(at) = tx.receiver(at.receiver_id, order_id).await?
        {
            withdraw(tx, intake, &order, &at).await?;
        }
    }
    let order = at.order_id.map(|id| id.to_string()).unwrap_or_default();
    let detail = json!({ "order": order, "shredAfterMillis": intake.shred_millis }).to_string();
    let (actor, subject) = (&intake.document.system_folded, about.document_id.to_string());
    tx.audit(at.receiver_id, now, actor, Audit::DocumentCancelled, &subject, &detail).await?;
    let facts = |doc_id: String| json!({ "docId": doc_id, "by": at.code.as_str(), "order": order });
    let to_receiver = facts(at.delivery_id.to_string());
    tell(tx, at.receiver_id, Happened::Cancelled, about.document_id, &to_receiver, now).await?;
    tell(tx, about.agency_id, Happened::Cancelled, about.document_id, &facts(subject), now).await
}

async fn withdraw(
    tx: &mut Tx,
    intake: &Intake,
    document: &Document,
    at: &Receiver,
) -> Result<(), store::Error> {
    let now = intake.now;
    let deliveries = tx.deliveries_of(document.agency_id, document.document_id).await?;
    let Some(delivery) = deliveries.iter().find(|delivery| delivery.delivery_id == at.delivery_id) else {
        return Ok(());
    };
    let shred_at = mail::Timestamp::from_millis(now.millis().saturating_add(intake.shred_millis));
    tx.withdraw_delivery(delivery, shred_at, now).await?;
    if intake.shred_millis == 0 {
        crate::lifecycle::shred(tx, &intake.leaves, delivery, now).await?;
    }
    Ok(())
}

/// RULES E21: a status that nobody can place is kept apart, and its addressee alarmed.
async fn dead_letter(
    tx: &mut Tx,
    intake: &Intake,
    status: &package::Status,
    addressee_id: AgencyId,
) -> Result<(), store::Error> {
    let document = &intake.document;
    let letter = UnlinkedStatus {
        addressee_id,
        package_id: document.document_id,
        reporter_id: document.agency_id,
        code: status.code.as_str().to_owned(),
        identifier: document.identifier.clone(),
        notation: document.notation.clone(),
        at: intake.now,
    };
    tx.add_unlinked_status(&letter).await?;
    let facts = json!({
        "docId": document.document_id.to_string(),
        "from": document.from_code.as_str(),
        "code": letter.code,
    });
    tell(tx, addressee_id, Happened::Unlinked, document.document_id, &facts, intake.now).await
}
