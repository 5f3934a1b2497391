//! Days as the government announced them, year by year: `announced.csv` beside this file, with the source of each day. A year
//! is in it whole or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::{Certainty, Day, DayKind, Written};

const TABLE: &str = include_str!("announced.csv");

/// The special days of an announced year, in order.
pub(super) fn year(year: i32) -> Option<Arc<[Day]>> {
    static YEARS: OnceLock<BTreeMap<i32, Arc<[Day]>>> = OnceLock::new();
    let years = YEARS.get_or_init(|| {
        let mut years: BTreeMap<i32, Vec<Day>> = BTreeMap::new();
        for day in TABLE.lines().skip(1).filter_map(read) {
            years.entry(day.day.year()).or_default().push(day);
        }
        years.into_iter().map(|(year, days)| (year, days.into())).collect()
    });
    years.get(&year).cloned()
}

/// A line of the table: five fields, of which the last may hold commas.
fn read(line: &str) -> Option<Day> {
    let mut fields = line.splitn(5, ',');
    let mut field = || fields.next();
    Some(Day {
        day: field()?.parse::<Written>().ok()?.0,
        kind: DayKind::named(field()?)?,
        certainty: Certainty::named(field()?)?,
        name: field()?.to_owned(),
        source: field()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_in_order() {
        let read: Vec<Day> = TABLE.lines().skip(1).filter_map(read).collect();
        assert_eq!(read.len(), TABLE.lines().count() - 1);
        assert!(read.windows(2).all(|pair| pair[0].day < pair[1].day));
        assert!(read.iter().all(|day| !day.source.is_empty()));
        assert!([2024, 2025, 2026].into_iter().all(|named| year(named).unwrap().len() > 10));
        assert!(year(2023).is_none() && year(2027).is_none());
    }
}
