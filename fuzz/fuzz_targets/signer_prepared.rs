//! A signature in progress.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::fuzz::prepared(bytes));
