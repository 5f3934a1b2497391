//! The register of the whole country: 111,000 agencies (VXP 1), made up. Nothing here asserts times; each step prints what it
//! took (`cargo nextest run -E 'test(nation)' --no-capture`).

use std::time::Instant;

use mail::AgencyId;
use store::{AgencyChange, AgencyNames, NewAgency};

use crate::house::{House, NOW, read, stories, write};

/// Agencies of the real register (VXP 1).
const COUNT: u32 = 111_000;
/// What a test build takes in within seconds.
const SOME: u32 = 20_000;
/// As many as one list of the index holds.
const BATCH: usize = 4_096;

const FIRST: [&str; 20] = [
    "Tân", "An", "Bình", "Đông", "Phú", "Long", "Vĩnh", "Hòa", "Mỹ", "Thạnh", "Xuân", "Đức", "Quảng", "Nam",
    "Sơn", "Hưng", "Thanh", "Kim", "Hải", "Yên",
];
const SECOND: [&str; 20] = [
    "Lập", "Hòa", "Phú", "Lộc", "Thành", "Hưng", "Mỹ", "Trạch", "Giang", "Sơn", "Thủy", "Lâm", "Khánh",
    "Đông", "Tiến", "Phong", "Châu", "Điền", "Quý", "Trung",
];
const KINDS: [&str; 8] = [
    "Ủy ban nhân dân xã",
    "Trường Tiểu học",
    "Trường Trung học cơ sở",
    "Trạm Y tế xã",
    "Hội đồng nhân dân xã",
    "Trường Mầm non",
    "Phòng Kinh tế xã",
    "Trung tâm Phục vụ hành chính công xã",
];

fn id(n: u32) -> AgencyId {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    AgencyId::from_bytes(bytes)
}

/// The agency with a number: provinces, then what is below them.
fn made_up(n: u32) -> NewAgency {
    let province = n % 34;
    let (code, name, parent) = match n {
        0..34 => (format!("H{:02}", n + 1), format!("Ủy ban nhân dân tỉnh số {}", n + 1), None),
        _ => {
            let (first, second) = (FIRST[(n / 34) as usize % 20], SECOND[(n / 680) as usize % 20]);
            let kind = KINDS[(n / 13_600) as usize % 8];
            let name = format!("{kind} {first} {second}, tỉnh số {}", province + 1);
            (
                format!("H{:02}.{}.{}", province + 1, n / 34 / 99 + 1, n / 34 % 99 + 1),
                name,
                Some(id(province)),
            )
        }
    };
    let names = AgencyNames {
        code: code.parse().unwrap(),
        code102: Some(
            format!("{:03}.{:02}.{:02}.H{:02}", n % 1000, n / 1000 % 100, n / 100_000, province + 1)
                .parse()
                .unwrap(),
        ),
        name,
        mail: String::new(),
        parent_id: parent,
        decision: String::new(),
    };
    NewAgency { agency_id: id(n), names, valid_from: NOW }
}

async fn load(house: &House, count: u32) {
    let began = Instant::now();
    let all: Vec<NewAgency> = (0..count).map(made_up).collect();
    for batch in all.chunks(BATCH) {
        let batch = batch.to_vec();
        write!(house, batch, |tx| tx.add_agencies(batch, NOW).await?).unwrap();
    }
    println!("{}: {count} agencies added and indexed in {:?}", house.store.engine(), began.elapsed());
}

/// Names of what is found, and what it took in the median of several times.
async fn ask(house: &House, query: &'static str) -> Vec<String> {
    let mut times = Vec::new();
    let mut names = Vec::new();
    for _ in 0..7 {
        let began = Instant::now();
        let hits = read!(house, |tx| tx.search_agencies(query, NOW, 20).await?);
        times.push(began.elapsed());
        names = hits.into_iter().map(|hit| hit.agency.name).collect();
    }
    times.sort_unstable();
    println!(
        "{}: {query:?} in {:?} (slowest {:?}), {} hits",
        house.store.engine(),
        times[3],
        times[6],
        names.len()
    );
    names
}

async fn found_in(house: &House, count: u32) {
    load(house, count).await;
    for (query, first) in [
        ("ủy ban nhân dân xã tân lập", "Ủy ban nhân dân xã Tân Lập, tỉnh số"),
        ("ubnd xa tan lap", "Ủy ban nhân dân xã Tân Lập, tỉnh số"),
        ("lập tân xã ủy", "Ủy ban nhân dân xã Tân Lập, tỉnh số"),
        ("yên trung tỉnh số 34 ủy ban", "Ủy ban nhân dân xã Yên Trung, tỉnh số 34"),
        ("hoà thuỷ", "Ủy ban nhân dân xã Hòa Thủy, tỉnh số"),
        ("Ðông Đ", ""),
        ("trường xã", ""),
        ("t", ""),
        ("tr", ""),
        ("trư", ""),
        ("tỉnh số", "Ủy ban nhân dân tỉnh số"),
        ("Ủy ban nhân dân tỉnh số 7", "Ủy ban nhân dân tỉnh số 7"),
        ("H07", "Ủy ban nhân dân tỉnh số 7"),
        ("H07.1.", ""),
        ("000.00.00.H01", "Ủy ban nhân dân tỉnh số 1"),
        ("không có ở đâu", ""),
    ] {
        let names = ask(house, query).await;
        let is_first = names.first().is_some_and(|name| name.starts_with(first));
        assert!(is_first || first.is_empty(), "{query}: {names:?}");
        assert_eq!(names.is_empty(), ["trường xã", "không có ở đâu"].contains(&query), "{query}: {names:?}");
    }
    let change = AgencyChange {
        name: Some("Ủy ban nhân dân xã Sáp Nhập".to_owned()),
        ..AgencyChange::default()
    };
    let began = Instant::now();
    write!(house, change, |tx| tx.change_agency(id(77), change, NOW, None, NOW).await?).unwrap();
    println!("{}: one renamed in {:?}", house.store.engine(), began.elapsed());
    assert_eq!(ask(house, "sáp nhập").await, ["Ủy ban nhân dân xã Sáp Nhập"]);
    let began = Instant::now();
    let (mut after, mut seen) = (None, 0);
    loop {
        let page = read!(house, |tx| tx.agencies_page(after, NOW, 1_000).await?);
        seen += page.len();
        after = page.last().map(|agency| agency.agency_id);
        if after.is_none() {
            break;
        }
    }
    println!("{}: all read page by page in {:?}", house.store.engine(), began.elapsed());
    assert_eq!(seen, count as usize);
}

stories! {
    async fn a_large_register_is_searched(house: House) {
        found_in(&house, SOME).await;
    }
}

/// `scripts/with-postgres cargo nextest run --workspace --run-ignored only --no-capture -E 'test(a_nation)'`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_nation_of_111_000_agencies_on_sqlite() {
    found_in(&House::sqlite().await, COUNT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_nation_of_111_000_agencies_on_postgresql() {
    found_in(&House::postgres().await, COUNT).await;
}
