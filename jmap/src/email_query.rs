//! `Email/query` (RFC 8621 §4.4), and the window that every query shows (RFC 8620 §5.5).

use mail::{AccountId, EmailId, Timestamp};
use serde_json::{Value, json};
use store::{Email, EmailQuery, Tx};

use crate::Error;
use crate::args::{Args, state};
use crate::call::Context;
use crate::filter::Asked;

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
    /// `Email/query` (RFC 8621 §4.4). What an index lists is read from there; all else is searched for.
    pub(crate) async fn email_query(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let asked = Asked::read(&mut args)?;
        let window = Window::read(&mut args, self.api.limits.page_max)?;
        args.finish()?;
        let anchor = window.anchor.as_deref().map(str::parse::<EmailId>);
        let anchor = anchor.transpose().map_err(|_| Error::AnchorNotFound)?;
        // Whoever keeps up with the changes of a list asks again for one that is searched.
        let has_changes = matches!(asked, Asked::Listed(_));
        if !has_changes {
            self.api.store.ready_search(account_id).await?;
        }
        let input = (window, asked, anchor);
        let (window, modseq, first, total, ids) = self
            .api
            .store
            .read((), move |tx, ()| {
                Box::pin(async move {
                    let (window, asked, anchor) = input;
                    let (first, ids, total) = page(tx, account_id, &window, &asked, anchor).await?;
                    Ok::<_, Error>((window, tx.modseq(account_id).await?, first, total, ids))
                })
            })
            .await?;
        Ok(window.answer(account_id, state(modseq), has_changes, first, total, json!(ids)))
    }
}

/// The wanted page: where it begins, its ids, and how many match in all.
async fn page(
    tx: &mut Tx,
    account_id: AccountId,
    window: &Window,
    asked: &Asked,
    anchor: Option<EmailId>,
) -> Result<(usize, Vec<EmailId>, usize), Error> {
    let limit = i64::try_from(window.limit).unwrap_or(i64::MAX);
    let first = match anchor {
        None if window.position >= 0 => window.first(0, None),
        None => {
            let (_, total) = some(tx, account_id, asked, 0, 0).await?;
            window.first(usize::try_from(total).unwrap_or(0), None)
        }
        Some(anchor) => {
            let at = match asked {
                Asked::Listed(query) => {
                    let email = tx.email(account_id, anchor).await?.ok_or(Error::AnchorNotFound)?;
                    place_of(tx, account_id, query, &email).await?
                }
                Asked::Searched(search) => {
                    let at = tx.search_place(account_id, search, anchor).await?;
                    at.and_then(|at| usize::try_from(at).ok())
                }
            };
            window.first(0, Some(at.ok_or(Error::AnchorNotFound)?))
        }
    };
    let position = i64::try_from(first).unwrap_or(i64::MAX);
    let (ids, total) = some(tx, account_id, asked, position, limit).await?;
    Ok((first, ids, usize::try_from(total).unwrap_or(0)))
}

async fn some(
    tx: &mut Tx,
    account_id: AccountId,
    asked: &Asked,
    position: i64,
    limit: i64,
) -> Result<(Vec<EmailId>, i64), Error> {
    Ok(match asked {
        Asked::Listed(query) => tx.query_emails(account_id, query, position, limit).await?,
        Asked::Searched(search) => tx.search_emails(account_id, search, position, limit).await?,
    })
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
}
