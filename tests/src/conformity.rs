//! Which rule of the law is kept where, and which tests hold it (RULES R63): read from the sources, so that the table cannot say
//! what is not there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Tests of one rule that are named; further ones are counted.
const NAMED_MAX: usize = 6;

/// A rule of `docs/rules.tsv`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// R19.
    pub id: String,
    /// What it asks.
    pub asks: String,
    /// The file that keeps it.
    pub kept_in: String,
    /// Why no test holds it; empty when one has to.
    pub left: String,
}

/// The rules, in the order of the file.
pub fn rules(root: &Path) -> Vec<Rule> {
    let text = std::fs::read_to_string(root.join("docs/rules.tsv")).expect("docs/rules.tsv");
    let rule = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let &[id, asks, kept_in, left] = cells.as_slice() else { panic!("four cells: {line:?}") };
        let [id, asks, kept_in, left] = [id, asks, kept_in, left].map(str::to_owned);
        Rule { id, asks, kept_in, left }
    };
    text.lines().map(rule).collect()
}

/// The tests of each rule, by what they are called or say about themselves.
pub fn tests_by_rule(sources: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in sources {
        for (name, ids) in tests_in(path, text) {
            for id in ids {
                let names = found.entry(id).or_default();
                if !names.contains(&name) {
                    names.push(name.clone());
                }
            }
        }
    }
    found
}

/// The test functions of a file, each with the rules it names.
fn tests_in(path: &str, text: &str) -> Vec<(String, Vec<String>)> {
    let is_test_file = path.contains("/tests/") || path.ends_with("tests.rs");
    let mut above: Vec<&str> = Vec::new();
    let mut tests: Vec<(String, Vec<String>)> = Vec::new();
    let mut is_marked = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = name_of(line) {
            let is_test = is_marked
                || (is_test_file && !ids_of_name(name).is_empty())
                || is_test_file && line.starts_with("async fn");
            let ids = ids_of_name(name).into_iter().chain(above.iter().flat_map(|line| ids_in(line)));
            match is_test {
                true => tests.push((name.to_owned(), ids.collect())),
                false => tests.push((String::new(), Vec::new())),
            }
        } else if line.starts_with("//")
            && line.contains("RULES")
            && let Some((name, ids)) = tests.last_mut()
            && !name.is_empty()
        {
            ids.extend(ids_in(line));
        }
        if line.starts_with("//") {
            above.push(line);
        } else if !line.starts_with("#[") {
            above.clear();
        }
        is_marked = line.starts_with("#[test]")
            || line.starts_with("#[tokio::test")
            || (is_marked && line.starts_with("#["));
    }
    tests.retain(|(name, ids)| !name.is_empty() && !ids.is_empty());
    tests
}

/// The function a line begins, or the story that a list names.
fn name_of(line: &str) -> Option<&str> {
    let plain = line.strip_prefix("pub(crate) ").unwrap_or(line);
    let plain = plain.strip_prefix("async ").unwrap_or(plain);
    let named = plain.strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next());
    named.or_else(|| {
        line.split_once(" => ").map(|(name, _)| name).filter(|name| !ids_of_name(name).is_empty())
    })
}

/// The rules at the beginning of a name: `r53_r55_r56_…`, `k2_to_k9_…`.
fn ids_of_name(name: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut is_range = false;
    for word in name.split('_') {
        let number =
            word.get(1..).filter(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
        match (word, number) {
            ("and", _) => {}
            ("to", _) => is_range = true,
            (_, Some(number)) if word.starts_with(['r', 'e', 'i']) => {
                let (letter, last) = (word[..1].to_uppercase(), number.parse::<u32>().unwrap_or_default());
                let first =
                    ids.last().and_then(|before| before.get(1..)?.parse::<u32>().ok()).filter(|_| is_range);
                ids.extend((first.map_or(last, |first| first + 1)..=last).map(|n| format!("{letter}{n}")));
                is_range = false;
            }
            // Families beside these: the name goes on, and this table has no rows for them.
            (_, Some(_)) if word.starts_with(['k', 'd', 'm', 'a', 't']) => {}
            _ => break,
        }
    }
    ids
}

/// The rules a comment names.
fn ids_in(line: &str) -> Vec<String> {
    if !line.contains("RULES") {
        return Vec::new();
    }
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    let is_id = |word: &&str| {
        word.starts_with(['R', 'E', 'I']) && word.len() > 1 && word[1..].bytes().all(|b| b.is_ascii_digit())
    };
    words.filter(is_id).map(str::to_owned).collect()
}

/// The table, as `docs/CONFORMITY.md` holds it.
pub fn table(rules: &[Rule], tests: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::from(
        "# Conformity: which rule is kept where, and which tests hold it\n\n\
         For the self-declaration (công bố hợp quy, QĐ 28/2018 Đ16.1). The rules are those of QĐ 28/2018 and NĐ 30/2020 that software can \
         keep (R), of edXML packages (E) and of codes (I); `docs/rules.tsv` names them. The last column is read from the sources: a test \
         belongs to the rules in its name, or in the comment above or in it. `scripts/conformity OUT` runs these tests and packs the result \
         with this table, the schema and the description of the API.\n\n\
         | rule | what it asks | kept in | tests |\n| --- | --- | --- | --- |\n",
    );
    for rule in rules {
        let names = tests.get(&rule.id).map(Vec::as_slice).unwrap_or_default();
        let mut cells: Vec<String> = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
        if names.len() > NAMED_MAX {
            cells.push(format!("and {} more", names.len() - NAMED_MAX));
        }
        if !rule.left.is_empty() {
            cells.push(rule.left.clone());
        }
        let Rule { id, asks, kept_in, .. } = rule;
        let _ = writeln!(text, "| {id} | {asks} | `{kept_in}` | {} |", cells.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_from_names_and_comments() {
        let of = |name: &str| ids_of_name(name).join(" ");
        assert_eq!(of("r53_r55_statistics"), "R53 R55");
        assert_eq!(of("r37_to_r39_and_e9_x"), "R37 R38 R39 E9");
        assert_eq!(of("k2_r1_x"), "R1");
        assert_eq!(of("rfc_7162_3_x"), "");
        assert_eq!(of("recalls_r1"), "");
        let text = "    /// RULES R1, E4. Each row.\n    #[test]\n    fn vxp() {\n        // RULES R16: at once.\n    }\n\n    fn no_test() {\n        // RULES R2\n    }\n";
        let found = tests_in("a/src/b.rs", text);
        assert_eq!(found, [("vxp".to_owned(), vec!["R1".to_owned(), "E4".to_owned(), "R16".to_owned()])]);
    }
}
