//! Which kind of signed file this is. What is not judged yet is recognised and refused by name, so that nobody takes
//! "not looked at" for "unsigned".

use crate::asn1;
use crate::cms::armor;
use serde::Serialize;
use std::str::FromStr;

/// The format of a signed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// PDF with PAdES or ISO 32000 signatures.
    Pdf,
    /// CMS with its content inside.
    Cms,
    /// CMS beside its content.
    CmsDetached,
    /// XMLDSig or XAdES.
    Xml,
    /// S/MIME.
    Smime,
    /// An RFC 3161 token.
    Tst,
    /// A ZIP container: ASiC, or an office document.
    Asic,
}

/// Not a word for a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a format is pdf, cms, cms-detached, xml, smime, tst or asic")]
pub struct BadFormat;

impl FromStr for Format {
    type Err = BadFormat;

    /// The words of the command line.
    fn from_str(text: &str) -> Result<Self, BadFormat> {
        Ok(match text {
            "pdf" => Self::Pdf,
            "cms" => Self::Cms,
            "cms-detached" => Self::CmsDetached,
            "xml" => Self::Xml,
            "smime" => Self::Smime,
            "tst" => Self::Tst,
            "asic" => Self::Asic,
            _ => return Err(BadFormat),
        })
    }
}

impl Format {
    /// From the first bytes. `None`: nothing this house has heard of.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..1024.min(bytes.len())).unwrap_or_default();
        let text = head.trim_ascii_start();
        // A PDF with something before its header is still a PDF, and refused as one.
        if head.windows(5).any(|w| w == b"%PDF-") {
            Some(Self::Pdf)
        } else if head.starts_with(b"PK\x03\x04") {
            Some(Self::Asic)
        } else if head.starts_with(b"\x30") || armor::is_pem(text) || armor::is_base64(text) {
            Some(if is_token(&armor::head(head)) { Self::Tst } else { Self::Cms })
        } else if text.starts_with(b"<") || head.starts_with(b"\xEF\xBB\xBF<") {
            Some(Self::Xml)
        } else if is_mail(head) {
            Some(Self::Smime)
        } else {
            None
        }
    }
}

/// Header fields one of which every message begins with.
const MAIL_FIELDS: [&str; 12] = [
    "received",
    "return-path",
    "delivered-to",
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "dkim-signature",
    "x-mozilla-status",
];

/// Whether lines of `Name: value` stand at the beginning, one of them a mail's.
fn is_mail(head: &[u8]) -> bool {
    let mut known = false;
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    // The last line may be cut off.
    for line in lines.take_while(|line| line.ends_with(b"\n") && !line.trim_ascii_end().is_empty()) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let Some(name) = colon.and_then(|at| line.get(..at)) else { break };
        known |= MAIL_FIELDS.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(name));
    }
    known
}

/// Whether a SEQUENCE begins like an RFC 3161 token, or like the answer that carries one.
fn is_token(head: &[u8]) -> bool {
    let mut walk = Walk(head);
    match (walk.enter(0x30), walk.0.first()) {
        // TimeStampResp: PKIStatusInfo begins with a number.
        (Some(_), Some(0x30)) => walk.enter(0x30).is_some() && walk.0.first() == Some(&0x02),
        // ContentInfo: signedData, version, digests, then the type of the content.
        (Some(_), Some(0x06)) => {
            let mut type_of_content = || {
                walk.over(0x06).filter(|oid| *oid == asn1::SIGNED_DATA.content())?;
                walk.enter(0xA0)?;
                walk.enter(0x30)?;
                walk.over(0x02)?;
                walk.over(0x31)?;
                walk.enter(0x30)?;
                walk.over(0x06)
            };
            type_of_content() == Some(asn1::TST_INFO.content())
        }
        _ => false,
    }
}

/// A few steps into ASN.1 of which only the beginning is at hand.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    /// Past the header of an element with this identifier, to its contents; its length if definite.
    fn enter(&mut self, identifier: u8) -> Option<Option<usize>> {
        let [first, length, rest @ ..] = self.0 else { return None };
        let (length, rest) = match length {
            0x80 => (None, rest),
            0..0x80 => (Some(usize::from(*length)), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
                (Some(bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))), rest)
            }
            _ => return None,
        };
        self.0 = rest;
        (*first == identifier).then_some(length)
    }

    /// Past a whole element of definite length; its contents.
    fn over(&mut self, identifier: u8) -> Option<&'a [u8]> {
        let length = self.enter(identifier)??;
        let (content, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d29_1_formats_are_recognised() {
        let rows: [(&[u8], Option<Format>); 16] = [
            (b"%PDF-1.7\n", Some(Format::Pdf)),
            (b"\n%PDF-1.7\n", Some(Format::Pdf)),
            (b"<?xml version='1.0'?>", Some(Format::Xml)),
            (b"\x30\x82\x01\x00", Some(Format::Cms)),
            (b"PK\x03\x04", Some(Format::Asic)),
            (b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80", Some(Format::Cms)),
            (b"-----BEGIN CMS-----\nMIIB\n", Some(Format::Cms)),
            (b"-----BEGIN CERTIFICATE-----\nMIIB\n", None),
            (b"MIIBAgYJKoZIhvcNAQcCoIIB", Some(Format::Cms)),
            // TimeStampResp: PKIStatusInfo with a status.
            (b"\x30\x82\x01\x00\x30\x03\x02\x01\x00", Some(Format::Tst)),
            (b"Received: from a\r\n\tby b\r\n\r\n", Some(Format::Smime)),
            (b"From: a@x.vn\nContent-Type: text/plain\n\nhello", Some(Format::Smime)),
            (b"note: no mail\n", None),
            (b"From: a@x.vn\ndamaged\n", Some(Format::Smime)),
            (b"M is a letter: not base64", None),
            (b"hello", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Format::sniff(bytes), expected);
        }
    }
}
