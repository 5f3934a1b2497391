//! A desk over a store of either engine, agencies and systems around it, and packages for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use certs::keys::Key;
use certs::note::{Note, NoteSigner};
use mail::{AccountId, AgencyId, Chance, Secret, Timestamp};
use registry::accept::{self, Accepted, Arrived, Desk, Examined, Screened};
use registry::document_id::DocumentIdentifier;
use registry::package::{
    BusinessType, Code, DocumentType, NewAttachment, NewBusiness, NewDocument, NewParty, OtherInfo, Packing,
    PromulgationInfo, Replacement, SignerInfo, Staff, Update, write_document,
};
use registry::vxp::call::{Declared, SendParameters};
use registry::{Error, Limits};
use signer::bundle::Bundle;
use signer::{Evidence, Policy, Role, judge};
use sqlx::Connection;
use store::{
    AccountKind, AgencyNames, Config, Delivery, DeliveryFilter, ExchangeSystem, MasterKey, NewAccount,
    NewAgency, NewSystem, Place, SignerCertificate, SignerRole, Store,
};
use tokio::task::JoinHandle;

use crate::world::{NOW, World};

/// The log's name.
pub(crate) const LOG: &str = "thu.gov.vn/congvan";

/// The same numbers in every run.
struct Seeded(AtomicU64);

impl Chance for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let digest = ring::digest::digest(&ring::digest::SHA256, &count);
            chunk.copy_from_slice(&digest.as_ref()[..chunk.len()]);
        }
    }
}

pub(crate) fn log_key() -> Key {
    Key::ed25519_from_seed(&[7; 32]).unwrap()
}

/// A desk that lives as long as its story.
pub(crate) struct House {
    pub(crate) desk: Desk,
    /// Milliseconds between two packages; all at once unless a story is about their order.
    pub(crate) step: u64,
    taken: AtomicU64,
    place: Place,
    dir: tempfile::TempDir,
    writer: JoinHandle<()>,
}

/// The data in a directory, opened, and the writer at work on it.
async fn memory(dir: &tempfile::TempDir, place: &Place, chance: &Arc<dyn Chance>) -> (Store, JoinHandle<()>) {
    let config = Config {
        place: place.clone(),
        blobs: dir.path().join("blobs"),
        master_key: MasterKey::from_bytes([7; 32]),
        limits: store::Limits::default(),
    };
    let (store, worker) = Store::open(config, chance.clone(), NOW).await.unwrap();
    (store, tokio::spawn(worker.run()))
}

impl House {
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
        let name = format!("registry_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = sqlx::PgConnection::connect(&base).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
        let place = Place::Postgres(Secret::new(base.replacen("/postgres?", &format!("/{name}?"), 1)));
        Self::open(tempfile::tempdir().unwrap(), place).await
    }

    async fn open(dir: tempfile::TempDir, place: Place) -> Self {
        let chance: Arc<dyn Chance> = Arc::new(Seeded(AtomicU64::new(1)));
        let (store, writer) = memory(&dir, &place, &chance).await;
        let sign = |text: &str| {
            let key = log_key();
            Note::sign(text, &[NoteSigner::new(LOG, &key).unwrap()]).ok()
        };
        let desk = Desk {
            store,
            limits: Limits::default(),
            chance,
            hostname: "trao-doi.gov.vn".to_owned(),
            log: LOG.to_owned(),
            sign: Arc::new(sign),
            signatures_required: true,
            lifecycle: accept::Lifecycle::default(),
        };
        let house = Self { desk, step: 0, taken: AtomicU64::new(0), place, dir, writer };
        house.furnish().await;
        house
    }

    /// Agency 1 with system hub.01; agencies 2 and 3 share hub.02; agency 4 has hub.04. Agency 5 has no system.
    async fn furnish(&self) {
        for number in 1..=5u8 {
            let agency = NewAgency {
                agency_id: agency_id(number),
                names: AgencyNames {
                    code: format!("H37.0{number}").parse().unwrap(),
                    code102: Some(format!("000.00.0{number}.H37").parse().unwrap()),
                    name: format!("Cơ quan số {number}"),
                    mail: String::new(),
                    parent_id: None,
                    decision: String::new(),
                },
                // Some stories begin earlier in the year.
                valid_from: Timestamp::from_secs(NOW.secs() - 366 * 24 * 3600),
            };
            self.desk
                .store
                .write("add an agency", agency, |tx, agency| {
                    Box::pin(async move {
                        tx.add_agency(agency, NOW).await?;
                        tx.add_account(&clerk(agency.agency_id), NOW).await
                    })
                })
                .await
                .unwrap();
        }
        for number in [1u8, 2, 4] {
            let system = NewSystem {
                system_id: format!("hub.0{number}"),
                agency_id: agency_id(number),
                secret: Secret::new("bí mật".to_owned()),
            };
            self.desk.store.add_system(system, NOW).await.unwrap();
        }
        self.desk
            .store
            .write("signers", (), |tx, ()| {
                Box::pin(async move {
                    let world = World::get();
                    tx.let_system_speak("hub.02", agency_id(3), NOW).await?;
                    for (who, role) in [(&world.leader, SignerRole::Leader), (&world.seal, SignerRole::Seal)]
                    {
                        let signer = SignerCertificate {
                            agency_id: agency_id(1),
                            fingerprint: *who.certificate().sha256().as_bytes(),
                            role,
                            holder: "Nguyễn Văn A".to_owned(),
                            account_id: None,
                        };
                        tx.put_signer(&signer, NOW).await?;
                    }
                    Ok::<_, store::Error>(())
                })
            })
            .await
            .unwrap();
    }

    pub(crate) async fn system(&self, id: &str) -> ExchangeSystem {
        let found =
            self.desk.store.read(id.to_owned(), |tx, id| Box::pin(async move { tx.system(id, NOW).await }));
        found.await.unwrap().unwrap()
    }

    /// Hands a package in as the door does, with what can be fetched as evidence.
    pub(crate) async fn send_with(
        &self,
        system: &str,
        from: &str,
        package: &[u8],
        evidence: &Evidence,
    ) -> Result<Accepted, Error> {
        self.send_declared(system, from, package, evidence, Declared::default()).await
    }

    /// The same, with what is said beside the package.
    pub(crate) async fn send_declared(
        &self,
        system: &str,
        from: &str,
        package: &[u8],
        evidence: &Evidence,
        declared: Declared,
    ) -> Result<Accepted, Error> {
        let system = self.system(system).await;
        let parameters =
            SendParameters { from: from.to_owned(), to: Vec::new(), hash_file: None, hint: None, declared };
        self.take_in(system, parameters, package, evidence).await
    }

    /// The same for a system and parameters of whatever kind.
    pub(crate) async fn take_in(
        &self,
        system: ExchangeSystem,
        parameters: SendParameters,
        package: &[u8],
        evidence: &Evidence,
    ) -> Result<Accepted, Error> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let now = NOW.plus(std::time::Duration::from_millis(number * self.step));
        self.take_in_at(system, parameters, package, evidence, now).await
    }

    /// The same at a moment of the caller's own.
    pub(crate) async fn take_in_at(
        &self,
        system: ExchangeSystem,
        parameters: SendParameters,
        package: &[u8],
        evidence: &Evidence,
        now: Timestamp,
    ) -> Result<Accepted, Error> {
        let system = Arc::new(system);
        let digest = ring::digest::digest(&ring::digest::SHA256, package);
        let sha256: [u8; 32] = digest.as_ref().try_into().unwrap();
        let opened = accept::open(package, &self.desk.limits);
        let (parties, trace) = (opened.parties.clone(), opened.trace.clone());
        let outcome = async {
            let arrived = Arrived {
                bytes: package.to_vec().into(),
                sha256,
                package: self.desk.admit(opened, sha256, &system, NOW).await?,
                trace,
                parameters,
                system: system.clone(),
            };
            let pending = match self.desk.screen(arrived, now).await? {
                Screened::Repeated(accepted) => return Ok(accepted),
                Screened::Pending(pending) => pending,
            };
            let roles = pending.signers().iter().map(|signer| {
                let role = if signer.role == SignerRole::Seal { Role::Agency } else { Role::Leader };
                (registry::vxp::hash::full_hex(&signer.fingerprint).parse().unwrap(), role)
            });
            let policy = Policy { trust: World::get().trust(), roles: roles.collect(), ..Policy::default() };
            let examined = pending.files().iter().map(|file| {
                let content = file.content_from(pending.bytes(), &self.desk.limits).unwrap();
                let judged = judge(content.clone(), &policy, evidence, NOW);
                let bundle = Bundle::new(&content.into(), &judged, &policy, evidence).unwrap();
                Examined { judged: judged.without_file(), bundle: Some(bundle.to_bytes()) }
            });
            let examined: Vec<_> = examined.collect();
            let package =
                pending.signed_package().map(|bytes| judge(bytes.whole().unwrap(), &policy, evidence, NOW));
            self.desk.keep(*pending, &examined, package.as_ref(), now).await
        };
        let outcome: Result<Accepted, Error> = outcome.await;
        if let Err(error) = &outcome {
            self.desk.record_refusal(&system, &sha256, &parties, error, now).await;
        }
        outcome
    }

    pub(crate) async fn send(&self, system: &str, from: &str, package: &[u8]) -> Result<Accepted, Error> {
        self.send_with(system, from, package, &World::get().evidence(&[])).await
    }

    /// The same house, shredding at once or later.
    pub(crate) fn shredding_after(mut self, days: u32) -> Self {
        self.desk.lifecycle.recall_shred_days = days;
        self
    }

    /// The power goes: the writer stops in the middle of what it does, or PostgreSQL ends all our connections.
    pub(crate) async fn cut(&self) {
        match &self.place {
            Place::Sqlite(_) => self.writer.abort(),
            Place::Postgres(url) => {
                let mut conn = sqlx::PgConnection::connect(url.expose_secret()).await.unwrap();
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                           WHERE datname = current_database() AND pid <> pg_backend_pid()";
                sqlx::query(end).execute(&mut conn).await.unwrap();
            }
        }
    }

    /// The program comes up again on the same data. What was taken and not answered is answered before, unless the power went.
    pub(crate) async fn reopen(&mut self) {
        let (store, writer) = memory(&self.dir, &self.place, &self.desk.chance).await;
        // The last handle on the old one: its writer ends when it has done its work.
        self.desk.store = store;
        let _ = std::mem::replace(&mut self.writer, writer).await;
    }

    /// One number out of the database, behind our back.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        match &self.place {
            Place::Sqlite(file) => {
                let conn = rusqlite::Connection::open(file).unwrap();
                conn.query_one(sql, [], |row| row.get(0)).unwrap()
            }
            Place::Postgres(url) => {
                let mut conn = sqlx::PgConnection::connect(url.expose_secret()).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
            }
        }
    }

    /// What no verb does: somebody at the database behind our back.
    pub(crate) async fn run_sql(&self, sql: &str) {
        match &self.place {
            Place::Sqlite(file) => rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap(),
            Place::Postgres(url) => {
                let mut conn = sqlx::PgConnection::connect(url.expose_secret()).await.unwrap();
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
            }
        }
    }

    /// What waits for a system.
    pub(crate) async fn waiting(&self, system: &str) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            system_folded: system.to_owned(),
            kind: None,
            from: None,
            to: None,
            to_code: None,
            offset: 0,
            limit: 100,
        };
        let read = self
            .desk
            .store
            .read(filter, |tx, filter| Box::pin(async move { tx.waiting_deliveries(filter, NOW).await }));
        read.await.unwrap()
    }
}

pub(crate) fn agency_id(number: u8) -> AgencyId {
    AgencyId::from_bytes([number; 16])
}

fn clerk(agency_id: AgencyId) -> NewAccount {
    let number = agency_id.as_bytes()[0];
    NewAccount {
        account_id: AccountId::from_bytes([number; 16]),
        agency_id,
        unit_id: None,
        kind: AccountKind::Person,
        role: store::Role::Clerk,
        display_name: "Trần Thị Bình".to_owned(),
        position: "Văn thư".to_owned(),
        password_hash: None,
        must_change_password: true,
        quota_bytes: 5_000_000,
        address: format!("vanthu@coquan{number}.gov.vn").parse().unwrap(),
    }
}

fn party(code: &str) -> NewParty {
    NewParty {
        organ_id: code.parse().unwrap(),
        organization_in_charge: String::new(),
        organ_name: format!("Tên của {code}"),
        organ_add: String::new(),
        email: String::new(),
        telephone: String::new(),
        fax: String::new(),
        website: String::new(),
    }
}

/// A document from agency 1, with files; the first is the main one.
pub(crate) fn document(number: &str, to: &[&str], files: &[(&str, &[u8])]) -> NewDocument {
    let attachments = files.iter().zip(1u8..).map(|((name, content), id)| NewAttachment {
        id: [id; 16],
        name: (*name).to_owned(),
        description: String::new(),
        content: content.to_vec().into(),
        packing: Packing::default(),
    });
    NewDocument {
        from: party("H37.01"),
        to: to.iter().map(|code| party(code)).collect(),
        document_id: DocumentIdentifier::new(&format!("H37.01,2026/11/22,{number}/SNV-VP")).unwrap(),
        code: Code { number: number.to_owned(), notation: "SNV-VP".to_owned() },
        promulgation_info: PromulgationInfo { place: String::new(), date: "2026/11/22".to_owned() },
        document_type: DocumentType { number: Some(18), detail: None, name: "Công văn".to_owned() },
        subject: "V/v phối hợp".to_owned(),
        signer_info: SignerInfo {
            competence: String::new(),
            position: "Giám đốc".to_owned(),
            full_name: "NGUYỄN  Văn A".to_owned(),
        },
        due_date: String::new(),
        other_info: OtherInfo::default(),
        response_for: Vec::new(),
        steering_type: 0,
        tasks: Vec::new(),
        to_places: Vec::new(),
        business: NewBusiness::default(),
        staff: Staff::default(),
        attachments: attachments.collect(),
        sent: NOW,
    }
}

/// A good document from agency 1.
pub(crate) fn good(number: &str, to: &[&str]) -> Vec<u8> {
    write_document(&document(number, to, &[("van-ban.pdf", &World::get().complete())])).unwrap()
}

/// An act of agency 1 about its document with a number: a recall, an update. It repeats the header (RULES E9).
pub(crate) fn act(kind: BusinessType, number: &str, to: &[&str], files: &[(&str, &[u8])]) -> NewDocument {
    let mut act = document(number, to, files);
    let update = Update { content_changed: true, receivers_changed: false, receivers: Vec::new() };
    act.business = NewBusiness {
        kind,
        reason: "Sai thể thức".to_owned(),
        update: (kind == BusinessType::Update).then_some(update),
        ..NewBusiness::default()
    };
    act.subject = format!("V/v {kind:?}");
    act.staff = Staff { staff: "Lê Thị Hoa".to_owned(), ..Staff::default() };
    act
}

/// A replacement with a number of its own.
pub(crate) fn replacement(number: &str, of: &str, to: &[&str]) -> Vec<u8> {
    let mut new = document(number, to, &[("van-ban.pdf", &World::get().complete())]);
    let document_id = DocumentIdentifier::new(&format!("H37.01,2026/11/22,{of}/SNV-VP")).unwrap();
    let organ_ids = to.iter().map(|code| (*code).to_owned()).collect();
    new.business = NewBusiness {
        kind: BusinessType::Replacement,
        replacements: vec![Replacement { document_id, organ_ids }],
        ..NewBusiness::default()
    };
    write_document(&new).unwrap()
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
