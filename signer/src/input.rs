//! What is put before the judge: a file, what it is said to be, and what belongs to it but lies outside it.

use crate::format::Format;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A file to be judged.
#[derive(Clone, Default)]
pub struct Input {
    /// The file.
    pub bytes: Arc<[u8]>,
    /// What somebody says it is; `None`: recognised by its first bytes.
    pub format: Option<Format>,
    /// The signed content, where it lies beside the signature: a detached CMS, a timestamp token, a detached XML
    /// reference.
    pub content: Option<Arc<[u8]>>,
    /// Parts an XML signature may point at by `cid:NAME`: the decoded attachments of a package (RULES E34).
    pub parts: BTreeMap<String, Arc<[u8]>>,
}

impl Input {
    /// The same file, said to be of this format.
    pub fn of(self, format: impl Into<Option<Format>>) -> Self {
        Self { format: format.into(), ..self }
    }

    /// The same file with the content it signs.
    pub fn with_content(self, content: impl Into<Option<Arc<[u8]>>>) -> Self {
        Self { content: content.into(), ..self }
    }

    /// The stated format, else the recognised one. `None`: nobody knows it.
    pub fn known_format(&self) -> Option<Format> {
        self.format.or_else(|| Format::sniff(&self.bytes))
    }
}

impl From<Arc<[u8]>> for Input {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self { bytes, ..Self::default() }
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Arc::<[u8]>::from(bytes).into()
    }
}

impl fmt::Debug for Input {
    /// For logs: sizes, never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("bytes", &self.bytes.len())
            .field("format", &self.format)
            .field("content", &self.content.as_ref().map(|content| content.len()))
            .field("parts", &self.parts.len())
            .finish()
    }
}
