//! A message's fields and everything in its parts, those of messages within it too.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for field in mail::fields::fields(bytes).take(20) {
        let _ = (field.text(), &bytes[field.range]);
    }
    let _ = mail::opened::open(bytes, &mail::message::Limits::default(), &mail::opened::Limits::default());
});
