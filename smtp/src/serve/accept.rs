//! Taking a message in: one transaction, and then the promise.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::letter::{Door, JUNK, Peer};
use mail::message::Facts;
use mail::trace::{Accepted, Arrival, Destination, Event, Goes};
use mail::{AccountId, Domain, Examine, Findings, Letter, MailboxId, Timestamp};
use store::{
    Account, Audit, MailboxRole, Moved, MovedPlace, NewEmail, NewHeld, NewOutbox, NewTrace, OutboxKind,
    Sealed, Tx,
};

use super::expand::{Copies, ToList, copies, sender_of, welcome};
use super::moved::{Notice, ToMoved};
use super::payload::{lane, outbound, recipient_out, return_path, to_json};
use super::recipient::{Place, has_room, place, postmaster};
use super::sender::{Authors, Speaks, may_say, may_send, signed_in};
use super::traced;
use super::{Desk, Refusal};
use crate::codec::{Reply, table};
use crate::envelope::{Envelope, ForwardPath, Notify, Recipient};
use crate::receive::{Arrived, Role};

/// Where each recipient's mail goes.
#[derive(Default)]
struct Places {
    /// Accounts of this house, each once, with the recipient that led there and whether the message fits.
    here: Vec<(AccountId, Recipient, bool)>,
    /// By destination domain.
    elsewhere: BTreeMap<Domain, Vec<Recipient>>,
    /// Lists, each once.
    lists: Vec<ToList>,
    /// Addresses that have moved, each once; those that are here now are among them and in `here` too.
    moved: Vec<ToMoved>,
    /// Recipients that were welcome at RCPT and no longer are: the sender gets a report about them.
    unwelcome: Vec<(Recipient, Reply)>,
}

impl Places {
    /// Two addresses of one account, or of one list: one message.
    fn put(&mut self, recipient: &Recipient, place: Place, size: usize, came_from: &[String]) {
        match place {
            Place::Here(account) => self.put_here(recipient, &account, size),
            Place::Elsewhere(domain) => self.elsewhere.entry(domain).or_default().push(recipient.clone()),
            Place::Moved(moved) => self.put_moved(recipient, *moved, size),
            Place::List(list) => {
                if !self.lists.iter().any(|seen| seen.list.list_id == list.list_id) {
                    let is_loop = came_from.contains(&mail::list::list_id(&list.address));
                    self.lists.push(ToList { recipient: recipient.clone(), list: *list, is_loop });
                }
            }
        }
    }

    fn put_here(&mut self, recipient: &Recipient, account: &Account, size: usize) {
        if !self.here.iter().any(|(seen, ..)| *seen == account.account_id) {
            let fits = has_room(account, size);
            self.here.push((account.account_id, recipient.clone(), fits));
        }
    }

    fn put_moved(&mut self, recipient: &Recipient, moved: Moved, size: usize) {
        if let MovedPlace::Here(account) = &moved.place {
            self.put_here(recipient, account, size);
        }
        if !self.moved.iter().any(|seen| seen.moved.from == moved.from) {
            self.moved.push(ToMoved { recipient: recipient.clone(), moved });
        }
    }

    fn accounts(&self) -> HashSet<AccountId> {
        self.here.iter().map(|(account, ..)| *account).collect()
    }
}

/// A recipient's place, asked again: what was so at RCPT may not be so any more.
async fn asked(
    tx: &mut Tx,
    host: &Domain,
    recipient: &Recipient,
    sender: Option<AccountId>,
    now: Timestamp,
) -> Result<Place, Refusal> {
    let place = place(tx, host, &recipient.path, now).await?;
    if let Place::List(list) = &place {
        welcome(tx, list, sender).await?;
    }
    Ok(place)
}

/// What the copies of a list are made from.
fn copy_of(envelope: &Envelope, message: &[u8], findings: &Findings) -> OutboundMail {
    OutboundMail { keywords: findings.keywords.clone(), ..outbound(envelope, message, Vec::new()) }
}

/// Everything the accepting transaction writes.
struct Intake {
    bytes: Bytes,
    rows: Vec<NewOutbox>,
    /// Copies for the members of lists.
    copies: Option<Copies>,
    /// What the sender is told of addresses that have moved.
    notices: Vec<Notice>,
    /// By which door it came.
    door: Door,
    owner: AccountId,
    actor: String,
    act: Audit,
    detail: String,
    /// Whose sending counts, and to how many.
    sends: Option<(AccountId, usize)>,
    /// What the examination wants kept.
    findings: Findings,
    /// The boxes it is from: each has it in its audit log too.
    boxes: BTreeSet<AccountId>,
    trace: NewTrace,
    now: Timestamp,
}

/// A message that was examined, as it is kept.
struct Examined {
    envelope: Envelope,
    message: Vec<u8>,
    facts: Facts,
    findings: Findings,
    arrival: Arrival,
    /// As whom it is sent.
    speaks: Speaks,
}

/// What keeps the message's bytes.
enum Bytes {
    /// A letter in an inbox; rows refer to it.
    Letter(Box<NewEmail>),
    /// Rows of the outbox alone.
    Rows(Box<Sealed>),
}

impl Desk {
    /// Keeps a message for everybody it is for; when this returns `Ok`, it survives a power cut and `250` may be said.
    ///
    /// # Errors
    /// What the examination says, 5.7.1 when a submission's `From` is somebody else's, 4.2.2 when nobody has room, or the store's
    /// trouble. Then nothing of the message is kept.
    pub async fn accept(
        &self,
        role: Role,
        arrived: Arrived,
        examiner: &dyn Examine,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let arrived = self.in_lines(role, arrived, now).await?;
        let facts = mail::message::read(&arrived.message, &self.reading);
        let arrival = traced::arrival(role, &arrived.envelope, &arrived.message, &facts);
        let asked =
            (arrived.envelope.id.clone(), traced::addresses(&arrived.envelope.recipients, &self.host));
        match self.intake(role, (arrived, facts, arrival.clone()), examiner, now).await {
            Ok(intake) => self.commit(intake).await,
            Err(Refusal::Said(reply)) => {
                let (name, to) = asked;
                let owner = arrival.account.map_or(store::NOBODY, Into::into);
                let event = Event::Refused(mail::trace::Refused::new(arrival, to, &reply.to_string()));
                self.trace_refusal(NewTrace { name, owner, event }, now).await;
                Err(Refusal::Said(reply))
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn intake(
        &self,
        role: Role,
        (arrived, facts, arrival): (Arrived, Facts, Arrival),
        examiner: &dyn Examine,
        now: Timestamp,
    ) -> Result<Intake, Refusal> {
        let examined = self.examined(role, (arrived, facts, arrival), examiner, now).await?;
        match role {
            Role::Submission => self.submission(examined, now).await,
            Role::Mx | Role::Lmtp => self.delivery(role, examined, now).await,
        }
    }

    async fn commit(&self, intake: Intake) -> Result<(), Refusal> {
        self.store
            .write("accept mail", intake, |tx, intake| Box::pin(async move { keep(tx, intake).await }))
            .await?;
        // The transaction is committed: from here on a crash loses nothing, and `250` may be said.
        Ok(())
    }

    /// Reads a message once, has it examined, and puts before it what belongs there: the path that final delivery adds, what the
    /// examination found, our own `Received` (RFC 5321 §4.4, RFC 8601 §4.1).
    async fn examined(
        &self,
        role: Role,
        (arrived, facts, arrival): (Arrived, Facts, Arrival),
        examiner: &dyn Examine,
        now: Timestamp,
    ) -> Result<Examined, Refusal> {
        let Arrived { envelope, trace, message } = arrived;
        let (account, speaks) = match role {
            Role::Submission => {
                let account = signed_in(&envelope.client)?;
                (Some(account), self.may_hand_in(account, &envelope, (&message, &facts), now).await?)
            }
            Role::Mx | Role::Lmtp => (None, Speaks::default()),
        };
        let (message, facts) = speaks.signed(message, facts, &self.reading);
        let letter = self.letter_of(role, &envelope, account, &message, &facts)?;
        let findings = examiner.examine(&letter).await?;
        let path = match role {
            Role::Submission => String::new(),
            Role::Mx | Role::Lmtp => return_path(&envelope.reverse_path),
        };
        let before = [&path, findings.fields(), &trace].concat().into_bytes();
        let facts = match findings.changes_message() {
            false => Some(facts.moved(before.len())),
            true => None,
        };
        let message = [before, findings.without_cuts(message)].concat();
        let facts = facts.unwrap_or_else(|| mail::message::read(&message, &self.reading));
        Ok(Examined { envelope, message, facts, findings, arrival, speaks })
    }

    /// What the examination is shown.
    fn letter_of<'a>(
        &self,
        role: Role,
        envelope: &'a Envelope,
        account: Option<AccountId>,
        message: &'a [u8],
        facts: &'a Facts,
    ) -> Result<Letter<'a>, Refusal> {
        let client = &envelope.client;
        let address = |recipient: &Recipient| match &recipient.path {
            ForwardPath::Mailbox(address) => Ok(address.clone()),
            ForwardPath::Postmaster => postmaster(&self.host),
        };
        Ok(Letter {
            door: traced::door(role),
            id: &envelope.id,
            reverse_path: envelope.reverse_path.mailbox(),
            recipients: envelope.recipients.iter().map(address).collect::<Result<_, _>>()?,
            account,
            peer: Some(Peer {
                ip: client.ip,
                reverse_name: client.reverse_name.clone(),
                iprev: client.iprev,
                name: client.name.as_ref().map(ToString::to_string),
                is_encrypted: client.tls.is_some(),
            }),
            received_at: envelope.received_at,
            message,
            facts,
        })
    }

    /// Mail from outside: into the first recipient's inbox, and rows for the others.
    async fn delivery(&self, role: Role, examined: Examined, now: Timestamp) -> Result<Intake, Refusal> {
        let Examined { envelope, message, facts, findings, arrival, .. } = examined;
        let mut places = self.places(role, &envelope, &message, now).await?;
        // What was local at RCPT and is not any more cannot be relayed.
        for recipient in std::mem::take(&mut places.elsewhere).into_values().flatten() {
            places.unwelcome.push((recipient, table::NO_RELAY.reply()));
        }
        let mut to = self.destinations(&places);
        let seen = places.accounts();
        // What is held goes nowhere at once, not even into an inbox.
        let (owner, direct) = first(&mut places, findings.held().is_none())?;
        if let (true, Some(to)) = (direct, to.iter_mut().find(|to| to.account == Some(owner))) {
            to.goes = Goes::Mailbox;
        }
        let event = Event::Accepted(Accepted::new(arrival, to, &findings.steps));
        let trace = NewTrace { name: envelope.id.clone(), owner: owner.into(), event };
        let blob = self.store.seal(owner, &message, now).await?;
        let mut rows = self.local_rows(&envelope, &message, &places, &findings.keywords, &blob, now)?;
        rows.extend(self.forward_rows(&places.moved, &envelope, &message, &blob, now)?);
        let copies = copies(&places.lists, copy_of(&envelope, &message, &findings), seen, &blob);
        let notices = self.notices(&places.moved, &envelope, (&message, &facts, &findings), now).await?;
        let bytes = match direct {
            true => {
                let mailbox_ids = vec![self.arrives_in(owner, &findings.keywords).await?];
                Bytes::Letter(Box::new(NewEmail {
                    account_id: owner,
                    blob,
                    facts,
                    mailbox_ids,
                    keywords: findings.keywords.clone(),
                    received_at: envelope.received_at,
                    ask_quota: true,
                }))
            }
            false => Bytes::Rows(Box::new(blob)),
        };
        let actor = if role == Role::Lmtp { "lmtp" } else { "smtp" }.to_owned();
        let (act, detail) = (Audit::MailReceived, detail(&envelope, &BTreeSet::new()));
        Ok(Intake {
            bytes,
            rows,
            copies,
            notices,
            door: traced::door(role),
            owner,
            actor,
            act,
            detail,
            sends: None,
            findings,
            boxes: BTreeSet::new(),
            trace,
            now,
        })
    }

    /// Mail from our own people: rows only. What they keep of it is their own business.
    async fn submission(&self, examined: Examined, now: Timestamp) -> Result<Intake, Refusal> {
        let Examined { envelope, message, facts, findings, arrival, speaks } = examined;
        let owner = signed_in(&envelope.client)?;
        let places = self.places(Role::Submission, &envelope, &message, now).await?;
        let blob = self.store.seal(owner, &message, now).await?;
        let mut rows = self.local_rows(&envelope, &message, &places, &findings.keywords, &blob, now)?;
        for (domain, recipients) in &places.elsewhere {
            let recipients = recipients.iter().map(|one| recipient_out(one, None, &self.host));
            let recipients = recipients.collect::<Result<Vec<_>, _>>()?;
            let destination = domain.as_str().to_owned();
            let mail = outbound(&envelope, &message, recipients);
            rows.push(row(OutboxKind::Mail, destination, &mail, &blob, now)?);
        }
        rows.extend(self.forward_rows(&places.moved, &envelope, &message, &blob, now)?);
        let notices = self.notices(&places.moved, &envelope, (&message, &facts, &findings), now).await?;
        let copies = copies(&places.lists, copy_of(&envelope, &message, &findings), places.accounts(), &blob);
        let (bytes, actor) = (Bytes::Rows(Box::new(blob)), owner.to_string());
        let event = Event::Accepted(Accepted::new(arrival, self.destinations(&places), &findings.steps));
        let trace = NewTrace { name: envelope.id.clone(), owner: owner.into(), event };
        let sends = Some((owner, envelope.recipients.len()));
        let (act, detail) = (Audit::MailSubmitted, detail(&envelope, &speaks.boxes));
        let (boxes, door) = (speaks.boxes, Door::Submission);
        Ok(Intake {
            bytes,
            rows,
            copies,
            notices,
            door,
            owner,
            actor,
            act,
            detail,
            sends,
            findings,
            boxes,
            trace,
            now,
        })
    }

    /// Every recipient and the way the message goes to them, for the trace.
    fn destinations(&self, places: &Places) -> Vec<Destination> {
        let here = places.here.iter().map(|(account, recipient, _)| (recipient, Some(*account), Goes::Here));
        let forwards = places.moved.iter().filter(|one| one.elsewhere().is_some()).map(|one| &one.recipient);
        let elsewhere = places.elsewhere.values().flatten().chain(forwards);
        let elsewhere = elsewhere.map(|recipient| (recipient, None, Goes::Elsewhere));
        let nowhere = places.unwelcome.iter().map(|(recipient, _)| (recipient, None, Goes::Nowhere));
        let goes = |to: &ToList| if to.is_loop { Goes::Loop } else { Goes::List };
        let lists = places.lists.iter().map(|to| (&to.recipient, None, goes(to)));
        here.chain(elsewhere)
            .chain(lists)
            .chain(nowhere)
            .filter_map(|(recipient, account, goes)| {
                traced::destination(recipient, &self.host, account, goes)
            })
            .collect()
    }

    /// Whether an account may send with this path and say it is by these authors, and as whom it does.
    async fn may_hand_in(
        &self,
        account: AccountId,
        envelope: &Envelope,
        (message, facts): (&[u8], &Facts),
        now: Timestamp,
    ) -> Result<Speaks, Refusal> {
        let authors = Authors::count(message);
        let input = (account, envelope.reverse_path.clone(), facts.clone());
        self.store
            .read(input, move |tx, (account, path, facts)| {
                Box::pin(async move {
                    may_send(tx, *account, path, now).await?;
                    may_say(tx, *account, (facts, authors), now).await
                })
            })
            .await
    }

    async fn places(
        &self,
        role: Role,
        envelope: &Envelope,
        message: &[u8],
        now: Timestamp,
    ) -> Result<Places, Refusal> {
        let sender = sender_of(role, &envelope.client)?;
        let (size, came_from) = (message.len(), mail::list::ids(message));
        let input = (envelope.recipients.clone(), self.host.clone(), came_from);
        self.store
            .read(input, move |tx, (recipients, host, came_from)| {
                Box::pin(async move {
                    let mut places = Places::default();
                    for recipient in recipients {
                        match asked(tx, host, recipient, sender, now).await {
                            Ok(place) => places.put(recipient, place, size, came_from),
                            Err(Refusal::Said(reply)) => places.unwelcome.push((recipient.clone(), reply)),
                            Err(trouble) => return Err(trouble),
                        }
                    }
                    Ok(places)
                })
            })
            .await
    }

    /// Where mail of an account comes in: what was found suspicious (RFC 8621 §4.1.1) where junk lies, if the account has such a place.
    pub(super) async fn arrives_in(
        &self,
        account_id: AccountId,
        keywords: &[String],
    ) -> Result<MailboxId, Refusal> {
        if !keywords.iter().any(|keyword| keyword == JUNK) {
            return self.inbox(account_id).await;
        }
        let junk = self
            .store
            .read(account_id, |tx, account_id| {
                Box::pin(async move { tx.mailbox_with_role(*account_id, MailboxRole::Junk).await })
            })
            .await?;
        match junk {
            Some(junk) => Ok(junk.mailbox_id),
            None => self.inbox(account_id).await,
        }
    }

    /// The inbox of an account.
    pub(super) async fn inbox(&self, account_id: AccountId) -> Result<MailboxId, Refusal> {
        let inbox = self
            .store
            .read(account_id, |tx, account_id| {
                Box::pin(async move { tx.mailbox_with_role(*account_id, MailboxRole::Inbox).await })
            })
            .await?;
        inbox.map(|inbox| inbox.mailbox_id).ok_or(Refusal::Store(store::Error::NotFound("the inbox")))
    }

    /// One row for each local recipient: each is delivered in a transaction of its own. Those that are unwelcome by now get one
    /// too; whoever carries it finds that out again and tells the sender.
    fn local_rows(
        &self,
        envelope: &Envelope,
        message: &[u8],
        places: &Places,
        keywords: &[String],
        blob: &Sealed,
        now: Timestamp,
    ) -> Result<Vec<NewOutbox>, Refusal> {
        let here = places.here.iter().map(|(account_id, recipient, _)| (recipient, Some(*account_id)));
        let unwelcome = places.unwelcome.iter().map(|(recipient, _)| (recipient, None));
        here.chain(unwelcome)
            .map(|(recipient, account_id)| {
                let recipient: OutboundRecipient = recipient_out(recipient, account_id, &self.host)?;
                let destination = account_id.map_or_else(String::new, |id| id.to_string());
                let mut mail = outbound(envelope, message, vec![recipient]);
                mail.keywords = keywords.to_vec();
                row(OutboxKind::Local, destination, &mail, blob, now)
            })
            .collect()
    }
}

/// The account whose key seals the message, and whether it lies in that inbox at once, when it may; then it is no longer among the
/// places.
/// Who wants to hear of success (RFC 3461 §4.1) is served by the carrier, which writes such reports.
///
/// # Errors
/// What everybody is told when nobody has room or is welcome.
fn first(places: &mut Places, may_be_direct: bool) -> Result<(AccountId, bool), Refusal> {
    let wants_success =
        |recipient: &Recipient| matches!(recipient.notify, Some(Notify::On { success: true, .. }));
    let direct = places.here.iter().position(|(_, recipient, fits)| *fits && !wants_success(recipient));
    if let Some(direct) = direct.filter(|_| may_be_direct) {
        return Ok((places.here.remove(direct).0, true));
    }
    let list = places.lists.first().map(|to| to.list.responsible);
    let moved = places.moved.iter().find(|one| one.elsewhere().is_some()).map(|one| one.moved.owner);
    let fitting = places.here.iter().find(|(.., fits)| *fits).map(|(owner, ..)| *owner);
    match (fitting.or(list).or(moved), places.here.is_empty()) {
        (Some(owner), _) => Ok((owner, false)),
        (None, false) => Err(table::MAILBOX_FULL.into()),
        (None, true) => {
            let reply = places.unwelcome.pop().map_or(table::OUR_FAULT.reply(), |(_, reply)| reply);
            Err(Refusal::Said(reply))
        }
    }
}

fn row(
    kind: OutboxKind,
    destination: String,
    mail: &OutboundMail,
    blob: &Sealed,
    now: Timestamp,
) -> Result<NewOutbox, Refusal> {
    Ok(NewOutbox {
        kind,
        owner: blob.owner(),
        lane: lane(mail),
        destination,
        payload: to_json(mail)?,
        blob_id: Some(blob.blob_id()),
        due_at: mail.not_before.map_or(now, |at| at.max(now)),
    })
}

/// What the audit log says beside who and what: the id that the client was told, and the legal time of receipt (RULES M36), which is
/// before the row's own; and the boxes it is from, when somebody acts in one (RULES M1).
fn detail(envelope: &Envelope, boxes: &BTreeSet<AccountId>) -> String {
    let recipients = envelope.recipients.len();
    let received_at = envelope.received_at.to_rfc3339_utc();
    let mut detail =
        serde_json::json!({ "session": envelope.id, "recipients": recipients, "received_at": received_at });
    if !boxes.is_empty() {
        detail["boxes"] = serde_json::json!(boxes);
    }
    detail.to_string()
}

async fn keep(tx: &mut Tx, intake: &Intake) -> Result<(), store::Error> {
    let Intake { owner, now, act, .. } = *intake;
    let subject = match &intake.bytes {
        Bytes::Letter(email) => {
            let email_id = tx.add_email(email, now).await?.email_id;
            let from = intake.trace.event.arrival().and_then(|arrival| arrival.from.as_ref());
            tx.note_for_vacation(owner, email_id, from).await?;
            email_id.to_string()
        }
        Bytes::Rows(blob) => {
            // Held while the rows take their own references.
            tx.put_blob(blob, now).await?;
            blob.blob_id().to_string()
        }
    };
    // First that it came, then what became of it.
    tx.trace(&intake.trace, now).await?;
    for row in &intake.rows {
        match intake.findings.held() {
            None => drop(tx.enqueue(row, now).await?),
            Some(hold) => {
                tx.hold_mail(&NewHeld { row, hold, door: intake.door, keeper: None }, now).await?;
            }
        }
    }
    if let Some(copies) = &intake.copies {
        copies.write(tx, intake.findings.held(), intake.door, now).await?;
    }
    for notice in &intake.notices {
        notice.write(tx, now).await?;
    }
    if let Some((account, recipients)) = intake.sends {
        tx.count_sending(account, recipients, now).await?;
    }
    if let Bytes::Rows(blob) = &intake.bytes {
        tx.drop_blob(owner, blob.blob_id(), now).await?;
    }
    tx.put_findings(owner, &intake.trace.name, &intake.findings, now).await?;
    for owner in std::iter::once(owner).chain(intake.boxes.iter().copied()) {
        tx.audit(owner, now, &intake.actor, act, &subject, &intake.detail).await?;
    }
    Ok(())
}
