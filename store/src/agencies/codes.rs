//! The codes agencies answer to (RULES I1–I5), through both times.

use mail::{AgencyCode, AgencyId, Timestamp};

use super::{KNOWN_NOW, code};
use crate::Tx;
use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, Sql, values};

words! {
    /// The scheme of a code (RULES I3).
    CodeScheme, "scheme of a code is qd20, qcvn102 or old" {
        /// QĐ 20/2020, and the free words of hubs.
        Qd20 = "qd20",
        /// QCVN 102:2016.
        Qcvn102 = "qcvn102",
        /// One it answers to beside these, from earlier times.
        Old = "old",
    }
}

/// A code an agency answers to, or did.
#[derive(Clone, Debug)]
pub struct KnownCode {
    /// The code as it was registered.
    pub code: AgencyCode,
    /// Its scheme.
    pub scheme: CodeScheme,
    /// The agency.
    pub agency_id: AgencyId,
    /// From when it is the agency's.
    pub valid_from: Timestamp,
    /// From when no longer.
    pub valid_to: Option<Timestamp>,
    /// When this was recorded.
    pub recorded_at: Timestamp,
    /// When something else was recorded instead.
    pub superseded_at: Option<Timestamp>,
    /// The decision that says so, or empty.
    pub decision: String,
}

macro_rules! select_code {
    ($tail:literal) => {
        concat!(
            "SELECT code, scheme, agency_id, valid_from, valid_to, recorded_at, superseded_at, decision FROM agency_code ",
            $tail
        )
    };
}

fn known_code(row: &Row) -> Result<KnownCode> {
    Ok(KnownCode {
        code: code(row.text(0)?)?,
        scheme: row.text(1)?.parse()?,
        agency_id: row.id(2)?,
        valid_from: row.moment(3)?,
        valid_to: row.opt_moment(4)?,
        recorded_at: row.moment(5)?,
        superseded_at: row.opt_moment(6)?,
        decision: row.text(7)?,
    })
}

impl Tx {
    /// Whose a code was at a moment, as far as was known at another.
    pub async fn agency_id_by_code(
        &mut self,
        code: &AgencyCode,
        at: Timestamp,
        known: Timestamp,
    ) -> Result<Option<AgencyId>> {
        let row = self
            .row(
                "SELECT agency_id FROM agency_code WHERE code_folded = $1 AND valid_from <= $2 \
                 AND (valid_to IS NULL OR valid_to > $2) AND recorded_at <= $3 \
                 AND (superseded_at IS NULL OR superseded_at > $3) ORDER BY valid_from DESC LIMIT 1",
                values![&code.folded(), at, known],
            )
            .await?;
        row.map(|row| row.id(0)).transpose()
    }

    /// Whose a code was last before a moment at which it is nobody's, and since when it is not.
    pub async fn code_ended(
        &mut self,
        code: &AgencyCode,
        at: Timestamp,
    ) -> Result<Option<(AgencyId, Timestamp)>> {
        let row = self
            .row(
                "SELECT agency_id, valid_to FROM agency_code WHERE code_folded = $1 AND superseded_at IS NULL \
                 AND valid_to <= $2 ORDER BY valid_to DESC LIMIT 1",
                values![&code.folded(), at],
            )
            .await?;
        row.map(|row| Ok((row.id(0)?, row.moment(1)?))).transpose()
    }

    /// Every code of the register that is or will be somebody's, upper case, and whose. All at once: for imports.
    pub async fn all_codes(&mut self, at: Timestamp) -> Result<Vec<(String, AgencyId)>> {
        let rows = self
            .rows(
                "SELECT code_folded, agency_id FROM agency_code WHERE superseded_at IS NULL \
                 AND (valid_to IS NULL OR valid_to > $1)",
                values![at],
            )
            .await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.id(1)?))).collect()
    }

    /// Every code an agency has, had or will have, as far as was known at a moment; oldest first.
    pub async fn codes_of(&mut self, agency_id: AgencyId, known: Timestamp) -> Result<Vec<KnownCode>> {
        let rows = self
            .rows(
                select_code!(
                    "WHERE agency_id = $1 AND recorded_at <= $2 AND (superseded_at IS NULL OR superseded_at > $2) \
                     ORDER BY valid_from, scheme, code_folded LIMIT 1000"
                ),
                values![&agency_id, known],
            )
            .await?;
        rows.iter().map(known_code).collect()
    }

    /// Gives an agency a further code from a day on (RULES I5); one it has already is left alone. The first QĐ 20 code of an agency
    /// without one becomes what it is called by. Answers whether anything changed.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the code is another agency's at that time.
    pub async fn add_agency_code(
        &mut self,
        agency_id: AgencyId,
        code: &AgencyCode,
        scheme: CodeScheme,
        valid_from: Timestamp,
        decision: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.lock_register().await?;
        let before = self.codes_of(agency_id, KNOWN_NOW).await?;
        if !self.put_code(agency_id, code, scheme, valid_from, decision, now).await? {
            return Ok(false);
        }
        if scheme == CodeScheme::Qd20 && !before.iter().any(|known| known.scheme == CodeScheme::Qd20) {
            self.call_by(agency_id, code, valid_from, decision, now).await?;
        }
        self.touch_agencies(&[agency_id], now).await?;
        Ok(true)
    }

    /// Replaces the code of a scheme by another one from a day on; the one before ends on that day.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the code is another agency's at that time.
    pub async fn replace_agency_code(
        &mut self,
        agency_id: AgencyId,
        code: &AgencyCode,
        scheme: CodeScheme,
        from: Timestamp,
        decision: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.lock_register().await?;
        if !self.put_code(agency_id, code, scheme, from, decision, now).await? {
            return Ok(false);
        }
        let called = self.agency(agency_id, from).await?.ok_or(Error::NotFound("the agency"))?.code;
        let mut ends_its_name = scheme == CodeScheme::Qd20;
        for known in self.codes_of(agency_id, KNOWN_NOW).await? {
            let ends = known.scheme == scheme
                && known.code != *code
                && known.valid_from <= from
                && known.valid_to.is_none_or(|to| to > from);
            if ends {
                ends_its_name |= known.code == called;
                self.end_code(&known, from, decision, now).await?;
            }
        }
        if ends_its_name {
            self.call_by(agency_id, code, from, decision, now).await?;
        }
        self.touch_agencies(&[agency_id], now).await?;
        Ok(true)
    }

    /// Writes that a code is an agency's from a day on. A closed agency's code may be given to another.
    pub(super) async fn put_code(
        &mut self,
        agency_id: AgencyId,
        code: &AgencyCode,
        scheme: CodeScheme,
        from: Timestamp,
        decision: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let folded = code.folded();
        let rows = self
            .rows(
                select_code!(
                    "WHERE code_folded = $1 AND superseded_at IS NULL AND (valid_to IS NULL OR valid_to > $2) LIMIT 100"
                ),
                values![&folded, from],
            )
            .await?;
        for known in rows.iter().map(known_code).collect::<Result<Vec<_>>>()? {
            if known.agency_id == agency_id && known.valid_from <= from && known.valid_to.is_none() {
                return Ok(false);
            }
            let holder = self.agency(known.agency_id, from).await?;
            let is_closed = holder.is_some_and(|holder| !holder.is_active);
            if known.agency_id == agency_id || known.valid_from >= from || !is_closed {
                return Err(Error::Conflict(format!("agency code {code}")));
            }
            self.end_code(&known, from, decision, now).await?;
            self.touch_agencies(&[known.agency_id], now).await?;
        }
        let recorded = self.code_moment(&folded, now).await?;
        self.exec(
            "INSERT INTO agency_code (code_folded, valid_from, recorded_at, scheme, code, agency_id, decision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![&folded, from, recorded, scheme.as_str(), code.as_str(), &agency_id, decision],
        )
        .await?;
        Ok(true)
    }

    /// Records that a code ends on a day; that it was thought to go on stays in the history.
    async fn end_code(
        &mut self,
        known: &KnownCode,
        to: Timestamp,
        decision: &str,
        now: Timestamp,
    ) -> Result<()> {
        let folded = known.code.folded();
        let recorded = self.code_moment(&folded, now).await?;
        self.exec(
            "UPDATE agency_code SET superseded_at = $4 WHERE code_folded = $1 AND valid_from = $2 AND recorded_at = $3",
            values![&folded, known.valid_from, known.recorded_at, recorded],
        )
        .await?;
        let decision = if decision.is_empty() { &known.decision } else { decision };
        self.exec(
            "INSERT INTO agency_code (code_folded, valid_from, recorded_at, valid_to, scheme, code, agency_id, decision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                &folded,
                known.valid_from,
                recorded,
                to,
                known.scheme.as_str(),
                known.code.as_str(),
                &known.agency_id,
                decision
            ],
        )
        .await
        .map(drop)
    }

    /// When what is written of a code now was recorded: now, and after everything before, so that two changes in one millisecond
    /// are two.
    async fn code_moment(&mut self, folded: &str, now: Timestamp) -> Result<Timestamp> {
        let row = self
            .row("SELECT MAX(recorded_at) FROM agency_code WHERE code_folded = $1", values![folded])
            .await?;
        let last = row.map(|row| row.opt_moment(0)).transpose()?.flatten();
        Ok(after(last, now))
    }

    /// Codes that begin with some letters, whosever they were; in byte order.
    pub(super) async fn codes_beginning(&mut self, folded: &str, limit: i64) -> Result<Vec<KnownCode>> {
        // No code has a letter above `z`.
        let end = format!("{folded}~");
        let rows = self
            .rows(
                select_code!(
                    "WHERE code_folded >= $1 AND code_folded < $2 AND superseded_at IS NULL ORDER BY code_folded LIMIT $3"
                ),
                values![folded, &end, limit],
            )
            .await?;
        rows.iter().map(known_code).collect()
    }

    /// Adds the codes of many new agencies at once; those of each are nobody's yet.
    pub(super) async fn put_new_codes(&mut self, rows: &str, now: Timestamp) -> Result<()> {
        self.exec(
            Sql {
                sqlite: "INSERT INTO agency_code (code_folded, valid_from, recorded_at, scheme, code, agency_id, decision) \
                         SELECT value->>0, value->>1, $2, value->>2, value->>3, unhex(value->>4), value->>5 \
                         FROM json_each($1)",
                postgres: "INSERT INTO agency_code (code_folded, valid_from, recorded_at, scheme, code, agency_id, decision) \
                           SELECT value->>0, (value->>1)::bigint, $2, value->>2, value->>3, decode(value->>4, 'hex'), \
                           value->>5 FROM jsonb_array_elements($1::jsonb)",
            },
            values![rows, now],
        )
        .await
        .map(drop)
    }

    /// Which of some codes are somebody's at some time from a day on: of those, the first.
    pub(super) async fn first_code_in_use(&mut self, codes: &str, from: Timestamp) -> Result<Option<String>> {
        let row = self
            .row(
                Sql {
                    sqlite: "SELECT c.code FROM json_each($1) j CROSS JOIN agency_code c ON c.code_folded = j.value \
                             WHERE c.superseded_at IS NULL AND (c.valid_to IS NULL OR c.valid_to > $2) LIMIT 1",
                    postgres: "SELECT c.code FROM agency_code c \
                               WHERE c.code_folded = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb))) \
                               AND c.superseded_at IS NULL AND (c.valid_to IS NULL OR c.valid_to > $2) LIMIT 1",
                },
                values![codes, from],
            )
            .await?;
        row.map(|row| row.text(0)).transpose()
    }
}

/// `now`, or just after `last` when that is not earlier.
pub(super) fn after(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match last {
        Some(last) if last >= now => Timestamp::from_millis(last.millis().saturating_add(1)),
        _ => now,
    }
}
