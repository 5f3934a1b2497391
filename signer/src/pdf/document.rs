//! A PDF file and the views on it: a view is the file as it was after one of its updates, and sees neither bytes
//! nor entries that came later.

use super::filter;
use super::object::{Dict, Object, ObjectId, Stream};
use super::parse::{Indirect, Parser};
use super::xref::{self, Ending, Entry, History, Section};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// The file, its cross-reference chain, and the work already spent on it.
pub(crate) struct File<'a> {
    pub(crate) bytes: &'a [u8],
    /// Newest first; never empty.
    pub(crate) sections: Vec<Section>,
    history: History,
    pub(crate) ending: Ending,
    pub(crate) limits: Limits,
    /// Bytes unpacked so far, over all views.
    unpacked: Cell<usize>,
    /// Bytes parsed so far, over all views: overlapping objects must not make the work square.
    parsed: Cell<usize>,
    /// Object streams by their offset: unpacked once for all views.
    packed: RefCell<HashMap<usize, Rc<Packed>>>,
    /// Objects read so far, by offset and index in a stream: most revisions share most objects.
    shared: RefCell<HashMap<(usize, u32), Shared>>,
    shared_bytes: Cell<usize>,
}

impl<'a> File<'a> {
    /// Reads the header, the ending and the whole chain; refuses encryption.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Reason> {
        if bytes.len() > limits.file_bytes {
            return Err(Reason::new(Code::FileTooLarge));
        }
        if !bytes.starts_with(b"%PDF-") {
            return Err(Reason::new(Code::PdfHeader));
        }
        let ending = xref::ending(bytes, limits.depth)?;
        let mut unpacked = 0;
        let sections = xref::chain(bytes, ending.names, limits, &mut unpacked)?;
        if sections.iter().any(|s| s.trailer.has(b"Encrypt")) {
            return Err(Reason::new(Code::PdfEncrypted));
        }
        Ok(Self {
            bytes,
            history: History::of(&sections),
            sections,
            ending,
            limits: *limits,
            unpacked: Cell::new(unpacked),
            parsed: Cell::new(0),
            packed: RefCell::default(),
            shared: RefCell::default(),
            shared_bytes: Cell::new(0),
        })
    }

    /// What all views together may parse: the file and what it unpacks a few times over, and for small files once
    /// for each of sixty revisions.
    fn charge(&self, bytes: usize) -> Result<(), Reason> {
        let parsed = self.parsed.get().saturating_add(bytes);
        self.parsed.set(parsed);
        let size = self.bytes.len().saturating_add(self.unpacked.get());
        let views = size.saturating_mul(60).min(256 << 20);
        let allowed = size.saturating_mul(4).saturating_add(views).saturating_add(1 << 20);
        match parsed <= allowed {
            true => Ok(()),
            false => Err(Reason::of(Code::Budget, "parsing")),
        }
    }
}

/// An object stream, unpacked.
struct Packed {
    number: u32,
    /// Where it stands and ends in the file.
    offset: usize,
    end: usize,
    data: Vec<u8>,
    /// Object number and offset, by index.
    places: Vec<(u32, usize)>,
}

/// An object that reads the same in every view that reaches its end and has the same length object.
struct Shared {
    end: usize,
    length: Option<(u32, Entry)>,
    loaded: Loaded,
}

/// What stands behind an object number.
#[derive(Clone)]
pub(crate) struct Loaded {
    id: ObjectId,
    pub(crate) object: Rc<Object>,
    /// The object's bytes in the file; `None` inside an object stream or when there is none.
    pub(crate) span: Option<Range<usize>>,
}

/// Bytes of objects kept for other views and later questions, streams' data not counted. Real files that are signed
/// have some hundred thousand; of one with more the rest is read again, so that memory does not grow with the file.
const SHARED_MAX: usize = 4 << 20;

/// What keeping one object counts for besides its bytes.
const SHARED_COST: usize = 64;

/// The file after one of its updates. Making one costs nothing: it is a way of asking.
#[derive(Clone, Copy)]
pub(crate) struct View<'f> {
    pub(crate) file: &'f File<'f>,
    /// The view's file ends here.
    pub(crate) end: usize,
    /// Index of the newest section this view knows.
    pub(crate) newest: usize,
}

impl<'f> View<'f> {
    /// The view of sections `newest..`, in the first `end` bytes.
    pub(crate) fn new(file: &'f File<'f>, newest: usize, end: usize) -> Self {
        Self { file, end, newest }
    }

    /// The newest view.
    pub(crate) fn last(file: &'f File<'f>) -> Result<Self, Reason> {
        Ok(Self::new(file, 0, file.bytes.len()))
    }

    fn section(&self) -> u32 {
        u32::try_from(self.newest).unwrap_or(u32::MAX)
    }

    pub(crate) fn bytes(&self) -> &'f [u8] {
        self.file.bytes.get(..self.end).unwrap_or(self.file.bytes)
    }

    /// The trailer of the newest section.
    pub(crate) fn trailer(&self) -> Result<&'f Dict, Reason> {
        self.file.sections.get(self.newest).map(|s| &s.trailer).ok_or(Reason::new(Code::PdfXref))
    }

    pub(crate) fn numbers(&self) -> impl DoubleEndedIterator<Item = u32> + 'f {
        self.file.history.numbers(self.section())
    }

    /// What lies beyond the end was not there when this revision was made.
    pub(crate) fn entry(&self, number: u32) -> Entry {
        match self.file.history.at(number, self.section()) {
            Entry::At { offset, .. } if offset >= self.end => Entry::Free,
            entry => entry,
        }
    }

    /// The generation a reference to this number must name.
    pub(crate) fn generation(&self, number: u32) -> u16 {
        match self.entry(number) {
            Entry::At { generation, .. } => generation,
            _ => 0,
        }
    }

    /// The highest object number in use or reserved.
    pub(crate) fn highest(&self) -> u32 {
        self.numbers().next_back().unwrap_or(0)
    }

    /// The object behind a number; `Null` when there is none.
    pub(crate) fn load(&self, number: u32) -> Result<Loaded, Reason> {
        self.find(number).map_err(|r| match r.detail {
            Some(_) if r.code == Code::Budget => r,
            _ => Reason::of(r.code, format_args!("object {number} 0")),
        })
    }

    fn find(&self, number: u32) -> Result<Loaded, Reason> {
        match self.entry(number) {
            Entry::Free => Ok(Loaded {
                id: ObjectId { number, generation: 0 },
                object: Rc::new(Object::Null),
                span: None,
            }),
            Entry::At { offset, generation } => self.load_at(ObjectId { number, generation }, offset),
            Entry::Inside { stream, index } => self.load_packed(number, stream, index),
        }
    }

    fn load_at(&self, id: ObjectId, offset: usize) -> Result<Loaded, Reason> {
        let place = (offset, u32::MAX);
        if let Some(known) = self.shared(place, id) {
            return Ok(known);
        }
        // The length of a stream may stand in another object, and that may differ between views.
        let length = Cell::new(None);
        let mut parser = Parser::new(self.bytes(), offset, self.file.limits.depth);
        let read = parser.indirect(Some(id), &|id| {
            let (value, end) = self.length(id)?;
            length.set(Some((id.number, self.entry(id.number), end)));
            Some(value)
        });
        let skipped = match &read {
            Ok(Indirect { object: Object::Stream(Stream { data: Some(data), .. }), .. }) => data.len(),
            _ => 0,
        };
        let size = parser.pos().saturating_sub(offset).saturating_sub(skipped);
        self.file.charge(size)?;
        let read = read?;
        // A length that was asked for and not found is not remembered: another view may find it.
        let lost = matches!(&read.object, Object::Stream(s) if s.dict.get(b"Length").reference().is_some());
        let end = read.span.end;
        let loaded = Loaded { id, object: Rc::new(read.object), span: Some(read.span) };
        match length.get() {
            Some((number, entry, length_end)) => {
                self.share(place, end.max(length_end), Some((number, entry)), &loaded, size);
            }
            None if lost => {}
            None => self.share(place, end, None, &loaded, size),
        }
        Ok(loaded)
    }

    fn share(
        &self,
        place: (usize, u32),
        end: usize,
        length: Option<(u32, Entry)>,
        loaded: &Loaded,
        size: usize,
    ) {
        let bytes = self.file.shared_bytes.get().saturating_add(size + SHARED_COST);
        if bytes <= SHARED_MAX {
            self.file.shared_bytes.set(bytes);
            self.file.shared.borrow_mut().insert(place, Shared { end, length, loaded: loaded.clone() });
        }
    }

    /// What another view read at this place, if this view would read the same.
    fn shared(&self, place: (usize, u32), id: ObjectId) -> Option<Loaded> {
        let shared = self.file.shared.borrow();
        let known = shared.get(&place).filter(|known| known.end <= self.end && known.loaded.id == id)?;
        let same = known.length.is_none_or(|(number, entry)| self.entry(number) == entry);
        same.then(|| known.loaded.clone())
    }

    /// An indirect `/Length` and where its bytes end: a plain number at an offset, nothing that could lead back here.
    fn length(&self, id: ObjectId) -> Option<(i64, usize)> {
        match self.entry(id.number) {
            Entry::At { offset, generation } if generation == id.generation => {
                let mut parser = Parser::new(self.bytes(), offset, 1);
                self.file.charge(32).ok()?;
                let read = parser.indirect(Some(id), &|_| None).ok()?;
                Some((read.object.int()?, read.span.end))
            }
            Entry::Inside { stream, index } => {
                // Only when that stream is already unpacked or can be without another indirect length.
                let packed = self.unpack(stream, false).ok()?;
                Some((self.parse_packed(&packed, id.number, index).ok()?.int()?, packed.end))
            }
            _ => None,
        }
    }

    fn load_packed(&self, number: u32, stream: u32, index: u32) -> Result<Loaded, Reason> {
        let packed = self.unpack(stream, true)?;
        let place = (packed.offset, index);
        let id = ObjectId { number, generation: 0 };
        if let Some(known) = self.shared(place, id) {
            return Ok(known);
        }
        let before = self.file.parsed.get();
        let object = self.parse_packed(&packed, number, index)?;
        let size = self.file.parsed.get().saturating_sub(before);
        let loaded = Loaded { id, object: Rc::new(object), span: None };
        self.share(place, packed.end, None, &loaded, size);
        Ok(loaded)
    }

    fn parse_packed(&self, packed: &Packed, number: u32, index: u32) -> Result<Object, Reason> {
        let bad = || Reason::new(Code::PdfObject);
        let index = usize::try_from(index).map_err(|_| bad())?;
        let (_, at) = packed.places.get(index).copied().filter(|(n, _)| *n == number).ok_or_else(bad)?;
        let mut parser = Parser::new(&packed.data, at, self.file.limits.depth);
        let object = parser.object();
        self.file.charge(parser.pos().saturating_sub(at))?;
        object
    }

    /// An object stream (§7.5.7). It stands at an offset itself, so this never nests.
    fn unpack(&self, number: u32, lengths: bool) -> Result<Rc<Packed>, Reason> {
        let bad = || Reason::new(Code::PdfObject);
        let Entry::At { offset, generation } = self.entry(number) else { return Err(bad()) };
        if let Some(known) = self.file.packed.borrow().get(&offset) {
            let whole = known.end <= self.end && known.number == number;
            return if whole { Ok(known.clone()) } else { Err(bad()) };
        }
        let mut parser = Parser::new(self.bytes(), offset, self.file.limits.depth);
        let id = ObjectId { number, generation };
        let length = |id: ObjectId| lengths.then(|| self.length(id)).flatten().map(|(value, _)| value);
        let read = parser.indirect(Some(id), &length)?;
        let Object::Stream(stream) = read.object else { return Err(bad()) };
        if stream.dict.get(b"Type").name() != Some(b"ObjStm") {
            return Err(bad());
        }
        let data = self.decode(&stream)?;
        let count = stream.dict.get(b"N").int().and_then(|n| usize::try_from(n).ok()).ok_or_else(bad)?;
        let first = stream.dict.get(b"First").int().and_then(|n| usize::try_from(n).ok()).ok_or_else(bad)?;
        let mut parser = Parser::new(&data, 0, 1);
        let mut places = Vec::new();
        for _ in 0..count.min(self.file.limits.objects) {
            let number = parser.unsigned().and_then(|n| u32::try_from(n).ok()).ok_or_else(bad)?;
            let at = parser.unsigned().and_then(|n| usize::try_from(n).ok()).ok_or_else(bad)?;
            places.push((number, first.checked_add(at).ok_or_else(bad)?));
        }
        let packed = Rc::new(Packed { number, offset, end: read.span.end, data, places });
        self.file.packed.borrow_mut().insert(offset, packed.clone());
        Ok(packed)
    }

    /// The content of a stream.
    pub(crate) fn decode(&self, stream: &Stream) -> Result<Vec<u8>, Reason> {
        let raw = stream.data.clone().and_then(|range| self.bytes().get(range));
        let raw = raw.ok_or(Reason::new(Code::PdfFilter))?;
        let mut unpacked = self.file.unpacked.get();
        let data = filter::decode(raw, &stream.dict, &self.file.limits, &mut unpacked);
        self.file.unpacked.set(unpacked);
        data
    }

    /// The object behind a reference, or the object itself.
    pub(crate) fn resolve(&self, object: &Object) -> Result<Rc<Object>, Reason> {
        let Object::Ref(id) = object else { return Ok(Rc::new(object.clone())) };
        let loaded = self.load(id.number)?;
        let live = self.entry(id.number) != Entry::Free && self.generation(id.number) == id.generation;
        match (&*loaded.object, live) {
            (Object::Ref(_), true) => Err(Reason::of(Code::PdfObject, format_args!("object {id}"))),
            (_, true) => Ok(loaded.object),
            (_, false) => Ok(Rc::new(Object::Null)),
        }
    }

    /// The dictionary behind `dict[key]`, if it is one.
    pub(crate) fn dict_at(&self, dict: &Dict, key: &[u8]) -> Result<Option<Dict>, Reason> {
        Ok(match &*self.resolve(dict.get(key))? {
            Object::Dict(found) => Some(found.clone()),
            _ => None,
        })
    }

    /// The array behind `dict[key]`; empty when it is none.
    pub(crate) fn array_at(&self, dict: &Dict, key: &[u8]) -> Result<Vec<Object>, Reason> {
        Ok(match &*self.resolve(dict.get(key))? {
            Object::Array(items) => items.clone(),
            _ => Vec::new(),
        })
    }

    /// The catalog's id and dictionary.
    pub(crate) fn catalog(&self) -> Result<(ObjectId, Dict), Reason> {
        let id = self.trailer()?.get(b"Root").reference().ok_or(Reason::new(Code::PdfCatalog))?;
        match &*self.resolve(&Object::Ref(id))? {
            Object::Dict(dict) if !dict.ambiguous => Ok((id, dict.clone())),
            _ => Err(Reason::new(Code::PdfCatalog)),
        }
    }

    /// Whether two views show the same object: equal values, streams byte for byte.
    pub(crate) fn same(&self, mine: &Object, other: &Object) -> bool {
        match (mine, other) {
            (Object::Stream(a), Object::Stream(b)) => {
                let raw = |s: &Stream| s.data.clone().and_then(|r| self.file.bytes.get(r));
                let (left, right) = (raw(a), raw(b));
                let plain = |d: &Dict| d.with(b"Length", Object::Null);
                left.is_some() && left == right && plain(&a.dict) == plain(&b.dict)
            }
            _ => mine == other,
        }
    }
}
