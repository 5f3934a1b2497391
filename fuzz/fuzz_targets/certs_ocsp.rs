//! An OCSP response.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| certs::fuzz::ocsp_response(bytes));
