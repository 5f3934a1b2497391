use super::*;
use crate::Said;

/// Line numbers and names, or the code of what is wrong.
type Names = Result<Vec<(u64, String)>, &'static str>;

fn names(bytes: &[u8]) -> Names {
    let table = read(bytes, &Limits::default()).map_err(|fault| fault.said().code)?;
    Ok(table
        .lines
        .into_iter()
        .map(|line| (line.number, line.cells.map_or_else(|fault| format!("{fault:?}"), |cells| cells.name)))
        .collect())
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn encodings_that_are_certain_are_taken_and_others_refused() {
    let text = "họ tên\nNguyễn Văn An\n";
    let good = Ok(vec![(2, "Nguyễn Văn An".to_owned())]);
    assert_eq!(names(text.as_bytes()), good);
    assert_eq!(names(format!("\u{FEFF}{text}").as_bytes()), good);
    assert_eq!(names(&utf16(text, false)), good);
    assert_eq!(names(&utf16(text, true)), good);
    let (windows_1258, _, _) = encoding_rs::WINDOWS_1258.encode("ho ten\nNguyên Văn Ân\n");
    let refused: [(&str, &[u8], &str); 9] = [
        ("Windows-1258", &windows_1258, "file_encoding"),
        ("TCVN3", b"ho ten\nNguy\xD4n V\xA8n An\n", "file_encoding"),
        ("UTF-16 without its mark", &utf16(text, false)[2..], "file_encoding"),
        ("UTF-16 with half a letter", b"\xFF\xFEh\0o", "file_encoding"),
        ("UTF-32", b"\xFF\xFE\0\0h\0\0\0", "file_encoding"),
        ("a workbook", b"PK\x03\x04....", "file_is_workbook"),
        ("an old workbook", b"\xD0\xCF\x11\xE0....", "file_is_workbook"),
        ("nothing", b"", "file_empty"),
        ("a mark and nothing", b"\xEF\xBB\xBF\r\n", "file_empty"),
    ];
    for (what, bytes, code) in refused {
        assert_eq!(names(bytes), Err(code), "{what}");
    }
    let fault = read(b"ho ten\nAn\nNguy\xD4n\n", &Limits::default());
    assert_eq!(fault, Err(FileFault::Encoding { line: 3 }));
}

#[test]
#[rustfmt::skip]
fn separators_and_headers() {
    let an = |line| Ok(vec![(line, "Nguyễn Văn An".to_owned())]);
    let rows: [(&str, Names); 15] = [
        ("ho_ten,dia_chi\nNguyễn Văn An,\n",                     an(2)),
        ("Họ và tên;Đơn vị\r\nNguyễn Văn An;vp\r\n",              an(2)),
        ("full_name\trole\nNguyễn Văn An\tclerk\n",              an(2)),
        ("\n\nFull Name,Role\n\n\r\nNguyễn Văn An,clerk",        an(6)),
        ("sep=;\r\nHọ tên;Chức vụ\r\nNguyễn Văn An;a,b\r\n",      an(3)),
        ("STT,Họ đệm,Tên\n1, Nguyễn Văn ,An\n",                  an(2)),
        ("\"Họ, tên\",Ghi chú\n\"Nguyễn Văn An\",\"x\ny\"\n",    an(2)),
        ("Họ tên;Ghi chú (a,b,c)\nNguyễn Văn An;x\n",            an(2)),
        ("Họ tên,Ghi chú\n,\nNguyễn Văn An,x\n , \n",            Ok(vec![
            (2, "Empty".into()), (3, "Nguyễn Văn An".into()), (4, "Empty".into())])),
        ("Họ tên,Vai trò\nNguyễn, Văn An,clerk\n",               Ok(vec![(2, "ExtraCells".into())])),
        ("email,role\na@b.vn,clerk\n",                           Err("file_no_name_column")),
        ("Nguyễn Văn An,clerk\n",                                Err("file_no_name_column")),
        ("Họ tên,full name\nA,B\n",                              Err("file_column_twice")),
        ("Họ tên\n",                                             Err("file_empty")),
        ("sep=|\nHọ tên|x\nA|b\n",                               Err("file_no_name_column")),
    ];
    for (text, expected) in rows {
        assert_eq!(names(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn every_column_is_read_under_its_vietnamese_and_english_name() {
    let expected = Cells {
        name: "Lê Bình".into(),
        address: "binhl@a.vn".into(),
        unit: "vp".into(),
        position: "Trưởng phòng".into(),
        role: "leader".into(),
    };
    for header in [
        "ho_ten,dia_chi,don_vi,chuc_vu,vai_tro",
        "HỌ TÊN,ĐỊA CHỈ THƯ,ĐƠN VỊ,CHỨC VỤ,VAI TRÒ",
        "full_name,address,unit,position,role",
    ] {
        let text = format!("{header},ghi chú\nLê Bình,binhl@a.vn,vp,Trưởng phòng,leader,\n");
        let table = read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(table.lines[0].cells, Ok(expected.clone()), "{header}");
        assert_eq!(table.ignored_columns, ["ghi chú"]);
    }
}

#[test]
fn a_list_has_bounds() {
    let limits = Limits { import_bytes_max: 64, rows_max: 3, columns_max: 3, ..Limits::default() };
    let code = |text: &str| read(text.as_bytes(), &limits).map_err(|fault| fault.said().code).err();
    assert_eq!(code(&format!("ho ten\n{}", "x".repeat(64))), Some("file_too_large"));
    assert_eq!(code("ho ten\na\nb\nc\n"), None);
    assert_eq!(code("ho ten\na\nb\nc\nd\n"), Some("file_too_many_rows"));
    assert_eq!(code("ho ten,a,b,c\nx\n"), Some("file_too_many_columns"));
    let separators = ",".repeat(1 << 20);
    assert_eq!(names(separators.as_bytes()), Err("file_too_many_columns"));
    assert_eq!(names(format!("ho ten\n{separators}\n").as_bytes()), Ok(vec![(2, "Empty".to_owned())]));
    let long = format!("ho ten,vai tro\nAn,\"{}\n", "x,y\n".repeat(2000));
    let table = read(long.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(table.lines, [Line { number: 2, cells: Err(LineFault::TooLong) }]);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = read(&bytes, &Limits::default());
        let mut with_header = b"ho ten,vai tro\n".to_vec();
        with_header.extend(&bytes);
        let _ = read(&with_header, &Limits::default());
    }

    #[test]
    fn line_numbers_are_those_of_an_editor(blank in proptest::collection::vec(0usize..3, 1..20), crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let mut text = format!("ho ten,ghi chu{end}");
        let mut expected = Vec::new();
        let mut line = 1;
        for blank in blank {
            text.push_str(&end.repeat(blank));
            line += 1 + blank as u64;
            expected.push((line, format!("L{line}")));
            text.push_str(&format!("L{line},x{end}"));
        }
        proptest::prop_assert_eq!(names(text.as_bytes()), Ok(expected));
    }
}
