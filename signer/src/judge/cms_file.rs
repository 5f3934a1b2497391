//! A CMS file's facts as claims: one for each signer, over content inside the file or beside it.

use super::claim::{Bytes, Claim, Claims, Container, Content, SignedBytes, SignerClaim, Whole};
use super::verdict::SignatureKind;
use crate::cms::{self, SignedMessage, Signer};
use crate::coverage::Coverage;
use crate::input::Input;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::Store;
use certs::trust::Purpose;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Reads a CMS file. Errors: why nothing can be said about its signatures.
pub(super) fn claims<'a>(input: &'a Input, limits: &Limits) -> Result<Claims<'a>, Reason> {
    if input.bytes.len() > limits.file_bytes {
        return Err(Reason::new(Code::FileTooLarge));
    }
    let beside = input.content.as_ref();
    if beside.is_some_and(|content| content.len() > limits.file_bytes) {
        return Err(Reason::of(Code::FileTooLarge, "content"));
    }
    match cms::unwrap(&input.bytes, limits)? {
        Cow::Borrowed(der) => {
            let mut message = cms::read_message(der, limits)?;
            let inside = message.content.take().map(in_file);
            of_message(message, agreed(inside, beside), Purpose::Document, &input.bytes, limits)
        }
        Cow::Owned(der) => {
            let mut message = cms::read_message(&der, limits)?;
            let inside = message.content.take().map(apart);
            of_message(message, agreed(inside, beside), Purpose::Document, &input.bytes, limits)
        }
    }
}

/// Content of a message read from the file itself.
fn in_file(content: Cow<'_, [u8]>) -> Bytes<'_> {
    match content {
        Cow::Borrowed(bytes) => Bytes::InFile(bytes),
        Cow::Owned(bytes) => Bytes::Apart(bytes.into()),
    }
}

/// Content of a message that was unpacked from the file.
pub(super) fn apart<'a>(content: Cow<'_, [u8]>) -> Bytes<'a> {
    Bytes::Apart(content.into())
}

/// The one content there is: inside, or beside, or the same in both places.
pub(super) fn agreed<'a>(inside: Option<Bytes<'a>>, beside: Option<&Arc<[u8]>>) -> Result<Bytes<'a>, Reason> {
    match (inside, beside) {
        (Some(inside), Some(beside)) if inside.get() != &**beside => Err(Reason::new(Code::ContentDiffers)),
        (Some(inside), _) => Ok(inside),
        (None, Some(beside)) => Ok(Bytes::Apart(beside.clone())),
        (None, None) => Err(Reason::new(Code::ContentMissing)),
    }
}

/// A claim for each signer. Without content each of them says why it cannot be judged.
pub(super) fn of_message<'a>(
    message: SignedMessage<'_>,
    content: Result<Bytes<'a>, Reason>,
    purpose: Purpose,
    file: &[u8],
    limits: &Limits,
) -> Result<Claims<'a>, Reason> {
    let SignedMessage { certificates, crls, ocsp, signers, .. } = message;
    if signers.is_empty() {
        return Err(Reason::new(Code::CertificatesOnly));
    }
    let signed = content.as_ref().ok().map(|content| signed_bytes(content, file));
    let content = content.map(Content::new);
    // Without attributes the signature is over the content, which is then read once more for each of them.
    let mut readings = 0usize;
    let mut container = |signer: Result<Signer, Reason>| -> Result<Container<'a>, Reason> {
        let (signer, content) = (signer?, content.clone()?);
        if signer.attributes.is_none() {
            readings = readings.saturating_add(content.bytes().len());
            if readings > limits.file_bytes {
                return Err(Reason::of(Code::Budget, "signers without attributes"));
            }
        }
        Ok(Container::Signer(Box::new(SignerClaim { signer, content, purpose })))
    };
    let claim = |(number, signer): (usize, Result<Signer, Reason>)| Claim {
        field: format!("SignerInfo {}", number + 1),
        kind: SignatureKind::Approval,
        coverage: Coverage::WholeDocument,
        covers: Vec::new(),
        claimed: None,
        stated_reason: None,
        container: container(signer),
        fault: None,
    };
    let signatures = signers.into_iter().enumerate().map(claim).collect();
    let store = Store { certificates, crls, ocsp };
    Ok(Claims { signatures, empty_fields: Vec::new(), store, signed, whole: Whole::default() })
}

/// The content's place in the file, or the content.
pub(super) fn signed_bytes(content: &Bytes<'_>, file: &[u8]) -> SignedBytes {
    match content {
        Bytes::Apart(bytes) => SignedBytes::Apart(bytes.clone()),
        Bytes::InFile(bytes) => SignedBytes::Within(place(file, bytes).unwrap_or_default()),
    }
}

/// Where a slice of the file stands in it.
fn place(file: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(file.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    (file.get(range.clone())? == part).then_some(range)
}
