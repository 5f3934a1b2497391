//! The one place where a peer is spoken to: TLS, deadlines, sizes, no redirects (RULES R57).

use std::time::Duration;

use anyhow::Context;
use futures_util::stream::{self, StreamExt};
use mail::Timestamp;
use registry::transport::{Ask, Chain, Failure, Heard, HttpAsk};
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Client, Response, Url};
use store::{Spool, Spooling};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::exchange::handing::windows;
use crate::house::House;
use crate::intake::blocking;

/// A peer that does not even take the connection by then is down.
const CONNECT: Duration = Duration::from_secs(10);
/// One exchange in all: the largest package over a line of 2 Mbit/s.
const IN_ALL: Duration = Duration::from_secs(14 * 60);

/// Bytes that go to a disk together, and up to which a body is small. Ours: as for bodies that come ([`crate::body`]).
const BATCH: usize = 512 * 1024;

/// What was heard, and by how many milliseconds the peer's clock is before ours, where it said.
pub(crate) struct Answered {
    pub(crate) heard: Heard,
    pub(crate) clock_millis: Option<i64>,
}

/// A peer's address and the client that reaches it.
pub(crate) struct Wire {
    client: Client,
    base: String,
}

/// The address of a peer's calls: TLS, or this machine (RULES R57: the vendor's samples use plain http).
///
/// Errors: another scheme or place, or something that does not belong into an address.
pub(crate) fn check_address(url: &str) -> anyhow::Result<String> {
    let parsed = Url::parse(url.trim()).ok().filter(|url| url.has_host());
    let parsed = parsed.with_context(|| format!("{url:?} is no address like https://truc.example.vn/vxp"))?;
    let host = parsed.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    let is_here = address.map_or(host == "localhost", |address| address.is_loopback());
    match parsed.scheme() {
        "https" => {}
        "http" if is_here => {}
        _ => anyhow::bail!(
            "{url}: TLS is required but on this machine (R57) / phải dùng https, trừ địa chỉ trên chính máy này"
        ),
    }
    let has_more = !parsed.username().is_empty()
        || parsed.password().is_some()
        || parsed.query().is_some()
        || parsed.fragment().is_some();
    anyhow::ensure!(
        !has_more,
        "{url}: only scheme, host, port and path / chỉ gồm giao thức, máy, cổng và đường dẫn"
    );
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

impl Wire {
    /// `ca`: certificates in PEM that alone are trusted; empty means the system's.
    pub(crate) fn new(url: &str, ca: &str, patience: Duration) -> anyhow::Result<Self> {
        let base = check_address(url)?;
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(CONNECT)
            .read_timeout(patience)
            .timeout(IN_ALL);
        if base.starts_with("http://") {
            // What stays on this machine goes through nobody.
            builder = builder.no_proxy();
        }
        if !ca.is_empty() {
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(ca.as_bytes())?);
        }
        Ok(Self { client: builder.build().context("cannot make the client of a peer")?, base })
    }

    /// Asks, and hears the whole answer or none.
    pub(crate) async fn hear(&self, house: &House, ask: Ask) -> Result<Answered, Failure> {
        match ask {
            Ask::Http(ask) => self.http(house, ask).await,
            // A door of another kind has a window of its own.
            _ => Err(Failure::line("this kind of question cannot be asked over HTTP")),
        }
    }

    async fn http(&self, house: &House, ask: HttpAsk) -> Result<Answered, Failure> {
        let url = format!("{}/{}", self.base, ask.path);
        let mut request = match ask.method {
            "GET" => self.client.get(url),
            _ => self.client.post(url).body(body_of(&ask.body)?).header(CONTENT_LENGTH, ask.body.len()),
        };
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let before = house.now();
        let response = request.send().await.map_err(said)?;
        let after = house.now();
        let clock_millis = clock(&response, before, after);
        let status = response.status().as_u16();
        let body = kept(response, ask.answer_bytes_max, house.store.spool()).await?;
        Ok(Answered { heard: Heard { status, body }, clock_millis })
    }
}

/// What is small goes as it is; what is large is read while it goes.
fn body_of(bytes: &Chain) -> Result<reqwest::Body, Failure> {
    if bytes.len() <= BATCH as u64 {
        return Ok(bytes.whole()?.into());
    }
    let spools = bytes.spools().to_vec();
    Ok(reqwest::Body::wrap_stream(stream::iter(spools).flat_map(|spool| Box::pin(windows(spool)))))
}

/// An answer, in a spool: what is large is not in memory.
async fn kept(mut response: Response, limit: usize, mut spooling: Spooling) -> Result<Spool, Failure> {
    let (mut batch, mut came) = (Vec::new(), 0usize);
    loop {
        let piece = response.chunk().await.map_err(said)?;
        let is_last = piece.is_none();
        let piece = piece.unwrap_or_default();
        came = came.saturating_add(piece.len());
        if came > limit {
            return Err(Failure::line("the answer is larger than any should be"));
        }
        batch.extend_from_slice(&piece);
        if batch.len() >= BATCH || is_last {
            let full = std::mem::take(&mut batch);
            if came <= BATCH {
                spooling.push(&full)?;
            } else {
                let pushed = blocking(move || spooling.push(&full).map(|()| spooling)).await;
                spooling = pushed.map_err(|_| Failure::line("the answer could not be kept"))??;
            }
        }
        if is_last {
            return Ok(spooling.finish()?);
        }
    }
}

/// The address stays out of what is said: logs hold no addresses.
fn said(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_timeout() {
        return Failure::line("no answer in time");
    }
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    Failure::line(&deepest.to_string())
}

/// By how much the peer's clock is before ours (RULES R51): its `Date` has whole seconds, so half of one is added, and it was
/// written about midway.
fn clock(response: &Response, before: Timestamp, after: Timestamp) -> Option<i64> {
    let date = response.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    offset(date, before, after)
}

fn offset(date: &str, before: Timestamp, after: Timestamp) -> Option<i64> {
    let date = OffsetDateTime::parse(&date.replace("GMT", "+0000"), &Rfc2822).ok()?;
    let midway = before.millis() + (after.millis() - before.millis()) / 2;
    let off = Timestamp::from_datetime(date).millis() + 500 - midway;
    // What the half second and the way may explain is no difference.
    let doubt = 500 + (after.millis() - before.millis()) / 2;
    Some(if off.abs() <= doubt { 0 } else { off })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r57_plain_http_stays_on_the_machine() {
        let rows = [
            ("https://truc.example.vn/vxp/", Some("https://truc.example.vn/vxp")),
            ("https://[2001:db8::1]:8443/vxp", Some("https://[2001:db8::1]:8443/vxp")),
            ("http://127.0.0.1:8080/vxp", Some("http://127.0.0.1:8080/vxp")),
            ("http://[::1]:8080/vxp", Some("http://[::1]:8080/vxp")),
            ("http://localhost:8080/vxp", Some("http://localhost:8080/vxp")),
            ("http://10.0.0.1/vxp", None),
            ("http://localhost.example.vn/vxp", None),
            ("http://127.0.0.1.example.vn/vxp", None),
            ("ftp://truc.example.vn", None),
            ("truc.example.vn", None),
            ("https://a:b@truc.example.vn/", None),
            ("https://truc.example.vn/?x", None),
            ("", None),
        ];
        for (url, expected) in rows {
            assert_eq!(check_address(url).ok().as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn r51_the_other_clock() {
        let at = |secs: i64| Timestamp::from_secs(1_795_309_200 + secs);
        let date = "Sun, 22 Nov 2026 01:00:00 GMT";
        let rows = [
            (at(0), at(0), Some(0)),
            (at(1), at(1), Some(0)),
            (at(-6), at(-6), Some(6_500)),
            (at(61), at(61), Some(-60_500)),
            (at(-10), at(10), Some(0)),
        ];
        for (before, after, expected) in rows {
            assert_eq!(offset(date, before, after), expected, "{before} {after}");
        }
        assert_eq!(offset("yesterday", at(0), at(0)), None);
    }
}
