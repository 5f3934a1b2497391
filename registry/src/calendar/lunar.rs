//! Vietnam's lunisolar calendar at +07:00: months begin on the day of the astronomical new moon, the eleventh month holds
//! the winter solstice, and of thirteen months between two solstices the first without a major solar term is doubled.
//!
//! Moments of new moons after J. Meeus, Astronomical Algorithms, chapter 49 (errors of seconds); the sun's longitude after
//! chapter 25 (0.01°, a quarter of an hour). Good for 1900 to 2100.

use time::{Date, Duration};

/// Hours east of Greenwich of the calendar (QĐ 121/CP of 1967, in force 1 January 1968).
const VIETNAM_HOURS: f64 = 7.0;
/// Julian day number of 1 January 2000.
const JULIAN_DAY_2000: i64 = 2_451_545;
/// Mean length of a lunation, days.
const LUNATION: f64 = 29.530_588_861;

/// Mùng 1 Tết of a year.
pub fn tet(year: i32) -> Date {
    new_year(year, VIETNAM_HOURS)
}

/// Giỗ Tổ Hùng Vương: the tenth of the third month (Bộ luật Lao động 2019 Đ112.1.e).
pub fn hung_kings(year: i32) -> Date {
    let months = Months::before_winter_of(year, VIETNAM_HOURS);
    date(months.first_of(3)).saturating_add(Duration::days(9))
}

/// The first day of the lunar year that begins in a year.
fn new_year(year: i32, hours: f64) -> Date {
    date(Months::before_winter_of(year, hours).first_of(1))
}

/// The months from the eleventh of one lunar year to the eleventh of the next.
struct Months {
    /// First days, as Julian day numbers; the first is of the eleventh month.
    firsts: Vec<i64>,
    /// Which of them is the doubled one.
    leap: Option<usize>,
}

impl Months {
    /// The months from the solstice of the year before to that of `year`.
    fn before_winter_of(year: i32, hours: f64) -> Self {
        let first = eleventh_month(year - 1, hours);
        let last = eleventh_month(year, hours);
        let firsts: Vec<i64> = (first..last).map(|k| new_moon_day(k, hours)).collect();
        let leap = (firsts.len() == 13).then(|| {
            let terms: Vec<i64> = (first..=last).map(|k| major_term(new_moon_day(k, hours), hours)).collect();
            terms.windows(2).position(|pair| pair.first() == pair.last()).unwrap_or(0)
        });
        Self { firsts, leap }
    }

    /// The first day of a month from 1 to 10.
    fn first_of(&self, month: usize) -> i64 {
        let mut place = month + 1;
        // The doubled month follows the one whose number it bears.
        if self.leap.is_some_and(|leap| leap <= place) {
            place += 1;
        }
        self.firsts.get(place).copied().unwrap_or_default()
    }
}

/// The lunation (counted from January 2000) that is the eleventh month of a year: the last that begins on or before the
/// day of the winter solstice.
fn eleventh_month(year: i32, hours: f64) -> i64 {
    let end = julian_day(year, 12, 31);
    #[expect(clippy::cast_possible_truncation, reason = "a count of months, some thousands at most")]
    let mut k = ((end - JULIAN_DAY_2000) as f64 / LUNATION).floor() as i64 + 1;
    // 270°: the ninth of twelve terms counted from the spring equinox. A month that begins after the solstice is too late.
    while new_moon_day(k, hours) > end || major_term(new_moon_day(k, hours), hours) >= 9 {
        k -= 1;
    }
    k
}

fn julian_day(year: i32, month: u8, day: u8) -> i64 {
    let month = time::Month::try_from(month).unwrap_or(time::Month::January);
    Date::from_calendar_date(year, month, day).map_or(JULIAN_DAY_2000, |date| i64::from(date.to_julian_day()))
}

fn date(julian_day: i64) -> Date {
    i32::try_from(julian_day).ok().and_then(|day| Date::from_julian_day(day).ok()).unwrap_or(Date::MIN)
}

/// The day, at a place so many hours east, on which lunation `k` begins.
#[expect(clippy::cast_possible_truncation, reason = "a day number of this millennium")]
fn new_moon_day(k: i64, hours: f64) -> i64 {
    (new_moon(k as f64) + 0.5 + hours / 24.0).floor() as i64
}

/// Which twelfth of the ecliptic the sun is in at midnight before a day.
#[expect(clippy::cast_possible_truncation, reason = "0 to 11")]
fn major_term(day: i64, hours: f64) -> i64 {
    (sun_longitude(day as f64 - 0.5 - hours / 24.0) / 30.0).floor() as i64
}

fn sine(degrees: f64) -> f64 {
    degrees.to_radians().sin()
}

/// The moment of new moon `k`, as a Julian day of universal time (Meeus 49.1, planetary terms included).
fn new_moon(k: f64) -> f64 {
    let t = k / 1236.85;
    let (t2, t3, t4) = (t * t, t * t * t, t * t * t * t);
    let mean =
        2_451_550.097_66 + LUNATION * k + 0.000_154_37 * t2 - 0.000_000_150 * t3 + 0.000_000_000_73 * t4;
    let e = 1.0 - 0.002_516 * t - 0.000_007_4 * t2;
    let sun = 2.5534 + 29.105_356_70 * k - 0.000_001_4 * t2 - 0.000_000_11 * t3;
    let moon = 201.5643 + 385.816_935_28 * k + 0.010_758_2 * t2 + 0.000_012_38 * t3 - 0.000_000_058 * t4;
    let node = 160.7108 + 390.670_502_84 * k - 0.001_611_8 * t2 - 0.000_002_27 * t3 + 0.000_000_011 * t4;
    let omega = 124.7746 - 1.563_755_88 * k + 0.002_067_2 * t2 + 0.000_002_15 * t3;
    // Factor, power of e, multiples of the three arguments.
    #[rustfmt::skip]
    let periodic = [
        (-0.40720, 0, 0.0, 1.0, 0.0), (0.17241, 1, 1.0, 0.0, 0.0), (0.01608, 0, 0.0, 2.0, 0.0),
        (0.01039, 0, 0.0, 0.0, 2.0), (0.00739, 1, -1.0, 1.0, 0.0), (-0.00514, 1, 1.0, 1.0, 0.0),
        (0.00208, 2, 2.0, 0.0, 0.0), (-0.00111, 0, 0.0, 1.0, -2.0), (-0.00057, 0, 0.0, 1.0, 2.0),
        (0.00056, 1, 1.0, 2.0, 0.0), (-0.00042, 0, 0.0, 3.0, 0.0), (0.00042, 1, 1.0, 0.0, 2.0),
        (0.00038, 1, 1.0, 0.0, -2.0), (-0.00024, 1, -1.0, 2.0, 0.0), (-0.00007, 0, 2.0, 1.0, 0.0),
        (0.00004, 0, 0.0, 2.0, -2.0), (0.00004, 0, 3.0, 0.0, 0.0), (0.00003, 0, 1.0, 1.0, -2.0),
        (0.00003, 0, 0.0, 2.0, 2.0), (-0.00003, 0, 1.0, 1.0, 2.0), (0.00003, 0, -1.0, 1.0, 2.0),
        (-0.00002, 0, -1.0, 1.0, -2.0), (-0.00002, 0, 1.0, 3.0, 0.0), (0.00002, 0, 0.0, 4.0, 0.0),
    ];
    let periodic: f64 = periodic
        .iter()
        .map(|(factor, power, s, m, n)| factor * e.powi(*power) * sine(s * sun + m * moon + n * node))
        .sum();
    #[rustfmt::skip]
    let planetary = [
        (0.000_325, 299.77, 0.107_408), (0.000_165, 251.88, 0.016_321), (0.000_164, 251.83, 26.651_886),
        (0.000_126, 349.42, 36.412_478), (0.000_110, 84.66, 18.206_239), (0.000_062, 141.74, 53.303_771),
        (0.000_060, 207.14, 2.453_732), (0.000_056, 154.84, 7.306_860), (0.000_047, 34.52, 27.261_239),
        (0.000_042, 207.19, 0.121_824), (0.000_040, 291.34, 1.844_379), (0.000_037, 161.72, 24.198_154),
        (0.000_035, 239.56, 25.513_099), (0.000_023, 331.55, 3.592_518),
    ];
    let planetary: f64 =
        planetary.iter().map(|(factor, start, speed)| factor * sine(start + speed * k)).sum();
    mean + periodic - 0.000_17 * sine(omega) + planetary - delta_t(2000.0 + t * 100.0) / 86_400.0
}

/// Seconds by which even time is ahead of the earth's turning (polynomials of Espenak and Meeus).
fn delta_t(year: f64) -> f64 {
    let t = year - 2000.0;
    match year {
        year if year < 1986.0 => 45.45 + 1.067 * (year - 1975.0),
        year if year < 2005.0 => {
            63.86 + 0.3345 * t - 0.060_374 * t.powi(2)
                + 0.001_727_5 * t.powi(3)
                + 0.000_651_814 * t.powi(4)
                + 0.000_023_735_99 * t.powi(5)
        }
        year if year < 2050.0 => 62.92 + 0.322_17 * t + 0.005_589 * t.powi(2),
        year => -20.0 + 32.0 * ((year - 1820.0) / 100.0).powi(2) - 0.5628 * (2150.0 - year),
    }
}

/// The sun's apparent longitude in degrees, 0 to 360 (Meeus 25), at a Julian day of universal time.
fn sun_longitude(julian_day: f64) -> f64 {
    let year = 2000.0 + (julian_day - 2_451_545.0) / 365.25;
    let t = (julian_day + delta_t(year) / 86_400.0 - 2_451_545.0) / 36_525.0;
    let mean = 280.466_46 + 36_000.769_83 * t + 0.000_303_2 * t * t;
    let anomaly = 357.529_11 + 35_999.050_29 * t - 0.000_153_7 * t * t;
    let centre = (1.914_602 - 0.004_817 * t - 0.000_014 * t * t) * sine(anomaly)
        + (0.019_993 - 0.000_101 * t) * sine(2.0 * anomaly)
        + 0.000_289 * sine(3.0 * anomaly);
    let omega = 125.04 - 1934.136 * t;
    (mean + centre - 0.005_69 - 0.004_78 * sine(omega)).rem_euclid(360.0)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    /// Days of January or February (from 1 January as 1) on which Tết fell or falls, 1990 to 2050, from printed calendars.
    #[rustfmt::skip]
    const TET: [(i32, u8, u8); 61] = [
        (1990, 1, 27), (1991, 2, 15), (1992, 2, 4), (1993, 1, 23), (1994, 2, 10), (1995, 1, 31), (1996, 2, 19),
        (1997, 2, 7), (1998, 1, 28), (1999, 2, 16), (2000, 2, 5), (2001, 1, 24), (2002, 2, 12), (2003, 2, 1),
        (2004, 1, 22), (2005, 2, 9), (2006, 1, 29), (2007, 2, 17), (2008, 2, 7), (2009, 1, 26), (2010, 2, 14),
        (2011, 2, 3), (2012, 1, 23), (2013, 2, 10), (2014, 1, 31), (2015, 2, 19), (2016, 2, 8), (2017, 1, 28),
        (2018, 2, 16), (2019, 2, 5), (2020, 1, 25), (2021, 2, 12), (2022, 2, 1), (2023, 1, 22), (2024, 2, 10),
        (2025, 1, 29), (2026, 2, 17), (2027, 2, 6), (2028, 1, 26), (2029, 2, 13), (2030, 2, 2), (2031, 1, 23),
        (2032, 2, 11), (2033, 1, 31), (2034, 2, 19), (2035, 2, 8), (2036, 1, 28), (2037, 2, 15), (2038, 2, 4),
        (2039, 1, 24), (2040, 2, 12), (2041, 2, 1), (2042, 1, 22), (2043, 2, 10), (2044, 1, 30), (2045, 2, 17),
        (2046, 2, 6), (2047, 1, 26), (2048, 2, 14), (2049, 2, 2), (2050, 1, 23),
    ];

    #[test]
    fn tet_of_sixty_one_years() {
        for (year, month, day) in TET {
            let expected =
                Date::from_julian_day(i32::try_from(julian_day(year, month, day)).unwrap()).unwrap();
            assert_eq!(tet(year), expected, "{year}");
        }
    }

    /// One hour decides: the years in which Hà Nội and Bắc Kinh kept different days.
    #[test]
    fn an_hour_further_east_the_year_begins_otherwise() {
        for (year, vietnam, china) in [
            (1985, date!(1985 - 01 - 21), date!(1985 - 02 - 20)),
            (2007, date!(2007 - 02 - 17), date!(2007 - 02 - 18)),
            (2030, date!(2030 - 02 - 02), date!(2030 - 02 - 03)),
        ] {
            assert_eq!((new_year(year, 7.0), new_year(year, 8.0)), (vietnam, china), "{year}");
        }
        let same = (1986..=2029).filter(|year| *year != 2007);
        assert!(same.into_iter().all(|year| new_year(year, 7.0) == new_year(year, 8.0)));
    }

    #[test]
    fn hung_kings_day_of_known_years() {
        for expected in [
            date!(2019 - 04 - 14),
            date!(2020 - 04 - 02),
            date!(2021 - 04 - 21),
            date!(2022 - 04 - 10),
            // After a doubled second month.
            date!(2023 - 04 - 29),
            date!(2024 - 04 - 18),
            date!(2025 - 04 - 07),
            date!(2026 - 04 - 26),
        ] {
            assert_eq!(hung_kings(expected.year()), expected);
        }
    }

    #[test]
    fn a_new_moon_of_meeus() {
        // Example 49.a: 18 February 1977, 03:37:42 dynamical time.
        let moment = new_moon(-283.0) + delta_t(1977.13) / 86_400.0;
        assert!((moment - 2_443_192.651_18).abs() < 0.000_05, "{moment}");
    }
}
