//! What a message says, as text: what is searched and what an answer quotes from.

use mail_parser::parsers::MessageStream;
use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::message::{Limits, declares_nesting};
use crate::text::{clip, nfc};

/// How much text is taken out of one message.
const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Header fields that are looked at; and bytes of each.
const FIELDS_MAX: usize = 200;
const FIELD_BYTES_MAX: usize = 2_000;
/// Messages within messages that are read with the one around them.
const INNER_MAX: usize = 16;

/// The texts of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Header fields: name in lower case, value decoded.
    pub fields: Vec<(String, String)>,
    /// The text of the body, of HTML what is seen; messages that are forwarded within it follow.
    pub text: String,
    /// Names of attachments.
    pub file_names: Vec<String>,
    /// Part ids of attachments that are no text and no message: whoever can read files looks into them.
    pub files: Vec<String>,
}

/// Takes the texts out of a message. Never fails: what cannot be understood has no text.
pub fn contents(raw: &[u8], limits: &Limits) -> Contents {
    let deep = declares_nesting(raw, limits.nested_max);
    let parsed = if deep { None } else { MessageParser::default().parse(raw) };
    let parsed = parsed.filter(|message| message.parts.len() <= limits.parts_max);
    let Some(message) = parsed else {
        let headers = MessageParser::default().parse_headers(raw);
        let fields = headers.map(|message| fields(&message)).unwrap_or_default();
        return Contents { fields, ..Contents::default() };
    };
    let mut found = Contents { fields: fields(&message), ..Contents::default() };
    let mut waiting = vec![&message];
    let mut inner = 0;
    while let Some(message) = waiting.pop() {
        let is_inner = inner > 0;
        inner += 1;
        if is_inner {
            found.add_text(message.subject().unwrap_or_default());
        }
        for part in message.text_bodies() {
            found.add_part(part);
        }
        for index in &message.attachments {
            let Some(part) = message.part(*index) else { continue };
            if let Some(name) = part.attachment_name() {
                found.file_names.push(nfc(clip(name, 255)));
            }
            match &part.body {
                PartType::Text(_) | PartType::Html(_) => found.add_part(part),
                PartType::Message(message) if inner + waiting.len() < INNER_MAX => waiting.push(message),
                PartType::Binary(_) | PartType::InlineBinary(_) if !is_inner => {
                    found.files.push(index.to_string());
                }
                _ => {}
            }
        }
    }
    found
}

impl Contents {
    fn add_part(&mut self, part: &MessagePart<'_>) {
        match &part.body {
            PartType::Text(text) => self.add_text(text),
            PartType::Html(html) => {
                let html = clip(html, TEXT_BYTES_MAX.saturating_mul(4));
                self.add_text(&mail_parser::decoders::html::html_to_text(html));
            }
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        let room = TEXT_BYTES_MAX.saturating_sub(self.text.len());
        if room == 0 || text.is_empty() {
            return;
        }
        self.text.push_str(clip(text, room));
        self.text.push('\n');
    }
}

fn fields(message: &Message<'_>) -> Vec<(String, String)> {
    let headers = message.parts.first().map(|part| part.headers.as_slice()).unwrap_or_default();
    let field = |header: &mail_parser::Header<'_>| {
        let range = header.offset_start as usize..header.offset_end as usize;
        let raw = message.raw_message.get(range)?;
        let raw = raw.get(..raw.len().min(FIELD_BYTES_MAX)).unwrap_or_default();
        let value = match MessageStream::new(&[raw, b"\n"].concat()).parse_unstructured() {
            HeaderValue::Text(text) => nfc(&text),
            _ => String::new(),
        };
        Some((header.name.as_str().to_ascii_lowercase(), value))
    };
    headers.iter().take(FIELDS_MAX).filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = "Subject: =?UTF-8?B?R2nhuqV5IG3hu51pIGjhu41w?=\r\nX-Number: 12/\r\n UBND\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<style>p{}</style><p>Kính <b>mời</b> &amp; chào\r\n\
        --b\r\nContent-Type: text/plain; name=ghi.txt\r\nContent-Disposition: attachment; filename=ghi.txt\r\n\r\nghi chú\r\n\
        --b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\nwithin\r\n--b--\r\n";

    #[test]
    fn a_letter_with_attachments_says_all_it_says() {
        let found = contents(LETTER.as_bytes(), &Limits::default());
        assert!(found.fields.contains(&("subject".to_owned(), "Giấy mời họp".to_owned())), "{found:?}");
        assert!(found.fields.contains(&("x-number".to_owned(), "12/ UBND".to_owned())), "{found:?}");
        let words: Vec<_> = crate::words::words(&found.text).map(|word| word.folded).collect();
        assert_eq!(words, ["kinh", "moi", "chao", "ghi", "chu", "inner", "within"], "{found:?}");
        assert_eq!(found.file_names, ["ghi.txt", "a.pdf"]);
        assert_eq!(found.files.len(), 1);
    }

    #[test]
    fn bombs_have_no_text() {
        let deep = "Subject: x\r\nContent-Type: message/rfc822\r\n\r\n".repeat(10_000);
        let found = contents(deep.as_bytes(), &Limits::default());
        assert_eq!(
            (found.fields.first().map(|(_, value)| value.as_str()), found.text.as_str()),
            (Some("x"), "")
        );
        let long = format!("Subject: x\r\n\r\n{}", "từ ngữ ".repeat(200_000));
        assert!(contents(long.as_bytes(), &Limits::default()).text.len() <= TEXT_BYTES_MAX + 1);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_contents(at in 0..LETTER.len(), byte: u8) {
            let mut raw = LETTER.as_bytes().to_vec();
            raw[at] = byte;
            let _ = contents(&raw, &Limits::default());
        }
    }
}
