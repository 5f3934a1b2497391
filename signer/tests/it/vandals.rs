//! What vandals do to signed documents, each with the reason it is found out by. The first document is signed once by
//! the leader without a timestamp: objects 1–6 are the page's, 7 is the signature, 8 its field.

use crate::world::{NOON, World, at, blank, line};
use proptest::prelude::*;
use signer::make;
use signer::pdf;
use signer::{Class, Code, Evidence, Integrity, Judged, Limits, Verdict, cms, judge, tst};
use std::sync::OnceLock;

pub(crate) fn signed() -> Vec<u8> {
    static SIGNED: OnceLock<Vec<u8>> = OnceLock::new();
    let world = World::get();
    SIGNED.get_or_init(|| world.sign_untimed(&blank(), &world.leader, NOON)).clone()
}

pub(crate) fn judged(file: &[u8]) -> Judged {
    let world = World::get();
    world.judge(file, &world.evidence(NOON + 120), NOON + 3600)
}

pub(crate) fn find(file: &[u8], text: &str) -> usize {
    file.windows(text.len()).rposition(|w| w == text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
}

pub(crate) fn replace(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = find(file, from);
    [&file[..at], to.as_bytes(), &file[at + from.len()..]].concat()
}

/// An update as an editor would append it. `trailer` stands beside `/Size` and `/Prev`.
pub(crate) fn update(file: &[u8], objects: &[(u32, &str)], trailer: &str) -> Vec<u8> {
    let start = find(file, "startxref");
    let text = String::from_utf8_lossy(&file[start..]);
    let previous: usize = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    let mut out = file.to_vec();
    let mut table = String::from("xref\n");
    for (number, body) in objects {
        if *body == "@" {
            // The old object, listed anew.
            let old = find(file, &format!("\n{number} 0 obj")) + 1;
            table.push_str(&format!("{number} 1\n{old:010} 00000 n\r\n"));
            continue;
        }
        table.push_str(&format!("{number} 1\n{:010} 00000 n\r\n", out.len()));
        out.extend_from_slice(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
    }
    let at = out.len();
    out.extend_from_slice(table.as_bytes());
    out.extend_from_slice(
        format!("trailer\n<</Size 99/Prev {previous} {trailer}>>\nstartxref\n{at}\n%%EOF\n").as_bytes(),
    );
    out
}

pub(crate) const ROOT: &str = "/Root 1 0 R/Info 6 0 R";
pub(crate) const CATALOG: &str =
    "/Type/Catalog/Pages 2 0 R/Lang(vi-VN)/AcroForm<</SigFlags 3/Fields[8 0 R]>>";
pub(crate) const PAGE: &str =
    "/Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>/Annots[8 0 R]";
pub(crate) const STREAM: &str = "<</Length 2>>\nstream\nBT\nendstream";

#[test]
fn d29_2_changes_after_signing() {
    let file = signed();
    assert_eq!(judged(&file).class(), Class::ValidNoTimestamp, "{}", line(&judged(&file)));
    let catalog = |more: &str| format!("<<{CATALOG}{more}>>");
    let page = |more: &str| format!("<<{PAGE}{more}>>");
    let info = |more: &str| format!("<</Producer(congvan)/Title {more}>>");
    let xmp = |text: &str| {
        format!("<</Type/Metadata/Subtype/XML/Length {}>>\nstream\n{text}\nendstream", text.len())
    };
    let resources = |file: &[u8], font: &str| {
        let form = format!("/SigFlags 3/DA(/Helv 0 Tf)/DR<</Font<</Helv {font}>>>>");
        let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
        update(file, &[(1, &catalog("").replace("/SigFlags 3", &form)), (20, font)], ROOT)
    };
    let title = {
        let from = find(&file, "/Title ") + 7;
        let to = from + file[from..].iter().position(|b| *b == b'>').unwrap() + 1;
        String::from_utf8(file[from..to].to_vec()).unwrap()
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, Vec<u8>, Option<Code>)> = vec![
        ("nothing new",            update(&file, &[(1, &catalog(""))], ROOT), None),
        ("another content",        update(&file, &[(4, STREAM)], ROOT), Some(Code::ChangedAfter)),
        ("another font",           update(&file, &[(5, "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>")], ROOT), Some(Code::ChangedAfter)),
        ("another page",           update(&file, &[(3, &page("/Contents 20 0 R")), (20, STREAM)], ROOT), Some(Code::ChangedPage)),
        ("a rotated page",         update(&file, &[(3, &page("/Contents 4 0 R/Rotate 180"))], ROOT), Some(Code::ChangedPage)),
        ("a comment",              update(&file, &[(3, &page("/Contents 4 0 R").replace("[8 0 R]", "[8 0 R 20 0 R]")), (20, "<</Type/Annot/Subtype/FreeText/Rect[0 0 500 800]>>")], ROOT), Some(Code::ChangedPage)),
        ("the widget taken away",  update(&file, &[(3, &page("/Contents 4 0 R").replace("[8 0 R]", "[]"))], ROOT), Some(Code::ChangedPage)),
        ("a second page",          update(&file, &[(2, "<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>")], ROOT), Some(Code::ChangedAfter)),
        ("other pages",            update(&file, &[(1, &catalog("").replace("2 0 R", "20 0 R")), (20, "<</Type/Pages/Kids[]/Count 0>>")], ROOT), Some(Code::ChangedCatalog)),
        ("a script",               update(&file, &[(1, &catalog("/OpenAction<</S/JavaScript/JS(app.alert)>>"))], ROOT), Some(Code::ChangedCatalog)),
        ("layers",                 update(&file, &[(1, &catalog("/OCProperties<</OCGs[]/D<<>>>>"))], ROOT), Some(Code::ChangedCatalog)),
        ("another catalog",        update(&file, &[(20, &catalog(""))], "/Root 20 0 R"), Some(Code::ChangedCatalog)),
        ("a second form field",    update(&file, &[(1, &catalog("").replace("[8 0 R]", "[8 0 R 20 0 R]")), (20, "<</FT/Tx/T(so)/V(2)>>")], ROOT), Some(Code::ChangedForm)),
        ("an empty signature field", update(&file, &[(1, &catalog("").replace("[8 0 R]", "[8 0 R 20 0 R]")), (20, "<</FT/Sig/T(b)/Subtype/Widget/Rect[0 0 9 9]>>")], ROOT), None),
        ("an empty field that shows something", update(&file, &[(1, &catalog("").replace("[8 0 R]", "[8 0 R 20 0 R]")), (20, "<</FT/Sig/T(b)/Subtype/Widget/Rect[0 0 9 9]/AP<</N 21 0 R>>>>"), (21, STREAM)], ROOT), Some(Code::ChangedForm)),
        ("an empty field with a background", update(&file, &[(1, &catalog("").replace("[8 0 R]", "[8 0 R 20 0 R]")), (20, "<</FT/Sig/T(b)/Subtype/Widget/Rect[0 0 9 9]/MK<</BG[1 1 1]>>>>")], ROOT), Some(Code::ChangedForm)),
        ("the form taken away",    update(&file, &[(1, "<</Type/Catalog/Pages 2 0 R/Lang(vi-VN)>>")], ROOT), None),
        ("appearances rebuilt",    update(&file, &[(1, &catalog("").replace("/SigFlags 3", "/SigFlags 3/NeedAppearances true"))], ROOT), Some(Code::ChangedForm)),
        ("the widget moved",       update(&file, &[(8, "<</Type/Annot/Subtype/Widget/FT/Sig/T(ChuKySo1)/V 7 0 R/F 132/P 3 0 R/Rect[0 0 595 842]>>")], ROOT), Some(Code::ChangedForm)),
        ("another title",          update(&file, &[(6, &info("(Khac)"))], ROOT), Some(Code::ChangedMetadata)),
        ("a date in XMP",          update(&file, &[(1, &catalog("/Metadata 20 0 R")), (20, &xmp("<rdf:Description xmp:ModifyDate='2026'/>"))], ROOT), None),
        ("a title in XMP",         update(&file, &[(1, &catalog("/Metadata 20 0 R")), (20, &xmp("<dc:title>Khac</dc:title>"))], ROOT), Some(Code::ChangedMetadata)),
        ("XMP is the page",        update(&file, &[(1, &catalog("/Metadata 4 0 R")), (4, &xmp("<a/>"))], ROOT), Some(Code::ChangedMetadata)),
        ("an extension",           update(&file, &[(1, &catalog("/Extensions<</ADBE<</BaseVersion/1.7/ExtensionLevel 8>>>>/Version/2.0"))], ROOT), None),
        ("permissions",            update(&file, &[(1, &catalog("/Perms<</DocMDP 7 0 R>>"))], ROOT), Some(Code::ChangedCatalog)),
        ("default resources",      resources(&file, "20 0 R"), None),
        ("other default resources", resources(&resources(&file, "20 0 R"), "5 0 R"), Some(Code::ChangedForm)),
        ("the form is the content", update(&file, &[(1, &catalog("").replace("<</SigFlags 3/Fields[8 0 R]>>", " 4 0 R")), (4, "<</SigFlags 3/Fields[8 0 R]>>")], ROOT), Some(Code::ChangedForm)),
        ("a new date",             update(&file, &[(6, &info(&format!("{title}/ModDate(D:2026)")))], ROOT), None),
        ("an unused object",       update(&file, &[(20, STREAM)], ROOT), None),
        ("evidence",               update(&file, &[(1, &catalog("/DSS 20 0 R")), (20, "<</Certs[21 0 R]>>"), (21, STREAM)], ROOT), None),
        ("evidence is the page",   update(&file, &[(1, &catalog("/DSS 20 0 R")), (20, "<</Certs[4 0 R]>>"), (4, STREAM)], ROOT), Some(Code::ChangedAfter)),
("a cut chain",            replace(&update(&file, &[(4, STREAM)], ROOT), "/Prev ", "/Drev "), Some(Code::PdfCatalog)),
        ("a chain without the signed revision", {
            let old = [1, 2, 3, 5, 6, 7, 8].map(|n| (n, "@"));
            replace(&update(&file, &[&old[..], &[(4, STREAM)]].concat(), ROOT), "/Prev ", "/Drev ")
        }, Some(Code::PdfRevision)),
        ("the same objects again", update(&file, &[1, 2, 3, 4, 5, 6, 7, 8].map(|n| (n, "@")), ROOT), None),
        ("bytes after the end",    [&file[..], b"4 0 obj<<>>endobj"].concat(), Some(Code::PdfTrailing)),
        ("white space at the end", [&file[..], b"\r\n\n"].concat(), None),
        ("bytes between",          update(&[&file[..], b"4 0 obj\n<<>>\nendobj\n"].concat(), &[(20, STREAM)], ROOT), Some(Code::PdfUnexplained)),
        ("a harmless remark",      update(&[&file[..], b"% by some editor\n"].concat(), &[(20, STREAM)], ROOT), None),
        ("encryption",             update(&file, &[(20, STREAM)], &format!("{ROOT}/Encrypt 20 0 R")), Some(Code::PdfEncrypted)),
        ("a duplicate key",        update(&file, &[(3, &page("/Contents 4 0 R/Rotate 0/Rotate 180"))], ROOT), Some(Code::ChangedPage)),
    ];
    for (what, file, expected) in rows {
        let judged = judged(&file);
        let codes: Vec<Code> = judged
            .report()
            .signatures
            .iter()
            .flat_map(|s| &s.reasons)
            .chain(&judged.report().reasons)
            .map(|r| r.code)
            .collect();
        match expected {
            // Taking the form away hides the signature: what is left is no signed document.
            None if what == "the form taken away" => assert_ne!(judged.verdict(), Verdict::Valid, "{what}"),
            None => assert_eq!(judged.class(), Class::ValidNoTimestamp, "{what}: {}", line(&judged)),
            Some(code) => {
                assert!(codes.contains(&code), "{what}: {}", line(&judged));
                assert_ne!(judged.verdict(), Verdict::Valid, "{what}");
                assert!(judged.require_valid().is_err(), "{what}");
            }
        }
    }
}

#[test]
fn d29_2_ranges_of_every_wrong_shape() {
    let file = signed();
    let start = find(&file, "/ByteRange ") + 11;
    let end = start + file[start..].iter().position(|b| *b == b'/').unwrap();
    let numbers: Vec<usize> = std::str::from_utf8(&file[start..end])
        .unwrap()
        .trim()
        .trim_matches(['[', ']'])
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [_, a, b, c] = numbers[..] else { panic!() };
    let total = file.len();
    let rows = [
        (format!("[1 {a} {b} {c}]"), Code::RangeStart),
        (format!("[0 {a} {b} {}]", c - 20), Code::RangePartial),
        (format!("[0 {a} {b} {}]", c + 1), Code::RangeOutside),
        (format!("[0 {a} {b} {}]", u64::MAX / 4), Code::RangeOutside),
        (format!("[0 {} {b} {c}]", a - 1), Code::RangeHole),
        (format!("[0 {} {b} {c}]", a + 1), Code::RangeHole),
        (format!("[0 {a} {} {}]", b + 1, c - 1), Code::RangeHole),
        (format!("[0 {b} {a} {}]", total - a), Code::RangeOrder),
        (format!("[0 {a} {a} {}]", total - a), Code::RangeOrder),
        (format!("[0 {a} {b} 0]"), Code::RangeOrder),
        (format!("[0 {a} {b}]"), Code::RangeShape),
        (format!("[0 {a} {b} {c} 0]"), Code::RangeShape),
        (format!("[0 {a} {b} -{c}]"), Code::RangeShape),
        (format!("[0 {a} {b} {c}.]"), Code::RangeShape),
        ("(0)".to_owned(), Code::RangeShape),
        ("null".to_owned(), Code::RangeMissing),
    ];
    for (text, code) in rows {
        let padded = format!("{text:<width$}", width = end - start);
        let altered = [&file[..start], padded.as_bytes(), &file[end..]].concat();
        let judged = judged(&altered);
        assert_eq!(judged.class(), Class::Invalid(code), "{text}: {}", line(&judged));
        assert_eq!(judged.verdict(), Verdict::Invalid);
    }
}

#[test]
fn d29_3_flipped_bytes_and_strange_signatures() {
    let world = World::get();
    let file = signed();
    let flip = |at: usize| {
        let mut copy = file.clone();
        copy[at] ^= 1;
        copy
    };
    let in_content = judged(&flip(find(&file, "QUYET")));
    assert_eq!(in_content.class(), Class::Invalid(Code::CmsDigest), "{}", line(&in_content));
    assert_eq!(in_content.report().integrity, Integrity::Broken);

    // Another document's signature, fitted into this one's hole.
    let other = make::blank_pdf("Quyết định số 2", &["QUYẾT ĐỊNH", "Điều 1. Thử nghiêm."]);
    let other = world.sign_untimed(&other, &world.leader, NOON);
    let hole = |f: &[u8]| {
        let start = find(f, "/Contents <") + 10;
        start..start + f[start..].iter().position(|b| *b == b'>').unwrap()
    };
    let (mine, theirs) = (hole(&file), hole(&other));
    assert_eq!(mine.len(), theirs.len());
    let swapped = [&file[..mine.start], &other[theirs], &file[mine.end..]].concat();
    let swapped = judged(&swapped);
    assert_eq!(swapped.class(), Class::Invalid(Code::CmsDigest), "{}", line(&swapped));

    // A signature value that is not the key's: its last byte, just before the padding.
    let facts = pdf::read(&file, &Limits::default()).unwrap();
    let length = facts.signatures[0].signature.as_ref().unwrap().contents.len();
    let last = mine.start + 2 * length;
    let digit = if file[last] == b'0' { "1" } else { "0" };
    let forged = judged(&[&file[..last], digit.as_bytes(), &file[last + 1..]].concat());
    assert_eq!(forged.class(), Class::Invalid(Code::CmsSignature), "{}", line(&forged));

    // We do not even make one with a key that is not the certificate's (D32).
    let signing = world.signing(&world.seal, NOON);
    let prepared = make::prepare(&blank(), &signing, &Limits::default()).unwrap();
    let refused = prepared.sign(world.stranger.key(), signing.scheme).unwrap().finish(None).unwrap_err();
    assert_eq!(refused.code, Code::MakeCheck);

    // A timestamp over something else.
    let stamp = |_: &make::Stamped| Ok(Some(world.token(&tst::Request::over(b"else", 1), NOON)));
    let signing = world.signing(&world.leader, NOON);
    let stamped = make::sign(&blank(), &signing, world.leader.key(), stamp, &Limits::default()).unwrap();
    let stamped = judged(&stamped);
    assert_eq!(stamped.class(), Class::Invalid(Code::TimestampImprint), "{}", line(&stamped));

    // Bytes hidden in the padding; white space in the hole.
    let mut padded = file.clone();
    padded[mine.end - 1] = b'1';
    assert_eq!(judged(&padded).class(), Class::Invalid(Code::RangeContents));
    padded[mine.end - 1] = b' ';
    assert_eq!(judged(&padded).class(), Class::Invalid(Code::RangeContents));

    // A key twice in the signature dictionary.
    let signing = world.signing(&world.leader, NOON).reason("xxx");
    let reasoned =
        make::sign(&blank(), &signing, world.leader.key(), |_| Ok(None), &Limits::default()).unwrap();
    let doubled = judged(&replace(&reasoned, "/Reason(", "/Filter("));
    assert_eq!(doubled.class(), Class::Invalid(Code::SigDuplicateKey), "{}", line(&doubled));

    // Half a file.
    for keep in [file.len() - 3, file.len() / 2, 20, 0] {
        assert_ne!(judged(&file[..keep]).verdict(), Verdict::Valid);
    }
}

#[test]
fn d12_d29_3_weak_algorithms_are_weak() {
    let world = World::get();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let rsa = |bits: u32| openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(bits).unwrap()).unwrap();
    for (bits, digest, code, rule) in [
        (1024, "sha256", Code::WeakKey, "D12"),
        (2048, "sha1", Code::WeakDigest, "D29"),
        (2048, "md5", Code::WeakDigest, "D29"),
        // Anybody can factor this one: such a signature is not even weak.
        (512, "sha256", Code::CmsAlgorithm, "D12"),
    ] {
        let key = rsa(bits);
        let public = certs::keys::PublicKey::from_spki(&key.public_key_to_der().unwrap()).unwrap();
        let name = world.leader.certificate().subject();
        let validity = certs::issue::Validity { from: NOON - 60, until: NOON + 1_000_000 };
        let certificate =
            certs::issue::leader(name, &public, certs::Serial::from_u64(77), validity, "a@thunghiem.gov.vn")
                .signed_by(&world.ca)
                .unwrap();
        let mut signing = world.signing(&world.leader, NOON);
        signing.certificates = vec![certificate.clone()];
        let prepared = make::prepare(&blank(), &signing, &Limits::default()).unwrap();
        std::fs::write(path("content"), prepared.content().concat()).unwrap();
        std::fs::write(path("key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        std::fs::write(path("cert"), certificate.to_pem()).unwrap();
        let made = std::process::Command::new("openssl")
            .args([
                "cms",
                "-sign",
                "-binary",
                "-cades",
                "-md",
                digest,
                "-in",
                &path("content"),
                "-outform",
                "DER",
            ])
            .args(["-signer", &path("cert"), "-inkey", &path("key"), "-out", &path("cms")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let file = prepared.embed(&std::fs::read(path("cms")).unwrap()).unwrap();
        let judged = judged(&file);
        let class = if bits < 1024 { Class::Invalid(code) } else { Class::Weak };
        assert_eq!(judged.class(), class, "{bits} {digest}: {}", line(&judged));
        assert_eq!(judged.verdict(), Verdict::Indeterminate);
        let reasons = &judged.report().signatures[0].reasons;
        let told: Vec<_> = reasons.iter().map(|r| (r.code, r.detail.as_deref())).collect();
        assert_eq!(told, [(code, Some(rule))], "{bits} {digest}");
    }
}

#[test]
fn loops_and_traps_are_refused_quickly() {
    let catalog = |fields: &str| format!("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[{fields}]>>>>");
    let rows: [(&str, Vec<u8>, Code); 6] = [
        (
            "a field that is its own child",
            update(&blank(), &[(1, &catalog("20 0 R")), (20, "<</FT/Sig/T(a)/Kids[20 0 R]>>")], ROOT),
            Code::PdfFieldLoop,
        ),
        (
            "two fields, one signature",
            {
                update(
                    &blank(),
                    &[
                        (1, &catalog("20 0 R 21 0 R")),
                        (20, "<</FT/Sig/T(a)/V 22 0 R>>"),
                        (21, "<</FT/Sig/T(b)/V 22 0 R>>"),
                        (22, "<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>"),
                    ],
                    ROOT,
                )
            },
            Code::SigDictionary,
        ),
        (
            "a signature nobody holds",
            update(&blank(), &[(20, "<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>")], ROOT),
            Code::SigOrphan,
        ),
        (
            "a chain that bites its tail",
            {
                let one = update(&blank(), &[(20, "null")], ROOT);
                let at = find(&one, "xref\n20");
                let from = find(&one, "/Prev ");
                let to = from + one[from..].iter().position(|b| *b == b'\n').unwrap();
                let tail = format!("/Prev {at} {ROOT}>>");
                [&one[..from], tail.as_bytes(), &one[to..]].concat()
            },
            Code::PdfXrefLoop,
        ),
        ("a header that comes late", [b"\n", &blank()[..]].concat(), Code::PdfHeader),
        ("a catalog that is none", update(&blank(), &[(1, "[]")], ROOT), Code::PdfCatalog),
    ];
    for (what, file, code) in rows {
        let judged = judged(&file);
        let mut codes =
            judged.report().signatures.iter().flat_map(|s| &s.reasons).chain(&judged.report().reasons);
        assert!(codes.any(|r| r.code == code), "{what}: {}", line(&judged));
        assert_ne!(judged.verdict(), Verdict::Valid, "{what}");
    }
}

/// An update in the two ways of writing at once (ISO 32000-1 §7.5.8.4): a table for old readers, a stream with
/// another object 4 for new ones.
fn hybrid(file: &[u8]) -> Vec<u8> {
    let mut out = file.to_vec();
    let hidden = out.len();
    out.extend_from_slice(format!("4 0 obj\n{STREAM}\nendobj\n").as_bytes());
    let stream = out.len();
    let row = [&[1], &u32::try_from(hidden).unwrap().to_be_bytes()[..], &[0]].concat();
    out.extend_from_slice(b"30 0 obj\n<</Type/XRef/Size 99/W[1 4 1]/Index[4 1]/Length 6>>\nstream\n");
    out.extend_from_slice(&row);
    out.extend_from_slice(b"\nendstream\nendobj\n");
    let trailer = format!("{ROOT}/XRefStm {stream}");
    // The helper looks for the last `startxref`, which is still the old one.
    update(&out, &[(20, "null")], &trailer)
}

#[test]
fn hybrid_files_may_be_signed_but_no_hybrid_may_follow() {
    let world = World::get();
    let base = hybrid(&blank());
    let signed_base = world.sign_untimed(&base, &world.leader, NOON);
    assert_eq!(judged(&signed_base).class(), Class::ValidNoTimestamp, "{}", line(&judged(&signed_base)));
    let after = judged(&hybrid(&signed()));
    assert_eq!(after.class(), Class::Invalid(Code::PdfRevision), "{}", line(&after));
}

#[test]
fn a_reference_left_open_is_not_filled_in_later() {
    let world = World::get();
    // The page names a second content stream that is not there yet: the signer sees nothing of it.
    let page = format!("<<{PAGE}/Contents[4 0 R 50 0 R]>>").replace("/Annots[8 0 R]", "");
    let trap = update(&blank(), &[(3, &page)], ROOT);
    let file = world.sign_untimed(&trap, &world.leader, NOON);
    assert_eq!(judged(&file).class(), Class::ValidNoTimestamp, "{}", line(&judged(&file)));
    let sprung = update(&file, &[(50, STREAM)], ROOT);
    assert_eq!(judged(&sprung).class(), Class::Invalid(Code::ChangedAfter), "{}", line(&judged(&sprung)));
    // The same, dressed up as evidence.
    let number = {
        let at = find(&file, "/AcroForm");
        let start = at + file[at..].windows(8).position(|w| w == b"Fields [").unwrap() + 8;
        let text = String::from_utf8_lossy(&file[start..start + 12]);
        text.split(']').next().unwrap().to_owned()
    };
    let catalog = format!("<<{CATALOG}/DSS<</Certs[50 0 R]>>>>").replace("8 0 R", number.trim());
    let dressed = update(&file, &[(1, &catalog), (50, STREAM)], ROOT);
    assert_eq!(
        judged(&dressed).class(),
        Class::Invalid(Code::ChangedDangling),
        "{}",
        line(&judged(&dressed))
    );
}

/// For each signature its hole and its end.
type Marks = Vec<(std::ops::Range<usize>, usize)>;

/// The complete document and its marks.
fn complete() -> &'static (Vec<u8>, Marks) {
    static COMPLETE: OnceLock<(Vec<u8>, Marks)> = OnceLock::new();
    COMPLETE.get_or_init(|| {
        let file = World::get().complete();
        let facts = pdf::read(&file, &Limits::default()).unwrap();
        let marks = facts.signatures.iter().map(|s| {
            let signature = s.signature.as_ref().unwrap();
            let [_, first, second, _] = signature.byte_range;
            (first..second, signature.end())
        });
        let marks = marks.collect();
        (file, marks)
    })
}

/// What is thought of a mutated complete document; the evidence at hand is enough for a good one.
fn mutated(file: &[u8]) -> Judged {
    let world = World::get();
    judge(file.to_vec(), &world.policy(), &world.evidence(NOON + 120), at(NOON + 3600))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_covered_byte_changes_unseen(spot in 0usize..1_000_000, mask in 1u8..=255) {
        let (file, marks) = complete();
        let end = marks.iter().map(|(_, end)| *end).max().unwrap();
        let spot = spot % end;
        let mut copy = file.clone();
        copy[spot] ^= mask;
        let judged = mutated(&copy);
        // A byte in the last signature's own hole is covered by nobody; all others are.
        let last_hole = &marks.last().unwrap().0;
        if !last_hole.contains(&spot) {
            prop_assert_ne!(judged.verdict(), Verdict::Valid, "byte {} of {}", spot, end);
            prop_assert!(judged.require_valid().is_err());
        }
    }

    #[test]
    fn cuts_and_insertions_never_pass(from in 0usize..1_000_000, len in 1usize..2_000, fill in any::<Option<u8>>()) {
        let (file, marks) = complete();
        let end = marks.iter().map(|(_, end)| *end).max().unwrap();
        let from = from % end;
        let altered = match fill {
            Some(byte) => [&file[..from], &vec![byte; len][..], &file[from..]].concat(),
            None => [&file[..from], &file[(from + len).min(file.len())..]].concat(),
        };
        prop_assert_ne!(mutated(&altered).verdict(), Verdict::Valid);
    }

    #[test]
    fn what_follows_the_last_signature_never_panics(spot in 0usize..1_000_000, bytes in proptest::collection::vec(any::<u8>(), 1..64)) {
        let (file, marks) = complete();
        let end = marks.iter().map(|(_, end)| *end).max().unwrap();
        let spot = end + spot % (file.len() - end);
        let altered = [&file[..spot], &bytes[..], &file[spot..]].concat();
        let judged = mutated(&altered);
        // Evidence may be lost; what was signed is still what is handed out.
        if let Ok(document) = judged.require_valid() {
            prop_assert_eq!(document.signed_bytes(), &file[..end]);
        }
    }

    #[test]
    fn readers_survive_anything(bytes in proptest::collection::vec(any::<u8>(), 0..600), spot in 0usize..1_000_000) {
        signer::fuzz::pdf(&bytes);
        signer::fuzz::cms(&bytes);
        signer::fuzz::tst(&bytes);
        let (file, marks) = complete();
        let mut copy = file.clone();
        let spot = spot % copy.len();
        for (place, byte) in copy[spot..].iter_mut().zip(&bytes) {
            *place = *byte;
        }
        signer::fuzz::pdf(&copy);
        let hole = &marks[0].0;
        let facts = pdf::read(file, &Limits::default()).unwrap();
        let mut cms_bytes = facts.signatures[0].signature.as_ref().unwrap().contents.clone();
        let spot = spot % cms_bytes.len();
        for (place, byte) in cms_bytes[spot..].iter_mut().zip(&bytes) {
            *place = *byte;
        }
        prop_assert!(cms_bytes.len() < hole.len());
        let _ = cms::read(&cms_bytes, &Limits::default());
    }
}

#[test]
fn evidence_alone_is_no_signature() {
    let file = make::add_evidence(&blank(), &World::get().evidence(NOON), &Limits::default()).unwrap();
    let world = World::get();
    assert_eq!(world.judge(&file, &Evidence::default(), NOON).class(), Class::Unsigned);
}

#[test]
fn a_length_is_not_moved_from_under_an_object_stream() {
    let world = World::get();
    // The font stands in an object stream that is not compressed and whose length is another object; the bytes hold
    // two ends, and the signer's file uses the second.
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>";
    let data = format!("5 0 {font}\nendstream\nendobj\n% the rest");
    let short = data.find("\nendstream").unwrap();
    let mut file = blank();
    let carrier = file.len();
    let body =
        format!("40 0 obj\n<</Type/ObjStm/N 1/First 4/Length 41 0 R>>\nstream\n{data}\nendstream\nendobj\n");
    file.extend_from_slice(body.as_bytes());
    let length = file.len();
    file.extend_from_slice(format!("41 0 obj\n{}\nendobj\n", data.len()).as_bytes());
    let xref = file.len();
    let previous = find(&blank(), "xref\n0 7");
    let mut rows = Vec::new();
    for (kind, value) in [(2u8, 40usize), (1, carrier), (1, length)] {
        rows.push(kind);
        rows.extend_from_slice(&u32::try_from(value).unwrap().to_be_bytes());
        rows.push(0);
    }
    let head = format!(
        "42 0 obj\n<</Type/XRef/Size 43{ROOT}/Prev {previous}/W[1 4 1]/Index[5 1 40 2]/Length {}>>\nstream\n",
        rows.len()
    );
    file.extend_from_slice(head.as_bytes());
    file.extend_from_slice(&rows);
    file.extend_from_slice(format!("\nendstream\nendobj\nstartxref\n{xref}\n%%EOF\n").as_bytes());
    let signed = world.sign_untimed(&file, &world.leader, NOON);
    assert_eq!(judged(&signed).class(), Class::ValidNoTimestamp, "{}", line(&judged(&signed)));
    let moved = update(&signed, &[(41, &short.to_string())], ROOT);
    assert_eq!(judged(&moved).class(), Class::Invalid(Code::ChangedAfter), "{}", line(&judged(&moved)));
}
