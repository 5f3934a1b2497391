//! The periods of reports: calendar ones, and those of NĐ 09/2019, which end before the calendar's (RULES R56, K21).

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use time::{Date, Duration, Month};

use crate::calendar::Written;

/// The day on which a reporting period begins, in the month before its first (NĐ 09/2019; RULES R56): a parameter, because the
/// number was remembered and not read.
pub const CUT_OFF_DAY: u8 = 15;

/// A month, a quarter, half a year or a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    year: i32,
    first_month: u8,
    months: u8,
}

/// The text names no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a period: 2026-11, 2026-Q4, 2026-H2 or 2026 (không phải kỳ báo cáo: 2026-11, 2026-Q4, 2026-H2 hoặc 2026)"
)]
pub struct BadPeriod;

impl FromStr for Period {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        let numbers = |pattern: &str| crate::package::text_numbers(text, pattern);
        let (year, number, months) = match text.get(5..6) {
            None => (numbers("####"), 1, 12),
            Some(letter @ ("Q" | "H")) => {
                let digit = text.get(6..).and_then(|n| n.parse::<u8>().ok()).ok_or(BadPeriod)?;
                let year = crate::package::text_numbers(text.get(..4).unwrap_or_default(), "####");
                (
                    year.filter(|_| text.get(4..5) == Some("-") && text.len() == 7),
                    digit,
                    if letter == "Q" { 3 } else { 6 },
                )
            }
            Some(_) => {
                let both = numbers("####-##").ok_or(BadPeriod)?;
                let month = both.get(1).and_then(|n| u8::try_from(*n).ok()).ok_or(BadPeriod)?;
                (both.first().map(|year| vec![*year]), month, 1)
            }
        };
        let year = year.and_then(|year| i32::try_from(*year.first()?).ok()).ok_or(BadPeriod)?;
        let first_month =
            number.checked_sub(1).map(|before| u32::from(before) * months + 1).ok_or(BadPeriod)?;
        match u8::try_from(first_month) {
            Ok(first_month) if first_month <= 12 && (1900..=9998).contains(&year) => {
                Ok(Self { year, first_month, months: u8::try_from(months).unwrap_or(12) })
            }
            _ => Err(BadPeriod),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = (self.first_month - 1) / self.months + 1;
        match self.months {
            1 => write!(f, "{:04}-{:02}", self.year, self.first_month),
            3 => write!(f, "{:04}-Q{part}", self.year),
            6 => write!(f, "{:04}-H{part}", self.year),
            _ => write!(f, "{:04}", self.year),
        }
    }
}

/// Where periods begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// With the calendar's months.
    Calendar,
    /// From a day of the month before the first to the day before it in the last month (NĐ 09/2019): 15 and 14.
    Reporting(CutOff),
}

/// The day of a month on which reporting periods begin: every month has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff(u8);

impl CutOff {
    /// A day from 2 to 28.
    pub fn new(day: u8) -> Option<Self> {
        (2..=28).contains(&day).then_some(Self(day))
    }
}

impl Default for CutOff {
    fn default() -> Self {
        Self(CUT_OFF_DAY)
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calendar => f.write_str("calendar"),
            Self::Reporting(CutOff(day)) => write!(f, "reporting-{day}"),
        }
    }
}

/// Days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Days {
    /// The first.
    #[serde(serialize_with = "crate::calendar::iso")]
    pub from: Date,
    /// The last.
    #[serde(serialize_with = "crate::calendar::iso")]
    pub to: Date,
}

impl Days {
    /// The two as they are written.
    pub fn texts(&self) -> (String, String) {
        (Written(self.from).to_string(), Written(self.to).to_string())
    }
}

impl Period {
    /// The days it has.
    pub fn days(&self, basis: Basis) -> Days {
        // Months counted from the year 0, so that December before a January is simply one less.
        let first = self.year * 12 + i32::from(self.first_month) - 1;
        let after = first + i32::from(self.months);
        let (from, end) = match basis {
            Basis::Calendar => (day(first, 1), day(after, 1)),
            Basis::Reporting(CutOff(cut)) => (day(first - 1, cut), day(after - 1, cut)),
        };
        Days { from, to: end.saturating_sub(Duration::DAY) }
    }
}

/// A day of a month counted from the year 0; every month has it.
fn day(month: i32, day: u8) -> Date {
    let number = u8::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
    let named = Month::try_from(number).unwrap_or(Month::January);
    Date::from_calendar_date(month.div_euclid(12), named, day).unwrap_or(Date::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r56_k21_periods_begin_and_end_where_the_calendar_and_the_decree_say() {
        let rows = [
            ("2026-11", "2026-11-01..2026-11-30", "2026-10-15..2026-11-14"),
            ("2026-01", "2026-01-01..2026-01-31", "2025-12-15..2026-01-14"),
            ("2028-02", "2028-02-01..2028-02-29", "2028-01-15..2028-02-14"),
            ("2026-Q1", "2026-01-01..2026-03-31", "2025-12-15..2026-03-14"),
            ("2026-Q4", "2026-10-01..2026-12-31", "2026-09-15..2026-12-14"),
            ("2026-H1", "2026-01-01..2026-06-30", "2025-12-15..2026-06-14"),
            ("2026-H2", "2026-07-01..2026-12-31", "2026-06-15..2026-12-14"),
            ("2026", "2026-01-01..2026-12-31", "2025-12-15..2026-12-14"),
        ];
        let written = |days: Days| {
            let (from, to) = days.texts();
            format!("{from}..{to}")
        };
        for (text, calendar, reporting) in rows {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.to_string(), text);
            assert_eq!(written(period.days(Basis::Calendar)), calendar, "{text}");
            assert_eq!(written(period.days(Basis::Reporting(CutOff::default()))), reporting, "{text}");
        }
        // The number is a parameter.
        let days = "2026-Q4".parse::<Period>().unwrap().days(Basis::Reporting(CutOff::new(20).unwrap()));
        assert_eq!(written(days), "2026-09-20..2026-12-19");
    }

    #[test]
    fn r56_what_is_no_period_is_refused() {
        for text in [
            "", "26", "2026-", "2026-00", "2026-13", "2026-Q0", "2026-Q5", "2026-H3", "2026-q1", "2026-Q",
            "2026xQ1", "2026-Q11", "năm nay", "2026-1",
        ] {
            assert_eq!(text.parse::<Period>(), Err(BadPeriod), "{text:?}");
        }
        for day in [0, 1, 29, 31] {
            assert_eq!(CutOff::new(day), None, "{day}");
        }
    }
}
