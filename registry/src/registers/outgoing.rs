//! The outgoing book: a document that the exchange accepts from an agency has its line there, in the accepting transaction.

use mail::Timestamp;
use store::{BookState, LineEnd, LineState, NewDocument, NewLine, Series, Tx};
use time::Date;

use super::Entry;
use crate::calendar::{Written, day_of, read_day};
use crate::numbering::{Book, Notation, series_year};
use crate::package::Document;

/// Writes an accepted document into the sender's outgoing book, if it has one here: onto the line its number was reserved
/// on, or onto one of its own with number and notation as the document states them. Then notes what it answers.
pub(crate) async fn sent(
    tx: &mut Tx,
    document: &Document,
    new: &NewDocument,
    now: Timestamp,
) -> Result<(), store::Error> {
    let notation = document.code.full().parse::<Notation>().ok();
    if let Some((book, state, numbered)) = choose(tx, new, notation.as_ref()).await? {
        let mut entry = Entry::of_sent(document);
        entry.document_id = Some(new.document_id);
        let number = notation.filter(|read| read.letter.is_none() && numbered).map(|read| read.number);
        write(tx, new, &book.to_string(), state, number, &entry, now).await?;
    }
    answered(tx, document, new).await
}

/// The book for a document, how it is kept, and whether the document's number is one of its series. A number with a year is of
/// a normative document, whose type has a series of its own (R75); where that is not kept here, the line goes to the common
/// book and takes no number of it.
async fn choose(
    tx: &mut Tx,
    new: &NewDocument,
    notation: Option<&Notation>,
) -> Result<Option<(Book, BookState, bool)>, store::Error> {
    let is_normative = notation.is_some_and(|read| read.year.is_some());
    if let Some(kind) = notation.filter(|_| is_normative).and_then(|read| read.groups.first()) {
        let book = Book::Normative(kind.clone());
        let state = tx.book(new.agency_id, &book.to_string()).await?;
        if let Some(state @ (BookState::Kept | BookState::Recorded)) = state {
            return Ok(Some((book, state, true)));
        }
    }
    let state = tx.book(new.agency_id, &Book::Outgoing.to_string()).await?;
    let is_open = matches!(state, Some(BookState::Kept | BookState::Recorded));
    Ok(state.filter(|_| is_open).map(|state| (Book::Outgoing, state, !is_normative)))
}

async fn write(
    tx: &mut Tx,
    new: &NewDocument,
    book: &str,
    state: BookState,
    number: Option<i64>,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), store::Error> {
    let day = line_day(&entry.date, now);
    let series = tx.lock_series(new.agency_id, book, series_year(day)).await?;
    // The same document may be sent to others, or again after it was given back: it has one line.
    if !entry.identifier.is_empty()
        && tx.line_of_identifier(new.agency_id, book, &entry.identifier).await?.is_some()
    {
        return Ok(());
    }
    let mut number = number.filter(|number| state == BookState::Kept && *number > 0);
    let mut reason = String::new();
    if let Some(taken) = number
        && let Some(line) = tx.line_of_number(new.agency_id, book, series.year, taken).await?
    {
        if line.state == LineState::Reserved {
            let reserved = Entry::of(&line);
            let end = LineEnd {
                state: LineState::Used,
                code: entry.code.clone(),
                document_id: entry.document_id,
                identifier: entry.identifier.clone(),
                facts: Entry { keeper: reserved.keeper, note: reserved.note, ..entry.clone() }.to_json(),
                reason: String::new(),
                ended_by: new.system_folded.clone(),
            };
            return tx.end_line(&line, &end, now).await;
        }
        // Another document has it, or it is void: both lines are shown, and the number stays with the first.
        number = None;
        reason = format!("Trùng số với dòng {} ({})", line.line_no, line.state.as_str());
    }
    add(tx, &series, number, reason, day, new, entry, now).await
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
async fn add(
    tx: &mut Tx,
    series: &Series,
    number: Option<i64>,
    reason: String,
    day: Date,
    new: &NewDocument,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), store::Error> {
    let line = NewLine {
        number,
        code: entry.code.clone(),
        state: LineState::Used,
        on_day: Written(day).to_string(),
        request_key: None,
        document_id: entry.document_id,
        identifier: entry.identifier.clone(),
        facts: entry.to_json(),
        reason,
        taken_by: new.system_folded.clone(),
    };
    // A number that somebody else gave does not move the counter; when the counter comes to it, it is passed over.
    let next = match number {
        Some(number) if number == series.next_number => number.saturating_add(1),
        _ => series.next_number,
    };
    tx.add_line(series, &line, next, now).await.map(drop)
}

/// The day a line is of: the document's, unless that is to come or no day at all.
fn line_day(date: &str, now: Timestamp) -> Date {
    let today = day_of(now);
    read_day(date).filter(|day| *day <= today).unwrap_or(today)
}

/// The documents that this one answers, by their identifiers, have its number in the follow-up book (R77).
async fn answered(tx: &mut Tx, document: &Document, new: &NewDocument) -> Result<(), store::Error> {
    let identifiers = document.response_for.iter().filter_map(|answered| answered.document_id.as_ref());
    let code = document.code.full();
    for identifier in identifiers {
        tx.set_answered(new.agency_id, &Book::Incoming.to_string(), identifier.key(), &code).await?;
    }
    Ok(())
}
