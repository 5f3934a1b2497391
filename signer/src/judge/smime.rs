//! A signed mail's facts as claims.

use super::claim::{Bytes, Claims, Whole};
use super::cms_file::{agreed, apart, of_message};
use crate::cms;
use crate::input::Input;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use crate::pdf::Store;
use crate::smime::{self, Body, Mail};
use certs::trust::Purpose;
use std::borrow::Cow;

/// Reads a message. Errors: why nothing can be said about its signatures.
pub(super) fn claims<'a>(input: &'a Input, limits: &Limits) -> Result<Claims<'a>, Reason> {
    let file = &*input.bytes;
    if file.len() > limits.file_bytes {
        return Err(Reason::new(Code::FileTooLarge));
    }
    let mut mail = smime::read(file, limits)?;
    let mut claims = match std::mem::replace(&mut mail.body, Body::Unsigned) {
        Body::Unsigned => {
            let whole = whole(mail);
            let store = Store::default();
            return Ok(Claims {
                signatures: Vec::new(),
                empty_fields: Vec::new(),
                store,
                signed: None,
                whole,
            });
        }
        Body::Detached { content, der } => {
            mail.compare_headers(file, &content);
            let message = cms::read_message(&der, limits)?;
            // The content is the message's first part: content inside would be a second truth.
            if message.content.is_some() {
                return Err(Reason::new(Code::CmsContentType));
            }
            let content = match content {
                Cow::Borrowed(bytes) => Bytes::InFile(bytes),
                Cow::Owned(bytes) => Bytes::Apart(bytes.into()),
            };
            of_message(message, Ok(content), Purpose::Smime, file, limits)?
        }
        Body::Opaque { der } => {
            let mut message = cms::read_message(&der, limits)?;
            let content = agreed(message.content.take().map(apart), None);
            if let Ok(content) = &content {
                mail.compare_headers(file, content.get());
            }
            of_message(message, content, Purpose::Smime, file, limits)?
        }
    };
    claims.whole = whole(mail);
    Ok(claims)
}

fn whole(mail: Mail<'_>) -> Whole {
    let Mail { from, sent_at, remarks, doubts, .. } = mail;
    Whole { doubts, remarks, sender: from.ok(), sent_at }
}
