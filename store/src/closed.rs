//! What is said of a mailbox that is closed (RULES M23).

use std::time::Duration;

use mail::{AccountId, AgencyId, EmailAddress, Timestamp, UnitId};

use crate::error::Result;
use crate::sql::values;
use crate::{Resolved, Tx};

/// How long a closed address says who to write to instead: twelve months (RULES M23). Afterwards nobody has it.
pub const CLOSED_REPLY: Duration = Duration::from_secs(365 * 24 * 3_600);

impl Tx {
    /// What is left of an address whose account is closed, or that itself ended at `ended`.
    pub async fn resolve_closed(
        &mut self,
        account_id: AccountId,
        ended: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Resolved> {
        let row = self
            .row(
                "SELECT agency_id, unit_id, changed_at FROM account WHERE account_id = $1",
                values![&account_id],
            )
            .await?;
        let Some(row) = row else {
            // A list that is no more: nobody follows it, but it was there.
            let is_recent = ended.is_some_and(|ended| now < ended.plus(CLOSED_REPLY));
            return Ok(if is_recent { Resolved::Closed(None) } else { Resolved::Unknown });
        };
        // Nothing leaves the closed state, so the last change of the account was its closing.
        let closed_at = ended.unwrap_or(row.moment(2)?);
        if now >= closed_at.plus(CLOSED_REPLY) {
            return Ok(Resolved::Unknown);
        }
        Ok(Resolved::Closed(self.office_of(row.id(0)?, row.opt_id(1)?, now).await?))
    }

    /// Where those who wrote to a person write now: the box of the unit, else the published address of the agency.
    async fn office_of(
        &mut self,
        agency_id: AgencyId,
        unit_id: Option<UnitId>,
        now: Timestamp,
    ) -> Result<Option<EmailAddress>> {
        if let Some(unit_id) = unit_id {
            let row = self
                .row(
                    "SELECT a.address FROM account AS c JOIN address AS a ON a.account_id = c.account_id \
                     WHERE c.unit_id = $1 AND c.agency_id = $2 AND c.kind = 'agency' AND c.state <> 'closed' \
                     AND (a.valid_to IS NULL OR a.valid_to > $3) ORDER BY c.account_id, a.kind DESC, a.valid_from LIMIT 1",
                    values![&unit_id, &agency_id, now],
                )
                .await?;
            if let Some(row) = row {
                return Ok(row.text(0)?.parse().ok());
            }
        }
        let agency = self.agency(agency_id, now).await?;
        Ok(agency.filter(|agency| agency.is_active).and_then(|agency| agency.mail.parse().ok()))
    }
}
