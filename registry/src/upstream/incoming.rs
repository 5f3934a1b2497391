//! From another axis: who speaks, what became of a package, and what is said back of one that cannot be taken in (RULES E41).

use mail::{AgencyCode, DeliveryId, DocumentId, Secret, Timestamp};
use store::{Agency, Direction, DocumentKind, ExchangeSystem, PEER, PeerMessage, Spool, Tx, way_of_peer};

use crate::Error;
use crate::accept::{Desk, Parties};
use crate::document_id::DocumentIdentifier;
use crate::package::{NewParty, NewStatus, Package, Staff, StatusAddress, write_status};
use crate::status::StatusCode;
use crate::transport::Waiting;
use crate::vxp::call::{Declared, Kind, SendParameters};

/// Whose name reports made by this house go under, where a system's would stand. It has a colon: no system's id can be it.
const HOUSE: &str = "house:congvan";

/// A package that a peer had for us, and what became of it.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Which peer.
    pub peer: String,
    /// As it was listed.
    pub waiting: Waiting,
    /// As what it was listed.
    pub kind: Kind,
    /// Its bytes' SHA-256; empty when they never came whole.
    pub sha256: Vec<u8>,
    /// How many there were.
    pub size: usize,
    /// Our document.
    pub document_id: Option<DocumentId>,
    /// `taken`, `returned` or `refused`.
    pub state: &'static str,
    /// Why.
    pub reason: String,
}

/// Who brings a package from a peer.
pub enum Speaker {
    /// The peer, for the agency that sent it; [`Desk::screen`] refuses when it may not speak for that one.
    Peer(Box<ExchangeSystem>, SendParameters),
    /// We do: an agency of ours sent it through this peer, which lists it for all receivers, ours among them. They have it.
    Ourselves,
}

/// A status that this house writes in an agency's name, to be taken in as any.
pub struct Report {
    /// The package.
    pub bytes: Vec<u8>,
    /// Whose word it is.
    pub from: AgencyCode,
    /// Who brings it.
    pub system: ExchangeSystem,
}

impl Report {
    /// 02 of a document that is kept here, in a receiver's name. `None` when the document is not to be named.
    pub(super) fn of_document(
        receiver: &Agency,
        sender: AgencyCode,
        document: &store::Document,
        reason: &str,
        system: ExchangeSystem,
    ) -> Option<Self> {
        let facts: serde_json::Value = serde_json::from_str(&document.facts).unwrap_or_default();
        let said =
            |name: &str| facts.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        let about = StatusAddress {
            organ_id: sender,
            code: code_or(&said("code"), &said("documentId")),
            document_id: DocumentIdentifier::new(&said("documentId")).ok(),
            promulgation_date: said("promulgationDate"),
        };
        Self::write(receiver, about, reason, document.accepted_at, system)
    }

    fn write(
        receiver: &Agency,
        about: StatusAddress,
        reason: &str,
        at: Timestamp,
        system: ExchangeSystem,
    ) -> Option<Self> {
        let status = NewStatus {
            from: NewParty {
                organ_id: receiver.code.clone(),
                organization_in_charge: String::new(),
                organ_name: receiver.name.clone(),
                organ_add: String::new(),
                email: receiver.mail.clone(),
                telephone: String::new(),
                fax: String::new(),
                website: String::new(),
            },
            response_for: about,
            staff: Staff::default(),
            code: StatusCode::Refused,
            description: mail::text::clip(reason, 1000).to_owned(),
            sent: at,
        };
        let bytes = write_status(&status).ok()?;
        Some(Self { bytes, from: receiver.code.clone(), system })
    }
}

impl Desk {
    /// What became of a package that a peer lists, when we have dealt with it before: its acknowledgement did not arrive.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn seen(&self, peer: &str, id: &str) -> Result<Option<PeerMessage>, Error> {
        let found = self.store.read((peer.to_owned(), id.to_owned()), |tx, (peer, id)| {
            Box::pin(async move { tx.peer_message_in(peer, id).await })
        });
        Ok(found.await?)
    }

    /// Who brings a package that a peer had for us.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn speaker(&self, peer: &str, package: &Package, now: Timestamp) -> Result<Speaker, Error> {
        let sender = package.sender().organ_id.clone();
        let receivers: Vec<AgencyCode> = package.receivers().into_iter().cloned().collect();
        let identifier = match package {
            Package::Document(document) => document.document_id.key().to_owned(),
            Package::Status(_) => String::new(),
        };
        let input = (peer.to_owned(), sender.clone(), receivers, identifier);
        let found = self.store.read(input, |tx, (peer, sender, receivers, identifier)| {
            Box::pin(async move {
                let agency = tx.agency_by_code(sender, now).await?;
                if let Some(agency) = &agency
                    && is_our_own(tx, peer, agency, identifier).await?
                {
                    return Ok(None);
                }
                let system = tx.peer_speaker(peer, agency.as_ref()).await?;
                Ok::<_, store::Error>(Some((system, reachable(tx, peer, receivers, now).await?)))
            })
        });
        Ok(match found.await? {
            None => Speaker::Ourselves,
            Some((system, to)) => {
                let parameters = SendParameters {
                    from: sender.as_str().to_owned(),
                    to,
                    hash_file: None,
                    hint: None,
                    declared: Declared::default(),
                };
                Speaker::Peer(Box::new(system), parameters)
            }
        })
    }

    /// Writes down what became of a package from a peer; `quarantine` keeps its bytes apart, sealed (RULES E41).
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn note_incoming(
        &self,
        incoming: Incoming,
        quarantine: Option<&Spool>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let blob = match quarantine {
            Some(bytes) => Some(self.store.seal_spool_apart(PEER, bytes).await?),
            None => None,
        };
        let line = PeerMessage {
            owner: PEER,
            message_id: DeliveryId::new(now, &*self.chance),
            peer: incoming.peer,
            direction: Direction::In,
            peer_doc_id: incoming.waiting.id,
            document_id: incoming.document_id,
            kind: match incoming.kind {
                Kind::Documents => DocumentKind::Edoc,
                Kind::Statuses => DocumentKind::Status,
            },
            from_code: incoming.waiting.from,
            to_codes: incoming.waiting.to.join(","),
            size: i64::try_from(incoming.size).unwrap_or(i64::MAX),
            sha256: incoming.sha256,
            state: incoming.state.to_owned(),
            reason: incoming.reason,
            attempts: 1,
            resends: 0,
            created_at: now,
            settled_at: Some(now),
            quarantine_id: None,
        };
        self.store
            .write("note a package from a peer", (line, blob), move |tx, (line, blob)| {
                Box::pin(async move { tx.quarantine(line, blob.as_ref(), now).await })
            })
            .await
            .map_err(Error::from)
    }

    /// The 02 that goes back for a document that cannot be taken in, in the name of the first of its receivers that is at home
    /// here (RULES E41, QĐ 28/2018 Đ5.4). `None` when nobody can be told: it does not say what it is, or its sender is not behind
    /// that peer.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn refusal_of(
        &self,
        peer: &str,
        said: &Named,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Report>, Error> {
        let (Ok(sender), Ok(document_id)) =
            (said.sender.parse::<AgencyCode>(), DocumentIdentifier::new(&said.identifier))
        else {
            return Ok(None);
        };
        let receivers: Vec<AgencyCode> = said.receivers.iter().filter_map(|code| code.parse().ok()).collect();
        let input = (peer.to_owned(), sender.clone(), receivers);
        let found = self.store.read(input, |tx, (peer, sender, receivers)| {
            Box::pin(async move {
                let way = match tx.agency_by_code(sender, now).await? {
                    Some(agency) => tx.way_to(&agency).await?,
                    None => None,
                };
                if way.as_deref() != Some(way_of_peer(peer).as_str()) {
                    return Ok(None);
                }
                for code in receivers.iter() {
                    if let Some(agency) = tx.agency_by_code(code, now).await?
                        && tx.system_of(agency.agency_id).await?.is_some()
                    {
                        return Ok(Some(agency));
                    }
                }
                Ok::<_, store::Error>(None)
            })
        });
        let Some(receiver) = found.await? else { return Ok(None) };
        let about = StatusAddress {
            organ_id: sender,
            code: code_or(&said.code, &said.identifier),
            document_id: Some(document_id),
            promulgation_date: said.date.clone(),
        };
        let system = house_speaking_for(&receiver);
        Ok(Report::write(&receiver, about, reason, now, system))
    }
}

/// What a document says of itself, as far as a 02 needs it.
#[derive(Clone, Debug)]
pub struct Named {
    sender: String,
    receivers: Vec<String>,
    identifier: String,
    code: String,
    date: String,
}

impl Named {
    /// Of a package that could be read; a status is answered by nobody.
    pub fn of(package: &Package) -> Option<Self> {
        let Package::Document(document) = package else { return None };
        Some(Self {
            sender: document.from.organ_id.as_str().to_owned(),
            receivers: document.to.iter().map(|to| to.organ_id.as_str().to_owned()).collect(),
            identifier: document.document_id.as_str().to_owned(),
            code: document.code.full(),
            date: document.promulgation_info.date.clone(),
        })
    }

    /// Of one that could not: its parties where at least they were read, else as the peer says; and whatever looks like an
    /// identifier.
    pub fn guess(bytes: &[u8], parties: &Parties, waiting: &Waiting) -> Self {
        Self {
            sender: parties.from().map_or_else(|| waiting.from.clone(), ToString::to_string),
            receivers: match parties.to() {
                [] => waiting.to.clone(),
                to => to.iter().map(ToString::to_string).collect(),
            },
            identifier: leaf(bytes, "DocumentId").unwrap_or_default(),
            code: String::new(),
            date: String::new(),
        }
    }
}

/// `number/notation`, which a status has to name. Of a document that does not say it, the last part of an identifier of the lawful
/// form (RULES I7), or all of any other.
fn code_or(code: &str, identifier: &str) -> String {
    let last = identifier.rsplit(',').next().unwrap_or_default().trim();
    if code.is_empty() { last.to_owned() } else { code.to_owned() }
}

/// This house, in an agency's name. It has no secret: nobody can call as it.
fn house_speaking_for(agency: &Agency) -> ExchangeSystem {
    ExchangeSystem {
        system_id: HOUSE.to_owned(),
        system_folded: HOUSE.to_owned(),
        agency_id: agency.agency_id,
        secret: Secret::new(String::new()),
        may_manage_units: false,
        agencies: vec![agency.clone()],
    }
}

/// Whether a document is one that we handed to this peer ourselves: by its identifier, as the peer may have added its line.
async fn is_our_own(
    tx: &mut Tx,
    peer: &str,
    sender: &Agency,
    identifier: &str,
) -> Result<bool, store::Error> {
    let way = way_of_peer(peer);
    if identifier.is_empty() || tx.way_to(sender).await?.as_deref() == Some(way.as_str()) {
        return Ok(false);
    }
    for document in tx.documents_by_identifier(sender.agency_id, identifier).await? {
        let deliveries = tx.deliveries_of(sender.agency_id, document.document_id).await?;
        if deliveries.iter().any(|delivery| delivery.system_folded == way) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The receivers that we can reach, not counting those behind the peer that brings the package: all others are the peer's
/// business, and strangers among them no reason to refuse (VXP 3.8 step 5).
async fn reachable(
    tx: &mut Tx,
    peer: &str,
    codes: &[AgencyCode],
    now: Timestamp,
) -> Result<Vec<AgencyCode>, store::Error> {
    let back = way_of_peer(peer);
    let mut found = Vec::new();
    for code in codes {
        let Some(agency) = tx.agency_by_code(code, now).await?.filter(|agency| agency.is_active) else {
            continue;
        };
        if tx.way_to(&agency).await?.is_some_and(|way| way != back) {
            found.push(code.clone());
        }
    }
    Ok(found)
}

/// The text of the first element of a name in bytes that are no package: good enough to say which document it was.
fn leaf(bytes: &[u8], name: &str) -> Option<String> {
    let mut rest = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Only the beginning may be at hand, and a letter cut in two.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    while let Some(at) = rest.find(name) {
        let before = rest.get(..at)?;
        let is_tag = before.ends_with('<') || before.ends_with(':');
        rest = rest.get(at + name.len()..)?;
        if is_tag && let Some(content) = rest.strip_prefix('>') {
            let content = content.split('<').next()?.trim();
            return (!content.is_empty() && content.len() <= 256 && !content.contains('&'))
                .then(|| content.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::leaf;

    #[test]
    fn e41_an_unreadable_document_may_still_say_which_it_is() {
        let rows = [
            ("<x:DocumentId> H37,2026/11/22,05/A </x:DocumentId>", Some("H37,2026/11/22,05/A")),
            ("1212<?xml ?><DocumentId>a</DocumentId>", Some("a")),
            ("DocumentId>b<", None),
            ("<DocumentId a='1'>a</DocumentId><DocumentId>c<", Some("c")),
            ("<DocumentId></DocumentId>", None),
            ("<DocumentId>&lt;</DocumentId>", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(leaf(text.as_bytes(), "DocumentId").as_deref(), expected, "{text}");
        }
        assert_eq!(leaf(b"<DocumentId>\xff</DocumentId>", "DocumentId"), None);
    }
}
