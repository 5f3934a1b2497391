//! The register's version, and what changed since (RULES R70).

use mail::{AgencyId, Timestamp};

use super::{Agency, KNOWN_NOW, agency, hex, hex_list, ids_in, select_agency};
use crate::Tx;
use crate::error::Result;
use crate::sql::{Sql, values};

impl Tx {
    /// Holds the register until the commit: whoever changes it comes after whoever changed it before, so a code cannot be given
    /// twice and versions grow in the order of commits. SQLite has one writer anyway.
    pub(super) async fn lock_register(&mut self) -> Result<()> {
        let sql = Sql {
            sqlite: "SELECT version FROM agency_register",
            postgres: "SELECT version FROM agency_register FOR UPDATE",
        };
        self.rows(sql, &[]).await.map(drop)
    }

    /// What everybody who changes agencies ends with: each gets the next version of the register, the days on which what was
    /// recorded becomes true are noted, and the index of words follows.
    pub(super) async fn touch_agencies(&mut self, ids: &[AgencyId], now: Timestamp) -> Result<()> {
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let row = self
            .row("UPDATE agency_register SET version = version + $1 RETURNING version", values![count])
            .await?;
        let first = row.map_or(Ok(0), |row| row.int(0))?.saturating_sub(count);
        let rows =
            ids.iter().zip(1i64..).map(|(id, n)| serde_json::json!([hex(id), first.saturating_add(n)]));
        let rows = serde_json::Value::from_iter(rows).to_string();
        self.exec(
            Sql {
                sqlite: "UPDATE agency SET version = j.value->>1, changed_at = $2 FROM json_each($1) j \
                         WHERE agency.agency_id = unhex(j.value->>0)",
                postgres: "UPDATE agency SET version = (j.value->>1)::bigint, changed_at = $2 \
                           FROM jsonb_array_elements($1::jsonb) j(value) \
                           WHERE agency.agency_id = decode(j.value->>0, 'hex')",
            },
            values![&rows, now],
        )
        .await?;
        let ids_text = hex_list(ids);
        self.exec(
            Sql {
                sqlite: "INSERT INTO agency_due (at, agency_id) \
                         SELECT v.valid_from, v.agency_id FROM json_each($1) j CROSS JOIN agency_version v \
                         ON v.agency_id = unhex(j.value) WHERE v.superseded_at IS NULL AND v.valid_from > $2 \
                         UNION SELECT c.valid_from, c.agency_id FROM json_each($1) j CROSS JOIN agency_code c \
                         ON c.agency_id = unhex(j.value) WHERE c.superseded_at IS NULL AND c.valid_from > $2 \
                         UNION SELECT c.valid_to, c.agency_id FROM json_each($1) j CROSS JOIN agency_code c \
                         ON c.agency_id = unhex(j.value) WHERE c.superseded_at IS NULL AND c.valid_to > $2 \
                         ON CONFLICT DO NOTHING",
                postgres: concat!(
                    "INSERT INTO agency_due (at, agency_id) \
                     SELECT valid_from, agency_id FROM agency_version WHERE superseded_at IS NULL AND valid_from > $2 \
                     AND agency_id = ",
                    ids_in!("$1"),
                    " UNION SELECT valid_from, agency_id FROM agency_code WHERE superseded_at IS NULL AND valid_from > $2 \
                     AND agency_id = ",
                    ids_in!("$1"),
                    " UNION SELECT valid_to, agency_id FROM agency_code WHERE superseded_at IS NULL AND valid_to > $2 \
                     AND agency_id = ",
                    ids_in!("$1"),
                    " ON CONFLICT DO NOTHING"
                ),
            },
            values![&ids_text, now],
        )
        .await?;
        self.index_agencies(ids, now).await
    }

    /// The register's version, and the next day on which something recorded becomes true, if any.
    pub async fn register_version(&mut self) -> Result<(i64, Option<Timestamp>)> {
        let row =
            self.row("SELECT version, (SELECT MIN(at) FROM agency_due) FROM agency_register", &[]).await?;
        row.map_or(Ok((0, None)), |row| Ok((row.int(0)?, row.opt_moment(1)?)))
    }

    /// Takes notice of what has become true by a moment, `limit` days of agencies at most: those agencies get a new version, and
    /// the index follows. Questions that name their moment do not depend on this. Answers how many there were.
    pub async fn agencies_take_effect(&mut self, now: Timestamp, limit: i64) -> Result<usize> {
        self.lock_register().await?;
        let rows = self
            .rows(
                "SELECT at, agency_id FROM agency_due WHERE at <= $1 ORDER BY at, agency_id LIMIT $2",
                values![now, limit],
            )
            .await?;
        let mut ids: Vec<AgencyId> = Vec::with_capacity(rows.len());
        let mut gone = Vec::with_capacity(rows.len());
        for row in &rows {
            let agency_id: AgencyId = row.id(1)?;
            gone.push(serde_json::json!([row.int(0)?, hex(&agency_id)]));
            ids.push(agency_id);
        }
        if ids.is_empty() {
            return Ok(0);
        }
        self.exec(
            Sql {
                sqlite: "DELETE FROM agency_due WHERE (at, agency_id) IN \
                         (SELECT value->>0, unhex(value->>1) FROM json_each($1))",
                postgres: "DELETE FROM agency_due WHERE (at, agency_id) IN \
                           (SELECT (value->>0)::bigint, decode(value->>1, 'hex') FROM jsonb_array_elements($1::jsonb))",
            },
            values![&serde_json::Value::from(gone).to_string()],
        )
        .await?;
        ids.sort_unstable();
        ids.dedup();
        self.touch_agencies(&ids, now).await?;
        Ok(rows.len())
    }

    /// The agencies that changed after a version of the register, in the order of their changes, `limit` at most; each as it is
    /// at a moment. A withdrawn one comes too, and says that it is not active (RULES R70).
    pub async fn agencies_changed_after(
        &mut self,
        version: i64,
        at: Timestamp,
        limit: i64,
    ) -> Result<Vec<Agency>> {
        let rows = self
            .rows(
                select_agency!("agency_version v", "AND a.version > $3 ORDER BY a.version LIMIT $4"),
                values![at, KNOWN_NOW, version, limit],
            )
            .await?;
        rows.iter().map(agency).collect()
    }
}
