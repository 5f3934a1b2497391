//! Absences (RFC 8621 §8): the one object that says what is answered while somebody is away. Who answers is the program's worker.

use mail::{AccountId, ModSeq, Timestamp};
use serde_json::{Map, Value, json};
use store::Vacation;

use crate::Error;
use crate::args::{Args, state};
use crate::call::Context;
use crate::error::SetError;
use crate::set::SetRequest;

/// The id of the one object.
const SINGLETON: &str = "singleton";
const PROPERTIES: [&str; 7] = ["id", "isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody"];
/// Bytes of a subject, so that it fits into a header line of RFC 5322 §2.1.1 once encoded.
const SUBJECT_MAX: usize = 300;

fn property(vacation: &Vacation, name: &str) -> Value {
    let moment = |at: Option<Timestamp>| json!(at.map(Timestamp::to_rfc3339_utc));
    match name {
        "id" => json!(SINGLETON),
        "isEnabled" => json!(vacation.is_enabled),
        "fromDate" => moment(vacation.from_at),
        "toDate" => moment(vacation.to_at),
        "subject" => json!(vacation.subject),
        "textBody" => json!(vacation.text_body),
        "htmlBody" => json!(vacation.html_body),
        _ => Value::Null,
    }
}

impl Context<'_> {
    /// `VacationResponse/get` (RFC 8621 §8.1).
    pub(crate) async fn vacation_get(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let ids = args.texts("ids")?.unwrap_or_else(|| vec![SINGLETON.to_owned()]);
        let properties = args.texts("properties")?;
        args.finish()?;
        if let Some(unknown) = properties.iter().flatten().find(|p| !PROPERTIES.contains(&p.as_str())) {
            let unknown = mail::text::clip(unknown, 100);
            return Err(Error::InvalidArguments(format!("a VacationResponse has no property `{unknown}`")));
        }
        if ids.len() > self.api.limits.objects_in_get_max {
            return Err(Error::RequestTooLarge("more ids than maxObjectsInGet"));
        }
        let (modseq, vacation) = self.vacation(account_id).await?;
        let wanted =
            |name: &str| name == "id" || properties.as_ref().is_none_or(|p| p.iter().any(|n| n == name));
        let shown = PROPERTIES.into_iter().filter(|name| wanted(name));
        let object: Map<String, Value> =
            shown.map(|name| (name.to_owned(), property(&vacation, name))).collect();
        let (found, not_found): (Vec<String>, Vec<String>) = ids.into_iter().partition(|id| id == SINGLETON);
        let list: Vec<Value> = found.first().map(|_| Value::Object(object)).into_iter().collect();
        Ok(json!({ "accountId": account_id, "state": state(modseq), "list": list, "notFound": not_found }))
    }

    async fn vacation(&self, account_id: AccountId) -> Result<(ModSeq, Vacation), store::Error> {
        self.api
            .store
            .read((), |tx, ()| {
                Box::pin(async move {
                    let vacation = tx.vacation(account_id).await?.unwrap_or_default();
                    Ok((tx.modseq(account_id).await?, vacation))
                })
            })
            .await
    }

    /// `VacationResponse/set` (RFC 8621 §8.2).
    pub(crate) async fn vacation_set(&mut self, mut args: Args) -> Result<Value, Error> {
        let request = SetRequest::read(self, &mut args)?;
        args.finish()?;
        let account_id = request.account_id;
        let mut answer = request.begin(self).await?;
        let only_one = || SetError::new("singleton", "there is one, and it stays");
        for (creation, _) in request.create {
            answer.create(self, creation, Err(only_one()));
        }
        for (id, patch) in request.update {
            let outcome = match id == SINGLETON {
                true => self.change_vacation(account_id, patch).await,
                false => Err(SetError::not_found()),
            };
            if let Ok(modseq) = &outcome {
                answer.moved(*modseq, 1);
            }
            answer.update(id, outcome.map(|_| Value::Null));
        }
        for id in request.destroy {
            let error = if id == SINGLETON { only_one() } else { SetError::not_found() };
            answer.destroy(id, Err(error));
        }
        Ok(answer.into_value(account_id))
    }

    async fn change_vacation(
        &self,
        account_id: AccountId,
        patch: Map<String, Value>,
    ) -> Result<ModSeq, SetError> {
        let text_max = self.api.limits.kept_text_max;
        self.api
            .store
            .write("say what is answered during an absence", patch, move |tx, patch| {
                Box::pin(async move {
                    let mut vacation = tx.vacation(account_id).await?.unwrap_or_default();
                    for (name, value) in patch.iter() {
                        apply(&mut vacation, name, value, text_max)?;
                    }
                    tx.put_vacation(account_id, &vacation).await.map_err(SetError::from)
                })
            })
            .await
    }
}

fn apply(vacation: &mut Vacation, name: &str, value: &Value, text_max: usize) -> Result<(), SetError> {
    let wrong = |wanted: &str| SetError::invalid(mail::text::clip(name, 100), wanted);
    let text = |most: usize| match value {
        Value::Null => Ok(None),
        Value::String(text) if text.len() <= most && !text.contains('\0') => Ok(Some(text.clone())),
        _ => Err(wrong("a text that is not too long, or null")),
    };
    let moment = || match value {
        Value::Null => Ok(None),
        Value::String(text) => Timestamp::parse_rfc3339(text).map(Some).map_err(|_| wrong("a UTCDate")),
        _ => Err(wrong("a UTCDate or null")),
    };
    match name {
        "isEnabled" => vacation.is_enabled = value.as_bool().ok_or_else(|| wrong("a boolean"))?,
        "fromDate" => vacation.from_at = moment()?,
        "toDate" => vacation.to_at = moment()?,
        "subject" => {
            vacation.subject = text(SUBJECT_MAX)?;
            // A line end inside would begin a field of its own.
            if vacation.subject.as_ref().is_some_and(|subject| subject.chars().any(char::is_control)) {
                return Err(wrong("a text without control characters"));
            }
        }
        "textBody" => vacation.text_body = text(text_max)?,
        "htmlBody" => vacation.html_body = text(text_max)?,
        "id" if value == SINGLETON => {}
        _ => return Err(wrong("cannot be set")),
    }
    Ok(())
}
