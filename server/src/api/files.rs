//! The package of a document, and its files unwrapped, with ranges (RFC 9110 §14).

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use registry::Error;
use registry::browse::Seen;
use registry::keys::Caller;
use store::BlobPieces;

use super::documents::{names, readable};
use super::model::files_of;
use super::problem::{Answer, Problem};
use super::send::packed;
use super::{Api, Reader};
use crate::exchange::handing;

/// The bytes of a package, as they came.
async fn pieces_of(api: &Api, caller: &Caller, seen: &Seen) -> Result<BlobPieces, Problem> {
    let desk = api.intake.desk();
    match &seen.delivery {
        Some(delivery) => Ok(desk.package_of(&caller.system, delivery, api.house.now()).await?),
        None => {
            let (owner, blob_id) = (seen.document.agency_id, seen.document.blob_id);
            let found = api.house.store.read_blob_in_pieces(owner, blob_id).await?;
            Ok(found.ok_or(Error::NoSuchDocument)?)
        }
    }
}

/// About how long the package is: its files in base64, and its head.
fn size_of(seen: &Seen) -> u64 {
    let files: u64 = files_of(seen).iter().map(super::model::FileFacts::size).fold(0, u64::saturating_add);
    packed(files).saturating_add(64 * 1024)
}

/// Fetches the package, byte for byte as its sender sent it.
#[utoipa::path(get, path = "/api/v1/documents/{id}/package", tag = "documents", operation_id = "getPackage",
    params(("id" = String, Path, description = "Our id of it."),
           ("Range" = Option<String>, Header, description = "One range of bytes.")),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "The edXML package.", body = String, content_type = "application/xml"),
              (status = 206, description = "A part of it.", body = String, content_type = "application/xml"),
              (status = 304, description = "As you have it.")))]
pub(super) async fn package(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let seen = readable(&api, &caller, &id).await?;
    let etag = format!("\"{}\"", registry::vxp::hash::full_hex(&seen.document.package_sha256));
    if names(headers.get(header::IF_NONE_MATCH), &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let pieces = pieces_of(&api, &caller, &seen).await?;
    let size = pieces.size();
    ranged(&headers, etag, "application/xml", None, size, |range| handing::a_part(pieces, range))
}

/// Fetches a file of the document, as it was before it was packed.
#[utoipa::path(get, path = "/api/v1/documents/{id}/files/{number}", tag = "documents", operation_id = "getFile",
    params(("id" = String, Path, description = "Our id of it."),
           ("number" = String, Path, description = "The file's number, from 1.", example = "1"),
           ("Range" = Option<String>, Header, description = "One range of bytes.")),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "The file.", body = super::model::Octets, content_type = "*/*"),
              (status = 206, description = "A part of it.", body = super::model::Octets, content_type = "*/*"),
              (status = 304, description = "As you have it.")))]
pub(super) async fn file(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path((id, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let seen = readable(&api, &caller, &id).await?;
    let no_file =
        || Problem::not_found("no-such-file", "Văn bản không có tệp này.", "The document has no such file.");
    let wanted: usize = number.parse().map_err(|_| no_file())?;
    let listed = files_of(&seen);
    let known = listed.iter().find(|file| file.number() == wanted).ok_or_else(no_file)?;
    let etag = format!("\"{}\"", known.sha256());
    if names(headers.get(header::IF_NONE_MATCH), &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let _room = api.intake.enter(Some(size_of(&seen))).await?;
    let pieces = pieces_of(&api, &caller, &seen).await?;
    let package = api.house.store.spool_pieces(pieces).await?;
    let (kind, content) = api.intake.file_of(package, wanted).await?.ok_or_else(no_file)?;
    let size = content.len();
    ranged(&headers, etag, kind.media_type(), Some(known.name()), size, |range| {
        handing::of_spool(content.part(range.start, range.end - range.start))
    })
}

/// All of something, or the range of it that was asked for; `body` makes it.
fn ranged(
    headers: &HeaderMap,
    etag: String,
    media_type: &'static str,
    name: Option<&str>,
    size: u64,
    body: impl FnOnce(Range<u64>) -> Body,
) -> Answer {
    // A range of another version of the file is of no use (RFC 9110 §13.1.5).
    let is_same = headers.get(header::IF_RANGE).is_none_or(|wanted| wanted == etag.as_str());
    let asked = headers.get(header::RANGE).filter(|_| is_same).and_then(|value| value.to_str().ok());
    let (status, range) = match asked.and_then(|text| range_of(text, size)) {
        None => (StatusCode::OK, 0..size),
        Some(Some(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(None) => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "no-such-range",
                "Khoảng byte được yêu cầu nằm ngoài tệp.",
                "The range asked for lies outside the file.",
            );
            return Err(problem.header(header::CONTENT_RANGE, format!("bytes */{size}")));
        }
    };
    let told = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    let length = range.end - range.start;
    let mut response = octets(status, body(range), &etag, media_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let mut put = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    if status == StatusCode::PARTIAL_CONTENT {
        put(header::CONTENT_RANGE, &told);
    }
    if let Some(name) = name {
        put(header::CONTENT_DISPOSITION, &disposition(name));
    }
    Ok(response)
}

/// Somebody's bytes, never a page of ours.
fn octets(status: StatusCode, body: Body, etag: &str, media_type: &'static str) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    response
}

/// One range of bytes; `None` for what is not understood and is therefore not heeded (RFC 9110 §14.2), `Some(None)` for one that
/// lies outside.
fn range_of(text: &str, size: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if last.contains(',') {
        return None;
    }
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return None,
    };
    Some((range.start < range.end).then_some(range))
}

/// The file's name for saving, in the form that carries any letter (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let encoded: String = name
        .bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("attachment; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn ranges_are_read() {
        let rows = [
            ("bytes=0-0",       Some(Some(0..1))),
            ("bytes=2-",        Some(Some(2..10))),
            ("bytes=-3",        Some(Some(7..10))),
            ("bytes=-30",       Some(Some(0..10))),
            ("bytes=8-99",      Some(Some(8..10))),
            ("bytes=10-",       Some(None)),
            ("bytes=-0",        Some(None)),
            ("bytes=0-1,3-4",   None),
            ("bytes=4-2",       None),
            ("bytes=a-b",       None),
            ("lines=1-2",       None),
        ];
        for (text, expected) in rows {
            assert_eq!(range_of(text, 10), expected, "{text}");
        }
    }
}
