//! `congvan cert inventory`: whose certificates there are, and which end soon (RULES D25).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use certs::public_service::{self, Holder};
use certs::{Certificate, Fingerprint};
use clap::Args;
use mail::Timestamp;
use serde_json::{Value, json};

use super::readable;
use crate::cli::{self, Outcome, files};
use crate::config::Config;
use crate::house::House;
use crate::trust;

const DAY: i64 = 86_400;
/// Without an agency of the directory, a certificate stands under its own organisation.
const INSTALLATION: &str = "Hệ thống này / This installation";

#[derive(Args)]
pub(in crate::cli) struct Inventory {
    /// Certificates, PEM or DER, or directories of them. Left out: the installation's directory "certificates", its anchors
    /// and its own TLS certificate.
    paths: Vec<PathBuf>,
    /// Judge ends as if it were this moment.
    #[arg(long, value_parser = files::moment)]
    time: Option<Timestamp>,
    /// Days of notice, the longest first.
    #[arg(long, value_delimiter = ',', default_values_t = [90, 30, 7])]
    notice: Vec<u32>,
    /// Only certificates that have ended or end within the longest notice.
    #[arg(long)]
    ending: bool,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Where a certificate stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Ended,
    /// Ends within so many days of notice.
    Ending(u32),
    Good,
    NotYet,
}

impl Standing {
    fn of(certificate: &Certificate, now: i64, notice: &[u32]) -> Self {
        let left = certificate.not_after().saturating_sub(now);
        if left < 0 {
            return Self::Ended;
        }
        if now < certificate.not_before() {
            return Self::NotYet;
        }
        let within = notice.iter().copied().filter(|days| left < i64::from(*days) * DAY).min();
        within.map_or(Self::Good, Self::Ending)
    }

    fn code(self) -> String {
        match self {
            Self::Ended => "ended".to_owned(),
            Self::Ending(days) => format!("ends-within-{days}"),
            Self::Good => "good".to_owned(),
            Self::NotYet => "not-yet-valid".to_owned(),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Ended => "ĐÃ HẾT HẠN / ENDED".to_owned(),
            Self::Ending(days) => format!("HẾT HẠN TRONG {days} NGÀY / ENDS WITHIN {days} DAYS"),
            Self::Good => "còn hạn / good".to_owned(),
            Self::NotYet => "chưa có hiệu lực / not yet valid".to_owned(),
        }
    }
}

/// What the directory knows of a certificate.
#[derive(Clone, Debug, Default)]
struct Registered {
    agency: String,
    role: &'static str,
    holder: String,
}

type Register = HashMap<Fingerprint, Registered>;

/// One certificate, placed.
struct Item {
    group: String,
    certificate: Certificate,
    standing: Standing,
    registered: Option<Registered>,
}

impl Inventory {
    pub(super) fn run(self, config: &Path) -> Outcome {
        let config_file = config;
        let config = files::configuration(config)?;
        anyhow::ensure!(
            config.is_some() || !self.paths.is_empty(),
            "name certificates, or an installation with --config (cần tệp chứng thư hoặc tệp cấu hình)"
        );
        let register = match &config {
            Some(_) => registered(config_file)?,
            None => Register::new(),
        };
        let found = self.certificates(config.as_ref())?;
        let now = self.time.unwrap_or_else(files::now).secs();
        let (items, missing) = place(found, register, now, &self.notice);
        let shortest = self.notice.iter().min().copied().unwrap_or(0);
        let urgent = items.iter().any(|item| item.standing <= Standing::Ending(shortest));
        let shown: Vec<&Item> = items
            .iter()
            .filter(|item| !self.ending || matches!(item.standing, Standing::Ended | Standing::Ending(_)))
            .collect();
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(&json(&shown, &missing, now))?),
            false => print!("{}", text(&shown, &missing, now)),
        }
        Ok(ExitCode::from(u8::from(urgent)))
    }

    /// With the group each belongs to when nobody registered it.
    fn certificates(
        &self,
        config: Option<&Config>,
    ) -> anyhow::Result<Vec<(Certificate, Option<&'static str>)>> {
        let mut found = Vec::new();
        for path in &self.paths {
            found.extend(files::certificates_in(path)?.into_iter().map(|certificate| (certificate, None)));
        }
        let Some(config) = config.filter(|_| self.paths.is_empty()) else { return Ok(found) };
        let kept = config.house.data.join("certificates");
        if kept.is_dir() {
            found.extend(files::certificates_in(&kept)?.into_iter().map(|certificate| (certificate, None)));
        }
        let anchors = trust::read(config)?;
        let anchors = anchors.anchors().iter().map(|anchor| anchor.certificate().clone());
        found.extend(anchors.map(|certificate| (certificate, Some(INSTALLATION))));
        if config.tls_certificate().exists() {
            let chain = files::certificates(&config.tls_certificate())?;
            found.extend(chain.into_iter().take(1).map(|certificate| (certificate, Some(INSTALLATION))));
        }
        Ok(found)
    }
}

/// Whose signatures count for which agency, as the installation's directory has it.
fn registered(config: &Path) -> anyhow::Result<Register> {
    let found = std::sync::Arc::new(std::sync::Mutex::new(Register::new()));
    let filled = found.clone();
    cli::on_data(config, |house| async move {
        let register = read_register(&house).await?;
        *filled.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = register;
        Ok(ExitCode::SUCCESS)
    })?;
    let register = std::mem::take(&mut *found.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok(register)
}

async fn read_register(house: &House) -> anyhow::Result<Register> {
    let now = house.now();
    let rows = house
        .store
        .read((), |tx, ()| {
            Box::pin(async move {
                let mut rows = Vec::new();
                for agency in tx.agencies(now).await? {
                    let name = format!("{} ({})", agency.name, agency.code);
                    let signers = tx.signers(agency.agency_id, now).await?;
                    rows.extend(signers.into_iter().map(|signer| (name.clone(), signer)));
                }
                Ok::<_, store::Error>(rows)
            })
        })
        .await?;
    let mut register = Register::new();
    for (agency, signer) in rows {
        let hex: String = signer.fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        let Ok(fingerprint) = hex.parse() else { continue };
        let role = signer.role.as_str();
        register.insert(fingerprint, Registered { agency, role, holder: signer.holder });
    }
    Ok(register)
}

/// Puts each certificate under its agency, those that end first before the others; and what the directory knows that is not
/// at hand.
fn place(
    found: Vec<(Certificate, Option<&'static str>)>,
    mut register: Register,
    now: i64,
    notice: &[u32],
) -> (Vec<Item>, Vec<(Fingerprint, Registered)>) {
    let mut items: Vec<Item> = Vec::new();
    for (certificate, home) in found {
        if items.iter().any(|item| item.certificate == certificate) {
            continue;
        }
        let registered = register.remove(&certificate.sha256());
        let own = certificate.subject().organization().unwrap_or("?").to_owned();
        let group = registered.as_ref().map(|known| known.agency.clone());
        let group = group.or(home.map(str::to_owned)).unwrap_or(own);
        let standing = Standing::of(&certificate, now, notice);
        items.push(Item { group, certificate, standing, registered });
    }
    items.sort_by(|left, right| {
        (&left.group, left.certificate.not_after()).cmp(&(&right.group, right.certificate.not_after()))
    });
    let mut missing: Vec<(Fingerprint, Registered)> = register.into_iter().collect();
    missing.sort_by(|left, right| (&left.1.agency, left.0).cmp(&(&right.1.agency, right.0)));
    (items, missing)
}

fn days_left(certificate: &Certificate, now: i64) -> i64 {
    certificate.not_after().saturating_sub(now).div_euclid(DAY)
}

fn holder(item: &Item) -> (&'static str, &'static str) {
    let role = item.registered.as_ref().map(|known| known.role);
    match (role, public_service::facts(&item.certificate).holder) {
        (Some("leader"), _) => ("person", "người ký / person"),
        (Some(_), _) | (None, Holder::Agency) => ("agency", "cơ quan / agency"),
        (None, Holder::Person) => ("person", "cá nhân / person"),
        (None, Holder::Unknown) => ("unknown", "không rõ / unknown"),
    }
}

fn text(items: &[&Item], missing: &[(Fingerprint, Registered)], now: i64) -> String {
    let mut out = String::new();
    let mut group = None;
    for item in items {
        if group != Some(&item.group) {
            out += &format!("{}\n", files::plain(&item.group));
            group = Some(&item.group);
        }
        let until = Timestamp::from_secs(item.certificate.not_after()).to_rfc3339_vietnam();
        out += &format!(
            "  {} · {}\n    {}\n    {until} ({} ngày / days) · {}\n",
            files::plain(&readable(item.certificate.subject())),
            holder(item).1,
            item.certificate.sha256(),
            days_left(&item.certificate, now),
            item.standing.words(),
        );
    }
    let mut group = None;
    for (fingerprint, known) in missing {
        if group != Some(&known.agency) {
            out += &format!("{}\n", files::plain(&known.agency));
            group = Some(&known.agency);
        }
        out += &format!(
            "  {} · {}\n    {fingerprint}\n    Đã đăng ký nhưng không có tệp chứng thư / registered, but the certificate is not at hand\n",
            files::plain(&known.holder),
            known.role,
        );
    }
    out
}

fn json(items: &[&Item], missing: &[(Fingerprint, Registered)], now: i64) -> Value {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        *counts.entry(item.standing.code()).or_default() += 1;
    }
    let certificates = items.iter().map(|item| {
        let facts = public_service::facts(&item.certificate);
        json!({
            "agency": item.group,
            "registered": item.registered.is_some(),
            "holder": holder(item).0,
            "subject": readable(item.certificate.subject()),
            "mailboxes": facts.mailboxes,
            "departures": facts.departures,
            "public_service": facts.has_policy,
            "sha256": item.certificate.sha256(),
            "issuer": readable(item.certificate.issuer()),
            "not_before": Timestamp::from_secs(item.certificate.not_before()).to_rfc3339_vietnam(),
            "not_after": Timestamp::from_secs(item.certificate.not_after()).to_rfc3339_vietnam(),
            "days_left": days_left(&item.certificate, now),
            "standing": item.standing.code(),
        })
    });
    let missing = missing.iter().map(|(fingerprint, known)| {
        json!({ "agency": known.agency, "holder": known.holder, "role": known.role, "sha256": fingerprint })
    });
    json!({
        "at": Timestamp::from_secs(now).to_rfc3339_vietnam(),
        "counts": counts,
        "certificates": certificates.collect::<Vec<_>>(),
        "registered_but_not_at_hand": missing.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use certs::Serial;
    use certs::issue::{self, Authority, Subject, Validity};
    use certs::keys::{Key, Size};

    const NOW: i64 = 1_790_000_000;

    fn certificate(unit: &str, uid: &str, from: i64, until: i64) -> Certificate {
        let key = Key::generate(Size::P256).unwrap();
        let ca = Subject::vietnamese("THỬ NGHIỆM", "CA").name().unwrap();
        let life = Validity { from: 0, until: 4_000_000_000 };
        let root = issue::root(&ca, key.public(), Serial::from_u64(1), life).self_signed(&key).unwrap();
        let subject = Subject::vietnamese("TỈNH MẪU", unit).user_id(uid).name().unwrap();
        let life = Validity { from, until };
        let draft = issue::agency_seal(&subject, key.public(), Serial::from_u64(2), life, "vt@mau.gov.vn");
        let ca = Authority::new(root, key).unwrap();
        draft.signed_by(&ca).unwrap()
    }

    #[test]
    fn d25_the_ladder_of_ninety_thirty_and_seven_days() {
        #[rustfmt::skip]
        let rows = [
            (NOW - 9,         NOW - 1,            Standing::Ended),
            (NOW - 9,         NOW,                Standing::Ending(7)),
            (NOW - 9,         NOW + 7 * DAY - 1,  Standing::Ending(7)),
            (NOW - 9,         NOW + 7 * DAY,      Standing::Ending(30)),
            (NOW - 9,         NOW + 30 * DAY - 1, Standing::Ending(30)),
            (NOW - 9,         NOW + 89 * DAY,     Standing::Ending(90)),
            (NOW - 9,         NOW + 90 * DAY,     Standing::Good),
            (NOW + 1,         NOW + 900 * DAY,    Standing::NotYet),
        ];
        for (from, until, expected) in rows {
            let certificate = certificate("Văn phòng", "MST:0100", from, until);
            assert_eq!(Standing::of(&certificate, NOW, &[90, 30, 7]), expected, "{from} {until}");
        }
        assert!(Standing::Ended < Standing::Ending(7) && Standing::Ending(7) < Standing::Ending(30));
    }

    #[test]
    fn d25_the_directory_says_whose_a_certificate_is_and_no_number_is_shown() {
        let seal = certificate("Văn phòng UBND", "MST:0100109106", NOW - 9, NOW + 20 * DAY);
        let leader = certificate("Nguyễn Văn An", "CCCD:001099000001", NOW - 9, NOW + 200 * DAY);
        let known =
            Registered { agency: "UBND tỉnh Mẫu (H99)".to_owned(), role: "seal", holder: String::new() };
        let gone: Fingerprint = "ab".repeat(32).parse().unwrap();
        let register = Register::from([(seal.sha256(), known.clone()), (gone, known)]);
        let found = vec![(leader.clone(), None), (seal.clone(), None), (seal, None)];
        let (items, missing) = place(found, register, NOW, &[90, 30, 7]);
        assert_eq!((items.len(), missing.len()), (2, 1));
        let shown: Vec<&Item> = items.iter().collect();
        let value = json(&shown, &missing, NOW);
        assert_eq!(value["counts"], json!({ "ends-within-30": 1, "good": 1 }));
        assert_eq!(value["certificates"][0]["agency"], "TỈNH MẪU");
        assert_eq!(value["certificates"][0]["holder"], "person");
        assert_eq!(value["certificates"][1]["agency"], "UBND tỉnh Mẫu (H99)");
        assert_eq!(value["certificates"][1]["days_left"], 20);
        let told = text(&shown, &missing, NOW) + &value.to_string();
        assert!(!told.contains("0100109106") && !told.contains("001099"), "{told}");
    }
}
