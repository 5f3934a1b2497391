//! Making signed mail (RFC 8551): readable by everybody beside its signature, or wrapped in it.
//!
//! What moves inside is the body and a copy of the header fields people read (RFC 9788), so that subject, sender and
//! recipients are signed too.

use super::cms_file::{CmsSigning, PreparedCms, StampedCms, prepare_cms};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::smime::{self, Body, header::Header, transfer};
use crate::tst;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::algorithm::Digest;
use certs::keys::{Scheme, SigningKey};
use std::fmt::Write;

/// How a mail carries its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailForm {
    /// `multipart/signed`: readable without S/MIME.
    Clear,
    /// `application/pkcs7-mime`: no relay can touch the text without breaking it, no old reader can show it.
    Opaque,
}

/// Header fields copied inside (RFC 9788 §2.2 leaves out what belongs to transport or structure).
const PROTECTED: [&str; 9] =
    ["from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to", "references"];

/// Bytes of base64 in one line (RFC 2045 §6.8).
const LINE: usize = 76;
/// Longest line of text that travels unharmed (RFC 5322 §2.1.1).
const TEXT_LINE: usize = 998;

/// A message ready to be signed.
pub struct MailDraft {
    /// Header fields that stay outside, as they came.
    outer: Vec<u8>,
    /// The part that is signed, in its canonical form.
    entity: Vec<u8>,
    form: MailForm,
    limits: Limits,
}

/// A mail that waits for its signature value.
pub struct PreparedMail<'d> {
    draft: &'d MailDraft,
    cms: PreparedCms<'d>,
    digest: Digest,
}

/// A mail whose signature value is known; a timestamp may still be added.
pub struct StampedMail<'d> {
    draft: &'d MailDraft,
    cms: StampedCms<'d>,
    digest: Digest,
}

impl MailDraft {
    /// Takes a message apart into what is signed and what stays around it.
    ///
    /// Errors: the header cannot be read; [`Code::MakeMail`] when parts inside hold bytes that relays may re-code.
    pub fn new(message: &[u8], form: MailForm, limits: &Limits) -> Result<Self, Reason> {
        let header = Header::read(message)?;
        let body = transfer::with_crlf(message.get(header.end..).unwrap_or_default(), limits)?;
        let kind = header.content_type()?;
        let recode = !travels(&body);
        if recode && (!transfer::is_identity(&header) || kind.essence.starts_with("multipart/")) {
            return Err(Reason::of(Code::MakeMail, "8-bit text inside"));
        }
        let (mut outer, mut inner) = (Vec::new(), Vec::new());
        for field in header.all() {
            let is_structure = field.name.starts_with("content-");
            if PROTECTED.contains(&field.name.as_str()) {
                put(&mut inner, field.raw, limits)?;
            }
            match field.name.as_str() {
                "content-type" => put(&mut inner, &with_hp(field.raw), limits)?,
                "content-transfer-encoding" if recode => {}
                "mime-version" => {}
                _ if is_structure => put(&mut inner, field.raw, limits)?,
                _ => put(&mut outer, field.raw, limits)?,
            }
        }
        if header.single("content-type")?.is_none() {
            inner.extend_from_slice(b"Content-Type: text/plain; charset=utf-8; hp=\"clear\"\r\n");
        }
        if recode {
            inner.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n");
        }
        inner.extend_from_slice(b"\r\n");
        match recode {
            true => base64_lines(&mut inner, &body),
            false => inner.extend_from_slice(&body),
        }
        Ok(Self { outer, entity: inner, form, limits: *limits })
    }

    /// Says what is to be signed. Whether the content is inside follows from the form.
    pub fn prepare(&self, signing: &CmsSigning) -> Result<PreparedMail<'_>, Reason> {
        let signing = CmsSigning { detached: self.form == MailForm::Clear, ..signing.clone() };
        let cms = prepare_cms(&self.entity, &signing, &self.limits)?;
        Ok(PreparedMail { draft: self, cms, digest: signing.scheme.digest() })
    }

    fn assemble(&self, der: &[u8], digest: Digest) -> Vec<u8> {
        let mut out = self.outer.clone();
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = match self.form {
            MailForm::Opaque => write!(
                text,
                "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\r\n\
                 Content-Transfer-Encoding: base64\r\n\
                 Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n"
            ),
            MailForm::Clear => write!(
                text,
                "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n\
                 \tmicalg={}; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n",
                micalg(digest),
                boundary = self.boundary(),
            ),
        };
        out.extend_from_slice(text.as_bytes());
        if self.form == MailForm::Clear {
            out.extend_from_slice(&self.entity);
            let head = format!(
                "\r\n--{}\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n\
                 Content-Transfer-Encoding: base64\r\n\
                 Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n",
                self.boundary()
            );
            out.extend_from_slice(head.as_bytes());
        }
        base64_lines(&mut out, der);
        if self.form == MailForm::Clear {
            out.extend_from_slice(format!("--{}--\r\n", self.boundary()).as_bytes());
        }
        out
    }

    /// A line that cannot stand in the text: the text would have to hold its own digest.
    fn boundary(&self) -> String {
        let digest = Digest::Sha256.of(&self.entity);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("cv-{hex}")
    }

    /// Reads the result back: what it says was signed is what was signed.
    fn check(&self, message: &[u8]) -> Result<(), Reason> {
        let failed = |reason: Reason| Reason::of(Code::MakeCheck, reason.code);
        let mail = smime::read(message, &self.limits).map_err(failed)?;
        let same = match (self.form, &mail.body) {
            (MailForm::Clear, Body::Detached { content, .. }) => **content == *self.entity,
            (MailForm::Opaque, Body::Opaque { .. }) => true,
            _ => false,
        };
        if same { Ok(()) } else { Err(Reason::of(Code::MakeCheck, Code::MailAmbiguous)) }
    }
}

impl<'d> PreparedMail<'d> {
    /// What the key signs.
    pub fn to_sign(&self) -> &[u8] {
        self.cms.to_sign()
    }

    /// Takes the signature value.
    pub fn signed(self, signature: Vec<u8>) -> StampedMail<'d> {
        StampedMail { draft: self.draft, cms: self.cms.signed(signature), digest: self.digest }
    }

    /// Signs with one of our keys.
    pub fn sign(self, key: &dyn SigningKey, scheme: Scheme) -> Result<StampedMail<'d>, Reason> {
        Ok(StampedMail { draft: self.draft, cms: self.cms.sign(key, scheme)?, digest: self.digest })
    }
}

impl StampedMail<'_> {
    /// What to send to a timestamp authority; `nonce` is random and never used twice.
    pub fn timestamp_request(&self, nonce: u64) -> tst::Request {
        self.cms.timestamp_request(nonce)
    }

    /// The signed message, read back (RULES D32).
    pub fn finish(self, token: Option<&[u8]>) -> Result<Vec<u8>, Reason> {
        let der = self.cms.finish(token)?;
        let message = self.draft.assemble(&der, self.digest);
        self.draft.check(&message)?;
        Ok(message)
    }
}

/// Seven bits and short lines: what every relay leaves alone (RFC 8551 §3.1.2).
fn travels(body: &[u8]) -> bool {
    body.is_ascii() && !body.contains(&0) && body.split(|byte| *byte == b'\n').all(|l| l.len() <= TEXT_LINE)
}

/// A field's lines with CRLF.
fn put(out: &mut Vec<u8>, raw: &[u8], limits: &Limits) -> Result<(), Reason> {
    out.extend_from_slice(&transfer::with_crlf(raw, limits)?);
    if !out.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// RFC 9788 §2.1.1: says that the header fields beside it are the message's own.
fn with_hp(raw: &[u8]) -> Vec<u8> {
    let text = raw.trim_ascii_end();
    let text = text.strip_suffix(b";").unwrap_or(text);
    [text, b"; hp=\"clear\"\r\n"].concat()
}

fn base64_lines(out: &mut Vec<u8>, bytes: &[u8]) {
    for line in STANDARD.encode(bytes).as_bytes().chunks(LINE) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

/// RFC 8551 §3.5.3.2.
fn micalg(digest: Digest) -> &'static str {
    match digest {
        Digest::Md5 => "md5",
        Digest::Sha1 => "sha-1",
        Digest::Sha224 => "sha-224",
        Digest::Sha256 => "sha-256",
        Digest::Sha384 => "sha-384",
        Digest::Sha512 => "sha-512",
    }
}
