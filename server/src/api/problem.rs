//! Problems (RFC 9457): the one place where a refusal becomes an answer, in Vietnamese and English.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use registry::Error;
use registry::tombstone::Tombstone;
use serde::Serialize;
use utoipa::ToSchema;
use web::Lang;

/// What a problem is about, when it is about a part of what was sent.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Detail {
    /// Where in the JSON that was sent (RFC 6901), or `/name` of a parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/subject")]
    pub(crate) pointer: Option<String>,
    /// Where in the edXML package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// What is wrong there.
    #[schema(example = "Subject is missing")]
    pub(crate) detail: String,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem9457 {
    /// `urn:congvan:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:congvan:problem:no-such-document")]
    urn: String,
    /// What kind of problem, in the language asked for.
    title: String,
    /// The status of the answer.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    status: u16,
    /// What happened, in the language asked for.
    detail: String,
    /// The same in Vietnamese.
    detail_vi: String,
    /// The same in English.
    detail_en: String,
    /// The stable name of the problem.
    #[schema(example = "no-such-document")]
    code: String,
    /// Which parts of what was sent it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Detail>,
    /// With `document.withdrawn`: what remains of a document that was recalled and cancelled (ids, dates, parties, reason, digest,
    /// order; never what it was about).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    tombstone: Option<Box<Tombstone>>,
}

/// A refusal on its way out; in a box, because every answer that may be one is as large as it.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Refusal>);

#[derive(Clone, Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    vi: String,
    en: String,
    errors: Vec<Detail>,
    tombstone: Option<Box<Tombstone>>,
    headers: HeaderMap,
}

/// What handlers answer.
pub(crate) type Answer = Result<Response, Problem>;

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        vi: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        let (vi, en) = (vi.into(), en.into());
        let headers = HeaderMap::new();
        Self(Box::new(Refusal { status, code, vi, en, errors: Vec::new(), tombstone: None, headers }))
    }

    /// About one member of the JSON, or one parameter.
    pub(crate) fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(Detail { pointer: Some(pointer.into()), path: None, detail: detail.into() });
        self
    }

    pub(crate) fn header(mut self, name: header::HeaderName, value: impl ToString) -> Self {
        if let Ok(value) = HeaderValue::try_from(value.to_string()) {
            self.0.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn bad_request(pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            format!("Yêu cầu không đúng dạng ({pointer})"),
            format!("The request is not of its form ({pointer})"),
        )
        .at(pointer, detail)
    }

    pub(crate) fn not_found(code: &'static str, vi: &str, en: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, vi, en)
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.0.status == StatusCode::NOT_FOUND
    }

    pub(crate) fn too_often(seconds: u64) -> Self {
        let problem = Self::from(Error::SlowDown);
        problem.header(header::RETRY_AFTER, seconds.max(1))
    }

    /// Everything but the answer's language is settled.
    fn body(&self, lang: Lang) -> Problem9457 {
        let (title_vi, title_en) = title(self.0.status);
        Problem9457 {
            urn: format!("urn:congvan:problem:{}", self.0.code),
            title: lang.pick(title_vi, title_en).to_owned(),
            status: self.0.status.as_u16(),
            detail: lang.pick(&self.0.vi, &self.0.en).to_owned(),
            detail_vi: self.0.vi.clone(),
            detail_en: self.0.en.clone(),
            code: self.0.code.to_string(),
            errors: self.0.errors.clone(),
            tombstone: self.0.tombstone.clone(),
        }
    }
}

fn title(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        400 => ("Yêu cầu không đúng dạng", "The request is not of its form"),
        401 => ("Chưa xác thực", "Not authenticated"),
        403 => ("Không được phép", "Not permitted"),
        404 => ("Không tìm thấy", "Not found"),
        405 => ("Phương thức không được dùng ở đây", "The method is not for this place"),
        409 => ("Xung đột", "Conflict"),
        410 => ("Không còn", "Gone"),
        412 => ("Điều kiện không đúng", "The condition does not hold"),
        413 => ("Quá lớn", "Too large"),
        415 => ("Kiểu nội dung không được nhận", "The content type is not taken"),
        416 => ("Khoảng byte không có", "There is no such range"),
        422 => ("Nội dung không được chấp nhận", "The content is not acceptable"),
        429 => ("Gọi quá nhiều lần", "Too many requests"),
        503 => ("Tạm thời gián đoạn", "Temporarily unavailable"),
        _ => ("Lỗi hệ thống", "Internal error"),
    }
}

/// Fields of the standard and where the API's JSON has them.
const POINTERS: &[(&str, &str)] = &[
    ("To", "/to"),
    ("To/OrganId", "/to"),
    ("OrganId", "/to"),
    ("OrganName", "/to"),
    ("Code/CodeNumber", "/number"),
    ("CodeNumber", "/number"),
    ("CodeNotation", "/notation"),
    ("DocumentType/TypeName", "/typeName"),
    ("TypeName", "/typeName"),
    ("Subject", "/subject"),
    ("Content", "/subject"),
    ("PromulgationInfo/PromulgationDate", "/date"),
    ("PromulgationDate", "/date"),
    ("Place", "/place"),
    ("DueDate", "/dueDate"),
    ("SteeringType", "/steering"),
    ("DocumentId", "/documentId"),
    ("BussinessDocReason", "/reason"),
    ("BussinessDocumentInfo", "/update"),
    ("Description", "/reason"),
    ("StatusCode", "/code"),
    ("AttachmentName", "/files"),
    ("Attachment/ContentId", "/files"),
    ("ContentTransferEncoded", "/files"),
    ("Competence", "/signer/competence"),
    ("Position", "/signer/position"),
    ("FullName", "/signer/name"),
    ("SphereOfPromulgation", "/sphere"),
    ("TyperNotation", "/typist"),
    ("ReplyFors", "/replyFors"),
    ("ReferenceCodes", "/references"),
    ("Appendix", "/appendixes"),
    ("TaskCode", "/tasks"),
    ("Staff", "/staff/name"),
    ("Department", "/staff/department"),
];

fn pointer_of(field: &str) -> Option<String> {
    POINTERS.iter().find(|(name, _)| *name == field).map(|(_, pointer)| (*pointer).to_owned())
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = error.code();
        let code = code.strip_prefix("vxp.").unwrap_or(code);
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut problem = Self::new(status, code, error.vi(), error.en());
        match &error {
            Error::NotAuthenticated => {
                return problem.header(header::WWW_AUTHENTICATE, "Bearer realm=\"congvan\"");
            }
            Error::BadParameter { name, expected } => {
                problem = problem.at(format!("/{name}"), *expected);
            }
            Error::Unwritable(fault) => {
                problem.0.errors.push(Detail {
                    pointer: pointer_of(fault.field()),
                    path: Some(fault.field().to_owned()),
                    detail: fault.to_string(),
                });
            }
            Error::Package(refusal) => problem.0.errors.push(Detail {
                pointer: None,
                path: Some(refusal.path().to_owned()),
                detail: refusal.en(),
            }),
            Error::UnknownAgencies(codes) => {
                for code in codes.iter().take(100) {
                    problem = problem.at("/to", code.as_str());
                }
            }
            Error::Withdrawn(stone) => problem.0.tombstone = Some(stone.clone()),
            Error::SlowDown | Error::Unavailable => return problem.header(header::RETRY_AFTER, 5),
            Error::Signature(fault) if fault.ask_again() => return problem.header(header::RETRY_AFTER, 60),
            _ => {}
        }
        problem
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    /// The words are put in by [`speak`], which knows the language.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.headers_mut().extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives problems their words, in the language that was asked for.
pub(crate) async fn speak(request: Request, next: Next) -> Response {
    let accept = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let lang = Lang::choose(None, accept);
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let body = serde_json::to_vec(&problem.body(lang)).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(lang.tag()));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Language"));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
    response
}
