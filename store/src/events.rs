//! The feed: what happened, for the agency it concerns, in one order that never changes behind a reader.
//!
//! An event is written in the transaction of what it tells of ([`Tx::add_event`]) and gets its place from whoever holds
//! the sequencer's lease ([`Tx::number_events`]). Places are given in order of writing among what is committed, so a reader
//! that has seen place n never misses a smaller one that was committed late.

use mail::{AgencyId, Timestamp};

use crate::error::Result;
use crate::sql::{Row, values};
use crate::{Signal, Tx};

/// Something that happened, for one agency.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Whom it concerns.
    pub agency_id: AgencyId,
    /// What, as a stable word.
    pub kind: &'static str,
    /// The id of what it is about.
    pub subject_id: [u8; 16],
    /// What a reader wants to know at once, as JSON.
    pub facts: String,
}

/// An event that has its place.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the feed: grows, with gaps for other agencies' events.
    pub place: i64,
    /// What happened, as a stable word.
    pub kind: String,
    /// The id of what it is about.
    pub subject_id: [u8; 16],
    /// What a reader wants to know at once, as JSON.
    pub facts: String,
    /// When.
    pub at: Timestamp,
}

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        place: row.int(0)?,
        kind: row.text(1)?,
        subject_id: row.bytes(2)?.try_into().map_err(|_| crate::Error::Damaged("an event"))?,
        facts: row.text(3)?,
        at: row.moment(4)?,
    })
}

impl Tx {
    /// Tells an agency of something; it is read once it has its place.
    pub async fn add_event(&mut self, new: &NewEvent, now: Timestamp) -> Result<()> {
        self.exec(
            "INSERT INTO event (agency_id, kind, subject_id, facts, at) VALUES ($1, $2, $3, $4, $5)",
            values![&new.agency_id, new.kind, &new.subject_id, &new.facts, now],
        )
        .await?;
        self.signals.insert(Signal::Ledger);
        Ok(())
    }

    /// Gives waiting events their places, `limit` at most. Only the holder of the sequencer's lease may call this. Answers how
    /// many there were.
    pub async fn number_events(&mut self, limit: i64) -> Result<usize> {
        let row = self.row("SELECT COALESCE(MAX(place), 0) FROM event", &[]).await?;
        let last = row.map_or(Ok(0), |row| row.int(0))?;
        let rows = self
            .rows(
                "UPDATE event SET place = n.place FROM (SELECT seq, \
                 CAST($1 AS BIGINT) + ROW_NUMBER() OVER (ORDER BY seq) AS place FROM event \
                 WHERE place IS NULL ORDER BY seq LIMIT $2) n WHERE event.seq = n.seq RETURNING event.agency_id",
                values![last, limit],
            )
            .await?;
        for row in &rows {
            self.signals.insert(Signal::Agency(row.id(0)?));
        }
        Ok(rows.len())
    }

    /// An agency's events after a place, in order, `limit` at most.
    pub async fn events_after(&mut self, agency_id: AgencyId, place: i64, limit: i64) -> Result<Vec<Event>> {
        let rows = self
            .rows(
                "SELECT place, kind, subject_id, facts, at FROM event WHERE agency_id = $1 AND place > $2 \
                 ORDER BY place LIMIT $3",
                values![&agency_id, place, limit],
            )
            .await?;
        rows.iter().map(event).collect()
    }

    /// The newest place of all, and the oldest that is still kept: where a reader may begin.
    pub async fn event_range(&mut self) -> Result<(i64, i64)> {
        let row = self.row("SELECT COALESCE(MIN(place), 0), COALESCE(MAX(place), 0) FROM event", &[]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// Lets the oldest events go that happened before `before`; `limit` at a time. Answers how many went. The newest of all
    /// stays whatever its age: the next place is counted from it.
    pub async fn drop_events(&mut self, before: Timestamp, limit: i64) -> Result<u64> {
        self.exec(
            "DELETE FROM event WHERE at < $1 AND place < (SELECT MAX(place) FROM event) AND place IN \
             (SELECT place FROM event WHERE place IS NOT NULL ORDER BY place LIMIT $2)",
            values![before, limit],
        )
        .await
    }
}
