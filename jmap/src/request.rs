//! Reading a request (RFC 8620 §3.3), within bounds.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::extras::SMIME_VERIFY;
use crate::held_mail::HELD_MAIL;
use crate::official_documents::OFFICIAL_DOCUMENTS;
use crate::subscription::VAPID;
use crate::websocket::WEBSOCKET;
use crate::{Error, Limits};

/// The core of the protocol (RFC 8620 §2).
pub const CORE: &str = "urn:ietf:params:jmap:core";
/// Mailboxes, conversations, messages (RFC 8621 §1.3.1).
pub const MAIL: &str = "urn:ietf:params:jmap:mail";
/// Identities and submissions (RFC 8621 §1.3.2).
pub const SUBMISSION: &str = "urn:ietf:params:jmap:submission";
/// Absences (RFC 8621 §1.3.3).
pub const VACATION: &str = "urn:ietf:params:jmap:vacationresponse";
/// Blobs as objects (RFC 9404 §3).
pub const BLOB: &str = "urn:ietf:params:jmap:blob";
/// How much an account may hold (RFC 9425 §2).
pub const QUOTA: &str = "urn:ietf:params:jmap:quota";

/// Everything a request may use.
pub const CAPABILITIES: [&str; 11] = [
    CORE,
    MAIL,
    SUBMISSION,
    VACATION,
    BLOB,
    QUOTA,
    WEBSOCKET,
    VAPID,
    SMIME_VERIFY,
    OFFICIAL_DOCUMENTS,
    HELD_MAIL,
];

/// A request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The capabilities the client wants to use; all of them are known.
    pub using: Vec<String>,
    /// What to do, in order.
    pub calls: Vec<Call>,
    /// Creation ids the client brings along from an earlier request (RFC 8620 §3.3).
    pub created_ids: Option<HashMap<String, String>>,
}

/// One method call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// `Email/get` and the like.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// The client's name for it.
    pub call_id: String,
}

/// Reads a request.
///
/// # Errors
/// [`Error::Limit`] before anything is parsed when there is too much of it; [`Error::NotJson`], [`Error::NotRequest`] and
/// [`Error::UnknownCapability`] as RFC 8620 §3.6.1 has them.
pub fn read(body: &[u8], limits: &Limits) -> Result<Request, Error> {
    of_object(object(body, limits)?, limits)
}

/// Reads a JSON object within the bounds of a request.
pub(crate) fn object(body: &[u8], limits: &Limits) -> Result<Map<String, Value>, Error> {
    if body.len() > limits.size_request_max {
        return Err(Error::Limit("maxSizeRequest"));
    }
    if values_in(body) > limits.values_max {
        return Err(Error::Limit("maxSizeRequest"));
    }
    // The parser has a depth limit of its own (128), so nothing here recurses without an end.
    let value: Value = serde_json::from_slice(body).map_err(|e| Error::NotJson(e.to_string()))?;
    let Value::Object(object) = value else { return Err(not_request("the request is no object")) };
    Ok(object)
}

/// Reads a request that is a JSON object already.
pub(crate) fn of_object(mut request: Map<String, Value>, limits: &Limits) -> Result<Request, Error> {
    let using = read_using(request.remove("using"))?;
    let calls = read_calls(request.remove("methodCalls"), limits)?;
    let created_ids = request.remove("createdIds").map(read_created_ids).transpose()?;
    Ok(Request { using, calls, created_ids })
}

/// At most how many values a JSON text has: one and one more for each `[`, `{`, `,` and `:` outside of strings.
fn values_in(body: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (1, false, false);
    for byte in body {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{' | b',' | b':') => count += 1,
            _ => {}
        }
    }
    count
}

fn not_request(why: &str) -> Error {
    Error::NotRequest(why.to_owned())
}

fn read_using(value: Option<Value>) -> Result<Vec<String>, Error> {
    let Some(Value::Array(list)) = value else { return Err(not_request("`using` is no list")) };
    let mut using = Vec::with_capacity(list.len().min(8));
    for item in list {
        match item {
            Value::String(uri) if CAPABILITIES.contains(&uri.as_str()) => {
                if !using.contains(&uri) {
                    using.push(uri);
                }
            }
            Value::String(uri) => {
                return Err(Error::UnknownCapability(mail::text::clip(&uri, 200).to_owned()));
            }
            _ => return Err(not_request("`using` holds something else than texts")),
        }
    }
    Ok(using)
}

fn read_calls(value: Option<Value>, limits: &Limits) -> Result<Vec<Call>, Error> {
    let Some(Value::Array(list)) = value else { return Err(not_request("`methodCalls` is no list")) };
    if list.len() > limits.calls_max {
        return Err(Error::Limit("maxCallsInRequest"));
    }
    list.into_iter().map(read_call).collect()
}

fn read_call(value: Value) -> Result<Call, Error> {
    let Value::Array(triple) = value else { return Err(not_request("a method call is no list")) };
    match <[Value; 3]>::try_from(triple) {
        Ok([Value::String(name), Value::Object(arguments), Value::String(call_id)]) => {
            Ok(Call { name, arguments, call_id })
        }
        _ => Err(not_request("a method call is [name, {arguments}, call id]")),
    }
}

fn read_created_ids(value: Value) -> Result<HashMap<String, String>, Error> {
    let Value::Object(map) = value else { return Err(not_request("`createdIds` is no object")) };
    map.into_iter()
        .map(|(creation, id)| match id {
            Value::String(id) => Ok((creation, id)),
            _ => Err(not_request("`createdIds` holds something else than ids")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(body: &[u8]) -> &'static str {
        let limits =
            Limits { calls_max: 2, size_request_max: 300_000, values_max: 1_000, ..Limits::default() };
        read(body, &limits).map_or_else(|e| e.kind(), |_| "ok")
    }

    #[test]
    #[rustfmt::skip]
    fn requests_of_rfc_8620_3_3_and_their_errors() {
        let deep = format!("{{\"using\":[],\"methodCalls\":{}{}}}", "[".repeat(500), "]".repeat(500));
        let wide = format!("{{\"using\":[],\"methodCalls\":[{}]}}", "0,".repeat(2_000));
        let text = format!("{{\"using\":[],\"methodCalls\":[[\"Core/echo\",{{\"a\":\"{}\\\"{{\"}},\"c\"]]}}", ",".repeat(5_000));
        let long = " ".repeat(300_001);
        let rows: [(&str, &str); 19] = [
            (r#"{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":1},"c1"]]}"#, "ok"),
            (r#"{"using":[],"methodCalls":[],"createdIds":{"k":"M1"},"more":1}"#, "ok"),
            (&text,                                                               "ok"),
            ("",                                                                  "notJSON"),
            ("{\"using\":[",                                                      "notJSON"),
            ("{} x",                                                              "notJSON"),
            (r#"{"a":"\ud800"}"#,                                                 "notJSON"),
            (&deep,                                                               "notJSON"),
            ("[]",                                                                "notRequest"),
            ("{}",                                                                "notRequest"),
            (r#"{"using":"x","methodCalls":[]}"#,                                 "notRequest"),
            (r#"{"using":[1],"methodCalls":[]}"#,                                 "notRequest"),
            (r#"{"using":[],"methodCalls":[["Core/echo",[],"c"]]}"#,              "notRequest"),
            (r#"{"using":[],"methodCalls":[["Core/echo",{}]]}"#,                  "notRequest"),
            (r#"{"using":[],"methodCalls":[],"createdIds":{"k":1}}"#,             "notRequest"),
            (r#"{"using":["https://example.com/apis/foobar"],"methodCalls":[]}"#, "unknownCapability"),
            (r#"{"using":[],"methodCalls":[1,2,3]}"#,                             "limit"),
            (&wide,                                                               "limit"),
            (&long,                                                               "limit"),
        ];
        for (body, expected) in rows {
            assert_eq!(kind(body.as_bytes()), expected, "{}", mail::text::clip(body, 100));
        }
        assert_eq!(kind(b"{\"using\":[\"\xff\"]}"), "notJSON");
    }

    #[test]
    fn problem_details_name_the_limit() {
        let response = Error::Limit("maxCallsInRequest").to_response();
        assert_eq!((response.status, response.content_type), (400, "application/problem+json"));
        let problem: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(problem["type"], "urn:ietf:params:jmap:error:limit");
        assert_eq!(
            (problem["limit"].as_str(), problem["status"].as_u64()),
            (Some("maxCallsInRequest"), Some(400))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&body, &Limits::default());
        }
    }
}
