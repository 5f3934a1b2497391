//! The books of the records office, as NĐ 30/2020 PL IV prints them (RULES R77, R90): outgoing, incoming, follow-up.
//!
//! A line is written in the transaction of the act it records: a number taken, a document accepted from the agency, a
//! document taken in by it. It keeps what the columns show, so a register needs no other owner's rows.

mod csv;
mod entry;
mod incoming;
mod outgoing;
mod stamp;

use mail::AgencyId;
use store::{Line, LineFilter, Store};
use time::Date;

pub use csv::{BOM, record};
pub use entry::{Entry, Patch};
pub(crate) use incoming::heard;
pub use incoming::{Arrival, annotate, register_incoming};
pub(crate) use outgoing::sent;
pub use stamp::stamp;

use crate::calendar::{Written, read_day};
use crate::numbering::{Book, number_text};
use crate::status::State;

/// Lines read at once.
const AT_ONCE: i64 = 500;

/// Which register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Register {
    /// Sổ đăng ký văn bản đi.
    Outgoing,
    /// Sổ đăng ký văn bản đến.
    Incoming,
    /// Sổ theo dõi giải quyết văn bản đến.
    FollowUp,
}

impl Register {
    /// Its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
            Self::FollowUp => "follow-up",
        }
    }

    /// The register of a word.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Outgoing, Self::Incoming, Self::FollowUp].into_iter().find(|this| this.as_str() == word)
    }

    /// The law's columns, in its order (NĐ 30/2020 PL IV).
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Outgoing => &[
                "Số, ký hiệu văn bản",
                "Ngày tháng văn bản",
                "Tên loại và trích yếu nội dung văn bản",
                "Người ký",
                "Nơi nhận văn bản",
                "Đơn vị, người nhận bản lưu",
                "Số lượng bản",
                "Ngày chuyển",
                "Ký nhận",
                "Ghi chú",
            ],
            Self::Incoming => &[
                "Ngày đến",
                "Số đến",
                "Tác giả",
                "Số, ký hiệu văn bản",
                "Ngày tháng văn bản",
                "Tên loại và trích yếu nội dung văn bản",
                "Đơn vị hoặc người nhận",
                "Ngày chuyển",
                "Ký nhận",
                "Ghi chú",
            ],
            Self::FollowUp => &[
                "Số đến",
                "Tên loại, số, ký hiệu, ngày tháng và tên cơ quan, tổ chức ban hành văn bản",
                "Đơn vị hoặc người nhận",
                "Thời hạn giải quyết",
                "Tiến độ giải quyết",
                "Số, ký hiệu văn bản trả lời",
                "Ghi chú",
            ],
        }
    }

    /// The book it is printed from, when none is named.
    pub fn book(self) -> Book {
        match self {
            Self::Outgoing => Book::Outgoing,
            Self::Incoming | Self::FollowUp => Book::Incoming,
        }
    }

    /// A line's cells, as many as there are columns.
    pub fn cells(self, line: &Line) -> Vec<String> {
        let entry = Entry::shown(line);
        match self {
            Self::Outgoing => outgoing_cells(line, entry),
            Self::Incoming => incoming_cells(line, entry),
            Self::FollowUp => follow_up_cells(line, entry),
        }
    }
}

fn outgoing_cells(line: &Line, entry: Entry) -> Vec<String> {
    let number = line.number.map(number_text).unwrap_or_default();
    let date = if entry.date.is_empty() { line.on_day.clone() } else { entry.date.clone() };
    vec![
        if line.code.is_empty() { number } else { line.code.clone() },
        shown_day(&date),
        entry.title(),
        entry.signer,
        entry.receivers,
        entry.keeper,
        entry.copies,
        shown_day(&entry.transferred),
        entry.signed_for,
        note(line, entry.note),
    ]
}

fn incoming_cells(line: &Line, entry: Entry) -> Vec<String> {
    vec![
        shown_day(&line.on_day),
        line.number.map(number_text).unwrap_or_default(),
        entry.author.clone(),
        line.code.clone(),
        shown_day(&entry.date),
        entry.title(),
        entry.handler,
        shown_day(&entry.transferred),
        entry.signed_for,
        note(line, entry.note),
    ]
}

fn follow_up_cells(line: &Line, entry: Entry) -> Vec<String> {
    let document = [entry.kind.clone(), line.code.clone(), shown_day(&entry.date), entry.author.clone()];
    let document: Vec<String> = document.into_iter().filter(|part| !part.is_empty()).collect();
    let progress = match (entry.progress.is_empty(), &line.progress) {
        (true, Some(state)) => State::named(state).map_or("", progress).to_owned(),
        _ => entry.progress,
    };
    vec![
        line.number.map(number_text).unwrap_or_default(),
        document.join("; "),
        entry.handler,
        shown_day(&entry.due),
        progress,
        line.answered_by.clone(),
        note(line, entry.note),
    ]
}

/// A state in the words of the follow-up book.
fn progress(state: State) -> &'static str {
    match state {
        State::Done => "Đã giải quyết",
        State::InWork => "Đang xử lý",
        State::Assigned => "Đã phân công xử lý",
        State::Accepted => "Đã tiếp nhận",
        State::Returned => "Đã trả lại",
        State::Cancelled => "Đã được lấy lại",
        _ => "Đã đến",
    }
}

/// What a reader of the book has to know of the line itself stands before what somebody noted.
fn note(line: &Line, note: String) -> String {
    let own = match line.state {
        store::LineState::Void => format!("Hủy: {}", line.reason),
        store::LineState::Reserved => "Giữ số, chưa phát hành".to_owned(),
        store::LineState::Used if !line.reason.is_empty() => line.reason.clone(),
        store::LineState::Used => String::new(),
    };
    match (own.is_empty(), note.is_empty()) {
        (false, false) => format!("{own}; {note}"),
        _ => format!("{own}{note}"),
    }
}

/// A day as people write it, `22/11/2026`; what is no day, as it is.
fn shown_day(text: &str) -> String {
    let shown = |day: Date| format!("{:02}/{:02}/{:04}", day.day(), u8::from(day.month()), day.year());
    read_day(text).map_or_else(|| text.to_owned(), shown)
}

/// Which lines of a register to print.
#[derive(Clone, Debug)]
pub struct Order {
    /// Whose.
    pub agency_id: AgencyId,
    /// Which register.
    pub register: Register,
    /// From which book.
    pub book: Book,
    /// Of which year.
    pub year: i32,
    /// Only of this day or later.
    pub from: Option<Date>,
    /// Only of this day or earlier.
    pub to: Option<Date>,
}

/// Some lines of a register, as CSV.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records.
    pub text: String,
    /// How many.
    pub lines: usize,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<i64>,
}

/// The first record of a register's CSV, with the mark that makes spreadsheets read UTF-8 if wanted.
pub fn header(register: Register, bom: bool) -> String {
    let columns: Vec<String> = register.columns().iter().map(|column| (*column).to_owned()).collect();
    let mark = if bom { BOM } else { "" };
    format!("{mark}{}", record(&columns))
}

/// Some lines of a register, cell by cell.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The lines, each with its place in the book and as many cells as there are columns.
    pub lines: Vec<(i64, Vec<String>)>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<i64>,
}

/// The next lines of a register, after line `after` (0: from the beginning), so many at most.
///
/// # Errors
/// The store's own.
pub async fn rows(store: &Store, order: &Order, after: i64, limit: i64) -> Result<Rows, store::Error> {
    let day = |day: Option<Date>| day.map(|day| Written(day).to_string()).unwrap_or_default();
    let filter = LineFilter {
        agency_id: order.agency_id,
        book: order.book.to_string(),
        year: i64::from(order.year),
        from: day(order.from),
        to: day(order.to),
        after,
        limit,
    };
    let lines = store.read(filter, |tx, filter| Box::pin(async move { tx.lines(filter).await })).await?;
    let full = i64::try_from(lines.len()).is_ok_and(|count| count == limit);
    Ok(Rows {
        next: lines.last().filter(|_| full).map(|line| line.line_no),
        lines: lines.iter().map(|line| (line.line_no, order.register.cells(line))).collect(),
    })
}

/// The next lines of a register as CSV, after line `after` (0: from the beginning). A register of any length takes the memory
/// of one page.
///
/// # Errors
/// The store's own.
pub async fn page(store: &Store, order: &Order, after: i64) -> Result<Page, store::Error> {
    let rows = rows(store, order, after, AT_ONCE).await?;
    Ok(Page {
        text: rows.lines.iter().map(|(_, cells)| record(cells)).collect(),
        lines: rows.lines.len(),
        next: rows.next,
    })
}
