//! Words, as messages are searched by them: the one way a text falls into words, for what is indexed, for what is asked and for what is
//! marked in an answer.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use crate::alphabet::{self, letters};
use crate::text::clip;

/// Bytes of a word's form that are kept. Words of languages are shorter; what is longer is a number of a machine, and its beginning
/// finds it.
const WORD_BYTES_MAX: usize = 64;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without marks, lower case: what every spelling of the word has in common.
    pub folded: String,
    /// How it is spelled, for a word with marks: its tone, then its letters, so that `hòa` and `hoà` are one and `đườ` begins
    /// `đường`. `None` for a word without marks.
    pub spelled: Option<String>,
    /// Where it stands in the text, bytes.
    pub at: Range<usize>,
}

/// The words of a text in their order. Letters, digits and the marks on them make words; all else parts them.
///
/// ```
/// let words: Vec<_> = mail::words::words("Số 12/UBND-VP").map(|word| word.folded).collect();
/// assert_eq!(words, ["so", "12", "ubnd", "vp"]);
/// ```
pub fn words(text: &str) -> impl Iterator<Item = Word> + '_ {
    let mut rest = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = rest + text.get(rest..)?.find(char::is_alphanumeric)?;
            let tail = text.get(begin..)?;
            let parts = |c: char| !c.is_alphanumeric() && !is_combining_mark(c);
            let end = begin + tail.find(parts).unwrap_or(tail.len());
            rest = end;
            if let Some(word) = word(text.get(begin..end)?, begin..end) {
                return Some(word);
            }
        }
    })
}

fn word(text: &str, at: Range<usize>) -> Option<Word> {
    if text.is_ascii() {
        let folded = clip(text, WORD_BYTES_MAX).to_ascii_lowercase();
        return Some(Word { folded, spelled: None, at });
    }
    let (folded, spelled) = forms(text);
    let folded = clip(&folded, WORD_BYTES_MAX);
    let is_marked = spelled.strip_prefix('0') != Some(folded);
    (!folded.is_empty()).then(|| Word {
        folded: folded.to_owned(),
        spelled: is_marked.then(|| clip(&spelled, WORD_BYTES_MAX).to_owned()),
        at,
    })
}

/// A word folded; and its tone as a digit, then its letters.
fn forms(word: &str) -> (String, String) {
    let (mut folded, mut spelled) =
        (String::with_capacity(word.len()), String::with_capacity(word.len() + 1));
    let mut tone = '0';
    spelled.push(tone);
    for letter in letters(word) {
        let Some(letter) = letter else {
            let (tone, letters) = alphabet::spelled(word);
            return (alphabet::folded(word), format!("{tone}{letters}"));
        };
        folded.push(letter.folded);
        spelled.push(letter.toneless);
        if letter.tone != '0' {
            tone = letter.tone;
        }
    }
    spelled.replace_range(..1, tone.encode_utf8(&mut [0; 4]));
    (folded, spelled)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    fn forms(text: &str) -> Vec<(String, Option<String>)> {
        words(text).map(|word| (word.folded, word.spelled)).collect()
    }

    #[test]
    #[rustfmt::skip]
    fn m3_words_of_vietnamese_texts() {
        let rows: [(&str, &[(&str, &str)]); 9] = [
            ("Hòa hoà HOÀ ho\u{300}a",  &[("hoa", "1hoa"), ("hoa", "1hoa"), ("hoa", "1hoa"), ("hoa", "1hoa")]),
            ("hóa hoa",                 &[("hoa", "2hoa"), ("hoa", "")]),
            ("Đường ĐƯỜNG đu\u{31b}o\u{31b}\u{300}ng", &[("duong", "1đương"), ("duong", "1đương"), ("duong", "1đương")]),
            ("Ðà đ ð",                  &[("da", "1đa"), ("d", "0đ"), ("d", "0đ")]),
            ("công cống cong",          &[("cong", "0công"), ("cong", "2công"), ("cong", "")]),
            ("05/QĐ-UBND",              &[("05", ""), ("qd", "0qđ"), ("ubnd", "")]),
            ("a@b.gov.vn,x_y",          &[("a", ""), ("b", ""), ("gov", ""), ("vn", ""), ("x", ""), ("y", "")]),
            ("\u{300}\u{301} – …",      &[]),
            ("日本 né",                 &[("日本", ""), ("ne", "2ne")]),
        ];
        for (text, expected) in rows {
            let expected: Vec<_> = expected
                .iter()
                .map(|(folded, spelled)| ((*folded).to_owned(), (!spelled.is_empty()).then(|| (*spelled).to_owned())))
                .collect();
            assert_eq!(forms(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn words_lie_where_they_say_and_are_words_again(text in "\\PC{0,60}") {
            for word in words(&text) {
                let again = forms(&text[word.at.clone()]);
                proptest::prop_assert_eq!(again, vec![(word.folded.clone(), word.spelled.clone())]);
                proptest::prop_assert!(word.folded.len() <= WORD_BYTES_MAX);
                proptest::prop_assert!(!word.folded.contains(['\'', '"', '\\', ' ']));
            }
        }

        #[test]
        fn composed_and_decomposed_texts_have_the_same_words(text in "[a-zđăâêôơưáàảãạếờ ]{0,40}") {
            let decomposed: String = text.nfd().collect();
            proptest::prop_assert_eq!(forms(&text), forms(&decomposed));
        }
    }
}
