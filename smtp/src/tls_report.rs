//! Reports to other domains about TLS on the way to them (RFC 8460): where they want them, and what they say.

use mail::{EmailAddress, Timestamp};
use serde_json::{Value, json};

/// Places of one record that are used.
const PLACES_MAX: usize = 4;
/// Bytes of a line of base64 (RFC 2045 §6.8).
const BASE64_LINE: usize = 76;

/// Why a connection was not secure (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The host does not offer STARTTLS.
    StartTlsNotSupported,
    /// The certificate has another name.
    CertificateHostMismatch,
    /// The certificate's time is over, or not yet there.
    CertificateExpired,
    /// The certificate leads to nobody we trust.
    CertificateNotTrusted,
    /// Something else about TLS.
    ValidationFailure,
    /// No TLSA record fits.
    TlsaInvalid,
    /// The TLSA records cannot be had, although they should.
    DnssecInvalid,
    /// The announced policy cannot be fetched.
    StsPolicyFetchError,
    /// What was fetched is no policy.
    StsPolicyInvalid,
    /// The certificate of the policy's host is not valid.
    StsWebpkiInvalid,
}

impl Failure {
    /// The registered word (RFC 8460 §6.6).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartTlsNotSupported => "starttls-not-supported",
            Self::CertificateHostMismatch => "certificate-host-mismatch",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotTrusted => "certificate-not-trusted",
            Self::ValidationFailure => "validation-failure",
            Self::TlsaInvalid => "tlsa-invalid",
            Self::DnssecInvalid => "dnssec-invalid",
            Self::StsPolicyFetchError => "sts-policy-fetch-error",
            Self::StsPolicyInvalid => "sts-policy-invalid",
            Self::StsWebpkiInvalid => "sts-webpki-invalid",
        }
    }
}

/// What a host was held against (RFC 8460 §4.4, `policy-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Signed records of the host.
    Tlsa,
    /// The domain's policy file.
    Sts,
    /// Neither.
    NoPolicyFound,
}

impl PolicyKind {
    /// The registered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tlsa => "tlsa",
            Self::Sts => "sts",
            Self::NoPolicyFound => "no-policy-found",
        }
    }
}

/// Where a domain wants its reports (RFC 8460 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// By mail.
    Mail(EmailAddress),
    /// By POST to this `https` address.
    Https(String),
}

/// The places in the records of `_smtp._tls.DOMAIN`; none when there is not exactly one record that names some.
pub fn places(records: &[String]) -> Vec<Place> {
    let mut ours = records.iter().filter(|record| record.starts_with("v=TLSRPTv1;"));
    let (Some(only), None) = (ours.next(), ours.next()) else { return Vec::new() };
    let mut fields = only.split(';').skip(1).map(|field| field.trim_matches([' ', '\t']));
    let Some(list) = fields.find_map(|field| field.strip_prefix("rua=")) else { return Vec::new() };
    let one = |uri: &str| {
        let uri = uri.trim_matches([' ', '\t']);
        if let Some(address) = uri.strip_prefix("mailto:") {
            // Nothing but an address: a subject or a header field of a stranger's is not ours to send.
            return address.parse().ok().map(Place::Mail);
        }
        let is_plain = uri.bytes().all(|byte| byte.is_ascii_graphic());
        (uri.starts_with("https://") && is_plain).then(|| Place::Https(uri.to_owned()))
    };
    list.split(',').filter_map(one).take(PLACES_MAX).collect()
}

/// A number of connections that ended alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `tlsa`, `sts` or `no-policy-found`.
    pub kind: String,
    /// What was held against the host, a line each.
    pub policy: String,
    /// The host; empty when it is not told apart.
    pub host: String,
    /// The registered word; empty for success.
    pub failure: String,
    /// How many.
    pub sessions: i64,
}

/// A day of a destination.
#[derive(Clone, Debug)]
pub struct Report<'r> {
    /// Who reports.
    pub organization: &'r str,
    /// Whom to ask about it.
    pub contact: &'r EmailAddress,
    /// Unique.
    pub id: &'r str,
    /// The destination.
    pub domain: &'r str,
    /// The day of UTC, from its first moment.
    pub from: Timestamp,
    /// To its last second.
    pub until: Timestamp,
    /// What happened.
    pub outcomes: &'r [Outcome],
}

impl Report<'_> {
    /// The report (RFC 8460 §4.4).
    pub fn to_json(&self) -> Vec<u8> {
        let mut kinds: Vec<&str> = self.outcomes.iter().map(|outcome| outcome.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let policies: Vec<Value> = kinds.into_iter().map(|kind| self.policy(kind)).collect();
        let report = json!({
            "organization-name": self.organization,
            "date-range": {
                "start-datetime": self.from.to_rfc3339_utc(),
                "end-datetime": self.until.to_rfc3339_utc(),
            },
            "contact-info": self.contact.to_string(),
            "report-id": self.id,
            "policies": policies,
        });
        report.to_string().into_bytes()
    }

    fn policy(&self, kind: &str) -> Value {
        let ours: Vec<&Outcome> = self.outcomes.iter().filter(|outcome| outcome.kind == kind).collect();
        let (fine, failed): (Vec<&Outcome>, Vec<&Outcome>) =
            ours.iter().partition(|outcome| outcome.failure.is_empty());
        let count = |some: &[&Outcome]| some.iter().map(|outcome| outcome.sessions).sum::<i64>();
        let lines = ours.iter().map(|outcome| outcome.policy.as_str()).find(|policy| !policy.is_empty());
        let mut policy = json!({ "policy-type": kind, "policy-domain": self.domain });
        if let Some(lines) = lines {
            policy["policy-string"] = lines.lines().collect();
            let mx = |line: &str| line.strip_prefix("mx: ").map(str::to_owned);
            let hosts: Vec<String> = lines.lines().filter_map(mx).collect();
            if !hosts.is_empty() {
                policy["mx-host"] = hosts.into();
            }
        }
        let details: Vec<Value> = failed
            .iter()
            .map(|outcome| {
                let mut detail = json!({
                    "result-type": outcome.failure,
                    "failed-session-count": outcome.sessions,
                });
                if !outcome.host.is_empty() {
                    detail["receiving-mx-hostname"] = outcome.host.as_str().into();
                }
                detail
            })
            .collect();
        json!({
            "policy": policy,
            "summary": {
                "total-successful-session-count": count(&fine),
                "total-failure-session-count": count(&failed),
            },
            "failure-details": details,
        })
    }

    /// The name of the file (RFC 8460 §5.1).
    fn file_name(&self) -> String {
        let (from, until) = (self.from.secs(), self.until.secs());
        format!("{}!{}!{from}!{until}!{}.json.gz", self.organization, self.domain, self.id)
    }

    /// The report as a mail (RFC 8460 §5.3). `gzipped` is what [`Self::to_json`] gave, compressed.
    pub fn to_mail(&self, to: &EmailAddress, gzipped: &[u8], now: Timestamp) -> Vec<u8> {
        use base64::Engine;
        let (organization, domain, id) = (self.organization, self.domain, self.id);
        let date = now.to_rfc5322();
        let encoded = base64::engine::general_purpose::STANDARD.encode(gzipped);
        let lines: Vec<&str> = encoded
            .as_bytes()
            .chunks(BASE64_LINE)
            .map(|line| std::str::from_utf8(line).unwrap_or_default())
            .collect();
        // RFC 8689 §5: a report about broken TLS has to arrive although TLS is broken.
        format!(
            "From: <{from}>\r\nTo: <{to}>\r\nDate: {date}\r\nMessage-ID: <{id}@{organization}>\r\n\
             Subject: Report Domain: {domain} Submitter: {organization} Report-ID: <{id}>\r\n\
             TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {organization}\r\nTLS-Required: No\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"{id}\"\r\n\r\n\
             --{id}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
             This is an aggregate TLS report from {organization} for {domain}.\r\n\r\n\
             --{id}\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment;\r\n\tfilename=\"{file}\"\r\n\r\n{body}\r\n--{id}--\r\n",
            from = self.contact,
            file = self.file_name(),
            body = lines.join("\r\n"),
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8460_section_3_where_reports_go() {
        let mail = |address: &str| Place::Mail(address.parse().unwrap());
        let https = |uri: &str| Place::Https(uri.to_owned());
        for (records, expected) in [
            (&["v=TLSRPTv1; rua=mailto:reports@example.com"][..], vec![mail("reports@example.com")]),
            (
                &["v=TLSRPTv1;rua=https://r.example.com/v1/tlsrpt, mailto:a@b.vn", "x"],
                vec![https("https://r.example.com/v1/tlsrpt"), mail("a@b.vn")],
            ),
            (&["v=TLSRPTv1; rua=http://r.example.com/"], vec![]),
            (&["v=TLSRPTv1; rua=mailto:a@b.vn?subject=x"], vec![]),
            (&["v=TLSRPTv1; rua=mailto:a@b.vn", "v=TLSRPTv1; rua=mailto:a@b.vn"], vec![]),
            (&["v=TLSRPTv2; rua=mailto:a@b.vn"], vec![]),
            (&[], vec![]),
        ] {
            let records: Vec<String> = records.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(places(&records), expected, "{records:?}");
        }
        let many = format!("v=TLSRPTv1; rua={}", vec!["mailto:a@b.vn"; 50].join(","));
        assert_eq!(places(&[many]).len(), PLACES_MAX);
    }

    #[test]
    fn rfc_8460_section_4_4_a_report() {
        let outcome = |host: &str, failure: &str, sessions| Outcome {
            kind: "sts".to_owned(),
            policy: "version: STSv1\nmode: testing\nmx: *.b.vn".to_owned(),
            host: host.to_owned(),
            failure: failure.to_owned(),
            sessions,
        };
        let outcomes = [outcome("mx1.b.vn", "", 5_326), outcome("mx2.b.vn", "certificate-expired", 100), {
            Outcome { kind: "no-policy-found".to_owned(), policy: String::new(), ..outcome("mx", "", 1) }
        }];
        let contact: EmailAddress = "postmaster@a.vn".parse().unwrap();
        let day = 20_000 * 86_400;
        let report = Report {
            organization: "a.vn",
            contact: &contact,
            id: "r1",
            domain: "b.vn",
            from: Timestamp::from_secs(day),
            until: Timestamp::from_secs(day + 86_399),
            outcomes: &outcomes,
        };
        let json: Value = serde_json::from_slice(&report.to_json()).unwrap();
        assert_eq!(json["date-range"]["start-datetime"], "2024-10-04T00:00:00Z");
        assert_eq!(json["date-range"]["end-datetime"], "2024-10-04T23:59:59Z");
        let [none, sts] = json["policies"].as_array().unwrap().as_slice() else { panic!("{json}") };
        assert_eq!(none["policy"]["policy-type"], "no-policy-found");
        assert_eq!(sts["policy"]["mx-host"], json!(["*.b.vn"]));
        assert_eq!(sts["summary"]["total-successful-session-count"], 5_326);
        assert_eq!(sts["summary"]["total-failure-session-count"], 100);
        assert_eq!(sts["failure-details"][0]["receiving-mx-hostname"], "mx2.b.vn");
        let mail = report.to_mail(&"r@b.vn".parse().unwrap(), &[7; 200], Timestamp::from_secs(day));
        let parsed = mail_parser::MessageParser::default().parse(&mail).unwrap();
        assert_eq!(parsed.attachment(0).unwrap().contents(), [7; 200]);
        assert!(mail.split(|byte| *byte == b'\n').all(|line| line.len() < 999));
    }
}
