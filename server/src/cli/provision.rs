//! `congvan domain|account|system`: provisioning, on the data of a stopped or running server.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use directory::Said;
use directory::accounts::{self, AccountToAdd};
use directory::address::AddressPolicy;
use directory::agencies;
use directory::import;
use directory::passwords::{self, ONE_TIME_VALID};
use directory::register;
use mail::{EmailAddress, Secret};
use serde_json::json;
use store::{AccountKind, Role};

use super::Outcome;
use crate::house::House;

/// Who did it, in the audit log.
pub(super) const ACTOR: &str = "cli";
/// A people list of more bytes is no list.
const LIST_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Subcommand)]
pub(super) enum DomainCommand {
    /// Add a mail domain that ends here.
    Add {
        /// The domain.
        domain: String,
        /// Code of the agency it belongs to; none is shared by all.
        #[arg(long)]
        agency: Option<String>,
    },
    /// Print everything to publish in DNS, as lines of a zone file.
    Records {
        /// The domain.
        domain: mail::Domain,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look everything up and say what is right, missing or wrong. 0: what is needed is there; 1: not.
    Check {
        /// The domain.
        domain: mail::Domain,
        /// The name server to ask, HOST:PORT; the configuration's without it.
        #[arg(long)]
        dns: Option<String>,
    },
    /// Tên miền khác của một tên miền. / Make a domain another name of a domain: every address is there under both.
    Alias(super::domain::Alias),
    /// Hộp thư nhận mọi thư không có người nhận. / Let a mailbox take what is nobody's address in a domain.
    CatchAll(super::domain::CatchAll),
}

#[derive(Subcommand)]
pub(super) enum SystemCommand {
    /// Admit a system to the exchange. Its secret is drawn and shown once, or read from standard input.
    Add {
        /// Its id.
        system_id: String,
        /// Code of the agency it speaks for.
        #[arg(long)]
        agency: String,
        /// Let it add and withdraw units below its own (registerAgency, deleteAgency).
        #[arg(long)]
        may_manage_units: bool,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a system add and withdraw units below its own, or with --no no longer.
    Allow {
        /// Its id.
        system_id: String,
        /// The right to add and withdraw units.
        #[arg(long, required = true)]
        may_manage_units: bool,
        /// Take the right back.
        #[arg(long)]
        no: bool,
    },
    /// Let a system speak for further agencies: those behind an axis that is a client here.
    Speak {
        /// Its id.
        system_id: String,
        /// Code of an agency; more than one may be given.
        #[arg(long, required = true)]
        agency: Vec<String>,
    },
}

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// Add an account. Its password is read from standard input, or a one-time one is drawn and shown once.
    Add(AccountAdd),
    /// Give an account a password: read from standard input, or a one-time one is drawn and shown once.
    Password {
        /// Its address.
        address: String,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add the people of a CSV file; with --dry-run only say what would be done.
    Import(Import),
}

#[derive(Args)]
pub(super) struct AccountAdd {
    /// Its address.
    address: String,
    /// Code of its agency.
    #[arg(long)]
    agency: String,
    /// clerk, leader, staff or admin.
    #[arg(long)]
    role: Role,
    /// Code of its unit.
    #[arg(long)]
    unit: Option<String>,
    /// Full name in Vietnamese.
    #[arg(long)]
    name: Option<String>,
    /// Office held.
    #[arg(long, default_value = "")]
    position: String,
    /// person or agency; without it, what the address says: postmaster@ and the like are an agency's.
    #[arg(long)]
    kind: Option<AccountKind>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Import {
    /// The list.
    file: PathBuf,
    /// Code of their agency.
    #[arg(long)]
    agency: String,
    /// Domain of their addresses.
    #[arg(long)]
    domain: String,
    /// Role of people the list gives none.
    #[arg(long, default_value = "staff")]
    default_role: Role,
    /// Let the list make administrators.
    #[arg(long)]
    admins: bool,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// A fault in the directory's words, both languages.
pub(super) fn said<E: Said>(fault: E) -> anyhow::Error {
    let said = fault.said();
    anyhow::anyhow!("[{}] {} / {}", said.code, said.vi, said.en)
}

pub(super) fn tell(vi: &str, en: &str) {
    println!("{vi}\n{en}");
}

/// What standard input holds, when something was put there; a terminal is not asked.
pub(super) fn from_standard_input() -> anyhow::Result<Option<Secret<String>>> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Ok(None);
    }
    let mut text = String::new();
    input.take(4096).read_to_string(&mut text).context("standard input is not UTF-8 text")?;
    let text = text.trim_end_matches(['\r', '\n']);
    Ok((!text.is_empty()).then(|| Secret::from(text)))
}

impl DomainCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let (domain, agency) = match self {
            Self::Add { domain, agency } => (domain, agency),
            Self::Records { domain, json } => {
                return super::on_data(file, |house| async move {
                    let domain = super::domain::local(&house, domain).await?;
                    super::domain::print(&house, &domain, json).await
                });
            }
            Self::Check { domain, dns } => {
                return super::on_data(file, |house| async move {
                    let domain = super::domain::local(&house, domain).await?;
                    super::domain::check(&house, &domain, dns).await
                });
            }
            Self::Alias(alias) => return super::on_data(file, async move |house| alias.run(&house).await),
            Self::CatchAll(catch) => return super::on_data(file, async move |house| catch.run(&house).await),
        };
        super::on_data(file, |house| async move {
            let added = agencies::add_domain(&house.store, &domain, agency.as_deref(), ACTOR, house.now())
                .await
                .map_err(said)?;
            let is_new = added.is_new();
            let domain = added.into_inner();
            match is_new {
                true => tell(
                    &format!("Đã thêm tên miền {domain}. Thư gửi tới tên miền này kết thúc tại đây."),
                    &format!("Added domain {domain}. Mail for it ends here."),
                ),
                false => {
                    tell(&format!("Tên miền {domain} đã có."), &format!("Domain {domain} is there already."))
                }
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

async fn let_speak(house: Arc<House>, system_id: String, codes: Vec<String>) -> Outcome {
    for code in codes {
        let input = (system_id.clone(), code.clone(), house.now());
        let spoken = house.store.write("let a system speak", input, |tx, (system_id, code, now)| {
            Box::pin(async move {
                let code = code.parse().map_err(|_| store::Error::Refused("an agency code"))?;
                let system = tx.system(system_id, *now).await?.ok_or(store::Error::NotFound("the system"))?;
                let agency =
                    tx.agency_by_code(&code, *now).await?.ok_or(store::Error::NotFound("the agency"))?;
                tx.let_system_speak(&system.system_id, agency.agency_id, *now).await?;
                let act = store::Audit::SystemChanged;
                tx.audit(agency.agency_id, *now, ACTOR, act, &system.system_id, "").await
            })
        });
        let spoken: Result<(), store::Error> = spoken.await;
        spoken.with_context(|| format!("{system_id}, {code}"))?;
        tell(
            &format!("Hệ thống {system_id} đại diện cho {code}."),
            &format!("System {system_id} speaks for {code}."),
        );
    }
    Ok(ExitCode::SUCCESS)
}

impl SystemCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        let (system_id, agency, may_manage_units, json) = match self {
            Self::Add { system_id, agency, may_manage_units, json } => {
                (system_id, agency, may_manage_units, json)
            }
            Self::Speak { system_id, agency } => {
                return super::on_data(file, |house| let_speak(house, system_id, agency));
            }
            Self::Allow { system_id, no, .. } => return allow(file, system_id, !no),
        };
        let given = from_standard_input()?;
        super::on_data(file, |house| async move {
            let is_drawn = given.is_none();
            let system = agencies::add_system(
                &house.store,
                &system_id,
                &agency,
                given,
                ACTOR,
                house.now(),
                &*house.chance,
            )
            .await
            .map_err(said)?;
            let id = &system.system_id;
            if may_manage_units {
                register::allow_units(&house.store, id, true, ACTOR, house.now()).await.map_err(said)?;
            }
            if json {
                let secret = is_drawn.then(|| system.secret.expose_secret().clone());
                println!("{}", json!({ "system_id": id, "agency": system.agency.code, "secret": secret }));
                return Ok(ExitCode::SUCCESS);
            }
            let code = &system.agency.code;
            tell(
                &format!("Đã kết nối hệ thống {id} cho {code}."),
                &format!("Admitted system {id} for {code}."),
            );
            if system.was_known {
                tell(
                    &format!("Hệ thống {id} đã có; khóa bí mật được thay."),
                    &format!("System {id} was known; its secret is replaced."),
                );
            }
            if is_drawn {
                let secret = system.secret.expose_secret();
                tell(
                    &format!("Khóa bí mật (chỉ hiện lần này): {secret}"),
                    &format!("Secret (shown only now): {secret}"),
                );
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn allow(file: &Path, system_id: String, may: bool) -> Outcome {
    super::on_data(file, |house| async move {
        register::allow_units(&house.store, &system_id, may, ACTOR, house.now()).await.map_err(said)?;
        match may {
            true => tell(
                &format!("Hệ thống {system_id} được thêm, rút đơn vị trực thuộc."),
                &format!("System {system_id} may add and withdraw units below its own."),
            ),
            false => tell(
                &format!("Hệ thống {system_id} không còn được thêm, rút đơn vị."),
                &format!("System {system_id} may no longer add and withdraw units."),
            ),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A password and whether it is a one-time one that was drawn here.
struct NewPassword {
    hash: passwords::PasswordHash,
    drawn: Option<Secret<String>>,
}

impl NewPassword {
    /// From standard input, or drawn.
    fn get(house: &House) -> anyhow::Result<Self> {
        match from_standard_input()? {
            Some(password) => Ok(Self { hash: hash(house, &password)?, drawn: None }),
            None => {
                let password = passwords::one_time(&*house.chance);
                let hash = hash(house, &password)?.until(house.now().plus(ONE_TIME_VALID));
                Ok(Self { hash, drawn: Some(password) })
            }
        }
    }

    /// What is shown of it: a drawn one, once.
    fn shown(&self) -> Option<&str> {
        self.drawn.as_ref().map(|password| password.expose_secret().as_str())
    }

    fn tell(&self) {
        if let Some(password) = self.shown() {
            tell(
                &format!(
                    "Mật khẩu dùng một lần (72 giờ, phải đổi khi đăng nhập lần đầu, chỉ hiện lần này): {password}"
                ),
                &format!(
                    "One-time password (72 hours, must be changed at first sign-in, shown only now): {password}"
                ),
            );
        }
    }
}

fn hash(house: &House, password: &Secret<String>) -> anyhow::Result<passwords::PasswordHash> {
    passwords::hash(password, &*house.chance).map_err(said)
}

impl AccountCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Add(add) => super::on_data(file, |house| add.run(house)),
            Self::Password { address, json } => {
                super::on_data(file, |house| set_password(house, address, json))
            }
            Self::Import(import) => super::on_data(file, |house| import.run(house)),
        }
    }
}

impl AccountAdd {
    async fn run(self, house: Arc<House>) -> Outcome {
        let password = NewPassword::get(&house)?;
        let kind = self.kind.unwrap_or_else(|| match directory::address::is_reserved(&self.address) {
            true => AccountKind::Agency,
            false => AccountKind::Person,
        });
        let account = AccountToAdd {
            address: self.address,
            agency: self.agency,
            unit: self.unit,
            kind,
            role: self.role,
            display_name: self.name,
            position: self.position,
            password: Some(password.hash.clone()),
            must_change_password: password.drawn.is_some(),
        };
        // An address that an administrator spells out is taken as it is; RULES M2's grammar makes those of lists.
        let policy = AddressPolicy { official_grammar: false, ..AddressPolicy::default() };
        let added =
            accounts::add_account(&house.store, &policy, &account, ACTOR, house.now(), &*house.chance)
                .await
                .map_err(said)?;
        let (address, role) = (&account.address, added.role.as_str());
        if self.json {
            let id = added.account_id.to_string();
            println!(
                "{}",
                json!({ "account_id": id, "address": address, "role": role, "password": password.shown() })
            );
        } else {
            tell(
                &format!("Đã tạo tài khoản {address} ({role})."),
                &format!("Created account {address} ({role})."),
            );
            password.tell();
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn set_password(house: Arc<House>, address: String, json: bool) -> Outcome {
    let parsed: EmailAddress =
        address.parse().with_context(|| format!("{address}: not an address / địa chỉ không hợp lệ"))?;
    let now = house.now();
    let found = house
        .store
        .read((parsed, now), |tx, (address, now)| Box::pin(async move { tx.account_at(address, *now).await }))
        .await?;
    let account =
        found.with_context(|| format!("{address}: không có tài khoản này / there is no such account"))?;
    let password = NewPassword::get(&house)?;
    let must_change = password.drawn.is_some();
    accounts::set_password(&house.store, account.account_id, &password.hash, must_change, ACTOR, now)
        .await
        .map_err(said)?;
    if json {
        println!("{}", json!({ "address": address, "password": password.shown() }));
    } else {
        tell(&format!("Đã đặt mật khẩu cho {address}."), &format!("Set the password of {address}."));
        password.tell();
    }
    Ok(ExitCode::SUCCESS)
}

impl Import {
    async fn run(self, house: Arc<House>) -> Outcome {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&self.file)
            .with_context(|| format!("cannot read {} (không đọc được tệp)", self.file.display()))?;
        file.take(LIST_BYTES_MAX).read_to_end(&mut bytes)?;
        let context = import::Context {
            agency: self.agency.clone(),
            domain: self.domain.clone(),
            addresses: AddressPolicy::default(),
            default_role: self.default_role,
            admins_allowed: self.admins,
            limits: directory::Limits::default(),
        };
        let plan = import::preview(&house.store, &bytes, &context, house.now()).await.map_err(said)?;
        let (rows, counts) = (plan.report(), plan.counts());
        let mut applied = Vec::new();
        if !self.dry_run {
            let now = house.now();
            let chance = house.chance.clone();
            let blocking =
                async |batch: import::Batch| tokio::task::spawn_blocking(move || batch.hash(now)).await.ok();
            import::apply(plan, &house.store, ACTOR, now, &*chance, blocking, |account| {
                applied.push(account)
            })
            .await
            .map_err(said)?;
        }
        match self.json {
            true => print_json(&rows, counts, &applied),
            false => print_text(&rows, counts, &applied, self.dry_run),
        }
        let is_whole = counts.refused == 0 && applied.iter().all(|account| account.password.is_ok());
        Ok(if is_whole || self.dry_run { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

fn print_json(rows: &[import::RowReport], counts: import::Counts, applied: &[import::Applied]) {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let done = applied.iter().find(|account| account.line == row.line);
            let password = done.and_then(|account| account.password.as_ref().ok());
            let failed = done.and_then(|account| account.password.as_ref().err()).map(Said::said);
            let error = failed.or_else(|| row.said.first().filter(|_| !row.ok).cloned());
            json!({
                "line": row.line,
                "address": row.address,
                "said": row.said,
                "error": error,
                "password": password.map(|password| password.expose_secret().clone()),
            })
        })
        .collect();
    println!("{}", json!({ "rows": rows, "counts": counts }));
}

fn print_text(
    rows: &[import::RowReport],
    counts: import::Counts,
    applied: &[import::Applied],
    dry_run: bool,
) {
    for row in rows {
        for sentence in &row.said {
            tell(
                &format!("Dòng {}: {}", row.line, sentence.vi),
                &format!("Line {}: {}", row.line, sentence.en),
            );
        }
    }
    let import::Counts { create, there, empty, refused } = counts;
    tell(
        &format!("Tạo {create}, đã có {there}, trống {empty}, lỗi {refused}."),
        &format!("Create {create}, already there {there}, empty {empty}, errors {refused}."),
    );
    if dry_run {
        tell("Chưa ghi gì (--dry-run).", "Nothing was written (--dry-run).");
    }
    for account in applied {
        match &account.password {
            Ok(password) => {
                println!("{}\t{}\t{}", account.address, account.display_name, password.expose_secret());
            }
            Err(error) => {
                let said = error.said();
                tell(
                    &format!("Dòng {}: {}", account.line, said.vi),
                    &format!("Line {}: {}", account.line, said.en),
                );
            }
        }
    }
}
