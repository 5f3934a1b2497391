//! Dates (RFC 9051 §9, `date` and `date-time`).
//!
//! A day of SEARCH is a day of Vietnam, UTC+07:00, whatever the message's own zone: it is the day the person sees. RFC 9051 §6.4.4
//! disregards zones altogether, which only a server can do that compares texts; an index compares moments.

use mail::{Timestamp, VIETNAM};

use super::super::MONTHS;
use super::cursor::Cursor;
use super::{Fault, Parsed};

const WRONG: Fault = Fault::Bad("Wrong date");
const DAY: i64 = 86_400;

/// Where a day begins and where it ends.
pub(super) struct Day {
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

impl Cursor<'_> {
    /// `date`, quoted or not.
    pub(super) fn day(&mut self) -> Parsed<Day> {
        let is_quoted = self.eat(b'"');
        let days = self.calendar_day()?;
        if is_quoted {
            self.need(b'"', "Wrong date")?;
        }
        let begins = days * DAY - i64::from(VIETNAM.whole_seconds());
        Ok(Day { begins: Timestamp::from_secs(begins), ends: Timestamp::from_secs(begins + DAY) })
    }

    /// `date-time`. Tolerated: a day of one digit without the blank before it.
    pub(super) fn date_time(&mut self) -> Parsed<Timestamp> {
        self.need(b'"', "Wrong date")?;
        self.eat(b' ');
        let days = self.calendar_day()?;
        self.need(b' ', "Wrong date")?;
        let (hour, minute, second) = (self.two(24)?, self.colon_two(60)?, self.colon_two(61)?);
        self.need(b' ', "Wrong date")?;
        let sign = match (self.eat(b'+'), self.eat(b'-')) {
            (true, _) => 1,
            (_, true) => -1,
            _ => return Err(WRONG),
        };
        let zone = sign * (self.two(24)? * 3600 + self.two(60)? * 60);
        self.need(b'"', "Wrong date")?;
        Ok(Timestamp::from_secs(days * DAY + hour * 3600 + minute * 60 + second - zone))
    }

    /// Days since 1970 of `1-Feb-1994`.
    fn calendar_day(&mut self) -> Parsed<i64> {
        let day: i64 = self.digits(2)?;
        self.need(b'-', "Wrong date")?;
        let name = self.run(|byte| byte.is_ascii_alphabetic());
        let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name)).ok_or(WRONG)?;
        self.need(b'-', "Wrong date")?;
        let year: i64 = self.digits(4)?;
        let month = month as i64 + 1;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + i64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (1..=days).contains(&day).then(|| days_from_civil(year, month, day)).ok_or(WRONG)
    }

    fn digits(&mut self, most: usize) -> Parsed<i64> {
        let digits = self.run(|byte| byte.is_ascii_digit());
        (digits.len() <= most).then(|| digits.parse().ok()).flatten().ok_or(WRONG)
    }

    fn two(&mut self, below: i64) -> Parsed<i64> {
        let mut number = 0;
        for _ in 0..2 {
            let digit = self.peek().filter(u8::is_ascii_digit).ok_or(WRONG)?;
            self.eat(digit);
            number = number * 10 + i64::from(digit - b'0');
        }
        (number < below).then_some(number).ok_or(WRONG)
    }

    fn colon_two(&mut self, below: i64) -> Parsed<i64> {
        self.need(b':', "Wrong date")?;
        self.two(below)
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, for years from 0 on.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Limits;

    #[test]
    #[rustfmt::skip]
    fn rfc_9051_9_dates() {
        let limits = Limits::default();
        let rows = [
            ("\"17-Jul-1996 02:44:25 -0700\"", Some("1996-07-17T09:44:25Z")),
            ("\" 1-Feb-1994 21:52:25 -0800\"", Some("1994-02-02T05:52:25Z")),
            ("\"1-feb-1994 21:52:25 +0700\"",  Some("1994-02-01T14:52:25Z")),
            ("\"29-Feb-2000 00:00:00 +0000\"", Some("2000-02-29T00:00:00Z")),
            ("\"29-Feb-1900 00:00:00 +0000\"", None),
            ("\"01-Jan-1970 24:00:00 +0000\"", None),
            ("\"01-Jan-70 00:00:00 +0000\"",   Some("0070-01-01T00:00:00Z")),
            ("\"01-Jan-1970 00:00:00\"",       None),
            ("01-Jan-1970 00:00:00 +0000",     None),
        ];
        for (text, expected) in rows {
            let read = Cursor::new(text.as_bytes(), Vec::new(), false, &limits).date_time();
            assert_eq!(read.ok().map(|t| t.to_rfc3339_utc()).as_deref(), expected, "{text}");
        }
        for text in ["22-Nov-2026", "\"22-nov-2026\""] {
            let day = Cursor::new(text.as_bytes(), Vec::new(), false, &limits).day().ok().unwrap();
            assert_eq!(day.begins.to_rfc3339_vietnam(), "2026-11-22T00:00:00+07:00");
            assert_eq!(day.ends.to_rfc3339_vietnam(), "2026-11-23T00:00:00+07:00");
        }
    }
}
