//! A store with an office in it, and a desk over it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mail::letter::Examination;
use mail::{AccountId, AgencyId, Chance, Examine, Findings, Letter, MailboxId, Timestamp, UidValidity};
use smtp::receive::{Arrived, Role};
use smtp::retry::Schedule;
use smtp::serve::{Desk, Dice, Outgoing, Refusal};
use smtp::{Body, Client, Envelope, ForwardPath, Limits, Recipient, ReversePath};
use sqlx::Connection;
use store::{
    AccountKind, AccountState, AgencyNames, Config, Lane, MailboxRole, MasterKey, NewAccount, NewAgency,
    NewMailbox, OutboxKind, Place, Store, Tx,
};

/// Sunday 22 November 2026, 08:00 in Hà Nội.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);
pub(crate) const AN: AccountId = AccountId::from_bytes([1; 16]);
pub(crate) const BINH: AccountId = AccountId::from_bytes([2; 16]);

pub(crate) struct Counting(AtomicU64);

impl Chance for Counting {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            // Odd and large, so that ids look drawn and never repeat.
            let next = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// Everything is welcome.
pub(crate) struct Welcome;

impl Examine for Welcome {
    fn examine<'a>(&'a self, _: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async { Ok(Findings::default()) })
    }
}

/// An office with An (who keeps the house) and Bình, at `a.gov.vn`.
pub(crate) struct Office {
    pub(crate) store: Store,
    pub(crate) desk: Desk,
    /// How long the engine is waited for.
    pub(crate) patience: Duration,
    place: Place,
    chance: Arc<Counting>,
    worker: tokio::task::JoinHandle<()>,
    dir: tempfile::TempDir,
}

/// `stories! { async fn name(office: Office) { … } }`: each runs on both engines.
macro_rules! stories {
    ($($(#[$doc:meta])* async fn $name:ident($office:ident: Office) $body:block)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::desk::house::Office::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::desk::house::Office::postgres().await).await;
            })*
        }
        $($(#[$doc])* async fn $name($office: crate::desk::house::Office) $body)*
    };
}
pub(crate) use stories;

impl Office {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(dir.path().join("congvan.db"));
        Self::open(dir, place).await
    }

    pub(crate) async fn postgres() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let base = std::env::var("CONGVAN_TEST_POSTGRES").expect(
            "CONGVAN_TEST_POSTGRES is not set: run the tests through scripts/with-postgres (make test does)",
        );
        let name = format!("desk_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&base).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
        let place = Place::Postgres(mail::Secret::new(base.replacen("/postgres?", &format!("/{name}?"), 1)));
        Self::open(tempfile::tempdir().unwrap(), place).await
    }

    async fn open(dir: tempfile::TempDir, place: Place) -> Self {
        let (chance, patience) = (Arc::new(Counting(1.into())), store::Limits::default().busy_timeout);
        let (store, worker) = memory(&dir, &place, &chance, patience).await;
        let office = Self { desk: desk(&store), store, patience, place, chance, worker, dir };
        office.write(|tx| Box::pin(furnish(tx))).await;
        office
    }

    /// The power goes: the writer stops in the middle of what it does, or PostgreSQL ends all our connections.
    pub(crate) async fn cut(&self) {
        match &self.place {
            Place::Sqlite(_) => self.worker.abort(),
            Place::Postgres(_) => {
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = current_database() AND pid <> pg_backend_pid()";
                self.run_sql(end).await;
            }
        }
    }

    /// The program comes up again on the same data. What was taken and not answered is answered before, unless the power went.
    pub(crate) async fn reopen(&mut self) {
        let (store, worker) = memory(&self.dir, &self.place, &self.chance, self.patience).await;
        // The last handles on the old one: its writer ends when it has done its work.
        self.desk = desk(&store);
        self.store = store;
        let _ = std::mem::replace(&mut self.worker, worker).await;
    }

    /// What no verb does: somebody at the database behind our back.
    pub(crate) async fn run_sql(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match &self.place {
            Place::Sqlite(file) => rusqlite::Connection::open(file).unwrap().execute_batch(&sql.0).unwrap(),
            Place::Postgres(url) => {
                let mut conn = sqlx::PgConnection::connect(url.expose_secret()).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
            }
        }
    }

    /// Somebody else writes as long as the answer lives: a backup, another program. Only SQLite's writers wait for one another.
    pub(crate) fn busy(&self) -> Option<rusqlite::Connection> {
        let Place::Sqlite(file) = &self.place else { return None };
        let conn = rusqlite::Connection::open(file).unwrap();
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        Some(conn)
    }

    /// Verbs in a transaction of their own.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        verb: impl for<'t> Fn(&'t mut Tx) -> store::Verb<'t, T, store::Error> + Send + Sync + 'static,
    ) -> T {
        self.store.write("a story", (), move |tx, ()| verb(tx)).await.unwrap()
    }

    /// The messages in an account's inbox with their bytes, newest first.
    pub(crate) async fn letters(&self, account: AccountId) -> Vec<(store::Email, Vec<u8>)> {
        let emails = self
            .store
            .read(account, |tx, account| {
                Box::pin(async move {
                    let inbox = tx.mailbox_with_role(*account, MailboxRole::Inbox).await?.unwrap();
                    let query =
                        store::EmailQuery { in_mailbox: Some(inbox.mailbox_id), ..Default::default() };
                    let (ids, _) = tx.query_emails(*account, &query, 0, 100).await?;
                    tx.emails(*account, &ids).await
                })
            })
            .await
            .unwrap();
        let mut letters = Vec::new();
        for email in emails {
            let bytes = self.store.read_blob(account, email.blob_id).await.unwrap().unwrap();
            letters.push((email, bytes));
        }
        letters
    }

    /// The texts in an account's inbox, newest first.
    pub(crate) async fn inbox(&self, account: AccountId) -> Vec<String> {
        let letters = self.letters(account).await;
        letters.into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect()
    }

    /// The names of an account's audit rows, newest first.
    pub(crate) async fn audit(&self, account: AccountId) -> Vec<String> {
        self.store
            .read(account, |tx, account| {
                Box::pin(async move {
                    let trail = tx.audit_trail(*account, 100).await?;
                    Ok::<_, store::Error>(trail.into_iter().map(|row| row.action).collect())
                })
            })
            .await
            .unwrap()
    }

    /// What an account's newest audit row says beside who and what.
    pub(crate) async fn audit_detail(&self, account: AccountId) -> String {
        self.store
            .read(account, |tx, account| {
                Box::pin(async move {
                    let trail = tx.audit_trail(*account, 1).await?;
                    Ok::<_, store::Error>(trail.into_iter().map(|row| row.detail).collect::<String>())
                })
            })
            .await
            .unwrap()
    }

    pub(crate) async fn outbox_depth(&self) -> i64 {
        self.store.read((), |tx, ()| Box::pin(async move { tx.outbox_depth().await })).await.unwrap()
    }

    /// Leases what is due of a kind at a moment, and opens it.
    pub(crate) async fn claim(&self, kind: OutboxKind, holder: &str, now: Timestamp) -> Vec<Outgoing> {
        let mut rows = self.claim_in(kind, Lane::Urgent, holder, now).await;
        rows.extend(self.claim_in(kind, Lane::Normal, holder, now).await);
        rows
    }

    /// As [`Office::claim`], in one lane.
    pub(crate) async fn claim_in(
        &self,
        kind: OutboxKind,
        lane: Lane,
        holder: &str,
        now: Timestamp,
    ) -> Vec<Outgoing> {
        let rows = self
            .store
            .write("claim", (kind, holder.to_owned()), move |tx, (kind, holder)| {
                Box::pin(async move { tx.claim_lane(*kind, lane, holder, now, LEASE, 10).await })
            })
            .await
            .unwrap();
        let mut opened = Vec::new();
        for row in rows {
            opened.push(self.desk.open(row, holder).await.unwrap());
        }
        opened
    }

    pub(crate) async fn close(&self, account: AccountId) {
        self.write(move |tx| {
            Box::pin(async move { tx.set_account_state(account, AccountState::Closed, NOW).await })
        })
        .await;
    }

    /// Accepts mail from elsewhere.
    pub(crate) async fn arrives(&self, from: &str, to: &[&str], text: &str) -> Result<(), Refusal> {
        let arrived = arrived(from, to, text, None);
        self.desk.accept(Role::Mx, arrived, &Welcome, NOW).await
    }

    /// Accepts mail that An hands in.
    pub(crate) async fn an_sends(&self, to: &[&str], text: &str) -> Result<(), Refusal> {
        let arrived = arrived("an@a.gov.vn", to, text, Some(AN));
        self.desk.accept(Role::Submission, arrived, &Welcome, NOW).await
    }
}

pub(crate) const LEASE: Duration = Duration::from_secs(60);

pub(crate) fn dice() -> Dice {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    Dice { jitter: 128, report_id: format!("r{}", COUNT.fetch_add(1, Ordering::Relaxed)) }
}

pub(crate) fn recipient(address: &str) -> Recipient {
    match address {
        "Postmaster" => Recipient::new(ForwardPath::Postmaster),
        _ => Recipient::new(ForwardPath::Mailbox(address.parse().unwrap())),
    }
}

pub(crate) fn client(signed_in: Option<AccountId>) -> Client {
    Client {
        ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        reverse_name: None,
        iprev: None,
        name: None,
        extended: true,
        tls: None,
        signed_in_as: signed_in.map(|id| id.to_string()),
    }
}

pub(crate) fn reverse_path(from: &str) -> ReversePath {
    match from {
        "" => ReversePath::Null,
        _ => ReversePath::Mailbox(from.parse().unwrap()),
    }
}

pub(crate) fn arrived(from: &str, to: &[&str], text: &str, signed_in: Option<AccountId>) -> Arrived {
    Arrived {
        envelope: Envelope {
            id: "s1.1".into(),
            reverse_path: reverse_path(from),
            recipients: to.iter().map(|address| recipient(address)).collect(),
            body: Body::SevenBit,
            smtputf8: false,
            ret: None,
            envelope_id: None,
            require_tls: false,
            priority: None,
            not_before: None,
            deliver_by: None,
            received_at: NOW,
            client: client(signed_in),
        },
        trace: "Received: from x ([192.0.2.1])\r\n\tby mx.a.gov.vn with ESMTP id s1.1;\r\n".into(),
        message: format!("From: {from}\r\nSubject: {text}\r\n\r\n{text}\r\n").into_bytes(),
    }
}

/// The code and status of a refusal.
pub(crate) fn refused(outcome: Result<(), Refusal>) -> String {
    let reply = outcome.unwrap_err().to_reply().to_string();
    reply.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

async fn memory(
    dir: &tempfile::TempDir,
    place: &Place,
    chance: &Arc<Counting>,
    busy_timeout: Duration,
) -> (Store, tokio::task::JoinHandle<()>) {
    let config = Config {
        place: place.clone(),
        blobs: dir.path().join("blobs"),
        master_key: MasterKey::from_bytes([7; 32]),
        limits: store::Limits { busy_timeout, ..store::Limits::default() },
    };
    let (store, worker) = Store::open(config, chance.clone(), NOW).await.unwrap();
    (store, tokio::spawn(worker.run()))
}

fn desk(store: &Store) -> Desk {
    Desk::new(store.clone(), "mx.a.gov.vn".parse().unwrap(), Limits::default(), Schedule::mail())
}

async fn furnish(tx: &mut Tx) -> Result<(), store::Error> {
    let agency_id = AgencyId::from_bytes([9; 16]);
    let names = AgencyNames {
        code: "H37.02".parse().unwrap(),
        code102: None,
        name: "Sở Nội vụ".into(),
        mail: "so@a.gov.vn".into(),
        parent_id: None,
        decision: String::new(),
    };
    tx.add_agency(&NewAgency { agency_id, names, valid_from: NOW }, NOW).await?;
    tx.put_domain(&"a.gov.vn".parse().unwrap(), Some(agency_id), NOW).await?;
    for (n, name, role) in [(1, "an", store::Role::Admin), (2, "binh", store::Role::Staff)] {
        let account_id = AccountId::from_bytes([n; 16]);
        tx.add_account(
            &NewAccount {
                account_id,
                agency_id,
                unit_id: None,
                kind: AccountKind::Person,
                role,
                display_name: name.into(),
                position: String::new(),
                password_hash: None,
                must_change_password: false,
                quota_bytes: 10_000,
                address: format!("{name}@a.gov.vn").parse().unwrap(),
            },
            NOW,
        )
        .await?;
        tx.add_mailbox(&NewMailbox {
            account_id,
            mailbox_id: MailboxId::from_bytes([n; 16]),
            parent_id: None,
            name: "Inbox".into(),
            role: Some(MailboxRole::Inbox),
            sort_order: 1,
            uid_validity: UidValidity(1),
        })
        .await?;
    }
    tx.add_alias(AN, &"van.thu@a.gov.vn".parse().unwrap(), NOW).await
}

/// Polls a future so many times and then drops it.
pub(crate) async fn drop_after<F: Future>(polls: u32, future: F) {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 || future.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        std::task::Poll::Pending
    })
    .await;
}
