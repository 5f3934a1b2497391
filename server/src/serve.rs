//! `congvan serve`: opens the doors, starts the work, and ends both cleanly.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::house::House;
use crate::intake::Intake;
use crate::judging::Judging;
use crate::keys::OwnKey;
use crate::listen::{self, Bounds};
use crate::mail_path::MailPath;
use crate::proxy::Relays;
use crate::{
    backup, beside, deadlines, go_live, housekeeping, http, imap, indexer, intake, late_marks, local_door,
    mail_in, mail_out, push, sequencer, stamping, tls, upstream, vacation,
};

/// The ports that were really opened, by door.
pub(crate) type Ports = BTreeMap<&'static str, Vec<SocketAddr>>;

/// A door and its sockets, opened and not yet at work.
pub(crate) struct Opened {
    pub(crate) name: &'static str,
    pub(crate) listeners: Vec<TcpListener>,
}

/// Opens every door, tells `ready`, works until SIGTERM or SIGINT, and finishes what was promised.
pub(crate) async fn serve(
    house: Arc<House>,
    ready: impl FnOnce(&House, &Ports) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let lock = lock(&house)?;
    if lock.is_some() {
        // Nobody else works on this data, so whoever leased something before is dead.
        let free =
            house.store.write("free leases", (), |tx, ()| Box::pin(async move { tx.free_leases().await }));
        let freed: Result<u64, store::Error> = free.await;
        freed.context("the outbox cannot be taken over")?;
    }
    go_live::require(&house).await?;
    let mut stop_asked = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let config = &house.config.listen;
    let mut opened = Vec::new();
    let doors = [
        ("https", &config.https),
        ("http", &config.http),
        ("smtp", &config.smtp),
        ("submission", &config.submission),
        ("submissions", &config.submissions),
        ("lmtp", &config.lmtp),
        ("imaps", &config.imaps),
        ("imap", &config.imap),
    ];
    for (name, addresses) in doors {
        opened.push(Opened { name, listeners: listen::open(name, addresses).await? });
    }
    let local = match house.config.lmtp_socket() {
        Some(path) => Some(local_door::open(&path, house.config.lmtp.mode()?)?),
        None => None,
    };
    let mut ports = Ports::new();
    for door in &opened {
        for listener in &door.listeners {
            ports.entry(door.name).or_default().push(listener.local_addr()?);
        }
    }
    let (mail_doors, others): (Vec<_>, Vec<_>) =
        opened.into_iter().partition(|door| mail_in::is_door(door.name));
    let (imap_doors, web_doors) = others.into_iter().partition(|door| imap::is_door(door.name));
    let own = tls::own_key(&house.config).await?;
    let intake = Intake::new(house.clone())?;
    let path = MailPath::new(&house)?;
    let judge = Judging::new(house.clone());
    start_doors(&house, (&intake, &path, &judge), web_doors, own.as_deref())?;
    house.inside.spawn(judge.run());
    mail_in::start(&house, &path, (mail_doors, local), own.as_deref())?;
    imap::start(&house, imap_doors, own.as_deref())?;
    mail_out::start(&house)?;
    upstream::start(&house, &intake)?;
    house.inside.spawn(late_marks::run(house.clone(), intake.clone()));
    house.inside.spawn(vacation::run(house.clone(), path.clone()));
    push::start(&house)?;
    // Whoever needs them holds them; the store ends with its last handle.
    drop((intake, path));
    start_work(&house)?;
    ready(&house, &ports)?;
    tracing::info!("open: {}", summary(&ports));

    tokio::select! { _ = stop_asked.0.recv() => {}, _ = stop_asked.1.recv() => {} }
    finish(house).await?;
    drop(lock);
    Ok(())
}

/// What is done without anybody asking.
fn start_work(house: &Arc<House>) -> anyhow::Result<()> {
    house.inside.spawn(sequencer::run(house.clone()));
    house.inside.spawn(stamping::run(house.clone()));
    house.inside.spawn(housekeeping::run(house.clone(), intake::desk(house)?));
    house.inside.spawn(deadlines::run(house.clone()));
    house.inside.spawn(indexer::run(house.clone(), intake::desk(house)?));
    house.inside.spawn(backup::run(house.clone()));
    house.inside.spawn(beside::run(house.clone()));
    Ok(())
}

/// On SQLite one server works on the data: a second one is refused before it opens a door. The kernel gives the lock back
/// however the holder ends.
fn lock(house: &House) -> anyhow::Result<Option<File>> {
    if house.store.engine() != "sqlite" {
        return Ok(None);
    }
    let path = house.config.house.data.join("serve.lock");
    let file = File::options().create(true).write(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "another congvan serves this data: {} / một congvan khác đang phục vụ dữ liệu này",
            house.config.house.data.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

fn summary(ports: &Ports) -> String {
    let doors: Vec<String> = ports
        .iter()
        .map(|(name, addresses)| {
            let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
            format!("{name} {}", addresses.join(" "))
        })
        .collect();
    doors.join(", ")
}

fn start_doors(
    house: &Arc<House>,
    (intake, path, judge): (&Arc<Intake>, &Arc<MailPath>, &Arc<Judging>),
    opened: Vec<Opened>,
    own: Option<&OwnKey>,
) -> anyhow::Result<()> {
    let web = Bounds::new(house.config.http.connections_max, house.config.http.connections_max);
    for door in opened {
        if door.listeners.is_empty() {
            continue;
        }
        let acceptor = match door.name {
            "https" => {
                let alpn: [&[u8]; 2] = [b"h2", b"http/1.1"];
                let own = own.context("https needs tls.certificate and tls.key (thiếu chứng thư TLS)")?;
                Some(tokio_rustls::TlsAcceptor::from(tls::server(own, &alpn)?))
            }
            _ => None,
        };
        let server = http::Server::new(house.clone(), intake.clone(), path.clone(), judge.clone(), acceptor)?;
        let serve = move |stream, peer| server.clone().visit(stream, peer);
        listen::attend(house, door, &web, &Relays::default(), serve);
    }
    Ok(())
}

/// Doors close, visits and workers finish, then the store's writer writes what it was given.
async fn finish(house: Arc<House>) -> anyhow::Result<()> {
    tracing::info!("stopping: no new work is taken");
    house.stop.cancel();
    house.inside.close();
    let patience = Duration::from_secs(house.config.house.stop_seconds);
    if tokio::time::timeout(patience, house.inside.wait()).await.is_err() {
        tracing::warn!(unfinished = house.inside.len(), "some visits did not finish in time");
    }
    let writer = house.writer.clone();
    // The last handle on the store goes with the house; then the writer answers what it holds and ends.
    drop(house);
    let _ = tokio::time::timeout(patience, writer.wait()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Writes the chosen ports for whoever started us: first complete, then visible.
pub(crate) fn write_ready_file(path: &Path, ports: &Ports) -> anyhow::Result<()> {
    let mut json = serde_json::Map::new();
    for (door, addresses) in ports {
        if let Some(first) = addresses.first() {
            json.insert((*door).to_owned(), first.port().into());
        }
    }
    let all: BTreeMap<_, Vec<String>> =
        ports.iter().map(|(door, list)| (*door, list.iter().map(SocketAddr::to_string).collect())).collect();
    json.insert("addresses".to_owned(), serde_json::to_value(all)?);
    json.insert("pid".to_owned(), std::process::id().into());
    let draft = path.with_extension("part");
    std::fs::write(&draft, serde_json::to_vec_pretty(&json)?)
        .and_then(|()| std::fs::rename(&draft, path))
        .with_context(|| format!("cannot write the ready file {}", path.display()))
}
