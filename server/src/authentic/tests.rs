//! Against a name server in this process, and against dkimpy (python3-dkim), which is nobody's relative of ours.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::keys::{Key, Size};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, TXT};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use mail::Timestamp;
use mail::authentication::{SignatureVerdict, Verdict};
use store::DkimAlgorithm;
use tokio::net::UdpSocket;

use super::sign::{Prepared, Signer};
use super::spf::Spf;
use super::{Path, Verifier};
use crate::config::Config;

/// Texts and addresses by name; an empty list does not answer.
pub(super) type Zone = HashMap<String, Vec<String>>;

pub(super) fn zone(rows: &[(&str, &[&str])]) -> Zone {
    rows.iter()
        .map(|(name, values)| ((*name).to_owned(), values.iter().map(ToString::to_string).collect()))
        .collect()
}

fn answer(zone: &Zone, question: &Message) -> Message {
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    let name = query.name().to_ascii();
    match zone.get(name.trim_end_matches('.')) {
        None => answer.metadata.response_code = ResponseCode::NXDomain,
        Some(values) if values.is_empty() => answer.metadata.response_code = ResponseCode::ServFail,
        Some(values) => {
            for value in values {
                let data = match (query.query_type(), value.parse()) {
                    (RecordType::A, Ok(ip)) => RData::A(A(ip)),
                    (RecordType::TXT, Err(_)) => {
                        let bytes: Vec<u8> = value.clone().into_bytes();
                        let parts: Vec<&[u8]> = bytes.chunks(200).collect();
                        RData::TXT(TXT::from_bytes(parts))
                    }
                    _ => continue,
                };
                answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
            }
        }
    }
    answer.add_query(query);
    answer
}

pub(super) async fn verifier(zone: Zone) -> Verifier {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config::default();
    config.dns.servers = vec![socket.local_addr().unwrap().to_string()];
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (count, from) = socket.recv_from(&mut buffer).await.unwrap();
            let answer = answer(&zone, &Message::from_vec(&buffer[..count]).unwrap());
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    Verifier::new(&config).unwrap()
}

#[tokio::test]
async fn rfc_7208_results() {
    let verifier = verifier(zone(&[
        ("a.vn", &["v=spf1 ip4:192.0.2.1 -all", "other text"]),
        ("soft.vn", &["v=spf1 ~all"]),
        ("neutral.vn", &["v=spf1 ?all"]),
        ("two.vn", &["v=spf1 -all", "v=spf1 +all"]),
        ("none.vn", &["v=spf10 -all"]),
        ("bad.vn", &["v=spf1 ip4:nonsense -all"]),
        ("broken.vn", &[]),
        ("host.vn", &["v=spf1 a -all", "192.0.2.1"]),
        ("include.vn", &["v=spf1 include:a.vn -all"]),
        ("lost.vn", &["v=spf1 include:nowhere.vn -all"]),
        ("loop.vn", &["v=spf1 include:loop.vn -all"]),
    ]))
    .await;
    let rows = [
        ("192.0.2.1", "x@a.vn", Verdict::Pass),
        ("192.0.2.2", "x@a.vn", Verdict::Fail),
        ("192.0.2.2", "x@soft.vn", Verdict::SoftFail),
        ("192.0.2.2", "x@neutral.vn", Verdict::Neutral),
        ("192.0.2.2", "x@two.vn", Verdict::PermError),
        ("192.0.2.2", "x@none.vn", Verdict::None),
        ("192.0.2.2", "x@nowhere.vn", Verdict::None),
        ("192.0.2.2", "x@bad.vn", Verdict::PermError),
        ("192.0.2.2", "x@broken.vn", Verdict::TempError),
        ("192.0.2.1", "x@host.vn", Verdict::Pass),
        ("192.0.2.1", "x@include.vn", Verdict::Pass),
        ("192.0.2.1", "x@lost.vn", Verdict::PermError),
        ("192.0.2.1", "x@loop.vn", Verdict::PermError),
        ("192.0.2.1", "", Verdict::Pass),
    ];
    for (ip, from, expected) in rows {
        let path =
            Path { ip: ip.parse().unwrap(), iprev: None, helo: "a.vn", from, at: Timestamp::from_millis(0) };
        assert_eq!(verifier.mail_from(&path).await.verdict, expected, "{ip} {from}");
    }
}

pub(super) const LETTER: &str = "From: An <an@a.vn>\r\nTo: b@b.vn\r\nSubject: =?UTF-8?B?R2nhuqV5?=\r\n m\u{1EDD}i\r\n\
                      Date: Sat, 28 Nov 2026 08:00:00 +0700\r\nMessage-ID: <1@a.vn>\r\n\r\nKính gửi  \r\n\r\n a\tb\r\n\r\n\r\n";

/// A key of each algorithm, and the record of each.
pub(super) fn keys() -> [(DkimAlgorithm, &'static str, Key, String); 2] {
    let make = |size| Key::generate(size).unwrap();
    let (rsa, ed) = (make(Size::Rsa2048), make(Size::Ed25519));
    let rsa_record = format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(rsa.public().spki()));
    let ed_record = format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(ed.public().key_bytes()));
    [(DkimAlgorithm::Rsa, "r1", rsa, rsa_record), (DkimAlgorithm::Ed25519, "e1", ed, ed_record)]
}

/// A letter with a signature of each.
fn signed(keys: &[(DkimAlgorithm, &'static str, Key, String)]) -> String {
    let prepared = Prepared::new(LETTER.as_bytes());
    let one = |(algorithm, selector, key, _): &(DkimAlgorithm, &'static str, Key, String)| {
        let signer = Signer { domain: "a.vn", selector, algorithm: *algorithm, key };
        prepared.signature(&signer, 1_795_000_000).unwrap()
    };
    keys.iter().map(one).collect::<String>() + LETTER
}

pub(super) fn python(script: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3-dkim is installed (make test does)");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[tokio::test]
async fn rfc_6376_rfc_8463_what_we_sign_verifies_and_a_changed_byte_does_not() {
    let keys = keys();
    let records: Vec<(String, Vec<String>)> = keys
        .iter()
        .map(|(_, selector, _, record)| (format!("{selector}._domainkey.a.vn"), vec![record.clone()]))
        .chain([("_dmarc.a.vn".to_owned(), vec!["v=DMARC1; p=reject".to_owned()])])
        .collect();
    let verifier = verifier(records.into_iter().collect()).await;
    let letter = signed(&keys);
    let verdicts = |found: Vec<mail::authentication::SignatureVerdict>| {
        found.into_iter().map(|one| one.verdict).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(verifier.dkim(letter.as_bytes()).await), [Verdict::Pass; 2]);
    let (auth, _) = verifier.everything(None, letter.as_bytes()).await;
    assert_eq!((auth.dmarc, auth.from_domain), (Verdict::Pass, Some("a.vn".parse().unwrap())));
    // Body, subject, and a second From that nobody signed.
    let bad = [
        letter.replace("Kính", "Kinh"),
        letter.replace("To: b@", "To: c@"),
        letter.replace("To: b@", "From: x@c.vn\r\nTo: b@"),
    ];
    for letter in bad {
        assert_eq!(verdicts(verifier.dkim(letter.as_bytes()).await), [Verdict::Fail; 2], "{letter}");
    }
    let script = "import sys, dkim\n\
        message = sys.stdin.buffer.read()\n\
        records = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n\
        judge = dkim.DKIM(message)\n\
        find = lambda name, timeout=5: records[name.decode().rstrip('.')].encode()\n\
        print([judge.verify(idx=n, dnsfunc=find) for n in range(2)])";
    let (r, e) = ("r1._domainkey.a.vn", "e1._domainkey.a.vn");
    let judged = python(script, &[r, &keys[0].3, e, &keys[1].3], letter.as_bytes());
    assert_eq!(String::from_utf8_lossy(&judged).trim(), "[True, True]");
}

#[tokio::test]
async fn rfc_6376_what_dkimpy_signs_verifies_here() {
    let [(_, _, key, record), _] = keys();
    let verifier = verifier(zone(&[("s._domainkey.a.vn", &[&record])])).await;
    let script = "import sys, dkim\n\
        message = sys.stdin.buffer.read()\n\
        canonicalize = tuple(word.encode() for word in sys.argv[2].split('/'))\n\
        signature = dkim.sign(message, b's', b'a.vn', sys.argv[1].encode(), canonicalize=canonicalize, length=sys.argv[3] == 'l')\n\
        sys.stdout.buffer.write(signature + message)";
    let pem = key.to_pem().unwrap();
    let pem = std::str::from_utf8(&pem).unwrap();
    let rows = [
        ("relaxed/relaxed", "", Verdict::Pass),
        ("simple/simple", "", Verdict::Pass),
        ("relaxed/simple", "", Verdict::Pass),
        // Whatever is appended would be covered as well.
        ("relaxed/relaxed", "l", Verdict::Policy),
    ];
    for (canonical, length, expected) in rows {
        let letter = python(script, &[pem, canonical, length], LETTER.as_bytes());
        let found = verifier.dkim(&letter).await;
        assert_eq!(
            found.iter().map(|one| one.verdict).collect::<Vec<_>>(),
            [expected],
            "{canonical} {length}"
        );
    }
}

#[tokio::test]
async fn rfc_7489_alignment_and_policy() {
    let verifier = verifier(zone(&[
        ("_dmarc.strict.vn", &["v=DMARC1; p=reject; adkim=s; aspf=s"]),
        ("_dmarc.loose.vn", &["v=DMARC1; p=quarantine; sp=reject"]),
        ("_dmarc.broken.vn", &[]),
    ]))
    .await;
    let pass = |domain: &str| {
        vec![SignatureVerdict { domain: domain.into(), selector: String::new(), verdict: Verdict::Pass }]
    };
    let rows = [
        ("strict.vn", pass("strict.vn"), Verdict::Pass, Some("reject")),
        ("strict.vn", pass("a.strict.vn"), Verdict::Fail, Some("reject")),
        ("loose.vn", pass("a.loose.vn"), Verdict::Pass, Some("quarantine")),
        ("a.loose.vn", pass("other.vn"), Verdict::Fail, Some("reject")),
        ("a.loose.vn", vec![], Verdict::Fail, Some("reject")),
        ("absent.vn", pass("absent.vn"), Verdict::None, None),
        ("broken.vn", pass("broken.vn"), Verdict::TempError, None),
    ];
    for (from, dkim, expected, policy) in rows {
        let (found, asked) = verifier.dmarc(from, &Spf::default(), &dkim).await;
        assert_eq!((found, asked.map(|policy| policy.as_str())), (expected, policy), "{from} {dkim:?}");
    }
}
