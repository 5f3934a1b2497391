//! Where a recipient's mail goes: a mailbox of this house, or elsewhere.

use mail::{AccountId, AgencyId, Domain, EmailAddress, Timestamp};
use store::{Account, AccountState, Tx};

use super::{Desk, Refusal};
use crate::codec::table;
use crate::envelope::{ForwardPath, Recipient};
use crate::receive::Role;

/// Local domains looked through for somebody who keeps the house; it has a handful.
const DOMAINS_MAX: usize = 100;

/// Where a recipient's mail goes.
#[derive(Debug)]
pub(super) enum Place {
    /// A mailbox that may receive.
    Here(Box<Account>),
    /// Another system's domain.
    Elsewhere(Domain),
}

impl Desk {
    /// Whether this recipient may be given to us at this door.
    ///
    /// # Errors
    /// 5.1.1 unknown, 5.1.6 closed (RULES M23), 5.7.1 not ours to carry, 4.2.2 full (RULES M31), or the store's trouble.
    pub async fn recipient(&self, role: Role, recipient: &Recipient, now: Timestamp) -> Result<(), Refusal> {
        let input = (recipient.path.clone(), self.host.clone());
        let place = self
            .store
            .read(input, |tx, (path, host)| Box::pin(async move { place(tx, host, path, now).await }))
            .await?;
        match place {
            Place::Here(account) if !has_room(&account, 0) => Err(table::MAILBOX_FULL.into()),
            Place::Here(_) => Ok(()),
            Place::Elsewhere(_) if role == Role::Submission => Ok(()),
            Place::Elsewhere(_) => Err(table::NO_RELAY.into()),
        }
    }
}

/// Whether `bytes` more fit into the account (RULES M31).
pub(super) fn has_room(account: &Account, bytes: usize) -> bool {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX).max(1);
    account.used_bytes.saturating_add(bytes) <= account.quota_bytes
}

/// Finds a recipient's place.
///
/// # Errors
/// As [`Desk::recipient`], without the questions of relaying and room.
pub(super) async fn place(
    tx: &mut Tx,
    host: &Domain,
    path: &ForwardPath,
    now: Timestamp,
) -> Result<Place, Refusal> {
    let address = match path {
        ForwardPath::Mailbox(address) => address.clone(),
        ForwardPath::Postmaster => postmaster(host)?,
    };
    let is_ours = *path == ForwardPath::Postmaster || tx.is_local_domain(address.domain()).await?;
    if !is_ours {
        return Ok(Place::Elsewhere(address.domain().clone()));
    }
    match tx.address(&address).await? {
        Some(found) if found.valid_to.is_some_and(|end| end <= now) => Err(table::MAILBOX_CLOSED.into()),
        Some(found) => open_account(tx, found.account_id).await,
        None if address.local().as_str().eq_ignore_ascii_case("postmaster") => {
            let keeper = keeper(tx, address.domain()).await?;
            keeper.map(|account| Place::Here(Box::new(account))).ok_or(table::NO_SUCH_MAILBOX.into())
        }
        None => Err(table::NO_SUCH_MAILBOX.into()),
    }
}

/// `postmaster` at our own name.
pub(super) fn postmaster(host: &Domain) -> Result<EmailAddress, Refusal> {
    let local = "postmaster".parse();
    let address = local.and_then(|local| EmailAddress::new(local, host.clone()));
    address.map_err(|_| table::OUR_FAULT.into())
}

/// Suspended and locked accounts go on receiving (RULES M20): mail of an office must not be lost with a person's leave.
async fn open_account(tx: &mut Tx, account_id: AccountId) -> Result<Place, Refusal> {
    match tx.account(account_id).await? {
        Some(account) if account.state == AccountState::Closed => Err(table::MAILBOX_CLOSED.into()),
        Some(account) => Ok(Place::Here(Box::new(account))),
        None => Err(table::NO_SUCH_MAILBOX.into()),
    }
}

/// Who reads `postmaster` where nobody was named for it (RFC 5321 §4.5.1: it is never refused while anybody keeps the house):
/// the oldest administrator of the domain's agency, else of any agency with a domain here.
async fn keeper(tx: &mut Tx, domain: &Domain) -> Result<Option<Account>, Refusal> {
    let domains = tx.domains().await?;
    let own = domains.iter().filter(|(name, _)| name == domain);
    let other = domains.iter().filter(|(name, _)| name != domain);
    let agencies: Vec<AgencyId> =
        own.chain(other).take(DOMAINS_MAX).filter_map(|(_, agency)| *agency).collect();
    for agency in agencies {
        if let Some(admin) = tx.accounts_with_role(agency, store::Role::Admin, 1).await?.pop() {
            return Ok(Some(admin));
        }
    }
    Ok(None)
}
