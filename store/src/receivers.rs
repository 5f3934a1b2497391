//! Where a document stands at each of its receiving agencies (RULES R24, R49).

use mail::{AgencyCode, AgencyId, DeliveryId, DocumentId, Timestamp};

use crate::Tx;
use crate::documents::code;
use crate::error::Result;
use crate::sql::{Row, values};

/// A receiving agency of a document to keep.
#[derive(Clone, Debug)]
pub struct NewReceiver {
    /// The agency.
    pub receiver_id: AgencyId,
    /// Its code in the registered spelling.
    pub code: AgencyCode,
    /// The delivery that brings the document to its system.
    pub delivery_id: DeliveryId,
    /// The document that this one repeats there (RULES R32).
    pub duplicate_of: Option<DocumentId>,
}

/// Where a document stands at a receiver from now on.
#[derive(Clone, Copy, Debug)]
pub struct NewProgress<'a> {
    /// Where it stands, in the words of the registry.
    pub state: &'a str,
    /// What the sender has asked and not been answered; empty when nothing.
    pub ask: &'a str,
    /// What was said with the last word heard.
    pub reason: &'a str,
    /// The package by which the sender asks, or by which the document was cancelled.
    pub order_id: Option<DocumentId>,
    /// The update the receiver has agreed to last.
    pub version_id: Option<DocumentId>,
}

/// A receiving agency of a document, and where the document stands there.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The agency.
    pub receiver_id: AgencyId,
    /// The document.
    pub document_id: DocumentId,
    /// The sending agency.
    pub sender_id: AgencyId,
    /// The delivery that brings the document to its system.
    pub delivery_id: DeliveryId,
    /// The receiver's code, as it was spelled when the document was sent.
    pub code: AgencyCode,
    /// Where it stands, in the words of the registry.
    pub state: String,
    /// What the sender has asked and not been answered; empty when nothing.
    pub ask: String,
    /// What was said with the last word heard.
    pub reason: String,
    /// When the exchange accepted the document.
    pub accepted_at: Timestamp,
    /// When anything here changed last.
    pub changed_at: Timestamp,
    /// The package by which the sender asks, or by which the document was cancelled (RULES R39).
    pub order_id: Option<DocumentId>,
    /// The update the receiver has agreed to last (RULES R44).
    pub version_id: Option<DocumentId>,
    /// The document that this one repeats there (RULES R32).
    pub duplicate_of: Option<DocumentId>,
}

macro_rules! select_receiver {
    ($tail:literal) => {
        concat!(
            "SELECT receiver_id, document_id, sender_id, delivery_id, code, state, ask, reason, accepted_at, changed_at, \
             order_id, version_id, duplicate_of FROM document_receiver ",
            $tail
        )
    };
}

fn receiver(row: &Row) -> Result<Receiver> {
    Ok(Receiver {
        receiver_id: row.id(0)?,
        document_id: row.id(1)?,
        sender_id: row.id(2)?,
        delivery_id: row.id(3)?,
        code: code(row.str(4)?)?,
        state: row.text(5)?,
        ask: row.text(6)?,
        reason: row.text(7)?,
        accepted_at: row.moment(8)?,
        changed_at: row.moment(9)?,
        order_id: row.opt_id(10)?,
        version_id: row.opt_id(11)?,
        duplicate_of: row.opt_id(12)?,
    })
}

impl Tx {
    /// Keeps who receives a document; it stands as delivered with each.
    pub async fn add_receivers(
        &mut self,
        sender_id: AgencyId,
        document_id: DocumentId,
        receivers: &[NewReceiver],
        now: Timestamp,
    ) -> Result<()> {
        for new in receivers {
            self.exec(
                "INSERT INTO document_receiver (receiver_id, document_id, sender_id, delivery_id, code, state, ask, reason, \
                 accepted_at, changed_at, duplicate_of) VALUES ($1, $2, $3, $4, $5, 'delivered', '', '', $6, $6, $7)",
                values![
                    &new.receiver_id,
                    &document_id,
                    &sender_id,
                    &new.delivery_id,
                    new.code.as_str(),
                    now,
                    new.duplicate_of.as_ref()
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// A document's receivers, in the order of their codes.
    pub async fn receivers_of(
        &mut self,
        sender_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Vec<Receiver>> {
        let rows = self
            .rows(
                select_receiver!("WHERE sender_id = $1 AND document_id = $2 ORDER BY code LIMIT 10000"),
                values![&sender_id, &document_id],
            )
            .await?;
        rows.iter().map(receiver).collect()
    }

    /// A document at one of its receivers.
    pub async fn receiver(
        &mut self,
        receiver_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Option<Receiver>> {
        let row = self
            .row(
                select_receiver!("WHERE receiver_id = $1 AND document_id = $2"),
                values![&receiver_id, &document_id],
            )
            .await?;
        row.as_ref().map(receiver).transpose()
    }

    /// A document's receivers that one delivery serves, in the order of their codes.
    pub async fn receivers_served(
        &mut self,
        sender_id: AgencyId,
        document_id: DocumentId,
        delivery_id: DeliveryId,
    ) -> Result<Vec<Receiver>> {
        let rows = self
            .rows(
                select_receiver!(
                    "WHERE sender_id = $1 AND document_id = $2 AND delivery_id = $3 ORDER BY code LIMIT 10000"
                ),
                values![&sender_id, &document_id, &delivery_id],
            )
            .await?;
        rows.iter().map(receiver).collect()
    }

    /// What an agency received, from before `before` and not before `from`, newest first, `limit` at most.
    pub async fn received_before(
        &mut self,
        receiver_id: AgencyId,
        before: DocumentId,
        from: DocumentId,
        limit: i64,
    ) -> Result<Vec<Receiver>> {
        let rows = self
            .rows(
                select_receiver!(
                    "WHERE receiver_id = $1 AND document_id < $2 AND document_id >= $3 ORDER BY document_id DESC LIMIT $4"
                ),
                values![&receiver_id, &before, &from, limit],
            )
            .await?;
        rows.iter().map(receiver).collect()
    }

    /// Writes where a document stands at a receiver now, and what was said.
    pub async fn set_progress(&mut self, at: &Receiver, new: &NewProgress<'_>, now: Timestamp) -> Result<()> {
        self.exec(
            "UPDATE document_receiver SET state = $3, ask = $4, reason = $5, order_id = $6, version_id = $7, changed_at = $8 \
             WHERE receiver_id = $1 AND document_id = $2",
            values![
                &at.receiver_id,
                &at.document_id,
                new.state,
                new.ask,
                new.reason,
                new.order_id.as_ref(),
                new.version_id.as_ref(),
                now
            ],
        )
        .await
        .map(drop)
    }
}
