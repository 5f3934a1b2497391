//! State secrets never travel here (RULES R7–R12, M11): marks in the subject, in names and texts of files, in what the message
//! says, and the same in every message within it.

use std::sync::Arc;

use mail::opened::{self, Holds, Opened};
use mail::{Findings, Letter, Refused};
use registry::secrecy::{self, Hit, Item};

use super::{Looked, Stage, refusal, work};
use crate::house::House;

/// Lines looked at from the beginning of each text: a stamp stands at its head, and further below a lone word is a word.
const HEAD_LINES: usize = 60;

/// The stage.
pub(super) struct Secrecy {
    pub(super) house: Arc<House>,
}

impl Stage for Secrecy {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, _: &'a mut Findings) -> Looked<'a> {
        Box::pin(async move {
            let subject = letter.facts.subject.clone();
            let Some(hit) = work::on_message(letter, move |message| judge(&subject, message)).await? else {
                return Ok(());
            };
            // The log tells which detector hit, and nothing of what it hit (RULES R12).
            let detector = hit.detector.code();
            tracing::warn!(detector, "a mail with a mark of secrecy was refused");
            let refused = refused();
            refusal::record(&self.house, letter, &refused, Some(detector), None).await;
            Err(refused)
        })
    }
}

fn refused() -> Refused {
    Refused {
        code: 550,
        status: (5, 7, 1),
        name: "state_secret",
        vi: "Văn bản có độ mật – không gửi, nhận qua hệ thống (QĐ 28/2018 Đ1.2)".to_owned(),
        en: "Classified documents may not be sent through this system".to_owned(),
    }
}

/// The first mark in a message, if there is one.
fn judge(subject: &str, message: &[u8]) -> Option<Hit> {
    let limits = registry::Limits::default();
    let outermost = Item { subject: Some(subject), ..Item::default() };
    secrecy::check(&outermost, &limits).or_else(|| {
        let opened = opened::open(message, &mail::message::Limits::default(), &opened::Limits::default());
        opened.iter().find_map(|part| in_part(part, &limits))
    })
}

fn in_part(part: &Opened, limits: &registry::Limits) -> Option<Hit> {
    let names: Vec<&str> = part.name.as_deref().into_iter().collect();
    let named = Item { file_names: &names, ..Item::default() };
    let holds = || match &part.holds {
        Holds::Message(subject) => {
            secrecy::check(&Item { subject: Some(subject), ..Item::default() }, limits)
        }
        Holds::Text(text) => secrecy::check(&Item { texts: &[&head(text)], ..Item::default() }, limits),
        Holds::File(bytes) if bytes.starts_with(b"PK\x03\x04") => secrecy::in_office(bytes, limits),
        Holds::File(bytes) => secrecy::in_pdf(bytes).or_else(|| {
            let symbol = registry::recognise::symbol_in_pdf(bytes)?;
            secrecy::check(&Item { notation: Some(&symbol), ..Item::default() }, limits)
        }),
    };
    secrecy::check(&named, limits).or_else(holds)
}

/// The lines of a text's head that a stamp could be. What people write in a letter is believed less than what a form prints: a
/// lone `mat` without marks and without capitals is no stamp there.
fn head(text: &str) -> String {
    let could_be = |line: &&str| !line.is_ascii() || !line.contains(|c: char| c.is_ascii_lowercase());
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .take(HEAD_LINES)
        .filter(could_be)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use registry::secrecy::Detector;

    use super::*;

    fn hit(message: &str) -> Option<Detector> {
        let facts = mail::message::read(message.as_bytes(), &mail::message::Limits::default());
        judge(&facts.subject, message.as_bytes()).map(|hit| hit.detector)
    }

    fn mixed(subject: &str, body: &str, file: &str, content: &str) -> String {
        format!(
            "Subject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n\
             --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{content}\r\n\
             --b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"{file}\"\r\n\r\nx\r\n--b--\r\n"
        )
    }

    #[test]
    #[rustfmt::skip]
    fn r7_r9_marks_wherever_they_stand_are_refused() {
        let rows = [
            ("Giấy mời họp", "x", "giay-moi.pdf", "x", None),
            ("Đổi mật khẩu thư điện tử", "x", "huong-dan.pdf", "x", None),
            ("[MẬT] Báo cáo", "x", "bao-cao.pdf", "x", Some(Detector::Subject)),
            ("Báo cáo", "x", "bao-cao_TUYET-MAT.pdf", "x", Some(Detector::FileName)),
            ("Báo cáo", "UBND TỈNH A\r\nMẬT\r\nSố: 05", "a.pdf", "x", Some(Detector::Stamp)),
            ("Báo cáo", "TOI MAT\r\nx", "a.pdf", "x", Some(Detector::Stamp)),
            ("Báo cáo", "> > TỐI MẬT", "a.pdf", "x", Some(Detector::Stamp)),
            ("Báo cáo", "x", "a.pdf", "<table><tr><td><b>UBND</b></td></tr></table><p><b>TUYỆT MẬT</b></p><p>x</p>", Some(Detector::Stamp)),
            ("Báo cáo", "mat\r\nMat\r\n", "a.pdf", "<p>mat</p>", None),
        ];
        for (subject, body, file, html, detector) in rows {
            assert_eq!(hit(&mixed(subject, body, file, html)), detector, "{subject} {body} {file} {html}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn r9_false_friends_in_a_letter_give_no_hit() {
        for friend in [
            "mật khẩu", "Mật khẩu mới:", "bảo mật", "BẢO MẬT", "bí mật kinh doanh", "BÍ MẬT KINH DOANH", "bí mật nhà nước",
            "mật độ dân số", "mật ong", "túi mật", "Mất", "MẶT TRẬN TỔ QUỐC", "Mặt", "thân mật", "mật mã", "quy chế bảo mật thông tin",
            "văn bản mật", "giải mật tài liệu", "mat", "Mat", "format", "Chúng tôi cam kết bảo mật.", "Độ mật: Thường", "Độ mật: không",
        ] {
            for body in [friend.to_owned(), format!("Kính gửi,\r\n{friend}\r\nTrân trọng"), format!("Về {friend} trong cơ quan.")] {
                assert_eq!(hit(&mixed("Trao đổi", &body, "a.pdf", &format!("<p>{body}</p>"))), None, "{body}");
            }
        }
        let below = format!("{}MẬT\r\n", "dòng\r\n".repeat(HEAD_LINES));
        assert_eq!(hit(&mixed("Danh mục", &below, "a.pdf", "x")), None);
    }

    #[test]
    fn r8_a_message_within_a_message_hides_nothing() {
        for inner in [
            "Subject: [MẬT] Báo cáo\r\n\r\nx",
            "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nTỐI MẬT\r\nx",
        ] {
            let once = format!("Subject: Fwd\r\nContent-Type: message/rfc822\r\n\r\n{inner}");
            assert!(hit(&once).is_some(), "{once}");
            assert!(hit(&format!("Subject: x\r\nContent-Type: message/rfc822\r\n\r\n{once}")).is_some());
        }
        assert_eq!(
            hit("Subject: Fwd\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nmật khẩu"),
            None
        );
    }

    #[test]
    fn r12_a_refusal_tells_nothing_of_what_was_found() {
        let said = refused().to_string();
        assert!(said.starts_with("550 5.7.1"), "{said}");
    }
}
