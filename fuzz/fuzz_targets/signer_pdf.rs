//! A PDF with signatures.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::fuzz::pdf(bytes));
