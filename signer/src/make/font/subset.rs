//! A font with the outlines of some glyphs only. Glyphs keep their numbers, the others become empty: nothing has to be
//! renumbered inside composite glyphs, and an empty outline costs two bytes.

use super::face::Face;
use std::collections::BTreeSet;

/// Glyph 0, drawn for what is missing, is always there.
const MISSING: u16 = 0;

/// The font program of these glyphs and their parts.
pub(super) fn keep(face: &Face<'_>, glyphs: impl Iterator<Item = u16>) -> Vec<u8> {
    let mut wanted = BTreeSet::new();
    let mut waiting: Vec<u16> = glyphs.chain([MISSING]).collect();
    while let Some(glyph) = waiting.pop() {
        if wanted.insert(glyph) {
            waiting.extend(face.parts(glyph));
        }
    }
    let (mut glyf, mut loca) = (Vec::new(), Vec::new());
    for glyph in 0..face.glyph_count() {
        loca.extend_from_slice(&offset(glyf.len()));
        if let Some(glyph) = u16::try_from(glyph).ok().filter(|glyph| wanted.contains(glyph)) {
            glyf.extend_from_slice(face.outline(glyph));
            glyf.resize(glyf.len().next_multiple_of(4), 0);
        }
    }
    loca.extend_from_slice(&offset(glyf.len()));
    let mut head = face.table(b"head").unwrap_or_default().to_vec();
    // Long offsets; the sum over the file is computed below.
    set(&mut head, 50, &[0, 1]);
    set(&mut head, 8, &[0; 4]);
    let copy = |tag: &[u8; 4]| face.table(tag).unwrap_or_default().to_vec();
    let tables = [
        (b"glyf", glyf),
        (b"head", head),
        (b"hhea", copy(b"hhea")),
        (b"hmtx", copy(b"hmtx")),
        (b"loca", loca),
        (b"maxp", copy(b"maxp")),
    ];
    assemble(&tables)
}

fn offset(at: usize) -> [u8; 4] {
    u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes()
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// The sum of a table's big-endian words, the last padded with zeros.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(4).fold(0u32, |sum, word| {
        let mut padded = [0u8; 4];
        padded.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
        sum.wrapping_add(u32::from_be_bytes(padded))
    })
}

/// Tables, sorted by tag, behind their directory.
fn assemble(tables: &[(&[u8; 4], Vec<u8>); 6]) -> Vec<u8> {
    // For six tables: searchRange 64, entrySelector 2, rangeShift 32.
    let mut out = vec![0, 1, 0, 0, 0, 6, 0, 64, 0, 2, 0, 32];
    let mut at = out.len() + tables.len() * 16;
    let mut head = 0;
    for (tag, table) in tables {
        out.extend_from_slice(*tag);
        out.extend_from_slice(&sum(table).to_be_bytes());
        out.extend_from_slice(&offset(at));
        out.extend_from_slice(&offset(table.len()));
        if *tag == b"head" {
            head = at;
        }
        at += table.len().next_multiple_of(4);
    }
    for (_, table) in tables {
        out.extend_from_slice(table);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    let adjustment = 0xB1B0_AFBAu32.wrapping_sub(sum(&out));
    set(&mut out, head + 8, &adjustment.to_be_bytes());
    out
}
