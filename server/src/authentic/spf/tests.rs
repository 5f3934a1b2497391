//! What a hostile record can have us do. The suite of openspf.org is played in the stories.

use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::proto::rr::rdata::{A, MX, PTR, TXT};

use super::*;

/// A name server where every name says the same; it counts what it is asked.
struct Everywhere {
    record: &'static [u8],
    asked: AtomicUsize,
}

impl Lookup for Everywhere {
    async fn ask(&self, name: Name, kind: RecordType) -> Option<Vec<RData>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let below = |n: u16| format!("h{n}.x.test.").parse::<Name>().unwrap();
        Some(match kind {
            RecordType::TXT if name.num_labels() > 1 => vec![RData::TXT(TXT::from_bytes(vec![self.record]))],
            RecordType::MX => (0..10).map(|n| RData::MX(MX::new(n, below(n)))).collect(),
            RecordType::PTR => (0..500).map(|n| RData::PTR(PTR(below(n)))).collect(),
            _ => vec![RData::A(A("192.0.2.1".parse().unwrap()))],
        })
    }
}

async fn asked(record: &'static [u8]) -> (Verdict, usize) {
    let names = Everywhere { record, asked: AtomicUsize::new(0) };
    let question = Question {
        ip: "198.51.100.1".parse().unwrap(),
        helo: "h.test",
        sender: "a@x.test",
        receiver: "r.test",
        seconds: 0,
    };
    let found = check(&names, &question).await;
    (found.verdict, names.asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn rfc_7208_4_6_4_no_record_has_us_ask_more_than_its_budget() {
    let rows: [(&[u8], Verdict, usize); 6] = [
        (b"v=spf1 include:%{d}.test include:a.test -all", Verdict::PermError, 11),
        (b"v=spf1 redirect=x.test", Verdict::PermError, 11),
        (b"v=spf1 mx mx mx mx mx mx mx mx mx mx mx -all", Verdict::PermError, 1 + 10 * 11),
        (b"v=spf1 ptr ptr ptr ptr ptr ptr ptr ptr ptr ptr ptr", Verdict::PermError, 1 + 1 + 10),
        (b"v=spf1 a:%{p}.a.test a:%{p}.b.test a:%{p}.c.test ?all", Verdict::Neutral, 1 + 1 + 10 + 3),
        (b"v=spf1 -all exp=%{p}%{p}%{p}.x.test", Verdict::Fail, 1 + 1 + 10 + 1),
    ];
    for (record, verdict, most) in rows {
        let (found, count) = asked(record).await;
        let record = String::from_utf8_lossy(record);
        assert_eq!(found, verdict, "{record}");
        assert!(count <= most, "{count} questions: {record}");
    }
}

#[test]
fn rfc_7208_12_what_the_grammar_does_not_know_is_no_record() {
    let rows: [(&[u8], bool); 12] = [
        (b" -all", true),
        (b" a:%{d4r.-}.x.test/24//64 mx//0 ~all", true),
        (b" ip6:2001:db8::/32 ip4:192.0.2.1", true),
        (b" unknown=%{s}", true),
        (b" a/33", false),
        (b" a/024", false),
        (b" ip4:192.0.2.1/-1", false),
        (b" exists:%{d0}.x.test", false),
        (b" exists:%{c}.x.test", false),
        (b" redirect=a.test redirect=b.test", false),
        (b" all:x", false),
        (b" a:\xc3\xa9.test", false),
    ];
    for (terms, is_one) in rows {
        assert_eq!(record::read(terms).is_some(), is_one, "{}", String::from_utf8_lossy(terms));
    }
    // Every cut and every changed byte of a record is read or refused, and never more than that.
    let whole = b" a:%{ir4.-}.%%x.test/24//64 exp=%{D}.test ip6:2001:db8::/32 ?all";
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut changed = whole.to_vec();
            changed[at] = byte;
            let _ = record::read(&changed);
            let _ = macros::read(&changed[at..], true);
        }
        let _ = record::read(&whole[..at]);
    }
}
