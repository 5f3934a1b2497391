//! What a relay says about its client, as somebody who is none may write it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| smtp::fuzz::proxy(bytes));
