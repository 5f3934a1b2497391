//! `congvan trace`: what happened to a message, from connection to mailbox, in words.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mail::letter::Door;
use mail::trace::{Accepted, Arrival, CameTo, Connection, Event, Goes, Refused, Settled, TurnedAway};
use mail::{EmailAddress, Timestamp};
use serde::Serialize;
use store::{Audit, TraceQuery, Traced};

use super::files::plain;
use super::{ACTOR, Outcome, on_data};
use crate::house::House;

/// How far back is looked when nobody says.
const USUALLY_SINCE: Duration = Duration::from_secs(7 * 86_400);

/// Thư này đã đi đâu? / What happened to a message.
///
/// Exit 0 when something is known, 1 when nothing is.
#[derive(Args)]
pub(super) struct Trace {
    /// Mã Message-ID, hoặc tên mà người gửi được báo sau 250. / A Message-ID, or the name that the sender was told after 250.
    #[arg(required_unless_present_any = ["from", "to", "since"])]
    what: Option<String>,
    /// Địa chỉ gửi. / Mail from this address (MAIL FROM).
    #[arg(long, conflicts_with = "what")]
    from: Option<EmailAddress>,
    /// Địa chỉ nhận. / Mail to this address (RCPT TO).
    #[arg(long, conflicts_with = "what")]
    to: Option<EmailAddress>,
    /// Từ lúc nào: 90m, 2h, 3d, 2026-11-22, 2026-11-22T08:00:00+07:00. / Since when. Seven days when left out.
    #[arg(long, value_parser = When::parse)]
    since: Option<When>,
    /// Đến lúc nào. / Until when.
    #[arg(long, value_parser = When::parse)]
    until: Option<When>,
    /// How many messages at most, the newest.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Answer in JSON: an array of messages with their events.
    #[arg(long)]
    json: bool,
}

/// A moment as people write it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Ago(Duration),
    At(Timestamp),
}

impl When {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no moment like 2h, 3d, 2026-11-22 (không phải thời điểm)");
        for (unit, seconds) in [("m", 60), ("h", 3_600), ("d", 86_400)] {
            if let Some(count) = text.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok()) {
                return Ok(Self::Ago(Duration::from_secs(count.saturating_mul(seconds))));
            }
        }
        // A day begins at midnight in Vietnam.
        let whole = if text.len() == 10 { format!("{text}T00:00:00+07:00") } else { text.to_owned() };
        Timestamp::parse_rfc3339(&whole).map(Self::At).map_err(|_| wrong())
    }

    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(duration) => now.minus(duration),
            Self::At(at) => at,
        }
    }
}

/// A message with what happened to it.
#[derive(Serialize)]
struct Told {
    name: String,
    events: Vec<ToldEvent>,
}

#[derive(Serialize)]
struct ToldEvent {
    at: String,
    owner: String,
    #[serde(flatten)]
    event: Event,
}

impl Trace {
    pub(super) fn run(self, file: &Path) -> Outcome {
        on_data(file, async |house| self.answer(&house).await)
    }

    async fn answer(self, house: &House) -> Outcome {
        let names = self.names(house).await?;
        let mut told = Vec::new();
        for name in names {
            let events = read(house, &name).await?;
            if !self.json && !events.is_empty() {
                show(&name, &events);
            }
            if !events.is_empty() {
                told.push(name_and_events(name, &events));
            }
        }
        if self.json {
            println!("{}", serde_json::to_string(&told)?);
        } else if told.is_empty() {
            println!("Không biết gì về thư này. / Nothing is known of such a message.");
        }
        Ok(if told.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }

    async fn names(&self, house: &House) -> anyhow::Result<Vec<String>> {
        let now = house.now();
        let limit = self.limit.clamp(1, 100_000);
        let Some(what) = &self.what else {
            let query = TraceQuery {
                from: self.from.clone(),
                to: self.to.clone(),
                since: Some(self.since.map_or_else(|| now.minus(USUALLY_SINCE), |when| when.before(now))),
                until: self.until.map(|when| when.before(now)),
                limit,
            };
            let find =
                house.store.read(query, |tx, query| Box::pin(async move { tx.find_traced(query).await }));
            let mut names: Vec<String> = find.await?;
            names.reverse();
            return Ok(names);
        };
        let what = what.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        let is_message_id = what.contains('@');
        if !is_message_id {
            return Ok(vec![what]);
        }
        let find = house
            .store
            .read(what, move |tx, what| Box::pin(async move { tx.traced_message(what, limit).await }));
        let names: Result<_, store::Error> = find.await;
        Ok(names?)
    }
}

/// The events of a message. That they were looked at is written down (RULES R52).
async fn read(house: &House, name: &str) -> anyhow::Result<Vec<Traced>> {
    let events = house
        .store
        .read(name.to_owned(), |tx, name| Box::pin(async move { tx.traced_as(name).await }))
        .await?;
    let Some(owner) = events.first().map(|first| first.owner) else { return Ok(events) };
    let input = (owner, name.to_owned(), house.now());
    let noted: Result<(), store::Error> = house
        .store
        .write("note that a trace was read", input, |tx, (owner, name, now)| {
            Box::pin(async move { tx.audit(*owner, *now, ACTOR, Audit::MailTraced, name, "").await })
        })
        .await;
    noted?;
    Ok(events)
}

fn name_and_events(name: String, events: &[Traced]) -> Told {
    let event = |traced: &Traced| ToldEvent {
        at: traced.at.to_rfc3339_vietnam(),
        owner: traced.owner.to_string(),
        event: traced.event.clone(),
    };
    Told { name, events: events.iter().map(event).collect() }
}

fn show(name: &str, events: &[Traced]) {
    println!("{}", plain(name));
    for traced in events {
        let mut lines = words(&traced.event).into_iter();
        println!("  {}  {}", traced.at.to_rfc3339_vietnam(), plain(&lines.next().unwrap_or_default()));
        lines.for_each(|line| println!("      {}", plain(&line)));
    }
}

/// An event in words, each line in both languages.
fn words(event: &Event) -> Vec<String> {
    match event {
        Event::Accepted(accepted) => accepted_words(accepted),
        Event::Refused(refused) => refused_words(refused),
        Event::Settled(settled) => settled_words(settled),
        Event::TurnedAway(turned) => turned_words(turned),
        Event::Noted(noted) => vec![format!("{} ({}) {}", noted.what, noted.by, noted.detail)],
    }
}

fn arrival_words(vi: &str, en: &str, arrival: &Arrival) -> Vec<String> {
    let from = arrival.from.as_ref().map_or_else(|| "<>".to_owned(), |from| format!("<{from}>"));
    let message_id = arrival.message_id.as_ref().map(|id| format!(", Message-ID <{id}>"));
    let mut lines = vec![
        format!("{vi} {} / {en} {}", door_vi(arrival.door), door_en(arrival.door)),
        format!("từ / from {from}, {} byte{}", arrival.size, message_id.unwrap_or_default()),
    ];
    if let Some(peer) = &arrival.peer {
        lines.push(format!("kết nối / connection: {}", connection_words(peer)));
    }
    if let Some(account) = &arrival.account {
        lines.push(format!("tài khoản gửi / sending account: {account}"));
    }
    lines
}

fn door_vi(door: Door) -> &'static str {
    match door {
        Door::Mx => "từ máy chủ khác",
        Door::Lmtp => "từ máy chuyển tiếp nội bộ",
        Door::Submission => "từ chương trình thư",
        Door::Jmap => "từ trang web hoặc ứng dụng",
        Door::Imap => "đưa vào thư mục qua IMAP",
    }
}

fn door_en(door: Door) -> &'static str {
    match door {
        Door::Mx => "from another server (SMTP)",
        Door::Lmtp => "from a relay of the house (LMTP)",
        Door::Submission => "from a mail program (submission)",
        Door::Jmap => "from the web page or an app (JMAP)",
        Door::Imap => "brought into a mailbox (IMAP)",
    }
}

fn connection_words(peer: &Connection) -> String {
    let name = peer.name.as_deref().unwrap_or("?");
    let reverse = peer.reverse_name.as_ref().map(|name| format!("{name} "));
    let tls = peer.tls.as_deref().unwrap_or("không mã hóa / no TLS");
    format!("{name} [{}{}], {tls}", reverse.unwrap_or_default(), peer.ip)
}

fn accepted_words(accepted: &Accepted) -> Vec<String> {
    let mut lines = arrival_words("đã nhận", "accepted", &accepted.arrival);
    lines.extend(accepted.steps.iter().map(|(stage, outcome)| format!("{stage}: {outcome}")));
    for to in &accepted.to {
        let way = match to.goes {
            Goes::Mailbox => "vào hộp thư / in the mailbox",
            Goes::Here => "chờ vào hộp thư / queued for the mailbox",
            Goes::Elsewhere => "chờ gửi đi / queued for another server",
            Goes::List => "chờ gửi tới các thành viên danh sách / queued for the members of the list",
            Goes::Loop => "thư quay vòng từ chính danh sách; bỏ qua / a loop of that very list; dropped",
            Goes::Nowhere => "địa chỉ không còn; sẽ báo người gửi / leads nowhere; to be reported",
        };
        let account = to.account.map(|account| format!(" ({account})")).unwrap_or_default();
        lines.push(format!("→ {}{account}: {way}", to.address));
    }
    if accepted.more > 0 {
        lines.push(format!("→ và {} người nhận nữa / and {0} recipients more", accepted.more));
    }
    lines
}

fn refused_words(refused: &Refused) -> Vec<String> {
    let mut lines = arrival_words("bị từ chối", "refused", &refused.arrival);
    lines.extend(refused.to.iter().map(|to| format!("→ {to}")));
    lines.push(format!("đã trả lời / was told: {}", refused.reply));
    lines
}

fn settled_words(settled: &Settled) -> Vec<String> {
    let what = if settled.is_report { "báo cáo / report" } else { "thư / message" };
    let remote = settled.remote.as_ref().map(|remote| format!(", {remote}")).unwrap_or_default();
    let (attempt, to) = (settled.attempt, &settled.destination);
    let mut lines = vec![format!("lần chuyển / attempt {attempt}: {what} → {to}{remote}")];
    for outcome in &settled.outcomes {
        let came_to = match outcome.came_to {
            CameTo::Delivered => "vào hộp thư / in the mailbox",
            CameTo::Relayed => "máy chủ kia đã nhận / taken by the other server",
            CameTo::Deferred => "sẽ thử lại / to be tried again",
            CameTo::Bounced => "không chuyển được / cannot be delivered",
        };
        lines.push(format!("→ {}: {came_to}: {}", outcome.address, outcome.reply));
    }
    if let Some(at) = settled.taken_at {
        lines.push(format!("máy chủ kia nhận lúc / taken at: {}", at.to_rfc3339_vietnam()));
    }
    if let Some(next) = settled.next_at {
        lines.push(format!("thử lại lúc / next attempt: {}", next.to_rfc3339_vietnam()));
    }
    match settled.report {
        Some(Goes::Mailbox) => {
            lines.push("báo người gửi trong hộp thư / the sender is told in the mailbox".into());
        }
        Some(_) => lines.push("gửi báo cáo cho người gửi / a report goes to the sender".into()),
        None => {}
    }
    lines
}

fn turned_words(turned: &TurnedAway) -> Vec<String> {
    vec![
        format!(
            "từ chối trong một kết nối / refused in one connection {}: người nhận / recipients {}, người gửi / senders {}, \
             đăng nhập / sign-ins {}",
            door_en(turned.door),
            turned.recipients,
            turned.senders,
            turned.sign_ins
        ),
        format!("kết nối / connection: {}", connection_words(&turned.peer)),
        format!("đã trả lời / was told: {}", turned.reply),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_write_them() {
        let rows = [
            ("90m", Some(When::Ago(Duration::from_secs(5_400)))),
            ("2h", Some(When::Ago(Duration::from_secs(7_200)))),
            ("3d", Some(When::Ago(Duration::from_secs(259_200)))),
            ("2026-11-22", Some(When::At(Timestamp::from_secs(1_795_280_400)))),
            ("2026-11-22T08:00:00+07:00", Some(When::At(Timestamp::from_secs(1_795_309_200)))),
            ("hôm qua", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(When::parse(text).ok(), expected, "{text}");
        }
    }
}
