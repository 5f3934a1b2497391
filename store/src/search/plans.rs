//! How SQLite looks for what few messages fulfil: it begins with the index of the few, or asks it, and reads no other message's row.

use mail::{AccountId, MailboxId, Timestamp};
use sqlx::{Connection, Row as _};

use super::compile::{Scope, Statement};
use crate::SearchTerm;
use crate::sql::Conn;

#[tokio::test]
async fn sqlite_finds_long_messages_and_those_with_attachments_by_an_index() {
    let conn = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let mut conn = Conn::Sqlite(conn);
    crate::migrate::migrate(&mut conn, Timestamp::from_secs(0)).await.unwrap();
    let Conn::Sqlite(mut conn) = conn else { unreachable!() };
    let large = || SearchTerm::SizeFrom(1_000_000);
    let not = |term| SearchTerm::Not(Box::new(term));
    let rows = [
        (large(), "email_by_size (account_id=? AND size>?)"),
        (SearchTerm::HasAttachment, "COVERING INDEX email_with_attachment"),
        (not(SearchTerm::HasAttachment), "COVERING INDEX email_with_attachment"),
        (
            SearchTerm::All(vec![large(), SearchTerm::HasAttachment]),
            "email_by_size (account_id=? AND size>?)",
        ),
    ];
    for (term, index) in rows {
        for scope in [Scope::Account, Scope::Mailbox(MailboxId::from_bytes([2; 16]))] {
            let mut statement = Statement::new(false, scope, AccountId::from_bytes([1; 16]), None);
            let condition = statement.condition(&term).unwrap();
            let order = statement.order(&[]);
            let sql = statement.page(&condition, &order, false, 0, 50);
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let steps = sqlx::query(explain).fetch_all(&mut conn).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|row| row.get::<String, _>("detail")).collect();
            assert!(steps.iter().any(|step| step.contains(index)), "{term:?} {scope:?} {sql}\n{steps:#?}");
            // Of the messages' own rows only those that were found are read.
            let reads =
                steps.iter().filter(|step| step.starts_with("SEARCH e ") || step.starts_with("SEARCH u "));
            for step in reads {
                let is_narrow =
                    step.contains("COVERING INDEX") || step.contains("size>?") || step.contains("email_id=?");
                assert!(is_narrow, "{term:?} {scope:?} {sql}\n{steps:#?}");
            }
        }
    }
}
