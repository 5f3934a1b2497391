//! The words a document is found by: of its subject, its number and notation, and the agencies it is between.
//!
//! Each word is kept folded (`mail::text::fold`), and a second time exact, with `=` before it, where the two differ. Who types
//! marks means them; who types none finds all.

use std::collections::BTreeSet;

use mail::text::{clip, exact, fold};

use crate::package::Document;

/// Words kept of one document. Ours: a subject has 500 characters at most, and a common one has fifteen words.
const WORDS_MAX: usize = 96;
/// Bytes of one word that count.
const WORD_BYTES_MAX: usize = 64;
/// Receivers whose names are words of a document. Ours: who writes to all is not looked for by one of them.
const RECEIVERS_NAMED_MAX: usize = 5;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// The longest word: likely the rarest.
    pub first: String,
    /// The next longest.
    pub others: Vec<String>,
}

/// The words of a document.
pub fn of_document(document: &Document) -> Vec<String> {
    let mut words = BTreeSet::new();
    let receivers = document.to.iter().take(RECEIVERS_NAMED_MAX);
    let parties = std::iter::once(&document.from).chain(receivers);
    let mut texts = vec![document.subject.as_str()];
    let code = document.code.full();
    texts.push(&code);
    texts.push(&document.document_type.name);
    for party in parties {
        texts.extend([party.organ_name.as_str(), party.organ_id.as_str()]);
    }
    for text in texts {
        for word in tokens(text) {
            let (folded, exact) = (fold(&word), exact(&word));
            if exact != folded && words.len() < WORDS_MAX {
                words.insert(marked(&exact));
            }
            if words.len() < WORDS_MAX {
                words.insert(clip(&folded, WORD_BYTES_MAX).to_owned());
            }
        }
    }
    words.into_iter().collect()
}

/// Reads what somebody looks for; `None` when there is no word in it. The longest words count, as many as the store looks up at
/// once.
pub fn of_query(text: &str) -> Option<Sought> {
    let words = tokens(text).map(|word| {
        let (folded, exact) = (fold(&word), exact(&word));
        if exact == folded { clip(&folded, WORD_BYTES_MAX).to_owned() } else { marked(&exact) }
    });
    let mut words: Vec<String> = words.collect::<BTreeSet<_>>().into_iter().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.truncate(store::OTHER_WORDS_MAX + 1);
    let mut words = words.into_iter();
    Some(Sought { first: words.next()?, others: words.collect() })
}

fn marked(exact: &str) -> String {
    format!("={}", clip(exact, WORD_BYTES_MAX))
}

/// Letters and digits together, with the marks that a decomposed letter carries.
fn tokens(text: &str) -> impl Iterator<Item = String> {
    let text = mail::text::nfc(text);
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn queries_are_read() {
        let sought = |first: &str, others: &[&str]| Some(Sought {
            first: first.to_owned(),
            others: others.iter().map(|word| (*word).to_owned()).collect(),
        });
        let rows = [
            ("phoi hop",            sought("phoi", &["hop"])),
            ("phối hợp",            sought("=phối", &["=hợp"])),
            ("PHỐI",                sought("=phối", &[])),
            ("05/SNV-VP",           sought("snv", &["05", "vp"])),
            ("một hai ba bốn năm",  sought("=một", &["=bốn", "=năm", "ba"])),
            (" \t-/",               None),
            ("",                    None),
        ];
        for (text, expected) in rows {
            let found = of_query(text);
            if let (Some(found), Some(expected)) = (&found, &expected) {
                let all = |s: &Sought| { let mut v = s.others.clone(); v.push(s.first.clone()); v.sort(); v };
                if text.starts_with("một") {
                    assert_eq!(found.others.len(), store::OTHER_WORDS_MAX);
                } else {
                    assert_eq!(all(found), all(expected), "{text}");
                }
            } else {
                assert_eq!(found, expected, "{text}");
            }
        }
    }

    #[test]
    fn a_decomposed_subject_has_the_words_of_a_composed_one() {
        let composed: Vec<String> = tokens("Quyết định").collect();
        let decomposed: Vec<String> = tokens("Quye\u{302}\u{301}t đi\u{323}nh").collect();
        assert_eq!(composed, decomposed);
    }
}
