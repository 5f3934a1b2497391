//! What the house counts, for Prometheus (`/metrics`). No label ever holds an address or a name.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A door or a kind of work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Door {
    pub(crate) door: &'static str,
}

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: &'static str,
}

/// A line to another axis, by the short name its operator gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Line {
    pub(crate) peer: String,
}

/// What became of a package on a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LineOutcome {
    pub(crate) peer: String,
    pub(crate) direction: &'static str,
    pub(crate) outcome: &'static str,
}

/// All counters of the program.
pub(crate) struct Metrics {
    registry: Registry,
    /// Connections now open, by door.
    pub(crate) connections: Family<Door, Gauge<i64, AtomicI64>>,
    /// Mail taken in at the doors: accepted, refused, deferred.
    pub(crate) mail_in: Family<Outcome, Counter>,
    /// Recipients of outgoing mail: delivered, deferred, refused.
    pub(crate) mail_out: Family<Outcome, Counter>,
    /// Sign-ins that smart hosts refused: the operator has to look.
    pub(crate) smart_host_refusals: Counter,
    /// Pushes to clients: taken, gone, put-off, refused.
    pub(crate) pushes: Family<Outcome, Counter>,
    /// Packages handed in: accepted, repeated, refused.
    pub(crate) packages: Family<Outcome, Counter>,
    /// Packages over lines to other axes: out sent, put-off, refused, stopped, held; in taken, returned, refused.
    pub(crate) line_packages: Family<LineOutcome, Counter>,
    /// Packages that wait for another axis.
    pub(crate) line_backlog: Family<Line, Gauge<i64, AtomicI64>>,
    /// Seconds since another axis last answered well.
    pub(crate) line_silent_seconds: Family<Line, Gauge<i64, AtomicI64>>,
    /// Milliseconds another axis' clock is before ours (RULES R51).
    pub(crate) line_clock_millis: Family<Line, Gauge<i64, AtomicI64>>,
    /// Systems that have not asked for long in office hours (RULES R71).
    pub(crate) silent_systems: Gauge<i64, AtomicI64>,
    /// Files on the public page: the verdict, receipt, refused.
    pub(crate) checks: Family<Outcome, Counter>,
    /// Leaves in the ledger.
    pub(crate) ledger_size: Gauge<i64, AtomicI64>,
    /// Backups: made, tested, failed.
    pub(crate) backups: Family<Outcome, Counter>,
    /// Seconds since the last good backup; -1 for none.
    pub(crate) backup_age_seconds: Gauge<i64, AtomicI64>,
    /// Seconds since a backup was last restored as a test; -1 for never.
    pub(crate) backup_test_age_seconds: Gauge<i64, AtomicI64>,
    /// Rows waiting in the outbox.
    pub(crate) outbox_depth: Gauge<i64, AtomicI64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("congvan");
        let connections = Family::default();
        let mail_in = Family::default();
        let mail_out = Family::default();
        let smart_host_refusals = Counter::default();
        let pushes = Family::default();
        let packages = Family::default();
        let checks = Family::default();
        let line_packages = Family::default();
        let line_backlog = Family::default();
        let line_silent_seconds = Family::default();
        let line_clock_millis = Family::default();
        let silent_systems = Gauge::default();
        let ledger_size = Gauge::default();
        let outbox_depth = Gauge::default();
        let backups = Family::default();
        let backup_age_seconds = Gauge::default();
        let backup_test_age_seconds = Gauge::default();
        registry.register("connections", "Connections now open, by door", connections.clone());
        registry.register("mail_in", "Messages at the doors, by outcome", mail_in.clone());
        registry.register("mail_out", "Recipients of outgoing mail, by outcome", mail_out.clone());
        let refusals = "Sign-ins that smart hosts refused";
        registry.register("smart_host_refusals", refusals, smart_host_refusals.clone());
        registry.register("pushes", "Pushes to clients, by outcome", pushes.clone());
        registry.register("packages", "Packages handed in, by outcome", packages.clone());
        let lines = "Packages over lines to other axes, by peer, direction and outcome";
        registry.register("line_packages", lines, line_packages.clone());
        registry.register("line_backlog", "Packages waiting for another axis", line_backlog.clone());
        let silent = "Seconds since another axis last answered well";
        registry.register("line_silent_seconds", silent, line_silent_seconds.clone());
        let clock = "Milliseconds the clock of another axis is before ours";
        registry.register("line_clock_millis", clock, line_clock_millis.clone());
        let systems = "Systems that have not asked for long in office hours";
        registry.register("silent_systems", systems, silent_systems.clone());
        registry.register("checks", "Files checked on the public page, by outcome", checks.clone());
        registry.register("ledger_size", "Leaves in the ledger", ledger_size.clone());
        registry.register("outbox_depth", "Rows waiting in the outbox", outbox_depth.clone());
        registry.register("backups", "Backups, by outcome", backups.clone());
        let age = "Seconds since the last good backup, -1 for none";
        registry.register("backup_age_seconds", age, backup_age_seconds.clone());
        let age = "Seconds since a backup was last restored as a test, -1 for never";
        registry.register("backup_test_age_seconds", age, backup_test_age_seconds.clone());
        Self {
            registry,
            backups,
            backup_age_seconds,
            backup_test_age_seconds,
            connections,
            mail_in,
            mail_out,
            smart_host_refusals,
            pushes,
            packages,
            line_packages,
            line_backlog,
            line_silent_seconds,
            line_clock_millis,
            silent_systems,
            checks,
            ledger_size,
            outbox_depth,
        }
    }

    /// The page Prometheus reads.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut page, &self.registry);
        page
    }
}
