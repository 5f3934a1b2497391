//! The field Authentication-Results (RFC 8601): ours written, those that pretend to be ours found.

use std::fmt::Write;
use std::net::IpAddr;
use std::ops::Range;

use mail::authentication::Authentication;

use super::fields::{self, Field};

/// The fields that carry our name, or none that can be read (RFC 8601 §5): only we may say what we found.
pub(crate) fn forged(message: &[u8], host: &str) -> Vec<Range<usize>> {
    let (fields, _) = fields::split(message);
    let is_ours = |value: &[u8]| match authserv_id(value) {
        Some(id) => id.trim_end_matches('.').eq_ignore_ascii_case(host),
        None => true,
    };
    let results = fields.into_iter().filter(|field| field.is("Authentication-Results"));
    results.filter(|field| is_ours(field.value)).map(|field| field.at).collect()
}

/// What we said of a message when it came in, the field's value: of several the first, for fields are put before others.
pub(super) fn ours<'a>(fields: &[Field<'a>], host: &str) -> Option<&'a [u8]> {
    let is_ours = |field: &&Field<'_>| {
        field.is("Authentication-Results")
            && authserv_id(field.value).is_some_and(|id| id.eq_ignore_ascii_case(host))
    };
    fields.iter().find(is_ours).map(|field| field.value)
}

/// What a field of ours says of the chain of seals, if it was looked at.
pub(super) fn arc_in(value: &[u8]) -> Option<String> {
    // It is the last that we write; before it stand words of strangers, which may hold anything.
    let (_, last) = std::str::from_utf8(value).ok()?.rsplit_once(';')?;
    last.trim().strip_prefix("arc=").map(str::to_owned)
}

/// Who says so: the first word after comments and folds, bare or quoted (RFC 8601 §2.2).
fn authserv_id(value: &[u8]) -> Option<String> {
    let mut rest = value.iter().copied().peekable();
    let mut depth = 0_usize;
    while let Some(byte) = rest.peek().copied() {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b'\\' if depth > 0 => drop(rest.next()),
            _ if depth > 0 || byte.is_ascii_whitespace() => {}
            _ => break,
        }
        rest.next();
    }
    let is_quoted = rest.next_if_eq(&b'"').is_some();
    let mut id = Vec::new();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' if is_quoted => break,
            b'\\' if is_quoted => id.extend(rest.next()),
            b';' | b'(' if !is_quoted => break,
            _ if !is_quoted && byte.is_ascii_whitespace() => break,
            // A fold within quotes is none of the word (RFC 5322 §3.2.4).
            b'\r' | b'\n' => {}
            _ => id.push(byte),
        }
    }
    let id = String::from_utf8(id).ok()?.trim().to_owned();
    (!id.is_empty()).then_some(id)
}

/// Our field when nothing was looked at (RFC 8601 §2.2, `no-result`), with its line's end.
pub(crate) fn none(host: &str) -> String {
    format!("Authentication-Results: {host}; none\r\n")
}

/// What a field is written from.
pub(crate) struct Facts<'a> {
    /// Our name.
    pub(crate) host: &'a str,
    /// Where it came from.
    pub(crate) ip: Option<IpAddr>,
    /// What the client called itself.
    pub(crate) helo: &'a str,
    /// The domain of From.
    pub(crate) from: &'a str,
}

/// Our field, with its line's end.
pub(crate) fn field(facts: &Facts<'_>, auth: &Authentication) -> String {
    let mut text = format!("Authentication-Results: {}", facts.host);
    if let Some(ip) = facts.ip {
        // An address of version 6 has colons, which only quoted words may have.
        let _ = write!(text, ";\r\n\tiprev={} policy.iprev={}", auth.iprev.as_str(), word(&ip.to_string()));
        let _ = write!(text, ";\r\n\tspf={} smtp.helo={}", auth.helo.as_str(), word(facts.helo));
        if !auth.spf_domain.is_empty() {
            let domain = word(&auth.spf_domain);
            let _ = write!(text, ";\r\n\tspf={} smtp.mailfrom={domain}", auth.spf.as_str());
        }
    }
    for one in &auth.dkim {
        let (domain, selector) = (word(&one.domain), word(&one.selector));
        let _ =
            write!(text, ";\r\n\tdkim={} header.d={domain}\r\n\t header.s={selector}", one.verdict.as_str());
    }
    if auth.dkim.is_empty() {
        text.push_str(";\r\n\tdkim=none");
    }
    let policy = auth.dmarc_policy.as_str();
    let from = word(facts.from);
    let _ = write!(text, ";\r\n\tdmarc={} header.from={from} policy.dmarc={policy}", auth.dmarc.as_str());
    let _ = write!(text, ";\r\n\tarc={}\r\n", auth.arc.as_str());
    text
}

/// A value of strangers as one word (RFC 2045 §5.1): bare when it may be, else quoted; what cannot be written is left out.
fn word(value: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~".contains(c);
    let clean: String = value.chars().filter(|c| !c.is_control() && !c.is_whitespace()).take(255).collect();
    match !clean.is_empty() && clean.chars().all(is_bare) {
        true => clean,
        false => format!("\"{}\"", clean.replace(['\\', '"'], "")),
    }
}

#[cfg(test)]
mod tests {
    use mail::authentication::{SignatureVerdict, Verdict};

    use super::*;

    #[test]
    fn rfc_8601_5_fields_with_our_name_are_found_however_they_are_written() {
        let rows = [
            ("Authentication-Results: mx.gov.vn; spf=pass\r\n", true),
            ("AUTHENTICATION-results : MX.gov.VN ; spf=pass\r\n", true),
            ("Authentication-Results:\r\n\tmx.gov.vn; none\r\n", true),
            ("Authentication-Results: (a (b\\) ) c)\r\n mx.gov.vn 1; none\r\n", true),
            ("Authentication-Results: \"mx.gov.vn\"; none\r\n", true),
            ("Authentication-Results: \"mx\\.gov.\r\n vn\"; none\r\n", false),
            ("Authentication-Results: mx.gov.vn(x); none\r\n", true),
            ("Authentication-Results: mx.gov.vn.; none\r\n", true),
            ("Authentication-Results: ; none\r\n", true),
            ("Authentication-Results: mx.other.vn; mx.gov.vn\r\n", false),
            ("ARC-Authentication-Results: i=1; mx.gov.vn; none\r\n", false),
            ("X-Authentication-Results: mx.gov.vn; none\r\n", false),
        ];
        for (field, is_cut) in rows {
            let message =
                format!("From: a@b\r\n{field}Subject: x\r\n\r\nAuthentication-Results: mx.gov.vn\r\n");
            let found = forged(message.as_bytes(), "mx.gov.vn");
            let expected: Vec<Range<usize>> = is_cut.then_some(11..11 + field.len()).into_iter().collect();
            assert_eq!(found, expected, "{field}");
        }
    }

    #[test]
    fn rfc_8601_2_2_what_strangers_say_stays_a_word() {
        let auth = Authentication {
            spf: Verdict::Pass,
            spf_domain: "a.vn".into(),
            dkim: vec![SignatureVerdict {
                domain: "x; dmarc=pass\r\nEvil: y".into(),
                selector: "\"s\\".into(),
                verdict: Verdict::Fail,
            }],
            ..Authentication::default()
        };
        let facts = Facts { host: "mx.vn", ip: Some("2001:db8::1".parse().unwrap()), helo: "", from: "a.vn" };
        let text = field(&facts, &auth);
        assert!(text.contains("policy.iprev=\"2001:db8::1\";"), "{text}");
        assert!(text.contains("header.d=\"x;dmarc=passEvil:y\"\r\n\t header.s=\"s\""), "{text}");
        assert!(text.contains("smtp.helo=\"\""), "{text}");
        let mut findings = mail::Findings::default();
        findings.put_field(&text);
        assert_eq!(findings.fields(), text);
    }
}
