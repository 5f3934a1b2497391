//! Files of documents, the evidence their judgement rested on, and what later acts say of a document.

use mail::{AgencyId, BlobId, DocumentId, Timestamp};

use crate::Tx;
use crate::blobs::Sealed;
use crate::error::Result;
use crate::sql::values;

/// A file of a document to keep, by its digest.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// The evidence of its judgement, sealed for the sending agency.
    pub evidence: Option<Sealed>,
}

/// A document that a file belongs to.
#[derive(Clone, Debug)]
pub struct DocumentFile {
    /// The sending agency.
    pub agency_id: AgencyId,
    /// The document.
    pub document_id: DocumentId,
    /// Its legal identifier, normalised.
    pub identifier: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// The archived evidence of one file.
#[derive(Clone, Debug)]
pub struct FileEvidence {
    /// Which agency owns the blob.
    pub agency_id: AgencyId,
    /// Its place among the document's files, from 0: the main document.
    pub file_no: i64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// The blob with the bundle; `None` when none was kept.
    pub evidence_id: Option<BlobId>,
}

/// An act about a document: its recall, update or replacement.
#[derive(Clone, Debug)]
pub struct DocumentAct {
    /// The act.
    pub document_id: DocumentId,
    /// BussinessDocType (VXP 4.4).
    pub business_type: i64,
    /// The act's own header, as JSON.
    pub facts: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// Acts about one document that are looked at. Ours: nobody recalls and replaces one document a hundred times.
const ACTS_MAX: i64 = 100;

impl Tx {
    /// Keeps the files of a document that was just added, and which documents it is an act about.
    pub async fn add_files(
        &mut self,
        agency_id: AgencyId,
        document_id: DocumentId,
        files: &[NewFile],
        targets: &[String],
        now: Timestamp,
    ) -> Result<()> {
        for (number, file) in (0i64..).zip(files) {
            if let Some(evidence) = &file.evidence {
                self.put_blob(evidence, now).await?;
            }
            let evidence_id = file.evidence.as_ref().map(Sealed::blob_id);
            self.exec(
                "INSERT INTO document_file (agency_id, document_id, file_no, sha256, evidence_id) VALUES ($1, $2, $3, $4, $5)",
                values![&agency_id, &document_id, number, &file.sha256, evidence_id.as_ref()],
            )
            .await?;
        }
        for target in targets {
            self.add_target(agency_id, target, document_id).await?;
        }
        Ok(())
    }

    /// Keeps that a package is an act about a document.
    pub async fn add_target(
        &mut self,
        agency_id: AgencyId,
        target: &str,
        document_id: DocumentId,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO document_act (agency_id, target, document_id) VALUES ($1, $2, $3) \
             ON CONFLICT (agency_id, target, document_id) DO NOTHING",
            values![&agency_id, target, &document_id],
        )
        .await
        .map(drop)
    }

    /// Whether two documents of an agency have a file in common.
    pub async fn share_a_file(
        &mut self,
        agency_id: AgencyId,
        one: DocumentId,
        other: DocumentId,
    ) -> Result<bool> {
        let row = self
            .row(
                "SELECT a.file_no FROM document_file a JOIN document_file b ON b.agency_id = a.agency_id \
                 AND b.sha256 = a.sha256 WHERE a.agency_id = $1 AND a.document_id = $2 AND b.document_id = $3 LIMIT 1",
                values![&agency_id, &one, &other],
            )
            .await?;
        Ok(row.is_some())
    }

    /// The documents of whatever agency that a file belongs to, newest first; recalls that repeat the file are none.
    pub async fn documents_with_file(&mut self, sha256: &[u8; 32], limit: i64) -> Result<Vec<DocumentFile>> {
        let rows = self
            .rows(
                "SELECT d.agency_id, d.document_id, d.identifier, d.accepted_at FROM document_file f \
                 JOIN document d ON d.agency_id = f.agency_id AND d.document_id = f.document_id \
                 WHERE f.sha256 = $1 AND d.business_type <> 1 ORDER BY d.accepted_at DESC, d.document_id DESC LIMIT $2",
                values![sha256, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DocumentFile {
                    agency_id: row.id(0)?,
                    document_id: row.id(1)?,
                    identifier: row.text(2)?,
                    accepted_at: row.moment(3)?,
                })
            })
            .collect()
    }

    /// What an agency has said of its own document after sending it, oldest first.
    pub async fn acts_on(&mut self, agency_id: AgencyId, target: &str) -> Result<Vec<DocumentAct>> {
        let rows = self
            .rows(
                "SELECT d.document_id, d.business_type, d.facts, d.accepted_at FROM document_act a \
                 JOIN document d ON d.agency_id = a.agency_id AND d.document_id = a.document_id \
                 WHERE a.agency_id = $1 AND a.target = $2 ORDER BY d.accepted_at, d.document_id LIMIT $3",
                values![&agency_id, target, ACTS_MAX],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DocumentAct {
                    document_id: row.id(0)?,
                    business_type: row.int(1)?,
                    facts: row.text(2)?,
                    accepted_at: row.moment(3)?,
                })
            })
            .collect()
    }

    /// The files of a document of whatever agency, in their order, with where their evidence is.
    pub async fn file_evidence(&mut self, document_id: DocumentId) -> Result<Vec<FileEvidence>> {
        let rows = self
            .rows(
                "SELECT f.agency_id, f.file_no, f.sha256, f.evidence_id FROM document_file f \
                 WHERE f.agency_id IN (SELECT agency_id FROM agency) AND f.document_id = $1 ORDER BY f.agency_id, f.file_no",
                values![&document_id],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(FileEvidence {
                    agency_id: row.id(0)?,
                    file_no: row.int(1)?,
                    sha256: row.bytes(2)?.try_into().map_err(|_| crate::Error::Damaged("a digest"))?,
                    evidence_id: row.opt_id(3)?,
                })
            })
            .collect()
    }
}
