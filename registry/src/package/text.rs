//! Characters of XML, and the shapes of dates in packages.

/// White space of XML 1.0 §2.3.
pub(crate) fn is_xml_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// A character of XML 1.0 §2.2.
pub(crate) fn is_xml_char(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        c => c >= ' ' && !matches!(c, '\u{FFFE}' | '\u{FFFF}'),
    }
}

/// The text as readers of XML see it: line ends are LF (XML 1.0 §2.11), surrounding white space does not count here.
pub(crate) fn trimmed(raw: &str) -> String {
    let text = raw.trim();
    match text.contains('\r') {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => text.to_owned(),
    }
}

/// `yyyy/MM/dd`, a day that exists (RULES E6, VXP 4.1).
pub(crate) fn is_date(text: &str) -> bool {
    numbers(text, "####/##/##").is_some_and(|n| match n[..] {
        [year, month, day] => is_day(year, month, day),
        _ => false,
    })
}

/// `yyyy/MM/dd HH:mm:ss` (RULES E6, VXP 4.1).
pub(crate) fn is_date_time(text: &str) -> bool {
    numbers(text, "####/##/## ##:##:##").is_some_and(|n| match n[..] {
        [year, month, day, hour, minute, second] => {
            is_day(year, month, day) && hour < 24 && minute < 60 && second < 60
        }
        _ => false,
    })
}

/// The numbers of a text that has the shape of the pattern, in which `#` is a digit and all else itself.
pub(crate) fn numbers(text: &str, pattern: &str) -> Option<Vec<u32>> {
    if text.len() != pattern.len() {
        return None;
    }
    let fits = |(b, p): (u8, u8)| if p == b'#' { b.is_ascii_digit() } else { b == p };
    if !text.bytes().zip(pattern.bytes()).all(fits) {
        return None;
    }
    text.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().ok()).collect()
}

/// Whether there is such a day.
pub(crate) fn is_day(year: u32, month: u32, day: u32) -> bool {
    let month = u8::try_from(month).ok().and_then(|m| time::Month::try_from(m).ok());
    let (Some(month), Ok(year), Ok(day)) = (month, i32::try_from(year), u8::try_from(day)) else {
        return false;
    };
    time::Date::from_calendar_date(year, month, day).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e6_shapes_of_dates() {
        let rows = [
            ("2026/11/22", true),
            ("2026-11-22", false),
            ("22/11/2026", false),
            ("2014/02/30", false),
            ("2026/11/22 08:00:00", false),
            ("", false),
            ("２０２６/11/22", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_date(text), expected, "{text}");
        }
        assert!(is_date_time("2015/09/20 11:08:36"));
        assert!(!is_date_time("2015/09/20"));
        assert!(!is_date_time("2015/09/20 24:08:36"));
    }
}
