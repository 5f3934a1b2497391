//! Whom to trust: anchors as data.
//!
//! No anchor is compiled in. Each is added by somebody who states its fingerprint, learned on another way than the
//! certificate itself (RULES 4.3: "confirm out of band before pinning").

use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::{Error, Fingerprint, Limits};

/// What somebody is trusted for, and what a question asks about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Servers we connect to.
    Tls,
    /// Clients that connect to us.
    TlsClient,
    /// Signed mail.
    Smime,
    /// Signatures on documents.
    Document,
    /// Timestamps, RFC 3161.
    Timestamp,
    /// As an anchor: all purposes. As a question: the purpose is not looked at.
    Any,
}

impl std::str::FromStr for Purpose {
    type Err = Error;

    /// The words of the command line: `tls`, `tls-client`, `smime`, `doc`, `timestamp`, `any`.
    fn from_str(text: &str) -> Result<Purpose, Error> {
        Ok(match text {
            "tls" => Purpose::Tls,
            "tls-client" => Purpose::TlsClient,
            "smime" => Purpose::Smime,
            "doc" | "document" => Purpose::Document,
            "timestamp" => Purpose::Timestamp,
            "any" => Purpose::Any,
            _ => return Err(Error::Unsupported("this purpose")),
        })
    }
}

/// Which national hierarchy an anchor heads (RULES D26): a signature from the wrong one may be genuine and still not
/// be "chữ ký số chuyên dùng công vụ".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hierarchy {
    /// Specialised for public service, run by Ban Cơ yếu Chính phủ: agencies and leaders.
    PublicService,
    /// The national root for enterprises and citizens.
    National,
    /// Anybody else: public web authorities, an agency's own, tests.
    Other,
}

/// One trusted certificate and how it came to be trusted. Its own signature, validity and extensions are not
/// questioned beyond what `path` says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Anchor {
    certificate: Certificate,
    fingerprint: Fingerprint,
    purposes: Vec<Purpose>,
    hierarchy: Hierarchy,
    /// Free text: who confirmed the fingerprint, from which document.
    source: String,
    #[serde(default, skip_serializing_if = "Window::is_open")]
    window: Window,
}

/// From when until when somebody is trusted, whatever the certificate says: a hierarchy may be left before it ends. Bounds in
/// seconds since 1970, both within; `None`: no bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Window {
    /// First trusted second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Last trusted second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl Window {
    /// Holds this moment.
    pub fn holds(&self, at: i64) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until)
    }

    fn is_open(&self) -> bool {
        *self == Window::default()
    }
}

impl Anchor {
    /// Trusts a certificate. `stated` is its SHA-256 fingerprint as the caller knows it from elsewhere.
    ///
    /// Errors: [`Error::Fingerprint`] when it is another certificate.
    pub fn new(
        certificate: Certificate,
        stated: Fingerprint,
        purposes: &[Purpose],
        hierarchy: Hierarchy,
        source: &str,
    ) -> Result<Anchor, Error> {
        let found = certificate.sha256();
        if found != stated {
            return Err(Error::Fingerprint { stated, found });
        }
        let mut purposes = purposes.to_vec();
        purposes.sort();
        purposes.dedup();
        let window = Window::default();
        Ok(Anchor { certificate, fingerprint: found, purposes, hierarchy, source: source.to_owned(), window })
    }

    /// Trusted only for moments within this window.
    pub fn within(mut self, window: Window) -> Anchor {
        self.window = window;
        self
    }

    /// When it is trusted.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The trusted certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its fingerprint, as stated and found.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What it is trusted for.
    pub fn purposes(&self) -> &[Purpose] {
        &self.purposes
    }

    /// Trusted for this purpose.
    pub fn serves(&self, purpose: Purpose) -> bool {
        purpose == Purpose::Any || self.purposes.iter().any(|&own| own == purpose || own == Purpose::Any)
    }

    /// The hierarchy it heads.
    pub fn hierarchy(&self) -> Hierarchy {
        self.hierarchy
    }

    /// Who confirmed it.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl<'de> Deserialize<'de> for Anchor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Anchor, D::Error> {
        #[derive(Deserialize)]
        struct Row {
            certificate: Certificate,
            fingerprint: Fingerprint,
            purposes: Vec<Purpose>,
            hierarchy: Hierarchy,
            source: String,
            #[serde(default)]
            window: Window,
        }
        let row = Row::deserialize(deserializer)?;
        Anchor::new(row.certificate, row.fingerprint, &row.purposes, row.hierarchy, &row.source)
            .map(|anchor| anchor.within(row.window))
            .map_err(serde::de::Error::custom)
    }
}

/// The list of anchors and its version. Reading it back checks every fingerprint again; a plain list, the form before there
/// were versions, is read as version 0.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct TrustStore {
    version: u64,
    anchors: Vec<Anchor>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Versioned { version: u64, anchors: Vec<Anchor> },
    Plain(Vec<Anchor>),
}

impl From<Written> for TrustStore {
    fn from(written: Written) -> TrustStore {
        let (version, anchors) = match written {
            Written::Versioned { version, anchors } => (version, anchors),
            Written::Plain(anchors) => (0, anchors),
        };
        TrustStore { version, anchors }
    }
}

impl TrustStore {
    /// Trusts nobody.
    pub fn new() -> TrustStore {
        TrustStore::default()
    }

    /// Grows by one with every change: what a report names beside its verdict (RULES D31).
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Adds an anchor; one with the same certificate is replaced. `false`: it is there already, the same in everything.
    pub fn add(&mut self, anchor: Anchor) -> bool {
        if self.anchors.contains(&anchor) {
            return false;
        }
        self.anchors.retain(|known| known.fingerprint != anchor.fingerprint);
        self.anchors.push(anchor);
        self.version += 1;
        true
    }

    /// Removes an anchor. `false`: there was none.
    pub fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        let before = self.anchors.len();
        self.anchors.retain(|anchor| anchor.fingerprint != fingerprint);
        let changed = self.anchors.len() != before;
        self.version += u64::from(changed);
        changed
    }

    /// Trusts the one certificate of a PEM text whose fingerprint the caller states.
    ///
    /// Errors: [`Error::Fingerprint`], [`Error::Malformed`] when there is not exactly one certificate.
    pub fn add_pem(
        &mut self,
        text: &[u8],
        stated: Fingerprint,
        purposes: &[Purpose],
        hierarchy: Hierarchy,
        source: &str,
    ) -> Result<(), Error> {
        let mut all = Certificate::all_from_pem(text, &Limits::default())?;
        let Some(certificate) = all.pop().filter(|_| all.is_empty()) else {
            return Err(Error::Malformed { what: "PEM file", why: "exactly one certificate is expected" });
        };
        self.add(Anchor::new(certificate, stated, purposes, hierarchy, source)?);
        Ok(())
    }

    /// Trusts every certificate of a bundle the caller points at and vouches for as a whole, such as the file
    /// behind `--trust` or the system's web authorities. Returns how many.
    pub fn add_bundle(
        &mut self,
        text: &[u8],
        purposes: &[Purpose],
        hierarchy: Hierarchy,
        source: &str,
    ) -> Result<usize, Error> {
        let all = Certificate::all_from_pem(text, &Limits::default())?;
        let count = all.len();
        for certificate in all {
            let stated = certificate.sha256();
            self.add(Anchor::new(certificate, stated, purposes, hierarchy, source)?);
        }
        Ok(count)
    }

    /// All anchors.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// The anchor with this certificate.
    pub fn find(&self, fingerprint: Fingerprint) -> Option<&Anchor> {
        self.anchors.iter().find(|anchor| anchor.fingerprint == fingerprint)
    }
}
