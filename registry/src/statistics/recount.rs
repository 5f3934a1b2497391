//! The facts of every document once more, from what is kept of it: its header, its deadline, its history, the acts upon it (RULES
//! R53). A recount finds what differs from what was written as it happened, and adds what was never written.

use std::collections::BTreeMap;

use mail::{AgencyId, DocumentId, Timestamp};
use store::{Document, FactKind, NewFact, Receiver, StatusEntry, Store, Tx};

use super::facts::{self, Kept, Word};
use crate::accept::leaves::word;
use crate::reasons::RefusalReason;
use crate::receipt::act_of;
use crate::status::StatusCode;

/// Documents read in one transaction.
const AT_ONCE: i64 = 100;
/// Agencies read in one page.
const AGENCIES: i64 = 500;
/// Documents that are named when they differ.
const NAMED_MAX: usize = 100;

/// What a recount found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recounted {
    /// Documents that were read.
    pub documents: u64,
    /// Facts that their history says.
    pub facts: u64,
    /// Of these, facts that were never written; written now when that was asked.
    pub missing: u64,
    /// Facts that say something else than the history, or that it does not know.
    pub different: u64,
    /// Documents with either, the first hundred.
    pub documents_found: Vec<DocumentId>,
}

type Key = (AgencyId, FactKind, [u8; 16]);

/// Recounts every document of the house. With `repair` what is missing is written, and days that are over are counted anew
/// afterwards; what differs is told and left: it was written as it happened.
///
/// # Errors
/// The store's own.
pub async fn recount(store: &Store, repair: bool, now: Timestamp) -> Result<Recounted, store::Error> {
    let mut found = Recounted::default();
    let mut after = None;
    loop {
        let page = store
            .read(after, |tx, after| Box::pin(async move { tx.agencies_page(*after, now, AGENCIES).await }));
        let page: Vec<store::Agency> = page.await?;
        let Some(last) = page.last() else { break };
        after = Some(last.agency_id);
        for agency in page {
            recount_sender(store, agency.agency_id, repair, &mut found).await?;
        }
    }
    if repair && found.missing > 0 {
        store.write("count anew", (), |tx, ()| Box::pin(async move { tx.forget_counts().await })).await?;
    }
    Ok(found)
}

async fn recount_sender(
    store: &Store,
    sender: AgencyId,
    repair: bool,
    found: &mut Recounted,
) -> Result<(), store::Error> {
    let mut before = DocumentId::from_bytes([0xff; 16]);
    loop {
        let page = store.read(before, |tx, before| {
            Box::pin(async move {
                let first = DocumentId::from_bytes([0; 16]);
                let documents = tx.sent_before(sender, *before, first, AT_ONCE).await?;
                let mut all = Vec::with_capacity(documents.len());
                for document in documents {
                    let compared = compare(tx, &document).await?;
                    all.push((document.document_id, compared));
                }
                Ok::<_, store::Error>(all)
            })
        });
        let page = page.await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        before = *last;
        for (document_id, compared) in page {
            found.documents += 1;
            found.facts += compared.facts;
            found.missing += compared.missing.len() as u64;
            found.different += compared.different;
            let differs = compared.different > 0 || !compared.missing.is_empty();
            if differs && found.documents_found.len() < NAMED_MAX {
                found.documents_found.push(document_id);
            }
            if repair && !compared.missing.is_empty() {
                store
                    .write("write facts again", compared.missing, |tx, missing| {
                        Box::pin(async move { tx.add_facts(missing).await.map(drop) })
                    })
                    .await?;
            }
        }
    }
}

struct Compared {
    facts: u64,
    missing: Vec<NewFact>,
    different: u64,
}

async fn compare(tx: &mut Tx, document: &Document) -> Result<Compared, store::Error> {
    let receivers = tx.receivers_of(document.agency_id, document.document_id).await?;
    let expected = history(tx, document, &receivers).await?;
    let mut written = BTreeMap::new();
    let whose = receivers.iter().map(|at| at.receiver_id).filter(|id| *id != document.agency_id);
    for agency_id in whose.chain([document.agency_id]) {
        for fact in tx.facts_of(agency_id, document.document_id).await? {
            written.insert((fact.agency_id, fact.fact.as_str(), fact.other_id), fact);
        }
    }
    let mut compared = Compared { facts: expected.len() as u64, missing: Vec::new(), different: 0 };
    for ((agency_id, fact, other_id), fact_now) in expected {
        match written.remove(&(agency_id, fact.as_str(), other_id)) {
            Some(fact_then) if fact_then == fact_now => {}
            Some(_) => compared.different += 1,
            None => compared.missing.push(fact_now),
        }
    }
    compared.different += written.len() as u64;
    Ok(compared)
}

/// What the history of a document says, each thing as it happened first.
async fn history(
    tx: &mut Tx,
    document: &Document,
    receivers: &[Receiver],
) -> Result<Vec<(Key, NewFact)>, store::Error> {
    let (sender, id) = (document.agency_id, document.document_id);
    let mut all: Vec<NewFact> = Vec::new();
    let deadline = tx.deadline(sender, id).await?;
    let to: Vec<AgencyId> = receivers.iter().map(|at| at.receiver_id).collect();
    all.extend(facts::sent(&Kept::known(document), deadline.as_ref(), &to, document.accepted_at));
    let statuses = tx.statuses(sender, id).await?;
    for entry in &statuses {
        let at = receivers.iter().find(|at| at.receiver_id == entry.reporter_id);
        all.extend(at.into_iter().flat_map(|at| said(document, at, entry)));
    }
    let links = tx.acts_upon(sender, id).await?;
    for link in &links {
        all.push(facts::acted(sender, id, link.act_id, link.kind, link.at));
    }
    if statuses.iter().any(|entry| entry.code == StatusCode::Agreed.as_str()) {
        all.extend(cancelled(tx, document, receivers).await?);
    }
    let mut kept: Vec<(Key, NewFact)> = Vec::with_capacity(all.len());
    for fact in all {
        let key = (fact.agency_id, fact.fact, fact.other_id);
        if kept.iter().all(|(known, _)| *known != key) {
            kept.push((key, fact));
        }
    }
    Ok(kept)
}

/// Who cancelled the document and when, by the log's leaves (RULES R39): what an agreement meant depends on what was asked when.
/// That a mistaken recall was reversed later takes nothing of it back (RULES R43).
async fn cancelled(
    tx: &mut Tx,
    document: &Document,
    receivers: &[Receiver],
) -> Result<Vec<NewFact>, store::Error> {
    let (sender, id) = (document.agency_id, document.document_id);
    let leaves = tx.leaves_of(sender, id.as_bytes()).await?;
    let acts = leaves.iter().filter_map(act_of).filter(|act| act.act == word::CANCELLED);
    let facts = acts.filter_map(|act| {
        let code = act.to.first()?;
        let at = receivers.iter().find(|at| at.code.as_str() == code)?;
        Some(facts::cancelled(at.receiver_id, id, Timestamp::parse_rfc3339(&act.at).ok()?))
    });
    Ok(facts.collect())
}

fn said(document: &Document, at: &Receiver, entry: &StatusEntry) -> Vec<NewFact> {
    let code = StatusCode::read(&entry.code);
    facts::said(&Word {
        sender_id: document.agency_id,
        document_id: document.document_id,
        receiver_id: at.receiver_id,
        code: &code,
        reason: RefusalReason::ALL.into_iter().find(|reason| reason.code() == entry.reason_code),
        arrived_at: at.accepted_at,
        at: entry.recorded_at,
    })
}
