//! A timestamp token.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::fuzz::tst(bytes));
