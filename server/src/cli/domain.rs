//! `congvan domain records|check`: everything a mail domain publishes, and whether it is there.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RecordType;
use mail::{Domain, EmailAddress};
use ring::digest::{SHA256, digest};

use super::provision::tell;
use super::{ACTOR, dkim};
use crate::client_setup;
use crate::config::Config;
use crate::house::House;
use crate::tls_policy::publish;

/// `congvan domain alias`.
#[derive(Args)]
pub(super) struct Alias {
    /// The domain; mail for it ends here.
    domain: Domain,
    /// The domain whose other name it is from now on.
    #[arg(long, required_unless_present = "none")]
    of: Option<Domain>,
    /// It is a domain of its own again.
    #[arg(long, conflicts_with = "of")]
    none: bool,
}

/// `congvan domain catch-all`.
#[derive(Args)]
pub(super) struct CatchAll {
    /// The domain; mail for it ends here.
    domain: Domain,
    /// An address of the mailbox.
    #[arg(long, required_unless_present = "off")]
    to: Option<EmailAddress>,
    /// Nobody does any more.
    #[arg(long, conflicts_with = "to")]
    off: bool,
}

impl Alias {
    pub(super) async fn run(self, house: &House) -> anyhow::Result<ExitCode> {
        let now = house.now();
        let said = match &self.of {
            Some(of) => (
                format!("{} là tên khác của {of}.", self.domain),
                format!("{} is another name of {of}.", self.domain),
            ),
            None => (
                format!("{} là tên miền riêng.", self.domain),
                format!("{} is a domain of its own.", self.domain),
            ),
        };
        let set = house.store.write("name a domain", self, move |tx, alias| {
            Box::pin(async move { tx.set_domain_alias(&alias.domain, alias.of.as_ref(), ACTOR, now).await })
        });
        set.await.map_err(refused)?;
        tell(&said.0, &said.1);
        Ok(ExitCode::SUCCESS)
    }
}

impl CatchAll {
    pub(super) async fn run(self, house: &House) -> anyhow::Result<ExitCode> {
        let now = house.now();
        let set = house.store.write("set a catch-all", self, move |tx, catch| {
            Box::pin(async move {
                let account = match &catch.to {
                    Some(address) => {
                        tx.account_at(address, now).await?.ok_or(store::Error::NotFound("the mailbox"))?
                    }
                    None => return tx.set_catch_all(&catch.domain, None, ACTOR, now).await,
                };
                tx.set_catch_all(&catch.domain, Some(account.account_id), ACTOR, now).await
            })
        });
        set.await.map_err(refused)?;
        tell("Đã ghi nhận.", "Noted.");
        Ok(ExitCode::SUCCESS)
    }
}

/// The store's refusals with a code, and in both languages.
fn refused(error: store::Error) -> anyhow::Error {
    match error {
        store::Error::NotFound(what) => {
            anyhow!("domain.unknown: {what} is not there (không có ở hệ thống này)")
        }
        store::Error::Refused(why) => anyhow!("domain.refused: {why} (không được chấp nhận)"),
        error => error.into(),
    }
}

/// One record to publish.
pub(super) struct Record {
    /// Its name, without the last dot.
    name: String,
    kind: RecordType,
    /// What it says, as a zone file has it.
    data: String,
    /// Whether mail suffers without it; the others are conveniences.
    is_needed: bool,
}

/// Everything for one domain.
async fn records(house: &House, domain: &Domain) -> anyhow::Result<Vec<Record>> {
    let host = house.host.as_str();
    let mut all = Vec::new();
    let mut add = |name: String, kind, data: String, is_needed| {
        all.push(Record { name, kind, data, is_needed });
    };
    let text = |data: &str| quoted(data);
    add(domain.to_string(), RecordType::MX, format!("10 {host}."), true);
    add(domain.to_string(), RecordType::TXT, text("v=spf1 mx -all"), true);
    if host != domain.as_str() {
        // What says HELO has a record of its own (RFC 7208 §10.1.3).
        add(host.to_owned(), RecordType::TXT, text("v=spf1 a -all"), true);
    }
    for key in dkim::keys(house, domain).await?.iter().filter(|key| dkim::is_published(key, house.now())) {
        add(dkim::name(key), RecordType::TXT, text(&dkim::text(key)), true);
    }
    let dmarc = format!("v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}");
    add(format!("_dmarc.{domain}"), RecordType::TXT, text(&dmarc), true);
    add(format!("_mta-sts.{domain}"), RecordType::TXT, text(&publish::record(&house.config)?), false);
    add(format!("mta-sts.{domain}"), RecordType::CNAME, format!("{host}."), false);
    let report = format!("v=TLSRPTv1; rua=mailto:postmaster@{domain}");
    add(format!("_smtp._tls.{domain}"), RecordType::TXT, text(&report), false);
    if let Some(key) = crate::tls::own_key(&house.config).await? {
        // The key, not the certificate: a renewal with the same key changes nothing (RFC 7672 §3.1.1).
        let public = digest(&SHA256, key.key.public().spki());
        let hex: String = public.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        add(format!("_25._tcp.{host}"), RecordType::TLSA, format!("3 1 1 {hex}"), false);
    }
    for door in client_setup::services(&house.config)? {
        // Programs that look in DNS are led to TLS from the first byte only (RFC 8314 §5.1).
        if door.kind.is_tls_at_once() {
            let data = format!("0 1 {} {}.", door.port, door.host);
            add(format!("{}._tcp.{domain}", door.kind.srv()), RecordType::SRV, data, false);
        }
    }
    if let Some((host, port)) = client_setup::web(&house.config) {
        add(format!("_jmap._tcp.{domain}"), RecordType::SRV, format!("0 1 {port} {host}."), false);
    }
    add(format!("autoconfig.{domain}"), RecordType::CNAME, format!("{host}."), false);
    Ok(all)
}

/// A text as a zone file has it: quoted strings of at most 255 bytes (RFC 1035 §3.3.14).
pub(super) fn quoted(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let parts = letters.chunks(250).map(|part| {
        let part: String = part.iter().collect();
        format!("\"{}\"", part.replace('\\', "\\\\").replace('"', "\\\""))
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// One line of a zone file.
pub(super) fn line(name: &str, kind: &str, data: &str) -> String {
    format!("{name}. 3600 IN {kind} {data}")
}

/// Prints them.
pub(super) async fn print(house: &House, domain: &Domain, json: bool) -> anyhow::Result<ExitCode> {
    let all = records(house, domain).await?;
    if json {
        let one = |record: &Record| serde_json::json!({ "name": record.name, "type": record.kind.to_string(), "data": record.data });
        let policy = serde_json::json!({
            "url": format!("https://mta-sts.{domain}/.well-known/mta-sts.txt"),
            "text": publish::policy_text(&house.config)?,
        });
        let records: Vec<_> = all.iter().map(one).collect();
        println!(
            "{}",
            serde_json::json!({ "domain": domain.as_str(), "records": records, "mta_sts": policy })
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("; https://mta-sts.{domain}/.well-known/mta-sts.txt:");
    for policy in publish::policy_text(&house.config)?.lines() {
        println!(";   {policy}");
    }
    for record in &all {
        println!("{}", line(&record.name, &record.kind.to_string(), &record.data));
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks each up, says what it found; 1 when something needed is missing or wrong.
pub(super) async fn check(house: &House, domain: &Domain, dns: Option<String>) -> anyhow::Result<ExitCode> {
    let mut config: Config = house.config.clone();
    if let Some(dns) = dns {
        config.dns.servers = vec![dns];
    }
    let resolver = crate::dns::resolver(&config)?;
    let mut is_good = true;
    for record in records(house, domain).await? {
        let found = found(&resolver, &record).await?;
        let word = match (&found, record.is_needed) {
            (Found::Right, _) => "đúng / right",
            (Found::Unknown, _) => "không hỏi được / no answer",
            (Found::Missing, true) => "THIẾU / MISSING",
            (Found::Missing, false) => "chưa có (nên có) / missing (advised)",
            (Found::Other(_), true) => "SAI / WRONG",
            (Found::Other(_), false) => "khác (nên sửa) / different (advised)",
        };
        is_good &= matches!(found, Found::Right) || !record.is_needed;
        println!("{word}: {} {}", record.name, record.kind);
        if let Found::Other(values) = found {
            println!("    cần / wanted: {}\n    có / found:  {}", record.data, values.join(" | "));
        }
    }
    Ok(ExitCode::from(u8::from(!is_good)))
}

/// What DNS says about a record.
enum Found {
    Right,
    Missing,
    Other(Vec<String>),
    Unknown,
}

async fn found(resolver: &TokioResolver, record: &Record) -> anyhow::Result<Found> {
    let name = format!("{}.", record.name);
    let lookup = match resolver.lookup(name, record.kind).await {
        Ok(lookup) => lookup,
        Err(error) if error.is_no_records_found() => return Ok(Found::Missing),
        Err(_) => return Ok(Found::Unknown),
    };
    let answers = lookup.answers().iter().filter(|answer| answer.record_type() == record.kind);
    let values: Vec<String> = answers.map(|answer| plain(&answer.data.to_string())).collect();
    let wanted = plain(&unquoted(&record.data));
    // A name may have other texts; only those of the same kind (their first word) compete.
    let first = |text: &str| text.split([';', ' ']).next().unwrap_or_default().to_owned();
    let rivals: Vec<String> = match record.kind {
        RecordType::TXT => values.into_iter().filter(|value| first(value) == first(&wanted)).collect(),
        _ => values,
    };
    let says = |value: &String| match policy_kind(&wanted) {
        // What a domain asks for is its own choice; that it is there once is what counts.
        true => true,
        false => *value == wanted,
    };
    Ok(match rivals.len() {
        0 => Found::Missing,
        _ if record.kind == RecordType::MX && rivals.contains(&wanted) => Found::Right,
        1 if rivals.iter().all(says) => Found::Right,
        _ => Found::Other(rivals),
    })
}

/// Whether a record states a wish of which we only propose one.
fn policy_kind(text: &str) -> bool {
    text.starts_with("v=dmarc1") || text.starts_with("v=tlsrptv1")
}

fn unquoted(data: &str) -> String {
    match data.starts_with('"') {
        true => data.replace("\" \"", "").trim_matches('"').to_owned(),
        false => data.to_owned(),
    }
}

/// For comparing: as DNS compares names; a key's letters are compared as well by `congvan dkim activate`.
fn plain(text: &str) -> String {
    let is_key = text.contains("p=");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if is_key { words } else { words.to_lowercase() }
}

/// Whether the command can be run for this domain.
pub(super) async fn local(house: &House, domain: Domain) -> anyhow::Result<Domain> {
    let read: Result<_, store::Error> = house
        .store
        .read(domain.clone(), |tx, domain| Box::pin(async move { tx.is_local_domain(domain).await }))
        .await;
    read?
        .then_some(domain)
        .context("mail for this domain does not end here (tên miền không thuộc hệ thống này)")
}
