//! XML: the reader, canonical forms, the facts of signatures.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::fuzz::xml(bytes));
