//! What is done to documents after their exchange: cancelled copies are shredded when their time has come (RULES R43), a
//! mistaken recall is reversed by two persons.

use mail::Timestamp;
use serde_json::json;
use store::{Audit, Delivery, Tx};

use crate::Error;
use crate::accept::Desk;
use crate::accept::leaves::{Leaves, Said, word};
use crate::events::{Happened, tell};

/// Keys forgotten in one transaction.
const SHREDDED_AT_ONCE: i64 = 100;
/// Who did what nobody asked for at the moment, in the audit log.
const ACTOR: &str = "exchange";

/// Forgets the key of a withdrawn delivery, and says so. What is held by law stays.
pub(crate) async fn shred(
    tx: &mut Tx,
    leaves: &Leaves,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<bool, store::Error> {
    if !tx.shred_delivery(delivery, now).await? {
        return Ok(false);
    }
    let subject = delivery.document_id.to_string();
    let doc_id = delivery.delivery_id.to_string();
    tx.audit(delivery.agency_id, now, ACTOR, Audit::DocumentShredded, &doc_id, "").await?;
    if let Some(document) = tx.document(delivery.sender_id, delivery.document_id).await? {
        let to = delivery.to_codes.iter().map(ToString::to_string).collect();
        let said = Said { act: word::SHREDDED, to, system: "", status: "" };
        leaves.append(tx, &document, said, now).await?;
    }
    let about = delivery.document_id;
    let facts = json!({ "docId": doc_id });
    tell(tx, delivery.agency_id, Happened::Shredded, about, &facts, now).await?;
    let to: Vec<&str> = delivery.to_codes.iter().map(mail::AgencyCode::as_str).collect();
    tell(tx, delivery.sender_id, Happened::Shredded, about, &json!({ "docId": subject, "to": to }), now)
        .await?;
    Ok(true)
}

impl Desk {
    /// Shreds what is due, a bounded number; answers how many, so that the caller comes back while it is the bound.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn shred_due(&self, now: Timestamp) -> Result<usize, Error> {
        let leaves = Leaves::new(&self.log, &*self.chance);
        let shredded = self
            .store
            .write("shred recalled copies", leaves, move |tx, leaves| {
                Box::pin(async move {
                    let due = tx.deliveries_to_shred(now, SHREDDED_AT_ONCE).await?;
                    for delivery in &due {
                        shred(tx, leaves, delivery, now).await?;
                    }
                    Ok::<_, store::Error>(due.len())
                })
            })
            .await?;
        Ok(shredded)
    }

    /// How many copies [`Desk::shred_due`] takes at once.
    pub const fn shredded_at_once() -> usize {
        SHREDDED_AT_ONCE as usize
    }
}
