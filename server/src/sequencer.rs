//! The ledger's sequencer: takes waiting leaves in and signs where the log stands. It gives events their places too.
//!
//! Any number of nodes may run: a row's lock lets one work at a time, and only what is committed is signed, so two never sign
//! different trees of one size. A crash between taking in and signing leaves a tree without a checkpoint; whoever comes next
//! signs it. When a year ends in Vietnam its tree gets a last checkpoint, and the next tree begins with that.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use certs::keys::{Key, Size};
use certs::note::{Checkpoint as NoteCheckpoint, Note, NoteSigner};
use mail::Timestamp;
use store::Signal;
use store::ledger::{Checkpoint, Head, Turn};
use tokio::sync::broadcast::error::RecvError;

use crate::house::{House, write_private};

/// Leaves taken in at once: one transaction of a few hundred milliseconds at most.
const LEAVES_AT_ONCE: i64 = 4_000;
/// How long to sleep when nobody signals: what another node left behind is found then, and the end of a year.
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

    /// Signs another text than a checkpoint in the log's name.
    pub(crate) fn sign_text(&self, text: &str) -> anyhow::Result<String> {
        Ok(Note::sign(text, &[self.signer()?])?)
    }

    /// Signs a tree's root as that tree: its origin is the key's name (C2SP tlog-checkpoint).
    pub(crate) fn sign(&self, head: &Head) -> anyhow::Result<String> {
        let checkpoint = NoteCheckpoint {
            origin: head.origin.clone(),
            size: head.tree_size,
            root: head.root,
            extensions: Vec::new(),
        };
        Ok(Note::sign(&checkpoint.to_string(), &[NoteSigner::new(&head.origin, &self.key)?])?)
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
    let mut signals = house.store.signals();
    let pause = Duration::from_millis(house.config.ledger.checkpoint_millis);
    loop {
        let worked = match turn(&house, &key).await {
            // More than one turn's worth was waiting, or a year has ended.
            Ok(Some(turn)) if turn.more && !house.stop.is_cancelled() => continue,
            Ok(turn) => turn.is_some(),
            Err(error) => {
                tracing::warn!("the sequencer could not work: {error:#}");
                true
            }
        };
        // What comes after quiet is signed at once. After a signature there is a pause, so that what comes together is
        // signed together.
        let sleep = async {
            if worked {
                tokio::time::sleep(pause).await;
            }
            wait_for_leaves(&mut signals).await;
        };
        tokio::select! {
            () = house.stop.cancelled() => return last_turns(&house, &key).await,
            () = sleep => {}
        }
    }
}

/// What was accepted until now gets its proof before the house sleeps.
async fn last_turns(house: &House, key: &LogKey) {
    loop {
        match turn(house, key).await {
            Ok(Some(turn)) if turn.more => {}
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

/// Takes leaves in, then signs what was committed; `None` when there was nothing to do.
async fn turn(house: &House, key: &LogKey) -> anyhow::Result<Option<Turn>> {
    turn_at(house, key, house.now()).await
}

pub(crate) async fn turn_at(house: &House, key: &LogKey, now: Timestamp) -> anyhow::Result<Option<Turn>> {
    let is_due = house.store.read(now, |tx, now| Box::pin(async move { tx.has_to_sequence(*now).await }));
    let is_due: bool = is_due.await?;
    if !is_due {
        return Ok(None);
    }
    let input = (key.origin.clone(), now);
    let turn = house.store.write("take leaves in", input, |tx, (origin, now)| {
        Box::pin(async move { tx.sequence(origin, *now, LEAVES_AT_ONCE).await })
    });
    let turn: Turn = turn.await?;
    house.metrics.ledger_size.set(i64::try_from(turn.tree_size).unwrap_or(i64::MAX));
    if let Some(head) = &turn.unsigned {
        let checkpoint = Checkpoint {
            shard_no: head.shard_no,
            tree_size: head.tree_size,
            root: head.root,
            note: key.sign(head)?,
            timestamp_token: None,
            signed_at: now,
        };
        let kept = house.store.write("keep a checkpoint", checkpoint, |tx, checkpoint| {
            Box::pin(async move { tx.put_checkpoint(checkpoint).await })
        });
        kept.await?;
    }
    Ok(Some(turn))
}
