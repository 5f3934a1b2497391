//! When what did not get through is tried again, and until when (RULES R19, R26), as pure data.

use std::collections::BTreeSet;
use std::time::Duration;

use mail::Timestamp;
use time::{Date, Weekday};

/// Pauses after the first attempts; then every half hour (RULES R26).
const PAUSES: [u64; 5] = [30, 60, 120, 240, 480];
/// The pause that repeats.
const HALF_HOUR: u64 = 30 * 60;
/// How often an operator may have one package sent again before somebody else has to decide (RULES R26).
pub const RESENDS_MAX: i64 = 5;
/// Beyond this the clocks of two axes are said to differ (RULES R51).
pub const CLOCK_WARN: Duration = Duration::from_secs(5);
/// Beyond this nothing is sent (RULES R51).
pub const CLOCK_STOP: Duration = Duration::from_secs(60);
/// A calendar with more holidays in a row than this has an error in it.
const DAYS_MAX: usize = 60;

/// The pause after attempt number `attempts` (1 is the first).
pub fn pause_after(attempts: i64) -> Duration {
    let step = usize::try_from(attempts.max(1) - 1).unwrap_or(usize::MAX);
    Duration::from_secs(PAUSES.get(step).copied().unwrap_or(HALF_HOUR))
}

/// Which days are worked, and until when a morning lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Days off besides Saturdays and Sundays.
    pub holidays: BTreeSet<Date>,
    /// Saturdays and Sundays that are worked instead.
    pub made_up: BTreeSet<Date>,
    /// When the morning ends.
    pub morning_end: time::Time,
    /// When the office opens and closes.
    pub office: (time::Time, time::Time),
}

impl Calendar {
    /// Whether a day is worked.
    pub fn is_working_day(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.made_up.contains(&day) || (!weekend && !self.holidays.contains(&day))
    }

    /// The end of the morning of the next working day (QĐ 28/2018 Đ6.2, RULES R19).
    pub fn deadline(&self, from: Timestamp) -> Timestamp {
        let mut day = from.to_vietnam().date();
        for _ in 0..DAYS_MAX {
            day = day.next_day().unwrap_or(day);
            if self.is_working_day(day) {
                break;
            }
        }
        Timestamp::from_datetime(day.with_time(self.morning_end).assume_offset(mail::VIETNAM))
    }

    /// Whether somebody is at work.
    pub fn is_office_hour(&self, now: Timestamp) -> bool {
        let here = now.to_vietnam();
        let (opens, closes) = self.office;
        self.is_working_day(here.date()) && (opens..closes).contains(&here.time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime, time};

    fn calendar() -> Calendar {
        Calendar {
            holidays: [date!(2027 - 02 - 05), date!(2027 - 02 - 08), date!(2027 - 02 - 09)].into(),
            made_up: [date!(2027 - 02 - 13)].into(),
            morning_end: time!(12:00),
            office: (time!(7:30), time!(17:00)),
        }
    }

    fn at(moment: time::PrimitiveDateTime) -> Timestamp {
        Timestamp::from_datetime(moment.assume_offset(mail::VIETNAM))
    }

    #[test]
    fn r26_the_schedule() {
        let seconds: Vec<u64> = (0..=8).map(|n| pause_after(n).as_secs()).collect();
        assert_eq!(seconds, [30, 30, 60, 120, 240, 480, 1800, 1800, 1800]);
        assert_eq!(pause_after(i64::MAX).as_secs(), 1800);
    }

    #[test]
    fn r19_the_deadline() {
        let rows = [
            // Friday afternoon, Tuesday morning, the eve of the holidays, a night, the Friday before a day that is made up.
            (datetime!(2026-11-27 16:00), datetime!(2026-11-30 12:00)),
            (datetime!(2026-11-24 08:00), datetime!(2026-11-25 12:00)),
            (datetime!(2027-02-04 15:00), datetime!(2027-02-10 12:00)),
            (datetime!(2026-11-24 23:59:59), datetime!(2026-11-25 12:00)),
            (datetime!(2027-02-12 16:00), datetime!(2027-02-13 12:00)),
            (datetime!(2027-02-13 16:00), datetime!(2027-02-15 12:00)),
        ];
        for (signed, deadline) in rows {
            assert_eq!(calendar().deadline(at(signed)), at(deadline), "{signed}");
        }
    }

    #[test]
    fn r71_office_hours() {
        let rows = [
            (datetime!(2026-11-24 07:29:59), false),
            (datetime!(2026-11-24 07:30), true),
            (datetime!(2026-11-24 16:59:59), true),
            (datetime!(2026-11-24 17:00), false),
            (datetime!(2026-11-28 10:00), false),
            (datetime!(2027-02-08 10:00), false),
            (datetime!(2027-02-13 10:00), true),
        ];
        for (moment, open) in rows {
            assert_eq!(calendar().is_office_hour(at(moment)), open, "{moment}");
        }
    }
}
