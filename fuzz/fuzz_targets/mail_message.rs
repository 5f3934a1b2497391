//! A message, and every part of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = mail::message::Limits::default();
    let facts = mail::message::read(bytes, &limits);
    for part in facts.text_body.iter().chain(&facts.attachments).take(8) {
        let _ = mail::message::part_content(bytes, part, &limits);
    }
});
