//! State secrets never travel here (RULES R7–R12, M11): marks in the subject, in names and texts of files, in what the message
//! says, and the same in every message within it.

use std::sync::Arc;

use mail::opened::{self, Holds, Opened};
use mail::{AgencyId, EmailAddress, Findings, Letter, Refused};
use registry::secrecy::{self, Detector, Hit, Item};
use registry::two_persons::{MailReference, admit_mail};
use ring::digest::{Context, SHA256};
use store::{MovedPlace, Resolved, Tx};

use super::{Looked, Stage, refusal, work};
use crate::house::House;

/// Lines looked at from the beginning of each text: a stamp stands at its head, and further below a lone word is a word.
const HEAD_LINES: usize = 60;
/// Recipients looked at for the agency whose officers a stranger's mail concerns.
const RECIPIENTS_MAX: usize = 20;

/// The stage.
pub(super) struct Secrecy {
    pub(super) house: Arc<House>,
}

impl Secrecy {
    async fn judge(&self, letter: &Letter<'_>, findings: &mut Findings) -> Result<(), Refused> {
        let (subject, sender) = (letter.facts.subject.clone(), sender(letter));
        let found = work::on_message(letter, move |message| find(&subject, &sender, message)).await?;
        let Some(Found { detector, reference }) = found else { return Ok(()) };
        if self.is_released(letter, reference, detector).await? {
            findings.step("secrecy", "released");
            return Ok(());
        }
        // The log tells which detector hit, and nothing of what it hit (RULES R12).
        let detector = detector.code();
        tracing::warn!(detector, "a mail with a mark of secrecy was refused");
        let refused = refused(&reference);
        refusal::record(&self.house, letter, &refused, Some(detector), None).await;
        Err(refused)
    }

    /// Whether two persons of the agency have released it (RULES R13): of the sender's, or of the first recipient's that is one of ours. If
    /// not, it is kept that it was refused.
    async fn is_released(
        &self,
        letter: &Letter<'_>,
        reference: MailReference,
        detector: Detector,
    ) -> Result<bool, Refused> {
        let now = self.house.now();
        let actor = letter.account.map_or_else(|| letter.door.name().to_owned(), |id| id.to_string());
        let recipients: Vec<EmailAddress> = letter.recipients.iter().take(RECIPIENTS_MAX).cloned().collect();
        let input = (letter.account, recipients, actor);
        let admitted = self.house.store.write("ask for a mail's release", input, move |tx, input| {
            Box::pin(async move {
                let (account, recipients, actor) = input;
                let agency = match account {
                    Some(account) => tx.account(*account).await?.map(|account| account.agency_id),
                    None => agency_of(tx, recipients, now).await?,
                };
                let Some(agency) = agency else { return Ok(false) };
                admit_mail(tx, agency, (&reference, detector.code()), actor, now).await
            })
        });
        let admitted: Result<bool, store::Error> = admitted.await;
        // What cannot be asked about is not let through, and not refused for good either.
        admitted.map_err(|_| work::not_now())
    }
}

/// The agency of the first recipient that is one of ours.
async fn agency_of(
    tx: &mut Tx,
    recipients: &[EmailAddress],
    now: mail::Timestamp,
) -> Result<Option<AgencyId>, store::Error> {
    for recipient in recipients {
        match tx.resolve_address(recipient, now).await? {
            Resolved::Here(account) => return Ok(Some(account.agency_id)),
            Resolved::List(list) => return Ok(Some(list.agency_id)),
            Resolved::Moved(moved) => match moved.place {
                MovedPlace::Here(account) => return Ok(Some(account.agency_id)),
                MovedPlace::Elsewhere(_) => {
                    return Ok(tx.account(moved.owner).await?.map(|account| account.agency_id));
                }
            },
            Resolved::Elsewhere(_) | Resolved::Closed(_) | Resolved::Unknown => {}
        }
    }
    Ok(None)
}

/// Who sends it, for a release that is good for them alone: the account, or the reverse path.
fn sender(letter: &Letter<'_>) -> Vec<u8> {
    match letter.account {
        Some(account) => account.as_bytes().to_vec(),
        None => letter.reverse_path.map(|path| path.folded().into_bytes()).unwrap_or_default(),
    }
}

impl Stage for Secrecy {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(self.judge(letter, findings))
    }
}

fn refused(reference: &MailReference) -> Refused {
    let code: String = reference.iter().map(|byte| format!("{byte:02x}")).collect();
    Refused {
        code: 550,
        status: (5, 7, 1),
        name: "state_secret",
        vi: format!(
            "Văn bản có độ mật – không gửi, nhận qua hệ thống (QĐ 28/2018 Đ1.2); nếu nhầm, đề nghị văn thư và lãnh đạo giải tỏa mã {code}"
        ),
        en: format!(
            "Classified documents may not be sent through this system; if this is wrong, ask a records officer and a head to release {code}"
        ),
    }
}

/// A mark, and by which name two persons may say that it is none.
struct Found {
    detector: Detector,
    reference: MailReference,
}

fn find(subject: &str, sender: &[u8], message: &[u8]) -> Option<Found> {
    let hit = judge(subject, message)?;
    let opened = opened::open(message, &mail::message::Limits::default(), &opened::Limits::default());
    Some(Found { detector: hit.detector, reference: reference(sender, subject, &opened) })
}

/// A digest of who sends and of all that the detectors look at: subject, names, texts and files, however they are wrapped. What they do not
/// look at is in no digest, and could not have been refused.
fn reference(sender: &[u8], subject: &str, parts: &[Opened]) -> MailReference {
    let mut context = Context::new(&SHA256);
    let mut put = |kind: u8, bytes: &[u8]| {
        context.update(&[kind]);
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    put(b'F', sender);
    put(b'S', subject.as_bytes());
    for part in parts {
        put(b'N', part.name.as_deref().unwrap_or_default().as_bytes());
        match &part.holds {
            Holds::Message(subject) => put(b'M', subject.as_bytes()),
            // Line ends and blanks at the end are the mail program's.
            Holds::Text(text) => put(b'T', text.trim_end().replace("\r\n", "\n").as_bytes()),
            Holds::File(bytes) => put(b'B', bytes),
        }
    }
    let mut reference = [0; 32];
    reference.copy_from_slice(context.finish().as_ref());
    reference
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
        let said = refused(&[7; 32]).to_string();
        assert!(said.starts_with("550 5.7.1") && said.ends_with(&"07".repeat(32)), "{said}");
    }

    #[test]
    fn r13_a_release_is_of_that_content_and_that_sender() {
        let message = mixed("[MẬT] Báo cáo", "x", "a.pdf", "y");
        let name = |sender: &[u8], message: &str| {
            let facts = mail::message::read(message.as_bytes(), &mail::message::Limits::default());
            find(&facts.subject, sender, message.as_bytes()).unwrap().reference
        };
        let first = name(b"an@a.vn", &message);
        // Sent again: another date, another boundary, another encoding of the same words.
        let again = format!("Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n{message}")
            .replace("boundary=b", "boundary=cc");
        let again = again
            .replace("--b", "--cc")
            .replace("utf-8\r\n\r\nx", "utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\neA==");
        assert_eq!(name(b"an@a.vn", &again), first);
        assert_ne!(name(b"binh@a.vn", &message), first);
        for (from, to) in [
            ("Báo cáo", "Báo cáo 2"),
            ("a.pdf", "b.pdf"),
            ("\r\n\r\nx", "\r\n\r\nz"),
            ("\r\n\r\ny", "\r\n\r\nz"),
        ] {
            let other = message.replacen(from, to, 1);
            assert_ne!(other, message);
            assert_ne!(name(b"an@a.vn", &other), first, "{from} -> {to}");
        }
    }
}
