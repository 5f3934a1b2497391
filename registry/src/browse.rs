//! Documents as their agencies look through them: lists, one of them, its history.
//!
//! Every list is answered from an index, newest first, and bounded in what it looks at: a filter that hits seldom may answer a
//! page that is short, or empty, and still say where to go on.

use mail::{AgencyId, DocumentId, Timestamp};
use store::{Delivery, Document, DocumentKind, ExchangeSystem, Receiver, StatusEntry, Tx};

use crate::Error;
use crate::accept::speaks_for;
use crate::status::{Progress, State};
use crate::tombstone::Tombstone;
use crate::words::Sought;

/// Agencies whose documents are merged into one list. Ours: a system that speaks for more names the one it asks about.
pub const AGENCIES_MAX: usize = 200;
/// Documents that one page looks at.
const LOOKED_AT_MAX: usize = 1_000;
/// Documents of one agency that are fetched at once.
const CHUNK: usize = 100;
/// Larger than every id, and smaller than every id.
const NEWEST: DocumentId = DocumentId::from_bytes([0xff; 16]);
const OLDEST: DocumentId = DocumentId::from_bytes([0; 16]);

/// On which side of a document an agency stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It sent it.
    Sent,
    /// It received it.
    Received,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Look {
    /// On which side.
    pub side: Side,
    /// Whose documents; of the caller's own.
    pub agencies: Vec<AgencyId>,
    /// Older than this one.
    pub before: Option<DocumentId>,
    /// Accepted at or after.
    pub from: Option<Timestamp>,
    /// Accepted at or before.
    pub to: Option<Timestamp>,
    /// With these words.
    pub sought: Option<Sought>,
    /// Standing so at a receiver.
    pub state: Option<State>,
    /// With this urgency.
    pub priority: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

/// A document as one of its agencies sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// On which side the caller stands.
    pub side: Side,
    /// The document.
    pub document: Document,
    /// The receivers the caller may know of: all of what it sent, its own of what it received.
    pub receivers: Vec<Receiver>,
    /// What brought it to the caller, on the receiving side.
    pub delivery: Option<Delivery>,
}

impl Seen {
    /// Whether every agency of the caller's that received it has cancelled it: then only a tombstone is to be seen (RULES R39).
    pub fn is_cancelled(&self) -> bool {
        let is_gone = |at: &Receiver| Progress::of(at).state == State::Cancelled;
        self.side == Side::Received && !self.receivers.is_empty() && self.receivers.iter().all(is_gone)
    }

    /// Refuses a document that the caller has cancelled, with what remains of it.
    ///
    /// # Errors
    /// [`Error::Withdrawn`], [`Error::SetAside`], or the store's trouble.
    pub async fn check_readable(&self, tx: &mut Tx) -> Result<(), Error> {
        if tx.is_set_aside(self.document.agency_id, self.document.document_id).await? {
            return Err(Error::SetAside);
        }
        let Some(delivery) = self.delivery.as_ref().filter(|_| self.is_cancelled()) else { return Ok(()) };
        let stone = Tombstone::read_at(tx, &self.document, delivery, self.receivers.first()).await?;
        Err(stone.map_or(Error::NoSuchDocument, |stone| Error::Withdrawn(Box::new(stone))))
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Newest first.
    pub seen: Vec<Seen>,
    /// Where to go on; `None` at the end.
    pub next: Option<DocumentId>,
}

/// The smallest id a document accepted at that moment can have: ids begin with their time (RFC 9562 §5.7).
pub fn first_id_at(at: Timestamp) -> DocumentId {
    let millis = at.millis().max(0).unsigned_abs().to_be_bytes();
    let mut bytes = [0u8; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    DocumentId::from_bytes(bytes)
}

/// Something that may be in the list.
struct Candidate {
    id: DocumentId,
    agency_id: AgencyId,
    is_wanted: bool,
    document: Option<Document>,
    receiver: Option<Receiver>,
}

/// A page of what a system's agencies sent or received.
///
/// # Errors
/// [`Error::BadParameter`] when the list is of too many agencies; the store's trouble.
pub async fn list(tx: &mut Tx, system: &ExchangeSystem, look: &Look) -> Result<Page, Error> {
    if look.agencies.len() > AGENCIES_MAX {
        return Err(Error::BadParameter {
            name: "agency",
            expected: "one agency: the key speaks for too many",
        });
    }
    let end = look.to.map_or(NEWEST, |to| first_id_at(Timestamp::from_millis(to.millis().saturating_add(1))));
    let mut before = look.before.unwrap_or(NEWEST).min(end);
    let mut page = Page { seen: Vec::new(), next: None };
    let mut looked_at = 0;
    loop {
        let candidates = candidates(tx, look, before).await?;
        if candidates.is_empty() {
            return Ok(page);
        }
        for candidate in candidates {
            if page.seen.len() >= look.limit || looked_at >= LOOKED_AT_MAX {
                page.next = Some(before);
                return Ok(page);
            }
            looked_at += 1;
            before = candidate.id;
            if candidate.is_wanted
                && let Some(seen) = load(tx, system, look, candidate).await?
                // Words of what was cancelled find nothing: a hit would tell what it was about (RULES R39).
                && !(look.sought.is_some() && seen.is_cancelled())
                && look.priority.is_none_or(|wanted| seen.document.priority == wanted)
                && look.state.is_none_or(|wanted| seen.receivers.iter().any(|r| r.state == wanted.as_str()))
            {
                page.seen.push(seen);
            }
        }
    }
}

/// The newest documents before one, of all agencies together, each once.
async fn candidates(tx: &mut Tx, look: &Look, before: DocumentId) -> Result<Vec<Candidate>, store::Error> {
    let from = look.from.map_or(OLDEST, first_id_at);
    let chunk = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let mut found: Vec<Candidate> = Vec::new();
    for &agency_id in &look.agencies {
        let blank = |id| Candidate { id, agency_id, is_wanted: true, document: None, receiver: None };
        match (&look.sought, look.side) {
            (Some(Sought { first, others }), _) => {
                let hits = tx.documents_with_words(agency_id, first, others, before, chunk).await?;
                let hits = hits.into_iter().filter(|hit| hit.document_id >= from);
                found
                    .extend(hits.map(|hit| Candidate { is_wanted: hit.holds_all, ..blank(hit.document_id) }));
            }
            (None, Side::Sent) => {
                let sent = tx.sent_before(agency_id, before, from, chunk).await?;
                found.extend(
                    sent.into_iter().map(|d| Candidate { document: Some(d.clone()), ..blank(d.document_id) }),
                );
            }
            (None, Side::Received) => {
                let received = tx.received_before(agency_id, before, from, chunk).await?;
                found.extend(
                    received
                        .into_iter()
                        .map(|r| Candidate { receiver: Some(r.clone()), ..blank(r.document_id) }),
                );
            }
        }
    }
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.id));
    // Two of the caller's agencies may have received one document.
    found.dedup_by_key(|candidate| candidate.id);
    found.truncate(CHUNK);
    Ok(found)
}

async fn load(
    tx: &mut Tx,
    system: &ExchangeSystem,
    look: &Look,
    candidate: Candidate,
) -> Result<Option<Seen>, store::Error> {
    let Candidate { id, agency_id, document, receiver, .. } = candidate;
    match look.side {
        Side::Sent => {
            let document = match document {
                Some(document) => Some(document),
                None => tx.document(agency_id, id).await?,
            };
            let Some(document) = document.filter(|d| d.system_folded == system.system_folded) else {
                return Ok(None);
            };
            let receivers = tx.receivers_of(agency_id, id).await?;
            Ok(Some(Seen { side: Side::Sent, document, receivers, delivery: None }))
        }
        Side::Received => {
            let receiver = match receiver {
                Some(receiver) => Some(receiver),
                None => tx.receiver(agency_id, id).await?,
            };
            let Some(receiver) = receiver else { return Ok(None) };
            let Some(delivery) = tx.delivery(&system.system_folded, receiver.delivery_id).await? else {
                return Ok(None);
            };
            received(tx, system, delivery).await
        }
    }
}

/// What a delivery brought, as its receiver sees it.
async fn received(
    tx: &mut Tx,
    system: &ExchangeSystem,
    delivery: Delivery,
) -> Result<Option<Seen>, store::Error> {
    let (sender, id) = (delivery.sender_id, delivery.document_id);
    let mut receivers = tx.receivers_served(sender, id, delivery.delivery_id).await?;
    receivers.retain(|receiver| speaks_for(system, receiver.receiver_id));
    let is_own = match delivery.kind {
        DocumentKind::Edoc => !receivers.is_empty(),
        // A status has one addressee, and no place of its own at it.
        DocumentKind::Status => speaks_for(system, delivery.agency_id),
    };
    if !is_own {
        return Ok(None);
    }
    let Some(document) = tx.document(sender, id).await? else { return Ok(None) };
    Ok(Some(Seen { side: Side::Received, document, receivers, delivery: Some(delivery) }))
}

/// One package that a system sent or received. What is another's is as if it were not there.
///
/// # Errors
/// [`Error::NoSuchDocument`], or the store's trouble.
pub async fn find(tx: &mut Tx, system: &ExchangeSystem, id: DocumentId) -> Result<Seen, Error> {
    let sent = tx.sent_document(&system.system_folded, id).await?;
    if let Some(document) = sent.filter(|document| speaks_for(system, document.agency_id)) {
        let receivers = tx.receivers_of(document.agency_id, id).await?;
        return Ok(Seen { side: Side::Sent, document, receivers, delivery: None });
    }
    let Some(delivery) = tx.delivery_of(&system.system_folded, id).await? else {
        return Err(Error::NoSuchDocument);
    };
    received(tx, system, delivery).await?.ok_or(Error::NoSuchDocument)
}

/// A line of a document's history, with the code of who said it.
#[derive(Clone, Debug)]
pub struct Said {
    /// What was said.
    pub entry: StatusEntry,
    /// By whom.
    pub reporter: String,
}

/// What was said of a document (RULES R49): to its sender all, to a receiver what its own agencies said.
///
/// # Errors
/// The store's own.
pub async fn history(
    tx: &mut Tx,
    system: &ExchangeSystem,
    seen: &Seen,
    now: Timestamp,
) -> Result<Vec<Said>, store::Error> {
    let entries = tx.statuses(seen.document.agency_id, seen.document.document_id).await?;
    let mut said: Vec<Said> = Vec::with_capacity(entries.len());
    for entry in entries {
        if seen.side == Side::Received && !speaks_for(system, entry.reporter_id) {
            continue;
        }
        let known = said.iter().find(|earlier| earlier.entry.reporter_id == entry.reporter_id);
        let reporter = match known {
            Some(earlier) => earlier.reporter.clone(),
            None => tx.agency(entry.reporter_id, now).await?.map_or_else(String::new, |a| a.code.to_string()),
        };
        said.push(Said { entry, reporter });
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_at_their_time() {
        struct Full;
        impl mail::Chance for Full {
            fn fill(&self, out: &mut [u8]) {
                out.fill(0xff);
            }
        }
        let at = Timestamp::from_millis(1_795_309_200_123);
        let next = Timestamp::from_millis(1_795_309_200_124);
        let id = DocumentId::new(at, &Full);
        assert!(first_id_at(at) <= id && id < first_id_at(next));
        assert!(OLDEST < id && id < NEWEST);
    }
}
