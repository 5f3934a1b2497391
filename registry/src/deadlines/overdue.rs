//! The lists of what went wrong (RULES R27): Chưa gửi, Gửi lỗi, Bị trả lại, Chậm tiếp nhận; and what an agency owes itself.

use std::collections::HashMap;

use mail::{AgencyId, Timestamp};
use serde::Serialize;
use store::{Store, Trouble, Tx, WatchKind};
use time::Date;

use super::keep::is_met;
use super::load;
use super::rules::{SendTimer, send_deadline, send_timer};
use crate::calendar::{Written, day_of};
use crate::numbering::Given;
use crate::status::State;

/// Rows of each list, at most.
const ROWS_MAX: i64 = 500;

/// A number that waits for its document longer than it should (R20).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotSent {
    /// The number.
    #[serde(flatten)]
    pub given: Given,
    /// warned or breached.
    pub timer: SendTimer,
    /// Until when it had to be sent (R19).
    pub deadline: String,
}

/// A document at a receiver that something is the matter with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// The sender's id of it.
    pub document_id: String,
    /// The receiver's id of it.
    pub delivery_id: Option<String>,
    /// Số, ký hiệu.
    pub code: String,
    /// Trích yếu.
    pub subject: String,
    /// The sender's code.
    pub from: String,
    /// The receiver's code.
    pub to: String,
    /// What was said.
    pub reason: String,
    /// Since when.
    pub since: String,
}

/// An agency's lists. Each holds 500 rows at most, the oldest first.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overdue {
    /// The agency's code.
    pub agency: String,
    /// Chưa gửi: numbers given here whose document has not come to the exchange.
    pub not_sent: Vec<NotSent>,
    /// Gửi lỗi: deliveries that a receiving system could not take.
    pub failed: Vec<Late>,
    /// Bị trả lại: refused by a receiver.
    pub returned: Vec<Late>,
    /// Chậm tiếp nhận: receivers that have not answered in time.
    pub slow_receipt: Vec<Late>,
    /// Đến, chưa tiếp nhận: what this agency itself has not answered in time.
    pub unanswered: Vec<Late>,
    /// Quá hạn giải quyết: past the document's own deadline, with this agency.
    pub past_due: Vec<Late>,
}

impl Overdue {
    /// Whether nothing is the matter.
    pub fn is_empty(&self) -> bool {
        let late = [&self.failed, &self.returned, &self.slow_receipt, &self.unanswered, &self.past_due];
        self.not_sent.is_empty() && late.into_iter().all(Vec::is_empty)
    }
}

/// The lists of one agency.
///
/// # Errors
/// [`store::Error::NotFound`] for an unknown agency, or the store's trouble.
pub async fn overdue(store: &Store, agency_id: AgencyId, now: Timestamp) -> Result<Overdue, store::Error> {
    store
        .read((agency_id, now), |tx, (agency_id, now)| {
            Box::pin(async move {
                let (agency_id, now) = (*agency_id, *now);
                let agency = tx.agency(agency_id, now).await?.ok_or(store::Error::NotFound("the agency"))?;
                let mut codes = HashMap::from([(agency_id, agency.code.as_str().to_owned())]);
                let failed = tx.failed_deliveries(agency_id, ROWS_MAX).await?;
                let returned = tx.returned_documents(agency_id, ROWS_MAX).await?;
                let slow = tx.late_at_receivers(agency_id, WatchKind::Receipt, ROWS_MAX).await?;
                let slow = owed(slow, WatchKind::Receipt);
                let unanswered = tx.late_here(agency_id, WatchKind::Receipt, ROWS_MAX).await?;
                let unanswered = owed(unanswered, WatchKind::Receipt);
                let past_due = tx.late_here(agency_id, WatchKind::Due, ROWS_MAX).await?;
                let past_due = owed(past_due, WatchKind::Due);
                Ok(Overdue {
                    agency: agency.code.as_str().to_owned(),
                    not_sent: not_sent(tx, agency_id, now).await?,
                    failed: late(tx, failed, &mut codes, now).await?,
                    returned: late(tx, returned, &mut codes, now).await?,
                    slow_receipt: late(tx, slow, &mut codes, now).await?,
                    unanswered: late(tx, unanswered, &mut codes, now).await?,
                    past_due: late(tx, past_due, &mut codes, now).await?,
                })
            })
        })
        .await
}

/// What is still owed: a document that was recalled meanwhile is not.
fn owed(mut rows: Vec<Trouble>, kind: WatchKind) -> Vec<Trouble> {
    rows.retain(|row| !row.state.as_deref().and_then(State::named).is_some_and(|state| is_met(kind, state)));
    rows
}

async fn not_sent(tx: &mut Tx, agency_id: AgencyId, now: Timestamp) -> Result<Vec<NotSent>, store::Error> {
    let today = day_of(now);
    let lines = tx.reserved_until(agency_id, &Written(today).to_string(), ROWS_MAX).await?;
    let days: Vec<Option<Date>> =
        lines.iter().map(|line| line.on_day.parse::<Written>().ok().map(|day| day.0)).collect();
    let first = days.iter().flatten().min().copied().unwrap_or(today);
    let (calendar, hours) = load(tx, first, today).await?;
    let rows = lines.iter().zip(days).filter_map(|(line, day)| {
        let day = day?;
        let timer = send_timer(day, now, &calendar, &hours);
        let deadline = send_deadline(day, &calendar, &hours).to_rfc3339_vietnam();
        (timer != SendTimer::Running).then(|| NotSent { given: Given::from(line), timer, deadline })
    });
    Ok(rows.collect())
}

async fn late(
    tx: &mut Tx,
    rows: Vec<Trouble>,
    codes: &mut HashMap<AgencyId, String>,
    now: Timestamp,
) -> Result<Vec<Late>, store::Error> {
    let mut list = Vec::with_capacity(rows.len());
    for row in rows {
        let facts: serde_json::Value = serde_json::from_str(&row.facts).unwrap_or_default();
        let text = |name: &str| facts.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        list.push(Late {
            document_id: row.document_id.to_string(),
            delivery_id: row.delivery_id.map(|id| id.to_string()),
            code: text("code"),
            subject: text("subject"),
            from: code(tx, row.sender_id, codes, now).await?,
            to: code(tx, row.receiver_id, codes, now).await?,
            reason: row.reason,
            since: row.since.to_rfc3339_vietnam(),
        });
    }
    Ok(list)
}

async fn code(
    tx: &mut Tx,
    agency_id: AgencyId,
    codes: &mut HashMap<AgencyId, String>,
    now: Timestamp,
) -> Result<String, store::Error> {
    if let Some(code) = codes.get(&agency_id) {
        return Ok(code.clone());
    }
    let code =
        tx.agency(agency_id, now).await?.map(|agency| agency.code.as_str().to_owned()).unwrap_or_default();
    codes.insert(agency_id, code.clone());
    Ok(code)
}
