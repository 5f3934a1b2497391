//! The declared calendar, what is known of a document's time, and who owes what until when (RULES R19, R27, R33, R85).

use mail::{AgencyId, DeliveryId, DocumentId, Timestamp};

use crate::Tx;
use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, values};

/// A day an operator declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredDay {
    /// `2026-11-22`.
    pub day: String,
    /// In the words of the registry: holiday or working.
    pub kind: String,
    /// Why.
    pub why: String,
    /// When it was declared.
    pub declared_at: Timestamp,
    /// By whom.
    pub declared_by: String,
}

/// When a document was signed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The sending agency.
    pub agency_id: AgencyId,
    /// The document.
    pub document_id: DocumentId,
    /// The day of signing, `2026-11-22`.
    pub signed_on: String,
    /// What that rests on, in the words of the registry.
    pub signed_by: String,
    /// The moment of the leader's signature, when one was judged.
    pub signed_at: Option<Timestamp>,
    /// The moment of the agency's signature, when one was judged.
    pub sealed_at: Option<Timestamp>,
    /// When the exchange accepted it.
    pub sent_at: Timestamp,
    /// Until when it had to be sent (RULES R19).
    pub send_deadline: Timestamp,
    /// Whether it was sent later (K6).
    pub is_late: bool,
    /// Whether it was sent on the day of signing (K5).
    pub is_same_day: bool,
}

words! {
    /// What a receiver owes.
    WatchKind, "a watch is receipt or due" {
        /// An answer: 03 or 02 (RULES R33).
        Receipt = "receipt",
        /// The work itself, by the document's own deadline (RULES R85).
        Due = "due",
    }
}

words! {
    /// How far a watch is.
    Stage, "a stage is ahead, soon or over" {
        /// No alarm yet.
        Ahead = "ahead",
        /// Reminded.
        Soon = "soon",
        /// Late.
        Over = "over",
    }
}

/// Something a receiver owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The receiver.
    pub agency_id: AgencyId,
    /// The document.
    pub document_id: DocumentId,
    /// What.
    pub watch: WatchKind,
    /// The document's sender.
    pub sender_id: AgencyId,
    /// How far it is.
    pub stage: Stage,
    /// When the next alarm is raised.
    pub alarm_at: Timestamp,
    /// When it is late.
    pub deadline: Timestamp,
}

/// A document at an agency, in a list of what went wrong.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The document.
    pub document_id: DocumentId,
    /// The sending agency.
    pub sender_id: AgencyId,
    /// The receiving agency.
    pub receiver_id: AgencyId,
    /// The delivery, where the trouble is one.
    pub delivery_id: Option<DeliveryId>,
    /// The document's header, as JSON.
    pub facts: String,
    /// Where the document stands at the receiver, where that is known.
    pub state: Option<String>,
    /// What was said.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Documents an agency sent in a period, by how (K5, K6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendingCounts {
    /// All whose day of signing is known.
    pub sent: i64,
    /// On the day of signing.
    pub same_day: i64,
    /// After the deadline.
    pub late: i64,
}

fn watch(row: &Row) -> Result<Watch> {
    Ok(Watch {
        agency_id: row.id(0)?,
        document_id: row.id(1)?,
        watch: row.text(2)?.parse()?,
        sender_id: row.id(3)?,
        stage: row.text(4)?.parse()?,
        alarm_at: row.moment(5)?,
        deadline: row.moment(6)?,
    })
}

fn trouble(row: &Row) -> Result<Trouble> {
    Ok(Trouble {
        document_id: row.id(0)?,
        sender_id: row.id(1)?,
        receiver_id: row.id(2)?,
        delivery_id: row.opt_id(3)?,
        facts: row.opt_text(4)?.unwrap_or_default(),
        state: row.opt_text(5)?,
        reason: row.text(6)?,
        since: row.moment(7)?,
    })
}

impl Tx {
    /// Declared days from one to another, both included, in order.
    pub async fn declared_days(&mut self, from: &str, to: &str, limit: i64) -> Result<Vec<DeclaredDay>> {
        let rows = self
            .rows(
                "SELECT day, kind, why, declared_at, declared_by FROM calendar_day WHERE day >= $1 AND day <= $2 \
                 ORDER BY day LIMIT $3",
                values![from, to, limit],
            )
            .await?;
        let day = |row: &Row| {
            Ok(DeclaredDay {
                day: row.text(0)?,
                kind: row.text(1)?,
                why: row.text(2)?,
                declared_at: row.moment(3)?,
                declared_by: row.text(4)?,
            })
        };
        rows.iter().map(day).collect()
    }

    /// Declares a day, over an earlier declaration of it.
    ///
    /// # Errors
    /// [`Error::Full`] when `days_max` are declared.
    pub async fn declare_day(&mut self, day: &DeclaredDay, days_max: i64) -> Result<()> {
        let row = self.row("SELECT COUNT(*) FROM calendar_day WHERE day <> $1", values![&day.day]).await?;
        if row.map_or(Ok(0), |row| row.int(0))? >= days_max {
            return Err(Error::Full("the calendar of declared days"));
        }
        self.exec(
            "INSERT INTO calendar_day (day, kind, why, declared_at, declared_by) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (day) DO UPDATE SET kind = excluded.kind, why = excluded.why, \
             declared_at = excluded.declared_at, declared_by = excluded.declared_by",
            values![&day.day, &day.kind, &day.why, day.declared_at, &day.declared_by],
        )
        .await
        .map(drop)
    }

    /// Takes a declaration back; `false` when there was none.
    pub async fn withdraw_day(&mut self, day: &str) -> Result<bool> {
        Ok(self.exec("DELETE FROM calendar_day WHERE day = $1", values![day]).await? > 0)
    }

    /// The hours set until a day, in the order in which they came into force: name and minutes after midnight.
    pub async fn hours_until(&mut self, day: &str) -> Result<Vec<(String, i64)>> {
        let rows = self
            .rows(
                "SELECT name, minutes FROM calendar_hour WHERE valid_from <= $1 ORDER BY valid_from LIMIT 1000",
                values![day],
            )
            .await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// Sets an hour from a day on.
    pub async fn set_hour(&mut self, name: &str, valid_from: &str, minutes: i64) -> Result<()> {
        self.exec(
            "INSERT INTO calendar_hour (name, valid_from, minutes) VALUES ($1, $2, $3) \
             ON CONFLICT (name, valid_from) DO UPDATE SET minutes = excluded.minutes",
            values![name, valid_from, minutes],
        )
        .await
        .map(drop)
    }

    /// Keeps what is known of a document's time.
    pub async fn put_deadline(&mut self, new: &Deadline) -> Result<()> {
        self.exec(
            "INSERT INTO document_deadline (agency_id, document_id, signed_on, signed_by, signed_at, sealed_at, sent_at, \
             send_deadline, is_late, is_same_day) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                &new.agency_id,
                &new.document_id,
                &new.signed_on,
                &new.signed_by,
                new.signed_at,
                new.sealed_at,
                new.sent_at,
                new.send_deadline,
                new.is_late,
                new.is_same_day
            ],
        )
        .await
        .map(drop)
    }

    /// What is known of a document's time.
    pub async fn deadline(
        &mut self,
        agency_id: AgencyId,
        document_id: DocumentId,
    ) -> Result<Option<Deadline>> {
        let row = self
            .row(
                "SELECT signed_on, signed_by, signed_at, sealed_at, sent_at, send_deadline, is_late, is_same_day \
                 FROM document_deadline WHERE agency_id = $1 AND document_id = $2",
                values![&agency_id, &document_id],
            )
            .await?;
        let deadline = |row: Row| {
            Ok(Deadline {
                agency_id,
                document_id,
                signed_on: row.text(0)?,
                signed_by: row.text(1)?,
                signed_at: row.opt_moment(2)?,
                sealed_at: row.opt_moment(3)?,
                sent_at: row.moment(4)?,
                send_deadline: row.moment(5)?,
                is_late: row.flag(6)?,
                is_same_day: row.flag(7)?,
            })
        };
        row.map(deadline).transpose()
    }

    /// How an agency's documents of a period were sent: from a moment to before another.
    pub async fn sending_counts(
        &mut self,
        agency_id: AgencyId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<SendingCounts> {
        let row = self
            .row(
                "SELECT COUNT(*), CAST(COALESCE(SUM(is_same_day), 0) AS BIGINT), CAST(COALESCE(SUM(is_late), 0) AS BIGINT) \
                 FROM document_deadline WHERE agency_id = $1 AND sent_at >= $2 AND sent_at < $3",
                values![&agency_id, from, to],
            )
            .await?;
        row.map_or(Ok(SendingCounts::default()), |row| {
            Ok(SendingCounts { sent: row.int(0)?, same_day: row.int(1)?, late: row.int(2)? })
        })
    }

    /// Begins to watch what a receiver owes.
    pub async fn add_watch(&mut self, new: &Watch) -> Result<()> {
        self.exec(
            "INSERT INTO deadline_watch (agency_id, document_id, watch, sender_id, stage, alarm_at, deadline) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (agency_id, document_id, watch) DO NOTHING",
            values![
                &new.agency_id,
                &new.document_id,
                new.watch.as_str(),
                &new.sender_id,
                new.stage.as_str(),
                new.alarm_at,
                new.deadline
            ],
        )
        .await
        .map(drop)
    }

    /// Writes how far a watch is.
    pub async fn set_watch(&mut self, watch: &Watch) -> Result<()> {
        self.exec(
            "UPDATE deadline_watch SET stage = $4, alarm_at = $5, deadline = $6 \
             WHERE agency_id = $1 AND document_id = $2 AND watch = $3",
            values![
                &watch.agency_id,
                &watch.document_id,
                watch.watch.as_str(),
                watch.stage.as_str(),
                watch.alarm_at,
                watch.deadline
            ],
        )
        .await
        .map(drop)
    }

    /// Ends a watch, if there is one.
    pub async fn end_watch(
        &mut self,
        agency_id: AgencyId,
        document_id: DocumentId,
        watch: WatchKind,
    ) -> Result<()> {
        self.exec(
            "DELETE FROM deadline_watch WHERE agency_id = $1 AND document_id = $2 AND watch = $3",
            values![&agency_id, &document_id, watch.as_str()],
        )
        .await
        .map(drop)
    }

    /// Watches whose alarm is due, the oldest first.
    pub async fn due_watches(&mut self, now: Timestamp, limit: i64) -> Result<Vec<Watch>> {
        let rows = self
            .rows(
                "SELECT agency_id, document_id, watch, sender_id, stage, alarm_at, deadline FROM deadline_watch \
                 WHERE stage <> 'over' AND alarm_at <= $1 ORDER BY alarm_at LIMIT $2",
                values![now, limit],
            )
            .await?;
        rows.iter().map(watch).collect()
    }

    /// What receivers of a sender's documents are late with (RULES R27).
    pub async fn late_at_receivers(
        &mut self,
        sender_id: AgencyId,
        kind: WatchKind,
        limit: i64,
    ) -> Result<Vec<Trouble>> {
        let rows = self
            .rows(
                "SELECT w.document_id, w.sender_id, w.agency_id, r.delivery_id, d.facts, r.state, '', w.deadline \
                 FROM deadline_watch w \
                 LEFT JOIN document_receiver r ON r.receiver_id = w.agency_id AND r.document_id = w.document_id \
                 LEFT JOIN document d ON d.agency_id = w.sender_id AND d.document_id = w.document_id \
                 WHERE w.sender_id = $1 AND w.watch = $2 AND w.stage = 'over' ORDER BY w.deadline LIMIT $3",
                values![&sender_id, kind.as_str(), limit],
            )
            .await?;
        rows.iter().map(trouble).collect()
    }

    /// What an agency is late with itself.
    pub async fn late_here(
        &mut self,
        agency_id: AgencyId,
        kind: WatchKind,
        limit: i64,
    ) -> Result<Vec<Trouble>> {
        let rows = self
            .rows(
                "SELECT w.document_id, w.sender_id, w.agency_id, r.delivery_id, d.facts, r.state, '', w.deadline \
                 FROM deadline_watch w \
                 LEFT JOIN document_receiver r ON r.receiver_id = w.agency_id AND r.document_id = w.document_id \
                 LEFT JOIN document d ON d.agency_id = w.sender_id AND d.document_id = w.document_id \
                 WHERE w.agency_id = $1 AND w.watch = $2 AND w.stage = 'over' ORDER BY w.deadline LIMIT $3",
                values![&agency_id, kind.as_str(), limit],
            )
            .await?;
        rows.iter().map(trouble).collect()
    }

    /// Deliveries of a sender's documents that receiving systems could not take (RULES R27).
    pub async fn failed_deliveries(&mut self, sender_id: AgencyId, limit: i64) -> Result<Vec<Trouble>> {
        let rows = self
            .rows(
                "SELECT v.document_id, v.sender_id, v.agency_id, v.delivery_id, d.facts, NULL, '', v.updated_at FROM delivery v \
                 LEFT JOIN document d ON d.agency_id = v.sender_id AND d.document_id = v.document_id \
                 WHERE v.sender_id = $1 AND v.state = 'fail' ORDER BY v.updated_at LIMIT $2",
                values![&sender_id, limit],
            )
            .await?;
        rows.iter().map(trouble).collect()
    }

    /// A sender's documents that receivers gave back, with their reason (RULES R27).
    pub async fn returned_documents(&mut self, sender_id: AgencyId, limit: i64) -> Result<Vec<Trouble>> {
        let rows = self
            .rows(
                "SELECT r.document_id, r.sender_id, r.receiver_id, r.delivery_id, d.facts, r.state, r.reason, r.changed_at \
                 FROM document_receiver r \
                 LEFT JOIN document d ON d.agency_id = r.sender_id AND d.document_id = r.document_id \
                 WHERE r.sender_id = $1 AND r.state = 'returned' ORDER BY r.changed_at LIMIT $2",
                values![&sender_id, limit],
            )
            .await?;
        rows.iter().map(trouble).collect()
    }
}
