//! Who sends, who receives, what was there before: what the store knows of a package (VXP 3.8 steps 4 to 7, VXP 5).

use std::collections::HashMap;

use mail::{AgencyCode, AgencyId, Timestamp};
use store::{Agency, Document, ExchangeSystem, Tx};

use super::Arrived;
use crate::Error;
use crate::document_id::notation_key;
use crate::package::{self, BusinessType, Package};
use crate::status::StatusCode;
use crate::vxp::delivery::{check_sender, route};

/// A receiving agency and the way to it: the system that takes packages in for it, or a peer.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) agency: Agency,
    pub(super) system_folded: String,
}

/// Where a package goes.
#[derive(Clone, Debug)]
pub(super) struct Routed {
    /// The sending agency.
    pub(super) sender: Agency,
    /// In the order of the package, each once.
    pub(super) receivers: Vec<Receiver>,
}

impl Routed {
    /// Whether another look came to the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let ids = |routed: &Self| -> Vec<(AgencyId, String)> {
            routed.receivers.iter().map(|r| (r.agency.agency_id, r.system_folded.clone())).collect()
        };
        self.sender.agency_id == other.sender.agency_id && ids(self) == ids(other)
    }

    pub(super) fn codes(&self) -> Vec<String> {
        self.receivers.iter().map(|receiver| receiver.agency.code.as_str().to_owned()).collect()
    }
}

/// Finds sender and receivers.
///
/// # Errors
/// [`Error::NotYourAgency`], [`Error::UnknownAgencies`] with all that are unknown, withdrawn or not connected.
pub(super) async fn find(tx: &mut Tx, arrived: &Arrived) -> Result<Routed, Error> {
    let sender = sender(tx, arrived).await?;
    let mut known: HashMap<String, Receiver> = HashMap::new();
    let named = &arrived.parameters.to;
    let codes: Vec<&AgencyCode> = arrived.package.receivers().into_iter().chain(named).collect();
    for code in codes {
        if !known.contains_key(&code.folded())
            && let Some(agency) = tx.agency_by_code(code).await?.filter(|agency| agency.is_active)
            && let Some(system_folded) = tx.way_to(&agency).await?
        {
            known.insert(code.folded(), Receiver { agency, system_folded });
        }
    }
    let ids = route(&arrived.package, named, |code| known.get(&code.folded()).map(|r| r.agency.agency_id))?;
    let receivers = ids.iter().filter_map(|id| known.values().find(|r| r.agency.agency_id == *id).cloned());
    let receivers = crate::upstream::not_back(arrived, receivers.collect(), |r| &r.system_folded)?;
    Ok(Routed { sender, receivers })
}

/// VXP 3.8 step 4, RULES R2.
async fn sender(tx: &mut Tx, arrived: &Arrived) -> Result<Agency, Error> {
    let system = &arrived.system;
    let mut own: HashMap<String, Agency> = HashMap::new();
    let written = arrived.package.sender().organ_id.clone();
    for code in [Some(written.clone()), arrived.parameters.from.parse().ok()].into_iter().flatten() {
        let agency = tx.agency_by_code(&code).await?;
        if let Some(agency) = agency.filter(|agency| agency.is_active && speaks_for(system, agency.agency_id))
        {
            own.insert(code.folded(), agency);
        }
    }
    check_sender(&system.system_id, &arrived.parameters.from, &arrived.package, |code| {
        own.contains_key(&code.folded())
    })?;
    let refused =
        || Error::NotYourAgency { code: written.as_str().to_owned(), system: system.system_id.clone() };
    match own.remove(&written.folded()) {
        Some(agency) => Ok(agency),
        // The package's sender is the system's id itself: then it is the agency the system belongs to.
        None => tx.agency(system.agency_id).await?.filter(|agency| agency.is_active).ok_or_else(refused),
    }
}

/// Whether a system speaks for an agency.
pub(crate) fn speaks_for(system: &ExchangeSystem, agency_id: AgencyId) -> bool {
    system.agencies.iter().any(|agency| agency.agency_id == agency_id)
}

/// VXP 3.8 step 7: another new document under an identifier that one of the receivers has already, and has neither
/// refused nor given back.
pub(super) async fn check_conflict(tx: &mut Tx, arrived: &Arrived, routed: &Routed) -> Result<(), Error> {
    let Package::Document(document) = &arrived.package else { return Ok(()) };
    if document.business_type() != BusinessType::New {
        return Ok(());
    }
    let sender = routed.sender.agency_id;
    for earlier in tx.documents_by_identifier(sender, document.document_id.key()).await? {
        if earlier.business_type != 0 || earlier.package_sha256 == arrived.sha256 {
            continue;
        }
        let deliveries = tx.deliveries_of(sender, earlier.document_id).await?;
        let has: Vec<&Receiver> = routed
            .receivers
            .iter()
            .filter(|receiver| deliveries.iter().any(|d| d.to_codes.contains(&receiver.agency.code)))
            .collect();
        if has.is_empty() {
            continue;
        }
        let history = tx.statuses(sender, earlier.document_id).await?;
        let gave_back = |agency_id: AgencyId| {
            let said = history.iter().filter(|entry| entry.reporter_id == agency_id);
            said.map(|entry| StatusCode::read(&entry.code))
                .any(|code| matches!(code, StatusCode::Refused | StatusCode::Agreed))
        };
        if has.iter().any(|receiver| !gave_back(receiver.agency.agency_id)) {
            return Err(Error::Conflict);
        }
    }
    Ok(())
}

/// The document a status is about: by its identifier, else by number and notation (VXP 5). Only one that went from
/// the one of the two agencies to the other: nobody reports on what it did not get.
pub(super) async fn linked(
    tx: &mut Tx,
    status: &package::Status,
    routed: &Routed,
) -> Result<Option<Document>, Error> {
    let Some(addressee) = routed.receivers.first() else { return Ok(None) };
    // The sender asks for its document back: then the reporter is the document's sender (VXP 5, code 13).
    let (owner, receiver) = match status.code {
        StatusCode::TakeBack => (&routed.sender, &addressee.agency),
        _ => (&addressee.agency, &routed.sender),
    };
    let owner = owner.agency_id;
    let mut candidates = Vec::new();
    if let Some(id) = &status.response_for.document_id {
        candidates.extend(tx.documents_by_identifier(owner, id.key()).await?);
    }
    if !status.response_for.code.is_empty() {
        candidates.extend(tx.documents_by_notation(owner, &notation_key(&status.response_for.code)).await?);
    }
    for document in candidates {
        let deliveries = tx.deliveries_of(owner, document.document_id).await?;
        if deliveries.iter().any(|delivery| delivery.to_codes.contains(&receiver.code)) {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

/// When a status was said, by its own words if they are a time that has passed.
pub(super) fn said_at(status: &package::Status, now: Timestamp) -> Timestamp {
    let said = crate::package::text_numbers(&status.timestamp, "####/##/## ##:##:##");
    let said = match said.as_deref() {
        Some(&[year, month, day, hour, minute, second]) => {
            crate::vxp::call::vietnam_time([day, month, year], [hour, minute, second])
        }
        _ => None,
    };
    said.filter(|said| *said <= now).unwrap_or(now)
}
