//! The rules as pure functions of days, hours and the calendar.

use mail::Timestamp;
use serde::Serialize;
use time::{Date, Weekday};

use crate::calendar::{Calendar, at, day_of};

/// The hours that deadlines know, in minutes after midnight. The law names none of them; these are defaults, and an
/// installation sets its own with an effective date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hours {
    /// When a morning ends (R19 `MORNING_END`): 12:00.
    pub morning_end: u32,
    /// When a receiver that has not answered is reminded (R33): 16:00.
    pub receipt_alarm: u32,
    /// When a working day ends (R20, R33): 17:00.
    pub day_end: u32,
}

impl Default for Hours {
    fn default() -> Self {
        Self { morning_end: 12 * 60, receipt_alarm: 16 * 60, day_end: 17 * 60 }
    }
}

impl Hours {
    /// The hours by their stable names.
    pub const NAMES: [&'static str; 3] = ["morning-end", "receipt-alarm", "day-end"];

    /// Sets an hour by its name; `false` when there is none of that name.
    pub fn set(&mut self, name: &str, minutes: u32) -> bool {
        let hour = match name {
            "morning-end" => &mut self.morning_end,
            "receipt-alarm" => &mut self.receipt_alarm,
            "day-end" => &mut self.day_end,
            _ => return false,
        };
        *hour = minutes;
        true
    }
}

/// Reads an hour, `11:30`, as minutes after midnight.
pub fn read_hour(text: &str) -> Option<u32> {
    match crate::package::text_numbers(text.trim(), "##:##")?[..] {
        [hour, minute] if hour < 24 && minute < 60 => Some(hour * 60 + minute),
        _ => None,
    }
}

/// R19: a document is sent until the end of the morning of the next working day after the day of its signing.
pub fn send_deadline(signed: Date, calendar: &Calendar, hours: &Hours) -> Timestamp {
    at(calendar.next_working(signed), hours.morning_end)
}

/// Where a document that was not sent yet stands (R20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendTimer {
    /// There is time.
    Running,
    /// The day of signing has ended.
    Warned,
    /// The deadline has passed.
    Breached,
}

/// R20: warned when the day of signing ends, breached after the deadline.
pub fn send_timer(signed: Date, now: Timestamp, calendar: &Calendar, hours: &Hours) -> SendTimer {
    match now {
        now if now > send_deadline(signed, calendar, hours) => SendTimer::Breached,
        now if now >= at(signed, hours.day_end) => SendTimer::Warned,
        _ => SendTimer::Running,
    }
}

/// When a receiver is reminded of a document, and when it is late with its 03 or 02.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarms {
    /// The first alarm.
    pub soon: Timestamp,
    /// The second.
    pub over: Timestamp,
}

/// R33: on the day of arrival at 16:00 and at its end; what comes outside working hours is of the next working day.
pub fn receipt_alarms(arrived: Timestamp, calendar: &Calendar, hours: &Hours) -> Alarms {
    let day = day_of(arrived);
    let counts = calendar.is_working(day) && arrived < at(day, hours.day_end);
    let day = if counts { day } else { calendar.next_working(day) };
    let soon = at(day, hours.receipt_alarm.min(hours.day_end));
    // What comes between the two is reminded of at once.
    Alarms { soon: soon.max(arrived), over: at(day, hours.day_end) }
}

/// When a document's own deadline is near, and when it has passed: at the beginning of the working day before, and after the
/// day (R85).
pub fn due_alarms(due: Date, calendar: &Calendar) -> Alarms {
    let next = due.saturating_add(time::Duration::DAY);
    Alarms { soon: at(calendar.previous_working(due), 0), over: at(next, 0) }
}

/// Whether sending on a day keeps the indicator "sent on the day of signing" (K5).
pub fn is_same_day(signed: Date, sent: Timestamp) -> bool {
    day_of(sent) == signed
}

/// A day of the week as people say it.
pub fn weekday(day: Date) -> &'static str {
    match day.weekday() {
        Weekday::Monday => "thứ Hai",
        Weekday::Tuesday => "thứ Ba",
        Weekday::Wednesday => "thứ Tư",
        Weekday::Thursday => "thứ Năm",
        Weekday::Friday => "thứ Sáu",
        Weekday::Saturday => "thứ Bảy",
        Weekday::Sunday => "Chủ nhật",
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(&format!("{text}:00+07:00")).unwrap()
    }

    /// Signed on, morning's end, to be sent until.
    #[test]
    fn t1_r19_deadline_table() {
        let calendar = Calendar::default();
        let rows = [
            (date!(2026 - 11 - 20), "2026-11-23T12:00"), // Friday → Monday
            (date!(2026 - 11 - 17), "2026-11-18T12:00"), // Tuesday → Wednesday
            (date!(2026 - 11 - 21), "2026-11-23T12:00"), // signed on a Saturday
            (date!(2026 - 02 - 13), "2026-02-23T12:00"), // the eve of Tết 2026
            (date!(2026 - 02 - 17), "2026-02-23T12:00"), // in Tết
            (date!(2025 - 01 - 24), "2025-02-03T12:00"), // the eve of Tết 2025
            (date!(2024 - 02 - 07), "2024-02-15T12:00"), // the eve of Tết 2024
            (date!(2024 - 05 - 03), "2024-05-04T12:00"), // a Friday before a make-up Saturday
            (date!(2024 - 05 - 04), "2024-05-06T12:00"), // the make-up Saturday itself
            (date!(2025 - 04 - 25), "2025-04-26T12:00"),
            (date!(2025 - 04 - 29), "2025-05-05T12:00"), // 30/4, 1/5, swapped 2/5
            (date!(2026 - 01 - 09), "2026-01-10T12:00"),
            (date!(2026 - 01 - 09), "2026-01-10T12:00"),
            (date!(2026 - 08 - 31), "2026-09-03T12:00"), // 2 September with the day before
            (date!(2026 - 04 - 24), "2026-04-28T12:00"), // Giỗ Tổ on a Sunday, made up on Monday
            (date!(2026 - 12 - 31), "2027-01-04T12:00"), // over the year's end, computed
            (date!(2027 - 02 - 04), "2027-02-12T12:00"), // the eve of a computed Tết
        ];
        for (signed, until) in rows {
            assert_eq!(send_deadline(signed, &calendar, &Hours::default()), moment(until), "{signed}");
        }
        let early = Hours { morning_end: 11 * 60 + 30, ..Hours::default() };
        assert_eq!(send_deadline(date!(2026 - 11 - 20), &calendar, &early), moment("2026-11-23T11:30"));
    }

    #[test]
    fn r20_warned_at_the_end_of_the_signing_day_and_breached_at_the_deadline() {
        let calendar = Calendar::default();
        let rows = [
            ("2026-11-20T16:59", SendTimer::Running),
            ("2026-11-20T17:00", SendTimer::Warned),
            ("2026-11-23T12:00", SendTimer::Warned),
            ("2026-11-23T12:01", SendTimer::Breached),
        ];
        for (now, timer) in rows {
            assert_eq!(
                send_timer(date!(2026 - 11 - 20), moment(now), &calendar, &Hours::default()),
                timer,
                "{now}"
            );
        }
    }

    /// Arrived, reminded, late.
    #[test]
    fn r33_receipt_alarms() {
        let calendar = Calendar::default();
        let rows = [
            ("2026-11-20T08:00", "2026-11-20T16:00", "2026-11-20T17:00"),
            ("2026-11-20T00:10", "2026-11-20T16:00", "2026-11-20T17:00"),
            ("2026-11-20T16:30", "2026-11-20T16:30", "2026-11-20T17:00"),
            ("2026-11-20T17:00", "2026-11-23T16:00", "2026-11-23T17:00"), // Friday evening
            ("2026-11-22T08:00", "2026-11-23T16:00", "2026-11-23T17:00"), // Sunday
            ("2026-02-16T09:00", "2026-02-23T16:00", "2026-02-23T17:00"), // in Tết
            ("2026-01-10T09:00", "2026-01-10T16:00", "2026-01-10T17:00"), // a make-up Saturday
        ];
        for (arrived, soon, over) in rows {
            let alarms = receipt_alarms(moment(arrived), &calendar, &Hours::default());
            assert_eq!(alarms, Alarms { soon: moment(soon), over: moment(over) }, "{arrived}");
        }
    }

    #[test]
    fn r85_alarms_of_a_documents_own_deadline() {
        let calendar = Calendar::default();
        let expected = Alarms { soon: moment("2026-11-20T00:00"), over: moment("2026-11-24T00:00") };
        assert_eq!(due_alarms(date!(2026 - 11 - 23), &calendar), expected);
    }

    #[test]
    fn k5_the_day_is_vietnams() {
        let signed = date!(2026 - 11 - 20);
        assert!(
            is_same_day(signed, moment("2026-11-20T23:59"))
                && !is_same_day(signed, moment("2026-11-21T00:00"))
        );
    }

    #[test]
    fn hours_are_read_and_set_by_name() {
        assert_eq!(read_hour("11:30"), Some(690));
        assert!(["24:00", "11:60", "11h30", "1:30", ""].into_iter().all(|text| read_hour(text).is_none()));
        let mut hours = Hours::default();
        assert!(Hours::NAMES.into_iter().all(|name| hours.set(name, 690)) && !hours.set("lunch", 690));
        assert_eq!(hours, Hours { morning_end: 690, receipt_alarm: 690, day_end: 690 });
    }
}
