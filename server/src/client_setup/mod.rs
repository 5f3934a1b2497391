//! What mail programs are told when somebody gives them an address and a password: which doors there are, from the configuration.
//! `congvan domain records` proposes the same to DNS.

pub(crate) mod autoconfig;

use std::net::SocketAddr;

use anyhow::Context;
use mail::Domain;

use crate::config::Config;

/// A door as mail programs know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// IMAP, TLS from the first byte.
    Imaps,
    /// IMAP with STARTTLS.
    Imap,
    /// Submission, TLS from the first byte.
    Submissions,
    /// Submission with STARTTLS.
    Submission,
}

impl Kind {
    /// Best first: TLS from the first byte before STARTTLS (RFC 8314 §3).
    const ALL: [Self; 4] = [Self::Imaps, Self::Imap, Self::Submissions, Self::Submission];

    /// Whether mailboxes are read there; else mail is handed in there.
    pub(crate) fn is_imap(self) -> bool {
        matches!(self, Self::Imaps | Self::Imap)
    }

    /// Whether TLS begins with the first byte.
    pub(crate) fn is_tls_at_once(self) -> bool {
        matches!(self, Self::Imaps | Self::Submissions)
    }

    /// The name under which DNS announces it (RFC 6186 §3, RFC 8314 §5.1).
    pub(crate) fn srv(self) -> &'static str {
        match self {
            Self::Imaps => "_imaps",
            Self::Imap => "_imap",
            Self::Submissions => "_submissions",
            Self::Submission => "_submission",
        }
    }

    /// Where its sockets are, and the port that a front has for it.
    fn door(self, config: &Config) -> (&[SocketAddr], u16) {
        let (listen, clients) = (&config.listen, &config.clients);
        match self {
            Self::Imaps => (&listen.imaps, clients.imaps),
            Self::Imap => (&listen.imap, clients.imap),
            Self::Submissions => (&listen.submissions, clients.submissions),
            Self::Submission => (&listen.submission, clients.submission),
        }
    }
}

/// An open door, and where mail programs find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) kind: Kind,
    pub(crate) host: Domain,
    pub(crate) port: u16,
}

/// The open doors, best first.
///
/// # Errors
/// `clients.host` is no name of a machine.
pub(crate) fn services(config: &Config) -> anyhow::Result<Vec<Service>> {
    let host: Domain = match config.clients.host.as_str() {
        "" => config.house.hostname.parse().context("house.hostname")?,
        name => name.parse().context("clients.host is not a host name (tên máy không hợp lệ)")?,
    };
    let service = |kind: Kind| {
        let (sockets, fronted) = kind.door(config);
        // A port that the kernel picks is another after every start: nobody can be sent there.
        let own = sockets.iter().map(SocketAddr::port).find(|port| *port != 0);
        let port = if sockets.is_empty() { None } else { Some(fronted).filter(|port| *port != 0).or(own) };
        port.map(|port| Service { kind, host: host.clone(), port })
    };
    Ok(Kind::ALL.into_iter().filter_map(service).collect())
}

/// The host and the port of the web over TLS, as mail programs know it.
pub(crate) fn web(config: &Config) -> Option<(String, u16)> {
    let url: axum::http::Uri = config.public_url().parse().ok()?;
    Some((url.host()?.to_owned(), url.port_u16().unwrap_or(443)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_doors_are_offered_and_tls_at_once_comes_first() {
        let mut config = Config::default();
        config.house.hostname = "mail.a.vn".to_owned();
        assert_eq!(services(&config).unwrap(), []);
        config.listen.imap = vec!["0.0.0.0:143".parse().unwrap()];
        config.listen.imaps = vec!["0.0.0.0:0".parse().unwrap(), "0.0.0.0:993".parse().unwrap()];
        config.listen.submission = vec!["0.0.0.0:0".parse().unwrap()];
        let told = |config: &Config| -> Vec<(Kind, String, u16)> {
            let all = services(config).unwrap().into_iter();
            all.map(|service| (service.kind, service.host.to_string(), service.port)).collect()
        };
        let host = || "mail.a.vn".to_owned();
        assert_eq!(told(&config), [(Kind::Imaps, host(), 993), (Kind::Imap, host(), 143)]);
        // A front has ports of its own; a door that is closed stays so, whatever the front has.
        config.clients.imaps = 10_993;
        config.clients.submission = 587;
        config.clients.submissions = 465;
        config.clients.host = "Thư.a.vn".to_owned();
        let host = || "xn--th-e0a.a.vn".to_owned();
        let wanted =
            [(Kind::Imaps, host(), 10_993), (Kind::Imap, host(), 143), (Kind::Submission, host(), 587)];
        assert_eq!(told(&config), wanted);
        config.clients.host = "không phải tên".to_owned();
        assert!(config.check().unwrap_err().to_string().contains("clients.host"));
    }

    #[test]
    fn the_web_is_where_its_public_address_says() {
        let mut config = Config::default();
        config.house.hostname = "mail.a.vn".to_owned();
        assert_eq!(web(&config), Some(("mail.a.vn".to_owned(), 443)));
        config.http.public_url = "https://thu.a.vn:8443/".to_owned();
        assert_eq!(web(&config), Some(("thu.a.vn".to_owned(), 8443)));
    }
}
