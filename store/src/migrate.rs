//! The schema and its numbered, forward-only changes.

use std::collections::HashSet;

use mail::Timestamp;

use crate::error::{Error, Result};
use crate::sql::{Conn, values};

/// Every change to the schema: number, a word, the statements.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "house", include_str!("../migrations/0001_house.sql")),
    (2, "files", include_str!("../migrations/0002_files.sql")),
    (3, "signers", include_str!("../migrations/0003_signers.sql")),
    (4, "receivers", include_str!("../migrations/0004_receivers.sql")),
    (5, "agencies", include_str!("../migrations/0005_agencies.sql")),
    (6, "numbers", include_str!("../migrations/0006_numbers.sql")),
    (7, "lifecycle", include_str!("../migrations/0007_lifecycle.sql")),
    (8, "api", include_str!("../migrations/0008_api.sql")),
    (9, "ledger", include_str!("../migrations/0009_ledger.sql")),
    (10, "peers", include_str!("../migrations/0010_peers.sql")),
    (11, "dkim", include_str!("../migrations/0011_dkim.sql")),
    (12, "tls", include_str!("../migrations/0012_tls.sql")),
    (13, "queue", include_str!("../migrations/0013_queue.sql")),
    (14, "policy", include_str!("../migrations/0014_policy.sql")),
    (15, "quarantine", include_str!("../migrations/0015_quarantine.sql")),
    (16, "lists", include_str!("../migrations/0016_lists.sql")),
    (17, "trace", include_str!("../migrations/0017_trace.sql")),
    (18, "sign in and sending", include_str!("../migrations/0018_sign_in_and_sending.sql")),
    (19, "delegates", include_str!("../migrations/0019_delegates.sql")),
    (20, "pauses", include_str!("../migrations/0020_pauses.sql")),
    (21, "views", include_str!("../migrations/0021_views.sql")),
    (22, "search", include_str!("../migrations/0022_search.sql")),
    (23, "jmap", include_str!("../migrations/0023_jmap.sql")),
    (24, "push", include_str!("../migrations/0024_push.sql")),
    (25, "imports", include_str!("../migrations/0025_imports.sql")),
    (27, "mailboxes", include_str!("../migrations/0027_mailboxes.sql")),
    (28, "packages", include_str!("../migrations/0028_packages.sql")),
    (29, "statistics", include_str!("../migrations/0029_statistics.sql")),
    (30, "office", include_str!("../migrations/0030_office.sql")),
    (32, "carriers", include_str!("../migrations/0032_carriers.sql")),
    (33, "addresses", include_str!("../migrations/0033_addresses.sql")),
    (34, "set_aside", include_str!("../migrations/0034_set_aside.sql")),
];

/// The engine's words for what the migration files leave open.
struct Dialect {
    bytes: &'static str,
    keyless: &'static str,
    serial_key: &'static str,
    bytewise: &'static str,
    on_sqlite: &'static str,
    on_postgres: &'static str,
}

/// `WITHOUT ROWID` keeps a table of short rows in its primary key alone. Texts that are looked up by how they begin are in
/// byte order, whatever the order of the database is.
const SQLITE: Dialect = Dialect {
    bytes: "BLOB",
    keyless: "WITHOUT ROWID",
    serial_key: "INTEGER PRIMARY KEY AUTOINCREMENT",
    bytewise: "COLLATE BINARY",
    on_sqlite: "",
    on_postgres: "--",
};
const POSTGRES: Dialect = Dialect {
    bytes: "BYTEA",
    keyless: "",
    serial_key: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    bytewise: "COLLATE \"C\"",
    on_sqlite: "--",
    on_postgres: "",
};

impl Dialect {
    fn put_in(&self, script: &str) -> String {
        // Only in statements: the words stand in the files' comments too.
        let statements: Vec<String> = script
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .map(|line| {
                line.replace("BYTES", self.bytes)
                    .replace("KEYLESS", self.keyless)
                    .replace("SERIAL_KEY", self.serial_key)
                    .replace("BYTEWISE", self.bytewise)
                    // A line of one engine alone.
                    .replace("ON_SQLITE", self.on_sqlite)
                    .replace("ON_POSTGRES", self.on_postgres)
            })
            .collect();
        statements.join("\n")
    }
}

/// Brings the schema up to date. A database that a newer program has changed is refused, not guessed at.
///
/// # Errors
/// [`Error::Refused`] for a newer schema, [`Error::Unavailable`] when the database does not answer.
pub(crate) async fn migrate(conn: &mut Conn, now: Timestamp) -> Result<()> {
    migrate_to(conn, newest(), now).await
}

/// The same, as far as migration `upto`: what was kept under an older schema is loaded into that.
///
/// # Errors
/// As [`migrate`].
pub(crate) async fn migrate_to(conn: &mut Conn, upto: i64, now: Timestamp) -> Result<()> {
    let dialect = if matches!(conn, Conn::Postgres(_)) { POSTGRES } else { SQLITE };
    let begin = if matches!(conn, Conn::Postgres(_)) { "BEGIN" } else { "BEGIN IMMEDIATE" };
    conn.exec(begin.into(), &[]).await?;
    let outcome = run(conn, &dialect, upto, now).await;
    let end = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = conn.exec(end.into(), &[]).await.map(drop).map_err(Error::from);
    outcome.and(ended)
}

/// The number of the newest migration.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(number, _, _)| *number)
}

/// A database of SQLite as the migrations leave it.
#[cfg(test)]
pub(crate) async fn in_memory() -> rusqlite::Connection {
    let mut conn = Conn::Sqlite(rusqlite::Connection::open_in_memory().unwrap());
    migrate(&mut conn, Timestamp::from_secs(0)).await.unwrap();
    let Conn::Sqlite(conn) = conn else { unreachable!() };
    conn
}

async fn run(conn: &mut Conn, dialect: &Dialect, upto: i64, now: Timestamp) -> Result<()> {
    if matches!(conn, Conn::Postgres(_)) {
        // Several nodes may start at once; one of them migrates. The number is ours alone ("congvan" in ASCII, cut).
        conn.rows("SELECT 1 FROM pg_advisory_xact_lock(425017631)".into(), &[]).await?;
    }
    conn.exec(
        "CREATE TABLE IF NOT EXISTS migration (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, \
         applied_at BIGINT NOT NULL)"
            .into(),
        &[],
    )
    .await?;
    let rows = conn.rows("SELECT number FROM migration".into(), &[]).await?;
    let have = rows.iter().map(|row| row.int(0)).collect::<Result<HashSet<i64>>>()?;
    if have.iter().any(|number| *number > newest()) {
        return Err(Error::Refused("the database belongs to a newer version of congvan"));
    }
    for (number, name, script) in
        MIGRATIONS.iter().filter(|(number, _, _)| !have.contains(number) && *number <= upto)
    {
        conn.script(dialect.put_in(script)).await?;
        conn.exec(
            "INSERT INTO migration (number, name, applied_at) VALUES ($1, $2, $3)".into(),
            values![*number, *name, now],
        )
        .await?;
        tracing::info!(number, name, "brought the schema up to migration {number} ({name})");
    }
    crate::planner::tell(conn).await
}
