//! Messages one after another in one file (RFC 4155; mboxrd and mboxo).

use std::io::{self, BufRead, Write};

use mail::Timestamp;

use super::source::Body;

/// Bytes looked at in one piece; a longer line comes in several.
const PIECE_BYTES_MAX: usize = 64 * 1024;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How a line of a message that begins with `From ` was kept from being taken for the beginning of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// `>`, and one more where there are some already: nothing is lost.
    Rd,
    /// `>`, in front of `From ` alone.
    O,
}

/// Reads an mbox; no more of it is in memory than one message.
pub(super) struct Reader<R> {
    input: R,
    quoting: Quoting,
    message_bytes_max: usize,
    piece: Vec<u8>,
    /// The line that begins the next message.
    separator: Option<String>,
    /// Bytes read.
    pub(super) read: u64,
}

/// A message of an mbox.
pub(super) struct Entry {
    /// When it arrived, by the line that begins it.
    pub(super) received_at: Option<Timestamp>,
    /// Its bytes, lines ending as mail has them.
    pub(super) body: Body,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R, quoting: Quoting, message_bytes_max: usize) -> Self {
        Self { input, quoting, message_bytes_max, piece: Vec::new(), separator: None, read: 0 }
    }

    /// Reads up to the end of a line or of the piece; `false` at the end of the file.
    fn next_piece(&mut self) -> io::Result<bool> {
        self.piece.clear();
        loop {
            let here = self.input.fill_buf()?;
            let room = PIECE_BYTES_MAX - self.piece.len();
            let end = here.iter().take(room).position(|byte| *byte == b'\n').map(|at| at + 1);
            let taken = end.unwrap_or_else(|| here.len().min(room));
            self.piece.extend_from_slice(here.get(..taken).unwrap_or_default());
            self.input.consume(taken);
            self.read += taken as u64;
            if end.is_some() || taken == 0 || self.piece.len() == PIECE_BYTES_MAX {
                return Ok(!self.piece.is_empty());
            }
        }
    }

    /// The next message.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        // Whatever stands before the first beginning belongs to no message.
        while self.separator.is_none() {
            if !self.next_piece()? {
                return Ok(None);
            }
            self.separator = separator(&self.piece);
        }
        let received_at = self.separator.take().and_then(|line| moment(&line));
        let mut message = Growing::new(self.message_bytes_max);
        let (mut begins_line, mut after_blank) = (true, false);
        while self.next_piece()? {
            if begins_line && (after_blank || message.size == 0) {
                self.separator = separator(&self.piece);
                if self.separator.is_some() {
                    break;
                }
            }
            let quoted = if begins_line { quotes(&self.piece, self.quoting) } else { 0 };
            after_blank = begins_line && matches!(self.piece.as_slice(), b"\n" | b"\r\n");
            begins_line = self.piece.ends_with(b"\n");
            message.add(self.piece.get(quoted..).unwrap_or_default());
        }
        // The empty line before the next beginning is the file's, not the message's.
        Ok(Some(Entry { received_at, body: message.finish(after_blank) }))
    }
}

/// A message as it is read.
struct Growing {
    bytes: Vec<u8>,
    size: u64,
    most: usize,
}

impl Growing {
    fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), size: 0, most }
    }

    fn add(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        if self.size > self.most as u64 {
            // It is not kept, so nothing of it is held; its size is told.
            self.bytes = Vec::new();
            return;
        }
        match piece.strip_suffix(b"\n") {
            None => self.bytes.extend_from_slice(piece),
            Some(line) => {
                self.bytes.extend_from_slice(line);
                if self.bytes.last() != Some(&b'\r') {
                    self.bytes.push(b'\r');
                }
                self.bytes.push(b'\n');
            }
        }
    }

    fn finish(mut self, blank_is_the_files: bool) -> Body {
        if self.size > self.most as u64 {
            return Body::TooLarge(self.size);
        }
        if blank_is_the_files {
            self.bytes.truncate(self.bytes.len().saturating_sub(2));
        }
        Body::Message(self.bytes)
    }
}

/// The line that begins a message: `From `, somebody, and a moment. A line of prose has no time of day in it.
fn separator(line: &[u8]) -> Option<String> {
    let line = line.strip_prefix(b"From ")?;
    let text = String::from_utf8_lossy(line);
    text.split_whitespace().any(|word| time_of_day(word).is_some()).then(|| text.into_owned())
}

fn time_of_day(word: &str) -> Option<i64> {
    let mut parts = word.split(':').map(|part| part.parse::<i64>().ok().filter(|_| part.len() == 2));
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    (parts.next().is_none() && hour < 24 && minute < 60 && second <= 60)
        .then_some(hour * 3_600 + minute * 60 + second)
}

/// The moment of such a line, in UTC where it names no zone (RFC 4155).
fn moment(line: &str) -> Option<Timestamp> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| time_of_day(word).is_some())?;
    let month = MONTHS.iter().position(|month| words.get(at.wrapping_sub(2)) == Some(month))?;
    let day: u8 = words.get(at.wrapping_sub(1))?.parse().ok()?;
    let rest = words.get(at + 1..)?;
    let year: i32 =
        rest.iter().find(|word| word.len() == 4 && !word.starts_with(['+', '-']))?.parse().ok()?;
    let month = time::Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let date = time::Date::from_calendar_date(year, month, day).ok()?;
    let midnight = date.midnight().assume_utc().unix_timestamp();
    Some(Timestamp::from_secs(
        midnight + time_of_day(words.get(at)?)? - rest.iter().find_map(|w| zone(w)).unwrap_or(0),
    ))
}

/// Seconds east of Greenwich: `+0700`.
fn zone(word: &str) -> Option<i64> {
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    Some(sign * (number / 100 * 3_600 + number % 100 * 60))
}

/// How many bytes of a line are quoting.
fn quotes(line: &[u8], quoting: Quoting) -> usize {
    let marks = line.iter().take_while(|byte| **byte == b'>').count();
    let is_quoted = line.get(marks..).is_some_and(|rest| rest.starts_with(b"From "));
    usize::from(is_quoted && (marks == 1 || (marks > 1 && quoting == Quoting::Rd)))
}

/// Writes a message as mboxrd has it: lines end with a line feed, what could be taken for a beginning is quoted.
pub(super) fn write(
    out: &mut impl Write,
    raw: &[u8],
    fields: &str,
    received_at: Timestamp,
) -> io::Result<()> {
    let at = received_at.to_utc();
    let month: &str = MONTHS.get(usize::from(u8::from(at.month())) - 1).copied().unwrap_or_default();
    let weekday = at.weekday().to_string();
    writeln!(
        out,
        "From MAILER-DAEMON {} {month} {:>2} {:02}:{:02}:{:02} {}",
        weekday.get(..3).unwrap_or_default(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.year()
    )?;
    out.write_all(fields.as_bytes())?;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let marks = line.iter().take_while(|byte| **byte == b'>').count();
        if line.get(marks..).is_some_and(|rest| rest.starts_with(b"From ")) {
            out.write_all(b">")?;
        }
        out.write_all(line.strip_suffix(b"\r\n").unwrap_or(line))?;
        if line.ends_with(b"\r\n") {
            out.write_all(b"\n")?;
        }
    }
    // A message that ends in the middle of a line ends with it here, too; one empty line follows.
    out.write_all(if raw.ends_with(b"\n") { b"\n" } else { b"\n\n" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], quoting: Quoting) -> Vec<(Option<i64>, Body)> {
        let mut reader = Reader::new(text, quoting, 100_000);
        let mut all = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            all.push((entry.received_at.map(Timestamp::secs), entry.body));
        }
        assert_eq!(reader.read, text.len() as u64);
        all
    }

    /// When, and what.
    type Read = (Option<i64>, Body);

    fn message(text: &str) -> Body {
        Body::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn rfc_4155_beginnings_moments_and_quoting() {
        #[rustfmt::skip]
        let rows: [(&str, Quoting, Vec<Read>); 7] = [
            ("", Quoting::Rd, vec![]),
            ("no mbox at all\nFrom here on\n", Quoting::Rd, vec![]),
            ("From a@b Sun Nov 22 01:00:00 2026\nA: 1\n\nx\n\nFrom - Sun Nov 22 08:00:00 2026 +0700\r\nB: 2\r\n\r\ny\r\n\r\n", Quoting::Rd,
             vec![(Some(1_795_309_200), message("A: 1\r\n\r\nx\r\n")), (Some(1_795_309_200), message("B: 2\r\n\r\ny\r\n"))]),
            // No empty line before it, or no time in it: prose.
            ("From a Sun Nov 22 01:00 2026\nA: 1\n\nx\nFrom b Sun Nov 22 01:00:00 2026\n\nFrom me to you\n", Quoting::Rd,
             vec![(Some(1_795_309_200), message("A: 1\r\n\r\nx\r\nFrom b Sun Nov 22 01:00:00 2026\r\n\r\nFrom me to you\r\n"))]),
            ("From a 01:00:00\nA: 1\n\n>From x\n>>From y\n> From z", Quoting::Rd, vec![(None, message("A: 1\r\n\r\nFrom x\r\n>From y\r\n> From z"))]),
            ("From a 01:00:00\nA: 1\n\n>From x\n>>From y\n> From z", Quoting::O, vec![(None, message("A: 1\r\n\r\nFrom x\r\n>>From y\r\n> From z"))]),
            ("From a 01:00:00\n\nFrom a 01:00:00\nA: 1\n\n\n\n", Quoting::Rd, vec![(None, message("")), (None, message("A: 1\r\n\r\n\r\n"))]),
        ];
        for (text, quoting, expected) in rows {
            assert_eq!(read(text.as_bytes(), quoting), expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_large_is_passed_over_and_its_lines_may_be_of_any_length() {
        let mut text = b"From a 01:00:00\nA: 1\n\n".to_vec();
        text.resize(text.len() + 200_000, b'x');
        text.extend_from_slice(b"\n\nFrom b 01:00:00\nB: 2\n\n");
        text.resize(text.len() + 70_000, b'y');
        let found = read(&text, Quoting::Rd);
        assert_eq!(found[0].1, Body::TooLarge(200_008));
        assert_eq!(found[1].1, message(&format!("B: 2\r\n\r\n{}", "y".repeat(70_000))));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(lines in proptest::collection::vec(proptest::collection::vec(
            proptest::sample::select(vec!["From ", ">", "a", "12:00", " ", "é", "\t"]), 0..5), 0..12), count in 1..4usize) {
            let body: String = lines.iter().map(|words| words.concat() + "\r\n").collect();
            let raw = format!("Subject: x\r\n\r\n{body}");
            let mut out = Vec::new();
            for _ in 0..count {
                write(&mut out, raw.as_bytes(), "", Timestamp::from_secs(1_795_309_200)).unwrap();
            }
            let expected = vec![(Some(1_795_309_200), message(&raw)); count];
            proptest::prop_assert_eq!(read(&out, Quoting::Rd), expected);
        }
    }
}
