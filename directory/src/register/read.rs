//! From the bytes of a register's export to its rows: a table with a header, or the JSON answer of another exchange's
//! `getAgenciesList`, `getAgenciesListQD20` or `getSynchronizeUnit` (VXP 3.2–3.4).

use csv::StringRecord;
use serde::Deserialize;

use super::Limits;
use crate::import::FileFault;
use crate::import::{decode, line_number, reader, said_separator};
use crate::words::quoted;

/// Bytes of one cell, at most.
const CELL_BYTES_MAX: usize = 4_000;

/// A row as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRow {
    /// Its line in a table, its place from 1 in a list.
    pub line: u64,
    /// Its code.
    pub code: String,
    /// Its QCVN 102 code, or empty.
    pub code102: String,
    /// An older code, or empty.
    pub old_code: String,
    /// Its name.
    pub name: String,
    /// The code of its superior, or empty.
    pub parent: String,
    /// Its public address, or empty.
    pub mail: String,
    /// From when, or empty.
    pub valid_from: String,
    /// Until when, or empty.
    pub valid_to: String,
    /// The codes of those that follow it, or empty.
    pub successor: String,
    /// The decision that says so, or empty.
    pub decision: String,
    /// Its id where it comes from, or empty.
    pub id: String,
    /// The id of its superior there, or empty.
    pub pid: String,
    /// Withdrawn there.
    pub is_deleted: bool,
    /// A cell is too long.
    pub is_too_long: bool,
}

/// What a file was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A table.
    Table,
    /// A list of an exchange.
    List,
}

/// The columns of a table, by header names folded to letters and digits.
#[rustfmt::skip]
fn cell<'r>(row: &'r mut ReadRow, header: &str) -> Option<&'r mut String> {
    let folded: String = mail::text::fold(header).chars().filter(|c| c.is_alphanumeric()).collect();
    Some(match folded.as_str() {
        "code" | "ma" | "madinhdanh" | "maqd20" | "codeqd20" => &mut row.code,
        "code102" | "ma102" | "maqcvn102" => &mut row.code102,
        "oldcode" | "macu" => &mut row.old_code,
        "name" | "ten" | "tencoquan" | "tendonvi" | "tencoquandonvi" => &mut row.name,
        "parent" | "pcode" | "parentcode" | "macaptren" | "macoquancaptren" | "coquancaptren" => &mut row.parent,
        "mail" | "email" | "domain" | "diachithu" | "thudientu" | "tenmien" => &mut row.mail,
        "validfrom" | "tungay" | "ngayhieuluc" | "hieuluctu" => &mut row.valid_from,
        "validto" | "denngay" | "ngayhethieuluc" | "hieulucden" => &mut row.valid_to,
        "successor" | "successors" | "makethua" | "coquankethua" => &mut row.successor,
        "decision" | "quyetdinh" | "soquyetdinh" => &mut row.decision,
        _ => return None,
    })
}

/// Reads an export. Takes any bytes.
///
/// # Errors
/// [`FileFault`], the caller's, when nothing of it can be used.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<(Source, Vec<ReadRow>), FileFault> {
    if bytes.len() > limits.bytes_max {
        return Err(FileFault::TooLarge { bytes_max: limits.bytes_max });
    }
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace() && !matches!(b, 0xEF | 0xBB | 0xBF));
    let (source, rows) = match first {
        Some(b'{' | b'[') => (Source::List, list(bytes)?),
        _ => (Source::Table, table(bytes, limits)?),
    };
    match rows.len() {
        0 => Err(FileFault::Empty),
        many if many > limits.rows_max => Err(FileFault::TooManyRows { rows_max: limits.rows_max }),
        _ => Ok((source, rows)),
    }
}

fn table(bytes: &[u8], limits: &Limits) -> Result<Vec<ReadRow>, FileFault> {
    let text = decode(bytes)?;
    let (said, text, skipped) = said_separator(&text);
    // The separator under which most of the header makes sense.
    let candidates = [b',', b';', b'\t'].into_iter().filter(|s| said.is_none_or(|said| said == *s)).rev();
    let header = |separator: u8| {
        let mut record = StringRecord::new();
        let any = reader(separator, text).read_record(&mut record).unwrap_or(false);
        any.then(|| record.iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let known = |names: &Vec<String>| {
        names.iter().filter(|name| cell(&mut ReadRow::default(), name).is_some()).count()
    };
    let found =
        candidates.filter_map(|s| header(s).map(|names| (s, names))).max_by_key(|(_, names)| known(names));
    let (separator, names) = found.ok_or(FileFault::Empty)?;
    if names.len() > limits.columns_max {
        return Err(FileFault::TooManyColumns { columns_max: limits.columns_max });
    }
    // What cells the header names.
    let mut named = ReadRow::default();
    for name in &names {
        if let Some(cell) = cell(&mut named, name) {
            cell.push('x');
        }
    }
    if named.code.is_empty() || named.name.is_empty() {
        return Err(FileFault::NoCodeColumn(quoted(&names.join(", "))));
    }
    let mut reader = reader(separator, text);
    let mut record = StringRecord::new();
    let mut rows = Vec::new();
    let _ = reader.read_record(&mut record);
    while reader.read_record(&mut record).unwrap_or(false) {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if rows.len() >= limits.rows_max {
            return Err(FileFault::TooManyRows { rows_max: limits.rows_max });
        }
        let line = skipped + line_number(&record, text);
        let mut row = ReadRow { line, ..ReadRow::default() };
        row.is_too_long = record.iter().any(|cell| cell.len() > CELL_BYTES_MAX);
        for (text, name) in record.iter().zip(&names) {
            if let Some(cell) = cell(&mut row, name).filter(|_| text.len() <= CELL_BYTES_MAX) {
                text.trim().clone_into(cell);
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// An item of a list of an exchange. Members that are missing or `null` are empty.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Item {
    id: Option<serde_json::Value>,
    pid: Option<serde_json::Value>,
    code: Option<String>,
    name: Option<String>,
    mail: Option<String>,
    old_code: Option<String>,
    code102: Option<String>,
    deleted: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Answer { data: Vec<Item> },
    Items(Vec<Item>),
}

fn list(bytes: &[u8]) -> Result<Vec<ReadRow>, FileFault> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let answer: Answer = serde_json::from_slice(bytes).map_err(|_| FileFault::NotAList)?;
    let (Answer::Answer { data: items } | Answer::Items(items)) = answer;
    let id = |value: Option<serde_json::Value>| match value {
        Some(serde_json::Value::String(text)) => text,
        Some(serde_json::Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let rows = items.into_iter().zip(1u64..).map(|(item, line)| ReadRow {
        line,
        code: item.code.unwrap_or_default().trim().to_owned(),
        code102: item.code102.unwrap_or_default().trim().to_owned(),
        old_code: item.old_code.unwrap_or_default().trim().to_owned(),
        name: item.name.unwrap_or_default().trim().to_owned(),
        mail: item.mail.unwrap_or_default().trim().to_owned(),
        id: id(item.id),
        pid: id(item.pid),
        is_deleted: item.deleted.unwrap_or_default(),
        ..ReadRow::default()
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<ReadRow> {
        read(text.as_bytes(), &Limits::default()).unwrap().1
    }

    #[test]
    fn a_table_is_read_by_its_header_in_either_language() {
        let expected = ReadRow {
            line: 2,
            code: "H37.02".into(),
            code102: "000.00.02.H37".into(),
            name: "Sở Y tế".into(),
            valid_from: "2025-07-01".into(),
            decision: "12/QĐ-UBND".into(),
            ..ReadRow::default()
        };
        for text in [
            "code,code102,name,valid_from,decision\nH37.02,000.00.02.H37,Sở Y tế,2025-07-01,12/QĐ-UBND\n",
            "\u{feff}Mã;Mã 102;Tên cơ quan;Từ ngày;Số quyết định;Ghi chú\r\nH37.02;000.00.02.H37; Sở Y tế ;2025-07-01;12/QĐ-UBND;x\r\n",
        ] {
            assert_eq!(rows(text), [expected.clone()], "{text}");
        }
    }

    #[test]
    fn lists_of_an_exchange_are_read() {
        let text = r#"{"status":"OK","ErrorCode":"0","ErrorDesc":"","data":[
            {"id":"1","code":"H37","name":"T\u1ec9nh","mail":null,"oldCode":"000.00.00.H37"},
            {"id":2,"pid":"1","code":"H37.02","name":"Sở","code102":"000.00.02.H37","deleted":true}]}"#;
        let found = rows(text);
        assert_eq!(
            (found[0].name.as_str(), found[0].old_code.as_str(), found[0].id.as_str()),
            ("Tỉnh", "000.00.00.H37", "1")
        );
        assert_eq!(
            (found[1].pid.as_str(), found[1].id.as_str(), found[1].is_deleted, found[1].line),
            ("1", "2", true, 2)
        );
    }

    #[test]
    fn what_is_no_register_is_refused() {
        let small = Limits { bytes_max: 200, rows_max: 2, ..Limits::default() };
        let long = "x".repeat(201);
        for text in [
            "",
            "a,b\n1,2\n",
            "code\nH37\n",
            "{\"data\":3}",
            "[1,2]",
            "code,name\n",
            long.as_str(),
            "code,name\na,a\nb,b\nc,c\n",
        ] {
            assert!(read(text.as_bytes(), &small).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = read(&bytes, &Limits::default());
        }
    }
}
