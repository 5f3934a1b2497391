//! How SQLite finds a page of messages and a place in it: along the index of the list, and for each row only its own conversation. It counts
//! no statistics, so what it chooses is said where it would choose wrongly.

use super::{EmailQuery, query_text};
use crate::query_changes::count_text;

fn queries() -> Vec<EmailQuery> {
    let mut queries = Vec::new();
    for in_mailbox in [None, Some(mail::MailboxId::from_bytes([1; 16]))] {
        for collapse_threads in [false, true] {
            for oldest_first in [false, true] {
                let query =
                    EmailQuery { in_mailbox, collapse_threads, oldest_first, ..EmailQuery::default() };
                queries.push(query);
            }
        }
    }
    queries
}

#[tokio::test]
async fn sqlite_reads_a_page_and_a_place_without_the_rest_of_the_list() {
    let conn = crate::migrate::in_memory().await;
    for query in queries() {
        for sql in [query_text(&query).0.sqlite, count_text(&query).sqlite] {
            let steps = crate::sqlite::plan(&conn, sql);
            let list = if query.in_mailbox.is_some() { "placement_by_date" } else { "email_by_date" };
            assert!(steps[0].contains(list) && steps[0].contains("received_at>"), "{sql}\n{steps:#?}");
            let others =
                steps.iter().filter(|step| step.starts_with("SEARCH q ") || step.starts_with("SCAN"));
            for step in others {
                assert!(step.contains("_by_thread") && step.contains("thread_id=?"), "{sql}\n{steps:#?}");
            }
            assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{sql}\n{steps:#?}");
        }
    }
}
