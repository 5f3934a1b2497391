//! `EmailSubmission/set` (RFC 8621 §7.5), and what it does to messages on success. What is looked at before a message is handed in is in
//! `submission_create`, the one transaction in `hand_in`.

use std::collections::HashMap;

use mail::envelope::{Delivered, DeliveryStates};
use mail::{AccountId, EmailId, ModSeq, SubmissionId};
use serde_json::{Map, Value, json};
use store::Submission;

use crate::Error;
use crate::args::{Args, resolve_id, texts};
use crate::call::{Answered, Context};
use crate::error::SetError;
use crate::set::{SetAnswer, SetRequest};

impl Context<'_> {
    /// `EmailSubmission/set` (RFC 8621 §7.5), and the `Email/set` it may cause.
    pub(crate) async fn submission_set(&mut self, mut args: Args) -> Result<Answered, Error> {
        let request = SetRequest::read(self, &mut args)?;
        let on_success_update = args.object("onSuccessUpdateEmail")?.unwrap_or_default();
        let on_success_destroy =
            args.take("onSuccessDestroyEmail").map(|v| texts(v, "onSuccessDestroyEmail"));
        let on_success_destroy = on_success_destroy.transpose()?.unwrap_or_default();
        args.finish()?;
        let account_id = request.account_id;
        let mut answer = request.begin(self).await?;
        // Of every submission named in a success: its message.
        let mut emails: HashMap<String, EmailId> = HashMap::new();
        for (creation, object) in request.create {
            let outcome = self.create_submission(account_id, object, &mut answer).await;
            let outcome = outcome.map(|(id, email_id, object)| {
                emails.insert(id.to_string(), email_id);
                object
            });
            answer.create(self, creation, outcome);
        }
        for (id, patch) in request.update {
            let outcome = self.update_submission(account_id, &id, patch, &mut emails, &mut answer).await;
            answer.update(id, outcome.map(|()| Value::Null));
        }
        for id in request.destroy {
            let outcome = self.destroy_submission(account_id, &id, &mut emails, &mut answer).await;
            answer.destroy(id, outcome);
        }
        let (mut update, mut destroy) = (Vec::new(), Vec::new());
        for (submission, patch) in on_success_update {
            if let (Some(email_id), Value::Object(patch)) =
                (self.succeeded(&submission, &answer, &emails), patch)
            {
                update.push((email_id.to_string(), patch));
            }
        }
        for submission in on_success_destroy {
            destroy.extend(self.succeeded(&submission, &answer, &emails).map(|id| id.to_string()));
        }
        let mut further = Vec::new();
        if !update.is_empty() || !destroy.is_empty() {
            further.push(("Email/set", self.acts_on_success(account_id, update, destroy).await?));
        }
        Ok(Answered { own: answer.into_value(account_id), further })
    }

    /// The message of a submission whose act in this call succeeded.
    fn succeeded(
        &self,
        named: &str,
        answer: &SetAnswer,
        emails: &HashMap<String, EmailId>,
    ) -> Option<EmailId> {
        let succeeded = match named.strip_prefix('#') {
            Some(creation) => answer.created_under(creation),
            None => answer.has_updated(named) || answer.has_destroyed(named),
        };
        let id = resolve_id(named, &self.created)?;
        emails.get(id).copied().filter(|_| succeeded)
    }

    async fn acts_on_success(
        &mut self,
        account_id: AccountId,
        update: Vec<(String, Map<String, Value>)>,
        destroy: Vec<String>,
    ) -> Result<Value, Error> {
        let account = Map::from_iter([("accountId".to_owned(), json!(account_id))]);
        let request = SetRequest::read(self, &mut Args(account))?;
        let mut answer = request.begin(self).await?;
        self.change_emails(account_id, update, destroy, &mut answer).await;
        Ok(answer.into_value(account_id))
    }

    /// Nothing of a submission changes but that it is taken back while it waits (RFC 8621 §7.5.1).
    async fn update_submission(
        &self,
        account_id: AccountId,
        id: &str,
        patch: Map<String, Value>,
        emails: &mut HashMap<String, EmailId>,
        answer: &mut SetAnswer,
    ) -> Result<(), SetError> {
        let submission = self.known_submission(account_id, id).await?;
        let shown = crate::submission_get::object(&submission, None, self.now);
        let mut is_canceled = false;
        for (name, value) in patch {
            match (name.as_str(), value.as_str()) {
                _ if shown.get(&name) == Some(&value) => {}
                ("undoStatus", Some("canceled")) => is_canceled = true,
                _ => return Err(SetError::invalid(mail::text::clip(&name, 100), "does not change")),
            }
        }
        if is_canceled {
            let modseq = self.cancel(account_id, &submission).await?;
            answer.moved(modseq, 1);
        }
        emails.insert(submission.submission_id.to_string(), submission.email_id);
        Ok(())
    }

    /// Takes a waiting submission back.
    async fn cancel(&self, account_id: AccountId, submission: &Submission) -> Result<ModSeq, SetError> {
        let mut delivery: DeliveryStates = serde_json::from_str(&submission.delivery).unwrap_or_default();
        for state in delivery.values_mut() {
            state.smtp_reply = "550 5.7.1 canceled by the sender".to_owned();
            state.delivered = Delivered::No;
        }
        let delivery = serde_json::to_string(&delivery).map_err(|e| store::Error::Internal(e.to_string()))?;
        let (submission_id, now) = (submission.submission_id, self.now);
        let canceled = self
            .api
            .store
            .write("take a mail back", delivery, move |tx, delivery| {
                Box::pin(async move { tx.cancel_submission(account_id, submission_id, delivery, now).await })
            })
            .await;
        canceled.map_err(|error| match error {
            store::Error::Refused(why) => SetError::new("cannotUnsend", why),
            error => error.into(),
        })
    }

    async fn destroy_submission(
        &self,
        account_id: AccountId,
        id: &str,
        emails: &mut HashMap<String, EmailId>,
        answer: &mut SetAnswer,
    ) -> Result<(), SetError> {
        let submission = self.known_submission(account_id, id).await?;
        let submission_id = submission.submission_id;
        let modseq = self
            .api
            .store
            .write("forget a submission", (), move |tx, ()| {
                Box::pin(async move {
                    tx.destroy_submission(account_id, submission_id).await?;
                    tx.modseq(account_id).await
                })
            })
            .await?;
        answer.moved(modseq, 1);
        emails.insert(submission_id.to_string(), submission.email_id);
        Ok(())
    }

    async fn known_submission(&self, account_id: AccountId, id: &str) -> Result<Submission, SetError> {
        let submission_id: SubmissionId = self.real_id(id)?;
        let found = self
            .api
            .store
            .read((), |tx, ()| Box::pin(async move { tx.submission(account_id, submission_id).await }))
            .await?;
        found.ok_or_else(SetError::not_found)
    }
}
