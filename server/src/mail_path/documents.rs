//! Official documents in mail (RULES R3–R5): recognised, judged within a few seconds, marked "để biết, tham khảo". A mail is not
//! the way they travel, so none of them is ever called an original here.

use std::sync::Arc;
use std::time::Duration;

use mail::opened::{self, Holds};
use mail::{DocumentVerdict, Findings, Letter, RecognisedDocument};
use registry::recognise::{self, Signed};
use signer::judge::LegalValue;
use signer::{Arrival, Judged, Verdict};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::{Looked, Stage, work};
use crate::check::judge_as_registered;
use crate::evidence::Case;
use crate::house::House;

/// Documents of one mail that are recognised; further ones are attachments like others.
const DOCUMENTS_MAX: usize = 10;
/// Mails whose documents are judged at the same time; a judgement is work for a processor.
const AT_ONCE: usize = 4;
/// Reasons kept of a judgement.
const REASONS_MAX: usize = 10;
/// What a copy in a mail is worth (QĐ 28/2018 Đ4.2, RULES R5).
const NOTE: &str = "để biết, tham khảo";

/// The keyword of a mail that holds an official document.
pub(super) const OFFICIAL: &str = "$official_document";

/// The stage.
pub(crate) struct Documents {
    house: Arc<House>,
    judges: Semaphore,
}

/// A document that was found, and what of it is to be judged.
struct Found {
    sha256: [u8; 32],
    symbol: String,
    signed: Option<Arc<[u8]>>,
}

impl Documents {
    pub(crate) fn new(house: Arc<House>) -> Self {
        Self { house, judges: Semaphore::new(AT_ONCE) }
    }

    /// The official documents in a message that was taken in before, judged now.
    pub(crate) async fn in_message(&self, message: Vec<u8>) -> Vec<RecognisedDocument> {
        let found = tokio::task::spawn_blocking(move || find(&message)).await;
        self.judge_all(found.unwrap_or_default()).await
    }

    async fn judge_all(&self, found: Vec<Found>) -> Vec<RecognisedDocument> {
        let deadline = Instant::now() + Duration::from_secs(self.house.config.policy.judge_seconds);
        let mut documents = Vec::with_capacity(found.len());
        for found in found {
            let (verdict, judged) = self.judge(&found, deadline).await;
            documents.push(recognised(found, verdict, judged.as_ref()));
        }
        documents
    }

    /// What the signatures come to, as far as that can be told in time.
    async fn judge(&self, found: &Found, deadline: Instant) -> (DocumentVerdict, Option<Judged>) {
        let Some(bytes) = &found.signed else { return (DocumentVerdict::Unsigned, None) };
        let case = Case {
            input: bytes.clone().into(),
            policy: Arc::new(self.house.trust.policy()),
            now: self.house.now(),
        };
        let work = async {
            let _place = self.judges.acquire().await.ok()?;
            Some(judge_as_registered(&self.house, case).await.0)
        };
        match timeout_at(deadline, work).await {
            Ok(Some(judged)) => (verdict(&judged), Some(judged)),
            _ => (DocumentVerdict::Unknown, None),
        }
    }
}

impl Stage for Documents {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(async move {
            if letter.facts.attachments.is_empty() {
                return Ok(());
            }
            let found = work::on_message(letter, find).await?;
            for document in self.judge_all(found).await {
                mark(&document, findings);
                findings.documents.push(document);
            }
            Ok(())
        })
    }
}

/// What became of a judgement, as it is kept.
fn recognised(found: Found, verdict: DocumentVerdict, judged: Option<&Judged>) -> RecognisedDocument {
    let equals = |judged: &Judged| judged.legal_value(Arrival::Exchange) == LegalValue::OriginalEquivalent;
    RecognisedDocument {
        sha256: found.sha256,
        symbol: found.symbol,
        verdict,
        class: judged.map(|judged| judged.class().word().to_owned()).unwrap_or_default(),
        is_original: judged.is_some_and(equals),
        reasons: judged.map(reasons).unwrap_or_default(),
        judged_at: judged.and_then(|judged| judged.report().judged_at),
    }
}

/// Marks the mail in its header, for whoever reads it elsewhere, and in mailboxes.
fn mark(document: &RecognisedDocument, findings: &mut Findings) {
    for keyword in [Some(OFFICIAL), document.verdict.keyword()].into_iter().flatten() {
        if !findings.keywords.iter().any(|there| there == keyword) {
            findings.keywords.push(keyword.to_owned());
        }
    }
    let symbol = super::parameter("symbol", &document.symbol);
    let note = super::parameter("note", NOTE);
    let verdict = document.verdict.as_str();
    findings.put_field(&format!("X-Congvan-Document: verdict={verdict};\r\n\t{symbol};\r\n\t{note}\r\n"));
    findings.step("documents", format!("document={verdict}"));
}

/// The official documents among what is attached.
fn find(message: &[u8]) -> Vec<Found> {
    let opened = opened::open(message, &mail::message::Limits::default(), &opened::Limits::default());
    let limits = registry::Limits::default();
    let files = opened.into_iter().filter_map(|part| match part.holds {
        Holds::File(bytes) => Some(bytes),
        // A package that was sent as text.
        Holds::Text(text) if part.name.is_some() && text.trim_start().starts_with('<') => {
            Some(text.into_bytes())
        }
        _ => None,
    });
    let mut found: Vec<Found> = Vec::new();
    for bytes in files {
        if found.len() == DOCUMENTS_MAX {
            break;
        }
        let Some(document) = recognise::recognise(&bytes, &limits) else { continue };
        let sha256 = sha256(&bytes);
        if found.iter().any(|there| there.sha256 == sha256) {
            continue;
        }
        let signed = match document.signed {
            Some(Signed::File) => Some(bytes.into()),
            Some(Signed::Within(inner)) => Some(inner),
            None => None,
        };
        found.push(Found { sha256, symbol: document.symbol, signed });
    }
    found
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().try_into().unwrap_or([0; 32])
}

fn verdict(judged: &Judged) -> DocumentVerdict {
    match judged.verdict() {
        _ if judged.report().signatures.is_empty() => DocumentVerdict::Unsigned,
        Verdict::Valid => DocumentVerdict::Valid,
        Verdict::Invalid => DocumentVerdict::Invalid,
        Verdict::Indeterminate => DocumentVerdict::Unknown,
    }
}

/// The stable codes of the judgement's reasons, each once.
fn reasons(judged: &Judged) -> Vec<String> {
    let report = judged.report();
    let all = report.reasons.iter().chain(report.signatures.iter().flat_map(|one| &one.reasons));
    let mut codes: Vec<String> = Vec::new();
    for reason in all {
        let code = reason.code.id().to_owned();
        if codes.len() < REASONS_MAX && !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r5_a_copy_in_a_mail_is_marked_in_ascii() {
        let document = RecognisedDocument {
            sha256: [0; 32],
            symbol: "05/QĐ-UBND".to_owned(),
            verdict: DocumentVerdict::Valid,
            class: "VALID".to_owned(),
            is_original: true,
            reasons: Vec::new(),
            judged_at: None,
        };
        let mut findings = Findings::default();
        mark(&document, &mut findings);
        mark(&document, &mut findings);
        assert_eq!(findings.keywords, [OFFICIAL, "$signature_valid"]);
        let fields = findings.fields();
        assert!(fields.is_ascii() && fields.lines().all(|line| line.len() <= 998), "{fields}");
        assert_eq!(fields.matches("symbol*=UTF-8''05%2FQ%C4%90-UBND;").count(), 2, "{fields}");
        assert!(fields.contains("note*=UTF-8''%C4%91%E1%BB%83%20bi%E1%BA%BFt%2C%20tham%20kh%E1%BA%A3o\r\n"));
    }
}
