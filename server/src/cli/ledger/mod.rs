//! `congvan ledger check|audit|export|key`: the whole log walked leaf by leaf, here or from an export, and the key it is signed
//! with.

mod export;
mod folder;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use registry::receipt::{Audit, Auditor};

use super::{Outcome, files};
use crate::house::House;
use crate::proof::LogVerifier;
use crate::sequencer::LogKey;

#[derive(Subcommand)]
pub(super) enum LedgerCommand {
    /// Walk the whole log: every leaf, tile, signed checkpoint and timestamp. Exit 0: all agree, 1: they do not.
    Check {
        /// Walk an export instead (see "ledger export"): needs no installation and no network.
        #[arg(long, requires = "log_key")]
        dir: Option<PathBuf>,
        /// The log's verifier key, "name+hash+key", for an export.
        #[arg(long)]
        log_key: Option<String>,
    },
    /// Walk the whole log and hold it against the data: every act has its leaf, every leaf its act, and both say the same.
    /// Exit 0: all agree, 1: they do not.
    Audit {
        /// A checkpoint that was kept elsewhere (from "/ledger/checkpoint", an export, a witness): its tree has to be the
        /// beginning of this one, or the log was rewritten. May be repeated.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the trees as files that any web server can serve (C2SP tlog-tiles), one directory a year.
    Export {
        /// Where to; the configured archive when left out.
        dir: Option<PathBuf>,
        /// Only this year.
        #[arg(long)]
        year: Option<i64>,
        /// Then drop the year's tiles from the database; they are read from the archive from then on. Only a closed year, only
        /// into the configured archive, and only after the export was checked.
        #[arg(long, requires = "year")]
        drop: bool,
    },
    /// Print the key that verifiers need.
    Key,
}

impl LedgerCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let (command, folder) = match self {
            Self::Check { dir: Some(dir), log_key } => (Self::Key, Some((dir, log_key))),
            command => (command, None),
        };
        if let Some((dir, log_key)) = folder {
            return check_folder(&dir, &log_key.unwrap_or_default());
        }
        super::on_data(file, |house| async move {
            let key = LogVerifier(LogKey::read(&house)?.verifier()?.parse()?);
            match command {
                Self::Key => {
                    println!("{}", key.0);
                    Ok(ExitCode::SUCCESS)
                }
                Self::Check { .. } => check(&house, &key).await,
                Self::Audit { checkpoint, json } => audit(&house, &key, &checkpoint, json).await,
                Self::Export { dir, year, drop } => export::run(&house, &key, dir, year, drop).await,
            }
        })
    }
}

fn check_folder(dir: &Path, log_key: &str) -> Outcome {
    let key = log_key.parse().context("--log-key is no verifier key (khóa kiểm tra không hợp lệ)")?;
    let report = folder::check(dir, &LogVerifier(key))?;
    for (tree, leaves, checkpoints) in &report.trees {
        println!(
            "{}: {leaves} bản ghi, {checkpoints} mốc / {leaves} leaves, {checkpoints} checkpoints",
            files::plain(tree)
        );
    }
    for fault in &report.faults {
        eprintln!("{}", files::plain(fault));
    }
    Ok(ExitCode::from(u8::from(!report.faults.is_empty())))
}

async fn check(house: &House, key: &LogVerifier) -> Outcome {
    let audit = Auditor::new(&house.store, key).check().await?;
    print_findings(&audit);
    if !audit.is_clean() {
        return Ok(ExitCode::from(1));
    }
    let (size, checked) = audit
        .trees
        .iter()
        .fold((0, 0), |(size, checked), tree| (size + tree.leaves, checked + tree.checkpoints));
    println!(
        "{size} bản ghi, {checked} mốc đã ký: khớp. / {size} leaves, {checked} signed checkpoints: they agree."
    );
    Ok(ExitCode::SUCCESS)
}

/// Bytes of a checkpoint, cosignatures and all.
const CHECKPOINT_BYTES_MAX: usize = 64 * 1024;

async fn audit(house: &House, key: &LogVerifier, kept: &[PathBuf], json: bool) -> Outcome {
    let auditor = Auditor::new(&house.store, key);
    let mut audit = auditor.run().await?;
    for file in kept {
        let note = String::from_utf8(files::read(file, CHECKPOINT_BYTES_MAX)?);
        let note =
            note.with_context(|| format!("{} is no checkpoint (không phải mốc sổ)", file.display()))?;
        auditor.compare(&note, &mut audit).await?;
    }
    match json {
        true => println!("{}", report(&audit)),
        false => {
            for tree in &audit.trees {
                println!(
                    "{}: {} bản ghi, {} mốc, {} dấu thời gian / {} leaves, {} checkpoints, {} timestamps",
                    tree.origin,
                    tree.leaves,
                    tree.checkpoints,
                    tree.timestamps,
                    tree.leaves,
                    tree.checkpoints,
                    tree.timestamps
                );
            }
            let (packages, deliveries) = (audit.packages, audit.deliveries);
            println!(
                "{packages} gói tin, {deliveries} lượt đã nhận đã đối chiếu / {packages} packages, {deliveries} finished deliveries compared"
            );
            print_findings(&audit);
            if audit.is_clean() {
                println!("Khớp. / All agree.");
            }
        }
    }
    Ok(ExitCode::from(u8::from(!audit.is_clean())))
}

fn print_findings(audit: &Audit) {
    for finding in &audit.findings {
        let fault = finding.fault;
        eprintln!("{} {}: {} / {}", fault.code(), files::plain(&finding.at), fault.vi(), fault.en());
    }
    if audit.more > 0 {
        eprintln!("và {} lỗi nữa / and {} more", audit.more, audit.more);
    }
}

fn report(audit: &Audit) -> serde_json::Value {
    let trees = audit.trees.iter().map(|tree| {
        serde_json::json!({
            "origin": tree.origin,
            "leaves": tree.leaves,
            "checkpoints": tree.checkpoints,
            "timestamps": tree.timestamps,
        })
    });
    let findings = audit.findings.iter().map(|finding| {
        let fault = finding.fault;
        serde_json::json!({ "code": fault.code(), "at": finding.at, "vi": fault.vi(), "en": fault.en() })
    });
    serde_json::json!({
        "agrees": audit.is_clean(),
        "trees": trees.collect::<Vec<_>>(),
        "packages": audit.packages,
        "deliveries": audit.deliveries,
        "findings": findings.collect::<Vec<_>>(),
        "more": audit.more,
    })
}
