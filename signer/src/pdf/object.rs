//! The objects a PDF is made of (ISO 32000-1 §7.3), as values that remember nothing of how they were written
//! except where a string stood: the hole in a signature must be exactly that string.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Number and generation of an indirect object (§7.3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Object number, from 1.
    pub number: u32,
    /// Generation, 0 for all but reused numbers.
    pub generation: u16,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.generation)
    }
}

/// A string and where it stood. Two strings are equal when their bytes are, wherever they stood.
#[derive(Clone, Debug)]
pub struct Text {
    /// The decoded bytes.
    pub bytes: Vec<u8>,
    /// From the opening `(` or `<` to past the closing one, in the bytes it was read from.
    pub span: Range<usize>,
    /// Written as `<…>`.
    pub hexadecimal: bool,
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// `null`, and every reference to what is not there (§7.3.9).
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A real number, as written: nothing here calculates with it beyond sizes of boxes.
    Real(Box<[u8]>),
    /// A name without its slash, `#xx` decoded.
    Name(Box<[u8]>),
    /// A string.
    Text(Text),
    /// An array.
    Array(Vec<Object>),
    /// A dictionary.
    Dict(Dict),
    /// A stream.
    Stream(Stream),
    /// `12 0 R`.
    Ref(ObjectId),
}

/// A dictionary in the order it was written.
#[derive(Clone, Debug, Default)]
pub struct Dict {
    entries: Vec<(Box<[u8]>, Object)>,
    /// A key came twice: readers disagree on which wins, so nothing that is signed or changed may have it.
    pub ambiguous: bool,
}

impl PartialEq for Dict {
    /// Order does not matter (§7.3.7), a `null` value is an absent one.
    fn eq(&self, other: &Self) -> bool {
        !self.ambiguous && !other.ambiguous && self.sorted() == other.sorted()
    }
}

/// What [`Dict::get`] answers for a key that is not there.
static NULL: Object = Object::Null;

impl Dict {
    /// By key, without nulls: comparing stays linear in hostile sizes.
    fn sorted(&self) -> BTreeMap<&[u8], &Object> {
        self.iter().filter(|(_, v)| !matches!(v, Object::Null)).collect()
    }

    pub(crate) fn push(&mut self, key: Box<[u8]>, value: Object, look: bool) {
        if look && self.entries.iter().any(|(k, _)| *k == key) {
            self.ambiguous = true;
        }
        self.entries.push((key, value));
    }

    /// Marks the dictionary when two keys are the same; for large ones, where looking at each push would be square.
    pub(crate) fn settle(&mut self) {
        let mut keys: Vec<&[u8]> = self.entries.iter().map(|(k, _)| k.as_ref()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            self.ambiguous = true;
        }
    }

    /// The value of `key`, or `Null`.
    pub fn get(&self, key: &[u8]) -> &Object {
        self.entries.iter().find(|(k, _)| **k == *key).map_or(&NULL, |(_, v)| v)
    }

    /// Whether `key` is there with a value other than null.
    pub fn has(&self, key: &[u8]) -> bool {
        !matches!(self.get(key), Object::Null)
    }

    /// All entries in written order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.entries.iter().map(|(k, v)| (k.as_ref(), v))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A copy in which `key` has `value`, at its old place if it had one.
    pub fn with(&self, key: &[u8], value: Object) -> Self {
        let mut copy = self.clone();
        match copy.entries.iter_mut().find(|(k, _)| **k == *key) {
            Some((_, old)) => *old = value,
            None => copy.entries.push((key.into(), value)),
        }
        copy
    }
}

/// A stream: its dictionary, and where its bytes are.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The stream's dictionary.
    pub dict: Dict,
    /// The raw (still compressed) bytes in the file; `None` when `/Length` does not lead to `endstream`.
    pub data: Option<Range<usize>>,
}

impl PartialEq for Stream {
    /// Only ever equal to itself at the same place; whoever compares content does so with the file at hand.
    fn eq(&self, other: &Self) -> bool {
        self.data.is_some() && self.data == other.data && self.dict == other.dict
    }
}

/// One reference inside an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// What it leads to.
    pub(crate) id: ObjectId,
    /// It stands where forms and pages refer to fields, pages and annotations; what stands anywhere else may be
    /// read as something else, for instance as a dictionary of resources.
    pub(crate) plain: bool,
}

/// Keys under which a field, a widget, a page or an element of the structure is referred to as one.
const PLAIN_KEYS: &[&[u8]] =
    &[b"Fields", b"Kids", b"Annots", b"Parent", b"Obj", b"P", b"Pg", b"Data", b"CO", b"T", b"K", b"Nums"];

/// What an object refers to directly.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// The references, as often as they stand there.
    pub(crate) to: Vec<Link>,
    /// A dictionary in it has a key twice.
    pub(crate) ambiguous: bool,
    /// Values looked at.
    pub(crate) steps: usize,
}

impl Links {
    /// Adds what `object` refers to, itself standing where `plain` says.
    pub(crate) fn add(&mut self, object: &Object, plain: bool) {
        let mut stack = vec![(object, plain)];
        while let Some((object, plain)) = stack.pop() {
            self.steps += 1;
            match object {
                Object::Ref(id) => self.to.push(Link { id: *id, plain }),
                Object::Array(items) => {
                    stack.extend(items.iter().filter(|o| o.may_refer()).map(|item| (item, plain)));
                }
                Object::Dict(dict) | Object::Stream(Stream { dict, .. }) => {
                    self.ambiguous |= dict.ambiguous;
                    let leading = dict.iter().filter(|(_, value)| value.may_refer());
                    stack.extend(leading.map(|(key, value)| (value, PLAIN_KEYS.contains(&key))));
                }
                _ => {}
            }
        }
    }
}

impl Object {
    fn may_refer(&self) -> bool {
        matches!(self, Self::Ref(_) | Self::Array(_) | Self::Dict(_) | Self::Stream(_))
    }

    /// Every reference inside, without following any.
    pub(crate) fn links(&self) -> Links {
        let mut links = Links::default();
        links.add(self, false);
        links
    }

    /// The dictionary of a dictionary or a stream.
    pub fn dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            Self::Stream(stream) => Some(&stream.dict),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn array(&self) -> Option<&[Object]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The integer.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The name's bytes.
    pub fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The string.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The id a reference points to.
    pub fn reference(&self) -> Option<ObjectId> {
        match self {
            Self::Ref(id) => Some(*id),
            _ => None,
        }
    }

    /// The number, for sizes of boxes.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Real(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }
}

/// A text string (§7.9.2.2): UTF-16BE with its mark, UTF-8 with its mark, or PDFDocEncoding, which is Latin-1 for
/// what signers write into `/Name` and `/Reason`.
pub fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xFE, 0xFF, rest @ ..] => {
            let units = rest.chunks_exact(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0,
            });
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}
