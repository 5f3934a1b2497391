//! Systems that speak for agencies on the exchange.

use mail::{AgencyId, Secret, Timestamp};

use super::{Agency, KNOWN_NOW, agency, select_agency};
use crate::blobs::OWN_KEY;
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::sql::values;
use crate::{Store, Tx};

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
    /// Whether it may add and withdraw units below its own (VXP 3.5, 3.6).
    pub may_manage_units: bool,
    /// The agencies it speaks for.
    pub agencies: Vec<Agency>,
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
        self.let_system_speak(&folded, new.agency_id, now).await
    }

    /// Lets a system speak for an agency; for each agency one system speaks.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another system speaks for it.
    pub async fn let_system_speak(
        &mut self,
        system_id: &str,
        agency_id: AgencyId,
        now: Timestamp,
    ) -> Result<()> {
        let folded = fold_system(system_id);
        self.lock_register().await?;
        let added = self
            .exec(
                "INSERT INTO exchange_system_agency (agency_id, system_folded) VALUES ($1, $2) ON CONFLICT (agency_id) DO NOTHING",
                values![&agency_id, &folded],
            )
            .await?;
        if added > 0 {
            // Lists of the register say whose system speaks for an agency.
            self.touch_agencies(&[agency_id], now).await?;
        }
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

    /// Grants a system the right to add and withdraw units below its own, or takes it back (VXP 3.5). Answers whether there is
    /// such a system.
    pub async fn set_may_manage_units(&mut self, system_id: &str, may: bool) -> Result<bool> {
        let changed = self
            .exec(
                "UPDATE exchange_system SET may_manage_units = $2 WHERE system_folded = $1",
                values![&fold_system(system_id), may],
            )
            .await?;
        Ok(changed > 0)
    }

    /// An active system, with its secret and the agencies it speaks for at a moment.
    pub async fn system(&mut self, system_id: &str, at: Timestamp) -> Result<Option<ExchangeSystem>> {
        let folded = fold_system(system_id);
        let Some(row) = self
            .row(
                "SELECT system_id, agency_id, secret, may_manage_units FROM exchange_system \
                 WHERE system_folded = $1 AND state = 'active'",
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
        let agencies = self
            .rows(
                select_agency!(
                    "exchange_system_agency s JOIN agency_version v ON v.agency_id = s.agency_id",
                    "AND s.system_folded = $3 ORDER BY v.agency_id LIMIT 10000"
                ),
                values![at, KNOWN_NOW, &folded],
            )
            .await?;
        Ok(Some(ExchangeSystem {
            system_id: row.text(0)?,
            system_folded: folded,
            agency_id,
            secret: Secret::new(String::from_utf8(secret).map_err(|_| Error::Damaged("a system's secret"))?),
            may_manage_units: row.flag(3)?,
            agencies: agencies.iter().map(agency).collect::<Result<_>>()?,
        }))
    }
}
