//! One request: its calls in order, each answered or refused on its own (RFC 8620 §3).

use std::collections::HashMap;

use mail::Timestamp;
use serde_json::{Value, json};

use crate::args::Args;
use crate::extras::may_filter;
use crate::held_mail::HELD_MAIL;
use crate::official_documents::OFFICIAL_DOCUMENTS;
use crate::references::{self, Answer};
use crate::request::{self, BLOB, CORE, Call, MAIL, QUOTA, Request, SUBMISSION, VACATION};
use crate::{Api, Caller, Error, Response};

/// Every method, and the capability it belongs to. What is not here is not known.
pub const METHODS: &[(&str, &str)] = &[
    ("Core/echo", CORE),
    ("PushSubscription/get", CORE),
    ("PushSubscription/set", CORE),
    ("Blob/copy", CORE),
    ("Blob/upload", BLOB),
    ("Blob/get", BLOB),
    ("Blob/lookup", BLOB),
    ("Quota/get", QUOTA),
    ("Quota/changes", QUOTA),
    ("Quota/query", QUOTA),
    ("Quota/queryChanges", QUOTA),
    ("Mailbox/get", MAIL),
    ("Mailbox/changes", MAIL),
    ("Mailbox/query", MAIL),
    ("Mailbox/queryChanges", MAIL),
    ("Mailbox/set", MAIL),
    ("Thread/get", MAIL),
    ("Thread/changes", MAIL),
    ("Email/get", MAIL),
    ("Email/changes", MAIL),
    ("Email/query", MAIL),
    ("Email/queryChanges", MAIL),
    ("Email/set", MAIL),
    ("Email/copy", MAIL),
    ("Email/import", MAIL),
    ("Email/parse", MAIL),
    ("SearchSnippet/get", MAIL),
    ("Identity/get", SUBMISSION),
    ("Identity/changes", SUBMISSION),
    ("Identity/set", SUBMISSION),
    ("EmailSubmission/get", SUBMISSION),
    ("EmailSubmission/changes", SUBMISSION),
    ("EmailSubmission/query", SUBMISSION),
    ("EmailSubmission/queryChanges", SUBMISSION),
    ("EmailSubmission/set", SUBMISSION),
    ("VacationResponse/get", VACATION),
    ("VacationResponse/set", VACATION),
    ("OfficialDocument/register", OFFICIAL_DOCUMENTS),
    ("HeldMail/get", HELD_MAIL),
    ("HeldMail/set", HELD_MAIL),
];

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
        let known = METHODS.iter().find(|(known, _)| *known == name);
        let (_, capability) = known.ok_or(Error::UnknownMethod)?;
        if !using.iter().any(|uri| uri == capability) {
            return Err(Error::UnknownMethod);
        }
        if matches!(name, "Email/query" | "Email/queryChanges" | "SearchSnippet/get") {
            may_filter(args.0.get("filter"), using)?;
        }
        let own = match name {
            "Core/echo" => Value::Object(args.0),
            "Blob/copy" => Box::pin(self.blob_copy(args)).await?,
            "Blob/upload" => Box::pin(self.blob_upload(args)).await?,
            "Blob/get" => Box::pin(self.blob_get(args)).await?,
            "Blob/lookup" => Box::pin(self.blob_lookup(args)).await?,
            "Quota/get" => Box::pin(self.quota_get(args)).await?,
            "Quota/changes" => Box::pin(self.quota_changes(args)).await?,
            "Quota/query" => Box::pin(self.quota_query(args)).await?,
            "Quota/queryChanges" => Box::pin(self.quota_query_changes(args)).await?,
            "PushSubscription/get" => Box::pin(self.push_get(args)).await?,
            "PushSubscription/set" => Box::pin(self.push_set(args)).await?,
            "OfficialDocument/register" => Box::pin(self.official_document_register(args)).await?,
            "HeldMail/get" => Box::pin(self.held_mail_get(args)).await?,
            "HeldMail/set" => Box::pin(self.held_mail_set(args)).await?,
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
            "Email/copy" => self.email_copy(args)?,
            "Email/import" => Box::pin(self.email_import(args)).await?,
            "SearchSnippet/get" => Box::pin(self.snippet_get(args)).await?,
            "Email/parse" => Box::pin(self.email_parse(args)).await?,
            "Identity/get" => Box::pin(self.identity_get(args)).await?,
            "Identity/changes" => Box::pin(self.identity_changes(args)).await?,
            "Identity/set" => Box::pin(self.identity_set(args)).await?,
            "EmailSubmission/get" => Box::pin(self.submission_get(args)).await?,
            "EmailSubmission/changes" => Box::pin(self.changes(args, store::Changing::Submission)).await?,
            "EmailSubmission/query" => Box::pin(self.submission_query(args)).await?,
            "VacationResponse/get" => Box::pin(self.vacation_get(args)).await?,
            "VacationResponse/set" => Box::pin(self.vacation_set(args)).await?,
            "EmailSubmission/set" => return Box::pin(self.submission_set(args)).await,
            "Mailbox/queryChanges" => Box::pin(self.mailbox_query_changes(args)).await?,
            "Email/queryChanges" => Box::pin(self.email_query_changes(args)).await?,
            "EmailSubmission/queryChanges" => Box::pin(self.submission_query_changes(args)).await?,
            _ => return Err(Error::UnknownMethod),
        };
        Ok(own.into())
    }
}
