//! Records of CSV (RFC 4180) that a spreadsheet opens without running anything in them.

/// The mark that makes spreadsheets take a file for UTF-8.
pub const BOM: &str = "\u{FEFF}";

/// Characters that begin a formula in some spreadsheet; wide forms are folded by some.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];

/// One record with its line end.
pub fn record(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(&guarded(cell))).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that would be a formula is turned into text: spreadsheets do not show a leading apostrophe and run nothing after it.
fn guarded(cell: &str) -> String {
    match cell.trim_start_matches([' ', '\n', '\u{A0}']).starts_with(FORMULA) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

fn quoted(cell: &str) -> String {
    let plain = !cell.contains([',', '"', '\r', '\n', ';']) && cell.trim() == cell;
    match plain {
        true => cell.to_owned(),
        false => format!("\"{}\"", cell.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r77_cells_are_quoted_and_run_nothing() {
        let rows = [
            ("Công văn", "Công văn"),
            ("a,b", "\"a,b\""),
            ("\"x\"", "\"\"\"x\"\"\""),
            ("hai\ndòng", "\"hai\ndòng\""),
            (" lề", "\" lề\""),
            ("=1+1", "'=1+1"),
            ("+84", "'+84"),
            ("-5", "'-5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =HYPERLINK(\"x\")", "\"'  =HYPERLINK(\"\"x\"\")\""),
            ("\t=1", "'\t=1"),
            ("＝1", "'＝1"),
            ("05/QĐ-BNV", "05/QĐ-BNV"),
            ("", ""),
        ];
        for (cell, written) in rows {
            assert_eq!(record(&[cell.to_owned()]), format!("{written}\r\n"), "{cell:?}");
        }
        assert_eq!(record(&["a".to_owned(), String::new(), "b".to_owned()]), "a,,b\r\n");
    }
}
