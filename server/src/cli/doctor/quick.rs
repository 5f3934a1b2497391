//! What can be seen in a second: the schema, the keys, the disk, the certificate, the name, the clock, the outbox, the newest checkpoint.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use mail::Secret;
use registry::receipt::open_checkpoint;
use store::Place;

use super::Telling;
use crate::config::Config;
use crate::house::House;
use crate::proof::LogVerifier;
use crate::sequencer::LogKey;
use crate::{backup, dns, tls};

/// Free bytes below which work will soon stop.
const DISK_FREE_MIN: u64 = 512 * 1024 * 1024;
/// A certificate that ends sooner has to be renewed now.
const CERTIFICATE_MIN: Duration = Duration::from_secs(14 * 86_400);
/// Nothing that is due waits so long while somebody carries (RFC 5321 §4.5.4.1 has thirty minutes between attempts).
const WAIT_MAX: Duration = Duration::from_secs(3_600);
/// Clocks of nodes may differ by so much.
const CLOCK_MAX: Duration = Duration::from_secs(300);

/// Looks at what opening would make or change; whether the data may be opened.
pub(super) async fn before_opening(config: &Config, telling: &mut Telling) -> anyhow::Result<bool> {
    let database = config.house.data.join("congvan.db");
    let place = match config.house.database.as_str() {
        "sqlite" if !database.exists() => {
            telling.find(
                "database-missing",
                database.display(),
                "Không có cơ sở dữ liệu.",
                "There is no database.",
            );
            return Ok(false);
        }
        "sqlite" => Place::Sqlite(database),
        url => Place::Postgres(Secret::from(url)),
    };
    let has_key = key_file(&config.master_key(), "master-key", telling);
    let (have, newest) = store::doctor::schema(&place).await.context("the database does not answer")?;
    if have != newest {
        telling.find(
            "schema-version",
            format!("{have}, {newest}"),
            "Lược đồ cơ sở dữ liệu không phải của phiên bản này; khởi động để nâng cấp.",
            "The schema is not this version's; starting the server brings it up to date.",
        );
    }
    Ok(has_key && have == newest)
}

/// A key file is there, and nobody else can read it.
fn key_file(path: &Path, code: &'static str, telling: &mut Telling) -> bool {
    let Ok(facts) = std::fs::metadata(path) else {
        telling.find(code, path.display(), "Không có tệp khóa.", "There is no key file.");
        return false;
    };
    if facts.permissions().mode() & 0o077 != 0 {
        telling.find(
            code,
            path.display(),
            "Người khác trên máy đọc được tệp khóa.",
            "Others on this machine can read the key file.",
        );
    }
    true
}

/// The rest.
pub(super) async fn of_the_house(house: &House, telling: &mut Telling) -> anyhow::Result<()> {
    disks(house, telling)?;
    certificate(house, telling).await?;
    name(house, telling).await;
    vital_signs(house, telling).await?;
    smart_hosts(house, telling).await?;
    let state = backup::read_state(house).await?;
    for (code, at, vi, en) in backup::late(&house.config, &state, house.now()) {
        telling.find(code, at, vi, en);
    }
    checkpoint(house, telling).await
}

fn disks(house: &House, telling: &mut Telling) -> anyhow::Result<()> {
    for folder in [house.config.house.data.clone(), house.config.blobs()] {
        let disk = rustix::fs::statvfs(&folder)
            .with_context(|| format!("cannot look at the disk of {}", folder.display()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < DISK_FREE_MIN {
            let at = format!("{}: {} MiB", folder.display(), free / (1024 * 1024));
            telling.find("disk-space", at, "Đĩa sắp đầy.", "The disk is nearly full.");
        }
    }
    Ok(())
}

async fn certificate(house: &House, telling: &mut Telling) -> anyhow::Result<()> {
    let Some(own) = tls::own_key(&house.config).await? else { return Ok(()) };
    let soon = house.now().plus(CERTIFICATE_MIN).secs();
    for certificate in own.chain.iter().filter(|certificate| certificate.not_after() < soon) {
        let ends = mail::Timestamp::from_secs(certificate.not_after()).to_rfc3339_vietnam();
        telling.find(
            "certificate-expiry",
            ends,
            "Chứng thư TLS đã hoặc sắp hết hạn.",
            "The TLS certificate has ended or is about to.",
        );
    }
    Ok(())
}

/// Whether DNS answers at all, asked for our own name.
async fn name(house: &House, telling: &mut Telling) {
    let host = house.config.house.hostname.as_str();
    let found = match dns::resolver(&house.config) {
        Ok(resolver) => resolver.lookup_ip(host).await.is_ok_and(|found| found.iter().next().is_some()),
        Err(_) => false,
    };
    if !found {
        telling.find(
            "dns",
            host,
            "DNS không trả lời, hoặc không có địa chỉ cho tên máy này.",
            "DNS does not answer, or has no address for the name of this machine.",
        );
    }
}

async fn vital_signs(house: &House, telling: &mut Telling) -> anyhow::Result<()> {
    let now = house.now();
    let signs = house.store.read((), |tx, ()| Box::pin(async move { tx.vital_signs(now).await })).await?;
    if let Some(since) = signs.0.filter(|since| now.since(*since) > WAIT_MAX) {
        telling.find(
            "outbox-waits",
            since.to_rfc3339_vietnam(),
            "Thư đến hạn gửi đã lâu mà không ai chuyển.",
            "Something that is due has waited long, and nobody carries it.",
        );
    }
    if let Some(newest) = signs.1.filter(|newest| newest.since(now) > CLOCK_MAX) {
        telling.find(
            "clock-behind",
            newest.to_rfc3339_vietnam(),
            "Đồng hồ chậm hơn dữ liệu đã ghi.",
            "The clock is behind what was written.",
        );
    }
    Ok(())
}

/// Smart hosts take our sign-in.
async fn smart_hosts(house: &House, telling: &mut Telling) -> anyhow::Result<()> {
    let routes = house.store.read((), |tx, ()| Box::pin(async move { tx.routes().await })).await;
    let routes: Vec<store::Route> = routes.map_err(|error: store::Error| anyhow::anyhow!(error))?;
    for route in routes.iter().filter(|route| route.refused_at.is_some()) {
        telling.find(
            "route-refused",
            format!("{} → {}", route.set.domain, route.set.target),
            "Máy chủ chuyển tiếp từ chối đăng nhập; thư đang chờ.",
            "The smart host refuses our sign-in; mail waits.",
        );
    }
    Ok(())
}

/// The newest checkpoint is signed by our own key.
async fn checkpoint(house: &House, telling: &mut Telling) -> anyhow::Result<()> {
    let newest = house
        .store
        .read((), |tx, ()| {
            Box::pin(async move {
                let shards = tx.shards().await?;
                let Some(shard) = shards.last() else { return Ok(None) };
                let newest = tx.newest_checkpoint_of(shard.shard_no).await?;
                Ok::<_, store::Error>(newest.map(|newest| (shard.origin.clone(), newest)))
            })
        })
        .await?;
    let Some((origin, newest)) = newest else { return Ok(()) };
    if !key_file(&house.config.ledger_key(), "ledger-key", telling) {
        return Ok(());
    }
    let key = LogVerifier(LogKey::read(house)?.verifier()?.parse()?);
    if open_checkpoint(&key, &origin, &newest.note).is_none() {
        telling.find(
            "ledger-checkpoint",
            newest.tree_size,
            "Mốc mới nhất của sổ không được ký bằng khóa này.",
            "The newest checkpoint is not signed by this key.",
        );
    }
    Ok(())
}
