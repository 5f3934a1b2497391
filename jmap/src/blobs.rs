//! The upload and download doors (RFC 8620 §6).

use std::time::Duration;

use mail::{AccountId, Timestamp};
use serde_json::{Value, json};
use store::Upload;

use crate::body::{octets, read_blob_id};
use crate::email_get::facts_of;
use crate::{Api, Caller, Error, Response};

/// What the download door hands out. All three texts are safe to be header values as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The content.
    pub bytes: Vec<u8>,
    /// `Content-Type`: what the client asked for, when it is a media type.
    pub media_type: String,
    /// `Content-Disposition`: always an attachment, so that no browser runs what a stranger sent.
    pub disposition: String,
}

/// Whether a text is a media type without parameters (RFC 6838 §4.2).
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        matches!(name.len(), 1..=127)
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

impl Api {
    /// Keeps what a client uploads until it is used, or for a day (RFC 8620 §6.1). `account` is the text in the URL;
    /// the program reads no more of a body than `maxSizeUpload` and one byte.
    pub async fn upload(
        &self,
        caller: &Caller,
        account: &str,
        media_type: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Response {
        match self.keep_upload(caller, account, media_type, bytes, now).await {
            Ok(answer) => Response::json(201, &answer),
            Err(error) => error.to_response(),
        }
    }

    async fn keep_upload(
        &self,
        caller: &Caller,
        account: &str,
        media_type: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Value, Error> {
        let account_id = own_account(caller, account)?;
        self.keep_bytes(account_id, media_type, bytes, now).await
    }

    /// Keeps bytes as an upload: what the upload door answers.
    pub(crate) async fn keep_bytes(
        &self,
        account_id: AccountId,
        media_type: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Value, Error> {
        if bytes.len() > self.limits.size_upload_max {
            return Err(Error::TooLarge);
        }
        let size = i64::try_from(bytes.len()).map_err(|_| Error::TooLarge)?;
        let room = self
            .store
            .read((), |tx, ()| {
                Box::pin(async move {
                    let account = tx.account(account_id).await?;
                    Ok::<_, store::Error>(account.map(|a| a.quota_bytes.saturating_sub(a.used_bytes)))
                })
            })
            .await?
            .ok_or(Error::AccountNotFound)?;
        if size > room {
            return Err(Error::OverQuota);
        }
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let media_type =
            if is_media_type(&essence) { essence } else { "application/octet-stream".to_owned() };
        let blob = self.store.seal(account_id, bytes, now).await?;
        let answer = json!({
            "accountId": account_id, "blobId": blob.blob_id(), "type": media_type, "size": blob.size(),
        });
        let expires_at = now.plus(Duration::from_secs(self.limits.upload_seconds));
        let upload = Upload { account_id, blob, media_type, expires_at };
        self.store
            .write("keep an upload", (upload, now), |tx, (upload, now)| {
                Box::pin(async move { tx.add_upload(upload, *now).await })
            })
            .await?;
        Ok(answer)
    }

    /// The content of a blob or of a part of a message (RFC 8620 §6.2). All four texts come from the URL as they are,
    /// percent-decoded.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such blob, or it is somebody else's: the two look the same.
    pub async fn download(
        &self,
        caller: &Caller,
        account: &str,
        blob_id: &str,
        name: &str,
        media_type: &str,
    ) -> Result<Download, Error> {
        let account_id = own_account(caller, account).map_err(|_| Error::NotFound)?;
        let bytes = self.content(account_id, blob_id).await?.ok_or(Error::NotFound)?;
        let media_type = if is_media_type(media_type) { media_type } else { "application/octet-stream" };
        Ok(Download { bytes, media_type: media_type.to_owned(), disposition: disposition(name) })
    }

    /// The content that a blob id of this account names; `None` when it names nothing.
    pub(crate) async fn content(
        &self,
        account_id: AccountId,
        blob_id: &str,
    ) -> Result<Option<Vec<u8>>, store::Error> {
        let Some((blob_id, part_ids)) = read_blob_id(blob_id) else { return Ok(None) };
        let may_read = self
            .store
            .read((), |tx, ()| Box::pin(async move { tx.may_read_blob(account_id, blob_id).await }))
            .await?;
        if !may_read {
            return Ok(None);
        }
        let Some(mut bytes) = self.store.read_blob(account_id, blob_id).await? else { return Ok(None) };
        for part_id in part_ids {
            let facts = facts_of(&bytes, &self.limits);
            let Some(part) = facts.part(part_id) else { return Ok(None) };
            bytes = octets(&bytes, part).0.into_owned();
        }
        Ok(Some(bytes))
    }
}

fn own_account(caller: &Caller, account: &str) -> Result<AccountId, Error> {
    match account.parse::<AccountId>() {
        Ok(account_id) if account_id == caller.account_id => Ok(account_id),
        _ => Err(Error::AccountNotFound),
    }
}

/// A file name in both forms of RFC 6266 §5: everything but harmless ASCII is replaced in the plain one and
/// percent-encoded in the other (RFC 8187).
fn disposition(name: &str) -> String {
    let name = mail::text::clip(name, 255);
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' })
        .collect();
    let mut encoded = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn names_are_safe_in_a_header() {
        let rows = [
            ("a.pdf",             "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
            ("Giấy.pdf",          "attachment; filename=\"Gi_y.pdf\"; filename*=UTF-8''Gi%E1%BA%A5y.pdf"),
            ("a\"\r\nX: 1",       "attachment; filename=\"a___X_ 1\"; filename*=UTF-8''a%22%0D%0AX%3A%201"),
        ];
        for (name, expected) in rows {
            assert_eq!(disposition(name), expected);
        }
    }

    #[test]
    #[rustfmt::skip]
    fn media_types() {
        let rows = [
            ("application/pdf", true), ("application/vnd.oasis.opendocument.text", true), ("image/svg+xml", true),
            ("text", false), ("text/", false), ("text/html; charset=utf-8", false), ("text/html\r\nX: 1", false),
            ("a/b/c", false), ("", false),
        ];
        for (text, is_one) in rows {
            assert_eq!(is_media_type(text), is_one, "{text:?}");
        }
    }
}
