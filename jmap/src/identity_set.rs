//! `Identity/set` (RFC 8621 §6.3): what people say about the addresses they may send from. Which addresses those are, the house says.

use mail::{AccountId, EmailAddress, IdentityId};
use serde_json::{Map, Value, json};
use store::{KeptIdentity, Tx};

use crate::Error;
use crate::args::Args;
use crate::call::Context;
use crate::error::SetError;
use crate::identity::{Identity, identities, state};
use crate::set::{SetAnswer, SetRequest};

/// Bytes of a name.
const NAME_MAX: usize = 255;
/// Addresses in `replyTo` and `bcc`.
const ADDRESSES_MAX: usize = 50;

impl Context<'_> {
    /// `Identity/set` (RFC 8621 §6.3).
    pub(crate) async fn identity_set(&mut self, mut args: Args) -> Result<Value, Error> {
        // The state of identities is their own: addresses change without the account's counter.
        let expected = args.text("ifInState")?;
        let request = SetRequest::read(self, &mut args)?;
        args.finish()?;
        let account_id = request.account_id;
        let old_state = state(&self.identities(account_id).await?);
        if expected.is_some_and(|expected| expected != old_state) {
            return Err(Error::StateMismatch);
        }
        let mut answer = request.begin(self).await?;
        self.identity_acts(request, &mut answer).await;
        let mut value = answer.into_value(account_id);
        value["oldState"] = old_state.into();
        value["newState"] = state(&self.identities(account_id).await?).into();
        Ok(value)
    }

    async fn identity_acts(&mut self, request: SetRequest, answer: &mut SetAnswer) {
        let account_id = request.account_id;
        for (creation, object) in request.create {
            let outcome = self.create_identity(account_id, object).await;
            answer.create(self, creation, outcome);
        }
        for (id, patch) in request.update {
            let outcome = self.update_identity(account_id, &id, patch).await;
            answer.update(id, outcome.map(|()| Value::Null));
        }
        for id in request.destroy {
            let outcome = self.destroy_identity(account_id, &id).await;
            answer.destroy(id, outcome);
        }
    }

    async fn create_identity(
        &self,
        account_id: AccountId,
        mut object: Map<String, Value>,
    ) -> Result<Value, SetError> {
        let Some(Value::String(email)) = object.remove("email") else {
            return Err(SetError::invalid("email", "an address"));
        };
        let address: EmailAddress = email.parse().map_err(|_| not_theirs())?;
        let mut kept = KeptIdentity {
            identity_id: IdentityId::new(self.now, &*self.api.chance),
            email: address.to_string(),
            name: String::new(),
            reply_to: "null".to_owned(),
            bcc: "null".to_owned(),
            text_signature: String::new(),
            html_signature: String::new(),
        };
        for (name, value) in object {
            apply(&mut kept, &name, &value, self.api.limits.kept_text_max)?;
        }
        let now = self.now;
        let made = json!({ "id": kept.identity_id, "mayDelete": true });
        let written: Result<(), SetError> = self
            .api
            .store
            .write("make an identity", (kept, address), move |tx, (kept, address)| {
                Box::pin(async move {
                    let all = all(tx, account_id, now).await?;
                    if all.iter().all(|identity| identity.address != *address) {
                        return Err(not_theirs());
                    }
                    tx.keep_identity(account_id, kept).await.map_err(SetError::from)
                })
            })
            .await;
        written.map(|()| made)
    }

    async fn update_identity(
        &self,
        account_id: AccountId,
        id: &str,
        patch: Map<String, Value>,
    ) -> Result<(), SetError> {
        let identity_id: IdentityId = self.real_id(id)?;
        let (now, text_max) = (self.now, self.api.limits.kept_text_max);
        self.api
            .store
            .write("change an identity", patch, move |tx, patch| {
                Box::pin(async move {
                    let all = all(tx, account_id, now).await?;
                    let found = all.iter().find(|identity| identity.id == identity_id);
                    let found = found.ok_or_else(SetError::not_found)?;
                    let mut kept = found.to_keep();
                    for (name, value) in patch.iter() {
                        // What cannot change may be given as it is (RFC 8620 §5.3).
                        if found.property(name) != *value {
                            apply(&mut kept, name, value, text_max)?;
                        }
                    }
                    tx.keep_identity(account_id, &kept).await.map_err(SetError::from)
                })
            })
            .await
    }

    async fn destroy_identity(&self, account_id: AccountId, id: &str) -> Result<(), SetError> {
        let identity_id: IdentityId = self.real_id(id)?;
        let now = self.now;
        self.api
            .store
            .write("forget an identity", (), move |tx, ()| {
                Box::pin(async move {
                    let all = all(tx, account_id, now).await?;
                    let found = all.iter().find(|identity| identity.id == identity_id);
                    match found.ok_or_else(SetError::not_found)?.may_delete {
                        true => drop(tx.forget_identity(account_id, identity_id).await?),
                        false => {
                            let why = "the identity goes with its address";
                            return Err(SetError::new("forbidden", why));
                        }
                    }
                    Ok(())
                })
            })
            .await
    }
}

async fn all(tx: &mut Tx, account_id: AccountId, now: mail::Timestamp) -> Result<Vec<Identity>, SetError> {
    let found = identities(tx, account_id, now).await?;
    found.map(|(_, identities)| identities).ok_or_else(SetError::not_found)
}

/// Nobody says on whose behalf they send (RFC 8621 §6.3, RULES M26).
fn not_theirs() -> SetError {
    SetError::new("forbiddenFrom", "the address is none this account may send from")
        .with("properties", vec!["email"])
}

fn apply(kept: &mut KeptIdentity, name: &str, value: &Value, text_max: usize) -> Result<(), SetError> {
    let wrong = |wanted: &str| SetError::invalid(mail::text::clip(name, 100), wanted);
    let text = |most: usize| match value {
        Value::String(text) if text.len() <= most && !text.contains('\0') => Ok(text.clone()),
        _ => Err(wrong("a text that is not too long")),
    };
    match name {
        "name" => {
            kept.name = text(NAME_MAX)?;
            if kept.name.chars().any(char::is_control) {
                return Err(wrong("a text without control characters"));
            }
        }
        "replyTo" => kept.reply_to = addresses(value).ok_or_else(|| wrong("a list of addresses"))?,
        "bcc" => kept.bcc = addresses(value).ok_or_else(|| wrong("a list of addresses"))?,
        "textSignature" => kept.text_signature = text(text_max)?,
        "htmlSignature" => kept.html_signature = text(text_max)?,
        _ => return Err(wrong("cannot be set")),
    }
    Ok(())
}

/// A list of `EmailAddress` objects (RFC 8621 §4.1.2.3) as it is kept.
fn addresses(value: &Value) -> Option<String> {
    let list = match value {
        Value::Null => return Some("null".to_owned()),
        Value::Array(list) if list.len() <= ADDRESSES_MAX => list,
        _ => return None,
    };
    let mut kept = Vec::with_capacity(list.len());
    for item in list {
        let object = item.as_object()?;
        let name = match object.get("name") {
            None | Some(Value::Null) => None,
            Some(name) => Some(name.as_str().filter(|name| name.len() <= NAME_MAX)?),
        };
        let email: EmailAddress = object.get("email")?.as_str()?.parse().ok()?;
        if object.keys().any(|key| key != "name" && key != "email")
            || name.is_some_and(|name| name.chars().any(char::is_control))
        {
            return None;
        }
        kept.push(json!({ "name": name, "email": email }));
    }
    Some(Value::Array(kept).to_string())
}
