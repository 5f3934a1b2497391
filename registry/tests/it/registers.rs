//! Registers: a line for each document that leaves or is taken in, and the law's columns (RULES R76, R77, R85, R90).

use registry::document_id::DocumentIdentifier;
use registry::numbering::{self, Book, Refused};
use registry::package::{BusinessType, write_document};
use registry::registers::{self, Arrival, Entry, Order, Patch, Register};
use store::BookState;
use time::macros::date;

use crate::house::{House, act, agency_id, document, good, stories};
use crate::numbers::{lines, open, request, reserve, which};
use crate::statuses::status;
use crate::world::{NOW, World};

fn order(agency: u8, register: Register) -> Order {
    Order { agency_id: agency_id(agency), register, book: register.book(), year: 2026, from: None, to: None }
}

async fn printed(house: &House, order: &Order) -> Vec<String> {
    let page = registers::page(&house.desk.store, order, 0).await.unwrap();
    assert_eq!(page.next, None);
    page.text.lines().map(str::to_owned).collect()
}

async fn arrive(
    house: &House,
    agency: u8,
    arrival: Arrival,
    key: Option<&str>,
) -> Result<numbering::Given, Refused> {
    let store = &house.desk.store;
    registers::register_incoming(store, agency_id(agency), arrival, key.map(str::to_owned), "vanthu", NOW)
        .await
}

fn paper() -> Arrival {
    let entry = Entry {
        code: "12/TB-SYT".to_owned(),
        date: "2026-11-20".to_owned(),
        kind: "Thông báo".to_owned(),
        subject: "về phòng dịch".to_owned(),
        author: "Sở Y tế".to_owned(),
        ..Entry::default()
    };
    Arrival::Other(Box::new(entry))
}

stories! {
    async fn r75_a_document_takes_the_line_its_number_was_reserved_on(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, Some(5)).await.unwrap();
        let kept = Entry { keeper: "Văn phòng".to_owned(), ..Entry::default() };
        let asked = numbering::Request { entry: kept, ..request(1, Book::Outgoing, None) };
        assert_eq!(reserve(&house, asked).await.unwrap().number, Some(5));
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        let line = &lines(&house, 1, "outgoing", 2026).await[0];
        assert_eq!((line.state, line.code.as_str(), line.number), ("used", "05/SNV-VP", Some(5)));
        assert_eq!(line.document_id, Some(sent.document_id.to_string()));
        assert_eq!((line.entry.keeper.as_str(), line.ended_by.as_str()), ("Văn phòng", "hub.01"));
        // A document bears it: it is not voided any more.
        let refused = numbering::void(&house.desk.store, which(1, 5), "x", "vanthu", NOW).await;
        assert!(matches!(refused, Err(Refused::Ended(store::LineState::Used))));
        // A number nobody reserved is written down, and passed over when the counter comes to it.
        house.send("hub.01", "H37.01", &good("07", &["H37.02"])).await.unwrap();
        assert_eq!(reserve(&house, request(1, Book::Outgoing, None)).await.unwrap().number, Some(6));
        assert_eq!(reserve(&house, request(1, Book::Outgoing, None)).await.unwrap().number, Some(8));
    }

    async fn r75_a_voided_number_that_comes_all_the_same_is_shown_and_stays_void(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, Some(5)).await.unwrap();
        reserve(&house, request(1, Book::Outgoing, None)).await.unwrap();
        numbering::void(&house.desk.store, which(1, 5), "ghi nhầm", "vanthu", NOW).await.unwrap();
        house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        let kept = lines(&house, 1, "outgoing", 2026).await;
        assert_eq!((kept[0].state, kept[0].number), ("void", Some(5)));
        assert_eq!((kept[1].state, kept[1].number, kept[1].code.as_str()), ("used", None, "05/SNV-VP"));
        assert_eq!(kept[1].reason, "Trùng số với dòng 1 (void)");
    }

    async fn r77_the_outgoing_register_of_numbers_given_elsewhere(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Recorded, None).await.unwrap();
        house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        // To one more, as a package of its own: still one document.
        house.send("hub.01", "H37.01", &good("05", &["H37.03"])).await.unwrap();
        house.send("hub.01", "H37.01", &good("31", &["H37.02"])).await.unwrap();
        let expected = [
            "05/SNV-VP,22/11/2026,Công văn V/v phối hợp,NGUYỄN  Văn A,\"Tên của H37.02; Tên của H37.04\",,1,,,",
            "31/SNV-VP,22/11/2026,Công văn V/v phối hợp,NGUYỄN  Văn A,Tên của H37.02,,1,,,",
        ];
        assert_eq!(printed(&house, &order(1, Register::Outgoing)).await, expected);
        let later = Order { from: Some(date!(2026 - 11 - 23)), ..order(1, Register::Outgoing) };
        assert!(printed(&house, &later).await.is_empty());
        // No book, no line; and what one agency sends is in no other's register.
        assert!(printed(&house, &order(2, Register::Outgoing)).await.is_empty());
        assert!(matches!(reserve(&house, request(1, Book::Outgoing, None)).await, Err(Refused::NotKept(_))));
    }

    async fn r75_normative_documents_have_a_series_of_their_own(house: House) {
        let normative = |number: &str| {
            let mut new = document(number, &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
            new.code.notation = "2026/QĐ-UBND".to_owned();
            write_document(&new).unwrap()
        };
        let book = Book::Normative("QĐ".to_owned());
        open(&house, 1, Book::Outgoing, BookState::Kept, Some(12)).await.unwrap();
        // Without a book of its own it is in the common one, and takes no number of that series.
        house.send("hub.01", "H37.01", &normative("12")).await.unwrap();
        let line = &lines(&house, 1, "outgoing", 2026).await[0];
        assert_eq!((line.number, line.code.as_str()), (None, "12/2026/QĐ-UBND"));
        assert_eq!(reserve(&house, request(1, Book::Outgoing, None)).await.unwrap().number, Some(12));
        open(&house, 1, book.clone(), BookState::Kept, Some(13)).await.unwrap();
        assert_eq!(reserve(&house, request(1, book, None)).await.unwrap().number, Some(13));
        house.send("hub.01", "H37.01", &normative("13")).await.unwrap();
        let own = &lines(&house, 1, "normative:QĐ", 2026).await[0];
        assert_eq!((own.number, own.state, own.code.as_str()), (Some(13), "used", "13/2026/QĐ-UBND"));
        assert_eq!(lines(&house, 1, "outgoing", 2026).await.len(), 2);
    }

    async fn a_package_that_is_refused_leaves_its_number_reserved(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, Some(5)).await.unwrap();
        reserve(&house, request(1, Book::Outgoing, None)).await.unwrap();
        let mut unsigned = document("05", &["H37.02"], &[("van-ban.pdf", &crate::world::blank())]);
        unsigned.subject = "chưa ký".to_owned();
        house.send("hub.01", "H37.01", &write_document(&unsigned).unwrap()).await.unwrap_err();
        assert_eq!(lines(&house, 1, "outgoing", 2026).await[0].state, "reserved");
        house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        // Sent once more it is the same act, and the same line.
        assert!(house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap().is_repeat);
        let kept = lines(&house, 1, "outgoing", 2026).await;
        assert_eq!((kept.len(), kept[0].state), (1, "used"));
    }

    async fn r76_what_is_taken_in_gets_its_arrival_number(house: House) {
        open(&house, 2, Book::Incoming, BookState::Kept, None).await.unwrap();
        let first = house.send("hub.01", "H37.01", &good("05", &["H37.02", "H37.04"])).await.unwrap();
        house.send("hub.01", "H37.01", &good("06", &["H37.02"])).await.unwrap();
        // Arriving is not taking in.
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "06", "01")).await.unwrap();
        assert!(lines(&house, 2, "incoming", 2026).await.is_empty());
        assert_eq!(arrive(&house, 2, paper(), Some("k")).await.unwrap().number, Some(1));
        assert_eq!(arrive(&house, 2, paper(), Some("k")).await.unwrap().number, Some(1));
        // A later word implies the taking in; further words change nothing.
        for (number, code) in [("06", "05"), ("05", "03"), ("06", "06"), ("05", "04")] {
            house.send("hub.02", "H37.02", &status("H37.02", "H37.01", number, code)).await.unwrap();
        }
        let kept = lines(&house, 2, "incoming", 2026).await;
        let got: Vec<(Option<i64>, &str)> = kept.iter().map(|line| (line.number, line.code.as_str())).collect();
        assert_eq!(got, [(Some(1), "12/TB-SYT"), (Some(2), "06/SNV-VP"), (Some(3), "05/SNV-VP")]);
        // The desk finds the number that was given.
        let again = arrive(&house, 2, Arrival::Exchanged(first.document_id), None).await.unwrap();
        assert_eq!(again.number, Some(3));
        // Agency 4 keeps no book here; agency 3 has not received it.
        house.send("hub.04", "H37.04", &status("H37.04", "H37.01", "05", "03")).await.unwrap();
        assert!(lines(&house, 4, "incoming", 2026).await.is_empty());
        assert!(matches!(arrive(&house, 4, paper(), None).await, Err(Refused::NotKept(_))));
        let foreign = arrive(&house, 3, Arrival::Exchanged(first.document_id), None).await;
        assert!(matches!(foreign, Err(Refused::NoSuchDocument)));
    }

    async fn r77_r85_the_incoming_register_and_the_follow_up_book(house: House) {
        open(&house, 2, Book::Incoming, BookState::Kept, None).await.unwrap();
        let mut asked = document("05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        "2026/12/01".clone_into(&mut asked.due_date);
        house.send("hub.01", "H37.01", &write_document(&asked).unwrap()).await.unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "03")).await.unwrap();
        arrive(&house, 2, paper(), None).await.unwrap();
        let patch = Patch {
            handler: Some("Phòng Tổng hợp".to_owned()),
            transferred: Some("2026-11-22".to_owned()),
            note: Some("=HYPERLINK(1)".to_owned()),
            ..Patch::default()
        };
        let line = numbering::Which { agency_id: agency_id(2), book: Book::Incoming, year: 2026, number: 1 };
        registers::annotate(&house.desk.store, line, patch).await.unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "05")).await.unwrap();
        let expected = [
            "22/11/2026,01,Tên của H37.01,05/SNV-VP,22/11/2026,Công văn V/v phối hợp,Phòng Tổng hợp,22/11/2026,,'=HYPERLINK(1)",
            "22/11/2026,02,Sở Y tế,12/TB-SYT,20/11/2026,Thông báo về phòng dịch,,,,",
        ];
        assert_eq!(printed(&house, &order(2, Register::Incoming)).await, expected);
        let expected = [
            "01,\"Công văn; 05/SNV-VP; 22/11/2026; Tên của H37.01\",Phòng Tổng hợp,01/12/2026,Đang xử lý,,'=HYPERLINK(1)",
            "02,\"Thông báo; 12/TB-SYT; 20/11/2026; Sở Y tế\",,,,,",
        ];
        assert_eq!(printed(&house, &order(2, Register::FollowUp)).await, expected);
        assert!(matches!(
            registers::annotate(&house.desk.store, which(2, 9), Patch::default()).await,
            Err(Refused::NoSuchNumber)
        ));
    }

    async fn r77_an_answer_is_noted_beside_what_it_answers(house: House) {
        open(&house, 1, Book::Incoming, BookState::Kept, None).await.unwrap();
        let id = DocumentIdentifier::new("H37.02,2026/11/20,12/TB-SYT").unwrap();
        let Arrival::Other(mut entry) = paper() else { unreachable!() };
        id.key().clone_into(&mut entry.identifier);
        arrive(&house, 1, Arrival::Other(entry), None).await.unwrap();
        let mut answer = document("05", &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
        answer.response_for = vec![registry::package::Answered {
            organ_id: "H37.02".to_owned(),
            code: "12/TB-SYT".to_owned(),
            document_id: Some(id),
            promulgation_date: "2026/11/20".to_owned(),
        }];
        house.send("hub.01", "H37.01", &write_document(&answer).unwrap()).await.unwrap();
        let row = &printed(&house, &order(1, Register::FollowUp)).await[0];
        assert!(row.ends_with(",05/SNV-VP,"), "{row}");
    }

    async fn r90_a_long_register_comes_in_pages(house: House) {
        open(&house, 1, Book::Outgoing, BookState::Kept, None).await.unwrap();
        let filled: Result<(), store::Error> = house
            .desk
            .store
            .write("fill", (), |tx, ()| {
                Box::pin(async move {
                    for _ in 0..1_100 {
                        let series = tx.lock_series(agency_id(1), "outgoing", 2026).await?;
                        let line = store::NewLine {
                            number: Some(series.next_number),
                            code: String::new(),
                            state: store::LineState::Reserved,
                            on_day: "2026-11-22".to_owned(),
                            request_key: None,
                            document_id: None,
                            identifier: String::new(),
                            facts: "{}".to_owned(),
                            reason: String::new(),
                            taken_by: "cli".to_owned(),
                        };
                        tx.add_line(&series, &line, series.next_number + 1, NOW).await?;
                    }
                    Ok(())
                })
            })
            .await;
        filled.unwrap();
        let (mut text, mut after, mut pages) = (registers::header(Register::Outgoing, true), Some(0), 0);
        while let Some(line) = after {
            let page = registers::page(&house.desk.store, &order(1, Register::Outgoing), line).await.unwrap();
            text.push_str(&page.text);
            (after, pages) = (page.next, pages + 1);
        }
        assert_eq!((pages, text.lines().count()), (3, 1_101));
        assert!(text.starts_with("\u{FEFF}\"Số, ký hiệu văn bản\",Ngày tháng văn bản,"));
        assert!(text.ends_with("1100,22/11/2026,,,,,,,,\"Giữ số, chưa phát hành\"\r\n"));
    }

    async fn r39_a_cancelled_arrival_keeps_its_line_and_not_what_it_was_about(house: House) {
        open(&house, 2, Book::Incoming, BookState::Kept, None).await.unwrap();
        let sent = house.send("hub.01", "H37.01", &good("05", &["H37.02"])).await.unwrap();
        arrive(&house, 2, Arrival::Exchanged(sent.document_id), None).await.unwrap();
        let told = async || {
            let mut told = printed(&house, &order(2, Register::Incoming)).await;
            told.extend(printed(&house, &order(2, Register::FollowUp)).await);
            told.join("\n") + &serde_json::to_string(&lines(&house, 2, "incoming", 2026).await).unwrap()
        };
        assert_eq!(told().await.matches("phối hợp").count(), 2);
        house
            .send(
                "hub.01",
                "H37.01",
                &write_document(&act(BusinessType::Recall, "05", &["H37.02"], &[])).unwrap(),
            )
            .await
            .unwrap();
        house.send("hub.02", "H37.02", &status("H37.02", "H37.01", "05", "15")).await.unwrap();
        let told = told().await;
        assert!(!told.contains("phối hợp") && !told.contains("Công văn"), "{told}");
        assert!(told.contains("05/SNV-VP") && told.contains("Đã được lấy lại"), "{told}");
    }
}

#[test]
fn r77_the_laws_columns() {
    assert_eq!(
        [Register::Outgoing, Register::Incoming, Register::FollowUp].map(|r| r.columns().len()),
        [10, 10, 7]
    );
    for register in [Register::Outgoing, Register::Incoming, Register::FollowUp] {
        assert_eq!(Register::named(register.as_str()), Some(register));
    }
}
