//! FlateDecode with predictors (ISO 32000-1 §7.4.4): all that structure and evidence streams use.

use super::object::{Dict, Object};
use crate::limits::Limits;
use crate::message::{Code, Reason};
use std::io::Read;

/// The stream's content. `unpacked` counts over the whole file.
pub(crate) fn decode(
    raw: &[u8],
    dict: &Dict,
    limits: &Limits,
    unpacked: &mut usize,
) -> Result<Vec<u8>, Reason> {
    let filter = match dict.get(b"Filter") {
        Object::Null => return account(raw.to_vec(), limits, unpacked),
        Object::Name(name) => name.as_ref(),
        Object::Array(items) => match items.as_slice() {
            [] => return account(raw.to_vec(), limits, unpacked),
            [Object::Name(name)] => name.as_ref(),
            _ => return Err(Reason::new(Code::PdfFilter)),
        },
        _ => return Err(Reason::new(Code::PdfFilter)),
    };
    if filter != b"FlateDecode" && filter != b"Fl" {
        return Err(Reason::of(Code::PdfFilter, "only FlateDecode"));
    }
    let left = limits.stream_bytes.min(limits.unpacked_bytes.saturating_sub(*unpacked));
    let mut data = Vec::new();
    let mut reader = flate2::read::ZlibDecoder::new(raw).take(u64::try_from(left).unwrap_or(0) + 1);
    reader.read_to_end(&mut data).map_err(|_| Reason::new(Code::PdfFilter))?;
    let data = account(data, limits, unpacked)?;
    let parms = match dict.get(b"DecodeParms") {
        Object::Array(items) => items.first().and_then(Object::dict),
        other => other.dict(),
    };
    match parms {
        None => Ok(data),
        Some(parms) => predict(data, parms),
    }
}

fn account(data: Vec<u8>, limits: &Limits, unpacked: &mut usize) -> Result<Vec<u8>, Reason> {
    *unpacked = unpacked.saturating_add(data.len());
    if data.len() > limits.stream_bytes || *unpacked > limits.unpacked_bytes {
        return Err(Reason::of(Code::Budget, "unpacked bytes"));
    }
    Ok(data)
}

/// PNG predictors (RFC 2083 §6), one byte per sample: what cross-reference streams use.
fn predict(data: Vec<u8>, parms: &Dict) -> Result<Vec<u8>, Reason> {
    let bad = || Reason::of(Code::PdfFilter, "predictor");
    match parms.get(b"Predictor").int().unwrap_or(1) {
        1 => return Ok(data),
        10..=15 => {}
        _ => return Err(bad()),
    }
    let one = |key: &[u8], default: i64| parms.get(key).int().unwrap_or(default);
    if one(b"Colors", 1) != 1 || one(b"BitsPerComponent", 8) != 8 {
        return Err(bad());
    }
    let columns =
        usize::try_from(one(b"Columns", 1)).ok().filter(|c| (1..=4096).contains(c)).ok_or_else(bad)?;
    let mut above = vec![0u8; columns];
    let mut out = Vec::with_capacity(data.len());
    for row in data.chunks(columns + 1) {
        let (Some((kind, cells)), true) = (row.split_first(), row.len() == columns + 1) else {
            return Err(bad());
        };
        let mut left = 0u8;
        let mut corner = 0u8;
        for (cell, up) in cells.iter().zip(above.iter_mut()) {
            let base = match kind {
                0 => 0,
                1 => left,
                2 => *up,
                3 => ((u16::from(left) + u16::from(*up)) / 2) as u8,
                4 => paeth(left, *up, corner),
                _ => return Err(bad()),
            };
            corner = *up;
            left = cell.wrapping_add(base);
            *up = left;
            out.push(left);
        }
    }
    Ok(out)
}

/// PNG's fourth filter (ISO/IEC 15948 §9.4).
pub(crate) fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let guess = a + b - c;
    let (da, db, dc) = ((guess - a).abs(), (guess - b).abs(), (guess - c).abs());
    match (da <= db && da <= dc, db <= dc) {
        (true, _) => left,
        (false, true) => up,
        _ => corner,
    }
}
