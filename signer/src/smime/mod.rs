//! Signed mail (RFC 8551): which bytes a signature in a message is over, and what it leaves out.
//!
//! A reader of our own, because a verdict needs what readers made for showing mail do not give: the exact bytes of
//! one part, and a refusal wherever two readers could see two different messages. Only a signature on the message as
//! a whole carries a verdict; one on a part somewhere inside says nothing about what stands around it.

pub(crate) mod header;
mod multipart;
mod sender;
pub(crate) mod transfer;

use crate::limits::Limits;
use crate::message::{Code, Reason};
use header::{ContentType, Header};
use mail::{EmailAddress, Timestamp};
use std::borrow::Cow;

/// Media types of a detached signature; the second is the name it had before 2004.
const SIGNATURE: [&str; 2] = ["application/pkcs7-signature", "application/x-pkcs7-signature"];
/// Media types of a CMS that holds the message.
const OPAQUE: [&str; 2] = ["application/pkcs7-mime", "application/x-pkcs7-mime"];
/// Levels of multiparts and forwarded messages searched for signed parts.
const NESTED_MAX: usize = 8;
/// Parts looked at in that search.
const PARTS_MAX: usize = 256;

/// A message taken apart as far as its signature needs.
#[derive(Debug)]
pub struct Mail<'a> {
    /// The one address in `From`, or why there is no such thing.
    pub from: Result<EmailAddress, Reason>,
    /// `Date`.
    pub sent_at: Option<Timestamp>,
    /// What is signed, if anything is.
    pub body: Body<'a>,
    /// What the reader ought to know and does not change the verdict.
    pub remarks: Vec<Reason>,
    /// What keeps the message from being valid however good its signature is.
    pub doubts: Vec<Reason>,
}

/// What is signed.
#[derive(Debug)]
pub enum Body<'a> {
    /// `multipart/signed`: the first part exactly as the signer saw it (lines end in CRLF), and the CMS.
    Detached {
        /// The first part, its header fields included.
        content: Cow<'a, [u8]>,
        /// The detached signature.
        der: Vec<u8>,
    },
    /// `application/pkcs7-mime`: the message is inside the CMS, if it is signed at all.
    Opaque {
        /// The CMS.
        der: Vec<u8>,
    },
    /// Nothing, on the level of the whole message.
    Unsigned,
}

/// Reads a message.
///
/// Errors: [`Code::MailDamaged`], [`Code::MailAmbiguous`] where two readers could see two messages,
/// [`Code::FormatUnsupported`] for OpenPGP, [`Code::Encrypted`], [`Code::Budget`].
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Mail<'a>, Reason> {
    let header = Header::read(bytes)?;
    let body = bytes.get(header.end..).unwrap_or_default();
    let kind = header.content_type()?;
    let mut mail = Mail {
        from: sender::from(&header),
        sent_at: sender::date(&header),
        body: Body::Unsigned,
        remarks: Vec::new(),
        doubts: Vec::new(),
    };
    match kind.essence.as_str() {
        // OpenPGP's; of CMS the contents themselves say so.
        "multipart/encrypted" => return Err(Reason::new(Code::Encrypted)),
        "multipart/signed" => mail.detached(&header, &kind, body, limits)?,
        essence if OPAQUE.contains(&essence) || is_named_cms(&header, &kind) => {
            mail.body = Body::Opaque { der: transfer::decode(&header, body, limits)? };
        }
        // Walked over once for every level: what is too large for that is too large to be unpacked.
        _ if body.len() <= limits.unwrapped_bytes && holds_signed_part(&kind, body) => {
            mail.doubts.push(Reason::new(Code::MailPartSigned));
        }
        _ => {}
    }
    if let Err(reason) = &mail.from
        && !matches!(mail.body, Body::Unsigned)
    {
        mail.doubts.push(reason.clone());
    }
    Ok(mail)
}

impl<'a> Mail<'a> {
    fn detached(
        &mut self,
        header: &Header<'a>,
        kind: &ContentType,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<(), Reason> {
        match kind.parameter("protocol").map(str::to_ascii_lowercase) {
            Some(protocol) if SIGNATURE.contains(&protocol.as_str()) => {}
            Some(protocol) if protocol.contains("pgp") => {
                return Err(Reason::of(Code::FormatUnsupported, "OpenPGP"));
            }
            Some(_) => return Err(Reason::of(Code::MailAmbiguous, "protocol")),
            // Old producers leave it out; the second part's own type then says it.
            None => {}
        }
        if !transfer::is_identity(header) {
            return Err(Reason::of(Code::MailAmbiguous, "transfer encoding of a multipart"));
        }
        let boundary = kind.parameter("boundary").ok_or(Reason::of(Code::MailDamaged, "boundary"))?;
        let split = multipart::split(body, boundary)?;
        let [content, signature] = split.parts.as_slice() else {
            return Err(Reason::of(Code::MailAmbiguous, "multipart/signed has exactly two parts"));
        };
        let part = Header::read(signature)?;
        if !SIGNATURE.contains(&part.content_type()?.essence.as_str()) {
            return Err(Reason::of(Code::MailAmbiguous, "type of the signature"));
        }
        let der = transfer::decode(&part, signature.get(part.end..).unwrap_or_default(), limits)?;
        // A message that travelled as Unix text lost its carriage returns; the signer saw them (RFC 8551 §3.1.1).
        let content = match header.is_lf {
            true => transfer::with_crlf(content, limits)?,
            false => Cow::Borrowed(*content),
        };
        if let Cow::Owned(_) = content {
            self.remarks.push(Reason::new(Code::MailLineEndings));
        }
        if !split.epilogue.trim_ascii().is_empty() {
            self.remarks.push(Reason::new(Code::MailOutside));
        }
        self.body = Body::Detached { content, der };
        Ok(())
    }

    /// Holds the message's own header against the header fields inside what was signed (RFC 9788, and the
    /// `protected-headers` some clients write).
    pub fn compare_headers(&mut self, outer: &[u8], signed: &[u8]) {
        let (Ok(outer), Ok(inner)) = (Header::read(outer), Header::read(signed)) else { return };
        let protects = |name: &str| inner.fields(name).next().is_some();
        if !protects("subject") && !protects("from") {
            self.remarks.push(Reason::new(Code::MailHeadersUnsigned));
            return;
        }
        for name in ["from", "to", "cc", "subject", "date"] {
            let words = |header: &Header<'_>| header.fields(name).map(header::unfolded).collect::<Vec<_>>();
            let (shown, signed) = (words(&outer), words(&inner));
            if signed.is_empty() || shown == signed {
                continue;
            }
            let reason = Reason::of(Code::MailHeadersDiffer, name);
            match name {
                "from" => self.doubts.push(reason),
                _ => self.remarks.push(reason),
            }
        }
    }
}

/// RFC 8551 §3.9: any type at all with one of these endings.
fn is_named_cms(header: &Header<'_>, kind: &ContentType) -> bool {
    let is_cms = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.ends_with(".p7m") || name.ends_with(".p7c")
    };
    let disposition = header.parameters("content-disposition").unwrap_or_default();
    kind.essence == "application/octet-stream"
        && (kind.parameter("name").is_some_and(is_cms)
            || disposition.parameter("filename").is_some_and(is_cms))
}

/// A signature somewhere inside. What cannot be read holds none that counts.
fn holds_signed_part(kind: &ContentType, body: &[u8]) -> bool {
    let mut open = Vec::new();
    enter(&mut open, 1, kind, body);
    for _ in 0..PARTS_MAX {
        let Some((level, part)) = open.pop() else { return false };
        let Ok(header) = Header::read(part) else { continue };
        let Ok(kind) = header.content_type() else { continue };
        let essence = kind.essence.as_str();
        if essence == "multipart/signed" || OPAQUE.contains(&essence) || SIGNATURE.contains(&essence) {
            return true;
        }
        enter(&mut open, level + 1, &kind, part.get(header.end..).unwrap_or_default());
    }
    false
}

/// Puts the parts of a multipart, or a forwarded message, on the list of those to be looked at.
fn enter<'b>(open: &mut Vec<(usize, &'b [u8])>, level: usize, kind: &ContentType, body: &'b [u8]) {
    if level > NESTED_MAX {
        return;
    }
    if kind.essence.starts_with("multipart/") {
        let split = kind.parameter("boundary").and_then(|boundary| multipart::split(body, boundary).ok());
        open.extend(split.into_iter().flat_map(|split| split.parts).map(|part| (level, part)));
    } else if kind.essence == "message/rfc822" {
        open.push((level, body));
    }
}
