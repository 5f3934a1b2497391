use super::*;

/// A page of A4 with this content and these fonts (PDF texts of the resource dictionary), and further objects from number 5.
fn page(content: &str, fonts: &str, further: &[String]) -> Vec<u8> {
    let mut bodies = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 600 800]/Resources<</Font<<{fonts}>>>>>>"),
        "<</Type/Page/Parent 2 0 R/Contents[4 0 R]>>".to_owned(),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
    ];
    bodies.extend_from_slice(further);
    let count = bodies.len() + 1;
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {count}\n0000000000 65535 f \n");
    for (index, body) in bodies.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend_from_slice(format!("{} 0 obj\n{body}\nendobj\n", index + 1).as_bytes());
    }
    let at = out.len();
    out.extend_from_slice(
        format!("{table}trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n").as_bytes(),
    );
    out
}

const PLAIN: &str = "/F<</Type/Font/Subtype/Type1/BaseFont/Times>>";

fn lines(content: &str) -> Vec<String> {
    let found = first_page(&page(content, PLAIN, &[]), &Limits::default()).unwrap();
    found.into_iter().map(|line| line.text).collect()
}

#[test]
fn a_line_ends_where_the_text_moves_away() {
    let rows: &[(&str, &[&str])] = &[
        ("BT /F 12 Tf 50 700 Td (So: 05) Tj 0 -20 Td (Ha Noi) Tj ET", &["So: 05", "Ha Noi"]),
        // Each word put where it belongs, as many printers do.
        ("BT /F 12 Tf 1 0 0 1 50 700 Tm (bao) Tj 1 0 0 1 72 700 Tm (mat) Tj ET", &["bao mat"]),
        // Two columns.
        ("BT /F 12 Tf 50 700 Td (MAT) Tj 300 0 Td (CONG HOA) Tj ET", &["MAT", "CONG HOA"]),
        ("BT /F 12 Tf 50 700 Td [(M)-20(A)-20(T)-600(KHAU)] TJ ET", &["MAT KHAU"]),
        ("BT /F 12 Tf 14 TL 50 700 Td (mot) Tj T* (hai) ' ET", &["mot", "hai"]),
        ("BT /F 12 Tf 50 700 Td (   ) Tj ET", &[]),
        ("BT (", &[]),
    ];
    for (content, expected) in rows {
        assert_eq!(lines(content), *expected, "{content}");
    }
}

#[test]
fn where_a_line_stands() {
    let bytes = page("BT /F 12 Tf 60 720 Td (MAT) Tj ET", PLAIN, &[]);
    let found = first_page(&bytes, &Limits::default()).unwrap();
    assert_eq!(found, [Line { text: "MAT".to_owned(), from_left: 0.1, from_top: 0.1 }]);
}

#[test]
fn letters_by_the_fonts_own_tables() {
    let map = "1 begincodespacerange <0000> <FFFF> endcodespacerange 2 beginbfrange <0001> <0002> <004D> \
               <0003> <0004> [<1EAC> <0054>] endbfrange";
    let further = [
        format!("<</Length {}>>\nstream\n{map}\nendstream", map.len()),
        "<</Type/Font/Subtype/Type0/BaseFont/Tinos/ToUnicode 5 0 R>>".to_owned(),
        "<</Type/Font/Subtype/TrueType/BaseFont/.VnTimeH>>".to_owned(),
        "<</Type/Font/Subtype/Type0/BaseFont/Secretive>>".to_owned(),
    ];
    let content = "BT /T 12 Tf 50 700 Td <000100030004> Tj 0 -20 Td /V 12 Tf (M\\313T) Tj 0 -20 Td /S 12 Tf <0001> Tj ET";
    let bytes = page(content, "/T 6 0 R/V 7 0 R/S 8 0 R", &further);
    let found = first_page(&bytes, &Limits::default()).unwrap();
    let texts: Vec<&str> = found.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["MẬT", "MậT"]);
}

#[test]
fn what_is_no_pdf_is_said_and_a_hostile_one_ends() {
    assert!(first_page(b"no", &Limits::default()).is_err());
    let endless = format!("BT /F 12 Tf {} ET", "50 700 Td (chu) Tj ".repeat(50_000));
    assert!(first_page(&page(&endless, PLAIN, &[]), &Limits::default()).unwrap().len() <= LINES_MAX);
}

#[test]
fn the_text_of_all_pages_in_their_order_and_no_more_than_asked() {
    let shown = |word: &str| format!("BT /F 12 Tf 50 700 Td ({word}) Tj ET");
    let stream =
        |word: &str| format!("<</Length {}>>\nstream\n{}\nendstream", shown(word).len(), shown(word));
    // Pages 3 and 5 under the root, 8 under a node of its own, which also leads back to the root.
    let further = [
        "<</Type/Page/Parent 2 0 R/Contents 6 0 R>>".to_owned(),
        stream("hai"),
        "<</Type/Pages/Parent 2 0 R/Kids[8 0 R 2 0 R]>>".to_owned(),
        "<</Type/Page/Parent 7 0 R/Contents 9 0 R>>".to_owned(),
        stream("ba"),
    ];
    let bytes = page(&shown("mot"), PLAIN, &further);
    let bytes = String::from_utf8(bytes).unwrap().replace("/Kids[3 0 R]/Count 1", "/Kids[3 0 R 5 0 R 7 0 R]");
    // The table of places no longer fits; the reader mends it or not, the pages are found by it.
    let bytes = repaired(&bytes);
    let limits = Limits::default();
    let read = |pages, size, go_on: bool| text(&bytes, &limits, pages, size, || go_on).unwrap();
    assert_eq!(read(3, 100, true), "mot\nhai\nba\n");
    assert_eq!(read(2, 100, true), "mot\nhai\n");
    assert_eq!(read(3, 1, true), "mot\n");
    assert_eq!(read(3, 100, false), "");
    assert!(read(20, 10_000, true).starts_with("mot\nhai\nba\n"));
    assert!(text(b"no file", &limits, 1, 1, || true).is_err());
}

/// The same objects with a table that says where they are.
fn repaired(text: &str) -> Vec<u8> {
    let objects = text.split("xref\n").next().unwrap_or_default();
    let mut places = Vec::new();
    let mut number = 1;
    while let Some(at) = objects.find(&format!("\n{number} 0 obj\n")) {
        places.push(at + 1);
        number += 1;
    }
    let rows: String = places.iter().map(|at| format!("{at:010} 00000 n \n")).collect();
    format!(
        "{objects}xref\n0 {number}\n0000000000 65535 f \n{rows}trailer\n<</Size {number}/Root 1 0 R>>\nstartxref\n{}\n%%EOF\n",
        objects.len()
    )
    .into_bytes()
}
