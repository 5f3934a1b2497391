//! `Email/query` (RFC 8621 §4.4), and the window that every query shows (RFC 8620 §5.5).

use mail::{AccountId, EmailId, Timestamp};
use serde_json::{Map, Value, json};
use store::{Email, EmailQuery, Tx};

use crate::Error;
use crate::args::{Args, invalid, state};
use crate::call::Context;
use crate::patch::is_keyword;

/// Conditions of one filter, however they are joined.
const CONDITIONS_MAX: usize = 32;
/// Messages looked at beside an anchor: those that arrived in the same millisecond.
const TIES_MAX: i64 = 5_000;

/// Which part of the results is wanted.
pub(crate) struct Window {
    position: i64,
    pub(crate) anchor: Option<String>,
    anchor_offset: i64,
    pub(crate) limit: usize,
    /// Whether the limit is ours and not what the client asked.
    is_ours: bool,
    calculate_total: bool,
}

impl Window {
    /// Takes the arguments of every `/query`.
    pub(crate) fn read(args: &mut Args, page_max: usize) -> Result<Self, Error> {
        let asked = args.unsigned("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Self {
            position: args.signed("position")?.unwrap_or(0),
            anchor: args.text("anchor")?,
            anchor_offset: args.signed("anchorOffset")?.unwrap_or(0),
            limit: asked.unwrap_or(page_max).min(page_max),
            is_ours: asked.is_none_or(|asked| asked > page_max),
            calculate_total: args.flag("calculateTotal")?,
        })
    }

    /// The index of the first result to show. `find` says where the anchor is.
    pub(crate) fn start(
        &self,
        total: usize,
        find: impl FnOnce(&str) -> Option<usize>,
    ) -> Result<usize, Error> {
        let found = match &self.anchor {
            Some(anchor) => Some(find(anchor).ok_or(Error::AnchorNotFound)?),
            None => None,
        };
        Ok(self.first(total, found))
    }

    /// RFC 8620 §5.5: an anchor goes before a position; a negative position counts from the end; nothing begins before
    /// the beginning.
    pub(crate) fn first(&self, total: usize, anchor_at: Option<usize>) -> usize {
        let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let first = match anchor_at {
            Some(at) => signed(at).saturating_add(self.anchor_offset),
            None if self.position < 0 => signed(total).saturating_add(self.position),
            None => self.position,
        };
        usize::try_from(first.max(0)).unwrap_or(usize::MAX)
    }

    /// The answer of every `/query`; `has_changes` is whether its `/queryChanges` can be asked with this filter and sort.
    pub(crate) fn answer(
        &self,
        account_id: AccountId,
        query_state: String,
        has_changes: bool,
        position: usize,
        total: usize,
        ids: Value,
    ) -> Value {
        let mut answer = json!({
            "accountId": account_id,
            "queryState": query_state,
            "canCalculateChanges": has_changes,
            "position": if position < total { position } else { 0 },
            "ids": ids,
        });
        if self.calculate_total {
            answer["total"] = total.into();
        }
        if self.is_ours {
            answer["limit"] = self.limit.into();
        }
        answer
    }
}

impl Context<'_> {
    /// `Email/query` (RFC 8621 §4.4). Filters and sorts are those an index answers; others are refused by name.
    pub(crate) async fn email_query(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let query = read_query(&mut args)?;
        let window = Window::read(&mut args, self.api.limits.page_max)?;
        args.finish()?;
        let anchor = window.anchor.as_deref().map(str::parse::<EmailId>);
        let anchor = anchor.transpose().map_err(|_| Error::AnchorNotFound)?;
        let input = (window, query, anchor);
        let (window, modseq, first, total, ids) = self
            .api
            .store
            .read((), move |tx, ()| {
                Box::pin(async move {
                    let (window, query, anchor) = input;
                    let (first, ids, total) = page(tx, account_id, &window, &query, anchor).await?;
                    Ok::<_, Error>((window, tx.modseq(account_id).await?, first, total, ids))
                })
            })
            .await?;
        Ok(window.answer(account_id, state(modseq), true, first, total, json!(ids)))
    }
}

/// Takes filter, sort and `collapseThreads`.
pub(crate) fn read_query(args: &mut Args) -> Result<EmailQuery, Error> {
    let mut query = EmailQuery::default();
    if let Some(filter) = args.take("filter") {
        read_filter(filter, &mut query)?;
    }
    query.oldest_first = read_sort(args.list("sort")?.unwrap_or_default())?;
    query.collapse_threads = args.flag("collapseThreads")?;
    Ok(query)
}

/// The wanted page: where it begins, its ids, and how many match in all.
async fn page(
    tx: &mut Tx,
    account_id: AccountId,
    window: &Window,
    query: &EmailQuery,
    anchor: Option<EmailId>,
) -> Result<(usize, Vec<EmailId>, usize), Error> {
    let limit = i64::try_from(window.limit).unwrap_or(i64::MAX);
    let first = match anchor {
        None if window.position >= 0 => window.first(0, None),
        None => {
            let (_, total) = tx.query_emails(account_id, query, 0, 0).await?;
            window.first(usize::try_from(total).unwrap_or(0), None)
        }
        Some(anchor) => {
            let email = tx.email(account_id, anchor).await?.ok_or(Error::AnchorNotFound)?;
            let at = place_of(tx, account_id, query, &email).await?.ok_or(Error::AnchorNotFound)?;
            window.first(0, Some(at))
        }
    };
    let position = i64::try_from(first).unwrap_or(i64::MAX);
    let (ids, total) = tx.query_emails(account_id, query, position, limit).await?;
    Ok((first, ids, usize::try_from(total).unwrap_or(0)))
}

/// The place of a message among the results: as many as arrived before it (or after it), and then its place among
/// those of the same millisecond. Nothing is read that lies farther away.
async fn place_of(
    tx: &mut Tx,
    account_id: AccountId,
    query: &EmailQuery,
    email: &Email,
) -> Result<Option<usize>, Error> {
    let at = email.received_at;
    let next = Timestamp::from_millis(at.millis().saturating_add(1));
    let mut ahead = query.clone();
    match query.oldest_first {
        true => ahead.before = Some(query.before.map_or(at, |before| before.min(at))),
        false => ahead.after = Some(query.after.map_or(next, |after| after.max(next))),
    }
    let (_, before) = tx.query_emails(account_id, &ahead, 0, 0).await?;
    let (ties, _) = tx.query_emails(account_id, query, before, TIES_MAX).await?;
    let place = ties.iter().position(|id| *id == email.email_id);
    Ok(place.map(|place| place.saturating_add(usize::try_from(before).unwrap_or(0))))
}

/// Reads a filter: one set of conditions, or several joined by AND, each condition once.
fn read_filter(filter: Value, query: &mut EmailQuery) -> Result<(), Error> {
    let mut waiting = vec![filter];
    let mut conditions = 0;
    while let Some(filter) = waiting.pop() {
        conditions += 1;
        if conditions > CONDITIONS_MAX {
            return Err(Error::UnsupportedFilter("too many conditions".to_owned()));
        }
        let Value::Object(mut filter) = filter else { return Err(invalid("filter", "object")) };
        match filter.remove("operator") {
            None => read_conditions(filter, query)?,
            Some(Value::String(operator)) if operator == "AND" => match filter.remove("conditions") {
                Some(Value::Array(list)) => waiting.extend(list),
                _ => return Err(invalid("conditions", "list")),
            },
            Some(Value::String(operator)) if operator == "OR" || operator == "NOT" => {
                return Err(Error::UnsupportedFilter(format!(
                    "conditions are joined by AND here, not by {operator}"
                )));
            }
            Some(_) => return Err(invalid("operator", "AND, OR or NOT")),
        }
    }
    Ok(())
}

fn read_conditions(conditions: Map<String, Value>, query: &mut EmailQuery) -> Result<(), Error> {
    for (name, value) in conditions {
        match (name.as_str(), value) {
            ("inMailbox", Value::String(id)) => {
                // What is no id of ours names a mailbox without messages.
                let id = id.parse().unwrap_or(mail::MailboxId::from_bytes([0; 16]));
                once(&mut query.in_mailbox, id, &name)?;
            }
            ("after", Value::String(date)) => {
                let after = read_date(&date, &name)?;
                query.after = Some(query.after.map_or(after, |other| other.max(after)));
            }
            ("before", Value::String(date)) => {
                let before = read_date(&date, &name)?;
                query.before = Some(query.before.map_or(before, |other| other.min(before)));
            }
            ("hasKeyword", Value::String(keyword)) => {
                once(&mut query.has_keyword, read_keyword(keyword, &name)?, &name)?
            }
            ("notKeyword", Value::String(keyword)) => {
                once(&mut query.not_keyword, read_keyword(keyword, &name)?, &name)?
            }
            ("inMailbox" | "after" | "before" | "hasKeyword" | "notKeyword", _) => {
                return Err(invalid(&name, "value of this condition"));
            }
            _ => {
                let name = mail::text::clip(&name, 100);
                return Err(Error::UnsupportedFilter(format!(
                    "messages are found by inMailbox, after, before, hasKeyword and notKeyword here, not by `{name}`"
                )));
            }
        }
    }
    Ok(())
}

fn once<T: PartialEq>(slot: &mut Option<T>, value: T, name: &str) -> Result<(), Error> {
    match slot.replace(value) {
        Some(other) if Some(&other) != slot.as_ref() => {
            Err(Error::UnsupportedFilter(format!("`{name}` can be given once here")))
        }
        _ => Ok(()),
    }
}

fn read_date(date: &str, name: &str) -> Result<Timestamp, Error> {
    Timestamp::parse_rfc3339(date).map_err(|_| invalid(name, "UTCDate"))
}

fn read_keyword(keyword: String, name: &str) -> Result<String, Error> {
    let keyword = keyword.to_ascii_lowercase();
    if is_keyword(&keyword) { Ok(keyword) } else { Err(invalid(name, "keyword")) }
}

/// Reads a sort; `true` is oldest first. Without one, newest first. What follows `receivedAt` never decides: the store
/// breaks ties by id.
fn read_sort(list: Vec<Value>) -> Result<bool, Error> {
    let Some(comparator) = list.first() else { return Ok(false) };
    let unsupported = || Error::UnsupportedSort("messages are sorted by receivedAt here".to_owned());
    if list.len() > 1 {
        return Err(unsupported());
    }
    match comparator.get("property").and_then(Value::as_str) {
        Some("receivedAt") => {}
        Some(_) => return Err(unsupported()),
        None => return Err(invalid("sort", "list of comparators")),
    }
    match comparator.get("isAscending") {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(ascending)) => Ok(*ascending),
        Some(_) => Err(invalid("isAscending", "boolean")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn windows_of_rfc_8620_5_5() {
        // position, anchor at, offset → first of 10
        let rows = [
            (0,    None,    0,  0),
            (3,    None,    9,  3),
            (-4,   None,    0,  6),
            (-40,  None,    0,  0),
            (7,    Some(5), 0,  5),
            (7,    Some(5), -2, 3),
            (7,    Some(5), -9, 0),
            (7,    Some(5), 3,  8),
        ];
        for (position, anchor_at, anchor_offset, expected) in rows {
            let window = Window {
                position, anchor: None, anchor_offset, limit: 1, is_ours: false, calculate_total: false,
            };
            assert_eq!(window.first(10, anchor_at), expected, "{position} {anchor_at:?} {anchor_offset}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn filters_that_are_answered_and_others() {
        let nested = |n: usize| (0..n).fold(json!({}), |inner, _| json!({ "operator": "AND", "conditions": [inner] }));
        let rows = [
            (json!({}), "ok"),
            (json!({ "inMailbox": "x", "hasKeyword": "$Flagged" }), "ok"),
            (json!({ "operator": "AND", "conditions": [{ "after": "2026-01-01T00:00:00Z" }, { "notKeyword": "$seen" }] }), "ok"),
            (json!({ "operator": "AND", "conditions": [{ "hasKeyword": "a" }, { "hasKeyword": "A" }] }), "ok"),
            (json!({ "operator": "AND", "conditions": [{ "hasKeyword": "a" }, { "hasKeyword": "b" }] }), "unsupportedFilter"),
            (json!({ "operator": "OR", "conditions": [] }), "unsupportedFilter"),
            (json!({ "text": "họp" }), "unsupportedFilter"),
            (nested(100), "unsupportedFilter"),
            (json!({ "operator": "XOR", "conditions": [] }), "invalidArguments"),
            (json!({ "operator": "AND" }), "invalidArguments"),
            (json!({ "hasKeyword": "a%" }), "invalidArguments"),
            (json!({ "hasKeyword": 1 }), "invalidArguments"),
            (json!({ "after": "yesterday" }), "invalidArguments"),
            (json!([]), "invalidArguments"),
        ];
        for (filter, expected) in rows {
            let outcome = read_filter(filter.clone(), &mut EmailQuery::default());
            assert_eq!(outcome.map_or_else(|e| e.kind(), |()| "ok"), expected, "{filter}");
        }
    }
}
