//! Patches of the two properties of a message that can change: keywords and mailboxes (RFC 8620 §5.3,
//! RFC 8621 §4.3). Both are sets, written as maps to `true`.

use serde_json::{Map, Value};

use crate::error::SetError;
use crate::references::unescape;

/// What is to become of one set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SetPatch {
    whole: Option<Vec<String>>,
    /// Members to add (`true`) or to take away (`false`).
    parts: Vec<(String, bool)>,
}

impl SetPatch {
    /// Whether nothing is asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.whole.is_none() && self.parts.is_empty()
    }

    /// The set after the patch, each member once.
    pub(crate) fn apply(&self, current: &[String]) -> Vec<String> {
        let mut set = self.whole.clone().unwrap_or_else(|| current.to_vec());
        for (member, stays) in &self.parts {
            set.retain(|other| other != member);
            if *stays {
                set.push(member.clone());
            }
        }
        set.sort_unstable();
        set.dedup();
        set
    }
}

/// The patch of a message, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EmailPatch {
    pub(crate) keywords: SetPatch,
    pub(crate) mailbox_ids: SetPatch,
    /// Everything else: allowed only where it says what is so already.
    pub(crate) rest: Map<String, Value>,
}

/// Reads a patch.
pub(crate) fn read(patch: Map<String, Value>) -> Result<EmailPatch, SetError> {
    let mut read = EmailPatch::default();
    for (path, value) in patch {
        let (property, member) = match path.split_once('/') {
            Some((property, member)) => (property, Some(member)),
            None => (path.as_str(), None),
        };
        let set = match property {
            "keywords" => &mut read.keywords,
            "mailboxIds" => &mut read.mailbox_ids,
            _ => {
                read.rest.insert(path, value);
                continue;
            }
        };
        match member {
            None => set.whole = Some(members(property, value)?),
            Some(member) => {
                let plain = unescape(member).filter(|plain| !plain.is_empty() && !member.contains('/'));
                let plain = plain.ok_or_else(|| bad_path(&path))?;
                let stays = match value {
                    Value::Bool(true) => true,
                    Value::Null => false,
                    _ => return Err(SetError::invalid(path, "a member of a set is true or null")),
                };
                set.parts.push((as_kept(property, plain), stays));
            }
        }
    }
    for (name, set) in [("keywords", &read.keywords), ("mailboxIds", &read.mailbox_ids)] {
        if set.whole.is_some() && !set.parts.is_empty() {
            // RFC 8620 §5.3: no path may be the beginning of another.
            return Err(bad_path(name));
        }
    }
    Ok(read)
}

/// The members of a set written as a map; null is the empty set for keywords.
pub(crate) fn members(property: &str, value: Value) -> Result<Vec<String>, SetError> {
    let map = match value {
        Value::Object(map) => map,
        Value::Null if property == "keywords" => return Ok(Vec::new()),
        _ => return Err(SetError::invalid(property, "a set is a map to true")),
    };
    map.into_iter()
        .map(|(member, value)| match value {
            Value::Bool(true) => Ok(as_kept(property, member)),
            _ => Err(SetError::invalid(property, "a set is a map to true")),
        })
        .collect()
}

/// Keywords are kept in lower case (RFC 8621 §4.1.1).
fn as_kept(property: &str, member: String) -> String {
    if property == "keywords" { member.to_ascii_lowercase() } else { member }
}

fn bad_path(path: &str) -> SetError {
    SetError::new("invalidPatch", format!("`{}` is no path of a patch here", mail::text::clip(path, 100)))
}

/// Whether a text may be a keyword (RFC 8621 §4.1.1), once in lower case.
pub(crate) fn is_keyword(text: &str) -> bool {
    matches!(text.len(), 1..=255) && text.bytes().all(|b| b.is_ascii_graphic() && !b"(){]%*\"\\".contains(&b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(patch: Value) -> Result<(Vec<String>, Vec<String>), String> {
        let Value::Object(patch) = patch else { unreachable!() };
        let now = ["$seen".to_owned(), "x".to_owned()];
        let patch = read(patch).map_err(|e| e.kind().to_owned())?;
        Ok((patch.keywords.apply(&now), patch.mailbox_ids.apply(&["m1".to_owned()])))
    }

    #[test]
    #[rustfmt::skip]
    fn patches_of_rfc_8621_4_3() {
        let sets = |keywords: &[&str], mailboxes: &[&str]| {
            let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
            Ok((own(keywords), own(mailboxes)))
        };
        let rows = [
            (json!({}),                                             sets(&["$seen", "x"], &["m1"])),
            (json!({ "keywords/$Flagged": true }),                  sets(&["$flagged", "$seen", "x"], &["m1"])),
            (json!({ "keywords/$seen": null }),                     sets(&["x"], &["m1"])),
            (json!({ "keywords/none": null }),                      sets(&["$seen", "x"], &["m1"])),
            (json!({ "keywords": { "$DRAFT": true } }),             sets(&["$draft"], &["m1"])),
            (json!({ "keywords": null }),                           sets(&[], &["m1"])),
            (json!({ "mailboxIds/m2": true, "mailboxIds/m1": null }), sets(&["$seen", "x"], &["m2"])),
            (json!({ "mailboxIds": { "m3": true } }),               sets(&["$seen", "x"], &["m3"])),
            (json!({ "keywords/a~1b": true }),                      sets(&["$seen", "a/b", "x"], &["m1"])),
            (json!({ "keywords/a/b": true }),                       Err("invalidPatch".to_owned())),
            (json!({ "keywords/a~2": true }),                       Err("invalidPatch".to_owned())),
            (json!({ "keywords/": true }),                          Err("invalidPatch".to_owned())),
            (json!({ "keywords": {}, "keywords/a": true }),         Err("invalidPatch".to_owned())),
            (json!({ "keywords/a": false }),                        Err("invalidProperties".to_owned())),
            (json!({ "keywords": { "a": false } }),                 Err("invalidProperties".to_owned())),
            (json!({ "keywords": ["a"] }),                          Err("invalidProperties".to_owned())),
            (json!({ "mailboxIds": null }),                         Err("invalidProperties".to_owned())),
        ];
        for (patch, expected) in rows {
            assert_eq!(patched(patch.clone()), expected, "{patch}");
        }
    }

    #[test]
    fn everything_else_is_set_apart() {
        let Value::Object(patch) = json!({ "subject": "x", "textBody/0": 1 }) else { unreachable!() };
        assert_eq!(read(patch.clone()).unwrap().rest, patch);
    }
}
