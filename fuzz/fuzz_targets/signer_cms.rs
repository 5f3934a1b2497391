//! A CMS signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::fuzz::cms(bytes));
