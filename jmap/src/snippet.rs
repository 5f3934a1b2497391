//! `SearchSnippet/get` (RFC 8621 §5): what was found in a message, with `<mark>` around it.

use std::ops::Range;

use mail::message::Limits;
use mail::text::clip;
use mail::{AccountId, EmailId};
use serde_json::{Value, json};
use store::{Email, SearchField, SearchMarks};

use crate::Error;
use crate::args::{self, Args};
use crate::call::Context;
use crate::filter::read_filter;

/// Bytes of a preview, marks and escapes included (RFC 8621 §5).
const PREVIEW_BYTES_MAX: usize = 255;
/// Bytes of text shown before what was found.
const BEFORE_BYTES_MAX: usize = 60;
const OPEN: &str = "<mark>";
const CLOSE: &str = "</mark>";

impl Context<'_> {
    /// `SearchSnippet/get` (RFC 8621 §5.1).
    pub(crate) async fn snippet_get(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let marks = SearchMarks::of(&read_filter(args.take("filter"))?);
        let given = args.texts("emailIds")?.ok_or_else(|| args::invalid("emailIds", "list of ids"))?;
        args.finish()?;
        let ids = args::ids::<EmailId>(Some(given), &self.created, self.api.limits.objects_in_get_max)?;
        let Some(mut ids) = ids else { return Err(args::invalid("emailIds", "list of ids")) };
        let wanted = std::mem::take(&mut ids.valid);
        let emails = self
            .api
            .store
            .read(wanted.clone(), |tx, wanted| Box::pin(async move { tx.emails(account_id, wanted).await }))
            .await?;
        let mut list = Vec::with_capacity(emails.len());
        for id in wanted {
            match emails.iter().find(|email| email.email_id == id) {
                Some(email) => list.push(self.snippet(account_id, email, &marks).await?),
                None => ids.not_found.push(id.to_string()),
            }
        }
        let not_found = if ids.not_found.is_empty() { Value::Null } else { json!(ids.not_found) };
        Ok(json!({ "accountId": account_id, "list": list, "notFound": not_found }))
    }

    async fn snippet(
        &self,
        account_id: AccountId,
        email: &Email,
        marks: &SearchMarks,
    ) -> Result<Value, Error> {
        let subject = &email.facts.subject;
        let in_subject = marks.places(SearchField::Subject, subject);
        let subject = (!in_subject.is_empty()).then(|| marked(subject, 0, &in_subject, usize::MAX));
        // A message is opened only when something is looked for in it.
        let preview = match marks.is_about(SearchField::Body) {
            false => None,
            true => match self.api.store.read_blob(account_id, email.blob_id).await {
                Ok(raw) => raw.and_then(|raw| preview(&mail::contents(&raw, &Limits::default()).text, marks)),
                // Its list and its headers are whole; that its bytes are not, its download says.
                Err(store::Error::Damaged(_)) => None,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(json!({ "emailId": email.email_id, "subject": subject, "preview": preview }))
    }
}

/// The text around what was found first.
fn preview(text: &str, marks: &SearchMarks) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let places = marks.places(SearchField::Body, &text);
    let first = places.first()?.start;
    let from = match first.checked_sub(BEFORE_BYTES_MAX) {
        None => 0,
        // From the beginning of a word on.
        Some(at) => {
            let at = clip(&text, at).len();
            text.get(at..first).and_then(|before| before.find(' ')).map_or(first, |blank| at + blank + 1)
        }
    };
    Some(marked(&text, from, &places, PREVIEW_BYTES_MAX))
}

/// A text from a place on, as HTML, what was found in `<mark>`; words that do not fit are left out.
fn marked(text: &str, from: usize, places: &[Range<usize>], bytes_max: usize) -> String {
    let mut out = String::new();
    let mut at = from;
    for place in places.iter().filter(|place| place.start >= from) {
        let before = text.get(at..place.start).unwrap_or_default();
        let found = escaped(text.get(place.clone()).unwrap_or_default());
        if !push_all(&mut out, before, bytes_max)
            || out.len() + OPEN.len() + found.len() + CLOSE.len() > bytes_max
        {
            return out;
        }
        out.extend([OPEN, &found, CLOSE]);
        at = place.end;
    }
    push_all(&mut out, text.get(at..).unwrap_or_default(), bytes_max);
    out
}

/// Adds a text word by word; `false` when not all of it fits.
fn push_all(out: &mut String, text: &str, bytes_max: usize) -> bool {
    text.split_inclusive(' ').all(|word| {
        let word = escaped(word);
        let fits = out.len() + word.len() <= bytes_max;
        if fits {
            out.push_str(&word);
        }
        fits
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use store::{SearchTerm, SearchWords};

    use super::*;

    fn marks(text: &str) -> SearchMarks {
        SearchMarks::of(&SearchTerm::Words(SearchField::Text, SearchWords::Every(text.to_owned())))
    }

    #[test]
    fn rfc_8621_5_a_preview_shows_what_was_found_and_is_html() {
        let text = "Kính gửi <Sở> & phòng.\n\nHọp về   Công văn số 5.";
        let shown = preview(text, &marks("cong van")).unwrap();
        let expected = "Kính gửi &lt;Sở&gt; &amp; phòng. Họp về <mark>Công</mark> <mark>văn</mark> số 5.";
        assert_eq!(shown, expected);
        assert_eq!(preview(text, &marks("cống")), None);
    }

    proptest::proptest! {
        #[test]
        fn rfc_8621_5_a_preview_has_255_bytes_at_most(before in "[a-zđ<& ]{0,300}", after in "[a-zư>\" ]{0,300}") {
            let text = format!("{before} tìm {after}");
            let shown = preview(&text, &marks("tìm")).unwrap();
            proptest::prop_assert!(shown.len() <= PREVIEW_BYTES_MAX, "{}", shown.len());
            proptest::prop_assert!(shown.contains("<mark>tìm</mark>"), "{}", shown);
            proptest::prop_assert_eq!(shown.matches('<').count(), 2 * shown.matches("<mark>").count());
        }
    }
}
