//! `congvan document overdue`: what went wrong, and who is late (RULES R27).

use std::process::ExitCode;

use clap::Args;
use mail::AgencyCode;
use registry::deadlines::{Late, Overdue, overdue};

use super::{Outcome, files, number};
use crate::house::House;

#[derive(Args)]
pub(super) struct OverdueArguments {
    /// Code of the agency; all of them when left out.
    #[arg(long)]
    agency: Option<AgencyCode>,
    /// Answer in JSON: an array of agencies with their lists.
    #[arg(long)]
    json: bool,
}

impl OverdueArguments {
    /// Prints the lists. Exit 0 whether or not something is late.
    pub(super) async fn run(self, house: &House) -> Outcome {
        let now = house.now();
        let agencies = match &self.agency {
            Some(code) => vec![number::agency(house, code).await?],
            None => house.store.read((), |tx, ()| Box::pin(async move { tx.agencies(now).await })).await?,
        };
        let mut all = Vec::new();
        for agency in agencies {
            let lists = overdue(&house.store, agency.agency_id, house.now()).await?;
            if self.agency.is_some() || !lists.is_empty() {
                all.push(lists);
            }
        }
        if self.json {
            println!("{}", serde_json::to_string(&all)?);
            return Ok(ExitCode::SUCCESS);
        }
        for lists in &all {
            show(lists);
        }
        if all.iter().all(Overdue::is_empty) {
            println!("Không có gì chậm. / Nothing is late.");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(lists: &Overdue) {
    let titles = [
        ("Gửi lỗi / Failed", &lists.failed),
        ("Bị trả lại / Returned", &lists.returned),
        ("Chậm tiếp nhận / Slow to take in", &lists.slow_receipt),
        ("Đến, chưa tiếp nhận / Arrived, not answered", &lists.unanswered),
        ("Quá hạn giải quyết / Past due", &lists.past_due),
    ];
    if !lists.not_sent.is_empty() {
        println!("{} – Chưa gửi / Not sent ({})", lists.agency, lists.not_sent.len());
    }
    for row in &lists.not_sent {
        let code = files::plain(&row.given.code);
        println!("  {code}\t{}\t{}", row.given.day, row.deadline);
    }
    for (title, rows) in titles.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        println!("{} – {title} ({})", lists.agency, rows.len());
        rows.iter().for_each(line);
    }
}

fn line(row: &Late) {
    let (code, reason) = (files::plain(&row.code), files::plain(&row.reason));
    println!("  {code}\t{} → {}\t{}\t{reason}", row.from, row.to, row.since);
}
