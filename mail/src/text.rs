//! Vietnamese text: the one folding used for searching, sorting addresses and comparing names.
//!
//! Engines fold differently (`đ` does not decompose), so the folding is ours and happens once, before anything
//! reaches a database.

use unicode_normalization::UnicodeNormalization;

use crate::alphabet::{folded, is_tone, letters};

/// The folded form: NFD, combining marks dropped, `đ`/`Đ` (and the look-alike `Ð`, U+00D0) turned to `d`, lower
/// case. Both tone placements (`hòa`, `hoà`) fold to the same text.
///
/// ```
/// assert_eq!(mail::text::fold("Đường Hoà Bình, NGHỆ AN"), "duong hoa binh, nghe an");
/// ```
pub fn fold(text: &str) -> String {
    let quickly: Option<String> = letters(text).map(|letter| letter.map(|letter| letter.folded)).collect();
    quickly.unwrap_or_else(|| folded(text))
}

/// A person's name as it is compared with others (RULES M9): folded, and nothing between words but one blank.
///
/// ```
/// assert_eq!(mail::text::fold_name(" NGUYỄN  Văn\tAn."), "nguyen van an");
/// ```
pub fn fold_name(name: &str) -> String {
    let folded = fold(name);
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The exact form of a text: NFC, lower case, marks kept (TCVN 6909:2001, RULES M4).
pub fn exact(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// How a text is spelled, whichever letter its tone marks stand on (`hòa` and `hoà` alike): lower case, marks kept, the tone of
/// each word at its end. For comparing only.
///
/// ```
/// assert_eq!(mail::text::spelled("Hòa Bình"), mail::text::spelled("hoà bình"));
/// assert_ne!(mail::text::spelled("Hòa"), mail::text::spelled("Hóa"));
/// ```
pub fn spelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut tone = None;
    for c in text.nfd().flat_map(char::to_lowercase) {
        if is_tone(c) {
            tone = Some(c);
            continue;
        }
        if !c.is_alphanumeric() && !unicode_normalization::char::is_combining_mark(c) {
            out.extend(tone.take());
        }
        out.push(if c == 'ð' { 'đ' } else { c });
    }
    out.extend(tone);
    out
}

/// NFC, as displayed names and stored text are kept (TCVN 6909:2001, RULES M4).
pub fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// The longest prefix of `text` that is at most `bytes_max` long and ends between characters.
pub fn clip(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn m3_folding_table() {
        let rows = [
            ("ă â ê ô ơ ư đ Đ", "a a e o o u d d"),
            ("Nguyễn Thị Ánh Tuyết", "nguyen thi anh tuyet"),
            ("hòa hoà hòa", "hoa hoa hoa"),       // the last one is NFD
            ("Ðà Nẵng", "da nang"),                 // U+00D0, common in older text
            ("TRƯỜNG SA", "truong sa"),
            ("05/QĐ-UBND", "05/qd-ubnd"),
        ];
        for (text, folded) in rows {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn m4_a_spelling_does_not_depend_on_where_a_tone_stands() {
        for (one, other) in [("Thuỷ Hoà", "thủy hòa"), ("Ðường số 2", "đường SỐ 2"), ("hòa", "ho\u{300}a")]
        {
            assert_eq!(spelled(one), spelled(other), "{one}");
        }
        for (one, other) in [("hòa", "hóa"), ("tan", "tân"), ("đông", "dông")] {
            assert_ne!(spelled(one), spelled(other), "{one}");
            assert_eq!(fold(one), fold(other), "{one}");
        }
    }

    #[test]
    fn clipping_never_cuts_a_letter() {
        for n in 0..=12 {
            assert!("đường".starts_with(clip("đường", n)));
        }
        assert_eq!(clip("đường", 1), "");
        assert_eq!(clip("đường", 2), "đ");
    }

    proptest::proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,40}") {
            let once = fold(&text);
            proptest::prop_assert_eq!(fold(&once), once);
        }
    }
}
