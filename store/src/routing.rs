//! Where mail for an address goes. Every door asks here, so that an address leads to the same place whichever way the mail comes.

use mail::{AccountId, AgencyId, Domain, EmailAddress, LocalPart, Timestamp};

use crate::error::Result;
use crate::{Account, AccountState, Address, List, Moved, Role, Tx};

/// Domains looked through for somebody who keeps the house; it has a handful.
const DOMAINS_MAX: usize = 100;
/// What parts a name from a tag of its owner's own making (RFC 5233 §4).
const TAG_SEPARATOR: char = '+';

/// Where mail for an address goes.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// To an account that may receive. Suspended and locked ones do (RULES M20): mail of an office must not be lost with a
    /// person's leave.
    Here(Box<Account>),
    /// To the members of a list.
    List(Box<List>),
    /// To another system: mail for the domain does not end here.
    Elsewhere(Domain),
    /// To where the address has moved (RULES M5).
    Moved(Box<Moved>),
    /// Nowhere any more: the address has ended, or its account is closed (RULES M23). With the address to write to instead, if it is known.
    Closed(Option<EmailAddress>),
    /// Nowhere: nobody has the address, nor had it in the last twelve months.
    Unknown,
}

impl Tx {
    /// Where mail for an address goes now. An address that is somebody's as it is written goes there. Otherwise `an+hop@…` goes
    /// where `an@…` does (RFC 5233), an address in a domain with other names where it goes there, `postmaster@…` to whoever keeps the
    /// house (RFC 5321 §4.5.1), and what is left to who takes everything, if somebody does.
    pub async fn resolve_address(&mut self, address: &EmailAddress, now: Timestamp) -> Result<Resolved> {
        let Some(domain) = self.mail_domain(address.domain()).await? else {
            return Ok(Resolved::Elsewhere(address.domain().clone()));
        };
        let spellings = [Some(address.clone()), without_tag(address)];
        for spelling in spellings.iter().flatten() {
            if let Some(resolved) = self.resolve_exactly(spelling, now).await? {
                return Ok(resolved);
            }
        }
        for other in self.other_names(address.domain()).await? {
            for spelling in spellings.iter().flatten() {
                let Ok(renamed) = EmailAddress::new(spelling.local().clone(), other.clone()) else {
                    continue;
                };
                if let Some(resolved) = self.resolve_exactly(&renamed, now).await? {
                    return Ok(resolved);
                }
            }
        }
        if address.local().as_str().eq_ignore_ascii_case("postmaster") {
            return self.keeper(address.domain()).await;
        }
        match domain.catch_all {
            Some(account_id) => self.resolve_catch_all(account_id).await,
            None => Ok(Resolved::Unknown),
        }
    }

    /// Where mail for the house's own postmaster goes (RFC 5321 §4.5.1), also where mail for the domain does not end here.
    pub async fn resolve_postmaster(
        &mut self,
        postmaster: &EmailAddress,
        now: Timestamp,
    ) -> Result<Resolved> {
        match self.resolve_exactly(postmaster, now).await? {
            Some(resolved) => Ok(resolved),
            None => self.keeper(postmaster.domain()).await,
        }
    }

    /// Who reads `postmaster` where nobody was named for it; it is never refused while anybody keeps the house: the oldest
    /// administrator of the domain's agency, else of any agency with a domain here.
    async fn keeper(&mut self, domain: &Domain) -> Result<Resolved> {
        let domains = self.domains().await?;
        let own = domains.iter().filter(|(name, _)| name == domain);
        let other = domains.iter().filter(|(name, _)| name != domain);
        let agencies: Vec<AgencyId> =
            own.chain(other).take(DOMAINS_MAX).filter_map(|(_, agency)| *agency).collect();
        for agency in agencies {
            if let Some(admin) = self.accounts_with_role(agency, Role::Admin, 1).await?.pop() {
                return Ok(Resolved::Here(Box::new(admin)));
            }
        }
        Ok(Resolved::Unknown)
    }

    /// Mail for nobody's address in a domain.
    async fn resolve_catch_all(&mut self, account_id: AccountId) -> Result<Resolved> {
        let account = self.account(account_id).await?.filter(|account| account.state != AccountState::Closed);
        Ok(account.map_or(Resolved::Unknown, |account| Resolved::Here(Box::new(account))))
    }

    /// `None` when nobody has or ever had the address.
    async fn resolve_exactly(&mut self, address: &EmailAddress, now: Timestamp) -> Result<Option<Resolved>> {
        let Some(found) = self.address(address).await? else { return Ok(None) };
        if found.valid_from > now {
            return Ok(Some(Resolved::Unknown));
        }
        match found.moved_to {
            Some(_) => self.resolve_moved(found, now).await.map(Some),
            None => self.resolve_standing(&found, now).await,
        }
    }

    /// Where an address leads that has not moved.
    pub(crate) async fn resolve_standing(
        &mut self,
        found: &Address,
        now: Timestamp,
    ) -> Result<Option<Resolved>> {
        if found.valid_to.is_some_and(|end| end <= now) {
            return self.resolve_closed(found.account_id, found.valid_to, now).await.map(Some);
        }
        let Some(account) = self.account(found.account_id).await? else {
            let list = self.list_in_place_of(found.account_id).await?;
            return Ok(list.map(|list| Resolved::List(Box::new(list))));
        };
        if account.state == AccountState::Closed {
            return self.resolve_closed(account.account_id, None, now).await.map(Some);
        }
        Ok(Some(Resolved::Here(Box::new(account))))
    }
}

/// The address without the tag in its local part, if it has one.
fn without_tag(address: &EmailAddress) -> Option<EmailAddress> {
    let (name, _) = address.local().as_str().split_once(TAG_SEPARATOR)?;
    let local: LocalPart = name.parse().ok()?;
    EmailAddress::new(local, address.domain().clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_5233_a_tag_begins_at_the_first_plus() {
        let rows = [
            ("an+hop@a.vn", Some("an@a.vn")),
            ("an+hop+2026@a.vn", Some("an@a.vn")),
            ("an+@a.vn", Some("an@a.vn")),
            ("+hop@a.vn", None),
            ("an@a.vn", None),
        ];
        for (text, expected) in rows {
            let plain = without_tag(&text.parse().unwrap()).map(|plain| plain.to_string());
            assert_eq!(plain.as_deref(), expected, "{text}");
        }
    }
}
