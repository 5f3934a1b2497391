//! Where messages come from: an mbox or a folder of them, a Maildir, a folder of files.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use mail::Timestamp;

use super::Format;
use super::folders;
use super::marks::Marks;
use super::mbox::{Quoting, Reader};

/// Folders within one another that are looked into.
const DEPTH_MAX: usize = 32;

/// The bytes of a message, unless there are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Message(Vec<u8>),
    TooLarge(u64),
}

/// A message that was found.
pub(super) struct Found {
    /// Where: a file, and which message of it.
    pub(super) at: String,
    /// The folder it lies in, outermost first; none is the top.
    pub(super) folder: Vec<String>,
    pub(super) body: Body,
    pub(super) marks: Marks,
    /// When it arrived, if that is known.
    pub(super) received_at: Option<Timestamp>,
}

/// One file or directory of the source.
struct Part {
    path: PathBuf,
    folder: Vec<String>,
}

/// Messages one after another; folder by folder, and within one always in the same order.
pub(super) struct Source {
    format: Format,
    message_bytes_max: usize,
    parts: IntoIter<Part>,
    open: Option<Open>,
    /// Bytes of the files that are done with.
    done: u64,
    /// Bytes of all of them.
    pub(super) total: u64,
}

enum Open {
    Mbox { part: Part, count: u64, reader: Box<Reader<BufReader<File>>> },
    Files { part: Part, files: IntoIter<PathBuf> },
}

impl Source {
    pub(super) fn open(path: &Path, format: Format, message_bytes_max: usize) -> io::Result<Self> {
        let mut parts = Vec::new();
        match format {
            Format::Mbox | Format::Mboxo if path.is_file() => {
                parts.push(Part { path: path.to_owned(), folder: Vec::new() });
            }
            Format::Mbox | Format::Mboxo => mboxes(path, &[], &mut parts)?,
            Format::Maildir => maildirs(path, &mut parts)?,
            Format::Eml => directories(path, &[], &mut parts)?,
        }
        let mut total = 0;
        for part in &parts {
            total += match format {
                Format::Mbox | Format::Mboxo => fs::metadata(&part.path)?.len(),
                Format::Maildir | Format::Eml => {
                    let sizes = files(&part.path, format)?
                        .into_iter()
                        .map(|file| fs::metadata(file).map_or(0, |m| m.len()));
                    sizes.sum()
                }
            };
        }
        Ok(Self { format, message_bytes_max, parts: parts.into_iter(), open: None, done: 0, total })
    }

    /// Bytes read.
    pub(super) fn read(&self) -> u64 {
        match &self.open {
            Some(Open::Mbox { reader, .. }) => self.done + reader.read,
            _ => self.done,
        }
    }

    /// The next message.
    pub(super) fn next_message(&mut self) -> io::Result<Option<Found>> {
        loop {
            match &mut self.open {
                None => {
                    let Some(part) = self.parts.next() else { return Ok(None) };
                    self.open = Some(self.open_part(part)?);
                }
                Some(Open::Mbox { part, count, reader }) => {
                    if let Some(entry) = reader.next_entry()? {
                        *count += 1;
                        let (body, marks) = match entry.body {
                            Body::Message(raw) => {
                                let (raw, marks) = Marks::out_of_mbox(raw);
                                (Body::Message(raw), marks)
                            }
                            large => (large, Marks::default()),
                        };
                        let at = format!("{}#{count}", part.path.display());
                        let folder = part.folder.clone();
                        return Ok(Some(Found { at, folder, body, marks, received_at: entry.received_at }));
                    }
                    self.done += reader.read;
                    self.open = None;
                }
                Some(Open::Files { part, files }) => {
                    if let Some(file) = files.next() {
                        let found = read_file(&file, self.format, &part.folder, self.message_bytes_max)?;
                        self.done += fs::metadata(&file)?.len();
                        return Ok(Some(found));
                    }
                    self.open = None;
                }
            }
        }
    }

    fn open_part(&self, part: Part) -> io::Result<Open> {
        let quoting = if self.format == Format::Mboxo { Quoting::O } else { Quoting::Rd };
        Ok(match self.format {
            Format::Mbox | Format::Mboxo => {
                let input = BufReader::with_capacity(256 * 1024, File::open(&part.path)?);
                let reader = Box::new(Reader::new(input, quoting, self.message_bytes_max));
                Open::Mbox { part, count: 0, reader }
            }
            Format::Maildir | Format::Eml => {
                let files = files(&part.path, self.format)?.into_iter();
                Open::Files { part, files }
            }
        })
    }
}

/// The names in a directory, in order.
fn names(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            names.push((name.to_owned(), path.clone()));
        }
    }
    names.sort();
    Ok(names)
}

/// The files of messages in a directory: of a Maildir what is in `new` and `cur`, by the part of their names that does not change.
fn files(path: &Path, format: Format) -> io::Result<Vec<PathBuf>> {
    if format == Format::Eml {
        let all = names(path)?.into_iter().filter(|(name, path)| folders::is_eml(name) && path.is_file());
        return Ok(all.map(|(_, path)| path).collect());
    }
    let mut all = Vec::new();
    for part in ["cur", "new"] {
        let part = path.join(part);
        if part.is_dir() {
            all.extend(
                names(&part)?.into_iter().filter(|(name, path)| !name.starts_with('.') && path.is_file()),
            );
        }
    }
    // Whether somebody has read it since changes its name and its directory, and not its place.
    all.sort_by(|(a, _), (b, _)| folders::base_name(a).cmp(folders::base_name(b)));
    Ok(all.into_iter().map(|(_, path)| path).collect())
}

fn read_file(path: &Path, format: Format, folder: &[String], most: usize) -> io::Result<Found> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let body = if meta.len() > most as u64 {
        Body::TooLarge(meta.len())
    } else {
        let mut raw = Vec::new();
        file.take(most as u64).read_to_end(&mut raw)?;
        Body::Message(with_crlf(raw))
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let marks = match format {
        Format::Maildir => Marks::from_maildir(name.rsplit_once(":2,").map_or("", |(_, letters)| letters)),
        _ => Marks::from_maildir(folders::letters_of_eml(name)),
    };
    let received_at = meta.modified()?.duration_since(std::time::UNIX_EPOCH).ok();
    let received_at = received_at.map(|since| Timestamp::from_secs(0).plus(since));
    Ok(Found { at: path.display().to_string(), folder: folder.to_vec(), body, marks, received_at })
}

/// Lines ending as mail has them.
fn with_crlf(raw: Vec<u8>) -> Vec<u8> {
    let bare = raw
        .iter()
        .enumerate()
        .filter(|(at, byte)| **byte == b'\n' && (*at == 0 || raw.get(at - 1) != Some(&b'\r')));
    let bare = bare.count();
    if bare == 0 {
        return raw;
    }
    let mut whole = Vec::with_capacity(raw.len() + bare);
    for byte in raw {
        if byte == b'\n' && whole.last() != Some(&b'\r') {
            whole.push(b'\r');
        }
        whole.push(byte);
    }
    whole
}

fn too_deep(path: &Path) -> io::Error {
    io::Error::other(format!("{}: folders lie too deep (thư mục lồng quá sâu)", path.display()))
}

/// The mboxes of a tree: `Name.mbox`, with what lies in `Name` or, by Thunderbird, `Name.sbd` within it.
fn mboxes(path: &Path, folder: &[String], parts: &mut Vec<Part>) -> io::Result<()> {
    if folder.len() > DEPTH_MAX {
        return Err(too_deep(path));
    }
    for (name, path) in names(path)? {
        let level = name.strip_suffix(".mbox").or_else(|| name.strip_suffix(".sbd")).unwrap_or(&name);
        let inner = [folder, &[folders::from_file_name(level)]].concat();
        if path.is_dir() {
            mboxes(&path, &inner, parts)?;
        } else if begins_as_mbox(&path)? {
            parts.push(Part { path, folder: inner });
        }
    }
    Ok(())
}

fn begins_as_mbox(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    File::open(path)?.take(5).read_to_end(&mut begin)?;
    Ok(begin == b"From ")
}

/// The folders of a Maildir++: `.A.B` beside `cur` is `A/B`, in modified UTF-7.
fn maildirs(path: &Path, parts: &mut Vec<Part>) -> io::Result<()> {
    parts.push(Part { path: path.to_owned(), folder: Vec::new() });
    for (name, path) in names(path)? {
        if let Some(levels) = name.strip_prefix('.').filter(|_| path.join("cur").is_dir()) {
            parts.push(Part { path, folder: levels.split('.').map(folders::from_maildir_name).collect() });
        }
    }
    Ok(())
}

fn directories(path: &Path, folder: &[String], parts: &mut Vec<Part>) -> io::Result<()> {
    if folder.len() > DEPTH_MAX {
        return Err(too_deep(path));
    }
    parts.push(Part { path: path.to_owned(), folder: folder.to_vec() });
    for (name, path) in names(path)?.into_iter().filter(|(_, path)| path.is_dir()) {
        directories(&path, &[folder, &[folders::from_file_name(&name)]].concat(), parts)?;
    }
    Ok(())
}
