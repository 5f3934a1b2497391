//! Signatures of mails and the official documents in them: judged right after a mail was taken in (RFC 9219: what it was at delivery
//! stays), and again when a client asks.
//!
//! A mail is taken in before its signature is judged, not after: evidence may have to be fetched from authorities that are slow or
//! down, and that is no reason to let a sender wait or a reader go without. The row that says "not judged yet" is written in the
//! accepting transaction, so no crash forgets it.

use std::sync::Arc;
use std::time::Duration;

use jmap::Caller;
use jmap::judge::{Done, Judge, NotRegistered, Registered, Registration};
use mail::{AccountId, BlobId, Timestamp};
use registry::registers::{Arrival, Entry, register_incoming};
use signer::{Code, Evidence, Format, Input, Judged, Reason, Verdict};
use store::{AccountState, Role, Signal, SmimeDue, SmimeJudged, SmimeStatus};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};

use crate::evidence::Case;
use crate::house::House;
use crate::mail_path::documents::Documents;

/// Mails judged at the same time; a judgement is work for a processor.
const AT_ONCE: usize = 4;
/// How long whoever dies keeps a mail from being judged by others.
const LEASE: Duration = Duration::from_secs(120);
/// One judgement with all it fetches.
const IN_ALL: Duration = Duration::from_secs(60);
/// And for a client that waits.
const FOR_CLIENT: Duration = Duration::from_secs(5);
/// When evidence that was missing is asked for again, seconds. After the last time the answer stands: who cannot be shown to be trusted
/// is not.
const AGAIN: [u64; 3] = [60, 600, 3_600];
/// How long to sleep when nobody signals.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// The shortest sleep.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Reasons kept of a judgement.
const REASONS_MAX: usize = 10;

/// Judges, and registers.
pub(crate) struct Judging {
    house: Arc<House>,
    documents: Documents,
    places: Semaphore,
}

impl Judging {
    pub(crate) fn new(house: Arc<House>) -> Arc<Self> {
        Arc::new(Self { documents: Documents::new(house.clone()), places: Semaphore::new(AT_ONCE), house })
    }

    /// Judges what waits until the house stops.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut signals = self.house.store.signals();
        while !self.house.stop.is_cancelled() {
            let claimed: Result<Vec<SmimeDue>, store::Error> = self
                .house
                .store
                .write("claim signed mail", self.house.now(), |tx, now| {
                    Box::pin(async move { tx.claim_smime(*now, LEASE, AT_ONCE as i64).await })
                })
                .await;
            let claimed = claimed.unwrap_or_else(|error| {
                tracing::warn!("nobody knows which signatures wait: {error}");
                Vec::new()
            });
            if claimed.is_empty() {
                tokio::select! {
                    () = self.house.stop.cancelled() => return,
                    () = self.wait(&mut signals) => {}
                }
                continue;
            }
            let work = claimed
                .into_iter()
                .map(|due| self.judge(due.account_id, due.blob_id, Some(due.attempts), IN_ALL));
            tokio::select! {
                () = self.house.stop.cancelled() => return,
                _ = futures_util::future::join_all(work) => {}
            }
        }
    }

    /// Sleeps until there may be something to do.
    async fn wait(&self, signals: &mut broadcast::Receiver<Signal>) {
        let due =
            self.house.store.read((), |tx, ()| Box::pin(async move { tx.next_smime_due().await })).await;
        let pause = match due {
            Ok(Some(due)) => due.since(self.house.now()).clamp(LOOK_AGAIN, LOOK_ANYWAY),
            Ok(None) | Err(_) => LOOK_ANYWAY,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = arrived(signals) => {}
        }
    }

    /// Judges a mail's signature and keeps what it comes to. `attempts` is how often the worker has; `None` is for a client.
    async fn judge(&self, account_id: AccountId, blob_id: BlobId, attempts: Option<i64>, patience: Duration) {
        let Ok(_place) = self.places.acquire().await else { return };
        let message = match self.house.store.read_blob(account_id, blob_id).await {
            Ok(Some(message)) => message,
            // Destroyed meanwhile, and its row with it.
            Ok(None) => return,
            Err(error) => return tracing::warn!("a signed mail cannot be read and is judged later: {error}"),
        };
        let bytes: Arc<[u8]> = message.into();
        let case = Case {
            input: Input::from(bytes).of(Format::Smime),
            policy: Arc::new(self.house.trust.policy()),
            now: self.house.now(),
        };
        let work = self.house.fetcher.judge(&case, Evidence::default());
        let Ok(judged) = tokio::time::timeout(patience, work).await else {
            return tracing::warn!("a signature was not judged in time and is judged later");
        };
        let judged = self.outcome(&judged, attempts);
        let kept: Result<(), store::Error> = self
            .house
            .store
            .write("keep what a signature came to", judged, move |tx, judged| {
                Box::pin(async move { tx.put_smime(account_id, blob_id, judged).await })
            })
            .await;
        if let Err(error) = kept {
            tracing::warn!("what a signature came to was not kept and is judged again: {error}");
        }
    }

    fn outcome(&self, judged: &Judged, attempts: Option<i64>) -> SmimeJudged {
        let now = self.house.now();
        let status = status(judged);
        let is_open = status == SmimeStatus::Failed
            && judged.verdict() == Verdict::Indeterminate
            && !judged.lacks().is_empty();
        let again = match attempts {
            Some(attempts) => {
                let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
                AGAIN.get(step).filter(|_| is_open)
            }
            None => None,
        };
        SmimeJudged {
            status,
            errors: errors(judged, status),
            at: now,
            is_answer: !is_open || (attempts.is_some() && again.is_none()),
            again_at: again.map(|pause| now.plus(Duration::from_secs(*pause))),
        }
    }
}

impl Judging {
    /// Whether somebody may write in the incoming book of their agency now: the records office.
    async fn may_register(&self, account_id: AccountId) -> bool {
        let read =
            self.house.store.read((), move |tx, ()| Box::pin(async move { tx.account(account_id).await }));
        let is_clerk =
            |account: &store::Account| account.role == Role::Clerk && account.state == AccountState::Active;
        read.await.is_ok_and(|account| account.as_ref().is_some_and(is_clerk))
    }
}

/// The word of RFC 9219 §4.1. Good is only what is good as a whole: the signature, the time, the trust in who signed, and that the
/// certificate names the sender (RFC 8550 §3).
fn status(judged: &Judged) -> SmimeStatus {
    let report = judged.report();
    if !report.signatures.is_empty() {
        return match judged.verdict() {
            Verdict::Valid => SmimeStatus::Verified,
            _ => SmimeStatus::Failed,
        };
    }
    let is_other = |reason: &Reason| matches!(reason.code, Code::Encrypted | Code::FormatUnsupported);
    match report.reasons.is_empty() || report.reasons.iter().any(is_other) {
        true => SmimeStatus::Unknown,
        // It says that it is signed, and nobody can make sense of how.
        false => SmimeStatus::Failed,
    }
}

/// Why it is not good, each once, for people in both languages, with the stable code.
fn errors(judged: &Judged, status: SmimeStatus) -> Vec<String> {
    let report = judged.report();
    let reasons = report.reasons.iter().chain(report.signatures.iter().flat_map(|one| &one.reasons));
    let mut sentences: Vec<String> = Vec::new();
    for reason in reasons.filter(|_| status != SmimeStatus::Verified) {
        let sentence = format!("{} / {} [{}]", reason.code.vi(), reason.code.en(), reason.code.id());
        if sentences.len() < REASONS_MAX && !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// Until a signed mail arrived.
async fn arrived(signals: &mut broadcast::Receiver<Signal>) {
    loop {
        match signals.recv().await {
            Ok(Signal::Smime) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Judge for Judging {
    fn smime(&self, account_id: AccountId, blob_id: BlobId) -> Done<'_, ()> {
        // What is missing now is asked for again by the worker, not for this client.
        Box::pin(self.judge(account_id, blob_id, None, FOR_CLIENT))
    }

    fn documents(&self, account_id: AccountId, blob_id: BlobId) -> Done<'_, ()> {
        Box::pin(async move {
            let message = match self.house.store.read_blob(account_id, blob_id).await {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(error) => return tracing::warn!("a message cannot be looked into: {error}"),
            };
            let documents = self.documents.in_message(message.to_vec()).await;
            let input = (documents, self.house.now());
            let kept: Result<(), store::Error> = self
                .house
                .store
                .write("keep the documents of a message", input, move |tx, (documents, now)| {
                    Box::pin(
                        async move { tx.put_email_documents(account_id, blob_id, documents, *now).await },
                    )
                })
                .await;
            if let Err(error) = kept {
                tracing::warn!("the documents of a message were not kept: {error}");
            }
        })
    }

    fn register<'a>(
        &'a self,
        caller: &'a Caller,
        document: Registration,
        now: Timestamp,
    ) -> Done<'a, Result<Registered, NotRegistered>> {
        Box::pin(async move {
            if !self.may_register(caller.account_id).await {
                return Err(NotRegistered::Forbidden);
            }
            let arrival = match document.document_id {
                Some(id) => Arrival::Exchanged(id),
                None => Arrival::Other(Box::new(Entry {
                    code: document.symbol,
                    subject: clipped(&document.subject),
                    author: clipped(&document.from),
                    // What came by mail is so noted: it is no original (RULES R5).
                    note: "thư điện tử, để biết, tham khảo".to_owned(),
                    ..Entry::default()
                })),
            };
            let digest: String = document.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            let key = Some(format!("mail:{digest}"));
            let by = caller.account_id.to_string();
            let given = register_incoming(&self.house.store, caller.agency_id, arrival, key, &by, now).await;
            match given {
                Ok(given) => Ok(Registered {
                    book: given.book,
                    year: given.year,
                    number: given.number,
                    line: given.line,
                }),
                Err(refused) if refused.status() >= 500 => {
                    tracing::warn!(code = refused.code(), "a document of a mail was not registered");
                    Err(NotRegistered::Unavailable)
                }
                Err(refused) => Err(NotRegistered::Refused(refused.code(), refused.to_string())),
            }
        })
    }
}

/// As much of a text as a column of a book takes.
fn clipped(text: &str) -> String {
    mail::text::clip(text, 1_000).to_owned()
}
