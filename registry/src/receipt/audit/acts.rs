//! The acts: what the log holds is what the tables say, and the other way round.

use mail::{AgencyId, DeliveryId, DocumentId};
use store::ledger::Leaf;
use store::{DeliveryState, Document, Error, Tx, peer_of_way};

use super::super::{Act, Receipt, leaf_of, moment};
use super::{AT_ONCE, Audit, Auditor, Fault};
use crate::vxp::hash::full_hex;

/// Bytes of a salt, before the act in what is kept of it.
const SALT_BYTES: usize = 16;

/// The act that a leaf is a digest of; `None` when what is kept does not open it.
pub(crate) fn act_of(leaf: &Leaf) -> Option<Act> {
    let (salt, act) = leaf.record.split_at_checked(SALT_BYTES)?;
    let is_of_leaf = leaf_of(act, salt) == leaf.leaf;
    serde_json::from_slice(act).ok().filter(|_| is_of_leaf)
}

impl Auditor<'_> {
    /// Opens a leaf and looks for its act.
    pub(super) async fn opened(&self, leaf: &Leaf, at: &str, audit: &mut Audit) -> Result<(), Error> {
        let Some(act) = act_of(leaf) else {
            audit.find(Fault::Opening, at);
            return Ok(());
        };
        if act.log != self.log.name() {
            audit.find(Fault::Record, at);
            return Ok(());
        }
        let input = (leaf.clone(), act);
        let fault = self.store.read(input, |tx, (leaf, act)| Box::pin(told_otherwise(tx, leaf, act))).await?;
        if let Some(fault) = fault {
            audit.find(fault, at);
        }
        Ok(())
    }

    /// Looks for every act of the tables in the log.
    pub(super) async fn acts(&self, audit: &mut Audit) -> Result<(), Error> {
        let mut after = (AgencyId::from_bytes([0; 16]), DocumentId::from_bytes([0; 16]));
        loop {
            let found = self.store.read(after, |tx, after| {
                Box::pin(async move {
                    let page = tx.documents_page(*after, AT_ONCE).await?;
                    let mut found = Vec::with_capacity(page.len());
                    for row in &page {
                        let leaves = tx.leaves_of(row.agency_id, row.document_id.as_bytes()).await?;
                        found.push((row.agency_id, row.document_id, count(&leaves, "package-accepted")));
                    }
                    Ok::<_, Error>(found)
                })
            });
            let found = found.await?;
            let Some((agency, document, _)) = found.last() else { break };
            after = (*agency, *document);
            audit.packages += found.len() as u64;
            found.iter().for_each(|(_, document, leaves)| once(audit, document, *leaves));
        }
        let mut after = (AgencyId::from_bytes([0; 16]), DeliveryId::from_bytes([0; 16]));
        loop {
            let found = self.store.read(after, |tx, after| {
                Box::pin(async move {
                    let page = tx.done_deliveries_page(*after, AT_ONCE).await?;
                    let mut found = Vec::with_capacity(page.len());
                    for row in &page {
                        // Handing over to another axis is its sender's act, not a receiver's (RULES R65).
                        let (owner, act) = match peer_of_way(&row.system_folded) {
                            Some(_) => (row.sender_id, "package-forwarded"),
                            None => (row.agency_id, "package-delivered"),
                        };
                        let leaves = tx.leaves_of(owner, row.delivery_id.as_bytes()).await?;
                        found.push((row.agency_id, row.delivery_id, count(&leaves, act)));
                    }
                    Ok::<_, Error>(found)
                })
            });
            let found = found.await?;
            let Some((agency, delivery, _)) = found.last() else { break };
            after = (*agency, *delivery);
            audit.deliveries += found.len() as u64;
            found.iter().for_each(|(_, delivery, leaves)| once(audit, delivery, *leaves));
        }
        Ok(())
    }
}

fn once(audit: &mut Audit, subject: &impl ToString, leaves: usize) {
    match leaves {
        0 => audit.find(Fault::NoLeaf, subject.to_string()),
        1 => {}
        _ => audit.find(Fault::Twice, subject.to_string()),
    }
}

fn count(leaves: &[Leaf], act: &str) -> usize {
    leaves.iter().filter_map(act_of).filter(|found| found.act == act).count()
}

/// What is wrong between an act that the log holds and the row it tells of. Acts of kinds this program does not know are
/// only opened.
async fn told_otherwise(tx: &mut Tx, leaf: &Leaf, act: &Act) -> Result<Option<Fault>, Error> {
    let agency = AgencyId::from_bytes(*leaf.owner_id.as_bytes());
    let is_told = match act.act.as_str() {
        "package-accepted" => {
            let document = tx.document(agency, DocumentId::from_bytes(leaf.subject_id)).await?;
            let Some(document) = document else { return Ok(Some(Fault::NoAct)) };
            is_accepted(leaf, act, &document) && is_addressed(tx, act, &document).await?
        }
        "package-delivered" => {
            let delivery = tx.audited_delivery(agency, DeliveryId::from_bytes(leaf.subject_id)).await?;
            let Some(delivery) = delivery else { return Ok(Some(Fault::NoAct)) };
            let document = tx.document(delivery.sender_id, delivery.document_id).await?;
            let Some(document) = document else { return Ok(Some(Fault::NoAct)) };
            delivery.state == DeliveryState::Done
                && act.doc_id == delivery.document_id.to_string()
                && act.package_sha256 == full_hex(&document.package_sha256)
                && act.from == document.from_code.as_str()
                && act.system == delivery.system_folded
        }
        "package-forwarded" => {
            let id = DeliveryId::from_bytes(leaf.subject_id);
            let delivery = tx.delivery(&act.system, id).await?.filter(|found| found.sender_id == agency);
            let Some(delivery) = delivery else { return Ok(Some(Fault::NoAct)) };
            let message = tx.peer_message(id).await?;
            delivery.state == DeliveryState::Done
                && act.doc_id == delivery.document_id.to_string()
                && act.from == delivery.from_code.as_str()
                && message.is_none_or(|message| act.package_sha256 == full_hex(&message.sha256))
        }
        _ => true,
    };
    Ok((!is_told).then_some(Fault::Record))
}

fn is_accepted(leaf: &Leaf, act: &Act, document: &Document) -> bool {
    let receipt = Receipt::read(&document.receipt);
    act.doc_id == document.document_id.to_string()
        && act.kind == document.kind.as_str()
        && act.package_sha256 == full_hex(&document.package_sha256)
        && act.from == document.from_code.as_str()
        && act.class == document.class
        && act.legal_value == document.legal_value
        && act.at == moment(document.accepted_at)
        && leaf.accepted_at == document.accepted_at
        && receipt.is_some_and(|receipt| receipt.record == *act)
}

/// Nobody got the package whom the act does not name.
async fn is_addressed(tx: &mut Tx, act: &Act, document: &Document) -> Result<bool, Error> {
    let deliveries = tx.deliveries_of(document.agency_id, document.document_id).await?;
    let mut codes = deliveries.iter().flat_map(|delivery| &delivery.to_codes);
    Ok(codes.all(|code| act.to.iter().any(|to| to == code.as_str())))
}
