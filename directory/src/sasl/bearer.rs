//! OAUTHBEARER (RFC 7628) and XOAUTH2, its elder without a standard: a token in place of a password.

use mail::{EmailAddress, Secret};

use crate::tokens::{TokenFault, TokenKeys, TokenRules};

/// The single sign-on whose tokens count.
pub struct Issuer<'a> {
    /// Its keys, as last seen.
    pub keys: &'a TokenKeys,
    /// What its tokens have to say.
    pub rules: &'a TokenRules,
}

/// A client's message: whose mailbox, and the token.
pub(super) struct Shown {
    pub(super) address: EmailAddress,
    pub(super) token: Secret<String>,
}

/// `n,a=<user>,^Ahost=…^Aport=…^Aauth=Bearer <token>^A^A` (RFC 7628 §3.1).
pub(super) fn oauthbearer(message: &str) -> Option<Shown> {
    let (header, pairs) = message.split_once('\x01')?;
    let name = header.strip_prefix("n,a=")?.strip_suffix(',')?;
    shown(&super::scram::unescaped(name)?, pairs)
}

/// `user=<user>^Aauth=Bearer <token>^A^A`.
pub(super) fn xoauth2(message: &str) -> Option<Shown> {
    let (name, pairs) = message.strip_prefix("user=")?.split_once('\x01')?;
    shown(name, pairs)
}

fn shown(name: &str, pairs: &str) -> Option<Shown> {
    let pairs = pairs.strip_suffix("\x01\x01")?;
    let mut tokens = pairs.split('\x01').filter_map(|pair| pair.strip_prefix("auth="));
    let (scheme, token) = tokens.next()?.split_once(' ')?;
    let is_one = tokens.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
    is_one.then_some(())?;
    Some(Shown { address: name.parse().ok()?, token: Secret::from(token) })
}

/// What the client hears before it is refused (RFC 7628 §3.2.2): why, for a program to fetch another token.
pub(super) fn told(fault: TokenFault) -> Vec<u8> {
    let status = match fault {
        TokenFault::Foreign | TokenFault::Nobody => "insufficient_scope",
        _ => "invalid_token",
    };
    format!(r#"{{"status":"{status}","schemes":"bearer"}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_7628_section_4_messages() {
        let rows = [
            ("n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
             Some(("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="))),
            ("n,a=an=3D1@a.vn,\x01auth=bearer t\x01\x01", Some(("an=1@a.vn", "t"))),
            ("n,,\x01auth=Bearer t\x01\x01",              None), // whose mailbox has to be said
            ("y,a=an@a.vn,\x01auth=Bearer t\x01\x01",     None),
            ("n,a=an@a.vn,\x01auth=Basic t\x01\x01",      None),
            ("n,a=an@a.vn,\x01auth=Bearer t\x01",         None),
            ("n,a=an@a.vn,\x01auth=Bearer t\x01auth=Bearer u\x01\x01", None),
            ("n,a=an@a.vn,\x01\x01",                      None),
            ("\x01",                                      None),
            ("",                                          None),
        ];
        let read = |shown: Option<Shown>| shown.map(|shown| (shown.address.to_string(), shown.token.expose_secret().clone()));
        let owned = |expected: Option<(&str, &str)>| expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
        for (message, expected) in rows {
            assert_eq!(read(oauthbearer(message)), owned(expected), "{message:?}");
        }
        assert_eq!(read(xoauth2("user=an@a.vn\x01auth=Bearer t\x01\x01")), owned(Some(("an@a.vn", "t"))));
        assert_eq!(read(xoauth2("user=an@a.vn\x01auth=Bearer t")), None);
    }
}
