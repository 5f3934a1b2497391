//! FETCH (RFC 9051 §7.5.2): one message's items, in one response.

use mail::message::Facts;
use mail::{EmailId, ThreadId, Timestamp};

use super::super::command::{Rfc822, Section, SectionText};
use super::super::fetch;
use super::Out;

/// A FETCH response being written; [`Fetch::end`] closes it.
#[derive(Debug)]
#[must_use = "a response that is not ended is none"]
pub struct Fetch<'o> {
    out: &'o mut Out,
    is_first: bool,
}

impl Out {
    /// Begins `* number FETCH (`.
    pub fn fetch(&mut self, number: u32) -> Fetch<'_> {
        self.raw("* ");
        self.number(u64::from(number));
        self.raw(" FETCH (");
        Fetch { out: self, is_first: true }
    }

    /// Flags in parentheses. The store's words for the system's flags (`$seen` …) become those of IMAP, keywords known from the
    /// registry of RFC 5788 get its spelling.
    pub(super) fn flag_list<'k>(
        &mut self,
        keywords: impl IntoIterator<Item = &'k str>,
        deleted: bool,
        others: bool,
    ) {
        self.raw("(");
        let mut is_first = true;
        let ends = [deleted.then_some("\\Deleted"), others.then_some("\\*")];
        for word in keywords.into_iter().map(flag_word).chain(ends.into_iter().flatten()) {
            self.raw(if std::mem::take(&mut is_first) { "" } else { " " });
            self.raw(word);
        }
        self.raw(")");
    }
}

/// The spelling clients look for.
fn flag_word(keyword: &str) -> &str {
    match keyword {
        "$seen" => "\\Seen",
        "$answered" => "\\Answered",
        "$flagged" => "\\Flagged",
        "$draft" => "\\Draft",
        "$forwarded" => "$Forwarded",
        "$mdnsent" => "$MDNSent",
        "$junk" => "$Junk",
        "$notjunk" => "$NotJunk",
        "$phishing" => "$Phishing",
        "$important" => "$Important",
        "$submitted" => "$Submitted",
        "$submitpending" => "$SubmitPending",
        "junk" => "Junk",
        "nonjunk" => "NonJunk",
        other => other,
    }
}

impl Fetch<'_> {
    /// Closes the response.
    pub fn end(self) {
        self.out.raw(")\r\n");
    }

    /// Bytes of all that waits in the writer.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no item was written yet.
    pub fn is_empty(&self) -> bool {
        self.is_first
    }

    fn item(&mut self, name: &str) -> &mut Out {
        if !std::mem::take(&mut self.is_first) {
            self.out.raw(" ");
        }
        self.out.raw(name);
        self.out.raw(" ");
        self.out
    }

    /// UID.
    pub fn uid(&mut self, uid: u32) {
        self.item("UID").number(u64::from(uid));
    }

    /// FLAGS: keywords as the store has them, and whether it is marked as deleted here.
    pub fn flags<'k>(&mut self, keywords: impl IntoIterator<Item = &'k str>, deleted: bool) {
        self.item("FLAGS").flag_list(keywords, deleted, false);
    }

    /// INTERNALDATE.
    pub fn internal_date(&mut self, received_at: Timestamp) {
        self.item("INTERNALDATE").date_time(received_at);
    }

    /// SAVEDATE (RFC 8514 §4.2).
    pub fn save_date(&mut self, saved_at: Option<Timestamp>) {
        let out = self.item("SAVEDATE");
        match saved_at {
            Some(moment) => out.date_time(moment),
            None => out.raw("NIL"),
        }
    }

    /// RFC822.SIZE.
    pub fn rfc822_size(&mut self, size: u64) {
        self.item("RFC822.SIZE").number(size);
    }

    /// MODSEQ (RFC 7162 §3.1.4.2).
    pub fn modseq(&mut self, modseq: u64) {
        let out = self.item("MODSEQ");
        out.raw("(");
        out.number(modseq);
        out.raw(")");
    }

    /// EMAILID (RFC 8474 §5.1).
    pub fn email_id(&mut self, id: EmailId) {
        let out = self.item("EMAILID");
        out.raw("(");
        out.raw(&id.to_string());
        out.raw(")");
    }

    /// THREADID (RFC 8474 §5.2).
    pub fn thread_id(&mut self, id: ThreadId) {
        let out = self.item("THREADID");
        out.raw("(");
        out.raw(&id.to_string());
        out.raw(")");
    }

    /// PREVIEW (RFC 8970 §3.1): UTF-8, a literal for clients that read seven bits.
    pub fn preview(&mut self, preview: &str) {
        self.item("PREVIEW").string(preview);
    }

    /// ENVELOPE.
    pub fn envelope(&mut self, facts: &Facts) {
        fetch::envelope(self.item("ENVELOPE"), facts);
    }

    /// BODYSTRUCTURE, or BODY without a section. `raw` is the message where [`fetch::needs_bytes`] says so.
    pub fn body_structure(&mut self, facts: &Facts, raw: Option<&[u8]>, extended: bool) {
        let name = if extended { "BODYSTRUCTURE" } else { "BODY" };
        fetch::body_structure(self.item(name), facts, raw, extended);
    }

    /// BODY[...]: what is there, cut as was asked for; NIL when there is no such part.
    pub fn section(&mut self, section: &Section, partial: Option<(u32, u32)>, bytes: Option<&[u8]>) {
        if !std::mem::take(&mut self.is_first) {
            self.out.raw(" ");
        }
        self.out.raw("BODY[");
        self.out.section_words(section);
        self.out.raw("]");
        self.out.origin(partial);
        match bytes {
            Some(bytes) => self.out.literal(fetch::partial(bytes, partial)),
            None => self.out.raw("NIL"),
        }
    }

    /// RFC822 and its kin.
    pub fn rfc822(&mut self, which: Rfc822, bytes: &[u8]) {
        let name = match which {
            Rfc822::Whole => "RFC822",
            Rfc822::Header => "RFC822.HEADER",
            Rfc822::Text => "RFC822.TEXT",
        };
        self.item(name).literal(bytes);
    }

    /// BINARY[...] (RFC 3516 §4.3): decoded; NIL when there is no such part.
    pub fn binary(&mut self, part: &[u32], partial: Option<(u32, u32)>, bytes: Option<&[u8]>) {
        if !std::mem::take(&mut self.is_first) {
            self.out.raw(" ");
        }
        self.out.raw("BINARY[");
        self.out.part_number(part);
        self.out.raw("]");
        self.out.origin(partial);
        match bytes {
            Some(bytes) if bytes.contains(&0) => self.out.literal8(fetch::partial(bytes, partial)),
            Some(bytes) => self.out.literal(fetch::partial(bytes, partial)),
            None => self.out.raw("NIL"),
        }
    }

    /// BINARY.SIZE[...] (RFC 3516 §4.3).
    pub fn binary_size(&mut self, part: &[u32], size: u64) {
        if !std::mem::take(&mut self.is_first) {
            self.out.raw(" ");
        }
        self.out.raw("BINARY.SIZE[");
        self.out.part_number(part);
        self.out.raw("] ");
        self.out.number(size);
    }
}

impl Out {
    fn part_number(&mut self, part: &[u32]) {
        for (index, number) in part.iter().enumerate() {
            self.raw(if index > 0 { "." } else { "" });
            self.number(u64::from(*number));
        }
    }

    /// `<origin>` after a section that was asked for in part (RFC 9051 §7.5.2), and the blank.
    fn origin(&mut self, partial: Option<(u32, u32)>) {
        if let Some((origin, _)) = partial {
            self.raw("<");
            self.number(u64::from(origin));
            self.raw(">");
        }
        self.raw(" ");
    }

    fn section_words(&mut self, section: &Section) {
        self.part_number(&section.part);
        if !section.part.is_empty() && section.text != SectionText::Whole {
            self.raw(".");
        }
        let (word, names) = match &section.text {
            SectionText::Whole => return,
            SectionText::Header => ("HEADER", None),
            SectionText::Text => ("TEXT", None),
            SectionText::Mime => ("MIME", None),
            SectionText::HeaderFields(names) => ("HEADER.FIELDS", Some(names)),
            SectionText::HeaderFieldsNot(names) => ("HEADER.FIELDS.NOT", Some(names)),
        };
        self.raw(word);
        let Some(names) = names else { return };
        self.raw(" (");
        for (index, name) in names.iter().enumerate() {
            self.raw(if index > 0 { " " } else { "" });
            match !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                true => self.raw(name),
                false => self.string(name),
            }
        }
        self.raw(")");
    }
}
