//! (e) Marks in file names.
//!
//! File names lose their marks and their blanks, so `mat` alone says nothing: `mat-khau`, `bao_mat`, `mat-bang`. The
//! two higher degrees are two words that hardly ever meet otherwise; the lowest is believed only in capitals or with
//! its marks, standing as a part of its own, and not beside a word it usually belongs to.

use super::{Degree, degree_of, is_word};

/// Words that make an ordinary word of a following `mật`: bảo mật, bí mật, cơ mật, túi mật. Their marks may be
/// missing, not different: `THÔNG BÁO_MẬT` bears a mark.
const BEFORE: &[&str] = &[
    "bảo",
    "bí",
    "cơ",
    "túi",
    "đường",
    "sỏi",
    "viêm",
    "dịch",
    "ong",
    "rượu",
    "thân",
    "kín",
    "gấu",
    "mía",
    "giải",
    // And before mặt, mắt and mất, for names that lost their marks.
    "bề",
    "tiền",
    "gặp",
    "rửa",
    "vắng",
    "đầu",
    "đôi",
    "kính",
    "ra",
    "khuôn",
    "có",
];

/// Words that make an ordinary word of a preceding `mật`: mật khẩu, mật mã, mật độ, mật ong.
const AFTER: &[&str] =
    &["khẩu", "mã", "độ", "ong", "thiết", "vụ", "đàm", "nghị", "ngọt", "gấu", "mía", "lệnh", "hiệu", "thám"];

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
    let is_friend = |at: Option<usize>, friends: &[&str]| {
        let word = at.and_then(|at| words.get(at));
        word.is_some_and(|word| friends.iter().any(|friend| is_word(word, friend)))
    };
    words.iter().enumerate().find_map(|(i, word)| {
        let marked = !word.is_ascii();
        // `MAT` without marks before another word is as likely MẶT BẰNG.
        let before_word = words.get(i + 1).is_some_and(|next| next.chars().all(char::is_alphabetic));
        let written_as_a_mark = marked || !word.chars().any(char::is_lowercase) && !before_word;
        let alone = !is_friend(i.checked_sub(1), BEFORE) && !is_friend(i.checked_add(1), AFTER);
        let hit = is_word(word, "mật") && written_as_a_mark && alone && is_a_part(stem, word);
        hit.then_some(Degree::Secret)
    })
}

/// Whether the word is a part of its own between `_`, `-`, `.`, `+` or the ends, not a word in a row of words.
fn is_a_part(stem: &str, word: &str) -> bool {
    stem.split(['_', '-', '.', '+', '~', ',', '–', '—']).any(|part| part.trim() == word)
}
