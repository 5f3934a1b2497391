use std::collections::HashSet;

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;

fn domain() -> Domain {
    "bentre.gov.vn".parse().unwrap()
}

#[test]
#[rustfmt::skip]
fn m2_m3_addresses_of_names() {
    let rows = [
        // Name, annv form, nguyenvana form.
        ("Nguyễn Văn An",              Ok("annv"),     Ok("nguyenvanan")),
        ("NGUYỄN VĂN AN",              Ok("annv"),     Ok("nguyenvanan")),
        ("  Nguyễn   Văn\tAn ",        Ok("annv"),     Ok("nguyenvanan")),
        ("Nguye\u{302}\u{303}n Va\u{306}n An", Ok("annv"), Ok("nguyenvanan")),   // NFD
        ("Đặng Thị Ánh Đào",           Ok("daodta"),   Ok("dangthianhdao")),
        ("Ðỗ Hùng",                    Ok("hungd"),    Ok("dohung")),            // U+00D0
        ("An",                         Ok("an"),       Ok("an")),
        ("H'Hen Niê",                  Ok("nieh"),     Ok("hhennie")),
        ("Y-Blui Êban",                Ok("ebany"),    Ok("ybluieban")),
        ("Tôn Nữ Thị Ninh (Hà)",       Ok("hatntn"),   Ok("tonnuthininhha")),
        ("Trường Sa",                  Ok("sat"),      Ok("truongsa")),
        ("Uỷ Ưng Ươm Yến Ỵ",           Ok("yuuuy"),    Ok("uyunguomyeny")),
        ("",                           Err("name_missing"),    Err("name_missing")),
        (" \t",                        Err("name_missing"),    Err("name_missing")),
        ("=HYPERLINK(1)",              Err("name_character"),  Err("name_character")),
        ("Nguyá»…n VÄƒn An",           Err("name_encoding"),   Err("name_encoding")),
        ("NguyÔn V¨n An",              Err("name_encoding"),   Err("name_encoding")),
        ("Nguy\u{FFFD}n An",           Err("name_encoding"),   Err("name_encoding")),
        ("王小明",                      Err("name_no_letters"), Err("name_no_letters")),
        ("1990",                       Err("name_no_letters"), Err("name_no_letters")),
    ];
    for (name, short, long) in rows {
        for (person, expected) in [(PersonForm::GivenAndInitials, short), (PersonForm::FullName, long)] {
            let policy = AddressPolicy { person, ..AddressPolicy::default() };
            let found = address_for(name, &domain(), None, &policy, |_| false);
            let found = found.as_ref().map(|a| a.local().as_str()).map_err(|f| f.said().code);
            assert_eq!(found, expected, "{name:?}");
        }
    }
}

#[test]
fn m2_the_unit_follows_the_number() {
    let policy = AddressPolicy { unit_suffix: true, ..AddressPolicy::default() };
    let of = |taken: &str| {
        address_for("Nguyễn Văn An", &domain(), Some("STTTT"), &policy, |a| a.local().as_str() == taken)
            .unwrap()
    };
    assert_eq!(of("").to_string(), "annv.stttt@bentre.gov.vn");
    assert_eq!(of("annv.stttt").to_string(), "annv1.stttt@bentre.gov.vn");
}

#[test]
fn m3_m23_collisions_take_the_next_free_number_and_end() {
    let mut taken = HashSet::new();
    let policy = AddressPolicy { number_max: 3, ..AddressPolicy::default() };
    for expected in ["hungnv", "hungnv1", "hungnv2", "hungnv3"] {
        let found = address_for("Nguyễn Văn Hùng", &domain(), None, &policy, |a| taken.contains(a)).unwrap();
        assert_eq!(found.local().as_str(), expected);
        taken.insert(found);
    }
    let found = address_for("Nông Văn Hưng", &domain(), None, &policy, |a| taken.contains(a));
    assert_eq!(found.map_err(|f| f.said().code), Err("address_all_taken"));
}

#[test]
fn a_person_never_gets_the_address_of_whoever_runs_the_domain() {
    let found = address_for("Root", &domain(), None, &AddressPolicy::default(), |_| false).unwrap();
    assert_eq!(found.local().as_str(), "root1");
}

#[test]
#[rustfmt::skip]
fn m2_grammar_of_issued_addresses() {
    let rows = [
        ("annv@bentre.gov.vn",          true,  Ok("annv@bentre.gov.vn")),
        (" AnNV@BenTre.gov.vn ",        true,  Ok("annv@bentre.gov.vn")),
        ("annv.stttt@bentre.gov.vn",    true,  Ok("annv.stttt@bentre.gov.vn")),
        ("ca-mau.nam-can@camau.gov.vn", false, Ok("ca-mau.nam-can@camau.gov.vn")),
        ("van_thu@bentre.gov.vn",       true,  Err("address_grammar")),
        ("1annv@bentre.gov.vn",         true,  Err("address_grammar")),
        ("annv-@bentre.gov.vn",         true,  Err("address_grammar")),
        ("nguyễn@bentre.gov.vn",        true,  Err("address_grammar")),
        ("\"van thu\"@bentre.gov.vn",   true,  Err("address_grammar")),
        ("an+nv@bentre.gov.vn",         true,  Err("address_grammar")),
        ("annv",                        true,  Err("address_bad")),
        ("annv@",                       true,  Err("address_bad")),
        ("an nv@bentre.gov.vn",         true,  Err("address_bad")),
        ("a@b@bentre.gov.vn",           true,  Err("address_bad")),
        ("postmaster@bentre.gov.vn",    true,  Err("address_reserved")),
        ("postmaster@bentre.gov.vn",    false, Ok("postmaster@bentre.gov.vn")),
    ];
    for (text, is_person, expected) in rows {
        let found = issued(text, is_person, &AddressPolicy::default());
        assert_eq!(found.map(|a| a.to_string()).map_err(|f| f.said().code), expected.map(str::to_owned), "{text}");
    }
    let wide = AddressPolicy { official_grammar: false, ..AddressPolicy::default() };
    assert!(issued("van_thu@bentre.gov.vn", true, &wide).is_ok());
    assert!(issued("\"van thu\"@bentre.gov.vn", true, &wide).is_err());
    assert!(issued("nguyễn@bentre.gov.vn", true, &wide).is_err());
}

#[test]
fn m4_names_are_kept_in_nfc_and_within_bounds() {
    assert_eq!(person_name("Nguye\u{302}\u{303}n  An").unwrap(), "Nguyễn An");
    assert_eq!(person_name(&"a".repeat(101)), Err(NameFault::TooLong { chars_max: 100 }));
    assert_eq!(person_name(&" ".repeat(5000)), Err(NameFault::Missing));
    assert_eq!(title("Trưởng phòng “A&B”; phụ trách").unwrap(), "Trưởng phòng “A&B”; phụ trách");
    assert_eq!(title("").unwrap(), "");
    assert!(title("a\u{0}b").is_err());
}

/// A Vietnamese syllable: onset, vowel with mark and tone, coda.
fn syllable() -> impl Strategy<Value = String> {
    const ONSETS: [&str; 27] = [
        "", "b", "c", "ch", "d", "đ", "g", "gh", "gi", "h", "k", "kh", "l", "m", "n", "ng", "ngh", "nh", "p",
        "ph", "qu", "r", "s", "t", "th", "tr", "v",
    ];
    const VOWELS: [&str; 12] = ["a", "ă", "â", "e", "ê", "i", "o", "ô", "ơ", "u", "ư", "y"];
    const TONES: [&str; 6] = ["", "\u{300}", "\u{309}", "\u{303}", "\u{301}", "\u{323}"];
    const CODAS: [&str; 9] = ["", "c", "ch", "m", "n", "ng", "nh", "p", "t"];
    (0..ONSETS.len(), 0..VOWELS.len(), 0..TONES.len(), 0..CODAS.len(), any::<bool>()).prop_map(
        |(o, v, t, c, up)| {
            let text = format!("{}{}{}{}", ONSETS[o], VOWELS[v], TONES[t], CODAS[c]);
            if up { text.to_uppercase() } else { text }
        },
    )
}

proptest! {
    #[test]
    fn m3_every_vietnamese_name_has_a_plain_address(
        name in proptest::collection::vec(syllable(), 1..6), composed: bool, full: bool,
    ) {
        let name = name.join(" ");
        let name: String = if composed { name.nfc().collect() } else { name.nfd().collect() };
        let person = if full { PersonForm::FullName } else { PersonForm::GivenAndInitials };
        let policy = AddressPolicy { person, ..AddressPolicy::default() };
        let mut taken = HashSet::new();
        for _ in 0..3 {
            let address = address_for(&name, &domain(), None, &policy, |a| taken.contains(a)).unwrap();
            let local = address.local().as_str();
            prop_assert!(local.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{}", local);
            prop_assert_eq!(issued(&address.to_string(), true, &policy), Ok(address.clone()));
            // The same name in the other normal form is the same person.
            let other: String = name.nfc().collect();
            prop_assert_eq!(address_for(&other, &domain(), None, &policy, |a| taken.contains(a)), Ok(address.clone()));
            prop_assert!(taken.insert(address), "given twice");
        }
    }

    #[test]
    fn whatever_the_name_what_is_issued_is_of_the_grammar(name in "\\PC{0,60}") {
        let policy = AddressPolicy { unit_suffix: true, ..AddressPolicy::default() };
        if let Ok(address) = address_for(&name, &domain(), Some(&name), &policy, |_| false) {
            prop_assert!(issued(&address.to_string(), true, &policy).is_ok(), "{}", address);
        }
        let _ = (issued(&name, false, &policy), title(&name), person_name(&name));
    }
}
