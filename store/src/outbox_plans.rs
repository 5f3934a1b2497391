//! How the engines find what is due: from the beginning of an index, whatever is queued (RULES R21).

use sqlx::{Connection as _, Row as _};

use super::{CLAIM, FREE_LEASES, NEXT_DUE};
use crate::outbox_places::{CLAIM_PAST, CLAIM_PLACE, PLACES};
use crate::sql::Sql;

const QUEUED: i64 = 20_000;

/// The statements, with their parameters put in as literals: a plan is made for values.
fn statements(is_postgres: bool) -> [String; 6] {
    let with = |sql: Sql, literals: &[&str]| {
        let text = if is_postgres { sql.postgres } else { sql.sqlite };
        let put = |sql: String, (n, value): (usize, &&str)| sql.replace(&format!("${}", n + 1), value);
        literals.iter().enumerate().fold(text.to_owned(), put)
    };
    [
        with(CLAIM, &["9", "'h'", "'mail'", "0", "5", "16"]),
        with(CLAIM_PLACE, &["9", "'h'", "'d7'", "0", "5", "16"]),
        with(CLAIM_PAST, &["9", "'h'", "'mail'", "0", "5", "16", "'[\"d7\"]'", "512"]),
        with(PLACES, &["'d2'", "256", "'[\"d7\"]'", "0", "5"]),
        with(NEXT_DUE.into(), &["'mail'", "0"]),
        FREE_LEASES.to_owned(),
    ]
}

/// The table as the migrations leave it.
fn tables() -> Vec<String> {
    let house = include_str!("../migrations/0001_house.sql").replace("BYTES", "BYTEA");
    let start = house.find("CREATE TABLE outbox (").expect("the table");
    let table = house[start..].split(");").next().expect("its end");
    let peers = include_str!("../migrations/0010_peers.sql");
    let queue = include_str!("../migrations/0013_queue.sql");
    let carriers = include_str!("../migrations/0032_carriers.sql");
    let indexes = [peers, queue, carriers].into_iter().flat_map(str::lines);
    let indexes = indexes.filter(|line| line.starts_with("CREATE INDEX outbox_"));
    let mut all = vec![format!("{table})")];
    all.extend(indexes.map(str::to_owned));
    let pauses = include_str!("../migrations/0020_pauses.sql");
    let start = pauses.find("CREATE TABLE outbox_pause (").expect("the pauses");
    let pauses = pauses[start..].split(");").next().expect("their end");
    all.push(format!("{pauses})"));
    all
}

/// Rows that are not due yet.
fn filling(id: &str, series: &str) -> String {
    format!(
        "INSERT INTO outbox SELECT {id}, 'mail', {id}, n % 2, 'd' || n % 100, '{{}}', NULL, 10 + n, 0, '', 0, n, '', 0 FROM {series}"
    )
}

#[tokio::test]
async fn r21_sqlite_walks_an_index_from_its_beginning() {
    let conn = crate::migrate::in_memory().await;
    let series = format!(
        "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {QUEUED}) SELECT n FROM s)"
    );
    conn.execute_batch(&filling("CAST(n AS BLOB)", &series)).unwrap();
    for sql in statements(false) {
        let steps = crate::sqlite::plan(&conn, &sql);
        // The partial index holds leased rows alone; going through all of it is what is wanted.
        let scans = steps.iter().filter(|step| {
            step.contains("SCAN outbox") && !step.contains("outbox_by_lease") || step.contains("TEMP B-TREE")
        });
        assert_eq!(scans.count(), 0, "{sql}\n{steps:#?}");
        assert!(steps.iter().any(|step| step.contains("outbox_by_")), "{sql}\n{steps:#?}");
    }
}

#[tokio::test]
async fn r21_postgresql_walks_an_index_from_its_beginning() {
    let base = std::env::var("CONGVAN_TEST_POSTGRES").expect(
        "CONGVAN_TEST_POSTGRES is not set: run the tests through scripts/with-postgres (make test does)",
    );
    let mut conn = sqlx::PgConnection::connect(&base).await.unwrap();
    // A schema of this connection alone, gone with it.
    sqlx::raw_sql("SET search_path = pg_temp").execute(&mut conn).await.unwrap();
    let rows = filling("CAST(CAST(n AS TEXT) AS BYTEA)", &format!("generate_series(1, {QUEUED}) AS n"));
    for sql in tables().into_iter().chain([rows, "ANALYZE outbox".to_owned()]) {
        let sql = sql.replace("CREATE TABLE", "CREATE TEMP TABLE");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    }
    for sql in statements(true) {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {sql}"));
        let rows = sqlx::query(explain).fetch_all(&mut conn).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get::<String, _>(0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan on outbox"), "{sql}\n{plan}");
        assert!(plan.contains("outbox_by_"), "{sql}\n{plan}");
    }
}
