//! A timestamp token that is a file of its own, as a claim over the content beside it.

use super::claim::{Claim, Claims, Container, SignedBytes, Whole};
use super::verdict::SignatureKind;
use crate::cms;
use crate::coverage::Coverage;
use crate::input::Input;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::Store;
use crate::tst::{self, Token};
use mail::Timestamp;
use std::borrow::Cow;

/// Reads a token, bare or in the answer it came in. Errors: why it is none.
pub(super) fn claims<'a>(input: &'a Input, limits: &Limits) -> Result<Claims<'a>, Reason> {
    if input.bytes.len() > limits.file_bytes {
        return Err(Reason::new(Code::FileTooLarge));
    }
    let file = cms::unwrap(&input.bytes, limits)?;
    let der = tst::token_of(&file)?.to_vec();
    // Without the content nothing is proven, but the reader wants to know what the token says.
    let claimed = Token::read(&der, limits).ok().map(|token| Timestamp::from_secs(token.at));
    let container = match &input.content {
        Some(content) => Ok(Container::Token { der: Cow::Owned(der), pieces: vec![&**content].into() }),
        None => Err(Reason::new(Code::ContentMissing)),
    };
    let claim = Claim {
        field: "TimeStampToken".to_owned(),
        kind: SignatureKind::Timestamp,
        coverage: Coverage::WholeDocument,
        covers: Vec::new(),
        claimed,
        stated_reason: None,
        container,
        fault: None,
    };
    Ok(Claims {
        signatures: vec![claim],
        empty_fields: Vec::new(),
        store: Store::default(),
        signed: input.content.clone().map(SignedBytes::Apart),
        whole: Whole::default(),
    })
}
