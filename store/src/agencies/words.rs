//! The words an agency is found by.

use std::collections::BTreeSet;

use mail::AgencyCode;
use mail::text::{fold, spelled};

/// Words of one question that are looked at. Ours: names of agencies have a dozen, four find one.
const ASKED_MAX: usize = 10;
/// Bytes of a word that are kept: names have none longer.
const WORD_BYTES_MAX: usize = 40;
/// Words of all the names of one agency that are kept.
const WORDS_MAX: usize = 200;
/// How people write what agencies are.
const SHORT: [(&str, &[&str]); 2] =
    [("ubnd", &["uy", "ban", "nhan", "dan"]), ("hdnd", &["hoi", "dong", "nhan", "dan"])];

/// Marks a word that is spelled with its marks.
const SPELLED: char = '~';
/// Ends the first one or two letters of a word.
const BEGINNING: char = '*';

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !unicode_mark(c))
        .filter(|word| !word.is_empty())
        .map(|word| mail::text::clip(word, WORD_BYTES_MAX))
}

/// Marks of decomposed Vietnamese letters (U+0300–U+036F) belong to their word.
fn unicode_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// The folded words of a text, in their order.
pub(super) fn folded_words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let mut words = Vec::new();
    for word in split(&folded) {
        match SHORT.iter().find(|(short, _)| *short == word) {
            Some((_, long)) => words.extend(long.iter().map(|word| (*word).to_owned())),
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// Those of the words of a text that have marks, as they are kept.
fn marked_words(text: &str) -> Vec<String> {
    let spelled = spelled(text);
    split(&spelled).filter(|word| !word.is_ascii()).map(|word| format!("{SPELLED}{word}")).collect()
}

/// Everything an agency with these names is found by.
pub(super) fn keys<'n>(names: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for name in names {
        let words = folded_words(name);
        if keys.len() > WORDS_MAX {
            break;
        }
        for word in &words {
            keys.extend((1..=2).filter_map(|letters| beginning(word, letters)));
        }
        keys.extend(words);
        keys.extend(marked_words(name));
    }
    keys
}

/// The key of the first letters of a word.
fn beginning(word: &str, letters: usize) -> Option<String> {
    let begin: String = word.chars().take(letters).collect();
    (begin.chars().count() == letters).then(|| format!("{begin}{BEGINNING}"))
}

/// How a word is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The agencies that have this key.
    Exact(String),
    /// Those that have a word from the first up to the second.
    Range(String, String),
}

/// A question, word by word.
#[derive(Debug)]
pub(super) struct Asked {
    /// Its folded words; the last may be the beginning of one.
    pub(super) words: Vec<String>,
    /// The lookups all of which have to find an agency.
    pub(super) folded: Vec<Key>,
    /// The same with marks, where the question has any.
    pub(super) marked: Vec<Key>,
}

/// What a question asks for.
pub(super) fn asked(query: &str) -> Asked {
    let mut words = folded_words(query);
    words.truncate(ASKED_MAX);
    let mut folded: Vec<Key> = Vec::new();
    let last = words.len().saturating_sub(1);
    for (place, word) in words.iter().enumerate() {
        let key = match place == last {
            false => Key::Exact(word.clone()),
            true => match word.chars().count() {
                // What begins with one or two letters is kept; longer ones have few words.
                letters @ 1..=2 => Key::Exact(beginning(word, letters).unwrap_or_default()),
                _ => Key::Range(word.clone(), format!("{word}\u{10ffff}")),
            },
        };
        if !folded.contains(&key) {
            folded.push(key);
        }
    }
    let mut marked: Vec<Key> = marked_words(query).into_iter().take(ASKED_MAX).map(Key::Exact).collect();
    marked.dedup();
    Asked { words, folded, marked }
}

/// Where an agency stands among those found: active ones first, higher levels before lower, short names before long. Smaller is
/// earlier; 20 bits.
pub(super) fn rank(is_active: bool, code: &AgencyCode, name: &str) -> u32 {
    let length = u32::try_from(folded_words(name).iter().map(|word| word.len() + 1).sum::<usize>());
    let length = length.unwrap_or(u32::MAX).min(1023);
    (u32::from(!is_active) << 14) | (level(code).min(15) << 10) | length
}

/// The length in a rank: of the folded words of the name, each with a blank.
pub(super) fn length_in(rank: u32) -> u32 {
    rank & 1023
}

/// The level a code stands for (RULES I1, I2): the groups of a QĐ 20 code, those of a QCVN 102 code that are not zero.
pub(super) fn level(code: &AgencyCode) -> u32 {
    let groups = code.as_str().split('.');
    let count = groups.filter(|group| group.bytes().any(|b| b != b'0')).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_name_has_the_same_words() {
        for text in ["UBND xã Tân Hoà", "ủy ban nhân dân XÃ TÂN HÒA", "Uỷ ban  nhân-dân xa tan hoa"]
        {
            assert_eq!(folded_words(text), ["uy", "ban", "nhan", "dan", "xa", "tan", "hoa"], "{text}");
        }
        assert_eq!(folded_words("Ðội QLTT số 2 (Đà Nẵng)"), ["doi", "qltt", "so", "2", "da", "nang"]);
        assert!(folded_words(" .,– ").is_empty());
    }

    #[test]
    fn what_a_name_is_found_by() {
        let keys: Vec<String> = keys(["Sở Y tế"]).into_iter().collect();
        assert_eq!(
            keys,
            ["s*", "so", "so*", "t*", "te", "te*", "y", "y*", "~so\u{31b}\u{309}", "~te\u{302}\u{301}"]
        );
    }

    #[test]
    fn the_last_word_may_be_a_beginning() {
        let key = |text: &str| asked(text).folded;
        assert_eq!(key("sở y t"), [Key::Exact("so".into()), Key::Exact("y".into()), Key::Exact("t*".into())]);
        assert_eq!(key("tư"), [Key::Exact("tu*".into())]);
        assert_eq!(key("tưp"), [Key::Range("tup".into(), "tup\u{10ffff}".into())]);
        assert_eq!(asked("so y te").marked, []);
        assert_eq!(asked("sở y t").marked, [Key::Exact("~so\u{31b}\u{309}".into())]);
    }

    #[test]
    fn active_before_closed_then_level_then_length() {
        let code = |text: &str| text.parse::<AgencyCode>().unwrap();
        let ranks = [
            rank(true, &code("H37"), "Tỉnh"),
            rank(true, &code("000.00.02.H37"), "Sở"),
            rank(true, &code("H37.02"), "Sở Y tế"),
            rank(true, &code("H37.02.01"), "Sở"),
            rank(false, &code("H37"), "Sở"),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
        assert!(rank(false, &code("A.B.C.D.E.F.G.H.I.J.K.L.M.N.O.P.Q"), &"a ".repeat(9_000)) < 1 << 20);
    }

    proptest::proptest! {
        #[test]
        fn a_name_is_found_by_its_own_words(name in "[A-Za-zÀ-ỹđĐ0-9 .,-]{1,60}") {
            let keys = keys([name.as_str()]);
            let asked = asked(&name);
            for key in asked.folded.iter().chain(&asked.marked) {
                let found = match key {
                    Key::Exact(key) => keys.contains(key),
                    Key::Range(from, to) => keys.range(from.clone()..to.clone()).next().is_some(),
                };
                proptest::prop_assert!(found, "{key:?} {keys:?}");
            }
        }
    }
}
