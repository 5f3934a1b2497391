//! A message opened: what all its parts hold, those of messages within it included, once transfer encodings and charsets are
//! undone. For those who have to look at content before anything is kept; nobody keeps what comes from here.

use mail_parser::decoders::html::html_to_text;
use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

use crate::message;
use crate::text::{clip, nfc};

/// How much is opened.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Parts handed out; the rest is not opened.
    pub parts_max: usize,
    /// Bytes of one part that are handed out; of a longer one, this much of its beginning.
    pub part_bytes_max: usize,
    /// Bytes of all parts together.
    pub bytes_max: usize,
    /// Messages within messages that are gone into.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { parts_max: 200, part_bytes_max: 32 << 20, bytes_max: 64 << 20, depth_max: 8 }
    }
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Text; of HTML the text in it.
    Text(String),
    /// Anything else, and an attached text as it is.
    File(Vec<u8>),
    /// Another message: its subject.
    Message(String),
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// File name, NFC, when it has one.
    pub name: Option<String>,
    /// What it holds.
    pub holds: Holds,
    /// In how many messages it lies: 0 is the message itself.
    pub depth: usize,
}

/// Opens a message. What the reader of messages takes for one block of bytes (too many parts, messages too deep in one another) is
/// not opened either.
pub fn open(raw: &[u8], reading: &message::Limits, limits: &Limits) -> Vec<Opened> {
    let parsed = match message::declares_nesting(raw, reading.nested_max) {
        true => None,
        false => MessageParser::default().parse(raw),
    };
    let mut opened = Vec::new();
    let Some(parsed) = parsed.filter(|message| message.parts.len() <= reading.parts_max) else {
        return opened;
    };
    let mut room = limits.bytes_max;
    let mut waiting = vec![(0, &parsed)];
    while let Some((depth, message)) = waiting.pop() {
        for part in &message.parts {
            if opened.len() >= limits.parts_max || room == 0 {
                return opened;
            }
            let most = limits.part_bytes_max.min(room);
            let holds = match &part.body {
                PartType::Text(text) => Holds::Text(clip(text, most).to_owned()),
                PartType::Html(html) => Holds::Text(text_of(clip(html, most))),
                PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                    Holds::File(bytes.get(..most.min(bytes.len())).unwrap_or_default().to_vec())
                }
                PartType::Message(inner) => {
                    if depth < limits.depth_max {
                        waiting.push((depth + 1, inner));
                    }
                    Holds::Message(nfc(clip(inner.subject().unwrap_or_default(), reading.text_max)))
                }
                PartType::Multipart(_) => continue,
            };
            room -= size_of(&holds).min(room);
            opened.push(Opened { name: name_of(part), holds, depth });
        }
    }
    opened
}

fn name_of(part: &MessagePart<'_>) -> Option<String> {
    part.attachment_name().map(|name| nfc(clip(name, 255)))
}

/// Elements that a browser begins a new line for.
const BLOCKS: [&str; 16] = [
    "p",
    "div",
    "td",
    "th",
    "tr",
    "table",
    "li",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "center",
    "blockquote",
    "pre",
];

/// The text in HTML, a line for what a browser shows as one.
fn text_of(html: &str) -> String {
    let mut broken = String::with_capacity(html.len() + html.len() / 8);
    for (number, piece) in html.split('<').enumerate() {
        if number > 0 {
            let inner = piece.strip_prefix('/').unwrap_or(piece);
            let name = inner.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            if BLOCKS.iter().any(|block| block.eq_ignore_ascii_case(name)) {
                broken.push_str("<br>");
            }
            broken.push('<');
        }
        broken.push_str(piece);
    }
    html_to_text(&broken)
}

fn size_of(holds: &Holds) -> usize {
    match holds {
        Holds::Text(text) | Holds::Message(text) => text.len(),
        Holds::File(bytes) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_all(raw: &str, limits: &Limits) -> Vec<Opened> {
        open(raw.as_bytes(), &message::Limits::default(), limits)
    }

    const LETTER: &str = "Subject: ngo\u{e0}i\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>xin</p><p><b>ch\u{e0}o</b></p>\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: trong\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ns\u{e2}u\r\n\
        --b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--b--\r\n";

    #[test]
    fn every_part_and_those_of_a_message_within() {
        let opened = open_all(LETTER, &Limits::default());
        let texts: Vec<_> = opened
            .iter()
            .filter_map(|part| match &part.holds {
                Holds::Text(text) => Some((part.depth, text.trim())),
                _ => None,
            })
            .collect();
        assert_eq!(texts.len(), 2, "{opened:?}");
        assert!(texts[0].1.contains("ch\u{e0}o") && !texts[0].1.contains('<'), "{texts:?}");
        assert_eq!(texts[1], (1, "s\u{e2}u"));
        assert!(opened.iter().any(|part| part.holds == Holds::Message("trong".into())));
        let pdf = opened.iter().find(|part| part.name.as_deref() == Some("a.pdf")).unwrap();
        assert_eq!(pdf.holds, Holds::File(b"%PDF-".to_vec()));
    }

    #[test]
    fn html_has_a_line_for_what_a_browser_shows_as_one() {
        let text = text_of(
            "<table><tr><td>a</td><TD class=x><b>b</b></td></tr></table>c<div>d</div>e<span>f</span>",
        );
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, ["a", "b", "c", "d", "ef"]);
    }

    #[test]
    fn what_is_too_much_is_not_opened() {
        let none = Limits { parts_max: 0, ..Limits::default() };
        assert!(open_all(LETTER, &none).is_empty());
        let little = Limits { bytes_max: 3, ..Limits::default() };
        let all: usize = open_all(LETTER, &little).iter().map(|part| size_of(&part.holds)).sum();
        assert!(all <= 3 + "xin".len(), "{all}");
        let shallow = Limits { depth_max: 0, ..Limits::default() };
        assert!(open_all(LETTER, &shallow).iter().all(|part| part.depth == 0));
        let bomb = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
        assert!(open_all(&bomb, &Limits::default()).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_letter_is_opened(at in 0..LETTER.len(), byte: u8) {
            let mut raw = LETTER.as_bytes().to_vec();
            raw[at] = byte;
            let _ = open(&raw, &message::Limits::default(), &Limits::default());
        }
    }
}
