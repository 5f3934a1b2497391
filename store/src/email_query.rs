//! Lists of messages: which ones, in what order, and how many there are.

use mail::{AccountId, EmailId, MailboxId, Timestamp};

use crate::Tx;
use crate::error::Result;
use crate::sql::{Sql, Value, values};

/// Which messages, in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailQuery {
    /// Only in this mailbox.
    pub in_mailbox: Option<MailboxId>,
    /// Only with this keyword.
    pub has_keyword: Option<String>,
    /// Only without this keyword.
    pub not_keyword: Option<String>,
    /// Only received at or after.
    pub after: Option<Timestamp>,
    /// Only received before.
    pub before: Option<Timestamp>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
    /// The newest (or oldest) of each conversation only.
    pub collapse_threads: bool,
}

impl Tx {
    /// Ids of the messages that match, in order: `limit` of them from place `position` on, and how many match in all.
    pub async fn query_emails(
        &mut self,
        account_id: AccountId,
        query: &EmailQuery,
        position: i64,
        limit: i64,
    ) -> Result<(Vec<EmailId>, i64)> {
        let like = |keyword: &Option<String>| {
            keyword.as_ref().map(|k| format!("% {} %", k.to_ascii_lowercase().replace('_', "\\_")))
        };
        let (has, lacks) = (like(&query.has_keyword), like(&query.not_keyword));
        let after = query.after.map_or(i64::MIN, Timestamp::millis);
        let before = query.before.map_or(i64::MAX, Timestamp::millis);
        let narrow = [
            Value::from(&account_id),
            after.into(),
            before.into(),
            has.as_deref().into(),
            lacks.as_deref().into(),
        ];
        let mut listed = narrow.to_vec();
        listed.extend_from_slice(values![limit, position]);
        let mailbox_id = query.in_mailbox;
        if let Some(mailbox_id) = &mailbox_id {
            listed.extend_from_slice(values![mailbox_id]);
        }
        let mut counted = narrow.to_vec();
        if let Some(mailbox_id) = &mailbox_id {
            // The same numbers in both statements: $6 and $7 are not used by the count.
            counted.extend_from_slice(values![0i64, 0i64, mailbox_id]);
        }
        let (list, count) = query_text(query);
        let rows = self.rows(list, &listed).await?;
        let ids = rows.iter().map(|row| row.id(0)).collect::<Result<Vec<_>>>()?;
        let total = match self.plain_total(account_id, query).await? {
            Some(total) => total,
            None => self.row(count, &counted).await?.map_or(Ok(0), |row| row.int(0))?,
        };
        Ok((ids, total))
    }

    /// The total of a query that a mailbox's counters answer.
    async fn plain_total(&mut self, account_id: AccountId, query: &EmailQuery) -> Result<Option<i64>> {
        let narrowed = query.has_keyword.is_some()
            || query.not_keyword.is_some()
            || query.after.is_some()
            || query.before.is_some();
        match query.in_mailbox {
            Some(mailbox_id) if !narrowed => {
                let mailbox = self.mailbox(account_id, mailbox_id).await?;
                Ok(mailbox.map(|m| if query.collapse_threads { m.total_threads } else { m.total_emails }))
            }
            _ => Ok(None),
        }
    }
}

macro_rules! narrowed {
    ($from:literal) => {
        concat!(
            $from,
            " WHERE e.account_id = $1 AND e.received_at >= $2 AND e.received_at < $3 \
             AND (CAST($4 AS TEXT) IS NULL OR e.keywords LIKE $4 ESCAPE '\\') \
             AND (CAST($5 AS TEXT) IS NULL OR e.keywords NOT LIKE $5 ESCAPE '\\') "
        )
    };
}

// A conversation stands for its newest (oldest) message *that matches* (RFC 8621 §4.4.3). Keywords are looked up
// only when they are asked for.
macro_rules! also_matches {
    () => {
        "AND ((CAST($4 AS TEXT) IS NULL AND CAST($5 AS TEXT) IS NULL) OR EXISTS (SELECT 1 FROM email f \
         WHERE f.account_id = $1 AND f.email_id = q.email_id \
         AND (CAST($4 AS TEXT) IS NULL OR f.keywords LIKE $4 ESCAPE '\\') \
         AND (CAST($5 AS TEXT) IS NULL OR f.keywords NOT LIKE $5 ESCAPE '\\')))"
    };
}

macro_rules! in_mailbox {
    ($head:literal, $tail:expr) => {
        concat!(
            $head,
            " FROM placement p JOIN email e ON e.account_id = p.account_id AND e.email_id = p.email_id ",
            narrowed!(""),
            " AND p.account_id = $1 AND p.mailbox_id = $8 AND p.received_at >= $2 AND p.received_at < $3 ",
            $tail
        )
    };
}

macro_rules! anywhere {
    ($head:literal, $tail:expr) => {
        concat!($head, narrowed!(" FROM email e"), $tail)
    };
}

/// The texts of a query: the page, and the count. Parameters: $1 account, $2 after, $3 before, $4 keyword, $5 not
/// keyword, $6 limit, $7 offset, $8 mailbox.
fn query_text(query: &EmailQuery) -> (Sql, &'static str) {
    match query.in_mailbox {
        Some(_) => mailbox_text(query),
        None => account_text(query),
    }
}

fn mailbox_text(query: &EmailQuery) -> (Sql, &'static str) {
    macro_rules! page {
        ($tail:expr, $order:literal) => {
            in_mailbox!("SELECT e.email_id", concat!($tail, $order, " LIMIT $6 OFFSET $7"))
        };
    }
    macro_rules! newest {
        ($tail:expr) => {
            page!($tail, "ORDER BY p.received_at DESC, p.email_id DESC")
        };
    }
    macro_rules! oldest {
        ($tail:expr) => {
            page!($tail, "ORDER BY p.received_at, p.email_id")
        };
    }
    // Which index tells whether a conversation has a newer message here is said to SQLite, which has no statistics and would walk the whole
    // mailbox for each row.
    macro_rules! folded {
        ($hint:literal, $newer:literal) => {
            concat!(
                "AND NOT EXISTS (SELECT 1 FROM placement q ",
                $hint,
                "WHERE q.account_id = $1 AND q.thread_id = p.thread_id \
                 AND q.mailbox_id = $8 AND q.received_at >= $2 AND q.received_at < $3 AND (q.received_at, q.email_id) ",
                $newer,
                " (p.received_at, p.email_id) ",
                also_matches!(),
                ") "
            )
        };
    }
    let page = match (query.collapse_threads, query.oldest_first) {
        (false, false) => newest!("").into(),
        (false, true) => oldest!("").into(),
        (true, false) => Sql {
            sqlite: newest!(folded!("INDEXED BY placement_by_thread ", ">")),
            postgres: newest!(folded!("", ">")),
        },
        (true, true) => Sql {
            sqlite: oldest!(folded!("INDEXED BY placement_by_thread ", "<")),
            postgres: oldest!(folded!("", "<")),
        },
    };
    let count = match query.collapse_threads {
        true => in_mailbox!("SELECT COUNT(DISTINCT p.thread_id)", ""),
        false => in_mailbox!("SELECT COUNT(*)", ""),
    };
    (page, count)
}

fn account_text(query: &EmailQuery) -> (Sql, &'static str) {
    macro_rules! page {
        ($tail:expr, $order:literal) => {
            anywhere!("SELECT e.email_id", concat!($tail, $order, " LIMIT $6 OFFSET $7"))
        };
    }
    // `+` takes a column out of SQLite's choice of an index, for the reason above.
    macro_rules! folded {
        ($newer:literal) => {
            concat!(
                "AND NOT EXISTS (SELECT 1 FROM email q WHERE q.account_id = $1 AND q.thread_id = e.thread_id \
                 AND +q.received_at >= $2 AND +q.received_at < $3 AND (+q.received_at, q.email_id) ",
                $newer,
                " (e.received_at, e.email_id) ",
                also_matches!(),
                ") "
            )
        };
    }
    let page = match (query.collapse_threads, query.oldest_first) {
        (false, false) => page!("", "ORDER BY e.received_at DESC, e.email_id DESC"),
        (false, true) => page!("", "ORDER BY e.received_at, e.email_id"),
        (true, false) => page!(folded!(">"), "ORDER BY e.received_at DESC, e.email_id DESC"),
        (true, true) => page!(folded!("<"), "ORDER BY e.received_at, e.email_id"),
    };
    let count = match query.collapse_threads {
        true => anywhere!("SELECT COUNT(DISTINCT e.thread_id)", ""),
        false => anywhere!("SELECT COUNT(*)", ""),
    };
    (page.into(), count)
}

#[cfg(test)]
#[path = "email_plans.rs"]
mod plans;
