//! Packages waiting for receiving systems, and the keys their receivers open them with.

use mail::{AgencyCode, AgencyId, BlobId, DeliveryId, DocumentId, Timestamp};

use crate::accounts::words;
use crate::documents::{DocumentKind, code};
use crate::error::{Error, Result};
use crate::segments::BlobPieces;
use crate::sql::{Row, Sql, values};
use crate::{Store, Tx};

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
    /// When the receiving system had it.
    pub done_at: Option<Timestamp>,
    /// Since when no receiver may read it (RULES R39).
    pub withdrawn_at: Option<Timestamp>,
    /// When its key is to be forgotten (RULES R43).
    pub shred_at: Option<Timestamp>,
    /// Whether its key is forgotten: nobody can ever open it again for this receiver.
    pub is_shredded: bool,
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
    /// Only for a receiver with one of these codes: it may have had another when a package came.
    pub to_code: Option<Vec<AgencyCode>>,
    /// Skip so many.
    pub offset: i64,
    /// So many at most.
    pub limit: i64,
}

/// After so many failures a delivery parks (VXP 3.10).
const FAILURES_MAX: i64 = 5;
/// The pause after the first failure, which doubles (VXP 3.10).
const FAILURE_PAUSE_MILLIS: i64 = 5 * 60 * 1000;

macro_rules! select_delivery {
    ($tail:literal) => {
        concat!(
            "SELECT delivery_id, agency_id, system_folded, sender_id, document_id, kind, from_code, to_codes, blob_id, \
             state, failures, created_at, updated_at, withdrawn_at, shred_at, done_at, \
             CAST(CASE WHEN grant_key IS NULL THEN 1 ELSE 0 END AS BIGINT) FROM delivery ",
            $tail
        )
    };
}

fn delivery(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        delivery_id: row.id(0)?,
        agency_id: row.id(1)?,
        system_folded: row.text(2)?,
        sender_id: row.id(3)?,
        document_id: row.id(4)?,
        kind: row.text(5)?.parse()?,
        from_code: code(row.str(6)?)?,
        to_codes: row.str(7)?.split(',').map(code).collect::<Result<_>>()?,
        blob_id: row.id(8)?,
        state: row.text(9)?.parse()?,
        failures: row.int(10)?,
        created_at: row.moment(11)?,
        updated_at: row.moment(12)?,
        withdrawn_at: row.opt_moment(13)?,
        shred_at: row.opt_moment(14)?,
        done_at: row.opt_moment(15)?,
        is_shredded: row.flag(16)?,
    })
}

pub(crate) fn grant_context(delivery_id: DeliveryId) -> [u8; 21] {
    let mut context = *b"grant0000000000000000";
    context[5..].copy_from_slice(delivery_id.as_bytes());
    context
}

impl Tx {
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

    /// What waits for a system: the urgent first, each oldest first (VXP 3.7, RULES R21). What was recalled and cancelled
    /// waits no more.
    pub async fn waiting_deliveries(
        &mut self,
        filter: &DeliveryFilter,
        now: Timestamp,
    ) -> Result<Vec<Delivery>> {
        let sql = Sql {
            sqlite: select_delivery!(
                "WHERE system_folded = $1 AND state IN ('initial', 'processing', 'fail') \
                 AND (state <> 'fail' OR (offered_from <= $2 AND failures <= $3)) AND withdrawn_at IS NULL \
                 AND (CAST($4 AS TEXT) IS NULL OR kind = $4) AND created_at >= $5 AND created_at <= $6 \
                 AND (CAST($7 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM json_each($7) \
                 WHERE instr(',' || to_codes || ',', ',' || value || ',') > 0)) \
                 ORDER BY lane DESC, created_at, delivery_id LIMIT $8 OFFSET $9"
            ),
            postgres: select_delivery!(
                "WHERE system_folded = $1 AND state IN ('initial', 'processing', 'fail') \
                 AND (state <> 'fail' OR (offered_from <= $2 AND failures <= $3)) AND withdrawn_at IS NULL \
                 AND (CAST($4 AS TEXT) IS NULL OR kind = $4) AND created_at >= $5 AND created_at <= $6 \
                 AND (CAST($7 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM jsonb_array_elements_text($7::jsonb) c(code) \
                 WHERE strpos(',' || to_codes || ',', ',' || c.code || ',') > 0)) \
                 ORDER BY lane DESC, created_at, delivery_id LIMIT $8 OFFSET $9"
            ),
        };
        let codes = filter
            .to_code
            .as_ref()
            .map(|codes| serde_json::Value::from_iter(codes.iter().map(AgencyCode::as_str)).to_string());
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
                    codes.as_deref(),
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
                 AND (state <> 'fail' OR (offered_from <= $2 AND failures <= $3)) AND withdrawn_at IS NULL AND kind = $4",
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

    /// The delivery that brings a package to a system.
    pub async fn delivery_of(
        &mut self,
        system_folded: &str,
        document_id: DocumentId,
    ) -> Result<Option<Delivery>> {
        let row = self
            .row(
                select_delivery!("WHERE system_folded = $1 AND document_id = $2"),
                values![system_folded, &document_id],
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
                "UPDATE delivery SET state = $3, updated_at = $4, failures = failures + $5, offered_from = $6, done_at = $7 \
                 WHERE agency_id = $1 AND delivery_id = $2 AND state <> 'done' AND (state <> $3 OR $5 = 1)",
                values![
                    &found.agency_id,
                    &found.delivery_id,
                    state.as_str(),
                    now,
                    is_failure,
                    if is_failure { now.millis() + pause } else { now.millis() },
                    (state == DeliveryState::Done).then_some(now)
                ],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Lets what still waits of a document go with what is urgent: an urgent act about it must come behind it (VXP 4.4,
    /// RULES R21).
    pub async fn hurry_deliveries(&mut self, sender_id: AgencyId, document_id: DocumentId) -> Result<()> {
        self.exec(
            "UPDATE delivery SET lane = 1 WHERE sender_id = $1 AND document_id = $2 AND state <> 'done' AND lane = 0",
            values![&sender_id, &document_id],
        )
        .await
        .map(drop)
    }

    /// Makes a delivery unreadable at once, and its key due to be forgotten (RULES R39, R43).
    pub async fn withdraw_delivery(
        &mut self,
        found: &Delivery,
        shred_at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "UPDATE delivery SET withdrawn_at = $3, updated_at = $3, \
             shred_at = CASE WHEN grant_key IS NULL THEN NULL ELSE CAST($4 AS BIGINT) END \
             WHERE agency_id = $1 AND delivery_id = $2 AND withdrawn_at IS NULL",
            values![&found.agency_id, &found.delivery_id, now, shred_at],
        )
        .await
        .map(drop)
    }

    /// Makes a withdrawn delivery readable again, if its key is still there (RULES R43); answers whether it was.
    pub async fn restore_delivery(&mut self, found: &Delivery, now: Timestamp) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE delivery SET withdrawn_at = NULL, shred_at = NULL, updated_at = $3 \
                 WHERE agency_id = $1 AND delivery_id = $2 AND grant_key IS NOT NULL",
                values![&found.agency_id, &found.delivery_id, now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Deliveries whose keys are to be forgotten now, those longest due first. What is held by law is not among them.
    pub async fn deliveries_to_shred(&mut self, now: Timestamp, limit: i64) -> Result<Vec<Delivery>> {
        let rows = self
            .rows(
                select_delivery!(
                    "WHERE shred_at IS NOT NULL AND shred_at <= $1 AND legal_hold = 0 ORDER BY shred_at, delivery_id LIMIT $2"
                ),
                values![now, limit],
            )
            .await?;
        rows.iter().map(delivery).collect()
    }

    /// Holds a delivery for the law, or lets it go: what is held is not shredded (RULES A26).
    pub async fn hold_delivery(&mut self, found: &Delivery, held: bool) -> Result<()> {
        self.exec(
            "UPDATE delivery SET legal_hold = $3 WHERE agency_id = $1 AND delivery_id = $2",
            values![&found.agency_id, &found.delivery_id, held],
        )
        .await
        .map(drop)
    }

    /// Forgets a receiver's key to a package: its content is unreadable to that receiver from now on (RULES R39).
    /// Answers whether it was there and is not held by law.
    pub async fn shred_delivery(&mut self, found: &Delivery, now: Timestamp) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE delivery SET grant_key = NULL, shred_at = NULL, updated_at = $3 \
                 WHERE agency_id = $1 AND delivery_id = $2 AND grant_key IS NOT NULL AND legal_hold = 0",
                values![&found.agency_id, &found.delivery_id, now],
            )
            .await?;
        if touched == 1 {
            self.drop_blob(found.sender_id, found.blob_id, now).await?;
        }
        Ok(touched == 1)
    }
}

impl Store {
    /// The package of a delivery, opened with the receiver's own key; `None` when it was withdrawn or that key shredded.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written.
    pub async fn read_delivery(&self, found: &Delivery) -> Result<Option<Vec<u8>>> {
        match self.read_delivery_in_pieces(found).await? {
            None => Ok(None),
            Some(pieces) => pieces.whole_of_it().await.map(Some),
        }
    }

    /// The same piece by piece: of a large package one segment is in memory at a time.
    ///
    /// # Errors
    /// [`Error::Damaged`] when what lies there is not what was written.
    pub async fn read_delivery_in_pieces(&self, found: &Delivery) -> Result<Option<BlobPieces>> {
        let opened = self
            .read(found.clone(), |tx, found| {
                Box::pin(async move {
                    let grant = tx
                        .row(
                            "SELECT d.grant_key, s.subject_id FROM delivery d LEFT JOIN set_aside s ON s.agency_id = d.sender_id \
                             AND s.subject_id = d.document_id AND s.released_at IS NULL \
                             WHERE d.agency_id = $1 AND d.delivery_id = $2 AND d.withdrawn_at IS NULL",
                            values![&found.agency_id, &found.delivery_id],
                        )
                        .await?;
                    if grant.as_ref().map(|row| row.opt_bytes(1)).transpose()?.flatten().is_some() {
                        return Err(Error::SetAside);
                    }
                    let grant = grant.map(|row| row.opt_bytes(0)).transpose()?.flatten();
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
            Some((blob, key, sealed)) => self.open_pieces(&blob, &key, sealed).await.map(Some),
        }
    }
}
