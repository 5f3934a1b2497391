//! To another axis: rows of the outbox, what is handed over for each, and what becomes of it.

use std::time::Duration;

use mail::{AgencyCode, AgencyId, DeliveryId, DocumentId, OwnerId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    Audit, Claimed, Delivery, DeliveryState, Direction, DocumentKind, Lane, NewDelivery, NewDocument,
    NewOutbox, NewProgress, OutboxKind, Peer, PeerMessage, PeerState, Tx, peer_of_way, way_of_peer,
};

use super::schedule::{CLOCK_STOP, Calendar, RESENDS_MAX, pause_after};
use super::{Forwarding, Report};
use crate::Error;
use crate::accept::{Arrived, Desk};
use crate::events::{Happened, tell};
use crate::package::trace;
use crate::receipt::{Act, draw_salt, moment, salted};
use crate::transport::{Chain, Failure, Outlook, Parcel};
use crate::vxp::call::Kind;
use crate::vxp::hash::full_hex;

/// How long a worker that died keeps a package from others; one that lives prolongs it ([`Desk::hold_on`]).
const LEASE: Duration = Duration::from_secs(30);
/// How often to prolong it.
pub const HOLD_ON_EVERY: Duration = Duration::from_secs(10);
/// How often a package that is set aside is asked for again.
const ASIDE_AGAIN: Duration = Duration::from_secs(600);
/// Attempts after which one package alone is put off when the line is well otherwise: it may be what breaks it.
const SUSPECT_AFTER: i64 = 3;
/// Overdue packages looked at in one go.
const LATE_MAX: i64 = 200;

/// What a row of the outbox says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Payload {
    delivery: DeliveryId,
    document: DocumentId,
    sender: AgencyId,
    urgent: bool,
}

/// Writes down what another axis is to get: a row for each package and peer, and a line in the log of messages. Part of the
/// accepting transaction.
pub(crate) async fn enqueue(
    tx: &mut Tx,
    arrived: &Arrived,
    document: &NewDocument,
    deliveries: &[NewDelivery],
    now: Timestamp,
) -> Result<(), store::Error> {
    for delivery in deliveries {
        let Some(peer) = peer_of_way(&delivery.system_folded) else { continue };
        let mut to: Vec<&str> = Vec::new();
        for code in arrived.package.receivers() {
            let agency = tx.agency_by_code(code, now).await?;
            if agency.is_some_and(|agency| delivery.to_codes.contains(&agency.code)) {
                to.push(code.as_str());
            }
        }
        let payload = Payload {
            delivery: delivery.delivery_id,
            document: document.document_id,
            sender: document.agency_id,
            urgent: document.priority > 0,
        };
        tx.put_peer_message(&PeerMessage {
            owner: document.agency_id.into(),
            message_id: delivery.delivery_id,
            peer: peer.to_owned(),
            direction: Direction::Out,
            peer_doc_id: String::new(),
            document_id: Some(document.document_id),
            kind: document.kind,
            from_code: document.from_code.to_string(),
            to_codes: to.join(","),
            size: i64::try_from(arrived.bytes.len()).unwrap_or(i64::MAX),
            sha256: document.package_sha256.to_vec(),
            state: "waiting".to_owned(),
            reason: String::new(),
            attempts: 0,
            resends: 0,
            created_at: now,
            settled_at: None,
            quarantine_id: None,
        })
        .await?;
        queue(tx, peer, &payload, now).await?;
    }
    Ok(())
}

async fn queue(tx: &mut Tx, peer: &str, payload: &Payload, now: Timestamp) -> Result<(), store::Error> {
    let lane = if payload.urgent { Lane::Urgent } else { Lane::Normal };
    let text = serde_json::to_string(payload).map_err(|error| store::Error::Internal(error.to_string()))?;
    let row = NewOutbox {
        kind: OutboxKind::Package,
        owner: OwnerId::from(payload.sender),
        lane,
        destination: peer.to_owned(),
        payload: text,
        blob_id: None,
        due_at: now,
    };
    tx.enqueue(&row, now).await.map(drop)
}

/// A package that is to leave now.
pub struct Outgoing {
    /// What is handed over.
    pub parcel: Parcel,
    row: Claimed,
    holder: String,
    payload: Payload,
    delivery: Delivery,
    message: PeerMessage,
    /// It came here over another axis: nobody polls for what becomes of it (RULES R68).
    was_forwarded: bool,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The peer has it.
    Sent,
    /// It is tried again.
    PutOff,
    /// The peer will not have it; the sender was told.
    Refused,
    /// The peer does not let us in: the line is stopped until an operator has seen to it.
    Stopped,
    /// Somebody else has carried it meanwhile.
    LeaseLost,
}

/// What asking for another attempt came to (RULES R26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resent {
    /// It leaves next.
    Queued,
    /// There is no such message.
    Unknown,
    /// It waits already, or the peer has it.
    NotHeld,
    /// That was done often enough: somebody has to find out why.
    TooOften,
}

impl Desk {
    /// Takes the next package for a peer, if one is due and the line is open.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn next_package(
        &self,
        peer: &Peer,
        forwarding: &Forwarding,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, Error> {
        loop {
            let Some(lane) = self.open_lane(&peer.name, now).await? else { return Ok(None) };
            let claimed = self
                .store
                .write(
                    "claim a package",
                    (peer.name.clone(), holder.to_owned()),
                    move |tx, (peer, holder)| {
                        Box::pin(async move {
                            tx.claim_next(OutboxKind::Package, peer, lane, holder, now, LEASE).await
                        })
                    },
                )
                .await?;
            let Some(row) = claimed else { return Ok(None) };
            // One that is no more (recalled, shredded) is let go, and the next one taken.
            if let Some(outgoing) = self.open_row(peer, forwarding, row, holder, now).await? {
                return Ok(Some(outgoing));
            }
        }
    }

    /// From which lane on packages may leave now. A line that has failed is tried by the urgent only, each in its own time.
    async fn open_lane(&self, peer: &str, now: Timestamp) -> Result<Option<Lane>, Error> {
        let found = self.store.read(peer.to_owned(), |tx, peer| {
            Box::pin(async move {
                let state = tx.peer(peer).await?.map(|peer| peer.state);
                let waiting = tx.queue(OutboxKind::Package, peer).await?.0;
                Ok::<_, store::Error>((state, waiting, tx.peer_health(peer).await?))
            })
        });
        let (state, waiting, health) = found.await?;
        let clock_is_off =
            health.clock_millis.is_some_and(|off| u128::from(off.unsigned_abs()) > CLOCK_STOP.as_millis());
        if state != Some(PeerState::Active) || waiting == 0 || clock_is_off {
            return Ok(None);
        }
        let waits = health.retry_at.is_some_and(|at| at > now);
        Ok(Some(if waits { Lane::Urgent } else { Lane::Normal }))
    }

    async fn open_row(
        &self,
        peer: &Peer,
        forwarding: &Forwarding,
        row: Claimed,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, Error> {
        let payload: Option<Payload> = serde_json::from_str(&row.payload).ok();
        let found = match payload {
            None => None,
            Some(payload) => {
                let read = self.store.read((way_of_peer(&peer.name), payload), |tx, (way, payload)| {
                    Box::pin(async move {
                        let delivery = tx.delivery(way, payload.delivery).await?;
                        Ok::<_, store::Error>(delivery.zip(tx.peer_message(payload.delivery).await?))
                    })
                });
                read.await?.map(|(delivery, message)| (payload, delivery, message))
            }
        };
        let pieces = match &found {
            Some((_, delivery, _)) => match self.store.read_delivery_in_pieces(delivery).await {
                Err(store::Error::SetAside) => return self.put_aside_off(row, holder, now).await,
                pieces => pieces?,
            },
            None => None,
        };
        let package = match pieces {
            Some(pieces) => Some(self.store.spool_pieces(pieces).await?),
            None => None,
        };
        let (Some((payload, delivery, message)), Some(package)) = (found, package) else {
            let row = (row, holder.to_owned(), payload.map(|payload| payload.delivery));
            self.store
                .write("let a package go", row, move |tx, (row, holder, message)| {
                    Box::pin(async move { let_go(tx, row, holder, *message, now).await })
                })
                .await?;
            return Ok(None);
        };
        let hops = trace::find(&package, &self.limits)?;
        let was_forwarded = hops.was_forwarded(delivery.from_code.as_str());
        let stays_whole = hops.signed_whole && !forwarding.breaks_whole_signatures;
        // The moment of acceptance, not of sending: a repeat has to be the same bytes.
        let bytes: Chain = match peer.trace && !stays_whole {
            true => hops.append(&package, &forwarding.organ_id, delivery.created_at),
            false => package.into(),
        };
        let sha256 = bytes.sha256()?;
        let kind = match delivery.kind {
            DocumentKind::Edoc => Kind::Documents,
            DocumentKind::Status => Kind::Statuses,
        };
        let to = message.to_codes.split(',').filter_map(|code| code.parse().ok()).collect();
        let parcel = Parcel { bytes, sha256, from: delivery.from_code.clone(), to, kind };
        let holder = holder.to_owned();
        Ok(Some(Outgoing { parcel, row, holder, payload, delivery, message, was_forwarded }))
    }

    /// A package that is set aside waits: it leaves when two persons have released it (RULES R11).
    async fn put_aside_off(
        &self,
        row: Claimed,
        holder: &str,
        now: Timestamp,
    ) -> Result<Option<Outgoing>, Error> {
        let (reason, due) = (Error::SetAside.code(), now.plus(ASIDE_AGAIN));
        let input = (row, holder.to_owned());
        let put_off = self.store.write("put a package off", input, move |tx, (row, holder)| {
            Box::pin(async move { tx.retry_outbox(row, holder, &row.payload, due, reason).await })
        });
        put_off.await?;
        Ok(None)
    }

    /// A package that takes its time is still being carried. Losing the lease does no harm: handing over twice is handing over
    /// once.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn hold_on(&self, outgoing: &Outgoing, now: Timestamp) -> Result<bool, Error> {
        let input = (outgoing.row.clone(), outgoing.holder.clone());
        let held = self.store.write("hold on to a package", input, move |tx, (row, holder)| {
            Box::pin(async move { tx.hold_on(row, holder, now, LEASE).await })
        });
        Ok(held.await?)
    }

    /// The peer has the package: the row goes, the delivery is done, its sender is told, and the log has it (RULES R65).
    ///
    /// # Errors
    /// The store's trouble; then the package is handed over again, which changes nothing there.
    pub async fn package_sent(
        &self,
        outgoing: &Outgoing,
        peer_doc_id: &str,
        now: Timestamp,
    ) -> Result<Settled, Error> {
        let message = PeerMessage {
            peer_doc_id: peer_doc_id.to_owned(),
            size: i64::try_from(outgoing.parcel.bytes.len()).unwrap_or(i64::MAX),
            sha256: outgoing.parcel.sha256.to_vec(),
            state: "sent".to_owned(),
            reason: String::new(),
            attempts: outgoing.row.attempts,
            settled_at: Some(now),
            ..outgoing.message.clone()
        };
        let input = (
            outgoing.row.clone(),
            outgoing.holder.clone(),
            outgoing.delivery.clone(),
            message,
            self.log.clone(),
            draw_salt(&*self.chance),
        );
        let kept = self.store.write(
            "hand a package over",
            input,
            move |tx, (row, holder, delivery, message, log, salt)| {
                Box::pin(async move {
                    if !tx.finish_outbox(row, holder, now).await? {
                        return Ok(false);
                    }
                    tx.put_peer_message(message).await?;
                    tx.peer_is_well(&message.peer, true, None, now).await?;
                    tx.move_delivery(delivery, DeliveryState::Done, now).await?;
                    let detail = serde_json::json!({ "peer": message.peer, "docId": message.peer_doc_id });
                    let (owner, way) = (delivery.sender_id, delivery.system_folded.as_str());
                    let subject = delivery.document_id.to_string();
                    tx.audit(owner, now, way, Audit::DocumentForwarded, &subject, &detail.to_string())
                        .await?;
                    tell_sender(tx, delivery, Happened::Delivered, &detail, now).await?;
                    let act = forwarded(tx, delivery, message, log, now).await?;
                    let (leaf, record) = salted(&act, salt);
                    tx.append_leaf(owner, delivery.delivery_id.as_bytes(), &leaf, &record, now).await?;
                    Ok::<_, store::Error>(true)
                })
            },
        );
        Ok(if kept.await? { Settled::Sent } else { Settled::LeaseLost })
    }

    /// The peer does not have the package, or we do not know that it has: what comes next is the failure's outlook (RULES R26).
    ///
    /// # Errors
    /// The store's trouble; then the lease runs out and the package is tried again.
    pub async fn package_failed(
        &self,
        outgoing: &Outgoing,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Settled, Error> {
        let reason = failure.to_string();
        let never = failure.outlook == Outlook::Never;
        let message = PeerMessage {
            state: if never { "refused" } else { "waiting" }.to_owned(),
            reason: reason.clone(),
            attempts: outgoing.row.attempts,
            settled_at: never.then_some(now),
            ..outgoing.message.clone()
        };
        let input = (
            outgoing.row.clone(),
            outgoing.holder.clone(),
            outgoing.delivery.clone(),
            message,
            outgoing.payload.urgent,
            failure.clone(),
        );
        let settled = self.store.write(
            "put a package off",
            input,
            move |tx, (row, holder, delivery, message, urgent, failure)| {
                Box::pin(async move {
                    let kept = match failure.outlook {
                        Outlook::Never => tx.finish_outbox(row, holder, now).await?,
                        outlook => {
                            let due = next_attempt(tx, row, outlook, *urgent, now).await?;
                            tx.retry_outbox(row, holder, &row.payload, due, &message.reason).await?
                        }
                    };
                    if !kept {
                        return Ok(Settled::LeaseLost);
                    }
                    tx.put_peer_message(message).await?;
                    match failure.outlook {
                        Outlook::Later => Ok(Settled::PutOff),
                        Outlook::Line => {
                            let failures = tx.peer_health(&message.peer).await?.failures;
                            let retry_at = now.plus(pause_after(failures.saturating_add(1)));
                            tx.peer_failed(&message.peer, &message.reason, false, Some(retry_at), now)
                                .await?;
                            Ok(Settled::PutOff)
                        }
                        Outlook::Barred => {
                            tx.peer_failed(&message.peer, &message.reason, false, None, now).await?;
                            tx.set_peer_state(&message.peer, PeerState::Paused).await?;
                            Ok(Settled::Stopped)
                        }
                        Outlook::Never => {
                            fail(tx, delivery, Happened::Failed, message, now).await?;
                            Ok::<_, store::Error>(Settled::Refused)
                        }
                    }
                })
            },
        );
        Ok(settled.await?)
    }

    /// Stops trying what has not got through by the deadline of the law, and tells its sender (RULES R19, R26, R27). Answers how
    /// many.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn hold_late(&self, calendar: &Calendar, now: Timestamp) -> Result<usize, Error> {
        let waiting = self
            .store
            .read(now, |tx, now| Box::pin(async move { tx.waiting_since_before(*now, LATE_MAX).await }))
            .await?;
        let late = waiting.into_iter().filter(|message| calendar.deadline(message.created_at) <= now);
        let mut held = 0;
        for message in late {
            let reason = match message.reason.is_empty() {
                true => "not.sent: the deadline has passed".to_owned(),
                false => message.reason.clone(),
            };
            let message = PeerMessage { state: "held".to_owned(), reason, settled_at: Some(now), ..message };
            let kept = self.store.write("hold a late package", message, move |tx, message| {
                Box::pin(async move {
                    let id = message.message_id.to_string();
                    // Somebody may be carrying it just now: then the next look decides.
                    if !tx.withdraw(OutboxKind::Package, &message.peer, &id, now).await? {
                        return Ok(false);
                    }
                    tx.put_peer_message(message).await?;
                    if let Some(delivery) =
                        tx.delivery(&way_of_peer(&message.peer), message.message_id).await?
                    {
                        fail(tx, &delivery, Happened::Late, message, now).await?;
                    }
                    Ok::<_, store::Error>(true)
                })
            });
            held += usize::from(kept.await?);
        }
        Ok(held)
    }

    /// Has a package that was held or refused sent again, by an operator's word (RULES R26).
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn resend(&self, message_id: DeliveryId, actor: &str, now: Timestamp) -> Result<Resent, Error> {
        let resent = self.store.write(
            "send a package again",
            (message_id, actor.to_owned()),
            move |tx, (message_id, actor)| {
                Box::pin(async move {
                    let found = tx.peer_message(*message_id).await?;
                    let Some(message) = found.filter(|message| message.direction == Direction::Out) else {
                        return Ok(Resent::Unknown);
                    };
                    if !matches!(message.state.as_str(), "held" | "refused") {
                        return Ok(Resent::NotHeld);
                    }
                    if message.resends >= RESENDS_MAX {
                        return Ok(Resent::TooOften);
                    }
                    let Some(delivery) = tx.delivery(&way_of_peer(&message.peer), *message_id).await? else {
                        return Ok(Resent::Unknown);
                    };
                    let document = tx.document(delivery.sender_id, delivery.document_id).await?;
                    let payload = Payload {
                        delivery: *message_id,
                        document: delivery.document_id,
                        sender: delivery.sender_id,
                        urgent: document.is_some_and(|document| document.priority > 0),
                    };
                    tx.move_delivery(&delivery, DeliveryState::Initial, now).await?;
                    queue(tx, &message.peer, &payload, now).await?;
                    let subject = delivery.document_id.to_string();
                    let detail = serde_json::json!({ "peer": message.peer, "resend": message.resends + 1 });
                    let act = Audit::DocumentForwarded;
                    tx.audit(delivery.sender_id, now, actor, act, &subject, &detail.to_string()).await?;
                    // The time it waits begins anew, and so does its deadline.
                    tx.put_peer_message(&PeerMessage {
                        state: "waiting".to_owned(),
                        resends: message.resends + 1,
                        settled_at: None,
                        ..message
                    })
                    .await?;
                    tx.restart_peer_message(*message_id, now).await?;
                    Ok::<_, store::Error>(Resent::Queued)
                })
            },
        );
        Ok(resent.await?)
    }

    /// What is to be reported of a package that the peer will not have, when it came here over another axis: a status 02 in the
    /// name of each receiver that will not get it. Its sender is not ours and asks us nothing (RULES R68). The same attempt gives
    /// the same bytes. To be taken in before [`Desk::package_failed`] is called.
    pub async fn refusals(
        &self,
        outgoing: &Outgoing,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Vec<Report>, Error> {
        if !outgoing.was_forwarded || outgoing.delivery.kind != DocumentKind::Edoc {
            return Ok(Vec::new());
        }
        let delivery = &outgoing.delivery;
        let mut reports = Vec::new();
        for code in &delivery.to_codes {
            reports.extend(self.refusal(&outgoing.message.peer, delivery, code, failure, now).await?);
        }
        Ok(reports)
    }

    async fn refusal(
        &self,
        peer: &str,
        delivery: &Delivery,
        receiver: &AgencyCode,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Option<Report>, Error> {
        let input = (peer.to_owned(), delivery.clone(), receiver.clone());
        let found = self.store.read(input, |tx, (peer, delivery, receiver)| {
            Box::pin(async move {
                let agency = tx.agency_by_code(receiver, now).await?;
                let document = tx.document(delivery.sender_id, delivery.document_id).await?;
                let speaker = tx.peer_speaker(peer, agency.as_ref()).await?;
                Ok::<_, store::Error>(
                    agency.zip(document).map(|(agency, document)| (agency, document, speaker)),
                )
            })
        });
        let Some((agency, document, speaker)) = found.await? else { return Ok(None) };
        let said = match failure.words.is_empty() {
            true => failure.code.clone(),
            false => failure.words.clone(),
        };
        let reason = format!("Không chuyển được văn bản: {said}");
        Ok(Report::of_document(&agency, delivery.from_code.clone(), &document, &reason, speaker))
    }
}

/// When a row is tried again (RULES R26). A bad line keeps the order of its queue: the row is due at once and waits for the
/// line, unless it seems to be what breaks it.
async fn next_attempt(
    tx: &mut Tx,
    row: &Claimed,
    outlook: Outlook,
    urgent: bool,
    now: Timestamp,
) -> Result<Timestamp, store::Error> {
    let pause = pause_after(row.attempts);
    let line_was_well = tx.peer_health(&row.destination).await?.failures == 0;
    let own_time = match outlook {
        Outlook::Later => true,
        Outlook::Line => urgent || (line_was_well && row.attempts >= SUSPECT_AFTER),
        Outlook::Never | Outlook::Barred => false,
    };
    Ok(if own_time { now.plus(pause) } else { now })
}

/// What was cancelled while it waited leaves no more, and nobody waits for it (RULES R39).
async fn let_go(
    tx: &mut Tx,
    row: &Claimed,
    holder: &str,
    message: Option<DeliveryId>,
    now: Timestamp,
) -> Result<(), store::Error> {
    let is_ours = tx.finish_outbox(row, holder, now).await?;
    let Some(id) = message.filter(|_| is_ours) else { return Ok(()) };
    let Some(message) = tx.peer_message(id).await? else { return Ok(()) };
    tx.put_peer_message(&PeerMessage {
        state: "withdrawn".to_owned(),
        reason: "document.withdrawn".to_owned(),
        attempts: row.attempts,
        settled_at: Some(now),
        ..message
    })
    .await
}

/// The delivery has failed: lists show it, each receiver's place has the reason, the sender is told.
async fn fail(
    tx: &mut Tx,
    delivery: &Delivery,
    happened: Happened,
    message: &PeerMessage,
    now: Timestamp,
) -> Result<(), store::Error> {
    tx.move_delivery(delivery, DeliveryState::Fail, now).await?;
    // Held, as whoever hears a status of it does: what a receiver says at this moment is not written over.
    tx.hold_document(delivery.sender_id, delivery.document_id).await?;
    for at in tx.receivers_of(delivery.sender_id, delivery.document_id).await? {
        if at.delivery_id == delivery.delivery_id {
            let kept = NewProgress {
                state: &at.state,
                ask: &at.ask,
                reason: &message.reason,
                order_id: at.order_id,
                version_id: at.version_id,
            };
            tx.set_progress(&at, &kept, now).await?;
        }
    }
    let facts = serde_json::json!({ "peer": message.peer, "reason": message.reason });
    let subject = delivery.document_id.to_string();
    let act = Audit::DocumentRefused;
    tx.audit(delivery.sender_id, now, &delivery.system_folded, act, &subject, &facts.to_string()).await?;
    tell_sender(tx, delivery, happened, &facts, now).await
}

async fn tell_sender(
    tx: &mut Tx,
    delivery: &Delivery,
    happened: Happened,
    facts: &serde_json::Value,
    now: Timestamp,
) -> Result<(), store::Error> {
    let to: Vec<&str> = delivery.to_codes.iter().map(AgencyCode::as_str).collect();
    let mut all = serde_json::json!({ "docId": delivery.document_id.to_string(), "to": to });
    if let (Some(all), Some(facts)) = (all.as_object_mut(), facts.as_object()) {
        // The peer's own id is for the log of messages.
        all.extend(facts.iter().filter(|(name, _)| *name != "docId").map(|(n, v)| (n.clone(), v.clone())));
    }
    tell(tx, delivery.sender_id, happened, delivery.document_id, &all, now).await
}

/// The act of another axis that has a package now, for the log. What was handed over is what is named.
async fn forwarded(
    tx: &mut Tx,
    delivery: &Delivery,
    message: &PeerMessage,
    log: &str,
    now: Timestamp,
) -> Result<Act, store::Error> {
    let document = tx.document(delivery.sender_id, delivery.document_id).await?;
    let document = document.ok_or(store::Error::NotFound("the document"))?;
    Ok(Act {
        act: "package-forwarded".to_owned(),
        log: log.to_owned(),
        doc_id: delivery.document_id.to_string(),
        kind: delivery.kind.as_str().to_owned(),
        package_sha256: full_hex(&message.sha256),
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
