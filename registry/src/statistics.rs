//! Statistics of the exchange, produced from its history and never typed in (RULES R53–R56, K1–K23; QĐ 28/2018 Đ11, Đ14.3, Đ15.1).
//!
//! ```text
//! what happens ─ facts ─▶ store: a fact a row, in the transaction of what happened
//! a day that is over ─ count_finished ─▶ store: its facts, counted
//! question ─ report ─▶ days, levels as they were then ─ tallies ─▶ Figures ─▶ JSON, CSV
//! what is kept of documents ─ recount ─▶ the same facts again, or what differs
//! ```
//!
//! Everything is counted on the day it happened: a refusal in May of a document sent in April is of May. So the figures of a period
//! that is over stay as they were reported.

mod csv;
pub(crate) mod facts;
mod figures;
mod level;
mod period;
mod recount;
mod report;

pub use csv::table;
pub use facts::{DELAYS, OTHER_TYPE};
pub use figures::{Figures, Indicators, Share};
pub use level::Level;
pub use period::{BadPeriod, Basis, CUT_OFF_DAY, CutOff, Days, Period};
pub use recount::{Recounted, recount};
pub use report::{By, Line, Question, Report, report};

use std::time::Duration;

use mail::Timestamp;
use store::Store;
use time::Date;

use crate::calendar::{Written, day_of};

/// Which facts there are and how they are added up. It grows with every change of that, so that a report says how it was made (K22).
pub const VERSION: u32 = 1;

/// Agencies counted in one transaction.
const AGENCIES_AT_ONCE: i64 = 500;
/// Days counted at one call: whoever was away for long goes on at the next.
const DAYS_AT_ONCE: usize = 62;
/// How long after its end a day is counted. No transaction lives so long.
const SETTLED: Duration = Duration::from_secs(3_600);

/// Counts the days that are over, once each. Answers how many were counted.
///
/// # Errors
/// The store's own.
pub async fn count_finished(store: &Store, now: Timestamp) -> Result<usize, store::Error> {
    let today = day_of(now.minus(SETTLED));
    let begin = store.read((), |tx, ()| {
        Box::pin(async move {
            let through = tx.counted_through().await?;
            let first = if through.is_empty() { tx.first_fact_day().await? } else { None };
            Ok::<_, store::Error>((through, first))
        })
    });
    let (through, first) = begin.await?;
    let day = |text: &str| text.parse::<Written>().ok().map(|day| day.0);
    let next = day(&through).map(|day| day.saturating_add(time::Duration::DAY));
    let Some(mut next) = next.or_else(|| day(&first?)) else { return Ok(0) };
    let mut counted = 0;
    while next < today && counted < DAYS_AT_ONCE {
        count_day(store, next).await?;
        next = next.saturating_add(time::Duration::DAY);
        counted += 1;
    }
    Ok(counted)
}

async fn count_day(store: &Store, day: Date) -> Result<(), store::Error> {
    let mut after = None;
    loop {
        let page = store.write("count a day", (Written(day).to_string(), after), |tx, (day, after)| {
            Box::pin(async move {
                let agencies = tx.exchanging_agencies(*after, AGENCIES_AT_ONCE).await?;
                tx.count_day(day, &agencies).await?;
                if (agencies.len() as i64) < AGENCIES_AT_ONCE {
                    tx.set_counted_through(day).await?;
                    return Ok::<_, store::Error>(None);
                }
                Ok(agencies.last().copied())
            })
        });
        match page.await? {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}
