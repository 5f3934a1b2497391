//! What takes two persons: the release of a package or a mail that was wrongly refused as a state secret (RULES R13), and the reversal of
//! a mistaken recall (RULES R43).
//!
//! The two are a records officer (văn thư) and the head or whoever may sign for him; each gives his word under his own account,
//! with a reason. Neither an administrator nor one person alone can do it, and nobody for another agency. Whoever opens this
//! door has made sure that the account is the person's.

mod mail;

use ::mail::{AccountId, AgencyId, DocumentId, Timestamp};
use serde_json::json;
use store::{
    Account, AccountKind, AccountState, Audit, DocumentState, ExchangeSystem, LinkKind, NewConsent,
    NewProgress, Receiver, Role, TwoPersonAct, Tx,
};

pub use self::mail::{MAIL_PASS, MailReference, admit_mail, release_mail};

use crate::Error;
use crate::accept::leaves::{Leaves, Said, word};
use crate::accept::{Desk, Opened, Parties, speaks_for};
use crate::events::{Happened, tell};
use crate::package::Package;
use crate::reasons::REASON_CHARS_MAX;
use crate::set_aside;
use crate::status::{Progress, State, StatusCode};
use crate::vxp::hash::full_hex;

/// One person's word for an act that takes two.
#[derive(Clone, Debug)]
pub struct Word {
    /// Whose.
    pub account_id: AccountId,
    /// Why.
    pub reason: String,
}

/// What a word came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It is kept; the other person has not spoken yet.
    Waiting,
    /// Both have spoken, now or before: it is done.
    Done,
}

/// Whether a person may speak for an act of his agency that takes two.
fn may_speak(account: &Account) -> Result<(), Error> {
    if account.kind != AccountKind::Person || account.state != AccountState::Active {
        return Err(Error::Denied("the account is not one of a person at work / tài khoản không đang dùng"));
    }
    match account.role {
        Role::Clerk | Role::Leader => Ok(()),
        Role::Staff | Role::Admin => Err(Error::Denied(
            "only a records officer and a head may / chỉ văn thư và lãnh đạo cùng thực hiện",
        )),
    }
}

/// Keeps a person's word. `Done` when a records officer and a head have spoken: two accounts, as a word counts once.
async fn speak(
    tx: &mut Tx,
    account: &Account,
    act: TwoPersonAct,
    subject: &[u8],
    reason: &str,
    now: Timestamp,
) -> Result<Agreement, Error> {
    keep_word(tx, account, act, subject, reason, now).await?;
    agreement(tx, account.agency_id, act, subject).await.map_err(Error::from)
}

/// Keeps a person's word, audited.
async fn keep_word(
    tx: &mut Tx,
    account: &Account,
    act: TwoPersonAct,
    subject: &[u8],
    reason: &str,
    now: Timestamp,
) -> Result<(), Error> {
    may_speak(account)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(Error::Denied("a reason of 1 to 1000 characters is needed / cần nêu lý do"));
    }
    let consent = NewConsent {
        agency_id: account.agency_id,
        act,
        subject: subject.to_vec(),
        account_id: account.account_id,
        role: account.role,
        reason: reason.to_owned(),
    };
    tx.add_consent(&consent, now).await?;
    let detail = json!({ "act": act.as_str(), "subject": full_hex(subject) }).to_string();
    let actor = account.account_id.to_string();
    tx.audit(account.agency_id, now, &actor, Audit::ConsentGiven, &full_hex(subject), &detail).await?;
    Ok(())
}

pub(crate) async fn agreement(
    tx: &mut Tx,
    agency_id: AgencyId,
    act: TwoPersonAct,
    subject: &[u8],
) -> Result<Agreement, store::Error> {
    let words = tx.consents(agency_id, act, subject).await?;
    let has = |role: Role| words.iter().any(|word| word.role == role);
    Ok(if has(Role::Clerk) && has(Role::Leader) { Agreement::Done } else { Agreement::Waiting })
}

async fn account(tx: &mut Tx, account_id: AccountId) -> Result<Account, Error> {
    tx.account(account_id).await?.ok_or(Error::Denied("there is no such account / không có tài khoản này"))
}

/// The agency whose package it is: the one it names, if the calling system speaks for it, else the system's own.
pub(crate) async fn owner(
    tx: &mut Tx,
    system: &ExchangeSystem,
    parties: &Parties,
    now: Timestamp,
) -> Result<AgencyId, store::Error> {
    let named = match parties.from() {
        Some(code) => tx.agency_by_code(code, now).await?.map(|agency| agency.agency_id),
        None => None,
    };
    Ok(named.filter(|id| speaks_for(system, *id)).unwrap_or(system.agency_id))
}

impl Desk {
    /// One person's word that a refused package is no state secret. With the second one that exact file is let through
    /// when it comes again (RULES R13), and what was set aside with these bytes is let go (R11).
    ///
    /// # Errors
    /// [`Error::Denied`] for who may not speak; [`Error::NoSuchDocument`] when no such package of his agency was refused; or
    /// the store's trouble.
    pub async fn release_secret(
        &self,
        package_sha256: [u8; 32],
        word: Word,
        now: Timestamp,
    ) -> Result<Agreement, Error> {
        let input = (package_sha256, word, Leaves::new(&self.log, &*self.chance));
        self.store
            .write("release a refused package", input, move |tx, (sha256, word, leaves)| {
                Box::pin(async move {
                    let act = TwoPersonAct::SecrecyRelease;
                    let account = account(tx, word.account_id).await?;
                    may_speak(&account)?;
                    let agency_id = account.agency_id;
                    tx.hold_identifiers(agency_id, &[&full_hex(sha256)]).await?;
                    let refused = tx.secrecy_refusal(agency_id, sha256).await?;
                    let detector = refused.ok_or(Error::NoSuchDocument)?;
                    if agreement(tx, agency_id, act, sha256).await? == Agreement::Done {
                        return Ok(Agreement::Done);
                    }
                    let agreed = speak(tx, &account, act, sha256, &word.reason, now).await?;
                    if agreed == Agreement::Done {
                        let detail = json!({ "detector": detector }).to_string();
                        let (actor, subject) = (account.account_id.to_string(), full_hex(sha256));
                        let audit = Audit::SecrecyReleased;
                        tx.audit(agency_id, now, &actor, audit, &subject, &detail).await?;
                        let said =
                            Said { act: word::RELEASED, to: Vec::new(), system: "", status: &detector };
                        leaves.append_digest(tx, agency_id, sha256, said, "", now).await?;
                        set_aside::let_go(tx, agency_id, sha256, &actor, now).await?;
                    }
                    Ok(agreed)
                })
            })
            .await
    }

    /// The package that was opened, or why it is refused. A package that two persons have released is let through, and that
    /// is written down each time.
    ///
    /// # Errors
    /// What opening it said, or the store's trouble.
    pub async fn admit(
        &self,
        opened: Opened,
        package_sha256: [u8; 32],
        system: &ExchangeSystem,
        now: Timestamp,
    ) -> Result<Package, Error> {
        let Opened { package, parties, held, .. } = opened;
        let (hit, held) = match (package, held) {
            (Err(Error::Secret(hit)), Some(held)) => (hit, held),
            (package, _) => return package,
        };
        let is_released = self
            .store
            .write(
                "let a released package through",
                (package_sha256, system.clone(), parties),
                move |tx, (sha256, system, parties)| {
                    Box::pin(async move {
                        let owner = owner(tx, system, parties, now).await?;
                        let agreed = agreement(tx, owner, TwoPersonAct::SecrecyRelease, sha256).await?;
                        if agreed == Agreement::Done {
                            let detail = json!({ "detector": hit.detector.code() }).to_string();
                            let (actor, subject) = (&system.system_folded, full_hex(sha256));
                            tx.audit(owner, now, actor, Audit::SecrecyPassed, &subject, &detail).await?;
                        }
                        Ok::<_, store::Error>(agreed == Agreement::Done)
                    })
                },
            )
            .await?;
        if is_released { Ok(*held) } else { Err(Error::Secret(hit)) }
    }

    /// One person's word of the sending agency that a recall was a mistake. With the second one the documents are as they were,
    /// also at receivers that had cancelled them, as long as their copies are not due to be shredded (RULES R43).
    ///
    /// # Errors
    /// [`Error::Denied`] for who may not speak; [`Error::NoSuchDocument`] when his agency has given no such order; or the store's
    /// trouble.
    pub async fn reverse_recall(
        &self,
        order_id: DocumentId,
        word: Word,
        now: Timestamp,
    ) -> Result<Agreement, Error> {
        let input = (order_id, word, Leaves::new(&self.log, &*self.chance));
        self.store
            .write("reverse a recall", input, move |tx, (order_id, word, leaves)| {
                Box::pin(async move {
                    let account = account(tx, word.account_id).await?;
                    may_speak(&account)?;
                    let agency_id = account.agency_id;
                    tx.hold_document(agency_id, *order_id).await?.ok_or(Error::NoSuchDocument)?;
                    let mut links = tx.acts_by(agency_id, *order_id).await?;
                    links.retain(|link| link.kind == LinkKind::Recall);
                    if links.is_empty() {
                        return Err(Error::NoSuchDocument);
                    }
                    links.retain(|link| link.undone_at.is_none());
                    if links.is_empty() {
                        return Ok(Agreement::Done);
                    }
                    let act = TwoPersonAct::RecallReversal;
                    let agreed = speak(tx, &account, act, order_id.as_bytes(), &word.reason, now).await?;
                    if agreed == Agreement::Done {
                        for link in &links {
                            reinstate(tx, leaves, agency_id, link.original_id, *order_id, now).await?;
                        }
                        let (actor, subject) = (account.account_id.to_string(), order_id.to_string());
                        tx.audit(agency_id, now, &actor, Audit::RecallReversed, &subject, "").await?;
                    }
                    Ok(agreed)
                })
            })
            .await
    }
}

/// A document is as it was before an order.
async fn reinstate(
    tx: &mut Tx,
    leaves: &Leaves,
    agency_id: AgencyId,
    original_id: DocumentId,
    order_id: DocumentId,
    now: Timestamp,
) -> Result<(), store::Error> {
    let Some(original) = tx.hold_document(agency_id, original_id).await? else { return Ok(()) };
    tx.undo_link(agency_id, original_id, order_id, now).await?;
    let links = tx.acts_upon(agency_id, original_id).await?;
    let is_still = |kind: LinkKind| links.iter().any(|l| l.kind == kind && l.undone_at.is_none());
    let state = match () {
        () if is_still(LinkKind::Recall) => DocumentState::Frozen,
        () if is_still(LinkKind::Replacement) => DocumentState::Replaced,
        () => DocumentState::Active,
    };
    tx.set_document_state(agency_id, original_id, state).await?;
    let mut to = Vec::new();
    for at in tx.receivers_of(agency_id, original_id).await? {
        if at.order_id == Some(order_id) && reinstate_at(tx, &original, &at, now).await? {
            restore_order(tx, agency_id, order_id, &at, now).await?;
            to.push(at.code.to_string());
            let facts = json!({ "docId": at.delivery_id.to_string(), "order": order_id.to_string() });
            tell(tx, at.receiver_id, Happened::Reinstated, original_id, &facts, now).await?;
        }
    }
    let facts = json!({ "docId": original_id.to_string(), "order": order_id.to_string(), "to": to });
    tell(tx, agency_id, Happened::Reinstated, original_id, &facts, now).await?;
    let said = Said { act: word::REINSTATED, to, system: "", status: "" };
    leaves.append(tx, &original, said, now).await
}

/// The same at one receiver; `false` where its copy is shredded or due to be: there is nothing to bring back.
async fn reinstate_at(
    tx: &mut Tx,
    original: &store::Document,
    at: &Receiver,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let deliveries = tx.deliveries_of(original.agency_id, original.document_id).await?;
    let Some(delivery) = deliveries.iter().find(|delivery| delivery.delivery_id == at.delivery_id) else {
        return Ok(false);
    };
    if delivery.is_shredded || delivery.shred_at.is_some_and(|due| due <= now) {
        return Ok(false);
    }
    let mut before = Progress::default();
    for entry in tx.statuses(original.agency_id, original.document_id).await? {
        if entry.reporter_id == at.receiver_id {
            let code = StatusCode::read(&entry.code);
            // What was answered to the order is not what stood before it.
            before = if code == StatusCode::Agreed { before } else { before.hear(&code).now };
        }
    }
    let now_at = Progress::of(at).reinstated(before.state);
    let new = NewProgress {
        state: now_at.state.as_str(),
        ask: now_at.ask.map_or("", |ask| ask.as_str()),
        reason: "",
        order_id: None,
        version_id: at.version_id,
    };
    tx.set_progress(at, &new, now).await?;
    if Progress::of(at).state == State::Cancelled {
        tx.restore_delivery(delivery, now).await?;
    }
    Ok(true)
}

/// The order's own package, where it was withdrawn because it repeats the file.
async fn restore_order(
    tx: &mut Tx,
    agency_id: AgencyId,
    order_id: DocumentId,
    at: &Receiver,
    now: Timestamp,
) -> Result<(), store::Error> {
    let Some(own) = tx.receiver(at.receiver_id, order_id).await? else { return Ok(()) };
    for delivery in tx.deliveries_of(agency_id, order_id).await? {
        if delivery.delivery_id == own.delivery_id && delivery.withdrawn_at.is_some() {
            tx.restore_delivery(&delivery, now).await?;
        }
    }
    Ok(())
}
