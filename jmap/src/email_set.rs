//! `Email/set` (RFC 8621 §4.6).

use std::collections::{HashMap, HashSet};

use mail::{AccountId, Door, EmailId, Letter, MailboxId, ModSeq, Timestamp};
use serde_json::{Map, Value};
use store::{Audit, Email, EmailChange, MESSAGES_PER_ACT, NewEmail, Placed, Tx};

use crate::Error;
use crate::args::Args;
use crate::call::Context;
use crate::compose::Draft;
use crate::email_get::{facts_of, is_as_it_is, made};
use crate::error::SetError;
use crate::patch::{self, EmailPatch, is_keyword};
use crate::set::{SetAnswer, SetRequest};

/// Where a message goes and how it is marked.
pub(crate) struct Place {
    pub(crate) mailbox_ids: Vec<MailboxId>,
    pub(crate) keywords: Vec<String>,
    pub(crate) received_at: Option<Timestamp>,
}

impl Context<'_> {
    /// `Email/set` (RFC 8621 §4.6).
    pub(crate) async fn email_set(&mut self, mut args: Args) -> Result<Value, Error> {
        let request = SetRequest::read(self, &mut args)?;
        args.finish()?;
        let mut answer = request.begin(self).await?;
        for (creation, object) in request.create {
            let outcome = self.create_email(request.account_id, object, &mut answer).await;
            answer.create(self, creation, outcome);
        }
        self.change_emails(request.account_id, request.update, request.destroy, &mut answer).await;
        Ok(answer.into_value(request.account_id))
    }

    /// The acts of `Email/set` on messages that are there already.
    pub(crate) async fn change_emails(
        &mut self,
        account_id: AccountId,
        update: Vec<(String, Map<String, Value>)>,
        destroy: Vec<String>,
        answer: &mut SetAnswer,
    ) {
        let mut wanted = Vec::with_capacity(update.len());
        for (id, patch) in update {
            match self.read_patch(&id, patch) {
                Ok((email_id, patch)) => wanted.push((id, email_id, patch)),
                Err(error) => answer.update(id, Err(error)),
            }
        }
        for part in in_acts(wanted, |(_, email_id, _)| *email_id) {
            self.update_emails(account_id, part, answer).await;
        }
        let mut gone = Vec::with_capacity(destroy.len());
        for id in destroy {
            match self.real_id(&id) {
                Ok(email_id) => gone.push((id, email_id)),
                Err(error) => answer.destroy(id, Err(error)),
            }
        }
        for part in in_acts(gone, |(_, email_id)| *email_id) {
            self.destroy_emails(account_id, part, answer).await;
        }
    }

    /// Takes out of an object where the message goes and how it is marked; what is left is the message.
    pub(crate) fn read_place(&self, object: &mut Map<String, Value>) -> Result<Place, SetError> {
        let mailbox_ids = object.remove("mailboxIds").unwrap_or_default();
        let mailbox_ids = self.read_mailbox_ids(patch::members("mailboxIds", mailbox_ids)?)?;
        let keywords = match object.remove("keywords") {
            None => Vec::new(),
            Some(value) => patch::members("keywords", value)?,
        };
        self.check_keywords(&keywords)?;
        let received_at = match object.remove("receivedAt") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let moment = value.as_str().and_then(|text| Timestamp::parse_rfc3339(text).ok());
                Some(moment.ok_or_else(|| SetError::invalid("receivedAt", "a UTCDate"))?)
            }
        };
        Ok(Place { mailbox_ids, keywords, received_at })
    }

    fn read_mailbox_ids(&self, given: Vec<String>) -> Result<Vec<MailboxId>, SetError> {
        if given.is_empty() {
            return Err(SetError::invalid("mailboxIds", "a message lies in a mailbox"));
        }
        if given.len() > self.api.limits.mailboxes_per_email_max {
            return Err(SetError::new("tooManyMailboxes", "more than maxMailboxesPerEmail"));
        }
        let ids = given.iter().map(|id| self.real_id(id).map_err(|_| no_such_mailbox()));
        let mut ids: Vec<MailboxId> = ids.collect::<Result<_, _>>()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn check_keywords(&self, keywords: &[String]) -> Result<(), SetError> {
        if keywords.len() > self.api.limits.keywords_max {
            return Err(SetError::new("tooManyKeywords", "more keywords than one message has"));
        }
        match keywords.iter().all(|keyword| is_keyword(keyword)) {
            true => Ok(()),
            false => {
                Err(SetError::invalid("keywords", "a keyword has characters of RFC 8621 §4.1.1, 255 at most"))
            }
        }
    }

    async fn create_email(
        &mut self,
        account_id: AccountId,
        mut object: Map<String, Value>,
        answer: &mut SetAnswer,
    ) -> Result<Value, SetError> {
        let place = self.read_place(&mut object)?;
        let api = self.api;
        let draft = Draft::read(object, &api.limits)?;
        let blobs = self.attachments(account_id, draft.blob_ids()).await?;
        let raw = draft.write(blobs, &api.host, self.now, &*api.chance);
        let placed = self.add_email(account_id, place, &raw).await?;
        answer.moved(placed.modseq, 1);
        Ok(made(&placed))
    }

    /// The contents of the blobs a message is made of.
    async fn attachments(
        &self,
        account_id: AccountId,
        blob_ids: &[String],
    ) -> Result<HashMap<String, Vec<u8>>, SetError> {
        let (mut found, mut missing, mut size) = (HashMap::new(), Vec::new(), 0);
        for blob_id in blob_ids {
            match self.api.content(account_id, blob_id).await? {
                None => missing.push(Value::from(blob_id.as_str())),
                Some(bytes) => {
                    size += bytes.len();
                    if size > self.api.limits.attachments_bytes_max {
                        return Err(SetError::new("tooLarge", "more than maxSizeAttachmentsPerEmail"));
                    }
                    found.insert(blob_id.clone(), bytes);
                }
            }
        }
        match missing.is_empty() {
            true => Ok(found),
            false => Err(SetError::new("blobNotFound", "a blob is not there").with("notFound", missing)),
        }
    }

    /// Adds a message to the account.
    pub(crate) async fn add_email(
        &self,
        account_id: AccountId,
        place: Place,
        raw: &[u8],
    ) -> Result<Placed, SetError> {
        let (api, now) = (self.api, self.now);
        let facts = facts_of(raw, &api.limits);
        let letter = Letter {
            door: Door::Jmap,
            id: "bring",
            reverse_path: None,
            recipients: Vec::new(),
            account: Some(account_id),
            peer: None,
            received_at: now,
            message: raw,
            facts: &facts,
        };
        // A draft and an import are an entrance like any other (RULES R8).
        api.appending.examine(&letter).await.map_err(|refused| SetError::not_taken(refused, "forbidden"))?;
        let new = NewEmail {
            account_id,
            blob: api.store.seal(account_id, raw, now).await?,
            facts,
            mailbox_ids: place.mailbox_ids,
            keywords: place.keywords,
            received_at: place.received_at.unwrap_or(now),
            ask_quota: true,
        };
        api.store
            .write("add a message", new, move |tx, new| {
                Box::pin(async move {
                    check_mailboxes(tx, account_id, &new.mailbox_ids).await?;
                    tx.add_email(new, now).await.map_err(SetError::from)
                })
            })
            .await
    }

    fn read_patch(&self, id: &str, patch: Map<String, Value>) -> Result<(EmailId, EmailPatch), SetError> {
        Ok((self.real_id(id)?, patch::read(self.with_real_mailboxes(patch)?)?))
    }

    /// Changes messages in one transaction; each has an answer of its own.
    async fn update_emails(
        &mut self,
        account_id: AccountId,
        part: Vec<(String, EmailId, EmailPatch)>,
        answer: &mut SetAnswer,
    ) {
        let (api, now) = (self.api, self.now);
        let limits = (api.limits.keywords_max, api.limits.mailboxes_per_email_max);
        let ids: Vec<String> = part.iter().map(|(id, ..)| id.clone()).collect();
        let outcome = api
            .store
            .write("change messages", (part, limits), move |tx, (part, limits)| {
                Box::pin(async move { apply(tx, account_id, part, *limits, now).await })
            })
            .await;
        match outcome {
            Ok((modseq, outcomes)) => {
                modseq.into_iter().for_each(|modseq| answer.moved(modseq, 1));
                for (id, outcome) in ids.into_iter().zip(outcomes) {
                    answer.update(id, outcome.map(|()| Value::Null));
                }
            }
            Err(error) => ids.into_iter().for_each(|id| answer.update(id, Err(error.clone()))),
        }
    }

    /// A patch in which creation ids of mailboxes (`mailboxIds/#k`) have become ids.
    fn with_real_mailboxes(&self, patch: Map<String, Value>) -> Result<Map<String, Value>, SetError> {
        let real = |text: &str| self.real_id::<MailboxId>(text).map_err(|_| no_such_mailbox());
        let mut changed = Map::new();
        for (path, value) in patch {
            let (path, value) = match (path.strip_prefix("mailboxIds/"), value) {
                (Some(creation), value) if creation.starts_with('#') => {
                    (format!("mailboxIds/{}", real(creation)?), value)
                }
                (None, Value::Object(map)) if path == "mailboxIds" => {
                    let map = map.into_iter().map(|(id, value)| match id.starts_with('#') {
                        true => real(&id).map(|id| (id.to_string(), value)),
                        false => Ok((id, value)),
                    });
                    (path, Value::Object(map.collect::<Result<_, _>>()?))
                }
                (_, value) => (path, value),
            };
            changed.insert(path, value);
        }
        Ok(changed)
    }

    /// Destroys messages in one transaction.
    async fn destroy_emails(
        &mut self,
        account_id: AccountId,
        part: Vec<(String, EmailId)>,
        answer: &mut SetAnswer,
    ) {
        let now = self.now;
        let ids: Vec<EmailId> = part.iter().map(|(_, email_id)| *email_id).collect();
        let outcome = self
            .api
            .store
            .write("destroy messages", ids, move |tx, ids| {
                Box::pin(async move {
                    let (modseq, destroyed) = tx.destroy_emails(account_id, ids, now).await?;
                    let actor = account_id.to_string();
                    tx.audit_each(account_id, now, &actor, Audit::MailDestroyed, &destroyed).await?;
                    Ok::<_, SetError>((modseq, destroyed))
                })
            })
            .await;
        match outcome {
            Ok((modseq, destroyed)) => {
                answer.moved(modseq, 1);
                let destroyed: HashSet<EmailId> = destroyed.into_iter().collect();
                for (id, email_id) in part {
                    let was_there = destroyed.contains(&email_id);
                    answer.destroy(id, was_there.then_some(()).ok_or_else(SetError::not_found));
                }
            }
            Err(error) => part.into_iter().for_each(|(id, _)| answer.destroy(id, Err(error.clone()))),
        }
    }
}

/// The messages in as many acts as it takes: each is named once in an act, and an act has a size.
fn in_acts<T>(wanted: Vec<T>, email_id: impl Fn(&T) -> EmailId) -> Vec<Vec<T>> {
    let (mut parts, mut part, mut named) = (Vec::new(), Vec::new(), HashSet::new());
    for one in wanted {
        if part.len() == MESSAGES_PER_ACT || !named.insert(email_id(&one)) {
            named = HashSet::from([email_id(&one)]);
            parts.push(std::mem::take(&mut part));
        }
        part.push(one);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// Applies patches to messages: the state they led to (`None` when nothing was asked for), and what came of each.
async fn apply(
    tx: &mut Tx,
    account_id: AccountId,
    part: &[(String, EmailId, EmailPatch)],
    limits: (usize, usize),
    now: Timestamp,
) -> Result<(Option<ModSeq>, Vec<Result<(), SetError>>), SetError> {
    let ids: Vec<EmailId> = part.iter().map(|(_, email_id, _)| *email_id).collect();
    let emails = tx.emails(account_id, &ids).await?;
    let emails: HashMap<EmailId, Email> = emails.into_iter().map(|email| (email.email_id, email)).collect();
    let mut mailboxes = HashSet::new();
    if part.iter().any(|(.., patch)| !patch.mailbox_ids.is_empty()) {
        mailboxes.extend(tx.mailboxes(account_id).await?.into_iter().map(|mailbox| mailbox.mailbox_id));
    }
    let (mut changes, mut outcomes) = (Vec::new(), Vec::with_capacity(part.len()));
    for (_, email_id, patch) in part {
        let email = emails.get(email_id).ok_or_else(SetError::not_found);
        let change = email.and_then(|email| change_of(email, patch, &mailboxes, limits));
        outcomes.push(change.map(|change| changes.extend(change)));
    }
    let modseq = match changes.is_empty() {
        true => None,
        false => Some(tx.change_emails(account_id, &changes, now).await?),
    };
    Ok((modseq, outcomes))
}

/// What a patch changes of a message; `None` when it asks for nothing.
fn change_of(
    email: &Email,
    patch: &EmailPatch,
    mailboxes: &HashSet<MailboxId>,
    (keywords_max, mailboxes_max): (usize, usize),
) -> Result<Option<EmailChange>, SetError> {
    // What cannot change may be given as it is (RFC 8620 §5.3).
    if let Some((name, _)) = patch.rest.iter().find(|(name, value)| !is_as_it_is(email, name, value)) {
        return Err(SetError::invalid(
            mail::text::clip(name, 100),
            "does not change once the message is there",
        ));
    }
    if patch.keywords.is_empty() && patch.mailbox_ids.is_empty() {
        return Ok(None);
    }
    let keywords = patch.keywords.apply(&email.keywords);
    if keywords.len() > keywords_max {
        return Err(SetError::new("tooManyKeywords", "more keywords than one message has"));
    }
    if !keywords.iter().all(|keyword| is_keyword(keyword)) {
        return Err(SetError::invalid(
            "keywords",
            "a keyword has characters of RFC 8621 §4.1.1, 255 at most",
        ));
    }
    let mailbox_ids = match patch.mailbox_ids.is_empty() {
        true => None,
        false => {
            let current: Vec<String> = email.mailbox_ids.iter().map(MailboxId::to_string).collect();
            let wanted = patch.mailbox_ids.apply(&current);
            if wanted.is_empty() {
                return Err(SetError::invalid("mailboxIds", "a message lies in a mailbox"));
            }
            if wanted.len() > mailboxes_max {
                return Err(SetError::new("tooManyMailboxes", "more than maxMailboxesPerEmail"));
            }
            let known = |id: &String| id.parse().ok().filter(|id| mailboxes.contains(id));
            Some(wanted.iter().map(known).collect::<Option<Vec<_>>>().ok_or_else(no_such_mailbox)?)
        }
    };
    let keywords = (!patch.keywords.is_empty()).then_some(keywords);
    Ok(Some(EmailChange { email_id: email.email_id, keywords, mailbox_ids }))
}

/// All of them must be this account's.
async fn check_mailboxes(tx: &mut Tx, account_id: AccountId, ids: &[MailboxId]) -> Result<(), SetError> {
    for id in ids {
        tx.mailbox(account_id, *id).await?.ok_or_else(no_such_mailbox)?;
    }
    Ok(())
}

fn no_such_mailbox() -> SetError {
    SetError::invalid("mailboxIds", "no such mailbox")
}
