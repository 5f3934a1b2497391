//! Back references: arguments taken from the answer to an earlier call (RFC 8620 §3.7).

use serde_json::{Map, Value};

use crate::Error;

/// An answer to one call: name, arguments, call id.
pub(crate) type Answer = (String, Value, String);

/// Steps of one path; RFC 8620's longest example has four.
const STEPS_MAX: usize = 16;

/// Replaces every `#name` argument by what it refers to. `budget` is how many bytes may still be copied in this request.
pub(crate) fn resolve(
    arguments: Map<String, Value>,
    answers: &[Answer],
    budget: &mut usize,
) -> Result<Map<String, Value>, Error> {
    if !arguments.keys().any(|name| name.starts_with('#')) {
        return Ok(arguments);
    }
    let mut resolved = Map::new();
    for (name, value) in arguments {
        let (name, value) = match name.strip_prefix('#') {
            Some(plain) => (plain.to_owned(), look_up(&value, answers, budget)?),
            None => (name, value),
        };
        if resolved.insert(name.clone(), value).is_some() {
            return Err(Error::InvalidArguments(format!("both `{name}` and `#{name}` are given")));
        }
    }
    Ok(resolved)
}

fn look_up(reference: &Value, answers: &[Answer], budget: &mut usize) -> Result<Value, Error> {
    let wrong = |why: &str| Error::InvalidResultReference(why.to_owned());
    let text = |name: &str| {
        let member = reference.get(name).and_then(Value::as_str);
        member.ok_or_else(|| Error::InvalidArguments("a reference is {resultOf, name, path}".to_owned()))
    };
    let (result_of, name, path) = (text("resultOf")?, text("name")?, text("path")?);
    let (answered, value, _) = answers
        .iter()
        .find(|(.., call_id)| call_id == result_of)
        .ok_or_else(|| wrong("`resultOf` names no earlier call"))?;
    if answered != name {
        return Err(wrong("`name` is not what that call answered"));
    }
    let steps = read_path(path).ok_or_else(|| wrong("`path` is no JSON pointer"))?;
    follow(value, &steps, budget)
}

/// The steps of a JSON pointer (RFC 6901), unescaped; `None` when it is none, or longer than anybody needs.
fn read_path(path: &str) -> Option<Vec<String>> {
    if path.is_empty() {
        return Some(Vec::new());
    }
    let steps: Vec<String> =
        path.strip_prefix('/')?.split('/').take(STEPS_MAX + 1).map(unescape).collect::<Option<_>>()?;
    (steps.len() <= STEPS_MAX).then_some(steps)
}

/// Undoes `~1` and `~0` (RFC 6901 §4); `None` when a `~` means nothing.
pub(crate) fn unescape(step: &str) -> Option<String> {
    let mut out = String::with_capacity(step.len());
    let mut chars = step.chars();
    while let Some(c) = chars.next() {
        match c {
            '~' => out.push(match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            c => out.push(c),
        }
    }
    Some(out)
}

/// Follows the steps. `*` goes through all items of a list; lists that come out are joined into one (RFC 8620 §3.7). As deep as there are
/// steps.
fn follow(value: &Value, steps: &[String], budget: &mut usize) -> Result<Value, Error> {
    let nowhere = || Error::InvalidResultReference("`path` leads nowhere".to_owned());
    let mut here = value;
    for (at, step) in steps.iter().enumerate() {
        here = match here {
            Value::Object(map) => map.get(step).ok_or_else(nowhere)?,
            Value::Array(list) if step == "*" => {
                let mut joined = Vec::new();
                for item in list {
                    // A step of its own, however little it finds.
                    spend(budget, 1)?;
                    match follow(item, &steps[at + 1..], budget)? {
                        Value::Array(many) => joined.extend(many),
                        one => joined.push(one),
                    }
                }
                return Ok(Value::Array(joined));
            }
            Value::Array(list) => {
                // RFC 6901 §4: no leading zeros, no signs.
                let plain = step == "0" || !step.starts_with(['0', '+']);
                let index: usize = step.parse().ok().filter(|_| plain).ok_or_else(nowhere)?;
                list.get(index).ok_or_else(nowhere)?
            }
            _ => return Err(nowhere()),
        };
    }
    spend(budget, weight(here, *budget))?;
    Ok(here.clone())
}

fn spend(budget: &mut usize, cost: usize) -> Result<(), Error> {
    *budget = budget.checked_sub(cost).ok_or_else(|| {
        Error::InvalidResultReference("back references copy more than is allowed".to_owned())
    })?;
    Ok(())
}

/// About how many bytes a value takes in memory; stops counting above `enough`.
fn weight(value: &Value, enough: usize) -> usize {
    /// A value of the JSON library is no larger than this.
    const VALUE_BYTES: usize = 32;
    let mut sum = 0usize;
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        sum = sum.saturating_add(VALUE_BYTES);
        match value {
            Value::String(text) => sum = sum.saturating_add(text.len()),
            Value::Array(list) => waiting.extend(list),
            Value::Object(map) => {
                sum = map.keys().fold(sum, |sum, key| sum.saturating_add(key.len() + VALUE_BYTES));
                waiting.extend(map.values());
            }
            _ => {}
        }
        if sum > enough {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answers() -> Vec<Answer> {
        // The answers of the example in RFC 8620 §3.7.
        let changes = json!({ "accountId": "A1", "created": ["f1", "f4"], "a/b": { "~": 7 } });
        let threads = json!({ "list": [
            { "id": "trd194", "emailIds": ["msg1020", "msg1021"] },
            { "id": "trd114", "emailIds": ["msg201", "msg223"] },
        ]});
        vec![
            ("Foo/changes".to_owned(), changes, "t0".to_owned()),
            ("Thread/get".to_owned(), threads, "t2".to_owned()),
            ("error".to_owned(), json!({ "type": "serverFail" }), "t3".to_owned()),
        ]
    }

    fn one(reference: Value) -> Result<Value, &'static str> {
        let arguments = Map::from_iter([("#ids".to_owned(), reference)]);
        let resolved = resolve(arguments, &answers(), &mut 10_000);
        resolved.map(|map| map["ids"].clone()).map_err(|e| e.kind())
    }

    #[test]
    #[rustfmt::skip]
    fn references_of_rfc_8620_3_7() {
        let to = |of: &str, name: &str, path: &str| json!({ "resultOf": of, "name": name, "path": path });
        let long = "/*".repeat(40);
        let rows = [
            (to("t0", "Foo/changes", "/created"),         Ok(json!(["f1", "f4"]))),
            (to("t0", "Foo/changes", "/created/1"),       Ok(json!("f4"))),
            (to("t0", "Foo/changes", "/a~1b/~0"),         Ok(json!(7))),
            (to("t2", "Thread/get", "/list/*/id"),        Ok(json!(["trd194", "trd114"]))),
            (to("t2", "Thread/get", "/list/*/emailIds"),  Ok(json!(["msg1020", "msg1021", "msg201", "msg223"]))),
            (to("t2", "Thread/get", "/list/*/emailIds/*"), Ok(json!(["msg1020", "msg1021", "msg201", "msg223"]))),
            (to("t2", "Thread/get", "/list/*/none"),      Err("invalidResultReference")),
            (to("t0", "Foo/changes", "/created/2"),       Err("invalidResultReference")),
            (to("t0", "Foo/changes", "/created/01"),      Err("invalidResultReference")),
            (to("t0", "Foo/changes", "/created/-1"),      Err("invalidResultReference")),
            (to("t0", "Foo/changes", "created"),          Err("invalidResultReference")),
            (to("t0", "Foo/changes", "/a~2b"),            Err("invalidResultReference")),
            (to("t0", "Foo/changes", "/accountId/x"),     Err("invalidResultReference")),
            (to("t0", "Foo/get", "/created"),             Err("invalidResultReference")),
            (to("t3", "Foo/get", "/list"),                Err("invalidResultReference")),
            (to("t9", "Foo/changes", "/created"),         Err("invalidResultReference")),
            (to("t2", "Thread/get", &long),               Err("invalidResultReference")),
            (json!({ "resultOf": "t0" }),                 Err("invalidArguments")),
            (json!("t0"),                                 Err("invalidArguments")),
        ];
        for (reference, expected) in rows {
            assert_eq!(one(reference.clone()), expected, "{reference}");
        }
    }

    #[test]
    fn an_argument_is_given_once() {
        let both =
            json!({ "ids": [], "#ids": { "resultOf": "t0", "name": "Foo/changes", "path": "/created" } });
        let Value::Object(both) = both else { unreachable!() };
        assert_eq!(resolve(both, &answers(), &mut 10_000).unwrap_err().kind(), "invalidArguments");
    }

    #[test]
    fn doubling_comes_to_an_end() {
        let mut answers = vec![("Core/echo".to_owned(), json!({ "x": "0123456789" }), "0".to_owned())];
        let mut budget = 100_000;
        for turn in 1..40 {
            let whole = json!({ "resultOf": (turn - 1).to_string(), "name": "Core/echo", "path": "" });
            let arguments = Map::from_iter([("#a".to_owned(), whole.clone()), ("#b".to_owned(), whole)]);
            match resolve(arguments, &answers, &mut budget) {
                Ok(map) => answers.push(("Core/echo".to_owned(), Value::Object(map), turn.to_string())),
                Err(error) => return assert_eq!(error.kind(), "invalidResultReference"),
            }
        }
        panic!("forty doublings went through");
    }
}
