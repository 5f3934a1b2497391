//! How the engines find messages of a mailbox: by an index, however many lie in it. Among a hundred thousand messages no statement goes
//! through a table.

use sqlx::{ConnectOptions, Connection as _, Row as _};

use crate::sql::{Conn, Sql};
use crate::{acts, blob_uses, counters, destroying, imports, moves, views};

const MESSAGES: i64 = 100_000;

/// The account, a list of rows, and what stands for the other parameters.
type Statement = (&'static str, Sql, &'static str, [&'static str; 2]);

/// Ten rows of one, two, or ten columns; `#` is an id, `@` the mailbox.
#[rustfmt::skip]
fn statements() -> Vec<Statement> {
    vec![
        ("messages",    acts::MESSAGES,          "[#]",               ["", ""]),
        ("places",      acts::PLACES,            "[#]",               ["", ""]),
        ("rewrite",     acts::REWRITE,           "[#,\" $seen \"]",   ["7", ""]),
        ("mark",        acts::MARK,              "[@,5,0,1]",         ["", ""]),
        ("displace",    acts::DISPLACE,          "[@,5]",             ["", ""]),
        ("double",      acts::DOUBLE,            "[#,#,\"  \"]",      ["7", ""]),
        ("threads",     acts::TOUCH_THREADS,     "[#]",               ["7", ""]),
        ("shapes",      counters::SHAPES,        "[#]",               ["", ""]),
        ("recount",     counters::RECOUNT,       "[@,1,1,1,1,1,1,1,1,1]", ["7", ""]),
        ("hold",        destroying::HOLD,        "[#]",               ["", ""]),
        ("destroy",     destroying::DESTROY,     "[#]",               ["", ""]),
        ("count blobs", destroying::COUNT_BLOBS, "[#,1]",             ["", ""]),
        ("drop blobs",  destroying::DROP_BLOBS,  "[#]",               ["7", ""]),
        ("drop bytes",  destroying::DROP_BYTES,  "[#]",               ["", ""]),
        ("end threads", destroying::END_THREADS, "[#]",               ["", ""]),
        ("lying at",    views::LYING_AT,         "[5,900]",           ["@", ""]),
        ("viewed at",   views::VIEWED_AT,        "[5,900]",           ["@", ""]),
        ("with facts",  views::VIEWED_WITH_FACTS_AT, "[5,900]",       ["@", ""]),
        ("marked",      moves::MARKED,           "[1,4000000000]",    ["@", "1001"]),
        ("known",       imports::KNOWN,          "[#]",               ["@", ""]),
        ("blob uses",   blob_uses::USES.into(),  "@",                 ["1000", ""]),
        ("gone since",  views::GONE_SINCE.into(), "@",                ["99999", "100000"]),
        ("changed",     views::CHANGED.into(),    "@",                ["99990", "100"]),
        ("changed at",  views::CHANGED_AT.into(), "@",                ["99990", ""]),
    ]
}

/// Sixteen digits, as the rows have them for ids.
fn id(n: i64) -> String {
    format!("{n:016}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A statement with its parameters put in: a plan is made for values.
fn with_values(sql: &str, list: &str, others: [&str; 2], bytes: impl Fn(&str) -> String) -> String {
    let value = |text: &str| if text == "@" { bytes(&id(1)) } else { text.to_owned() };
    let second = match list {
        "@" => bytes(&id(1)),
        row => {
            let rows = (0..10).map(|n| {
                row.replace('#', &format!("\"{}\"", id(n * 7 + 3))).replace('@', &format!("\"{}\"", id(1)))
            });
            format!("'[{}]'", rows.collect::<Vec<_>>().join(","))
        }
    };
    let sql = sql.replace("$1", &bytes(&id(0))).replace("$2", &second);
    sql.replace("$3", &value(others[0])).replace("$4", &value(others[1]))
}

/// A hundred thousand messages of one account, nine in ten of them in one mailbox, in conversations of two.
fn filling(id: &str, series: &str) -> Vec<String> {
    let of = |n: &str| id.replace('#', n);
    vec![
        format!(
            "INSERT INTO account (account_id, agency_id, kind, role, state, display_name, position, must_change_password, modseq, quota_bytes, \
            used_bytes, legal_hold, created_at, changed_at) SELECT {0}, {0}, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0",
            of("0")
        ),
        format!(
            "INSERT INTO mailbox (account_id, mailbox_id, name, sort_order, is_subscribed, uid_validity, uid_next, total_emails, unread_emails, \
            total_threads, unread_threads, created_modseq, modseq) SELECT {}, {}, '', 0, 0, 1, {MESSAGES}, 0, 0, 0, 0, 0, 0 FROM {series} WHERE n <= 2000",
            of("0"),
            of("n")
        ),
        format!(
            "INSERT INTO email (account_id, email_id, thread_id, blob_id, size, received_at, subject, preview, has_attachment, keywords, facts, \
            created_modseq, modseq, legal_hold) SELECT {}, {}, {}, {}, n, n, '', '', 0, '  ', '{{}}', n, n, 0 FROM {series}",
            of("0"),
            of("n"),
            of("n / 2"),
            of("n")
        ),
        format!(
            "INSERT INTO placement (account_id, mailbox_id, uid, email_id, thread_id, received_at, is_unread, is_deleted) \
            SELECT {}, CASE WHEN n % 10 = 0 THEN {} ELSE {} END, n, {}, {}, n, n % 2, CASE WHEN n % 1000 = 1 THEN 1 ELSE 0 END FROM {series}",
            of("0"),
            of("2"),
            of("1"),
            of("n"),
            of("n / 2")
        ),
        format!(
            "INSERT INTO expunged (account_id, mailbox_id, uid, modseq) SELECT {}, {}, n + {MESSAGES}, n FROM {series}",
            of("0"),
            of("1")
        ),
        format!(
            "INSERT INTO thread (account_id, thread_id, created_modseq, modseq) SELECT {}, {}, n, n FROM {series}",
            of("0"),
            of("n")
        ),
        format!(
            "INSERT INTO imported (account_id, mailbox_id, mark) SELECT {}, {}, {} FROM {series}",
            of("0"),
            of("1"),
            of("n")
        ),
        format!(
            "INSERT INTO blob (owner_id, blob_id, key_no, size, stored_size, is_object, refs, created_at) SELECT {}, {}, 0, n, 1, 0, 1, 0 FROM {series}",
            of("0"),
            of("n")
        ),
        format!(
            "INSERT INTO blob_bytes (owner_id, blob_id, sealed) SELECT {}, {}, {} FROM {series}",
            of("0"),
            of("n"),
            of("n")
        ),
    ]
}

#[tokio::test]
async fn sqlite_finds_messages_by_an_index() {
    let conn = crate::migrate::in_memory().await;
    let series = format!(
        "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {MESSAGES}) SELECT n FROM s)"
    );
    for sql in filling("CAST(printf('%016d', #) AS BLOB)", &series) {
        conn.execute_batch(&sql).unwrap();
    }
    for (name, sql, list, others) in statements() {
        let sql = with_values(sql.sqlite, list, others, |hex| format!("X'{hex}'"));
        let steps = crate::sqlite::plan(&conn, &sql);
        // The list itself is gone through, and what was found is put in order.
        let scans = steps.iter().filter(|step| {
            step.starts_with("SCAN ")
                && !["SCAN (subquery", "SCAN t", "SCAN j", "SCAN h", "SCAN u", "SCAN a"]
                    .iter()
                    .any(|of| step.starts_with(of))
        });
        assert_eq!(scans.count(), 0, "{name}: {sql}\n{steps:#?}");
        // With the account alone an index is a table.
        let whole =
            steps.iter().filter(|step| step.contains("(account_id=?)") || step.contains("(owner_id=?)"));
        assert_eq!(whole.filter(|step| !step.contains(" a ")).count(), 0, "{name}: {sql}\n{steps:#?}");
    }
}

#[tokio::test]
async fn postgresql_finds_messages_by_an_index() {
    let base = std::env::var("CONGVAN_TEST_POSTGRES").expect(
        "CONGVAN_TEST_POSTGRES is not set: run the tests through scripts/with-postgres (make test does)",
    );
    let mut admin = sqlx::PgConnection::connect(&base).await.unwrap();
    let name = format!("plans_{}", std::process::id());
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
    let url = base.replacen("/postgres?", &format!("/{name}?"), 1);
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let pool = sqlx::PgPool::connect_with(options.clone()).await.unwrap();
    let mut conn = Conn::Postgres(pool.acquire().await.unwrap());
    crate::migrate::migrate(&mut conn, mail::Timestamp::from_secs(0)).await.unwrap();
    let mut conn = options.connect().await.unwrap();
    for sql in filling(
        "CAST(lpad(CAST(# AS TEXT), 16, '0') AS BYTEA)",
        &format!("generate_series(1, {MESSAGES}) AS n"),
    ) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    }
    sqlx::raw_sql("ANALYZE").execute(&mut conn).await.unwrap();
    for (name, sql, list, others) in statements() {
        let sql = with_values(sql.postgres, list, others, |hex| format!("CAST('\\x{hex}' AS BYTEA)"));
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN {sql}"))).fetch_all(&mut conn).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get::<String, _>(0)).collect();
        let plan = plan.join("\n");
        let tables = ["email", "placement", "expunged", "thread", "blob", "blob_bytes", "imported"];
        let scanned = tables.iter().filter(|table| {
            plan.contains(&format!("Seq Scan on {table} "))
                || plan.contains(&format!("Seq Scan on {table}\n"))
        });
        assert_eq!(scanned.count(), 0, "{name}: {sql}\n{plan}");
        let whole = plan.lines().filter(|line| {
            line.contains("Index Cond: (")
                && (line.ends_with("'::bytea)") && line.contains("account_id = ") && !line.contains(" AND "))
        });
        assert_eq!(whole.filter(|line| !line.contains("a.account_id")).count(), 0, "{name}: {sql}\n{plan}");
    }
}
