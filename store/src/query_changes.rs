//! What became of a list of messages since a state (RFC 8620 §5.6), read from what changed and never from the whole list.
//!
//! A message that was touched is told as removed and, where it is in the list now, as added at its place. What was not touched stays in its
//! order, because lists are sorted by what never changes. With folded conversations the same holds for whole conversations.

use std::collections::{BTreeMap, HashSet};

use mail::{AccountId, EmailId, ModSeq, ThreadId, Timestamp};

use crate::emails::id_list;
use crate::error::Result;
use crate::sql::{Sql, Value, values};
use crate::{EmailQuery, Tx};

/// What became of a list (RFC 8620 §5.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListChanges<I> {
    /// What to take out, where it is in the list.
    pub removed: Vec<I>,
    /// What to put in, and at which place, first place first.
    pub added: Vec<(I, usize)>,
}

/// A message of the list, by what it is sorted by.
type Placed = (Timestamp, EmailId);

/// What was touched since a state.
#[derive(Default)]
struct Touched {
    /// Messages that may have been in the list.
    removed: Vec<EmailId>,
    /// Messages that may be in the list now.
    live: Vec<EmailId>,
    threads: HashSet<ThreadId>,
}

/// Those of some messages that match a query: $3 after, $4 before, $5 keyword, $6 not keyword, $7 mailbox or NULL.
macro_rules! matching {
    ($column:literal) => {
        Sql {
            sqlite: concat!(
                "SELECT e.email_id, e.received_at, e.thread_id FROM email e WHERE e.account_id = $1 AND ",
                $column,
                " IN (SELECT unhex(value) FROM json_each($2)) AND e.received_at >= $3 AND e.received_at < $4 \
                 AND (CAST($5 AS TEXT) IS NULL OR e.keywords LIKE $5 ESCAPE '\\') \
                 AND (CAST($6 AS TEXT) IS NULL OR e.keywords NOT LIKE $6 ESCAPE '\\') \
                 AND (CAST($7 AS BLOB) IS NULL OR EXISTS (SELECT 1 FROM placement p WHERE p.account_id = $1 \
                 AND p.email_id = e.email_id AND p.mailbox_id = $7))"
            ),
            postgres: concat!(
                "SELECT e.email_id, e.received_at, e.thread_id FROM email e WHERE e.account_id = $1 AND ",
                $column,
                " IN (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($2 AS json)) AS t(value)) \
                 AND e.received_at >= $3 AND e.received_at < $4 \
                 AND (CAST($5 AS TEXT) IS NULL OR e.keywords LIKE $5 ESCAPE '\\') \
                 AND (CAST($6 AS TEXT) IS NULL OR e.keywords NOT LIKE $6 ESCAPE '\\') \
                 AND (CAST($7 AS BYTEA) IS NULL OR EXISTS (SELECT 1 FROM placement p WHERE p.account_id = $1 \
                 AND p.email_id = e.email_id AND p.mailbox_id = $7))"
            ),
        }
    };
}

/// The message matches by its keywords ($4, $5), which are looked up only when they are asked for.
macro_rules! with_keywords {
    ($row:literal) => {
        concat!(
            " AND ((CAST($4 AS TEXT) IS NULL AND CAST($5 AS TEXT) IS NULL) OR EXISTS (SELECT 1 FROM email f \
             WHERE f.account_id = $1 AND f.email_id = ",
            $row,
            ".email_id AND (CAST($4 AS TEXT) IS NULL OR f.keywords LIKE $4 ESCAPE '\\') \
             AND (CAST($5 AS TEXT) IS NULL OR f.keywords NOT LIKE $5 ESCAPE '\\')))"
        )
    };
}

/// How many rows of the list lie strictly between two of its places: $2 the first moment of the stretch and $3 its last, $6 $7 the earlier
/// place, $8 $9 the later one. Only the stretch of the index between the two is walked: it has one beginning and one end, for an engine takes
/// the first it finds, and `+` takes a column out of the choice.
macro_rules! between {
    ($table:literal, $in_mailbox:literal) => {
        concat!(
            "SELECT COUNT(*) FROM ",
            $table,
            " p WHERE p.account_id = $1",
            $in_mailbox,
            " AND p.received_at >= $2 AND p.received_at <= $3 \
             AND (+p.received_at, p.email_id) > ($6, $7) AND (+p.received_at, p.email_id) < ($8, $9)",
            with_keywords!("p")
        )
    };
}
/// The same of folded conversations: $10 after, $11 before. Which index tells of newer ones is said to SQLite, which has no statistics.
macro_rules! folded {
    ($table:literal, $hint:literal, $in_mailbox:literal, $q_in_mailbox:literal, $order:literal) => {
        concat!(
            between!($table, $in_mailbox),
            " AND NOT EXISTS (SELECT 1 FROM ",
            $table,
            " q ",
            $hint,
            "WHERE q.account_id = $1 AND q.thread_id = p.thread_id",
            $q_in_mailbox,
            " AND +q.received_at >= $10 AND +q.received_at < $11 AND (+q.received_at, q.email_id) ",
            $order,
            " (p.received_at, p.email_id)",
            with_keywords!("q"),
            ")"
        )
    };
}
macro_rules! folded_in_mailbox {
    ($order:literal) => {
        Sql {
            sqlite: folded!(
                "placement",
                "INDEXED BY placement_by_thread ",
                " AND p.mailbox_id = $12",
                " AND q.mailbox_id = $12",
                $order
            ),
            postgres: folded!("placement", "", " AND p.mailbox_id = $12", " AND q.mailbox_id = $12", $order),
        }
    };
}

const TOUCHED: &str = "SELECT email_id, thread_id, created_modseq FROM email WHERE account_id = $1 AND modseq > $2 \
    ORDER BY modseq LIMIT $3";
const GONE: &str = "SELECT object_id, created_modseq FROM tombstone WHERE account_id = $1 AND kind = 'email' AND modseq > $2 \
    ORDER BY modseq LIMIT $3";
const TOUCHED_THREADS: &str =
    "SELECT thread_id FROM thread WHERE account_id = $1 AND modseq > $2 ORDER BY modseq LIMIT $3";
const OF_THREADS: Sql = Sql {
    sqlite: "SELECT email_id, created_modseq FROM email WHERE account_id = $1 \
        AND thread_id IN (SELECT unhex(value) FROM json_each($2)) LIMIT $3",
    postgres: "SELECT email_id, created_modseq FROM email WHERE account_id = $1 AND thread_id IN \
        (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($2 AS json)) AS t(value)) LIMIT $3",
};
const MATCHING_EMAILS: Sql = matching!("e.email_id");
const MATCHING_THREADS: Sql = matching!("e.thread_id");

/// The text that counts between two places of the list a query gives.
pub(crate) fn count_text(query: &EmailQuery) -> Sql {
    match (query.in_mailbox.is_some(), query.collapse_threads, query.oldest_first) {
        (true, false, _) => between!("placement", " AND p.mailbox_id = $10").into(),
        (false, false, _) => between!("email", "").into(),
        (true, true, false) => folded_in_mailbox!(">"),
        (true, true, true) => folded_in_mailbox!("<"),
        (false, true, false) => folded!("email", "", "", "", ">").into(),
        (false, true, true) => folded!("email", "", "", "", "<").into(),
    }
}

/// A keyword as it is looked for in the text of all keywords.
fn like(keyword: Option<&String>) -> Option<String> {
    keyword.map(|k| format!("% {} %", k.to_ascii_lowercase().replace('_', "\\_")))
}

impl EmailQuery {
    /// Whether a message that is in the list stays there, at its place among the others, whatever happens to it but its end: nothing that
    /// changes is asked for.
    fn is_immutable(&self) -> bool {
        self.in_mailbox.is_none()
            && self.has_keyword.is_none()
            && self.not_keyword.is_none()
            && !self.collapse_threads
    }
}

impl Tx {
    /// What became of a list of messages since a state; `None` when more than `limit` messages or conversations were touched. `up_to` is
    /// the last message of the list that is of interest: what lies behind it is left out where that can be known (RFC 8620 §5.6).
    pub async fn email_list_changes(
        &mut self,
        account_id: AccountId,
        query: &EmailQuery,
        since: ModSeq,
        up_to: Option<EmailId>,
        limit: i64,
    ) -> Result<Option<ListChanges<EmailId>>> {
        let Some(touched) = self.touched(account_id, query, since, limit).await? else { return Ok(None) };
        let mut now_in = self.now_in(account_id, query, &touched).await?;
        now_in.sort_unstable();
        if !query.oldest_first {
            now_in.reverse();
        }
        if let Some(up_to) = up_to.filter(|_| query.is_immutable()) {
            self.cut(account_id, query, up_to, &mut now_in).await?;
        }
        let added = self.places_in(account_id, query, &now_in).await?;
        Ok(Some(ListChanges { removed: touched.removed, added }))
    }

    async fn touched(
        &mut self,
        account_id: AccountId,
        query: &EmailQuery,
        since: ModSeq,
        limit: i64,
    ) -> Result<Option<Touched>> {
        let mut touched = Touched::default();
        let input = values![&account_id, since, limit.saturating_add(1)];
        let is_too_much = |count: usize| i64::try_from(count).unwrap_or(i64::MAX) > limit;
        let rows = self.rows(TOUCHED, input).await?;
        let gone = self.rows(GONE, input).await?;
        if is_too_much(rows.len() + gone.len()) {
            return Ok(None);
        }
        for row in &gone {
            // What came and went meanwhile was never in the list.
            if row.modseq(1)? <= since {
                touched.removed.push(row.id(0)?);
            }
        }
        for row in &rows {
            let is_new = row.modseq(2)? > since;
            if query.collapse_threads {
                touched.threads.insert(row.id(1)?);
            } else if is_new || !query.is_immutable() {
                touched.live.push(row.id(0)?);
                touched.removed.extend((!is_new).then(|| row.id::<EmailId>(0)).transpose()?);
            }
        }
        if query.collapse_threads {
            // Conversations that lost a message, too: another one may stand for them now.
            let rows = self.rows(TOUCHED_THREADS, input).await?;
            for row in &rows {
                touched.threads.insert(row.id(0)?);
            }
            let list = id_list(&touched.threads.iter().collect::<Vec<_>>());
            let rows = self.rows(OF_THREADS, values![&account_id, &list, limit.saturating_add(1)]).await?;
            if is_too_much(touched.threads.len()) || is_too_much(rows.len() + gone.len()) {
                return Ok(None);
            }
            for row in &rows {
                touched.removed.extend((row.modseq(1)? <= since).then(|| row.id::<EmailId>(0)).transpose()?);
            }
        }
        Ok(Some(touched))
    }

    /// Those touched that are in the list now; of a conversation the one that stands for it.
    async fn now_in(
        &mut self,
        account_id: AccountId,
        query: &EmailQuery,
        touched: &Touched,
    ) -> Result<Vec<Placed>> {
        let (sql, list) = match query.collapse_threads {
            true => (MATCHING_THREADS, id_list(&touched.threads.iter().collect::<Vec<_>>())),
            false => (MATCHING_EMAILS, id_list(&touched.live)),
        };
        let found = self.matching(account_id, query, sql, &list).await?;
        if !query.collapse_threads {
            return Ok(found.into_iter().map(|(_, placed)| placed).collect());
        }
        let mut first: BTreeMap<ThreadId, Placed> = BTreeMap::new();
        for (thread_id, placed) in found {
            let stands = first.entry(thread_id).or_insert(placed);
            *stands = if query.oldest_first { placed.min(*stands) } else { placed.max(*stands) };
        }
        Ok(first.into_values().collect())
    }

    async fn matching(
        &mut self,
        account_id: AccountId,
        query: &EmailQuery,
        sql: Sql,
        list: &str,
    ) -> Result<Vec<(ThreadId, Placed)>> {
        let (has, lacks) = (like(query.has_keyword.as_ref()), like(query.not_keyword.as_ref()));
        let rows = self
            .rows(
                sql,
                values![
                    &account_id,
                    list,
                    query.after.map_or(i64::MIN, Timestamp::millis),
                    query.before.map_or(i64::MAX, Timestamp::millis),
                    has.as_deref(),
                    lacks.as_deref(),
                    query.in_mailbox.as_ref()
                ],
            )
            .await?;
        rows.iter().map(|row| Ok((row.id(2)?, (row.moment(1)?, row.id(0)?)))).collect()
    }

    /// Takes out what lies behind a message of the list.
    async fn cut(
        &mut self,
        account_id: AccountId,
        query: &EmailQuery,
        last: EmailId,
        list: &mut Vec<Placed>,
    ) -> Result<()> {
        let found = self.matching(account_id, query, MATCHING_EMAILS, &id_list(&[last])).await?;
        if let Some((_, last)) = found.first() {
            list.retain(|placed| if query.oldest_first { placed <= last } else { placed >= last });
        }
        Ok(())
    }

    /// The places of some messages of the list, given in its order.
    async fn places_in(
        &mut self,
        account_id: AccountId,
        query: &EmailQuery,
        list: &[Placed],
    ) -> Result<Vec<(EmailId, usize)>> {
        const BEFORE_ALL: (i64, &[u8]) = (i64::MIN, &[]);
        const AFTER_ALL: (i64, &[u8]) = (i64::MAX, &[]);
        let (has, lacks) = (like(query.has_keyword.as_ref()), like(query.not_keyword.as_ref()));
        let after = query.after.map_or(i64::MIN, Timestamp::millis);
        let before = query.before.map_or(i64::MAX, Timestamp::millis);
        let (mut next, mut places) = (0usize, Vec::with_capacity(list.len()));
        let mut last: Option<&Placed> = None;
        for placed in list {
            let here = (placed.0.millis(), placed.1.as_bytes().as_slice());
            let ahead = last.map(|last| (last.0.millis(), last.1.as_bytes().as_slice()));
            let (from, to) = match query.oldest_first {
                true => (ahead.unwrap_or(BEFORE_ALL), here),
                false => (here, ahead.unwrap_or(AFTER_ALL)),
            };
            let mut input: Vec<Value<'_>> = values![
                &account_id,
                from.0.max(after),
                to.0.min(before.saturating_sub(1)),
                has.as_deref(),
                lacks.as_deref(),
                from.0,
                from.1,
                to.0,
                to.1
            ]
            .to_vec();
            if query.collapse_threads {
                input.extend_from_slice(values![after, before]);
            }
            input.extend(query.in_mailbox.as_ref().map(Value::from));
            let between = self.row(count_text(query), &input).await?.map_or(Ok(0), |row| row.int(0))?;
            next = next.saturating_add(usize::try_from(between).unwrap_or(0));
            places.push((placed.1, next));
            next = next.saturating_add(1);
            last = Some(placed);
        }
        Ok(places)
    }
}
