//! `Email/import` (RFC 8621 §4.8): a message that exists as a blob becomes one of the account.

use mail::AccountId;
use serde_json::{Map, Value};

use crate::Error;
use crate::args::{Args, invalid};
use crate::call::Context;
use crate::email_get::made;
use crate::error::SetError;
use crate::headers::{Block, received_at};
use crate::set::{SetAnswer, SetRequest};

impl Context<'_> {
    /// `Email/import` (RFC 8621 §4.8).
    pub(crate) async fn email_import(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        // The same shape as a `/set` that only creates.
        let emails = args.take("emails").ok_or_else(|| invalid("emails", "map of objects"))?;
        let mut common = Args(Map::from_iter([("accountId".to_owned(), account_id.to_string().into())]));
        common.0.extend(args.take("ifInState").map(|state| ("ifInState".to_owned(), state)));
        args.finish()?;
        common.0.insert("create".to_owned(), emails);
        let request = SetRequest::read(self, &mut common)?;
        let mut answer = request.begin(self).await?;
        for (creation, object) in request.create {
            let outcome = self.import_email(request.account_id, object, &mut answer).await;
            answer.create(self, creation, outcome);
        }
        let mut value = answer.into_value(request.account_id);
        if let Some(object) = value.as_object_mut() {
            object.retain(|name, _| {
                !["updated", "destroyed", "notUpdated", "notDestroyed"].contains(&name.as_str())
            });
        }
        Ok(value)
    }

    async fn import_email(
        &mut self,
        account_id: AccountId,
        mut object: Map<String, Value>,
        answer: &mut SetAnswer,
    ) -> Result<Value, SetError> {
        let Some(Value::String(blob_id)) = object.remove("blobId") else {
            return Err(SetError::invalid("blobId", "the blob of the message"));
        };
        let mut place = self.read_place(&mut object)?;
        if let Some(name) = object.keys().next() {
            return Err(SetError::invalid(mail::text::clip(name, 100), "cannot be set"));
        }
        let not_there = || {
            SetError::new("blobNotFound", "the blob is not there")
                .with("notFound", vec![Value::from(blob_id.as_str())])
        };
        let raw = self.api.content(account_id, &blob_id).await?.ok_or_else(not_there)?;
        let block = Block::read(&raw);
        if block.fields.is_empty() {
            return Err(SetError::new("invalidEmail", "the blob is no message: it has no header field"));
        }
        // RFC 8621 §4.8: the date of the newest Received field, or now.
        place.received_at = place.received_at.or_else(|| received_at(&block).filter(|at| *at <= self.now));
        let placed = self.add_email(account_id, place, &raw).await?;
        answer.moved(placed.modseq, 1);
        Ok(made(&placed))
    }
}
