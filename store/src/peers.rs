//! Other axes that this house is a client of, and which agencies are reached through them (RULES R65–R71, E43).

use mail::{AgencyId, OwnerId, Secret, Timestamp};

use crate::accounts::words;
use crate::agencies::{Agency, ExchangeSystem};
use crate::blobs::OWN_KEY;
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::sql::{Row, values};
use crate::{Store, Tx};

/// Whose the secrets of peers and the quarantine are: the installation's own, as no agency is.
pub const PEER: OwnerId = OwnerId::from_bytes([0; 16]);
/// What the way through a peer begins with. No system's id can: it has no colon.
const WAY: &str = "peer:";

words! {
    /// Whether packages go over a line.
    PeerState, "peer state is active or paused" {
        /// They do.
        Active = "active",
        /// They wait: an operator, or a refusal to let us in, has stopped it.
        Paused = "paused",
    }
}

words! {
    /// How attachments are packed in what we write for a peer (RULES E13).
    PeerWrap, "wrap is zip or bare" {
        /// In a ZIP with one entry, as the vendor's receivers want it.
        Zip = "zip",
        /// As they are.
        Bare = "bare",
    }
}

/// A peer to add or change.
#[derive(Clone, Debug)]
pub struct NewPeer {
    /// Its name here, folded.
    pub name: String,
    /// The protocol it speaks.
    pub door: String,
    /// Where its calls stand.
    pub url: String,
    /// Our id there (RULES I4).
    pub system_id: String,
    /// What we sign with there.
    pub secret: Secret<String>,
    /// Certificates its TLS is trusted by, PEM; empty means the system's.
    pub ca: String,
    /// How attachments are packed in what we write for it.
    pub wrap: PeerWrap,
    /// Whether our TraceHeader is added to what is sent to it (RULES R66).
    pub trace: bool,
    /// Seconds between two polls.
    pub poll_seconds: i64,
    /// Whether it reaches every agency that nobody else does.
    pub is_default: bool,
}

/// A peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name here, folded.
    pub name: String,
    /// The protocol it speaks.
    pub door: String,
    /// Where its calls stand.
    pub url: String,
    /// Our id there.
    pub system_id: String,
    /// What we sign with there.
    pub secret: Secret<String>,
    /// Certificates its TLS is trusted by, PEM; empty means the system's.
    pub ca: String,
    /// How attachments are packed in what we write for it.
    pub wrap: PeerWrap,
    /// Whether our TraceHeader is added to what is sent to it.
    pub trace: bool,
    /// Seconds between two polls.
    pub poll_seconds: i64,
    /// Whether it reaches every agency that nobody else does.
    pub is_default: bool,
    /// Whether packages go over it.
    pub state: PeerState,
    /// Since when it is known.
    pub created_at: Timestamp,
}

/// What lies behind a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerWay {
    /// One agency.
    Agency(AgencyId),
    /// All agencies with this level-1 code (RULES I1, I2), folded.
    Level1(String),
}

/// The way to an agency through a peer, as deliveries name it.
pub fn way_of_peer(name: &str) -> String {
    format!("{WAY}{name}")
}

/// The peer of a way, when it leads through one.
pub fn peer_of_way(way: &str) -> Option<&str> {
    way.strip_prefix(WAY)
}

macro_rules! select_peer {
    ($tail:literal) => {
        concat!(
            "SELECT peer, door, url, system_id, secret, ca, wrap, trace, poll_seconds, is_default, state, created_at FROM peer ",
            $tail
        )
    };
}

/// The groups of a code that may name a province or ministry: the first of QĐ 20, the last of QCVN 102.
fn groups(agency: &Agency) -> [String; 3] {
    let code = agency.code.folded();
    let code102 = agency.code102.as_ref().map(mail::AgencyCode::folded).unwrap_or_default();
    let first = code.split('.').next().unwrap_or_default().to_owned();
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    [first, last(&code), last(&code102)]
}

impl Store {
    /// Adds a peer, or changes the one with that name; it is active and its health begins anew.
    ///
    /// # Errors
    /// The engine's.
    pub async fn put_peer(&self, new: NewPeer, now: Timestamp) -> Result<()> {
        // Sealing anything makes the key, and a transaction that makes a key cannot also use it.
        self.seal(PEER, b"", now).await?;
        self.write("add a peer", (new, now), |tx, (new, now)| {
            Box::pin(async move { tx.put_peer(new, *now).await })
        })
        .await
    }
}

impl Tx {
    async fn put_peer(&mut self, new: &NewPeer, now: Timestamp) -> Result<()> {
        let key = self.data_key(KeyName { owner: PEER, number: OWN_KEY }).await?;
        let key = key.ok_or(Error::Damaged("the house's key"))?;
        let chance = self.shared.chance.clone();
        let secret = new.secret.expose_secret().clone().into_bytes();
        let sealed = key.seal(secret, way_of_peer(&new.name).as_bytes(), &*chance);
        if new.is_default {
            self.exec("UPDATE peer SET is_default = 0 WHERE peer <> $1", values![&new.name]).await?;
        }
        self.exec(
            "INSERT INTO peer (peer, door, url, system_id, secret, ca, wrap, trace, poll_seconds, is_default, state, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'active', $11) \
             ON CONFLICT (peer) DO UPDATE SET door = excluded.door, url = excluded.url, system_id = excluded.system_id, \
             secret = excluded.secret, ca = excluded.ca, wrap = excluded.wrap, trace = excluded.trace, \
             poll_seconds = excluded.poll_seconds, is_default = excluded.is_default, state = 'active'",
            values![
                &new.name,
                &new.door,
                &new.url,
                &new.system_id,
                &sealed,
                &new.ca,
                new.wrap.as_str(),
                new.trace,
                new.poll_seconds,
                new.is_default,
                now
            ],
        )
        .await?;
        self.exec(
            "INSERT INTO peer_health (peer, failures, retry_at, last_error) VALUES ($1, 0, 0, '') \
             ON CONFLICT (peer) DO UPDATE SET failures = 0, retry_at = 0",
            values![&new.name],
        )
        .await
        .map(drop)
    }

    async fn peer_of(&mut self, row: &Row) -> Result<Peer> {
        let name = row.text(0)?;
        let key = self.data_key(KeyName { owner: PEER, number: OWN_KEY }).await?;
        let key = key.ok_or(Error::Damaged("the house's key"))?;
        let secret = key.open(row.bytes(4)?, way_of_peer(&name).as_bytes())?;
        let secret = String::from_utf8(secret).map_err(|_| Error::Damaged("a peer's secret"))?;
        Ok(Peer {
            name,
            door: row.text(1)?,
            url: row.text(2)?,
            system_id: row.text(3)?,
            secret: Secret::new(secret),
            ca: row.text(5)?,
            wrap: row.text(6)?.parse()?,
            trace: row.flag(7)?,
            poll_seconds: row.int(8)?,
            is_default: row.flag(9)?,
            state: row.text(10)?.parse()?,
            created_at: row.moment(11)?,
        })
    }

    /// All peers, by name. A house has a handful.
    pub async fn peers(&mut self) -> Result<Vec<Peer>> {
        let rows = self.rows(select_peer!("ORDER BY peer LIMIT 1000"), &[]).await?;
        let mut peers = Vec::with_capacity(rows.len());
        for row in &rows {
            peers.push(self.peer_of(row).await?);
        }
        Ok(peers)
    }

    /// A peer by its name.
    pub async fn peer(&mut self, name: &str) -> Result<Option<Peer>> {
        let row = self.row(select_peer!("WHERE peer = $1"), values![name]).await?;
        match row {
            Some(row) => self.peer_of(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Stops or resumes a line; resuming forgets its failures. Answers whether there is such a peer.
    pub async fn set_peer_state(&mut self, name: &str, state: PeerState) -> Result<bool> {
        let touched =
            self.exec("UPDATE peer SET state = $2 WHERE peer = $1", values![name, state.as_str()]).await?;
        if state == PeerState::Active {
            self.exec("UPDATE peer_health SET failures = 0, retry_at = 0 WHERE peer = $1", values![name])
                .await?;
        }
        Ok(touched == 1)
    }

    /// Forgets a peer and the ways through it; its log of messages stays.
    ///
    /// # Errors
    /// [`Error::Conflict`] while packages wait for it.
    pub async fn remove_peer(&mut self, name: &str) -> Result<bool> {
        if self.queue(crate::OutboxKind::Package, name).await?.0 > 0 {
            return Err(Error::Conflict("packages wait for this peer".to_owned()));
        }
        self.exec("DELETE FROM peer_agency WHERE peer = $1", values![name]).await?;
        self.exec("DELETE FROM peer_level WHERE peer = $1", values![name]).await?;
        self.exec("DELETE FROM peer_health WHERE peer = $1", values![name]).await?;
        Ok(self.exec("DELETE FROM peer WHERE peer = $1", values![name]).await? == 1)
    }

    /// Says that something lies behind a peer; what lay behind another one moves here.
    pub async fn put_peer_way(&mut self, name: &str, way: &PeerWay) -> Result<()> {
        match way {
            PeerWay::Agency(agency_id) => {
                self.exec(
                    "INSERT INTO peer_agency (agency_id, peer) VALUES ($1, $2) \
                     ON CONFLICT (agency_id) DO UPDATE SET peer = excluded.peer",
                    values![agency_id, name],
                )
                .await
            }
            PeerWay::Level1(level_1) => {
                self.exec(
                    "INSERT INTO peer_level (level_1, peer) VALUES ($1, $2) \
                     ON CONFLICT (level_1) DO UPDATE SET peer = excluded.peer",
                    values![level_1, name],
                )
                .await
            }
        }
        .map(drop)
    }

    /// What lies behind a peer: how many agencies one by one, and the level-1 groups.
    pub async fn peer_ways(&mut self, name: &str) -> Result<(i64, Vec<String>)> {
        let count = self.row("SELECT COUNT(*) FROM peer_agency WHERE peer = $1", values![name]).await?;
        let count = count.map_or(Ok(0), |row| row.int(0))?;
        let rows = self
            .rows("SELECT level_1 FROM peer_level WHERE peer = $1 ORDER BY level_1 LIMIT 1000", values![name])
            .await?;
        Ok((count, rows.iter().map(|row| row.text(0)).collect::<Result<_>>()?))
    }

    /// The peer that reaches an agency: the one that announces it, the one of its level-1 group, else the default one. An agency
    /// whose people are here is at home and never behind the default.
    pub async fn peer_for(&mut self, agency: &Agency) -> Result<Option<String>> {
        let row =
            self.row("SELECT peer FROM peer_agency WHERE agency_id = $1", values![&agency.agency_id]).await?;
        if let Some(row) = row {
            return row.text(0).map(Some);
        }
        let [first, last, last102] = groups(agency);
        let row = self
            .row(
                "SELECT peer FROM peer_level WHERE level_1 IN ($1, $2, $3) ORDER BY level_1 LIMIT 1",
                values![&first, &last, &last102],
            )
            .await?;
        if let Some(row) = row {
            return row.text(0).map(Some);
        }
        let row = self
            .row(
                "SELECT peer FROM peer WHERE is_default = 1 \
                 AND NOT EXISTS (SELECT 1 FROM account WHERE agency_id = $1) ORDER BY peer LIMIT 1",
                values![&agency.agency_id],
            )
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Whether an agency has people here.
    pub async fn has_people(&mut self, agency_id: AgencyId) -> Result<bool> {
        let row = self.row("SELECT 1 FROM account WHERE agency_id = $1 LIMIT 1", values![&agency_id]).await?;
        Ok(row.is_some())
    }

    /// How packages reach an agency: the system that speaks for it here, else the way through a peer (RULES E43).
    pub async fn way_to(&mut self, agency: &Agency) -> Result<Option<String>> {
        match self.system_of(agency.agency_id).await? {
            Some(system) => Ok(Some(system)),
            None => Ok(self.peer_for(agency).await?.map(|name| way_of_peer(&name))),
        }
    }

    /// A peer as the system that brings what one agency behind it has sent: it speaks for that agency when the way there
    /// leads through it, and for nobody else. It has no secret to call with.
    pub async fn peer_speaker(&mut self, name: &str, agency: Option<&Agency>) -> Result<ExchangeSystem> {
        let way = way_of_peer(name);
        let mut agencies = Vec::new();
        if let Some(agency) = agency
            && self.way_to(agency).await?.as_deref() == Some(way.as_str())
        {
            agencies.push(agency.clone());
        }
        Ok(ExchangeSystem {
            may_manage_units: false,
            system_id: way.clone(),
            system_folded: way,
            agency_id: AgencyId::from_bytes(*PEER.as_bytes()),
            secret: Secret::new(String::new()),
            agencies,
        })
    }
}
