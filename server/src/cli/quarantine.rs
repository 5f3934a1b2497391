//! `congvan quarantine`: the administrator's view of mail that waits for a person (RULES M33). Every act is audited.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use mail::envelope::OutboundMail;
use mail::letter::Releaser;
use mail::{EmailAddress, QuarantineId};
use serde_json::{Value, json};
use store::{HeldMail, HeldState, Judgement, QuarantineFilter};

use super::provision::tell;
use super::refused::Packages;
use super::{ACTOR, Outcome};
use crate::house::House;

/// Rows of one list.
const LIST_MAX: i64 = 1_000;

#[derive(Subcommand)]
pub(super) enum QuarantineCommand {
    /// List mail in the quarantine, newest first.
    List(List),
    /// Show one mail: why it is held and for whom, never its content.
    Show {
        /// Its id.
        id: QuarantineId,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List packages that the exchange refused, or set aside, and why.
    Packages(Packages),
    /// Send mail on its way. What was released already stays so.
    Release {
        /// Ids.
        #[arg(required = true)]
        id: Vec<QuarantineId>,
    },
    /// Delete mail that waits.
    Delete {
        /// Ids.
        #[arg(required = true)]
        id: Vec<QuarantineId>,
    },
    /// How much was held, by agency, unit and reason, and what people said of it; never what was in it. With an id and a verdict: say
    /// whether that mail was rightly held.
    Report(Report),
}

#[derive(Args)]
pub(super) struct List {
    /// Only of this mailbox: what it was to get, or sent.
    #[arg(long)]
    account: Option<EmailAddress>,
    /// Only for this reason: malware, spam, encrypted_archive, opaque_archive, macros.
    #[arg(long)]
    reason: Option<String>,
    /// Only this message, by its name in the trace.
    #[arg(long)]
    message: Option<String>,
    /// Also what was released or deleted.
    #[arg(long)]
    all: bool,
    /// Rows at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=LIST_MAX))]
    limit: i64,
    /// Answer as JSON: an array.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Verdict {
    /// It is harmless.
    FalsePositive,
    /// It was rightly held.
    Right,
    /// It wants to have something by deceit.
    Phishing,
}

#[derive(Args)]
pub(super) struct Report {
    /// Of one mail: its id.
    #[arg(requires = "verdict")]
    id: Option<QuarantineId>,
    /// Of one mail: what it is.
    #[arg(value_enum)]
    verdict: Option<Verdict>,
    /// Mail that was held in so many days.
    #[arg(long, default_value_t = 30, conflicts_with = "id", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// Answer as JSON: an array.
    #[arg(long, conflicts_with = "id")]
    json: bool,
}

#[derive(Clone, Copy)]
enum Act {
    Release,
    Delete,
}

impl QuarantineCommand {
    /// Exit 0 when done, 1 when something named does not wait in the quarantine.
    pub(super) fn run(self, file: &Path) -> Outcome {
        super::on_data(file, |house| async move {
            match self {
                Self::List(list) => list.run(house).await,
                Self::Packages(packages) => packages.run(house).await,
                Self::Show { id, json } => show(house, id, json).await,
                Self::Release { id } => act(house, id, Act::Release).await,
                Self::Delete { id } => act(house, id, Act::Delete).await,
                Self::Report(report) => report.run(house).await,
            }
        })
    }
}

impl List {
    async fn run(self, house: Arc<House>) -> Outcome {
        let now = house.now();
        let limit = self.limit;
        let is_json = self.json;
        let found = house
            .store
            .read(self, |tx, list| {
                Box::pin(async move {
                    let account_id = match &list.account {
                        Some(address) => {
                            let account = tx.account_at(address, now).await?;
                            Some(account.ok_or(store::Error::NotFound("the mailbox"))?.account_id)
                        }
                        None => None,
                    };
                    let filter = QuarantineFilter {
                        account_id,
                        state: (!list.all).then_some(HeldState::Held),
                        reason: list.reason.clone(),
                        trace: list.message.clone(),
                    };
                    tx.held_mails(&filter, limit).await
                })
            })
            .await?;
        if is_json {
            println!("{}", Value::Array(found.iter().map(shown).collect()));
            return Ok(ExitCode::SUCCESS);
        }
        for mail in &found {
            println!(
                "{}\t{}\t{}\t{}\t{}",
                mail.quarantine_id,
                mail.held_at,
                mail.state.name(),
                mail.reason,
                mail.door
            );
        }
        if found.is_empty() {
            tell("Không có thư bị cách ly.", "No mail is in the quarantine.");
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn show(house: Arc<House>, id: QuarantineId, is_json: bool) -> Outcome {
    let found: Option<HeldMail> =
        house.store.read(id, |tx, id| Box::pin(async move { tx.held_mail(*id).await })).await?;
    let mail = found.with_context(|| format!("{id}: không có / there is no such mail"))?;
    let shown = shown(&mail);
    if is_json {
        println!("{shown}");
        return Ok(ExitCode::SUCCESS);
    }
    for (name, value) in shown.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => println!("{name}\t{text}"),
            other => println!("{name}\t{other}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A mail as programs read it. Whom it is from and for stands in its envelope, which is gone once it left.
fn shown(mail: &HeldMail) -> Value {
    let envelope: Option<OutboundMail> = serde_json::from_str(&mail.payload).ok();
    let recipients: Vec<&EmailAddress> =
        envelope.iter().flat_map(|envelope| &envelope.recipients).map(|one| &one.address).collect();
    json!({
        "id": mail.quarantine_id,
        "account": mail.account_id,
        "state": mail.state.name(),
        "reason": mail.reason,
        "detail": mail.detail,
        "released_by": match mail.releaser {
            Releaser::Person => "person",
            Releaser::Administrator => "administrator",
            Releaser::TwoPersons => "two-persons",
        },
        "door": mail.door,
        "message": mail.trace,
        "from": envelope.as_ref().map(|envelope| envelope.reverse_path.clone()),
        "to": recipients,
        "held_at": mail.held_at,
        "acted_at": mail.acted_at,
        "acted_by": mail.acted_by,
        "judgement": mail.judgement,
    })
}

async fn act(house: Arc<House>, ids: Vec<QuarantineId>, act: Act) -> Outcome {
    let mut is_whole = true;
    for id in ids {
        let now = house.now();
        let done: Result<bool, store::Error> = house
            .store
            .write("act on a held mail", id, move |tx, id| {
                Box::pin(async move {
                    match act {
                        Act::Release => tx.release_mail(*id, ACTOR, now).await,
                        Act::Delete => tx.discard_mail(*id, ACTOR, now).await,
                    }
                })
            })
            .await;
        let done = match done {
            Err(store::Error::SetAside) => {
                is_whole = false;
                tell(
                    &format!(
                        "Thư {id} có dấu hiệu độ mật: chỉ văn thư và lãnh đạo cùng giải tỏa (congvan secrecy release)."
                    ),
                    &format!(
                        "{id} bears a mark of secrecy: a records officer and a head release it together (congvan secrecy release)."
                    ),
                );
                continue;
            }
            done => done?,
        };
        is_whole &= done;
        match (done, act) {
            (true, Act::Release) => tell(&format!("Đã chuyển tiếp thư {id}."), &format!("Released {id}.")),
            (true, Act::Delete) => tell(&format!("Đã xóa thư {id}."), &format!("Deleted {id}.")),
            (false, _) => {
                tell(&format!("Thư {id} không còn chờ xử lý."), &format!("{id} does not wait any more."));
            }
        }
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl Report {
    async fn run(self, house: Arc<House>) -> Outcome {
        match (self.id, self.verdict) {
            (Some(id), Some(verdict)) => judge(house, id, verdict).await,
            _ => counts(house, self.days, self.json).await,
        }
    }
}

/// A line of the report: the unit by its codes, then what was counted.
async fn counts(house: Arc<House>, days: u32, is_json: bool) -> Outcome {
    let now = house.now();
    let from = now.minus(std::time::Duration::from_secs(u64::from(days) * 86_400));
    let lines = house.store.read((), move |tx, ()| {
        Box::pin(async move {
            let mut lines: Vec<Value> = Vec::new();
            for one in tx.quarantine_counts(from, now).await? {
                let agency = tx.agency(one.agency_id, now).await?.map(|agency| agency.code.to_string());
                lines.push(json!({
                    "agency": agency, "unit": one.unit, "reason": one.reason, "state": one.state,
                    "judgement": one.judgement, "count": one.count,
                }));
            }
            Ok::<_, store::Error>(lines)
        })
    });
    let lines = lines.await?;
    if is_json {
        println!("{}", Value::Array(lines));
        return Ok(ExitCode::SUCCESS);
    }
    for line in &lines {
        let word = |name: &str| line[name].as_str().filter(|word| !word.is_empty()).unwrap_or("-").to_owned();
        let words = ["agency", "unit", "reason", "state", "judgement"].map(word);
        println!("{}\t{}", words.join("\t"), line["count"]);
    }
    if lines.is_empty() {
        tell("Không có thư bị cách ly.", "No mail was in the quarantine.");
    }
    Ok(ExitCode::SUCCESS)
}

async fn judge(house: Arc<House>, id: QuarantineId, verdict: Verdict) -> Outcome {
    let judgement = match verdict {
        Verdict::FalsePositive => Judgement::FalsePositive,
        Verdict::Right => Judgement::Right,
        Verdict::Phishing => Judgement::Phishing,
    };
    let now = house.now();
    let done: Result<bool, store::Error> = house
        .store
        .write("judge a held mail", id, move |tx, id| {
            Box::pin(async move { tx.judge_mail(*id, judgement, ACTOR, now).await })
        })
        .await;
    if !done? {
        anyhow::bail!("{id}: không có / there is no such mail");
    }
    tell(&format!("Đã ghi nhận đánh giá về thư {id}."), &format!("Noted what was said about {id}."));
    Ok(ExitCode::SUCCESS)
}
