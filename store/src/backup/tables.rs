//! Which tables there are, asked of the engine: a table that a later migration adds is in the next backup by itself.

use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{Tx, backup::Cell};

/// What is not carried along as rows. `blob` and `blob_bytes` have a way of their own; leases are of a program that runs; the
/// schema is made by the migrations; the search index is made anew from the messages.
fn is_left_out(name: &str) -> bool {
    ["blob", "blob_bytes", "lease", "migration"].contains(&name)
        || name.starts_with("search_")
        || name.starts_with("sqlite_")
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

impl Kind {
    fn read(word: &str) -> Result<Self> {
        match word.to_ascii_lowercase().as_str() {
            "bigint" | "integer" => Ok(Self::Int),
            "text" => Ok(Self::Text),
            "blob" | "bytea" => Ok(Self::Bytes),
            other => Err(Error::Internal(format!("a column of type {other} cannot be backed up"))),
        }
    }

    pub(crate) fn cell(self, row: &Row, index: usize) -> Result<Cell> {
        Ok(match self {
            Self::Int => row.opt_int(index)?.map_or(Cell::Null, Cell::Int),
            Self::Text => row.opt_text(index)?.map_or(Cell::Null, Cell::Text),
            Self::Bytes => row.opt_bytes(index)?.map_or(Cell::Null, Cell::Bytes),
        })
    }
}

/// A table and its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, Kind)>,
    /// Places of the primary key's columns, in the key's order.
    pub(crate) keys: Vec<usize>,
}

impl Table {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of its columns, in order.
    pub fn columns(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The cells of a row that make its key.
    pub fn key_of<'r>(&self, row: &'r [Cell]) -> Vec<&'r Cell> {
        self.keys.iter().filter_map(|place| row.get(*place)).collect()
    }

    pub(crate) fn names(&self, places: impl Iterator<Item = usize>) -> String {
        let names = places.filter_map(|place| self.columns.get(place)).map(|(name, _)| format!("\"{name}\""));
        names.collect::<Vec<_>>().join(", ")
    }
}

const SQLITE_COLUMNS: &str = "SELECT m.name, p.name, p.type, p.pk FROM sqlite_schema m, pragma_table_info(m.name) p \
                              WHERE m.type = 'table' ORDER BY m.name, p.cid";
const POSTGRES_COLUMNS: &str = "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT), CAST(c.data_type AS TEXT), \
     CAST(COALESCE(k.ordinal_position, 0) AS BIGINT) FROM information_schema.columns c \
     JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
     LEFT JOIN (information_schema.table_constraints p JOIN information_schema.key_column_usage k \
     ON k.constraint_schema = p.constraint_schema AND k.constraint_name = p.constraint_name \
     AND k.table_name = p.table_name AND p.constraint_type = 'PRIMARY KEY') \
     ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name \
     WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' \
     ORDER BY CAST(c.table_name AS TEXT) COLLATE \"C\", c.ordinal_position";

/// A column as the catalogue tells it: table, column, type, place in the primary key from 1.
type Told = (String, String, String, i64);

fn gather(told: Vec<Told>) -> Result<Vec<Table>> {
    let mut tables: Vec<Table> = Vec::new();
    let mut keys: Vec<Vec<(i64, usize)>> = Vec::new();
    for (name, column, kind, key) in told.into_iter().filter(|(name, ..)| !is_left_out(name)) {
        if tables.last().is_none_or(|table| table.name != name) {
            tables.push(Table { name, columns: Vec::new(), keys: Vec::new() });
            keys.push(Vec::new());
        }
        let (Some(table), Some(keys)) = (tables.last_mut(), keys.last_mut()) else { continue };
        if key > 0 {
            keys.push((key, table.columns.len()));
        }
        table.columns.push((column, Kind::read(&kind)?));
    }
    for (table, mut keys) in tables.iter_mut().zip(keys) {
        keys.sort_unstable();
        table.keys = keys.into_iter().map(|(_, place)| place).collect();
        if table.keys.is_empty() {
            // Without a key there is no order to read it in.
            return Err(Error::Internal(format!("the table {} has no primary key", table.name)));
        }
    }
    Ok(tables)
}

impl Tx {
    /// Every table whose rows are carried along.
    pub(crate) async fn backed_up_tables(&mut self) -> Result<Vec<Table>> {
        let sql = if self.is_postgres() { POSTGRES_COLUMNS } else { SQLITE_COLUMNS };
        let rows = self.rows(sql, &[]).await?;
        let told = |row: &Row| Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.int(3)?));
        gather(rows.iter().map(told).collect::<Result<_>>()?)
    }

    /// The highest number that each table with numbers of its own has given, also to rows that are gone: it never gives one twice.
    pub(crate) async fn numbers_given(&mut self) -> Result<Vec<(String, i64)>> {
        let sql = match self.is_postgres() {
            true => {
                "SELECT CAST(c.table_name AS TEXT), COALESCE(s.last_value, 0) FROM information_schema.columns c \
                 JOIN pg_sequences s ON s.schemaname = c.table_schema AND format('%I.%I', s.schemaname, s.sequencename) = \
                 pg_get_serial_sequence(format('%I.%I', c.table_schema, c.table_name), c.column_name) \
                 WHERE c.table_schema = current_schema() AND c.is_identity = 'YES' ORDER BY 1"
            }
            false => "SELECT name, seq FROM sqlite_sequence ORDER BY name",
        };
        let rows = self.rows(sql, &[]).await?;
        let given = rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect::<Result<Vec<_>>>()?;
        Ok(given.into_iter().filter(|(name, _)| !is_left_out(name)).collect())
    }

    /// Raises what a table has given to `given`.
    pub(crate) async fn set_number_given(&mut self, table: &Table, given: i64) -> Result<()> {
        if given <= 0 {
            return Ok(());
        }
        if self.is_postgres() {
            let Some(column) = table.keys.first().and_then(|place| table.columns.get(*place)) else {
                return Ok(());
            };
            self.rows(
                "SELECT setval(pg_get_serial_sequence($1, $2), CAST($3 AS BIGINT))",
                values![&table.name, &column.0, given],
            )
            .await?;
            return Ok(());
        }
        let touched = self
            .exec(
                "UPDATE sqlite_sequence SET seq = MAX(seq, $2) WHERE name = $1",
                values![&table.name, given],
            )
            .await?;
        if touched == 0 {
            self.exec("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", values![&table.name, given])
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, column: &str, kind: &str, key: i64) -> Told {
        (name.to_owned(), column.to_owned(), kind.to_owned(), key)
    }

    #[test]
    fn keys_are_in_the_keys_order_and_what_is_derived_stays_out() {
        let tables = gather(vec![
            told("blob", "owner_id", "BLOB", 1),
            told("email", "b", "TEXT", 2),
            told("email", "c", "BIGINT", 0),
            told("email", "a", "BLOB", 1),
            told("search_email", "a", "INTEGER", 1),
        ])
        .unwrap();
        assert_eq!(tables.len(), 1);
        assert_eq!((tables[0].name(), &tables[0].keys), ("email", &vec![2, 0]));
        assert!(gather(vec![told("x", "a", "BIGINT", 0)]).is_err(), "no key, no order");
        assert!(gather(vec![told("x", "a", "REAL", 1)]).is_err(), "a kind that no row can hold");
    }
}
