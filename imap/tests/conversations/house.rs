//! A store, two people, and conversations with them in memory: bytes in, bytes out, a pretend clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use imap::Limits;
use imap::serve::Desk;
use imap::session::{Answer, Ask, Facts, Session, SignIn, SignInCode, Wish};
use mail::letter::Examination;
use mail::{
    AccountId, AgencyId, Chance, Examine, Findings, Letter, MailboxId, Refused, Secret, Timestamp,
    UidValidity,
};
use sqlx::Connection;
use store::{AccountKind, Config, MailboxRole, MasterKey, NewAccount, NewMailbox, Place, Role, Store};

/// Sunday 22 November 2026, 08:00 in Hà Nội.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

/// The same numbers in every run.
pub(crate) struct Seeded(pub(crate) AtomicU64);

impl Chance for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&blake3::hash(&count.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
    }
}

/// Knows one secret.
struct Secrecy;

impl Examine for Secrecy {
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a> {
        let is_secret = letter.facts.subject.contains("MẬT");
        Box::pin(async move {
            match is_secret {
                true => Err(Refused {
                    code: 550,
                    status: (5, 7, 1),
                    name: "state_secret",
                    vi: "Văn bản có độ mật".to_owned(),
                    en: "Classified".to_owned(),
                }),
                false => Ok(Findings::default()),
            }
        })
    }
}

/// A store and a desk over it.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) desk: Desk,
    _dir: tempfile::TempDir,
}

/// `stories! { async fn name(house: House) { … } }`: each on both engines; on PostgreSQL when there is one to ask.
macro_rules! stories {
    ($($(#[doc = $doc:literal])* async fn $name:ident($house:ident: House) $body:block)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::house::House::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(house) = $crate::house::House::postgres().await {
                    super::$name(&house).await;
                }
            })*
        }
        $($(#[doc = $doc])* async fn $name($house: &$crate::house::House) $body)*
    };
}
pub(crate) use stories;

impl House {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(dir.path().join("congvan.db"));
        Self::open(dir, place).await
    }

    pub(crate) async fn postgres() -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let base = std::env::var("CONGVAN_TEST_POSTGRES").ok()?;
        let name = format!("imap_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&base).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut admin)
            .await
            .unwrap();
        let place = Place::Postgres(Secret::new(base.replacen("/postgres?", &format!("/{name}?"), 1)));
        Some(Self::open(tempfile::tempdir().unwrap(), place).await)
    }

    async fn open(dir: tempfile::TempDir, place: Place) -> Self {
        let chance: Arc<dyn Chance> = Arc::new(Seeded(AtomicU64::new(1)));
        let config = Config {
            place,
            blobs: dir.path().join("blobs"),
            master_key: MasterKey::from_bytes([7; 32]),
            limits: store::Limits::default(),
        };
        let (store, worker) = Store::open(config, chance.clone(), NOW).await.unwrap();
        tokio::spawn(worker.run());
        let desk = Desk::new(store.clone(), Limits::default(), chance, Arc::new(Secrecy));
        let house = Self { store, desk, _dir: dir };
        house.furnish().await;
        house
    }

    /// Two accounts with an inbox, drafts, sent and trash each, and the domain `a.gov.vn`.
    async fn furnish(&self) {
        let furnish = self.store.write("furnish", (), |tx, ()| {
            Box::pin(async move {
                tx.put_domain(&"a.gov.vn".parse().unwrap(), None, NOW).await?;
                for (n, name) in [(1, "an"), (2, "binh")] {
                    tx.add_account(&account(n, name), NOW).await?;
                    for (id, name, role) in [
                        (1, "Inbox", MailboxRole::Inbox),
                        (2, "Thư nháp", MailboxRole::Drafts),
                        (3, "Thư đã gửi", MailboxRole::Sent),
                        (4, "Thùng rác", MailboxRole::Trash),
                    ] {
                        let new = NewMailbox {
                            account_id: account_id(n),
                            mailbox_id: mailbox_id(n, id),
                            parent_id: None,
                            name: name.to_owned(),
                            role: Some(role),
                            sort_order: i64::from(id),
                            uid_validity: UidValidity(7),
                        };
                        tx.add_mailbox(&new).await?;
                    }
                }
                Ok::<_, store::Error>(())
            })
        });
        furnish.await.unwrap();
    }

    /// A conversation inside TLS, the greeting heard.
    pub(crate) async fn talk(&self) -> Talk<'_> {
        self.talk_with(true, Limits::default()).await
    }

    pub(crate) async fn talk_with(&self, is_encrypted: bool, limits: Limits) -> Talk<'_> {
        let facts = Facts {
            host: "mail.a.gov.vn".parse().unwrap(),
            is_encrypted,
            starttls: !is_encrypted,
            mechanisms: vec!["EXTERNAL", "PLAIN", "LOGIN"],
            is_certified: false,
        };
        let session = Session::new(NOW, limits, facts);
        let mut talk = Talk {
            house: self,
            session,
            account: None,
            heard: String::new(),
            now: NOW,
            is_over: false,
            count: 0,
            wake: None,
            written_max: 0,
            is_busy: false,
        };
        talk.settle().await;
        talk
    }

    /// The same, signed in as `an` (1) or `binh` (2).
    pub(crate) async fn talk_as(&self, n: u8) -> Talk<'_> {
        let mut talk = self.talk().await;
        talk.say(&format!("login {} a", ["an", "binh"][usize::from(n) - 1])).await.ok();
        talk
    }
}

/// One conversation.
pub(crate) struct Talk<'h> {
    house: &'h House,
    pub(crate) session: Session,
    account: Option<AccountId>,
    heard: String,
    pub(crate) now: Timestamp,
    pub(crate) is_over: bool,
    count: usize,
    pub(crate) wake: Option<Timestamp>,
    /// Octets that were written at once, at most.
    pub(crate) written_max: usize,
    /// The next look at what happened finds no time.
    pub(crate) is_busy: bool,
}

/// What a command was answered with: all lines, the tagged one last, without its tag.
#[derive(Debug)]
pub(crate) struct Said(pub(crate) String);

impl Talk<'_> {
    /// Does what the session asks until it waits for the client.
    async fn settle(&mut self) {
        while let Some(ask) = self.session.next() {
            let answer = match ask {
                Ask::Write(bytes) => {
                    self.written_max = self.written_max.max(bytes.len());
                    self.heard.push_str(&String::from_utf8_lossy(&bytes));
                    continue;
                }
                Ask::WakeAt(at) => {
                    self.wake = Some(at);
                    continue;
                }
                Ask::Close => {
                    self.is_over = true;
                    continue;
                }
                Ask::StartTls => Answer::TlsStarted { is_certified: false },
                Ask::SignOut => {
                    self.account = None;
                    continue;
                }
                Ask::SignIn(step) => self.judge(step),
                Ask::Wish(wish) => {
                    let account_id = self.account.expect("nobody wishes before signing in");
                    let is_busy = matches!(*wish, Wish::Changes { .. }) && std::mem::take(&mut self.is_busy);
                    match self.house.desk.grant(account_id, *wish, self.now).await {
                        _ if is_busy => Answer::Failed(store::Error::Busy.into()),
                        Ok(grant) => Answer::Granted(Box::new(grant)),
                        Err(error) => Answer::Failed(error),
                    }
                }
            };
            self.session.answer_arrived(self.now, answer);
        }
    }

    /// PLAIN: whoever knows the password `a`.
    fn judge(&mut self, step: SignIn) -> Answer {
        let message = match step {
            SignIn::Begin { initial: Some(message), .. } | SignIn::Message(message) => message,
            SignIn::Begin { initial: None, .. } => return Answer::Challenge(Vec::new()),
        };
        let parts: Vec<&[u8]> = message.expose_secret().split(|byte| *byte == 0).collect();
        self.account = match parts.as_slice() {
            [_, b"an", b"a"] => Some(account_id(1)),
            [_, b"binh", b"a"] => Some(account_id(2)),
            _ => None,
        };
        match self.account {
            Some(account_id) => Answer::SignedIn(account_id),
            None => Answer::NotSignedIn(SignInCode::Failed, "Sai mật khẩu / Wrong".to_owned()),
        }
    }

    /// Hands in bytes as they are, in pieces no larger than the session takes; answers what was heard.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) -> String {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over {
            let (now, later) = rest.split_at(self.session.room().min(rest.len()));
            assert!(!now.is_empty(), "a session that waits takes something");
            self.session.bytes_arrived(self.now, now);
            self.settle().await;
            rest = later;
        }
        std::mem::take(&mut self.heard)
    }

    /// What was heard without saying anything.
    pub(crate) fn heard(&mut self) -> String {
        std::mem::take(&mut self.heard)
    }

    /// Says a command, with a tag of its own, and hears its answer.
    pub(crate) async fn say(&mut self, command: &str) -> Said {
        self.count += 1;
        let tag = format!("a{}", self.count);
        let heard = self.raw(format!("{tag} {command}\r\n").as_bytes()).await;
        Said(heard.replace(&format!("\r\n{tag} "), "\r\n").trim_start_matches(&format!("{tag} ")).to_owned())
    }

    /// Brings a message; flags with their parentheses, or nothing.
    pub(crate) async fn append(&mut self, mailbox: &str, flags: &str, message: &str) -> Said {
        let length = message.len();
        self.say(&format!("append {mailbox} {flags} {{{length}+}}\r\n{message}")).await
    }

    /// Something happened in the account.
    pub(crate) async fn news(&mut self) -> String {
        self.session.news_arrived(self.now);
        self.settle().await;
        self.heard()
    }

    /// Time goes by.
    pub(crate) async fn wait(&mut self, seconds: u64) -> String {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.session.time_passed(self.now);
        self.settle().await;
        self.heard()
    }
}

impl Said {
    /// The command went well; answers what was said before its last line.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert!(self.last().starts_with("OK"), "{}", self.0);
        self.untagged()
    }

    /// It did not; answers the last line.
    #[track_caller]
    pub(crate) fn no(&self) -> &str {
        assert!(self.last().starts_with("NO"), "{}", self.0);
        self.last()
    }

    /// It could not be.
    #[track_caller]
    pub(crate) fn bad(&self) -> &str {
        assert!(self.last().starts_with("BAD"), "{}", self.0);
        self.last()
    }

    /// The last line.
    pub(crate) fn last(&self) -> &str {
        self.0.trim_end().rsplit("\r\n").next().unwrap_or_default()
    }

    fn untagged(&self) -> &str {
        let end = self.0.trim_end().len() - self.last().len();
        &self.0[..end]
    }
}

pub(crate) fn account_id(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16])
}

pub(crate) fn mailbox_id(n: u8, id: u8) -> MailboxId {
    let mut bytes = [id; 16];
    bytes[0] = n;
    MailboxId::from_bytes(bytes)
}

fn account(n: u8, name: &str) -> NewAccount {
    NewAccount {
        account_id: account_id(n),
        agency_id: AgencyId::from_bytes([1; 16]),
        unit_id: None,
        kind: AccountKind::Person,
        role: Role::Staff,
        display_name: format!("Nguyễn {name}"),
        position: String::new(),
        password_hash: None,
        must_change_password: false,
        quota_bytes: 5_000_000,
        address: format!("{name}@a.gov.vn").parse().unwrap(),
    }
}
