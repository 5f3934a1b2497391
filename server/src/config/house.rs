//! The machine, its doors, and what it is run with.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Explained;

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
