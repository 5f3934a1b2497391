//! One signature of the report.

use super::words::{self, Headline, Lang};
use super::{Extra, escape, moment, reason_item, row, shown};
use crate::coverage::Coverage;
use crate::judge::{Integrity, Missing, Role, SignatureReport, TimeSource};
use certs::revocation::Source;
use mail::Timestamp;
use std::fmt::Write;

/// Names of covered parts that a page lists.
const NAMES_MAX: usize = 20;

/// A line under the verdict: who signed, as what, when.
pub(super) fn who_and_when(one: &SignatureReport, lang: Lang) -> Option<String> {
    if one.role == Role::Timestamp {
        return None;
    }
    let name = one.signer_name.as_deref().or(one.signer.as_deref())?;
    let time = one.time.map(|time| format!(", {}", moment(time))).unwrap_or_default();
    let role = words::role(one.role, lang);
    Some(format!("<li><strong>{}</strong> – {role}{time}</li>\n", shown(name)))
}

/// Whether nobody but the signer says when.
pub(super) fn is_time_only_claimed(one: &SignatureReport) -> bool {
    one.role != Role::Timestamp
        && one.integrity == Integrity::Intact
        && one.time_source == TimeSource::Claimed
}

/// One thing that is missing, as a list item.
pub(super) fn missing_item(number: usize, missing: &Missing, lang: Lang) -> String {
    let (what, of) = match missing {
        Missing::Issuer { of, .. } => (
            lang.pick(
                "không tìm được chứng thư số của cơ quan cấp, nên chưa nối được tới gốc tin cậy",
                "the issuer's certificate was not found, so no path leads to a trusted root",
            ),
            of,
        ),
        Missing::Revocation { of, .. } => (
            lang.pick(
                "không lấy được thông tin thu hồi (CRL, OCSP) của chứng thư số",
                "no word about revocation (CRL, OCSP) could be had for the certificate",
            ),
            of,
        ),
    };
    let label = lang.pick("Chữ ký", "Signature");
    format!(
        "<li>{label} {number}: {what} <code>{}…</code>.</li>\n",
        of.to_string().get(..16).unwrap_or_default()
    )
}

/// Everything about one signature.
pub(super) fn card(out: &mut String, number: usize, one: &SignatureReport, lang: Lang, extra: &Extra) {
    let headline = Headline::of_verdict(one.verdict);
    let nobody = lang.pick("Không rõ người ký", "Unknown signer");
    let title = one.signer_name.as_deref().or(one.signer.as_deref()).map_or(nobody.to_owned(), shown);
    let _ = write!(
        out,
        "<article class=\"signature {}\">\n<h3>{}<span>{number}. {title}</span> <span class=\"badge\">{}</span></h3>\n<dl>\n",
        headline.css(),
        headline.icon(),
        headline.word(lang),
    );
    if let Some(signer) = &one.signer {
        row(out, lang.pick("Ai ký", "Who signed"), &name(signer));
    }
    row(out, lang.pick("Vai trò", "Role"), words::role(one.role, lang));
    let fingerprint = one.certificate.as_ref().map(|c| c.sha256.to_string()).unwrap_or_default();
    if let Some((_, agency)) = extra.registered.iter().find(|(known, _)| *known == fingerprint) {
        row(out, lang.pick("Đã đăng ký tại đây cho", "Registered here for"), &shown(agency));
    }
    let time = one.time.map_or(lang.pick("Không rõ", "Unknown").to_owned(), moment);
    row(out, lang.pick("Lúc nào", "When"), &time);
    row(out, lang.pick("Theo đồng hồ nào", "By which clock"), words::clock(one.time_source, lang));
    if let Some(claimed) = one.claimed_time.filter(|claimed| one.time != Some(*claimed)) {
        row(out, lang.pick("Người ký tự khai", "Claimed by the signer"), &moment(claimed));
    }
    row(out, lang.pick("Tính toàn vẹn", "Integrity"), words::integrity(one.integrity, lang));
    row(out, lang.pick("Phủ đến đâu", "What it covers"), covers(one, lang));
    if !one.covers.is_empty() {
        let names: Vec<String> = one.covers.iter().take(NAMES_MAX).map(|name| shown(name)).collect();
        row(out, lang.pick("Gồm các phần", "Namely"), &names.join(", "));
    }
    if let Some(reason) = &one.stated_reason {
        row(out, lang.pick("Lý do ký (người ký ghi)", "Reason (as the signer wrote it)"), &shown(reason));
    }
    if let Some(certificate) = &one.certificate {
        row(out, lang.pick("Chứng thư số do", "Certificate from"), &name(&certificate.issuer));
    }
    out.push_str("</dl>\n");
    list(out, lang.pick("Vì sao", "Why"), "why", one.reasons.iter().map(|r| item(r, lang)));
    list(out, lang.pick("Ghi chú", "Notes"), "notes", one.notes.iter().map(|r| item(r, lang)));
    list(
        out,
        lang.pick("Còn thiếu", "Missing"),
        "missing",
        one.missing.iter().map(|missing| missing_item(number, missing, lang)),
    );
    technical(out, one, lang, extra.is_open);
    out.push_str("</article>\n");
}

/// What an expert asks next, folded away on a screen.
fn technical(out: &mut String, one: &SignatureReport, lang: Lang, is_open: bool) {
    let open = if is_open { " open" } else { "" };
    let title = lang.pick("Chi tiết kỹ thuật", "Technical details");
    let _ = writeln!(out, "<details{open}>\n<summary>{title}</summary>\n<dl>");
    certificate(out, one, lang);
    row(out, lang.pick("Bằng chứng thu hồi", "Revocation evidence"), &evidence(one, lang));
    let sub = one.sub_indication.map(|sub| format!(" / {}", words::sub_indication(sub))).unwrap_or_default();
    let indication = words::indication(one.indication);
    row(out, lang.pick("Theo ETSI EN 319 102-1", "By ETSI EN 319 102-1"), &format!("{indication}{sub}"));
    if let Some(algorithm) = &one.algorithm {
        row(out, lang.pick("Thuật toán", "Algorithm"), &escape(algorithm));
    }
    if let Some(profile) = one.profile {
        row(out, lang.pick("Dạng chữ ký", "Profile"), &escape(profile));
    }
    let field = format!("{} ({})", shown(&one.field), words::kind(one.kind, lang));
    row(out, lang.pick("Vị trí trong tệp", "Where in the file"), &field);
    out.push_str("</dl>\n</details>\n");
}

/// `CN=Nguyễn Văn A, OU=Sở Nội vụ` as people write it: `Nguyễn Văn A, Sở Nội vụ`; a part that repeats the one before it
/// is left out.
fn name(readable: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in readable.split(", ") {
        let part = ["CN=", "T=", "OU=", "O=", "L=", "C="]
            .iter()
            .find_map(|label| part.strip_prefix(label))
            .unwrap_or(part);
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    shown(&parts.join(", "))
}

fn item(reason: &crate::message::Reason, lang: Lang) -> String {
    let mut out = String::new();
    reason_item(&mut out, reason, lang);
    out
}

fn list(out: &mut String, title: &str, class: &str, items: impl Iterator<Item = String>) {
    let items: String = items.collect();
    if !items.is_empty() {
        let _ = write!(out, "<div class=\"{class}\">\n<h4>{title}</h4>\n<ul>\n{items}</ul>\n</div>\n");
    }
}

fn covers(one: &SignatureReport, lang: Lang) -> &'static str {
    if one.integrity == Integrity::Broken {
        return lang.pick("Không còn khớp với nội dung đã ký", "No longer matches what was signed");
    }
    match (one.covers_whole_document, one.coverage) {
        (true, _) => lang.pick("Toàn bộ tệp", "The whole file"),
        (false, Coverage::WholeRevision) => lang.pick(
            "Toàn bộ văn bản tại lúc ký; phần thêm sau đó được xét riêng",
            "The whole document as it was when signed; what was added later is judged by itself",
        ),
        (false, Coverage::Parts) => lang.pick(
            "Chỉ những phần được ký; phần còn lại của tệp không được chữ ký bảo vệ",
            "Only the parts that are signed; nothing protects the rest of the file",
        ),
        (false, _) => lang.pick("Không phủ đủ văn bản", "Not the whole document"),
    }
}

fn certificate(out: &mut String, one: &SignatureReport, lang: Lang) {
    let Some(certificate) = &one.certificate else { return };
    let subject = format!(
        "{}<br>{}: {}",
        shown(&certificate.subject),
        lang.pick("cấp bởi", "issued by"),
        shown(&certificate.issuer)
    );
    row(out, lang.pick("Chứng thư số", "Certificate"), &subject);
    let day = |time: Option<Timestamp>| time.map(words::day).unwrap_or_default();
    let span = format!("{} – {}", day(certificate.not_before), day(certificate.not_after));
    row(out, lang.pick("Hiệu lực", "Valid"), &span);
    row(
        out,
        lang.pick("Dấu vân tay SHA-256", "SHA-256 fingerprint"),
        &format!("<code class=\"hash\">{}</code>", certificate.sha256),
    );
}

/// Each list or answer once, with how many certificates it speaks of.
fn evidence(one: &SignatureReport, lang: Lang) -> String {
    let mut used: Vec<(&str, i64, certs::Fingerprint, Vec<certs::Fingerprint>)> = Vec::new();
    for item in &one.evidence {
        let (kind, at, sha256) = match item.source {
            Source::Crl { this_update, sha256, .. } => ("CRL", this_update, sha256),
            Source::Ocsp { this_update, sha256, .. } => ("OCSP", this_update, sha256),
        };
        match used.iter_mut().find(|known| known.2 == sha256) {
            Some((.., about)) if about.contains(&item.certificate) => {}
            Some((.., about)) => about.push(item.certificate),
            None => used.push((kind, at, sha256, vec![item.certificate])),
        }
    }
    if used.is_empty() {
        return lang.pick("Không có", "None").to_owned();
    }
    let lines = used.iter().map(|(kind, at, sha256, about)| {
        let at = moment(Timestamp::from_secs(*at));
        let digest = sha256.to_string();
        let digest = digest.get(..16).unwrap_or_default();
        match lang {
            Lang::Vi => {
                format!("{kind} lập lúc {at}, cho {} chứng thư số <code>{digest}…</code>", about.len())
            }
            Lang::En => format!("{kind} of {at}, about {} certificates <code>{digest}…</code>", about.len()),
        }
    });
    lines.collect::<Vec<_>>().join("<br>")
}
