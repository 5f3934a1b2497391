//! Reports keep to the schema in `docs/schema`, and the schema knows every member a report has.

use crate::world::{DAY, NOON, World, blank};
use serde_json::Value;
use signer::Evidence;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schema/report.schema.json")).unwrap()
}

/// The part of JSON Schema (2020-12) that our schema uses. A keyword this does not know fails the test: a rule that nobody
/// checks is none.
fn check(root: &Value, rule: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (keyword, expected) in rule.as_object().unwrap() {
        let is_met = match keyword.as_str() {
            "$ref" => {
                let name = expected.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                check(root, &root["$defs"][name], value, at, faults);
                true
            }
            "type" => match expected {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                kind => is_of(kind, value),
            },
            "enum" => expected.as_array().unwrap().contains(value),
            "pattern" => value.as_str().is_none_or(|text| matches(expected.as_str().unwrap(), text)),
            "format" => value.as_str().is_none_or(|text| mail::Timestamp::parse_rfc3339(text).is_ok()),
            "minimum" => value.as_i64() >= expected.as_i64(),
            "required" => {
                let names = expected.as_array().unwrap().iter();
                value.as_object().is_none_or(|members| {
                    names.clone().all(|name| members.contains_key(name.as_str().unwrap()))
                })
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    match expected.get(name) {
                        Some(rule) => check(root, rule, inner, &format!("{at}/{name}"), faults),
                        None => faults.push(format!("{at}/{name} is not in the schema")),
                    }
                }
                true
            }
            "items" => {
                for (number, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, expected, inner, &format!("{at}/{number}"), faults);
                }
                true
            }
            "additionalProperties" | "description" | "title" | "$schema" | "$id" | "$defs" => true,
            other => panic!("the schema uses {other}"),
        };
        if !is_met {
            faults.push(format!("{at}: {keyword} {expected}: {value}"));
        }
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the schema uses type {other}"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let only = |is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
    match pattern {
        "^[0-9a-f]{64}$" => text.len() == 64 && only(|c| matches!(c, '0'..='9' | 'a'..='f')),
        "^[a-z0-9-]+$" => only(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')),
        "^[A-Z_]+$" => only(|c| matches!(c, 'A'..='Z' | '_')),
        other => panic!("the schema uses pattern {other}"),
    }
}

fn faults(report: &Value) -> Vec<String> {
    let schema = schema();
    let mut faults = Vec::new();
    check(&schema, &schema, report, "", &mut faults);
    faults
}

fn reports() -> Vec<Value> {
    let world = World::get();
    let complete = world.complete();
    let timed = world.sign(&blank(), &world.leader, NOON);
    let mut flipped = complete.clone();
    flipped[20] ^= 1;
    let known = world.evidence(NOON + 120);
    let revoked = Evidence { crls: world.crls(NOON + 120, &[(&world.leader, NOON - DAY)]), ..known.clone() };
    let ocsp = Evidence {
        ocsp: vec![world.ocsp(&world.leader, certs::revocation::OcspStatus::Good, NOON + 60)],
        ..world.evidence(NOON + 60)
    };
    let nothing = Evidence::default();
    let rows: [(&[u8], &Evidence); 9] = [
        (&complete, &nothing),
        (&timed, &known),
        (&timed, &revoked),
        (&timed, &ocsp),
        (&timed, &nothing),
        (&world.sign_untimed(&blank(), &world.stranger, NOON), &nothing),
        (&flipped, &nothing),
        (&blank(), &nothing),
        (b"hello", &nothing),
    ];
    let judged = rows.iter().map(|(file, evidence)| world.judge(file, evidence, NOON + 180));
    judged.map(|judged| serde_json::to_value(judged.report()).unwrap()).collect()
}

#[test]
fn every_report_keeps_to_the_schema() {
    for report in reports() {
        assert_eq!(faults(&report), Vec::<String>::new(), "{report}");
    }
}

#[test]
fn the_schema_notices_what_is_wrong() {
    let good = &reports()[0];
    let bends: [fn(&mut Value); 6] = [
        |report| report["verdict"] = "perhaps".into(),
        |report| report["signatures"][0]["time"] = "today".into(),
        |report| report["signatures"][0]["surprise"] = 1.into(),
        |report| drop(report.as_object_mut().unwrap().remove("integrity")),
        |report| report["signatures"][0]["covers_whole_document"] = Value::Null,
        |report| report["sha256"] = "AB".into(),
    ];
    for bend in bends {
        let mut bent = good.clone();
        bend(&mut bent);
        assert_eq!(faults(&bent).len(), 1, "{:?}", faults(&bent));
    }
}

#[test]
fn every_member_is_explained_where_its_name_does_not_say_all() {
    let schema = schema();
    assert_eq!(schema["required"].as_array().unwrap().len(), 12);
    // The contract that acceptance suites rely on.
    for name in [
        "signer",
        "verdict",
        "integrity",
        "covers_whole_document",
        "indication",
        "sub_indication",
        "time",
        "time_source",
    ] {
        let required = schema["$defs"]["signature"]["required"].as_array().unwrap();
        assert!(required.contains(&name.into()), "{name}");
    }
}
