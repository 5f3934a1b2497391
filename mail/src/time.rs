//! Moments in time: milliseconds since 1970, UTC; shown with `+07:00` where a person reads them (RULES R51).

use std::fmt;

use ::time::format_description::well_known::Rfc3339;
use ::time::{OffsetDateTime, UtcOffset};
use serde::{Deserialize, Serialize};

/// Vietnam time, ISO 8601 `+07:00` (QĐ 28/2018 Đ14.4, RULES R51). The country has had no summer time since 1975.
pub const VIETNAM: UtcOffset = match UtcOffset::from_hms(7, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};

/// A moment: milliseconds since the Unix epoch, UTC. Stored as it is on both engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time in the form 2026-11-22T08:00:00+07:00")]
pub struct BadTimestamp;

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment and `duration` more.
    pub fn plus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment and `duration` less.
    pub fn minus(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// The same moment in the words of the `time` crate, UTC.
    pub fn to_utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The same moment as a clock on a wall in Hà Nội shows it.
    pub fn to_vietnam(self) -> OffsetDateTime {
        self.to_utc().to_offset(VIETNAM)
    }

    /// From the words of the `time` crate; what is finer than a millisecond is cut off.
    pub fn from_datetime(moment: OffsetDateTime) -> Self {
        Self(i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX))
    }

    /// Reads RFC 3339.
    pub fn parse_rfc3339(text: &str) -> Result<Self, BadTimestamp> {
        OffsetDateTime::parse(text, &Rfc3339).map(Self::from_datetime).map_err(|_| BadTimestamp)
    }

    /// RFC 3339 in UTC with whole seconds, as JMAP's `UTCDate` (RFC 8620 §1.4): `2026-11-22T01:00:00Z`.
    pub fn to_rfc3339_utc(self) -> String {
        Self::from_secs(self.secs()).to_utc().format(&Rfc3339).unwrap_or_default()
    }

    /// RFC 3339 with Vietnam's offset and whole seconds (RULES R51): `2026-11-22T08:00:00+07:00`.
    pub fn to_rfc3339_vietnam(self) -> String {
        Self::from_secs(self.secs()).to_vietnam().format(&Rfc3339).unwrap_or_default()
    }

    /// The exchange's form, Vietnam time without an offset (RULES E6): `2026/11/22 08:00:00`.
    pub fn to_edxml(self) -> String {
        let t = self.to_vietnam();
        format!(
            "{:04}/{:02}/{:02} {:02}:{:02}:{:02}",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }

    /// The Internet Message Format's form, in Vietnam time (RFC 5322 §3.3): `Sun, 22 Nov 2026 08:00:00 +0700`.
    pub fn to_rfc5322(self) -> String {
        let t = self.to_vietnam();
        let day = &t.weekday().to_string()[..3];
        let month = &t.month().to_string()[..3];
        format!(
            "{day}, {} {month} {:04} {:02}:{:02}:{:02} +0700",
            t.day(),
            t.year(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339_vietnam())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r51_one_moment_in_every_form() {
        let t = Timestamp::parse_rfc3339("2026-11-22T01:02:03.456Z").unwrap();
        assert_eq!(t.millis() % 1000, 456);
        assert_eq!(t.to_rfc3339_utc(), "2026-11-22T01:02:03Z");
        assert_eq!(t.to_rfc3339_vietnam(), "2026-11-22T08:02:03+07:00");
        assert_eq!(t.to_edxml(), "2026/11/22 08:02:03");
        assert_eq!(t.to_rfc5322(), "Sun, 22 Nov 2026 08:02:03 +0700");
        assert_eq!(Timestamp::parse_rfc3339("22/11/2026"), Err(BadTimestamp));
    }

    #[test]
    fn moments_before_1970_round_down() {
        assert_eq!(Timestamp::from_millis(-1).secs(), -1);
    }
}
