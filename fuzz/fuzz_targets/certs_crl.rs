//! A revocation list.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| certs::fuzz::crl(bytes));
