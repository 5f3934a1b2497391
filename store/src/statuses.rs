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
    /// The code of a refusal's reason (RULES R30); empty when there is none.
    pub reason_code: String,
    /// The person behind it, as JSON (RULES R36, R49); empty when nobody is named.
    pub actor: String,
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
    /// The code of a refusal's reason; empty when there is none.
    pub reason_code: String,
    /// The person behind it, as JSON; empty when nobody was named.
    pub actor: String,
    /// The package it came in.
    pub package_id: DocumentId,
    /// When it was said.
    pub said_at: Timestamp,
    /// When we recorded it.
    pub recorded_at: Timestamp,
}

/// A status that belongs to no document known here (RULES E21).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlinkedStatus {
    /// Whom it was addressed to.
    pub addressee_id: AgencyId,
    /// The status package.
    pub package_id: DocumentId,
    /// Who said it.
    pub reporter_id: AgencyId,
    /// What.
    pub code: String,
    /// The identifier it names, normalised.
    pub identifier: String,
    /// The number and notation it names, normalised.
    pub notation: String,
    /// When it came.
    pub at: Timestamp,
}

impl Tx {
    /// The package in which a reporter said the same before (RULES E23); `None`, and it is kept, when it is new.
    pub async fn status_said_before(
        &mut self,
        reporter_id: AgencyId,
        key: &[u8; 32],
        package_id: DocumentId,
    ) -> Result<Option<DocumentId>> {
        let inserted = self
            .exec(
                "INSERT INTO status_once (reporter_id, key, package_id) VALUES ($1, $2, $3) \
                 ON CONFLICT (reporter_id, key) DO NOTHING",
                values![&reporter_id, key, &package_id],
            )
            .await?;
        if inserted == 1 {
            return Ok(None);
        }
        let row = self
            .row(
                "SELECT package_id FROM status_once WHERE reporter_id = $1 AND key = $2",
                values![&reporter_id, key],
            )
            .await?;
        row.map(|row| row.id(0)).transpose()
    }

    /// Keeps a status that nobody can place.
    pub async fn add_unlinked_status(&mut self, new: &UnlinkedStatus) -> Result<()> {
        self.exec(
            "INSERT INTO status_unlinked (addressee_id, package_id, reporter_id, code, identifier, notation, at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                &new.addressee_id,
                &new.package_id,
                &new.reporter_id,
                &new.code,
                &new.identifier,
                &new.notation,
                new.at
            ],
        )
        .await
        .map(drop)
    }

    /// An agency's statuses that nobody can place, newest first.
    pub async fn unlinked_statuses(
        &mut self,
        addressee_id: AgencyId,
        limit: i64,
    ) -> Result<Vec<UnlinkedStatus>> {
        let rows = self
            .rows(
                "SELECT addressee_id, package_id, reporter_id, code, identifier, notation, at FROM status_unlinked \
                 WHERE addressee_id = $1 ORDER BY package_id DESC LIMIT $2",
                values![&addressee_id, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(UnlinkedStatus {
                    addressee_id: row.id(0)?,
                    package_id: row.id(1)?,
                    reporter_id: row.id(2)?,
                    code: row.text(3)?,
                    identifier: row.text(4)?,
                    notation: row.text(5)?,
                    at: row.moment(6)?,
                })
            })
            .collect()
    }

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
             said_at, recorded_at, reason_code, actor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            values![
                &new.agency_id,
                &new.document_id,
                status_no,
                &new.reporter_id,
                &new.code,
                &new.description,
                &new.package_id,
                new.said_at,
                now,
                &new.reason_code,
                &new.actor
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
                "SELECT status_no, reporter_id, code, description, said_at, recorded_at, reason_code, actor, package_id \
                 FROM document_status \
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
                    reason_code: row.text(6)?,
                    actor: row.text(7)?,
                    package_id: row.id(8)?,
                })
            })
            .collect()
    }
}
