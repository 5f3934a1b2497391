//! State secrets never travel here (RULES R7, R9 d and e, R10, M11): what the subject or a file's name says is enough.

use mail::message::Facts;
use mail::{Findings, Letter, Refused};
use registry::secrecy::Item;

use super::{Looked, Stage};

/// The stage.
pub(super) struct Secrecy;

impl Stage for Secrecy {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, _: &'a mut Findings) -> Looked<'a> {
        Box::pin(async move { judge(letter.facts) })
    }
}

/// The log tells which detector hit, and nothing of what it hit (RULES R12).
fn judge(facts: &Facts) -> Result<(), Refused> {
    let file_names: Vec<&str> =
        facts.attachments.iter().filter_map(|id| facts.part(id)?.name.as_deref()).collect();
    let item = Item { subject: Some(&facts.subject), file_names: &file_names, ..Item::default() };
    let Some(hit) = registry::secrecy::check(&item, &registry::Limits::default()) else { return Ok(()) };
    tracing::warn!(detector = hit.detector.code(), "a mail with a mark of secrecy was refused");
    Err(Refused {
        code: 550,
        status: (5, 7, 1),
        name: "state_secret",
        vi: "Văn bản có độ mật – không gửi, nhận qua hệ thống (QĐ 28/2018 Đ1.2)".to_owned(),
        en: "Classified documents may not be sent through this system".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_r9_marks_in_subject_and_file_names_are_refused() {
        let letter = |subject: &str, file: &str| {
            format!(
                "Subject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                 --b\r\nContent-Type: text/plain\r\n\r\nx\r\n\
                 --b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"{file}\"\r\n\r\nx\r\n--b--\r\n"
            )
        };
        let rows = [
            ("Giấy mời họp", "giay-moi.pdf", false),
            ("Đổi mật khẩu thư điện tử", "huong-dan.pdf", false),
            ("[MẬT] Báo cáo", "bao-cao.pdf", true),
            ("Báo cáo", "bao-cao_TUYET-MAT.pdf", true),
        ];
        for (subject, file, is_refused) in rows {
            let facts =
                mail::message::read(letter(subject, file).as_bytes(), &mail::message::Limits::default());
            let said = judge(&facts).err().map(|refused| refused.to_string());
            assert_eq!(
                said.is_some_and(|text| text.starts_with("550 5.7.1")),
                is_refused,
                "{subject} {file}"
            );
        }
    }
}
