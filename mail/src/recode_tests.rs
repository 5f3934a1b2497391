//! Rows for recoding, and what another parser makes of the result.

use mail_parser::MessageParser;
use proptest::prelude::*;

use super::*;

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\r\rIHDR\n--b2\n\xff";

fn mixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\
        Content-Transfer-Encoding: binary\r\n\r\npreamble\r\n"
        .to_vec();
    for part in parts {
        out.extend_from_slice(b"--b1\r\n");
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--b1--\r\nepilogue\r\n");
    out
}

fn leaf(kind: &str, content: &[u8]) -> Vec<u8> {
    let header = format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n");
    [header.as_bytes(), content].concat()
}

/// The contents of all leaves, as another parser reads them.
fn contents(message: &[u8]) -> Vec<Vec<u8>> {
    let message = MessageParser::default().parse(message).unwrap();
    message.parts.iter().filter(|part| !part.is_multipart()).map(|part| part.contents().to_vec()).collect()
}

#[test]
#[rustfmt::skip]
fn rfc_3030_section_3_what_no_line_can_hold() {
    let long = [b'a'; LINE_MAX + 1];
    let rows: [(&[u8], bool); 12] = [
        (b"", false), (b"a\r\n", false), (b"a", false), (b"\r\n\r\n", false), (&long[1..], false), ("ế\r\n".as_bytes(), false),
        (b"a\n", true), (b"a\r", true), (b"a\rb", true), (b"a\0", true), (b"a\r\r\n", true), (&long, true),
    ];
    for (text, binary) in rows {
        assert_eq!(is_binary(text), binary, "{:?}", text.get(..8));
    }
}

#[test]
fn rfc_2045_section_6_parts_are_written_in_lines_and_read_back_alike() {
    let text = "Kính gửi\nmột dòng lẻ\r\nhai\rba\r\n.\r\nFrom here \r\n".as_bytes();
    let whole = mixed(&[
        &leaf("text/plain; charset=utf-8", text),
        &leaf("image/png; name=\"a.png\"", PICTURE),
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\nth\xc6\xb0",
        &leaf("application/octet-stream", b""),
    ]);
    let recoded = to_lines(&whole).unwrap();
    assert!(!is_binary(&recoded));
    assert_eq!(contents(&recoded)[0], text);
    assert_eq!(contents(&recoded)[1], PICTURE);
    assert_eq!(contents(&recoded)[2], b"th\xc6\xb0");
    let written = String::from_utf8_lossy(&recoded);
    for words in [
        "\r\npreamble\r\n--b1\r\n",
        "encoding: quoted-printable",
        "encoding: base64",
        "--b1--\r\nepilogue\r\n",
    ] {
        assert!(written.to_ascii_lowercase().contains(words), "{words}:\n{written}");
    }
    assert!(!written.contains("binary"), "{written}");
    assert!(written.lines().all(|line| line.len() <= 76 || line.starts_with("Content-Type")), "{written}");
    assert_eq!(to_lines(&recoded).unwrap(), recoded, "once is enough");
}

#[test]
fn a_message_in_a_message_is_recoded_inside() {
    let inner = [&b"Subject: inside\r\n"[..], &leaf("application/x-thing", PICTURE)].concat();
    let recoded = to_lines(&mixed(&[&leaf("message/rfc822", &inner)])).unwrap();
    let message = MessageParser::default().parse(&recoded).unwrap();
    let nested = message.parts.iter().find_map(|part| part.message()).unwrap();
    assert_eq!(nested.subject(), Some("inside"));
    assert_eq!(nested.parts[0].contents(), PICTURE);
}

#[test]
fn a_message_of_one_part_says_that_it_is_mime() {
    let recoded = to_lines(b"Subject: x\r\n\r\na\nb").unwrap();
    assert_eq!(
        recoded,
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=0Ab"
    );
}

#[test]
#[rustfmt::skip]
fn rfc_1847_and_6376_what_is_signed_is_not_touched() {
    let signed = [
        &b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n"[..], &leaf("text/plain", b"a\nb"), b"\r\n--s--",
    ].concat();
    let dkim = [&b"DKIM-Signature: v=1; d=a.vn\r\n"[..], &mixed(&[&leaf("a/b", PICTURE)])].concat();
    let rows: [(Vec<u8>, CannotRecode); 6] = [
        (signed.clone(), CannotRecode::Signed),
        (mixed(&[&signed]), CannotRecode::Signed),
        (dkim, CannotRecode::Signed),
        (mixed(&[&leaf("message/partial; id=\"1\"; number=1", b"a\n")]), CannotRecode::Structure),
        (leaf("multipart/mixed", b"a\n"), CannotRecode::Structure),
        (leaf("multipart/mixed; boundary=z", b"a\n"), CannotRecode::Structure),
    ];
    for (message, why) in rows {
        assert_eq!(to_lines(&message), Err(why), "{}", String::from_utf8_lossy(&message));
    }
    // What is signed and already in lines may travel beside what is not.
    let quiet = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nab\r\n--s--";
    let recoded = to_lines(&mixed(&[quiet, &leaf("a/b", PICTURE)])).unwrap();
    assert!(find(&recoded, quiet).is_some());
}

#[test]
fn depth_and_parts_have_an_end() {
    let mut deep = leaf("a/b", b"\0");
    for n in 0..40 {
        let header = format!("Content-Type: multipart/mixed; boundary=d{n}\r\n\r\n--d{n}\r\n");
        deep = [header.as_bytes(), &deep, format!("\r\n--d{n}--\r\n").as_bytes()].concat();
    }
    assert_eq!(to_lines(&deep), Err(CannotRecode::Structure));
    let many = vec![leaf("a/b", b"\0"); PARTS_MAX];
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    assert_eq!(to_lines(&mixed(&many)), Err(CannotRecode::Structure));
}

proptest! {
    #[test]
    fn any_content_survives(
        text in prop::collection::vec(prop::sample::select(b"\r\n\r\n.=F -a\t\0\xe1".to_vec()), 0..300),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let whole = mixed(&[&leaf("text/plain", &text), &leaf("a/b", &bytes), &leaf("a/b", b"\0")]);
        if let Ok(recoded) = to_lines(&whole) {
            prop_assert!(!is_binary(&recoded));
            if find(&text, b"--b1").is_none() && find(&bytes, b"--b1").is_none() {
                let found = contents(&recoded);
                prop_assert_eq!(found.get(1).map(Vec::as_slice), Some(&bytes[..]));
            }
        }
    }

    #[test]
    fn any_bytes_are_recoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = to_lines(&bytes);
    }
}
