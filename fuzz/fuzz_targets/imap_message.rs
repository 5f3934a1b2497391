//! A message as IMAP shows it: envelope, structure, sections, threads.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| imap::fuzz::message(bytes));
