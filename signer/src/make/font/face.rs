//! Reading a TrueType font (OpenType 1.9: `head`, `hhea`, `hmtx`, `maxp`, `cmap` format 4, `loca`, `glyf`). The font is
//! our own, so what is wrong with it is `None`; the reader goes nowhere outside it all the same.

use std::collections::HashMap;
use std::ops::Range;

/// A font and where things are in it.
pub(super) struct Face<'f> {
    bytes: &'f [u8],
    tables: HashMap<[u8; 4], Range<usize>>,
    letters: HashMap<char, u16>,
    advances: Vec<u32>,
    /// Where each glyph's outline is in `glyf`, one more than there are glyphs.
    places: Vec<usize>,
    /// Left, bottom, right, top of all glyphs together, in thousandths.
    pub(super) bounds: [i32; 4],
    pub(super) ascent: i32,
    pub(super) descent: i32,
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn i16_at(bytes: &[u8], at: usize) -> Option<i32> {
    u16_at(bytes, at).map(|value| i32::from(value.cast_signed()))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let value = u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?);
    usize::try_from(value).ok()
}

impl<'f> Face<'f> {
    pub(super) fn read(bytes: &'f [u8]) -> Option<Self> {
        let mut tables = HashMap::new();
        for index in 0..usize::from(u16_at(bytes, 4)?) {
            let record = 12 + index * 16;
            let tag: [u8; 4] = bytes.get(record..record + 4)?.try_into().ok()?;
            let start = u32_at(bytes, record + 8)?;
            tables.insert(tag, start..start.checked_add(u32_at(bytes, record + 12)?)?);
        }
        let table = |tag: &[u8; 4]| bytes.get(tables.get(tag)?.clone());
        let (head, hhea, hmtx) = (table(b"head")?, table(b"hhea")?, table(b"hmtx")?);
        let units = i32::from(u16_at(head, 18)?).max(1);
        let thousandths = |value: i32| value.saturating_mul(1000) / units;
        let count = usize::from(u16_at(table(b"maxp")?, 4)?);
        let metrics = usize::from(u16_at(hhea, 34)?);
        let advance = |glyph: usize| {
            let units_wide = u16_at(hmtx, glyph.min(metrics.saturating_sub(1)) * 4)?;
            u32::try_from((i32::from(units_wide) * 1000 + units / 2) / units).ok()
        };
        let loca = table(b"loca")?;
        let place = |glyph: usize| match i16_at(head, 50) {
            Some(0) => u16_at(loca, glyph * 2).map(|half| usize::from(half) * 2),
            _ => u32_at(loca, glyph * 4),
        };
        let bounds = [36, 38, 40, 42].map(|at| thousandths(i16_at(head, at).unwrap_or(0)));
        Some(Self {
            advances: (0..count).map(advance).collect::<Option<_>>()?,
            places: (0..=count).map(place).collect::<Option<_>>()?,
            letters: letters(table(b"cmap")?)?,
            ascent: thousandths(i16_at(hhea, 4)?),
            descent: thousandths(i16_at(hhea, 6)?),
            bounds,
            bytes,
            tables,
        })
    }

    pub(super) fn table(&self, tag: &[u8; 4]) -> Option<&'f [u8]> {
        self.bytes.get(self.tables.get(tag)?.clone())
    }

    /// The glyph of a letter.
    pub(super) fn glyph(&self, letter: char) -> Option<u16> {
        self.letters.get(&letter).copied()
    }

    /// A glyph's width in thousandths of the size.
    pub(super) fn advance(&self, glyph: u16) -> u32 {
        self.advances.get(usize::from(glyph)).copied().unwrap_or(0)
    }

    pub(super) fn glyph_count(&self) -> usize {
        self.advances.len()
    }

    /// A glyph's outline; empty for one without ink.
    pub(super) fn outline(&self, glyph: u16) -> &'f [u8] {
        let index = usize::from(glyph);
        let place = || Some(*self.places.get(index)?..*self.places.get(index + 1)?);
        let glyf = self.table(b"glyf").unwrap_or_default();
        place().and_then(|range| glyf.get(range)).unwrap_or_default()
    }

    /// The glyphs a composite glyph is put together from (OpenType `glyf`, composite glyph description).
    pub(super) fn parts(&self, glyph: u16) -> Vec<u16> {
        let outline = self.outline(glyph);
        let mut parts = Vec::new();
        if i16_at(outline, 0).is_none_or(|contours| contours >= 0) {
            return parts;
        }
        let mut at = 10;
        while let (Some(flags), Some(part)) = (u16_at(outline, at), u16_at(outline, at + 2)) {
            parts.push(part);
            let arguments = if flags & 0x0001 != 0 { 4 } else { 2 };
            let scale = match flags & 0x00C8 {
                0x0008 => 2,
                0x0040 => 4,
                0x0080 => 8,
                _ => 0,
            };
            at += 4 + arguments + scale;
            if flags & 0x0020 == 0 {
                break;
            }
        }
        parts
    }
}

/// The letters of the first format 4 subtable.
fn letters(cmap: &[u8]) -> Option<HashMap<char, u16>> {
    let offsets = (0..usize::from(u16_at(cmap, 2)?)).filter_map(|index| u32_at(cmap, 8 + index * 8));
    let table = offsets.filter_map(|at| cmap.get(at..)).find(|table| u16_at(table, 0) == Some(4))?;
    let doubled = usize::from(u16_at(table, 6)?);
    let mut letters = HashMap::new();
    for segment in (0..doubled).step_by(2) {
        let end = u16_at(table, 14 + segment)?;
        let start = u16_at(table, 16 + doubled + segment)?;
        let delta = u16_at(table, 16 + doubled * 2 + segment)?;
        let at = 16 + doubled * 3 + segment;
        let offset = usize::from(u16_at(table, at)?);
        for code in start..=end {
            let glyph = match offset {
                0 => code.wrapping_add(delta),
                _ => match u16_at(table, at + offset + usize::from(code - start) * 2).unwrap_or(0) {
                    0 => 0,
                    found => found.wrapping_add(delta),
                },
            };
            if let (Some(letter), true) = (char::from_u32(u32::from(code)), glyph != 0) {
                letters.insert(letter, glyph);
            }
        }
    }
    Some(letters)
}
