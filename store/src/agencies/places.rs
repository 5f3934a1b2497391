//! Units of agencies, mail domains and routes, and whose signatures count for an agency.

use mail::{AccountId, AgencyId, Domain, Timestamp, UnitId};

use crate::Tx;
use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

/// A unit of an agency.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its id.
    pub unit_id: UnitId,
    /// Its agency.
    pub agency_id: AgencyId,
    /// The unit above it.
    pub parent_id: Option<UnitId>,
    /// Short code within the agency, as provisioning files name it.
    pub code: String,
    /// Full name.
    pub name: String,
}

words! {
    /// As what a signer's certificate counts for an agency (RULES D25).
    SignerRole, "signer role is leader or seal" {
        /// The competent person's.
        Leader = "leader",
        /// The agency's own.
        Seal = "seal",
    }
}

/// A certificate whose signatures count for an agency.
#[derive(Clone, Debug)]
pub struct SignerCertificate {
    /// The agency.
    pub agency_id: AgencyId,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// As what.
    pub role: SignerRole,
    /// Full name of the holder, as documents give it in SignerInfo (RULES D29(8)).
    pub holder: String,
    /// The holder's account, if any.
    pub account_id: Option<AccountId>,
}

fn unit(row: &Row) -> Result<Unit> {
    Ok(Unit {
        unit_id: row.id(0)?,
        agency_id: row.id(1)?,
        parent_id: row.opt_id(2)?,
        code: row.text(3)?,
        name: row.text(4)?,
    })
}

impl Tx {
    /// Adds a unit, or renames the one with that code.
    pub async fn put_unit(&mut self, unit: &Unit, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO unit (agency_id, unit_id, parent_id, code, name, valid_from) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (agency_id, code) DO UPDATE SET name = excluded.name",
            values![&unit.agency_id, &unit.unit_id, unit.parent_id.as_ref(), &unit.code, &unit.name, now],
        )
        .await
        .map(drop)
    }

    /// A unit of an agency by its code.
    pub async fn unit_by_code(&mut self, agency_id: AgencyId, code: &str) -> Result<Option<Unit>> {
        let row = self
            .row(
                "SELECT unit_id, agency_id, parent_id, code, name FROM unit \
                 WHERE agency_id = $1 AND code = $2 AND valid_to IS NULL",
                values![&agency_id, code],
            )
            .await?;
        row.as_ref().map(unit).transpose()
    }

    /// The units of an agency, by code.
    ///
    /// # Errors
    /// [`Error::Refused`] beyond 10,000: more than any agency has, and every list has an end.
    pub async fn units(&mut self, agency_id: AgencyId) -> Result<Vec<Unit>> {
        const UNITS_MAX: usize = 10_000;
        let rows = self
            .rows(
                "SELECT unit_id, agency_id, parent_id, code, name FROM unit \
                 WHERE agency_id = $1 AND valid_to IS NULL ORDER BY code LIMIT 10001",
                values![&agency_id],
            )
            .await?;
        if rows.len() > UNITS_MAX {
            return Err(Error::Refused("the agency has too many units to list"));
        }
        rows.iter().map(unit).collect()
    }

    /// Adds a mail domain; a domain that is there already may be given to an agency.
    pub async fn put_domain(
        &mut self,
        domain: &Domain,
        agency_id: Option<AgencyId>,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "INSERT INTO domain (domain, agency_id, valid_from) VALUES ($1, $2, $3) \
             ON CONFLICT (domain) DO UPDATE SET agency_id = COALESCE(excluded.agency_id, domain.agency_id), valid_to = NULL",
            values![domain.as_str(), agency_id.as_ref(), now],
        )
        .await
        .map(drop)
    }

    /// Whether mail for a domain ends here.
    pub async fn is_local_domain(&mut self, domain: &Domain) -> Result<bool> {
        let row = self
            .row("SELECT 1 FROM domain WHERE domain = $1 AND valid_to IS NULL", values![domain.as_str()])
            .await?;
        Ok(row.is_some())
    }

    /// The agency that a domain whose mail ends here was given to.
    pub async fn agency_of_domain(&mut self, domain: &Domain) -> Result<Option<AgencyId>> {
        let row = self
            .row(
                "SELECT agency_id FROM domain WHERE domain = $1 AND valid_to IS NULL",
                values![domain.as_str()],
            )
            .await?;
        row.map_or(Ok(None), |row| row.opt_id(0))
    }

    /// The domains whose mail ends here, with their agencies.
    pub async fn domains(&mut self) -> Result<Vec<(Domain, Option<AgencyId>)>> {
        let rows = self
            .rows("SELECT domain, agency_id FROM domain WHERE valid_to IS NULL ORDER BY domain", &[])
            .await?;
        rows.iter()
            .map(|row| Ok((row.text(0)?.parse().map_err(|_| Error::Damaged("a domain"))?, row.opt_id(1)?)))
            .collect()
    }

    /// Sends a domain's mail to a fixed place `host:port` that wants no sign-in; `*` is every domain without a route of its own.
    pub async fn put_route(&mut self, domain: &str, target: &str) -> Result<()> {
        self.exec(
            "INSERT INTO mail_route (domain, target) VALUES ($1, $2) \
             ON CONFLICT (domain) DO UPDATE SET target = excluded.target, tls = 'policy', mechanism = '', login = '', \
             secret = NULL, refused_at = NULL, refused = ''",
            values![domain, target],
        )
        .await?;
        self.resume_route(domain).await
    }

    /// The fixed place for a domain's mail, if there is one.
    pub async fn route(&mut self, domain: &str) -> Result<Option<String>> {
        let row = self
            .row(
                "SELECT target FROM mail_route WHERE domain IN ($1, '*') ORDER BY LENGTH(domain) DESC LIMIT 1",
                values![domain],
            )
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Registers a certificate whose signatures count for an agency.
    pub async fn put_signer(&mut self, signer: &SignerCertificate, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO signer_certificate (agency_id, fingerprint, role, holder, account_id, valid_from) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (agency_id, fingerprint) DO UPDATE \
             SET role = excluded.role, holder = excluded.holder, account_id = excluded.account_id, valid_to = NULL",
            values![
                &signer.agency_id,
                &signer.fingerprint,
                signer.role.as_str(),
                &signer.holder,
                signer.account_id.as_ref(),
                now
            ],
        )
        .await
        .map(drop)
    }

    /// The certificates whose signatures count for an agency at a moment.
    pub async fn signers(&mut self, agency_id: AgencyId, at: Timestamp) -> Result<Vec<SignerCertificate>> {
        let rows = self
            .rows(
                "SELECT fingerprint, role, holder, account_id FROM signer_certificate \
                 WHERE agency_id = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) LIMIT 10000",
                values![&agency_id, at],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SignerCertificate {
                    agency_id,
                    fingerprint: row.bytes(0)?.try_into().map_err(|_| Error::Damaged("a fingerprint"))?,
                    role: row.text(1)?.parse()?,
                    holder: row.text(2)?,
                    account_id: row.opt_id(3)?,
                })
            })
            .collect()
    }

    /// The agencies that had a certificate registered at a moment, and as what; one in a well-kept register.
    pub async fn registrations(
        &mut self,
        fingerprint: &[u8; 32],
        at: Timestamp,
    ) -> Result<Vec<(AgencyId, SignerRole)>> {
        let rows = self
            .rows(
                "SELECT agency_id, role FROM signer_certificate WHERE fingerprint = $1 AND valid_from <= $2 \
                 AND (valid_to IS NULL OR valid_to > $2) ORDER BY valid_from LIMIT 10",
                values![fingerprint, at],
            )
            .await?;
        rows.iter().map(|row| Ok((row.id(0)?, row.text(1)?.parse()?))).collect()
    }
}
