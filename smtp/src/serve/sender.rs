//! Who may send as whom.

use std::collections::BTreeSet;

use mail::message::{Facts, Mailbox};
use mail::{AccountId, EmailAddress, Timestamp};
use store::{AccountState, SendsAs, Tx};

use super::{Desk, Refusal};
use crate::codec::table;
use crate::envelope::{Client, ReversePath};
use crate::receive::Role;

impl Desk {
    /// Whether this client may send with this reverse path. From other hosts anything is taken: what it is worth is another
    /// question. Our own people send as themselves, or as a box whose delegates they are (RFC 6409 §6.1, RULES M26).
    ///
    /// # Errors
    /// 5.7.1 when the address is not the account's own, 5.7.0 when nobody has signed in, or the store's trouble.
    pub async fn sender(
        &self,
        role: Role,
        reverse_path: &ReversePath,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if role != Role::Submission {
            return Ok(());
        }
        let account_id = signed_in(client)?;
        let input = (account_id, reverse_path.clone());
        self.store
            .read(input, |tx, (account_id, path)| {
                Box::pin(async move { may_send(tx, *account_id, path, now).await })
            })
            .await
    }
}

/// The account that signed in: the driver names it by its id, for addresses change.
pub(super) fn signed_in(client: &Client) -> Result<AccountId, Refusal> {
    let id = client.signed_in_as.as_deref().ok_or(Refusal::from(table::AUTH_REQUIRED))?;
    id.parse().map_err(|_| table::OUR_FAULT.into())
}

/// The null path is nobody's address, so nobody hands mail in with it: reports are written by the house itself. Bounces of what is sent
/// as a box go to the box; of what is sent on its behalf, to the person.
pub(super) async fn may_send(
    tx: &mut Tx,
    account_id: AccountId,
    path: &ReversePath,
    now: Timestamp,
) -> Result<(), Refusal> {
    let address = path.mailbox().ok_or(Refusal::from(table::SENDER_NOT_YOURS))?;
    let account = tx.account(account_id).await?;
    if account.is_none_or(|account| account.state != AccountState::Active) {
        // Suspended after signing in, in the middle of a conversation.
        return Err(table::AUTH_REQUIRED.into());
    }
    match tx.sends_as(account_id, address, now).await? {
        Some(SendsAs::Itself | SendsAs::Box(_)) => Ok(()),
        Some(SendsAs::BoxOnBehalf(_)) | None => Err(table::SENDER_NOT_YOURS.into()),
    }
}

/// As whom a message is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Speaks {
    /// The boxes of agencies that it is from.
    pub(super) boxes: BTreeSet<AccountId>,
    /// Who it is that sends on behalf of a box, when the message does not say it yet.
    sender: Option<EmailAddress>,
}

impl Speaks {
    /// The message with the `Sender` that it lacks (RFC 5322 §3.6.2, RFC 6409 §8.1), and what is in it.
    pub(super) fn signed(
        &self,
        message: Vec<u8>,
        facts: Facts,
        reading: &mail::message::Limits,
    ) -> (Vec<u8>, Facts) {
        let Some(sender) = &self.sender else { return (message, facts) };
        let message = [format!("Sender: <{sender}>\r\n").into_bytes(), message].concat();
        let facts = mail::message::read(&message, reading);
        (message, facts)
    }
}

/// How often the fields are there that say who writes, readable or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authors {
    from: usize,
    sender: usize,
}

impl Authors {
    /// Of a message.
    pub(super) fn count(message: &[u8]) -> Self {
        let mut found = Self { from: 0, sender: 0 };
        for field in mail::fields::fields(message) {
            found.from += usize::from(field.is("From"));
            found.sender += usize::from(field.is("Sender"));
        }
        found
    }
}

/// The addresses in `From` are the account's own, or those of a box whose delegate it is (RULES M26): it is that field which the
/// recipient reads, so it is there once, and somebody is in it (RFC 5322 §3.6.2). Who sends on behalf of a box is named in `Sender`, and nobody
/// else is; of several authors one is named there too.
pub(super) async fn may_say(
    tx: &mut Tx,
    account_id: AccountId,
    (facts, authors): (&Facts, Authors),
    now: Timestamp,
) -> Result<Speaks, Refusal> {
    if authors.from != 1 || facts.from.is_empty() {
        return Err(table::NOT_ONE_FROM.into());
    }
    if authors.sender > 1 || facts.sender.len() != authors.sender {
        return Err(table::NOT_ONE_SENDER.into());
    }
    let mut speaks = Speaks::default();
    let mut is_on_behalf = false;
    for mailbox in &facts.from {
        let says = says(tx, account_id, mailbox, now).await?;
        speaks.boxes.extend(says.box_id());
        is_on_behalf |= matches!(says, SendsAs::BoxOnBehalf(_));
    }
    if is_on_behalf || facts.from.len() > 1 {
        match facts.sender.as_slice() {
            [] => speaks.sender = Some(own_address(tx, account_id, now).await?),
            [sender] if says(tx, account_id, sender, now).await? == SendsAs::Itself => {}
            _ => return Err(table::SENDER_NOT_YOURS.into()),
        }
    }
    Ok(speaks)
}

async fn says(
    tx: &mut Tx,
    account_id: AccountId,
    mailbox: &Mailbox,
    now: Timestamp,
) -> Result<SendsAs, Refusal> {
    let address = mailbox.email.parse().map_err(|_| Refusal::from(table::SENDER_NOT_YOURS))?;
    tx.sends_as(account_id, &address, now).await?.ok_or(table::SENDER_NOT_YOURS.into())
}

/// An address that the account has now.
async fn own_address(tx: &mut Tx, account_id: AccountId, now: Timestamp) -> Result<EmailAddress, Refusal> {
    let addresses = tx.addresses(account_id).await?;
    let valid = addresses.into_iter().find(|address| address.is_valid(now));
    valid.map(|found| found.address).ok_or(table::SENDER_NOT_YOURS.into())
}
