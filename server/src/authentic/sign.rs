//! DKIM signatures of our own (RFC 6376, RFC 8463): relaxed/relaxed, over the whole body, made by `certs::keys`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::keys::{Key, Scheme};
use ring::digest::{SHA256, digest};
use store::DkimAlgorithm;

use super::fields;

/// Fields that are signed once oftener than they are there: nobody can add one (RFC 6376 §5.4, §8.15).
const SIGNED: [&str; 16] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "Auto-Submitted",
    "Require-Recipient-Valid-Since",
];
/// Fields that are signed as often as they are there: a list on the way puts its own before the message, and the author's
/// signature stands (RFC 6377 §5.1).
const SIGNED_IF_THERE: [&str; 3] = ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"];
/// What a seal covers beside all these: the signatures that were there (RFC 8617 §5.1).
const SEALED_IF_THERE: [&str; 1] = ["DKIM-Signature"];
/// Letters of base64 in one line of the field.
const LINE: usize = 72;

/// Who signs, and with what.
pub(crate) struct Signer<'a> {
    pub(crate) domain: &'a str,
    pub(crate) selector: &'a str,
    pub(crate) algorithm: DkimAlgorithm,
    pub(crate) key: &'a Key,
}

/// What every signature of one message shares: made once, however many keys sign.
pub(crate) struct Prepared {
    /// `h=`.
    names: String,
    /// The signed fields, canonical.
    fields: Vec<u8>,
    /// `bh=`.
    body_hash: String,
}

impl Prepared {
    /// Reads a message as it will leave.
    pub(crate) fn new(message: &[u8]) -> Self {
        Self::over(message, &SIGNED, &SIGNED_IF_THERE)
    }

    /// Reads a message that is passed on, for the signature within a seal. It does not keep those who pass it on further from adding
    /// fields: they say in a seal of their own what they found before.
    pub(super) fn passed_on(message: &[u8]) -> Self {
        let names = [&SIGNED[..], &SIGNED_IF_THERE[..], &SEALED_IF_THERE[..]].concat();
        Self::over(message, &["From"], names.get(1..).unwrap_or_default())
    }

    fn over(message: &[u8], oversigned: &[&'static str], if_there: &[&'static str]) -> Self {
        let (all, body) = fields::split(message);
        let mut names: Vec<&str> = Vec::new();
        let mut canonical = Vec::new();
        for (name, is_over) in
            oversigned.iter().map(|n| (*n, true)).chain(if_there.iter().map(|n| (*n, false)))
        {
            // From the last one upwards (RFC 6376 §5.4.2), and then one that is not there.
            for field in all.iter().rev().filter(|field| field.is(name)) {
                names.push(name);
                relaxed_field(name, field.value, &mut canonical);
                canonical.extend_from_slice(b"\r\n");
            }
            if is_over {
                names.push(name);
            }
        }
        let body = relaxed_body(message.get(body..).unwrap_or_default());
        Self { names: names.join(":"), fields: canonical, body_hash: STANDARD.encode(digest(&SHA256, &body)) }
    }

    /// One field DKIM-Signature, with its line's end.
    ///
    /// # Errors
    /// The key's.
    pub(crate) fn signature(&self, signer: &Signer<'_>, seconds: i64) -> Result<String, certs::Error> {
        let first = format!(" v=1; a={}; c=relaxed/relaxed;", signer.algorithm_word());
        signer.field("DKIM-Signature", &self.unsigned(&first, signer, seconds), &self.fields)
    }

    /// One field ARC-Message-Signature, with its line's end (RFC 8617 §4.1.2).
    pub(super) fn message_signature(
        &self,
        signer: &Signer<'_>,
        instance: u32,
        seconds: i64,
    ) -> Result<String, certs::Error> {
        let first = format!(" i={instance}; a={}; c=relaxed/relaxed;", signer.algorithm_word());
        signer.field("ARC-Message-Signature", &self.unsigned(&first, signer, seconds), &self.fields)
    }

    fn unsigned(&self, first: &str, signer: &Signer<'_>, seconds: i64) -> String {
        let names = self.names.replace(':', ":\r\n\t ");
        format!(
            "{first} d={};\r\n\ts={}; t={seconds};\r\n\th={names};\r\n\tbh={};\r\n\tb=",
            signer.domain, signer.selector, self.body_hash
        )
    }
}

impl Signer<'_> {
    /// `a=` (RFC 6376 §3.3, RFC 8463 §3).
    pub(super) fn algorithm_word(&self) -> &'static str {
        match self.algorithm {
            DkimAlgorithm::Rsa => "rsa-sha256",
            DkimAlgorithm::Ed25519 => "ed25519-sha256",
        }
    }

    /// A field whose value ends in `b=`, signed with what stands before it, and with its line's end.
    pub(super) fn field(&self, name: &str, unsigned: &str, before: &[u8]) -> Result<String, certs::Error> {
        let mut signed = before.to_vec();
        relaxed_field(name, unsigned.as_bytes(), &mut signed);
        let signature = match self.algorithm {
            DkimAlgorithm::Rsa => self.key.sign(Scheme::RsaPkcs1Sha256, &signed)?,
            // RFC 8463 §3: what Ed25519 signs is the hash.
            DkimAlgorithm::Ed25519 => self.key.sign(Scheme::Ed25519, digest(&SHA256, &signed).as_ref())?,
        };
        let mut field = format!("{name}:{unsigned}");
        for (n, letter) in STANDARD.encode(signature.as_bytes()).chars().enumerate() {
            if n > 0 && n % LINE == 0 {
                field.push_str("\r\n\t ");
            }
            field.push(letter);
        }
        field.push_str("\r\n");
        Ok(field)
    }
}

/// RFC 6376 §3.4.2, without the line's end.
pub(super) fn relaxed_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.to_ascii_lowercase().as_bytes());
    out.push(b':');
    let mut is_first = true;
    for word in
        value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty())
    {
        if !is_first {
            out.push(b' ');
        }
        out.extend_from_slice(word);
        is_first = false;
    }
}

/// RFC 6376 §3.4.4.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 2);
    let mut empty_lines = 0;
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Blank and tab alone are white space here; a form feed is text.
        let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
        let line = line.get(..end).unwrap_or_default();
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty_lines) {
            out.extend_from_slice(b"\r\n");
        }
        let mut was_blank = false;
        for byte in line {
            let is_blank = matches!(byte, b' ' | b'\t');
            match (is_blank, was_blank) {
                (true, true) => {}
                (true, false) => out.push(b' '),
                (false, _) => out.push(*byte),
            }
            was_blank = is_blank;
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6376_3_4_5_canonical_forms() {
        let mut out = Vec::new();
        relaxed_field("B", b" Y\t\r\n\tZ  \r\n", &mut out);
        assert_eq!(out, b"b:Y Z");
        let rows: [(&[u8], &[u8]); 6] = [
            (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
            (b"", b""),
            (b"\r\n\r\n", b""),
            (b"a", b"a\r\n"),
            (b"\r\n a\r\n", b"\r\n a\r\n"),
            (b"a\r\n \t\r\n\r\nb\r\n", b"a\r\n\r\n\r\nb\r\n"),
        ];
        for (body, expected) in rows {
            assert_eq!(relaxed_body(body), expected, "{body:?}");
        }
    }
}
