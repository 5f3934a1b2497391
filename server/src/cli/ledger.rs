//! `congvan ledger check|key`: the whole log, walked leaf by leaf, and the key it is signed with.

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;

use certs::note::{Note, VerifierKey};
use clap::Subcommand;
use store::ledger::Checkpoint;
use store::ledger::merkle::{Frontier, leaf_hash};

use super::Outcome;
use crate::house::House;
use crate::sequencer::LogKey;

/// Leaves or checkpoints read at once.
const AT_ONCE: i64 = 1_000;

#[derive(Subcommand)]
pub(super) enum LedgerCommand {
    /// Walk the whole log and hold every signed checkpoint against it. Exit 0: all agree, 1: they do not.
    Check,
    /// Print the key that verifiers need.
    Key,
}

impl LedgerCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        super::on_data(file, |house| async move {
            let key = LogKey::read(&house)?.verifier()?;
            match self {
                Self::Key => {
                    println!("{key}");
                    Ok(ExitCode::SUCCESS)
                }
                Self::Check => check(&house, &key.parse()?).await,
            }
        })
    }
}

/// A walk through the log.
struct Walk<'h> {
    house: &'h House,
    leaves: VecDeque<Vec<u8>>,
    frontier: Frontier,
    size: u64,
}

impl Walk<'_> {
    /// Walks on to a tree of `size` leaves; `false` when the log ends before.
    async fn to(&mut self, size: u64) -> anyhow::Result<bool> {
        while self.size < size {
            if self.leaves.is_empty() {
                let from = self.size;
                let found = self
                    .house
                    .store
                    .read((), |tx, ()| Box::pin(async move { tx.leaves_from(from, AT_ONCE).await }))
                    .await?;
                let in_order = found.iter().zip(from..).all(|(leaf, index)| leaf.index == Some(index));
                if found.is_empty() || !in_order {
                    return Ok(false);
                }
                self.leaves.extend(found.into_iter().map(|leaf| leaf.leaf));
            }
            if let Some(leaf) = self.leaves.pop_front() {
                self.frontier.push(leaf_hash(&leaf));
                self.size += 1;
            }
        }
        Ok(true)
    }
}

async fn check(house: &House, key: &VerifierKey) -> Outcome {
    let mut walk = Walk { house, leaves: VecDeque::new(), frontier: Frontier::default(), size: 0 };
    let (mut checked, mut after) = (0u64, 0);
    loop {
        let checkpoints = house
            .store
            .read((), |tx, ()| Box::pin(async move { tx.checkpoints_after(after, AT_ONCE).await }))
            .await?;
        let Some(last) = checkpoints.last() else { break };
        after = last.tree_size;
        for checkpoint in &checkpoints {
            let whole = walk.to(checkpoint.tree_size).await?;
            if !whole || walk.frontier.root() != checkpoint.root || !is_signed(checkpoint, key) {
                let size = checkpoint.tree_size;
                eprintln!(
                    "Mốc {size} không khớp với sổ. / The checkpoint of {size} leaves does not agree with the log."
                );
                return Ok(ExitCode::from(1));
            }
            checked += 1;
        }
    }
    let size = walk.size;
    println!(
        "{size} bản ghi, {checked} mốc đã ký: khớp. / {size} leaves, {checked} signed checkpoints: they agree."
    );
    Ok(ExitCode::SUCCESS)
}

/// Whether the kept note is a checkpoint of just this tree, signed by the log.
fn is_signed(checkpoint: &Checkpoint, key: &VerifierKey) -> bool {
    let known = std::slice::from_ref(key);
    let Ok(note) = Note::open(checkpoint.note.as_bytes(), known, &certs::Limits::default()) else {
        return false;
    };
    let body = note.text().parse::<certs::note::Checkpoint>();
    body.is_ok_and(|body| body.size == checkpoint.tree_size && body.root == checkpoint.root)
}
