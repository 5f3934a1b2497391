//! Mozilla's autoconfiguration file (draft-ietf-mailmaint-autoconfig), asked for by Thunderbird, Evolution, K-9 and others before anybody signs in.
//!
//! The same for everybody of a domain: of the address in the question nothing is read but its domain, so the answer tells nobody who
//! exists. It holds no secret, but whoever could change it on its way would be sent the passwords: it is given over TLS, or to a front on this machine
//! that ends TLS (R57).

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mail::Domain;
use serde::Deserialize;

use super::{Service, services};
use crate::config::Config;
use crate::house::House;
use crate::http::{problem, storage_problem};

/// The two places where programs look (§4.1 of the draft): `autoconfig.DOMAIN`, and the domain itself.
pub(crate) fn routes(house: Arc<House>) -> Router {
    Router::new()
        .route("/mail/config-v1.1.xml", get(answer))
        .route("/.well-known/autoconfig/mail/config-v1.1.xml", get(answer))
        .with_state(house)
}

/// What a program says of itself.
#[derive(Deserialize)]
struct Asked {
    /// The address that was typed in.
    emailaddress: Option<String>,
}

async fn answer(
    State(house): State<Arc<House>>,
    asked: Result<Query<Asked>, QueryRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(asked)) = asked else {
        let detail = "Câu hỏi không hợp lệ. / The query is malformed.";
        return problem(StatusCode::BAD_REQUEST, "query-malformed", detail);
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(uri.host());
    let file = match asked_about(asked.emailaddress.as_deref(), host) {
        Some(domain) => file(&house, domain).await,
        None => Ok(None),
    };
    match file {
        Ok(Some(file)) => ([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], file).into_response(),
        Ok(None) => problem(
            StatusCode::NOT_FOUND,
            "domain-unknown",
            "Thư của tên miền này không ở đây. / Mail of this domain is not here.",
        ),
        Err(error) => storage_problem(&error),
    }
}

/// The domain of the address, else the one that the host stands for.
fn asked_about(address: Option<&str>, host: Option<&str>) -> Option<Domain> {
    if let Some(address) = address {
        return address.rsplit_once('@')?.1.parse().ok();
    }
    let host = host?.to_ascii_lowercase();
    let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host);
    host.strip_prefix("autoconfig.").unwrap_or(host).parse().ok()
}

/// The file for one of our domains.
async fn file(house: &House, domain: Domain) -> store::Result<Option<String>> {
    let codes = house.config.imap.closed_codes();
    let now = house.now();
    let read = house.store.read((domain.clone(), codes), move |tx, (domain, codes)| {
        Box::pin(async move {
            if !tx.is_local_domain(domain).await? {
                return Ok(None);
            }
            let agency = if codes.is_empty() { None } else { tx.agency_of_domain(domain).await? };
            match agency {
                Some(agency_id) => Ok(Some(crate::imap::closes(tx, codes, agency_id, now).await?)),
                None => Ok(Some(false)),
            }
        })
    });
    let has_imap_closed: store::Result<Option<bool>> = read.await;
    let Some(has_imap_closed) = has_imap_closed? else { return Ok(None) };
    // What the configuration was checked for at the start does not fail now.
    let mut doors = services(&house.config).unwrap_or_default();
    doors.retain(|door| !(has_imap_closed && door.kind.is_imap()));
    Ok(Some(written(&house.config, &domain, &doors)))
}

/// The file. Programs take the first of what they know.
fn written(config: &Config, domain: &Domain, doors: &[Service]) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n");
    let _ = write!(
        out,
        "  <emailProvider id=\"{domain}\">\n    <domain>{domain}</domain>\n    \
         <displayName>{domain}</displayName>\n    <displayShortName>Công văn</displayShortName>\n"
    );
    for door in doors.iter().filter(|door| door.kind.is_imap()) {
        server(&mut out, "incomingServer", "imap", door);
    }
    if !(config.listen.https.is_empty() && config.listen.http.is_empty()) {
        let url = web::escape(&config.public_url());
        let _ = write!(
            out,
            "    <incomingServer type=\"jmap\">\n      <url>{url}/jmap/session</url>\n      \
             <authentication system=\"http\">basic</authentication>\n      <username>%EMAILADDRESS%</username>\n    </incomingServer>\n"
        );
    }
    for door in doors.iter().filter(|door| !door.kind.is_imap()) {
        server(&mut out, "outgoingServer", "smtp", door);
    }
    out.push_str("  </emailProvider>\n</clientConfig>\n");
    out
}

/// One server that is reached over TCP. The password is told inside TLS: what the file calls `password-encrypted` is CRAM-MD5, which
/// nobody here knows, and it has no word for SCRAM.
fn server(out: &mut String, element: &str, protocol: &str, door: &Service) {
    let security = if door.kind.is_tls_at_once() { "SSL" } else { "STARTTLS" };
    let _ = write!(
        out,
        "    <{element} type=\"{protocol}\">\n      <hostname>{}</hostname>\n      <port>{}</port>\n      \
         <socketType>{security}</socketType>\n      <authentication>password-cleartext</authentication>\n      \
         <username>%EMAILADDRESS%</username>\n    </{element}>\n",
        door.host, door.port
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_for_which_domain_else_the_host() {
        for (address, host, domain) in [
            (Some("an@a.vn"), Some("autoconfig.b.vn"), Some("a.vn")),
            (Some("An+hop@A.VN"), None, Some("a.vn")),
            (Some("\"an@b.vn\"@a.vn"), None, Some("a.vn")),
            (Some("an"), Some("autoconfig.a.vn"), None),
            (Some("an@"), Some("autoconfig.a.vn"), None),
            (Some("an@<b>"), None, None),
            (None, Some("autoconfig.a.vn"), Some("a.vn")),
            (None, Some("AutoConfig.A.vn:8443"), Some("a.vn")),
            (None, Some("a.vn"), Some("a.vn")),
            (None, Some("[::1]:8443"), None),
            (None, None, None),
        ] {
            let found = asked_about(address, host);
            assert_eq!(found.as_ref().map(Domain::as_str), domain, "{address:?} {host:?}");
        }
    }

    #[test]
    fn what_is_told_are_the_doors_and_the_web() {
        let mut config = Config::default();
        config.house.hostname = "mail.a.vn".to_owned();
        config.http.public_url = "https://mail.a.vn/?a&b".to_owned();
        config.listen.imaps = vec!["0.0.0.0:993".parse().unwrap()];
        config.listen.submission = vec!["0.0.0.0:587".parse().unwrap()];
        let domain: Domain = "a.vn".parse().unwrap();
        let file = |config: &Config| written(config, &domain, &services(config).unwrap());
        let told = file(&config);
        let at = |words: &str| told.find(words).unwrap_or_else(|| panic!("{words}: {told}"));
        let order = [
            "<domain>a.vn</domain>",
            "<incomingServer type=\"imap\">",
            "<port>993</port>\n      <socketType>SSL</socketType>",
            "<outgoingServer type=\"smtp\">",
            "<hostname>mail.a.vn</hostname>\n      <port>587</port>\n      <socketType>STARTTLS</socketType>",
        ];
        assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{told}");
        assert!(!told.contains("jmap") && !told.contains("plain"), "the web is closed: {told}");
        config.listen.https = vec!["0.0.0.0:443".parse().unwrap()];
        assert!(file(&config).contains("<url>https://mail.a.vn/?a&amp;b/jmap/session</url>"));
    }
}
