//! `congvan delegate add|remove|list`: who may send for the box of an agency.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use directory::delegates::{self, DelegateToAdd};
use mail::{AccountId, EmailAddress, Timestamp};
use serde_json::json;
use store::{Delegate, DelegateRights, Tx};

use super::provision::{said, tell};
use super::{ACTOR, Outcome, files, on_data};
use crate::house::House;

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Subcommand)]
pub(super) enum DelegateCommand {
    /// Ủy quyền sử dụng hộp thư cơ quan. / Let a person send for an agency's box.
    Add(DelegateAdd),
    /// Thôi ủy quyền; có hiệu lực ngay. / Take a person's rights in a box away, at once.
    Remove {
        /// An address of the box.
        #[arg(value_name = "BOX")]
        a_box: EmailAddress,
        /// An address of the person.
        person: EmailAddress,
    },
    /// Ai được ủy quyền ở hộp thư nào. / Who may send for which box.
    List(DelegateList),
}

#[derive(Args)]
pub(super) struct DelegateAdd {
    /// An address of the box.
    #[arg(value_name = "BOX")]
    a_box: EmailAddress,
    /// An address of the person.
    person: EmailAddress,
    /// `send_as`: as the box; `send_on_behalf`: Sender names the person.
    #[arg(long)]
    rights: DelegateRights,
    /// The last day, yyyy-MM-dd, or a moment.
    #[arg(long, value_parser = until)]
    until: Timestamp,
    /// The decision or ticket it rests on.
    #[arg(long)]
    decision: String,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Whose {
    /// Whoever may send for this box.
    #[arg(long = "box", value_name = "BOX")]
    a_box: Option<EmailAddress>,
    /// The boxes that this person may send for.
    #[arg(long)]
    person: Option<EmailAddress>,
}

#[derive(Args)]
pub(super) struct DelegateList {
    #[command(flatten)]
    whose: Whose,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// A day lasts until midnight in Vietnam.
pub(super) fn until(text: &str) -> Result<Timestamp, String> {
    let day = Timestamp::parse_rfc3339(&format!("{text}T00:00:00+07:00")).map(|day| day.plus(DAY));
    day.or_else(|_| files::moment(text)).map_err(|_| "a day, yyyy-MM-dd, or a moment (RFC 3339)".to_owned())
}

impl DelegateCommand {
    /// Exit 0; 3 when it was refused.
    pub(super) fn run(self, file: &Path) -> Outcome {
        on_data(file, async move |house| self.work(&house).await)
    }

    async fn work(self, house: &House) -> Outcome {
        let now = house.now();
        match self {
            Self::Add(DelegateAdd { a_box, person, rights, until, decision }) => {
                let days_max = house.config.delegation.days_max;
                let add = DelegateToAdd { a_box, person, rights, until, decision, days_max };
                delegates::add_delegate(&house.store, &add, ACTOR, now).await.map_err(said)?;
                tell("Đã ủy quyền.", "Granted.");
            }
            Self::Remove { a_box, person } => {
                delegates::remove_delegate(&house.store, &a_box, &person, ACTOR, now).await.map_err(said)?;
                tell("Đã thôi ủy quyền.", "Taken away.");
            }
            Self::List(list) => list.show(house, now).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A delegate and the addresses people know both by.
struct Shown {
    delegate: Delegate,
    a_box: String,
    person: String,
}

impl DelegateList {
    async fn show(self, house: &House, now: Timestamp) -> anyhow::Result<()> {
        let (is_box, address) = match self.whose {
            Whose { a_box: Some(address), .. } => (true, address),
            Whose { person, .. } => (false, person.context("whose? --box or --person (của ai?)")?),
        };
        let found = house
            .store
            .read(address, move |tx, address| Box::pin(async move { find(tx, address, is_box, now).await }))
            .await?;
        let found = found.context("no account has this address (không có tài khoản này)")?;
        if self.json {
            println!("{}", found.iter().map(|one| in_json(one, now)).collect::<serde_json::Value>());
            return Ok(());
        }
        for Shown { delegate, a_box, person } in &found {
            let over = if delegate.valid_to <= now { "\thết hạn / over" } else { "" };
            let (rights, until, decision) =
                (delegate.rights.words(), delegate.valid_to, files::plain(&delegate.decision));
            println!("{a_box}\t{person}\t{rights}\t→ {until}\t{decision}{over}");
        }
        Ok(())
    }
}

fn in_json(Shown { delegate, a_box, person }: &Shown, now: Timestamp) -> serde_json::Value {
    json!({
        "box": a_box, "person": person, "rights": delegate.rights.words(), "valid_from": delegate.valid_from,
        "valid_to": delegate.valid_to, "decision": delegate.decision, "granted_by": delegate.granted_by,
        "is_over": delegate.valid_to <= now,
    })
}

async fn find(
    tx: &mut Tx,
    address: &EmailAddress,
    is_box: bool,
    now: Timestamp,
) -> Result<Option<Vec<Shown>>, store::Error> {
    let Some(account) = tx.account_at(address, now).await? else { return Ok(None) };
    let delegates = match is_box {
        true => tx.delegates_of(account.account_id).await?,
        false => tx.delegations_of(account.account_id).await?,
    };
    let mut shown = Vec::with_capacity(delegates.len());
    for delegate in delegates {
        let a_box = called(tx, delegate.box_id).await?;
        let person = called(tx, delegate.person_id).await?;
        shown.push(Shown { delegate, a_box, person });
    }
    Ok(Some(shown))
}

/// Its first address; without one, its id.
async fn called(tx: &mut Tx, account_id: AccountId) -> Result<String, store::Error> {
    let first = tx.addresses(account_id).await?.into_iter().next();
    Ok(first.map_or_else(|| account_id.to_string(), |found| found.address.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_counts_to_its_end() {
        for (text, moment) in [
            ("2027-01-31", "2027-02-01T00:00:00+07:00"),
            ("2027-01-31T11:30:00+07:00", "2027-01-31T11:30:00+07:00"),
        ] {
            assert_eq!(until(text).unwrap(), Timestamp::parse_rfc3339(moment).unwrap(), "{text}");
        }
        for text in ["", "31/01/2027", "2027-02-30", "tomorrow"] {
            assert!(until(text).is_err(), "{text}");
        }
    }
}
