//! The register of agencies: both times, codes, successors, the feed, the index.

use mail::{AgencyId, Timestamp};
use store::{AgencyChange, AgencyNames, CodeScheme, Error, Matched, NewAgency};

use crate::house::{House, NOW, agency, agency_id, read, stories, write};

/// Days after [`NOW`].
fn day(n: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + n * 86_400_000)
}

fn named(name: &str, decision: &str) -> AgencyChange {
    AgencyChange { name: Some(name.to_owned()), decision: decision.to_owned(), ..AgencyChange::default() }
}

async fn name_as_known(house: &House, at: Timestamp, known: Timestamp) -> String {
    read!(house, |tx| tx.agency_as_known(agency_id(1), at, known).await?).map_or_else(String::new, |a| a.name)
}

async fn by_code(house: &House, code: &str, at: Timestamp) -> Option<AgencyId> {
    let code = code.parse().unwrap();
    read!(house, |tx| tx.agency_by_code(&code, at).await?).map(|agency| agency.agency_id)
}

/// An agency called `name`, below nobody.
fn called(n: u16, code: &str, name: &str) -> NewAgency {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    NewAgency {
        agency_id: AgencyId::from_bytes(id),
        names: AgencyNames { name: name.to_owned(), ..agency(1, code, None).names },
        valid_from: NOW,
    }
}

/// Codes of what is found, with how.
async fn found(house: &House, query: &'static str, at: Timestamp) -> Vec<(String, Matched)> {
    let hits = read!(house, |tx| tx.search_agencies(query, at, 20).await?);
    hits.into_iter().map(|hit| (hit.agency.code.to_string(), hit.matched)).collect()
}

async fn found_codes(house: &House, query: &'static str) -> Vec<String> {
    found(house, query, NOW).await.into_iter().map(|(code, _)| code).collect()
}

stories! {
    async fn i6_what_was_it_called_on_a_day_as_known_on_another(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.02", None), NOW).await?).unwrap();
        // Recorded on day 1: from day 10 it is called B. On day 2: from day 5 it was C (up to B). On day 20: B was wrong, it is B2.
        let (b, c, b2) = (named("B", "1/QĐ"), named("C", "2/QĐ"), named("B2", "3/QĐ"));
        assert!(write!(house, b, |tx| tx.change_agency(agency_id(1), b, day(10), None, day(1)).await?).unwrap());
        assert!(write!(house, c, |tx| tx.change_agency(agency_id(1), c, day(5), None, day(2)).await?).unwrap());
        assert!(write!(house, b2, |tx| tx.change_agency(agency_id(1), b2, day(10), None, day(20)).await?).unwrap());
        assert!(!write!(house, b2, |tx| tx.change_agency(agency_id(1), b2, day(10), None, day(21)).await?).unwrap(), "no news");
        for (at, known, name) in [
            (day(0), day(30), "Cơ quan 1"),
            (day(0), day(-1), ""),
            (day(-1), day(30), ""),
            (day(4), day(30), "Cơ quan 1"),
            (day(5), day(30), "C"),
            (day(5), day(1), "Cơ quan 1"),
            (day(10), day(0), "Cơ quan 1"),
            (day(10), day(1), "B"),
            (day(12), day(19), "B"),
            (day(12), day(20), "B2"),
            (day(12), day(30), "B2"),
        ] {
            assert_eq!(name_as_known(&house, at, known).await, name, "on {at}, known {known}");
        }
        let history = read!(house, |tx| tx.agency_history(agency_id(1), day(30)).await?);
        let lines: Vec<_> = history.iter().map(|v| (v.name.as_str(), v.decision.as_str())).collect();
        assert_eq!(lines, [("Cơ quan 1", ""), ("C", "2/QĐ"), ("B2", "3/QĐ")]);
    }

    async fn r61_a_change_for_a_day_to_come_takes_effect_by_itself(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.02", None), NOW).await?).unwrap();
        let change = named("Sở Mới", "5/QĐ");
        write!(house, change, |tx| tx.change_agency(agency_id(1), change, day(7), None, NOW).await?).unwrap();
        let name = async |at| read!(house, |tx| tx.agency(agency_id(1), at).await?).unwrap().name;
        assert_eq!((name(day(6)).await.as_str(), name(day(7)).await.as_str()), ("Cơ quan 1", "Sở Mới"));
        // The feed tells of it on that day, and once.
        let (version, due) = read!(house, |tx| tx.register_version().await?);
        assert_eq!(due, Some(day(7)));
        assert_eq!(write!(house, |tx| tx.agencies_take_effect(day(6), 100).await?).unwrap(), 0);
        assert_eq!(write!(house, |tx| tx.agencies_take_effect(day(7), 100).await?).unwrap(), 1);
        assert_eq!(write!(house, |tx| tx.agencies_take_effect(day(8), 100).await?).unwrap(), 0);
        let news = read!(house, |tx| tx.agencies_changed_after(version, day(7), 10).await?);
        assert_eq!(news.iter().map(|a| (a.name.as_str(), a.version, a.changed_at)).collect::<Vec<_>>(), [("Sở Mới", version + 1, day(7))]);
    }

    // RULES I3: a code has a scheme, and each scheme has its own.
    async fn i5_i6_codes_are_given_replaced_and_reused(house: House) {
        write!(house, |tx| {
            tx.add_agency(&agency(1, "000.00.02.H37", Some("000.00.02.H37")), NOW).await?;
            tx.add_agency(&agency(2, "H37.03", None), NOW).await?;
        }).unwrap();
        // The first QĐ 20 code is what an agency is called by from then on.
        write!(house, |tx| tx.add_agency_code(agency_id(1), &"H37.02".parse().unwrap(), CodeScheme::Qd20, day(2), "", NOW).await?).unwrap();
        let code = async |at| read!(house, |tx| tx.agency(agency_id(1), at).await?).unwrap().code.to_string();
        assert_eq!((code(day(1)).await, code(day(2)).await), ("000.00.02.H37".into(), "H37.02".into()));
        // Another one in its place.
        write!(house, |tx| tx.replace_agency_code(agency_id(1), &"H37.22".parse().unwrap(), CodeScheme::Qd20, day(5), "7/QĐ", day(3)).await?).unwrap();
        for (code, at, whose) in [
            ("H37.02", day(1), None), ("H37.02", day(4), Some(1)), ("h37.02", day(5), None),
            ("H37.22", day(4), None), ("H37.22", day(5), Some(1)), ("000.00.02.H37", day(9), Some(1)),
        ] {
            assert_eq!(by_code(&house, code, at).await, whose.map(agency_id), "{code} {at}");
        }
        assert_eq!(code(day(5)).await, "H37.22");
        let ended = read!(house, |tx| tx.code_ended(&"H37.02".parse().unwrap(), day(9)).await?);
        assert_eq!(ended, Some((agency_id(1), day(5))));
        // Before it was recorded, nobody knew.
        let known = read!(house, |tx| tx.agency_id_by_code(&"H37.02".parse().unwrap(), day(6), day(2)).await?);
        assert_eq!(known, Some(agency_id(1)));
        // A code that is somebody's is not given away, from whatever day, past or to come.
        for from in [day(1), day(4), day(7)] {
            let taken = write!(house, |tx| tx.add_agency_code(agency_id(2), &"H37.22".parse().unwrap(), CodeScheme::Old, from, "", day(4)).await?);
            assert!(matches!(taken, Err(Error::Conflict(_))), "{from} {taken:?}");
        }
        // A closed agency's is, and the closed one keeps it in the past.
        write!(house, |tx| tx.close_agency(agency_id(1), &[agency_id(2)], day(10), "", day(6)).await?).unwrap();
        write!(house, |tx| tx.add_agency_code(agency_id(2), &"H37.22".parse().unwrap(), CodeScheme::Qd20, day(11), "", day(7)).await?).unwrap();
        assert_eq!(by_code(&house, "H37.22", day(10)).await, Some(agency_id(1)));
        assert_eq!(by_code(&house, "H37.22", day(11)).await, Some(agency_id(2)));
        assert_eq!(read!(house, |tx| tx.agency(agency_id(2), day(11)).await?).unwrap().code.as_str(), "H37.03", "a further code");
    }

    async fn i6_mergers_and_splits_are_followed(house: House) {
        write!(house, |tx| {
            for n in 1..=6u8 {
                tx.add_agency(&agency(n, &format!("H37.0{n}"), None), NOW).await?;
            }
            // 1 and 2 into 3 on day 1; 3 into 4 on day 5; 4 into 5 and 6 on day 9.
            tx.close_agency(agency_id(1), &[agency_id(3)], day(1), "1/QĐ", NOW).await?;
            tx.close_agency(agency_id(2), &[agency_id(3)], day(1), "1/QĐ", NOW).await?;
            tx.close_agency(agency_id(3), &[agency_id(4)], day(5), "2/QĐ", NOW).await?;
            tx.close_agency(agency_id(4), &[agency_id(5), agency_id(6)], day(9), "3/QĐ", NOW).await?;
        }).unwrap();
        let followed = async |n, at| {
            let followed = read!(house, |tx| tx.followed(agency_id(n), at).await?);
            let mut ids: Vec<u8> = followed.active.iter().map(|agency| agency.agency_id.as_bytes()[0]).collect();
            ids.sort_unstable();
            (ids, followed.is_one)
        };
        assert_eq!(followed(1, day(1)).await, (vec![3], true));
        assert_eq!(followed(2, day(5)).await, (vec![4], true));
        assert_eq!(followed(1, day(9)).await, (vec![5, 6], false));
        assert_eq!(followed(5, day(9)).await, (vec![], false));
        let at = read!(house, |tx| tx.agency(agency_id(1), day(1)).await?).unwrap();
        assert!(!at.is_active && by_code(&house, "H37.01", day(1)).await == Some(agency_id(1)), "its rows stay");
        assert_eq!(read!(house, |tx| tx.agency_closed_at(agency_id(1), day(30)).await?), Some(day(1)));
        // Not into itself, not into one that is closed by then, not into nobody.
        for successor in [1, 4, 99] {
            let refused = write!(house, |tx| tx.close_agency(agency_id(5), &[agency_id(successor), agency_id(5)], day(10), "", NOW).await?);
            assert!(refused.is_err(), "{successor}");
        }
        // Who follows is corrected; what was thought before stays on record, so closing again is news once.
        assert!(write!(house, |tx| tx.close_agency(agency_id(1), &[agency_id(6)], day(1), "4/QĐ", NOW).await?).unwrap());
        assert!(!write!(house, |tx| tx.close_agency(agency_id(1), &[agency_id(6)], day(1), "4/QĐ", NOW).await?).unwrap());
        assert_eq!(followed(1, day(1)).await, (vec![6], true));
    }

    async fn r70_the_feed_grows_and_never_goes_back(house: House) {
        assert_eq!(read!(house, |tx| tx.register_version().await?), (0, None));
        let many: Vec<NewAgency> = (1..=5).map(|n| agency(n, &format!("H37.0{n}"), None)).collect();
        write!(house, many, |tx| tx.add_agencies(many, NOW).await?).unwrap();
        let change = named("Khác", "");
        write!(house, change, |tx| {
            tx.change_agency(agency_id(2), change, NOW, None, NOW).await?;
            tx.close_agency(agency_id(4), &[], NOW, "", NOW).await?;
        }).unwrap();
        let feed = async |after| {
            let rows = read!(house, |tx| tx.agencies_changed_after(after, NOW, 3).await?);
            rows.iter().map(|a| (a.agency_id.as_bytes()[0], a.version, a.is_active)).collect::<Vec<_>>()
        };
        assert_eq!(feed(0).await, [(1, 1, true), (3, 3, true), (5, 5, true)]);
        assert_eq!(feed(5).await, [(2, 6, true), (4, 7, false)]);
        assert_eq!(feed(7).await, []);
        // Nothing new, no version.
        write!(house, change, |tx| tx.change_agency(agency_id(2), change, NOW, None, NOW).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.register_version().await?), (7, None));
    }

    async fn many_agencies_are_added_at_once_or_none(house: House) {
        write!(house, |tx| tx.add_agency(&agency(9, "H37.04", None), NOW).await?).unwrap();
        let many: Vec<NewAgency> = (1..=5).map(|n| agency(n, &format!("H37.0{n}"), Some(&format!("000.00.0{n}.H37")))).collect();
        let taken = write!(house, many, |tx| tx.add_agencies(many, NOW).await?);
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
        assert_eq!(read!(house, |tx| tx.agencies(NOW).await?).len(), 1);
        assert_eq!(by_code(&house, "H37.01", NOW).await, None);
        let others = many.iter().filter(|a| a.names.code.as_str() != "H37.04").cloned().collect::<Vec<_>>();
        write!(house, others, |tx| tx.add_agencies(others, NOW).await?).unwrap();
        let at = read!(house, |tx| tx.agency(agency_id(5), NOW).await?).unwrap();
        assert_eq!((at.code.as_str(), at.code102.unwrap().as_str(), at.version), ("H37.05", "000.00.05.H37", 5));
        let page = read!(house, |tx| tx.agencies_page(Some(agency_id(2)), NOW, 2).await?);
        assert_eq!(page.iter().map(|a| a.agency_id).collect::<Vec<_>>(), [agency_id(3), agency_id(5)]);
        assert_eq!(found_codes(&house, "000.00.03").await, ["H37.03"]);
    }

    async fn an_agency_is_found_by_code_name_and_former_name(house: House) {
        let all = [
            called(1, "H37", "Ủy ban nhân dân tỉnh Lạng Sơn"),
            called(2, "H37.02", "Sở Y tế"),
            called(3, "H37.02.05", "Trung tâm Y tế huyện Hoà Bình"),
            called(4, "H37.30", "UBND xã Tân Hòa"),
            called(5, "H37.31", "Ủy ban nhân dân xã Tân Hoá"),
            called(6, "H37.32", "Ủy ban nhân dân xã Đông Ðô"),
            called(7, "H41.32", "Ủy ban nhân dân xã Đông Đô"),
            called(8, "H41.33", "Ủy ban nhân dân xã Tân"),
        ];
        write!(house, all, |tx| {
            tx.add_agencies(all, NOW).await?;
            tx.close_agency(all[6].agency_id, &[all[7].agency_id], NOW, "", NOW).await?;
        }).unwrap();
        let rename = named("Sở Y tế và Dân số", "");
        write!(house, all, rename, |tx| tx.change_agency(all[1].agency_id, rename, day(3), None, NOW).await?).unwrap();
        for (query, codes) in [
            ("h37.02", &["H37.02", "H37.02.05"][..]),
            ("H37.3", &["H37.30", "H37.31", "H37.32"]),
            ("sở y tế", &["H37.02"]),
            ("te so", &["H37.02"]),
            ("y t", &["H37.02", "H37.02.05"]),
            ("tân hòa", &["H37.30", "H37.31"]),
            ("TÂN HOÀ", &["H37.30", "H37.31"]),
            ("hoá", &["H37.31", "H37.30", "H37.02.05"]),
            ("tan hoa ubnd", &["H37.30", "H37.31"]),
            // The look-alike Ð (U+00D0) is one of them; the closed one comes last.
            ("dong do", &["H37.32", "H41.32"]),
            ("xã Đông Đ", &["H37.32", "H41.32"]),
            // What is spelled as asked before what is written short.
            ("ủy ban nhân dân xã tân", &["H41.33", "H37.31", "H37.30"]),
            // A name to come is found too, after those of today.
            ("số dân", &["H37.02"]),
            ("không có", &[]),
            ("", &[]),
            (" .- ", &[]),
        ] {
            assert_eq!(found_codes(&house, query).await, codes, "{query}");
        }
        assert_eq!(found(&house, "h37.02", NOW).await[0].1, Matched::Code);
        assert_eq!(found(&house, "sở y tế", NOW).await[0].1, Matched::Name);
        assert_eq!(found(&house, "số dân", NOW).await[0].1, Matched::OtherName);
        // On the day itself the names change places.
        assert_eq!(found(&house, "sở dân số", day(3)).await, [("H37.02".to_owned(), Matched::Words)]);
        assert_eq!(found(&house, "sở y tế và dân số", day(3)).await[0].1, Matched::Name);
        let hit = read!(house, |tx| tx.search_agencies("số dân", NOW, 1).await?).remove(0);
        assert_eq!(hit.other.as_deref(), Some("Sở Y tế và Dân số"));
    }

    async fn a_correction_takes_a_wrong_name_out_of_the_index(house: House) {
        let one = called(1, "H37.02", "Sở Nhầm Lẫn");
        write!(house, one, |tx| tx.add_agency(one, NOW).await?).unwrap();
        let right = named("Sở Nội vụ", "");
        write!(house, one, right, |tx| tx.change_agency(one.agency_id, right, NOW, None, NOW).await?).unwrap();
        assert_eq!(found_codes(&house, "nhầm lẫn").await, [""; 0]);
        assert_eq!(found_codes(&house, "nội vụ").await, ["H37.02"]);
    }

    async fn i6_a_code_given_up_is_found_and_told_apart(house: House) {
        let one = called(1, "H37.02", "Sở Nội vụ");
        write!(house, one, |tx| {
            tx.add_agency(one, NOW).await?;
            tx.replace_agency_code(one.agency_id, &"H37.77".parse().unwrap(), CodeScheme::Qd20, day(1), "", NOW).await?
        }).unwrap();
        assert_eq!(found(&house, "H37.02", day(1)).await, [("H37.77".to_owned(), Matched::OtherCode)]);
        assert_eq!(found(&house, "H37.77", day(1)).await, [("H37.77".to_owned(), Matched::Code)]);
    }

    async fn two_who_want_one_code_do_not_both_get_it(house: House) {
        write!(house, |tx| {
            tx.add_agency(&agency(1, "H37.01", None), NOW).await?;
            tx.add_agency(&agency(2, "H37.02", None), NOW).await?
        }).unwrap();
        let give = async |n: u8| {
            write!(house, |tx| tx.add_agency_code(agency_id(n), &"H37.99".parse().unwrap(), CodeScheme::Old, day(i64::from(n)), "", day(3)).await?)
        };
        let (one, other) = tokio::join!(give(1), give(2));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    }
}
