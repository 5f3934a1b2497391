//! Agencies, their codes and names through time, their units, domains, signers and exchange systems.

use mail::{AccountId, AgencyCode, AgencyId, Domain, Secret, Timestamp, UnitId};

use crate::accounts::words;
use crate::blobs::OWN_KEY;
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::sql::{Row, values};
use crate::{Store, Tx};

/// An agency to add.
#[derive(Clone, Debug)]
pub struct NewAgency {
    /// Its id.
    pub agency_id: AgencyId,
    /// What it is called and coded from `valid_from`.
    pub names: AgencyNames,
    /// From when.
    pub valid_from: Timestamp,
}

/// What an agency is called and coded at a time (RULES I6).
#[derive(Clone, Debug)]
pub struct AgencyNames {
    /// Its code now: QĐ 20 where it has one.
    pub code: AgencyCode,
    /// Its QCVN 102 code, when it has one (RULES I1).
    pub code102: Option<AgencyCode>,
    /// Its full name in Vietnamese.
    pub name: String,
    /// Its public address, or empty.
    pub mail: String,
    /// Its superior.
    pub parent_id: Option<AgencyId>,
    /// The decision that says so, or empty.
    pub decision: String,
}

/// An agency as it is now.
#[derive(Clone, Debug)]
pub struct Agency {
    /// Its id.
    pub agency_id: AgencyId,
    /// Its code.
    pub code: AgencyCode,
    /// Its QCVN 102 code.
    pub code102: Option<AgencyCode>,
    /// Its name.
    pub name: String,
    /// Its public address, or empty.
    pub mail: String,
    /// Its superior.
    pub parent_id: Option<AgencyId>,
    /// Whether it can send and receive (RULES R2).
    pub is_active: bool,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

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

/// A system to admit to the exchange.
#[derive(Clone, Debug)]
pub struct NewSystem {
    /// Its id, as it signs itself (RULES I4).
    pub system_id: String,
    /// The agency it belongs to; it speaks for it.
    pub agency_id: AgencyId,
    /// What it signs its headers with (VXP 2).
    pub secret: Secret<String>,
}

/// A system that may use the exchange.
#[derive(Clone, Debug)]
pub struct ExchangeSystem {
    /// Its id, in the registered spelling.
    pub system_id: String,
    /// The one form to compare by.
    pub system_folded: String,
    /// The agency it belongs to.
    pub agency_id: AgencyId,
    /// What it signs its headers with.
    pub secret: Secret<String>,
    /// The agencies it speaks for.
    pub agencies: Vec<Agency>,
}

macro_rules! select_agency {
    ($tail:literal) => {
        concat!(
            "SELECT v.agency_id, v.code, (SELECT c.code FROM agency_code c WHERE c.agency_id = v.agency_id \
             AND c.scheme = 'qcvn102' AND c.valid_to IS NULL ORDER BY c.valid_from DESC LIMIT 1), \
             v.name, v.mail, v.parent_id, v.state, v.recorded_at FROM agency_version v \
             WHERE v.superseded_at IS NULL AND v.valid_to IS NULL ",
            $tail
        )
    };
}

fn agency(row: &Row) -> Result<Agency> {
    let code = |text: String| text.parse().map_err(|_| Error::Damaged("an agency code"));
    Ok(Agency {
        agency_id: row.id(0)?,
        code: code(row.text(1)?)?,
        code102: row.opt_text(2)?.map(code).transpose()?,
        name: row.text(3)?,
        mail: row.text(4)?,
        parent_id: row.opt_id(5)?,
        is_active: row.text(6)? == "active",
        changed_at: row.moment(7)?,
    })
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

fn fold_system(system_id: &str) -> String {
    system_id.trim().to_ascii_lowercase()
}

impl Store {
    /// Makes an agency's own key, if it has none yet. [`Tx::add_system`] seals with it, and a transaction that makes a
    /// key cannot also use it.
    pub async fn ready_to_seal(&self, agency_id: AgencyId, now: Timestamp) -> Result<()> {
        // Sealing anything makes the key.
        self.seal(agency_id, b"", now).await.map(drop)
    }

    /// Admits a system to the exchange, speaking for its agency. A known system gets a new secret.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another system speaks for the agency.
    pub async fn add_system(&self, new: NewSystem, now: Timestamp) -> Result<()> {
        self.ready_to_seal(new.agency_id, now).await?;
        self.write("admit a system", (new, now), |tx, (new, now)| {
            Box::pin(async move { tx.add_system(new, *now).await })
        })
        .await
    }
}

impl Tx {
    /// Adds an agency. One whose `code102` is its `code` has no QĐ 20 code yet (RULES I1).
    ///
    /// # Errors
    /// [`Error::Conflict`] when one of its codes is in use.
    pub async fn add_agency(&mut self, new: &NewAgency, now: Timestamp) -> Result<()> {
        let NewAgency { agency_id, names, valid_from } = new;
        self.exec("INSERT INTO agency (agency_id, created_at) VALUES ($1, $2)", values![agency_id, now])
            .await?;
        self.exec(
            "INSERT INTO agency_version (agency_id, valid_from, recorded_at, code, name, mail, parent_id, state, decision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8)",
            values![
                agency_id,
                *valid_from,
                now,
                names.code.as_str(),
                &names.name,
                &names.mail,
                names.parent_id.as_ref(),
                &names.decision
            ],
        )
        .await?;
        let scheme = if names.code102.as_ref() == Some(&names.code) { "qcvn102" } else { "qd20" };
        self.add_agency_code(*agency_id, &names.code, scheme, *valid_from).await?;
        if let Some(code102) = names.code102.as_ref().filter(|code102| **code102 != names.code) {
            self.add_agency_code(*agency_id, code102, "qcvn102", *valid_from).await?;
        }
        Ok(())
    }

    /// Adds a further code that an agency answers to (RULES I5).
    ///
    /// # Errors
    /// [`Error::Conflict`] when the code is in use.
    pub async fn add_agency_code(
        &mut self,
        agency_id: AgencyId,
        code: &AgencyCode,
        scheme: &str,
        valid_from: Timestamp,
    ) -> Result<()> {
        if self.agency_by_code(code).await?.is_some() {
            return Err(Error::Conflict(format!("agency code {code}")));
        }
        self.exec(
            "INSERT INTO agency_code (code_folded, valid_from, scheme, code, agency_id) VALUES ($1, $2, $3, $4, $5)",
            values![&code.folded(), valid_from, scheme, code.as_str(), &agency_id],
        )
        .await
        .map(drop)
    }

    /// The agency that answers to a code now, in any scheme (RULES I5).
    pub async fn agency_by_code(&mut self, code: &AgencyCode) -> Result<Option<Agency>> {
        let row = self
            .row(
                "SELECT agency_id FROM agency_code WHERE code_folded = $1 AND valid_to IS NULL \
                 ORDER BY valid_from DESC LIMIT 1",
                values![&code.folded()],
            )
            .await?;
        match row {
            Some(row) => self.agency(row.id(0)?).await,
            None => Ok(None),
        }
    }

    /// An agency by its id.
    pub async fn agency(&mut self, agency_id: AgencyId) -> Result<Option<Agency>> {
        self.row(select_agency!("AND v.agency_id = $1"), values![&agency_id])
            .await?
            .as_ref()
            .map(agency)
            .transpose()
    }

    /// All agencies, by code. The register is small beside everything else (111,000 nationwide) and read seldom.
    pub async fn agencies(&mut self) -> Result<Vec<Agency>> {
        let rows = self.rows(select_agency!("ORDER BY v.code"), &[]).await?;
        rows.iter().map(agency).collect()
    }

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

    /// The domains whose mail ends here, with their agencies.
    pub async fn domains(&mut self) -> Result<Vec<(Domain, Option<AgencyId>)>> {
        let rows = self
            .rows("SELECT domain, agency_id FROM domain WHERE valid_to IS NULL ORDER BY domain", &[])
            .await?;
        rows.iter()
            .map(|row| Ok((row.text(0)?.parse().map_err(|_| Error::Damaged("a domain"))?, row.opt_id(1)?)))
            .collect()
    }

    /// Sends a domain's mail to a fixed place `host:port`; `*` is every domain without a route of its own.
    pub async fn put_route(&mut self, domain: &str, target: &str) -> Result<()> {
        self.exec(
            "INSERT INTO mail_route (domain, target) VALUES ($1, $2) \
             ON CONFLICT (domain) DO UPDATE SET target = excluded.target",
            values![domain, target],
        )
        .await
        .map(drop)
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

    /// Admits a system, as [`Store::add_system`] does, inside a transaction that has more to say. The agency's key is
    /// there already ([`Store::ready_to_seal`]).
    ///
    /// # Errors
    /// [`Error::Conflict`] when another system speaks for the agency.
    pub async fn add_system(&mut self, new: &NewSystem, now: Timestamp) -> Result<()> {
        let folded = fold_system(&new.system_id);
        let name = KeyName { owner: new.agency_id.into(), number: OWN_KEY };
        let key = self.data_key(name).await?.ok_or(Error::Damaged("an agency's key"))?;
        let chance = self.shared.chance.clone();
        let sealed = key.seal(new.secret.expose_secret().clone().into_bytes(), folded.as_bytes(), &*chance);
        self.exec(
            "INSERT INTO exchange_system (system_folded, system_id, agency_id, secret, state, created_at) \
             VALUES ($1, $2, $3, $4, 'active', $5) \
             ON CONFLICT (system_folded) DO UPDATE SET secret = excluded.secret, agency_id = excluded.agency_id",
            values![&folded, new.system_id.trim(), &new.agency_id, &sealed, now],
        )
        .await?;
        self.let_system_speak(&folded, new.agency_id).await
    }

    /// Lets a system speak for an agency; for each agency one system speaks.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another system speaks for it.
    pub async fn let_system_speak(&mut self, system_id: &str, agency_id: AgencyId) -> Result<()> {
        let folded = fold_system(system_id);
        self.exec(
            "INSERT INTO exchange_system_agency (agency_id, system_folded) VALUES ($1, $2) ON CONFLICT (agency_id) DO NOTHING",
            values![&agency_id, &folded],
        )
        .await?;
        match self.system_of(agency_id).await? {
            Some(speaking) if speaking == folded => Ok(()),
            _ => Err(Error::Conflict("another system speaks for this agency".to_owned())),
        }
    }

    /// The system that speaks for an agency, in folded form.
    pub async fn system_of(&mut self, agency_id: AgencyId) -> Result<Option<String>> {
        let row = self
            .row("SELECT system_folded FROM exchange_system_agency WHERE agency_id = $1", values![&agency_id])
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Which active system speaks for which agency, by the system's registered spelling, for lists of the register.
    pub async fn speakers(&mut self) -> Result<Vec<(AgencyId, String)>> {
        let rows = self
            .rows(
                "SELECT a.agency_id, s.system_id FROM exchange_system_agency a \
                 JOIN exchange_system s ON s.system_folded = a.system_folded WHERE s.state = 'active'",
                &[],
            )
            .await?;
        rows.iter().map(|row| Ok((row.id(0)?, row.text(1)?))).collect()
    }

    /// An active system, with its secret and the agencies it speaks for.
    pub async fn system(&mut self, system_id: &str) -> Result<Option<ExchangeSystem>> {
        let folded = fold_system(system_id);
        let Some(row) = self
            .row(
                "SELECT system_id, agency_id, secret FROM exchange_system WHERE system_folded = $1 AND state = 'active'",
                values![&folded],
            )
            .await?
        else {
            return Ok(None);
        };
        let agency_id: AgencyId = row.id(1)?;
        let name = KeyName { owner: agency_id.into(), number: OWN_KEY };
        let key = self.data_key(name).await?.ok_or(Error::Damaged("an agency's key"))?;
        let secret = key.open(row.bytes(2)?, folded.as_bytes())?;
        let rows = self
            .rows(
                "SELECT agency_id FROM exchange_system_agency WHERE system_folded = $1 ORDER BY agency_id LIMIT 10000",
                values![&folded],
            )
            .await?;
        let mut agencies = Vec::with_capacity(rows.len());
        for row in &rows {
            agencies.extend(self.agency(row.id(0)?).await?);
        }
        Ok(Some(ExchangeSystem {
            system_id: row.text(0)?,
            system_folded: folded,
            agency_id,
            secret: Secret::new(String::from_utf8(secret).map_err(|_| Error::Damaged("a system's secret"))?),
            agencies,
        }))
    }
}
