//! PNG (ISO/IEC 15948) into rows of red, green, blue and alpha, within bounds: all colour types and depths, interlaced or
//! not. Chunks that are not needed for the picture are passed over; nothing is repaired.

use crate::message::{Code, Reason};
use crate::pdf::paeth;
use std::io::Read;

/// Pixels on a side. A seal scanned at 2,400 dpi has 3,400.
const SIDE_MAX: u32 = 3_600;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Red, green, blue, alpha; row by row from the top.
    pub(crate) rgba: Vec<[u8; 4]>,
    /// The file says how transparent a pixel is: an alpha channel or a `tRNS` chunk.
    pub(crate) has_alpha: bool,
}

/// `IHDR`.
struct Header {
    width: u32,
    height: u32,
    depth: u8,
    colour: u8,
    interlaced: bool,
}

/// What the chunks say.
#[derive(Default)]
struct Chunks {
    header: Option<Header>,
    palette: Vec<u8>,
    transparency: Option<Vec<u8>>,
    data: Vec<u8>,
}

fn bad(what: &str) -> Reason {
    Reason::of(Code::PictureUnreadable, what)
}

/// Reads a picture. Errors: not a PNG, damaged, or larger than [`SIDE_MAX`] on a side.
pub(crate) fn read(bytes: &[u8]) -> Result<Pixels, Reason> {
    let chunks = chunks(bytes)?;
    let header = chunks.header.as_ref().ok_or_else(|| bad("IHDR"))?;
    let passes = header.passes();
    let expected = passes.iter().map(|pass| (header.row_bytes(pass.width) + 1) * pass.height).sum::<usize>();
    let mut raw = Vec::new();
    let most = u64::try_from(expected).unwrap_or(0).saturating_add(1);
    flate2::read::ZlibDecoder::new(chunks.data.as_slice())
        .take(most)
        .read_to_end(&mut raw)
        .map_err(|_| bad("IDAT"))?;
    if raw.len() != expected {
        return Err(bad("IDAT"));
    }
    let (width, height) = (side(header.width), side(header.height));
    let mut rgba = vec![[0u8; 4]; width * height];
    let mut rest = raw.as_mut_slice();
    for pass in &passes {
        let row_bytes = header.row_bytes(pass.width);
        let (rows, left) = rest.split_at_mut((row_bytes + 1) * pass.height);
        rest = left;
        header.unfilter(rows, row_bytes)?;
        for (line, row) in rows.chunks_exact(row_bytes + 1).enumerate() {
            let Some((_, row)) = row.split_first() else { continue };
            for column in 0..pass.width {
                let pixel = chunks.pixel(header, row, column)?;
                let at = (pass.top + line * pass.down) * width + pass.left + column * pass.across;
                if let Some(place) = rgba.get_mut(at) {
                    *place = pixel;
                }
            }
        }
    }
    let has_alpha = matches!(header.colour, 4 | 6) || chunks.transparency.is_some();
    Ok(Pixels { width, height, rgba, has_alpha })
}

/// At most [`SIDE_MAX`], so it fits.
fn side(pixels: u32) -> usize {
    usize::try_from(pixels).unwrap_or(0)
}

fn chunks(bytes: &[u8]) -> Result<Chunks, Reason> {
    let mut rest = bytes.strip_prefix(SIGNATURE).ok_or_else(|| bad("PNG"))?;
    let mut found = Chunks::default();
    loop {
        let (length, kind) =
            rest.split_at_checked(8).map(|(head, _)| head.split_at(4)).ok_or_else(|| bad("chunk"))?;
        let length = u32::from_be_bytes(length.try_into().map_err(|_| bad("chunk"))?);
        let length = usize::try_from(length).map_err(|_| bad("chunk"))?;
        let end = length.checked_add(12).filter(|end| *end <= rest.len()).ok_or_else(|| bad("chunk"))?;
        let (body, sum) =
            rest.get(8..end).and_then(|all| all.split_at_checked(length)).ok_or_else(|| bad("chunk"))?;
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(body);
        if sum != crc.sum().to_be_bytes() {
            return Err(bad("CRC"));
        }
        match kind {
            b"IHDR" if found.header.is_none() => found.header = Some(Header::read(body)?),
            b"PLTE" => found.palette = body.to_vec(),
            b"tRNS" => found.transparency = Some(body.to_vec()),
            b"IDAT" => found.data.extend_from_slice(body),
            b"IEND" => return Ok(found),
            // A capital first letter: not to be passed over (§5.4).
            [first, ..] if first.is_ascii_uppercase() => return Err(bad("chunk")),
            _ => {}
        }
        rest = rest.get(end..).unwrap_or_default();
    }
}

/// One pass of an interlaced picture (§8.2), or the whole of another.
struct Pass {
    left: usize,
    top: usize,
    across: usize,
    down: usize,
    width: usize,
    height: usize,
}

impl Header {
    fn read(body: &[u8]) -> Result<Self, Reason> {
        let [w1, w2, w3, w4, h1, h2, h3, h4, depth, colour, 0, 0, interlace] = *body else {
            return Err(bad("IHDR"));
        };
        let (width, height) = (u32::from_be_bytes([w1, w2, w3, w4]), u32::from_be_bytes([h1, h2, h3, h4]));
        let depths: &[u8] = match colour {
            0 => &[1, 2, 4, 8, 16],
            3 => &[1, 2, 4, 8],
            2 | 4 | 6 => &[8, 16],
            _ => &[],
        };
        if !depths.contains(&depth) || interlace > 1 || width == 0 || height == 0 {
            return Err(bad("IHDR"));
        }
        if width > SIDE_MAX || height > SIDE_MAX {
            return Err(Reason::of(Code::PictureSize, format_args!("{width}×{height} > {SIDE_MAX}")));
        }
        Ok(Self { width, height, depth, colour, interlaced: interlace == 1 })
    }

    fn channels(&self) -> usize {
        match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        }
    }

    fn row_bytes(&self, width: usize) -> usize {
        (width * self.channels() * usize::from(self.depth)).div_ceil(8)
    }

    fn passes(&self) -> Vec<Pass> {
        let (width, height) = (side(self.width), side(self.height));
        if !self.interlaced {
            return vec![Pass { left: 0, top: 0, across: 1, down: 1, width, height }];
        }
        let all = [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ];
        let pass = |(left, top, across, down): (usize, usize, usize, usize)| Pass {
            left,
            top,
            across,
            down,
            width: width.saturating_sub(left).div_ceil(across),
            height: height.saturating_sub(top).div_ceil(down),
        };
        all.into_iter().map(pass).filter(|pass| pass.width > 0 && pass.height > 0).collect()
    }

    /// Undoes the filters of a pass in place (§9.2).
    fn unfilter(&self, rows: &mut [u8], row_bytes: usize) -> Result<(), Reason> {
        let step = (self.channels() * usize::from(self.depth)).div_ceil(8);
        let mut above = vec![0u8; row_bytes];
        for row in rows.chunks_exact_mut(row_bytes + 1) {
            let Some((kind, cells)) = row.split_first_mut() else { continue };
            for at in 0..cells.len() {
                let before = |cells: &[u8]| {
                    at.checked_sub(step).and_then(|left| cells.get(left)).copied().unwrap_or(0)
                };
                let (left, corner) = (before(cells), before(&above));
                let up = above.get(at).copied().unwrap_or(0);
                let base = match kind {
                    0 => 0,
                    1 => left,
                    2 => up,
                    3 => u8::midpoint(left, up),
                    4 => paeth(left, up, corner),
                    _ => return Err(bad("filter")),
                };
                if let Some(cell) = cells.get_mut(at) {
                    *cell = cell.wrapping_add(base);
                }
            }
            above.copy_from_slice(cells);
        }
        Ok(())
    }

    /// The raw value of a sample.
    fn sample(&self, row: &[u8], index: usize) -> u16 {
        let byte = |at: usize| row.get(at).copied().unwrap_or(0);
        match self.depth {
            16 => u16::from_be_bytes([byte(index * 2), byte(index * 2 + 1)]),
            8 => u16::from(byte(index)),
            depth => {
                let bit = index * usize::from(depth);
                let shift = 8 - usize::from(depth) - bit % 8;
                u16::from(byte(bit / 8) >> shift) & ((1 << depth) - 1)
            }
        }
    }

    /// A sample in eight bits.
    fn eight(&self, value: u16) -> u8 {
        let most = (1u32 << self.depth) - 1;
        u8::try_from(u32::from(value) * 255 / most).unwrap_or(u8::MAX)
    }
}

impl Chunks {
    fn pixel(&self, header: &Header, row: &[u8], column: usize) -> Result<[u8; 4], Reason> {
        let sample = |channel: usize| header.sample(row, column * header.channels() + channel);
        let eight = |channel: usize| header.eight(sample(channel));
        // One colour may be declared transparent (§11.3.2).
        let is_declared = |channels: usize| {
            let declared = self.transparency.as_deref().unwrap_or_default();
            declared.len() == channels * 2
                && declared.chunks_exact(2).enumerate().all(|(c, value)| value == sample(c).to_be_bytes())
        };
        Ok(match header.colour {
            3 => {
                let index = usize::from(sample(0));
                let colour = self.palette.get(index * 3..index * 3 + 3);
                let Some([red, green, blue]) = colour else { return Err(bad("PLTE")) };
                let alpha = self.transparency.as_ref().and_then(|all| all.get(index)).copied().unwrap_or(255);
                [*red, *green, *blue, alpha]
            }
            0 => [eight(0), eight(0), eight(0), if is_declared(1) { 0 } else { 255 }],
            2 => [eight(0), eight(1), eight(2), if is_declared(3) { 0 } else { 255 }],
            4 => [eight(0), eight(0), eight(0), eight(1)],
            _ => [eight(0), eight(1), eight(2), eight(3)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Extra<'a> = (&'a [u8; 4], &'a [u8]);
    /// Name, depth and colour type and interlace, further chunks, filtered rows.
    type Row<'a> = (&'a str, [u8; 3], Vec<Extra<'a>>, Vec<u8>);

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(body);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length, kind.as_slice(), body, &crc.sum().to_be_bytes()].concat()
    }

    /// A PNG of rows that are already filtered.
    fn png(size: (u32, u32), kind: [u8; 3], extra: &[Extra<'_>], rows: &[u8]) -> Vec<u8> {
        let [depth, colour, interlace] = kind;
        let header =
            [&size.0.to_be_bytes()[..], &size.1.to_be_bytes(), &[depth, colour, 0, 0, interlace]].concat();
        let mut out = [SIGNATURE, &chunk(b"IHDR", &header)].concat();
        extra.iter().for_each(|(kind, body)| out.extend(chunk(kind, body)));
        out.extend(chunk(b"IDAT", &crate::make::font::deflated(rows)));
        out.extend(chunk(b"IEND", b""));
        out
    }

    #[test]
    fn every_colour_type_says_the_same() {
        let red = [255, 0, 0, 255];
        let clear = [0, 0, 255, 0];
        let (palette, alpha): (&[u8], &[u8]) = (&[255, 0, 0, 0, 0, 255], &[255, 0]);
        let keyed: &[u8] = &[0, 0, 0, 0, 0, 255];
        #[rustfmt::skip]
        let rows: &[Row<'_>] = &[
            ("rgba 8",     [8, 6, 0],  vec![], vec![0, 255, 0, 0, 255, 0, 0, 255, 0]),
            ("rgba sub",   [8, 6, 0],  vec![], vec![1, 255, 0, 0, 255, 1, 0, 255, 1]),
            ("rgba up",    [8, 6, 0],  vec![], vec![2, 255, 0, 0, 255, 0, 0, 255, 0]),
            ("rgba mean",  [8, 6, 0],  vec![], vec![3, 255, 0, 0, 255, 129, 0, 255, 129]),
            ("rgba paeth", [8, 6, 0],  vec![], vec![4, 255, 0, 0, 255, 1, 0, 255, 1]),
            ("rgba 16",    [16, 6, 0], vec![], vec![0, 255, 255, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 255, 255, 0, 0]),
            ("palette 1",  [1, 3, 0],  vec![(b"PLTE", palette), (b"tRNS", alpha)], vec![0, 0b0100_0000]),
            ("palette 4",  [4, 3, 0],  vec![(b"PLTE", palette), (b"tRNS", alpha)], vec![0, 0x01]),
            ("palette 8",  [8, 3, 0],  vec![(b"PLTE", palette), (b"tRNS", alpha)], vec![0, 0, 1]),
            ("colour key", [8, 2, 0],  vec![(b"tRNS", keyed)], vec![0, 255, 0, 0, 0, 0, 255]),
            ("interlaced", [8, 6, 1],  vec![], vec![0, 255, 0, 0, 255, 0, 0, 0, 255, 0]),
        ];
        for (name, kind, extra, data) in rows {
            let pixels = read(&png((2, 1), *kind, extra, data)).unwrap_or_else(|r| panic!("{name}: {r}"));
            assert_eq!((pixels.rgba.as_slice(), pixels.has_alpha), ([red, clear].as_slice(), true), "{name}");
        }
        let grey = read(&png((2, 1), [8, 4, 0], &[], &[0, 9, 255, 9, 0])).unwrap();
        assert_eq!((grey.rgba, grey.has_alpha), (vec![[9, 9, 9, 255], [9, 9, 9, 0]], true));
        assert!(!read(&png((2, 1), [8, 2, 0], &[], &[0; 7])).unwrap().has_alpha);
    }

    #[test]
    fn filters_look_at_the_row_above_and_interlacing_fills_the_square() {
        // 3×3 greys 0..=8, each row by another filter.
        let rows = [0, 0, 1, 2, 2, 3, 3, 3, 4, 3, 1, 1];
        let plain = read(&png((3, 3), [8, 0, 0], &[], &rows)).unwrap();
        let greys: Vec<u8> = plain.rgba.iter().map(|p| p[0]).collect();
        assert_eq!(greys, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        // The same, interlaced: passes 1, 4, 5, 6 and 7 hold pixels.
        let rows = [0, 0, 0, 2, 0, 6, 8, 0, 1, 0, 7, 0, 3, 4, 5];
        assert_eq!(read(&png((3, 3), [8, 0, 1], &[], &rows)).unwrap().rgba, plain.rgba);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let good = png((2, 1), [8, 6, 0], &[], &[0, 255, 0, 0, 255, 0, 0, 255, 0]);
        let code = |bytes: &[u8]| read(bytes).err().map(|reason| reason.code);
        assert_eq!(code(&good), None);
        for cut in 0..good.len() {
            assert_eq!(code(&good[..cut]), Some(Code::PictureUnreadable), "cut at {cut}");
        }
        for at in 0..good.len() {
            let mut copy = good.clone();
            copy[at] ^= 1;
            assert!(code(&copy).is_some(), "byte {at}: every chunk has a sum");
        }
        let unreadable = Some(Code::PictureUnreadable);
        let large = png((3601, 1), [8, 6, 0], &[], &[]);
        assert_eq!(code(&large), Some(Code::PictureSize));
        assert_eq!(
            code(&png((3600, 3600), [8, 6, 0], &[], &[0; 64])),
            unreadable,
            "much less data than pixels"
        );
        assert_eq!(code(&png((2, 1), [8, 6, 0], &[], &[0; 4096])), unreadable, "more data than pixels");
        assert_eq!(
            code(&png((2, 1), [8, 6, 0], &[], &[5, 255, 0, 0, 255, 0, 0, 255, 0])),
            unreadable,
            "filter 5"
        );
        assert_eq!(
            code(&png((2, 1), [8, 3, 0], &[(b"PLTE", &[1, 2, 3])], &[0, 0, 1])),
            unreadable,
            "palette"
        );
        assert_eq!(code(&png((2, 1), [4, 6, 0], &[], &[0; 9])), unreadable, "depth");
        assert_eq!(
            code(&png((2, 1), [8, 6, 0], &[(b"ABCD", b"")], &[0; 9])),
            unreadable,
            "unknown and critical"
        );
    }
}
