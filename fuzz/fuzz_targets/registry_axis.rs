//! What another axis answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| registry::fuzz::axis_answer(bytes));
