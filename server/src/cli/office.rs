//! `congvan authorisation` and `congvan regulation`: what the head of an agency decides about its documents (RULES R62, R81).

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use mail::AgencyCode;
use registry::calendar::{Written, day_of};
use registry::office::{self, NewAuthority, NewText};
use serde_json::json;
use store::{Authorised, Regulation, RegulationKind};

use super::{ACTOR, Outcome, files, number};
use crate::house::House;

#[derive(Subcommand)]
pub(super) enum AuthorisationCommand {
    /// Ghi nhận văn bản ủy quyền ký. / Record a written authorisation to sign (TUQ.), for a time (NĐ 30/2020 Đ13.3).
    Add(AddAuthorisation),
    /// Danh sách ủy quyền. / List an agency's authorisations, the newest first.
    List(Of),
    /// Chấm dứt ủy quyền. / Take one back: it holds no more from that day on.
    End {
        /// Code of the agency.
        #[arg(long)]
        agency: AgencyCode,
        /// Its number, as the list shows it.
        #[arg(long)]
        no: i64,
        /// The first day on which it holds no more; today when left out.
        #[arg(long)]
        from: Option<Written>,
    },
}

#[derive(Args)]
pub(super) struct AddAuthorisation {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// Who may sign: the name as documents give it.
    #[arg(long)]
    holder: String,
    /// The head who authorises.
    #[arg(long)]
    granter: String,
    /// Số, ký hiệu văn bản ủy quyền.
    #[arg(long)]
    document: String,
    /// Nội dung được ủy quyền ký.
    #[arg(long)]
    content: String,
    /// The first day.
    #[arg(long)]
    from: Written,
    /// The last day.
    #[arg(long)]
    to: Written,
}

/// Whose.
#[derive(Args)]
pub(super) struct Of {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
pub(super) enum RegulationCommand {
    /// Ghi nhận quy chế hoặc danh mục Đ7.2.b. / Record a regulation, or a list of what is sent with paper too.
    Add(Box<AddRegulation>),
    /// Danh sách quy chế, danh mục. / List an agency's, the newest first.
    List(Of),
    /// Ghi ngày hết hiệu lực. / Say until which day one holds.
    End {
        /// Code of the agency.
        #[arg(long)]
        agency: AgencyCode,
        /// Its number, as the list shows it.
        #[arg(long)]
        no: i64,
        /// The last day it holds; today when left out.
        #[arg(long)]
        to: Option<Written>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Regulation,
    PaperList,
}

#[derive(Args)]
pub(super) struct AddRegulation {
    /// Code of the agency.
    #[arg(long)]
    agency: AgencyCode,
    /// Quy chế, or danh mục văn bản gửi kèm bản giấy (QĐ 28/2018 Đ7.2.b).
    #[arg(long, value_enum)]
    kind: Kind,
    /// Số, ký hiệu.
    #[arg(long)]
    number: String,
    /// Trích yếu.
    #[arg(long)]
    title: String,
    /// Ngày ban hành.
    #[arg(long)]
    issued: Written,
    /// Người ký.
    #[arg(long)]
    signer: String,
    /// The first day it holds.
    #[arg(long)]
    from: Written,
    /// The last day it holds, where that is known.
    #[arg(long)]
    to: Option<Written>,
    /// Of a list: an item and what it means, `7=Hồ sơ nhân sự`; once for each.
    #[arg(long, value_parser = item)]
    item: Vec<(String, String)>,
}

fn item(text: &str) -> Result<(String, String), String> {
    let (item, what) = text.split_once('=').ok_or("expected ITEM=WHAT (cần MỤC=NỘI DUNG)")?;
    Ok((item.to_owned(), what.to_owned()))
}

/// What the registry refuses, in both languages.
fn said(error: registry::Error) -> anyhow::Error {
    anyhow::anyhow!("{} ({}) / {}", error.en(), error.code(), error.vi())
}

impl AuthorisationCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        super::on_data(config, |house| async move {
            match self {
                Self::Add(add) => add.run(&house).await,
                Self::List(of) => list_authorisations(&house, &of).await,
                Self::End { agency, no, from } => {
                    let agency_id = number::agency(&house, &agency).await?.agency_id;
                    let now = house.now();
                    let from = from.unwrap_or(Written(day_of(now)));
                    office::end_authority(&house.store, agency_id, no, from.0, ACTOR, now)
                        .await
                        .map_err(said)?;
                    println!("{no}: {from}");
                    Ok(ExitCode::SUCCESS)
                }
            }
        })
    }
}

impl AddAuthorisation {
    async fn run(self, house: &House) -> Outcome {
        let new = NewAuthority {
            agency_id: number::agency(house, &self.agency).await?.agency_id,
            holder: self.holder,
            granter: self.granter,
            document: self.document,
            content: self.content,
            from: self.from.0,
            to: self.to.0,
            by: ACTOR.to_owned(),
        };
        let no = office::authorise(&house.store, new, house.now()).await.map_err(said)?;
        println!("{no}");
        Ok(ExitCode::SUCCESS)
    }
}

async fn list_authorisations(house: &House, of: &Of) -> Outcome {
    let agency_id = number::agency(house, &of.agency).await?.agency_id;
    let read = house.store.read((), |tx, ()| Box::pin(async move { tx.authorisations(agency_id).await }));
    let all: Vec<Authorised> = read.await?;
    for Authorised { no, says, ended_on } in all {
        match of.json {
            true => println!(
                "{}",
                json!({
                    "no": no, "holder": says.holder, "granter": says.granter, "document": says.document,
                    "content": says.content, "from": says.from_day, "to": says.to_day, "endedOn": ended_on,
                })
            ),
            false => println!(
                "{no}\t{}\t{} – {}\t{}\t{}\t{}",
                files::plain(&says.holder),
                says.from_day,
                says.to_day,
                files::plain(&says.document),
                files::plain(&says.content),
                ended_on.unwrap_or_default()
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl RegulationCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        super::on_data(config, |house| async move {
            match self {
                Self::Add(add) => add.run(&house).await,
                Self::List(of) => list_regulations(&house, &of).await,
                Self::End { agency, no, to } => {
                    let agency_id = number::agency(&house, &agency).await?.agency_id;
                    let now = house.now();
                    let to = to.unwrap_or(Written(day_of(now)));
                    office::end_text(&house.store, agency_id, no, to.0, ACTOR, now).await.map_err(said)?;
                    println!("{no}: {to}");
                    Ok(ExitCode::SUCCESS)
                }
            }
        })
    }
}

impl AddRegulation {
    async fn run(self, house: &House) -> Outcome {
        let new = NewText {
            agency_id: number::agency(house, &self.agency).await?.agency_id,
            kind: match self.kind {
                Kind::Regulation => RegulationKind::Regulation,
                Kind::PaperList => RegulationKind::PaperList,
            },
            number: self.number,
            title: self.title,
            issued_on: self.issued.0,
            signer: self.signer,
            from: self.from.0,
            to: self.to.map(|to| to.0),
            items: self.item,
            by: ACTOR.to_owned(),
        };
        let no = office::record_text(&house.store, new, house.now()).await.map_err(said)?;
        println!("{no}");
        Ok(ExitCode::SUCCESS)
    }
}

async fn list_regulations(house: &House, of: &Of) -> Outcome {
    let agency_id = number::agency(house, &of.agency).await?.agency_id;
    let read = house.store.read((), |tx, ()| Box::pin(async move { tx.regulations(agency_id).await }));
    let all: Vec<Regulation> = read.await?;
    for Regulation { no, says } in all {
        if of.json {
            let items: Vec<_> =
                says.items.iter().map(|(item, what)| json!({ "item": item, "what": what })).collect();
            let line = json!({
                "no": no, "kind": says.kind.as_str(), "number": says.number, "title": says.title, "issuedOn": says.issued_on,
                "signer": says.signer, "from": says.from_day, "to": says.to_day, "items": items,
            });
            println!("{line}");
            continue;
        }
        let (number, title, signer) =
            (files::plain(&says.number), files::plain(&says.title), files::plain(&says.signer));
        println!(
            "{no}\t{}\t{number}\t{}\t{title}\t{signer}\t{} – {}",
            says.kind.as_str(),
            says.issued_on,
            says.from_day,
            says.to_day
        );
        for (item, what) in &says.items {
            println!("    {}\t{}", files::plain(item), files::plain(what));
        }
    }
    Ok(ExitCode::SUCCESS)
}
