//! `congvan backup` and `congvan restore`: on the data of a running or sleeping house, and offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use certs::keys::PinSource;
use certs::note::VerifierKey;
use clap::{Args, Subcommand};
use mail::Secret;
use store::Audit;

use super::{ACTOR, Outcome, files};
use crate::backup::{self, Listed, Restoration, Wanted};
use crate::config::Config;
use crate::windows::{SystemChance, SystemClock};

/// Bytes of a checkpoint.
const CHECKPOINT_MAX: usize = 64 * 1024;

#[derive(Subcommand)]
pub(super) enum BackupCommand {
    /// Sao lưu bây giờ. / Make a backup now, beside a server at work. A second one writes only what is new.
    Create {
        /// Directory of the repository, made at first use; the configured one when left out.
        #[arg(long)]
        to: Option<PathBuf>,
        /// Keep only the newest so many.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        keep: Option<u32>,
        #[command(flatten)]
        passphrase: Passphrase,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Liệt kê các bản sao lưu. / List the backups of a repository. Needs no passphrase.
    List {
        /// Directory of the repository.
        dir: PathBuf,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Kiểm tra kho sao lưu, không cần máy chủ. / Check a repository where it lies: needs no installation and no network. Without
    /// the passphrase every digest and signature, with it every row and the ledger too. Exit 0: whole, 1: not.
    Verify {
        /// Directory of the repository.
        dir: PathBuf,
        /// Only this one.
        #[arg(long)]
        id: Option<String>,
        /// The ledger's verifier key, "name+hash+key" ("congvan ledger key"). Without it the key in the backup is taken, and whose
        /// backup it is remains open.
        #[arg(long)]
        log_key: Option<String>,
        #[command(flatten)]
        passphrase: Passphrase,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Phục hồi thử. / Restore the newest backup into a scratch directory, look through all of it, and take it away again.
    Test {
        /// Directory of the repository; the configured one when left out.
        #[arg(long)]
        from: Option<PathBuf>,
        /// The scratch directory; in the repository when left out.
        #[arg(long)]
        scratch: Option<PathBuf>,
        #[command(flatten)]
        passphrase: Passphrase,
    },
}

#[derive(Args)]
pub(super) struct Passphrase {
    /// Where the passphrase comes from: "file:PATH" (the first line) or "env:NAME".
    #[arg(long = "passphrase", value_name = "SOURCE")]
    source: Option<String>,
}

impl Passphrase {
    fn read(&self) -> anyhow::Result<Option<Secret<String>>> {
        let Some(source) = &self.source else { return Ok(None) };
        let source: PinSource = source.parse().map_err(crate::keys::said).context("--passphrase")?;
        backup::passphrase(&source).map(Some)
    }

    /// The one that is named here, or in the configuration.
    fn or_of(&self, config: &Config) -> anyhow::Result<Secret<String>> {
        match self.read()? {
            Some(passphrase) => Ok(passphrase),
            None => backup::passphrase(&config.backup_passphrase()?),
        }
    }
}

fn target(given: Option<PathBuf>, config: &Config) -> anyhow::Result<PathBuf> {
    match given {
        Some(given) => Ok(given),
        None if config.backup.is_scheduled() => Ok(config.backup_to()),
        None => anyhow::bail!(
            "[backup-target] chưa cấu hình backup.to / backup.to is not configured: name a directory"
        ),
    }
}

fn log_key(given: Option<&str>) -> anyhow::Result<Option<VerifierKey>> {
    let parse = |key: &str| key.parse().context("--log-key is no verifier key (khóa kiểm tra không hợp lệ)");
    given.map(parse).transpose()
}

impl BackupCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Create { to, keep, passphrase, json } => create(file, to, keep, &passphrase, json),
            Self::List { dir, json } => list(&dir, json),
            Self::Verify { dir, id, log_key: key, passphrase, json } => {
                let (passphrase, key) = (passphrase.read()?, log_key(key.as_deref())?);
                let checked = backup::verify(&dir, id.as_deref(), passphrase.as_ref(), key.as_ref());
                tell_report(&super::runtime()?.block_on(checked)?, json)
            }
            Self::Test { from, scratch, passphrase } => super::on_data(file, async |house| {
                let from = target(from, &house.config)?;
                let passphrase = passphrase.or_of(&house.config)?;
                let id = backup::try_out(&house, &from, &passphrase, scratch.as_deref()).await?;
                let at = house.now().millis();
                backup::remember(&house, ACTOR, Audit::BackupTested, &id, "", |state| {
                    state.tested_at = Some(at);
                })
                .await?;
                println!("{id}: phục hồi thử thành công / restored as a test, and all is as it must be");
                Ok(ExitCode::SUCCESS)
            }),
        }
    }
}

fn create(
    file: &Path,
    to: Option<PathBuf>,
    keep: Option<u32>,
    passphrase: &Passphrase,
    json: bool,
) -> Outcome {
    super::on_data(file, async |house| {
        let to = target(to, &house.config)?;
        let passphrase = passphrase.or_of(&house.config)?;
        let keep = keep.and_then(|keep| usize::try_from(keep).ok());
        let done = backup::create(&house, &to, &passphrase, keep).await?;
        let detail = serde_json::to_string(&done)?;
        let (at, id) = (done.taken_at.millis(), done.id.clone());
        backup::remember(&house, ACTOR, Audit::BackupMade, &done.id, &detail, |state| {
            (state.good_at, state.good_id) = (Some(at), id);
        })
        .await?;
        if !done.is_pruned {
            eprintln!(
                "không bỏ được bản cũ, hãy kiểm tra kho / old ones were not taken away: verify the repository"
            );
        }
        match json {
            true => println!("{detail}"),
            false => println!(
                "{}: {} dòng, {} khối ({} mới), {} tệp; ghi {} byte trong {} ms / \
                 {} rows, {} blobs ({} new), {} files; {} bytes written in {} ms",
                done.id,
                done.rows,
                done.blobs,
                done.blobs_read,
                done.files,
                done.bytes_written,
                done.millis,
                done.rows,
                done.blobs,
                done.blobs_read,
                done.files,
                done.bytes_written,
                done.millis
            ),
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn list(dir: &Path, json: bool) -> Outcome {
    let (good, bad) = backup::list(dir, None)?;
    match json {
        true => println!("{}", serde_json::json!({ "backups": good, "unreadable": bad })),
        false => good.iter().for_each(print_listed),
    }
    bad.iter().for_each(|bad| eprintln!("backup-manifest  {}", files::plain(bad)));
    Ok(ExitCode::from(u8::from(!bad.is_empty())))
}

fn print_listed(one: &Listed) {
    println!(
        "{}  {}  {} dòng/rows, {} khối/blobs ({} byte), {} tệp/files, {} bản ghi sổ/leaves",
        one.id, one.taken_at, one.rows, one.blobs, one.blob_bytes, one.files, one.leaves
    );
}

fn tell_report(report: &backup::Report, json: bool) -> Outcome {
    let is_whole = report.faults.is_empty();
    if json {
        println!("{}", serde_json::to_string(report)?);
        return Ok(ExitCode::from(u8::from(!is_whole)));
    }
    report.backups.iter().for_each(print_listed);
    for fault in &report.faults {
        println!("{}  {}\n    {} / {}", fault.code, files::plain(&fault.at), fault.vi, fault.en);
    }
    if report.more > 0 {
        println!("và {} lỗi nữa / and {} more", report.more, report.more);
    }
    if !report.key_given {
        println!(
            "Không có --log-key: chỉ biết là nguyên vẹn, chưa biết của ai. / No --log-key: whole or not is known, whose is not."
        );
    }
    if !report.opened {
        println!(
            "Không có mật khẩu: nội dung không được mở. / No passphrase: what is in the chunks was not looked at."
        );
    }
    match is_whole {
        true => println!("{} mảnh: nguyên vẹn. / {} chunks: whole.", report.chunks, report.chunks),
        false => println!("KHÔNG nguyên vẹn. / NOT whole."),
    }
    Ok(ExitCode::from(u8::from(!is_whole)))
}

/// Phục hồi từ bản sao lưu. / Put a backup back.
///
/// Exit 0: restored. 1: restored, and the ledger stands behind a checkpoint that was published. 3: not restored.
#[derive(Args)]
pub(super) struct Restore {
    /// Directory of the repository.
    #[arg(long)]
    from: PathBuf,
    /// Which backup; the newest when left out.
    #[arg(long)]
    id: Option<String>,
    /// The data directory to make; it must not be there, or be empty.
    #[arg(long)]
    data: PathBuf,
    /// "sqlite", or the postgres:// address of an empty database; as it was when left out.
    #[arg(long)]
    database: Option<String>,
    /// The ledger's verifier key; without it the key in the backup is taken.
    #[arg(long)]
    log_key: Option<String>,
    /// A checkpoint of the ledger that was kept elsewhere: whether acts were lost is then known. May be repeated.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Hold back what would leave the house, for it may have left after the backup: mail until `congvan queue release`, lines to other axes
    /// until `congvan peer resume`. Ask peers and receivers first.
    #[arg(long)]
    hold: bool,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl Restore {
    pub(super) fn run(self) -> Outcome {
        let passphrase = self.passphrase.read()?;
        let passphrase = passphrase.context("--passphrase: file:PATH, env:NAME (thiếu mật khẩu sao lưu)")?;
        let key = log_key(self.log_key.as_deref())?;
        let wanted = Wanted {
            from: &self.from,
            id: self.id.as_deref(),
            data: &self.data,
            database: self.database.as_deref(),
            passphrase: &passphrase,
            key: key.as_ref(),
            hold: self.hold,
        };
        let restoring = backup::restore(&wanted, &SystemClock, Arc::new(SystemChance::new()));
        let restored = super::runtime()?.block_on(restoring)?;
        tell_restored(&restored, &self.data);
        self.compare(&restored)
    }

    /// Holds the restored ledger against what was published.
    fn compare(&self, restored: &Restoration) -> Outcome {
        let mut is_behind = false;
        for file in &self.checkpoint {
            let Some((origin, have, had)) = backup::beside(restored, &files::read(file, CHECKPOINT_MAX)?)
            else {
                anyhow::bail!("{}: không phải mốc của sổ này / is no checkpoint of this log", file.display());
            };
            if have < had {
                is_behind = true;
                println!(
                    "SỔ BỊ LÙI: {origin} có {have} bản ghi, mốc đã công bố có {had}. {} việc sau bản sao lưu đã mất; báo cho bên giữ \
                     mốc và biên nhận trước khi chạy. / THE LEDGER IS BEHIND: {origin} has {have} leaves, a published checkpoint has \
                     {had}. {} acts after the backup are lost; tell whoever keeps checkpoints and receipts before you start.",
                    had - have,
                    had - have
                );
            }
        }
        Ok(ExitCode::from(u8::from(is_behind)))
    }
}

fn tell_restored(restored: &Restoration, data: &Path) {
    let Restoration { id, taken_at, rows, blobs, files, .. } = restored;
    println!(
        "{id} ({taken_at}): {rows} dòng/rows, {blobs} khối/blobs, {files} tệp/files, {} hộp thư/accounts",
        restored.restored.accounts
    );
    for tree in &restored.trees {
        println!("  sổ / ledger {}: {} bản ghi/leaves", tree.origin, tree.size);
    }
    for (book, next) in &restored.restored.books {
        println!("  sổ văn bản / book {book}: số tiếp theo / next number {next}");
    }
    println!(
        "  chờ gửi / waiting to leave: {} (có thể đã gửi sau bản sao lưu / may have left after the backup)",
        restored.restored.outbox
    );
    println!(
        "Tiếp theo / next: congvan --config {0}/congvan.toml doctor --deep && congvan --config {0}/congvan.toml ledger audit",
        data.display()
    );
}
