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

/// All counters of the program.
pub(crate) struct Metrics {
    registry: Registry,
    /// Connections now open, by door.
    pub(crate) connections: Family<Door, Gauge<i64, AtomicI64>>,
    /// Mail taken in at the doors: accepted, refused, deferred.
    pub(crate) mail_in: Family<Outcome, Counter>,
    /// Recipients of outgoing mail: delivered, deferred, refused.
    pub(crate) mail_out: Family<Outcome, Counter>,
    /// Packages handed in: accepted, repeated, refused.
    pub(crate) packages: Family<Outcome, Counter>,
    /// Files on the public page: the verdict, receipt, refused.
    pub(crate) checks: Family<Outcome, Counter>,
    /// Leaves in the ledger.
    pub(crate) ledger_size: Gauge<i64, AtomicI64>,
    /// Rows waiting in the outbox.
    pub(crate) outbox_depth: Gauge<i64, AtomicI64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("congvan");
        let connections = Family::default();
        let mail_in = Family::default();
        let mail_out = Family::default();
        let packages = Family::default();
        let checks = Family::default();
        let ledger_size = Gauge::default();
        let outbox_depth = Gauge::default();
        registry.register("connections", "Connections now open, by door", connections.clone());
        registry.register("mail_in", "Messages at the doors, by outcome", mail_in.clone());
        registry.register("mail_out", "Recipients of outgoing mail, by outcome", mail_out.clone());
        registry.register("packages", "Packages handed in, by outcome", packages.clone());
        registry.register("checks", "Files checked on the public page, by outcome", checks.clone());
        registry.register("ledger_size", "Leaves in the ledger", ledger_size.clone());
        registry.register("outbox_depth", "Rows waiting in the outbox", outbox_depth.clone());
        Self { registry, connections, mail_in, mail_out, packages, checks, ledger_size, outbox_depth }
    }

    /// The page Prometheus reads.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut page, &self.registry);
        page
    }
}
