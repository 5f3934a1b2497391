//! `congvan import`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use mail::{AccountId, Door, EmailAddress, Examine, Letter, MailboxId, Timestamp};
use serde::Serialize;
use store::{Audit, ImportMark, Imported, NewEmail, NewImport};

use super::super::{ACTOR, Outcome, on_data};
use super::folders::Folders;
use super::progress::Progress;
use super::source::{Body, Found, Source};
use super::{Format, account, levels};
use crate::house::House;
use crate::mail_path::MailPath;

/// Messages written together: one sync for all of them, and a running server's writer does not wait long.
const TOGETHER: usize = 64;
/// Bytes of them.
const BYTES_TOGETHER: usize = 8 * 1024 * 1024;
/// Messages that were left out are named one by one up to so many; beyond that they are counted.
const NAMED_MAX: usize = 1_000;

/// Đưa thư từ nơi khác vào hộp thư. / Bring messages from elsewhere into a mailbox.
///
/// The server may be running. What was brought in before is not brought in again: a run that was cut off is simply run again.
/// Exit 0 when everything is there, 1 when something was left out, 3 for a fault.
#[derive(Args)]
pub(in super::super) struct Import {
    /// Tệp hoặc thư mục nguồn. / The file or directory.
    source: PathBuf,
    /// Địa chỉ hộp thư. / Whose mailbox: an address.
    #[arg(long)]
    account: EmailAddress,
    /// Dạng của nguồn. / How the messages lie there.
    #[arg(long)]
    format: Format,
    /// Thư mục đích, ví dụ "Lưu trữ/2019". / The folder everything goes into; without it, folders keep their names, and what is in none goes into the inbox.
    #[arg(long)]
    into: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Why a message was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Why {
    /// The account's quota.
    NoRoom,
    /// The house takes no message of that size.
    TooLarge,
    /// It has no header field.
    NoMessage,
    /// It has a mark of secrecy (RULES R7).
    StateSecret,
}

impl Why {
    fn words(self) -> &'static str {
        match self {
            Self::NoRoom => "hộp thư hết dung lượng (the mailbox is full)",
            Self::TooLarge => "thư quá lớn (larger than mail.message_bytes_max)",
            Self::NoMessage => "không phải thư (no message)",
            Self::StateSecret => "văn bản có độ mật (a mark of secrecy)",
        }
    }
}

#[derive(Serialize)]
struct LeftOut {
    at: String,
    why: Why,
}

/// What came of an import.
#[derive(Default, Serialize)]
struct Report {
    found: u64,
    added: u64,
    already: u64,
    left_out: BTreeMap<Why, u64>,
    named: Vec<LeftOut>,
}

/// A message that waits to be written.
struct Ready {
    at: String,
    raw: Vec<u8>,
    mark: ImportMark,
    keywords: Vec<String>,
    is_deleted: bool,
    received_at: Option<Timestamp>,
}

impl Import {
    pub(in super::super) fn run(self, file: &Path) -> Outcome {
        on_data(file, async |house| self.work(house).await)
    }

    async fn work(self, house: Arc<House>) -> Outcome {
        let account_id = account(&house, &self.account).await?;
        let size_max = house.config.mail.message_bytes_max;
        let open = || format!("cannot read {} (không đọc được nguồn)", self.source.display());
        let mut source = Source::open(&self.source, self.format, size_max).with_context(open)?;
        let mut progress = Progress::new(source.total);
        let mut run = Run {
            folders: Folders::new(house.clone(), account_id).await?,
            entrance: MailPath::for_appending(&house),
            house,
            account_id,
            into: self.into.as_deref().map(levels).unwrap_or_default(),
            folder: None,
            seen: HashMap::new(),
            waiting: Vec::new(),
            report: Report::default(),
        };
        while let Some(found) = source.next_message().with_context(open)? {
            run.take(found).await?;
            progress.show(source.read(), run.report.found);
        }
        run.flush().await?;
        progress.end();
        run.audit().await?;
        run.report.tell(self.json)
    }
}

/// An import as it goes.
struct Run {
    house: Arc<House>,
    /// What nothing comes in without.
    entrance: Arc<MailPath>,
    account_id: AccountId,
    folders: Folders,
    into: Vec<String>,
    /// The folder that is being read, and its mailbox.
    folder: Option<(Vec<String>, MailboxId)>,
    /// How often each message of this folder was seen: sixteen bytes and a number each.
    seen: HashMap<ImportMark, u32>,
    waiting: Vec<Ready>,
    report: Report,
}

impl Run {
    async fn take(&mut self, found: Found) -> anyhow::Result<()> {
        self.report.found += 1;
        if self.folder.as_ref().is_none_or(|(folder, _)| *folder != found.folder) {
            self.flush().await?;
            let mut path = [self.into.as_slice(), &found.folder].concat();
            if path.is_empty() {
                path.push("INBOX".to_owned());
            }
            let mailbox_id = self.folders.of(&path).await.with_context(|| path.join("/"))?;
            self.folder = Some((found.folder, mailbox_id));
            self.seen.clear();
        }
        let raw = match found.body {
            Body::TooLarge(_) => return self.leave_out(found.at, Why::TooLarge),
            Body::Message(raw) if !begins_with_a_field(&raw) => {
                return self.leave_out(found.at, Why::NoMessage);
            }
            Body::Message(raw) => raw,
        };
        if self.is_secret(&raw).await? {
            return self.leave_out(found.at, Why::StateSecret);
        }
        let store = &self.house.store;
        let times = self.seen.entry(store.import_mark(self.account_id, &raw, 0)).or_default();
        let mark = store.import_mark(self.account_id, &raw, *times);
        *times += 1;
        self.waiting.push(Ready {
            at: found.at,
            raw,
            mark,
            keywords: found.marks.keywords,
            is_deleted: found.marks.is_deleted,
            received_at: found.received_at,
        });
        let bytes: usize = self.waiting.iter().map(|ready| ready.raw.len()).sum();
        if self.waiting.len() >= TOGETHER || bytes >= BYTES_TOGETHER {
            self.flush().await?;
        }
        Ok(())
    }

    /// Whether the house takes nothing of it (RULES R8: importing is an entrance). What cannot be looked at ends the run.
    async fn is_secret(&self, raw: &[u8]) -> anyhow::Result<bool> {
        let facts = mail::message::read(raw, &mail::message::Limits::default());
        let letter = Letter {
            door: Door::Imap,
            id: "import",
            reverse_path: None,
            recipients: Vec::new(),
            account: Some(self.account_id),
            peer: None,
            received_at: self.house.now(),
            message: raw,
            facts: &facts,
        };
        match self.entrance.examine(&letter).await {
            Ok(_) => Ok(false),
            Err(refused) if refused.is_temporary() => Err(refused.into()),
            Err(_) => Ok(true),
        }
    }

    fn leave_out(&mut self, at: String, why: Why) -> anyhow::Result<()> {
        *self.report.left_out.entry(why).or_default() += 1;
        if self.report.named.len() < NAMED_MAX {
            self.report.named.push(LeftOut { at, why });
        }
        Ok(())
    }

    /// Writes what waits, in one transaction.
    async fn flush(&mut self) -> anyhow::Result<()> {
        let Some((_, mailbox_id)) = self.folder else { return Ok(()) };
        let (account_id, now) = (self.account_id, self.house.now());
        let waiting = std::mem::take(&mut self.waiting);
        let marks: Vec<ImportMark> = waiting.iter().map(|ready| ready.mark).collect();
        let known = self.house.store.read(marks, move |tx, marks| {
            Box::pin(async move { tx.imported(account_id, mailbox_id, marks).await })
        });
        let known: Result<_, store::Error> = known.await;
        let known = known?;
        let (mut places, mut news) = (Vec::new(), Vec::new());
        for ready in waiting {
            if known.contains(&ready.mark) {
                self.report.already += 1;
                continue;
            }
            let facts = mail::message::read(&ready.raw, &mail::message::Limits::default());
            let received_at = ready.received_at.or(facts.sent_at).filter(|at| *at <= now).unwrap_or(now);
            let email = NewEmail {
                account_id,
                blob: self.house.store.seal(account_id, &ready.raw, now).await?,
                facts,
                mailbox_ids: vec![mailbox_id],
                keywords: ready.keywords,
                received_at,
                // Asked message by message, so that one that is too large keeps no other out.
                ask_quota: false,
            };
            places.push(ready.at);
            news.push(NewImport { email, mark: ready.mark, is_deleted: ready.is_deleted });
        }
        if news.is_empty() {
            return Ok(());
        }
        let written = self.house.store.write("import messages", news, move |tx, news| {
            Box::pin(async move {
                let mut came = Vec::with_capacity(news.len());
                for new in news {
                    came.push(tx.import_email(new, now).await?);
                }
                Ok::<_, store::Error>(came)
            })
        });
        for (at, came) in places.into_iter().zip(written.await?) {
            match came {
                Imported::Added(_) => self.report.added += 1,
                Imported::Already => self.report.already += 1,
                Imported::NoRoom => self.leave_out(at, Why::NoRoom)?,
            }
        }
        Ok(())
    }

    /// That somebody brought messages in is written down (RULES R52): how many, never which.
    async fn audit(&self) -> Result<(), store::Error> {
        let (account_id, now) = (self.account_id, self.house.now());
        let detail = format!(r#"{{"imported":{}}}"#, self.report.added);
        let written = self.house.store.write("audit an import", detail, move |tx, detail| {
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
            for left in &self.named {
                println!("{}: {}", left.at, left.why.words());
            }
            let (added, already, left) = (self.added, self.already, self.left_out.values().sum::<u64>());
            super::super::provision::tell(
                &format!("Đã đưa vào {added} thư; {already} thư đã có từ lần trước; bỏ lại {left} thư."),
                &format!(
                    "Brought in {added} messages; {already} were there from an earlier run; left out {left}."
                ),
            );
        }
        Ok(if self.left_out.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// Whether bytes begin as a message does: with a header field.
fn begins_with_a_field(raw: &[u8]) -> bool {
    let name = raw.iter().take_while(|byte| byte.is_ascii_graphic() && **byte != b':').count();
    let after = raw.get(name..).unwrap_or_default();
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    name > 0 && after.get(blanks) == Some(&b':')
}
