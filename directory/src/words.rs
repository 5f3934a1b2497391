//! What is said to people, in Vietnamese and English.

use serde::Serialize;

/// One thing said: a stable code for programs and reports, and a sentence in each language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// Stable; lower case with underscores.
    pub code: &'static str,
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

impl Sentence {
    pub(crate) fn new(code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code, vi: vi.into(), en: en.into() }
    }
}

/// Something a person may have to be told.
pub trait Said {
    /// What to tell.
    fn said(&self) -> Sentence;
}

/// At most 60 characters of something outside, for a sentence: controls shown as `?`.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut shown: String =
        text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A name as it is kept: NFC (RULES M4), blanks at the ends dropped and those between words made one.
pub(crate) fn tidy(text: &str) -> String {
    mail::text::nfc(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
