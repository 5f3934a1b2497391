//! `Foo/queryChanges` (RFC 8620 §5.6): what became of a list, at a cost of what changed.

use std::collections::HashSet;

use mail::{AccountId, EmailId, MailboxId, ModSeq};
use serde_json::{Value, json};
use store::{Changing, ListChanges, Mailbox};

use crate::Error;
use crate::args::{self, Args, read_state, state};
use crate::call::Context;
use crate::filter::Asked;
use crate::mailbox_query::MailboxQuery;
use crate::submission_get;

/// The arguments of every `/queryChanges` beside filter and sort.
struct Since {
    account_id: AccountId,
    state: ModSeq,
    changes_max: Option<i64>,
    up_to_id: Option<String>,
    calculate_total: bool,
}

/// What was found out.
struct Found<I> {
    now: ModSeq,
    changes: Option<ListChanges<I>>,
    total: i64,
}

const NOT_A_STATE: Error = Error::CannotCalculateChanges("not a state of this account");
const TOO_MUCH: Error = Error::CannotCalculateChanges("too much changed; ask the query again");

impl Since {
    fn read(cx: &Context<'_>, args: &mut Args) -> Result<Self, Error> {
        let account_id = args.account(cx.caller)?;
        let since = args.text("sinceQueryState")?;
        let since = since.ok_or_else(|| args::invalid("sinceQueryState", "state"))?;
        let changes_max = args.unsigned("maxChanges")?;
        if changes_max == Some(0) {
            return Err(Error::InvalidArguments("`maxChanges` is greater than 0".to_owned()));
        }
        Ok(Self {
            account_id,
            state: read_state(&since)
                .filter(|state| *state >= cx.api.store.first_state())
                .ok_or(NOT_A_STATE)?,
            changes_max,
            up_to_id: args.text("upToId")?,
            calculate_total: args.flag("calculateTotal")?,
        })
    }

    fn answer<I: serde::Serialize>(&self, found: Found<I>) -> Result<Value, Error> {
        if self.state > found.now {
            return Err(NOT_A_STATE);
        }
        let changes = found.changes.ok_or(TOO_MUCH)?;
        let count = i64::try_from(changes.removed.len() + changes.added.len()).unwrap_or(i64::MAX);
        if self.changes_max.is_some_and(|most| count > most) {
            return Err(Error::TooManyChanges);
        }
        let added: Vec<Value> =
            changes.added.iter().map(|(id, index)| json!({ "id": id, "index": index })).collect();
        let mut answer = json!({
            "accountId": self.account_id,
            "oldQueryState": state(self.state),
            "newQueryState": state(found.now),
            "removed": changes.removed,
            "added": added,
        });
        if self.calculate_total {
            answer["total"] = found.total.into();
        }
        Ok(answer)
    }
}

impl Context<'_> {
    /// How many changed messages, mailboxes or submissions are looked at; a client that was away for more asks the query again.
    fn changes_max(&self) -> i64 {
        i64::try_from(self.api.limits.page_max).unwrap_or(i64::MAX).saturating_mul(4)
    }

    /// `Email/queryChanges` (RFC 8621 §4.5).
    pub(crate) async fn email_query_changes(&mut self, mut args: Args) -> Result<Value, Error> {
        let since = Since::read(self, &mut args)?;
        let asked = Asked::read(&mut args)?;
        args.finish()?;
        let Asked::Listed(query) = asked else {
            return Err(Error::CannotCalculateChanges(
                "changes of searches are not kept; ask the query again",
            ));
        };
        let up_to: Option<EmailId> = since.up_to_id.as_ref().and_then(|id| id.parse().ok());
        let (account_id, from, limit) = (since.account_id, since.state, self.changes_max());
        let calculate_total = since.calculate_total;
        let found = self
            .api
            .store
            .read(query, move |tx, query| {
                Box::pin(async move {
                    let now = tx.modseq(account_id).await?;
                    let changes = tx.email_list_changes(account_id, query, from, up_to, limit).await?;
                    let total = match calculate_total {
                        true => tx.query_emails(account_id, query, 0, 0).await?.1,
                        false => 0,
                    };
                    Ok::<_, store::Error>(Found { now, changes, total })
                })
            })
            .await?;
        since.answer(found)
    }

    /// `Mailbox/queryChanges` (RFC 8621 §2.4). The list itself is at hand, so only what was touched is told.
    pub(crate) async fn mailbox_query_changes(&mut self, mut args: Args) -> Result<Value, Error> {
        let since = Since::read(self, &mut args)?;
        let query = MailboxQuery::read(&mut args)?;
        args.finish()?;
        let (account_id, from, limit) = (since.account_id, since.state, self.changes_max());
        let (now, mailboxes, changes) = self
            .api
            .store
            .read((), move |tx, ()| {
                Box::pin(async move {
                    let now = tx.modseq(account_id).await?;
                    let changes = tx.changes(account_id, Changing::Mailbox, from, limit).await?;
                    Ok::<_, store::Error>((now, tx.mailboxes(account_id).await?, changes))
                })
            })
            .await?;
        if changes.has_more {
            return Err(TOO_MUCH);
        }
        let mut touched: HashSet<MailboxId> =
            changes.updated.into_iter().map(MailboxId::from_bytes).collect();
        if query.is_of_trees() {
            add_those_in(&mailboxes, &mut touched);
        }
        let is_new = |id: &MailboxId| {
            mailboxes.iter().any(|mailbox| mailbox.mailbox_id == *id && mailbox.created_modseq > from)
        };
        let mut removed: Vec<MailboxId> = touched.iter().copied().filter(|id| !is_new(id)).collect();
        removed.extend(changes.destroyed.into_iter().map(MailboxId::from_bytes));
        removed.sort_unstable();
        touched.extend(changes.created.into_iter().map(MailboxId::from_bytes));
        let list = query.answered_by(mailboxes.clone())?;
        let total = i64::try_from(list.len()).unwrap_or(i64::MAX);
        let added = list.into_iter().enumerate().filter(|(_, id)| touched.contains(id));
        let added = added.map(|(place, id)| (id, place)).collect();
        since.answer(Found { now, changes: Some(ListChanges { removed, added }), total })
    }

    /// `EmailSubmission/queryChanges` (RFC 8621 §7.4).
    pub(crate) async fn submission_query_changes(&mut self, mut args: Args) -> Result<Value, Error> {
        let since = Since::read(self, &mut args)?;
        let query = submission_get::read_query(&mut args)?;
        args.finish()?;
        if !query.has_changes() {
            return Err(Error::CannotCalculateChanges("not in this order or with this filter"));
        }
        let (account_id, from, limit, at) = (since.account_id, since.state, self.changes_max(), self.now);
        let found = self
            .api
            .store
            .read(query, move |tx, query| {
                Box::pin(async move {
                    let now = tx.modseq(account_id).await?;
                    let changes = tx.submission_list_changes(account_id, query, from, limit, at).await?;
                    let (_, total) = tx.query_submissions(account_id, query, 0, 0, at).await?;
                    Ok::<_, store::Error>(Found { now, changes, total })
                })
            })
            .await?;
        since.answer(found)
    }
}

/// Adds the mailboxes that lie in touched ones, however deep: their place follows from those above them.
fn add_those_in(mailboxes: &[Mailbox], touched: &mut HashSet<MailboxId>) {
    // Each turn adds one at least or is the last.
    loop {
        let below = mailboxes.iter().filter(|mailbox| {
            !touched.contains(&mailbox.mailbox_id)
                && mailbox.parent_id.is_some_and(|parent| touched.contains(&parent))
        });
        let below: Vec<MailboxId> = below.map(|mailbox| mailbox.mailbox_id).collect();
        if below.is_empty() {
            return;
        }
        touched.extend(below);
    }
}
