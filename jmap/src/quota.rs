//! How much an account may hold (RFC 9425). There is one quota: the bytes of its messages.

use mail::AccountId;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::args::{self, Args, invalid};
use crate::call::Context;
use crate::email_query::Window;

const PROPERTIES: [&str; 10] = [
    "id",
    "resourceType",
    "used",
    "hardLimit",
    "scope",
    "name",
    "types",
    "warnLimit",
    "softLimit",
    "description",
];
/// The id of the one quota.
const STORAGE: &str = "storage";
const NAME: &str = "Hộp thư";

/// What is used, and the most that may be.
#[derive(Clone, Copy)]
struct Storage {
    used: i64,
    hard_limit: i64,
}

impl Storage {
    /// Both numbers: whoever comes with a state says all there is to compare.
    fn state(self) -> String {
        format!("{}.{}", self.used, self.hard_limit)
    }

    fn of_state(text: &str) -> Option<Self> {
        let (used, hard_limit) = text.split_once('.')?;
        let storage = Self { used: used.parse().ok()?, hard_limit: hard_limit.parse().ok()? };
        (storage.state() == text).then_some(storage)
    }

    fn property(self, name: &str) -> Value {
        match name {
            "id" => json!(STORAGE),
            "resourceType" => json!("octets"),
            "used" => json!(self.used),
            "hardLimit" => json!(self.hard_limit),
            "scope" => json!("account"),
            "name" => json!(NAME),
            "types" => json!(["Mail"]),
            // Whom the house warns, and when, is its own affair (RULES M31).
            "description" => json!("Dung lượng thư / Bytes of messages"),
            _ => Value::Null,
        }
    }
}

impl Context<'_> {
    async fn storage(&self, account_id: AccountId) -> Result<Storage, Error> {
        let found =
            self.api.store.read((), |tx, ()| Box::pin(async move { tx.account(account_id).await })).await?;
        let account: store::Account = found.ok_or(Error::AccountNotFound)?;
        Ok(Storage { used: account.used_bytes.max(0), hard_limit: account.quota_bytes.max(0) })
    }

    /// `Quota/get` (RFC 9425 §4.1).
    pub(crate) async fn quota_get(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let ids = args.texts("ids")?;
        let properties = args.texts("properties")?;
        args.finish()?;
        if let Some(unknown) = properties.iter().flatten().find(|p| !PROPERTIES.contains(&p.as_str())) {
            let unknown = mail::text::clip(unknown, 100);
            return Err(Error::InvalidArguments(format!("a Quota has no property `{unknown}`")));
        }
        let ids = ids.unwrap_or_else(|| vec![STORAGE.to_owned()]);
        if ids.len() > self.api.limits.objects_in_get_max {
            return Err(Error::RequestTooLarge("more ids than maxObjectsInGet"));
        }
        let storage = self.storage(account_id).await?;
        let wanted =
            |name: &str| name == "id" || properties.as_ref().is_none_or(|p| p.iter().any(|n| n == name));
        let shown = PROPERTIES.into_iter().filter(|name| wanted(name));
        let object: Map<String, Value> =
            shown.map(|name| (name.to_owned(), storage.property(name))).collect();
        let (found, not_found): (Vec<String>, Vec<String>) = ids.into_iter().partition(|id| id == STORAGE);
        let list: Vec<Value> = found.first().map(|_| Value::Object(object)).into_iter().collect();
        Ok(json!({ "accountId": account_id, "state": storage.state(), "list": list, "notFound": not_found }))
    }

    /// `Quota/changes` (RFC 9425 §4.2).
    pub(crate) async fn quota_changes(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let since = args.text("sinceState")?.ok_or_else(|| invalid("sinceState", "state"))?;
        if args.unsigned("maxChanges")? == Some(0) {
            return Err(Error::InvalidArguments("`maxChanges` is greater than 0".to_owned()));
        }
        args.finish()?;
        let was = Storage::of_state(&since)
            .ok_or(Error::CannotCalculateChanges("not a state of this account's quotas"))?;
        let is = self.storage(account_id).await?;
        let (used, limit) = (was.used != is.used, was.hard_limit != is.hard_limit);
        let updated: &[&str] = if used || limit { &[STORAGE] } else { &[] };
        Ok(json!({
            "accountId": account_id, "oldState": since, "newState": is.state(), "hasMoreChanges": false,
            "created": [], "updated": updated, "destroyed": [],
            "updatedProperties": if used && !limit { json!(["used"]) } else { Value::Null },
        }))
    }

    /// `Quota/query` (RFC 9425 §4.3).
    pub(crate) async fn quota_query(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let list = read_query(&mut args)?;
        let window = Window::read(&mut args, self.api.limits.page_max)?;
        args.finish()?;
        let state = self.storage(account_id).await?.state();
        let first = window.start(list.len(), |anchor| list.iter().position(|id| *id == anchor))?;
        let ids: Vec<&str> = list.iter().copied().skip(first).take(window.limit).collect();
        Ok(window.answer(account_id, state, true, first, list.len(), json!(ids)))
    }

    /// `Quota/queryChanges` (RFC 9425 §4.4): what a quota is found by never changes.
    pub(crate) async fn quota_query_changes(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let since = args.text("sinceQueryState")?.ok_or_else(|| invalid("sinceQueryState", "state"))?;
        let list = read_query(&mut args)?;
        args.unsigned("maxChanges")?;
        args.text("upToId")?;
        let calculate_total = args.flag("calculateTotal")?;
        args.finish()?;
        Storage::of_state(&since)
            .ok_or(Error::CannotCalculateChanges("not a state of this account's quotas"))?;
        let mut answer = json!({
            "accountId": account_id, "oldQueryState": since,
            "newQueryState": self.storage(account_id).await?.state(), "removed": [], "added": [],
        });
        if calculate_total {
            answer["total"] = list.len().into();
        }
        Ok(answer)
    }
}

/// Takes filter and sort; what is left of the one quota.
fn read_query(args: &mut Args) -> Result<Vec<&'static str>, Error> {
    let mut is_in = true;
    for (name, value) in args.object("filter")?.unwrap_or_default() {
        let text = value.as_str().ok_or_else(|| invalid(&name, "text"))?;
        is_in &= match name.as_str() {
            "name" => mail::text::fold(NAME).contains(&mail::text::fold(text)),
            "scope" => text == "account",
            "resourceType" => text == "octets",
            "type" => text == "Mail",
            _ => {
                let name = mail::text::clip(&name, 100);
                return Err(Error::UnsupportedFilter(format!("quotas are not sifted by `{name}`")));
            }
        };
    }
    for comparator in args.list("sort")?.unwrap_or_default() {
        match comparator.get("property").and_then(Value::as_str) {
            Some("name" | "used") => {}
            Some(_) => return Err(Error::UnsupportedSort("quotas are sorted by name or used".to_owned())),
            None => return Err(args::invalid("sort", "list of comparators")),
        }
    }
    Ok(if is_in { vec![STORAGE] } else { Vec::new() })
}
