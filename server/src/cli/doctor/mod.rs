//! `congvan doctor`: is everything as it must be? It reads and changes nothing, beside a house at work or one that sleeps.

mod quick;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use registry::receipt::Auditor;
use serde::Serialize;

use super::files::plain;
use super::{Outcome, on_data};
use crate::config::Config;
use crate::house::House;
use crate::proof::LogVerifier;
use crate::sequencer::LogKey;

/// Findings that are told; further ones are counted.
const FINDINGS_MAX: usize = 1_000;

/// Khám hệ thống. / Is everything as it must be?
///
/// Exit 0: healthy. 1: something was found. 3: it could not be looked at.
#[derive(Args)]
pub(super) struct Doctor {
    /// Đếm lại, mở lại mọi thứ được lưu. / Count again and hold against each other everything that is kept, the ledger too.
    #[arg(long)]
    deep: bool,
    /// Mở mọi khối dữ liệu, không chỉ một phần mười sáu. / Open every blob, not one in sixteen.
    #[arg(long, requires = "deep")]
    all: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Something that was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Found {
    /// Stable.
    code: &'static str,
    /// Whose or of what: ids, names of files, numbers.
    at: String,
    vi: &'static str,
    en: &'static str,
}

/// What is found goes out at once; only its number is kept.
pub(super) struct Telling {
    json: bool,
    told: Vec<Found>,
    more: usize,
}

impl Telling {
    fn tell(&mut self, found: Found) {
        if self.told.len() >= FINDINGS_MAX {
            self.more += 1;
            return;
        }
        if !self.json {
            println!("{}  {}\n    {} / {}", found.code, plain(&found.at), found.vi, found.en);
        }
        self.told.push(found);
    }

    fn find(&mut self, code: &'static str, at: impl ToString, vi: &'static str, en: &'static str) {
        self.tell(Found { code, at: at.to_string(), vi, en });
    }
}

/// What was looked at, for the last line.
#[derive(Default, Serialize)]
struct Seen {
    owners: u64,
    blobs_opened: u64,
    files: u64,
    outbox: u64,
    leaves: u64,
}

impl Doctor {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let config = Config::read(file)?;
        let mut telling = Telling { json: self.json, told: Vec::new(), more: 0 };
        // Before anything is opened: opening would make what is missing and change what is old.
        let may_open = super::runtime()?.block_on(quick::before_opening(&config, &mut telling))?;
        if !may_open {
            return self.end(&telling, &Seen::default());
        }
        on_data(file, async |house| {
            quick::of_the_house(&house, &mut telling).await?;
            let seen = match self.deep {
                true => self.examine(&house, &mut telling).await?,
                false => Seen::default(),
            };
            self.end(&telling, &seen)
        })
    }

    async fn examine(&self, house: &House, telling: &mut Telling) -> anyhow::Result<Seen> {
        let mut tell = |finding: store::doctor::Finding| {
            let store::doctor::Finding { fault, owner, subject, found, expected } = finding;
            let at = format!("{owner} {subject} ({found}, {expected})");
            telling.find(fault.code, at, fault.vi, fault.en);
        };
        let examined = house.store.examine(self.all, house.now(), &mut tell).await?;
        let store::doctor::Examined { owners, blobs_opened, files, outbox } = examined;
        let leaves = audit_ledger(house, telling).await?;
        Ok(Seen { owners, blobs_opened, files, outbox, leaves })
    }

    fn end(&self, telling: &Telling, seen: &Seen) -> Outcome {
        let count = telling.told.len() + telling.more;
        if self.json {
            let answer = serde_json::json!({
                "healthy": count == 0,
                "findings": telling.told,
                "more": telling.more,
                "seen": seen,
            });
            println!("{answer}");
        } else {
            if self.deep {
                let Seen { owners, blobs_opened, files, outbox, leaves } = seen;
                println!(
                    "{owners} chủ dữ liệu, {blobs_opened} khối đã mở, {files} tệp, {outbox} mục chờ gửi, {leaves} bản ghi sổ / \
                     {owners} owners, {blobs_opened} blobs opened, {files} files, {outbox} rows waiting, {leaves} leaves"
                );
            }
            match count {
                0 => println!("Khỏe mạnh. / Healthy."),
                count => println!("{count} vấn đề. / {count} findings."),
            }
        }
        Ok(ExitCode::from(u8::from(count > 0)))
    }
}

/// Holds the ledger against itself and the data; answers how many leaves it has.
async fn audit_ledger(house: &House, telling: &mut Telling) -> anyhow::Result<u64> {
    // Reading the key would make one; without one nothing was ever signed.
    if !house.config.ledger_key().exists() {
        return Ok(0);
    }
    let key = LogVerifier(LogKey::read(house)?.verifier()?.parse()?);
    let audit = Auditor::new(&house.store, &key).run().await?;
    for finding in &audit.findings {
        telling.find(finding.fault.code(), &finding.at, finding.fault.vi(), finding.fault.en());
    }
    Ok(audit.trees.iter().map(|tree| tree.leaves).sum())
}
