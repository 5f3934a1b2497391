//! What all scanners have in common: how many mails they have at once, how long they may take, and what happens when they do not
//! answer. A dead scanner costs its deadline once, not with every mail.

use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use mail::{Findings, Letter, Refused};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Looked, Stage};
use crate::config::Scan;

/// How long a scanner that failed is not asked again. Senders that were put off come back later than that.
const REST: Duration = Duration::from_secs(2);
/// The field that says a mail was not looked at.
const FIELD: &str = "X-Congvan-Scan";

/// The scanner did not answer; the words are for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Silent(pub(super) String);

/// A scanner outside of this program.
pub(super) struct Scanner {
    name: &'static str,
    places: Semaphore,
    patience: Duration,
    defers: bool,
    rests_until: Mutex<Option<Instant>>,
}

impl Scanner {
    pub(super) fn new(name: &'static str, config: &Scan) -> Self {
        Self {
            name,
            places: Semaphore::new(config.at_once.max(1)),
            patience: Duration::from_secs(config.seconds),
            defers: config.unavailable == "defer",
            rests_until: Mutex::new(None),
        }
    }

    /// Asks, within the deadline, which includes waiting for a place.
    pub(super) async fn ask<T>(&self, work: impl Future<Output = Result<T, Silent>>) -> Result<T, Silent> {
        if self.rests() {
            return Err(Silent("it failed a moment ago".to_owned()));
        }
        let asked = async {
            let _place = self.places.acquire().await.map_err(|error| Silent(error.to_string()))?;
            work.await
        };
        let answer = match tokio::time::timeout(self.patience, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(Silent("it took too long".to_owned())),
        };
        if let Ok(mut rests_until) = self.rests_until.lock() {
            *rests_until = answer.is_err().then(|| Instant::now() + REST);
        }
        answer
    }

    fn rests(&self) -> bool {
        self.rests_until.lock().is_ok_and(|until| until.is_some_and(|until| Instant::now() < until))
    }

    /// What becomes of a mail that could not be looked at: put off, or taken and marked; never silently taken.
    pub(super) fn unavailable(&self, why: &Silent, findings: &mut Findings) -> Result<(), Refused> {
        tracing::warn!(scanner = self.name, "a scanner does not answer: {why}");
        if self.defers {
            return Err(Refused {
                code: 451,
                status: (4, 7, 1),
                name: "scanner_unavailable",
                vi: "Chưa quét được thư, xin gửi lại sau".to_owned(),
                en: "The mail cannot be scanned at present, try again later".to_owned(),
            });
        }
        findings.put_field(&format!("{FIELD}: none ({})\r\n", self.name));
        findings.keywords.push("$unscanned".to_owned());
        findings.step("scan", format!("{}=unavailable", self.name));
        Ok(())
    }
}

/// The stage that takes fields out of outsiders' mail that only this house may write; it looks whether or not there is a scanner.
pub(super) struct Forgeries;

impl Stage for Forgeries {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(async move {
            if !letter.door.is_ours() {
                cut_forged(letter.message, findings);
            }
            Ok(())
        })
    }
}

/// Takes the fields out of a message that only this house may write: whoever sent them forged them.
fn cut_forged(message: &[u8], findings: &mut Findings) {
    for range in fields(message, |name| {
        name.eq_ignore_ascii_case(FIELD)
            || name.get(..7).is_some_and(|begin| begin.eq_ignore_ascii_case("X-Spam-"))
    }) {
        findings.cut(range);
    }
}

/// Where the header fields lie whose name is wanted (RFC 5322 §2.2), each with its folded lines and its line end.
fn fields(message: &[u8], is_wanted: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let (mut at, mut in_wanted) = (0, false);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        match line.first() {
            Some(b'\r' | b'\n') => break,
            Some(b' ' | b'\t') => {}
            _ => {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                in_wanted = std::str::from_utf8(name).is_ok_and(|name| is_wanted(name.trim_end()));
            }
        }
        if in_wanted {
            match found.last_mut().filter(|last| last.end == at) {
                Some(last) => last.end = end,
                None => found.push(at..end),
            }
        }
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_house_writes_is_taken_out() {
        let message = b"X-Spam-Status: No,\r\n score=-9\r\nSubject: a\r\nx-congvan-scan : none\r\nX-Spam-X: y\r\nTo: b\r\n\r\nX-Spam-Body: c\r\n";
        let mut findings = Findings::default();
        cut_forged(message, &mut findings);
        let left = findings.without_cuts(message.to_vec());
        assert_eq!(String::from_utf8(left).unwrap(), "Subject: a\r\nTo: b\r\n\r\nX-Spam-Body: c\r\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_scanner_costs_its_deadline_once() {
        let scanner = Scanner::new("x", &Scan { seconds: 5, ..Scan::default() });
        let began = Instant::now();
        let silent = || std::future::pending::<Result<(), Silent>>();
        assert!(scanner.ask(silent()).await.is_err());
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        assert!(scanner.ask(silent()).await.is_err());
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        tokio::time::advance(REST).await;
        assert!(scanner.ask(async { Ok(()) }).await.is_ok());
        assert!(scanner.ask(async { Ok(()) }).await.is_ok());
    }
}
