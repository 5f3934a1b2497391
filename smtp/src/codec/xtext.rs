//! `xtext`: text in a parameter, with `+HH` for what may not stand there (RFC 3461 §4).

/// Decodes; `None` when an escape is not two upper-case hexadecimal digits, a character may not stand there, or the result is not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(digit(bytes.next()?)? << 4 | digit(bytes.next()?)?),
            b'=' | 0..=b' ' | 0x7F => return None,
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

/// Encodes.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' | 0..=b' ' | 0x7F.. => out.push_str(&format!("+{byte:02X}")),
            other => out.push(char::from(other)),
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3461_section_4_escapes() {
        let rows = [
            ("a+2Bb", Some("a+b")),
            ("+3D", Some("=")),
            ("+2b", None),
            ("+2", None),
            ("a=b", None),
            ("+", None),
        ];
        for (text, expected) in rows {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn xtext_reads_what_it_writes(text in "\\PC{0,20}") {
            let encoded = encode(&text);
            proptest::prop_assert!(encoded.is_ascii());
            proptest::prop_assert_eq!(decode(&encoded), Some(text));
        }
    }
}
