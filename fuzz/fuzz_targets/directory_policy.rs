//! A rule's parameters, a scope, a purpose and a label as strangers write them.
#![no_main]

use directory::mail_policy::{Label, Purpose, Rule, Scope, Word};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for word in Word::ALL {
        if let Ok(rule) = Rule::read(word, text) {
            assert_eq!(Rule::read(word, &rule.parameters()), Ok(rule));
        }
    }
    let _ = (Scope::read(text), Purpose::in_subject(text), Label::in_subject(text));
});
