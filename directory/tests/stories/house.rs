//! A store of either engine for a story, and chance that is the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use directory::accounts::{AccountToAdd, add_account};
use directory::address::AddressPolicy;
use directory::agencies::{AgencyToAdd, add_agency};
use directory::codes::CodeRules;
use directory::passwords;
use mail::{Chance, Secret, Timestamp};
use sqlx::Connection;
use store::{Account, AccountKind, Config, MasterKey, Place, Role, Store};

/// Sunday 22 November 2026, 08:00 in Hà Nội.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

pub(crate) struct Seeded(AtomicU64);

impl Chance for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&blake3::hash(&count.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) chance: Seeded,
    _dir: tempfile::TempDir,
}

impl House {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(dir.path().join("congvan.db"));
        Self::open(dir, place).await
    }

    /// `None` when no PostgreSQL is at hand.
    pub(crate) async fn postgres() -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let base = std::env::var("CONGVAN_TEST_POSTGRES").ok()?;
        let name = format!("directory_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&base).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
        let place = Place::Postgres(Secret::new(base.replacen("/postgres?", &format!("/{name}?"), 1)));
        Some(Self::open(tempfile::tempdir().unwrap(), place).await)
    }

    async fn open(dir: tempfile::TempDir, place: Place) -> Self {
        let config = Config {
            place,
            blobs: dir.path().join("blobs"),
            master_key: MasterKey::from_bytes([7; 32]),
            limits: store::Limits::default(),
        };
        let chance = std::sync::Arc::new(Seeded(AtomicU64::new(1 << 32)));
        let (store, worker) = Store::open(config, chance, NOW).await.unwrap();
        tokio::spawn(worker.run());
        Self { store, chance: Seeded(AtomicU64::new(1)), _dir: dir }
    }

    /// Adds an agency with a domain.
    pub(crate) async fn agency(&self, code: &str, domain: &str) -> directory::Result<store::Agency> {
        let new = AgencyToAdd {
            code: code.into(),
            name: format!("Cơ quan {code}"),
            domain: Some(domain.into()),
            ..AgencyToAdd::default()
        };
        let added = add_agency(&self.store, &CodeRules::default(), &new, "test", NOW, &self.chance).await;
        Ok(added?.into_inner())
    }

    /// Adds a person of the agency `H07`.
    pub(crate) async fn person(&self, address: &str, password: Option<&str>) -> directory::Result<Account> {
        let hash = password.map(|p| passwords::hash(&Secret::from(p), &self.chance)).transpose()?;
        let add = AccountToAdd { password: hash, ..person(address) };
        add_account(&self.store, &AddressPolicy::default(), &add, "test", NOW, &self.chance).await
    }
}

pub(crate) fn person(address: &str) -> AccountToAdd {
    AccountToAdd {
        address: address.into(),
        agency: "H07".into(),
        unit: None,
        kind: AccountKind::Person,
        role: Role::Staff,
        display_name: Some("Nguyễn Văn An".into()),
        position: String::new(),
        password: None,
        must_change_password: false,
    }
}

/// `stories! { async fn name(house: House) { … } }`: each runs on both engines.
macro_rules! stories {
    ($(async fn $name:ident($house:ident: House) $body:block)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::house::House::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(house) = $crate::house::House::postgres().await {
                    super::$name(house).await;
                }
            })*
        }
        $(async fn $name($house: $crate::house::House) $body)*
    };
}
pub(crate) use stories;

/// One question on one view of the data.
macro_rules! read {
    ($house:expr, |$tx:ident| $body:expr) => {
        $house
            .store
            .read((), move |$tx, ()| Box::pin(async move { Ok::<_, store::Error>($body) }))
            .await
            .unwrap()
    };
}
pub(crate) use read;
