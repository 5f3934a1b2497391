//! Pictures of a handwritten signature and of a seal: transparent PNG, blue and red (RULES D13, D14, D20).
//!
//! What is transparent around the ink is cut off, so that a picture's rectangle on the page is where its ink is:
//! "36 mm" and "one third" mean what is seen.

use super::font::deflated;
use super::png::{self, Pixels};
use crate::message::{Code, Reason};
use crate::pdf::{ObjectId, PendingUpdate as Update};

/// What a picture shows, and what is therefore asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ink {
    /// A handwritten signature: blue (RULES D13).
    Signature,
    /// An agency's seal: red, about as wide as it is high (RULES D14).
    Seal,
}

/// A picture that passed the checks of RULES D20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pixels: Pixels,
    ink: Ink,
}

/// Alpha from which a pixel counts as ink: softer ones are the edge of a stroke.
const OPAQUE: u8 = 128;

/// Ink that must have the colour asked for, in percent: scans leave grey specks.
const COLOURED: usize = 90;

/// Transparent pixels there must be at the least, in percent. A densely drawn seal leaves a third.
const CLEAR: usize = 10;

/// The seal's width over its height and the other way round, at most, in percent.
const ROUND: usize = 110;

/// Pixels on the shorter side: a seal of 36 mm then has 140 dpi.
const SEAL_MIN: usize = 200;

/// Pixels on the longer side: a signature 50 mm wide then has 50 dpi.
const SIGNATURE_MIN: usize = 100;

impl Picture {
    /// Reads a PNG and holds it against RULES D20. Errors: one stable code for each demand.
    pub fn read(bytes: &[u8], ink: Ink) -> Result<Self, Reason> {
        let pixels = png::read(bytes)?;
        let (all, opaque) = (pixels.rgba.len(), pixels.rgba.iter().filter(|p| p[3] >= OPAQUE).count());
        let clear = pixels.rgba.iter().filter(|p| p[3] == 0).count();
        if !pixels.has_alpha || clear == 0 {
            return Err(Reason::new(Code::PictureOpaque));
        }
        if opaque == 0 || clear * 100 < all * CLEAR || !has_clear_frame(&pixels) {
            return Err(Reason::new(Code::PictureBackground));
        }
        let coloured = pixels.rgba.iter().filter(|p| p[3] >= OPAQUE && ink.is_hue(**p)).count();
        if coloured * 100 < opaque * COLOURED {
            let code = if ink == Ink::Seal { Code::PictureNotRed } else { Code::PictureNotBlue };
            return Err(Reason::of(code, format_args!("{} %", coloured * 100 / opaque)));
        }
        let pixels = cut(&pixels);
        let (long, short) = (pixels.width.max(pixels.height), pixels.width.min(pixels.height));
        let is_small = match ink {
            Ink::Seal => short < SEAL_MIN,
            Ink::Signature => long < SIGNATURE_MIN,
        };
        if is_small {
            return Err(Reason::of(Code::PictureSize, format_args!("{}×{}", pixels.width, pixels.height)));
        }
        if ink == Ink::Seal && long * 100 > short * ROUND {
            return Err(Reason::of(
                Code::PictureNotRound,
                format_args!("{}×{}", pixels.width, pixels.height),
            ));
        }
        Ok(Self { pixels, ink })
    }

    /// What it shows.
    pub fn ink(&self) -> Ink {
        self.ink
    }

    /// Width over height of the ink.
    pub(crate) fn ratio(&self) -> f64 {
        self.pixels.width as f64 / self.pixels.height.max(1) as f64
    }

    /// The image with its soft mask (ISO 32000-1 §11.6.5.3).
    pub(crate) fn embed(&self, update: &mut Update<'_, '_>) -> ObjectId {
        let (mask, image) = (update.allocate(), update.allocate());
        let Pixels { width, height, rgba, .. } = &self.pixels;
        let common = format!(
            "/Type/XObject/Subtype/Image/Width {width}/Height {height}/BitsPerComponent 8/Filter/FlateDecode"
        );
        let alpha: Vec<u8> = rgba.iter().map(|p| p[3]).collect();
        update.put_stream(mask, &format!("{common}/ColorSpace/DeviceGray"), &deflated(&alpha));
        // What nobody sees has one colour: it packs better, and hides nothing.
        let seen = |p: &[u8; 4]| if p[3] == 0 { [255; 3] } else { [p[0], p[1], p[2]] };
        let colours: Vec<u8> = rgba.iter().flat_map(seen).collect();
        update.put_stream(
            image,
            &format!("{common}/ColorSpace/DeviceRGB/SMask {mask} R"),
            &deflated(&colours),
        );
        image
    }
}

impl Ink {
    /// The hue and strength of a pen's blue or of sealing red. Ball pens reach from 190° (cyan) to 275° (violet),
    /// ink pads from 330° to 25°.
    fn is_hue(self, [red, green, blue, _]: [u8; 4]) -> bool {
        let [r, g, b] = [red, green, blue].map(i32::from);
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        let spread = most - least;
        // At least a sixth of full colour, and not white.
        if spread * 6 < most || spread < 16 {
            return false;
        }
        let hue = match most {
            _ if most == r => 60 * (g - b) / spread,
            _ if most == g => 120 + 60 * (b - r) / spread,
            _ => 240 + 60 * (r - g) / spread,
        };
        match self {
            Self::Signature => (190..=275).contains(&hue),
            Self::Seal => (-30..=25).contains(&hue),
        }
    }
}

/// The outermost pixels are all but transparent, or the ink was cut off; softened edges may touch them.
fn has_clear_frame(pixels: &Pixels) -> bool {
    let (width, height) = (pixels.width, pixels.height);
    let is_frame = |at: usize| {
        let (x, y) = (at % width.max(1), at / width.max(1));
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let frame = pixels.rgba.iter().enumerate().filter(|(at, _)| is_frame(*at));
    let (all, opaque) =
        frame.fold((0usize, 0usize), |(all, opaque), (_, p)| (all + 1, opaque + usize::from(p[3] > 32)));
    // A seal drawn to the very edge touches it at four places.
    opaque * 5 <= all
}

/// The smallest rectangle that holds all ink.
fn cut(pixels: &Pixels) -> Pixels {
    let is_ink = |(_, p): &(usize, &[u8; 4])| p[3] >= OPAQUE;
    let places = || pixels.rgba.iter().enumerate().filter(is_ink).map(|(at, _)| at);
    let columns = || places().map(|at| at % pixels.width.max(1));
    let rows = || places().map(|at| at / pixels.width.max(1));
    let (left, right) = (columns().min().unwrap_or(0), columns().max().unwrap_or(0));
    let (top, bottom) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
    let lines = pixels.rgba.chunks_exact(pixels.width.max(1)).skip(top).take(bottom + 1 - top);
    let rgba = lines.flat_map(|line| line.get(left..=right).unwrap_or_default()).copied().collect();
    Pixels { width: right + 1 - left, height: bottom + 1 - top, rgba, has_alpha: true }
}
