//! What the columns of a line show.

use mail::DocumentId;
use serde::{Deserialize, Serialize};
use store::Line;

use crate::calendar::{Written, read_day};
use crate::numbering::Book;
use crate::package::Document;
use crate::status::State;

/// Characters of a text, at most: the widest field of the law's tables (PL VI `ToPlaces`).
const CHARS_MAX: usize = 1_000;
/// Bytes of what is taken over from a package for one column.
const BYTES_MAX: usize = 2_000;

/// What the columns of a line show. Days are `2026-11-22`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Entry {
    /// Số, ký hiệu: as the document states it. A column of its own in the store, like the next two.
    #[serde(skip)]
    pub code: String,
    /// The document of the exchange.
    #[serde(skip)]
    pub document_id: Option<DocumentId>,
    /// Its normalised legal identifier.
    #[serde(skip)]
    pub identifier: String,
    /// Ngày tháng văn bản.
    pub date: String,
    /// Tên loại.
    pub kind: String,
    /// Trích yếu nội dung.
    pub subject: String,
    /// Tác giả: who issued an incoming document.
    pub author: String,
    /// Người ký.
    pub signer: String,
    /// Nơi nhận.
    pub receivers: String,
    /// Đơn vị, người nhận bản lưu.
    pub keeper: String,
    /// Số lượng bản.
    pub copies: String,
    /// Đơn vị hoặc người nhận.
    pub handler: String,
    /// Thời hạn giải quyết.
    pub due: String,
    /// Tiến độ giải quyết, where it is not what the exchange knows.
    pub progress: String,
    /// Ngày chuyển.
    pub transferred: String,
    /// Ký nhận.
    pub signed_for: String,
    /// Ghi chú.
    pub note: String,
}

/// Changes to a line that a clerk makes afterwards (RULES R85): number, document and state stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    /// Đơn vị, người nhận bản lưu.
    pub keeper: Option<String>,
    /// Số lượng bản.
    pub copies: Option<String>,
    /// Đơn vị hoặc người nhận.
    pub handler: Option<String>,
    /// Thời hạn giải quyết.
    pub due: Option<String>,
    /// Tiến độ giải quyết.
    pub progress: Option<String>,
    /// Ngày chuyển.
    pub transferred: Option<String>,
    /// Ký nhận.
    pub signed_for: Option<String>,
    /// Ghi chú.
    pub note: Option<String>,
}

impl Patch {
    /// Changes an entry.
    pub fn apply(&self, entry: &mut Entry) {
        let fields = [
            (&self.keeper, &mut entry.keeper),
            (&self.copies, &mut entry.copies),
            (&self.handler, &mut entry.handler),
            (&self.due, &mut entry.due),
            (&self.progress, &mut entry.progress),
            (&self.transferred, &mut entry.transferred),
            (&self.signed_for, &mut entry.signed_for),
            (&self.note, &mut entry.note),
        ];
        for (new, field) in fields {
            if let Some(new) = new {
                new.clone_into(field);
            }
        }
    }
}

impl Entry {
    /// What a line shows.
    pub fn of(line: &Line) -> Self {
        let entry: Self = serde_json::from_str(&line.facts).unwrap_or_default();
        Self {
            code: line.code.clone(),
            document_id: line.document_id,
            identifier: line.identifier.clone(),
            ..entry
        }
    }

    /// What a line shows to whoever reads the book: of an arrival that was recalled and cancelled here not what it was about
    /// (RULES R39). The line keeps it, for a recall that is reversed (RULES R43).
    pub(crate) fn shown(line: &Line) -> Self {
        let entry = Self::of(line);
        let is_gone = line.progress.as_deref() == Some(State::Cancelled.as_str());
        match is_gone && line.book == Book::Incoming.to_string() {
            true => Self { kind: String::new(), subject: String::new(), signer: String::new(), ..entry },
            false => entry,
        }
    }

    /// What is written into the outgoing book of the agency that sends a document.
    pub(crate) fn of_sent(document: &Document) -> Self {
        let names: Vec<&str> = document.to.iter().map(|party| party.organ_name.as_str()).collect();
        let copies = document.other_info.promulgation_amount.map(|count| count.to_string());
        Self {
            code: document.code.full(),
            identifier: document.document_id.key().to_owned(),
            date: day(&document.promulgation_info.date),
            kind: clipped(&document.document_type.name),
            subject: clipped(&document.subject),
            signer: clipped(&document.signer_info.full_name),
            receivers: joined(&names),
            copies: copies.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// What is written into the incoming book of an agency that takes a document in: from the header the exchange keeps.
    pub(crate) fn of_received(document: &store::Document) -> Self {
        let facts: serde_json::Value = serde_json::from_str(&document.facts).unwrap_or_default();
        let text = |pointer: &str| {
            let text = facts.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default();
            clipped(text)
        };
        Self {
            code: text("/code"),
            document_id: Some(document.document_id),
            identifier: document.identifier.clone(),
            date: day(&text("/promulgationDate")),
            kind: text("/type"),
            subject: text("/subject"),
            author: text("/from/name"),
            signer: text("/signer/name"),
            due: day(&text("/dueDate")),
            ..Self::default()
        }
    }

    /// Tên loại và trích yếu nội dung.
    pub(crate) fn title(&self) -> String {
        match (self.kind.is_empty(), self.subject.is_empty()) {
            (false, false) => format!("{} {}", self.kind, self.subject),
            _ => format!("{}{}", self.kind, self.subject),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Whether every text keeps to its bounds.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let texts = [
            &self.code,
            &self.identifier,
            &self.date,
            &self.kind,
            &self.subject,
            &self.author,
            &self.signer,
            &self.receivers,
            &self.keeper,
            &self.copies,
            &self.handler,
            &self.due,
            &self.progress,
            &self.transferred,
            &self.signed_for,
            &self.note,
        ];
        match texts.into_iter().any(|text| text.chars().count() > CHARS_MAX) {
            true => Err("a text of the register"),
            false => Ok(()),
        }
    }
}

fn clipped(text: &str) -> String {
    mail::text::clip(text, BYTES_MAX).to_owned()
}

/// Names one after the other, as many as fit, and how many more there are.
fn joined(names: &[&str]) -> String {
    let mut text = String::new();
    for (name, place) in names.iter().zip(0usize..) {
        if text.len() + name.len() > BYTES_MAX {
            return format!("{text}; … (+{})", names.len() - place);
        }
        if place > 0 {
            text.push_str("; ");
        }
        text.push_str(name);
    }
    text
}

/// A day in the form days are kept in; what is no day, as it was written.
fn day(text: &str) -> String {
    read_day(text).map_or_else(|| clipped(text), |day| Written(day).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_receivers_fit_into_a_cell() {
        let name = "Ủy ban nhân dân xã";
        let names = vec![name; 10_000];
        let text = joined(&names);
        assert!(text.len() < BYTES_MAX + 40, "{}", text.len());
        let shown = text.matches(name).count();
        assert!(text.ends_with(&format!("(+{})", 10_000 - shown)), "{text}");
        assert_eq!(joined(&["A", "B"]), "A; B");
    }

    #[test]
    fn r85_a_patch_changes_what_it_names() {
        let mut entry = Entry { note: "cũ".to_owned(), handler: "Phòng A".to_owned(), ..Entry::default() };
        let patch: Patch = serde_json::from_str(r#"{"handler":"Phòng B","due":"2026-12-01"}"#).unwrap();
        patch.apply(&mut entry);
        assert_eq!(
            (entry.handler.as_str(), entry.due.as_str(), entry.note.as_str()),
            ("Phòng B", "2026-12-01", "cũ")
        );
        assert!(serde_json::from_str::<Patch>(r#"{"number":7}"#).is_err(), "a number is never changed");
    }
}
