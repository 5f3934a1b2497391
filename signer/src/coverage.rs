//! How much of a file a signature covers.

use serde::Serialize;

/// How much of the file a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// All of it, except the signature itself.
    WholeDocument,
    /// All of the revision it closes; later updates followed (PDF).
    WholeRevision,
    /// Named parts only (XML elements, one part of a mail).
    Parts,
    /// Something else: refused.
    None,
}
