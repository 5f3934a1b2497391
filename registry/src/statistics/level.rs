//! On which level of the state an agency stands (RULES R54, K20), read from its name, its code and its superiors as they were on the
//! day of what is counted.
//!
//! The register of the law has no such column. What an office is, its name says; an office below another is of its level.

use serde::Serialize;

/// A level of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Trung ương: ministries and what is below them.
    Central,
    /// Cấp tỉnh: provinces and their departments.
    Province,
    /// Cấp huyện: until 30/6/2025 (K20).
    District,
    /// Cấp xã.
    Commune,
    /// Party bodies, courts and others outside the state administration.
    Other,
}

impl Level {
    /// Every level, from above.
    pub const ALL: [Self; 5] = [Self::Central, Self::Province, Self::District, Self::Commune, Self::Other];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Central => "central",
            Self::Province => "province",
            Self::District => "district",
            Self::Commune => "commune",
            Self::Other => "other",
        }
    }

    /// For people.
    pub fn vi(self) -> &'static str {
        match self {
            Self::Central => "Trung ương",
            Self::Province => "Cấp tỉnh",
            Self::District => "Cấp huyện",
            Self::Commune => "Cấp xã",
            Self::Other => "Khác",
        }
    }
}

/// People's Committees by how their names begin, folded.
const COUNCILS: [&str; 2] = ["uy ban nhan dan ", "ubnd "];
const COMMUNES: [&str; 4] = ["xa ", "phuong ", "thi tran ", "dac khu "];
const DISTRICTS: [&str; 4] = ["huyen ", "quan ", "thi xa ", "thanh pho "];

/// The level of an agency, by its own name and code and then by those of its superiors, nearest first.
pub(super) fn level_of<'a>(line: impl IntoIterator<Item = (&'a str, &'a str)>) -> Level {
    let mut top = Level::Other;
    for (name, code) in line {
        if let Some(level) = own_level(name, code) {
            return level;
        }
        top = root_level(code);
    }
    top
}

/// What an agency's own name says.
fn own_level(name: &str, code: &str) -> Option<Level> {
    let name = mail::text::fold(name);
    let of = COUNCILS.iter().find_map(|council| name.trim().strip_prefix(council))?;
    let begins = |words: &[&str]| words.iter().any(|word| of.starts_with(word));
    match () {
        () if of.starts_with("tinh ") => Some(Level::Province),
        () if begins(&COMMUNES) => Some(Level::Commune),
        // A city may be a province or below one: its code says which.
        () if of.starts_with("thanh pho ") && is_root(code) => Some(Level::Province),
        () if begins(&DISTRICTS) => Some(Level::District),
        () => None,
    }
}

/// What the group of the first level says (RULES 3.3): G the government, H the provinces.
fn root_level(code: &str) -> Level {
    match group(code).and_then(|group| group.chars().next()) {
        Some('G') => Level::Central,
        Some('H') => Level::Province,
        _ => Level::Other,
    }
}

/// The first level's group: the first one in the codes of QĐ 20, the last in those of QCVN 102 (RULES I1, I2).
fn group(code: &str) -> Option<&str> {
    let is_letter = |group: &&str| group.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    [code.split('.').next(), code.split('.').next_back()].into_iter().flatten().find(is_letter)
}

/// Whether a code names the first level itself: `H37`, `000.00.00.H37`.
fn is_root(code: &str) -> bool {
    let Some(of) = group(code) else { return false };
    code.split('.').all(|part| part == of || part.bytes().all(|b| b == b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r54_levels_by_name_code_and_superior() {
        let province = ("Ủy ban nhân dân tỉnh Vĩnh Long", "H61");
        let city = ("Ủy ban nhân dân thành phố Hà Nội", "000.00.00.H26");
        let commune = ("UBND xã An Bình", "H61.72");
        let district = ("Ủy ban nhân dân huyện Long Hồ", "H61.31");
        let ministry = ("Bộ Nội vụ", "G09");
        let rows: [(&[(&str, &str)], Level); 13] = [
            (&[province], Level::Province),
            (&[("Sở Nội vụ", "H61.11"), province], Level::Province),
            (&[city], Level::Province),
            (&[("Ủy ban nhân dân thành phố Vĩnh Long", "H61.01"), province], Level::District),
            (&[district, province], Level::District),
            (&[("Phòng Nội vụ", "H61.31.5"), district, province], Level::District),
            (&[commune, province], Level::Commune),
            (&[("Ủy ban nhân dân phường Thanh Đức", "001.02.31.H61"), district, province], Level::Commune),
            (&[("Trường Mầm non Hoa Sen", "H61.72.4"), commune, province], Level::Commune),
            (&[("UỶ BAN NHÂN DÂN ĐẶC KHU PHÚ QUÝ", "H36.90"), province], Level::Commune),
            (&[ministry], Level::Central),
            (&[("Cục Văn thư và Lưu trữ nhà nước", "G09.12"), ministry], Level::Central),
            (&[("Văn phòng Tỉnh ủy", "000.00.01.A53")], Level::Other),
        ];
        for (line, level) in rows {
            assert_eq!(level_of(line.iter().copied()), level, "{line:?}");
        }
        assert_eq!(level_of([]), Level::Other);
    }
}
