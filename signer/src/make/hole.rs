//! The hole in a signed file: where `/ByteRange` and `/Contents` stand, and how they are filled.

use crate::message::{Code, Reason};
use crate::pdf::{ObjectId, PendingUpdate as Update};
use mail::Timestamp;

/// Where `/ByteRange` and `/Contents` stand in a prepared file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    /// Of the hole, from `<` to past `>`.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Four numbers of ten digits: files up to 9 GB, far above any limit.
const RANGE_BLANK: &str = "[0 0000000000 0000000000 0000000000]";

impl Placeholder {
    /// A place somebody else remembered. Errors: it is no empty hole in this file.
    pub(super) fn at(file: &[u8], start: usize, end: usize) -> Result<Self, Reason> {
        match file.get(start..end) {
            Some([b'<', zeros @ .., b'>'])
                if zeros.iter().all(|b| *b == b'0') && zeros.len().is_multiple_of(2) =>
            {
                Ok(Self { start, end })
            }
            _ => Err(Reason::of(Code::MakeState, "hole")),
        }
    }

    /// What the signature covers.
    pub(crate) fn pieces<'a>(&self, file: &'a [u8]) -> [&'a [u8]; 2] {
        [file.get(..self.start).unwrap_or_default(), file.get(self.end..).unwrap_or_default()]
    }

    /// Writes the signature into the hole.
    pub(crate) fn fill(&self, mut file: Vec<u8>, contents: &[u8]) -> Result<Vec<u8>, Reason> {
        let mut text = String::with_capacity(contents.len() * 2);
        for byte in contents {
            text.push_str(&format!("{byte:02x}"));
        }
        let hole = file.get_mut(self.start + 1..self.end.saturating_sub(1)).unwrap_or_default();
        match hole.get_mut(..text.len()) {
            Some(place) => place.copy_from_slice(text.as_bytes()),
            None => return Err(Reason::of(Code::MakeSpace, format_args!("{} bytes", contents.len()))),
        }
        Ok(file)
    }

    /// Writes the range, padded with spaces to the length of the blank at `range`.
    fn settle(&self, file: &mut [u8], range: usize) -> Result<(), Reason> {
        let tail = file.len().saturating_sub(self.end);
        let text = format!("[0 {} {} {tail}]", self.start, self.end);
        let padded = format!("{text:<width$}", width = RANGE_BLANK.len());
        match file.get_mut(range..range + RANGE_BLANK.len()) {
            Some(place) if padded.len() == RANGE_BLANK.len() => {
                place.copy_from_slice(padded.as_bytes());
                Ok(())
            }
            _ => Err(Reason::new(Code::MakeField)),
        }
    }
}

/// `D:20261122080000+07'00'` (ISO 32000-1 §7.9.4), as a clock in Hà Nội shows it.
pub(crate) fn pdf_date(time: Timestamp) -> String {
    let t = time.to_vietnam();
    format!(
        "D:{:04}{:02}{:02}{:02}{:02}{:02}+07'00'",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// A signature dictionary with its two blanks, and where they begin in it.
pub(super) struct Blank {
    body: Vec<u8>,
    range: usize,
    contents: usize,
    reserve: usize,
}

impl Blank {
    /// `reserve`: bytes kept free for what goes into the hole.
    pub(super) fn new(head: &str, reserve: usize, tail: &[u8]) -> Self {
        let mut body = format!("<<{head}/ByteRange ").into_bytes();
        let range = body.len();
        body.extend_from_slice(RANGE_BLANK.as_bytes());
        body.extend_from_slice(b"/Contents ");
        let contents = body.len();
        body.push(b'<');
        body.resize(body.len() + reserve * 2, b'0');
        body.push(b'>');
        body.extend_from_slice(tail);
        body.extend_from_slice(b">>");
        Self { body, range, contents, reserve }
    }

    /// The finished update with this dictionary as object `id`.
    pub(super) fn close(
        self,
        mut update: Update<'_, '_>,
        id: ObjectId,
    ) -> Result<(Vec<u8>, Placeholder), Reason> {
        update.put_raw(id, self.body);
        let appended = update.finish()?;
        let start = appended.offsets.get(&id.number).copied().ok_or(Reason::new(Code::MakeField))?;
        let body = start + format!("{id} obj\n").len();
        let start = body + self.contents;
        let hole = Placeholder { start, end: start + self.reserve * 2 + 2 };
        let mut file = appended.bytes;
        hole.settle(&mut file, body + self.range)?;
        Ok((file, hole))
    }
}
