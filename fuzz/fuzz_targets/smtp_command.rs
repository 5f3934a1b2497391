//! One SMTP command line, as a stranger types it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| smtp::fuzz::command_line(bytes));
