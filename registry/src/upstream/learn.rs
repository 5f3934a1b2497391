//! Agencies that a peer announces become known here, reached through it (RULES R70, I5).

use mail::{AgencyId, Timestamp};
use store::{AgencyNames, Audit, NewAgency, PEER, PeerWay, Tx, peer_of_way};

use crate::Error;
use crate::accept::Desk;
use crate::transport::Announced;

/// Agencies written in one transaction.
const AT_ONCE: usize = 200;

/// What came of an announcement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Not known before.
    pub new: usize,
    /// Known before, and behind this peer.
    pub known: usize,
    /// At home here, or announced by another peer: they stay where they are.
    pub elsewhere: usize,
}

impl Desk {
    /// Takes the agencies of a peer over. Who has a system or people here, or was announced by another peer, is left alone.
    ///
    /// # Errors
    /// The store's trouble.
    pub async fn learn(&self, peer: &str, announced: &[Announced], now: Timestamp) -> Result<Learned, Error> {
        let mut learned = Learned::default();
        for part in announced.chunks(AT_ONCE) {
            let part: Vec<(AgencyId, Announced)> =
                part.iter().map(|one| (AgencyId::new(now, &*self.chance), one.clone())).collect();
            let counted =
                self.store.write("learn agencies", (peer.to_owned(), part), move |tx, (peer, part)| {
                    Box::pin(async move {
                        let mut learned = Learned::default();
                        for (agency_id, one) in part {
                            learn_one(tx, peer, *agency_id, one, &mut learned, now).await?;
                        }
                        Ok::<_, store::Error>(learned)
                    })
                });
            let counted = counted.await?;
            learned.new += counted.new;
            learned.known += counted.known;
            learned.elsewhere += counted.elsewhere;
        }
        let detail = serde_json::json!({ "new": learned.new, "known": learned.known }).to_string();
        self.store
            .write("note what was learned", (peer.to_owned(), detail), move |tx, (peer, detail)| {
                Box::pin(async move { tx.audit(PEER, now, "cli", Audit::PeerChanged, peer, detail).await })
            })
            .await
            .map_err(Error::from)?;
        Ok(learned)
    }
}

async fn learn_one(
    tx: &mut Tx,
    peer: &str,
    agency_id: AgencyId,
    one: &Announced,
    learned: &mut Learned,
    now: Timestamp,
) -> Result<(), store::Error> {
    let mut there = tx.agency_by_code(&one.code, now).await?;
    if there.is_none()
        && let Some(other) = &one.code102
    {
        there = tx.agency_by_code(other, now).await?;
    }
    if let Some(there) = there {
        let way = tx.way_to(&there).await?;
        let at_home = tx.has_people(there.agency_id).await?;
        match way.as_deref().map(peer_of_way) {
            // A system of ours speaks for it, or another peer has announced it.
            Some(None) => learned.elsewhere += 1,
            Some(Some(other)) if other != peer => learned.elsewhere += 1,
            None if at_home => learned.elsewhere += 1,
            _ => {
                tx.put_peer_way(peer, &PeerWay::Agency(there.agency_id)).await?;
                learned.known += 1;
            }
        }
        return Ok(());
    }
    let names = AgencyNames {
        code: one.code.clone(),
        code102: one.code102.clone(),
        name: one.name.clone(),
        mail: String::new(),
        parent_id: None,
        decision: String::new(),
    };
    tx.add_agency(&NewAgency { agency_id, names, valid_from: now }, now).await?;
    tx.put_peer_way(peer, &PeerWay::Agency(agency_id)).await?;
    learned.new += 1;
    Ok(())
}
