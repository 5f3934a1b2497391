//! Until when to send, to answer, to finish; and who is late (RULES R19, R20, R27, R33, R85).
//!
//! [`rules`] are pure. What a document's acceptance fixes is written in the accepting transaction and not judged again; what a
//! receiver owes is watched, and each alarm is raised once, whichever node looks.

mod keep;
mod overdue;
mod raise;
mod rules;

use mail::Timestamp;
use store::{DeclaredDay, Store, Tx};
use time::{Date, Duration};

pub(crate) use keep::{accepted, heard, signed_on};
pub use overdue::{Late, NotSent, Overdue, overdue};
pub use raise::raise;
pub use rules::{
    Alarms, Hours, SendTimer, due_alarms, is_same_day, read_hour, receipt_alarms, send_deadline, send_timer,
    weekday,
};

use crate::calendar::{Calendar, DECLARED_MAX, DayKind, Written, day_of};

/// How far around a day the declared days are read: longer than any row of days of rest.
const AROUND: Duration = Duration::days(60);

/// The calendar around some days, and the hours of the later of them.
pub(crate) async fn load(tx: &mut Tx, from: Date, to: Date) -> Result<(Calendar, Hours), store::Error> {
    let first = Written(from.saturating_sub(AROUND)).to_string();
    let last = Written(to.saturating_add(AROUND)).to_string();
    let mut calendar = Calendar::default();
    for declared in tx.declared_days(&first, &last, DECLARED_MAX).await? {
        let read = (declared.day.parse::<Written>(), DayKind::named(&declared.kind));
        if let (Ok(day), Some(kind)) = read {
            calendar.declare(day.0, kind, &declared.why, &declared.declared_by);
        }
    }
    let mut hours = Hours::default();
    for (name, minutes) in tx.hours_until(&Written(to).to_string()).await? {
        hours.set(&name, u32::try_from(minutes).unwrap_or_default());
    }
    Ok((calendar, hours))
}

/// The calendar of a year with what was declared here, and today's hours.
///
/// # Errors
/// The store's own.
pub async fn calendar_of(
    store: &Store,
    year: i32,
    now: Timestamp,
) -> Result<(Calendar, Hours), store::Error> {
    let day = |month| Date::from_calendar_date(year, month, 1).unwrap_or(Date::MIN);
    let (from, to) = (day(time::Month::January), day(time::Month::December));
    store
        .read((from, to, day_of(now)), |tx, (from, to, today)| {
            Box::pin(async move {
                let (calendar, _) = load(tx, *from, *to).await?;
                let (_, hours) = load(tx, *today, *today).await?;
                Ok((calendar, hours))
            })
        })
        .await
}

/// Until when a document signed on a day has to be sent (R19), by the calendar as it is declared here: also the end of trying
/// again for what carries it further (R26).
///
/// # Errors
/// The store's own.
pub async fn send_until(store: &Store, signed: Date) -> Result<Timestamp, store::Error> {
    let loaded =
        store.read(signed, |tx, signed| Box::pin(async move { load(tx, *signed, *signed).await })).await?;
    let (calendar, hours) = loaded;
    Ok(send_deadline(signed, &calendar, &hours))
}

/// Declares a day of rest or of work (an announced Tết, a swapped or make-up day), over everything else that is known of it.
/// What was judged before stays as it was.
///
/// # Errors
/// [`store::Error::Full`], or the store's trouble.
pub async fn declare_day(
    store: &Store,
    day: Date,
    kind: DayKind,
    why: &str,
    by: &str,
    now: Timestamp,
) -> Result<(), store::Error> {
    let declared = DeclaredDay {
        day: Written(day).to_string(),
        kind: kind.as_str().to_owned(),
        why: mail::text::clip(why, 1_000).to_owned(),
        declared_at: now,
        declared_by: by.to_owned(),
    };
    store
        .write("declare a day", declared, |tx, declared| {
            Box::pin(async move {
                tx.declare_day(declared, DECLARED_MAX).await?;
                let detail = serde_json::json!({ "day": declared.day, "kind": declared.kind });
                keep::audit_calendar(tx, &declared.declared_by, &detail, declared.declared_at).await
            })
        })
        .await
}

/// Takes the declaration of a day back; `false` when there was none.
///
/// # Errors
/// The store's own.
pub async fn withdraw_day(store: &Store, day: Date, by: &str, now: Timestamp) -> Result<bool, store::Error> {
    store
        .write("withdraw a day", (Written(day).to_string(), by.to_owned()), move |tx, (day, by)| {
            Box::pin(async move {
                let gone = tx.withdraw_day(day).await?;
                if gone {
                    let detail = serde_json::json!({ "day": day, "kind": null });
                    keep::audit_calendar(tx, by, &detail, now).await?;
                }
                Ok(gone)
            })
        })
        .await
}

/// Sets an hour ([`Hours::NAMES`]) from a day on; `false` when there is no hour of that name.
///
/// # Errors
/// The store's own.
pub async fn set_hour(
    store: &Store,
    name: &str,
    minutes: u32,
    from: Date,
    by: &str,
    now: Timestamp,
) -> Result<bool, store::Error> {
    if !Hours::NAMES.contains(&name) {
        return Ok(false);
    }
    let input = (name.to_owned(), Written(from).to_string(), by.to_owned());
    store
        .write("set an hour", input, move |tx, (name, from, by)| {
            Box::pin(async move {
                tx.set_hour(name, from, i64::from(minutes)).await?;
                let detail = serde_json::json!({ "hour": name, "minutes": minutes, "from": from });
                keep::audit_calendar(tx, by, &detail, now).await?;
                Ok(true)
            })
        })
        .await
}
