//! A receipt, the C2SP tlog-proof in it, and an entry bundle of an export.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::fuzz::receipt(bytes));
