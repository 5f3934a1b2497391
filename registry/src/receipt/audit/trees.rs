//! The trees: every leaf in its place, every tile, root, signature and timestamp.

use std::collections::VecDeque;

use store::Error;
use store::ledger::merkle::{Hash, leaf_hash};
use store::ledger::names::{Kind, TileName};
use store::ledger::walk::Walk;
use store::ledger::{CHAIN_LEAF, Checkpoint, Leaf, Shard};

use super::super::verify::{is_whole_token, is_year_of};
use super::{AT_ONCE, Audit, AuditedTree, Auditor, Fault, open_checkpoint};

/// One tree under audit.
struct Tree<'t> {
    shard: &'t Shard,
    /// The last checkpoint's text of the tree before.
    before: Option<String>,
    walk: Walk,
    /// Signed roots to come, smallest first.
    ahead: VecDeque<Checkpoint>,
    checkpoints: u64,
    timestamps: u64,
}

impl Auditor<'_> {
    /// Holds a checkpoint that was kept elsewhere (an earlier copy, a receipt's, a witness's) against the log: its tree has to be
    /// the beginning of the tree that is here.
    ///
    /// # Errors
    /// The store's own.
    pub async fn compare(&self, note: &str, audit: &mut Audit) -> Result<(), Error> {
        let origin = note.split('\n').next().unwrap_or_default().to_owned();
        let Some((size, root, _)) = open_checkpoint(self.log, &origin, note) else {
            audit.find(Fault::Signature, &origin);
            return Ok(());
        };
        let kept = self.store.read(origin.clone(), |tx, origin| {
            Box::pin(async move {
                let shards = tx.shards().await?;
                match shards.iter().find(|shard| shard.origin == *origin && size <= shard.tree_size) {
                    Some(shard) => tx.root_at(shard.shard_no, size).await.map(Some),
                    None => Ok(None),
                }
            })
        });
        match kept.await {
            Ok(Some(kept)) if kept == root => {}
            Ok(_) | Err(Error::Damaged(_)) => audit.find(Fault::Fork, format!("{origin}@{size}")),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) async fn trees(&self, audit: &mut Audit) -> Result<(), Error> {
        let shards = self.store.read((), |tx, ()| Box::pin(async move { tx.shards().await })).await?;
        let stray: i64 =
            self.store.read((), |tx, ()| Box::pin(async move { tx.stray_leaves().await })).await?;
        if stray > 0 {
            audit.find(Fault::Stray, stray);
        }
        let mut before = None;
        for shard in &shards {
            before = self.tree(shard, before, audit).await?;
        }
        Ok(())
    }

    /// Answers the text of the tree's newest checkpoint.
    async fn tree(
        &self,
        shard: &Shard,
        before: Option<String>,
        audit: &mut Audit,
    ) -> Result<Option<String>, Error> {
        let log = self.log.name();
        if shard.origin != log && !is_year_of(log, &shard.origin) {
            audit.find(Fault::Signature, &shard.origin);
        }
        let ahead = self.checkpoints(shard.shard_no, 0).await?;
        let walk = Walk::default();
        let mut tree = Tree { shard, before, walk, ahead, checkpoints: 0, timestamps: 0 };
        let mut newest = None;
        'walk: while tree.walk.size() < shard.tree_size {
            let leaves = self.leaves(shard.shard_no, tree.walk.size()).await?;
            let first = tree.walk.size();
            if leaves.is_empty() {
                audit.find(Fault::Gap, format!("{}/{first}", shard.origin));
                break 'walk;
            }
            for leaf in leaves {
                let index = tree.walk.size();
                if index == shard.tree_size {
                    break 'walk;
                }
                if leaf.place.is_none_or(|place| place.index != index) {
                    audit.find(Fault::Gap, format!("{}/{index}", shard.origin));
                    break 'walk;
                }
                self.leaf(&mut tree, &leaf, audit).await?;
                for (name, hashes) in tree.walk.push(leaf_hash(&leaf.leaf)) {
                    self.tile(shard, name, &hashes, audit).await?;
                }
                newest = self.signed(&mut tree, audit).await?.or(newest);
            }
        }
        let partial: Vec<_> = tree.walk.partial().map(|(name, hashes)| (name, hashes.to_vec())).collect();
        for (name, hashes) in partial {
            self.tile(shard, name, &hashes, audit).await?;
        }
        self.end(&tree, audit).await?;
        audit.trees.push(AuditedTree {
            origin: shard.origin.clone(),
            leaves: tree.walk.size(),
            checkpoints: tree.checkpoints,
            timestamps: tree.timestamps,
        });
        Ok(newest)
    }

    /// A closed tree has a last checkpoint and nothing after it; no tree has a checkpoint of leaves it does not have.
    async fn end(&self, tree: &Tree<'_>, audit: &mut Audit) -> Result<(), Error> {
        let (shard_no, size) = (tree.shard.shard_no, tree.shard.tree_size);
        let last = self
            .store
            .read((), |tx, ()| Box::pin(async move { tx.checkpoint_at(shard_no, size).await }))
            .await?;
        if tree.shard.closed_at.is_some() && last.is_none() {
            audit.find(Fault::Unsigned, &tree.shard.origin);
        }
        if tree.shard.closed_at.is_none() {
            return Ok(());
        }
        if !self.leaves(shard_no, size).await?.is_empty() {
            audit.find(Fault::Gap, format!("{}/{size}", tree.shard.origin));
        }
        for checkpoint in self.checkpoints(shard_no, size).await? {
            audit.find(Fault::Root, format!("{}@{}", tree.shard.origin, checkpoint.tree_size));
        }
        Ok(())
    }

    async fn leaves(&self, shard_no: i64, from: u64) -> Result<Vec<Leaf>, Error> {
        self.store
            .read((), |tx, ()| Box::pin(async move { tx.leaves_from(shard_no, from, AT_ONCE).await }))
            .await
    }

    async fn checkpoints(&self, shard_no: i64, after: u64) -> Result<VecDeque<Checkpoint>, Error> {
        let read = self
            .store
            .read((), |tx, ()| Box::pin(async move { tx.checkpoints_after(shard_no, after, AT_ONCE).await }));
        read.await.map(VecDeque::from)
    }

    /// The first leaf of every tree but the first is the last checkpoint of the one before; every other one is an act.
    async fn leaf(&self, tree: &mut Tree<'_>, leaf: &Leaf, audit: &mut Audit) -> Result<(), Error> {
        let at = format!("{}/{}", tree.shard.origin, tree.walk.size());
        match tree.before.take() {
            Some(text) => {
                let note =
                    leaf.leaf.strip_prefix(&[CHAIN_LEAF]).and_then(|note| std::str::from_utf8(note).ok());
                let origin = text.split('\n').next().unwrap_or_default();
                let said = note.and_then(|note| self.log.open(origin, note).ok());
                if said.as_ref() != Some(&text) {
                    audit.find(Fault::Chain, at);
                }
                Ok(())
            }
            None if self.with_acts => self.opened(leaf, &at, audit).await,
            None => Ok(()),
        }
    }

    async fn tile(
        &self,
        shard: &Shard,
        name: TileName,
        hashes: &[Hash],
        audit: &mut Audit,
    ) -> Result<(), Error> {
        let Kind::Hashes(level) = name.kind else { return Ok(()) };
        let (shard_no, number) = (shard.shard_no, name.number);
        let kept = self
            .store
            .read((), |tx, ()| Box::pin(async move { tx.tile(shard_no, level, number).await }))
            .await;
        let is_same = match kept {
            // It may have grown since the walk began.
            Ok(kept) => kept.starts_with(hashes),
            Err(Error::Damaged(_)) => false,
            Err(error) => return Err(error),
        };
        if !is_same {
            audit.find(Fault::Tile, format!("{}/{name}", shard.origin));
        }
        Ok(())
    }

    /// Holds the signed root of the tree as it stands now, if there is one, against it; answers its text.
    async fn signed(&self, tree: &mut Tree<'_>, audit: &mut Audit) -> Result<Option<String>, Error> {
        let size = tree.walk.size();
        let Some(checkpoint) = tree.ahead.pop_front_if(|next| next.tree_size == size) else {
            return Ok(None);
        };
        if tree.ahead.is_empty() {
            tree.ahead = self.checkpoints(tree.shard.shard_no, size).await?;
        }
        let at = format!("{}@{size}", tree.shard.origin);
        tree.checkpoints += 1;
        if checkpoint.root != tree.walk.root() {
            audit.find(Fault::Root, &at);
        }
        let Some((said, root, text)) = open_checkpoint(self.log, &tree.shard.origin, &checkpoint.note) else {
            audit.find(Fault::Signature, at);
            return Ok(None);
        };
        if said != size || root != checkpoint.root {
            audit.find(Fault::Signature, &at);
        }
        if let Some(token) = &checkpoint.timestamp_token {
            tree.timestamps += 1;
            if !is_whole_token(token, &text) {
                audit.find(Fault::Timestamp, at);
            }
        }
        Ok(Some(text))
    }
}
