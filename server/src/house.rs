//! The house: what every door and worker of the running program shares.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mail::{Chance, Clock, Secret, Timestamp};
use store::{MasterKey, Place, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::evidence::{self, Fetcher};
use crate::metrics::Metrics;
use crate::single_sign_on::SingleSignOn;
use crate::trust::Trust;
use crate::windows::{SystemChance, SystemClock};

/// What every door and worker shares.
pub(crate) struct House {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) metrics: Arc<Metrics>,
    /// Our name, as others see it.
    pub(crate) host: mail::Domain,
    /// Judges who is at the door.
    pub(crate) sign_in: directory::sign_in::SignIn,
    /// Whose tokens open a door, if there is a single sign-on.
    pub(crate) single_sign_on: Option<SingleSignOn>,
    /// Whom the installation trusts.
    pub(crate) trust: Trust,
    /// Gets the evidence that judgements lack.
    pub(crate) fetcher: Fetcher,
    /// Asked for a stop: doors close, workers finish what they hold.
    pub(crate) stop: CancellationToken,
    /// Everything that has to finish before the program ends.
    pub(crate) inside: TaskTracker,
    /// The store's own work; the last thing to finish.
    pub(crate) writer: TaskTracker,
}

impl House {
    /// Opens the data of an installation, making it at first use.
    pub(crate) async fn open(config: Config) -> anyhow::Result<Arc<Self>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let chance: Arc<dyn Chance> = Arc::new(SystemChance::new());
        private_directory(&config.house.data)?;
        let database = config.house.data.join("congvan.db");
        let place = match config.house.database.as_str() {
            "sqlite" => Place::Sqlite(database.clone()),
            url => Place::Postgres(Secret::from(url)),
        };
        let is_new = matches!(place, Place::Postgres(_)) || !database.exists();
        let store_config = store::Config {
            place,
            blobs: config.blobs(),
            master_key: master_key(&config.master_key(), is_new, &*chance)?,
            limits: store::Limits::default(),
        };
        let (store, worker) = Store::open(store_config, chance.clone(), clock.now())
            .await
            .context("cannot open the data (không mở được dữ liệu)")?;
        if let Some(folder) = config.ledger_archive() {
            store.set_ledger_archive(folder);
        }
        let writer = TaskTracker::new();
        // It waits for the disk where it stands: on a thread of its own nobody else stands behind it.
        let (work, runtime) = (writer.track_future(worker.run()), tokio::runtime::Handle::current());
        std::thread::Builder::new().name("store".to_owned()).spawn(move || runtime.block_on(work))?;
        writer.close();
        let trust = Trust::open(&config.trust(), config.certificate_limits())?;
        let fetcher = Fetcher::new(evidence::Settings::of(&config, &trust.current()), clock.clone())?;
        let host = config.house.hostname.parse().context("house.hostname is not a host name")?;
        let sign_in = directory::sign_in::SignIn::new(directory::Limits::default(), &*chance);
        let single_sign_on = SingleSignOn::open(&config)?;
        Ok(Arc::new(Self {
            config,
            host,
            sign_in,
            single_sign_on,
            trust,
            fetcher,
            store,
            clock,
            chance,
            metrics: Arc::new(Metrics::new()),
            stop: CancellationToken::new(),
            inside: TaskTracker::new(),
            writer,
        }))
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `bytes` random bytes in letters, digits, `-` and `_`.
    pub(crate) fn draw_token(&self, bytes: usize) -> String {
        use base64::Engine;
        let mut random = vec![0; bytes];
        self.chance.fill(&mut random);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random)
    }
}

/// Makes a directory that only we can enter.
pub(crate) fn private_directory(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the directory {}", path.display()))
}

/// Writes a file that only we can read; it is on the disk when this returns. Never replaces one.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    if let Some(directory) = path.parent() {
        private_directory(directory)?;
    }
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()?;
        match path.parent() {
            Some(directory) => fs::File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads the master key; makes one when the data is new. Data without its key is never given a new one: that would only
/// hide the loss.
fn master_key(path: &Path, data_is_new: bool, chance: &dyn Chance) -> anyhow::Result<MasterKey> {
    if !path.exists() && data_is_new {
        let mut key = [0u8; 32];
        chance.fill(&mut key);
        write_private(path, &key)?;
        tracing::info!("made a new master key: back it up apart from the data");
    }
    let bytes = fs::read(path).with_context(|| {
        format!("cannot read the master key {} (không đọc được khóa chính)", path.display())
    })?;
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| anyhow::anyhow!("the master key {} must have exactly 32 bytes", path.display()))?;
    Ok(MasterKey::from_bytes(bytes))
}
