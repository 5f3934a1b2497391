//! Numbered books: which an agency keeps here, their counters, their lines (RULES R75–R77).
//!
//! Whoever takes a number locks the counter of the book's year first ([`Tx::lock_series`]) and holds it until its
//! transaction ends, so numbers have neither gap nor repeat whatever comes at once. What may be taken is decided above.

use mail::{AgencyId, DocumentId, Timestamp};

use crate::Tx;
use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};

words! {
    /// How a book is kept.
    BookState, "book state is kept, recorded or closed" {
        /// Numbers are given here.
        Kept = "kept",
        /// The agency's own system gives the numbers; they are written down here.
        Recorded = "recorded",
        /// Nothing new is written.
        Closed = "closed",
    }
}

words! {
    /// What became of a line.
    LineState, "line state is reserved, used or void" {
        /// The number waits for its document.
        Reserved = "reserved",
        /// A document bears it.
        Used = "used",
        /// No document will bear it; the line stays.
        Void = "void",
    }
}

/// A book's year, locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The agency.
    pub agency_id: AgencyId,
    /// The book.
    pub book: String,
    /// The year.
    pub year: i64,
    /// The first number given here; a smaller one is in a paper book.
    pub first_number: i64,
    /// The next number.
    pub next_number: i64,
    /// The next line.
    pub next_line: i64,
    /// The latest day of any number given, `2026-11-22`; empty before the first.
    pub last_on: String,
}

/// A line to write.
#[derive(Clone, Debug)]
pub struct NewLine {
    /// Its number in the series; `None` when it was given elsewhere and has no place in it.
    pub number: Option<i64>,
    /// Number and notation as the document states them.
    pub code: String,
    /// What it begins as.
    pub state: LineState,
    /// The day it is of.
    pub on_day: String,
    /// What makes a repeated request the same request.
    pub request_key: Option<String>,
    /// The document.
    pub document_id: Option<DocumentId>,
    /// The document's normalised legal identifier, for answers to find it.
    pub identifier: String,
    /// What the columns show, as JSON.
    pub facts: String,
    /// Why, where a reason was asked for.
    pub reason: String,
    /// Who took it.
    pub taken_by: String,
}

/// A line of a book.
#[derive(Clone, Debug)]
pub struct Line {
    /// The agency.
    pub agency_id: AgencyId,
    /// The book.
    pub book: String,
    /// The year.
    pub year: i64,
    /// Its place in the book, from 1.
    pub line_no: i64,
    /// Its number in the series.
    pub number: Option<i64>,
    /// Number and notation as the document states them.
    pub code: String,
    /// What became of it.
    pub state: LineState,
    /// The day it is of, `2026-11-22`.
    pub on_day: String,
    /// The document.
    pub document_id: Option<DocumentId>,
    /// The document's normalised legal identifier.
    pub identifier: String,
    /// What the columns show, as JSON.
    pub facts: String,
    /// Number and notation of the document that answers this one.
    pub answered_by: String,
    /// Why it was dated back, or is void.
    pub reason: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Who took it.
    pub taken_by: String,
    /// When it was used or voided.
    pub ended_at: Option<Timestamp>,
    /// Who did.
    pub ended_by: String,
    /// Where the document stands with this agency, when it received it over the exchange.
    pub progress: Option<String>,
}

/// Which lines of a book to read.
#[derive(Clone, Debug)]
pub struct LineFilter {
    /// The agency.
    pub agency_id: AgencyId,
    /// The book.
    pub book: String,
    /// The year.
    pub year: i64,
    /// Only of this day or later, `2026-11-22`; empty: from the beginning.
    pub from: String,
    /// Only of this day or earlier; empty: to the end.
    pub to: String,
    /// Only after this line.
    pub after: i64,
    /// So many at most.
    pub limit: i64,
}

/// How a line ends.
#[derive(Clone, Debug)]
pub struct LineEnd {
    /// Used or void.
    pub state: LineState,
    /// Number and notation as the document states them.
    pub code: String,
    /// The document that bears the number.
    pub document_id: Option<DocumentId>,
    /// Its normalised legal identifier.
    pub identifier: String,
    /// What the columns show from now on, as JSON.
    pub facts: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub ended_by: String,
}

macro_rules! select_line {
    ($tail:literal) => {
        concat!(
            "SELECT l.agency_id, l.book, l.year, l.line_no, l.number, l.code, l.state, l.on_day, l.document_id, l.identifier, \
             l.facts, l.answered_by, l.reason, l.taken_at, l.taken_by, l.ended_at, l.ended_by, r.state \
             FROM register_line l LEFT JOIN document_receiver r \
             ON r.receiver_id = l.agency_id AND r.document_id = l.document_id ",
            $tail
        )
    };
}

fn line(row: &Row) -> Result<Line> {
    Ok(Line {
        agency_id: row.id(0)?,
        book: row.text(1)?,
        year: row.int(2)?,
        line_no: row.int(3)?,
        number: row.opt_int(4)?,
        code: row.text(5)?,
        state: row.text(6)?.parse()?,
        on_day: row.text(7)?,
        document_id: row.opt_id(8)?,
        identifier: row.text(9)?,
        facts: row.text(10)?,
        answered_by: row.text(11)?,
        reason: row.text(12)?,
        taken_at: row.moment(13)?,
        taken_by: row.text(14)?,
        ended_at: row.opt_moment(15)?,
        ended_by: row.text(16)?,
        progress: row.opt_text(17)?,
    })
}

impl Tx {
    /// How an agency keeps a book here, if it does.
    pub async fn book(&mut self, agency_id: AgencyId, book: &str) -> Result<Option<BookState>> {
        let row = self
            .row("SELECT state FROM book WHERE agency_id = $1 AND book = $2", values![&agency_id, book])
            .await?;
        row.map(|row| row.text(0)?.parse()).transpose()
    }

    /// An agency's books, by name.
    pub async fn books(&mut self, agency_id: AgencyId) -> Result<Vec<(String, BookState)>> {
        let rows = self
            .rows(
                "SELECT book, state FROM book WHERE agency_id = $1 ORDER BY book LIMIT 1000",
                values![&agency_id],
            )
            .await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?.parse()?))).collect()
    }

    /// Opens, changes or closes a book.
    pub async fn set_book(
        &mut self,
        agency_id: AgencyId,
        book: &str,
        state: BookState,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO book (agency_id, book, state, changed_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (agency_id, book) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at",
            values![&agency_id, book, state.as_str(), now],
        )
        .await
        .map(drop)
    }

    /// Locks the counter of a book's year until the transaction ends, beginning it at 1 when it is new.
    pub async fn lock_series(&mut self, agency_id: AgencyId, book: &str, year: i64) -> Result<Series> {
        // The update changes nothing and takes the row's lock, also when another transaction has just made the row.
        let row = self
            .row(
                "INSERT INTO book_series (agency_id, book, year, first_number, next_number, next_line, last_on) \
                 VALUES ($1, $2, $3, 1, 1, 1, '') \
                 ON CONFLICT (agency_id, book, year) DO UPDATE SET next_line = book_series.next_line \
                 RETURNING first_number, next_number, next_line, last_on",
                values![&agency_id, book, year],
            )
            .await?
            .ok_or_else(|| Error::Internal("a counter was not answered".to_owned()))?;
        Ok(Series {
            agency_id,
            book: book.to_owned(),
            year,
            first_number: row.int(0)?,
            next_number: row.int(1)?,
            next_line: row.int(2)?,
            last_on: row.text(3)?,
        })
    }

    /// Lets a locked series begin at a number. Whoever calls has made sure that none was given yet.
    pub async fn begin_series_at(&mut self, series: &Series, first: i64) -> Result<()> {
        self.exec(
            "UPDATE book_series SET first_number = $4, next_number = $4 WHERE agency_id = $1 AND book = $2 AND year = $3",
            values![&series.agency_id, &series.book, series.year, first],
        )
        .await
        .map(drop)
    }

    /// Writes the next line of a locked series. `next_number` is what the counter says after it.
    pub async fn add_line(
        &mut self,
        series: &Series,
        new: &NewLine,
        next_number: i64,
        now: Timestamp,
    ) -> Result<Line> {
        let ended = (new.state != LineState::Reserved).then_some(now);
        let ended_by = if ended.is_some() { new.taken_by.as_str() } else { "" };
        self.exec(
            "INSERT INTO register_line (agency_id, book, year, line_no, number, code, state, on_day, request_key, document_id, \
             identifier, facts, answered_by, reason, taken_at, taken_by, ended_at, ended_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', $13, $14, $15, $16, $17)",
            values![
                &series.agency_id,
                &series.book,
                series.year,
                series.next_line,
                new.number,
                &new.code,
                new.state.as_str(),
                &new.on_day,
                new.request_key.as_deref(),
                new.document_id.as_ref(),
                &new.identifier,
                &new.facts,
                &new.reason,
                now,
                &new.taken_by,
                ended,
                ended_by
            ],
        )
        .await?;
        let moves = new.number.is_some() && new.on_day > series.last_on;
        let last_on = if moves { &new.on_day } else { &series.last_on };
        self.exec(
            "UPDATE book_series SET next_line = $4, next_number = $5, last_on = $6 \
             WHERE agency_id = $1 AND book = $2 AND year = $3",
            values![
                &series.agency_id,
                &series.book,
                series.year,
                series.next_line.saturating_add(1),
                next_number,
                last_on
            ],
        )
        .await?;
        let written = self
            .row(
                select_line!("WHERE l.agency_id = $1 AND l.book = $2 AND l.year = $3 AND l.line_no = $4"),
                values![&series.agency_id, &series.book, series.year, series.next_line],
            )
            .await?;
        written.as_ref().map(line).transpose()?.ok_or_else(|| Error::Internal("a line is gone".to_owned()))
    }

    /// The line a request was answered with.
    pub async fn line_of_request(
        &mut self,
        agency_id: AgencyId,
        book: &str,
        request_key: &str,
    ) -> Result<Option<Line>> {
        let row = self
            .row(
                select_line!("WHERE l.agency_id = $1 AND l.book = $2 AND l.request_key = $3"),
                values![&agency_id, book, request_key],
            )
            .await?;
        row.as_ref().map(line).transpose()
    }

    /// A document's line in a book.
    pub async fn line_of_document(
        &mut self,
        agency_id: AgencyId,
        book: &str,
        document_id: DocumentId,
    ) -> Result<Option<Line>> {
        let row = self
            .row(
                select_line!("WHERE l.agency_id = $1 AND l.book = $2 AND l.document_id = $3"),
                values![&agency_id, book, &document_id],
            )
            .await?;
        row.as_ref().map(line).transpose()
    }

    /// The line of a document by its legal identifier, in a book.
    pub async fn line_of_identifier(
        &mut self,
        agency_id: AgencyId,
        book: &str,
        identifier: &str,
    ) -> Result<Option<Line>> {
        let row = self
            .row(
                select_line!(
                    "WHERE l.agency_id = $1 AND l.identifier = $3 AND l.book = $2 ORDER BY l.line_no LIMIT 1"
                ),
                values![&agency_id, book, identifier],
            )
            .await?;
        row.as_ref().map(line).transpose()
    }

    /// A number's line.
    pub async fn line_of_number(
        &mut self,
        agency_id: AgencyId,
        book: &str,
        year: i64,
        number: i64,
    ) -> Result<Option<Line>> {
        let row = self
            .row(
                select_line!("WHERE l.agency_id = $1 AND l.book = $2 AND l.year = $3 AND l.number = $4"),
                values![&agency_id, book, year, number],
            )
            .await?;
        row.as_ref().map(line).transpose()
    }

    /// Whether a book's year has given any number.
    pub async fn has_numbers(&mut self, agency_id: AgencyId, book: &str, year: i64) -> Result<bool> {
        let row = self
            .row(
                "SELECT 1 FROM register_line WHERE agency_id = $1 AND book = $2 AND year = $3 AND number IS NOT NULL LIMIT 1",
                values![&agency_id, book, year],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Ends a reserved line; [`Error::Refused`] when it has ended already. The row is held, so of two only one does.
    pub async fn end_line(&mut self, at: &Line, end: &LineEnd, now: Timestamp) -> Result<()> {
        let touched = self
            .exec(
                "UPDATE register_line SET state = $5, code = $6, document_id = $7, identifier = $8, facts = $9, \
                 reason = CASE WHEN $10 = '' THEN reason ELSE $10 END, ended_at = $11, ended_by = $12 \
                 WHERE agency_id = $1 AND book = $2 AND year = $3 AND line_no = $4 AND state = 'reserved'",
                values![
                    &at.agency_id,
                    &at.book,
                    at.year,
                    at.line_no,
                    end.state.as_str(),
                    &end.code,
                    end.document_id.as_ref(),
                    &end.identifier,
                    &end.facts,
                    &end.reason,
                    now,
                    &end.ended_by
                ],
            )
            .await?;
        if touched == 0 {
            return Err(Error::Refused("the number is used or void"));
        }
        Ok(())
    }

    /// Writes what a line's columns show; number, document and state stay.
    pub async fn set_line_facts(&mut self, at: &Line, facts: &str) -> Result<()> {
        self.exec(
            "UPDATE register_line SET facts = $5 WHERE agency_id = $1 AND book = $2 AND year = $3 AND line_no = $4",
            values![&at.agency_id, &at.book, at.year, at.line_no, facts],
        )
        .await
        .map(drop)
    }

    /// Notes by which document the document of an identifier was answered, in a book.
    pub async fn set_answered(
        &mut self,
        agency_id: AgencyId,
        book: &str,
        identifier: &str,
        code: &str,
    ) -> Result<()> {
        self.exec(
            "UPDATE register_line SET answered_by = $4 WHERE agency_id = $1 AND identifier = $3 AND book = $2",
            values![&agency_id, book, identifier, code],
        )
        .await
        .map(drop)
    }

    /// Lines of a book in order.
    pub async fn lines(&mut self, filter: &LineFilter) -> Result<Vec<Line>> {
        let rows = self
            .rows(
                select_line!(
                    "WHERE l.agency_id = $1 AND l.book = $2 AND l.year = $3 AND l.line_no > $4 \
                     AND l.on_day >= $5 AND ($6 = '' OR l.on_day <= $6) ORDER BY l.line_no LIMIT $7"
                ),
                values![
                    &filter.agency_id,
                    &filter.book,
                    filter.year,
                    filter.after,
                    &filter.from,
                    &filter.to,
                    filter.limit
                ],
            )
            .await?;
        rows.iter().map(line).collect()
    }

    /// Numbers of a day or earlier that wait for their document, the oldest first.
    pub async fn reserved_until(&mut self, agency_id: AgencyId, day: &str, limit: i64) -> Result<Vec<Line>> {
        let reserved = Sql::from(select_line!(
            "WHERE l.agency_id = $1 AND l.on_day <= $2 AND l.state = 'reserved' ORDER BY l.on_day, l.line_no LIMIT $3"
        ));
        let rows = self.rows(reserved, values![&agency_id, day, limit]).await?;
        rows.iter().map(line).collect()
    }
}
