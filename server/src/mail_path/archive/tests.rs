//! Tables of files, and archives made here.

use std::io::Write as _;

use zip::write::SimpleFileOptions;

use super::*;

fn rules() -> Rules {
    Rules {
        refused: ["exe", "js", "lnk", "scr"].map(str::to_owned).to_vec(),
        held: vec!["docm".to_owned()],
        depth_max: 3,
        files_max: 50,
        bytes_max: 4 * 1024 * 1024,
        ratio_max: 100,
    }
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// A tar of one file; `kind` is its type, `0` for a plain one.
fn tarred(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0u8; TAR_BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[156] = kind;
    header[257..262].copy_from_slice(b"ustar");
    let mut tar = [&header[..], bytes].concat();
    tar.resize(tar.len().next_multiple_of(TAR_BLOCK), 0);
    tar
}

/// Sets the bit "encrypted" of every file, as a program that encrypts does (APPNOTE 4.4.4).
fn with_password(mut zip: Vec<u8>) -> Vec<u8> {
    for at in 0..zip.len().saturating_sub(10) {
        match &zip[at..at + 4] {
            b"PK\x03\x04" => zip[at + 6] |= 1,
            b"PK\x01\x02" => zip[at + 8] |= 1,
            _ => {}
        }
    }
    zip
}

/// What a file comes to: refused, or what is suspicious.
fn look(name: &str, bytes: &[u8]) -> Result<Vec<Found>, Found> {
    let rules = rules();
    let mut walk = Walk::new(&rules);
    walk.file(Some(name), bytes, 0).map(|()| walk.suspicions)
}

#[test]
fn m33_programs_by_name_and_by_bytes() {
    let exe = || Err(Found::Program("exe".to_owned()));
    let mz: &[u8] = b"MZ\x90\0\x03\0\0\0";
    type Row<'a> = (&'a str, &'a [u8], Result<Vec<Found>, Found>);
    let rows: [Row<'_>; 14] = [
        ("giay-moi.pdf", b"%PDF-1.7", Ok(vec![])),
        ("bao-cao.pdf.exe", b"x", exe()),
        ("BAO-CAO.EXE", b"x", exe()),
        ("bao-cao.exe. .", b"x", exe()),
        ("bao-cao.exe\u{a0}", b"x", exe()),
        ("bao-cao.pdf", mz, exe()),
        ("MZ.txt", b"MZ is a text about something", Ok(vec![])),
        ("bao-cao\u{202E}fdp.exe", b"x", Err(Found::DisguisedName)),
        ("bao-cao\u{202E}xcod.pdf", b"x", Err(Found::DisguisedName)),
        ("x.txt", b"\x7FELF\x02", Err(Found::Program("elf".to_owned()))),
        ("x.txt", b"L\0\0\0\x01\x14\x02\0\0", Err(Found::Program("lnk".to_owned()))),
        ("mau.docm", b"x", Ok(vec![Found::Macros("docm".to_owned())])),
        ("a.7z", b"7z\xBC\xAF\x27\x1C\0", Ok(vec![Found::Opaque("7z")])),
        ("a.zip", b"not a zip", Ok(vec![Found::Opaque("damaged")])),
    ];
    for (name, bytes, expected) in rows {
        assert_eq!(look(name, bytes), expected, "{name}");
    }
}

#[test]
fn m33_also_inside_archives() {
    let exe = || Err(Found::Program("exe".to_owned()));
    let bad = zipped(&[("doc/a.pdf", b"%PDF"), ("doc/bao-cao.pdf.exe", b"x")]);
    let long = [tarred("long", b'L', b"very/long/name.exe\0"), tarred("very", b'0', b"x")].concat();
    let pax = [tarred("pax", b'x', b"22 path=very/name.exe\n"), tarred("very", b'0', b"x")].concat();
    let rows = [
        ("good", zipped(&[("a.pdf", b"%PDF"), ("b/", b"")]), Ok(vec![])),
        ("in a zip", bad.clone(), exe()),
        ("in a zip in a zip", zipped(&[("in.zip", &bad)]), exe()),
        ("in a zip with a harmless name", zipped(&[("in.dat", &bad)]), exe()),
        ("in a tar.gz", gzipped(&tarred("a.exe", b'0', b"x")), exe()),
        ("a gzipped program", gzipped(b"MZ\x90\0\x03"), exe()),
        ("GNU long name", long, exe()),
        ("pax name", pax, exe()),
        (
            "a tar that is cut off",
            tarred("a.txt", b'0', &[1; 600])[..700].to_vec(),
            Ok(vec![Found::Opaque("damaged")]),
        ),
        ("encrypted", with_password(zipped(&[("a.pdf", b"%PDF")])), Ok(vec![Found::Encrypted("zip")])),
        ("encrypted, and its names tell", with_password(zipped(&[("a.exe", b"x")])), exe()),
        (
            "a document with macros",
            zipped(&[("word/vbaProject.bin", b"x")]),
            Ok(vec![Found::Macros("vba".to_owned())]),
        ),
        (
            "an archive inside that cannot be read",
            zipped(&[("a.rar", b"Rar!\x1A\x07\0")]),
            Ok(vec![Found::Opaque("rar")]),
        ),
    ];
    for (what, bytes, expected) in rows {
        assert_eq!(look("van-ban.dat", &bytes), expected, "{what}");
    }
}

#[test]
fn m33_bombs_are_refused_before_they_go_off() {
    let mut matryoshka = b"x".to_vec();
    for _ in 0..5 {
        matryoshka = zipped(&[("in.zip", &matryoshka)]);
    }
    let zeros = vec![0u8; 3 * 1024 * 1024];
    // Sixteen times three mebibytes, each within its ratio once it is in the layer above: the sum counts.
    let noise: Vec<u8> =
        (0..1_500_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let many: Vec<(String, &[u8])> = (0..60).map(|n| (format!("{n}"), b"x".as_slice())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let rows = [
        ("too deep", matryoshka),
        ("too good a ratio", zipped(&[("zeros", &zeros)])),
        ("the same, gzipped", gzipped(&zeros)),
        ("too many bytes", zipped(&[("a", &noise)])),
        ("too many files", zipped(&many)),
    ];
    for (what, bytes) in rows {
        assert_eq!(look("a.zip", &bytes), Err(Found::Bomb), "{what}");
    }
}

/// Any bytes under any name: the walk ends, within its budgets.
fn any(bytes: &[u8]) {
    let rules = rules();
    let mut walk = Walk::new(&rules);
    let _ = walk.file(Some("a.zip"), bytes, 0);
    assert!(walk.bytes_left <= rules.bytes_max);
}

#[test]
fn any_bytes_are_walked_to_an_end() {
    let whole = zipped(&[("a.txt", b"hello"), ("b.zip", &zipped(&[("c.txt", b"x")]))]);
    let tar = tarred("a.txt", b'0', b"hello");
    for file in [whole, tar.clone(), gzipped(&tar)] {
        for at in 0..file.len() {
            any(&file[..at]);
            let mut bent = file.clone();
            bent[at] ^= 0xFF;
            any(&bent);
        }
    }
}

#[test]
fn m33_a_zip_file_is_one_whatever_stands_before_it() {
    let exe = zipped(&[("bao-cao.exe", b"x")]);
    for before in [&b"GIF89a"[..], b"%PDF-1.7\n", b"\x1F\x8B\x08", b"Rar!\x1A\x07\0", &[b'x'; 100_000]] {
        let file = [before, &exe].concat();
        assert_eq!(look("anh.gif", &file), Err(Found::Program("exe".to_owned())), "{:?}", before.get(..6));
    }
    let locked = [&b"GIF89a"[..], &with_password(zipped(&[("a.txt", b"x")]))].concat();
    assert_eq!(look("anh.gif", &locked), Ok(vec![Found::Encrypted("zip")]));
    // The four bytes by themselves are nothing.
    assert_eq!(look("a.txt", b"PK\x05\x06 stands in a text"), Ok(vec![Found::Opaque("damaged")]));
    assert_eq!(look("a.txt", b"a text with PK\x05\x06 in it"), Ok(vec![]));
}
