//! Attachments: no programs and scripts, also inside archives; encrypted archives wait for the records office (RULES M33).

use std::sync::Arc;

use mail::letter::{Hold, Releaser};
use mail::message::{Limits, Part, part_bytes, read};
use mail::{Findings, Letter, Refused};

use super::archive::{Found, Rules, Walk};
use super::{Looked, Stage};
use crate::config::Scan;

/// Messages inside messages that are looked into.
const NESTED_MAX: usize = 5;

/// What becomes of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Hold,
    Refuse,
    Pass,
}

impl Fate {
    fn read(key: &str, word: &str) -> anyhow::Result<Self> {
        match word {
            "quarantine" => Ok(Self::Hold),
            "refuse" => Ok(Self::Refuse),
            "pass" => Ok(Self::Pass),
            _ => anyhow::bail!("{key} = {word:?}: quarantine, refuse or pass (giá trị không hợp lệ)"),
        }
    }
}

/// The stage.
pub(super) struct Attachments {
    rules: Arc<Rules>,
    encrypted: Fate,
    opaque: Fate,
}

impl Attachments {
    pub(super) fn new(config: &Scan) -> anyhow::Result<Self> {
        let small = |endings: &[String]| endings.iter().map(|ending| ending.to_lowercase()).collect();
        Ok(Self {
            rules: Arc::new(Rules {
                refused: small(&config.refused_endings),
                held: small(&config.held_endings),
                depth_max: config.archive_depth_max,
                files_max: config.archive_files_max,
                bytes_max: config.archive_bytes_max,
                ratio_max: config.archive_ratio_max,
            }),
            encrypted: Fate::read("scan.encrypted_archives", &config.encrypted_archives)?,
            opaque: Fate::read("scan.opaque_archives", &config.opaque_archives)?,
        })
    }

    /// What the suspicions of one mail come to.
    fn judge(&self, suspicions: Vec<Found>, findings: &mut Findings) -> Result<(), Refused> {
        for found in suspicions {
            let (reason, kind, releaser, fate) = match found {
                Found::Encrypted(kind) => {
                    ("encrypted_archive", kind.to_owned(), Releaser::Administrator, self.encrypted)
                }
                Found::Opaque(kind) => {
                    ("opaque_archive", kind.to_owned(), Releaser::Administrator, self.opaque)
                }
                Found::Macros(kind) => ("macros", kind, Releaser::Person, Fate::Hold),
                refusable => return Err(refused(&refusable)),
            };
            findings.step("attachments", format!("{reason}={kind}"));
            match fate {
                Fate::Pass => {}
                Fate::Hold => findings.hold(Hold { reason, detail: kind, releaser }),
                Fate::Refuse => {
                    let vi = "Tệp nén đặt mật khẩu hoặc không đọc được nên không được nhận";
                    return Err(said(
                        reason,
                        vi.to_owned(),
                        "Archives that cannot be looked into are refused".to_owned(),
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Stage for Attachments {
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a> {
        Box::pin(async move {
            let (rules, message, body) =
                (self.rules.clone(), letter.message.to_vec(), letter.facts.body.clone());
            // Unpacking is work for a thread that nobody waits on.
            let walked = tokio::task::spawn_blocking(move || {
                let mut walk = Walk::new(&rules);
                part(&mut walk, &message, &body, 0).map(|()| walk.suspicions)
            });
            match walked.await {
                Ok(Ok(suspicions)) => self.judge(suspicions, findings),
                Ok(Err(found)) => {
                    let refused = refused(&found);
                    tracing::warn!(letter = letter.id, reason = refused.name, "an attachment was refused");
                    Err(refused)
                }
                Err(error) => {
                    tracing::error!(letter = letter.id, "attachments could not be looked at: {error}");
                    Err(Refused {
                        code: 451,
                        status: (4, 3, 0),
                        name: "attachments_unread",
                        vi: "Chưa kiểm tra được tệp đính kèm, xin gửi lại sau".to_owned(),
                        en: "The attachments cannot be looked at, try again later".to_owned(),
                    })
                }
            }
        })
    }
}

/// A part and those below it; a message inside is read as one.
fn part(walk: &mut Walk<'_>, raw: &[u8], this: &Part, nested: usize) -> Result<(), Found> {
    if !this.parts.is_empty() {
        return this.parts.iter().try_for_each(|below| part(walk, raw, below, nested));
    }
    let bytes = part_bytes(raw, this);
    if is_unread(raw, this) {
        walk.suspect(Found::Opaque("structure"))?;
    }
    if this.media_type.eq_ignore_ascii_case("message/rfc822") {
        if nested >= NESTED_MAX {
            return Err(Found::Bomb);
        }
        return part(walk, &bytes, &read(&bytes, &Limits::default()).body, nested + 1);
    }
    walk.file(this.name.as_deref(), &bytes, 0)
}

/// Whether a message of several parts was not taken apart: it has too many, or too many messages in it. Its body is one block of bytes then.
fn is_unread(raw: &[u8], this: &Part) -> bool {
    let header =
        usize::try_from(this.body_at).ok().and_then(|body_at| raw.get(..body_at)).unwrap_or_default();
    let says = |word: &[u8]| header.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    this.header_at == 0
        && this.media_type == "application/octet-stream"
        && (says(b"multipart/")
            || says(b"message/")
            || mail::message::declares_nesting(raw, Limits::default().nested_max))
}

/// The words tell what kind of file it is, and not its name.
fn refused(found: &Found) -> Refused {
    match found {
        Found::Program(kind) => said(
            "attachment_type",
            format!("Không nhận tệp thực thi hoặc kịch bản ({kind}), kể cả trong tệp nén"),
            format!("Programs and scripts ({kind}) are refused, also inside archives"),
        ),
        Found::DisguisedName => said(
            "attachment_name",
            "Tên tệp đính kèm có ký tự đảo chiều để che phần mở rộng".to_owned(),
            "The name of an attachment hides its type".to_owned(),
        ),
        _ => said(
            "archive_bomb",
            "Tệp nén giải ra quá lớn, quá nhiều tệp hoặc lồng quá sâu".to_owned(),
            "An archive unpacks to too much".to_owned(),
        ),
    }
}

fn said(name: &'static str, vi: String, en: String) -> Refused {
    // A type comes from a file name: only plain letters of it are said.
    let clean = |text: String| text.chars().filter(|c| !c.is_control()).collect::<String>();
    Refused { code: 554, status: (5, 7, 1), name, vi: clean(vi), en: clean(en) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(attachment: &str) -> Vec<u8> {
        format!(
            "Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\n{attachment}\r\n--b--\r\n"
        )
        .into_bytes()
    }

    fn look(config: &Scan, message: &[u8]) -> (Result<(), &'static str>, Option<Hold>) {
        let stage = Attachments::new(config).unwrap();
        let facts = read(message, &Limits::default());
        let mut walk = Walk::new(&stage.rules);
        let mut findings = Findings::default();
        let walked = part(&mut walk, message, &facts.body, 0).map_err(|found| refused(&found));
        let suspicions = std::mem::take(&mut walk.suspicions);
        let judged = walked.and_then(|()| stage.judge(suspicions, &mut findings));
        (judged.map_err(|refused| refused.name), findings.held().cloned())
    }

    #[test]
    fn m33_every_part_of_a_mail_is_looked_at() {
        let exe = "Content-Type: application/pdf; name=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQ*AAMAAAA=";
        let inner = String::from_utf8(letter(exe)).unwrap();
        let rows = [
            ("Content-Type: application/pdf; name=\"a.pdf\"\r\n\r\n%PDF".to_owned(), Ok(())),
            (exe.to_owned(), Err("attachment_type")),
            (format!("Content-Type: message/rfc822\r\n\r\n{inner}"), Err("attachment_type")),
            // Neither a name nor a type says what this is.
            (
                "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAA="
                    .to_owned(),
                Err("attachment_type"),
            ),
            ("Content-Type: text/plain; name=\"a.js\"\r\n\r\nx".to_owned(), Err("attachment_type")),
            (
                "Content-Disposition: attachment; filename*=UTF-8''a%E2%80%AEfdp.txt\r\n\r\nx".to_owned(),
                Err("attachment_name"),
            ),
        ];
        for (attachment, expected) in rows {
            assert_eq!(look(&Scan::default(), &letter(&attachment)).0, expected, "{attachment}");
        }
    }

    #[test]
    fn m33_a_message_that_is_not_taken_apart_is_held() {
        let exe = "Content-Type: text/plain\r\n\r\n".to_owned() + &"message/x ".repeat(1_000);
        let alone =
            "Content-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAA=".to_owned() + &"message/".repeat(100);
        let multipart =
            |level: usize| format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        let deep = (0..100).map(multipart).collect::<String>() + "\r\nx";
        for message in [letter(&exe), alone.into_bytes(), deep.into_bytes()] {
            let (judged, held) = look(&Scan::default(), &message);
            assert_eq!((judged, held.map(|hold| hold.reason)), (Ok(()), Some("opaque_archive")));
        }
    }

    #[test]
    fn m33_what_cannot_be_looked_into_does_as_configured() {
        let rar = letter(
            "Content-Type: application/x-rar; name=\"a.rar\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUmFyIRoHAA==",
        );
        for (word, expected, is_held) in
            [("quarantine", Ok(()), true), ("refuse", Err("opaque_archive"), false), ("pass", Ok(()), false)]
        {
            let config = Scan { opaque_archives: word.to_owned(), ..Scan::default() };
            let (judged, held) = look(&config, &rar);
            assert_eq!((judged, held.is_some()), (expected, is_held), "{word}");
            assert!(held.is_none_or(|hold| hold.releaser == Releaser::Administrator));
        }
        assert!(Attachments::new(&Scan { opaque_archives: "x".to_owned(), ..Scan::default() }).is_err());
    }
}
