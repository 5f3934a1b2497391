//! A form with files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| web::fuzz::form(bytes));
