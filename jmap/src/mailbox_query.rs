//! `Mailbox/query` (RFC 8621 §2.3). An account's mailboxes are few by the memory's own bound, so they are sifted here.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use mail::MailboxId;
use serde_json::{Map, Value, json};
use store::{Mailbox, MailboxRole};

use crate::Error;
use crate::args::{Args, invalid, state};
use crate::call::Context;
use crate::email_query::Window;

/// Operators in one another; the request itself is bounded already.
const DEPTH_MAX: usize = 16;

impl Context<'_> {
    /// `Mailbox/query` (RFC 8621 §2.3).
    pub(crate) async fn mailbox_query(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let query = MailboxQuery::read(&mut args)?;
        let window = Window::read(&mut args, self.api.limits.page_max)?;
        args.finish()?;
        let (modseq, mailboxes) = self
            .api
            .store
            .read((), |tx, ()| {
                Box::pin(async move {
                    Ok::<_, store::Error>((tx.modseq(account_id).await?, tx.mailboxes(account_id).await?))
                })
            })
            .await?;
        let found = query.answered_by(mailboxes)?;
        let total = found.len();
        let from = window.start(total, |anchor| found.iter().position(|id| id.to_string() == anchor))?;
        let ids: Vec<MailboxId> = found.into_iter().skip(from).take(window.limit).collect();
        Ok(window.answer(account_id, state(modseq), true, from, total, json!(ids)))
    }
}

/// Which mailboxes, in what order.
pub(crate) struct MailboxQuery {
    filter: Option<Value>,
    sort: Vec<By>,
    as_tree: bool,
    filter_as_tree: bool,
}

impl MailboxQuery {
    /// Takes filter, sort and what is done as a tree.
    pub(crate) fn read(args: &mut Args) -> Result<Self, Error> {
        Ok(Self {
            filter: args.take("filter"),
            sort: read_sort(args.list("sort")?.unwrap_or_default())?,
            as_tree: args.flag("sortAsTree")?,
            filter_as_tree: args.flag("filterAsTree")?,
        })
    }

    /// Whether the place of a mailbox depends on those above it.
    pub(crate) fn is_of_trees(&self) -> bool {
        self.as_tree || self.filter_as_tree
    }

    /// The mailboxes that match, in order.
    pub(crate) fn answered_by(&self, mut mailboxes: Vec<Mailbox>) -> Result<Vec<MailboxId>, Error> {
        let mut matching = HashSet::new();
        for mailbox in &mailboxes {
            if self.filter.as_ref().map_or(Ok(true), |filter| matches(mailbox, filter, 0))? {
                matching.insert(mailbox.mailbox_id);
            }
        }
        if self.filter_as_tree {
            matching = whole_branches(&mailboxes, &matching);
        }
        mailboxes.sort_by(|a, b| compare(a, b, &self.sort));
        let order = match self.as_tree {
            true => tree_order(&mailboxes),
            false => mailboxes.iter().map(|m| m.mailbox_id).collect(),
        };
        Ok(order.into_iter().filter(|id| matching.contains(id)).collect())
    }
}

/// Whether a mailbox passes a filter or an operator over filters (RFC 8620 §5.5).
fn matches(mailbox: &Mailbox, filter: &Value, depth: usize) -> Result<bool, Error> {
    let Value::Object(filter) = filter else { return Err(invalid("filter", "object")) };
    let Some(operator) = filter.get("operator") else { return meets(mailbox, filter) };
    let Some(Value::Array(conditions)) = filter.get("conditions") else {
        return Err(invalid("conditions", "list"));
    };
    if depth >= DEPTH_MAX {
        return Err(Error::UnsupportedFilter("operators lie too deep in one another".to_owned()));
    }
    let mut met = Vec::with_capacity(conditions.len());
    for condition in conditions {
        met.push(matches(mailbox, condition, depth + 1)?);
    }
    match operator.as_str() {
        Some("AND") => Ok(met.iter().all(|met| *met)),
        Some("OR") => Ok(met.iter().any(|met| *met)),
        Some("NOT") => Ok(!met.iter().any(|met| *met)),
        _ => Err(invalid("operator", "AND, OR or NOT")),
    }
}

/// Whether a mailbox meets every condition (RFC 8621 §2.3).
fn meets(mailbox: &Mailbox, conditions: &Map<String, Value>) -> Result<bool, Error> {
    let mut meets = true;
    for (name, value) in conditions {
        meets &= match (name.as_str(), value) {
            ("parentId", Value::Null) => mailbox.parent_id.is_none(),
            ("parentId", Value::String(id)) => {
                mailbox.parent_id.is_some_and(|parent| parent.to_string() == *id)
            }
            ("name", Value::String(part)) => {
                mail::text::fold(&mailbox.name).contains(&mail::text::fold(part))
            }
            ("role", Value::Null) => mailbox.role.is_none(),
            ("role", Value::String(role)) => mailbox.role.is_some_and(|own| own.as_str() == role),
            ("hasAnyRole", Value::Bool(wanted)) => mailbox.role.is_some() == *wanted,
            ("isSubscribed", Value::Bool(wanted)) => mailbox.is_subscribed == *wanted,
            ("parentId" | "name" | "role" | "hasAnyRole" | "isSubscribed", _) => {
                return Err(invalid(name, "value of this condition"));
            }
            _ => {
                let name = mail::text::clip(name, 100);
                return Err(Error::UnsupportedFilter(format!("mailboxes are not sifted by `{name}`")));
            }
        };
    }
    Ok(meets)
}

/// One step of a sort.
enum By {
    SortOrder(bool),
    Name(bool),
}

fn read_sort(list: Vec<Value>) -> Result<Vec<By>, Error> {
    list.iter()
        .map(|comparator| {
            let ascending = match comparator.get("isAscending") {
                None | Some(Value::Null) => true,
                Some(Value::Bool(ascending)) => *ascending,
                Some(_) => return Err(invalid("isAscending", "boolean")),
            };
            match comparator.get("property").and_then(Value::as_str) {
                Some("sortOrder") => Ok(By::SortOrder(ascending)),
                Some("name") => Ok(By::Name(ascending)),
                Some(other) => {
                    let other = mail::text::clip(other, 100);
                    Err(Error::UnsupportedSort(format!("mailboxes are not sorted by `{other}`")))
                }
                None => Err(invalid("sort", "list of comparators")),
            }
        })
        .collect()
}

fn compare(a: &Mailbox, b: &Mailbox, sort: &[By]) -> Ordering {
    let role = |m: &Mailbox| m.role.map_or("", MailboxRole::as_str);
    for by in sort {
        let (order, ascending) = match by {
            By::SortOrder(ascending) => (a.sort_order.cmp(&b.sort_order), ascending),
            By::Name(ascending) => (mail::text::fold(&a.name).cmp(&mail::text::fold(&b.name)), ascending),
        };
        match if *ascending { order } else { order.reverse() } {
            Ordering::Equal => {}
            decided => return decided,
        }
    }
    // Always the same order, so that pages fit together.
    (role(a), a.mailbox_id).cmp(&(role(b), b.mailbox_id))
}

/// Those of `matching` whose mailboxes above match, too.
fn whole_branches(mailboxes: &[Mailbox], matching: &HashSet<MailboxId>) -> HashSet<MailboxId> {
    let parents: HashMap<MailboxId, Option<MailboxId>> =
        mailboxes.iter().map(|m| (m.mailbox_id, m.parent_id)).collect();
    let holds = |start: MailboxId| {
        let mut here = Some(start);
        // No branch is longer than there are mailboxes.
        for _ in 0..=mailboxes.len() {
            match here {
                None => return true,
                Some(id) if !matching.contains(&id) => return false,
                Some(id) => here = parents.get(&id).copied().flatten(),
            }
        }
        false
    };
    matching.iter().copied().filter(|id| holds(*id)).collect()
}

/// Every mailbox followed by those in it; `sorted` gives the order among siblings.
fn tree_order(sorted: &[Mailbox]) -> Vec<MailboxId> {
    let mut children: HashMap<Option<MailboxId>, Vec<MailboxId>> = HashMap::new();
    for mailbox in sorted {
        children.entry(mailbox.parent_id).or_default().push(mailbox.mailbox_id);
    }
    let mut order = Vec::with_capacity(sorted.len());
    let mut waiting = children.remove(&None).unwrap_or_default();
    waiting.reverse();
    // Each list of children is taken out once, so this ends.
    while let Some(id) = waiting.pop() {
        order.push(id);
        waiting.extend(children.remove(&Some(id)).unwrap_or_default().into_iter().rev());
    }
    order
}
