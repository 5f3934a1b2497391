//! Where a recipient's mail goes: a mailbox of this house, or elsewhere.

use mail::{Domain, EmailAddress, Timestamp};
use store::{Account, List, Moved, MovedPlace, Resolved, Tx};

use super::expand::{sender_of, welcome};
use super::{Desk, Refusal};
use crate::codec::table;
use crate::envelope::{Client, ForwardPath, Recipient};
use crate::receive::Role;

/// Where a recipient's mail goes.
#[derive(Debug)]
pub(super) enum Place {
    /// A mailbox that may receive.
    Here(Box<Account>),
    /// Another system's domain.
    Elsewhere(Domain),
    /// The members of a list, if the sender may send to it.
    List(Box<List>),
    /// Where its address has moved to (RULES M5).
    Moved(Box<Moved>),
}

impl Desk {
    /// Whether this recipient may be given to us at this door.
    ///
    /// # Errors
    /// 5.1.1 unknown, 5.1.6 closed (RULES M23), 5.7.1 not ours to carry, 5.7.2 a list that is not for this sender, 4.2.2 full
    /// (RULES M31), or the store's trouble.
    pub async fn recipient(
        &self,
        role: Role,
        recipient: &Recipient,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let input = (recipient.path.clone(), self.host.clone(), sender_of(role, client)?);
        let place = self
            .store
            .read(input, |tx, (path, host, sender)| {
                Box::pin(async move {
                    let place = place(tx, host, path, now).await?;
                    if let Place::List(list) = &place {
                        welcome(tx, list, *sender).await?;
                    }
                    Ok::<_, Refusal>(place)
                })
            })
            .await?;
        match place {
            Place::Here(account) if !has_room(&account, 0) => Err(table::MAILBOX_FULL.into()),
            Place::Moved(moved) if matches!(&moved.place, MovedPlace::Here(account) if !has_room(account, 0)) => {
                Err(table::MAILBOX_FULL.into())
            }
            Place::Here(_) | Place::List(_) | Place::Moved(_) => Ok(()),
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
    let resolved = match path {
        ForwardPath::Mailbox(address) => tx.resolve_address(address, now).await?,
        ForwardPath::Postmaster => tx.resolve_postmaster(&postmaster(host)?, now).await?,
    };
    match resolved {
        Resolved::Here(account) => Ok(Place::Here(account)),
        Resolved::List(list) => Ok(Place::List(list)),
        Resolved::Elsewhere(domain) => Ok(Place::Elsewhere(domain)),
        Resolved::Moved(moved) => Ok(Place::Moved(moved)),
        Resolved::Closed(office) => Err(closed(office.as_ref())),
        Resolved::Unknown => Err(table::NO_SUCH_MAILBOX.into()),
    }
}

/// What is said of a closed mailbox (RULES M23).
pub(super) fn closed(office: Option<&EmailAddress>) -> Refusal {
    Refusal::Said(table::mailbox_closed(office))
}

/// `postmaster` at our own name.
pub(super) fn postmaster(host: &Domain) -> Result<EmailAddress, Refusal> {
    let local = "postmaster".parse();
    let address = local.and_then(|local| EmailAddress::new(local, host.clone()));
    address.map_err(|_| table::OUR_FAULT.into())
}
