//! SORT and THREAD against the words of RFC 5256, and against forests that are deep, wide or tangled.

use mail::Timestamp;
use mail::message::Mailbox;

use super::*;
use crate::codec::Out;
use crate::codec::command::{SortBy, SortKey, ThreadAlgorithm};
use crate::fuzz::numbers;

fn row(number: u32, subject: &str, id: &str, references: &str) -> Row {
    Row {
        number,
        received_at: Timestamp::from_secs(i64::from(number)),
        sent_at: None,
        size: 1,
        subject: subject.to_owned(),
        from: None,
        to: None,
        cc: None,
        message_id: (!id.is_empty()).then(|| id.to_owned()),
        references: references.split_ascii_whitespace().map(str::to_owned).collect(),
    }
}

fn threaded(rows: &[Row], algorithm: ThreadAlgorithm) -> String {
    let mut out = Out::new();
    out.thread(&thread(rows, algorithm));
    let written = String::from_utf8(out.take()).unwrap();
    written.trim_end().trim_start_matches("* THREAD").trim_start().to_owned()
}

fn by_references(rows: &[Row]) -> String {
    threaded(rows, ThreadAlgorithm::References)
}

#[test]
fn rfc_5256_3_references() {
    let cases: [(&str, Vec<Row>, &str); 13] = [
        ("nothing", vec![], ""),
        ("alone", vec![row(1, "a", "1", "")], "(1)"),
        (
            "a chain",
            vec![row(2, "a", "1", ""), row(3, "Re: a", "2", "1"), row(6, "Re: a", "3", "1 2")],
            "(2 3 6)",
        ),
        (
            "branches, as in the RFC's example",
            vec![
                row(3, "a", "3", ""),
                row(6, "Re: a", "6", "3"),
                row(4, "Re: a", "4", "3 6"),
                row(23, "Re: a", "23", "3 6 4"),
                row(44, "Re: a", "44", "3 6"),
                row(7, "Re: a", "7", "3 6 44"),
                row(96, "Re: a", "96", "3 6 44 7"),
            ],
            "(3 6 (4 23)(44 7 96))",
        ),
        ("the answer comes first", vec![row(1, "Re: a", "2", "1"), row(2, "a", "1", "")], "(2 1)"),
        (
            "a missing parent of one is nobody, of two it is a place",
            vec![row(1, "x", "1", "gone"), row(2, "y", "2", "lost"), row(3, "z", "3", "lost")],
            "(1)((2)(3))",
        ),
        ("a missing one in between", vec![row(1, "a", "1", ""), row(2, "Re: a", "3", "1 gone")], "(1 2)"),
        (
            "the same id twice",
            vec![row(1, "a", "1", ""), row(2, "b", "1", ""), row(3, "c", "2", "1")],
            "(1 3)(2)",
        ),
        ("a message answers itself", vec![row(1, "a", "1", "1")], "(1)"),
        ("two answer each other", vec![row(1, "a", "1", "2"), row(2, "b", "2", "1")], "(2 1)"),
        ("a reply by subject alone", vec![row(1, "a", "1", ""), row(2, "Re: a", "2", "")], "(1 2)"),
        (
            "two of one subject, neither a reply",
            vec![row(1, "a", "1", ""), row(2, "A", "2", ""), row(3, "a", "3", "")],
            "((1)(2)(3))",
        ),
        ("marks are letters", vec![row(1, "Họp", "1", ""), row(2, "Re: Hợp", "2", "")], "(1)(2)"),
    ];
    for (name, rows, expected) in cases {
        assert_eq!(by_references(&rows), expected, "{name}");
    }
}

#[test]
fn rfc_5256_3_ordered_subject() {
    let rows =
        [row(1, "a", "", ""), row(2, "b", "", ""), row(3, "Re: a", "", ""), row(4, "Fwd: A (fwd)", "", "")];
    assert_eq!(threaded(&rows, ThreadAlgorithm::OrderedSubject), "(1 (3)(4))(2)");
    assert_eq!(threaded(&[], ThreadAlgorithm::OrderedSubject), "");
}

#[test]
fn rfc_5256_3_siblings_by_sent_date() {
    let late = Row { sent_at: Some(Timestamp::from_secs(100)), ..row(2, "Re: a", "2", "1") };
    let rows = [row(1, "a", "1", ""), late, row(3, "Re: a", "3", "1")];
    assert_eq!(by_references(&rows), "(1 (3)(2))");
}

#[test]
fn deep_wide_and_tangled_threads_are_all_there() {
    let many = 30_000;
    let deep: Vec<Row> = (1..=many).map(|n| row(n, "a", &n.to_string(), &(n - 1).to_string())).collect();
    let mut backwards = deep.clone();
    backwards.reverse();
    let wide: Vec<Row> = (1..=many).map(|n| row(n, "a", &n.to_string(), "gone")).collect();
    // Each names its neighbours in both directions.
    let tangled: Vec<Row> = (1..=many)
        .map(|n| row(n, "a", &n.to_string(), &format!("{} {}", n * 7 % many, n * 13 % many)))
        .collect();
    let subjects: Vec<Row> = (1..=many).map(|n| row(n, "a", "", "")).collect();
    for rows in [deep, backwards, wide, tangled, subjects] {
        let threads = thread(&rows, ThreadAlgorithm::References);
        assert_eq!(numbers(&threads).len(), rows.len());
        let mut out = Out::new();
        out.thread(&threads);
        assert!(out.len() > rows.len());
    }
}

#[test]
fn rfc_5256_3_sorting() {
    let mailbox = |name: &str, email: &str| {
        Some(Mailbox { name: (!name.is_empty()).then(|| name.to_owned()), email: email.to_owned() })
    };
    let rows = [
        Row { size: 30, from: mailbox("Đỗ An", "z@a.vn"), ..row(1, "Re: hòa", "", "") },
        Row {
            size: 10,
            from: mailbox("", "b@a.vn"),
            sent_at: Some(Timestamp::from_secs(9)),
            ..row(2, "hoa", "", "")
        },
        Row { size: 20, from: mailbox("Dung", "a@z.vn"), ..row(3, "zebra", "", "") },
        Row { size: 20, from: None, to: mailbox("", "x"), cc: mailbox("", "y@x"), ..row(4, "đua", "", "") },
    ];
    type Keys<'k> = &'k [(SortBy, bool)];
    let cases: [(Keys<'_>, [u32; 4]); 11] = [
        (&[(SortBy::Arrival, false)], [1, 2, 3, 4]),
        (&[(SortBy::Arrival, true)], [4, 3, 2, 1]),
        (&[(SortBy::Date, false)], [1, 3, 4, 2]),
        (&[(SortBy::Size, false)], [2, 3, 4, 1]),
        (&[(SortBy::Size, true)], [1, 3, 4, 2]),
        (&[(SortBy::Size, true), (SortBy::Arrival, true)], [1, 4, 3, 2]),
        (&[(SortBy::Subject, false)], [4, 2, 1, 3]),
        (&[(SortBy::From, false)], [4, 3, 2, 1]),
        (&[(SortBy::DisplayFrom, false)], [4, 2, 1, 3]),
        (&[(SortBy::To, true), (SortBy::To, false)], [4, 1, 2, 3]),
        (&[(SortBy::Cc, true)], [4, 1, 2, 3]),
    ];
    for (keys, expected) in cases {
        let order: Vec<SortKey> =
            keys.iter().map(|(by, reverse)| SortKey { reverse: *reverse, by: *by }).collect();
        assert_eq!(sort(&rows, &order), expected, "{keys:?}");
    }
}
