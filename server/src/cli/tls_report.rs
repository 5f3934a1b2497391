//! `congvan tls-report`: what connections to other mail servers came to, and the reports about it (RFC 8460).

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use serde_json::json;
use store::TlsOutcome;
use time::Date;
use time::macros::format_description;

use super::Outcome;
use super::provision::tell;
use crate::dns::ask::Asker;
use crate::tls_policy::report;

/// Outcomes shown.
const SHOWN_MAX: i64 = 10_000;

#[derive(Subcommand)]
pub(super) enum TlsReportCommand {
    /// Show what connections came to on one day.
    Show {
        /// The day, UTC, as 2026-11-28; today when it is not given.
        #[arg(long)]
        day: Option<String>,
        /// One destination only.
        #[arg(long)]
        domain: Option<String>,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send the reports of days that were not told yet, now instead of in the night.
    Send {
        /// Of today too, although it is not over; the rest of the day is then told to nobody.
        #[arg(long)]
        today: bool,
    },
}

impl TlsReportCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Show { day, domain, json } => show(file, day, domain, json),
            Self::Send { today } => send(file, today),
        }
    }
}

fn day_of(text: &str) -> anyhow::Result<i64> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]"))
        .with_context(|| format!("{text:?} is no day like 2026-11-28 / ngày không hợp lệ"))?;
    Ok((day - time::macros::date!(1970 - 01 - 01)).whole_days())
}

fn show(file: &Path, day: Option<String>, domain: Option<String>, as_json: bool) -> Outcome {
    let day = day.as_deref().map(day_of).transpose()?;
    super::on_data(file, |house| async move {
        let day = day.unwrap_or(house.now().secs().div_euclid(86_400));
        let read = house.store.read((day, domain), |tx, (day, domain)| {
            Box::pin(async move { tx.tls_outcomes(*day, domain.as_deref(), SHOWN_MAX).await })
        });
        let rows: Result<Vec<TlsOutcome>, store::Error> = read.await;
        let rows = rows?;
        if as_json {
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({ "domain": row.domain, "policy": row.kind, "host": row.host,
                            "result": if row.failure.is_empty() { "success" } else { &row.failure },
                            "sessions": row.sessions })
                })
                .collect();
            println!("{}", json!(rows));
            return Ok(ExitCode::SUCCESS);
        }
        if rows.is_empty() {
            tell("Ngày này chưa có kết nối nào.", "There were no connections on that day.");
        }
        for row in rows {
            let result = if row.failure.is_empty() { "success" } else { &row.failure };
            println!("{}\t{}\t{}\t{result}\t{}", row.domain, row.kind, row.host, row.sessions);
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn send(file: &Path, today: bool) -> Outcome {
    super::on_data(file, |house| async move {
        anyhow::ensure!(
            house.config.tls_report_address()?.is_some(),
            "mail.tls_report_address is not set / chưa đặt địa chỉ gửi báo cáo"
        );
        let asker = Arc::new(Asker::new(&house.config));
        let until = house.now().secs().div_euclid(86_400) + i64::from(today);
        let told = report::tell_until(&house, &asker, until).await?;
        tell(&format!("Đã gửi {told} báo cáo."), &format!("Reports sent: {told}."));
        Ok(ExitCode::SUCCESS)
    })
}
