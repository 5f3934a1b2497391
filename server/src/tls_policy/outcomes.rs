//! Counting what connections came to. Counts wait in memory for a few seconds, so that no mail waits for them; what a power cut
//! takes with it is missing from a statistic and nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use smtp::tls_report::{Failure, PolicyKind};
use store::TlsOutcome;

use super::{Policies, Way};

/// How long counts wait.
const EVERY: Duration = Duration::from_secs(5);
/// Kinds of outcome that wait; more in a few seconds are not told apart any more, but left out.
const WAITING_MAX: usize = 10_000;
/// Outcomes written in one transaction.
const AT_ONCE: usize = 200;
/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

type Key = (String, i64, PolicyKind, Option<Failure>, String);

/// Counts that are not written down yet.
#[derive(Debug, Default)]
pub(super) struct Counter(Mutex<HashMap<Key, (String, i64)>>);

impl Counter {
    /// One more.
    pub(super) fn add(&self, way: &Way, host: &str, failure: Option<Failure>, now: Timestamp) {
        let day = now.secs().div_euclid(DAY);
        let key = (way.domain.clone(), day, way.kind, failure, host.to_owned());
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX || waiting.contains_key(&key) {
            let count = waiting.entry(key).or_default();
            count.0.clone_from(&way.policy);
            count.1 += 1;
        }
    }

    fn take(&self) -> Vec<TlsOutcome> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting
            .into_iter()
            .map(|((domain, day, kind, failure, host), (policy, sessions))| TlsOutcome {
                domain,
                day,
                kind: kind.as_str().to_owned(),
                failure: failure.map_or("", Failure::as_str).to_owned(),
                host,
                policy,
                sessions,
            })
            .collect()
    }
}

/// Writes counts down until the house stops, and then once more.
pub(super) async fn keep(policies: Arc<Policies>) {
    loop {
        let is_over = tokio::select! {
            () = policies.house.stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        for some in policies.counter.take().chunks(AT_ONCE) {
            let written = policies
                .house
                .store
                .write("count TLS outcomes", some.to_vec(), |tx, some| {
                    Box::pin(async move { tx.add_tls_outcomes(some).await })
                })
                .await;
            if let Err::<(), store::Error>(error) = written {
                tracing::warn!("outcomes of TLS were not counted: {error}");
            }
        }
        if is_over {
            return;
        }
    }
}
