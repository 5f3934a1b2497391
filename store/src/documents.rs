//! Packages exchanged between agencies, in the words of the sender.

use mail::{AgencyCode, AgencyId, BlobId, DocumentId, Timestamp};

use crate::Tx;
use crate::accounts::words;
use crate::blobs::Sealed;
use crate::deliveries::{Delivery, NewDelivery, grant_context};
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::links::DocumentState;
use crate::sql::{Row, values};

words! {
    /// What a package is (VXP, "words").
    DocumentKind, "package kind is edoc or status" {
        /// A document.
        Edoc = "edoc",
        /// A report on a document.
        Status = "status",
    }
}

/// A package to keep, under the sender's agency.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// Its id: the sender's `DocId`.
    pub document_id: DocumentId,
    /// The sending agency.
    pub agency_id: AgencyId,
    /// The sending system, folded.
    pub system_folded: String,
    /// What it is.
    pub kind: DocumentKind,
    /// The sender's code in the registered spelling.
    pub from_code: AgencyCode,
    /// SHA-256 of the package as it came.
    pub package_sha256: [u8; 32],
    /// The package as it came, sealed apart for the sending agency.
    pub blob: Sealed,
    /// The legal identifier, normalised for matching (RULES I9).
    pub identifier: String,
    /// `number/notation`, normalised for matching.
    pub notation: String,
    /// The promulgation date as it was written.
    pub promulgated_on: String,
    /// Trích yếu.
    pub subject: String,
    /// BussinessDocType (VXP 4.4).
    pub business_type: i64,
    /// Priority (RULES 2.6).
    pub priority: i64,
    /// Class of the judgement (RULES D30).
    pub class: String,
    /// Legal value (RULES R14).
    pub legal_value: String,
    /// The judgement, as JSON.
    pub verdict: String,
    /// The 16 displayed items and the rest of the header, as JSON (RULES R31).
    pub facts: String,
    /// What is answered now and at every repeat, byte for byte.
    pub receipt: Vec<u8>,
}

/// A kept package.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id.
    pub document_id: DocumentId,
    /// The sending agency.
    pub agency_id: AgencyId,
    /// The sending system, folded.
    pub system_folded: String,
    /// What it is.
    pub kind: DocumentKind,
    /// The sender's code.
    pub from_code: AgencyCode,
    /// SHA-256 of the package.
    pub package_sha256: [u8; 32],
    /// The package's blob, owned by the sending agency.
    pub blob_id: BlobId,
    /// The normalised legal identifier.
    pub identifier: String,
    /// `number/notation`, normalised.
    pub notation: String,
    /// The promulgation date as it was written.
    pub promulgated_on: String,
    /// Trích yếu.
    pub subject: String,
    /// BussinessDocType.
    pub business_type: i64,
    /// Priority.
    pub priority: i64,
    /// Class of the judgement.
    pub class: String,
    /// Legal value.
    pub legal_value: String,
    /// The judgement, as JSON.
    pub verdict: String,
    /// The header, as JSON.
    pub facts: String,
    /// The first answer.
    pub receipt: Vec<u8>,
    /// What it is to its sender now (RULES R38, R45).
    pub state: DocumentState,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A row of the sent list: one receiver of one package (VXP 3.9).
#[derive(Clone, Debug)]
pub struct SentRow {
    /// The package.
    pub document: Document,
    /// The delivery.
    pub delivery: Delivery,
    /// One of its receiving codes.
    pub to_code: AgencyCode,
}

/// Packages that a system's unfiltered sent list shows, at most (VXP 3.9 asks for "all").
const SENT_MAX: i64 = 1_000;

macro_rules! select_document {
    ($tail:literal) => {
        concat!(
            "SELECT document_id, agency_id, system_folded, kind, from_code, package_sha256, blob_id, identifier, notation, \
             subject, business_type, priority, class, legal_value, verdict, facts, receipt, accepted_at, promulgated_on, state \
             FROM document ",
            $tail
        )
    };
}

pub(crate) fn code(text: &str) -> Result<AgencyCode> {
    text.parse().map_err(|_| Error::Damaged("an agency code"))
}

fn document(row: &Row) -> Result<Document> {
    Ok(Document {
        document_id: row.id(0)?,
        agency_id: row.id(1)?,
        system_folded: row.text(2)?,
        kind: row.text(3)?.parse()?,
        from_code: code(row.str(4)?)?,
        package_sha256: row.bytes(5)?.try_into().map_err(|_| Error::Damaged("a digest"))?,
        blob_id: row.id(6)?,
        identifier: row.text(7)?,
        notation: row.text(8)?,
        subject: row.text(9)?,
        business_type: row.int(10)?,
        priority: row.int(11)?,
        class: row.text(12)?,
        legal_value: row.text(13)?,
        verdict: row.text(14)?,
        facts: row.text(15)?,
        receipt: row.bytes(16)?,
        accepted_at: row.moment(17)?,
        promulgated_on: row.text(18)?,
        state: row.text(19)?.parse()?,
    })
}

impl Tx {
    /// The package a system has sent from an agency before, byte for byte (VXP 3.8 step 6).
    pub async fn document_sent_before(
        &mut self,
        agency_id: AgencyId,
        system_folded: &str,
        package_sha256: &[u8; 32],
    ) -> Result<Option<Document>> {
        let row = self
            .row(
                select_document!("WHERE agency_id = $1 AND system_folded = $2 AND package_sha256 = $3"),
                values![&agency_id, system_folded, package_sha256],
            )
            .await?;
        row.as_ref().map(document).transpose()
    }

    /// Keeps an accepted package and the deliveries it is for. Each receiver gets a key of its own to the one sealed
    /// copy, so that a recall shreds a receiver's copy and leaves the sender's (RULES R38, R39).
    ///
    /// # Errors
    /// [`Error::Conflict`] when the same package was kept by somebody else meanwhile: ask
    /// [`Tx::document_sent_before`] again.
    pub async fn add_document(
        &mut self,
        new: &NewDocument,
        deliveries: &[NewDelivery],
        now: Timestamp,
    ) -> Result<()> {
        let key_no = self.put_blob_keyed(&new.blob, now).await?;
        let blob_id = new.blob.blob_id();
        let inserted = self
            .exec(
                "INSERT INTO document (agency_id, document_id, system_folded, kind, from_code, package_sha256, blob_id, \
                 key_no, identifier, notation, promulgated_on, subject, business_type, priority, class, legal_value, \
                 verdict, facts, receipt, state, accepted_at, legal_hold) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 'active', $20, 0) \
                 ON CONFLICT (agency_id, system_folded, package_sha256) DO NOTHING",
                values![
                    &new.agency_id,
                    &new.document_id,
                    &new.system_folded,
                    new.kind.as_str(),
                    new.from_code.as_str(),
                    &new.package_sha256,
                    &blob_id,
                    key_no,
                    &new.identifier,
                    &new.notation,
                    &new.promulgated_on,
                    &new.subject,
                    new.business_type,
                    new.priority,
                    &new.class,
                    &new.legal_value,
                    &new.verdict,
                    &new.facts,
                    &new.receipt,
                    now
                ],
            )
            .await?;
        if inserted == 0 {
            return Err(Error::Conflict("the package was kept meanwhile".to_owned()));
        }
        let key = match new.blob.key_made_with_it(key_no) {
            Some(wrapped) => self.unwrap_data_key(new.agency_id, key_no, wrapped)?,
            None => {
                let name = KeyName { owner: new.agency_id.into(), number: key_no };
                self.data_key(name).await?.ok_or(Error::Damaged("a document's key"))?
            }
        };
        self.refer_to_blob_times(new.agency_id, blob_id, deliveries.len()).await?;
        // RULES R21: what is urgent goes before everything else.
        let is_urgent = new.kind == DocumentKind::Edoc && new.priority >= 1;
        for delivery in deliveries {
            let chance = self.shared.chance.clone();
            let grant = self.shared.keyring.wrap(&key, &grant_context(delivery.delivery_id), &*chance);
            let to_codes: Vec<&str> = delivery.to_codes.iter().map(AgencyCode::as_str).collect();
            self.exec(
                "INSERT INTO delivery (agency_id, delivery_id, system_folded, sender_id, document_id, kind, from_code, \
                 to_codes, blob_id, grant_key, state, failures, offered_from, created_at, updated_at, legal_hold, lane) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'initial', 0, $11, $11, $11, 0, $12)",
                values![
                    &delivery.agency_id,
                    &delivery.delivery_id,
                    &delivery.system_folded,
                    &new.agency_id,
                    &new.document_id,
                    new.kind.as_str(),
                    new.from_code.as_str(),
                    &to_codes.join(","),
                    &blob_id,
                    &grant,
                    now,
                    is_urgent
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// A package by its `DocId`, among those a sending system has sent.
    pub async fn sent_document(
        &mut self,
        system_folded: &str,
        document_id: DocumentId,
    ) -> Result<Option<Document>> {
        let row = self
            .row(
                select_document!("WHERE system_folded = $1 AND document_id = $2"),
                values![system_folded, &document_id],
            )
            .await?;
        row.as_ref().map(document).transpose()
    }

    /// A package of an agency.
    pub async fn document(
        &mut self,
        agency_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Option<Document>> {
        let row = self
            .row(
                select_document!("WHERE agency_id = $1 AND document_id = $2"),
                values![&agency_id, &document_id],
            )
            .await?;
        row.as_ref().map(document).transpose()
    }

    /// What an agency sent, from before `before` and not before `from`, newest first, `limit` at most; statuses are left out.
    pub async fn sent_before(
        &mut self,
        agency_id: AgencyId,
        before: DocumentId,
        from: DocumentId,
        limit: i64,
    ) -> Result<Vec<Document>> {
        let rows = self
            .rows(
                select_document!(
                    "WHERE agency_id = $1 AND document_id < $2 AND document_id >= $3 AND kind = 'edoc' \
                     ORDER BY document_id DESC LIMIT $4"
                ),
                values![&agency_id, &before, &from, limit],
            )
            .await?;
        rows.iter().map(document).collect()
    }

    /// Documents of a sending agency with a legal identifier, newest first.
    pub async fn documents_by_identifier(
        &mut self,
        agency_id: AgencyId,
        identifier: &str,
    ) -> Result<Vec<Document>> {
        let rows = self
            .rows(
                select_document!(
                    "WHERE agency_id = $1 AND identifier = $2 AND kind = 'edoc' ORDER BY document_id DESC LIMIT 100"
                ),
                values![&agency_id, identifier],
            )
            .await?;
        rows.iter().map(document).collect()
    }

    /// Documents of a sending agency with a number and notation, newest first.
    pub async fn documents_by_notation(
        &mut self,
        agency_id: AgencyId,
        notation: &str,
    ) -> Result<Vec<Document>> {
        let rows = self
            .rows(
                select_document!(
                    "WHERE agency_id = $1 AND notation = $2 AND kind = 'edoc' ORDER BY document_id DESC LIMIT 100"
                ),
                values![&agency_id, notation],
            )
            .await?;
        rows.iter().map(document).collect()
    }

    /// Documents of a sender that a receiver holds already under an identifier or a number and notation, newest first
    /// (RULES R32); those it sent back or cancelled are none.
    pub async fn documents_held_by(
        &mut self,
        receiver_id: AgencyId,
        sender_id: AgencyId,
        identifier: &str,
        notation: &str,
    ) -> Result<Vec<Document>> {
        let rows = self
            .rows(
                select_document!(
                    "WHERE agency_id = $2 AND (identifier = $3 OR (notation = $4 AND notation <> '')) AND kind = 'edoc' \
                     AND business_type IN (0, 3) AND EXISTS (SELECT 1 FROM document_receiver r WHERE r.receiver_id = $1 \
                     AND r.document_id = document.document_id AND r.state NOT IN ('returned', 'cancelled')) \
                     ORDER BY document_id DESC LIMIT 20"
                ),
                values![&receiver_id, &sender_id, identifier, notation],
            )
            .await?;
        rows.iter().map(document).collect()
    }

    /// A system's sent packages, one row per receiving code; all of them (the newest 1,000) or one (VXP 3.9).
    pub async fn sent_rows(
        &mut self,
        system_folded: &str,
        document_id: Option<DocumentId>,
        kind: Option<DocumentKind>,
    ) -> Result<Vec<SentRow>> {
        let rows = self
            .rows(
                select_document!(
                    "WHERE system_folded = $1 AND (CAST($2 AS BIGINT) = 0 OR document_id = $3) \
                     AND (CAST($4 AS TEXT) IS NULL OR kind = $4) ORDER BY accepted_at DESC, document_id DESC LIMIT $5"
                ),
                values![
                    system_folded,
                    document_id.is_some(),
                    document_id.as_ref(),
                    kind.map(DocumentKind::as_str),
                    SENT_MAX
                ],
            )
            .await?;
        let mut sent = Vec::new();
        for row in rows.iter().rev() {
            let document = document(row)?;
            for delivery in self.deliveries_of(document.agency_id, document.document_id).await? {
                for to_code in delivery.to_codes.clone() {
                    sent.push(SentRow { document: document.clone(), delivery: delivery.clone(), to_code });
                }
            }
        }
        Ok(sent)
    }
}
