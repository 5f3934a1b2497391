//! Doors: listening sockets, and the bounds on what comes through them.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::house::House;
use crate::metrics::{Door, Metrics};
use crate::proxy::{self, Relays};
use crate::serve::Opened;

/// How many connections a group of doors may hold.
pub(crate) struct Bounds {
    all: Arc<Semaphore>,
    per_address_max: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Bounds {
    pub(crate) fn new(all: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS))),
            per_address_max,
            by_address: Mutex::default(),
        })
    }

    /// A place among all, once there is one.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.ok()
    }

    /// Counts a connection in; `None` when its address has too many.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let mut by_address = self.by_address.lock().ok()?;
        let count = by_address.entry(address).or_insert(0);
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Admitted { bounds: self.clone(), address })
    }

    /// A place for a connection that has come through a door and stays longer than the visit that brought it; `None` when
    /// there is none.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Entered> {
        let place = self.all.clone().try_acquire_owned().ok()?;
        Some(Entered { _place: place, _admitted: self.admit(address)? })
    }
}

/// A place among the bounds; dropping it gives it back.
pub(crate) struct Entered {
    _place: OwnedSemaphorePermit,
    _admitted: Admitted,
}

/// A connection that was counted in; dropping it counts it out.
pub(crate) struct Admitted {
    bounds: Arc<Bounds>,
    address: IpAddr,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Ok(mut by_address) = self.bounds.by_address.lock()
            && let Some(count) = by_address.get_mut(&self.address)
        {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// Opens the sockets of a door.
pub(crate) async fn open(door: &str, addresses: &[SocketAddr]) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot open {door} on {address} (không mở được cổng)"))?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Sets a door to work: each connection through one of its sockets is handed to `serve`, until the house stops.
///
/// `bounds` say what may come through, `relays` who may say for whom they stand.
pub(crate) fn attend<F, S>(house: &House, door: Opened, bounds: &Arc<Bounds>, relays: &Relays, serve: F)
where
    F: Fn(TcpStream, SocketAddr) -> S + Clone + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    attend_fronts(house, door, bounds, (relays, &Relays::default()), serve);
}

/// The same, where `fronts` are not counted themselves: they say in the conversation for whom they stand, and whoever serves it counts that
/// client.
pub(crate) fn attend_fronts<F, S>(
    house: &House,
    door: Opened,
    bounds: &Arc<Bounds>,
    (relays, fronts): (&Relays, &Relays),
    serve: F,
) where
    F: Fn(TcpStream, SocketAddr) -> S + Clone + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    for listener in door.listeners {
        let doorway = Doorway {
            name: door.name,
            bounds: bounds.clone(),
            relays: relays.clone(),
            fronts: fronts.clone(),
            stop: house.stop.clone(),
            inside: house.inside.clone(),
            metrics: house.metrics.clone(),
        };
        house.inside.spawn(doorway.accept(listener, serve.clone()));
    }
}

/// A door at work.
struct Doorway {
    /// Its name in logs and metrics.
    name: &'static str,
    /// What may come through.
    bounds: Arc<Bounds>,
    /// Who may say for whom they stand.
    relays: Relays,
    /// Who says so later, in the conversation.
    fronts: Relays,
    /// Stops the accepting; what is inside finishes by itself.
    stop: CancellationToken,
    /// Counts what is inside.
    inside: TaskTracker,
    /// Counts for the operator.
    metrics: Arc<Metrics>,
}

impl Doorway {
    /// Accepts connections and hands each to `serve`, until the house stops.
    async fn accept<F, S>(self, listener: TcpListener, serve: F)
    where
        F: Fn(TcpStream, SocketAddr) -> S + Clone + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        loop {
            // A place first, then a connection: what waits, waits in the kernel's queue.
            let Ok(place) = self.bounds.all.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(door = self.name, "could not accept a connection: {error}");
                    // Out of file descriptors: give those inside a moment to leave, or be stopped meanwhile.
                    let pause = tokio::time::sleep(Duration::from_millis(50));
                    tokio::select! { () = self.stop.cancelled() => return, () = pause => continue }
                }
            };
            // A relay is not counted itself: it says for whom it stands, and that client is.
            let entrance = match peer.ip() {
                ip if self.relays.include(ip) => Entrance::Relayed,
                ip if self.fronts.include(ip) => Entrance::Counted(None),
                _ => match admit(&self.bounds, self.name, peer) {
                    Some(admitted) => Entrance::Counted(Some(admitted)),
                    None => continue,
                },
            };
            // Replies are small and awaited; waiting to fill a packet helps nobody.
            let _ = stream.set_nodelay(true);
            let open = self.metrics.connections.get_or_create(&Door { door: self.name }).clone();
            open.inc();
            let (bounds, name, serve) = (self.bounds.clone(), self.name, serve.clone());
            self.inside.spawn(async move {
                match entrance {
                    Entrance::Counted(admitted) => {
                        serve(stream, peer).await;
                        drop(admitted);
                    }
                    Entrance::Relayed => announced(stream, peer, &bounds, name, serve).await,
                }
                open.dec();
                drop(place);
            });
        }
    }
}

/// How a connection came in.
enum Entrance {
    /// Counted, or a front end's, which is not.
    Counted(Option<Admitted>),
    /// By a relay, that begins by saying for whom.
    Relayed,
}

/// Counts a connection in; says so when its address has too many.
fn admit(bounds: &Arc<Bounds>, door: &'static str, peer: SocketAddr) -> Option<Admitted> {
    let admitted = bounds.admit(peer.ip().to_canonical());
    if admitted.is_none() {
        tracing::info!(door, "turned away a connection: its address has too many");
    }
    admitted
}

/// A connection from a relay, for the client that it announces.
async fn announced<F, S>(
    mut stream: TcpStream,
    peer: SocketAddr,
    bounds: &Arc<Bounds>,
    door: &'static str,
    serve: F,
) where
    F: Fn(TcpStream, SocketAddr) -> S,
    S: Future<Output = ()>,
{
    let Some(client) = proxy::announced(&mut stream, peer).await else { return };
    let Some(admitted) = admit(bounds, door, client) else { return };
    serve(stream, client).await;
    drop(admitted);
}
