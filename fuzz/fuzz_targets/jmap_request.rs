//! One JMAP request, from its bytes to patches, drafts and envelopes: as far as it goes without a store.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jmap::fuzz_request(bytes));
