//! Packages that were refused: read from the audit log, which keeps who, when and why, and nothing of the content (RULES R12).

use mail::{AuditId, OwnerId, Timestamp};

use crate::Tx;
use crate::error::Result;
use crate::sql::values;

/// A package that was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The row's id.
    pub refusal_id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Which system brought it, folded.
    pub system_folded: String,
    /// What is known of it, as JSON.
    pub detail: String,
}

impl Tx {
    /// What an agency's systems were refused, newest first: `limit` at most, older than `before`.
    pub async fn refusals(
        &mut self,
        owner: impl Into<OwnerId>,
        before: Option<AuditId>,
        limit: i64,
    ) -> Result<Vec<Refusal>> {
        let owner = owner.into();
        let before = before.unwrap_or(AuditId::from_bytes([0xff; 16]));
        let rows = self
            .rows(
                "SELECT audit_id, at, actor, detail FROM audit \
                 WHERE owner_id = $1 AND action = 'document.refused' AND audit_id < $2 ORDER BY audit_id DESC LIMIT $3",
                values![&owner, &before, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Refusal {
                    refusal_id: row.id(0)?,
                    at: row.moment(1)?,
                    system_folded: row.text(2)?,
                    detail: row.text(3)?,
                })
            })
            .collect()
    }
}
