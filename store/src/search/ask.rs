//! What is asked, as phrases of words, and those in the words of each engine.

use super::field::Field;
use crate::SearchWords;
use mail::words::{Word, words};

/// Words of one question that are looked at.
const WORDS_MAX: usize = 32;
/// Bytes of a question that are looked at.
const QUESTION_BYTES_MAX: usize = 2_000;

/// Words that stand beside one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    /// Each folded, and spelled when it has marks.
    words: Vec<(String, Option<String>)>,
    /// Whether the last one may go on.
    is_begun: bool,
}

/// Phrases each of which is somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question(Vec<Phrase>);

impl Question {
    pub(super) fn phrases(&self) -> &[Phrase] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same phrases, each of whole words.
    pub(super) fn whole(&self) -> Self {
        Self(self.0.iter().map(|phrase| Phrase { is_begun: false, ..phrase.clone() }).collect())
    }

    /// All its words beside one another, in their order and whole.
    pub(super) fn beside(&self) -> Self {
        let words = self.0.iter().flat_map(|phrase| phrase.words.iter().cloned()).collect();
        Self(vec![Phrase { words, is_begun: false }])
    }

    /// Adds the words of a text as one phrase; says how many those are.
    fn add(&mut self, text: &str, is_begun: bool, words_max: usize) -> usize {
        let words: Vec<_> = words(text).take(words_max).map(|word| (word.folded, word.spelled)).collect();
        let count = words.len();
        if let Some((last, _)) = words.last() {
            // One letter begins half of all words: it is asked for as the word that it is, unless somebody insists.
            let is_begun = is_begun && (last.chars().nth(1).is_some() || text.ends_with('*'));
            self.0.push(Phrase { words, is_begun });
        }
        count
    }
}

/// Reads what a person or a client asks for.
pub(super) fn question(asked: &SearchWords) -> Question {
    match asked {
        SearchWords::Every(text) => every(mail::text::clip(text, QUESTION_BYTES_MAX)),
        SearchWords::Phrase(text) => contained(text),
    }
}

/// A text that is somewhere, its last word perhaps only begun.
pub(super) fn contained(text: &str) -> Question {
    let mut question = Question::default();
    question.add(mail::text::clip(text, QUESTION_BYTES_MAX), true, WORDS_MAX);
    question
}

/// A header field that is there, whatever it says.
pub(super) fn presence() -> Question {
    Question(vec![Phrase { words: vec![(String::new(), None)], is_begun: false }])
}

/// RFC 8621 §4.4.1: words, and phrases in quotes, in which a backslash takes the meaning from the next character.
fn every(text: &str) -> Question {
    let mut question = Question::default();
    let mut room = WORDS_MAX;
    let mut rest = text.trim();
    while !rest.is_empty() && room > 0 {
        let (piece, tail, is_begun) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (phrase, tail) = quoted(rest.get(1..).unwrap_or_default(), quote);
                (phrase, tail, false)
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
                let (piece, tail) = rest.split_at(end);
                // The last word may still be being typed.
                (piece.to_owned(), tail, piece.ends_with('*') || tail.trim().is_empty())
            }
        };
        room -= question.add(&piece, is_begun, room);
        rest = tail.trim_start();
    }
    question
}

/// What is in quotes, and what follows them; without a closing quote all of it.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut inside = String::new();
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '\\' => inside.extend(letters.next().map(|(_, next)| next)),
            c if c == quote => return (inside, text.get(at + 1..).unwrap_or_default()),
            c => inside.push(c),
        }
    }
    (inside, "")
}

/// How an engine writes phrases, and what joins conditions.
struct Grammar {
    open: &'static str,
    between: &'static str,
    close: &'static str,
    begun: &'static str,
    and: &'static str,
    or: &'static str,
}

const FTS5: Grammar =
    Grammar { open: "\"", between: " ", close: "\"", begun: " *", and: " AND ", or: " OR " };
const TSQUERY: Grammar =
    Grammar { open: "'", between: "' <-> '", close: "'", begun: ":*", and: " & ", or: " | " };

impl Phrase {
    /// How many words it has.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether a text begins with it.
    pub(super) fn begins(&self, text: &[Word]) -> bool {
        let last = self.words.len().saturating_sub(1);
        let stands = |(at, (folded, spelled)): (usize, &(String, Option<String>))| {
            let Some(word) = text.get(at) else { return false };
            let (asked, found) = match spelled {
                Some(spelled) => (spelled, word.spelled.as_deref().unwrap_or_default()),
                None => (folded, word.folded.as_str()),
            };
            found == asked || (self.is_begun && at == last && found.starts_with(asked.as_str()))
        };
        !self.words.is_empty() && self.words.iter().enumerate().all(stands)
    }

    /// The question that FTS5 answers.
    pub(super) fn fts5(&self, account_no: i64, fields: &[Field]) -> String {
        self.written(&FTS5, account_no, fields)
    }

    /// The question that PostgreSQL answers.
    pub(super) fn tsquery(&self, account_no: i64, fields: &[Field]) -> String {
        self.written(&TSQUERY, account_no, fields)
    }

    fn written(&self, grammar: &Grammar, account_no: i64, fields: &[Field]) -> String {
        let fields = fields.iter().map(|field| self.in_field(grammar, account_no, field));
        fields.collect::<Vec<_>>().join(grammar.or)
    }

    /// Folded words where one of them has no marks, and beside them each run of words with marks as it is spelled.
    fn in_field(&self, grammar: &Grammar, account_no: i64, field: &Field) -> String {
        let all = || self.words.iter().map(|(folded, _)| field.folded(account_no, folded));
        let is_spelled = field.is_spelled();
        let mut conditions = Vec::new();
        if !is_spelled || self.words.iter().any(|(_, spelled)| spelled.is_none()) {
            conditions.push(phrase(grammar, all(), self.is_begun));
        }
        let mut rest = if is_spelled { self.words.as_slice() } else { &[] };
        while !rest.is_empty() {
            let plain = rest.iter().take_while(|(_, spelled)| spelled.is_none()).count();
            rest = rest.get(plain..).unwrap_or_default();
            let marked = rest.iter().map_while(|(_, spelled)| spelled.as_deref());
            let run: Vec<String> = marked.map(|word| field.spelled(account_no, word)).collect();
            rest = rest.get(run.len()..).unwrap_or_default();
            if !run.is_empty() {
                conditions.push(phrase(grammar, run.into_iter(), self.is_begun && rest.is_empty()));
            }
        }
        format!("({})", conditions.join(grammar.and))
    }
}

fn phrase(grammar: &Grammar, words: impl Iterator<Item = String>, is_begun: bool) -> String {
    let words: Vec<String> = words.collect();
    let begun = if is_begun { grammar.begun } else { "" };
    format!("{}{}{}{begun}", grammar.open, words.join(grammar.between), grammar.close)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SearchField;
    use crate::search::field::fields;

    fn asked(text: &str) -> Vec<(String, bool)> {
        let question = question(&SearchWords::Every(text.to_owned()));
        let text = |phrase: &Phrase| {
            let words =
                phrase.words.iter().map(|(folded, spelled)| spelled.as_ref().unwrap_or(folded).as_str());
            (words.collect::<Vec<_>>().join(" "), phrase.is_begun)
        };
        question.phrases().iter().map(text).collect()
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_8621_4_4_1_words_phrases_and_beginnings() {
        let rows: [(&str, &[(&str, bool)]); 12] = [
            ("giấy mời họp",          &[("2giây", false), ("1mơi", false), ("5hop", true)]),
            ("\"giấy mời\" họp",      &[("2giây 1mơi", false), ("5hop", true)]),
            ("hop 'giay moi'",        &[("hop", false), ("giay moi", false)]),
            ("ubnd* xã",              &[("ubnd", true), ("3xa", true)]),
            ("12/UBND-VP ngày",       &[("12 ubnd vp", false), ("1ngay", true)]),
            ("it's x*",               &[("it s", false), ("x", true)]),
            ("a",                     &[("a", false)]),
            (r#""a \"b\" c" de"#,     &[("a b c", false), ("de", true)]),
            ("\"chưa đóng",           &[("0chưa 2đong", false)]),
            ("a\"b c\"de",            &[("a", false), ("b c", false), ("de", true)]),
            ("… – \"\" ''",           &[]),
            ("",                      &[]),
        ];
        for (text, expected) in rows {
            let expected: Vec<_> = expected.iter().map(|(words, begun)| ((*words).to_owned(), *begun)).collect();
            assert_eq!(asked(text), expected, "{text}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn m3_a_phrase_in_the_words_of_each_engine() {
        let rows = [
            ("cong van",  "(\"7scong 7svan\" *)", "('7scong' <-> '7svan':*)"),
            ("công văn",  "(\"7v0công 7v0văn\" *)", "('7v0công' <-> '7v0văn':*)"),
            ("công van",  "(\"7scong 7svan\" * AND \"7v0công\")", "('7scong' <-> '7svan':* & '7v0công')"),
            ("cong văn đi abc", "(\"7scong 7svan 7sdi 7sabc\" * AND \"7v0văn 7v0đi\")",
                "('7scong' <-> '7svan' <-> '7sdi' <-> '7sabc':* & '7v0văn' <-> '7v0đi')"),
        ];
        for (text, fts5, tsquery) in rows {
            let question = contained(text);
            let [phrase] = question.phrases() else { panic!("{text}") };
            assert_eq!(phrase.fts5(7, &fields(SearchField::Subject)), fts5, "{text}");
            assert_eq!(phrase.tsquery(7, &fields(SearchField::Subject)), tsquery, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_question_is_read_and_bounded(text in "[\\PC\"'\\\\* ]{0,200}") {
            let question = question(&SearchWords::Every(text));
            let words: usize = question.phrases().iter().map(|phrase| phrase.words.len()).sum();
            proptest::prop_assert!(words <= WORDS_MAX);
            for phrase in question.phrases() {
                let written = phrase.fts5(1, &fields(SearchField::Text));
                proptest::prop_assert_eq!(written.matches('"').count() % 2, 0);
            }
        }

        #[test]
        fn the_order_of_words_does_not_matter_but_in_phrases(a in "[a-z]{1,6}", b in "[a-z]{1,6}") {
            let mut one = asked(&format!("{a} {b} x"));
            let mut other = asked(&format!("{b} {a} x"));
            one.sort();
            other.sort();
            proptest::prop_assert_eq!(one, other);
        }
    }
}
