//! `congvan peer`: other axes that this house is a client of (RULES R65–R71), on the data of a stopped or running server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use mail::{AgencyCode, DeliveryId, Secret, Timestamp};
use registry::transport::{DOORS, Done, Errand};
use registry::upstream::{Learned, Resent};
use registry::vxp::call::Kind;
use serde_json::{Value, json};
use store::{Audit, NewPeer, OutboxKind, PEER, Peer, PeerHealth, PeerMessage, PeerState, PeerWay, PeerWrap};

use super::Outcome;
use super::provision::{from_standard_input, tell};
use crate::house::House;
use crate::intake::Intake;
use crate::upstream::{Wire, check_address, transport};

/// Who did it, in the audit log.
const ACTOR: &str = "cli";
/// Where a secret may stand when standard input has none.
const SECRET_VARIABLE: &str = "CONGVAN_PEER_SECRET";

#[derive(Subcommand)]
pub(super) enum PeerCommand {
    /// Add an axis, or change the one of that name. Its secret is read from standard input or CONGVAN_PEER_SECRET.
    Add(PeerAdd),
    /// The axes and how their lines do.
    List {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// One axis: what lies behind it, how its line does, what went over it.
    Show {
        /// Its name.
        name: String,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Stop a line; packages wait.
    Pause {
        /// Its name.
        name: String,
    },
    /// Open a line again.
    Resume {
        /// Its name.
        name: String,
    },
    /// Forget an axis. Packages that wait for it keep it.
    Remove {
        /// Its name.
        name: String,
    },
    /// Ask an axis what waits for us, and compare the clocks.
    Check {
        /// Its name.
        name: String,
        /// Take over the agencies it announces, as reached through it.
        #[arg(long)]
        learn: bool,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// The newest messages over a line (RULES R69).
    Log {
        /// Its name.
        name: String,
        /// Only waiting, sent, held, taken, returned or refused.
        #[arg(long)]
        state: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have a package sent again that was held or refused; five times at most (RULES R26).
    Resend {
        /// The message's id, as the log has it.
        message_id: String,
    },
}

#[derive(Args)]
pub(super) struct PeerAdd {
    /// Its name here: small letters, digits and dashes.
    name: String,
    /// Where its calls stand: https://HOST/PATH. Plain http on this machine only.
    #[arg(long)]
    url: String,
    /// Our id there.
    #[arg(long)]
    system_id: String,
    /// The protocol it speaks.
    #[arg(long, default_value = "vxp")]
    door: String,
    /// Code of an agency behind it; more than one may be given.
    #[arg(long)]
    agency: Vec<AgencyCode>,
    /// Level-1 code (H37) of which all agencies lie behind it; more than one may be given.
    #[arg(long = "level-1")]
    level_1: Vec<AgencyCode>,
    /// Every agency that nobody else reaches lies behind it.
    #[arg(long)]
    default: bool,
    /// How attachments are packed in what is written here for it: zip or bare.
    #[arg(long, default_value = "zip")]
    wrap: PeerWrap,
    /// Hand packages over as they are, without our line in their trace.
    #[arg(long)]
    no_trace: bool,
    /// Seconds between two polls.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    poll_seconds: i64,
    /// File with the certificates, PEM, that alone are trusted for its TLS; without it the system's are.
    #[arg(long)]
    ca: Option<PathBuf>,
}

impl PeerCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Add(add) => {
                let (new, ways) = add.read()?;
                super::on_data(file, |house| put(house, new, ways))
            }
            Self::List { json } => super::on_data(file, |house| list(house, json)),
            Self::Show { name, json } => super::on_data(file, |house| show(house, name, json)),
            Self::Pause { name } => super::on_data(file, |house| set(house, name, PeerState::Paused)),
            Self::Resume { name } => super::on_data(file, |house| set(house, name, PeerState::Active)),
            Self::Remove { name } => super::on_data(file, |house| remove(house, name)),
            Self::Check { name, learn, json } => {
                super::on_data(file, |house| check(house, name, learn, json))
            }
            Self::Log { name, state, limit, json } => {
                super::on_data(file, |house| log(house, name, state, limit, json))
            }
            Self::Resend { message_id } => super::on_data(file, |house| resend(house, message_id)),
        }
    }
}

/// What lies behind a peer, by code.
struct Ways {
    agencies: Vec<AgencyCode>,
    levels: Vec<String>,
}

impl PeerAdd {
    fn read(self) -> anyhow::Result<(NewPeer, Ways)> {
        let shaped = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        anyhow::ensure!(
            matches!(self.name.len(), 1..=32) && self.name.bytes().all(shaped),
            "{:?}: 1 to 32 small letters, digits and dashes / tên gồm 1–32 chữ thường, chữ số, gạch nối",
            self.name
        );
        anyhow::ensure!(DOORS.contains(&self.door.as_str()), "{}: one of {DOORS:?} / chưa hỗ trợ", self.door);
        let id_is_plain = self.system_id.bytes().all(|b| b.is_ascii_graphic());
        anyhow::ensure!(
            matches!(self.system_id.len(), 1..=64) && id_is_plain,
            "--system-id: 1 to 64 plain characters"
        );
        let url = check_address(&self.url)?;
        let ca = match &self.ca {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {} (không đọc được tệp)", path.display()))?,
            None => String::new(),
        };
        // Said now rather than by a line that does not open.
        Wire::new(&url, &ca, Duration::from_secs(1)).context("--ca: no certificates in PEM")?;
        let secret = match from_standard_input()? {
            Some(secret) => Some(secret),
            None => std::env::var(SECRET_VARIABLE).ok().map(Secret::new),
        };
        let secret = secret.with_context(|| {
            format!("the secret is read from standard input or {SECRET_VARIABLE} / thiếu khóa bí mật")
        })?;
        let new = NewPeer {
            name: self.name,
            door: self.door,
            url,
            system_id: self.system_id,
            secret,
            ca,
            wrap: self.wrap,
            trace: !self.no_trace,
            poll_seconds: self.poll_seconds,
            is_default: self.default,
        };
        let levels = self.level_1.iter().map(AgencyCode::folded).collect();
        Ok((new, Ways { agencies: self.agency, levels }))
    }
}

async fn put(house: Arc<House>, new: NewPeer, ways: Ways) -> Outcome {
    let (name, now) = (new.name.clone(), house.now());
    let codes = ways.agencies.clone();
    let found = house.store.read(codes, |tx, codes| {
        Box::pin(async move {
            let mut ids = Vec::new();
            for code in codes {
                let agency = tx.agency_by_code(code, now).await?;
                ids.push((code.clone(), agency.map(|agency| agency.agency_id)));
            }
            Ok::<_, store::Error>(ids)
        })
    });
    let mut behind: Vec<PeerWay> = ways.levels.into_iter().map(PeerWay::Level1).collect();
    for (code, id) in found.await? {
        let id = id.with_context(|| {
            format!(
                "{code}: there is no such agency; `congvan agency add`, or `congvan peer check {name} --learn` afterwards / \
                 chưa có cơ quan này"
            )
        })?;
        behind.push(PeerWay::Agency(id));
    }
    house.store.put_peer(new, now).await?;
    let written =
        house.store.write("what lies behind a peer", (name.clone(), behind), move |tx, (name, behind)| {
            Box::pin(async move {
                for way in behind {
                    tx.put_peer_way(name, way).await?;
                }
                tx.audit(PEER, now, ACTOR, Audit::PeerChanged, name, r#"{"what":"added"}"#).await
            })
        });
    let written: Result<(), store::Error> = written.await;
    written?;
    tell(
        &format!("Đã thêm trục {name}. Kiểm tra: congvan peer check {name}"),
        &format!("Added axis {name}. Try it: congvan peer check {name}"),
    );
    Ok(ExitCode::SUCCESS)
}

/// All that is known of one line.
struct State {
    peer: Peer,
    health: PeerHealth,
    waiting: i64,
    oldest: Option<Timestamp>,
    agencies: i64,
    levels: Vec<String>,
    messages: Vec<(String, i64)>,
}

impl State {
    fn json(&self) -> Value {
        let moment = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339_vietnam);
        let Peer { name, door, url, system_id, wrap, trace, poll_seconds, is_default, state, .. } =
            &self.peer;
        let health = &self.health;
        let messages: serde_json::Map<String, Value> =
            self.messages.iter().map(|(state, count)| (state.clone(), (*count).into())).collect();
        json!({
            "name": name, "door": door, "url": url, "systemId": system_id, "wrap": wrap.as_str(), "trace": trace,
            "pollSeconds": poll_seconds, "default": is_default, "state": state.as_str(),
            "agencies": self.agencies, "level1": self.levels,
            "waiting": self.waiting, "oldest": moment(self.oldest), "messages": messages,
            "polledAt": moment(health.polled_at), "heardAt": moment(health.heard_at), "sentAt": moment(health.sent_at),
            "failures": health.failures, "retryAt": moment(health.retry_at),
            "lastError": health.last_error, "lastErrorAt": moment(health.last_error_at),
            "clockMillis": health.clock_millis,
        })
    }

    fn line(&self) -> String {
        let moment = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_edxml());
        format!(
            "{:<16} {:<7} chờ/waiting {:<6} nghe/heard {:<20} gửi/sent {:<20} lỗi/failures {}",
            self.peer.name,
            self.peer.state.as_str(),
            self.waiting,
            moment(self.health.heard_at),
            moment(self.health.sent_at),
            self.health.failures
        )
    }
}

async fn states(house: &House) -> anyhow::Result<Vec<State>> {
    let states = house.store.read((), |tx, ()| {
        Box::pin(async move {
            let mut states = Vec::new();
            for peer in tx.peers().await? {
                let (waiting, oldest) = tx.queue(OutboxKind::Package, &peer.name).await?;
                let (agencies, levels) = tx.peer_ways(&peer.name).await?;
                let health = tx.peer_health(&peer.name).await?;
                let messages = tx.count_peer_messages(&peer.name).await?;
                states.push(State { peer, health, waiting, oldest, agencies, levels, messages });
            }
            Ok::<_, store::Error>(states)
        })
    });
    Ok(states.await?)
}

async fn list(house: Arc<House>, json: bool) -> Outcome {
    let states = states(&house).await?;
    if json {
        println!("{}", Value::from(states.iter().map(State::json).collect::<Vec<_>>()));
        return Ok(ExitCode::SUCCESS);
    }
    if states.is_empty() {
        tell("Chưa kết nối trục nào.", "There is no axis yet.");
    }
    for state in states {
        println!("{}", state.line());
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(house: Arc<House>, name: String, json: bool) -> Outcome {
    let state = states(&house).await?.into_iter().find(|state| state.peer.name == name);
    let state = state.with_context(|| no_such(&name))?;
    match json {
        true => println!("{}", state.json()),
        false => println!("{}\n{}", state.line(), serde_json::to_string_pretty(&state.json())?),
    }
    Ok(ExitCode::SUCCESS)
}

fn no_such(name: &str) -> String {
    format!("{name}: there is no such axis / chưa có trục này")
}

async fn set(house: Arc<House>, name: String, state: PeerState) -> Outcome {
    let now = house.now();
    let changed =
        house.store.write("stop or open a line", (name.clone(), state), move |tx, (name, state)| {
            Box::pin(async move {
                if !tx.set_peer_state(name, *state).await? {
                    return Ok(false);
                }
                let detail = json!({ "what": state.as_str() }).to_string();
                tx.audit(PEER, now, ACTOR, Audit::PeerChanged, name, &detail).await?;
                Ok(true)
            })
        });
    let changed: Result<bool, store::Error> = changed.await;
    anyhow::ensure!(changed?, no_such(&name));
    match state {
        PeerState::Paused => tell(&format!("Trục {name} tạm dừng."), &format!("Axis {name} is paused.")),
        PeerState::Active => tell(&format!("Trục {name} hoạt động."), &format!("Axis {name} is active.")),
    }
    Ok(ExitCode::SUCCESS)
}

async fn remove(house: Arc<House>, name: String) -> Outcome {
    let now = house.now();
    let removed = house.store.write("forget a peer", name.clone(), move |tx, name| {
        Box::pin(async move {
            if !tx.remove_peer(name).await? {
                return Ok(false);
            }
            tx.audit(PEER, now, ACTOR, Audit::PeerChanged, name, r#"{"what":"removed"}"#).await?;
            Ok(true)
        })
    });
    let removed: Result<bool, store::Error> = removed.await;
    anyhow::ensure!(removed?, no_such(&name));
    tell(&format!("Đã bỏ trục {name}."), &format!("Axis {name} is forgotten."));
    Ok(ExitCode::SUCCESS)
}

/// Exits with 1 when the axis cannot be asked.
async fn check(house: Arc<House>, name: String, learn: bool, json: bool) -> Outcome {
    let peer = house.store.read(name.clone(), |tx, name| Box::pin(async move { tx.peer(name).await }));
    let peer: Result<Option<Peer>, store::Error> = peer.await;
    let peer = peer?.with_context(|| no_such(&name))?;
    let intake = Intake::new(house.clone())?;
    let door =
        transport(&peer, &intake.desk().limits).with_context(|| format!("{}: no such door", peer.door))?;
    let wire = Wire::new(&peer.url, &peer.ca, Duration::from_secs(house.config.upstream.patience_seconds))?;
    let errands = match learn {
        true => vec![Errand::List(Kind::Documents), Errand::List(Kind::Statuses), Errand::Agencies],
        false => vec![Errand::List(Kind::Documents), Errand::List(Kind::Statuses)],
    };
    let (mut waiting, mut clock, mut learned) = (0, None, None);
    for errand in errands {
        let ask = door.ask(&errand, house.now());
        let answered = wire.hear(&house, ask).await;
        let read = answered.and_then(|answered| {
            clock = answered.clock_millis.or(clock);
            door.read(&errand, &answered.heard)
        });
        match read {
            Ok(Done::Listed(list)) => waiting += list.len(),
            Ok(Done::Agencies(list)) => {
                learned = Some(intake.desk().learn(&name, &list, house.now()).await?);
            }
            Ok(_) => {}
            Err(failure) => {
                match json {
                    true => {
                        println!("{}", json!({ "ok": false, "code": failure.code, "words": failure.words }))
                    }
                    false => tell(
                        &format!("Trục {name} không trả lời được: {failure}"),
                        &format!("Axis {name} could not be asked: {failure}"),
                    ),
                }
                return Ok(ExitCode::from(1));
            }
        }
    }
    if json {
        let learned = learned.map(
            |Learned { new, known, elsewhere }| json!({ "new": new, "known": known, "elsewhere": elsewhere }),
        );
        println!("{}", json!({ "ok": true, "waiting": waiting, "clockMillis": clock, "learned": learned }));
        return Ok(ExitCode::SUCCESS);
    }
    let off = clock.unwrap_or(0);
    tell(
        &format!("Trục {name} trả lời. Đang chờ nhận: {waiting}. Lệch giờ: {off} ms."),
        &format!("Axis {name} answers. Waiting for us: {waiting}. Its clock is {off} ms before ours."),
    );
    if let Some(Learned { new, known, elsewhere }) = learned {
        tell(
            &format!("Cơ quan: {new} mới, {known} đã có, {elsewhere} thuộc nơi khác."),
            &format!("Agencies: {new} new, {known} known, {elsewhere} elsewhere."),
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn log(house: Arc<House>, name: String, state: Option<String>, limit: u32, json: bool) -> Outcome {
    let limit = i64::from(limit.min(10_000));
    let messages = house.store.read((name, state, limit), |tx, (name, state, limit)| {
        Box::pin(async move { tx.peer_messages(name, state.as_deref(), *limit).await })
    });
    let messages: Result<Vec<PeerMessage>, store::Error> = messages.await;
    for message in messages? {
        let m = &message;
        let digest = registry::vxp::hash::full_hex(&m.sha256);
        match json {
            true => println!(
                "{}",
                json!({
                    "id": m.message_id.to_string(), "direction": m.direction.as_str(), "kind": m.kind.as_str(),
                    "peerDocId": m.peer_doc_id, "docId": m.document_id.map(|id| id.to_string()),
                    "from": m.from_code, "to": m.to_codes, "size": m.size, "sha256": digest,
                    "state": m.state, "reason": m.reason, "attempts": m.attempts, "resends": m.resends,
                    "createdAt": m.created_at.to_rfc3339_vietnam(),
                    "settledAt": m.settled_at.map(Timestamp::to_rfc3339_vietnam),
                })
            ),
            false => println!(
                "{} {} {:<3} {:<6} {} → {} {} B {}{}{}",
                m.created_at.to_edxml(),
                m.message_id,
                m.direction.as_str(),
                m.kind.as_str(),
                m.from_code,
                m.to_codes,
                m.size,
                m.state,
                if m.reason.is_empty() { "" } else { ": " },
                m.reason
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Exits with 1 when the package may not be sent again.
async fn resend(house: Arc<House>, message_id: String) -> Outcome {
    let id: DeliveryId = message_id.parse().map_err(|_| {
        anyhow::anyhow!("{message_id:?} is no message: 32 hexadecimal digits / không phải mã thông điệp")
    })?;
    let intake = Intake::new(house.clone())?;
    let resent = intake.desk().resend(id, ACTOR, house.now()).await?;
    match resent {
        Resent::Queued => tell("Sẽ gửi lại.", "It is sent again."),
        Resent::Unknown => tell("Không có thông điệp này.", "There is no such message."),
        Resent::NotHeld => {
            tell("Thông điệp đang chờ hoặc đã gửi.", "It waits already, or the axis has it.");
        }
        Resent::TooOften => tell(
            "Đã gửi lại 5 lần: cần tìm nguyên nhân (R26).",
            "It was sent again five times: somebody has to find out why (R26).",
        ),
    }
    Ok(if resent == Resent::Queued { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
