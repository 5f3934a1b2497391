//! The web as a source of evidence: a few bytes from http or https, within limits, and never from a place that only a
//! stranger named on our own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::Certificate;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, Response, Url};

/// Hops one address may send us on. Publishers of lists use one (http to a mirror), browsers allow twenty.
const REDIRECTS_MAX: usize = 3;
/// A server that does not even take the connection by then is down.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest address followed. RFC 9110 §4.1 asks for 8000 of servers; addresses in certificates are below 200.
const URL_MAX: usize = 2048;

/// Who named an address. It decides where a fetch may go, because whoever can make this program fetch from any address
/// can knock on doors of our own network from inside (server-side request forgery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// The operator, on the command line: anywhere.
    Operator,
    /// A certificate already verified up to a trusted anchor: anywhere, also on closed networks with private
    /// addresses (RULES D27), as long as the configuration does not list permitted addresses.
    Vouched,
    /// A certificate nobody vouches for yet (its issuer is what we look for), or a redirect to another host: public
    /// addresses only, unless the configuration lists the address.
    Stranger,
}

/// Why a fetch brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Not http or https, or not an address at all.
    #[error("the address cannot be used / địa chỉ không dùng được")]
    Address,
    /// The configuration does not allow it (`exchange.evidence_from`), or it lies on a private network.
    #[error(
        "fetching from there is not allowed (exchange.evidence_from) / không được phép tải từ địa chỉ này"
    )]
    Forbidden,
    /// Sent on too often, or a question sent on.
    #[error("redirected too often / chuyển hướng quá nhiều lần")]
    Redirects,
    /// An answer that is no success.
    #[error("the server answered with status {0} / máy chủ trả lời mã {0}")]
    Status(u16),
    /// More bytes than the kind of thing may have.
    #[error("more than {0} bytes / vượt quá {0} byte")]
    TooLarge(usize),
    /// No answer in time.
    #[error("no answer in time / quá thời gian chờ")]
    Late,
    /// The network.
    #[error("cannot be reached: {0} / không kết nối được")]
    Network(String),
    /// Bytes came, but they do not answer the question.
    #[error("the answer is of no use: {0} / dữ liệu nhận được không dùng được")]
    Useless(String),
    /// The document asked for too many fetches.
    #[error("too many fetches for one document / một văn bản yêu cầu tải quá nhiều")]
    Budget,
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        // The address is told beside the fault, not in it.
        let error = error.without_url();
        if error.is_timeout() { Self::Late } else { Self::Network(root_cause(&error)) }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// A question sent along with a fetch.
#[derive(Clone, Copy)]
pub(super) struct Question<'q> {
    pub(super) media_type: &'static str,
    pub(super) body: &'q [u8],
}

/// The clients and what they may do.
pub(super) struct Web {
    /// Reaches any address.
    open: Client,
    /// Reaches public addresses only; asks the resolver itself, so that no name leads elsewhere.
    guarded: Client,
    /// Listed origins.
    listed: Vec<Url>,
    /// `*` is among them.
    any: bool,
}

impl Web {
    /// `from`: scheme and host of permitted places, `*` for any. `anchors`: authorities trusted for TLS besides the
    /// system's.
    pub(super) fn new(from: &[String], anchors: &[Certificate], patience: Duration) -> anyhow::Result<Self> {
        let listed = from.iter().filter(|place| *place != "*").map(|place| {
            let url = Url::parse(place).ok().filter(|url| url.has_host() && is_web(url));
            url.with_context(|| {
                format!("exchange.evidence_from: {place:?} is not like http://crl.example.vn (địa chỉ không hợp lệ)")
            })
        });
        Ok(Self {
            listed: listed.collect::<anyhow::Result<_>>()?,
            any: from.iter().any(|place| place == "*"),
            open: client(anchors, patience, false)?,
            guarded: client(anchors, patience, true)?,
        })
    }

    /// Whether and how an address may be fetched from.
    fn client_for(&self, url: &Url, named_by: NamedBy) -> Result<&Client, Fault> {
        if !is_web(url) || !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::Address);
        }
        let is_listed = self.listed.iter().any(|one| one.origin() == url.origin());
        match named_by {
            NamedBy::Operator => Ok(&self.open),
            _ if is_listed => Ok(&self.open),
            _ if !self.any => Err(Fault::Forbidden),
            NamedBy::Vouched => Ok(&self.open),
            NamedBy::Stranger => match literal(url) {
                Some(address) if !is_public(address) => Err(Fault::Forbidden),
                _ => Ok(&self.guarded),
            },
        }
    }

    /// Fetches at most `limit` bytes. A question is posted and never sent on.
    pub(super) async fn fetch(
        &self,
        url: &str,
        named_by: NamedBy,
        question: Option<Question<'_>>,
        limit: usize,
    ) -> Result<Vec<u8>, Fault> {
        let mut url = parse(url)?;
        let mut named_by = named_by;
        for _ in 0..=REDIRECTS_MAX {
            let client = self.client_for(&url, named_by)?;
            let request = match question {
                None => client.request(Method::GET, url.clone()),
                Some(question) => client
                    .request(Method::POST, url.clone())
                    .header(CONTENT_TYPE, question.media_type)
                    .body(question.body.to_vec()),
            };
            let response = request.send().await?;
            let status = response.status();
            if status.is_success() {
                return body(response, limit).await;
            }
            if !status.is_redirection() || question.is_some() {
                return Err(Fault::Status(status.as_u16()));
            }
            let next = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let next = url.join(next.ok_or(Fault::Status(status.as_u16()))?).map_err(|_| Fault::Address)?;
            if next.as_str().len() > URL_MAX {
                return Err(Fault::Address);
            }
            // The certificate spoke for its own address only. Another port is another place.
            if next.host() != url.host() || next.port_or_known_default() != url.port_or_known_default() {
                named_by = NamedBy::Stranger;
            }
            url = next;
        }
        Err(Fault::Redirects)
    }
}

fn parse(url: &str) -> Result<Url, Fault> {
    match url.len() <= URL_MAX {
        true => Url::parse(url).map_err(|_| Fault::Address),
        false => Err(Fault::Address),
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, Fault> {
    let stated = response.content_length().unwrap_or(0);
    if usize::try_from(stated).map_or(true, |stated| stated > limit) {
        return Err(Fault::TooLarge(limit));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > limit {
            return Err(Fault::TooLarge(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn client(anchors: &[Certificate], patience: Duration, guarded: bool) -> anyhow::Result<Client> {
    let roots = || -> anyhow::Result<Vec<reqwest::Certificate>> {
        anchors.iter().map(|anchor| Ok(reqwest::Certificate::from_der(anchor.der())?)).collect()
    };
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("congvan/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(patience);
        // A proxy would resolve names itself, past the guard; the open client uses the environment's (RULES D27).
        if guarded { builder.no_proxy().dns_resolver(Arc::new(PublicOnly)) } else { builder }
    };
    // A machine without any system authorities still has our own.
    let client = builder().tls_certs_merge(roots()?).build();
    client.or_else(|_| builder().tls_certs_only(roots()?).build().context("cannot make the web client"))
}

/// Resolves names to public addresses and no others.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            match public.is_empty() {
                true => Err("no public address".into()),
                false => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

/// An address out on the Internet: not this machine, not a private or local network, nothing reserved (RFC 6890).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let benchmark = a == 198 && (18..20).contains(&b);
    let reserved = a == 0 || a >= 224;
    let local = address.is_private() || address.is_loopback() || address.is_link_local();
    !(local || shared || protocol || benchmark || reserved || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    // Global unicast is 2000::/3. In it: 2001::/23 protocol assignments with Teredo, 2001:db8::/32 documentation, and
    // 2002::/16 and 64:ff9b::/96 (outside) that carry IPv4 addresses inside.
    (first & 0xE000) == 0x2000
        && !(first == 0x2001 && (second < 0x0200 || second == 0x0DB8))
        && first != 0x2002
        && !(first == 0x3FFF && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn public_addresses() {
        let rows = [
            ("8.8.8.8",             true),
            ("203.162.4.190",       true),
            ("127.0.0.1",           false),
            ("10.1.2.3",            false),
            ("172.16.0.1",          false),
            ("172.32.0.1",          true),
            ("192.168.1.1",         false),
            ("169.254.169.254",     false),
            ("100.64.0.1",          false),
            ("0.0.0.0",             false),
            ("224.0.0.1",           false),
            ("255.255.255.255",     false),
            ("2606:4700::1111",     true),
            ("::1",                 false),
            ("::",                  false),
            ("fe80::1",             false),
            ("fd00::1",             false),
            ("ff02::1",             false),
            ("::ffff:127.0.0.1",    false),
            ("::ffff:8.8.8.8",      true),
            ("64:ff9b::7f00:1",     false),
            ("2002:7f00:1::",       false),
            ("2001:db8::1",         false),
        ];
        for (address, expected) in rows {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn where_a_fetch_may_go() {
        use NamedBy::{Operator, Stranger, Vouched};
        crate::tls::install_provider();
        let web = |from: &[&str]| {
            let from: Vec<String> = from.iter().map(|&place| place.to_owned()).collect();
            Web::new(&from, &[], Duration::from_secs(1)).unwrap()
        };
        let rows: [(&[&str], &str, NamedBy, bool); 16] = [
            (&["*"],                       "http://10.0.0.1/ca.crl",        Vouched,  true),
            (&["*"],                       "http://10.0.0.1/ca.crl",        Stranger, false),
            (&["*"],                       "http://[::1]/ca.crl",           Stranger, false),
            (&["*"],                       "http://2130706433/ca.crl",      Stranger, false),
            (&["*"],                       "http://0x7f.1/ca.crl",          Stranger, false),
            (&["*"],                       "http://ca.gov.vn/ca.crl",       Stranger, true),
            (&["*"],                       "ldap://ca.gov.vn/cn=ca",        Vouched,  false),
            (&["*"],                       "file:///etc/passwd",            Operator, false),
            (&["*"],                       "http://a:b@ca.gov.vn/",         Vouched,  false),
            (&["http://ca.gov.vn"],        "http://ca.gov.vn/x/ca.crl",     Stranger, true),
            (&["http://ca.gov.vn"],        "https://ca.gov.vn/ca.crl",      Vouched,  false),
            (&["http://ca.gov.vn"],        "http://ca.gov.vn:81/ca.crl",    Vouched,  false),
            (&["http://ca.gov.vn"],        "http://other.vn/ca.crl",        Vouched,  false),
            (&["http://10.0.0.1:8080"],    "http://10.0.0.1:8080/ca.crl",   Stranger, true),
            (&[],                          "http://ca.gov.vn/ca.crl",       Vouched,  false),
            (&[],                          "http://127.0.0.1/tsa",          Operator, true),
        ];
        for (from, url, named_by, allowed) in rows {
            let url = Url::parse(url).unwrap();
            assert_eq!(web(from).client_for(&url, named_by).is_ok(), allowed, "{from:?} {url} {named_by:?}");
        }
        assert!(Web::new(&["ca.gov.vn".to_owned()], &[], Duration::from_secs(1)).is_err());
        assert!(Web::new(&["file:///tmp".to_owned()], &[], Duration::from_secs(1)).is_err());
    }
}
