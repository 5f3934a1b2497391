//! The answer in the name of somebody who is away (RFC 8621 §8, RFC 3834). What arrives for such a person is noted in the transaction that
//! delivers it; here the note is taken and the answer enqueued in one transaction, so each is written once. The answer goes the way of all
//! mail of our own people: limits, secrecy, policy (RULES M7–M12), our signature, the outbox.

use std::collections::HashSet;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use mail::auto_reply;
use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::letter::Door;
use mail::trace::{Accepted, Arrival, Destination, Event, Goes};
use mail::{AccountId, EmailAddress, Examine, Findings, Letter, OwnerId, Timestamp};
use serde_json::json;
use store::{
    Account, AccountState, Audit, Email, Lane, MovedPlace, NewOutbox, NewTrace, OutboxKind, Resolved, Sealed,
    Signal, Tx, Vacation, VacationDue,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::house::House;
use crate::mail_path::MailPath;

/// Notes taken at a time.
const AT_ONCE: i64 = 50;
/// The shortest time between two looks: under a flood of mail, one look a second is enough for answers that nobody waits for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The longest, in case a signal was missed or something could not be done then.
const LOOK_ANYWAY: Duration = Duration::from_secs(30);
/// From when on an answer that had to wait is not worth sending any more.
const LATE: Duration = Duration::from_secs(24 * 3600);
/// What stands there when the person wrote nothing.
const TEXT: &str =
    "Tôi hiện vắng mặt và sẽ trả lời thư sau.\r\n\r\nI am away at present and will answer later.\r\n";

/// Works until the house stops.
pub(crate) async fn run(house: Arc<House>, path: Arc<MailPath>) {
    let mut signals = house.store.signals();
    let stop = house.stop.clone();
    loop {
        if let Err(error) = answer_all(&house, &path).await {
            tracing::warn!("answers of people who are away have to wait: {error:#}");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_ANYWAY) => {}
            () = noted(&mut signals) => {}
        }
    }
}

/// Waits until something was put into the outbox or noted beside it.
async fn noted(signals: &mut Receiver<Signal>) {
    loop {
        match signals.recv().await {
            Ok(Signal::Outbox) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Takes every note there is. What cannot be answered now (its sender is over a limit, a scanner is down) stays for the next look and holds
/// nobody else's answer up.
async fn answer_all(house: &Arc<House>, path: &Arc<MailPath>) -> anyhow::Result<()> {
    let mut after: Option<VacationDue> = None;
    // Whose answer waits: the next one would, too.
    let mut waiting: HashSet<AccountId> = HashSet::new();
    while !house.stop.is_cancelled() {
        let due = house.store.read(after.clone(), |tx, after| {
            Box::pin(async move { tx.vacations_due(after.as_ref(), AT_ONCE).await })
        });
        let due: Vec<VacationDue> = due.await?;
        for one in &due {
            if waiting.contains(&one.account_id) {
                continue;
            }
            match answer(house, path, one).await? {
                Outcome::Settled(answer) => settle(house, one, answer.map(|answer| *answer)).await?,
                Outcome::Later(why) => {
                    tracing::info!(account = %one.account_id, why, "an answer during an absence waits");
                    waiting.insert(one.account_id);
                }
            }
        }
        match due.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
    Ok(())
}

/// What comes of a note.
enum Outcome {
    /// It is done with: by this answer, or none.
    Settled(Option<Box<Answer>>),
    /// It is looked at again; the word says why.
    Later(&'static str),
}

/// An answer, ready to be kept.
struct Answer {
    to: EmailAddress,
    blob: Sealed,
    row: NewOutbox,
    trace: NewTrace,
    findings: Findings,
    again_after: Timestamp,
}

/// What is known of a mail that may have to be answered.
struct Asked {
    account: Account,
    vacation: Vacation,
    email: Email,
    own: Vec<EmailAddress>,
    was_told: bool,
}

/// What the store knows; `None` when nothing is to be answered (any more).
async fn ask(house: &House, due: &VacationDue, to: &EmailAddress) -> Result<Option<Asked>, store::Error> {
    let since = again_after(house);
    let input = (due.clone(), to.clone());
    house
        .store
        .read(input, move |tx, (due, to)| {
            Box::pin(async move {
                let account_id = due.account_id;
                let Some(vacation) = tx.vacation(account_id).await? else { return Ok(None) };
                let Some(account) = tx.account(account_id).await? else { return Ok(None) };
                let Some(email) = tx.email(account_id, due.email_id).await? else { return Ok(None) };
                let own = tx.own_addresses(account_id, email.received_at).await?;
                let was_told = tx.was_told_of_vacation(account_id, to, since).await?;
                Ok(Some(Asked { account, vacation, email, own, was_told }))
            })
        })
        .await
}

fn again_after(house: &House) -> Timestamp {
    house.now().minus(Duration::from_secs(house.config.mail.vacation_days.saturating_mul(86_400)))
}

/// The answer to a mail, if it gets one.
async fn answer(house: &Arc<House>, path: &Arc<MailPath>, due: &VacationDue) -> anyhow::Result<Outcome> {
    const NONE: Outcome = Outcome::Settled(None);
    let Ok(to) = due.reverse_path.parse::<EmailAddress>() else { return Ok(NONE) };
    let Some(asked) = ask(house, due, &to).await? else { return Ok(NONE) };
    let email = &asked.email;
    // Who may not send at present is not answered for either, and an answer a day late says nothing.
    let is_due = asked.account.state == AccountState::Active
        && asked.vacation.is_on(email.received_at)
        && house.now().since(email.received_at) < LATE;
    if !is_due || asked.was_told {
        return Ok(NONE);
    }
    let Some(raw) = house.store.read_blob(due.account_id, email.blob_id).await? else { return Ok(NONE) };
    let from = match auto_reply::addressed(&raw, &email.facts, &email.keywords, &to, &asked.own) {
        Ok(from) => from,
        Err(why) => {
            tracing::debug!(account = %due.account_id, %why, "a mail is not answered during an absence");
            return Ok(NONE);
        }
    };
    write(house, path, due.account_id, to.clone(), message(house, &asked, from, &to)?).await
}

/// The answer as our own people's mail is taken in: examined, signed, sealed. None when the house refuses it for good.
async fn write(
    house: &Arc<House>,
    path: &Arc<MailPath>,
    account_id: AccountId,
    to: EmailAddress,
    message: Vec<u8>,
) -> anyhow::Result<Outcome> {
    let (now, name) = (house.now(), house.draw_token(12));
    let facts = mail::message::read(&message, &mail::message::Limits::default());
    let letter = Letter {
        door: Door::Jmap,
        id: &name,
        // RFC 3834 §3.3: nobody is told when an answer cannot be delivered.
        reverse_path: None,
        recipients: vec![to.clone()],
        account: Some(account_id),
        peer: None,
        received_at: now,
        message: &message,
        facts: &facts,
    };
    let findings = match path.examine(&letter).await {
        Ok(findings) if findings.held().is_none() => findings,
        // What a person would have to look at is not worth it.
        Ok(_) => return Ok(Outcome::Settled(None)),
        Err(refused) if refused.is_temporary() => return Ok(Outcome::Later(refused.name)),
        Err(refused) => {
            tracing::info!(account = %account_id, reason = refused.name, "an answer during an absence is refused");
            return Ok(Outcome::Settled(None));
        }
    };
    let arrival = Arrival {
        door: Door::Jmap,
        peer: None,
        from: None,
        account: Some(account_id),
        size: message.len() as u64,
        message_id: facts.message_id.first().cloned(),
    };
    let bytes = [findings.fields().as_bytes(), &findings.without_cuts(message)].concat();
    let answer = sealed(house, (arrival, name, findings), account_id, to, &bytes).await?;
    Ok(Outcome::Settled(answer.map(Box::new)))
}

/// The answer with its row and its line in the trace; `None` when its way leads to nobody.
async fn sealed(
    house: &House,
    (arrival, name, findings): (Arrival, String, Findings),
    account_id: AccountId,
    to: EmailAddress,
    bytes: &[u8],
) -> anyhow::Result<Option<Answer>> {
    let now = house.now();
    let Some((kind, destination, recipient)) = way(house, &to, now).await? else { return Ok(None) };
    let mail = OutboundMail {
        trace: name.clone(),
        body_8bit: !bytes.is_ascii(),
        keywords: if kind == OutboxKind::Local { findings.keywords.clone() } else { Vec::new() },
        ..OutboundMail::from_the_house(recipient.clone(), now)
    };
    let blob = house.store.seal(account_id, bytes, now).await?;
    let row = NewOutbox {
        kind,
        owner: OwnerId::from(account_id),
        lane: Lane::Normal,
        destination,
        payload: serde_json::to_string(&mail)?,
        blob_id: Some(blob.blob_id()),
        due_at: now,
    };
    let goes = if kind == OutboxKind::Local { Goes::Here } else { Goes::Elsewhere };
    let destination = Destination { address: to.clone(), account: recipient.local_account, goes };
    let event = Event::Accepted(Accepted::new(arrival, vec![destination], &findings.steps));
    let trace = NewTrace { name, owner: account_id.into(), event };
    Ok(Some(Answer { to, blob, row, trace, findings, again_after: again_after(house) }))
}

/// Where an answer goes; `None` when nobody is there.
async fn way(
    house: &House,
    to: &EmailAddress,
    now: Timestamp,
) -> Result<Option<(OutboxKind, String, OutboundRecipient)>, store::Error> {
    let resolved = house
        .store
        .read(to.clone(), move |tx, to| Box::pin(async move { tx.resolve_address(to, now).await }))
        .await?;
    Ok(match resolved {
        Resolved::Here(account) => {
            let recipient = OutboundRecipient::in_account(account.account_id, to.clone());
            Some((OutboxKind::Local, account.account_id.to_string(), recipient))
        }
        Resolved::Elsewhere(domain) => {
            Some((OutboxKind::Mail, domain.to_string(), OutboundRecipient::plain(to.clone())))
        }
        // Who has moved writes from the new address.
        Resolved::Moved(moved) => match moved.place {
            MovedPlace::Here(account) => {
                let recipient = OutboundRecipient::in_account(account.account_id, to.clone());
                Some((OutboxKind::Local, account.account_id.to_string(), recipient))
            }
            MovedPlace::Elsewhere(domain) => {
                Some((OutboxKind::Mail, domain.to_string(), OutboundRecipient::plain(moved.to)))
            }
        },
        // A list sends nothing itself, and nobody is at the others.
        Resolved::List(_) | Resolved::Closed(_) | Resolved::Unknown => None,
    })
}

/// Takes the note and keeps the answer: both, or neither.
async fn settle(house: &House, due: &VacationDue, answer: Option<Answer>) -> Result<(), store::Error> {
    let now = house.now();
    house
        .store
        .write("answer during an absence", (due.clone(), answer), move |tx, (due, answer)| {
            Box::pin(async move {
                if tx.settle_vacation(due).await?
                    && let Some(answer) = answer
                {
                    keep(tx, due, answer, now).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn keep(tx: &mut Tx, due: &VacationDue, answer: &Answer, now: Timestamp) -> Result<(), store::Error> {
    let account_id = due.account_id;
    if !tx.tell_of_vacation(account_id, &answer.to, answer.again_after, now).await? {
        return Ok(());
    }
    tx.trace(&answer.trace, now).await?;
    tx.enqueue_with(&answer.blob, slice::from_ref(&answer.row), now).await?;
    tx.count_sending(account_id, 1, now).await?;
    tx.put_findings(account_id, &answer.trace.name, &answer.findings, now).await?;
    let detail = json!({ "recipients": 1 }).to_string();
    tx.audit(account_id, now, "vacation", Audit::MailAnswered, &due.email_id.to_string(), &detail).await
}

/// The answer as a message (RFC 3834 §3).
fn message(house: &House, asked: &Asked, from: &EmailAddress, to: &EmailAddress) -> anyhow::Result<Vec<u8>> {
    let (facts, vacation) = (&asked.email.facts, &asked.vacation);
    let subject = vacation.subject.clone().filter(|subject| !subject.trim().is_empty());
    let subject = subject.unwrap_or_else(|| {
        // RFC 3834 §3.1.5. What another wrote is cut and has no line end left in it.
        let about: String = facts.subject.chars().filter(|c| !c.is_control()).collect();
        format!("Trả lời tự động / Auto: {}", mail::text::clip(&about, 200))
    });
    let author = Mailbox::new(
        Some(asked.account.display_name.clone()).filter(|name| !name.is_empty()),
        from.to_string().parse().context("the holder's address")?,
    );
    let now = house.now();
    let date = std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(now.millis().unsigned_abs());
    let mut builder = lettre::Message::builder()
        .from(author)
        .to(Mailbox::new(None, to.to_string().parse().context("the sender's address")?))
        .subject(subject)
        .date(date)
        .message_id(Some(format!("<{}.vacation@{}>", house.draw_token(16), house.host)))
        .raw_header(raw("Auto-Submitted", "auto-replied (vacation)"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"));
    if let Some(id) = facts.message_id.first().filter(|id| is_plain(id)) {
        let references: Vec<String> = facts
            .references
            .iter()
            .rev()
            .take(20)
            .rev()
            .chain([id])
            .filter(|id| is_plain(id))
            .map(|id| format!("<{id}>"))
            .collect();
        builder = builder.in_reply_to(format!("<{id}>")).references(references.join(" "));
    }
    let text = vacation.text_body.clone().filter(|text| !text.trim().is_empty());
    let html = vacation.html_body.clone().filter(|html| !html.trim().is_empty());
    let html_part = |html| SinglePart::builder().header(ContentType::TEXT_HTML).body(html);
    let text_part = |text: String| SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text);
    let message = match (text, html) {
        (Some(text), Some(html)) => builder
            .multipart(MultiPart::alternative().singlepart(text_part(text)).singlepart(html_part(html)))?,
        (None, Some(html)) => builder.singlepart(html_part(html))?,
        (text, None) => builder.singlepart(text_part(text.unwrap_or_else(|| TEXT.to_owned())))?,
    };
    Ok(message.formatted())
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A message id that may stand in a header line.
fn is_plain(id: &str) -> bool {
    matches!(id.len(), 1..=500) && id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>'))
}
