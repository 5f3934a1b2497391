//! UTCTime and GeneralizedTime.

use super::{Rules, Tag};
use time::{Date, Month, Time};

/// Seconds since 1970 and nanoseconds. DER forms only, unless BER is allowed: then seconds may be missing and an
/// offset may stand for `Z`.
pub(super) fn parse(tag: Tag, text: &[u8], rules: Rules) -> Option<(i64, u32)> {
    let (year, rest) = match tag {
        Tag::UTC_TIME => {
            let (two, rest) = digits(text, 2)?;
            // RFC 5280 §4.1.2.5.1: 50–99 are 1950–1999.
            (if two >= 50 { 1900 + two } else { 2000 + two }, rest)
        }
        Tag::GENERALIZED_TIME => digits(text, 4)?,
        _ => return None,
    };
    let (month, rest) = digits(rest, 2)?;
    let (day, rest) = digits(rest, 2)?;
    let (hour, rest) = digits(rest, 2)?;
    let (minute, rest) = digits(rest, 2)?;
    let (second, rest) = match digits(rest, 2) {
        Some(found) => found,
        None if rules == Rules::Ber => (0, rest),
        None => return None,
    };
    let (nanos, rest) = if tag == Tag::GENERALIZED_TIME { fraction(rest, rules)? } else { (0, rest) };
    let offset = offset(rest, rules)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let [hour, minute, second] = [hour, minute, second].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
    let time = Time::from_hms(hour, minute, second).ok()?;
    Some((date.with_time(time).assume_utc().unix_timestamp() - offset, nanos))
}

fn digits(text: &[u8], count: usize) -> Option<(u32, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let mut value = 0;
    for byte in number {
        value = value * 10 + char::from(*byte).to_digit(10)?;
    }
    Some((value, rest))
}

/// `.` and one to nine digits; DER forbids trailing zeros (X.690 §11.7).
fn fraction(text: &[u8], rules: Rules) -> Option<(u32, &[u8])> {
    let Some(rest) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = rest.split_at_checked(count)?;
    if count == 0 || (rules == Rules::Der && number.last() == Some(&b'0')) {
        return None;
    }
    let mut nanos = 0;
    for place in 0..9 {
        nanos = nanos * 10 + number.get(place).map_or(0, |digit| u32::from(digit - b'0'));
    }
    Some((nanos, after))
}

/// Seconds east of UTC. DER knows only `Z`.
fn offset(text: &[u8], rules: Rules) -> Option<i64> {
    match (text, rules) {
        (b"Z", _) => Some(0),
        ([sign @ (b'+' | b'-'), rest @ ..], Rules::Ber) => {
            let (hours, rest) = digits(rest, 2)?;
            let (minutes, rest) = digits(rest, 2)?;
            if !rest.is_empty() || hours > 14 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
            Some(if *sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}
