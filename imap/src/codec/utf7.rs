//! Modified UTF-7 (RFC 3501 §5.1.3): names of mailboxes for clients that read seven bits.

/// Digits of modified base64.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Whether a name looks different in modified UTF-7.
pub(super) fn is_needed(name: &str) -> bool {
    !name.bytes().all(|byte| matches!(byte, 0x20..=0x7e) && byte != b'&')
}

/// A name in modified UTF-7.
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut waiting: Vec<u16> = Vec::new();
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            shift(&mut out, &mut waiting);
            out.push_str(if c == '&' { "&-" } else { "" });
            if c != '&' {
                out.push(c);
            }
        } else {
            waiting.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
    }
    shift(&mut out, &mut waiting);
    out
}

fn shift(out: &mut String, waiting: &mut Vec<u16>) {
    if waiting.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0u32, 0);
    for unit in waiting.drain(..) {
        bits = bits << 16 | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            out.push(digit(bits >> count));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        out.push(digit(bits << (6 - count)));
    }
    out.push('-');
}

fn digit(bits: u32) -> char {
    DIGITS.get((bits & 63) as usize).copied().map_or('A', char::from)
}

/// A name out of modified UTF-7; `None` when it is none: eight bits, a shift that does not end, bits left over, half a character.
pub fn decode(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        out.push_str(plain);
        let (digits, after) = shifted.split_once('-')?;
        match digits {
            "" => out.push('&'),
            _ => out.push_str(&unshift(digits)?),
        }
        rest = after;
    }
    out.push_str(rest);
    name.bytes().all(|byte| matches!(byte, 0x20..=0x7e)).then_some(out)
}

fn unshift(digits: &str) -> Option<String> {
    let mut units = Vec::with_capacity(digits.len() * 6 / 16);
    let (mut bits, mut count) = (0u32, 0);
    for byte in digits.bytes() {
        let value = DIGITS.iter().position(|known| *known == byte)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6 && bits == 0).then_some(())?;
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_3501_5_1_3_names() {
        let rows = [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Họp & báo cáo",         "H&Hs0-p &- b&AOE-o c&AOE-o"),
            ("INBOX",                  "INBOX"),
            ("📁",                     "&2D3cwQ-"),
            ("a\tb",                   "a&AAk-b"),
        ];
        for (name, encoded) in rows {
            assert_eq!(encode(name), encoded);
            assert_eq!(decode(encoded).as_deref(), Some(name));
        }
        for wrong in ["R&D", "&U,BTFw", "&*-", "&2D0-", "&U,BTFw=-", "Họp", "&AAAB-"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_name_comes_back(name in "\\PC{0,20}") {
            prop_assert_eq!(decode(&encode(&name)), Some(name));
        }

        #[test]
        fn any_text_is_a_name_or_none(text in ".{0,30}") {
            let _ = decode(&text);
        }
    }
}
