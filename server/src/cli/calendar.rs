//! `congvan calendar`: working days and hours of deadlines, and where each comes from.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use mail::Timestamp;
use registry::calendar::{Calendar, Certainty, DayKind, Written, day_of};
use registry::deadlines::{self, Hours, read_hour, weekday};
use serde_json::json;

use super::{ACTOR, Outcome};

/// Ngày nghỉ, ngày làm bù và nguồn của từng ngày. / Days of rest and of work, and where each comes from.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CalendarArguments {
    /// The year; this one when left out.
    year: Option<i32>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<CalendarCommand>,
}

#[derive(Subcommand)]
enum CalendarCommand {
    /// Declare a day, over everything else that is known of it.
    Add {
        /// The day, 2027-02-05.
        day: Written,
        /// holiday: nobody works; working: a make-up day.
        #[arg(long, value_parser = ["holiday", "working"])]
        kind: String,
        /// The announcement that says so.
        #[arg(long)]
        why: String,
    },
    /// Take a declaration back.
    Remove {
        /// The day.
        day: Written,
    },
    /// Set an hour of the deadlines from a day on: morning-end (12:00), receipt-alarm (16:00), day-end (17:00).
    Hour {
        /// Which hour.
        #[arg(value_parser = Hours::NAMES)]
        name: String,
        /// The time, 11:30.
        time: String,
        /// From which day on; today when left out.
        #[arg(long)]
        from: Option<Written>,
    },
}

impl CalendarArguments {
    pub(super) fn run(self, config: &Path) -> Outcome {
        let Self { year, json, command } = self;
        match command {
            Some(command) => command.run(config),
            // The calendar is also for those who have no installation.
            None if !config.exists() => {
                let now = Timestamp::from_datetime(time::OffsetDateTime::now_utc());
                let year = year.unwrap_or_else(|| day_of(now).year());
                show(year, &Calendar::default(), &Hours::default(), json)
            }
            None => super::on_data(config, |house| async move {
                let year = year.unwrap_or_else(|| day_of(house.now()).year());
                anyhow::ensure!((1..=9999).contains(&year), "no such year (không có năm này)");
                let (calendar, hours) = deadlines::calendar_of(&house.store, year, house.now()).await?;
                show(year, &calendar, &hours, json)
            }),
        }
    }
}

impl CalendarCommand {
    fn run(self, config: &Path) -> Outcome {
        super::on_data(config, |house| async move {
            let (store, now) = (&house.store, house.now());
            match self {
                Self::Add { day, kind, why } => {
                    anyhow::ensure!(!why.trim().is_empty(), "--why is empty (phải nêu căn cứ)");
                    let kind = DayKind::named(&kind).unwrap_or(DayKind::Holiday);
                    deadlines::declare_day(store, day.0, kind, &why, ACTOR, now).await?;
                    println!("{day} {} {}", weekday(day.0), kind.as_str());
                }
                Self::Remove { day } => {
                    let gone = deadlines::withdraw_day(store, day.0, ACTOR, now).await?;
                    anyhow::ensure!(gone, "{day} was not declared here (ngày này chưa khai báo)");
                    println!("{day} {}", weekday(day.0));
                }
                Self::Hour { name, time, from } => {
                    let minutes = read_hour(&time).ok_or_else(|| {
                        anyhow::anyhow!("{time:?} is no time like 11:30 (giờ không hợp lệ)")
                    })?;
                    let from = from.unwrap_or(Written(day_of(now)));
                    deadlines::set_hour(store, &name, minutes, from.0, ACTOR, now).await?;
                    println!("{name} {time} ({from})");
                }
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn show(year: i32, calendar: &Calendar, hours: &Hours, json: bool) -> Outcome {
    let days = calendar.year(year);
    let is_computed = days.iter().any(|day| day.certainty == Certainty::Computed);
    if json {
        let days: Vec<_> = days
            .iter()
            .map(|day| {
                json!({
                    "day": Written(day.day).to_string(),
                    "weekday": weekday(day.day),
                    "kind": day.kind.as_str(),
                    "certainty": day.certainty.as_str(),
                    "name": day.name,
                    "source": day.source,
                    "counts": day.certainty != Certainty::Proposed,
                })
            })
            .collect();
        let hours = json!({
            "morningEnd": clock(hours.morning_end),
            "receiptAlarm": clock(hours.receipt_alarm),
            "dayEnd": clock(hours.day_end),
        });
        println!("{}", json!({ "year": year, "computed": is_computed, "hours": hours, "days": days }));
        return Ok(ExitCode::SUCCESS);
    }
    for day in &days {
        let kind = if day.kind == DayKind::Holiday { "nghỉ" } else { "làm bù" };
        println!(
            "{} {:<8} {kind:<6} {} [{}: {}]",
            Written(day.day),
            weekday(day.day),
            day.name,
            day.certainty.vi(),
            day.source
        );
    }
    println!(
        "Hết buổi sáng {}, nhắc tiếp nhận {}, hết ngày làm việc {}. / End of morning, reminder, end of day.",
        clock(hours.morning_end),
        clock(hours.receipt_alarm),
        clock(hours.day_end)
    );
    if is_computed {
        println!(
            "Năm này chưa có thông báo: ngày được tính theo luật, khai báo bằng calendar add khi có thông báo. / \
             Nobody has announced this year: days are computed; declare them when they are announced."
        );
    }
    Ok(ExitCode::SUCCESS)
}
