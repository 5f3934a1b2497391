//! Numbers of books: without gap or repeat, whatever comes at once (RULES R75, R76, R79; T9).

use std::collections::HashSet;

use mail::Timestamp;
use registry::numbering::{self, Book, Given, Refused, Request, Which};
use registry::registers::Entry;
use store::{BookState, LineFilter, LineState};
use time::Date;
use time::macros::date;

use crate::house::{House, agency_id, stories};
use crate::world::NOW;

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub(crate) fn request(agency: u8, book: Book, key: Option<&str>) -> Request {
    Request {
        agency_id: agency_id(agency),
        book,
        day: None,
        reason: String::new(),
        request_key: key.map(str::to_owned),
        entry: Entry { subject: "V/v phối hợp".to_owned(), ..Entry::default() },
        by: "vanthu".to_owned(),
    }
}

fn of_day(day: Date, reason: &str) -> Request {
    Request { day: Some(day), reason: reason.to_owned(), ..request(1, Book::Outgoing, None) }
}

pub(crate) async fn open(
    house: &House,
    agency: u8,
    book: Book,
    state: BookState,
    first: Option<i64>,
) -> Result<(), Refused> {
    numbering::open_book(&house.desk.store, agency_id(agency), book, state, first, "cli", NOW).await
}

pub(crate) async fn reserve(house: &House, request: Request) -> Result<Given, Refused> {
    numbering::reserve(&house.desk.store, request, NOW).await
}

pub(crate) async fn lines(house: &House, agency: u8, book: &str, year: i64) -> Vec<Given> {
    let filter = LineFilter {
        agency_id: agency_id(agency),
        book: book.to_owned(),
        year,
        from: String::new(),
        to: String::new(),
        after: 0,
        limit: 1_000,
    };
    numbering::list(&house.desk.store, filter).await.unwrap()
}

pub(crate) fn which(agency: u8, number: i64) -> Which {
    Which { agency_id: agency_id(agency), book: Book::Outgoing, year: 2026, number }
}

async fn void(house: &House, which: Which, reason: &str) -> Result<Given, Refused> {
    numbering::void(&house.desk.store, which, reason, "vanthu", NOW).await
}

stories! {
    async fn t9_r75_a_hundred_at_once_get_a_hundred_consecutive_numbers(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, None).await.unwrap();
        let asked = (0..100).map(|n| {
            let store = house.desk.store.clone();
            tokio::spawn(async move {
                numbering::reserve(&store, request(1, Book::Outgoing, Some(&format!("k{n}"))), NOW).await.unwrap()
            })
        });
        let mut numbers = Vec::new();
        for answer in asked.collect::<Vec<_>>() {
            numbers.push(answer.await.unwrap().number.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=100).collect::<Vec<i64>>());
        let kept = lines(&house, 1, "outgoing", 2026).await;
        assert!(kept.iter().zip(1..).all(|(line, n)| line.number == Some(n) && line.line == n));
    }

    async fn t9_r75_requests_that_fail_leave_no_gap(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, None).await.unwrap();
        // Every second request is refused inside its transaction, after it has held the counter.
        let asked = (0..40).map(|n| {
            let store = house.desk.store.clone();
            let asked = match n % 2 {
                0 => request(1, Book::Outgoing, None),
                _ => of_day(date!(2026 - 11 - 01), ""),
            };
            tokio::spawn(async move { (n, numbering::reserve(&store, asked, NOW).await) })
        });
        let mut numbers = HashSet::new();
        numbers.insert(reserve(&house, request(1, Book::Outgoing, None)).await.unwrap().number.unwrap());
        for answer in asked.collect::<Vec<_>>() {
            let (_, outcome) = answer.await.unwrap();
            if let Ok(given) = outcome {
                assert!(numbers.insert(given.number.unwrap()), "twice");
            }
        }
        assert_eq!(numbers, (1..=i64::try_from(numbers.len()).unwrap()).collect());
        assert!(numbers.len() >= 21);
    }

    async fn r75_a_repeated_request_gets_the_same_number(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, None).await.unwrap();
        let asked = (0..20).map(|_| {
            let store = house.desk.store.clone();
            tokio::spawn(async move {
                numbering::reserve(&store, request(1, Book::Outgoing, Some("một")), NOW).await.unwrap()
            })
        });
        for answer in asked.collect::<Vec<_>>() {
            assert_eq!(answer.await.unwrap().number, Some(1));
        }
        // After New Year it is still the same request.
        let later = at("2027-01-04T08:00:00+07:00");
        let again = numbering::reserve(&house.desk.store, request(1, Book::Outgoing, Some("một")), later).await;
        let again = again.unwrap();
        assert_eq!((again.number, again.year), (Some(1), 2026));
        assert_eq!(lines(&house, 1, "outgoing", 2026).await.len(), 1);
        assert!(lines(&house, 1, "outgoing", 2027).await.is_empty());
    }

    async fn t9_r75_the_series_turns_with_the_year_in_vietnam(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, None).await.unwrap();
        let midnight = at("2027-01-01T00:00:00+07:00");
        for (now, year, number) in [
            (Timestamp::from_millis(midnight.millis() - 2), 2026, 1),
            (Timestamp::from_millis(midnight.millis() - 1), 2026, 2),
            (midnight, 2027, 1),
            (at("2026-12-31T17:00:01Z"), 2027, 2),
        ] {
            let given = numbering::reserve(&house.desk.store, request(1, Book::Outgoing, None), now).await.unwrap();
            assert_eq!((given.year, given.number), (year, Some(number)));
        }
    }

    async fn r75_series_are_apart_by_agency_book_and_type(house: House) {
        for (agency, book) in [
            (1, Book::Outgoing),
            (1, Book::Normative("QĐ".to_owned())),
            (1, Book::Normative("NQ".to_owned())),
            (2, Book::Outgoing),
        ] {
            open(&house, agency, book.clone(), BookState::Kept, None).await.unwrap();
            let given = reserve(&house, request(agency, book, None)).await.unwrap();
            assert_eq!((given.number, given.code.as_str()), (Some(1), "01"));
        }
        let closed = reserve(&house, request(3, Book::Outgoing, None)).await.unwrap_err();
        assert_eq!((closed.code(), closed.status()), ("number.not-kept", 404));
        open(&house, 1, Book::Outgoing, BookState::Closed, None).await.unwrap();
        assert!(matches!(reserve(&house, request(1, Book::Outgoing, None)).await, Err(Refused::NotKept(_))));
    }

    async fn r75_a_voided_number_keeps_its_line_and_is_not_given_again(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, None).await.unwrap();
        for _ in 0..2 {
            reserve(&house, request(1, Book::Outgoing, None)).await.unwrap();
        }
        assert!(matches!(void(&house, which(1, 2), "  ").await, Err(Refused::NoReason)));
        let gone = void(&house, which(1, 2), "ghi nhầm").await.unwrap();
        assert_eq!((gone.state, gone.reason.as_str(), gone.ended_by.as_str()), ("void", "ghi nhầm", "vanthu"));
        assert!(matches!(void(&house, which(1, 2), "nữa").await, Err(Refused::Ended(LineState::Void))));
        assert!(matches!(void(&house, which(1, 3), "x").await, Err(Refused::NoSuchNumber)));
        // Another agency's number is no number of one's own.
        assert!(matches!(void(&house, which(2, 1), "x").await, Err(Refused::NoSuchNumber)));
        assert_eq!(reserve(&house, request(1, Book::Outgoing, None)).await.unwrap().number, Some(3));
        let states: Vec<&str> = lines(&house, 1, "outgoing", 2026).await.iter().map(|line| line.state).collect();
        assert_eq!(states, ["reserved", "void", "reserved"]);
    }

    async fn r75_a_paper_book_is_taken_over_in_mid_year(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, Some(57)).await.unwrap();
        assert_eq!(reserve(&house, request(1, Book::Outgoing, None)).await.unwrap().number, Some(57));
        // Saying it again changes nothing; another beginning is refused.
        open(&house, 1, Book::Outgoing, BookState::Kept, Some(57)).await.unwrap();
        assert!(matches!(open(&house, 1, Book::Outgoing, BookState::Kept, Some(5)).await, Err(Refused::Started)));
        assert_eq!(reserve(&house, request(1, Book::Outgoing, None)).await.unwrap().number, Some(58));
        for first in [0, -1, 100_000_000_000] {
            let refused = open(&house, 1, Book::Outgoing, BookState::Kept, Some(first)).await;
            assert!(matches!(refused, Err(Refused::OutOfBounds(_))), "{first}");
        }
    }

    async fn r75_numbers_follow_the_order_of_days(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, None).await.unwrap();
        assert_eq!(reserve(&house, of_day(date!(2026 - 11 - 25), "")).await.unwrap().number, Some(1));
        let refused = reserve(&house, of_day(date!(2026 - 11 - 24), "")).await.unwrap_err();
        assert!(matches!(&refused, Refused::Backwards { last } if last == "2026-11-25"), "{refused}");
        let given = reserve(&house, of_day(date!(2026 - 11 - 24), "bổ sung theo biên bản")).await.unwrap();
        assert_eq!((given.number, given.reason.as_str()), (Some(2), "bổ sung theo biên bản"));
        assert_eq!(reserve(&house, of_day(date!(2026 - 11 - 25), "")).await.unwrap().number, Some(3));
        assert!(matches!(reserve(&house, of_day(date!(2027 - 01 - 04), "vội")).await, Err(Refused::NotYet)));
        // Last year's book takes a forgotten document, with a reason.
        assert!(matches!(reserve(&house, of_day(date!(2025 - 12 - 31), "")).await, Err(Refused::Backwards { .. })));
        let late = reserve(&house, of_day(date!(2025 - 12 - 31), "sót")).await.unwrap();
        assert_eq!((late.year, late.number), (2025, Some(1)));
        let early = Request { day: Some(date!(2026 - 12 - 01)), ..request(1, Book::Incoming, None) };
        assert!(matches!(reserve(&house, early).await, Err(Refused::OutOfBounds(_))));
    }
}
