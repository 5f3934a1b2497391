//! A year that nobody has announced: what the Labour Code (Bộ luật Lao động 2019, Đ111.3, Đ112) lets expect. Tết and the day
//! beside 2 September are chosen each year by the government; here they are the most usual choice, and marked as computed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use time::{Date, Duration, Month, Weekday};

use super::{Certainty, Day, DayKind, lunar};

/// Years kept once computed: a busy house asks for two or three.
const KEPT: usize = 16;
/// The years for which Tết and Giỗ Tổ are computed.
const LUNAR: std::ops::RangeInclusive<i32> = 1990..=2100;

/// The special days of a year, in order.
pub(super) fn year(year: i32) -> Arc<[Day]> {
    static YEARS: Mutex<BTreeMap<i32, Arc<[Day]>>> = Mutex::new(BTreeMap::new());
    let mut years = YEARS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(days) = years.get(&year) {
        return days.clone();
    }
    let days: Arc<[Day]> = compute(year).into();
    if years.len() >= KEPT {
        years.pop_first();
    }
    years.insert(year, days.clone());
    days
}

fn compute(year: i32) -> Vec<Day> {
    let mut days: BTreeMap<Date, &'static str> = BTreeMap::new();
    let fixed = [
        (Month::January, 1, "Tết Dương lịch"),
        (Month::April, 30, "Ngày Chiến thắng"),
        (Month::May, 1, "Ngày Quốc tế lao động"),
    ];
    for (month, day, name) in fixed {
        if let Ok(date) = Date::from_calendar_date(year, month, day) {
            days.insert(date, name);
        }
    }
    for (date, name) in national_day(year) {
        days.insert(date, name);
    }
    if LUNAR.contains(&year) {
        let tet = lunar::tet(year);
        let names = [
            "Tết Nguyên đán (ngày cuối tháng Chạp)",
            "Tết Nguyên đán (mùng 1)",
            "Tết Nguyên đán (mùng 2)",
            "Tết Nguyên đán (mùng 3)",
            "Tết Nguyên đán (mùng 4)",
        ];
        let first = tet.saturating_sub(Duration::DAY);
        for (name, after) in names.into_iter().zip(0i64..) {
            days.insert(first.saturating_add(Duration::days(after)), name);
        }
        days.insert(lunar::hung_kings(year), "Giỗ Tổ Hùng Vương (10/3 âm lịch)");
    }
    compensate(days)
}

/// 2 September and the day before or after it: whichever joins a weekend.
fn national_day(year: i32) -> Vec<(Date, &'static str)> {
    let Ok(day) = Date::from_calendar_date(year, Month::September, 2) else { return Vec::new() };
    let after = matches!(day.weekday(), Weekday::Monday | Weekday::Thursday | Weekday::Sunday);
    let beside = if after { day.saturating_add(Duration::DAY) } else { day.saturating_sub(Duration::DAY) };
    vec![(day, "Quốc khánh"), (beside, "Quốc khánh (ngày liền kề)")]
}

/// A holiday on a weekly day of rest is taken on the next working day (Đ111.3).
fn compensate(days: BTreeMap<Date, &'static str>) -> Vec<Day> {
    let is_rest = |day: Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let mut all: BTreeMap<Date, (String, &'static str)> = days
        .iter()
        .map(|(day, name)| {
            (*day, ((*name).to_owned(), "tính theo Bộ luật Lao động 2019 Đ112; chưa thông báo"))
        })
        .collect();
    for (day, name) in days.iter().filter(|(day, _)| is_rest(**day)) {
        let mut instead = day.saturating_add(Duration::DAY);
        while is_rest(instead) || all.contains_key(&instead) {
            instead = instead.saturating_add(Duration::DAY);
        }
        all.insert(
            instead,
            (format!("Nghỉ bù {name}"), "tính theo Bộ luật Lao động 2019 Đ111.3; chưa thông báo"),
        );
    }
    let day = |(day, (name, source)): (Date, (String, &str))| Day {
        day,
        kind: DayKind::Holiday,
        certainty: Certainty::Computed,
        name,
        source: source.to_owned(),
    };
    all.into_iter().map(day).collect()
}
