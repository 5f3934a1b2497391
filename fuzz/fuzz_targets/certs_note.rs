//! A signed note.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| certs::fuzz::note(bytes));
