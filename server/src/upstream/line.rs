//! One line: sends what waits for its peer, one package after the other, and has the peer asked for what waits for us.

use std::sync::Arc;
use std::time::Duration;

use registry::transport::{Done, Errand, Failure, Outlook, Transport};
use registry::upstream::schedule::{CLOCK_STOP, CLOCK_WARN};
use registry::upstream::{HOLD_ON_EVERY, Outgoing, Report, Settled};
use registry::vxp::call::{Declared, SendParameters};
use store::{Peer, Signal};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::wire::Wire;
use crate::house::House;
use crate::intake::Intake;
use crate::metrics::LineOutcome;

/// How long a node is the one that works a line; prolonged while it works.
const LEASE: Duration = Duration::from_secs(30);
/// How long to sleep when nobody signals: what another node queued, and what falls due, is found then.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// When the store has trouble, or another node works the line.
const LOOK_LATER: Duration = Duration::from_secs(5);

/// A line at work.
pub(super) struct Line {
    pub(super) house: Arc<House>,
    pub(super) intake: Arc<Intake>,
    pub(super) peer: Peer,
    pub(super) stop: CancellationToken,
    /// Something was sent: an answer may come soon.
    pub(super) poll_soon: Notify,
    transport: Box<dyn Transport>,
    wire: Wire,
    /// Who we are among the nodes: the same for every line this one ever opens.
    node: String,
}

impl Line {
    pub(super) fn new(
        house: Arc<House>,
        intake: Arc<Intake>,
        peer: Peer,
        node: String,
        stop: CancellationToken,
    ) -> anyhow::Result<Arc<Self>> {
        let patience = Duration::from_secs(house.config.upstream.patience_seconds.max(1));
        let wire = Wire::new(&peer.url, &peer.ca, patience)?;
        let Some(transport) = super::transport(&peer, &intake.desk().limits) else {
            anyhow::bail!("{}: no such door (chưa hỗ trợ)", peer.door)
        };
        Ok(Arc::new(Self { house, intake, peer, stop, poll_soon: Notify::new(), transport, wire, node }))
    }

    pub(super) fn start(self: Arc<Self>) {
        let house = self.house.clone();
        tracing::info!(peer = self.peer.name, "a line is open");
        house.inside.spawn(self.clone().send_all());
        house.inside.spawn(self.poll_all());
    }

    /// Does an errand; whatever the answer says of the clocks is remembered with its success.
    pub(super) async fn run(&self, errand: &Errand) -> Result<(Done, Option<i64>), Failure> {
        let ask = self.transport.ask(errand, self.house.now());
        let answered = self.wire.hear(&self.house, ask).await?;
        let done = self.transport.read(errand, &answered.heard)?;
        Ok((done, answered.clock_millis))
    }

    /// Whether this node works the line now, of several on PostgreSQL. On SQLite there is one, and nobody to wait for.
    pub(super) async fn is_ours(&self) -> bool {
        if self.house.store.engine() == "sqlite" {
            return true;
        }
        let input = (format!("peer:{}", self.peer.name), self.node.clone(), self.house.now());
        let taken = self.house.store.write("take a line", input, |tx, (name, node, now)| {
            Box::pin(async move { tx.take_lease(name, node, *now, LEASE).await })
        });
        let taken: Result<bool, store::Error> = taken.await;
        taken.unwrap_or(false)
    }

    pub(super) fn count(&self, direction: &'static str, outcome: &'static str) {
        let label = LineOutcome { peer: self.peer.name.clone(), direction, outcome };
        self.house.metrics.line_packages.get_or_create(&label).inc();
    }

    /// Sends until the line ends; what is on the wire then is finished or left to its lease.
    async fn send_all(self: Arc<Self>) {
        let mut signals = self.house.store.signals();
        let desk = self.intake.desk();
        let mut ours_until = self.house.now();
        while !self.stop.is_cancelled() {
            if self.house.now() >= ours_until {
                if !self.is_ours().await {
                    self.sleep(LOOK_LATER).await;
                    continue;
                }
                ours_until = self.house.now().plus(LEASE / 3);
            }
            // One lease, one name.
            let holder = self.house.draw_token(12);
            let now = self.house.now();
            match desk.next_package(&self.peer, self.intake.forwarding(), &holder, now).await {
                Ok(Some(outgoing)) => self.carry(&outgoing).await,
                Ok(None) => tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep(LOOK_ANYWAY) => {}
                    () = queued(&mut signals) => {}
                },
                Err(error) => {
                    tracing::warn!(peer = self.peer.name, "the outbox cannot be read: {error}");
                    self.sleep(LOOK_LATER).await;
                }
            }
        }
    }

    async fn sleep(&self, pause: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn carry(&self, outgoing: &Outgoing) {
        let desk = self.intake.desk();
        let errand = Errand::Send(outgoing.parcel.clone());
        let outcome = tokio::select! {
            outcome = self.run(&errand) => outcome,
            () = self.hold_on(outgoing) => return,
        };
        let settled = match outcome {
            Ok((Done::Sent(id), _)) => desk.package_sent(outgoing, &id, self.house.now()).await,
            Ok(_) => return,
            Err(failure) => {
                tracing::warn!(peer = self.peer.name, code = failure.code, "a package did not get through");
                let failure = self.report(outgoing, failure).await;
                desk.package_failed(outgoing, &failure, self.house.now()).await
            }
        };
        let outcome = match settled {
            Ok(Settled::Sent) => {
                self.poll_soon.notify_one();
                "sent"
            }
            Ok(Settled::PutOff) => "put-off",
            Ok(Settled::Refused) => {
                tracing::error!(peer = self.peer.name, "a package was refused for good; its sender was told");
                "refused"
            }
            Ok(Settled::Stopped) => {
                tracing::error!(
                    peer = self.peer.name,
                    "the peer does not let us in: the line is stopped until `congvan peer resume` / trục không xác thực được ta"
                );
                "stopped"
            }
            Ok(Settled::LeaseLost) => "lease-lost",
            Err(error) => {
                tracing::warn!(peer = self.peer.name, "a package was not settled and is sent again: {error}");
                "unsettled"
            }
        };
        self.count("out", outcome);
    }

    /// Keeps a package ours while it is on the wire. Ends only when it is not any more.
    async fn hold_on(&self, outgoing: &Outgoing) {
        loop {
            tokio::time::sleep(HOLD_ON_EVERY).await;
            match self.intake.desk().hold_on(outgoing, self.house.now()).await {
                Ok(false) => {
                    return tracing::warn!(
                        peer = self.peer.name,
                        "a lease ran out before its package was handed over"
                    );
                }
                Ok(true) => {}
                Err(error) => tracing::warn!(peer = self.peer.name, "a lease was not prolonged: {error}"),
            }
        }
    }

    /// A package that came over another axis and is refused for good: its sender hears of it by a status, first, so that a crash in
    /// between makes no silence (RULES R68).
    async fn report(&self, outgoing: &Outgoing, failure: Failure) -> Failure {
        if failure.outlook != Outlook::Never {
            return failure;
        }
        let reports = self.intake.desk().refusals(outgoing, &failure, self.house.now()).await;
        let told = match reports {
            Ok(reports) => self.tell(reports).await,
            Err(error) => Err(error),
        };
        match told {
            Ok(()) => failure,
            Err(error) if error.is_worth_retrying() => {
                Failure::new(Outlook::Later, &failure.code, &failure.words)
            }
            Err(error) => {
                tracing::warn!(peer = self.peer.name, "a refusal could not be reported: {error}");
                failure
            }
        }
    }

    /// Takes in statuses that this house wrote.
    pub(super) async fn tell(
        &self,
        reports: impl IntoIterator<Item = Report>,
    ) -> Result<(), registry::Error> {
        for report in reports {
            let digest = ring::digest::digest(&ring::digest::SHA256, &report.bytes);
            let sha256 = digest.as_ref().try_into().map_err(|_| registry::Error::Internal)?;
            let parameters = SendParameters {
                from: report.from.as_str().to_owned(),
                to: Vec::new(),
                hash_file: None,
                hint: None,
                declared: Declared::default(),
            };
            self.intake.take_in(report.bytes.into(), sha256, parameters, Arc::new(report.system)).await?;
        }
        Ok(())
    }

    /// RULES R51: said when it is worth saying; the desk sends nothing when it is too much.
    pub(super) fn look_at_clock(&self, clock_millis: Option<i64>) {
        let off = u128::from(clock_millis.unwrap_or(0).unsigned_abs());
        if off > CLOCK_STOP.as_millis() {
            tracing::error!(
                peer = self.peer.name,
                clock_millis,
                "the clocks differ too much: nothing is sent (R51)"
            );
        } else if off > CLOCK_WARN.as_millis() {
            tracing::warn!(peer = self.peer.name, clock_millis, "the clocks differ (R51)");
        }
    }
}

/// Until something was queued.
async fn queued(signals: &mut tokio::sync::broadcast::Receiver<Signal>) {
    loop {
        match signals.recv().await {
            Ok(Signal::Outbox) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
