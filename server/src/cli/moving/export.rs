//! `congvan export`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail};
use clap::Args;
use imap::Node;
use imap::codec::MailboxName;
use mail::{AccountId, EmailAddress, MailboxId, UidSet};
use serde::Serialize;
use store::{Audit, ViewRow};

use super::super::{ACTOR, Outcome, on_data};
use super::marks::Marks;
use super::progress::Progress;
use super::{Format, account, folders, mbox};
use crate::house::House;

/// Messages listed at a time.
const PAGE: i64 = 200;

/// Lấy thư trong hộp thư ra tệp. / Write the messages of a mailbox to files.
///
/// The server may be running. Run again, it writes what is missing: files of a Maildir and .eml files that are there already stay.
/// Exit 0, or 3 for a fault.
#[derive(Args)]
pub(in super::super) struct Export {
    /// Thư mục đích; được tạo nếu chưa có. / The directory to write to; made when it is missing.
    directory: PathBuf,
    /// Địa chỉ hộp thư. / Whose mailbox: an address.
    #[arg(long)]
    account: EmailAddress,
    /// Dạng của tệp. / How the messages are to lie there.
    #[arg(long)]
    format: Format,
    /// Chỉ thư mục này, ví dụ "Lưu trữ/2019". / Only this folder; more than one may be given. Without it, all.
    #[arg(long)]
    folder: Vec<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// What came of an export.
#[derive(Default, Serialize)]
struct Report {
    folders: u64,
    written: u64,
    already: u64,
}

impl Export {
    pub(in super::super) fn run(self, file: &Path) -> Outcome {
        on_data(file, async |house| self.work(house).await)
    }

    async fn work(self, house: Arc<House>) -> Outcome {
        let account_id = account(&house, &self.account).await?;
        let tree = folders::tree(&house, account_id).await?;
        let mut chosen: Vec<&Node> = tree.nodes().iter().collect();
        if !self.folder.is_empty() {
            let names: Vec<MailboxName> = self.folder.iter().map(|name| MailboxName::new(name)).collect();
            if let Some(unknown) = names.iter().find(|name| tree.find(name).is_none()) {
                bail!("{}: không có thư mục này / no such folder", unknown.as_str());
            }
            chosen.retain(|node| names.contains(&node.name));
        }
        let total = chosen.iter().map(|node| node.mailbox.total_emails.unsigned_abs()).sum();
        let mut run = Run { house, account_id, progress: Progress::new(total), report: Report::default() };
        for node in chosen {
            let write = || format!("{}: cannot be written (không ghi được)", node.name.as_str());
            let mut target = Target::open(&self.directory, self.format, &node.name).with_context(write)?;
            run.folder(node.mailbox.mailbox_id, &mut target).await.with_context(write)?;
            target.close().with_context(write)?;
            run.report.folders += 1;
        }
        run.progress.end();
        run.audit().await?;
        run.report.tell(self.json)
    }
}

struct Run {
    house: Arc<House>,
    account_id: AccountId,
    progress: Progress,
    report: Report,
}

impl Run {
    async fn folder(&mut self, mailbox_id: MailboxId, target: &mut Target) -> anyhow::Result<()> {
        let (store, account_id) = (self.house.store.clone(), self.account_id);
        let opened = store
            .read((), move |tx, ()| Box::pin(async move { tx.open_mailbox(account_id, mailbox_id).await }));
        let opened: Result<_, store::Error> = opened.await;
        let Some(opened) = opened? else { return Ok(()) };
        let mut left = opened.uids;
        loop {
            let page = store.read(left.clone(), move |tx, uids| {
                Box::pin(async move { tx.view_rows(account_id, mailbox_id, uids, PAGE).await })
            });
            let page: Result<Vec<ViewRow>, store::Error> = page.await;
            let page = page?;
            let Some(last) = page.last() else { return Ok(()) };
            left = left.without(&UidSet::run(1, last.uid.0));
            for row in &page {
                let marks = Marks { keywords: row.keywords.clone(), is_deleted: row.is_deleted };
                if target.has(row, &marks)? {
                    self.report.already += 1;
                } else if let Some(raw) = store.read_blob(account_id, row.blob_id).await? {
                    target.write(row, &marks, &raw)?;
                    self.report.written += 1;
                }
                let done = self.report.written + self.report.already;
                self.progress.show(done, done);
            }
        }
    }

    /// That messages left the house is written down (RULES R52): how many, never which.
    async fn audit(&self) -> Result<(), store::Error> {
        let (account_id, now) = (self.account_id, self.house.now());
        let detail = format!(r#"{{"exported":{}}}"#, self.report.written);
        let written = self.house.store.write("audit an export", detail, move |tx, detail| {
            let subject = account_id.to_string();
            Box::pin(
                async move { tx.audit(account_id, now, ACTOR, Audit::MailChanged, &subject, detail).await },
            )
        });
        written.await
    }
}

impl Report {
    fn tell(&self, json: bool) -> Outcome {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            let Self { folders, written, already } = self;
            super::super::provision::tell(
                &format!("Đã ghi {written} thư của {folders} thư mục; {already} thư đã có từ lần trước."),
                &format!(
                    "Wrote {written} messages of {folders} folders; {already} were there from an earlier run."
                ),
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where the messages of one folder go.
enum Target {
    /// Written beside its place and put there when it is whole.
    Mbox {
        file: PathBuf,
        part: PathBuf,
        out: BufWriter<File>,
    },
    /// The folder, and the names in it by the part that does not change.
    Maildir {
        path: PathBuf,
        names: HashMap<String, String>,
    },
    Eml {
        path: PathBuf,
        names: HashMap<String, String>,
    },
}

impl Target {
    fn open(directory: &Path, format: Format, name: &MailboxName) -> io::Result<Self> {
        let mut path = directory.to_owned();
        match format {
            Format::Mbox | Format::Mboxo => {
                let levels: Vec<String> = name.levels().map(folders::to_file_name).collect();
                path.extend(levels.split_last().map(|(_, above)| above).unwrap_or_default());
                fs::create_dir_all(&path)?;
                let last = levels.last().cloned().unwrap_or_default();
                let (file, part) =
                    (path.join(format!("{last}.mbox")), path.join(format!("{last}.mbox.part")));
                let out = BufWriter::new(File::create(&part)?);
                Ok(Self::Mbox { file, part, out })
            }
            Format::Maildir => {
                if !name.is_inbox() {
                    let levels: Vec<String> = name.levels().map(folders::to_maildir_name).collect();
                    path.push(format!(".{}", levels.join(".")));
                }
                // Programs want the top to be a Maildir whether the inbox goes there or not.
                for part in ["tmp", "new", "cur"] {
                    fs::create_dir_all(directory.join(part))?;
                    fs::create_dir_all(path.join(part))?;
                }
                if !name.is_inbox() {
                    // What tells others that this is a folder of a Maildir++.
                    File::create(path.join("maildirfolder"))?;
                }
                let names = names(&path.join("cur"), |name| folders::base_name(name).to_owned())?;
                Ok(Self::Maildir { path, names })
            }
            Format::Eml => {
                path.extend(name.levels().map(folders::to_file_name));
                fs::create_dir_all(&path)?;
                let names = names(&path, |name| name.split('.').next().unwrap_or_default().to_owned())?;
                Ok(Self::Eml { path, names })
            }
        }
    }

    /// The part of a message's name that does not change, and the whole name.
    fn name(&self, row: &ViewRow, marks: &Marks) -> (String, String) {
        let letters = marks.to_maildir();
        match self {
            Self::Maildir { .. } => {
                let base = format!("{}.{}-{}.congvan", row.received_at.secs(), row.email_id, row.uid.0);
                (base.clone(), format!("{base}:2,{letters}"))
            }
            _ => {
                let base = format!("{:08}", row.uid.0);
                let flags = if letters.is_empty() { String::new() } else { format!(".{letters}") };
                (base.clone(), format!("{base}{flags}.eml"))
            }
        }
    }

    /// Whether an earlier run has written a message. Its flags may have changed since: then its name does.
    fn has(&self, row: &ViewRow, marks: &Marks) -> io::Result<bool> {
        let (path, names) = match self {
            Self::Mbox { .. } => return Ok(false),
            Self::Maildir { path, names } => (path.join("cur"), names),
            Self::Eml { path, names } => (path.clone(), names),
        };
        let (base, name) = self.name(row, marks);
        let Some(old) = names.get(&base) else { return Ok(false) };
        if *old != name {
            fs::rename(path.join(old), path.join(name))?;
        }
        Ok(true)
    }

    fn write(&mut self, row: &ViewRow, marks: &Marks, raw: &[u8]) -> io::Result<()> {
        let (_, name) = self.name(row, marks);
        let (part, place) = match self {
            Self::Mbox { out, .. } => return mbox::write(out, raw, &marks.to_mbox(), row.received_at),
            Self::Maildir { path, .. } => (path.join("tmp").join(&name), path.join("cur").join(&name)),
            Self::Eml { path, .. } => (path.join(format!("{name}.part")), path.join(&name)),
        };
        let mut file = File::create(&part)?;
        match self {
            // Programs that read a Maildir expect lines as the system has them.
            Self::Maildir { .. } => write_with_lf(&mut file, raw)?,
            _ => file.write_all(raw)?,
        }
        let since = std::time::Duration::from_secs(row.received_at.secs().max(0).unsigned_abs());
        file.set_modified(UNIX_EPOCH + since)?;
        file.sync_all()?;
        fs::rename(part, place)
    }

    fn close(self) -> io::Result<()> {
        let Self::Mbox { file, part, out } = self else { return Ok(()) };
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(part, file)
    }
}

fn write_with_lf(out: &mut impl Write, raw: &[u8]) -> io::Result<()> {
    let mut whole = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                whole.extend_from_slice(line);
                whole.push(b'\n');
            }
            None => whole.extend_from_slice(line),
        }
    }
    out.write_all(&whole)
}

/// The names in a directory, by their key.
fn names(path: &Path, key: impl Fn(&str) -> String) -> io::Result<HashMap<String, String>> {
    let mut names = HashMap::new();
    for entry in fs::read_dir(path)? {
        if let Ok(name) = entry?.file_name().into_string()
            && !name.ends_with(".part")
        {
            names.insert(key(&name), name);
        }
    }
    Ok(names)
}
