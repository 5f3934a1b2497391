//! A message, every part of it, and whether it is answered during an absence.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = mail::message::Limits::default();
    let facts = mail::message::read(bytes, &limits);
    let own = ["an@a.vn".parse().unwrap()];
    let _ = mail::auto_reply::addressed(bytes, &facts, &[], &"b@b.vn".parse().unwrap(), &own);
    for part in facts.text_body.iter().chain(&facts.attachments).take(8) {
        let _ = mail::message::part_content(bytes, part, &limits);
    }
});
