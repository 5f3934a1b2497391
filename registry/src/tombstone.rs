//! What remains of a document at a receiver that cancelled it: ids, dates, parties, reason, a digest and the order; never
//! the content nor what it was about (RULES R39).

use serde::Serialize;
use store::{Delivery, Document, Receiver, Tx};

use crate::receipt::moment;
use crate::vxp::hash::full_hex;

/// What every read of a cancelled document answers with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    /// The delivery: the receiver's `docId`.
    pub doc_id: String,
    /// The legal identifier, normalised.
    pub identifier: String,
    /// `number/notation`, normalised.
    pub code: String,
    /// The date of issue, as it was written.
    pub promulgation_date: String,
    /// The sender's code.
    pub from: String,
    /// The receivers' codes.
    pub to: Vec<String>,
    /// When it came, RFC 3339 UTC.
    pub received_at: String,
    /// When it was cancelled.
    pub cancelled_at: String,
    /// When its key was forgotten or will be; empty when neither.
    pub shred_at: String,
    /// Whether the key is forgotten.
    pub is_shredded: bool,
    /// The reason of the order.
    pub reason: String,
    /// SHA-256 of the package.
    pub package_sha256: String,
    /// The order: the package that recalled it.
    pub order_id: String,
}

impl Tombstone {
    /// What remains of a delivery, with the reason of the order that cancelled it.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn read(tx: &mut Tx, delivery: &Delivery) -> Result<Option<Self>, store::Error> {
        let (sender, id) = (delivery.sender_id, delivery.document_id);
        let Some(document) = tx.document(sender, id).await? else { return Ok(None) };
        let receivers = tx.receivers_of(sender, id).await?;
        let receiver = receivers.into_iter().find(|at| at.delivery_id == delivery.delivery_id);
        Self::read_at(tx, &document, delivery, receiver.as_ref()).await
    }

    /// The same, at one of the receivers that share the delivery.
    pub(crate) async fn read_at(
        tx: &mut Tx,
        document: &Document,
        delivery: &Delivery,
        receiver: Option<&Receiver>,
    ) -> Result<Option<Self>, store::Error> {
        let (sender, id) = (document.agency_id, document.document_id);
        let order_id = receiver.and_then(|at| at.order_id);
        let links = tx.acts_upon(sender, id).await?;
        let mut reason = links.into_iter().find(|link| Some(link.act_id) == order_id).map(|l| l.reason);
        if reason.is_none() {
            // A request to give it back is a status in its own history (RULES R41).
            let history = tx.statuses(sender, id).await?;
            reason = history.into_iter().find(|e| Some(e.package_id) == order_id).map(|e| e.description);
        }
        Ok(Some(Self::of(document, delivery, receiver, reason.unwrap_or_default())))
    }

    fn of(document: &Document, delivery: &Delivery, receiver: Option<&Receiver>, reason: String) -> Self {
        Self {
            doc_id: delivery.delivery_id.to_string(),
            identifier: document.identifier.clone(),
            code: document.notation.clone(),
            promulgation_date: document.promulgated_on.clone(),
            from: document.from_code.to_string(),
            to: delivery.to_codes.iter().map(ToString::to_string).collect(),
            received_at: moment(delivery.created_at),
            // A copy that others share is still there; this receiver has cancelled it when it said so.
            cancelled_at: delivery
                .withdrawn_at
                .or(receiver.map(|at| at.changed_at))
                .map(moment)
                .unwrap_or_default(),
            shred_at: delivery.shred_at.map(moment).unwrap_or_default(),
            is_shredded: delivery.is_shredded,
            reason,
            package_sha256: full_hex(&document.package_sha256),
            order_id: receiver.and_then(|at| at.order_id).map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    /// The sentence in Vietnamese.
    pub fn vi(&self) -> String {
        format!("Văn bản {} đã được bên gửi thu hồi và đã hủy (lệnh {})", self.code, self.order_id)
    }

    /// The sentence in English.
    pub fn en(&self) -> String {
        format!("Document {} was recalled by its sender and cancelled (order {})", self.code, self.order_id)
    }
}
