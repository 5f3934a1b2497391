//! What an IMAP client sends, in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| imap::fuzz::command(bytes));
