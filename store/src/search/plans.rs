//! How SQLite looks for what few messages fulfil: it begins with the index of the few, or asks it, and reads no other message's row.

use mail::{AccountId, MailboxId};

use super::compile::{Scope, Statement};
use crate::SearchTerm;

#[tokio::test]
async fn sqlite_finds_long_messages_and_those_with_attachments_by_an_index() {
    let conn = crate::migrate::in_memory().await;
    let large = || SearchTerm::SizeFrom(1_000_000);
    let not = |term| SearchTerm::Not(Box::new(term));
    let rows = [
        (large(), "email_by_size (account_id=? AND size>?)"),
        (SearchTerm::HasAttachment, "COVERING INDEX email_with_attachment"),
        (not(SearchTerm::HasAttachment), "COVERING INDEX email_with_attachment"),
        (SearchTerm::All(vec![large(), SearchTerm::HasAttachment]), "COVERING INDEX email_with_attachment"),
    ];
    for (term, index) in rows {
        for scope in [Scope::Account, Scope::Mailbox(MailboxId::from_bytes([2; 16]))] {
            let mut statement = Statement::new(false, scope, AccountId::from_bytes([1; 16]), None);
            let condition = statement.condition(&term).unwrap();
            let order = statement.order(&[]);
            let sql = statement.page(&condition, &order, false, 0, 50);
            let steps = crate::sqlite::plan(&conn, &sql);
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
