//! What the head of an agency decides about its documents, and what follows when one is sent: who may sign by authorisation (RULES
//! R81), which regulations hold, for which documents paper is sent too (RULES R62, R15).

mod authority;
mod competence;
mod fault;
mod regulations;

pub use authority::{NewAuthority, authorise, end_authority};
pub use competence::{Authorisation, Competence, is_authorised};
pub use fault::OfficeFault;
pub use regulations::{NewText, end_text, record_text};

pub(crate) use authority::is_signer_authorised;
pub(crate) use regulations::is_item_listed;

/// Characters of a text that is recorded.
const TEXT_CHARS_MAX: usize = 500;

/// A person's name as it is compared: composed letters, without regard to case and to the width of blanks (as `signer` does).
fn name_key(name: &str) -> String {
    let name = mail::text::nfc(name).to_lowercase();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text that must be there and must not be long.
fn said(text: &str, missing: OfficeFault) -> Result<&str, OfficeFault> {
    let text = text.trim();
    match text.chars().count() {
        1..=TEXT_CHARS_MAX => Ok(text),
        _ => Err(missing),
    }
}
