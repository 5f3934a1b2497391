//! What the head of an agency decides: who signs by authorisation (RULES R81), what is sent with paper too (RULES R62, R15).

use registry::Error;
use registry::office::{self, NewAuthority, NewText, OfficeFault};
use registry::package::write_document;
use registry::reasons::PaperReason;
use registry::vxp::call::{Declared, DeclaredPaper};
use store::{AgencyChange, RegulationKind};
use time::Date;
use time::macros::date;

use crate::house::{House, agency_id, document, stories};
use crate::world::{NOW, World};

/// The day in the package and of its signatures: the world signs then.
const SIGNED: Date = date!(2026 - 11 - 22);

fn authority(holder: &str, granter: &str, from: Date, to: Date) -> NewAuthority {
    NewAuthority {
        agency_id: agency_id(1),
        holder: holder.to_owned(),
        granter: granter.to_owned(),
        document: "12/GUQ-SNV".to_owned(),
        content: "Công văn về công tác văn thư".to_owned(),
        from,
        to,
        by: "cli".to_owned(),
    }
}

async fn authorise(house: &House, new: NewAuthority) -> Result<i64, Error> {
    office::authorise(&house.desk.store, new, NOW).await
}

/// A document whose signer signs so.
async fn send(house: &House, number: &str, competence: &str) -> Result<(), &'static str> {
    let mut new = document(number, &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
    new.signer_info.competence = competence.to_owned();
    let sent = house.send("hub.01", "H37.01", &write_document(&new).unwrap()).await;
    sent.map(drop).map_err(|error| error.code())
}

/// The day the leader of the world signed, as an accepted document tells it.
async fn signed_on(house: &House) -> Date {
    let accepted = house.send("hub.01", "H37.01", &crate::house::good("00", &["H37.02"])).await.unwrap();
    let read = house
        .desk
        .store
        .read(accepted.document_id, |tx, id| Box::pin(async move { tx.deadline(agency_id(1), *id).await }));
    let deadline: Option<store::Deadline> = read.await.unwrap();
    deadline.unwrap().signed_on.parse::<registry::calendar::Written>().unwrap().0
}

pub(crate) fn list(agency: u8, items: &[&str], from: Date, to: Option<Date>) -> NewText {
    NewText {
        agency_id: agency_id(agency),
        kind: RegulationKind::PaperList,
        number: "45/QĐ-UBND".to_owned(),
        title: "Danh mục văn bản gửi kèm bản giấy".to_owned(),
        issued_on: SIGNED,
        signer: "Trần Văn Chủ".to_owned(),
        from,
        to,
        items: items.iter().map(|item| ((*item).to_owned(), "Hồ sơ nhân sự".to_owned())).collect(),
        by: "cli".to_owned(),
    }
}

pub(crate) async fn record(house: &House, new: NewText) -> Result<i64, Error> {
    office::record_text(&house.desk.store, new, NOW).await
}

async fn send_with_paper(house: &House, number: &str, item: &str) -> Result<(), &'static str> {
    let mut new = document(number, &["H37.02"], &[("van-ban.pdf", &World::get().complete())]);
    new.business.paper = true;
    let paper = DeclaredPaper::Asked(Some(PaperReason::AgencyList(item.to_owned())));
    let declared = Declared { paper, is_digitised: false };
    let package = write_document(&new).unwrap();
    let sent = house.send_declared("hub.01", "H37.01", &package, &World::get().evidence(&[]), declared).await;
    sent.map(drop).map_err(|error| error.code())
}

stories! {
    async fn r81_a_signature_by_authorisation_outside_its_period_is_refused(house: House) {
        let day = signed_on(&house).await;
        let refused = Err("signature.not-authorised");
        assert_eq!(send(&house, "01", "TUQ. GIÁM ĐỐC").await, refused, "none is recorded");
        // Another's, one that is over, one that has not begun.
        let before = day.previous_day().unwrap();
        let after = day.next_day().unwrap();
        authorise(&house, authority("Lê Thị B", "Trần Văn Chủ", day, day)).await.unwrap();
        authorise(&house, authority("Nguyễn Văn A", "Trần Văn Chủ", date!(2020 - 01 - 01), before)).await.unwrap();
        authorise(&house, authority("Nguyễn Văn A", "Trần Văn Chủ", after, date!(2030 - 01 - 01))).await.unwrap();
        assert_eq!(send(&house, "01", "TUQ. GIÁM ĐỐC").await, refused, "none covers the day");
        // Names are compared as people read them: the package has NGUYỄN  Văn A.
        let no = authorise(&house, authority("nguyễn văn a", "Trần Văn Chủ", before, after)).await.unwrap();
        assert_eq!(send(&house, "01", "TUQ. GIÁM ĐỐC").await, Ok(()), "covered");
        // Taken back from that day on; the one that was sent before stays.
        office::end_authority(&house.desk.store, agency_id(1), no, day, "cli", NOW).await.unwrap();
        assert_eq!(send(&house, "02", "tuq.giám đốc").await, refused, "taken back");
        let again = office::end_authority(&house.desk.store, agency_id(1), no, day, "cli", NOW).await;
        assert_eq!(again, Err(Error::Office(OfficeFault::Unknown)));
        // Whoever signs otherwise needs none.
        for (number, competence) in [("03", "KT. GIÁM ĐỐC"), ("04", "TL. GIÁM ĐỐC"), ("05", "TM. ỦY BAN NHÂN DÂN"), ("06", "Q. GIÁM ĐỐC"), ("07", "")] {
            assert_eq!(send(&house, number, competence).await, Ok(()), "{competence}");
        }
    }

    async fn r81_an_authorisation_is_written_for_a_time_and_not_handed_on(house: House) {
        let (from, to) = (date!(2026 - 11 - 01), date!(2026 - 11 - 30));
        let good = || authority("Nguyễn Văn A", "Trần Văn Chủ", from, to);
        let rows = [
            (NewAuthority { document: "  ".to_owned(), ..good() }, OfficeFault::Writing),
            (NewAuthority { content: String::new(), ..good() }, OfficeFault::Content),
            (NewAuthority { from: to, to: from, ..good() }, OfficeFault::Period),
            (NewAuthority { holder: String::new(), ..good() }, OfficeFault::Holder),
            (NewAuthority { granter: String::new(), ..good() }, OfficeFault::Holder),
            (NewAuthority { granter: "NGUYỄN VĂN  A".to_owned(), ..good() }, OfficeFault::Holder),
            (NewAuthority { holder: "x".repeat(501), ..good() }, OfficeFault::Holder),
        ];
        for (new, fault) in rows {
            assert_eq!(authorise(&house, new.clone()).await, Err(Error::Office(fault)), "{new:?}");
        }
        assert_eq!(authorise(&house, good()).await, Ok(1));
        // Who holds one on any of the days authorises nobody.
        let on = authority("Lê Thị B", "nguyễn văn a", to, date!(2026 - 12 - 31));
        assert_eq!(authorise(&house, on).await, Err(Error::Office(OfficeFault::Redelegated)));
        let later = authority("Lê Thị B", "Nguyễn Văn A", date!(2026 - 12 - 01), date!(2026 - 12 - 31));
        assert_eq!(authorise(&house, later).await, Ok(2), "the head of later days");
        let listed = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.authorisations(agency_id(1)).await }));
        let listed: Vec<store::Authorised> = listed.await.unwrap();
        assert_eq!(listed.iter().map(|one| (one.no, one.says.holder.as_str())).collect::<Vec<_>>(), [(2, "Lê Thị B"), (1, "Nguyễn Văn A")]);
    }

    async fn r62_r15_paper_by_the_list_needs_an_item_of_a_list_that_holds(house: House) {
        let refused = Err("package.paper-item");
        assert_eq!(send_with_paper(&house, "01", "7").await, refused, "no list at all");
        record(&house, list(1, &["7"], date!(2020 - 01 - 01), Some(date!(2026 - 11 - 21)))).await.unwrap();
        record(&house, list(2, &["7"], date!(2020 - 01 - 01), None)).await.unwrap();
        assert_eq!(send_with_paper(&house, "01", "7").await, refused, "one that is over, and another's");
        let no = record(&house, list(1, &["7", "8"], SIGNED, None)).await.unwrap();
        assert_eq!(send_with_paper(&house, "01", "7").await, Ok(()));
        assert_eq!(send_with_paper(&house, "02", "9").await, refused, "not in it");
        office::end_text(&house.desk.store, agency_id(1), no, SIGNED, "cli", NOW).await.unwrap();
        assert_eq!(send_with_paper(&house, "02", "8").await, Ok(()), "its last day");
        // The list of who is above: decided by the head of the locality (Đ7.2.b).
        record(&house, list(5, &["tổ chức"], SIGNED, None)).await.unwrap();
        assert_eq!(send_with_paper(&house, "03", "tổ chức").await, refused);
        let above = AgencyChange { parent_id: Some(Some(agency_id(5))), ..AgencyChange::default() };
        let changed = house.desk.store.write("parent", above, |tx, above| Box::pin(async move {
            tx.change_agency(agency_id(1), above, NOW, None, NOW).await
        }));
        let changed: Result<bool, store::Error> = changed.await;
        assert!(changed.unwrap());
        assert_eq!(send_with_paper(&house, "03", "tổ chức").await, Ok(()));
    }

    async fn r62_regulations_have_number_date_signer_and_validity(house: House) {
        let good = || NewText { kind: RegulationKind::Regulation, items: Vec::new(), ..list(1, &[], SIGNED, None) };
        let rows = [
            (NewText { number: " ".to_owned(), ..good() }, OfficeFault::Text),
            (NewText { title: String::new(), ..good() }, OfficeFault::Text),
            (NewText { signer: String::new(), ..good() }, OfficeFault::Text),
            (NewText { to: SIGNED.previous_day(), ..good() }, OfficeFault::TextPeriod),
            (NewText { items: vec![("1".to_owned(), "a".to_owned())], ..good() }, OfficeFault::Items),
            (list(1, &[], SIGNED, None), OfficeFault::Items),
            (list(1, &["1", "1"], SIGNED, None), OfficeFault::Items),
            (list(1, &[" "], SIGNED, None), OfficeFault::Items),
        ];
        for (new, fault) in rows {
            assert_eq!(record(&house, new.clone()).await, Err(Error::Office(fault)), "{new:?}");
        }
        assert_eq!(record(&house, good()).await, Ok(1));
        let has = |day: &'static str| {
            let store = &house.desk.store;
            async move {
                let read = store.read((), move |tx, ()| Box::pin(async move {
                    tx.has_regulation(RegulationKind::Regulation, day).await
                }));
                let has: Result<bool, store::Error> = read.await;
                has.unwrap()
            }
        };
        assert!(has("2026-11-22").await && has("2030-01-01").await && !has("2026-11-21").await);
        office::end_text(&house.desk.store, agency_id(1), 1, date!(2027 - 01 - 01), "cli", NOW).await.unwrap();
        assert!(has("2027-01-01").await && !has("2027-01-02").await);
        for (agency, no, last) in [(1, 9, SIGNED), (2, 1, SIGNED), (1, 1, date!(2026 - 11 - 21))] {
            let ended = office::end_text(&house.desk.store, agency_id(agency), no, last, "cli", NOW).await;
            assert_eq!(ended, Err(Error::Office(OfficeFault::Unknown)), "{agency} {no} {last}");
        }
    }
}
