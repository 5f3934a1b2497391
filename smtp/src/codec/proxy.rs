//! The PROXY protocol, versions 1 and 2, as HAProxy's `proxy-protocol.txt` describes it: before the first byte of a conversation a relay
//! of the house says for whom it stands.
//!
//! Whoever reads asks [`header`] after each piece how much more it may take from the connection, so that no byte of what follows is read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first octets of version 2 (§2.2). No mail client begins so.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets of a line of version 1 with its CRLF (§2.1).
const LINE_BYTES_MAX: usize = 107;
/// Octets after the first sixteen of version 2: addresses and remarks. The protocol allows 65535; certificates of clients, which take that
/// much, are of no use to us.
const TAIL_BYTES_MAX: usize = 4 * 1024;
/// Octets that each version has at least.
const SHORTEST: usize = 12;

/// How far the header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// So many more octets belong to it for certain; perhaps more after them.
    Wants(usize),
    /// Whole: the relay stands for this client.
    Client(SocketAddr),
    /// Whole: the relay speaks for itself, to see whether we live (`LOCAL`, `UNKNOWN`).
    Relay,
}

/// The octets are no header; the connection is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a PROXY header of version 1 or 2")]
pub struct BadHeader;

/// Reads what has come of a header so far.
///
/// # Errors
/// [`BadHeader`] as soon as it is clear that it is none.
pub fn header(bytes: &[u8]) -> Result<Header, BadHeader> {
    match bytes {
        _ if bytes.starts_with(SIGNATURE) => version_2(bytes),
        _ if bytes.starts_with(b"PROXY ") => version_1(bytes),
        _ if SIGNATURE.starts_with(bytes) || b"PROXY ".starts_with(bytes) => {
            Ok(Header::Wants(SHORTEST.saturating_sub(bytes.len()).max(1)))
        }
        _ => Err(BadHeader),
    }
}

/// `PROXY TCP4 192.0.2.1 198.51.100.2 56324 25` and CRLF (§2.1).
fn version_1(bytes: &[u8]) -> Result<Header, BadHeader> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        let wants = SHORTEST.saturating_sub(bytes.len()).max(1);
        let fits = bytes.len() + wants <= LINE_BYTES_MAX && !bytes.contains(&b'\n');
        return if fits { Ok(Header::Wants(wants)) } else { Err(BadHeader) };
    };
    let line = std::str::from_utf8(line).map_err(|_| BadHeader)?;
    if bytes.len() > LINE_BYTES_MAX || line.contains(['\r', '\n']) {
        return Err(BadHeader);
    }
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "TCP4", from, to, from_port, to_port] => {
            let (from, _) = (address::<Ipv4Addr>(from)?, address::<Ipv4Addr>(to)?);
            port(to_port)?;
            Ok(client(from.into(), port(from_port)?))
        }
        ["PROXY", "TCP6", from, to, from_port, to_port] => {
            let (from, _) = (address::<Ipv6Addr>(from)?, address::<Ipv6Addr>(to)?);
            port(to_port)?;
            Ok(client(from.into(), port(from_port)?))
        }
        // What follows `UNKNOWN` says nothing.
        ["PROXY", "UNKNOWN", ..] => Ok(Header::Relay),
        _ => Err(BadHeader),
    }
}

fn address<A: std::str::FromStr>(text: &str) -> Result<A, BadHeader> {
    text.parse().map_err(|_| BadHeader)
}

fn port(text: &str) -> Result<u16, BadHeader> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    text.parse().ok().filter(|_| plain).ok_or(BadHeader)
}

fn client(from: IpAddr, port: u16) -> Header {
    Header::Client(SocketAddr::new(from.to_canonical(), port))
}

/// Signature, version and command, family and transport, length, addresses, remarks (§2.2).
fn version_2(bytes: &[u8]) -> Result<Header, BadHeader> {
    let [command, family, high, low] = match bytes.get(SIGNATURE.len()..16) {
        Some(&[command, family, high, low]) => [command, family, high, low],
        _ => return Ok(Header::Wants(16 - bytes.len())),
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 || length > TAIL_BYTES_MAX {
        return Err(BadHeader);
    }
    let tail = bytes.get(16..).unwrap_or_default();
    match tail.len().cmp(&length) {
        std::cmp::Ordering::Less => return Ok(Header::Wants(length - tail.len())),
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Greater => return Err(BadHeader),
    }
    match (command & 0x0F, family) {
        (0, _) => Ok(Header::Relay),
        // Over TCP; from, to, and the two ports.
        (1, 0x11) => {
            let from: [u8; 4] = piece(tail, 0)?;
            piece::<2>(tail, 10)?;
            Ok(client(Ipv4Addr::from(from).into(), u16::from_be_bytes(piece(tail, 8)?)))
        }
        (1, 0x21) => {
            let from: [u8; 16] = piece(tail, 0)?;
            piece::<2>(tail, 34)?;
            Ok(client(Ipv6Addr::from(from).into(), u16::from_be_bytes(piece(tail, 32)?)))
        }
        // A client whose address we cannot know is nobody to bound or to judge.
        _ => Err(BadHeader),
    }
}

fn piece<const N: usize>(tail: &[u8], at: usize) -> Result<[u8; N], BadHeader> {
    tail.get(at..at + N).and_then(|piece| piece.try_into().ok()).ok_or(BadHeader)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, tail: &[u8]) -> Vec<u8> {
        let length = u16::try_from(tail.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, tail].concat()
    }

    fn told(bytes: &[u8]) -> String {
        match header(bytes) {
            Ok(Header::Wants(more)) => format!("wants {more}"),
            Ok(Header::Client(address)) => address.to_string(),
            Ok(Header::Relay) => "relay".to_owned(),
            Err(BadHeader) => "bad".to_owned(),
        }
    }

    #[test]
    #[rustfmt::skip]
    fn version_1_is_a_line() {
        let rows = [
            ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n", "192.0.2.1:56324"),
            ("PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n",    "[2001:db8::1]:1"),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 25\r\n",       "192.0.2.1:1"),
            ("PROXY UNKNOWN\r\n",                              "relay"),
            ("PROXY UNKNOWN ffff::1 whatever\r\n",             "relay"),
            ("",                                               "wants 12"),
            ("PROXY",                                          "wants 7"),
            ("PROXY TCP4 1",                                   "wants 1"),
            ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r",   "wants 1"),
            ("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\n",   "bad"),
            ("PROXY TCP4 192.0.2.1 198.51.100.2 065 25\r\n",   "bad"),
            ("PROXY TCP4 192.0.2.1 198.51.100.2 +5 25\r\n",    "bad"),
            ("PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n", "bad"),
            ("PROXY TCP4 192.0.2.1  198.51.100.2 1 25\r\n",    "bad"),
            ("PROXY TCP4 192.0.2.256 198.51.100.2 1 25\r\n",   "bad"),
            ("PROXY TCP4 2001:db8::1 198.51.100.2 1 25\r\n",   "bad"),
            ("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n",        "bad"),
            ("PROXY UDP4 192.0.2.1 198.51.100.2 1 25\r\n",     "bad"),
            ("proxy TCP4 192.0.2.1 198.51.100.2 1 25\r\n",     "bad"),
            ("EHLO a\r\n",                                     "bad"),
        ];
        for (line, expected) in rows {
            assert_eq!(told(line.as_bytes()), expected, "{line:?}");
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(LINE_BYTES_MAX));
        assert_eq!(told(long.as_bytes()), "bad");
        assert_eq!(told(format!("{long}\r\n").as_bytes()), "bad");
    }

    #[test]
    #[rustfmt::skip]
    fn version_2_is_counted() {
        let four = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 4, 0, 25];
        let six = [[0x20; 16].as_slice(), &[1; 16], &[0, 7, 0, 25]].concat();
        let with_remark = [four.as_slice(), &[3, 0, 1, 9]].concat();
        let rows = [
            (v2(0x21, 0x11, &four),        "192.0.2.1:56324"),
            (v2(0x21, 0x11, &with_remark), "192.0.2.1:56324"),
            (v2(0x21, 0x21, &six),         "[2020:2020:2020:2020:2020:2020:2020:2020]:7"),
            (v2(0x20, 0, &[]),             "relay"),
            (v2(0x20, 0x11, &four),        "relay"),
            (v2(0x21, 0x11, &four[..11]),  "bad"),
            (v2(0x21, 0x12, &four),        "bad"),   // over UDP
            (v2(0x21, 0x31, &[0; 216]),    "bad"),   // a socket in the file system
            (v2(0x21, 0, &[]),             "bad"),
            (v2(0x22, 0x11, &four),        "bad"),
            (v2(0x11, 0x11, &four),        "bad"),
            (v2(0x21, 0x11, &[0; TAIL_BYTES_MAX + 1]), "bad"),
            (SIGNATURE.to_vec(),           "wants 4"),
            (SIGNATURE[..5].to_vec(),      "wants 7"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(told(&bytes), expected, "{bytes:?}");
        }
        let whole = v2(0x21, 0x11, &four);
        assert_eq!(told(&whole[..16]), "wants 12");
        assert_eq!(told(&whole[..20]), "wants 8");
    }

    /// However it is cut: what is wanted never goes beyond the header's end.
    #[test]
    fn not_a_byte_of_the_conversation_is_taken() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n".to_vec();
        for whole in [line, v2(0x21, 0x11, &[9; 40]), b"PROXY UNKNOWN\r\n".to_vec()] {
            let mut taken = 0;
            while let Ok(Header::Wants(more)) = header(&whole[..taken]) {
                taken += more;
                assert!(taken <= whole.len());
            }
            assert_eq!(taken, whole.len());
        }
    }
}
