//! Telling other domains, once a day, how TLS on the way to them went (RFC 8460).

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hickory_resolver::proto::rr::RecordType;
use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{EmailAddress, OwnerId, Timestamp};
use reqwest::header::CONTENT_TYPE;
use smtp::tls_report::{Outcome, Place, Report, places};
use store::{Lane, NewOutbox, OutboxKind, Sealed, TlsOutcome};

use super::outcomes::DAY;
use crate::dns::ask::{Asker, PublicAddresses};
use crate::house::House;

/// How often to look whether something is to be told.
const EVERY: Duration = Duration::from_secs(600);
/// Reports of one turn.
const REPORTS_MAX: i64 = 200;
/// Outcomes of a destination and day; the store keeps about as many.
const OUTCOMES_MAX: i64 = 200;
/// A day is told within these hours after its end, each house at its own time (RFC 8460 §4.1).
const SPREAD_SECONDS: i64 = 4 * 3_600;
/// Days that are remembered.
const REMEMBERED_DAYS: i64 = 30;
/// How long a receiver by HTTPS may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Whose the reports are: nobody's, the house's.
const NOBODY: OwnerId = OwnerId::from_bytes([0; 16]);

/// Tells of each day when it is over, until the house stops.
pub(super) async fn run(house: Arc<House>, asker: Arc<Asker>) {
    let mut die = [0; 2];
    house.chance.fill(&mut die);
    let delay = i64::from(u16::from_be_bytes(die)) * SPREAD_SECONDS / i64::from(u16::MAX);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let day = (house.now().secs() - delay).div_euclid(DAY);
        if let Err(error) = tell_until(&house, &asker, day).await {
            tracing::warn!("reports about TLS could not be made: {error:#}");
        }
        let gone = house.store.write("forget TLS outcomes", day - REMEMBERED_DAYS, |tx, day| {
            Box::pin(async move { tx.drop_tls_outcomes(*day).await })
        });
        if let Err::<u64, store::Error>(error) = gone.await {
            tracing::warn!("old outcomes of TLS could not be forgotten: {error}");
        }
    }
}

/// Tells everybody of the days before `day` that were not told yet; answers how many reports left.
///
/// # Errors
/// The store does not answer.
pub(crate) async fn tell_until(house: &House, asker: &Arc<Asker>, day: i64) -> anyhow::Result<usize> {
    let Some(contact) = house.config.tls_report_address()? else { return Ok(0) };
    let due =
        house.store.read(day, |tx, day| Box::pin(async move { tx.tls_unreported(*day, REPORTS_MAX).await }));
    let due: Result<Vec<(String, i64)>, store::Error> = due.await;
    let mut told = 0;
    for (domain, day) in due? {
        if house.stop.is_cancelled() {
            break;
        }
        // Nobody to ask now is no answer: next time.
        let Ok(answer) = asker.ask(&format!("_smtp._tls.{domain}"), RecordType::TXT).await else { continue };
        told += tell(house, asker, (&domain, day), &places(&answer.texts()), &contact).await?;
    }
    Ok(told)
}

/// Tells one destination of one day: all mails and the mark that it is told in one transaction.
async fn tell(
    house: &House,
    asker: &Arc<Asker>,
    (domain, day): (&str, i64),
    places: &[Place],
    contact: &EmailAddress,
) -> anyhow::Result<usize> {
    let outcomes = outcomes(house, domain, day).await?;
    let organization = house.host.as_str();
    // Letters and digits: it is a boundary and part of a Message-ID too.
    let id = format!("{day}.{}", crate::mail_in::draw_id(house));
    let report = Report {
        organization,
        contact,
        id: &id,
        domain,
        from: Timestamp::from_secs(day * DAY),
        until: Timestamp::from_secs(day * DAY + DAY - 1),
        outcomes: &outcomes,
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&report.to_json())?;
    let gzipped = encoder.finish()?;
    let mut posted = 0;
    let mut mails = Vec::new();
    for place in places {
        match place {
            Place::Https(url) => posted += usize::from(post(asker, url, &gzipped).await),
            Place::Mail(to) => {
                let message = report.to_mail(to, &gzipped, house.now());
                let blob = house.store.seal(NOBODY, &message, house.now()).await?;
                mails.push((row(to, &blob, house.now())?, blob));
            }
        }
    }
    let count = mails.len();
    let input = (domain.to_owned(), day, mails, house.now());
    let written = house.store.write("report TLS outcomes", input, |tx, (domain, day, mails, now)| {
        Box::pin(async move {
            if !tx.mark_tls_reported(domain, *day, *now).await? {
                return Ok(false);
            }
            for (row, blob) in mails {
                tx.enqueue_with(blob, std::slice::from_ref(row), *now).await?;
            }
            Ok::<_, store::Error>(true)
        })
    });
    Ok(posted + if written.await? { count } else { 0 })
}

async fn outcomes(house: &House, domain: &str, day: i64) -> Result<Vec<Outcome>, store::Error> {
    let read = house.store.read((domain.to_owned(), day), |tx, (domain, day)| {
        Box::pin(async move { tx.tls_outcomes(*day, Some(domain), OUTCOMES_MAX).await })
    });
    let rows: Vec<TlsOutcome> = read.await?;
    let outcome = |row: TlsOutcome| Outcome {
        kind: row.kind,
        policy: row.policy,
        host: row.host,
        failure: row.failure,
        sessions: row.sessions,
    };
    Ok(rows.into_iter().map(outcome).collect())
}

/// The null path: nobody wants to hear that a report did not arrive.
fn row(to: &EmailAddress, blob: &Sealed, now: Timestamp) -> anyhow::Result<NewOutbox> {
    let payload = OutboundMail::from_the_house(OutboundRecipient::plain(to.clone()), now);
    Ok(NewOutbox {
        kind: OutboxKind::Mail,
        owner: NOBODY,
        lane: Lane::Normal,
        destination: to.domain().as_str().to_owned(),
        payload: serde_json::to_string(&payload)?,
        blob_id: Some(blob.blob_id()),
        due_at: now,
    })
}

/// Hands a report to a place that a stranger named: public addresses only. The certificate is not looked at: it may be what the
/// report is about (RFC 8460 §3).
async fn post(asker: &Arc<Asker>, url: &str, gzipped: &[u8]) -> bool {
    let client = reqwest::Client::builder()
        .user_agent(concat!("congvan/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .https_only(true)
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .dns_resolver(Arc::new(PublicAddresses(asker.clone())))
        .timeout(PATIENCE)
        .build();
    // An address instead of a name would go past the resolver.
    let is_named = reqwest::Url::parse(url).is_ok_and(|url| url.domain().is_some());
    let (Ok(client), true) = (client, is_named) else { return false };
    let sent = client.post(url).header(CONTENT_TYPE, "application/tlsrpt+gzip").body(gzipped.to_vec()).send();
    match sent.await {
        Ok(response) if response.status().is_success() => true,
        Ok(response) => {
            tracing::info!(status = response.status().as_u16(), "a report about TLS was not taken");
            false
        }
        Err(error) => {
            tracing::info!("a report about TLS could not be handed over: {}", error.without_url());
            false
        }
    }
}
