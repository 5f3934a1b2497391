//! A bundle of certificates and revocation lists, judged.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| certs::fuzz::path(bytes));
