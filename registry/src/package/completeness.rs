//! Whether all that a document says it brings has come (RULES R25, E11).

use std::collections::HashMap;

use super::model::Document;

/// How manifest and attachments match. The exchange accepts a package that does not match (VXP 4.2); the records
/// office does not accept the document (RULES R25, R29 c).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Names in the manifest for which no attachment, or one without content, came.
    pub missing: Vec<String>,
    /// Attachments that the manifest does not list.
    pub unlisted: Vec<String>,
    /// Names whose `ContentId` stands more than once on one side.
    pub ambiguous: Vec<String>,
}

impl Completeness {
    /// One attachment for each reference and the other way round (RULES E11).
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unlisted.is_empty() && self.ambiguous.is_empty()
    }

    /// Something that was announced has not come: blocks acceptance (RULES R25, reason `INCOMPLETE` of R30).
    pub fn blocks_acceptance(&self) -> bool {
        !self.missing.is_empty() || !self.ambiguous.is_empty()
    }
}

impl Document {
    /// Whether manifest and attachments match: by `ContentId`, and by file name where neither side has one.
    pub fn completeness(&self) -> Completeness {
        let mut by_key: HashMap<&str, (usize, usize, bool)> = HashMap::new();
        for attachment in &self.attachments {
            let slot = by_key.entry(key(&attachment.content_id, &attachment.name)).or_default();
            slot.0 += 1;
            slot.2 |= attachment.present && attachment.size > 0;
        }
        for reference in &self.manifest {
            by_key.entry(key(&reference.content_id, &reference.name)).or_default().1 += 1;
        }
        let mut found = Completeness::default();
        let mut listed = std::collections::HashSet::new();
        for reference in &self.manifest {
            let key = key(&reference.content_id, &reference.name);
            let (files, references, content) = by_key.get(key).copied().unwrap_or_default();
            if !listed.insert(key) {
                continue;
            }
            match (files, references) {
                (0, _) => found.missing.push(reference.name.clone()),
                (1, 1) if content => {}
                (1, 1) => found.missing.push(reference.name.clone()),
                _ => found.ambiguous.push(reference.name.clone()),
            }
        }
        let unlisted = self.attachments.iter().filter(|a| !listed.contains(key(&a.content_id, &a.name)));
        found.unlisted = unlisted.map(|a| a.name.clone()).collect();
        found
    }
}

fn key<'a>(content_id: &'a str, name: &'a str) -> &'a str {
    if content_id.is_empty() { name } else { content_id }
}
