//! Where documents stand at their receivers: what an accepted package changes there, and whom it is told.

use serde_json::json;
use store::{Document, NewReceiver, NewStatus, Tx};

use super::keep::Intake;
use super::route;
use crate::events::{Happened, tell};
use crate::package;
use crate::status::{Progress, StatusCode};

/// A document was accepted: it stands as delivered with each receiver (RULES R24).
pub(super) async fn begin(tx: &mut Tx, intake: &Intake) -> Result<(), store::Error> {
    let Intake { document, routed, deliveries, now, .. } = intake;
    let (sender, id) = (document.agency_id, document.document_id);
    let mut receivers = Vec::with_capacity(routed.receivers.len());
    for receiver in &routed.receivers {
        let delivery = deliveries.iter().find(|delivery| delivery.system_folded == receiver.system_folded);
        let Some(delivery) = delivery else { continue };
        receivers.push(NewReceiver {
            receiver_id: receiver.agency.agency_id,
            code: receiver.agency.code.clone(),
            delivery_id: delivery.delivery_id,
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
    }
    Ok(())
}

/// A status was accepted: the document's history grows, and its place at the receiver moves (RULES R49, 1.4). One that
/// belongs to no document we know is told to its addressee all the same.
pub(super) async fn hear(
    tx: &mut Tx,
    intake: &Intake,
    status: &package::Status,
    about: Option<&Document>,
) -> Result<(), store::Error> {
    let Intake { document, routed, now, .. } = intake;
    let (reporter, now) = (document.agency_id, *now);
    let Some(addressee) = routed.receivers.first() else { return Ok(()) };
    let mut facts = json!({
        "docId": document.document_id.to_string(),
        "from": document.from_code.as_str(),
        "code": status.code.as_str(),
        "reason": status.description,
    });
    if let Some(about) = about {
        facts["about"] = about.document_id.to_string().into();
        let entry = NewStatus {
            agency_id: about.agency_id,
            document_id: about.document_id,
            reporter_id: reporter,
            code: status.code.as_str().to_owned(),
            description: status.description.clone(),
            package_id: document.document_id,
            said_at: route::said_at(status, now),
        };
        tx.add_status(&entry, now).await?;
        // The one who asks for its document back is the sender; everything else is said by the receiver (VXP 5).
        let receiver_id = match status.code {
            StatusCode::TakeBack => addressee.agency.agency_id,
            _ => reporter,
        };
        if let Some(at) = tx.receiver(receiver_id, about.document_id).await? {
            let step = Progress::of(&at).hear(&status.code);
            let ask = step.now.ask.map_or("", |ask| ask.as_str());
            tx.set_progress(&at, step.now.state.as_str(), ask, &status.description, now).await?;
            facts["state"] = step.now.state.as_str().into();
        }
    }
    let subject = about.map_or(document.document_id, |about| about.document_id);
    tell(tx, addressee.agency.agency_id, Happened::Status, subject, &facts, now).await
}
