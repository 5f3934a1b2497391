//! The calls of the exchange over the store's verbs (VXP 3), `sendEdoc` aside, which is [`crate::accept`].
//!
//! Each answers from what belongs to the calling system and from nothing else: what is another's is answered as if it
//! were not there (VXP 3.10).

use mail::{AgencyId, DeliveryId, DocumentId, Timestamp};
use store::{Audit, BlobPieces, Delivery, DeliveryFilter, DocumentKind, ExchangeSystem, SentRow, Tx};

use crate::Error;
use crate::accept::{Desk, speaks_for};
use crate::agency_lists::List;
use crate::events::{Happened, tell};
use crate::receipt::{Act, draw_salt, moment, salted};
use crate::tombstone::Tombstone;
use crate::vxp::answer::{self, Answer, DeliveryState};
use crate::vxp::call::{Acknowledgement, Call, DocId, Kind, ReceivedQuery};
use crate::vxp::hash::full_hex;

fn kind_of(kind: Kind) -> DocumentKind {
    match kind {
        Kind::Documents => DocumentKind::Edoc,
        Kind::Statuses => DocumentKind::Status,
    }
}

fn state_of(state: store::DeliveryState) -> DeliveryState {
    match state {
        store::DeliveryState::Initial => DeliveryState::Initial,
        store::DeliveryState::Processing => DeliveryState::Processing,
        store::DeliveryState::Done => DeliveryState::Done,
        store::DeliveryState::Fail => DeliveryState::Fail,
    }
}

/// What a call comes to.
#[derive(Debug)]
pub enum Answered {
    /// Words.
    Words(Answer),
    /// A package, which is handed over piece by piece.
    Package {
        /// Its bytes.
        pieces: BlobPieces,
        /// In base64 within the answer of `getEdoc`, or as it is (`downloadEdoc`).
        is_json: bool,
    },
}

impl Answered {
    /// The answer as a whole, for whoever has the memory.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn whole(self) -> Result<Answer, Error> {
        match self {
            Self::Words(answer) => Ok(answer),
            Self::Package { pieces, is_json: true } => {
                Ok(answer::package_as_json(&pieces.whole_of_it().await?))
            }
            Self::Package { pieces, is_json: false } => {
                Ok(answer::package_as_file(pieces.whole_of_it().await?))
            }
        }
    }
}

impl Desk {
    /// Does what a call asks and answers it.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`] for what is not the caller's, [`Error::Forbidden`], or the store's trouble.
    pub async fn answer(
        &self,
        system: &ExchangeSystem,
        call: Call,
        now: Timestamp,
    ) -> Result<Answered, Error> {
        let package = |pieces, is_json| Answered::Package { pieces, is_json };
        match call {
            Call::Get(id) => self.package(system, &id, now).await.map(|pieces| package(pieces, true)),
            Call::Download(id) => self.package(system, &id, now).await.map(|pieces| package(pieces, false)),
            words => self.answer_in_words(system, words, now).await.map(Answered::Words),
        }
    }

    async fn answer_in_words(
        &self,
        system: &ExchangeSystem,
        call: Call,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        match call {
            Call::ReceivedList(query) => self.received(system, &query, now).await,
            Call::SentList { doc_id, kind } => self.sent(system, doc_id.as_ref(), kind).await,
            Call::UpdateStatus { doc_id, acknowledgement, .. } => {
                self.acknowledge(system, &doc_id, acknowledgement, now).await
            }
            Call::Count(kind) => self.count(system, kind_of(kind), now).await,
            Call::AgenciesList => self.plain_list(List::Agencies, now).await,
            Call::AgenciesListQd20 { first_level_only: false } => self.plain_list(List::Qd20, now).await,
            Call::AgenciesListQd20 { first_level_only: true } => {
                self.plain_list(List::Qd20FirstLevel, now).await
            }
            Call::SynchronizeUnit => self.plain_list(List::Units, now).await,
            Call::RegisterAgency(new) => self.register_unit(system, &new, now).await,
            Call::DeleteAgency(code) => self.withdraw_unit(system, &code, now).await,
            // The body of the one is taken by `accept`, the others are handed over.
            Call::Send(_) | Call::Get(_) | Call::Download(_) => Err(Error::Internal),
        }
    }

    async fn received(
        &self,
        system: &ExchangeSystem,
        query: &ReceivedQuery,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        let rows_max = self.limits.page_rows_max;
        let (size, offset) = match query.page {
            Some(page) => {
                let size = page.size.min(rows_max);
                (size, i64::from(page.index.saturating_sub(1)).saturating_mul(i64::from(size)))
            }
            None => (rows_max, 0),
        };
        let filter = DeliveryFilter {
            system_folded: system.system_folded.clone(),
            kind: query.kind.map(kind_of),
            from: query.from,
            to: query.to,
            to_code: None,
            offset,
            limit: i64::from(size),
        };
        let receiver = query.receiver.clone();
        let own: Vec<AgencyId> = system.agencies.iter().map(|agency| agency.agency_id).collect();
        let deliveries = self
            .store
            .read((filter, receiver, own), |tx, (filter, receiver, own)| {
                Box::pin(async move {
                    // Narrow only by one of the caller's own codes; anything else is left over (VXP 3.7).
                    let narrow = match receiver {
                        Some(code) => {
                            tx.agency_by_code(code, now).await?.filter(|a| own.contains(&a.agency_id))
                        }
                        None => None,
                    };
                    let to_code = match narrow {
                        Some(agency) => {
                            let codes = tx.codes_of(agency.agency_id, now).await?;
                            Some(codes.into_iter().map(|known| known.code).collect())
                        }
                        None => None,
                    };
                    let deliveries =
                        tx.waiting_deliveries(&DeliveryFilter { to_code, ..filter.clone() }, now).await?;
                    Ok::<_, Error>(deliveries)
                })
            })
            .await?;
        Ok(received_rows(&deliveries))
    }

    async fn sent(
        &self,
        system: &ExchangeSystem,
        doc_id: Option<&DocId>,
        kind: Option<Kind>,
    ) -> Result<Answer, Error> {
        let input =
            (system.system_folded.clone(), doc_id.map(|id| id.as_str().to_owned()), kind.map(kind_of));
        let rows: Vec<SentRow> = self
            .store
            .read(input, |tx, (system, wanted, kind)| {
                Box::pin(async move {
                    let wanted = match wanted {
                        None => None,
                        // A delivery that the caller received is a left-over of another call (VXP 3.9).
                        Some(id) if is_received(tx, system, id).await? => None,
                        Some(id) => match id.parse::<DocumentId>() {
                            Ok(id) => Some(id),
                            Err(_) => return Ok(Vec::new()),
                        },
                    };
                    tx.sent_rows(system, wanted, *kind).await.map_err(Error::from)
                })
            })
            .await?;
        let texts: Vec<[String; 3]> = rows
            .iter()
            .map(|row| {
                let (document, delivery) = (&row.document, &row.delivery);
                [document.document_id.to_string(), delivery.delivery_id.to_string(), notation(document)]
            })
            .collect();
        let rows = rows.iter().zip(&texts);
        Ok(answer::sent_list(rows.map(|(row, [sender, receiver, notation])| answer::SentRow {
            is_status: row.document.kind == DocumentKind::Status,
            sender_doc_id: sender,
            receiver_doc_id: receiver,
            from: row.document.from_code.as_str(),
            to: row.to_code.as_str(),
            title: &row.document.subject,
            notation,
            sent: row.document.accepted_at,
            received: (row.delivery.state == store::DeliveryState::Done).then_some(row.delivery.updated_at),
            state: state_of(row.delivery.state),
        })))
    }

    /// The package of a delivery to the caller, or of something it sent itself.
    async fn package(
        &self,
        system: &ExchangeSystem,
        id: &DocId,
        now: Timestamp,
    ) -> Result<BlobPieces, Error> {
        if let Ok(delivery_id) = id.as_str().parse::<DeliveryId>()
            && let Some(delivery) = self.delivery(system, delivery_id).await?
        {
            return self.package_of(system, &delivery, now).await;
        }
        let document_id = id.as_str().parse::<DocumentId>().map_err(|_| Error::NoSuchDocument)?;
        let document = self
            .store
            .read((system.system_folded.clone(), document_id), |tx, (system, id)| {
                Box::pin(async move { tx.sent_document(system, *id).await })
            })
            .await?
            // A system that no longer speaks for the sender has nothing of it to read.
            .filter(|document| speaks_for(system, document.agency_id))
            .ok_or(Error::NoSuchDocument)?;
        let pieces = self.store.read_blob_in_pieces(document.agency_id, document.blob_id).await?;
        pieces.ok_or(Error::NoSuchDocument)
    }

    /// RULES R39: what a cancelled document is answered with.
    async fn withdrawn(&self, delivery: Delivery) -> Result<Error, Error> {
        let stone = self
            .store
            .read(delivery, |tx, delivery| Box::pin(async move { Tombstone::read(tx, delivery).await }))
            .await?;
        Ok(stone.map_or(Error::NoSuchDocument, |stone| Error::Withdrawn(Box::new(stone))))
    }

    /// The package of a delivery to the caller. Whoever takes it is noted.
    ///
    /// # Errors
    /// [`Error::Withdrawn`] when it was cancelled; [`Error::NoSuchDocument`]; the store's trouble.
    pub async fn package_of(
        &self,
        system: &ExchangeSystem,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<BlobPieces, Error> {
        if delivery.withdrawn_at.is_some() {
            return Err(self.withdrawn(delivery.clone()).await?);
        }
        let package = self.store.read_delivery_in_pieces(delivery).await?.ok_or(Error::NoSuchDocument)?;
        self.note(system, delivery, Audit::DocumentDelivered, String::new(), now).await?;
        Ok(package)
    }

    async fn delivery(
        &self,
        system: &ExchangeSystem,
        delivery_id: DeliveryId,
    ) -> Result<Option<Delivery>, Error> {
        let found = self
            .store
            .read((system.system_folded.clone(), delivery_id), |tx, (system, id)| {
                Box::pin(async move { tx.delivery(system, *id).await })
            })
            .await?;
        Ok(found)
    }

    async fn note(
        &self,
        system: &ExchangeSystem,
        delivery: &Delivery,
        act: Audit,
        detail: String,
        now: Timestamp,
    ) -> Result<(), Error> {
        let row =
            (delivery.agency_id, system.system_folded.clone(), delivery.delivery_id.to_string(), detail);
        self.store
            .write("note a delivery", row, move |tx, (owner, actor, subject, detail)| {
                Box::pin(async move { tx.audit(*owner, now, actor, act, subject, detail).await })
            })
            .await
            .map_err(Error::from)
    }

    async fn acknowledge(
        &self,
        system: &ExchangeSystem,
        id: &DocId,
        word: Acknowledgement,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        let delivery_id = id.as_str().parse::<DeliveryId>().map_err(|_| Error::NoSuchDocument)?;
        self.acknowledge_delivery(system, delivery_id, word, now).await.map(|()| answer::done())
    }

    /// Takes a receiving system's word for what became of a delivery (VXP 3.10).
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`], or the store's trouble.
    pub async fn acknowledge_delivery(
        &self,
        system: &ExchangeSystem,
        delivery_id: DeliveryId,
        word: Acknowledgement,
        now: Timestamp,
    ) -> Result<(), Error> {
        if word == Acknowledgement::Done
            && let Some(delivery) = self.delivery(system, delivery_id).await?
        {
            self.report_arrival(system, &delivery, now).await?;
        }
        let salt = draw_salt(&*self.chance);
        let input = (system.system_folded.clone(), delivery_id, self.log.clone(), salt);
        self.store
            .write("acknowledge a delivery", input, move |tx, (system, delivery_id, log, salt)| {
                Box::pin(async move {
                    let delivery = tx.delivery(system, *delivery_id).await?.ok_or(Error::NoSuchDocument)?;
                    let state = match word {
                        Acknowledgement::Processing => store::DeliveryState::Processing,
                        Acknowledgement::Done => store::DeliveryState::Done,
                        Acknowledgement::Fail => store::DeliveryState::Fail,
                    };
                    // `done` is final; what says nothing new changes nothing (VXP 3.10).
                    if tx.move_delivery(&delivery, state, now).await? {
                        let detail = serde_json::json!({ "state": state.as_str() }).to_string();
                        let subject = delivery_id.to_string();
                        let act = Audit::DocumentAcknowledged;
                        tx.audit(delivery.agency_id, now, system, act, &subject, &detail).await?;
                        tell_sender(tx, &delivery, state, now).await?;
                        if state == store::DeliveryState::Done {
                            let (leaf, record) = salted(&delivered(tx, &delivery, log, now).await?, salt);
                            let (owner, subject) = (delivery.agency_id, delivery_id.as_bytes());
                            tx.append_leaf(owner, subject, &leaf, &record, now).await?;
                        }
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    async fn count(
        &self,
        system: &ExchangeSystem,
        kind: DocumentKind,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        let waiting = self
            .store
            .read((system.system_folded.clone(), kind), |tx, (system, kind)| {
                Box::pin(async move { tx.count_waiting(system, *kind, now).await })
            })
            .await?;
        Ok(answer::count(u64::try_from(waiting).unwrap_or_default()))
    }
}

/// Number and notation as the package spells them; the column is folded for matching.
fn notation(document: &store::Document) -> String {
    let facts: Option<serde_json::Value> = serde_json::from_str(&document.facts).ok();
    let spelled = facts.as_ref().and_then(|facts| facts.get("code")?.as_str());
    spelled.unwrap_or(&document.notation).to_owned()
}

async fn is_received(tx: &mut Tx, system: &str, id: &str) -> Result<bool, store::Error> {
    match id.parse::<DeliveryId>() {
        Ok(id) => Ok(tx.delivery(system, id).await?.is_some()),
        Err(_) => Ok(false),
    }
}

fn received_rows(deliveries: &[Delivery]) -> Answer {
    let ids: Vec<String> = deliveries.iter().map(|delivery| delivery.delivery_id.to_string()).collect();
    let codes: Vec<Vec<&str>> = deliveries
        .iter()
        .map(|delivery| delivery.to_codes.iter().map(mail::AgencyCode::as_str).collect())
        .collect();
    let rows = deliveries.iter().zip(&ids).zip(&codes);
    answer::received(rows.map(|((delivery, id), to)| answer::ReceivedRow {
        doc_id: id,
        is_status: delivery.kind == DocumentKind::Status,
        created: delivery.created_at,
        updated: delivery.updated_at,
        from: delivery.from_code.as_str(),
        to,
        state: state_of(delivery.state),
    }))
}

/// Tells the sender what became of a delivery.
async fn tell_sender(
    tx: &mut Tx,
    delivery: &Delivery,
    state: store::DeliveryState,
    now: Timestamp,
) -> Result<(), store::Error> {
    let happened = match state {
        store::DeliveryState::Done => Happened::Delivered,
        store::DeliveryState::Fail => Happened::Failed,
        store::DeliveryState::Initial | store::DeliveryState::Processing => return Ok(()),
    };
    let to: Vec<&str> = delivery.to_codes.iter().map(mail::AgencyCode::as_str).collect();
    let facts = serde_json::json!({ "docId": delivery.document_id.to_string(), "to": to });
    tell(tx, delivery.sender_id, happened, delivery.document_id, &facts, now).await
}

/// The act of a receiving system that has a package now, for the log.
async fn delivered(tx: &mut Tx, delivery: &Delivery, log: &str, now: Timestamp) -> Result<Act, Error> {
    let document =
        tx.document(delivery.sender_id, delivery.document_id).await?.ok_or(Error::NoSuchDocument)?;
    Ok(Act {
        act: "package-delivered".to_owned(),
        log: log.to_owned(),
        doc_id: delivery.document_id.to_string(),
        kind: delivery.kind.as_str().to_owned(),
        package_sha256: full_hex(&document.package_sha256),
        document_sha256: String::new(),
        identifier: document.identifier,
        from: delivery.from_code.to_string(),
        to: delivery.to_codes.iter().map(ToString::to_string).collect(),
        system: delivery.system_folded.clone(),
        status: String::new(),
        class: document.class,
        legal_value: document.legal_value,
        at: moment(now),
    })
}
