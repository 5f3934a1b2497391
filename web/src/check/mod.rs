//! The public page that checks a document: `/kiem-tra` (UX.md V1–V3). Server-rendered, without JavaScript, cookies or
//! sign-in; every page says what it means in plain words and in one language, with a switch to the other.

mod guide;
mod result;

use std::fmt::Write;

use signer::page::{Lang, escape};

pub use guide::{AnchorRow, guide};
pub use result::{Checked, receipt, result};

/// The style sheet of these pages, beside the report's own.
pub const STYLE: &str = include_str!("style.css");

/// Bytes of what may be sent in, file and separate content together.
pub const UPLOAD_MAX: usize = 25 * 1024 * 1024;

/// Why a check did not come to an answer. Each has a status (RFC 9110 §15) and a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No file was chosen, or it is empty.
    NoFile,
    /// The request was no form with a file.
    NoForm,
    /// More than [`UPLOAD_MAX`].
    TooLarge,
    /// A file that can carry neither signature nor receipt.
    WrongType,
    /// The file did not arrive in time.
    TooSlow,
    /// All places are taken; so many are waiting.
    Busy {
        /// Those who came before.
        ahead: usize,
    },
    /// Too many checks from one address; the next one in so many seconds.
    TooOften {
        /// Seconds until then.
        seconds: u64,
    },
    /// The check took longer than it may.
    TookTooLong,
    /// Our own fault.
    Failed,
}

impl Trouble {
    /// Every trouble, for manuals and tests.
    pub const ALL: [Self; 9] = [
        Self::NoFile,
        Self::NoForm,
        Self::TooLarge,
        Self::WrongType,
        Self::TooSlow,
        Self::Busy { ahead: 12 },
        Self::TooOften { seconds: 7 },
        Self::TookTooLong,
        Self::Failed,
    ];

    /// The status code.
    pub fn status(self) -> u16 {
        match self {
            Self::NoFile | Self::NoForm => 400,
            Self::TooLarge => 413,
            Self::WrongType => 415,
            Self::TooSlow => 408,
            Self::TooOften { .. } => 429,
            Self::Busy { .. } | Self::TookTooLong => 503,
            Self::Failed => 500,
        }
    }

    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoFile => "check.no-file",
            Self::NoForm => "check.no-form",
            Self::TooLarge => "check.too-large",
            Self::WrongType => "check.wrong-type",
            Self::TooSlow => "check.too-slow",
            Self::Busy { .. } => "check.busy",
            Self::TooOften { .. } => "check.too-often",
            Self::TookTooLong => "check.took-too-long",
            Self::Failed => "check.failed",
        }
    }

    /// After how many seconds asking again makes sense.
    pub fn retry_after(self) -> Option<u64> {
        match self {
            Self::Busy { .. } | Self::TookTooLong => Some(30),
            Self::TooOften { seconds } => Some(seconds.max(1)),
            _ => None,
        }
    }

    /// What happened and what to do, in a sentence or two.
    pub fn text(self, lang: Lang) -> String {
        let fixed = match self {
            Self::NoFile => lang.pick(
                "Chưa chọn tệp, hoặc tệp rỗng. Hãy chọn tệp cần kiểm tra rồi bấm nút Kiểm tra.",
                "No file was chosen, or it is empty. Choose the file to check and press Check.",
            ),
            Self::NoForm => lang.pick(
                "Yêu cầu gửi lên không đúng dạng. Hãy dùng biểu mẫu dưới đây.",
                "The request was not in the expected form. Please use the form below.",
            ),
            Self::TooLarge => lang.pick(
                "Tệp lớn hơn 25 MB nên không kiểm tra được ở đây. Cơ quan có thể dùng lệnh congvan verify.",
                "The file is larger than 25 MB and cannot be checked here. Agencies can use congvan verify.",
            ),
            Self::WrongType => lang.pick(
                "Tệp này không phải là loại có thể mang chữ ký số mà hệ thống đọc được (PDF, XML, P7M, P7S, EML, ASiC), cũng không phải là biên nhận. Hãy kiểm tra lại xem đã chọn đúng tệp chưa.",
                "This is none of the kinds that can carry a signature read here (PDF, XML, P7M, P7S, EML, ASiC), nor a receipt. Please make sure that it is the right file.",
            ),
            Self::TooSlow => lang.pick(
                "Tệp gửi lên quá chậm nên đã dừng. Hãy thử lại khi đường truyền tốt hơn.",
                "The file arrived too slowly and was given up. Try again over a better connection.",
            ),
            Self::TookTooLong => lang.pick(
                "Việc kiểm tra mất quá nhiều thời gian nên đã dừng. Hãy thử lại sau ít phút.",
                "The check took too long and was given up. Try again in a few minutes.",
            ),
            Self::Failed => lang.pick(
                "Hệ thống gặp lỗi khi kiểm tra. Hãy thử lại sau ít phút.",
                "Something went wrong here. Try again in a few minutes.",
            ),
            Self::Busy { ahead } => {
                return match lang {
                    Lang::Vi => format!("Hệ thống đang bận: còn {ahead} lượt kiểm tra đang chờ trước bạn. Hãy thử lại sau nửa phút; tệp của bạn không được lưu lại."),
                    Lang::En => format!("All places are taken: {ahead} checks are waiting before yours. Try again in half a minute; your file was not kept."),
                };
            }
            Self::TooOften { seconds } => {
                return match lang {
                    Lang::Vi => format!("Có quá nhiều lượt kiểm tra từ địa chỉ mạng của bạn. Hãy thử lại sau {seconds} giây."),
                    Lang::En => format!("Too many checks came from your network address. Try again in {seconds} seconds."),
                };
            }
        };
        fixed.to_owned()
    }
}

/// A whole page around its inside. `here`: the path the language switch leads to.
fn frame(lang: Lang, title: &str, here: &str, inside: &str) -> String {
    let other = lang.other();
    format!(
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title} – Công văn</title>\n\
         <link rel=\"stylesheet\" href=\"/bao-cao.css\">\n<link rel=\"stylesheet\" href=\"/kiem-tra.css\">\n</head>\n\
         <body class=\"report\">\n<a class=\"skip\" href=\"#main\">{skip}</a>\n<header class=\"top no-print\">\n\
         <a class=\"home\" href=\"/kiem-tra?lang={tag}\">{home}</a>\n<nav aria-label=\"{nav}\">\n\
         <a href=\"/kiem-tra/cach-doc?lang={tag}\">{how}</a>\n\
         <a href=\"{here}?lang={other_tag}\" lang=\"{other_tag}\" hreflang=\"{other_tag}\">{other_name}</a>\n</nav>\n</header>\n\
         <main id=\"main\">\n<h1>{title}</h1>\n{inside}</main>\n<footer class=\"no-print\">\n<p>{footer}</p>\n</footer>\n</body>\n</html>\n",
        tag = lang.tag(),
        title = escape(title),
        skip = lang.pick("Tới nội dung chính", "To the main content"),
        home = lang.pick("Kiểm tra văn bản điện tử", "Check an electronic document"),
        nav = lang.pick("Điều hướng", "Navigation"),
        how = lang.pick("Cách đọc kết quả", "How to read a result"),
        other_tag = other.tag(),
        other_name = other.pick("Tiếng Việt", "English"),
        footer = lang.pick(
            "Trang này chạy không cần JavaScript, không dùng cookie và không lưu tệp của bạn.",
            "This page needs no JavaScript, uses no cookies and does not keep your file.",
        ),
    )
}

/// The form (V1), with what went wrong before it when something did.
pub fn form(lang: Lang, trouble: Option<Trouble>) -> String {
    let mut inside = String::new();
    if let Some(trouble) = trouble {
        let title = lang.pick("Chưa kiểm tra được", "Not checked");
        let _ = write!(
            inside,
            "<section class=\"trouble is-invalid\" role=\"alert\" aria-labelledby=\"trouble\">\n<h2 id=\"trouble\">{title}</h2>\n\
             <p>{} <code>{}</code></p>\n</section>\n",
            escape(&trouble.text(lang)),
            trouble.code()
        );
    }
    let lead = lang.pick(
        "Chọn một văn bản đã ký số, hoặc tệp biên nhận, để biết ai đã ký, khi nào, và tệp có bị sửa sau khi ký hay không.",
        "Choose a signed document, or a receipt, to learn who signed it, when, and whether it was changed afterwards.",
    );
    let _ = writeln!(inside, "<p class=\"lead\">{lead}</p>");
    let _ = writeln!(
        inside,
        "<form class=\"card\" method=\"post\" action=\"/kiem-tra?lang={}\" enctype=\"multipart/form-data\">",
        lang.tag()
    );
    field(
        &mut inside,
        "document",
        lang.pick("Văn bản hoặc biên nhận", "Document or receipt"),
        lang.pick(
            "PDF, XML, P7M, P7S, EML, ASiC hoặc biên nhận JSON; tối đa 25 MB.",
            "PDF, XML, P7M, P7S, EML, ASiC, or a JSON receipt; at most 25 MB.",
        ),
        true,
    );
    field(
        &mut inside,
        "content",
        lang.pick("Nội dung đi kèm (không bắt buộc)", "Content beside it (optional)"),
        lang.pick(
            "Chỉ cần khi chữ ký nằm trong tệp riêng (P7S): chọn thêm tệp đã được ký.",
            "Only when the signature is a file of its own (P7S): choose the file that was signed.",
        ),
        false,
    );
    let _ = write!(
        inside,
        "<p class=\"privacy\"><strong>{}</strong> {}</p>\n<button type=\"submit\">{}</button>\n</form>\n",
        lang.pick("Tệp không được lưu.", "The file is not kept."),
        lang.pick(
            "Tệp được kiểm tra trong bộ nhớ rồi xóa ngay; hệ thống chỉ có thể hỏi nơi cấp chứng thư số về tình trạng thu hồi.",
            "It is checked in memory and then forgotten; only the issuers of the certificates may be asked about revocation.",
        ),
        lang.pick("Kiểm tra", "Check"),
    );
    let title = lang.pick("Kiểm tra văn bản điện tử", "Check an electronic document");
    let title = if trouble.is_some() {
        lang.pick("Chưa kiểm tra được tệp", "The file was not checked")
    } else {
        title
    };
    frame(lang, title, "/kiem-tra", &inside)
}

fn field(out: &mut String, name: &str, label: &str, hint: &str, required: bool) {
    let required = if required { " required" } else { "" };
    let _ = write!(
        out,
        "<div class=\"field\">\n<label for=\"{name}\">{label}</label>\n<p class=\"small\" id=\"{name}-hint\">{hint}</p>\n\
         <input type=\"file\" id=\"{name}\" name=\"{name}\" aria-describedby=\"{name}-hint\"{required}>\n</div>\n"
    );
}

#[cfg(test)]
mod tests;
