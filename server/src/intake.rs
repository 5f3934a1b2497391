//! Packages on their way in: read, screened, judged, kept. Every door of the exchange ends here (VXP, the API, what another
//! axis brings), so a package is accepted by the same rules wherever it comes from.

use std::sync::Arc;
use std::time::Duration;

use certs::note::{Note, NoteSigner};
use registry::accept::{self, Accepted, Arrived, Desk, Examined, Lifecycle, Pending, Screened};
use registry::package::{self, Attachment, FileKind, Package, Warning};
use registry::upstream::Forwarding;
use registry::vxp::call::SendParameters;
use registry::{Error, Limits, Whose};
use signer::{Judged, Policy, Role};
use store::{ExchangeSystem, SignerRole, Spool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::evidence;
use crate::house::House;
use crate::metrics::Outcome;
use crate::sequencer::LogKey;

/// Takes packages in.
pub(crate) struct Intake {
    house: Arc<House>,
    desk: Desk,
    /// What we are as an intermediary: our own line in a package means that it goes in circles.
    forwarding: Forwarding,
    /// Memory for packages.
    room: Room,
    /// Memory for small ones alone: large ones that come slowly keep nobody else waiting.
    small: Room,
    /// Memory for the files of large packages, each as long as it is looked at. Whoever has a place here waits for no other place.
    files: Arc<Room>,
}

/// Memory for packages, in KiB.
struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

impl Room {
    fn new(kib: u32) -> anyhow::Result<Self> {
        let all = kib.max(1);
        Ok(Self { free: Arc::new(Semaphore::new(usize::try_from(all)?)), all })
    }

    /// What is larger than all the room has it to itself. Who came first enters first.
    async fn take(&self, bytes: usize, patience: Duration) -> Result<OwnedSemaphorePermit, Error> {
        let share = kib(bytes).clamp(1, self.all);
        match tokio::time::timeout(patience, self.free.clone().acquire_many_owned(share)).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::SlowDown),
        }
    }
}

/// Memory for files, asked for from a thread that may wait.
struct Files {
    room: Arc<Room>,
    patience: Duration,
    runtime: tokio::runtime::Handle,
}

impl accept::Memory for Files {
    fn room(&self, bytes: usize) -> Result<package::Room, Error> {
        Ok(Box::new(self.runtime.block_on(self.room.take(bytes, self.patience))?))
    }
}

/// Lets the files of a package pass, one at a time.
struct Passing(Files);

impl package::Along for Passing {
    fn room(&self, bytes: usize) -> Result<package::Room, Error> {
        accept::Memory::room(&self.0, bytes)
    }

    fn file(&mut self, _: &Attachment) {}
}

/// Up to this size a package is a small one, and stays in memory. Ours: most documents without annexes are.
const SMALL_BYTES_MAX: usize = 1024 * 1024;
/// One part in so many is for small ones alone.
const SMALL_PART: u32 = 4;
/// One part in so many is for files of large ones.
const FILES_PART: u32 = 2;

/// What is small is held as it came and as files, and a third time while it is built or packed.
const TIMES_IN_MEMORY: usize = 3;
/// A large package lies in a spool. Ours: windows, its markup and the small ones of its files are rarely more.
const SPOOLED_BYTES: usize = 8 * 1024 * 1024;

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX >> 3)
}

/// A package that was taken in.
pub(crate) struct TakenIn {
    pub(crate) accepted: Accepted,
    /// What is odd about it.
    pub(crate) warnings: Vec<Warning>,
}

impl Intake {
    pub(crate) fn new(house: Arc<House>) -> anyhow::Result<Arc<Self>> {
        let all = kib(house.config.exchange.packages_memory_bytes_max);
        let small = Room::new(all / SMALL_PART)?;
        let files = Arc::new(Room::new(all / FILES_PART)?);
        let room = Room::new(all.saturating_sub(small.all).saturating_sub(files.all))?;
        let forwarding = house.config.forwarding();
        Ok(Arc::new(Self { desk: desk(&house)?, forwarding, room, small, files, house }))
    }

    /// What we are as an intermediary.
    pub(crate) fn forwarding(&self) -> &Forwarding {
        &self.forwarding
    }

    /// What accepts packages for this house.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Waits until there is room for another package that is spooled as it comes, of `bytes` if that was announced, for as long as a
    /// request may take.
    ///
    /// Errors: [`Error::SlowDown`].
    pub(crate) async fn enter(&self, bytes: Option<u64>) -> Result<OwnedSemaphorePermit, Error> {
        match self.announced(bytes) {
            small if small <= SMALL_BYTES_MAX => {
                self.small.take(small.saturating_mul(TIMES_IN_MEMORY), self.patience()).await
            }
            _ => self.room.take(SPOOLED_BYTES, self.patience()).await,
        }
    }

    /// How long a package may be of which so much is known.
    fn announced(&self, bytes: Option<u64>) -> usize {
        let max = self.desk.limits.package_bytes_max;
        bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(max).min(max)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.house.config.http.request_seconds)
    }

    /// Puts bytes that are in memory where they need none.
    async fn spool(&self, bytes: Arc<[u8]>) -> Result<Spool, Error> {
        if bytes.len() <= SMALL_BYTES_MAX {
            return Ok(bytes.to_vec().into());
        }
        let mut spooling = self.house.store.spool();
        blocking(move || {
            spooling.push(&bytes)?;
            spooling.finish()
        })
        .await?
        .map_err(Error::from)
    }

    /// Accepts a package that a system brings, or keeps the record of its refusal. When this returns `Ok`, the package
    /// survives a power cut.
    pub(crate) async fn take_in(
        &self,
        bytes: Spool,
        sha256: [u8; 32],
        parameters: SendParameters,
        system: Arc<ExchangeSystem>,
    ) -> Result<TakenIn, Error> {
        let outcome = match self.open(bytes.clone()).await {
            Ok(opened) => self.accept(opened, bytes, sha256, parameters, system).await,
            Err(error) => Err(error),
        };
        self.tally(&outcome);
        outcome
    }

    /// Looks at a package without taking it in yet.
    pub(crate) async fn open(&self, bytes: Spool) -> Result<accept::Opened, Error> {
        let limits = self.desk.limits.clone();
        let runtime = tokio::runtime::Handle::current();
        let files = Files { room: self.files.clone(), patience: self.patience(), runtime };
        blocking(move || accept::open_from(&bytes, &limits, &files)).await
    }

    /// A file of a package, unwrapped, and what it is; `None` when there is no such file. It lies in a spool too: whoever reads
    /// slowly keeps no memory from others.
    pub(crate) async fn file_of(
        &self,
        package: Spool,
        number: usize,
    ) -> Result<Option<(FileKind, Spool)>, Error> {
        let limits = self.desk.limits.clone();
        let runtime = tokio::runtime::Handle::current();
        let mut along = Passing(Files { room: self.files.clone(), patience: self.patience(), runtime });
        let source = package.clone();
        let opened = blocking(move || package::open(&source, &limits, &mut along)).await??;
        let Package::Document(document) = opened.package else { return Ok(None) };
        let Some(file) = number.checked_sub(1).and_then(|index| document.attachments.into_iter().nth(index))
        else {
            return Ok(None);
        };
        let (content, _place) = self.content(&package, &file).await?;
        Ok(Some((file.kind, self.spool(content).await?)))
    }

    /// Looks at every page of a package that was accepted before, for marks of secrecy (RULES R11).
    pub(crate) async fn look_again(
        &self,
        package: Spool,
        patience: Duration,
    ) -> Result<Option<registry::secrecy::Hit>, Error> {
        let limits = self.desk.limits.clone();
        let runtime = tokio::runtime::Handle::current();
        let files = Files { room: self.files.clone(), patience: self.patience(), runtime };
        let until = std::time::Instant::now() + patience;
        blocking(move || {
            let go_on = || std::time::Instant::now() < until;
            registry::set_aside::look_again(&package, &limits, &files, &go_on)
        })
        .await?
    }

    /// The same as [`Intake::take_in`] for a package that was looked at before.
    pub(crate) async fn take_opened(
        &self,
        opened: accept::Opened,
        bytes: Spool,
        sha256: [u8; 32],
        parameters: SendParameters,
        system: Arc<ExchangeSystem>,
    ) -> Result<TakenIn, Error> {
        let outcome = self.accept(opened, bytes, sha256, parameters, system).await;
        self.tally(&outcome);
        outcome
    }

    /// Keeps the record of a package that was refused before anybody could read it: damaged, too large, too slow. There is
    /// nothing to take a digest of but nothing itself.
    pub(crate) async fn refuse_unread(&self, system: &ExchangeSystem, error: &Error) {
        self.count("refused");
        if error.whose() == Whose::Caller {
            let nothing = ring::digest::digest(&ring::digest::SHA256, b"");
            let nothing = nothing.as_ref().try_into().unwrap_or([0; 32]);
            let parties = accept::Parties::default();
            self.desk.record_refusal(system, &nothing, &parties, error, self.house.now()).await;
        }
    }

    fn tally(&self, outcome: &Result<TakenIn, Error>) {
        self.count(match outcome {
            Ok(taken) if taken.accepted.is_repeat => "repeated",
            Ok(_) => "accepted",
            Err(_) => "refused",
        });
    }

    /// Counts what became of a package.
    pub(crate) fn count(&self, outcome: &'static str) {
        self.house.metrics.packages.get_or_create(&Outcome { outcome }).inc();
    }

    async fn accept(
        &self,
        opened: accept::Opened,
        bytes: Spool,
        sha256: [u8; 32],
        parameters: SendParameters,
        system: Arc<ExchangeSystem>,
    ) -> Result<TakenIn, Error> {
        let (parties, trace) = (opened.parties.clone(), opened.trace.clone());
        let outcome = async {
            let package = self.desk.admit(opened, sha256, &system, self.house.now()).await?;
            self.forwarding.check(&trace)?;
            let mut warnings = package.warnings().to_vec();
            let arrived = Arrived { bytes, sha256, package, trace, parameters, system: system.clone() };
            let accepted = match self.desk.screen(arrived, self.house.now()).await? {
                Screened::Repeated(accepted) => accepted,
                Screened::Pending(pending) => {
                    let (examined, package) = self.judge(&pending).await?;
                    let now = self.house.now();
                    self.desk.keep(*pending, &examined, package.as_ref(), now).await?
                }
            };
            warnings.extend(accepted.warnings.iter().cloned());
            Ok(TakenIn { accepted, warnings })
        };
        let outcome = outcome.await;
        if let Err(error) = &outcome {
            self.desk.record_refusal(&system, &sha256, &parties, error, self.house.now()).await;
        }
        outcome
    }

    /// Has the files of a package judged, and the package itself where it is signed (RULES E30), with whatever evidence
    /// can be had.
    async fn judge(&self, pending: &Pending) -> Result<(Vec<Examined>, Option<Judged>), Error> {
        if pending.files().is_empty() && pending.signed_package().is_none() {
            return Ok((Vec::new(), None));
        }
        let policy = Arc::new(self.policy(pending));
        let mut examined = Vec::with_capacity(pending.files().len());
        for file in pending.files() {
            // One large file at a time is in memory, however many there are.
            let (content, _place) = self.content(pending.bytes(), file).await?;
            let (judged, bundle) = evidence::judge(&self.house, content, policy.clone()).await;
            examined.push(Examined { judged: judged.without_file(), bundle });
        }
        let package = match pending.signed_package() {
            Some(package) => {
                let _place = self.place(package.held().is_none(), package.len()).await?;
                let package = package.clone();
                let bytes = blocking(move || package.whole()).await??;
                Some(evidence::judge(&self.house, bytes, policy).await.0.without_file())
            }
            None => None,
        };
        Ok((examined, package))
    }

    /// A file of a package, and its place in memory.
    async fn content(
        &self,
        package: &Spool,
        file: &Attachment,
    ) -> Result<(Arc<[u8]>, Option<OwnedSemaphorePermit>), Error> {
        let place = self.place(file.is_away(), file.size as u64).await?;
        let (package, file, limits) = (package.clone(), file.clone(), self.desk.limits.clone());
        let content = blocking(move || file.content_from(&package, &limits)).await??;
        Ok((content, place))
    }

    async fn place(&self, is_wanted: bool, bytes: u64) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        match is_wanted {
            true => self.files.take(bytes, self.patience()).await.map(Some),
            false => Ok(None),
        }
    }

    /// Trusts whom this installation trusts, and places certificates as the sending agency has registered them.
    fn policy(&self, pending: &Pending) -> Policy {
        let roles = pending.signers().iter().filter_map(|signer| {
            let role = match signer.role {
                SignerRole::Leader => Role::Leader,
                SignerRole::Seal => Role::Agency,
            };
            Some((registry::vxp::hash::full_hex(&signer.fingerprint).parse().ok()?, role))
        });
        Policy { roles: roles.collect(), ..self.house.trust.policy() }
    }
}

/// What accepts packages, as it is configured.
pub(crate) fn desk(house: &House) -> anyhow::Result<Desk> {
    let config = &house.config;
    let key = LogKey::read(house)?;
    let origin = config.ledger.origin.clone();
    let sign = {
        let origin = origin.clone();
        move |text: &str| {
            let signed = NoteSigner::new(&origin, key.key()).and_then(|signer| Note::sign(text, &[signer]));
            signed.inspect_err(|error| tracing::error!("the log cannot sign a promise: {error}")).ok()
        }
    };
    Ok(Desk {
        store: house.store.clone(),
        limits: Limits {
            package_bytes_max: config.exchange.package_bytes_max,
            forward_closed_days: config.exchange.forward_closed_days,
            ..Limits::default()
        },
        chance: house.chance.clone(),
        hostname: config.house.hostname.clone(),
        log: origin,
        sign: Arc::new(sign),
        signatures_required: config.exchange.signatures == "required",
        lifecycle: Lifecycle {
            recall_shred_days: config.exchange.recall_shred_days,
            automatic_arrival: config.exchange.automatic_arrival.clone(),
        },
    })
}

/// Work that takes longer than an async thread may be kept.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!("work for the exchange did not end well: {error}");
        Error::Internal
    })
}
