//! Who may send as whom.

use mail::{AccountId, EmailAddress, Timestamp};
use store::{AccountState, Tx};

use super::{Desk, Refusal};
use crate::codec::table;
use crate::envelope::{Client, ReversePath};
use crate::receive::Role;

impl Desk {
    /// Whether this client may send with this reverse path. From other hosts anything is taken: what it is worth is another
    /// question. Our own people send as themselves (RFC 6409 §6.1).
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

/// The null path is nobody's address, so nobody hands mail in with it: reports are written by the house itself.
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
    is_own(tx, account_id, address, now).await
}

/// The addresses in `From` are the account's own too: it is that field which the recipient reads.
pub(super) async fn may_say(
    tx: &mut Tx,
    account_id: AccountId,
    from: &[mail::message::Mailbox],
    now: Timestamp,
) -> Result<(), Refusal> {
    for mailbox in from {
        let address = mailbox.email.parse().map_err(|_| Refusal::from(table::SENDER_NOT_YOURS))?;
        is_own(tx, account_id, &address, now).await?;
    }
    Ok(())
}

async fn is_own(
    tx: &mut Tx,
    account_id: AccountId,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<(), Refusal> {
    match tx.address(address).await? {
        Some(found) if found.account_id == account_id && found.valid_to.is_none_or(|end| end > now) => Ok(()),
        _ => Err(table::SENDER_NOT_YOURS.into()),
    }
}
