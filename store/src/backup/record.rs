//! A row as bytes, the same for both engines: each cell a tag, a length where it has one, and what it holds.

use crate::error::{Error, Result};
use crate::sql::Value;

/// Bytes of one cell. The largest are the facts and texts of a message.
const CELL_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Cells of one row.
const CELLS_MAX: usize = 256;

const NULL: u8 = 0;
const INT: u8 = 1;
const TEXT: u8 = 2;
const BYTES: u8 = 3;

/// What stands in a column. The schema knows no other kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number, a moment, a flag.
    Int(i64),
    /// A text.
    Text(String),
    /// An id, a digest, a sealed secret.
    Bytes(Vec<u8>),
}

impl Cell {
    /// The number, if it is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes, if it is some.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) => Some(value),
            _ => None,
        }
    }

    /// Bytes it takes in memory, roughly.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 8,
            Self::Text(value) => value.len(),
            Self::Bytes(value) => value.len(),
        }
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            // Whoever binds it knows the column and says what kind of nothing it is.
            Self::Null => Value::Int(None),
            Self::Int(value) => Value::from(*value),
            Self::Text(value) => Value::from(value),
            Self::Bytes(value) => Value::from(value),
        }
    }
}

/// Appends a row.
pub fn write(cells: &[Cell], out: &mut Vec<u8>) {
    out.extend_from_slice(&length(cells.len()).to_be_bytes());
    for cell in cells {
        match cell {
            Cell::Null => out.push(NULL),
            Cell::Int(value) => {
                out.push(INT);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Cell::Text(value) => write_long(TEXT, value.as_bytes(), out),
            Cell::Bytes(value) => write_long(BYTES, value, out),
        }
    }
}

fn length(value: usize) -> u32 {
    // No engine keeps a cell of 4 GiB; one would be refused when it is read.
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn write_long(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&length(bytes.len()).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Result<&'b [u8]> {
    let (head, rest) = bytes.split_at_checked(count).ok_or(Error::Damaged("a row that is cut off"))?;
    *bytes = rest;
    Ok(head)
}

fn read_length(bytes: &mut &[u8]) -> Result<usize> {
    let head = take(bytes, 4)?.try_into().map_err(|_| Error::Damaged("a length"))?;
    usize::try_from(u32::from_be_bytes(head)).map_err(|_| Error::Damaged("a length"))
}

/// Takes the next row off the bytes; `None` at their end.
///
/// # Errors
/// [`Error::Damaged`] for what [`write`] does not write.
pub fn read(bytes: &mut &[u8]) -> Result<Option<Vec<Cell>>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let count = read_length(bytes)?;
    if count > CELLS_MAX {
        return Err(Error::Damaged("a row of too many cells"));
    }
    let mut cells = Vec::with_capacity(count);
    for _ in 0..count {
        cells.push(read_cell(bytes)?);
    }
    Ok(Some(cells))
}

fn read_cell(bytes: &mut &[u8]) -> Result<Cell> {
    let tag = take(bytes, 1)?.first().copied();
    match tag {
        Some(NULL) => Ok(Cell::Null),
        Some(INT) => {
            let value = take(bytes, 8)?.try_into().map_err(|_| Error::Damaged("a number"))?;
            Ok(Cell::Int(i64::from_be_bytes(value)))
        }
        Some(TEXT) => {
            let text = String::from_utf8(read_long(bytes)?.to_vec());
            text.map(Cell::Text).map_err(|_| Error::Damaged("a text that is not UTF-8"))
        }
        Some(BYTES) => Ok(Cell::Bytes(read_long(bytes)?.to_vec())),
        _ => Err(Error::Damaged("a cell of unknown kind")),
    }
}

fn read_long<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8]> {
    let count = read_length(bytes)?;
    if count > CELL_BYTES_MAX {
        return Err(Error::Damaged("a cell that is too long"));
    }
    take(bytes, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells() -> impl Strategy<Value = Vec<Cell>> {
        let cell = prop_oneof![
            Just(Cell::Null),
            any::<i64>().prop_map(Cell::Int),
            ".{0,40}".prop_map(Cell::Text),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Cell::Bytes),
        ];
        proptest::collection::vec(cell, 0..12)
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in proptest::collection::vec(cells(), 0..8)) {
            let mut bytes = Vec::new();
            rows.iter().for_each(|row| write(row, &mut bytes));
            let mut rest = bytes.as_slice();
            for row in &rows {
                let again = read(&mut rest).unwrap();
                prop_assert_eq!(again.as_ref(), Some(row));
            }
            prop_assert!(read(&mut rest).unwrap().is_none());
            // Nothing that is cut off reads as something whole, except between two rows.
            if let Some(last) = rows.last() {
                let mut start = bytes.len();
                let mut one = Vec::new();
                write(last, &mut one);
                start -= one.len();
                for cut in 1..one.len() {
                    let mut rest = &bytes[start..start + cut];
                    prop_assert!(read(&mut rest).is_err());
                }
            }
        }

        #[test]
        fn hostile_bytes_are_refused_or_read_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut rest = bytes.as_slice();
            while let Ok(Some(_)) = read(&mut rest) {}
        }
    }
}
