//! From the bytes of a people list to its cells: encoding, separator, header, line numbers.
//!
//! The lists come out of Excel, personnel systems and old hands. What is certain is taken (UTF-8, UTF-16 with its mark);
//! what would have to be guessed is refused with a sentence on how to save the file, because a guess that is wrong puts
//! garbled names on a thousand mailboxes.

use csv::{ReaderBuilder, StringRecord};

use crate::Limits;
use crate::import::FileFault;
use crate::words::quoted;

/// Bytes of one cell, at most. An unclosed quotation mark swallows the rest of the file into one cell.
pub(crate) const CELL_BYTES_MAX: usize = 1_600;

/// A list, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its lines after the header, without blank ones.
    pub lines: Vec<Line>,
    /// Header names nothing is done with.
    pub ignored_columns: Vec<String>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, the first being 1.
    pub number: u64,
    /// What stands in it.
    pub cells: Result<Cells, LineFault>,
}

/// What stands in a line, as it was written but for blanks at the ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// Full name.
    pub name: String,
    /// Address, or empty.
    pub address: String,
    /// Unit, by code or name, or empty.
    pub unit: String,
    /// Office held, or empty.
    pub position: String,
    /// Role in a word, or empty.
    pub role: String,
}

/// What keeps a line from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// A cell is too long: perhaps a quotation mark that is never closed.
    TooLong,
    /// More cells than the header has: perhaps a separator inside a name.
    ExtraCells,
    /// Separators and blanks only.
    Empty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Surname,
    Given,
    Address,
    Unit,
    Position,
    Role,
}

/// A header name, folded, with everything but letters and digits taken out.
#[rustfmt::skip]
fn column(header: &str) -> Option<Column> {
    let folded: String = mail::text::fold(header).chars().filter(|c| c.is_alphanumeric()).collect();
    Some(match folded.as_str() {
        "hoten" | "hovaten" | "tendaydu" | "tenhienthi" | "fullname" | "name" | "displayname" => Column::Name,
        "ho" | "hodem" | "hovadem" | "hovatendem" | "holot" | "hovachulot" | "surname" | "lastname" => Column::Surname,
        "ten" | "givenname" | "firstname" => Column::Given,
        "diachi" | "diachithu" | "diachiemail" | "email" | "thudientu" | "thucongvu" | "mail" | "address"
            | "emailaddress" => Column::Address,
        "donvi" | "madonvi" | "tendonvi" | "phongban" | "phong" | "unit" | "unitcode" | "department" => Column::Unit,
        "chucvu" | "chucdanh" | "position" | "title" | "jobtitle" => Column::Position,
        "vaitro" | "role" => Column::Role,
        _ => return None,
    })
}

/// Reads a list. Takes any bytes; this is what the fuzzer calls.
///
/// # Errors
/// [`FileFault`], the caller's, when no line of it can be used.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Table, FileFault> {
    if bytes.len() > limits.import_bytes_max {
        return Err(FileFault::TooLarge { bytes_max: limits.import_bytes_max });
    }
    let text = decode(bytes)?;
    let (said, text, skipped) = said_separator(&text);
    let header = header(said, text, limits.columns_max).ok_or(FileFault::Empty)?;
    if header.names.len() > limits.columns_max {
        return Err(FileFault::TooManyColumns { columns_max: limits.columns_max });
    }
    let (columns, ignored_columns) = columns(&header.names)?;
    let mut reader = reader(header.separator, text);
    let mut record = StringRecord::new();
    let mut lines = Vec::new();
    // The header once more.
    let _ = reader.read_record(&mut record);
    // The text is in memory and is UTF-8: the reader has nothing to fail on.
    while reader.read_record(&mut record).unwrap_or(false) {
        if lines.len() >= limits.rows_max {
            return Err(FileFault::TooManyRows { rows_max: limits.rows_max });
        }
        lines.push(Line { number: skipped + line_number(&record, text), cells: cells(&record, &columns) });
    }
    if lines.is_empty() { Err(FileFault::Empty) } else { Ok(Table { lines, ignored_columns }) }
}

/// The text of the file, if its encoding is certain.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, FileFault> {
    let utf16 = |encoding: &'static encoding_rs::Encoding, bytes: &[u8]| {
        let (text, broken) = encoding.decode_without_bom_handling(bytes);
        if broken { Err(FileFault::Encoding { line: 1 }) } else { Ok(text.into_owned()) }
    };
    let text = match bytes {
        [] => return Err(FileFault::Empty),
        [b'P', b'K', 3, 4, ..] | [0xD0, 0xCF, 0x11, 0xE0, ..] => return Err(FileFault::Workbook),
        [0xFF, 0xFE, rest @ ..] => utf16(encoding_rs::UTF_16LE, rest)?,
        [0xFE, 0xFF, rest @ ..] => utf16(encoding_rs::UTF_16BE, rest)?,
        _ => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            let valid = std::str::from_utf8(bytes).map_err(|error| {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                FileFault::Encoding { line: 1 + newlines(good) }
            })?;
            valid.to_owned()
        }
    };
    // UTF-16 without its mark, UTF-32, or no text at all.
    match text.find('\0') {
        Some(at) => {
            Err(FileFault::Encoding { line: 1 + newlines(text.as_bytes().get(..at).unwrap_or_default()) })
        }
        None => Ok(text),
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// Excel's first line `sep=;`: the separator, the rest, and the lines taken off.
pub(crate) fn said_separator(text: &str) -> (Option<u8>, &str, u64) {
    if let Some((first, rest)) = text.split_once('\n')
        && let [s, e, p, b'=', separator] = first.trim_end_matches('\r').as_bytes()
        && [*s, *e, *p].eq_ignore_ascii_case(b"sep")
        && matches!(separator, b',' | b';' | b'\t')
    {
        return (Some(*separator), rest, 1);
    }
    (None, text, 0)
}

pub(crate) fn reader(separator: u8, text: &str) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
}

struct Header {
    separator: u8,
    names: Vec<String>,
}

/// The first line with anything in it, under the separator that makes the most sense of it.
fn header(said: Option<u8>, text: &str, columns_max: usize) -> Option<Header> {
    let candidates = [b',', b';', b'\t'];
    let read = |separator: u8| {
        let mut record = StringRecord::new();
        let any = reader(separator, text).read_record(&mut record).unwrap_or(false);
        let names: Vec<String> =
            record.iter().take(columns_max + 1).map(|name| quoted(&mail::text::nfc(name))).collect();
        any.then_some(Header { separator, names })
    };
    candidates
        .into_iter()
        .filter(|separator| said.is_none_or(|said| said == *separator))
        .filter_map(read)
        // The first of the best: `max_by_key` would take the last.
        .rev()
        .max_by_key(|header| {
            (header.names.iter().filter(|name| column(name).is_some()).count(), header.names.len())
        })
}

/// What each column is, and the names nothing is done with.
fn columns(names: &[String]) -> Result<(Vec<Option<Column>>, Vec<String>), FileFault> {
    let mut columns: Vec<Option<Column>> = Vec::with_capacity(names.len());
    let mut ignored = Vec::new();
    for name in names {
        let found = column(name);
        if found.is_some() && columns.contains(&found) {
            return Err(FileFault::ColumnTwice(name.clone()));
        }
        if found.is_none() && !name.is_empty() {
            ignored.push(name.clone());
        }
        columns.push(found);
    }
    let has = |column| columns.contains(&Some(column));
    match has(Column::Name) || has(Column::Given) {
        true => Ok((columns, ignored)),
        false => Err(FileFault::NoNameColumn(quoted(&names.join(", ")))),
    }
}

/// The number of the line a record begins on. The reader counts blank lines before a record as part of it.
pub(crate) fn line_number(record: &StringRecord, text: &str) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let blank = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).filter(|b| **b == b'\n').count();
    position.line() + blank as u64
}

fn cells(record: &StringRecord, columns: &[Option<Column>]) -> Result<Cells, LineFault> {
    if record.iter().all(|cell| cell.trim().is_empty()) {
        return Err(LineFault::Empty);
    }
    if record.iter().any(|cell| cell.len() > CELL_BYTES_MAX) {
        return Err(LineFault::TooLong);
    }
    if record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
        return Err(LineFault::ExtraCells);
    }
    let mut cells = Cells::default();
    let (mut surname, mut given) = ("", "");
    for (cell, column) in record.iter().zip(columns) {
        match column {
            Some(Column::Name) => cells.name = cell.to_owned(),
            Some(Column::Surname) => surname = cell,
            Some(Column::Given) => given = cell,
            Some(Column::Address) => cells.address = cell.to_owned(),
            Some(Column::Unit) => cells.unit = cell.to_owned(),
            Some(Column::Position) => cells.position = cell.to_owned(),
            Some(Column::Role) => cells.role = cell.to_owned(),
            None => {}
        }
    }
    if cells.name.is_empty() {
        cells.name = format!("{surname} {given}").trim().to_owned();
    }
    Ok(cells)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
