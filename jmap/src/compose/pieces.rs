//! The parts of a message that is made: read, counted, and put in the order mail programs expect (RFC 8621 §4.6).

use std::collections::HashMap;

use mail_builder::headers::HeaderType;
use mail_builder::headers::raw::Raw;
use serde_json::{Map, Value};

use super::fields::{is_one_line, read_header};
use super::{Content, Header, Piece};
use crate::Limits;
use crate::blobs::is_media_type;
use crate::error::SetError;
use crate::headers::HeaderProperty;

/// `bodyValues`: the texts by part id.
fn read_values(value: Option<Value>) -> Result<HashMap<String, String>, SetError> {
    let wrong = || SetError::invalid("bodyValues", "a map of {value}, neither truncated nor with a problem");
    let map = match value {
        None | Some(Value::Null) => return Ok(HashMap::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(wrong()),
    };
    map.into_iter()
        .map(|(part_id, mut value)| {
            let object = value.as_object_mut().ok_or_else(wrong)?;
            let is_false = |name: &str| object.get(name).is_none_or(|flag| flag == &Value::Bool(false));
            if !is_false("isEncodingProblem") || !is_false("isTruncated") {
                return Err(wrong());
            }
            match object.remove("value") {
                Some(Value::String(text)) => Ok((part_id, text)),
                _ => Err(wrong()),
            }
        })
        .collect()
}

/// Reads parts, and counts them.
pub(super) struct PieceReader<'l> {
    values: HashMap<String, String>,
    limits: &'l Limits,
    count: usize,
    blob_ids: Vec<String>,
}

impl<'l> PieceReader<'l> {
    /// A reader with the texts of `bodyValues`.
    pub(super) fn new(values: Option<Value>, limits: &'l Limits) -> Result<Self, SetError> {
        Ok(Self { values: read_values(values)?, limits, count: 0, blob_ids: Vec::new() })
    }

    /// The blobs that the parts are made of.
    pub(super) fn into_blob_ids(self) -> Vec<String> {
        self.blob_ids
    }

    /// `bodyStructure`, or the simpler three lists (RFC 8621 §4.6).
    pub(super) fn body(&mut self, object: &mut Map<String, Value>) -> Result<Piece, SetError> {
        let mut take = |name: &str| object.remove(name).filter(|value| !value.is_null());
        let (structure, text) = (take("bodyStructure"), take("textBody"));
        let (html, attachments) = (take("htmlBody"), take("attachments"));
        if let Some(structure) = structure {
            if text.is_some() || html.is_some() || attachments.is_some() {
                return Err(SetError::invalid("bodyStructure", "stands alone"));
            }
            return self.piece("bodyStructure", structure, 0);
        }
        let text = text.map(|list| self.only("textBody", list, "text/plain")).transpose()?;
        let html = html.map(|list| self.only("htmlBody", list, "text/html")).transpose()?;
        let attachments = match attachments {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                list.into_iter().map(|part| self.piece("attachments", part, 0)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(SetError::invalid("attachments", "a list of parts")),
        };
        Ok(arrange(text, html, attachments))
    }

    /// The one part of `textBody` or `htmlBody`.
    fn only(&mut self, property: &str, list: Value, media_type: &str) -> Result<Piece, SetError> {
        let wrong = || SetError::invalid(property, format!("one part of type {media_type}"));
        let Value::Array(list) = list else { return Err(wrong()) };
        let [mut part] = <[Value; 1]>::try_from(list).map_err(|_| wrong())?;
        if let Some(object) = part.as_object_mut() {
            object.entry("type").or_insert_with(|| media_type.into());
        }
        let piece = self.piece(property, part, 0)?;
        if piece.media_type == media_type { Ok(piece) } else { Err(wrong()) }
    }

    fn piece(&mut self, property: &str, value: Value, depth: usize) -> Result<Piece, SetError> {
        let wrong = |why: &str| SetError::invalid(property, why);
        let Value::Object(mut object) = value else { return Err(wrong("a part is an object")) };
        self.count += 1;
        if self.count > self.limits.composed_parts_max || depth > self.limits.composed_depth_max {
            return Err(wrong("too many parts, or too deep in one another"));
        }
        let mut text = |name: &str| match object.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong("a property of a part has a wrong type")),
        };
        let (part_id, blob_id) = (text("partId")?, text("blobId")?);
        let (media_type, charset) = (text("type")?, text("charset")?);
        let (name, disposition) = (text("name")?, text("disposition")?);
        let (cid, location) = (text("cid")?, text("location")?);
        object.remove("size");
        let children = object.remove("subParts").filter(|value| !value.is_null());
        let default = if children.is_some() { "multipart/mixed" } else { "text/plain" };
        let media_type = media_type.unwrap_or_else(|| default.to_owned()).to_ascii_lowercase();
        if !is_media_type(&media_type) || media_type.starts_with("multipart/") != children.is_some() {
            return Err(wrong("a media type; multipart with subParts, and only then"));
        }
        let is_word = |word: &str| is_media_type(&format!("x/{word}"));
        if ![&charset, &disposition].into_iter().flatten().all(|word| is_word(word)) {
            return Err(wrong("a charset or disposition that is no word"));
        }
        if name.as_ref().is_some_and(|name| !is_one_line(name) || name.len() > 255) {
            return Err(wrong("a name of one line, 255 bytes at most"));
        }
        let headers = part_headers(property, cid, location, object)?;
        let (content, charset) = match (part_id, blob_id, children) {
            (Some(part_id), None, None) => {
                if charset.is_some() {
                    return Err(wrong("text given by partId has no charset of its own"));
                }
                let text = self.values.get(&part_id).ok_or_else(|| wrong("a partId without a body value"))?;
                (Content::Text(with_crlf(text)), Some("utf-8".to_owned()))
            }
            (None, Some(blob_id), None) => {
                if !self.blob_ids.contains(&blob_id) {
                    self.blob_ids.push(blob_id.clone());
                }
                (Content::Blob(blob_id), charset)
            }
            (None, None, Some(Value::Array(list))) => {
                let pieces = list.into_iter().map(|part| self.piece(property, part, depth + 1));
                (Content::Pieces(pieces.collect::<Result<_, _>>()?), None)
            }
            _ => return Err(wrong("a part has a partId, a blobId or subParts")),
        };
        let name = name.map(|name| mail::text::nfc(&name));
        Ok(Piece {
            media_type,
            charset,
            name,
            disposition: disposition.map(|d| d.to_ascii_lowercase()),
            headers,
            content,
        })
    }
}

/// The fields of a part; everything of its object that was not taken out must be one.
fn part_headers(
    property: &str,
    cid: Option<String>,
    location: Option<String>,
    object: Map<String, Value>,
) -> Result<Vec<Header>, SetError> {
    let wrong = |why: &str| SetError::invalid(property, why);
    let mut headers: Vec<Header> = Vec::new();
    let is_token = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
    for (name, value) in [("Content-ID", cid), ("Content-Location", location)] {
        match value {
            None => {}
            Some(value) if matches!(value.len(), 1..=900) && is_token(&value) => {
                let value = if name == "Content-ID" { format!("<{value}>") } else { value };
                headers.push((name.to_owned(), HeaderType::Raw(Raw::new(value))));
            }
            Some(_) => return Err(wrong("a cid or location that cannot stand in a field")),
        }
    }
    for (name, value) in object {
        if name == "language" {
            let tags: Option<Vec<&str>> =
                value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect());
            match tags {
                _ if value.is_null() => {}
                Some(tags) if !tags.is_empty() && tags.iter().all(|t| is_media_type(&format!("x/{t}"))) => {
                    headers.push(("Content-Language".to_owned(), HeaderType::Raw(Raw::new(tags.join(", ")))));
                }
                _ => return Err(wrong("a language that is no list of tags")),
            }
            continue;
        }
        let Some(rest) = name.strip_prefix("header:") else {
            return Err(wrong(&format!("a part's `{}` cannot be set", mail::text::clip(&name, 100))));
        };
        let header = HeaderProperty::read(rest).map_err(|e| wrong(&e.to_string()))?;
        // Each of these has a property of its own, or is for the server to choose.
        const OWN: [&str; 6] = ["type", "disposition", "id", "language", "location", "transfer-encoding"];
        let lower = header.name.to_ascii_lowercase();
        if lower.strip_prefix("content-").is_none_or(|rest| OWN.contains(&rest)) {
            return Err(wrong("a part's own fields begin with Content- and have no property of their own"));
        }
        headers.extend(read_header(property, header, value)?);
    }
    Ok(headers)
}

/// Text and HTML side by side, pictures that the HTML shows beside the HTML, everything else after.
fn arrange(text: Option<Piece>, html: Option<Piece>, attachments: Vec<Piece>) -> Piece {
    let is_shown = |piece: &Piece| {
        piece.disposition.as_deref() == Some("inline")
            && piece.headers.iter().any(|(name, _)| name == "Content-ID")
    };
    let (shown, others): (Vec<_>, Vec<_>) =
        attachments.into_iter().partition(|piece| html.is_some() && is_shown(piece));
    let html = html.map(|html| match shown.is_empty() {
        true => html,
        false => Piece::multipart("related", std::iter::once(html).chain(shown).collect()),
    });
    let body = match (text, html) {
        (Some(text), Some(html)) => Some(Piece::multipart("alternative", vec![text, html])),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    };
    let empty = || Piece {
        media_type: "text/plain".to_owned(),
        charset: Some("utf-8".to_owned()),
        name: None,
        disposition: None,
        headers: Vec::new(),
        content: Content::Text(String::new()),
    };
    match (body, others.is_empty()) {
        (Some(body), true) => body,
        (None, true) => empty(),
        (body, false) => {
            let all = body.into_iter().chain(others.into_iter().map(|mut piece| {
                piece.disposition.get_or_insert_with(|| "attachment".to_owned());
                piece
            }));
            Piece::multipart("mixed", all.collect())
        }
    }
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
