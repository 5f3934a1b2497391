//! `congvan statistics`: what the exchange did in a period, counted from its history (RULES R53–R56).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use mail::AgencyCode;
use registry::statistics::{self, Basis, By, CUT_OFF_DAY, CutOff, Line, Period, Question, Report, Share};

use super::{Outcome, files};
use crate::house::House;

#[derive(Subcommand)]
pub(super) enum StatisticsCommand {
    /// Thống kê một kỳ. / What happened in a period.
    Show(Show),
    /// Đếm lại từ lịch sử văn bản. / Count once more from the history of every document. Exit: 0 the same, 1 something differs.
    Recount {
        /// Write what was never counted.
        #[arg(long)]
        repair: bool,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Divide {
    Agency,
    Level,
}

#[derive(Args)]
pub(super) struct Show {
    /// 2026-11, 2026-Q4, 2026-H2 or 2026.
    period: Period,
    /// The reporting period of NĐ 09/2019, which ends before the calendar's.
    #[arg(long)]
    reporting: bool,
    /// The day reporting periods begin on, 2 to 28.
    #[arg(long, requires = "reporting", default_value_t = CUT_OFF_DAY)]
    cut_off: u8,
    /// Code of an agency: only it and what is below it.
    #[arg(long)]
    under: Option<AgencyCode>,
    /// A line for each.
    #[arg(long, value_enum, default_value = "agency")]
    by: Divide,
    /// As a table for spreadsheets (CSV), all columns: what VPCP is sent each quarter.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// File to write the table to.
    #[arg(long, requires = "csv")]
    out: Option<PathBuf>,
    /// Begin with the mark that makes spreadsheets read UTF-8.
    #[arg(long, requires = "csv")]
    bom: bool,
    /// Replace a file that is there.
    #[arg(long, requires = "out")]
    force: bool,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl StatisticsCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        super::on_data(config, |house| async move {
            match self {
                Self::Show(show) => show.run(&house).await,
                Self::Recount { repair, json } => recount(&house, repair, json).await,
            }
        })
    }
}

impl Show {
    async fn run(self, house: &House) -> Outcome {
        let cut_off = CutOff::new(self.cut_off);
        let cut_off = cut_off
            .ok_or_else(|| anyhow::anyhow!("the cut-off day is 2 to 28 (ngày chốt số liệu từ 2 đến 28)"))?;
        let question = Question {
            period: self.period,
            basis: if self.reporting { Basis::Reporting(cut_off) } else { Basis::Calendar },
            under: self.under,
            by: match self.by {
                Divide::Agency => By::Agency,
                Divide::Level => By::Level,
            },
        };
        let report = statistics::report(&house.store, &question, house.now()).await?;
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
        } else if self.csv {
            let table = statistics::table(&report, self.bom);
            match &self.out {
                Some(out) => files::put(out, table.as_bytes(), self.force)?,
                None => print!("{table}"),
            }
        } else {
            print(&report);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(report: &Report) {
    let (from, to) = report.days.texts();
    println!("{} ({from} – {to}), số liệu đến / as of {}", report.period, report.cut);
    for line in report.lines.iter().chain([&report.total]) {
        print_line(line);
    }
}

fn print_line(line: &Line) {
    let percent =
        |share: Share| share.percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"));
    let level = line.level.map_or("", |level| level.vi());
    println!("{}  {}  {level}", line.code, files::plain(&line.name));
    let (f, k) = (&line.figures, &line.indicators);
    println!(
        "    gửi / sent {} ({}), kèm giấy / with paper {}, quá hạn / late {}, bị trả / returned {}, thu hồi / recalled {}",
        f.sent, f.deliveries, f.sent_with_paper, f.deliveries_late, f.returned, f.recalled
    );
    println!(
        "    nhận / received {}, tiếp nhận / accepted {}, từ chối / refused {}, hoàn thành / done {}",
        f.received, f.accepted, f.refused, f.done
    );
    let rows =
        [("K2", k.k2), ("K4", k.k4), ("K5", k.k5), ("K6", k.k6), ("K7", k.k7), ("K8", k.k8), ("K9", k.k9)];
    let rows: Vec<String> =
        rows.into_iter().map(|(name, share)| format!("{name} {}", percent(share))).collect();
    println!("    {}", rows.join("  "));
}

async fn recount(house: &House, repair: bool, json: bool) -> Outcome {
    let found = statistics::recount(&house.store, repair, house.now()).await?;
    let is_same = found.different == 0 && (repair || found.missing == 0);
    let documents: Vec<String> = found.documents_found.iter().map(ToString::to_string).collect();
    if json {
        let answer = serde_json::json!({
            "documents": found.documents,
            "facts": found.facts,
            "missing": found.missing,
            "different": found.different,
            "found": documents,
        });
        println!("{answer}");
    } else {
        println!(
            "{} văn bản, {} sự việc; thiếu {}, khác {}. / documents, facts; missing, different.",
            found.documents, found.facts, found.missing, found.different
        );
        documents.iter().for_each(|id| println!("  {id}"));
    }
    Ok(ExitCode::from(u8::from(!is_same)))
}
