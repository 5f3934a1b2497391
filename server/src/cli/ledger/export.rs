//! The trees as files (C2SP tlog-tiles): `DIR/<year>/checkpoint`, `tile/…`, and beside them `checkpoints/<size>` and
//! `timestamps/<size>.tst` for every checkpoint that has a timestamp. An export can be continued: full tiles never change.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use store::ledger::names::{Kind, TileName};
use store::ledger::walk::write_bundle;
use store::ledger::{Checkpoint, Shard};

use super::folder;
use crate::cli::Outcome;
use crate::house::House;
use crate::proof::LogVerifier;

/// Checkpoints read, or tiles dropped, in one transaction.
const AT_ONCE: i64 = 500;

pub(super) async fn run(
    house: &House,
    key: &LogVerifier,
    dir: Option<PathBuf>,
    year: Option<i64>,
    drop: bool,
) -> Outcome {
    let archive = house.config.ledger_archive();
    let dir = dir.or_else(|| archive.clone()).context("where to? (thiếu thư mục đích)")?;
    let shards = house.store.read((), |tx, ()| Box::pin(async move { tx.shards().await })).await?;
    let shards: Vec<Shard> =
        shards.into_iter().filter(|shard: &Shard| year.is_none_or(|year| year == shard.shard_no)).collect();
    anyhow::ensure!(!shards.is_empty(), "the ledger has no such year (sổ không có năm này)");
    if drop {
        let is_archive = archive.is_some_and(|archive| same(&archive, &dir));
        anyhow::ensure!(
            is_archive,
            "--drop: DIR is not ledger.archive (không phải thư mục lưu trữ đã cấu hình)"
        );
        let is_closed = shards.iter().all(|shard| shard.closed_at.is_some());
        anyhow::ensure!(is_closed, "--drop: the year has not ended (năm chưa kết thúc)");
    }
    for shard in &shards {
        let folder = dir.join(shard.shard_no.to_string());
        let size = Export { house, key, shard, folder: &folder }.write().await?;
        println!("{}: {size} bản ghi / leaves", folder.display());
        if drop {
            let report = folder::check(&dir, key)?;
            report.faults.iter().for_each(|fault| eprintln!("{fault}"));
            let is_whole = report.faults.is_empty() && size == shard.tree_size;
            anyhow::ensure!(is_whole, "the export is not whole: nothing is dropped (bản xuất không đủ)");
            drop_tiles(house, shard.shard_no).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether two names lead to one directory; the export may be what makes it.
fn same(archive: &Path, dir: &Path) -> bool {
    archive == dir
        || fs::canonicalize(archive).ok().zip(fs::canonicalize(dir).ok()).is_some_and(|(a, b)| a == b)
}

async fn drop_tiles(house: &House, shard_no: i64) -> anyhow::Result<()> {
    loop {
        let now = house.now();
        let dropped = house.store.write("drop archived tiles", shard_no, move |tx, shard_no| {
            Box::pin(async move { tx.drop_tiles(*shard_no, AT_ONCE, now).await })
        });
        let dropped: Result<u64, store::Error> = dropped.await;
        if dropped? == 0 {
            return Ok(());
        }
    }
}

struct Export<'e> {
    house: &'e House,
    key: &'e LogVerifier,
    shard: &'e Shard,
    folder: &'e Path,
}

impl Export<'_> {
    /// Answers how many leaves the export has: those of the newest checkpoint.
    async fn write(&self) -> anyhow::Result<u64> {
        let shard_no = self.shard.shard_no;
        let newest = self
            .house
            .store
            .read((), |tx, ()| Box::pin(async move { tx.newest_checkpoint_of(shard_no).await }));
        let newest: Option<Checkpoint> = newest.await?;
        let newest = newest.context("nothing is signed yet (chưa có mốc nào)")?;
        for name in TileName::bundles_of(newest.tree_size).chain(TileName::of_tree(newest.tree_size)) {
            self.tile(name).await?;
        }
        self.checkpoints(newest.tree_size).await?;
        let key = self.key.0.named(&self.shard.origin)?;
        put(&self.folder.join("key"), format!("{key}\n").as_bytes())?;
        // Last: who reads it finds everything it needs.
        put(&self.folder.join("checkpoint"), newest.note.as_bytes())?;
        Ok(newest.tree_size)
    }

    async fn tile(&self, name: TileName) -> anyhow::Result<()> {
        let file = self.folder.join(name.to_string());
        let is_full = name.width == store::ledger::merkle::TILE_WIDTH;
        if is_full && file.exists() {
            return Ok(());
        }
        let shard_no = self.shard.shard_no;
        let read = self.house.store.read((), |tx, ()| {
            Box::pin(async move {
                let width = usize::try_from(name.width).unwrap_or(usize::MAX);
                Ok::<_, store::Error>(match name.kind {
                    Kind::Entries => {
                        let leaves = tx.entries(shard_no, name.number).await?;
                        leaves.get(..width).and_then(|leaves| write_bundle(leaves.iter().map(Vec::as_slice)))
                    }
                    Kind::Hashes(level) => {
                        tx.tile(shard_no, level, name.number).await?.get(..width).map(<[_]>::concat)
                    }
                })
            })
        });
        let bytes = read.await?.with_context(|| format!("the ledger lacks {name} (sổ thiếu một phần)"))?;
        put(&file, &bytes)
    }

    async fn checkpoints(&self, upto: u64) -> anyhow::Result<()> {
        let (shard_no, mut after) = (self.shard.shard_no, 0);
        loop {
            let page = self.house.store.read((), |tx, ()| {
                Box::pin(async move { tx.stamped_checkpoints(shard_no, after, AT_ONCE).await })
            });
            let page: Vec<Checkpoint> = page.await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.tree_size;
            for checkpoint in page.iter().filter(|checkpoint| checkpoint.tree_size <= upto) {
                let size = checkpoint.tree_size;
                put(&self.folder.join(format!("checkpoints/{size}")), checkpoint.note.as_bytes())?;
                let token = checkpoint.timestamp_token.as_deref().unwrap_or_default();
                put(&self.folder.join(format!("timestamps/{size}.tst")), token)?;
            }
        }
    }
}

/// Writes a file whole or not at all; it is on the disk when this returns.
fn put(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        // Not `with_extension`: the names have dots of their own.
        let mut part = file.as_os_str().to_owned();
        part.push(".part");
        let mut draft = File::create(&part)?;
        draft.write_all(bytes)?;
        draft.sync_all()?;
        fs::rename(&part, file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}
