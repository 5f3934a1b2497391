//! The report for people: one rendering for the printed page of `congvan verify --report` and for the public page.
//!
//! A page here is text. Everything that came with the document (names, reasons, field names) passes [`escape`] and
//! [`shown`]; nothing in a page runs, loads or links. The words are those of UX.md §2.6: icon, word and colour together,
//! never colour alone.

mod signature;
mod words;

use crate::judge::{Class, LegalValue, Report};
use crate::message::{Code, Reason};
use mail::Timestamp;
use std::fmt::Write;

pub use words::{Headline, Lang};

/// The style of a report, screen and paper. It stands inside a self-contained page and is served beside the public one.
pub const STYLE: &str = include_str!("style.css");

/// The text as HTML shows it, in content and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text of somebody else's making, as HTML: control characters and those that turn the direction of writing, with which
/// a name could pass for another, are shown as dots; what is too long is cut.
pub fn shown(text: &str) -> String {
    const MOST: usize = 300;
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    let mut plain: String = text.chars().take(MOST).map(|c| if is_unsafe(c) { '·' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        plain.push('…');
    }
    escape(&plain)
}

/// `13/02/2025 09:15:42 +07:00`: Vietnamese time whatever the language (RULES D18, R51).
pub fn moment(time: Timestamp) -> String {
    let t = time.to_vietnam();
    format!(
        "{:02}/{:02}/{:04} {:02}:{:02}:{:02} +07:00",
        t.day(),
        u8::from(t.month()),
        t.year(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// What two people use to say that they speak of the same file: the first 16 digits of its SHA-256 in groups.
pub fn reference(report: &Report) -> String {
    let digits: Vec<char> = report.sha256.chars().take(16).map(|c| c.to_ascii_uppercase()).collect();
    digits.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// What the page says besides the judgement.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// HTML that stands above the verdict: that the document was recalled or replaced. Made by the caller, escaped.
    pub banner: String,
    /// HTML after the verdict: what this installation knows of the document. Made by the caller, escaped.
    pub note: String,
    /// What the file was called, when somebody says so.
    pub file_name: Option<String>,
    /// Certificates (SHA-256, hexadecimal) and the agency that registered each, as the caller's directory has it.
    pub registered: Vec<(String, String)>,
    /// Technical details stand open, as on paper.
    pub is_open: bool,
    /// What the document lacks to be the equal of a paper original (RULES R14), when the caller asked.
    pub legal: Option<LegalValue>,
}

/// The report as HTML for the inside of a page: headings from `<h2>` down.
pub fn fragment(report: &Report, lang: Lang, extra: &Extra) -> String {
    let mut out = String::new();
    out.push_str(&extra.banner);
    verdict(&mut out, report, lang, !extra.banner.is_empty());
    out.push_str(&extra.note);
    why(&mut out, report, lang);
    remarks(&mut out, report, lang);
    unchecked(&mut out, report, lang);
    signatures(&mut out, report, lang, extra);
    roles(&mut out, extra.legal.as_ref(), lang);
    file(&mut out, report, lang, extra);
    out
}

/// The report as one file that needs nothing else, to be printed or kept: `congvan verify --report`.
pub fn document(report: &Report, lang: Lang, extra: &Extra) -> String {
    let title = lang.pick("Báo cáo kiểm tra chữ ký số", "Signature verification report");
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title} {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body class=\"report\">\n<main>\n<h1>{title}</h1>\n{}\
         </main>\n</body>\n</html>\n",
        lang.tag(),
        reference(report),
        fragment(report, lang, extra)
    )
}

/// One reason as a list item: the sentence, where it applies, the stable code people can search for.
fn reason_item(out: &mut String, reason: &Reason, lang: Lang) {
    let detail = reason.detail.as_deref().map(|d| format!(" ({})", shown(d))).unwrap_or_default();
    let text = escape(lang.pick(reason.code.vi(), reason.code.en()));
    let _ = writeln!(out, "<li>{text}{detail} <code>{}</code></li>", reason.code.id());
}

/// The verdict on the signatures. `overruled`: something above it weighs more, and good signatures must not look fine.
fn verdict(out: &mut String, report: &Report, lang: Lang, overruled: bool) {
    let headline = Headline::of(report);
    let css = if overruled { Headline::Unsigned.css() } else { headline.css() };
    let _ = write!(
        out,
        "<section class=\"verdict {}\" aria-labelledby=\"verdict\">\n{}<div role=\"status\">\n\
         <p class=\"kicker\">{}</p>\n<h2 id=\"verdict\">{}</h2>\n<p>{}</p>\n",
        css,
        headline.icon(),
        lang.pick("Kết quả kiểm tra chữ ký số", "Result of checking the signatures"),
        headline.word(lang),
        headline.sentence(lang),
    );
    if headline == Headline::Valid {
        let names: Vec<String> =
            report.signatures.iter().filter_map(|s| signature::who_and_when(s, lang)).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "<ul class=\"who\">\n{}</ul>", names.concat());
        }
    }
    let label = lang.pick("Mã đối chiếu", "Reference");
    let _ = writeln!(
        out,
        "<p class=\"ref\">{label}: <strong>{}</strong></p>\n</div>\n</section>",
        reference(report)
    );
}

/// The reasons of the document and of each signature that is not in order.
fn why(out: &mut String, report: &Report, lang: Lang) {
    let mut items = String::new();
    for reason in &report.reasons {
        reason_item(&mut items, reason, lang);
    }
    for (number, one) in report.signatures.iter().enumerate() {
        for reason in &one.reasons {
            let mut item = String::new();
            reason_item(&mut item, reason, lang);
            let label = lang.pick("Chữ ký", "Signature");
            let named = format!("<li>{label} {}: ", number + 1);
            items.push_str(&item.replacen("<li>", &named, 1));
        }
    }
    if !items.is_empty() {
        let title = lang.pick("Vì sao", "Why");
        let _ = write!(out, "<section class=\"why\">\n<h2>{title}</h2>\n<ul>\n{items}</ul>\n</section>\n");
    }
}

/// What is worth knowing of the document and does not change the verdict: in a mail, that sender and signer differ.
fn remarks(out: &mut String, report: &Report, lang: Lang) {
    if report.notes.is_empty() {
        return;
    }
    let mut items = String::new();
    report.notes.iter().for_each(|note| reason_item(&mut items, note, lang));
    let title = lang.pick("Lưu ý", "Remarks");
    let _ = write!(out, "<section class=\"remarks\">\n<h2>{title}</h2>\n<ul>\n{items}</ul>\n</section>\n");
}

/// What could not be checked, and what to do about it.
fn unchecked(out: &mut String, report: &Report, lang: Lang) {
    let mut items: Vec<String> = Vec::new();
    for (number, one) in report.signatures.iter().enumerate() {
        for missing in &one.missing {
            items.push(signature::missing_item(number + 1, missing, lang));
        }
        if signature::is_time_only_claimed(one) {
            items.push(format!(
                "<li>{} {}: {}</li>\n",
                lang.pick("Chữ ký", "Signature"),
                number + 1,
                lang.pick(
                    "thời điểm ký do người ký tự khai, không có dấu thời gian xác nhận.",
                    "the signing time is the signer's own claim; no timestamp proves it.",
                )
            ));
        }
    }
    items.dedup();
    let title = lang.pick("Những gì chưa kiểm tra được", "What could not be checked");
    let _ = write!(out, "<section class=\"unchecked\">\n<h2>{title}</h2>\n");
    if items.is_empty() {
        let none = match Headline::of(report) {
            Headline::Unsupported => lang.pick(
                "Không chữ ký nào được kiểm tra: hệ thống chưa đọc được loại tệp này.",
                "No signature was checked: this kind of file cannot be read here yet.",
            ),
            Headline::Indeterminate => lang.pick(
                "Chưa khẳng định được danh tính người ký hoặc tình trạng chứng thư số; lý do nêu ở phần Vì sao.",
                "Who signed, or the standing of a certificate, could not be established; the reasons are given under Why.",
            ),
            Headline::Invalid => lang.pick(
                "Khi tệp hoặc chữ ký không còn khớp thì không xét tiếp người ký, thời điểm và chứng thư số.",
                "Where file and signature do not match, signer, time and certificate are not looked at any further.",
            ),
            Headline::Valid | Headline::Unsigned => lang.pick(
                "Đã kiểm tra được mọi yếu tố cần thiết cho kết luận trên.",
                "Everything the conclusion above needs was checked.",
            ),
        };
        let _ = writeln!(out, "<p>{none}</p>");
    } else {
        let _ = writeln!(out, "<ul>\n{}</ul>", items.concat());
    }
    let limits = lang.pick(
        "Việc kiểm tra này không đánh giá nội dung văn bản đúng hay sai, cũng không xét thẩm quyền ban hành.",
        "This check says nothing about whether the content is right or whether its issuer had the power to issue it.",
    );
    let _ = writeln!(out, "<p class=\"small\">{limits}</p>\n</section>");
}

fn signatures(out: &mut String, report: &Report, lang: Lang, extra: &Extra) {
    if report.signatures.is_empty() && report.empty_fields.is_empty() {
        return;
    }
    let title = lang.pick("Các chữ ký", "Signatures");
    let _ = writeln!(out, "<section class=\"signatures\">\n<h2>{title} ({})</h2>", report.signatures.len());
    for (number, one) in report.signatures.iter().enumerate() {
        signature::card(out, number + 1, one, lang, extra);
    }
    for field in &report.empty_fields {
        let label = lang.pick("Ô chữ ký chưa ký", "Signature field nobody has signed");
        let _ = writeln!(out, "<p class=\"small\">{label}: {}</p>", shown(field));
    }
    out.push_str("</section>\n");
}

/// What an official document needs by the rule table (RULES R14), where arrival through the exchange is left to those
/// who know how it came.
fn roles(out: &mut String, legal: Option<&LegalValue>, lang: Lang) {
    let Some(legal) = legal else { return };
    let title =
        lang.pick("Đủ chữ ký của một văn bản hành chính?", "All signatures an official document needs?");
    let _ = write!(out, "<section class=\"roles\">\n<h2>{title}</h2>\n");
    let because: Vec<&Reason> = match legal {
        LegalValue::OriginalEquivalent => Vec::new(),
        LegalValue::ForInformation { because } => {
            because.iter().filter(|reason| reason.code != Code::NotByExchange).collect()
        }
    };
    if because.is_empty() {
        let text = lang.pick(
            "Có chữ ký số của người có thẩm quyền và chữ ký số của cơ quan ký sau, bao phủ chữ ký trước.",
            "It bears the competent person's signature, and the agency's after it, covering it.",
        );
        let _ = writeln!(out, "<p>{text}</p>");
    } else {
        out.push_str("<ul>\n");
        because.iter().for_each(|reason| reason_item(out, reason, lang));
        out.push_str("</ul>\n");
    }
    let exchange = lang.pick(
        "Chỉ văn bản gửi, nhận qua hệ thống quản lý văn bản mới có giá trị pháp lý như văn bản giấy; bản nhận qua thư hoặc tải về là để biết, tham khảo (QĐ 28/2018/QĐ-TTg, Điều 4).",
        "Only a document that travelled through the exchange equals its paper original; a copy from mail or a download is for information (QĐ 28/2018/QĐ-TTg, article 4).",
    );
    let _ = writeln!(out, "<p class=\"small\">{exchange}</p>\n</section>");
}

fn row(out: &mut String, label: &str, value: &str) {
    let _ = writeln!(out, "<div><dt>{label}</dt><dd>{value}</dd></div>");
}

fn file(out: &mut String, report: &Report, lang: Lang, extra: &Extra) {
    let title = lang.pick("Tệp đã kiểm tra", "The file that was checked");
    let _ = writeln!(out, "<section class=\"file\">\n<h2>{title}</h2>\n<dl>");
    if let Some(name) = &extra.file_name {
        row(out, lang.pick("Tên tệp", "File name"), &shown(name));
    }
    row(out, "SHA-256", &format!("<code class=\"hash\">{}</code>", escape(&report.sha256)));
    row(out, lang.pick("Kích thước", "Size"), &words::size(report.size, lang));
    row(out, lang.pick("Loại", "Kind"), words::format(report.format, lang));
    if let Some(at) = report.judged_at {
        row(out, lang.pick("Kiểm tra lúc", "Checked at"), &moment(at));
    }
    let class = match report.class {
        Class::Invalid(code) => format!("INVALID ({})", code.id()),
        class => class.word().to_owned(),
    };
    row(out, lang.pick("Phân loại", "Class"), &format!("<code>{class}</code>"));
    row(out, lang.pick("Phần mềm", "Software"), &escape(report.software));
    out.push_str("</dl>\n</section>\n");
}

#[cfg(test)]
mod tests;
