//! Writing: objects back to bytes, and an incremental update appended to a file whose own bytes stay untouched
//! (ISO 32000-1 §7.5.6).

use super::document::View;
use super::object::{Dict, Object, ObjectId};
use crate::message::{Code, Reason};
use std::collections::BTreeMap;
use std::io::Write;

/// Appends an object. Streams are written by [`Update::put_stream`], which knows their bytes.
pub(crate) fn serialize(object: &Object, out: &mut Vec<u8>) {
    match object {
        Object::Null | Object::Stream(_) => out.extend_from_slice(b"null"),
        Object::Bool(true) => out.extend_from_slice(b"true"),
        Object::Bool(false) => out.extend_from_slice(b"false"),
        Object::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Object::Real(text) => out.extend_from_slice(text),
        Object::Name(name) => serialize_name(name, out),
        Object::Text(text) => hexadecimal(&text.bytes, out),
        Object::Ref(id) => out.extend_from_slice(format!("{id} R").as_bytes()),
        Object::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                serialize(item, out);
            }
            out.push(b']');
        }
        Object::Dict(dict) => serialize_dict(dict, out),
    }
}

fn serialize_dict(dict: &Dict, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<<");
    for (key, value) in dict.iter().filter(|(_, v)| !matches!(v, Object::Null)) {
        serialize_name(key, out);
        out.push(b' ');
        serialize(value, out);
    }
    out.extend_from_slice(b">>");
}

fn serialize_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for byte in name {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'+' | b':' | b'*' => {
                out.push(*byte)
            }
            other => out.extend_from_slice(format!("#{other:02X}").as_bytes()),
        }
    }
}

/// `<…>`.
pub(crate) fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'<');
    for byte in bytes {
        out.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    out.push(b'>');
}

/// A text string (§7.9.2.2) as it stands in a file: plain when it is ASCII, else UTF-16 with its mark.
pub(crate) fn escape_text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    if text.bytes().all(|b| (0x20..0x7F).contains(&b)) {
        out.push(b'(');
        for byte in text.bytes() {
            if matches!(byte, b'(' | b')' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b')');
    } else {
        let mut units = vec![0xFE, 0xFF];
        units.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        hexadecimal(&units, &mut out);
    }
    out
}

/// An update being put together.
pub(crate) struct Update<'v, 'f> {
    view: &'v View<'f>,
    next: u32,
    bodies: BTreeMap<u32, (u16, Vec<u8>)>,
    /// Dictionaries as the update will have them: several steps may change the same one.
    dicts: BTreeMap<u32, Dict>,
    /// The same for arrays.
    arrays: BTreeMap<u32, Vec<Object>>,
}

/// The finished file and where the update's objects begin in it.
pub(crate) struct Appended {
    pub(crate) bytes: Vec<u8>,
    pub(crate) offsets: BTreeMap<u32, usize>,
}

impl<'v, 'f> Update<'v, 'f> {
    pub(crate) fn new(view: &'v View<'f>) -> Result<Self, Reason> {
        let size = view.trailer()?.get(b"Size").int().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let next = view.highest().saturating_add(1).max(size);
        Ok(Self { view, next, bodies: BTreeMap::new(), dicts: BTreeMap::new(), arrays: BTreeMap::new() })
    }

    /// A number nobody uses.
    pub(crate) fn allocate(&mut self) -> ObjectId {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        ObjectId { number, generation: 0 }
    }

    pub(crate) fn put_array(&mut self, id: ObjectId, array: Vec<Object>) {
        let mut body = Vec::new();
        let array = Object::Array(array);
        serialize(&array, &mut body);
        self.put_raw(id, body);
        if let Object::Array(items) = array {
            self.arrays.insert(id.number, items);
        }
    }

    /// The array behind `dict[key]` as it stands in this update; empty when it is none.
    pub(crate) fn array_at(&self, dict: &Dict, key: &[u8]) -> Result<Vec<Object>, Reason> {
        match dict.get(key).reference().and_then(|id| self.arrays.get(&id.number)) {
            Some(changed) => Ok(changed.clone()),
            None => self.view.array_at(dict, key),
        }
    }

    pub(crate) fn put_dict(&mut self, id: ObjectId, dict: &Dict) {
        let mut body = Vec::new();
        serialize_dict(dict, &mut body);
        self.put_raw(id, body);
        self.dicts.insert(id.number, dict.clone());
    }

    /// A dictionary as it stands in this update: changed by it, or as in the file. Errors: it is none, or has a key twice.
    pub(crate) fn dict(&self, id: ObjectId) -> Result<Dict, Reason> {
        if let Some(changed) = self.dicts.get(&id.number) {
            return Ok(changed.clone());
        }
        match &*self.view.resolve(&Object::Ref(id))? {
            Object::Dict(dict) if !dict.ambiguous => Ok(dict.clone()),
            _ => Err(Reason::of(Code::MakeField, format_args!("object {id}"))),
        }
    }

    /// A body written by the caller.
    pub(crate) fn put_raw(&mut self, id: ObjectId, body: Vec<u8>) {
        self.bodies.insert(id.number, (id.generation, body));
    }

    /// A stream; `entries` stand in its dictionary as they are, `/Length` is added.
    pub(crate) fn put_stream(&mut self, id: ObjectId, entries: &str, data: &[u8]) {
        let mut body = format!("<<{entries}/Length {}>>\nstream\n", data.len()).into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\nendstream");
        self.put_raw(id, body);
    }

    /// The file with the update appended.
    pub(crate) fn finish(mut self) -> Result<Appended, Reason> {
        let file = self.view.file;
        let Some(newest) = file.sections.first() else { return Err(Reason::new(Code::PdfXref)) };
        let mut bytes = file.bytes.to_vec();
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        let stream = newest.stream_number.map(|_| self.allocate());
        let mut offsets = BTreeMap::new();
        for (number, (generation, body)) in &self.bodies {
            offsets.insert(*number, bytes.len());
            bytes.extend_from_slice(format!("{number} {generation} obj\n").as_bytes());
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(b"\nendobj\n");
        }
        let start = bytes.len();
        let trailer = self.trailer(newest.offset)?;
        match stream {
            None => self.table(&offsets, &trailer, &mut bytes),
            Some(id) => self.stream(id, &offsets, &trailer, &mut bytes),
        }
        bytes.extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
        Ok(Appended { bytes, offsets })
    }

    fn trailer(&self, previous: usize) -> Result<Vec<u8>, Reason> {
        let old = self.view.trailer()?;
        let mut out = format!("/Size {}/Prev {previous}", self.next).into_bytes();
        for key in [b"Root".as_slice(), b"Info", b"ID"] {
            if old.has(key) {
                serialize_name(key, &mut out);
                out.push(b' ');
                serialize(old.get(key), &mut out);
            }
        }
        Ok(out)
    }

    fn runs(numbers: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some((first, count)) if first.saturating_add(*count) == number => *count += 1,
                _ => runs.push((number, 1)),
            }
        }
        runs
    }

    fn table(&self, offsets: &BTreeMap<u32, usize>, trailer: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"xref\n");
        for (first, count) in Self::runs(offsets.keys().copied()) {
            out.extend_from_slice(format!("{first} {count}\n").as_bytes());
            for (number, offset) in offsets.range(first..first.saturating_add(count)) {
                let generation = self.bodies.get(number).map_or(0, |(g, _)| *g);
                out.extend_from_slice(format!("{offset:010} {generation:05} n\r\n").as_bytes());
            }
        }
        out.extend_from_slice(b"trailer\n<<");
        out.extend_from_slice(trailer);
        out.extend_from_slice(b">>\n");
    }

    fn stream(&self, id: ObjectId, offsets: &BTreeMap<u32, usize>, trailer: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let mut all = offsets.clone();
        all.insert(id.number, start);
        let mut rows = Vec::new();
        for (number, offset) in &all {
            let generation = self.bodies.get(number).map_or(0, |(g, _)| *g);
            rows.push(1u8);
            rows.extend_from_slice(&u64::try_from(*offset).unwrap_or(0).to_be_bytes());
            rows.extend_from_slice(&generation.to_be_bytes());
        }
        let mut index = String::new();
        for (first, count) in Self::runs(all.keys().copied()) {
            index.push_str(&format!("{first} {count} "));
        }
        out.extend_from_slice(
            format!("{id} obj\n<</Type/XRef/W[1 8 2]/Index[{}]", index.trim_end()).as_bytes(),
        );
        out.extend_from_slice(trailer);
        // Writing to a vector cannot fail.
        let _ = write!(out, "/Length {}>>\nstream\n", rows.len());
        out.extend_from_slice(&rows);
        out.extend_from_slice(b"\nendstream\nendobj\n");
    }
}
