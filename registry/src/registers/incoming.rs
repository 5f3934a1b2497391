//! The incoming book: what an agency takes in gets its arrival number (số đến) at that moment (RULES R76).

use mail::{AgencyId, DocumentId, Timestamp};
use store::{BookState, Document, LineState, Store, Tx};

use super::{Entry, Patch};
use crate::numbering::{Book, Given, Refused, Request, Which, take};
use crate::status::State;

/// Something that arrived and is to be registered.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A document of the exchange that the agency has received.
    Exchanged(DocumentId),
    /// Anything else: on paper, by fax, by mail. One series for all (R75).
    Other(Box<Entry>),
}

/// Registers an arrival at the desk. A document that has its number keeps it; so does a repeated request.
///
/// # Errors
/// [`Refused`].
pub async fn register_incoming(
    store: &Store,
    agency_id: AgencyId,
    arrival: Arrival,
    request_key: Option<String>,
    by: &str,
    now: Timestamp,
) -> Result<Given, Refused> {
    if let Arrival::Other(entry) = &arrival {
        entry.check().map_err(Refused::OutOfBounds)?;
    }
    store
        .write("register an arrival", (arrival, request_key, by.to_owned()), move |tx, (arrival, key, by)| {
            Box::pin(async move {
                let entry = match arrival {
                    Arrival::Other(entry) => Entry { document_id: None, ..(**entry).clone() },
                    Arrival::Exchanged(id) => {
                        let at = tx.receiver(agency_id, *id).await?.ok_or(Refused::NoSuchDocument)?;
                        let document = tx.document(at.sender_id, *id).await?;
                        Entry::of_received(&document.ok_or(Refused::NoSuchDocument)?)
                    }
                };
                let line = arrive(tx, agency_id, entry, key.clone(), by, now).await?;
                Ok(Given::from(&line))
            })
        })
        .await
}

async fn arrive(
    tx: &mut Tx,
    agency_id: AgencyId,
    entry: Entry,
    request_key: Option<String>,
    by: &str,
    now: Timestamp,
) -> Result<store::Line, Refused> {
    let book = Book::Incoming;
    if let Some(id) = entry.document_id {
        // The lock first: of two who register the same document at once the second finds the first one's line.
        if tx.book(agency_id, &book.to_string()).await? == Some(BookState::Kept) {
            let year = crate::numbering::series_year(crate::calendar::day_of(now));
            tx.lock_series(agency_id, &book.to_string(), year).await?;
        }
        if let Some(line) = tx.line_of_document(agency_id, &book.to_string(), id).await? {
            return Ok(line);
        }
    }
    let reason = String::new();
    let by = by.to_owned();
    let request = Request { agency_id, book, day: None, reason, request_key, entry, by };
    take(tx, &request, LineState::Used, now).await
}

/// A receiver's word moved a document: when it has taken it in and keeps its incoming book here, the document gets its arrival
/// number in the same transaction.
pub(crate) async fn heard(
    tx: &mut Tx,
    receiver_id: AgencyId,
    about: &Document,
    state: State,
    now: Timestamp,
) -> Result<(), store::Error> {
    let taken_in = matches!(state, State::Accepted | State::Assigned | State::InWork | State::Done);
    if !taken_in || tx.book(receiver_id, &Book::Incoming.to_string()).await? != Some(BookState::Kept) {
        return Ok(());
    }
    match arrive(tx, receiver_id, Entry::of_received(about), None, "exchange", now).await {
        Ok(_) => Ok(()),
        Err(Refused::Store(error)) => Err(error),
        // A word of the receiver is never refused for the sake of a book: the desk registers what was left out.
        Err(refused) => {
            tracing::warn!(code = refused.code(), "an arrival was not registered");
            Ok(())
        }
    }
}

/// Writes what became of a line: who has it, until when, how far it is (RULES R85).
///
/// # Errors
/// [`Refused::NoSuchNumber`], [`Refused::OutOfBounds`], or the store's trouble.
pub async fn annotate(store: &Store, which: Which, patch: Patch) -> Result<Given, Refused> {
    store
        .write("note on a line", (which, patch), |tx, (which, patch)| {
            Box::pin(async move {
                tx.lock_series(which.agency_id, &which.book.to_string(), which.year).await?;
                let line = which.find(tx).await?;
                let mut entry = Entry::of(&line);
                patch.apply(&mut entry);
                entry.check().map_err(Refused::OutOfBounds)?;
                tx.set_line_facts(&line, &entry.to_json()).await?;
                Ok(Given::from(&which.find(tx).await?))
            })
        })
        .await
}
