//! The ledger's sequencer: takes waiting leaves in and signs where the log stands. It gives events their places too.
//!
//! Only the holder of a lease in the database does this, so any number of nodes may run. A crash between taking in
//! and signing leaves a tree without a checkpoint; whoever comes next signs it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::keys::{Key, Size};
use certs::note::{Checkpoint as NoteCheckpoint, Note, NoteSigner};
use store::Signal;
use store::ledger::{Checkpoint, Head};
use tokio::sync::broadcast::error::RecvError;

use crate::house::{House, write_private};

/// Leaves taken in at once: one transaction of a few hundred milliseconds at most.
const LEAVES_AT_ONCE: i64 = 4_000;
/// How long a sequencer that died keeps others waiting. Prolonged with every turn, three times as often at least.
const LEASE: Duration = Duration::from_secs(3);
/// How long to sleep when nobody signals: another node's leaves are found then.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// The log's signing key.
pub(crate) struct LogKey {
    key: Key,
    origin: String,
}

impl LogKey {
    /// Reads the key; makes one at first use.
    pub(crate) fn read(house: &House) -> anyhow::Result<Self> {
        Self::at(&house.config.ledger_key(), &house.config.ledger.origin)
    }

    pub(crate) fn at(path: &std::path::Path, origin: &str) -> anyhow::Result<Self> {
        if !path.exists() {
            let key = Key::generate(Size::Ed25519)?;
            write_private(path, &key.to_pem()?)?;
        }
        let pem = std::fs::read(path)
            .with_context(|| format!("cannot read the ledger's key {}", path.display()))?;
        let key = Key::from_pem(&pem, None).context("the ledger's key is not a private key")?;
        let log_key = Self { key, origin: origin.to_owned() };
        // A name or key that cannot sign notes is found now, not at the first act.
        log_key.signer()?;
        Ok(log_key)
    }

    fn signer(&self) -> anyhow::Result<NoteSigner<'_>> {
        NoteSigner::new(&self.origin, &self.key)
            .context("ledger.origin or the ledger's key cannot sign notes")
    }

    /// What a verifier needs to know: `name+hash+key` (C2SP signed-note).
    pub(crate) fn verifier(&self) -> anyhow::Result<String> {
        Ok(self.signer()?.verifier().to_string())
    }

    /// The key, for what else the log promises.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    fn sign(&self, head: Head) -> anyhow::Result<String> {
        let checkpoint = NoteCheckpoint {
            origin: self.origin.clone(),
            size: head.tree_size,
            root: head.root,
            extensions: Vec::new(),
        };
        Ok(Note::sign(&checkpoint.to_string(), &[self.signer()?])?)
    }
}

/// Works until the house stops.
pub(crate) async fn run(house: Arc<House>) {
    let key = match LogKey::read(&house) {
        Ok(key) => key,
        Err(error) => {
            tracing::error!("the ledger has no key, so nothing can be proved: {error:#}");
            house.stop.cancel();
            return;
        }
    };
    // One server works on a SQLite file (see serve.rs), so whoever held the lease before is gone and nobody waits.
    let holder = match house.store.engine() {
        "sqlite" => "the server of this file".to_owned(),
        _ => house.draw_token(12),
    };
    let mut signals = house.store.signals();
    let pause = Duration::from_millis(house.config.ledger.checkpoint_millis);
    loop {
        match turn(&house, &key, &holder).await {
            // More than one turn's worth was waiting.
            Ok(Some(taken)) if taken as i64 == LEAVES_AT_ONCE => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!("the sequencer could not work: {error:#}"),
        }
        // A pause first, so that what comes together is signed together; then until something comes.
        let sleep = async {
            tokio::time::sleep(pause).await;
            wait_for_leaves(&mut signals).await;
        };
        tokio::select! {
            () = house.stop.cancelled() => {
                return last_turns(&house, &key, &holder).await;
            }
            () = sleep => {}
        }
    }
}

/// What was accepted until now gets its proof before the house sleeps. Somebody else who holds the lease does that, or
/// is dead; after the time of a lease it is known which.
async fn last_turns(house: &House, key: &LogKey, holder: &str) {
    let mut waited = false;
    loop {
        match turn(house, key, holder).await {
            Ok(Some(taken)) if taken as i64 == LEAVES_AT_ONCE => {}
            Ok(None) if !waited => {
                waited = true;
                tokio::time::sleep(LEASE).await;
            }
            Ok(_) => return,
            Err(error) => return tracing::warn!("the last checkpoint was not signed: {error:#}"),
        }
    }
}

async fn wait_for_leaves(signals: &mut tokio::sync::broadcast::Receiver<Signal>) {
    let signalled = async {
        loop {
            match signals.recv().await {
                Ok(Signal::Ledger) | Err(RecvError::Lagged(_)) => return,
                Ok(_) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    let _ = tokio::time::timeout(LOOK_ANYWAY, signalled).await;
}

/// Takes leaves in and signs; answers how many were taken, or `None` when somebody else holds the lease.
async fn turn(house: &House, key: &LogKey, holder: &str) -> anyhow::Result<Option<usize>> {
    let now = house.now();
    let input = (holder.to_owned(), now);
    let taken: Option<(Head, usize, bool)> = house
        .store
        .write("take leaves in", input, |tx, (holder, now)| {
            Box::pin(async move {
                if !tx.take_lease("ledger sequencer", holder, *now, LEASE).await? {
                    return Ok::<_, store::Error>(None);
                }
                let events = tx.number_events(LEAVES_AT_ONCE).await?;
                let (head, leaves) = tx.integrate(LEAVES_AT_ONCE).await?;
                let count = leaves.max(events);
                let signed = tx.newest_checkpoint().await?;
                let is_signed = signed.is_some_and(|checkpoint| checkpoint.tree_size == head.tree_size);
                Ok(Some((head, count, is_signed)))
            })
        })
        .await?;
    let Some((head, count, is_signed)) = taken else { return Ok(None) };
    house.metrics.ledger_size.set(i64::try_from(head.tree_size).unwrap_or(i64::MAX));
    if !is_signed && head.tree_size > 0 {
        let checkpoint = Checkpoint {
            tree_size: head.tree_size,
            root: head.root,
            note: key.sign(head)?,
            timestamp_token: None,
            signed_at: now,
        };
        house
            .store
            .write("keep a checkpoint", checkpoint, |tx, checkpoint| {
                Box::pin(async move { tx.put_checkpoint(checkpoint).await })
            })
            .await?;
    }
    Ok(Some(count))
}
