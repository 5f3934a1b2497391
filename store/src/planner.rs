//! What SQLite is told of the sizes of tables, so that it plans for the house that a ten-year-old one is, from the first day on.
//!
//! Without statistics it takes the first column of an index, mostly an account's or an agency's id, for nearly as good as all of them, and
//! goes through a whole mailbox to change one flag. Statistics that it counts itself are those of the day it counts: a plan would change under
//! load, and nobody would have tested it. These are the same everywhere and always (<https://sqlite.org/fileformat2.html#stat1tab>).

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::sql::{Conn, Row, values};

/// Rows of a table.
const ROWS: u64 = 1_000_000;
/// Rows of an index of some of them.
const ROWS_OF_PART: u64 = 1_000;
/// Rows that agree in the first column of an index, in the first two, and so on; in more columns, as the last.
const ALIKE: [u64; 4] = [10_000, 100, 10, 5];

/// Rows of an account that agree in the mailbox: most lie in its inbox.
const IN_ONE_MAILBOX: u64 = 5_000;

/// One row for each column of each index, in their order.
const INDEXES: &str = "SELECT t.name, i.name, i.\"unique\", i.partial, COALESCE(c.name, '') FROM sqlite_schema t \
     JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c \
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'";

/// Tells SQLite; PostgreSQL counts for itself. Part of the migration's transaction.
pub(crate) async fn tell(conn: &mut Conn) -> Result<()> {
    if matches!(conn, Conn::Postgres(_)) {
        return Ok(());
    }
    let mut columns = BTreeMap::<_, Vec<String>>::new();
    for row in conn.rows(INDEXES.into(), &[]).await? {
        let index = (row.text(0)?, row.text(1)?, row.flag(2)?, row.flag(3)?);
        columns.entry(index).or_default().push(row.text(4)?);
    }
    let wanted: BTreeSet<_> = columns
        .into_iter()
        .map(|((table, index, is_unique, is_partial), columns)| {
            (table, index, estimate(&columns, is_unique, is_partial))
        })
        .collect();
    if told(conn).await? == wanted {
        return Ok(());
    }
    // This makes the table where the rows are kept, and counts nothing worth the name.
    conn.exec("ANALYZE migration".into(), &[]).await?;
    conn.exec("DELETE FROM sqlite_stat1".into(), &[]).await?;
    for (table, index, estimate) in &wanted {
        conn.exec(
            "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ($1, $2, $3)".into(),
            values![table.as_str(), index.as_str(), estimate.as_str()],
        )
        .await?;
    }
    // This connection reads them now; others read them with the schema.
    conn.exec("ANALYZE sqlite_schema".into(), &[]).await.map(drop).map_err(Into::into)
}

/// What it was told before. Every command opens the database, also beside a server at work: what is there already is not written again.
async fn told(conn: &mut Conn) -> Result<BTreeSet<(String, String, String)>> {
    let is_there = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'";
    if conn.rows(is_there.into(), &[]).await?.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = conn.rows("SELECT tbl, idx, stat FROM sqlite_stat1".into(), &[]).await?;
    let triple = |row: &Row| Ok((row.text(0)?, row.opt_text(1)?.unwrap_or_default(), row.text(2)?));
    rows.iter().map(triple).collect()
}

/// The words of `sqlite_stat1`: rows of the index, then how many of them agree in the first column, in the first two, and so on.
fn estimate(columns: &[String], is_unique: bool, is_partial: bool) -> String {
    let rows = if is_partial { ROWS_OF_PART } else { ROWS };
    let alike = columns.iter().enumerate().map(|(place, column)| {
        let alike = ALIKE.get(place).or(ALIKE.last()).copied().unwrap_or(1);
        let alike = if place == 1 && column == "mailbox_id" { IN_ONE_MAILBOX } else { alike };
        match is_unique && place + 1 == columns.len() {
            true => 1,
            false => (alike * rows / ROWS).max(2),
        }
    });
    let numbers: Vec<String> = std::iter::once(rows).chain(alike).map(|number| number.to_string()).collect();
    numbers.join(" ")
}

#[cfg(test)]
mod tests {
    use super::estimate;

    #[test]
    fn whoever_names_all_columns_of_a_unique_index_finds_one_row() {
        for (columns, is_unique, is_partial, told) in [
            ("a", true, false, "1000000 1"),
            ("a b", true, false, "1000000 10000 1"),
            ("a b c", false, false, "1000000 10000 100 10"),
            ("a b c d e", true, false, "1000000 10000 100 10 5 1"),
            ("a b", false, true, "1000 10 2"),
            ("account_id mailbox_id uid", true, false, "1000000 10000 5000 1"),
        ] {
            let columns: Vec<String> = columns.split(' ').map(str::to_owned).collect();
            assert_eq!(estimate(&columns, is_unique, is_partial), told);
        }
    }
}
