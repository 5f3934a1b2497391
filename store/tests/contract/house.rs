//! A store of either engine for a story, and the people and messages in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mail::message::{Facts, Limits};
use mail::{AccountId, AgencyId, Chance, MailboxId, Timestamp, UidValidity};
use sqlx::Connection;
use store::{
    AccountKind, AgencyNames, Config, MailboxRole, MasterKey, NewAccount, NewAgency, NewEmail, NewMailbox,
    Place, Placed, Role, Store,
};

/// Sunday 22 November 2026, 08:00 in Hà Nội.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

/// The same numbers in every run.
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(seed)))
    }
}

impl Chance for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&blake3_of(count)[..chunk.len()]);
        }
    }
}

fn blake3_of(count: u64) -> [u8; 32] {
    blake3::hash(&count.to_be_bytes()).into()
}

/// A store that lives as long as its story.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) dir: tempfile::TempDir,
    place: Place,
}

impl House {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(dir.path().join("congvan.db"));
        Self::open(dir, place).await
    }

    pub(crate) async fn postgres() -> Self {
        let place = Self::new_database().await;
        Self::open(tempfile::tempdir().unwrap(), place).await
    }

    async fn new_database() -> Place {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let base = std::env::var("CONGVAN_TEST_POSTGRES").expect(
            "CONGVAN_TEST_POSTGRES is not set: run the tests through scripts/with-postgres (make test does)",
        );
        let name = format!("story_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&base).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
        Place::Postgres(mail::Secret::new(base.replacen("/postgres?", &format!("/{name}?"), 1)))
    }

    /// Where a store on SQLite may come to be. The directory stays: a test program ends soon.
    pub(crate) fn empty_sqlite() -> Config {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir, &Place::Sqlite(dir.path().join("congvan.db")));
        let _ = dir.keep();
        config
    }

    /// An empty database of its own.
    pub(crate) async fn empty_postgres() -> Config {
        let place = Self::new_database().await;
        let dir = tempfile::tempdir().unwrap();
        let config = config(&dir, &place);
        let _ = dir.keep();
        config
    }

    /// What lies there, opened.
    pub(crate) async fn at(config: &Config) -> Self {
        let (store, worker) = Store::open(config.clone(), Seeded::new(1 << 41), NOW).await.unwrap();
        tokio::spawn(worker.run());
        Self { store, dir: tempfile::tempdir().unwrap(), place: config.place.clone() }
    }

    async fn open(dir: tempfile::TempDir, place: Place) -> Self {
        let (store, worker) = Store::open(config(&dir, &place), Seeded::new(1), NOW).await.unwrap();
        tokio::spawn(worker.run());
        Self { store, dir, place }
    }

    /// The same data, opened again by another process's eyes.
    pub(crate) async fn reopen(self) -> Self {
        let Self { store, dir, place } = self;
        drop(store);
        let (store, worker) = Store::open(config(&dir, &place), Seeded::new(1 << 40), NOW).await.unwrap();
        tokio::spawn(worker.run());
        Self { store, dir, place }
    }

    /// What no verb does yet, by hand.
    pub(crate) async fn run_sql(&self, sql: &'static str) {
        match &self.place {
            Place::Sqlite(file) => rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap(),
            Place::Postgres(url) => {
                let mut conn = sqlx::PgConnection::connect(url.expose_secret()).await.unwrap();
                sqlx::query(sql).execute(&mut conn).await.unwrap();
            }
        }
    }

    pub(crate) fn config(&self) -> Config {
        config(&self.dir, &self.place)
    }
}

fn config(dir: &tempfile::TempDir, place: &Place) -> Config {
    Config {
        place: place.clone(),
        blobs: dir.path().join("blobs"),
        master_key: MasterKey::from_bytes([7; 32]),
        limits: store::Limits::default(),
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
                super::$name($crate::house::House::postgres().await).await;
            })*
        }
        $(async fn $name($house: $crate::house::House) $body)*
    };
}
pub(crate) use stories;

/// Verbs in a transaction of their own. What is not `Copy` is named after the house and comes as a reference.
macro_rules! write {
    ($house:expr, $($input:ident,)* |$tx:ident| $body:expr) => {
        $house
            .store
            .write("a story", ($($input.clone(),)*), move |$tx, ($($input,)*)| {
                Box::pin(async move { Ok::<_, store::Error>($body) })
            })
            .await
    };
}
pub(crate) use write;

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

pub(crate) fn agency_id(n: u8) -> AgencyId {
    AgencyId::from_bytes([n; 16])
}

pub(crate) fn account_id(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16])
}

pub(crate) fn mailbox_id(n: u8) -> MailboxId {
    MailboxId::from_bytes([n; 16])
}

pub(crate) fn agency(n: u8, code: &str, code102: Option<&str>) -> NewAgency {
    NewAgency {
        agency_id: agency_id(n),
        names: AgencyNames {
            code: code.parse().unwrap(),
            code102: code102.map(|c| c.parse().unwrap()),
            name: format!("Cơ quan {n}"),
            mail: String::new(),
            parent_id: None,
            decision: String::new(),
        },
        valid_from: NOW,
    }
}

pub(crate) fn account(n: u8, address: &str) -> NewAccount {
    NewAccount {
        account_id: account_id(n),
        agency_id: agency_id(1),
        unit_id: None,
        kind: AccountKind::Person,
        role: Role::Staff,
        display_name: "Nguyễn Văn An".to_owned(),
        position: "Chuyên viên".to_owned(),
        password_hash: None,
        must_change_password: true,
        quota_bytes: 5_000_000,
        address: address.parse().unwrap(),
    }
}

pub(crate) fn mailbox(account: u8, id: u8, name: &str, role: Option<MailboxRole>) -> NewMailbox {
    NewMailbox {
        account_id: account_id(account),
        mailbox_id: mailbox_id(id),
        parent_id: None,
        name: name.to_owned(),
        role,
        sort_order: i64::from(id),
        uid_validity: UidValidity(1),
    }
}

/// An account with an inbox (mailbox 1) and a trash (mailbox 2).
pub(crate) async fn with_account(house: &House, n: u8) {
    write!(house, |tx| {
        tx.add_account(&account(n, &format!("an{n}@a.gov.vn")), NOW).await?;
        tx.add_mailbox(&mailbox(n, 1, "Inbox", Some(MailboxRole::Inbox))).await?;
        tx.add_mailbox(&mailbox(n, 2, "Trash", Some(MailboxRole::Trash))).await?;
    })
    .unwrap();
}

pub(crate) fn letter(id: &str, subject: &str, refers: &str) -> Vec<u8> {
    format!(
        "From: a@b.vn\r\nTo: an1@a.gov.vn\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\nReferences: {refers}\r\n\r\n{}",
        "Kính gửi anh An, ".repeat(10)
    )
    .into_bytes()
}

pub(crate) fn facts(raw: &[u8]) -> Facts {
    mail::message::read(raw, &Limits::default())
}

/// Adds a message to an account's inbox, `seconds` after [`NOW`].
pub(crate) async fn deliver(
    house: &House,
    account: u8,
    raw: &[u8],
    seconds: i64,
) -> Result<Placed, store::Error> {
    let blob = house.store.seal(account_id(account), raw, NOW).await?;
    let new = NewEmail {
        account_id: account_id(account),
        blob,
        facts: facts(raw),
        mailbox_ids: vec![mailbox_id(1)],
        keywords: vec![],
        received_at: Timestamp::from_millis(NOW.millis() + seconds * 1000),
        ask_quota: true,
    };
    house
        .store
        .write("deliver", new, |tx, new| Box::pin(async move { tx.add_email(new, new.received_at).await }))
        .await
}
