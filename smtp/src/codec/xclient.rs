//! What a front end says of the client that it stands for: XCLIENT, as Postfix defines it (its XCLIENT_README). The values were said by a
//! stranger to the front end, so each is read as strictly as if the stranger had said it to us.

use std::net::IpAddr;

use mail::authentication::Verdict;
use mail::{Domain, EmailAddress};

use super::xtext;
use crate::envelope::ClientName;
use crate::error::Error;

/// The attributes that are known, as they are offered; LOGIN apart, which is not everywhere.
pub const ATTRIBUTES: &str = "NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";

/// Characters of a value (XCLIENT_README, command syntax).
const VALUE_MAX: usize = 255;

const WRONG: Error = Error::BadParameter("XCLIENT attribute=value");

/// What was said. What is known by nobody is `None`, as what was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XClient {
    /// ADDR: where it connects from.
    pub addr: Option<IpAddr>,
    /// NAME: the name of that address, and what looking for it came to (RFC 8601 §2.7.3).
    pub name: Option<(Option<Domain>, Verdict)>,
    /// HELO: what it calls itself.
    pub helo: Option<ClientName>,
    /// PROTO: whether it speaks ESMTP.
    pub extended: Option<bool>,
    /// LOGIN: who signed in at the front end.
    pub login: Option<EmailAddress>,
}

/// What a value says.
enum Value {
    Known(String),
    /// `[UNAVAILABLE]`: nobody knows.
    Unknown,
    /// `[TEMPUNAVAIL]`: nobody knows yet.
    UnknownNow,
}

impl XClient {
    /// Reads what follows the command. Every attribute stands once.
    ///
    /// # Errors
    /// [`Error::BadParameter`].
    pub fn parse(rest: &str) -> Result<Self, Error> {
        let (mut told, mut seen) = (Self::default(), Vec::new());
        for word in rest.split(' ').filter(|word| !word.is_empty()) {
            let (name, text) = word.split_once('=').ok_or(WRONG)?;
            let name = name.to_ascii_uppercase();
            if seen.contains(&name) {
                return Err(WRONG);
            }
            told.attribute(&name, value(text)?)?;
            seen.push(name);
        }
        if seen.is_empty() { Err(WRONG) } else { Ok(told) }
    }

    fn attribute(&mut self, name: &str, value: Value) -> Result<(), Error> {
        match (name, value) {
            ("NAME", value) => self.name = Some(host(value)?),
            ("ADDR", Value::Known(text)) => self.addr = Some(address(&text)?),
            ("DESTADDR", Value::Known(text)) => drop(address(&text)?),
            ("PORT" | "DESTPORT", Value::Known(text)) => drop(text.parse::<u16>().map_err(|_| WRONG)?),
            ("HELO", Value::Known(text)) => self.helo = Some(text.parse().map_err(|_| WRONG)?),
            ("LOGIN", Value::Known(text)) => self.login = Some(text.parse().map_err(|_| WRONG)?),
            ("PROTO", Value::Known(text)) => {
                self.extended = Some(match text.to_ascii_uppercase().as_str() {
                    "SMTP" => false,
                    "ESMTP" => true,
                    _ => return Err(WRONG),
                });
            }
            ("ADDR" | "PORT" | "HELO" | "LOGIN" | "PROTO" | "DESTADDR" | "DESTPORT", _) => {}
            _ => return Err(WRONG),
        }
        Ok(())
    }
}

fn value(text: &str) -> Result<Value, Error> {
    if text.is_empty() || text.len() > VALUE_MAX {
        return Err(WRONG);
    }
    match text.to_ascii_uppercase().as_str() {
        "[UNAVAILABLE]" => return Ok(Value::Unknown),
        "[TEMPUNAVAIL]" => return Ok(Value::UnknownNow),
        _ => {}
    }
    let text = xtext::decode(text).ok_or(WRONG)?;
    match text.chars().any(char::is_control) {
        true => Err(WRONG),
        false => Ok(Value::Known(text)),
    }
}

/// A name that is written as none of ours could be is a name that leads nowhere; one with other characters is nobody's honest work.
fn host(value: Value) -> Result<(Option<Domain>, Verdict), Error> {
    let text = match value {
        Value::Unknown => return Ok((None, Verdict::Fail)),
        Value::UnknownNow => return Ok((None, Verdict::TempError)),
        Value::Known(text) => text,
    };
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
        return Err(WRONG);
    }
    Ok(text.parse().map_or((None, Verdict::Fail), |name| (Some(name), Verdict::Pass)))
}

/// An address that somebody can connect from.
fn address(text: &str) -> Result<IpAddr, Error> {
    let v6 = text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("IPV6:"));
    let ip: IpAddr = match v6.and_then(|_| text.get(5..)) {
        Some(v6) => IpAddr::V6(v6.parse().map_err(|_| WRONG)?),
        None => IpAddr::V4(text.parse().map_err(|_| WRONG)?),
    };
    let ip = ip.to_canonical();
    if ip.is_unspecified() || ip.is_multicast() { Err(WRONG) } else { Ok(ip) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rest: &str) -> String {
        let Ok(told) = XClient::parse(rest) else { return "!".to_owned() };
        let mut words = Vec::new();
        told.addr.inspect(|addr| words.push(addr.to_string()));
        if let Some((name, verdict)) = &told.name {
            words.push(format!("{} {}", name.as_ref().map_or("-", |name| name.as_str()), verdict.as_str()));
        }
        told.helo.inspect(|helo| words.push(format!("helo {helo}")));
        told.extended.inspect(|extended| words.push(format!("esmtp {extended}")));
        told.login.inspect(|login| words.push(format!("login {login}")));
        words.join(", ")
    }

    #[test]
    #[rustfmt::skip]
    fn xclient_readme_attributes() {
        let rows = [
            ("ADDR=168.100.189.2 NAME=spike.porcupine.org",    "168.100.189.2, spike.porcupine.org pass"),
            ("name=spike.porcupine.org addr=168.100.189.2",    "168.100.189.2, spike.porcupine.org pass"),
            ("ADDR=IPV6:2001:db8::1 PORT=2525",                "2001:db8::1"),
            ("ADDR=ipv6:::ffff:192.0.2.1",                     "192.0.2.1"),
            ("NAME=[UNAVAILABLE]",                             "- fail"),
            ("NAME=[TEMPUNAVAIL] ADDR=[UNAVAILABLE]",          "- temperror"),
            ("NAME=_a.b",                                      "- fail"),
            ("PROTO=ESMTP HELO=my_pc DESTADDR=10.0.0.1 DESTPORT=25", "helo my_pc, esmtp true"),
            ("PROTO=SMTP HELO=[192.0.2.1]",                    "helo [192.0.2.1], esmtp false"),
            ("LOGIN=an+2Bx@a.vn",                              "login an+x@a.vn"),
            ("LOGIN=[UNAVAILABLE] HELO=[unavailable]",         ""),
            // A stranger's words in the mouth of a front end.
            ("",                                               "!"),
            ("ADDR",                                           "!"),
            ("ADDR=",                                          "!"),
            ("ADDR=127.1",                                     "!"),
            ("ADDR=2001:db8::1",                               "!"),
            ("ADDR=0.0.0.0",                                   "!"),
            ("ADDR=IPV6:ff02::1",                              "!"),
            ("ADDR=192.0.2.1 ADDR=192.0.2.2",                  "!"),
            ("ADDR=192.0.2.1 addr=192.0.2.1",                  "!"),
            ("NAME=a+0D+0AMAIL",                               "!"),
            ("NAME=a+20b",                                     "!"),
            ("NAME=a=b",                                       "!"),
            ("HELO=a+0Ab",                                     "!"),
            ("HELO=a(b)",                                      "!"),
            ("LOGIN=an",                                       "!"),
            ("LOGIN=an+00@a.vn",                               "!"),
            ("PORT=65536",                                     "!"),
            ("PROTO=LMTP",                                     "!"),
            ("XYZZY=1",                                        "!"),
        ];
        for (rest, expected) in rows {
            assert_eq!(told(rest), expected, "{rest}");
        }
        assert_eq!(told(&format!("HELO={}", "a".repeat(255))), format!("helo {}", "a".repeat(255)));
        assert_eq!(told(&format!("HELO={}", "a".repeat(256))), "!");
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_read_or_refused(rest in "((NAME|ADDR|HELO|LOGIN|PROTO|PORT)=[a-z0-9+.:@A-F-]{0,9} ?){0,4}") {
            let _ = XClient::parse(&rest);
        }
    }
}
