//! Stories of fetching, told to a responder on this machine that behaves as badly as the story wants.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use certs::Serial;
use certs::issue::{self, Authority, CrlDraft, Draft, OcspDraft, Subject, Validity};
use certs::keys::{Key, Size};
use certs::revocation::{RevocationFacts, RevocationReason, RevokedEntry};
use certs::trust::{Anchor, Hierarchy};
use signer::make::{self, Signing};
use signer::{Class, Verdict};

use super::*;

/// 2026-11-22T01:00:00Z.
const NOW: i64 = 1_795_309_200;
const DAY: i64 = 86_400;

/// A clock set by hand.
struct Hand(Mutex<i64>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(*self.0.lock().unwrap())
    }
}

/// What the responder does at a path.
#[derive(Clone)]
enum Manner {
    Gives(Vec<u8>),
    Fails(u16),
    SendsTo(String),
    Hangs,
    /// Says nothing about its length and never ends.
    Pours,
    AnswersOcsp,
}

#[derive(Default)]
struct Responder {
    manners: Mutex<HashMap<String, Manner>>,
    visits: Mutex<HashMap<String, usize>>,
    ca: Mutex<Option<Authority>>,
}

async fn respond(State(responder): State<Arc<Responder>>, uri: Uri, body: Bytes) -> Response {
    *responder.visits.lock().unwrap().entry(uri.path().to_owned()).or_default() += 1;
    let manner = responder.manners.lock().unwrap().get(uri.path()).cloned();
    match manner {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Manner::Gives(bytes)) => bytes.into_response(),
        Some(Manner::Fails(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Manner::SendsTo(url)) => Redirect::temporary(&url).into_response(),
        Some(Manner::Hangs) => std::future::pending().await,
        Some(Manner::Pours) => {
            let stream =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 4096])));
            Body::from_stream(stream).into_response()
        }
        Some(Manner::AnswersOcsp) => {
            let request = OcspRequest::from_der(&body, &Limits::default()).unwrap();
            let draft = OcspDraft::answering(&request, NOW, Some(NOW + DAY), |_| OcspStatus::Good);
            let ca = responder.ca.lock().unwrap();
            draft.signed_by(ca.as_ref().unwrap()).unwrap().der().to_vec().into_response()
        }
    }
}

async fn start(responder: Arc<Responder>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(respond).with_state(responder);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A small hierarchy whose certificates name the responder, and a document signed under it.
struct World {
    responder: Arc<Responder>,
    base: String,
    root: Authority,
    ca: Authority,
    leader: Authority,
    clock: Arc<Hand>,
}

fn name(text: &str) -> certs::Name {
    Subject::vietnamese("UBND TỈNH THỬ NGHIỆM", text).user_id("CCCD:001").name().unwrap()
}

fn validity() -> Validity {
    Validity { from: NOW - DAY, until: NOW + 365 * DAY }
}

fn make(draft: impl FnOnce(&Key) -> Draft, by: &Authority) -> Authority {
    let key = Key::generate(Size::P256).unwrap();
    Authority::new(draft(&key).signed_by(by).unwrap(), key).unwrap()
}

fn root(text: &str) -> Authority {
    let key = Key::generate(Size::P256).unwrap();
    let draft = issue::root(&name(text), key.public(), Serial::from_u64(1), validity());
    Authority::new(draft.self_signed(&key).unwrap(), key).unwrap()
}

impl World {
    async fn new() -> Self {
        crate::tls::install_provider();
        let responder = Arc::new(Responder::default());
        let base = format!("http://{}", start(responder.clone()).await);
        let url = |file: &str| format!("{base}/{file}");
        let root = root("Gốc");
        let ca = make(
            |key| {
                issue::issuing_ca(&name("CA"), key.public(), Serial::from_u64(2), validity())
                    .crl_urls(&[&url("root.crl")])
            },
            &root,
        );
        let leader = make(
            |key| {
                issue::leader(
                    &name("Nguyễn Văn A"),
                    key.public(),
                    Serial::from_u64(3),
                    validity(),
                    "a@x.gov.vn",
                )
                .crl_urls(&[&url("ca.crl")])
                .access(&[&url("ocsp")], &[&url("ca.crt")])
            },
            &ca,
        );
        let world = Self { responder, base, root, ca, leader, clock: Arc::new(Hand(Mutex::new(NOW))) };
        world.set("/root.crl", Manner::Gives(world.crl(&world.root, NOW + 7 * DAY, false)));
        world.set("/ca.crl", Manner::Gives(world.crl(&world.ca, NOW + 7 * DAY, false)));
        world.set("/ca.crt", Manner::Gives(world.ca.certificate().der().to_vec()));
        let ca = Authority::new(
            world.ca.certificate().clone(),
            Key::from_pem(&world.ca.key().to_pem().unwrap(), None).unwrap(),
        );
        *world.responder.ca.lock().unwrap() = Some(ca.unwrap());
        world
    }

    fn crl(&self, by: &Authority, until: i64, revokes: bool) -> Vec<u8> {
        let mut draft = CrlDraft::new(NOW - 60, Some(until), 1);
        if revokes {
            let facts = RevocationFacts {
                revoked_at: NOW - 3600,
                invalid_since: None,
                reason: RevocationReason::KeyCompromise,
            };
            draft = draft.entry(RevokedEntry { serial: self.leader.certificate().serial().clone(), facts });
        }
        draft.signed_by(by).unwrap().der().to_vec()
    }

    fn set(&self, path: &str, manner: Manner) {
        self.responder.manners.lock().unwrap().insert(path.to_owned(), manner);
    }

    fn visits(&self, path: &str) -> usize {
        self.responder.visits.lock().unwrap().get(path).copied().unwrap_or(0)
    }

    fn all_visits(&self) -> usize {
        self.responder.visits.lock().unwrap().values().sum()
    }

    fn document(&self, with_chain: bool) -> Arc<[u8]> {
        let mut chain = vec![self.leader.certificate().clone()];
        chain.extend(with_chain.then(|| self.ca.certificate().clone()));
        let key = self.leader.key();
        let signing = Signing::new(chain, key.usual_scheme(), Timestamp::from_secs(NOW));
        let paper = make::blank_pdf("Công văn", &["Kính gửi"]);
        make::sign(&paper, &signing, key, |_| Ok(None), &signer::Limits::default()).unwrap().into()
    }

    fn policy_under(&self, root: &Authority) -> Arc<Policy> {
        let root = root.certificate();
        let purposes = [Purpose::Document];
        let anchor =
            Anchor::new(root.clone(), root.sha256(), &purposes, Hierarchy::PublicService, "test").unwrap();
        let mut trust = TrustStore::new();
        trust.add(anchor);
        Arc::new(Policy { trust, ..Policy::default() })
    }

    fn fetcher(&self, from: &[&str]) -> Fetcher {
        let settings = Settings {
            from: from.iter().map(|&place| place.to_owned()).collect(),
            patience: Duration::from_secs(2),
            imports: None,
            anchors: Vec::new(),
            is_online: true,
        };
        let mut fetcher = Fetcher::new(settings, self.clock.clone()).unwrap();
        fetcher.limits = Arc::new(Limits { crl_bytes: 64 * 1024, ..Limits::default() });
        fetcher
    }

    fn case(&self, bytes: Arc<[u8]>, root: &Authority) -> Case {
        Case { input: bytes.into(), policy: self.policy_under(root), now: self.clock.now() }
    }

    async fn judged(&self, fetcher: &Fetcher) -> Judged {
        self.judged_of(fetcher, self.document(true)).await
    }

    async fn judged_of(&self, fetcher: &Fetcher, document: Arc<[u8]>) -> Judged {
        fetcher.judge(&self.case(document, &self.root), Evidence::default()).await
    }
}

#[tokio::test]
async fn d27_lists_are_fetched_first_and_kept() {
    let world = World::new().await;
    world.set("/ocsp", Manner::AnswersOcsp);
    let fetcher = Arc::new(world.fetcher(&["*"]));
    let judged = world.judged(&fetcher).await;
    assert_eq!(judged.verdict(), Verdict::Valid, "{:?}", judged.report().reasons);
    assert_eq!((world.visits("/ca.crl"), world.visits("/root.crl"), world.visits("/ocsp")), (1, 1, 0));
    assert_eq!(judged.used_evidence().crls.len(), 2);
    // What was used lets the document be judged again without a network (RULES D34).
    let policy = world.policy_under(&world.root);
    let again = signer::judge(judged.bytes().clone(), &policy, judged.used_evidence(), world.clock.now());
    assert_eq!(again.verdict(), Verdict::Valid);
    // Other documents, judged at once and on other threads, ask nobody.
    let others: Vec<_> = (0..4)
        .map(|_| {
            let (fetcher, case) = (fetcher.clone(), world.case(world.document(true), &world.root));
            tokio::spawn(async move { fetcher.judge(&case, Evidence::default()).await })
        })
        .collect();
    for other in others {
        assert_eq!(other.await.unwrap().verdict(), Verdict::Valid);
    }
    assert_eq!(world.all_visits(), 2);
}

#[tokio::test]
async fn many_documents_at_once_cause_one_fetch() {
    let world = World::new().await;
    let fetcher = world.fetcher(&["*"]);
    let documents = (0..5).map(|_| world.judged(&fetcher));
    for judged in futures_util::future::join_all(documents).await {
        assert_eq!(judged.verdict(), Verdict::Valid);
    }
    assert_eq!(world.all_visits(), 2);
}

#[tokio::test]
async fn a_list_that_does_not_come_leaves_ocsp() {
    let world = World::new().await;
    let stranger = root("CA");
    let elsewhere = Arc::new(Responder::default());
    let other = start(elsewhere.clone()).await;
    let rows = [
        ("no such file", Manner::Fails(404)),
        ("broken server", Manner::Fails(500)),
        ("not a list", Manner::Gives(b"<html>Welcome to the Internet</html>".to_vec())),
        ("an empty answer", Manner::Gives(Vec::new())),
        ("half a list", Manner::Gives(world.crl(&world.ca, NOW + DAY, false)[..80].to_vec())),
        ("somebody else's list", Manner::Gives(world.crl(&world.root, NOW + DAY, false))),
        ("a forged list", Manner::Gives(world.crl(&stranger, NOW + DAY, true))),
        ("too large, and says so", Manner::Gives(vec![0x30; 65 * 1024])),
        ("too large, without end", Manner::Pours),
        ("never", Manner::Hangs),
        ("round and round", Manner::SendsTo(format!("{}/ca.crl", world.base))),
        ("to another machine's inside", Manner::SendsTo(format!("http://{other}/ca.crl"))),
        ("to a file", Manner::SendsTo("file:///etc/passwd".to_owned())),
    ];
    for (what, manner) in rows {
        world.set("/ca.crl", manner.clone());
        world.set("/ocsp", Manner::AnswersOcsp);
        let judged = world.judged(&world.fetcher(&["*"])).await;
        assert_eq!(judged.verdict(), Verdict::Valid, "{what}");
        assert_eq!(judged.used_evidence().ocsp.len(), 1, "{what}");
        // D10: nothing at all is never taken for good.
        world.set("/ocsp", manner);
        let judged = world.judged(&world.fetcher(&["*"])).await;
        assert_eq!(
            (judged.verdict(), judged.class()),
            (Verdict::Indeterminate, Class::UnknownRevocation),
            "{what}"
        );
    }
    assert!(elsewhere.visits.lock().unwrap().is_empty(), "a redirect led inside");
}

#[tokio::test]
async fn a_redirect_on_the_same_machine_is_followed() {
    let world = World::new().await;
    let list = world.crl(&world.ca, NOW + DAY, false);
    world.set("/ca.crl", Manner::SendsTo("/new/ca.crl".to_owned()));
    world.set("/new/ca.crl", Manner::Gives(list));
    assert_eq!(world.judged(&world.fetcher(&["*"])).await.verdict(), Verdict::Valid);
}

#[tokio::test]
async fn revoked_is_invalid_or_unproven_but_never_valid() {
    let world = World::new().await;
    world.set("/ca.crl", Manner::Gives(world.crl(&world.ca, NOW + DAY, true)));
    world.set("/ocsp", Manner::AnswersOcsp);
    let judged = world.judged(&world.fetcher(&["*"])).await;
    assert_ne!(judged.verdict(), Verdict::Valid);
    assert_eq!(judged.class(), Class::Invalid(signer::Code::RevokedNoProof));
}

#[tokio::test]
async fn only_permitted_addresses_are_asked() {
    let world = World::new().await;
    for from in [&[][..], &["http://ca.gov.vn"], &["https://127.0.0.1"]] {
        assert_eq!(world.judged(&world.fetcher(from)).await.class(), Class::UnknownRevocation);
    }
    assert_eq!(world.all_visits(), 0);
    let listed = world.fetcher(&[&world.base]);
    assert_eq!(world.judged(&listed).await.verdict(), Verdict::Valid);
}

#[tokio::test]
async fn nobody_is_sent_to_our_own_network_by_a_stranger() {
    let world = World::new().await;
    // The issuer is missing, so nobody vouches for the address in the certificate: a private one is not followed.
    let judged = world.judged_of(&world.fetcher(&["*"]), world.document(false)).await;
    assert_eq!(judged.verdict(), Verdict::Indeterminate);
    assert_eq!(world.all_visits(), 0);
    // A whole hierarchy that nobody trusts is not even asked about.
    let case = world.case(world.document(true), &root("Gốc khác"));
    let judged = world.fetcher(&["*"]).judge(&case, Evidence::default()).await;
    assert_eq!(judged.verdict(), Verdict::Indeterminate);
    assert_eq!(world.all_visits(), 0);
    // The operator may list the address; then the issuer is fetched, and then its lists.
    let listed = world.fetcher(&[&world.base]);
    let judged = world.judged_of(&listed, world.document(false)).await;
    assert_eq!(judged.verdict(), Verdict::Valid);
    assert!(judged.used_evidence().certificates.contains(world.ca.certificate()));
    // Another certificate of the same name is not the issuer.
    world.set("/ca.crt", Manner::Gives(root("CA").certificate().der().to_vec()));
    let listed = world.fetcher(&[&world.base]);
    let judged = world.judged_of(&listed, world.document(false)).await;
    assert_eq!(judged.verdict(), Verdict::Indeterminate);
}

#[tokio::test]
async fn what_is_kept_serves_while_it_is_good() {
    let world = World::new().await;
    let fetcher = world.fetcher(&["*"]);
    assert_eq!(world.judged(&fetcher).await.verdict(), Verdict::Valid);
    let later = |seconds: i64| *world.clock.0.lock().unwrap() = NOW + seconds;
    // After an hour a newer list is asked for.
    later(FRESH_SECONDS + 1);
    assert_eq!(world.judged(&fetcher).await.verdict(), Verdict::Valid);
    assert_eq!((world.visits("/ca.crl"), world.visits("/root.crl")), (2, 2));
    // The authority is gone: the lists do until they say themselves that they are old.
    world.set("/ca.crl", Manner::Fails(503));
    world.set("/root.crl", Manner::Fails(503));
    later(3 * DAY);
    assert_eq!(world.judged(&fetcher).await.verdict(), Verdict::Valid);
    assert_eq!(world.judged(&fetcher).await.verdict(), Verdict::Valid);
    assert_eq!((world.visits("/ca.crl"), world.visits("/root.crl")), (3, 3), "left alone for a minute");
    later(8 * DAY);
    assert_eq!(world.judged(&fetcher).await.class(), Class::UnknownRevocation);
}

#[tokio::test]
async fn d27_evidence_carried_in_by_hand() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        from: Vec::new(),
        patience: Duration::from_secs(1),
        imports: Some(directory.path().to_owned()),
        anchors: Vec::new(),
        is_online: false,
    };
    let write = |file: &str, bytes: &[u8]| std::fs::write(directory.path().join(file), bytes).unwrap();
    write("root.crl", &world.crl(&world.root, NOW + DAY, false));
    write("ca.crl", &world.crl(&world.ca, NOW + DAY, false));
    write("ca.crt", world.ca.certificate().to_pem().as_bytes());
    write("rubbish.crl", b"rubbish");
    write("readme.txt", b"not evidence");
    let fetcher = Fetcher::new(settings, world.clock.clone()).unwrap();
    let judged = world.judged_of(&fetcher, world.document(false)).await;
    assert_eq!(judged.verdict(), Verdict::Valid);
    assert_eq!(world.all_visits(), 0);
}

#[tokio::test]
async fn one_document_cannot_keep_the_house_busy() {
    let budget = Budget::new();
    for _ in 0..STRANGERS_MAX {
        budget.spend(NamedBy::Stranger).unwrap();
    }
    assert!(matches!(budget.spend(NamedBy::Stranger), Err(Fault::Budget)));
    for _ in STRANGERS_MAX..FETCHES_MAX {
        budget.spend(NamedBy::Vouched).unwrap();
    }
    assert!(matches!(budget.spend(NamedBy::Vouched), Err(Fault::Budget)));
}
