//! Addresses that have moved (RULES M5): for a term mail goes on to the new address and its senders are told; then they hear it in a refusal.

use mail::{AccountId, Domain, EmailAddress, Timestamp};

use crate::closed::CLOSED_REPLY;
use crate::error::{Error, Result};
use crate::sql::values;
use crate::{Account, AccountKind, AccountState, Address, Audit, Resolved, Tx};

/// How long mail for an old address is passed on at least: twenty-four months (RULES M5).
pub const MOVED_TERM_MONTHS: u32 = 24;
/// Moves that are followed, one after the other: an office that was renamed every year for as long as its addresses are kept.
const MOVES_MAX: usize = 5;

/// Where an address has moved to.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Whose the old address is; their key seals what is passed on.
    pub owner: AccountId,
    /// The address that was asked about, as it was given.
    pub from: EmailAddress,
    /// The address that it is now.
    pub to: EmailAddress,
    /// Until when mail is passed on.
    pub until: Option<Timestamp>,
    /// Where that is.
    pub place: MovedPlace,
}

/// Where mail for an address that has moved goes.
#[derive(Clone, Debug)]
pub enum MovedPlace {
    /// To an account that may receive.
    Here(Box<Account>),
    /// To another system.
    Elsewhere(Domain),
}

/// A move to record.
#[derive(Clone, Debug)]
pub struct NewMove {
    /// The old address; somebody's here.
    pub from: EmailAddress,
    /// The new one.
    pub to: EmailAddress,
    /// Until when mail is passed on.
    pub until: Timestamp,
    /// The decision it rests on (RULES M20).
    pub decision: String,
}

impl Tx {
    /// Where an address that has moved leads.
    pub(crate) async fn resolve_moved(&mut self, old: Address, now: Timestamp) -> Result<Resolved> {
        let (owner, from, until) = (old.account_id, old.address.clone(), old.valid_to);
        let (mut at, mut to) = (old, from.clone());
        for _ in 0..MOVES_MAX {
            let Some(next) = at.moved_to.clone() else { break };
            if at.valid_to.is_some_and(|end| end <= now) {
                return Ok(told_in_time(at.valid_to, next, now));
            }
            to = next;
            match self.address_by_any_name(&to).await? {
                Some(found) => at = found,
                None if self.mail_domain(to.domain()).await?.is_some() => return Ok(Resolved::Unknown),
                None => {
                    let place = MovedPlace::Elsewhere(to.domain().clone());
                    return Ok(Resolved::Moved(Box::new(Moved { owner, from, to, until, place })));
                }
            }
        }
        if at.moved_to.is_some() {
            // More moves than are followed, or in a circle.
            return Ok(Resolved::Unknown);
        }
        Ok(match self.resolve_standing(&at, now).await? {
            Some(Resolved::Here(account)) => {
                let place = MovedPlace::Here(account);
                Resolved::Moved(Box::new(Moved { owner, from, to, until, place }))
            }
            Some(Resolved::Closed(office)) => Resolved::Closed(office),
            _ => Resolved::Unknown,
        })
    }

    /// Records that an address has moved. A new address in a domain of this house becomes the account's own, and its first one when the old
    /// one was; one elsewhere is where its mail goes. Audited for the account's agency.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nobody has the old address now; [`Error::Refused`] when it is a list's, or a person's would lead to
    /// somebody else (RULES M23), or the term is over.
    pub async fn move_address(&mut self, new: &NewMove, actor: &str, now: Timestamp) -> Result<()> {
        let old = self.address(&new.from).await?.filter(|old| old.is_valid(now));
        let old = old.ok_or(Error::NotFound("the address"))?;
        let account = self.account(old.account_id).await?;
        let account = account.ok_or(Error::Refused("the address is a list's"))?;
        if new.until <= now || new.from.folded() == new.to.folded() {
            return Err(Error::Refused("an address moves to another one, for some time"));
        }
        if self.mail_domain(new.to.domain()).await?.is_some() {
            self.take_new_address(&account, &old, &new.to, now).await?;
        }
        self.exec(
            "UPDATE address SET moved_to = $2, valid_to = $3 WHERE address_folded = $1",
            values![&old.address.folded(), &new.to.to_string(), new.until],
        )
        .await?;
        let detail = serde_json::json!({
            "what": "address_moved", "until": new.until.to_rfc3339_utc(), "decision": new.decision,
        });
        let subject = account.account_id.to_string();
        self.audit(account.agency_id, now, actor, Audit::AccountChanged, &subject, &detail.to_string()).await
    }

    /// The new address of an account here: its own, or, of an office, that of the office that follows it.
    async fn take_new_address(
        &mut self,
        account: &Account,
        old: &Address,
        to: &EmailAddress,
        now: Timestamp,
    ) -> Result<()> {
        match self.address(to).await? {
            None if account.state == AccountState::Closed => {
                return Err(Error::Refused("the account is closed"));
            }
            None => self.put_address(account.account_id, to, "alias", now).await?,
            Some(there) if !there.is_valid(now) || there.moved_to.is_some() => {
                return Err(Error::Refused("the new address leads nowhere, or has moved itself"));
            }
            Some(there) if there.account_id == account.account_id => {}
            Some(there) => {
                let other = self.account(there.account_id).await?;
                let is_office = |account: &Account| account.kind == AccountKind::Agency;
                if !is_office(account) || !other.as_ref().is_some_and(is_office) {
                    return Err(Error::Refused(
                        "a person's address never leads to somebody else (RULES M23)",
                    ));
                }
                return Ok(());
            }
        }
        if old.is_primary {
            for (kind, address) in [("alias", &old.address), ("primary", to)] {
                self.exec(
                    "UPDATE address SET kind = $2 WHERE address_folded = $1",
                    values![&address.folded(), kind],
                )
                .await?;
            }
        }
        Ok(())
    }
}

/// What is said of an address whose term is over: where it is now, as long as closed addresses are answered for (RULES M5, M23).
fn told_in_time(ended: Option<Timestamp>, to: EmailAddress, now: Timestamp) -> Resolved {
    match ended.is_some_and(|ended| now < ended.plus(CLOSED_REPLY)) {
        true => Resolved::Closed(Some(to)),
        false => Resolved::Unknown,
    }
}
