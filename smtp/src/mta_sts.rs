//! What a domain says about TLS to its mail servers: the policy file of MTA-STS and the record that announces it (RFC 8461).

use std::fmt;
use std::time::Duration;

/// Bytes of a policy file (RFC 8461 §3.3 advises 64 KiB).
pub const POLICY_BYTES_MAX: usize = 64 * 1024;
/// Patterns of one policy; no domain has as many servers.
const PATTERNS_MAX: usize = 100;
/// How long a policy may be kept (RFC 8461 §3.2: 31557600, about a year). More is taken as that.
const MAX_AGE_MAX: u64 = 31_557_600;

/// What senders shall do (RFC 8461 §3.2, §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Deliver to no host that fails.
    Enforce,
    /// Deliver, and report what failed.
    Testing,
    /// As if there were no policy.
    None,
}

impl Mode {
    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }

    /// By the word in the file.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Enforce, Self::Testing, Self::None].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// What is wrong with a policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an MTA-STS policy: {0}")]
pub struct BadPolicy(&'static str);

/// A policy (RFC 8461 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    mode: Mode,
    /// Lower case; `*.` in front stands for one label.
    patterns: Vec<String>,
    max_age: Duration,
}

impl Policy {
    /// A policy of our own. `hosts` are names or patterns.
    ///
    /// # Errors
    /// [`BadPolicy`] for a host that is none, or no host at all.
    pub fn new(mode: Mode, hosts: &[String], max_age: Duration) -> Result<Self, BadPolicy> {
        let patterns = hosts.iter().map(|host| pattern(host)).collect::<Result<Vec<_>, _>>()?;
        Self { mode, patterns, max_age: max_age.min(Duration::from_secs(MAX_AGE_MAX)) }.whole()
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// [`BadPolicy`] when it is not to the letter of RFC 8461 §3.2.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadPolicy> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(BadPolicy("too long"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| BadPolicy("not UTF-8"))?;
        let (mut version, mut mode, mut max_age, mut patterns) = (None, None, None, Vec::new());
        for line in text.trim_end_matches(['\r', '\n']).split('\n') {
            let (key, value) = field(line.strip_suffix('\r').unwrap_or(line))?;
            // Of a key that is there twice the first counts, except for mx.
            match key {
                "version" => drop(version.get_or_insert(value)),
                "mode" => drop(mode.get_or_insert(value)),
                "max_age" => drop(max_age.get_or_insert(value)),
                "mx" if patterns.len() < PATTERNS_MAX => patterns.push(pattern(value)?),
                "mx" => return Err(BadPolicy("too many mx")),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err(BadPolicy("version"));
        }
        let mode = mode.and_then(Mode::from_word).ok_or(BadPolicy("mode"))?;
        let max_age = max_age.and_then(seconds).ok_or(BadPolicy("max_age"))?;
        Self { mode, patterns, max_age }.whole()
    }

    fn whole(self) -> Result<Self, BadPolicy> {
        if self.patterns.is_empty() && self.mode != Mode::None {
            return Err(BadPolicy("no mx"));
        }
        Ok(self)
    }

    /// What senders shall do.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How long it may be kept; a year at most.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// The hosts it names.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether it names a host (RFC 8461 §4.1): a `*` stands for the whole of the first label and for nothing else.
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.patterns.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(rest) => parent == Some(rest),
            None => *pattern == host,
        })
    }
}

/// The file (RFC 8461 §3.2); lines end with CRLF.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version: STSv1\r\nmode: {}\r\n", self.mode.as_str())?;
        for pattern in &self.patterns {
            write!(f, "mx: {pattern}\r\n")?;
        }
        write!(f, "max_age: {}\r\n", self.max_age.as_secs())
    }
}

/// `key: value`. An unknown key has to look like one, or the file is something else (an error page, say).
fn field(line: &str) -> Result<(&str, &str), BadPolicy> {
    let (key, value) = line.split_once(':').ok_or(BadPolicy("a line without a key"))?;
    let mut letters = key.bytes();
    let is_key = letters.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && key.len() <= 32
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if !is_key {
        return Err(BadPolicy("a key"));
    }
    let value = value.trim_matches([' ', '\t']);
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(BadPolicy("a value"));
    }
    Ok((key, value))
}

/// One to ten digits.
fn seconds(value: &str) -> Option<Duration> {
    let is_number = (1..=10).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = value.parse().ok().filter(|_| is_number)?;
    Some(Duration::from_secs(seconds.min(MAX_AGE_MAX)))
}

/// A host name, or one below `*.`.
fn pattern(value: &str) -> Result<String, BadPolicy> {
    let pattern = value.to_ascii_lowercase();
    let host = pattern.strip_prefix("*.").unwrap_or(&pattern);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    match host.len() <= 253 && host.split('.').all(is_label) {
        true => Ok(pattern),
        false => Err(BadPolicy("an mx")),
    }
}

/// The policy's id in the records of `_mta-sts.DOMAIN` (RFC 8461 §3.1); `None` when there is not exactly one that announces a policy.
pub fn announced(records: &[String]) -> Option<&str> {
    let mut ours = records.iter().filter(|record| record.starts_with("v=STSv1;"));
    let (only, None) = (ours.next()?, ours.next()) else { return None };
    let fields = only.split(';').skip(1).map(|field| field.trim_matches([' ', '\t']));
    let id = fields.filter_map(|field| field.strip_prefix("id=")).next()?;
    let is_id = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8461_section_3_2_policies() {
        let example = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.Example.net\r\n\
                       mx: backupmx.example.com\nmax_age: 604800\n";
        let policy = Policy::parse(example.as_bytes()).unwrap();
        assert_eq!((policy.mode(), policy.max_age().as_secs()), (Mode::Enforce, 604_800));
        assert_eq!(policy.patterns(), ["mail.example.com", "*.example.net", "backupmx.example.com"]);
        assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy));
        let none = Policy::parse(b"version: STSv1\nmode: none\nmax_age: 86400").unwrap();
        assert_eq!(none.mode(), Mode::None);
        let long = Policy::parse(b"mode: none\nmax_age: 9999999999\nversion:STSv1\nx-y.z: 1 2\n").unwrap();
        assert_eq!(long.max_age().as_secs(), MAX_AGE_MAX);
        let twice =
            Policy::parse(b"version: STSv1\nmode: testing\nmode: none\nmx: a.vn\nmax_age: 1\nmax_age: 2\n")
                .unwrap();
        assert_eq!((twice.mode(), twice.max_age().as_secs()), (Mode::Testing, 1));
    }

    #[test]
    fn rfc_8461_section_3_2_what_is_no_policy() {
        for wrong in [
            "",
            "<html>404</html>",
            "version: STSv2\nmode: none\nmax_age: 1\n",
            "mode: none\nmax_age: 1\n",
            "version: STSv1\nmode: Enforce\nmx: a.vn\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmx: a.vn\n",
            "version: STSv1\nmode: enforce\nmx: a.vn\nmax_age: -1\n",
            "version: STSv1\nmode: enforce\nmx: a.vn\nmax_age: 12345678901\n",
            "version: STSv1\nmode: enforce\nmx: a b.vn\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmx: a.*.vn\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n",
            "version: STSv1\n\nmode: enforce\nmx: a.vn\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmx:\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nno key\nmx: a.vn\nmax_age: 1\n",
        ] {
            assert!(Policy::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        let many = format!("version: STSv1\nmode: none\n{}max_age: 1\n", "mx: a.vn\n".repeat(101));
        assert!(Policy::parse(many.as_bytes()).is_err());
        assert!(Policy::parse(&vec![b'a'; POLICY_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn rfc_8461_section_4_1_hosts() {
        let hosts = ["*.Example.com".to_owned(), "mx.b.vn".to_owned()];
        let policy = Policy::new(Mode::Enforce, &hosts, Duration::from_secs(1)).unwrap();
        for (host, named) in [
            ("mail.example.com", true),
            ("MAIL.EXAMPLE.COM.", true),
            ("example.com", false),
            ("a.b.example.com", false),
            ("mx.b.vn", true),
            ("a.mx.b.vn", false),
            ("b.vn", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
    }

    #[test]
    fn rfc_8461_section_3_1_records() {
        let listed = |records: &[&str]| records.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        for (records, id) in [
            (&["v=STSv1; id=20160831085700Z;"][..], Some("20160831085700Z")),
            (&["v=STSv1;id=1", "v=spf1 -all"], Some("1")),
            (&["v=STSv1; x=y; id=a1 "], Some("a1")),
            (&["v=STSv1; id=1", "v=STSv1; id=1"], None),
            (&["v=STSv1; id="], None),
            (&["v=STSv1; id=a-b"], None),
            (&["v=STSv1"], None),
            (&["v=STSv12; id=1"], None),
            (&[], None),
        ] {
            assert_eq!(announced(&listed(records)), id, "{records:?}");
        }
    }
}
