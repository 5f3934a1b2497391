//! A file that somebody attached: the text that is searched in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::fuzz::file_text(bytes));
