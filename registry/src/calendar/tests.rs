use time::macros::date;

use super::*;

#[test]
fn r19_working_days_of_announced_years() {
    let calendar = Calendar::default();
    let working = [
        date!(2024 - 05 - 04), // a Saturday, for Monday 29 April
        date!(2025 - 04 - 26),
        date!(2026 - 01 - 10),
        date!(2026 - 08 - 31), // a swap that was intended, as far as known
        date!(2026 - 02 - 13),
        date!(2026 - 02 - 23),
        date!(2026 - 11 - 24), // intended, not law as far as known
    ];
    let resting = [
        date!(2024 - 04 - 29),
        date!(2024 - 02 - 14),
        date!(2025 - 05 - 02),
        date!(2026 - 01 - 02),
        date!(2026 - 02 - 16),
        date!(2026 - 02 - 20),
        date!(2026 - 04 - 27), // 26 April was a Sunday
        date!(2026 - 08 - 22),
        date!(2026 - 11 - 22),
    ];
    assert!(working.into_iter().all(|day| calendar.is_working(day)));
    for day in resting {
        assert!(!calendar.is_working(day), "{day}");
    }
}

#[test]
fn r19_years_nobody_announced_are_computed_and_say_so() {
    let calendar = Calendar::default();
    // Tết 2027 is Saturday 6 February: two days of rest are made up.
    let days = calendar.year(2027);
    assert!(days.iter().all(|day| day.certainty == Certainty::Computed));
    let tet: Vec<Date> =
        days.iter().filter(|day| day.name.contains("Tết Nguyên đán")).map(|day| day.day).collect();
    let expected = (5..=11).map(|day| Date::from_calendar_date(2027, Month::February, day).unwrap());
    assert_eq!(tet, expected.collect::<Vec<_>>());
    assert!(calendar.is_working(date!(2027 - 02 - 12)));
    // 2 September 2027 is a Thursday: the Friday after it.
    assert!(!calendar.is_working(date!(2027 - 09 - 03)) && calendar.is_working(date!(2027 - 09 - 01)));
    // 1 May 2027 is a Saturday: Monday instead.
    assert!(!calendar.is_working(date!(2027 - 05 - 03)));
    // Beyond what is computed for the moon the fixed days stay.
    assert!(!calendar.is_working(date!(2150 - 01 - 01)));
}

/// What was computed beforehand for years that were then announced: the same fixed days, and the moon's days.
#[test]
fn computed_and_announced_agree_where_the_law_leaves_no_choice() {
    for year in [2024, 2025, 2026] {
        let computed: Vec<Date> = computed::year(year).iter().map(|day| day.day).collect();
        let announced = announced::year(year).unwrap();
        for day in announced.iter().filter(|day| day.certainty == Certainty::Law) {
            assert!(computed.contains(&day.day), "{} {}", Written(day.day), day.name);
        }
    }
}

#[test]
fn what_is_declared_here_stands_over_everything() {
    let mut calendar = Calendar::default();
    calendar.declare(date!(2026 - 11 - 24), DayKind::Holiday, "Ngày Văn hóa Việt Nam", "luật sửa đổi");
    calendar.declare(date!(2026 - 11 - 28), DayKind::Working, "làm bù", "QĐ 1");
    calendar.declare(date!(2026 - 09 - 01), DayKind::Working, "trực", "QĐ 2");
    assert!(!calendar.is_working(date!(2026 - 11 - 24)));
    assert!(calendar.is_working(date!(2026 - 11 - 28)) && calendar.is_working(date!(2026 - 09 - 01)));
    let declared = calendar.year(2026).into_iter().filter(|day| day.certainty == Certainty::Declared);
    assert_eq!(declared.count(), 3);
    assert_eq!(calendar.next_working(date!(2026 - 11 - 27)), date!(2026 - 11 - 28));
}

#[test]
fn walks_over_tet_both_ways() {
    let calendar = Calendar::default();
    assert_eq!(calendar.next_working(date!(2026 - 02 - 13)), date!(2026 - 02 - 23));
    assert_eq!(calendar.previous_working(date!(2026 - 02 - 23)), date!(2026 - 02 - 13));
    assert_eq!(calendar.next_working(date!(2024 - 05 - 03)), date!(2024 - 05 - 04));
}

#[test]
fn days_are_read_as_packages_write_them() {
    let day = Some(date!(2026 - 11 - 22));
    for text in
        ["2026/11/22", "2026-11-22", "22/11/2026", "22-11-2026", " 2026/11/22 08:00:00", "22/11/2026 8:00"]
    {
        assert_eq!(read_day(text), day, "{text}");
    }
    for text in ["", "2026/13/22", "31/02/2026", "22.11.2026", "nay mai", "2026/11"] {
        assert_eq!(read_day(text), None, "{text}");
    }
    assert_eq!("2026-11-22".parse::<Written>().unwrap().to_string(), "2026-11-22");
    assert!("2026/11/22".parse::<Written>().is_err());
}

#[test]
fn r75_days_turn_at_midnight_in_vietnam() {
    let midnight = Timestamp::parse_rfc3339("2027-01-01T00:00:00+07:00").unwrap();
    assert_eq!(day_of(midnight), date!(2027 - 01 - 01));
    assert_eq!(day_of(Timestamp::from_millis(midnight.millis() - 1)), date!(2026 - 12 - 31));
    assert_eq!(at(date!(2027 - 01 - 01), 0), midnight);
}
