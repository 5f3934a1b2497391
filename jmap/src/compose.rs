//! A message made from properties (RFC 8621 §4.6): read and checked first, written then.
//!
//! No text of a client reaches a header field before it was looked at: a line end inside would begin a field of its
//! own.

mod fields;
mod pieces;

use std::collections::HashMap;

use mail::{Chance, Domain, Timestamp};
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};
use serde_json::{Map, Value};

use crate::Limits;
use crate::error::SetError;
use fields::read_headers;
use pieces::PieceReader;

type Header = (String, HeaderType<'static>);

/// A message to be written.
#[derive(Debug)]
pub(crate) struct Draft {
    headers: Vec<Header>,
    body: Piece,
    blob_ids: Vec<String>,
}

/// A part of it.
#[derive(Debug)]
struct Piece {
    media_type: String,
    charset: Option<String>,
    name: Option<String>,
    disposition: Option<String>,
    headers: Vec<Header>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Blob(String),
    Pieces(Vec<Piece>),
}

impl Draft {
    /// Reads what is left of an Email object once its mailboxes, keywords and date are taken out.
    pub(crate) fn read(mut object: Map<String, Value>, limits: &Limits) -> Result<Self, SetError> {
        let headers = read_headers(&mut object)?;
        let mut reader = PieceReader::new(object.remove("bodyValues"), limits)?;
        let body = reader.body(&mut object)?;
        if let Some(name) = object.keys().next() {
            return Err(SetError::invalid(mail::text::clip(name, 100), "cannot be set"));
        }
        Ok(Self { headers, body, blob_ids: reader.into_blob_ids() })
    }

    /// The blobs it is made of.
    pub(crate) fn blob_ids(&self) -> &[String] {
        &self.blob_ids
    }

    /// Writes the message. `blobs` has every one of [`Draft::blob_ids`].
    pub(crate) fn write(
        self,
        mut blobs: HashMap<String, Vec<u8>>,
        host: &Domain,
        now: Timestamp,
        chance: &dyn Chance,
    ) -> Vec<u8> {
        let mut builder = MessageBuilder::new();
        let has = |name: &str| self.headers.iter().any(|(other, _)| other == name);
        // Written here in any case: the library would ask the clock and the host's name.
        if !has("Date") {
            builder = builder.header("Date", HeaderType::Raw(Raw::new(now.to_rfc5322())));
        }
        if !has("Message-ID") {
            builder = builder.header(
                "Message-ID",
                HeaderType::MessageId(MessageId::new(format!("{}@{host}", draw(chance)))),
            );
        }
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        let mut message = Vec::new();
        builder.body(self.body.into_mime(&mut blobs, chance)).serialize(&mut message);
        message
    }
}

/// 120 random bits, in hexadecimal.
fn draw(chance: &dyn Chance) -> String {
    let mut bytes = [0; 15];
    chance.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Piece {
    fn multipart(subtype: &str, pieces: Vec<Self>) -> Self {
        Self {
            media_type: format!("multipart/{subtype}"),
            charset: None,
            name: None,
            disposition: None,
            headers: Vec::new(),
            content: Content::Pieces(pieces),
        }
    }

    /// As deep as [`Limits::composed_depth_max`] let it be read, and two levels more for what holds attachments.
    fn into_mime(self, blobs: &mut HashMap<String, Vec<u8>>, chance: &dyn Chance) -> MimePart<'static> {
        let mut content_type = ContentType::new(self.media_type.clone());
        if let Some(charset) = self.charset {
            content_type = content_type.attribute("charset", charset);
        }
        if let Some(name) = &self.name {
            content_type = content_type.attribute("name", name.clone());
        }
        let mut encoding = None;
        let contents = match self.content {
            Content::Text(text) => BodyPart::Text(text.into()),
            Content::Blob(blob_id) => {
                let bytes = blobs.get(&blob_id).cloned().unwrap_or_default();
                encoding = message_encoding(&self.media_type, &bytes);
                BodyPart::Binary(bytes.into())
            }
            Content::Pieces(pieces) => {
                content_type = content_type.attribute("boundary", format!("=_{}", draw(chance)));
                BodyPart::Multipart(pieces.into_iter().map(|piece| piece.into_mime(blobs, chance)).collect())
            }
        };
        let mut headers = vec![("Content-Type".into(), HeaderType::ContentType(content_type))];
        if let Some(disposition) = self.disposition {
            let mut value = ContentType::new(disposition);
            if let Some(name) = self.name {
                value = value.attribute("filename", name);
            }
            headers.push(("Content-Disposition".into(), HeaderType::ContentType(value)));
        }
        headers.extend(self.headers.into_iter().map(|(name, value)| (name.into(), value)));
        if let Some(encoding) = encoding {
            headers.push(("Content-Transfer-Encoding".into(), HeaderType::Raw(Raw::new(encoding))));
        }
        MimePart { headers, contents }
    }
}

/// RFC 2046 §5.2.1: a message inside a message is not encoded. One whose lines would not pass is encoded all the same;
/// readers cope with that better than with a broken transfer.
fn message_encoding(media_type: &str, bytes: &[u8]) -> Option<&'static str> {
    let passes = || {
        bytes.split(|b| *b == b'\n').all(|line| {
            line.len() <= 998 && !line.contains(&0) && !line[..line.len().saturating_sub(1)].contains(&b'\r')
        })
    };
    match media_type {
        "message/rfc822" | "message/global" if passes() => {
            Some(if bytes.is_ascii() { "7bit" } else { "8bit" })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::headers::Block;

    /// Counts up, so that everything drawn differs and every run is the same.
    struct Counter(std::sync::atomic::AtomicU8);

    impl Chance for Counter {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn write(object: Value) -> Result<Vec<u8>, SetError> {
        let Value::Object(object) = object else { unreachable!() };
        let draft = Draft::read(object, &Limits::default())?;
        let blobs =
            draft.blob_ids().iter().map(|id| (id.clone(), b"Subject: x\r\n\r\nHello".to_vec())).collect();
        let now = Timestamp::from_secs(1_795_309_200);
        Ok(draft.write(blobs, &"a.gov.vn".parse().unwrap(), now, &Counter(0.into())))
    }

    #[test]
    fn the_same_draft_is_written_the_same() {
        let object = json!({
            "from": [{ "email": "an@a.gov.vn" }], "subject": "Giấy mời",
            "textBody": [{ "partId": "1" }], "htmlBody": [{ "partId": "2" }],
            "attachments": [{ "blobId": "b", "type": "message/rfc822" }],
            "bodyValues": { "1": { "value": "Kính gửi" }, "2": { "value": "<p>" } },
        });
        // Neither a clock nor chance of its own.
        assert_eq!(write(object.clone()), write(object.clone()));
        let message = String::from_utf8(write(object).unwrap()).unwrap();
        assert!(message.starts_with("Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n"), "{message}");
        assert!(
            message.contains("Content-Transfer-Encoding: 7bit\r\n\r\nSubject: x\r\n\r\nHello"),
            "{message}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_of_a_client_becomes_a_field_of_its_own(
            text in "[\\x00-\\x7f\u{103}]{0,12}", place in 0..9usize,
        ) {
            let object = match place {
                0 => json!({ "subject": text }),
                1 => json!({ "from": [{ "name": text, "email": "an@a.gov.vn" }] }),
                2 => json!({ "to": [{ "email": text }] }),
                3 => json!({ "messageId": [text] }),
                4 => json!({ "header:X-A": text }),
                5 => json!({ "header:X-A:asText": text }),
                6 => json!({ "header:X-A:asURLs": [text] }),
                7 => json!({ "header:X-A:asGroupedAddresses": [{ "name": text, "addresses": [{ "email": "b@b.vn" }] }] }),
                _ => json!({ "attachments": [{ "blobId": "b", "type": "a/b", "name": text, "cid": text, "disposition": text, "language": [text] }] }),
            };
            if let Ok(message) = write(object) {
                let block = Block::read(&message);
                let known = [
                    "Date", "Message-ID", "From", "To", "Subject", "X-A", "MIME-Version", "Content-Type",
                    "Content-Transfer-Encoding",
                ];
                for field in &block.fields {
                    proptest::prop_assert!(known.contains(&field.name), "{:?}", field.name);
                }
                let mut names: Vec<&str> = block.fields.iter().map(|field| field.name).collect();
                names.sort_unstable();
                let count = names.len();
                names.dedup();
                proptest::prop_assert_eq!(names.len(), count);
            }
        }
    }
}
