//! Large files in parts: tus 1.0.0 (core, creation, termination, expiration). What has come is kept part by part, in the store,
//! so an upload goes on after a lost line, after a restart, and on another node.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{FileUploadId, Timestamp};
use registry::keys::{Caller, Scope};
use store::{FileUpload, Spool};

use super::json::{media_type, unsupported};
use super::model::{UploadView, moment};
use super::problem::{Answer, Problem};
use super::send::refused;
use super::{Api, Uploader};
use crate::body::{drain, piece};

/// The version spoken.
const VERSION: &str = "1.0.0";
/// What is spoken beside the core.
const EXTENSIONS: &str = "creation,expiration,termination";
/// Bytes kept at once. Each part is a blob; a lost line loses nothing that came.
const PART_BYTES: usize = 4 * 1024 * 1024;
/// Characters of Upload-Metadata.
const METADATA_MAX: usize = 4 * 1024;
/// The type of a part.
const PART_TYPE: &str = "application/offset+octet-stream";

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");

fn no_upload() -> Problem {
    Problem::not_found("no-such-upload", "Không có tệp đang tải lên này.", "There is no such upload.")
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?;
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The client has to say that it speaks this version (tus 1.0.0, Tus-Resumable).
fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(RESUMABLE) {
        Some(version) if version == VERSION => Ok(()),
        None => Err(Problem::bad_request("/Tus-Resumable", "expected the version spoken, 1.0.0")),
        Some(_) => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "tus-version",
            "Cần có tiêu đề Tus-Resumable: 1.0.0.",
            "The header Tus-Resumable: 1.0.0 is needed.",
        )
        .header(TUS_VERSION, VERSION)),
    }
}

fn put(response: &mut Response, name: HeaderName, value: impl ToString) {
    if let Ok(value) = HeaderValue::try_from(value.to_string()) {
        response.headers_mut().insert(name, value);
    }
}

/// The head that every answer about an upload has.
fn told(mut response: Response, upload: &FileUpload) -> Response {
    put(&mut response, RESUMABLE, VERSION);
    put(&mut response, OFFSET, upload.received);
    put(&mut response, LENGTH, upload.length);
    // RFC 9110 §5.6.7, as the protocol asks; the mail form differs in its zone alone.
    put(&mut response, EXPIRES, http_date(upload.expires_at));
    if !upload.metadata.is_empty() {
        put(&mut response, METADATA, &upload.metadata);
    }
    put(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

fn http_date(at: Timestamp) -> String {
    let utc = at.to_utc();
    let day = utc.weekday().to_string();
    let month = utc.month().to_string();
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        day.get(..3).unwrap_or_default(),
        utc.day(),
        month.get(..3).unwrap_or_default(),
        utc.year(),
        utc.hour(),
        utc.minute(),
        utc.second()
    )
}

fn view(upload: &FileUpload) -> UploadView {
    UploadView {
        id: upload.upload_id.to_string(),
        offset: upload.received,
        length: upload.length,
        name: upload.name.clone(),
        expires_at: moment(upload.expires_at),
    }
}

/// Says what of tus is spoken here.
#[utoipa::path(options, path = "/api/v1/uploads", tag = "uploads", operation_id = "uploadOptions",
    security(()),
    responses((status = 204, description = "Versions, extensions and the largest file, in headers.",
        headers(("Tus-Version" = String, description = "1.0.0"),
                ("Tus-Extension" = String, description = "creation, expiration, termination"),
                ("Tus-Max-Size" = i64, description = "Bytes.")))))]
pub(super) async fn options(State(api): State<Arc<Api>>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    put(&mut response, RESUMABLE, VERSION);
    put(&mut response, TUS_VERSION, VERSION);
    put(&mut response, TUS_EXTENSION, EXTENSIONS);
    put(&mut response, TUS_MAX_SIZE, api.intake.desk().limits.package_bytes_max);
    response
}

/// Begins an upload of a file of a known length; its parts follow.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "uploads", operation_id = "createUpload",
    params(("Tus-Resumable" = String, Header, description = "The version spoken: 1.0.0.", example = "1.0.0"),
           ("Upload-Length" = u64, Header, description = "Bytes of the whole file.", example = 12345),
           ("Upload-Metadata" = Option<String>, Header,
            description = "`filename` and its value in base64.", example = "filename Y29uZy12YW4ucGRm")),
    security(("key" = ["documents:send"])),
    responses((status = 201, description = "Begun.", body = UploadView,
        headers(("Location" = String, description = "Where the parts go."),
                ("Upload-Offset" = i64, description = "Where the first part begins: 0."),
                ("Upload-Expires" = String, description = "When it goes if nothing uses it.")))))]
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    Uploader(caller): Uploader,
    headers: HeaderMap,
) -> Answer {
    check_version(&headers)?;
    let length = number(&headers, &LENGTH).ok_or_else(|| {
        Problem::bad_request("/Upload-Length", "expected the length of the whole file in bytes")
    })?;
    let max = api.intake.desk().limits.package_bytes_max;
    if length > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(registry::Error::TooLarge { max }.into());
    }
    let metadata = match headers.get(METADATA).map(|value| value.to_str()) {
        None => String::new(),
        Some(Ok(text)) if text.len() <= METADATA_MAX => text.to_owned(),
        Some(_) => return Err(Problem::bad_request("/Upload-Metadata", "expected 4,096 characters at most")),
    };
    let name = file_name(&metadata)
        .ok_or_else(|| Problem::bad_request("/Upload-Metadata", "expected names and values in base64"))?;
    let now = api.house.now();
    let upload = FileUpload {
        system_folded: caller.system.system_folded.clone(),
        upload_id: FileUploadId::new(now, &*api.house.chance),
        key_id: caller.key_id,
        agency_id: caller.system.agency_id,
        length,
        received: 0,
        name,
        metadata,
        expires_at: expiry(&api, now),
    };
    let quota = api.house.config.api.upload_quota_bytes;
    let begun = api.house.store.write("begin an upload", (upload.clone(), quota), |tx, (upload, quota)| {
        Box::pin(async move { tx.begin_file_upload(upload, *quota).await })
    });
    let begun: Result<(), store::Error> = begun.await;
    match begun {
        Ok(()) => {}
        Err(store::Error::Full(_)) => {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "upload-quota",
                "Hệ thống đã dùng hết dung lượng tải lên; hãy gửi hoặc hủy các tệp đang chờ.",
                "The system has used up its room for uploads; send or discard those that wait.",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let mut response = (StatusCode::CREATED, Json(view(&upload))).into_response();
    put(&mut response, header::LOCATION, format!("/api/v1/uploads/{}", upload.upload_id));
    Ok(told(response, &upload))
}

fn expiry(api: &Api, now: Timestamp) -> Timestamp {
    now.plus(Duration::from_secs(api.house.config.api.upload_hours.saturating_mul(3600)))
}

/// The file's name among what the client said; empty when it said none. `None` for what cannot be read.
fn file_name(metadata: &str) -> Option<String> {
    let mut name = String::new();
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        if key == "filename" || (key == "name" && name.is_empty()) {
            name = value.chars().take(500).collect();
        }
    }
    Some(name)
}

/// An upload that the caller's own key began.
async fn find(api: &Api, caller: &Caller, id: &str) -> Result<FileUpload, Problem> {
    let id: FileUploadId = id.parse().map_err(|_| no_upload())?;
    let input = (caller.system.system_folded.clone(), id);
    let found: Result<_, store::Error> = api
        .house
        .store
        .read(input, |tx, (system, id)| Box::pin(async move { tx.file_upload(system, *id).await }))
        .await;
    let now = api.house.now();
    let own = found?.filter(|upload| upload.key_id == caller.key_id && upload.expires_at > now);
    own.ok_or_else(no_upload)
}

/// Tells how much of a file is here. `HEAD` tells the same in headers alone, as tus has it.
#[utoipa::path(get, path = "/api/v1/uploads/{id}", tag = "uploads", operation_id = "getUpload",
    params(("id" = String, Path, description = "Its id.")),
    security(("key" = ["documents:send"])),
    responses((status = 200, description = "The upload.", body = UploadView,
        headers(("Upload-Offset" = i64, description = "Where the next part begins."),
                ("Upload-Length" = i64, description = "Bytes of the whole file.")))))]
pub(super) async fn state(
    State(api): State<Arc<Api>>,
    Uploader(caller): Uploader,
    Path(id): Path<String>,
) -> Answer {
    let upload = find(&api, &caller, &id).await?;
    Ok(told(Json(view(&upload)).into_response(), &upload))
}

/// Brings the next part of a file. What came before a lost line is kept: ask for the offset and go on there.
#[utoipa::path(patch, path = "/api/v1/uploads/{id}", tag = "uploads", operation_id = "appendToUpload",
    params(("id" = String, Path, description = "Its id."),
           ("Tus-Resumable" = String, Header, description = "The version spoken: 1.0.0.", example = "1.0.0"),
           ("Upload-Offset" = u64, Header, description = "Where the part begins.", example = 0)),
    request_body(content = super::model::Octets, content_type = "application/offset+octet-stream"),
    security(("key" = ["documents:send"])),
    responses((status = 204, description = "Kept.",
        headers(("Upload-Offset" = i64, description = "Where the next part begins.")))))]
pub(super) async fn append(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (caller, body) = api.admit_with(&parts, Scope::DocumentsSend, body).await?;
    let checked = async {
        check_version(&parts.headers)?;
        if media_type(&parts.headers) != PART_TYPE {
            return Err(unsupported(PART_TYPE));
        }
        let offset = number(&parts.headers, &OFFSET).ok_or_else(|| {
            Problem::bad_request("/Upload-Offset", "expected where the part begins, in bytes")
        })?;
        let upload = find(&api, &caller, &id).await?;
        if offset != upload.received {
            return Err(elsewhere(upload.received));
        }
        let announced = number(&parts.headers, &header::CONTENT_LENGTH).unwrap_or_default();
        if announced > upload.length - upload.received {
            return Err(too_much());
        }
        Ok(upload)
    };
    match checked.await {
        Ok(upload) => receive(&api, upload, body).await,
        Err(problem) => {
            drain(body, PART_BYTES).await;
            Err(problem)
        }
    }
}

fn elsewhere(received: u64) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "upload-offset",
        "Phần gửi lên không bắt đầu tại vị trí đã nhận; hãy hỏi lại Upload-Offset.",
        "The part does not begin where the last one ended; ask for Upload-Offset.",
    )
    .header(OFFSET, received)
}

fn too_much() -> Problem {
    Problem::bad_request("/Upload-Length", "the part goes beyond the length of the file")
}

/// Keeps what comes, part by part, to the end of the body or of the line.
async fn receive(api: &Api, mut upload: FileUpload, mut body: Body) -> Answer {
    let mut part: Vec<u8> = Vec::new();
    let whole_part = PART_BYTES.min(usize::try_from(upload.length - upload.received).unwrap_or(PART_BYTES));
    loop {
        let next = piece(&mut body).await;
        let is_lost = next.is_err();
        let next = next.unwrap_or_default();
        let is_end = next.is_none();
        if let Some(piece) = next {
            if part.is_empty() {
                // A part that grows moves, and is twice in memory then.
                part.reserve_exact(whole_part.saturating_add(piece.len()));
            }
            part.extend_from_slice(&piece);
        }
        let room = upload.length - upload.received;
        if u64::try_from(part.len()).unwrap_or(u64::MAX) > room {
            return Err(too_much());
        }
        if !part.is_empty() && (is_end || part.len() >= PART_BYTES) {
            upload = keep(api, upload, std::mem::take(&mut part)).await?;
        }
        if is_lost {
            return Err(registry::Error::DamagedBody.into());
        }
        if is_end {
            return Ok(told(StatusCode::NO_CONTENT.into_response(), &upload));
        }
    }
}

async fn keep(api: &Api, upload: FileUpload, part: Vec<u8>) -> Result<FileUpload, Problem> {
    let now = api.house.now();
    let expires_at = expiry(api, now);
    let sealed = api.house.store.seal(upload.agency_id, &part, now).await?;
    let kept = api.house.store.write(
        "keep a part of an upload",
        (upload.clone(), sealed),
        move |tx, (upload, sealed)| {
            Box::pin(
                async move { tx.add_upload_part(upload, upload.received, sealed, expires_at, now).await },
            )
        },
    );
    let kept: Result<(), store::Error> = kept.await;
    match kept {
        Ok(()) => {
            let length = u64::try_from(part.len()).unwrap_or_default();
            Ok(FileUpload { received: upload.received + length, expires_at, ..upload })
        }
        Err(store::Error::Conflict(_)) => Err(elsewhere(upload.received)),
        Err(error) => Err(error.into()),
    }
}

/// Discards an upload.
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "uploads", operation_id = "discardUpload",
    params(("id" = String, Path, description = "Its id."),
           ("Tus-Resumable" = String, Header, description = "The version spoken: 1.0.0.", example = "1.0.0")),
    security(("key" = ["documents:send"])),
    responses((status = 204, description = "Gone.")))]
pub(super) async fn discard(
    State(api): State<Arc<Api>>,
    Uploader(caller): Uploader,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    check_version(&headers)?;
    let upload = find(&api, &caller, &id).await?;
    drop_upload(&api, &caller, upload.upload_id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    put(&mut response, RESUMABLE, VERSION);
    Ok(response)
}

async fn drop_upload(api: &Api, caller: &Caller, id: FileUploadId) -> Result<bool, store::Error> {
    let now = api.house.now();
    let input = (caller.system.system_folded.clone(), id);
    api.house
        .store
        .write("let an upload go", input, move |tx, (system, id)| {
            Box::pin(async move { tx.drop_file_upload(system, *id, now).await })
        })
        .await
}

/// The bytes and the name of an upload that is complete, for a document that names it.
pub(super) async fn finished(
    api: &Api,
    caller: &Caller,
    id: &str,
    pointer: &str,
) -> Result<(Spool, String), Problem> {
    let upload = find(api, caller, id).await.map_err(|problem| match problem.is_not_found() {
        true => refused(pointer, "there is no such upload"),
        false => problem,
    })?;
    if upload.received != upload.length {
        let here = format!("the upload has {} of {} bytes", upload.received, upload.length);
        return Err(refused(pointer, &here));
    }
    Ok((api.house.store.spool_file_upload(&upload).await?, upload.name))
}

/// How long an upload is; nothing for one that is not there, which is refused when it is read.
pub(super) async fn length(api: &Api, caller: &Caller, id: &str) -> Result<u64, Problem> {
    match find(api, caller, id).await {
        Ok(upload) => Ok(upload.length),
        Err(problem) if problem.is_not_found() => Ok(0),
        Err(problem) => Err(problem),
    }
}

/// Lets uploads go that a document has taken up.
pub(super) async fn used(api: &Api, caller: &Caller, ids: &[FileUploadId]) {
    for id in ids {
        // What stays goes when it expires.
        if let Err(error) = drop_upload(api, caller, *id).await {
            tracing::warn!("an upload was not let go: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read() {
        assert_eq!(file_name("filename Y29uZy12YW4ucGRm").as_deref(), Some("cong-van.pdf"));
        assert_eq!(
            file_name("filetype YQ==,filename Y29uZy12YW4ucGRm, is_x").as_deref(),
            Some("cong-van.pdf")
        );
        assert_eq!(file_name("").as_deref(), Some(""));
        assert_eq!(file_name("filename ***"), None);
    }

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(http_date(Timestamp::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
