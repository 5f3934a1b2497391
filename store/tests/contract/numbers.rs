//! Books, the declared calendar and watches (RULES R33, R75).

use mail::{DocumentId, Timestamp};
use store::{
    BookState, DeclaredDay, Error, LineEnd, LineFilter, LineState, NewLine, Stage, Watch, WatchKind,
};

use crate::house::{NOW, agency_id, read, stories, write};

fn line(number: Option<i64>, day: &str) -> NewLine {
    NewLine {
        number,
        code: String::new(),
        state: LineState::Reserved,
        on_day: day.to_owned(),
        request_key: None,
        document_id: None,
        identifier: String::new(),
        facts: "{}".to_owned(),
        reason: String::new(),
        taken_by: "cli".to_owned(),
    }
}

fn end(state: LineState) -> LineEnd {
    LineEnd {
        state,
        code: "05/QĐ".to_owned(),
        document_id: (state == LineState::Used).then(|| DocumentId::from_bytes([9; 16])),
        identifier: "A".to_owned(),
        facts: "{}".to_owned(),
        reason: "lý do".to_owned(),
        ended_by: "cli".to_owned(),
    }
}

stories! {
    async fn r75_a_line_ends_once_and_two_never_have_one_number(house: House) {
        write!(house, |tx| {
            let series = tx.lock_series(agency_id(1), "outgoing", 2026).await?;
            assert_eq!((series.next_number, series.next_line, series.last_on.as_str()), (1, 1, ""));
            tx.add_line(&series, &line(Some(1), "2026-11-22"), 2, NOW).await?;
            let series = tx.lock_series(agency_id(1), "outgoing", 2026).await?;
            // A line without a number of the series leaves the order of days alone.
            tx.add_line(&series, &line(None, "2026-12-31"), 2, NOW).await?;
        })
        .unwrap();
        let taken = write!(house, |tx| {
            let series = tx.lock_series(agency_id(1), "outgoing", 2026).await?;
            assert_eq!((series.next_number, series.next_line, series.last_on.as_str()), (2, 3, "2026-11-22"));
            tx.add_line(&series, &line(Some(1), "2026-11-22"), 2, NOW).await?
        });
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
        let found = read!(house, |tx| tx.line_of_number(agency_id(1), "outgoing", 2026, 1).await?).unwrap();
        let first = found.clone();
        write!(house, first, |tx| tx.end_line(first, &end(LineState::Used), NOW).await?).unwrap();
        let again = write!(house, found, |tx| tx.end_line(found, &end(LineState::Void), NOW).await?);
        assert!(matches!(again, Err(Error::Refused(_))));
        let filter = LineFilter {
            agency_id: agency_id(1),
            book: "outgoing".to_owned(),
            year: 2026,
            from: String::new(),
            to: "2026-11-30".to_owned(),
            after: 0,
            limit: 10,
        };
        let read = house.store.read(filter, |tx, filter| Box::pin(async move { tx.lines(filter).await }));
        let lines = read.await.unwrap();
        assert_eq!((lines.len(), lines[0].state, lines[0].code.as_str()), (1, LineState::Used, "05/QĐ"));
        assert!(read!(house, |tx| tx.has_numbers(agency_id(1), "outgoing", 2026).await?));
        assert!(!read!(house, |tx| tx.has_numbers(agency_id(1), "outgoing", 2027).await?));
        assert!(read!(house, |tx| tx.line_of_identifier(agency_id(2), "outgoing", "A").await?).is_none());
    }

    async fn books_are_opened_and_closed(house: House) {
        assert_eq!(read!(house, |tx| tx.book(agency_id(1), "incoming").await?), None);
        for state in [BookState::Kept, BookState::Recorded, BookState::Closed] {
            write!(house, |tx| tx.set_book(agency_id(1), "incoming", state, NOW).await?).unwrap();
            assert_eq!(read!(house, |tx| tx.book(agency_id(1), "incoming").await?), Some(state));
        }
        assert_eq!(read!(house, |tx| tx.books(agency_id(1)).await?).len(), 1);
        assert!(read!(house, |tx| tx.books(agency_id(2)).await?).is_empty());
    }

    async fn the_declared_calendar_is_bounded(house: House) {
        let day = |day: &str, kind: &str| DeclaredDay {
            day: day.to_owned(),
            kind: kind.to_owned(),
            why: "thử".to_owned(),
            declared_at: NOW,
            declared_by: "cli".to_owned(),
        };
        let (first, second) = (day("2026-11-23", "holiday"), day("2026-11-24", "holiday"));
        let changed = day("2026-11-23", "working");
        write!(house, first, |tx| tx.declare_day(first, 1).await?).unwrap();
        let full = write!(house, second, |tx| tx.declare_day(second, 1).await?);
        assert!(matches!(full, Err(Error::Full(_))));
        // The same day is declared anew.
        write!(house, changed, |tx| tx.declare_day(changed, 1).await?).unwrap();
        let kept = read!(house, |tx| tx.declared_days("2026-01-01", "2026-12-31", 10).await?);
        assert_eq!((kept.len(), kept[0].kind.as_str()), (1, "working"));
        assert!(read!(house, |tx| tx.declared_days("2027-01-01", "2027-12-31", 10).await?).is_empty());
        write!(house, |tx| {
            tx.set_hour("morning-end", "2026-06-01", 690).await?;
            tx.set_hour("morning-end", "2026-01-01", 700).await?;
            tx.set_hour("morning-end", "2026-01-01", 720).await?;
        })
        .unwrap();
        let hours = read!(house, |tx| tx.hours_until("2026-11-22").await?);
        assert_eq!(hours, [("morning-end".to_owned(), 720), ("morning-end".to_owned(), 690)]);
    }

    async fn r33_watches_come_when_they_are_due(house: House) {
        let watch = |agency: u8, at: i64, stage: Stage| Watch {
            agency_id: agency_id(agency),
            document_id: DocumentId::from_bytes([1; 16]),
            watch: WatchKind::Receipt,
            sender_id: agency_id(1),
            stage,
            alarm_at: Timestamp::from_secs(at),
            deadline: Timestamp::from_secs(at + 10),
        };
        write!(house, |tx| {
            for (agency, at) in [(2, 300), (3, 100), (4, 500)] {
                tx.add_watch(&watch(agency, at, Stage::Ahead)).await?;
            }
            // Added again it stays as it is.
            tx.add_watch(&watch(2, 1, Stage::Over)).await?;
        })
        .unwrap();
        let due = read!(house, |tx| tx.due_watches(Timestamp::from_secs(300), 10).await?);
        assert_eq!(due, [watch(3, 100, Stage::Ahead), watch(2, 300, Stage::Ahead)]);
        write!(house, |tx| {
            tx.set_watch(&watch(3, 100, Stage::Over)).await?;
            tx.end_watch(agency_id(2), DocumentId::from_bytes([1; 16]), WatchKind::Receipt).await?;
        })
        .unwrap();
        assert!(read!(house, |tx| tx.due_watches(Timestamp::from_secs(300), 10).await?).is_empty());
        let of_sender = read!(house, |tx| tx.late_at_receivers(agency_id(1), WatchKind::Receipt, 10).await?);
        assert_eq!((of_sender.len(), of_sender[0].receiver_id), (1, agency_id(3)));
        assert_eq!(read!(house, |tx| tx.late_here(agency_id(3), WatchKind::Receipt, 10).await?).len(), 1);
        assert!(read!(house, |tx| tx.late_here(agency_id(3), WatchKind::Due, 10).await?).is_empty());
    }
}
