//! Numbers of documents: one series for an agency, a book and a year, without gap or repeat (RULES R75, R76, R79).
//!
//! A number is taken in a transaction that holds the counter of its book until it commits. Once taken it is never given
//! again: it is used by a document, or void with a reason, and its line stays. The year is that of Vietnam's clock, so a new
//! series begins at 00:00 +07:00 on 1 January.

pub mod notation;
pub mod types;

use std::fmt;
use std::str::FromStr;

use mail::{AgencyId, Timestamp};
use serde::Serialize;
use store::{Audit, BookState, Line, LineEnd, LineState, NewLine, Series, Store, Tx};
use time::Date;

pub use notation::{BadNotation, Notation, number_text};
pub use types::{DocumentType, TYPES};

use crate::calendar::{Written, day_of};
use crate::registers::Entry;

/// Characters of a reason, a name, a request's key, at most.
const TEXT_CHARS_MAX: usize = 500;

/// A book of the records office.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Book {
    /// Văn bản đi: administrative documents, one series for all types (R75).
    Outgoing,
    /// Văn bản đến (R76).
    Incoming,
    /// Normative documents of one type, by its abbreviation: a series of their own (R75, Đ15.1.a).
    Normative(String),
}

/// The word names no book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a book is outgoing, incoming, or normative:QĐ with a type's abbreviation (sổ không hợp lệ)")]
pub struct BadBook;

impl FromStr for Book {
    type Err = BadBook;

    fn from_str(word: &str) -> Result<Self, BadBook> {
        let word = mail::text::nfc(word.trim());
        match word.as_str() {
            "outgoing" => Ok(Self::Outgoing),
            "incoming" => Ok(Self::Incoming),
            other => {
                let kind = other.strip_prefix("normative:").ok_or(BadBook)?;
                let fits = (1..=12).contains(&kind.chars().count()) && kind.chars().all(char::is_alphabetic);
                fits.then(|| Self::Normative(kind.to_owned())).ok_or(BadBook)
            }
        }
    }
}

impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outgoing => f.write_str("outgoing"),
            Self::Incoming => f.write_str("incoming"),
            Self::Normative(kind) => write!(f, "normative:{kind}"),
        }
    }
}

impl Serialize for Book {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a number is not given, used or voided.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The agency's numbers of this book are not given here.
    #[error("the agency's book {0} is not kept here (sổ {0} không mở tại đây)")]
    NotKept(Book),
    /// Numbers follow the order of days.
    #[error(
        "a number of {last} was given already; an earlier day needs a reason (đã cấp số ngày {last}, lùi ngày phải nêu lý do)"
    )]
    Backwards {
        /// The latest day of any number given.
        last: String,
    },
    /// Next year's series begins on 1 January.
    #[error("next year's numbers are given from 1 January (chưa đến năm của sổ)")]
    NotYet,
    /// Numbers of this year were given already.
    #[error("the book has given numbers this year and cannot begin anew (sổ đã cấp số, không đặt lại được)")]
    Started,
    /// The number, a text or the year is out of bounds.
    #[error("out of bounds: {0} (ngoài giới hạn)")]
    OutOfBounds(&'static str),
    /// Something must be said.
    #[error("a reason is needed (phải nêu lý do)")]
    NoReason,
    /// No such number was given.
    #[error("no such number was given (chưa cấp số này)")]
    NoSuchNumber,
    /// The agency has not received such a document.
    #[error("no such document (không có văn bản này)")]
    NoSuchDocument,
    /// The number has ended.
    #[error("the number is {} already (số đã {})", .0.as_str(), ended(*.0))]
    Ended(LineState),
    /// The store's trouble.
    #[error(transparent)]
    Store(#[from] store::Error),
}

fn ended(state: LineState) -> &'static str {
    match state {
        LineState::Reserved => "giữ",
        LineState::Used => "dùng",
        LineState::Void => "hủy",
    }
}

impl Refused {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotKept(_) => "number.not-kept",
            Self::Backwards { .. } => "number.backwards",
            Self::NotYet => "number.not-yet",
            Self::Started => "number.started",
            Self::OutOfBounds(_) => "number.out-of-bounds",
            Self::NoReason => "number.no-reason",
            Self::NoSuchNumber => "number.no-such",
            Self::NoSuchDocument => "number.no-such-document",
            Self::Ended(_) => "number.ended",
            Self::Store(error) if error.is_temporary() => "unavailable",
            Self::Store(_) => "internal",
        }
    }

    /// The code on the wire, HTTP-like.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotKept(_) | Self::NoSuchNumber | Self::NoSuchDocument => 404,
            Self::Backwards { .. } | Self::NotYet | Self::Started | Self::Ended(_) => 409,
            Self::OutOfBounds(_) | Self::NoReason => 400,
            Self::Store(error) if error.is_temporary() => 503,
            Self::Store(_) => 500,
        }
    }
}

/// Somebody wants a number.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose book.
    pub agency_id: AgencyId,
    /// Which book.
    pub book: Book,
    /// The day the document will bear; today when `None`.
    pub day: Option<Date>,
    /// Why the day lies before that of a number already given; else empty.
    pub reason: String,
    /// What makes a repeated request the same: it is answered with the same number.
    pub request_key: Option<String>,
    /// What is known of the document already.
    pub entry: Entry,
    /// Who asks.
    pub by: String,
}

/// A number and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    /// The book.
    pub book: String,
    /// The year.
    pub year: i64,
    /// Its place in the book.
    pub line: i64,
    /// The number; null when it was given elsewhere and has no place in the series.
    pub number: Option<i64>,
    /// The number as the document bears it, `05`; or number and notation where they are known.
    pub code: String,
    /// reserved, used, void.
    pub state: &'static str,
    /// The day, `2026-11-22`.
    pub day: String,
    /// The document.
    pub document_id: Option<String>,
    /// Why it was dated back or is void.
    pub reason: String,
    /// When it was taken.
    pub taken_at: String,
    /// By whom.
    pub taken_by: String,
    /// When it was used or voided.
    pub ended_at: Option<String>,
    /// By whom.
    pub ended_by: String,
    /// What the columns show.
    pub entry: Entry,
}

impl From<&Line> for Given {
    fn from(line: &Line) -> Self {
        let number = line.number.map(number_text).unwrap_or_default();
        Self {
            book: line.book.clone(),
            year: line.year,
            line: line.line_no,
            number: line.number,
            code: if line.code.is_empty() { number } else { line.code.clone() },
            state: line.state.as_str(),
            day: line.on_day.clone(),
            document_id: line.document_id.map(|id| id.to_string()),
            reason: line.reason.clone(),
            taken_at: line.taken_at.to_rfc3339_vietnam(),
            taken_by: line.taken_by.clone(),
            ended_at: line.ended_at.map(Timestamp::to_rfc3339_vietnam),
            ended_by: line.ended_by.clone(),
            entry: Entry::shown(line),
        }
    }
}

/// The year of a book's series: that of the day, by Vietnam's clock (R75).
pub fn series_year(day: Date) -> i64 {
    i64::from(day.year())
}

/// Opens a book. `first` lets this year's series begin at a number, when a paper book is taken over in mid-year.
///
/// # Errors
/// [`Refused::Started`] when the year has given numbers already, [`Refused::OutOfBounds`].
pub async fn open_book(
    store: &Store,
    agency_id: AgencyId,
    book: Book,
    state: BookState,
    first: Option<i64>,
    by: &str,
    now: Timestamp,
) -> Result<(), Refused> {
    if first.is_some_and(|first| !(1..=notation::NUMBER_MAX).contains(&first)) {
        return Err(Refused::OutOfBounds("the first number"));
    }
    let input = (agency_id, book.to_string(), state, first, by.to_owned(), now);
    store
        .write("open a book", input, |tx, (agency_id, book, state, first, by, now)| {
            Box::pin(async move {
                tx.set_book(*agency_id, book, *state, *now).await?;
                if let Some(first) = first {
                    let series = tx.lock_series(*agency_id, book, series_year(day_of(*now))).await?;
                    let begun = tx.has_numbers(*agency_id, book, series.year).await?;
                    if begun && series.first_number != *first {
                        return Err(Refused::Started);
                    }
                    if !begun {
                        tx.begin_series_at(&series, *first).await?;
                    }
                }
                let detail = serde_json::json!({ "book": book, "state": state.as_str(), "first": first });
                let subject = agency_id.to_string();
                tx.audit(*agency_id, *now, by, Audit::BookChanged, &subject, &detail.to_string()).await?;
                Ok(())
            })
        })
        .await
}

/// Gives a number for a document to come. A repeated request gets the same.
///
/// # Errors
/// [`Refused`].
pub async fn reserve(store: &Store, request: Request, now: Timestamp) -> Result<Given, Refused> {
    check_texts(&request)?;
    // Arrivals are numbered as they come (R76): none is kept a number for a later day.
    if request.book == Book::Incoming && request.day.is_some_and(|day| day > day_of(now)) {
        return Err(Refused::OutOfBounds("the day of an arrival"));
    }
    store
        .write("reserve a number", request, move |tx, request| {
            Box::pin(async move {
                let line = take(tx, request, LineState::Reserved, now).await?;
                Ok(Given::from(&line))
            })
        })
        .await
}

fn check_texts(request: &Request) -> Result<(), Refused> {
    let long = |text: &str| text.chars().count() > TEXT_CHARS_MAX;
    if long(&request.reason) || long(&request.by) || request.request_key.as_deref().is_some_and(long) {
        return Err(Refused::OutOfBounds("a text"));
    }
    request.entry.check().map_err(Refused::OutOfBounds)
}

/// Takes the next number of a kept book. The counter is held from here to the commit.
pub(crate) async fn take(
    tx: &mut Tx,
    request: &Request,
    state: LineState,
    now: Timestamp,
) -> Result<Line, Refused> {
    let Request { agency_id, book, .. } = request;
    let (agency_id, name) = (*agency_id, book.to_string());
    if tx.book(agency_id, &name).await? != Some(BookState::Kept) {
        return Err(Refused::NotKept(book.clone()));
    }
    let today = day_of(now);
    let day = request.day.unwrap_or(today);
    if day.year() > today.year() {
        return Err(Refused::NotYet);
    }
    let series = tx.lock_series(agency_id, &name, series_year(day)).await?;
    if let Some(key) = &request.request_key
        && let Some(before) = tx.line_of_request(agency_id, &name, key).await?
    {
        return Ok(before);
    }
    let mut on_day = Written(day).to_string();
    if *book == Book::Incoming && request.day.is_none() && on_day < series.last_on {
        // Two machines' clocks around midnight: the order of arrival stands.
        on_day.clone_from(&series.last_on);
    }
    if request.reason.is_empty() && (on_day < series.last_on || day.year() < today.year()) {
        let last = if series.last_on.is_empty() { Written(today).to_string() } else { series.last_on };
        return Err(Refused::Backwards { last });
    }
    let number = next_free(tx, &series).await?;
    let new = NewLine {
        number: Some(number),
        code: request.entry.code.clone(),
        state,
        on_day,
        request_key: request.request_key.clone(),
        document_id: request.entry.document_id,
        identifier: request.entry.identifier.clone(),
        facts: request.entry.to_json(),
        reason: request.reason.clone(),
        taken_by: request.by.clone(),
    };
    let line = tx.add_line(&series, &new, number.saturating_add(1), now).await?;
    let detail = serde_json::json!({ "book": name, "year": line.year, "number": number });
    let subject = line.document_id.map(|id| id.to_string()).unwrap_or_default();
    tx.audit(agency_id, now, &request.by, Audit::NumberTaken, &subject, &detail.to_string()).await?;
    Ok(line)
}

/// The next number that no document bears yet: one that came from elsewhere with a number of this series keeps it.
async fn next_free(tx: &mut Tx, series: &Series) -> Result<i64, Refused> {
    let mut number = series.next_number;
    while tx.line_of_number(series.agency_id, &series.book, series.year, number).await?.is_some() {
        number = number.saturating_add(1);
    }
    match number <= notation::NUMBER_MAX {
        true => Ok(number),
        false => Err(Refused::OutOfBounds("the number")),
    }
}

/// Which number of which book.
#[derive(Clone, Debug)]
pub struct Which {
    /// Whose book.
    pub agency_id: AgencyId,
    /// Which book.
    pub book: Book,
    /// Of which year.
    pub year: i64,
    /// The number.
    pub number: i64,
}

impl Which {
    pub(crate) async fn find(&self, tx: &mut Tx) -> Result<Line, Refused> {
        let found = tx.line_of_number(self.agency_id, &self.book.to_string(), self.year, self.number).await?;
        found.ok_or(Refused::NoSuchNumber)
    }
}

/// Voids a reserved number; its line stays, with who and why.
///
/// # Errors
/// [`Refused::NoReason`], [`Refused::NoSuchNumber`], [`Refused::Ended`].
pub async fn void(
    store: &Store,
    which: Which,
    reason: &str,
    by: &str,
    now: Timestamp,
) -> Result<Given, Refused> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Refused::NoReason);
    }
    if reason.chars().count() > TEXT_CHARS_MAX {
        return Err(Refused::OutOfBounds("a text"));
    }
    store
        .write("void a number", (which, reason.to_owned(), by.to_owned()), move |tx, (which, reason, by)| {
            Box::pin(async move {
                // The counter's lock keeps a document that is just arriving with the number from being overtaken.
                tx.lock_series(which.agency_id, &which.book.to_string(), which.year).await?;
                let line = which.find(tx).await?;
                if line.state != LineState::Reserved {
                    return Err(Refused::Ended(line.state));
                }
                let end = LineEnd {
                    state: LineState::Void,
                    code: line.code.clone(),
                    document_id: None,
                    identifier: line.identifier.clone(),
                    facts: line.facts.clone(),
                    reason: reason.clone(),
                    ended_by: by.clone(),
                };
                tx.end_line(&line, &end, now).await?;
                let detail =
                    serde_json::json!({ "book": line.book, "year": line.year, "number": line.number });
                tx.audit(which.agency_id, now, by, Audit::NumberVoided, "", &detail.to_string()).await?;
                Ok(Given::from(&which.find(tx).await?))
            })
        })
        .await
}

/// Numbers of a book's year, in order, after a line.
///
/// # Errors
/// The store's own.
pub async fn list(store: &Store, filter: store::LineFilter) -> Result<Vec<Given>, store::Error> {
    let lines = store.read(filter, |tx, filter| Box::pin(async move { tx.lines(filter).await })).await?;
    Ok(lines.iter().map(Given::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r75_books_by_name() {
        for word in ["outgoing", "incoming", "normative:QĐ", "normative:NQ"] {
            assert_eq!(word.parse::<Book>().unwrap().to_string(), word);
        }
        for word in ["", "Outgoing", "normative:", "normative:Q Đ", "normative:1", "secret", "outgoing2"] {
            assert_eq!(word.parse::<Book>(), Err(BadBook), "{word}");
        }
    }

    #[test]
    fn t9_the_year_turns_at_midnight_in_vietnam() {
        let midnight = Timestamp::parse_rfc3339("2027-01-01T00:00:00+07:00").unwrap();
        let before = Timestamp::from_millis(midnight.millis() - 1);
        assert_eq!((series_year(day_of(before)), series_year(day_of(midnight))), (2026, 2027));
    }
}
