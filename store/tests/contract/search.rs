//! Searching: what is typed with and without marks finds what was written so or so, on both engines alike.

use mail::{EmailId, Timestamp, UidSet};
use store::{EmailSearch, SearchField, SearchKey, SearchSort, SearchTerm, SearchWords};

use crate::house::{House, NOW, account_id, deliver, mailbox_id, read, stories, with_account, write};

fn mail(fields: &str, body: &str) -> Vec<u8> {
    format!("{fields}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n").into_bytes()
}

fn every(field: SearchField, text: &str) -> SearchTerm {
    SearchTerm::Words(field, SearchWords::Every(text.to_owned()))
}

fn phrase(field: SearchField, text: &str) -> SearchTerm {
    SearchTerm::Words(field, SearchWords::Phrase(text.to_owned()))
}

fn not(term: SearchTerm) -> SearchTerm {
    SearchTerm::Not(Box::new(term))
}

/// What IMAP finds in the inbox of the first account.
async fn uids(house: &House, term: &SearchTerm) -> String {
    assert!(house.store.ready_search(account_id(1)).await.unwrap());
    let term = term.clone();
    let uids: UidSet = read!(house, |tx| tx.search_uids(account_id(1), mailbox_id(1), &term).await?);
    uids.to_string()
}

async fn emails(house: &House, search: &EmailSearch) -> (Vec<EmailId>, i64) {
    assert!(house.store.ready_search(account_id(1)).await.unwrap());
    page(house, search, 0).await
}

async fn page(house: &House, search: &EmailSearch, position: i64) -> (Vec<EmailId>, i64) {
    let search = search.clone();
    read!(house, |tx| tx.search_emails(account_id(1), &search, position, 100).await?)
}

async fn place(house: &House, search: &EmailSearch, email_id: EmailId) -> Option<i64> {
    let search = search.clone();
    read!(house, |tx| tx.search_place(account_id(1), &search, email_id).await?)
}

fn search(term: SearchTerm) -> EmailSearch {
    EmailSearch { term, sort: Vec::new(), collapse_threads: false }
}

/// Letters whose words differ by a mark each: 1 `công văn`, 2 without marks, 3 `cống vẫn`, 4 decomposed, 5 the other tone placement …
async fn letters(house: &House) {
    with_account(house, 1).await;
    let bodies = [
        ("Công văn số 12/UBND-VP", "Kính gửi Sở Nội vụ."),
        ("Cong van so 13", "Kinh gui So Noi vu."),
        ("Cống vẫn chảy", "Không phải thư từ."),
        ("Co\u{302}ng va\u{306}n NFD", "Nghị đi\u{323}nh."),
        ("Xã Hòa Bình", "Đường Nguyễn Huệ"),
        ("Xã Hoà Bình", "Ðường nguyễn huệ"),
        ("Xã Hóa Bình", "duong xua"),
        ("Đoàn văn công", "công tác, rồi văn phòng"),
    ];
    for (n, (subject, body)) in (1..).zip(bodies) {
        let fields = format!("From: a@b.vn\r\nSubject: {subject}\r\nMessage-ID: <{n}.x@b.vn>");
        deliver(house, 1, &mail(&fields, body), n).await.unwrap();
    }
}

stories! {
    async fn m3_vietnamese_is_found_with_marks_and_without(house: House) {
        letters(&house).await;
        let rows = [
            // Without marks: every spelling. With marks: that one.
            ("cong van",        "1:4,8"),
            ("công văn",        "1,4,8"),
            ("\"công văn\"",    "1,4"),
            ("\"cong van\"",    "1:4"),
            ("\"công van\"",    "1,4"),
            ("\"cong vẫn\"",    "3"),
            ("công",            "1,4,8"),
            ("cống",            "3"),
            ("CÔNG VĂN",        "1,4,8"),
            ("co\u{302}ng",     "1,4,8"),
            ("hòa",             "5:6"),
            ("hoà",             "5:6"),
            ("hoa binh",        "5:7"),
            ("hóa",             "7"),
            ("đường",           "5:6"),
            ("Ðường",           "5:6"),
            ("duong",           "5:7"),
            ("đườ",             "5:6"),
            ("định",            "4"),
            // Numbers and what stands between letters.
            ("12/UBND-VP",      "1"),
            ("12/ubnd",         "1"),
            ("13",              "2"),
            ("ubnd* số",        "1"),
            ("b.vn",            "1:8"),
            ("nothing",         ""),
            ("",                "1:8"),
        ];
        for (text, expected) in rows {
            assert_eq!(uids(&house, &every(SearchField::Text, text)).await, expected, "{text}");
        }
        for (text, expected) in [("công văn", "1,4"), ("van phong", "8"), ("văn ph", "8"), ("ng", "4:6"), ("ăn", "")] {
            assert_eq!(uids(&house, &phrase(SearchField::Text, text)).await, expected, "{text}");
        }
    }

    async fn rfc_9051_6_4_4_fields_and_what_joins_them(house: House) {
        with_account(&house, 1).await;
        let many = [
            "From: \"Văn phòng\" <vanthu@so.gov.vn>\r\nTo: an@a.vn, Bình <binh@a.vn>\r\nSubject: Một\r\nX-Loai: khẩn\r\n\tcấp",
            "From: an@a.vn\r\nTo: vanthu@so.gov.vn\r\nCc: Bình <binh@a.vn>\r\nSubject: Hai\r\nList-Id: <tin.so.gov.vn>",
            "From: binh@a.vn\r\nBcc: an@a.vn\r\nSubject: Re: Ba\r\nDate: Sun, 22 Nov 2026 08:00:00 +0700",
        ];
        for (n, fields) in (1..).zip(many) {
            deliver(&house, 1, &mail(&format!("{fields}\r\nMessage-ID: <{n}@b.vn>"), "thân"), n).await.unwrap();
        }
        use SearchField::*;
        let header = |name: &str, value: Option<&str>| SearchTerm::Header(name.to_owned(), value.map(str::to_owned));
        let rows = [
            (phrase(From, "vanthu@so"),                                 "1"),
            (phrase(From, "văn phòng"),                                 "1"),
            (phrase(To, "vanthu"),                                      "2"),
            (phrase(Cc, "bình"),                                        "2"),
            (phrase(Bcc, "an@a.vn"),                                    "3"),
            (phrase(Subject, "mot"),                                    "1"),
            (phrase(Body, "than"),                                      "1:3"),
            (phrase(Body, "mot"),                                       ""),
            // No phrase goes from one person on to the next.
            (phrase(To, "vn Bình"),                                     ""),
            (header("x-loai", Some("khan cap")),                        "1"),
            (header("x-loai", Some("KHẨN")),                            "1"),
            (header("x-loai", None),                                    "1"),
            (header("x-loai", Some("")),                                "1"),
            (header("message-id", Some("<2@b.vn>")),                    "2"),
            (header("message-id", Some("@b.vn")),                       "1:3"),
            (header("list-id", Some("so.gov")),                         "2"),
            (header("x-none", None),                                    ""),
            (SearchTerm::All(vec![]),                                   "1:3"),
            (SearchTerm::Any(vec![]),                                   ""),
            (not(phrase(From, "an")),                                   "1,3"),
            (SearchTerm::All(vec![phrase(Text, "binh"), not(phrase(Cc, "binh"))]), "1,3"),
            (SearchTerm::Any(vec![phrase(Subject, "mot"), phrase(Subject, "ba")]), "1,3"),
            (SearchTerm::Uids(UidSet::run(2, 9)),                       "2:3"),
            (SearchTerm::SentFrom(NOW),                                 "3"),
            (not(SearchTerm::SentFrom(NOW)),                            "1:2"),
            (SearchTerm::ReceivedBefore(Timestamp::from_millis(NOW.millis() + 2_000)), "1"),
            (SearchTerm::ReceivedFrom(Timestamp::from_millis(NOW.millis() + 2_000)),   "2:3"),
            (SearchTerm::SizeFrom(1),                                   "1:3"),
            (SearchTerm::SizeBelow(1),                                  ""),
            (SearchTerm::HasAttachment,                                 ""),
            (SearchTerm::InMailboxOtherThan(vec![mailbox_id(1)]),       ""),
            (SearchTerm::InMailboxOtherThan(vec![mailbox_id(2)]),       "1:3"),
        ];
        for (term, expected) in rows {
            assert_eq!(uids(&house, &term).await, expected, "{term:?}");
        }
        let scattered: UidSet = (1..80).filter(|n| n % 2 == 1).collect();
        assert_eq!(uids(&house, &SearchTerm::Uids(scattered)).await, "1,3");
        let deep = (0..100).fold(SearchTerm::HasAttachment, |term, _| not(term));
        read!(house, |tx| {
            let refused = tx.search_uids(account_id(1), mailbox_id(1), &deep).await;
            assert!(matches!(refused, Err(store::Error::Refused(_))), "{refused:?}");
        });
    }

    async fn what_is_gone_or_anothers_is_not_found_and_leaves_the_index(house: House) {
        with_account(&house, 1).await;
        with_account(&house, 2).await;
        let fields = "From: a@b.vn\r\nSubject: Mật khẩu";
        deliver(&house, 2, &mail(fields, "riêng tư"), 1).await.unwrap();
        assert!(house.store.ready_search(account_id(2)).await.unwrap());
        assert_eq!(uids(&house, &every(SearchField::Text, "riêng")).await, "");
        let first = deliver(&house, 1, &mail(fields, "riêng tư"), 1).await.unwrap();
        let second = deliver(&house, 1, &mail(fields, "riêng chung"), 2).await.unwrap();
        assert_eq!(uids(&house, &every(SearchField::Text, "riêng")).await, "1:2");
        write!(house, |tx| tx.destroy_email(account_id(1), first.email_id, NOW).await?).unwrap();
        assert_eq!(emails(&house, &search(every(SearchField::Text, "rieng"))).await, (vec![second.email_id], 1));
        let counted = read!(house, |tx| tx.search_counts(account_id(1)).await?);
        assert_eq!((counted.emails, counted.behind), (1, 0));
        // What was moved is found where it lies now.
        write!(house, |tx| tx.change_email(account_id(1), second.email_id, None, Some(&[mailbox_id(2)]), NOW).await?)
            .unwrap();
        assert_eq!(uids(&house, &every(SearchField::Text, "riêng")).await, "");
        assert_eq!(emails(&house, &search(every(SearchField::Text, "rieng"))).await.1, 1);
    }

    async fn rfc_8621_4_4_2_orders_and_conversations(house: House) {
        with_account(&house, 1).await;
        let many = [
            "From: Bình <z@b.vn>\r\nTo: c@b.vn\r\nSubject: Họp\r\nDate: Sun, 22 Nov 2026 09:00:00 +0700\r\nMessage-ID: <1@b>",
            "From: ánh@b.vn\r\nTo: B <x@b.vn>\r\nSubject: Re: Họp\r\nDate: Sun, 22 Nov 2026 07:00:00 +0700\r\nMessage-ID: <2@b>\r\nReferences: <1@b>",
            "From: Châu <a@b.vn>\r\nTo: A <y@b.vn>\r\nSubject: An\r\nMessage-ID: <3@b>",
        ];
        let mut ids = Vec::new();
        for (n, fields) in (1..).zip(many) {
            let raw = mail(fields, &"chung ".repeat(n as usize * 7 % 5 + 1));
            ids.push(deliver(&house, 1, &raw, n).await.unwrap().email_id);
        }
        let (second, flagged) = (ids[1], ["$flagged".to_owned()]);
        write!(house, flagged, |tx| tx.change_email(account_id(1), second, Some(flagged), None, NOW).await?).unwrap();
        let by = |key: SearchKey, ascending: bool| SearchSort { key, ascending };
        let flag = || "$flagged".to_owned();
        let rows: [(Vec<SearchSort>, [usize; 3]); 11] = [
            (vec![],                                                [3, 2, 1]),
            (vec![by(SearchKey::ReceivedAt, true)],                 [1, 2, 3]),
            (vec![by(SearchKey::SentAt, true)],                     [2, 3, 1]),
            (vec![by(SearchKey::From, true)],                       [2, 1, 3]),
            (vec![by(SearchKey::To, true)],                         [3, 2, 1]),
            (vec![by(SearchKey::Subject, true)],                    [3, 2, 1]),
            (vec![by(SearchKey::Subject, false), by(SearchKey::ReceivedAt, true)], [1, 2, 3]),
            (vec![by(SearchKey::HasKeyword(flag()), false)],        [2, 3, 1]),
            (vec![by(SearchKey::SomeInThreadHaveKeyword(flag()), false)], [2, 1, 3]),
            (vec![by(SearchKey::AllInThreadHaveKeyword(flag()), true), by(SearchKey::ReceivedAt, true)], [1, 2, 3]),
            (vec![by(SearchKey::ReceivedAt, false)],                [3, 2, 1]),
        ];
        for (sort, expected) in rows {
            let found = EmailSearch { sort: sort.clone(), ..search(every(SearchField::Body, "chung")) };
            let expected: Vec<EmailId> = expected.iter().map(|n| ids[n - 1]).collect();
            assert_eq!(emails(&house, &found).await, (expected.clone(), 3), "{sort:?}");
            for (at, id) in (0..).zip(expected) {
                assert_eq!(place(&house, &found, id).await, Some(at), "{sort:?}");
            }
        }
        let folded = EmailSearch { collapse_threads: true, ..search(every(SearchField::Body, "chung")) };
        assert_eq!(emails(&house, &folded).await, (vec![ids[2], ids[1]], 2));
        assert_eq!(page(&house, &folded, 1).await, (vec![ids[1]], 2));
        assert_eq!(page(&house, &folded, 7).await, (vec![], 2));
        assert_eq!(place(&house, &folded, ids[0]).await, None);
        let seen = || SearchTerm::Keyword("$seen".to_owned());
        let (third, read) = (ids[2], ["$seen".to_owned(), "$a_b".to_owned()]);
        write!(house, read, |tx| tx.change_email(account_id(1), third, Some(read), None, NOW).await?).unwrap();
        let inbox = |term| SearchTerm::All(vec![SearchTerm::InMailbox(mailbox_id(1)), term]);
        let chung = |term| SearchTerm::All(vec![every(SearchField::Body, "chung"), term]);
        let terms = [
            (seen(), vec![ids[2]]),
            (not(seen()), vec![ids[1], ids[0]]),
            (inbox(seen()), vec![ids[2]]),
            (inbox(not(seen())), vec![ids[1], ids[0]]),
            (chung(seen()), vec![ids[2]]),
            (inbox(chung(not(seen()))), vec![ids[1], ids[0]]),
            (chung(SearchTerm::Keyword("$a_b".to_owned())), vec![ids[2]]),
            (SearchTerm::Keyword("$a_b".to_owned()), vec![ids[2]]),
            (SearchTerm::Keyword("$axb".to_owned()), vec![]),
            (SearchTerm::SomeInThreadHaveKeyword(flag()), vec![ids[1], ids[0]]),
            (SearchTerm::AllInThreadHaveKeyword(flag()), vec![]),
            (not(SearchTerm::AllInThreadHaveKeyword(flag())), vec![ids[2], ids[1], ids[0]]),
            (SearchTerm::Keyword(flag()), vec![ids[1]]),
            (SearchTerm::All(vec![SearchTerm::InMailbox(mailbox_id(1)), not(SearchTerm::Keyword(flag()))]), vec![ids[2], ids[0]]),
            (SearchTerm::InMailbox(mailbox_id(2)), vec![]),
            (SearchTerm::Email(ids[2]), vec![ids[2]]),
        ];
        for (term, expected) in terms {
            assert_eq!(emails(&house, &search(term.clone())).await.0, expected, "{term:?}");
        }
    }

    async fn exact_matches_come_first(house: House) {
        // Beside one another before scattered, the subject before the text, whole before begun.
        with_account(&house, 1).await;
        let many = [
            ("Khac", "xin gui giay moi hop nhe"), ("Giấy mời họp", "x"), ("Moi hop, co giay", "x"), ("Khac", "hop roi moi viet giay"),
            ("Giay moi hopxyz", "x"), ("Khac", "khong co gi"),
        ];
        let mut ids = Vec::new();
        for (n, (subject, body)) in (1..).zip(many) {
            let raw = mail(&format!("From: a@b.vn\r\nSubject: {subject}\r\nMessage-ID: <{n}@b>"), body);
            ids.push(deliver(&house, 1, &raw, n).await.unwrap().email_id);
        }
        let relevance = |ascending| vec![SearchSort { key: SearchKey::Relevance, ascending }];
        let named = |order: &[usize]| order.iter().map(|n| ids[n - 1]).collect::<Vec<_>>();
        let asked = || SearchTerm::Words(SearchField::Text, SearchWords::Every("giay moi hop".to_owned()));
        for term in [asked(), SearchTerm::All(vec![SearchTerm::InMailbox(mailbox_id(1)), asked()])] {
            let best = EmailSearch { sort: relevance(false), ..search(term.clone()) };
            assert_eq!(emails(&house, &best).await, (named(&[2, 3, 1, 4, 5]), 5), "{term:?}");
            assert_eq!(place(&house, &best, ids[0]).await, Some(2));
            let worst = EmailSearch { sort: relevance(true), ..search(term) };
            assert_eq!(emails(&house, &worst).await.0, named(&[5, 4, 1, 3, 2]));
        }
        // Where nothing is asked in words, all answer alike: the newest first.
        let all = EmailSearch { sort: relevance(false), ..search(SearchTerm::SizeFrom(1)) };
        assert_eq!(emails(&house, &all).await, (named(&[6, 5, 4, 3, 2, 1]), 6));
    }

    async fn rfc_9051_6_4_4_what_is_of_a_message_in_this_mailbox(house: House) {
        letters(&house).await;
        let marked: UidSet = [(2, 3)].into_iter().collect();
        let edit = store::FlagEdit { mode: store::FlagMode::Add, keywords: vec![], deleted: true };
        write!(house, marked, edit, |tx| tx.edit_flags(account_id(1), mailbox_id(1), marked, edit, None).await?).unwrap();
        assert_eq!(uids(&house, &SearchTerm::Deleted).await, "2:3");
        assert_eq!(uids(&house, &SearchTerm::All(vec![not(SearchTerm::Deleted), every(SearchField::Subject, "van")])).await, "1,4,8");
        assert_eq!(emails(&house, &search(SearchTerm::Deleted)).await.1, 0);
        let all = uids(&house, &SearchTerm::SavedFrom(NOW)).await;
        assert_eq!(all, "1:8");
        assert_eq!(uids(&house, &SearchTerm::SavedBefore(NOW)).await, "");
    }

    async fn an_index_that_is_far_behind_catches_up(house: House) {
        with_account(&house, 1).await;
        for n in 1..=230 {
            let fields = format!("From: a@b.vn\r\nSubject: Số {n}");
            deliver(&house, 1, &mail(&fields, "chung"), n).await.unwrap();
        }
        assert_eq!(read!(house, |tx| tx.search_counts(account_id(1)).await?).behind, 230);
        assert_eq!(uids(&house, &every(SearchField::Body, "chung")).await, "1:230");
        assert_eq!(uids(&house, &phrase(SearchField::Subject, "số 23")).await, "23,230");
        let counted = read!(house, |tx| tx.search_counts(account_id(1)).await?);
        assert_eq!((counted.emails, counted.behind), (230, 0));
    }

    async fn a_phrase_is_found_wherever_in_a_long_text_it_stands(house: House) {
        with_account(&house, 1).await;
        let mut body = String::new();
        for n in 0..9_000 {
            body.push_str(&format!("từ{n} "));
            if n % 40 == 0 {
                body.push_str("\r\n");
            }
        }
        deliver(&house, 1, &mail("From: a@b.vn\r\nSubject: Dài", &body), 1).await.unwrap();
        for n in [1, 39, 3_980, 3_995, 3_999, 4_001, 7_990, 8_998] {
            let text = format!("từ{n} từ{}", n + 1);
            assert_eq!(uids(&house, &phrase(SearchField::Body, &text)).await, "1", "{text}");
            let text = format!("từ{} từ{n}", n + 1);
            assert_eq!(uids(&house, &phrase(SearchField::Body, &text)).await, "", "{text}");
        }
    }
}
