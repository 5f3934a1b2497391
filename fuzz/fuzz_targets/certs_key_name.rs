//! The name of a key: a path or a `pkcs11:` URI.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| certs::fuzz::key_name(bytes));
