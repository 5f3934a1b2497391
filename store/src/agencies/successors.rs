//! Who follows a closed agency (RULES I6).

use mail::{AgencyId, Timestamp};

use super::{Agency, hex};
use crate::Tx;
use crate::error::Result;
use crate::sql::{Sql, values};

/// Mergers followed one after another, and agencies looked at meanwhile. Ours: nobody was merged more often.
const STEPS_MAX: usize = 16;
const LOOKED_AT_MAX: usize = 64;

/// What followed an agency.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The active agencies at the ends of all paths, each once.
    pub active: Vec<Agency>,
    /// Whether one agency alone follows at each step: then what was meant for the first is for the last.
    pub is_one: bool,
}

impl Tx {
    /// Records who follows an agency; answers whether that is news.
    pub(super) async fn put_successors(
        &mut self,
        agency_id: AgencyId,
        successors: &[AgencyId],
        decision: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let before = self.successors(agency_id).await?;
        if before.len() == successors.len() && successors.iter().all(|id| before.contains(id)) {
            return Ok(false);
        }
        let row = self
            .row("SELECT MAX(recorded_at) FROM agency_successor WHERE agency_id = $1", values![&agency_id])
            .await?;
        let last = row.map(|row| row.opt_moment(0)).transpose()?.flatten();
        let recorded = super::codes::after(last, now);
        self.exec(
            "UPDATE agency_successor SET superseded_at = $2 WHERE agency_id = $1 AND superseded_at IS NULL",
            values![&agency_id, recorded],
        )
        .await?;
        let rows = serde_json::Value::from_iter(successors.iter().map(hex)).to_string();
        self.exec(
            Sql {
                sqlite: "INSERT INTO agency_successor (agency_id, successor_id, recorded_at, decision) \
                         SELECT DISTINCT $1, unhex(value), $3, $4 FROM json_each($2)",
                postgres: "INSERT INTO agency_successor (agency_id, successor_id, recorded_at, decision) \
                           SELECT DISTINCT $1::bytea, decode(value, 'hex'), $3::bigint, $4::text \
                           FROM jsonb_array_elements_text($2::jsonb)",
            },
            values![&agency_id, &rows, recorded, decision],
        )
        .await?;
        Ok(true)
    }

    /// Who directly follows an agency.
    pub async fn successors(&mut self, agency_id: AgencyId) -> Result<Vec<AgencyId>> {
        let rows = self
            .rows(
                "SELECT successor_id FROM agency_successor WHERE agency_id = $1 AND superseded_at IS NULL \
                 ORDER BY successor_id LIMIT 64",
                values![&agency_id],
            )
            .await?;
        rows.iter().map(|row| row.id(0)).collect()
    }

    /// Who follows a closed agency at a moment, through later mergers and splits.
    pub async fn followed(&mut self, agency_id: AgencyId, at: Timestamp) -> Result<Followed> {
        let mut followed = Followed { active: Vec::new(), is_one: true };
        let mut seen = vec![agency_id];
        let mut here = vec![agency_id];
        for _ in 0..STEPS_MAX {
            let mut next = Vec::new();
            for agency_id in here {
                let successors = self.successors(agency_id).await?;
                followed.is_one &= successors.len() == 1;
                for successor in successors {
                    if seen.contains(&successor) || seen.len() >= LOOKED_AT_MAX {
                        continue;
                    }
                    seen.push(successor);
                    match self.agency(successor, at).await? {
                        Some(agency) if agency.is_active => followed.active.push(agency),
                        Some(_) => next.push(successor),
                        None => {}
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            here = next;
        }
        followed.is_one &= followed.active.len() == 1;
        Ok(followed)
    }
}
