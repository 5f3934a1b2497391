//! The text forms of a CMS file: PEM (RFC 7468 §8, §9) and bare base64.

use crate::limits::Limits;
use crate::message::{Code, Reason};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Labels in use for signed messages: RFC 7468 §8, §9, OpenSSL's older one, and what some put around a token.
const LABELS: [&str; 4] = ["PKCS7", "CMS", "PKCS #7 SIGNED DATA", "TIMESTAMP"];

/// The binary form of a file: itself, or what its PEM block or base64 text holds. Exactly one block, and nothing but
/// white space around it: what stands outside would be in the file and signed by nobody.
///
/// Errors: [`Code::CmsArmor`] for a damaged text form, [`Code::Budget`] for one that is too large.
pub fn unwrap<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Reason> {
    let text = bytes.trim_ascii();
    if bytes.first() == Some(&0x30) {
        return Ok(Cow::Borrowed(bytes));
    }
    if text.is_empty() {
        return Err(Reason::of(Code::CmsArmor, "empty"));
    }
    if text.len() / 4 * 3 > limits.unwrapped_bytes {
        return Err(Reason::of(Code::Budget, "text form"));
    }
    let body = match text.starts_with(b"-----BEGIN ") {
        true => block(text).ok_or(Reason::of(Code::CmsArmor, "PEM"))?,
        false => text,
    };
    let body: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(body).map(Cow::Owned).map_err(|_| Reason::of(Code::CmsArmor, "base64"))
}

/// What begins like base64 of a SEQUENCE ("MI…", "MA…" for short or indefinite lengths) and is text.
pub(crate) fn is_base64(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n \t".contains(byte);
    text.first() == Some(&b'M') && text.len() >= 16 && text.iter().take(256).all(plain)
}

/// The first bytes of the binary form, from the first bytes of a file; what cannot be read is left out.
pub(crate) fn head(head: &[u8]) -> Cow<'_, [u8]> {
    if head.first() == Some(&0x30) {
        return Cow::Borrowed(head);
    }
    let text = head.trim_ascii_start();
    let body = match is_pem(text) {
        true => {
            text.iter().position(|byte| *byte == b'\n').and_then(|end| text.get(end..)).unwrap_or_default()
        }
        false => text,
    };
    let body: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let whole = body.len() / 4 * 4;
    Cow::Owned(STANDARD.decode(body.get(..whole).unwrap_or_default()).unwrap_or_default())
}

/// The body of the one block the text is.
fn block(text: &[u8]) -> Option<&[u8]> {
    let label =
        LABELS.iter().find(|label| text.get(11..).is_some_and(|t| t.starts_with(label.as_bytes())))?;
    let body = text.strip_prefix(format!("-----BEGIN {label}-----").as_bytes())?;
    let body = body.strip_suffix(format!("-----END {label}-----").as_bytes())?;
    // Another block inside would have dashes, which base64 has not; the decoder says so.
    Some(body)
}

/// Begins like a PEM block that may hold a signed message.
pub(crate) fn is_pem(text: &[u8]) -> bool {
    LABELS.iter().any(|label| text.starts_with(format!("-----BEGIN {label}-----").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7468_the_text_forms_and_their_damage() {
        let der: Vec<u8> = [&[0x30, 60][..], &[7; 60]].concat();
        let base64 = STANDARD.encode(&der);
        let pem = |label: &str| format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n");
        let wrapped: String =
            base64.as_bytes().chunks(20).map(|l| format!("{}\r\n", String::from_utf8_lossy(l))).collect();
        let good = [
            base64.clone(),
            wrapped,
            format!("\n\t{base64}\n"),
            pem("PKCS7"),
            pem("CMS"),
            pem("PKCS #7 SIGNED DATA"),
        ];
        for text in good {
            assert_eq!(unwrap(text.as_bytes(), &Limits::default()).unwrap(), der, "{text}");
        }
        assert_eq!(unwrap(&der, &Limits::default()).unwrap(), der);
        let bad = [
            pem("CERTIFICATE"),
            pem("CMS") + &pem("CMS"),
            pem("CMS") + "a remark",
            "a remark\n".to_owned() + &pem("CMS"),
            pem("CMS").replace("-----END CMS-----", ""),
            pem("CMS").replace("END CMS", "END PKCS7"),
            pem("CMS").replacen('B', "!", 2),
            base64.clone() + "=",
            String::new(),
        ];
        for text in bad {
            let reason = unwrap(text.as_bytes(), &Limits::default()).unwrap_err();
            assert_eq!(reason.code, Code::CmsArmor, "{text}");
        }
        let small = Limits { unwrapped_bytes: 50, ..Limits::default() };
        assert_eq!(unwrap(base64.as_bytes(), &small).unwrap_err().code, Code::Budget);
    }
}
