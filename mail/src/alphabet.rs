//! Latin letters taken apart once: texts of Vietnam are made of these, and every word of every mail is folded.
//!
//! What a letter falls into is found by Unicode's own rules, when the first one is asked for; here it is only remembered. A text with anything
//! else in it (marks by themselves, other scripts) goes the long way.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Latin-1, Latin Extended A and B; Latin Extended Additional, where the letters with two marks are.
const RANGES: [RangeInclusive<char>; 2] = ['\u{c0}'..='\u{24f}', '\u{1e00}'..='\u{1eff}'];

static LETTERS: LazyLock<Vec<Option<Letter>>> =
    LazyLock::new(|| RANGES.into_iter().flatten().map(taken_apart).collect());

/// A letter, lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// Without its marks.
    pub(crate) folded: char,
    /// Without its tone alone: `ớ` is `ơ`.
    pub(crate) toneless: char,
    /// The digit of its tone; 0 without one.
    pub(crate) tone: char,
}

/// The letters of a text, one by one; `None` for what is not one of them.
pub(crate) fn letters(text: &str) -> impl Iterator<Item = Option<Letter>> + '_ {
    let known = &*LETTERS;
    text.chars().map(|c| match c {
        c if c.is_ascii() => {
            let lower = c.to_ascii_lowercase();
            Some(Letter { folded: lower, toneless: lower, tone: NO_TONE })
        }
        c => *known.get(place(c)?)?,
    })
}

/// Where a letter is remembered.
fn place(c: char) -> Option<usize> {
    let [first, second] = &RANGES;
    let of = |range: &RangeInclusive<char>| u32::from(c) - u32::from(*range.start());
    match c {
        c if first.contains(&c) => Some(of(first) as usize),
        c if second.contains(&c) => Some(of(second) as usize + first.clone().count()),
        _ => None,
    }
}

const NO_TONE: char = '0';
/// Grave, acute, tilde, hook above, dot below: the tones. Other marks make letters (ă, â, ê, ô, ơ, ư).
const TONES: [(char, char); 5] =
    [('\u{300}', '1'), ('\u{301}', '2'), ('\u{303}', '3'), ('\u{309}', '4'), ('\u{323}', '5')];

/// Whether a mark is a tone: it belongs to the word, not to the letter.
pub(crate) fn is_tone(mark: char) -> bool {
    TONES.iter().any(|(tone, _)| *tone == mark)
}

/// A letter by Unicode's rules; `None` when one of its forms is not one letter.
fn taken_apart(c: char) -> Option<Letter> {
    let one = |form: String| {
        let mut chars = form.chars();
        chars.next().filter(|_| chars.next().is_none())
    };
    let (tone, toneless) = spelled(&c.to_string());
    Some(Letter { folded: one(folded(&c.to_string()))?, toneless: one(toneless)?, tone })
}

/// Any text without marks, lower case; `đ` is `d`.
pub(crate) fn folded(text: &str) -> String {
    text.nfd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(|c| match c {
            'đ' | 'Đ' | 'ð' | 'Ð' => 'd'.to_lowercase(),
            other => other.to_lowercase(),
        })
        .collect()
}

/// The tone of any word as a digit, and its letters without it, composed, lower case.
pub(crate) fn spelled(word: &str) -> (char, String) {
    let mut tone = NO_TONE;
    let letters = word.nfd().flat_map(char::to_lowercase).filter(|c| {
        let found = TONES.iter().find(|(mark, _)| mark == c);
        tone = found.map_or(tone, |(_, digit)| *digit);
        found.is_none()
    });
    let letters: String = letters.map(|c| if c == 'ð' { 'đ' } else { c }).nfc().collect();
    (tone, letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text letter by letter.
    fn quick(text: &str) -> Option<(String, (char, String))> {
        let letters: Vec<Letter> = letters(text).collect::<Option<_>>()?;
        let tone = letters.iter().map(|l| l.tone).rfind(|tone| *tone != NO_TONE).unwrap_or(NO_TONE);
        let of = |form: fn(&Letter) -> char| letters.iter().map(form).collect::<String>();
        Some((of(|l| l.folded), (tone, of(|l| l.toneless))))
    }

    #[test]
    fn m3_every_letter_of_vietnamese_is_known() {
        let all = "aàáảãạăằắẳẵặâầấẩẫậeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵđ";
        for text in [all.to_owned(), all.to_uppercase()] {
            let (folded, (tone, toneless)) = quick(&text).unwrap();
            assert_eq!(folded, "aaaaaaaaaaaaaaaaaaeeeeeeeeeeeeiiiiiioooooooooooooooooouuuuuuuuuuuuyyyyyyd");
            assert_eq!(toneless, "aaaaaaăăăăăăââââââeeeeeeêêêêêêiiiiiiooooooôôôôôôơơơơơơuuuuuuưưưưưưyyyyyyđ");
            assert_eq!(tone, '5');
        }
        assert_eq!(quick("a\u{301}"), None);
        assert_eq!(quick("日"), None);
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_leads_where_the_long_one_does(text in "[\\PC\u{c0}-\u{24f}\u{1e00}-\u{1eff}]{0,8}") {
            if let Some(quick) = quick(&text) {
                proptest::prop_assert_eq!(quick, (folded(&text), spelled(&text)));
            }
        }

        #[test]
        fn latin_words_go_the_short_way(text in "[a-zA-Z\u{c0}-\u{12f}\u{1ea0}-\u{1ef9}]{0,12}") {
            if let Some(quick) = quick(&text) {
                proptest::prop_assert_eq!(quick, (folded(&text), spelled(&text)));
            }
        }
    }
}
