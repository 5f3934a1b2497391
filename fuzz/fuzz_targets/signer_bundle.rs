//! An evidence bundle, and what its evidence makes of a document.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::fuzz::bundle(bytes));
