//! Flags of messages as files and mboxes write them.

/// Keywords of a message, and whether it is marked `\Deleted`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) keywords: Vec<String>,
    pub(super) is_deleted: bool,
}

/// A letter, its keyword; `\Deleted` has none.
type Letters = &'static [(char, &'static str)];

/// Of a Maildir's file names, in the order they are written.
const MAILDIR: Letters =
    &[('D', "$draft"), ('F', "$flagged"), ('P', "$forwarded"), ('R', "$answered"), ('S', "$seen")];
/// Of a Maildir's `\Deleted`.
const TRASHED: char = 'T';
/// Of an mbox's X-Status.
const X_STATUS: Letters = &[('A', "$answered"), ('F', "$flagged"), ('T', "$draft")];

impl Marks {
    fn add(&mut self, keyword: &str) {
        let is_keyword = matches!(keyword.len(), 1..=255)
            && keyword.bytes().all(|b| b.is_ascii_graphic() && !b"(){]%*\"\\".contains(&b));
        let keyword = keyword.to_ascii_lowercase();
        // More than a hundred nobody keeps.
        if is_keyword && !self.keywords.contains(&keyword) && self.keywords.len() < 100 {
            self.keywords.push(keyword);
        }
    }

    fn has(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|has| has == keyword)
    }

    fn take(&mut self, letters: Letters, text: &str) {
        for letter in text.chars() {
            letters.iter().filter(|(known, _)| *known == letter).for_each(|(_, keyword)| self.add(keyword));
        }
    }

    fn letters(&self, letters: Letters) -> String {
        letters.iter().filter(|(_, keyword)| self.has(keyword)).map(|(letter, _)| *letter).collect()
    }

    /// From the letters after `:2,` of a Maildir's file name.
    pub(super) fn from_maildir(text: &str) -> Self {
        let mut marks = Self { is_deleted: text.contains(TRASHED), ..Self::default() };
        marks.take(MAILDIR, text);
        marks
    }

    /// Those letters.
    pub(super) fn to_maildir(&self) -> String {
        let deleted = if self.is_deleted { "T" } else { "" };
        self.letters(MAILDIR) + deleted
    }

    /// The fields that an mbox keeps at the top of a message; each line ends with a line feed.
    pub(super) fn to_mbox(&self) -> String {
        let seen = if self.has("$seen") { "R" } else { "" };
        let deleted = if self.is_deleted { "D" } else { "" };
        let more = self.letters(X_STATUS);
        let known = |keyword: &&String| *keyword == "$seen" || X_STATUS.iter().any(|(_, k)| k == keyword);
        let others: Vec<&str> = self.keywords.iter().filter(|k| !known(k)).map(String::as_str).collect();
        let mut text = format!("Status: {seen}O\n");
        if !more.is_empty() || self.is_deleted {
            text.push_str(&format!("X-Status: {more}{deleted}\n"));
        }
        if !others.is_empty() {
            text.push_str(&format!("X-Keywords: {}\n", others.join(" ")));
        }
        text
    }

    /// Takes the fields that an mbox keeps in a message out of it, and reads them: mutt's and Dovecot's Status, X-Status and X-Keywords,
    /// Thunderbird's X-Mozilla-Status. What only looks like one stays.
    pub(super) fn out_of_mbox(raw: Vec<u8>) -> (Vec<u8>, Self) {
        let mut marks = Self::default();
        let mut kept = Vec::with_capacity(raw.len());
        let mut rest = raw.as_slice();
        let mut taken: Vec<String> = Vec::new();
        while let Some((field, after)) = next_field(rest) {
            let text = String::from_utf8_lossy(field);
            let (name, value) = text.split_once(':').unwrap_or_default();
            let name = name.trim_end().to_ascii_lowercase();
            // Each is taken once: what stands there again is the message's own.
            if !taken.contains(&name) && marks.take_field(&name, value.trim()) {
                taken.push(name);
            } else {
                kept.extend_from_slice(field);
            }
            rest = after;
        }
        kept.extend_from_slice(rest);
        (kept, marks)
    }

    fn take_field(&mut self, name: &str, value: &str) -> bool {
        let only = |letters: &str| value.chars().all(|c| letters.contains(c));
        match name {
            "status" if only("ROUN") => {
                self.take(&[('R', "$seen")], value);
            }
            "x-status" if only("AFTDR") => {
                self.take(X_STATUS, value);
                self.is_deleted |= value.contains('D');
            }
            "x-keywords" | "x-mozilla-keys" => value.split_whitespace().for_each(|keyword| self.add(keyword)),
            "x-mozilla-status" => {
                let Ok(bits) = u32::from_str_radix(value, 16) else { return false };
                let known = [(1, "$seen"), (2, "$answered"), (4, "$flagged"), (0x1000, "$forwarded")];
                known.iter().filter(|(bit, _)| bits & bit != 0).for_each(|(_, keyword)| self.add(keyword));
                self.is_deleted |= bits & 8 != 0;
            }
            "x-mozilla-status2" => {}
            _ => return false,
        }
        true
    }
}

/// The next header field with its folded lines; `None` at the end of the header.
fn next_field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() || text.starts_with(b"\r\n") {
        return None;
    }
    let mut end = 0;
    loop {
        end += text.get(end..)?.iter().position(|byte| *byte == b'\n')? + 1;
        if !matches!(text.get(end), Some(b' ' | b'\t')) {
            return text.split_at_checked(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(keywords: &[&str], is_deleted: bool) -> Marks {
        Marks { keywords: keywords.iter().map(|k| (*k).to_owned()).collect(), is_deleted }
    }

    #[test]
    fn letters_of_a_file_name_are_flags() {
        #[rustfmt::skip]
        let rows = [
            ("",       marks(&[], false)),
            ("S",      marks(&["$seen"], false)),
            ("DFPRST", marks(&["$draft", "$flagged", "$forwarded", "$answered", "$seen"], true)),
        ];
        for (text, expected) in rows {
            assert_eq!(Marks::from_maildir(text), expected, "{text}");
            assert_eq!(expected.to_maildir(), text);
        }
        assert_eq!(Marks::from_maildir("Sabz"), marks(&["$seen"], false));
    }

    #[test]
    fn fields_of_an_mbox_go_in_and_out_and_those_of_the_message_stay() {
        let message = "Status: open\r\nSubject: a\r\n b\r\n\r\nStatus: RO\r\n";
        let given = marks(&["$seen", "$answered", "viec-gap"], true);
        let written = given.to_mbox().replace('\n', "\r\n") + message;
        assert!(
            written.starts_with("Status: RO\r\nX-Status: AD\r\nX-Keywords: viec-gap\r\nStatus: open\r\n")
        );
        let (raw, found) = Marks::out_of_mbox(written.into_bytes());
        assert_eq!((String::from_utf8(raw).unwrap().as_str(), found), (message, given));
        let thunderbird = "X-Mozilla-Status: 100d\r\nX-Mozilla-Status2: 00000000\r\nSubject: a\r\n\r\nb";
        let (raw, found) = Marks::out_of_mbox(thunderbird.into());
        assert_eq!(
            (raw.as_slice(), found),
            (b"Subject: a\r\n\r\nb".as_slice(), marks(&["$seen", "$flagged", "$forwarded"], true))
        );
        for whole in ["", "\r\nx", "Subject: a", "no field\r\n\r\n"] {
            assert_eq!(
                Marks::out_of_mbox(whole.into()),
                (whole.as_bytes().to_vec(), Marks::default()),
                "{whole}"
            );
        }
    }
}
