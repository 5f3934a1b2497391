//! Memory. One [`Store`] over two engines (SQLite, PostgreSQL): mailboxes, blobs, outbox, documents, ledger, people,
//! audit. It alone touches disk and database, and it has never heard of SMTP, IMAP, JMAP or XML.
//!
//! Work with it has one shape: [`Store::write`] and [`Store::read`] run a named piece of work in a transaction
//! ([`Tx`]), and the verbs on [`Tx`] are the only way to the tables:
//!
//! ```ignore
//! store.write("deliver mail", input, |tx, input| Box::pin(async move {
//!     let placed = tx.add_email(&input.email).await?;
//!     tx.audit(&input.audit).await?;
//!     Ok(placed)
//! })).await
//! ```
//!
//! When `write` returns, what was written survives a power cut. Everybody who waits for news learns of it through
//! [`Store::signals`], after the commit and never before.

mod accounts;
mod acts;
mod agencies;
mod api_keys;
mod audit;
pub mod backup;
mod beside;
mod blob_pages;
mod blob_uses;
mod blobs;
mod changes;
mod closed;
mod consents;
mod counters;
mod deadlines;
mod delegates;
mod deliveries;
mod destroying;
mod dkim;
pub mod doctor;
mod documents;
mod domains;
mod email_documents;
mod email_query;
mod emails;
mod engine;
mod error;
mod events;
mod files;
mod flags;
mod identities;
mod imports;
mod keyring;
pub mod ledger;
mod links;
mod lists;
mod mail_trace;
mod mailboxes;
mod migrate;
mod moved;
mod moves;
mod nodes;
mod numbers;
mod office;
mod outbox;
mod outbox_pause;
mod outbox_places;
mod peer_log;
mod peers;
mod planner;
mod policy;
mod pushes;
mod quarantine;
mod quarantine_report;
mod query_changes;
mod queue;
mod receivers;
mod refusals;
mod repeats;
mod routes;
mod routing;
mod search;
mod search_term;
mod segments;
mod sending;
mod set_aside;
mod settings;
mod smime;
mod spool;
mod sql;
mod sqlite;
mod statistics;
mod statuses;
mod submission_query;
mod submissions;
mod threads;
mod tls;
mod uploads;
mod vacation;
mod views;
#[cfg(test)]
mod views_plans;
mod watch;
mod words;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mail::{AccountId, AgencyId, Chance, Timestamp};
use object_store::ObjectStore;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use tokio::sync::{broadcast, mpsc};

pub use accounts::{Account, AccountKind, AccountState, Address, NewAccount, Role};
pub use agencies::{
    Agency, AgencyChange, AgencyHit, AgencyNames, AgencyVersion, CodeScheme, ExchangeSystem, Followed,
    KnownCode, Matched, NewAgency, NewSystem, SignerCertificate, SignerRole, Unit,
};
pub use api_keys::{ApiKey, NewApiKey};
pub use audit::{Audit, AuditEntry};
pub use blob_uses::BlobUse;
pub use blobs::{Blob, Sealed, Upload};
pub use changes::{Changes, Changing};
pub use closed::CLOSED_REPLY;
pub use consents::{Consent, NewConsent, TwoPersonAct};
pub use deadlines::{Deadline, DeclaredDay, SendingCounts, Stage, Trouble, Watch, WatchKind};
pub use delegates::{DELEGATES_MAX, Delegate, DelegateRight, DelegateRights, SendsAs};
pub use deliveries::{Delivery, DeliveryFilter, DeliveryState, NewDelivery};
pub use dkim::{DkimAlgorithm, DkimKey, DkimSigner, DkimState, NewDkimKey};
pub use documents::{Document, DocumentKind, NewDocument, SentRow};
pub use domains::MailDomain;
pub use email_query::EmailQuery;
pub use emails::{Email, EmailChange, NewEmail, Placed};
pub use engine::{Tx, Verb};
pub use error::{Error, Result};
pub use events::{Event, NewEvent};
pub use files::{DocumentAct, DocumentFile, FileEvidence, NewFile};
pub use flags::{FlagEdit, FlagMode, FlagsEdited};
pub use identities::KeptIdentity;
pub use imports::{ImportMark, Imported, NewImport};
pub use keyring::MasterKey;
pub use links::{DocumentState, Link, LinkKind, NewLink};
pub use lists::{List, ListCopy, ListMember, ListPart, NewList, WhoMaySend};
pub use mail_trace::{NOBODY, NewTrace, TraceQuery, Traced};
pub use mailboxes::{Mailbox, MailboxRole, NewMailbox};
pub use moved::{MOVED_TERM_MONTHS, Moved, MovedPlace, NewMove};
pub use moves::{Copied, Expunged};
pub use numbers::{BookState, Line, LineEnd, LineFilter, LineState, NewLine, Series};
pub use office::{Authorised, NewAuthorisation, NewRegulation, Regulation, RegulationKind};
pub use outbox::{Claimed, Lane, NewOutbox, OutboxKind};
pub use outbox_pause::{Patience, Reach, Reachable};
pub use peer_log::{Direction, PeerHealth, PeerMessage, SystemPoll};
pub use peers::{NewPeer, PEER, Peer, PeerState, PeerWay, PeerWrap, peer_of_way, way_of_peer};
pub use policy::{PolicyCount, PolicyException, PolicyLetter, PolicyRule, PolicyScope};
pub use pushes::{NewPush, PUSHES_MAX, Push, PushChange};
pub use quarantine::{HeldMail, HeldState, Judgement, NewHeld, QuarantineFilter};
pub use quarantine_report::{DigestDue, QuarantineCount};
pub use query_changes::ListChanges;
pub use queue::{QueueAct, QueueCount, QueueFilter, Queued, Readdressed};
pub use receivers::{NewProgress, NewReceiver, Receiver};
pub use refusals::Refusal;
pub use repeats::Repeat;
pub use routes::{NewRoute, Route, RouteMechanism, RouteSignIn, RouteTls};
pub use routing::Resolved;
pub use search::{EmailSearch, SearchCounts, SearchKey, SearchMarks, SearchSort, UnreadFiles};
pub use search_term::{SearchField, SearchTerm, SearchWords, SmimeIs};
pub use segments::BlobPieces;
pub use sending::{OwnLimit, SendingLimit, Sent};
pub use set_aside::{SECRECY, SetAside, SetAsideKind};
pub use smime::{Smime, SmimeDue, SmimeJudged, SmimeStatus};
pub use spool::{Spool, Spooling, WINDOW};
pub use statistics::{FactKind, NewFact, Tally};
pub use statuses::{NewStatus, StatusEntry, UnlinkedStatus};
pub use submission_query::{SubmissionQuery, SubmissionSort};
pub use submissions::{NewSubmission, Submission, UndoStatus};
pub use tls::{MtaStsRow, TlsLevel, TlsOutcome, TlsPolicyRow};
pub use uploads::{FileUpload, UploadPart};
pub use vacation::{Vacation, VacationDue};
pub use views::{MESSAGES_PER_ACT, MailboxSizes, OpenedMailbox, ViewChanges, ViewRow};
pub use watch::AccountWatch;
pub use words::{Hit, OTHER_WORDS_MAX};

use keyring::Keyring;

/// Where the data lies.
#[derive(Clone, Debug)]
pub enum Place {
    /// One file (and its write-ahead log) in a directory of this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL database, ≥ 15, as a `postgres://` address.
    Postgres(mail::Secret<String>),
}

/// What opening a store needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database.
    pub place: Place,
    /// The directory for blobs too large for the database. Created when it is missing.
    pub blobs: PathBuf,
    /// Wraps every data key. Losing it loses everything.
    pub master_key: MasterKey,
    /// The bounds.
    pub limits: Limits,
}

/// How much of everything.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Writes that may wait for the SQLite writer; further ones wait outside. 1,024 is four full groups.
    pub writes_waiting: usize,
    /// Writes committed together. Measured on such disks: 2,400/s in groups of 16, 6,600/s in groups of 64; beyond a
    /// few hundred only the wait grows.
    pub group_max: usize,
    /// Connections that read (SQLite) or do all work (PostgreSQL).
    pub connections: u32,
    /// Sealed blobs up to this many bytes live in the database. A file of its own costs two syncs and a rename, five to
    /// ten times an append; above this size the database would grow faster than it can be backed up.
    pub inline_bytes_max: usize,
    /// Unwrapped data keys kept in memory, 64 bytes each.
    pub keys_cached: usize,
    /// Signals a listener may fall behind before it is told to look for itself.
    pub signals: usize,
    /// How long a statement may wait for the engine.
    pub busy_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            writes_waiting: 1024,
            group_max: 256,
            connections: 8,
            inline_bytes_max: 64 * 1024,
            keys_cached: 16_384,
            signals: 4096,
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// News, told after the commit that made it true. A listener that missed some is told so and looks for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Something changed in this account.
    Account(AccountId),
    /// Something changed in this account, and clients far away want to be told (RFC 8620 §7.2).
    Push(AccountId),
    /// A signed mail arrived, and its signature waits to be judged.
    Smime,
    /// Something is due in the outbox.
    Outbox,
    /// Leaves or events wait for the sequencer.
    Ledger,
    /// Events of this agency can be read.
    Agency(AgencyId),
}

/// The memory of the house. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    pub(crate) backend: Backend,
}

/// What transactions need beside their connection.
pub(crate) struct Shared {
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) limits: Limits,
    pub(crate) keyring: Keyring,
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The first state that means anything; see [`Store::first_state`].
    pub(crate) first_state: OnceLock<mail::ModSeq>,
    /// Where what is on its way in lies until it is kept or refused.
    pub(crate) spools: PathBuf,
    /// Where exported years of the ledger are.
    pub(crate) ledger_archive: OnceLock<PathBuf>,
    signals: broadcast::Sender<Signal>,
    watches: Arc<watch::Watches>,
    /// What other processes had written when we looked last; 0 before the first look.
    version_beside: AtomicI64,
    /// To the other nodes on one PostgreSQL.
    wire: Option<nodes::Wire>,
}

impl Shared {
    fn new(config: &Config, chance: Arc<dyn Chance>, wire: Option<nodes::Wire>) -> Result<Self> {
        let limits = config.limits.clone();
        std::fs::create_dir_all(&config.blobs).map_err(|e| Error::Unavailable(e.to_string()))?;
        let objects = object_store::local::LocalFileSystem::new_with_prefix(&config.blobs)
            .map_err(|e| Error::Unavailable(e.to_string()))?
            // Off by default; without it a 250 could be lost with the power.
            .with_fsync(true);
        Ok(Self {
            wire,
            chance,
            keyring: Keyring::new(&config.master_key, limits.keys_cached),
            objects: Arc::new(objects),
            spools: config.blobs.clone(),
            first_state: OnceLock::new(),
            ledger_archive: OnceLock::new(),
            signals: broadcast::Sender::new(limits.signals),
            watches: Arc::default(),
            version_beside: AtomicI64::new(0),
            limits,
        })
    }

    pub(crate) fn raise(&self, signals: HashSet<Signal>) {
        for signal in signals {
            if let Signal::Account(account_id) = signal {
                self.watches.wake(account_id);
            }
            // Nobody listening is fine.
            let _ = self.signals.send(signal);
        }
    }
}

#[derive(Clone)]
pub(crate) enum Backend {
    Sqlite { writer: mpsc::Sender<Box<dyn engine::Job>>, readers: Arc<sqlite::Readers> },
    Postgres { pool: PgPool },
}

/// The store's own work, for the program to spawn: on SQLite the one writer, on PostgreSQL the news from and to the other
/// nodes. It ends when the last [`Store`] is gone and every write that was taken is answered and told.
#[must_use = "nothing is written before this runs"]
pub struct Worker(Work);

enum Work {
    Writer(engine::Writer),
    Courier(Box<nodes::Courier>),
}

impl Worker {
    /// Does the work.
    pub async fn run(self) {
        match self.0 {
            Work::Writer(writer) => writer.run().await,
            Work::Courier(courier) => courier.run().await,
        }
    }
}

impl Store {
    /// Opens or creates the data and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database or directory cannot be reached, [`Error::Refused`] when it belongs to a newer
    /// version, [`Error::Damaged`] when the master key is not the one the data was sealed with.
    pub async fn open(config: Config, chance: Arc<dyn Chance>, now: Timestamp) -> Result<(Self, Worker)> {
        let (wire, wire_end) = nodes::Wire::new();
        let wire = matches!(config.place, Place::Postgres(_)).then_some(wire);
        let shared = Arc::new(Shared::new(&config, chance, wire)?);
        let opened = match config.place {
            Place::Sqlite(file) => open_sqlite(shared, file, now).await?,
            Place::Postgres(url) => open_postgres(shared, wire_end, &url, now).await?,
        };
        opened.0.read_first_state().await?;
        Ok(opened)
    }

    /// News from now on.
    pub fn signals(&self) -> broadcast::Receiver<Signal> {
        self.shared.signals.subscribe()
    }

    /// News of one account from now on.
    pub fn watch(&self, account_id: AccountId) -> AccountWatch {
        self.shared.watches.watch(account_id)
    }

    /// Which engine this is, for the log and the health page.
    pub fn engine(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite { .. } => "sqlite",
            Backend::Postgres { .. } => "postgresql",
        }
    }
}

async fn open_sqlite(shared: Arc<Shared>, file: PathBuf, now: Timestamp) -> Result<(Store, Worker)> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory).map_err(|e| Error::Unavailable(e.to_string()))?;
    }
    let limits = shared.limits.clone();
    let mut conn = sql::Conn::Sqlite(sqlite::open_to_write(&file, limits.busy_timeout)?);
    migrate::migrate(&mut conn, now).await?;
    let readers = sqlite::Readers::new(file, limits.connections, limits.busy_timeout);
    let (sender, jobs) = mpsc::channel(limits.writes_waiting);
    let writer = engine::Writer { conn, jobs, group_max: limits.group_max, shared: shared.clone() };
    Ok((Store { shared, backend: Backend::Sqlite { writer: sender, readers } }, Worker(Work::Writer(writer))))
}

async fn open_postgres(
    shared: Arc<Shared>,
    wire_end: nodes::WireEnd,
    url: &mail::Secret<String>,
    now: Timestamp,
) -> Result<(Store, Worker)> {
    let options: PgConnectOptions = url.expose_secret().parse()?;
    let options = options.application_name("congvan").disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(shared.limits.connections)
        .acquire_timeout(shared.limits.busy_timeout)
        .connect_with(options.clone())
        .await?;
    let mut conn = sql::Conn::Postgres(pool.acquire().await?);
    migrate::migrate(&mut conn, now).await?;
    let courier = nodes::Courier::new(options, &shared, wire_end);
    Ok((Store { shared, backend: Backend::Postgres { pool } }, Worker(Work::Courier(Box::new(courier)))))
}
