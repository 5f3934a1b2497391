//! Messages read once: a letter, hostile ones, any bytes.

use super::*;

const LETTER: &str = "From: =?UTF-8?Q?V=C4=83n_ph=C3=B2ng?= <vanthu@sonoivu.vinhlong.gov.vn>\r\n\
    To: annv@stttt.vinhlong.gov.vn, \"Bình\" <binh@stttt.vinhlong.gov.vn>\r\n\
    Subject: =?UTF-8?B?R2nhuqV5IG3hu51pIGjhu41w?=\r\n\
    Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n\
    Message-ID: <1@a.vn>\r\nReferences: <x@a.vn> <y@a.vn>\r\nIn-Reply-To: <y@a.vn>\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    S8OtbmggbeG7nWkK\r\n\
    --b\r\nContent-Type: application/pdf; name=\"giay moi.pdf\"\r\n\
    Content-Disposition: attachment; filename=\"giay moi.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    JVBERi0xLjcK\r\n--b--\r\n";

#[test]
fn a_letter_with_a_pdf() {
    let facts = read(LETTER.as_bytes(), &Limits::default());
    assert_eq!(facts.subject, "Giấy mời họp");
    assert_eq!(facts.from[0].name.as_deref(), Some("Văn phòng"));
    assert_eq!(facts.to.len(), 2);
    assert_eq!(facts.preview, "Kính mời");
    assert_eq!(facts.sent_at.unwrap().to_rfc3339_utc(), "2026-11-22T01:00:00Z");
    assert_eq!(facts.thread_message_ids(), ["1@a.vn", "y@a.vn", "x@a.vn"]);
    assert!(facts.has_attachment);
    assert_eq!(facts.body.media_type, "multipart/mixed");
    let pdf = facts.part(&facts.attachments[0]).unwrap();
    assert_eq!((pdf.name.as_deref(), pdf.size), (Some("giay moi.pdf"), 9));
    let content = part_content(LETTER.as_bytes(), &facts.attachments[0], &Limits::default()).unwrap();
    assert_eq!(content.bytes, b"%PDF-1.7\n");
    let json = serde_json_round_trip(&facts);
    assert_eq!(json, facts);
}

fn serde_json_round_trip(facts: &Facts) -> Facts {
    serde_json::from_str(&serde_json::to_string(facts).unwrap()).unwrap()
}

#[test]
fn a_hundred_thousand_messages_in_one_another_cost_no_stack() {
    let bomb = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let facts = read(bomb.as_bytes(), &Limits::default());
    assert_eq!(facts.body.media_type, "application/octet-stream");
    assert_eq!(facts.body.body_at, 32);
    let content = part_content(bomb.as_bytes(), "0", &Limits::default()).unwrap();
    assert_eq!(content.bytes, &bomb.as_bytes()[32..]);
}

#[test]
fn ten_thousand_parts_are_one_block_of_bytes() {
    let mut bomb = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    bomb.push_str(&"--b\r\n\r\nx\r\n".repeat(10_000));
    let facts = read(bomb.as_bytes(), &Limits::default());
    assert_eq!((facts.subject.as_str(), facts.body.parts.len()), ("x", 0));
    assert_eq!(part_bytes(bomb.as_bytes(), &facts.body).len(), 100_000, "the body is there");
    assert_eq!(part_content(bomb.as_bytes(), "0", &Limits::default()).unwrap().bytes.len(), 100_000);
}

#[test]
fn parts_deep_in_one_another_are_kept_and_read_back() {
    let mut deep = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n".to_owned();
    for level in 0..900 {
        deep.push_str(&format!(
            "--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n",
            level + 1
        ));
    }
    let facts = read(deep.as_bytes(), &Limits::default());
    assert_eq!(serde_json_round_trip(&facts), facts);
}

#[test]
fn what_was_read_once_holds_with_fields_before_it() {
    let fields = "Return-Path: <a@b.vn>\r\nReceived: from a\r\n\tby b; Sun, 22 Nov 2026 08:00:00 +0700\r\n";
    let plain = "Subject: x\r\n\r\ny\r\n";
    let bomb = "Content-Type: message/rfc822\r\n\r\n".repeat(100);
    for letter in [LETTER, plain, &bomb] {
        let moved = read(letter.as_bytes(), &Limits::default()).moved(fields.len());
        let whole = [fields, letter].concat();
        assert_eq!(moved, read(whole.as_bytes(), &Limits::default()), "{letter}");
    }
}

#[test]
fn nothing_at_all_is_a_message_too() {
    assert!(!read(b"", &Limits::default()).has_attachment);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let facts = read(&raw, &Limits::default());
        for id in facts.text_body.iter().chain(&facts.attachments) {
            let _ = part_content(&raw, id, &Limits::default());
        }
    }

    #[test]
    fn a_damaged_letter_is_read(at in 0..LETTER.len(), byte: u8) {
        let mut raw = LETTER.as_bytes().to_vec();
        raw[at] = byte;
        let facts = read(&raw, &Limits::default());
        proptest::prop_assert!(facts.body.end_at <= raw.len() as u64);
    }
}
