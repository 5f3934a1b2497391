//! `congvan queue`: waiting mail, on the data of a stopped or running server. Ids and places, never subjects; what a peer answered
//! may name a person and is shown in whole only when asked for.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use directory::agencies;
use mail::envelope::OutboundMail;
use mail::{OutboxId, Timestamp};
use serde_json::json;
use smtp::codec::table;
use smtp::send::Verdict;
use smtp::serve::{Attempt, Desk, Dice, Outgoing, Redirection, Refusal};
use store::{QueueAct, QueueFilter, Queued};

use super::provision::tell;
use super::{ACTOR, Outcome, files};
use crate::house::House;
use crate::mail_in;
use crate::where_to::route_parts;

/// Mails touched in one transaction, so that a long act does not hold others up.
const AT_ONCE: usize = 200;
/// How long one mail may take to be dropped or redirected; a carrier takes it again after that.
const BY_HAND: Duration = Duration::from_secs(60);

#[derive(Subcommand)]
pub(super) enum QueueCommand {
    /// List waiting mail, the oldest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// Show what the last attempt was answered in whole; it may name a recipient.
        #[arg(long)]
        errors: bool,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// What waits, by destination.
    Stats {
        /// Destinations at most, the longest queue first.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keep waiting mail back until it is released.
    Hold(Act),
    /// Let held mail go on.
    Release(Act),
    /// Try waiting mail now; not what its sender wants sent later.
    Retry {
        #[command(flatten)]
        act: Act,
        /// That as well.
        #[arg(long)]
        early: bool,
    },
    /// Send waiting mail another way: over a host, or to another address.
    Redirect {
        #[command(flatten)]
        act: Act,
        /// HOST or HOST:PORT to send it over, whatever routes and DNS say; or an address that gets it in place of its recipients.
        #[arg(long, value_parser = redirection)]
        to: Redirection,
    },
    /// Take mail off the queue and tell its sender that it is not delivered.
    Drop(Act),
    /// Show one waiting mail: who sent it, who is still to get it.
    Show {
        /// Its id, as `list` shows it.
        id: OutboxId,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct Filter {
    /// The mail with this id.
    #[arg(long)]
    id: Option<OutboxId>,
    /// Mail for this domain.
    #[arg(long)]
    destination: Option<String>,
    /// Waiting for longer than this: 30m, 2h, 3d.
    #[arg(long, value_parser = age)]
    older: Option<Duration>,
    /// Held mail only.
    #[arg(long)]
    held: bool,
    /// These words are in what the last attempt was answered.
    #[arg(long)]
    error: Option<String>,
    /// Mails at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

#[derive(Args)]
pub(super) struct Act {
    #[command(flatten)]
    filter: Filter,
    /// Mean all waiting mail, when nothing says which.
    #[arg(long)]
    all: bool,
    /// Only say how many are meant.
    #[arg(long)]
    dry_run: bool,
}

/// `30m`, `2h`, `3d`.
fn age(text: &str) -> Result<Duration, String> {
    let seconds = |unit| match unit {
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    };
    let mut letters = text.chars();
    let unit = letters.next_back().and_then(seconds);
    let count: Option<u32> = letters.as_str().parse().ok();
    let (Some(unit), Some(count)) = (unit, count) else {
        return Err("30m, 2h, 3d".to_owned());
    };
    Ok(Duration::from_secs(unit * u64::from(count)))
}

/// An address, or a host with a port or without.
fn redirection(text: &str) -> Result<Redirection, String> {
    let bad = || "HOST, HOST:PORT, ADDRESS".to_owned();
    if text.contains('@') {
        return text.parse().map(Redirection::Address).map_err(|_| bad());
    }
    let whole = if route_parts(text).is_some() { text.to_owned() } else { format!("{text}:25") };
    let (_, via) = agencies::route_words("*", &whole).map_err(|_| bad())?;
    Ok(Redirection::Via(via))
}

impl Filter {
    fn says_which(&self) -> bool {
        let Self { id, destination, older, held, error, .. } = self;
        id.is_some() || destination.is_some() || older.is_some() || *held || error.is_some()
    }

    fn in_store(&self, now: Timestamp) -> QueueFilter {
        QueueFilter {
            outbox_id: self.id,
            destination: self.destination.as_ref().map(|domain| domain.to_ascii_lowercase()),
            created_before: self.older.map(|older| now.minus(older)),
            is_held: self.held.then_some(true),
            error: self.error.clone(),
        }
    }

    async fn rows(&self, house: &House) -> anyhow::Result<Vec<Queued>> {
        let input = (self.in_store(house.now()), self.limit);
        let rows = house.store.read(input, |tx, (filter, limit)| {
            Box::pin(async move { tx.queue_list(filter, None, *limit).await })
        });
        let rows: Result<_, store::Error> = rows.await;
        rows.context("không đọc được hàng đợi / the queue cannot be read")
    }
}

impl QueueCommand {
    /// Exit 0, also when nothing waits.
    pub(super) fn run(self, file: &Path) -> Outcome {
        super::on_data(file, |house| async move {
            match self {
                Self::List { filter, errors, json } => list(&filter.rows(&house).await?, errors, json),
                Self::Stats { limit, json } => stats(&house, limit, json).await?,
                Self::Hold(act) => act.run(&house, QueueAct::Hold).await?,
                Self::Release(act) => act.run(&house, QueueAct::Release).await?,
                Self::Retry { act, early: false } => act.run(&house, QueueAct::Retry).await?,
                Self::Retry { act, early: true } => act.run(&house, QueueAct::RetryEarly).await?,
                Self::Redirect { act, to } => return act.redirect(&house, &to).await,
                Self::Drop(act) => act.drop_mail(&house).await?,
                Self::Show { id, json } => return show(&house, id, json).await,
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn list(rows: &[Queued], errors: bool, json: bool) {
    // A reply's numbers name nobody.
    let shown = |row: &Queued| {
        let words = row.last_error.split(' ').take(if errors { usize::MAX } else { 1 });
        files::plain(&words.collect::<Vec<_>>().join(" ")).to_string()
    };
    let state = |row: &Queued| match (row.is_held, row.is_leased) {
        (true, _) => "held",
        (false, true) => "carried",
        (false, false) => "waiting",
    };
    if json {
        let rows = rows.iter().map(|row| {
            json!({
                "id": row.outbox_id.to_string(),
                "destination": row.destination,
                "state": state(row),
                "urgent": row.is_urgent,
                "attempts": row.attempts,
                "since": row.created_at.to_rfc3339_utc(),
                "nextAt": row.due_at.to_rfc3339_utc(),
                "lastError": shown(row),
            })
        });
        return println!("{}", serde_json::Value::from_iter(rows));
    }
    for row in rows {
        println!(
            "{}\t{}\t{}\t{}\t{} → {}\t{}",
            row.outbox_id,
            row.destination,
            state(row),
            row.attempts,
            row.created_at.to_rfc3339_vietnam(),
            row.due_at.to_rfc3339_vietnam(),
            shown(row)
        );
    }
    if rows.is_empty() {
        println!("Không có thư chờ. / No mail waits.");
    }
}

async fn stats(house: &House, limit: i64, json: bool) -> anyhow::Result<()> {
    let counts =
        house.store.read(limit, |tx, limit| Box::pin(async move { tx.queue_counts(*limit).await })).await;
    let counts: Vec<store::QueueCount> = counts.map_err(|error: store::Error| anyhow::anyhow!(error))?;
    if json {
        let rows = counts.iter().map(|count| {
            json!({
                "destination": count.destination,
                "waiting": count.waiting,
                "held": count.held,
                "oldest": count.oldest.to_rfc3339_utc(),
                "nextAt": count.next_at.to_rfc3339_utc(),
            })
        });
        println!("{}", serde_json::Value::from_iter(rows));
        return Ok(());
    }
    for count in &counts {
        let (oldest, next) = (count.oldest.to_rfc3339_vietnam(), count.next_at.to_rfc3339_vietnam());
        println!("{}\t{}\t{}\t{oldest} → {next}", count.destination, count.waiting, count.held);
    }
    Ok(())
}

/// One waiting mail; exit 1 when it is not there.
async fn show(house: &House, id: OutboxId, json: bool) -> anyhow::Result<ExitCode> {
    let payload = house.store.read(id, |tx, id| Box::pin(async move { tx.queued_payload(*id).await })).await;
    let payload: Option<String> = payload.map_err(|error: store::Error| anyhow::anyhow!(error))?;
    let Some(payload) = payload else {
        tell("Không có thư này trong hàng đợi.", "There is no such mail in the queue.");
        return Ok(ExitCode::FAILURE);
    };
    let mail: OutboundMail =
        serde_json::from_str(&payload).context("dòng của thư này bị hỏng / the mail's row is damaged")?;
    let from = mail.reverse_path.as_ref().map_or_else(|| "<>".to_owned(), ToString::to_string);
    let to: Vec<String> = mail.recipients.iter().map(|one| one.address.to_string()).collect();
    if json {
        let not_before = mail.not_before.map(Timestamp::to_rfc3339_utc);
        println!(
            "{}",
            json!({ "id": id.to_string(), "from": from, "to": to, "receivedAt": mail.received_at.to_rfc3339_utc(),
                "notBefore": not_before, "via": mail.via, "trace": mail.trace, "urgent": mail.is_urgent() })
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("{id}\t{}\t{}", mail.received_at.to_rfc3339_vietnam(), mail.trace);
    println!("  ← {}", files::plain(&from));
    for address in &to {
        println!("  → {}", files::plain(address));
    }
    Ok(ExitCode::SUCCESS)
}

impl Act {
    /// The mails that are meant; none when it is only asked how many they are.
    async fn rows(&self, house: &House) -> anyhow::Result<Vec<Queued>> {
        if !self.all && !self.filter.says_which() {
            anyhow::bail!("nói rõ thư nào, hoặc --all / say which mail, or --all");
        }
        let rows = self.filter.rows(house).await?;
        if self.dry_run {
            let count = rows.len();
            tell(&format!("{count} thư (--dry-run)."), &format!("{count} mails (--dry-run)."));
            return Ok(Vec::new());
        }
        Ok(rows)
    }

    /// Leases one of the mails that are meant; `None` when somebody carries it now, or it is gone.
    async fn take(
        house: &Arc<House>,
        desk: &Desk,
        holder: &str,
        (row, act): (Queued, &'static str),
    ) -> anyhow::Result<Option<Outgoing>> {
        let input = (row, holder.to_owned(), house.now());
        let claimed = house.store.write("take off the queue", input, move |tx, (row, holder, now)| {
            Box::pin(async move { tx.claim_by_hand(row, holder, (ACTOR, act), *now, BY_HAND).await })
        });
        let claimed: Result<_, store::Error> = claimed.await;
        match claimed? {
            Some(claimed) => Ok(Some(desk.open(claimed, holder).await?)),
            None => Ok(None),
        }
    }

    /// Gives up what waits as a carrier would: the sender is told, the submission and the trace know, all in one transaction for each mail.
    async fn drop_mail(self, house: &Arc<House>) -> anyhow::Result<()> {
        let rows = self.rows(house).await?;
        if self.dry_run {
            return Ok(());
        }
        let (desk, holder) = (mail_in::desk(house), format!("queue-{}", mail_in::draw_id(house)));
        let mut done = 0;
        for row in rows {
            let Some(outgoing) = Self::take(house, &desk, &holder, (row, "drop")).await? else { continue };
            let attempt = Attempt::same(&outgoing, &Verdict::Refused(table::DROPPED.reply()));
            let dice = Dice { jitter: 0, report_id: mail_in::draw_id(house) };
            let settled = desk.settle(&outgoing, &attempt, &dice, house.now()).await?;
            done += usize::from(settled.is_some());
        }
        tell(&format!("Đã bỏ {done} thư."), &format!("Dropped {done} mails."));
        Ok(())
    }

    /// Sends what waits another way, one transaction for each mail. Exit 1: the address leads nowhere.
    async fn redirect(self, house: &Arc<House>, to: &Redirection) -> anyhow::Result<ExitCode> {
        let rows = self.rows(house).await?;
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        let (desk, holder) = (mail_in::desk(house), format!("queue-{}", mail_in::draw_id(house)));
        let way = match desk.new_way(to, house.now()).await {
            Ok(way) => way,
            Err(Refusal::Said(reply)) => {
                let told = files::plain(&reply.to_string()).to_string();
                tell(&format!("Không gửi tới đó được: {told}"), "Mail cannot be sent there.");
                return Ok(ExitCode::FAILURE);
            }
            Err(trouble) => return Err(trouble.into()),
        };
        let is_via = matches!(to, Redirection::Via(_));
        let mut done = 0;
        for row in rows.into_iter().filter(|row| !(is_via && row.is_for_here)) {
            let Some(outgoing) = Self::take(house, &desk, &holder, (row, "redirect")).await? else {
                continue;
            };
            done += usize::from(desk.redirect(&outgoing, &way, ACTOR, house.now()).await?);
        }
        tell(&format!("Đã chuyển hướng {done} thư."), &format!("Redirected {done} mails."));
        Ok(ExitCode::SUCCESS)
    }

    async fn run(self, house: &House, act: QueueAct) -> anyhow::Result<()> {
        let rows = self.rows(house).await?;
        if self.dry_run {
            return Ok(());
        }
        let mut done = 0;
        for some in rows.chunks(AT_ONCE) {
            let input = (some.to_vec(), house.now());
            let touched = house.store.write("act on the queue", input, move |tx, (rows, now)| {
                Box::pin(async move {
                    let mut touched = 0_usize;
                    for row in rows {
                        touched += usize::from(tx.act_on_queued(row, act, ACTOR, *now).await?);
                    }
                    Ok::<_, store::Error>(touched)
                })
            });
            done += touched.await?;
        }
        tell(&format!("Đã đổi {done} thư."), &format!("Changed {done} mails."));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_mail_can_be_sent_instead() {
        let via = |text: &str| Some(Redirection::Via(text.to_owned()));
        for (text, expected) in [
            ("relay.gov.vn", via("relay.gov.vn:25")),
            ("relay.gov.vn:2525", via("relay.gov.vn:2525")),
            ("127.0.0.1", via("127.0.0.1:25")),
            ("[::1]:25", via("[::1]:25")),
            ("an@a.gov.vn", Some(Redirection::Address("an@a.gov.vn".parse().unwrap()))),
            ("an@", None),
            ("a b", None),
            ("relay:0", None),
            ("", None),
        ] {
            assert_eq!(redirection(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn ages() {
        assert_eq!(age("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(age("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(age("3d"), Ok(Duration::from_secs(259_200)));
        for bad in ["", "h", "2", "-1h", "2 h", "2ế", "9999999999d"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
