//! Mail domains: which are this house's, which are other names of one another, and who takes what is nobody's.

use mail::{AccountId, AgencyId, Domain, EmailAddress, Timestamp};

use crate::error::{Error, Result};
use crate::sql::values;
use crate::{Address, Audit, Tx};

/// Names that one domain has at most; every address that nobody has is looked for under each.
const NAMES_MAX: i64 = 10;

/// A domain whose mail ends here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailDomain {
    /// Its name.
    pub domain: Domain,
    /// The domain that it is another name of.
    pub alias_of: Option<Domain>,
    /// Whose mailbox takes what is nobody's address.
    pub catch_all: Option<AccountId>,
}

impl Tx {
    /// What is known of a domain; `None` when its mail does not end here.
    pub async fn mail_domain(&mut self, domain: &Domain) -> Result<Option<MailDomain>> {
        let row = self
            .row(
                "SELECT alias_of, catch_all FROM domain WHERE domain = $1 AND valid_to IS NULL",
                values![domain.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let alias_of = row.opt_text(0)?.map(|name| name.parse()).transpose();
        Ok(Some(MailDomain {
            domain: domain.clone(),
            alias_of: alias_of.map_err(|_| Error::Damaged("a domain"))?,
            catch_all: row.opt_id(1)?,
        }))
    }

    /// The other names of a domain, the one they are all names of first.
    pub(crate) async fn other_names(&mut self, domain: &Domain) -> Result<Vec<Domain>> {
        let rows = self
            .rows(
                "SELECT o.domain FROM domain d JOIN domain o \
                 ON COALESCE(o.alias_of, o.domain) = COALESCE(d.alias_of, d.domain) AND o.domain <> d.domain \
                 WHERE d.domain = $1 AND d.valid_to IS NULL AND o.valid_to IS NULL \
                 ORDER BY CASE WHEN o.alias_of IS NULL THEN 0 ELSE 1 END, o.domain LIMIT $2",
                values![domain.as_str(), NAMES_MAX],
            )
            .await?;
        rows.iter().map(|row| row.text(0)?.parse().map_err(|_| Error::Damaged("a domain"))).collect()
    }

    /// The addresses that lead to an account now, each under every name of its domain, the first one first: what it may write as.
    pub async fn own_addresses(
        &mut self,
        account_id: AccountId,
        now: Timestamp,
    ) -> Result<Vec<EmailAddress>> {
        let valid = self.addresses(account_id).await?.into_iter().filter(|address| address.is_valid(now));
        let mut own: Vec<EmailAddress> = valid.map(|found| found.address).collect();
        let mut names: Vec<(Domain, Vec<Domain>)> = Vec::new();
        for address in own.clone() {
            let domain = address.domain();
            if !names.iter().any(|(known, _)| known == domain) {
                names.push((domain.clone(), self.other_names(domain).await?));
            }
            let others = names.iter().find(|(known, _)| known == domain).map(|(_, others)| others.clone());
            for other in others.unwrap_or_default() {
                let Ok(renamed) = EmailAddress::new(address.local().clone(), other) else { continue };
                // Somebody's own address is nobody's other name, whoever had it.
                if !own.contains(&renamed) && self.address(&renamed).await?.is_none() {
                    own.push(renamed);
                }
            }
        }
        Ok(own)
    }

    /// Whose an address is, under whichever name of its domain it was given: as it is written if it was, else under another name.
    pub(crate) async fn address_by_any_name(&mut self, address: &EmailAddress) -> Result<Option<Address>> {
        if let Some(found) = self.address(address).await? {
            return Ok(Some(found));
        }
        for other in self.other_names(address.domain()).await? {
            let Ok(renamed) = EmailAddress::new(address.local().clone(), other) else { continue };
            if let Some(found) = self.address(&renamed).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Makes a domain another name of a domain, or a domain of its own again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when mail for either does not end here; [`Error::Refused`] for a name of a name; [`Error::Full`] when it has
    /// as many as one may have.
    pub async fn set_domain_alias(
        &mut self,
        domain: &Domain,
        alias_of: Option<&Domain>,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        let known = self.mail_domain(domain).await?.ok_or(Error::NotFound("the domain"))?;
        if let Some(target) = alias_of {
            let target =
                self.mail_domain(target).await?.ok_or(Error::NotFound("the domain it is a name of"))?;
            if target.alias_of.is_some() || target.domain == *domain {
                return Err(Error::Refused(
                    "a domain is another name of a domain that has a name of its own",
                ));
            }
            if known.alias_of.is_none() && !self.other_names(domain).await?.is_empty() {
                return Err(Error::Refused("the domain has other names itself"));
            }
            if i64::try_from(self.other_names(&target.domain).await?.len()).unwrap_or(NAMES_MAX)
                >= NAMES_MAX - 1
            {
                return Err(Error::Full("the list of the domain's names"));
            }
        }
        self.exec(
            "UPDATE domain SET alias_of = $2 WHERE domain = $1",
            values![domain.as_str(), alias_of.map(Domain::as_str)],
        )
        .await?;
        let detail = serde_json::json!({ "alias_of": alias_of.map(Domain::as_str) });
        self.audit_domain(domain, actor, &detail, now).await
    }

    /// Lets a mailbox take what is nobody's address in a domain, or nobody.
    ///
    /// # Errors
    /// [`Error::NotFound`] when mail for the domain does not end here; [`Error::Refused`] when the account is of another agency than
    /// the domain.
    pub async fn set_catch_all(
        &mut self,
        domain: &Domain,
        account_id: Option<AccountId>,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.mail_domain(domain).await?.ok_or(Error::NotFound("the domain"))?;
        if let Some(account_id) = account_id {
            let account = self.account(account_id).await?.ok_or(Error::NotFound("the account"))?;
            if self.agency_of_domain(domain).await?.is_some_and(|agency| agency != account.agency_id) {
                return Err(Error::Refused("the account is of another agency than the domain"));
            }
        }
        self.exec(
            "UPDATE domain SET catch_all = $2 WHERE domain = $1",
            values![domain.as_str(), account_id.as_ref()],
        )
        .await?;
        let detail = serde_json::json!({ "catch_all": account_id });
        self.audit_domain(domain, actor, &detail, now).await
    }

    async fn audit_domain(
        &mut self,
        domain: &Domain,
        actor: &str,
        detail: &serde_json::Value,
        now: Timestamp,
    ) -> Result<()> {
        let agency: Option<AgencyId> = self.agency_of_domain(domain).await?;
        let owner = agency.map_or(crate::NOBODY, Into::into);
        self.audit(owner, now, actor, Audit::DomainChanged, domain.as_str(), &detail.to_string()).await
    }
}
