//! `congvan list`: distribution lists.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{Subcommand, ValueEnum};
use mail::{AgencyCode, AgencyId, EmailAddress};
use serde_json::json;
use store::{List, ListPart, NewList, Resolved, Role, WhoMaySend};

use super::{ACTOR, Outcome, files, number, on_data};
use crate::house::House;

#[derive(Subcommand)]
pub(super) enum ListCommand {
    /// Thêm danh sách. / Add a list.
    Add {
        /// Its address.
        address: EmailAddress,
        /// Code of its agency.
        #[arg(long)]
        agency: AgencyCode,
        /// Code of a unit of that agency.
        #[arg(long)]
        unit: Option<String>,
        /// Name in Vietnamese.
        #[arg(long)]
        name: String,
        /// Whose mail it passes on.
        #[arg(long, value_enum)]
        who_may_send: Who,
        /// Every person of the unit, or of the agency, receives from it.
        #[arg(long)]
        everybody: bool,
        /// Address of the account that hears of copies that cannot be delivered; otherwise the agency's first administrator.
        #[arg(long)]
        responsible: Option<EmailAddress>,
    },
    /// Who receives from it.
    #[command(subcommand)]
    Member(PartCommand),
    /// Who may send to it, where senders are named.
    #[command(subcommand)]
    Sender(PartCommand),
    /// Show a list and everybody who receives from it now.
    Show {
        /// Its address.
        list: EmailAddress,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove a list; its address is never given away.
    Remove {
        /// Its address.
        list: EmailAddress,
    },
}

#[derive(Subcommand)]
pub(super) enum PartCommand {
    /// Put somebody in.
    Add {
        /// Address of the list.
        list: EmailAddress,
        /// Addresses of accounts here or elsewhere.
        #[arg(required = true)]
        addresses: Vec<EmailAddress>,
    },
    /// Take somebody out.
    Remove {
        /// Address of the list.
        list: EmailAddress,
        /// Their addresses.
        #[arg(required = true)]
        addresses: Vec<EmailAddress>,
    },
}

/// Who may send to a list.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Who {
    /// Those who receive from it.
    Members,
    /// Accounts of its unit.
    Unit,
    /// Accounts of its agency.
    Agency,
    /// Every account here.
    House,
    /// Everybody, strangers too.
    Anyone,
    /// Accounts named with `list sender add`.
    Named,
}

impl From<Who> for WhoMaySend {
    fn from(who: Who) -> Self {
        match who {
            Who::Members => Self::Members,
            Who::Unit => Self::Unit,
            Who::Agency => Self::Agency,
            Who::House => Self::House,
            Who::Anyone => Self::Anyone,
            Who::Named => Self::Named,
        }
    }
}

impl ListCommand {
    /// Exit 0; 3 when something was not found or is refused. Several addresses are one act: all or none.
    pub(super) fn run(self, file: &Path) -> Outcome {
        on_data(file, async move |house| self.work(&house).await)
    }

    async fn work(self, house: &House) -> Outcome {
        match self {
            Self::Add { address, agency, unit, name, who_may_send, everybody, responsible } => {
                let agency_id = number::agency(house, &agency).await?.agency_id;
                let new = NewList {
                    unit_id: find_unit(house, agency_id, unit).await?,
                    responsible: find_responsible(house, agency_id, responsible).await?,
                    agency_id,
                    address,
                    name: mail::text::nfc(&name),
                    who_may_send: who_may_send.into(),
                    is_everybody: everybody,
                };
                add(house, new).await?;
            }
            Self::Member(command) => change(house, command, ListPart::Member).await?,
            Self::Sender(command) => change(house, command, ListPart::Sender).await?,
            Self::Show { list, json } => show(house, list, json).await?,
            Self::Remove { list } => {
                let (list, now) = (find(house, list).await?, house.now());
                house
                    .store
                    .write("remove a list", list, move |tx, list| {
                        Box::pin(async move { tx.remove_list(list, ACTOR, now).await })
                    })
                    .await
                    .map_err(said)?;
                println!("Đã xóa. / Removed.");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The store's refusals with a code, and in both languages.
fn said(error: store::Error) -> anyhow::Error {
    match error {
        store::Error::Conflict(_) => {
            anyhow!("list.address_taken: the address is or was somebody's (địa chỉ đã có hoặc từng có chủ)")
        }
        store::Error::Refused(why) => anyhow!("list.refused: {why} (không được chấp nhận)"),
        error => error.into(),
    }
}

async fn add(house: &House, new: NewList) -> anyhow::Result<()> {
    let now = house.now();
    house
        .store
        .write("add a list", new, move |tx, new| {
            Box::pin(async move { tx.add_list(new, ACTOR, now).await.map(drop) })
        })
        .await
        .map_err(said)?;
    println!("Đã thêm. / Added.");
    Ok(())
}

async fn find_unit(
    house: &House,
    agency: AgencyId,
    unit: Option<String>,
) -> anyhow::Result<Option<mail::UnitId>> {
    let Some(code) = unit else { return Ok(None) };
    let found = house
        .store
        .read(code, move |tx, code| Box::pin(async move { tx.unit_by_code(agency, code).await }))
        .await?;
    let unit = found.context("list.unit_unknown: the agency has no such unit (không có đơn vị này)")?;
    Ok(Some(unit.unit_id))
}

async fn find_responsible(
    house: &House,
    agency: AgencyId,
    address: Option<EmailAddress>,
) -> anyhow::Result<mail::AccountId> {
    let now = house.now();
    let found = house
        .store
        .read(address, move |tx, address| {
            Box::pin(async move {
                match address {
                    Some(address) => tx.account_at(address, now).await,
                    None => Ok(tx.accounts_with_role(agency, Role::Admin, 1).await?.pop()),
                }
            })
        })
        .await?;
    let account = found.context(
        "list.responsible_unknown: no such account; name one with --responsible (không có người phụ trách)",
    )?;
    Ok(account.account_id)
}

async fn find(house: &House, address: EmailAddress) -> anyhow::Result<List> {
    let now = house.now();
    let found = house
        .store
        .read(address, move |tx, address| Box::pin(async move { tx.resolve_address(address, now).await }))
        .await?;
    match found {
        Resolved::List(list) => Ok(*list),
        _ => Err(anyhow!("list.unknown: there is no such list (không có danh sách này)")),
    }
}

async fn change(house: &House, command: PartCommand, part: ListPart) -> anyhow::Result<()> {
    let (list, addresses, is_added) = match command {
        PartCommand::Add { list, addresses } => (list, addresses, true),
        PartCommand::Remove { list, addresses } => (list, addresses, false),
    };
    let now = house.now();
    let changed = house
        .store
        .write("change a list", (find(house, list).await?, addresses), move |tx, (list, addresses)| {
            Box::pin(async move {
                let mut changed = 0;
                for address in addresses {
                    let did = match is_added {
                        true => tx.add_to_list(list, part, address, ACTOR, now).await?,
                        false => tx.remove_from_list(list, part, address, ACTOR, now).await?,
                    };
                    changed += usize::from(did);
                }
                Ok::<_, store::Error>(changed)
            })
        })
        .await
        .map_err(said)?;
    println!("Đã đổi {changed}. / Changed {changed}.");
    Ok(())
}

async fn show(house: &House, address: EmailAddress, as_json: bool) -> anyhow::Result<()> {
    let list = find(house, address).await?;
    let (list, members, senders) = house
        .store
        .read(list, |tx, list| {
            Box::pin(async move {
                let senders = tx.listed(list.list_id, ListPart::Sender).await?;
                Ok::<_, store::Error>((list.clone(), tx.list_receivers(list).await?, senders))
            })
        })
        .await?;
    if as_json {
        let addresses = |some: &[store::ListMember]| -> Vec<String> {
            some.iter().map(|one| one.address.to_string()).collect()
        };
        let answer = json!({
            "address": list.address.to_string(), "name": list.name, "list_id": mail::list::list_id(&list.address),
            "who_may_send": list.who_may_send.as_str(), "everybody": list.is_everybody,
            "responsible": list.responsible, "members": addresses(&members), "senders": addresses(&senders),
        });
        println!("{answer}");
        return Ok(());
    }
    println!("{}\t{}\t{}", list.address, files::plain(&list.name), list.who_may_send.as_str());
    for sender in &senders {
        println!("người gửi / sender\t{}", sender.address);
    }
    for member in &members {
        println!("thành viên / member\t{}", member.address);
    }
    Ok(())
}
