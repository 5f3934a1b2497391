//! The one way in for hostile bytes that needs no store: what `fuzz/` feeds.

use serde_json::Value;

use crate::body::read_blob_id;
use crate::compose::Draft;
use crate::envelope::Envelope;
use crate::headers::HeaderProperty;
use crate::subscription::Wanted;
use crate::{Limits, identity, patch, references, request};

/// Takes a request body as far as it gets without a store: reading, back references (each call's arguments stand for its answer),
/// patches, drafts, envelopes, names of header properties, blob ids and states of identities.
#[doc(hidden)]
pub fn fuzz_request(body: &[u8]) {
    let limits = Limits::default();
    let Ok(request) = request::read(body, &limits) else { return };
    let mut answers = Vec::new();
    let mut may_copy = limits.referenced_bytes_max;
    for call in request.calls {
        let Ok(arguments) = references::resolve(call.arguments, &answers, &mut may_copy) else { continue };
        for (name, value) in &arguments {
            let _ = HeaderProperty::read(name);
            let _ = Envelope::read(value.clone(), &limits, mail::Timestamp::from_secs(0));
            if let Value::Object(object) = value {
                let _ = patch::read(object.clone());
                let _ = Wanted::read(object.clone(), mail::Timestamp::from_secs(0));
                let _ = Draft::read(object.clone(), &limits);
            }
            if let Value::String(text) = value {
                let _ = (read_blob_id(text), identity::between(text, "0"));
            }
        }
        answers.push((call.name, Value::Object(arguments), call.call_id));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_way_in_is_open() {
        super::fuzz_request(br##"{"using":[],"methodCalls":[["a",{"b":{"keywords/x":true}},"0"],["a",{"#c":{"resultOf":"0","name":"a","path":"/b"}},"1"]]}"##);
        super::fuzz_request(b"");
    }
}
