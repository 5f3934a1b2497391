//! The pages.

use signer::page::escape;

/// The one style sheet, served beside the pages: no page has style or script of its own.
pub const STYLE: &str = include_str!("style.css");

/// Something a page has to say before anything else.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Whether it went well.
    pub is_good: bool,
    /// In Vietnamese.
    pub vi: String,
    /// In English.
    pub en: String,
}

fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"vi\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} – Công văn</title>\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n\
         <header><a href=\"/\">Công văn</a></header>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn notice(notice: Option<&Notice>) -> String {
    let Some(notice) = notice else { return String::new() };
    let (kind, role) = if notice.is_good { ("good", "status") } else { ("bad", "alert") };
    format!(
        "<p class=\"notice {kind}\" role=\"{role}\">{}<br><span lang=\"en\">{}</span></p>\n",
        escape(&notice.vi),
        escape(&notice.en)
    )
}

/// A page whose body was made elsewhere, and escaped there.
pub fn plain(title: &str, body: &str) -> String {
    page(title, body)
}

/// The front page: what this is and where the doors are.
pub fn front(host: &str) -> String {
    let body = format!(
        "<p>Thư công vụ và trao đổi văn bản điện tử ký số giữa các cơ quan, tại <strong>{host}</strong>.<br>\
         <span lang=\"en\">Official mail, and the exchange of digitally signed documents between agencies.</span></p>\n<ul>\n\
         <li><a href=\"/kiem-tra\">Kiểm tra văn bản</a> <span lang=\"en\">Check a document's signatures</span></li>\n\
         <li><a href=\"/mat-khau\">Đổi mật khẩu</a> <span lang=\"en\">Change your password</span></li>\n\
         <li><a href=\"/ledger/checkpoint\">Sổ chứng cứ</a> <span lang=\"en\">The ledger's newest checkpoint</span></li>\n</ul>\n\
         <p>Phần mềm thư: JMAP tại <code>/.well-known/jmap</code>. Hệ thống quản lý văn bản: <code>/vxp</code>, <a href=\"/api\"><code>/api</code></a>.</p>\n",
        host = escape(host)
    );
    page("Trang chủ", &body)
}

/// The page that changes a password (RULES M25). `address` is what was typed before; passwords are never shown again.
pub fn password(address: &str, said: Option<&Notice>) -> String {
    let field = |label: &str, english: &str, name: &str, kind: &str, autocomplete: &str, value: &str| {
        format!(
            "<label>{label} <span lang=\"en\">{english}</span>\n<input name=\"{name}\" type=\"{kind}\" \
             autocomplete=\"{autocomplete}\" value=\"{}\" maxlength=\"256\" required></label>\n",
            escape(value)
        )
    };
    let body = format!(
        "{}<form method=\"post\" action=\"/mat-khau\">\n{}{}{}{}<button>Đổi mật khẩu</button>\n</form>\n\
         <p>Ít nhất 14 ký tự, có chữ thường, chữ hoa, chữ số và dấu; một câu dễ nhớ là tốt nhất.<br>\
         <span lang=\"en\">At least 14 characters with small and capital letters, digits and signs; a sentence you \
         remember is best.</span></p>\n",
        notice(said),
        field("Địa chỉ thư", "Address", "address", "email", "username", address),
        field("Mật khẩu hiện tại", "Current password", "old", "password", "current-password", ""),
        field("Mật khẩu mới", "New password", "new", "password", "new-password", ""),
        field("Nhập lại mật khẩu mới", "New password again", "again", "password", "new-password", ""),
    );
    page("Đổi mật khẩu", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_typed_is_never_markup() {
        let typed = "\"><script>alert('x')</script>&";
        let said = Notice { is_good: false, vi: typed.to_owned(), en: typed.to_owned() };
        for page in [password(typed, Some(&said)), front(typed)] {
            assert!(!page.contains("<script"), "{page}");
            assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"), "{page}");
        }
    }

    #[test]
    fn pages_have_no_script_and_no_style_of_their_own() {
        for page in [password("", None), front("a.gov.vn")] {
            assert!(!page.contains("style=") && !page.contains("<style") && !page.contains(" on"), "{page}");
        }
    }
}
