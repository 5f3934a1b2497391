//! What people see of our signatures: rendered by poppler, measured in millimetres (RULES D13–D20).

use crate::interop::{check, foreign, foreign_verdict, pyhanko, write};
use crate::paper::{self, A4};
use crate::pictures::{self, Rendered, Seen};
use crate::world::{NOON, World, at, blank, line};
use certs::issue::Authority;
use signer::make::{self, Appearance, Ink, Mark, PageChoice, Picture, Place, SEAL_MM, SealBasis, Signing};
use signer::{Class, Code, Limits};

const DPI: f64 = 144.0;

fn render(name: &str, file: &[u8]) -> Rendered {
    let path = write(&format!("{name}.pdf"), file);
    let out = path.replace(".pdf", "");
    check("pdftoppm", &["-r", "144", "-singlefile", &path, &out]);
    if let Some(folder) = std::env::var_os("CONGVAN_PICTURES") {
        let kept = std::path::Path::new(&folder).join(name);
        check("pdftoppm", &["-r", "144", "-png", "-singlefile", &path, kept.to_str().unwrap()]);
        std::fs::copy(&path, kept.with_extension("pdf")).unwrap();
    }
    Rendered::read(&std::fs::read(format!("{out}.ppm")).unwrap(), DPI)
}

fn signature_mark() -> Mark {
    Mark::Signature(Picture::read(&pictures::handwriting(500, 240), Ink::Signature).unwrap())
}

fn seal_mark(diameter: f64) -> Mark {
    Mark::Seal { picture: Picture::read(&pictures::seal(480), Ink::Seal).unwrap(), diameter }
}

fn shown(place: Place, mark: Mark) -> Option<Appearance> {
    Some(Appearance { page: PageChoice::Last, place, mark })
}

fn finish(signing: &Signing, who: &Authority, pdf: &[u8]) -> Vec<u8> {
    make::sign(pdf, signing, who.key(), |_| Ok(None), &Limits::default()).unwrap()
}

/// The leader signs, then the agency seals over the signature.
fn led_and_sealed(paper: &[u8], place: Place) -> Vec<u8> {
    let world = World::get();
    let mut leader = world.signing(&world.leader, NOON);
    leader.certify = Some(2);
    leader.appearance = shown(place, signature_mark());
    let led = finish(&leader, &world.leader, paper);
    let judged = world.judge(&led, &world.evidence(NOON), NOON + 60);
    let mut seal = world.signing(&world.seal, NOON + 60);
    seal.appearance = shown(Place::OverSignature(None), seal_mark(SEAL_MM));
    let prepared = make::prepare_seal(&judged, &SealBasis::Leader, &seal, &Limits::default()).unwrap();
    let stamped = prepared.sign(world.seal.key(), seal.scheme).unwrap();
    stamped.finish(None).unwrap()
}

/// RULES D13, D14, D20: the seal at its real size, over a third of the signature ± 5 %, level with it.
fn assert_lawful(name: &str, page: &Rendered) -> (Seen, Seen) {
    let (blue, red) = (page.blue().unwrap_or_else(|| panic!("{name}: no signature")), page.red().unwrap());
    let across = (red[2] - red[0], red[3] - red[1]);
    assert!((across.0 - SEAL_MM).abs() < 0.5 && (across.1 - SEAL_MM).abs() < 0.5, "{name}: {across:?} mm");
    // The seal lies on top of the left third, so where blue begins has to be taken from its right end and its width.
    let (width, height) = page_signature_size(blue, red);
    let left = blue[2] - width;
    let covered = (red[2] - left) / width;
    assert!((covered - 1.0 / 3.0).abs() < 0.05, "{name}: {covered} of the signature, {blue:?} {red:?}");
    let level = (f64::midpoint(red[1], red[3]) - f64::midpoint(blue[1], blue[3])).abs();
    assert!(level < 0.6, "{name}: {level} mm, {height}");
    (blue, red)
}

/// A handwriting of 500×240 with margins of 3 − 1 pens of 6 pixels: its ink is 2.2 times as wide as high.
fn page_signature_size(blue: Seen, _: Seen) -> (f64, f64) {
    let height = blue[3] - blue[1];
    (height * 476.0 / 216.0, height)
}

#[test]
fn d13_d14_d20_signature_and_seal_on_an_a4_page() {
    let file = led_and_sealed(&blank(), Place::Box7c);
    let page = render("a4", &file);
    let (blue, red) = assert_lawful("a4", &page);
    // Box 7c: in the right half, inside the margins (RULES D22), above the foot.
    assert!(blue[2] < 210.0 - 15.0 && blue[0] > 105.0 && blue[3] < 297.0 - 20.0, "{blue:?}");
    assert!(red[0] > 30.0, "{red:?}");
    let world = World::get();
    let judged = world.judge(&file, &world.evidence(NOON + 120), NOON + 3600);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    let path = write("a4.pdf", &file);
    check("qpdf", &["--check", &path]);
    if let Some(python) = pyhanko() {
        for row in foreign_verdict(&python, &path, NOON + 120).as_array().unwrap() {
            assert_eq!(row["bottom_line"], true, "a seal after a certification: {row}");
        }
    }
}

#[test]
fn d14_a_seal_over_a_signature_that_somebody_else_showed() {
    let Some(python) = pyhanko() else { return };
    let world = World::get();
    let led = foreign(&python, "t", "leader", NOON, &blank(), "shown", &["visible"]);
    let judged = world.judge(&led, &world.evidence(NOON), NOON + 60);
    let mut seal = world.signing(&world.seal, NOON + 60);
    seal.appearance = shown(Place::OverSignature(None), seal_mark(SEAL_MM));
    let prepared = make::prepare_seal(&judged, &SealBasis::Leader, &seal, &Limits::default()).unwrap();
    let file = prepared.sign(world.seal.key(), seal.scheme).unwrap().finish(None).unwrap();
    // pyHanko's field is at 50…250 × 50…110 points.
    let (red, mm) = (render("shown-sealed", &file).red().unwrap(), 25.4 / 72.0);
    assert!(((red[2] - 50.0 * mm) / (200.0 * mm) - 1.0 / 3.0).abs() < 0.05, "{red:?}");
    assert!((297.0 - f64::midpoint(red[1], red[3]) - 80.0 * mm).abs() < 0.6, "{red:?}");
    for row in foreign_verdict(&python, &write("shown-sealed.pdf", &file), NOON + 120).as_array().unwrap() {
        assert_eq!(row["bottom_line"], true, "{row}");
    }
}

#[test]
fn marks_stand_upright_on_pages_of_every_build() {
    let crop = "/MediaBox[0 0 800 1000]/CropBox[100 80 695.276 921.89]";
    let inherited = format!("{crop}/Rotate 270");
    let small = "/MediaBox[0 0 420 595]";
    #[rustfmt::skip]
    let rows: &[(&str, Vec<u8>)] = &[
        ("turned-90",  paper::page(&format!("{A4}/Rotate 90"), "")),
        ("turned-180", paper::page(&format!("{A4}/Rotate 180"), "")),
        ("turned-270", paper::page(&format!("{A4}/Rotate -90"), "")),
        ("cropped",    paper::page(crop, "")),
        ("inherited",  paper::page("", &inherited)),
        ("negative",   paper::page("/MediaBox[300 421 -300 -421]", "")),
        ("small",      paper::page(small, "")),
        ("unit",       paper::page("/MediaBox[0 0 297.638 420.945]/UserUnit 2", "")),
    ];
    for (name, file) in rows {
        let signed = led_and_sealed(file, Place::Box7c);
        let page = render(name, &signed);
        let (width, height) = page.size();
        // Poppler's pdftoppm leaves the unit out; what is measured is in units then.
        let unit = if *name == "unit" { 2.0 } else { 1.0 };
        let page = page.in_units(unit);
        let (blue, _) = assert_lawful(name, &page);
        assert!(blue[0] > width * unit / 2.0 - 5.0 && blue[1] > height * unit / 2.0, "{name}: {blue:?}");
        check("qpdf", &["--check", &write(&format!("{name}-check.pdf"), &signed)]);
    }
}

#[test]
fn a_mark_is_where_it_was_asked_for_and_never_off_the_page() {
    let world = World::get();
    let at_place = |name: &str, place: Place| {
        let mut signing = world.signing(&world.leader, NOON);
        signing.appearance = shown(place, signature_mark());
        let seen = render(name, &finish(&signing, &world.leader, &paper::page(A4, ""))).blue().unwrap();
        (f64::midpoint(seen[0], seen[2]), 297.0 - f64::midpoint(seen[1], seen[3]), seen)
    };
    for (name, place) in [
        ("mm", Place::Millimetres([100.0, 50.0, 60.0, 30.0])),
        ("points", Place::Points([283.465, 141.732, 170.079, 85.039])),
    ] {
        let (x, y, seen) = at_place(name, place);
        assert!((x - 130.0).abs() < 0.4 && (y - 65.0).abs() < 0.4, "{name}: {seen:?}");
        assert!((seen[2] - seen[0] - 60.0).abs() < 0.5, "as large as fits: {seen:?}");
    }
    let (.., seen) = at_place("edge", Place::Millimetres([190.0, 280.0, 60.0, 30.0]));
    assert!(seen[2] < 210.4 && seen[1] > -0.1 && (seen[2] - seen[0] - 60.0).abs() < 0.5, "{seen:?}");
    let mut signing = world.signing(&world.leader, NOON);
    for bad in [[0.0, 0.0, 0.0, 10.0], [f64::NAN, 0.0, 10.0, 10.0], [0.0, 0.0, -5.0, 10.0]] {
        signing.appearance = shown(Place::Points(bad), signature_mark());
        assert_eq!(make::prepare(&blank(), &signing, &Limits::default()).err().unwrap().code, Code::MakePage);
    }
    signing.appearance =
        Some(Appearance { page: PageChoice::Number(2), place: Place::Box7c, mark: signature_mark() });
    assert_eq!(make::prepare(&blank(), &signing, &Limits::default()).err().unwrap().code, Code::MakePage);
}

#[test]
fn d15_d17_d18_text_in_the_corner_can_be_read_and_found() {
    let world = World::get();
    let attachment = make::attachment_text("05/QĐ-BNV", at(NOON));
    assert_eq!(attachment, "Số: 05/QĐ-BNV; 22/11/2026; 08:00:00 +07:00");
    let long = make::copy_text(
        make::Copy::True,
        "Văn phòng Ủy ban nhân dân tỉnh Bà Rịa - Vũng Tàu (Ủy quyền)",
        at(NOON),
    );
    let turned = paper::page(&format!("{A4}/Rotate 90"), "");
    for (name, text, paper, lines) in [
        ("attachment", &attachment, blank(), 1),
        ("copy", &long, blank(), 1),
        ("narrow", &long, paper::page("/MediaBox[0 0 300 400]", ""), 3),
        ("attachment-turned", &attachment, turned, 1),
    ] {
        let mut signing = world.signing(&world.seal, NOON);
        let mark = Mark::Text(text.clone());
        signing.appearance = Some(Appearance { page: PageChoice::First, place: Place::TopRight, mark });
        let file = finish(&signing, &world.seal, &paper);
        let path = write(&format!("{name}.pdf"), &file);
        let read = check("pdftotext", &["-layout", &path, "-"]);
        let read: Vec<&str> = read.split_whitespace().collect();
        assert!(read.join(" ").contains(text.as_str()), "{name}: {read:?}");
        let page = render(name, &file);
        let (width, _) = page.size();
        let seen = page.find(|p| p.iter().all(|c| *c < 110)).unwrap();
        assert!(
            (width - seen[2] - 15.0).abs() < 1.0 && (seen[1] - 8.0).abs() < 2.5,
            "{name}: {seen:?} of {width}"
        );
        let high =
            if name == "attachment-turned" || name == "narrow" { Some(seen[3] - seen[1]) } else { None };
        if let Some(high) = high {
            // Ten points: capitals with marks are about 3 mm high, lines 4.2 mm apart.
            let expected = f64::from(lines - 1) * 12.0 * 25.4 / 72.0;
            assert!((expected + 2.0..expected + 4.5).contains(&high), "{name}: {high} mm");
        }
        let fonts = check("pdffonts", &[&path]);
        assert!(fonts.contains("+Tinos") && fonts.contains("Identity-H"), "{fonts}");
        let tinos = fonts.lines().find(|line| line.contains("+Tinos")).unwrap();
        assert_eq!(tinos.matches("yes").count(), 3, "embedded, subset, with letters: {fonts}");
        check("qpdf", &["--check", &path]);
    }
}

#[test]
fn d19_the_old_caption_only_when_asked_for() {
    let world = World::get();
    let lines = make::old_caption("Ủy ban nhân dân tỉnh", at(NOON));
    let mark = Mark::Captioned { mark: Box::new(signature_mark()), lines };
    let mut signing = world.signing(&world.leader, NOON);
    signing.appearance = shown(Place::Millimetres([80.0, 40.0, 50.0, 25.0]), mark);
    let file = finish(&signing, &world.leader, &paper::page(A4, ""));
    let path = write("caption.pdf", &file);
    let read = check("pdftotext", &[&path, "-"]);
    assert!(read.contains("Ủy ban nhân dân tỉnh\n22-11-2026 08:00:00 +07:00"), "{read}");
    let page = render("caption", &file);
    let (blue, black) = (page.blue().unwrap(), page.black().unwrap());
    assert!(black[2] < blue[0], "beside, not over: {black:?} {blue:?}");
}

#[test]
fn d20_each_demand_on_a_picture_has_its_code() {
    let good = pictures::seal_canvas(480);
    let tinted = |change: &dyn Fn([u8; 4]) -> [u8; 4]| {
        let mut canvas = pictures::seal_canvas(480);
        canvas.rgba.iter_mut().for_each(|p| *p = change(*p));
        canvas.png()
    };
    let mut framed = pictures::seal_canvas(480);
    (0..480).for_each(|x| framed.rgba[x] = [215, 20, 30, 255]);
    (0..480).for_each(|y| framed.rgba[y * 480] = [215, 20, 30, 255]);
    let flat = {
        let mut canvas = pictures::Canvas::new(480, 300);
        for row in 0..240 {
            let line: Vec<_> = good.rgba[row * 2 * 480..][..480].to_vec();
            canvas.rgba[(row + 30) * 480..][..480].copy_from_slice(&line);
        }
        canvas.png()
    };
    use Ink::{Seal, Signature};
    let rows: [(&str, Vec<u8>, Ink, Option<Code>); 11] = [
        ("a seal", good.png(), Seal, None),
        ("a signature", pictures::handwriting(500, 240), Signature, None),
        ("no alpha", good.png_opaque(), Seal, Some(Code::PictureOpaque)),
        ("alpha, but all opaque", tinted(&|p| [p[0], p[1], p[2], 255]), Seal, Some(Code::PictureOpaque)),
        (
            "a ground that is nearly clear",
            tinted(&|p| if p[3] == 0 { [255, 255, 255, 200] } else { p }),
            Seal,
            Some(Code::PictureOpaque),
        ),
        ("a frame", framed.png(), Seal, Some(Code::PictureBackground)),
        ("blue seal", tinted(&|p| [p[2], p[1], p[0], p[3]]), Seal, Some(Code::PictureNotRed)),
        ("red signature", good.png(), Signature, Some(Code::PictureNotBlue)),
        ("black signature", tinted(&|p| [9, 9, 9, p[3]]), Signature, Some(Code::PictureNotBlue)),
        ("flat seal", flat, Seal, Some(Code::PictureNotRound)),
        ("too few pixels", pictures::seal(120), Seal, Some(Code::PictureSize)),
    ];
    for (name, png, ink, expected) in rows {
        assert_eq!(Picture::read(&png, ink).err().map(|reason| reason.code), expected, "{name}");
    }
    assert_eq!(Picture::read(b"GIF89a", Seal).unwrap_err().code, Code::PictureUnreadable);
}
