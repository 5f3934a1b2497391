//! How a part travelled: its transfer encoding, its line ends.

use super::header::{Header, unfolded};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

fn encoding(header: &Header<'_>) -> Result<String, Reason> {
    let value = header.single("content-transfer-encoding")?;
    Ok(value.map(unfolded).unwrap_or_default().to_ascii_lowercase())
}

/// Not encoded at all, which is the only thing a multipart may be (RFC 2045 §6.4).
pub(crate) fn is_identity(header: &Header<'_>) -> bool {
    encoding(header).is_ok_and(|word| matches!(word.as_str(), "" | "7bit" | "8bit" | "binary"))
}

/// The bytes of a part that holds a CMS.
pub(crate) fn decode(header: &Header<'_>, body: &[u8], limits: &Limits) -> Result<Vec<u8>, Reason> {
    if body.len() > limits.unwrapped_bytes / 3 * 4 {
        return Err(Reason::of(Code::Budget, "mail"));
    }
    match encoding(header)?.as_str() {
        "base64" => {
            let text: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            STANDARD.decode(text).map_err(|_| Reason::of(Code::MailDamaged, "base64"))
        }
        "" | "7bit" | "8bit" | "binary" => Ok(body.to_vec()),
        _ => Err(Reason::of(Code::MailDamaged, "transfer encoding")),
    }
}

/// Every line end as CRLF (RFC 8551 §3.1.1). Lines that have it already stay as they are.
pub(crate) fn with_crlf<'a>(text: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Reason> {
    let mut before = 0;
    let bare = text.iter().filter(|b| {
        let is_bare = **b == b'\n' && before != b'\r';
        before = **b;
        is_bare
    });
    let bare = bare.count();
    if bare == 0 {
        return Ok(Cow::Borrowed(text));
    }
    if text.len() + bare > limits.unwrapped_bytes {
        return Err(Reason::of(Code::Budget, "mail"));
    }
    let mut out = Vec::with_capacity(text.len() + bare);
    for &byte in text {
        if byte == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(byte);
    }
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8551_3_1_1_canonical_line_ends() {
        let rows: [(&[u8], &[u8]); 5] = [
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\r\nb\n", b"a\r\nb\r\n"),
            (b"\n\n", b"\r\n\r\n"),
            (b"a\rb\r\n", b"a\rb\r\n"),
            (b"", b""),
        ];
        for (from, to) in rows {
            assert_eq!(with_crlf(from, &Limits::default()).unwrap(), to);
        }
        let small = Limits { unwrapped_bytes: 3, ..Limits::default() };
        assert_eq!(with_crlf(b"a\nb\n", &small).unwrap_err().code, Code::Budget);
    }
}
