//! Base subjects (RFC 5256 §2.1, §5).

/// A subject without what replying and forwarding put around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseSubject {
    /// What is left, letters as they were.
    pub text: String,
    /// Whether something was taken off that says it is a reply or a forward.
    pub is_reply: bool,
}

/// Takes `Re:`, `Fwd:`, `[…]`, `(fwd)` and `[fwd: …]` off a decoded subject. Each step shortens the text, so it comes to an end.
pub fn base_subject(subject: &str) -> BaseSubject {
    let one_line = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = one_line.as_str();
    let mut is_reply = false;
    loop {
        rest = without_trailers(rest, &mut is_reply);
        rest = without_leaders(rest, &mut is_reply);
        let Some(inner) = forwarded(rest) else { break };
        (rest, is_reply) = (inner, true);
    }
    BaseSubject { text: rest.to_owned(), is_reply }
}

/// `subj-trailer`: `(fwd)` and blanks.
fn without_trailers<'t>(text: &'t str, is_reply: &mut bool) -> &'t str {
    let mut rest = text.trim_end();
    while let Some(shorter) = strip_end(rest, "(fwd)") {
        *is_reply = true;
        rest = shorter.trim_end();
    }
    rest
}

/// `subj-leader` and, where something is left without it, `subj-blob`.
fn without_leaders<'t>(text: &'t str, is_reply: &mut bool) -> &'t str {
    let mut rest = text.trim_start();
    loop {
        if let Some(shorter) = leader(rest) {
            *is_reply = true;
            rest = shorter;
        } else if let Some(shorter) = blob(rest).filter(|shorter| !shorter.is_empty()) {
            rest = shorter;
        } else {
            return rest;
        }
    }
}

/// `*subj-blob subj-refwd`: any `[…]`, then `Re:`, `Fw:` or `Fwd:`, perhaps with a `[…]` before the colon.
fn leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(shorter) = blob(rest) {
        rest = shorter;
    }
    let rest = ["fwd", "fw", "re"].iter().find_map(|word| strip_start(rest, word))?.trim_start();
    let rest = blob(rest).unwrap_or(rest);
    Some(rest.strip_prefix(':')?.trim_start())
}

/// `subj-blob`: `[…]` without brackets in it, and the blanks after it.
fn blob(text: &str) -> Option<&str> {
    let (inner, after) = text.strip_prefix('[')?.split_once(']')?;
    (!inner.contains('[')).then(|| after.trim_start())
}

/// What is in `[fwd: …]`.
fn forwarded(text: &str) -> Option<&str> {
    Some(strip_start(text, "[fwd:")?.strip_suffix(']')?.trim())
}

fn strip_start<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

fn strip_end<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(word.len())?)?;
    end.eq_ignore_ascii_case(word).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_5256_2_1_base_subjects() {
        let rows = [
            ("Giấy mời",                             "Giấy mời",  false),
            ("Re: Giấy  mời",                        "Giấy mời",  true),
            ("RE: re[2]: Fwd: Giấy mời (fwd) (FWD)", "Giấy mời",  true),
            ("[sở nội vụ] Giấy mời",                 "Giấy mời",  false),
            ("[a] [b] Re [3] : Giấy mời",            "Giấy mời",  true),
            ("[fwd: Re: Giấy mời]",                  "Giấy mời",  true),
            ("[fwd: [fwd: x] (fwd)]",                "x",         true),
            ("[a]",                                  "[a]",       false),
            ("[a][b]",                               "[b]",       false),
            ("Re:",                                  "",          true),
            ("",                                     "",          false),
            ("Regarding: x",                         "Regarding: x", false),
            ("[fwd:",                                "[fwd:",     false),
            ("[[x] y",                               "[[x] y",    false),
        ];
        for (subject, text, is_reply) in rows {
            assert_eq!(base_subject(subject), BaseSubject { text: text.to_owned(), is_reply }, "{subject}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_base_is_its_own_base(subject in "(re|fwd?|\\[|\\]|:| |\\(fwd\\)|ơ|\\[fwd:){0,12}") {
            let base = base_subject(&subject).text;
            proptest::prop_assert_eq!(&base_subject(&base).text, &base);
        }
    }
}
