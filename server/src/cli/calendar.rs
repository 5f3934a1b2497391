//! `congvan calendar`: working days and hours of deadlines, and where each comes from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use mail::Clock;
use registry::calendar::{Calendar, Certainty, DayKind, Written, day_of};
use registry::deadlines::{self, Hours, read_hour, weekday};
use serde::Deserialize;
use serde_json::json;
use time::Date;

use super::{ACTOR, Outcome};
use crate::windows::SystemClock;

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
    /// Declare the days of a file, read as a whole before any counts: TOML with [[day]] tables of day, kind and why.
    Import {
        /// The file.
        file: PathBuf,
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
                let year = year.unwrap_or_else(|| day_of(SystemClock.now()).year());
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
                Self::Import { file } => {
                    let text = fs::read_to_string(&file)
                        .with_context(|| format!("cannot read {}", file.display()))?;
                    let days = read_days(&text).with_context(|| file.display().to_string())?;
                    for (day, kind, why) in &days {
                        deadlines::declare_day(store, *day, *kind, why, ACTOR, now).await?;
                    }
                    println!("{} ngày / days", days.len());
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

/// A file of days.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Days {
    #[serde(default)]
    day: Vec<OneDay>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneDay {
    day: String,
    kind: String,
    why: String,
}

fn read_days(text: &str) -> anyhow::Result<Vec<(Date, DayKind, String)>> {
    let days: Days = toml::from_str(text)?;
    let read = days.day.into_iter().map(|one| {
        let day: Written = one.day.parse()?;
        let kind = DayKind::named(&one.kind)
            .with_context(|| format!("{day}: kind is holiday or working (loại ngày không hợp lệ)"))?;
        anyhow::ensure!(!one.why.trim().is_empty(), "{day}: why is empty (phải nêu căn cứ)");
        Ok((day.0, kind, one.why))
    });
    read.collect()
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

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn r19_a_file_of_days_is_read_whole_or_not_at_all() {
        let good = "[[day]]\nday = \"2027-02-05\"\nkind = \"holiday\"\nwhy = \"Thông báo\"\n\
            [[day]]\nday = \"2027-02-13\"\nkind = \"working\"\nwhy = \"làm bù\"\n";
        let days = read_days(good).unwrap();
        assert_eq!(days[0], (date!(2027 - 02 - 05), DayKind::Holiday, "Thông báo".to_owned()));
        assert_eq!((days[1].1, days.len()), (DayKind::Working, 2));
        assert!(read_days("").unwrap().is_empty());
        for (from, to) in
            [("2027-02-13", "13/02/2027"), ("working", "work"), ("làm bù", " "), ("kind", "kin")]
        {
            assert!(read_days(&good.replace(from, to)).is_err(), "{to}");
        }
    }
}
