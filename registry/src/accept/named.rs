//! Whom a code names now: the agency, or who follows it (RULES I6), and whose system takes packages in for it (RULES R60).

use std::time::Duration;

use mail::{AgencyCode, Timestamp};
use store::{Agency, Tx};

use crate::Error;
use crate::error::Gone;

/// Agencies that take packages in one for another, one after another. Ours: an office for a unit is one.
const FOCAL_STEPS_MAX: usize = 4;

/// The moment of a question, and how long what was addressed to a closed code still goes to who follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Timestamp,
    pub(super) forward: Duration,
}

/// Whom a code names.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// An active agency.
    Agency(Agency),
    /// An active agency that has another code now.
    Recoded(Agency),
    /// The one agency that followed the one that had the code.
    Heir(Agency),
    /// Nobody any more; these followed.
    Gone(Gone),
    /// Nobody.
    Nobody,
}

/// Whom a code names at the moment asked about.
pub(super) async fn named(tx: &mut Tx, code: &AgencyCode, asked: Asked) -> Result<Named, Error> {
    let (agency, since) = match tx.agency_by_code(code, asked.at).await? {
        Some(agency) if agency.is_active => return Ok(Named::Agency(agency)),
        Some(agency) => {
            let since = tx.agency_closed_at(agency.agency_id, asked.at).await?;
            (agency, since)
        }
        None => match tx.code_ended(code, asked.at).await? {
            Some((agency_id, since)) => match tx.agency(agency_id, asked.at).await? {
                Some(agency) => (agency, Some(since)),
                None => return Ok(Named::Nobody),
            },
            None => return Ok(Named::Nobody),
        },
    };
    let is_forwarded = since.is_some_and(|since| asked.at < since.plus(asked.forward));
    if agency.is_active {
        return Ok(match is_forwarded {
            true => Named::Recoded(agency),
            false => Named::Gone(Gone { code: code.clone(), followed: vec![agency.code] }),
        });
    }
    let followed = tx.followed(agency.agency_id, asked.at).await?;
    let codes = followed.active.iter().map(|agency| agency.code.clone()).collect();
    Ok(match followed.active.into_iter().next() {
        Some(heir) if is_forwarded && followed.is_one => Named::Heir(heir),
        _ => Named::Gone(Gone { code: code.clone(), followed: codes }),
    })
}

/// The system that takes packages in for an agency: its own, else that of its focal point, which may have been merged since.
pub(super) async fn system_for(
    tx: &mut Tx,
    agency: &Agency,
    at: Timestamp,
) -> Result<Option<String>, store::Error> {
    let mut here = agency.clone();
    for _ in 0..FOCAL_STEPS_MAX {
        if here.is_active
            && let Some(system) = tx.system_of(here.agency_id).await?
        {
            return Ok(Some(system));
        }
        let next = match (here.is_active, here.focal_id) {
            (true, None) => None,
            (true, Some(focal)) => tx.agency(focal, at).await?,
            (false, _) => {
                let followed = tx.followed(here.agency_id, at).await?;
                followed.active.into_iter().next().filter(|_| followed.is_one)
            }
        };
        match next {
            Some(next) => here = next,
            None => return Ok(None),
        }
    }
    Ok(None)
}
