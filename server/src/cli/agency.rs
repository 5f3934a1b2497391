//! `congvan agency`: the register of agencies, on the data of a stopped or running server.

mod show;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use directory::Said;
use directory::agencies::{self, AgencyToAdd};
use directory::codes::{CodeRules, Leniency};
use directory::register::{self, Act, Rename};
use mail::Timestamp;
use serde_json::json;
use store::CodeScheme;

use super::Outcome;
use super::provision::{ACTOR, said, tell};
use crate::house::House;

#[derive(Subcommand)]
pub(super) enum AgencyCommand {
    /// Add an agency with its mail domain.
    Add(AgencyAdd),
    /// Take in a register: a table (CSV) or the JSON list of another exchange; with --dry-run only say what would be done.
    Import(Import),
    /// Change an agency's name, mail address or superior from a day on.
    Rename(RenameAgency),
    /// Give an agency a code: another one in the place of its own, or beside it.
    Code(GiveCode),
    /// Close an agency from a day on.
    Close(Close),
    /// Merge agencies into one.
    Merge(Merge),
    /// Split an agency into several.
    Split(Split),
    /// Have another agency's system take packages in for an agency without one.
    Focal(Focal),
    /// Show an agency, as it is or as it was on a day and known on another.
    Show(show::Show),
    /// Find agencies by code or words of their names, with marks or without.
    Search(show::Search),
    /// List agencies, all or those that changed after a version of the register.
    List(show::List),
}

#[derive(Args)]
pub(super) struct AgencyAdd {
    /// Its code: QĐ 20 (H37.02) or QCVN 102 (000.00.02.H37).
    code: String,
    /// Its full name.
    #[arg(long)]
    name: String,
    /// The domain of its mail.
    #[arg(long)]
    domain: Option<String>,
    /// Its QCVN 102 code beside a QĐ 20 one.
    #[arg(long)]
    code102: Option<String>,
    /// Code of its superior.
    #[arg(long)]
    parent: Option<String>,
    /// The decision that says so.
    #[arg(long, default_value = "")]
    decision: String,
    /// Refuse a code that has the shape of neither scheme of the law, instead of saying so.
    #[arg(long)]
    strict: bool,
}

/// From when, and by which decision.
#[derive(Args)]
struct Dated {
    /// From which day on: 2025-07-01, 01/07/2025 or a moment in RFC 3339; today when left out. A day ahead takes effect by itself.
    #[arg(long, value_parser = day)]
    from: Option<Timestamp>,
    /// The decision that says so.
    #[arg(long, default_value = "")]
    decision: String,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Dated {
    fn act(&self, now: Timestamp) -> Act {
        Act { from: self.from.unwrap_or(now), decision: self.decision.clone(), actor: ACTOR.to_owned(), now }
    }

    /// Says what came of it.
    fn answer(&self, changed: usize, from: Timestamp) -> ExitCode {
        match (self.json, changed) {
            (true, _) => println!("{}", json!({ "changed": changed, "from": from.to_rfc3339_vietnam() })),
            (false, 0) => tell("Không có gì thay đổi.", "Nothing changed."),
            (false, _) => tell(
                &format!("Đã ghi, có hiệu lực từ {from} ({changed})."),
                &format!("Recorded, in force from {from} ({changed})."),
            ),
        }
        ExitCode::SUCCESS
    }
}

pub(super) fn day(text: &str) -> Result<Timestamp, String> {
    register::day(text).ok_or_else(|| {
        "không phải ngày / not a day: 2025-07-01, 01/07/2025, 2025-07-01T08:00:00+07:00".to_owned()
    })
}

#[derive(Args)]
pub(super) struct Import {
    /// The file.
    file: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Refuse codes that have the shape of neither scheme of the law.
    #[arg(long)]
    strict: bool,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct RenameAgency {
    /// Its code.
    code: String,
    /// Its new name.
    #[arg(long, required_unless_present_any = ["mail", "parent", "no_parent"])]
    name: Option<String>,
    /// Its new mail address.
    #[arg(long)]
    mail: Option<String>,
    /// Code of its new superior.
    #[arg(long)]
    parent: Option<String>,
    /// It has no superior any more.
    #[arg(long, conflicts_with = "parent")]
    no_parent: bool,
    /// Until which day: a correction of the time between.
    #[arg(long, value_parser = day)]
    until: Option<Timestamp>,
    #[command(flatten)]
    dated: Dated,
}

#[derive(Args)]
pub(super) struct GiveCode {
    /// Its code.
    agency: String,
    /// The code it gets.
    code: String,
    /// The scheme: qd20, qcvn102, old.
    #[arg(long, default_value = "qd20")]
    scheme: CodeScheme,
    /// Beside its own code instead of in its place.
    #[arg(long)]
    beside: bool,
    /// Refuse a code that has not the shape of its scheme.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    dated: Dated,
}

#[derive(Args)]
pub(super) struct Close {
    /// Its code.
    code: String,
    #[command(flatten)]
    dated: Dated,
}

#[derive(Args)]
pub(super) struct Merge {
    /// Codes of those that are merged; the one they are merged into may be among them.
    #[arg(required = true)]
    codes: Vec<String>,
    /// Code of the one they are merged into.
    #[arg(long)]
    into: String,
    #[command(flatten)]
    dated: Dated,
}

#[derive(Args)]
pub(super) struct Split {
    /// Code of the one that is split.
    code: String,
    /// Codes of those that follow; repeat.
    #[arg(long, required = true)]
    into: Vec<String>,
    #[command(flatten)]
    dated: Dated,
}

#[derive(Args)]
pub(super) struct Focal {
    /// Code of the agency without a system.
    code: String,
    /// Code of the agency whose system takes packages in for it.
    #[arg(long, required_unless_present = "none")]
    at: Option<String>,
    /// Nobody does any more.
    #[arg(long, conflicts_with = "at")]
    none: bool,
    #[command(flatten)]
    dated: Dated,
}

impl AgencyCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Add(add) => add.run(file),
            Self::Import(import) => super::on_data(file, |house| async move { import.run(&house).await }),
            Self::Rename(rename) => super::on_data(file, |house| async move { rename.run(&house).await }),
            Self::Code(give) => super::on_data(file, |house| async move { give.run(&house).await }),
            Self::Close(Close { code, dated }) => close(file, vec![code], Vec::new(), dated),
            Self::Merge(Merge { codes, into, dated }) => close(file, codes, vec![into], dated),
            Self::Split(Split { code, into, dated }) => close(file, vec![code], into, dated),
            Self::Focal(focal) => super::on_data(file, |house| async move { focal.run(&house).await }),
            Self::Show(show) => super::on_data(file, |house| async move { show.run(&house).await }),
            Self::Search(search) => super::on_data(file, |house| async move { search.run(&house).await }),
            Self::List(list) => super::on_data(file, |house| async move { list.run(&house).await }),
        }
    }
}

fn close(file: &Path, codes: Vec<String>, successors: Vec<String>, dated: Dated) -> Outcome {
    super::on_data(file, |house| async move {
        let act = dated.act(house.now());
        let changed = register::close(&house.store, &codes, &successors, &act).await.map_err(said)?;
        Ok(dated.answer(changed, act.from))
    })
}

impl RenameAgency {
    async fn run(self, house: &House) -> Outcome {
        let act = self.dated.act(house.now());
        let parent = match self.no_parent {
            true => Some(None),
            false => self.parent.map(Some),
        };
        let rename = Rename { name: self.name, mail: self.mail, parent, focal: None, until: self.until };
        let changed = register::rename(&house.store, &self.code, &rename, &act).await.map_err(said)?;
        Ok(self.dated.answer(usize::from(changed), act.from))
    }
}

impl GiveCode {
    async fn run(self, house: &House) -> Outcome {
        let act = self.dated.act(house.now());
        let rules = rules(self.strict);
        let given = register::give_code(
            &house.store,
            &rules,
            &self.agency,
            &self.code,
            self.scheme,
            self.beside,
            &act,
        );
        let changed = given.await.map_err(said)?;
        Ok(self.dated.answer(usize::from(changed), act.from))
    }
}

impl Focal {
    async fn run(self, house: &House) -> Outcome {
        let act = self.dated.act(house.now());
        let rename = Rename { focal: Some(self.at), ..Rename::default() };
        let changed = register::rename(&house.store, &self.code, &rename, &act).await.map_err(said)?;
        Ok(self.dated.answer(usize::from(changed), act.from))
    }
}

fn rules(strict: bool) -> CodeRules {
    let lawful = CodeRules::default();
    // Hubs and test systems use free words as codes, and they are addressed by them (VXP 4.3).
    if strict { lawful } else { CodeRules { leniency: Leniency::Free, ..lawful } }
}

impl Import {
    async fn run(self, house: &House) -> Outcome {
        let limits = register::Limits::default();
        let file = std::fs::File::open(&self.file)
            .with_context(|| format!("cannot read {} (không đọc được tệp)", self.file.display()))?;
        let mut bytes = Vec::new();
        file.take(limits.bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        let now = house.now();
        let rules = rules(self.strict);
        let plan = register::plan(&house.store, &bytes, &rules, &limits, now, &*house.chance).await;
        let plan = plan.map_err(said)?;
        drop(bytes);
        let counts = plan.counts();
        let rows = plan.rows().to_vec();
        let mut applied = register::Applied::default();
        if !self.dry_run {
            let act = Act { from: now, decision: String::new(), actor: ACTOR.to_owned(), now };
            applied = register::apply(plan, &house.store, &act).await.map_err(said)?;
        }
        if self.json {
            println!("{}", json!({ "counts": counts, "rows": rows, "applied": applied }));
        } else {
            for row in &rows {
                for sentence in &row.said {
                    tell(
                        &format!("Dòng {} ({}): {}", row.line, row.code, sentence.vi),
                        &format!("Line {} ({}): {}", row.line, row.code, sentence.en),
                    );
                }
            }
            for sentence in &applied.failed {
                tell(&sentence.vi, &sentence.en);
            }
            let register::Counts { add, change, same, refused } = counts;
            tell(
                &format!("Thêm {add}, sửa {change}, giữ nguyên {same}, lỗi {refused}."),
                &format!("Add {add}, change {change}, unchanged {same}, errors {refused}."),
            );
            if self.dry_run {
                tell("Chưa ghi gì (--dry-run).", "Nothing was written (--dry-run).");
            }
        }
        let is_whole = counts.refused == 0 && applied.failed.is_empty();
        Ok(if is_whole || self.dry_run { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

impl AgencyAdd {
    fn run(self, file: &Path) -> Outcome {
        let add = self;
        // Hubs and test systems use free words as codes, and they are addressed by them (VXP 4.3).
        let lawful = CodeRules::default();
        let rules = if add.strict { lawful } else { CodeRules { leniency: Leniency::Free, ..lawful } };
        if let Err(fault) = lawful.judge(&add.code) {
            let said = fault.said();
            eprintln!("{} / {}", said.vi, said.en);
        }
        let new = AgencyToAdd {
            code: add.code,
            code102: add.code102,
            name: add.name,
            domain: add.domain,
            parent: add.parent,
            decision: add.decision,
        };
        super::on_data(file, |house| async move {
            let now = house.now();
            let added = agencies::add_agency(&house.store, &rules, &new, ACTOR, now, &*house.chance)
                .await
                .map_err(said)?;
            let is_new = added.is_new();
            let agency = added.into_inner();
            let (code, name) = (agency.code, agency.name);
            match is_new {
                true => tell(
                    &format!("Đã thêm cơ quan {name} ({code})."),
                    &format!("Added agency {name} ({code})."),
                ),
                false => tell(
                    &format!("Cơ quan {code} đã có, giữ nguyên."),
                    &format!("Agency {code} is there already; nothing changed."),
                ),
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}
