//! What a domain says about TLS to its mail servers: a policy file and records of DNS.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| smtp::fuzz::tls_words(bytes));
