//! A store, two people and an API between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jmap::judge::{Done, Judge, NotRegistered, Registered, Registration};
use jmap::{Api, Caller, Limits};
use mail::letter::Examination;
use mail::{
    AccountId, AgencyId, BlobId, Chance, DocumentVerdict, Examine, Findings, Letter, MailboxId,
    RecognisedDocument, Refused, Timestamp, UidValidity,
};
use serde_json::{Value, json};
use sqlx::Connection;
use store::{
    AccountKind, Config, MailboxRole, MasterKey, NewAccount, NewEmail, NewMailbox, Place, Role, SmimeJudged,
    SmimeStatus, Store,
};

/// Sunday 22 November 2026, 08:00 in Hà Nội.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

/// The same numbers in every run.
struct Seeded(AtomicU64);

impl Chance for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&blake3::hash(&count.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
    }
}

/// Knows one secret, and marks everything else.
struct Secrecy;

impl Examine for Secrecy {
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async move {
            let mut findings = Findings::default();
            findings.put_field("X-Examined: yes\r\n");
            match letter.facts.subject.contains("MẬT") {
                true => Err(Refused {
                    code: 550,
                    status: (5, 7, 1),
                    name: "state_secret",
                    vi: "Văn bản có độ mật".to_owned(),
                    en: "Classified".to_owned(),
                }),
                false => Ok(findings),
            }
        })
    }
}

/// Lets nothing into a mailbox that is called utmost secret.
struct Entrance;

impl Examine for Entrance {
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async move {
            match letter.facts.subject.contains("TUYỆT MẬT") {
                true => Secrecy.examine(letter).await,
                false => Ok(Findings::default()),
            }
        })
    }
}

/// Finds what a message says of itself: `good` is a good signature, `05/QĐ-UBND` a valid document. Lets account 1 register.
struct Reads(Store);

impl Judge for Reads {
    fn smime(&self, account_id: AccountId, blob_id: BlobId) -> Done<'_, ()> {
        Box::pin(async move {
            let text = self.0.read_blob(account_id, blob_id).await.unwrap().unwrap();
            let is_good = String::from_utf8_lossy(&text).contains("good");
            let judged = SmimeJudged {
                status: if is_good { SmimeStatus::Verified } else { SmimeStatus::Failed },
                errors: if is_good { vec![] } else { vec!["hỏng / broken [x]".to_owned()] },
                at: NOW,
                is_answer: true,
                again_at: None,
            };
            let kept: Result<(), store::Error> = self
                .0
                .write("judge", judged, move |tx, judged| {
                    Box::pin(async move { tx.put_smime(account_id, blob_id, judged).await })
                })
                .await;
            kept.unwrap();
        })
    }

    fn documents(&self, account_id: AccountId, blob_id: BlobId) -> Done<'_, ()> {
        Box::pin(async move {
            let text = self.0.read_blob(account_id, blob_id).await.unwrap().unwrap();
            let document = RecognisedDocument {
                sha256: [5; 32],
                symbol: "05/QĐ-UBND".to_owned(),
                verdict: DocumentVerdict::Valid,
                class: "VALID".to_owned(),
                is_original: true,
                reasons: vec!["mail-channel".to_owned()],
                judged_at: Some(NOW),
            };
            let is_there = String::from_utf8_lossy(&text).contains("05/QĐ-UBND");
            let documents = if is_there { vec![document] } else { vec![] };
            let kept: Result<(), store::Error> = self
                .0
                .write("judge", documents, move |tx, documents| {
                    Box::pin(async move { tx.put_email_documents(account_id, blob_id, documents, NOW).await })
                })
                .await;
            kept.unwrap();
        })
    }

    fn register<'a>(
        &'a self,
        caller: &'a Caller,
        document: Registration,
        _: Timestamp,
    ) -> Done<'a, Result<Registered, NotRegistered>> {
        Box::pin(async move {
            if caller.account_id != account_id(1) {
                return Err(NotRegistered::Forbidden);
            }
            match document.subject.contains("không sổ") {
                true => Err(NotRegistered::Refused("number.not-kept", "no book".to_owned())),
                false => Ok(Registered { book: "incoming".to_owned(), year: 2026, number: Some(7), line: 9 }),
            }
        })
    }
}

/// A store and an API over it.
pub(crate) struct House {
    pub(crate) api: Api,
    _dir: tempfile::TempDir,
}

impl House {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(dir.path().join("congvan.db"));
        Self::open(dir, place).await
    }

    /// `None` without a PostgreSQL to ask.
    pub(crate) async fn postgres() -> Option<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let base = std::env::var("CONGVAN_TEST_POSTGRES").ok()?;
        let name = format!("jmap_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&base).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut admin)
            .await
            .unwrap();
        let place = Place::Postgres(mail::Secret::new(base.replacen("/postgres?", &format!("/{name}?"), 1)));
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
        let limits = Limits { objects_in_get_max: 50, objects_in_set_max: 50, ..Limits::default() };
        let base_url = "https://mail.a.gov.vn".to_owned();
        let host = "mail.a.gov.vn".parse().unwrap();
        let push_key = "BA".to_owned();
        let judge = Arc::new(Reads(store.clone()));
        let api = Api {
            store,
            limits,
            base_url,
            host,
            chance,
            push_key,
            judge,
            examiner: Arc::new(Secrecy),
            appending: Arc::new(Entrance),
        };
        let house = Self { api, _dir: dir };
        house.furnish().await;
        house
    }

    /// Two accounts with an inbox (1), drafts (2), sent (3) and trash (4) each, and the domain `a.gov.vn`.
    async fn furnish(&self) {
        self.api
            .store
            .write("furnish", (), |tx, ()| {
                Box::pin(async move {
                    tx.put_domain(&"a.gov.vn".parse().unwrap(), None, NOW).await?;
                    for (n, name) in [(1, "an"), (2, "binh")] {
                        tx.add_account(&account(n, name), NOW).await?;
                        for (id, name, role) in [
                            (1, "Hộp thư đến", MailboxRole::Inbox),
                            (2, "Thư nháp", MailboxRole::Drafts),
                            (3, "Thư đã gửi", MailboxRole::Sent),
                            (4, "Thùng rác", MailboxRole::Trash),
                        ] {
                            tx.add_mailbox(&NewMailbox {
                                account_id: account_id(n),
                                mailbox_id: mailbox_id(n, id),
                                parent_id: None,
                                name: name.to_owned(),
                                role: Some(role),
                                sort_order: i64::from(id),
                                uid_validity: UidValidity(1),
                            })
                            .await?;
                        }
                    }
                    tx.add_alias(account_id(1), &"vanthu@a.gov.vn".parse().unwrap(), NOW).await
                })
            })
            .await
            .unwrap();
    }

    /// Answers of a request of account `n`, all capabilities in use.
    pub(crate) async fn ask(&self, n: u8, calls: Value) -> Vec<Value> {
        self.ask_at(NOW, n, calls).await
    }

    /// The same at some moment.
    pub(crate) async fn ask_at(&self, now: Timestamp, n: u8, calls: Value) -> Vec<Value> {
        let body = json!({
            "using": jmap::request::CAPABILITIES,
            "methodCalls": calls,
        });
        let response = self.api.call(&caller(n), body.to_string().as_bytes(), now).await;
        let text = String::from_utf8(response.body).unwrap();
        assert_eq!(response.status, 200, "{text}");
        let mut response: Value = serde_json::from_str(&text).unwrap();
        match response["methodResponses"].take() {
            Value::Array(list) => list,
            other => panic!("{other}"),
        }
    }

    /// The answer to one call of account 1; its `accountId` is filled in.
    pub(crate) async fn one(&self, name: &str, arguments: Value) -> Value {
        self.one_of(1, name, arguments).await
    }

    /// The same of another account.
    pub(crate) async fn one_of(&self, n: u8, name: &str, mut arguments: Value) -> Value {
        if arguments.get("accountId").is_none() {
            arguments["accountId"] = json!(account_id(n));
        }
        self.ask(n, json!([[name, arguments, "c"]])).await.remove(0)[1].take()
    }

    /// Puts a message into an account's inbox, `seconds` after [`NOW`]; its id.
    pub(crate) async fn deliver(&self, n: u8, raw: &[u8], seconds: i64) -> String {
        let new = NewEmail {
            account_id: account_id(n),
            blob: self.api.store.seal(account_id(n), raw, NOW).await.unwrap(),
            facts: mail::message::read(raw, &mail::message::Limits::default()),
            mailbox_ids: vec![mailbox_id(n, 1)],
            keywords: vec![],
            received_at: Timestamp::from_millis(NOW.millis() + seconds * 1000),
            ask_quota: true,
        };
        let placed = self
            .api
            .store
            .write("deliver", new, |tx, new| {
                Box::pin(async move { tx.add_email(new, new.received_at).await })
            })
            .await
            .unwrap();
        placed.email_id.to_string()
    }
}

/// `stories! { async fn name(house: House) { … } }`.
macro_rules! stories {
    ($($(#[doc = $doc:literal])* async fn $name:ident($house:ident: House) $body:block)*) => {
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
        $($(#[doc = $doc])* async fn $name($house: $crate::house::House) $body)*
    };
}
pub(crate) use stories;

pub(crate) fn account_id(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16])
}

/// The ids of two accounts' mailboxes differ.
pub(crate) fn mailbox_id(account: u8, n: u8) -> MailboxId {
    MailboxId::from_bytes([account * 16 + n; 16])
}

pub(crate) fn caller(n: u8) -> Caller {
    Caller { account_id: account_id(n), agency_id: AgencyId::from_bytes([1; 16]) }
}

fn account(n: u8, name: &str) -> NewAccount {
    NewAccount {
        account_id: account_id(n),
        agency_id: AgencyId::from_bytes([1; 16]),
        unit_id: None,
        kind: AccountKind::Person,
        role: if n == 1 { Role::Clerk } else { Role::Staff },
        display_name: format!("Nguyễn {name}"),
        position: String::new(),
        password_hash: None,
        must_change_password: false,
        quota_bytes: 5_000_000,
        address: format!("{name}@a.gov.vn").parse().unwrap(),
    }
}

/// A short letter.
pub(crate) fn letter(id: &str, subject: &str, refers: &str) -> Vec<u8> {
    format!(
        "From: c@b.vn\r\nTo: an@a.gov.vn\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\nReferences: {refers}\r\n\
         Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n\r\nKính gửi anh An\r\n"
    )
    .into_bytes()
}
