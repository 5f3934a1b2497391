//! Units that a system adds and withdraws itself (VXP 3.5, 3.6): below a unit it speaks for, and only when it was given that
//! right.

use mail::text::{clip, nfc};
use mail::{AgencyCode, AgencyId, EmailAddress, Timestamp};
use store::{Agency, AgencyChange, AgencyNames, Audit, ExchangeSystem, Tx};

use crate::Error;
use crate::accept::{Desk, speaks_for};
use crate::vxp::answer::{self, Answer};
use crate::vxp::call::NewAgency;

/// What a system wants of a unit, read.
#[derive(Clone)]
struct Wanted {
    /// The id it gets if it is new.
    agency_id: AgencyId,
    code: AgencyCode,
    /// The code of its superior, or its id.
    parent: String,
    name: String,
    mail: String,
}

/// What stops a change.
enum Stop {
    Store(store::Error),
    Refused(Error),
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

fn refused(stop: Stop) -> Error {
    match stop {
        Stop::Refused(error) => error,
        // A code that is another agency's.
        Stop::Store(store::Error::Conflict(_)) => Error::Forbidden,
        Stop::Store(error) => error.into(),
    }
}

impl Desk {
    /// Adds a unit below one of the system's own, or changes one that is there.
    pub(crate) async fn register_unit(
        &self,
        system: &ExchangeSystem,
        new: &NewAgency,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        if !system.may_manage_units {
            return Err(Error::Forbidden);
        }
        let code = new.code.parse();
        let code = code.map_err(|_| Error::BadParameter { name: "code", expected: "an agency code" })?;
        let mail = new.mail.trim();
        if !mail.is_empty() && mail.parse::<EmailAddress>().is_err() {
            return Err(Error::BadParameter { name: "mail", expected: "an address" });
        }
        let wanted = Wanted {
            agency_id: AgencyId::new(now, &*self.chance),
            code,
            parent: new.pcode.trim().to_owned(),
            name: tidy(&new.name),
            mail: mail.to_owned(),
        };
        let input = (wanted, system.clone());
        self.store
            .write("register a unit", input, move |tx, (wanted, system)| {
                Box::pin(async move { register(tx, wanted, system, now).await })
            })
            .await
            .map_err(refused)?;
        Ok(answer::done())
    }

    /// Withdraws a unit of the system; its row stays.
    pub(crate) async fn withdraw_unit(
        &self,
        system: &ExchangeSystem,
        code: &AgencyCode,
        now: Timestamp,
    ) -> Result<Answer, Error> {
        if !system.may_manage_units {
            return Err(Error::Forbidden);
        }
        let input = (code.clone(), system.clone());
        self.store
            .write("withdraw a unit", input, move |tx, (code, system)| {
                Box::pin(async move {
                    let there = tx.agency_by_code(code, now).await?;
                    let there = there.ok_or_else(|| Error::UnknownAgencies(vec![code.clone()]))?;
                    managed(tx, &there, system, now).await?;
                    if tx.close_agency(there.agency_id, &[], now, "", now).await? {
                        audit(tx, there.agency_id, system, "withdrawn", now).await?;
                    }
                    Ok::<_, Stop>(())
                })
            })
            .await
            .map_err(refused)?;
        Ok(answer::done())
    }
}

/// A name as it is kept: NFC, no blanks at the ends, one between words, bounded.
fn tidy(name: &str) -> String {
    let name = nfc(name).split_whitespace().collect::<Vec<_>>().join(" ");
    clip(&name, 2_000).to_owned()
}

/// Only a unit that the system speaks for, and that has a superior the system speaks for: its first agency is the exchange's
/// business.
async fn managed(tx: &mut Tx, unit: &Agency, system: &ExchangeSystem, now: Timestamp) -> Result<(), Stop> {
    let parent = match unit.parent_id {
        Some(parent) => tx.agency(parent, now).await?,
        None => None,
    };
    let is_below = parent.is_some_and(|parent| speaks_for(system, parent.agency_id));
    match is_below && unit.agency_id != system.agency_id && speaks_for(system, unit.agency_id) {
        true => Ok(()),
        false => Err(Error::Forbidden.into()),
    }
}

/// The superior a system names, by code or id; it has to be one of the system's own, and active.
async fn parent(tx: &mut Tx, named: &str, system: &ExchangeSystem, now: Timestamp) -> Result<Agency, Stop> {
    let found = match (named.parse::<AgencyId>(), named.parse::<AgencyCode>()) {
        (Ok(agency_id), _) => tx.agency(agency_id, now).await?,
        (_, Ok(code)) => tx.agency_by_code(&code, now).await?,
        _ => None,
    };
    match found {
        Some(found) if found.is_active && speaks_for(system, found.agency_id) => Ok(found),
        Some(_) => Err(Error::Forbidden.into()),
        None => {
            let code = named.parse::<AgencyCode>();
            let wrong = || Error::BadParameter { name: "pcode", expected: "the code of the unit above" };
            Err(code.map_or_else(|_| wrong(), |code| Error::UnknownAgencies(vec![code])).into())
        }
    }
}

async fn register(tx: &mut Tx, wanted: &Wanted, system: &ExchangeSystem, now: Timestamp) -> Result<(), Stop> {
    let parent = parent(tx, &wanted.parent, system, now).await?;
    let Some(there) = tx.agency_by_code(&wanted.code, now).await? else {
        return add(tx, wanted, &parent, system, now).await;
    };
    managed(tx, &there, system, now).await?;
    if !there.is_active || there.agency_id == parent.agency_id {
        return Err(Error::Forbidden.into());
    }
    let change = AgencyChange {
        name: Some(wanted.name.clone()),
        mail: Some(wanted.mail.clone()),
        parent_id: Some(Some(parent.agency_id)),
        ..AgencyChange::default()
    };
    if tx.change_agency(there.agency_id, &change, now, None, now).await? {
        audit(tx, there.agency_id, system, "changed", now).await?;
    }
    Ok(())
}

async fn add(
    tx: &mut Tx,
    wanted: &Wanted,
    parent: &Agency,
    system: &ExchangeSystem,
    now: Timestamp,
) -> Result<(), Stop> {
    // Nobody takes a code of another province or ministry.
    let own = parent.code.level_1();
    if wanted.code.level_1().is_some_and(|level| own.as_ref() != Some(&level)) {
        return Err(Error::Forbidden.into());
    }
    let code102 = wanted.code.is_qcvn102().then(|| wanted.code.clone());
    let names = AgencyNames {
        code: wanted.code.clone(),
        code102,
        name: wanted.name.clone(),
        mail: wanted.mail.clone(),
        parent_id: Some(parent.agency_id),
        decision: String::new(),
    };
    let new = store::NewAgency { agency_id: wanted.agency_id, names, valid_from: now };
    tx.add_agency(&new, now).await?;
    tx.let_system_speak(&system.system_folded, wanted.agency_id, now).await?;
    audit(tx, wanted.agency_id, system, "added", now).await
}

async fn audit(
    tx: &mut Tx,
    agency_id: AgencyId,
    system: &ExchangeSystem,
    what: &str,
    now: Timestamp,
) -> Result<(), Stop> {
    let detail = serde_json::json!({ "what": what }).to_string();
    let (actor, subject) = (&system.system_folded, agency_id.to_string());
    Ok(tx.audit(agency_id, now, actor, Audit::AgencyChanged, &subject, &detail).await?)
}
