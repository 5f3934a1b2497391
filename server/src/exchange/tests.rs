//! The dialogue at the door, request by request, without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use mail::{AgencyCode, AgencyId, Secret};
use registry::document_id::DocumentIdentifier;
use registry::package::{
    Code, DocumentType, NewAttachment, NewBusiness, NewDocument, NewParty, OtherInfo, Packing,
    PromulgationInfo, SignerInfo, Staff, write_document,
};
use ring::{digest, hmac};
use serde_json::Value;
use store::{AgencyNames, NewAgency, NewSystem};
use tower::ServiceExt as _;

use crate::config::Config;
use crate::house::House;

const SECRET: &str = "s3cret-test-key";

/// A house with two agencies, a system each, and its router.
struct Story {
    house: Arc<House>,
    router: Router,
    _dir: tempfile::TempDir,
}

async fn story(change: impl FnOnce(&mut Config)) -> Story {
    crate::tls::install_provider();
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.house.data = dir.path().join("data");
    config.exchange.signatures = "recorded".to_owned();
    change(&mut config);
    let house = House::open(config).await.unwrap();
    let now = house.now();
    for number in 1..=2u8 {
        let agency_id = AgencyId::from_bytes([number; 16]);
        let names = AgencyNames {
            code: format!("H37.0{number}").parse().unwrap(),
            code102: None,
            name: format!("Cơ quan số {number}"),
            mail: String::new(),
            parent_id: None,
            decision: String::new(),
        };
        let agency = NewAgency { agency_id, names, valid_from: now };
        let added = house.store.write("add an agency", agency, move |tx, agency| {
            Box::pin(async move { tx.add_agency(agency, now).await })
        });
        added.await.unwrap();
        let system_id = format!("hub.0{number}");
        let system = NewSystem { system_id, agency_id, secret: Secret::from(SECRET) };
        house.store.add_system(system, now).await.unwrap();
    }
    let router = super::routes(house.clone(), crate::intake::Intake::new(house.clone()).unwrap());
    Story { house, router, _dir: dir }
}

/// A request as the client signs it.
fn signed(
    method: &str,
    path: &str,
    system: &str,
    secret: &str,
    parameters: &[(&str, &str)],
) -> Request<Body> {
    request(method, path, system, secret, parameters, Vec::new())
}

fn request(
    method: &str,
    path: &str,
    system: &str,
    secret: &str,
    parameters: &[(&str, &str)],
    body: Vec<u8>,
) -> Request<Body> {
    let mut members = serde_json::Map::new();
    let all = [("systemid", system)].into_iter().chain(parameters.iter().copied());
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in all {
        members.insert(format!("XroadVnpt-{name}"), Value::from(value));
        builder = builder.header(format!("XroadVnpt-{name}"), value);
    }
    let text = Value::Object(members).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mac = registry::vxp::hash::full_hex(hmac::sign(&key, text.as_bytes()).as_ref());
    builder
        .header("XroadVnpt-sign-header", text)
        .header("XroadVnpt-hash-header", mac)
        .body(Body::from(body))
        .unwrap()
}

fn sending(system: &str, secret: &str, from: &str, package: &[u8]) -> Request<Body> {
    let hash = registry::vxp::hash::thin_hex(digest::digest(&digest::SHA256, package).as_ref());
    let body = [package, b"\r\n"].concat();
    request("POST", "/vxp//sendEdoc", system, secret, &[("from", from), ("hash-file", &hash)], body)
}

impl Story {
    async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn json(&self, request: Request<Body>) -> Value {
        let response = self.ask(request).await;
        assert_eq!(response.status(), 200);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(bytes.is_ascii());
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn close(self) {
        let writer = self.house.writer.clone();
        drop(self.router);
        drop(self.house);
        writer.wait().await;
    }
}

fn package(number: &str) -> Vec<u8> {
    let party = |code: &str| NewParty {
        organ_id: code.parse::<AgencyCode>().unwrap(),
        organization_in_charge: String::new(),
        organ_name: code.to_owned(),
        organ_add: String::new(),
        email: String::new(),
        telephone: String::new(),
        fax: String::new(),
        website: String::new(),
    };
    let content = signer::make::blank_pdf("Công văn", &["V/v thử"]);
    let attachment = NewAttachment {
        id: [1; 16],
        name: "van-ban.pdf".to_owned(),
        description: String::new(),
        content: content.into(),
        packing: Packing::default(),
    };
    let document = NewDocument {
        from: party("H37.01"),
        to: vec![party("H37.02")],
        document_id: DocumentIdentifier::new(&format!("H37.01,2026/11/22,{number}/CV")).unwrap(),
        code: Code { number: number.to_owned(), notation: "CV".to_owned() },
        promulgation_info: PromulgationInfo { place: String::new(), date: "2026/11/22".to_owned() },
        document_type: DocumentType { number: None, detail: None, name: "Công văn".to_owned() },
        subject: "V/v thử".to_owned(),
        signer_info: SignerInfo::default(),
        due_date: String::new(),
        other_info: OtherInfo::default(),
        response_for: Vec::new(),
        steering_type: 0,
        tasks: Vec::new(),
        to_places: Vec::new(),
        business: NewBusiness::default(),
        staff: Staff::default(),
        attachments: vec![attachment],
        sent: mail::Timestamp::from_secs(1_795_309_200),
    };
    write_document(&document).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vxp_3_a_document_is_sent_fetched_and_acknowledged() {
    let story = story(|_| {}).await;
    let package = package("05");
    let sent = story.json(sending("hub.01", SECRET, "H37.01", &package)).await;
    assert_eq!((&sent["status"], &sent["ErrorCode"]), (&"OK".into(), &"0".into()), "{sent}");
    let doc_id = sent["DocId"].as_str().unwrap().to_owned();
    let again = story.json(sending("hub.01", SECRET, "H37.01", &package)).await;
    assert_eq!(again, sent, "byte for byte the same answer");

    let call = |name: &str, system: &str, parameters: &[(&str, &str)]| {
        signed("POST", &format!("/vxp/{name}"), system, SECRET, parameters)
    };
    let listed = story.ask(call("getReceivedEdocList", "hub.02", &[("messagetype", "edoc")])).await;
    assert_eq!(listed.headers()["connection"], "close");
    let listed = listed.into_body().collect().await.unwrap().to_bytes();
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let delivery = listed["data"][0]["docId"].as_str().unwrap().to_owned();
    // Narrowed by its own code, and by somebody else's, which is a left-over.
    for (to, rows) in [("H37.02", 1), ("H37.01", 1), ("[\"H37.09\"]", 1)] {
        let listed = story.json(call("getReceivedEdocList", "hub.02", &[("to", to)])).await;
        assert_eq!(listed["data"].as_array().unwrap().len(), rows, "{to}");
    }
    assert_eq!(story.json(call("countReceiveEdoc", "hub.02", &[])).await["count"], 1);
    assert_eq!(story.json(call("countReceiveStatus", "hub.02", &[])).await["count"], 0);

    let download =
        |system: &str, id: &str| signed("GET", "/vxp/downloadEdoc", system, SECRET, &[("docId", id)]);
    for (system, id) in [("hub.02", &delivery), ("hub.01", &doc_id)] {
        let file = story.ask(download(system, id)).await;
        assert_eq!(file.status(), 200);
        assert_eq!(file.into_body().collect().await.unwrap().to_bytes(), package);
    }
    // Somebody else's is not there, and a failed download has nothing to save (VXP 0.2).
    for (system, id) in [("hub.01", &delivery), ("hub.02", &doc_id)] {
        let refused = story.ask(download(system, id)).await;
        assert_eq!(refused.status(), 404);
        assert!(refused.into_body().collect().await.unwrap().to_bytes().is_empty());
        assert_eq!(story.json(call("getEdoc", system, &[("docId", id)])).await["ErrorCode"], "404");
        let update = call("updateStatus", system, &[("docid", id), ("status", "done")]);
        assert_eq!(story.json(update).await["ErrorCode"], "404");
    }
    for (word, code) in [("inbox", "400"), ("Processing", "0"), ("done", "0"), ("fail", "0")] {
        let update = call("updateStatus", "hub.02", &[("docid", &delivery), ("status", word)]);
        assert_eq!(story.json(update).await["ErrorCode"], code, "{word}");
    }
    assert_eq!(story.json(call("getReceivedEdocList", "hub.02", &[])).await["data"], serde_json::json!([]));
    let rows = story.json(call("getSentEdocList", "hub.01", &[("docId", &doc_id)])).await;
    let row = &rows["data"][0];
    assert_eq!(
        (&row["toCode"], &row["receiveStatus"], &row["notation"]),
        (&"H37.02".into(), &"done".into(), &"05/CV".into())
    );
    // A delivery it received is a left-over: all it sent, which is nothing.
    let rows = story.json(call("getSentEdocList", "hub.02", &[("docId", &delivery)])).await;
    assert_eq!(rows["data"], serde_json::json!([]));
    story.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vxp_2_and_3_1_refusals_at_the_door() {
    let story = story(|config| config.exchange.package_bytes_max = 10_000).await;
    let package = package("06");
    let wrong = story.json(sending("hub.01", "wrong", "H37.01", &package)).await;
    assert_eq!((&wrong["ErrorCode"], &wrong["DocId"]), (&"401".into(), &"".into()));
    let nobody = story.json(sending("hub.99", SECRET, "H37.01", &package)).await;
    assert_eq!(nobody["ErrorDesc"], wrong["ErrorDesc"], "an unknown system is told nothing else");
    let bare = Request::builder().method("GET").uri("/vxp/downloadEdoc").body(Body::empty()).unwrap();
    let bare = story.ask(bare).await;
    assert_eq!(bare.status(), 401);
    assert!(bare.into_body().collect().await.unwrap().to_bytes().is_empty());

    let large = story.json(sending("hub.01", SECRET, "H37.01", &vec![b'x'; 100_000])).await;
    assert_eq!((&large["ErrorCode"], &large["DocId"]), (&"413".into(), &"".into()));
    let mut cut = sending("hub.01", SECRET, "H37.01", &package);
    *cut.body_mut() = Body::from(package[..package.len() - 9].to_vec());
    assert_eq!(story.json(cut).await["ErrorCode"], "422");
    let unnamed = request("POST", "/vxp/sendEdoc", "hub.01", SECRET, &[("from", "H37.01")], package.clone());
    assert_eq!(story.json(unnamed).await["ErrorCode"], "400");

    for (method, path, code) in [
        ("POST", "/vxp/getedoc", "404"),
        ("POST", "/vxp/", "404"),
        ("POST", "/vxp", "404"),
        ("GET", "/vxp/sendEdoc", "404"),
        ("POST", "/vxp/registerAgency", "400"),
        ("POST", "/vxp///getAgenciesList", "0"),
    ] {
        let answer = story.json(signed(method, path, "hub.01", SECRET, &[])).await;
        assert_eq!(answer["ErrorCode"], code, "{method} {path}");
    }
    assert_eq!(story.json(signed("POST", "/vxp/countReceiveEdoc", "hub.02", SECRET, &[])).await["count"], 0);
    story.close().await;
}

/// A call of `hub.01` that offers gzip, as the client's list calls do.
fn offering(name: &str) -> Request<Body> {
    let mut call = signed("POST", &format!("/vxp/{name}"), "hub.01", SECRET, &[]);
    call.headers_mut().insert("accept-encoding", "gzip,deflate".parse().unwrap());
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vxp_3_2_lists_are_kept_compressed_until_the_register_changes() {
    let story = story(|_| {}).await;
    let mut lists = Vec::new();
    for name in ["getAgenciesList", "getAgenciesListQD20", "getSynchronizeUnit"] {
        let packed = story.ask(offering(name)).await;
        assert_eq!(
            (&packed.headers()["content-encoding"], &packed.headers()["connection"]),
            (&"gzip".parse().unwrap(), &"close".parse().unwrap())
        );
        let length: usize = packed.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let bytes = packed.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes.len(), length);
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(&mut registry::agency_lists::inflate(bytes.as_ref()), &mut unpacked)
            .unwrap();
        let plain = story.ask(signed("POST", &format!("/vxp/{name}"), "hub.02", SECRET, &[])).await;
        assert!(!plain.headers().contains_key("content-encoding"));
        let length: usize = plain.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let plain = plain.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((plain.len(), &plain[..]), (length, &unpacked[..]), "{name}");
        let text: Value = serde_json::from_slice(&plain).unwrap();
        assert_eq!((text["data"].as_array().unwrap().len(), &text["ErrorCode"]), (2, &"0".into()), "{name}");
        lists.push(bytes);
    }
    // The very same bytes again, then others.
    let again =
        story.ask(offering("getSynchronizeUnit")).await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(again.as_ptr(), lists[2].as_ptr(), "kept, not made again");
    let now = story.house.now();
    let closed: Result<bool, store::Error> = story
        .house
        .store
        .write("close", (), move |tx, ()| {
            Box::pin(async move { tx.close_agency(AgencyId::from_bytes([2; 16]), &[], now, "", now).await })
        })
        .await;
    assert!(closed.unwrap());
    let units = story.json(signed("POST", "/vxp/getSynchronizeUnit", "hub.01", SECRET, &[])).await;
    let deleted: Vec<bool> =
        units["data"].as_array().unwrap().iter().map(|row| row["deleted"].as_bool().unwrap()).collect();
    assert_eq!(deleted, [false, true]);
    let active = story.json(signed("POST", "/vxp/getAgenciesList", "hub.01", SECRET, &[])).await;
    assert_eq!(active["data"].as_array().unwrap().len(), 1);
    story.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vxp_1_an_answer_to_send_edoc_is_never_compressed() {
    let story = story(|_| {}).await;
    let mut sending = sending("hub.01", SECRET, "H37.01", &package("07"));
    sending.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let sent = story.ask(sending).await;
    assert!(!sent.headers().contains_key("content-encoding"));
    let sent: Value = serde_json::from_slice(&sent.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(sent["status"], "OK");
    story.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_the_sender_is_told_in_the_answer_that_a_code_has_changed() {
    let story = story(|_| {}).await;
    let now = story.house.now();
    let replaced: Result<bool, store::Error> = story
        .house
        .store
        .write("replace", (), move |tx, ()| {
            Box::pin(async move {
                let code = "H37.22".parse().unwrap();
                tx.replace_agency_code(
                    AgencyId::from_bytes([2; 16]),
                    &code,
                    store::CodeScheme::Qd20,
                    now,
                    "",
                    now,
                )
                .await
            })
        })
        .await;
    assert!(replaced.unwrap());
    let sent = story.json(sending("hub.01", SECRET, "H37.01", &package("08"))).await;
    assert_eq!(sent["status"], "OK");
    let told = sent["ErrorDesc"].as_str().unwrap();
    assert!(told.contains("Accepted, but") && told.contains("H37.02 → H37.22"), "{told}");
    assert_eq!(story.json(sending("hub.01", SECRET, "H37.01", &package("08"))).await, sent);
    story.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vxp_3_5_the_vendors_own_example_is_refused_in_words() {
    let story = story(|_| {}).await;
    let body =
        br#"{"id":"1","pcode":"H37.01","code":"H37.01.01","name":"A","mail":cc"","mobile":"","fax":""}"#
            .to_vec();
    let refused = story.json(request("POST", "/vxp/registerAgency", "hub.01", SECRET, &[], body)).await;
    assert_eq!((&refused["status"], &refused["ErrorCode"]), (&"FAIL".into(), &"400".into()), "{refused}");
    let body = br#"{"id":"1","pcode":"H37.01","code":"H37.01.01","name":"A","mail":"","mobile":"","fax":""}"#
        .to_vec();
    let refused = story.json(request("POST", "/vxp/registerAgency", "hub.01", SECRET, &[], body)).await;
    assert_eq!(refused["ErrorCode"], "403", "{refused}");
    story.close().await;
}
