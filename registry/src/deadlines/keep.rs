//! What the acceptance of a document fixes: when it was signed, until when it had to be sent, and what its receivers owe.

use mail::{AgencyId, OwnerId, Timestamp};
use serde::Deserialize;
use store::{Audit, Deadline, Document, NewDocument, NewReceiver, Stage, Tx, Watch, WatchKind};
use time::Date;

use super::rules::{Alarms, due_alarms, is_same_day, receipt_alarms, send_deadline};
use super::{Calendar, Hours, load};
use crate::calendar::{Written, day_of, read_day};
use crate::package::{self, BusinessType, Package};
use crate::registers;
use crate::status::State;

/// Years a deadline may lie ahead; a later one is a mistake of whoever wrote it and is not watched.
const DUE_YEARS_MAX: i32 = 10;

/// When a document was signed, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signed {
    on: Date,
    /// What the day rests on.
    by: &'static str,
    leader_at: Option<Timestamp>,
    sealed_at: Option<Timestamp>,
}

/// The part of a judgement that is read here.
#[derive(Deserialize)]
struct Judgement {
    #[serde(default)]
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    role: String,
    integrity: String,
    time: Option<String>,
}

impl Signed {
    /// From the judgement of the main document, else from the date the document states (R19: the day of signing).
    fn read(verdict: &str, stated: &str) -> Option<Self> {
        let judgements: Vec<Judgement> = serde_json::from_str(verdict).unwrap_or_default();
        let signatures = judgements.into_iter().next().map(|main| main.signatures).unwrap_or_default();
        // What was changed after signing proves no time.
        let of = |role: &str| {
            let times = signatures.iter().filter(|s| s.role == role && s.integrity == "intact");
            times.filter_map(|s| Timestamp::parse_rfc3339(s.time.as_deref()?).ok()).max()
        };
        let (leader_at, sealed_at) = (of("leader"), of("agency"));
        let (on, by) = match leader_at.or(sealed_at) {
            Some(moment) => (day_of(moment), "signature"),
            None => (read_day(stated)?, "date"),
        };
        Some(Self { on, by, leader_at, sealed_at })
    }
}

/// The day a document was signed, as far as is known: by its signatures, else as it states.
pub(crate) fn signed_on(verdict: &str, stated: &str) -> Option<Date> {
    Signed::read(verdict, stated).map(|signed| signed.on)
}

/// A package was accepted: what its time was is kept, its receivers are watched, its line is written into the sender's
/// book. In the accepting transaction. Answers what is kept of its time. Recalls and updates are acts about a document and have no deadline of their own.
pub(crate) async fn accepted(
    tx: &mut Tx,
    package: &Package,
    new: &NewDocument,
    receivers: &[NewReceiver],
    now: Timestamp,
) -> Result<Option<Deadline>, store::Error> {
    let Package::Document(document) = package else { return Ok(None) };
    if !matches!(document.business_type(), BusinessType::New | BusinessType::Replacement) {
        return Ok(None);
    }
    let today = day_of(now);
    let signed = Signed::read(&new.verdict, &document.promulgation_info.date);
    let from = signed.map_or(today, |signed| signed.on.min(today));
    let (calendar, hours) = load(tx, from, today).await?;
    let kept = signed.map(|signed| deadline(new, signed, &calendar, &hours, now));
    if let Some(kept) = &kept {
        tx.put_deadline(kept).await?;
    }
    for receiver in receivers {
        let watch = |watch, alarms: Alarms| Watch {
            agency_id: receiver.receiver_id,
            document_id: new.document_id,
            watch,
            sender_id: new.agency_id,
            stage: Stage::Ahead,
            alarm_at: alarms.soon,
            deadline: alarms.over,
        };
        tx.add_watch(&watch(WatchKind::Receipt, receipt_alarms(now, &calendar, &hours))).await?;
        if let Some(due) = due_day(document, receiver, today) {
            tx.add_watch(&watch(WatchKind::Due, due_alarms(due, &calendar))).await?;
        }
    }
    registers::sent(tx, document, new, now).await?;
    Ok(kept)
}

fn deadline(
    new: &NewDocument,
    signed: Signed,
    calendar: &Calendar,
    hours: &Hours,
    now: Timestamp,
) -> Deadline {
    let until = send_deadline(signed.on, calendar, hours);
    Deadline {
        agency_id: new.agency_id,
        document_id: new.document_id,
        signed_on: Written(signed.on).to_string(),
        signed_by: signed.by.to_owned(),
        signed_at: signed.leader_at,
        sealed_at: signed.sealed_at,
        sent_at: now,
        send_deadline: until,
        is_late: now > until,
        is_same_day: is_same_day(signed.on, now),
    }
}

/// A receiver's own deadline, else the document's.
fn due_day(document: &package::Document, receiver: &NewReceiver, today: Date) -> Option<Date> {
    let own = document.to.iter().find(|party| party.organ_id == receiver.code);
    let due = own.and_then(|party| read_day(&party.due_date)).or_else(|| read_day(&document.due_date))?;
    (due.year() <= today.year() + DUE_YEARS_MAX).then_some(due)
}

/// A receiver's word moved a document: what it no longer owes is not watched, and what it has taken in has its arrival number.
/// In the transaction of the status.
pub(crate) async fn heard(
    tx: &mut Tx,
    receiver_id: AgencyId,
    about: &Document,
    state: State,
    now: Timestamp,
) -> Result<(), store::Error> {
    for kind in [WatchKind::Receipt, WatchKind::Due] {
        if is_met(kind, state) {
            tx.end_watch(receiver_id, about.document_id, kind).await?;
        }
    }
    registers::heard(tx, receiver_id, about, state, now).await
}

/// Whether a receiver owes nothing more of a kind.
pub(super) fn is_met(kind: WatchKind, state: State) -> bool {
    match kind {
        WatchKind::Receipt => !matches!(state, State::Delivered | State::Arrived),
        WatchKind::Due => matches!(state, State::Done | State::Returned | State::Cancelled),
    }
}

/// The calendar is nobody's, so its changes are in the installation's own part of the audit log.
pub(super) async fn audit_calendar(
    tx: &mut Tx,
    by: &str,
    detail: &serde_json::Value,
    now: Timestamp,
) -> Result<(), store::Error> {
    let house = OwnerId::from_bytes([0; 16]);
    tx.audit(house, now, by, Audit::CalendarChanged, "", &detail.to_string()).await
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn r19_the_day_of_signing_is_the_leaders_then_the_seals_then_the_stated_one() {
        let signature = |role: &str, integrity: &str, time: &str| {
            format!(r#"{{"role":"{role}","integrity":"{integrity}","time":{time},"more":1}}"#)
        };
        let leader = signature("leader", "intact", r#""2026-11-20T23:30:00+07:00""#);
        let seal = signature("agency", "intact", r#""2026-11-21T08:00:00+07:00""#);
        let broken = signature("leader", "broken", r#""2026-11-01T08:00:00+07:00""#);
        let silent = signature("leader", "intact", "null");
        let verdict = |signatures: &[&str]| {
            format!(r#"[{{"signatures":[{}]}},{{"signatures":[]}}]"#, signatures.join(","))
        };
        let rows = [
            (verdict(&[&leader, &seal]), Some((date!(2026 - 11 - 20), "signature"))),
            (verdict(&[&seal]), Some((date!(2026 - 11 - 21), "signature"))),
            (verdict(&[&broken, &silent]), Some((date!(2026 - 11 - 19), "date"))),
            ("{}".to_owned(), Some((date!(2026 - 11 - 19), "date"))),
        ];
        for (verdict, expected) in rows {
            let signed = Signed::read(&verdict, "2026/11/19").map(|signed| (signed.on, signed.by));
            assert_eq!(signed, expected, "{verdict}");
        }
        assert_eq!(Signed::read("{}", "hôm qua"), None);
    }
}
