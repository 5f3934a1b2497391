//! `Blob/get` (RFC 9404 §4.2): contents of blobs, stretches of them, and their digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::args::{Args, resolve_id};
use crate::blob_upload::Range;
use crate::call::Context;

/// Digests that are computed (RFC 9404 §3), by their names in the registry of HTTP digests.
pub(crate) const DIGESTS: [&str; 3] = ["sha", "sha-256", "sha-512"];

/// A property of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Property {
    /// As a text when it is one, otherwise in base64.
    Data,
    AsText,
    AsBase64,
    Size,
    /// By its place in [`DIGESTS`].
    Digest(&'static str),
}

impl Property {
    fn read(name: &str) -> Result<Option<Self>, Error> {
        let digest = name.strip_prefix("digest:").and_then(|name| DIGESTS.iter().find(|d| **d == name));
        Ok(Some(match (name, digest) {
            ("id", _) => return Ok(None),
            ("data", _) => Self::Data,
            ("data:asText", _) => Self::AsText,
            ("data:asBase64", _) => Self::AsBase64,
            ("size", _) => Self::Size,
            (_, Some(digest)) => Self::Digest(digest),
            _ => {
                let name = mail::text::clip(name, 100);
                return Err(Error::InvalidArguments(format!("a Blob has no property `{name}`")));
            }
        }))
    }
}

impl Context<'_> {
    /// `Blob/get` (RFC 9404 §4.2).
    pub(crate) async fn blob_get(&self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let ids = args.texts("ids")?;
        let ids = ids.ok_or(Error::RequestTooLarge("all blobs at once are too many; ask for ids"))?;
        let properties = match args.texts("properties")? {
            None => vec![Property::Data, Property::Size],
            Some(names) => names
                .iter()
                .filter_map(|name| Property::read(name).transpose())
                .collect::<Result<Vec<_>, _>>()?,
        };
        let length = |number: Option<i64>| number.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let range = Range {
            offset: length(args.unsigned("offset")?).unwrap_or(0),
            length: length(args.unsigned("length")?),
        };
        args.finish()?;
        let limits = &self.api.limits;
        if ids.len() > limits.objects_in_get_max {
            return Err(Error::RequestTooLarge("more ids than maxObjectsInGet"));
        }
        let (mut may_open, mut may_answer) = (limits.opened_bytes_max, limits.body_values_bytes_max);
        let (mut list, mut not_found) = (Vec::new(), Vec::new());
        let mut seen = std::collections::HashSet::new();
        for id in ids.into_iter().filter(|id| seen.insert(id.clone())) {
            let real = resolve_id(&id, &self.created).unwrap_or(&id);
            let Some(bytes) = self.api.content(account_id, real).await? else {
                not_found.push(id);
                continue;
            };
            let too_much = || Error::RequestTooLarge("too many bytes at once; ask for fewer blobs");
            may_open = may_open.checked_sub(bytes.len() as u64).ok_or_else(too_much)?;
            let told = shown(real, &bytes, range, &properties);
            may_answer = may_answer.checked_sub(told.weight).ok_or_else(too_much)?;
            list.push(Value::Object(told.object));
        }
        Ok(json!({ "accountId": account_id, "list": list, "notFound": not_found }))
    }
}

/// A blob as it is told, and how many bytes of content that takes.
struct Told {
    object: Map<String, Value>,
    weight: usize,
}

fn shown(id: &str, bytes: &[u8], range: Range, properties: &[Property]) -> Told {
    let (stretch, is_truncated) = range.of(bytes);
    let mut object = Map::from_iter([("id".to_owned(), Value::from(id))]);
    let mut weight = 0;
    let text = std::str::from_utf8(stretch).ok();
    let asks_data = |p: &Property| matches!(p, Property::Data | Property::AsText | Property::AsBase64);
    if is_truncated && properties.iter().any(asks_data) {
        object.insert("isTruncated".to_owned(), true.into());
    }
    for property in properties {
        match (property, text) {
            (Property::Size, _) => drop(object.insert("size".to_owned(), bytes.len().into())),
            (Property::Digest(name), _) => {
                object.insert(format!("digest:{name}"), digest_of(name, stretch).into());
            }
            (Property::Data | Property::AsText, Some(text)) => {
                weight += text.len();
                object.insert("data:asText".to_owned(), text.into());
            }
            (Property::AsText, None) => {
                object.insert("data:asText".to_owned(), Value::Null);
                object.insert("isEncodingProblem".to_owned(), true.into());
            }
            (Property::Data | Property::AsBase64, _) => {
                let encoded = STANDARD.encode(stretch);
                weight += encoded.len();
                if *property == Property::Data {
                    object.insert("isEncodingProblem".to_owned(), true.into());
                }
                object.insert("data:asBase64".to_owned(), encoded.into());
            }
        }
    }
    Told { object, weight }
}

fn digest_of(name: &str, bytes: &[u8]) -> String {
    let algorithm = match name {
        // Asked for by clients that compare with what they know; nothing here trusts it.
        "sha" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha-512" => &digest::SHA512,
        _ => &digest::SHA256,
    };
    STANDARD.encode(digest::digest(algorithm, bytes))
}
