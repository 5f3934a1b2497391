//! What receivers have said of a document (RULES R49): append-only, numbered without a gap.

use mail::{AgencyId, DocumentId, Timestamp};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Sql, values};

/// Something said of a document.
#[derive(Clone, Debug)]
pub struct NewStatus {
    /// The document's sending agency.
    pub agency_id: AgencyId,
    /// The document.
    pub document_id: DocumentId,
    /// Who says it.
    pub reporter_id: AgencyId,
    /// What: 01…16, or anything (RULES 1.4).
    pub code: String,
    /// Why, in the reporter's words.
    pub description: String,
    /// The status package it came in.
    pub package_id: DocumentId,
    /// When it was said, by the reporter's clock, or when it came.
    pub said_at: Timestamp,
}

/// A line of a document's history (RULES R49).
#[derive(Clone, Debug)]
pub struct StatusEntry {
    /// Its number in the document's history, from 1.
    pub status_no: i64,
    /// Who said it.
    pub reporter_id: AgencyId,
    /// What.
    pub code: String,
    /// Why.
    pub description: String,
    /// When it was said.
    pub said_at: Timestamp,
    /// When we recorded it.
    pub recorded_at: Timestamp,
}

impl Tx {
    /// Adds a line to a document's history; answers its number.
    pub async fn add_status(&mut self, new: &NewStatus, now: Timestamp) -> Result<i64> {
        // Two reports at once: the document's row is held, so the numbers have no gap and no repeat.
        let lock = Sql {
            sqlite: "SELECT 1 FROM document WHERE agency_id = $1 AND document_id = $2",
            postgres: "SELECT 1 FROM document WHERE agency_id = $1 AND document_id = $2 FOR UPDATE",
        };
        self.row(lock, values![&new.agency_id, &new.document_id])
            .await?
            .ok_or(Error::NotFound("the document"))?;
        let row = self
            .row(
                "SELECT COALESCE(MAX(status_no), 0) + 1 FROM document_status WHERE agency_id = $1 AND document_id = $2",
                values![&new.agency_id, &new.document_id],
            )
            .await?;
        let status_no = row.map_or(Ok(1), |row| row.int(0))?;
        self.exec(
            "INSERT INTO document_status (agency_id, document_id, status_no, reporter_id, code, description, package_id, \
             said_at, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            values![
                &new.agency_id,
                &new.document_id,
                status_no,
                &new.reporter_id,
                &new.code,
                &new.description,
                &new.package_id,
                new.said_at,
                now
            ],
        )
        .await?;
        Ok(status_no)
    }

    /// A document's history, oldest first.
    pub async fn statuses(
        &mut self,
        agency_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Vec<StatusEntry>> {
        let rows = self
            .rows(
                "SELECT status_no, reporter_id, code, description, said_at, recorded_at FROM document_status \
                 WHERE agency_id = $1 AND document_id = $2 ORDER BY status_no LIMIT 10000",
                values![&agency_id, &document_id],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(StatusEntry {
                    status_no: row.int(0)?,
                    reporter_id: row.id(1)?,
                    code: row.text(2)?,
                    description: row.text(3)?,
                    said_at: row.moment(4)?,
                    recorded_at: row.moment(5)?,
                })
            })
            .collect()
    }
}
