//! The province's single sign-on: where its keys come from (RFC 7517), and how fresh they are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use directory::tokens::{KEYS_BYTES_MAX, TokenKeys, TokenRules};
use mail::Timestamp;
use tokio::sync::Mutex;

use crate::config::Config;
use crate::upstream::check_address;

/// Keys older than this are looked for again before the next token is judged: so long may an issuer's new key be unknown.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// An issuer that does not answer is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(5);

enum Source {
    File(PathBuf),
    Web(reqwest::Client, String),
}

struct Seen {
    keys: Option<Arc<TokenKeys>>,
    looked_at: Option<Timestamp>,
}

/// The single sign-on of the configuration.
pub(crate) struct SingleSignOn {
    pub(crate) rules: TokenRules,
    source: Source,
    /// Held while looking, so that one looks for all.
    seen: Mutex<Seen>,
}

impl SingleSignOn {
    /// `None` when the configuration names none.
    ///
    /// # Errors
    /// An address of keys that is none.
    pub(crate) fn open(config: &Config) -> anyhow::Result<Option<Self>> {
        let oauth = &config.oauth;
        if oauth.issuer.is_empty() {
            return Ok(None);
        }
        let rules = TokenRules {
            issuer: oauth.issuer.clone(),
            audience: oauth.audience.clone(),
            claim: oauth.claim.clone(),
        };
        let source = match oauth.keys.contains("://") {
            true => {
                let url = check_address(&oauth.keys).context("oauth.keys")?;
                let client = reqwest::Client::builder()
                    .redirect(reqwest::redirect::Policy::none())
                    .timeout(PATIENCE)
                    .build()
                    .context("oauth.keys")?;
                Source::Web(client, url)
            }
            false => Source::File(config.house.data.join(&oauth.keys)),
        };
        let seen = Mutex::new(Seen { keys: None, looked_at: None });
        Ok(Some(Self { rules, source, seen }))
    }

    /// The issuer's keys; those seen before when it does not answer now, `None` when none were ever seen.
    pub(crate) async fn keys(&self, now: Timestamp) -> Option<Arc<TokenKeys>> {
        let mut seen = self.seen.lock().await;
        if seen.looked_at.is_none_or(|at| now.since(at) >= FRESH || now < at) {
            seen.looked_at = Some(now);
            match self.look().await {
                Ok(keys) => seen.keys = Some(Arc::new(keys)),
                Err(error) => tracing::warn!("the keys of the single sign-on cannot be read: {error:#}"),
            }
        }
        seen.keys.clone()
    }

    async fn look(&self) -> anyhow::Result<TokenKeys> {
        let bytes = match &self.source {
            Source::File(path) => tokio::fs::read(path).await?,
            Source::Web(client, url) => fetch(client, url).await?,
        };
        Ok(TokenKeys::read(&bytes)?)
    }
}

async fn fetch(client: &reqwest::Client, url: &str) -> anyhow::Result<Vec<u8>> {
    let mut response = client.get(url).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        anyhow::ensure!(body.len() + piece.len() <= KEYS_BYTES_MAX, "larger than any set of keys");
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
