//! The way to a push service. Anybody who has an account may name an address, so this window opens outwards only: https, public
//! addresses (or those the operator lists), the address that was looked up and no other, no redirects, little time, no answer read.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mail::Timestamp;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Url};

use super::vapid::Vapid;
use crate::evidence::is_public;
use crate::house::House;
use crate::proxy::Relays;

/// A service that does not even take the connection by then is down.
const CONNECT: Duration = Duration::from_secs(5);
/// One push in all.
const IN_ALL: Duration = Duration::from_secs(20);
/// How long a push service keeps a push for a client that is away (RFC 8030 §5.2): a day later there is newer news.
const KEPT_SECONDS: &str = "86400";
/// The longest that a service may have us wait.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// What a push came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The service took it.
    Taken,
    /// There is no such subscription at the service (RFC 8030 §7.3).
    Gone,
    /// Not now; the service may say for how long.
    Later(Option<Duration>),
    /// The service will never take it, or we never send there.
    Never,
}

/// Something to push.
pub(super) struct Parcel<'p> {
    /// Where to.
    pub(super) url: &'p str,
    /// What, sealed or not.
    pub(super) body: Vec<u8>,
    /// Whether it is sealed.
    pub(super) is_sealed: bool,
    /// Newer news of this subscription take the place of older ones that wait (RFC 8030 §5.4): 32 letters at most.
    pub(super) topic: &'p str,
}

/// The client that reaches push services.
pub(super) struct Wire {
    client: Client,
    listed: Relays,
    vapid: Vapid,
}

impl Wire {
    pub(super) fn new(house: &House) -> anyhow::Result<Self> {
        let config = &house.config.push;
        let listed = Relays::parse("push.addresses", &config.addresses)?;
        let mut builder = Client::builder()
            .user_agent(concat!("congvan/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            // A proxy would resolve names itself, past the guard.
            .no_proxy()
            .dns_resolver(Arc::new(Guard(listed.clone())))
            .connect_timeout(CONNECT)
            .timeout(IN_ALL)
            .pool_max_idle_per_host(2);
        if let Some(path) = house.config.push_authorities() {
            let pem = std::fs::read(&path).with_context(|| {
                format!("push.authorities: cannot read {} (không đọc được)", path.display())
            })?;
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        let client = match builder.build() {
            Ok(client) => client,
            Err(error) => {
                // A machine that trusts nobody reaches no push service, and does everything else.
                tracing::warn!("no push can be sent: {error}");
                Client::builder().https_only(true).tls_certs_only([]).build()?
            }
        };
        Ok(Self { client, listed, vapid: Vapid::read(house)? })
    }

    /// Sends a push, and hears what became of it.
    pub(super) async fn send(&self, parcel: Parcel<'_>, now: Timestamp) -> Answer {
        let Some(url) = self.may_reach(parcel.url) else { return Answer::Never };
        let origin = url.origin().ascii_serialization();
        let Ok(authorization) = self.vapid.authorization(&origin, now) else { return Answer::Later(None) };
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(AUTHORIZATION, authorization)
            .header(HeaderName::from_static("ttl"), KEPT_SECONDS)
            .header(HeaderName::from_static("topic"), parcel.topic)
            .header(HeaderName::from_static("urgency"), "normal")
            .body(parcel.body);
        if parcel.is_sealed {
            request = request.header(CONTENT_ENCODING, "aes128gcm");
        }
        match request.send().await {
            // What the service says besides is nobody's business here: it is not read.
            Ok(response) => answer(response.status().as_u16(), response.headers().get(RETRY_AFTER)),
            Err(error) => {
                tracing::debug!("a push did not get through: {}", error.without_url());
                Answer::Later(None)
            }
        }
    }

    /// An address that may be pushed to. A number in place of a name is looked up by nobody, so it is looked at here.
    fn may_reach(&self, url: &str) -> Option<Url> {
        let url = Url::parse(url).ok()?;
        let is_plain = url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.has_host();
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
        let may = match host.parse::<IpAddr>() {
            Ok(address) => may_reach(address, &self.listed),
            Err(_) => true,
        };
        (is_plain && may).then_some(url)
    }
}

fn may_reach(address: IpAddr, listed: &Relays) -> bool {
    is_public(address) || listed.include(address)
}

fn answer(status: u16, retry_after: Option<&HeaderValue>) -> Answer {
    let wait = retry_after.and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    let wait = wait.map(|seconds: u64| Duration::from_secs(seconds).min(WAIT_MAX));
    match status {
        200..=299 => Answer::Taken,
        404 | 410 => Answer::Gone,
        408 | 425 | 429 | 500..=599 => Answer::Later(wait),
        // Also a redirect: a push goes where its owner said, and nowhere else.
        _ => Answer::Never,
    }
}

/// Resolves names to addresses that may be reached, and no others: what was looked up is what is connected to.
struct Guard(Relays);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let listed = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<SocketAddr> = found.filter(|found| may_reach(found.ip(), &listed)).collect();
            match fit.is_empty() {
                true => Err("no address that may be reached".into()),
                false => Ok(Box::new(fit.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_8620_8_6_where_a_push_may_go() {
        let nobody = Relays::default();
        let house = Relays::parse("push.addresses", &["10.1.0.0/16".to_owned(), "::1".to_owned()]).unwrap();
        let rows = [
            ("203.162.4.190", true,  true),
            ("127.0.0.1",     false, false),
            ("10.1.2.3",      false, true),
            ("10.2.2.3",      false, false),
            ("192.168.1.1",   false, false),
            ("169.254.169.254", false, false),
            ("::1",           false, true),
            ("fe80::1",       false, false),
            ("::ffff:10.1.2.3", false, true),
            ("::ffff:127.0.0.1", false, false),
        ];
        for (address, alone, listed) in rows {
            let address = address.parse().unwrap();
            assert_eq!((may_reach(address, &nobody), may_reach(address, &house)), (alone, listed), "{address}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn what_an_answer_means() {
        let wait = |text: &'static str| Some(HeaderValue::from_static(text));
        let rows = [
            (201, None, Answer::Taken), (200, None, Answer::Taken), (404, None, Answer::Gone), (410, None, Answer::Gone),
            (301, None, Answer::Never), (400, None, Answer::Never), (403, None, Answer::Never), (413, None, Answer::Never),
            (500, None, Answer::Later(None)), (429, wait("120"), Answer::Later(Some(Duration::from_secs(120)))),
            (503, wait("99999999"), Answer::Later(Some(WAIT_MAX))), (503, wait("tomorrow"), Answer::Later(None)),
        ];
        for (status, retry_after, expected) in rows {
            assert_eq!(answer(status, retry_after.as_ref()), expected, "{status}");
        }
    }
}
