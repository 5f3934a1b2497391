//! Signing into forms: fields that wait for a signature, number and date filled before the seal (RULES D23), locks.

use crate::interop::{check, foreign_verdict, pyhanko, write};
use crate::paper;
use crate::pictures::{self, Rendered};
use crate::world::{NOON, World, line};
use signer::make::{self, Appearance, Fill, Ink, Mark, PageChoice, Picture, Place, SEAL_MM, SealBasis};
use signer::pdf::{self, Kind, Lock};
use signer::{Class, Code, Limits};

fn fill(field: &str, text: &str) -> Fill {
    Fill { field: field.to_owned(), text: text.to_owned() }
}

fn number_and_date() -> Vec<Fill> {
    vec![fill("So", "12/QĐ-UBND"), fill("Ngay", "Hà Nội, ngày 22 tháng 11 năm 2026")]
}

fn shown(mark: Mark) -> Option<Appearance> {
    Some(Appearance { page: PageChoice::Last, place: Place::OverSignature(None), mark })
}

fn handwriting() -> Mark {
    Mark::Signature(Picture::read(&pictures::handwriting(500, 240), Ink::Signature).unwrap())
}

fn render(name: &str, file: &[u8]) -> Rendered {
    let path = write(&format!("{name}.pdf"), file);
    let out = path.replace(".pdf", "");
    check("pdftoppm", &["-r", "144", "-singlefile", &path, &out]);
    Rendered::read(&std::fs::read(format!("{out}.ppm")).unwrap(), 144.0)
}

#[test]
fn d23_number_and_date_are_filled_and_locked_by_the_seal() {
    let world = World::get();
    let limits = Limits::default();
    let judged = world.judge(&paper::template("", ""), &world.evidence(NOON), NOON);
    let mut seal = world.signing(&world.seal, NOON);
    seal.fill = number_and_date();
    let basis = SealBasis::Decision { reason: "thử nghiệm".to_owned() };
    let prepared = make::prepare_seal(&judged, &basis, &seal, &limits).unwrap();
    let file = prepared.sign(world.seal.key(), seal.scheme).unwrap().finish(None).unwrap();
    let path = write("filled.pdf", &file);
    check("qpdf", &["--check", &path]);
    let text = check("pdftotext", &["-layout", &path, "-"]);
    assert!(text.contains("12/QĐ-UBND") && text.contains("Hà Nội, ngày 22 tháng 11 năm 2026"), "{text}");
    let facts = pdf::read(&file, &limits).unwrap();
    let signature = facts.signatures[0].signature.as_ref().unwrap();
    let locked = Lock::Include(vec!["So".to_owned(), "Ngay".to_owned()]);
    // Once by the field's lock, once by the signature's FieldMDP.
    assert_eq!(signature.locks, [locked.clone(), locked]);
    // Whoever comes later may not fill them again, but may sign.
    let mut later = world.signing(&world.leader, NOON + 60);
    assert!(make::prepare(&file, &later, &limits).is_ok());
    later.fill = vec![fill("So", "13/QĐ-UBND")];
    assert_eq!(make::prepare(&file, &later, &limits).err().unwrap().code, Code::MakeLocked);
}

#[test]
fn d23_the_leader_certifies_then_the_agency_numbers_dates_and_seals() {
    let world = World::get();
    let limits = Limits::default();
    let mut leader = world.signing(&world.leader, NOON).field("LanhDao");
    leader.certify = Some(2);
    leader.appearance = shown(handwriting());
    let led =
        make::sign(&paper::template("", ""), &leader, world.leader.key(), |_| Ok(None), &limits).unwrap();
    let judged = world.judge(&led, &world.evidence(NOON), NOON + 60);
    let mut seal = world.signing(&world.seal, NOON + 60);
    seal.fill = number_and_date();
    let picture = Picture::read(&pictures::seal(480), Ink::Seal).unwrap();
    seal.appearance = shown(Mark::Seal { picture, diameter: SEAL_MM });
    let prepared = make::prepare_seal(&judged, &SealBasis::Leader, &seal, &limits).unwrap();
    let file = prepared.sign(world.seal.key(), seal.scheme).unwrap().finish(None).unwrap();
    let judged = world.judge(&file, &world.evidence(NOON), NOON + 120);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    let path = write("numbered.pdf", &file);
    check("qpdf", &["--check", &path]);
    let text = check("pdftotext", &["-layout", &path, "-"]);
    assert!(text.contains("12/QĐ-UBND") && text.contains("ngày 22 tháng 11 năm 2026"), "{text}");
    assert_eq!(check("pdfsig", &[&path]).matches("Signature is Valid.").count(), 2);
    // The seal is over the left third of the field the leader signed in, 340…500 points.
    let red = render("numbered", &file).red().unwrap();
    let mm = 25.4 / 72.0;
    assert!(((red[2] - 340.0 * mm) / (160.0 * mm) - 1.0 / 3.0).abs() < 0.05, "{red:?}");
    if let Some(python) = pyhanko() {
        for row in foreign_verdict(&python, &path, NOON + 120).as_array().unwrap() {
            assert_eq!(row["bottom_line"], true, "{row}");
        }
    }
    // Afterwards nobody may renumber it: neither we, who refuse, nor others, whom the judge refuses.
    let mut later = world.signing(&world.leader, NOON + 180);
    later.fill = vec![fill("So", "13/QĐ-UBND")];
    assert_eq!(make::prepare(&file, &later, &limits).err().unwrap().code, Code::MakeLocked);
    assert!(make::prepare(&file, &world.signing(&world.leader, NOON + 180), &limits).is_ok());
}

#[test]
fn what_does_not_fit_a_field_is_refused() {
    let world = World::get();
    let long = "Ủy ban nhân dân tỉnh Bà Rịa - Vũng Tàu, ngày 22 tháng 11 năm 2026".repeat(3);
    for (fields, expected) in [
        (vec![fill("SoHieu", "1")], Code::MakeFieldMissing),
        (vec![fill("LanhDao", "1")], Code::MakeFieldMissing),
        (vec![fill("Ngay", &long)], Code::MakeText),
        (vec![fill("So", "漢")], Code::MakeLetter),
    ] {
        let mut signing = world.signing(&world.seal, NOON);
        signing.fill = fields;
        let refused = make::prepare(&paper::template("", ""), &signing, &Limits::default()).err().unwrap();
        assert_eq!(refused.code, expected);
    }
}

#[test]
fn a_waiting_field_shows_the_mark_in_its_own_place() {
    let world = World::get();
    for (name, field) in
        [("direct", ""), ("locking", "/Lock<</Type/SigFieldLock/Action/Include/Fields[(So)]>>")]
    {
        let mut signing = world.signing(&world.leader, NOON).field("LanhDao");
        signing.certify = Some(2);
        signing.appearance = shown(handwriting());
        let sign = || {
            make::sign(
                &paper::template("", field),
                &signing,
                world.leader.key(),
                |_| Ok(None),
                &Limits::default(),
            )
        };
        let file = sign().unwrap();
        let seen = render(&format!("waiting-{name}"), &file).blue().unwrap();
        // The field is at 340…500 × 100…190 points; the handwriting fills its width.
        let mm = 25.4 / 72.0;
        assert!((seen[0] - 340.0 * mm).abs() < 0.5 && (seen[2] - 500.0 * mm).abs() < 0.5, "{seen:?}");
        let middle = 297.0 - f64::midpoint(seen[1], seen[3]);
        assert!((middle - 145.0 * mm).abs() < 0.5, "{seen:?}");
        let facts = pdf::read(&file, &Limits::default()).unwrap();
        let signature = facts.signatures[0].signature.as_ref().unwrap();
        assert_eq!((signature.field.as_str(), signature.kind), ("LanhDao", Kind::Certification(2)));
        // The field's own lock is also in the signature: that is what other readers look at.
        assert_eq!(signature.locks.len(), if field.is_empty() { 0 } else { 2 });
        // Nothing else was left to sign in, and after a certification a seal needs a field that is there.
        assert_eq!(facts.empty_fields, ["ConDau"]);
        let judged = world.judge(&file, &world.evidence(NOON), NOON + 60);
        assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
        check("qpdf", &["--check", &write(&format!("waiting-{name}.pdf"), &file)]);
        let again =
            make::prepare(&file, &world.signing(&world.seal, NOON).field("LanhDao"), &Limits::default());
        assert_eq!(again.err().unwrap().code, Code::MakeField, "signed already");
    }
}

#[test]
fn d14_a_field_smaller_than_the_seal_is_refused() {
    let world = World::get();
    let picture = Picture::read(&pictures::seal(480), Ink::Seal).unwrap();
    let mut signing = world.signing(&world.seal, NOON).field("LanhDao");
    // 90 points high are 31.7 mm.
    for (diameter, fits) in [(SEAL_MM, false), (30.0, true)] {
        signing.appearance = shown(Mark::Seal { picture: picture.clone(), diameter });
        let prepared = make::prepare(&paper::template("", ""), &signing, &Limits::default());
        match fits {
            true => {
                let file =
                    prepared.unwrap().sign(world.seal.key(), signing.scheme).unwrap().finish(None).unwrap();
                let seen = render("small-seal", &file).red().unwrap();
                assert!((seen[2] - seen[0] - diameter).abs() < 0.5, "{seen:?}");
            }
            false => assert_eq!(prepared.err().unwrap().code, Code::MakePage),
        }
    }
}

#[test]
fn a_field_with_its_widget_apart_and_a_form_on_its_own() {
    let world = World::get();
    // The form, its field list and the annotations are objects of their own; the field's widget is a kid.
    let paper = paper::pdf(&[
        "<</Type/Catalog/Pages 2 0 R/AcroForm 4 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]/Rotate 90>>",
        "<</Type/Page/Parent 2 0 R/Resources<<>>/Annots 8 0 R>>",
        "<</Fields 5 0 R/DA(/Helv 0 Tf 0 g)>>",
        "[6 0 R]",
        "<</FT/Sig/T(Ky)/Kids[7 0 R]>>",
        "<</Type/Annot/Subtype/Widget/Parent 6 0 R/F 4/P 3 0 R/Rect[100 300 190 460]>>",
        "[7 0 R]",
    ]);
    let mut signing = world.signing(&world.leader, NOON).field("Ky");
    signing.appearance = shown(handwriting());
    let file = make::sign(&paper, &signing, world.leader.key(), |_| Ok(None), &Limits::default()).unwrap();
    let page = render("apart", &file);
    let seen = page.blue().unwrap();
    // Turned by 90°, what was 160 high is 160 wide.
    assert!((seen[2] - seen[0] - 160.0 * 25.4 / 72.0).abs() < 0.6, "{seen:?}");
    let judged = world.judge(&file, &world.evidence(NOON), NOON + 60);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    // A further signature in a field of its own, in the same form.
    let sealed = world.sign_untimed(&file, &world.seal, NOON + 60);
    let judged = world.judge(&sealed, &world.evidence(NOON), NOON + 120);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    check("qpdf", &["--check", &write("apart.pdf", &sealed)]);
}
