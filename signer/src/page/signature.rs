//! One signature of the report.

use super::words::{self, Headline, Lang};
use super::{escape, moment, reason_item, row, shown};
use crate::coverage::Coverage;
use crate::judge::{Integrity, Missing, Role, SignatureReport, TimeSource};
use certs::revocation::Source;
use mail::Timestamp;
use std::fmt::Write;

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
pub(super) fn card(out: &mut String, number: usize, one: &SignatureReport, lang: Lang) {
    let headline = Headline::of_verdict(one.verdict);
    let nobody = lang.pick("Không rõ người ký", "Unknown signer");
    let name = one.signer_name.as_deref().or(one.signer.as_deref()).map_or(nobody.to_owned(), shown);
    let _ = write!(
        out,
        "<article class=\"signature {}\">\n<h3>{}<span>{number}. {name}</span> <span class=\"badge\">{}</span></h3>\n<dl>\n",
        headline.css(),
        headline.icon(),
        headline.word(lang),
    );
    if let Some(signer) = &one.signer {
        row(out, lang.pick("Ai ký", "Who signed"), &shown(signer));
    }
    row(out, lang.pick("Vai trò", "Role"), words::role(one.role, lang));
    let time = one.time.map_or(lang.pick("Không rõ", "Unknown").to_owned(), moment);
    row(out, lang.pick("Lúc nào", "When"), &time);
    row(out, lang.pick("Theo đồng hồ nào", "By which clock"), words::clock(one.time_source, lang));
    if let Some(claimed) = one.claimed_time.filter(|claimed| one.time != Some(*claimed)) {
        row(out, lang.pick("Người ký tự khai", "Claimed by the signer"), &moment(claimed));
    }
    row(out, lang.pick("Tính toàn vẹn", "Integrity"), words::integrity(one.integrity, lang));
    row(out, lang.pick("Phủ đến đâu", "What it covers"), covers(one, lang));
    if let Some(reason) = &one.stated_reason {
        row(out, lang.pick("Lý do ký (người ký ghi)", "Reason (as the signer wrote it)"), &shown(reason));
    }
    certificate(out, one, lang);
    row(out, lang.pick("Bằng chứng thu hồi", "Revocation evidence"), &evidence(one, lang));
    let sub = one.sub_indication.map(|sub| format!(" / {}", words::sub_indication(sub))).unwrap_or_default();
    let algorithm = one.algorithm.as_deref().map(|a| format!(" · {}", escape(a))).unwrap_or_default();
    let indication = words::indication(one.indication);
    row(
        out,
        lang.pick("Theo ETSI EN 319 102-1", "By ETSI EN 319 102-1"),
        &format!("{indication}{sub}{algorithm}"),
    );
    let field = format!("{} ({})", shown(&one.field), words::kind(one.kind, lang));
    row(out, lang.pick("Vị trí trong tệp", "Where in the file"), &field);
    out.push_str("</dl>\n");
    list(out, lang.pick("Vì sao", "Why"), "why", one.reasons.iter().map(|r| item(r, lang)));
    list(out, lang.pick("Ghi chú", "Notes"), "notes", one.notes.iter().map(|r| item(r, lang)));
    list(
        out,
        lang.pick("Còn thiếu", "Missing"),
        "missing",
        one.missing.iter().map(|missing| missing_item(number, missing, lang)),
    );
    out.push_str("</article>\n");
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
    let span = |time: Option<Timestamp>| time.map(moment).unwrap_or_default();
    let text = format!(
        "{} {}<br>{} {} – {}<br><code class=\"hash\">{}</code>",
        lang.pick("do", "issued by"),
        shown(&certificate.issuer) + lang.pick(" cấp", ""),
        lang.pick("có hiệu lực", "valid"),
        span(certificate.not_before),
        span(certificate.not_after),
        certificate.sha256,
    );
    row(out, lang.pick("Chứng thư số", "Certificate"), &text);
}

fn evidence(one: &SignatureReport, lang: Lang) -> String {
    if one.evidence.is_empty() {
        return lang.pick("Không có", "None").to_owned();
    }
    let lines: Vec<String> = one
        .evidence
        .iter()
        .map(|used| {
            let of = used.certificate.to_string();
            let (kind, at) = match used.source {
                Source::Crl { this_update, .. } => ("CRL", this_update),
                Source::Ocsp { this_update, .. } => ("OCSP", this_update),
            };
            format!(
                "{kind} {} {}, {} <code>{}…</code>",
                lang.pick("lập lúc", "of"),
                moment(Timestamp::from_secs(at)),
                lang.pick("cho chứng thư", "for certificate"),
                of.get(..16).unwrap_or_default(),
            )
        })
        .collect();
    lines.join("<br>")
}
