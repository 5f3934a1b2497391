//! Relays of the house that stand before the mail doors and say for whom (the PROXY protocol): only those that the operator names are
//! listened to, and of them every connection has to begin so.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use smtp::codec::proxy::{Header, header};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// How long the header may take: the relay has it ready when it connects.
const HEADER: Duration = Duration::from_secs(5);

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// `10.0.0.0/8`, or one address. A network of all addresses is refused: then anybody could say they are anybody.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(whole), |bits| bits.parse().ok())?;
        (1..=whole).contains(&bits).then_some(Self { address, bits })
    }

    fn holds(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(ours), IpAddr::V4(ip)) => {
                let differs = u32::from(ours) ^ u32::from(ip);
                differs.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(ip)) => {
                let differs = u128::from(ours) ^ u128::from(ip);
                differs.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

/// The relays that are listened to; none by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relays(Arc<[Network]>);

impl Relays {
    /// From the words of the configuration under a key.
    ///
    /// # Errors
    /// A word that is no network.
    pub(crate) fn parse(key: &str, words: &[String]) -> anyhow::Result<Self> {
        let network = |word: &String| {
            Network::parse(word).with_context(|| {
                format!("{key}: {word:?} is no address or network (không phải địa chỉ hoặc dải mạng)")
            })
        };
        words.iter().map(network).collect::<anyhow::Result<Arc<[_]>>>().map(Self)
    }

    /// Whether this is one.
    pub(crate) fn include(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.holds(ip))
    }
}

/// Whom the relay at `peer` stands for: the relay itself when it only looks whether we live. `None` when it does not say in time, and
/// then the connection is of no use.
pub(crate) async fn announced(stream: &mut TcpStream, peer: SocketAddr) -> Option<SocketAddr> {
    match tokio::time::timeout(HEADER, read(stream)).await {
        Ok(Ok(Header::Client(client))) => Some(client),
        Ok(Ok(_)) => Some(peer),
        Ok(Err(error)) => {
            tracing::warn!("a relay did not say for whom it stands: {error}");
            None
        }
        Err(_) => {
            tracing::warn!("a relay did not say in time for whom it stands");
            None
        }
    }
}

/// Reads the header and not a byte more.
async fn read(stream: &mut TcpStream) -> io::Result<Header> {
    let mut bytes = Vec::new();
    loop {
        match header(&bytes).map_err(io::Error::other)? {
            Header::Wants(more) => {
                let came = bytes.len();
                bytes.resize(came + more, 0);
                stream.read_exact(&mut bytes[came..]).await?;
            }
            whole => return Ok(whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn networks_hold_what_begins_alike() {
        let rows = [
            ("10.0.0.0/8",     "10.255.0.1",        true),
            ("10.0.0.0/8",     "11.0.0.1",          false),
            ("10.0.0.0/8",     "::ffff:10.1.1.1",   true),
            ("192.0.2.7",      "192.0.2.7",         true),
            ("192.0.2.7",      "192.0.2.6",         false),
            ("192.0.2.128/25", "192.0.2.127",       false),
            ("2001:db8::/32",  "2001:db8:ffff::1",  true),
            ("2001:db8::/32",  "2001:db9::1",       false),
            ("2001:db8::/32",  "192.0.2.1",         false),
        ];
        for (network, ip, held) in rows {
            let relays = Relays::parse("k", &[network.to_owned()]).unwrap();
            assert_eq!(relays.include(ip.parse().unwrap()), held, "{network} {ip}");
        }
        assert!(!Relays::default().include("127.0.0.1".parse().unwrap()));
        for wrong in ["0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.0/", "10.0.0", "relay.vn", ""] {
            assert!(Relays::parse("k", &[wrong.to_owned()]).is_err(), "{wrong:?}");
        }
    }
}
