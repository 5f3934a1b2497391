//! The configuration: one TOML file, every key with a line of explanation.
//!
//! The explanation is the doc comment: `congvan config print`, `docs/CONFIG.md` and the structs below come from the
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

pub(crate) use clients::Clients;
pub(crate) use delivery::Delivery;
pub(crate) use doors::{External, Front, Lmtp};

section! {
    /// The installation as a whole.
    House {
        /// Name of this machine as other mail servers and agencies see it: greeting, Received headers, links.
        hostname: String = "localhost".to_owned(),
        /// Directory for everything that is kept: database, blobs, keys. Relative to this file.
        data: PathBuf = PathBuf::from("data"),
        /// Where the rows lie: "sqlite" for one file in the data directory, or a postgres:// address (PostgreSQL 15 or newer).
        database: String = "sqlite".to_owned(),
        /// Directory of large blobs; empty means "blobs" in the data directory.
        blobs: PathBuf = PathBuf::new(),
        /// File with the 32-byte master key that wraps all data keys; empty means "keys/master.key" in the data directory. Back it
        /// up apart from the data: without it nothing can be read.
        master_key: PathBuf = PathBuf::new(),
        /// Seconds that work in progress may take to finish after a stop was asked for.
        stop_seconds: u64 = 20,
    }
}

section! {
    /// The doors. Each is a list of address:port; an empty list closes it; port 0 picks a free one.
    Listen {
        /// Mail from other servers (RFC 5321), usually port 25.
        smtp: Vec<SocketAddr> = Vec::new(),
        /// Submission with STARTTLS (RFC 6409), usually port 587.
        submission: Vec<SocketAddr> = Vec::new(),
        /// Submission with TLS from the first byte (RFC 8314), usually port 465. Prefer it.
        submissions: Vec<SocketAddr> = Vec::new(),
        /// Delivery from a front mail server on a trusted network (LMTP, RFC 2033).
        lmtp: Vec<SocketAddr> = Vec::new(),
        /// Mail programs reading their mailboxes, TLS from the first byte (RFC 8314), usually port 993. Prefer it.
        imaps: Vec<SocketAddr> = Vec::new(),
        /// The same with STARTTLS, usually port 143. Nobody signs in without TLS.
        imap: Vec<SocketAddr> = Vec::new(),
        /// JMAP, the exchange and the pages over TLS, usually port 443.
        https: Vec<SocketAddr> = Vec::new(),
        /// The same without TLS, for a front that ends TLS on this machine and for health checks. Loopback only: any other address
        /// is refused (RULES R57).
        http: Vec<SocketAddr> = Vec::new(),
    }
}

section! {
    /// TLS.
    Tls {
        /// Certificate chain of this machine, PEM, leaf first. Empty means "tls/cert.pem" in the data directory.
        certificate: PathBuf = PathBuf::new(),
        /// Its private key: a file (PEM, PKCS #8, PKCS #12), or a key in a token or HSM:
        /// "pkcs11:token=...;object=...?module-path=...&pin-source=file:..." (RFC 7512). Empty means "tls/key.pem" in the data
        /// directory. When the key's file or token has the certificate and there is no file of certificates, that one is used.
        key: String = String::new(),
        /// Where the key's password or the token's PIN comes from: "file:PATH" (the first line) or "env:NAME". Empty: there is none.
        key_password: String = String::new(),
    }
}

section! {
    /// Mail.
    Mail {
        /// Largest message taken, bytes, encoded (RULES M32).
        message_bytes_max: usize = 25 * 1024 * 1024,
        /// Recipients of one message.
        recipients_max: usize = 1_000,
        /// Connections at once on all mail doors.
        connections_max: usize = 10_000,
        /// Connections at once from one address.
        connections_per_address_max: usize = 200,
        /// Relays of the house before the mail doors, addresses or networks ("10.1.2.0/24"): each of their connections begins with the
        /// PROXY protocol (HAProxy, version 1 or 2), and the client that it names is the one that is judged and counted. Name nobody
        /// else: whoever is named here can say to be anybody.
        proxy_from: Vec<String> = Vec::new(),
        /// Bytes a new mailbox may hold (RULES M31).
        quota_bytes: i64 = 5 * 1024 * 1024 * 1024,
        /// Deliveries to other servers at once.
        deliveries_max: usize = 50,
        /// Whether other servers' certificates must be good: "opportunistic" takes any TLS and plain text when there is none, "required"
        /// never sends without TLS.
        outbound_tls: String = "opportunistic".to_owned(),
        /// File of certificates (PEM) that the certificates of other mail servers, and of the places of their MTA-STS policies, have to
        /// lead to; empty means those that the machine trusts. Relative to the data directory.
        peer_anchors: PathBuf = PathBuf::new(),
        /// The mode of the MTA-STS policy that we publish for our own domains (RFC 8461): "none", "testing" or "enforce". Begin with
        /// "testing" and read the reports; "enforce" makes others keep their mail when our certificate is not in order.
        mta_sts_mode: String = "none".to_owned(),
        /// The hosts in that policy, as in the MX records of our domains; empty means the hostname.
        mta_sts_hosts: Vec<String> = Vec::new(),
        /// Days for which others keep that policy.
        mta_sts_days: u64 = 14,
        /// Address from which, and about which, other domains are told once a day how TLS on the way to them went, if they ask for it
        /// (RFC 8460). Empty: nobody is told.
        tls_report_address: String = String::new(),
        /// Hours after which a message that cannot be delivered is given back (RFC 5321 §4.5.4.1 advises 4 to 5 days).
        give_up_hours: u64 = 5 * 24,
        /// Days for which it can be told what happened to a message, see "congvan trace" (RULES A23: twelve months).
        trace_days: u64 = 365,
        /// Days after which somebody who writes again to a person who is away is answered again.
        vacation_days: u64 = 7,
        /// What follows when From is not true and its domain asks for more than nothing (DMARC, RFC 7489): "off" only says so in the
        /// header, "mark" puts the message where junk lies, "enforce" refuses as well when the domain asks for that.
        dmarc: String = "mark".to_owned(),
        /// Domains whose ARC seal on a message is believed when DMARC fails (RFC 8617): mailing lists and relays you know.
        arc_sealers: Vec<String> = Vec::new(),
        /// Whether LMTP brings mail from the outside that nobody has authenticated yet.
        lmtp_is_border: bool = false,
        /// Whether mail from programs on this machine is authenticated as well. Nothing is asked about it otherwise.
        authenticate_loopback: bool = false,
    }
}

section! {
    /// Mailboxes for classic mail programs (IMAP, RFC 9051). Closed while listen.imaps and listen.imap are empty.
    Imap {
        /// Connections at once on both doors. A mail program keeps three to five.
        connections_max: usize = 20_000,
        /// Connections at once from one address; an office behind one address has many people.
        connections_per_address_max: usize = 1_000,
        /// Largest message that a program may put into a mailbox, bytes (APPENDLIMIT, RFC 7889).
        append_bytes_max: usize = 50 * 1024 * 1024,
        /// Bytes of messages on their way into mailboxes that all programs together may have in memory. Whoever comes when it is full is told
        /// so at once (NO [LIMIT]) and tries again.
        append_memory_bytes_max: usize = 256 * 1024 * 1024,
        /// Codes of agencies whose people may not use these doors.
        closed_to: Vec<String> = Vec::new(),
    }
}

section! {
    /// Connections that stay open for hours: IDLE and NOTIFY of IMAP, event streams and WebSockets of JMAP.
    Sessions {
        /// Seconds after which such a connection is held against the account again: one that was locked or closed, has another password,
        /// whose token has run out or whose agency has closed the protocol ends by then. From 1 to 3600.
        look_again_seconds: u64 = 60,
    }
}

section! {
    /// The province's single sign-on, whose tokens open the mail doors (OAUTHBEARER, XOAUTH2).
    Oauth {
        /// The issuer ("iss" of its tokens, to the letter); empty means there is none.
        issuer: String = String::new(),
        /// What its tokens have to be for ("aud").
        audience: String = "congvan".to_owned(),
        /// Its keys (a JWK set): an https:// address, or a file.
        keys: String = String::new(),
        /// The claim that holds the address.
        claim: String = "email".to_owned(),
    }
}

section! {
    /// How much may be sent. 0 is no limit; "congvan sending-limit" gives one of its own to whoever needs it.
    Sending {
        /// Messages of one person in an hour.
        person_messages_per_hour: i64 = 200,
        /// Recipients of one person in a day.
        person_recipients_per_day: i64 = 2_000,
        /// Messages of one agency's or unit's box in an hour.
        box_messages_per_hour: i64 = 1_000,
        /// Recipients of one agency's or unit's box in a day.
        box_recipients_per_day: i64 = 20_000,
        /// Messages of everybody in one unit in an hour.
        unit_messages_per_hour: i64 = 5_000,
        /// Recipients of everybody in one unit in a day.
        unit_recipients_per_day: i64 = 50_000,
        /// Messages of everybody in one agency, whatever its domains, in an hour.
        agency_messages_per_hour: i64 = 20_000,
        /// Recipients of everybody in one agency in a day.
        agency_recipients_per_day: i64 = 200_000,
    }
}

section! {
    /// Who may act in the boxes of agencies ("congvan delegate").
    Delegation {
        /// The longest time, in days, for which a person is let in; then it is granted anew.
        days_max: u64 = 366,
    }
}

section! {
    /// Looking into mail: scanners, attachments, the quarantine.
    Scan {
        /// Where clamd listens: "unix:/run/clamav/clamd.ctl" or "HOST:PORT"; empty means that no mail is scanned for malware.
        clamd: String = String::new(),
        /// What becomes of malware from outside: "refuse", or "quarantine" (only an administrator may release it).
        malware_in: String = "refuse".to_owned(),
        /// The same for what our own people send.
        malware_out: String = "refuse".to_owned(),
        /// Where rspamd's normal worker listens, as "http://127.0.0.1:11333"; empty means that it is not asked.
        rspamd: String = String::new(),
        /// What becomes of mail that rspamd wants rejected: "refuse", or "quarantine" (whoever it is for may release it).
        spam: String = "refuse".to_owned(),
        /// What becomes of mail while a scanner does not answer: "defer" asks its sender to try again, "mark" takes it with the
        /// field X-Congvan-Scan: none and the keyword $unscanned.
        unavailable: String = "defer".to_owned(),
        /// Seconds one scanner may take for one mail.
        seconds: u64 = 60,
        /// Mails at one scanner at once.
        at_once: usize = 10,
        /// Endings of file names that are refused, also inside archives (RULES M33).
        refused_endings: Vec<String> = [
            "ade", "adp", "apk", "appx", "bat", "chm", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta", "img", "ins", "iso", "jar",
            "js", "jse", "lib", "lnk", "mde", "msc", "msi", "msix", "msp", "mst", "ocx", "pif", "ps1", "psm1", "reg", "scf", "scr",
            "sct", "sh", "shb", "sys", "vb", "vbe", "vbs", "vhd", "vhdx", "vxd", "wsc", "wsf", "wsh", "xll",
        ]
        .map(str::to_owned)
        .to_vec(),
        /// Endings of file names that go into the quarantine: documents with macros.
        held_endings: Vec<String> =
            ["docm", "dotm", "potm", "ppam", "ppsm", "pptm", "xlam", "xlsm", "xltm"].map(str::to_owned).to_vec(),
        /// What becomes of encrypted archives: "quarantine" for the records office, "refuse", or "pass" (RULES M33).
        encrypted_archives: String = "quarantine".to_owned(),
        /// The same for archives that cannot be looked into: 7z, rar and others, or damaged ones.
        opaque_archives: String = "quarantine".to_owned(),
        /// Archives inside archives.
        archive_depth_max: usize = 5,
        /// Files in all archives of one mail.
        archive_files_max: usize = 10_000,
        /// Bytes of all unpacked files of one mail.
        archive_bytes_max: u64 = 256 * 1024 * 1024,
        /// How many times larger a file of more than 1 MiB may become when it is unpacked.
        archive_ratio_max: u64 = 200,
        /// Days a mail waits in the quarantine before it is deleted.
        quarantine_days: u64 = 30,
        /// Hours between two letters to somebody about new mail that waits in the quarantine for them; 0 for none.
        digest_hours: u64 = 24,
    }
}

section! {
    /// Searching in mail.
    Search {
        /// Whether the texts of attachments are searched too (PDF, docx, xlsx, pptx, OpenDocument, plain text).
        attachments: bool = true,
        /// Seconds the attachments of one message may take; what has been read until then is searched.
        attachment_seconds: u64 = 20,
        /// Largest attachment that is read, bytes.
        attachment_bytes_max: usize = 25 * 1024 * 1024,
    }
}

section! {
    /// Questions to DNS.
    Dns {
        /// Name servers to ask, as "192.0.2.1" or "127.0.0.1:5353"; empty means those of the machine. For DANE it has to be one that
        /// validates (unbound on this machine, say), for its word is taken.
        servers: Vec<String> = Vec::new(),
        /// Seconds to wait for one answer.
        seconds: u64 = 5,
        /// Whether the server's word that it has validated an answer (the AD bit) is taken. Without it there is no DANE. Only for a
        /// validating server on this machine, or behind a line that nobody else can write on.
        trust_ad: bool = false,
    }
}

section! {
    /// The web doors (JMAP, exchange, pages).
    Http {
        /// Connections at once.
        connections_max: usize = 10_000,
        /// Bytes of a request's headers; exchange clients send their receivers there, twice (VXP 1).
        header_bytes_max: usize = 512 * 1024,
        /// Seconds a request may take before its answer begins.
        request_seconds: u64 = 60,
        /// Address clients reach this machine by, for links in JMAP; empty means https:// and the hostname.
        public_url: String = String::new(),
    }
}

section! {
    /// News for mail programs that have no connection open: pushes to the addresses they name (RFC 8620 §7.2). The whole house may
    /// reach them, so only public addresses are reached.
    Push {
        /// Key that pushes are signed with (RFC 8292), PEM, P-256; empty means "keys/push.pem" in the data directory, made at first use.
        key: PathBuf = PathBuf::new(),
        /// Addresses or networks on closed networks where a push service of the state is, that may be reached besides ("10.1.2.0/24").
        addresses: Vec<String> = Vec::new(),
        /// Certificates (PEM) that push services' have to lead to; empty means those the machine trusts.
        authorities: PathBuf = PathBuf::new(),
        /// Pushes at once.
        at_once: usize = 16,
    }
}

section! {
    /// The exchange of documents between agencies.
    Exchange {
        /// Largest package taken, bytes (VXP 4.2; RULES E17).
        package_bytes_max: usize = 200 * 1024 * 1024,
        /// Bytes of memory for packages on their way in: half for the files of large ones while they are looked at, a quarter for packages
        /// of up to 1 MiB. Whoever comes when it is taken waits, and is told after request_seconds to come later.
        packages_memory_bytes_max: usize = 1024 * 1024 * 1024,
        /// Whether a document needs valid signatures of leader and agency to be accepted (RULES R14): "required" refuses without
        /// them, "recorded" accepts and records that it is for information only.
        signatures: String = "required".to_owned(),
        /// Seconds after which an accepted document is looked at again, every page of it, for marks of secrecy that its first pages did
        /// not show (RULES R11); it is done slowly, behind everything else. 0: never.
        look_again_seconds: u64 = 300,
        /// Seconds to wait for revocation evidence of a signature.
        evidence_seconds: u64 = 10,
        /// Addresses (scheme and host) from which CRL, OCSP and issuer certificates may be fetched; "*" means any address a
        /// certificate under a trusted anchor names.
        evidence_from: Vec<String> = vec!["*".to_owned()],
        /// Days for which a package to a code that was closed by a merger, or replaced, still goes to who follows; its sender is told
        /// (RULES I6). Afterwards it is refused, and the refusal names the codes that followed. 0: refused at once.
        forward_closed_days: u32 = 365,
        /// Days a revocation list may have outlived its next update and still count, for closed networks that see new ones rarely
        /// (RULES D27). The verdict says so. 0: not at all.
        revocation_grace_days: u16 = 0,
        /// Days a recalled copy is kept under its key after the receiver has cancelled it, unreadable, so that two persons can
        /// reverse a mistaken recall (RULES R43, RECALL_SHRED_DELAY). 0: the key is forgotten at once.
        recall_shred_days: u32 = 30,
        /// Codes of agencies for which status 01 is sent when their system acknowledges a document with "done" (RULES R28); "*" means
        /// all. Leave it empty where the receiving software sends 01 itself.
        automatic_arrival: Vec<String> = Vec::new(),
    }
}

section! {
    /// Other axes that this house is a client of (congvan peer), and watching over those who are clients here.
    Upstream {
        /// Our own code in the traces of packages we forward, letters, digits and .-_ only (RULES R66); empty means the hostname.
        organ_id: String = String::new(),
        /// Hands a package may have gone through before it comes here; more means that it goes in circles.
        hops_max: usize = 16,
        /// Whether our line is added even to packages whose signature covers the whole of them and breaks by it (RULES R67). Without,
        /// they are forwarded unchanged.
        trace_breaks_signatures: bool = false,
        /// Seconds another axis may keep still in the middle of an answer.
        patience_seconds: u64 = 60,
        /// Days the content of what another axis has confirmed, and of what was refused, is kept; the log of messages stays (RULES R69).
        content_days: u32 = 90,
        /// Minutes in office hours after which an agency is told that its system does not ask any more (RULES R71). 0: never.
        silent_minutes: u64 = 30,
        /// Office hours.
        office_hours: String = "07:30-17:00".to_owned(),
        /// When the morning ends, until which a document has to be through on the next working day (RULES R19).
        morning_end: String = "12:00".to_owned(),
        /// Days off besides Saturdays and Sundays, yyyy-mm-dd.
        holidays: Vec<String> = Vec::new(),
        /// Saturdays and Sundays that are worked instead, yyyy-mm-dd.
        made_up_days: Vec<String> = Vec::new(),
    }
}

section! {
    /// The public page that checks documents, /kiem-tra.
    Check {
        /// Whether anybody may check documents there.
        enabled: bool = true,
        /// Documents judged at once.
        at_once: usize = 2,
        /// Documents that may wait for that; whoever comes then is told how many are before.
        waiting_max: usize = 32,
        /// Bytes of documents in memory together, in all stages.
        memory_bytes_max: usize = 256 * 1024 * 1024,
        /// Seconds a judgement may take, evidence included.
        seconds: u64 = 30,
        /// Checks per minute from one address; as many as half of it at once.
        per_minute: u32 = 20,
    }
}

section! {
    /// Our REST API, /api/v1.
    Api {
        /// Requests a minute from one key; half of them at once.
        requests_per_minute: u32 = 1_200,
        /// Requests a minute from one address with what is no key, before it is told to wait. Ours: a system that lost its key is told
        /// so, a guesser soon learns nothing more.
        wrong_keys_per_minute: u32 = 60,
        /// Bytes that the unfinished and unused uploads of one system may have together.
        upload_quota_bytes: u64 = 2 * 1024 * 1024 * 1024,
        /// Hours after which an upload that nobody goes on with, or uses, is let go.
        upload_hours: u64 = 24,
        /// Days for which an answer is given again to the same Idempotency-Key.
        repeat_days: u64 = 7,
        /// Days for which events can be read; a system that was away longer reads its lists instead.
        event_days: u64 = 90,
    }
}

section! {
    /// The rules of mail. The rules themselves are data: see "congvan policy".
    Policy {
        /// Seconds that the official documents of one mail may be judged before it is taken in; what is not judged by then is marked as unknown.
        judge_seconds: u64 = 5,
        /// Days for which counts of letters are kept, for reports and for "congvan policy dry-run".
        record_days: u64 = 60,
    }
}

section! {
    /// The ledger of accepted acts.
    Ledger {
        /// Name of the log in its signed checkpoints: a host and path of your own (C2SP tlog-checkpoint). Never change it.
        origin: String = "localhost/congvan".to_owned(),
        /// File with the log's signing key; empty means "keys/ledger.pem" in the data directory.
        key: PathBuf = PathBuf::new(),
        /// Milliseconds between two signed checkpoints while acts come in.
        checkpoint_millis: u64 = 250,
        /// Timestamp authority (RFC 3161, http://… or https://…) that says by when a checkpoint existed; empty means none.
        timestamp_url: String = String::new(),
        /// Seconds between two timestamps while the ledger grows.
        timestamp_seconds: u64 = 600,
        /// Directory of exported years (see "congvan ledger export"); what was dropped from the database is read there.
        archive: PathBuf = PathBuf::new(),
    }
}

section! {
    /// What is written to the log on standard error. Never a name, an address or content.
    Log {
        /// Least severity, or a filter per part ("info,congvan=debug").
        level: String = "info".to_owned(),
        /// "text" for people, "json" for collectors.
        format: String = "text".to_owned(),
    }
}

section! {
    /// Backups by the clock (RULES R59, A26). "congvan backup" makes them by hand.
    Backup {
        /// Directory of the repository, on another disk or machine than the data. Relative to the data directory. Empty: no backup is
        /// made by itself.
        to: PathBuf = PathBuf::new(),
        /// Where the passphrase comes from that seals them: "file:PATH" (the first line) or "env:NAME". Keep it elsewhere too: without
        /// it no backup can be read.
        passphrase: String = String::new(),
        /// The hour of the day, 0 to 23, in Vietnam.
        hour: u8 = 2,
        /// Backups that are kept; older ones are taken away after a new one is made.
        keep: usize = 14,
        /// Days after which the newest is restored into a scratch directory beside the others, looked through and taken away again; 0:
        /// never. It takes as much room as the data.
        test_days: u64 = 7,
    }
}

impl Backup {
    /// Whether backups are made by themselves.
    pub(crate) fn is_scheduled(&self) -> bool {
        !self.to.as_os_str().is_empty()
    }
}

impl Imap {
    /// The agencies that keep these doors closed; the words were looked at when the configuration was read.
    pub(crate) fn closed_codes(&self) -> Vec<mail::AgencyCode> {
        self.closed_to.iter().filter_map(|code| code.parse().ok()).collect()
    }
}

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
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let mut config = Config::default();
        config.listen.smtp = vec!["127.0.0.1:2525".parse().unwrap(), "[::1]:2525".parse().unwrap()];
        let printed = config.print().unwrap();
        let back: Config = toml::from_str(&printed).unwrap();
        assert_eq!(back.print().unwrap(), printed);
        // Every key has a line of explanation before it.
        let lines: Vec<&str> = printed.lines().collect();
        for (before, line) in lines.iter().zip(&lines[1..]) {
            assert!(!line.contains(" = ") || line.starts_with('#') || before.starts_with("# "), "{line}");
        }
    }

    #[test]
    fn the_reference_in_docs_is_what_the_program_prints() {
        let kept = include_str!("../../docs/congvan.example.toml");
        assert_eq!(kept, Config::default().print().unwrap(), "make docs writes it anew");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = toml::from_str::<Config>("[mail]\nmesage_bytes_max = 1").unwrap_err();
        assert!(error.to_string().contains("mesage_bytes_max"), "{error}");
    }

    #[test]
    fn keys_are_named_and_found_in_the_data() {
        let mut config = Config::default();
        config.house.data = PathBuf::from("/srv/congvan");
        assert_eq!(config.tls_key().unwrap(), KeyName::File("/srv/congvan/tls/key.pem".into()));
        config.tls.key = "pkcs11:object=tls?module-path=/m.so&pin-source=file:keys/pin".to_owned();
        config.tls.key_password = "env:PIN".to_owned();
        config.check().unwrap();
        let KeyName::Token(uri) = config.tls_key().unwrap() else { panic!() };
        assert_eq!(uri.pin, Some(PinSource::File("/srv/congvan/keys/pin".into())));
        config.tls.key = "pkcs11:object=tls?module-path=/m.so&pin-value=1234".to_owned();
        let told = format!("{:#}", config.check().unwrap_err());
        assert!(told.contains("tls.key") && told.contains("key.name") && !told.contains("1234"), "{told}");
        config.tls.key = String::new();
        config.tls.key_password = "1234".to_owned();
        config.check().unwrap();
        config.tls.key_password = "pass:1234".to_owned();
        assert!(config.check().is_err(), "a password is not written into the configuration");
    }

    #[test]
    fn r19_days_and_hours_are_read_or_refused() {
        let mut config = Config::default();
        config.upstream.holidays = vec!["2027-02-05".to_owned()];
        assert_eq!(config.calendar().unwrap().holidays, [time::macros::date!(2027 - 02 - 05)].into());
        type Change = fn(&mut Upstream);
        let wrong: [Change; 4] = [
            |upstream| upstream.holidays = vec!["05/02/2027".to_owned()],
            |upstream| upstream.office_hours = "08:00".to_owned(),
            |upstream| upstream.morning_end = "25:00".to_owned(),
            |upstream| upstream.organ_id = "Trục liên thông".to_owned(),
        ];
        for change in wrong {
            let mut config = Config::default();
            change(&mut config.upstream);
            assert!(config.check().is_err(), "{:?}", config.upstream);
        }
    }

    #[test]
    fn r57_plain_http_stays_on_the_machine() {
        let mut config = Config::default();
        config.listen.http = vec!["0.0.0.0:80".parse().unwrap()];
        assert!(config.check().unwrap_err().to_string().contains("loopback"));
        config.listen.http = vec!["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()];
        config.check().unwrap();
    }
}
