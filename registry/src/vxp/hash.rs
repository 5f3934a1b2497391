//! Hexadecimal as the client writes it (VXP 0.4): each byte's leading zero is dropped.

/// Thin hexadecimal of a digest: at most 64 characters, commonly 59 to 64.
pub fn thin_hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:x}")).collect()
}

/// Full hexadecimal, lower case.
pub fn full_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a `hash-file` names this digest: thin or full, in either case (VXP 3.8). Thin hexadecimal is not unique;
/// it is a check against damage, not against an attacker.
pub fn names_digest(hash_file: &str, digest: &[u8]) -> bool {
    let given = hash_file.trim();
    given.eq_ignore_ascii_case(&thin_hex(digest)) || given.eq_ignore_ascii_case(&full_hex(digest))
}

/// Reads full hexadecimal in either case.
pub(crate) fn read_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vxp_0_4_thin_hex_drops_the_leading_zero_of_each_byte() {
        let digest = [0x00, 0x0f, 0xa0, 0xff];
        assert_eq!(thin_hex(&digest), "0fa0ff");
        assert_eq!(full_hex(&digest), "000fa0ff");
        for given in ["0fa0ff", " 0FA0FF ", "000fa0ff", "000FA0FF"] {
            assert!(names_digest(given, &digest), "{given}");
        }
        for given in ["", "00fa0ff", "fa0ff", "000fa0fe"] {
            assert!(!names_digest(given, &digest), "{given}");
        }
    }
}
