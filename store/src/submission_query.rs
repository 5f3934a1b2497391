//! Lists of submissions (RFC 8621 §7.3): which ones, in what order, how many, and what became of such a list.

use mail::{AccountId, EmailId, IdentityId, ModSeq, SubmissionId, ThreadId, Timestamp};

use crate::emails::id_list;
use crate::error::Result;
use crate::query_changes::ListChanges;
use crate::sql::{Sql, Value, values};
use crate::submissions::UndoStatus;
use crate::{Changing, Tx};

/// What submissions are sorted by (RFC 8621 §7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubmissionSort {
    /// When they leave.
    #[default]
    SendAt,
    /// Their message.
    Email,
    /// Their conversation.
    Thread,
}

/// Which submissions, in what order.
#[derive(Clone, Debug, Default)]
pub struct SubmissionQuery {
    /// Sent as one of these.
    pub identity_ids: Option<Vec<IdentityId>>,
    /// Of one of these messages.
    pub email_ids: Option<Vec<EmailId>>,
    /// Of a message of one of these conversations.
    pub thread_ids: Option<Vec<ThreadId>>,
    /// Whether they can be taken back.
    pub undo_status: Option<UndoStatus>,
    /// Leaving at or after.
    pub after: Option<Timestamp>,
    /// Leaving before.
    pub before: Option<Timestamp>,
    /// What they are sorted by.
    pub sort: SubmissionSort,
    /// Least first instead of greatest first.
    pub ascending: bool,
}

/// $1 account, $2 after, $3 before, $4 identities, $5 messages, $6 conversations, $7 undo status, $8 now.
macro_rules! submissions {
    ($head:literal, $and:literal) => {
        Sql {
            sqlite: concat!(
                "SELECT ",
                $head,
                " FROM submission WHERE account_id = $1 AND send_at >= $2 AND send_at < $3 \
                 AND (CAST($4 AS TEXT) IS NULL OR identity_id IN (SELECT unhex(value) FROM json_each($4))) \
                 AND (CAST($5 AS TEXT) IS NULL OR email_id IN (SELECT unhex(value) FROM json_each($5))) \
                 AND (CAST($6 AS TEXT) IS NULL OR thread_id IN (SELECT unhex(value) FROM json_each($6))) \
                 AND (CAST($7 AS TEXT) IS NULL OR $7 = CASE WHEN undo_status = 'pending' AND send_at <= $8 THEN 'final' \
                 ELSE undo_status END) ",
                $and
            ),
            postgres: concat!(
                "SELECT ",
                $head,
                " FROM submission WHERE account_id = $1 AND send_at >= $2 AND send_at < $3 \
                 AND (CAST($4 AS TEXT) IS NULL OR identity_id IN \
                 (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($4 AS json)) AS t(value))) \
                 AND (CAST($5 AS TEXT) IS NULL OR email_id IN \
                 (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($5 AS json)) AS t(value))) \
                 AND (CAST($6 AS TEXT) IS NULL OR thread_id IN \
                 (SELECT decode(value, 'hex') FROM json_array_elements_text(CAST($6 AS json)) AS t(value))) \
                 AND (CAST($7 AS TEXT) IS NULL OR $7 = CASE WHEN undo_status = 'pending' AND send_at <= $8 THEN 'final' \
                 ELSE undo_status END) ",
                $and
            ),
        }
    };
}

const COUNT: Sql = submissions!("COUNT(*)", "");
const NEW: Sql = submissions!("submission_id, send_at", "AND modseq > $9 AND created_modseq > $9 LIMIT $10");
/// How many lie strictly between two places of a list by moment.
const BETWEEN: Sql = submissions!(
    "COUNT(*)",
    "AND (+send_at, submission_id) > ($9, $10) AND (+send_at, submission_id) < ($11, $12)"
);

fn page_text(query: &SubmissionQuery) -> Sql {
    match (query.sort, query.ascending) {
        (SubmissionSort::SendAt, true) => {
            submissions!("submission_id", "ORDER BY send_at, submission_id LIMIT $9 OFFSET $10")
        }
        (SubmissionSort::SendAt, false) => {
            submissions!("submission_id", "ORDER BY send_at DESC, submission_id DESC LIMIT $9 OFFSET $10")
        }
        (SubmissionSort::Email, true) => {
            submissions!("submission_id", "ORDER BY email_id, submission_id LIMIT $9 OFFSET $10")
        }
        (SubmissionSort::Email, false) => {
            submissions!("submission_id", "ORDER BY email_id DESC, submission_id DESC LIMIT $9 OFFSET $10")
        }
        (SubmissionSort::Thread, true) => {
            submissions!("submission_id", "ORDER BY thread_id, submission_id LIMIT $9 OFFSET $10")
        }
        (SubmissionSort::Thread, false) => {
            submissions!("submission_id", "ORDER BY thread_id DESC, submission_id DESC LIMIT $9 OFFSET $10")
        }
    }
}

/// The lists of ids of a query as texts.
struct Lists {
    identities: Option<String>,
    emails: Option<String>,
    threads: Option<String>,
}

impl SubmissionQuery {
    fn lists(&self) -> Lists {
        Lists {
            identities: self.identity_ids.as_deref().map(id_list),
            emails: self.email_ids.as_deref().map(id_list),
            threads: self.thread_ids.as_deref().map(id_list),
        }
    }

    fn input<'v>(&self, account_id: &'v AccountId, lists: &'v Lists, now: Timestamp) -> Vec<Value<'v>> {
        values![
            account_id,
            self.after.map_or(i64::MIN, Timestamp::millis),
            self.before.map_or(i64::MAX, Timestamp::millis),
            lists.identities.as_deref(),
            lists.emails.as_deref(),
            lists.threads.as_deref(),
            self.undo_status.map(UndoStatus::as_str),
            now
        ]
        .to_vec()
    }

    /// Whether what became of the list can be told: sorted by moment, and by nothing that the clock alone changes.
    pub fn has_changes(&self) -> bool {
        self.sort == SubmissionSort::SendAt && self.undo_status.is_none()
    }
}

impl Tx {
    /// Ids of the submissions that match, in order: `limit` of them from place `position` on, and how many match in all.
    pub async fn query_submissions(
        &mut self,
        account_id: AccountId,
        query: &SubmissionQuery,
        position: i64,
        limit: i64,
        now: Timestamp,
    ) -> Result<(Vec<SubmissionId>, i64)> {
        let lists = query.lists();
        let mut input = query.input(&account_id, &lists, now);
        let total = self.row(COUNT, &input).await?.map_or(Ok(0), |row| row.int(0))?;
        input.extend_from_slice(values![limit, position]);
        let rows = self.rows(page_text(query), &input).await?;
        Ok((rows.iter().map(|row| row.id(0)).collect::<Result<Vec<_>>>()?, total))
    }

    /// The place of a submission in a list by moment; `None` when it is not in it.
    pub async fn place_of_submission(
        &mut self,
        account_id: AccountId,
        query: &SubmissionQuery,
        submission_id: SubmissionId,
        now: Timestamp,
    ) -> Result<Option<usize>> {
        let Some(found) = self.submission(account_id, submission_id).await? else { return Ok(None) };
        let list = [(found.send_at, submission_id)];
        let place =
            self.places_of_submissions(account_id, query, &list, now).await?.first().map(|(_, at)| *at);
        let Some(place) = place else { return Ok(None) };
        let at = i64::try_from(place).unwrap_or(i64::MAX);
        // It may lie there without matching.
        let (there, _) = self.query_submissions(account_id, query, at, 1, now).await?;
        Ok((there.first() == Some(&submission_id)).then_some(place))
    }

    /// What became of a list of submissions since a state; `None` when more than `limit` were touched or it cannot be told.
    pub async fn submission_list_changes(
        &mut self,
        account_id: AccountId,
        query: &SubmissionQuery,
        since: ModSeq,
        limit: i64,
        now: Timestamp,
    ) -> Result<Option<ListChanges<SubmissionId>>> {
        if !query.has_changes() {
            return Ok(None);
        }
        let changes = self.changes(account_id, Changing::Submission, since, limit).await?;
        if changes.has_more {
            return Ok(None);
        }
        let lists = query.lists();
        let mut input = query.input(&account_id, &lists, now);
        input.extend_from_slice(values![since, limit.saturating_add(1)]);
        let rows = self.rows(NEW, &input).await?;
        let mut new = rows
            .iter()
            .map(|row| Ok((row.moment(1)?, row.id(0)?)))
            .collect::<Result<Vec<(Timestamp, SubmissionId)>>>()?;
        new.sort_unstable();
        if !query.ascending {
            new.reverse();
        }
        let added = self.places_of_submissions(account_id, query, &new, now).await?;
        let removed = changes.destroyed.into_iter().map(SubmissionId::from_bytes).collect();
        Ok(Some(ListChanges { removed, added }))
    }

    /// The places of some submissions of a list by moment, given in its order.
    async fn places_of_submissions(
        &mut self,
        account_id: AccountId,
        query: &SubmissionQuery,
        list: &[(Timestamp, SubmissionId)],
        now: Timestamp,
    ) -> Result<Vec<(SubmissionId, usize)>> {
        const BEFORE_ALL: (i64, &[u8]) = (i64::MIN, &[]);
        const AFTER_ALL: (i64, &[u8]) = (i64::MAX, &[]);
        let lists = query.lists();
        let (mut next, mut places) = (0usize, Vec::with_capacity(list.len()));
        let mut last = None;
        for (send_at, id) in list {
            let here = (send_at.millis(), id.as_bytes().as_slice());
            let (from, to) = match query.ascending {
                true => (last.unwrap_or(BEFORE_ALL), here),
                false => (here, last.unwrap_or(AFTER_ALL)),
            };
            // One beginning and one end of the stretch that is walked.
            let end = to.0.saturating_add(1);
            let end = query.before.map_or(end, |before| before.millis().min(end));
            let stretch = SubmissionQuery {
                after: query.after.max(Some(Timestamp::from_millis(from.0))),
                before: Some(Timestamp::from_millis(end)),
                ..query.clone()
            };
            let mut input = stretch.input(&account_id, &lists, now);
            input.extend_from_slice(values![from.0, from.1, to.0, to.1]);
            let between = self.row(BETWEEN, &input).await?.map_or(Ok(0), |row| row.int(0))?;
            next = next.saturating_add(usize::try_from(between).unwrap_or(0));
            places.push((*id, next));
            next = next.saturating_add(1);
            last = Some(here);
        }
        Ok(places)
    }
}
