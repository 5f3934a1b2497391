//! Copying between accounts (RFC 8620 §5.4, §6.3). Whoever signs in has one account, so nothing can come from another: what is asked is
//! checked as the standard says, and refused by its name.

use serde_json::{Map, Value, json};

use crate::Error;
use crate::args::{Args, invalid};
use crate::call::Context;
use crate::error::SetError;

impl Context<'_> {
    /// `Email/copy` (RFC 8621 §4.7).
    pub(crate) fn email_copy(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let from = args.text("fromAccountId")?.ok_or_else(|| invalid("fromAccountId", "id"))?;
        args.text("ifFromInState")?;
        args.text("ifInState")?;
        args.object("create")?.ok_or_else(|| invalid("create", "map of objects"))?;
        args.flag("onSuccessDestroyOriginal")?;
        args.text("destroyFromIfInState")?;
        args.finish()?;
        match from == account_id.to_string() {
            // RFC 8620 §5.4: the two MUST be different.
            true => Err(Error::InvalidArguments("`fromAccountId` is the account itself".to_owned())),
            false => Err(Error::FromAccountNotFound),
        }
    }

    /// `Blob/copy` (RFC 8620 §6.3). A blob of the account itself is there already.
    pub(crate) async fn blob_copy(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let from = args.text("fromAccountId")?.ok_or_else(|| invalid("fromAccountId", "id"))?;
        let blob_ids = args.texts("blobIds")?.ok_or_else(|| invalid("blobIds", "list of ids"))?;
        args.finish()?;
        if from != account_id.to_string() {
            return Err(Error::FromAccountNotFound);
        }
        if blob_ids.len() > self.api.limits.objects_in_set_max {
            return Err(Error::RequestTooLarge("more ids than maxObjectsInSet"));
        }
        let (mut copied, mut not_copied) = (Map::new(), Map::new());
        for blob_id in blob_ids {
            match self.api.content(account_id, &blob_id).await? {
                Some(_) => copied.insert(blob_id.clone(), blob_id.into()),
                None => not_copied.insert(blob_id, SetError::not_found().into_value()),
            };
        }
        let or_null = |map: Map<String, Value>| if map.is_empty() { Value::Null } else { Value::Object(map) };
        Ok(json!({
            "fromAccountId": account_id, "accountId": account_id,
            "copied": or_null(copied), "notCopied": or_null(not_copied),
        }))
    }
}
