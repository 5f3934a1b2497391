//! Pictures for tests: a handwritten signature in blue, a seal in red, as transparent PNG; and what is seen of them on a
//! rendered page.

use signer::make::{Appearance, Ink, Mark, PageChoice, Picture, Place};
use std::io::Write;

/// An RGBA canvas.
pub(crate) struct Canvas {
    width: usize,
    pub(crate) rgba: Vec<[u8; 4]>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, rgba: vec![[0; 4]; width * height] }
    }

    fn height(&self) -> usize {
        self.rgba.len() / self.width
    }

    /// A disc of ink.
    fn dot(&mut self, x: f64, y: f64, radius: f64, colour: [u8; 4]) {
        let span = |at: f64, most: usize| {
            let from = (at - radius).floor().max(0.0) as usize;
            from..((at + radius).ceil() as usize + 1).min(most)
        };
        for row in span(y, self.height()) {
            for column in span(x, self.width) {
                if (column as f64 - x).hypot(row as f64 - y) <= radius {
                    self.rgba[row * self.width + column] = colour;
                }
            }
        }
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), radius: f64, colour: [u8; 4]) {
        let steps = ((to.0 - from.0).hypot(to.1 - from.1) * 2.0).ceil().max(1.0);
        for step in 0..=steps as usize {
            let t = step as f64 / steps;
            self.dot(from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t, radius, colour);
        }
    }

    /// As an RGBA PNG.
    pub(crate) fn png(&self) -> Vec<u8> {
        let mut rows = Vec::new();
        for row in self.rgba.chunks_exact(self.width) {
            rows.push(0);
            rows.extend(row.iter().flatten());
        }
        encode(self.width, self.height(), 6, &rows)
    }

    /// As an RGB PNG without transparency.
    pub(crate) fn png_opaque(&self) -> Vec<u8> {
        let mut rows = Vec::new();
        for row in self.rgba.chunks_exact(self.width) {
            rows.push(0);
            rows.extend(row.iter().flat_map(|p| if p[3] == 0 { [255; 3] } else { [p[0], p[1], p[2]] }));
        }
        encode(self.width, self.height(), 2, &rows)
    }
}

fn encode(width: usize, height: usize, colour: u8, rows: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], body: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(body);
        [&(body.len() as u32).to_be_bytes()[..], kind, body, &crc.sum().to_be_bytes()].concat()
    };
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(rows).unwrap();
    let header =
        [&(width as u32).to_be_bytes()[..], &(height as u32).to_be_bytes(), &[8, colour, 0, 0, 0]].concat();
    let parts = [chunk(b"IHDR", &header), chunk(b"IDAT", &encoder.finish().unwrap()), chunk(b"IEND", b"")];
    [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat()
}

const BLUE: [u8; 4] = [20, 40, 190, 255];
const RED: [u8; 4] = [215, 20, 30, 255];

/// Loops that fill a canvas but for its margins.
pub(crate) fn handwriting_canvas(width: usize, height: usize) -> Canvas {
    let mut canvas = Canvas::new(width, height);
    let pen = width.min(height) as f64 / 40.0;
    let (w, h) = (width as f64 / 2.0 - pen * 3.0, height as f64 / 2.0 - pen * 3.0);
    let point = |t: f64| {
        let angle = t * std::f64::consts::TAU;
        (width as f64 / 2.0 + w * (angle * 3.0).sin(), height as f64 / 2.0 + h * (angle * 2.0 + 0.6).sin())
    };
    for step in 0..600 {
        canvas.line(point(f64::from(step) / 600.0), point(f64::from(step + 1) / 600.0), pen, BLUE);
    }
    canvas
}

pub(crate) fn handwriting(width: usize, height: usize) -> Vec<u8> {
    handwriting_canvas(width, height).png()
}

/// Handwriting that fills a rectangle of the first page (left, bottom, right, top in points).
pub(crate) fn covering([left, bottom, right, top]: [f64; 4]) -> Appearance {
    let (wide, high) = (right - left, top - bottom);
    let png = handwriting((wide * 2.0) as usize, (high * 2.0) as usize);
    let mark = Mark::Signature(Picture::read(&png, Ink::Signature).unwrap());
    Appearance { page: PageChoice::First, place: Place::Points([left, bottom, wide, high]), mark }
}

/// Two rings and a star.
pub(crate) fn seal_canvas(side: usize) -> Canvas {
    let mut canvas = Canvas::new(side, side);
    let (middle, pen) = (side as f64 / 2.0, side as f64 / 80.0);
    let around = |angle: f64, radius: f64| {
        let (sin, cos) = (angle * std::f64::consts::TAU).sin_cos();
        (middle + radius * sin, middle - radius * cos)
    };
    for radius in [0.46, 0.40, 0.28] {
        for step in 0..720 {
            let at = |step: i32| around(f64::from(step) / 720.0, side as f64 * radius);
            canvas.line(at(step), at(step + 1), pen, RED);
        }
    }
    for point in 0..5 {
        let at = |point: i32| around(f64::from(point * 2) / 5.0, side as f64 * 0.18);
        canvas.line(at(point), at(point + 1), pen, RED);
    }
    canvas
}

pub(crate) fn seal(side: usize) -> Vec<u8> {
    seal_canvas(side).png()
}

/// A rendered page.
pub(crate) struct Rendered {
    width: usize,
    rgb: Vec<[u8; 3]>,
    /// Dots in a millimetre.
    per_mm: f64,
}

/// Left, top, right, bottom in millimetres from the upper left corner.
pub(crate) type Seen = [f64; 4];

impl Rendered {
    /// Reads a PPM (`P6`).
    pub(crate) fn read(ppm: &[u8], dpi: f64) -> Self {
        let mut words = Vec::new();
        let mut at = 0;
        while words.len() < 4 {
            let end = at + ppm[at..].iter().position(u8::is_ascii_whitespace).unwrap();
            words.push(std::str::from_utf8(&ppm[at..end]).unwrap());
            at = end + 1;
        }
        assert_eq!((words[0], words[3]), ("P6", "255"));
        let rgb = ppm[at..].chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
        Self { width: words[1].parse().unwrap(), rgb, per_mm: dpi / 25.4 }
    }

    /// As if each dot were so many times as large.
    pub(crate) fn in_units(mut self, times: f64) -> Self {
        self.per_mm /= times;
        self
    }

    /// Width and height in millimetres.
    pub(crate) fn size(&self) -> (f64, f64) {
        (self.width as f64 / self.per_mm, (self.rgb.len() / self.width) as f64 / self.per_mm)
    }

    /// Where pixels of a kind are. `None`: nowhere.
    pub(crate) fn find(&self, is_wanted: impl Fn([i32; 3]) -> bool) -> Option<Seen> {
        let found: Vec<(usize, usize)> = (self.rgb.iter().enumerate())
            .filter(|(_, p)| is_wanted(p.map(i32::from)))
            .map(|(at, _)| (at % self.width, at / self.width))
            .collect();
        let least = |pick: fn(&(usize, usize)) -> usize| found.iter().map(pick).min();
        let most = |pick: fn(&(usize, usize)) -> usize| found.iter().map(pick).max();
        let mm = |at: usize| at as f64 / self.per_mm;
        Some([mm(least(|p| p.0)?), mm(least(|p| p.1)?), mm(most(|p| p.0)? + 1), mm(most(|p| p.1)? + 1)])
    }

    pub(crate) fn blue(&self) -> Option<Seen> {
        self.find(|[r, g, b]| b > r + 60 && b > g + 60)
    }

    pub(crate) fn red(&self) -> Option<Seen> {
        self.find(|[r, g, b]| r > b + 60 && r > g + 60)
    }

    pub(crate) fn black(&self) -> Option<Seen> {
        self.find(|p| p.iter().all(|c| *c < 110))
    }
}
