//! The demonstration: two agencies of a province, a clerk and a leader each, their systems and certificates, on one
//! machine. Real in every part but in whom it certifies.

mod letter;
mod pki;
mod responders;
mod send;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context;
use certs::keys::KeyName;
use directory::accounts::AccountToAdd;
use directory::agencies::AgencyToAdd;
use mail::{Chance, Timestamp};
use serde::{Deserialize, Serialize};
use store::{AccountKind, Role, SignerCertificate, SignerRole};

use crate::config::Config;
use crate::house::{House, write_private};
use crate::sequencer::LogKey;
use crate::trust;
use crate::windows::SystemChance;
use pki::{Files, Holder, Maker};

pub(crate) use letter::send_letter;
pub(crate) use responders::routes;
pub(crate) use send::Journey;

/// How the demonstration is to be made.
pub(crate) struct Wanted {
    /// Where it keeps everything.
    pub(crate) data: PathBuf,
    /// `house.database`.
    pub(crate) database: String,
    /// Ports nobody uses now, instead of the usual ones: from this one on, or any if it is 0.
    pub(crate) free_ports: Option<u16>,
    /// Code of the province its agencies are of.
    pub(crate) province: String,
}

/// What somebody who tries things out needs to know; kept in `demo.json`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Demo {
    pub(crate) accounts: Vec<DemoAccount>,
    pub(crate) systems: Vec<DemoSystem>,
    pub(crate) log_key: String,
}

/// A person who can sign in.
#[derive(Serialize, Deserialize)]
pub(crate) struct DemoAccount {
    pub(crate) address: String,
    pub(crate) password: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) agency: String,
}

/// A system that can use the exchange.
#[derive(Serialize, Deserialize)]
pub(crate) struct DemoSystem {
    pub(crate) system_id: String,
    pub(crate) secret: String,
    pub(crate) agency: String,
    pub(crate) name: String,
}

const PROVINCE: &str = "UBND TỈNH MẪU";

/// An agency of the demonstration and its people.
struct Agency {
    number: usize,
    code: String,
    code102: String,
    name: &'static str,
    domain: String,
    system_id: String,
    clerk: (&'static str, &'static str),
    leader: (&'static str, &'static str),
}

impl Agency {
    /// What is asked at names of its domain: how mail programs are set up, and the policy of MTA-STS (RFC 8461 §3.3).
    fn served_names(&self) -> [String; 2] {
        ["autoconfig", "mta-sts"].map(|service| format!("{service}.{}", self.domain))
    }
}

/// The province of a demonstration that asked for no other: no real one has this code.
pub(crate) const PROVINCE_CODE: &str = "H99";

/// The agencies of a province, under a top-level name reserved for tests (RFC 2606). Two demonstrations that exchange with one another
/// have a province each.
fn agencies(province: &str) -> [Agency; 2] {
    let place = place(province);
    let agency = |number: usize, name, office: &str, clerk, leader| Agency {
        number,
        code: format!("{province}.0{number}"),
        code102: format!("000.00.0{number}.{province}"),
        name,
        domain: format!("{office}.{place}.test"),
        system_id: format!("qlvb.{office}.{place}"),
        clerk,
        leader,
    };
    [
        agency(
            1,
            "Sở Nội vụ tỉnh Mẫu",
            "sonoivu",
            ("Trần Thị Bình", "binhtt"),
            ("Nguyễn Văn Giám", "giamnv"),
        ),
        agency(2, "Sở Tài chính tỉnh Mẫu", "sotaichinh", ("Lê Thị Cúc", "cuclt"), ("Phạm Văn Đốc", "docpv")),
    ]
}

/// What a province is called in names of machines.
fn place(province: &str) -> String {
    if province == PROVINCE_CODE { "mau".to_owned() } else { province.to_ascii_lowercase() }
}

/// Whether a demonstration was made here.
pub(crate) fn exists(data: &Path) -> bool {
    data.join("demo.json").exists()
}

/// What `demo.json` holds.
pub(crate) fn read(data: &Path) -> anyhow::Result<Demo> {
    let path = data.join("demo.json");
    let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_json::from_slice(&json)?)
}

/// Where the demonstration's configuration lies.
pub(crate) fn config_file(data: &Path) -> PathBuf {
    data.join("congvan.toml")
}

/// Makes a demonstration. Its last act is to write `demo.json`; one that was cut short is refused, not guessed at.
pub(crate) async fn make(wanted: &Wanted) -> anyhow::Result<()> {
    let file = config_file(&wanted.data);
    if file.exists() {
        anyhow::bail!(
            "{} exists, but the demonstration in it is not complete: remove the directory and begin anew / \
             bản trình diễn chưa tạo xong, hãy xóa thư mục và làm lại",
            file.display()
        );
    }
    let config = configuration(wanted)?;
    write_private(&file, config.print()?.as_bytes())?;
    let config = Config::read(&file)?;
    let house = House::open(config).await?;
    let made = fill(&house, &wanted.province).await;
    let writer = house.writer.clone();
    drop(house);
    writer.wait().await;
    write_private(&wanted.data.join("demo.json"), &serde_json::to_vec_pretty(&made?)?)
}

fn configuration(wanted: &Wanted) -> anyhow::Result<Config> {
    let mut ports = Ports::new(wanted.free_ports);
    let mut config = Config::default();
    config.house.data = PathBuf::from(".");
    config.house.database.clone_from(&wanted.database);
    config.listen.smtp = vec![ports.next(2525)?];
    config.listen.submission = vec![ports.next(2587)?];
    config.listen.submissions = vec![ports.next(2465)?];
    config.listen.lmtp = vec![ports.next(2424)?];
    config.listen.imaps = vec![ports.next(2993)?];
    config.listen.imap = vec![ports.next(2143)?];
    config.listen.https = vec![ports.next(8443)?];
    config.listen.http = vec![ports.next(8080)?];
    let https = config.listen.https[0].port();
    config.http.public_url = format!("https://localhost:{https}");
    config.ledger.origin = format!("demo.{}.test/congvan", place(&wanted.province));
    config.upstream.organ_id = format!("truc.{}", wanted.province.to_ascii_lowercase());
    // The demonstration's own authority, and often: whoever tries things out does not wait ten minutes.
    config.ledger.timestamp_url = format!("http://{}/demo/tsa", config.listen.http[0]);
    config.ledger.timestamp_seconds = 2;
    Ok(config)
}

/// Addresses on this machine: the usual ports, or free ones.
struct Ports {
    /// From which on; any if it is 0.
    free: Option<u16>,
    /// How many have been looked at.
    tried: u16,
    /// Kept open until all are chosen, so that no port is chosen twice.
    held: Vec<TcpListener>,
}

impl Ports {
    fn new(free: Option<u16>) -> Self {
        Self { free, tried: 0, held: Vec::new() }
    }

    fn next(&mut self, usual: u16) -> anyhow::Result<SocketAddr> {
        let Some(first) = self.free else {
            return Ok(SocketAddr::from(([127, 0, 0, 1], usual)));
        };
        // Below the ports the kernel gives to outgoing connections: one of those could be taken before the doors open.
        for _ in 0..100 {
            let mut drawn = [0; 2];
            SystemChance::new().fill(&mut drawn);
            let port = match first {
                0 => 10_000 + u16::from_be_bytes(drawn) % 22_000,
                first => first.saturating_add(self.tried),
            };
            self.tried += 1;
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            if let Ok(listener) = TcpListener::bind(address) {
                self.held.push(listener);
                return Ok(address);
            }
        }
        anyhow::bail!("no free port / không còn cổng trống")
    }
}

/// Fills a new house with the demonstration's people, systems and certificates.
async fn fill(house: &House, province: &str) -> anyhow::Result<Demo> {
    let now = house.now();
    let files = Files::in_data(&house.config.house.data);
    let base_url = format!("http://{}", house.config.listen.http[0]);
    let maker = Maker {
        files: &files,
        chance: &*house.chance,
        now: now.secs(),
        base_url: &base_url,
        province: PROVINCE,
    };
    let KeyName::File(tls_key) = house.config.tls_key()? else {
        anyhow::bail!("the demonstration keeps its TLS key in a file");
    };
    let others: Vec<String> = agencies(province).iter().flat_map(Agency::served_names).collect();
    let tls = (&*house.config.tls_certificate(), &*tls_key);
    maker.make_authorities(&house.config.house.hostname, &others, tls)?;
    maker.make_stranger()?;
    let actor = trust::log::Actor { who: "congvan demo".to_owned(), at: now, reason: None };
    let anchors = maker.trust()?;
    trust::change(&house.config, &actor, |store| {
        anchors.anchors().iter().for_each(|anchor| {
            store.add(anchor.clone());
        });
        Ok(())
    })?;
    let mut demo =
        Demo { accounts: Vec::new(), systems: Vec::new(), log_key: LogKey::read(house)?.verifier()? };
    for agency in &agencies(province) {
        add_agency(house, agency, &mut demo, now).await?;
        add_signers(house, &maker, agency, now).await?;
    }
    Ok(demo)
}

async fn add_agency(house: &House, agency: &Agency, demo: &mut Demo, now: Timestamp) -> anyhow::Result<()> {
    let to_add = AgencyToAdd {
        code: agency.code.clone(),
        code102: Some(agency.code102.clone()),
        name: agency.name.to_owned(),
        domain: Some(agency.domain.clone()),
        ..AgencyToAdd::default()
    };
    let rules = directory::codes::CodeRules::default();
    directory::agencies::add_agency(&house.store, &rules, &to_add, "demo", now, &*house.chance).await?;
    let system = directory::agencies::add_system(
        &house.store,
        &agency.system_id,
        &agency.code,
        None,
        "demo",
        now,
        &*house.chance,
    )
    .await?;
    demo.systems.push(DemoSystem {
        system_id: system.system_id,
        secret: system.secret.expose_secret().clone(),
        agency: agency.code.clone(),
        name: agency.name.to_owned(),
    });
    for (role, position, (name, local)) in
        [(Role::Clerk, "Văn thư", agency.clerk), (Role::Leader, "Giám đốc", agency.leader)]
    {
        let password = directory::passwords::one_time(&*house.chance);
        let account = AccountToAdd {
            address: format!("{local}@{}", agency.domain),
            agency: agency.code.clone(),
            unit: None,
            kind: AccountKind::Person,
            role,
            display_name: Some(name.to_owned()),
            position: position.to_owned(),
            password: Some(directory::passwords::hash(&password, &*house.chance)?),
            // The demonstration's passwords are drawn and shown to whoever runs it.
            must_change_password: false,
        };
        let policy = directory::address::AddressPolicy::default();
        directory::accounts::add_account(&house.store, &policy, &account, "demo", now, &*house.chance)
            .await?;
        demo.accounts.push(DemoAccount {
            address: account.address,
            password: password.expose_secret().clone(),
            name: name.to_owned(),
            role: role.as_str().to_owned(),
            agency: agency.code.clone(),
        });
    }
    Ok(())
}

/// Certificates of an agency's leader and of its seal, registered as its signers (RULES D25).
async fn add_signers(
    house: &House,
    maker: &Maker<'_>,
    agency: &Agency,
    now: Timestamp,
) -> anyhow::Result<()> {
    let number = agency.number;
    let leader_file = format!("leader{number}");
    let leader = Holder {
        file: &leader_file,
        name: agency.leader.0,
        agency: agency.name,
        user_id: &format!("CCCD:00000000000{number}"),
        email: &format!("{}@{}", agency.leader.1, agency.domain),
        is_seal: false,
    };
    let seal_file = format!("seal{number}");
    let seal = Holder {
        file: &seal_file,
        name: agency.name,
        agency: agency.name,
        user_id: &format!("MST:000000000{number}"),
        email: &format!("vanthu@{}", agency.domain),
        is_seal: true,
    };
    for holder in [leader, seal] {
        let certificate = maker.make_holder(&holder)?;
        let fingerprint = *certificate.sha256().as_bytes();
        let input = (agency.code.clone(), fingerprint, holder.is_seal, holder.name.to_owned(), now);
        house
            .store
            .write("register a signer", input, |tx, (code, fingerprint, is_seal, holder, now)| {
                Box::pin(async move {
                    let code = code.parse().map_err(|_| store::Error::Refused("an agency code"))?;
                    let agency =
                        tx.agency_by_code(&code, *now).await?.ok_or(store::Error::NotFound("the agency"))?;
                    let signer = SignerCertificate {
                        agency_id: agency.agency_id,
                        fingerprint: *fingerprint,
                        role: if *is_seal { SignerRole::Seal } else { SignerRole::Leader },
                        holder: holder.clone(),
                        account_id: None,
                    };
                    tx.put_signer(&signer, *now).await
                })
            })
            .await?;
    }
    Ok(())
}

/// What the demonstration says when its doors are open.
pub(crate) fn greeting(demo: &Demo, config: &Config, data: &Path) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let first = |list: &[SocketAddr]| list.first().map(SocketAddr::to_string).unwrap_or_default();
    let listen = &config.listen;
    let config_file = config_file(data);
    // Writing to a String does not fail.
    let _ = write!(
        out,
        "\nBản trình diễn đang chạy / the demonstration is running (Ctrl-C: dừng / stop)\n\n\
         Cửa / doors\n  thư đến / mail in        smtp://{}\n  gửi thư / submission     smtps://{}  (STARTTLS: {})\n  \
         đọc thư / IMAP           imaps://{}  (STARTTLS: {})\n  \
         JMAP                     {}/.well-known/jmap\n  trục liên thông / VXP    {}/vxp\n  \
         kiểm tra / check         http://{}/kiem-tra\n  số liệu / metrics        http://{}/metrics\n\nĐăng nhập / sign-ins\n",
        first(&listen.smtp),
        first(&listen.submissions),
        first(&listen.submission),
        first(&listen.imaps),
        first(&listen.imap),
        config.http.public_url,
        config.http.public_url,
        first(&listen.http),
        first(&listen.http),
    );
    for account in &demo.accounts {
        let _ = writeln!(
            out,
            "  {:<28} {}   {} ({})",
            account.address, account.password, account.name, account.agency
        );
    }
    let _ = writeln!(out, "\nHệ thống / systems");
    for system in &demo.systems {
        let _ = writeln!(out, "  {:<28} {}   {}", system.system_id, system.secret, system.agency);
    }
    let province = demo.systems.first().and_then(|system| system.agency.split('.').next());
    let [sender, receiver] = agencies(province.unwrap_or(PROVINCE_CODE));
    let clerk = demo.accounts.last().map_or("", |account| account.address.as_str());
    let config_file = config_file.display();
    let program =
        std::env::current_exe().map_or_else(|_| "congvan".to_owned(), |path| path.display().to_string());
    let _ = write!(
        out,
        "\nThử ngay / try next, in another terminal\n  \
         {program} --config {config_file} demo mail --to {clerk}\n  \
         {program} --config {config_file} demo send --from {} --to {}\n  \
         {program} --config {config_file} account add annv@{} --agency {} --role staff\n\n",
        sender.code, receiver.code, sender.domain, sender.code,
    );
    out
}
