//! Making a backup, beside a house at work.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use mail::Secret;
use store::backup::{Cell, Snapshot, record};

use super::blobs::Packing;
use super::manifest::{self, Manifest, TableRows, TreeHead};
use super::repository::{Files, Repository};
use super::rows::{Writer, mark};
use super::seal::hex;
use super::{Done, files};
use crate::house::House;
use crate::sequencer::LogKey;

/// Makes a backup in the repository at `to`, and keeps the newest `keep` of them when that is said. When this returns, the backup
/// survives a power cut.
///
/// # Errors
/// Nothing is a backup then; what was written is used by the next one.
pub(crate) async fn create(
    house: &House,
    to: &Path,
    passphrase: &Secret<String>,
    keep: Option<usize>,
) -> anyhow::Result<Done> {
    let began = Instant::now();
    let opening = || Repository::open(to, passphrase, &*house.chance);
    let mut repository = tokio::task::block_in_place(opening)?;
    let key = LogKey::read(house)?;
    let before = newest(&repository.files, &key)?;
    // Before the view begins: whatever was promised until now is in it.
    let taken_at = house.now();
    let mut snapshot =
        house.store.snapshot().await.context("cannot read the data (không đọc được dữ liệu)")?;
    let mut manifest = Manifest {
        format: 1,
        id: Manifest::name(taken_at, &short(house)),
        taken_at: taken_at.to_rfc3339_vietnam(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        engine: house.store.engine().to_owned(),
        schema: snapshot.schema(),
        log_key: key.verifier()?,
        tables: Vec::new(),
        numbers: snapshot.numbers_given().await?,
        blobs: Default::default(),
        files: Default::default(),
        trees: trees(&mut snapshot).await?,
    };
    manifest.tables = tables(&mut snapshot, &mut repository).await?;
    let packing = Packing::default().run(&mut snapshot, &mut repository, before.as_ref()).await?;
    let (blobs, blobs_read) = packing;
    manifest.blobs = blobs;
    drop(snapshot);
    manifest.files = tokio::task::block_in_place(|| files::take(&house.config, to, &mut repository))?;
    let (bytes, note) = manifest.sign(&key)?;
    tokio::task::block_in_place(|| repository.commit(&manifest.id, &bytes, &note))?;
    let pruned = keep.map(|keep| prune(&mut repository, keep));
    Ok(Done {
        rows: manifest.tables.iter().map(|table| table.rows).sum(),
        blobs: manifest.blobs.count,
        blobs_read,
        files: manifest.files.count,
        chunks_written: repository.chunks.0,
        chunks_kept: repository.chunks.1,
        bytes_written: repository.written,
        is_pruned: pruned.is_none_or(|pruned| pruned),
        millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        taken_at,
        id: manifest.id,
    })
}

/// Whether the old ones could be taken away. When they could not the new one is a backup all the same.
fn prune(repository: &mut Repository, keep: usize) -> bool {
    let chunks_of = |files: &Files, name: &str| {
        let manifest = manifest::open(files, name, None)?.manifest;
        Ok(manifest.chunks().cloned().collect())
    };
    let pruned = tokio::task::block_in_place(|| repository.prune(keep, chunks_of));
    if let Err(error) = &pruned {
        tracing::warn!("không bỏ được bản sao lưu cũ / old backups were not taken away: {error:#}");
    }
    pruned.is_ok()
}

fn short(house: &House) -> String {
    let mut random = [0; 4];
    house.chance.fill(&mut random);
    hex(&random)
}

/// The newest backup that is whole as far as its manifest goes, and ours; without one everything is read.
fn newest(files: &Files, key: &LogKey) -> anyhow::Result<Option<Manifest>> {
    let key = key.verifier()?.parse()?;
    let names = files.snapshots()?;
    let read = |name: &String| manifest::open(files, name, Some(&key)).ok();
    Ok(names.iter().rev().find_map(read).map(|opened| opened.manifest))
}

async fn trees(snapshot: &mut Snapshot) -> anyhow::Result<Vec<TreeHead>> {
    let trees = snapshot.trees().await?;
    let head = |(shard, newest): (store::ledger::Shard, Option<store::ledger::Checkpoint>)| {
        let newest = newest?;
        let root = hex(&newest.root);
        Some(TreeHead { shard_no: shard.shard_no, origin: shard.origin, size: newest.tree_size, root })
    };
    Ok(trees.into_iter().filter_map(head).collect())
}

async fn tables(snapshot: &mut Snapshot, repository: &mut Repository) -> anyhow::Result<Vec<TableRows>> {
    let mut done = Vec::new();
    for table in snapshot.tables().to_vec() {
        let mut writer = Writer::default();
        let mut last: Option<Vec<Cell>> = None;
        loop {
            let mut page = snapshot.page(&table, last.as_deref()).await?;
            for row in &page {
                let mut key = Vec::new();
                let cells: Vec<Cell> = table.key_of(row).into_iter().cloned().collect();
                record::write(&cells, &mut key);
                writer.row(repository, row, mark(&key))?;
            }
            match page.pop() {
                Some(row) => last = Some(row),
                None => break,
            }
        }
        let (rows, chunks) = writer.end(repository)?;
        done.push(TableRows { name: table.name().to_owned(), columns: table.columns(), rows, chunks });
    }
    Ok(done)
}
