//! Tables for the reader and writer.

use super::*;

/// The first element and nothing after it.
fn only(bytes: &[u8], rules: Rules) -> Result<Element<'_>> {
    Reader::new(bytes, rules, DEFAULT_DEPTH).only()
}

/// Content length, or what is wrong.
type Length = std::result::Result<usize, Problem>;

#[test]
fn headers_x690_8_1() {
    use Problem::{BadLength, BadTag, Trailing, Truncated};
    #[rustfmt::skip]
    let rows: [(&str, &[u8], Length, Length); 19] = [
        // what                    bytes                                       DER: content length  BER
        ("empty string",           &[0x04, 0x00],                              Ok(0),               Ok(0)),
        ("short",                  &[0x04, 0x01, 7],                           Ok(1),               Ok(1)),
        ("nothing",                &[],                                        Err(Truncated),      Err(Truncated)),
        ("tag only",               &[0x04],                                    Err(Truncated),      Err(Truncated)),
        ("content cut",            &[0x04, 2, 7],                              Err(Truncated),      Err(Truncated)),
        ("something follows",      &[0x04, 0, 0],                              Err(Trailing),       Err(Trailing)),
        ("padded length",          &[0x04, 0x81, 1, 7],                        Err(BadLength),      Ok(1)),
        ("leading zero",           &[0x04, 0x82, 0, 1, 7],                     Err(BadLength),      Ok(1)),
        ("reserved length",        &[0x04, 0xff],                              Err(BadLength),      Err(BadLength)),
        ("huge length",            &[0x04, 0x88, 255, 255, 255, 255, 255, 255, 255, 255], Err(Truncated), Err(Truncated)),
        ("longer than any",        &[0x04, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0],   Err(BadLength),      Err(BadLength)),
        ("indefinite",             &[0x30, 0x80, 5, 0, 0, 0],                  Err(BadLength),      Ok(2)),
        ("indefinite in itself",   &[0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0],      Err(BadLength),      Ok(4)),
        ("indefinite, open",       &[0x30, 0x80, 5, 0],                        Err(BadLength),      Err(Truncated)),
        ("indefinite primitive",   &[0x04, 0x80, 0, 0],                        Err(BadLength),      Err(BadLength)),
        ("bare end of contents",   &[0, 0],                                    Err(BadTag),         Err(BadTag)),
        ("high tag",               &[0xbf, 0x1f, 0],                           Ok(0),               Ok(0)),
        ("high tag for a low one", &[0xbf, 0x1e, 0],                           Err(BadTag),         Err(BadTag)),
        ("high tag padded",        &[0xbf, 0x80, 0x1f, 0],                     Err(BadTag),         Err(BadTag)),
    ];
    for (what, bytes, der, ber) in rows {
        for (rules, expected) in [(Rules::Der, der), (Rules::Ber, ber)] {
            let found =
                only(bytes, rules).map(|element| element.content().len()).map_err(|error| error.problem);
            assert_eq!(found, expected, "{what} under {rules:?}");
        }
    }
}

#[test]
fn every_element_gives_its_bytes_back() {
    let bytes = [0x30, 0x80, 0x02, 1, 5, 0x24, 0x80, 4, 1, 9, 0, 0, 0, 0];
    let outer = only(&bytes, Rules::Ber).unwrap();
    assert_eq!((outer.span(), outer.content_span()), (0..14, 2..12));
    let mut fields = outer.children().unwrap();
    assert_eq!(fields.peek(), Some(Tag::INTEGER));
    let number = fields.expect(Tag::INTEGER).unwrap();
    assert_eq!((number.whole(), number.span(), fields.position()), (&bytes[2..5], 2..5, 5));
    assert_eq!(fields.optional(Tag::NULL).unwrap().map(|e| e.span()), None);
    let string = fields.expect(Tag::OCTET_STRING).unwrap();
    assert_eq!((string.whole(), string.content()), (&bytes[5..12], &bytes[7..10]));
    assert_eq!(string.octets_joined().unwrap().as_ref(), [9]);
    fields.finish().unwrap();
    assert_eq!(outer.to_der().unwrap(), [0x30, 6, 2, 1, 5, 4, 1, 9]);
}

#[test]
fn a_failed_read_does_not_move() {
    let mut reader = Reader::der(&[2, 1, 5, 4]);
    assert!(matches!(reader.expect(Tag::NULL), Err(Error { at: 0, problem: Problem::WrongTag { .. } })));
    assert_eq!(reader.expect(Tag::INTEGER).unwrap().small(), Ok(5));
    assert!(reader.element().is_err());
    assert_eq!((reader.position(), reader.rest()), (3, &[4][..]));
}

#[test]
fn depth_is_limited_and_long_chains_do_not_recurse() {
    let indefinite = [0x30, 0x80].repeat(100_000);
    assert_eq!(only(&indefinite, Rules::Ber).map(drop).map_err(|e| e.problem), Err(Problem::TooDeep));
    let mut nested = vec![5, 0];
    for _ in 0..100 {
        nested = Writer::build(|w| w.element(Tag::SEQUENCE, true, &nested));
    }
    assert_eq!(only(&nested, Rules::Der).unwrap().to_der().map_err(|e| e.problem), Err(Problem::TooDeep));
    let strings = [[0x24, 0x80].repeat(30), [0x00, 0x00].repeat(30)].concat();
    assert_eq!(only(&strings, Rules::Ber).unwrap().octets_joined().unwrap().len(), 0);
}

#[test]
fn sets_are_sorted_when_written_in_der() {
    let bytes = [0x31, 6, 2, 1, 9, 2, 1, 5];
    assert_eq!(only(&bytes, Rules::Ber).unwrap().to_der().unwrap(), [0x31, 6, 2, 1, 5, 2, 1, 9]);
    // signedAttrs: [0] IMPLICIT SET OF, hashed as a SET OF (RFC 5652 §5.4).
    let bytes = [0xa0, 6, 2, 1, 9, 2, 1, 5];
    let element = only(&bytes, Rules::Ber).unwrap().implicit(Tag::SET);
    assert_eq!(element.to_der().unwrap(), [0x31, 6, 2, 1, 5, 2, 1, 9]);
}

#[test]
fn numbers_x690_8_3() {
    #[rustfmt::skip]
    let rows: [(&[u8], Option<i64>, bool); 10] = [
        // content                  value             in DER
        (&[0],                      Some(0),          true),
        (&[0x7f],                   Some(127),        true),
        (&[0x00, 0x80],             Some(128),        true),
        (&[0x80],                   Some(-128),       true),
        (&[0xff, 0x7f],             Some(-129),       true),
        (&[0x00, 0x7f],             Some(127),        false),
        (&[0xff, 0x80],             Some(-128),       false),
        (&[],                       None,             false),
        (&[0x7f, 255, 255, 255, 255, 255, 255, 255], Some(i64::MAX), true),
        (&[1, 0, 0, 0, 0, 0, 0, 0, 0], None,          false),
    ];
    for (content, value, in_der) in rows {
        let bytes = Writer::build(|w| w.element(Tag::INTEGER, false, content));
        let read = |rules| only(&bytes, rules).unwrap().small().ok();
        assert_eq!((read(Rules::Ber), read(Rules::Der)), (value, value.filter(|_| in_der)), "{content:?}");
        if let Some(value) = value.filter(|_| in_der) {
            assert_eq!(Writer::build(|w| w.integer(value)), bytes, "{value} written");
        }
    }
    let unsigned = |content: &[u8]| {
        let bytes = Writer::build(|w| w.element(Tag::INTEGER, false, content));
        only(&bytes, Rules::Der).unwrap().unsigned().map(<[u8]>::to_vec).ok()
    };
    assert_eq!(
        (unsigned(&[0, 0x80]), unsigned(&[0]), unsigned(&[0x80])),
        (Some(vec![0x80]), Some(vec![]), None)
    );
}

#[test]
fn booleans_bits_and_null() {
    let read = |bytes: &[u8], rules| only(bytes, rules).unwrap().boolean().ok();
    assert_eq!((read(&[1, 1, 0xff], Rules::Der), read(&[1, 1, 0], Rules::Der)), (Some(true), Some(false)));
    assert_eq!((read(&[1, 1, 1], Rules::Der), read(&[1, 1, 1], Rules::Ber)), (None, Some(true)));
    assert_eq!(read(&[1, 2, 0, 0], Rules::Ber), None);
    let bits = |content: &[u8]| {
        let bytes = Writer::build(|w| w.element(Tag::BIT_STRING, false, content));
        only(&bytes, Rules::Der).unwrap().bits().map(|(unused, bytes)| (unused, bytes.to_vec())).ok()
    };
    assert_eq!(bits(&[1, 6]), Some((1, vec![6])));
    assert_eq!(
        (bits(&[1, 7]), bits(&[8, 0]), bits(&[1]), bits(&[]), bits(&[0])),
        (None, None, None, None, Some((0, vec![])))
    );
    assert_eq!(Writer::build(|w| w.named_bits(&[0, 1])), [3, 2, 6, 0xc0]);
    assert_eq!(Writer::build(|w| w.named_bits(&[])), [3, 1, 0]);
    assert_eq!(Writer::build(|w| w.named_bits(&[8])), [3, 3, 7, 0, 0x80]);
    assert!(only(&[5, 1, 0], Rules::Ber).unwrap().null().is_err());
}

#[test]
fn object_identifiers() {
    #[rustfmt::skip]
    let rows: [(&[u8], Option<&str>); 8] = [
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d],       Some("1.2.840.113549")),
        (&[0x60, 0x85, 0x40, 1, 1, 1, 1, 1],          Some("2.16.704.1.1.1.1.1")),
        (&[0x88, 0x37],                               Some("2.999")),
        (&[0x00],                                     Some("0.0")),
        (&[],                                         None),
        (&[0x2a, 0x86],                               None),
        (&[0x2a, 0x80, 0x01],                         None),
        (&[1; 48],                                    None),
    ];
    for (content, text) in rows {
        let read = Oid::from_content(content);
        assert_eq!(read.map(|oid| oid.to_string()).as_deref(), text, "{content:?}");
        if let Some(text) = text {
            assert_eq!(text.parse(), Ok(read.unwrap()), "{text}");
        }
    }
    assert_eq!(Oid::new(&[2, 5, 29, 37]).content(), [0x55, 0x1d, 0x25]);
    let uuid = "2.25.329800735698586629295641978511506172918";
    assert_eq!(uuid.parse::<Oid>().unwrap().to_string(), uuid);
    let template = "1.3.6.1.4.1.311.21.8.16735922.7437492.10570883.2539024.15756463.251.14019448.2110396";
    assert_eq!(template.parse::<Oid>().unwrap().to_string(), template);
    for bad in ["", "1", "3.1", "1.40", "1.2.", "1..2", "1.02", "1.a", "-1.2", "1.+2", &"1.2".repeat(60)] {
        assert!(bad.parse::<Oid>().is_err(), "{bad}");
    }
}

#[test]
fn times_rfc_5280_4_1_2_5() {
    const UTC: Tag = Tag::UTC_TIME;
    const GENERAL: Tag = Tag::GENERALIZED_TIME;
    #[rustfmt::skip]
    let rows: [(Tag, &str, Option<i64>, Option<i64>); 16] = [
        // tag    text                    DER                   BER
        (UTC,     "700101000000Z",        Some(0),              Some(0)),
        (UTC,     "491231235959Z",        Some(2_524_607_999),  Some(2_524_607_999)),
        (UTC,     "500101000000Z",        Some(-631_152_000),   Some(-631_152_000)),
        (UTC,     "7001010000Z",          None,                 Some(0)),
        (UTC,     "700101070000+0700",    None,                 Some(0)),
        (UTC,     "700101000000",         None,                 None),
        (UTC,     "700230000000Z",        None,                 None),
        (UTC,     "700101240000Z",        None,                 None),
        (UTC,     "7001010000 0Z",        None,                 None),
        (GENERAL, "19700101000000Z",      Some(0),              Some(0)),
        (GENERAL, "20500101000000Z",      Some(2_524_608_000),  Some(2_524_608_000)),
        (GENERAL, "99991231235959Z",      Some(253_402_300_799), Some(253_402_300_799)),
        (GENERAL, "19700101000000.5Z",    None,                 Some(0)),
        (GENERAL, "20240229000000Z",      Some(1_709_164_800),  Some(1_709_164_800)),
        (GENERAL, "20230229000000Z",      None,                 None),
        (GENERAL, "",                     None,                 None),
    ];
    for (tag, text, der, ber) in rows {
        let bytes = Writer::build(|w| w.element(tag, false, text.as_bytes()));
        let read = |rules| only(&bytes, rules).unwrap().time().ok();
        assert_eq!((read(Rules::Der), read(Rules::Ber)), (der, ber), "{text}");
    }
    for seconds in [0, 2_524_607_999, 2_524_608_000, -631_152_000, 253_402_300_799] {
        let bytes = Writer::build(|w| w.time(seconds));
        assert_eq!(only(&bytes, Rules::Der).unwrap().time(), Ok(seconds));
    }
}

#[test]
fn precise_times_rfc_3161_2_4_2() {
    let rows = [
        ("20260101000000Z", Some(0)),
        ("20260101000000.5Z", Some(500_000_000)),
        ("20260101000000.34352Z", Some(343_520_000)),
        ("20260101000000.50Z", None),
        ("20260101000000.Z", None),
        ("20260101000000,5Z", None),
        ("20260101000000.5", None),
    ];
    for (text, nanos) in rows {
        let bytes = Writer::build(|w| w.element(Tag::GENERALIZED_TIME, false, text.as_bytes()));
        let read = only(&bytes, Rules::Der).unwrap().precise_time().ok();
        assert_eq!(read, nanos.map(|nanos| (1_767_225_600, nanos)), "{text}");
    }
}

#[test]
fn texts_of_every_type() {
    #[rustfmt::skip]
    let rows: [(Tag, &[u8], Option<&str>); 9] = [
        (Tag::UTF8_STRING,      "Đồng Tâm".as_bytes(),            Some("Đồng Tâm")),
        (Tag::UTF8_STRING,      &[0xff],                          None),
        (Tag::PRINTABLE_STRING, b"VN",                            Some("VN")),
        (Tag::IA5_STRING,       &[0xe9],                          None),
        (Tag::TELETEX_STRING,   &[0xe9],                          Some("é")),
        (Tag::BMP_STRING,       &[0x01, 0x10, 0x00, 0x41],        Some("ĐA")),
        (Tag::BMP_STRING,       &[0x01],                          None),
        (Tag::UNIVERSAL_STRING, &[0, 1, 0xf6, 0x00],              Some("😀")),
        (Tag::OCTET_STRING,     b"x",                             None),
    ];
    for (tag, content, text) in rows {
        let bytes = Writer::build(|w| w.element(tag, false, content));
        assert_eq!(only(&bytes, Rules::Der).unwrap().text().ok().as_deref(), text, "{tag} {content:?}");
    }
}

#[test]
fn long_elements_there_and_back() {
    for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
        let bytes = Writer::build(|w| w.octets(&vec![7; length]));
        assert_eq!(only(&bytes, Rules::Der).unwrap().octets().map(<[u8]>::len), Ok(length));
    }
    for number in [0, 30, 31, 127, 128, 300, 1 << 27] {
        let bytes = Writer::build(|w| w.element(Tag::context(number), false, &[]));
        assert_eq!(only(&bytes, Rules::Der).unwrap().tag(), Tag::context(number));
    }
}

proptest::proptest! {
    /// What DER reading accepts is already in DER, sets aside.
    #[test]
    fn der_is_a_fixed_point(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        if let Ok(element) = only(&bytes, Rules::Der)
            && let Ok(der) = element.to_der()
        {
            proptest::prop_assert!(der == bytes || bytes.contains(&0x31));
        }
    }

    /// Writing in DER what was read in BER gives something DER reads, and writing again changes nothing.
    #[test]
    fn ber_becomes_der(pairs in proptest::collection::vec((0usize..6, 0u8..8), 0..40)) {
        const HEADS: [u8; 6] = [0x30, 0x31, 0x24, 0x04, 0x02, 0x00];
        let bytes: Vec<u8> = pairs.iter().flat_map(|&(head, length)| [HEADS[head], if length == 7 { 0x80 } else { length }]).collect();
        if let Ok(element) = Reader::ber(&bytes).element()
            && let Ok(der) = element.to_der()
        {
            let again = only(&der, Rules::Der).and_then(|element| element.to_der());
            proptest::prop_assert_eq!(again, Ok(der));
        }
    }
}

#[test]
fn x690_8_7_3_2_a_million_pieces_of_nothing_are_refused() {
    let string = |pieces: usize| [&[0x24, 0x80][..], &[4, 0].repeat(pieces), &[0, 0]].concat();
    let read = |bytes: &[u8]| Reader::ber(bytes).only()?.octets_joined().map(|joined| joined.len());
    assert_eq!(read(&string(10_000)), Ok(0));
    assert_eq!(read(&string(2_000_000)).unwrap_err().problem, Problem::TooLarge);
    let definite = Writer::build(|w| w.element(Tag::OCTET_STRING, true, &[4, 0].repeat(2_000_000)));
    assert_eq!(read(&definite).unwrap_err().problem, Problem::TooLarge);
}
