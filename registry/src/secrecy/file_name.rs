//! (e) Marks in file names.
//!
//! File names lose their marks and their blanks, so `mat` alone says nothing: `mat-khau`, `bao_mat`, `mat-bang`. The
//! two higher degrees are two words that hardly ever meet otherwise; the lowest is believed only in capitals or with
//! its marks, standing as a part of its own, and not beside a word it usually belongs to.

use super::{Degree, degree_of};

/// Words that make an ordinary word of a following `mật`: bảo mật, bí mật, cơ mật, túi mật, đường mật…
const BEFORE: &[&str] = &[
    "bao", "bi", "co", "tui", "duong", "soi", "viem", "dich", "ong", "ruou", "than", "kin", "an", "noi",
    "chim", "ngot", "gau", "mia", "muoi", "che", "nuoc", "hu", "khong",
];

/// Words that make an ordinary word of a preceding `mật`: mật khẩu, mật mã, mật độ, mật ong, mật thiết…
const AFTER: &[&str] = &[
    "khau", "ma", "do", "ong", "thiet", "thu", "vu", "dam", "phuc", "nghi", "ngot", "gau", "mia", "tau",
    "lenh", "hieu", "chi", "bao", "tich", "hoa", "duong", "hoi", "dan", "ngu", "tong", "giao", "danh", "cao",
    "tham", "dien",
];

/// The degree a file's name is marked with.
pub(super) fn degree(name: &str) -> Option<Degree> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    bracketed(stem).or_else(|| higher(stem)).or_else(|| lowest(stem))
}

/// `[mật]`, `(TOI MAT)`: brackets take the doubt away.
fn bracketed(stem: &str) -> Option<Degree> {
    stem.split(['[', '(', '{'])
        .skip(1)
        .find_map(|opened| opened.split_once([']', ')', '}']).and_then(|(inside, _)| degree_of(inside)))
}

fn words(stem: &str) -> Vec<&str> {
    let splits = |c: char| !c.is_alphanumeric() && !unicode_normalization::char::is_combining_mark(c);
    // Names are short; a longer one is looked at as far as any system would store it.
    stem.split(splits).filter(|word| !word.is_empty()).take(256).collect()
}

fn higher(stem: &str) -> Option<Degree> {
    let words = words(stem);
    for (i, word) in words.iter().enumerate() {
        if let Some(degree) = degree_of(word).filter(|degree| is_believed(*degree, word, word)) {
            return Some(degree);
        }
        let Some(second) = words.get(i + 1) else { continue };
        // "Danh mục bí mật nhà nước độ Tối mật" speaks of the degree and bears none.
        let spoken_of =
            i.checked_sub(1).and_then(|at| words.get(at)).is_some_and(|w| mail::text::fold(w) == "do");
        let pair = format!("{word} {second}");
        if let Some(degree) =
            degree_of(&pair).filter(|degree| !spoken_of && is_believed(*degree, &pair, second))
        {
            return Some(degree);
        }
    }
    None
}

/// `toi-mat` without marks and in small letters is as likely "tôi mất"; `tuyet-mat` is nothing else.
fn is_believed(degree: Degree, text: &str, last_word: &str) -> bool {
    match degree {
        Degree::UtmostSecret => true,
        Degree::TopSecret => !text.is_ascii() || last_word.chars().any(char::is_uppercase),
        Degree::Secret | Degree::Unnamed => false,
    }
}

fn lowest(stem: &str) -> Option<Degree> {
    let words = words(stem);
    let folded: Vec<String> = words.iter().map(|word| mail::text::fold(word)).collect();
    let neighbour =
        |at: Option<usize>| at.and_then(|at| folded.get(at)).map(String::as_str).unwrap_or_default();
    for (i, word) in words.iter().enumerate() {
        let capitals = !word.chars().any(char::is_lowercase);
        let marked = !word.is_ascii();
        let stands_alone =
            !BEFORE.contains(&neighbour(i.checked_sub(1))) && !AFTER.contains(&neighbour(i.checked_add(1)));
        if degree_of(word) == Some(Degree::Secret)
            && (capitals || marked)
            && stands_alone
            && is_a_part(stem, word)
        {
            return Some(Degree::Secret);
        }
    }
    None
}

/// Whether the word is a part of its own between `_`, `-`, `.`, `+` or the ends, not a word in a row of words.
fn is_a_part(stem: &str, word: &str) -> bool {
    stem.split(['_', '-', '.', '+', '~', ',', '–', '—']).any(|part| part.trim() == word)
}
