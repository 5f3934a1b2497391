//! The trace: what happened to each message. A protected record, sealed; found by digests (decision 0025).

use std::collections::HashSet;

use mail::trace::Event;
use mail::{EmailAddress, OwnerId, Timestamp};

use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

/// Whose an event is that concerns nobody of ours: a stranger was turned away.
pub const NOBODY: OwnerId = OwnerId::from_bytes([0; 16]);

/// Events of one message that are read.
const EVENTS_MAX: i64 = 2_000;
/// Rows that one question may look through.
const ROWS_MAX: usize = 200_000;
/// Rows read at a time.
const PAGE: i64 = 1_000;

/// An event to remember.
#[derive(Clone, Debug)]
pub struct NewTrace {
    /// The message's name ([`mail::Letter::id`]). What has none is not traced.
    pub name: String,
    /// The account or agency concerned.
    pub owner: OwnerId,
    /// What happened.
    pub event: Event,
}

/// An event, read back.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The message's name.
    pub name: String,
    /// The account or agency concerned.
    pub owner: OwnerId,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Which messages are asked about.
#[derive(Clone, Debug, Default)]
pub struct TraceQuery {
    /// Whose `MAIL FROM` it was.
    pub from: Option<EmailAddress>,
    /// Among whose recipients this one is.
    pub to: Option<EmailAddress>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// How many messages are named, the newest first.
    pub limit: usize,
}

macro_rules! select_trace {
    ($tail:literal) => {
        concat!("SELECT name, owner_id, at, sealed, seq FROM mail_trace WHERE ", $tail)
    };
}

fn context(name: &str, owner: OwnerId) -> Vec<u8> {
    [owner.as_bytes().as_slice(), name.as_bytes()].concat()
}

impl Tx {
    /// Remembers an event, in the transaction of what it tells.
    ///
    /// # Errors
    /// The store's own trouble: what cannot be told has not happened.
    pub async fn trace(&mut self, new: &NewTrace, now: Timestamp) -> Result<()> {
        if new.name.is_empty() {
            return Ok(());
        }
        let plain = serde_json::to_vec(&new.event).map_err(|e| Error::Internal(e.to_string()))?;
        let keyring = &self.shared.keyring;
        let sealed = keyring.seal_trace(plain, &context(&new.name, new.owner), &*self.shared.chance);
        let arrival = new.event.arrival();
        let message = arrival.and_then(|a| a.message_id.as_deref()).map(|id| keyring.trace_digest(id));
        let sender = arrival.and_then(|a| a.from.as_ref()).map(|from| keyring.trace_digest(&from.folded()));
        self.exec(
            "INSERT INTO mail_trace (name, owner_id, at, kind, message_digest, sender_digest, sealed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                &new.name,
                &new.owner,
                now,
                new.event.kind(),
                message.as_ref().map(<[u8; 8]>::as_slice),
                sender.as_ref().map(<[u8; 8]>::as_slice),
                &sealed
            ],
        )
        .await
        .map(drop)
    }

    fn traced(&self, row: &Row) -> Result<Traced> {
        let (name, owner) = (row.text(0)?, row.id(1)?);
        let plain = self.shared.keyring.open_trace(row.bytes(3)?, &context(&name, owner))?;
        let event = serde_json::from_slice(&plain).map_err(|_| Error::Damaged("an event of the trace"))?;
        Ok(Traced { name, owner, at: row.moment(2)?, event })
    }

    /// What happened to a message, in order.
    pub async fn traced_as(&mut self, name: &str) -> Result<Vec<Traced>> {
        let rows =
            self.rows(select_trace!("name = $1 ORDER BY seq LIMIT $2"), values![name, EVENTS_MAX]).await?;
        rows.iter().map(|row| self.traced(row)).collect()
    }

    /// The names of the messages with a Message-ID, oldest first: one that was sent on and came back has several.
    pub async fn traced_message(&mut self, message_id: &str, limit: usize) -> Result<Vec<String>> {
        let digest = self.shared.keyring.trace_digest(message_id);
        let rows = self
            .rows(
                select_trace!("message_digest = $1 ORDER BY seq LIMIT $2"),
                values![digest.as_slice(), EVENTS_MAX],
            )
            .await?;
        let mut names = Vec::new();
        for row in &rows {
            let traced = self.traced(row)?;
            let is_it = traced.event.arrival().is_some_and(|a| a.message_id.as_deref() == Some(message_id));
            if is_it && !names.contains(&traced.name) && names.len() < limit {
                names.push(traced.name);
            }
        }
        Ok(names)
    }

    /// The names of the messages that a question is about, newest first. By sender, or by a recipient with an account here, an
    /// index answers; otherwise the trace is read from its new end, back to `since`.
    pub async fn find_traced(&mut self, query: &TraceQuery) -> Result<Vec<String>> {
        let (mut names, mut seen): (Vec<String>, HashSet<String>) = Default::default();
        let (mut before, mut looked_at) = (i64::MAX, 0);
        let account = match (&query.from, &query.to) {
            (None, Some(to)) => self.address(to).await?.map(|found| found.account_id),
            _ => None,
        };
        while looked_at < ROWS_MAX && names.len() < query.limit {
            let page = match (&query.from, account) {
                (Some(from), _) => {
                    let digest = self.shared.keyring.trace_digest(&from.folded());
                    let sql = select_trace!("sender_digest = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
                    self.rows(sql, values![digest.as_slice(), before, PAGE]).await?
                }
                (None, Some(account)) => {
                    let sql = select_trace!("owner_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
                    self.rows(sql, values![&account, before, PAGE]).await?
                }
                (None, None) => {
                    let sql = select_trace!("seq < $1 ORDER BY seq DESC LIMIT $2");
                    self.rows(sql, values![before, PAGE]).await?
                }
            };
            let Some(last) = page.last() else { break };
            before = last.int(4)?;
            looked_at += page.len();
            let is_past = query.since.is_some_and(|since| last.moment(2).is_ok_and(|at| at < since));
            for row in &page {
                let traced = self.traced(row)?;
                if query.holds(&traced) && names.len() < query.limit && seen.insert(traced.name.clone()) {
                    names.push(traced.name);
                }
            }
            if is_past {
                break;
            }
        }
        Ok(names)
    }

    /// Forgets what happened before a moment, from the old end, `limit` rows at most; answers how many.
    pub async fn drop_traces(&mut self, before: Timestamp, limit: i64) -> Result<u64> {
        self.exec(
            "DELETE FROM mail_trace WHERE at < $1 AND seq IN (SELECT seq FROM mail_trace ORDER BY seq LIMIT $2)",
            values![before, limit],
        )
        .await
    }
}

impl TraceQuery {
    fn holds(&self, traced: &Traced) -> bool {
        let is_from = self.from.as_ref().is_none_or(|from| {
            let sender = traced.event.arrival().and_then(|arrival| arrival.from.as_ref());
            sender.is_some_and(|sender| sender.folded() == from.folded())
        });
        let is_to = self.to.as_ref().is_none_or(|to| traced.event.is_to(to));
        let is_then = self.since.is_none_or(|since| traced.at >= since)
            && self.until.is_none_or(|until| traced.at <= until);
        is_from && is_to && is_then
    }
}
