//! Requests against the vendor's example and our own server side; answers of every kind that VXP 3.1 tells of.

use mail::Secret;
use ring::digest;

use super::*;
use crate::vxp::answer;
use crate::vxp::auth::{self, Header};
use crate::vxp::call::{self, Call, Name};
use crate::vxp::send::package_in;

/// 22 November 2026, 08:29:27.263 in Hà Nội.
const AT: Timestamp = Timestamp::from_millis(1_795_310_967_263);
const SECRET: &str = "s3cret-test-key";

fn client() -> Vxp {
    let credentials = Credentials { system_id: "hub.test.01".to_owned(), secret: Secret::from(SECRET) };
    Vxp::new(credentials, &Limits::default())
}

fn asked(errand: &Errand) -> HttpAsk {
    match client().ask(errand, AT) {
        Ask::Http(ask) => ask,
    }
}

fn parcel(bytes: &[u8]) -> Parcel {
    Parcel {
        sha256: digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap(),
        bytes: bytes.to_vec().into(),
        from: "H37.01".parse().unwrap(),
        to: vec!["H41.02".parse().unwrap()],
        kind: Kind::Documents,
    }
}

/// What an errand came to, with its package.
fn told(done: Done) -> String {
    match done {
        Done::Fetched(fetched) => {
            let mut package = Vec::new();
            match fetched.unpack(&mut package) {
                Ok(sha256) => {
                    assert_eq!(sha256, digest::digest(&digest::SHA256, &package).as_ref());
                    format!("Fetched({:?})", String::from_utf8_lossy(&package))
                }
                Err(failure) => format!("{:?}", failure.outlook),
            }
        }
        other => format!("{other:?}"),
    }
}

fn acknowledge(word: &str) -> Errand {
    Errand::Acknowledge {
        id: "d-1".to_owned(),
        acknowledgement: Acknowledgement::Fail,
        word: word.to_owned(),
    }
}

/// VXP 2.1, as it was on the wire; lines that belong to the HTTP stack left out, and two of the last lines in another order.
#[test]
fn vxp_2_1_our_request_is_the_vendors_example() {
    let ask = asked(&Errand::List(Kind::Documents));
    assert_eq!((ask.method, ask.path, ask.body.len()), ("POST", "getReceivedEdocList", 0));
    let signed = r#"{"XroadVnpt-systemid":"hub.test.01","XroadVnpt-servicetype":"eDoc","XroadVnpt-messagetype":"edoc","XroadVnpt-timestamp":"22112026T082927+0263","XroadVnpt-Content-Type":"application/json"}"#;
    let expected = [
        ("XroadVnpt-systemid", "hub.test.01"),
        ("XroadVnpt-servicetype", "eDoc"),
        ("XroadVnpt-messagetype", "edoc"),
        ("XroadVnpt-timestamp", "22112026T082927+0263"),
        ("Content-Type", "application/json"),
        ("XroadVnpt-Content-Type", "application/json"),
        ("XroadVnpt-sign-header-key", "systemid;servicetype;messagetype;timestamp;Content-Type"),
        ("XroadVnpt-hash-header", "f1577c19ab336f4bcfa848b37e72a9d6c5123950708d8bef047b9be5397e240e"),
        ("XroadVnpt-sign-header", signed),
        ("User-Agent", "JAVASDKAgent/1.0.0 XRoad/VPCP"),
        ("XroadVnpt-version", "3.0.201608"),
    ];
    let found: Vec<(&str, &str)> = ask.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(found, expected);
}

/// Both directions hold: what we ask is what our own server side reads.
#[test]
fn e43_our_server_understands_our_client() {
    let limits = Limits::default();
    let package = b"<edXML>\r\n</edXML>\r\n";
    type Row = (Errand, Box<dyn Fn(Call) -> bool>);
    let rows: Vec<Row> = vec![
        (
            Errand::Send(parcel(package)),
            Box::new(
                |call| matches!(call, Call::Send(p) if p.from == "H37.01" && p.to == parcel(b"").to && p.hint == Some(Kind::Documents)),
            ),
        ),
        (
            Errand::List(Kind::Statuses),
            Box::new(
                |call| matches!(call, Call::ReceivedList(q) if q.kind == Some(Kind::Statuses) && q.page.is_none()),
            ),
        ),
        (
            Errand::Fetch("d-1".to_owned()),
            Box::new(|call| matches!(call, Call::Get(id) if id.as_str() == "d-1")),
        ),
        (
            acknowledge("edxml.doctype"),
            Box::new(
                |call| matches!(call, Call::UpdateStatus { doc_id, acknowledgement: Acknowledgement::Fail, description } if doc_id.as_str() == "d-1" && description == "edxml.doctype"),
            ),
        ),
        (Errand::Agencies, Box::new(|call| call == Call::AgenciesList)),
    ];
    for (errand, is_understood) in rows {
        let ask = asked(&errand);
        assert!(ask.headers.iter().all(|(name, value)| name.is_ascii() && value.is_ascii()), "{errand:?}");
        let headers: Vec<Header<'_>> = ask.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let presented = auth::presented(&headers, &limits).unwrap();
        let signed = auth::verify(&presented, Some(&Secret::from(SECRET)), &headers, &limits).unwrap();
        let name = Name::route(ask.method, ask.path).unwrap();
        let body = ask.body.whole().unwrap();
        let call = call::read(name, &signed, &body, &limits).unwrap();
        if let Call::Send(parameters) = &call {
            let (range, _) = package_in(
                Some(b"application/octet-stream"),
                &body.as_slice(),
                parameters.hash_file.as_deref(),
            )
            .unwrap();
            assert_eq!(
                &body[range.start as usize..range.end as usize],
                package,
                "the file alone, whatever it ends in (VXP 0.3)"
            );
        }
        assert!(is_understood(call.clone()), "{errand:?}: {call:?}");
    }
}

#[test]
fn e43_our_client_understands_our_server() {
    let read = |errand: &Errand, answer: answer::Answer| {
        client().read(errand, &Heard { status: answer.status, body: answer.body.into() }).map(told)
    };
    let list = Errand::List(Kind::Documents);
    let row = answer::ReceivedRow {
        doc_id: "d-1",
        is_status: false,
        created: AT,
        updated: AT,
        from: "H37.01",
        to: &["H41.02", "H41.03"],
        state: answer::DeliveryState::Initial,
    };
    let waiting = Waiting {
        id: "d-1".to_owned(),
        from: "H37.01".to_owned(),
        to: vec!["H41.02".to_owned(), "H41.03".to_owned()],
    };
    assert_eq!(read(&list, answer::received([row].into_iter())), Ok(told(Done::Listed(vec![waiting]))));
    assert_eq!(read(&list, answer::received(std::iter::empty())), Ok(told(Done::Listed(Vec::new()))));
    assert_eq!(
        read(&Errand::Send(parcel(b"x")), answer::sent("p-1", &[], b"{}")),
        Ok(told(Done::Sent("p-1".to_owned())))
    );
    let fetch = Errand::Fetch("d-1".to_owned());
    assert_eq!(
        read(&fetch, answer::package_as_json("<edXML/>\r\nđ".as_bytes())),
        Ok("Fetched(\"<edXML/>\\r\\nđ\")".to_owned())
    );
    assert_eq!(read(&acknowledge(""), answer::done()), Ok(told(Done::Acknowledged)));
    let agency = answer::AgencyRow {
        id: "1",
        pid: None,
        code: "H37.01",
        name: "Sở  Nội vụ",
        mail: None,
        old_code: Some("000.00.01.H37"),
    };
    let known = Announced {
        code: "H37.01".parse().unwrap(),
        code102: Some("000.00.01.H37".parse().unwrap()),
        name: "Sở Nội vụ".to_owned(),
    };
    assert_eq!(
        read(&Errand::Agencies, answer::agencies([agency].into_iter())),
        Ok(told(Done::Agencies(vec![known])))
    );
    // Every refusal of ours has its outlook.
    let outlooks = [
        (crate::Error::NotAuthenticated, Outlook::Barred),
        (crate::Error::NotYourAgency { code: "a".into(), system: "b".into() }, Outlook::Never),
        (crate::Error::UnknownAgencies(Vec::new()), Outlook::Never),
        (crate::Error::Conflict, Outlook::Never),
        (crate::Error::TooLarge { max: 1 }, Outlook::Never),
        (crate::Error::Incomplete(1), Outlook::Never),
        (crate::Error::SlowDown, Outlook::Line),
        (crate::Error::Unavailable, Outlook::Line),
        (crate::Error::Internal, Outlook::Later),
    ];
    for (error, outlook) in outlooks {
        let failure =
            read(&Errand::Send(parcel(b"x")), answer::refused(Some(Name::Send), &error)).unwrap_err();
        assert_eq!((failure.outlook, failure.code), (outlook, format!("peer.{}", error.status())));
        assert!(failure.words.contains(&error.vi()), "the peer's own words: {}", failure.words);
    }
}

/// VXP 3.1: what the real client takes for an empty list, or for a document.
/// RULES E18: what is fetched is held against its hash and length.
#[test]
fn vxp_3_1_only_an_answer_of_the_protocol_counts() {
    let ok = r#""status":"OK","ErrorCode":"0","ErrorDesc":"""#;
    let digest = full_hex(digest::digest(&digest::SHA256, b"abc").as_ref());
    let thin = thin_hex(digest::digest(&digest::SHA256, b"abc").as_ref());
    let list = Errand::List(Kind::Documents);
    let fetch = Errand::Fetch("d".to_owned());
    let send = Errand::Send(parcel(b"x"));
    let nothing = || told(Done::Listed(Vec::new()));
    let line = || "Line".to_owned();
    let abc = || "Fetched(\"abc\")".to_owned();
    let rows: Vec<(&Errand, u16, String, String)> = vec![
        (&list, 502, "<html><body>Bad Gateway</body></html>".into(), line()),
        (&list, 200, "<html/>".into(), line()),
        (&list, 200, String::new(), line()),
        (&list, 204, String::new(), line()),
        (&list, 200, "null".into(), line()),
        (&list, 200, "[]".into(), line()),
        (&list, 200, "{}".into(), line()),
        (&list, 200, "busy".into(), line()),
        (&list, 200, r#"{"status":null,"ErrorCode":null}"#.into(), line()),
        (&list, 200, format!("{{{ok}}}"), nothing()),
        (&list, 200, format!("{{{ok},\"data\":null}}"), nothing()),
        (&list, 200, format!("\u{FEFF}{{{ok},\"data\":[]}}"), nothing()),
        (&list, 200, r#"{"status":"OK","ErrorCode":0,"data":[]}"#.into(), nothing()),
        (&list, 200, format!("{{{ok},\"data\":{{}}}}"), line()),
        (
            &list,
            200,
            format!("{{{ok},\"data\":[{{\"docId\":null}},{{\"docId\":\"a b\"}},{{}},7]}}"),
            nothing(),
        ),
        (&list, 500, r#"{"status":"OK","ErrorCode":"500"}"#.into(), "Later".to_owned()),
        (&list, 200, r#"{"status":"FAIL","ErrorCode":"0","data":[]}"#.into(), "Later".to_owned()),
        (&send, 200, format!("{{{ok}}}"), line()),
        (&send, 200, format!("{{{ok},\"DocId\":null}}"), line()),
        (&send, 200, format!("{{{ok},\"DocId\":\"\"}}"), line()),
        (&send, 200, format!("{{{ok},\"DocId\":\"7\"}}"), told(Done::Sent("7".into()))),
        (&send, 200, r#"{"status":"FAIL","ErrorCode":"15","ErrorDesc":"sai"}"#.into(), "Barred".to_owned()),
        (&send, 200, r#"{"status":"FAIL","ErrorCode":18}"#.into(), "Never".to_owned()),
        (&send, 200, r#"{"status":"FAIL","ErrorCode":"E<77>"}"#.into(), "Later".to_owned()),
        (&fetch, 200, format!("{{{ok},\"data\":\"YWJj\"}}"), abc()),
        (&fetch, 200, format!("{{{ok},\"data\":\"YW\\r\\nJj\"}}"), abc()),
        (
            &fetch,
            200,
            format!("{{{ok},\"data\":\"YWJj\",\"contentLength\":3,\"contentSha256\":\"{digest}\"}}"),
            abc(),
        ),
        (
            &fetch,
            200,
            format!("{{{ok},\"data\":\"YWJj\",\"contentLength\":\"3\",\"contentSha256\":\"{thin}\"}}"),
            abc(),
        ),
        (&fetch, 200, format!("{{{ok},\"data\":\"YWJj\",\"contentLength\":4}}"), line()),
        (&fetch, 200, format!("{{{ok},\"data\":\"YWJk\",\"contentSha256\":\"{digest}\"}}"), line()),
        (&fetch, 200, format!("{{{ok},\"data\":\"\"}}"), line()),
        (&fetch, 200, format!("{{{ok},\"data\":\"<html>\"}}"), line()),
        (&fetch, 200, "<edXML/>".into(), line()),
    ];
    for (errand, status, body, expected) in rows {
        let found = client().read(errand, &Heard { status, body: body.clone().into_bytes().into() });
        let found = found.map_or_else(|failure| format!("{:?}", failure.outlook), told);
        assert_eq!(found, expected, "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_panic(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), status in 0u16..700) {
        for errand in [Errand::List(Kind::Statuses), Errand::Fetch(String::new()), Errand::Agencies] {
            let _ = client().read(&errand, &Heard { status, body: body.clone().into() }).map(told);
        }
    }
}
