//! The 29 types of administrative documents (NĐ 30/2020 Đ7, RULES R80) and the abbreviations of PL III.

use serde::Serialize;

/// A type of administrative document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentType {
    /// Its name, as the law writes it.
    pub name: &'static str,
    /// Its abbreviation in a notation; the công văn and the thư công have none.
    pub abbreviation: Option<&'static str>,
}

/// The types in the order of the law.
#[rustfmt::skip]
pub const TYPES: [DocumentType; 29] = [
    named("Nghị quyết (cá biệt)", "NQ"), named("Quyết định (cá biệt)", "QĐ"), named("Chỉ thị", "CT"),
    named("Quy chế", "QC"), named("Quy định", "QyĐ"), named("Thông cáo", "TC"), named("Thông báo", "TB"),
    named("Hướng dẫn", "HD"), named("Chương trình", "CTr"), named("Kế hoạch", "KH"), named("Phương án", "PA"),
    named("Đề án", "ĐA"), named("Dự án", "DA"), named("Báo cáo", "BC"), named("Biên bản", "BB"),
    named("Tờ trình", "TTr"), named("Hợp đồng", "HĐ"), DocumentType { name: "Công văn", abbreviation: None },
    named("Công điện", "CĐ"), named("Bản ghi nhớ", "BGN"), named("Bản thỏa thuận", "BTT"),
    named("Giấy ủy quyền", "GUQ"), named("Giấy mời", "GM"), named("Giấy giới thiệu", "GGT"),
    named("Giấy nghỉ phép", "GNP"), named("Phiếu gửi", "PG"), named("Phiếu chuyển", "PC"), named("Phiếu báo", "PB"),
    DocumentType { name: "Thư công", abbreviation: None },
];

/// Copies: sao y, trích sao, sao lục (PL III).
pub const COPIES: [&str; 3] = ["SY", "TrS", "SL"];

const fn named(name: &'static str, abbreviation: &'static str) -> DocumentType {
    DocumentType { name, abbreviation: Some(abbreviation) }
}

impl DocumentType {
    /// The type of a name, whatever its letters' case and tone placement; `Quyết định` is `Quyết định (cá biệt)`.
    pub fn of_name(name: &str) -> Option<Self> {
        let plain = |name: &str| mail::text::fold(name.trim().trim_end_matches("(cá biệt)").trim());
        let name = plain(name);
        TYPES.into_iter().find(|known| plain(known.name) == name)
    }

    /// The type of an abbreviation. The case of its letters counts: `CT` is a directive, `CTr` a programme.
    pub fn of_abbreviation(text: &str) -> Option<Self> {
        TYPES.into_iter().find(|known| known.abbreviation == Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r80_twenty_nine_types_each_found_by_its_name_and_abbreviation() {
        let mut seen = std::collections::HashSet::new();
        for known in TYPES {
            assert_eq!(DocumentType::of_name(known.name), Some(known));
            assert_eq!(
                DocumentType::of_name(&known.name.to_uppercase().replace("(CÁ BIỆT)", "")),
                Some(known)
            );
            if let Some(abbreviation) = known.abbreviation {
                assert!(seen.insert(abbreviation), "{abbreviation} twice");
                assert_eq!(DocumentType::of_abbreviation(abbreviation), Some(known));
            }
        }
        assert_eq!(seen.len(), 27);
        assert_eq!(DocumentType::of_name("Bản thoả thuận").unwrap().abbreviation, Some("BTT"));
        assert_eq!(DocumentType::of_abbreviation("STC"), None);
        // They fold alike and are two.
        assert_ne!(DocumentType::of_name("Quy định"), DocumentType::of_name("Quyết định"));
    }
}
