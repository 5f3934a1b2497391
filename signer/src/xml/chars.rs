//! Characters of XML 1.0 (fifth edition §2.2, §2.3) and of names in it (Namespaces in XML 1.0 §3).

/// White space of XML: space, tab, line feed, carriage return.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// A character a document may hold, written out or as a reference.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

/// The first character of a name without a colon.
fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// A further character of a name.
fn is_name(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Bytes of the name without a colon at the beginning of `text`; 0: there is none.
pub(super) fn ncname_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    // Nearly all names are ASCII.
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let ascii = bytes.iter().take_while(|b| plain(b)).count();
    match bytes.get(ascii) {
        Some(next) if !next.is_ascii() => slow_ncname_len(text),
        _ if bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') => ascii,
        _ => 0,
    }
}

fn slow_ncname_len(text: &str) -> usize {
    let mut rest = text.char_indices();
    match rest.next() {
        Some((_, first)) if is_name_start(first) => {}
        _ => return 0,
    }
    rest.find(|(_, c)| !is_name(*c)).map_or(text.len(), |(at, _)| at)
}

/// Whether the whole of `text` is a name without a colon.
pub(super) fn is_ncname(text: &str) -> bool {
    !text.is_empty() && ncname_len(text) == text.len()
}

/// The text without the white space of XML at both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}
