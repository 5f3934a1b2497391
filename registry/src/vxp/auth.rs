//! Who is calling (VXP 2).
//!
//! Two steps with a look-up between them: [`presented`] says which system claims to call, the caller fetches that
//! system's secret, [`verify`] proves the claim. Only a [`Signed`] comes out, and parameters are read from nowhere
//! else. What the signature does not cover (method, path, query, body except through `hash-file`) is not covered
//! here either; there is no nonce, so calls must be idempotent.

use std::collections::BTreeMap;
use std::fmt;

use mail::{Secret, Timestamp};
use ring::hmac;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::hash::read_hex;
use crate::{Error, Limits};

/// What every header name of the protocol begins with.
pub const PREFIX: &str = "XroadVnpt-";

/// A header line: its name, and its value as the bytes that came (VXP 2.2: values are not always UTF-8).
pub type Header<'a> = (&'a str, &'a [u8]);

/// The three headers that a signed call has (VXP 2.2 step 1).
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    system_id: &'a str,
    signed_text: &'a [u8],
    mac: &'a [u8],
}

impl Presented<'_> {
    /// The system that claims to call; proven by [`verify`] only.
    pub fn system_id(&self) -> &str {
        self.system_id
    }
}

/// The parameters of a call whose signature holds. Can be made by [`verify`] only.
///
/// Names are without prefix and keep their case: `docId` and `docid` are two (VXP 0.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    system_id: String,
    values: BTreeMap<String, String>,
}

impl Signed {
    /// The calling system.
    pub fn system_id(&self) -> &str {
        &self.system_id
    }

    /// The parameter of exactly that name, trimmed; an empty one is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// When the client object was made, for the log: `ddMMyyyy'T'HHmmss+SSSS` in the client machine's zone, taken as
    /// Vietnam's. Of no use against replay (VXP 2.2); `None` when it has another shape.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let text = self.get("timestamp")?;
        let shape = "########T######+####";
        let fits = |(b, p): (u8, u8)| if p == b'#' { b.is_ascii_digit() } else { b == p };
        if text.len() != shape.len() || !text.bytes().zip(shape.bytes()).all(fits) {
            return None;
        }
        let number =
            |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u32>().ok());
        let day = [number(0..2)?, number(2..4)?, number(4..8)?];
        let clock = [number(9..11)?, number(11..13)?, number(13..15)?];
        super::call::vietnam_time(day, clock).map(|moment| {
            moment.plus(std::time::Duration::from_millis(u64::from(number(16..20).unwrap_or(0))))
        })
    }
}

/// Finds the three headers. Names are compared without regard to case.
///
/// # Errors
/// [`Error::NotAuthenticated`] when one is missing, repeated with another value, or the signed text is too long.
pub fn presented<'a>(headers: &[Header<'a>], limits: &Limits) -> Result<Presented<'a>, Error> {
    let system_id =
        std::str::from_utf8(the_one(headers, "systemid")?).map_err(|_| Error::NotAuthenticated)?;
    let signed_text = the_one(headers, "sign-header")?;
    let mac = the_one(headers, "hash-header")?;
    match signed_text.len() <= limits.sign_header_bytes_max {
        true => Ok(Presented { system_id, signed_text, mac }),
        false => Err(Error::NotAuthenticated),
    }
}

fn the_one<'a>(headers: &[Header<'a>], name: &str) -> Result<&'a [u8], Error> {
    let mut found = named(headers, name).map(trim);
    let first = found.next().filter(|value| !value.is_empty()).ok_or(Error::NotAuthenticated)?;
    match found.all(|other| other == first) {
        true => Ok(first),
        false => Err(Error::NotAuthenticated),
    }
}

fn named<'h, 'a>(headers: &'h [Header<'a>], name: &'h str) -> impl Iterator<Item = &'a [u8]> + 'h {
    headers.iter().filter(move |(header, _)| is_named(header, name)).map(|(_, value)| *value)
}

fn is_named(header: &str, name: &str) -> bool {
    let (Some(prefix), Some(rest)) = (header.get(..PREFIX.len()), header.get(PREFIX.len()..)) else {
        return false;
    };
    prefix.eq_ignore_ascii_case(PREFIX) && rest.eq_ignore_ascii_case(name)
}

fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Proves the claim. `secret` is the claimed system's, `None` when there is no such system: then the same work is
/// done with a dummy key, and the answer is the same as for a wrong secret.
///
/// # Errors
/// [`Error::NotAuthenticated`], or [`Error::DamagedHeaders`] when the text shows marks of damage (VXP 2.2).
pub fn verify(
    presented: &Presented<'_>,
    secret: Option<&Secret<String>>,
    headers: &[Header<'_>],
    limits: &Limits,
) -> Result<Signed, Error> {
    let key = secret.map_or("no such system", |secret| secret.expose_secret().as_str());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let mac = read_hex(presented.mac).unwrap_or_default();
    // ring compares in constant time.
    let holds = hmac::verify(&key, presented.signed_text, &mac).is_ok();
    if !holds || secret.is_none() {
        let damaged = presented.signed_text.iter().any(|b| *b == b'?' || *b > 0x7E);
        return Err(if damaged { Error::DamagedHeaders } else { Error::NotAuthenticated });
    }
    let values = read_signed_text(presented.signed_text, limits).ok_or(Error::NotAuthenticated)?;
    let signed = Signed { system_id: presented.system_id.to_owned(), values };
    let same_system = signed.get("systemid") == Some(presented.system_id);
    match same_system && headers_are_signed(headers, &signed) {
        true => Ok(signed),
        false => Err(Error::NotAuthenticated),
    }
}

/// The second lock (VXP 2.2 step 4): whatever these headers say must be among the signed values. Not the other way
/// round: of `docId` and `docid`, `sendEdoc` puts only one on the wire while both are signed.
fn headers_are_signed(headers: &[Header<'_>], signed: &Signed) -> bool {
    const LOCKED: &[&str] = &["systemid", "docid", "status", "from", "to", "agencycode", "hash-file"];
    LOCKED.iter().all(|name| {
        let values: Vec<&[u8]> = signed
            .values
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().as_bytes())
            .collect();
        let is_signed = |value: &[u8]| values.contains(&value);
        // A proxy may fold two lines into one.
        let folded = |value: &[u8]| value.split(|b| *b == b',').map(trim).all(is_signed);
        named(headers, name).map(trim).all(|value| is_signed(value) || folded(value))
    })
}

/// The signed text: one object of strings, no name twice, prefixes taken off, members without the prefix left out.
/// `None` when it is anything else.
pub(crate) fn read_signed_text(text: &[u8], limits: &Limits) -> Option<BTreeMap<String, String>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let members = reader.deserialize_map(Members { max: limits.sign_header_members_max }).ok()?;
    reader.end().ok()?;
    let mut values = BTreeMap::new();
    for (name, value) in members {
        if let Some(name) = name.strip_prefix(PREFIX) {
            values.insert(name.to_owned(), value);
        }
    }
    Some(values)
}

struct Members {
    max: usize,
}

impl<'de> Visitor<'de> for Members {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        use serde::de::Error as _;
        let mut members = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<String, String>()? {
            if members.len() >= self.max || members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name twice, or too many names"));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of VXP 2.1, as it was on the wire.
    const EXAMPLE: &[(&str, &str)] = &[
        ("XroadVnpt-systemid", "hub.test.01"),
        ("XroadVnpt-servicetype", "eDoc"),
        ("XroadVnpt-messagetype", "edoc"),
        ("XroadVnpt-timestamp", "22112026T082927+0263"),
        ("Content-Type", "application/json"),
        ("XroadVnpt-Content-Type", "application/json"),
        ("XroadVnpt-sign-header-key", "systemid;servicetype;messagetype;timestamp;Content-Type"),
        (
            "XroadVnpt-sign-header",
            r#"{"XroadVnpt-systemid":"hub.test.01","XroadVnpt-servicetype":"eDoc","XroadVnpt-messagetype":"edoc","XroadVnpt-timestamp":"22112026T082927+0263","XroadVnpt-Content-Type":"application/json"}"#,
        ),
        ("XroadVnpt-hash-header", "f1577c19ab336f4bcfa848b37e72a9d6c5123950708d8bef047b9be5397e240e"),
        ("User-Agent", "JAVASDKAgent/1.0.0 XRoad/VPCP"),
        ("XroadVnpt-version", "3.0.201608"),
    ];
    const SECRET: &str = "s3cret-test-key";

    fn bytes<'a>(headers: &[(&'a str, &'a str)]) -> Vec<Header<'a>> {
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
    }

    fn run(headers: &[Header<'_>], secret: Option<&str>) -> Result<Signed, Error> {
        let limits = Limits::default();
        let presented = presented(headers, &limits)?;
        verify(&presented, secret.map(Secret::from).as_ref(), headers, &limits)
    }

    /// Headers as the client would send them for these parameters.
    fn signed_by_client(json: &str, extra: &[(&'static str, &'static str)]) -> Vec<(String, Vec<u8>)> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let mac = super::super::hash::full_hex(hmac::sign(&key, json.as_bytes()).as_ref());
        let mut headers: Vec<(String, Vec<u8>)> = vec![
            ("xroadvnpt-systemid".into(), b"a".to_vec()),
            ("xroadvnpt-sign-header".into(), json.as_bytes().to_vec()),
            ("xroadvnpt-hash-header".into(), mac.into_bytes()),
        ];
        headers.extend(extra.iter().map(|(n, v)| (format!("{PREFIX}{n}"), v.as_bytes().to_vec())));
        headers
    }

    fn run_client(json: &str, extra: &[(&'static str, &'static str)]) -> Result<Signed, Error> {
        let headers = signed_by_client(json, extra);
        let headers: Vec<Header<'_>> = headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        run(&headers, Some(SECRET))
    }

    #[test]
    fn t12_vxp_2_1_the_example_request_verifies() {
        let signed = run(&bytes(EXAMPLE), Some(SECRET)).unwrap();
        assert_eq!(signed.system_id(), "hub.test.01");
        assert_eq!(signed.get("messagetype"), Some("edoc"));
        assert_eq!(signed.get("MessageType"), None);
        assert_eq!(signed.timestamp().unwrap().to_edxml(), "2026/11/22 08:29:27");
        assert_eq!(signed.timestamp().unwrap().millis() % 1000, 263);
    }

    #[test]
    fn vxp_2_2_upper_case_mac_and_blanks_around_are_fine() {
        let mac = EXAMPLE[8].1.to_uppercase();
        let text = format!("  {} ", EXAMPLE[7].1);
        let mut headers = bytes(EXAMPLE);
        headers[8].1 = mac.as_bytes();
        headers[7].1 = text.as_bytes();
        assert!(run(&headers, Some(SECRET)).is_ok());
    }

    #[test]
    fn vxp_2_2_refusals() {
        let example = bytes(EXAMPLE);
        assert_eq!(run(&example, Some("another")), Err(Error::NotAuthenticated));
        assert_eq!(run(&example, None), Err(Error::NotAuthenticated));
        for gone in ["XroadVnpt-systemid", "XroadVnpt-sign-header", "XroadVnpt-hash-header"] {
            let rest: Vec<_> = example.iter().copied().filter(|(name, _)| *name != gone).collect();
            assert_eq!(run(&rest, Some(SECRET)), Err(Error::NotAuthenticated), "{gone}");
        }
        for (at, value) in [(0, "hub.test.02"), (8, "f157"), (8, "zz"), (8, "")] {
            let mut changed = example.clone();
            changed[at].1 = value.as_bytes();
            assert_eq!(run(&changed, Some(SECRET)), Err(Error::NotAuthenticated), "{value:?}");
        }
        let mut twice = example.clone();
        twice.push(("xroadvnpt-SYSTEMID", b"hub.test.02"));
        assert_eq!(run(&twice, Some(SECRET)), Err(Error::NotAuthenticated));
    }

    #[test]
    fn vxp_2_2_a_dummy_key_opens_nothing() {
        let json = r#"{"XroadVnpt-systemid":"a"}"#;
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"no such system");
        let mac = super::super::hash::full_hex(hmac::sign(&key, json.as_bytes()).as_ref());
        let headers: Vec<Header<'_>> = vec![
            ("XroadVnpt-systemid", b"a"),
            ("XroadVnpt-sign-header", json.as_bytes()),
            ("XroadVnpt-hash-header", mac.as_bytes()),
        ];
        assert_eq!(run(&headers, None), Err(Error::NotAuthenticated));
    }

    #[test]
    fn vxp_2_2_damaged_text_is_told_apart() {
        for damaged in [&b"{\"XroadVnpt-systemid\":\"B? N?i v?\"}"[..], b"{\"XroadVnpt-systemid\":\"B\xf4\"}"]
        {
            let headers: Vec<Header<'_>> = vec![
                ("XroadVnpt-systemid", b"a"),
                ("XroadVnpt-sign-header", damaged),
                ("XroadVnpt-hash-header", b"00"),
            ];
            assert_eq!(run(&headers, Some(SECRET)), Err(Error::DamagedHeaders));
            assert_eq!(run(&headers, None), Err(Error::DamagedHeaders), "an unknown system reads the same");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn vxp_2_2_signed_text_is_one_object_of_strings() {
        let ok = r#"{"XroadVnpt-systemid":"a","XroadVnpt-docId":"1","XroadVnpt-docid":"2","x":"3"}"#;
        let signed = run_client(ok, &[]).unwrap();
        assert_eq!((signed.get("docId"), signed.get("docid"), signed.get("x")), (Some("1"), Some("2"), None));
        for wrong in [
            r#"{"XroadVnpt-systemid":"a","XroadVnpt-systemid":"a"}"#,
            r#"{"XroadVnpt-systemid":"a","XroadVnpt-pageSize":20}"#,
            r#"{"XroadVnpt-systemid":"a","XroadVnpt-to":null}"#,
            r#"{"XroadVnpt-systemid":"a"} x"#,
            r#"["XroadVnpt-systemid"]"#,
            r#"{"XroadVnpt-systemid":"b"}"#,
            r#"{}"#,
        ] {
            assert_eq!(run_client(wrong, &[]), Err(Error::NotAuthenticated), "{wrong}");
        }
    }

    #[test]
    fn vxp_2_2_headers_must_be_among_the_signed_values() {
        let json = r#"{"XroadVnpt-systemid":"a","XroadVnpt-docId":"1","XroadVnpt-docid":"2","XroadVnpt-to":"[\"A\",\"B\"]"}"#;
        let rows: &[(&[(&str, &str)], bool)] = &[
            (&[("docId", "2")], true), // sendEdoc: one line, the other's name
            (&[("docId", "1"), ("docid", "2")], true),
            (&[("docId", "1, 2")], true), // two lines folded by a proxy
            (&[], true),
            (&[("to", r#"["A","B"]"#)], true),
            (&[("docId", "3")], false),
            (&[("docid", "1, 3")], false),
            (&[("status", "done")], false),
            (&[("hash-file", "00")], false),
            (&[("AgencyCode", "X")], false),
            (&[("filePath", "/tmp")], true),
        ];
        for (extra, expected) in rows {
            assert_eq!(run_client(json, extra).is_ok(), *expected, "{extra:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_it_panic(name in "\\PC{0,24}", value in proptest::collection::vec(0u8..=255, 0..64)) {
            let mut headers = bytes(EXAMPLE);
            headers.push((&name, &value));
            let _ = run(&headers, Some(SECRET));
            crate::fuzz::signed_headers(&value);
        }
    }
}
