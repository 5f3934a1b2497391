//! One request: its calls in order, each answered or refused on its own (RFC 8620 §3).

use std::collections::HashMap;

use mail::Timestamp;
use serde_json::{Value, json};

use crate::args::Args;
use crate::official_documents::OFFICIAL_DOCUMENTS;
use crate::references::{self, Answer};
use crate::request::{self, CORE, Call, MAIL, Request, SUBMISSION};
use crate::{Api, Caller, Error, Response};

/// What the methods of one request share.
pub(crate) struct Context<'a> {
    pub(crate) api: &'a Api,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Timestamp,
    /// The capabilities in use.
    pub(crate) using: Vec<String>,
    /// What was created so far, by creation id (RFC 8620 §5.3).
    pub(crate) created: HashMap<String, String>,
}

/// What a method answers: its own arguments, and further answers it causes (RFC 8621 §7.5).
pub(crate) struct Answered {
    pub(crate) own: Value,
    pub(crate) further: Vec<(&'static str, Value)>,
}

impl From<Value> for Answered {
    fn from(own: Value) -> Self {
        Self { own, further: Vec::new() }
    }
}

impl Api {
    /// Answers one API request (RFC 8620 §3). `body` is what was posted; the program has checked that it came as
    /// `application/json` and that the caller does not have more requests under way than the session says.
    pub async fn call(&self, caller: &Caller, body: &[u8], now: Timestamp) -> Response {
        let request = match request::read(body, &self.limits) {
            Ok(request) => request,
            Err(error) => return error.to_response(),
        };
        match self.answer(caller, request, now).await {
            Ok(answer) => Response::json(200, &answer),
            Err(error) => error.to_response(),
        }
    }

    pub(crate) async fn answer(
        &self,
        caller: &Caller,
        request: Request,
        now: Timestamp,
    ) -> Result<Value, Error> {
        let session_state = self.session_state(caller).await?;
        let wants_created_ids = request.created_ids.is_some();
        let created = request.created_ids.unwrap_or_default();
        let mut cx = Context { api: self, caller, now, using: request.using.clone(), created };
        let mut answers: Vec<Answer> = Vec::with_capacity(request.calls.len());
        let mut may_copy = self.limits.referenced_bytes_max;
        for Call { name, arguments, call_id } in request.calls {
            let outcome = match references::resolve(arguments, &answers, &mut may_copy) {
                Ok(arguments) => cx.dispatch(&name, &request.using, Args(arguments)).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(Answered { own, further }) => {
                    answers.push((name, own, call_id.clone()));
                    answers.extend(
                        further.into_iter().map(|(name, value)| (name.to_owned(), value, call_id.clone())),
                    );
                }
                Err(error) => answers.push(("error".to_owned(), error.to_arguments(), call_id)),
            }
        }
        let answers: Vec<Value> = answers
            .into_iter()
            .map(|(name, value, id)| Value::Array(vec![name.into(), value, id.into()]))
            .collect();
        let mut response = json!({ "methodResponses": answers, "sessionState": session_state });
        if wants_created_ids {
            response["createdIds"] = cx.created.into_iter().map(|(k, id)| (k, Value::from(id))).collect();
        }
        Ok(response)
    }
}

impl Context<'_> {
    /// Runs one method. Futures are boxed: one request holds one method's state at a time, not the sum of all.
    async fn dispatch(&mut self, name: &str, using: &[String], args: Args) -> Result<Answered, Error> {
        let capability = match name.split_once('/') {
            Some(("Core" | "PushSubscription", _)) => CORE,
            Some(("Mailbox" | "Thread" | "Email", _)) => MAIL,
            Some(("OfficialDocument", _)) => OFFICIAL_DOCUMENTS,
            Some(("Identity" | "EmailSubmission", _)) => SUBMISSION,
            _ => return Err(Error::UnknownMethod),
        };
        if !using.iter().any(|uri| uri == capability) {
            return Err(Error::UnknownMethod);
        }
        let own = match name {
            "Core/echo" => Value::Object(args.0),
            "PushSubscription/get" => Box::pin(self.push_get(args)).await?,
            "PushSubscription/set" => Box::pin(self.push_set(args)).await?,
            "OfficialDocument/register" => Box::pin(self.official_document_register(args)).await?,
            "Mailbox/get" => Box::pin(self.mailbox_get(args)).await?,
            "Mailbox/changes" => Box::pin(self.changes(args, store::Changing::Mailbox)).await?,
            "Mailbox/query" => Box::pin(self.mailbox_query(args)).await?,
            "Mailbox/set" => Box::pin(self.mailbox_set(args)).await?,
            "Thread/get" => Box::pin(self.thread_get(args)).await?,
            "Thread/changes" => Box::pin(self.changes(args, store::Changing::Thread)).await?,
            "Email/get" => Box::pin(self.email_get(args)).await?,
            "Email/changes" => Box::pin(self.changes(args, store::Changing::Email)).await?,
            "Email/query" => Box::pin(self.email_query(args)).await?,
            "Email/set" => Box::pin(self.email_set(args)).await?,
            "Email/import" => Box::pin(self.email_import(args)).await?,
            "Identity/get" => Box::pin(self.identity_get(args)).await?,
            "Identity/changes" => Box::pin(self.identity_changes(args)).await?,
            "EmailSubmission/get" => Box::pin(self.submission_get(args)).await?,
            "EmailSubmission/changes" => Box::pin(self.changes(args, store::Changing::Submission)).await?,
            "EmailSubmission/query" => Box::pin(self.submission_query(args)).await?,
            "EmailSubmission/set" => return Box::pin(self.submission_set(args)).await,
            "Mailbox/queryChanges" | "Email/queryChanges" | "EmailSubmission/queryChanges" => {
                self.query_changes(args)?
            }
            _ => return Err(Error::UnknownMethod),
        };
        Ok(own.into())
    }

    /// `Foo/queryChanges`: no query here promises it (`canCalculateChanges` is false), so a client asks the query
    /// again, which costs one page read from an index.
    fn query_changes(&self, mut args: Args) -> Result<Value, Error> {
        args.account(self.caller)?;
        Err(Error::CannotCalculateChanges("changes of queries are not kept; ask the query again"))
    }
}
