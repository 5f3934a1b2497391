//! The content of an attachment that is not in memory: its base64 is decoded piece by piece, and a ZIP with one entry is unpacked as it is
//! decoded, so that only the file itself is ever held (RULES E12).

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::archive::{self, BadArchive, Entry, View};
use super::attachment::{self, Decoded, Naming, Wrapping, zeroed};
use super::refusal::Reason;
use super::skim::WINDOW;
use super::source::{Room, Source};
use super::text::is_xml_space;
use crate::{Error, Limits};

/// Symbols decoded at once; whole groups.
const PIECE: usize = 64 * 1024;
/// What is kept of the two ends of a packed file: an archive of one entry has all it says of itself there (APPNOTE 4.3: three fields of
/// 65,535 bytes at most in its directory, one in the end record).
const HEAD: usize = 192 * 1024;
const TAIL: usize = 384 * 1024;

/// A part of an element's text that lies in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    /// Before which byte of the text it belongs.
    pub(crate) at: usize,
    /// Where it is.
    pub(crate) source: Range<u64>,
    /// In a CDATA section: a reference is none.
    pub(crate) is_literal: bool,
}

/// The text of an element, and what of it lies in the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) text: String,
    pub(crate) holes: Vec<Hole>,
}

/// Why there is no file.
pub(crate) enum NoFile {
    /// The package is at fault.
    Refused(Reason),
    /// We are.
    Trouble(Error),
}

impl From<Reason> for NoFile {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl From<Error> for NoFile {
    fn from(error: Error) -> Self {
        Self::Trouble(error)
    }
}

impl From<io::Error> for NoFile {
    /// What the bytes are at fault for has a kind of its own; everything else is a disk's.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Refused(Reason::Base64),
            io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => Self::Refused(Reason::BrokenZip),
            _ => Self::Trouble(Error::Unavailable),
        }
    }
}

/// Memory for so many bytes.
pub(crate) type AskRoom<'r> = &'r dyn Fn(usize) -> Result<Room, Error>;

impl Encoded {
    /// The file, unwrapped, and its place in memory. `budget` is what all attachments together may still become.
    pub(crate) fn file(
        &self,
        source: &dyn Source,
        naming: &Naming<'_>,
        budget: usize,
        limits: &Limits,
        room: AskRoom<'_>,
    ) -> Result<(Decoded, Room), NoFile> {
        let ends = Ends::of(self.decoder(source))?;
        if ends.len > budget {
            return Err(Reason::ZipBomb.into());
        }
        if let Some((entry, budget)) = ends.only_entry(naming, budget, limits)? {
            let place = room(entry.size)?;
            let content = self.unpack(source, &ends, &entry, budget);
            match content {
                Ok(content) => {
                    return Ok((
                        Decoded { content, wrapping: Wrapping::Zipped, several_files: false },
                        place,
                    ));
                }
                Err(NoFile::Refused(_)) if !naming.is_declared() => {}
                Err(no_file) => return Err(no_file),
            }
        }
        let place = room(ends.len)?;
        let mut content = zeroed(ends.len);
        self.decoder(source).read_exact(Arc::get_mut(&mut content).unwrap_or_default())?;
        Ok((attachment::unwrap(content, naming, budget, limits)?, place))
    }

    /// The content of the one entry, which is packed behind its header.
    fn unpack(
        &self,
        source: &dyn Source,
        ends: &Ends,
        entry: &Entry<'_>,
        budget: usize,
    ) -> Result<Arc<[u8]>, NoFile> {
        let Some(begins) = archive::data_begins(ends.view(), entry).filter(|begins| *begins <= ends.len)
        else {
            return Err(Reason::BrokenZip.into());
        };
        let mut packed = self.decoder(source);
        io::copy(&mut packed.by_ref().take(begins as u64), &mut io::sink())?;
        match archive::unpack_from(packed, entry, budget) {
            Ok(content) => Ok(content),
            Err(archive::Unpacking::Bad(bad)) => Err(attachment::reason_of(bad).into()),
            Err(archive::Unpacking::Read(error)) => Err(error.into()),
        }
    }

    fn decoder<'e>(&'e self, source: &'e dyn Source) -> Decoder<'e> {
        let mut parts = Vec::with_capacity(2 * self.holes.len() + 1);
        let mut at = 0;
        for hole in &self.holes {
            parts.push(Part::Text(self.text.as_bytes().get(at..hole.at).unwrap_or_default()));
            parts.push(Part::Source(hole.source.clone(), hole.is_literal));
            at = hole.at;
        }
        parts.push(Part::Text(self.text.as_bytes().get(at..).unwrap_or_default()));
        parts.reverse();
        let symbols = Symbols {
            source,
            parts,
            window: Vec::new(),
            in_window: 0,
            is_literal: true,
            in_reference: false,
        };
        Decoder { symbols, group: Vec::with_capacity(PIECE), plain: Vec::new(), at: 0, is_padded: false }
    }
}

/// Both ends of what base64 holds, and how long it is.
struct Ends {
    head: Vec<u8>,
    tail: Vec<u8>,
    len: usize,
}

impl Ends {
    fn of(mut decoder: Decoder<'_>) -> io::Result<Self> {
        let mut ends = Self { head: Vec::new(), tail: Vec::new(), len: 0 };
        let mut piece = vec![0; PIECE];
        loop {
            let read = decoder.read(&mut piece)?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            let to_head = HEAD.saturating_sub(ends.head.len()).min(bytes.len());
            ends.head.extend_from_slice(bytes.get(..to_head).unwrap_or_default());
            ends.tail.extend_from_slice(bytes);
            if ends.tail.len() > 2 * TAIL {
                ends.tail.drain(..ends.tail.len() - TAIL);
            }
            ends.len += bytes.len();
        }
        Ok(ends)
    }

    fn view(&self) -> View<'_> {
        View::of_ends(&self.head, &self.tail, self.len)
    }

    /// The entry that is all of a wrapping, and what it may become; `None` when it takes the whole file to know.
    fn only_entry(
        &self,
        naming: &Naming<'_>,
        budget: usize,
        limits: &Limits,
    ) -> Result<Option<(Entry<'_>, usize)>, NoFile> {
        if !naming.may_be_wrapped(&self.head) {
            return Ok(None);
        }
        let Ok(mut entries) = archive::entries(self.view(), limits) else { return Ok(None) };
        let (Some(only), true) = (entries.pop(), entries.is_empty()) else { return Ok(None) };
        let refused = attachment::has_hostile_name(std::slice::from_ref(&only), naming.name);
        if naming.is_declared() && refused {
            return Err(Reason::ZipEntryName.into());
        }
        let budget = attachment::unpacked_max(self.len, budget, limits);
        match only.size > budget {
            true => Err(attachment::reason_of(BadArchive::Bomb).into()),
            false => Ok(Some((only, budget))),
        }
    }
}

enum Part<'e> {
    Text(&'e [u8]),
    Source(Range<u64>, bool),
}

/// The symbols of base64, without the white space between them.
struct Symbols<'e> {
    source: &'e dyn Source,
    /// What is to come, the next last.
    parts: Vec<Part<'e>>,
    window: Vec<u8>,
    in_window: usize,
    is_literal: bool,
    /// Between `&` and `;` of a reference to white space.
    in_reference: bool,
}

impl Symbols<'_> {
    /// Adds symbols up to `most`; fewer only at the end.
    fn fill(&mut self, group: &mut Vec<u8>, most: usize) -> io::Result<()> {
        while group.len() < most {
            if self.in_window == self.window.len() && !self.next_window()? {
                return Ok(());
            }
            while let Some(&byte) = self.window.get(self.in_window)
                && group.len() < most
            {
                self.in_window += 1;
                match byte {
                    _ if self.in_reference => self.in_reference = byte != b';',
                    b'&' if !self.is_literal => self.in_reference = true,
                    _ if is_xml_space(char::from(byte)) => {}
                    symbol => group.push(symbol),
                }
            }
        }
        Ok(())
    }

    fn next_window(&mut self) -> io::Result<bool> {
        let Some(part) = self.parts.pop() else { return Ok(false) };
        self.in_window = 0;
        match part {
            Part::Text(text) => {
                let (now, later) = text.split_at(text.len().min(WINDOW));
                self.window.clear();
                self.window.extend_from_slice(now);
                // References in the text were resolved when it was read.
                self.is_literal = true;
                if !later.is_empty() {
                    self.parts.push(Part::Text(later));
                }
            }
            Part::Source(range, is_literal) => {
                let left = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(WINDOW);
                self.window.resize(left.min(WINDOW), 0);
                // Whatever a disk says, the sender is not at fault.
                let read = self.source.read_at(range.start, &mut self.window).map_err(io::Error::other)?;
                if read == 0 && left > 0 {
                    return Err(io::Error::other("the source is shorter than it was"));
                }
                self.window.truncate(read);
                self.is_literal = is_literal;
                let begins = range.start + read as u64;
                if begins < range.end {
                    self.parts.push(Part::Source(begins..range.end, is_literal));
                }
            }
        }
        Ok(true)
    }
}

/// What base64 holds: strict once white space is out, as [`attachment::decode_base64`] is.
struct Decoder<'e> {
    symbols: Symbols<'e>,
    group: Vec<u8>,
    plain: Vec<u8>,
    at: usize,
    /// Padding came: nothing may follow.
    is_padded: bool,
}

impl Read for Decoder<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.plain.len() {
            self.group.clear();
            self.plain.clear();
            self.at = 0;
            self.symbols.fill(&mut self.group, PIECE)?;
            let malformed = || io::Error::from(io::ErrorKind::InvalidData);
            if !self.group.is_empty() && (self.is_padded || !self.group.len().is_multiple_of(4)) {
                return Err(malformed());
            }
            self.is_padded = self.group.last() == Some(&b'=');
            STANDARD.decode_vec(&self.group, &mut self.plain).map_err(|_| malformed())?;
        }
        let read = self.plain.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}
