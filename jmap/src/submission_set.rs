//! `EmailSubmission/set` (RFC 8621 §7.5): handing a message in for sending.
//!
//! The submission and every row that carries the message away are written in one transaction: either the client is
//! told of a submission and the message leaves, or neither.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mail::envelope::{DeliveryState, DeliveryStates, OutboundMail, OutboundRecipient};
use mail::letter::Door;
use mail::message::Facts;
use mail::trace::{Accepted, Arrival, Destination, Event, Goes};
use mail::{
    AccountId, BlobId, EmailId, Findings, IdentityId, Letter, Refused, SubmissionId, ThreadId, Timestamp,
};
use serde_json::{Map, Value, json};
use store::{
    AccountState, Audit, Lane, List, ListCopy, NewHeld, NewOutbox, NewSubmission, NewTrace, OutboxKind,
    Resolved, Sealed, Tx,
};

use crate::Error;
use crate::args::{Args, resolve_id, texts};
use crate::call::{Answered, Context};
use crate::email_get::email_and_bytes;
use crate::envelope::{self, Envelope, Outgoing};
use crate::error::SetError;
use crate::identity::identities;
use crate::set::{SetAnswer, SetRequest};
use crate::speaks::Speaks;

/// The same words as at the other doors.
const NOT_FOR_LIST: &str = "Bạn không được phép gửi thư tới danh sách này / You may not send to this list";

/// What has to be held back cannot be held for everybody on a list (RULES M33).
const HELD_FOR_LIST: &str = "Thư này phải giữ lại kiểm tra nên không gửi tới danh sách được / \
     The message has to be held back and cannot go to a list";

/// Everything the one transaction needs.
#[derive(Clone)]
struct Handover {
    account_id: AccountId,
    email_id: EmailId,
    thread_id: ThreadId,
    identity_id: IdentityId,
    envelope: Envelope,
    /// The message as it goes out, when that is not the message as it lies there: without Bcc, with what the examination put before it.
    changed: Option<Sealed>,
    blob_id: BlobId,
    /// Its name in the trace.
    trace: String,
    /// What the trace is told of it.
    arrival: Arrival,
    /// What the examination found.
    findings: Findings,
    /// The boxes it is from (RULES M1): each has it in its audit log too.
    boxes: BTreeSet<AccountId>,
    smtputf8: bool,
    body_8bit: bool,
    /// The lists it came through.
    came_from: Vec<String>,
    now: Timestamp,
}

/// Where the recipients are.
struct Routes {
    /// By domain.
    abroad: BTreeMap<String, Vec<OutboundRecipient>>,
    /// By account.
    at_home: BTreeMap<AccountId, Vec<OutboundRecipient>>,
    /// Lists, and whether the message came from that very list; then it ends here.
    lists: Vec<(List, bool)>,
}

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
            let outcome = self.update_submission(account_id, &id, patch, &mut emails).await;
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

    async fn create_submission(
        &mut self,
        account_id: AccountId,
        mut object: Map<String, Value>,
        answer: &mut SetAnswer,
    ) -> Result<(SubmissionId, EmailId, Value), SetError> {
        let (email_id, identity_id, given) = self.read_submission(&mut object)?;
        let (api, now) = (self.api, self.now);
        let (email, raw) = email_and_bytes(api, account_id, email_id)
            .await?
            .ok_or_else(|| SetError::invalid("emailId", "no such message"))?;
        if raw.len() > api.limits.size_upload_max {
            return Err(SetError::new("tooLarge", "the message is too large to be sent")
                .with("maxSize", api.limits.size_upload_max));
        }
        let mut outgoing = Outgoing::read(&raw, &email.facts)?;
        let speaks = self.sender(account_id, identity_id, &outgoing).await?;
        if let Some(sender) = speaks.sender {
            outgoing.name_sender(sender, &raw);
        }
        let envelope = match given {
            Some(given) => Envelope::read(given, &api.limits)?,
            None => Envelope::of(&outgoing, &email.facts, &api.limits)?,
        };
        if !speaks.paths.contains(&envelope.mail_from) {
            return Err(SetError::new(
                "forbiddenMailFrom",
                "the return path is not an address of this account",
            ));
        }
        let trace = self.draw_trace();
        let arrival = Arrival {
            door: Door::Jmap,
            peer: None,
            from: Some(envelope.mail_from.clone()),
            account: Some(account_id),
            size: email.size,
            message_id: email.facts.message_id.first().cloned(),
        };
        let (changed, findings) =
            self.examined(&arrival, &trace, &envelope, &outgoing, &raw, &email.facts).await?;
        let changed = match &changed {
            Some(bytes) => Some(api.store.seal(account_id, bytes, now).await?),
            None => None,
        };
        let handover = Handover {
            account_id,
            email_id,
            thread_id: email.thread_id,
            identity_id,
            envelope,
            blob_id: changed.as_ref().map_or(email.blob_id, Sealed::blob_id),
            changed,
            trace,
            arrival,
            findings,
            boxes: speaks.boxes,
            smtputf8: outgoing.header_8bit,
            body_8bit: outgoing.body_8bit,
            came_from: mail::list::ids(&raw),
            now,
        };
        let submission_id = api
            .store
            .write("hand in a mail", handover, |tx, handover| {
                Box::pin(async move { hand_in(tx, handover).await })
            })
            .await?;
        // From here on the message leaves, whatever happens to this process.
        let (modseq, submission) = api
            .store
            .read((), |tx, ()| {
                Box::pin(async move {
                    let submission = tx.submission(account_id, submission_id).await?;
                    Ok::<_, store::Error>((tx.modseq(account_id).await?, submission))
                })
            })
            .await?;
        answer.moved(modseq, 1);
        let mut told = submission.map_or(Value::Null, |s| crate::submission_get::object(&s, None, now));
        told["id"] = json!(submission_id);
        Ok((submission_id, email_id, told))
    }

    fn draw_trace(&self) -> String {
        let mut random = [0u8; 10];
        self.api.chance.fill(&mut random);
        random.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Has the message examined as every door does: its bytes when they change, and what was found.
    async fn examined(
        &self,
        arrival: &Arrival,
        trace: &str,
        envelope: &Envelope,
        outgoing: &Outgoing,
        raw: &[u8],
        facts: &Facts,
    ) -> Result<(Option<Vec<u8>>, Findings), SetError> {
        let reread = outgoing
            .changed
            .as_ref()
            .map(|bytes| mail::message::read(bytes, &mail::message::Limits::default()));
        let message = outgoing.changed.as_deref().unwrap_or(raw);
        let letter = Letter {
            door: Door::Jmap,
            id: trace,
            reverse_path: Some(&envelope.mail_from),
            recipients: envelope.rcpt_to.iter().map(|recipient| recipient.address.clone()).collect(),
            account: arrival.account,
            peer: None,
            received_at: self.now,
            message,
            facts: reread.as_ref().unwrap_or(facts),
        };
        let findings = match self.api.examiner.examine(&letter).await {
            Ok(findings) => findings,
            Err(refused) => {
                self.trace_refusal(&letter, arrival, &refused).await;
                return Err(forbidden(refused));
            }
        };
        let is_changed = reread.is_some() || findings.changes_message() || !findings.fields().is_empty();
        let bytes = is_changed
            .then(|| [findings.fields().as_bytes(), &findings.without_cuts(message.to_vec())].concat());
        Ok((bytes, findings))
    }

    /// Remembers a refusal in a transaction of its own; it stands whether or not it is remembered.
    async fn trace_refusal(&self, letter: &Letter<'_>, arrival: &Arrival, refused: &Refused) {
        let owner = letter.account.map_or(store::NOBODY, Into::into);
        let to = letter.recipients.clone();
        let event = Event::Refused(mail::trace::Refused::new(arrival.clone(), to, &refused.to_string()));
        let trace = NewTrace { name: letter.id.to_owned(), owner, event };
        let written: Result<(), store::Error> = self
            .api
            .store
            .write("trace a refusal", (trace, self.now), |tx, (trace, now)| {
                Box::pin(async move { tx.trace(trace, *now).await })
            })
            .await;
        drop(written);
    }

    /// What a client says of a submission: message, identity, envelope if any.
    fn read_submission(
        &self,
        object: &mut Map<String, Value>,
    ) -> Result<(EmailId, IdentityId, Option<Value>), SetError> {
        let mut id = |name: &str| match object.remove(name) {
            Some(Value::String(id)) => Ok(id),
            _ => Err(SetError::invalid(name, "an id")),
        };
        let (identity, email) = (id("identityId")?, id("emailId")?);
        let given = object.remove("envelope").filter(|envelope| !envelope.is_null());
        if let Some(name) = object.keys().next() {
            return Err(SetError::invalid(mail::text::clip(name, 100), "cannot be set"));
        }
        let email_id: EmailId =
            self.real_id(&email).map_err(|_| SetError::invalid("emailId", "no such message"))?;
        let identity_id =
            identity.parse().map_err(|_| SetError::invalid("identityId", "no such identity"))?;
        Ok((email_id, identity_id, given))
    }

    /// As whom the message is sent, once it is clear that the caller may say so.
    async fn sender(
        &self,
        account_id: AccountId,
        identity_id: IdentityId,
        outgoing: &Outgoing,
    ) -> Result<Speaks, SetError> {
        let now = self.now;
        let found = self
            .api
            .store
            .read((), |tx, ()| Box::pin(async move { identities(tx, account_id, now).await }))
            .await?;
        let (account, identities) = found.ok_or_else(SetError::not_found)?;
        if account.state != AccountState::Active {
            return Err(SetError::new("forbiddenToSend", "the account does not send at present"));
        }
        if identities.iter().all(|identity| identity.id != identity_id) {
            return Err(SetError::invalid("identityId", "no such identity"));
        }
        Speaks::of(outgoing, &identities).ok_or_else(|| {
            SetError::new("forbiddenFrom", "From and Sender must be addresses of this account")
        })
    }

    /// A submission is on its way the moment it is made, so nothing of it can change.
    async fn update_submission(
        &self,
        account_id: AccountId,
        id: &str,
        patch: Map<String, Value>,
        emails: &mut HashMap<String, EmailId>,
    ) -> Result<(), SetError> {
        let submission = self.known_submission(account_id, id).await?;
        let now = crate::submission_get::object(&submission, None, self.now);
        for (name, value) in patch {
            if now.get(&name) == Some(&value) {
                continue;
            }
            return Err(match (name.as_str(), value.as_str()) {
                ("undoStatus", Some("canceled")) => {
                    SetError::new("cannotUnsend", "the message is on its way already")
                }
                _ => SetError::invalid(mail::text::clip(&name, 100), "does not change"),
            });
        }
        emails.insert(submission.submission_id.to_string(), submission.email_id);
        Ok(())
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

    async fn known_submission(&self, account_id: AccountId, id: &str) -> Result<store::Submission, SetError> {
        let submission_id: SubmissionId = self.real_id(id)?;
        let found = self
            .api
            .store
            .read((), |tx, ()| Box::pin(async move { tx.submission(account_id, submission_id).await }))
            .await?;
        found.ok_or_else(SetError::not_found)
    }
}

/// The transaction: the submission, a row for every destination, the audit.
async fn hand_in(tx: &mut Tx, h: &Handover) -> Result<SubmissionId, SetError> {
    // The message may have gone since it was read.
    let email = tx.email(h.account_id, h.email_id).await?;
    if email.is_none() {
        return Err(SetError::invalid("emailId", "no such message"));
    }
    let routes = find_routes(tx, h).await?;
    let recipients = routes.abroad.values().chain(routes.at_home.values()).flatten();
    let mut delivery: DeliveryStates =
        recipients.map(|r| (r.address.to_string(), DeliveryState::queued())).collect();
    // What becomes of the copies, the list's responsible account hears.
    delivery
        .extend(routes.lists.iter().map(|(list, _)| (list.address.to_string(), DeliveryState::expanded())));
    if let Some(sealed) = &h.changed {
        tx.put_blob(sealed, h.now).await?;
    }
    let submission = NewSubmission {
        account_id: h.account_id,
        email_id: h.email_id,
        thread_id: h.thread_id,
        identity_id: h.identity_id,
        envelope: h.envelope.to_value().to_string(),
        send_at: h.now,
        delivery: to_json(&delivery)?,
    };
    let submission_id = tx.add_submission(&submission, h.now).await?;
    let event = Event::Accepted(Accepted::new(h.arrival.clone(), destinations(&routes), &h.findings.steps));
    if h.findings.held().is_some() && !routes.lists.is_empty() {
        return Err(SetError::new("forbiddenToSend", HELD_FOR_LIST).with("reason", "held_for_list"));
    }
    // First that it came, then what became of it.
    tx.trace(&NewTrace { name: h.trace.clone(), owner: h.account_id.into(), event }, h.now).await?;
    let mut seen: HashSet<AccountId> = routes.at_home.keys().copied().collect();
    for (list, _) in routes.lists.iter().filter(|(_, is_loop)| !is_loop) {
        let mail = outbound(h, submission_id, OutboxKind::Local, Vec::new());
        let copy = ListCopy { mail, owner: h.account_id.into(), blob_id: h.blob_id };
        tx.enqueue_list(list, &copy, &mut seen, h.now).await?;
    }
    for (domain, recipients) in routes.abroad {
        enqueue(tx, h, submission_id, OutboxKind::Mail, domain, recipients).await?;
    }
    for (account, recipients) in routes.at_home {
        enqueue(tx, h, submission_id, OutboxKind::Local, account.to_string(), recipients).await?;
    }
    if h.changed.is_some() {
        // Every row holds a reference of its own now; this one was ours.
        tx.drop_blob(h.account_id, h.blob_id, h.now).await?;
    }
    tx.count_sending(h.account_id, delivery.len(), h.now).await?;
    tx.put_findings(h.account_id, &h.trace, &h.findings, h.now).await?;
    let (actor, subject) = (h.account_id.to_string(), submission_id.to_string());
    let mut detail = json!({ "recipients": delivery.len() });
    if !h.boxes.is_empty() {
        detail["boxes"] = json!(h.boxes);
    }
    for owner in std::iter::once(h.account_id).chain(h.boxes.iter().copied()) {
        tx.audit(owner, h.now, &actor, Audit::MailSubmitted, &subject, &detail.to_string()).await?;
    }
    Ok(submission_id)
}

/// Every recipient and the way the message goes to them, for the trace.
fn destinations(routes: &Routes) -> Vec<Destination> {
    let here = routes.at_home.values().flatten().map(|recipient| (recipient, Goes::Here));
    let elsewhere = routes.abroad.values().flatten().map(|recipient| (recipient, Goes::Elsewhere));
    let lists = routes.lists.iter().map(|(list, is_loop)| Destination {
        address: list.address.clone(),
        account: None,
        goes: if *is_loop { Goes::Loop } else { Goes::List },
    });
    here.chain(elsewhere)
        .map(|(recipient, goes)| Destination {
            address: recipient.address.clone(),
            account: recipient.local_account,
            goes,
        })
        .chain(lists)
        .collect()
}

async fn enqueue(
    tx: &mut Tx,
    h: &Handover,
    submission_id: SubmissionId,
    kind: OutboxKind,
    destination: String,
    recipients: Vec<OutboundRecipient>,
) -> Result<(), SetError> {
    let mail = outbound(h, submission_id, kind, recipients);
    let row = NewOutbox {
        kind,
        owner: h.account_id.into(),
        lane: if mail.is_urgent() { Lane::Urgent } else { Lane::Normal },
        destination,
        payload: to_json(&mail)?,
        blob_id: Some(h.blob_id),
        due_at: h.now,
    };
    match h.findings.held() {
        None => drop(tx.enqueue(&row, h.now).await?),
        Some(hold) => drop(tx.hold_mail(&NewHeld { row: &row, hold, door: Door::Jmap }, h.now).await?),
    }
    Ok(())
}

/// A row's payload.
fn outbound(
    h: &Handover,
    submission_id: SubmissionId,
    kind: OutboxKind,
    recipients: Vec<OutboundRecipient>,
) -> OutboundMail {
    let needs_smtputf8 = h.envelope.mail_from.needs_smtputf8()
        || recipients.iter().any(|recipient| recipient.address.needs_smtputf8());
    OutboundMail {
        reverse_path: Some(h.envelope.mail_from.clone()),
        recipients,
        submission: Some((h.account_id, submission_id)),
        envid: h.envelope.envid.clone(),
        ret: h.envelope.ret,
        smtputf8: h.smtputf8 || needs_smtputf8,
        body_8bit: h.body_8bit,
        require_tls: h.envelope.require_tls,
        priority: h.envelope.priority,
        not_before: None,
        received_at: h.now,
        trace: h.trace.clone(),
        keywords: if kind == OutboxKind::Local { h.findings.keywords.clone() } else { Vec::new() },
        list: None,
    }
}

/// Sorts recipients by where they are. A local address that leads nowhere is told at once, not by a report later.
async fn find_routes(tx: &mut Tx, h: &Handover) -> Result<Routes, SetError> {
    let mut routes = Routes { abroad: BTreeMap::new(), at_home: BTreeMap::new(), lists: Vec::new() };
    let mut nowhere = Vec::new();
    for recipient in &h.envelope.rcpt_to {
        match tx.resolve_address(&recipient.address, h.now).await? {
            Resolved::List(list) if !tx.may_send_to_list(&list, Some(h.account_id)).await? => {
                return Err(SetError::new("forbiddenToSend", NOT_FOR_LIST).with("reason", "list"));
            }
            Resolved::List(list) => {
                if !routes.lists.iter().any(|(seen, _)| seen.list_id == list.list_id) {
                    let is_loop = h.came_from.contains(&mail::list::list_id(&list.address));
                    routes.lists.push((*list, is_loop));
                }
            }
            Resolved::Here(account) => {
                let local_account = Some(account.account_id);
                let recipient = OutboundRecipient { local_account, ..recipient.clone() };
                routes.at_home.entry(account.account_id).or_default().push(recipient);
            }
            Resolved::Elsewhere(domain) => {
                routes.abroad.entry(domain.to_string()).or_default().push(recipient.clone());
            }
            Resolved::Closed(_) | Resolved::Unknown => nowhere.push(recipient.address.to_string()),
        }
    }
    match nowhere.is_empty() {
        true => Ok(routes),
        false => Err(envelope::invalid_recipients(nowhere)),
    }
}

/// The house's own rules (RFC 8621 §7.5): the words are for the person, and `name` for programs.
fn forbidden(refused: Refused) -> SetError {
    let kind = if refused.is_temporary() { "serverUnavailable" } else { "forbiddenToSend" };
    SetError::new(kind, format!("{} / {}", refused.vi, refused.en)).with("reason", refused.name)
}

fn to_json(value: &impl serde::Serialize) -> Result<String, SetError> {
    serde_json::to_string(value).map_err(|e| store::Error::Internal(e.to_string()).into())
}
