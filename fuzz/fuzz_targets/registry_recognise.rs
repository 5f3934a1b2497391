//! A file in a mail: what official document it is, and whether a text document bears a stamp.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::fuzz::mail_file(bytes));
