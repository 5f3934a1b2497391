//! A binary message in lines: what comes out holds no line end but CRLF, and once is enough.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(lines) = mail::recode::to_lines(bytes) {
        assert!(!mail::recode::is_binary(&lines));
        assert_eq!(mail::recode::to_lines(&lines).as_deref(), Ok(&lines[..]));
    }
});
