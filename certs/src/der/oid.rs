//! Object identifiers.

use std::fmt;
use std::str::FromStr;

/// Longest contents we keep. The longest seen in certificates (Microsoft template arcs) take about 30 bytes, a
/// UUID arc (2.25.…) 20.
const CAPACITY: usize = 47;

/// An object identifier, kept as its DER contents. Small and `Copy`, so that constants read well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid {
    length: u8,
    bytes: [u8; CAPACITY],
}

impl Oid {
    /// From its arcs, for constants: `Oid::new(&[2, 5, 29, 37])`. A wrong constant does not compile.
    pub const fn new(arcs: &[u32]) -> Oid {
        assert!(
            arcs.len() >= 2 && arcs[0] <= 2 && (arcs[0] == 2 || arcs[1] < 40),
            "not an object identifier"
        );
        let mut oid = Oid { length: 0, bytes: [0; CAPACITY] };
        oid = oid.with_arc(arcs[0] as u128 * 40 + arcs[1] as u128);
        let mut index = 2;
        while index < arcs.len() {
            oid = oid.with_arc(arcs[index] as u128);
            index += 1;
        }
        oid
    }

    /// Adds one arc. Callers make sure it fits: at most 19 bytes for 128 bits.
    const fn with_arc(mut self, arc: u128) -> Oid {
        let mut shift: u32 = 0;
        while shift < 126 && arc >> (shift + 7) != 0 {
            shift += 7;
        }
        loop {
            let more = if shift > 0 { 0x80 } else { 0 };
            self.bytes[self.length as usize] = ((arc >> shift) & 0x7f) as u8 | more;
            self.length += 1;
            if shift == 0 {
                return self;
            }
            shift -= 7;
        }
    }

    /// From the contents of an OBJECT IDENTIFIER. `None` when empty, cut short, padded, or longer than we keep.
    pub fn from_content(content: &[u8]) -> Option<Oid> {
        let last = *content.last()?;
        if content.len() > CAPACITY || last & 0x80 != 0 {
            return None;
        }
        let mut start = true;
        let mut bytes = [0; CAPACITY];
        for (slot, &byte) in bytes.iter_mut().zip(content) {
            if start && byte == 0x80 {
                return None;
            }
            start = byte & 0x80 == 0;
            *slot = byte;
        }
        Some(Oid { length: content.len() as u8, bytes })
    }

    /// The DER contents.
    pub fn content(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value: u128 = 0;
        let mut first = true;
        for &byte in self.content() {
            // Arcs beyond 121 bits are shown modulo; UUID arcs (128 bits) need the whole width.
            value = value.wrapping_shl(7) | u128::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                continue;
            }
            if first {
                let top = (value / 40).min(2);
                write!(f, "{top}.{}", value - top * 40)?;
                first = false;
            } else {
                write!(f, ".{value}")?;
            }
            value = 0;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a dotted object identifier, or longer than we keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an object identifier")]
pub struct BadOid;

impl FromStr for Oid {
    type Err = BadOid;

    fn from_str(text: &str) -> Result<Oid, BadOid> {
        let mut arcs = text.split('.').map(|arc| {
            let plain = !arc.is_empty()
                && arc.bytes().all(|b| b.is_ascii_digit())
                && (arc == "0" || !arc.starts_with('0'));
            if plain { arc.parse::<u128>().map_err(|_| BadOid) } else { Err(BadOid) }
        });
        let top = arcs.next().ok_or(BadOid)??;
        let second = arcs.next().ok_or(BadOid)??;
        if top > 2 || (top < 2 && second > 39) {
            return Err(BadOid);
        }
        let mut oid = Oid { length: 0, bytes: [0; CAPACITY] };
        oid = oid.with_arc(second.checked_add(top * 40).ok_or(BadOid)?);
        for arc in arcs {
            let arc = arc?;
            let width = (u128::BITS - arc.leading_zeros()).div_ceil(7).max(1);
            if usize::from(oid.length) + width as usize > CAPACITY {
                return Err(BadOid);
            }
            oid = oid.with_arc(arc);
        }
        Ok(oid)
    }
}

impl serde::Serialize for Oid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
