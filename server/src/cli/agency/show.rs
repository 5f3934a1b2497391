//! `congvan agency show|search|list`.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use mail::{AgencyCode, Timestamp};
use serde_json::{Value, json};
use store::{Agency, AgencyVersion, KnownCode, Matched};

use super::super::Outcome;
use super::day;
use crate::house::House;

/// Agencies read in one page.
const PAGE: i64 = 1_000;

#[derive(Args)]
pub(in crate::cli) struct Show {
    /// One of its codes.
    code: AgencyCode,
    /// As it was on this day; today when left out.
    #[arg(long, value_parser = day)]
    on: Option<Timestamp>,
    /// As it was known on this day; today when left out.
    #[arg(long, value_parser = day)]
    known: Option<Timestamp>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(in crate::cli) struct Search {
    /// A code, its beginning, or words of a name.
    #[arg(required = true)]
    words: Vec<String>,
    /// On this day; today when left out.
    #[arg(long, value_parser = day)]
    on: Option<Timestamp>,
    /// So many at most.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(in crate::cli) struct List {
    /// Only those that changed after this version of the register, in the order of their changes.
    #[arg(long)]
    after: Option<i64>,
    /// On this day; today when left out.
    #[arg(long, value_parser = day)]
    on: Option<Timestamp>,
    /// Answer as JSON, one agency a line, the register's version in the last.
    #[arg(long)]
    json: bool,
}

fn agency(agency: &Agency) -> Value {
    json!({
        "id": agency.agency_id.to_string(),
        "code": agency.code,
        "code102": agency.code102,
        "oldCode": agency.old_code,
        "name": agency.name,
        "mail": agency.mail,
        "parentId": agency.parent_id.map(|id| id.to_string()),
        "focalId": agency.focal_id.map(|id| id.to_string()),
        "active": agency.is_active,
        "version": agency.version,
        "changedAt": agency.changed_at.to_rfc3339_vietnam(),
    })
}

fn moment(at: Timestamp) -> String {
    at.to_rfc3339_vietnam()
}

fn version(version: &AgencyVersion) -> Value {
    json!({
        "from": moment(version.valid_from),
        "to": version.valid_to.map(moment),
        "recordedAt": moment(version.recorded_at),
        "code": version.code,
        "name": version.name,
        "mail": version.mail,
        "active": version.is_active,
        "decision": version.decision,
    })
}

fn code(code: &KnownCode) -> Value {
    json!({
        "code": code.code,
        "scheme": code.scheme.as_str(),
        "from": moment(code.valid_from),
        "to": code.valid_to.map(moment),
        "decision": code.decision,
    })
}

/// Everything about one agency.
struct Told {
    agency: Option<Agency>,
    history: Vec<AgencyVersion>,
    codes: Vec<KnownCode>,
    successors: Vec<Agency>,
    system: Option<String>,
}

impl Show {
    pub(in crate::cli) async fn run(self, house: &House) -> Outcome {
        let now = house.now();
        let (on, known) = (self.on.unwrap_or(now), self.known.unwrap_or(now));
        let told = house
            .store
            .read(self.code.clone(), |tx, code| {
                Box::pin(async move {
                    let id = match tx.agency_id_by_code(code, on, known).await? {
                        Some(id) => Some(id),
                        // One it had before, or has now.
                        None => match tx.code_ended(code, on).await? {
                            Some((id, _)) => Some(id),
                            None => tx.agency_id_by_code(code, now, known).await?,
                        },
                    };
                    let Some(id) = id else { return Ok::<_, store::Error>(None) };
                    let mut successors = Vec::new();
                    for successor in tx.successors(id).await? {
                        successors.extend(tx.agency(successor, on).await?);
                    }
                    Ok(Some(Told {
                        agency: tx.agency_as_known(id, on, known).await?,
                        history: tx.agency_history(id, known).await?,
                        codes: tx.codes_of(id, known).await?,
                        successors,
                        system: tx.system_of(id).await?,
                    }))
                })
            })
            .await?;
        let told = told.with_context(|| {
            format!("{}: không có cơ quan nào mang mã này / no agency answers to this code", self.code)
        })?;
        if self.json {
            println!(
                "{}",
                json!({
                    "agency": told.agency.as_ref().map(agency),
                    "history": told.history.iter().map(version).collect::<Vec<_>>(),
                    "codes": told.codes.iter().map(code).collect::<Vec<_>>(),
                    "successors": told.successors.iter().map(|a| a.code.as_str()).collect::<Vec<_>>(),
                    "system": told.system,
                })
            );
            return Ok(ExitCode::SUCCESS);
        }
        match &told.agency {
            Some(agency) => line(agency, ""),
            None => println!("(chưa có vào ngày này / not there on that day)"),
        }
        for version in &told.history {
            let to = version.valid_to.map(moment).unwrap_or_default();
            let state = if version.is_active { "" } else { " (đã đóng / closed)" };
            println!(
                "  {} … {to}: {} {}{state} {}",
                moment(version.valid_from),
                version.code,
                version.name,
                version.decision
            );
        }
        for known in &told.codes {
            let to = known.valid_to.map(moment).unwrap_or_default();
            println!("  {} ({}): {} … {to}", known.code, known.scheme.as_str(), moment(known.valid_from));
        }
        for successor in &told.successors {
            println!("  → {} {}", successor.code, successor.name);
        }
        if let Some(system) = &told.system {
            println!("  hệ thống / system: {system}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(agency: &Agency, more: &str) {
    let state = if agency.is_active { "" } else { "\t(đã đóng / closed)" };
    println!("{}\t{}{state}{more}", agency.code, agency.name);
}

fn matched(matched: Matched) -> &'static str {
    match matched {
        Matched::Code => "code",
        Matched::Name => "name",
        Matched::CodeBeginning => "code_beginning",
        Matched::Words => "words",
        Matched::FoldedWords => "folded_words",
        Matched::OtherCode => "other_code",
        Matched::OtherName => "other_name",
    }
}

impl Search {
    pub(in crate::cli) async fn run(self, house: &House) -> Outcome {
        let on = self.on.unwrap_or_else(|| house.now());
        let input = (self.words.join(" "), usize::from(self.limit));
        let hits = house
            .store
            .read(input, |tx, (words, limit)| {
                Box::pin(async move { tx.search_agencies(words, on, *limit).await })
            })
            .await?;
        if self.json {
            let hits = hits.iter().map(|hit| {
                json!({ "agency": agency(&hit.agency), "matched": matched(hit.matched), "other": hit.other })
            });
            println!("{}", json!({ "hits": hits.collect::<Vec<_>>() }));
        } else {
            for hit in &hits {
                let other = hit.other.as_ref().map(|other| format!("\t[{other}]")).unwrap_or_default();
                line(&hit.agency, &other);
            }
        }
        Ok(if hits.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }
}

impl List {
    pub(in crate::cli) async fn run(self, house: &House) -> Outcome {
        let on = self.on.unwrap_or_else(|| house.now());
        let (mut after_id, mut after_version) = (None, self.after);
        loop {
            let page: Vec<Agency> = house
                .store
                .read((after_id, after_version), |tx, (after_id, after_version)| {
                    Box::pin(async move {
                        match after_version {
                            Some(version) => tx.agencies_changed_after(*version, on, PAGE).await,
                            None => tx.agencies_page(*after_id, on, PAGE).await,
                        }
                    })
                })
                .await?;
            for found in &page {
                match self.json {
                    true => println!("{}", agency(found)),
                    false => line(found, ""),
                }
            }
            let Some(last) = page.last() else { break };
            after_id = Some(last.agency_id);
            after_version = after_version.map(|_| last.version);
        }
        let (version, _) =
            house.store.read((), |tx, ()| Box::pin(async move { tx.register_version().await })).await?;
        if self.json {
            println!("{}", json!({ "version": version }));
        }
        Ok(ExitCode::SUCCESS)
    }
}
