//! Where in a text the words of a search stand (RFC 8621 §5): found by the same words as the index finds messages.

use std::ops::Range;

use mail::words::{Word, words};

use super::ask::{self, Phrase};
use crate::{SearchField, SearchTerm};

/// Places marked in one text.
const MARKS_MAX: usize = 200;

/// The words a search is about, wherever they may stand.
#[derive(Clone, Debug, Default)]
pub struct SearchMarks(Vec<(SearchField, Phrase)>);

impl SearchMarks {
    /// Of a term; what must not be there is not marked.
    pub fn of(term: &SearchTerm) -> Self {
        let mut marks = Self::default();
        let mut waiting = vec![term];
        while let Some(term) = waiting.pop() {
            match term {
                SearchTerm::All(terms) | SearchTerm::Any(terms) => waiting.extend(terms),
                SearchTerm::Words(field, words) => {
                    let phrases = ask::question(words).phrases().to_vec();
                    marks.0.extend(phrases.into_iter().map(|phrase| (*field, phrase)));
                }
                _ => {}
            }
        }
        marks
    }

    /// Whether something is looked for in a field.
    pub fn is_about(&self, field: SearchField) -> bool {
        self.0.iter().any(|(of, _)| *of == field || *of == SearchField::Text)
    }

    /// Where they stand in a text of a field, in order, none over another. Words looked for in all of a message stand in any field.
    pub fn places(&self, field: SearchField, text: &str) -> Vec<Range<usize>> {
        let about = |of: SearchField| of == field || of == SearchField::Text;
        let phrases: Vec<&Phrase> =
            self.0.iter().filter(|(of, _)| about(*of)).map(|(_, phrase)| phrase).collect();
        let words: Vec<Word> = if phrases.is_empty() { Vec::new() } else { words(text).collect() };
        let mut places: Vec<Range<usize>> = Vec::new();
        let mut from = 0;
        while from < words.len() && places.len() < MARKS_MAX {
            let rest = words.get(from..).unwrap_or_default();
            let long = phrases.iter().filter(|phrase| phrase.begins(rest)).map(|phrase| phrase.len()).max();
            let end = long.and_then(|long| rest.get(long.checked_sub(1)?));
            if let (Some(first), Some(last)) = (rest.first(), end) {
                places.push(first.at.start..last.at.end);
            }
            from += long.unwrap_or(1).max(1);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SearchWords;

    #[test]
    #[rustfmt::skip]
    fn rfc_8621_5_what_was_found_is_marked_with_marks_and_without() {
        let rows = [
            ("cong van",        "Công văn số 5, cống vẫn",   "[Công] [văn] số 5, [cống] [vẫn]"),
            ("công",            "Công văn số 5, cống",       "[Công] văn số 5, cống"),
            ("\"cong van\"",    "văn công, CÔNG VĂN đến",    "văn công, [CÔNG VĂN] đến"),
            ("hòa",             "Xã Hoà, xã Hóa, ho\u{300}a", "Xã [Hoà], xã Hóa, [ho\u{300}a]"),
            ("12/UBND-VP",      "số 12/UBND-VP.",            "số [12/UBND-VP]."),
            ("đườ",             "Con đường dài",             "Con [đường] dài"),
            ("",                "Con đường",                 "Con đường"),
        ];
        for (asked, text, expected) in rows {
            let term = SearchTerm::Words(SearchField::Text, SearchWords::Every(asked.to_owned()));
            let mut shown = text.to_owned();
            for place in SearchMarks::of(&term).places(SearchField::Subject, text).into_iter().rev() {
                shown.insert(place.end, ']');
                shown.insert(place.start, '[');
            }
            assert_eq!(shown, expected, "{asked}");
        }
        let words = |field| SearchTerm::Words(field, SearchWords::Every("an".to_owned()));
        let term = SearchTerm::All(vec![words(SearchField::From), SearchTerm::Not(Box::new(words(SearchField::Subject)))]);
        assert!(SearchMarks::of(&term).places(SearchField::Subject, "an").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn marks_lie_in_order_within_the_text(asked in "\\PC{0,20}", text in "\\PC{0,60}") {
            let term = SearchTerm::Words(SearchField::Text, SearchWords::Every(asked));
            let mut from = 0;
            for place in SearchMarks::of(&term).places(SearchField::Body, &text) {
                proptest::prop_assert!(from <= place.start && text.get(place.clone()).is_some());
                from = place.end;
            }
        }
    }
}
