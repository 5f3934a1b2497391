//! `Blob/upload` (RFC 9404 §4.1): small blobs made in a request, of texts and of stretches of other blobs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::AccountId;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::args::{Args, invalid, resolve_id};
use crate::call::Context;
use crate::error::SetError;

impl Context<'_> {
    /// `Blob/upload` (RFC 9404 §4.1).
    pub(crate) async fn blob_upload(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let create = args.object("create")?.ok_or_else(|| invalid("create", "map of objects"))?;
        args.finish()?;
        if create.len() > self.api.limits.objects_in_set_max {
            return Err(Error::RequestTooLarge("more objects than maxObjectsInSet"));
        }
        let (mut created, mut not_created) = (Map::new(), Map::new());
        for (creation, object) in create {
            match self.upload_one(account_id, object).await {
                Ok(made) => {
                    if let Some(id) = made.get("id").and_then(Value::as_str) {
                        self.created.insert(creation.clone(), id.to_owned());
                    }
                    created.insert(creation, made);
                }
                Err(error) => drop(not_created.insert(creation, error.into_value())),
            }
        }
        let or_null = |map: Map<String, Value>| if map.is_empty() { Value::Null } else { Value::Object(map) };
        Ok(
            json!({ "accountId": account_id, "created": or_null(created), "notCreated": or_null(not_created) }),
        )
    }

    async fn upload_one(&self, account_id: AccountId, object: Value) -> Result<Value, SetError> {
        let Value::Object(mut object) = object else { return Err(SetError::invalid("data", "an object")) };
        let Some(Value::Array(sources)) = object.remove("data") else {
            return Err(SetError::invalid("data", "a list of sources"));
        };
        let media_type = match object.remove("type") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(media_type)) => media_type,
            Some(_) => return Err(SetError::invalid("type", "a media type")),
        };
        if let Some(name) = object.keys().next() {
            return Err(SetError::invalid(mail::text::clip(name, 100), "cannot be set"));
        }
        if sources.len() > self.api.limits.data_sources_max {
            return Err(SetError::invalid("data", "more sources than maxDataSources"));
        }
        let mut bytes = Vec::new();
        for source in sources {
            let more = self.source(account_id, source).await?;
            if bytes.len() + more.len() > self.api.limits.size_upload_max {
                return Err(SetError::new("tooLarge", "larger than maxSizeBlobSet"));
            }
            bytes.extend_from_slice(&more);
        }
        let kept = self.api.keep_bytes(account_id, &media_type, &bytes, self.now).await?;
        Ok(json!({ "id": kept["blobId"], "type": kept["type"], "size": kept["size"] }))
    }

    /// The bytes of one source.
    async fn source(&self, account_id: AccountId, source: Value) -> Result<Vec<u8>, SetError> {
        let wrong = || SetError::invalid("data", "a source is a text, base64, or a stretch of a blob");
        let Value::Object(mut source) = source else { return Err(wrong()) };
        let (text, base64, blob_id) =
            (source.remove("data:asText"), source.remove("data:asBase64"), source.remove("blobId"));
        let range = Range::take(&mut source).ok_or_else(wrong)?;
        if !source.is_empty() {
            return Err(wrong());
        }
        match (text, base64, blob_id) {
            (Some(Value::String(text)), None, None) if range.is_whole() => Ok(text.into_bytes()),
            (None, Some(Value::String(base64)), None) if range.is_whole() => {
                STANDARD.decode(base64).map_err(|_| SetError::invalid("data", "not base64"))
            }
            (None, None, Some(Value::String(blob_id))) => {
                let not_there = || {
                    SetError::new("blobNotFound", "the blob is not there")
                        .with("notFound", vec![Value::from(blob_id.as_str())])
                };
                let id = resolve_id(&blob_id, &self.created).ok_or_else(not_there)?;
                let bytes = self.api.content(account_id, id).await?.ok_or_else(not_there)?;
                let (stretch, is_truncated) = range.of(&bytes);
                match is_truncated {
                    // RFC 9404 §4.1: a stretch that is not all there is none.
                    true => Err(SetError::invalid("data", "the stretch reaches beyond the blob")),
                    false => Ok(stretch.to_vec()),
                }
            }
            _ => Err(wrong()),
        }
    }
}

/// A stretch of a blob (RFC 9404 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) offset: usize,
    pub(crate) length: Option<usize>,
}

impl Range {
    /// Takes `offset` and `length`; `None` when they are no numbers.
    fn take(object: &mut Map<String, Value>) -> Option<Self> {
        let mut number = |name: &str| match object.remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => value.as_u64().and_then(|number| usize::try_from(number).ok()).map(Some),
        };
        Some(Self { offset: number("offset")?.unwrap_or(0), length: number("length")? })
    }

    fn is_whole(self) -> bool {
        self == Self::default()
    }

    /// As much of it as there is, and whether that is not all.
    pub(crate) fn of(self, bytes: &[u8]) -> (&[u8], bool) {
        let from = self.offset.min(bytes.len());
        let wanted = self.length.map_or(bytes.len(), |length| self.offset.saturating_add(length));
        let to = wanted.clamp(from, bytes.len());
        (bytes.get(from..to).unwrap_or_default(), self.offset > bytes.len() || wanted > bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rfc_9404_4_stretches_of_a_blob() {
        // offset, length → stretch, truncated
        let rows: [(usize, Option<usize>, &[u8], bool); 8] = [
            (0, None,              b"abcdef", false),
            (2, None,              b"cdef",   false),
            (2, Some(3),           b"cde",    false),
            (6, None,              b"",       false),
            (6, Some(0),           b"",       false),
            (4, Some(3),           b"ef",     true),
            (7, None,              b"",       true),
            (usize::MAX, Some(9),  b"",       true),
        ];
        for (offset, length, stretch, is_truncated) in rows {
            assert_eq!(Range { offset, length }.of(b"abcdef"), (stretch, is_truncated), "{offset} {length:?}");
        }
    }
}
