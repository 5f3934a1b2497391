//! JSON as the client reads it without harm (VXP 0.1, 3.1): ASCII only, never `null`, members in the order given.

use std::fmt::Write as _;

/// An object in the making. A member that is not given is not there; the client takes that better than `null`.
pub(super) struct Object {
    out: String,
    first: bool,
}

impl Object {
    pub(super) fn new() -> Self {
        Self { out: "{".to_owned(), first: true }
    }

    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        string(&mut self.out, name);
        self.out.push(':');
    }

    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        string(&mut self.out, value);
        self
    }

    pub(super) fn text_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn number(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        let _ = write!(self.out, "{value}");
        self
    }

    pub(super) fn flag(mut self, name: &str, value: bool) -> Self {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
        self
    }

    pub(super) fn objects(mut self, name: &str, rows: impl Iterator<Item = Object>) -> Self {
        self.name(name);
        self.out.push('[');
        for (i, row) in rows.enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            self.out.push_str(&row.finish());
        }
        self.out.push(']');
        self
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(c),
            c => {
                let mut units = [0u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vxp_3_1_json_is_ascii_without_null() {
        let rows = [Object::new().text("a", "Bến Tre"), Object::new()];
        let text = Object::new()
            .text("status", "OK")
            .text_if("pid", None)
            .text("quote", "\"\\/\r\n\u{7f}😀")
            .number("count", 3)
            .flag("deleted", true)
            .objects("data", rows.into_iter())
            .finish();
        let expected = concat!(
            r#"{"status":"OK","quote":"\"\\/\u000d\u000a\u007f\ud83d\ude00","count":3,"deleted":true,"#,
            r#""data":[{"a":"B\u1ebfn Tre"},{}]}"#
        );
        assert_eq!(text, expected);
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_back(text in "\\PC{0,40}|[\u{0}-\u{1f}]{0,8}") {
            let json = Object::new().text("t", &text).finish();
            proptest::prop_assert!(json.is_ascii());
            let back: serde_json::Value = serde_json::from_str(&json).unwrap();
            proptest::prop_assert_eq!(back["t"].as_str(), Some(text.as_str()));
        }
    }
}
