//! Packages exchanged between agencies: what was accepted, for whom it waits, and what has been said of it.

use mail::{AgencyCode, AgencyId, BlobId, DeliveryId, DocumentId, Timestamp};

use crate::accounts::words;
use crate::blobs::Sealed;
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::sql::{Row, Sql, values};
use crate::{Store, Tx};

words! {
    /// What a package is (VXP, "words").
    DocumentKind, "package kind is edoc or status" {
        /// A document.
        Edoc = "edoc",
        /// A report on a document.
        Status = "status",
    }
}

words! {
    /// How far a delivery is (VXP 3.10).
    DeliveryState, "delivery state is initial, processing, done or fail" {
        /// Waiting to be fetched.
        Initial = "initial",
        /// The receiver has begun.
        Processing = "processing",
        /// Stored by the receiver.
        Done = "done",
        /// The receiver could not read or store it.
        Fail = "fail",
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
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// A delivery to make, for one receiving system (VXP part 7).
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id: the receiver's `docId`.
    pub delivery_id: DeliveryId,
    /// The first of the receiving agencies; it owns the row.
    pub agency_id: AgencyId,
    /// The receiving system, folded.
    pub system_folded: String,
    /// All receiving codes of that system, registered spelling.
    pub to_codes: Vec<AgencyCode>,
}

/// A package waiting for, or fetched by, a receiving system.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// The owning agency.
    pub agency_id: AgencyId,
    /// The receiving system, folded.
    pub system_folded: String,
    /// The sending agency.
    pub sender_id: AgencyId,
    /// The package.
    pub document_id: DocumentId,
    /// What it is.
    pub kind: DocumentKind,
    /// The sender's code.
    pub from_code: AgencyCode,
    /// The receiving codes.
    pub to_codes: Vec<AgencyCode>,
    /// The package's blob, owned by the sender.
    pub blob_id: BlobId,
    /// How far it is.
    pub state: DeliveryState,
    /// How often the receiver failed with it.
    pub failures: i64,
    /// When it came.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

/// Which deliveries a system asks for (VXP 3.7).
#[derive(Clone, Debug)]
pub struct DeliveryFilter {
    /// The asking system, folded.
    pub system_folded: String,
    /// Only this kind.
    pub kind: Option<DocumentKind>,
    /// Only arrived at or after.
    pub from: Option<Timestamp>,
    /// Only arrived at or before.
    pub to: Option<Timestamp>,
    /// Only with this receiving code, in its registered spelling.
    pub to_code: Option<AgencyCode>,
    /// Skip so many.
    pub offset: i64,
    /// So many at most.
    pub limit: i64,
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

/// Packages that a system's unfiltered sent list shows, at most (VXP 3.9 asks for "all").
const SENT_MAX: i64 = 1_000;
/// After so many failures a delivery parks (VXP 3.10).
const FAILURES_MAX: i64 = 5;
/// The pause after the first failure, which doubles (VXP 3.10).
const FAILURE_PAUSE_MILLIS: i64 = 5 * 60 * 1000;

macro_rules! select_document {
    ($tail:literal) => {
        concat!(
            "SELECT document_id, agency_id, system_folded, kind, from_code, package_sha256, blob_id, identifier, notation, \
             subject, business_type, priority, class, legal_value, verdict, facts, receipt, accepted_at FROM document ",
            $tail
        )
    };
}

macro_rules! select_delivery {
    ($tail:literal) => {
        concat!(
            "SELECT delivery_id, agency_id, system_folded, sender_id, document_id, kind, from_code, to_codes, blob_id, \
             state, failures, created_at, updated_at FROM delivery ",
            $tail
        )
    };
}

fn code(text: &str) -> Result<AgencyCode> {
    text.parse().map_err(|_| Error::Damaged("an agency code"))
}

fn document(row: &Row) -> Result<Document> {
    Ok(Document {
        document_id: row.id(0)?,
        agency_id: row.id(1)?,
        system_folded: row.text(2)?,
        kind: row.text(3)?.parse()?,
        from_code: code(&row.text(4)?)?,
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
    })
}

fn delivery(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        delivery_id: row.id(0)?,
        agency_id: row.id(1)?,
        system_folded: row.text(2)?,
        sender_id: row.id(3)?,
        document_id: row.id(4)?,
        kind: row.text(5)?.parse()?,
        from_code: code(&row.text(6)?)?,
        to_codes: row.text(7)?.split(',').map(code).collect::<Result<_>>()?,
        blob_id: row.id(8)?,
        state: row.text(9)?.parse()?,
        failures: row.int(10)?,
        created_at: row.moment(11)?,
        updated_at: row.moment(12)?,
    })
}

fn grant_context(delivery_id: DeliveryId) -> [u8; 21] {
    let mut context = *b"grant0000000000000000";
    context[5..].copy_from_slice(delivery_id.as_bytes());
    context
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
        let name = KeyName { owner: new.agency_id.into(), number: key_no };
        let key = self.data_key(name).await?.ok_or(Error::Damaged("a document's key"))?;
        for delivery in deliveries {
            let chance = self.shared.chance.clone();
            let grant = self.shared.keyring.wrap(&key, &grant_context(delivery.delivery_id), &*chance);
            let to_codes: Vec<&str> = delivery.to_codes.iter().map(AgencyCode::as_str).collect();
            self.refer_to_blob(new.agency_id, blob_id).await?;
            self.exec(
                "INSERT INTO delivery (agency_id, delivery_id, system_folded, sender_id, document_id, kind, from_code, \
                 to_codes, blob_id, grant_key, state, failures, offered_from, created_at, updated_at, legal_hold) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'initial', 0, $11, $11, $11, 0)",
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
                    now
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

    /// The deliveries of a package.
    pub async fn deliveries_of(
        &mut self,
        sender_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Vec<Delivery>> {
        let rows = self
            .rows(
                select_delivery!("WHERE sender_id = $1 AND document_id = $2 ORDER BY delivery_id LIMIT 1000"),
                values![&sender_id, &document_id],
            )
            .await?;
        rows.iter().map(delivery).collect()
    }

    /// What waits for a system, oldest first (VXP 3.7).
    pub async fn waiting_deliveries(
        &mut self,
        filter: &DeliveryFilter,
        now: Timestamp,
    ) -> Result<Vec<Delivery>> {
        let sql = Sql {
            sqlite: select_delivery!(
                "WHERE system_folded = $1 AND state IN ('initial', 'processing', 'fail') \
                 AND (state <> 'fail' OR (offered_from <= $2 AND failures <= $3)) \
                 AND (CAST($4 AS TEXT) IS NULL OR kind = $4) AND created_at >= $5 AND created_at <= $6 \
                 AND (CAST($7 AS TEXT) IS NULL OR instr(',' || to_codes || ',', ',' || $7 || ',') > 0) \
                 ORDER BY created_at, delivery_id LIMIT $8 OFFSET $9"
            ),
            postgres: select_delivery!(
                "WHERE system_folded = $1 AND state IN ('initial', 'processing', 'fail') \
                 AND (state <> 'fail' OR (offered_from <= $2 AND failures <= $3)) \
                 AND (CAST($4 AS TEXT) IS NULL OR kind = $4) AND created_at >= $5 AND created_at <= $6 \
                 AND (CAST($7 AS TEXT) IS NULL OR strpos(',' || to_codes || ',', ',' || $7 || ',') > 0) \
                 ORDER BY created_at, delivery_id LIMIT $8 OFFSET $9"
            ),
        };
        let rows = self
            .rows(
                sql,
                values![
                    &filter.system_folded,
                    now,
                    FAILURES_MAX,
                    filter.kind.map(DocumentKind::as_str),
                    filter.from.map_or(i64::MIN, Timestamp::millis),
                    filter.to.map_or(i64::MAX, Timestamp::millis),
                    filter.to_code.as_ref().map(AgencyCode::as_str),
                    filter.limit,
                    filter.offset
                ],
            )
            .await?;
        rows.iter().map(delivery).collect()
    }

    /// How many packages of a kind wait for a system (VXP 3.11).
    pub async fn count_waiting(
        &mut self,
        system_folded: &str,
        kind: DocumentKind,
        now: Timestamp,
    ) -> Result<i64> {
        let row = self
            .row(
                "SELECT COUNT(*) FROM delivery WHERE system_folded = $1 AND state IN ('initial', 'processing', 'fail') \
                 AND (state <> 'fail' OR (offered_from <= $2 AND failures <= $3)) AND kind = $4",
                values![system_folded, now, FAILURES_MAX, kind.as_str()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// A delivery to a system.
    pub async fn delivery(
        &mut self,
        system_folded: &str,
        delivery_id: DeliveryId,
    ) -> Result<Option<Delivery>> {
        let row = self
            .row(
                select_delivery!("WHERE system_folded = $1 AND delivery_id = $2"),
                values![system_folded, &delivery_id],
            )
            .await?;
        row.as_ref().map(delivery).transpose()
    }

    /// Moves a delivery on (VXP 3.10): `done` is final, a `fail` is offered again after a pause that doubles. Answers
    /// whether anything changed.
    pub async fn move_delivery(
        &mut self,
        found: &Delivery,
        state: DeliveryState,
        now: Timestamp,
    ) -> Result<bool> {
        let is_failure = state == DeliveryState::Fail;
        let pause = FAILURE_PAUSE_MILLIS << found.failures.clamp(0, FAILURES_MAX);
        let touched = self
            .exec(
                "UPDATE delivery SET state = $3, updated_at = $4, failures = failures + $5, offered_from = $6 \
                 WHERE agency_id = $1 AND delivery_id = $2 AND state <> 'done' AND (state <> $3 OR $5 = 1)",
                values![
                    &found.agency_id,
                    &found.delivery_id,
                    state.as_str(),
                    now,
                    is_failure,
                    if is_failure { now.millis() + pause } else { now.millis() }
                ],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Forgets a receiver's key to a package: its content is unreadable to that receiver from now on (RULES R39).
    pub async fn shred_delivery(&mut self, found: &Delivery, now: Timestamp) -> Result<()> {
        let touched = self
            .exec(
                "UPDATE delivery SET grant_key = NULL, updated_at = $3 \
                 WHERE agency_id = $1 AND delivery_id = $2 AND grant_key IS NOT NULL AND legal_hold = 0",
                values![&found.agency_id, &found.delivery_id, now],
            )
            .await?;
        if touched == 1 {
            self.drop_blob(found.sender_id, found.blob_id, now).await?;
        }
        Ok(())
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

impl Store {
    /// The package of a delivery, opened with the receiver's own key; `None` when that key was shredded.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written.
    pub async fn read_delivery(&self, found: &Delivery) -> Result<Option<Vec<u8>>> {
        let opened = self
            .read(found.clone(), |tx, found| {
                Box::pin(async move {
                    let grant = tx
                        .row(
                            "SELECT grant_key FROM delivery WHERE agency_id = $1 AND delivery_id = $2",
                            values![&found.agency_id, &found.delivery_id],
                        )
                        .await?
                        .map(|row| row.opt_bytes(0))
                        .transpose()?
                        .flatten();
                    let (Some(grant), Some(blob)) = (grant, tx.blob(found.sender_id, found.blob_id).await?)
                    else {
                        return Ok(None);
                    };
                    let key = tx.shared.keyring.unwrap(&grant, &grant_context(found.delivery_id))?;
                    let sealed = tx.sealed_bytes(&blob).await?;
                    Ok::<_, Error>(Some((blob, key, sealed)))
                })
            })
            .await?;
        match opened {
            None => Ok(None),
            Some((blob, key, sealed)) => self.open_blob(&blob, &key, sealed).await.map(Some),
        }
    }
}
