//! What a file is, and what the archives in it hold (RULES M33): by its first bytes and by the ending of its name, to a bounded depth,
//! a bounded number of files and a bounded number of bytes. Nothing here reads a clock or keeps anything.

use std::io::{Cursor, Read};

/// How far is looked.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Endings that are refused, in small letters.
    pub(super) refused: Vec<String>,
    /// Endings that are held.
    pub(super) held: Vec<String>,
    /// Archives inside archives.
    pub(super) depth_max: usize,
    /// Files in all archives.
    pub(super) files_max: usize,
    /// Bytes of all unpacked files.
    pub(super) bytes_max: u64,
    /// How many times larger a file may become.
    pub(super) ratio_max: u64,
}

/// What is wrong with a file. The word in it is a type, never a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Found {
    /// A program or script, by its bytes or its ending.
    Program(String),
    /// A name that shows another ending than it has (bidirectional controls).
    DisguisedName,
    /// An archive that unpacks to too much, too many or too deep.
    Bomb,
    /// A document with macros.
    Macros(String),
    /// An archive whose files cannot be read without a password.
    Encrypted(&'static str),
    /// An archive that cannot be looked into.
    Opaque(&'static str),
}

/// Files of up to this many bytes may grow as they like; small ones do.
const RATIO_FROM: u64 = 1024 * 1024;
/// The characters that change the direction of what follows (UAX #9): no honest file name needs them.
const BIDI: [char; 11] = [
    '\u{200E}', '\u{200F}', '\u{202A}', '\u{202B}', '\u{202C}', '\u{202D}', '\u{202E}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];
const TAR_BLOCK: usize = 512;
/// Where the end record of a zip file begins at the earliest: its own 22 bytes, and a comment as long as 16 bits count.
const ZIP_TAIL: usize = 22 + 0xFFFF;

/// A walk through the files of one mail; the budgets are for all of them together.
pub(super) struct Walk<'a> {
    rules: &'a Rules,
    files_left: usize,
    bytes_left: u64,
    /// What was found that is not refused outright.
    pub(super) suspicions: Vec<Found>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(rules: &'a Rules) -> Self {
        Self { rules, files_left: rules.files_max, bytes_left: rules.bytes_max, suspicions: Vec::new() }
    }

    /// Looks at a file and into it. What has to be refused ends the walk; what is only suspicious is kept.
    pub(super) fn file(&mut self, name: Option<&str>, bytes: &[u8], depth: usize) -> Result<(), Found> {
        let ending = match name {
            Some(name) => self.name(name)?,
            None => String::new(),
        };
        if let Some(program) = program(bytes) {
            return Err(Found::Program(program.to_owned()));
        }
        let kind = kind(bytes);
        if !matches!(kind, Some(Kind::Zip)) {
            self.zip_behind(bytes, depth)?;
        }
        match kind {
            Some(_) if depth >= self.rules.depth_max => Err(Found::Bomb),
            Some(Kind::Zip) => self.zip(bytes, depth),
            Some(Kind::Gzip) => self.gzip(name, bytes, depth),
            Some(Kind::Tar) => self.tar(bytes, depth),
            Some(Kind::Opaque(what)) => self.suspect(Found::Opaque(what)),
            // Named as an archive, and the bytes are none that a program here understands.
            None if ["zip", "rar", "7z", "gz", "tgz", "tar", "ace", "arj", "lzh"]
                .contains(&ending.as_str()) =>
            {
                self.suspect(Found::Opaque("damaged"))
            }
            None => Ok(()),
        }
    }

    /// Judges a name; answers its ending.
    fn name(&mut self, name: &str) -> Result<String, Found> {
        if name.contains(BIDI) {
            return Err(Found::DisguisedName);
        }
        let ending = ending(name);
        if self.rules.refused.contains(&ending) {
            return Err(Found::Program(ending));
        }
        if self.rules.held.contains(&ending) {
            self.suspect(Found::Macros(ending.clone()))?;
        }
        Ok(ending)
    }

    /// Keeps a suspicion, once.
    pub(super) fn suspect(&mut self, found: Found) -> Result<(), Found> {
        if !self.suspicions.contains(&found) {
            self.suspicions.push(found);
        }
        Ok(())
    }

    fn count_file(&mut self) -> Result<(), Found> {
        self.files_left = self.files_left.checked_sub(1).ok_or(Found::Bomb)?;
        Ok(())
    }

    fn zip(&mut self, bytes: &[u8], depth: usize) -> Result<(), Found> {
        match zip::ZipArchive::new(Cursor::new(bytes)) {
            Ok(archive) => self.zip_files(archive, depth),
            Err(_) => self.suspect(Found::Opaque("damaged")),
        }
    }

    /// A zip file is read from its end, so anything may stand before it (a picture, a program that unpacks it): what others open as one
    /// is looked into as one.
    fn zip_behind(&mut self, bytes: &[u8], depth: usize) -> Result<(), Found> {
        let tail = bytes.get(bytes.len().saturating_sub(ZIP_TAIL)..).unwrap_or(bytes);
        if !tail.windows(4).any(|window| window == b"PK\x05\x06") {
            return Ok(());
        }
        match zip::ZipArchive::new(Cursor::new(bytes)) {
            Ok(_) if depth >= self.rules.depth_max => Err(Found::Bomb),
            Ok(archive) => self.zip_files(archive, depth),
            // Four bytes by chance.
            Err(_) => Ok(()),
        }
    }

    fn zip_files(&mut self, mut archive: zip::ZipArchive<Cursor<&[u8]>>, depth: usize) -> Result<(), Found> {
        if archive.len() > self.files_left {
            return Err(Found::Bomb);
        }
        for index in 0..archive.len() {
            self.count_file()?;
            let Ok(entry) = archive.by_index_raw(index) else {
                self.suspect(Found::Opaque("damaged"))?;
                continue;
            };
            let (name, packed, is_encrypted) =
                (entry.name().to_owned(), entry.compressed_size(), entry.encrypted());
            let is_folder = entry.is_dir();
            drop(entry);
            if is_encrypted {
                self.name(&name)?;
                self.suspect(Found::Encrypted("zip"))?;
                continue;
            }
            if is_folder {
                continue;
            }
            if ending_is(&name, "vbaproject.bin") {
                self.suspect(Found::Macros("vba".to_owned()))?;
            }
            let unpacked = match archive.by_index(index) {
                Ok(entry) => self.unpack(entry, packed)?,
                Err(_) => None,
            };
            match unpacked {
                Some(unpacked) => self.file(Some(&name), &unpacked, depth + 1)?,
                None => {
                    self.name(&name)?;
                    self.suspect(Found::Opaque("damaged"))?;
                }
            }
        }
        Ok(())
    }

    fn gzip(&mut self, name: Option<&str>, bytes: &[u8], depth: usize) -> Result<(), Found> {
        self.count_file()?;
        let inner = name.map(|name| match ending(name).as_str() {
            "gz" => name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned(),
            // A .tgz, a .svgz: the name says nothing of a file inside.
            _ => String::new(),
        });
        match self.unpack(flate2::read::MultiGzDecoder::new(bytes), bytes.len() as u64)? {
            Some(unpacked) => self.file(inner.as_deref(), &unpacked, depth + 1),
            None => self.suspect(Found::Opaque("damaged")),
        }
    }

    /// Unpacks a stream within the budgets; `None` when it is damaged.
    fn unpack(&mut self, stream: impl Read, packed: u64) -> Result<Option<Vec<u8>>, Found> {
        let fair = packed.saturating_mul(self.rules.ratio_max).max(RATIO_FROM);
        let allowed = self.bytes_left.min(fair);
        let mut unpacked = Vec::new();
        let read = stream.take(allowed.saturating_add(1)).read_to_end(&mut unpacked);
        let size = unpacked.len() as u64;
        if size > allowed {
            return Err(Found::Bomb);
        }
        self.bytes_left -= size;
        Ok(read.is_ok().then_some(unpacked))
    }

    /// A tar file (POSIX ustar, pax and GNU names).
    fn tar(&mut self, bytes: &[u8], depth: usize) -> Result<(), Found> {
        let mut rest = bytes;
        let mut long_name: Option<String> = None;
        while let Some((header, after)) = rest.split_first_chunk::<TAR_BLOCK>() {
            if header.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            self.count_file()?;
            let Some(size) = octal(header.get(124..136).unwrap_or_default()) else {
                return self.suspect(Found::Opaque("damaged"));
            };
            let Some(content) = after.get(..size) else {
                return self.suspect(Found::Opaque("damaged"));
            };
            match header.get(156) {
                Some(b'L') => long_name = Some(text(content)),
                Some(b'x') => long_name = pax_path(content).or(long_name),
                Some(b'0' | b'\0' | b'7') => {
                    let name =
                        long_name.take().unwrap_or_else(|| text(header.get(..100).unwrap_or_default()));
                    self.file(Some(&name), content, depth + 1)?;
                }
                _ => long_name = None,
            }
            rest = after.get(size.next_multiple_of(TAR_BLOCK)..).unwrap_or_default();
        }
        Ok(())
    }
}

/// What is looked into, and what cannot be.
enum Kind {
    Zip,
    Gzip,
    Tar,
    Opaque(&'static str),
}

/// An archive, by its first bytes.
fn kind(bytes: &[u8]) -> Option<Kind> {
    let opaque: [(&[u8], &str); 7] = [
        (b"7z\xBC\xAF\x27\x1C", "7z"),
        (b"Rar!\x1A\x07", "rar"),
        (b"\xFD7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
        (b"\x28\xB5\x2F\xFD", "zstd"),
        (b"MSCF\0\0\0\0", "cab"),
        (b"\x60\xEA", "arj"),
    ];
    if let Some((_, name)) = opaque.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(Kind::Opaque(name));
    }
    if bytes.starts_with(b"PK\x03\x04")
        || bytes.starts_with(b"PK\x05\x06")
        || bytes.starts_with(b"PK\x07\x08")
    {
        return Some(Kind::Zip);
    }
    if bytes.starts_with(b"\x1F\x8B\x08") {
        return Some(Kind::Gzip);
    }
    (bytes.get(257..262) == Some(b"ustar")).then_some(Kind::Tar)
}

/// A program, by its first bytes.
fn program(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.get(..64).unwrap_or(bytes);
    let magic: [(&[u8], &str); 7] = [
        (b"\x7FELF", "elf"),
        (b"\xFE\xED\xFA\xCE", "mach-o"),
        (b"\xFE\xED\xFA\xCF", "mach-o"),
        (b"\xCF\xFA\xED\xFE", "mach-o"),
        (b"\xCA\xFE\xBA\xBE", "java"),
        (b"L\0\0\0\x01\x14\x02\0", "lnk"),
        (b"#!/", "script"),
    ];
    if let Some((_, name)) = magic.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    // A text may begin with these two letters; a program has zeros soon after.
    if start.starts_with(b"MZ") && start.contains(&0) {
        return Some("exe");
    }
    (bytes.get(0x8001..0x8006) == Some(b"CD001")).then_some("iso")
}

/// The ending of a name as Windows takes it: dots and spaces at the end do not count (so `a.exe. ` is an exe).
fn ending(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = last.trim_end_matches(|c: char| c == '.' || c.is_whitespace() || c.is_control());
    let ending = last.rsplit_once('.').map_or("", |(_, ending)| ending);
    mail::text::clip(ending.trim(), 20).to_lowercase()
}

fn ending_is(name: &str, ending: &str) -> bool {
    name.to_lowercase().ends_with(ending)
}

/// A number in a tar header: octal digits between spaces and zeros.
fn octal(field: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    if digits.is_empty() { Some(0) } else { usize::from_str_radix(digits, 8).ok() }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// The path in a pax header: records of `LENGTH path=NAME\n`.
fn pax_path(content: &[u8]) -> Option<String> {
    let mut lines = content.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let line = String::from_utf8_lossy(line);
        line.split_once(" path=").map(|(_, path)| path.to_owned())
    })
}

#[cfg(test)]
mod tests;
