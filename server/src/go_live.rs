//! What has to be in order before official documents go through here (RULES R58, A1): the check-list that production asks for.
//! `congvan go-live` shows it, and in the mode "production" the server does not open its doors while something of it is missing.

use std::path::Path;

use mail::Timestamp;
use registry::calendar::{Written, day_of};
use serde::Serialize;
use store::RegulationKind;

use crate::config::Config;
use crate::house::House;
use crate::{demo, tls};

/// Names that nobody else can call this machine by (RFC 6761, RFC 2606).
const NO_NAMES: [&str; 6] = ["localhost", "test", "example", "invalid", "local", "localdomain"];
/// Run-files of the programs that keep a machine's clock: systemd-timesyncd, chrony, ntpd.
const CLOCK_KEEPERS: [&str; 4] =
    ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/chronyd.pid", "/run/ntpd.pid"];

/// An item of the check-list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Item {
    /// Stable.
    pub(crate) code: &'static str,
    /// Whether it is in order.
    pub(crate) ok: bool,
    pub(crate) vi: &'static str,
    pub(crate) en: &'static str,
}

fn item(code: &'static str, ok: bool, vi: &'static str, en: &'static str) -> Item {
    Item { code, ok, vi, en }
}

/// The whole check-list, in a fixed order.
pub(crate) async fn check_list(house: &House) -> anyhow::Result<Vec<Item>> {
    let now = house.now();
    let mut items = of_configuration(&house.config);
    items.push(certificate(&house.config, now).await);
    items.extend(of_data(house, now).await?);
    Ok(items)
}

/// What the configuration says.
fn of_configuration(config: &Config) -> Vec<Item> {
    let operation = &config.operation;
    let last = config.house.hostname.rsplit('.').next().unwrap_or_default();
    let has_name = config.house.hostname.contains('.') && !NO_NAMES.contains(&last);
    let has_keeper = CLOCK_KEEPERS.iter().any(|file| Path::new(file).exists());
    vec![
        item(
            "go-live.dossier",
            !operation.dossier.trim().is_empty() && !operation.approved_by.trim().is_empty(),
            "Chưa ghi hồ sơ đề xuất cấp độ và quyết định phê duyệt: operation.dossier, operation.approved_by (QĐ 28/2018 Đ13.1).",
            "The security-level dossier and its approval are not named: operation.dossier, operation.approved_by.",
        ),
        item(
            "go-live.level",
            (2..=5).contains(&operation.level),
            "Chưa ghi cấp độ an toàn đã được phê duyệt (2 đến 5): operation.level.",
            "The approved security level is not given (2 to 5): operation.level.",
        ),
        item(
            "go-live.name",
            has_name,
            "house.hostname không phải tên máy mà nơi khác gọi được.",
            "house.hostname is no name that others can call this machine by.",
        ),
        item(
            "go-live.https",
            !config.listen.https.is_empty() || !config.listen.http.is_empty(),
            "Chưa mở cửa trao đổi văn bản: listen.https, hoặc listen.http sau cổng TLS trên cùng máy (Đ13.2).",
            "No door of the exchange is open: listen.https, or listen.http behind a front that ends TLS on this machine.",
        ),
        item(
            "go-live.signatures",
            config.exchange.signatures == "required",
            "exchange.signatures không phải required: văn bản thiếu chữ ký số vẫn được nhận.",
            "exchange.signatures is not required: documents without signatures are taken.",
        ),
        item(
            "go-live.clock",
            has_keeper || !operation.clock_kept_by.trim().is_empty(),
            "Không thấy chương trình đồng bộ giờ; nếu máy chủ vật lý giữ giờ, ghi operation.clock_kept_by (Đ14.4).",
            "No program that keeps the clock was found; where the host keeps it, say so in operation.clock_kept_by.",
        ),
        item(
            "go-live.backup",
            config.backup.is_scheduled(),
            "Chưa đặt lịch sao lưu: backup.to, backup.passphrase (Đ19.1.đ).",
            "No backups are scheduled: backup.to, backup.passphrase.",
        ),
        item(
            "go-live.demonstration",
            !demo::exists(&config.house.data),
            "Dữ liệu là của bản trình diễn.",
            "The data is that of a demonstration.",
        ),
    ]
}

/// The certificate of this machine: there where a door needs it, for our name, in its time, and issued by somebody else.
async fn certificate(config: &Config, now: Timestamp) -> Item {
    let (vi, en) = (
        "Chứng thư TLS không có, tự ký, hết hạn, hoặc không dành cho house.hostname.",
        "The TLS certificate is not there, signed by itself, over, or not for house.hostname.",
    );
    let own = tls::own_key(config).await;
    let ok = match &own {
        Ok(Some(own)) => own.chain.first().is_some_and(|leaf| {
            leaf.not_after() > now.secs()
                && leaf.not_before() <= now.secs()
                && leaf.issuer() != leaf.subject()
                && names(leaf, &config.house.hostname)
        }),
        Ok(None) => config.listen.https.is_empty(),
        Err(_) => false,
    };
    item("go-live.certificate", ok, vi, en)
}

/// Whether a certificate is for a host: by its name, or by that of its domain and an asterisk (RFC 9525 §6.3).
fn names(leaf: &certs::Certificate, host: &str) -> bool {
    let above = host.split_once('.').map(|(_, above)| above);
    leaf.dns_names().any(|name| {
        name.eq_ignore_ascii_case(host)
            || name
                .strip_prefix("*.")
                .is_some_and(|of| above.is_some_and(|above| above.eq_ignore_ascii_case(of)))
    })
}

/// What has been recorded.
async fn of_data(house: &House, now: Timestamp) -> anyhow::Result<Vec<Item>> {
    let day = Written(day_of(now)).to_string();
    let read = house.store.read(day, |tx, day| {
        Box::pin(async move {
            let has_agency = !tx.agencies_page(None, now, 1).await?.is_empty();
            let has_rules = tx.has_regulation(RegulationKind::Regulation, day).await?;
            Ok::<_, store::Error>((has_agency, has_rules))
        })
    });
    let (has_agency, has_rules) = read.await?;
    let anchors =
        std::fs::read_dir(house.config.trust()).map(|files| files.flatten().count()).unwrap_or_default();
    Ok(vec![
        item(
            "go-live.agency",
            has_agency,
            "Chưa đăng ký cơ quan nào (mã định danh, Đ10.2.a).",
            "No agency is registered.",
        ),
        item(
            "go-live.trust",
            anchors > 0,
            "Chưa có gốc tin cậy để kiểm tra chữ ký số chuyên dùng công vụ: congvan trust add.",
            "There is no trust anchor to judge signatures by: congvan trust add.",
        ),
        item(
            "go-live.regulation",
            has_rules,
            "Chưa ghi quy chế gửi, nhận văn bản điện tử đang có hiệu lực: congvan regulation add (Đ19.1.a).",
            "No regulation on exchanging documents that holds today is recorded: congvan regulation add.",
        ),
    ])
}

/// In the mode "production" everything of the check-list is in order, or the doors stay closed.
///
/// # Errors
/// What is missing.
pub(crate) async fn require(house: &House) -> anyhow::Result<()> {
    if house.config.operation.mode != "production" {
        return Ok(());
    }
    let missing: Vec<String> = check_list(house)
        .await?
        .into_iter()
        .filter(|item| !item.ok)
        .map(|item| format!("{}: {} / {}", item.code, item.vi, item.en))
        .collect();
    anyhow::ensure!(
        missing.is_empty(),
        "operation.mode is production, and the check-list is not done (chế độ chính thức, còn thiếu):\n{}",
        missing.join("\n")
    );
    Ok(())
}
