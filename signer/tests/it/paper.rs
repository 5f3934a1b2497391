//! Papers of every build: turned, cropped, inherited, with forms, packed, hybrid.

/// A PDF of these objects (numbered from 1; the first is the catalog) with a cross-reference table.
pub(crate) fn pdf(objects: &[&str]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f\r\n", objects.len() + 1);
    for (number, body) in (1..).zip(objects) {
        table.push_str(&format!("{:010} 00000 n\r\n", out.len()));
        out.extend_from_slice(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
    }
    let start = out.len();
    let id = "<00112233445566778899aabbccddeeff>";
    let trailer = format!(
        "{table}trailer\n<</Size {}/Root 1 0 R/ID[{id}{id}]>>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    out.extend_from_slice(trailer.as_bytes());
    out
}

/// One empty page with these entries; `above`: entries of the node over it.
pub(crate) fn page(entries: &str, above: &str) -> Vec<u8> {
    pdf(&[
        "<</Type/Catalog/Pages 2 0 R>>",
        &format!("<</Type/Pages/Kids[3 0 R]/Count 1{above}>>"),
        &format!("<</Type/Page/Parent 2 0 R/Resources<<>>{entries}>>"),
    ])
}

pub(crate) const A4: &str = "/MediaBox[0 0 595.276 841.89]";

/// A template with fields for number (4), date (5) and the leader's signature (6); `form`: further entries of the form,
/// `field`: further entries of the signature field.
pub(crate) fn template(form: &str, field: &str) -> Vec<u8> {
    pdf(&[
        &format!(
            "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R 5 0 R 6 0 R]/DA(/Helv 0 Tf 0 g){form}>>>>"
        ),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        &format!("<</Type/Page/Parent 2 0 R{A4}/Resources<<>>/Annots 7 0 R>>"),
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(So)/F 4/P 3 0 R/Rect[85 760 245 780]>>",
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(Ngay)/F 4/P 3 0 R/Q 1/Rect[290 760 540 780]>>",
        &format!("<</Type/Annot/Subtype/Widget/FT/Sig/T(LanhDao)/F 4/P 3 0 R/Rect[340 100 500 190]{field}>>"),
        "[4 0 R 5 0 R 6 0 R]",
    ])
}
