//! Who a message says it is from. One address, which every reader sees alike, or none.

use super::header::{Header, Words, unfolded};
use crate::message::{Code, Reason};
use mail::{EmailAddress, Timestamp};

fn ambiguous(what: &str) -> Reason {
    Reason::of(Code::FromAmbiguous, what)
}

/// The address in `From`. Errors: [`Code::FromAmbiguous`] when there is none, more than one, or one that could be read
/// in two ways.
pub(super) fn from(header: &Header<'_>) -> Result<EmailAddress, Reason> {
    let value = header.single("from").map_err(|_| ambiguous("From stands twice"))?;
    let value = value.ok_or(ambiguous("no From"))?;
    let text = std::str::from_utf8(value).map_err(|_| ambiguous("From is no text"))?;
    let own = address(text).map_err(|reason| Reason { code: Code::FromAmbiguous, ..reason })?;
    // The reader that shows mail in this house has to see the same; where it does not, somebody wrote the field so
    // that readers differ.
    let shown =
        mail::message::read(format!("From: {text}\r\n\r\n").as_bytes(), &mail::message::Limits::default());
    match shown.from.as_slice() {
        [one] if one.email.parse::<EmailAddress>().is_ok_and(|shown| shown == own) => {}
        _ => return Err(ambiguous("readers differ")),
    }
    // "sep@gov.vn" <la@example.vn>: what people read is the name.
    let name = shown.from.iter().find_map(|one| one.name.as_deref()).unwrap_or_default();
    let misleads =
        name.contains(['@', '＠']) && name.trim().parse::<EmailAddress>().ok().as_ref() != Some(&own);
    match misleads {
        true => Err(ambiguous("the name looks like another address")),
        false => Ok(own),
    }
}

/// `Date`, if it can be read.
pub(super) fn date(header: &Header<'_>) -> Option<Timestamp> {
    let value = unfolded(header.single("date").ok()??);
    mail::message::read(format!("Date: {value}\r\n\r\n").as_bytes(), &mail::message::Limits::default())
        .sent_at
}

/// `mailbox` of RFC 5322 §3.4: an address alone, or a name and an address in angle brackets.
fn address(text: &str) -> Result<EmailAddress, Reason> {
    let mut words = Words { rest: text };
    let (mut before, mut spec) = (String::new(), String::new());
    // An address is written without blanks or comments inside: a part of it in a comment is a disguise.
    let mut bracketed = false;
    loop {
        let gap = words.rest.len();
        let commented = words.skip()?;
        let gap = gap != words.rest.len() || commented;
        let Some(next) = words.rest.chars().next() else { break };
        match next {
            '"' => {
                let from = words.rest;
                words.quoted()?;
                let raw = from.get(..from.len() - words.rest.len()).unwrap_or_default();
                push(&mut before, raw, gap);
            }
            '<' if !bracketed => {
                bracketed = true;
                let end = words.rest.find('>').ok_or(ambiguous("bracket"))?;
                spec = words.rest.get(1..end).unwrap_or_default().to_owned();
                words.rest = words.rest.get(end + 1..).unwrap_or_default();
            }
            ',' | ';' | ':' => return Err(ambiguous("several addresses or a group")),
            '>' | '<' | '\\' | ')' => return Err(ambiguous("stray character")),
            _ if bracketed => return Err(ambiguous("text after the address")),
            _ => {
                let stop = |c: char| c.is_ascii_whitespace() || "()<>\",;:\\".contains(c);
                let end = words.rest.find(stop).unwrap_or(words.rest.len());
                let (word, rest) = words.rest.split_at(end);
                push(&mut before, word, gap);
                words.rest = rest;
            }
        }
    }
    let spec = if bracketed { spec } else { before };
    spec.parse().map_err(|_| ambiguous("not an address"))
}

/// Words apart stay apart, so that no two of them run together into an address.
fn push(text: &mut String, word: &str, gap: bool) {
    if gap && !text.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<String, Code> {
        let text = format!("From: {value}\r\n\r\n");
        let header = Header::read(text.as_bytes()).map_err(|r| r.code)?;
        from(&header).map(|address| address.to_string()).map_err(|r| r.code)
    }

    #[test]
    fn rfc_5322_3_4_one_address_everybody_sees() {
        let rows = [
            ("a@x.gov.vn", "a@x.gov.vn"),
            ("<a@x.gov.vn>", "a@x.gov.vn"),
            ("Nguyễn Văn A <a@x.gov.vn>", "a@x.gov.vn"),
            ("=?UTF-8?B?Tmd1eeG7hW4=?= <a@x.gov.vn>", "a@x.gov.vn"),
            ("\"Nguyễn, Văn A\"\r\n <a@X.gov.vn>", "a@x.gov.vn"),
            ("a@x.gov.vn (Văn phòng)", "a@x.gov.vn"),
            ("\"a@x.gov.vn\" <a@x.gov.vn>", "a@x.gov.vn"),
        ];
        for (text, expected) in rows {
            assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn rfc_8550_3_tricks_in_from() {
        let rows = [
            "",
            "nobody",
            "a@x.vn, b@y.vn",
            "a@x.vn b@y.vn",
            "group: a@x.vn;",
            "\"sep@gov.vn\" <la@example.vn>",
            "sep@gov.vn <la@example.vn>",
            "=?utf-8?q?sep=40gov.vn?= <la@example.vn>",
            "<a@x.vn> <b@y.vn>",
            "<a@x.vn> b@y.vn",
            "<a@x.vn",
            "a@x.vn(.evil.example)y",
            "a@x(comment).vn",
            "a@x.vn>",
            "<@relay:a@x.vn>",
            "a@x.vn\r\nFrom: b@y.vn",
            "(a@x.vn",
        ];
        for text in rows {
            assert_eq!(of(text), Err(Code::FromAmbiguous), "{text}");
        }
    }
}
