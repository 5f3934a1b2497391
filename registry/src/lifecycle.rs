//! What is done to documents after their exchange: cancelled copies are shredded when their time has come (RULES R43), a
//! mistaken recall is reversed by two persons.

use mail::{AgencyId, DocumentId, Timestamp};
use serde_json::json;
use store::{Audit, Delivery, Tx};

use crate::Error;
use crate::accept::Desk;
use crate::accept::leaves::{Leaves, Said, word};
use crate::events::{Happened, tell};
use crate::status::{Progress, State};
use crate::tombstone::Tombstone;

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

    /// A document's package as one of its receivers reads it, wherever it asks: also where several agencies share one copy, one
    /// that has cancelled the document reads it no more (RULES R39).
    ///
    /// # Errors
    /// [`Error::Withdrawn`] with what remains; [`Error::NoSuchDocument`] for what that agency has not received; or the store's
    /// trouble.
    pub async fn package_for(
        &self,
        receiver_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Vec<u8>, Error> {
        let found = self
            .store
            .read((receiver_id, document_id), |tx, (receiver_id, document_id)| {
                Box::pin(async move {
                    let at = tx.receiver(*receiver_id, *document_id).await?.ok_or(Error::NoSuchDocument)?;
                    let deliveries = tx.deliveries_of(at.sender_id, at.document_id).await?;
                    let own = deliveries.into_iter().find(|d| d.delivery_id == at.delivery_id);
                    let delivery = own.ok_or(Error::NoSuchDocument)?;
                    let is_gone = Progress::of(&at).state == State::Cancelled;
                    if is_gone || delivery.withdrawn_at.is_some() {
                        let document = tx.document(at.sender_id, at.document_id).await?;
                        let document = document.ok_or(Error::NoSuchDocument)?;
                        let stone = Tombstone::read_at(tx, &document, &delivery, Some(&at)).await?;
                        return Err(stone.map_or(Error::NoSuchDocument, |s| Error::Withdrawn(Box::new(s))));
                    }
                    Ok::<_, Error>(delivery)
                })
            })
            .await?;
        self.store.read_delivery(&found).await?.ok_or(Error::NoSuchDocument)
    }

    /// How many copies [`Desk::shred_due`] takes at once.
    pub const fn shredded_at_once() -> usize {
        SHREDDED_AT_ONCE as usize
    }
}
