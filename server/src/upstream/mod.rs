//! Lines to other axes (RULES E41, R26, R57, R71): for each peer one worker that polls and sends, and somebody who watches.
//!
//! What is asked and what an answer means is the transport's business, what becomes of a package the registry's; here are the
//! sockets, the clock and the tasks.

mod line;
mod poll;
mod watch;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use registry::transport::{Credentials, Transport, of_door};
use store::{Peer, PeerState};
use tokio_util::sync::CancellationToken;

use crate::house::House;
use crate::intake::Intake;
use line::Line;
pub(crate) use watch::Polls;
pub(crate) use wire::{Wire, check_address};

/// How often to look whether an operator has changed something about the peers.
const LOOK: Duration = Duration::from_secs(2);

/// Sets the lines to work.
pub(crate) fn start(house: &Arc<House>, intake: &Arc<Intake>) -> anyhow::Result<()> {
    house.inside.spawn(manage(house.clone(), intake.clone()));
    house.inside.spawn(watch::run(house.clone(), intake.clone(), house.config.calendar()?));
    Ok(())
}

/// The transport of a peer; `None` when its door is not built.
pub(crate) fn transport(peer: &Peer, limits: &registry::Limits) -> Option<Box<dyn Transport>> {
    let credentials = Credentials { system_id: peer.system_id.clone(), secret: peer.secret.clone() };
    of_door(&peer.door, credentials, limits)
}

/// What of a peer a running line was made with.
fn make(peer: &Peer) -> String {
    let Peer { name, door, url, system_id, ca, trace, poll_seconds, .. } = peer;
    let secret = ring::digest::digest(&ring::digest::SHA256, peer.secret.expose_secret().as_bytes());
    format!("{name}\n{door}\n{url}\n{system_id}\n{ca}\n{trace}\n{poll_seconds}\n{secret:?}")
}

/// Keeps one line for every active peer; one whose peer was changed, stopped or removed ends.
async fn manage(house: Arc<House>, intake: Arc<Intake>) {
    let mut lines: HashMap<String, (String, CancellationToken)> = HashMap::new();
    let node = house.draw_token(12);
    loop {
        match house.store.read((), |tx, ()| Box::pin(async move { tx.peers().await })).await {
            Ok(peers) => renew(&house, &intake, &node, &mut lines, peers),
            Err(error) => {
                let error: store::Error = error;
                tracing::warn!("the peers cannot be read: {error}");
            }
        }
        tokio::select! {
            () = house.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn renew(
    house: &Arc<House>,
    intake: &Arc<Intake>,
    node: &str,
    lines: &mut HashMap<String, (String, CancellationToken)>,
    peers: Vec<Peer>,
) {
    let active: HashMap<String, Peer> = peers
        .into_iter()
        .filter(|peer| peer.state == PeerState::Active)
        .map(|peer| (peer.name.clone(), peer))
        .collect();
    lines.retain(|name, (made, stop)| {
        let stays = active.get(name).is_some_and(|peer| make(peer) == *made);
        if !stays {
            stop.cancel();
        }
        stays
    });
    for (name, peer) in active {
        if lines.contains_key(&name) {
            continue;
        }
        let (made, stop) = (make(&peer), house.stop.child_token());
        match Line::new(house.clone(), intake.clone(), peer, node.to_owned(), stop.clone()) {
            Ok(line) => line.start(),
            Err(error) => tracing::error!(peer = name, "the line cannot be opened: {error:#}"),
        }
        // One that cannot be opened is not tried again before it is changed.
        lines.insert(name, (made, stop));
    }
}
