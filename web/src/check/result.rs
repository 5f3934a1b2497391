//! The result (V2): of a document, and of a receipt.

use std::fmt::Write;

use mail::Timestamp;
use registry::known::{Holder, Known};
use registry::receipt::{Act, Verdict};
use signer::page::{self, Extra, Headline, Lang, escape, moment, shown};
use signer::{Arrival, Judged};

use super::frame;

/// A document that was checked.
pub struct Checked<'a> {
    /// The judgement.
    pub judged: &'a Judged,
    /// What the registry of this installation knows of the file; `None`: it could not be asked.
    pub known: Option<&'a Known>,
    /// Whose certificates its signers' are, as registered here.
    pub holders: &'a [Holder],
    /// What the file was called.
    pub file_name: Option<String>,
}

/// The page with the verdict on a document.
pub fn result(lang: Lang, checked: &Checked<'_>) -> String {
    let report = checked.judged.report();
    let has_signatures = !report.signatures.is_empty();
    let extra = Extra {
        banner: checked.known.map(|known| banner(lang, known)).unwrap_or_default(),
        note: known_note(lang, checked.known),
        file_name: checked.file_name.clone().filter(|name| !name.is_empty()),
        registered: checked.holders.iter().map(|h| (h.fingerprint.clone(), h.agency.clone())).collect(),
        is_open: false,
        // How the copy in hand came is not known here; the page says so beside the answer.
        legal: has_signatures.then(|| checked.judged.legal_value(Arrival::Exchange)),
    };
    let inside = page::fragment(report, lang, &extra) + &again(lang);
    frame(lang, lang.pick("Kết quả kiểm tra", "Result of the check"), "/kiem-tra", &inside)
}

/// Above the verdict: a good signature on a recalled document must not look fine.
fn banner(lang: Lang, known: &Known) -> String {
    let (title, text) = match known {
        Known::Unknown | Known::Active => return String::new(),
        Known::Recalled { at } => (
            lang.pick("Đã thu hồi", "Recalled").to_owned(),
            match lang {
                Lang::Vi => format!(
                    "Cơ quan ban hành đã thu hồi văn bản này, theo lệnh thu hồi nhận lúc {}. Đừng sử dụng văn bản này, dù chữ ký số bên dưới có hợp lệ.",
                    moment(*at)
                ),
                Lang::En => format!(
                    "Its issuer has recalled this document; the order was received at {}. Do not rely on it, even if its signatures below are valid.",
                    moment(*at)
                ),
            },
        ),
        Known::Replaced { by, at } => (
            lang.pick("Đã được thay thế", "Replaced").to_owned(),
            match lang {
                Lang::Vi => format!(
                    "Cơ quan ban hành đã thay thế văn bản này bằng văn bản <strong>{}</strong> lúc {}.",
                    shown(by),
                    moment(*at)
                ),
                Lang::En => format!(
                    "Its issuer has replaced this document by <strong>{}</strong> at {}.",
                    shown(by),
                    moment(*at)
                ),
            },
        ),
    };
    format!(
        "<section class=\"banner is-invalid\" role=\"alert\" aria-labelledby=\"banner\">\n{}<div>\n\
         <h2 id=\"banner\">{title}</h2>\n<p>{text}</p>\n</div>\n</section>\n",
        recall_icon()
    )
}

fn recall_icon() -> &'static str {
    "<svg viewBox=\"0 0 48 48\" width=\"48\" height=\"48\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"3.500\" \
     stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\" focusable=\"false\">\
     <circle cx=\"24\" cy=\"24\" r=\"19\"/><path d=\"M13 18h14a8 8 0 0 1 0 16h-8\"/><path d=\"m19 11-7 7 7 7\"/></svg>\n"
}

/// What this installation knows of the document: an unknown document is not a false one.
fn known_note(lang: Lang, known: Option<&Known>) -> String {
    let text = match known {
        Some(Known::Unknown) => lang.pick(
            "Hệ thống này không có văn bản này trong sổ. Điều đó không có nghĩa là văn bản giả: nó có thể đã gửi qua một hệ thống khác. Vì vậy trang này không biết văn bản đã bị thu hồi hay thay thế chưa; hãy hỏi cơ quan ban hành nếu cần.",
            "This installation has no record of the document. That does not mean that it is false: it may have travelled through another system. So this page cannot know whether it was recalled or replaced; ask its issuer if that matters.",
        ),
        Some(Known::Active) => lang.pick(
            "Văn bản này có trong sổ của hệ thống và đến lúc này chưa bị thu hồi hay thay thế.",
            "This installation has the document on record; so far it has been neither recalled nor replaced.",
        ),
        Some(Known::Recalled { .. } | Known::Replaced { .. }) => return String::new(),
        None => lang.pick(
            "Lúc này không tra được sổ của hệ thống, nên chưa biết văn bản có bị thu hồi hay thay thế không.",
            "The records of this installation could not be asked now, so whether the document was recalled or replaced is not known.",
        ),
    };
    let title = lang.pick("Tình trạng văn bản", "Standing of the document");
    format!("<section class=\"known\">\n<h2>{title}</h2>\n<p>{text}</p>\n</section>\n")
}

fn again(lang: Lang) -> String {
    let print = lang.pick(
        "Cần bản in? Dùng lệnh in của trình duyệt: trang này được trình bày sẵn cho giấy A4 và tệp PDF.",
        "To print or keep this page as PDF, use the browser's print command: it is laid out for A4.",
    );
    format!(
        "<section class=\"again no-print\">\n<p><a class=\"button\" href=\"/kiem-tra?lang={tag}\">{again}</a> \
         <a href=\"/kiem-tra/cach-doc?lang={tag}\">{how}</a></p>\n<p class=\"small\">{print} {kept}</p>\n</section>\n",
        tag = lang.tag(),
        again = lang.pick("Kiểm tra tệp khác", "Check another file"),
        how = lang.pick("Cách đọc kết quả", "How to read a result"),
        kept = lang.pick("Tệp không được lưu.", "The file was not kept."),
    )
}

/// The page with what a receipt comes to. `known`: what became of the document it is about.
pub fn receipt(lang: Lang, verdict: &Verdict, known: Option<&Known>, at: Timestamp) -> String {
    let (headline, word, text, code) = match verdict {
        Verdict::Proven(_) => (
            Headline::Valid,
            lang.pick("Biên nhận đúng", "The receipt is proven"),
            lang.pick(
                "Sổ chứng cứ của hệ thống này có ghi việc dưới đây và đã ký xác nhận; không ai sửa được mà không bị phát hiện.",
                "The ledger of this installation holds the act below and has signed for it; nobody can change that unseen.",
            ),
            None,
        ),
        Verdict::NotProven(trouble) => (
            Headline::Invalid,
            lang.pick("Biên nhận không đúng", "The receipt is not proven"),
            lang.pick(trouble.vi(), trouble.en()),
            Some(trouble.code()),
        ),
        Verdict::CannotTell(trouble) => (
            Headline::Indeterminate,
            lang.pick("Chưa đủ căn cứ kết luận", "Cannot tell"),
            lang.pick(trouble.vi(), trouble.en()),
            Some(trouble.code()),
        ),
    };
    let mut inside = match verdict {
        Verdict::Proven(_) => known.map(|known| banner(lang, known)).unwrap_or_default(),
        _ => String::new(),
    };
    let code = code.map(|code| format!(" <code>{code}</code>")).unwrap_or_default();
    let _ = write!(
        inside,
        "<section class=\"verdict {}\" aria-labelledby=\"verdict\">\n{}<div role=\"status\">\n<h2 id=\"verdict\">{word}</h2>\n\
         <p>{text}{code}</p>\n<p class=\"ref\">{}: {}</p>\n</div>\n</section>\n",
        headline.css(),
        headline.icon(),
        lang.pick("Kiểm tra lúc", "Checked at"),
        moment(at),
    );
    if let Verdict::Proven(proven) = verdict {
        act(&mut inside, &proven.record, lang);
    }
    inside.push_str(&again(lang));
    frame(lang, lang.pick("Kết quả kiểm tra biên nhận", "Result of checking a receipt"), "/kiem-tra", &inside)
}

fn act(out: &mut String, act: &Act, lang: Lang) {
    let what = match act.act.as_str() {
        "package-accepted" => lang.pick("Gói tin đã được tiếp nhận", "The package was accepted"),
        "package-delivered" => {
            lang.pick("Hệ thống nhận đã lấy gói tin", "The receiving system has the package")
        }
        other => other,
    };
    let legal = match act.legal_value.as_str() {
        "ORIGINAL_EQUIVALENT" => lang.pick(
            "Có giá trị pháp lý tương đương văn bản giấy (QĐ 28/2018, Điều 4)",
            "Equal to the paper original (QĐ 28/2018, article 4)",
        ),
        "FOR_INFORMATION" => lang.pick("Để biết, tham khảo", "For information"),
        other => other,
    };
    let at = Timestamp::parse_rfc3339(&act.at).map_or_else(|_| shown(&act.at), moment);
    let hash = |digest: &str| match digest.is_empty() {
        true => String::new(),
        false => format!("<code class=\"hash\">{}</code>", escape(digest)),
    };
    let rows = [
        (lang.pick("Việc được ghi", "Act"), escape(what)),
        (lang.pick("Thời điểm", "When"), at),
        (lang.pick("Mã định danh văn bản", "Document identifier"), shown(&act.identifier)),
        (lang.pick("Mã gửi", "DocId"), shown(&act.doc_id)),
        (lang.pick("Bên gửi", "From"), shown(&act.from)),
        (lang.pick("Bên nhận", "To"), shown(&act.to.join(", "))),
        (lang.pick("Trạng thái", "Status"), shown(&act.status)),
        (lang.pick("Kết quả kiểm tra chữ ký", "Signatures"), shown(&act.class)),
        (lang.pick("Giá trị", "Legal value"), escape(legal)),
        (lang.pick("Sổ", "Log"), shown(&act.log)),
        (lang.pick("SHA-256 văn bản", "SHA-256 of the document"), hash(&act.document_sha256)),
        (lang.pick("SHA-256 gói tin", "SHA-256 of the package"), hash(&act.package_sha256)),
    ];
    let title = lang.pick("Việc đã ghi sổ", "The act on record");
    let _ = writeln!(out, "<section class=\"file\">\n<h2>{title}</h2>\n<dl>");
    for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "<div><dt>{label}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n</section>\n");
}
