//! What is sent twice under one Idempotency-Key is answered once (draft-ietf-httpapi-idempotency-key-header).
//!
//! ```text
//! note the request ─▶ build its package ─▶ keep the package ─▶ accept it ─▶ keep the answer
//! ```
//!
//! A package we build holds random ids and the time, so it is kept before it is accepted: whoever comes again after a crash in
//! between brings the same bytes, and the same bytes from the same sender are the same act (VXP 3.8 step 6). The answer is made of
//! what the acceptance wrote, so it comes out the same, and once it is kept it is given again byte for byte.

use axum::http::{HeaderMap, StatusCode};
use mail::{AgencyId, ApiKeyId, BlobId};
use registry::Error;
use registry::keys::Caller;
use store::{Repeat, Spool};

use super::Api;
use super::problem::Problem;

/// Characters of a key. Ours: a UUID has 36.
const KEY_MAX: usize = 128;

/// A request that may come again.
pub(super) struct Repeatable {
    key_id: ApiKeyId,
    owner: AgencyId,
    key: String,
    known: Repeat,
}

/// The key in the headers, if there is one. The draft writes it in quotes; without them it is as good.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().map(str::trim).unwrap_or_default();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match !text.is_empty() && text.len() <= KEY_MAX && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(Some(text.to_owned())),
        false => Err(Problem::bad_request("/Idempotency-Key", "expected 1 to 128 visible ASCII characters")),
    }
}

impl Repeatable {
    /// Notes a request that carries a key, or finds what is known of it.
    ///
    /// Errors: 422 when the key was used for something else.
    pub(super) async fn begin(
        api: &Api,
        caller: &Caller,
        headers: &HeaderMap,
        fingerprint: [u8; 32],
    ) -> Result<Option<Self>, Problem> {
        let Some(key) = key_of(headers)? else { return Ok(None) };
        let (key_id, owner, now) = (caller.key_id, caller.system.agency_id, api.house.now());
        let known: Result<Repeat, store::Error> = api
            .house
            .store
            .write("note a request", (key_id, key.clone(), fingerprint, owner), move |tx, row| {
                let (key_id, key, fingerprint, owner) = row;
                Box::pin(async move { tx.begin_repeat(*key_id, key, fingerprint, *owner, now).await })
            })
            .await;
        let known = known?;
        if known.fingerprint != fingerprint {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency-Key này đã được dùng cho một yêu cầu khác.",
                "This Idempotency-Key was used for another request.",
            )
            .at("/Idempotency-Key", "used for another request"));
        }
        Ok(Some(Self { key_id, owner, key, known }))
    }

    /// What it was answered before.
    pub(super) fn answered(&self) -> Option<&str> {
        self.known.answer.as_deref()
    }

    /// The package that was kept for it before.
    pub(super) async fn package(&self, api: &Api) -> Result<Option<Spool>, Problem> {
        match self.known.package_id {
            Some(blob_id) => read(api, self.known.agency_id, blob_id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Keeps the package built for it; answers the one that counts, which is another when the same request came twice at once.
    pub(super) async fn keep(&self, api: &Api, package: Spool) -> Result<Spool, Problem> {
        let now = api.house.now();
        // Under a key of its own, as the document will be, which is the same bytes of the same owner and so the same blob.
        let sealed = api.house.store.seal_spool_apart(self.owner, &package).await?;
        let ours = sealed.blob_id();
        let kept = api.house.store.write(
            "keep a built package",
            (self.key_id, self.key.clone(), sealed),
            move |tx, (key_id, key, sealed)| {
                Box::pin(async move { tx.keep_repeat_package(*key_id, key, sealed, now).await })
            },
        );
        let kept: Result<BlobId, store::Error> = kept.await;
        match kept? {
            kept if kept == ours => Ok(package),
            other => read(api, self.owner, other).await,
        }
    }

    /// Keeps the answer. A request whose answer could not be kept is answered from its package when it comes again.
    pub(super) async fn answer(&self, api: &Api, answer: String) {
        let now = api.house.now();
        let written = api.house.store.write(
            "keep an answer",
            (self.key_id, self.key.clone(), answer),
            move |tx, (key_id, key, answer)| {
                Box::pin(async move { tx.answer_repeat(*key_id, key, answer, now).await })
            },
        );
        let written: Result<(), store::Error> = written.await;
        if let Err(error) = written {
            tracing::warn!("the answer to a request was not kept: {error}");
        }
    }

    /// It was refused: nothing happened, and it may come again otherwise.
    pub(super) async fn forget(&self, api: &Api) {
        let now = api.house.now();
        let row = (self.key_id, self.key.clone());
        let written = api.house.store.write("forget a request", row, move |tx, (key_id, key)| {
            Box::pin(async move { tx.forget_repeat(*key_id, key, now).await })
        });
        let written: Result<(), store::Error> = written.await;
        if let Err(error) = written {
            tracing::warn!("a refused request was not forgotten: {error}");
        }
    }
}

/// A kept package, wherever it lies.
async fn read(api: &Api, owner: AgencyId, blob_id: BlobId) -> Result<Spool, Problem> {
    let pieces = api.house.store.read_blob_in_pieces(owner, blob_id).await?;
    Ok(api.house.store.spool_pieces(pieces.ok_or(Error::Internal)?).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_with_and_without_quotes() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("idempotency-key", text.parse().unwrap());
            key_of(&headers).ok().flatten()
        };
        assert_eq!(read("\"8e03978e\"").as_deref(), Some("8e03978e"));
        assert_eq!(read("8e03978e").as_deref(), Some("8e03978e"));
        let long = "x".repeat(KEY_MAX + 1);
        for wrong in ["", "\"\"", "two words", long.as_str()] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(key_of(&HeaderMap::new()).unwrap().is_none());
    }
}
