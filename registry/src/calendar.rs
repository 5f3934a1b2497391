//! Working days in Vietnam (RULES R19): Monday to Friday, less public holidays, more declared make-up days.
//!
//! Pure: what an operator declared is handed in. A day is answered by the first that knows it: what was declared here,
//! what the government announced ([`announced`]), what the Labour Code says of a year nobody has announced
//! ([`computed`]), the day of the week. All days are days of Vietnam's clock, +07:00 without summer time.

mod announced;
mod computed;
pub mod lunar;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mail::{Timestamp, VIETNAM};
use serde::Serialize;
use time::{Date, Duration, Month, Time, Weekday};

/// What a day is, beyond its place in the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayKind {
    /// Nobody works, whatever the day of the week.
    Holiday,
    /// People work, though it may be a Saturday.
    Working,
}

impl DayKind {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holiday => "holiday",
            Self::Working => "working",
        }
    }

    /// The kind of a word.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Holiday, Self::Working].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How sure a day of the calendar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Declared by this installation's operator.
    Declared,
    /// Fixed by law: the date is in the Labour Code.
    Law,
    /// Announced by the government; its number and its dates are known, from the announcement or from who quotes it.
    Announced,
    /// Announced, known from the press only.
    Reported,
    /// Computed by rule for a year without an announcement.
    Computed,
    /// Intended, not law as far as known: shown, and not counted.
    Proposed,
}

impl Certainty {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Declared, "declared"),
        (Self::Law, "law"),
        (Self::Announced, "announced"),
        (Self::Reported, "reported"),
        (Self::Computed, "computed"),
        (Self::Proposed, "proposed"),
    ];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(this, _)| *this == self).map_or("", |(_, word)| word)
    }

    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(this, _)| *this)
    }

    /// For people.
    pub fn vi(self) -> &'static str {
        match self {
            Self::Declared => "khai báo tại đây",
            Self::Law => "luật định",
            Self::Announced => "đã thông báo",
            Self::Reported => "theo báo chí",
            Self::Computed => "tính toán, chưa thông báo",
            Self::Proposed => "chủ trương, chưa tính",
        }
    }
}

/// A day that is not what its place in the week says, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day.
    #[serde(serialize_with = "iso")]
    pub day: Date,
    /// What it is.
    pub kind: DayKind,
    /// How sure.
    pub certainty: Certainty,
    /// What it is called.
    pub name: String,
    /// Where it comes from.
    pub source: String,
}

/// Writes a day as `2026-11-22`.
pub(crate) fn iso<S: serde::Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Written(*day))
}

/// A day as `2026-11-22`, to write and to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written(pub Date);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

/// The text is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day in the form 2026-11-22 (không phải ngày dạng 2026-11-22)")]
pub struct BadDay;

impl FromStr for Written {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        let numbers = crate::package::text_numbers(text.trim(), "####-##-##").ok_or(BadDay)?;
        day(&numbers).map(Self).ok_or(BadDay)
    }
}

/// A day from year, month and day.
fn day(numbers: &[u32]) -> Option<Date> {
    let &[year, month, day] = numbers else { return None };
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

/// A day as packages write it: `2026/11/22`, `2026-11-22`, `22/11/2026`, `22-11-2026` (RULES E6, VXP 4.1); what follows the
/// day is not looked at.
pub fn read_day(text: &str) -> Option<Date> {
    let text: String = text.trim().chars().take(10).map(|c| if c == '-' { '/' } else { c }).collect();
    if let Some(numbers) = crate::package::text_numbers(&text, "####/##/##") {
        return day(&numbers);
    }
    let mut numbers = crate::package::text_numbers(&text, "##/##/####")?;
    numbers.reverse();
    day(&numbers)
}

/// The day of a moment, by Vietnam's clock.
pub fn day_of(moment: Timestamp) -> Date {
    moment.to_vietnam().date()
}

/// The moment when a clock in Vietnam shows `minutes` after midnight of a day.
pub fn at(day: Date, minutes: u32) -> Timestamp {
    let midnight = Timestamp::from_datetime(day.with_time(Time::MIDNIGHT).assume_offset(VIETNAM));
    midnight.plus(std::time::Duration::from_secs(u64::from(minutes) * 60))
}

/// Days an operator may declare; further ones are refused. Ten years of every holiday and its make-up day fit.
pub const DECLARED_MAX: i64 = 1_000;

/// The calendar: what was declared here over what everybody knows.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    declared: BTreeMap<Date, Day>,
}

impl Calendar {
    /// Declares a day, over everything else that is known of it.
    pub fn declare(&mut self, day: Date, kind: DayKind, name: &str, source: &str) {
        let declared = Day {
            day,
            kind,
            certainty: Certainty::Declared,
            name: name.to_owned(),
            source: source.to_owned(),
        };
        self.declared.insert(day, declared);
    }

    /// The special days of a year, in order, the intended ones included.
    pub fn year(&self, year: i32) -> Vec<Day> {
        let mut days: BTreeMap<Date, Day> = known(year).iter().map(|day| (day.day, day.clone())).collect();
        days.extend(self.declared.iter().filter(|(day, _)| day.year() == year).map(|(k, v)| (*k, v.clone())));
        days.into_values().collect()
    }

    /// What a day is by declaration or by the year's holidays, if anything that counts.
    fn kind(&self, day: Date) -> Option<DayKind> {
        if let Some(declared) = self.declared.get(&day) {
            return Some(declared.kind);
        }
        let counts = |known: &&Day| known.day == day && known.certainty != Certainty::Proposed;
        known(day.year()).iter().find(counts).map(|known| known.kind)
    }

    /// Whether people work on a day.
    pub fn is_working(&self, day: Date) -> bool {
        match self.kind(day) {
            Some(kind) => kind == DayKind::Working,
            None => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
        }
    }

    /// The first working day after a day.
    pub fn next_working(&self, day: Date) -> Date {
        self.walk(day, Duration::DAY)
    }

    /// The last working day before a day.
    pub fn previous_working(&self, day: Date) -> Date {
        self.walk(day, -Duration::DAY)
    }

    /// A year without a working day is a mistake of whoever declared it: after it the walk ends where it is.
    fn walk(&self, day: Date, step: Duration) -> Date {
        let mut at = day;
        for _ in 0..366 {
            at = at.saturating_add(step);
            if self.is_working(at) {
                break;
            }
        }
        at
    }
}

/// The special days of a year as everybody knows them.
fn known(year: i32) -> Arc<[Day]> {
    announced::year(year).unwrap_or_else(|| computed::year(year))
}

#[cfg(test)]
mod tests;
