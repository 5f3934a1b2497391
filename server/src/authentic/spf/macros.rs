//! Macros in records of SPF (RFC 7208 §7): read once, expanded when the name is needed.

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As it stands.
    Text(Vec<u8>),
    /// `%{…}`.
    Macro(Macro),
}

/// One macro (RFC 7208 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Macro {
    /// In lower case.
    pub(super) letter: u8,
    /// An upper-case letter: what comes out is escaped as in a URL.
    is_escaped: bool,
    /// Parts kept, from the right; 0 is all.
    keep: usize,
    is_reversed: bool,
    delimiters: Vec<u8>,
}

/// Letters that stand for something everywhere, and those of explanations alone (RFC 7208 §7.2).
const LETTERS: &[u8] = b"slodipvh";
const LETTERS_OF_EXPLANATIONS: &[u8] = b"crt";

/// Reads `macro-string`; with `is_explanation` blanks and three more letters as well. `None`: the grammar does not know it.
pub(super) fn read(text: &[u8], is_explanation: bool) -> Option<Vec<Part>> {
    let (mut parts, mut literal) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let (second, after) = rest.split_first()?;
                rest = after;
                match second {
                    b'%' => literal.push(b'%'),
                    b'_' => literal.push(b' '),
                    b'-' => literal.extend_from_slice(b"%20"),
                    b'{' => {
                        let end = rest.iter().position(|byte| *byte == b'}')?;
                        let (inside, after) = rest.split_at_checked(end)?;
                        rest = after.get(1..)?;
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                        parts.push(Part::Macro(one(inside, is_explanation)?));
                    }
                    _ => return None,
                }
            }
            0x21..=0x7e => literal.push(*first),
            b' ' if is_explanation => literal.push(b' '),
            _ => return None,
        }
    }
    parts.push(Part::Text(literal));
    Some(parts)
}

/// What stands between the braces.
fn one(inside: &[u8], is_explanation: bool) -> Option<Macro> {
    let (first, rest) = inside.split_first()?;
    let letter = first.to_ascii_lowercase();
    let is_known = LETTERS.contains(&letter) || (is_explanation && LETTERS_OF_EXPLANATIONS.contains(&letter));
    if !is_known {
        return None;
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits)?;
    let add = |sum: usize, digit: &u8| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    let keep = number.iter().fold(0, add);
    if digits > 0 && keep == 0 {
        return None;
    }
    let (is_reversed, delimiters) = match rest.split_first() {
        Some((b'r' | b'R', rest)) => (true, rest),
        _ => (false, rest),
    };
    let are_delimiters = delimiters.iter().all(|byte| b".-+,/_=".contains(byte));
    are_delimiters.then(|| Macro {
        letter,
        is_escaped: first.is_ascii_uppercase(),
        keep,
        is_reversed,
        delimiters: if delimiters.is_empty() { b".".to_vec() } else { delimiters.to_vec() },
    })
}

impl Macro {
    /// What a value becomes (RFC 7208 §7.3).
    pub(super) fn expand(&self, value: &[u8]) -> Vec<u8> {
        let mut parts: Vec<&[u8]> = value.split(|byte| self.delimiters.contains(byte)).collect();
        if self.is_reversed {
            parts.reverse();
        }
        if self.keep > 0 {
            parts.drain(..parts.len().saturating_sub(self.keep));
        }
        let whole = parts.join(&b'.');
        if !self.is_escaped {
            return whole;
        }
        let mut escaped = Vec::with_capacity(whole.len());
        for byte in whole {
            match byte {
                b'-' | b'.' | b'_' | b'~' => escaped.push(byte),
                _ if byte.is_ascii_alphanumeric() => escaped.push(byte),
                _ => escaped.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
        escaped
    }
}
