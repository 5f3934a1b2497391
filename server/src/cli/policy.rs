//! `congvan policy`: the rules of mail, exceptions from them, what a rule would have done, and what was counted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use directory::mail_policy::{self, Book, Change, Exception, Facts, InForce, Rule, Scope, Standing, Word};
use mail::{AccountId, Timestamp};
use serde_json::{Value, json};
use store::{PolicyCount, PolicyException, PolicyLetter, PolicyRule};

use super::agency::day;
use super::provision::{from_standard_input, said, tell};
use super::{ACTOR, Outcome};
use crate::house::House;
use crate::sign_in;

/// Letters read at a time.
const PAGE: i64 = 1_000;
/// Letters a dry run looks at. A province sends some ten thousand a day.
const LETTERS_MAX: i64 = 2_000_000;

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Show what is in force for the house, an agency, a unit or an account.
    Show(Show),
    /// Put a rule in force: RULE KEY=VALUE…, such as official-mail-only mode=warn. Values are JSON, or words.
    Set(Set),
    /// End a rule.
    Remove {
        /// The rule.
        rule: String,
        /// house, agency:CODE, unit:CODE/UNIT or account:ADDRESS.
        #[arg(long)]
        scope: String,
        /// Number of the decision that says so.
        #[arg(long)]
        decision: String,
        #[command(flatten)]
        person: Person,
    },
    /// Grant an exception from a rule. Every exception ends.
    Except {
        /// The rule.
        rule: String,
        /// house, agency:CODE, unit:CODE/UNIT or account:ADDRESS.
        #[arg(long)]
        scope: String,
        /// Until the end of the day before this one (2027-02-05), or until a moment (2027-02-05T10:00:00+07:00).
        #[arg(long, value_parser = day)]
        until: Timestamp,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        person: Person,
    },
    /// Tell what a rule would have done to the letters of the last days. Nothing is changed.
    DryRun(DryRun),
    /// Count what letters came to, by unit.
    Report {
        /// How far back: 7d, 24h.
        #[arg(long, default_value = "30d", value_parser = span)]
        since: Duration,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Who decides, when that is somebody with an account here.
#[derive(Args)]
pub(super) struct Person {
    /// Your address, if you act as yourself; the password is read from standard input.
    #[arg(long)]
    by: Option<String>,
}

#[derive(Args)]
pub(super) struct Show {
    /// For an agency, by its code.
    #[arg(long, conflicts_with_all = ["unit", "account"])]
    agency: Option<String>,
    /// For a unit: CODE/UNIT.
    #[arg(long, conflicts_with = "account")]
    unit: Option<String>,
    /// For an account, by its address.
    #[arg(long)]
    account: Option<String>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Set {
    /// The rule.
    rule: String,
    /// Its parameters, KEY=VALUE.
    parameters: Vec<String>,
    /// house, agency:CODE, unit:CODE/UNIT or account:ADDRESS.
    #[arg(long)]
    scope: String,
    /// Number of the decision that says so.
    #[arg(long)]
    decision: String,
    /// From which day on (2027-02-05), or from which moment; now when left out.
    #[arg(long, value_parser = day)]
    from: Option<Timestamp>,
    /// Until which day, if that is decided.
    #[arg(long, value_parser = day)]
    until: Option<Timestamp>,
    #[command(flatten)]
    person: Person,
}

#[derive(Args)]
pub(super) struct DryRun {
    /// How far back: 7d, 24h.
    #[arg(long, default_value = "7d", value_parser = span)]
    since: Duration,
    /// The rule.
    rule: String,
    /// Its parameters, KEY=VALUE.
    parameters: Vec<String>,
    /// house, agency:CODE, unit:CODE/UNIT or account:ADDRESS.
    #[arg(long, default_value = "house")]
    scope: String,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// `7d`, `24h`.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?}: 7d, 24h (số ngày hoặc giờ)");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

/// A rule of its word and `KEY=VALUE`s.
fn rule(word: &str, parameters: &[String]) -> anyhow::Result<Rule> {
    let mut object = serde_json::Map::new();
    for parameter in parameters {
        let (key, value) = parameter
            .split_once('=')
            .with_context(|| format!("{parameter:?}: KEY=VALUE (tham số có dạng TÊN=GIÁ-TRỊ)"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        object.insert(key.to_owned(), value);
    }
    let word = Word::read(word).map_err(said)?;
    Rule::read(word, &Value::from(object).to_string()).map_err(said)
}

impl PolicyCommand {
    pub(super) fn run(self, config: &Path) -> Outcome {
        super::on_data(config, |house| async move {
            match self {
                Self::Show(show) => show.run(&house).await,
                Self::Set(set) => set.run(&house).await,
                Self::Remove { rule, scope, decision, person } => {
                    let (word, scope) =
                        (Word::read(&rule).map_err(said)?, Scope::read(&scope).map_err(said)?);
                    let actor = person.actor(&house, &scope).await?;
                    let ended = mail_policy::end(&house.store, &scope, word, &decision, &actor, house.now());
                    match ended.await.map_err(said)? {
                        true => tell("Quy tắc đã hết hiệu lực.", "The rule has ended."),
                        false => tell("Không có quy tắc này ở phạm vi đó.", "There was no such rule there."),
                    }
                    Ok(ExitCode::SUCCESS)
                }
                Self::Except { rule, scope, until, reason, person } => {
                    let (word, scope) =
                        (Word::read(&rule).map_err(said)?, Scope::read(&scope).map_err(said)?);
                    let actor = person.actor(&house, &scope).await?;
                    let exception = Exception { scope, word, until, reason };
                    let granted = mail_policy::except(&house.store, &exception, &actor, house.now()).await;
                    granted.map_err(said)?;
                    let until = until.to_rfc3339_vietnam();
                    tell(&format!("Ngoại lệ có hiệu lực đến {until}."), &format!("Excepted until {until}."));
                    Ok(ExitCode::SUCCESS)
                }
                Self::DryRun(dry_run) => dry_run.run(&house).await,
                Self::Report { since, json } => report(&house, since, json).await,
            }
        })
    }
}

impl Person {
    /// Who it is for the audit log, once the role permits it (RULES A21). Whoever works at the machine is its operator.
    async fn actor(&self, house: &House, scope: &Scope) -> anyhow::Result<String> {
        let Some(by) = &self.by else { return Ok(ACTOR.to_owned()) };
        let password = from_standard_input()?
            .context("the password is read from standard input (mật khẩu được đọc từ đầu vào chuẩn)")?;
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let signed_in = sign_in::sign_in(house, by, password, here).await.map_err(said)?;
        anyhow::ensure!(
            !signed_in.must_change_password(),
            "the one-time password has to be changed first (phải đổi mật khẩu dùng một lần trước)"
        );
        let input = (scope.clone(), signed_in.actor(), house.now());
        let permitted = house.store.read(input, |tx, (scope, actor, now)| {
            Box::pin(async move {
                let found = mail_policy::scope(tx, scope, *now).await?;
                mail_policy::may_manage(tx, *actor, &found, *now).await
            })
        });
        let permitted: directory::Result<_> = permitted.await;
        permitted.map_err(said)?.map_err(said)?;
        Ok(signed_in.account_id().to_string())
    }
}

impl Set {
    async fn run(self, house: &House) -> Outcome {
        let rule = rule(&self.rule, &self.parameters)?;
        let scope = Scope::read(&self.scope).map_err(said)?;
        let actor = self.person.actor(house, &scope).await?;
        let from = self.from.unwrap_or_else(|| house.now());
        let change = Change { scope, rule, decision: self.decision, from, to: self.until };
        mail_policy::set(&house.store, &change, &actor, house.now()).await.map_err(said)?;
        let from = from.to_rfc3339_vietnam();
        tell(
            &format!("Quy tắc {} có hiệu lực từ {from}.", self.rule),
            &format!("Rule {} is in force from {from}.", self.rule),
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// The rules of the house, and where somebody of a scope stands.
async fn book_and_standing(house: &House, scope: &Scope) -> anyhow::Result<(Book, mail_policy::Found)> {
    let input = (scope.clone(), house.now());
    let read = house.store.read(input, |tx, (scope, now)| {
        Box::pin(async move {
            let found = mail_policy::scope(tx, scope, *now).await?;
            Ok((mail_policy::load(tx, *now).await?.1, found))
        })
    });
    let read: directory::Result<_> = read.await;
    read.map_err(said)
}

/// A rule's word, how it stands, and its parameters.
type Standings = (Word, &'static str, Value);

impl Show {
    async fn run(self, house: &House) -> Outcome {
        let scope = match (&self.agency, &self.unit, &self.account) {
            (Some(code), ..) => Scope::read(&format!("agency:{code}")),
            (_, Some(unit), _) => Scope::read(&format!("unit:{unit}")),
            (.., Some(address)) => Scope::read(&format!("account:{address}")),
            _ => Ok(Scope::House),
        };
        let (book, found) = book_and_standing(house, &scope.map_err(said)?).await?;
        let now = house.now();
        let rows = Word::ALL.map(|word| match book.in_force(word, found.standing, now) {
            InForce::Default => (word, "default", Value::Null),
            InForce::Excepted => (word, "excepted", Value::Null),
            InForce::Set(rule) => (word, "set", serde_json::from_str(&rule.parameters()).unwrap_or_default()),
        });
        let decided = house.store.read(now, |tx, now| {
            Box::pin(async move { Ok((tx.policy_rules(*now).await?, tx.policy_exceptions(*now).await?)) })
        });
        let decided: store::Result<(Vec<PolicyRule>, Vec<PolicyException>)> = decided.await;
        let (mut rules, mut exceptions) = decided?;
        rules.retain(|row| row.owner == found.owner);
        exceptions.retain(|row| row.owner == found.owner);
        match self.json {
            true => show_json(&rows, &rules, &exceptions),
            false => show_text(&rows, &rules, &exceptions),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show_json(rows: &[Standings], rules: &[PolicyRule], exceptions: &[PolicyException]) {
    let moment = Timestamp::to_rfc3339_vietnam;
    let in_force: Vec<_> = rows
        .iter()
        .map(|(word, state, parameters)| {
            json!({ "rule": word.as_str(), "state": state, "parameters": parameters })
        })
        .collect();
    let rules: Vec<_> = rules
        .iter()
        .map(|row| {
            let (from, to) = (moment(row.valid_from), row.valid_to.map(moment));
            json!({ "rule": row.rule, "decision": row.decision, "from": from, "to": to })
        })
        .collect();
    let exceptions: Vec<_> = exceptions
        .iter()
        .map(|row| json!({ "rule": row.rule, "reason": row.reason, "until": moment(row.expires_at) }))
        .collect();
    println!("{}", json!({ "in_force": in_force, "rules": rules, "exceptions": exceptions }));
}

fn show_text(rows: &[Standings], rules: &[PolicyRule], exceptions: &[PolicyException]) {
    for (word, state, parameters) in rows {
        let parameters = if parameters.is_null() { String::new() } else { parameters.to_string() };
        println!("{:<20} {state:<9} {parameters}", word.as_str());
    }
    for row in rules {
        let from = row.valid_from.to_rfc3339_vietnam();
        let to = row.valid_to.map_or_else(|| "…".to_owned(), Timestamp::to_rfc3339_vietnam);
        println!("  {} {from} – {to}  [{}]", row.rule, row.decision);
    }
    for row in exceptions {
        let until = row.expires_at.to_rfc3339_vietnam();
        println!("  {}: ngoại lệ / excepted – {until}  [{}]", row.rule, row.reason);
    }
}

/// What a dry run counts.
#[derive(Default)]
struct Tally {
    letters: u64,
    /// From what is said now to what would be said.
    changed: BTreeMap<(String, String), u64>,
    senders: HashSet<mail::OwnerId>,
}

impl DryRun {
    async fn run(self, house: &House) -> Outcome {
        let rule = rule(&self.rule, &self.parameters)?;
        anyhow::ensure!(
            !matches!(rule.word(), Word::FreeMailDomains | Word::QuotaWarning),
            "of past letters counts are kept and no addresses: this rule cannot be tried on them / \
             chỉ lưu số đếm của thư cũ, không lưu địa chỉ: không thử được quy tắc này"
        );
        let scope = Scope::read(&self.scope).map_err(said)?;
        let (today, found) = book_and_standing(house, &scope).await?;
        let mut then = today.clone();
        then.put(found.owner, rule, Timestamp::from_millis(0), None);
        let now = house.now();
        let since = now.minus(self.since);
        let mut tally = Tally::default();
        let mut skip = 0;
        while skip < LETTERS_MAX {
            let page = house
                .store
                .read((), move |tx, ()| Box::pin(async move { tx.policy_letters(since, skip, PAGE).await }));
            let page: store::Result<Vec<PolicyLetter>> = page.await;
            let page = page?;
            for letter in &page {
                tally.count(letter, (&today, &then), now);
            }
            skip += PAGE;
            if (page.len() as i64) < PAGE {
                break;
            }
        }
        tally.tell(self.json);
        Ok(ExitCode::SUCCESS)
    }
}

impl Tally {
    fn count(&mut self, letter: &PolicyLetter, (today, then): (&Book, &Book), now: Timestamp) {
        // A row of a newer program that this one cannot read says nothing here.
        let Ok(facts) = serde_json::from_str::<Facts>(&letter.facts) else { return };
        // What came from outside was held against the rules of the house.
        let standing = match facts.is_ours {
            true => Standing {
                account: Some(AccountId::from_bytes(*letter.owner.as_bytes())),
                unit: letter.unit_id,
                agency: letter.agency_id,
            },
            false => Standing::default(),
        };
        let says = |book: &Book| mail_policy::judge(&facts, &book.rules_for(standing, now)).outcome(&facts);
        let (before, after) = (says(today), says(then));
        self.letters += 1;
        if before != after {
            *self.changed.entry((before, after)).or_default() += 1;
            self.senders.insert(letter.owner);
        }
    }

    fn tell(&self, json: bool) {
        if json {
            let changed: Vec<_> = self
                .changed
                .iter()
                .map(|((before, after), letters)| json!({ "now": before, "then": after, "letters": letters }))
                .collect();
            println!(
                "{}",
                json!({ "letters": self.letters, "changed": changed, "senders": self.senders.len() })
            );
            return;
        }
        let changed: u64 = self.changed.values().sum();
        tell(
            &format!(
                "{} thư; quy tắc này sẽ đổi kết quả của {changed} thư, {} người gửi.",
                self.letters,
                self.senders.len()
            ),
            &format!(
                "{} letters; the rule would change what {changed} came to, of {} senders.",
                self.letters,
                self.senders.len()
            ),
        );
        for ((before, after), letters) in &self.changed {
            println!("{letters:>8}  {before} → {after}");
        }
    }
}

async fn report(house: &Arc<House>, since: Duration, json: bool) -> Outcome {
    let now = house.now();
    let since = now.minus(since);
    let read = house.store.read((), move |tx, ()| {
        Box::pin(async move {
            let counts = tx.policy_counts(since).await?;
            let mut names = HashMap::new();
            let agencies: HashSet<_> = counts.iter().filter_map(|count| count.agency_id).collect();
            for agency_id in agencies {
                let agency = tx.agency(agency_id, now).await?;
                let code = agency.map_or_else(|| agency_id.to_string(), |agency| agency.code.to_string());
                for unit in tx.units(agency_id).await? {
                    names.insert((Some(agency_id), Some(unit.unit_id)), format!("{code}/{}", unit.code));
                }
                names.insert((Some(agency_id), None), code);
            }
            Ok((counts, names))
        })
    });
    let read: store::Result<(Vec<PolicyCount>, HashMap<_, String>)> = read.await;
    let (counts, names) = read?;
    let rows = counts.iter().map(|count| {
        let whose = names.get(&(count.agency_id, count.unit_id));
        (whose.map_or("–", String::as_str), count.outcome.as_str(), count.letters)
    });
    if json {
        let rows: Vec<_> = rows
            .map(|(whose, outcome, letters)| json!({ "unit": whose, "outcome": outcome, "letters": letters }))
            .collect();
        println!("{}", json!({ "since": since.to_rfc3339_vietnam(), "rows": rows }));
        return Ok(ExitCode::SUCCESS);
    }
    for (whose, outcome, letters) in rows {
        println!("{letters:>8}  {whose:<24} {outcome}");
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line_are_read_or_refused() {
        assert_eq!(span("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(span("24h"), Ok(Duration::from_secs(86_400)));
        for text in ["", "d", "7", "7w", "-1d", "99999999999999999999d", "18446744073709551615d", "7ngày"] {
            assert!(span(text).is_err(), "{text}");
        }
        let list = |parameters: &[&str]| {
            rule("outside-forwarding", &parameters.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert!(list(&[r#"allow=["bo.gov.vn"]"#]).is_ok());
        assert!(list(&["allow"]).is_err());
        assert!(list(&["allow=bo.gov.vn"]).is_err());
        assert!(rule("official-mail-only", &["mode=warn".to_owned()]).is_ok());
        assert!(rule("message-size", &["bytes_max=1000".to_owned()]).is_ok());
        assert!(rule("no-such", &[]).is_err());
    }
}
