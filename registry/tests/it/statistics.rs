//! Statistics come from what happened, and only from it (RULES R53–R56, K2–K9, K20, K22).

use std::time::Duration;

use mail::Timestamp;
use registry::Error;
use registry::package::{BusinessType, write_document};
use registry::statistics::{self, Basis, By, CutOff, Level, Line, Question, Report};
use registry::vxp::call::{Declared, SendParameters};
use store::AgencyChange;

use crate::house::{House, act, agency_id, good, stories};
use crate::numbers::at;
use crate::statuses::status;
use crate::world::{NOW, World};

const DAY: Duration = Duration::from_secs(86_400);

async fn ask(house: &House, period: &str, basis: Basis, under: Option<&str>, by: By) -> Report {
    let under = under.map(|code| code.parse().unwrap());
    let question = Question { period: period.parse().unwrap(), basis, under, by };
    statistics::report(&house.desk.store, &question, NOW).await.unwrap()
}

async fn november(house: &House) -> Report {
    ask(house, "2026-11", Basis::Calendar, None, By::Agency).await
}

fn of<'r>(report: &'r Report, code: &str) -> &'r Line {
    report.lines.iter().find(|line| line.code == code).unwrap_or_else(|| panic!("no line of {code}"))
}

/// Hands a package in at a moment.
async fn hand_in(house: &House, system: &str, from: &str, package: &[u8], now: Timestamp) {
    let system = house.system(system).await;
    let parameters = SendParameters {
        from: from.to_owned(),
        to: Vec::new(),
        hash_file: None,
        hint: None,
        declared: Declared::default(),
    };
    let evidence = World::get().evidence(&[]);
    house.take_in_at(system, parameters, package, &evidence, now).await.unwrap();
}

/// Two documents; one is taken in and finished, one refused; one is recalled and cancelled the next day.
async fn a_day(house: &House) {
    let minute = |minutes: u64| NOW.plus(Duration::from_secs(minutes * 60));
    hand_in(house, "hub.01", "H37.01", &good("05", &["H37.02", "H37.04"]), NOW).await;
    hand_in(house, "hub.01", "H37.01", &good("06", &["H37.02"]), minute(1)).await;
    for (system, from, number, code, after) in [
        ("hub.02", "H37.02", "05", "03", 10),
        ("hub.02", "H37.02", "05", "06", 20),
        ("hub.04", "H37.04", "05", "02", 30),
        ("hub.02", "H37.02", "06", "05", 24 * 60),
    ] {
        hand_in(house, system, from, &status(from, "H37.01", number, code), minute(after)).await;
    }
    let recall = write_document(&act(BusinessType::Recall, "06", &["H37.02"], &[])).unwrap();
    hand_in(house, "hub.01", "H37.01", &recall, minute(24 * 60 + 5)).await;
    hand_in(house, "hub.02", "H37.02", &status("H37.02", "H37.01", "06", "15"), minute(24 * 60 + 6)).await;
}

async fn differences(house: &House) -> (u64, u64) {
    let found = statistics::recount(&house.desk.store, false, NOW.plus(DAY * 3)).await.unwrap();
    (found.missing, found.different)
}

/// Agencies of the year below.
const OFFICES: u32 = 1_000;

fn office(n: u32) -> mail::AgencyId {
    let mut bytes = [9; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    mail::AgencyId::from_bytes(bytes)
}

/// A province with a thousand offices, and a year of documents between them, each to two. Written as the accepting transactions write
/// facts, and not one by one.
async fn a_year(house: &House, documents: u32) {
    let offices: Vec<store::NewAgency> = (0..OFFICES)
        .map(|n| store::NewAgency {
            agency_id: office(n),
            names: store::AgencyNames {
                code: format!("H61.{n}").parse().unwrap(),
                code102: None,
                name: format!("Ủy ban nhân dân xã số {n}"),
                mail: String::new(),
                parent_id: (n > 0).then(|| office(0)),
                decision: String::new(),
            },
            valid_from: at("2025-01-01T00:00:00+07:00"),
        })
        .collect();
    let added = house.desk.store.write("offices", offices, |tx, offices| {
        Box::pin(async move { tx.add_agencies(offices, NOW).await })
    });
    let added: Result<(), store::Error> = added.await;
    added.unwrap();
    let is_sqlite = house.desk.store.engine() == "sqlite";
    let id = |n: &str| match is_sqlite {
        true => format!("unhex(printf('%08x', {n}) || '090909090909090909090909')"),
        false => format!("decode(lpad(to_hex({n}), 8, '0') || '090909090909090909090909', 'hex')"),
    };
    let day = match is_sqlite {
        true => "date('2026-01-01', '+' || (i % 365) || ' days')",
        false => "(date '2026-01-01' + (i % 365))::text",
    };
    let (document, nobody) = (id("i"), id("0"));
    // A sender and what it says of the document; then what its two receivers do.
    let rows = [
        ("i % 1000", "sent", "'Công văn'", "'dated original same-day'", 2),
        ("(i * 7 + 1) % 1000", "received", "'Công văn'", "'original'", 1),
        ("(i * 7 + 501) % 1000", "received", "'Công văn'", "'original'", 1),
        ("(i * 7 + 1) % 1000", "accepted", "''", "'same-day within:60'", 1),
        ("(i * 7 + 501) % 1000", "refused", "'DUPLICATE'", "''", 1),
    ];
    for (agency, fact, kind, marks, weight) in rows {
        let agency = id(agency);
        house
            .run_sql(&format!(
                "INSERT INTO exchange_fact (agency_id, document_id, fact, other_id, day, kind, marks, weight) \
                 WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {documents}) \
                 SELECT {agency}, {document}, '{fact}', {nobody}, {day}, {kind}, {marks}, {weight} FROM n"
            ))
            .await;
    }
}

/// How long something takes, said aloud: a measurement says what it measured.
#[allow(clippy::print_stdout)]
async fn timed<T>(what: &str, work: impl Future<Output = T>) -> T {
    let begun = std::time::Instant::now();
    let done = work.await;
    println!("{what}: {:?}", begun.elapsed());
    done
}

stories! {
    // `CONGVAN_DOCUMENTS=1000000 cargo nextest run -p registry a_year_is --no-capture` tells what a year of them takes.
    async fn r53_a_year_is_added_up_from_its_days(house: House) {
        let documents = std::env::var("CONGVAN_DOCUMENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
        timed("facts written", a_year(&house, documents)).await;
        let new_year = at("2027-01-02T08:00:00+07:00");
        let store = &house.desk.store;
        timed("days counted", async {
            while statistics::count_finished(store, new_year).await.unwrap() > 0 {}
        })
        .await;
        let house_ref = &house;
        let under = |code| async move { ask(house_ref, "2026", Basis::Calendar, code, By::Level).await };
        let all = timed("the year of all", under(None)).await;
        assert_eq!(all.total.figures.sent, i64::from(documents));
        assert_eq!(all.total.figures.deliveries_same_day, 2 * i64::from(documents));
        assert_eq!(all.total.figures.refused_reasons["DUPLICATE"], i64::from(documents));
        assert_eq!((all.total.agencies, all.lines.len()), (1_000, 1));
        let below = timed("the year below the province", under(Some("H61.0"))).await;
        assert_eq!(below.total.figures, all.total.figures);
        let one = timed("the year of one agency", under(Some("H61.7"))).await;
        assert_eq!((one.total.agencies, one.total.figures.sent), (1, i64::from(documents) / 1_000));
        let quarter = timed("a quarter of all", ask(&house, "2026-Q3", Basis::Reporting(CutOff::default()), None, By::Agency)).await;
        assert_eq!(quarter.lines.len(), 1_000);
        let table = timed("its table", async { statistics::table(&quarter, false) }).await;
        assert_eq!(table.lines().count(), 1_003);
    }

    async fn r53_figures_are_what_happened(house: House) {
        a_day(&house).await;
        let report = november(&house).await;
        let sender = of(&report, "H37.01");
        let f = &sender.figures;
        assert_eq!((f.sent, f.deliveries, f.sent_original, f.sent_by_type["Công văn"]), (2, 3, 2, 2));
        assert_eq!((f.returned, f.recalled, f.received), (1, 1, 0));
        let taker = of(&report, "H37.02");
        let f = &taker.figures;
        assert_eq!((f.received, f.received_original, f.accepted, f.done, f.cancelled), (2, 2, 2, 1, 1));
        // The second was taken in the next day: 05 says so.
        assert_eq!((f.answered_same_day, f.answered_later), (1, 1));
        assert_eq!((taker.indicators.k8.percent, taker.indicators.k8b_median), (Some(50.0), Some(15)));
        let refuser = of(&report, "H37.04");
        assert_eq!((refuser.figures.refused, refuser.figures.refused_reasons["OTHER"]), (1, 1));
        assert_eq!(refuser.indicators.k9.percent, Some(100.0));
        assert_eq!((report.total.figures.sent, report.total.figures.received, report.total.agencies), (2, 3, 3));
        assert_eq!(report.lines.iter().map(|line| line.level).collect::<Vec<_>>(), [Some(Level::Province); 3]);
        assert_eq!(differences(&house).await, (0, 0));
    }

    async fn r53_a_recount_from_the_history_gives_the_same_figures(house: House) {
        a_day(&house).await;
        let report = november(&house).await;
        let tomorrow = NOW.plus(DAY * 3);
        assert_eq!(statistics::count_finished(&house.desk.store, tomorrow).await.unwrap(), 3);
        assert_eq!(statistics::count_finished(&house.desk.store, tomorrow).await.unwrap(), 0);
        assert_eq!(november(&house).await, report, "counted days say the same");
        // Everything that was counted is lost; the documents and what was said of them is there.
        house.run_sql("DELETE FROM exchange_fact; DELETE FROM exchange_count").await;
        assert!(november(&house).await.lines.is_empty());
        let repaired = statistics::recount(&house.desk.store, true, tomorrow).await.unwrap();
        assert_eq!((repaired.documents, repaired.missing, repaired.different), (3, repaired.facts, 0));
        assert_eq!(november(&house).await, report, "counted anew");
        statistics::count_finished(&house.desk.store, tomorrow).await.unwrap();
        assert_eq!(november(&house).await, report);
        // What somebody wrote by hand is found and not made true.
        house.run_sql("UPDATE exchange_fact SET kind = 'DUPLICATE' WHERE fact = 'refused'").await;
        assert_eq!(differences(&house).await, (0, 1));
    }

    async fn r56_a_report_ends_where_its_period_ends(house: House) {
        hand_in(&house, "hub.01", "H37.01", &good("05", &["H37.02"]), at("2026-12-14T23:59:59+07:00")).await;
        hand_in(&house, "hub.01", "H37.01", &good("06", &["H37.02"]), at("2026-12-15T00:00:00+07:00")).await;
        hand_in(&house, "hub.01", "H37.01", &good("07", &["H37.02"]), at("2027-01-14T20:00:00+07:00")).await;
        hand_in(&house, "hub.01", "H37.01", &good("08", &["H37.02"]), at("2027-01-15T08:00:00+07:00")).await;
        let reporting = Basis::Reporting(CutOff::default());
        let rows = [
            ("2026-12", Basis::Calendar, 2),
            ("2026-12", reporting, 1),
            ("2027-01", reporting, 2),
            ("2027-Q1", reporting, 3),
            ("2027-H1", reporting, 3),
            ("2027", reporting, 3),
            ("2026", reporting, 1),
            ("2026", Basis::Calendar, 2),
            ("2026-12", Basis::Reporting(CutOff::new(16).unwrap()), 2),
            ("2025", Basis::Calendar, 0),
        ];
        for (period, basis, sent) in rows {
            let report = ask(&house, period, basis, None, By::Agency).await;
            assert_eq!(report.total.figures.sent, sent, "{period} {basis}");
        }
    }

    async fn r54_k20_levels_and_superiors_are_those_of_the_day(house: House) {
        let change = |agency: u8, name: Option<&str>, parent: u8, from: Timestamp| {
            let change = AgencyChange {
                name: name.map(str::to_owned),
                parent_id: Some(Some(agency_id(parent))),
                ..AgencyChange::default()
            };
            let store = &house.desk.store;
            async move {
                let written = store.write("change", change, move |tx, change| Box::pin(async move {
                    tx.change_agency(agency_id(agency), change, from, None, NOW).await
                }));
                let written: Result<bool, store::Error> = written.await;
                assert!(written.unwrap());
            }
        };
        let tomorrow = NOW.plus(DAY);
        change(4, Some("Ủy ban nhân dân xã An Bình"), 1, tomorrow).await;
        for (number, now) in [("05", NOW), ("06", tomorrow.plus(Duration::from_secs(3_600)))] {
            hand_in(&house, "hub.01", "H37.01", &good(number, &["H37.02", "H37.04"]), now).await;
        }
        let by_level = ask(&house, "2026-11", Basis::Calendar, None, By::Level).await;
        let rows: Vec<_> = by_level
            .lines
            .iter()
            .map(|line| (line.level.unwrap(), line.agencies, line.figures.sent, line.figures.received))
            .collect();
        assert_eq!(rows, [(Level::Province, 3, 2, 3), (Level::Commune, 1, 0, 1)]);
        // What is below the first agency: the commune, from the day on.
        let below = ask(&house, "2026-11", Basis::Calendar, Some("000.00.01.H37"), By::Agency).await;
        let rows: Vec<_> =
            below.lines.iter().map(|line| (line.code.as_str(), line.figures.sent, line.figures.received)).collect();
        assert_eq!(rows, [("H37.01", 2, 0), ("H37.04", 0, 1)]);
        assert_eq!(below.total.figures.received, 1);
        let unknown = Question {
            period: "2026-11".parse().unwrap(),
            basis: Basis::Calendar,
            under: Some("H99".parse().unwrap()),
            by: By::Agency,
        };
        let refused = statistics::report(&house.desk.store, &unknown, NOW).await;
        assert!(matches!(refused, Err(Error::UnknownAgencies(_))), "{refused:?}");
    }

    async fn r56_the_table_for_vpcp(house: House) {
        a_day(&house).await;
        let report = ask(&house, "2026-Q4", Basis::Reporting(CutOff::default()), None, By::Agency).await;
        let table = statistics::table(&report, true);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2 + 3 + 1);
        assert!(lines[0].starts_with("\u{FEFF}Kỳ 2026-Q4,2026-09-15 – 2026-12-14,"), "{}", lines[0]);
        assert!(lines[1].starts_with("Mã cơ quan,Tên cơ quan,Cấp,Số cơ quan,Văn bản gửi,Lượt gửi,"));
        assert!(lines[2].starts_with("H37.01,Cơ quan số 1,Cấp tỉnh,1,2,3,2,0,0,"), "{}", lines[2]);
        assert!(lines[5].starts_with(",Tổng cộng,,3,2,3,"), "{}", lines[5]);
        assert!(lines.iter().skip(1).all(|line| line.split(',').count() >= 37), "{table}");
    }
}
