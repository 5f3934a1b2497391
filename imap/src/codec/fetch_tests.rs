//! Structure and sections of messages: the RFCs' own examples, MIME that is absurd, rows from before.

use mail::message::{Facts, Limits as Reading, read};
use proptest::prelude::*;

use super::command::{Section, SectionText};
use super::fetch::{BinaryError, binary, body_structure, needs_bytes, partial, section};
use super::*;

fn facts(raw: &str) -> Facts {
    read(raw.as_bytes(), &Reading::default())
}

fn structure(raw: &str, extended: bool, utf8: bool) -> String {
    let mut out = Out::new();
    out.set_utf8(utf8);
    body_structure(&mut out, &facts(raw), Some(raw.as_bytes()), extended);
    String::from_utf8(out.take()).unwrap()
}

/// The example of RFC 9051 §6.4.5.1: text, a file, a message with two parts, and a multipart with an image and a message with two
/// texts.
const NESTED: &str = "Subject: whole\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n\
    --a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\none\r\n\
    --a\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n\
    --a\r\nContent-Type: message/rfc822\r\n\r\n\
    Subject: three\r\nFrom: a@b.vn\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\n\r\nthree one\r\n--b\r\nContent-Type: application/pdf\r\n\r\nthree two\r\n--b--\r\n\
    --a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n\
    --c\r\nContent-Type: image/gif\r\nX-Note: four one\r\n\r\nGIF\r\n\
    --c\r\nContent-Type: message/rfc822\r\n\r\n\
    Subject: four two\r\nContent-Type: multipart/alternative; boundary=d\r\n\r\n\
    --d\r\nContent-Type: text/plain\r\n\r\nfour two one\r\n--d\r\nContent-Type: text/html\r\n\r\n<p>\r\n--d--\r\n\
    --c--\r\n--a--\r\n";

#[test]
#[rustfmt::skip]
fn rfc_9051_6_4_5_1_part_numbers() {
    let facts = facts(NESTED);
    let rows: [(&[u32], SectionText, Option<&str>); 22] = [
        (&[],           SectionText::Header, Some("Subject: whole\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n")),
        (&[1],          SectionText::Whole,  Some("one")),
        (&[1],          SectionText::Mime,   Some("Content-Type: text/plain; charset=utf-8\r\n\r\n")),
        (&[1],          SectionText::Text,   None),
        (&[1],          SectionText::Header, None),
        (&[2],          SectionText::Whole,  Some("AAEC")),
        (&[3],          SectionText::Header, Some("Subject: three\r\nFrom: a@b.vn\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")),
        (&[3],          SectionText::Text,   Some("--b\r\n\r\nthree one\r\n--b\r\nContent-Type: application/pdf\r\n\r\nthree two\r\n--b--")),
        (&[3],          SectionText::HeaderFields(vec!["FROM".into()]), Some("From: a@b.vn\r\n\r\n")),
        (&[3],          SectionText::HeaderFieldsNot(vec!["content-type".into()]), Some("Subject: three\r\nFrom: a@b.vn\r\n\r\n")),
        (&[3],          SectionText::Mime,   Some("Content-Type: message/rfc822\r\n\r\n")),
        (&[3, 1],       SectionText::Whole,  Some("three one")),
        (&[3, 1],       SectionText::Mime,   Some("\r\n")),
        (&[3, 2],       SectionText::Whole,  Some("three two")),
        (&[3, 3],       SectionText::Whole,  None),
        (&[4, 1],       SectionText::Mime,   Some("Content-Type: image/gif\r\nX-Note: four one\r\n\r\n")),
        (&[4, 2],       SectionText::HeaderFields(vec!["Subject".into(), "x".into()]), Some("Subject: four two\r\n\r\n")),
        (&[4, 2, 1],    SectionText::Whole,  Some("four two one")),
        (&[4, 2, 2],    SectionText::Whole,  Some("<p>")),
        (&[4, 2, 2, 1], SectionText::Whole,  None),
        (&[5],          SectionText::Whole,  None),
        (&[],           SectionText::HeaderFields(vec!["nothing".into()]), Some("\r\n")),
    ];
    for (part, text, expected) in rows {
        let wanted = Section { part: part.to_vec(), text };
        let found = section(NESTED.as_bytes(), &facts, &wanted);
        assert_eq!(found.as_deref().map(String::from_utf8_lossy).as_deref(), expected, "{wanted:?}");
    }
    let whole = section(NESTED.as_bytes(), &facts, &Section::default()).unwrap();
    assert_eq!(whole, NESTED.as_bytes());
    let text = section(NESTED.as_bytes(), &facts, &Section { part: vec![], text: SectionText::Text }).unwrap();
    assert!(text.starts_with(b"preamble") && text.ends_with(b"--a--\r\n"));
}

#[test]
fn rfc_9051_6_4_5_1_a_message_without_parts_has_part_one() {
    let raw = "Subject: x\r\n\r\nbody\r\n";
    let found =
        |part: &[u32], text| section(raw.as_bytes(), &facts(raw), &Section { part: part.to_vec(), text });
    assert_eq!(found(&[1], SectionText::Whole).as_deref(), Some(&b"body\r\n"[..]));
    assert_eq!(found(&[1], SectionText::Mime).as_deref(), Some(&b"Subject: x\r\n\r\n"[..]));
    assert_eq!(found(&[2], SectionText::Whole), None);
    assert_eq!(found(&[1, 1], SectionText::Whole), None);
    let header_only = "Subject: x";
    let fields = SectionText::HeaderFields(vec!["subject".into()]);
    let found = section(header_only.as_bytes(), &facts(header_only), &Section { part: vec![], text: fields });
    assert_eq!(found.as_deref(), Some(&b"Subject: x\r\n\r\n"[..]));
}

#[test]
fn rfc_3516_decoded_content() {
    let raw = "Content-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\nContent-Transfer-Encoding: BASE64 (x)\r\n\r\nAAEC\r\n\
        --a\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=windows-1258\r\n\r\nv=F4i=\r\n!\r\n\
        --a\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin\r\n\
        --a\r\nContent-Transfer-Encoding: 8bit\r\n\r\nk\u{ed}nh\r\n--a--\r\n";
    let facts = facts(raw);
    let decoded = |part: &[u32]| {
        binary(raw.as_bytes(), &facts, part).map(|found| found.map(|bytes| bytes.into_owned()))
    };
    assert_eq!(decoded(&[2]), Ok(Some(b"v\xf4i!".to_vec())), "the charset stays");
    assert_eq!(decoded(&[3]), Err(BinaryError));
    assert_eq!(decoded(&[4]), Ok(Some("kính".as_bytes().to_vec())));
    assert_eq!(decoded(&[5]), Ok(None));
    assert_eq!(decoded(&[]), Ok(Some(raw.as_bytes().to_vec())));
    let nested = read(NESTED.as_bytes(), &Reading::default());
    assert_eq!(binary(NESTED.as_bytes(), &nested, &[2]).unwrap().as_deref(), Some(&[0, 1, 2][..]));
}

#[test]
fn rfc_9051_6_4_5_partials() {
    for (range, expected) in [
        (None, "0123456789"),
        (Some((0, 3)), "012"),
        (Some((8, 10)), "89"),
        (Some((10, 1)), ""),
        (Some((u32::MAX, u32::MAX)), ""),
    ] {
        assert_eq!(partial(b"0123456789", range), expected.as_bytes());
    }
}

#[test]
fn rfc_9051_7_5_2_structures() {
    let simple = "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\na\r\nb\r\n";
    assert_eq!(
        structure(simple, false, false),
        r#"("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 6 2)"#
    );
    assert_eq!(
        structure(simple, true, false),
        r#"("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 6 2 NIL NIL NIL NIL)"#
    );
    assert_eq!(
        structure("Subject: x\r\n\r\n", false, false),
        r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)"#
    );
    let nested = concat!(
        r#"(("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 3 0)("application" "octet-stream" NIL NIL NIL "base64" 4)"#,
        r#"("message" "rfc822" NIL NIL NIL "7bit" 147 "#,
        r#"(NIL "three" ((NIL NIL "a" "b.vn")) ((NIL NIL "a" "b.vn")) ((NIL NIL "a" "b.vn")) NIL NIL NIL NIL NIL) "#,
        r#"(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 9 0)("application" "pdf" NIL NIL NIL "7bit" 9) "mixed") 11)"#,
        r#"(("image" "gif" NIL NIL NIL "7bit" 3)("message" "rfc822" NIL NIL NIL "7bit" 159 "#,
        r#"(NIL "four two" NIL NIL NIL NIL NIL NIL NIL NIL) (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 12 0)"#,
        r#"("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 3 0) "alternative") 11) "mixed") "mixed")"#
    );
    assert_eq!(structure(NESTED, false, false), nested);
}

#[test]
fn rfc_9051_7_5_2_extension_data() {
    let raw = "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=\"a b\"; type=\"text/html\"\r\nContent-Language: vi, en\r\n\r\n\
        --a b\r\nContent-Type: application/pdf; name=\"=?utf-8?Q?gi=E1=BA=A5y.pdf?=\"; x=1\r\nContent-ID: <1@a>\r\n\
        Content-Description: =?utf-8?Q?t=E1=BB=87p?=\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\nContent-Location: http://a/b\r\n\
        Content-Transfer-Encoding: binary\r\n\
        Content-Disposition: attachment; filename*=utf-8''gi%E1%BA%A5y.pdf; size=7\r\n\r\n%PDF-1.\r\n--a b--\r\n";
    let seven = concat!(
        r#"(("application" "pdf" ("name" "=?utf-8?B?Z2nhuqV5LnBkZg==?=" "x" "1") "<1@a>" "=?utf-8?B?dOG7h3A=?=" "binary" 7 "#,
        r#""Q2hlY2sgSW50ZWdyaXR5IQ==" ("attachment" ("filename*" "utf-8''gi%E1%BA%A5y.pdf" "size" "7")) NIL "http://a/b") "#,
        r#""related" ("boundary" "a b" "type" "text/html") NIL ("vi" "en") NIL)"#
    );
    assert_eq!(structure(raw, true, false), seven);
    let eight = structure(raw, true, true);
    assert!(eight.contains(r#"("name" "giấy.pdf" "x" "1") "<1@a>" "tệp""#), "{eight}");
    assert!(eight.contains(r#"("attachment" ("filename" "giấy.pdf" "size" "7"))"#), "{eight}");
}

#[test]
fn what_a_row_does_not_know_is_in_the_bytes() {
    let plain = facts("Subject: x\r\n\r\nbody\r\n");
    assert!(!needs_bytes(&plain));
    assert!(needs_bytes(&facts(NESTED)), "a message within");
    let old = Facts { form: 0, ..plain };
    assert!(needs_bytes(&old));
    let mut out = Out::new();
    body_structure(&mut out, &old, Some(b"Subject: x\r\n\r\nbody\r\n"), false);
    assert_eq!(out.take(), b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 1)");
}

#[test]
fn absurd_mime_is_bounded() {
    let no_part = "Content-Type: multipart/mixed; boundary=a\r\n\r\nnothing here\r\n";
    assert_eq!(
        structure(no_part, false, false),
        r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 14 1)"#
    );
    let deep = "Content-Type: message/rfc822\r\n\r\n".repeat(50) + "end";
    let told = structure(&deep, true, false);
    assert_eq!(told.matches("\"message\" \"rfc822\"").count(), 10, "{told}");
    assert!(told.contains("\"application\" \"octet-stream\""));
    let number = vec![1; 60];
    assert_eq!(
        section(deep.as_bytes(), &facts(&deep), &Section { part: number, text: SectionText::Whole }),
        None
    );
    let mut tree = "Content-Type: multipart/mixed; boundary=b0\r\n\r\n".to_owned();
    for level in 0..900 {
        tree.push_str(&format!(
            "--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n",
            level + 1
        ));
    }
    balanced(&structure(&tree, true, false));
}

/// Parentheses balance outside of strings.
fn balanced(told: &str) {
    let (mut depth, mut quoted, mut escaped) = (0i64, false, false);
    for c in told.chars() {
        match (quoted, c) {
            _ if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => quoted = !quoted,
            (false, '(') => depth += 1,
            (false, ')') => depth -= 1,
            _ => {}
        }
        assert!(depth >= 0);
    }
    assert!(depth == 0 && !quoted, "{told}");
}

proptest! {
    #[test]
    fn a_damaged_message_has_a_structure(at in 0..NESTED.len(), byte: u8, cut in 0..NESTED.len(), part in prop::collection::vec(1u32..5, 0..5)) {
        let mut raw = NESTED.as_bytes().to_vec();
        raw[at] = byte;
        raw.truncate(raw.len().max(1).min(NESTED.len() - cut / 2));
        crate::fuzz::message(&[&part.iter().map(|number| *number as u8).collect::<Vec<_>>()[..], &[0], &raw].concat());
    }
}
