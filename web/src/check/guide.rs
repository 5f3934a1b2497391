//! How to read a result (V3), and whom this installation trusts.

use std::fmt::Write;

use mail::Timestamp;
use signer::page::{Headline, Lang, escape, moment, shown};

use super::frame;

/// A trusted root as the page shows it.
#[derive(Clone, Debug)]
pub struct AnchorRow {
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// What it is trusted for: `document`, `timestamp`, `tls` …
    pub purposes: Vec<String>,
    /// The hierarchy it heads: `public-service`, `national`, `other`.
    pub hierarchy: String,
    /// Who confirmed it.
    pub source: String,
    /// Until when its certificate is good.
    pub until: Timestamp,
}

/// The page. `updated`: when the list was changed last.
pub fn guide(lang: Lang, anchors: &[AnchorRow], updated: Option<Timestamp>) -> String {
    let mut inside = String::new();
    words(&mut inside, lang);
    questions(&mut inside, lang);
    trust(&mut inside, lang, anchors, updated);
    frame(lang, lang.pick("Cách đọc kết quả", "How to read a result"), "/kiem-tra/cach-doc", &inside)
}

fn words(out: &mut String, lang: Lang) {
    let title = lang.pick("Năm câu trả lời", "Five answers");
    let _ = writeln!(out, "<section>\n<h2>{title}</h2>\n<ul class=\"answers\">");
    let all = [
        Headline::Valid,
        Headline::Indeterminate,
        Headline::Invalid,
        Headline::Unsigned,
        Headline::Unsupported,
    ];
    for headline in all {
        let _ = writeln!(
            out,
            "<li class=\"{}\">{}<div><strong>{}</strong><p>{}</p></div></li>",
            headline.css(),
            headline.icon(),
            headline.word(lang),
            headline.sentence(lang)
        );
    }
    let recalled = lang.pick(
        "Dòng <strong>Đã thu hồi</strong> hoặc <strong>Đã được thay thế</strong> phía trên kết quả quan trọng hơn kết quả: chữ ký vẫn đúng, nhưng văn bản không còn được dùng.",
        "A line <strong>Recalled</strong> or <strong>Replaced</strong> above the result weighs more than the result: the signatures are still right, and the document is no longer in use.",
    );
    let _ = writeln!(out, "</ul>\n<p>{recalled}</p>\n</section>");
}

fn questions(out: &mut String, lang: Lang) {
    let rows = [
        (
            lang.pick("Vì sao thời điểm ký lại quan trọng?", "Why does the time of signing matter?"),
            lang.pick(
                "Chứng thư số chỉ cần có hiệu lực vào lúc ký. Dấu thời gian của một dịch vụ tin cậy chứng minh lúc đó; nếu không có, thời điểm chỉ là lời khai của người ký.",
                "A certificate has to be good when the signature is made. A trusted timestamp proves when that was; without one, the time is only the signer's claim.",
            ),
        ),
        (
            lang.pick("Chứng thư số đã hết hạn hoặc bị thu hồi sau khi ký thì sao?", "What if a certificate expired or was revoked later?"),
            lang.pick(
                "Chữ ký vẫn hợp lệ nếu có dấu thời gian chứng minh đã ký trước đó.",
                "The signature stays valid if a timestamp proves that it came first.",
            ),
        ),
        (
            lang.pick("Con dấu đỏ nhìn thấy trên trang có chứng minh gì không?", "Does the red seal on the page prove anything?"),
            lang.pick(
                "Không. Hình ảnh con dấu và chữ ký ai cũng chép được. Chỉ kết quả kiểm tra chữ ký số mới có giá trị.",
                "No. Anybody can copy a picture of a seal or a signature. Only the check of the digital signature counts.",
            ),
        ),
        (
            lang.pick("Hệ thống không có văn bản trong sổ: văn bản giả?", "No record of the document here: is it false?"),
            lang.pick(
                "Không. Văn bản có thể đã gửi qua hệ thống khác. Trang này chỉ biết việc thu hồi, thay thế của những văn bản gửi qua chính hệ thống này.",
                "No. It may have travelled through another system. This page knows of recalls and replacements only for documents that passed through this one.",
            ),
        ),
        (
            lang.pick("Tệp của tôi đi đâu?", "Where does my file go?"),
            lang.pick(
                "Tệp nằm trong bộ nhớ trong lúc kiểm tra rồi bị xóa; không ghi đĩa, không ghi nhật ký tên tệp hay nội dung.",
                "It stays in memory during the check and is then gone; it is not written to disk, and neither its name nor its content is logged.",
            ),
        ),
        (
            lang.pick("Kiểm tra lại bằng công cụ khác?", "Checking with another tool?"),
            lang.pick(
                "Được. Mã SHA-256 và mã đối chiếu trên trang cho biết hai bên có đang xem cùng một tệp hay không. Cơ quan có thể dùng lệnh congvan verify trên máy của mình.",
                "Do. The SHA-256 and the reference on the page tell whether both look at the same file. Agencies can use congvan verify on their own machines.",
            ),
        ),
    ];
    let title = lang.pick("Câu hỏi thường gặp", "Questions");
    let _ = writeln!(out, "<section>\n<h2>{title}</h2>");
    for (question, answer) in rows {
        let _ = writeln!(out, "<h3>{question}</h3>\n<p>{answer}</p>");
    }
    out.push_str("</section>\n");
}

fn trust(out: &mut String, lang: Lang, anchors: &[AnchorRow], updated: Option<Timestamp>) {
    let title = lang.pick("Gốc tin cậy", "Whom this installation trusts");
    let _ = writeln!(out, "<section class=\"trust\">\n<h2>{title}</h2>");
    let text = lang.pick(
        "Chữ ký chỉ hợp lệ khi chứng thư số nối được tới một trong các gốc dưới đây. Người quản trị đã thêm từng gốc sau khi xác nhận dấu vân tay của nó qua một kênh khác.",
        "A signature is valid only if its certificate leads to one of these roots. The operator added each of them after confirming its fingerprint over another channel.",
    );
    let _ = writeln!(out, "<p>{text}</p>");
    if anchors.is_empty() {
        let none = lang.pick(
            "Hệ thống này chưa có gốc tin cậy nào: mọi chữ ký sẽ nhận kết quả «Chưa đủ căn cứ kết luận».",
            "No root is trusted here yet: every signature gets the answer “cannot tell”.",
        );
        let _ = writeln!(out, "<p><strong>{none}</strong></p>");
    }
    for anchor in anchors {
        let purposes: Vec<&str> = anchor.purposes.iter().map(|purpose| purpose_word(purpose, lang)).collect();
        let _ =
            writeln!(out, "<article class=\"signature is-neutral\">\n<h3>{}</h3>\n<dl>", shown(&anchor.name));
        let rows = [
            (
                lang.pick("Dấu vân tay SHA-256", "SHA-256 fingerprint"),
                format!("<code class=\"hash\">{}</code>", escape(&anchor.fingerprint)),
            ),
            (lang.pick("Dùng cho", "Trusted for"), purposes.join(", ")),
            (
                lang.pick("Hệ thống chứng thực", "Hierarchy"),
                hierarchy_word(&anchor.hierarchy, lang).to_owned(),
            ),
            (lang.pick("Hiệu lực đến", "Good until"), moment(anchor.until)),
            (lang.pick("Nguồn xác nhận", "Confirmed by"), shown(&anchor.source)),
        ];
        for (label, value) in rows {
            let _ = writeln!(out, "<div><dt>{label}</dt><dd>{value}</dd></div>");
        }
        out.push_str("</dl>\n</article>\n");
    }
    if let Some(updated) = updated {
        let label = lang.pick("Danh sách cập nhật lần cuối", "The list was last changed");
        let _ = writeln!(out, "<p class=\"small\">{label}: {}</p>", moment(updated));
    }
    out.push_str("</section>\n");
}

fn purpose_word(purpose: &str, lang: Lang) -> &'static str {
    match purpose {
        "document" => lang.pick("chữ ký trên văn bản", "signatures on documents"),
        "timestamp" => lang.pick("dấu thời gian", "timestamps"),
        "smime" => lang.pick("thư ký số", "signed mail"),
        "tls" => lang.pick("máy chủ", "servers"),
        "tls-client" => lang.pick("máy khách", "clients"),
        "any" => lang.pick("mọi mục đích", "every purpose"),
        _ => lang.pick("mục đích khác", "another purpose"),
    }
}

fn hierarchy_word(hierarchy: &str, lang: Lang) -> &'static str {
    match hierarchy {
        "public-service" => lang.pick("Chuyên dùng công vụ", "Public service"),
        "national" => lang.pick("Quốc gia (doanh nghiệp, công dân)", "National (enterprises, citizens)"),
        _ => lang.pick("Khác", "Other"),
    }
}
