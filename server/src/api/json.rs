//! JSON that came: read strictly, and what does not fit is pointed at (RFC 6901).

use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// Whether the body is said to be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers) == "application/json"
}

/// The media type of the body, without its parameters, in lower case; empty when none is said.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body is of a kind that is not taken here.
pub(super) fn unsupported(wanted: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        format!("Kiểu nội dung phải là: {wanted}"),
        format!("The content type has to be: {wanted}"),
    )
}

/// Reads a body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let pointer = pointer_at(body, offset(body, error.line(), error.column()));
        Problem::bad_request(&pointer, error.to_string())
    })
}

/// The place of a line and a column, both from 1, as serde_json counts them.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let mut begins = 0;
    for _ in 1..line {
        begins += text[begins..].iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    }
    (begins + column).min(text.len())
}

/// Where in a document one is inside.
enum Level {
    Object(String),
    Array(usize),
}

/// The pointer to the member that is being read at an offset.
fn pointer_at(text: &[u8], end: usize) -> String {
    let mut levels: Vec<Level> = Vec::new();
    let mut at = 0;
    let mut wants_key = false;
    while let Some(&byte) = text.get(at).filter(|_| at < end) {
        at += 1;
        match byte {
            b'{' => {
                levels.push(Level::Object(String::new()));
                wants_key = true;
            }
            b'[' => {
                levels.push(Level::Array(0));
                wants_key = false;
            }
            b'}' | b']' => {
                // An error told at the closing bracket is about what it closes.
                if at >= end {
                    if let Some(Level::Object(key)) = levels.last_mut() {
                        key.clear();
                    }
                    break;
                }
                levels.pop();
                wants_key = false;
            }
            b',' => match levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object(_)) => wants_key = true,
                None => {}
            },
            b':' => wants_key = false,
            b'"' => {
                let begins = at;
                while let Some(&byte) = text.get(at) {
                    at += if byte == b'\\' { 2 } else { 1 };
                    if byte == b'"' {
                        break;
                    }
                }
                if let (true, Some(Level::Object(key))) = (wants_key, levels.last_mut()) {
                    let quoted = text.get(begins - 1..at.min(text.len())).unwrap_or_default();
                    *key = serde_json::from_slice(quoted).unwrap_or_default();
                }
            }
            _ => {}
        }
    }
    let mut pointer = String::new();
    for level in &levels {
        match level {
            Level::Object(key) if key.is_empty() => {}
            Level::Object(key) => {
                pointer.push('/');
                let key = mail::text::clip(key, 100);
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Level::Array(index) => pointer.push_str(&format!("/{index}")),
        }
    }
    if pointer.is_empty() { "/".to_owned() } else { pointer }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[allow(dead_code)] // read by their names only
    struct Letter {
        subject: String,
        pages: u32,
        files: Vec<File>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct File {
        name: String,
    }

    #[test]
    #[rustfmt::skip]
    fn what_does_not_fit_is_pointed_at() {
        let rows = [
            (r#"{"subject": 5}"#,                                   "/subject"),
            (r#"{"subject": "a,\"b", "pages": "x"}"#,               "/pages"),
            ("{\n\"subject\": \"a\",\n  \"files\": [{\"name\": \"a\"}, {\"name\": 7}]}", "/files/1/name"),
            (r#"{"files": [{"name": "a"}, {"nome": "b"}]}"#,        "/files/1"),
            (r#"{"other/one": 1}"#,                                 "/other~1one"),
            ("",                                                    "/"),
            ("nonsense",                                            "/"),
        ];
        for (text, expected) in rows {
            let error = serde_json::from_str::<Letter>(text).unwrap_err();
            let found = pointer_at(text.as_bytes(), offset(text.as_bytes(), error.line(), error.column()));
            assert_eq!(found, expected, "{text}: {error}");
        }
    }
}
