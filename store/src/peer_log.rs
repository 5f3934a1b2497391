//! What went over the lines to other axes, how the lines do, and who has not asked for long (RULES R69, R71).

use mail::{AgencyId, BlobId, DeliveryId, DocumentId, OwnerId, Timestamp};

use crate::Tx;
use crate::accounts::words;
use crate::documents::DocumentKind;
use crate::error::Result;
use crate::sql::{Row, values};

words! {
    /// Which way a package went.
    Direction, "direction is in or out" {
        /// From the peer.
        In = "in",
        /// To the peer.
        Out = "out",
    }
}

/// How a line does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerHealth {
    /// When it was last asked.
    pub polled_at: Option<Timestamp>,
    /// When it last answered well.
    pub heard_at: Option<Timestamp>,
    /// When it last took a package.
    pub sent_at: Option<Timestamp>,
    /// Failures since then.
    pub failures: i64,
    /// Nothing normal is sent before.
    pub retry_at: Option<Timestamp>,
    /// The last failure, in words.
    pub last_error: String,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// By how many milliseconds its clock is before ours (RULES R51).
    pub clock_millis: Option<i64>,
}

/// A line of the log of messages (RULES R69).
#[derive(Clone, Debug)]
pub struct PeerMessage {
    /// The sending agency, or the house for what came in.
    pub owner: OwnerId,
    /// Its id; going out, the delivery's.
    pub message_id: DeliveryId,
    /// Over which line.
    pub peer: String,
    /// Which way.
    pub direction: Direction,
    /// The peer's id for it; empty when not known.
    pub peer_doc_id: String,
    /// Our document.
    pub document_id: Option<DocumentId>,
    /// What it is.
    pub kind: DocumentKind,
    /// From whom.
    pub from_code: String,
    /// To whom, joined with commas.
    pub to_codes: String,
    /// Bytes as they went over the line.
    pub size: i64,
    /// Their SHA-256; empty when not known.
    pub sha256: Vec<u8>,
    /// How far: `waiting`, `sent`, `held` going out; `taken`, `returned`, `refused` coming in.
    pub state: String,
    /// Why, as a stable code and words.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i64,
    /// How often an operator had it sent again (RULES R26).
    pub resends: i64,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When its fate was known.
    pub settled_at: Option<Timestamp>,
    /// The bytes that could not be taken in, a blob of the house.
    pub quarantine_id: Option<BlobId>,
}

/// A system and when it last asked.
#[derive(Clone, Debug)]
pub struct SystemPoll {
    /// The system, folded.
    pub system_folded: String,
    /// The agency it belongs to.
    pub agency_id: AgencyId,
    /// When it last asked.
    pub polled_at: Timestamp,
    /// When its silence was told, if it was.
    pub told_at: Option<Timestamp>,
    /// Packages that wait for it.
    pub waiting: i64,
    /// Of those, how many it has failed with.
    pub failed: i64,
}

macro_rules! select_message {
    ($tail:literal) => {
        concat!(
            "SELECT owner_id, message_id, peer, direction, peer_doc_id, document_id, kind, from_code, to_codes, size, sha256, \
             state, reason, attempts, resends, created_at, settled_at, quarantine_id FROM peer_message ",
            $tail
        )
    };
}

fn message(row: &Row) -> Result<PeerMessage> {
    Ok(PeerMessage {
        owner: row.id(0)?,
        message_id: row.id(1)?,
        peer: row.text(2)?,
        direction: row.text(3)?.parse()?,
        peer_doc_id: row.text(4)?,
        document_id: row.opt_id(5)?,
        kind: row.text(6)?.parse()?,
        from_code: row.text(7)?,
        to_codes: row.text(8)?,
        size: row.int(9)?,
        sha256: row.bytes(10)?,
        state: row.text(11)?,
        reason: row.text(12)?,
        attempts: row.int(13)?,
        resends: row.int(14)?,
        created_at: row.moment(15)?,
        settled_at: row.opt_moment(16)?,
        quarantine_id: row.opt_id(17)?,
    })
}

impl Tx {
    /// Writes a line of the log, or what is known of it now.
    pub async fn put_peer_message(&mut self, m: &PeerMessage) -> Result<()> {
        self.exec(
            "INSERT INTO peer_message (owner_id, message_id, peer, direction, peer_doc_id, document_id, kind, from_code, \
             to_codes, size, sha256, state, reason, attempts, resends, created_at, settled_at, quarantine_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
             ON CONFLICT (owner_id, message_id) DO UPDATE SET peer_doc_id = excluded.peer_doc_id, size = excluded.size, \
             sha256 = excluded.sha256, state = excluded.state, reason = excluded.reason, attempts = excluded.attempts, \
             resends = excluded.resends, settled_at = excluded.settled_at, quarantine_id = excluded.quarantine_id",
            values![
                &m.owner,
                &m.message_id,
                &m.peer,
                m.direction.as_str(),
                mail::text::clip(&m.peer_doc_id, 128),
                m.document_id.as_ref(),
                m.kind.as_str(),
                &m.from_code,
                &m.to_codes,
                m.size,
                &m.sha256,
                &m.state,
                mail::text::clip(&m.reason, 1000),
                m.attempts,
                m.resends,
                m.created_at,
                m.settled_at,
                m.quarantine_id.as_ref()
            ],
        )
        .await
        .map(drop)
    }

    /// What waits anew waits from now on.
    pub async fn restart_peer_message(&mut self, message_id: DeliveryId, now: Timestamp) -> Result<()> {
        self.exec("UPDATE peer_message SET created_at = $2 WHERE message_id = $1", values![&message_id, now])
            .await
            .map(drop)
    }

    /// A line of the log by its id.
    pub async fn peer_message(&mut self, message_id: DeliveryId) -> Result<Option<PeerMessage>> {
        let row = self.row(select_message!("WHERE message_id = $1 LIMIT 1"), values![&message_id]).await?;
        row.as_ref().map(message).transpose()
    }

    /// What became of a package that a peer has for us.
    pub async fn peer_message_in(&mut self, peer: &str, peer_doc_id: &str) -> Result<Option<PeerMessage>> {
        let row = self
            .row(
                select_message!("WHERE peer = $1 AND direction = 'in' AND peer_doc_id = $2 LIMIT 1"),
                values![peer, peer_doc_id],
            )
            .await?;
        row.as_ref().map(message).transpose()
    }

    /// The newest lines of the log of one peer, newest first; of one state when it is given.
    pub async fn peer_messages(
        &mut self,
        peer: &str,
        state: Option<&str>,
        limit: i64,
    ) -> Result<Vec<PeerMessage>> {
        let rows = self
            .rows(
                select_message!(
                    "WHERE peer = $1 AND (CAST($2 AS TEXT) IS NULL OR state = $2) \
                     ORDER BY created_at DESC, message_id DESC LIMIT $3"
                ),
                values![peer, state, limit],
            )
            .await?;
        rows.iter().map(message).collect()
    }

    /// What has waited to be sent since before a moment, oldest first (RULES R26, R27).
    pub async fn waiting_since_before(&mut self, before: Timestamp, limit: i64) -> Result<Vec<PeerMessage>> {
        let rows = self
            .rows(
                select_message!("WHERE state = 'waiting' AND created_at < $1 ORDER BY created_at LIMIT $2"),
                values![before, limit],
            )
            .await?;
        rows.iter().map(message).collect()
    }

    /// How many lines of each state a peer's log has.
    pub async fn count_peer_messages(&mut self, peer: &str) -> Result<Vec<(String, i64)>> {
        let rows = self
            .rows(
                "SELECT state, COUNT(*) FROM peer_message WHERE peer = $1 GROUP BY state ORDER BY state",
                values![peer],
            )
            .await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// Content that may go: what a peer has had since before a moment, or was in quarantine since then (RULES R69). The line of
    /// the log stays. Answers how many.
    pub async fn drop_peer_content(
        &mut self,
        before: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<usize> {
        let rows = self
            .rows(
                select_message!(
                    "WHERE state IN ('sent', 'refused') AND settled_at < $1 AND dropped_at IS NULL \
                     ORDER BY settled_at LIMIT $2"
                ),
                values![before, limit],
            )
            .await?;
        for row in &rows {
            let m = message(row)?;
            if let Some(blob) = m.quarantine_id {
                self.drop_blob(crate::PEER, blob, now).await?;
            }
            if m.direction == Direction::Out
                && let Some(delivery) = self.delivery(&crate::way_of_peer(&m.peer), m.message_id).await?
            {
                self.shred_delivery(&delivery, now).await?;
                self.drop_transit(&delivery, now).await?;
            }
            self.exec(
                "UPDATE peer_message SET dropped_at = $3, quarantine_id = NULL WHERE owner_id = $1 AND message_id = $2",
                values![&m.owner, &m.message_id, now],
            )
            .await?;
        }
        Ok(rows.len())
    }

    /// Lets the content of a document go that only passed through: its sender has nobody here, and no receiver can open it any
    /// more. What is held or retained stays, and so does everything that is known of the document.
    async fn drop_transit(&mut self, delivery: &crate::Delivery, now: Timestamp) -> Result<()> {
        if self.has_people(delivery.sender_id).await? {
            return Ok(());
        }
        let touched = self
            .exec(
                "UPDATE document SET state = 'content-dropped' WHERE agency_id = $1 AND document_id = $2 AND state = 'active' \
                 AND legal_hold = 0 AND (retain_until IS NULL OR retain_until <= $3) AND NOT EXISTS (\
                   SELECT 1 FROM delivery d WHERE d.sender_id = $1 AND d.document_id = $2 AND d.grant_key IS NOT NULL)",
                values![&delivery.sender_id, &delivery.document_id, now],
            )
            .await?;
        if touched == 1 {
            self.drop_blob(delivery.sender_id, delivery.blob_id, now).await?;
        }
        Ok(())
    }

    /// How a line does.
    pub async fn peer_health(&mut self, name: &str) -> Result<PeerHealth> {
        let row = self
            .row(
                "SELECT polled_at, heard_at, sent_at, failures, retry_at, last_error, last_error_at, clock_millis \
                 FROM peer_health WHERE peer = $1",
                values![name],
            )
            .await?;
        let Some(row) = row else { return Ok(PeerHealth::default()) };
        Ok(PeerHealth {
            polled_at: row.opt_moment(0)?,
            heard_at: row.opt_moment(1)?,
            sent_at: row.opt_moment(2)?,
            failures: row.int(3)?,
            retry_at: row.opt_moment(4)?.filter(|at| at.millis() > 0),
            last_error: row.text(5)?,
            last_error_at: row.opt_moment(6)?,
            clock_millis: row.opt_int(7)?,
        })
    }

    /// The peer was asked and answered well: what waits for it may go at once.
    pub async fn peer_is_well(
        &mut self,
        name: &str,
        took_a_package: bool,
        clock_millis: Option<i64>,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "UPDATE peer_health SET heard_at = $2, failures = 0, retry_at = 0, \
             polled_at = CASE WHEN $3 = 0 THEN $2 ELSE polled_at END, \
             sent_at = CASE WHEN $3 = 1 THEN $2 ELSE sent_at END, \
             clock_millis = COALESCE($4, clock_millis) WHERE peer = $1",
            values![name, now, took_a_package, clock_millis],
        )
        .await
        .map(drop)
    }

    /// Something failed at a peer; nothing normal is sent before `retry_at`. Only what was sent counts: polls have a rhythm of
    /// their own.
    pub async fn peer_failed(
        &mut self,
        name: &str,
        error: &str,
        was_a_poll: bool,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        self.exec(
            "UPDATE peer_health SET failures = failures + CASE WHEN $4 = 1 THEN 0 ELSE 1 END, last_error = $2, last_error_at = $3, \
             polled_at = CASE WHEN $4 = 1 THEN $3 ELSE polled_at END, \
             retry_at = COALESCE($5, retry_at) WHERE peer = $1",
            values![name, mail::text::clip(error, 1000), now, was_a_poll, retry_at],
        )
        .await
        .map(drop)
    }

    /// A system has asked what waits for it. Its silence, if it was told, is over.
    pub async fn note_poll(&mut self, system_folded: &str, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO system_poll (system_folded, polled_at) VALUES ($1, $2) \
             ON CONFLICT (system_folded) DO UPDATE SET polled_at = excluded.polled_at, told_at = NULL",
            values![system_folded, now],
        )
        .await
        .map(drop)
    }

    /// The systems that have ever asked, the longest silent first, with what waits for each.
    pub async fn system_polls(&mut self) -> Result<Vec<SystemPoll>> {
        let rows = self
            .rows(
                "SELECT p.system_folded, s.agency_id, p.polled_at, p.told_at, \
                 (SELECT COUNT(*) FROM delivery d WHERE d.system_folded = p.system_folded \
                   AND d.state IN ('initial', 'processing', 'fail')), \
                 (SELECT COUNT(*) FROM delivery d WHERE d.system_folded = p.system_folded AND d.state = 'fail') \
                 FROM system_poll p JOIN exchange_system s ON s.system_folded = p.system_folded \
                 WHERE s.state = 'active' ORDER BY p.polled_at LIMIT 10000",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SystemPoll {
                    system_folded: row.text(0)?,
                    agency_id: row.id(1)?,
                    polled_at: row.moment(2)?,
                    told_at: row.opt_moment(3)?,
                    waiting: row.int(4)?,
                    failed: row.int(5)?,
                })
            })
            .collect()
    }

    /// The silence of a system was told; answers whether it had not been.
    pub async fn tell_silence(&mut self, system_folded: &str, now: Timestamp) -> Result<bool> {
        let touched = self
            .exec(
                "UPDATE system_poll SET told_at = $2 WHERE system_folded = $1 AND told_at IS NULL",
                values![system_folded, now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Keeps the raw bytes of what could not be taken in, apart from everything else (RULES E41), and the line that says so.
    pub async fn quarantine(
        &mut self,
        line: &PeerMessage,
        blob: Option<&crate::Sealed>,
        now: Timestamp,
    ) -> Result<()> {
        if let Some(blob) = blob {
            self.put_blob(blob, now).await?;
        }
        let line = PeerMessage { quarantine_id: blob.map(crate::Sealed::blob_id), ..line.clone() };
        self.put_peer_message(&line).await
    }
}
