//! Places in lists, as clients keep them: they mean nothing to anybody else, and change with us.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::DocumentId;

use super::problem::Problem;

/// A place in the feed of events.
pub(super) fn of_event(place: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("e1 {place}"))
}

/// Reads a place in the feed.
pub(super) fn event(text: &str, pointer: &str) -> Result<i64, Problem> {
    let place = opened(text).and_then(|text| text.strip_prefix("e1 ")?.parse().ok());
    place.filter(|place| *place >= 0).ok_or_else(|| no_cursor(pointer))
}

/// A place in a list of documents.
pub(super) fn of_document(id: DocumentId) -> String {
    URL_SAFE_NO_PAD.encode(format!("d1 {id}"))
}

/// Reads a place in a list of documents.
pub(super) fn document(text: &str, pointer: &str) -> Result<DocumentId, Problem> {
    let id = opened(text).and_then(|text| text.strip_prefix("d1 ")?.parse().ok());
    id.ok_or_else(|| no_cursor(pointer))
}

/// A place in a list that is counted.
pub(super) fn of_place(place: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("n1 {place}"))
}

/// Reads a place in a list that is counted.
pub(super) fn place(text: &str, pointer: &str) -> Result<usize, Problem> {
    let place = opened(text).and_then(|text| text.strip_prefix("n1 ")?.parse().ok());
    place.ok_or_else(|| no_cursor(pointer))
}

fn opened(text: &str) -> Option<String> {
    if text.len() > 100 {
        return None;
    }
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn no_cursor(pointer: &str) -> Problem {
    Problem::bad_request(pointer, "not a cursor that was given out here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_nothing_else_is() {
        let id = DocumentId::from_bytes([7; 16]);
        assert_eq!(document(&of_document(id), "/after").ok(), Some(id));
        assert_eq!(event(&of_event(12), "/after").ok(), Some(12));
        let long = "A".repeat(200);
        for wrong in ["", "0", "x x", "e1 7", long.as_str(), &of_event(-1), &of_document(id)] {
            assert!(event(wrong, "/after").is_err(), "{wrong}");
        }
        assert!(document(&of_event(1), "/after").is_err());
        assert_eq!(place(&of_place(50), "/after").ok(), Some(50));
        assert!(place(&of_event(50), "/after").is_err());
    }
}
