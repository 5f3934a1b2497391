//! A picture of a signature or a seal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signer::fuzz::picture(bytes));
