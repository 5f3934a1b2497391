//! The lists of the register, kept: each is made when it is asked for and the register has changed since, once however many ask,
//! and kept compressed only. The client of the exchange takes it so; for others it is unpacked as it is sent.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use mail::Timestamp;
use registry::Error;
use registry::accept::Desk;
use registry::agency_lists::{List, inflate};
use registry::vxp::answer::list_headers;
use tokio::sync::{Mutex, mpsc};

/// Bytes unpacked at once for a client that does not take gzip.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait for such a client.
const PIECES_WAITING: usize = 2;

/// A list of one version of the register.
#[derive(Clone)]
struct Kept {
    version: i64,
    gzip: Bytes,
    size: u64,
}

/// The lists, as they were made last.
#[derive(Default)]
pub(super) struct Lists {
    kept: [Mutex<Option<Kept>>; List::COUNT],
}

impl Lists {
    async fn get(&self, desk: &Desk, list: List, now: Timestamp) -> Result<Kept, Error> {
        let slot = self.kept.get(list.index()).ok_or(Error::Internal)?;
        // Whoever comes while a list is made waits for it instead of making another.
        let mut kept = slot.lock().await;
        let version = desk.register_version(now).await?;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.version == version) {
            return Ok(kept.clone());
        }
        // The one before goes first: both at once would be twice the memory.
        *kept = None;
        let made = desk.list(list, now).await?;
        let made = Kept { version, gzip: Bytes::from(made.gzip), size: made.size };
        tracing::info!(
            ?list,
            version,
            bytes = made.size,
            packed = made.gzip.len(),
            "made a list of the register"
        );
        Ok(kept.insert(made).clone())
    }

    /// Answers a list, as the client takes it.
    pub(super) async fn answer(
        &self,
        desk: &Desk,
        list: List,
        now: Timestamp,
        headers: &HeaderMap,
        version: Version,
    ) -> Result<Response, Error> {
        let kept = self.get(desk, list, now).await?;
        let is_packed = takes_gzip(headers);
        let length = if is_packed { kept.gzip.len() as u64 } else { kept.size };
        let body = if is_packed { Body::from(kept.gzip) } else { unpacked(kept.gzip) };
        let mut response = Response::new(body);
        super::put_headers(&mut response, list_headers(), version);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if is_packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(response)
    }
}

/// Whether a client takes gzip (RFC 9110 §12.5.3): it names it, or everything, and not with weight zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut of_any = false;
    for offer in texts.flat_map(|text| text.split(',')) {
        let mut parts = offer.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let is_refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        match coding {
            _ if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") => {
                return !is_refused;
            }
            "*" => of_any = !is_refused,
            _ => {}
        }
    }
    of_any
}

/// The list as text, piece by piece as the client takes it.
fn unpacked(gzip: Bytes) -> Body {
    let (sender, pieces) = mpsc::channel::<std::io::Result<Bytes>>(PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let mut text = inflate(gzip.as_ref());
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = text.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece);
            let piece = match read {
                Ok(0) => return,
                Ok(_) => Ok(Bytes::from(piece)),
                Err(error) => Err(error),
            };
            let is_last = piece.is_err();
            // A client that went away wants no more.
            if sender.blocking_send(piece).is_err() || is_last {
                return;
            }
        }
    });
    Body::from_stream(stream::unfold(pieces, |mut pieces| async move {
        pieces.recv().await.map(|piece| (piece, pieces))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vxp_1_gzip_is_used_where_it_is_offered() {
        for (offered, takes) in [
            (&["gzip,deflate"][..], true),
            (&["deflate, GZIP;q=0.5"], true),
            (&["deflate", "gzip"], true),
            (&["*"], true),
            (&["gzip;q=0"], false),
            (&["gzip;q=0, *"], false),
            (&["*;q=0.0"], false),
            (&["identity"], false),
            (&["deflate, br"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for text in offered {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            }
            assert_eq!(takes_gzip(&headers), takes, "{offered:?}");
        }
    }
}
