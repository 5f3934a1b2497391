//! What is looked at before a message is handed in: as whom, to whom, and what the house says of it (RFC 8621 §7.5).

use mail::letter::Door;
use mail::message::Facts;
use mail::trace::{Arrival, Event};
use mail::{AccountId, EmailId, Findings, IdentityId, Letter, Refused, SubmissionId};
use serde_json::{Map, Value, json};
use store::{AccountState, Email, NewTrace, Sealed};

use crate::call::Context;
use crate::email_get::email_and_bytes;
use crate::envelope::{Envelope, Outgoing};
use crate::error::SetError;
use crate::hand_in::{Handover, hand_in};
use crate::identity::identities;
use crate::set::SetAnswer;
use crate::speaks::Speaks;
use crate::submission_get;

/// What a client says of a submission.
struct Asked {
    email_id: EmailId,
    identity_id: IdentityId,
    envelope: Option<Value>,
}

impl Context<'_> {
    /// Hands a message in.
    pub(crate) async fn create_submission(
        &mut self,
        account_id: AccountId,
        mut object: Map<String, Value>,
        answer: &mut SetAnswer,
    ) -> Result<(SubmissionId, EmailId, Value), SetError> {
        let (api, now) = (self.api, self.now);
        let asked = self.read_submission(&mut object)?;
        let email_id = asked.email_id;
        let handover = self.handover(account_id, asked).await?;
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
        let mut told = submission.map_or(Value::Null, |s| submission_get::object(&s, None, now));
        told["id"] = json!(submission_id);
        Ok((submission_id, email_id, told))
    }

    /// Everything that is decided before the transaction.
    async fn handover(&self, account_id: AccountId, asked: Asked) -> Result<Handover, SetError> {
        let api = self.api;
        let (email, raw) = email_and_bytes(api, account_id, asked.email_id)
            .await?
            .ok_or_else(|| SetError::invalid("emailId", "no such message"))?;
        if raw.len() > api.limits.size_upload_max {
            return Err(SetError::new("tooLarge", "the message is too large to be sent")
                .with("maxSize", api.limits.size_upload_max));
        }
        let mut outgoing = Outgoing::read(&raw, &email.facts)?;
        let speaks = self.sender(account_id, asked.identity_id, &outgoing).await?;
        if let Some(sender) = speaks.sender.clone() {
            outgoing.name_sender(sender, &raw);
        }
        let envelope = self.envelope(asked.envelope, &outgoing, &email, &speaks)?;
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
            Some(bytes) => Some(api.store.seal(account_id, bytes, self.now).await?),
            None => None,
        };
        Ok(Handover {
            account_id,
            email_id: asked.email_id,
            thread_id: email.thread_id,
            identity_id: asked.identity_id,
            envelope,
            blob_id: changed.as_ref().map_or(email.blob_id, Sealed::blob_id),
            changed,
            trace,
            arrival,
            findings,
            boxes: speaks.boxes,
            smtputf8: outgoing.header_8bit,
            body_8bit: outgoing.body_8bit,
            binary: email.facts.is_binary(&raw),
            came_from: mail::list::ids(&raw),
            now: self.now,
        })
    }

    /// The envelope that was given, or the one the message asks for.
    fn envelope(
        &self,
        given: Option<Value>,
        outgoing: &Outgoing,
        email: &Email,
        speaks: &Speaks,
    ) -> Result<Envelope, SetError> {
        let limits = &self.api.limits;
        let envelope = match given {
            Some(given) => Envelope::read(given, limits, self.now)?,
            None => Envelope::of(outgoing, &email.facts, limits)?,
        };
        match speaks.paths.contains(&envelope.mail_from) {
            true => Ok(envelope),
            false => {
                Err(SetError::new("forbiddenMailFrom", "the return path is not an address of this account"))
            }
        }
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
                return Err(SetError::not_taken(refused, "forbiddenToSend"));
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

    fn read_submission(&self, object: &mut Map<String, Value>) -> Result<Asked, SetError> {
        let mut id = |name: &str| match object.remove(name) {
            Some(Value::String(id)) => Ok(id),
            _ => Err(SetError::invalid(name, "an id")),
        };
        let (identity, email) = (id("identityId")?, id("emailId")?);
        let envelope = object.remove("envelope").filter(|envelope| !envelope.is_null());
        if let Some(name) = object.keys().next() {
            return Err(SetError::invalid(mail::text::clip(name, 100), "cannot be set"));
        }
        let email_id = self.real_id(&email).map_err(|_| SetError::invalid("emailId", "no such message"))?;
        let identity_id =
            self.real_id(&identity).map_err(|_| SetError::invalid("identityId", "no such identity"))?;
        Ok(Asked { email_id, identity_id, envelope })
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
}
