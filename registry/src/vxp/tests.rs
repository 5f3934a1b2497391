//! The tables of VXP 3: which call reads what, and how answers look.

use std::collections::BTreeMap;

use mail::{Secret, Timestamp};
use ring::hmac;

use super::answer::{self, DeliveryState};
use super::auth::{self, Header, PREFIX, Signed};
use super::call::{self, Acknowledgement, Call, Kind, Name, Page, ReceivedQuery};
use crate::package::{Oddity, Warning};
use crate::{Error, Limits, Whose};

/// The way into [`Signed`] is the client's own: sign, then verify.
fn signed(parameters: &[(&str, &str)]) -> Signed {
    let mut members: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned())).collect();
    members.insert(format!("{PREFIX}systemid"), "sys".to_owned());
    let text = serde_json::to_vec(&members).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    let mac = super::hash::full_hex(hmac::sign(&key, &text).as_ref());
    let headers: Vec<Header<'_>> = vec![
        ("XroadVnpt-systemid", b"sys"),
        ("XroadVnpt-sign-header", &text),
        ("XroadVnpt-hash-header", mac.as_bytes()),
    ];
    let limits = Limits::default();
    let presented = auth::presented(&headers, &limits).unwrap();
    auth::verify(&presented, Some(&Secret::from("secret")), &headers, &limits).unwrap()
}

fn read(name: Name, parameters: &[(&str, &str)]) -> Result<Call, Error> {
    call::read(name, &signed(parameters), b"{}", &Limits::default())
}

#[test]
#[rustfmt::skip]
fn vxp_1_calls_by_exact_name_with_slashes_folded() {
    let rows = [
        ("POST", "/sendEdoc",               Ok(Name::Send)),
        ("POST", "//sendEdoc",              Ok(Name::Send)),
        ("POST", "sendEdoc?x=1",            Ok(Name::Send)),
        ("GET",  "/downloadEdoc",           Ok(Name::Download)),
        ("POST", "/downloadEdoc",           Err(Error::NoSuchCall)),
        ("GET",  "/sendEdoc",               Err(Error::NoSuchCall)),
        ("POST", "/countReceiveEdoc",       Ok(Name::CountDocuments)),
        ("GET",  "/countReceiveStatus",     Ok(Name::CountStatuses)),
        ("POST", "/sendedoc",               Err(Error::NoSuchCall)),
        ("POST", "/sendEdoc/",              Err(Error::NoSuchCall)),
        ("POST", "/x/sendEdoc",             Err(Error::NoSuchCall)),
        ("POST", "/",                       Err(Error::NoSuchCall)),
    ];
    for (method, path, expected) in rows {
        assert_eq!(Name::route(method, path), expected, "{method} {path}");
    }
    for (name, text) in Name::ALL {
        assert_eq!(Name::of_path(&format!("/{text}")), Some(name));
    }
}

#[test]
fn vxp_3_10_fetching_reads_doc_id_first_acknowledging_docid_first() {
    let both = [("docId", "fetched"), ("docid", "acknowledged"), ("status", "done")];
    let id = |call: Result<Call, Error>| match call.unwrap() {
        Call::Get(id) | Call::Download(id) | Call::UpdateStatus { doc_id: id, .. } => id.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(id(read(Name::Get, &both)), "fetched");
    assert_eq!(id(read(Name::Download, &both)), "fetched");
    assert_eq!(id(read(Name::UpdateStatus, &both)), "acknowledged");
    assert_eq!(id(read(Name::Get, &[("docId", " "), ("docid", "b")])), "b");
    assert_eq!(id(read(Name::UpdateStatus, &[("docId", "a"), ("status", "DONE")])), "a");
    assert!(matches!(read(Name::Get, &[]), Err(Error::BadParameter { name: "docId", .. })));
    for odd in ["../x", "a b", &"x".repeat(65)] {
        assert_eq!(read(Name::Get, &[("docId", odd)]), Err(Error::NoSuchDocument), "{odd}");
    }
}

#[test]
fn vxp_3_10_acknowledgements_are_three_words_in_any_case() {
    let with = |word: &str| match read(
        Name::UpdateStatus,
        &[("docid", "a"), ("status", word), ("description", "x")],
    ) {
        Ok(Call::UpdateStatus { acknowledgement, description, .. }) if description == "x" => {
            Ok(acknowledgement)
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    assert_eq!(with("processing"), Ok(Acknowledgement::Processing));
    assert_eq!(with("Done"), Ok(Acknowledgement::Done));
    assert_eq!(with(" FAIL "), Ok(Acknowledgement::Fail));
    for word in ["inbox", "rejection", "acceptance", "assignment", "cancellation", ""] {
        let error = with(word).unwrap_err();
        assert_eq!(error.status(), 400);
        assert!(error.vi().contains("processing, done, fail"), "the refusal names the three");
    }
}

#[test]
fn vxp_3_7_a_poll_reads_its_own_parameters_only() {
    let query = |parameters: &[(&str, &str)]| match read(Name::ReceivedList, parameters).unwrap() {
        Call::ReceivedList(query) => query,
        other => panic!("{other:?}"),
    };
    let left_over = [
        ("status", "done"),
        ("docId", "a"),
        ("docid", "b"),
        ("from", "H1"),
        ("hash-file", "00"),
        ("to", r#"["A","B"]"#),
        ("servicetype", "status"),
        ("filePath", "/tmp"),
    ];
    assert_eq!(query(&left_over), ReceivedQuery::default());
    assert_eq!(query(&[("to", "\"A\"")]).receiver, None);
    assert_eq!(query(&[("to", "H07.01")]).receiver, Some("h07.01".parse().unwrap()));
    for (word, kind) in [
        ("edoc", Some(Kind::Documents)),
        ("EDOC", Some(Kind::Documents)),
        ("Status", Some(Kind::Statuses)),
        ("", None),
        ("revocation", Some(Kind::Documents)),
    ] {
        assert_eq!(query(&[("messagetype", word)]).kind, kind, "{word}");
    }
    assert_eq!(read(Name::ReceivedList, &[("messagetype", "mail")]).unwrap_err().status(), 400);
    let dated = query(&[("fromDate", "28/02/2026 00:00:00"), ("toDate", "29/02/2022 00:00:00")]);
    assert_eq!(dated.from, Some(Timestamp::parse_rfc3339("2026-02-28T00:00:00+07:00").unwrap()));
    assert_eq!(dated.to, None, "no such day");
    assert_eq!(query(&[("pageSize", "20"), ("pageIndex", "2")]).page, Some(Page { index: 2, size: 20 }));
    assert_eq!(query(&[("pageSize", "99999"), ("pageIndex", "1")]).page, Some(Page { index: 1, size: 1000 }));
    for odd in [
        [("pageSize", "20"), ("pageIndex", "0")],
        [("pageSize", "x"), ("pageIndex", "1")],
        [("pageSize", "20"), ("x", "1")],
    ] {
        assert_eq!(query(&odd).page, None);
    }
}

#[test]
fn vxp_3_8_and_2_1_what_send_reads() {
    let send = |parameters: &[(&str, &str)]| match read(Name::Send, parameters) {
        Ok(Call::Send(send)) => Ok(send),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let to = |text: &str| {
        let codes = send(&[("from", "A"), ("to", text)]).unwrap().to;
        codes.iter().map(|code| code.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(to(r#"["A","B"]"#), ["A", "B"]);
    assert_eq!(to(r#""A""#), ["A"]);
    assert_eq!(to("A"), ["A"]);
    assert_eq!(to("[\"A\""), Vec::<String>::new());
    let plain = send(&[("from", " H07 "), ("hash-file", "ab"), ("messagetype", "whatever")]).unwrap();
    assert_eq!((plain.from.as_str(), plain.hash_file.as_deref(), plain.hint), ("H07", Some("ab"), None));
    assert!(matches!(send(&[]), Err(Error::BadParameter { name: "from", .. })));
}

#[test]
fn vxp_3_2_to_3_6_the_register_calls() {
    assert_eq!(
        read(Name::AgenciesListQd20, &[("level", "1")]),
        Ok(Call::AgenciesListQd20 { first_level_only: true })
    );
    assert_eq!(read(Name::AgenciesListQd20, &[]), Ok(Call::AgenciesListQd20 { first_level_only: false }));
    assert!(matches!(read(Name::DeleteAgency, &[("AgencyCode", "H1")]), Ok(Call::DeleteAgency(_))));
    assert!(read(Name::DeleteAgency, &[("agencycode", "H1")]).is_err(), "names keep their case");
    let register =
        |body: &str| call::read(Name::RegisterAgency, &signed(&[]), body.as_bytes(), &Limits::default());
    let good = r#"{"id":"1","pcode":"H07","code":"H07.01","name":"Sở X","mail":"a@b.vn","mobile":"","fax":"","new":1}"#;
    assert!(matches!(register(good), Ok(Call::RegisterAgency(agency)) if agency.name == "Sở X"));
    let long = format!(r#"{{"code":"H1","name":"{}"}}"#, "x".repeat(2001));
    // The first one is the vendor's own example.
    for wrong in [
        r#"{"code":"H1","mail":cc""}"#,
        "",
        "{}",
        "[]",
        r#"{"code":"a b","name":"x"}"#,
        r#"{"code":"H1"}"#,
        r#"{"code":null,"name":"x"}"#,
        &long,
    ] {
        assert_eq!(register(wrong).unwrap_err().status(), 400, "{wrong}");
    }
}

fn errors() -> Vec<(Error, u16)> {
    vec![
        (Error::BadParameter { name: "status", expected: "done" }, 400),
        (Error::NotAuthenticated, 401),
        (Error::DamagedHeaders, 401),
        (Error::NotYourAgency { code: "A<b>".into(), system: "sys".into() }, 403),
        (Error::Forbidden, 403),
        (Error::NoSuchCall, 404),
        (Error::NoSuchDocument, 404),
        (Error::UnknownAgencies(vec!["H1".parse().unwrap(), "H2".parse().unwrap()]), 404),
        (Error::Conflict, 409),
        (Error::TooLarge { max: 5 }, 413),
        (Error::DamagedBody, 422),
        (Error::Package(crate::package::read(b"1212<x/>", &Limits::default()).unwrap_err()), 422),
        (
            Error::Package(
                crate::package::read(b"<x/>", &Limits { package_bytes_max: 1, ..Limits::default() })
                    .unwrap_err(),
            ),
            413,
        ),
        (Error::SlowDown, 429),
        (Error::Internal, 500),
        (Error::Unavailable, 503),
    ]
}

#[test]
fn vxp_3_1_every_refusal_of_every_call() {
    for (error, code) in errors() {
        assert_eq!(error.status(), code, "{error}");
        assert!(!error.vi().is_empty() && !error.en().is_empty() && error.vi() != error.en());
        for (name, _) in Name::ALL.into_iter().map(|(name, text)| (Some(name), text)).chain([(None, "?")]) {
            let answer = answer::refused(name, &error);
            if name == Some(Name::Download) {
                assert_eq!(
                    (answer.status, answer.body.as_slice()),
                    (code, &b""[..]),
                    "an empty body, whatever happened"
                );
                continue;
            }
            assert_eq!(answer.status, 200);
            let is_list = matches!(name, Some(name) if format!("{name:?}").contains("List") || name == Name::SynchronizeUnit);
            assert_eq!(answer.headers.contains(&("Connection", "close".to_owned())), is_list, "{name:?}");
            assert!(answer.body.is_ascii() && answer.body.starts_with(b"{"));
            let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(
                (json["status"].as_str(), json["ErrorCode"].as_str()),
                (Some("FAIL"), Some(code.to_string().as_str()))
            );
            assert!(json["ErrorDesc"].as_str().unwrap().contains(" / "), "both languages");
            assert!(json.as_object().unwrap().values().all(|value| value.is_string()));
            if name == Some(Name::Send) {
                assert_eq!(json["DocId"].as_str(), Some(""));
                assert!(!answer.compressible);
            }
        }
    }
    assert_eq!(Error::SlowDown.whose(), Whose::Nobody);
    assert!(Error::Unavailable.is_worth_retrying() && !Error::Conflict.is_worth_retrying());
    let wrong_sender = Error::NotYourAgency { code: "H9".into(), system: "hub".into() };
    assert_eq!(wrong_sender.vi(), "Đơn vị gửi H9 không đúng với mã đã đăng ký: hub");
}

#[test]
fn vxp_3_answers_byte_for_byte() {
    let at = Timestamp::parse_rfc3339("2026-11-22T08:00:00+07:00").unwrap();
    let text = |answer: &answer::Answer| String::from_utf8(answer.body.clone()).unwrap();
    let head = r#"{"status":"OK","ErrorCode":"0","ErrorDesc":"Th\u00e0nh c\u00f4ng""#;
    assert_eq!(text(&answer::done()), format!("{head}}}"));
    assert_eq!(text(&answer::count(3)), format!("{head},\"count\":3}}"));
    assert_eq!(text(&answer::received([].into_iter())), format!("{head},\"data\":[]}}"));
    let sha256 = super::hash::full_hex(ring::digest::digest(&ring::digest::SHA256, b"<a/>").as_ref());
    let beside = format!("\"contentLength\":4,\"contentSha256\":\"{sha256}\"");
    assert_eq!(text(&answer::package_as_json(b"<a/>")), format!("{head},\"data\":\"PGEvPg==\",{beside}}}"));
    assert_eq!(text(&answer::sent("5f", &[], b"")), format!("{head},\"DocId\":\"5f\"}}"));
    assert!(!answer::sent("5f", &[], b"").compressible);
    let row = answer::ReceivedRow {
        doc_id: "d1",
        is_status: false,
        created: at,
        updated: at,
        from: "H41",
        to: &["H07", "H07.01"],
        state: DeliveryState::Initial,
    };
    let list = answer::received([row].into_iter());
    assert_eq!(
        text(&list),
        format!(
            "{head},\"data\":[{{\"docId\":\"d1\",\"serviceType\":\"eDoc\",\"messageType\":\"edoc\",\"created_time\":\"2026/11/22 08:00:00\",\
             \"updated_time\":\"2026/11/22 08:00:00\",\"from\":\"H41\",\"to\":\"H07,H07.01\",\"status\":\"initial\",\"status_desc\":\"Ch\\u1edd nh\\u1eadn\"}}]}}"
        )
    );
    assert!(list.headers.contains(&("Connection", "close".to_owned())));
    let sent = answer::SentRow {
        is_status: true,
        sender_doc_id: "s",
        receiver_doc_id: "r",
        from: "A",
        to: "B",
        title: "03",
        notation: "5/X",
        sent: at,
        received: None,
        state: DeliveryState::Done,
    };
    let json: serde_json::Value =
        serde_json::from_slice(&answer::sent_list([sent].into_iter()).body).unwrap();
    assert_eq!(json["data"][0]["receivedTime"], "");
    assert_eq!(json["data"][0]["messageType"], "status");
    let root = answer::AgencyRow {
        id: "1",
        pid: None,
        code: "H07",
        name: "UBND tỉnh",
        mail: None,
        old_code: Some("x"),
    };
    assert_eq!(
        text(&answer::agencies([root].into_iter())),
        format!(
            "{head},\"data\":[{{\"id\":\"1\",\"code\":\"H07\",\"name\":\"UBND t\\u1ec9nh\",\"oldCode\":\"x\"}}]}}"
        )
    );
    let qd20 =
        answer::Qd20Row { id: "1", code: "H07", name: "U", mail: None, code102: Some("000.00.00.H07") };
    assert!(text(&answer::agencies_qd20([qd20].into_iter())).contains("\"code102\":\"000.00.00.H07\""));
    let unit = answer::UnitRow {
        id: "1",
        pid: None,
        code: "H07",
        name: "U",
        mail: None,
        center_code: Some("hub"),
        version: 2,
        deleted: true,
        modified: at,
        is_agency: true,
    };
    assert!(
        text(&answer::units([unit].into_iter())).contains(
            "\"version\":2,\"deleted\":true,\"modifyDate\":\"2026/11/22 08:00:00\",\"isAgency\":true"
        )
    );
    let file = answer::package_as_file(b"<a/>".to_vec());
    assert_eq!((file.status, file.body.as_slice()), (200, &b"<a/>"[..]));
}

#[test]
fn vxp_4_2_warnings_are_told_in_the_ok() {
    let warning = |oddity| Warning { oddity, path: "edXML".into() };
    let answer =
        answer::sent("5f", &[warning(Oddity::Date), warning(Oddity::Date), warning(Oddity::Manifest)], b"");
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let said = json["ErrorDesc"].as_str().unwrap();
    assert_eq!((json["status"].as_str(), json["ErrorCode"].as_str()), (Some("OK"), Some("0")));
    assert!(said.starts_with("Đã nhận, nhưng: ") && said.contains("Accepted, but: "), "{said}");
    assert_eq!(said.matches("yyyy/MM/dd").count(), 2, "once in each language");
}
