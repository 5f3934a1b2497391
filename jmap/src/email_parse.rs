//! `Email/parse` (RFC 8621 §4.9): a message that is a blob, shown as if it were one of the account.

use serde_json::{Map, Value, json};

use crate::Error;
use crate::args::{Args, invalid};
use crate::call::Context;
use crate::email_get::{DEFAULT_OF_CONTENT, Shown, View, facts_of};
use crate::headers::Block;

impl Context<'_> {
    /// `Email/parse` (RFC 8621 §4.9).
    pub(crate) async fn email_parse(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let blob_ids = args.texts("blobIds")?.ok_or_else(|| invalid("blobIds", "list of ids"))?;
        let view = View::read(&mut args, DEFAULT_OF_CONTENT)?;
        args.finish()?;
        let limits = &self.api.limits;
        if blob_ids.len() > limits.objects_in_get_max {
            return Err(Error::RequestTooLarge("more ids than maxObjectsInGet"));
        }
        let mut may_answer = limits.body_values_bytes_max;
        let mut may_open = limits.opened_bytes_max;
        let (mut parsed, mut not_parsable, mut not_found) = (Map::new(), Vec::new(), Vec::new());
        for blob_id in blob_ids {
            // `#k` stands for what was created under it in this request.
            let id = crate::args::resolve_id(&blob_id, &self.created).unwrap_or(&blob_id).to_owned();
            let Some(raw) = self.api.content(account_id, &id).await? else {
                not_found.push(blob_id);
                continue;
            };
            may_open = may_open
                .checked_sub(raw.len() as u64)
                .ok_or(Error::RequestTooLarge("too many bytes to open at once; ask for fewer messages"))?;
            if Block::read(&raw).fields.is_empty() {
                not_parsable.push(blob_id);
                continue;
            }
            let facts = facts_of(&raw, limits);
            let shown = Shown { facts: &facts, blob_id: id, size: raw.len() as u64, email: None };
            parsed.insert(blob_id, Value::Object(shown.object(Some(&raw), &view, &mut may_answer)));
        }
        let or_null = |list: Vec<String>| if list.is_empty() { Value::Null } else { json!(list) };
        Ok(json!({
            "accountId": account_id,
            "parsed": if parsed.is_empty() { Value::Null } else { Value::Object(parsed) },
            "notParsable": or_null(not_parsable),
            "notFound": or_null(not_found),
        }))
    }
}
