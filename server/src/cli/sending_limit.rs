//! `congvan sending-limit`: how much somebody may send, and has sent lately.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use mail::{AgencyCode, EmailAddress, OwnerId, Timestamp};
use serde_json::json;
use store::{OwnLimit, SendingLimit};

use super::{ACTOR, Outcome, files, number, on_data};
use crate::house::House;

#[derive(Subcommand)]
pub(super) enum SendingLimitCommand {
    /// Give an account, a unit or an agency a limit of its own.
    Set {
        #[command(flatten)]
        whose: Whose,
        /// Messages in an hour; 0 is no limit.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        messages_per_hour: i64,
        /// Recipients in a day; 0 is no limit.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        recipients_per_day: i64,
        /// Until when; afterwards the usual one holds again.
        #[arg(long, value_parser = files::moment)]
        until: Option<Timestamp>,
        /// The decision or ticket it rests on.
        #[arg(long)]
        decision: String,
    },
    /// Take a limit of its own away again.
    Remove {
        #[command(flatten)]
        whose: Whose,
    },
    /// Show what was sent lately, and a limit of its own if there is one.
    Show {
        #[command(flatten)]
        whose: Whose,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Somebody who sends.
#[derive(Args)]
pub(super) struct Whose {
    /// Address of an account.
    #[arg(long, conflicts_with_all = ["agency", "unit"], required_unless_present = "agency")]
    account: Option<EmailAddress>,
    /// Code of an agency.
    #[arg(long)]
    agency: Option<AgencyCode>,
    /// Code of a unit of that agency.
    #[arg(long, requires = "agency")]
    unit: Option<String>,
}

impl Whose {
    /// Who it is, and the agency whose audit log says so.
    async fn find(&self, house: &House) -> anyhow::Result<(OwnerId, OwnerId)> {
        let now = house.now();
        if let Some(address) = &self.account {
            let found = house
                .store
                .read(address.clone(), |tx, address| {
                    Box::pin(async move { tx.account_at(address, now).await })
                })
                .await?;
            let account = found.context("no account has this address (không có tài khoản này)")?;
            return Ok((account.account_id.into(), account.agency_id.into()));
        }
        let code = self.agency.as_ref().context("whose? --account or --agency (của ai?)")?;
        let agency = number::agency(house, code).await?.agency_id;
        let Some(unit) = &self.unit else { return Ok((agency.into(), agency.into())) };
        let found = house
            .store
            .read(unit.clone(), |tx, unit| Box::pin(async move { tx.unit_by_code(agency, unit).await }))
            .await?;
        let unit = found.context("the agency has no such unit (không có đơn vị này)")?;
        Ok((OwnerId::from_bytes(*unit.unit_id.as_bytes()), agency.into()))
    }
}

impl SendingLimitCommand {
    /// Exit 0; 3 when somebody is not found.
    pub(super) fn run(self, file: &Path) -> Outcome {
        on_data(file, async move |house| self.work(&house).await)
    }

    async fn work(self, house: &House) -> Outcome {
        match self {
            Self::Set { whose, messages_per_hour, recipients_per_day, until, decision } => {
                let limit = SendingLimit { messages_per_hour, recipients_per_day };
                set(house, &whose, Some(OwnLimit { limit, until, decision })).await?;
            }
            Self::Remove { whose } => set(house, &whose, None).await?,
            Self::Show { whose, json } => show(house, &whose, json).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn set(house: &House, whose: &Whose, own: Option<OwnLimit>) -> anyhow::Result<()> {
    let (owner, audited) = whose.find(house).await?;
    let now = house.now();
    house
        .store
        .write("set a sending limit", own, move |tx, own| {
            Box::pin(async move { tx.set_sending_limit(owner, own.as_ref(), audited, ACTOR, now).await })
        })
        .await?;
    println!("Đã ghi. / Kept.");
    Ok(())
}

async fn show(house: &House, whose: &Whose, as_json: bool) -> anyhow::Result<()> {
    let (owner, _) = whose.find(house).await?;
    let now = house.now();
    let (sent, own) = house
        .store
        .read((), |tx, ()| {
            Box::pin(async move {
                Ok::<_, store::Error>((
                    tx.sent_lately(owner, now).await?,
                    tx.sending_limit(owner, now).await?,
                ))
            })
        })
        .await?;
    if as_json {
        let own = own.as_ref().map(|own| {
            json!({
                "messages_per_hour": own.limit.messages_per_hour,
                "recipients_per_day": own.limit.recipients_per_day,
                "until": own.until, "decision": own.decision,
            })
        });
        let answer = json!({
            "messages_in_hour": sent.messages_in_hour, "recipients_in_day": sent.recipients_in_day, "own_limit": own,
        });
        println!("{answer}");
        return Ok(());
    }
    println!("Thư trong một giờ qua / Messages in the last hour:\t{}", sent.messages_in_hour);
    println!("Người nhận trong một ngày qua / Recipients in the last day:\t{}", sent.recipients_in_day);
    match own {
        None => println!("Giới hạn chung. / The usual limit."),
        Some(OwnLimit { limit, until, decision }) => {
            let until = until.map_or_else(|| "–".to_owned(), |until| until.to_string());
            println!(
                "Giới hạn riêng / Its own limit:\t{} / {}\t→ {until}\t{}",
                limit.messages_per_hour,
                limit.recipients_per_day,
                files::plain(&decision)
            );
        }
    }
    Ok(())
}
