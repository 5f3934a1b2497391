//! Spam: every mail is shown to rspamd (its HTTP protocol, `/checkv2`).

use std::collections::BTreeMap;

use mail::letter::{Hold, Releaser};
use mail::{Findings, Letter, Refused};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::scanner::{Scanner, Silent};
use super::{Looked, Stage};
use crate::config::Scan;

/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 256 * 1024;
/// Symbols that the trace keeps.
const SYMBOLS_MAX: usize = 40;

/// What rspamd answers, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Answer {
    action: String,
    score: f64,
    #[serde(default)]
    symbols: BTreeMap<String, Symbol>,
}

#[derive(Debug, Deserialize)]
struct Symbol {
    #[serde(default)]
    score: f64,
}

/// The stage.
pub(super) struct Spam {
    scanner: Scanner,
    client: reqwest::Client,
    url: reqwest::Url,
    holds: bool,
}

impl Spam {
    pub(super) fn new(config: &Scan) -> anyhow::Result<Self> {
        let url = reqwest::Url::parse(&config.rspamd)
            .and_then(|url| url.join("/checkv2"))
            .map_err(|error| anyhow::anyhow!("scan.rspamd: {error} (địa chỉ rspamd không hợp lệ)"))?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(config.at_once)
            .build()?;
        Ok(Self { scanner: Scanner::new("rspamd", config), client, url, holds: config.spam == "quarantine" })
    }

    async fn check(&self, letter: &Letter<'_>) -> Result<Answer, Silent> {
        let silent = |error: reqwest::Error| Silent(error.without_url().to_string());
        let asked = self.client.post(self.url.clone()).headers(headers(letter)).body(letter.message.to_vec());
        let mut response =
            asked.send().await.and_then(reqwest::Response::error_for_status).map_err(silent)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silent)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(Silent("its answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|_| Silent("its answer is not understood".to_owned()))
    }

    /// What the answer means for the mail.
    fn act(&self, answer: &Answer, findings: &mut Findings) -> Result<(), Refused> {
        findings.step("scan", told(answer));
        match answer.action.as_str() {
            "no action" | "greylist" => {}
            "add header" | "rewrite subject" => {
                findings.put_field(&format!("X-Spam-Status: Yes, score={:.2}\r\n", answer.score));
                findings.keywords.push("$junk".to_owned());
            }
            "quarantine" => hold(answer, findings),
            "reject" if self.holds => hold(answer, findings),
            "soft reject" => {
                return Err(refused(
                    451,
                    (4, 7, 1),
                    "spam_later",
                    "Máy chủ tạm hoãn nhận thư này, xin gửi lại sau",
                    "Try again later",
                ));
            }
            "reject" => {
                return Err(refused(
                    554,
                    (5, 7, 1),
                    "spam",
                    "Thư bị từ chối vì là thư rác",
                    "The mail is refused as spam",
                ));
            }
            // An action that its administrator made up: nothing is known of it but the score.
            _ => findings.keywords.push("$junk".to_owned()),
        }
        Ok(())
    }
}

impl Stage for Spam {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(async move {
            match self.scanner.ask(self.check(letter)).await {
                Ok(answer) => self.act(&answer, findings)?,
                Err(why) => self.scanner.unavailable(&why, findings)?,
            }
            Ok(())
        })
    }
}

fn hold(answer: &Answer, findings: &mut Findings) {
    let detail = format!("score={:.2}", answer.score);
    findings.hold(Hold { reason: "spam", detail, releaser: Releaser::Person });
}

fn refused(code: u16, status: (u8, u16, u16), name: &'static str, vi: &str, en: &str) -> Refused {
    Refused { code, status, name, vi: vi.to_owned(), en: en.to_owned() }
}

/// What the trace keeps: the action, the score, and names of symbols with theirs.
fn told(answer: &Answer) -> String {
    let mut told = format!("rspamd={} score={:.2}", answer.action.replace(' ', "-"), answer.score);
    for (name, symbol) in answer.symbols.iter().take(SYMBOLS_MAX) {
        told.push_str(&format!(" {}={:.2}", mail::text::clip(name, 60), symbol.score));
    }
    told
}

/// What rspamd is told beside the message. A word that fits in no header is left out.
fn headers(letter: &Letter<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    if let Some(peer) = &letter.peer {
        put("ip", &peer.ip.to_string());
        put("helo", peer.name.as_deref().unwrap_or_default());
        if let Some(name) = &peer.reverse_name {
            put("hostname", name.as_str());
        }
    }
    put("from", &letter.reverse_path.map_or_else(|| "<>".to_owned(), ToString::to_string));
    for recipient in &letter.recipients {
        put("rcpt", &recipient.to_string());
    }
    if let Some(account) = letter.account {
        put("user", &account.to_string());
    }
    put("queue-id", letter.id);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_action_means() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let rows = [
            ("no action", "refuse", None, false, None),
            ("greylist", "refuse", None, false, None),
            ("add header", "refuse", None, true, None),
            ("rewrite subject", "refuse", None, true, None),
            ("soft reject", "refuse", Some("spam_later"), false, None),
            ("reject", "refuse", Some("spam"), false, None),
            ("reject", "quarantine", None, false, Some("spam")),
            ("quarantine", "refuse", None, false, Some("spam")),
        ];
        for (action, spam, refusal, is_junk, held) in rows {
            let config =
                Scan { rspamd: "http://127.0.0.1:1".to_owned(), spam: spam.to_owned(), ..Scan::default() };
            let answer = format!(
                r#"{{"action":"{action}","score":1.5,"symbols":{{"A":{{"score":1.5,"name":"A"}}}}}}"#
            );
            let mut findings = Findings::default();
            let acted =
                Spam::new(&config).unwrap().act(&serde_json::from_str(&answer).unwrap(), &mut findings);
            assert_eq!(acted.err().map(|refused| refused.name), refusal, "{action}");
            assert_eq!(findings.keywords.contains(&"$junk".to_owned()), is_junk, "{action}");
            assert_eq!(findings.held().map(|hold| hold.reason), held, "{action}");
            assert!(findings.steps[0].outcome.ends_with("score=1.50 A=1.50"), "{:?}", findings.steps);
        }
    }
}
