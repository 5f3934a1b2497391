//! Handing a message in, the one transaction: the submission and every row that carries the message away. Either the client is told of a
//! submission and the message leaves, or neither.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use mail::envelope::{Delivered, DeliveryState, DeliveryStates, OutboundMail, OutboundRecipient};
use mail::letter::Door;
use mail::trace::{Accepted, Arrival, Destination, Event, Goes};
use mail::{AccountId, BlobId, EmailId, Findings, IdentityId, SubmissionId, ThreadId, Timestamp};
use serde_json::json;
use store::{
    Account, Audit, Lane, List, ListCopy, MovedPlace, NewHeld, NewOutbox, NewSubmission, NewTrace,
    OutboxKind, Resolved, Sealed, Tx,
};

use crate::envelope::{self, Envelope};
use crate::error::SetError;

/// The same words as at the other doors.
const NOT_FOR_LIST: &str = "Bạn không được phép gửi thư tới danh sách này / You may not send to this list";

/// Everything the one transaction needs.
#[derive(Clone)]
pub(crate) struct Handover {
    pub(crate) account_id: AccountId,
    pub(crate) email_id: EmailId,
    pub(crate) thread_id: ThreadId,
    pub(crate) identity_id: IdentityId,
    pub(crate) envelope: Envelope,
    /// The message as it goes out, when that is not the message as it lies there: without Bcc, with what the examination put before it.
    pub(crate) changed: Option<Sealed>,
    pub(crate) blob_id: BlobId,
    /// Its name in the trace.
    pub(crate) trace: String,
    /// What the trace is told of it.
    pub(crate) arrival: Arrival,
    /// What the examination found.
    pub(crate) findings: Findings,
    /// The boxes it is from (RULES M1): each has it in its audit log too.
    pub(crate) boxes: BTreeSet<AccountId>,
    pub(crate) smtputf8: bool,
    pub(crate) body_8bit: bool,
    /// It holds what no line can hold (RFC 3030 §3).
    pub(crate) binary: bool,
    /// The lists it came through.
    pub(crate) came_from: Vec<String>,
    pub(crate) now: Timestamp,
}

/// Where the recipients are.
#[derive(Default)]
struct Routes {
    /// By domain.
    abroad: BTreeMap<String, Vec<OutboundRecipient>>,
    /// By account: one copy each, however many of its addresses were named.
    at_home: BTreeMap<AccountId, OutboundRecipient>,
    /// Further addresses of an account that gets its copy already.
    same: Vec<OutboundRecipient>,
    /// Lists, and whether the message came from that very list; then it ends here.
    lists: Vec<(List, bool)>,
}

impl Routes {
    fn put_here(&mut self, account: &Account, recipient: &OutboundRecipient) {
        let local_account = Some(account.account_id);
        let recipient = OutboundRecipient { local_account, ..recipient.clone() };
        match self.at_home.entry(account.account_id) {
            Entry::Vacant(first) => drop(first.insert(recipient)),
            Entry::Occupied(_) => self.same.push(recipient),
        }
    }
}

/// The transaction: the submission, a row for every destination, the audit.
pub(crate) async fn hand_in(tx: &mut Tx, h: &Handover) -> Result<SubmissionId, SetError> {
    // The message may have gone since it was read.
    let email = tx.email(h.account_id, h.email_id).await?;
    if email.is_none() {
        return Err(SetError::invalid("emailId", "no such message"));
    }
    let routes = find_routes(tx, h).await?;
    let delivery = delivery_states(&routes);
    if let Some(sealed) = &h.changed {
        tx.put_blob(sealed, h.now).await?;
    }
    let submission = NewSubmission {
        account_id: h.account_id,
        email_id: h.email_id,
        thread_id: h.thread_id,
        identity_id: h.identity_id,
        envelope: h.envelope.to_value().to_string(),
        send_at: h.leaves_at(),
        delivery: to_json(&delivery)?,
    };
    let submission_id = tx.add_submission(&submission, h.now).await?;
    let event = Event::Accepted(Accepted::new(h.arrival.clone(), destinations(&routes), &h.findings.steps));
    // First that it came, then what became of it.
    tx.trace(&NewTrace { name: h.trace.clone(), owner: h.account_id.into(), event }, h.now).await?;
    enqueue_all(tx, h, submission_id, routes).await?;
    // What is held back for a person to look at is theirs to let go, and no longer the sender's to take back.
    if h.leaves_at() > h.now && h.findings.held().is_none() {
        tx.submission_waits(h.account_id, submission_id, &h.trace).await?;
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

impl Handover {
    /// When the message leaves.
    fn leaves_at(&self) -> Timestamp {
        self.envelope.leaves_at.unwrap_or(self.now)
    }
}

/// What is known of the delivery to each recipient at first.
fn delivery_states(routes: &Routes) -> DeliveryStates {
    let recipients = routes.abroad.values().flatten().chain(routes.at_home.values());
    let mut states: DeliveryStates =
        recipients.map(|r| (r.address.to_string(), DeliveryState::queued())).collect();
    let copied = DeliveryState {
        smtp_reply: "250 2.1.5 one copy for this mailbox".to_owned(),
        delivered: Delivered::Unknown,
        ..DeliveryState::queued()
    };
    states.extend(routes.same.iter().map(|same| (same.address.to_string(), copied.clone())));
    // What becomes of the copies, the list's responsible account hears.
    states.extend(routes.lists.iter().map(|(list, _)| (list.address.to_string(), DeliveryState::expanded())));
    states
}

/// A row for every destination, and those of the lists.
async fn enqueue_all(
    tx: &mut Tx,
    h: &Handover,
    submission_id: SubmissionId,
    routes: Routes,
) -> Result<(), SetError> {
    let mut seen: HashSet<AccountId> = routes.at_home.keys().copied().collect();
    for (list, _) in routes.lists.iter().filter(|(_, is_loop)| !is_loop) {
        let mail = outbound(h, submission_id, OutboxKind::Local, Vec::new());
        let copy = ListCopy { mail, owner: h.account_id.into(), blob_id: h.blob_id };
        match h.findings.held() {
            None => drop(tx.enqueue_list(list, &copy, &mut seen, h.now).await?),
            Some(hold) => {
                tx.hold_for_list(list, &copy, hold, Door::Jmap, h.now).await?;
            }
        }
    }
    for (domain, recipients) in routes.abroad {
        enqueue(tx, h, submission_id, OutboxKind::Mail, domain, recipients).await?;
    }
    for (account, recipient) in routes.at_home {
        enqueue(tx, h, submission_id, OutboxKind::Local, account.to_string(), vec![recipient]).await?;
    }
    Ok(())
}

/// Every recipient and the way the message goes to them, for the trace.
fn destinations(routes: &Routes) -> Vec<Destination> {
    let here = routes.at_home.values().chain(&routes.same).map(|recipient| (recipient, Goes::Here));
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
        due_at: h.leaves_at(),
    };
    match h.findings.held() {
        None => drop(tx.enqueue(&row, h.now).await?),
        Some(hold) => {
            let held = NewHeld { row: &row, hold, door: Door::Jmap, keeper: None };
            tx.hold_mail(&held, h.now).await?;
        }
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
        binary: h.binary,
        require_tls: h.envelope.require_tls,
        priority: h.envelope.priority,
        not_before: h.envelope.leaves_at.filter(|at| *at > h.now),
        deliver_by: None,
        via: None,
        received_at: h.now,
        trace: h.trace.clone(),
        keywords: if kind == OutboxKind::Local { h.findings.keywords.clone() } else { Vec::new() },
        list: None,
        forwarded_by: None,
        to_list: None,
    }
}

/// Sorts recipients by where they are. A local address that leads nowhere is told at once, not by a report later.
async fn find_routes(tx: &mut Tx, h: &Handover) -> Result<Routes, SetError> {
    let mut routes = Routes::default();
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
            Resolved::Here(account) => routes.put_here(&account, recipient),
            Resolved::Moved(moved) => match moved.place {
                MovedPlace::Here(account) => routes.put_here(&account, recipient),
                MovedPlace::Elsewhere(domain) => {
                    let recipient = OutboundRecipient { address: moved.to, ..recipient.clone() };
                    routes.abroad.entry(domain.to_string()).or_default().push(recipient);
                }
            },
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

fn to_json(value: &impl serde::Serialize) -> Result<String, SetError> {
    serde_json::to_string(value).map_err(|e| store::Error::Internal(e.to_string()).into())
}
