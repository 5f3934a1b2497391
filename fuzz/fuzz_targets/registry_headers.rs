//! Signed headers of the exchange.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::fuzz::signed_headers(bytes));
