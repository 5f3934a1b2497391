//! The configuration: one TOML file, every key with a line of explanation.
//!
//! The explanation is the doc comment: `congvan config print`, `docs/congvan.example.toml` and the structs below come from the
//! same lines, and a test notices when the file in `docs/` drifts.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use certs::keys::{KeyName, PinSource};
use registry::upstream::Forwarding;
use registry::upstream::schedule::Calendar;
use serde::{Deserialize, Serialize};

use crate::keys;

/// Declares a section: a struct with defaults, and its keys with what they mean.
macro_rules! section {
    ($(#[doc = $about:literal])* $name:ident { $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr,)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl Explained for $name {
            fn about() -> String {
                [$($about),*].join("\n")
            }

            fn keys() -> Vec<(&'static str, String)> {
                vec![$((stringify!($key), [$($doc),+].join("\n"))),*]
            }
        }
    };
}

mod operation;

/// A section that can explain itself.
trait Explained: Default + Serialize {
    fn about() -> String;
    fn keys() -> Vec<(&'static str, String)>;
}

mod clients;
mod delivery;
mod doors;
mod exchange;
mod house;
mod mails;

pub(crate) use clients::Clients;
pub(crate) use delivery::Delivery;
pub(crate) use doors::{External, Front, Lmtp};
pub(crate) use exchange::{Api, Check, Exchange, Ledger, Upstream};
pub(crate) use house::{Backup, Dns, House, Http, Listen, Log, Push, Tls};
pub(crate) use mails::{Delegation, Imap, Mail, Oauth, Policy, Scan, Search, Sending, Sessions};

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) house: House,
    pub(crate) operation: operation::Operation,
    pub(crate) listen: Listen,
    pub(crate) tls: Tls,
    pub(crate) mail: Mail,
    pub(crate) delivery: Delivery,
    pub(crate) imap: Imap,
    pub(crate) sessions: Sessions,
    pub(crate) clients: Clients,
    pub(crate) front: Front,
    pub(crate) lmtp: Lmtp,
    pub(crate) external: External,
    pub(crate) oauth: Oauth,
    pub(crate) sending: Sending,
    pub(crate) delegation: Delegation,
    pub(crate) scan: Scan,
    pub(crate) search: Search,
    pub(crate) dns: Dns,
    pub(crate) http: Http,
    pub(crate) push: Push,
    pub(crate) exchange: Exchange,
    pub(crate) upstream: Upstream,
    pub(crate) check: Check,
    pub(crate) api: Api,
    pub(crate) policy: Policy,
    pub(crate) ledger: Ledger,
    pub(crate) backup: Backup,
    pub(crate) log: Log,
}

impl Config {
    /// Reads and checks a configuration file; relative paths in it are meant from where it lies.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {} (không đọc được tệp cấu hình)", file.display()))?;
        let mut config: Self = toml::from_str(&text)
            .with_context(|| format!("{}: not a valid configuration", file.display()))?;
        let base = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // "." is where the file lies, and is better shown without it.
        config.house.data = match config.house.data == Path::new(".") {
            true => base.to_owned(),
            false => base.join(&config.house.data),
        };
        config.check()?;
        Ok(config)
    }

    /// What no single key can say.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if let Some(open) = self.listen.http.iter().find(|address| !address.ip().is_loopback()) {
            anyhow::bail!(
                "listen.http = {open}: without TLS only a loopback address may be opened (R57) / \
                 cổng không mã hóa chỉ được mở trên địa chỉ nội bộ của máy"
            );
        }
        for (key, value, allowed) in [
            ("operation.mode", &self.operation.mode, &["demonstration", "trial", "production"][..]),
            ("mail.outbound_tls", &self.mail.outbound_tls, &["opportunistic", "required"]),
            ("mail.mta_sts_mode", &self.mail.mta_sts_mode, &["none", "testing", "enforce"]),
            ("exchange.signatures", &self.exchange.signatures, &["required", "recorded"]),
            ("log.format", &self.log.format, &["text", "json"]),
            ("scan.malware_in", &self.scan.malware_in, &["refuse", "quarantine"]),
            ("scan.malware_out", &self.scan.malware_out, &["refuse", "quarantine"]),
            ("scan.spam", &self.scan.spam, &["refuse", "quarantine"]),
            ("scan.unavailable", &self.scan.unavailable, &["defer", "mark"]),
        ] {
            if !allowed.contains(&value.as_str()) {
                anyhow::bail!("{key} = {value:?}: must be one of {allowed:?} (giá trị không hợp lệ)");
            }
        }
        if !["off", "mark", "enforce"].contains(&self.mail.dmarc.as_str()) {
            anyhow::bail!("mail.dmarc: must be off, mark or enforce (giá trị không hợp lệ)");
        }
        if !(5..=3_600).contains(&self.delivery.lease_seconds) {
            anyhow::bail!("delivery.lease_seconds is 5 to 3600 (giá trị không hợp lệ)");
        }
        if self.operation.level > 5 {
            anyhow::bail!("operation.level: there are five levels (cấp độ từ 1 đến 5)");
        }
        let codes = &self.exchange.automatic_arrival;
        if let Some(wrong) = codes.iter().find(|c| *c != "*" && c.parse::<mail::AgencyCode>().is_err()) {
            anyhow::bail!(
                "exchange.automatic_arrival: {wrong:?} is no agency code (mã cơ quan không hợp lệ)"
            );
        }
        if let Some(wrong) = self.imap.closed_to.iter().find(|c| c.parse::<mail::AgencyCode>().is_err()) {
            anyhow::bail!("imap.closed_to: {wrong:?} is no agency code (mã cơ quan không hợp lệ)");
        }
        if self.house.hostname.parse::<mail::Domain>().is_err() {
            anyhow::bail!("house.hostname is not a host name (tên máy không hợp lệ)");
        }
        if self.forwarding().organ_id.parse::<mail::AgencyCode>().is_err() {
            anyhow::bail!("upstream.organ_id is not a code (mã đơn vị không hợp lệ)");
        }
        crate::tls_policy::publish::policy(self)?;
        crate::client_setup::services(self)?;
        self.tls_report_address()?;
        self.dns_servers()?;
        crate::proxy::Relays::parse("mail.proxy_from", &self.mail.proxy_from)?;
        crate::proxy::Relays::parse("push.addresses", &self.push.addresses)?;
        crate::proxy::Relays::parse("front.xclient_from", &self.front.xclient_from)?;
        self.lmtp.mode()?;
        self.calendar()?;
        self.tls_key()?;
        self.tls_key_password()?;
        if self.backup.hour > 23 || self.backup.keep == 0 {
            anyhow::bail!("backup.hour is 0 to 23, backup.keep at least 1 (giá trị không hợp lệ)");
        }
        if self.backup.is_scheduled() {
            self.backup_passphrase()?;
        }
        Ok(())
    }

    /// The name servers to ask; none means the machine's.
    ///
    /// Errors: a word that is no address.
    pub(crate) fn dns_servers(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let one = |word: &String| {
            let with_port = word.parse().ok();
            let bare = || word.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, 53));
            with_port.or_else(bare).with_context(|| {
                format!("dns.servers: {word:?} is no address (không phải địa chỉ máy chủ DNS)")
            })
        };
        self.dns.servers.iter().map(one).collect()
    }

    /// Where reports about TLS come from; `None`: none are made.
    ///
    /// Errors: a word that is no address.
    pub(crate) fn tls_report_address(&self) -> anyhow::Result<Option<mail::EmailAddress>> {
        match self.mail.tls_report_address.as_str() {
            "" => Ok(None),
            word => {
                word.parse().map(Some).context("mail.tls_report_address is no address (địa chỉ không hợp lệ)")
            }
        }
    }

    /// What this house is as an intermediary.
    pub(crate) fn forwarding(&self) -> Forwarding {
        let organ_id = match self.upstream.organ_id.as_str() {
            "" => self.house.hostname.clone(),
            code => code.to_owned(),
        };
        Forwarding {
            organ_id,
            hops_max: self.upstream.hops_max,
            breaks_whole_signatures: self.upstream.trace_breaks_signatures,
        }
    }

    /// Which days are worked, and when.
    ///
    /// Errors: a key that is no day or no time.
    pub(crate) fn calendar(&self) -> anyhow::Result<Calendar> {
        let upstream = &self.upstream;
        let (opens, closes) =
            upstream.office_hours.split_once('-').context("upstream.office_hours: 07:30-17:00")?;
        Ok(Calendar {
            holidays: days("upstream.holidays", &upstream.holidays)?,
            made_up: days("upstream.made_up_days", &upstream.made_up_days)?,
            morning_end: clock("upstream.morning_end", &upstream.morning_end)?,
            office: (clock("upstream.office_hours", opens)?, clock("upstream.office_hours", closes)?),
        })
    }

    fn or_in_data(&self, given: &Path, default: &str) -> PathBuf {
        self.house.data.join(if given.as_os_str().is_empty() { Path::new(default) } else { given })
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.or_in_data(&self.house.blobs, "blobs")
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.or_in_data(&self.house.master_key, "keys/master.key")
    }

    pub(crate) fn ledger_key(&self) -> PathBuf {
        self.or_in_data(&self.ledger.key, "keys/ledger.pem")
    }

    /// Where exported years of the ledger are, when the configuration says.
    pub(crate) fn ledger_archive(&self) -> Option<PathBuf> {
        let is_said = !self.ledger.archive.as_os_str().is_empty();
        is_said.then(|| self.house.data.join(&self.ledger.archive))
    }

    /// Certificates that other mail servers' have to lead to, when the configuration says.
    pub(crate) fn peer_anchors(&self) -> Option<PathBuf> {
        let is_said = !self.mail.peer_anchors.as_os_str().is_empty();
        is_said.then(|| self.house.data.join(&self.mail.peer_anchors))
    }

    /// Where LMTP comes by a socket, when the configuration says.
    pub(crate) fn lmtp_socket(&self) -> Option<PathBuf> {
        let is_said = !self.lmtp.socket.as_os_str().is_empty();
        is_said.then(|| self.house.data.join(&self.lmtp.socket))
    }

    pub(crate) fn push_key(&self) -> PathBuf {
        self.or_in_data(&self.push.key, "keys/push.pem")
    }

    /// Certificates that push services' have to lead to, when the configuration says.
    pub(crate) fn push_authorities(&self) -> Option<PathBuf> {
        let is_said = !self.push.authorities.as_os_str().is_empty();
        is_said.then(|| self.house.data.join(&self.push.authorities))
    }

    pub(crate) fn tls_certificate(&self) -> PathBuf {
        self.or_in_data(&self.tls.certificate, "tls/cert.pem")
    }

    /// Errors: `tls.key` is not the name of a key.
    pub(crate) fn tls_key(&self) -> anyhow::Result<KeyName> {
        let named = match self.tls.key.as_str() {
            "" => KeyName::File(PathBuf::from("tls/key.pem")),
            name => name.parse().map_err(keys::said).context("tls.key")?,
        };
        Ok(match named {
            KeyName::File(path) => KeyName::File(self.house.data.join(path)),
            KeyName::Token(mut uri) => {
                uri.pin = uri.pin.map(|source| self.source_in_data(source));
                KeyName::Token(uri)
            }
        })
    }

    /// Errors: `tls.key_password` is not a source.
    pub(crate) fn tls_key_password(&self) -> anyhow::Result<Option<PinSource>> {
        match self.tls.key_password.as_str() {
            "" => Ok(None),
            source => {
                let source = source.parse().map_err(keys::said).context("tls.key_password")?;
                Ok(Some(self.source_in_data(source)))
            }
        }
    }

    /// Where scheduled backups go.
    pub(crate) fn backup_to(&self) -> PathBuf {
        self.house.data.join(&self.backup.to)
    }

    /// Errors: `backup.passphrase` is not a source.
    pub(crate) fn backup_passphrase(&self) -> anyhow::Result<PinSource> {
        let source = self.backup.passphrase.parse().map_err(keys::said).context("backup.passphrase")?;
        Ok(self.source_in_data(source))
    }

    fn source_in_data(&self, source: PinSource) -> PinSource {
        match source {
            PinSource::File(path) => PinSource::File(self.house.data.join(path)),
            other => other,
        }
    }

    /// `https://host` without a slash at the end.
    pub(crate) fn public_url(&self) -> String {
        match self.http.public_url.as_str() {
            "" => format!("https://{}", self.house.hostname),
            url => url.trim_end_matches('/').to_owned(),
        }
    }

    /// Tolerances of judging certificates.
    pub(crate) fn certificate_limits(&self) -> certs::Limits {
        let grace = i64::from(self.exchange.revocation_grace_days) * 86_400;
        certs::Limits { revocation_grace_seconds: grace, ..certs::Limits::default() }
    }

    /// Directory of trust anchors (see `congvan trust add`).
    pub(crate) fn trust(&self) -> PathBuf {
        self.house.data.join("trust")
    }

    /// This configuration as a file that explains itself.
    pub(crate) fn print(&self) -> anyhow::Result<String> {
        let mut out = String::from("# congvan configuration. Times are Vietnam's (+07:00).\n");
        print_section(&mut out, "house", &self.house)?;
        print_section(&mut out, "operation", &self.operation)?;
        print_section(&mut out, "listen", &self.listen)?;
        print_section(&mut out, "tls", &self.tls)?;
        print_section(&mut out, "mail", &self.mail)?;
        print_section(&mut out, "delivery", &self.delivery)?;
        print_section(&mut out, "imap", &self.imap)?;
        print_section(&mut out, "sessions", &self.sessions)?;
        print_section(&mut out, "clients", &self.clients)?;
        print_section(&mut out, "front", &self.front)?;
        print_section(&mut out, "lmtp", &self.lmtp)?;
        print_section(&mut out, "external", &self.external)?;
        print_section(&mut out, "oauth", &self.oauth)?;
        print_section(&mut out, "sending", &self.sending)?;
        print_section(&mut out, "delegation", &self.delegation)?;
        print_section(&mut out, "scan", &self.scan)?;
        print_section(&mut out, "search", &self.search)?;
        print_section(&mut out, "dns", &self.dns)?;
        print_section(&mut out, "http", &self.http)?;
        print_section(&mut out, "push", &self.push)?;
        print_section(&mut out, "exchange", &self.exchange)?;
        print_section(&mut out, "upstream", &self.upstream)?;
        print_section(&mut out, "check", &self.check)?;
        print_section(&mut out, "api", &self.api)?;
        print_section(&mut out, "policy", &self.policy)?;
        print_section(&mut out, "ledger", &self.ledger)?;
        print_section(&mut out, "backup", &self.backup)?;
        print_section(&mut out, "log", &self.log)?;
        Ok(out)
    }
}

fn days(key: &str, list: &[String]) -> anyhow::Result<BTreeSet<time::Date>> {
    let form = time::macros::format_description!("[year]-[month]-[day]");
    let read = |day: &String| {
        time::Date::parse(day.trim(), form)
            .with_context(|| format!("{key}: {day:?} is no day like 2027-02-05"))
    };
    list.iter().map(read).collect()
}

fn clock(key: &str, text: &str) -> anyhow::Result<time::Time> {
    let form = time::macros::format_description!("[hour]:[minute]");
    time::Time::parse(text.trim(), form).with_context(|| format!("{key}: {text:?} is no time like 12:00"))
}

fn print_section<S: Explained>(out: &mut String, name: &str, section: &S) -> anyhow::Result<()> {
    use std::fmt::Write;
    let values = toml::Value::try_from(section)?;
    writeln!(out, "\n#{}\n[{name}]", S::about().replace('\n', "\n#"))?;
    for (key, doc) in S::keys() {
        let value = values.get(key).with_context(|| format!("{name}.{key} has no value"))?;
        writeln!(out, "#{}\n{key} = {value}", doc.replace('\n', "\n#"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
