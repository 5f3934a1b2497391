//! Packages on their way out: read, opened and written segment by segment, so that a large one takes little memory however slowly its
//! receiver reads. One that turns out to be damaged is cut off, and its receiver sees that it is shorter than was said.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use registry::vxp::answer::{package_headers, package_json_frame};
use ring::digest::{Context, SHA256};
use store::{BlobPieces, Error, Spool, WINDOW};

/// A package as it is.
pub(crate) fn as_it_is(pieces: BlobPieces) -> Body {
    let all = 0..pieces.size();
    a_part(pieces, all)
}

/// A range of one: what is before it is read over, what is behind it is not read.
pub(crate) fn a_part(pieces: BlobPieces, range: Range<u64>) -> Body {
    // Reading to the very end tells whether it is all there; whoever wants less has read less.
    let is_all = range.end == pieces.size();
    Body::from_stream(stream::try_unfold((pieces, 0u64), move |(mut pieces, mut at)| {
        let range = range.clone();
        async move {
            while at < range.end || is_all {
                let Some(piece) = pieces.next().await.inspect_err(said)? else { break };
                let begins = at;
                at += piece.len() as u64;
                let cut = |place: u64| usize::try_from(place.saturating_sub(begins)).unwrap_or(usize::MAX);
                let wanted = cut(range.start).min(piece.len())..cut(range.end).min(piece.len());
                if !wanted.is_empty() {
                    return Ok::<_, Error>(Some((Bytes::from(piece).slice(wanted), (pieces, at))));
                }
            }
            Ok(None)
        }
    }))
}

/// What lies in a spool, window by window.
pub(crate) fn of_spool(spool: Spool) -> Body {
    Body::from_stream(windows(spool))
}

/// The windows of a spool. Reading one is a disk's work for a moment, from what is mostly still in its cache.
pub(crate) fn windows(spool: Spool) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    stream::try_unfold((spool, 0u64), |(spool, at)| async move {
        if at >= spool.len() {
            return Ok(None);
        }
        let mut window = vec![0; WINDOW];
        let read = spool.read_at(at, &mut window).inspect_err(said)?;
        window.truncate(read);
        Ok(Some((Bytes::from(window), (spool, at + read as u64))))
    })
}

fn said(error: &Error) {
    tracing::error!("a package that is being handed over cannot be read: {error}");
}

/// Answers `getEdoc` or `downloadEdoc` (VXP 3.10).
pub(super) fn answer(pieces: BlobPieces, is_json: bool, version: Version) -> Response {
    let size = pieces.size();
    let (length, body) = match is_json {
        false => (size, as_it_is(pieces)),
        true => {
            // A digest is as long as any other.
            let (head, tail) = package_json_frame(size, &[0; 32]);
            let length = head.len() as u64 + size.div_ceil(3) * 4 + tail.len() as u64;
            (length, in_json(pieces, head))
        }
    };
    let mut response = Response::new(body);
    super::put_headers(&mut response, package_headers(is_json), version);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Base64 in the making.
struct InJson {
    pieces: Option<BlobPieces>,
    size: u64,
    digest: Context,
    /// One or two bytes that are no whole group yet.
    rest: Vec<u8>,
    head: String,
}

fn in_json(pieces: BlobPieces, head: String) -> Body {
    let size = pieces.size();
    let begun = InJson { pieces: Some(pieces), size, digest: Context::new(&SHA256), rest: Vec::new(), head };
    Body::from_stream(stream::try_unfold(begun, |mut json| async move {
        let text = json.next().await.inspect_err(said)?;
        Ok::<_, Error>(text.map(|text| (Bytes::from(text), json)))
    }))
}

impl InJson {
    async fn next(&mut self) -> Result<Option<String>, Error> {
        let Some(pieces) = &mut self.pieces else { return Ok(None) };
        let mut text = std::mem::take(&mut self.head);
        match pieces.next().await? {
            Some(piece) => {
                self.digest.update(&piece);
                self.rest.extend_from_slice(&piece);
                let later = self.rest.split_off(self.rest.len() - self.rest.len() % 3);
                STANDARD.encode_string(&self.rest, &mut text);
                self.rest = later;
            }
            None => {
                self.pieces = None;
                STANDARD.encode_string(&self.rest, &mut text);
                let digest = std::mem::replace(&mut self.digest, Context::new(&SHA256)).finish();
                text.push_str(&package_json_frame(self.size, digest.as_ref()).1);
            }
        }
        Ok(Some(text))
    }
}
