//! Questions whose answers have to be known to be genuine: our own small client, because the library's shows the bit that says so
//! only where it validates itself, and its validation is not to be used (it calls names bogus that are merely unsigned).
//!
//! Whether an answer was validated is the word of the server that is asked. It counts only when the configuration says that this
//! server may be believed (`dns.trust_ad`): one on this machine, or over a line that nobody else can write on (RFC 6840 §5.8).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use crate::config::Config;

/// Bytes of an answer by UDP; more comes by TCP (DNS flag day 2020).
const UDP_BYTES_MAX: u16 = 1_232;
/// Aliases followed in one answer; name servers follow about as many.
const ALIASES_MAX: usize = 8;
/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 200;
/// Servers asked, and how often each.
const SERVERS_MAX: usize = 4;
const ROUNDS: usize = 2;
/// The port of DNS.
const PORT: u16 = 53;

/// Somebody who asks.
#[derive(Debug)]
pub(crate) struct Asker {
    servers: Vec<SocketAddr>,
    patience: Duration,
    trusts_ad: bool,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The name that aliases lead to; the one asked for when there are none.
    pub(crate) name: Name,
    /// What stands there of the kind asked for; may be nothing.
    pub(crate) records: Vec<RData>,
    /// Whether the name exists.
    pub(crate) exists: bool,
    /// Whether the answer, this or that there is none, was validated by somebody who may be believed.
    pub(crate) is_secure: bool,
}

impl Answer {
    /// The texts of TXT records.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        self.records.iter().filter_map(text).collect()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// There is nobody to ask.
    #[error("no DNS server is known")]
    Nobody,
    /// Not a name.
    #[error("not a name")]
    NotAName,
    /// The server could not find out, or found a forgery: both look like this (RFC 4035 §5.5).
    #[error("the DNS server answered {0}")]
    Failed(ResponseCode),
    /// Silence, or the network.
    #[error("the DNS server does not answer: {0}")]
    Silent(#[from] io::Error),
}

impl Asker {
    /// Asks the servers that everybody here asks.
    pub(crate) fn new(config: &Config) -> Self {
        let found = super::settings(config).inspect_err(|error| tracing::warn!("no DNS: {error}"));
        let of = |server: &hickory_resolver::config::NameServerConfig| {
            SocketAddr::new(server.ip, server.connections.first().map_or(PORT, |way| way.port))
        };
        let servers = found.map(|(servers, _)| servers.name_servers.iter().map(of).collect());
        let patience = Duration::from_secs(config.dns.seconds.clamp(1, 60));
        Self::of(servers.unwrap_or_default(), patience, config.dns.trust_ad)
    }

    /// Asks these servers.
    pub(crate) fn of(servers: Vec<SocketAddr>, patience: Duration, trusts_ad: bool) -> Self {
        let mut servers = servers;
        // The machine's configuration names a server once for UDP and once for TCP.
        servers.dedup();
        servers.truncate(SERVERS_MAX);
        Self { servers, patience, trusts_ad }
    }

    /// What stands at a name. The name is whole: no search list is tried.
    ///
    /// # Errors
    /// [`Fault`]; that there is nothing is no fault.
    pub(crate) async fn ask(&self, name: &str, kind: RecordType) -> Result<Answer, Fault> {
        let mut name = Name::from_ascii(name).map_err(|_| Fault::NotAName)?;
        name.set_fqdn(true);
        let mut fault = Fault::Nobody;
        for server in self.servers.iter().cycle().take(self.servers.len() * ROUNDS) {
            match self.once(*server, &name, kind).await {
                Ok(message) => return Ok(self.read(&message, name, kind)),
                Err(other) => fault = other,
            }
        }
        Err(fault)
    }

    async fn once(&self, server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, Fault> {
        let mut question = Message::query();
        question.add_query(Query::query(name.clone(), kind));
        question.metadata.recursion_desired = true;
        // "I understand the bit in your answer" (RFC 6840 §5.7), said both ways there are.
        question.metadata.authentic_data = true;
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_BYTES_MAX).set_dnssec_ok(true);
        question.edns = Some(edns);
        let bytes = question.to_vec().map_err(io::Error::other)?;
        let until = Instant::now() + self.patience;
        let mut answer = timed(until, by_udp(server, &question, &bytes)).await?;
        if answer.metadata.truncation {
            answer = timed(until, by_tcp(server, &question, &bytes)).await?;
        }
        match answer.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(answer),
            other => Err(Fault::Failed(other)),
        }
    }

    fn read(&self, message: &Message, asked: Name, kind: RecordType) -> Answer {
        let records = || message.answers.iter().take(RECORDS_MAX);
        let mut name = asked;
        for _ in 0..ALIASES_MAX {
            let alias = records().find_map(|record| match &record.data {
                RData::CNAME(to) if record.name == name => Some(to.0.clone()),
                _ => None,
            });
            let Some(to) = alias else { break };
            name = to;
        }
        let ours = |record: &&hickory_resolver::proto::rr::Record| {
            record.name == name && record.data.record_type() == kind
        };
        Answer {
            records: records().filter(ours).map(|record| record.data.clone()).collect(),
            exists: message.metadata.response_code != ResponseCode::NXDomain,
            is_secure: self.trusts_ad && message.metadata.authentic_data,
            name,
        }
    }
}

async fn timed(
    until: Instant,
    answer: impl Future<Output = io::Result<Message>>,
) -> Result<Message, io::Error> {
    timeout_at(until, answer).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The socket takes packets of this server only, from a port that the kernel drew; what answers another question is passed over.
async fn by_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let count = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..count).and_then(|bytes| Message::from_vec(bytes).ok());
        if let Some(answer) = answer.filter(|answer| answers(question, answer)) {
            return Ok(answer);
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(io::Error::other)?;
    match answers(question, &answer) {
        true => Ok(answer),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Whether a message answers the question that was asked (RFC 5452 §9.1).
fn answers(question: &Message, answer: &Message) -> bool {
    answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries
}

/// Addresses for programs that ask for them by name: a web client asks the servers that we ask.
#[derive(Clone)]
pub(crate) struct Addresses(pub(crate) std::sync::Arc<Asker>);

impl reqwest::dns::Resolve for Addresses {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let asker = self.0.clone();
        Box::pin(async move {
            let found = addresses(&asker, name.as_str()).await?;
            let list: Vec<SocketAddr> = found.ips.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(list.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// The same for hosts that a stranger named: addresses out on the Internet and no others, so that nobody knocks on doors of our own
/// network through us.
#[derive(Clone)]
pub(crate) struct PublicAddresses(pub(crate) std::sync::Arc<Asker>);

impl reqwest::dns::Resolve for PublicAddresses {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let asker = self.0.clone();
        Box::pin(async move {
            let found = addresses(&asker, name.as_str()).await?;
            let public = found.ips.into_iter().filter(|ip| crate::evidence::is_public(*ip));
            let list: Vec<SocketAddr> = public.map(|ip| SocketAddr::new(ip, 0)).collect();
            match list.is_empty() {
                true => Err("no public address".into()),
                false => Ok(Box::new(list.into_iter()) as reqwest::dns::Addrs),
            }
        })
    }
}

/// Where a host is.
#[derive(Debug)]
pub(crate) struct Found {
    /// IPv6 first, as RFC 6724 would mostly have it.
    pub(crate) ips: Vec<IpAddr>,
    /// The name that aliases lead to.
    pub(crate) name: String,
    /// Whether every answer that came was validated.
    pub(crate) is_secure: bool,
}

/// The addresses of a host. When only one of the two questions is answered, that has to do. One that is not answered makes nothing
/// insecure: else whoever can swallow an answer could strip a host of its signed records (RFC 7672 §2.1.2).
///
/// # Errors
/// [`Fault`] when neither is.
pub(crate) async fn addresses(asker: &Asker, host: &str) -> Result<Found, Fault> {
    let (six, four) = tokio::join!(asker.ask(host, RecordType::AAAA), asker.ask(host, RecordType::A));
    let mut found: Option<Found> = None;
    let mut fault = None;
    for answer in [six, four] {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                fault = Some(error);
                continue;
            }
        };
        let ips = answer.records.iter().filter_map(|data| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        });
        let name = plain(&answer.name);
        let so_far = found.get_or_insert(Found { ips: Vec::new(), name, is_secure: true });
        so_far.ips.extend(ips);
        so_far.is_secure &= answer.is_secure;
    }
    found.ok_or_else(|| fault.unwrap_or(Fault::Nobody))
}

/// A name in lower case without the dot at the end.
pub(crate) fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, TXT};
    use tokio::net::TcpListener;

    use super::*;

    /// What the server below says.
    fn answer(question: &Message, by_tcp: bool) -> Message {
        let query = question.queries[0].clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.authentic_data = true;
        let name = query.name().to_ascii();
        let at = |owner: &str, data| Record::from_rdata(owner.parse().unwrap(), 60, data);
        let four = RData::A(A::new(192, 0, 2, 1));
        let six = RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        match (name.as_str(), query.query_type()) {
            ("both.vn.", RecordType::A) => drop(answer.add_answer(at("both.vn.", four))),
            ("both.vn.", RecordType::AAAA) => drop(answer.add_answer(at("both.vn.", six))),
            ("swallowed.vn.", RecordType::A) => drop(answer.add_answer(at("swallowed.vn.", four))),
            ("half.vn.", RecordType::A) => drop(answer.add_answer(at("half.vn.", four))),
            ("half.vn.", RecordType::AAAA) => answer.metadata.authentic_data = false,
            ("alias.vn.", RecordType::A) => {
                answer.add_answer(at("alias.vn.", RData::CNAME(CNAME("target.vn.".parse().unwrap()))));
                answer.add_answer(at("target.vn.", four));
                answer.add_answer(at("stranger.vn.", RData::A(A::new(192, 0, 2, 66))));
            }
            ("alias.vn.", RecordType::AAAA) => {
                answer.add_answer(at("alias.vn.", RData::CNAME(CNAME("target.vn.".parse().unwrap()))));
            }
            ("long.vn.", _) if by_tcp => {
                let text = RData::TXT(TXT::new(vec!["x".repeat(200), "y".repeat(200)]));
                answer.add_answer(at("long.vn.", text));
            }
            ("long.vn.", _) => answer.metadata.truncation = true,
            _ => answer.metadata.response_code = ResponseCode::ServFail,
        }
        answer.add_query(query);
        answer
    }

    async fn asker() -> Asker {
        let by_tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = by_tcp.local_addr().unwrap();
        let by_udp = UdpSocket::bind(server).await.unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (count, from) = by_udp.recv_from(&mut buffer).await.unwrap();
                let answer = answer(&Message::from_vec(&buffer[..count]).unwrap(), false);
                by_udp.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
        });
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = by_tcp.accept().await.unwrap();
                let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut buffer).await.unwrap();
                let answer = answer(&Message::from_vec(&buffer).unwrap(), true).to_vec().unwrap();
                stream.write_u16(answer.len() as u16).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        Asker::of(vec![server], Duration::from_secs(5), true)
    }

    #[tokio::test]
    async fn rfc_7672_section_2_1_an_answer_that_is_swallowed_makes_nothing_insecure() {
        let asker = asker().await;
        for (host, count, name, is_secure) in [
            ("both.vn", 2, "both.vn", true),
            ("swallowed.vn", 1, "swallowed.vn", true),
            ("half.vn", 1, "half.vn", false),
            ("alias.vn", 1, "target.vn", true),
        ] {
            let found = addresses(&asker, host).await.unwrap();
            assert_eq!((found.ips.len(), found.name.as_str(), found.is_secure), (count, name, is_secure));
        }
        assert!(addresses(&asker, "broken.vn").await.is_err());
        let nobody = Asker::of(Vec::new(), Duration::from_secs(1), true);
        assert!(matches!(nobody.ask("a.vn", RecordType::A).await, Err(Fault::Nobody)));
    }

    #[tokio::test]
    async fn rfc_7766_what_is_too_long_comes_by_tcp() {
        let answer = asker().await.ask("long.vn", RecordType::TXT).await.unwrap();
        assert_eq!(answer.texts(), ["x".repeat(200) + &"y".repeat(200)]);
    }
}
