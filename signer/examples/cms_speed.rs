//! How fast a detached CMS over 100 KB is judged on one core, everything warm: `cargo run --release -p signer --example
//! cms_speed`. Compare with `openssl speed rsa2048` and `openssl speed -bytes 102400 -evp sha256`.
#![allow(clippy::print_stdout)]

use certs::issue::{self, Authority, CrlDraft, Subject, Validity};
use certs::keys::{Key, Size};
use certs::trust::{Anchor, Hierarchy, Purpose, TrustStore};
use certs::{Error, Serial};
use mail::Timestamp;
use signer::make::{CmsSigning, prepare_cms};
use signer::{Evidence, Input, Limits, Policy, Verdict, judge};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: i64 = 1_795_309_200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = |text: &str| Subject::vietnamese("THỬ NGHIỆM", text).name();
    let validity = Validity { from: NOW - 1000, until: NOW + 100_000 };
    let key = Key::generate(Size::Rsa2048)?;
    let root = issue::root(&name("Gốc")?, key.public(), Serial::from_u64(1), validity).self_signed(&key)?;
    let root = Authority::new(root, key)?;
    let made = |of: &dyn Fn(&Key) -> Result<issue::Draft, Error>, by: &Authority| {
        let key = Key::generate(Size::Rsa2048)?;
        Authority::new(of(&key)?.signed_by(by)?, key)
    };
    let ca =
        made(&|k| Ok(issue::issuing_ca(&name("CA")?, k.public(), Serial::from_u64(2), validity)), &root)?;
    let leader =
        made(&|k| Ok(issue::leader(&name("A")?, k.public(), Serial::from_u64(3), validity, "a@x.vn")), &ca)?;
    let mut trust = TrustStore::new();
    let (certificate, purposes) = (root.certificate().clone(), [Purpose::Any]);
    let fingerprint = certificate.sha256();
    trust.add(Anchor::new(certificate, fingerprint, &purposes, Hierarchy::Other, "speed")?);
    let lists = [&ca, &root].map(|by| CrlDraft::new(NOW - 60, Some(NOW + 60_000), 1).signed_by(by));
    let crls = lists.into_iter().collect::<Result<Vec<_>, _>>()?;
    let evidence = Evidence { certificates: vec![ca.certificate().clone()], crls, ..Evidence::default() };
    let content: Arc<[u8]> = (0..102_400u32).map(|n| (n % 251) as u8).collect();
    let scheme = leader.key().usual_scheme();
    let chain = vec![leader.certificate().clone(), ca.certificate().clone()];
    let signing = CmsSigning::new(chain, scheme, Timestamp::from_secs(NOW));
    let file =
        prepare_cms(&content, &signing, &Limits::default())?.sign(leader.key(), scheme)?.finish(None)?;
    let (file, policy): (Arc<[u8]>, _) = (file.into(), Policy { trust, ..Policy::default() });
    let once = || {
        let input = Input::from(file.clone()).with_content(Some(content.clone()));
        judge(input, &policy, &evidence, Timestamp::from_secs(NOW + 60)).verdict()
    };
    assert_eq!(once(), Verdict::Valid);
    let (start, mut judged) = (Instant::now(), 0u32);
    while start.elapsed() < Duration::from_secs(2) {
        once();
        judged += 1;
    }
    println!("{:.0} judgements of 100 KB per second", f64::from(judged) / start.elapsed().as_secs_f64());
    Ok(())
}
