//! What an auditor asks of the tables beside the log itself.

use mail::{AgencyId, DeliveryId, DocumentId};

use crate::deliveries::DeliveryState;
use crate::error::Result;
use crate::sql::{Row, values};
use crate::{Document, Tx};

/// A delivery as the log tells of it.
#[derive(Clone, Debug)]
pub struct DoneDelivery {
    /// The owning agency.
    pub agency_id: AgencyId,
    /// Its id.
    pub delivery_id: DeliveryId,
    /// The sending agency.
    pub sender_id: AgencyId,
    /// The package.
    pub document_id: DocumentId,
    /// The receiving system, folded.
    pub system_folded: String,
    /// How far it is.
    pub state: DeliveryState,
}

fn delivery(row: &Row) -> Result<DoneDelivery> {
    Ok(DoneDelivery {
        agency_id: row.id(0)?,
        delivery_id: row.id(1)?,
        sender_id: row.id(2)?,
        document_id: row.id(3)?,
        system_folded: row.text(4)?,
        state: row.text(5)?.parse()?,
    })
}

impl Tx {
    /// Every document after one, by agency and id; the first page begins after zeroes.
    pub async fn documents_page(
        &mut self,
        after: (AgencyId, DocumentId),
        limit: i64,
    ) -> Result<Vec<Document>> {
        let rows = self
            .rows(
                "SELECT agency_id, document_id FROM document WHERE (agency_id, document_id) > ($1, $2) \
                 ORDER BY agency_id, document_id LIMIT $3",
                values![&after.0, &after.1, limit],
            )
            .await?;
        let mut documents = Vec::with_capacity(rows.len());
        for row in &rows {
            documents.extend(self.document(row.id(0)?, row.id(1)?).await?);
        }
        Ok(documents)
    }

    /// Every delivery that is done, after one, by agency and id.
    pub async fn done_deliveries_page(
        &mut self,
        after: (AgencyId, DeliveryId),
        limit: i64,
    ) -> Result<Vec<DoneDelivery>> {
        let rows = self
            .rows(
                "SELECT agency_id, delivery_id, sender_id, document_id, system_folded, state FROM delivery \
                 WHERE (agency_id, delivery_id) > ($1, $2) AND state = 'done' ORDER BY agency_id, delivery_id LIMIT $3",
                values![&after.0, &after.1, limit],
            )
            .await?;
        rows.iter().map(delivery).collect()
    }

    /// A delivery by its owner and id.
    pub async fn audited_delivery(
        &mut self,
        agency_id: AgencyId,
        id: DeliveryId,
    ) -> Result<Option<DoneDelivery>> {
        let row = self
            .row(
                "SELECT agency_id, delivery_id, sender_id, document_id, system_folded, state FROM delivery \
                 WHERE agency_id = $1 AND delivery_id = $2",
                values![&agency_id, &id],
            )
            .await?;
        row.as_ref().map(delivery).transpose()
    }

    /// Leaves that neither have a place nor wait for one, or wait as something else than they are; and places and waiting rows
    /// without a leaf. A sound ledger has none.
    pub async fn stray_leaves(&mut self) -> Result<i64> {
        let row = self
            .row(
                "SELECT (SELECT COUNT(*) FROM ledger_leaf l LEFT JOIN ledger_waiting w ON w.seq = l.seq \
                 WHERE (w.seq IS NULL OR w.leaf <> l.leaf) AND NOT EXISTS (SELECT 1 FROM ledger_place p WHERE p.seq = l.seq)) \
                 + (SELECT COUNT(*) FROM ledger_place p WHERE NOT EXISTS (SELECT 1 FROM ledger_leaf l WHERE l.seq = p.seq)) \
                 + (SELECT COUNT(*) FROM ledger_waiting w WHERE NOT EXISTS (SELECT 1 FROM ledger_leaf l WHERE l.seq = w.seq))",
                &[],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0))
    }
}
