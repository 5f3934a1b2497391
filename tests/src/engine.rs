//! The database a story's program keeps its rows in.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// SQLite in the data directory, or a database of its own in the PostgreSQL of `scripts/with-postgres`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded.
    Sqlite,
    /// `CONGVAN_TEST_POSTGRES` says where.
    Postgres,
}

impl Engine {
    /// What goes into `house.database`.
    ///
    /// # Panics
    /// When PostgreSQL is asked for and `CONGVAN_TEST_POSTGRES` is not set.
    pub fn database(self) -> String {
        match self {
            Self::Sqlite => "sqlite".to_owned(),
            Self::Postgres => new_database(),
        }
    }
}

impl Engine {
    /// The process of the database server, when there is one.
    pub fn server_pid(self) -> Option<u32> {
        if self == Self::Sqlite {
            return None;
        }
        let base = std::env::var("CONGVAN_TEST_POSTGRES").ok()?;
        let ask = "SELECT pg_read_file('postmaster.pid')";
        let told = Command::new("psql").args([&base, "-Atqc", ask]).output().ok()?;
        String::from_utf8_lossy(&told.stdout).lines().next()?.trim().parse().ok()
    }
}

fn new_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let base = std::env::var("CONGVAN_TEST_POSTGRES").expect(
        "CONGVAN_TEST_POSTGRES is not set: run the tests through scripts/with-postgres (make test does)",
    );
    // Numbers of processes come again in a long run.
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    let name = format!("told_{now}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let created = Command::new("psql").args([&base, "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(created.is_ok_and(|status| status.success()), "cannot create {name}");
    base.replacen("/postgres?", &format!("/{name}?"), 1)
}
