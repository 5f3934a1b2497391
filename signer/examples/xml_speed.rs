//! How many enveloped XML signatures (13 KB, exclusive canonical form, RSA-2048 with SHA-256) one core judges in a
//! second, warm. With a directory as argument it leaves the file, the certificates and the key there, for xmlsec1:
//!
//! ```sh
//! cargo run --release -p signer --example xml_speed -- /tmp/speed
//! time xmlsec1 --verify --repeat 10000 --trusted-pem /tmp/speed/root.pem /tmp/speed/plain.xml
//! ```

use certs::issue::{self, Authority, CrlDraft, Subject, Validity};
use certs::keys::{Key, Scheme, Size};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Certificate, Serial};
use mail::Timestamp;
use signer::make::xml as make;
use signer::xml::{Beside, facts};
use signer::{Evidence, Limits, Policy, Verdict, judge, tst};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// 2026-11-22T01:00:00Z
const NOW: i64 = 1_795_309_200;
const YEAR: i64 = 365 * 86_400;

fn made(
    name: &str,
    size: Size,
    draft: impl Fn(&certs::Name, &Key) -> issue::Draft,
    by: &Authority,
) -> Authority {
    let subject = Subject::vietnamese("UBND TỈNH THỬ NGHIỆM", name).name().unwrap();
    let key = Key::generate(size).unwrap();
    Authority::new(draft(&subject, &key).signed_by(by).unwrap(), key).unwrap()
}

fn document() -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<HoSo xmlns=\"urn:ho-so\" xmlns:x=\"urn:x\">\n",
    );
    while text.len() < 13_000 {
        let n = text.len();
        let _ = writeln!(
            text,
            "  <Dong so=\"{n}\" x:loai='văn bản'><Ten>Quyết định số {n} &amp; phụ lục</Ten><x:Gia>{n}</x:Gia></Dong>"
        );
    }
    text + "</HoSo>\n"
}

/// Time this process had on a processor: other work on the machine does not count.
fn on_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

fn rate(what: &str, mut work: impl FnMut()) {
    // For a profiler: one of them, for longer.
    let only = std::env::var("ONLY").ok();
    if only.as_ref().is_some_and(|only| !what.starts_with(only)) {
        return;
    }
    let seconds = if only.is_some() { 5.0 } else { 1.0 };
    for _ in 0..200 {
        work();
    }
    let began = on_cpu();
    let mut count = 0u32;
    while on_cpu() - began < seconds {
        for _ in 0..20 {
            work();
        }
        count += 20;
    }
    let each = (on_cpu() - began) / f64::from(count);
    eprintln!("{what}: {:.0}/s, {:.1} µs each", 1.0 / each, each * 1e6);
}

fn main() {
    let long = Validity { from: NOW - 5 * YEAR, until: NOW + 20 * YEAR };
    let serial = Serial::from_u64;
    let root_key = Key::generate(Size::Rsa2048).unwrap();
    let name = Subject::vietnamese("UBND TỈNH THỬ NGHIỆM", "Gốc").name().unwrap();
    let root = issue::root(&name, root_key.public(), serial(1), long).self_signed(&root_key).unwrap();
    let root = Authority::new(root, root_key).unwrap();
    let ca = made("CA", Size::Rsa2048, |n, k| issue::issuing_ca(n, k.public(), serial(2), long), &root);
    let seal = made(
        "Văn phòng",
        Size::Rsa2048,
        |n, k| issue::agency_seal(n, k.public(), serial(3), long, "a@b.vn"),
        &ca,
    );
    let tsa =
        made("TSA", Size::Rsa2048, |n, k| issue::timestamp_authority(n, k.public(), serial(4), long), &ca);
    let chain: Vec<Certificate> = vec![seal.certificate().clone(), ca.certificate().clone()];
    let limits = Limits::default();
    let text = document();
    let plain = make::Signing::plain(chain.clone(), Scheme::RsaPkcs1Sha256);
    let plain = make::enveloped(text.as_bytes(), &plain, &limits).unwrap();
    let plain = make::sign(plain, seal.key(), |_| Ok(None)).unwrap();
    let full = make::Signing::new(chain, Scheme::RsaPkcs1Sha256, Timestamp::from_secs(NOW));
    let full = make::enveloped(text.as_bytes(), &full, &limits).unwrap();
    let stamps = [tsa.certificate().clone(), ca.certificate().clone()];
    let authority = tst::Authority {
        key: tsa.key(),
        certificates: &stamps,
        policy: certs::der::Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 1]),
    };
    let stamp = |s: &make::Stamped| {
        let request = s.timestamp_request(1);
        let answer = tst::answer(&request.to_der(), &authority, 1, NOW);
        tst::read_response(&answer, &request, &limits).map(Some)
    };
    let full = make::sign(full, seal.key(), stamp).unwrap();
    if let Some(folder) = std::env::args().nth(1) {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(format!("{folder}/plain.xml"), &plain).unwrap();
        std::fs::write(format!("{folder}/xades-t.xml"), &full).unwrap();
        std::fs::write(format!("{folder}/root.pem"), root.certificate().to_pem()).unwrap();
        std::fs::write(format!("{folder}/seal.pem"), seal.certificate().to_pem()).unwrap();
    }
    let mut trust = TrustStore::new();
    let anchor = root.certificate();
    let purposes = [Purpose::Document, Purpose::Timestamp];
    trust
        .add(Anchor::new(anchor.clone(), anchor.sha256(), &purposes, Hierarchy::PublicService, "x").unwrap());
    let policy = Policy { trust, ..Policy::default() };
    let crls = [&ca, &root].map(|by| CrlDraft::new(NOW - 60, Some(NOW + 604_800), 1).signed_by(by).unwrap());
    let evidence = Evidence { certificates: vec![], crls: crls.to_vec(), ocsp: vec![] };
    let now = Timestamp::from_secs(NOW + 3600);
    let (plain, full): (Arc<[u8]>, Arc<[u8]>) = (plain.into(), full.into());
    eprintln!("{} and {} bytes", plain.len(), full.len());
    let parts = BTreeMap::new();
    let beside = Beside { content: None, parts: &parts };
    rate("read", || drop(std::hint::black_box(signer::xml::read(&plain, &limits).unwrap())));
    let certificate = seal.certificate();
    rate("read, digests and signature value (what xmlsec1 does without a path)", || {
        let facts = facts(&plain, &limits).unwrap();
        let signature = facts.signatures[0].signature.as_ref().unwrap();
        facts.octets(signature, beside).unwrap();
        signature.verifies(certificate, &facts.signed_info(signature).unwrap()).unwrap();
    });
    rate("judged: plain, path and revocation", || {
        let judged = judge(plain.clone(), &policy, &evidence, now);
        assert_eq!(judged.verdict(), Verdict::Valid);
    });
    rate("judged: XAdES-T, path, timestamp and revocation", || {
        let judged = judge(full.clone(), &policy, &evidence, now);
        assert_eq!(judged.verdict(), Verdict::Valid, "{:?}", judged.report());
    });
}
