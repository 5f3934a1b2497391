//! The name of the address that a host connects from (`iprev`, RFC 8601 §3): what DNS calls it, when that name leads back to it.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use mail::Domain;
use mail::authentication::Verdict;

use crate::dns::ask::{self, Asker};

/// How long the whole may take: the host waits for its greeting meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
/// Names of one address that are looked at (RFC 8601 §3 lets each house bound it).
const NAMES_MAX: usize = 3;

/// What looking for the name of an address came to, once a connection: the name that leads back to it, and the verdict (RFC 8601 §2.7.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The name, when it is one of ours to read.
    pub(crate) name: Option<Domain>,
    /// `None`: nobody has looked.
    pub(crate) verdict: Option<Verdict>,
}

impl Found {
    fn nothing(verdict: Verdict) -> Self {
        Self { name: None, verdict: Some(verdict) }
    }
}

/// Looks. For this machine itself nobody does: whoever wants to know has to ask.
pub(crate) async fn find(asker: &Asker, ip: IpAddr) -> Found {
    if ip.is_loopback() {
        return Found::default();
    }
    let in_time = tokio::time::timeout(PATIENCE, confirmed(asker, ip)).await;
    in_time.unwrap_or_else(|_| Found::nothing(Verdict::TempError))
}

async fn confirmed(asker: &Asker, ip: IpAddr) -> Found {
    let Ok(answer) = asker.ask(&Name::from(ip).to_ascii(), RecordType::PTR).await else {
        return Found::nothing(Verdict::TempError);
    };
    let names = answer.records.iter().filter_map(|data| match data {
        RData::PTR(name) => Some(ask::plain(&name.0)),
        _ => None,
    });
    let mut verdict = Verdict::PermError;
    for name in names.take(NAMES_MAX) {
        match ask::addresses(asker, &name).await {
            Ok(found) if found.ips.contains(&ip) => {
                return Found { name: name.parse().ok(), verdict: Some(Verdict::Pass) };
            }
            Ok(_) => verdict = Verdict::Fail,
            Err(_) => return Found::nothing(Verdict::TempError),
        }
    }
    Found::nothing(verdict)
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, AAAA, PTR};
    use tokio::net::UdpSocket;

    use super::*;

    fn answer(question: &Message) -> Message {
        let query = question.queries[0].clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        let name = query.name().to_ascii();
        let pointer = |to: &str| RData::PTR(PTR(to.parse().unwrap()));
        let data = match (name.as_str(), query.query_type()) {
            ("1.2.0.192.in-addr.arpa.", RecordType::PTR) => vec![pointer("liar.vn."), pointer("MX.a.vn.")],
            ("2.2.0.192.in-addr.arpa.", RecordType::PTR) => vec![pointer("liar.vn.")],
            (long, RecordType::PTR) if long.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa.") => {
                vec![pointer("mx.a.vn.")]
            }
            ("mx.a.vn.", RecordType::A) => vec![RData::A(A::new(192, 0, 2, 1))],
            ("mx.a.vn.", RecordType::AAAA) => vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))],
            ("liar.vn.", RecordType::A) => vec![RData::A(A::new(198, 51, 100, 1))],
            _ => Vec::new(),
        };
        if data.is_empty() {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        for data in data {
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
        }
        answer.add_query(query);
        answer
    }

    #[tokio::test]
    async fn rfc_8601_section_3_a_name_counts_when_it_leads_back() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (count, from) = socket.recv_from(&mut buffer).await.unwrap();
                let answer = answer(&Message::from_vec(&buffer[..count]).unwrap());
                socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
        });
        let asker = Asker::of(vec![server], Duration::from_secs(5), false);
        let rows = [
            ("192.0.2.1", Some("mx.a.vn"), Some(Verdict::Pass)),
            ("192.0.2.2", None, Some(Verdict::Fail)),
            ("192.0.2.3", None, Some(Verdict::PermError)),
            ("2001:db8::1", Some("mx.a.vn"), Some(Verdict::Pass)),
            ("2001:db8::2", None, Some(Verdict::Fail)),
            ("127.0.0.1", None, None),
        ];
        for (ip, name, verdict) in rows {
            let found = find(&asker, ip.parse().unwrap()).await;
            let expected = Found { name: name.map(|name| name.parse().unwrap()), verdict };
            assert_eq!(found, expected, "{ip}");
        }
    }
}
