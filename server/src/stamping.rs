//! Timestamps over the ledger's checkpoints (RFC 3161): an authority that is not us says by when a tree existed.
//!
//! What is stamped is the checkpoint's text, without the signatures below it: cosignatures may still come.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use store::ledger::Checkpoint;

use crate::house::House;

/// Works until the house stops; does nothing when no authority is configured.
pub(crate) async fn run(house: Arc<House>) {
    let settings = &house.config.ledger;
    if settings.timestamp_url.is_empty() {
        return;
    }
    let mut look = tokio::time::interval(Duration::from_secs(settings.timestamp_seconds.max(1)));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        let stamped = tokio::select! {
            () = house.stop.cancelled() => return,
            stamped = stamp_all(&house) => stamped,
        };
        if let Err(error) = stamped {
            tracing::warn!("a checkpoint got no timestamp: {error:#}");
        }
    }
}

/// The newest checkpoint of every tree that has grown since its last timestamp, closed trees first. One that fails leaves the
/// others to the next look: the authority is the same.
async fn stamp_all(house: &House) -> anyhow::Result<()> {
    loop {
        let found = house.store.read((), |tx, ()| Box::pin(async move { tx.checkpoint_to_stamp().await }));
        let found: Option<Checkpoint> = found.await?;
        match found {
            Some(checkpoint) => stamp(house, checkpoint).await?,
            None => return Ok(()),
        }
    }
}

async fn stamp(house: &House, checkpoint: Checkpoint) -> anyhow::Result<()> {
    let url = &house.config.ledger.timestamp_url;
    let (text, _) = checkpoint.note.split_once("\n\n").context("a checkpoint without signatures")?;
    let mut nonce = [0; 8];
    house.chance.fill(&mut nonce);
    let request = signer::tst::Request::over(format!("{text}\n").as_bytes(), u64::from_be_bytes(nonce));
    let token = house.fetcher.timestamp(url, &request).await.with_context(|| url.clone())?;
    let kept = house.store.write("keep a timestamp", (checkpoint, token), |tx, (checkpoint, token)| {
        Box::pin(async move { tx.put_timestamp(checkpoint.shard_no, checkpoint.tree_size, token).await })
    });
    kept.await.map_err(|error: store::Error| error.into())
}
