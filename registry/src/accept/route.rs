//! Who sends, who receives, what was there before: what the store knows of a package (VXP 3.8 steps 4 to 7, VXP 5).

use std::collections::HashMap;

use mail::{AgencyCode, AgencyId, Timestamp};
use store::{Agency, Document, DocumentState, ExchangeSystem, Tx};

use super::Arrived;
use super::acts::RECALL;
use super::named::{self, Asked, Named};
use crate::Error;
use crate::document_id::{date_key, notation_key};
use crate::error::Gone;
use crate::package::{self, BusinessType, Oddity, Package, Warning};
use crate::status::{Ask, Progress, StatusCode};
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
    /// Receivers whose code is closed, and who gets the package instead (RULES I6).
    pub(super) warnings: Vec<Warning>,
    /// When this was asked.
    pub(super) asked: Asked,
    /// The version of the register it was answered from.
    version: i64,
}

impl Routed {
    /// Whether it holds without another look: the register is the same, no day has come on which it changes by itself, and
    /// every way is a system's of this house, which no new line to another axis can come before.
    pub(super) async fn holds(&self, tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
        let is_local = self.receivers.iter().all(|at| store::peer_of_way(&at.system_folded).is_none());
        let (version, due) = tx.register_version().await?;
        Ok(is_local && version == self.version && due.is_none_or(|due| due > now))
    }

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
/// [`Error::NotYourAgency`], [`Error::UnknownAgencies`] with all that are unknown or not connected, [`Error::GoneAgencies`]
/// when some are closed.
pub(super) async fn find(tx: &mut Tx, arrived: &Arrived, asked: Asked) -> Result<Routed, Error> {
    let (version, _) = tx.register_version().await?;
    let sender = sender(tx, arrived, asked).await?;
    let mut known: HashMap<String, Receiver> = HashMap::new();
    let (mut gone, mut warnings) = (Vec::new(), Vec::new());
    let named = &arrived.parameters.to;
    let codes: Vec<&AgencyCode> = arrived.package.receivers().into_iter().chain(named).collect();
    for code in codes {
        if known.contains_key(&code.folded()) || gone.iter().any(|gone: &Gone| gone.code == *code) {
            continue;
        }
        let (agency, is_instead) = match named::named(tx, code, asked).await? {
            Named::Agency(agency) => (agency, false),
            Named::Recoded(agency) | Named::Heir(agency) => (agency, true),
            Named::Gone(closed) => {
                gone.push(closed);
                continue;
            }
            Named::Nobody => continue,
        };
        let way = match named::system_for(tx, &agency, asked.at).await? {
            Some(system) => Some(system),
            None => tx.way_to(&agency).await?,
        };
        let Some(system_folded) = way else { continue };
        if is_instead {
            let path = format!("{code} → {}", agency.code);
            warnings.push(Warning { oddity: Oddity::ReceiverForwarded, path });
        }
        known.insert(code.folded(), Receiver { agency, system_folded });
    }
    let ids = route(&arrived.package, named, |code| known.get(&code.folded()).map(|r| r.agency.agency_id));
    let ids = ids.map_err(|error| refusal(error, gone))?;
    let receivers = ids.iter().filter_map(|id| known.values().find(|r| r.agency.agency_id == *id).cloned());
    let receivers = crate::upstream::not_back(arrived, receivers.collect(), |r| &r.system_folded)?;
    Ok(Routed { sender, receivers, warnings, asked, version })
}

/// Says of what has no receiver which of them are closed, and who followed.
fn refusal(error: Error, mut gone: Vec<Gone>) -> Error {
    let Error::UnknownAgencies(codes) = error else { return error };
    gone.retain(|gone| codes.contains(&gone.code));
    if gone.is_empty() {
        return Error::UnknownAgencies(codes);
    }
    let unknown = codes.into_iter().filter(|code| !gone.iter().any(|gone| gone.code == *code)).collect();
    Error::GoneAgencies { gone, unknown }
}

/// VXP 3.8 step 4, RULES R2. Of a unit that is taken in for by another's system (RULES R60), that system brings statuses.
async fn sender(tx: &mut Tx, arrived: &Arrived, asked: Asked) -> Result<Agency, Error> {
    let system = &arrived.system;
    let is_status = matches!(arrived.package, Package::Status(_));
    let mut own: HashMap<String, Agency> = HashMap::new();
    let written = arrived.package.sender().organ_id.clone();
    let called = arrived.parameters.from.parse().ok();
    let called = called.filter(|code: &AgencyCode| code.folded() != written.folded());
    for code in [Some(written.clone()), called].into_iter().flatten() {
        // A system may know the agency's new code some days late, as its correspondents may.
        let (Named::Agency(agency) | Named::Recoded(agency)) = named::named(tx, &code, asked).await? else {
            continue;
        };
        let is_own = speaks_for(system, agency.agency_id)
            || (is_status
                && named::system_for(tx, &agency, asked.at).await?.as_ref() == Some(&system.system_folded));
        if is_own {
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
        None => {
            tx.agency(system.agency_id, asked.at).await?.filter(|agency| agency.is_active).ok_or_else(refused)
        }
    }
}

/// Whether a system speaks for an agency.
pub(crate) fn speaks_for(system: &ExchangeSystem, agency_id: AgencyId) -> bool {
    system.agencies.iter().any(|agency| agency.agency_id == agency_id)
}

/// VXP 3.8 step 7: another new document under an identifier that one of the receivers has already, and has neither
/// refused nor given back. RULES R38: while a recall under it is still to be answered, it goes to nobody new.
pub(super) async fn check_conflict(tx: &mut Tx, arrived: &Arrived, routed: &Routed) -> Result<(), Error> {
    let Package::Document(document) = &arrived.package else { return Ok(()) };
    if document.business_type() != BusinessType::New {
        return Ok(());
    }
    let sender = routed.sender.agency_id;
    for earlier in tx.documents_by_identifier(sender, document.document_id.key()).await? {
        if earlier.business_type == RECALL || earlier.package_sha256 == arrived.sha256 {
            continue;
        }
        let receivers = tx.receivers_of(sender, earlier.document_id).await?;
        let is_addressed = |at: &store::Receiver| {
            routed.receivers.iter().any(|receiver| receiver.agency.agency_id == at.receiver_id)
        };
        let is_live = |at: &store::Receiver| !Progress::of(at).state.is_final();
        if earlier.business_type == 0 && receivers.iter().any(|at| is_addressed(at) && is_live(at)) {
            return Err(Error::Conflict);
        }
        let is_asked = |at: &store::Receiver| Progress::of(at).ask == Some(Ask::Recall);
        if earlier.state == DocumentState::Frozen && receivers.iter().any(is_asked) {
            return Err(Error::Frozen);
        }
    }
    Ok(())
}

/// The identifiers a package is about, to be held while it is accepted.
pub(super) fn identifiers(package: &Package) -> Vec<&str> {
    match package {
        Package::Document(document) => {
            let targets = document.target_ids().into_iter().map(|id| id.key());
            targets.chain([document.document_id.key()]).collect()
        }
        Package::Status(_) => Vec::new(),
    }
}

/// How a status was matched with a document (RULES E21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rung {
    /// The identifier as it was written.
    Exact,
    /// The identifier, normalised.
    Normalised,
    /// Agency, number and notation, and the date where the status has one.
    Number,
}

impl Rung {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Normalised => "normalised",
            Self::Number => "number",
        }
    }
}

/// The documents a status may be about: versions of one document, newest first.
#[derive(Debug, Default)]
pub(super) struct Linked {
    pub(super) documents: Vec<Document>,
    pub(super) rung: Option<Rung>,
}

/// Whose document a status is about, and who got it. The sender asks for its document back: then the reporter is the
/// document's sender (VXP 5, code 13).
fn sides<'r>(status: &package::Status, routed: &'r Routed) -> Option<(&'r Agency, &'r Agency)> {
    let addressee = routed.receivers.first()?;
    Some(match status.code {
        StatusCode::TakeBack => (&routed.sender, &addressee.agency),
        _ => (&addressee.agency, &routed.sender),
    })
}

/// The documents a status may be about, held to the end of the transaction: which of them it means depends on where they
/// stand, so nobody moves them, and nobody adds a version, between the question and the answer.
pub(super) async fn hold_linked(
    tx: &mut Tx,
    status: &package::Status,
    routed: &Routed,
) -> Result<Linked, Error> {
    if let (Some((owner, _)), Some(id)) = (sides(status, routed), &status.response_for.document_id) {
        tx.hold_identifiers(owner.agency_id, &[id.key()]).await?;
    }
    let mut linked = linked(tx, status, routed).await?;
    for document in &mut linked.documents {
        if let Some(held) = tx.hold_document(document.agency_id, document.document_id).await? {
            *document = held;
        }
    }
    Ok(linked)
}

/// The documents a status may be about, by the ladder of RULES E21. Only what went from the one of the two agencies to the
/// other: nobody reports on what it did not get. A recall repeats its original's identifier and is meant only where nothing
/// else is left.
pub(super) async fn linked(tx: &mut Tx, status: &package::Status, routed: &Routed) -> Result<Linked, Error> {
    let Some((owner, receiver)) = sides(status, routed) else { return Ok(Linked::default()) };
    let address = &status.response_for;
    if let Some(id) = &address.document_id {
        let named = tx.documents_by_identifier(owner.agency_id, id.key()).await?;
        // Recalls go out before spellings are compared: a recall may spell the identifier otherwise than its original.
        let named = held(tx, named, receiver).await?;
        let (exact, others): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|document| spelled(document) == id.as_str());
        for (rung, documents) in [(Rung::Exact, exact), (Rung::Normalised, others)] {
            if !documents.is_empty() {
                return Ok(Linked { documents, rung: Some(rung) });
            }
        }
    }
    if address.code.is_empty() {
        return Ok(Linked::default());
    }
    let mut numbered = tx.documents_by_notation(owner.agency_id, &notation_key(&address.code)).await?;
    // Numbers begin anew every year: a date that is there has to be the document's (RULES E19: it may be missing).
    let date = date_key(address.promulgation_date.trim());
    numbered.retain(|document| date.is_empty() || date_key(&document.promulgated_on) == date);
    let documents = held(tx, numbered, receiver).await?;
    let rung = (!documents.is_empty()).then_some(Rung::Number);
    Ok(Linked { documents, rung })
}

/// The identifier as its document has it.
fn spelled(document: &Document) -> String {
    let facts: serde_json::Value = serde_json::from_str(&document.facts).unwrap_or_default();
    facts["documentId"].as_str().unwrap_or_default().to_owned()
}

/// Those that went to a receiver; recalls only where there is nothing else.
async fn held(
    tx: &mut Tx,
    documents: Vec<Document>,
    receiver: &Agency,
) -> Result<Vec<Document>, store::Error> {
    let mut held = Vec::new();
    for document in documents {
        let is_there = tx.receiver(receiver.agency_id, document.document_id).await?.is_some();
        if is_there || has_delivery(tx, &document, receiver).await? {
            held.push(document);
        }
    }
    if held.iter().any(|document| document.business_type != RECALL) {
        held.retain(|document| document.business_type != RECALL);
    }
    Ok(held)
}

/// Documents older than the receivers' own records are known by their deliveries.
async fn has_delivery(tx: &mut Tx, document: &Document, receiver: &Agency) -> Result<bool, store::Error> {
    let deliveries = tx.deliveries_of(document.agency_id, document.document_id).await?;
    Ok(deliveries.iter().any(|delivery| delivery.to_codes.contains(&receiver.code)))
}

/// RULES E23: what makes a status the same as one before, in other bytes: to whom, about which document, which code, at
/// which time. `None` where it names no time.
pub(super) fn once_key(status: &package::Status, addressee: AgencyId) -> Option<[u8; 32]> {
    let address = &status.response_for;
    let about = match &address.document_id {
        Some(id) => id.key().to_owned(),
        None => notation_key(&address.code),
    };
    let timestamp = status.timestamp.trim();
    if timestamp.is_empty() {
        return None;
    }
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(addressee.as_bytes());
    for part in [about.as_str(), status.code.as_str(), timestamp] {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    context.finish().as_ref().try_into().ok()
}

/// When a status was said, by its own words if they are a time that has passed.
pub(super) fn said_at(status: &package::Status, now: Timestamp) -> Timestamp {
    moment_in(&status.timestamp).filter(|said| *said <= now).unwrap_or(now)
}

/// A moment as packages write it; `None` for anything else.
pub(super) fn moment_in(text: &str) -> Option<Timestamp> {
    match crate::package::text_numbers(text, "####/##/## ##:##:##")?[..] {
        [year, month, day, hour, minute, second] => {
            crate::vxp::call::vietnam_time([day, month, year], [hour, minute, second])
        }
        _ => None,
    }
}
