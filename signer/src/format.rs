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
        } else if head.windows(13).any(|w| w.eq_ignore_ascii_case(b"content-type:")) {
            Some(Self::Smime)
        } else {
            None
        }
    }
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
        let rows: [(&[u8], Option<Format>); 6] = [
            (b"%PDF-1.7\n", Some(Format::Pdf)),
            (b"\n%PDF-1.7\n", Some(Format::Pdf)),
            (b"<?xml version='1.0'?>", Some(Format::Xml)),
            (b"\x30\x82\x01\x00", Some(Format::Cms)),
            (b"PK\x03\x04", Some(Format::Asic)),
            (b"hello", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Format::sniff(bytes), expected);
        }
    }
}
