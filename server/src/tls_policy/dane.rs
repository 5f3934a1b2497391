//! The signed records of a mail host (RFC 7672).

use hickory_resolver::proto::rr::{RData, RecordType};
use smtp::send::{Demand, Tlsa};

use crate::dns::ask::{Asker, Fault, Found};

/// The port whose records count, wherever a rehearsal has moved the door: they are those of mail between hosts.
const PORT: u16 = 25;
/// Records of one host that are looked at.
const RECORDS_MAX: usize = 32;

/// What a host's records demand, and the records in words; `None` when it has none, or none that are signed.
///
/// # Errors
/// It cannot be found out whether it has some: the server failed, or somebody forges (RFC 7672 §2.1.1).
pub(super) async fn demand(
    asker: &Asker,
    (domain, host): (&str, &str),
    found: &Found,
) -> Result<Option<(Demand, String)>, Fault> {
    // Where an alias leads comes first (RFC 7672 §2.2.2).
    let bases = [(found.name != host).then_some(found.name.as_str()), Some(host)];
    for base in bases.into_iter().flatten() {
        let answer = asker.ask(&format!("_{PORT}._tcp.{base}"), RecordType::TLSA).await?;
        if !answer.is_secure || answer.records.is_empty() {
            continue;
        }
        let numbers: Vec<(u8, u8, u8, &[u8])> =
            answer.records.iter().take(RECORDS_MAX).filter_map(record).collect();
        let usable = numbers
            .iter()
            .filter_map(|(usage, selector, matching, data)| Tlsa::usable(*usage, *selector, *matching, data));
        // A certificate below a trust anchor may have the host's name or the destination's (RFC 7672 §3.2.2).
        let names = vec![base.to_owned(), domain.to_owned()];
        return Ok(Some((Demand::dane(usable.collect(), names), words(&numbers))));
    }
    Ok(None)
}

fn record(data: &RData) -> Option<(u8, u8, u8, &[u8])> {
    match data {
        RData::TLSA(tlsa) => Some((
            tlsa.cert_usage.into(),
            tlsa.selector.into(),
            tlsa.matching.into(),
            tlsa.cert_data.as_slice(),
        )),
        _ => None,
    }
}

/// As RFC 8460 §4.4 has them in a report, a line each.
fn words(records: &[(u8, u8, u8, &[u8])]) -> String {
    let mut lines: Vec<String> = records
        .iter()
        .map(|(usage, selector, matching, data)| {
            let shown = data.iter().take(64).map(|byte| format!("{byte:02X}")).collect::<String>();
            format!("{usage} {selector} {matching} {shown}")
        })
        .collect();
    lines.sort();
    lines.truncate(8);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::TLSA;
    use hickory_resolver::proto::rr::{RData, Record};
    use smtp::send::{Proof, TlsPolicy};
    use tokio::net::UdpSocket;

    use super::*;

    /// A name server in this process that answers about TLSA records.
    async fn asker(trusts_ad: bool) -> Asker {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (count, from) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..count]).unwrap();
                assert!(
                    question.metadata.authentic_data && question.edns.as_ref().unwrap().flags().dnssec_ok
                );
                // A packet that answers something else is passed over (RFC 5452 §9.1).
                let mut other = answer(&question);
                other.metadata.id ^= 1;
                for message in [other, answer(&question)] {
                    socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
                }
            }
        });
        Asker::of(vec![server], Duration::from_secs(5), trusts_ad)
    }

    fn answer(question: &Message) -> Message {
        let query = question.queries[0].clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        let record = |usage: u8, length| {
            let data = TLSA::new(usage.into(), 1.into(), 1.into(), vec![7; length]);
            Record::from_rdata(query.name().clone(), 60, RData::TLSA(data))
        };
        answer.metadata.authentic_data = true;
        match query.name().to_ascii().as_str() {
            "_25._tcp.good.vn." | "_25._tcp.target.vn." => drop(answer.add_answer(record(3, 32))),
            "_25._tcp.useless.vn." => drop(answer.add_answers([record(1, 32), record(3, 5)])),
            "_25._tcp.unsigned.vn." => {
                answer.metadata.authentic_data = false;
                answer.add_answer(record(3, 32));
            }
            "_25._tcp.forged.vn." => answer.metadata.response_code = ResponseCode::ServFail,
            _ => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        answer.add_query(query);
        answer
    }

    fn found(name: &str) -> Found {
        Found { ips: vec![IpAddr::from([127, 0, 0, 1])], name: name.to_owned(), is_secure: true }
    }

    #[tokio::test]
    async fn rfc_7672_section_2_what_records_come_to() {
        let asker = asker(true).await;
        let demanded = async |host: &str| demand(&asker, ("b.vn", host), &found(host)).await;
        let (good, words) = demanded("good.vn").await.unwrap().unwrap();
        assert!(matches!(good.proof(), Proof::Dane { names, .. } if *names == ["good.vn", "b.vn"]));
        assert!(words.starts_with("3 1 1 0707"), "{words}");
        // Records, and none of use: encryption, with any certificate.
        let (useless, _) = demanded("useless.vn").await.unwrap().unwrap();
        assert_eq!((useless.tls(), useless.proof()), (TlsPolicy::Required, &Proof::Any));
        assert!(demanded("unsigned.vn").await.unwrap().is_none());
        assert!(demanded("none.vn").await.unwrap().is_none());
        // A server that fails may hide a forgery: the host is passed over.
        assert!(demanded("forged.vn").await.is_err());
        // Where an alias leads comes first, the name it began with after it (RFC 7672 §2.2.2).
        for (host, target, base) in [("good.vn", "target.vn", "target.vn"), ("good.vn", "none.vn", "good.vn")]
        {
            let (demand, _) = demand(&asker, ("b.vn", host), &found(target)).await.unwrap().unwrap();
            assert!(matches!(demand.proof(), Proof::Dane { names, .. } if names[0] == base));
        }
    }

    #[tokio::test]
    async fn rfc_6840_section_5_8_the_bit_counts_only_from_somebody_who_is_trusted() {
        let asker = asker(false).await;
        assert!(demand(&asker, ("b.vn", "good.vn"), &found("good.vn")).await.unwrap().is_none());
    }
}
