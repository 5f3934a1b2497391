//! `congvan dkim`: keys that sign mail. A new key is published first, and signs once DNS shows it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::keys::{Key, KeyKind, Size};
use clap::Subcommand;
use mail::{Domain, Secret, Timestamp};
use store::{Audit, DkimAlgorithm, DkimKey, DkimState, NewDkimKey};

use super::{ACTOR, Outcome};
use crate::authentic::Verifier;
use crate::house::House;

/// How long a retired key stays published: longer than mail is under way anywhere (RFC 5321 §4.5.4.1).
const PUBLISHED_DAYS: i64 = 14;

#[derive(Subcommand)]
pub(super) enum DkimCommand {
    /// Make a key; prints the record to publish. It signs nothing yet.
    New {
        /// The domain of From.
        domain: Domain,
        /// rsa or ed25519. Publish both: many verify RSA alone.
        #[arg(long, default_value = "rsa")]
        algorithm: DkimAlgorithm,
        /// Its name in DNS; without it one made of the algorithm and the day.
        #[arg(long)]
        selector: Option<String>,
    },
    /// The keys of a domain.
    List {
        /// The domain.
        domain: Domain,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a key sign once DNS shows it; the one before it retires.
    Activate {
        /// The domain.
        domain: Domain,
        /// The key's name in DNS.
        selector: String,
        /// Do not ask DNS.
        #[arg(long)]
        force: bool,
    },
    /// Let a key sign no more. Its record stays for some days.
    Retire {
        /// The domain.
        domain: Domain,
        /// The key's name in DNS.
        selector: String,
    },
}

impl DkimCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        super::on_data(file, |house| async move {
            match self {
                Self::New { domain, algorithm, selector } => new(&house, domain, algorithm, selector).await,
                Self::List { domain, json } => list(&house, &domain, json).await,
                Self::Activate { domain, selector, force } => {
                    activate(&house, &domain, &selector, force).await
                }
                Self::Retire { domain, selector } => retire(&house, domain, selector).await,
            }
        })
    }
}

/// The name of a key's record.
pub(super) fn name(key: &DkimKey) -> String {
    format!("{}._domainkey.{}", key.selector, key.domain)
}

/// What the record says (RFC 6376 §3.6.1).
pub(super) fn text(key: &DkimKey) -> String {
    format!("v=DKIM1; k={}; p={}", key.algorithm.as_str(), key.public_key)
}

/// Whether the record is to be there now.
pub(super) fn is_published(key: &DkimKey, now: Timestamp) -> bool {
    let days = |since: Timestamp| (now.millis() - since.millis()) / (24 * 3_600 * 1_000);
    key.retired_at.is_none_or(|since| days(since) < PUBLISHED_DAYS)
}

/// The keys of a domain.
pub(super) async fn keys(house: &House, domain: &Domain) -> anyhow::Result<Vec<DkimKey>> {
    let read: Result<_, store::Error> = house
        .store
        .read(domain.clone(), |tx, domain| Box::pin(async move { tx.dkim_keys(domain).await }))
        .await;
    Ok(read?)
}

async fn audit(house: &House, domain: &Domain, detail: String) -> anyhow::Result<()> {
    let (domain, now) = (domain.to_string(), house.now());
    let wrote: Result<(), store::Error> = house
        .store
        .write("audit a DKIM key", (domain, detail), move |tx, (domain, detail)| {
            Box::pin(
                async move { tx.audit(store::PEER, now, ACTOR, Audit::DomainChanged, domain, detail).await },
            )
        })
        .await;
    Ok(wrote?)
}

async fn new(
    house: &House,
    domain: Domain,
    algorithm: DkimAlgorithm,
    selector: Option<String>,
) -> anyhow::Result<ExitCode> {
    let day =
        house.now().to_rfc3339_vietnam().chars().take(10).filter(char::is_ascii_digit).collect::<String>();
    let selector = selector.unwrap_or_else(|| format!("{}{day}", algorithm.as_str()));
    anyhow::ensure!(is_label(&selector), "a selector is letters, digits and - (tên khóa không hợp lệ)");
    let size = match algorithm {
        DkimAlgorithm::Rsa => Size::Rsa2048,
        DkimAlgorithm::Ed25519 => Size::Ed25519,
    };
    let key = Key::generate(size).map_err(crate::keys::said)?;
    let public = match key.kind() {
        // RFC 8463 §4: the bare key.
        KeyKind::Ed25519 => key.public().key_bytes(),
        _ => key.public().spki(),
    };
    let pem = key.to_pem().map_err(crate::keys::said)?;
    let pem = String::from_utf8(pem.to_vec()).context("a key in PEM")?;
    let new = NewDkimKey {
        domain: domain.clone(),
        selector: selector.clone(),
        algorithm,
        public_key: STANDARD.encode(public),
        secret: Secret::new(pem),
    };
    house.store.add_dkim_key(new, house.now()).await?;
    audit(house, &domain, serde_json::json!({ "dkim": "new", "selector": selector }).to_string()).await?;
    let keys = keys(house, &domain).await?;
    let made = keys.iter().find(|key| key.selector == selector).context("the key is not there")?;
    println!("{}", super::domain::line(&name(made), "TXT", &super::domain::quoted(&text(made))));
    eprintln!(
        "Hãy công bố bản ghi trên, rồi: congvan dkim activate {domain} {selector}\n\
         Publish this record, then: congvan dkim activate {domain} {selector}"
    );
    Ok(ExitCode::SUCCESS)
}

/// One label, as DNS and `s=` have it (RFC 6376 §3.1).
fn is_label(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 63
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !word.starts_with('-')
        && !word.ends_with('-')
}

async fn list(house: &House, domain: &Domain, json: bool) -> anyhow::Result<ExitCode> {
    let now = house.now();
    for key in keys(house, domain).await? {
        let published = is_published(&key, now);
        match json {
            true => println!(
                "{}",
                serde_json::json!({
                    "domain": domain.as_str(),
                    "selector": key.selector,
                    "algorithm": key.algorithm.as_str(),
                    "state": key.state.as_str(),
                    "published": published,
                    "record": text(&key),
                })
            ),
            false => {
                let stays = if published { "" } else { "  (record may go / có thể gỡ bản ghi)" };
                println!("{}  {}  {}{stays}", key.selector, key.algorithm.as_str(), key.state.as_str());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether DNS says what it is to say about a key: the same `p=`.
pub(super) async fn is_shown(verifier: &Verifier, key: &DkimKey) -> bool {
    let texts = verifier.texts(&name(key)).await.unwrap_or_default();
    let says = |text: &Vec<u8>| {
        let text: String = String::from_utf8_lossy(text).chars().filter(|c| !c.is_whitespace()).collect();
        text.split(';').any(|tag| tag.strip_prefix("p=") == Some(key.public_key.as_str()))
    };
    texts.len() == 1 && texts.iter().all(says)
}

async fn activate(house: &House, domain: &Domain, selector: &str, force: bool) -> anyhow::Result<ExitCode> {
    let keys = keys(house, domain).await?;
    let key = keys.iter().find(|key| key.selector == selector);
    let key = key.context("no such key (không có khóa này)")?;
    anyhow::ensure!(
        key.state != DkimState::Retired,
        "the key is retired; make a new one (khóa đã thôi dùng, hãy tạo khóa mới)"
    );
    if !force && !is_shown(&Verifier::new(&house.config)?, key).await {
        eprintln!(
            "DNS chưa có bản ghi {0}; công bố nó trước.\nDNS does not show {0} yet; publish it first.",
            name(key)
        );
        return Ok(ExitCode::from(1));
    }
    let now = house.now();
    let wrote: Result<bool, store::Error> = house
        .store
        .write("activate a DKIM key", (domain.clone(), selector.to_owned()), move |tx, (domain, selector)| {
            Box::pin(async move { tx.activate_dkim_key(domain, selector, now).await })
        })
        .await;
    wrote?;
    audit(house, domain, serde_json::json!({ "dkim": "activate", "selector": selector }).to_string()).await?;
    println!(
        "Khóa {selector} ký thư của {domain} từ bây giờ. / Key {selector} signs mail of {domain} from now on."
    );
    Ok(ExitCode::SUCCESS)
}

async fn retire(house: &House, domain: Domain, selector: String) -> anyhow::Result<ExitCode> {
    let now = house.now();
    let wrote: Result<bool, store::Error> = house
        .store
        .write("retire a DKIM key", (domain.clone(), selector.clone()), move |tx, (domain, selector)| {
            Box::pin(async move { tx.retire_dkim_key(domain, selector, now).await })
        })
        .await;
    anyhow::ensure!(wrote?, "no such key in use (không có khóa đang dùng này)");
    audit(house, &domain, serde_json::json!({ "dkim": "retire", "selector": selector }).to_string()).await?;
    println!(
        "Khóa {selector} thôi ký; giữ bản ghi thêm {PUBLISHED_DAYS} ngày. / \
         Key {selector} signs no more; leave its record for {PUBLISHED_DAYS} days."
    );
    Ok(ExitCode::SUCCESS)
}
